/* SPDX-License-Identifier: MIT */
/* Runs of frames in one buddy: any number of them, anywhere between limits or at one place; and what
 * fails changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "buddy_model.h"

#define W  ((mm_pfn_t)MM_WORD_BITS)
#define OK(call) assert_null(call)

/* Three levels of frames, from a base that fits nothing. */
static void start(struct model *m, mm_pfn_t base, mm_pfn_t frames)
{
	OK(model_init(m, base, frames));
	OK(model_free_rest(m));
	OK(model_check(m));
}

static void finish(struct model *m)
{
	OK(model_check(m));
	OK(model_free_rest(m));
	OK(model_check(m));
	model_destroy(m);
}

static void runs_of_any_length_come_from_the_lowest_address(void **state)
{
	struct model m;

	(void)state;
	start(&m, 5, 6 * W);
	for (mm_pfn_t n = 1; n <= 2 * W; n += 1 + n / 3)
		OK(model_alloc_run(&m, n, NULL));
	OK(model_alloc_run(&m, 6 * W, NULL)); /* no room */
	finish(&m);
}

static void a_run_as_long_as_the_range_takes_all(void **state)
{
	struct model m;
	mm_pfn_t pfn;

	(void)state;
	start(&m, 3, 2 * W * W + 7);
	assert_int_equal(mm_buddy_alloc_run(&m.b, 2 * W * W + 7, NULL, &pfn), MM_OK);
	assert_int_equal(pfn, 3);
	assert_int_equal(mm_buddy_count_free(&m.b), 0);
	assert_int_equal(mm_buddy_alloc_run(&m.b, 1, NULL, &pfn), MM_E_NOMEM);
	assert_int_equal(mm_buddy_free_range(&m.b, 3, 2 * W * W + 7), MM_OK);
	assert_int_equal(mm_buddy_alloc_run(&m.b, 2 * W * W + 8, NULL, &pfn), MM_E_NOMEM);
	OK(model_check(&m));
	finish(&m);
}

static void limits_are_kept_to_the_frame(void **state)
{
	struct model m;
	struct mm_buddy_limits in = { 2 * W - 3, 2 * W + 3, 1, 0 };

	(void)state;
	start(&m, 5, 6 * W);
	OK(model_alloc_run(&m, 8, &in)); /* one too many */
	OK(model_alloc_run(&m, 7, &in)); /* all */
	OK(model_alloc_run(&m, 1, &in));
	in = (struct mm_buddy_limits){ 0, 4, 1, 0 }; /* outside */
	OK(model_alloc_run(&m, 1, &in));
	in = (struct mm_buddy_limits){ 6 * W + 5, MM_PFN_MAX, 1, 0 };
	OK(model_alloc_run(&m, 1, &in));
	in = (struct mm_buddy_limits){ 6 * W + 4, 6 * W + 4, 1, 0 }; /* the last one */
	OK(model_alloc_run(&m, 1, &in));
	finish(&m);
}

static void alignment_and_boundary_are_kept(void **state)
{
	struct model m;

	(void)state;
	for (mm_pfn_t align = 1; align <= 4 * W; align *= 2)
		for (mm_pfn_t boundary = 1; boundary <= 8 * W; boundary *= 2) {
			struct mm_buddy_limits w = { 0, MM_PFN_MAX, align, boundary };

			start(&m, 5, 12 * W);
			OK(model_alloc_run(&m, 3, NULL));
			for (mm_pfn_t n = 1; n <= boundary; n += 1 + n / 2) {
				OK(model_alloc_run(&m, n, &w));
				OK(model_alloc_run(&m, 1, NULL)); /* gaps */
			}
			finish(&m);
		}
}

/* Frames that look alone are found where they lie together over the borders of words and levels. */
static void runs_are_found_over_the_borders_of_words(void **state)
{
	struct model m;

	(void)state;
	for (mm_pfn_t at = W - 4; at < W + 4; at++)
		for (mm_pfn_t n = 2; n < 2 * W + 6; n += 1 + n / 4) {
			start(&m, 0, 5 * W);
			OK(model_alloc_range(&m, 0, 5 * W));
			for (mm_pfn_t i = 0; i + 1 < at; i += 2)
				OK(model_free_range(&m, i, 1));
			OK(model_free_range(&m, at, n));
			OK(model_alloc_run(&m, n + 1, NULL)); /* there is none */
			OK(model_alloc_run(&m, n, NULL));
			finish(&m);
		}
}

static void a_range_can_be_had_once_wherever_it_lies(void **state)
{
	struct model m;

	(void)state;
	for (mm_pfn_t first = 5; first < 3 * W; first += 1 + first / 2)
		for (mm_pfn_t n = 1; n < 3 * W; n += 1 + n / 2) {
			start(&m, 5, 8 * W);
			OK(model_alloc_range(&m, first, n));
			OK(model_check(&m));
			OK(model_alloc_range(&m, first + n - 1, 1)); /* busy */
			OK(model_free_range(&m, first + n / 2, n - n / 2));
			OK(model_check(&m));
			finish(&m);
		}
}

/* Whichever frame of it is taken: the range stays as it was. */
static void a_range_that_is_busy_changes_nothing(void **state)
{
	struct model m;
	unsigned char *before;

	(void)state;
	start(&m, 5, 4 * W);
	before = malloc(m.size);
	for (mm_pfn_t i = 7; i < 7 + 3 * W; i++) {
		OK(model_alloc_at(&m, i, 0));
		memcpy(before, m.meta, m.size);
		assert_int_equal(mm_buddy_alloc_range(&m.b, 7, 3 * W), MM_E_BUSY);
		assert_memory_equal(before, m.meta, buddy_words_bytes(&m.b, m.size));
		OK(model_free(&m, i, 0));
	}
	free(before);
	finish(&m);
}

static void wrong_arguments_change_nothing(void **state)
{
	struct model m;
	struct mm_buddy_limits w = { 0, MM_PFN_MAX, 1, 0 };
	mm_pfn_t pfn = 7;

	(void)state;
	start(&m, 5, 4 * W);
	assert_int_equal(mm_buddy_alloc_run(NULL, 1, NULL, &pfn), MM_E_INVAL);
	assert_int_equal(mm_buddy_alloc_run(&m.b, 1, NULL, NULL), MM_E_INVAL);
	assert_int_equal(mm_buddy_alloc_run(&m.b, 0, NULL, &pfn), MM_E_INVAL);
	assert_int_equal(mm_buddy_alloc_run(&m.b, (mm_pfn_t)-1, NULL, &pfn), MM_E_NOMEM);
	w.align = 0;
	assert_int_equal(mm_buddy_alloc_run(&m.b, 1, &w, &pfn), MM_E_INVAL);
	w.align = 3;
	assert_int_equal(mm_buddy_alloc_run(&m.b, 1, &w, &pfn), MM_E_INVAL);
	w.align = (mm_pfn_t)1 << (sizeof(mm_pfn_t) * 8 - 1);
	assert_int_equal(mm_buddy_alloc_run(&m.b, 1, &w, &pfn), MM_E_NOMEM);
	w = (struct mm_buddy_limits){ 0, MM_PFN_MAX, 1, 12 };
	assert_int_equal(mm_buddy_alloc_run(&m.b, 1, &w, &pfn), MM_E_INVAL);
	w.boundary = 4;
	assert_int_equal(mm_buddy_alloc_run(&m.b, 5, &w, &pfn), MM_E_INVAL);
	w = (struct mm_buddy_limits){ 9, 8, 1, 0 };
	assert_int_equal(mm_buddy_alloc_run(&m.b, 1, &w, &pfn), MM_E_INVAL);
	assert_int_equal(pfn, 7);
	assert_int_equal(mm_buddy_alloc_range(NULL, 5, 1), MM_E_INVAL);
	assert_int_equal(mm_buddy_alloc_range(&m.b, 5, 0), MM_E_INVAL);
	assert_int_equal(mm_buddy_alloc_range(&m.b, 4, 2), MM_E_FOREIGN);
	assert_int_equal(mm_buddy_alloc_range(&m.b, 4 * W + 4, 2), MM_E_FOREIGN);
	assert_int_equal(mm_buddy_alloc_range(&m.b, 6, (mm_pfn_t)-2), MM_E_FOREIGN); /* wraps */
	OK(model_check(&m));
	finish(&m);
}

static void a_buddy_without_frames_has_no_runs(void **state)
{
	struct mm_buddy b;
	mm_pfn_t pfn = 7;

	(void)state;
	memset(&b, 0, sizeof(b));
	assert_int_equal(mm_buddy_alloc_run(&b, 1, NULL, &pfn), MM_E_NOMEM);
	assert_int_equal(mm_buddy_alloc_range(&b, 0, 1), MM_E_FOREIGN);
	assert_int_equal(pfn, 7);
}

static void the_last_frames_there_are_can_be_had(void **state)
{
	struct model m;
	struct mm_buddy_limits w = { MM_PFN_MAX - 4, MM_PFN_MAX, 2, 8 };

	(void)state;
	start(&m, MM_PFN_MAX - 3 * W + 1, 3 * W);
	OK(model_alloc_run(&m, 2, &w));
	OK(model_alloc_run(&m, 2, &w));
	OK(model_alloc_run(&m, 1, &w));
	finish(&m);
}

static void a_walk_over_large_blocks_passes_small_ones_by(void **state)
{
	struct model m;
	mm_pfn_t first = 0;
	unsigned order = 0;

	(void)state;
	start(&m, 0, W * W);
	OK(model_alloc_range(&m, 0, 2 * W));
	OK(model_free_range(&m, 1, 2));
	assert_true(mm_buddy_next_free(&m.b, 0, 2, &first, &order));
	assert_true(first == 2 * W && order >= 2);
	assert_false(mm_buddy_next_free(&m.b, 0, mm_buddy_max_order(&m.b) + 1, &first, &order));
	OK(model_check(&m)); /* compares walks of all orders */
	finish(&m);
}

static uint32_t random_next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void anything_in_any_order_as_the_model_has_it(void **state)
{
	struct model m;
	uint32_t seed = 1;

	(void)state;
	start(&m, 11, 9 * W + 5);
	for (unsigned i = 0; i < 3000; i++) {
		mm_pfn_t at = 11 + random_next(&seed) % (9 * W + 5), n = random_next(&seed) % 40;
		struct mm_buddy_limits w = { at, at + random_next(&seed) % (4 * W),
					     (mm_pfn_t)1 << random_next(&seed) % 5,
					     random_next(&seed) % 2 ? 64 : 0 };

		switch (random_next(&seed) % 4) {
		case 0:
			OK(model_alloc_run(&m, n, random_next(&seed) % 3 ? &w : NULL));
			break;
		case 1:
			OK(model_alloc_range(&m, at, n));
			break;
		default:
			OK(model_free_range(&m, at, n));
		}
		if (i % 16 == 0)
			OK(model_check(&m));
	}
	finish(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_of_any_length_come_from_the_lowest_address),
		cmocka_unit_test(a_run_as_long_as_the_range_takes_all),
		cmocka_unit_test(limits_are_kept_to_the_frame),
		cmocka_unit_test(alignment_and_boundary_are_kept),
		cmocka_unit_test(runs_are_found_over_the_borders_of_words),
		cmocka_unit_test(a_range_can_be_had_once_wherever_it_lies),
		cmocka_unit_test(a_range_that_is_busy_changes_nothing),
		cmocka_unit_test(wrong_arguments_change_nothing),
		cmocka_unit_test(a_buddy_without_frames_has_no_runs),
		cmocka_unit_test(the_last_frames_there_are_can_be_had),
		cmocka_unit_test(a_walk_over_large_blocks_passes_small_ones_by),
		cmocka_unit_test(anything_in_any_order_as_the_model_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
