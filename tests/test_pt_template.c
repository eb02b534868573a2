/* SPDX-License-Identifier: MIT */
/* Page tables: the format that ports are copied from, folded as a kernel does it that brings its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <mmlib/pt_x86_64.h>
#include "ports/template.h"

MM_PT_DECLARE(template_pt);
#define MM_PT_PORT (&template_port)
#define MM_PT_HOST 2
#define MM_PT_NAME template_pt
#include "vmm/pt_walk.inc"
#undef MM_PT_PORT
#undef MM_PT_NAME

/* One whose port asks pt->port what it is. */
#include "ports/riscv_more.h"
MM_PT_DECLARE(asking_pt);
#define MM_PT_PORT (&svx4_port.port)
#define MM_PT_HOST 1
#define MM_PT_NAME asking_pt
#include "vmm/pt_walk.inc"
#undef MM_PT_PORT
#undef MM_PT_NAME

#define BASE 0x100000u
#define K4   UINT64_C(0x1000)
#define M2   UINT64_C(0x200000)
#define RW   (MM_PT_READ | MM_PT_WRITE)

static _Alignas(4096) uint64_t tables[8][512];
static unsigned used;
static unsigned flushes;

static enum mm_status alloc_table(void *ctx, size_t bytes, mm_paddr_t *pa)
{
	(void)ctx;
	assert_int_equal(bytes, sizeof(tables[0]));
	if (used == 8)
		return MM_E_NOMEM;
	*pa = BASE + used++ * 4096u;
	return MM_OK;
}

static void free_table(void *ctx, mm_paddr_t pa, size_t bytes)
{
	(void)ctx;
	(void)pa;
	(void)bytes;
}

static void *to_virt(void *ctx, mm_paddr_t pa)
{
	(void)ctx;
	return (unsigned char *)tables + (pa - BASE);
}

static void flush(void *ctx, const struct mm_tlb_gather *g)
{
	(void)ctx;
	(void)g;
	flushes++;
}

static const struct mm_pt_env env = {
	.alloc_table = alloc_table, .free_table = free_table, .to_virt = to_virt, .flush = flush
};

static void the_copy_works_before_anything_is_changed(void **state)
{
	struct mm_tlb_gather g = { 0 };
	struct mm_pt_run run;
	struct mm_pt pt;

	(void)state;
	used = 0;
	assert_int_equal(mm_pt_init(&pt, &template_port, &env, NULL), MM_OK);
	assert_int_equal(
		template_pt_map(&pt, M2 - K4, 4 * M2 - K4, M2 + 2 * K4, RW | MM_PT_WC, 0, &g),
		MM_OK);
	assert_int_equal(used, 4); /* the root, one below it, one of each end */
	assert_int_equal(tables[2][511], (4 * M2 - K4) | 0x1cd);
	assert_int_equal(tables[1][0], (BASE + 2 * 4096u) | 3);
	assert_int_equal(tables[1][1], (4 * M2) | 0x1cd);
	assert_int_equal(template_pt_query(&pt, M2 + 5, &run), MM_OK);
	assert_int_equal(run.level, 1);
	assert_int_equal(run.pa, 4 * M2 + 5);
	assert_int_equal(run.attr, RW | MM_PT_WC | MM_PT_ACCESSED | MM_PT_DIRTY);
	assert_int_equal(template_pt_map(&pt, 0, 0, K4, RW | MM_PT_UC, 0, &g), MM_E_NOTSUP);
	assert_int_equal(template_pt_protect(&pt, M2 - K4, 2 * K4, MM_PT_READ, 0, &g), MM_OK);
	assert_int_equal(tables[2][511], (4 * M2 - K4) | 0xc9);
	assert_true(g.flush && g.tables); /* the second page was in a large leaf */
	assert_int_equal(mm_pt_verify(&pt, NULL), MM_OK);
	assert_int_equal(template_pt_unmap(&pt, M2 - K4, M2 + 2 * K4, MM_PT_EXACT, &g), MM_OK);
	assert_int_equal(g.pages, 514);
	mm_pt_sync(&pt, &g);
	assert_true(flushes > 0);
	assert_int_equal(mm_pt_destroy(&pt), MM_OK);
}

/* Nor is a format that asks pt->port asked anything of them. */
static void other_trees_are_refused(void **state)
{
	struct mm_tlb_gather g = { .flush = true, .last = UINT64_MAX };
	struct mm_pt none = { 0 }, pt;

	(void)state;
	used = 0;
	assert_int_equal(asking_pt_map_page(&none, M2, 0, 0, &g), MM_E_STATE);
	assert_int_equal(asking_pt_unmap_page(&none, M2, &g), MM_E_STATE);
	assert_int_equal(template_pt_map_page(&none, M2, 0, 0, &g), MM_E_STATE);
	assert_int_equal(template_pt_map(&none, M2, 0, K4, 0, 0, &g), MM_E_STATE);
	assert_int_equal(template_pt_unmap_page(&none, M2, &g), MM_E_STATE);
	assert_int_equal(mm_pt_init(&pt, mm_pt_x86_64_port(), &env, NULL), MM_OK);
	assert_int_equal(mm_pt_map_page(&pt, M2, M2, RW, &g), MM_OK);
	assert_int_equal(asking_pt_map_page(&pt, M2 + K4, M2, RW, &g), MM_E_STATE);
	assert_int_equal(template_pt_map_page(&pt, M2 + K4, M2, RW, &g), MM_E_STATE);
	assert_int_equal(template_pt_unmap_page(&pt, M2, &g), MM_E_STATE);
	assert_int_equal(mm_pt_unmap_page(&pt, M2, &g), MM_OK);
	mm_pt_sync(&pt, &g);
	assert_int_equal(mm_pt_destroy(&pt), MM_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_trees_are_refused),
		cmocka_unit_test(the_copy_works_before_anything_is_changed),
	};
	return cmocka_run_group_tests_name("pt_template", tests, NULL, NULL);
}
