/* SPDX-License-Identifier: MIT */
/* Page tables: protection keys. What has them keeps and tells them through every operation, and flushes another; what
 * has none refuses them. */
#include <mmlib/pt_formats.h>
#include <mmlib/pt_tree.h>
#include "pt_fixture.h"

#define KEY(n)  ((uint32_t)RW | MM_PT_USER | MM_PT_KEY(n))
#define NO_SEEN (~(uint32_t)(MM_PT_ACCESSED | MM_PT_DIRTY))

/* A tree on a machine that has keys. False: there is none, the format has no keys. */
static bool start_keys(void **state)
{
	const struct walker *of = *state;
	const struct mm_pt_cfg cfg = { .allow_wx = true, .features = of->f->arch->key_feature };

	if (!cfg.features)
		return false;
	start_with(state, &cfg);
	return true;
}

static uint32_t attr_at(uint64_t off)
{
	struct mm_pt_run run;

	assert_int_equal(query(off, &run), MM_OK);
	assert_int_equal(run.attr, ora_walk(&ora, V(off)).attr);
	return run.attr & NO_SEEN;
}

/* Refused: by formats that have none, and by a machine that has none. */
static void keys_that_are_not_there_are_refused(void **state)
{
	start_occupied(state);
	for (uint32_t n = 1; n < 16; n++) {
		refuse(map(2 * G1, PA0, K4, RW | MM_PT_KEY(n), 0), MM_E_NOTSUP);
		refuse(w->map_list(&pt, V(2 * G1), &(mm_paddr_t){ PA0 }, 1, RW | MM_PT_KEY(n), 0,
				   &g),
		       MM_E_NOTSUP);
		refuse(protect(0, K4, RW | MM_PT_KEY(n), 0), MM_E_NOTSUP);
	}
	refuse(map(2 * G1, PA0, K4, RW | MM_PT_EXEC | MM_PT_KEY(1), 0), MM_E_PERM);
	finish();
}

static void there_are_16_keys(void **state)
{
	start(state);
	hash_before = ora_hash(&ora);
	refuse(map(0, PA0, K4, RW | MM_PT_KEY(16), 0), MM_E_INVAL);
	refuse(map(0, PA0, K4, MM_PT_KEY(1), 0), MM_E_INVAL);
	finish();
}

static void each_key_goes_both_ways(void **state)
{
	static const uint32_t attrs[] = { MM_PT_READ, RW, RX,
					  RW | RX | MM_PT_USER | MM_PT_GLOBAL | MM_PT_DEVICE,
					  RW | MM_PT_TRACK | MM_PT_WC };

	if (!start_keys(state))
		return;
	for (unsigned i = 0; i < 16 * 5 * 3; i++) {
		const uint64_t len = K4 << 9 * (i % 3), off = 3 * len;
		const uint32_t attr = attrs[i / 3 % 5] | MM_PT_KEY(i / 15);
		map_ok(off, PA0, len, attr, 0);
		assert_int_equal(attr_at(off), attr & ~(uint32_t)MM_PT_TRACK);
		assert_int_equal(*raw_entry(off, i % 3) >> 59 & 15, i / 15);
		protect_ok(off, len, MM_PT_READ);
		assert_int_equal(*raw_entry(off, i % 3) >> 59 & 15, 0);
		protect_ok(off, len, attr);
		assert_int_equal(attr_at(off), attr & ~(uint32_t)MM_PT_TRACK);
		unmap_ok(off, len);
		sync_and_check();
	}
	finish();
}

/* By the call that says one page, the one that says many, and those that take them away; and in the dump. */
static void cursors_tell_keys(void **state)
{
	mm_paddr_t pa[4];
	uint32_t attr[4];
	struct mm_pt_leaves leaves = { .pa = pa, .attr = attr, .room = 4 };
	struct mm_pt_cur cur;
	struct mm_pt_run run;

	if (!start_keys(state))
		return;
	for (unsigned i = 0; i < 4; i++)
		map_ok(i * K4, PA0 + i * K4, K4, KEY(i), 0);
	assert_int_equal(cur_init(&cur, 0, 4 * K4), MM_OK);
	for (unsigned i = 0; i < 4; i++)
		assert_true(next(&cur, &run) && (run.attr & NO_SEEN) == KEY(i));
	assert_int_equal(cur_init(&cur, 0, 4 * K4), MM_OK);
	assert_true(w->leaves(&cur, &leaves) && leaves.n == 4);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(attr[i] & NO_SEEN, KEY(i));
	assert_int_equal(cur_init(&cur, 0, 4 * K4), MM_OK);
	assert_int_equal(unmap_next(&cur, &run), MM_OK);
	assert_int_equal(run.attr & NO_SEEN, KEY(0));
	assert_int_equal(w->unmap_leaves(&pt, &cur, &g, &leaves), MM_OK);
	assert_int_equal(leaves.n, 3);
	assert_int_equal(attr[2] & NO_SEEN, KEY(3));
	want_unmap(0, 4 * K4 - 1);
	finish();
}

static char line[128];

static void keep_line(void *ctx, const char *text)
{
	(void)ctx;
	snprintf(line, sizeof(line), "%s", text);
}

static void the_dump_tells_keys(void **state)
{
	if (!start_keys(state))
		return;
	map_ok(0, PA0, K4, KEY(11), 0);
	mm_pt_dump(&pt, 0, keep_line, NULL);
	assert_non_null(strstr(line, " rw-u- WB key 0xb"));
	unmap_ok(0, K4);
	finish();
}

/* The oracle's TLB holds them. */
static void another_key_is_flushed(void **state)
{
	if (!start_keys(state))
		return;
	map_ok(0, PA0, M2, KEY(1), 0);
	map_ok(M2, PA0 + M2, 16 * K4, KEY(1), 0);
	sync_and_check();
	protect_ok(0, M2, KEY(2));
	assert_true(g.flush && g.start == V(0) && g.last == V(M2 - 1));
	sync_and_check();
	protect_ok(M2 + K4, 12 * K4, KEY(0));
	assert_true(g.flush && g.start == V(M2 + K4) && g.last == V(M2 + 13 * K4 - 1));
	sync_and_check();
	protect_ok(M2 + K4, K4, KEY(0));
	assert_false(g.flush);
	unmap_ok(0, M2 + 16 * K4);
	finish();
}

/* What is split keeps its key in all parts; what has several does not become one. */
static void large_pages_keep_keys(void **state)
{
	if (!start_keys(state))
		return;
	map_ok(0, PA0, G1, KEY(9), 0);
	assert_int_equal(mm_pt_split(&pt, V(M2), K4, 0, &g), MM_OK);
	sync_and_check();
	assert_int_equal(attr_at(M2), KEY(9));
	assert_int_equal(attr_at(G1 - 1), KEY(9));
	protect_ok(M2 + K4, K4, KEY(6));
	assert_int_equal(mm_pt_collapse(&pt, V(0), G1, 0, &g), MM_OK);
	sync_and_check();
	assert_int_equal(attr_at(M2), KEY(9));
	assert_int_equal(attr_at(M2 + K4), KEY(6));
	protect_ok(M2 + K4, K4, KEY(9));
	assert_int_equal(mm_pt_collapse(&pt, V(0), G1, 0, &g), MM_OK);
	sync_and_check();
	assert_int_equal(attr_at(M2 + K4), KEY(9));
	unmap_ok(K4, K4);
	assert_int_equal(attr_at(0), KEY(9));
	assert_int_equal(attr_at(2 * M2), KEY(9));
	unmap_ok(0, G1);
	finish();
}

static void age_keeps_keys(void **state)
{
	mm_paddr_t pa[2];
	uint32_t attr[2];
	struct mm_pt_leaves leaves = { .pa = pa, .attr = attr, .room = 2 };
	struct mm_pt_cur cur;

	if (!start_keys(state))
		return;
	map_ok(0, PA0, 2 * K4, KEY(7) | MM_PT_TRACK, 0);
	assert_true(use(0, true));
	assert_int_equal(cur_init(&cur, 0, 2 * K4), MM_OK);
	assert_int_equal(mm_pt_age(&pt, &cur, MM_PT_ACCESSED | MM_PT_DIRTY, &g, &leaves), MM_OK);
	assert_int_equal(attr[0], KEY(7) | MM_PT_ACCESSED | MM_PT_DIRTY);
	assert_int_equal(attr_at(0), KEY(7));
	assert_int_equal(ora_walk(&ora, V(0)).attr, KEY(7));
	sync_and_check();
	unmap_ok(0, 2 * K4);
	finish();
}

/* Formats that are selected by number. */
static void the_others_have_none_but_five_levels(void **state)
{
	const struct walker *first = *state;

	for (unsigned k = 0; first == walkers && k < MM_PT_FORMATS; k++)
		assert_int_equal(mm_pt_format((enum mm_pt_format)k)->key_feature,
				 k == MM_PT_X86_64_LA57 ? MM_PT_X86_64_KEYS : 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_that_are_not_there_are_refused),
		cmocka_unit_test(there_are_16_keys),
		cmocka_unit_test(each_key_goes_both_ways),
		cmocka_unit_test(cursors_tell_keys),
		cmocka_unit_test(the_dump_tells_keys),
		cmocka_unit_test(another_key_is_flushed),
		cmocka_unit_test(large_pages_keep_keys),
		cmocka_unit_test(age_keeps_keys),
		cmocka_unit_test(the_others_have_none_but_five_levels),
	};
	return run_for_all("keys", tests, sizeof(tests) / sizeof(tests[0]));
}
