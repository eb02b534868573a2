/* SPDX-License-Identifier: MIT */
/* Theory of operation: physical memory manager, allocation and free
 * Problem      give out frames from the right part of memory, fast, and believe no free that is not
 *              proved by the frame byte.
 * Structure    zones[]: which memory is like which (zone.c). ranges[]: stretches of RAM, sorted, each of
 *              one zone. Each range: a buddy and one byte a frame.
 * Invariants   M1 ranges are sorted, disjoint, and each lies in one zone.
 *              M2 bytes and bitmaps agree at quiescence (frame.h, B1 to B3).
 *              M3 a zone's `free` is never less than what the zone's buddies hold: it is raised
 *                 before a block enters a buddy and lowered after one left. At quiescence they are
 *                 equal.
 *              M4 total = free + used + reserved in every zone; used is derived. Reserved are
 *                 the frames that are held back (byte 06), and the manager's own metadata.
 * Why no lock  the buddy is lock-free, the byte belongs to whoever owns the frame, and ranges
 *              change only while the caller keeps others away.
 * Concurrency  any CPU, interrupts. */
#include <mmlib/pmm_inline.h>
#include "mobility.h"
#include "zone.h"

_Static_assert(MM_FRAME_HEAD == FRAME_HEAD, "headers agree on the frame byte");

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

/* Its frame number may have fewer bits than the address. */
struct mm_range *pmm_find_pa(const struct mm_pmm *pmm, mm_paddr_t pa)
{
	return pa >> MM_FRAME_SHIFT > MM_PFN_MAX ? NULL : pmm_find(pmm, mm_pa_to_pfn(pa));
}

/* Frame of an address in this range; false if it is not there. */
static bool pmm_virt_in(const struct mm_range *r, const void *p, mm_pfn_t *pfn)
{
	uintptr_t frame = ((uintptr_t)p - (uintptr_t)r->virt) >> MM_FRAME_SHIFT;

	*pfn = r->first + (mm_pfn_t)frame;
	return frame <= r->last - r->first;
}

/* Range number i by virtual address; those that have none come last. */
static struct mm_range *pmm_by_virt(const struct mm_pmm *pmm, uint32_t i)
{
	return &pmm->ranges[pmm->ranges[i].by_virt];
}

static uintptr_t pmm_virt_key(const struct mm_pmm *pmm, const struct mm_range *r)
{
	return zone_is_high(pmm, r->zone) ? UINTPTR_MAX : (uintptr_t)r->virt;
}

void pmm_sort_virt(struct mm_pmm *pmm)
{
	for (uint32_t i = 0; i < pmm->nranges; i++) {
		uintptr_t key = pmm_virt_key(pmm, &pmm->ranges[i]);
		uint32_t at = i;

		for (; at > 0 && pmm_virt_key(pmm, pmm_by_virt(pmm, at - 1)) > key; at--)
			pmm->ranges[at].by_virt = pmm->ranges[at - 1].by_virt;
		pmm->ranges[at].by_virt = i;
	}
}

struct mm_range *pmm_find_virt(const struct mm_pmm *pmm, const void *p, mm_pfn_t *pfn)
{
	uint32_t low = 0, high = pmm->nranges - 1;
	struct mm_range *r;

	if (pmm_virt_in(pmm->main, p, pfn))
		return pmm->main;
	while (low < high) { /* the last one that begins at or below p */
		uint32_t mid = low + (high - low + 1) / 2;

		if (pmm_virt_key(pmm, pmm_by_virt(pmm, mid)) > (uintptr_t)p)
			high = mid - 1;
		else
			low = mid;
	}
	r = pmm_by_virt(pmm, low);
	return !zone_is_high(pmm, r->zone) && pmm_virt_in(r, p, pfn) ? r : NULL;
}

enum mm_status pmm_check_flags(const struct mm_pmm *pmm, unsigned order, uint32_t flags)
{
	const uint32_t kinds = MM_ALLOC_TABLE | MM_ALLOC_MOVABLE | MM_ALLOC_RECLAIMABLE;
	const uint32_t known = MM_ALLOC_ZERO | MM_ALLOC_ATOMIC | MM_ALLOC_NODE_EXACT |
			       MM_ALLOC_EMERGENCY | MM_ALLOC_HIGH | MM_ALLOC_NO_RETRY | kinds |
			       0xffff0000u;

	if (flags & ~known || order > pmm->max_order || zone_in_flags(flags) > pmm->ncfg ||
	    zone_node_in_flags(flags) > zone_nodes(pmm))
		return MM_E_INVAL;
	if (flags & kinds & ((flags & kinds) - 1)) /* two of them */
		return MM_E_INVAL;
	if (flags & MM_ALLOC_TABLE && (order != 0 || flags & MM_ALLOC_HIGH))
		return MM_E_INVAL;
	return MM_OK;
}

void pmm_zero(const struct mm_pmm *pmm, mm_paddr_t pa, unsigned order)
{
	size_t bytes = (size_t)MM_FRAME_SIZE << order;

	if (pmm->port->zero)
		pmm->port->zero(pmm->port->ctx, pa, bytes);
	else
		__builtin_memset(mm_port_to_virt(pmm->port, pa), 0, bytes);
}

/* Write the byte of a block, or of each of its frames (B4). */
static void pmm_mark(const struct mm_range *r, mm_pfn_t pfn, unsigned order, unsigned byte)
{
	mm_pfn_t marks = frame_marks_all(byte) ? (mm_pfn_t)1 << order : 1;

	for (mm_pfn_t i = 0; i < marks; i++)
		frame_store(r, pfn + i, byte);
}

/* Clear the bytes of a block but the first, which is believed already. */
static void pmm_clear_rest(const struct mm_range *r, mm_pfn_t pfn, unsigned order)
{
	for (mm_pfn_t i = 1; i < (mm_pfn_t)1 << order; i++)
		frame_store(r, pfn + i, FRAME_FREE);
}

void pmm_to_buddy(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t pfn, unsigned order)
{
	enum mm_status st;

	if (pmm_has_classes(r)) {
		mobility_free(pmm, r, pfn, order);
		return;
	}
	pmm_count(pmm, r->zone, (uintptr_t)1 << order); /* M3 */
	st = mm_buddy_free(&r->buddy, pfn, order);
	MM_CHECK(pmm->port, st == MM_OK); /* M2 */
}

void pmm_to_buddy_range(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t first, mm_pfn_t count)
{
	enum mm_status st;

	if (pmm_has_classes(r)) {
		mobility_free_run(pmm, r, first, count);
		return;
	}
	pmm_count(pmm, r->zone, (uintptr_t)count); /* M3 */
	st = mm_buddy_free_range(&r->buddy, first, count);
	MM_CHECK(pmm->port, st == MM_OK); /* M2 */
}

/* Take a block from the buddies of a zone, and count it. */
static enum mm_status pmm_from_zone(struct mm_pmm *pmm, uint32_t zone, unsigned order,
				    uint32_t flags, mm_pfn_t *pfn)
{
	enum mm_status result = MM_E_NOMEM;

	if (MM_MOBILITY && pmm->classes)
		return mobility_from_zone(pmm, zone, order, mobility_wanted(flags), pfn);
	for (struct mm_range *r = zone_first_range(pmm, zone); r; r = zone_next_range(pmm, r)) {
		enum mm_status st = mm_buddy_alloc(&r->buddy, order, pfn);

		if (st == MM_OK) {
			pmm_count(pmm, zone, (uintptr_t)0 - ((uintptr_t)1 << order)); /* M3 */
			return MM_OK;
		}
		if (st == MM_E_AGAIN)
			result = MM_E_AGAIN;
	}
	return result;
}

/* From the best zone that has such a block to spare. */
static enum mm_status pmm_from_zones(struct mm_pmm *pmm, const struct zone_want *want,
				     unsigned order, uint32_t flags, mm_pfn_t *pfn)
{
	enum mm_status result = MM_E_NOMEM;
	struct zone_walk walk;
	uint32_t zone;

	for (zone_walk_start(&walk, pmm, want); zone_walk_next(&walk, &zone);) {
		enum mm_status st;

		if (!zone_admits(pmm, want, zone, (mm_pfn_t)1 << order))
			continue;
		st = pmm_from_zone(pmm, zone, order, flags, pfn);
		if (st == MM_OK)
			return MM_OK;
		if (st == MM_E_AGAIN)
			result = MM_E_AGAIN;
	}
	return result;
}

/* Make all CPUs give back what they have at hand (H4). MM_E_AGAIN: some still have frames that this request
 * could take. */
static enum mm_status pmm_empty_hands(struct mm_pmm *pmm, const struct zone_want *want,
				      uint32_t flags)
{
	(void)pmm_cpu_drain(pmm);
	if (!pmm_any_at_hand(pmm, want))
		return MM_OK;
	if (flags & MM_ALLOC_NO_RETRY)
		return MM_E_AGAIN;
	if (flags & MM_ALLOC_ATOMIC)
		pmm_request_drain(pmm);
	else if (mm_pmm_drain(pmm) == MM_OK)
		return MM_OK;
	return pmm_any_at_hand(pmm, want) ? MM_E_AGAIN : MM_OK;
}

enum mm_status pmm_from_hands(struct mm_pmm *pmm, const struct zone_want *want, uint32_t flags,
			      enum mm_status (*attempt)(struct mm_pmm *, void *), void *what)
{
	uint32_t refills = zone_refills(pmm, want);
	enum mm_status empty = pmm_empty_hands(pmm, want, flags);
	enum mm_status st = attempt(pmm, what); /* it may have come back meanwhile, too */

	if ((st == MM_E_NOMEM || st == MM_E_BUSY) &&
	    (empty != MM_OK || zone_refills(pmm, want) != refills ||
	     (!MM_PLANTED(MM_PLANT_DODGE) && pmm_any_at_hand(pmm, want)))) /* H4 */
		st = MM_E_AGAIN;
	return st;
}

bool pmm_hands_serve(const struct mm_pmm *pmm, const struct zone_want *want)
{
	struct zone_walk walk;
	uint32_t zone;

	for (zone_walk_start(&walk, pmm, want); pmm->ncpus && zone_walk_next(&walk, &zone);)
		if (pmm_cpu_any_of(pmm, zone))
			return true;
	return false;
}

/* A block of an order, wherever there is one. */
struct pmm_block {
	const struct zone_want *want;
	unsigned order;
	uint32_t flags;
	mm_pfn_t pfn;
};

static enum mm_status pmm_try_zones(struct mm_pmm *pmm, void *what)
{
	struct pmm_block *block = what;

	return pmm_from_zones(pmm, block->want, block->order, block->flags, &block->pfn);
}

/* The zone that a request takes from first. Z4: an ordinary one need not look. */
static uint32_t pmm_first_zone(const struct mm_pmm *pmm, uint32_t flags)
{
	struct zone_want want;

	if (!(flags & ~(uint32_t)(MM_ALLOC_ATOMIC | MM_ALLOC_ZERO)))
		return ZONE_HERE;
	want = zone_want(pmm, flags);
	return zone_best(pmm, &want);
}

/* Not at hand: from this CPU's range, then from wherever there is a block. */
static enum mm_status pmm_take(struct mm_pmm *pmm, unsigned order, uint32_t flags, unsigned byte,
			       mm_pfn_t *pfn)
{
	struct zone_want want;
	struct pmm_block block = { &want, order, flags, 0 };
	enum mm_status st;

	if (!(flags & MM_ALLOC_RECLAIMABLE && pmm->classes) &&
	    pmm_cpu_pop(pmm, pmm_first_zone(pmm, flags), order, byte, pfn))
		return MM_OK;
	want = zone_want(pmm, flags);
	st = pmm_try_zones(pmm, &block);
	if (st != MM_OK && pmm_hands_serve(pmm, &want))
		st = pmm_from_hands(pmm, &want, flags, pmm_try_zones, &block);
	if (st != MM_OK)
		return st;
	*pfn = block.pfn;
	frame_store(pmm_find(pmm, *pfn), *pfn, byte);
	return MM_OK;
}

/* Frames were taken or freed in the slow way, this one among them. */
static void pmm_watch(struct mm_pmm *pmm, mm_pfn_t pfn)
{
	if (pmm->watched)
		zone_watch(pmm, pmm_find(pmm, pfn)->zone);
}

/* The same, and what flags ask for. */
static enum mm_status pmm_take_as(struct mm_pmm *pmm, unsigned order, uint32_t flags, unsigned byte,
				  mm_paddr_t *out)
{
	mm_pfn_t pfn;
	enum mm_status st = pmm_take(pmm, order, flags, byte, &pfn);

	if (st != MM_OK)
		return st;
	if (order != 0 && frame_marks_all(byte))
		pmm_mark(pmm_find(pmm, pfn), pfn, order, byte); /* B4 */
	*out = mm_pfn_to_pa(pfn);
	poison_check(pmm, *out, (mm_pfn_t)1 << order);
	if (flags & MM_ALLOC_ZERO)
		pmm_zero(pmm, *out, order);
	pmm_watch(pmm, pfn);
	return MM_OK;
}

enum mm_status pmm_alloc_as(struct mm_pmm *pmm, unsigned order, uint32_t flags, unsigned byte,
			    mm_paddr_t *out)
{
	if (!(flags & ~(uint32_t)MM_ALLOC_ATOMIC) && order <= MM_HAND_ORDER &&
	    (order == 0 || !frame_marks_all(byte)) && mm_hand_take(pmm, order, byte, out))
		return MM_OK;
	return pmm_take_as(pmm, order, flags, byte, out);
}

unsigned pmm_byte(unsigned order, uint32_t flags)
{
	if (flags & MM_ALLOC_TABLE)
		return FRAME_TABLE;
	return (flags & MM_ALLOC_MOVABLE ? FRAME_MOVABLE : FRAME_HEAD) + order;
}

static PMM_SLOW enum mm_status page_alloc_slow(struct mm_pmm *pmm, unsigned order, uint32_t flags,
					       mm_paddr_t *out)
{
	enum mm_status st;

	if (!pmm || !out)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	st = pmm_check_flags(pmm, order, flags);
	if (st != MM_OK)
		return st;
	return pmm_take_as(pmm, order, flags, pmm_byte(order, flags), out);
}

/* Larger blocks that are at hand. */
static PMM_SLOW enum mm_status page_alloc_block(struct mm_pmm *pmm, unsigned order, uint32_t flags,
						mm_paddr_t *out)
{
	if (out && !(flags & ~(uint32_t)MM_ALLOC_ATOMIC) && order <= MM_HAND_ORDER &&
	    mm_hand_take(pmm, order, FRAME_HEAD + order, out))
		return MM_OK;
	return page_alloc_slow(pmm, order, flags, out);
}

/* Single frames that are at hand. What is not goes round: all checks are there. */
enum mm_status mm_page_alloc(struct mm_pmm *pmm, unsigned order, uint32_t flags, mm_paddr_t *out)
{
	if (order != 0)
		return page_alloc_block(pmm, order, flags, out);
	if (out && !(flags & ~(uint32_t)MM_ALLOC_ATOMIC) && mm_hand_take(pmm, 0, FRAME_HEAD, out))
		return MM_OK;
	return page_alloc_slow(pmm, 0, flags, out);
}

/* Frames by their address. */
struct pmm_place {
	struct mm_range *r;
	mm_pfn_t first, count;
	uint32_t flags;
};

static enum mm_status pmm_try_place(struct mm_pmm *pmm, void *what)
{
	const struct pmm_place *place = what;
	enum mm_status st;

	if (pmm_has_classes(place->r))
		return mobility_alloc_range(pmm, place->r, place->first, place->count,
					    mobility_wanted(place->flags));
	st = mm_buddy_alloc_range(&place->r->buddy, place->first, place->count);
	if (st == MM_OK)
		pmm_count(pmm, place->r->zone, (uintptr_t)0 - (uintptr_t)place->count); /* M3 */
	return st;
}

enum mm_status pmm_claim(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t first, mm_pfn_t count,
			 uint32_t flags)
{
	const struct zone_want here = { .named = r->zone, .high = true }; /* and no other zone */
	struct pmm_place place = { r, first, count, flags };
	enum mm_status st = pmm_try_place(pmm, &place);

	if (st == MM_E_BUSY && pmm->ncpus) /* some of it may be at hand */
		st = pmm_from_hands(pmm, &here, flags, pmm_try_place, &place);
	return st;
}

/* May these flags go with an address? */
enum mm_status pmm_check_at(const struct mm_pmm *pmm, unsigned order, uint32_t flags)
{
	if (!pmm || zone_in_flags(flags) || zone_node_in_flags(flags) ||
	    flags & (MM_ALLOC_NODE_EXACT | MM_ALLOC_HIGH | MM_ALLOC_EMERGENCY))
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	return pmm_check_flags(pmm, order, flags);
}

enum mm_status mm_page_alloc_at(struct mm_pmm *pmm, mm_paddr_t pa, unsigned order, uint32_t flags)
{
	mm_pfn_t pfn = mm_pa_to_pfn(pa);
	enum mm_status st = pmm_check_at(pmm, order, flags);
	struct mm_range *r;

	if (st != MM_OK)
		return st;
	if (pa & ((MM_FRAME_SIZE << order) - 1))
		return MM_E_ALIGN;
	r = pmm_find_pa(pmm, pa);
	if (!r || order > mm_buddy_max_order(&r->buddy))
		return MM_E_FOREIGN;
	st = pmm_claim(pmm, r, pfn, (mm_pfn_t)1 << order, flags);
	if (st != MM_OK)
		return st;
	pmm_mark(r, pfn, order, pmm_byte(order, flags));
	poison_check(pmm, pa, (mm_pfn_t)1 << order);
	if (flags & MM_ALLOC_ZERO)
		pmm_zero(pmm, pa, order);
	pmm_watch(pmm, pfn);
	return MM_OK;
}

enum mm_status pmm_refuse(const struct mm_range *r, mm_pfn_t pfn, unsigned byte)
{
	mm_pfn_t head;

	if (byte >= FRAME_LARGE || byte == FRAME_TABLE || byte == FRAME_META || byte == FRAME_CLAIMED)
		return MM_E_OWNER;
	if (frame_is_head(byte))
		return MM_E_ORDER;
	if (byte == FRAME_HELD)
		return MM_E_DOUBLE_FREE;
	if (byte != FRAME_FREE)
		return MM_E_FOREIGN;
	return frame_find_head(r, pfn, &head) ? MM_E_ALIGN : MM_E_DOUBLE_FREE;
}

enum mm_status pmm_free_as(struct mm_pmm *pmm, mm_paddr_t pa, unsigned order, unsigned byte)
{
	mm_pfn_t pfn = mm_pa_to_pfn(pa);
	struct mm_range *r;

	if (pa & (MM_FRAME_SIZE - 1))
		return MM_E_ALIGN;
	r = pmm_find_pa(pmm, pa);
	if (!r)
		return MM_E_FOREIGN;
	if (frame_load(r, pfn) != byte)
		return pmm_refuse(r, pfn, frame_load(r, pfn));
	if (!frame_swap(frame_byte(r, pfn), byte, FRAME_FREE))
		return MM_E_DOUBLE_FREE;
	if (order != 0 && frame_marks_all(byte))
		pmm_clear_rest(r, pfn, order);
	poison_fill(pmm, pa, (mm_pfn_t)1 << order);
	if (!pmm_cpu_push(pmm, r, pfn, order, byte))
		pmm_to_buddy(pmm, r, pfn, order);
	pmm_watch(pmm, pfn);
	return MM_OK;
}

unsigned pmm_head_at(const struct mm_pmm *pmm, mm_paddr_t pa, unsigned order)
{
	const struct mm_range *r = pmm_find_pa(pmm, pa);

	if (order > pmm->max_order)
		return FRAME_NOTHING;
	return (r && frame_is_movable(frame_load(r, mm_pa_to_pfn(pa))) ? FRAME_MOVABLE : FRAME_HEAD) +
	       order;
}

static PMM_SLOW enum mm_status page_free_slow(struct mm_pmm *pmm, mm_paddr_t pa, unsigned order)
{
	if (!pmm)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	return pmm_free_as(pmm, pa, order, pmm_head_at(pmm, pa, order));
}

/* Larger blocks that are kept at hand. */
static PMM_SLOW enum mm_status page_free_block(struct mm_pmm *pmm, mm_paddr_t pa, unsigned order)
{
	if (order <= MM_HAND_ORDER && mm_hand_give(pmm, pa, order, false, FRAME_HEAD + order))
		return MM_OK;
	return page_free_slow(pmm, pa, order);
}

/* Single frames that are kept at hand. What is not, or is wrong, goes round. */
enum mm_status mm_page_free(struct mm_pmm *pmm, mm_paddr_t pa, unsigned order)
{
	if (order != 0)
		return page_free_block(pmm, pa, order);
	if (mm_hand_give(pmm, pa, 0, true, FRAME_HEAD))
		return MM_OK;
	return page_free_slow(pmm, pa, 0);
}

enum mm_status mm_page_free_table(struct mm_pmm *pmm, mm_paddr_t pa)
{
	enum mm_status st;

	if (!pmm)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	st = pmm_free_as(pmm, pa, 0, FRAME_TABLE);
	return st == MM_E_ORDER ? MM_E_OWNER : st; /* a block, but not a table */
}
