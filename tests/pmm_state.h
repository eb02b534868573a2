/* SPDX-License-Identifier: MIT */
/* State hash of a physical memory manager at quiescence: frame bytes, free blocks as recorded, and
 * counters. "Unchanged" and "first state" mean equal hashes. */
#ifndef PMM_STATE_H
#define PMM_STATE_H
#include <mmlib/pmm.h>
#include "sim.h"

static inline uint64_t pmm_state_hash(const struct mm_pmm *pmm)
{
	uint64_t hash = sim_hash(0, &pmm->nranges, sizeof(pmm->nranges));

	for (uint32_t i = 0; i < pmm->nranges; i++) {
		const struct mm_range *r = &pmm->ranges[i];
		struct {
			mm_pfn_t first;
			unsigned long order;
		} block = { r->first, 0 };
		unsigned order;

		hash = sim_hash(hash, r->bytes, (size_t)(r->last - r->first + 1));
		while (mm_buddy_next_free(&r->buddy, block.first, 0, &block.first, &order)) {
			block.order = order;
			hash = sim_hash(hash, &block, sizeof(block));
			block.first += (mm_pfn_t)1 << order;
		}
	}
	for (uint32_t z = 0; z < pmm->nzones; z++) {
		const mm_pfn_t counts[] = { (mm_pfn_t)pmm->zones[z].free, pmm->zones[z].total,
					    pmm->zones[z].reserved };

		hash = sim_hash(hash, counts, sizeof(counts));
	}
	return hash;
}
#endif
