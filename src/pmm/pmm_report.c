/* SPDX-License-Identifier: MIT */
/* Theory of operation: reports of the physical memory manager
 * Problem      show what memory is, count it, and prove that the manager's three views of it
 *              (bytes, bitmaps, counters) agree.
 * Structure    all of it reads the frame bytes; nothing here is on a fast path or changes anything.
 * Concurrency  reads take no locks. What others change meanwhile may be told in its old or its new
 *              state; positions only move forward, so every walk ends. */
#include "mobility.h"
#include "zone.h"

/* Frames of a zone that CPUs have at hand. */
static mm_pfn_t pmm_at_hand(const struct mm_pmm *pmm, uint32_t zone)
{
	mm_pfn_t frames = 0;

	for (uint32_t i = 0; i < pmm_nhands(pmm); i++)
		if (pmm_hands(pmm, i)->zone == zone)
			frames += pmm_cpu_frames(pmm_hands(pmm, i));
	return frames;
}

bool pmm_is_free(const struct mm_pmm *pmm, const struct mm_range *r, mm_pfn_t pfn)
{
	return pmm_has_classes(r) ? mobility_is_free(pmm, r, pfn) : mm_buddy_is_free(&r->buddy, pfn);
}

static enum mm_frame_class pmm_class(unsigned byte)
{
	switch (byte) {
	case FRAME_FREE:
		return MM_FRAME_FREE;
	case FRAME_TABLE:
		return MM_FRAME_TABLE;
	case FRAME_META:
		return MM_FRAME_META;
	case FRAME_BAD:
		return MM_FRAME_BAD;
	case FRAME_HELD:
		return MM_FRAME_HELD;
	case FRAME_CLAIMED:
		return MM_FRAME_USED;
	case FRAME_OFFLINE:
		return MM_FRAME_OFFLINE;
	default:
		if (byte >= FRAME_SLAB)
			return MM_FRAME_SLAB;
		return frame_is_head(byte) ? MM_FRAME_USED : MM_FRAME_RESERVED;
	}
}

/* The block around pfn, or the single frame. */
static struct mm_frame_run pmm_block(const struct mm_range *r, mm_pfn_t pfn)
{
	mm_pfn_t head = pfn;
	unsigned byte = frame_load(r, pfn);

	if (byte == FRAME_FREE && frame_find_head(r, pfn, &head))
		byte = frame_load(r, head);
	if (frame_is_head(byte)) {
		unsigned order = frame_order(byte);

		return (struct mm_frame_run){ mm_pfn_to_pa(head), (mm_pfn_t)1 << order,
					      MM_FRAME_USED, order };
	}
	return (struct mm_frame_run){ mm_pfn_to_pa(pfn), 1, pmm_class(byte), 0 };
}

enum mm_status mm_page_info(const struct mm_pmm *pmm, mm_paddr_t pa, struct mm_frame_run *out)
{
	const struct mm_range *r = NULL;

	if (!pmm || !out)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	if (pa >> MM_FRAME_SHIFT <= MM_PFN_MAX)
		r = pmm_find(pmm, mm_pa_to_pfn(pa));
	if (r)
		*out = pmm_block(r, mm_pa_to_pfn(pa));
	else
		*out = (struct mm_frame_run){ pa & ~(MM_FRAME_SIZE - 1), 1, MM_FRAME_NONE, 0 };
	return MM_OK;
}

bool mm_pmm_next_run(const struct mm_pmm *pmm, mm_pfn_t *it, struct mm_frame_run *out)
{
	const struct mm_range *r = pmm ? pmm->ranges : NULL;
	uint32_t left = r ? pmm->nranges : 0;
	mm_pfn_t pfn;

	while (left && r->last < *it) {
		r++;
		left--;
	}
	if (!left)
		return false;
	*out = pmm_block(r, *it > r->first ? *it : r->first);
	pfn = mm_pa_to_pfn(out->base) + out->frames;
	if (out->state !=
	    MM_FRAME_USED) { /* fold neighbours; behind a run no tail can follow: B2 */
		while (pfn <= r->last && pmm_class(frame_load(r, pfn)) == out->state)
			pfn++;
		out->frames = pfn - mm_pa_to_pfn(out->base);
	}
	*it = pfn;
	return true;
}

char mm_frame_letter(enum mm_frame_class state)
{
	static const char letters[] = ".UTMSRBHO ";

	return (unsigned)state < sizeof(letters) - 1 ? letters[state] : '?';
}

static void pmm_add_stats(const struct mm_pmm *pmm, uint32_t z, struct mm_pmm_stats *sum)
{
	const struct mm_zone *zone = &pmm->zones[z];
	/* free first: a release lowers reserved before it raises free */
	mm_pfn_t free = (mm_pfn_t)mm_atomic_load_acquire(&zone->free) + pmm_at_hand(pmm, z);
	mm_pfn_t reserved = mm_atomic_load_relaxed(&zone->reserved);

	mm_pfn_t total = mm_atomic_load_relaxed(&zone->total);

	sum->total += total;
	sum->reserved += reserved;
	sum->free += free;
	sum->used += total - reserved - free; /* M4 */
}

enum mm_status mm_pmm_stats(const struct mm_pmm *pmm, int zone, struct mm_pmm_stats *out)
{
	struct mm_pmm_stats sum = { .node = MM_NUMA_NONE };

	if (!pmm || !out)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	if (zone < -1 || zone >= (int)pmm->nzones)
		return MM_E_INVAL;
	if (zone >= 0) {
		const struct mm_zone *z = &pmm->zones[zone];

		sum = (struct mm_pmm_stats){ .name = z->cfg->name,
					     .node = z->node,
					     .flags = z->cfg->flags,
					     .latency = z->cfg->latency,
					     .keep = z->cfg->keep,
					     .min = z->cfg->min,
					     .low = z->cfg->low,
					     .high = z->cfg->high };
		sum.pressure = (enum mm_pressure)mm_atomic_load_relaxed(&z->pressure);
	}
	for (uint32_t i = 0; i < pmm->nzones; i++)
		if (zone < 0 || i == (uint32_t)zone)
			pmm_add_stats(pmm, i, &sum);
	*out = sum;
	return MM_OK;
}

/* Count the free blocks of a buddy. */
static void pmm_add_blocks(const struct mm_buddy *buddy, mm_pfn_t *blocks, unsigned norders)
{
	mm_pfn_t first = buddy->base;
	unsigned order;

	while (mm_buddy_next_free(buddy, first, 0, &first, &order)) {
		blocks[order < norders ? order : norders - 1]++;
		first += (mm_pfn_t)1 << order;
	}
}

enum mm_status mm_pmm_free_blocks(const struct mm_pmm *pmm, unsigned zone, mm_pfn_t *blocks,
				  unsigned norders)
{
	if (!pmm || !blocks || norders == 0)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	if (zone >= pmm->nzones)
		return MM_E_INVAL;
	for (unsigned k = 0; k < norders; k++)
		blocks[k] = 0;
	for (const struct mm_range *r = zone_first_range(pmm, zone); r;
	     r = zone_next_range(pmm, r)) {
		pmm_add_blocks(&r->buddy, blocks, norders);
		for (unsigned c = 0; pmm_has_classes(r) && c < 2; c++)
			pmm_add_blocks(&pmm_mobility(r)->of[c], blocks, norders);
	}
	for (const struct mm_cma *cma = pmm->cmas; cma; cma = cma->next)
		if (pmm_find(pmm, cma->first)->zone == zone)
			pmm_add_blocks(&cma->buddy, blocks, norders);
	return MM_OK;
}

/* Frames of a zone as their bytes tell. */
struct pmm_counts {
	mm_pfn_t free; /* and in the buddy */
	mm_pfn_t hand; /* free, but not there: at hand */
	mm_pfn_t kept; /* held back at boot, or withheld */
	mm_pfn_t meta; /* metadata: the manager's own, and that of heaps, which is in use */
};

/* Is this block's byte believable, and what the buddy thinks of all its frames the same? Counts the
 * frames. */
static bool pmm_verify_block(const struct mm_pmm *pmm, const struct mm_range *r,
			     const struct mm_frame_run *block, struct pmm_counts *counts)
{
	mm_pfn_t first = mm_pa_to_pfn(block->base);
	unsigned byte = frame_load(r, first);

	if (block->state == MM_FRAME_FREE) {
		++*(pmm_is_free(pmm, r, first) ? &counts->free : &counts->hand);
		return true;
	}
	counts->kept += byte == FRAME_KEPT || byte == FRAME_HELD;
	counts->meta += byte == FRAME_META;
	if (first & (block->frames - 1) || block->frames - 1 > r->last - first)
		return false;
	for (mm_pfn_t i = 0; i < block->frames; i++) {
		if (pmm_is_free(pmm, r, first + i))
			return false;
		if (i && frame_load(r, first + i) != FRAME_FREE) /* B2 */
			return false;
	}
	return true;
}

/* B1 to B3 over one range; adds its frames to the zone's sums. */
static bool pmm_verify_range(const struct mm_pmm *pmm, const struct mm_range *r,
			     struct pmm_counts *counts)
{
	mm_pfn_t pfn = r->first;

	if (mm_buddy_verify(&r->buddy) != MM_OK)
		return false;
	while (pfn <= r->last) {
		struct mm_frame_run block = pmm_block(r, pfn);

		if (mm_pa_to_pfn(block.base) != pfn || !pmm_verify_block(pmm, r, &block, counts))
			return false;
		pfn += block.frames;
	}
	return true;
}

/* The ranges of a zone, all of them: M1. Adds what they hold. */
static bool pmm_verify_ranges(const struct mm_pmm *pmm, uint32_t z, struct pmm_counts *counts)
{
	uint32_t next = pmm->zones[z].first_range;

	for (uint32_t i = 0; i < pmm->nranges; i++) {
		const struct mm_range *r = &pmm->ranges[i];

		if (r->zone != z)
			continue;
		if (next != i || r->first > r->last || !zone_holds(pmm, r) ||
		    (i && r->first <= pmm->ranges[i - 1].last) ||
		    !pmm_verify_range(pmm, r, counts))
			return false;
		next = r->next;
	}
	return next == MM_RANGE_NONE;
}

/* M1, M3 and M4 of one zone. */
static bool pmm_verify_zone(const struct mm_pmm *pmm, uint32_t z)
{
	const struct mm_zone *zone = &pmm->zones[z];
	struct pmm_counts counts = { 0 };

	if (zone->cfg != zone_cfg_of(pmm, z) || zone->node >= zone_nodes(pmm) ||
	    zone->pressure > MM_PRESSURE_MIN || (zone->pressure && zone->cfg->high == 0) ||
	    !pmm_verify_ranges(pmm, z, &counts))
		return false;
	return counts.free == (mm_pfn_t)zone->free && counts.hand == pmm_at_hand(pmm, z) &&
	       zone->reserved - counts.kept <= counts.meta && /* huge if it is less than kept */
	       zone->reserved <= zone->total &&
	       counts.free + counts.hand <= zone->total - zone->reserved;
}

enum mm_status mm_pmm_verify(const struct mm_pmm *pmm)
{
	if (!pmm)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	for (uint32_t i = 0; i < pmm->nranges; i++)
		if (pmm->ranges[i].zone >= pmm->nzones)
			return MM_E_CORRUPT;
	for (uint32_t z = 0; z < pmm->nzones; z++)
		if (!pmm_verify_zone(pmm, z))
			return MM_E_CORRUPT;
	for (uint32_t i = 0; i < pmm_nhands(pmm); i++)
		if (!pmm_cpu_verify(pmm, pmm_hands(pmm, i)))
			return MM_E_CORRUPT;
	return MM_MOBILITY && pmm->classes && !mobility_sound(pmm) ? MM_E_CORRUPT : MM_OK;
}
