/* SPDX-License-Identifier: MIT */
/* Calls for one page, in each format: what lies beside the page, in its table and in the one above, and what all entries
 * have beside their addresses. Such calls tell a table by a test of the entry's bits alone. */
#include "pt_each.h"
#include <mmlib/pt_tree.h>

static struct mm_tlb_gather g;
static uint64_t page, big; /* bytes of entries at levels 0 and 1 */
static mm_vaddr_t va;      /* where the last four of these begin, in the upper half; or the first ones */
static uint32_t all;       /* as many rights as there are */

static void begin(void)
{
	g = (struct mm_tlb_gather){ 0 };
	page = ora_size(&ora, 0);
	big = ora_size(&ora, 1);
	va = port->extension == MM_PT_VA_ONES ? 0 - 4 * big : 0;
	all = MM_PT_READ | MM_PT_WRITE | MM_PT_EXEC;
	if (port->check(&pt, all) != MM_OK)
		all = MM_PT_READ | MM_PT_WRITE;
}

static void leads_to(mm_vaddr_t at, uint64_t want)
{
	mm_paddr_t pa = 1;

	assert_int_equal(mm_pt_translate(&pt, at, &pa), MM_OK);
	assert_true(pa == want);
}

/* The least that a leaf has: frame 0, and all rights. Its table stays. */
static void the_barest_leaf_keeps_its_table(void **state)
{
	(void)state;
	for (unsigned k = 0; k < MM_PT_FORMATS; k++) {
		start(k);
		begin();
		assert_int_equal(mm_pt_map_page(&pt, va + 4 * page, (mm_paddr_t)(8 * page), all, &g), MM_OK);
		assert_int_equal(mm_pt_map_page(&pt, va + 9 * page, 0, all, &g), MM_OK);
		assert_int_equal(mm_pt_unmap_page(&pt, va + 4 * page, &g), MM_OK);
		leads_to(va + 9 * page, 0);
		assert_int_equal(mm_pt_verify(&pt, NULL), MM_OK);
		assert_int_equal(mm_pt_unmap_page(&pt, va + 9 * page, &g), MM_OK);
		mm_pt_sync(&pt, &g);
		assert_int_equal(ora.used, 1);
		stop();
	}
}

/* In the table of level 1 where a page was mapped: nothing yet, and a large leaf. */
static void beside_a_table(void)
{
	assert_int_equal(mm_pt_map_page(&pt, va + page, (mm_paddr_t)page, all, &g), MM_OK);
	assert_int_equal(mm_pt_unmap_page(&pt, va + big, &g), MM_E_NOENT);
	assert_int_equal(mm_pt_map_page(&pt, va + big, (mm_paddr_t)(3 * page), all, &g), MM_OK);
	leads_to(va + big, 3 * page);
	if (port->level[1].leaf) {
		assert_int_equal(mm_pt_map(&pt, va + 2 * big, (mm_paddr_t)big, big, all, 0, &g), MM_OK);
		assert_int_equal(mm_pt_map_page(&pt, va + 2 * big + page, 0, all, &g), MM_E_EXIST);
		assert_int_equal(mm_pt_unmap_page(&pt, va + 2 * big + page, &g), MM_OK);
		leads_to(va + 2 * big, big);
		leads_to(va + 2 * big + 2 * page, big + 2 * page);
	}
	assert_int_equal(mm_pt_unmap_page(&pt, va + page, &g), MM_OK);
	assert_int_equal(mm_pt_unmap_page(&pt, va + page, &g), MM_E_NOENT);
	assert_int_equal(mm_pt_verify(&pt, NULL), MM_OK);
	assert_int_equal(mm_pt_unmap(&pt, va, 3 * big, 0, &g), MM_OK);
	mm_pt_sync(&pt, &g);
	assert_int_equal(ora.used, 1);
}

static void pages_beside_what_is_no_table(void **state)
{
	(void)state;
	for (unsigned k = 0; k < MM_PT_FORMATS; k++) {
		start(k);
		begin();
		beside_a_table();
		stop();
	}
}

/* The same, and each entry has the highest address bit, which memory is short of. */
static void what_all_entries_have_is_no_address(void **state)
{
	unsigned tried = 0;

	(void)state;
	for (unsigned k = 0; k < MM_PT_FORMATS; k++) {
		start(k);
		const uint8_t less = (uint8_t)((port->pa_bits < MM_PADDR_BITS ? port->pa_bits : MM_PADDR_BITS) - 1);
		const uint64_t bit = port->frame(&pt, (mm_paddr_t)1 << less, 0);
		stop();
		if (!arch->address || arch->pa || arch->in_run)
			continue; /* the oracle knows no such bit there */
		assert_int_equal(try_start(arch, port, order(bit), bit, less), MM_OK);
		begin();
		beside_a_table();
		stop();
		tried++;
	}
	assert_true(tried > 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_barest_leaf_keeps_its_table),
		cmocka_unit_test(pages_beside_what_is_no_table),
		cmocka_unit_test(what_all_entries_have_is_no_address),
	};
	return cmocka_run_group_tests_name("pt_pages", tests, NULL, NULL);
}
