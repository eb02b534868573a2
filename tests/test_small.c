/* SPDX-License-Identifier: MIT */
/* The smallest systems: what mmlib keeps for 64 KiB of memory, counted. The variants microcontroller
 * and sram are what such a system builds; on 64-bit machines uniprocessor has the same code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <mmlib/pmm.h>

#define SRAM   0x10000u     /* bytes of memory */
#define BASE   0x20000000u  /* as on Cortex-M */
#define FRAMES (SRAM >> MM_FRAME_SHIFT)
#define FIRST  (BASE >> MM_FRAME_SHIFT)

static mm_word_t bitmap[64];

static void show(const char *what, size_t bytes)
{
	printf("%-46s %5zu bytes\n", what, bytes);
}

/* W = 32 and no summaries: a word for each 32 frames, and one above them. */
static size_t bitmap_bytes(void)
{
	return MM_WORD_BITS == 32 && MM_BUDDY_ROWS == 0 ? ((FRAMES + 31) / 32 + (FRAMES > 32)) * 4
						       : mm_buddy_size(FIRST, FRAMES);
}

static void the_state_of_64_kib_is_under_70_bytes(void **state)
{
	size_t bytes = mm_buddy_size(FIRST, FRAMES);

	(void)state;
	show("descriptor (struct mm_buddy)", sizeof(struct mm_buddy));
	show("bitmap of 64 KiB", bytes);
	assert_int_equal(bytes, bitmap_bytes());
	if (sizeof(void *) == 4 && !MM_ATOMICS && MM_BUDDY_ROWS == 0) {
		assert_true(sizeof(struct mm_buddy) <= 32);
		assert_true(sizeof(struct mm_buddy) + bytes < 70);
		if (MM_FRAME_SHIFT == 8)
			assert_int_equal(bytes, 36);
	}
}

/* Nothing else is kept anywhere: all of SRAM is given out and comes back, in every order. */
static void a_buddy_alone_gives_out_all_of_it(void **state)
{
	struct mm_buddy b;
	mm_pfn_t pfn, got;

	(void)state;
	memset(bitmap, 0xA5, sizeof(bitmap));
	assert_int_equal(mm_buddy_init(&b, FIRST, FRAMES, bitmap, sizeof(bitmap)), MM_OK);
	assert_int_equal(mm_buddy_free_range(&b, FIRST, FRAMES), MM_OK);
	for (unsigned order = 0; 1u << order <= FRAMES; order++) {
		for (got = 0; mm_buddy_alloc(&b, order, &pfn) == MM_OK; got += (mm_pfn_t)1 << order)
			assert_int_equal(pfn, FIRST + got);
		assert_int_equal(got, FRAMES);
		assert_int_equal(mm_buddy_count_free(&b), 0);
		for (mm_pfn_t i = 0; i < FRAMES; i += (mm_pfn_t)1 << order)
			assert_int_equal(mm_buddy_free(&b, FIRST + i, order), MM_OK);
		assert_int_equal(mm_buddy_verify(&b), MM_OK);
		assert_int_equal(mm_buddy_free(&b, FIRST, 0), MM_E_DOUBLE_FREE);
	}
	assert_int_equal(mm_buddy_count_free(&b), FRAMES);
}

/* What zones and the frame byte cost on top, for who wants them. */
static void what_the_manager_costs_is_known(void **state)
{
	(void)state;
	show("manager (struct mm_pmm)", sizeof(struct mm_pmm));
	show("  of which zones", sizeof(struct mm_zone) * MM_ZONES_MAX);
	show("each range (struct mm_range)", sizeof(struct mm_range));
	show("bytes of its frames", FRAMES);
	assert_true(sizeof(struct mm_range) - sizeof(struct mm_buddy) <= 8 * sizeof(uintptr_t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_state_of_64_kib_is_under_70_bytes),
		cmocka_unit_test(a_buddy_alone_gives_out_all_of_it),
		cmocka_unit_test(what_the_manager_costs_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
