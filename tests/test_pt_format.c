/* SPDX-License-Identifier: MIT */
/* Page tables: the walker with a format that is odd on purpose, folded and selected at run time, in
 * long random runs against an array with one element for each page.
 *
 * What is odd: entries of 4 bytes, tables of three different lengths, an empty entry that is not 0
 * and depends on the level, pages of 512 bytes, no sign extension, break-before-make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <mmlib/pt_riscv64.h>
#include "odd_port.h"

MM_PT_DECLARE(odd_pt);
#define MM_PT_PORT (&odd_port)
#define MM_PT_HOST 1
#define MM_PT_NAME odd_pt
#include "vmm/pt_walk.inc"
#undef MM_PT_PORT
#undef MM_PT_NAME

/* ---- a machine for it ---- */

#define PAGE   512u
#define PAGES  4096u
#define TABLES 400u
#define SLOT   128u
#define BASE   0x100000u

static const size_t table_bytes[3] = { 128, 32, 64 };
static unsigned char memory[TABLES * SLOT] __attribute__((aligned(128)));
static size_t slot_bytes[TABLES], used;
static unsigned fail_in, flushes;
static struct mm_tlb_gather g;

static enum mm_status odd_alloc(void *ctx, size_t bytes, mm_paddr_t *pa)
{
	(void)ctx;
	assert_true(bytes == table_bytes[0] || bytes == table_bytes[1] || bytes == table_bytes[2]);
	if (fail_in && --fail_in == 0)
		return MM_E_NOMEM;
	for (size_t i = 0; i < TABLES; i++) {
		if (slot_bytes[i] == 0) {
			slot_bytes[i] = bytes;
			used++;
			memset(memory + i * SLOT, 0xA5, SLOT);
			*pa = (mm_paddr_t)(BASE + i * SLOT);
			return MM_OK;
		}
	}
	return MM_E_NOMEM;
}

static void odd_free(void *ctx, mm_paddr_t pa, size_t bytes)
{
	size_t i = (size_t)(pa - BASE) / SLOT;

	(void)ctx;
	assert_true(i < TABLES && slot_bytes[i] == bytes);
	slot_bytes[i] = 0;
	used--;
	memset(memory + i * SLOT, 0, SLOT); /* kind 0: damage, if somebody looks */
}

static void *odd_virt(void *ctx, mm_paddr_t pa)
{
	(void)ctx;
	assert_true(pa >= BASE && (pa - BASE) / SLOT < TABLES && slot_bytes[(pa - BASE) / SLOT]);
	return memory + (pa - BASE);
}

static void odd_flush(void *ctx, const struct mm_tlb_gather *what)
{
	(void)ctx;
	assert_true(what->flush || what->sync);
	flushes++;
}

static const struct mm_pt_env odd_env = {
	.alloc_table = odd_alloc, .free_table = odd_free, .to_virt = odd_virt, .flush = odd_flush
};

/* ---- the array ---- */

struct page {
	uint32_t pa, attr; /* attr 0: nothing */
};

static struct page model[PAGES];
static struct mm_pt pt;
static bool folded;

static uint64_t rng_state;

static unsigned rng(unsigned below)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return (unsigned)(rng_state >> 20) % below;
}

static void check_all(void)
{
	struct mm_pt_cur cur;
	struct mm_pt_run run;
	size_t at = 0, tables = 0;

	assert_int_equal(mm_pt_verify(&pt, &tables), MM_OK);
	assert_true(tables <= used);
	assert_int_equal(mm_pt_cur_init(&cur, &pt, 0, (uint64_t)PAGES * PAGE), MM_OK);
	while (folded ? odd_pt_cur_next(&cur, &run) : mm_pt_cur_next(&cur, &run)) {
		assert_int_equal(run.va, at * PAGE);
		for (uint32_t off = 0; at * PAGE <= run.last; at++, off += PAGE) {
			assert_int_equal(model[at].attr, run.attr);
			if (run.attr)
				assert_int_equal(model[at].pa, run.pa + off);
		}
	}
	assert_int_equal(at, PAGES);
}

static void sync_all(void)
{
	size_t tables = 0;

	mm_pt_sync(&pt, &g);
	assert_int_equal(mm_pt_verify(&pt, &tables), MM_OK);
	assert_int_equal(tables, used);
}

static size_t mapped(size_t page, size_t n)
{
	size_t count = 0;

	for (size_t i = page; i < page + n; i++)
		count += model[i].attr != 0;
	return count;
}

static void random_map(size_t page, size_t n, uint32_t attr)
{
	uint32_t pa = (uint32_t)((page + (rng(3) ? 0 : rng(64))) * PAGE);
	uint32_t flags = rng(4) ? 0 : MM_PT_PARTIAL;
	bool taken = mapped(page, n);
	enum mm_status st = folded ? odd_pt_map(&pt, page * PAGE, pa, n * PAGE, attr, flags, &g)
				   : mm_pt_map(&pt, page * PAGE, pa, n * PAGE, attr, flags, &g);

	size_t done = st == MM_OK ? n : flags ? (size_t)(g.stop_va / PAGE) - page : 0;
	assert_true(st == MM_OK ? !taken : st == MM_E_NOMEM || (st == MM_E_EXIST && taken));
	assert_int_equal(g.pages, done);
	for (size_t i = 0; i < done; i++) {
		assert_int_equal(model[page + i].attr, 0);
		model[page + i].pa = pa + (uint32_t)(i * PAGE);
		model[page + i].attr = attr & MM_PT_TRACK ? attr & ~(uint32_t)MM_PT_TRACK
							  : attr | MM_PT_ACCESSED | MM_PT_DIRTY;
	}
}

static void random_unmap(size_t page, size_t n)
{
	size_t count = mapped(page, n);
	enum mm_status st = folded ? odd_pt_unmap(&pt, page * PAGE, n * PAGE, 0, &g)
				   : mm_pt_unmap(&pt, page * PAGE, n * PAGE, 0, &g);

	assert_true(st == MM_OK || st == (count ? MM_E_NOMEM : MM_E_NOENT));
	if (st != MM_OK)
		return;
	assert_int_equal(g.pages, count);
	assert_true(g.flush);
	memset(&model[page], 0, n * sizeof(model[0]));
}

static void random_protect(size_t page, size_t n, uint32_t attr)
{
	size_t count = mapped(page, n);
	enum mm_status st = folded ? odd_pt_protect(&pt, page * PAGE, n * PAGE, attr, 0, &g)
				   : mm_pt_protect(&pt, page * PAGE, n * PAGE, attr, 0, &g);

	assert_true(st == MM_OK || st == (count ? MM_E_NOMEM : MM_E_NOENT));
	for (size_t i = page; st == MM_OK && i < page + n; i++) {
		uint32_t seen = model[i].attr & (MM_PT_ACCESSED | MM_PT_DIRTY);
		if (model[i].attr)
			model[i].attr = (attr & MM_PT_TRACK ? seen : MM_PT_ACCESSED | MM_PT_DIRTY) |
					(attr & ~(uint32_t)MM_PT_TRACK);
	}
}

static void random_visit(size_t page, size_t n)
{
	struct mm_pt_cur cur;
	struct mm_pt_run run;

	assert_int_equal(mm_pt_cur_init(&cur, &pt, page * PAGE, n * PAGE), MM_OK);
	while ((folded ? odd_pt_unmap_next(&pt, &cur, &g, &run)
		       : mm_pt_unmap_next(&pt, &cur, &g, &run)) == MM_OK) {
		for (size_t i = (size_t)run.va / PAGE; i <= run.last / PAGE; i++) {
			assert_true(i >= page && i < page + n && model[i].attr == run.attr);
			model[i].attr = 0;
		}
	}
}

static void a_long_random_run(void **state)
{
	struct mm_pt none = { 0 };

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		folded = round;
		rng_state = 88172645463325252u;
		memset(model, 0, sizeof(model));
		g = (struct mm_tlb_gather){ 0 };
		flushes = 0;
		assert_int_equal(mm_pt_init(&pt, &odd_port, &odd_env, NULL), MM_OK);
		for (unsigned step = 0; step < 2500; step++) {
			static const unsigned size[] = { 4, 70, 600, 2000 };
			size_t n = 1 + rng(size[rng(4)]), page = rng((unsigned)(PAGES - n + 1));
			uint32_t attr = MM_PT_READ | (rng(2) ? MM_PT_WRITE : MM_PT_EXEC) |
					(rng(2) ? MM_PT_USER : 0u) | (rng(2) ? MM_PT_TRACK : 0u);
			if (!rng(3))
				page &= ~(size_t)31, n = (n + 31) & ~(size_t)31;
			if (page + n > PAGES)
				n = PAGES - page;
			fail_in = rng(5) ? 0 : 1 + rng(6);
			switch (rng(5)) {
			case 0:
			case 1:
				random_map(page, n, attr);
				break;
			case 2:
				random_unmap(page, n);
				break;
			case 3:
				random_protect(page, n, attr);
				break;
			case 4:
				random_visit(page, n / 8 + 1);
				break;
			}
			check_all();
			if (!rng(4))
				sync_all();
		}
		sync_all();
		assert_true(flushes > 500);
		assert_int_equal(mm_pt_destroy(&pt), MM_OK);
		assert_int_equal(used, 0);
		assert_memory_equal(&pt, &none, sizeof(pt));
	}
}

static void the_edges_of_a_short_address_space(void **state)
{
	const uint64_t end = (uint64_t)PAGES * PAGE;

	(void)state;
	g = (struct mm_tlb_gather){ 0 };
	fail_in = 0;
	assert_int_equal(mm_pt_init(&pt, &odd_port, &odd_env, NULL), MM_OK);
	assert_int_equal(odd_pt_map(&pt, end, 0, PAGE, MM_PT_READ, 0, &g), MM_E_RANGE);
	assert_int_equal(odd_pt_map(&pt, end - PAGE, 0, 2 * PAGE, MM_PT_READ, 0, &g), MM_E_RANGE);
	assert_int_equal(odd_pt_map(&pt, 0, 1u << 24, PAGE, MM_PT_READ, 0, &g), MM_E_RANGE);
	assert_int_equal(odd_pt_map(&pt, 0, 0, PAGE, MM_PT_READ | MM_PT_GLOBAL, 0, &g),
			 MM_E_NOTSUP);
	assert_int_equal(odd_pt_map(&pt, 0, 0, PAGE / 2, MM_PT_READ, 0, &g), MM_E_ALIGN);
	assert_int_equal(odd_pt_map(&pt, 0, 0, end, MM_PT_READ, 0, &g), MM_OK);
	assert_int_equal(g.pages, PAGES);
	assert_int_equal(used, 1 + 16);
	assert_int_equal(odd_pt_unmap(&pt, PAGE, end - 2 * PAGE, MM_PT_EXACT, &g), MM_OK);
	sync_all();
	assert_int_equal(used, 1 + 2 + 2);
	assert_int_equal(odd_pt_unmap(&pt, 0, end, 0, &g), MM_OK);
	assert_int_equal(g.pages, 2);
	sync_all();
	assert_int_equal(mm_pt_destroy(&pt), MM_OK);
	assert_int_equal(used, 0);
}

static uint64_t all_zero(const struct mm_pt *t, unsigned level)
{
	(void)t;
	(void)level;
	return 0;
}

/* Entries that are addresses so far to the right, and a bit that tells that something is there. */
static unsigned plain_right = 1;

static uint64_t plain_leaf(const struct mm_pt *t, mm_paddr_t pa, unsigned level, uint32_t attr)
{
	(void)t;
	(void)level;
	(void)attr;
	return pa >> plain_right | 1;
}

static uint64_t plain_frame(const struct mm_pt *t, mm_paddr_t pa, unsigned level)
{
	return plain_leaf(t, pa, level, 0) ^ 1;
}

static uint64_t plain_table(const struct mm_pt *t, mm_paddr_t pa, unsigned level)
{
	return plain_leaf(t, pa, level, 0);
}

static uint64_t moved_frame(const struct mm_pt *t, mm_paddr_t pa, unsigned level)
{
	return plain_frame(t, pa, level) << 1;
}

static uint64_t moved_table(const struct mm_pt *t, mm_paddr_t pa, unsigned level)
{
	return plain_frame(t, pa, level) << 1 | 1;
}

/* As mm_pt_init() without memory, which is asked for after all that a port is asked. */
static enum mm_status init_in_vain(const struct mm_pt_port *port)
{
	fail_in = 1;
	enum mm_status st = mm_pt_init(&pt, port, &odd_env, NULL);
	fail_in = 0;
	return st;
}

static void where_addresses_lie_is_looked_at(void **state)
{
	struct mm_pt_port plain = odd_port;

	(void)state;
	plain.leaf = plain_leaf;
	plain.frame = plain_frame;
	plain.table = plain_table;
	plain.addr_mask = (UINT64_C(1) << 24) - 2;
	plain.entry_lg2 = 3;
	for (unsigned n = 0; n <= 3; n++) {
		plain.address_plain = (uint8_t)n;
		assert_int_equal(init_in_vain(&plain), n == 0 || n == 2 ? MM_E_NOMEM : MM_E_PORT);
	}
	plain.address_plain = 2;
	plain.table = moved_table; /* only one of both is as it says */
	assert_int_equal(init_in_vain(&plain), MM_E_PORT);
	plain.table = plain_table;
	plain.frame = moved_frame;
	assert_int_equal(init_in_vain(&plain), MM_E_PORT);
	plain.frame = plain_frame;
	plain.address_plain = 2;
	plain.address_swapped = true;
	assert_int_equal(init_in_vain(&plain), MM_E_PORT);
	plain.address_plain = 0;
	assert_int_equal(init_in_vain(&plain), MM_E_NOMEM);
	plain.entry_lg2 = 2; /* four bytes */
	assert_int_equal(init_in_vain(&plain), MM_E_PORT);
	plain.entry_lg2 = 3;
	plain.pa_bits = 48; /* the highest page of 64 KiB is the same with its bytes swapped */
	plain.addr_mask = (UINT64_C(1) << 48) - 2;
	for (unsigned l = 0; l < plain.nlevels; l++)
		plain.level[l].shift = (uint8_t)(plain.level[l].shift + 7);
	plain.va_bits = (uint8_t)(plain.va_bits + 7);
	plain_right = 0;
	plain.address_plain = 1;
	assert_int_equal(init_in_vain(&plain), MM_E_PORT);
	plain.address_swapped = false;
	assert_int_equal(init_in_vain(&plain), MM_E_NOMEM);
	plain_right = 1;
}

static void a_format_that_contradicts_itself_is_refused(void **state)
{
	struct mm_pt_port bad = odd_port;

	(void)state;
	bad.level[1].shift++;
	assert_int_equal(mm_pt_init(&pt, &bad, &odd_env, NULL), MM_E_PORT);
	bad = odd_port;
	bad.level[0].leaf = false;
	assert_int_equal(mm_pt_init(&pt, &bad, &odd_env, NULL), MM_E_PORT);
	bad = odd_port;
	bad.va_bits = (uint8_t)(bad.level[bad.nlevels - 1].shift + bad.level[bad.nlevels - 1].bits + 1); /* more than are translated */
	assert_int_equal(mm_pt_init(&pt, &bad, &odd_env, NULL), MM_E_PORT);
	bad = odd_port;
	bad.va_bits = bad.level[bad.nlevels - 1].shift; /* its root would have one entry */
	assert_int_equal(mm_pt_init(&pt, &bad, &odd_env, NULL), MM_E_PORT);
	bad = odd_port;
	bad.nlevels = MM_PT_LEVELS_MAX + 1;
	assert_int_equal(mm_pt_init(&pt, &bad, &odd_env, NULL), MM_E_PORT);
	bad = odd_port;
	bad.entry_lg2 = 4;
	assert_int_equal(mm_pt_init(&pt, &bad, &odd_env, NULL), MM_E_PORT);
	bad = odd_port;
	bad.transition = NULL;
	assert_int_equal(mm_pt_init(&pt, &bad, &odd_env, NULL), MM_E_PORT);
	bad = odd_port;
	bad.leaf_bits = ~bad.leaf_mask;
	assert_int_equal(mm_pt_init(&pt, &bad, &odd_env, NULL), MM_E_PORT);
	bad = odd_port;
	bad.table_bits = ~bad.table_mask;
	assert_int_equal(mm_pt_init(&pt, &bad, &odd_env, NULL), MM_E_PORT);
	bad = odd_port;
	bad.entry_lg2 = 3;
	bad.empty = all_zero;
	bad.empty_ignore = UINT64_MAX << 60 | 0xff << 8;
	bad.witness = 60; /* and five bits */
	assert_int_equal(mm_pt_init(&pt, &bad, &odd_env, NULL), MM_E_PORT);
	bad.witness = 8;
	for (unsigned bits = 4; bits >= 3; bits--) { /* 16 entries are enough, 8 are not */
		bad.level[0].bits = (uint8_t)bits;
		for (unsigned l = 1; l < bad.nlevels; l++)
			bad.level[l].shift = (uint8_t)(bad.level[l - 1].shift + bad.level[l - 1].bits);
		bad.va_bits = (uint8_t)(bad.level[bad.nlevels - 1].shift + 1);
		assert_int_equal(init_in_vain(&bad), bits == 4 ? MM_E_NOMEM : MM_E_PORT);
	}
	bad.level[0].bits = 4;
	for (unsigned l = 1; l < bad.nlevels; l++)
		bad.level[l].shift = (uint8_t)(bad.level[l - 1].shift + bad.level[l - 1].bits);
	bad.empty_ignore = UINT64_MAX; /* then what tells a leaf? */
	assert_int_equal(mm_pt_init(&pt, &bad, &odd_env, NULL), MM_E_PORT);
	assert_int_equal(used, 0);
}

/* ---- two levels, and addresses that are sign-extended: half of what the root could be for is none ---- */

static _Alignas(4096) unsigned char pages[4][4096];
static unsigned npages;

static enum mm_status page_get(void *ctx, size_t bytes, mm_paddr_t *pa)
{
	(void)ctx;
	if (bytes != 4096 || npages == 4)
		return MM_E_NOMEM;
	*pa = (mm_paddr_t)npages++ << 12;
	return MM_OK;
}

static void page_put(void *ctx, mm_paddr_t pa, size_t bytes)
{
	(void)ctx;
	(void)pa;
	(void)bytes;
}

static void *page_virt(void *ctx, mm_paddr_t pa)
{
	(void)ctx;
	assert_true(pa >> 12 < npages);
	return pages[pa >> 12];
}

static void no_flush(void *ctx, const struct mm_tlb_gather *gather)
{
	(void)ctx;
	(void)gather;
}

static void one_page_in_the_half_that_is_no_address(void **state)
{
	static const struct mm_pt_env env = { NULL, page_get, page_put, page_virt, no_flush };
	const uint64_t top = ~((UINT64_C(1) << 29) - 1), page = 4096;
	struct mm_pt_port two = *mm_pt_sv39_port();

	(void)state;
	two.nlevels = 2;
	two.va_bits = 30;
	g = (struct mm_tlb_gather){ 0 };
	assert_int_equal(mm_pt_init(&pt, &two, &env, NULL), MM_OK);
	for (unsigned again = 0; again < 2; again++) { /* the second of each: its table is remembered, maybe */
		assert_int_equal(mm_pt_map(&pt, again * page, page, page, MM_PT_READ, 0, &g), MM_OK);
		assert_int_equal(mm_pt_map(&pt, top + again * page, page, page, MM_PT_READ, 0, &g), MM_OK);
	}
	for (unsigned i = 0; i < 3; i++) {
		const uint64_t none = top - (UINT64_C(1) << 29) + i * page; /* the same indices as of i * page */
		assert_int_equal(mm_pt_unmap(&pt, none, page, 0, &g), MM_E_RANGE);
		assert_int_equal(mm_pt_map(&pt, none, page, page, MM_PT_READ, 0, &g), MM_E_RANGE);
	}
	assert_int_equal(mm_pt_unmap(&pt, 0, 2 * page, MM_PT_EXACT, &g), MM_OK);
	assert_int_equal(mm_pt_unmap(&pt, top, 2 * page, MM_PT_EXACT, &g), MM_OK);
	mm_pt_sync(&pt, &g);
	assert_int_equal(mm_pt_destroy(&pt), MM_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_long_random_run),
		cmocka_unit_test(the_edges_of_a_short_address_space),
		cmocka_unit_test(where_addresses_lie_is_looked_at),
		cmocka_unit_test(a_format_that_contradicts_itself_is_refused),
		cmocka_unit_test(one_page_in_the_half_that_is_no_address),
	};
	return cmocka_run_group_tests_name("pt_format", tests, NULL, NULL);
}
