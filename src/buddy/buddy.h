/* SPDX-License-Identifier: MIT */
/* Geometry of a buddy: which bits of which words stand for which frames, and what all files of this
 * folder share. Theory in buddy.c. */
#ifndef MM_SRC_BUDDY_BUDDY_H
#define MM_SRC_BUDDY_BUDDY_H
#include "../names.h"
#include "summary.h"

/* A microcontroller's buddy is the range, the number of levels, and an address for each. */
#if !MM_ATOMICS && MM_BUDDY_ROWS == 0
_Static_assert(sizeof(struct mm_buddy) <=
		       2 * sizeof(mm_pfn_t) + (MM_BUDDY_LEVELS + 1) * sizeof(void *),
	       "nothing but the bitmaps is paid for");
#endif

/* Keeps what is rare out of loops that are hot. */
#define BUDDY_SLOW __attribute__((__noinline__))

/* As many levels as frame numbers have bits for: no shift reaches them. */
#define BUDDY_LEVELS_FIT ((unsigned)((sizeof(mm_pfn_t) * 8 - 1) / BUDDY_F))
#define BUDDY_LEVELS_MAX (MM_BUDDY_LEVELS < BUDDY_LEVELS_FIT ? MM_BUDDY_LEVELS : BUDDY_LEVELS_FIT)

/* A block: 2^run units of a level, from frame pfn on. */
struct buddy_block {
	mm_pfn_t pfn;
	unsigned level;
	unsigned run;
};

/* Blocks of one order in one word, or any of its bits: what a call wants, and what it got. */
struct buddy_set {
	struct buddy_block k; /* the lowest of them; what is wanted anywhere has no pfn yet */
	unsigned most;        /* at most so many */
	mm_word_t pick;       /* the lowest bit of each block; or the bits that are wanted */
};

/* The frame that words are counted from: an item of level 0 never lies in two sections. */
static inline mm_pfn_t buddy_origin(mm_pfn_t base)
{
#if MM_BUDDY_SECTIONS
	return base & ~(((mm_pfn_t)BUDDY_W << BUDDY_ITEM) - 1);
#else
	return base;
#endif
}

static inline mm_pfn_t buddy_start(const struct mm_buddy *b)
{
#if MM_BUDDY_SECTIONS
	return b->origin;
#else
	return b->base;
#endif
}

static inline mm_pfn_t buddy_last(const struct mm_buddy *b)
{
	return b->base + (b->frames - 1);
}

/* The unit of the level above that a frame lies in: this is the number of its word, counted from
 * frame 0. */
static inline mm_pfn_t buddy_unit_above(unsigned level, mm_pfn_t pfn)
{
	return pfn >> (BUDDY_F * (level + 1));
}

/* Index of the word of a frame. */
static inline mm_pfn_t buddy_index(const struct mm_buddy *b, unsigned level, mm_pfn_t pfn)
{
	return buddy_unit_above(level, pfn) - buddy_unit_above(level, buddy_start(b));
}

/* Words of a level. */
static inline mm_pfn_t buddy_count(const struct mm_buddy *b, unsigned level)
{
	return buddy_index(b, level, buddy_last(b)) + 1;
}

static inline mm_word_t *buddy_word(const struct mm_buddy *b, unsigned level, mm_pfn_t pfn)
{
	return &b->level[level].words[buddy_index(b, level, pfn)];
}

/* The bit of the unit that a frame lies in, inside its word. */
static inline mm_word_t buddy_unit_bit(unsigned level, mm_pfn_t pfn)
{
	return buddy_bit(pfn >> (BUDDY_F * level));
}

/* First frame of bit n of word i. */
static inline mm_pfn_t buddy_frame(const struct mm_buddy *b, unsigned level, mm_pfn_t i, unsigned n)
{
	return (((i + buddy_unit_above(level, buddy_start(b))) << BUDDY_F) + n) << (BUDDY_F * level);
}

/* 2^run bits, from bit 0 on. */
static inline mm_word_t buddy_run(unsigned run)
{
	return (mm_word_t)(BUDDY_FULL >> (BUDDY_W - (1u << run)));
}

/* The bits of a block, inside its word. */
static inline mm_word_t buddy_mask(const struct buddy_block *k)
{
	mm_pfn_t unit = k->pfn >> (BUDDY_F * k->level);

	return (mm_word_t)(buddy_run(k->run) << (unit & (BUDDY_W - 1)));
}

/* Where an order lives; pfn is left open. A buddy without frames has no levels: level 0 then.
 * Down from the top, for compilers turn the loop upwards into a division. */
static inline struct buddy_block buddy_of_order(const struct mm_buddy *b, unsigned order)
{
	struct buddy_block k = { 0, b->nlevels ? b->nlevels - 1 : 0, 0 };

	while (BUDDY_F * k.level > order)
		k.level--;
	k.run = order - BUDDY_F * k.level;
	return k;
}

/* Levels that a range needs: up to the first with a single word, if there may be as many. */
static inline unsigned buddy_levels(mm_pfn_t base, mm_pfn_t last)
{
	unsigned n = 1;

	while (n < BUDDY_LEVELS_MAX && base >> (BUDDY_F * n) != last >> (BUDDY_F * n))
		n++;
	return n;
}

/* Is [first, first + count) inside the range? count is not 0. */
static inline bool buddy_holds(const struct mm_buddy *b, mm_pfn_t first, mm_pfn_t count)
{
	return first >= b->base && first - b->base < b->frames &&
	       count <= b->frames - (first - b->base);
}

#include "section.h"

/* Is a unit free that the block is part of? */
static inline bool buddy_covered(const struct mm_buddy *b, const struct buddy_block *k)
{
	for (unsigned level = k->level + 1; level < b->nlevels; level++) {
		mm_word_t word = mm_atomic_load_relaxed(buddy_word(b, level, k->pfn));

		if (word & buddy_unit_bit(level, k->pfn))
			return true;
	}
	return false;
}

/* Is a frame of [first, last] free, in any level? */
bool buddy_any_free(const struct mm_buddy *b, mm_pfn_t first, mm_pfn_t last);
/* The lowest free block of an order, or unit of a level above it, that has a frame at or above `from`,
 * which is in the range. */
bool buddy_next_block(const struct mm_buddy *b, mm_pfn_t from, unsigned order,
		      struct buddy_block *found);

/* Moves: I5 of buddy.c. Without atomics nobody is at work meanwhile: no frame can hide. */
static inline void buddy_begin(struct mm_buddy *b)
{
#if MM_ATOMICS
	mm_atomic_add(&b->begun, 1u);
#else
	(void)b;
#endif
}

static inline void buddy_end(struct mm_buddy *b)
{
#if MM_ATOMICS
	mm_atomic_add(&b->done, 1u);
#else
	(void)b;
#endif
}

/* Take the bits s->pick of the word that s->k is in, from there or from a unit above it. MM_E_BUSY: they
 * are not free so. */
enum mm_status buddy_claim(struct mm_buddy *b, struct buddy_set *s);
/* Give bits of the word of a level that pfn is in. */
enum mm_status buddy_give(struct mm_buddy *b, unsigned level, mm_pfn_t pfn, mm_word_t mask);
typedef enum mm_status buddy_attempt(struct mm_buddy *b, struct buddy_set *s);
#if MM_ATOMICS
/* Repeat an attempt that failed until its failure is exact, or MM_E_AGAIN. */
enum mm_status buddy_insist(struct mm_buddy *b, struct buddy_set *s, buddy_attempt *attempt);
#endif

/* What an attempt came to, made sure. Without atomics every failure is exact. */
static inline enum mm_status buddy_sure(struct mm_buddy *b, struct buddy_set *s, enum mm_status st,
					buddy_attempt *attempt)
{
#if MM_ATOMICS
	return st == MM_OK ? st : buddy_insist(b, s, attempt);
#else
	(void)b;
	(void)s;
	(void)attempt;
	return st;
#endif
}

/* Take at most `most` blocks of an order, at least one, all from the lowest word that has one: s->k says
 * where the lowest is, s->pick has its bit and the lowest bit of each other. Errors as mm_buddy_alloc(). */
enum mm_status buddy_take_set(struct mm_buddy *b, struct buddy_set *s, unsigned order, unsigned most);
/* Bits `at` to `at + n - 1` of a word; n is not 0. */
static inline mm_word_t buddy_bits(unsigned at, unsigned n)
{
	return (mm_word_t)((mm_word_t)(BUDDY_FULL >> (BUDDY_W - n)) << at);
}

/* Many blocks of one order at a time, as offsets from the first frame of a buddy of at most 2^32 frames.
 * Arguments are right. buddy_take_bulk: as buddy_take_set; the lowest comes last. buddy_give_bulk: neighbours in the
 * array that share a word are given together. MM_E_DOUBLE_FREE: one was free; those before are given. */
enum mm_status buddy_take_bulk(struct mm_buddy *b, unsigned order, uint32_t *at, unsigned most,
			       unsigned *got);
enum mm_status buddy_give_bulk(struct mm_buddy *b, unsigned order, const uint32_t *at, unsigned n);
/* All frames of the word whose first one has this offset, the lowest last. False: they are not free so. */
bool buddy_take_word(struct mm_buddy *b, uint32_t first, uint32_t *at);
/* The first word of the lowest block of an order above BUDDY_F. False: the lowest free frames are in a word that is
 * free in part, or `within` frames or more below that block, or there is none, or somebody else was faster. Then
 * `*got` single frames, at most `most`, are from the lowest word that has some, for the search has found it; none if
 * somebody else was faster there, or nothing was found: that is not exact. */
bool buddy_take_sector(struct mm_buddy *b, unsigned order, mm_pfn_t within, unsigned most,
		       uint32_t *at, unsigned *got);
#endif
