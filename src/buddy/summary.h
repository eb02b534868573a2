/* SPDX-License-Identifier: MIT */
/* Summary tree of one buddy level: finds the lowest word that has room for a block.
 *
 * Theory of operation
 * Problem      a level may have millions of words, and almost all may be of no use.
 * Structure    the class of a word that is not zero is c if its largest free aligned run is of 2^c
 *              bits; a full word counts to the highest class, F - 1. Two words of the level are an
 *              item, and of the higher of their classes. In row 0 each item has one bit for each class,
 *              row r + 1 has one bit for each word of row r:
 *
 *                row 0, group g:  F words, one a class; bit i of each is about item g * W + i
 *                row 1, group h:  F words, one a class; bit i of each is about group h * W + i
 *
 *              The F words of a group lie together: a search for class c reads them from c on. The
 *              last row may be longer than one group; its groups are scanned. MM_BUDDY_ROWS 0: no
 *              rows, the level's words are scanned.
 * Why two      half the rows: 9.07 instead of 9.11 bits a frame. Who is led to an item looks at two words
 *              beside each other.
 * Invariants   S1 When nobody is at work: an item of class c has a bit of class c or above in row 0,
 *                 and a bit of row r + 1 is set exactly if the word of row r below it is not zero.
 *              S2 A run of class c that a call completed, which has returned, has such a bit in row 0,
 *                 and bits above that one, or somebody is inside a move (see buddy.c) and will set them.
 *              Bits are hints: who finds one set looks at the words.
 * Why lazy     Who takes bits from a word leaves its hints alone: the bit that is there is of a class
 *              that the word had, so it is high enough. Only a search that was led astray by a hint
 *              puts it right. So a word that comes and goes costs no atomic operation here, and each
 *              one that a search pays for was made by an operation before.
 * Concurrency  Who gave bits to a word then sets the class of the run that they are in, if it is not set;
 *              a larger run elsewhere in the word is its giver's matter. Who clears a bit looks
 *              at the item again, and sets the class that it has by then (sum_repair). "Change a
 *              word, then read the bit" meets "change the bit, then read the words": one of the two
 *              must see the other, so all four are sequentially consistent. A bit may be missing for
 *              a moment; who cleared it is inside a move until he has looked again: S2. Who sets a bit
 *              of row 0 is inside a move until those above it are right, so who finds it set need not
 *              look above. In rows above 0 who sets a bit looks below again too: both may have been
 *              cleared since he looked, the bit before he set it (buddy_sum_settle). Whether a bit
 *              is set is never inferred from the value that the word had before: who made it so may
 *              not have come to the bit yet, and is in no move. */
#ifndef MM_SRC_BUDDY_SUMMARY_H
#define MM_SRC_BUDDY_SUMMARY_H
#include <mmlib/buddy.h>
#include "atomic.h"
#include "bits.h"

#define BUDDY_W    MM_WORD_BITS
#define BUDDY_F    (MM_WORD_BITS == 64 ? 6u : MM_WORD_BITS == 32 ? 5u : MM_WORD_BITS == 16 ? 4u : 3u)
#define BUDDY_FULL ((mm_word_t)-1)

/* log2 of the words in an item. A level with rows has room for whole items; words behind the last one
 * are zero. */
#define BUDDY_ITEM 1u

/* Bit number i of a bitmap, inside its word. */
static inline mm_word_t buddy_bit(mm_pfn_t i)
{
	return (mm_word_t)((mm_word_t)1 << (i & (BUDDY_W - 1)));
}

/* clang for RISC-V puts the constants of an unrolled loop into writable data. */
#ifdef __clang__
#define BUDDY_ROLLED _Pragma("clang loop unroll(disable)")
#else
#define BUDDY_ROLLED
#endif

/* Loops of a few rounds, always as many, that gcc leaves rolled at -O2. */
#if defined(__GNUC__) && !defined(__clang__)
#define BUDDY_UNROLLED _Pragma("GCC unroll 8")
#else
#define BUDDY_UNROLLED
#endif

/* Where aligned runs of 2^run bits begin. */
static inline mm_word_t buddy_aligned(unsigned run)
{
	static const uint64_t aligned[] = { ~UINT64_C(0),
					    UINT64_C(0x5555555555555555),
					    UINT64_C(0x1111111111111111),
					    UINT64_C(0x0101010101010101),
					    UINT64_C(0x0001000100010001),
					    UINT64_C(0x0000000100000001),
					    1 };

	return (mm_word_t)aligned[run];
}

/* The lowest bits of the free aligned runs of 2^(run + 1) bits; `runs` are those of 2^run bits. */
static inline mm_word_t buddy_runs_above(mm_word_t runs, unsigned run)
{
	return runs & (mm_word_t)(runs >> (1u << run)) & buddy_aligned(run + 1);
}

/* The lowest bits of the free aligned runs of 2^run bits. */
static inline mm_word_t buddy_runs(mm_word_t word, unsigned run)
{
	BUDDY_ROLLED
	for (unsigned i = 0; i < run; i++)
		word = buddy_runs_above(word, i);
	return word;
}

/* Class of a word that is not zero. */
static inline unsigned buddy_class(mm_word_t word)
{
	unsigned c = 0;

	BUDDY_ROLLED
	while (c + 1 < BUDDY_F && (word = buddy_runs_above(word, c)) != 0)
		c++;
	return c;
}

/* Class of the run around one bit of a word. */
static inline unsigned buddy_class_at(mm_word_t word, mm_word_t bit)
{
	unsigned at = mm_lowest_bit_word(bit), c = 0;
	mm_word_t run = 3; /* 2^(c + 1) bits */

	BUDDY_ROLLED
	while (c + 1 < BUDDY_F &&
	       (mm_word_t)(word >> (at & ~((2u << c) - 1)) & run) == run) {
		c++;
		run |= (mm_word_t)(run << (1u << c));
	}
	return c;
}

#if MM_BUDDY_ROWS > 0
static inline bool buddy_sum_has_row(const struct mm_buddy_level *lv, unsigned row)
{
	return row < MM_BUDDY_ROWS && lv->rows[row];
}

/* What a row has bits for: items of the level for row 0, groups of the row below for others. */
static inline mm_pfn_t buddy_sum_items(mm_pfn_t count, unsigned row)
{
	return ((count - 1) >> (BUDDY_ITEM + BUDDY_F * row)) + 1;
}

/* The F words of a row that are about its bit i. */
static inline mm_word_t *buddy_sum_group(const struct mm_buddy_level *lv, unsigned row, mm_pfn_t i)
{
	return &lv->rows[row][(i >> BUDDY_F) * BUDDY_F];
}

/* Class of the item that word i is in, and 1; 0 if both its words are zero. */
static inline unsigned buddy_sum_class(const struct mm_buddy_level *lv, mm_pfn_t i)
{
	unsigned c = 0;

	i &= ~(((mm_pfn_t)1 << BUDDY_ITEM) - 1);
	for (mm_pfn_t k = 0; k < (mm_pfn_t)1 << BUDDY_ITEM; k++) {
		mm_word_t word = mm_atomic_load_seq(&lv->words[i + k]);

		if (word && buddy_class(word) >= c)
			c = buddy_class(word) + 1;
	}
	return c;
}

/* Bits of a group that may be of class c or above. */
static inline mm_word_t buddy_sum_any(const mm_word_t *group, unsigned c)
{
	mm_word_t any = mm_atomic_load_acquire(&group[BUDDY_F - 1]);

	if (c == 0) { /* most look for single units */
		BUDDY_UNROLLED
		for (unsigned k = 0; k < BUDDY_F - 1; k++)
			any |= mm_atomic_load_acquire(&group[k]);
		return any;
	}
	for (; c < BUDDY_F - 1; c++)
		any |= mm_atomic_load_acquire(&group[c]);
	return any;
}

/* Make the bit of a row above 0 tell whether the word of the row below it is zero. */
static inline void buddy_sum_settle_bit(mm_word_t *at, mm_word_t bit, const mm_word_t *below)
{
	for (;;) {
		bool want = mm_atomic_load_seq(below) != 0;

		if (want == ((mm_atomic_load_seq(at) & bit) != 0))
			break;
		if (want)
			mm_atomic_or(at, bit);
		else
			mm_atomic_and(at, (mm_word_t)~bit);
		if (MM_PLANTED(MM_PLANT_SUM_RECHECK))
			break;
	}
}

/* Bits above word i of row 0's class c tell the truth about it: S1 for rows 1 and up. The caller is
 * inside a move. */
static inline void buddy_sum_settle(const struct mm_buddy_level *lv, mm_pfn_t i, unsigned c)
{
	i >>= BUDDY_ITEM;
	for (unsigned row = 1; buddy_sum_has_row(lv, row); row++) {
		const mm_word_t *below = &buddy_sum_group(lv, row - 1, i)[c];

		i >>= BUDDY_F;
		buddy_sum_settle_bit(&buddy_sum_group(lv, row, i)[c], buddy_bit(i), below);
	}
}

/* Has the item of word i a bit of class c? (S2) */
static inline bool buddy_sum_is_marked(const struct mm_buddy_level *lv, mm_pfn_t i, unsigned c)
{
	i >>= BUDDY_ITEM;
	return !buddy_sum_has_row(lv, 0) ||
	       mm_atomic_load_seq(&buddy_sum_group(lv, 0, i)[c]) & buddy_bit(i);
}

/* It has none yet. The caller is inside a move. */
static inline void buddy_sum_mark(const struct mm_buddy_level *lv, mm_pfn_t i, unsigned c)
{
	mm_atomic_or(&buddy_sum_group(lv, 0, i >> BUDDY_ITEM)[c], buddy_bit(i >> BUDDY_ITEM));
	buddy_sum_settle(lv, i, c);
}

/* MM_PLANT_FAR: damage that changes nothing else. */
static inline void buddy_sum_plant(const struct mm_buddy_level *lv, mm_pfn_t count)
{
	mm_pfn_t end = buddy_sum_has_row(lv, 0) ? ((count - 1) >> BUDDY_ITEM) + 1 : 0;

	if (end & (BUDDY_W - 1))
		mm_atomic_or(buddy_sum_group(lv, 0, end), buddy_bit(end));
}

/* A hint led astray: clear those above the class that the item of word i has. The caller is inside a
 * move. */
static inline void buddy_sum_repair(const struct mm_buddy_level *lv, mm_pfn_t i)
{
	mm_word_t *group, bit = buddy_bit(i >> BUDDY_ITEM);

	if (!buddy_sum_has_row(lv, 0))
		return;
	group = buddy_sum_group(lv, 0, i >> BUDDY_ITEM);
	for (;;) {
		unsigned c = buddy_sum_class(lv, i);

		if (c && !buddy_sum_is_marked(lv, i, c - 1))
			buddy_sum_mark(lv, i, c - 1);
		while (c < BUDDY_F && !(mm_atomic_load_seq(&group[c]) & bit))
			c++;
		if (c == BUDDY_F)
			return;
		mm_atomic_and(&group[c], (mm_word_t)~bit);
		buddy_sum_settle(lv, i, c);
		if (MM_PLANTED(MM_PLANT_SUM_RECHECK))
			return;
	}
}

/* The first of count words, at *at or behind, in an item that may be of class c or above. In each step,
 * (row, i) stands for the bits of that row from number i on; nothing before them is left to look at. */
static inline bool buddy_sum_walk(const struct mm_buddy_level *lv, mm_pfn_t count, unsigned c,
				  mm_pfn_t *at)
{
	mm_pfn_t i = *at >> BUDDY_ITEM, all = buddy_sum_items(count, 0);
	unsigned row = 0;

	while (i < all) {
		mm_word_t bits = buddy_sum_any(buddy_sum_group(lv, row, i), c);

		bits = (mm_word_t)(bits >> (i & (BUDDY_W - 1)));
		if (!bits) { /* on behind this group: one row up, if there is one */
			i = (i >> BUDDY_F) + 1;
			if (buddy_sum_has_row(lv, row + 1)) {
				row++;
				all = buddy_sum_items(count, row);
			} else {
				i <<= BUDDY_F;
			}
			continue;
		}
		i += mm_lowest_bit_word(bits);
		if (row == 0) {
			i <<= BUDDY_ITEM;
			*at = i > *at ? i : *at;
			return *at < count;
		}
		row--;
		i <<= BUDDY_F;
		all = buddy_sum_items(count, row);
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

static inline bool buddy_sum_is_marked(const struct mm_buddy_level *lv, mm_pfn_t i, unsigned c)
{
	(void)lv;
	(void)i;
	(void)c;
	return true;
}

static inline void buddy_sum_mark(const struct mm_buddy_level *lv, mm_pfn_t i, unsigned c)
{
	(void)lv;
	(void)i;
	(void)c;
}

static inline void buddy_sum_plant(const struct mm_buddy_level *lv, mm_pfn_t count)
{
	(void)lv;
	(void)count;
}

static inline void buddy_sum_repair(const struct mm_buddy_level *lv, mm_pfn_t i)
{
	(void)lv;
	(void)i;
}

static inline unsigned buddy_sum_class(const struct mm_buddy_level *lv, mm_pfn_t i)
{
	(void)lv;
	(void)i;
	return BUDDY_F;
}
#endif

/* Behind the item that word i is in, of count words. Without rows each word is one. */
static inline mm_pfn_t buddy_sum_end(const struct mm_buddy_level *lv, mm_pfn_t count, mm_pfn_t i)
{
	mm_pfn_t end = buddy_sum_has_row(lv, 0) ? (i | (((mm_pfn_t)1 << BUDDY_ITEM) - 1)) + 1 : i + 1;

	return end < count ? end : count;
}

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

/* Find the first word, at *at or behind, among the first count words of a level, whose item may be of
 * class c or above. */
static inline bool buddy_sum_next(const struct mm_buddy_level *lv, mm_pfn_t count, unsigned c,
				  mm_pfn_t *at)
{
	if (*at >= count)
		return false;
#if MM_BUDDY_ROWS > 0
	if (buddy_sum_has_row(lv, 0))
		return buddy_sum_walk(lv, count, c, at);
#endif
	(void)c;
	return buddy_sum_scan(lv, count, at);
}

/* Hand out memory for the words of a level, and, by the second function, for its rows. meta NULL:
 * only add up *used, words. False if that overflows. */
static inline bool buddy_carve_words(struct mm_buddy_level *lv, mm_pfn_t count, mm_word_t *meta,
				     size_t *used)
{
	lv->words = meta ? meta + *used : NULL;
#if MM_BUDDY_ROWS > 0
	if (count > 1) /* whole items */
		count = ((count - 1) | (((mm_pfn_t)1 << BUDDY_ITEM) - 1)) + 1;
#endif
	if (count > SIZE_MAX - *used)
		return false;
	*used += (size_t)count;
	return true;
}

static inline bool buddy_sum_carve(struct mm_buddy_level *lv, mm_pfn_t count, mm_word_t *meta,
				   size_t *used)
{
#if MM_BUDDY_ROWS > 0
	for (unsigned row = 0; row < MM_BUDDY_ROWS; row++) {
		unsigned shift = row ? BUDDY_F : BUDDY_F + BUDDY_ITEM;
		bool needed = count > 1;

		lv->rows[row] = meta && needed ? meta + *used : NULL;
		count = needed ? ((count - 1) >> shift) + 1 : 0;
		if (count > SIZE_MAX >> 3 || (size_t)count * BUDDY_F > SIZE_MAX - *used) /* F < 8 */
			return false;
		*used += (size_t)count * BUDDY_F;
	}
#else
	(void)lv;
	(void)count;
	(void)meta;
	(void)used;
#endif
	return true;
}

#if MM_BUDDY_ROWS > 0
/* Is there anything in the item of word i of a level? See section.h: in sections that are not filled there
 * is not. */
static inline bool buddy_sum_there(const struct mm_buddy *b, const struct mm_buddy_level *lv,
				   mm_pfn_t i)
{
#if MM_BUDDY_SECTIONS
	mm_pfn_t section = (i + (b->origin >> BUDDY_F)) >> BUDDY_F;

	if (lv == &b->level[0] && b->filled)
		return b->filled[(section >> BUDDY_F) - (b->base >> (3 * BUDDY_F))] & buddy_bit(section);
#else
	(void)b;
	(void)lv;
	(void)i;
#endif
	return true;
}

/* S1 of row 0 for `items` items from first on, which are one group: hints enough, and none behind the
 * last item. */
static inline bool buddy_sum_row_enough(const struct mm_buddy *b, const struct mm_buddy_level *lv,
					mm_pfn_t first, mm_pfn_t items)
{
	const mm_word_t *group = buddy_sum_group(lv, 0, first);

	for (mm_pfn_t j = 0; j < items; j++) {
		mm_pfn_t i = (first + j) << BUDDY_ITEM;
		unsigned c = buddy_sum_there(b, lv, i) ? buddy_sum_class(lv, i) : 0;

		if (c && !(buddy_sum_any(group, c - 1) & buddy_bit(j)))
			return false;
	}
	return items == BUDDY_W || !(buddy_sum_any(group, 0) >> items);
}

/* S1 of rows above for one group and class. */
static inline bool buddy_sum_row_exact(const struct mm_buddy_level *lv, unsigned row,
				       mm_pfn_t first, mm_pfn_t items, unsigned c)
{
	mm_word_t want = 0;

	for (mm_pfn_t j = 0; j < items; j++)
		if (buddy_sum_group(lv, row - 1, (first + j) << BUDDY_F)[c])
			want |= buddy_bit(j);
	return buddy_sum_group(lv, row, first)[c] == want;
}
#endif

/* S1. Nobody else is at work. */
static inline bool buddy_sum_sound(const struct mm_buddy *b, const struct mm_buddy_level *lv,
				   mm_pfn_t count)
{
	(void)b;
#if MM_BUDDY_ROWS > 0
	for (mm_pfn_t i = count; buddy_sum_has_row(lv, 0) && i & (((mm_pfn_t)1 << BUDDY_ITEM) - 1); i++)
		if (lv->words[i])
			return false;
	for (unsigned row = 0; buddy_sum_has_row(lv, row); row++) {
		mm_pfn_t all = buddy_sum_items(count, row);

		for (mm_pfn_t i = 0; i < all; i += BUDDY_W) {
			mm_pfn_t items = all - i < BUDDY_W ? all - i : BUDDY_W;

			if (row == 0 && !buddy_sum_row_enough(b, lv, i, items))
				return false;
			for (unsigned c = 0; row && c < BUDDY_F; c++)
				if (!buddy_sum_row_exact(lv, row, i, items, c))
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
