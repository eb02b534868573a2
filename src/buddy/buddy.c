/* SPDX-License-Identifier: MIT */
/* Theory of operation: buddy
 * Problem      Give out aligned blocks of 2^k frames, take back any aligned part, merge at once;
 *              from any CPU and any interrupt; without writing into free frames.
 * Structure    W bits a word, F = log2 W. Bit u of level l stands for the unit of frames
 *              [u << F*l, (u + 1) << F*l). Word i of a level holds the W units that make up unit i
 *              of the level above:
 *                level 1   ... 0 0 1 0 ...                  unit 5 is free as a whole: one bit,
 *                level 0   4: 01100111  5: 00000000  6: ... and none in its word below
 *              A block of order k lives in level k / F, as an aligned run of 2^(k % F) bits inside
 *              one word. At the top level a run may be a whole word. So an allocation is one
 *              compare-and-swap of one word, a free another. Each level has a summary that finds
 *              its lowest word that is not zero: summary.h.
 * Split        Take one bit of a higher level, then put the parts that are not wanted into the
 *              words below it, which are zero by I1.
 * Merge        Who makes a word full tries to swap it to zero; who succeeds owns W units, and sets
 *              the one bit above. Inside a word nothing is to merge: bits are the merged state.
 * Placement    Lowest address over all levels: measured best against fragmentation.
 * Invariants   I1 A frame is free in one level only: below a set bit all words are zero.
 *              I2 Only units that lie wholly inside the range are ever set.
 *              I3 When nobody is at work, no word below the top level is full.
 *              I4 When nobody is at work, summaries are exact (S1 of summary.h).
 *              I5 begun - done is the number of moves under way.
 *              From I1 to I4: equal sets of free frames have equal metadata, bit for bit.
 * Why not      Lists: they write into free frames. Trees of counts: an operation changes many
 *              words, and a failed one must undo some. Here every step is one read-modify-write
 *              that moves frames from one owner to another: to the bitmap, or to the call that
 *              runs. So there is nothing to undo.
 * Concurrency  Taking acquires, giving releases: who gets a frame sees what was done before its
 *              free. ABA is harmless: a bit says who owns, nothing else. Who loses a
 *              compare-and-swap lost it to somebody's success.
 *              A failed search must be exact. Frames can hide from it in two ways:
 *              - In a move: merge, split, and repair of a summary, when frames or their bits are
 *                nowhere for a moment. All this is between buddy_begin() and buddy_end(). A search
 *                that read done, then begun, found them equal, and finds begun unchanged after it,
 *                overlapped no move that it saw anything of: its loads acquire, so they bring the
 *                new begun along.
 *              - One block is freed behind the search, another taken before it gets there. While
 *                somebody searches again (b->searching), each free counts as a move. Who frees
 *                changes the word, then reads b->searching; who searches changes b->searching,
 *                then reads words: one of them sees the other.
 *              If neither happened, free blocks only became fewer during the search, so at its end
 *              there was none. Else it is repeated, a bounded number of times: MM_E_AGAIN. */
#include <mmlib/buddy.h>
#include "atomic.h"
#include "bits.h"
#include "checked.h"
#include "summary.h"

#define BUDDY_PFN_BITS (sizeof(mm_pfn_t) * 8)
/* As many levels as frame numbers have bits for: no shift reaches BUDDY_PFN_BITS. */
#define BUDDY_LEVELS_FIT ((unsigned)((BUDDY_PFN_BITS - 1) / BUDDY_F))
#define BUDDY_LEVELS_MAX (MM_BUDDY_LEVELS < BUDDY_LEVELS_FIT ? MM_BUDDY_LEVELS : BUDDY_LEVELS_FIT)
/* Searches again before MM_E_AGAIN. Tests that explore every schedule make it small. */
#ifndef MM_BUDDY_TRIES
#define MM_BUDDY_TRIES 64
#endif

/* A block: 2^run units of a level, from frame pfn on. */
struct buddy_block {
	mm_pfn_t pfn;
	unsigned level;
	unsigned run;
};

/* Geometry */

static mm_pfn_t buddy_last(const struct mm_buddy *b)
{
	return b->base + (b->frames - 1);
}

/* The unit of the level above that a frame lies in: this is the number of its word, counted from
 * frame 0. */
static mm_pfn_t buddy_unit_above(unsigned level, mm_pfn_t pfn)
{
	return pfn >> (BUDDY_F * (level + 1));
}

/* Index of the word of a frame. */
static mm_pfn_t buddy_index(const struct mm_buddy *b, unsigned level, mm_pfn_t pfn)
{
	return buddy_unit_above(level, pfn) - buddy_unit_above(level, b->base);
}

/* Words of a level. */
static mm_pfn_t buddy_count(const struct mm_buddy *b, unsigned level)
{
	return buddy_index(b, level, buddy_last(b)) + 1;
}

static mm_word_t *buddy_word(const struct mm_buddy *b, unsigned level, mm_pfn_t pfn)
{
	return &b->level[level].words[buddy_index(b, level, pfn)];
}

/* The bit of the unit that a frame lies in, inside its word. */
static mm_word_t buddy_unit_bit(unsigned level, mm_pfn_t pfn)
{
	return buddy_bit(pfn >> (BUDDY_F * level));
}

/* First frame of bit n of word i. */
static mm_pfn_t buddy_frame(const struct mm_buddy *b, unsigned level, mm_pfn_t i, unsigned n)
{
	return (((i + buddy_unit_above(level, b->base)) << BUDDY_F) + n) << (BUDDY_F * level);
}

/* 2^run bits, from bit 0 on. */
static mm_word_t buddy_run(unsigned run)
{
	return (mm_word_t)(BUDDY_FULL >> (BUDDY_W - (1u << run)));
}

/* The bits of a block, inside its word. */
static mm_word_t buddy_mask(const struct buddy_block *k)
{
	mm_pfn_t unit = k->pfn >> (BUDDY_F * k->level);

	return (mm_word_t)(buddy_run(k->run) << (unit & (BUDDY_W - 1)));
}

/* Where an order lives; pfn is left open. A buddy without frames has no levels: level 0 then.
 * Down from the top, for compilers turn the loop upwards into a division. */
static struct buddy_block buddy_of_order(const struct mm_buddy *b, unsigned order)
{
	struct buddy_block k = { 0, b->nlevels ? b->nlevels - 1 : 0, 0 };

	while (BUDDY_F * k.level > order)
		k.level--;
	k.run = order - BUDDY_F * k.level;
	return k;
}

/* The lowest bits of the free aligned runs of 2^run bits. */
static mm_word_t buddy_runs(mm_word_t word, unsigned run)
{
	static const uint64_t aligned[] = { ~UINT64_C(0),
					    UINT64_C(0x5555555555555555),
					    UINT64_C(0x1111111111111111),
					    UINT64_C(0x0101010101010101),
					    UINT64_C(0x0001000100010001),
					    UINT64_C(0x0000000100000001),
					    1 };

	for (unsigned i = 0; i < run; i++)
		word &= (mm_word_t)(word >> (1u << i));
	return word & (mm_word_t)aligned[run];
}

/* Is a word to become one bit of the level above? */
static bool buddy_full(mm_word_t word)
{
	if (MM_PLANTED(MM_PLANT_BUDDY_MERGE))
		word |= 1;
	return word == BUDDY_FULL;
}

/* Moves, I5 */

static void buddy_begin(struct mm_buddy *b)
{
	mm_atomic_add(&b->begun, 1u);
}

static void buddy_end(struct mm_buddy *b)
{
	mm_atomic_add(&b->done, 1u);
}

/* I4 after a word became zero. */
static void buddy_emptied(struct mm_buddy *b, unsigned level, mm_pfn_t i)
{
	if (!buddy_sum_has_row(&b->level[level], 0))
		return;
	buddy_begin(b);
	buddy_sum_repair(&b->level[level], i);
	buddy_end(b);
}

/* I4 after bits were added to a word. */
static void buddy_filled(struct mm_buddy *b, unsigned level, mm_pfn_t i)
{
	if (buddy_sum_marked(&b->level[level], i))
		return;
	buddy_begin(b);
	buddy_sum_repair(&b->level[level], i);
	buddy_end(b);
}

/* Giving frames to the bitmap */

/* Add bits that the caller owns, inside a move; returns the word with them. */
static mm_word_t buddy_add(struct mm_buddy *b, unsigned level, mm_pfn_t pfn, mm_word_t bits)
{
	mm_word_t was = mm_atomic_or(buddy_word(b, level, pfn), bits);

	buddy_sum_repair(&b->level[level], buddy_index(b, level, pfn));
	return was | bits;
}

/* Empty a full word, if it is still full. */
static bool buddy_take_full(struct mm_buddy *b, unsigned level, mm_pfn_t pfn, mm_word_t *word)
{
	mm_word_t *at = buddy_word(b, level, pfn);

	if (MM_PLANTED(MM_PLANT_PROMOTE)) {
		mm_atomic_store_release(at, (mm_word_t)0);
		return true;
	}
	return mm_atomic_cas(at, word, 0);
}

/* Keeps I3: word is full; as long as it is still so, replace it by one bit of the level above,
 * which may become full in turn. I2 holds: a full word has no unit outside the range, nor has its
 * sum. */
static void buddy_merge(struct mm_buddy *b, unsigned level, mm_pfn_t pfn, mm_word_t word)
{
	buddy_begin(b);
	while (buddy_full(word) && level + 1 < b->nlevels && buddy_take_full(b, level, pfn, &word)) {
		buddy_sum_repair(&b->level[level], buddy_index(b, level, pfn));
		level++;
		word = buddy_add(b, level, pfn, buddy_unit_bit(level, pfn));
	}
	buddy_end(b);
}

/* Change a word from *was to `to`, if it is *was; else put it there. */
static bool buddy_put(mm_word_t *at, mm_word_t *was, mm_word_t to)
{
	if (MM_PLANTED(MM_PLANT_GIVE)) {
		mm_atomic_store_release(at, to);
		return true;
	}
	return mm_atomic_cas(at, was, to);
}

static enum mm_status buddy_give(struct mm_buddy *b, const struct buddy_block *k)
{
	mm_word_t *at = buddy_word(b, k->level, k->pfn), mask = buddy_mask(k);
	mm_word_t was = mm_atomic_load_relaxed(at);

	do {
		if (MM_CHECKS > 0 && was & mask)
			return MM_E_DOUBLE_FREE;
	} while (!buddy_put(at, &was, was | mask));
	if (!MM_PLANTED(MM_PLANT_SUM_INFER) || !was)
		buddy_filled(b, k->level, buddy_index(b, k->level, k->pfn));
	if (buddy_full(was | mask) && k->level + 1 < b->nlevels)
		buddy_merge(b, k->level, k->pfn, was | mask);
	if (mm_atomic_load_seq(&b->searching)) { /* this free counts as a move */
		buddy_begin(b);
		buddy_end(b);
	}
	return MM_OK;
}

/* Taking frames from the bitmap */

/* Take exactly these bits of a word, if all are there. */
static bool buddy_take(struct mm_buddy *b, unsigned level, mm_pfn_t pfn, mm_word_t mask)
{
	mm_word_t *at = buddy_word(b, level, pfn), was = mm_atomic_load_relaxed(at);

	do {
		if ((was & mask) != mask)
			return false;
	} while (!mm_atomic_cas(at, &was, was & (mm_word_t)~mask));
	if (was == mask)
		buddy_emptied(b, level, buddy_index(b, level, pfn));
	return true;
}

/* Take the lowest run of the word that k->pfn is in, and put its address there. */
static bool buddy_take_lowest(struct mm_buddy *b, struct buddy_block *k)
{
	mm_pfn_t i = buddy_index(b, k->level, k->pfn);
	mm_word_t *at = &b->level[k->level].words[i], was = mm_atomic_load_relaxed(at), mask;

	do {
		mm_word_t runs = buddy_runs(was, k->run);

		if (!runs)
			return false;
		k->pfn = buddy_frame(b, k->level, i, mm_lowest_bit_word(runs));
		mask = buddy_mask(k);
	} while (!mm_atomic_cas(at, &was, was & (mm_word_t)~mask));
	if (was == mask)
		buddy_emptied(b, k->level, i);
	return true;
}

/* The caller took the unit of level `from` that the block is in: give back all of it but the block.
 * No word becomes full, for the block stays out. */
static void buddy_split(struct mm_buddy *b, const struct buddy_block *k, unsigned from)
{
	while (from-- > k->level) {
		mm_word_t keep = from == k->level ? buddy_mask(k) : buddy_unit_bit(from, k->pfn);

		buddy_add(b, from, k->pfn, (mm_word_t)~keep);
	}
}

/* Lowest address in a level where k->run fits, looking at `count` words. */
static bool buddy_find_in(const struct mm_buddy *b, struct buddy_block *k, mm_pfn_t count)
{
	for (mm_pfn_t i = 0; buddy_sum_next(&b->level[k->level], count, &i); i++) {
		mm_word_t word = mm_atomic_load_acquire(&b->level[k->level].words[i]);
		mm_word_t runs = buddy_runs(word, k->run);

		if (runs) {
			k->pfn = buddy_frame(b, k->level, i, mm_lowest_bit_word(runs));
			return true;
		}
	}
	return false;
}

/* Lowest address where the block fits, in its level or as part of a unit above; *found is that run
 * or that unit. From the top level down: what is found bounds the search below it. */
static bool buddy_find(const struct mm_buddy *b, const struct buddy_block *k,
		       struct buddy_block *found)
{
	bool any = false;

	for (unsigned level = b->nlevels; level-- > k->level;) {
		struct buddy_block here = { 0, level, level == k->level ? k->run : 0 };
		mm_pfn_t count = any ? buddy_index(b, level, found->pfn) : buddy_count(b, level);

		if (buddy_find_in(b, &here, count)) {
			*found = here;
			any = true;
		}
	}
	return any;
}

/* One search, and the lowest place taken. MM_E_BUSY: somebody else was faster. */
static enum mm_status buddy_try_lowest(struct mm_buddy *b, struct buddy_block *k)
{
	struct buddy_block found;
	bool taken;

	if (!buddy_find(b, k, &found))
		return MM_E_NOMEM;
	if (found.level == k->level) {
		taken = buddy_take_lowest(b, &found);
		k->pfn = found.pfn;
		return taken ? MM_OK : MM_E_BUSY;
	}
	buddy_begin(b);
	taken = buddy_take_lowest(b, &found);
	if (taken) {
		k->pfn = found.pfn;
		buddy_split(b, k, found.level);
	}
	buddy_end(b);
	return taken ? MM_OK : MM_E_BUSY;
}

/* Lock-free: each further search is paid for by somebody's success. */
static enum mm_status buddy_search(struct mm_buddy *b, struct buddy_block *k)
{
	enum mm_status st;

	do {
		st = buddy_try_lowest(b, k);
	} while (st == MM_E_BUSY);
	return st;
}

/* Take the block k as it stands: from its own word, or from a unit above it. If it is free only as
 * pieces below, somebody is about to merge them. */
static enum mm_status buddy_claim(struct mm_buddy *b, struct buddy_block *k)
{
	if (buddy_take(b, k->level, k->pfn, buddy_mask(k)))
		return MM_OK;
	for (unsigned level = k->level + 1; level < b->nlevels; level++) {
		mm_word_t bit = buddy_unit_bit(level, k->pfn);
		bool taken;

		if (!(mm_atomic_load_acquire(buddy_word(b, level, k->pfn)) & bit))
			continue;
		buddy_begin(b);
		taken = buddy_take(b, level, k->pfn, bit);
		if (taken)
			buddy_split(b, k, level);
		buddy_end(b);
		if (taken)
			return MM_OK;
	}
	return MM_E_BUSY;
}

/* Repeat a failed attempt until its failure is exact, see Concurrency. */
static enum mm_status buddy_insist(struct mm_buddy *b, struct buddy_block *k,
				   enum mm_status (*attempt)(struct mm_buddy *,
							     struct buddy_block *))
{
	enum mm_status st = MM_E_AGAIN;

	mm_atomic_add(&b->searching, 1u);
	mm_atomic_fence(); /* b->searching is seen before any word is read */
	for (unsigned n = 0; n < MM_BUDDY_TRIES && st == MM_E_AGAIN; n++) {
		uint32_t done = mm_atomic_load_acquire(&b->done);
		uint32_t begun = mm_atomic_load_acquire(&b->begun);

		st = attempt(b, k);
		if (st != MM_OK && (done != begun || mm_atomic_load_acquire(&b->begun) != begun))
			st = MM_E_AGAIN;
	}
	mm_atomic_add(&b->searching, UINT32_MAX);
	return st;
}

/* Looking */

/* The first set bit of a level at unit *unit or behind. */
static bool buddy_next_unit(const struct mm_buddy *b, unsigned level, mm_pfn_t *unit)
{
	mm_pfn_t i = buddy_index(b, level, *unit << (BUDDY_F * level));
	mm_word_t above = (mm_word_t)(BUDDY_FULL << (*unit & (BUDDY_W - 1)));
	mm_word_t word = mm_atomic_load_acquire(&b->level[level].words[i]) & above;

	while (!word) {
		i++;
		if (!buddy_sum_next(&b->level[level], buddy_count(b, level), &i))
			return false;
		word = mm_atomic_load_acquire(&b->level[level].words[i]);
	}
	*unit = buddy_frame(b, level, i, mm_lowest_bit_word(word)) >> (BUDDY_F * level);
	return true;
}

/* Is a frame of [first, last] free, in any level? */
static bool buddy_any_free(const struct mm_buddy *b, mm_pfn_t first, mm_pfn_t last)
{
	for (unsigned level = 0; level < b->nlevels; level++) {
		mm_pfn_t unit = first >> (BUDDY_F * level);

		if (buddy_next_unit(b, level, &unit) && unit <= last >> (BUDDY_F * level))
			return true;
	}
	return false;
}

/* Is a unit free that the block is part of? */
static bool buddy_covered(const struct mm_buddy *b, const struct buddy_block *k)
{
	for (unsigned level = k->level + 1; level < b->nlevels; level++) {
		mm_word_t word = mm_atomic_load_relaxed(buddy_word(b, level, k->pfn));

		if (word & buddy_unit_bit(level, k->pfn))
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

/* Checking */

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
	mm_word_t word = b->level[level].words[i];
	bool edge = i == 0 || i + 1 == buddy_count(b, level);
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
	return buddy_sum_exact(&b->level[level], count);
}

/* Arguments */

/* Levels that a range needs: up to the first with a single word, if there may be as many. */
static unsigned buddy_levels(mm_pfn_t base, mm_pfn_t last)
{
	unsigned n = 1;

	while (n < BUDDY_LEVELS_MAX && base >> (BUDDY_F * n) != last >> (BUDDY_F * n))
		n++;
	return n;
}

/* Is [first, first + count) inside the range? count is not 0. */
static bool buddy_holds(const struct mm_buddy *b, mm_pfn_t first, mm_pfn_t count)
{
	return first >= b->base && first - b->base < b->frames &&
	       count <= b->frames - (first - b->base);
}

static enum mm_status buddy_block_at(const struct mm_buddy *b, mm_pfn_t pfn, unsigned order,
				     struct buddy_block *k)
{
	if (!b || order > mm_buddy_max_order(b))
		return MM_E_INVAL;
	if (pfn & (((mm_pfn_t)1 << order) - 1))
		return MM_E_ALIGN;
	if (!buddy_holds(b, pfn, (mm_pfn_t)1 << order))
		return MM_E_FOREIGN;
	*k = buddy_of_order(b, order);
	k->pfn = pfn;
	return MM_OK;
}

/* The interface */

size_t mm_buddy_size(mm_pfn_t base, mm_pfn_t frames)
{
	struct mm_buddy_level lv;
	size_t words = 0, bytes;
	mm_pfn_t last = base + (frames - 1);

	if (frames == 0 || last < base || last > MM_PFN_MAX)
		return 0;
	for (unsigned level = 0; level < buddy_levels(base, last); level++) {
		mm_pfn_t gap = buddy_unit_above(level, last) - buddy_unit_above(level, base);

		if (!buddy_sum_carve(&lv, gap + 1, NULL, &words))
			return 0;
	}
	return mm_mul_size(words, sizeof(mm_word_t), &bytes) ? bytes : 0;
}

enum mm_status mm_buddy_init(struct mm_buddy *b, mm_pfn_t base, mm_pfn_t frames, void *meta,
			     size_t bytes)
{
	size_t size = mm_buddy_size(base, frames), used = 0;

	if (!b || !meta || !size || (uintptr_t)meta & (sizeof(mm_word_t) - 1))
		return MM_E_INVAL;
	if (bytes < size)
		return MM_E_NOSPC;
	__builtin_memset(meta, 0, size);
	__builtin_memset(b, 0, sizeof(*b));
	b->base = base;
	b->frames = frames;
	b->nlevels = buddy_levels(base, buddy_last(b));
	for (unsigned level = 0; level < b->nlevels; level++)
		(void)buddy_sum_carve(&b->level[level], buddy_count(b, level), meta, &used);
	return MM_OK;
}

unsigned mm_buddy_max_order(const struct mm_buddy *b)
{
	return BUDDY_F * b->nlevels;
}

enum mm_status mm_buddy_alloc(struct mm_buddy *b, unsigned order, mm_pfn_t *out)
{
	struct buddy_block k;
	enum mm_status st;

	if (!b || !out || order > mm_buddy_max_order(b))
		return MM_E_INVAL;
	k = buddy_of_order(b, order);
	st = buddy_search(b, &k);
	if (st != MM_OK)
		st = buddy_insist(b, &k, buddy_search);
	if (st == MM_OK)
		*out = k.pfn;
	return st;
}

enum mm_status mm_buddy_alloc_at(struct mm_buddy *b, mm_pfn_t pfn, unsigned order)
{
	struct buddy_block k;
	enum mm_status st = buddy_block_at(b, pfn, order, &k);

	if (st != MM_OK)
		return st;
	st = buddy_claim(b, &k);
	return st == MM_OK ? st : buddy_insist(b, &k, buddy_claim);
}

enum mm_status mm_buddy_free(struct mm_buddy *b, mm_pfn_t pfn, unsigned order)
{
	struct buddy_block k;
	enum mm_status st = buddy_block_at(b, pfn, order, &k);

	if (st != MM_OK)
		return st;
	if (MM_CHECKS > 0 && buddy_covered(b, &k))
		return MM_E_DOUBLE_FREE;
	if (MM_CHECKS > 1 && buddy_any_free(b, pfn, pfn + (((mm_pfn_t)1 << order) - 1)))
		return MM_E_DOUBLE_FREE;
	return buddy_give(b, &k);
}

enum mm_status mm_buddy_free_range(struct mm_buddy *b, mm_pfn_t first, mm_pfn_t count)
{
	if (!b)
		return MM_E_INVAL;
	if (count == 0)
		return MM_OK;
	if (!buddy_holds(b, first, count))
		return MM_E_FOREIGN;
	if (buddy_any_free(b, first, first + (count - 1)))
		return MM_E_DOUBLE_FREE;
	while (count) {
		mm_pfn_t largest = (mm_pfn_t)1 << mm_buddy_max_order(b);
		unsigned order = mm_lowest_bit64(first | largest), fits = mm_highest_bit64(count);
		struct buddy_block k = buddy_of_order(b, order < fits ? order : fits);

		k.pfn = first;
		if (buddy_give(b, &k) != MM_OK)
			return MM_E_DOUBLE_FREE; /* somebody freed it just now */
		order = BUDDY_F * k.level + k.run;
		first += (mm_pfn_t)1 << order;
		count -= (mm_pfn_t)1 << order;
	}
	return MM_OK;
}

bool mm_buddy_is_free(const struct mm_buddy *b, mm_pfn_t pfn)
{
	struct buddy_block k = { pfn, 0, 0 };

	if (!b || !buddy_holds(b, pfn, 1))
		return false;
	return mm_atomic_load_relaxed(buddy_word(b, 0, pfn)) & buddy_unit_bit(0, pfn) ||
	       buddy_covered(b, &k);
}

bool mm_buddy_next_free(const struct mm_buddy *b, mm_pfn_t from, mm_pfn_t *first, unsigned *order)
{
	struct buddy_block best = { 0, 0, 0 };
	bool any = false;

	if (!b || !b->frames || from > buddy_last(b))
		return false;
	from = from < b->base ? b->base : from;
	for (unsigned level = 0; level < b->nlevels; level++) {
		mm_pfn_t unit = from >> (BUDDY_F * level), pfn;

		if (!buddy_next_unit(b, level, &unit))
			continue;
		pfn = unit << (BUDDY_F * level);
		if (!any || pfn < best.pfn)
			best = (struct buddy_block){ pfn, level, 0 };
		any = true;
	}
	if (!any)
		return false;
	buddy_widen(b, &best);
	*first = best.pfn;
	*order = BUDDY_F * best.level + best.run;
	return true;
}

mm_pfn_t mm_buddy_count_free(const struct mm_buddy *b)
{
	mm_pfn_t free = 0;

	for (unsigned level = 0; b && level < b->nlevels; level++) {
		mm_pfn_t count = buddy_count(b, level), units = 0;

		for (mm_pfn_t i = 0; i < count; i++)
			units += mm_count_bits_word(
				mm_atomic_load_relaxed(&b->level[level].words[i]));
		free += units << (BUDDY_F * level);
	}
	return free;
}

enum mm_status mm_buddy_verify(const struct mm_buddy *b)
{
	if (!b)
		return MM_E_INVAL;
	if (b->begun != b->done || b->searching)
		return MM_E_CORRUPT; /* I5 */
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

#undef BUDDY_W
#undef BUDDY_F
#undef BUDDY_FULL
#undef BUDDY_PFN_BITS
#undef BUDDY_LEVELS_FIT
#undef BUDDY_LEVELS_MAX
