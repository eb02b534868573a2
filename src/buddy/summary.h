/* SPDX-License-Identifier: MIT */
/* Summary tree of one buddy level: finds the lowest word that is not zero.
 *
 * Theory of operation
 * Problem      a level may have millions of words; almost all may be zero.
 * Structure    row 0 has one bit for each word of the level, row r + 1 one for each word of row r.
 *              The last row may be longer than one word; it is scanned. MM_BUDDY_ROWS 0: no rows,
 *              the level's words are scanned.
 * Invariants   S1 When nobody is at work, a bit is set exactly if the word below it is not zero.
 *              S2 A bit that is clear above a word that was made not zero by a call that has
 *                 returned: somebody is inside a move (see buddy.c), and will set it.
 *              Bits are hints: who finds one set looks at the word, and goes on if it is zero.
 * Why exact    Who made a word not zero, or zero, then makes its bit equal; who changed a bit looks
 *              at the word again (buddy_sum_repair). So the one who did the last of all these steps
 *              finds both as they stay, and does not leave before they agree: S1.
 * Concurrency  "Change the word, then read the bit" meets "change the bit, then read the word": one
 *              of the two must see the other, so all four are sequentially consistent. A bit may be
 *              cleared wrongly for a moment, by somebody who saw the word before it was set; he is
 *              inside a move until he has looked again: S2. Whether a bit is set is never inferred
 *              from the value that the word had before: who made it not zero may not have come to
 *              the bit yet. */
#ifndef MM_SRC_BUDDY_SUMMARY_H
#define MM_SRC_BUDDY_SUMMARY_H
#include <mmlib/buddy.h>
#include "atomic.h"
#include "bits.h"

#define BUDDY_W    MM_WORD_BITS
#define BUDDY_F    (MM_WORD_BITS == 64 ? 6u : MM_WORD_BITS == 32 ? 5u : MM_WORD_BITS == 16 ? 4u : 3u)
#define BUDDY_FULL ((mm_word_t)-1)

/* Bit number i of a bitmap, inside its word. */
static inline mm_word_t buddy_bit(mm_pfn_t i)
{
	return (mm_word_t)((mm_word_t)1 << (i & (BUDDY_W - 1)));
}

#if MM_BUDDY_ROWS > 0
static inline bool buddy_sum_has_row(const struct mm_buddy_level *lv, unsigned row)
{
	return row < MM_BUDDY_ROWS && lv->rows[row];
}

/* The words that a row has bits for, and how many: count is that of the level's words. */
static inline mm_word_t *buddy_sum_below(const struct mm_buddy_level *lv, unsigned row)
{
	return row ? lv->rows[row - 1] : lv->words;
}

static inline mm_pfn_t buddy_sum_items(mm_pfn_t count, unsigned row)
{
	return ((count - 1) >> (BUDDY_F * row)) + 1;
}

/* Are all bits above word i set? */
static inline bool buddy_sum_marked(const struct mm_buddy_level *lv, mm_pfn_t i)
{
	for (unsigned row = 0; buddy_sum_has_row(lv, row); row++) {
		mm_word_t bit = buddy_bit(i);

		i >>= BUDDY_F;
		if (!(mm_atomic_load_seq(&lv->rows[row][i]) & bit))
			return false;
	}
	return true;
}

/* Make one bit tell the truth about the word below it. */
static inline void buddy_sum_repair_bit(mm_word_t *word, mm_word_t *row, mm_word_t bit)
{
	for (;;) {
		bool want = mm_atomic_load_seq(word) != 0;
		bool have = (mm_atomic_load_seq(row) & bit) != 0;

		if (want == have)
			return;
		if (want)
			mm_atomic_or(row, bit);
		else
			mm_atomic_and(row, (mm_word_t)~bit);
		if (MM_PLANTED(MM_PLANT_SUM_RECHECK))
			return;
	}
}

/* Make all bits above word i tell the truth. The caller is inside a move. */
static inline void buddy_sum_repair(const struct mm_buddy_level *lv, mm_pfn_t i)
{
	for (unsigned row = 0; buddy_sum_has_row(lv, row); row++, i >>= BUDDY_F)
		buddy_sum_repair_bit(&buddy_sum_below(lv, row)[i], &lv->rows[row][i >> BUDDY_F],
				     buddy_bit(i));
}

/* The first of count words, at *at or behind, that is not zero. In each step, (row, i) stands for
 * the bits of that row from number i on; nothing before them is left to look at. */
static inline bool buddy_sum_walk(const struct mm_buddy_level *lv, mm_pfn_t count, mm_pfn_t *at)
{
	mm_pfn_t i = *at;
	unsigned row = 0;

	while (i < buddy_sum_items(count, row)) {
		mm_word_t bits = mm_atomic_load_acquire(&lv->rows[row][i >> BUDDY_F]);

		bits = (mm_word_t)(bits >> (i & (BUDDY_W - 1)));
		if (!bits) { /* on behind this word: one row up, if there is one */
			i = (i >> BUDDY_F) + 1;
			if (buddy_sum_has_row(lv, row + 1))
				row++;
			else
				i <<= BUDDY_F;
			continue;
		}
		i += mm_lowest_bit_word(bits);
		if (row) {
			row--;
			i <<= BUDDY_F;
		} else if (i >= count) {
			return false;
		} else if (mm_atomic_load_acquire(&lv->words[i])) {
			*at = i;
			return true;
		} else {
			i++; /* the bit is out of date */
		}
	}
	return false;
}
#else
static inline bool buddy_sum_has_row(const struct mm_buddy_level *lv, unsigned row)
{
	(void)lv;
	(void)row;
	return false;
}

static inline bool buddy_sum_marked(const struct mm_buddy_level *lv, mm_pfn_t i)
{
	(void)lv;
	(void)i;
	return true;
}

static inline void buddy_sum_repair(const struct mm_buddy_level *lv, mm_pfn_t i)
{
	(void)lv;
	(void)i;
}
#endif

static inline bool buddy_sum_scan(const struct mm_buddy_level *lv, mm_pfn_t count, mm_pfn_t *at)
{
	for (mm_pfn_t i = *at; i < count; i++) {
		if (mm_atomic_load_acquire(&lv->words[i])) {
			*at = i;
			return true;
		}
	}
	return false;
}

/* Find the first word that is not zero, at *at or behind, among the first count words of a level.
 * The word may have changed already. */
static inline bool buddy_sum_next(const struct mm_buddy_level *lv, mm_pfn_t count, mm_pfn_t *at)
{
	if (*at >= count)
		return false;
#if MM_BUDDY_ROWS > 0
	if (buddy_sum_has_row(lv, 0))
		return buddy_sum_walk(lv, count, at);
#endif
	return buddy_sum_scan(lv, count, at);
}

/* Hand out the memory of a level: its words, then its rows. meta NULL: only add up *used, words.
 * False if that overflows. */
static inline bool buddy_sum_carve(struct mm_buddy_level *lv, mm_pfn_t count, mm_word_t *meta,
				   size_t *used)
{
	lv->words = meta ? meta + *used : NULL;
	if (count > SIZE_MAX - *used)
		return false;
	*used += (size_t)count;
#if MM_BUDDY_ROWS > 0
	for (unsigned row = 0; row < MM_BUDDY_ROWS; row++) {
		bool needed = count > 1;

		lv->rows[row] = meta && needed ? meta + *used : NULL;
		count = needed ? ((count - 1) >> BUDDY_F) + 1 : 0;
		if (count > SIZE_MAX - *used)
			return false;
		*used += (size_t)count;
	}
#endif
	return true;
}

/* S1: is every bit right, and no bit set past the last? Nobody else is at work. */
static inline bool buddy_sum_exact(const struct mm_buddy_level *lv, mm_pfn_t count)
{
#if MM_BUDDY_ROWS > 0
	for (unsigned row = 0; buddy_sum_has_row(lv, row); row++) {
		const mm_word_t *below = buddy_sum_below(lv, row);
		mm_pfn_t items = buddy_sum_items(count, row);

		for (mm_pfn_t i = 0; i < items; i += BUDDY_W) {
			mm_word_t want = 0;

			for (mm_pfn_t j = i; j < items && j - i < BUDDY_W; j++)
				want |= below[j] ? buddy_bit(j) : 0;
			if (lv->rows[row][i >> BUDDY_F] != want)
				return false;
		}
	}
#else
	(void)lv;
	(void)count;
#endif
	return true;
}
#endif
