/* SPDX-License-Identifier: MIT */
/* Page tables: every documented error of every format, with proof that nothing changed; damaged
 * tables; break-before-make. */
#include "pt_fixture.h"

/* ---- init ---- */

static void init_refuses_incomplete_environments_and_impossible_machines(void **state)
{
	struct mm_pt_cfg cfg = { 0 };
	struct mm_pt t = { .root = 7 };

	start(state);
	const struct mm_pt_port *port = w->f->port();
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
	cfg.pa_bits = (uint8_t)(port->pa_bits + 1);
	assert_int_equal(mm_pt_init(&t, port, &env, &cfg), MM_E_PORT);
	cfg.pa_bits = 12;
	assert_int_equal(mm_pt_init(&t, port, &env, &cfg), MM_E_PORT);
	cfg = (struct mm_pt_cfg){ .leaf_levels = 16 };
	assert_int_equal(mm_pt_init(&t, port, &env, &cfg), MM_E_PORT);
	cfg.leaf_levels = 5; /* a gap: a leaf of level 2 could not be split */
	assert_int_equal(mm_pt_init(&t, port, &env, &cfg), MM_E_PORT);
	cfg.leaf_levels = 2;
	assert_int_equal(mm_pt_init(&t, port, &env, &cfg), MM_E_PORT);
	cfg = (struct mm_pt_cfg){ .set_bits = UINT64_C(1)
					      << 45 }; /* an address bit of this machine */
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
	assert_int_equal(mm_pt_init(&t, w->f->port(), &ora.env, NULL), MM_E_NOMEM);
	ora.give = 0x12345;
	assert_int_equal(mm_pt_init(&t, w->f->port(), &ora.env, NULL), MM_E_PORT);
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
	map_ok(32 * G1, PA0 + K4, 2 * M2, RX, 0);
	map_ok(128 * G1, PA0, 2 * G1, RW, 0);
	if (w->f->base == 0 && w->f->high)
		map_ok(w->f->high, PA0 + K4, 2 * M2, RX, 0);
	finish();
}

/* ---- errors that change nothing ---- */

static void range_is_refused(uint64_t va, uint64_t len, enum mm_status st)
{
	struct mm_pt_cur cur;

	refuse(w->map(&pt, va, PA0, len, RW, 0, &g), st);
	refuse(w->unmap(&pt, va, len, 0, &g), st);
	refuse(w->protect(&pt, va, len, RW, 0, &g), st);
	refuse(mm_pt_cur_init(&cur, &pt, va, len), st);
}

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
		{ 0, UINT64_C(1) << 63, MM_E_RANGE },
	};
	struct mm_pt_run run;

	start_occupied(state);
	const struct format *f = w->f;
	uint64_t low = f->low_end + 1, high = f->high; /* what is in between is no address */
	if (!f->low_end)
		low = 0;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		range_is_refused(bad[i].va, bad[i].len, bad[i].st);
	range_is_refused(low, K4, MM_E_RANGE);
	range_is_refused(high - K4, K4, MM_E_RANGE);
	assert_int_equal(w->query(&pt, low, &run), MM_E_RANGE);
	assert_int_equal(w->query(&pt, high - 1, &run), MM_E_RANGE);
	if (f->low_end)
		range_is_refused(low - K4, 2 * K4, MM_E_RANGE);
	if (f->high)
		range_is_refused(high - K4, 2 * K4, MM_E_RANGE);
	if (f->low_end && f->high) /* over the hole */
		range_is_refused(low - K4, high - low + 2 * K4, MM_E_RANGE);
	finish();
}

/* The table that the page before was in is remembered; what is asked of it next is looked at as ever. */
static void what_is_remembered_excuses_nothing(void **state)
{
	static const uint64_t inside[] = { 1, 8, K4 / 2, K4 - 1 };

	start_occupied(state);
	const uint64_t page = G1 + M2 + K4;
	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
		refuse(map(page + K4 + inside[i], PA0, K4, RW, 0), MM_E_ALIGN);
		refuse(unmap(page + inside[i], K4, 0), MM_E_ALIGN);
	}
	refuse(map(page, PA0, K4, RW, 0), MM_E_EXIST);
	refuse(unmap(page + K4, K4, 0), MM_E_NOENT);
	finish();
}

static void impossible_frames_are_refused(void **state)
{
	struct mm_pt_cfg cfg = { .pa_bits = 40 };

	start_with(state, &cfg);
	hash_before = ora_hash(&ora);
	refuse(map(0, 0x800, K4, RW, 0), MM_E_ALIGN);
	refuse(map(0, UINT64_C(1) << 40, K4, RW, 0), MM_E_RANGE);
	refuse(map(0, (UINT64_C(1) << 40) - K4, 2 * K4, RW, 0), MM_E_RANGE);
	refuse(map(0, UINT64_MAX - K4 + 1, 2 * K4, RW, 0), MM_E_INVAL);
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
	assert_int_equal(cur_init(&cur, 0, K4), MM_OK);
	refuse(w->map(NULL, 0, 0, K4, RW, 0, &g), MM_E_INVAL);
	refuse(w->map(&pt, 8 * G1, 0, K4, RW, 0, NULL), MM_E_INVAL);
	refuse(w->map(&none, 0, 0, K4, RW, 0, &g), MM_E_STATE);
	refuse(w->unmap(&none, 0, K4, 0, &g), MM_E_STATE);
	refuse(w->protect(&none, 0, K4, RW, 0, &g), MM_E_STATE);
	refuse(w->query(&none, 0, &run), MM_E_STATE);
	refuse(w->query(NULL, 0, &run), MM_E_INVAL);
	refuse(w->query(&pt, V(0), NULL), MM_E_INVAL);
	refuse(w->unmap_next(&pt, NULL, &g, &run), MM_E_INVAL);
	refuse(w->unmap_next(&pt, &cur, &g, NULL), MM_E_INVAL);
	refuse(w->unmap_next(&none, &cur, &g, &run), MM_E_STATE);
	cur.pt = &none;
	refuse(unmap_next(&cur, &run), MM_E_INVAL);
	assert_false(next(&cur, &run));
	refuse(map(8 * G1, 0, K4, RW, MM_PT_EXACT), MM_E_INVAL);
	refuse(map(8 * G1, 0, K4, RW, 1u << 16), MM_E_INVAL);
	refuse(unmap(0, K4, MM_PT_PARTIAL), MM_E_INVAL);
	refuse(unmap(0, K4, MM_PT_MAX_LEVEL(0)), MM_E_INVAL);
	refuse(protect(0, K4, RW, MM_PT_DISCARD), MM_E_INVAL);
	finish();
}

/* Also where a page is near: each walker knows only the table that it has remembered itself. */
static void trees_of_other_formats_are_refused(void **state)
{
	start(state);
	map_ok(0, PA0, K4, RW, 0);
	map_ok(K4, PA0, K4, RW, 0);
	for (size_t k = 0; k < sizeof(walkers) / sizeof(walkers[0]); k++) {
		const struct walker *other = &walkers[k];
		const bool same = other->f == w->f || !other->folded;
		enum mm_status st = other->map(&pt, V(2 * K4), PA0, K4, RW, 0, &g);
		assert_int_equal(st, same ? MM_OK : MM_E_STATE);
		assert_int_equal(other->unmap(&pt, V(same ? 2 * K4 : K4), K4, 0, &g), same ? MM_OK : MM_E_STATE);
		sync_and_check();
		map_ok(2 * K4, PA0, K4, RW, 0); /* it is near for this one again */
		unmap_ok(2 * K4, K4);
		sync_and_check();
	}
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
		{ RW | MM_PT_EXEC, MM_E_PERM },
	};

	start_occupied(state);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		refuse(map(8 * G1, PA0, K4, bad[i].attr, 0), bad[i].st);
		refuse(protect(0, K4, bad[i].attr, 0), bad[i].st);
	}
	for (uint32_t type = 1u << 8; type <= MM_PT_DEVICE; type += 1u << 8) {
		if (w->f->types)
			break;
		refuse(map(8 * G1, PA0, K4, RW | type, 0), MM_E_NOTSUP);
		refuse(protect(0, K4, RW | type, 0), MM_E_NOTSUP);
	}
	if (!w->f->exec_only) {
		refuse(map(8 * G1, PA0, K4, MM_PT_EXEC | MM_PT_USER, 0), MM_E_NOTSUP);
		refuse(protect(0, K4, MM_PT_EXEC, 0), MM_E_NOTSUP);
	}
	finish();
}

static void writable_and_executable_needs_permission(void **state)
{
	struct mm_pt_cfg cfg = { .allow_wx = true };

	start_with(state, &cfg);
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
			enum mm_status st = map(64 * G1 - M2 - K4, PA0, 3 * M2, RW, 0);
			if (st == MM_OK)
				break;
			refuse(st, MM_E_NOMEM);
			assert_int_equal(g.pages, 0);
			sync_and_check();
			refuse(MM_OK, MM_OK);
			ora_fail(&ora, 0, false);
			map_ok(64 * G1 - M2 - K4, PA0, 3 * M2, RW, 0);
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
				st = unmap(M2 + K4, G1 - 4 * M2, 0);
			} else if (kind / 2 == 1) {
				st = protect(M2 + K4, G1 - 4 * M2, RX, 0);
			} else {
				assert_int_equal(cur_init(&cur, M2 + K4, G1 - 4 * M2), MM_OK);
				st = unmap_next(&cur, &run);
			}
			if (st == MM_OK)
				break;
			refuse(st, MM_E_NOMEM);
			assert_true(stopped() == M2 + K4 || stopped() == G1 - 3 * M2 + K4 - 1);
			ora_fail(&ora, 0, false);
			if (kind / 2 == 2) { /* the cursor waited there */
				assert_int_equal(unmap_next(&cur, &run), MM_OK);
				want_unmap(run.va, run.last);
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

	start_with(state, &cfg);
	hash_before = ora_hash(&ora);
	ora.give = 0x80000800;
	refuse(map(0, PA0, K4, RW, 0), MM_E_PORT);
	assert_int_equal(ora.given_back, 0x80000800);
	ora.given_back = 0;
	ora.give = UINT64_C(1) << 40;
	refuse(map(0, PA0, K4, RW, 0), MM_E_PORT);
	assert_true(ora.given_back == UINT64_C(1) << 40);
	assert_int_equal(ora.used, 1);
	finish();
}

static void injected_failures_reach_the_walker(void **state)
{
#if MM_HOOKS
	start_occupied(state);
	sim_fail_at(1, true);
	refuse(map(8 * G1, PA0, K4, RW, 0), MM_E_NOMEM);
	refuse(unmap(K4, K4, 0), MM_E_NOMEM);
	assert_int_equal(sim_fail_calls(), 2);
	sim_fail_at(0, false);
	finish();
#else
	(void)state;
	skip();
#endif
}

/* ---- damage ---- */

/* An entry that the manual calls reserved, or that is not present and not empty. */
struct damage {
	const struct ora_arch *arch;
	unsigned level;
	uint64_t bits;
};

#define B(n) (UINT64_C(1) << (n))
static const struct damage damages[] = {
	{ &ora_x86_64, 0, B(41) | 1 },
	{ &ora_x86_64, 0, 0xff0 },
	{ &ora_x86_64, 1, 0x81 | B(13) },
	{ &ora_x86_64, 2, 0x81 | B(21) },
	{ &ora_x86_64, 3, 0x81 },
	{ &ora_x86_64, 2, B(45) | 1 },
	/* AArch64: an address of 42 bits; not valid but not empty; type 01 at the last level; RES0
	 * bits of blocks; a block of 512 GiB; bits 50:48 of leaf and table */
	{ &ora_aarch64, 0, 0x703 | B(41) },
	{ &ora_aarch64, 1, 0x003 | B(45) },
	{ &ora_aarch64, 0, 0x702 },
	{ &ora_aarch64, 2, 0x1000 },
	{ &ora_aarch64, 0, 0x701 },
	{ &ora_aarch64, 1, 0x701 | B(12) },
	{ &ora_aarch64, 1, 0x701 | B(16) },
	{ &ora_aarch64, 2, 0x701 | B(29) },
	{ &ora_aarch64, 3, 0x701 },
	{ &ora_aarch64, 0, 0x703 | B(48) },
	{ &ora_aarch64, 2, 0x003 | B(49) },
	/* RISC-V: W without R, with X too; a payload; N; bits 60 and 54; PBMT without Svpbmt, and 3;
	 * misaligned superpages; no leaf at the last level; U, A, D, PBMT and N in a table; an address
	 * of 42 bits */
	{ &ora_sv39, 0, 0x05 },
	{ &ora_sv39, 1, 0x0d },
	{ &ora_sv39, 2, 0xc6 },
	{ &ora_sv39, 0, 0xc7 | B(63) },
	{ &ora_sv39, 0, 0xc7 | B(60) },
	{ &ora_sv39, 1, 0xc7 | B(54) },
	{ &ora_sv39, 0, 0xc7 | B(61) },
	{ &ora_sv39, 0, 0xc7 | B(61) | B(62) },
	{ &ora_sv39, 1, 0xc7 | B(18) },
	{ &ora_sv39, 2, 0xc7 | B(27) },
	{ &ora_sv39, 0, 0x01 },
	{ &ora_sv39, 1, 0x11 },
	{ &ora_sv39, 1, 0x41 },
	{ &ora_sv39, 2, 0x81 },
	{ &ora_sv39, 1, 0x01 | B(62) },
	{ &ora_sv39, 2, 0x01 | B(63) },
	{ &ora_sv39, 0, 0xc7 | B(39) },
	{ &ora_sv39, 1, 0x01 | B(53) },
	{ &ora_sv48, 3, 0xc7 | B(36) },
	{ &ora_sv48, 3, 0x81 },
};

/* Are these the same entries? */
static bool same_entries(const struct ora_arch *a, const struct ora_arch *b)
{
	return a->is_leaf == b->is_leaf;
}

static void damaged_entries_are_reported_and_left_alone(void **state)
{
	struct mm_pt_cfg cfg = { .pa_bits = 41 };
	struct mm_pt_run run;
	struct mm_pt_cur cur;
	unsigned n = 0;

	w = *state;
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		const struct damage *d = &damages[i];
		uint64_t size = K4 << (9 * d->level), va = 3 * size;
		if (!same_entries(d->arch, w->f->arch) || d->level > w->f->arch->top)
			continue;
		start_with(state, &cfg);
		map_ok(0, PA0, K4, RW, 0);
		ora.damaged = true;
		*raw_entry(va, d->level) = d->bits;
		assert_int_equal(mm_pt_verify(&pt, NULL), MM_E_CORRUPT);
		assert_int_equal(w->query(&pt, V(va), &run), MM_E_CORRUPT);
		assert_int_equal(map(va, PA0, K4, RW, 0), MM_E_EXIST);
		assert_int_equal(protect(va, size, RX, 0), MM_E_NOENT);
		assert_int_equal(unmap(va, size, 0), MM_E_NOENT);
		assert_int_equal(cur_init(&cur, va, size), MM_OK);
		assert_true(next(&cur, &run) && run.attr == 0);
		assert_true(*raw_entry(va, d->level) == d->bits);
		*raw_entry(va, d->level) = 0;
		ora.damaged = false;
		finish();
		n++;
	}
	assert_true(n >= 6);
}

/* With Svpbmt types 1 and 2 are good in leaves, and 3 is not. */
static void svpbmt_changes_what_is_reserved(void **state)
{
	struct mm_pt_cfg cfg = { .features = MM_PT_RISCV64_SVPBMT };
	struct mm_pt_run run;

	w = *state;
	if (w->f->types)
		skip();
	start_with(state, &cfg);
	map_ok(0, PA0, K4, RW | MM_PT_WC, 0);
	assert_true(*raw_entry(0, 0) == (PA0 >> 2 | 0xc7 | B(61)));
	map_ok(M2, PA0, M2, RW | MM_PT_DEVICE | MM_PT_GLOBAL, 0);
	assert_true(*raw_entry(M2, 1) == (PA0 >> 2 | 0xe7 | B(62)));
	sync_and_check();
	ora.damaged = true;
	*raw_entry(K4, 0) = PA0 >> 2 | 0xc7 | B(61) | B(62);
	assert_int_equal(w->query(&pt, V(K4), &run), MM_E_CORRUPT);
	*raw_entry(K4, 0) = 0;
	ora.damaged = false;
	hash_before = ora_hash(&ora);
	refuse(map(G1, PA0, K4, RW | MM_PT_WT, 0), MM_E_NOTSUP);
	refuse(map(G1, PA0, K4, RW | MM_PT_UC, 0), MM_E_NOTSUP);
	finish();
}

static void stray_accessed_and_dirty_bits_count_as_empty(void **state)
{
	struct mm_pt_run run;

	start(state);
	if (ora.arch != &ora_x86_64)
		skip();
	map_ok(0, PA0, K4, RW, 0);
	*raw_entry(K4, 0) = 0x60;
	assert_int_equal(query(K4, &run), MM_E_NOENT);
	unmap_ok(0, K4); /* and do not keep a table */
	sync_and_check();
	assert_int_equal(ora.used, 1);
	finish();
}

/* ---- break-before-make, and stores that must be ordered ---- */

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
	struct ora_arch arch = ora_x86_64;

	w = *state;
	if (w->f != &x86_64)
		skip();
	port.transition = bbm_transition;
	start_port(&port, NULL);
	if (w->folded) { /* it is for its own format only */
		assert_int_equal(map(0, PA0, K4, RW, 0), MM_E_STATE);
		finish();
		return;
	}
	arch.must_break = arch.must_order = true;
	ora.arch = &arch;
	map_ok(0, PA0, G1 + 4 * K4, RW | MM_PT_TRACK, 0);
	assert_true(g.sync && !g.flush);
	sync_and_check();
	assert_true(use(G1 + K4, true));
	want_bits(G1 + K4, G1 + 2 * K4 - 1, MM_PT_ACCESSED | MM_PT_DIRTY);
	ora.flushes = 0;
	protect_ok(G1, 4 * K4, MM_PT_READ | MM_PT_TRACK);
	assert_int_equal(ora.flushes, 4); /* one for each leaf, in between */
	ora.flushes = 0;
	unmap_ok(M2, K4);
	assert_int_equal(ora.flushes, 2); /* one for each split */
	finish();
}

/* How often an operation flushes in between: AArch64 breaks, the others change in place. */
static void splits_and_types_break_where_they_must(void **state)
{
	start(state);
	bool breaks = ora.arch->must_break;
	map_ok(0, PA0, 2 * G1, RW, 0);
	sync_and_check();
	ora.flushes = 0;
	protect_ok(0, G1, MM_PT_READ); /* rights only */
	assert_int_equal(ora.flushes, 0);
	protect_ok(0, G1, MM_PT_READ | MM_PT_GLOBAL);
	assert_int_equal(ora.flushes, breaks ? 1 : 0);
	ora.flushes = 0;
	unmap_ok(G1 + M2, K4);
	assert_int_equal(ora.flushes, breaks ? 2 : 0);
	if (w->f->types) {
		ora.flushes = 0;
		protect_ok(0, G1, RW | MM_PT_DEVICE);
		assert_int_equal(ora.flushes, breaks ? 1 : 0);
		assert_true(g.flush || breaks);
	}
	sync_and_check();
	finish();
}

/* Unmapped and mapped again before the flush: old and new must not meet in a TLB. */
static void mapping_again_before_a_flush_breaks_where_it_must(void **state)
{
	for (unsigned step = 0; step < 5; step++) {
		start(state);
		bool breaks = ora.arch->must_break;
		map_ok(0, PA0, M2, RW, 0);
		map_ok(8 * M2, PA0, 4 * K4, RW, 0);
		map_ok(32 * G1, PA0, 4 * K4, RW, 0);
		sync_and_check();
		ora.flushes = 0;
		switch (step) {
		case 0: /* a page, another frame */
			unmap_ok(8 * M2 + K4, K4);
			map_ok(8 * M2 + K4, PA0 + G1, K4, RW, 0);
			break;
		case 1: /* a large leaf, small ones */
			unmap_ok(0, M2);
			map_ok(K4, PA0 + K4, K4, RW, 0);
			break;
		case 2: /* a table, another table, elsewhere in its reach */
			unmap_ok(32 * G1, 4 * K4);
			map_ok(32 * G1 + 8 * M2, PA0, K4, RW, 0);
			break;
		case 3: /* a table, a large leaf */
			unmap_ok(8 * M2, 4 * K4);
			map_ok(8 * M2, PA0, M2, RW, 0);
			break;
		case 4: /* a map that failed, and a second attempt */
			assert_int_equal(map(7 * M2, PA0 + K4, 2 * M2, RW, 0), MM_E_EXIST);
			check();
			map_ok(7 * M2, PA0, M2, RW, 0);
			break;
		}
		assert_int_equal(ora.flushes, breaks ? 1 : 0);
		finish();
	}
}

/* Elsewhere, an unmap that is not flushed yet costs a map nothing. */
static void mapping_elsewhere_needs_no_flush(void **state)
{
	start(state);
	map_ok(0, PA0, 8 * K4, RW, 0);
	sync_and_check();
	ora.flushes = 0;
	unmap_ok(2 * K4, K4);
	map_ok(9 * K4, PA0, K4, RW, 0);
	map_ok(G1, PA0, K4, RW, 0);
	assert_int_equal(ora.flushes, 0);
	finish();
}

/* ---- what an entry looks like, by the manual ---- */

static void entries_are_those_of_the_manual(void **state)
{
	static const struct {
		const struct ora_arch *arch;
		unsigned level;
		uint32_t attr;
		uint64_t bits;
	} want_entry[] = {
		{ &ora_x86_64, 0, RW, 0x63 | B(63) },
		{ &ora_x86_64, 1, RX | MM_PT_USER, 0xa5 | B(58) },
		{ &ora_x86_64, 2, RW | MM_PT_GLOBAL | MM_PT_WC, 0x1e3 | B(12) | B(63) },
		/* AF, inner shareable, page; nG; DBM; UXN and PXN */
		{ &ora_aarch64, 0, RW | MM_PT_GLOBAL, 0x703 | B(51) | B(53) | B(54) },
		{ &ora_aarch64, 0, RW | MM_PT_TRACK, 0xb83 | B(51) | B(53) | B(54) },
		{ &ora_aarch64, 1, RX, 0xf81 | B(54) | B(55) },
		{ &ora_aarch64, 1, RX | MM_PT_USER, 0xfc1 | B(53) | B(55) },
		{ &ora_aarch64, 2, RW | MM_PT_USER | MM_PT_DEVICE, 0xf51 | B(51) | B(53) | B(54) },
		{ &ora_aarch64, 0, RW | MM_PT_WC | MM_PT_GLOBAL, 0x70b | B(51) | B(53) | B(54) },
		{ &ora_sv39, 0, RW, 0xc7 },
		{ &ora_sv39, 0, RW | MM_PT_TRACK, 0x07 },
		{ &ora_sv39, 1, RX | MM_PT_GLOBAL, 0xeb },
		{ &ora_sv39, 2, MM_PT_EXEC | MM_PT_USER, 0xd9 },
		{ &ora_sv48, 3, MM_PT_READ, 0xc3 },
	};

	start(state);
	for (size_t i = 0; i < sizeof(want_entry) / sizeof(want_entry[0]); i++) {
		unsigned level = want_entry[i].level;
		uint64_t size = K4 << (9 * level), pa = 2 * G512 + size;
		if (!same_entries(want_entry[i].arch, ora.arch) || level > w->f->leaf)
			continue;
		map_ok(3 * size, pa, size, want_entry[i].attr, 0);
		assert_true(*raw_entry(3 * size, level) ==
			    (want_entry[i].bits | pa >> ora.arch->shift));
		unmap_ok(3 * size, size);
		sync_and_check();
	}
	map_ok(0, PA0, K4, RW, 0);
	uint64_t table = *raw_entry(0, 1) & ~ora.arch->address;
	assert_true(table == (ora.arch == &ora_x86_64 ? 0x27 : ora.arch->must_break ? 3 : 1));
	finish();
}

/* ---- negative controls ---- */

static void any_test_for_the_gather_can_fail(void **state)
{
	struct mm_tlb_gather forgot = { 0 };

	start(state);
	map_ok(0, PA0, K4, RW, 0);
	if (ora.arch->must_order) {
		ora_check_gather(&ora, &forgot); /* the stores are not ordered */
		assert_non_null(ora.wrong);
		ora.wrong = NULL;
	}
	assert_int_equal(unmap(0, K4, 0), MM_OK);
	ora.unordered = false;
	ora_check_gather(&ora, &forgot); /* the TLB still has it */
	assert_non_null(ora.wrong);
	ora.wrong = NULL;
	ora.env.free_table(&ora, g.trees[0],
			   K4); /* and a table must not go back before the flush */
	assert_non_null(ora.wrong);
	ora.wrong = NULL;
}

static void the_test_for_break_before_make_can_fail(void **state)
{
	start(state);
	map_ok(0, PA0, 2 * M2, RW, 0);
	map_ok(4 * M2, PA0, K4, RW, 0);
	sync_and_check();
	uint64_t leaf = *raw_entry(0, 1), table = *raw_entry(4 * M2, 1);
	*raw_entry(0, 1) = leaf + (M2 >> ora.arch->shift); /* another frame */
	ora_observe(&ora);
	assert_int_equal(ora.wrong != NULL, ora.arch->must_break);
	ora.wrong = NULL;
	*raw_entry(0, 1) = leaf;
	ora.stale.n = 0;
	ora_observe(&ora);
	ora.stale.n = 0;
	ora.wrong = NULL;
	*raw_entry(4 * M2, 1) = leaf; /* a leaf in place of a table */
	ora_observe(&ora);
	assert_int_equal(ora.wrong != NULL, ora.arch->must_break);
	*raw_entry(4 * M2, 1) = table;
}

/* As the fuzzer has it look: at tables that were asked for, and from time to time at all. */
static void a_stray_write_is_noticed(void **state)
{
	start(state);
	map_ok(0, PA0, K4, RW, 0);
	map_ok(M2, PA0, K4, RW, 0);
	sync_and_check();
	uint64_t *near = raw_entry(K4, 0), *far = raw_entry(M2 + K4, 0), hash = ora_hash(&ora);
	ora.quick = true;
	ora_begin(&ora, V(0), V(K4 - 1));
	*near = *raw_entry(0, 0);
	assert_true(ora_hash(&ora) != hash);
	assert_int_equal(set_pages(&ora.live, 0, UINT64_MAX), 3);
	*near = 0;
	assert_true(ora_hash(&ora) == hash);
	ora_begin(&ora, V(0), V(K4 - 1));
	*far = *raw_entry(0, 0);
	assert_true(ora_hash(&ora) == hash);
	ora_observe_all(&ora);
	assert_true(ora_hash(&ora) != hash);
	assert_int_equal(set_pages(&ora.live, 0, UINT64_MAX), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init_refuses_incomplete_environments_and_impossible_machines),
		cmocka_unit_test(init_passes_on_what_the_allocator_says),
		cmocka_unit_test(destroy_and_verify_want_a_tree),
		cmocka_unit_test(destroy_gives_back_a_full_tree),
		cmocka_unit_test(impossible_ranges_are_refused),
		cmocka_unit_test(what_is_remembered_excuses_nothing),
		cmocka_unit_test(impossible_frames_are_refused),
		cmocka_unit_test(misuse_is_refused),
		cmocka_unit_test(trees_of_other_formats_are_refused),
		cmocka_unit_test(attributes_that_make_no_sense_are_refused),
		cmocka_unit_test(writable_and_executable_needs_permission),
		cmocka_unit_test(every_allocation_may_fail),
		cmocka_unit_test(every_allocation_of_a_split_may_fail),
		cmocka_unit_test(garbage_from_the_allocator_is_given_back),
		cmocka_unit_test(injected_failures_reach_the_walker),
		cmocka_unit_test(damaged_entries_are_reported_and_left_alone),
		cmocka_unit_test(svpbmt_changes_what_is_reserved),
		cmocka_unit_test(stray_accessed_and_dirty_bits_count_as_empty),
		cmocka_unit_test(break_before_make_passes_through_empty),
		cmocka_unit_test(splits_and_types_break_where_they_must),
		cmocka_unit_test(mapping_again_before_a_flush_breaks_where_it_must),
		cmocka_unit_test(mapping_elsewhere_needs_no_flush),
		cmocka_unit_test(entries_are_those_of_the_manual),
		cmocka_unit_test(any_test_for_the_gather_can_fail),
		cmocka_unit_test(the_test_for_break_before_make_can_fail),
		cmocka_unit_test(a_stray_write_is_noticed),
	};
	return run_for_all("pt_errors", tests, sizeof(tests) / sizeof(tests[0]));
}
