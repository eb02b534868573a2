/* SPDX-License-Identifier: MIT */
/* A machine whose pageblocks have classes, for tests of mobility, isolation, CMA and withdrawal. */
#ifndef MOBILITY_BOX_H
#define MOBILITY_BOX_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <mmlib/cma.h>
#include "pmm/mobility.h"
#include "pmm_state.h"

#define BLOCKS     16u
#define RAM_FRAMES ((unsigned)(BLOCKS * MM_BLOCK_FRAMES))
#define NCPUS      2u
#define RAM_FIRST  (4 * MM_BLOCK_FRAMES)

struct box {
	struct sim sim;
	struct mm_mem entries[16];
	struct mm_memmap map;
	struct mm_pmm pmm;
};

static inline mm_paddr_t frame_pa(mm_pfn_t frame)
{
	return mm_pfn_to_pa(RAM_FIRST + frame);
}

static inline mm_pfn_t frame_of(mm_paddr_t pa)
{
	return mm_pa_to_pfn(pa) - RAM_FIRST;
}

static inline mm_paddr_t bytes_of(mm_pfn_t frames)
{
	return mm_pfn_to_pa(frames);
}

/* Its zone; what a test changes here it puts back. */
static struct mm_zone_cfg box_zone = { .name = "ALL", .last = MM_PADDR_MAX };

/* 16 pageblocks of RAM; held: frames that boot holds back. */
static inline struct box *box_bare(mm_pfn_t held_first, mm_pfn_t held, uint32_t ncpus)
{
	struct box *b = calloc(1, sizeof(*b));
	struct mm_pmm_cfg cfg = { .zones = &box_zone, .nzones = 1, .ncpus = ncpus };

	assert_non_null(b);
	sim_init(&b->sim, frame_pa(0), (size_t)RAM_FRAMES << MM_FRAME_SHIFT);
	sim_add_cpus(&b->sim, true);
	cfg.reach = frame_pa(RAM_FRAMES) - 1;
	assert_int_equal(mm_memmap_init(&b->map, b->entries, 16), MM_OK);
	assert_int_equal(mm_memmap_add(&b->map, frame_pa(0), bytes_of(RAM_FRAMES), MM_MEM_USABLE,
				       NULL),
			 MM_OK);
	if (held)
		assert_int_equal(mm_memmap_take(&b->map, frame_pa(held_first), bytes_of(held),
						MM_MEM_LOADER, NULL),
				 MM_OK);
	assert_int_equal(mm_pmm_init(&b->pmm, &b->sim.port, &b->map, &cfg), MM_OK);
	for (uint32_t i = 1; i < ncpus; i++)
		assert_int_equal(mm_pmm_cpu_online(&b->pmm, i), MM_OK);
	return b;
}

static inline struct box *box_made(void)
{
	struct box *b = box_bare(0, 0, NCPUS);

	assert_int_equal(mm_mobility_init(&b->pmm), MM_OK);
	assert_int_equal(mm_pmm_verify(&b->pmm), MM_OK);
	return b;
}

/* Nothing is at hand any more. */
static inline void box_drain(struct box *b)
{
	assert_int_equal(mm_pmm_drain(&b->pmm), MM_OK);
}

/* All free pageblocks are one pool again. */
static inline void box_gather(struct box *b)
{
	box_drain(b);
	assert_int_equal(mm_mobility_gather(&b->pmm), MM_OK);
}

/* Frame bytes, what each class has free, tags and counters, at quiescence. Which class a pageblock has
 * that is all free is left out. */
static inline uint64_t box_state(struct box *b)
{
	uint64_t hash;

	if (b->pmm.classes)
		box_gather(b);
	box_drain(b);
	assert_int_equal(mm_pmm_verify(&b->pmm), MM_OK);
	hash = pmm_state_hash(&b->pmm);
	hash = sim_hash(hash, &b->pmm.isolations, sizeof(b->pmm.isolations));
	for (const struct mm_cma *cma = b->pmm.cmas; cma; cma = cma->next)
		hash = sim_hash(hash, &cma->claimed, sizeof(cma->claimed));
	return hash;
}

static inline void box_free(struct box *b)
{
	assert_int_equal(mm_pmm_verify(&b->pmm), MM_OK);
	assert_int_equal(sim_pins, 0);
	sim_destroy(&b->sim);
	free(b);
}

static inline mm_paddr_t box_take(struct box *b, unsigned order, uint32_t flags)
{
	mm_paddr_t pa;

	assert_int_equal(mm_page_alloc(&b->pmm, order, flags, &pa), MM_OK);
	return pa;
}

static inline enum mm_mobility_class box_class(struct box *b, mm_paddr_t pa)
{
	struct mm_block_info info;

	assert_int_equal(mm_mobility_block(&b->pmm, pa, &info), MM_OK);
	return info.mobility;
}

static inline struct mm_pmm_stats box_stats(struct box *b)
{
	struct mm_pmm_stats s;

	assert_int_equal(mm_pmm_stats(&b->pmm, -1, &s), MM_OK);
	assert_int_equal(s.total, s.free + s.used + s.reserved);
	return s;
}

static inline enum mm_frame_class box_frame(struct box *b, mm_paddr_t pa)
{
	struct mm_frame_run run;

	assert_int_equal(mm_page_info(&b->pmm, pa, &run), MM_OK);
	return run.state;
}

/* A host that moves blocks: it has a table of who has what. */
struct host {
	struct box *b;
	mm_paddr_t has[RAM_FRAMES]; /* movable blocks, 0: none */
	unsigned order[RAM_FRAMES];
	unsigned count, moves;
	mm_paddr_t pinned;     /* this one cannot be moved */
	enum mm_status answer; /* what is said then */
};

static inline enum mm_status host_migrate(void *ctx, const struct mm_migration *what)
{
	struct host *h = ctx;

	assert_true(what->from != h->pinned || h->answer != MM_OK);
	if (what->from == h->pinned)
		return h->answer;
	for (unsigned i = 0; i < h->count; i++)
		if (h->has[i] == what->from) {
			assert_int_equal(h->order[i], what->order);
			memcpy(sim_to_virt(&h->b->sim, what->to),
			       sim_to_virt(&h->b->sim, what->from),
			       (size_t)MM_FRAME_SIZE << what->order);
			h->has[i] = what->to;
			h->moves++;
			return MM_OK;
		}
	return MM_E_BUSY;
}

static inline struct host *host_made(struct box *b)
{
	struct host *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	h->b = b;
	h->answer = MM_E_BUSY;
	return h;
}

/* A movable block, with contents that tell it from others. */
static inline void host_take(struct host *h, unsigned order)
{
	mm_paddr_t pa = box_take(h->b, order, MM_ALLOC_MOVABLE);

	*(unsigned *)sim_to_virt(&h->b->sim, pa) = h->count;
	h->order[h->count] = order;
	h->has[h->count++] = pa;
}

static inline void host_check(const struct host *h)
{
	for (unsigned i = 0; i < h->count; i++)
		assert_int_equal(*(unsigned *)sim_to_virt(&h->b->sim, h->has[i]), i);
}

static inline void host_free_all(struct host *h)
{
	while (h->count) {
		h->count--;
		assert_int_equal(mm_page_free(&h->b->pmm, h->has[h->count], h->order[h->count]), MM_OK);
	}
}
#endif
