/* SPDX-License-Identifier: MIT */
/* Intake formats of the boot memory map: e820 tables and PVH start info, built by hand, cut short,
 * hostile, and refused by the reader. */
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

#define ROOM 128
#define F    MM_FRAME_SIZE

static const char *data_dir;

struct box {
	struct mm_memmap map;
	struct mm_mem e[ROOM];
};

static void box_init(struct box *b, uint32_t capacity)
{
	memset(b, 0xa5, sizeof(*b));
	assert_int_equal(mm_memmap_init(&b->map, b->e, capacity), MM_OK);
}

static void put(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static void put_entry(uint8_t *p, uint64_t base, uint64_t length, uint32_t type)
{
	put(p, base, 8);
	put(p + 8, length, 8);
	put(p + 16, type, 4);
}

/* What a byte is, "0" for a hole. */
static enum mm_mem_type at(const struct mm_memmap *map, uint64_t pa)
{
	for (uint32_t i = 0; i < map->count; i++)
		if (map->entries[i].base <= pa && pa <= map->entries[i].last)
			return map->entries[i].type;
	return (enum mm_mem_type)0;
}

/* --- e820 --- */

static void e820_types_are_understood(void **state)
{
	(void)state;
	static const struct {
		uint32_t number;
		enum mm_mem_type type;
		bool known;
	} row[] = {
		{ 0, MM_MEM_RESERVED, false },
		{ 1, MM_MEM_USABLE, true },
		{ 2, MM_MEM_RESERVED, true },
		{ 3, MM_MEM_ACPI_RECLAIM, true },
		{ 4, MM_MEM_ACPI_NVS, true },
		{ 5, MM_MEM_BAD, true },
		{ 6, MM_MEM_RESERVED, false },
		{ 7, MM_MEM_PERSISTENT, true },
		{ 20, MM_MEM_RESERVED, false },
		{ 257, MM_MEM_RESERVED, false },
		{ 0x80000001u, MM_MEM_RESERVED, false },
		{ UINT32_MAX, MM_MEM_RESERVED, false },
	};
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		uint8_t table[20];
		struct box b;

		box_init(&b, ROOM);
		put_entry(table, 16 * F, F, row[i].number);
		assert_int_equal(mm_memmap_add_e820(&b.map, table, 20, 20), MM_OK);
		assert_int_equal(b.map.count, 1);
		assert_int_equal(b.e[0].type, row[i].type);
		assert_true(b.e[0].base == 16 * F && b.e[0].last == 17 * F - 1);
		assert_int_equal(b.map.dropped.unknown, !row[i].known);
	}
}

static void e820_tables_may_be_unaligned_and_have_any_stride(void **state)
{
	(void)state;
	for (size_t stride = 20; stride < 40; stride++) {
		/* Exactly as long as the table: a byte too far is seen by the address sanitizer. */
		const size_t bytes = 1 + 2 * stride + 20;
		uint8_t *block = malloc(bytes);
		struct box b;

		memset(block, 0xff, bytes);
		for (size_t i = 0; i < 3; i++)
			put_entry(block + 1 + i * stride, 2 * i * F, F, 1);
		box_init(&b, ROOM);
		assert_int_equal(mm_memmap_add_e820(&b.map, block + 1, bytes - 1, stride), MM_OK);
		assert_int_equal(b.map.count, 3);
		assert_true(mm_memmap_bytes(&b.map, MM_MEM_USABLE) == 3 * F);
		free(block);
	}
}

static void bytes_after_the_last_whole_e820_entry_are_passed_over(void **state)
{
	(void)state;
	for (size_t bytes = 0; bytes <= 3 * 24; bytes++) {
		uint8_t *table = malloc(bytes ? bytes : 1), whole[3 * 24] = { 0 };
		struct box b;

		for (size_t i = 0; i < 3; i++)
			put_entry(whole + i * 24, 2 * i * F, F, 1);
		memcpy(table, whole, bytes);
		box_init(&b, ROOM);
		assert_int_equal(mm_memmap_add_e820(&b.map, table, bytes, 24), MM_OK);
		assert_int_equal(b.map.count, (bytes + 4) / 24);
		box_init(&b, ROOM);
		assert_int_equal(mm_memmap_add_e820(&b.map, table, bytes, SIZE_MAX), MM_OK);
		assert_int_equal(b.map.count, bytes >= 20);
		free(table);
	}
}

static void wrong_e820_arguments_are_refused(void **state)
{
	(void)state;
	uint8_t table[20] = { 0 };
	struct box b;

	box_init(&b, ROOM);
	struct box was = b;
	assert_int_equal(mm_memmap_add_e820(NULL, table, 20, 20), MM_E_INVAL);
	assert_int_equal(mm_memmap_add_e820(&b.map, NULL, 20, 20), MM_E_INVAL);
	assert_int_equal(mm_memmap_add_e820(&b.map, table, 20, 19), MM_E_INVAL);
	assert_int_equal(mm_memmap_add_e820(&b.map, table, 20, 0), MM_E_INVAL);
	assert_int_equal(mm_memmap_add_e820(&b.map, NULL, 0, 20), MM_OK);
	assert_true(sim_same(&b, &was, sizeof(b)));
}

static void e820_entries_before_a_failing_one_stay(void **state)
{
	(void)state;
	uint8_t table[4 * 20];
	struct box b;

	for (size_t i = 0; i < 4; i++)
		put_entry(table + i * 20, 2 * i * F, F, i == 2 ? 77 : 1);
	box_init(&b, 2);
	assert_int_equal(mm_memmap_add_e820(&b.map, table, sizeof(table), 20), MM_E_2BIG);
	assert_int_equal(b.map.count, 2);
	assert_int_equal(b.map.dropped.unknown, 0);
	assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
}

static void hostile_e820_ranges_are_counted(void **state)
{
	(void)state;
	uint8_t table[4 * 20];
	struct box b;

	put_entry(table, 2 * F, UINT64_MAX, 1);
	put_entry(table + 20, UINT64_MAX, 0, 9);
	put_entry(table + 40, UINT64_MAX - 1, 9, 2);
	put_entry(table + 60, 0, F, 1);
	box_init(&b, ROOM);
	assert_int_equal(mm_memmap_add_e820(&b.map, table, sizeof(table), 20), MM_OK);
	assert_int_equal(b.map.dropped.wrapped, 2);
	assert_int_equal(b.map.dropped.empty, 1);
	assert_int_equal(b.map.dropped.unknown, 1);
	assert_true(mm_memmap_bytes(&b.map, MM_MEM_USABLE) == F);
	assert_int_equal(at(&b.map, MM_PADDR_MAX), MM_PADDR_BITS == 64 ? MM_MEM_RESERVED : 0);
}

static void real_maps_as_e820_tables_equal_the_ranges_added_one_by_one(void **state)
{
	(void)state;
	static struct memmap_line line[64];

	for (size_t f = 0; memmap_files[f]; f++) {
		uint8_t table[64 * 20];
		size_t n = memmap_read(data_dir, memmap_files[f], line, 64);
		uint32_t unknown = 0;
		struct box one, two;

		box_init(&one, ROOM);
		box_init(&two, ROOM);
		for (size_t i = 0; i < n; i++) {
			uint64_t length = line[i].last - line[i].first + 1;

			put_entry(table + i * 20, line[i].first, length, line[i].e820);
			unknown += line[i].e820 > 7 || line[i].e820 == 6;
			assert_int_equal(
				mm_memmap_add(&one.map, line[i].first, length, line[i].type, NULL),
				MM_OK);
		}
		assert_int_equal(mm_memmap_add_e820(&two.map, table, n * 20, 20), MM_OK);
		assert_int_equal(two.map.count, one.map.count);
		for (uint32_t i = 0; i < one.map.count; i++)
			assert_true(one.e[i].base == two.e[i].base &&
				    one.e[i].last == two.e[i].last &&
				    one.e[i].type == two.e[i].type && !two.e[i].owner);
		assert_int_equal(two.map.dropped.unknown, unknown);
	}
}

/* --- PVH --- */

#define BASE ((uint64_t)0x100000) /* of the simulated memory */
#define SIZE 0x8000

enum {
	START = 0x10,
	TABLE = 0x1003,
	MODLIST = 0x2001,
	TEXT = 0x3ff0,
	MODTEXT = 0x5001,
	RSDP = 0xe0000
};

/* Physical memory, and a reader that hands out copies that are exactly as long as asked and gone
 * with the next call. */
struct memory {
	uint8_t byte[SIZE];
	uint8_t *copy;
	unsigned calls, refuse_at; /* refuse call number refuse_at, from 1 */
};

static const void *reader(void *ctx, mm_paddr_t pa, size_t bytes)
{
	struct memory *m = ctx;

	assert_true(bytes > 0);
	if (++m->calls == m->refuse_at || pa < BASE || pa - BASE >= SIZE ||
	    bytes > SIZE - (pa - BASE))
		return NULL;
	free(m->copy);
	m->copy = malloc(bytes);
	memcpy(m->copy, m->byte + (pa - BASE), bytes);
	return m->copy;
}

/* A machine with 256 MiB, one hole, two modules and a command line. */
static struct memory *new_memory(void)
{
	struct memory *m = calloc(1, sizeof(*m));
	uint8_t *s = m->byte + START, *table = m->byte + TABLE, *list = m->byte + MODLIST;

	memset(m->byte, 0xa5, SIZE);
	put(s, 0x336ec578, 4);
	put(s + 4, 1, 4);
	put(s + 8, 0, 4);
	put(s + 12, 2, 4);
	put(s + 16, BASE + MODLIST, 8);
	put(s + 24, BASE + TEXT, 8);
	put(s + 32, RSDP, 8);
	put(s + 40, BASE + TABLE, 8);
	put(s + 48, 3, 4);
	put_entry(table, 0, 0x9fc00, 1);
	put_entry(table + 24, 0xf0000, 0x10000, 2);
	put_entry(table + 48, 0x100000, 0xff00000, 1);
	put(list, 0x800000, 8);
	put(list + 8, 0x1234, 8);
	put(list + 16, BASE + MODTEXT, 8);
	put(list + 32, 0x900000, 8);
	put(list + 40, 1, 8);
	put(list + 48, 0, 8);
	memcpy(m->byte + TEXT, "console=ttyS0 quiet", 20);
	memcpy(m->byte + MODTEXT, "", 1);
	return m;
}

static void free_memory(struct memory *m)
{
	free(m->copy);
	free(m);
}

static enum mm_status intake(struct box *b, struct memory *m, struct mm_boot_info *info)
{
	box_init(b, ROOM);
	return mm_memmap_add_pvh(&b->map, reader, m, (mm_paddr_t)(BASE + START), info);
}

static void a_pvh_start_info_is_understood(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	struct mm_boot_info info = { 0 };
	struct box b;

	assert_int_equal(intake(&b, m, &info), MM_OK);
	assert_true(info.cmdline == BASE + TEXT && info.rsdp == RSDP);
	assert_true(info.module == 0x800000 && info.module_bytes == 0x1234);
	assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
	assert_int_equal(at(&b.map, 0), MM_MEM_USABLE);
	assert_int_equal(at(&b.map, 0x9fc00), 0);
	assert_int_equal(at(&b.map, 0xf0000), MM_MEM_RESERVED);
	assert_int_equal(at(&b.map, BASE + START), MM_MEM_LOADER);
	assert_int_equal(at(&b.map, BASE + TABLE), MM_MEM_LOADER);
	assert_int_equal(at(&b.map, BASE + MODLIST), MM_MEM_LOADER);
	assert_int_equal(at(&b.map, BASE + TEXT), MM_MEM_LOADER);
	assert_int_equal(at(&b.map, BASE + TEXT + 19), MM_MEM_LOADER); /* in the next frame */
	assert_int_equal(at(&b.map, BASE + MODTEXT), MM_MEM_LOADER);
	assert_int_equal(at(&b.map, BASE + 0x10000), MM_MEM_USABLE);
	assert_int_equal(at(&b.map, 0x800000), MM_MEM_INITRD);
	assert_int_equal(at(&b.map, 0x801233), MM_MEM_INITRD);
	assert_int_equal(at(&b.map, 0x810000), MM_MEM_USABLE);
	assert_int_equal(at(&b.map, 0x900000), MM_MEM_INITRD);
	assert_int_equal(at(&b.map, 0xfffffff), MM_MEM_USABLE);
	assert_int_equal(intake(&b, m, NULL), MM_OK);
	free_memory(m);
}

static void absent_parts_of_a_pvh_start_info_are_no_error(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	struct mm_boot_info info = { 1, 1, 1, 1 };
	struct box b;

	put(m->byte + START + 4, 7, 4);  /* a later version */
	put(m->byte + START + 16, 0, 8); /* no list, whatever the count */
	put(m->byte + START + 12, UINT32_MAX, 4);
	put(m->byte + START + 24, 0, 8);
	put(m->byte + START + 32, 0, 8);
	assert_int_equal(intake(&b, m, &info), MM_OK);
	assert_true(!info.cmdline && !info.rsdp && !info.module && !info.module_bytes);
	if (F <= 0x1000)
		assert_int_equal(at(&b.map, BASE + MODLIST), MM_MEM_USABLE);
	free_memory(m);
}

static void a_refused_read_is_a_fault_and_leaves_info_alone(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	struct box b;

	assert_int_equal(intake(&b, m, NULL), MM_OK);
	const unsigned calls = m->calls;
	assert_true(calls == 2 + 3 + 2 + 20 + 1);
	for (unsigned n = 1; n <= calls; n++) {
		struct mm_boot_info info = { 1, 2, 3, 4 };

		m->calls = 0;
		m->refuse_at = n;
		assert_int_equal(intake(&b, m, &info), MM_E_FAULT);
		assert_true(info.cmdline == 1 && info.rsdp == 2 && info.module == 3);
		assert_true(info.module_bytes == 4);
		assert_int_equal(m->calls, n);
		assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
	}
	free_memory(m);
}

static void wrong_pvh_start_infos_are_refused(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		uint64_t value;
		unsigned bytes;
		enum mm_status status;
	} row[] = {
		{ START, 0x336ec579, 4, MM_E_INVAL },
		{ START, 0, 4, MM_E_INVAL },
		{ START + 4, 0, 4, MM_E_INVAL },
		{ START + 12, 65, 4, MM_E_2BIG },
		{ START + 12, UINT32_MAX, 4, MM_E_2BIG },
		{ START + 16, BASE + SIZE - 63, 8, MM_E_FAULT },
		{ START + 16, UINT64_MAX - 40, 8, MM_E_FAULT },
		{ START + 16, 1, 8, MM_E_FAULT },
		{ START + 24, 5, 8, MM_E_FAULT },
		{ START + 24, UINT64_MAX, 8, MM_E_FAULT },
		{ START + 24, BASE + SIZE - 1, 8, MM_E_FAULT }, /* not ended where memory is */
		{ START + 40, 0, 8, MM_E_INVAL },
		{ START + 40, BASE + SIZE - 71, 8, MM_E_FAULT },
		{ START + 40, UINT64_MAX - 30, 8, MM_E_FAULT },
		{ START + 48, 0, 4, MM_E_INVAL },
		{ START + 48, 4097, 4, MM_E_2BIG },
		{ START + 48, UINT32_MAX, 4, MM_E_2BIG },
		{ MODLIST + 16, 3, 8, MM_E_FAULT },
	};
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct memory *m = new_memory();
		struct mm_boot_info info = { 1, 2, 3, 4 };
		struct box b;

		put(m->byte + row[i].at, row[i].value, row[i].bytes);
		assert_int_equal(intake(&b, m, &info), row[i].status);
		assert_true(info.cmdline == 1 && info.module_bytes == 4);
		assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
		free_memory(m);
	}
}

static void a_command_line_ends_within_4096_bytes(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	struct box b;

	put(m->byte + START + 24, BASE + TEXT, 8);
	memset(m->byte + TEXT, 'x', SIZE - TEXT);
	put(m->byte + MODLIST + 16, 0, 8);
	m->byte[TEXT + 4095] = 0;
	assert_int_equal(intake(&b, m, NULL), MM_OK);
	assert_int_equal(at(&b.map, BASE + TEXT + 4095), MM_MEM_LOADER);
	m->byte[TEXT + 4095] = 'x';
	m->byte[TEXT + 4096] = 0;
	assert_int_equal(intake(&b, m, NULL), MM_E_2BIG);
	free_memory(m);
}

static void a_full_map_ends_pvh_intake_at_any_step(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	struct box b;

	bool fitted = false;

	for (uint32_t capacity = 0; capacity <= 2 * 10; capacity++) { /* 10 ranges are fed */
		struct mm_boot_info info = { 1, 2, 3, 4 };

		box_init(&b, capacity);
		enum mm_status status =
			mm_memmap_add_pvh(&b.map, reader, m, (mm_paddr_t)(BASE + START), &info);
		assert_int_equal(status, status == MM_OK ? MM_OK : MM_E_2BIG);
		assert_true(!fitted || status == MM_OK);
		assert_true((info.cmdline == 1) == (status != MM_OK));
		assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
		fitted = status == MM_OK;
	}
	assert_true(fitted);
	free_memory(m);
}

static void hostile_modules_are_clipped_or_refused(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	struct mm_boot_info info = { 0 };
	struct box b;

	put(m->byte + MODLIST, 0, 8); /* not there: the second is the first */
	put(m->byte + MODLIST + 40, UINT64_MAX, 8);
	assert_int_equal(intake(&b, m, &info), MM_OK);
	assert_true(info.module == 0x900000 && info.module_bytes == UINT64_MAX);
	assert_int_equal(b.map.dropped.wrapped, 1);
	assert_int_equal(at(&b.map, MM_PADDR_MAX), MM_MEM_INITRD);
	free_memory(m);
}

static void addresses_that_do_not_fit_are_faults(void **state)
{
	(void)state;
#if MM_PADDR_BITS == 32
	static const size_t field[] = { START + 16, START + 24, START + 32,
					START + 40, MODLIST,    MODLIST + 16 };

	for (size_t i = 0; i < sizeof(field) / sizeof(field[0]); i++) {
		struct memory *m = new_memory();
		struct box b;

		m->byte[field[i] + 4] = 1; /* 4 GiB higher */
		assert_int_equal(intake(&b, m, NULL), MM_E_FAULT);
		free_memory(m);
	}
#else
	skip();
#endif
}

/* Serves every address, as a machine would whose memory ends with the address space: the start info
 * below its last quarter, zeros below its end. */
static const void *generous_reader(void *ctx, mm_paddr_t pa, size_t bytes)
{
	static const uint8_t zeros[64];
	static const uint8_t text[1] = { 'x' };
	struct memory *m = ctx;

	assert_true(bytes <= sizeof(zeros));
	m->calls++;
	if (pa == BASE + START)
		return m->byte + START;
	assert_true(pa > MM_PADDR_MAX / 4 * 3); /* did not go round */
	return bytes == 1 ? text : zeros;
}

static void tables_and_texts_do_not_go_round_the_end_of_the_address_space(void **state)
{
	(void)state;
	static const struct {
		size_t field;
		mm_paddr_t at;
		unsigned calls;
	} row[] = {
		{ START + 40, MM_PADDR_MAX - 23, 2 + 1 },
		{ START + 40, MM_PADDR_MAX - 23 - 5, 2 + 1 },
		{ START + 16, MM_PADDR_MAX - 31, 2 + 3 + 1 },
		{ START + 24, MM_PADDR_MAX - 2, 2 + 3 + 3 },
	};
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct memory *m = new_memory();
		struct box b;

		put(m->byte + START + 40, MM_PADDR_MAX - 0xffff, 8);
		if (row[i].field == START + 24)
			put(m->byte + START + 12, 0, 4); /* no modules */
		put(m->byte + row[i].field, row[i].at, 8);
		box_init(&b, ROOM);
		assert_int_equal(mm_memmap_add_pvh(&b.map, generous_reader, m,
						   (mm_paddr_t)(BASE + START), NULL),
				 MM_E_FAULT);
		assert_int_equal(m->calls, row[i].calls);
		free_memory(m);
	}
}

static void wrong_pvh_arguments_are_refused(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	struct box b;

	box_init(&b, ROOM);
	struct box was = b;
	assert_int_equal(mm_memmap_add_pvh(NULL, reader, m, (mm_paddr_t)(BASE + START), NULL),
			 MM_E_INVAL);
	assert_int_equal(mm_memmap_add_pvh(&b.map, NULL, m, (mm_paddr_t)(BASE + START), NULL),
			 MM_E_INVAL);
	assert_int_equal(mm_memmap_add_pvh(&b.map, reader, m, 0, NULL), MM_E_FAULT);
	assert_int_equal(mm_memmap_add_pvh(&b.map, reader, m, MM_PADDR_MAX - 3, NULL), MM_E_FAULT);
	assert_int_equal(mm_memmap_add_pvh(&b.map, reader, m, (mm_paddr_t)(BASE + SIZE - 8), NULL),
			 MM_E_INVAL);
	put(m->byte + SIZE - 8, 0x00000001336ec578, 8); /* the rest of it is not there */
	assert_int_equal(mm_memmap_add_pvh(&b.map, reader, m, (mm_paddr_t)(BASE + SIZE - 8), NULL),
			 MM_E_FAULT);
	assert_true(sim_same(&b, &was, sizeof(b)));
	free_memory(m);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(e820_types_are_understood),
		cmocka_unit_test(e820_tables_may_be_unaligned_and_have_any_stride),
		cmocka_unit_test(bytes_after_the_last_whole_e820_entry_are_passed_over),
		cmocka_unit_test(wrong_e820_arguments_are_refused),
		cmocka_unit_test(e820_entries_before_a_failing_one_stay),
		cmocka_unit_test(hostile_e820_ranges_are_counted),
		cmocka_unit_test(real_maps_as_e820_tables_equal_the_ranges_added_one_by_one),
		cmocka_unit_test(a_pvh_start_info_is_understood),
		cmocka_unit_test(absent_parts_of_a_pvh_start_info_are_no_error),
		cmocka_unit_test(a_refused_read_is_a_fault_and_leaves_info_alone),
		cmocka_unit_test(wrong_pvh_start_infos_are_refused),
		cmocka_unit_test(a_command_line_ends_within_4096_bytes),
		cmocka_unit_test(a_full_map_ends_pvh_intake_at_any_step),
		cmocka_unit_test(hostile_modules_are_clipped_or_refused),
		cmocka_unit_test(addresses_that_do_not_fit_are_faults),
		cmocka_unit_test(tables_and_texts_do_not_go_round_the_end_of_the_address_space),
		cmocka_unit_test(wrong_pvh_arguments_are_refused),
	};
	data_dir = argc > 1 ? argv[1] : "tests/data";
	return cmocka_run_group_tests_name("memmap intake", tests, NULL, NULL);
}
