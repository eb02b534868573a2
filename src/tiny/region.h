/* SPDX-License-Identifier: MIT */
/* Region heap: what lies in a region, and how it is reached. See region.c. */
#ifndef MM_SRC_TINY_REGION_H
#define MM_SRC_TINY_REGION_H
#include <mmlib/region.h>
#include "bits.h"
#include "hook.h"

#define REGION_GRAIN MM_REGION_ALIGN
#define REGION_HEAD  sizeof(region_word)
/* A free block has four words: size, two links, and its size again at its end. */
#define REGION_LEAST ((uint32_t)((4 * REGION_HEAD + REGION_GRAIN - 1) / REGION_GRAIN))
/* Grains of a region at most: what is left of a word beside the two flags. */
#define REGION_MOST 0x3fffffffu

/* log2 of MM_REGION_STEPS */
#define REGION_SHIFT                                                                               \
	(MM_REGION_STEPS == 4 ? 2u : MM_REGION_STEPS == 8 ? 3u : MM_REGION_STEPS == 16 ? 4u : 5u)

/* Flags in a block's first word, below its size in grains. */
#define REGION_FREE      1u
#define REGION_PREV_FREE 2u

/* Links of a free block. Who has none has 0. Block 0 lies in the region, too, so that its words can be read, and
 * REGION_PREV be written; they are nothing. */
#define REGION_PREV 0
#define REGION_NEXT 1

/* Words inside memory that has another type when it is allocated. */
typedef uint32_t __attribute__((__may_alias__)) region_word;

/* The books of a region, at its start. Bitmaps follow: `some`, then `out`. */
struct mm_region {
	struct mm_region *next;
	uintptr_t origin; /* where block 0 would be; blocks begin with 1 */
	uint32_t grains;  /* in all blocks */
	uint32_t words;   /* bit: this word of `some` is not 0 */
	uint32_t *some;   /* bit: the list of this class is not empty */
	uint32_t *out;    /* bit: at this grain begins a block that is allocated */
	void *memory;     /* as it was given, */
	uintptr_t last;   /* to this byte */
	uint32_t classes;
	uint32_t list[]; /* of each class: the first free block, 0: none */
};

/* The words of block i: [-1] is its head, [0] and [1] are links if it is free. */
static inline region_word *region_block(const struct mm_region *r, uint32_t i)
{
	return (region_word *)(r->origin + (uintptr_t)i * REGION_GRAIN);
}

/* The block that begins so many grains behind this one. */
static inline region_word *region_step(const region_word *block, uintptr_t grains)
{
	return (region_word *)((uintptr_t)block + grains * REGION_GRAIN);
}

static inline uint32_t region_size(const region_word *block)
{
	return block[-1] >> 2;
}

/* Sizes below 2 * STEPS have a class each, then STEPS for each doubling: the size's first bits. */
static inline uint32_t region_class(uint32_t size)
{
	uint32_t doublings = mm_highest_bit32(size | MM_REGION_STEPS) - REGION_SHIFT;

	return (doublings << REGION_SHIFT) + (size >> doublings);
}

static inline bool region_is_out(const struct mm_region *r, uint32_t i)
{
	return r->out[i / 32] >> i % 32 & 1;
}

/* Does a free block of this size begin at i? Reads nothing outside the region, whatever i and size. */
static inline bool region_is_free(const struct mm_region *r, uint32_t i, uint32_t size)
{
	return i && i <= r->grains && size >= REGION_LEAST && size <= r->grains + 1 - i &&
	       region_block(r, i)[-1] == (size << 2 | REGION_FREE) &&
	       region_block(r, i + size)[-2] == size && !region_is_out(r, i);
}

/* The region whose blocks p may point into. */
static inline struct mm_region *region_of(const struct mm_region_heap *heap, const void *p)
{
	struct mm_region *r = heap->first;

	while (r &&
	       (uintptr_t)p - (r->origin + REGION_GRAIN) >= (uintptr_t)r->grains * REGION_GRAIN)
		r = r->next;
	return r;
}
#endif
