/* SPDX-License-Identifier: MIT */
/* What a gather holds of formats whose TLBs keep what is not valid: what was lost, which is flushed before its place is
 * mapped again and before frames and tables are used otherwise; and what was gained, which may wait for the end. */
#include "pt_tlb.h"

#define MANY 64u

/* Pages of one table, no two that follow each other in a row. */
static uint64_t out_of_order(unsigned i)
{
	return base() + BIG + (i * 37 + 11) % MANY * PAGE;
}

static void map_in_gather(uint64_t va)
{
	const mm_paddr_t pa = (mm_paddr_t)(0x10000000 + (va - base()));

	assert_int_equal(mm_pt_map(&tree->pt, va, pa, PAGE, MM_PT_READ | MM_PT_WRITE, 0, &tree->g), MM_OK);
}

/* A tree with a table for what comes, nothing to flush, and a TLB that knows that nothing is there. */
static void start_with_table(const struct cpu *which)
{
	start(which);
	tree->focus = base() + BIG;
	map_one(base() + BIG + MANY * PAGE, 0x5000000, PAGE, MM_PT_READ);
	for (unsigned i = 0; i < MANY; i++)
		assert_null(fill(out_of_order(i), NULL));
	tree->ora.flushes = 0;
}

static void stop_as_it_should(void)
{
	mm_pt_sync(&tree->pt, &tree->g);
	check_tlb();
	ora_check_synced(&tree->ora);
	if (wrong || tree->ora.wrong)
		fail_msg("%s: %s", tree->ora.arch->name, wrong ? wrong : tree->ora.wrong);
	stop();
}

static void maps_out_of_order_are_flushed_once(void **state)
{
	(void)state;
	for (unsigned k = 0; k < CPUS; k++) {
		start_with_table(&cpus[k]);
		for (unsigned i = 0; i < MANY; i++)
			map_in_gather(out_of_order(i));
		assert_int_equal(tree->ora.flushes, 0);
		assert_false(tree->g.flush); /* nothing was lost */
		mm_pt_sync(&tree->pt, &tree->g);
		assert_int_equal(tree->ora.flushes, 1);
		assert_true(tree->ora.flushed.flush && BIT(tree->ora.flushed.min_shift) == PAGE);
		assert_int_equal(tree->ora.flushed.start, base() + BIG);
		assert_int_equal(tree->ora.flushed.last, base() + BIG + MANY * PAGE - 1);
		mm_pt_sync(&tree->pt, &tree->g);
		assert_int_equal(tree->ora.flushes, 1);
		stop_as_it_should();
	}
}

/* The place of what was lost waits for a flush; other places do not, and what was gained does not make it wider. */
static void what_was_lost_is_flushed_before_its_place_is_mapped(void **state)
{
	(void)state;
	for (unsigned k = 0; k < CPUS; k++) {
		start_with_table(&cpus[k]);
		const uint64_t lost = base() + BIG + 20 * PAGE;
		map_one(lost, 0x9000000, PAGE, MM_PT_READ);
		assert_non_null(fill(lost, NULL));
		tree->ora.flushes = 0;
		map_in_gather(base() + BIG + 10 * PAGE);
		assert_int_equal(mm_pt_unmap(&tree->pt, lost, PAGE, 0, &tree->g), MM_OK);
		assert_true(tree->g.flush && tree->g.start == lost && tree->g.last == lost + (PAGE - 1));
		map_in_gather(base() + BIG + 40 * PAGE);
		map_in_gather(base() + BIG + 30 * PAGE);
		map_in_gather(base() + BIG + 15 * PAGE);
		assert_int_equal(tree->ora.flushes, 0);
		watched = lost;
		watched_attr = MM_PT_READ;
		map_in_gather(lost);
		assert_int_equal(tree->ora.flushes, 1);
		assert_int_equal(watched_attr, 0);
		map_in_gather(lost + PAGE);
		map_in_gather(lost - PAGE);
		assert_int_equal(tree->ora.flushes, 1);
		stop_as_it_should();
	}
}

/* Lost and gained in one gather: one flush has both, as small pages as either. */
static void one_flush_has_what_was_lost_and_gained(void **state)
{
	(void)state;
	for (unsigned k = 0; k < CPUS; k++) {
		start_with_table(&cpus[k]);
		map_one(base() + 2 * BIG, (mm_paddr_t)(64 * BIG), BIG, MM_PT_READ);
		assert_non_null(fill(base() + 2 * BIG, NULL));
		tree->ora.flushes = 0;
		assert_int_equal(mm_pt_unmap(&tree->pt, base() + 2 * BIG, BIG, 0, &tree->g), MM_OK);
		map_in_gather(base() + BIG);
		mm_pt_sync(&tree->pt, &tree->g);
		assert_int_equal(tree->ora.flushes, 1);
		assert_int_equal(tree->ora.flushed.start, base() + BIG);
		assert_int_equal(tree->ora.flushed.last, base() + 3 * BIG - 1);
		assert_true(BIT(tree->ora.flushed.min_shift) == PAGE);
		stop_as_it_should();
	}
}

#if MM_HOOKS
/* The short way for one page is told by what it would note, and is kept from noting here. */
static void a_page_behind_another_is_mapped_the_short_way(void **state)
{
	(void)state;
	for (unsigned k = 0; k < CPUS; k++) {
		start_with_table(&cpus[k]);
		map_in_gather(base() + BIG);
		const struct mm_tlb_gather before = tree->g;
		mm_hook_plant = MM_PLANT_PT_SITE + PT_SITE_MAP_PAGE;
		map_in_gather(base() + BIG + 7 * PAGE);
		mm_hook_plant = 0;
		assert_memory_equal(&tree->g, &before, sizeof(before));
		mm_pt_sync(&tree->pt, &tree->g);
		tree->ora.wrong = NULL; /* it was not noted */
		stop();
	}
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_out_of_order_are_flushed_once),
		cmocka_unit_test(what_was_lost_is_flushed_before_its_place_is_mapped),
		cmocka_unit_test(one_flush_has_what_was_lost_and_gained),
#if MM_HOOKS
		cmocka_unit_test(a_page_behind_another_is_mapped_the_short_way),
#endif
	};
	return cmocka_run_group_tests_name("pt_gather", tests, NULL, NULL);
}
