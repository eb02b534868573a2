/* SPDX-License-Identifier: MIT */
/* Limine intake: responses built from the specification (the loader is in no Debian package), hostile
 * ones, and ones that the reader refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "sim.h"
#include <mmlib/limine.h>
#include <stdlib.h>
#include <string.h>
#include "memmap_box.h"

#define F    MM_FRAME_SIZE
#define HHDM 0xffff800000000000ull
#define BASE 0x40000ull /* physical, of the memory that the structures lie in */
#define SIZE 0x8000

enum { /* where things are in that memory */
       MEMMAP = 0x10,
       POINTERS = 0x103,
       ENTRIES = 0x305,
       OFFSET = 0x1001,
       ADDRESS = 0x1100,
       FILERESP = 0x1200,
       KERNELFILE = 0x1303,
       TEXT = 0x1ff0,
       MODRESP = 0x3000,
       MODPOINTERS = 0x3100,
       MODFILES = 0x3201,
       RSDPRESP = 0x4000,
};

#define KERNEL       0x2000000ull /* physical, of the image */
#define KERNEL_BYTES 0x123456ull
#define MODULE1      0x2200000ull
#define MODULE2      0x2300000ull
#define RSDP         0xe0010ull

/* Mapped memory, and a reader that hands out copies that are exactly as long as asked and gone with
 * the next call. */
struct memory {
	uint8_t byte[SIZE];
	uint8_t *copy;
	unsigned calls, refuse_at; /* refuse call number refuse_at, from 1 */
	struct mm_limine limine;
	uint64_t entries;
};

static const void *reader(void *ctx, mm_vaddr_t va, size_t bytes)
{
	struct memory *m = ctx;
	const uint64_t from = va - HHDM - BASE;

	assert_true(bytes > 0);
	if (++m->calls == m->refuse_at || va < HHDM + BASE || from >= SIZE || bytes > SIZE - from)
		return NULL;
	free(m->copy);
	m->copy = malloc(bytes);
	memcpy(m->copy, m->byte + from, bytes);
	return m->copy;
}

static uint64_t virt(uint64_t offset)
{
	return HHDM + BASE + offset;
}

/* A response that lists things. */
static void put_list(struct memory *m, size_t offset, uint64_t count, uint64_t pointers)
{
	put(m->byte + offset, 0, 8);
	put(m->byte + offset + 8, count, 8);
	put(m->byte + offset + 16, virt(pointers), 8);
}

static void put_value(struct memory *m, size_t offset, uint64_t value)
{
	put(m->byte + offset, 0, 8);
	put(m->byte + offset + 8, value, 8);
}

static void add_entry(struct memory *m, uint64_t base, uint64_t length, uint64_t type)
{
	const uint64_t n = m->entries++;
	uint8_t *e = m->byte + ENTRIES + n * 24;

	put(e, base, 8);
	put(e + 8, length, 8);
	put(e + 16, type, 8);
	put(m->byte + POINTERS + n * 8, virt(ENTRIES + n * 24), 8);
	put(m->byte + MEMMAP + 8, m->entries, 8);
}

static void put_file(struct memory *m, size_t offset, uint64_t pa, uint64_t bytes, uint64_t text)
{
	put(m->byte + offset, 0, 8);
	put(m->byte + offset + 8, HHDM + pa, 8);
	put(m->byte + offset + 16, bytes, 8);
	put(m->byte + offset + 24, 7, 8); /* the path, which nobody reads */
	put(m->byte + offset + 32, text, 8);
}

/* A machine with 64 MiB; entries in the loader's order, but pointers to structures anywhere. */
static struct memory *new_memory(void)
{
	struct memory *m = calloc(1, sizeof(*m));

	memset(m->byte, 0xa5, SIZE);
	put_list(m, MEMMAP, 0, POINTERS);
	add_entry(m, 0x10000, 0x10000, 0);
	add_entry(m, 0x20000, 0x60000, 5);
	add_entry(m, 0x9fc00, 0x400, 1);
	add_entry(m, 0xe0000, 0x20000, 1);
	add_entry(m, 0x100000, 0x1f00000, 0);
	add_entry(m, KERNEL, 0x400000, 6);
	add_entry(m, 0x2400000, 0x1b00000, 0);
	add_entry(m, 0x3f00000, 0x20000, 2);
	add_entry(m, 0x3f20000, 0x20000, 3);
	add_entry(m, 0x3f40000, 0x20000, 8);
	add_entry(m, 0x3f60000, 0x20000, 4);
	add_entry(m, 0xfd000000, 0x300000, 7);
	put_value(m, OFFSET, HHDM);
	put_value(m, ADDRESS, KERNEL);
	put(m->byte + ADDRESS + 16, 0xffffffff80000000, 8);
	put_value(m, FILERESP, virt(KERNELFILE));
	put_file(m, KERNELFILE, 0x2f00000, 0x100000, virt(TEXT));
	memcpy(m->byte + TEXT, "console=ttyS0 quiet", 20);
	put_list(m, MODRESP, 2, MODPOINTERS);
	put(m->byte + MODPOINTERS, virt(MODFILES + 40), 8);
	put(m->byte + MODPOINTERS + 8, virt(MODFILES), 8);
	put_file(m, MODFILES + 40, MODULE1, 0x1234, 0);
	put_file(m, MODFILES, MODULE2, 1, 3);
	put_value(m, RSDPRESP, HHDM + RSDP);
	m->limine = (struct mm_limine){
		.memmap = virt(MEMMAP),
		.hhdm = virt(OFFSET),
		.executable_address = virt(ADDRESS),
		.executable_bytes = KERNEL_BYTES,
		.executable_file = virt(FILERESP),
		.modules = virt(MODRESP),
		.rsdp = virt(RSDPRESP),
	};
	return m;
}

static void free_memory(struct memory *m)
{
	free(m->copy);
	free(m);
}

static enum mm_status intake(struct box *b, struct memory *m, struct mm_boot_info *info)
{
	box_init(b, BOX_ROOM);
	m->calls = 0;
	return mm_memmap_add_limine(&b->map, reader, m, &m->limine, info);
}

/* --- What is understood --- */

static void types_are_understood(void **state)
{
	(void)state;
	static const struct {
		uint64_t number;
		enum mm_mem_type type;
		bool known;
	} row[] = {
		{ 0, MM_MEM_USABLE, true },
		{ 1, MM_MEM_RESERVED, true },
		{ 2, MM_MEM_ACPI_RECLAIM, true },
		{ 3, MM_MEM_ACPI_NVS, true },
		{ 4, MM_MEM_BAD, true },
		{ 5, MM_MEM_LOADER, true },
		{ 6, MM_MEM_KERNEL, true }, /* nobody said where the kernel is */
		{ 7, MM_MEM_RESERVED, true },
		{ 8, MM_MEM_RESERVED, true },
		{ 9, MM_MEM_RESERVED, false },
		{ 0x100000000, MM_MEM_RESERVED, false }, /* 64 bits */
		{ 0x8000000000000000, MM_MEM_RESERVED, false },
		{ UINT64_MAX, MM_MEM_RESERVED, false },
	};
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct memory *m = new_memory();
		struct box b;

		m->entries = 0;
		add_entry(m, 16 * F, F, row[i].number);
		m->limine = (struct mm_limine){ .memmap = virt(MEMMAP) };
		assert_int_equal(intake(&b, m, NULL), MM_OK);
		assert_int_equal(b.map.count, 1);
		assert_int_equal(b.e[0].type, row[i].type);
		assert_true(b.e[0].base == 16 * F && b.e[0].last == 17 * F - 1 && !b.e[0].owner);
		assert_int_equal(b.map.dropped.unknown, !row[i].known);
		free_memory(m);
	}
}

static void responses_are_understood(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	struct mm_boot_info info = { 0 };
	struct box b;

	assert_int_equal(intake(&b, m, &info), MM_OK);
	assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
	assert_true(info.cmdline == BASE + TEXT && info.rsdp == RSDP);
	assert_true(info.module == MODULE1 && info.module_bytes == 0x1234);
	assert_int_equal(box_at(&b, 0x10000), MM_MEM_USABLE);
	assert_int_equal(box_at(&b, 0x20000), MM_MEM_LOADER);
	assert_int_equal(box_at(&b, 0x9ffff), MM_MEM_RESERVED);
	if (F <= 0x1000)
		assert_int_equal(box_at(&b, 0xa0000), 0);
	assert_int_equal(box_at(&b, 0xe0000), MM_MEM_RESERVED);
	assert_int_equal(box_at(&b, 0x1ffffff), MM_MEM_USABLE);
	assert_int_equal(box_at(&b, KERNEL), MM_MEM_KERNEL);
	assert_int_equal(box_at(&b, KERNEL + KERNEL_BYTES - 1), MM_MEM_KERNEL);
	assert_int_equal(box_at(&b, KERNEL + 0x130000), MM_MEM_INITRD);
	assert_int_equal(box_at(&b, MODULE1), MM_MEM_INITRD);
	assert_int_equal(box_at(&b, MODULE2), MM_MEM_INITRD);
	assert_int_equal(box_at(&b, 0x23fffff), MM_MEM_INITRD);
	assert_int_equal(box_at(&b, 0x2400000), MM_MEM_USABLE);
	assert_int_equal(box_at(&b, 0x3f00000), MM_MEM_ACPI_RECLAIM);
	assert_int_equal(box_at(&b, 0x3f20000), MM_MEM_ACPI_NVS);
	assert_int_equal(box_at(&b, 0x3f40000), MM_MEM_RESERVED);
	assert_int_equal(box_at(&b, 0x3f60000), MM_MEM_BAD);
	assert_int_equal(box_at(&b, 0xfd000000), MM_MEM_RESERVED);
	assert_int_equal(b.map.dropped.unknown, 0);
	assert_int_equal(intake(&b, m, NULL), MM_OK);
	free_memory(m);
}

static void only_the_memory_map_is_required(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	struct mm_boot_info info = { 1, 1, 1, 1 };
	struct box b;

	/* The length of the image is known, but the loader did not say where it is. */
	m->limine = (struct mm_limine){ .memmap = virt(MEMMAP), .executable_bytes = KERNEL_BYTES };
	assert_int_equal(intake(&b, m, &info), MM_OK);
	assert_true(!info.cmdline && !info.rsdp && !info.module && !info.module_bytes);
	assert_int_equal(box_at(&b, KERNEL), MM_MEM_KERNEL);
	assert_int_equal(box_at(&b, MODULE1), MM_MEM_KERNEL); /* nothing can tell */
	assert_true(mm_memmap_bytes(&b.map, MM_MEM_INITRD) == 0);
	assert_int_equal(m->calls, 1 + 2 * 2 * m->entries);
	free_memory(m);
}

/* The entries that say so are for illustration, says the protocol. */
static void modules_and_kernel_are_where_their_responses_say(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	struct box b;

	put_file(m, MODFILES, 0x2800000, 0x5000, 0); /* in usable memory */
	put(m->byte + ADDRESS + 8, 0x2a00000, 8);
	assert_int_equal(intake(&b, m, NULL), MM_OK);
	assert_int_equal(box_at(&b, 0x2800000), MM_MEM_INITRD);
	assert_int_equal(box_at(&b, 0x2804fff), MM_MEM_INITRD);
	assert_int_equal(box_at(&b, 0x2810000), MM_MEM_USABLE);
	assert_int_equal(box_at(&b, 0x2a00000), MM_MEM_KERNEL);
	assert_int_equal(box_at(&b, 0x2a00000 + KERNEL_BYTES - 1), MM_MEM_KERNEL);
	put_file(m, MODFILES, 0x2a00000, 0x5000, 0); /* in the kernel */
	assert_int_equal(intake(&b, m, NULL), MM_OK);
	assert_int_equal(box_at(&b, 0x2a00000), MM_MEM_KERNEL);
	free_memory(m);
}

/* Virtual, but in base revision 3 physical. */
static void an_rsdp_is_virtual_or_physical(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	struct mm_boot_info info;
	struct box b;

	put(m->byte + RSDPRESP + 8, RSDP, 8);
	assert_int_equal(intake(&b, m, &info), MM_OK);
	assert_true(info.rsdp == RSDP);
	put(m->byte + RSDPRESP + 8, HHDM, 8);
	assert_int_equal(intake(&b, m, &info), MM_OK);
	assert_true(info.rsdp == 0);
	put(m->byte + RSDPRESP + 8, 0, 8);
	assert_int_equal(intake(&b, m, &info), MM_OK);
	assert_true(info.rsdp == 0);
	free_memory(m);
}

static void revisions_and_empty_parts_are_no_error(void **state)
{
	(void)state;
	static const size_t revision[] = { MEMMAP,     OFFSET,  ADDRESS,  FILERESP,
					   KERNELFILE, MODRESP, MODFILES, RSDPRESP };
	struct memory *m = new_memory();
	struct mm_boot_info info;
	struct box b;

	for (size_t i = 0; i < sizeof(revision) / sizeof(revision[0]); i++)
		put(m->byte + revision[i], UINT64_MAX, 8);
	put(m->byte + KERNELFILE + 32, 0, 8); /* no command line */
	put(m->byte + MODRESP + 8, 0, 8);     /* no modules, wherever the list is */
	put(m->byte + MODRESP + 16, 5, 8);
	assert_int_equal(intake(&b, m, &info), MM_OK);
	assert_true(!info.cmdline && !info.module && info.rsdp == RSDP);
	put(m->byte + MODRESP + 8, 1, 8); /* a module without a byte */
	put(m->byte + MODRESP + 16, virt(MODPOINTERS), 8);
	put_file(m, MODFILES + 40, MODULE1, 0, 0);
	assert_int_equal(intake(&b, m, &info), MM_OK);
	assert_int_equal(b.map.dropped.empty, 1);
	assert_true(info.module == MODULE1 && info.module_bytes == 0);
	free_memory(m);
}

/* --- What is wrong --- */

static void a_refused_read_is_a_fault_and_leaves_info_alone(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	struct box b;

	assert_int_equal(intake(&b, m, NULL), MM_OK);
	const unsigned calls = m->calls;
	/* list; offset; list; response, file, 20 characters; RSDP; address; modules; entries twice */
	assert_int_equal(calls, 1 + 1 + 1 + 2 + 20 + 1 + 1 + 2 * 2 + 2 * 2 * m->entries);
	for (unsigned n = 1; n <= calls; n++) {
		struct mm_boot_info info = { 1, 2, 3, 4 };

		m->refuse_at = n;
		assert_int_equal(intake(&b, m, &info), MM_E_FAULT);
		assert_true(info.cmdline == 1 && info.rsdp == 2 && info.module == 3);
		assert_true(info.module_bytes == 4);
		assert_int_equal(m->calls, n);
		assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
		if (n <= calls - 2 * m->entries) /* not yet all that is not usable */
			assert_true(mm_memmap_bytes(&b.map, MM_MEM_USABLE) == 0);
	}
	free_memory(m);
}

static void wrong_responses_are_refused(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		uint64_t value;
		enum mm_status status;
	} row[] = {
		{ MEMMAP + 8, 0, MM_E_INVAL },
		{ MEMMAP + 8, 4097, MM_E_2BIG },
		{ MEMMAP + 8, UINT64_MAX, MM_E_2BIG },
		{ MEMMAP + 8, 0x100000001, MM_E_2BIG }, /* 64 bits */
		{ MEMMAP + 16, 0, MM_E_FAULT },
		{ MEMMAP + 16, HHDM + BASE + SIZE - 95, MM_E_FAULT },
		{ MEMMAP + 16, UINT64_MAX - 6, MM_E_FAULT },
		{ POINTERS, 0, MM_E_FAULT },
		{ POINTERS + 88, HHDM + BASE + SIZE - 23, MM_E_FAULT },
		{ POINTERS + 8, UINT64_MAX - 22, MM_E_FAULT },
		{ FILERESP + 8, 0, MM_E_FAULT },
		{ FILERESP + 8, UINT64_MAX, MM_E_FAULT },
		{ KERNELFILE + 32, 5, MM_E_FAULT },
		{ KERNELFILE + 32, UINT64_MAX, MM_E_FAULT },
		{ KERNELFILE + 32, HHDM + BASE + SIZE - 1,
		  MM_E_FAULT }, /* ends not where memory does */
		{ MODRESP + 8, 65, MM_E_2BIG },
		{ MODRESP + 8, UINT64_MAX, MM_E_2BIG },
		{ MODRESP + 16, 1, MM_E_FAULT },
		{ MODRESP + 16, UINT64_MAX - 7, MM_E_FAULT },
		{ MODPOINTERS + 8, 0, MM_E_FAULT },
		{ MODFILES + 8, 0, MM_E_FAULT },
		{ MODFILES + 8, HHDM - 1, MM_E_FAULT },
		{ OFFSET + 8, HHDM + BASE + TEXT + 1, MM_E_FAULT }, /* the text is below it */
	};
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct memory *m = new_memory();
		struct mm_boot_info info = { 1, 2, 3, 4 };
		struct box b;

		put(m->byte + row[i].at, row[i].value, 8);
		assert_int_equal(intake(&b, m, &info), row[i].status);
		assert_true(info.cmdline == 1 && info.module_bytes == 4);
		assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
		free_memory(m);
	}
}

static void wrong_arguments_are_refused_and_change_nothing(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	const struct mm_limine good = m->limine;
	struct box b;

	box_init(&b, BOX_ROOM);
	struct box was = b;
	assert_int_equal(mm_memmap_add_limine(NULL, reader, m, &good, NULL), MM_E_INVAL);
	assert_int_equal(mm_memmap_add_limine(&b.map, NULL, m, &good, NULL), MM_E_INVAL);
	assert_int_equal(mm_memmap_add_limine(&b.map, reader, m, NULL, NULL), MM_E_INVAL);
	for (unsigned i = 0; i < 6; i++) {
		struct mm_limine bad = good;

		if (i == 0)
			bad.memmap = 0;
		else if (i == 1)
			bad.executable_bytes = 0;
		else
			bad.hhdm = 0;
		if (i == 2)
			bad.modules = bad.rsdp = 0;
		if (i == 3)
			bad.executable_file = bad.rsdp = 0;
		if (i == 4)
			bad.executable_file = bad.modules = 0;
		assert_int_equal(mm_memmap_add_limine(&b.map, reader, m, &bad, NULL), MM_E_INVAL);
		assert_true(sim_same(&b, &was, sizeof(b)));
	}
	free_memory(m);
}

static void a_command_line_ends_within_4096_bytes(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	struct mm_boot_info info;
	struct box b;

	put(m->byte + KERNELFILE + 32, virt(0x5000), 8);
	memset(m->byte + 0x5000, 'x', 0x2000);
	m->byte[0x5000 + 4095] = 0;
	assert_int_equal(intake(&b, m, &info), MM_OK);
	assert_true(info.cmdline == BASE + 0x5000);
	m->byte[0x5000 + 4095] = 'x';
	m->byte[0x5000 + 4096] = 0;
	assert_int_equal(intake(&b, m, &info), MM_E_2BIG);
	free_memory(m);
}

static void a_full_map_ends_the_intake_at_any_step(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	struct box b;

	assert_int_equal(intake(&b, m, NULL), MM_OK);
	const uint32_t need = b.map.count;
	assert_true(need > 8);
	for (uint32_t room = 0; room < need; room++) {
		struct mm_boot_info info = { 1, 2, 3, 4 };

		box_init(&b, room);
		assert_int_equal(mm_memmap_add_limine(&b.map, reader, m, &m->limine, &info),
				 MM_E_2BIG);
		assert_true(info.cmdline == 1 && info.module_bytes == 4);
		assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
		/* No usable byte but what the loader calls so. */
		for (uint32_t i = 0; i < b.map.count; i++)
			if (b.e[i].type == MM_MEM_USABLE)
				assert_true(b.e[i].base == 0x10000 || b.e[i].base == 0x100000 ||
					    b.e[i].base == 0x2400000);
	}
	box_init(&b, need);
	assert_int_equal(mm_memmap_add_limine(&b.map, reader, m, &m->limine, NULL), MM_OK);
	free_memory(m);
}

static void hostile_ranges_are_clipped_and_counted(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	struct box b;

	m->entries = 0;
	add_entry(m, 2 * F, UINT64_MAX, 0); /* dropped whole */
	add_entry(m, UINT64_MAX, 0, 99);    /* empty and unknown */
	add_entry(m, UINT64_MAX - 1, 9, 1); /* clipped */
	add_entry(m, 4 * F, F, 0);
	put(m->byte + ADDRESS + 8, UINT64_MAX - 5, 8);
	m->limine.modules = m->limine.rsdp = 0;
	assert_int_equal(intake(&b, m, NULL), MM_OK);
	assert_int_equal(b.map.dropped.wrapped, 3);
	assert_int_equal(b.map.dropped.empty, 1);
	assert_int_equal(b.map.dropped.unknown, 1);
	assert_true(mm_memmap_bytes(&b.map, MM_MEM_USABLE) == F);
	assert_int_equal(box_at(&b, MM_PADDR_MAX), MM_PADDR_BITS == 64 ? MM_MEM_RESERVED : 0);
	free_memory(m);
}

/* With 32-bit physical addresses. */
static void addresses_that_do_not_fit_are_faults(void **state)
{
	(void)state;
	const enum mm_status narrow = MM_PADDR_BITS == 32 ? MM_E_FAULT : MM_OK;
	struct memory *m = new_memory();
	struct box b;

	put(m->byte + RSDPRESP + 8, HHDM + 0x100000000, 8);
	assert_int_equal(intake(&b, m, NULL), narrow);
	put(m->byte + RSDPRESP + 8, 0x123456789a, 8);
	assert_int_equal(intake(&b, m, NULL), narrow);
	put(m->byte + RSDPRESP + 8, 0, 8);
	put_file(m, MODFILES + 40, 0x100000000, 0x1000, 0);
	assert_int_equal(intake(&b, m, NULL), narrow);
	put_file(m, MODFILES + 40, 0xfffff000, 0x100002000, 0);
	struct mm_boot_info info;
	assert_int_equal(intake(&b, m, &info), MM_OK);
	assert_int_equal(b.map.dropped.beyond, MM_PADDR_BITS == 32);
	assert_int_equal(box_at(&b, 0xffffffff), MM_MEM_INITRD);
	assert_true(info.module == 0xfffff000 && info.module_bytes == 0x100002000);
	free_memory(m);
}

/* Everything is readable, up to the end of the address space. */
static const void *generous_reader(void *ctx, mm_vaddr_t va, size_t bytes)
{
	struct memory *m = ctx;
	const void *mine = reader(ctx, va, bytes);

	if (mine)
		return mine;
	assert_true(bytes <= 64);
	assert_true(va > UINT64_MAX / 4 * 3); /* did not go round */
	return m->byte + SIZE - 64;
}

static void lists_and_texts_do_not_go_round_the_end_of_the_address_space(void **state)
{
	(void)state;
	static const struct {
		size_t field;
		uint64_t at;
		size_t pointers; /* what the far end of memory is full of: pointers there, or no zeros */
	} row[] = {
		{ MEMMAP + 16, UINT64_MAX - 15, ENTRIES },
		{ MEMMAP + 16, UINT64_MAX - 18, ENTRIES },
		{ MODRESP + 16, UINT64_MAX - 7, MODFILES },
		{ MODPOINTERS, UINT64_MAX - 38, 0 },
		{ POINTERS, UINT64_MAX - 22, 0 },
		{ KERNELFILE + 32, UINT64_MAX - 100, 0 },
	};
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct memory *m = new_memory();
		struct box b;

		for (size_t p = SIZE - 64; p < SIZE; p += 8)
			put(m->byte + p, row[i].pointers ? virt(row[i].pointers) : UINT64_MAX, 8);
		put(m->byte + row[i].field, row[i].at, 8);
		box_init(&b, BOX_ROOM);
		assert_int_equal(mm_memmap_add_limine(&b.map, generous_reader, m, &m->limine, NULL),
				 MM_E_FAULT);
		free_memory(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_are_understood),
		cmocka_unit_test(responses_are_understood),
		cmocka_unit_test(only_the_memory_map_is_required),
		cmocka_unit_test(modules_and_kernel_are_where_their_responses_say),
		cmocka_unit_test(an_rsdp_is_virtual_or_physical),
		cmocka_unit_test(revisions_and_empty_parts_are_no_error),
		cmocka_unit_test(a_refused_read_is_a_fault_and_leaves_info_alone),
		cmocka_unit_test(wrong_responses_are_refused),
		cmocka_unit_test(wrong_arguments_are_refused_and_change_nothing),
		cmocka_unit_test(a_command_line_ends_within_4096_bytes),
		cmocka_unit_test(a_full_map_ends_the_intake_at_any_step),
		cmocka_unit_test(hostile_ranges_are_clipped_and_counted),
		cmocka_unit_test(addresses_that_do_not_fit_are_faults),
		cmocka_unit_test(lists_and_texts_do_not_go_round_the_end_of_the_address_space),
	};
	return cmocka_run_group_tests_name("limine", tests, NULL, NULL);
}
