/* SPDX-License-Identifier: MIT */
/* Theory of operation: giving memory back after boot
 * Problem      a loader, firmware and the kernel's own start-up hold RAM that nobody needs any more
 *              once the kernel runs. By then other CPUs allocate and free all the time, the map of
 *              boot may be full, and each frame must be given back once.
 * Structure    two witnesses. The frame byte says whether the manager holds a frame back (KEPT, from
 *              mm_pmm_init()); the map, if it is still there, says what for. A run is a longest
 *              stretch of frames in the range that both agree on. Runs are found by looking, three
 *              times: to sum up what the map grows by, to give back those that do not grow it, and
 *              to give back the rest.
 *
 *                map      |--loader--|-ACPI-|--loader--|-usable-|--loader--| above every range
 *                bytes    K K K K K K K K K K F F F K K . . . . .
 *                runs     |==========|      |=|     |==|
 *
 * Invariants   R1 only frames that are KEPT are given, and they leave that state here only, so each
 *                 is given once, whatever the map says.
 *              R2 the map's room is checked before the first change. Runs do not touch each other, so
 *                 its growth is the sum of what each makes it grow by; those that do not grow it come
 *                 first, so it never holds more than it held before or will hold after.
 *              R3 a zone's `reserved` falls before its `free` rises: who counts meanwhile takes the
 *                 difference for used.
 *              R4 bytes are 00 before the buddy has the frame (B3).
 * Concurrency  one caller; other CPUs allocate and free. They never write bytes of KEPT frames. */
#include "hook.h"
#include "pmm/memmap.h"
#include "pmm/mobility.h"
#include "pmm/zone.h"

/* What is asked for. */
struct release {
	struct mm_pmm *pmm;
	struct mm_memmap *map; /* NULL: whatever is held back */
	enum mm_mem_type type;
	mm_pfn_t first, last;
};

/* Frames, inclusive. */
struct release_run {
	mm_pfn_t first, last;
};

static mm_paddr_t release_last_byte(mm_pfn_t pfn)
{
	return mm_pfn_to_pa(pfn) | MEMMAP_IN_FRAME;
}

/* The first stretch of KEPT frames inside `in`, within one range. */
static bool release_kept(const struct mm_pmm *pmm, struct release_run in, struct release_run *out)
{
	for (uint32_t i = 0; i < pmm->nranges; i++) {
		const struct mm_range *r = &pmm->ranges[i];
		mm_pfn_t at = in.first > r->first ? in.first : r->first;
		mm_pfn_t last = in.last < r->last ? in.last : r->last;

		if (at > last)
			continue;
		while (at < last && frame_load(r, at) != FRAME_KEPT)
			at++;
		if (frame_load(r, at) != FRAME_KEPT)
			continue;
		out->first = at;
		while (at < last && frame_load(r, at + 1) == FRAME_KEPT)
			at++;
		out->last = at;
		return true;
	}
	return false;
}

/* The same, over the borders of ranges that touch. */
static bool release_kept_run(const struct mm_pmm *pmm, struct release_run in,
			     struct release_run *out)
{
	struct release_run more;

	if (!release_kept(pmm, in, out))
		return false;
	while (out->last < in.last) {
		in.first = out->last + 1;
		if (!release_kept(pmm, in, &more) || more.first != in.first)
			break;
		out->last = more.last;
	}
	return true;
}

/* What the map calls so at or above `from`: entries that touch, whoever owns them. */
static bool release_claimed(const struct release *what, mm_pfn_t from, struct release_run *out)
{
	struct mm_mem mem;
	bool found = false;
	uint32_t it = 0;

	while (mm_memmap_next(what->map, &it, &mem) && mem.base >> MM_FRAME_SHIFT <= what->last) {
		mm_pfn_t first = mm_pa_to_pfn(mem.base);

		if (mem.type != what->type || mem.last >> MM_FRAME_SHIFT < from)
			continue;
		if (found && first - 1 != out->last)
			break;
		if (!found)
			out->first = first > from ? first : from;
		found = true;
		out->last = what->last;
		if (mem.last >> MM_FRAME_SHIFT >= what->last)
			break;
		out->last = mm_pa_to_pfn(mem.last);
	}
	return found;
}

/* The first run at or above `from`. */
static bool release_next(const struct release *what, mm_pfn_t from, struct release_run *run)
{
	struct release_run claimed = { from, what->last };

	if (!what->map)
		return release_kept_run(what->pmm, claimed, run);
	while (release_claimed(what, from, &claimed)) {
		if (release_kept_run(what->pmm, claimed, run))
			return true;
		if (claimed.last >= what->last)
			break;
		from = claimed.last + 1;
	}
	return false;
}

static int64_t release_growth(const struct release *what, const struct release_run *run)
{
	if (!what->map)
		return 0;
	return mm_memmap_free_growth(what->map, mm_pfn_to_pa(run->first),
				     release_last_byte(run->last));
}

/* Frames of one range into its buddy. */
static void release_give(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t first, mm_pfn_t last)
{
	struct mm_zone *zone = &pmm->zones[r->zone];
	mm_pfn_t frames = last - first + 1;
	enum mm_status st = MM_OK;

	mm_atomic_add(&zone->reserved, (mm_pfn_t)0 - frames); /* R3 */
	if (pmm_has_classes(r)) {
		for (mm_pfn_t i = 0; i < frames; i++)
			frame_store(r, first + i, FRAME_FREE); /* R4 */
		mobility_free_run(pmm, r, first, frames);
		return;
	}
	mm_atomic_add(&zone->free, (uintptr_t)frames); /* M3 */
	if (MM_PLANTED(MM_PLANT_RELEASE))
		st = mm_buddy_free_range(&r->buddy, first, frames);
	for (mm_pfn_t i = 0; i < frames; i++)
		frame_store(r, first + i, FRAME_FREE); /* R4 */
	if (!MM_PLANTED(MM_PLANT_RELEASE))
		st = mm_buddy_free_range(&r->buddy, first, frames);
	MM_CHECK(pmm->port, st == MM_OK);
}

/* A run into the buddies and into the map. */
static void release_run(const struct release *what, const struct release_run *run)
{
	for (uint32_t i = 0; i < what->pmm->nranges; i++) {
		struct mm_range *r = &what->pmm->ranges[i];
		mm_pfn_t first = run->first > r->first ? run->first : r->first;
		mm_pfn_t last = run->last < r->last ? run->last : r->last;

		if (first <= last)
			release_give(what->pmm, r, first, last);
	}
	if (what->map)
		mm_memmap_free(what->map, mm_pfn_to_pa(run->first), release_last_byte(run->last));
}

/* Visit all runs. With `give`, give those back that make the map grow by `most` or less. */
static mm_pfn_t release_all(const struct release *what, bool give, int64_t most, int64_t *growth)
{
	struct release_run run;
	mm_pfn_t frames = 0, from = what->first;

	*growth = 0;
	while (release_next(what, from, &run)) {
		int64_t grows = release_growth(what, &run);

		*growth += grows;
		if (grows <= most) {
			frames += run.last - run.first + 1;
			if (give)
				release_run(what, &run);
		}
		if (run.last >= what->last)
			break;
		from = run.last + 1;
	}
	return frames;
}

static enum mm_status release(const struct release *what, mm_pfn_t *frames)
{
	enum { MOST = 2 }; /* that one run can make the map grow by */
	int64_t growth, left;
	mm_pfn_t all = release_all(what, false, MOST, &growth);

	if (all == 0)
		return MM_E_NOENT;
	if (what->map && growth > (int64_t)what->map->capacity - what->map->count)
		return MM_E_2BIG; /* R2 */
	(void)release_all(what, true, 0, &left); /* those that were counted */
	(void)release_all(what, true, MOST, &left);
	zone_watch_all(what->pmm);
	if (frames)
		*frames = all;
	return MM_OK;
}

/* Round bytes inward to frames that a frame number can tell. False: there is none. */
static bool release_frames(mm_paddr_t base, mm_paddr_t last, struct release *what)
{
	if (!memmap_inward(&base, &last) || base >> MM_FRAME_SHIFT > MM_PFN_MAX)
		return false;
	what->first = mm_pa_to_pfn(base);
	what->last = last >> MM_FRAME_SHIFT > MM_PFN_MAX ? MM_PFN_MAX : mm_pa_to_pfn(last);
	return true;
}

/* RAM that somebody may give back: it is not usable yet, and not needed for ever. */
static bool release_type(enum mm_mem_type type)
{
	return type > MM_MEM_USABLE && type <= MM_MEM_EARLY && type != MM_MEM_META;
}

enum mm_status mm_pmm_release(struct mm_pmm *pmm, struct mm_memmap *map, enum mm_mem_type type,
			      mm_paddr_t base, mm_paddr_t last, mm_pfn_t *frames)
{
	struct release what = { .pmm = pmm, .map = map, .type = type };

	if (!pmm || !map || !release_type(type) || base > last)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	return release_frames(base, last, &what) ? release(&what, frames) : MM_E_NOENT;
}

enum mm_status mm_pmm_release_range(struct mm_pmm *pmm, mm_paddr_t base, mm_paddr_t last,
				    mm_pfn_t *frames)
{
	struct release what = { .pmm = pmm };

	if (!pmm || base > last)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	return release_frames(base, last, &what) ? release(&what, frames) : MM_E_NOENT;
}
