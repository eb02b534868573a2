/* SPDX-License-Identifier: MIT */
/* What tests of intakes share: a map with its entries in one block, and numbers as loaders write
 * them. */
#ifndef MEMMAP_BOX_H
#define MEMMAP_BOX_H
#include <mmlib/memmap.h>
#include <string.h>

#define BOX_ROOM 256

/* Comparable byte by byte: "nothing has changed". */
struct box {
	struct mm_memmap map;
	struct mm_mem e[BOX_ROOM];
};

static inline void box_init(struct box *b, uint32_t capacity)
{
	memset(b, 0xa5, sizeof(*b));
	assert_int_equal(mm_memmap_init(&b->map, b->e, capacity), MM_OK);
}

/* What a byte is, 0 for a hole. */
static inline enum mm_mem_type box_at(const struct box *b, uint64_t pa)
{
	for (uint32_t i = 0; i < b->map.count; i++)
		if (b->e[i].base <= pa && pa <= b->e[i].last)
			return b->e[i].type;
	return (enum mm_mem_type)0;
}

/* A little-endian number. */
static inline void put(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}
#endif
