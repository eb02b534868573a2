/* SPDX-License-Identifier: MIT */
/* Theory of operation: frames that lie together
 * Problem      devices want frames in any number, within limits of their own; and who has some wants to
 *              give a part of them back.
 * Structure    the buddy finds and claims runs (buddy_run.c). Here they get heads: the frames of a run
 *              are its parts, the largest aligned blocks that it consists of, as many as it has ends
 *              of orders:
 *                frames   5 6 7 8 ...... 15 16 17 18      parts: 5, 6-7, 8-15, 16-17, 18
 *                bytes   10 11 . 13 .  .  . 11  . 10
 *              A free of any frames believes the heads that cover them, clears these, and writes heads
 *              for the parts that remain at both ends.
 * Invariants   G1 Every check comes before the first change.
 *              G2 Frames that remain have their heads before the others are in the buddy.
 *              G3 No part is larger than what the buddy takes back as one block.
 * Concurrency  any CPU, interrupts: bytes of allocated frames belong to who has them. */
#include <mmlib/range.h>
#include "hook.h"
#include "mobility.h"
#include "zone.h"
#include "../bits.h"

/* Order of the largest block that [first, first + count) begins with. G3. */
static unsigned contig_part(const struct mm_range *r, mm_pfn_t first, mm_pfn_t count)
{
	unsigned most = mm_buddy_max_order(&r->buddy), fits = mm_highest_bit64(count);
	unsigned order = mm_lowest_bit64(first | (mm_pfn_t)1 << most);

	return order < fits ? order : fits;
}

/* Write the heads of the parts of frames; `head` is that of order 0. */
static void contig_mark(const struct mm_range *r, mm_pfn_t first, mm_pfn_t count, unsigned head)
{
	while (count) {
		unsigned order = contig_part(r, first, count);

		frame_store(r, first, head + order);
		first += (mm_pfn_t)1 << order;
		count -= (mm_pfn_t)1 << order;
	}
}

/* Frames that were taken become the caller's. */
static void contig_own(struct mm_pmm *pmm, const struct mm_range *r, mm_pfn_t first, mm_pfn_t count,
		       uint32_t flags)
{
	contig_mark(r, first, count, pmm_byte(0, flags));
	poison_check(pmm, mm_pfn_to_pa(first), count);
	zone_watch_range(pmm, r);
	while (flags & MM_ALLOC_ZERO && count) {
		unsigned order = contig_part(r, first, count);

		pmm_zero(pmm, mm_pfn_to_pa(first), order);
		first += (mm_pfn_t)1 << order;
		count -= (mm_pfn_t)1 << order;
	}
}

/* What a request for frames anywhere wants, and got. */
struct contig {
	struct zone_want want;
	struct mm_buddy_limits where;
	mm_pfn_t first, count;
	struct mm_range *r;
	unsigned class;
};

static enum mm_status contig_from_range(struct mm_pmm *pmm, struct contig *c, struct mm_range *r)
{
	enum mm_status st;

	if (pmm_has_classes(r))
		return mobility_alloc_run(pmm, r, c->count, &c->where, c->class, &c->first);
	st = mm_buddy_alloc_run(&r->buddy, c->count, &c->where, &c->first);
	if (st == MM_OK)
		pmm_count(pmm, r->zone, (uintptr_t)0 - (uintptr_t)c->count); /* M3 */
	return st;
}

static enum mm_status contig_from_zone(struct mm_pmm *pmm, struct contig *c, uint32_t zone)
{
	enum mm_status result = MM_E_NOMEM;

	for (c->r = zone_first_range(pmm, zone); c->r; c->r = zone_next_range(pmm, c->r)) {
		enum mm_status st = contig_from_range(pmm, c, c->r);

		if (st == MM_OK)
			return MM_OK;
		if (st == MM_E_AGAIN)
			result = MM_E_AGAIN;
	}
	return result;
}

/* From the best zone that has such a run to spare. */
static enum mm_status contig_try(struct mm_pmm *pmm, void *what)
{
	struct contig *c = what;
	enum mm_status result = MM_E_NOMEM;
	struct zone_walk walk;
	uint32_t zone;

	for (zone_walk_start(&walk, pmm, &c->want); zone_walk_next(&walk, &zone);) {
		enum mm_status st = MM_E_NOMEM;

		if (zone_admits(pmm, &c->want, zone, c->count))
			st = contig_from_zone(pmm, c, zone);
		if (st == MM_OK)
			return MM_OK;
		if (st == MM_E_AGAIN)
			result = MM_E_AGAIN;
	}
	return result;
}

static bool contig_is_power(mm_paddr_t n)
{
	return n && !(n & (n - 1));
}

/* Bytes to frames, which may have fewer bits. */
static enum mm_status contig_limits(const struct mm_page_limits *bytes, mm_pfn_t count,
				    struct mm_buddy_limits *where)
{
	const mm_paddr_t in_frame = MM_FRAME_SIZE - 1;
	mm_paddr_t low = (bytes->low >> MM_FRAME_SHIFT) + ((bytes->low & in_frame) != 0);
	mm_paddr_t end = (bytes->high >> MM_FRAME_SHIFT) + ((bytes->high & in_frame) == in_frame);
	mm_paddr_t align = bytes->align >> MM_FRAME_SHIFT;
	mm_paddr_t boundary = bytes->boundary >> MM_FRAME_SHIFT;

	if (bytes->low > bytes->high || !contig_is_power(bytes->align) ||
	    (bytes->boundary && (!contig_is_power(bytes->boundary) || boundary < count)))
		return MM_E_INVAL;
	if (low >= end || low > MM_PFN_MAX || align > MM_PFN_MAX)
		return MM_E_NOMEM;
	where->low = (mm_pfn_t)low;
	where->high = end - 1 > MM_PFN_MAX ? MM_PFN_MAX : (mm_pfn_t)(end - 1);
	where->align = align ? (mm_pfn_t)align : 1;
	where->boundary = boundary > MM_PFN_MAX ? 0 : (mm_pfn_t)boundary;
	return MM_OK;
}

enum mm_status mm_page_alloc_contig(struct mm_pmm *pmm, mm_pfn_t frames, uint32_t flags,
				    const struct mm_page_limits *where, mm_paddr_t *out)
{
	struct contig c = { .count = frames, .where = { 0, MM_PFN_MAX, 1, 0 } };
	enum mm_status st;

	if (!pmm || !out || frames == 0 || flags & MM_ALLOC_TABLE)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	st = pmm_check_flags(pmm, 0, flags);
	if (st == MM_OK && where)
		st = contig_limits(where, frames, &c.where);
	if (st != MM_OK)
		return st;
	c.want = zone_want(pmm, flags);
	c.class = mobility_wanted(flags);
	st = contig_try(pmm, &c);
	if (st != MM_OK && pmm_hands_serve(pmm, &c.want))
		st = pmm_from_hands(pmm, &c.want, flags, contig_try, &c);
	if (st != MM_OK)
		return st;
	contig_own(pmm, c.r, c.first, frames, flags);
	*out = mm_pfn_to_pa(c.first);
	return MM_OK;
}

/* The range that all these frames are in. */
static enum mm_status contig_place(const struct mm_pmm *pmm, mm_paddr_t pa, mm_pfn_t frames,
				   struct mm_range **r)
{
	if (pa & (MM_FRAME_SIZE - 1))
		return MM_E_ALIGN;
	*r = pmm_find_pa(pmm, pa);
	return *r && frames - 1 <= (*r)->last - mm_pa_to_pfn(pa) ? MM_OK : MM_E_FOREIGN;
}

enum mm_status mm_page_alloc_range(struct mm_pmm *pmm, mm_paddr_t pa, mm_pfn_t frames,
				   uint32_t flags)
{
	enum mm_status st = pmm_check_at(pmm, 0, flags);
	mm_pfn_t first = mm_pa_to_pfn(pa);
	struct mm_range *r;

	if (st != MM_OK)
		return st;
	if (frames == 0 || flags & MM_ALLOC_TABLE)
		return MM_E_INVAL;
	st = contig_place(pmm, pa, frames, &r);
	if (st == MM_OK)
		st = pmm_claim(pmm, r, first, frames, flags);
	if (st == MM_OK)
		contig_own(pmm, r, first, frames, flags);
	return st;
}

/* An allocated block that can be freed in parts. */
struct contig_block {
	mm_pfn_t first, end;
	unsigned byte; /* of its head */
};

/* The block that a frame is of; or why there is none. */
static enum mm_status contig_block(const struct mm_range *r, mm_pfn_t pfn, struct contig_block *b)
{
	b->first = pfn;
	b->byte = frame_load(r, pfn);
	if (b->byte == FRAME_FREE && frame_find_head(r, pfn, &b->first))
		b->byte = frame_load(r, b->first);
	if (!frame_is_head(b->byte) || b->byte >= FRAME_LARGE)
		return pmm_refuse(r, pfn, b->byte);
	b->end = b->first + ((mm_pfn_t)1 << frame_order(b->byte));
	return MM_OK;
}

/* Head of order 0 of the same kind. */
static unsigned contig_head(const struct contig_block *b)
{
	return b->byte - frame_order(b->byte);
}

/* Clear the heads of the blocks that cover [pfn, end), which were looked at; *low is the first of them,
 * *high the last. MM_E_DOUBLE_FREE: somebody frees one of them too, and all before it are parts. */
static enum mm_status contig_clear(struct mm_range *r, mm_pfn_t pfn, mm_pfn_t end,
				   struct contig_block *low, struct contig_block *high)
{
	enum mm_status st = contig_block(r, pfn, high);

	*low = *high;
	while (st == MM_OK &&
	       frame_swap(frame_byte(r, high->first), high->byte, FRAME_FREE)) {
		if (high->end >= end)
			return MM_OK;
		st = contig_block(r, high->end, high);
	}
	contig_mark(r, low->first, high->first - low->first, contig_head(low));
	return MM_E_DOUBLE_FREE;
}

enum mm_status mm_page_free_range(struct mm_pmm *pmm, mm_paddr_t pa, mm_pfn_t frames)
{
	mm_pfn_t first = mm_pa_to_pfn(pa), end = first + frames;
	struct contig_block low, high;
	struct mm_range *r;
	enum mm_status st;

	if (!pmm || frames == 0)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	st = contig_place(pmm, pa, frames, &r);
	high.end = first;
	while (st == MM_OK && high.end < end)
		st = contig_block(r, high.end, &high); /* G1 */
	if (st == MM_OK)
		st = contig_clear(r, first, end, &low, &high);
	if (st != MM_OK)
		return st;
	contig_mark(r, low.first, first - low.first, contig_head(&low)); /* G2 */
	if (!MM_PLANTED(MM_PLANT_CONTIG))
		contig_mark(r, end, high.end - end, contig_head(&high));
	poison_fill(pmm, pa, frames);
	pmm_to_buddy_range(pmm, r, first, frames);
	zone_watch_range(pmm, r);
	return MM_OK;
}
