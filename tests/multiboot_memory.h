/* SPDX-License-Identifier: MIT */
/* What the tests of both Multiboot intakes share: physical memory in pieces, a reader of it that sees
 * every byte too far, and entries that both versions have. */
#ifndef MULTIBOOT_MEMORY_H
#define MULTIBOOT_MEMORY_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "sim.h"
#include <mmlib/multiboot.h>
#include <stdlib.h>
#include <string.h>

#define ROOM   256
#define F      MM_FRAME_SIZE
#define PIECES 8
#define MIB    ((uint64_t)0x100000)
#define GIB    (1024 * MIB)
#define HOLE   ((enum mm_mem_type)0)
#define BASE   MIB      /* of memory that is built by hand */
#define FREE   0x800000 /* usable there, and nothing in it */

/* Where things are that a structure built by hand names. */
enum { MODULE = 0x1000000, MODULE2 = 0x1100000, KERNEL = 0x2000000, SYMBOLS32 = 0x2100000 };

struct box {
	struct mm_memmap map;
	struct mm_mem e[ROOM];
};

/* A piece of physical memory. */
struct piece {
	uint64_t pa;
	size_t bytes;
	uint8_t *data;
};

/* Physical memory, and a reader that hands out copies that are exactly as long as asked and gone
 * with the next call. */
struct memory {
	struct piece piece[PIECES];
	uint8_t *copy;
	unsigned calls, refuse_at; /* refuse call number refuse_at, from 1 */
	uint32_t eax, ebx;
};

static inline void box_init(struct box *b, uint32_t capacity)
{
	memset(b, 0xa5, sizeof(*b));
	assert_int_equal(mm_memmap_init(&b->map, b->e, capacity), MM_OK);
}

static inline void put(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static inline uint64_t get(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes-- > 0)
		v = v << 8 | p[bytes];
	return v;
}

static inline const uint8_t *find(const struct memory *m, uint64_t pa, size_t bytes)
{
	for (const struct piece *p = m->piece; p < m->piece + PIECES && p->data; p++)
		if (pa >= p->pa && pa - p->pa <= p->bytes && bytes <= p->bytes - (pa - p->pa))
			return p->data + (pa - p->pa);
	return NULL;
}

static inline const void *reader(void *ctx, mm_paddr_t pa, size_t bytes)
{
	struct memory *m = ctx;
	const uint8_t *from = find(m, pa, bytes);

	assert_true(bytes > 0);
	if (++m->calls == m->refuse_at || !from)
		return NULL;
	free(m->copy);
	m->copy = malloc(bytes);
	return memcpy(m->copy, from, bytes);
}

static inline uint8_t *add_piece(struct memory *m, uint64_t pa, size_t bytes)
{
	struct piece *p = m->piece;

	while (p->data)
		p++;
	assert_true(p < m->piece + PIECES);
	*p = (struct piece){ pa, bytes, malloc(bytes) };
	memset(p->data, 0xa5, bytes);
	return p->data;
}

static inline void free_memory(struct memory *m)
{
	for (size_t i = 0; i < PIECES; i++)
		free(m->piece[i].data);
	free(m->copy);
	free(m);
}

/* What a byte is. */
static inline enum mm_mem_type at(const struct mm_memmap *map, uint64_t pa)
{
	for (uint32_t i = 0; i < map->count; i++)
		if (map->entries[i].base <= pa && pa <= map->entries[i].last)
			return map->entries[i].type;
	return HOLE;
}

static inline void put_entry(uint8_t *p, uint64_t base, uint64_t bytes, uint32_t type)
{
	put(p, base, 8);
	put(p + 8, bytes, 8);
	put(p + 16, type, 4);
}

static inline void put_section32(uint8_t *p, uint32_t type, uint32_t flags, uint32_t base,
				 uint32_t bytes)
{
	put(p + 4, type, 4);
	put(p + 8, flags, 4);
	put(p + 12, base, 4);
	put(p + 20, bytes, 4);
}

static inline void put_section64(uint8_t *p, uint32_t type, uint64_t flags, uint64_t base,
				 uint64_t bytes)
{
	put(p + 4, type, 4);
	put(p + 8, flags, 8);
	put(p + 16, base, 8);
	put(p + 32, bytes, 8);
}
#endif
