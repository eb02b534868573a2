/* SPDX-License-Identifier: MIT */
/* Bit helpers: the plain C and, in the same program, what this CPU really uses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#define MM_BITS_PORTABLE   1
#define mm_lowest_bit32    plain_lowest_bit32
#define mm_highest_bit32   plain_highest_bit32
#define mm_count_bits32    plain_count_bits32
#define mm_lowest_bit64    plain_lowest_bit64
#define mm_highest_bit64   plain_highest_bit64
#define mm_count_bits64    plain_count_bits64
#define mm_lowest_bit_word plain_lowest_bit_word
#define mm_highest_bit_word plain_highest_bit_word
#define mm_count_bits_word plain_count_bits_word
#define mm_shl64           plain_shl64
#define mm_shr64           plain_shr64
#define mm_swap64          plain_swap64
#include "bits.h"
#undef MM_SRC_BITS_H
#undef MM_BITS_PORTABLE
#undef MM_BITS_BUILTIN
#undef mm_lowest_bit32
#undef mm_highest_bit32
#undef mm_count_bits32
#undef mm_lowest_bit64
#undef mm_highest_bit64
#undef mm_count_bits64
#undef mm_lowest_bit_word
#undef mm_highest_bit_word
#undef mm_count_bits_word
#undef mm_shl64
#undef mm_shr64
#undef mm_swap64
#include "bits.h"

struct answer {
	unsigned lowest, highest, count;
};

static struct answer by_hand(uint64_t v)
{
	struct answer a = { 64, 0, 0 };

	for (unsigned i = 0; i < 64; i++) {
		if (!(v >> i & 1))
			continue;
		a.lowest = a.lowest == 64 ? i : a.lowest;
		a.highest = i;
		a.count++;
	}
	return a;
}

static void check(uint64_t v)
{
	struct answer a = by_hand(v), b = by_hand((uint32_t)v), w = by_hand((mm_word_t)v);

	assert_int_equal(mm_count_bits64(v), a.count);
	assert_int_equal(plain_count_bits64(v), a.count);
	assert_int_equal(mm_count_bits32((uint32_t)v), b.count);
	assert_int_equal(plain_count_bits32((uint32_t)v), b.count);
	assert_int_equal(mm_count_bits_word((mm_word_t)v), w.count);
	assert_int_equal(plain_count_bits_word((mm_word_t)v), w.count);
	if (v) {
		assert_int_equal(mm_lowest_bit64(v), a.lowest);
		assert_int_equal(plain_lowest_bit64(v), a.lowest);
		assert_int_equal(mm_highest_bit64(v), a.highest);
		assert_int_equal(plain_highest_bit64(v), a.highest);
	}
	if ((uint32_t)v) {
		assert_int_equal(mm_lowest_bit32((uint32_t)v), b.lowest);
		assert_int_equal(plain_lowest_bit32((uint32_t)v), b.lowest);
		assert_int_equal(mm_highest_bit32((uint32_t)v), b.highest);
		assert_int_equal(plain_highest_bit32((uint32_t)v), b.highest);
	}
	if ((mm_word_t)v) {
		assert_int_equal(mm_lowest_bit_word((mm_word_t)v), w.lowest);
		assert_int_equal(plain_lowest_bit_word((mm_word_t)v), w.lowest);
	}
}

static void every_pair_of_bits_and_its_inverse(void **state)
{
	(void)state;
	check(0);
	check(~UINT64_C(0));
	for (unsigned i = 0; i < 64; i++) {
		for (unsigned j = 0; j < 64; j++) {
			check(UINT64_C(1) << i | UINT64_C(1) << j);
			check(~(UINT64_C(1) << i | UINT64_C(1) << j));
		}
	}
}

static void every_run_of_bits(void **state)
{
	(void)state;
	for (unsigned low = 0; low < 64; low++) {
		for (unsigned high = low; high < 64; high++)
			check((~UINT64_C(0) << low) & (~UINT64_C(0) >> (63 - high)));
	}
}

static void random_values(void **state)
{
	uint64_t v = UINT64_C(0x9e3779b97f4a7c15);

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		v ^= v << 13;
		v ^= v >> 7;
		v ^= v << 17;
		check(v >> (i & 63));
	}
}

/* From one bit to the next, by one: no shift by a variable is trusted. */
static void shifts_move_every_bit(void **state)
{
	uint64_t left = UINT64_C(0x9e3779b97f4a7c15), right = left, v = left;

	(void)state;
	for (unsigned n = 0; n < 64; n++) {
		assert_true(mm_shl64(v, n) == left && plain_shl64(v, n) == left);
		assert_true(mm_shr64(v, n) == right && plain_shr64(v, n) == right);
		left <<= 1;
		right >>= 1;
	}
}

static void bytes_change_their_order(void **state)
{
	const uint64_t v = UINT64_C(0x0123456789abcdef), swapped = UINT64_C(0xefcdab8967452301);

	(void)state;
	assert_true(mm_swap64(v) == swapped && plain_swap64(v) == swapped);
	for (unsigned byte = 0; byte < 8; byte++)
		assert_true(mm_swap64(UINT64_C(0xa5) << 8 * byte) == UINT64_C(0xa5) << (56 - 8 * byte));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair_of_bits_and_its_inverse),
		cmocka_unit_test(every_run_of_bits),
		cmocka_unit_test(random_values),
		cmocka_unit_test(shifts_move_every_bit),
		cmocka_unit_test(bytes_change_their_order),
	};
	return cmocka_run_group_tests_name("bits", tests, NULL, NULL);
}
