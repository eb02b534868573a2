/* SPDX-License-Identifier: MIT */
/* A machine with a heap, for tests of the heap. stop() finds what was lost: after everything is freed, the
 * page layer has its first state. */
#ifndef SLAB_BOX_H
#define SLAB_BOX_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <mmlib/early.h>
#include <mmlib/kmalloc.h>
#include "pmm_state.h"

#ifndef RAM_FRAMES
#define RAM_FRAMES 4096u
#endif
#define NCPUS      2u
#define MAX_LIVE   6000u
#define LARGE      ((size_t)MM_FRAME_SIZE * 4 - 2000) /* a block of order 2 */

#define HALF_KIB   (512 - (MM_HARDEN & MM_HARDEN_CANARY ? sizeof(void *) : 0)) /* eight in 4 KiB */

static struct sim sim;
static struct mm_pmm pmm;
static struct mm_heap heap;
static unsigned locks;
static uint64_t before_heap;

static inline uintptr_t lock(void *ctx, uintptr_t *word)
{
	(void)ctx;
	if (sim_step)
		sim_step();
	assert_int_equal(*word, 0); /* nothing is taken twice */
	*word = 1;
	locks++;
	return 0;
}

static inline void unlock(void *ctx, uintptr_t *word, uintptr_t irq)
{
	(void)ctx;
	(void)irq;
	assert_int_equal(*word, 1);
	*word = 0;
	locks--;
	if (sim_step)
		sim_step();
}

static inline void start_pmm(void)
{
	static struct mm_mem entries[16];
	static const struct mm_zone_cfg one = { .name = "ALL", .last = MM_PADDR_MAX };
	struct mm_memmap map;
	struct mm_pmm_cfg cfg = { .zones = &one, .nzones = 1, .ncpus = NCPUS };

	sim_init(&sim, 0x100000, RAM_FRAMES << MM_FRAME_SHIFT);
	sim_add_cpus(&sim, true);
	sim.port.lock = lock;
	sim.port.unlock = unlock;
	cfg.reach = sim.base + sim.bytes - 1;
	assert_int_equal(mm_memmap_init(&map, entries, 16), MM_OK);
	assert_int_equal(mm_memmap_add(&map, sim.base, sim.bytes, MM_MEM_USABLE, NULL), MM_OK);
	assert_int_equal(mm_pmm_init(&pmm, &sim.port, &map, &cfg), MM_OK);
	assert_int_equal(mm_pmm_cpu_online(&pmm, 1), MM_OK);
	before_heap = pmm_state_hash(&pmm);
}

static inline int start(void **state)
{
	(void)state;
	start_pmm();
	memset(&heap, 0xA5, sizeof(heap));
	assert_int_equal(mm_heap_init(&heap, &pmm, NCPUS), MM_OK);
	assert_int_equal(mm_heap_cpu_online(&heap, 1), MM_OK);
	return 0;
}

static inline void verify_all(void)
{
	if (heap.pmm)
		assert_int_equal(mm_heap_verify(&heap), MM_OK);
	assert_int_equal(mm_pmm_verify(&pmm), MM_OK);
}

/* Everything is freed: after destroy the page layer has its first state. */
static inline int stop(void **state)
{
	(void)state;
	verify_all();
	if (heap.pmm)
		assert_int_equal(mm_heap_destroy(&heap), MM_OK);
	assert_int_equal(mm_pmm_drain(&pmm), MM_OK);
	assert_int_equal(mm_pmm_verify(&pmm), MM_OK);
	assert_true(pmm_state_hash(&pmm) == before_heap);
	sim_destroy(&sim);
	return 0;
}

static inline struct mm_cache *make_cache(size_t size, size_t align)
{
	struct mm_cache_cfg cfg = { .name = "test", .size = size, .align = align };
	struct mm_cache *cache = NULL;

	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_OK);
	return cache;
}

static inline struct mm_heap_stats heap_stats(void)
{
	struct mm_heap_stats s;

	assert_int_equal(mm_heap_stats(&heap, &s), MM_OK);
	return s;
}

static inline struct mm_cache_stats stats(struct mm_cache *cache)
{
	struct mm_cache_stats s;

	assert_int_equal(mm_cache_stats(cache, &s), MM_OK);
	assert_true(s.used + s.cached <= s.objects);
	return s;
}

static inline void fill(void *p, size_t n, unsigned tag)
{
	memset(p, (int)(tag * 37 + 1) & 0xff, n);
}

static inline void check(const void *p, size_t n, unsigned tag)
{
	const unsigned char *b = p;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(b[i], (tag * 37 + 1) & 0xff);
}

#define HEAP_TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)
#endif
