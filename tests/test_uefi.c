/* SPDX-License-Identifier: MIT */
/* UEFI intake: each type, each attribute, each field that may be wrong, and the maps of real
 * firmware against an independent reading of the same table and against QEMU's e820. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "sim.h"
#include <mmlib/uefi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "memmap_box.h"

#define F      MM_FRAME_SIZE
#define PAGE   4096ull
#define STRIDE 48 /* what firmware uses */

/* Written out, not taken from the header. */
#define WB      0x8ull
#define NV      0x8000ull
#define MORE    0x10000ull
#define SP      0x40000ull
#define RUNTIME 0x8000000000000000ull
#define RAM     0xfull

static const char *data_dir;

static uint64_t get(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes-- > 0)
		v = v << 8 | p[bytes];
	return v;
}

static void put_desc(uint8_t *p, uint32_t type, uint64_t base, uint64_t pages, uint64_t attribute)
{
	put(p, type, 4);
	put(p + 4, 0xa5a5a5a5, 4);
	put(p + 8, base, 8);
	put(p + 16, 0x5a5a5a5a5a5a5a5a, 8);
	put(p + 24, pages, 8);
	put(p + 32, attribute, 8);
}

/* One descriptor on an empty map. */
static enum mm_status one(struct box *b, uint32_t type, uint64_t base, uint64_t pages,
			  uint64_t attribute, struct mm_uefi_info *info)
{
	uint8_t table[40];

	put_desc(table, type, base, pages, attribute);
	box_init(b, BOX_ROOM);
	return mm_memmap_add_uefi(&b->map, table, sizeof(table), sizeof(table), 1, info);
}

/* --- Types and attributes --- */

static const struct {
	uint32_t number;
	enum mm_mem_type type;
	bool known;
	bool private_use;
} types[] = {
	{ 0, MM_MEM_RESERVED, true, false },
	{ 1, MM_MEM_LOADER, true, false },
	{ 2, MM_MEM_LOADER, true, false },
	{ 3, MM_MEM_BOOT_SERVICES, true, false },
	{ 4, MM_MEM_BOOT_SERVICES, true, false },
	{ 5, MM_MEM_RESERVED, true, false },
	{ 6, MM_MEM_RESERVED, true, false },
	{ 7, MM_MEM_USABLE, true, false },
	{ 8, MM_MEM_BAD, true, false },
	{ 9, MM_MEM_ACPI_RECLAIM, true, false },
	{ 10, MM_MEM_ACPI_NVS, true, false },
	{ 11, MM_MEM_RESERVED, true, false },
	{ 12, MM_MEM_RESERVED, true, false },
	{ 13, MM_MEM_RESERVED, true, false },
	{ 14, MM_MEM_PERSISTENT, true, false },
	{ 15, MM_MEM_RESERVED, true, false },
	{ 16, MM_MEM_RESERVED, false, false },
	{ 0x107, MM_MEM_RESERVED, false, false },
	{ 0x6fffffff, MM_MEM_RESERVED, false, false },
	{ 0x70000000, MM_MEM_RESERVED, true, true },
	{ 0x7fffffff, MM_MEM_RESERVED, true, true },
	{ 0x80000000, MM_MEM_RESERVED, true, true },
	{ 0x80000007, MM_MEM_RESERVED, true, true },
	{ UINT32_MAX, MM_MEM_RESERVED, true, true },
};

#define TYPES (sizeof(types) / sizeof(types[0]))

static void types_are_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < TYPES; i++) {
		struct mm_uefi_info info;
		struct box b;

		assert_int_equal(one(&b, types[i].number, 16 * F, F / PAGE, RAM, &info), MM_OK);
		assert_int_equal(b.map.count, 1);
		assert_int_equal(b.e[0].type, types[i].type);
		assert_true(b.e[0].base == 16 * F && b.e[0].last == 17 * F - 1 && !b.e[0].owner);
		assert_int_equal(b.map.dropped.unknown, !types[i].known);
		assert_int_equal(info.private_use, types[i].private_use);
		assert_int_equal(info.unaccepted, types[i].number == 15);
		assert_int_equal(info.descriptors, 1);
	}
}

/* What the attributes make of memory of a type that can become plain RAM. */
static const struct {
	uint64_t attribute;
	enum mm_mem_type free; /* of conventional memory; 0: as without them */
	enum mm_mem_type used; /* of what a loader or ACPI tables are in */
} attributes[] = {
	{ 0, MM_MEM_RESERVED, MM_MEM_RESERVED },
	{ 0x7, MM_MEM_RESERVED, MM_MEM_RESERVED },
	{ WB, 0, 0 },
	{ RAM, 0, 0 },
	{ RAM | MORE, 0, 0 },
	{ WB | 0x27000 /* WP, RP, XP, RO */, 0, 0 },
	{ WB | 0x80000 /* CPU_CRYPTO */, 0, 0 },
	{ WB | 0x4000000000000000ull /* ISA_VALID */, 0, 0 },
	{ WB | SP, MM_MEM_SPECIFIC, 0 },
	{ WB | NV, MM_MEM_PERSISTENT, 0 },
	{ WB | NV | SP, MM_MEM_PERSISTENT, 0 },
	{ SP, MM_MEM_RESERVED, MM_MEM_RESERVED },
	{ NV, MM_MEM_RESERVED, MM_MEM_RESERVED },
	{ WB | RUNTIME, MM_MEM_RESERVED, MM_MEM_RESERVED },
	{ WB | RUNTIME | SP, MM_MEM_RESERVED, MM_MEM_RESERVED },
	{ WB | RUNTIME | NV, MM_MEM_RESERVED, MM_MEM_RESERVED },
	{ RUNTIME, MM_MEM_RESERVED, MM_MEM_RESERVED },
	{ UINT64_MAX, MM_MEM_RESERVED, MM_MEM_RESERVED },
};

#define ATTRIBUTES (sizeof(attributes) / sizeof(attributes[0]))

/* What a type with attributes must become: the tables above, nothing else. */
static enum mm_mem_type expected(size_t t, size_t a)
{
	const enum mm_mem_type plain = types[t].type;
	enum mm_mem_type special = 0;

	if (plain == MM_MEM_USABLE || plain == MM_MEM_BOOT_SERVICES)
		special = attributes[a].free;
	else if (plain == MM_MEM_LOADER || plain == MM_MEM_ACPI_RECLAIM)
		special = attributes[a].used;
	return special ? special : plain;
}

static void attributes_decide_about_ram_and_about_nothing_else(void **state)
{
	(void)state;
	for (size_t t = 0; t < TYPES; t++) {
		for (size_t a = 0; a < ATTRIBUTES; a++) {
			const uint64_t bits = attributes[a].attribute;
			const bool ram = types[t].number == 7 || types[t].number == 9 ||
					 (types[t].number >= 1 && types[t].number <= 4);
			struct mm_uefi_info info;
			struct box b;

			assert_int_equal(one(&b, types[t].number, 16 * F, F / PAGE, bits, &info),
					 MM_OK);
			assert_int_equal(b.map.count, 1);
			assert_int_equal(b.e[0].type, expected(t, a));
			assert_int_equal(info.runtime, (bits & RUNTIME) != 0);
			assert_int_equal(info.reliable, (bits & MORE) != 0);
			assert_int_equal(info.uncached, ram && !(bits & WB));
		}
	}
}

/* --- Tables --- */

static void tables_may_be_unaligned_and_have_any_stride_from_40(void **state)
{
	(void)state;
	for (size_t stride = 40; stride < 72; stride++) {
		/* Exactly as long as the table: a byte too far is seen by the address sanitizer. */
		const size_t bytes = 1 + 2 * stride + 40;
		uint8_t *block = malloc(bytes);
		struct mm_uefi_info info;
		struct box b;

		memset(block, 0xff, bytes);
		for (size_t i = 0; i < 3; i++)
			put_desc(block + 1 + i * stride, 7, 2 * i * F, F / PAGE, RAM);
		box_init(&b, BOX_ROOM);
		assert_int_equal(mm_memmap_add_uefi(&b.map, block + 1, bytes - 1, stride, 1, &info),
				 MM_OK);
		assert_int_equal(b.map.count, 3);
		assert_true(mm_memmap_bytes(&b.map, MM_MEM_USABLE) == 3 * F);
		assert_int_equal(info.descriptors, 3);
		free(block);
	}
}

static void bytes_after_the_last_whole_descriptor_are_passed_over(void **state)
{
	(void)state;
	for (size_t bytes = 0; bytes <= 3 * STRIDE; bytes++) {
		uint8_t *table = malloc(bytes ? bytes : 1), whole[3 * STRIDE] = { 0 };
		struct box b;

		for (size_t i = 0; i < 3; i++)
			put_desc(whole + i * STRIDE, 7, 2 * i * F, F / PAGE, RAM);
		memcpy(table, whole, bytes);
		box_init(&b, BOX_ROOM);
		assert_int_equal(mm_memmap_add_uefi(&b.map, table, bytes, STRIDE, 1, NULL), MM_OK);
		assert_int_equal(b.map.count, (bytes + 8) / STRIDE);
		box_init(&b, BOX_ROOM);
		assert_int_equal(mm_memmap_add_uefi(&b.map, table, bytes, SIZE_MAX, 1, NULL),
				 MM_OK);
		assert_int_equal(b.map.count, bytes >= 40);
		free(table);
	}
}

static void wrong_arguments_are_refused_and_change_nothing(void **state)
{
	(void)state;
	static const struct mm_uefi_info before = { 1, 2, 3, 4, 5, 6, 7 };
	struct mm_uefi_info info = before;
	uint8_t table[40];
	struct box b;

	put_desc(table, 7, F, F / PAGE, RAM);
	box_init(&b, BOX_ROOM);
	struct box was = b;
	assert_int_equal(mm_memmap_add_uefi(NULL, table, 40, 40, 1, &info), MM_E_INVAL);
	assert_int_equal(mm_memmap_add_uefi(&b.map, NULL, 40, 40, 1, &info), MM_E_INVAL);
	assert_int_equal(mm_memmap_add_uefi(&b.map, table, 40, 39, 1, &info), MM_E_INVAL);
	assert_int_equal(mm_memmap_add_uefi(&b.map, table, 40, 0, 1, &info), MM_E_INVAL);
	assert_int_equal(mm_memmap_add_uefi(&b.map, table, 40, 40, 0, &info), MM_E_INVAL);
	assert_true(sim_same(&info, &before, sizeof(info)));
	assert_true(sim_same(&b, &was, sizeof(b)));
	assert_int_equal(mm_memmap_add_uefi(&b.map, NULL, 0, 40, 1, &info), MM_OK);
	assert_true(sim_same(&b, &was, sizeof(b)));
	assert_int_equal(info.descriptors, 0);
}

/* The specification promises that descriptors stay compatible. */
static void later_versions_are_read(void **state)
{
	(void)state;
	static const uint32_t versions[] = { 1, 2, 0x10000, UINT32_MAX };
	uint8_t table[40];
	struct box b;

	put_desc(table, 7, F, F / PAGE, RAM);
	for (size_t i = 0; i < 4; i++) {
		box_init(&b, BOX_ROOM);
		assert_int_equal(mm_memmap_add_uefi(&b.map, table, 40, 40, versions[i], NULL),
				 MM_OK);
		assert_true(mm_memmap_bytes(&b.map, MM_MEM_USABLE) == F);
	}
}

static void descriptors_before_a_failing_one_stay(void **state)
{
	(void)state;
	static const struct mm_uefi_info before = { 1, 2, 3, 4, 5, 6, 7 };
	struct mm_uefi_info info = before;
	uint8_t table[4 * STRIDE];
	struct box b;

	for (size_t i = 0; i < 4; i++)
		put_desc(table + i * STRIDE, i == 2 ? 77 : 7, 2 * i * F, F / PAGE, RAM);
	box_init(&b, 2);
	assert_int_equal(mm_memmap_add_uefi(&b.map, table, sizeof(table), STRIDE, 1, &info),
			 MM_E_2BIG);
	assert_int_equal(b.map.count, 2);
	assert_int_equal(b.map.dropped.unknown, 0);
	assert_true(sim_same(&info, &before, sizeof(info)));
	assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
}

static void the_iterator_decodes_and_ends(void **state)
{
	(void)state;
	uint8_t table[2 * STRIDE] = { 0 };
	struct mm_uefi_desc d = { .type = 99 };
	size_t at = 0;

	put_desc(table, 0x80000001, 0x123456789abcd000, 0xfedcba987, 0x8000000000040008);
	put_desc(table + STRIDE, 3, 1, 2, 3);
	assert_true(mm_uefi_next(table, sizeof(table), STRIDE, &at, &d));
	assert_true(d.type == 0x80000001 && d.base == 0x123456789abcd000);
	assert_true(d.virt == 0x5a5a5a5a5a5a5a5a && d.pages == 0xfedcba987);
	assert_true(d.attribute == 0x8000000000040008);
	assert_true(mm_uefi_next(table, sizeof(table), STRIDE, &at, &d));
	assert_true(d.type == 3 && d.base == 1 && d.pages == 2 && d.attribute == 3);
	d.type = 99;
	for (unsigned i = 0; i < 3; i++)
		assert_false(mm_uefi_next(table, sizeof(table), STRIDE, &at, &d));
	for (at = sizeof(table) - 39; at < sizeof(table) + 3; at++)
		assert_false(mm_uefi_next(table, sizeof(table), STRIDE, &at, &d));
	at = SIZE_MAX;
	assert_false(mm_uefi_next(table, sizeof(table), STRIDE, &at, &d));
	at = 0;
	assert_false(mm_uefi_next(NULL, sizeof(table), STRIDE, &at, &d));
	assert_false(mm_uefi_next(table, sizeof(table), STRIDE, NULL, &d));
	assert_false(mm_uefi_next(table, sizeof(table), STRIDE, &at, NULL));
	assert_false(mm_uefi_next(table, sizeof(table), 39, &at, &d));
	assert_false(mm_uefi_next(table, 39, STRIDE, &at, &d));
	assert_true(at == 0 && d.type == 99);
}

/* --- Ranges that should not be --- */

static void descriptors_without_a_page_are_dropped_and_counted(void **state)
{
	(void)state;
	for (size_t t = 0; t < TYPES; t++) {
		struct box b;

		assert_int_equal(one(&b, types[t].number, 16 * F, 0, RAM, NULL), MM_OK);
		assert_int_equal(b.map.count, 0);
		assert_int_equal(b.map.dropped.empty, 1);
		assert_int_equal(b.map.dropped.unknown, !types[t].known);
	}
}

/* Ranges that pass the end of the address space, by their begin or by their length alone. */
static const struct {
	uint64_t base;
	uint64_t pages;
} wrapping[] = {
	{ UINT64_MAX - 4095 - 4096, 3 },
	{ UINT64_MAX, 1 },
	{ 8192, 0x000fffffffffffff },
	{ 4096, 0x0010000000000000 },
	{ 0, 0x0010000000000000 },
	{ 1, 0x0010000000000000 },
	{ 2, 0x0010000000000000 },
	{ 0, 0x0010000000000001 },
	{ 0x7000, 0x0010000000000001 }, /* in bytes: one page, if nobody looked */
	{ 0, UINT64_MAX },
	{ 0, (uint64_t)1 << 63 },
	{ UINT64_MAX, UINT64_MAX },
};

static void usable_ranges_that_wrap_are_dropped_and_others_clipped(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrapping) / sizeof(wrapping[0]); i++) {
		const uint64_t base = wrapping[i].base;
		const bool fits = (mm_paddr_t)base == base;
		struct box b;

		assert_int_equal(one(&b, 7, base, wrapping[i].pages, RAM, NULL), MM_OK);
		assert_int_equal(b.map.count, 0);
		assert_int_equal(b.map.dropped.wrapped, 1);
		assert_int_equal(one(&b, 8, base, wrapping[i].pages, RAM, NULL), MM_OK);
		assert_int_equal(b.map.count, fits);
		assert_int_equal(b.map.dropped.wrapped, 1);
		assert_int_equal(b.map.dropped.beyond, 0);
		assert_int_equal(b.map.dropped.empty, 0);
		if (fits)
			assert_true(b.e[0].base == base / F * F && b.e[0].last == MM_PADDR_MAX &&
				    b.e[0].type == MM_MEM_BAD);
	}
}

static void a_range_up_to_the_end_of_the_address_space_is_whole(void **state)
{
	(void)state;
	struct box b;

	assert_int_equal(one(&b, 7, 0 - (uint64_t)4 * F, 4 * (F / PAGE), RAM, NULL), MM_OK);
	assert_int_equal(b.map.dropped.wrapped, 0);
	assert_int_equal(b.map.dropped.beyond, MM_PADDR_BITS == 32);
	if (MM_PADDR_BITS == 64)
		assert_true(b.e[0].base == MM_PADDR_MAX - 4 * F + 1 && b.e[0].last == MM_PADDR_MAX);
	assert_int_equal(one(&b, 7, 4096, 0x000ffffffffffffe, RAM, NULL), MM_OK);
	assert_int_equal(b.map.dropped.wrapped, 0);
	assert_true(b.e[0].base == 4096);
	assert_true(b.e[0].last == (MM_PADDR_BITS == 64 ? MM_PADDR_MAX - 4096 : MM_PADDR_MAX));
}

static void ranges_inside_pages_are_taken_to_the_byte_and_counted(void **state)
{
	(void)state;
	static const uint64_t off[] = { 1, 0x10, 0x7ff, 0xfff };

	for (size_t i = 0; i < 4; i++) {
		const uint64_t base = 16 * F + off[i];
		struct mm_uefi_info info;
		struct mm_mem out;
		struct box b;
		uint32_t it = 0;

		/* Usable to the byte, whole frames only to who reads the map. */
		assert_int_equal(one(&b, 7, base, 2 * (F / PAGE), RAM, &info), MM_OK);
		assert_int_equal(info.unaligned, 1);
		assert_true(b.e[0].base == base && b.e[0].last == base + 2 * F - 1);
		assert_true(mm_memmap_next(&b.map, &it, &out));
		assert_true(out.base == 17 * F && out.last == 18 * F - 1);
		/* Reserved outward. */
		assert_int_equal(one(&b, 5, base, F / PAGE, RAM | RUNTIME, &info), MM_OK);
		assert_int_equal(info.unaligned, 1);
		assert_true(b.e[0].base == 16 * F && b.e[0].last == 18 * F - 1);
	}
}

/* With larger frames too: two pieces of one frame make it whole, one with a neighbour that is not
 * free does not. */
static void pages_that_meet_inside_a_frame_become_one(void **state)
{
	(void)state;
	uint8_t table[5 * STRIDE];
	struct mm_mem out;
	struct box b;
	uint32_t it = 0;

	put_desc(table, 7, 16 * F + PAGE, 2 * (F / PAGE) - 1, RAM);
	put_desc(table + STRIDE, 7, 16 * F, 1, RAM);
	put_desc(table + 2 * STRIDE, 7, 18 * F + PAGE, 2 * (F / PAGE) - 1, RAM);
	put_desc(table + 3 * STRIDE, 6, 18 * F, 1, RAM | RUNTIME);
	put_desc(table + 4 * STRIDE, 4, 20 * F, 1, RAM);
	box_init(&b, BOX_ROOM);
	assert_int_equal(mm_memmap_add_uefi(&b.map, table, sizeof(table), STRIDE, 1, NULL), MM_OK);
	assert_true(mm_memmap_next(&b.map, &it, &out));
	assert_true(out.type == MM_MEM_USABLE && out.base == 16 * F && out.last == 18 * F - 1);
	assert_true(mm_memmap_next(&b.map, &it, &out));
	assert_true(out.type == MM_MEM_RESERVED && out.base == 18 * F && out.last == 19 * F - 1);
	assert_true(mm_memmap_next(&b.map, &it, &out));
	assert_true(out.type == MM_MEM_USABLE && out.base == 19 * F && out.last == 20 * F - 1);
	assert_true(mm_memmap_next(&b.map, &it, &out));
	assert_true(out.type == MM_MEM_BOOT_SERVICES && out.last == 21 * F - 1);
	assert_false(mm_memmap_next(&b.map, &it, &out));
}

static void overlap_is_settled_for_the_less_usable(void **state)
{
	(void)state;
	uint8_t table[3 * STRIDE];
	struct box b;

	put_desc(table, 7, 0, 8 * (F / PAGE), RAM);
	put_desc(table + STRIDE, 4, 2 * F, 4 * (F / PAGE), RAM);
	put_desc(table + 2 * STRIDE, 6, 3 * F, F / PAGE, RAM | RUNTIME);
	box_init(&b, BOX_ROOM);
	assert_int_equal(mm_memmap_add_uefi(&b.map, table, sizeof(table), STRIDE, 1, NULL), MM_OK);
	assert_true(mm_memmap_bytes(&b.map, MM_MEM_USABLE) == 4 * F);
	assert_true(mm_memmap_bytes(&b.map, MM_MEM_BOOT_SERVICES) == 3 * F);
	assert_true(mm_memmap_bytes(&b.map, MM_MEM_RESERVED) == F);
}

/* --- Real firmware --- */

#define HIGH  (8ull << 30) /* all that these machines tell of is below */
#define PAGES (HIGH / PAGE)

static const struct {
	const char *name;
	uint64_t ram;  /* what the machine was given */
	uint64_t hole; /* of it, what firmware shows to nobody */
	bool e820;
} machines[] = {
	{ "q35-2g", 2ull << 30, 0x60000, true },    { "q35-6g-numa2", 6ull << 30, 0x60000, true },
	{ "pc-512m", 512ull << 20, 0x60000, true }, { "virt-1g", 1ull << 30, 0, false },
	{ "virt-4g-numa2", 4ull << 30, 0, false },
};

#define MACHINES (sizeof(machines) / sizeof(machines[0]))

/* A file, in a block exactly as long. */
static uint8_t *load(const char *name, const char *suffix, size_t *bytes)
{
	char path[512];
	static uint8_t buffer[65536];

	snprintf(path, sizeof(path), "%s/uefi/%s.%s", data_dir, name, suffix);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	*bytes = fread(buffer, 1, sizeof(buffer), f);
	assert_true(*bytes > 0 && *bytes < sizeof(buffer));
	fclose(f);
	uint8_t *block = malloc(*bytes);
	memcpy(block, buffer, *bytes);
	return block;
}

/* An independent reading: what each page is by the table alone. Real tables do not overlap. */
static void read_pages(const uint8_t *file, size_t bytes, uint8_t *page)
{
	const size_t stride = get(file, 4);

	assert_true(stride >= 40 && get(file + 4, 4) == 1 && (bytes - 8) % stride == 0);
	memset(page, 0, PAGES);
	for (const uint8_t *p = file + 8; p < file + bytes; p += stride) {
		const uint64_t type = get(p, 4), base = get(p + 8, 8), n = get(p + 24, 8);
		size_t t;

		for (t = 0; types[t].number != type;)
			assert_true(++t < TYPES);
		assert_true(base % PAGE == 0 && base < HIGH && n > 0 && n <= (HIGH - base) / PAGE);
		for (uint64_t i = 0; i < n; i++) {
			assert_int_equal(page[base / PAGE + i], 0);
			page[base / PAGE + i] = (uint8_t)types[t].type;
		}
	}
}

/* From pages to frames: all that is not usable rounds outward, the worst wins. */
static void pages_to_frames(const uint8_t *page, uint8_t *frame)
{
	for (uint64_t f = 0; f < HIGH / F; f++) {
		const uint8_t *p = page + f * (F / PAGE);
		bool whole = true;

		frame[f] = 0;
		for (unsigned i = 0; i < F / PAGE; i++) {
			whole = whole && p[i] == MM_MEM_USABLE;
			if (p[i] != MM_MEM_USABLE && p[i] > frame[f])
				frame[f] = p[i];
		}
		if (whole)
			frame[f] = MM_MEM_USABLE;
	}
}

static void map_to_frames(const struct mm_memmap *map, uint8_t *frame)
{
	struct mm_mem e;

	memset(frame, 0, HIGH / F);
	for (uint32_t it = 0; mm_memmap_next(map, &it, &e);)
		for (uint64_t f = e.base / F; f <= e.last / F; f++)
			frame[f] = (uint8_t)e.type;
}

static enum mm_status add_file(struct box *b, const uint8_t *file, size_t bytes,
			       struct mm_uefi_info *info)
{
	box_init(b, BOX_ROOM);
	return mm_memmap_add_uefi(&b->map, file + 8, bytes - 8, get(file, 4),
				  (uint32_t)get(file + 4, 4), info);
}

static void real_maps_equal_an_independent_reading(void **state)
{
	(void)state;
	const uint64_t below = MM_PADDR_BITS == 64 ? HIGH : (uint64_t)MM_PADDR_MAX + 1;
	uint8_t *page = malloc(PAGES), *want = malloc(HIGH / F), *got = malloc(HIGH / F);

	for (size_t m = 0; m < MACHINES; m++) {
		struct mm_uefi_info info;
		size_t bytes;
		uint8_t *file = load(machines[m].name, "bin", &bytes);
		struct box b;

		assert_int_equal(add_file(&b, file, bytes, &info), MM_OK);
		assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
		assert_int_equal(info.descriptors, (bytes - 8) / get(file, 4));
		assert_true(info.runtime > 0);
		assert_int_equal(info.unaligned + info.uncached + info.private_use, 0);
		assert_int_equal(b.map.dropped.unknown + b.map.dropped.wrapped, 0);
		read_pages(file, bytes, page);
		pages_to_frames(page, want);
		map_to_frames(&b.map, got);
		assert_memory_equal(want, got, below / F);
		for (int t = MM_MEM_USABLE; t <= MM_MEM_BAD; t++) {
			uint64_t n = 0;

			for (uint64_t f = 0; f < below / F; f++)
				n += want[f] == t;
			assert_true(mm_memmap_bytes(&b.map, (enum mm_mem_type)t) == n * F);
		}
		free(file);
	}
	free(page);
	free(want);
	free(got);
}

/* Every prefix of a real table, in a block that ends where it ends. */
static void real_tables_may_be_cut_anywhere(void **state)
{
	(void)state;
	size_t bytes;
	uint8_t *file = load("virt-1g", "bin", &bytes);

	for (size_t n = 8; n <= bytes; n++) {
		uint8_t *cut = malloc(n);
		struct mm_uefi_info info;
		struct box b;

		memcpy(cut, file, n);
		assert_int_equal(add_file(&b, cut, n, &info), MM_OK);
		assert_int_equal(info.descriptors, n < 48 ? 0 : (n - 48) / STRIDE + 1);
		assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
		free(cut);
	}
	free(file);
}

/* RAM is what firmware lets be cached and does not map as a device. */
static void all_ram_that_a_machine_was_given_is_in_its_map(void **state)
{
	(void)state;
	for (size_t m = 0; m < MACHINES; m++) {
		uint64_t ram = 0;
		struct mm_uefi_desc d;
		size_t bytes;
		uint8_t *file = load(machines[m].name, "bin", &bytes);

		for (size_t at = 0; mm_uefi_next(file + 8, bytes - 8, STRIDE, &at, &d);)
			if ((d.attribute & WB) && d.type != MM_UEFI_MMIO)
				ram += d.pages * PAGE;
		assert_true(ram == machines[m].ram - machines[m].hole);
		free(file);
	}
}

/* What QEMU itself says of the machine, by the e820 intake: each frame that the UEFI map calls RAM of
 * any kind is RAM there, and all RAM there but the VGA hole is in the UEFI map. */
static void real_maps_agree_with_the_e820_of_the_same_machine(void **state)
{
	(void)state;
	const uint64_t below = MM_PADDR_BITS == 64 ? HIGH : (uint64_t)MM_PADDR_MAX + 1;
	uint8_t *uefi = malloc(HIGH / F), *e820 = malloc(HIGH / F);

	for (size_t m = 0; m < MACHINES; m++) {
		size_t bytes;
		uint8_t *file;
		struct box b;

		if (!machines[m].e820)
			continue;
		file = load(machines[m].name, "bin", &bytes);
		assert_int_equal(add_file(&b, file, bytes, NULL), MM_OK);
		map_to_frames(&b.map, uefi);
		free(file);
		file = load(machines[m].name, "e820", &bytes);
		box_init(&b, BOX_ROOM);
		assert_int_equal(mm_memmap_add_e820(&b.map, file, bytes, 20), MM_OK);
		free(file);
		/* RAM and the rest lie apart in these machines; above is one range for PCI. */
		memset(e820, 0, HIGH / F);
		for (uint32_t i = 0; i < b.map.count; i++)
			for (uint64_t f = b.e[i].base / F; f <= b.e[i].last / F && f < HIGH / F;
			     f++)
				e820[f] = (uint8_t)b.e[i].type;
		for (uint64_t f = 0; f < below / F; f++) {
			const bool hole = f * F >= 0xa0000 && f * F < 0x100000;

			if (uefi[f] != 0 && uefi[f] != MM_MEM_RESERVED)
				assert_int_equal(e820[f], MM_MEM_USABLE);
			if (e820[f] == MM_MEM_USABLE)
				assert_int_equal(uefi[f] != 0, !hole);
		}
	}
	free(uefi);
	free(e820);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_are_understood),
		cmocka_unit_test(attributes_decide_about_ram_and_about_nothing_else),
		cmocka_unit_test(tables_may_be_unaligned_and_have_any_stride_from_40),
		cmocka_unit_test(bytes_after_the_last_whole_descriptor_are_passed_over),
		cmocka_unit_test(wrong_arguments_are_refused_and_change_nothing),
		cmocka_unit_test(later_versions_are_read),
		cmocka_unit_test(descriptors_before_a_failing_one_stay),
		cmocka_unit_test(the_iterator_decodes_and_ends),
		cmocka_unit_test(descriptors_without_a_page_are_dropped_and_counted),
		cmocka_unit_test(usable_ranges_that_wrap_are_dropped_and_others_clipped),
		cmocka_unit_test(a_range_up_to_the_end_of_the_address_space_is_whole),
		cmocka_unit_test(ranges_inside_pages_are_taken_to_the_byte_and_counted),
		cmocka_unit_test(pages_that_meet_inside_a_frame_become_one),
		cmocka_unit_test(overlap_is_settled_for_the_less_usable),
		cmocka_unit_test(real_maps_equal_an_independent_reading),
		cmocka_unit_test(real_tables_may_be_cut_anywhere),
		cmocka_unit_test(all_ram_that_a_machine_was_given_is_in_its_map),
		cmocka_unit_test(real_maps_agree_with_the_e820_of_the_same_machine),
	};
	data_dir = argc > 1 ? argv[1] : "tests/data";
	return cmocka_run_group_tests_name("uefi", tests, NULL, NULL);
}
