/* SPDX-License-Identifier: MIT */
/* Page tables: what map, unmap, protect and cursors promise, for every format, with the instance
 * folded to it and with the one that selects it at run time. */
#include <mmlib/pt_tree.h>
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
		assert_int_equal(query(at[i].va + 5, &run), MM_OK);
		assert_int_equal(run.va, at[i].va);
		assert_int_equal(run.level, at[i].level);
		assert_int_equal(run.pa, PA0 + at[i].va + 5);
		assert_int_equal(run.last - run.va + 1, K4 << (9 * at[i].level));
	}
	assert_int_equal(query(2 * G1 + M2 + K4, &run), MM_E_NOENT);
	finish();
}

static void frames_out_of_step_get_small_leaves(void **state)
{
	struct mm_pt_run run;

	start(state);
	map_ok(G1, PA0 + K4, 2 * M2, RW, 0);
	assert_int_equal(query(G1 + M2, &run), MM_OK);
	assert_int_equal(run.level, 0);
	map_ok(4 * G1, PA0 + M2, 2 * G1, RW, 0);
	assert_int_equal(query(5 * G1, &run), MM_OK);
	assert_int_equal(run.level, 1);
	finish();
}

static void map_respects_the_cap_and_the_machine(void **state)
{
	struct mm_pt_cfg cfg = { .leaf_levels = 3 };
	struct mm_pt_run run;

	w = *state;
	for (unsigned cap = sim_is_slow() ? 1 : 0; cap < 4; cap++) {
		start(state);
		map_ok(0, PA0, G1, RW, MM_PT_MAX_LEVEL(cap));
		assert_int_equal(query(0, &run), MM_OK);
		assert_int_equal(run.level, cap < 2 ? cap : 2);
		finish();
	}
	start_with(state, &cfg);
	map_ok(0, PA0, 2 * G1, RW, 0);
	assert_int_equal(query(0, &run), MM_OK);
	assert_int_equal(run.level, 1);
	finish();
}

static void both_ends_of_the_address_space_work(void **state)
{
	struct mm_pt_run run;
	struct mm_pt_cur cur;
	uint64_t edge[4];
	unsigned n = 0;

	start(state);
	const struct format *f = w->f;
	if (f->low_end) {
		edge[n++] = 0;
		edge[n++] = f->low_end - K4 + 1;
	}
	if (f->high) {
		edge[n++] = f->high;
		edge[n++] = UINT64_MAX - K4 + 1;
	}
	for (unsigned i = 0; i < n; i++)
		map_ok(edge[i] - f->base, PA0 + i * K4, K4, RW, 0);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(w->query(&pt, edge[i] + 0xfff, &run), MM_OK);
		assert_int_equal(run.pa, PA0 + i * K4 + 0xfff);
		assert_int_equal(run.last, edge[i] + 0xfff);
	}
	protect_ok(edge[n - 1] - f->base, K4, MM_PT_READ);
	for (unsigned i = 0; i < n; i += 2) {
		uint64_t len = edge[i + 1] - edge[i] + K4;
		assert_int_equal(mm_pt_cur_init(&cur, &pt, edge[i], len), MM_OK);
		assert_true(w->next(&cur, &run));
		assert_true(w->next(&cur, &run));
		assert_int_equal(run.attr, 0);
		assert_true(w->next(&cur, &run));
		assert_int_equal(run.last, edge[i] + (len - 1));
		assert_false(w->next(&cur, &run));
		unmap_ok(edge[i] - f->base, len);
	}
	assert_int_equal(ora.live.n, 0);
	/* split right up to the last byte */
	uint64_t end = edge[n - 1] + K4 - f->base;
	map_ok(end - 2 * G1, PA0, 2 * G1, RW, 0);
	unmap_ok(end - G1 + K4, G1 - K4);
	finish();
}

/* ---- what is there already ---- */

static void map_over_something_unwinds_and_says_where(void **state)
{
	start_occupied(state);
	refuse(map(0, PA0, K4, RW, 0), MM_E_EXIST);
	assert_int_equal(stopped(), 0);
	assert_int_equal(g.stop_level, 2);
	refuse(map(G1 + M2, PA0, 2 * K4, RW, 0), MM_E_EXIST);
	assert_int_equal(stopped(), G1 + M2 + K4);
	assert_int_equal(g.stop_level, 0);
	assert_int_equal(g.pages, 0);
	unmap_ok(0, G1);
	sync_and_check();
	hash_before = ora_hash(&ora);
	/* One large leaf would fit but for a page somewhere below: found, and undone. */
	refuse(map(0, PA0, 4 * G1, RW, 0), MM_E_EXIST);
	assert_int_equal(stopped(), G1);
	refuse(map(G1 + M2, PA0, M2, RW, 0), MM_E_EXIST);
	assert_int_equal(stopped(), G1 + M2 + K4);
	sync_and_check();
	refuse(MM_OK, MM_OK);
	finish();
}

static void partial_map_keeps_what_it_did(void **state)
{
	start(state);
	map_ok(M2 + 7 * K4, PA0, K4, RW, 0);
	assert_int_equal(map(0, PA0, 4 * M2, RW, MM_PT_PARTIAL), MM_E_EXIST);
	assert_int_equal(stopped(), M2 + 7 * K4);
	assert_int_equal(g.pages, 512 + 7);
	want_map(0, M2 + 7 * K4 - 1, PA0, RW);
	check();
	ora_fail(&ora, 2, true);
	assert_int_equal(map(G1 - M2, PA0 + K4, 2 * M2, RW, MM_PT_PARTIAL), MM_E_NOMEM);
	assert_int_equal(stopped(), G1);
	want_map(G1 - M2, G1 - 1, PA0 + K4, RW);
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
	assert_int_equal(unmap(0, 2 * G1, 0), MM_E_NOENT);
	assert_int_equal(stopped(), 0);
	finish();
}

static void exact_refuses_any_hole(void **state)
{
	start_occupied(state);
	refuse(unmap(0, 2 * G1, MM_PT_EXACT), MM_E_NOENT);
	assert_int_equal(stopped(), G1 + M2);
	refuse(protect(G1, 2 * M2, RX, MM_PT_EXACT), MM_E_NOENT);
	refuse(unmap(G1 + M2, 2 * K4, MM_PT_EXACT), MM_E_NOENT);
	refuse(protect(4 * G1, K4, RX, 0), MM_E_NOENT);
	assert_int_equal(protect(0, G1 + M2, RX, MM_PT_EXACT), MM_OK);
	want_protect(0, G1 + M2 - 1, RX);
	check();
	assert_int_equal(unmap(0, G1 + M2, MM_PT_EXACT), MM_OK);
	assert_int_equal(g.pages, want_unmap(0, G1 + M2 - 1));
	finish();
}

/* A range that covers exactly one entry of each level, made of the next smaller leaves. */
static void exact_cover_of_every_level(void **state)
{
	w = *state;
	for (unsigned level = 0; level <= w->f->arch->top; level++) {
		for (unsigned flags = 0; flags <= MM_PT_DISCARD; flags += MM_PT_DISCARD) {
			uint64_t len = K4 << (9 * level), va = level > 2 ? 2 * G512 : 64 * G1;
			start(state);
			map_ok(va - len, PA0 + 16 * G512, len, RW, 0);
			map_ok(va, PA0, len, RW, level ? MM_PT_MAX_LEVEL(level - 1) : 0);
			map_ok(va + len, PA0 + 16 * G512, len, RW, 0);
			assert_int_equal(unmap(va, len, flags), MM_OK);
			assert_int_equal(g.pages, len / K4);
			assert_int_equal(want_unmap(va, va + len - 1), len / K4);
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
	assert_int_equal(unmap(M2, 4 * M2, MM_PT_DISCARD), MM_OK);
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
		map_ok(i * M2 + 100 * G1, PA0 + K4, K4, RW, 0);
	unmap_ok(100 * G1, 40 * M2);
	map_ok(60 * M2, PA0, K4, RW, 0);
	sync_and_check();
	hash_before = ora_hash(&ora);
	refuse(map(K4, PA0, 64 * M2, RW, 0), MM_E_EXIST);
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
		sync_and_check();
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
		assert_true(use(size[level] + 8, true));
		want_bits(size[level], 2 * size[level] - 1, MM_PT_ACCESSED | MM_PT_DIRTY);
		assert_true(use(8, false));
		want_bits(0, size[level] - 1, MM_PT_ACCESSED);
		sync_and_check();
		protect_ok(0, 2 * size[level],
			   MM_PT_READ | MM_PT_TRACK); /* dirty moves to software */
		assert_false(use(8, true));
		protect_ok(0, 2 * size[level], RW | MM_PT_TRACK);
		if (level > 0)
			protect_ok(K4, 3 * K4, RX | MM_PT_TRACK); /* a split keeps them too */
		protect_ok(0, 2 * size[level], RW);
		finish();
	}
}

#if MM_HOOKS
static unsigned race_step, race_at;
static bool raced;

/* Hardware writes to the first page, between any two steps of the walker. */
static void race(void)
{
	if (++race_step == race_at)
		raced = use(0, true);
}

/* What an operation tells, or leaves, of the first page. */
static uint32_t race_operation(unsigned kind)
{
	struct mm_pt_run run = { 0 };
	struct mm_pt_cur cur;

	switch (kind) {
	case 0: /* rights */
		assert_int_equal(protect(0, M2, MM_PT_READ | MM_PT_TRACK, 0), MM_OK);
		break;
	case 1: /* more than rights */
		assert_int_equal(protect(0, M2, RW | MM_PT_TRACK | MM_PT_GLOBAL, 0), MM_OK);
		break;
	case 2: /* a split */
		assert_int_equal(unmap(M2 - K4, K4, 0), MM_OK);
		break;
	default:
		assert_int_equal(cur_init(&cur, 0, M2), MM_OK);
		assert_int_equal(unmap_next(&cur, &run), MM_OK);
		return run.attr;
	}
	race_at = 0;
	assert_int_equal(query(0, &run), MM_OK);
	return run.attr;
}
#endif

/* A write that hardware let through is never lost, whenever it comes. */
static void dirty_is_not_lost_at_any_step(void **state)
{
#if MM_HOOKS
	const uint32_t seen = MM_PT_ACCESSED | MM_PT_DIRTY;

	for (unsigned kind = 0; kind < 4; kind++) {
		unsigned n = 1, hits = 0;
		for (bool over = false; !over; n++) {
			start(state);
			map_ok(0, PA0, M2, RW | MM_PT_TRACK, 0);
			race_step = 0;
			race_at = n;
			raced = false;
			sim_step = race;
			uint32_t attr = race_operation(kind);
			sim_step = NULL;
			over = race_step < n;
			assert_true(!raced || (attr & seen) == seen);
			hits += raced;
			ora_check_gather(&ora, &g);
			assert_null(ora.wrong);
			want.n = ora.live.n;
			memcpy(want.run, ora.live.run, want.n * sizeof(want.run[0]));
			finish();
		}
		assert_true(hits > 0);
	}
#else
	(void)state;
	skip();
#endif
}

static void gain_of_rights_needs_no_flush_and_loss_does(void **state)
{
	start(state);
	bool lazy = w->f->arch == &ora_x86_64, order = w->f->arch->must_order;
	map_ok(0, PA0, K4, MM_PT_READ, 0);
	assert_int_equal(g.sync, order);
	assert_false(g.flush);
	sync_and_check();
	protect_ok(0, K4, RW);
	assert_true(!lazy || !(g.flush || g.sync));
	sync_and_check();
	protect_ok(0, K4, RW);
	assert_false(g.flush || g.sync);
	protect_ok(0, K4, RX);
	assert_true(g.flush && !g.tables);
	assert_true(g.start == V(0) && g.last == V(K4 - 1) && g.min_shift == 12);
	sync_and_check();
	protect_ok(0, K4, RX | MM_PT_GLOBAL);
	assert_true(ora.flushes > 0);
	finish();
}

/* Of a large page and a small one in its range what is flushed is as small as either. */
static void small_pages_beside_large_ones_are_noted(void **state)
{
	start(state);
	map_ok(0, PA0, 3 * K4, RW, 0);
	map_ok(M2, 4 * M2, M2, RW, 0);
	map_ok(2 * M2, PA0, 2 * K4, RW, 0);
	map_ok(3 * M2, 4 * M2, M2, RW, 0);
	sync_and_check();
	for (unsigned turn = 0; turn < 2; turn++) { /* the second after a small page alone */
		const uint64_t page = 2 * M2 + turn * K4;
		unmap_ok(turn ? 3 * M2 : M2, M2);
		assert_true(g.flush && g.min_shift == 21);
		unmap_ok(turn ? M2 : 3 * M2, M2);
		assert_true(g.start == V(M2) && g.last == V(4 * M2 - 1) && g.min_shift == 21);
		unmap_ok(page, K4);
		assert_true(g.start == V(M2) && g.last == V(4 * M2 - 1) && g.min_shift == 12);
		unmap_ok(turn * K4, K4);
		assert_true(g.start == V(turn * K4) && g.last == V(4 * M2 - 1) && g.min_shift == 12);
		sync_and_check();
		if (turn == 0) {
			map_ok(0, PA0, K4, RW, 0);
			map_ok(M2, 4 * M2, M2, RW, 0);
			map_ok(3 * M2, 4 * M2, M2, RW, 0);
			unmap_ok(2 * K4, K4);
			assert_true(g.start == V(2 * K4) && g.last == V(3 * K4 - 1) && g.min_shift == 12);
			sync_and_check();
		}
	}
	finish();
}

/* What the format can express, by its manual. */
static bool can_express(uint32_t attr)
{
	uint32_t rights = attr & (RX | MM_PT_WRITE), type = attr & MM_PT_TYPE;
	bool svpbmt = w->f->types || ora.features;

	if (!w->f->exec_only && !(rights & MM_PT_READ))
		return false;
	if ((rights & RW) == MM_PT_WRITE)
		return false;
	return w->f->types || type == MM_PT_WB ||
	       (svpbmt && (type == MM_PT_WC || type == MM_PT_DEVICE));
}

static void attribute_round_trip(unsigned level, uint32_t attr)
{
	uint64_t len = K4 << (9 * level), at = 3 * len;
	uint64_t pa = level == 3 ? 2 * G512 : PA0;
	struct mm_pt_run run;

	if (!can_express(attr)) {
		assert_int_equal(map(at, pa, len, attr, 0), MM_E_NOTSUP);
		return;
	}
	map_ok(at, pa, len, attr, 0);
	assert_int_equal(query(at, &run), MM_OK);
	assert_int_equal(run.attr, ora_told(attr));
	assert_int_equal(run.level, level);
	assert_int_equal(ora_walk(&ora, V(at)).attr, run.attr);
	protect_ok(at, len, MM_PT_READ);
	protect_ok(at, len, attr);
	assert_int_equal(query(at, &run), MM_OK);
	assert_int_equal(run.attr & ~(uint32_t)(MM_PT_ACCESSED | MM_PT_DIRTY),
			 attr & ~(uint32_t)MM_PT_TRACK);
	unmap_ok(at, len);
	sync_and_check();
}

/* All attributes at all levels, mapped and set later, seen by query and MMU. What cannot be
 * expressed is refused. */
static void attributes_round_trip(void **state)
{
	struct mm_pt_cfg cfg = { .allow_wx = true, .pa_bits = 46 };

	w = *state;
	cfg.set_bits = UINT64_C(1) << w->f->c_bit;
	for (uint32_t features = 0; features < (w->f->types ? 1 : 2); features++) {
		cfg.features = features; /* MM_PT_RISCV64_SVPBMT */
		start_with(state, &cfg);
		for (unsigned level = 0; level <= w->f->leaf; level++)
			for (uint32_t bits = 0; bits < 64; bits++)
				for (uint32_t type = 0; type <= MM_PT_DEVICE; type += 1u << 8)
					if (bits & (RX | MM_PT_WRITE))
						attribute_round_trip(level, bits | type);
		finish();
	}
}

/* ---- cursors ---- */

static void cursor_cuts_leaves_and_folds_holes(void **state)
{
	struct mm_pt_cur cur;
	struct mm_pt_run run;

	start_occupied(state);
	assert_int_equal(cur_init(&cur, G1 - K4, M2 + 9 * K4), MM_OK);
	assert_true(next(&cur, &run));
	assert_true(run.va == G1 - K4 && run.last == G1 - 1 && run.pa == PA0 + G1 - K4 &&
		    run.level == 2);
	assert_true(next(&cur, &run));
	assert_true(run.va == G1 && run.last == G1 + M2 - 1 && run.level == 1);
	assert_true(next(&cur, &run));
	assert_true(run.va == G1 + M2 && run.last == G1 + M2 + K4 - 1 && run.attr == 0);
	assert_true(next(&cur, &run));
	assert_true(run.va == G1 + M2 + K4 && run.pa == PA0 && run.level == 0);
	assert_true(next(&cur, &run));
	assert_true(run.attr == 0 && run.last == G1 + M2 + 8 * K4 - 1);
	assert_false(next(&cur, &run));
	assert_int_equal(cur_init(&cur, 4 * G1, 200 * G1), MM_OK);
	assert_true(next(&cur, &run));
	assert_true(run.attr == 0 && run.va == 4 * G1 && run.last == 204 * G1 - 1);
	assert_false(next(&cur, &run));
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
	assert_true(use(M2, true));
	assert_int_equal(cur_init(&cur, M2 - 2 * K4, G1), MM_OK);
	want_bits(M2, 2 * M2 - 1, MM_PT_ACCESSED | MM_PT_DIRTY);
	while (unmap_next(&cur, &run) == MM_OK) {
		assert_true(run.va >= M2 - 2 * K4 && run.last < G1 + M2 - 2 * K4);
		assert_int_equal(run.attr & MM_PT_DIRTY, run.va == M2 ? MM_PT_DIRTY : 0);
		assert_int_equal(g.pages, want_unmap(run.va, run.last));
		check();
		n++;
	}
	assert_int_equal(n, 2 + 1 + 1 + 510); /* the large leaf was split for its last part */
	assert_int_equal(unmap_next(&cur, &run), MM_E_NOENT);
	finish();
}

static void cursors_survive_what_others_do(void **state)
{
	struct mm_pt_cur cur;
	struct mm_pt_run run;

	start(state);
	map_ok(0, PA0, 2 * K4, RW, 0);
	assert_int_equal(cur_init(&cur, 0, 4 * K4), MM_OK);
	assert_true(next(&cur, &run));
	unmap_ok(0, 2 * K4); /* the table that the cursor stood in goes away */
	sync_and_check();
	assert_int_equal(ora.used, 1);
	assert_true(next(&cur, &run));
	assert_true(run.va == K4 && run.attr == 0 && run.last == 4 * K4 - 1);
	assert_null(ora.wrong);
	finish();
}

/* What one cursor, or a question, looks at between two steps of another is no matter to that. */
static void cursors_move_beside_each_other(void **state)
{
	struct mm_pt_cur cur[2];
	struct mm_pt_run run;

	start(state);
	for (uint64_t k = 0; k < 16; k++) {
		map_ok(k * K4, PA0 + 2 * k * K4, K4, RW, 0);
		map_ok(G1 + k * K4, PA0 + G1 + 2 * k * K4, K4, RW, 0); /* in a table of its own */
	}
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(cur_init(&cur[i], i * G1, 16 * K4), MM_OK);
	for (uint64_t k = 0; k < 16; k++) {
		for (unsigned i = 0; i < 2; i++) {
			assert_true(next(&cur[i], &run));
			assert_true(run.va == i * G1 + k * K4 && run.pa == PA0 + i * G1 + 2 * k * K4);
		}
		assert_int_equal(query(G1 + 15 * K4, &run), MM_OK);
		assert_true(run.pa == PA0 + G1 + 30 * K4);
	}
	assert_false(next(&cur[0], &run) || next(&cur[1], &run));
	finish();
}

/* Calls for one page remember a table above the page's. */
static void single_pages_find_what_others_did(void **state)
{
	start(state);
	map_ok(0, PA0, K4, RW, 0);
	map_ok(K4, PA0, K4, RW, 0);
	unmap_ok(0, 2 * K4); /* tables go, up to the root */
	map_ok(2 * K4, PA0, K4, RW, 0);
	map_ok(K4, PA0, K4, RW, 0);
	map_ok(G1 + K4, PA0, K4, RW, 0); /* in other tables */
	map_ok(3 * K4, PA0, K4, RW, 0);
	unmap_ok(G1 + K4, K4);
	sync_and_check();
	assert_int_equal(unmap(G1 + 2 * K4, K4, 0), MM_E_NOENT);
	map_ok(G1 + 2 * K4, PA0, K4, RW, 0);
	unmap_ok(2 * K4, K4);
	map_ok(2 * K4, PA0, K4, RW, 0);
	finish();
}

/* Page @i of a table, alone or, with a cursor, one of a batch. */
static void unmap_one(uint64_t i, bool batch)
{
	mm_paddr_t pa;
	struct mm_pt_leaves one = { .pa = &pa, .room = 1 };
	struct mm_pt_cur cur;

	if (batch) {
		assert_int_equal(cur_init(&cur, i * K4, K4), MM_OK);
		assert_int_equal(w->unmap_leaves(&pt, &cur, &g, &one), MM_OK);
	} else {
		assert_int_equal(unmap(i * K4, K4, 0), MM_OK);
	}
	want_unmap(i * K4, i * K4 + (K4 - 1));
}

/* A table stays as long as a page is in it, and goes with the last, in whatever order and way they go: page @k of the
 * order is @first + @k * @step. What is looked at is which pages are there, that no table is empty, and what a table
 * says of itself (mm_pt_verify()). */
static void goes_with_the_last(void **state, uint64_t first, uint64_t step)
{
	const uint64_t n = 512;

	start(state);
	map_ok(0, PA0, M2, RW, MM_PT_MAX_LEVEL(0));
	for (uint64_t k = 0; k < n; k++) {
		uint64_t i = (first + k * step) % n;
		assert_int_equal(ora.reachable, (uint64_t)ora.arch->top + 1);
		unmap_one(i, k % 5 == 4);
		if (k % 16 == 15 || k > n - 16 || k < 4)
			check();
		if (k % 64 == 9) { /* back for a while: a page, and the first of all */
			map_ok(i * K4, PA0, K4, RW, 0);
			unmap_ok(i * K4, K4);
			uint64_t taken = 0;
			if (!set_overlaps(&want, V(0), V(K4 - 1), &taken)) {
				map_ok(0, PA0, K4, RW, 0);
				unmap_ok(0, K4);
			}
		}
	}
	sync_and_check();
	assert_int_equal(ora.used, 1);
	finish();
}

static void a_table_goes_with_its_last_page(void **state)
{
	goes_with_the_last(state, 0, 1);
	goes_with_the_last(state, 511, 511); /* downwards */
	goes_with_the_last(state, 100, 1);
	goes_with_the_last(state, 7, 181);
	goes_with_the_last(state, 300, 331);
}

/* Whoever clears entries must not leave behind that one of them is in use. */
static void what_a_table_says_of_itself_stays_true(void **state)
{
	static const struct {
		uint64_t page, n;
	} gone[] = { { 505, 7 }, { 497, 8 }, { 496, 1 }, { 400, 96 }, { 1, 8 }, { 398, 2 } };

	start(state);
	map_ok(K4, PA0, M2 - K4, RW, MM_PT_MAX_LEVEL(0));
	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
		unmap_ok((200 + i) * K4, K4); /* finds a witness, if there is none */
		unmap_ok(gone[i].page * K4, gone[i].n * K4);
		unmap_ok((250 + i) * K4, K4);
	}
	assert_int_equal(map(0, PA0, M2, RW, MM_PT_MAX_LEVEL(0)), MM_E_EXIST); /* writes the first entry, and takes it back */
	check();
	unmap_ok(0, M2);
	sync_and_check();
	assert_int_equal(ora.used, 1);
	finish();
}

/* What is refused for its arguments has changed no page and got no further than its first byte, whatever an operation
 * before it said. */
static void what_is_refused_says_so_in_the_gather(void **state)
{
	static mm_paddr_t list[1] = { PA0 };

	start(state);
	map_ok(G1, PA0, 7 * K4, RW, 0);
	for (unsigned k = 0; k < 14; k++) {
		const uint64_t va = k == 5 ? K4 + 1 : K4;
		enum mm_status st = MM_OK;
		g.pages = 77;
		g.stop_va = 99;
		switch (k) {
		case 0: st = map(va, PA0, K4, RW | MM_PT_EXEC, MM_PT_PARTIAL); break;
		case 1: st = map(va, PA0 + 1, K4, RW, MM_PT_PARTIAL); break;
		case 2: st = map(va, PA0, 0, RW, MM_PT_PARTIAL); break;
		case 3: st = map(va, PA0, K4, RW, 1u << 31); break;
		case 4: st = map(va, ~(K4 - 1), K4, RW, MM_PT_PARTIAL); break;
		case 5: st = map(va, PA0, K4, RW, MM_PT_PARTIAL); break;
		case 6: st = w->map_list(&pt, V(va), list, 1, RW | MM_PT_EXEC, MM_PT_PARTIAL, &g); break;
		case 7: st = w->map_list(&pt, V(va), list, 0, RW, 0, &g); break;
		case 8: st = unmap(va, 0, 0); break;
		case 9: st = unmap(va, K4, 1u << 31); break;
		case 10: st = protect(va, K4, RW | MM_PT_EXEC, 0); break;
		case 11: st = protect(va, K4 + 1, RW, 0); break;
		case 12: st = mm_pt_split(&pt, V(va), K4, 1, &g); break;
		default: st = mm_pt_collapse(&pt, V(va), 0, 0, &g); break;
		}
		if (st == MM_OK || st == MM_E_NOENT || g.pages || stopped() != va)
			fail_msg("%u: %d, %llu pages, %llx", k, (int)st, (unsigned long long)g.pages, (unsigned long long)g.stop_va);
	}
	finish();
}

/* Where nothing is mapped, the first entry is told, however far the look went. */
static void a_range_without_pages_is_told_by_its_first_entry(void **state)
{
	start(state);
	map_ok(M2 + 5 * K4, PA0, K4, RW, 0);
	for (unsigned k = 0; k < 2; k++) {
		assert_int_equal(k ? unmap(0, M2 + 5 * K4, 0) : protect(0, M2 + 5 * K4, MM_PT_READ, 0), MM_E_NOENT);
		assert_int_equal(stopped(), 0);
		assert_int_equal(g.stop_level, 1);
		assert_int_equal(k ? unmap(M2 + 3 * K4, 2 * K4, 0) : protect(M2 + 3 * K4, 2 * K4, MM_PT_READ, 0), MM_E_NOENT);
		assert_int_equal(stopped(), M2 + 3 * K4);
		assert_int_equal(g.stop_level, 0);
	}
	finish();
}

/* What is wrong with a call for one page is told as of a range. */
static void one_page_is_refused_as_a_range_is(void **state)
{
	struct mm_pt none = { 0 };

	start(state);
	assert_int_equal(w->map_page(&pt, V(G1), PA0, UINT32_MAX, &g), MM_E_INVAL); /* nor before all others */
	assert_int_equal(w->map(&pt, V(G1), PA0, K4, UINT32_MAX, 0, &g), MM_E_INVAL);
	assert_int_equal(w->map_list(&pt, V(G1), &(mm_paddr_t){ PA0 }, 1, UINT32_MAX, 0, &g), MM_E_INVAL);
	map_ok(0, PA0, M2, RW, 0);
	hash_before = ora_hash(&ora);
	refuse(w->map_page(NULL, V(G1), PA0, RW, &g), MM_E_INVAL);
	refuse(w->map_page(&pt, V(G1), PA0, RW, NULL), MM_E_INVAL);
	refuse(w->map_page(&none, V(G1), PA0, RW, &g), MM_E_STATE);
	refuse(w->map_page(&pt, V(G1), PA0, 0, &g), MM_E_INVAL);
	refuse(w->map_page(&pt, V(G1), PA0, UINT32_MAX, &g), MM_E_INVAL);
	refuse(w->map_page(&pt, V(G1), PA0, RW | MM_PT_EXEC, &g), MM_E_PERM);
	refuse(w->map_page(&pt, V(G1), PA0 + 1, RW, &g), MM_E_ALIGN);
	refuse(w->map_page(&pt, V(G1) + 1, PA0, RW, &g), MM_E_ALIGN);
	refuse(w->map_page(&pt, V(G1), (mm_paddr_t)(pt.pa_last + 1), RW, &g), MM_E_RANGE);
	refuse(w->map_page(&pt, w->f->high - K4, PA0, RW, &g), MM_E_RANGE);
	refuse(w->map_page(&pt, V(K4), PA0, RW, &g), MM_E_EXIST);
	refuse(w->unmap_page(NULL, V(0), &g), MM_E_INVAL);
	refuse(w->unmap_page(&pt, V(0), NULL), MM_E_INVAL);
	refuse(w->unmap_page(&none, V(0), &g), MM_E_STATE);
	refuse(w->unmap_page(&pt, V(1), &g), MM_E_ALIGN);
	refuse(w->unmap_page(&pt, w->f->high - K4, &g), MM_E_RANGE);
	refuse(w->unmap_page(&pt, V(M2), &g), MM_E_NOENT);
	ora_fail(&ora, 1, false);
	refuse(w->unmap_page(&pt, V(K4), &g), MM_E_NOMEM); /* of a large leaf, which is split */
	ora_fail(&ora, 0, false);
	unmap_ok(K4, K4);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_refused_says_so_in_the_gather),
		cmocka_unit_test(a_range_without_pages_is_told_by_its_first_entry),
		cmocka_unit_test(one_page_is_refused_as_a_range_is),
		cmocka_unit_test(a_table_goes_with_its_last_page),
		cmocka_unit_test(what_a_table_says_of_itself_stays_true),
		cmocka_unit_test(map_takes_the_largest_leaves_that_fit),
		cmocka_unit_test(frames_out_of_step_get_small_leaves),
		cmocka_unit_test(map_respects_the_cap_and_the_machine),
		cmocka_unit_test(both_ends_of_the_address_space_work),
		cmocka_unit_test(map_over_something_unwinds_and_says_where),
		cmocka_unit_test(partial_map_keeps_what_it_did),
		cmocka_unit_test(unmap_passes_over_holes_and_counts),
		cmocka_unit_test(exact_refuses_any_hole),
		cmocka_unit_test(exact_cover_of_every_level),
		cmocka_unit_test(discard_counts_whole_tables),
		cmocka_unit_test(a_full_gather_flushes_by_itself),
		cmocka_unit_test(splits_at_both_edges),
		cmocka_unit_test(protect_keeps_accessed_and_dirty),
		cmocka_unit_test(dirty_is_not_lost_at_any_step),
		cmocka_unit_test(gain_of_rights_needs_no_flush_and_loss_does),
		cmocka_unit_test(small_pages_beside_large_ones_are_noted),
		cmocka_unit_test(attributes_round_trip),
		cmocka_unit_test(cursor_cuts_leaves_and_folds_holes),
		cmocka_unit_test(unmap_next_visits_every_leaf_once),
		cmocka_unit_test(cursors_survive_what_others_do),
		cmocka_unit_test(cursors_move_beside_each_other),
		cmocka_unit_test(single_pages_find_what_others_did),
	};
	return run_for_all("pt", tests, sizeof(tests) / sizeof(tests[0]));
}
