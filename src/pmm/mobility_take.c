/* SPDX-License-Identifier: MIT */
/* Theory of operation: taking frames by mobility class
 * Problem      a request is to be served from pageblocks of its own class, and must not fail while
 *              there is memory of others that it may have.
 * Structure    for each class a list of steps, done in turn until one succeeds:
 *
 *                TAKE   take the block from the buddy of a class, as it is
 *                WHOLE  take a whole free pageblock, or several, from another class: they become ours,
 *                       and what is not wanted goes to our buddy. This is how classes grow
 *                ADOPT  the largest free block of another class that is smaller than a pageblock: its
 *                       pageblock becomes ours, with all that is free in it. So the next requests do
 *                       not spoil another one
 *                CMA    take the block from a CMA area; AMPLE: if it has more than half of all free frames
 *                GATHER make whole free pageblocks of all classes one pool, then TAKE: for blocks larger
 *                       than a pageblock, which form inside one class only
 *
 *              Unmovable requests never touch CMA areas. Movable ones, whose frames can be had back,
 *              take single blocks from others last, and adopt nothing.
 * Invariants   C2 and C3 of mobility.c.
 * Bounds       each step is a bounded number of searches of one buddy for each range of the zone;
 *              GATHER also visits the free pageblocks. A search is repeated only if frames moved
 *              between classes meanwhile, TAKE_TRIES times: then MM_E_AGAIN.
 * Concurrency  as mobility.c. */
#include "mobility.h"
#include "zone.h"

enum take_how { STOP, TAKE, WHOLE, ADOPT, CMA, AMPLE, GATHER };
enum { TAKE_TRIES = 16, TAKE_STEPS = 9 };

struct take_step {
	uint8_t how;  /* enum take_how */
	uint8_t from; /* class */
};

/* What is wanted. */
struct take {
	struct mm_pmm *pmm;
	uint32_t zone;
	unsigned order, class;
	uint32_t own; /* moves that this search made itself */
};

/* Take a block from the buddy of a class in a range. */
static enum mm_status take_from(const struct take *t, struct mm_range *r, unsigned class,
				unsigned order, mm_pfn_t *pfn)
{
	struct mm_buddy *buddy = mobility_buddy(t->pmm, r, r->first, class);

	if (order > mm_buddy_max_order(buddy))
		return MM_E_NOMEM;
	for (;;) {
		enum mm_status st = mm_buddy_alloc(buddy, order, pfn);

		if (st != MM_OK)
			return st;
		pmm_count(t->pmm, r->zone, (uintptr_t)0 - ((uintptr_t)1 << order)); /* M3 */
		if (!mobility_isolated(r, *pfn, order))
			return MM_OK;
		mobility_put(t->pmm, r, *pfn, order); /* C3 */
	}
}

/* Keep the first 2^keep frames of a block, put the rest. */
static void take_rest(const struct take *t, struct mm_range *r, mm_pfn_t pfn, unsigned order,
		      unsigned keep)
{
	while (order-- > keep)
		mobility_put(t->pmm, r, pfn + ((mm_pfn_t)1 << order), order);
}

/* All pageblocks of a block change their class. False: one is just being isolated. */
static bool take_retag(const struct mm_range *r, mm_pfn_t pfn, unsigned order, unsigned from,
		       unsigned to)
{
	for (mm_pfn_t i = 0; i < (mm_pfn_t)1 << order; i += MM_BLOCK_FRAMES)
		if (!mobility_retag(r, pfn + i, from, to))
			return false;
	return true;
}

/* Make a block that was taken from a class one of t->class, and keep the wanted part of it. */
static enum mm_status take_convert(struct take *t, struct mm_range *r, unsigned from,
				   unsigned order, mm_pfn_t pfn)
{
	if (!take_retag(r, pfn, order, from, t->class)) {
		mobility_put(t->pmm, r, pfn, order);
		return MM_E_AGAIN;
	}
	take_rest(t, r, pfn, order, t->order);
	if (order < MM_BLOCK_ORDER)
		mobility_settle(t->pmm, r, pfn); /* C2 */
	return MM_OK;
}

static enum mm_status take_over(struct take *t, struct mm_range *r, unsigned from, unsigned order,
				mm_pfn_t *pfn)
{
	enum mm_status st;

	mobility_begin(t->pmm);
	t->own++;
	st = take_from(t, r, from, order, pfn);
	if (st == MM_OK)
		st = take_convert(t, r, from, order, *pfn);
	mobility_end(t->pmm);
	return st;
}

static enum mm_status take_whole(struct take *t, struct mm_range *r, unsigned from,
				 mm_pfn_t *pfn)
{
	return take_over(t, r, from, t->order > MM_BLOCK_ORDER ? t->order : MM_BLOCK_ORDER, pfn);
}

static enum mm_status take_adopt(struct take *t, struct mm_range *r, unsigned from,
				 mm_pfn_t *pfn)
{
	enum mm_status st = MM_E_NOMEM;

	for (unsigned order = MM_BLOCK_ORDER; order-- > t->order && st == MM_E_NOMEM;)
		st = take_over(t, r, from, order, pfn);
	return st;
}

/* Whole free pageblocks of a class become unmovable ones. */
static void take_gather(struct take *t, struct mm_range *r, unsigned from)
{
	struct take block = { t->pmm, t->zone, MM_BLOCK_ORDER, MM_CLASS_UNMOVABLE, 0 };
	mm_pfn_t pfn;

	mobility_begin(t->pmm);
	while (take_over(&block, r, from, MM_BLOCK_ORDER, &pfn) == MM_OK)
		mobility_put(t->pmm, r, pfn, MM_BLOCK_ORDER);
	mobility_end(t->pmm);
	t->own += block.own + 1;
}

/* One step in one range. */
static enum mm_status take_step(struct take *t, struct mm_range *r, struct take_step step,
				mm_pfn_t *pfn)
{
	switch (pmm_mobility(r) || step.from == MM_CLASS_UNMOVABLE ? step.how : STOP) {
	case TAKE:
		return take_from(t, r, step.from, t->order, pfn);
	case WHOLE:
		return pmm_mobility(r) ? take_whole(t, r, step.from, pfn)
				   : take_from(t, r, step.from, t->order, pfn);
	case ADOPT:
		return take_adopt(t, r, step.from, pfn);
	case GATHER:
		if (!pmm_mobility(r) || t->order <= MM_BLOCK_ORDER)
			return MM_E_NOMEM;
		take_gather(t, r, MM_CLASS_RECLAIMABLE);
		take_gather(t, r, MM_CLASS_MOVABLE);
		return t->class == MM_CLASS_UNMOVABLE ? take_from(t, r, step.from, t->order, pfn)
						      : take_whole(t, r, step.from, pfn);
	default:
		return MM_E_NOMEM;
	}
}

static enum mm_status take_ranges(struct take *t, struct take_step step, mm_pfn_t *pfn)
{
	enum mm_status result = MM_E_NOMEM;

	if (step.how == CMA || step.how == AMPLE)
		return cma_take(t->pmm, t->zone, t->order, step.how == AMPLE, pfn);
	for (struct mm_range *r = zone_first_range(t->pmm, t->zone); r;
	     r = zone_next_range(t->pmm, r)) {
		enum mm_status st = take_step(t, r, step, pfn);

		if (st == MM_OK)
			return MM_OK;
		if (st == MM_E_AGAIN)
			result = MM_E_AGAIN;
	}
	return result;
}

/* All steps of a class. */
static enum mm_status take_all(struct take *t, mm_pfn_t *pfn)
{
	static const struct take_step steps[][TAKE_STEPS] = {
		[MM_CLASS_UNMOVABLE] = { { TAKE, MM_CLASS_UNMOVABLE },
					 { WHOLE, MM_CLASS_RECLAIMABLE },
					 { WHOLE, MM_CLASS_MOVABLE },
					 { GATHER, MM_CLASS_UNMOVABLE },
					 { ADOPT, MM_CLASS_RECLAIMABLE },
					 { ADOPT, MM_CLASS_MOVABLE } },
		[MM_CLASS_RECLAIMABLE] = { { TAKE, MM_CLASS_RECLAIMABLE },
					   { WHOLE, MM_CLASS_UNMOVABLE },
					   { WHOLE, MM_CLASS_MOVABLE },
					   { GATHER, MM_CLASS_UNMOVABLE },
					   { TAKE, MM_CLASS_UNMOVABLE },
					   { ADOPT, MM_CLASS_MOVABLE } },
		[MM_CLASS_MOVABLE] = { { TAKE, MM_CLASS_MOVABLE },
				       { AMPLE, MM_CLASS_CMA },
				       { WHOLE, MM_CLASS_UNMOVABLE },
				       { CMA, MM_CLASS_CMA },
				       { WHOLE, MM_CLASS_RECLAIMABLE },
				       { GATHER, MM_CLASS_UNMOVABLE },
				       { TAKE, MM_CLASS_RECLAIMABLE },
				       { TAKE, MM_CLASS_UNMOVABLE } },
	};
	enum mm_status result = MM_E_NOMEM;

	for (const struct take_step *step = steps[t->class]; step->how != STOP; step++) {
		enum mm_status st = take_ranges(t, *step, pfn);

		if (st == MM_OK)
			return MM_OK;
		if (st == MM_E_AGAIN)
			result = MM_E_AGAIN;
	}
	return result;
}

enum mm_status mobility_from_zone(struct mm_pmm *pmm, uint32_t zone, unsigned order,
				  unsigned class, mm_pfn_t *pfn)
{
	enum mm_status st = MM_E_AGAIN;

	for (unsigned n = 0; n < TAKE_TRIES && st == MM_E_AGAIN; n++) {
		struct take t = { pmm, zone, order, class, 0 };
		uint32_t moved = mm_atomic_load_acquire(&pmm->moved);
		uint32_t moving = mm_atomic_load_acquire(&pmm->moving);

		st = take_all(&t, pfn);
		if (st == MM_E_NOMEM &&
		    (moved != moving ||
		     mm_atomic_load_acquire(&pmm->moving) != moving + t.own))
			st = MM_E_AGAIN;
	}
	return st;
}

/* A block inside one pageblock. */
static enum mm_status take_at(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t pfn, unsigned order,
			      unsigned class)
{
	enum mm_status st = MM_E_AGAIN;

	for (unsigned n = 0; n < TAKE_TRIES && st == MM_E_AGAIN; n++) {
		uint32_t moved = mm_atomic_load_acquire(&pmm->moved);
		uint32_t moving = mm_atomic_load_acquire(&pmm->moving);
		unsigned tag = mobility_tag(r, pfn);

		if (tag & TAG_ISOLATED || (tag == MM_CLASS_CMA && class != MM_CLASS_MOVABLE))
			return MM_E_BUSY;
		st = mm_buddy_alloc_at(mobility_buddy(pmm, r, pfn, tag), pfn, order);
		if (st == MM_E_BUSY && (moved != moving || mm_atomic_load_acquire(&pmm->moving) != moving))
			st = MM_E_AGAIN;
		if (st == MM_OK)
			mobility_taken(pmm, r, pfn, order, tag);
	}
	if (st == MM_OK && mobility_isolated(r, pfn, order)) {
		mobility_put(pmm, r, pfn, order); /* C3 */
		st = MM_E_BUSY;
	}
	return st;
}

enum mm_status mobility_alloc_range(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t first,
				    mm_pfn_t count, unsigned class)
{
	for (mm_pfn_t i = 0; i < count;) {
		unsigned order = mobility_part(first + i, count - i);
		enum mm_status st = take_at(pmm, r, first + i, order, class);

		if (st != MM_OK) { /* nothing of it, then */
			mobility_put_run(pmm, r, first, i);
			return st;
		}
		i += (mm_pfn_t)1 << order;
	}
	return MM_OK;
}

/* A run from the buddy of a class. */
static enum mm_status take_run(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t count,
			       const struct mm_buddy_limits *where, unsigned class, mm_pfn_t *first)
{
	struct mm_buddy *buddy = mobility_buddy(pmm, r, r->first, class);

	for (;;) {
		enum mm_status st = mm_buddy_alloc_run(buddy, count, where, first);
		mm_pfn_t i = 0;

		if (st != MM_OK)
			return st;
		pmm_count(pmm, r->zone, (uintptr_t)0 - (uintptr_t)count); /* M3 */
		while (i < count && !mobility_isolated(r, *first + i, 0))
			i++;
		if (i == count)
			return MM_OK;
		mobility_put_run(pmm, r, *first, count); /* C3 */
	}
}

enum mm_status mobility_alloc_run(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t count,
				  const struct mm_buddy_limits *where, unsigned class,
				  mm_pfn_t *first)
{
	struct take t = { pmm, r->zone, MM_BLOCK_ORDER, MM_CLASS_UNMOVABLE, 0 };
	enum mm_status st = take_run(pmm, r, count, where, class, first);

	if (st == MM_E_NOMEM && class != MM_CLASS_UNMOVABLE)
		st = take_run(pmm, r, count, where, MM_CLASS_UNMOVABLE, first);
	if (st != MM_E_NOMEM)
		return st;
	take_gather(&t, r, MM_CLASS_RECLAIMABLE);
	take_gather(&t, r, MM_CLASS_MOVABLE);
	return take_run(pmm, r, count, where, MM_CLASS_UNMOVABLE, first);
}

enum mm_status mm_mobility_gather(struct mm_pmm *pmm)
{
	if (!pmm)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	for (uint32_t i = 0; i < pmm->nranges; i++) {
		struct mm_range *r = &pmm->ranges[i];
		struct take t = { pmm, r->zone, MM_BLOCK_ORDER, MM_CLASS_UNMOVABLE, 0 };

		if (!pmm_mobility(r))
			continue;
		take_gather(&t, r, MM_CLASS_RECLAIMABLE);
		take_gather(&t, r, MM_CLASS_MOVABLE);
	}
	return MM_OK;
}
