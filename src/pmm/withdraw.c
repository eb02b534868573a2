/* SPDX-License-Identifier: MIT */
/* Theory of operation: taking frames out of use
 * Problem      a memory module is to be unplugged, a frame turns out to be bad. Both must be empty
 *              first, and must never be given out again.
 * Structure    frames are emptied by isolation (isolate.c); what is withheld then belongs to the
 *              caller, who writes another byte: 09 offline, 02 bad. They are no longer RAM that the
 *              zone counts. Offline frames come back by being put like any others.
 *              A bad frame that is in use cannot be emptied. The caller gives a note, which is put on
 *              a list; who frees a block looks there first (withdraw_freed). CPUs do not keep blocks at
 *              hand unseen meanwhile, as if something was isolated.
 * Invariants   W1 reserved and total fall by each frame that was withheld and is withdrawn; total alone
 *                 by one that comes out of use. So free + used + reserved = total (M4).
 *              W2 notes are never taken from the list; `done` is set once, by who withdraws the frame.
 * Concurrency  as isolate.c. A note is on the list before the frame is looked at again, and a
 *              freed frame is looked up after its byte was cleared: one of the two sees the other. */
#include "mobility.h"
#include "zone.h"

/* Frames first to last that are withheld become something that is no RAM. */
static void withdraw(const struct isolate *what, unsigned byte)
{
	struct mm_zone *zone = &what->pmm->zones[what->r->zone];
	mm_pfn_t frames = 0;

	for (mm_pfn_t pfn = what->first; pfn <= what->last; pfn++)
		if (frame_load(what->r, pfn) == FRAME_HELD) { /* ours: O3 */
			frame_store(what->r, pfn, byte);
			poison_forget(what->r, pfn);
			frames++;
		}
	mm_atomic_add(&zone->total, (mm_pfn_t)0 - frames);
	mm_atomic_add(&zone->reserved, (mm_pfn_t)0 - frames); /* W1 */
}

static void withdraw_tell(const struct isolate *what, enum mm_status st, mm_paddr_t *pinned)
{
	if (pinned && (st == MM_E_BUSY || st == MM_E_AGAIN))
		*pinned = mm_pfn_to_pa(what->pinned);
}

enum mm_status mm_pmm_offline(struct mm_pmm *pmm, mm_paddr_t base, mm_paddr_t length,
			      const struct mm_mover *mover, mm_paddr_t *pinned)
{
	struct isolate what;
	enum mm_status st = isolate_frames(pmm, base, length, &what);

	if (st != MM_OK)
		return st;
	what.mover = mover;
	st = isolate_begin(&what);
	if (st == MM_OK) {
		st = isolate_empty(&what);
		if (st == MM_OK)
			withdraw(&what, FRAME_OFFLINE);
		isolate_end(&what);
	}
	withdraw_tell(&what, st, pinned);
	return st;
}

enum mm_status mm_pmm_online(struct mm_pmm *pmm, mm_paddr_t base, mm_paddr_t length,
			     mm_pfn_t *frames)
{
	struct isolate what;
	enum mm_status st = isolate_frames(pmm, base, length, &what);
	mm_pfn_t back = 0;

	if (st == MM_E_NOTSUP)
		st = MM_E_NOENT;
	if (st != MM_OK)
		return st;
	for (mm_pfn_t pfn = what.first; pfn <= what.last; pfn++)
		if (frame_load(what.r, pfn) == FRAME_OFFLINE) {
			mm_atomic_add(&pmm->zones[what.r->zone].total, (mm_pfn_t)1);
			frame_store(what.r, pfn, FRAME_FREE);
			mobility_put(pmm, what.r, pfn, 0);
			back++;
		}
	if (back)
		zone_watch_range(pmm, what.r);
	if (back && frames)
		*frames = back;
	return back ? MM_OK : MM_E_NOENT;
}

/* Bad frames */

/* The note of a bad frame among these that is still in use, or NULL. */
static struct mm_bad_frame *withdraw_note(const struct mm_pmm *pmm, mm_pfn_t pfn, mm_pfn_t frames)
{
	struct mm_bad_frame *note = mm_atomic_load_acquire(&pmm->bad);

	while (note && (mm_atomic_load_relaxed(&note->done) || note->pfn - pfn >= frames))
		note = note->next;
	return note;
}

/* W2: is it us who withdraw it? */
static bool withdraw_settle(struct mm_pmm *pmm, struct mm_bad_frame *note)
{
	uint32_t done = 0;

	if (!mm_atomic_cas(&note->done, &done, 1u))
		return false;
	pmm_guard(pmm, -1);
	return true;
}

static void withdraw_remember(struct mm_pmm *pmm, struct mm_bad_frame *note, mm_pfn_t pfn)
{
	*note = (struct mm_bad_frame){ .next = mm_atomic_load_relaxed(&pmm->bad), .pfn = pfn };
	pmm_guard(pmm, 1);
	while (!mm_atomic_cas(&pmm->bad, &note->next, note))
		;
}

bool withdraw_freed(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t pfn, unsigned order)
{
	struct mm_bad_frame *note;
	bool any = false;

	while ((note = withdraw_note(pmm, pfn, (mm_pfn_t)1 << order)) != NULL) {
		mm_pfn_t bad = note->pfn; /* it is the caller's again when it is done */

		if (!withdraw_settle(pmm, note))
			continue;
		frame_store(r, bad, FRAME_BAD);
		mm_atomic_add(&pmm->zones[r->zone].total, (mm_pfn_t)0 - 1); /* W1 */
		any = true;
	}
	for (mm_pfn_t i = 0; any && i < (mm_pfn_t)1 << order; i++)
		if (frame_load(r, pfn + i) == FRAME_FREE)
			mobility_put(pmm, r, pfn + i, 0);
	return any;
}

/* Empty the frame, or note it; the pageblock is isolated. */
static enum mm_status withdraw_bad(struct isolate *what, struct mm_bad_frame *note)
{
	enum mm_status st = isolate_empty(what);

	if (st == MM_E_BUSY && note) {
		withdraw_remember(what->pmm, note, what->first);
		what->mover = NULL;
		st = isolate_empty(what); /* it may have been freed before it was noted */
		if (st == MM_OK)
			(void)withdraw_settle(what->pmm, note);
		else
			st = MM_E_BUSY;
	}
	if (st == MM_OK)
		withdraw(what, FRAME_BAD);
	return st;
}

/* What can be said of a bad frame without emptying it. MM_E_AGAIN: nothing. */
static enum mm_status withdraw_known(const struct isolate *what)
{
	switch (frame_load(what->r, what->first)) {
	case FRAME_BAD:
		return MM_OK;
	case FRAME_RESERVED:
	case FRAME_DEVICE:
		return MM_E_FOREIGN;
	case FRAME_OFFLINE:
		frame_store(what->r, what->first, FRAME_BAD);
		return MM_OK;
	default:
		return withdraw_note(what->pmm, what->first, 1) ? MM_E_EXIST : MM_E_AGAIN;
	}
}

enum mm_status mm_pmm_bad_frame(struct mm_pmm *pmm, mm_paddr_t pa, const struct mm_mover *mover,
				struct mm_bad_frame *note)
{
	struct isolate what;
	enum mm_status st = isolate_frames(pmm, pa & ~(MM_FRAME_SIZE - 1), MM_FRAME_SIZE, &what);

	if (st != MM_OK)
		return st;
	st = withdraw_known(&what);
	if (st != MM_E_AGAIN)
		return st;
	what.mover = mover;
	if (isolate_begin(&what) != MM_OK)
		return MM_E_AGAIN;
	st = withdraw_bad(&what, note);
	isolate_end(&what);
	return st;
}
