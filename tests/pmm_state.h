/* SPDX-License-Identifier: MIT */
/* State hash of a physical memory manager at quiescence: frame bytes, free blocks as recorded, tags of
 * pageblocks, and counters. "Unchanged" and "first state" mean equal hashes. */
#ifndef PMM_STATE_H
#define PMM_STATE_H
#include "pmm/mobility.h"
#include "sim.h"

/* Free blocks as a buddy records them. */
static inline uint64_t pmm_buddy_hash(uint64_t hash, const struct mm_buddy *buddy)
{
	struct {
		mm_pfn_t first;
		unsigned long order;
	} block = { buddy->base, 0 };
	unsigned order;

	while (mm_buddy_next_free(buddy, block.first, 0, &block.first, &order)) {
		block.order = order;
		hash = sim_hash(hash, &block, sizeof(block));
		block.first += (mm_pfn_t)1 << order;
	}
	return hash;
}

static inline uint64_t pmm_state_hash(const struct mm_pmm *pmm)
{
	uint64_t hash = sim_hash(0, &pmm->nranges, sizeof(pmm->nranges));

	for (uint32_t i = 0; i < pmm->nranges; i++) {
		const struct mm_range *r = &pmm->ranges[i];

		for (mm_pfn_t pfn = r->first; pfn <= r->last; pfn++) {
			uint8_t byte = (uint8_t)frame_load(r, pfn);

			hash = sim_hash(hash, &byte, 1);
		}
		hash = pmm_buddy_hash(hash, &r->buddy);
		for (unsigned c = 0; pmm_mobility(r) && c < 2; c++)
			hash = pmm_buddy_hash(hash, &pmm_mobility(r)->of[c]);
		for (mm_pfn_t pfn = r->first; pmm_mobility(r); pfn = mobility_last(r, pfn) + 1) {
			unsigned tag = mobility_tag(r, pfn);

			hash = sim_hash(hash, &tag, sizeof(tag));
			if (mobility_last(r, pfn) == r->last)
				break;
		}
	}
	for (const struct mm_cma *cma = pmm->cmas; cma; cma = cma->next)
		hash = pmm_buddy_hash(hash, &cma->buddy);
	for (uint32_t z = 0; z < pmm->nzones; z++) {
		const mm_pfn_t counts[] = { (mm_pfn_t)pmm->zones[z].free, pmm->zones[z].total,
					    pmm->zones[z].reserved };

		hash = sim_hash(hash, counts, sizeof(counts));
	}
	return hash;
}
#endif
