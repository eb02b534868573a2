/* SPDX-License-Identifier: MIT */
/* Theory of operation: side tables
 * Problem      a heap needs a pointer for each frame that holds a slab, found from the frame by two
 *              loads; who has no heap must not pay for it.
 * Structure    tables of MM_SIDE_FRAMES pointers, which the heap makes as it needs them, and for each
 *              range an array of pointers to its tables: one for each MM_SIDE_FRAMES frames, 0.125 bits
 *              a frame. The arrays of all ranges lie in one block, which the first heap brings and the
 *              last one takes away. A range that is added while there are heaps has its array in its own
 *              metadata, for good.
 * Invariants   D1 while there is a heap, every range has an array.
 *              D2 a place is NULL or leads to a table; without a heap all are NULL.
 * Concurrency  heaps are made and destroyed, and ranges added, by one caller at a time; others may
 *              allocate and free frames. */
#include "pmm.h"
#include "../checked.h"

size_t pmm_sides(mm_pfn_t first, mm_pfn_t last)
{
	return (size_t)(last / MM_SIDE_FRAMES - first / MM_SIDE_FRAMES + 1);
}

static size_t side_places(const struct mm_range *r)
{
	return pmm_sides(r->first, r->last);
}

/* Is the array of a range in the block that is for all? */
static bool side_in_block(const struct mm_pmm *pmm, const struct mm_range *r)
{
	uintptr_t block;

	if (!pmm->side_frames)
		return false;
	block = (uintptr_t)mm_port_to_virt(pmm->port, pmm->sides);
	return (uintptr_t)r->side - block < (uintptr_t)pmm->side_frames << MM_FRAME_SHIFT;
}

/* Places that ranges without an array need. */
static size_t side_missing(const struct mm_pmm *pmm)
{
	size_t n = 0;

	for (uint32_t i = 0; i < pmm->nranges; i++)
		n += pmm->ranges[i].side ? 0 : side_places(&pmm->ranges[i]);
	return n;
}

/* Give frames [from, to) of the block back. */
static void side_free(struct mm_pmm *pmm, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		enum mm_status st = pmm_free_as(
			pmm, pmm->sides + ((mm_paddr_t)i << MM_FRAME_SHIFT), 0, FRAME_META);

		MM_CHECK(pmm->port, st == MM_OK);
	}
}

/* A block for n places, all NULL. */
static enum mm_status side_block(struct mm_pmm *pmm, size_t n)
{
	size_t frames = ((n - 1) >> (MM_FRAME_SHIFT - (sizeof(void *) == 8 ? 3 : 2))) + 1;
	unsigned order = 0;
	enum mm_status st;

	while ((size_t)1 << order < frames)
		order++;
	if (order > pmm->max_order || mm_hook_fail())
		return MM_E_NOMEM;
	st = pmm_alloc_as(pmm, order, 0, FRAME_META, &pmm->sides);
	if (st != MM_OK)
		return st;
	pmm->side_frames = (uint32_t)frames;
	side_free(pmm, pmm->side_frames, (uint32_t)1 << order);
	__builtin_memset(mm_port_to_virt(pmm->port, pmm->sides), 0, frames << MM_FRAME_SHIFT);
	return MM_OK;
}

enum mm_status pmm_side_get(struct mm_pmm *pmm)
{
	size_t n = pmm->heaps ? 0 : side_missing(pmm);
	void **place;

	if (n) {
		enum mm_status st = side_block(pmm, n);

		if (st != MM_OK)
			return st;
		place = mm_port_to_virt(pmm->port, pmm->sides);
		for (uint32_t i = 0; i < pmm->nranges; i++) {
			struct mm_range *r = &pmm->ranges[i];

			if (r->side)
				continue;
			r->side = place; /* D1 */
			place += side_places(r);
		}
	}
	pmm->heaps++;
	return MM_OK;
}

void pmm_side_put(struct mm_pmm *pmm)
{
	if (--pmm->heaps)
		return;
	for (uint32_t i = 0; i < pmm->nranges; i++) {
		struct mm_range *r = &pmm->ranges[i];

		if (side_in_block(pmm, r))
			r->side = NULL;
	}
	side_free(pmm, 0, pmm->side_frames);
	pmm->side_frames = 0;
}
