/* SPDX-License-Identifier: MIT */
/* Early allocator: what it gives out, what it writes into the map, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <mmlib/early.h>
#include <string.h>
#include "hook.h"
#include "sim.h"

#define ROOM 32
#define F    MM_FRAME_SIZE
#define TOP  ((mm_paddr_t)1 << (MM_PADDR_BITS - 1)) /* the largest alignment */

/* A machine with RAM in [F, 64 F) and [100 F, 108 F), frame 104 reserved. */
struct box {
	struct mm_memmap map;
	struct mm_mem e[ROOM];
	struct mm_early ea;
};

static void box_init(struct box *b, uint32_t capacity, mm_paddr_t low, mm_paddr_t high)
{
	memset(b, 0xa5, sizeof(*b));
	assert_int_equal(mm_memmap_init(&b->map, b->e, capacity), MM_OK);
	assert_int_equal(mm_memmap_add(&b->map, F, 63 * F, MM_MEM_USABLE, NULL), MM_OK);
	assert_int_equal(mm_memmap_add(&b->map, 100 * F, 8 * F, MM_MEM_USABLE, NULL), MM_OK);
	assert_int_equal(mm_memmap_add(&b->map, 104 * F, F, MM_MEM_RESERVED, NULL), MM_OK);
	assert_int_equal(mm_early_init(&b->ea, &b->map, low, high), MM_OK);
}

static enum mm_status take(struct box *b, mm_paddr_t size, mm_paddr_t align, mm_paddr_t *out)
{
	return mm_early_alloc(&b->ea, size, align, MM_MEM_EARLY, NULL, out);
}

/* A refused request changes not one byte. */
static void assert_refused(struct box *b, mm_paddr_t size, mm_paddr_t align, enum mm_status status)
{
	struct box was = *b;
	mm_paddr_t out = 7;

	assert_int_equal(take(b, size, align, &out), status);
	assert_true(sim_same(b, &was, sizeof(*b)));
	assert_true(out == 7);
}

static void wrong_arguments_are_refused(void **state)
{
	(void)state;
	static const int types[] = { 0, MM_MEM_USABLE, MM_MEM_BAD + 1, -1 };
	struct mm_early zero = { 0 };
	mm_paddr_t out = 7;
	struct box b;

	box_init(&b, ROOM, 0, MM_PADDR_MAX);
	struct box was = b;
	assert_int_equal(mm_early_init(NULL, &b.map, 0, 1), MM_E_INVAL);
	assert_int_equal(mm_early_init(&b.ea, NULL, 0, 1), MM_E_INVAL);
	assert_int_equal(mm_early_init(&b.ea, &b.map, 2, 1), MM_E_INVAL);
	assert_int_equal(mm_early_alloc(NULL, F, F, MM_MEM_META, NULL, &out), MM_E_INVAL);
	assert_int_equal(mm_early_alloc(&zero, F, F, MM_MEM_META, NULL, &out), MM_E_INVAL);
	assert_int_equal(mm_early_alloc(&b.ea, F, F, MM_MEM_META, NULL, NULL), MM_E_INVAL);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		assert_int_equal(
			mm_early_alloc(&b.ea, F, F, (enum mm_mem_type)types[i], NULL, &out),
			MM_E_INVAL);
	assert_true(sim_same(&b, &was, sizeof(b)));
	assert_true(out == 7);
	assert_refused(&b, 0, F, MM_E_INVAL);
}

static void bad_alignments_and_sizes_are_refused(void **state)
{
	(void)state;
	struct box b;

	box_init(&b, ROOM, 0, MM_PADDR_MAX);
	assert_refused(&b, F, 0, MM_E_INVAL);
	assert_refused(&b, F, 3, MM_E_INVAL);
	assert_refused(&b, F, F + 1, MM_E_INVAL);
	assert_refused(&b, F, MM_PADDR_MAX, MM_E_INVAL);
	assert_refused(&b, F, TOP, MM_E_NOMEM);
	assert_refused(&b, MM_PADDR_MAX, 1, MM_E_OVERFLOW);
	assert_refused(&b, MM_PADDR_MAX - F + 2, 1, MM_E_OVERFLOW);
	assert_refused(&b, MM_PADDR_MAX - F + 1, 1, MM_E_NOMEM);
	assert_refused(&b, MM_PADDR_MAX - F + 1, TOP, MM_E_NOMEM);
	assert_refused(&b, 64 * F, 1, MM_E_NOMEM);
	assert_refused(&b, 62 * F + 1, 64 * F, MM_E_NOMEM);
}

static void memory_comes_from_the_top_of_the_highest_place_that_fits(void **state)
{
	(void)state;
	static const struct {
		mm_paddr_t size, align, base;
	} row[] = {
		{ 1, 1, 107 * F },     { 2 * F, F, 105 * F },      { F, 4 * F, 100 * F },
		{ F + 1, 8, 102 * F }, { 4 * F, F, 60 * F },       { F, 64, 101 * F },
		{ F, 32 * F, 32 * F }, { 16 * F, 16 * F, 16 * F }, { 11 * F, F, 49 * F },
		{ 16 * F, F, 33 * F }, { 15 * F, F, F },
	};
	struct box b;
	mm_paddr_t out;

	box_init(&b, ROOM, 0, MM_PADDR_MAX);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		assert_int_equal(take(&b, row[i].size, row[i].align, &out), MM_OK);
		assert_true(out == row[i].base);
		assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
	}
	assert_true(mm_memmap_bytes(&b.map, MM_MEM_USABLE) == 0);
	assert_refused(&b, 1, 1, MM_E_NOMEM);
}

static void bounds_are_kept_to_the_byte(void **state)
{
	(void)state;
	struct box b;
	mm_paddr_t out;

	box_init(&b, ROOM, 2 * F + 1, 5 * F - 2); /* only frame 3 is whole */
	assert_refused(&b, 2 * F, 1, MM_E_NOMEM);
	assert_int_equal(take(&b, F, 1, &out), MM_OK);
	assert_true(out == 3 * F);
	assert_refused(&b, 1, 1, MM_E_NOMEM);
	box_init(&b, ROOM, 2 * F, 4 * F - 1);
	assert_int_equal(take(&b, 2 * F, 1, &out), MM_OK);
	assert_true(out == 2 * F);
	box_init(&b, ROOM, 2 * F, 2 * F + 5);
	assert_refused(&b, 1, 1, MM_E_NOMEM);
	box_init(&b, ROOM, 70 * F, 80 * F);
	assert_refused(&b, 1, 1, MM_E_NOMEM);
}

static void requests_of_one_owner_share_one_entry(void **state)
{
	(void)state;
	struct box b;
	mm_paddr_t out, below = 64 * F;

	box_init(&b, ROOM, 0, 70 * F);
	const uint32_t entries = b.map.count;
	for (unsigned i = 1; i <= 10; i++) {
		assert_int_equal(take(&b, i * F / 2, 1, &out), MM_OK);
		below -= (i + 1) / 2 * F;
		assert_true(out == below);
		assert_int_equal(b.map.count, entries + 1);
	}
	assert_int_equal(mm_early_alloc(&b.ea, F, 1, MM_MEM_META, NULL, &out), MM_OK);
	assert_int_equal(b.map.count, entries + 2);
	assert_int_equal(mm_early_alloc(&b.ea, F, 1, MM_MEM_META, "me", &out), MM_OK);
	assert_int_equal(b.map.count, entries + 3);
	assert_true(mm_memmap_bytes(&b.map, MM_MEM_META) == 2 * F);
	assert_true(mm_memmap_bytes(&b.map, MM_MEM_EARLY) == 64 * F - below);
}

static void usable_pieces_of_several_owners_serve_one_request(void **state)
{
	(void)state;
	struct box b;
	mm_paddr_t out;

	box_init(&b, ROOM, 0, MM_PADDR_MAX);
	assert_int_equal(mm_memmap_add(&b.map, 64 * F, F / 2, MM_MEM_USABLE, "a"), MM_OK);
	assert_int_equal(mm_memmap_add(&b.map, 64 * F + F / 2, F / 2, MM_MEM_USABLE, "z"), MM_OK);
	assert_int_equal(take(&b, 64 * F, 1, &out), MM_OK);
	assert_true(out == F);
	assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
}

static void a_full_map_refuses_and_stays(void **state)
{
	(void)state;
	struct box b;
	mm_paddr_t out;

	box_init(&b, 4, 0, 70 * F); /* 4 entries are in use */
	assert_refused(&b, F, 1, MM_E_2BIG);
	assert_refused(&b, F, 32 * F, MM_E_2BIG);
	assert_int_equal(take(&b, 63 * F, 1, &out), MM_OK); /* replaces an entry */
	assert_true(out == F);
}

static void both_ends_of_the_address_space_can_be_given_out(void **state)
{
	(void)state;
	struct box b;
	mm_paddr_t out;

	memset(&b, 0, sizeof(b));
	assert_int_equal(mm_memmap_init(&b.map, b.e, ROOM), MM_OK);
	assert_int_equal(mm_memmap_add(&b.map, 0, F, MM_MEM_USABLE, NULL), MM_OK);
	assert_int_equal(
		mm_memmap_add(&b.map, MM_PADDR_MAX - 2 * F + 1, 2 * F, MM_MEM_USABLE, NULL), MM_OK);
	assert_int_equal(mm_early_init(&b.ea, &b.map, 0, MM_PADDR_MAX), MM_OK);
	assert_int_equal(take(&b, F, TOP, &out), MM_OK);
	assert_true(out == 0);
	assert_int_equal(take(&b, F, 1, &out), MM_OK);
	assert_true(out == MM_PADDR_MAX - F + 1);
	assert_int_equal(take(&b, F, 1, &out), MM_OK);
	assert_true(out == MM_PADDR_MAX - 2 * F + 1);
	assert_refused(&b, 1, 1, MM_E_NOMEM);
	assert_int_equal(mm_memmap_add(&b.map, 0, MM_PADDR_MAX, MM_MEM_USABLE, NULL), MM_OK);
	assert_int_equal(take(&b, TOP, TOP, &out), MM_E_NOMEM);
	assert_int_equal(take(&b, TOP / 2, TOP, &out), MM_OK);
	assert_true(out == TOP);
}

static void the_map_accounts_for_every_frame(void **state)
{
	(void)state;
	struct box b;
	mm_paddr_t out, taken = 0;

	box_init(&b, ROOM, 0, MM_PADDR_MAX);
	const mm_paddr_t all = mm_memmap_bytes(&b.map, MM_MEM_USABLE);
	while (take(&b, 3 * F, 1, &out) == MM_OK) {
		taken += 3 * F;
		assert_true(mm_memmap_bytes(&b.map, MM_MEM_USABLE) == all - taken);
		assert_true(mm_memmap_bytes(&b.map, MM_MEM_EARLY) == taken);
	}
	assert_true(taken == (63 + 3 + 3) * F);
}

static void an_injected_failure_changes_nothing(void **state)
{
	(void)state;
#if MM_HOOKS
	struct box b;
	mm_paddr_t out;

	box_init(&b, ROOM, 0, MM_PADDR_MAX);
	sim_fail_at(2, false);
	assert_int_equal(take(&b, F, 1, &out), MM_OK);
	assert_refused(&b, F, 1, MM_E_NOMEM);
	assert_int_equal(take(&b, F, 1, &out), MM_OK);
	assert_int_equal(sim_fail_calls(), 3);
	sim_fail_at(1, true);
	for (int i = 0; i < 5; i++)
		assert_refused(&b, F, 1, MM_E_NOMEM);
	assert_refused(&b, 0, 1, MM_E_INVAL);
	assert_int_equal(sim_fail_calls(), 5);
	sim_fail_at(0, false);
	assert_int_equal(take(&b, F, 1, &out), MM_OK);
#else
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_arguments_are_refused),
		cmocka_unit_test(bad_alignments_and_sizes_are_refused),
		cmocka_unit_test(memory_comes_from_the_top_of_the_highest_place_that_fits),
		cmocka_unit_test(bounds_are_kept_to_the_byte),
		cmocka_unit_test(requests_of_one_owner_share_one_entry),
		cmocka_unit_test(usable_pieces_of_several_owners_serve_one_request),
		cmocka_unit_test(a_full_map_refuses_and_stays),
		cmocka_unit_test(both_ends_of_the_address_space_can_be_given_out),
		cmocka_unit_test(the_map_accounts_for_every_frame),
		cmocka_unit_test(an_injected_failure_changes_nothing),
	};
	return cmocka_run_group_tests_name("early", tests, NULL, NULL);
}
