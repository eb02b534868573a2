/* SPDX-License-Identifier: MIT */
/* Theory of operation: flattened device tree reader
 * Problem      the tree that firmware or a loader left may be cut, broken or hostile, and is read
 *              where memory may be of Device type: nothing but bytes, and each of them once
 * checked. Structure    Devicetree Specification v0.4, chapter 5: a header (5.2), a memory
 * reservation block (5.3), a structure block of tokens (5.4) and a strings block (5.5). fdt_token()
 * reads one token and is the only way into the structure block. Properties come before children
 * (5.4.2), so the properties of a node are one run of tokens, looked up by name, and the depth is a
 * counter: nothing recurs and no depth is too deep. Invariants   D1 no byte outside [at, at +
 * bytes) is read: each block lies in the blob, each token, name and value in its block. D2 each
 * step moves forward, so work is bounded by the length of the blob. D3 names of properties end in
 * the strings block: they begin before its last zero. Why not align  the specification aligns
 * blocks (5.6), for those who read words. Bytes need it not. Concurrency  none: the blob is not
 * written by anyone. */
#include "hook.h"
#include "pmm/fdt.h"

#define FDT_MAGIC        0xd00dfeedu
#define FDT_VERSION      17
#define FDT_HEADER_BYTES 40
#define FDT_MOST_BYTES   0x7fffffffu /* so that an offset and a few bytes never wrap */

#define FDT_BEGIN_NODE 1
#define FDT_END_NODE   2
#define FDT_PROP       3
#define FDT_NOP        4
#define FDT_END        9

/* One token. Offsets are into the structure block, but for the name of a property. */
struct fdt_token {
	uint32_t kind;
	uint32_t next;  /* the token after it */
	uint32_t name;  /* of a property: offset in the strings block */
	uint32_t data;  /* name of a node, value of a property */
	uint32_t bytes; /* its length, for a name without the zero */
};

static uint32_t fdt_padded(uint32_t at)
{
	return (at + 3) & ~(uint32_t)3;
}

static bool fdt_token_node(const struct fdt_blob *b, struct fdt_token *t)
{
	uint32_t end = t->data = t->next;

	while (end < b->tree_bytes && b->tree[end])
		end++;
	t->bytes = end - t->data;
	t->next = fdt_padded(end + 1);
	return end < b->tree_bytes;
}

static bool fdt_token_prop(const struct fdt_blob *b, struct fdt_token *t)
{
	if (b->tree_bytes - t->next < 8)
		return false;
	t->bytes = fdt_be32(b->tree + t->next);
	t->name = fdt_be32(b->tree + t->next + 4);
	t->data = t->next + 8;
	if (t->bytes > b->tree_bytes - t->data)
		return false;
	t->next = fdt_padded(t->data + t->bytes);
	return t->name < b->names_bytes || MM_PLANTED(MM_PLANT_FDT); /* D3 */
}

/* Read the token at an offset. False if it is none, or does not fit (D1). */
static bool fdt_token(const struct fdt_blob *b, uint32_t at, struct fdt_token *t)
{
	if (at > b->tree_bytes || b->tree_bytes - at < 4)
		return false;
	t->kind = fdt_be32(b->tree + at);
	t->next = at + 4; /* D2 */
	switch (t->kind) {
	case FDT_BEGIN_NODE:
		return fdt_token_node(b, t);
	case FDT_PROP:
		return fdt_token_prop(b, t);
	case FDT_END_NODE:
	case FDT_NOP:
	case FDT_END:
		return true;
	default:
		return false;
	}
}

/* One root without a name, properties before children, all that opens closes, and an end. */
static bool fdt_tree_sound(const struct fdt_blob *b)
{
	uint32_t at = 0, depth = 0;
	bool root = false, props = false;
	struct fdt_token t;

	for (; fdt_token(b, at, &t); at = t.next) {
		switch (t.kind) {
		case FDT_BEGIN_NODE:
			if (depth == 0 && (root || t.bytes > 0)) /* 2.2.3: "/" */
				return false;
			root = props = true;
			depth++;
			break;
		case FDT_END_NODE:
			if (depth == 0)
				return false;
			props = false;
			depth--;
			break;
		case FDT_PROP:
			if (!props)
				return false;
			break;
		case FDT_NOP:
			if (root && depth == 0) /* 5.4.2: the end follows the root */
				return false;
			break;
		case FDT_END:
			return root && depth == 0;
		}
	}
	return false;
}

/* Does the memory reservation block end inside the blob? */
static bool fdt_reserve_sound(const struct fdt_blob *b, uint32_t at)
{
	for (; b->bytes - at >= 16; at += 16) /* D2 */
		if (fdt_be64(b->at + at) == 0 && fdt_be64(b->at + at + 8) == 0)
			return true;
	return false;
}

/* Is [offset, offset + bytes) behind the header and in the blob? */
static bool fdt_block_sound(const struct fdt_blob *b, uint32_t offset, uint32_t bytes)
{
	return offset >= FDT_HEADER_BYTES && offset <= b->bytes && bytes <= b->bytes - offset;
}

/* The blocks that the header names (D1). */
static bool fdt_blocks(struct fdt_blob *b)
{
	uint32_t tree = fdt_be32(b->at + 8), names = fdt_be32(b->at + 12);
	uint32_t reserve = fdt_be32(b->at + 16);

	b->names_bytes = fdt_be32(b->at + 32);
	b->tree_bytes = fdt_be32(b->at + 36);
	if (!fdt_block_sound(b, tree, b->tree_bytes) ||
	    !fdt_block_sound(b, names, b->names_bytes) || !fdt_block_sound(b, reserve, 0) ||
	    !fdt_reserve_sound(b, reserve))
		return false;
	b->tree = b->at + tree;
	b->names = b->at + names;
	b->reserve = b->at + reserve;
	while (b->names_bytes > 0 && b->names[b->names_bytes - 1] != 0) /* D3 */
		b->names_bytes--;
	return true;
}

enum mm_status mm_fdt_open(struct fdt_blob *blob, const void *at, size_t bytes)
{
	blob->at = at;
	if (bytes < FDT_HEADER_BYTES)
		return MM_E_FAULT;
	if (fdt_be32(blob->at) != FDT_MAGIC)
		return MM_E_INVAL;
	/* 5.1: later versions say down to which they are compatible. */
	if (fdt_be32(blob->at + 20) < FDT_VERSION || fdt_be32(blob->at + 24) > FDT_VERSION)
		return MM_E_NOTSUP;
	blob->bytes = fdt_be32(blob->at + 4);
	if (blob->bytes < FDT_HEADER_BYTES || blob->bytes > FDT_MOST_BYTES ||
	    fdt_be32(blob->at + 24) > fdt_be32(blob->at + 20))
		return MM_E_CORRUPT;
	if (blob->bytes > bytes)
		return MM_E_FAULT;
	return fdt_blocks(blob) && fdt_tree_sound(blob) ? MM_OK : MM_E_CORRUPT;
}

bool mm_fdt_next(const struct fdt_blob *blob, struct fdt_walk *walk, struct fdt_node *node)
{
	struct fdt_token t = { 0 };

	while (fdt_token(blob, walk->at, &t) && t.kind != FDT_END) {
		walk->at = t.next;
		if (t.kind == FDT_END_NODE)
			walk->depth--;
		if (t.kind == FDT_BEGIN_NODE) {
			*node = (struct fdt_node){ blob->tree + t.data, t.bytes, t.next,
						   walk->depth };
			walk->depth++;
			return true;
		}
	}
	return false;
}

/* Is the text at p, with its zero, in `bytes` bytes the one wanted? */
static bool fdt_text(const uint8_t *p, uint32_t bytes, const char *want)
{
	for (uint32_t i = 0; i < bytes; i++) {
		if (p[i] != (uint8_t)want[i])
			return false;
		if (p[i] == 0)
			return true;
	}
	return false;
}

bool mm_fdt_prop(const struct fdt_blob *blob, const struct fdt_node *node, const char *name,
		 struct fdt_value *value)
{
	struct fdt_token t = { 0 };

	for (uint32_t at = node->props; fdt_token(blob, at, &t); at = t.next) {
		if (t.kind != FDT_PROP && t.kind != FDT_NOP)
			return false;
		if (t.kind == FDT_PROP &&
		    fdt_text(blob->names + t.name, blob->names_bytes - t.name, name)) {
			*value = (struct fdt_value){ blob->tree + t.data, t.bytes };
			return true;
		}
	}
	return false;
}

bool mm_fdt_named(const struct fdt_node *node, const char *name)
{
	uint32_t i = 0;

	while (i < node->name_bytes && node->name[i] == (uint8_t)name[i])
		i++;
	return name[i] == 0 && (i == node->name_bytes || node->name[i] == '@');
}

bool mm_fdt_says(const struct fdt_blob *blob, const struct fdt_node *node, const char *name,
		 const char *text)
{
	struct fdt_value v;

	if (!mm_fdt_prop(blob, node, name, &v))
		return false;
	for (uint32_t i = 0; i < v.bytes; i++)
		if ((i == 0 || v.at[i - 1] == 0) && fdt_text(v.at + i, v.bytes - i, text))
			return true;
	return false;
}

/* A property of one cell, if it is there: 1 or 2. */
static enum mm_status fdt_count(const struct fdt_blob *blob, const struct fdt_node *node,
				const char *name, uint32_t *count)
{
	struct fdt_value v;

	if (!mm_fdt_prop(blob, node, name, &v))
		return MM_OK;
	if (v.bytes != 4)
		return MM_E_CORRUPT;
	*count = fdt_be32(v.at);
	return *count == 1 || *count == 2 ? MM_OK : MM_E_RANGE;
}

enum mm_status mm_fdt_address_cells(const struct fdt_blob *blob, const struct fdt_node *node,
				    uint32_t *cells)
{
	*cells = 2; /* 2.3.5 */
	return fdt_count(blob, node, "#address-cells", cells);
}

enum mm_status mm_fdt_cells(const struct fdt_blob *blob, const struct fdt_node *node,
			    struct fdt_cells *cells)
{
	enum mm_status status = mm_fdt_address_cells(blob, node, &cells->address);

	cells->size = 1; /* 2.3.5 */
	return status == MM_OK ? fdt_count(blob, node, "#size-cells", &cells->size) : status;
}

static uint64_t fdt_number(const uint8_t *p, uint32_t cells)
{
	return cells == 2 ? fdt_be64(p) : fdt_be32(p);
}

bool mm_fdt_pair(struct fdt_value *value, struct fdt_cells cells, uint64_t *address, uint64_t *size)
{
	uint32_t bytes = 4 * (cells.address + cells.size);

	if (value->bytes < bytes)
		return false;
	*address = fdt_number(value->at, cells.address);
	*size = fdt_number(value->at + 4 * cells.address, cells.size);
	value->at += bytes;
	value->bytes -= bytes;
	return true;
}
#undef FDT_MAGIC
#undef FDT_VERSION
#undef FDT_HEADER_BYTES
#undef FDT_MOST_BYTES
#undef FDT_BEGIN_NODE
#undef FDT_END_NODE
#undef FDT_PROP
#undef FDT_NOP
#undef FDT_END
