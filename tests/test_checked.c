/* SPDX-License-Identifier: MIT */
/* Checked arithmetic: right at the borders, and nothing is written when the result does not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "checked.h"

#define UNTOUCHED 0x5a5a5a5au

static void sums_are_exact_or_refused(void **state)
{
	(void)state;
	uint64_t out = UNTOUCHED;

	assert_false(mm_add(UINT64_MAX, 1, &out));
	assert_false(mm_add(1, UINT64_MAX, &out));
	assert_false(mm_add(UINT64_MAX, UINT64_MAX, &out));
	assert_true(out == UNTOUCHED);
	assert_true(mm_add(UINT64_MAX, 0, &out) && out == UINT64_MAX);
	assert_true(mm_add(UINT64_MAX - 5, 5, &out) && out == UINT64_MAX);
	assert_true(mm_add(0, 0, &out) && out == 0);
}

static void sums_of_sizes_are_exact_or_refused(void **state)
{
	(void)state;
	size_t out = UNTOUCHED;

	assert_false(mm_add_size(SIZE_MAX, 1, &out));
	assert_false(mm_add_size(SIZE_MAX / 2 + 1, SIZE_MAX / 2 + 1, &out));
	assert_true(out == UNTOUCHED);
	assert_true(mm_add_size(SIZE_MAX - 1, 1, &out) && out == SIZE_MAX);
	assert_true(mm_add_size(40, 2, &out) && out == 42);
}

static void products_of_sizes_are_exact_or_refused(void **state)
{
	(void)state;
	const size_t half = (size_t)1 << (sizeof(size_t) * 4);
	size_t out = 0;

	assert_false(mm_mul_size(half, half, &out));
	assert_false(mm_mul_size(SIZE_MAX, 2, &out));
	assert_true(mm_mul_size(half, half - 1, &out) && out == half * (half - 1));
	assert_true(mm_mul_size(SIZE_MAX, 1, &out) && out == SIZE_MAX);
	assert_true(mm_mul_size(SIZE_MAX, 0, &out) && out == 0);
}

static void powers_of_two_are_known(void **state)
{
	(void)state;
	assert_false(mm_is_pow2(0));
	assert_false(mm_is_pow2(3));
	assert_false(mm_is_pow2(UINT64_MAX));
	for (unsigned i = 0; i < 64; i++)
		assert_true(mm_is_pow2((uint64_t)1 << i));
}

static void a_range_may_end_at_the_end_but_not_pass_it(void **state)
{
	(void)state;
	uint64_t last = UNTOUCHED;

	assert_false(mm_range_last(0, 0, &last));
	assert_false(mm_range_last(UINT64_MAX, 2, &last));
	assert_false(mm_range_last(2, UINT64_MAX, &last));
	assert_true(last == UNTOUCHED);
	assert_true(mm_range_last(UINT64_MAX, 1, &last) && last == UINT64_MAX);
	assert_true(mm_range_last(1, UINT64_MAX, &last) && last == UINT64_MAX);
	assert_true(mm_range_last(0, UINT64_MAX, &last) && last == UINT64_MAX - 1);
	assert_true(mm_range_last(0x1000, 0x1000, &last) && last == 0x1fff);
}

static void rounding_is_exact_or_refused(void **state)
{
	(void)state;
	const uint64_t top = UINT64_MAX - 0xfff;
	uint64_t out = UNTOUCHED;

	assert_false(mm_align_up(top + 1, 0x1000, &out));
	assert_false(mm_align_up(UINT64_MAX, 2, &out));
	assert_true(out == UNTOUCHED);
	assert_true(mm_align_up(top, 0x1000, &out) && out == top);
	assert_true(mm_align_up(UINT64_MAX, 1, &out) && out == UINT64_MAX);
	assert_true(mm_align_up(1, 0x1000, &out) && out == 0x1000);
	assert_true(mm_align_up(0, 0x1000, &out) && out == 0);
	assert_true(mm_align_up(1, (uint64_t)1 << 63, &out) && out == (uint64_t)1 << 63);
	assert_true(mm_align_down(0x1fff, 0x1000) == 0x1000);
	assert_true(mm_align_down(UINT64_MAX, (uint64_t)1 << 63) == (uint64_t)1 << 63);
	assert_true(mm_align_down(0xfff, 0x1000) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_exact_or_refused),
		cmocka_unit_test(sums_of_sizes_are_exact_or_refused),
		cmocka_unit_test(products_of_sizes_are_exact_or_refused),
		cmocka_unit_test(powers_of_two_are_known),
		cmocka_unit_test(a_range_may_end_at_the_end_but_not_pass_it),
		cmocka_unit_test(rounding_is_exact_or_refused),
	};
	return cmocka_run_group_tests_name("checked", tests, NULL, NULL);
}
