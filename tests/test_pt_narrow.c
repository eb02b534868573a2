/* SPDX-License-Identifier: MIT */
/* Page tables on a machine whose physical addresses have 32 bits, in a format that has more: the last
 * page, all four GiB, and what lies beyond. Where mm_paddr_t has 32 bits, nothing else can be mapped;
 * elsewhere the configuration says so. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <sys/mman.h>
#include <mmlib/pt_aarch64.h>
#include <mmlib/pt_port.h>
#include <mmlib/pt_riscv64.h>
#include <mmlib/pt_x86_64.h>

#define K4     UINT64_C(0x1000)
#define G1     UINT64_C(0x40000000)
#define RW     (MM_PT_READ | MM_PT_WRITE)
#define TOP    ((mm_paddr_t)0xfffff000u) /* the last page */
#define TABLES 16
#define BASE   ((mm_paddr_t)0x80000000u) /* of the tables */

static uint64_t (*tables)[512]; /* where pointers have more bits than addresses, if they do anywhere */
static unsigned used;
static struct mm_pt pt;
static struct mm_tlb_gather gather;

static enum mm_status alloc_table(void *ctx, size_t bytes, mm_paddr_t *pa)
{
	(void)ctx;
	if (bytes != sizeof(tables[0]) || used == TABLES)
		return MM_E_NOMEM;
	*pa = BASE + (mm_paddr_t)(used++ * sizeof(tables[0]));
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
	if (pa < BASE || pa - BASE >= TABLES * sizeof(tables[0]))
		abort();
	return (unsigned char *)tables + (pa - BASE);
}

static void flush(void *ctx, const struct mm_tlb_gather *g)
{
	(void)ctx;
	(void)g;
}

static const struct mm_pt_env env = {
	.alloc_table = alloc_table, .free_table = free_table, .to_virt = to_virt, .flush = flush
};

/* A format, and the folded walker for it. */
struct walker {
	const struct mm_pt_port *(*port)(void);
	enum mm_status (*map)(struct mm_pt *, mm_vaddr_t, mm_paddr_t, uint64_t, uint32_t, uint32_t,
			      struct mm_tlb_gather *);
	enum mm_status (*unmap)(struct mm_pt *, mm_vaddr_t, uint64_t, uint32_t,
				struct mm_tlb_gather *);
	enum mm_status (*query)(const struct mm_pt *, mm_vaddr_t, struct mm_pt_run *);
};
static const struct walker walkers[] = {
	{ mm_pt_x86_64_port, mm_pt_x86_64_map, mm_pt_x86_64_unmap, mm_pt_x86_64_query },
	{ mm_pt_aarch64_port, mm_pt_aarch64_map, mm_pt_aarch64_unmap, mm_pt_aarch64_query },
	{ mm_pt_sv39_port, mm_pt_sv39_map, mm_pt_sv39_unmap, mm_pt_sv39_query },
	{ mm_pt_sv48_port, mm_pt_sv48_map, mm_pt_sv48_unmap, mm_pt_sv48_query },
	{ mm_pt_x86_64_port, mm_pt_map, mm_pt_unmap, mm_pt_query },
};
#define WALKERS (sizeof(walkers) / sizeof(walkers[0]))

static void start(const struct walker *w)
{
	static const struct mm_pt_cfg cfg = { .pa_bits = MM_PADDR_BITS == 32 ? 0 : 32 };

	used = 0;
	gather = (struct mm_tlb_gather){ 0 };
	assert_int_equal(mm_pt_init(&pt, w->port(), &env, &cfg), MM_OK);
}

static mm_paddr_t where(const struct walker *w, mm_vaddr_t va)
{
	struct mm_pt_run run;

	assert_int_equal(w->query(&pt, va, &run), MM_OK);
	return run.pa;
}

static void the_last_page_is_mapped_and_nothing_beyond(void **state)
{
	struct mm_pt_run run;

	(void)state;
	for (size_t k = 0; k < WALKERS; k++) {
		const struct walker *w = &walkers[k];

		start(w);
		assert_int_equal(w->map(&pt, 0, TOP, K4, RW, 0, &gather), MM_OK);
		assert_int_equal(where(w, 0xfff), 0xffffffffu);
		assert_int_equal(w->map(&pt, K4, TOP, 2 * K4, RW, 0, &gather), MM_E_RANGE);
		assert_int_equal(w->map(&pt, 4 * G1, 0, 4 * G1 + K4, RW, 0, &gather), MM_E_RANGE);
#if MM_PADDR_BITS == 64
		assert_int_equal(w->map(&pt, K4, UINT64_C(1) << 32, K4, RW, 0, &gather),
				 MM_E_RANGE);
#endif
		assert_int_equal(w->query(&pt, K4, &run), MM_E_NOENT);
		assert_int_equal(w->query(&pt, 4 * G1, &run), MM_E_NOENT);
		mm_pt_sync(&pt, &gather);
		assert_int_equal(mm_pt_destroy(&pt), MM_OK);
	}
}

static void all_four_gib_are_mapped_at_once(void **state)
{
	const mm_vaddr_t va = 4 * G1;
	struct mm_pt_run run;

	(void)state;
	for (size_t k = 0; k < WALKERS; k++) {
		const struct walker *w = &walkers[k];

		start(w);
		assert_int_equal(w->map(&pt, va, 0, 4 * G1, RW, 0, &gather), MM_OK);
		assert_true(gather.pages == UINT64_C(1) << 20);
		assert_int_equal(where(w, va), 0);
		assert_int_equal(where(w, va + 4 * G1 - 1), 0xffffffffu);
		assert_int_equal(w->unmap(&pt, va + 4 * G1 - 2 * K4, K4, 0, &gather),
				 MM_OK); /* split */
		assert_int_equal(w->query(&pt, va + 4 * G1 - 2 * K4, &run), MM_E_NOENT);
		assert_int_equal(where(w, va + 4 * G1 - K4), TOP);
		assert_int_equal(where(w, va + 4 * G1 - 3 * K4), TOP - 2 * K4);
		assert_int_equal(where(w, va + 3 * G1), 0xc0000000u);
		assert_int_equal(w->unmap(&pt, va, 4 * G1, 0, &gather), MM_OK);
		assert_true(gather.pages == (UINT64_C(1) << 20) - 1);
		mm_pt_sync(&pt, &gather);
		assert_int_equal(mm_pt_destroy(&pt), MM_OK);
	}
}

/* An entry that somebody else wrote, with an address that this machine does not have. */
static void an_entry_that_points_beyond_is_damage(void **state)
{
	struct mm_pt_run run;

	(void)state;
	for (size_t k = 0; k < WALKERS; k++) {
		const struct walker *w = &walkers[k];

		uint64_t bit = w->port()->frame(&pt, TOP, 0) + w->port()->frame(&pt, K4, 0);
		unsigned changed = 0;

		start(w);
		assert_int_equal(w->map(&pt, 0, TOP, K4, RW, 0, &gather), MM_OK);
		for (unsigned i = 0; i < 512; i++) {
			uint64_t *entry = &tables[used - 1][i]; /* the lowest table was made last */
			if (w->port()->classify(&pt, *entry, 0) == MM_PT_LEAF) {
				*entry |= bit;
				changed++;
			}
		}
		assert_int_equal(changed, 1);
		assert_int_equal(w->query(&pt, 0, &run), MM_E_CORRUPT);
		assert_int_equal(mm_pt_verify(&pt, NULL), MM_E_CORRUPT);
	}
}

/* What is remembered of the page before is no pointer that lost bits. */
static void pages_one_after_the_other(void **state)
{
	struct mm_pt_run run;

	(void)state;
	for (const struct walker *w = walkers; w < walkers + WALKERS; w++) {
		start(w);
		for (unsigned i = 0; i < 8; i++)
			assert_int_equal(w->map(&pt, i * K4, TOP, K4, RW, 0, &gather), MM_OK);
		for (unsigned i = 0; i < 8; i++) {
			assert_int_equal(w->unmap(&pt, i * K4, K4, 0, &gather), MM_OK);
			assert_int_equal(w->query(&pt, i * K4, &run), MM_E_NOENT);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_one_after_the_other),
		cmocka_unit_test(the_last_page_is_mapped_and_nothing_beyond),
		cmocka_unit_test(all_four_gib_are_mapped_at_once),
		cmocka_unit_test(an_entry_that_points_beyond_is_damage),
	};
	tables = mmap(NULL, TABLES * sizeof(tables[0]), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(tables != MAP_FAILED);
	return cmocka_run_group_tests_name("pt_narrow", tests, NULL, NULL);
}
