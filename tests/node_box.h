/* SPDX-License-Identifier: MIT */
/* A machine with nodes and a heap: a CPU on each node, the same amount of memory on each but, if wanted, the
 * last. Its end finds what was lost: when all is freed, the page layer has its first state. */
#ifndef NODE_BOX_H
#define NODE_BOX_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <mmlib/bulk.h>
#include <mmlib/kmalloc.h>
#include <mmlib/owner.h>
#include <mmlib/reserve.h>
#include "pmm_state.h"

#define NODES_MAX   4u
#define NODE_FRAMES 512u
#define AT(frame)   ((mm_paddr_t)(frame) << MM_FRAME_SHIFT)
#define BASE        0x400u
#define ONLY(node)  (MM_ALLOC_NODE(node) | MM_ALLOC_NODE_EXACT)

static struct sim sim;
static struct mm_pmm pmm;
static struct mm_heap heap;
static struct mm_numa numa;
static uint32_t nodes;
static mm_pfn_t uneven; /* frames that the last node has from the one before */
static uint64_t before_heap;

/* Memory on all nodes but those above `with_memory`. From the last one, 2 is nearest, then 1, then 0. */
static inline void make_pmm(uint32_t with_memory)
{
	static const struct mm_zone_cfg zone = { .name = "ALL", .last = MM_PADDR_MAX };
	static const uint32_t cpu_nodes[NODES_MAX] = { 0, 1, 2, 3 };
	static struct mm_numa_range ranges[NODES_MAX + 1];
	static uint8_t distances[NODES_MAX * NODES_MAX];
	static struct mm_mem entries[8];
	struct mm_memmap map;
	const struct mm_pmm_cfg cfg = { .zones = &zone,
					.nzones = 1,
					.numa = &numa,
					.cpu_nodes = cpu_nodes,
					.ncpus = nodes,
					.reach = AT(BASE + with_memory * NODE_FRAMES) - 1 };

	assert_int_equal(mm_numa_init(&numa, ranges, NODES_MAX + 1, distances, nodes), MM_OK);
	for (uint32_t n = 0; n < with_memory; n++) {
		mm_pfn_t first = BASE + n * NODE_FRAMES - (n + 1 == with_memory ? uneven : 0);
		mm_pfn_t end = BASE + (n + 1) * NODE_FRAMES - (n + 2 == with_memory ? uneven : 0);

		assert_int_equal(mm_numa_add_range(&numa, AT(first), AT(end - first), n), MM_OK);
	}
	for (uint32_t to = 0; to + 1 < nodes; to++)
		assert_int_equal(mm_numa_set_distance(&numa, nodes - 1, to, 40 - 5 * to), MM_OK);
	sim_init(&sim, AT(BASE), (size_t)AT(with_memory * NODE_FRAMES));
	sim_add_cpus(&sim, true);
	sim_cpu = 0;
	assert_int_equal(mm_memmap_init(&map, entries, 8), MM_OK);
	assert_int_equal(mm_memmap_add(&map, sim.base, sim.bytes, MM_MEM_USABLE, NULL), MM_OK);
	assert_int_equal(mm_pmm_init(&pmm, &sim.port, &map, &cfg), MM_OK);
	for (uint32_t cpu = 1; cpu < nodes; cpu++)
		assert_int_equal(mm_pmm_cpu_online(&pmm, cpu), MM_OK);
	before_heap = pmm_state_hash(&pmm);
}

static inline void make(uint32_t n, uint32_t with_memory)
{
	nodes = n;
	make_pmm(with_memory);
	memset(&heap, 0xA5, sizeof(heap));
	assert_int_equal(mm_heap_init(&heap, &pmm, nodes), MM_OK);
	for (uint32_t cpu = 1; cpu < nodes; cpu++)
		assert_int_equal(mm_heap_cpu_online(&heap, cpu), MM_OK);
}

static inline int two(void **state)
{
	(void)state;
	make(2, 2);
	return 0;
}

/* The nodes' memory meets amid the frames of one table. */
static inline int two_uneven(void **state)
{
	uneven = 100;
	return two(state);
}

/* The last of four nodes has no memory. */
static inline int four(void **state)
{
	(void)state;
	make(4, 3);
	return 0;
}

static inline void verify_all(void)
{
	assert_int_equal(mm_heap_verify(&heap), MM_OK);
	assert_int_equal(mm_pmm_verify(&pmm), MM_OK);
}

static inline int stop(void **state)
{
	(void)state;
	sim_cpu = 0;
	verify_all();
	assert_int_equal(mm_heap_destroy(&heap), MM_OK);
	assert_int_equal(mm_pmm_drain(&pmm), MM_OK);
	assert_int_equal(mm_pmm_verify(&pmm), MM_OK);
	assert_true(pmm_state_hash(&pmm) == before_heap);
	assert_int_equal(sim_pins, 0);
	sim_destroy(&sim);
	uneven = 0;
	return 0;
}

/* Node of an object. */
static inline uint32_t node_of(const void *p)
{
	mm_paddr_t pa;

	assert_int_equal(mm_heap_paddr(&heap, p, &pa), MM_OK);
	return mm_numa_node_of(&numa, pa);
}

static inline struct mm_cache *make_cache(size_t size, size_t quota)
{
	struct mm_cache_cfg cfg = { .name = "nodes", .size = size, .quota = quota };
	struct mm_cache *cache = NULL;

	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_OK);
	return cache;
}

/* An object, allocated on a CPU. */
static inline void *take_on(uint32_t cpu, struct mm_cache *cache, uint32_t flags)
{
	sim_cpu = cpu;
	return mm_cache_alloc(cache, flags);
}

static inline void free_on(uint32_t cpu, struct mm_cache *cache, void *p)
{
	sim_cpu = cpu;
	assert_int_equal(mm_cache_free(cache, p), MM_OK);
}

static inline struct mm_cache_node_stats count(struct mm_cache *cache, uint32_t node)
{
	struct mm_cache_node_stats s;

	assert_int_equal(mm_cache_node_stats(cache, node, &s), MM_OK);
	return s;
}

/* A tick, and each CPU has answered. */
static inline void settle(void)
{
	assert_int_equal(mm_heap_reap(&heap, NULL), MM_OK);
	for (sim_cpu = 0; sim_cpu < nodes; sim_cpu++)
		mm_heap_cpu_idle(&heap);
	sim_cpu = 0;
}

#define TWO_NODES(f)  cmocka_unit_test_setup_teardown(f, two, stop)
#define FOUR_NODES(f) cmocka_unit_test_setup_teardown(f, four, stop)
#endif
