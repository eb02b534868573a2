/* SPDX-License-Identifier: MIT */
/* Many blocks at once: as many as there are, each one right; and freed all or none. */
#include "pmm_machine.h"
#include <mmlib/range.h>

#define MANY 1100u

static mm_paddr_t pa[MANY + 1];

static size_t take(struct machine *m, unsigned order, uint32_t flags, size_t n)
{
	size_t got = 0;

	assert_int_equal(mm_page_alloc_bulk(&m->pmm, order, flags, pa, n, &got), MM_OK);
	assert_int_equal(mm_pmm_verify(&m->pmm), MM_OK);
	return got;
}

static void give(struct machine *m, unsigned order, size_t n)
{
	assert_int_equal(mm_page_free_bulk(&m->pmm, order, pa, n), MM_OK);
	assert_int_equal(mm_pmm_verify(&m->pmm), MM_OK);
}

static void blocks_of_every_order_come_and_go(void **state)
{
	(void)state;
	struct machine *m = machine_start((struct mm_pmm_cfg){ 0 });

	for (unsigned order = 0; order < 6; order++) {
		size_t n = 200 >> order;

		assert_int_equal(take(m, order, 0, n), n);
		for (size_t i = 0; i < n; i++) {
			struct mm_frame_run run = machine_look(m, mm_pa_to_pfn(pa[i]));

			assert_true(run.base == pa[i] && run.state == MM_FRAME_USED);
			assert_int_equal(run.order, order);
		}
		assert_int_equal(machine_stats(m, -1).used, n << order);
		give(m, order, n);
		assert_int_equal(pmm_state_hash(&m->pmm), m->first);
	}
	machine_end_free(m);
}

static void they_come_by_rising_address_inside_a_zone(void **state)
{
	(void)state;
	struct machine *m = machine_start((struct mm_pmm_cfg){ 0 });
	size_t n = take(m, 0, 0, 150);

	assert_int_equal(n, 150);
	assert_true(pa[0] == BYTES(ZONE_LINE));
	for (size_t i = 1; i < n; i++)
		assert_true(pa[i] == pa[i - 1] + MM_FRAME_SIZE);
	machine_end(m);
}

static void all_that_there_is_and_then_none(void **state)
{
	(void)state;
	struct machine *m = machine_start((struct mm_pmm_cfg){ 0 });
	mm_pfn_t low = machine_stats(m, 0).free, all = machine_stats(m, -1).free;
	size_t got = 7, n = take(m, 0, MM_ALLOC_ZONE(0), MANY);

	assert_int_equal(n, low);
	for (size_t i = 0; i < n; i++)
		assert_true(pa[i] < BYTES(ZONE_LINE));
	give(m, 0, n);
	assert_int_equal(take(m, 0, 0, MANY), all);
	assert_int_equal(mm_page_alloc_bulk(&m->pmm, 0, 0, pa + MANY, 1, &got), MM_E_NOMEM);
	assert_int_equal(got, 7);
	give(m, 0, all);
	machine_end_free(m);
}

static void what_cpus_have_at_hand_counts_too(void **state)
{
	(void)state;
	struct machine *m = machine_start((struct mm_pmm_cfg){ .ncpus = 2 });
	mm_pfn_t all = machine_stats(m, -1).free;

	for (sim_cpu = 2; sim_cpu-- > 0;) {
		assert_int_equal(mm_page_alloc(&m->pmm, 0, 0, pa), MM_OK);
		assert_int_equal(mm_page_free(&m->pmm, pa[0], 0), MM_OK);
	}
	sim_cpu = 0;
	assert_int_equal(take(m, 0, 0, MANY), all);
	give(m, 0, all);
	machine_end_free(m);
}

static void contents_and_kind_are_as_asked_for(void **state)
{
	(void)state;
	struct machine *m = machine_start((struct mm_pmm_cfg){ 0 });
	size_t n = take(m, 0, MM_ALLOC_ZERO | MM_ALLOC_TABLE, 70);

	for (size_t i = 0; i < n; i++) {
		const unsigned char *p = sim_to_virt(&m->sim, pa[i]);

		assert_int_equal(machine_look(m, mm_pa_to_pfn(pa[i])).state, MM_FRAME_TABLE);
		for (size_t k = 0; k < (size_t)MM_FRAME_SIZE; k++)
			assert_int_equal(p[k], 0);
	}
	assert_int_equal(mm_page_free_bulk(&m->pmm, 0, pa, n), MM_E_OWNER);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(mm_page_free_table(&m->pmm, pa[i]), MM_OK);
	machine_end_free(m);
}

/* Whatever is wrong, and wherever in the array: nothing is freed. */
static void one_wrong_block_keeps_all(void **state)
{
	(void)state;
	struct machine *m = machine_start((struct mm_pmm_cfg){ 0 });
	mm_paddr_t pair, table, movable, right[40];
	uint64_t before;

	assert_int_equal(mm_page_alloc(&m->pmm, 1, 0, &pair), MM_OK);
	assert_int_equal(mm_page_alloc(&m->pmm, 0, MM_ALLOC_TABLE, &table), MM_OK);
	assert_int_equal(mm_page_alloc(&m->pmm, 0, MM_ALLOC_MOVABLE, &movable), MM_OK);
	assert_int_equal(take(m, 0, 0, 40), 40);
	memcpy(right, pa, sizeof(right));
	before = pmm_state_hash(&m->pmm);
	for (unsigned i = 0; i < 40; i++) {
		const struct {
			mm_paddr_t pa;
			enum mm_status st;
		} wrong[] = {
			{ pair, MM_E_ORDER },
			{ movable, MM_E_ORDER }, /* all or none */
			{ pair + MM_FRAME_SIZE, MM_E_ALIGN },
			{ right[i] + 1, MM_E_ALIGN },
			{ table, MM_E_OWNER },
			{ BYTES(machine_meta(m)), MM_E_OWNER },
			{ BYTES(KERNEL), MM_E_FOREIGN },
			{ BYTES(HOLE), MM_E_FOREIGN },
			{ BYTES(RAM_END), MM_E_FOREIGN },
			{ BYTES(ZONE_LINE + 200), MM_E_DOUBLE_FREE },
			{ right[i == 39 ? 0 : 39], MM_E_DOUBLE_FREE }, /* twice in the array */
		};

		for (unsigned k = 0; k < sizeof(wrong) / sizeof(wrong[0]); k++) {
			memcpy(pa, right, sizeof(right));
			pa[i] = wrong[k].pa;
			assert_int_equal(mm_page_free_bulk(&m->pmm, 0, pa, 40), wrong[k].st);
			assert_int_equal(pmm_state_hash(&m->pmm), before);
		}
	}
	assert_int_equal(mm_page_free_bulk(&m->pmm, 40, right, 40), MM_E_ORDER);
	assert_int_equal(mm_page_free_bulk(&m->pmm, 0, right, 0), MM_OK);
	assert_int_equal(pmm_state_hash(&m->pmm), before);
	assert_int_equal(mm_page_free_bulk(&m->pmm, 0, right, 40), MM_OK);
	assert_int_equal(mm_page_free(&m->pmm, pair, 1), MM_OK);
	assert_int_equal(mm_page_free_table(&m->pmm, table), MM_OK);
	assert_int_equal(mm_page_free(&m->pmm, movable, 0), MM_OK);
	machine_end_free(m);
}

static void wrong_arguments_change_nothing(void **state)
{
	(void)state;
	struct machine *m = machine_start((struct mm_pmm_cfg){ 0 });
	struct mm_pmm none = { 0 };
	size_t got = 7;

	assert_int_equal(mm_page_alloc_bulk(NULL, 0, 0, pa, 1, &got), MM_E_INVAL);
	assert_int_equal(mm_page_alloc_bulk(&m->pmm, 0, 0, NULL, 1, &got), MM_E_INVAL);
	assert_int_equal(mm_page_alloc_bulk(&m->pmm, 0, 0, pa, 1, NULL), MM_E_INVAL);
	assert_int_equal(mm_page_alloc_bulk(&m->pmm, 0, 0, pa, 0, &got), MM_E_INVAL);
	assert_int_equal(mm_page_alloc_bulk(&m->pmm, 60, 0, pa, 1, &got), MM_E_INVAL);
	assert_int_equal(mm_page_alloc_bulk(&m->pmm, 0, MM_ALLOC_ZONE(2), pa, 1, &got), MM_E_INVAL);
	assert_int_equal(mm_page_alloc_bulk(&m->pmm, 1, MM_ALLOC_TABLE, pa, 1, &got), MM_E_INVAL);
	assert_int_equal(mm_page_alloc_bulk(&none, 0, 0, pa, 1, &got), MM_E_STATE);
	assert_int_equal(mm_page_free_bulk(NULL, 0, pa, 1), MM_E_INVAL);
	assert_int_equal(mm_page_free_bulk(&m->pmm, 0, NULL, 1), MM_E_INVAL);
	assert_int_equal(mm_page_free_bulk(&none, 0, pa, 1), MM_E_STATE);
	assert_int_equal(got, 7);
	machine_end_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_of_every_order_come_and_go),
		cmocka_unit_test(they_come_by_rising_address_inside_a_zone),
		cmocka_unit_test(all_that_there_is_and_then_none),
		cmocka_unit_test(what_cpus_have_at_hand_counts_too),
		cmocka_unit_test(contents_and_kind_are_as_asked_for),
		cmocka_unit_test(one_wrong_block_keeps_all),
		cmocka_unit_test(wrong_arguments_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
