/* SPDX-License-Identifier: MIT */
/* Page tables: lists of frames, leaves by the batch, addresses alone, and leaves that look different in
 * one group of entries, for every format and both instances of the walker. */
#include <mmlib/pt_formats.h>
#include <mmlib/pt_tree.h>
#include "pt_fixture.h"

#define LIST 1100u /* pages in three tables */

static mm_paddr_t list[LIST], found[LIST];
static uint32_t attrs[LIST];

/* Frames that are no neighbours, and some that are. */
static void list_make(uint32_t n)
{
	for (uint32_t k = 0; k < n; k++)
		list[k] = (mm_paddr_t)(PA0 + (k % 7 == 3 ? k : (k * 37 + 5) % 2048 + 4096) * K4);
}

static enum mm_status map_list(uint64_t off, size_t n, uint32_t attr, uint32_t flags)
{
	return w->map_list(&pt, V(off), list, n, attr, flags, &g);
}

static void want_list(uint64_t off, size_t n, uint32_t attr)
{
	for (size_t k = 0; k < n; k++)
		want_map(off + k * K4, off + k * K4 + K4 - 1, list[k], attr);
}

/* ---- map_list ---- */

static void a_list_is_mapped_in_order(void **state)
{
	static const struct {
		uint64_t off;
		uint32_t n;
	} at[] = { { 0, 1 }, { 5 * K4, 8 }, { 3 * K4, 23 }, { M2 - 13 * K4, LIST } };
	mm_paddr_t pa = 0;

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		start(state);
		list_make(at[i].n);
		assert_int_equal(map_list(at[i].off, at[i].n, RW, 0), MM_OK);
		assert_int_equal(g.pages, at[i].n);
		want_list(at[i].off, at[i].n, RW);
		check();
		for (uint32_t k = 0; k < at[i].n; k += 11) {
			assert_int_equal(w->translate(&pt, V(at[i].off + k * K4 + 9), &pa), MM_OK);
			assert_int_equal(pa, list[k] + 9);
		}
		unmap_ok(at[i].off, at[i].n * K4);
		finish();
	}
}

static void lists_that_make_no_sense_are_refused(void **state)
{
	struct mm_pt_cfg cfg = { .pa_bits = 40 };
	struct mm_pt none = { 0 };

	start_with(state, &cfg);
	map_ok(0, PA0, K4, RW, 0);
	list_make(20);
	hash_before = ora_hash(&ora);
	refuse(w->map_list(NULL, V(M2), list, 1, RW, 0, &g), MM_E_INVAL);
	refuse(w->map_list(&none, V(M2), list, 1, RW, 0, &g), MM_E_STATE);
	refuse(w->map_list(&pt, V(M2), NULL, 1, RW, 0, &g), MM_E_INVAL);
	refuse(w->map_list(&pt, V(M2), list, 1, RW, 0, NULL), MM_E_INVAL);
	refuse(map_list(M2, 0, RW, 0), MM_E_INVAL);
	refuse(map_list(M2, SIZE_MAX, RW, 0), MM_E_INVAL);
	refuse(map_list(M2 + 8, 1, RW, 0), MM_E_ALIGN);
	refuse(map_list(M2, 1, 0, 0), MM_E_INVAL);
	refuse(map_list(M2, 1, RW | MM_PT_EXEC, 0), MM_E_PERM);
	refuse(map_list(M2, 1, RW, MM_PT_EXACT), MM_E_INVAL);
	refuse(map_list(M2, 1, RW, MM_PT_MAX_LEVEL(0)), MM_E_INVAL);
	for (uint32_t k = 0; k < 20; k++) {
		mm_paddr_t good = list[k];
		list[k] = good + 0x800;
		refuse(map_list(M2, 20, RW, 0), MM_E_ALIGN);
		assert_int_equal(stopped(), M2 + k * K4);
		list[k] = (mm_paddr_t)(UINT64_C(1) << 40);
		refuse(map_list(M2, 20, RW, MM_PT_PARTIAL), MM_E_RANGE);
		assert_int_equal(stopped(), M2 + k * K4);
		list[k] = good;
	}
	list[19] = (mm_paddr_t)((UINT64_C(1) << 40) - K4); /* the last frame */
	assert_int_equal(map_list(M2, 20, RW, 0), MM_OK);
	want_list(M2, 20, RW);
	finish();
}

static void a_list_over_something_unwinds_or_stops(void **state)
{
	for (uint32_t k = 0; k < 30; k++) {
		start(state);
		list_make(30);
		map_ok(M2 - 9 * K4 + k * K4, PA0, K4, RW, 0);
		hash_before = ora_hash(&ora);
		refuse(map_list(M2 - 9 * K4, 30, RW, 0), MM_E_EXIST);
		assert_int_equal(stopped(), M2 - 9 * K4 + k * K4);
		assert_int_equal(g.pages, 0);
		sync_and_check();
		refuse(MM_OK, MM_OK);
		assert_int_equal(map_list(M2 - 9 * K4, 30, RW, MM_PT_PARTIAL), MM_E_EXIST);
		assert_int_equal(g.pages, k);
		want_list(M2 - 9 * K4, k, RW);
		finish();
	}
}

static void every_allocation_for_a_list_may_fail(void **state)
{
	unsigned n;

	for (n = 1;; n++) {
		start_occupied(state);
		list_make(LIST);
		ora_fail(&ora, n, n & 1);
		enum mm_status st = map_list(64 * G1 - M2 - K4, LIST, RW, 0);
		if (st == MM_OK)
			break;
		refuse(st, MM_E_NOMEM);
		sync_and_check();
		refuse(MM_OK, MM_OK);
		assert_true(n < 20);
	}
	assert_true(n > 4);
	want_list(64 * G1 - M2 - K4, LIST, RW);
	finish();
}

/* Unmapped, and a list mapped there before the flush. */
static void a_list_in_place_of_others_breaks_where_it_must(void **state)
{
	start(state);
	bool breaks = ora.arch->must_break;
	list_make(16);
	map_ok(0, PA0, 32 * K4, RW, 0);
	sync_and_check();
	ora.flushes = 0;
	unmap_ok(4 * K4, 16 * K4);
	assert_int_equal(map_list(4 * K4, 16, RW, 0), MM_OK);
	want_list(4 * K4, 16, RW);
	check();
	assert_int_equal(ora.flushes, breaks ? 1 : 0);
	finish();
}

/* ---- one address ---- */

static void translate_says_what_query_says(void **state)
{
	static const uint64_t at[] = { 0,           5,       G1 - 1,       G1,
				       G1 + M2 - 1, G1 + M2, G1 + M2 + K4, G1 + M2 + 2 * K4,
				       4 * G1,      64 * G1 };
	struct mm_pt none = { 0 };
	struct mm_pt_run run;

	start_occupied(state);
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		mm_paddr_t pa = 7;
		enum mm_status st = query(at[i], &run);
		assert_int_equal(w->translate(&pt, V(at[i]), &pa), st);
		assert_true(pa == (st == MM_OK ? run.pa : 7));
	}
	mm_paddr_t pa = 7;
	uint64_t beyond = w->f->low_end ? w->f->low_end + 1 : 0;
	assert_int_equal(w->translate(&pt, beyond, &pa), MM_E_RANGE);
	assert_int_equal(w->translate(NULL, V(0), &pa), MM_E_INVAL);
	assert_int_equal(w->translate(&pt, V(0), NULL), MM_E_INVAL);
	assert_int_equal(w->translate(&none, V(0), &pa), MM_E_STATE);
	assert_int_equal(pa, 7);
	finish();
}

static enum mm_status translate(uint64_t off, mm_paddr_t *pa)
{
	return w->translate(&pt, V(off), pa);
}

/* W7 of pt_walk.inc. What is discarded is in its tables yet. */
static void translate_takes_no_way_that_is_gone(void **state)
{
	const uint64_t at = 5 * K4 + 7;
	mm_paddr_t pa = 0;

	start(state);
	for (uint64_t off = 0; off <= 8 * G1; off += 4 * G1) {
		map_ok(off, PA0 + K4, M2, RW, 0);
		assert_int_equal(translate(off + at, &pa), MM_OK);
		assert_true(pa == PA0 + K4 + at);
		assert_int_equal(translate(off + G1 + at, &pa), MM_E_NOENT);
		assert_int_equal(unmap(off, G1, MM_PT_DISCARD), MM_OK);
		want_unmap(off, off + G1 - 1);
		assert_int_equal(translate(off + at, &pa), MM_E_NOENT);
		sync_and_check();
		map_ok(off, PA0, K4, RW, 0);
		unmap_ok(off, K4);
		assert_int_equal(translate(off, &pa), MM_E_NOENT);
	}
	finish();
}

/* The other way round: each has its way, whoever was mapped last. */
static void translate_goes_everywhere(void **state)
{
	mm_paddr_t pa = 0;

	start(state);
	for (uint64_t off = 0; off <= 8 * G1; off += 2 * G1) {
		map_ok(off, PA0 + off + K4, 4 * K4, RW, 0);
		for (uint64_t seen = 0; seen <= 8 * G1; seen += G1) {
			bool mapped = seen <= off && seen % (2 * G1) == 0;
			assert_int_equal(translate(seen + K4, &pa), mapped ? MM_OK : MM_E_NOENT);
			assert_true(!mapped || pa == PA0 + seen + 2 * K4);
		}
	}
	finish();
}

/* Who asks while what was cut goes back is told of it, and does not walk what may be somebody else's by now. */
static enum mm_status told;

static void ask_flush(void *ctx, const struct mm_tlb_gather *gather)
{
	mm_paddr_t pa;

	told = w->translate(&pt, V(MM_GATHER_TABLES * G1), &pa);
	ora.env.flush(ctx, gather);
}

static void translate_while_tables_go_back(void **state)
{
	const uint64_t last = MM_GATHER_TABLES * G1;

	start(state);
	struct mm_pt_env env = ora.env;
	env.flush = ask_flush;
	pt.env = &env;
	for (uint64_t off = 0; off <= last; off += G1)
		map_ok(off, PA0, 2 * K4, RW, 0);
	assert_int_equal(unmap(0, last, MM_PT_DISCARD), MM_OK); /* as many tables as a gather keeps */
	want_unmap(0, last - 1);
	unmap_ok(last + K4, K4);
	told = MM_OK;
	assert_int_equal(unmap(last, G1, MM_PT_DISCARD), MM_OK);
	want_unmap(last, last + G1 - 1);
	assert_int_equal(told, MM_E_NOENT);
	finish();
}

/* ---- readers without a lock ---- */

#if MM_HOOKS && !MM_PT_WINDOW /* there are none with windows */
static mm_paddr_t later[64]; /* tables that go when no reader is left */
static size_t later_bytes[64];
static unsigned nlater, overtake_step, overtake_at;
static void (*overtaker)(void);

static void free_later(void *ctx, mm_paddr_t pa, size_t bytes)
{
	(void)ctx;
	assert_true(nlater < 64);
	later[nlater] = pa;
	later_bytes[nlater++] = bytes;
}

static void readers_are_gone(void)
{
	while (nlater > 0) {
		nlater--;
		ora.env.free_table(ora.env.ctx, later[nlater], later_bytes[nlater]);
	}
}

static void overtake(void)
{
	if (++overtake_step == overtake_at) {
		sim_step = NULL;
		overtaker();
	}
}

/* What others do meanwhile: the page goes, its tables with it, or changes, or gets others beside it. */
static void the_page_goes(void)
{
	assert_int_equal(unmap(G1 + K4, K4, 0), MM_OK);
	mm_pt_sync(&pt, &g);
}

static void the_page_moves(void)
{
	the_page_goes();
	assert_int_equal(map(G1 + K4, PA0 + M2, K4, RW, 0), MM_OK);
	mm_pt_sync(&pt, &g);
}

static void others_come_and_go(void)
{
	assert_int_equal(map(G1 + 2 * K4, PA0, 7 * K4, RW, 0), MM_OK);
	assert_int_equal(unmap(0, G1, MM_PT_DISCARD), MM_OK);
	mm_pt_sync(&pt, &g);
	assert_int_equal(unmap(G1 + 2 * K4, 7 * K4, 0), MM_OK);
	mm_pt_sync(&pt, &g);
}

/* One question, overtaken at its @at-th step. True: it has fewer. */
static bool question(unsigned way, unsigned at, mm_paddr_t *told_pa)
{
	struct mm_pt_run run = { .pa = 0 };
	mm_paddr_t pa = 0;

	overtake_step = 0;
	overtake_at = at;
	sim_step = overtake;
	enum mm_status st = way ? w->translate(&pt, V(G1 + K4), &pa) : w->query(&pt, V(G1 + K4), &run);
	bool over = sim_step;
	sim_step = NULL;
	assert_true(st == MM_OK || st == MM_E_NOENT);
	*told_pa = st == MM_OK ? (way ? pa : run.pa) : 0;
	return over;
}
#endif

/* Who asks beside a writer is told what was or what is, if tables go back when he has left only. */
static void a_reader_that_is_overtaken_is_told_what_was_or_is(void **state)
{
#if MM_HOOKS && !MM_PT_WINDOW
	void (*const writers[])(void) = { the_page_goes, the_page_moves, others_come_and_go };
	unsigned steps = 0;

	for (unsigned k = 0; k < 6; k++) {
		unsigned at = 1;
		for (bool over = false; !over; at++, steps++) {
			mm_paddr_t found;
			start(state);
			struct mm_pt_env env = ora.env;
			env.free_table = free_later;
			pt.env = &env;
			ora.pt = NULL; /* which does not know of two at a time */
			overtaker = writers[k % 3];
			assert_int_equal(map(0, PA0, K4, RW, 0), MM_OK);
			assert_int_equal(map(G1 + K4, PA0, K4, RW, 0), MM_OK);
			mm_pt_sync(&pt, &g);
			over = question(k / 3, at, &found);
			if (k % 3 == 2)
				assert_true(found == PA0);
			else
				assert_true(found == PA0 || found == 0 || (k % 3 == 1 && found == PA0 + M2));
			readers_are_gone();
			assert_int_equal(mm_pt_verify(&pt, NULL), MM_OK);
			pt.env = &ora.env;
			assert_int_equal(mm_pt_destroy(&pt), MM_OK);
			assert_int_equal(ora.used, 0);
			assert_null(ora.wrong);
		}
	}
	assert_true(steps > 6 * 3);
#else
	(void)state;
	skip();
#endif
}

#if MM_HOOKS && !MM_PT_WINDOW
static void they_become_one(void)
{
	assert_int_equal(mm_pt_collapse(&pt, V(G1), M2, 0, &g), MM_OK);
	mm_pt_sync(&pt, &g);
}

static void they_become_many(void)
{
	assert_int_equal(mm_pt_split(&pt, V(G1), M2, MM_PT_MAX_LEVEL(0), &g), MM_OK);
	mm_pt_sync(&pt, &g);
}

static void they_become_one_and_many(void)
{
	they_become_one();
	they_become_many();
}

static void they_become_many_and_one(void)
{
	they_become_many();
	they_become_one();
}

/* The frames after it, so that a page is told that is the sum of an old one and a new one. */
static void others_come_in_their_place(void)
{
	assert_int_equal(unmap(G1, M2, MM_PT_DISCARD), MM_OK);
	mm_pt_sync(&pt, &g);
	assert_int_equal(map(G1, PA0 + M2, M2, MM_PT_READ, 0), MM_OK);
	mm_pt_sync(&pt, &g);
}

static void others_come_in_its_place(void)
{
	assert_int_equal(unmap(G1, M2, 0), MM_OK);
	mm_pt_sync(&pt, &g);
	assert_int_equal(map(G1, PA0 + M2, M2, MM_PT_READ, MM_PT_MAX_LEVEL(0)), MM_OK);
	mm_pt_sync(&pt, &g);
}
#endif

/* The same where sizes change meanwhile. */
static void a_reader_that_is_overtaken_by_another_size_is_told_what_was_or_is(void **state)
{
#if MM_HOOKS && !MM_PT_WINDOW
	static const struct {
		void (*writer)(void);
		bool small, moves;
	} ways[] = { { they_become_one, true, false },	       { they_become_one_and_many, true, false },
		     { they_become_many, false, false },       { they_become_many_and_one, false, false },
		     { others_come_in_their_place, true, true }, { others_come_in_its_place, false, true } };

	for (unsigned k = 0; k < 12; k++) {
		unsigned at = 1;
		for (bool over = false; !over; at++) {
			mm_paddr_t found;
			start(state);
			struct mm_pt_env env = ora.env;
			env.free_table = free_later;
			pt.env = &env;
			ora.pt = NULL; /* which does not know of two at a time */
			overtaker = ways[k % 6].writer;
			assert_int_equal(map(G1, PA0, M2, RW, ways[k % 6].small ? MM_PT_MAX_LEVEL(0) : 0), MM_OK);
			mm_pt_sync(&pt, &g);
			over = question(k / 6, at, &found);
			assert_true(found == PA0 + K4 || (found == 0 && w->f->arch->must_break) ||
				    (ways[k % 6].moves && (found == PA0 + M2 + K4 || found == 0)));
			readers_are_gone();
			assert_int_equal(mm_pt_verify(&pt, NULL), MM_OK);
			pt.env = &ora.env;
			assert_int_equal(mm_pt_destroy(&pt), MM_OK);
			assert_int_equal(ora.used, 0);
			assert_null(ora.wrong);
		}
	}
#else
	(void)state;
	skip();
#endif
}

#if !MM_PT_WINDOW
/* Tables that lie so high that a shortcut has no room for where they are. */
static mm_paddr_t lift;

static enum mm_status high_alloc(void *ctx, size_t bytes, mm_paddr_t *pa)
{
	enum mm_status st = ora.env.alloc_table(ctx, bytes, pa);

	*pa += lift;
	return st;
}

static void high_free(void *ctx, mm_paddr_t pa, size_t bytes)
{
	ora.env.free_table(ctx, pa - lift, bytes);
}

static void *high_virt(void *ctx, mm_paddr_t pa)
{
	assert_true(pa >= lift);
	return ora.env.to_virt(ctx, pa - lift);
}

static void no_flush(void *ctx, const struct mm_tlb_gather *gather)
{
	(void)ctx;
	(void)gather;
}

static void translate_with_tables_that_lie_high(void **state)
{
	const struct mm_pt_port *port = mm_pt_format(*(const enum mm_pt_format *)*state);
	mm_paddr_t pa = 0;

	if (!ora.mem)
		ora_init(&ora, 0x80000000, ROOM);
	const struct mm_pt_env env = { .ctx = &ora, .alloc_table = high_alloc, .free_table = high_free,
				       .to_virt = high_virt, .flush = no_flush };
	for (unsigned bit = 40; bit < port->pa_bits; bit++) {
		ora_reset(&ora);
		g = (struct mm_tlb_gather){ 0 };
		lift = (mm_paddr_t)1 << bit;
		assert_int_equal(mm_pt_init(&pt, port, &env, NULL), MM_OK);
		assert_int_equal(mm_pt_map(&pt, 0, PA0, K4, RW, 0, &g), MM_OK);
		assert_int_equal(mm_pt_translate(&pt, 5, &pa), MM_OK);
		assert_true(pa == PA0 + 5);
		for (unsigned b = 13; b < port->va_bits - 1u; b++)
			assert_int_equal(mm_pt_translate(&pt, UINT64_C(1) << b, &pa), MM_E_NOENT);
		mm_pt_sync(&pt, &g);
		assert_int_equal(mm_pt_destroy(&pt), MM_OK);
	}
}

#endif

/* ---- leaves by the batch ---- */

/* Holes, pages that look different, a large leaf, two tables. */
static void map_a_mixture(void)
{
	map_ok(K4, PA0, 20 * K4, RW | MM_PT_TRACK, 0);
	map_ok(21 * K4, PA0 + G1, 3 * K4, MM_PT_READ, 0);
	map_ok(40 * K4, PA0, 90 * K4, RW | MM_PT_TRACK, 0);
	map_ok(M2, PA0, 2 * M2, RW, 0);
	map_ok(3 * M2, PA0 + K4, M2 + 17 * K4, RX, 0);
	for (uint64_t k = 50; k < 90; k += 1 + k % 5) {
		assert_true(use(k * K4, k % 3 == 0));
		want_bits(k * K4, k * K4 + K4 - 1,
			  MM_PT_ACCESSED | (k % 3 == 0 ? (uint32_t)MM_PT_DIRTY : 0u));
	}
}

/* The same leaves, in batches of @room and one by one. */
static void leaves_are_those_of_next(uint64_t off, uint64_t len, size_t room, bool with_attr)
{
	struct mm_pt_leaves leaves = { .pa = found,
				       .attr = with_attr ? attrs : NULL,
				       .room = room };
	struct mm_pt_cur cur, single;
	struct mm_pt_run run;

	assert_int_equal(cur_init(&cur, off, len), MM_OK);
	assert_int_equal(cur_init(&single, off, len), MM_OK);
	while (w->leaves(&cur, &leaves)) {
		assert_true(leaves.n > 0 && leaves.n <= room);
		for (size_t k = 0; k < leaves.n; k++) {
			do
				assert_true(w->next(&single, &run));
			while (!run.attr);
			assert_true(k > 0 || run.va == leaves.va);
			assert_true(found[k] == run.pa && leaves.level == run.level);
			assert_true(!with_attr || attrs[k] == run.attr);
		}
		assert_true(leaves.last == run.last);
	}
	while (w->next(&single, &run))
		assert_int_equal(run.attr, 0);
	assert_false(w->leaves(&cur, &leaves));
}

static void batches_tell_what_single_steps_tell(void **state)
{
	static const size_t rooms[] = { 1, 2, 7, 8, 9, 64, 600 };

	start(state);
	map_a_mixture();
	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++)
		for (unsigned attr = 0; attr < 2; attr++) {
			leaves_are_those_of_next(0, G1, rooms[i], attr);
			leaves_are_those_of_next(3 * K4, 30 * K4, rooms[i], attr);
			leaves_are_those_of_next(M2 + 3 * K4, M2, rooms[i], attr);
			leaves_are_those_of_next(64 * G1, G1, rooms[i], attr);
		}
	finish();
}

static void batches_want_room(void **state)
{
	struct mm_pt_leaves leaves = { .pa = found, .room = 4 }, none = { .pa = found },
			    nowhere = { .room = 4 };
	struct mm_pt other = { 0 };
	struct mm_pt_cur cur;

	start_occupied(state);
	assert_int_equal(cur_init(&cur, 0, G1), MM_OK);
	assert_false(w->leaves(NULL, &leaves) || w->leaves(&cur, NULL) || w->leaves(&cur, &none) ||
		     w->leaves(&cur, &nowhere));
	refuse(w->unmap_leaves(&pt, &cur, &g, &none), MM_E_INVAL);
	refuse(w->unmap_leaves(&pt, &cur, &g, &nowhere), MM_E_INVAL);
	refuse(w->unmap_leaves(&pt, &cur, &g, NULL), MM_E_INVAL);
	refuse(w->unmap_leaves(&pt, NULL, &g, &leaves), MM_E_INVAL);
	refuse(w->unmap_leaves(&pt, &cur, NULL, &leaves), MM_E_INVAL);
	refuse(w->unmap_leaves(&other, &cur, &g, &leaves), MM_E_STATE);
	cur.pt = &other;
	refuse(w->unmap_leaves(&pt, &cur, &g, &leaves), MM_E_INVAL);
	assert_false(w->leaves(&cur, &leaves));
	finish();
}

static void batches_unmap_with_what_hardware_set(void **state)
{
	static const size_t rooms[] = { 1, 5, 8, 64, 600 };

	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		struct mm_pt_leaves leaves = { .pa = found, .attr = attrs, .room = rooms[i] };
		struct mm_pt_cur cur;
		start(state);
		map_a_mixture();
		sync_and_check();
		assert_int_equal(cur_init(&cur, 3 * K4, 4 * M2 - 9 * K4), MM_OK);
		while (w->unmap_leaves(&pt, &cur, &g, &leaves) == MM_OK) {
			uint64_t va = leaves.va, bytes = K4 << (9 * leaves.level);
			assert_true(leaves.n > 0 && leaves.n <= rooms[i]);
			assert_true(leaves.last == va + (leaves.n * bytes - 1));
			for (size_t k = 0; k < leaves.n; k++, va += bytes) {
				const struct ora_run *was = want.run;
				while (was->last < va)
					was++;
				assert_true(was->va <= va && was->attr == attrs[k]);
				assert_true(was->pa + (va - was->va) == found[k]);
			}
			assert_int_equal(g.pages, set_remove(&want, leaves.va, leaves.last));
			check();
		}
		assert_int_equal(stopped(), 4 * M2 - 6 * K4 - 1);
		finish();
	}
}

/* ---- groups of entries ---- */

/* Eight pages after three, each of them there or not and of one of two looks, through all patterns:
 * what is done to all of them is done to each. */
static void groups_of_leaves_that_look_different(void **state)
{
	for (unsigned pattern = 0; pattern < 256; pattern += 5) {
		start(state);
		map_ok(0, PA0, 3 * K4, RW, 0);
		for (unsigned k = 0; k < 16; k++) {
			if (pattern >> k % 8 & 1)
				map_ok((3 + k) * K4, PA0 + (k ^ 5) * K4, K4, RW, 0);
			else if ((pattern + k) % 3)
				map_ok((3 + k) * K4, PA0 + G1, K4, MM_PT_READ | MM_PT_TRACK, 0);
		}
		map_ok(19 * K4, PA0 + M2, 11 * K4, RW, 0);
		sync_and_check();
		protect_ok(K4, 24 * K4, MM_PT_READ | MM_PT_GLOBAL);
		protect_ok(2 * K4, 20 * K4, RW);
		leaves_are_those_of_next(0, M2, 64, true);
		unmap_ok(2 * K4, 19 * K4);
		finish();
	}
}

/* Who made a table, by the bits that hardware ignores in what points to it or that its maker chose, is the same to all
 * operations. */
static void tables_that_others_made_serve_like_own_ones(void **state)
{
	start(state);
	const uint64_t other = ora.arch == &ora_x86_64 ? 0x24 : UINT64_C(1) << (w->f->types ? 55 : 8);
	map_ok(0, PA0, 2 * K4, RW, 0);
	sync_and_check();
	for (unsigned turn = 0; turn < 2; turn++) {
		*raw_entry(0, 1) ^= other; /* x86-64: for the kernel, not accessed */
		map_ok(2 * K4, PA0 + G1, K4, RW, 0);
		map_ok(511 * K4, PA0, K4, RW, 0);
		unmap_ok(K4, K4);
		unmap_ok(2 * K4, K4);
		map_ok(K4, PA0 + M2, K4, RW, 0);
		unmap_ok(511 * K4, K4);
		sync_and_check();
	}
	*raw_entry(0, 1) ^= other;
	unmap_ok(0, K4);
	unmap_ok(K4, K4);
	sync_and_check();
	assert_int_equal(ora.used, 1);
	finish();
}

/* Damage with all bits set, beside holes and leaves: no operation takes it for a leaf like others. */
static void damage_in_a_group_is_left_alone(void **state)
{
	struct mm_pt_cfg cfg = { .pa_bits = 40 };
	struct mm_pt_leaves leaves = { .pa = found, .attr = attrs, .room = 64 };
	struct mm_pt_cur cur;

	start_with(state, &cfg);
	map_ok(3 * K4, PA0, 20 * K4, RW, 0);
	unmap_ok(5 * K4, K4);
	unmap_ok(12 * K4, K4);
	sync_and_check();
	ora.damaged = true;
	uint64_t *table = raw_entry(0, 0);
	table[1] = table[5] = table[12] = UINT64_MAX;
	assert_int_equal(protect(0, 64 * K4, MM_PT_READ, 0), MM_OK);
	assert_int_equal(g.pages, 18);
	assert_int_equal(cur_init(&cur, 0, M2), MM_OK);
	size_t n = 0;
	while (w->leaves(&cur, &leaves))
		n += leaves.n;
	assert_int_equal(n, 18);
	assert_int_equal(unmap(4 * K4, 64 * K4, 0), MM_OK);
	assert_int_equal(g.pages, 17);
	assert_true(!~table[1] && !~table[5] && !~table[12]);
	table[1] = table[5] = table[12] = 0;
	ora.damaged = false;
	want_protect(3 * K4, 4 * K4 - 1, MM_PT_READ);
	want_unmap(4 * K4, 64 * K4 - 1);
	finish();
}

/* Dirty bits set at any step of a batch are told, or the page is gone. */
#if MM_HOOKS
static unsigned race_step, race_at, race_page;
static bool raced;

static void race(void)
{
	if (++race_step == race_at)
		raced = use(race_page * K4, true);
}
#endif

static void batches_lose_no_dirty_bit(void **state)
{
#if MM_HOOKS
	unsigned hits = 0;

	for (race_page = 0; race_page < 12; race_page += 5) {
		unsigned n = 1;
		for (bool over = false; !over; n++) {
			struct mm_pt_leaves leaves = { .pa = found, .attr = attrs, .room = 12 };
			struct mm_pt_cur cur;
			start(state);
			map_ok(0, PA0 + K4, 12 * K4, RW | MM_PT_TRACK, 0);
			assert_int_equal(cur_init(&cur, 0, M2), MM_OK);
			race_step = 0;
			race_at = n;
			raced = false;
			sim_step = race;
			assert_int_equal(w->unmap_leaves(&pt, &cur, &g, &leaves), MM_OK);
			sim_step = NULL;
			over = race_step < n;
			assert_int_equal(leaves.n, 12);
			assert_int_equal(!!(attrs[race_page] & MM_PT_DIRTY), raced);
			hits += raced;
			set_clear(&want);
			finish();
		}
	}
	assert_true(hits > 2);
#else
	(void)state;
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_is_mapped_in_order),
		cmocka_unit_test(lists_that_make_no_sense_are_refused),
		cmocka_unit_test(a_list_over_something_unwinds_or_stops),
		cmocka_unit_test(every_allocation_for_a_list_may_fail),
		cmocka_unit_test(a_list_in_place_of_others_breaks_where_it_must),
		cmocka_unit_test(translate_says_what_query_says),
		cmocka_unit_test(translate_takes_no_way_that_is_gone),
		cmocka_unit_test(translate_goes_everywhere),
		cmocka_unit_test(translate_while_tables_go_back),
		cmocka_unit_test(a_reader_that_is_overtaken_is_told_what_was_or_is),
		cmocka_unit_test(a_reader_that_is_overtaken_by_another_size_is_told_what_was_or_is),
		cmocka_unit_test(batches_tell_what_single_steps_tell),
		cmocka_unit_test(batches_want_room),
		cmocka_unit_test(batches_unmap_with_what_hardware_set),
		cmocka_unit_test(groups_of_leaves_that_look_different),
		cmocka_unit_test(damage_in_a_group_is_left_alone),
		cmocka_unit_test(tables_that_others_made_serve_like_own_ones),
		cmocka_unit_test(batches_lose_no_dirty_bit),
	};
	int failed = run_for_all("pt_lists", tests, sizeof(tests) / sizeof(tests[0]));
#if !MM_PT_WINDOW
	enum mm_pt_format la57 = MM_PT_X86_64_LA57, sv57 = MM_PT_SV57;
	const struct CMUnitTest high[] = {
		cmocka_unit_test_prestate(translate_with_tables_that_lie_high, &la57),
		cmocka_unit_test_prestate(translate_with_tables_that_lie_high, &sv57),
	};
	failed += cmocka_run_group_tests_name("pt_lists, five levels", high, NULL, NULL);
#endif
	return failed;
}
