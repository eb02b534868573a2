/* SPDX-License-Identifier: MIT */
/* Theory of operation: physical memory manager, allocation and free
 * Problem      give out frames from the right part of memory, fast, and believe no free that is not
 *              proved by the frame byte.
 * Structure    zones[]: slices of the address space by upper limit. ranges[]: stretches of RAM, sorted;
 *              the ranges of a zone are neighbours. Each range: a buddy and one byte a frame.
 * Invariants   M1 ranges are sorted, disjoint, and each lies in one zone.
 *              M2 bytes and bitmaps agree at quiescence (frame.h, B1 to B3).
 *              M3 zone->free is never less than what the zone's buddies hold: it is raised before
 *                 a block enters a buddy and lowered after one left. At quiescence they are equal.
 *              M4 total = free + used + reserved in every zone; used is derived.
 * Why no lock  the buddy is lock-free, the byte belongs to whoever owns the frame, and ranges change
 *              only while the caller keeps others away.
 * Concurrency  any CPU, interrupts. */
#include "pmm.h"

struct mm_range *pmm_find(const struct mm_pmm *pmm, mm_pfn_t pfn)
{
	uint32_t low = 0, high = pmm->nranges;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (pfn > pmm->ranges[mid].last)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == pmm->nranges || pfn < pmm->ranges[low].first)
		return NULL;
	return &pmm->ranges[low];
}

static enum mm_status pmm_check_flags(const struct mm_pmm *pmm, unsigned order, uint32_t flags)
{
	const uint32_t known = MM_ALLOC_ZERO | MM_ALLOC_TABLE | 0xffu << 24;

	if (flags & ~known || order > pmm->max_order || flags >> 24 > pmm->nzones)
		return MM_E_INVAL;
	if (flags & MM_ALLOC_TABLE && order != 0)
		return MM_E_INVAL;
	return MM_OK;
}

static void pmm_zero(const struct mm_pmm *pmm, mm_paddr_t pa, unsigned order)
{
	size_t bytes = (size_t)MM_FRAME_SIZE << order;

	if (pmm->port->zero)
		pmm->port->zero(pmm->port->ctx, pa, bytes);
	else
		__builtin_memset(mm_port_to_virt(pmm->port, pa), 0, bytes);
}

/* The block has just left the buddy of r: note who it is and count it. */
static void pmm_own(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t pfn, unsigned order,
		    uint32_t flags)
{
	frame_store(r, pfn, flags & MM_ALLOC_TABLE ? FRAME_TABLE : FRAME_HEAD + order);
	mm_atomic_add(&pmm->zones[r->zone].free, (uintptr_t)0 - ((uintptr_t)1 << order)); /* M3 */
	if (flags & MM_ALLOC_ZERO)
		pmm_zero(pmm, mm_pfn_to_pa(pfn), order);
}

static enum mm_status pmm_alloc_zone(struct mm_pmm *pmm, const struct mm_zone *zone, unsigned order,
				     uint32_t flags, mm_pfn_t *pfn)
{
	enum mm_status result = MM_E_NOMEM;

	for (uint32_t i = 0; i < zone->nranges; i++) {
		struct mm_range *r = &pmm->ranges[zone->first_range + i];
		enum mm_status st = mm_buddy_alloc(&r->buddy, order, pfn);

		if (st == MM_OK) {
			pmm_own(pmm, r, *pfn, order, flags);
			return MM_OK;
		}
		if (st == MM_E_AGAIN)
			result = MM_E_AGAIN;
	}
	return result;
}

enum mm_status mm_page_alloc(struct mm_pmm *pmm, unsigned order, uint32_t flags, mm_paddr_t *out)
{
	enum mm_status st, result = MM_E_NOMEM;
	mm_pfn_t pfn;
	uint32_t zone;

	if (!pmm || !out)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	st = pmm_check_flags(pmm, order, flags);
	if (st != MM_OK)
		return st;
	for (zone = flags >> 24 ? flags >> 24 : pmm->nzones; zone-- > 0;) {
		st = pmm_alloc_zone(pmm, &pmm->zones[zone], order, flags, &pfn);
		if (st == MM_OK) {
			*out = mm_pfn_to_pa(pfn);
			return MM_OK;
		}
		if (st == MM_E_AGAIN)
			result = MM_E_AGAIN;
	}
	return result;
}

enum mm_status mm_page_alloc_at(struct mm_pmm *pmm, mm_paddr_t pa, unsigned order, uint32_t flags)
{
	struct mm_range *r;
	enum mm_status st;

	if (!pmm || flags >> 24)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	st = pmm_check_flags(pmm, order, flags);
	if (st != MM_OK)
		return st;
	if (pa & ((MM_FRAME_SIZE << order) - 1))
		return MM_E_ALIGN;
	r = pmm_find(pmm, mm_pa_to_pfn(pa));
	if (!r || order > mm_buddy_max_order(&r->buddy))
		return MM_E_FOREIGN;
	st = mm_buddy_alloc_at(&r->buddy, mm_pa_to_pfn(pa), order);
	if (st == MM_OK)
		pmm_own(pmm, r, mm_pa_to_pfn(pa), order, flags);
	return st;
}

/* Why this frame cannot be freed: the byte is not what the caller claims. */
static enum mm_status pmm_refuse(const struct mm_range *r, mm_pfn_t pfn, unsigned byte)
{
	mm_pfn_t head;

	if (frame_is_head(byte))
		return MM_E_ORDER;
	if (byte == FRAME_TABLE || byte == FRAME_META)
		return MM_E_OWNER;
	if (byte != FRAME_FREE)
		return MM_E_FOREIGN;
	return frame_find_head(r, pfn, &head) ? MM_E_ALIGN : MM_E_DOUBLE_FREE;
}

/* Free a block whose byte must be `want`. */
static enum mm_status pmm_free(struct mm_pmm *pmm, mm_paddr_t pa, unsigned order, unsigned want)
{
	mm_pfn_t pfn = mm_pa_to_pfn(pa);
	struct mm_range *r;
	enum mm_status st;

	if (pa & (MM_FRAME_SIZE - 1))
		return MM_E_ALIGN;
	r = pmm_find(pmm, pfn);
	if (!r)
		return MM_E_FOREIGN;
	if (frame_load(r, pfn) != want)
		return pmm_refuse(r, pfn, frame_load(r, pfn));
	if (!frame_swap(r, pfn, want, FRAME_FREE))
		return MM_E_DOUBLE_FREE;
	mm_atomic_add(&pmm->zones[r->zone].free, (uintptr_t)1 << order); /* M3 */
	st = mm_buddy_free(&r->buddy, pfn, order);
	MM_CHECK(pmm->port, st == MM_OK); /* M2 */
	return MM_OK;
}

enum mm_status mm_page_free(struct mm_pmm *pmm, mm_paddr_t pa, unsigned order)
{
	if (!pmm)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	return pmm_free(pmm, pa, order,
			order <= pmm->max_order ? FRAME_HEAD + order : FRAME_NOTHING);
}

enum mm_status mm_page_free_table(struct mm_pmm *pmm, mm_paddr_t pa)
{
	enum mm_status st;

	if (!pmm)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	st = pmm_free(pmm, pa, 0, FRAME_TABLE);
	return st == MM_E_ORDER ? MM_E_OWNER : st; /* a block, but not a table */
}
