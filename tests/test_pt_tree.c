/* SPDX-License-Identifier: MIT */
/* Page tables: tables set aside, leaves split and made again, accessed and dirty bits, and the dump, for
 * every format. */
#include <mmlib/pt_tree.h>
#include "pt_fixture.h"
#include "vmm/pt_core.h"

#define SEEN (MM_PT_ACCESSED | MM_PT_DIRTY)

static size_t pool_size(const struct mm_pt_pool *pool)
{
	size_t n = 0;

	for (unsigned l = 0; l < 6; l++)
		n += pool->n[l];
	return n;
}

static unsigned level_at(uint64_t off)
{
	struct mm_pt_run run;

	assert_int_equal(query(off, &run), MM_OK);
	return run.level;
}

/* ---- reserve ---- */

static const struct {
	uint64_t off, pa, len;
	uint32_t flags;
} spans[] = {
	{ 0, PA0, K4, 0 },
	{ 64 * G1 - M2 - K4, PA0 - M2 - K4, 3 * M2, 0 },
	{ 64 * G1 - M2 - K4, PA0, 3 * M2, 0 },
	{ G1, PA0, 2 * G1 + M2 + K4, 0 },
	{ 8 * G1 - K4, PA0 - K4, 2 * G1 + 2 * K4, MM_PT_MAX_LEVEL(1) },
	{ 24 * G1 + M2 - K4, PA0, 40 * M2, MM_PT_MAX_LEVEL(0) },
};
#define SPANS (sizeof(spans) / sizeof(spans[0]))

/* Some tables are there, some entries too, none in the ranges above but leaves' neighbours. */
static void start_crowded(void **state)
{
	start(state);
	map_ok(64 * G1 - M2 - 3 * K4, PA0, K4, RW, 0);
	map_ok(8 * G1 - 3 * K4, PA0, K4, RW, 0);
	map_ok(24 * G1 + 48 * M2, PA0, K4, RW, MM_PT_MAX_LEVEL(0));
}

static void a_map_with_reserved_tables_needs_no_memory(void **state)
{
	for (unsigned i = 0; i < 2 * SPANS; i++) {
		struct mm_pt_pool pool = { .n = { 0 } };
		if (i % 2)
			start(state);
		else
			start_crowded(state);
		uint64_t off = spans[i / 2].off, pa = spans[i / 2].pa, len = spans[i / 2].len;
		uint32_t flags = spans[i / 2].flags;
		if (i % 2 == 0 && flags == MM_PT_MAX_LEVEL(0))
			off += 2 * M2;
		uint64_t hash = ora_hash(&ora);
		size_t used = ora.used;
		assert_int_equal(mm_pt_reserve(&pt, V(off), (mm_paddr_t)pa, len, flags, &pool),
				 MM_OK);
		assert_true(ora_hash(&ora) == hash);
		assert_int_equal(pool_size(&pool), ora.used - used);
		ora_fail(&ora, 1, true);
		g.pool = &pool;
		map_ok(off, pa, len, RW, flags);
		assert_int_equal(ora.allocs, 0);
		assert_int_equal(pool_size(&pool), 0); /* no more and no fewer */
		g.pool = NULL;
		finish();
	}
}

static void what_sticks_out_can_be_split_without_memory(void **state)
{
	for (unsigned kind = 0; kind < 6; kind++) {
		struct mm_pt_pool pool = { .n = { 0 } };
		uint64_t off = kind / 2 == 0 ? K4 : M2 + K4, len = kind / 2 == 2 ? K4 : G1 - 4 * M2;
		start_occupied(state);
		assert_int_equal(mm_pt_reserve(&pt, V(off), PA0, len, 0, &pool), MM_OK);
		assert_int_equal(pool_size(&pool), kind / 2 == 2 ? 2 : 3);
		ora_fail(&ora, 1, true);
		g.pool = &pool;
		if (kind & 1)
			unmap_ok(off, len);
		else
			protect_ok(off, len, MM_PT_READ);
		assert_int_equal(pool_size(&pool), 0);
		assert_int_equal(ora.allocs, 0);
		g.pool = NULL;
		finish();
	}
}

static void a_reserve_that_fails_leaves_the_pool_as_it_was(void **state)
{
	for (unsigned n = 1;; n++) {
		struct mm_pt_pool pool = { .n = { 0 } }, before;
		start_occupied(state);
		assert_int_equal(mm_pt_reserve(&pt, V(32 * G1), PA0, K4, 0, &pool), MM_OK);
		before = pool;
		size_t used = ora.used;
		ora_fail(&ora, n, n & 1);
		enum mm_status st = mm_pt_reserve(&pt, V(64 * G1 - M2 - K4), PA0, 3 * M2, 0, &pool);
		if (st == MM_OK) {
			assert_true(n > 4);
			mm_pt_unreserve(&pt, &pool);
			assert_int_equal(pool_size(&pool), 0);
			finish();
			break;
		}
		assert_int_equal(st, MM_E_NOMEM);
		assert_true(pool.stop_va >= V(64 * G1 - M2 - K4) && pool.stop_va - V(64 * G1 - M2 - K4) < 3 * M2);
		assert_true(pool.stop_level > 0 && pool.stop_level <= ora.arch->top);
		assert_true(ora_walk(&ora, pool.stop_va).level >= pool.stop_level); /* there is no such table */
		before.stop_va = pool.stop_va;
		before.stop_level = pool.stop_level;
		assert_memory_equal(&pool, &before, sizeof(pool));
		assert_int_equal(ora.used, used);
		assert_true(ora_hash(&ora) == hash_before);
		mm_pt_unreserve(&pt, &pool);
		finish();
	}
}

static void a_failure_gives_reserved_tables_back_to_the_pool(void **state)
{
	struct mm_pt_pool pool = { .n = { 0 } };

	start_occupied(state);
	assert_int_equal(mm_pt_reserve(&pt, V(64 * G1), PA0, K4, 0, &pool), MM_OK);
	pool.n[0]--; /* hide one: the next allocation is from the env, and fails */
	mm_paddr_t hidden = pool.first[0];
	size_t left = pool_size(&pool);
	g.pool = &pool;
	ora_fail(&ora, 1, false);
	refuse(map(64 * G1, PA0, K4, RW, 0), MM_E_NOMEM);
	assert_int_equal(pool_size(&pool), left);
	g.pool = NULL;
	pool.n[0]++;
	pool.first[0] = hidden;
	mm_pt_unreserve(&pt, &pool);
	finish();
}

static void impossible_reservations_are_refused(void **state)
{
	struct mm_pt_cfg cfg = { .pa_bits = 40 };
	struct mm_pt_pool pool = { .n = { 0 } };
	struct mm_pt none = { 0 };
	const uint64_t end = UINT64_C(1) << 40;

	start_with(state, &cfg);
	assert_int_equal(mm_pt_reserve(NULL, V(0), 0, K4, 0, &pool), MM_E_INVAL);
	assert_int_equal(mm_pt_reserve(&pt, V(0), 0, K4, 0, NULL), MM_E_INVAL);
	assert_int_equal(mm_pt_reserve(&none, V(0), 0, K4, 0, &pool), MM_E_STATE);
	assert_int_equal(mm_pt_reserve(&pt, V(0), 0, 0, 0, &pool), MM_E_INVAL);
	assert_int_equal(mm_pt_reserve(&pt, V(0), 0, K4, MM_PT_PARTIAL, &pool), MM_E_INVAL);
	assert_int_equal(mm_pt_reserve(&pt, V(1), 0, K4, 0, &pool), MM_E_ALIGN);
	assert_int_equal(mm_pt_reserve(&pt, V(0), 8, K4, 0, &pool), MM_E_ALIGN);
	assert_int_equal(mm_pt_reserve(&pt, V(0), end, K4, 0, &pool), MM_E_RANGE);
	assert_int_equal(mm_pt_reserve(&pt, V(0), end - K4, 2 * K4, 0, &pool), MM_E_RANGE);
	assert_int_equal(mm_pt_reserve(&pt, V(0), MM_PADDR_MAX - K4 + 1, 2 * K4, 0, &pool),
			 MM_PADDR_MAX == UINT64_MAX ? MM_E_INVAL : MM_E_RANGE);
	ora.give = 0x12345;
	assert_int_equal(mm_pt_reserve(&pt, V(0), 0, K4, 0, &pool), MM_E_PORT);
	assert_int_equal(ora.given_back, 0x12345);
	assert_int_equal(pool_size(&pool), 0);
	assert_int_equal(ora.used, 1);
	mm_pt_unreserve(NULL, &pool);
	mm_pt_unreserve(&pt, NULL);
	mm_pt_unreserve(&none, &pool);
	finish();
}

/* ---- split ---- */

static enum mm_status split(uint64_t off, uint64_t len, uint32_t flags)
{
	return mm_pt_split(&pt, V(off), len, flags, &g);
}

static enum mm_status collapse(uint64_t off, uint64_t len, uint32_t flags)
{
	return mm_pt_collapse(&pt, V(off), len, flags, &g);
}

static void split_keeps_what_is_mapped(void **state)
{
	start(state);
	map_ok(0, PA0, G1, RW | MM_PT_TRACK, 0);
	assert_true(use(M2 + 5, true));
	want_bits(0, G1 - 1, SEEN);               /* one leaf, one bit */
	assert_int_equal(split(0, G1, 0), MM_OK); /* nothing sticks out */
	assert_int_equal(g.pages, 0);
	assert_int_equal(level_at(0), 2);
	assert_int_equal(split(M2, M2, 0), MM_OK);
	assert_int_equal(g.pages, G1 / K4);
	check();
	assert_int_equal(level_at(0), 1);
	assert_int_equal(level_at(G1 - 1), 1);
	assert_int_equal(split(M2 + K4, 2 * M2, 0), MM_OK);
	assert_int_equal(g.pages, 2 * M2 / K4);
	check();
	assert_int_equal(level_at(0), 1);
	assert_int_equal(level_at(M2), 0);
	assert_int_equal(level_at(2 * M2), 1);
	assert_int_equal(level_at(3 * M2), 0);
	assert_int_equal(split(2 * M2, 4 * M2, MM_PT_MAX_LEVEL(0)), MM_OK);
	assert_int_equal(g.pages, 3 * M2 / K4);
	check();
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(level_at(i * M2), i == 0 || i > 5);
	finish();
}

static void split_splits_all_above_a_level(void **state)
{
	start(state);
	map_ok(G1 - M2, PA0 - M2, G1 + 3 * M2, RX, 0);
	assert_int_equal(split(G1 - M2, G1 + 3 * M2, MM_PT_MAX_LEVEL(1)), MM_OK);
	assert_int_equal(g.pages, G1 / K4);
	check();
	assert_int_equal(split(G1 - M2 + K4, 4 * M2, MM_PT_MAX_LEVEL(0)), MM_OK);
	assert_int_equal(g.pages, 5 * M2 / K4);
	check();
	assert_int_equal(level_at(G1 + 2 * M2), 0);
	assert_int_equal(level_at(G1 + 4 * M2), 1);
	finish();
}

/* Fail each allocation: nothing changed, and where it stopped is told. */
static void every_allocation_of_split_may_fail(void **state)
{
	unsigned n;

	for (n = 1;; n++) {
		start_occupied(state);
		size_t used = ora.used;
		ora_fail(&ora, n, n & 1);
		enum mm_status st = split(M2 + K4, 3 * M2, MM_PT_MAX_LEVEL(0));
		if (st == MM_OK)
			break;
		refuse(st, MM_E_NOMEM);
		assert_int_equal(ora.used, used);
		assert_true(stopped() < 5 * M2);
		assert_true(g.stop_level == 1 || g.stop_level == 2);
		ora_fail(&ora, 0, false);
		finish();
	}
	assert_int_equal(n, 6); /* one table of level 1, four of level 0 */
	check();
	finish();
}

static void split_takes_reserved_tables_first(void **state)
{
	struct mm_pt_pool pool = { .n = { 0 } };

	start_occupied(state);
	assert_int_equal(mm_pt_reserve(&pt, V(K4), PA0, K4, 0, &pool), MM_OK);
	assert_int_equal(pool_size(&pool), 2);
	g.pool = &pool;
	ora_fail(&ora, 1, true);
	assert_int_equal(split(K4, K4, 0), MM_OK);
	check();
	assert_int_equal(pool_size(&pool), 0);
	ora_fail(&ora, 0, false);
	assert_int_equal(split(M2 + K4, K4, 0), MM_OK); /* from the env: the pool is empty */
	assert_int_equal(ora.allocs, 1);
	g.pool = NULL;
	finish();
}

static void splits_of_nothing_and_of_impossible_ranges(void **state)
{
	struct mm_pt none = { 0 };

	start_occupied(state);
	assert_int_equal(split(32 * G1, G1, MM_PT_MAX_LEVEL(0)), MM_OK);
	assert_int_equal(g.pages, 0);
	refuse(mm_pt_split(NULL, V(0), K4, 0, &g), MM_E_INVAL);
	refuse(mm_pt_split(&pt, V(0), K4, 0, NULL), MM_E_INVAL);
	refuse(mm_pt_split(&none, V(0), K4, 0, &g), MM_E_STATE);
	refuse(split(0, 0, 0), MM_E_INVAL);
	refuse(split(0, K4, MM_PT_EXACT), MM_E_INVAL);
	refuse(split(5, K4, 0), MM_E_ALIGN);
	refuse(mm_pt_collapse(NULL, V(0), K4, 0, &g), MM_E_INVAL);
	refuse(mm_pt_collapse(&pt, V(0), K4, 0, NULL), MM_E_INVAL);
	refuse(mm_pt_collapse(&none, V(0), K4, 0, &g), MM_E_STATE);
	refuse(collapse(0, K4, MM_PT_DISCARD), MM_E_INVAL);
	refuse(collapse(0, 8, 0), MM_E_ALIGN);
	finish();
}

/* ---- collapse ---- */

static void collapse_is_the_opposite_of_split(void **state)
{
	start_occupied(state);
	assert_int_equal(split(0, G1, MM_PT_MAX_LEVEL(1)), MM_OK);
	assert_int_equal(split(M2, 2 * M2, MM_PT_MAX_LEVEL(0)), MM_OK);
	sync_and_check();
	assert_int_equal(collapse(0, 2 * M2, 0), MM_OK); /* the large leaf is not whole in there */
	assert_int_equal(g.pages, M2 / K4);
	sync_and_check();
	assert_int_equal(level_at(M2), 1);
	assert_int_equal(level_at(2 * M2), 0);
	assert_int_equal(collapse(0, G1, MM_PT_MAX_LEVEL(1)), MM_OK);
	assert_int_equal(g.pages, M2 / K4);
	assert_int_equal(collapse(0, 4 * G1, 0), MM_OK);
	assert_int_equal(g.pages, G1 / K4);
	assert_int_equal(level_at(0), 2);
	sync_and_check();
	refuse(MM_OK, MM_OK); /* as at first */
	assert_int_equal(collapse(0, 4 * G1, 0), MM_OK);
	assert_int_equal(g.pages, 0);
	finish();
}

static void what_is_not_alike_stays_small(void **state)
{
	struct mm_pt_cfg cfg = { .leaf_levels = 3 };

	start(state);
	map_ok(0, PA0, M2 - K4, RW, 0);
	map_ok(M2, PA0 + K4, M2, RW, 0); /* frames out of step */
	map_ok(2 * M2, PA0, M2, RW, MM_PT_MAX_LEVEL(0));
	protect_ok(2 * M2 + 7 * K4, K4, MM_PT_READ);
	map_ok(3 * M2, PA0, M2 - K4, RW, MM_PT_MAX_LEVEL(0));
	map_ok(4 * M2 - K4, PA0, K4, RW, 0); /* the wrong last frame */
	map_ok(4 * M2, PA0, M2, RW, MM_PT_MAX_LEVEL(0));
	protect_ok(4 * M2, M2, RW | MM_PT_USER); /* together: alike */
	assert_int_equal(collapse(0, G1, 0), MM_OK);
	assert_int_equal(g.pages, M2 / K4);
	sync_and_check();
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(level_at(i * M2), i == 4);
	finish();
	start_with(state, &cfg);
	map_ok(0, PA0, G1, RX, 0);
	assert_int_equal(collapse(0, G1, 0), MM_OK); /* no such leaves on this machine */
	assert_int_equal(g.pages, 0);
	finish();
}

static void collapse_gathers_accessed_and_dirty(void **state)
{
	start(state);
	map_ok(0, PA0, 2 * M2, RW | MM_PT_TRACK, MM_PT_MAX_LEVEL(0));
	assert_true(use(9 * K4, true));
	want_bits(0, M2 - 1, SEEN);
	assert_true(use(M2 + 9 * K4, false));
	want_bits(M2, 2 * M2 - 1, MM_PT_ACCESSED);
	assert_int_equal(collapse(0, 2 * M2, 0), MM_OK);
	assert_int_equal(g.pages, 2 * M2 / K4);
	sync_and_check();
	finish();
}

/* A CPU that has the small pages in its TLB writes one of them until it is told not to. */
static uint64_t *used_late;

static void flush_late(void *ctx, const struct mm_tlb_gather *what)
{
	if (used_late)
		*used_late = ora.arch->touched(*used_late, true, true);
	used_late = NULL;
	ora.env.flush(ctx, what);
}

static void a_write_while_leaves_become_one_is_not_lost(void **state)
{
	start(state);
	struct mm_pt_env late = ora.env;
	late.flush = flush_late;
	map_ok(0, PA0, M2, RW | MM_PT_TRACK, MM_PT_MAX_LEVEL(0));
	sync_and_check();
	pt.env = &late;
	used_late = raw_entry(77 * K4, 0);
	assert_int_equal(collapse(0, M2, 0), MM_OK);
	assert_null(used_late);
	want_bits(0, M2 - 1, SEEN);
	sync_and_check();
	pt.env = &ora.env;
	finish();
}

/* ---- accessed and dirty ---- */

static mm_paddr_t told_pa[600];
static uint32_t told_attr[600];

static struct mm_pt_leaves told(size_t room)
{
	return (struct mm_pt_leaves){ .pa = told_pa, .attr = told_attr, .room = room };
}

static void age_tells_bits_once(void **state)
{
	struct mm_pt_leaves leaves = told(600);
	struct mm_pt_cur cur;

	start(state);
	map_ok(K4, PA0, 40 * K4, RW | MM_PT_TRACK, 0);
	assert_true(use(3 * K4, false));
	want_bits(3 * K4, 4 * K4 - 1, MM_PT_ACCESSED);
	assert_true(use(7 * K4, true));
	want_bits(7 * K4, 8 * K4 - 1, SEEN);
	check();
	assert_int_equal(cur_init(&cur, 0, M2), MM_OK);
	assert_int_equal(mm_pt_age(&pt, &cur, MM_PT_ACCESSED, &g, &leaves), MM_OK);
	assert_int_equal(leaves.n, 40);
	assert_int_equal(leaves.va, V(K4));
	assert_int_equal(leaves.last, V(41 * K4) - 1);
	assert_int_equal(g.pages, 2);
	for (unsigned i = 0; i < 40; i++) {
		uint32_t seen = i == 2 ? MM_PT_ACCESSED : i == 6 ? SEEN : 0u;
		assert_int_equal(told_pa[i], PA0 + i * K4);
		assert_int_equal(told_attr[i], RW | seen);
	}
	assert_int_equal(mm_pt_age(&pt, &cur, MM_PT_ACCESSED, &g, &leaves), MM_E_NOENT);
	assert_int_equal(stopped(), M2 - 1);
	set_untouch(&want, V(0), V(M2 - 1), MM_PT_ACCESSED);
	sync_and_check();
	assert_int_equal(cur_init(&cur, 0, M2), MM_OK);
	assert_int_equal(mm_pt_age(&pt, &cur, MM_PT_DIRTY, &g, &leaves), MM_OK);
	assert_int_equal(g.pages, 1);
	assert_true(g.flush); /* a TLB that has it as dirty would not tell of the next write */
	set_untouch(&want, V(0), V(M2 - 1), MM_PT_DIRTY);
	sync_and_check();
	assert_int_equal(cur_init(&cur, 0, M2), MM_OK);
	assert_int_equal(mm_pt_age(&pt, &cur, SEEN, &g, &leaves), MM_OK);
	assert_int_equal(g.pages, 0);
	assert_false(g.flush);
	finish();
}

static void age_goes_leaf_by_leaf_in_small_batches(void **state)
{
	struct mm_pt_leaves leaves = told(3);
	struct mm_pt_cur cur;
	uint64_t at = 0;
	size_t n = 0;

	start(state);
	map_ok(0, PA0, 10 * K4, RW, 0); /* preset */
	map_ok(M2, PA0, 2 * M2, RW, 0);
	map_ok(4 * G1, PA0, 2 * G1, RW, 0);
	assert_int_equal(cur_init(&cur, 0, 5 * G1 + M2), MM_OK);
	leaves.attr = NULL;
	while (mm_pt_age(&pt, &cur, SEEN, &g, &leaves) == MM_OK) {
		assert_true(leaves.n <= 3 && leaves.va - w->f->base >= at);
		assert_int_equal(g.pages, leaves.n * (leaves.level == 2   ? G1 / K4
						      : leaves.level == 1 ? M2 / K4
									  : 1));
		at = leaves.last - w->f->base;
		n += leaves.n;
	}
	assert_int_equal(n, 14);
	assert_int_equal(at, 5 * G1 + M2 - 1); /* cut to the range */
	set_untouch(&want, V(0), V(6 * G1 - 1), SEEN);
	sync_and_check();
	/* in the middle of a leaf */
	leaves.attr = told_attr;
	assert_int_equal(cur_init(&cur, 4 * G1 + M2, K4), MM_OK);
	assert_int_equal(mm_pt_age(&pt, &cur, SEEN, &g, &leaves), MM_OK);
	assert_int_equal(leaves.n, 1);
	assert_int_equal(told_pa[0], PA0 + M2);
	assert_int_equal(leaves.last, V(4 * G1 + M2 + K4 - 1));
	finish();
}

static void age_refuses_what_makes_no_sense(void **state)
{
	struct mm_pt_leaves leaves = told(3), no_room = told(0);
	struct mm_pt_cur cur;
	struct mm_pt none = { 0 };

	start_occupied(state);
	assert_int_equal(cur_init(&cur, 0, K4), MM_OK);
	refuse(mm_pt_age(NULL, &cur, SEEN, &g, &leaves), MM_E_INVAL);
	refuse(mm_pt_age(&pt, NULL, SEEN, &g, &leaves), MM_E_INVAL);
	refuse(mm_pt_age(&pt, &cur, SEEN, NULL, &leaves), MM_E_INVAL);
	refuse(mm_pt_age(&pt, &cur, SEEN, &g, NULL), MM_E_INVAL);
	refuse(mm_pt_age(&pt, &cur, SEEN, &g, &no_room), MM_E_INVAL);
	refuse(mm_pt_age(&pt, &cur, 0, &g, &leaves), MM_E_INVAL);
	refuse(mm_pt_age(&pt, &cur, SEEN | MM_PT_WRITE, &g, &leaves), MM_E_INVAL);
	refuse(mm_pt_age(&none, &cur, SEEN, &g, &leaves), MM_E_STATE);
	cur.pt = &none;
	refuse(mm_pt_age(&pt, &cur, SEEN, &g, &leaves), MM_E_INVAL);
	finish();
}

/* ---- dump ---- */

static char lines[8][96];
static unsigned nlines;

static void keep_line(void *ctx, const char *text)
{
	assert_ptr_equal(ctx, lines);
	assert_true(strlen(text) < 80 && nlines < 8);
	strcpy(lines[nlines++], text);
}

static void expect_line(unsigned i, uint64_t off, uint64_t last, uint64_t pa, const char *rest)
{
	char text[96];

	snprintf(text, sizeof(text), "0x%016llx-0x%016llx 0x%016llx %s", (unsigned long long)V(off),
		 (unsigned long long)V(last), (unsigned long long)pa, rest);
	assert_string_equal(lines[i], text);
}

static void the_dump_names_pages_to_write_and_execute(void **state)
{
	struct mm_pt_cfg cfg = { .allow_wx = true };

	start_with(state, &cfg);
	map_ok(0, PA0, 2 * M2 + 2 * K4, RX | MM_PT_GLOBAL, 0);
	map_ok(G1, PA0, 3 * K4, RW | MM_PT_EXEC | MM_PT_USER, 0);
	map_ok(G1 + 3 * K4, PA0, K4, RW, 0);
	nlines = 0;
	assert_int_equal(mm_pt_dump(&pt, 0, keep_line, lines), 3);
	assert_int_equal(nlines, 4);
	expect_line(0, 0, 2 * M2 - 1, PA0, "L1 r-x-g WB");
	expect_line(1, 2 * M2, 2 * M2 + 2 * K4 - 1, PA0 + 2 * M2, "L0 r-x-g WB");
	expect_line(2, G1, G1 + 3 * K4 - 1, PA0, "L0 rwxu- WB W+X");
	expect_line(3, G1 + 3 * K4, G1 + 4 * K4 - 1, PA0, "L0 rw--- WB");
	nlines = 0;
	assert_int_equal(mm_pt_dump(&pt, MM_PT_DUMP_WX, keep_line, lines), 3);
	assert_int_equal(nlines, 1);
	expect_line(0, G1, G1 + 3 * K4 - 1, PA0, "L0 rwxu- WB W+X");
	assert_int_equal(mm_pt_dump(&pt, 0, NULL, NULL), 3);
	uint64_t was = *raw_entry(G1 + 3 * K4, 0), wrong = (was & ~UINT64_C(1)) | UINT64_C(1) << 62;
	*raw_entry(G1 + 3 * K4, 0) = wrong;
	nlines = 0;
	assert_int_equal(mm_pt_dump(&pt, 0, keep_line, lines), 3);
	expect_line(3, G1 + 3 * K4, G1 + 4 * K4 - 1, wrong, "L0 damaged");
	*raw_entry(G1 + 3 * K4, 0) = was;
	finish();
	assert_int_equal(mm_pt_dump(&pt, 0, keep_line, lines), 0);
	assert_int_equal(mm_pt_dump(NULL, 0, keep_line, lines), 0);
}

static void the_dump_reaches_both_ends(void **state)
{
	const struct format *f;
	unsigned n = 0;

	start(state);
	f = w->f;
	if (f->low_end)
		map_ok(f->low_end - K4 + 1 - f->base, PA0, K4, RW, 0), n++;
	if (f->high)
		map_ok(UINT64_MAX - K4 + 1 - f->base, PA0, K4, RW, 0), n++;
	nlines = 0;
	assert_int_equal(mm_pt_dump(&pt, 0, keep_line, lines), 0);
	assert_int_equal(nlines, n);
	finish();
}

/* ---- verify ---- */

static void is_damaged_at(uint64_t off, unsigned level)
{
	struct mm_pt_run where = { .level = 9 };

	assert_int_equal(mm_pt_verify(&pt, NULL), MM_E_CORRUPT);
	assert_int_equal(mm_pt_verify_at(&pt, NULL, &where), MM_E_CORRUPT);
	assert_true(where.level == level && where.va == (V(off) & ~(ora_size(&ora, level) - 1)));
	assert_true(where.last == where.va + (ora_size(&ora, level) - 1));
}

static void verify_finds_empty_tables_and_loops(void **state)
{
	start(state);
	map_ok(G1 + 3 * K4, PA0, K4, RW, 0);
	uint64_t leaf = *raw_entry(G1 + 3 * K4, 0), link = *raw_entry(G1, 2);
	*raw_entry(G1 + 3 * K4, 0) = 0;
	is_damaged_at(G1, 1);
	*raw_entry(G1 + 3 * K4, 0) = leaf;
	*raw_entry(G1 + 7 * K4, 0) = 2; /* not valid, and not empty */
	is_damaged_at(G1 + 7 * K4, 0);
	*raw_entry(G1 + 7 * K4, 0) = 0;
	*raw_entry(G1, 2) = (link & ~ora.arch->address) | pt.root >> ora.arch->shift;
	is_damaged_at(G1, 2);
	*raw_entry(G1, 2) = link; /* raw_entry() stops above it */
	assert_int_equal(mm_pt_verify_at(&pt, NULL, NULL), MM_OK);
	finish();
}

static void verify_tells_addresses_of_the_upper_half(void **state)
{
	start(state);
	if (!w->f->high)
		skip();
	const uint64_t high = w->f->high - w->f->base;
	map_ok(high + G1, PA0, K4, RW, 0);
	*raw_entry(high + G1 + 7 * K4, 0) = 2; /* not valid, and not empty */
	is_damaged_at(high + G1 + 7 * K4, 0);
	*raw_entry(high + G1 + 7 * K4, 0) = 0;
	finish();
}

/* A table whose first entry is empty may say there which other is in use. */
static void verify_finds_a_false_witness(void **state)
{
	start(state);
	const unsigned low = w->f->port()->witness;
	assert_true(low > 0);
	map_ok(511 * K4, PA0, K4, RW, 0);
	*raw_entry(0, 0) = UINT64_C(511) << low;
	assert_int_equal(mm_pt_verify(&pt, NULL), MM_OK);
	*raw_entry(0, 0) = UINT64_C(510) << low;
	assert_int_equal(mm_pt_verify(&pt, NULL), MM_E_CORRUPT);
	*raw_entry(0, 0) = 0;
	assert_int_equal(mm_pt_verify(&pt, NULL), MM_E_CORRUPT); /* none */
	*raw_entry(0, 0) = UINT64_C(511) << low;
	finish();
}

/* What says that a cleared entry may have been the witness, by a half-word where a format has one for it alone, and
 * otherwise by the whole entry: that says so of the witness only, the other of no fewer. */
static void a_witness_is_told_by_its_half_word_or_all_of_it(void **state)
{
	static uint64_t table[512];
	struct mm_pt_port half = *mm_pt_x86_64_port(), whole = half;

	(void)state;
	whole.empty_ignore |= UINT64_C(1) << 62;
	assert_int_equal(pt_witness_half(&half), 3);
	assert_int_equal(pt_witness_half(&whole), -1);
	for (size_t named = 0; named < 512; named++)
		for (unsigned kind = 0; kind < 3; kind++) {
			const uint64_t name = (uint64_t)named << half.witness;
			table[0] = kind == 0 ? name : kind == 1 ? name | 0x60 : name | UINT64_C(0x40000001); /* empty; a leaf */
			for (size_t i = 0; i < 512; i++) {
				const bool is = kind < 2 && i == named;
				assert_true(pt_was_witness(&whole, table, i, 0) == is);
				assert_true(pt_was_witness(&half, table, i, 0) || !is);
			}
		}
	table[0] = (UINT64_C(5) << half.witness) | UINT64_C(1) << 62;
	assert_true(pt_was_witness(&whole, table, 5, 0)); /* a bit that means nothing */
}

/* Who moves a cursor while what was cut goes back, in the first of more tables than a gather keeps, is told of it. */
static struct mm_pt_cur standing;
static enum mm_status moved;

static void move_at_flush(void *ctx, const struct mm_tlb_gather *gather)
{
	struct mm_pt_run run = { .attr = 0 };

	if (moved == MM_OK)
		moved = w->next(&standing, &run) && run.attr ? MM_E_CORRUPT : MM_E_NOENT;
	ora.env.flush(ctx, gather);
}

static void a_cursor_moves_while_tables_go_back(void **state)
{
	const unsigned n = 2 * MM_GATHER_TABLES + 3;
	struct mm_pt_run run;

	start(state);
	struct mm_pt_env env = ora.env;
	env.flush = move_at_flush;
	pt.env = &env;
	for (unsigned k = 0; k <= n; k++)
		map_ok(k * M2, PA0, 2 * K4, RW, 0);
	sync_and_check();
	assert_int_equal(mm_pt_cur_init(&standing, &pt, V(0), 4 * K4), MM_OK);
	moved = MM_E_NOENT;
	assert_true(w->next(&standing, &run));
	moved = MM_OK;
	assert_int_equal(unmap(0, n * M2, MM_PT_DISCARD), MM_OK);
	want_unmap(0, n * M2 - 1);
	assert_int_equal(moved, MM_E_NOENT);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_map_with_reserved_tables_needs_no_memory),
		cmocka_unit_test(what_sticks_out_can_be_split_without_memory),
		cmocka_unit_test(a_reserve_that_fails_leaves_the_pool_as_it_was),
		cmocka_unit_test(a_failure_gives_reserved_tables_back_to_the_pool),
		cmocka_unit_test(impossible_reservations_are_refused),
		cmocka_unit_test(split_keeps_what_is_mapped),
		cmocka_unit_test(split_splits_all_above_a_level),
		cmocka_unit_test(every_allocation_of_split_may_fail),
		cmocka_unit_test(split_takes_reserved_tables_first),
		cmocka_unit_test(splits_of_nothing_and_of_impossible_ranges),
		cmocka_unit_test(collapse_is_the_opposite_of_split),
		cmocka_unit_test(what_is_not_alike_stays_small),
		cmocka_unit_test(collapse_gathers_accessed_and_dirty),
		cmocka_unit_test(a_write_while_leaves_become_one_is_not_lost),
		cmocka_unit_test(age_tells_bits_once),
		cmocka_unit_test(age_goes_leaf_by_leaf_in_small_batches),
		cmocka_unit_test(age_refuses_what_makes_no_sense),
		cmocka_unit_test(the_dump_names_pages_to_write_and_execute),
		cmocka_unit_test(the_dump_reaches_both_ends),
		cmocka_unit_test(verify_finds_empty_tables_and_loops),
		cmocka_unit_test(verify_tells_addresses_of_the_upper_half),
		cmocka_unit_test(verify_finds_a_false_witness),
		cmocka_unit_test(a_witness_is_told_by_its_half_word_or_all_of_it),
		cmocka_unit_test(a_cursor_moves_while_tables_go_back),
	};
	return run_for("pt_tree", tests, sizeof(tests) / sizeof(tests[0]), false);
}
