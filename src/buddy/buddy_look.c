/* SPDX-License-Identifier: MIT */
/* Theory of operation: looking at a buddy
 * Problem      tell which frames are free, and whether all invariants of buddy.c hold.
 * Structure    reads the words of all levels; changes nothing.
 * Concurrency  relaxed or acquiring loads: what others change meanwhile may be told in its old or its
 *              new state. Verifying needs the others away. */
#include "buddy.h"

/* The first free aligned run of 2^run units of a level that begins at unit *unit or behind. */
static bool buddy_next_run(const struct mm_buddy *b, unsigned level, unsigned run, mm_pfn_t *unit)
{
	const struct mm_buddy_level *lv = &b->level[level];
	mm_pfn_t i = buddy_index(b, level, *unit << (BUDDY_F * level));
	mm_word_t above = (mm_word_t)(BUDDY_FULL << (*unit & (BUDDY_W - 1)));
	mm_word_t runs = buddy_runs(buddy_load(b, level, *unit << (BUDDY_F * level)), run) & above;

	while (!runs) {
		i++;
		if (!buddy_sum_next(lv, buddy_count(b, level), run < BUDDY_F ? run : BUDDY_F - 1,
				    &i))
			return false;
		runs = buddy_runs(mm_atomic_load_acquire(&lv->words[i]), run);
	}
	*unit = buddy_frame(b, level, i, mm_lowest_bit_word(runs)) >> (BUDDY_F * level);
	return true;
}

/* Is a frame of [first, last] free, in any level? */
bool buddy_any_free(const struct mm_buddy *b, mm_pfn_t first, mm_pfn_t last)
{
	for (unsigned level = 0; level < b->nlevels; level++) {
		mm_pfn_t unit = first >> (BUDDY_F * level);

		if (buddy_next_run(b, level, 0, &unit) && unit <= last >> (BUDDY_F * level))
			return true;
	}
	return false;
}

/* Make a unit that was found free the largest block around it. */
static void buddy_widen(const struct mm_buddy *b, struct buddy_block *k)
{
	mm_word_t word = mm_atomic_load_relaxed(buddy_word(b, k->level, k->pfn));

	while (k->run < BUDDY_F) {
		mm_pfn_t size = (mm_pfn_t)1 << (BUDDY_F * k->level + k->run + 1);
		struct buddy_block wide = { k->pfn & ~(size - 1), k->level, k->run + 1 };

		if ((word & buddy_mask(&wide)) != buddy_mask(&wide))
			return;
		*k = wide;
	}
}

/* I2: the bits of word i whose units lie wholly inside the range. */
static mm_word_t buddy_inside(const struct mm_buddy *b, unsigned level, mm_pfn_t i)
{
	mm_pfn_t low = ((mm_pfn_t)1 << (BUDDY_F * level)) - 1; /* frames of a unit, less one */
	mm_word_t inside = 0;

	for (unsigned n = 0; n < BUDDY_W; n++) {
		mm_pfn_t first = buddy_frame(b, level, i, n);

		if (first >= b->base && first <= buddy_last(b) && low <= buddy_last(b) - first)
			inside |= buddy_bit(n);
	}
	return inside;
}

/* I1 to I3 for one word. */
static bool buddy_word_sound(const struct mm_buddy *b, unsigned level, mm_pfn_t i)
{
	mm_word_t word = buddy_load(b, level, buddy_frame(b, level, i, 0));
	bool edge = i <= 1 || i + 1 == buddy_count(b, level);
	struct buddy_block k = { 0, level, BUDDY_F };

	if (!word)
		return true;
	if (edge && word & (mm_word_t)~buddy_inside(b, level, i))
		return false;
	if (word == BUDDY_FULL && level + 1 < b->nlevels)
		return false;
	k.pfn = buddy_frame(b, level, i, mm_lowest_bit_word(word));
	return !buddy_covered(b, &k);
}

static bool buddy_level_sound(const struct mm_buddy *b, unsigned level)
{
	mm_pfn_t count = buddy_count(b, level);

	for (mm_pfn_t i = 0; i < count; i++) {
		if (!buddy_word_sound(b, level, i))
			return false;
	}
	return buddy_sum_sound(b, &b->level[level], count);
}

bool mm_buddy_is_free(const struct mm_buddy *b, mm_pfn_t pfn)
{
	struct buddy_block k = { pfn, 0, 0 };

	if (!b || !buddy_holds(b, pfn, 1))
		return false;
	return buddy_load(b, 0, pfn) & buddy_unit_bit(0, pfn) ||
	       buddy_covered(b, &k);
}

bool buddy_next_block(const struct mm_buddy *b, mm_pfn_t from, unsigned order,
		      struct buddy_block *found)
{
	struct buddy_block k = buddy_of_order(b, order);
	bool any = false;

	from &= ~(((mm_pfn_t)1 << order) - 1); /* may lie before the range, but not before its words */
	for (unsigned level = k.level; level < b->nlevels; level++) {
		mm_pfn_t unit = from >> (BUDDY_F * level), pfn;
		unsigned run = level == k.level ? k.run : 0;

		if (!buddy_next_run(b, level, run, &unit))
			continue;
		pfn = unit << (BUDDY_F * level);
		if (!any || pfn < found->pfn)
			*found = (struct buddy_block){ pfn, level, run };
		any = true;
	}
	return any;
}

bool mm_buddy_next_free(const struct mm_buddy *b, mm_pfn_t from, unsigned least, mm_pfn_t *first,
			unsigned *order)
{
	struct buddy_block found;

	if (!b || !b->frames || from > buddy_last(b) || least > mm_buddy_max_order(b) ||
	    !buddy_next_block(b, from < b->base ? b->base : from, least, &found))
		return false;
	buddy_widen(b, &found);
	*first = found.pfn;
	*order = BUDDY_F * found.level + found.run;
	return true;
}

mm_pfn_t mm_buddy_count_free(const struct mm_buddy *b)
{
	mm_pfn_t free = 0;

	for (unsigned level = 0; b && level < b->nlevels; level++) {
		mm_pfn_t count = buddy_count(b, level), units = 0;

		for (mm_pfn_t i = 0; i < count; i++)
			units += mm_count_bits_word(
				buddy_load(b, level, buddy_frame(b, level, i, 0)));
		free += units << (BUDDY_F * level);
	}
	return free;
}

enum mm_status mm_buddy_verify(const struct mm_buddy *b)
{
	if (!b)
		return MM_E_INVAL;
#if MM_ATOMICS
	if (b->begun != b->done || b->searching)
		return MM_E_CORRUPT; /* I5 */
#endif
	if (!b->frames)
		return b->nlevels ? MM_E_CORRUPT : MM_OK;
	if (!mm_buddy_size(b->base, b->frames) ||
	    b->nlevels != buddy_levels(b->base, buddy_last(b)))
		return MM_E_CORRUPT;
	for (unsigned level = 0; level < b->nlevels; level++) {
		if (!b->level[level].words || !buddy_level_sound(b, level))
			return MM_E_CORRUPT;
	}
	return MM_OK;
}
