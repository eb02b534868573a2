/* SPDX-License-Identifier: MIT */
/* Nodes and CPUs: each CPU keeps frames of its own node at hand, none when they are scarce, and memory is
 * not reported as used up while some are anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <mmlib/pmm.h>
#include "pmm_state.h"

#define AT(frame) ((mm_paddr_t)(frame) << MM_FRAME_SHIFT)

enum { NODES = 3, NCPUS = 3, FRAMES = 1024, BASE = 0x400, FEW = 200 };

/* Two nodes with memory, a third without; a CPU on each. */
static struct sim sim;
static struct mm_pmm pmm;
static struct mm_numa_range node_ranges[4];
static uint8_t distances[NODES * NODES];
static struct mm_numa numa;
static struct mm_zone_cfg zone;

static void begin(void)
{
	static const uint32_t cpu_nodes[NCPUS] = { 0, 1, 2 };
	static struct mm_mem entries[8];
	struct mm_memmap map;
	const struct mm_pmm_cfg cfg = { .zones = &zone,
					.nzones = 1,
					.numa = &numa,
					.cpu_nodes = cpu_nodes,
					.ncpus = NCPUS,
					.reach = AT(BASE + 2 * FRAMES) - 1 };

	assert_int_equal(mm_memmap_init(&map, entries, 8), MM_OK);
	assert_int_equal(mm_memmap_add(&map, sim.base, sim.bytes, MM_MEM_USABLE, NULL), MM_OK);
	assert_int_equal(mm_pmm_init(&pmm, &sim.port, &map, &cfg), MM_OK);
	for (uint32_t cpu = 0; cpu < NCPUS; cpu++)
		assert_int_equal(mm_pmm_cpu_online(&pmm, cpu), MM_OK);
}

static int setup(void **state)
{
	(void)state;
	sim_init(&sim, AT(BASE), (size_t)AT(2 * FRAMES));
	sim_add_cpus(&sim, false);
	assert_int_equal(mm_numa_init(&numa, node_ranges, 4, distances, NODES), MM_OK);
	assert_int_equal(mm_numa_add_range(&numa, AT(BASE), AT(FRAMES), 0), MM_OK);
	assert_int_equal(mm_numa_add_range(&numa, AT(BASE + FRAMES), AT(FRAMES), 1), MM_OK);
	assert_int_equal(mm_numa_set_distance(&numa, 2, 0, 30), MM_OK);
	assert_int_equal(mm_numa_set_distance(&numa, 2, 1, 25), MM_OK);
	zone = (struct mm_zone_cfg){ .name = "ALL", .last = MM_PADDR_MAX };
	sim_cpu = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(mm_pmm_verify(&pmm), MM_OK);
	assert_int_equal(sim_pins, 0);
	sim_destroy(&sim);
	return 0;
}

static mm_paddr_t page(uint32_t flags)
{
	mm_paddr_t pa;

	assert_int_equal(mm_page_alloc(&pmm, 0, flags, &pa), MM_OK);
	return pa;
}

static uint32_t node_of(mm_paddr_t pa)
{
	return pa >= AT(BASE + FRAMES);
}

static mm_pfn_t free_in(int node)
{
	struct mm_pmm_stats s;

	assert_int_equal(mm_pmm_stats(&pmm, node, &s), MM_OK);
	assert_int_equal(s.total, s.free + s.used + s.reserved);
	return s.free;
}

/* Single frames that a CPU has at hand. */
static uint32_t at_hand(unsigned cpu)
{
	return pmm.cpus[cpu].hand[0].top;
}

static void each_cpu_keeps_frames_of_its_node(void **state)
{
	(void)state;
	begin();
	for (sim_cpu = 0; sim_cpu < NCPUS; sim_cpu++) {
		uint32_t want = sim_cpu ? 1 : 0; /* node 2 has none, and node 1 is nearest */

		assert_int_equal(node_of(page(0)), want);
		assert_true(at_hand(sim_cpu) > 0);
		assert_int_equal(pmm.cpus[sim_cpu].range->zone, want);
		assert_int_equal(node_of(page(0)), want);
	}
}

static void frames_of_another_node_go_straight_home(void **state)
{
	(void)state;
	mm_paddr_t pa;
	uint32_t hand;
	uintptr_t buddy;

	begin();
	pa = page(MM_ALLOC_NODE(1));
	(void)page(0);
	hand = at_hand(0);
	buddy = pmm.zones[1].free;
	assert_int_equal(mm_page_free(&pmm, pa, 0), MM_OK);
	assert_int_equal(at_hand(0), hand);
	assert_int_equal(pmm.zones[1].free, buddy + 1);
}

static void another_node_is_not_served_from_hands(void **state)
{
	(void)state;
	uint32_t hand;

	begin();
	(void)page(0);
	hand = at_hand(0);
	assert_int_equal(node_of(page(MM_ALLOC_NODE(1))), 1);
	assert_int_equal(at_hand(0), hand);
	assert_int_equal(node_of(page(MM_ALLOC_NODE(0) | MM_ALLOC_NODE_EXACT)), 0);
	assert_int_equal(at_hand(0), hand - 1);
}

static void a_cpu_learns_its_node_late(void **state)
{
	(void)state;
	begin();
	(void)page(0);
	assert_int_equal(mm_pmm_cpu_set_node(&pmm, 0, 1), MM_E_BUSY);
	assert_int_equal(mm_pmm_cpu_offline(&pmm, 0), MM_OK);
	assert_int_equal(mm_pmm_cpu_set_node(&pmm, 0, NODES), MM_E_INVAL);
	assert_int_equal(mm_pmm_cpu_set_node(&pmm, NCPUS, 1), MM_E_INVAL);
	assert_int_equal(mm_pmm_cpu_set_node(&pmm, 0, 1), MM_OK);
	assert_int_equal(mm_pmm_cpu_online(&pmm, 0), MM_OK);
	assert_int_equal(node_of(page(0)), 1);
	assert_true(at_hand(0) > 0);
	assert_int_equal(mm_pmm_verify(&pmm), MM_OK);
}

/* Leave so many frames in the buddies of node 1, without its CPUs. */
static void leave(uintptr_t frames)
{
	sim_cpu = 0;
	while (pmm.zones[1].free > frames)
		assert_int_equal(node_of(page(MM_ALLOC_NODE(1) | MM_ALLOC_NODE_EXACT)), 1);
}

static void with_few_frames_none_are_at_hand(void **state)
{
	(void)state;
	mm_paddr_t pa;
	uintptr_t buddy;

	zone.low = zone.high = FEW;
	begin();
	sim_cpu = 1;
	pa = page(0);
	assert_true(at_hand(1) > 0);
	leave(FEW - 1);
	assert_true(at_hand(1) > 0); /* another CPU's: it is asked */
	sim_cpu = 1;
	assert_int_equal(mm_page_free(&pmm, pa, 0), MM_OK);
	assert_int_equal(at_hand(1), 0);
	leave(FEW - 1);
	sim_cpu = 1;
	pa = page(0);
	buddy = pmm.zones[1].free;
	assert_int_equal(mm_page_free(&pmm, pa, 0), MM_OK);
	assert_int_equal(at_hand(1), 0);
	assert_int_equal(pmm.zones[1].free, buddy + 1);
}

static void empty_hands_are_closed_too(void **state)
{
	(void)state;
	mm_paddr_t pa[2];

	zone.low = zone.high = FEW;
	begin();
	sim_cpu = 1;
	pa[0] = page(0);
	pa[1] = page(0);
	while (at_hand(1))
		(void)page(0);
	leave(FEW - 1);
	sim_cpu = 1;
	assert_int_equal(mm_page_free(&pmm, pa[0], 0), MM_OK);
	assert_int_equal(mm_page_free(&pmm, pa[1], 0), MM_OK);
	assert_int_equal(at_hand(1), 0);
}

static void hands_open_again_when_pressure_is_over(void **state)
{
	(void)state;
	mm_paddr_t pa[FRAMES];
	unsigned n = 0;

	zone.low = 150, zone.high = 950;
	begin();
	while (pmm.zones[1].free >= 150)
		pa[n++] = page(MM_ALLOC_NODE(1) | MM_ALLOC_NODE_EXACT);
	while (pmm.zones[1].free < 949)
		assert_int_equal(mm_page_free(&pmm, pa[--n], 0), MM_OK);
	sim_cpu = 1;
	(void)page(0);
	assert_int_equal(at_hand(1), 0); /* enough, but not yet enough for that */
	sim_cpu = 0;
	while (pmm.zones[1].free < 950)
		assert_int_equal(mm_page_free(&pmm, pa[--n], 0), MM_OK);
	sim_cpu = 1;
	for (unsigned i = 0; i < 4 && at_hand(1) == 0; i++)
		(void)page(0); /* with small words it may be the last of one, and the hand empty again */
	assert_true(at_hand(1) > 0);
}

/* Fill CPU 1's hands, and take all else of node 1. */
static void leave_what_cpu_1_has(void)
{
	sim_cpu = 1;
	(void)page(0);
	leave(0);
	assert_true(at_hand(1) > 0);
	assert_int_equal(free_in(1), at_hand(1));
}

static void frames_at_hand_elsewhere_are_asked_for(void **state)
{
	(void)state;
	uint32_t flags = MM_ALLOC_NODE(1) | MM_ALLOC_NODE_EXACT;
	mm_paddr_t pa = 7;

	begin();
	leave_what_cpu_1_has();
	assert_int_equal(mm_page_alloc(&pmm, 0, flags | MM_ALLOC_NO_RETRY, &pa), MM_E_AGAIN);
	assert_int_equal(pmm.cpus[1].drain, 0); /* nobody was asked */
	assert_int_equal(mm_page_alloc(&pmm, 0, flags | MM_ALLOC_ATOMIC, &pa), MM_E_AGAIN);
	assert_int_equal(pmm.cpus[1].drain, 1);
	assert_int_equal(pa, 7);
	sim_cpu = 1;
	mm_pmm_cpu_idle(&pmm);
	sim_cpu = 0;
	assert_int_equal(node_of(page(flags | MM_ALLOC_NO_RETRY)), 1);
}

static void the_last_frames_are_fetched_from_other_cpus(void **state)
{
	(void)state;
	uint32_t flags = MM_ALLOC_NODE(1) | MM_ALLOC_NODE_EXACT;
	mm_paddr_t pa;

	begin();
	leave_what_cpu_1_has();
	sim_add_cpus(&sim, true);
	while (mm_page_alloc(&pmm, 0, flags, &pa) == MM_OK)
		assert_int_equal(node_of(pa), 1);
	assert_int_equal(mm_page_alloc(&pmm, 0, flags, &pa), MM_E_NOMEM);
	assert_int_equal(free_in(1), 0);
	assert_int_equal(node_of(page(MM_ALLOC_NODE(1))), 0); /* not exact: the next node */
}

static void what_is_held_back_is_not_got_through_hands(void **state)
{
	(void)state;
	uint32_t flags = MM_ALLOC_NODE(1) | MM_ALLOC_NODE_EXACT;
	mm_paddr_t pa;

	zone.min = zone.low = zone.high = 32;
	begin();
	sim_add_cpus(&sim, true);
	sim_cpu = 1;
	while (mm_page_alloc(&pmm, 0, flags, &pa) == MM_OK)
		continue;
	assert_int_equal(mm_page_alloc(&pmm, 0, flags, &pa), MM_E_NOMEM);
	assert_int_equal(free_in(1), 32);
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(node_of(page(flags | MM_ALLOC_EMERGENCY)), 1);
	assert_int_equal(mm_page_alloc(&pmm, 0, flags | MM_ALLOC_EMERGENCY, &pa), MM_E_NOMEM);
}

static void what_is_at_hand_of_other_nodes_is_no_reason_to_wait(void **state)
{
	(void)state;
	uint32_t flags = MM_ALLOC_NODE(1) | MM_ALLOC_NODE_EXACT;
	mm_paddr_t pa = 0;

	begin();
	leave(0);
	(void)page(0);
	assert_true(at_hand(0) > 0); /* frames of node 0 */
	sim_cpu = 1;
	assert_int_equal(mm_page_alloc(&pmm, 0, flags, &pa), MM_E_NOMEM);
	assert_int_equal(mm_page_alloc(&pmm, 0, flags | MM_ALLOC_ATOMIC, &pa), MM_E_NOMEM);
	assert_int_equal(mm_page_alloc_at(&pmm, AT(BASE + FRAMES), 0, 0), MM_E_BUSY);
	assert_int_equal(pmm.cpus[0].drain, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(each_cpu_keeps_frames_of_its_node),
		TEST(frames_of_another_node_go_straight_home),
		TEST(another_node_is_not_served_from_hands),
		TEST(a_cpu_learns_its_node_late),
		TEST(with_few_frames_none_are_at_hand),
		TEST(empty_hands_are_closed_too),
		TEST(hands_open_again_when_pressure_is_over),
		TEST(frames_at_hand_elsewhere_are_asked_for),
		TEST(the_last_frames_are_fetched_from_other_cpus),
		TEST(what_is_held_back_is_not_got_through_hands),
		TEST(what_is_at_hand_of_other_nodes_is_no_reason_to_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
