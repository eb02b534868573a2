/* SPDX-License-Identifier: MIT */
/* Page tables: every documented error, with proof that nothing changed; damaged tables; formats
 * that ask for more than x86-64 does. */
#include "pt_fixture.h"

/* ---- init ---- */

static void init_refuses_incomplete_environments_and_impossible_machines(void **state)
{
	const struct mm_pt_port *port = mm_pt_x86_64_port();
	struct mm_pt_cfg cfg = { 0 };
	struct mm_pt t = { .root = 7 };

	start(state);
	struct mm_pt_env env = ora.env;
	assert_int_equal(mm_pt_init(NULL, port, &env, NULL), MM_E_INVAL);
	assert_int_equal(mm_pt_init(&t, NULL, &env, NULL), MM_E_INVAL);
	assert_int_equal(mm_pt_init(&t, port, NULL, NULL), MM_E_INVAL);
	env.flush = NULL;
	assert_int_equal(mm_pt_init(&t, port, &env, NULL), MM_E_PORT);
	env = ora.env;
	env.free_table = NULL;
	assert_int_equal(mm_pt_init(&t, port, &env, NULL), MM_E_PORT);
	env = ora.env;
	cfg.pa_bits = 53;
	assert_int_equal(mm_pt_init(&t, port, &env, &cfg), MM_E_PORT);
	cfg.pa_bits = 12;
	assert_int_equal(mm_pt_init(&t, port, &env, &cfg), MM_E_PORT);
	cfg = (struct mm_pt_cfg){ .leaf_levels = 8 };
	assert_int_equal(mm_pt_init(&t, port, &env, &cfg), MM_E_PORT);
	cfg.leaf_levels = 5; /* a gap: a leaf of level 2 could not be split */
	assert_int_equal(mm_pt_init(&t, port, &env, &cfg), MM_E_PORT);
	cfg.leaf_levels = 2;
	assert_int_equal(mm_pt_init(&t, port, &env, &cfg), MM_E_PORT);
	cfg = (struct mm_pt_cfg){ .set_bits = UINT64_C(1)
					      << 47 }; /* an address bit of this machine */
	assert_int_equal(mm_pt_init(&t, port, &env, &cfg), MM_E_PORT);
	cfg = (struct mm_pt_cfg){ .pa_bits = 47, .set_bits = UINT64_C(1) << 2 };
	assert_int_equal(mm_pt_init(&t, port, &env, &cfg), MM_E_PORT);
	assert_int_equal(t.root, 7);
	assert_int_equal(ora.used, 1);
	finish();
}

static void init_passes_on_what_the_allocator_says(void **state)
{
	struct mm_pt t = { .root = 7 };

	start(state);
	ora_fail(&ora, 1, false);
	assert_int_equal(mm_pt_init(&t, mm_pt_x86_64_port(), &ora.env, NULL), MM_E_NOMEM);
	ora.give = 0x12345;
	assert_int_equal(mm_pt_init(&t, mm_pt_x86_64_port(), &ora.env, NULL), MM_E_PORT);
	assert_int_equal(ora.given_back, 0x12345); /* once, as it came */
	assert_int_equal(t.root, 7);
	finish();
}

static void destroy_and_verify_want_a_tree(void **state)
{
	struct mm_pt none = { 0 };
	struct mm_pt_cur cur;
	size_t n;

	start(state);
	assert_int_equal(mm_pt_destroy(NULL), MM_E_INVAL);
	assert_int_equal(mm_pt_destroy(&none), MM_E_STATE);
	assert_int_equal(mm_pt_verify(NULL, &n), MM_E_INVAL);
	assert_int_equal(mm_pt_verify(&none, &n), MM_E_STATE);
	assert_int_equal(mm_pt_cur_init(&cur, &none, 0, K4), MM_E_STATE);
	assert_int_equal(mm_pt_cur_init(NULL, &pt, 0, K4), MM_E_INVAL);
	mm_pt_sync(NULL, &g);
	mm_pt_sync(&pt, NULL);
	mm_pt_sync(&none, &g);
	finish();
	assert_int_equal(mm_pt_destroy(&pt), MM_E_STATE);
}

static void destroy_gives_back_a_full_tree(void **state)
{
	start(state);
	map_ok(K4, PA0, 4 * M2, RW, 0);
	map_ok(UINT64_C(0xffff800000000000), PA0 + K4, 2 * M2, RX, 0);
	map_ok(8 * G512, PA0, 2 * G1, RW, 0);
	finish();
}

/* ---- errors that change nothing ---- */

static void impossible_ranges_are_refused(void **state)
{
	static const struct {
		uint64_t va, len;
		enum mm_status st;
	} bad[] = {
		{ 0, 0, MM_E_INVAL },
		{ UINT64_MAX - K4 + 1, 2 * K4, MM_E_INVAL },
		{ K4, UINT64_MAX - K4 + 1, MM_E_RANGE },
		{ 2 * K4, UINT64_MAX - K4 + 1, MM_E_INVAL },
		{ UINT64_MAX, UINT64_MAX, MM_E_INVAL },
		{ 1, K4, MM_E_ALIGN },
		{ 0, K4 + 1, MM_E_ALIGN },
		{ 0, 1, MM_E_ALIGN },
		{ UINT64_C(1) << 47, K4, MM_E_RANGE },
		{ (UINT64_C(1) << 47) - K4, 2 * K4, MM_E_RANGE },
		{ UINT64_C(0xffff7ffffffff000), 2 * K4, MM_E_RANGE },
		{ UINT64_C(0x7ffffffff000), UINT64_C(0xffff000000002000),
		  MM_E_RANGE }, /* over the hole */
		{ 0, UINT64_C(1) << 63, MM_E_RANGE },
	};
	struct mm_pt_cur cur;
	struct mm_pt_run run;

	start_occupied(state);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		refuse(w->map(&pt, bad[i].va, PA0, bad[i].len, RW, 0, &g), bad[i].st);
		refuse(w->unmap(&pt, bad[i].va, bad[i].len, 0, &g), bad[i].st);
		refuse(w->protect(&pt, bad[i].va, bad[i].len, RW, 0, &g), bad[i].st);
		refuse(mm_pt_cur_init(&cur, &pt, bad[i].va, bad[i].len), bad[i].st);
	}
	assert_int_equal(w->query(&pt, UINT64_C(1) << 47, &run), MM_E_RANGE);
	assert_int_equal(w->query(&pt, UINT64_C(0xffff7fffffffffff), &run), MM_E_RANGE);
	finish();
}

static void impossible_frames_are_refused(void **state)
{
	struct mm_pt_cfg cfg = { .pa_bits = 40 };

	start_with(state, mm_pt_x86_64_port(), &cfg);
	hash_before = ora_hash(&ora);
	refuse(w->map(&pt, 0, 0x800, K4, RW, 0, &g), MM_E_ALIGN);
	refuse(w->map(&pt, 0, UINT64_C(1) << 40, K4, RW, 0, &g), MM_E_RANGE);
	refuse(w->map(&pt, 0, (UINT64_C(1) << 40) - K4, 2 * K4, RW, 0, &g), MM_E_RANGE);
	refuse(w->map(&pt, 0, UINT64_MAX - K4 + 1, 2 * K4, RW, 0, &g), MM_E_INVAL);
	map_ok(0, (UINT64_C(1) << 40) - K4, K4, RW, 0); /* the last frame */
	finish();
}

static void misuse_is_refused(void **state)
{
	struct mm_pt none = { 0 };
	struct mm_pt_run run;
	struct mm_pt_cur cur;

	start_occupied(state);
	assert_int_equal(mm_pt_cur_init(&cur, &none, 0, K4), MM_E_STATE);
	assert_int_equal(mm_pt_cur_init(&cur, &pt, 0, K4), MM_OK);
	refuse(w->map(NULL, 0, 0, K4, RW, 0, &g), MM_E_INVAL);
	refuse(w->map(&pt, 8 * G1, 0, K4, RW, 0, NULL), MM_E_INVAL);
	refuse(w->map(&none, 0, 0, K4, RW, 0, &g), MM_E_STATE);
	refuse(w->unmap(&none, 0, K4, 0, &g), MM_E_STATE);
	refuse(w->protect(&none, 0, K4, RW, 0, &g), MM_E_STATE);
	refuse(w->query(&none, 0, &run), MM_E_STATE);
	refuse(w->query(NULL, 0, &run), MM_E_INVAL);
	refuse(w->query(&pt, 0, NULL), MM_E_INVAL);
	refuse(w->unmap_next(&pt, NULL, &g, &run), MM_E_INVAL);
	refuse(w->unmap_next(&pt, &cur, &g, NULL), MM_E_INVAL);
	refuse(w->unmap_next(&none, &cur, &g, &run), MM_E_STATE);
	cur.pt = &none;
	refuse(w->unmap_next(&pt, &cur, &g, &run), MM_E_INVAL);
	assert_false(w->next(&cur, &run));
	refuse(w->map(&pt, 8 * G1, 0, K4, RW, MM_PT_EXACT, &g), MM_E_INVAL);
	refuse(w->map(&pt, 8 * G1, 0, K4, RW, 1u << 16, &g), MM_E_INVAL);
	refuse(w->unmap(&pt, 0, K4, MM_PT_PARTIAL, &g), MM_E_INVAL);
	refuse(w->unmap(&pt, 0, K4, MM_PT_MAX_LEVEL(0), &g), MM_E_INVAL);
	refuse(w->protect(&pt, 0, K4, RW, MM_PT_DISCARD, &g), MM_E_INVAL);
	finish();
}

static void attributes_that_make_no_sense_are_refused(void **state)
{
	static const struct {
		uint32_t attr;
		enum mm_status st;
	} bad[] = {
		{ 0, MM_E_INVAL },
		{ MM_PT_USER | MM_PT_UC, MM_E_INVAL },
		{ RW | MM_PT_ACCESSED, MM_E_INVAL },
		{ RW | MM_PT_DIRTY, MM_E_INVAL },
		{ RW | 5u << 8, MM_E_INVAL },
		{ RW | 1u << 11, MM_E_INVAL },
		{ RW | 1u << 31, MM_E_INVAL },
		{ MM_PT_WRITE, MM_E_NOTSUP },
		{ MM_PT_EXEC | MM_PT_USER, MM_E_NOTSUP },
		{ RW | MM_PT_EXEC, MM_E_PERM },
	};

	start_occupied(state);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		refuse(w->map(&pt, 8 * G1, PA0, K4, bad[i].attr, 0, &g), bad[i].st);
		refuse(w->protect(&pt, 0, K4, bad[i].attr, 0, &g), bad[i].st);
	}
	finish();
}

static void writable_and_executable_needs_permission(void **state)
{
	struct mm_pt_cfg cfg = { .allow_wx = true };

	start_with(state, mm_pt_x86_64_port(), &cfg);
	map_ok(0, PA0, K4, RW | MM_PT_EXEC, 0);
	protect_ok(0, K4, MM_PT_READ);
	protect_ok(0, K4, RW | MM_PT_EXEC | MM_PT_USER);
	finish();
}

/* ---- failing allocations ---- */

/* Fail every allocation in turn, once and from there on: same error, same tables, and a retry
 * works. */
static void every_allocation_may_fail(void **state)
{
	for (unsigned sticky = 0; sticky < 2; sticky++) {
		for (unsigned n = 1;; n++) {
			start_occupied(state);
			ora_fail(&ora, n, sticky);
			enum mm_status st = w->map(&pt, G512 - M2 - K4, PA0, 3 * M2, RW, 0, &g);
			if (st == MM_OK)
				break;
			refuse(st, MM_E_NOMEM);
			assert_int_equal(g.pages, 0);
			sync_and_check();
			refuse(MM_OK, MM_OK);
			ora_fail(&ora, 0, false);
			map_ok(G512 - M2 - K4, PA0, 3 * M2, RW, 0);
			finish();
			assert_true(n < 20);
		}
		assert_true(ora.allocs > 4);
	}
}

static void every_allocation_of_a_split_may_fail(void **state)
{
	struct mm_pt_cur cur;
	struct mm_pt_run run;

	for (unsigned kind = 0; kind < 6; kind++) {
		unsigned n;
		for (n = 1; n < 10; n++) {
			enum mm_status st;
			start_occupied(state);
			ora_fail(&ora, n, kind & 1);
			if (kind / 2 == 0) {
				st = w->unmap(&pt, M2 + K4, G1 - 4 * M2, 0, &g);
			} else if (kind / 2 == 1) {
				st = w->protect(&pt, M2 + K4, G1 - 4 * M2, RX, 0, &g);
			} else {
				assert_int_equal(mm_pt_cur_init(&cur, &pt, M2 + K4, G1 - 4 * M2),
						 MM_OK);
				st = w->unmap_next(&pt, &cur, &g, &run);
			}
			if (st == MM_OK)
				break;
			refuse(st, MM_E_NOMEM);
			assert_true(g.stop_va == M2 + K4 || g.stop_va == G1 - 3 * M2 + K4 - 1);
			ora_fail(&ora, 0, false);
			if (kind / 2 == 2) { /* the cursor waited there */
				assert_int_equal(w->unmap_next(&pt, &cur, &g, &run), MM_OK);
				set_remove(&want, run.va, run.last);
				assert_int_equal(run.va, M2 + K4);
			} else {
				unmap_ok(M2 + K4, G1 - 4 * M2);
			}
			finish();
		}
		assert_int_equal(n, 4); /* one table of level 1, one of level 0 for each edge */
	}
}

static void garbage_from_the_allocator_is_given_back(void **state)
{
	struct mm_pt_cfg cfg = { .pa_bits = 40 };

	start_with(state, mm_pt_x86_64_port(), &cfg);
	hash_before = ora_hash(&ora);
	ora.give = 0x80000800;
	refuse(w->map(&pt, 0, PA0, K4, RW, 0, &g), MM_E_PORT);
	assert_int_equal(ora.given_back, 0x80000800);
	ora.given_back = 0;
	ora.give = UINT64_C(1) << 40;
	refuse(w->map(&pt, 0, PA0, K4, RW, 0, &g), MM_E_PORT);
	assert_true(ora.given_back == UINT64_C(1) << 40);
	assert_int_equal(ora.used, 1);
	finish();
}

static void injected_failures_reach_the_walker(void **state)
{
#if MM_HOOKS
	start_occupied(state);
	sim_fail_at(1, true);
	refuse(w->map(&pt, 8 * G1, PA0, K4, RW, 0, &g), MM_E_NOMEM);
	refuse(w->unmap(&pt, K4, K4, 0, &g), MM_E_NOMEM);
	assert_int_equal(sim_fail_calls(), 2);
	sim_fail_at(0, false);
	finish();
#else
	(void)state;
	skip();
#endif
}

/* ---- damage ---- */

static uint64_t *raw_entry(uint64_t va, unsigned level)
{
	uint64_t pa = pt.root;

	for (unsigned l = 3;; l--) {
		uint64_t *e = (uint64_t *)ora_virt(&ora, pa) + (va >> (12 + 9 * l) & 511);
		if (l == level)
			return e;
		pa = *e & UINT64_C(0xffffffffff000);
	}
}

static void damaged_entries_are_reported_and_left_alone(void **state)
{
	static const struct {
		unsigned level;
		uint64_t bits;
	} bad[] = {
		{ 0, UINT64_C(1) << 41 | 1 },     { 0, 0xff0 }, { 1, UINT64_C(0x81) | 1u << 13 },
		{ 2, UINT64_C(0x81) | 1u << 21 }, { 3, 0x81 },  { 2, UINT64_C(1) << 45 | 1 }
	};
	struct mm_pt_cfg cfg = { .pa_bits = 41 };
	struct mm_pt_run run;
	struct mm_pt_cur cur;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t size = K4 << (9 * bad[i].level), va = 3 * size;
		start_with(state, mm_pt_x86_64_port(), &cfg);
		map_ok(0, PA0, K4, RW, 0);
		ora.damaged = true;
		*raw_entry(va, bad[i].level) = bad[i].bits;
		assert_int_equal(mm_pt_verify(&pt, NULL), MM_E_CORRUPT);
		assert_int_equal(w->query(&pt, va, &run), MM_E_CORRUPT);
		assert_int_equal(w->map(&pt, va, PA0, K4, RW, 0, &g), MM_E_EXIST);
		assert_int_equal(w->protect(&pt, va, size, RX, 0, &g), MM_E_NOENT);
		assert_int_equal(w->unmap(&pt, va, size, 0, &g), MM_E_NOENT);
		assert_int_equal(mm_pt_cur_init(&cur, &pt, va, size), MM_OK);
		assert_true(w->next(&cur, &run) && run.attr == 0);
		assert_true(*raw_entry(va, bad[i].level) == bad[i].bits);
		*raw_entry(va, bad[i].level) = 0;
		ora.damaged = false;
		finish();
	}
}

static void stray_accessed_and_dirty_bits_count_as_empty(void **state)
{
	struct mm_pt_run run;

	start(state);
	map_ok(0, PA0, K4, RW, 0);
	*raw_entry(K4, 0) = 0x60;
	assert_int_equal(w->query(&pt, K4, &run), MM_E_NOENT);
	unmap_ok(0, K4); /* and do not keep a table */
	sync_and_check();
	assert_int_equal(ora.used, 1);
	finish();
}

static void verify_finds_empty_tables_and_loops(void **state)
{
	start(state);
	map_ok(0, PA0, K4, RW, 0);
	uint64_t leaf = *raw_entry(0, 0), link = *raw_entry(0, 2);
	*raw_entry(0, 0) = 0;
	assert_int_equal(mm_pt_verify(&pt, NULL), MM_E_CORRUPT);
	*raw_entry(0, 0) = leaf;
	*raw_entry(0, 2) = pt.root | 7;
	assert_int_equal(mm_pt_verify(&pt, NULL), MM_E_CORRUPT);
	*raw_entry(0, 2) = link; /* raw_entry() stops above it */
	finish();
}

/* ---- other formats, at run time ---- */

/* x86-64 that demands break-before-make for every change, and order for every new entry. */
static unsigned bbm_transition(const struct mm_pt *t, uint64_t old, uint64_t now, unsigned level)
{
	(void)t;
	(void)level;
	if (old & now & 1)
		return MM_PT_AFTER_FLUSH | MM_PT_AFTER_TABLES | MM_PT_AFTER_BBM;
	return old & 1 ? MM_PT_AFTER_FLUSH : MM_PT_AFTER_SYNC;
}

static void break_before_make_passes_through_empty(void **state)
{
	struct mm_pt_port port = *mm_pt_x86_64_port();

	port.transition = bbm_transition;
	start_with(state, &port, NULL);
	if (w == &folded) { /* it is for its own format only */
		assert_int_equal(w->map(&pt, 0, PA0, K4, RW, 0, &g), MM_E_STATE);
		finish();
		return;
	}
	map_ok(0, PA0, G1 + 4 * K4, RW | MM_PT_TRACK, 0);
	assert_true(g.sync && !g.flush);
	sync_and_check();
	assert_true(ora_access(&ora, G1 + K4, true, false, false));
	set_touch(&want, G1 + K4, G1 + 2 * K4 - 1, MM_PT_ACCESSED | MM_PT_DIRTY);
	ora.flushes = 0;
	protect_ok(G1, 4 * K4, MM_PT_READ | MM_PT_TRACK);
	assert_int_equal(ora.flushes, 4); /* one for each leaf, in between */
	ora.flushes = 0;
	unmap_ok(M2, K4);
	assert_int_equal(ora.flushes, 2); /* one for each split */
	finish();
}

static void any_test_for_the_gather_can_fail(void **state)
{
	struct mm_tlb_gather forgot = { 0 };

	start(state);
	map_ok(0, PA0, K4, RW, 0);
	assert_int_equal(w->unmap(&pt, 0, K4, 0, &g), MM_OK);
	ora_check_gather(&ora, &forgot); /* the TLB still has it */
	assert_non_null(ora.wrong);
	ora.wrong = NULL;
	ora.env.free_table(&ora, g.trees[0],
			   K4); /* and a table must not go back before the flush */
	assert_non_null(ora.wrong);
	ora.wrong = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(init_refuses_incomplete_environments_and_impossible_machines),
		BOTH(init_passes_on_what_the_allocator_says),
		BOTH(destroy_and_verify_want_a_tree),
		BOTH(destroy_gives_back_a_full_tree),
		BOTH(impossible_ranges_are_refused),
		BOTH(impossible_frames_are_refused),
		BOTH(misuse_is_refused),
		BOTH(attributes_that_make_no_sense_are_refused),
		BOTH(writable_and_executable_needs_permission),
		BOTH(every_allocation_may_fail),
		BOTH(every_allocation_of_a_split_may_fail),
		BOTH(garbage_from_the_allocator_is_given_back),
		BOTH(injected_failures_reach_the_walker),
		BOTH(damaged_entries_are_reported_and_left_alone),
		BOTH(stray_accessed_and_dirty_bits_count_as_empty),
		BOTH(verify_finds_empty_tables_and_loops),
		BOTH(break_before_make_passes_through_empty),
		BOTH(any_test_for_the_gather_can_fail),
	};
	return cmocka_run_group_tests_name("pt_errors", tests, NULL, NULL);
}
