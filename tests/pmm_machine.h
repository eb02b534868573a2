/* SPDX-License-Identifier: MIT */
/* A machine for tests of page frames: 1024 frames of RAM from 0x100 on, two zones, and one frame each of
 * all that is not RAM to give. Its end checks that all invariants hold. */
#ifndef PMM_MACHINE_H
#define PMM_MACHINE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <mmlib/pmm.h>
#include "pmm_state.h"

#define BYTES(n)   ((mm_paddr_t)(n) << MM_FRAME_SHIFT)
#define RAM_FIRST  ((mm_pfn_t)0x100)
#define RAM_FRAMES ((mm_pfn_t)1024)
#define RAM_END    (RAM_FIRST + RAM_FRAMES)
#define ZONE_LINE  ((mm_pfn_t)0x280) /* where the second zone begins */
#define KERNEL     ((mm_pfn_t)0x100) /* a frame that boot holds back, */
#define BAD        ((mm_pfn_t)0x109) /* broken RAM, */
#define HOLE       ((mm_pfn_t)0x10b) /* and no RAM */

struct machine {
	struct sim sim;
	struct mm_memmap map;
	struct mm_mem entries[32];
	struct mm_pmm pmm;
	uint64_t first; /* its state */
};

static const struct mm_zone_cfg machine_zones[] = {
	{ .name = "LOW", .last = BYTES(0x280) - 1 },
	{ .name = "HIGH", .last = MM_PADDR_MAX },
};

/* What is not 0 in `with` is for mm_pmm_init(). */
static inline struct machine *machine_start(struct mm_pmm_cfg with)
{
	struct machine *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	sim_init(&m->sim, BYTES(RAM_FIRST), (size_t)BYTES(RAM_FRAMES));
	if (with.ncpus)
		sim_add_cpus(&m->sim, true);
	assert_int_equal(mm_memmap_init(&m->map, m->entries, 32), MM_OK);
	assert_int_equal(mm_memmap_add(&m->map, BYTES(RAM_FIRST), BYTES(RAM_FRAMES), MM_MEM_USABLE,
				       NULL), MM_OK);
	assert_int_equal(mm_memmap_take(&m->map, BYTES(KERNEL), BYTES(1), MM_MEM_KERNEL, "kernel"),
			 MM_OK);
	assert_int_equal(mm_memmap_add(&m->map, BYTES(BAD), BYTES(1), MM_MEM_BAD, NULL), MM_OK);
	assert_int_equal(mm_memmap_add(&m->map, BYTES(HOLE), BYTES(1), MM_MEM_RESERVED, NULL),
			 MM_OK);
	with.zones = machine_zones;
	with.nzones = 2;
	with.reach = BYTES(RAM_END) - 1;
	assert_int_equal(mm_pmm_init(&m->pmm, &m->sim.port, &m->map, &with), MM_OK);
	for (uint32_t i = 1; i < with.ncpus; i++)
		assert_int_equal(mm_pmm_cpu_online(&m->pmm, i), MM_OK);
	assert_int_equal(mm_pmm_verify(&m->pmm), MM_OK);
	m->first = pmm_state_hash(&m->pmm);
	return m;
}

static inline void machine_end(struct machine *m)
{
	assert_int_equal(mm_pmm_verify(&m->pmm), MM_OK);
	assert_int_equal(m->sim.panics, 0);
	sim_destroy(&m->sim);
	free(m);
}

/* The same when all is free again. */
static inline void machine_end_free(struct machine *m)
{
	assert_int_equal(mm_pmm_drain(&m->pmm), MM_OK);
	assert_int_equal(pmm_state_hash(&m->pmm), m->first);
	machine_end(m);
}

static inline struct mm_pmm_stats machine_stats(const struct machine *m, int zone)
{
	struct mm_pmm_stats s;

	assert_int_equal(mm_pmm_stats(&m->pmm, zone, &s), MM_OK);
	return s;
}

/* What is at a frame. */
static inline struct mm_frame_run machine_look(const struct machine *m, mm_pfn_t pfn)
{
	struct mm_frame_run run;

	assert_int_equal(mm_page_info(&m->pmm, mm_pfn_to_pa(pfn), &run), MM_OK);
	return run;
}

/* A frame of mmlib's own metadata. */
static inline mm_pfn_t machine_meta(const struct machine *m)
{
	struct mm_mem mem;
	uint32_t it = 0;

	while (mm_memmap_next(&m->map, &it, &mem))
		if (mem.type == MM_MEM_META)
			return mm_pa_to_pfn(mem.base);
	fail_msg("no metadata");
	return 0;
}
#endif
