/* SPDX-License-Identifier: MIT */
/* Theory of operation: many blocks at once
 * Problem      who fills a ring of a device, or unmaps a process, wants or gives many blocks of one order:
 *              one search and one compare-and-swap for each would be most of the cost.
 * Structure    the buddy gives all blocks of the lowest word that has some by one compare-and-swap, and
 *              takes neighbours of one word back by another (buddy_take_bulk, buddy_give_bulk). What is at
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

#define BULK_CHUNK 32u /* blocks on the way between array and buddy */

/* What a call wants, and how far it is. */
struct bulk {
	struct mm_pmm *pmm;
	struct zone_want want;
	unsigned order;
	unsigned byte;
	mm_paddr_t *out;
	size_t done, n;
};

/* Is a block of a range told by 32 bits? With classes, each block may be of another buddy. */
static bool bulk_fits(const struct mm_range *r, unsigned order)
{
	return !pmm_has_classes(r) && mm_fits_32(r->last - r->first) && order <= mm_buddy_max_order(&r->buddy);
}

/* From the words of one range. */
static void bulk_from_range(struct bulk *b, struct mm_range *r)
{
	uint32_t at[BULK_CHUNK];

	while (b->done < b->n) {
		unsigned most = b->n - b->done < BULK_CHUNK ? (unsigned)(b->n - b->done) : BULK_CHUNK;
		unsigned got = 0;

		if (!zone_admits(b->pmm, &b->want, r->zone, (mm_pfn_t)most << b->order) ||
		    buddy_take_bulk(&r->buddy, b->order, at, most, &got) != MM_OK)
			return;
		pmm_count(b->pmm, r->zone, (uintptr_t)0 - ((uintptr_t)got << b->order)); /* M3 */
		while (got-- > 0) { /* the lowest comes last */
			frame_store(r, r->first + at[got], b->byte);
			b->out[b->done++] = mm_pfn_to_pa(r->first + at[got]);
		}
	}
}

static void bulk_from_zones(struct bulk *b)
{
	struct zone_walk walk;
	uint32_t zone;

	for (zone_walk_start(&walk, b->pmm, &b->want); b->done < b->n && zone_walk_next(&walk, &zone);)
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

/* Believe one block, whose byte becomes 00. */
static enum mm_status bulk_believe(const struct mm_pmm *pmm, mm_paddr_t pa, unsigned byte)
{
	mm_pfn_t pfn = mm_pa_to_pfn(pa);
	const struct mm_range *r;

	if (pa & (MM_FRAME_SIZE - 1))
		return MM_E_ALIGN;
	r = pmm_find_pa(pmm, pa);
	if (!r)
		return MM_E_FOREIGN;
	if (MM_PLANTED(MM_PLANT_BULK) && frame_load(r, pfn) == FRAME_FREE)
		return MM_OK;
	if (frame_load(r, pfn) != byte)
		return pmm_refuse(r, pfn, frame_load(r, pfn));
	return frame_swap(frame_byte(r, pfn), byte, FRAME_FREE) ? MM_OK : MM_E_DOUBLE_FREE;
}

/* Give the first blocks of an array, at least one, to the buddy of their range; returns how many. */
static size_t bulk_give(struct mm_pmm *pmm, unsigned order, const mm_paddr_t *pa, size_t n)
{
	struct mm_range *r = pmm_find_pa(pmm, pa[0]);
	uint32_t at[BULK_CHUNK], k = 0;
	enum mm_status st;

	if (!bulk_fits(r, order)) {
		pmm_to_buddy(pmm, r, mm_pa_to_pfn(pa[0]), order);
		return 1;
	}
	for (; k < n && k < BULK_CHUNK; k++) {
		mm_pfn_t pfn = mm_pa_to_pfn(pa[k]);

		if (pfn < r->first || pfn > r->last)
			break;
		at[k] = (uint32_t)(pfn - r->first);
	}
	pmm_count(pmm, r->zone, (uintptr_t)k << order); /* M3 */
	st = buddy_give_bulk(&r->buddy, order, at, k);
	MM_CHECK(pmm->port, st == MM_OK); /* K1, M2 */
	zone_watch_range(pmm, r);
	return k;
}

enum mm_status mm_page_free_bulk(struct mm_pmm *pmm, unsigned order, const mm_paddr_t *pa, size_t n)
{
	unsigned byte;
	enum mm_status st = MM_OK;
	size_t i;

	if (!pmm || (!pa && n))
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	byte = n ? pmm_head_at(pmm, pa[0], order) : FRAME_NOTHING; /* movable, or not, as the first */
	for (i = 0; i < n && st == MM_OK; i += st == MM_OK)
		st = bulk_believe(pmm, pa[i], byte);
	if (st != MM_OK) {
		while (i-- > 0) /* K1 */
			frame_store(pmm_find_pa(pmm, pa[i]), mm_pa_to_pfn(pa[i]), byte);
		return st;
	}
	for (i = 0; i < n && POISON_ACTS; i++)
		poison_fill(pmm, pa[i], (mm_pfn_t)1 << order);
	for (i = 0; i < n;)
		i += bulk_give(pmm, order, pa + i, n - i);
	return MM_OK;
}
