/* SPDX-License-Identifier: MIT */
/* Theory of operation: runs of frames
 * Problem      any number of frames that lie together, not only a power of two: anywhere between limits,
 *              or at one place; and give them back.
 * Structure    a run consists of pieces, each in one word: units of the highest level that begin at
 *              its first frame, as many as the word and the run still have. When nobody is at work, a
 *              free piece is free in its own word, or as part of one unit above it.
 *                frames   5..................300          W = 8, a unit of level 1 is 8 frames
 *                level 0  5 6 7                 296..300   pieces: 5-7, 8-63, 64-255, 256-295,
 *                level 1        8....63 256..295                  296-300: a compare-and-swap
 *                level 2               64.....255                 each
 * Finding      a run of n frames holds an aligned block of at least a quarter of them: such blocks are
 *              found by the summaries, lowest address first, and the free frames around each are
 *              looked at. What is less than that is never looked at.
 * Taking       pieces by rising address. Who finds one gone gives back what it has by the ordinary
 *              way, so there is nothing to undo. Rising addresses: of calls that stand in each other's
 *              way, the one with the highest piece goes on.
 * Invariants   F1 Between the first piece and the last, or the last given back, a call is inside a move:
 *                 frames that it holds in vain are not taken for allocated (I5 of buddy.c).
 *              F2 A call begins to take only what it has just seen free. So it fails without a move of
 *                 its own where a frame is allocated, and that failure can be exact.
 * Concurrency  as buddy.c. A run that was found and then lost is MM_E_AGAIN, and looked for again. */
#include "buddy.h"

/* What a call wants, and found. */
struct buddy_run {
	struct buddy_set set; /* first: attempts are given this; the piece at work */
	mm_pfn_t first, count;
	struct mm_buddy_limits where;
	unsigned seed; /* order of a block that every such run holds */
};

/* The piece that [first, first + count) begins with; returns its frames. */
static mm_pfn_t run_piece(const struct mm_buddy *b, mm_pfn_t first, mm_pfn_t count,
			  struct buddy_set *s)
{
	unsigned level = b->nlevels - 1, at, n;
	mm_pfn_t units;

	while (first & (((mm_pfn_t)1 << (BUDDY_F * level)) - 1) ||
	       count >> (BUDDY_F * level) == 0)
		level--;
	at = (unsigned)(first >> (BUDDY_F * level)) & (BUDDY_W - 1);
	units = count >> (BUDDY_F * level);
	n = units < BUDDY_W - at ? (unsigned)units : BUDDY_W - at;
	s->k = (struct buddy_block){ first, level, 0 };
	s->pick = buddy_bits(at, n);
	return (mm_pfn_t)n << (BUDDY_F * level);
}

/* Give the frames [first, first + count), which the caller owns. */
static enum mm_status run_give(struct mm_buddy *b, mm_pfn_t first, mm_pfn_t count)
{
	enum mm_status st = MM_OK;
	struct buddy_set s;

	while (count && st == MM_OK) {
		mm_pfn_t frames = run_piece(b, first, count, &s);

		st = buddy_give(b, s.k.level, s.k.pfn, s.pick);
		first += frames;
		count -= frames;
	}
	return st;
}

/* Free frames from pfn on, as far as one word tells; 0: it is not free. */
static mm_pfn_t run_from(const struct mm_buddy *b, mm_pfn_t pfn)
{
	for (unsigned level = 0; level < b->nlevels; level++) {
		mm_pfn_t unit = pfn >> (BUDDY_F * level);
		mm_word_t word = buddy_load(b, level, pfn);
		unsigned at = (unsigned)unit & (BUDDY_W - 1), n;

		if (!(word & buddy_bit(unit)))
			continue;
		word = (mm_word_t)~(word >> at);
		n = word ? mm_lowest_bit_word(word) : BUDDY_W;
		return ((unit + n) << (BUDDY_F * level)) - pfn;
	}
	return 0;
}

/* Free frames up to pfn and with it, as far as one word tells. */
static mm_pfn_t run_back_from(const struct mm_buddy *b, mm_pfn_t pfn)
{
	for (unsigned level = 0; level < b->nlevels; level++) {
		mm_pfn_t unit = pfn >> (BUDDY_F * level);
		mm_word_t word = buddy_load(b, level, pfn);
		unsigned at = (unsigned)unit & (BUDDY_W - 1), n;

		if (!(word & buddy_bit(unit)))
			continue;
		word = (mm_word_t)~(word << (BUDDY_W - 1 - at));
		n = word ? BUDDY_W - 1 - mm_highest_bit_word(word) : BUDDY_W;
		return pfn + 1 - ((unit + 1 - n) << (BUDDY_F * level));
	}
	return 0;
}

/* Where in the free frames [first, end) the run fits: from r->first on. */
static bool run_fits(struct buddy_run *r, mm_pfn_t first, mm_pfn_t end)
{
	mm_pfn_t align = r->where.align - 1, boundary = r->where.boundary - 1;
	mm_pfn_t at = (first + align) & ~align;

	if (at < first)
		return false;
	if (r->where.boundary && (at & boundary) > r->where.boundary - r->count) {
		at = ((at | boundary) + 1 + align) & ~align; /* none is crossed from there on */
		if (at < first)
			return false;
	}
	r->first = at;
	return at <= end && r->count <= end - at;
}

/* The free frames round one that is free, from `low` on: is there room? *end: behind them, as far as
 * they were looked at. */
static bool run_around(const struct mm_buddy *b, struct buddy_run *r, mm_pfn_t low, mm_pfn_t pfn,
		       mm_pfn_t *end)
{
	mm_pfn_t first = pfn, n;

	while (first > low && (n = run_back_from(b, first - 1)) != 0)
		first -= n < first - low ? n : first - low;
	for (*end = pfn; *end <= r->where.high && (n = run_from(b, *end)) != 0;) {
		*end = n <= r->where.high - *end ? *end + n : r->where.high + 1;
		if (run_fits(r, first, *end))
			return true;
	}
	return false;
}

/* The lowest place for the run. */
static bool run_find(const struct mm_buddy *b, struct buddy_run *r)
{
	mm_pfn_t from = r->where.low;
	struct buddy_block seed;

	while (from <= r->where.high && buddy_next_block(b, from, r->seed, &seed)) {
		mm_pfn_t pfn = seed.pfn > from ? seed.pfn : from, end;

		if (pfn > r->where.high)
			return false;
		if (run_around(b, r, from, pfn, &end))
			return true;
		from = end + 1; /* that frame is not free */
	}
	return false;
}

/* Is all of the run free? */
static bool run_is_free(const struct mm_buddy *b, const struct buddy_run *r)
{
	mm_pfn_t done = 0, n;

	while (done < r->count && (n = run_from(b, r->first + done)) != 0)
		done += n;
	return done >= r->count;
}

/* Take the run, piece by piece; false: one was gone, and all is given back. Keeps F1. */
static bool run_take(struct mm_buddy *b, struct buddy_run *r)
{
	mm_pfn_t done = 0, n = run_piece(b, r->first, r->count, &r->set);
	bool move = n < r->count && !MM_PLANTED(MM_PLANT_RUN);

	if (move)
		buddy_begin(b);
	while (buddy_claim(b, &r->set) == MM_OK) {
		done += n;
		if (done == r->count)
			break;
		n = run_piece(b, r->first + done, r->count - done, &r->set);
	}
	if (done < r->count)
		(void)run_give(b, r->first, done); /* what the call owns is not free: it cannot fail */
	if (move)
		buddy_end(b);
	return done == r->count;
}

/* Attempts, for buddy_sure(). F2. */

static enum mm_status run_try_anywhere(struct mm_buddy *b, struct buddy_set *s)
{
	struct buddy_run *r = (struct buddy_run *)(void *)s;

	if (!run_find(b, r))
		return MM_E_NOMEM;
	return run_take(b, r) ? MM_OK : MM_E_AGAIN;
}

static enum mm_status run_try_there(struct mm_buddy *b, struct buddy_set *s)
{
	struct buddy_run *r = (struct buddy_run *)(void *)s;

	if (!run_is_free(b, r))
		return MM_E_BUSY;
	return run_take(b, r) ? MM_OK : MM_E_AGAIN;
}

/* Order of an aligned block that every run of so many frames with this alignment holds: from 2^(k + 1) -
 * 2^a frames on, where a <= k is the order of the alignment, there is one of order k. */
static unsigned run_seed(const struct mm_buddy *b, mm_pfn_t count, mm_pfn_t align)
{
	unsigned max = mm_buddy_max_order(b), k = mm_highest_bit64(count);

	if (k && align < (mm_pfn_t)1 << k && count - ((mm_pfn_t)1 << k) < ((mm_pfn_t)1 << k) - align)
		k--;
	return k < max ? k : max;
}

static bool run_is_power(mm_pfn_t n)
{
	return n && !(n & (n - 1));
}

enum mm_status mm_buddy_alloc_run(struct mm_buddy *b, mm_pfn_t count,
				  const struct mm_buddy_limits *where, mm_pfn_t *out)
{
	struct buddy_run r = { .count = count, .where = { 0, MM_PFN_MAX, 1, 0 } };
	enum mm_status st;

	if (where)
		r.where = *where;
	if (!b || !out || count == 0 || r.where.low > r.where.high || !run_is_power(r.where.align))
		return MM_E_INVAL;
	if (r.where.boundary && (!run_is_power(r.where.boundary) || r.where.boundary < count))
		return MM_E_INVAL;
	if (count > b->frames || r.where.low > buddy_last(b) || r.where.high < b->base)
		return MM_E_NOMEM;
	if (r.where.low < b->base)
		r.where.low = b->base;
	if (r.where.high > buddy_last(b))
		r.where.high = buddy_last(b);
	r.seed = run_seed(b, count, r.where.align);
	st = buddy_sure(b, &r.set, run_try_anywhere(b, &r.set), run_try_anywhere);
	if (st == MM_OK)
		*out = r.first;
	return st;
}

enum mm_status mm_buddy_alloc_range(struct mm_buddy *b, mm_pfn_t first, mm_pfn_t count)
{
	struct buddy_run r = { .first = first, .count = count };

	if (!b || count == 0)
		return MM_E_INVAL;
	if (!buddy_holds(b, first, count))
		return MM_E_FOREIGN;
	return buddy_sure(b, &r.set, run_try_there(b, &r.set), run_try_there);
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
	return run_give(b, first, count); /* an error: somebody freed a part just now */
}
