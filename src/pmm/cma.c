/* SPDX-License-Identifier: MIT */
/* Theory of operation: CMA areas
 * Problem      a device needs megabytes in one piece, but only now and then; to set them aside for ever
 *              wastes them.
 * Structure    an area is a stretch of pageblocks of class CMA, with a buddy of its own. Movable
 *              requests take from it (mobility_take.c), nobody else does. A claim looks for the lowest
 *              place where all frames are free, else for one where all can become so, and empties that
 *              by isolation (isolate.c). What is withheld then gets byte 08: it is the claim's.
 * Invariants   A1 the areas are disjoint; each pageblock of class CMA is in one, and of its frames those
 *                 in the buddy are counted in `free`, those with byte 08 in `claimed`.
 *              A2 an area is on the list before a pageblock has the class, and for ever.
 * Concurrency  one claim of an area at a time (`busy`); who comes meanwhile is told so. All else as
 *              mobility.c. */
#include "mobility.h"
#include "zone.h"

struct mm_cma *cma_find(const struct mm_pmm *pmm, mm_pfn_t pfn)
{
	struct mm_cma *cma = mm_atomic_load_acquire(&pmm->cmas);

	while (cma && (pfn < cma->first || pfn > cma->last))
		cma = cma->next;
	return cma;
}

/* Taking from areas */

static enum mm_status cma_take_from(struct mm_pmm *pmm, struct mm_cma *cma, struct mm_range *r,
				    unsigned order, mm_pfn_t *pfn)
{
	enum mm_status st = MM_E_NOMEM;

	while (order <= mm_buddy_max_order(&cma->buddy)) {
		st = mm_buddy_alloc(&cma->buddy, order, pfn);
		if (st != MM_OK)
			break;
		mobility_taken(pmm, r, *pfn, order, MM_CLASS_CMA);
		if (!mobility_isolated(r, *pfn, order))
			break;
		mobility_put(pmm, r, *pfn, order); /* C3 */
	}
	return st;
}

/* Do areas hold more than half of what is free in a zone? */
static bool cma_is_ample(const struct mm_pmm *pmm, uint32_t zone)
{
	uintptr_t free = 0;

	for (struct mm_cma *cma = mm_atomic_load_acquire(&pmm->cmas); cma; cma = cma->next)
		if (pmm_find(pmm, cma->first)->zone == zone)
			free += mm_atomic_load_relaxed(&cma->free);
	return free > mm_atomic_load_relaxed(&pmm->zones[zone].free) / 2;
}

enum mm_status cma_take(struct mm_pmm *pmm, uint32_t zone, unsigned order, bool ample,
			mm_pfn_t *pfn)
{
	enum mm_status result = MM_E_NOMEM;

	if (ample && !cma_is_ample(pmm, zone))
		return MM_E_NOMEM;
	for (struct mm_cma *cma = mm_atomic_load_acquire(&pmm->cmas); cma; cma = cma->next) {
		struct mm_range *r = pmm_find(pmm, cma->first);
		enum mm_status st = MM_E_NOMEM;

		if (r->zone == zone)
			st = cma_take_from(pmm, cma, r, order, pfn);
		if (st == MM_OK)
			return MM_OK;
		if (st == MM_E_AGAIN)
			result = MM_E_AGAIN;
	}
	return result;
}

/* Making an area */

/* Is all of it RAM that can be had, on borders of pageblocks, in no area? */
static enum mm_status cma_check(const struct isolate *what)
{
	if ((what->first | (what->last + 1)) & (MM_BLOCK_FRAMES - 1))
		return MM_E_ALIGN;
	for (mm_pfn_t pfn = what->first; pfn <= what->last; pfn++) {
		unsigned byte = frame_load(what->r, pfn);

		if (byte == FRAME_RESERVED || byte == FRAME_DEVICE || byte == FRAME_OFFLINE)
			return MM_E_FOREIGN;
	}
	for (struct mm_cma *cma = what->pmm->cmas; cma; cma = cma->next)
		if (what->first <= cma->last && what->last >= cma->first)
			return MM_E_EXIST;
	return MM_OK;
}

/* Memory for the buddy, outside of what is isolated. */
static enum mm_status cma_prepare(const struct isolate *what, struct mm_buddy *buddy)
{
	size_t bytes = mm_buddy_size(what->first, what->last - what->first + 1);
	mm_paddr_t pa = 0;
	enum mm_status st;

	st = mobility_meta(what->pmm, bytes, &pa);
	if (st != MM_OK)
		return st;
	st = mm_buddy_init(buddy, what->first, what->last - what->first + 1,
			   mm_port_to_virt(what->pmm->port, pa), bytes);
	MM_CHECK(what->pmm->port, st == MM_OK);
	return MM_OK;
}

/* All frames are withheld or held back by boot: they are the area's. */
static void cma_found(const struct isolate *what, struct mm_cma *cma)
{
	cma->next = what->pmm->cmas;
	mm_atomic_store_release(&what->pmm->cmas, cma); /* A2 */
	for (mm_pfn_t pfn = what->first; pfn <= what->last; pfn++)
		if (frame_load(what->r, pfn) == FRAME_KEPT)
			frame_store(what->r, pfn, FRAME_HELD); /* both are reserved */
	for (mm_pfn_t pfn = what->first; pfn <= what->last; pfn += MM_BLOCK_FRAMES) {
		unsigned tag;

		do {
			tag = mobility_tag(what->r, pfn);
		} while (!mobility_retag(what->r, pfn, tag, MM_CLASS_CMA | TAG_ISOLATED));
	}
}

enum mm_status mm_cma_create(struct mm_cma *cma, struct mm_pmm *pmm, const char *name,
			     mm_paddr_t base, mm_paddr_t length, const struct mm_mover *mover,
			     mm_paddr_t *pinned)
{
	struct isolate what;
	struct mm_buddy buddy;
	enum mm_status st;

	if (!cma)
		return MM_E_INVAL;
	st = isolate_frames(pmm, base, length, &what);
	if (st == MM_OK)
		st = cma_check(&what);
	if (st != MM_OK)
		return st;
	what.mover = mover;
	what.boot = true;
	st = isolate_begin(&what);
	if (st == MM_OK) {
		st = isolate_empty(&what);
		if (st == MM_OK)
			st = cma_prepare(&what, &buddy);
		if (st == MM_OK) {
			*cma = (struct mm_cma){ .pmm = pmm,
						.name = name,
						.buddy = buddy,
						.first = what.first,
						.last = what.last };
			cma_found(&what, cma);
		}
		isolate_end(&what);
	}
	if (pinned && (st == MM_E_BUSY || st == MM_E_AGAIN))
		*pinned = mm_pfn_to_pa(what.pinned);
	return st;
}

/* Claims */

/* What a claim looks for. */
struct cma_place {
	mm_pfn_t frames, align; /* in frames */
	bool moves;             /* blocks in use may be in it, if they are movable */
};

/* May this frame be part of a claim? */
static bool cma_claimable(const struct mm_range *r, mm_pfn_t pfn, bool moves)
{
	unsigned byte = frame_load(r, pfn);
	mm_pfn_t head = pfn;

	if (byte == FRAME_FREE && frame_find_head(r, pfn, &head))
		byte = frame_load(r, head);
	return byte == FRAME_FREE || (moves && frame_is_movable(byte));
}

/* The lowest place at or behind *at. */
static bool cma_place(const struct mm_cma *cma, const struct mm_range *r,
		      const struct cma_place *want, mm_pfn_t *at)
{
	mm_pfn_t good = 0;

	*at = (*at + want->align - 1) & ~(want->align - 1);
	while (*at <= cma->last && cma->last - *at >= want->frames - 1) {
		if (good == want->frames)
			return true;
		if (cma_claimable(r, *at + good, want->moves)) {
			good++;
			continue;
		}
		*at = (*at + good + want->align) & ~(want->align - 1);
		good = 0;
	}
	return false;
}

/* Empty a place and make it a claim. */
static enum mm_status cma_claim_at(struct mm_cma *cma, struct isolate *what)
{
	mm_pfn_t frames = what->last - what->first + 1;
	enum mm_status st = isolate_begin(what);

	if (st != MM_OK)
		return st;
	st = isolate_empty(what);
	for (mm_pfn_t pfn = what->first; st == MM_OK && pfn <= what->last; pfn++)
		if (frame_load(what->r, pfn) != FRAME_HELD) { /* bad, or offline */
			what->pinned = pfn;
			st = MM_E_BUSY;
		}
	if (st == MM_OK) {
		for (mm_pfn_t pfn = what->first; pfn <= what->last; pfn++)
			frame_store(what->r, pfn, FRAME_CLAIMED); /* ours: O3 */
		poison_check(cma->pmm, mm_pfn_to_pa(what->first), frames);
		mm_atomic_add(&cma->claimed, (uintptr_t)frames);
		mm_atomic_add(&cma->pmm->zones[what->r->zone].reserved, (mm_pfn_t)0 - frames);
	}
	isolate_end(what);
	return st;
}

/* Try all places. */
static enum mm_status cma_claim_any(struct mm_cma *cma, const struct cma_place *want,
				    const struct mm_mover *mover, mm_paddr_t *out,
				    mm_paddr_t *pinned)
{
	struct isolate what = { .pmm = cma->pmm, .r = pmm_find(cma->pmm, cma->first) };
	enum mm_status st = MM_E_NOMEM;

	what.mover = mover;
	for (mm_pfn_t at = cma->first; cma_place(cma, what.r, want, &at); at = what.pinned + 1) {
		what.first = at;
		what.last = at + (want->frames - 1);
		st = cma_claim_at(cma, &what);
		if (st == MM_OK)
			*out = mm_pfn_to_pa(at);
		if (st == MM_E_BUSY && pinned)
			*pinned = mm_pfn_to_pa(what.pinned);
		if (st != MM_E_BUSY)
			break;
	}
	return st;
}

enum mm_status mm_cma_claim(struct mm_cma *cma, mm_pfn_t frames, mm_paddr_t align,
			    const struct mm_mover *mover, mm_paddr_t *out, mm_paddr_t *pinned)
{
	struct cma_place want = { .frames = frames };
	uint32_t busy = 0;
	enum mm_status st;

	if (!cma || !out || frames == 0 || (align & (align - 1)) != 0)
		return MM_E_INVAL;
	if (!cma->pmm)
		return MM_E_STATE;
	if (frames > cma->last - cma->first + 1 || align >> MM_FRAME_SHIFT > cma->last)
		return MM_E_NOMEM;
	want.align = align > MM_FRAME_SIZE ? mm_pa_to_pfn(align) : 1;
	if (!mm_atomic_cas(&cma->busy, &busy, 1u))
		return MM_E_AGAIN;
	st = cma_claim_any(cma, &want, mover, out, pinned);
	want.moves = true;
	if (st == MM_E_NOMEM || st == MM_E_BUSY)
		st = cma_claim_any(cma, &want, mover, out, pinned);
	mm_atomic_store_release(&cma->busy, 0u);
	return st;
}

/* Why frames are not a claim; MM_OK: they are one. */
static enum mm_status cma_check_claim(const struct mm_range *r, mm_pfn_t first, mm_pfn_t frames)
{
	for (mm_pfn_t pfn = first; pfn - first < frames; pfn++) {
		unsigned byte = frame_load(r, pfn);
		mm_pfn_t head;

		if (byte == FRAME_HELD || (byte == FRAME_FREE && !frame_find_head(r, pfn, &head)))
			return MM_E_DOUBLE_FREE;
		if (byte != FRAME_CLAIMED)
			return MM_E_OWNER;
	}
	return MM_OK;
}

enum mm_status mm_cma_release(struct mm_cma *cma, mm_paddr_t pa, mm_pfn_t frames)
{
	mm_pfn_t first = mm_pa_to_pfn(pa);
	struct mm_range *r;
	enum mm_status st;

	if (!cma || frames == 0)
		return MM_E_INVAL;
	if (!cma->pmm)
		return MM_E_STATE;
	if (pa & (MM_FRAME_SIZE - 1))
		return MM_E_ALIGN;
	if (pa >> MM_FRAME_SHIFT > MM_PFN_MAX || first < cma->first || first > cma->last ||
	    frames > cma->last - first + 1)
		return MM_E_FOREIGN;
	r = pmm_find(cma->pmm, first);
	st = cma_check_claim(r, first, frames);
	if (st != MM_OK)
		return st;
	mm_atomic_add(&cma->claimed, (uintptr_t)0 - (uintptr_t)frames);
	for (mm_pfn_t i = 0; i < frames; i++)
		frame_store(r, first + i, FRAME_FREE);
	poison_fill(cma->pmm, pa, frames);
	mobility_free_run(cma->pmm, r, first, frames);
	zone_watch_range(cma->pmm, r);
	return MM_OK;
}

enum mm_status mm_cma_stats(const struct mm_cma *cma, struct mm_cma_stats *out)
{
	if (!cma || !out)
		return MM_E_INVAL;
	if (!cma->pmm)
		return MM_E_STATE;
	*out = (struct mm_cma_stats){ cma->name, cma->last - cma->first + 1,
				      mm_atomic_load_relaxed(&cma->free),
				      mm_atomic_load_relaxed(&cma->claimed) };
	return MM_OK;
}
