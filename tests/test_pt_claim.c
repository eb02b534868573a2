/* SPDX-License-Identifier: MIT */
/* Several writers in one tree, each with a claim: what one does is not seen in another's range, tables that two are in
 * stay as long as one of them, and after the last is released the tree is as if there had been none. Whether they may run
 * at the same time is for tests/stress/claims.c. */
#include <mmlib/pt_claim.h>
#include <mmlib/pt_share.h>
#include <mmlib/pt_tree.h>
#include "pt_fixture.h"

#define CLAIMS 4u

static struct mm_pt part[CLAIMS];

/* The oracle has to know which tables may be empty. */
static void claims_are(const uint64_t (*range)[2], size_t n)
{
	ora.nclaims = n;
	for (size_t i = 0; i < n; i++)
		ora.claim[i] = (struct ora_span){ V(range[i][0]), V(range[i][0]) + (range[i][1] - 1) };
}

static enum mm_status claim(unsigned i, uint64_t off, uint64_t len)
{
	return mm_pt_claim(&pt, V(off), len, NULL, &g, &part[i]);
}

static void claim_ok(unsigned i, uint64_t off, uint64_t len)
{
	assert_int_equal(claim(i, off, len), MM_OK);
	ora.claim[ora.nclaims++] = (struct ora_span){ V(off), V(off) + (len - 1) };
	sync_and_check();
}

static void release_ok(unsigned i)
{
	const struct ora_span span = { part[i].claim_va, part[i].claim_last };
	size_t k = 0;

	assert_int_equal(mm_pt_release(&part[i], &g), MM_OK);
	assert_null(part[i].port);
	while (ora.claim[k].va != span.va || ora.claim[k].last != span.last)
		k++;
	ora.claim[k] = ora.claim[--ora.nclaims];
	sync_and_check();
}

static void part_map(unsigned i, uint64_t off, uint64_t pa, uint64_t len)
{
	assert_int_equal(w->map(&part[i], V(off), pa, len, RW, 0, &g), MM_OK);
	want_map(off, off + (len - 1), pa, RW);
	check();
	mm_pt_sync(&part[i], &g);
}

static void part_unmap(unsigned i, uint64_t off, uint64_t len)
{
	assert_int_equal(w->unmap(&part[i], V(off), len, 0, &g), MM_OK);
	assert_int_equal(g.pages, want_unmap(off, off + (len - 1)));
	check();
	mm_pt_sync(&part[i], &g);
}

/* All that changes something. */
static void changes_are_refused(struct mm_pt *t, uint64_t off, uint64_t len, enum mm_status expect)
{
	static mm_paddr_t frames[8];
	struct mm_pt_leaves leaves = { .pa = frames, .room = 8 };
	struct mm_pt_pool pool = { .n = { 0 } };
	struct mm_pt_run run;
	struct mm_pt_cur cur;

	hash_before = ora_hash(&ora);
	refuse(w->map(t, V(off), PA0, len, RW, 0, &g), expect);
	refuse(w->unmap(t, V(off), len, 0, &g), expect);
	refuse(w->unmap(t, V(off), len, MM_PT_DISCARD, &g), expect);
	refuse(w->protect(t, V(off), len, MM_PT_READ, 0, &g), expect);
	refuse(mm_pt_split(t, V(off), len, MM_PT_MAX_LEVEL(0), &g), expect);
	refuse(mm_pt_collapse(t, V(off), len, 0, &g), expect);
	refuse(mm_pt_reserve(t, V(off), PA0, len, 0, &pool), expect);
	if (len <= 8 * K4)
		refuse(w->map_list(t, V(off), frames, (size_t)(len / K4), RW, 0, &g), expect);
	assert_int_equal(mm_pt_cur_init(&cur, t, V(off), len), MM_OK);
	refuse(w->unmap_leaves(t, &cur, &g, &leaves), expect);
	refuse(w->unmap_next(t, &cur, &g, &run), expect);
	refuse(mm_pt_age(t, &cur, MM_PT_ACCESSED, &g, &leaves), expect);
	refuse(w->next(&cur, &run) ? MM_OK : MM_E_NOENT, MM_OK); /* asking goes on */
}

static void nobody_changes_what_is_anothers(void **state)
{
	start(state);
	claim_ok(0, 5 * K4, 3 * K4);
	claim_ok(1, 8 * K4, M2);
	part_map(0, 5 * K4, PA0, K4);
	part_map(1, 8 * K4, PA0, K4);
	changes_are_refused(&part[0], 8 * K4, K4, MM_E_OWNER);
	changes_are_refused(&part[0], 4 * K4, K4, MM_E_OWNER);
	changes_are_refused(&part[0], 7 * K4, 2 * K4, MM_E_OWNER);
	changes_are_refused(&part[1], 7 * K4, 2 * K4, MM_E_OWNER);
	changes_are_refused(&part[1], M2 + 8 * K4, K4, MM_E_OWNER);
	changes_are_refused(&part[1], G1, K4, MM_E_OWNER);
	changes_are_refused(&pt, 5 * K4, K4, MM_E_OWNER); /* nor the tree */
	changes_are_refused(&pt, G1, K4, MM_E_OWNER);
	changes_are_refused(&part[1], 5 * K4, K4, MM_E_OWNER); /* what is near, too */
	mm_paddr_t pa;
	assert_int_equal(w->translate(&pt, V(8 * K4 + 5), &pa), MM_OK);
	assert_true(pa == PA0 + 5);
	assert_int_equal(w->translate(&part[0], V(8 * K4 + 6), &pa), MM_OK);
	assert_true(pa == PA0 + 6);
	release_ok(0);
	changes_are_refused(&pt, 5 * K4, K4, MM_E_OWNER);
	release_ok(1);
	unmap_ok(5 * K4, 4 * K4);
	sync_and_check();
	assert_int_equal(ora.used, 1);
	finish();
}

static void what_cannot_be_claimed_is_refused(void **state)
{
	static struct mm_pt other;
	struct mm_pt_env none = { 0 };

	start(state);
	hash_before = ora_hash(&ora);
	refuse(mm_pt_claim(NULL, V(0), K4, NULL, &g, &part[0]), MM_E_INVAL);
	refuse(mm_pt_claim(&pt, V(0), K4, NULL, NULL, &part[0]), MM_E_INVAL);
	refuse(mm_pt_claim(&pt, V(0), K4, NULL, &g, NULL), MM_E_INVAL);
	refuse(mm_pt_claim(&pt, V(0), K4, NULL, &g, &pt), MM_E_INVAL);
	refuse(mm_pt_claim(&other, V(0), K4, NULL, &g, &part[0]), MM_E_STATE);
	refuse(mm_pt_claim(&pt, V(0), K4, &none, &g, &part[0]), MM_E_PORT);
	refuse(claim(0, 0, 0), MM_E_INVAL);
	refuse(claim(0, 5, K4), MM_E_ALIGN);
	refuse(mm_pt_claim(&pt, w->f->low_end ? w->f->low_end + 1 : 0, K4, NULL, &g, &part[0]), MM_E_RANGE);
	refuse(mm_pt_release(NULL, &g), MM_E_INVAL);
	refuse(mm_pt_release(&pt, &g), MM_E_STATE);
	refuse(mm_pt_release(&other, &g), MM_E_STATE);
	claim_ok(0, K4, 4 * K4);
	hash_before = ora_hash(&ora);
	refuse(mm_pt_claim(&part[0], V(2 * K4), K4, NULL, &g, &part[1]), MM_E_STATE);
	refuse(mm_pt_release(&part[0], NULL), MM_E_INVAL);
	refuse(claim(1, 4 * K4, K4), MM_E_BUSY);
	refuse(claim(1, 0, 2 * K4), MM_E_BUSY);
	refuse(claim(1, 0, G1), MM_E_BUSY);
	refuse(claim(1, K4, 4 * K4), MM_E_BUSY);
	refuse(claim(0, M2, K4), MM_E_BUSY); /* it is in use */
	refuse(mm_pt_destroy(&pt), MM_E_BUSY);
	refuse(mm_pt_destroy(&part[0]), MM_E_STATE);
	refuse(mm_pt_moved(&pt, w->f->port(), &ora.env), MM_E_BUSY);
	refuse(mm_pt_keep(&pt, V(0), ora_size(&ora, ora.arch->top), &g), MM_E_BUSY);
	release_ok(0);
	assert_int_equal(ora.used, 1);
	finish();
}

/* Roots that share: what is another tree's cannot be claimed; what a tree keeps can. */
static void what_is_another_trees_cannot_be_claimed(void **state)
{
	const uint64_t bytes = G512 / 512 * (((const struct walker *)*state)->f->arch->top == 3 ? 512 : 1);
	static struct mm_pt space;

	start(state);
	assert_int_equal(mm_pt_keep(&pt, V(bytes), bytes, &g), MM_OK);
	ora.keeps = true;
	ora.kept = (struct ora_span){ V(bytes), V(bytes) + (bytes - 1) };
	ora.apart = 1;
	assert_int_equal(mm_pt_init(&space, w->f->port(), &ora.env, NULL), MM_OK);
	claim_ok(0, bytes + 3 * K4, bytes - 3 * K4);
	assert_int_equal(mm_pt_share(&space, &pt, &g), MM_OK); /* with claims: spaces come and go */
	mm_pt_sync(&space, &g);
	assert_int_equal(mm_pt_claim(&space, V(bytes), K4, NULL, &g, &part[1]), MM_E_OWNER);
	assert_int_equal(mm_pt_unkeep(&pt, &g), MM_E_BUSY);
	part_map(0, 2 * bytes - K4, PA0, K4);
	mm_paddr_t pa;
	assert_int_equal(w->translate(&space, V(2 * bytes - K4), &pa), MM_OK);
	part_unmap(0, 2 * bytes - K4, K4);
	release_ok(0);
	assert_int_equal(mm_pt_destroy(&space), MM_OK);
	ora.apart = 0;
	finish();
}

static void tables_that_two_are_in_stay(void **state)
{
	start(state);
	const size_t levels = ora.arch->top + 1u;
	claim_ok(0, 3 * K4, 2 * K4);
	assert_int_equal(ora.used, levels);
	claim_ok(1, 5 * K4, K4);
	assert_int_equal(ora.used, levels);
	for (unsigned way = 0; way < 3; way++) { /* the first entry, which may hold a witness, is nobody's */
		part_map(0, 4 * K4, PA0, K4);
		if (way < 2)
			part_map(1, 5 * K4, PA0 + M2, K4);
		part_unmap(0, 4 * K4, K4);
		assert_int_equal(ora.used, levels);
		if (way < 2)
			part_unmap(1, 5 * K4, K4);
		assert_int_equal(ora.used, levels);
	}
	part_map(1, 5 * K4, PA0, K4);
	release_ok(0);
	assert_int_equal(ora.used, levels);
	part_unmap(1, 5 * K4, K4);
	assert_int_equal(ora.used, levels);
	part_map(1, 5 * K4, PA0, K4);
	release_ok(1); /* a witness is named again */
	map_ok(4 * K4, PA0, K4, RW, 0);
	unmap_ok(5 * K4, K4);
	unmap_ok(4 * K4, K4);
	sync_and_check();
	assert_int_equal(ora.used, 1);
	finish();
}

/* A range of whole entries costs no tables there, and has its own as any tree. */
static void whole_tables_are_a_claims_own(void **state)
{
	start(state);
	const size_t above = ora.arch->top; /* the root, and those down to level 1 */
	claim_ok(0, M2, 2 * M2);
	assert_int_equal(ora.used, above);
	part_map(0, M2 + 5 * K4, PA0, K4);
	part_map(0, 2 * M2 + 5 * K4, PA0, K4);
	assert_int_equal(ora.used, above + 2);
	part_unmap(0, M2 + 5 * K4, K4);
	assert_int_equal(ora.used, above + 1);
	part_unmap(0, M2, 2 * M2);
	assert_int_equal(ora.used, above);
	part_map(0, M2, PA0, 2 * M2); /* large ones */
	assert_int_equal(ora.used, above);
	part_unmap(0, M2, 2 * M2);
	release_ok(0);
	assert_int_equal(ora.used, 1);
	claim_ok(0, G1, G1);
	assert_int_equal(ora.used, ora.arch->top - 1u);
	part_map(0, G1 + 7 * K4, PA0, K4);
	assert_int_equal(ora.used, ora.arch->top + 1u);
	part_unmap(0, G1 + 7 * K4, K4);
	assert_int_equal(ora.used, ora.arch->top - 1u);
	release_ok(0);
	assert_int_equal(ora.used, 1);
	finish();
}

static void what_sticks_out_is_split(void **state)
{
	start(state);
	map_ok(0, PA0, G1, RW, 0);
	map_ok(2 * G1, PA0 + G1, G1, RW, 0);
	sync_and_check();
	claim_ok(0, K4, M2);
	part_unmap(0, K4, K4);
	part_map(0, K4, PA0 + M2, K4);
	claim_ok(1, G1 - K4, G1 + 2 * K4);
	part_unmap(1, G1 - K4, K4);
	release_ok(0);
	release_ok(1);
	unmap_ok(0, 3 * G1);
	sync_and_check();
	assert_int_equal(ora.used, 1);
	finish();
}

/* Each table that a claim needs may be missing: nothing has changed then. */
static void a_claim_that_fails_leaves_nothing(void **state)
{
	static const uint64_t range[][2] = { { K4, K4 }, { M2 - K4, 2 * K4 }, { G1 - K4, 2 * K4 }, { 2 * G1 + K4, K4 },
					     { 2 * G1 - K4, 2 * K4 }, { 3 * G1 - K4, 2 * K4 } };

	for (unsigned i = 0; i < sizeof(range) / sizeof(range[0]); i++) {
		start(state);
		map_ok(2 * G1, PA0, G1, RW, 0);
		sync_and_check();
		const size_t used = ora.used;
		unsigned n = 1;
		enum mm_status st;
		for (;; n++) {
			hash_before = ora_hash(&ora);
			ora_fail(&ora, n, true);
			st = claim(0, range[i][0], range[i][1]);
			ora_fail(&ora, 0, false);
			if (st == MM_OK)
				break;
			assert_int_equal(st, MM_E_NOMEM);
			assert_true(stopped() == range[i][0] || stopped() == range[i][0] + range[i][1] - 1);
			sync_and_check();
			assert_true(ora_hash(&ora) == hash_before);
			assert_int_equal(ora.used, used);
		}
		assert_true(n > 1);
		claims_are(&range[i], 1);
		sync_and_check();
		release_ok(0);
		finish();
	}
}

/* A cursor of the tree stood in a table that went through a claim, and had stood in one before there was any. */
static void a_cursor_notices_what_a_claim_took_out(void **state)
{
	struct mm_pt_cur cur;
	struct mm_pt_run run;

	start(state);
	for (unsigned way = 0; way < 2; way++) {
		map_ok(M2, PA0, 4 * K4, RW, MM_PT_NO_RUNS);
		sync_and_check();
		assert_int_equal(cur_init(&cur, M2, M2), MM_OK);
		assert_true(next(&cur, &run) && run.va == M2 && run.attr);
		claim_ok(0, M2, 2 * M2);
		part_unmap(0, M2, 4 * K4);
		part_map(0, 2 * M2, PA0 + M2, 4 * K4); /* the same table is for that now */
		if (way == 0)
			release_ok(0);
		assert_true(next(&cur, &run));
		assert_int_equal(run.attr, 0);
		if (way == 1)
			release_ok(0);
		unmap_ok(2 * M2, 4 * K4);
		sync_and_check();
	}
	finish();
}

static unsigned own_flushes;

static void own_flush(void *ctx, const struct mm_tlb_gather *gather)
{
	own_flushes++;
	ora.env.flush(ctx, gather);
}

static void a_claim_may_have_functions_of_its_own(void **state)
{
	start(state);
	struct mm_pt_env env = ora.env;
	env.flush = own_flush;
	own_flushes = 0;
	assert_int_equal(mm_pt_claim(&pt, V(0), M2, &env, &g, &part[0]), MM_OK);
	ora.claim[ora.nclaims++] = (struct ora_span){ V(0), V(M2 - 1) };
	mm_pt_sync(&pt, &g);
	assert_int_equal(own_flushes, 0);
	part_map(0, K4, PA0, K4);
	part_unmap(0, K4, K4);
	assert_true(own_flushes > 0);
	release_ok(0);
	finish();
}

static uint32_t draw(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33);
}

/* The ranges of a round, one after the other from the first page of a table of level 2 on. */
static void draw_ranges(uint64_t *seed, uint64_t (*range)[2])
{
	static const uint64_t lengths[] = { K4, 3 * K4, 9 * K4, M2 - K4, M2, M2 + K4, 3 * M2, G1 - M2 };
	uint64_t off = draw(seed) % 2 ? G1 - 4 * K4 : draw(seed) % 4 * K4;

	for (unsigned i = 0; i < CLAIMS; i++) {
		range[i][0] = off;
		range[i][1] = lengths[draw(seed) % 8];
		off += range[i][1] + (draw(seed) % 4 ? 0 : K4);
	}
}

/* Some pages of a range, mostly near its ends, or all of it. */
static void draw_pages(uint64_t *seed, const uint64_t range[2], uint64_t *off, uint64_t *len)
{
	const uint64_t pages = range[1] / K4;
	uint64_t first = draw(seed) % (pages < 4 ? pages : 4);

	if (draw(seed) % 2)
		first = pages - 1 - first;
	*len = 1 + draw(seed) % (pages - first < 3 ? pages - first : 3);
	if (draw(seed) % 16 == 0) {
		first = 0;
		*len = pages;
	}
	*off = range[0] + first * K4;
	*len *= K4;
}

static void change_at_random(uint64_t *seed, unsigned i, const uint64_t range[2])
{
	uint64_t off, len, taken;
	enum mm_status st;

	draw_pages(seed, range, &off, &len);
	switch (draw(seed) % 5) {
	case 0:
	case 1:
		st = w->map(&part[i], V(off), PA0 + off, len, RW, 0, &g);
		assert_int_equal(st, set_overlaps(&want, V(off), V(off) + (len - 1), &taken) ? MM_E_EXIST : MM_OK);
		if (st == MM_OK)
			want_map(off, off + (len - 1), PA0 + off, RW);
		break;
	case 2:
		st = w->protect(&part[i], V(off), len, MM_PT_READ, 0, &g);
		assert_int_equal(st, want_protect(off, off + (len - 1), MM_PT_READ) ? MM_OK : MM_E_NOENT);
		break;
	default:
		st = w->unmap(&part[i], V(off), len, draw(seed) % 4 ? 0 : MM_PT_DISCARD, &g);
		assert_int_equal(st, want_unmap(off, off + (len - 1)) ? MM_OK : MM_E_NOENT);
	}
	check();
	mm_pt_sync(&part[i], &g);
}

static void writers_go_on_beside_each_other(void **state)
{
	uint64_t seed = 7, range[CLAIMS][2];

	start(state);
	for (unsigned round = 0; round < 24; round++) {
		draw_ranges(&seed, range);
		for (unsigned i = 0; i < CLAIMS; i++)
			claim_ok(i, range[i][0], range[i][1]);
		for (unsigned k = 0; k < 100; k++) {
			unsigned i = draw(&seed) % CLAIMS;
			change_at_random(&seed, i, range[i]);
			if (draw(&seed) % 16)
				continue;
			release_ok(i); /* and another comes */
			claim_ok(i, range[i][0], range[i][1]);
		}
		for (unsigned i = 0; i < CLAIMS; i++)
			release_ok((i + round) % CLAIMS);
		if (want.n)
			unmap_ok(0, 8 * G1);
		sync_and_check();
		assert_int_equal(ora.used, 1);
	}
	finish();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_changes_what_is_anothers),
		cmocka_unit_test(what_cannot_be_claimed_is_refused),
		cmocka_unit_test(what_is_another_trees_cannot_be_claimed),
		cmocka_unit_test(tables_that_two_are_in_stay),
		cmocka_unit_test(whole_tables_are_a_claims_own),
		cmocka_unit_test(what_sticks_out_is_split),
		cmocka_unit_test(a_claim_that_fails_leaves_nothing),
		cmocka_unit_test(a_cursor_notices_what_a_claim_took_out),
		cmocka_unit_test(a_claim_may_have_functions_of_its_own),
		cmocka_unit_test(writers_go_on_beside_each_other),
	};

	return run_for_all("pt_claim", tests, sizeof(tests) / sizeof(tests[0]));
}
