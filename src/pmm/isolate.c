/* SPDX-License-Identifier: MIT */
/* Theory of operation: isolation of pageblocks
 * Problem      certain frames must become free and stay so: to be claimed by a device, taken offline,
 *              or withdrawn because they are bad. Meanwhile all CPUs allocate and free.
 * Structure    three things in turn. The pageblocks' tags say isolated: what is freed in them from now
 *              on is withheld. CPUs give back what they have at hand. Each pageblock is settled
 *              (mobility.c): what is free in it is withheld. Then each frame is withheld, or in use,
 *              or on its way: just taken, or just being freed. Blocks in use that can be moved are
 *              moved by the host, which empties them; frames on their way are waited for by doing it
 *              all again, boundedly.
 * Hands        CPUs that keep blocks at hand do not look at tags. While anything is isolated they do:
 *              mm_page_cpu::drain is not 0 then, so each call goes the slow way, where a block of an
 *              isolated pageblock is neither kept nor handed out.
 * Invariants   O1 at quiescence pmm->isolations, and each CPU's count of it, is the number of isolated
 *                 pageblocks, and of bad frames in use (withdraw.c); it is raised first, lowered last.
 *              O2 who set a pageblock's isolated bit clears it; nobody isolates what is isolated.
 *              O3 a frame that is withheld belongs to who isolated it, who sees what was done before its free.
 * Failure      the bits are cleared and the pageblocks settled: that is the state of before.
 * Concurrency  any number at once, of different pageblocks. No lock is held; the host's mover may do
 *              what it likes. */
#include <mmlib/note.h>
#include "mobility.h"
#include "zone.h"

#ifndef ISOLATE_TRIES /* tests that explore every schedule make it small */
#define ISOLATE_TRIES 64
#endif

enum mm_status isolate_frames(struct mm_pmm *pmm, mm_paddr_t base, mm_paddr_t length,
			      struct isolate *out)
{
	struct mm_range *r;

	if (!pmm)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	if (length == 0 || (base | length) & (MM_FRAME_SIZE - 1) || length - 1 > MM_PADDR_MAX - base)
		return MM_E_INVAL;
	if ((base + (length - 1)) >> MM_FRAME_SHIFT > MM_PFN_MAX)
		return MM_E_FOREIGN;
	*out = (struct isolate){ .pmm = pmm,
				 .first = mm_pa_to_pfn(base),
				 .last = mm_pa_to_pfn(base + (length - 1)) };
	r = pmm_find(pmm, out->first);
	if (!r || out->last > r->last)
		return MM_E_FOREIGN;
	out->r = r;
	return pmm_mobility(r) ? MM_OK : MM_E_NOTSUP;
}

/* First frame of the pageblock behind that of pfn; false: it is beyond the last one wanted. */
static bool isolate_next_block(const struct isolate *what, mm_pfn_t *pfn)
{
	mm_pfn_t last = mobility_last(what->r, *pfn);

	*pfn = last + 1;
	return last < what->last;
}

/* Set or clear the isolated bit of a pageblock. False: it was so. */
static bool isolate_tag(const struct mm_range *r, mm_pfn_t pfn, bool on)
{
	unsigned tag;

	do {
		tag = mobility_tag(r, pfn);
		if (((tag & TAG_ISOLATED) != 0) == on)
			return false;
	} while (!mobility_retag(r, pfn, tag, tag ^ TAG_ISOLATED));
	return true;
}

/* The pageblocks before `end` are what they were. */
static void isolate_undo(const struct isolate *what, mm_pfn_t end)
{
	mm_pfn_t pfn = what->first;
	bool more = true;

	for (; more && pfn < end; more = isolate_next_block(what, &pfn)) {
		bool was = isolate_tag(what->r, pfn, false);

		MM_CHECK(what->pmm->port, was); /* O2 */
		mobility_settle(what->pmm, what->r, pfn);
		pmm_guard(what->pmm, -1);
	}
}

void isolate_end(const struct isolate *what)
{
	isolate_undo(what, what->last + 1);
	zone_watch_range(what->pmm, what->r);
}

enum mm_status isolate_begin(struct isolate *what)
{
	mm_pfn_t pfn = what->first;

	do {
		pmm_guard(what->pmm, 1); /* O1 */
		if (!isolate_tag(what->r, pfn, true)) {
			pmm_guard(what->pmm, -1);
			what->pinned = pfn;
			isolate_undo(what, pfn);
			return MM_E_BUSY;
		}
	} while (isolate_next_block(what, &pfn));
	return MM_OK;
}

/* All that is free is withheld, unless it is on its way. */
static enum mm_status isolate_settle(const struct isolate *what)
{
	enum mm_status st = pmm_recall(what->pmm);
	mm_pfn_t pfn = what->first;

	do {
		mobility_settle(what->pmm, what->r, pfn);
	} while (isolate_next_block(what, &pfn));
	return st;
}

/* Head of the block that a frame is in, and its byte; itself if it is in none. */
static unsigned isolate_head(const struct mm_range *r, mm_pfn_t pfn, mm_pfn_t *head)
{
	unsigned byte = frame_load(r, pfn);

	*head = pfn;
	if (byte == FRAME_FREE && frame_find_head(r, pfn, head))
		byte = frame_load(r, *head);
	return byte;
}

/* Is a frame on its way, at or behind *pfn? */
static bool isolate_find_moving(const struct isolate *what, mm_pfn_t *pfn)
{
	for (; *pfn <= what->last; ++*pfn) {
		mm_pfn_t head;
		unsigned byte = isolate_head(what->r, *pfn, &head);

		if (byte == FRAME_FREE)
			return true;
		if (frame_is_head(byte))
			*pfn = head + (((mm_pfn_t)1 << frame_order(byte)) - 1);
	}
	return false;
}

/* Nothing to wait for: withheld, or no RAM that anybody uses. */
static bool isolate_is_empty(const struct isolate *what, unsigned byte)
{
	return byte == FRAME_HELD || byte == FRAME_RESERVED || byte == FRAME_DEVICE ||
	       byte == FRAME_BAD || byte == FRAME_OFFLINE || (what->boot && byte == FRAME_KEPT) ||
	       (MM_PLANTED(MM_PLANT_PINNED) && byte == FRAME_HEAD);
}

/* Move a block out. MM_E_AGAIN: look again. */
static enum mm_status isolate_move(const struct isolate *what, mm_pfn_t head, unsigned order)
{
	struct mm_migration move = { .from = mm_pfn_to_pa(head), .order = order };
	struct mm_pmm *pmm = what->pmm;
	const struct mm_zone *zone = &pmm->zones[what->r->zone];
	uint32_t flags = MM_ALLOC_MOVABLE | MM_ALLOC_ZONE(zone->cfg - pmm->cfg) |
			 MM_ALLOC_NODE(zone->node);
	enum mm_status st = mm_page_alloc(pmm, order, flags, &move.to), freed;

	if (st != MM_OK)
		return st == MM_E_AGAIN ? st : MM_E_NOMEM;
	move.owner = mm_note_owner(what->mover->notes, move.from);
	st = what->mover->migrate(what->mover->ctx, &move);
	freed = pmm_free_as(pmm, st == MM_OK ? move.from : move.to, order, FRAME_MOVABLE + order);
	if (freed != MM_OK)
		return MM_E_PORT; /* the mover freed what it must not */
	return st == MM_OK || st == MM_E_AGAIN ? st : MM_E_BUSY;
}

enum mm_status isolate_empty(struct isolate *what)
{
	enum mm_status st = MM_E_AGAIN;
	mm_pfn_t at = what->first;

	for (unsigned tries = 0; tries < ISOLATE_TRIES;) {
		mm_pfn_t head;
		unsigned byte;

		st = isolate_settle(what);
		while (at <= what->last && isolate_is_empty(what, frame_load(what->r, at)))
			at++; /* withheld frames stay so: O3 */
		if (at > what->last) {
			mm_atomic_fence(); /* O3 */
			return MM_OK;
		}
		what->pinned = at;
		byte = isolate_head(what->r, at, &head);
		if (byte == FRAME_FREE)
			st = MM_E_AGAIN;
		else if (frame_is_movable(byte) && what->mover)
			st = isolate_move(what, head, frame_order(byte));
		else if (!isolate_is_empty(what, byte)) /* not withheld just now */
			st = MM_E_BUSY;
		if (st != MM_OK && st != MM_E_AGAIN)
			break;
		tries += st == MM_E_AGAIN;
	}
	return st;
}

/* Are the borders those of pageblocks? */
static bool isolate_aligned(const struct isolate *what)
{
	return what->first == mobility_first(what->r, what->first) &&
	       what->last == mobility_last(what->r, what->last);
}

enum mm_status mm_pmm_isolate(struct mm_pmm *pmm, mm_paddr_t base, mm_paddr_t length)
{
	struct isolate what;
	enum mm_status st = isolate_frames(pmm, base, length, &what);
	mm_pfn_t at;

	if (st != MM_OK)
		return st;
	if (!isolate_aligned(&what))
		return MM_E_ALIGN;
	st = isolate_begin(&what);
	if (st != MM_OK)
		return st;
	for (unsigned tries = 0; tries < ISOLATE_TRIES; tries++) {
		st = isolate_settle(&what);
		at = what.first;
		if (st == MM_OK && !isolate_find_moving(&what, &at)) {
			zone_watch_range(pmm, what.r);
			return MM_OK;
		}
	}
	isolate_end(&what);
	return MM_E_AGAIN;
}

enum mm_status mm_pmm_unisolate(struct mm_pmm *pmm, mm_paddr_t base, mm_paddr_t length)
{
	struct isolate what;
	enum mm_status st = isolate_frames(pmm, base, length, &what);
	mm_pfn_t pfn;

	if (st != MM_OK)
		return st;
	if (!isolate_aligned(&what))
		return MM_E_ALIGN;
	pfn = what.first;
	do {
		if (!(mobility_tag(what.r, pfn) & TAG_ISOLATED))
			return MM_E_STATE;
	} while (isolate_next_block(&what, &pfn));
	isolate_end(&what);
	return MM_OK;
}

#undef ISOLATE_TRIES
