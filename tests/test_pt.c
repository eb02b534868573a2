/* SPDX-License-Identifier: MIT */
/* Page tables: what map, unmap, protect and cursors promise, for the instance folded to x86-64 and
 * for the one that selects the format at run time. */
#include "pt_fixture.h"

/* ---- map ---- */

static void map_takes_the_largest_leaves_that_fit(void **state)
{
	struct mm_pt_run run;

	start(state);
	map_ok(G1 - M2 - K4, PA0 + G1 - M2 - K4, K4 + M2 + G1 + M2 + K4, RW, 0);
	static const struct {
		uint64_t va;
		unsigned level;
	} at[] = {
		{ G1 - M2 - K4, 0 }, { G1 - M2, 1 }, { G1, 2 }, { 2 * G1, 1 }, { 2 * G1 + M2, 0 }
	};
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(w->query(&pt, at[i].va + 5, &run), MM_OK);
		assert_int_equal(run.va, at[i].va);
		assert_int_equal(run.level, at[i].level);
		assert_int_equal(run.pa, PA0 + at[i].va + 5);
		assert_int_equal(run.last - run.va + 1, K4 << (9 * at[i].level));
	}
	assert_int_equal(w->query(&pt, 2 * G1 + M2 + K4, &run), MM_E_NOENT);
	finish();
}

static void frames_out_of_step_get_small_leaves(void **state)
{
	struct mm_pt_run run;

	start(state);
	map_ok(G1, PA0 + K4, 2 * M2, RW, 0);
	assert_int_equal(w->query(&pt, G1 + M2, &run), MM_OK);
	assert_int_equal(run.level, 0);
	map_ok(4 * G1, PA0 + M2, 2 * G1, RW, 0);
	assert_int_equal(w->query(&pt, 5 * G1, &run), MM_OK);
	assert_int_equal(run.level, 1);
	finish();
}

static void map_respects_the_cap_and_the_machine(void **state)
{
	struct mm_pt_cfg cfg = { .leaf_levels = 3 };
	struct mm_pt_run run;

	for (unsigned cap = 0; cap < 4; cap++) {
		start(state);
		map_ok(0, PA0, G1, RW, MM_PT_MAX_LEVEL(cap));
		assert_int_equal(w->query(&pt, 0, &run), MM_OK);
		assert_int_equal(run.level, cap < 2 ? cap : 2);
		finish();
	}
	start_with(state, mm_pt_x86_64_port(), &cfg);
	map_ok(0, PA0, 2 * G1, RW, 0);
	assert_int_equal(w->query(&pt, 0, &run), MM_OK);
	assert_int_equal(run.level, 1);
	finish();
}

static void both_ends_of_the_address_space_work(void **state)
{
	static const uint64_t edge[] = { 0, UINT64_C(0x7ffffffff000), UINT64_C(0xffff800000000000),
					 UINT64_C(0xfffffffffffff000) };
	struct mm_pt_run run;
	struct mm_pt_cur cur;

	start(state);
	for (size_t i = 0; i < 4; i++)
		map_ok(edge[i], PA0 + i * K4, K4, RW, 0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(w->query(&pt, edge[i] + 0xfff, &run), MM_OK);
		assert_int_equal(run.pa, PA0 + i * K4 + 0xfff);
		assert_int_equal(run.last, edge[i] + 0xfff);
	}
	protect_ok(edge[3], K4, MM_PT_READ);
	assert_int_equal(mm_pt_cur_init(&cur, &pt, UINT64_C(0xffff800000000000), UINT64_C(1) << 47),
			 MM_OK);
	assert_true(w->next(&cur, &run));
	assert_true(w->next(&cur, &run));
	assert_int_equal(run.attr, 0);
	assert_true(w->next(&cur, &run));
	assert_int_equal(run.last, UINT64_MAX);
	assert_false(w->next(&cur, &run));
	unmap_ok(0, UINT64_C(1) << 47);
	unmap_ok(UINT64_C(0xffff800000000000), UINT64_C(1) << 47);
	assert_int_equal(ora.leaves, 0);
	map_ok(UINT64_C(0xffffffff80000000), PA0, 2 * G1, RW, 0);
	unmap_ok(UINT64_C(0xffffffffc0000000) + K4, G1 - K4); /* split right up to the last byte */
	finish();
}

/* ---- what is there already ---- */

static void map_over_something_unwinds_and_says_where(void **state)
{
	start_occupied(state);
	refuse(w->map(&pt, 0, PA0, K4, RW, 0, &g), MM_E_EXIST);
	assert_int_equal(g.stop_va, 0);
	assert_int_equal(g.stop_level, 2);
	refuse(w->map(&pt, G1 + M2, PA0, 2 * K4, RW, 0, &g), MM_E_EXIST);
	assert_int_equal(g.stop_va, G1 + M2 + K4);
	assert_int_equal(g.stop_level, 0);
	assert_int_equal(g.pages, 0);
	unmap_ok(0, G1);
	sync_and_check();
	hash_before = ora_hash(&ora);
	/* One large leaf would fit but for a page somewhere below: found, and undone. */
	refuse(w->map(&pt, 0, PA0, 4 * G1, RW, 0, &g), MM_E_EXIST);
	assert_int_equal(g.stop_va, G1);
	refuse(w->map(&pt, G1 + M2, PA0, M2, RW, 0, &g), MM_E_EXIST);
	assert_int_equal(g.stop_va, G1 + M2 + K4);
	sync_and_check();
	refuse(MM_OK, MM_OK);
	finish();
}

static void partial_map_keeps_what_it_did(void **state)
{
	start(state);
	map_ok(M2 + 7 * K4, PA0, K4, RW, 0);
	assert_int_equal(w->map(&pt, 0, PA0, 4 * M2, RW, MM_PT_PARTIAL, &g), MM_E_EXIST);
	assert_int_equal(g.stop_va, M2 + 7 * K4);
	assert_int_equal(g.pages, 512 + 7);
	set_insert(&want, (struct ora_run){ 0, M2 + 7 * K4 - 1, PA0, ora_told(RW), 0 });
	check();
	ora_fail(&ora, 2, true);
	assert_int_equal(w->map(&pt, G1 - M2, PA0 + K4, 2 * M2, RW, MM_PT_PARTIAL, &g), MM_E_NOMEM);
	assert_int_equal(g.stop_va, G1);
	set_insert(&want, (struct ora_run){ G1 - M2, G1 - 1, PA0 + K4, ora_told(RW), 0 });
	finish();
}

/* ---- unmap ---- */

static void unmap_passes_over_holes_and_counts(void **state)
{
	start(state);
	map_ok(K4, PA0, K4, RW, 0);
	map_ok(M2 - K4, PA0 + M2, 3 * K4, RW, 0);
	map_ok(G1, PA0, M2, RW, 0);
	unmap_ok(0, 2 * G1);
	assert_int_equal(g.pages, 1 + 3 + 512);
	sync_and_check();
	assert_int_equal(ora.used, 1);
	assert_int_equal(w->unmap(&pt, 0, 2 * G1, 0, &g), MM_E_NOENT);
	assert_int_equal(g.stop_va, 0);
	finish();
}

static void exact_refuses_any_hole(void **state)
{
	start_occupied(state);
	refuse(w->unmap(&pt, 0, 2 * G1, MM_PT_EXACT, &g), MM_E_NOENT);
	assert_int_equal(g.stop_va, G1 + M2);
	refuse(w->protect(&pt, G1, 2 * M2, RX, MM_PT_EXACT, &g), MM_E_NOENT);
	refuse(w->unmap(&pt, G1 + M2, 2 * K4, MM_PT_EXACT, &g), MM_E_NOENT);
	refuse(w->protect(&pt, 4 * G1, K4, RX, 0, &g), MM_E_NOENT);
	assert_int_equal(w->protect(&pt, 0, G1 + M2, RX, MM_PT_EXACT, &g), MM_OK);
	set_protect(&want, 0, G1 + M2 - 1, RX);
	check();
	assert_int_equal(w->unmap(&pt, 0, G1 + M2, MM_PT_EXACT, &g), MM_OK);
	assert_int_equal(g.pages, set_remove(&want, 0, G1 + M2 - 1));
	finish();
}

/* A range that covers exactly one entry of each level, made of the next smaller leaves. */
static void exact_cover_of_every_level(void **state)
{
	for (unsigned level = 0; level < 4; level++) {
		for (unsigned flags = 0; flags <= MM_PT_DISCARD; flags += MM_PT_DISCARD) {
			uint64_t len = K4 << (9 * level), va = 2 * G512;
			start(state);
			map_ok(va - len, PA0 + 16 * G512, len, RW, 0);
			map_ok(va, PA0, len, RW, level ? MM_PT_MAX_LEVEL(level - 1) : 0);
			map_ok(va + len, PA0 + 16 * G512, len, RW, 0);
			assert_int_equal(w->unmap(&pt, va, len, flags, &g), MM_OK);
			assert_int_equal(g.pages, len / K4);
			assert_int_equal(set_remove(&want, va, va + len - 1), len / K4);
			sync_and_check();
			finish();
		}
	}
}

static void discard_counts_whole_tables(void **state)
{
	start(state);
	map_ok(M2, PA0, K4, RW, 0);
	map_ok(4 * M2 + K4, PA0, K4, RW, 0);
	assert_int_equal(w->unmap(&pt, M2, 4 * M2, MM_PT_DISCARD, &g), MM_OK);
	assert_int_equal(g.pages, 512 + 512);
	set_clear(&want);
	finish();
}

static void a_full_gather_flushes_by_itself(void **state)
{
	start(state);
	for (unsigned i = 0; i < 40; i++)
		map_ok(i * G1 + M2 - K4, PA0 + K4, 2 * K4, RW, 0);
	unsigned before = ora.flushes;
	for (unsigned i = 0; i < 40; i++)
		unmap_ok(i * G1 + M2 - K4, 2 * K4);
	/* Each took two trees: a table of level 0, then a chain up to the root. */
	assert_int_equal(ora.flushes - before, (80 - 1) / MM_GATHER_TABLES);
	assert_int_equal(g.ntables, MM_GATHER_TABLES);
	for (unsigned i = 0; i < 40; i++) /* and in one operation, with an undone map on top */
		map_ok(i * M2 + G512, PA0 + K4, K4, RW, 0);
	unmap_ok(G512, 40 * M2);
	map_ok(60 * M2, PA0, K4, RW, 0);
	sync_and_check();
	hash_before = ora_hash(&ora);
	refuse(w->map(&pt, K4, PA0, 64 * M2, RW, 0, &g), MM_E_EXIST);
	finish();
	assert_int_equal(ora.flushed.ntables <= MM_GATHER_TABLES, 1);
}

static void splits_at_both_edges(void **state)
{
	static const struct {
		uint64_t off, len;
	} cut[] = { { 0, K4 },      { G1 - K4, K4 },           { K4, G1 - 2 * K4 },
		    { M2, M2 },     { M2 - K4, 2 * K4 },       { 5 * M2 + K4, K4 },
		    { 0, M2 + K4 }, { M2 - K4, G1 - M2 + K4 }, { 0, G1 },
		    { 7 * K4, M2 }, { K4, 3 * M2 - K4 } };

	for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
		start(state);
		map_ok(G1, PA0, 3 * G1, RW, 0);
		unmap_ok(2 * G1 + cut[i].off, cut[i].len);
		map_ok(2 * G1 + cut[i].off, PA0 + 2 * G512 + cut[i].off, cut[i].len, RX, 0);
		sync_and_check();
		unmap_ok(G1, 3 * G1);
		sync_and_check();
		assert_int_equal(ora.used, 1);
		map_ok(G1, PA0, 3 * G1, RW, 0);
		protect_ok(2 * G1 + cut[i].off, cut[i].len, RX);
		protect_ok(2 * G1 + cut[i].off - G1, cut[i].len + 2 * G1 - 5 * M2, MM_PT_READ);
		finish();
	}
}

/* ---- protect, accessed and dirty ---- */

static void protect_keeps_accessed_and_dirty(void **state)
{
	static const uint64_t size[] = { K4, M2, G1 };

	for (unsigned level = 0; level < 3; level++) {
		start(state);
		map_ok(0, PA0, 2 * size[level], RW | MM_PT_TRACK, 0);
		assert_true(ora_access(&ora, size[level] + 8, true, false, false));
		set_touch(&want, size[level], 2 * size[level] - 1, MM_PT_ACCESSED | MM_PT_DIRTY);
		assert_true(ora_access(&ora, 8, false, false, false));
		set_touch(&want, 0, size[level] - 1, MM_PT_ACCESSED);
		sync_and_check();
		protect_ok(0, 2 * size[level],
			   MM_PT_READ | MM_PT_TRACK); /* dirty moves to software */
		assert_false(ora_access(&ora, 8, true, false, false));
		protect_ok(0, 2 * size[level], RW | MM_PT_TRACK);
		if (level > 0)
			protect_ok(K4, 3 * K4, RX | MM_PT_TRACK); /* a split keeps them too */
		protect_ok(0, 2 * size[level], RW);
		finish();
	}
}

static void gain_of_rights_needs_no_flush_and_loss_does(void **state)
{
	start(state);
	map_ok(0, PA0, K4, MM_PT_READ, 0);
	assert_false(g.flush || g.sync);
	protect_ok(0, K4, RW);
	assert_false(g.flush);
	protect_ok(0, K4, RW);
	assert_false(g.flush);
	protect_ok(0, K4, RX);
	assert_true(g.flush && !g.tables);
	assert_true(g.start == 0 && g.last == K4 - 1 && g.min_shift == 12);
	sync_and_check();
	protect_ok(0, K4, RX | MM_PT_UC);
	assert_true(g.flush);
	finish();
}

/* All attributes that can be expressed, at all levels, mapped and set later, seen by query and MMU.
 */
static void attributes_round_trip(void **state)
{
	struct mm_pt_cfg cfg = { .allow_wx = true, .pa_bits = 46, .set_bits = UINT64_C(1) << 51 };
	struct mm_pt_run run;

	start_with(state, mm_pt_x86_64_port(), &cfg);
	for (unsigned level = 0; level < 3; level++) {
		for (uint32_t bits = 0; bits < 32; bits++) {
			for (uint32_t type = 0; type <= MM_PT_DEVICE; type += 1u << 8) {
				uint64_t len = K4 << (9 * level);
				uint32_t attr = MM_PT_READ | bits << 1 | type;
				map_ok(G1, PA0, len, attr, 0);
				assert_int_equal(w->query(&pt, G1, &run), MM_OK);
				assert_int_equal(run.attr, ora_told(attr));
				assert_int_equal(run.level, level);
				assert_int_equal(ora_walk(&ora, G1).attr, run.attr);
				protect_ok(G1, len, MM_PT_READ);
				protect_ok(G1, len, attr);
				unmap_ok(G1, len);
				sync_and_check();
			}
		}
	}
	finish();
}

/* ---- cursors ---- */

static void cursor_cuts_leaves_and_folds_holes(void **state)
{
	struct mm_pt_cur cur;
	struct mm_pt_run run;

	start_occupied(state);
	assert_int_equal(mm_pt_cur_init(&cur, &pt, G1 - K4, M2 + 9 * K4), MM_OK);
	assert_true(w->next(&cur, &run));
	assert_true(run.va == G1 - K4 && run.last == G1 - 1 && run.pa == PA0 + G1 - K4 &&
		    run.level == 2);
	assert_true(w->next(&cur, &run));
	assert_true(run.va == G1 && run.last == G1 + M2 - 1 && run.level == 1);
	assert_true(w->next(&cur, &run));
	assert_true(run.va == G1 + M2 && run.last == G1 + M2 + K4 - 1 && run.attr == 0);
	assert_true(w->next(&cur, &run));
	assert_true(run.va == G1 + M2 + K4 && run.pa == PA0 && run.level == 0);
	assert_true(w->next(&cur, &run));
	assert_true(run.attr == 0 && run.last == G1 + M2 + 8 * K4 - 1);
	assert_false(w->next(&cur, &run));
	assert_int_equal(mm_pt_cur_init(&cur, &pt, 4 * G1, 100 * G512), MM_OK);
	assert_true(w->next(&cur, &run));
	assert_true(run.attr == 0 && run.va == 4 * G1 && run.last == 4 * G1 + 100 * G512 - 1);
	assert_false(w->next(&cur, &run));
	finish();
}

static void unmap_next_visits_every_leaf_once(void **state)
{
	struct mm_pt_cur cur;
	struct mm_pt_run run;
	unsigned n = 0;

	start(state);
	map_ok(M2 - 3 * K4, PA0 + G1 - 3 * K4, 3 * K4 + M2 + K4, RW | MM_PT_TRACK, 0);
	map_ok(G1, PA0, G1, RW | MM_PT_TRACK, 0);
	assert_true(ora_access(&ora, M2, true, false, false));
	assert_int_equal(mm_pt_cur_init(&cur, &pt, M2 - 2 * K4, G1), MM_OK);
	set_touch(&want, M2, 2 * M2 - 1, MM_PT_ACCESSED | MM_PT_DIRTY);
	while (w->unmap_next(&pt, &cur, &g, &run) == MM_OK) {
		assert_true(run.va >= M2 - 2 * K4 && run.last < G1 + M2 - 2 * K4);
		assert_int_equal(run.attr & MM_PT_DIRTY, run.va == M2 ? MM_PT_DIRTY : 0);
		assert_int_equal(g.pages, set_remove(&want, run.va, run.last));
		check();
		n++;
	}
	assert_int_equal(n, 2 + 1 + 1 + 510); /* the large leaf was split for its last part */
	assert_int_equal(w->unmap_next(&pt, &cur, &g, &run), MM_E_NOENT);
	finish();
}

static void cursors_survive_what_others_do(void **state)
{
	struct mm_pt_cur cur;
	struct mm_pt_run run;

	start(state);
	map_ok(0, PA0, 2 * K4, RW, 0);
	assert_int_equal(mm_pt_cur_init(&cur, &pt, 0, 4 * K4), MM_OK);
	assert_true(w->next(&cur, &run));
	unmap_ok(0, 2 * K4); /* the table that the cursor stood in goes away */
	sync_and_check();
	assert_int_equal(ora.used, 1);
	assert_true(w->next(&cur, &run));
	assert_true(run.va == K4 && run.attr == 0 && run.last == 4 * K4 - 1);
	assert_null(ora.wrong);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(map_takes_the_largest_leaves_that_fit),
		BOTH(frames_out_of_step_get_small_leaves),
		BOTH(map_respects_the_cap_and_the_machine),
		BOTH(both_ends_of_the_address_space_work),
		BOTH(map_over_something_unwinds_and_says_where),
		BOTH(partial_map_keeps_what_it_did),
		BOTH(unmap_passes_over_holes_and_counts),
		BOTH(exact_refuses_any_hole),
		BOTH(exact_cover_of_every_level),
		BOTH(discard_counts_whole_tables),
		BOTH(a_full_gather_flushes_by_itself),
		BOTH(splits_at_both_edges),
		BOTH(protect_keeps_accessed_and_dirty),
		BOTH(gain_of_rights_needs_no_flush_and_loss_does),
		BOTH(attributes_round_trip),
		BOTH(cursor_cuts_leaves_and_folds_holes),
		BOTH(unmap_next_visits_every_leaf_once),
		BOTH(cursors_survive_what_others_do),
	};
	return cmocka_run_group_tests_name("pt", tests, NULL, NULL);
}
