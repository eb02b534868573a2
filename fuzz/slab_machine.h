/* SPDX-License-Identifier: MIT */
/* The machine of targets that are about objects: two CPUs, and memory in one zone. */
#ifndef FUZZ_SLAB_MACHINE_H
#define FUZZ_SLAB_MACHINE_H
#include <stdlib.h>
#include <mmlib/early.h>
#include <mmlib/slab.h>
#include "../tests/pmm_state.h"

#define MUST(cond) ((cond) ? (void)0 : abort())

static struct sim sim;

static uint64_t random_bits(void *ctx)
{
	static uint64_t x;

	(void)ctx;
	return x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
}

/* Start it; `more`, if there is one, adds to its configuration. */
static void machine_start(struct mm_pmm *pmm, mm_pfn_t frames, void (*more)(struct mm_pmm_cfg *))
{
	static const struct mm_zone_cfg one = { .name = "ALL", .last = MM_PADDR_MAX };
	struct mm_mem entries[8];
	struct mm_memmap map;
	struct mm_pmm_cfg cfg = { .zones = &one, .nzones = 1, .ncpus = 2 };

	if (!sim.host) {
		sim_init(&sim, 0x100000, (size_t)frames << MM_FRAME_SHIFT);
		sim_add_cpus(&sim, true);
		sim.port.random = random_bits;
	}
	sim_cpu = 0;
	cfg.reach = sim.base + sim.bytes - 1;
	if (more)
		more(&cfg);
	MUST(mm_memmap_init(&map, entries, 8) == MM_OK);
	MUST(mm_memmap_add(&map, sim.base, sim.bytes, MM_MEM_USABLE, NULL) == MM_OK);
	MUST(mm_pmm_init(pmm, &sim.port, &map, &cfg) == MM_OK);
	MUST(mm_pmm_cpu_online(pmm, 1) == MM_OK);
}

/* Set up a heap, after each allocation that this needs has failed. */
static inline void machine_start_heap(struct mm_heap *heap, struct mm_pmm *pmm)
{
	enum mm_status st = MM_E_NOMEM;

	for (unsigned nth = 1; st != MM_OK; nth++) {
		sim_fail_at(nth, true);
		st = mm_heap_init(heap, pmm, 2);
		sim_fail_at(0, false);
		MUST(st == MM_OK || (st == MM_E_NOMEM && nth < 16));
	}
	MUST(mm_heap_cpu_online(heap, 1) == MM_OK);
}
#endif
