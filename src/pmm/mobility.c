/* SPDX-License-Identifier: MIT */
/* Theory of operation: mobility classes
 * Problem      a large block is free only if all its frames are. One frame that can never be moved
 *              spoils it, so such frames must not lie among others; and who wants certain memory empty
 *              must be able to keep it from being given out again.
 * Structure    each pageblock has a tag of four bits: its class, and whether it is isolated. Each
 *              class has a buddy of its own over the same range, so a search for a class looks at no
 *              other's frames, a large block forms of pageblocks of one class only, and placement
 *              inside a class is that of buddy.c. The range's own buddy is that of unmovable frames,
 *              and of all that no one has used yet. Each CMA area has one over its own frames.
 *
 *                tag             free frames are in
 *                unmovable       mm_range::buddy
 *                reclaimable     mm_mobility::of[0]
 *                movable         mm_mobility::of[1]
 *                CMA             mm_cma::buddy of the area
 *                any, isolated   no buddy: each has byte 07 (FRAME_HELD), and counts as reserved
 *
 * Rule         a tag changes first, then what is free in the pageblock follows (mobility_settle).
 *              Frames move between buddies by being taken from one and put into another: who does it
 *              owns them meanwhile, so nothing has to be undone.
 * Invariants   C1 at quiescence a free frame is in the buddy that its pageblock's tag names, or at
 *                 hand, and if the tag says isolated it is in none and has byte 07; no other frame has
 *                 that byte.
 *              C2 a tag's class changes only by who owns all its frames, or settles after it.
 *              C3 what is taken is not isolated: who took it looks at the tag then, and puts it back.
 * Concurrency  any CPU, interrupts. "Put frames, then read the tag" meets "change the tag, then look
 *              for frames" (settle): all of it is sequentially consistent, so one of the two sees the
 *              other, and puts things right. Who changes a byte from 07 does it by compare-and-swap:
 *              of two who settle one pageblock, one gets the frame.
 *              While frames move they are nowhere for a moment; pmm->moving counts that when it
 *              begins, pmm->moved when it ends, and a search that failed meanwhile repeats. */
#include "mobility.h"
#include "../bits.h"

bool mobility_retag(const struct mm_range *r, mm_pfn_t pfn, unsigned from, unsigned to)
{
	uint32_t *at = mobility_word(r, pfn), was = mm_atomic_load_relaxed(at);
	unsigned shift = mobility_shift(r, pfn);

	do {
		if ((was >> shift & 0xfu) != from)
			return false;
	} while (!mm_atomic_cas(at, &was, was ^ (uint32_t)(from ^ to) << shift));
	return true;
}

struct mm_buddy *mobility_buddy(const struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t pfn,
				unsigned class)
{
	struct mm_cma *area;

	if (class == MM_CLASS_UNMOVABLE)
		return &r->buddy;
	if (class != MM_CLASS_CMA)
		return &pmm_mobility(r)->of[class - 1];
	area = cma_find(pmm, pfn);
	return area ? &area->buddy : NULL;
}

bool mobility_isolated(const struct mm_range *r, mm_pfn_t pfn, unsigned order)
{
	if (!pmm_mobility(r))
		return false;
	for (mm_pfn_t i = 0; i < (mm_pfn_t)1 << order; i += MM_BLOCK_FRAMES)
		if (mobility_tag(r, pfn + i) & TAG_ISOLATED)
			return true;
	return false;
}

/* Withhold frames that the caller owns. */
static void mobility_hold(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t pfn, mm_pfn_t frames)
{
	mm_atomic_add(&pmm->zones[r->zone].reserved, frames);
	for (mm_pfn_t i = 0; i < frames; i++)
		mm_atomic_store_release(frame_byte(r, pfn + i), (uint8_t)FRAME_HELD); /* O3 of isolate.c */
	mm_atomic_fence(); /* before the tag is read again */
}

/* So many frames of a class more, or less, are free. */
static void mobility_count(struct mm_pmm *pmm, const struct mm_range *r, mm_pfn_t pfn,
			   uintptr_t frames, unsigned class)
{
	pmm_count(pmm, r->zone, frames); /* M3 */
	if (class == MM_CLASS_CMA)
		mm_atomic_add(&cma_find(pmm, pfn)->free, frames);
}

void mobility_taken(struct mm_pmm *pmm, const struct mm_range *r, mm_pfn_t pfn, unsigned order,
		    unsigned class)
{
	mobility_count(pmm, r, pfn, (uintptr_t)0 - ((uintptr_t)1 << order), class);
}

/* Put a block inside one pageblock where this tag says. */
static void mobility_put_as(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t pfn, unsigned order,
			    unsigned tag)
{
	enum mm_status st;

	if (tag & TAG_ISOLATED) {
		mobility_hold(pmm, r, pfn, (mm_pfn_t)1 << order);
		return;
	}
	mobility_count(pmm, r, pfn, (uintptr_t)1 << order, tag);
	st = mm_buddy_free(mobility_buddy(pmm, r, pfn, tag), pfn, order);
	MM_CHECK(pmm->port, st == MM_OK); /* M2 */
}

void mobility_put(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t pfn, unsigned order)
{
	unsigned part = order < MM_BLOCK_ORDER ? order : MM_BLOCK_ORDER;

	for (mm_pfn_t i = 0; i < (mm_pfn_t)1 << order; i += (mm_pfn_t)1 << part) {
		unsigned tag = mobility_tag(r, pfn + i);

		mobility_put_as(pmm, r, pfn + i, part, tag);
		if (!MM_PLANTED(MM_PLANT_TAG_RECHECK) && mobility_tag(r, pfn + i) != tag)
			mobility_settle(pmm, r, pfn + i);
	}
}

void mobility_free(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t pfn, unsigned order)
{
	mm_atomic_fence(); /* its byte was cleared before: see withdraw.c */
	if (!mm_atomic_load_relaxed(&pmm->bad) || !withdraw_freed(pmm, r, pfn, order))
		mobility_put(pmm, r, pfn, order);
}

unsigned mobility_part(mm_pfn_t first, mm_pfn_t count)
{
	unsigned fits = mm_lowest_bit64(first | MM_BLOCK_FRAMES), order = mm_highest_bit64(count);

	return order < fits ? order : fits;
}

void mobility_put_run(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t first, mm_pfn_t count)
{
	while (count) {
		unsigned order = mobility_part(first, count);

		mobility_put(pmm, r, first, order);
		first += (mm_pfn_t)1 << order;
		count -= (mm_pfn_t)1 << order;
	}
}

void mobility_free_run(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t first, mm_pfn_t count)
{
	while (count) {
		unsigned order = mobility_part(first, count);

		mobility_free(pmm, r, first, order);
		first += (mm_pfn_t)1 << order;
		count -= (mm_pfn_t)1 << order;
	}
}

/* Find a free block of a class at or behind *at, cut to the pageblock that ends at `last`. */
static bool mobility_next(const struct mm_buddy *buddy, mm_pfn_t last, mm_pfn_t *at,
			  unsigned *order)
{
	mm_pfn_t from = *at;

	if (!buddy || !mm_buddy_next_free(buddy, from, 0, at, order) || *at > last)
		return false;
	if (*order > MM_BLOCK_ORDER) { /* it may begin before this pageblock */
		*at = last & ~(MM_BLOCK_FRAMES - 1);
		*order = MM_BLOCK_ORDER;
	}
	if (*at < from) { /* what is before `from` became free just now: who did that looks after it */
		*at = from;
		*order = 0;
	}
	return true;
}

/* Take a free block that was found, or its first frame: who is about to join it with others may be standing, even
 * below us, and then it is there in parts only. False: somebody else was faster. */
static bool mobility_take(struct mm_buddy *buddy, mm_pfn_t at, unsigned *order)
{
	if (mm_buddy_alloc_at(buddy, at, *order) == MM_OK)
		return true;
	*order = 0;
	return mm_buddy_alloc_at(buddy, at, 0) == MM_OK;
}

/* Frames of a pageblock that are in the buddy of this class go where the tag says. */
static void mobility_sweep(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t first, unsigned class,
			   unsigned tag)
{
	struct mm_buddy *buddy = mobility_buddy(pmm, r, first, class);
	mm_pfn_t at = first, last = mobility_last(r, first);
	unsigned order;

	while (at <= last && mobility_next(buddy, last, &at, &order)) {
		if (!mobility_take(buddy, at, &order))
			continue; /* look again */
		mobility_taken(pmm, r, at, order, class);
		mobility_put_as(pmm, r, at, order, tag);
		at += (mm_pfn_t)1 << order;
	}
}

/* A withheld frame is ours. False: somebody else was faster. */
static bool mobility_release(const struct mm_range *r, mm_pfn_t pfn)
{
	if (MM_PLANTED(MM_PLANT_UNHOLD)) {
		frame_store(r, pfn, FRAME_FREE);
		return true;
	}
	return mm_atomic_cas_byte(frame_byte(r, pfn), FRAME_HELD, FRAME_FREE);
}

/* Frames of a pageblock that are withheld are free again. */
static void mobility_unhold(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t first, unsigned tag)
{
	mm_pfn_t last = mobility_last(r, first), at = first;
	enum mm_status st;

	while (at <= last) {
		mm_pfn_t from = at;

		while (at <= last && frame_load(r, at) == FRAME_HELD && mobility_release(r, at))
			at++;
		if (at == from) {
			at++;
			continue;
		}
		mm_atomic_add(&pmm->zones[r->zone].reserved, (mm_pfn_t)0 - (at - from));
		mobility_count(pmm, r, from, (uintptr_t)(at - from), tag);
		st = mm_buddy_free_range(mobility_buddy(pmm, r, from, tag), from, at - from);
		MM_CHECK(pmm->port, st == MM_OK); /* C1 */
	}
}

void mobility_settle(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t pfn)
{
	mm_pfn_t first = mobility_first(r, pfn);
	unsigned tag;

	mobility_begin(pmm);
	do {
		tag = mobility_tag(r, first);
		mm_atomic_fence(); /* before any byte is read */
		for (unsigned class = 0; class < MM_CLASSES; class++)
			if (class != tag)
				mobility_sweep(pmm, r, first, class, tag);
		if (!(tag & TAG_ISOLATED))
			mobility_unhold(pmm, r, first, tag);
	} while (mobility_tag(r, first) != tag);
	mobility_end(pmm);
}
