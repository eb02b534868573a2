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
 *              its lowest word with room for a block: summary.h.
 * Split        Take one bit of a higher level, then put the parts that are not wanted into the
 *              words below it, which are zero by I1.
 * Merge        Who makes a word full tries to swap it to zero; who succeeds owns W units, and sets
 *              the one bit above. Inside a word nothing is to merge: bits are the merged state.
 * Placement    Lowest address over all levels: measured best against fragmentation.
 * Invariants   I1 A frame is free in one level only: below a set bit all words are zero.
 *              I2 Only units that lie wholly inside the range are ever set.
 *              I3 When nobody is at work, no word below the top level is full.
 *              I4 When nobody is at work, summaries hide nothing (S1 of summary.h).
 *              I5 begun - done is the number of moves under way. Without atomics it is none.
 *              From I1 to I3: equal sets of free frames have equal words, bit for bit.
 * Why not      Lists: they write into free frames. Trees of counts: an operation changes many
 *              words, and a failed one must undo some. Here every step is one read-modify-write
 *              that moves frames from one owner to another: to the bitmap, or to the call that
 *              runs. So there is nothing to undo.
 * Concurrency  Taking acquires, giving releases: who gets a frame sees what was done before its
 *              free. ABA is harmless: a bit says who owns, nothing else. Who loses a
 *              compare-and-swap lost it to somebody's success.
 *              A failed search must be exact. Frames can hide from it in two ways:
 *              - In a move: merge, split, and a change of a summary, when frames or their bits are
 *                nowhere for a moment. All this is between buddy_begin() and buddy_end(). A search
 *                that read done, then begun, found them equal, and finds begun unchanged after it,
 *                overlapped no move that it saw anything of: its loads acquire, or a fence follows
 *                them, so they bring the new begun along.
 *              - One block is freed behind the search, another taken before it gets there. While
 *                somebody searches again (b->searching), each free counts as a move. Who frees
 *                changes the word, then reads b->searching; who searches changes b->searching,
 *                then reads words: one of them sees the other.
 *              If neither happened, free blocks only became fewer during the search, so at its end
 *              there was none. Else it is repeated, a bounded number of times: MM_E_AGAIN. */
#include "buddy.h"
#include "checked.h"

/* Searches again before MM_E_AGAIN. Tests that explore every schedule make it small. */
#ifndef MM_BUDDY_TRIES
#define MM_BUDDY_TRIES 64
#endif

/* Is a word to become one bit of the level above? */
static bool buddy_full(mm_word_t word)
{
	if (MM_PLANTED(MM_PLANT_BUDDY_MERGE))
		word |= 1;
	return word == BUDDY_FULL;
}

/* Frames were given: a move, if somebody searches again. */
static inline void buddy_gave(struct mm_buddy *b)
{
#if MM_ATOMICS
	if (mm_atomic_load_seq(&b->searching)) {
		buddy_begin(b);
		buddy_end(b);
	}
#else
	(void)b;
#endif
}

/* Giving frames to the bitmap */

/* The summaries learn of a class of word i that they did not know of. Keeps S2: a move. */
static BUDDY_SLOW void buddy_mark_new(struct mm_buddy *b, unsigned level, mm_pfn_t i, unsigned c)
{
	if (!MM_PLANTED(MM_PLANT_SUM_MOVE))
		buddy_begin(b);
	buddy_sum_mark(&b->level[level], i, c);
	if (!MM_PLANTED(MM_PLANT_SUM_MOVE))
		buddy_end(b);
}

/* The summaries know of a run of class c in word i. */
static inline void buddy_mark(struct mm_buddy *b, unsigned level, mm_pfn_t i, unsigned c)
{
	if (!buddy_sum_is_marked(&b->level[level], i, c))
		buddy_mark_new(b, level, i, c);
}

/* Add bits that the caller owns, inside a move; returns the word with them. */
static mm_word_t buddy_add(struct mm_buddy *b, unsigned level, mm_pfn_t pfn, mm_word_t bits)
{
	mm_pfn_t i = buddy_index(b, level, pfn);
	mm_word_t word = mm_atomic_or(&b->level[level].words[i], bits) | bits;

	buddy_mark(b, level, i, buddy_class(word));
	return word;
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
static BUDDY_SLOW void buddy_merge(struct mm_buddy *b, unsigned level, mm_pfn_t pfn, mm_word_t word)
{
	buddy_begin(b);
	while (buddy_full(word) && level + 1 < b->nlevels &&
	       buddy_take_full(b, level, pfn, &word)) {
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

/* Give bits to word i. */
static inline enum mm_status buddy_give_word(struct mm_buddy *b, unsigned level, mm_pfn_t i,
					     mm_word_t mask)
{
	mm_word_t *at = &b->level[level].words[i], was = mm_atomic_load_relaxed(at), word;

	do {
		if (MM_CHECKS > 0 && was & mask)
			return MM_E_DOUBLE_FREE;
		word = was | mask;
	} while (!buddy_put(at, &was, word));
	if (!MM_PLANTED(MM_PLANT_SUM_INFER) || !was)
		buddy_mark(b, level, i,
			   mask & (mask - 1) ? buddy_class(word) : buddy_class_at(word, mask));
	if (MM_PLANTED(MM_PLANT_FAR))
		buddy_sum_plant(&b->level[level], buddy_count(b, level));
	if (buddy_full(word) && level + 1 < b->nlevels)
		buddy_merge(b, level, buddy_frame(b, level, i, 0), word);
	buddy_gave(b);
	return MM_OK;
}

enum mm_status buddy_give(struct mm_buddy *b, unsigned level, mm_pfn_t pfn, mm_word_t mask)
{
	return buddy_give_word(b, level, buddy_index(b, level, pfn), mask);
}

static enum mm_status buddy_give_block(struct mm_buddy *b, const struct buddy_block *k)
{
	return buddy_give(b, k->level, k->pfn, buddy_mask(k));
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
	return true;
}

/* The lowest of these runs, at most so many. */
static mm_word_t buddy_lowest(mm_word_t runs, unsigned most)
{
	mm_word_t pick = 0;

	if (most >= BUDDY_W)
		return runs;
	for (; most && runs; most--) {
		mm_word_t rest = (mm_word_t)(runs & (runs - 1));

		pick |= (mm_word_t)(runs ^ rest);
		runs = rest;
	}
	return pick;
}

/* All bits of runs of 2^run bits, from their lowest bits. */
static mm_word_t buddy_whole(mm_word_t runs, unsigned run)
{
	for (unsigned i = 0; i < run; i++)
		runs |= (mm_word_t)(runs << (1u << i));
	return runs;
}

/* Take the lowest blocks of the word that s->k.pfn is in, and put the address of the first there. */
static bool buddy_take_lowest(struct mm_buddy *b, struct buddy_set *s)
{
	mm_pfn_t i = buddy_index(b, s->k.level, s->k.pfn);
	mm_word_t *at = &b->level[s->k.level].words[i], was = mm_atomic_load_relaxed(at), mask;

	do {
		s->pick = buddy_lowest(buddy_runs(was, s->k.run), s->most);
		if (!s->pick)
			return false;
		mask = buddy_whole(s->pick, s->k.run);
	} while (!mm_atomic_cas(at, &was, was & (mm_word_t)~mask));
	s->k.pfn = buddy_frame(b, s->k.level, i, mm_lowest_bit_word(s->pick));
	return true;
}

/* The caller took the unit of level `from` that the block k is in: give back all of it but `keep` of
 * k's word. No word becomes full, for something stays out. */
static void buddy_split(struct mm_buddy *b, const struct buddy_block *k, mm_word_t keep,
			unsigned from)
{
	while (from-- > k->level) {
		mm_word_t out = from == k->level ? keep : buddy_unit_bit(from, k->pfn);

		if (out != BUDDY_FULL)
			(void)buddy_add(b, from, k->pfn, (mm_word_t)~out);
	}
}

/* Looking for frames in the bitmap */

/* A hint about the item of word i is out of date. */
static void buddy_repair(struct mm_buddy *b, unsigned level, mm_pfn_t i)
{
	const struct mm_buddy_level *lv = &b->level[level];

	if (!buddy_sum_has_row(lv, 0))
		return;
	buddy_begin(b);
	buddy_sum_repair(lv, i);
	buddy_end(b);
}

/* Runs of 2^run bits in the words from *i to the end of its item; *i is the word that has some. */
static mm_word_t buddy_item_runs(const struct mm_buddy_level *lv, mm_pfn_t end, unsigned run,
				 mm_pfn_t *i)
{
	for (;; ++*i) {
		mm_word_t word = mm_atomic_load_acquire(&lv->words[*i]);

		if (word && (word = buddy_runs(word, run)) != 0)
			return word;
		if (*i + 1 >= end)
			return 0;
	}
}

/* Lowest address in a level where k->run fits, looking at `count` words. */
static bool buddy_find_in(struct mm_buddy *b, struct buddy_block *k, mm_pfn_t count)
{
	const struct mm_buddy_level *lv = &b->level[k->level];
	unsigned class = k->run < BUDDY_F ? k->run : BUDDY_F - 1;

	for (mm_pfn_t i = 0; buddy_sum_next(lv, count, class, &i); i++) {
		mm_word_t runs = buddy_item_runs(lv, buddy_sum_end(lv, count, i), k->run, &i);

		if (runs) {
			k->pfn = buddy_frame(b, k->level, i, mm_lowest_bit_word(runs));
			return true;
		}
		if (k->run == class || buddy_sum_class(lv, i) < BUDDY_F)
			buddy_repair(b, k->level, i);
	}
	return false;
}

/* Lowest address where the block fits, in its level or as part of a unit above; *found is that run
 * or that unit. From the top level down: what is found bounds the search below it. */
static BUDDY_SLOW bool buddy_find(struct mm_buddy *b, const struct buddy_block *k, struct buddy_block *found)
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

/* Take the unit that s->k.pfn is in, of level `from` above the blocks' own, and keep blocks of it: a
 * move, unless all of it is kept. */
static bool buddy_take_above(struct mm_buddy *b, struct buddy_set *s, unsigned from)
{
	struct buddy_set unit = { .k = { s->k.pfn, from, 0 }, .most = 1 };
	mm_word_t keep;
	bool taken, all;

	s->pick = buddy_lowest(buddy_aligned(s->k.run), s->most);
	keep = buddy_whole(s->pick, s->k.run);
	all = keep == BUDDY_FULL && from == s->k.level + 1;
	if (!all)
		buddy_begin(b);
	taken = buddy_take_lowest(b, &unit);
	s->k.pfn = unit.k.pfn;
	if (taken && from >= 2)
		buddy_fill_units(b, s->k.level, s->k.pfn, keep);
	if (taken && !all)
		buddy_split(b, &s->k, keep, from);
	if (!all)
		buddy_end(b);
	return taken;
}

/* Take blocks where a search found some. MM_E_BUSY: somebody else was faster. */
static inline enum mm_status buddy_take_found(struct mm_buddy *b, struct buddy_set *s,
					      const struct buddy_block *found)
{
	bool taken;

	s->k.pfn = found->pfn;
	taken = found->level == s->k.level ? buddy_take_lowest(b, s)
					   : buddy_take_above(b, s, found->level);
	if (taken && s->k.level >= 2)
		buddy_fill_units(b, s->k.level, s->k.pfn, buddy_whole(s->pick, s->k.run));
	return taken ? MM_OK : MM_E_BUSY;
}

/* One search, and the lowest place taken. MM_E_BUSY: somebody else was faster. */
static enum mm_status buddy_try_lowest(struct mm_buddy *b, struct buddy_set *s)
{
	struct buddy_block found = s->k;

	return buddy_find(b, &s->k, &found) ? buddy_take_found(b, s, &found) : MM_E_NOMEM;
}

/* Lock-free: each further search is paid for by somebody's success. */
static enum mm_status buddy_search(struct mm_buddy *b, struct buddy_set *s)
{
	enum mm_status st;

	do {
		st = buddy_try_lowest(b, s);
	} while (st == MM_E_BUSY);
	return st;
}

/* If they are free only as pieces below, somebody is about to merge them. */
enum mm_status buddy_claim(struct mm_buddy *b, struct buddy_set *s)
{
	const struct buddy_block *k = &s->k;

	if ((k->level != 0 || buddy_filled(b, k->pfn)) && buddy_take(b, k->level, k->pfn, s->pick)) {
		if (k->level >= 2)
			buddy_fill_units(b, k->level, k->pfn, s->pick);
		return MM_OK;
	}
	for (unsigned level = k->level + 1; level < b->nlevels; level++) {
		mm_word_t bit = buddy_unit_bit(level, k->pfn);
		bool taken;

		if (!(mm_atomic_load_acquire(buddy_word(b, level, k->pfn)) & bit))
			continue;
		buddy_begin(b);
		taken = buddy_take(b, level, k->pfn, bit);
		if (taken && level >= 2)
			buddy_fill_units(b, k->level, k->pfn, s->pick);
		if (taken)
			buddy_split(b, k, s->pick, level);
		buddy_end(b);
		if (taken)
			return MM_OK;
	}
	return MM_E_BUSY;
}

#if MM_ATOMICS
/* See Concurrency. */
enum mm_status buddy_insist(struct mm_buddy *b, struct buddy_set *s,
			    enum mm_status (*attempt)(struct mm_buddy *, struct buddy_set *))
{
	enum mm_status st = MM_E_AGAIN;

	mm_atomic_add(&b->searching, 1u);
	mm_atomic_fence(); /* b->searching is seen before any word is read */
	for (unsigned n = 0; n < MM_BUDDY_TRIES && st == MM_E_AGAIN; n++) {
		uint32_t done = mm_atomic_load_acquire(&b->done);
		uint32_t begun = mm_atomic_load_acquire(&b->begun);

		st = attempt(b, s);
		mm_atomic_fence(); /* nor is b->begun read before what was read without acquire */
		if (st != MM_OK && (done != begun || mm_atomic_load_acquire(&b->begun) != begun))
			st = MM_E_AGAIN;
	}
	mm_atomic_add(&b->searching, UINT32_MAX);
	return st;
}
#endif

enum mm_status buddy_take_set(struct mm_buddy *b, struct buddy_set *s, unsigned order, unsigned most)
{
	s->k = buddy_of_order(b, order);
	s->most = most;
	return buddy_sure(b, s, buddy_search(b, s), buddy_search);
}

/* Arguments */

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
	mm_pfn_t last = base + (frames - 1), origin = buddy_origin(base);
	unsigned nlevels;

	if (frames == 0 || last < base || last > MM_PFN_MAX)
		return 0;
	nlevels = buddy_levels(base, last);
	for (unsigned level = 0; level < nlevels; level++) {
		mm_pfn_t gap = buddy_unit_above(level, last) - buddy_unit_above(level, origin);

		if (!buddy_carve_words(&lv, gap + 1, NULL, &words) ||
		    !buddy_sum_carve(&lv, gap + 1, NULL, &words))
			return 0;
	}
	if (MM_BUDDY_SECTIONS && nlevels > 2)
		words += (size_t)(buddy_unit_above(2, last) - buddy_unit_above(2, base)) + 1;
	return mm_mul_size(words, sizeof(mm_word_t), &bytes) ? bytes : 0;
}

/* Place everything in meta; nothing is written there. */
static enum mm_status buddy_place(struct mm_buddy *b, mm_pfn_t base, mm_pfn_t frames, void *meta,
				  size_t bytes, size_t *used)
{
	size_t size = mm_buddy_size(base, frames);

	*used = 0;
	if (!b || !meta || !size || (uintptr_t)meta & (sizeof(mm_word_t) - 1))
		return MM_E_INVAL;
	if (bytes < size)
		return MM_E_NOSPC;
	__builtin_memset(b, 0, sizeof(*b));
	b->base = base;
	b->frames = frames;
#if MM_BUDDY_SECTIONS
	b->origin = buddy_origin(base);
#endif
	b->nlevels = buddy_levels(base, buddy_last(b));
	for (unsigned level = 0; level < b->nlevels; level++)
		(void)buddy_carve_words(&b->level[level], buddy_count(b, level), meta, used);
	for (unsigned level = 0; level < b->nlevels; level++)
		(void)buddy_sum_carve(&b->level[level], buddy_count(b, level), meta, used);
	return MM_OK;
}

enum mm_status mm_buddy_init(struct mm_buddy *b, mm_pfn_t base, mm_pfn_t frames, void *meta,
			     size_t bytes)
{
	size_t used;
	enum mm_status st = buddy_place(b, base, frames, meta, bytes, &used);

	if (st == MM_OK)
		__builtin_memset(meta, 0, mm_buddy_size(base, frames));
	return st;
}

enum mm_status buddy_init_sections(struct mm_buddy *b, mm_pfn_t base, mm_pfn_t frames, void *meta,
				   size_t bytes, uint8_t *frame_bytes)
{
	size_t used, begin = 0;
	enum mm_status st = buddy_place(b, base, frames, meta, bytes, &used);

	if (st != MM_OK)
		return st;
#if MM_BUDDY_SECTIONS
	if (b->nlevels > 2) {
		begin = (size_t)(b->level[1].words - b->level[0].words);
		b->filled = (mm_word_t *)meta + used;
		b->bytes = frame_bytes;
		b->level[0].words[begin - 1] = 0; /* it may be there for a whole item only */
	} else {
		__builtin_memset(frame_bytes, 0, (size_t)frames);
	}
#else
	__builtin_memset(frame_bytes, 0, (size_t)frames);
#endif
	begin *= sizeof(mm_word_t);
	__builtin_memset((unsigned char *)meta + begin, 0, mm_buddy_size(base, frames) - begin);
	buddy_fill(b, base, base); /* a prefix is never empty */
	return MM_OK;
}

unsigned mm_buddy_max_order(const struct mm_buddy *b)
{
	return BUDDY_F * b->nlevels;
}

enum mm_status mm_buddy_alloc(struct mm_buddy *b, unsigned order, mm_pfn_t *out)
{
	struct buddy_set s;
	enum mm_status st;

	if (!b || !out || order > mm_buddy_max_order(b))
		return MM_E_INVAL;
	st = buddy_take_set(b, &s, order, 1);
	if (st == MM_OK)
		*out = s.k.pfn;
	return st;
}

enum mm_status mm_buddy_alloc_at(struct mm_buddy *b, mm_pfn_t pfn, unsigned order)
{
	struct buddy_set s;
	enum mm_status st = buddy_block_at(b, pfn, order, &s.k);

	if (st != MM_OK)
		return st;
	s.pick = buddy_mask(&s.k);
	return buddy_sure(b, &s, buddy_claim(b, &s), buddy_claim);
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
	return buddy_give_block(b, &k);
}

/* List all units of a word, the lowest last: no bit is looked for. By fours, for the loop itself was half. */
static void buddy_list_word(uint32_t *at, uint32_t base, uint32_t step)
{
	for (unsigned n = BUDDY_W; n; n -= 4, base += step) {
		at[n - 1] = base;
		at[n - 2] = base += step;
		at[n - 3] = base += step;
		at[n - 4] = base += step;
	}
}

/* List the blocks of a set, the lowest last. Returns how many. */
static unsigned buddy_list(const struct mm_buddy *b, const struct buddy_set *s, uint32_t *at)
{
	const unsigned shift = BUDDY_F * s->k.level, n = mm_count_bits_word(s->pick);
	const uint32_t base = (uint32_t)(buddy_frame(b, s->k.level, buddy_index(b, s->k.level, s->k.pfn), 0) -
					 b->base); /* may lie before: it wraps */

	if (s->pick == BUDDY_FULL) {
		buddy_list_word(at, base, (uint32_t)1 << shift);
		return BUDDY_W;
	}
	at += n;
	for (mm_word_t pick = s->pick; pick; pick &= (mm_word_t)(pick - 1))
		*--at = base + ((uint32_t)mm_lowest_bit_word(pick) << shift);
	return n;
}

enum mm_status buddy_take_bulk(struct mm_buddy *b, unsigned order, uint32_t *at, unsigned most,
			       unsigned *got)
{
	struct buddy_set s;
	enum mm_status st = buddy_take_set(b, &s, order, most);

	if (st == MM_OK)
		*got = buddy_list(b, &s, at);
	return st;
}

#if MM_ATOMICS
bool buddy_take_word(struct mm_buddy *b, uint32_t first, uint32_t *at)
{
	struct buddy_set s;

	if (buddy_block_at(b, b->base + first, BUDDY_F, &s.k) != MM_OK)
		return false;
	s.pick = buddy_mask(&s.k);
	if (buddy_claim(b, &s) != MM_OK)
		return false;
	buddy_list_word(at, first, 1);
	return true;
}

bool buddy_take_sector(struct mm_buddy *b, unsigned order, mm_pfn_t within, unsigned most,
		       uint32_t *at, unsigned *got)
{
	struct buddy_set s = { .most = most };
	const struct buddy_block sector = buddy_of_order(b, order);
	struct buddy_block found, lowest;

	*got = 0;
	if (order > mm_buddy_max_order(b) || !buddy_find(b, &s.k, &lowest))
		return false;
	if (lowest.level != 0 && buddy_find(b, &sector, &found) && found.pfn - lowest.pfn < within &&
	    buddy_take_word(b, (uint32_t)(found.pfn - b->base), at)) {
		*got = BUDDY_W;
		return true;
	}
	if (buddy_take_found(b, &s, &lowest) == MM_OK)
		*got = buddy_list(b, &s, at);
	return false;
}
#endif

enum mm_status buddy_give_bulk(struct mm_buddy *b, unsigned order, const uint32_t *at, unsigned n)
{
	const struct buddy_block k = buddy_of_order(b, order);
	const unsigned shift = BUDDY_F * k.level;
	const mm_pfn_t first = buddy_unit_above(k.level, buddy_start(b)), base = b->base;
	const mm_word_t run = buddy_run(k.run);
	mm_pfn_t unit = n ? (base + *at) >> shift : 0;
	enum mm_status st = MM_OK;

	while (n && st == MM_OK) {
		mm_pfn_t word = unit >> BUDDY_F;
		mm_word_t mask = 0;

		do { /* neighbours in one word */
			mask |= (mm_word_t)(run << (unit & (BUDDY_W - 1)));
			if (--n)
				unit = (base + *++at) >> shift;
		} while (n && unit >> BUDDY_F == word);
		st = buddy_give_word(b, k.level, word - first, mask);
	}
	return st;
}

#undef MM_BUDDY_TRIES
