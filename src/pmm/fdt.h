/* SPDX-License-Identifier: MIT */
/* Private: a reader of flattened device trees. mm_fdt_open() checks the whole blob; what the other
 * functions give lies inside it. */
#ifndef MM_SRC_PMM_FDT_H
#define MM_SRC_PMM_FDT_H
#include <mmlib/types.h>

/* A blob that was checked. */
struct fdt_blob {
	const uint8_t *at;
	uint32_t bytes;         /* totalsize of the header */
	const uint8_t *reserve; /* memory reservation block, which ends with an entry of zeroes */
	const uint8_t *tree;    /* structure block */
	uint32_t tree_bytes;
	const uint8_t *names; /* strings block */
	uint32_t names_bytes; /* up to and with the last zero byte in it */
};

/* A node. */
struct fdt_node {
	const uint8_t *name; /* ends with a zero byte */
	uint32_t name_bytes; /* without it */
	uint32_t props;      /* offset of its first property in the structure block */
	uint32_t depth;      /* 0 is the root */
};

/* A position between two nodes. All-zero is before the root. */
struct fdt_walk {
	uint32_t at;
	uint32_t depth;
};

/* The value of a property. */
struct fdt_value {
	const uint8_t *at;
	uint32_t bytes;
};

/* Cells of the addresses and sizes that the children of a node have. */
struct fdt_cells {
	uint32_t address;
	uint32_t size;
};

/* Big-endian numbers at any address, byte by byte: before the MMU is on, memory may fault on
 * unaligned access. */
static inline uint32_t fdt_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t fdt_be64(const uint8_t *p)
{
	return (uint64_t)fdt_be32(p) << 32 | fdt_be32(p + 4);
}

/* Check a blob of which `bytes` can be read. MM_E_FAULT: it is longer. MM_E_INVAL: it is none.
 * MM_E_NOTSUP: of a version nobody here knows. MM_E_CORRUPT: broken. */
enum mm_status mm_fdt_open(struct fdt_blob *blob, const void *at, size_t bytes) MM_TAGGED(mm_fdt_open);

/* The next node, parents before children. False after the last one. */
bool mm_fdt_next(const struct fdt_blob *blob, struct fdt_walk *walk, struct fdt_node *node);

/* The first property of that name. */
bool mm_fdt_prop(const struct fdt_blob *blob, const struct fdt_node *node, const char *name,
		 struct fdt_value *value);

/* Is that the node's name, with or without a unit address? */
bool mm_fdt_named(const struct fdt_node *node, const char *name);

/* Is the text, or one of a list of texts, in the value of that property? */
bool mm_fdt_says(const struct fdt_blob *blob, const struct fdt_node *node, const char *name,
		 const char *text);

/* Cells of the node's children. MM_E_CORRUPT: not a cell. MM_E_RANGE: neither 1 nor 2. */
enum mm_status mm_fdt_cells(const struct fdt_blob *blob, const struct fdt_node *node,
			    struct fdt_cells *cells);

/* The same for addresses alone. */
enum mm_status mm_fdt_address_cells(const struct fdt_blob *blob, const struct fdt_node *node,
				    uint32_t *cells);

/* Take one (address, size) pair from the front of a value. False if less than one is left. */
bool mm_fdt_pair(struct fdt_value *value, struct fdt_cells cells, uint64_t *address,
		 uint64_t *size);
#endif
