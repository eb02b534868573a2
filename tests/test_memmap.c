/* SPDX-License-Identifier: MIT */
/* Boot memory map: the normaliser against an independent oracle, taking, wrong input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "sim.h"
#include <mmlib/memmap.h>
#include <stdlib.h>
#include <string.h>
#include "memmap_reader.h"

#define ROOM 600
#define F    MM_FRAME_SIZE

static const char *data_dir;

/* A map with its array. */
struct box {
	struct mm_memmap map;
	struct mm_mem e[ROOM];
};

/* One range as a test feeds it. */
struct claim {
	uint64_t base, last; /* inclusive, not wrapping */
	enum mm_mem_type type;
	const char *owner;
};

static void box_init(struct box *b, uint32_t capacity)
{
	memset(b, 0xa5, sizeof(*b));
	assert_int_equal(mm_memmap_init(&b->map, b->e, capacity), MM_OK);
}

static enum mm_status feed(struct box *b, const struct claim *c)
{
	return mm_memmap_add(&b->map, c->base, c->last - c->base + 1, c->type, c->owner);
}

static bool same_entry(const struct mm_mem *a, const struct mm_mem *b)
{
	return a->base == b->base && a->last == b->last && a->type == b->type &&
	       a->owner == b->owner;
}

static void assert_map(const struct mm_memmap *map, const struct mm_mem *want, size_t n)
{
	const uint8_t *rest = (const uint8_t *)(map->entries + map->capacity);

	assert_int_equal(mm_memmap_verify(map), MM_OK);
	assert_int_equal(map->count, n);
	for (size_t i = 0; i < (ROOM - map->capacity) * sizeof(*want); i++)
		assert_int_equal(rest[i], 0xa5); /* not even for a moment more than the capacity */
	for (size_t i = 0; i < n; i++)
		assert_true(same_entry(&map->entries[i], &want[i]));
}

static bool no_drops(const struct mm_memmap *map)
{
	return map->dropped.empty == 0 && map->dropped.wrapped == 0 && map->dropped.beyond == 0 &&
	       map->dropped.unknown == 0;
}

/* --- The oracle: every border there is, and between two borders the strongest first claim. --- */

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static const struct claim *strongest(const struct claim *c, size_t n, uint64_t at)
{
	const struct claim *best = NULL;

	for (size_t i = 0; i < n; i++) {
		uint64_t base = c[i].base, last = c[i].last;

		if (c[i].type != MM_MEM_USABLE) {
			base -= base % F;
			last += F - 1 - last % F;
		}
		if (base <= at && at <= last && (!best || c[i].type > best->type))
			best = &c[i];
	}
	return best;
}

static size_t oracle(const struct claim *c, size_t n, struct mm_mem *out)
{
	static uint64_t border[4 * ROOM];
	size_t borders = 0, count = 0;

	for (size_t i = 0; i < n; i++) {
		border[borders++] = c[i].base;
		border[borders++] = c[i].base - c[i].base % F;
		border[borders++] = c[i].last + 1; /* 0 at the end of the address space */
		border[borders++] = c[i].last - c[i].last % F + F;
	}
	qsort(border, borders, sizeof(*border), by_value);
	for (size_t i = 0; i < borders; i++) {
		uint64_t last = i + 1 < borders ? border[i + 1] - 1 : UINT64_MAX;
		const struct claim *best = strongest(c, n, border[i]);

		if ((i + 1 < borders && border[i] == border[i + 1]) || !best ||
		    border[i] > MM_PADDR_MAX)
			continue;
		if (last > MM_PADDR_MAX)
			last = MM_PADDR_MAX;
		struct mm_mem *prev = count ? &out[count - 1] : NULL;
		if (prev && prev->last + (uint64_t)1 == border[i] && prev->type == best->type &&
		    prev->owner == best->owner)
			prev->last = (mm_paddr_t)last;
		else
			out[count++] = (struct mm_mem){ (mm_paddr_t)border[i], (mm_paddr_t)last,
							best->type, best->owner };
	}
	return count;
}

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static void shuffle(struct claim *c, size_t n, uint64_t seed)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = (size_t)(next_random(&seed) % i);
		struct claim was = c[i - 1];

		c[i - 1] = c[j];
		c[j] = was;
	}
}

/* Random claims around `centre`, on and off frame borders. */
static size_t random_claims(struct claim *c, size_t n, uint64_t centre, bool owners, uint64_t seed)
{
	static const char owner[2] = "";

	for (size_t i = 0; i < n; i++) {
		uint64_t at = next_random(&seed) % 64, bytes = 1 + next_random(&seed) % (12 * 4);

		c[i].base = centre + at * (F / 4) + (next_random(&seed) % 4 == 0);
		c[i].last = c[i].base + bytes * (F / 4) - 1 - (next_random(&seed) % 4 == 0);
		if (c[i].last < c[i].base)
			c[i].last = UINT64_MAX;
		c[i].type = (enum mm_mem_type)(1 + next_random(&seed) % 10);
		c[i].owner = owners && next_random(&seed) % 2 ? owner : NULL;
	}
	return n;
}

/* --- Arguments --- */

static void null_arguments_are_refused(void **state)
{
	(void)state;
	struct box b;
	struct mm_mem out;
	uint32_t it = 0;

	box_init(&b, ROOM);
	assert_int_equal(mm_memmap_init(NULL, b.e, 1), MM_E_INVAL);
	assert_int_equal(mm_memmap_init(&b.map, NULL, 1), MM_E_INVAL);
	assert_ptr_equal(b.map.entries, b.e);
	assert_int_equal(mm_memmap_init(&b.map, NULL, 0), MM_OK);
	assert_int_equal(mm_memmap_add(NULL, 0, F, MM_MEM_USABLE, NULL), MM_E_INVAL);
	assert_int_equal(mm_memmap_take(NULL, 0, F, MM_MEM_META, NULL), MM_E_INVAL);
	assert_int_equal(mm_memmap_verify(NULL), MM_E_INVAL);
	assert_false(mm_memmap_next(NULL, &it, &out));
	assert_false(mm_memmap_next(&b.map, NULL, &out));
	assert_false(mm_memmap_next(&b.map, &it, NULL));
	assert_true(mm_memmap_bytes(NULL, MM_MEM_USABLE) == 0);
}

static void types_nobody_defined_are_refused(void **state)
{
	(void)state;
	static const int bad[] = { 0, -1, MM_MEM_BAD + 1, 255, INT32_MAX, INT32_MIN };
	struct box b;

	box_init(&b, ROOM);
	assert_int_equal(mm_memmap_add(&b.map, 0, 8 * F, MM_MEM_USABLE, NULL), MM_OK);
	struct box was = b;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		enum mm_mem_type type = (enum mm_mem_type)bad[i];

		assert_int_equal(mm_memmap_add(&b.map, 0, F, type, NULL), MM_E_INVAL);
		assert_int_equal(mm_memmap_add(&b.map, 0, 0, type, NULL), MM_E_INVAL);
		assert_int_equal(mm_memmap_take(&b.map, 0, F, type, NULL), MM_E_INVAL);
		assert_string_equal(mm_mem_type_name(type), "?");
	}
	assert_int_equal(mm_memmap_take(&b.map, 0, F, MM_MEM_USABLE, NULL), MM_E_INVAL);
	assert_true(sim_same(&b, &was, sizeof(b)));
}

static void every_type_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int i = MM_MEM_USABLE; i <= MM_MEM_BAD; i++) {
		const char *name = mm_mem_type_name((enum mm_mem_type)i);

		assert_string_not_equal(name, "?");
		for (int j = MM_MEM_USABLE; j < i; j++)
			assert_string_not_equal(name, mm_mem_type_name((enum mm_mem_type)j));
	}
}

static void an_all_zero_map_is_valid_and_has_no_room(void **state)
{
	(void)state;
	struct mm_memmap map = { 0 };
	struct mm_mem out;
	uint32_t it = 0;

	assert_int_equal(mm_memmap_verify(&map), MM_OK);
	assert_false(mm_memmap_next(&map, &it, &out));
	assert_int_equal(mm_memmap_add(&map, 0, F, MM_MEM_USABLE, NULL), MM_E_2BIG);
	assert_int_equal(mm_memmap_take(&map, 0, F, MM_MEM_META, NULL), MM_E_BUSY);
	assert_int_equal(mm_memmap_add(&map, 0, 0, MM_MEM_USABLE, NULL), MM_OK);
	assert_int_equal(map.dropped.empty, 1);
}

/* --- Ranges --- */

static void empty_and_wrapping_ranges_are_counted(void **state)
{
	(void)state;
	struct box b;

	box_init(&b, ROOM);
	assert_int_equal(mm_memmap_add(&b.map, F, 0, MM_MEM_USABLE, NULL), MM_OK);
	assert_int_equal(mm_memmap_add(&b.map, UINT64_MAX, 0, MM_MEM_BAD, NULL), MM_OK);
	assert_int_equal(b.map.dropped.empty, 2);
	assert_int_equal(mm_memmap_add(&b.map, 16 * F, UINT64_MAX, MM_MEM_USABLE, NULL), MM_OK);
	assert_int_equal(b.map.dropped.wrapped, 1);
	assert_map(&b.map, NULL, 0);
	assert_int_equal(mm_memmap_add(&b.map, 16 * F, UINT64_MAX, MM_MEM_RESERVED, NULL), MM_OK);
	assert_int_equal(b.map.dropped.wrapped, 2);
	assert_int_equal(b.map.dropped.beyond, 0);
	assert_map(&b.map, &(struct mm_mem){ 16 * F, MM_PADDR_MAX, MM_MEM_RESERVED, NULL }, 1);
}

static void ranges_beyond_a_short_address_are_clipped_and_counted(void **state)
{
	(void)state;
#if MM_PADDR_BITS == 32
	struct box b;
	const uint64_t end = (uint64_t)MM_PADDR_MAX + 1;

	box_init(&b, ROOM);
	assert_int_equal(mm_memmap_add(&b.map, end, F, MM_MEM_USABLE, NULL), MM_OK);
	assert_int_equal(mm_memmap_add(&b.map, end * 7, F, MM_MEM_BAD, NULL), MM_OK);
	assert_int_equal(b.map.dropped.beyond, 2);
	assert_map(&b.map, NULL, 0);
	assert_int_equal(mm_memmap_add(&b.map, end - 4 * F, end, MM_MEM_USABLE, NULL), MM_OK);
	assert_int_equal(mm_memmap_add(&b.map, end - 2 * F, 2 * F + 1, MM_MEM_LOADER, NULL), MM_OK);
	assert_int_equal(b.map.dropped.beyond, 4);
	assert_int_equal(b.map.dropped.wrapped, 0);
	const struct mm_mem want[] = {
		{ (mm_paddr_t)(end - 4 * F), (mm_paddr_t)(end - 2 * F - 1), MM_MEM_USABLE, NULL },
		{ (mm_paddr_t)(end - 2 * F), MM_PADDR_MAX, MM_MEM_LOADER, NULL },
	};
	assert_map(&b.map, want, 2);
#else
	skip();
#endif
}

static void the_last_byte_of_the_address_space_is_memory(void **state)
{
	(void)state;
	const mm_paddr_t top = MM_PADDR_MAX - F + 1;
	struct box b;
	struct mm_mem out;
	uint32_t it = 0;

	box_init(&b, ROOM);
	assert_int_equal(mm_memmap_add(&b.map, top - 3 * F, 4 * F, MM_MEM_USABLE, NULL), MM_OK);
	assert_true(no_drops(&b.map));
	assert_true(mm_memmap_next(&b.map, &it, &out));
	assert_true(out.base == top - 3 * F && out.last == MM_PADDR_MAX);
	assert_false(mm_memmap_next(&b.map, &it, &out));
	assert_int_equal(mm_memmap_add(&b.map, MM_PADDR_MAX, 1, MM_MEM_BAD, NULL), MM_OK);
	assert_int_equal(mm_memmap_take(&b.map, top - F, F, MM_MEM_META, NULL), MM_OK);
	const struct mm_mem want[] = {
		{ top - 3 * F, top - F - 1, MM_MEM_USABLE, NULL },
		{ top - F, top - 1, MM_MEM_META, NULL },
		{ top, MM_PADDR_MAX, MM_MEM_BAD, NULL },
	};
	assert_map(&b.map, want, 3);
	assert_true(mm_memmap_bytes(&b.map, MM_MEM_USABLE) == 2 * F);
	assert_true(mm_memmap_bytes(&b.map, MM_MEM_BAD) == F);
	assert_int_equal(mm_memmap_take(&b.map, MM_PADDR_MAX, 2, MM_MEM_META, NULL), MM_E_INVAL);
}

static void the_whole_address_space_can_be_one_entry(void **state)
{
	(void)state;
	struct box b;

	box_init(&b, ROOM);
	assert_int_equal(mm_memmap_add(&b.map, 0, F, MM_MEM_USABLE, NULL), MM_OK);
	assert_int_equal(mm_memmap_add(&b.map, F, MM_PADDR_MAX - F, MM_MEM_USABLE, NULL), MM_OK);
	assert_int_equal(mm_memmap_add(&b.map, MM_PADDR_MAX, 1, MM_MEM_USABLE, NULL), MM_OK);
	assert_true(no_drops(&b.map));
	assert_map(&b.map, &(struct mm_mem){ 0, MM_PADDR_MAX, MM_MEM_USABLE, NULL }, 1);
	assert_true(mm_memmap_bytes(&b.map, MM_MEM_USABLE) == MM_PADDR_MAX);
}

static void usable_pieces_that_meet_inside_a_frame_make_it_whole(void **state)
{
	(void)state;
	struct box b;

	box_init(&b, ROOM);
	assert_int_equal(mm_memmap_add(&b.map, F + 1, F, MM_MEM_USABLE, NULL), MM_OK);
	assert_true(mm_memmap_bytes(&b.map, MM_MEM_USABLE) == 0);
	assert_int_equal(mm_memmap_add(&b.map, 2 * F + 1, F - 1, MM_MEM_USABLE, NULL), MM_OK);
	assert_map(&b.map, &(struct mm_mem){ F + 1, 3 * F - 1, MM_MEM_USABLE, NULL }, 1);
	assert_true(mm_memmap_bytes(&b.map, MM_MEM_USABLE) == F);
	assert_int_equal(mm_memmap_add(&b.map, F, 1, MM_MEM_USABLE, NULL), MM_OK);
	assert_true(mm_memmap_bytes(&b.map, MM_MEM_USABLE) == 2 * F);
}

static void usable_memory_is_rounded_inward_when_read(void **state)
{
	(void)state;
	static const struct {
		mm_paddr_t base, last, first_frame, frames;
	} row[] = {
		{ 0, 0, 0, 0 },
		{ 0, F - 2, 0, 0 },
		{ 0, F - 1, 0, 1 },
		{ 1, F, 0, 0 },
		{ 1, 2 * F - 2, 0, 0 },
		{ 1, 2 * F - 1, F, 1 },
		{ F - 1, 3 * F, F, 2 },
		{ F, 3 * F - 2, F, 1 },
		{ 1, 3 * F, F, 2 },
		{ MM_PADDR_MAX - F + 2, MM_PADDR_MAX, 0, 0 },
		{ MM_PADDR_MAX - F, MM_PADDR_MAX, MM_PADDR_MAX - F + 1, 1 },
	};
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct box b;
		struct mm_mem out;
		uint32_t it = 0;

		box_init(&b, ROOM);
		assert_int_equal(mm_memmap_add(&b.map, row[i].base, row[i].last - row[i].base + 1,
					       MM_MEM_USABLE, "u"),
				 MM_OK);
		assert_true(mm_memmap_next(&b.map, &it, &out) == (row[i].frames > 0));
		if (row[i].frames == 0)
			continue;
		assert_true(out.base == row[i].first_frame);
		assert_true(out.last == out.base + (row[i].frames * F - 1));
		assert_int_equal(out.type, MM_MEM_USABLE);
	}
}

static void reserved_types_are_rounded_outward(void **state)
{
	(void)state;
	for (int type = MM_MEM_BOOT_SERVICES; type <= MM_MEM_BAD; type++) {
		struct box b;
		const enum mm_mem_type t = (enum mm_mem_type)type;

		box_init(&b, ROOM);
		assert_int_equal(mm_memmap_add(&b.map, 0, 8 * F, MM_MEM_USABLE, NULL), MM_OK);
		assert_int_equal(mm_memmap_add(&b.map, 2 * F - 1, 2, t, NULL), MM_OK);
		const struct mm_mem want[] = { { 0, F - 1, MM_MEM_USABLE, NULL },
					       { F, 3 * F - 1, t, NULL },
					       { 3 * F, 8 * F - 1, MM_MEM_USABLE, NULL } };
		assert_map(&b.map, want, 3);
	}
}

static void of_two_claims_the_higher_type_wins_in_either_order(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		struct claim c[2] = { { F, 5 * F - 1, (enum mm_mem_type)(1 + i % 10), NULL },
				      { 3 * F, 9 * F - 1, (enum mm_mem_type)(1 + i / 10), NULL } };
		struct mm_mem want[3];
		struct box one, two;
		size_t n = oracle(c, 2, want);

		box_init(&one, ROOM);
		box_init(&two, ROOM);
		assert_int_equal(feed(&one, &c[0]), MM_OK);
		assert_int_equal(feed(&one, &c[1]), MM_OK);
		assert_int_equal(feed(&two, &c[1]), MM_OK);
		assert_int_equal(feed(&two, &c[0]), MM_OK);
		assert_map(&one.map, want, n);
		assert_map(&two.map, want, n);
	}
}

static void neighbours_merge_if_type_and_owner_are_equal(void **state)
{
	(void)state;
	static const char a[] = "a", other[] = "a";
	static const struct {
		enum mm_mem_type type;
		const char *owner;
		uint32_t entries;
	} row[] = { { MM_MEM_META, a, 1 }, { MM_MEM_META, other, 2 }, { MM_MEM_EARLY, a, 2 } };

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct box b;

		box_init(&b, ROOM);
		assert_int_equal(mm_memmap_add(&b.map, 0, F, MM_MEM_META, a), MM_OK);
		assert_int_equal(mm_memmap_add(&b.map, F, F, row[i].type, row[i].owner), MM_OK);
		assert_int_equal(b.map.count, row[i].entries);
		box_init(&b, ROOM);
		assert_int_equal(mm_memmap_add(&b.map, F, F, row[i].type, row[i].owner), MM_OK);
		assert_int_equal(mm_memmap_add(&b.map, 0, F, MM_MEM_META, a), MM_OK);
		assert_int_equal(b.map.count, row[i].entries);
		assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
	}
}

static void the_earlier_of_two_claims_of_one_type_keeps_its_owner(void **state)
{
	(void)state;
	struct box b;
	static const char a[] = "a", z[] = "z";

	box_init(&b, ROOM);
	assert_int_equal(mm_memmap_add(&b.map, F, 2 * F, MM_MEM_KERNEL, a), MM_OK);
	assert_int_equal(mm_memmap_add(&b.map, 0, 4 * F, MM_MEM_KERNEL, z), MM_OK);
	const struct mm_mem want[] = { { 0, F - 1, MM_MEM_KERNEL, z },
				       { F, 3 * F - 1, MM_MEM_KERNEL, a },
				       { 3 * F, 4 * F - 1, MM_MEM_KERNEL, z } };
	assert_map(&b.map, want, 3);
}

/* --- Taking --- */

static void taking_is_exact(void **state)
{
	(void)state;
	struct box b;
	static const struct {
		mm_paddr_t base, length;
		enum mm_status status;
	} row[] = {
		{ 0, 0, MM_E_INVAL },
		{ MM_PADDR_MAX, 2, MM_E_INVAL },
		{ 8 * F, MM_PADDR_MAX, MM_E_INVAL },
		{ 0, 1, MM_E_BUSY },
		{ F - 1, 2, MM_E_BUSY },
		{ 4 * F - 1, 2, MM_E_BUSY },
		{ 4 * F, F, MM_E_BUSY },
		{ F, 4 * F, MM_E_BUSY },
		{ 8 * F, F, MM_E_BUSY },
		{ 9 * F, 1, MM_E_BUSY },
		{ 7 * F, F + 1, MM_E_BUSY },
		{ 0, MM_PADDR_MAX, MM_E_BUSY },
		{ MM_PADDR_MAX, 1, MM_E_BUSY },
	};

	box_init(&b, ROOM);
	assert_int_equal(mm_memmap_add(&b.map, F, 7 * F + 1, MM_MEM_USABLE, NULL), MM_OK);
	assert_int_equal(mm_memmap_add(&b.map, 4 * F, 1, MM_MEM_RESERVED, NULL), MM_OK);
	struct box was = b;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		assert_int_equal(
			mm_memmap_take(&b.map, row[i].base, row[i].length, MM_MEM_META, NULL),
			row[i].status);
		assert_true(sim_same(&b, &was, sizeof(b)));
	}
	assert_int_equal(mm_memmap_take(&b.map, 2 * F + 5, 1, MM_MEM_META, "m"), MM_OK);
	assert_int_equal(mm_memmap_take(&b.map, 2 * F + 6, 1, MM_MEM_META, "m"), MM_E_BUSY);
	assert_true(mm_memmap_bytes(&b.map, MM_MEM_META) == F);
	assert_int_equal(mm_memmap_take(&b.map, 5 * F, 3 * F, MM_MEM_KERNEL, NULL), MM_OK);
	assert_true(mm_memmap_bytes(&b.map, MM_MEM_USABLE) == 2 * F);
	assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
}

static void taking_may_span_usable_pieces_of_several_owners(void **state)
{
	(void)state;
	struct box b;

	box_init(&b, ROOM);
	assert_int_equal(mm_memmap_add(&b.map, 0, F + 8, MM_MEM_USABLE, "a"), MM_OK);
	assert_int_equal(mm_memmap_add(&b.map, F + 8, F - 8, MM_MEM_USABLE, "z"), MM_OK);
	assert_int_equal(mm_memmap_take(&b.map, F, 1, MM_MEM_META, NULL), MM_OK);
	assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
	assert_true(mm_memmap_bytes(&b.map, MM_MEM_META) == F);
	assert_true(mm_memmap_bytes(&b.map, MM_MEM_USABLE) == F);
}

static void taking_needs_room_for_what_it_splits(void **state)
{
	(void)state;
	struct box b;

	box_init(&b, 2);
	assert_int_equal(mm_memmap_add(&b.map, 0, 8 * F, MM_MEM_USABLE, NULL), MM_OK);
	struct box was = b;
	assert_int_equal(mm_memmap_take(&b.map, F, F, MM_MEM_META, NULL), MM_E_2BIG);
	assert_true(sim_same(&b, &was, sizeof(b)));
	assert_int_equal(mm_memmap_take(&b.map, 0, F, MM_MEM_META, NULL), MM_OK);
	assert_int_equal(mm_memmap_take(&b.map, F, F, MM_MEM_META, NULL), MM_OK);
	assert_int_equal(mm_memmap_take(&b.map, 2 * F, 6 * F, MM_MEM_META, NULL), MM_OK);
	assert_int_equal(b.map.count, 1);
}

/* --- Against the oracle --- */

static void assert_feeds_to(const struct claim *c, size_t n, const struct mm_mem *want,
			    size_t wants)
{
	struct box b;

	box_init(&b, ROOM);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(feed(&b, &c[i]), MM_OK);
		assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
	}
	assert_map(&b.map, want, wants);
}

static size_t file_claims(const char *name, struct claim *c)
{
	static struct memmap_line line[ROOM / 2];
	size_t n = memmap_read(data_dir, name, line, ROOM / 2);

	for (size_t i = 0; i < n; i++)
		c[i] = (struct claim){ line[i].first, line[i].last, line[i].type, NULL };
	return n;
}

static void real_maps_come_out_the_same_in_any_order(void **state)
{
	(void)state;
	static struct claim c[ROOM], back[ROOM];
	static struct mm_mem want[2 * ROOM];

	for (size_t f = 0; memmap_files[f]; f++) {
		size_t n = file_claims(memmap_files[f], c);
		/* A kernel inside RAM, a byte of bad RAM, and a piece that overlaps. */
		c[n++] = (struct claim){ 0x200000, 0x6543ff, MM_MEM_KERNEL, NULL };
		c[n++] = (struct claim){ 0x7654321, 0x7654321, MM_MEM_BAD, NULL };
		c[n++] = (struct claim){ 0x600000, 0x7ffffff, MM_MEM_LOADER, NULL };
		size_t wants = oracle(c, n, want);

		assert_true(wants > 3);
		assert_feeds_to(c, n, want, wants);
		for (size_t i = 0; i < n; i++)
			back[i] = c[n - 1 - i];
		assert_feeds_to(back, n, want, wants);
		for (uint64_t seed = 1; seed <= 50; seed++) {
			shuffle(c, n, seed * 0x9e3779b97f4a7c15u);
			assert_feeds_to(c, n, want, wants);
		}
	}
}

static const uint64_t centres[] = { 0, 40 * F, (uint64_t)MM_PADDR_MAX - 70 * F + 1,
				    (uint64_t)MM_PADDR_MAX - 16 * F + 1 };

static void random_claims_match_the_oracle_in_any_order(void **state)
{
	(void)state;
	static struct claim c[ROOM];
	static struct mm_mem want[2 * ROOM];

	for (uint64_t round = 1; round <= (sim_is_slow() ? 40 : 400); round++) {
		size_t n = random_claims(c, 1 + (size_t)(round % 40), centres[round % 4],
					 round % 3 == 0, round * 0x9e3779b97f4a7c15u);
		size_t wants = oracle(c, n, want);

		assert_feeds_to(c, n, want, wants);
		if (round % 3 == 0)
			continue; /* owners of equal types depend on the order */
		shuffle(c, n, round * 77);
		assert_feeds_to(c, n, want, wants);
	}
}

/* Feed all claims into maps of every capacity. Each one is taken if and only if the result fits,
 * and changes not one byte else. */
static void assert_exact_at_every_capacity(const struct claim *c, size_t n, uint32_t most)
{
	static struct mm_mem want[2 * ROOM];
	struct claim in[ROOM];

	for (uint32_t capacity = 0; capacity <= most; capacity++) {
		size_t taken = 0;
		struct box b;

		box_init(&b, capacity);
		for (size_t i = 0; i < n; i++) {
			struct box was = b;

			in[taken] = c[i];
			size_t wants = oracle(in, taken + 1, want);
			enum mm_status status = feed(&b, &c[i]);
			assert_int_equal(status, wants > capacity ? MM_E_2BIG : MM_OK);
			taken += status == MM_OK;
			if (status != MM_OK)
				assert_true(sim_same(&b, &was, sizeof(b)));
			else
				assert_map(&b.map, want, wants);
		}
	}
}

static void a_full_array_refuses_only_what_does_not_fit_and_changes_nothing(void **state)
{
	(void)state;
	static struct claim c[ROOM];

	for (uint64_t round = 1; round <= (sim_is_slow() ? 6 : 60); round++) {
		size_t n =
			random_claims(c, 16, centres[round % 4], round % 2, round * 0x1234567u + 1);

		assert_exact_at_every_capacity(c, n, 16);
	}
	for (size_t f = 0; memmap_files[f]; f++)
		assert_exact_at_every_capacity(c, file_claims(memmap_files[f], c), 30);
}

/* Growing pieces come first in address order and shrinking ones last: only the sum counts. */
static void a_full_array_is_enough_if_the_result_is_no_longer(void **state)
{
	(void)state;
	struct box b;

	box_init(&b, 10);
	for (unsigned i = 0; i < 4; i++) /* 4 strong entries with gaps that will be filled */
		assert_int_equal(mm_memmap_add(&b.map, (2 * i + 1) * F, F, MM_MEM_BAD, NULL),
				 MM_OK);
	for (unsigned i = 0; i < 6; i++) /* 6 weak ones that will be swallowed */
		assert_int_equal(mm_memmap_add(&b.map, (20 + 2 * i) * F, F, MM_MEM_USABLE, NULL),
				 MM_OK);
	assert_int_equal(b.map.count, 10);
	assert_int_equal(mm_memmap_add(&b.map, 0, 40 * F, MM_MEM_RESERVED, NULL), MM_OK);
	assert_int_equal(b.map.count, 9);
	assert_map(&b.map, b.e, 9);
	assert_true(mm_memmap_bytes(&b.map, MM_MEM_RESERVED) == 36 * F);
}

static void twice_as_many_entries_as_ranges_are_always_enough(void **state)
{
	(void)state;
	static struct claim c[ROOM];

	for (uint64_t round = 1; round <= (sim_is_slow() ? 30 : 300); round++) {
		size_t n = random_claims(c, 1 + (size_t)(round % 24), centres[round % 4], true,
					 round * 99991);
		struct box b;

		box_init(&b, (uint32_t)(2 * n));
		for (size_t i = 0; i < n; i++)
			assert_int_equal(feed(&b, &c[i]), MM_OK);
	}
}

static void verify_sees_each_kind_of_damage(void **state)
{
	(void)state;
	struct box good, b;

	box_init(&good, ROOM);
	assert_int_equal(mm_memmap_add(&good.map, 0, 2 * F, MM_MEM_META, NULL), MM_OK);
	assert_int_equal(mm_memmap_add(&good.map, 2 * F, 2 * F, MM_MEM_USABLE, NULL), MM_OK);
	assert_int_equal(mm_memmap_add(&good.map, 4 * F, 2 * F, MM_MEM_EARLY, NULL), MM_OK);
	for (unsigned damage = 0; damage < 10; damage++) {
		b = good;
		b.map.entries = b.e;
		assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
		switch (damage) {
		case 0:
			b.e[0].base = 1;
			break;
		case 1:
			b.e[0].last -= 1;
			break;
		case 2:
			b.e[2].type = MM_MEM_USABLE;
			break;
		case 3:
			b.e[1].type = (enum mm_mem_type)0;
			break;
		case 4:
			b.e[1].type = (enum mm_mem_type)(MM_MEM_BAD + 1);
			break;
		case 5:
			b.e[1].last += 1;
			break;
		case 6:
			b.e[1].base = 5 * F, b.e[1].last = 4 * F;
			break;
		case 7:
			b.e[2].base = b.e[2].last = 0;
			break;
		case 8:
			b.map.capacity = 2;
			break;
		case 9:
			b.map.entries = NULL;
			break;
		}
		assert_int_equal(mm_memmap_verify(&b.map), MM_E_CORRUPT);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(null_arguments_are_refused),
		cmocka_unit_test(types_nobody_defined_are_refused),
		cmocka_unit_test(every_type_has_a_name_of_its_own),
		cmocka_unit_test(an_all_zero_map_is_valid_and_has_no_room),
		cmocka_unit_test(empty_and_wrapping_ranges_are_counted),
		cmocka_unit_test(ranges_beyond_a_short_address_are_clipped_and_counted),
		cmocka_unit_test(the_last_byte_of_the_address_space_is_memory),
		cmocka_unit_test(the_whole_address_space_can_be_one_entry),
		cmocka_unit_test(usable_pieces_that_meet_inside_a_frame_make_it_whole),
		cmocka_unit_test(usable_memory_is_rounded_inward_when_read),
		cmocka_unit_test(reserved_types_are_rounded_outward),
		cmocka_unit_test(of_two_claims_the_higher_type_wins_in_either_order),
		cmocka_unit_test(neighbours_merge_if_type_and_owner_are_equal),
		cmocka_unit_test(the_earlier_of_two_claims_of_one_type_keeps_its_owner),
		cmocka_unit_test(taking_is_exact),
		cmocka_unit_test(taking_may_span_usable_pieces_of_several_owners),
		cmocka_unit_test(taking_needs_room_for_what_it_splits),
		cmocka_unit_test(real_maps_come_out_the_same_in_any_order),
		cmocka_unit_test(random_claims_match_the_oracle_in_any_order),
		cmocka_unit_test(a_full_array_refuses_only_what_does_not_fit_and_changes_nothing),
		cmocka_unit_test(a_full_array_is_enough_if_the_result_is_no_longer),
		cmocka_unit_test(twice_as_many_entries_as_ranges_are_always_enough),
		cmocka_unit_test(verify_sees_each_kind_of_damage),
	};
	data_dir = argc > 1 ? argv[1] : "tests/data";
	return cmocka_run_group_tests_name("memmap", tests, NULL, NULL);
}
