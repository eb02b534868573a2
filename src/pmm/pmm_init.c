/* SPDX-License-Identifier: MIT */
/* Theory of operation: building the physical memory manager
 * Problem      its metadata must lie in the memory that it is to manage, cost nothing for holes of
 *              terabytes, and nothing may be half done when there is no room.
 * Structure    the boot map is read as stretches: runs of RAM, small holes included, cut where
 *              the zone changes (zone.c). Each stretch becomes a range. One walk over the
 *              stretches sums up the metadata, ONE early allocation takes it, a second walk builds.
 *
 *                metadata:  cpus[], zones[], nearest[], ranges[] | bytes, buddy of range 0 | bytes, ...
 *
 *              A range added later keeps its metadata in its own first frames.
 * Invariants   N1 every check comes before the early allocation, which is the first change.
 *              N2 both walks yield the same stretches: taking metadata turns usable RAM into other
 *                 RAM, which does not move the borders of a stretch.
 *              N3 a hole is inside a range only if its metadata is smaller than a frame.
 * Concurrency  none: boot, or the caller keeps others away. */
#include <mmlib/early.h>
#include "zone.h"
#include "../checked.h"
#include "../local.h"

/* Frames of a hole whose metadata, 9.1 bits a frame, fills a frame. */
#define PMM_HOLE_FRAMES ((mm_pfn_t)(MM_FRAME_SIZE / 8 * 7))
#define PMM_META_ALIGN  16u
#define PMM_LEAD_MOST   (MM_ATOMICS ? 127u : 0u) /* one CPU meets no other */

/* RAM, whoever has it now: what a range is made of. Other types are holes. */
static bool pmm_is_ram(enum mm_mem_type type)
{
	return type <= MM_MEM_EARLY;
}

static mm_pfn_t pmm_pfn(mm_paddr_t pa)
{
	mm_paddr_t pfn = pa >> MM_FRAME_SHIFT;

	return pfn > MM_PFN_MAX ? MM_PFN_MAX : (mm_pfn_t)pfn;
}

/* Frames first to last, inclusive; valid if there are any. */
struct pmm_span {
	mm_pfn_t first, last;
	bool valid;
};

/* A walk over the stretches of a map. */
struct pmm_walk {
	const struct mm_memmap *map;
	const struct mm_pmm *pmm; /* what its zones are like */
	mm_pfn_t reach;           /* highest frame of zones that to_virt must reach */
	uint32_t it;              /* position in the map */
	struct pmm_span rest;     /* of a stretch that was cut where its zone ends */
	struct pmm_span ahead;    /* RAM read but not used yet */
	mm_pfn_t first, last;     /* the stretch */
	uint32_t zone;            /* and its zone */
};

/* The next piece of RAM of the map that has frame numbers. */
static struct pmm_span pmm_walk_read(struct pmm_walk *w)
{
	struct mm_mem mem;

	while (mm_memmap_next(w->map, &w->it, &mem)) {
		struct pmm_span ram = { pmm_pfn(mem.base), pmm_pfn(mem.last), true };

		if (mem.base >> MM_FRAME_SHIFT > MM_PFN_MAX)
			break;
		if (pmm_is_ram(mem.type))
			return ram;
	}
	return (struct pmm_span){ 0, 0, false };
}

static void pmm_walk_start(struct pmm_walk *w, const struct mm_pmm *pmm,
			   const struct mm_memmap *map, mm_paddr_t reach)
{
	*w = (struct pmm_walk){ .map = map, .pmm = pmm, .reach = pmm_pfn(reach) };
	w->ahead = pmm_walk_read(w);
}

/* RAM from w->ahead on, with all that follows over small holes (N3). */
static struct pmm_span pmm_walk_join(struct pmm_walk *w)
{
	struct pmm_span all = w->ahead;

	while (w->ahead.valid &&
	       (w->ahead.first <= all.last || w->ahead.first - all.last - 1 <= PMM_HOLE_FRAMES)) {
		all.last = w->ahead.last;
		w->ahead = pmm_walk_read(w);
	}
	return all;
}

/* Next stretch into first, last and zone, be it reached or not. */
static bool pmm_walk_cut(struct pmm_walk *w)
{
	struct pmm_span all = w->rest.valid ? w->rest : pmm_walk_join(w);
	mm_pfn_t limit;

	if (!all.valid)
		return false;
	w->zone = zone_at(w->pmm, all.first, &limit);
	w->first = all.first;
	w->last = all.last < limit ? all.last : limit;
	w->rest = (struct pmm_span){ limit + 1, all.last, all.last > limit };
	return true;
}

/* Next stretch that can be managed now. */
static bool pmm_walk_next(struct pmm_walk *w)
{
	while (pmm_walk_cut(w)) {
		if (zone_cfg_of(w->pmm, w->zone)->flags & MM_ZONE_HIGH)
			return true;
		if (w->first <= w->reach) {
			w->last = w->last < w->reach ? w->last : w->reach;
			return true;
		}
	}
	return false;
}

/* Up to a multiple of PMM_META_ALIGN; the caller knows that it fits. */
static size_t pmm_round(size_t bytes)
{
	return (bytes + PMM_META_ALIGN - 1) & ~(size_t)(PMM_META_ALIGN - 1);
}

/* Bytes before a range's first byte, so that the bytes of an aligned 128 frames are two whole lines, which CPUs fetch
 * together (pmm_cpu.c, Sectors). */
static size_t pmm_lead(mm_pfn_t first, const unsigned char *meta)
{
	return ((size_t)first - (size_t)(uintptr_t)meta) & PMM_LEAD_MOST;
}

/* Bytes of the array of side tables, which is in a range's metadata if there is a heap already. */
static size_t pmm_side_bytes(const struct mm_pmm *pmm, mm_pfn_t first, mm_pfn_t last)
{
	return pmm->heaps ? pmm_round(pmm_sides(first, last) * sizeof(void *)) : 0;
}

/* Bytes of metadata for one range. False: too large for this machine. */
static bool pmm_meta_size(const struct mm_pmm *pmm, mm_pfn_t first, mm_pfn_t last, size_t *out)
{
	mm_pfn_t frames = last - first + 1;
	size_t buddy = mm_buddy_size(first, frames), bytes;

	if (buddy == 0 || frames > SIZE_MAX / 4)
		return false;
	bytes = pmm_round((size_t)frames + PMM_LEAD_MOST) + pmm_round((size_t)frames) * MM_PAGE_POISON +
		pmm_side_bytes(pmm, first, last);
	if (!mm_add_size(bytes, buddy, &bytes) || bytes > SIZE_MAX - PMM_META_ALIGN)
		return false;
	*out = pmm_round(bytes);
	return true;
}

/* Set up a range over meta; no frame is given yet. */
static void pmm_build_range(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t first, mm_pfn_t last,
			    uint32_t zone, unsigned char *meta)
{
	mm_pfn_t frames = last - first + 1;
	enum mm_status st;

	*r = (struct mm_range){ .bytes = meta + pmm_lead(first, meta), .first = first, .last = last, .zone = zone };
	if (!zone_is_high(pmm, zone))
		r->virt = mm_port_to_virt(pmm->port, mm_pfn_to_pa(first));
	meta += pmm_round((size_t)frames + PMM_LEAD_MOST);
#if MM_PAGE_POISON
	r->poisoned = meta;
	__builtin_memset(meta, 0, pmm_round((size_t)frames));
	meta += pmm_round((size_t)frames);
#endif
	if (pmm->heaps) {
		r->side = (void **)(void *)meta;
		__builtin_memset(meta, 0, pmm_side_bytes(pmm, first, last));
		meta += pmm_side_bytes(pmm, first, last);
	}
	st = buddy_init_sections(&r->buddy, first, frames, meta, mm_buddy_size(first, frames), r->bytes);
	MM_CHECK(pmm->port, st == MM_OK);
	if (mm_buddy_max_order(&r->buddy) > pmm->max_order)
		pmm->max_order = mm_buddy_max_order(&r->buddy);
}

/* Give frames [first, last] of r to its buddy. */
static void pmm_give(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t first, mm_pfn_t last)
{
	mm_pfn_t frames = last - first + 1;
	enum mm_status st;

	if (first & (BUDDY_SECTION - 1)) /* Q1: lower levels are for sections that are filled */
		buddy_fill(&r->buddy, first, first);
	if ((last + 1) & (BUDDY_SECTION - 1))
		buddy_fill(&r->buddy, last, last);
	st = mm_buddy_free_range(&r->buddy, first, frames);
	MM_CHECK(pmm->port, st == MM_OK);
	pmm->zones[r->zone].free += (uintptr_t)frames;
}

/* What frames that are not usable are called. */
static unsigned pmm_kept_byte(enum mm_mem_type type)
{
	if (type == MM_MEM_META)
		return FRAME_META;
	if (type == MM_MEM_BAD)
		return FRAME_BAD;
	return pmm_is_ram(type) ? FRAME_KEPT : FRAME_RESERVED;
}

/* Write what the map says of frames [first, last] of r. */
static void pmm_fill(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t first, mm_pfn_t last,
		     enum mm_mem_type type)
{
	size_t frames = (size_t)(last - first + 1);
	struct mm_zone *zone = &pmm->zones[r->zone];

	if (pmm_is_ram(type))
		zone->total += (mm_pfn_t)frames;
	if (type == MM_MEM_USABLE) {
		pmm_give(pmm, r, first, last);
		return;
	}
	if (pmm_is_ram(type))
		zone->reserved += (mm_pfn_t)frames; /* M4 */
	buddy_fill(&r->buddy, first, last);
	__builtin_memset(frame_byte(r, first), (int)pmm_kept_byte(type), frames);
}

/* Hand-over of one range: entries of the map that it overlaps, and the holes between them. *from: the
 * first entry that may be of it, or of the next one. */
static void pmm_hand_over_range(struct mm_pmm *pmm, struct mm_range *r, const struct mm_memmap *map,
				uint32_t *from)
{
	mm_pfn_t next = r->first;
	struct mm_mem mem;
	uint32_t it = *from;

	for (; mm_memmap_next(map, &it, &mem) && mem.base >> MM_FRAME_SHIFT <= r->last; *from = it) {
		mm_paddr_t base = mem.base >> MM_FRAME_SHIFT, end = mem.last >> MM_FRAME_SHIFT;
		mm_pfn_t first = base > r->first ? (mm_pfn_t)base : r->first;
		mm_pfn_t last = end < r->last ? (mm_pfn_t)end : r->last;

		if (end < r->first)
			continue;
		if (first > next)
			pmm_fill(pmm, r, next, first - 1, MM_MEM_RESERVED);
		pmm_fill(pmm, r, first, last, mem.type);
		next = last + 1;
		if (end > r->last)
			return; /* the next range has a part of it */
	}
	if (next <= r->last)
		pmm_fill(pmm, r, next, r->last, MM_MEM_RESERVED);
}

static void pmm_hand_over(struct mm_pmm *pmm, const struct mm_memmap *map)
{
	uint32_t from = 0;

	for (uint32_t i = 0; i < pmm->nranges; i++)
		pmm_hand_over_range(pmm, &pmm->ranges[i], map, &from);
}

/* What the metadata consists of beside that of each range. */
struct pmm_plan {
	uint32_t nranges; /* ranges that the map becomes */
	size_t cpus;      /* bytes of cpus[], */
	size_t zones;     /* of zones[], */
	size_t nearest;   /* of nearest[], */
	size_t array;     /* and of ranges[] */
	size_t bytes;     /* all metadata */
};

/* Add the bytes of an array, a multiple of PMM_META_ALIGN then. */
static bool pmm_plan_add(struct pmm_plan *plan, size_t *array)
{
	if (*array > SIZE_MAX - PMM_META_ALIGN)
		return false;
	*array = pmm_round(*array);
	return mm_add_size(plan->bytes, *array, &plan->bytes);
}

static enum mm_status pmm_measure(const struct mm_pmm *pmm, const struct mm_memmap *map,
				  const struct mm_pmm_cfg *cfg, struct pmm_plan *plan)
{
	struct pmm_walk w;
	size_t one;

	*plan = (struct pmm_plan){ 0 };
	for (pmm_walk_start(&w, pmm, map, cfg->reach); pmm_walk_next(&w); plan->nranges++)
		if (!pmm_meta_size(pmm, w.first, w.last, &one) ||
		    !mm_add_size(plan->bytes, one, &plan->bytes))
			return MM_E_NOMEM;
	if (plan->nranges == 0 || cfg->spare_ranges > UINT32_MAX - plan->nranges ||
	    !mm_mul_size((size_t)plan->nranges + cfg->spare_ranges, sizeof(struct mm_range),
			 &plan->array) ||
	    !mm_mul_size(cfg->ncpus, sizeof(struct mm_page_cpu), &plan->cpus) ||
	    !zone_bytes(pmm, &plan->zones, &plan->nearest) || !pmm_plan_add(plan, &plan->array) ||
	    !pmm_plan_add(plan, &plan->cpus) || !pmm_plan_add(plan, &plan->zones) ||
	    !pmm_plan_add(plan, &plan->nearest) || !mm_fits_paddr(plan->bytes))
		return MM_E_NOMEM;
	return MM_OK;
}

/* Lay out what comes before the metadata of ranges; returns where that starts. */
static unsigned char *pmm_place(struct mm_pmm *pmm, const struct pmm_plan *plan,
				unsigned char *meta)
{
	pmm->cpus = (struct mm_page_cpu *)(void *)meta;
	meta += plan->cpus;
	pmm->zones = (struct mm_zone *)(void *)meta;
	meta += plan->zones;
	pmm->nearest = (uint16_t *)(void *)meta;
	meta += plan->nearest;
	pmm->ranges = (struct mm_range *)(void *)meta;
	return meta + plan->array;
}

static void pmm_build_cpus(struct mm_pmm *pmm, const struct mm_pmm_cfg *cfg)
{
	__builtin_memset(pmm->cpus, 0, (size_t)pmm->ncpus * sizeof(*pmm->cpus));
	for (uint32_t i = 0; i < pmm->ncpus; i++) {
		pmm->cpus[i].door = MM_LOCAL_LOCKED;
		if (cfg->cpu_nodes && MM_NODES_MAX > 1)
			pmm->cpus[i].node = (uint16_t)cfg->cpu_nodes[i];
	}
	pmm_cpu_detach_all(pmm);
}

/* Ranges over their metadata; pmm->ranges is placed but empty. */
static PMM_SLOW void pmm_build(struct mm_pmm *pmm, const struct mm_memmap *map, mm_paddr_t reach,
			       unsigned char *meta)
{
	struct pmm_walk w;
	size_t one = 0;

	for (pmm_walk_start(&w, pmm, map, reach); pmm_walk_next(&w); pmm->nranges++) {
		MM_CHECK(pmm->port, pmm_meta_size(pmm, w.first, w.last, &one)); /* N2 */
		pmm_build_range(pmm, &pmm->ranges[pmm->nranges], w.first, w.last, w.zone, meta);
		meta += one;
	}
	pmm_hand_over(pmm, map);
	zone_link(pmm);
	pmm_sort_virt(pmm);
}

enum mm_status mm_pmm_init(struct mm_pmm *pmm, const struct mm_port *port, struct mm_memmap *map,
			   const struct mm_pmm_cfg *cfg)
{
	struct mm_pmm new = { .port = port };
	struct mm_early early;
	struct pmm_plan plan;
	mm_paddr_t pa;
	uint32_t which;
	enum mm_status st;
	unsigned char *meta;

	if (!pmm || !map || !cfg || zone_cfg_fault(cfg, &which) != ZONE_FINE)
		return MM_E_INVAL;
	zone_plan(&new, cfg);
	st = mm_port_check(port);
	if (st == MM_OK)
		st = pmm_measure(&new, map, cfg, &plan);
	if (st == MM_OK)
		st = mm_early_init(&early, map, cfg->low, cfg->reach);
	if (st == MM_OK)
		st = mm_early_alloc(&early, (mm_paddr_t)plan.bytes, MM_FRAME_SIZE, MM_MEM_META,
				    "mmlib", &pa);
	if (st != MM_OK)
		return st; /* N1 */
	new.max_ranges = plan.nranges + cfg->spare_ranges;
	new.ncpus = cfg->ncpus;
	meta = pmm_place(&new, &plan, mm_port_to_virt(port, pa));
	pmm_build_cpus(&new, cfg);
	zone_build(&new);
	pmm_build(&new, map, cfg->reach, meta);
	*pmm = new;
	if (pmm->ncpus)
		pmm->cpus[0].door = (uintptr_t)pmm;
	return MM_OK;
}

/* A part of a range to be added, within one zone: how many of its first frames its metadata takes.
 * */
static enum mm_status pmm_part_meta(const struct mm_pmm *pmm, mm_pfn_t first, mm_pfn_t last, mm_pfn_t *frames)
{
	size_t bytes;

	if (!pmm_meta_size(pmm, first, last, &bytes))
		return MM_E_NOMEM;
	*frames = (mm_pfn_t)(((uint64_t)bytes + MM_FRAME_SIZE - 1) >> MM_FRAME_SHIFT);
	return *frames > last - first ? MM_E_NOMEM : MM_OK;
}

/* Where the part that starts at `first` ends: at `last` or where its zone does. */
static mm_pfn_t pmm_part_last(const struct mm_pmm *pmm, mm_pfn_t first, mm_pfn_t last,
			      uint32_t *zone)
{
	mm_pfn_t limit;

	*zone = zone_at(pmm, first, &limit);
	return last < limit ? last : limit;
}

/* All checks of mm_pmm_add_range() that look at the parts: room in ranges[], room for metadata. */
static enum mm_status pmm_check_parts(const struct mm_pmm *pmm, mm_pfn_t first, mm_pfn_t last)
{
	uint32_t parts = 0, zone;
	mm_pfn_t end, meta;

	for (;; first = end + 1) {
		enum mm_status st;

		end = pmm_part_last(pmm, first, last, &zone);
		st = zone_is_high(pmm, zone) ? MM_E_NOTSUP : pmm_part_meta(pmm, first, end, &meta);
		if (st != MM_OK)
			return st;
		parts++;
		if (end == last)
			break;
	}
	return parts > pmm->max_ranges - pmm->nranges ? MM_E_NOSPC : MM_OK;
}

/* Open a place for a range that starts at `first`; keeps M1. */
static struct mm_range *pmm_insert(struct mm_pmm *pmm, mm_pfn_t first)
{
	uint32_t at = 0;

	while (at < pmm->nranges && pmm->ranges[at].first < first)
		at++;
	__builtin_memmove(&pmm->ranges[at + 1], &pmm->ranges[at],
			  (pmm->nranges - at) * sizeof(struct mm_range));
	pmm->nranges++;
	return &pmm->ranges[at];
}

static void pmm_add_part(struct mm_pmm *pmm, mm_pfn_t first, mm_pfn_t last, uint32_t zone)
{
	struct mm_range *r = pmm_insert(pmm, first);
	mm_pfn_t meta = 0;
	enum mm_status st = pmm_part_meta(pmm, first, last, &meta);

	MM_CHECK(pmm->port, st == MM_OK);
	pmm_build_range(pmm, r, first, last, zone, mm_port_to_virt(pmm->port, mm_pfn_to_pa(first)));
	pmm_fill(pmm, r, first, first + meta - 1, MM_MEM_META);
	pmm_fill(pmm, r, first + meta, last, MM_MEM_USABLE);
}

enum mm_status mm_pmm_add_range(struct mm_pmm *pmm, mm_paddr_t base, mm_paddr_t length)
{
	mm_pfn_t first, last, end;
	uint32_t zone;
	enum mm_status st;

	if (!pmm)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	if (length == 0 || (base | length) & (MM_FRAME_SIZE - 1) ||
	    length - 1 > MM_PADDR_MAX - base ||
	    (base + (length - 1)) >> MM_FRAME_SHIFT > MM_PFN_MAX)
		return MM_E_INVAL;
	first = mm_pa_to_pfn(base);
	last = mm_pa_to_pfn(base + (length - 1));
	for (uint32_t i = 0; i < pmm->nranges; i++)
		if (first <= pmm->ranges[i].last && last >= pmm->ranges[i].first)
			return MM_E_EXIST;
	st = pmm_check_parts(pmm, first, last);
	if (st != MM_OK)
		return st;
	pmm_cpu_detach_all(pmm); /* ranges move, and a CPU's zone may be another one then */
	for (;; first = end + 1) {
		end = pmm_part_last(pmm, first, last, &zone);
		pmm_add_part(pmm, first, end, zone);
		if (end == last)
			break;
	}
	zone_link(pmm);
	pmm_sort_virt(pmm);
	zone_watch_all(pmm);
	return MM_OK;
}

enum mm_status mm_pmm_init_more(struct mm_pmm *pmm, uint32_t n)
{
	uint32_t filled = 0;

	if (!pmm || n == 0)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	for (uint32_t i = 0; i < pmm->nranges && filled < n; i++) {
		mm_pfn_t at = 0;

		while (filled < n && buddy_fill_next(&pmm->ranges[i].buddy, &at))
			filled++;
	}
	return filled ? MM_OK : MM_E_NOENT;
}
