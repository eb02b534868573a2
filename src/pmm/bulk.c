/* SPDX-License-Identifier: MIT */
/* Theory of operation: many blocks at once
 * Problem      who fills a ring of a device, or unmaps a process, wants or gives many blocks of one order:
 *              one search and one compare-and-swap for each would be most of the cost.
 * Structure    the buddy gives all blocks of the lowest word that has some by one compare-and-swap, and
 *              takes neighbours in the array that share a word back by another. What is at
 *              hand on CPUs stays there; when the buddies have no more, blocks come one by one by the
 *              ordinary path, which ends as exactly as a single allocation.
 * Invariants   K1 Frees: every block is believed, and its byte 00, before the first one is in a buddy; who
 *                 is refused has put all bytes back.
 * Concurrency  any CPU, interrupts: blocks belong to the call between byte and bitmap. */
#include <mmlib/range.h>
#include "hook.h"
#include "zone.h"
#include "../buddy/buddy.h"
#include "../checked.h"

/* What a call wants, and how far it is. */
struct bulk {
	struct mm_pmm *pmm;
	struct zone_want want;
	unsigned order;
	unsigned byte;
	mm_paddr_t *out;
	size_t done, n;
};

/* Does a range have such blocks, all in one buddy? With classes, each may be in another. */
static bool bulk_fits(const struct mm_range *r, unsigned order)
{
	return !pmm_has_classes(r) && order <= mm_buddy_max_order(&r->buddy);
}

/* Tell of blocks that came from the buddy of a range; returns how many. */
static size_t bulk_tell(const struct mm_range *r, const struct buddy_set *s, unsigned byte,
			mm_paddr_t *out)
{
	const unsigned shift = BUDDY_F * s->k.level, low = mm_lowest_bit_word(s->pick);
	const size_t step = (size_t)1 << shift;
	const mm_paddr_t size = mm_pfn_to_pa(step);
	mm_word_t rest = (mm_word_t)(s->pick >> low);
	size_t n = 0;

	while (rest) {
		unsigned at = mm_lowest_bit_word(rest), row = 1;
		mm_word_t more = (mm_word_t) ~(rest >> at);
		mm_pfn_t pfn = s->k.pfn + ((mm_pfn_t)at << shift);
		mm_paddr_t pa = mm_pfn_to_pa(pfn);
		uint8_t *mark = frame_byte(r, pfn);

		if (s->k.run == 0) /* bits of neighbours are neighbours */
			row = more ? mm_lowest_bit_word(more) : BUDDY_W;
		rest &= (mm_word_t)~buddy_bits(at, row);
		for (; row > 0; row--, mark += step, pa += size) {
			mm_atomic_store_relaxed(mark, (uint8_t)byte);
			out[n++] = pa;
		}
	}
	return n;
}

/* From the words of one range. */
static void bulk_from_range(struct bulk *b, struct mm_range *r)
{
	struct buddy_set set;

	while (b->done < b->n) {
		size_t most = b->n - b->done < BUDDY_W ? b->n - b->done : BUDDY_W, got;

		if (!zone_admits(b->pmm, &b->want, r->zone, (mm_pfn_t)most << b->order) ||
		    buddy_take_set(&r->buddy, &set, b->order, (unsigned)most) != MM_OK)
			return;
		got = mm_count_bits_word(set.pick);
		pmm_count(b->pmm, r->zone, (uintptr_t)0 - ((uintptr_t)got << b->order)); /* M3 */
		b->done += bulk_tell(r, &set, b->byte, b->out + b->done);
	}
}

static void bulk_from_zones(struct bulk *b)
{
	struct zone_walk walk;
	uint32_t zone;

	for (zone_walk_start(&walk, b->pmm, &b->want);
	     b->done < b->n && zone_walk_next(&walk, &zone);)
		for (struct mm_range *r = zone_first_range(b->pmm, zone); r;
		     r = zone_next_range(b->pmm, r))
			if (bulk_fits(r, b->order))
				bulk_from_range(b, r);
}

/* What is due for blocks that came from the buddies. */
static void bulk_finish(const struct bulk *b, uint32_t flags)
{
	for (size_t i = 0; i < b->done && (POISON_ACTS || flags & MM_ALLOC_ZERO); i++) {
		poison_check(b->pmm, b->out[i], (mm_pfn_t)1 << b->order);
		if (flags & MM_ALLOC_ZERO)
			pmm_zero(b->pmm, b->out[i], b->order);
	}
	zone_watch_all(b->pmm);
}

enum mm_status mm_page_alloc_bulk(struct mm_pmm *pmm, unsigned order, uint32_t flags,
				  mm_paddr_t *out, size_t n, size_t *got)
{
	struct bulk b = { .pmm = pmm, .order = order, .out = out, .n = n };
	enum mm_status st;

	if (!pmm || !out || !got || n == 0)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	st = pmm_check_flags(pmm, order, flags);
	if (st != MM_OK)
		return st;
	b.byte = pmm_byte(order, flags);
	b.want = zone_want(pmm, flags);
	bulk_from_zones(&b);
	bulk_finish(&b, flags);
	while (b.done < n && st == MM_OK) {
		st = pmm_alloc_as(pmm, order, flags, b.byte, &out[b.done]);
		b.done += st == MM_OK;
	}
	if (b.done == 0)
		return st;
	*got = b.done;
	return MM_OK;
}

/* Blocks that follow each other in memory, from pa[0] on, at most n. */
static inline size_t bulk_row(const mm_paddr_t *pa, size_t n, unsigned order)
{
	const mm_paddr_t size = mm_pfn_to_pa((mm_pfn_t)1 << order);
	mm_paddr_t next = pa[0] + size;
	size_t k = 1;

	if (n == 1 || pa[1] != next)
		return 1;
	for (; n - k >= 4 && pa[k] == next && pa[k + 1] == next + size &&
	       pa[k + 2] == next + 2 * size && pa[k + 3] == next + 3 * size;
	     k += 4)
		next += 4 * size;
	for (; k < n && pa[k] == next; k++)
		next += size;
	return k;
}

/* Believe a block that is not as it should be. */
static PMM_SLOW enum mm_status bulk_doubt(const struct mm_pmm *pmm, mm_paddr_t pa)
{
	mm_pfn_t pfn = mm_pa_to_pfn(pa);
	const struct mm_range *r = pmm_find_pa(pmm, pa);
	unsigned byte = frame_load(r, pfn);

	if (MM_PLANTED(MM_PLANT_BULK) && byte == FRAME_FREE)
		return MM_OK;
	return pmm_refuse(r, pfn, byte);
}

/* Believe neighbours in one place, as far as they are as they should be; returns how many. */
static inline size_t bulk_believe_row(uint8_t *at, size_t n, unsigned order, unsigned byte)
{
	const size_t step = (size_t)1 << order;
	size_t k = 0;

	for (; k < n && mm_atomic_load_relaxed(at) == byte && frame_swap(at, byte, FRAME_FREE); k++)
		at += step;
	return k;
}

/* Believe blocks, whose bytes become 00. *done: how many. *one: all of them are in one range. */
static enum mm_status bulk_believe(const struct mm_pmm *pmm, unsigned order, unsigned byte,
				   const mm_paddr_t *pa, size_t n, size_t *done, bool *one)
{
	const struct mm_range *r = pmm->ranges; /* that of the block before, or any */
	enum mm_status st = MM_OK;
	size_t k = 0, row, got;

	for (; k < n && st == MM_OK; k += got) {
		mm_pfn_t pfn = mm_pa_to_pfn(pa[k]), left = r->last - pfn, in_section;

		got = 0;
		if (pa[k] & (MM_FRAME_SIZE - 1)) {
			st = MM_E_ALIGN;
		} else if ((pa[k] >> MM_FRAME_SHIFT) - r->first > r->last - r->first) {
			/* a frame number may have fewer bits than that */
			*one = k == 0;
			st = (r = pmm_find_pa(pmm, pa[k])) != NULL ? MM_OK : MM_E_FOREIGN;
		} else if (!buddy_filled(&r->buddy, pfn)) {
			st = bulk_doubt(pmm, pa[k]);
			got = st == MM_OK;
		} else {
			in_section = ~pfn & (BUDDY_SECTION - 1);
			left = (left < in_section ? left : in_section) >> order;
			row = bulk_row(pa + k, n - k <= left ? n - k : (size_t)left + 1, order);
			got = bulk_believe_row(frame_byte(r, pfn), row, order, byte);
			if (got < row && (st = bulk_doubt(pmm, pa[k + got])) == MM_OK)
				got++;
		}
	}
	*done = k;
	return st;
}

/* How many blocks, from pa[0] on, are of one range. */
static size_t bulk_in(const struct mm_range *r, const mm_paddr_t *pa, size_t n)
{
	const mm_pfn_t first = r->first, last = r->last - first;
	size_t k = 0;

	while (k < n && mm_pa_to_pfn(pa[k]) - first <= last)
		k++;
	return k;
}

/* Give the first blocks of an array, at least one, to the buddy of their range, if not @one that of all;
 * returns how many. */
static size_t bulk_give(struct mm_pmm *pmm, unsigned order, const mm_paddr_t *pa, size_t n,
			bool one)
{
	struct mm_range *r = pmm_find_pa(pmm, pa[0]);
	const struct buddy_block k = buddy_of_order(&r->buddy, order);
	const unsigned shift = BUDDY_F * k.level;
	enum mm_status st = MM_OK;

	if (!bulk_fits(r, order)) {
		pmm_to_buddy(pmm, r, mm_pa_to_pfn(pa[0]), order);
		return 1;
	}
	if (!one)
		n = bulk_in(r, pa, n);
	pmm_count(pmm, r->zone, (uintptr_t)n << order); /* M3 */
	for (size_t i = 0; i < n && st == MM_OK;) {
		mm_pfn_t pfn = mm_pa_to_pfn(pa[i]), unit = pfn >> shift, word = unit >> BUDDY_F;
		mm_word_t mask = 0;

		do { /* neighbours in one word */
			unsigned at = (unsigned)unit & (BUDDY_W - 1);
			size_t room = (BUDDY_W - at) >> k.run;
			size_t row = bulk_row(pa + i, n - i < room ? n - i : room, order);

			mask |= buddy_bits(at, (unsigned)row << k.run);
			i += row;
			unit = i < n ? mm_pa_to_pfn(pa[i]) >> shift : 0;
		} while (i < n && unit >> BUDDY_F == word);
		st = buddy_give(&r->buddy, k.level, pfn, mask);
	}
	MM_CHECK(pmm->port, st == MM_OK); /* K1, M2 */
	zone_watch_range(pmm, r);
	return n;
}

enum mm_status mm_page_free_bulk(struct mm_pmm *pmm, unsigned order, const mm_paddr_t *pa, size_t n)
{
	unsigned byte;
	enum mm_status st;
	bool one = true;
	size_t i;

	if (!pmm || (!pa && n))
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	byte = n ? pmm_head_at(pmm, pa[0], order)
		 : FRAME_NOTHING; /* movable, or not, as the first */
	st = bulk_believe(pmm, order, byte, pa, n, &i, &one);
	if (st != MM_OK) {
		while (i-- > 0) /* K1 */
			frame_store(pmm_find_pa(pmm, pa[i]), mm_pa_to_pfn(pa[i]), byte);
		return st;
	}
	for (i = 0; i < n && POISON_ACTS; i++)
		poison_fill(pmm, pa[i], (mm_pfn_t)1 << order);
	for (i = 0; i < n;)
		i += bulk_give(pmm, order, pa + i, n - i, one);
	return MM_OK;
}
