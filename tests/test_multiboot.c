/* SPDX-License-Identifier: MIT */
/* Multiboot 1 intake, and both versions as real loaders left them in memory (tests/data/multiboot):
 * each flag, each field that may be wrong, and every read refused once. */
#include "multiboot_memory.h"
#include <mmlib/uefi.h>
#include <stdio.h>
#include "memmap_reader.h"

static const char *data_dir;

/* Are two maps of the same types everywhere? Owners do not matter. */
static void same_types(const struct mm_memmap *a, const struct mm_memmap *b)
{
	const struct mm_memmap *both[] = { a, b, a };

	for (unsigned k = 0; k < 2; k++) {
		for (uint32_t i = 0; i < both[k]->count; i++) {
			const struct mm_mem *e = &both[k]->entries[i];

			if (at(both[k + 1], e->base) != e->type ||
			    at(both[k + 1], e->last) != e->type)
				fail_msg("%llx-%llx is %s", (unsigned long long)e->base,
					 (unsigned long long)e->last, mm_mem_type_name(e->type));
			if (e->last != MM_PADDR_MAX)
				assert_int_equal(at(both[k], e->last + 1),
						 at(both[k + 1], e->last + 1));
		}
	}
}

/* --- What real loaders left --- */

static struct memory *fixture(const char *name)
{
	struct memory *m = calloc(1, sizeof(*m));
	char path[512];
	uint8_t head[16];

	snprintf(path, sizeof(path), "%s/multiboot/%s.bin", data_dir, name);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	assert_int_equal(fread(head, 1, 8, f), 8);
	m->eax = (uint32_t)get(head, 4);
	m->ebx = (uint32_t)get(head + 4, 4);
	while (fread(head, 1, 16, f) == 16) {
		size_t bytes = (size_t)get(head + 8, 8);

		assert_int_equal(fread(add_piece(m, get(head, 8), bytes), 1, bytes, f), bytes);
	}
	fclose(f);
	return m;
}

/* A fixture, and what is known of it: from the stub that was loaded, from what its loader does, and
 * from what the firmware said of memory. */
struct known {
	const char *name, *firmware, *cmdline;
	uint64_t rsdp; /* offset in the structure, 0 if none */
	uint64_t modules[2];
	struct {
		uint64_t base, bytes;
		enum mm_mem_type type;
	} claim[10];
};

#define STUB                                                                                       \
	{ 0x200000, 0x54, MM_MEM_KERNEL },                                                         \
	{                                                                                          \
		0x240000, 0x1801, MM_MEM_KERNEL                                                    \
	}
#define SYMBOLS                                                                                    \
	{                                                                                          \
		0x100000, 0xe5, MM_MEM_LOADER                                                      \
	}

static const struct known known[] = {
	{ "grub-1",
	  "bios.txt",
	  "root=/dev/ram0 quiet",
	  0,
	  { 0x101000, 0x103000 },
	  { STUB,
	    SYMBOLS,
	    { 0x10000, 0x5f8, MM_MEM_LOADER },
	    { 0xb8000, 4000, MM_MEM_RESERVED } } },
	{ "grub-1-graphics",
	  "bios.txt",
	  "root=/dev/ram0 quiet",
	  0,
	  { 0x101000, 0x103000 },
	  { STUB,
	    SYMBOLS,
	    { 0x10000, 0x2f8, MM_MEM_LOADER },
	    { 0xfd000000, 800 * 600 * 4, MM_MEM_RESERVED } } },
	{ "grub-2",
	  "bios.txt",
	  "root=/dev/ram0 quiet",
	  976 + 8,
	  { 0x101000, 0x103000 },
	  { STUB,
	    SYMBOLS,
	    { 0x1000e8, 1016, MM_MEM_LOADER },
	    { 0xb8000, 4000, MM_MEM_RESERVED } } },
	{ "grub-2-graphics",
	  "bios.txt",
	  "root=/dev/ram0 quiet",
	  1768 + 8,
	  { 0x101000, 0x103000 },
	  { STUB,
	    SYMBOLS,
	    { 0x1000e8, 1808, MM_MEM_LOADER },
	    { 0xfd000000, 800 * 600 * 4, MM_MEM_RESERVED } } },
	{ "qemu-1", /* tells nothing of the kernel */
	  "kernel.txt",
	  "stub root=/dev/ram0 quiet",
	  0,
	  { 0x284000, 0x286000 },
	  { { 0x9000, 0xf0, MM_MEM_LOADER },
	    { 0x9500, 116, MM_MEM_LOADER },
	    { 0x283000, 0x87, MM_MEM_LOADER } } },
};

#define KNOWN (sizeof(known) / sizeof(known[0]))

/* The map that must come out: the firmware's, with what is known to be taken. */
static void expected_map(struct box *b, const struct known *k)
{
	static struct memmap_line line[64];
	char name[64];

	snprintf(name, sizeof(name), "../multiboot/%s", k->firmware);
	box_init(b, ROOM);
	size_t n = memmap_read(data_dir, name, line, 64);
	assert_true(n > 5);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(mm_memmap_add(&b->map, line[i].first,
					       line[i].last - line[i].first + 1, line[i].type,
					       NULL),
				 MM_OK);
	for (size_t i = 0; i < sizeof(k->claim) / sizeof(k->claim[0]); i++)
		if (k->claim[i].bytes)
			assert_int_equal(mm_memmap_add(&b->map, k->claim[i].base, k->claim[i].bytes,
						       k->claim[i].type, NULL),
					 MM_OK);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(
			mm_memmap_add(&b->map, k->modules[i], i ? 8192 : 4097, MM_MEM_INITRD, NULL),
			MM_OK);
}

/* The text at pa, with its end. */
static void text_is(const struct memory *m, uint64_t pa, const char *text)
{
	const void *p = find(m, pa, strlen(text) + 1);

	assert_non_null(p);
	assert_memory_equal(p, text, strlen(text) + 1);
}

static enum mm_status add_any(struct box *b, struct memory *m, struct mm_boot_info *info,
			      struct mm_multiboot_efi *efi)
{
	if (m->eax == MM_MULTIBOOT_MAGIC)
		return mm_memmap_add_multiboot(&b->map, reader, m, m->ebx, info);
	assert_int_equal(m->eax, MM_MULTIBOOT2_MAGIC);
	return mm_memmap_add_multiboot2(&b->map, reader, m, m->ebx, info, efi);
}

static void maps_of_real_loaders_are_the_firmwares_without_what_is_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < KNOWN; i++) {
		struct memory *m = fixture(known[i].name);
		struct mm_boot_info info;
		struct box got, want;

		box_init(&got, ROOM);
		expected_map(&want, &known[i]);
		assert_int_equal(add_any(&got, m, &info, NULL), MM_OK);
		assert_int_equal(mm_memmap_verify(&got.map), MM_OK);
		same_types(&got.map, &want.map);
		assert_int_equal(got.map.dropped.unknown, 0);
		assert_int_equal(got.map.dropped.empty, 0);
		assert_true(info.module == known[i].modules[0] && info.module_bytes == 4097);
		text_is(m, info.cmdline, known[i].cmdline);
		assert_true(info.rsdp == (known[i].rsdp ? m->ebx + known[i].rsdp : 0));
		if (info.rsdp)
			assert_memory_equal(find(m, info.rsdp, 20), "RSD PTR ", 8);
		free_memory(m);
	}
}

/* Types of UEFI memory that are free after boot services: its specification, section 7.2. */
static bool free_after_boot(uint32_t type)
{
	return (type >= 1 && type <= 4) || type == 7;
}

static void a_real_efi_map_is_found_and_agrees_with_the_loaders_table(void **state)
{
	(void)state;
	struct memory *m = fixture("efi-2");
	struct mm_multiboot_efi efi;
	struct mm_boot_info info;
	struct box b;
	unsigned usable = 0;

	box_init(&b, ROOM);
	assert_int_equal(add_any(&b, m, &info, &efi), MM_OK);
	assert_true(efi.map == m->ebx + 1264 + 16 && efi.bytes == 6336);
	assert_true(efi.stride == 48 && efi.version == 1 && !efi.boot_services);
	assert_true(info.rsdp == m->ebx + 1216 + 8);
	assert_memory_equal(find(m, info.rsdp, 36), "RSD PTR ", 8);
	assert_true(find(m, info.rsdp, 36)[15] >= 2); /* revision: the new form */
	assert_int_equal(b.map.dropped.unknown, 1);   /* GRUB's type 20: code of runtime services */
	assert_int_equal(at(&b.map, 0xc0000000), MM_MEM_RESERVED);
	const uint8_t *table = find(m, efi.map, efi.bytes);
	for (size_t off = 0; off < efi.bytes; off += efi.stride) {
		const uint64_t base = get(table + off + 8, 8);
		const uint64_t last = base + get(table + off + 24, 8) * 4096 - 1;

		if (at(&b.map, base) == MM_MEM_USABLE || at(&b.map, last) == MM_MEM_USABLE) {
			assert_true(free_after_boot((uint32_t)get(table + off, 4)));
			usable++;
		}
	}
	assert_true(usable > 20);
	/* Fed too, it only takes away. */
	struct box both = b;
	both.map.entries = both.e;
	assert_int_equal(
		mm_memmap_add_uefi(&both.map, table, efi.bytes, efi.stride, efi.version, NULL),
		MM_OK);
	for (uint32_t i = 0; i < both.map.count; i++)
		if (both.e[i].type == MM_MEM_USABLE)
			assert_int_equal(at(&b.map, both.e[i].base), MM_MEM_USABLE);
	assert_true(mm_memmap_bytes(&both.map, MM_MEM_USABLE) <
		    mm_memmap_bytes(&b.map, MM_MEM_USABLE));
	free_memory(m);
}

static void with_boot_services_there_is_no_memory_map_yet(void **state)
{
	(void)state;
	struct memory *m = fixture("efi-2-services");
	struct mm_multiboot_efi efi = { 0 };
	struct mm_boot_info info = { 0 };
	struct box b;

	box_init(&b, ROOM);
	assert_int_equal(add_any(&b, m, &info, &efi), MM_OK);
	assert_true(efi.boot_services && efi.map == 0);
	assert_int_equal(mm_memmap_bytes(&b.map, MM_MEM_USABLE), 0);
	assert_int_equal(at(&b.map, m->ebx), F == 4096 ? MM_MEM_LOADER : MM_MEM_INITRD);
	assert_int_equal(at(&b.map, 0x4000), MM_MEM_INITRD);
	assert_int_equal(at(&b.map, 0x5000), MM_MEM_INITRD); /* one byte of it */
	assert_int_equal(at(&b.map, 0x7fff), MM_MEM_INITRD);
	assert_int_equal(at(&b.map, 0x200000), MM_MEM_KERNEL);
	assert_int_equal(at(&b.map, 0x241800), MM_MEM_KERNEL);
	assert_int_equal(at(&b.map, MM_PADDR_MAX & 0xffffffff80280000u),
			 HOLE); /* linked, not loaded */
	assert_int_equal(at(&b.map, 0xc0000000), MM_MEM_RESERVED);
	assert_true(info.rsdp && info.cmdline && info.module == 0x4000);
	box_init(&b, ROOM);
	assert_int_equal(add_any(&b, m, &info, NULL), MM_E_INVAL);
	free_memory(m);
}

static void real_structures_are_refused_at_any_read_and_any_capacity(void **state)
{
	(void)state;
	for (size_t i = 0; i < KNOWN; i++) {
		struct memory *m = fixture(known[i].name);
		struct mm_boot_info info = { 1, 2, 3, 4 };
		struct mm_multiboot_efi efi = { .map = 5 };
		struct box b;
		unsigned calls;

		box_init(&b, ROOM);
		assert_int_equal(add_any(&b, m, NULL, NULL), MM_OK);
		calls = m->calls;
		for (unsigned n = 1; n <= calls; n++) {
			m->calls = 0;
			m->refuse_at = n;
			box_init(&b, ROOM);
			assert_int_equal(add_any(&b, m, &info, &efi), MM_E_FAULT);
			assert_int_equal(m->calls, n);
			assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
		}
		m->refuse_at = 0;
		for (uint32_t capacity = 0; info.cmdline == 1; capacity++) {
			assert_true(efi.map == 5 && info.module_bytes == 4 && capacity < 40);
			box_init(&b, capacity);
			enum mm_status status = add_any(&b, m, &info, &efi);
			assert_int_equal(status, info.cmdline == 1 ? MM_E_2BIG : MM_OK);
			assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
		}
		free_memory(m);
	}
}

/* --- Version 1, built by hand --- */

/* Offsets in a piece at 1 MiB, a frame of any size apart. Most are not aligned. */
enum {
	SIZE = 0xe0000,
	INFO = 0x10004,
	ENTRIES = 0x20003,
	MODLIST = 0x30001,
	MODTEXT = 0x40001,
	CMDLINE = 0x5fff8, /* ends in the next frame */
	NAME = 0x70001,
	SECTIONS = 0x80002,
	DRIVES = 0x90000,
	APM = 0xa0000,
	VBE_CONTROL = 0xb0000,
	VBE_MODE = 0xc0000,
	PALETTE = 0xd0000,
};

#define AT(what) ((mm_paddr_t)(BASE + (what)))
#define EDGE     UINT64_C(0xf0000000) /* RAM that begins here goes on beyond 4 GiB */

/* A structure with everything: 256 MiB of RAM with a hole, two modules, two sections. */
static struct memory *new_memory(void)
{
	struct memory *m = calloc(1, sizeof(*m));
	uint8_t *p = add_piece(m, BASE, SIZE), *s = p + INFO;
	static const uint32_t field[][2] = {
		{ 4, 639 },
		{ 8, 0 },
		{ 12, 0x8000ffff },
		{ 16, AT(CMDLINE) },
		{ 20, 2 },
		{ 24, AT(MODLIST) },
		{ 28, 3 },
		{ 32, 40 },
		{ 36, AT(SECTIONS) },
		{ 40, 0 },
		{ 44, 24 + 28 + 24 + 5 },
		{ 48, AT(ENTRIES) },
		{ 52, 77 },
		{ 56, AT(DRIVES) },
		{ 60, 0xe0000 },
		{ 64, AT(NAME) },
		{ 68, AT(APM) },
		{ 72, AT(VBE_CONTROL) },
		{ 76, AT(VBE_MODE) },
		{ 88, 0xe0000000 },
		{ 92, 0 },
		{ 96, 2400 },
		{ 100, 640 },
		{ 104, 480 },
	};

	for (size_t i = 0; i < sizeof(field) / sizeof(field[0]); i++)
		put(s + field[i][0], field[i][1], 4);
	put(s, 0x1fef, 4); /* all but a.out symbols */
	s[109] = 0;        /* indexed colours */
	put(s + 110, AT(PALETTE), 4);
	put(s + 114, 256, 2);
	put(p + ENTRIES, 20, 4);
	put_entry(p + ENTRIES + 4, 0, 0x9fc00, 1);
	put(p + ENTRIES + 24, 24, 4);
	put_entry(p + ENTRIES + 28, 0xf0000, 0x10000, 2);
	put(p + ENTRIES + 52, 20, 4);
	put_entry(p + ENTRIES + 56, MIB, 255 * MIB, 1);
	put(p + MODLIST, MODULE, 4);
	put(p + MODLIST + 4, MODULE + F + 1, 4);
	put(p + MODLIST + 8, AT(MODTEXT), 4);
	put(p + MODLIST + 16, MODULE2, 4);
	put(p + MODLIST + 20, MODULE2 + 5, 4);
	put(p + MODLIST + 24, 0, 4);
	put_section32(p + SECTIONS, 0, 0xff, 0, 0);
	put_section32(p + SECTIONS + 40, 1, 6, KERNEL, F + 1);
	put_section32(p + SECTIONS + 80, 2, 0, SYMBOLS32, 16);
	memcpy(p + CMDLINE, "console=ttyS0", 14);
	memcpy(p + MODTEXT, "", 1);
	memcpy(p + NAME, "a loader", 9);
	return m;
}

/* The piece, for changes. */
static uint8_t *byte_at(struct memory *m, size_t offset)
{
	return m->piece[0].data + offset;
}

static enum mm_status intake(struct box *b, struct memory *m, struct mm_boot_info *info)
{
	box_init(b, ROOM);
	return mm_memmap_add_multiboot(&b->map, reader, m, AT(INFO), info);
}

/* What each flag brings into the map. */
static const struct {
	unsigned bit;
	uint64_t pa;
	enum mm_mem_type type, without; /* what it is with and without the flag */
} brings[] = {
	{ 2, AT(CMDLINE), MM_MEM_LOADER, MM_MEM_USABLE },
	{ 2, AT(CMDLINE) + 13, MM_MEM_LOADER, MM_MEM_USABLE },
	{ 3, AT(MODLIST), MM_MEM_LOADER, MM_MEM_USABLE },
	{ 3, AT(MODTEXT), MM_MEM_LOADER, MM_MEM_USABLE },
	{ 3, MODULE, MM_MEM_INITRD, MM_MEM_USABLE },
	{ 3, MODULE + F, MM_MEM_INITRD, MM_MEM_USABLE },
	{ 3, MODULE2, MM_MEM_INITRD, MM_MEM_USABLE },
	{ 5, AT(SECTIONS), MM_MEM_LOADER, MM_MEM_USABLE },
	{ 5, KERNEL, MM_MEM_KERNEL, MM_MEM_USABLE },
	{ 5, KERNEL + F, MM_MEM_KERNEL, MM_MEM_USABLE },
	{ 5, SYMBOLS32, MM_MEM_LOADER, MM_MEM_USABLE },
	{ 7, AT(DRIVES), MM_MEM_LOADER, MM_MEM_USABLE },
	{ 9, AT(NAME), MM_MEM_LOADER, MM_MEM_USABLE },
	{ 10, AT(APM), MM_MEM_LOADER, MM_MEM_USABLE },
	{ 11, AT(VBE_CONTROL), MM_MEM_LOADER, MM_MEM_USABLE },
	{ 11, AT(VBE_MODE), MM_MEM_LOADER, MM_MEM_USABLE },
	{ 12, 0xe0000000, MM_MEM_RESERVED, HOLE },
	{ 12, 0xe0000000 + 2400 * 480 - 1, MM_MEM_RESERVED, HOLE },
	{ 12, AT(PALETTE), MM_MEM_LOADER, MM_MEM_USABLE },
};

#define BRINGS (sizeof(brings) / sizeof(brings[0]))

static void a_structure_of_version_1_is_understood(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	struct mm_boot_info info = { 1, 1, 1, 1 };
	struct box b;

	assert_int_equal(intake(&b, m, &info), MM_OK);
	assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
	assert_true(info.cmdline == AT(CMDLINE) && info.rsdp == 0);
	assert_true(info.module == MODULE && info.module_bytes == F + 1);
	for (size_t i = 0; i < BRINGS; i++)
		assert_int_equal(at(&b.map, brings[i].pa), brings[i].type);
	assert_int_equal(at(&b.map, 0), MM_MEM_USABLE);
	assert_int_equal(at(&b.map, 0x9fc00), HOLE);
	assert_int_equal(at(&b.map, 0xf0000), MM_MEM_RESERVED);
	assert_int_equal(at(&b.map, AT(INFO)), MM_MEM_LOADER);
	assert_int_equal(at(&b.map, AT(ENTRIES)), MM_MEM_LOADER);
	assert_int_equal(at(&b.map, FREE), MM_MEM_USABLE);
	assert_int_equal(at(&b.map, MODULE + 2 * F), MM_MEM_USABLE);
	assert_int_equal(at(&b.map, KERNEL + 2 * F), MM_MEM_USABLE);
	assert_int_equal(at(&b.map, 256 * MIB - 1), MM_MEM_USABLE);
	assert_int_equal(at(&b.map, 256 * MIB), HOLE);
	assert_true(b.map.dropped.empty == 0 && b.map.dropped.unknown == 0);
	assert_int_equal(intake(&b, m, NULL), MM_OK);
	free_memory(m);
}

static void without_its_flag_a_thing_is_not_there(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 32; bit++) {
		struct memory *m = new_memory();
		struct mm_boot_info info;
		struct box b;

		put(byte_at(m, INFO), 0xffffffef & ~((uint32_t)1 << bit), 4);
		if (bit == 6)
			put(byte_at(m, INFO) + 8, 255 * 1024, 4); /* memory by its sizes */
		assert_int_equal(intake(&b, m, &info), MM_OK);
		for (size_t i = 0; i < BRINGS; i++)
			assert_int_equal(at(&b.map, brings[i].pa),
					 brings[i].bit == bit ? brings[i].without : brings[i].type);
		assert_int_equal(at(&b.map, AT(ENTRIES)), bit == 6 ? MM_MEM_USABLE : MM_MEM_LOADER);
		assert_true(info.cmdline == (bit == 2 ? 0 : AT(CMDLINE)));
		assert_true(info.module_bytes == (bit == 3 ? 0 : F + 1));
		free_memory(m);
	}
}

static void tables_are_reserved_to_their_last_byte(void **state)
{
	(void)state;
	static const struct {
		size_t field, from;
		uint32_t bytes;
	} row[] = {
		{ 24, MODLIST, 32 },   { 36, SECTIONS, 120 }, { 48, ENTRIES, 81 },
		{ 56, DRIVES, 77 },    { 68, APM, 20 },       { 72, VBE_CONTROL, 512 },
		{ 76, VBE_MODE, 256 }, { 110, PALETTE, 768 }, { 16, CMDLINE, 14 },
		{ 64, NAME, 9 },
	};
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct memory *m = new_memory();
		const uint64_t last = 0x400000 + F; /* alone in its frame */
		struct box b;

		memcpy(add_piece(m, last - row[i].bytes + 1, row[i].bytes), byte_at(m, row[i].from),
		       row[i].bytes);
		put(byte_at(m, INFO) + row[i].field, last - row[i].bytes + 1, 4);
		assert_int_equal(intake(&b, m, NULL), MM_OK);
		assert_int_equal(at(&b.map, last), MM_MEM_LOADER);
		assert_int_equal(at(&b.map, last + F), MM_MEM_USABLE);
		free_memory(m);
	}
}

static void a_structure_ends_behind_its_last_flag(void **state)
{
	(void)state;
	static const struct {
		uint32_t flags, bytes;
	} row[] = {
		{ 0x1, 12 },   { 0x3, 16 },     { 0x5, 20 },        { 0x9, 28 },   { 0x21, 44 },
		{ 0x40, 52 },  { 0xc0, 60 },    { 0x140, 64 },      { 0x240, 68 }, { 0x440, 72 },
		{ 0x840, 88 }, { 0x1040, 116 }, { 0xffffe040, 52 },
	};
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		for (unsigned less = 0; less < 2; less++) {
			struct memory *m = new_memory();
			uint8_t *end = add_piece(m, 0x70000, row[i].bytes - less);
			struct box b;

			memcpy(end, byte_at(m, INFO), row[i].bytes - less);
			put(end, row[i].flags, 4);
			box_init(&b, ROOM);
			assert_int_equal(mm_memmap_add_multiboot(&b.map, reader, m, 0x70000, NULL),
					 less ? MM_E_FAULT : MM_OK);
			free_memory(m);
		}
	}
}

static void wrong_structures_of_version_1_are_refused(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		uint64_t value;
		unsigned bytes;
		enum mm_status status;
	} row[] = {
		{ INFO, 0, 4, MM_E_INVAL },
		{ INFO, 0x1fae, 4, MM_E_INVAL },            /* no memory */
		{ INFO, 0x1fff, 4, MM_E_INVAL },            /* symbols of two kinds */
		{ INFO + 16, 5, 4, MM_E_FAULT },            /* command line */
		{ INFO + 16, AT(SIZE) - 1, 4, MM_E_FAULT }, /* does not end where memory does */
		{ INFO + 16, AT(CMDLINE) - 4096, 4, MM_E_2BIG }, /* 0xa5 without end */
		{ INFO + 64, UINT32_MAX, 4, MM_E_FAULT },        /* name */
		{ INFO + 20, 257, 4, MM_E_2BIG },                /* modules */
		{ INFO + 20, UINT32_MAX, 4, MM_E_2BIG },
		{ INFO + 24, AT(SIZE) - 31, 4, MM_E_FAULT },
		{ INFO + 24, UINT32_MAX - 3, 4, MM_E_FAULT },
		{ MODLIST + 8, 3, 4, MM_E_FAULT },
		{ INFO + 28, 4097, 4, MM_E_2BIG }, /* sections */
		{ INFO + 28, UINT32_MAX, 4, MM_E_2BIG },
		{ INFO + 32, 0, 4, MM_E_INVAL },
		{ INFO + 32, 39, 4, MM_E_INVAL },
		{ INFO + 32, 41, 4, MM_E_INVAL },
		{ INFO + 32, UINT32_MAX, 4, MM_E_INVAL },
		{ INFO + 36, AT(SIZE) - 119, 4, MM_E_FAULT },
		{ INFO + 36, 1, 4, MM_E_FAULT },
		{ INFO + 44, UINT32_MAX, 4, MM_E_FAULT },    /* runs into other bytes */
		{ INFO + 48, AT(SIZE) - 23, 4, MM_E_FAULT }, /* table of memory */
		{ INFO + 48, UINT32_MAX - 20, 4, MM_E_FAULT },
		{ ENTRIES, 19, 4, MM_E_INVAL },
		{ ENTRIES, 0, 4, MM_E_INVAL },
		{ ENTRIES + 52, 19, 4, MM_E_INVAL },
	};
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct memory *m = new_memory();
		struct mm_boot_info info = { 1, 2, 3, 4 };
		struct box b;

		put(byte_at(m, row[i].at), row[i].value, row[i].bytes);
		if (row[i].at == INFO + 20) /* long enough a list, of modules without text */
			memset(byte_at(m, MODLIST + 32), 0, 16 * 260);
		enum mm_status status = intake(&b, m, &info);
		if (status != row[i].status)
			fail_msg("row %zu: %s", i, mm_status_name(status));
		assert_true(info.cmdline == 1 && info.module_bytes == 4);
		assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
		free_memory(m);
	}
}

static void entries_of_version_1_say_how_long_they_are(void **state)
{
	(void)state;
	for (uint32_t size = 20; size < 60; size++) {
		for (uint32_t cut = 0; cut <= 3 * (size + 4); cut++) {
			struct memory *m = new_memory();
			uint8_t *table = add_piece(m, GIB, cut ? cut : 1), whole[3 * 64] = { 0 };
			struct box b;

			for (uint32_t i = 0; i < 3; i++) {
				put(whole + i * (size + 4), size, 4);
				put_entry(whole + i * (size + 4) + 4, 2 * i * F + 16 * MIB, F, 1);
			}
			memcpy(table, whole, cut);
			put(byte_at(m, INFO), 0x41, 4);
			put(byte_at(m, INFO) + 44, cut, 4);
			put(byte_at(m, INFO) + 48, GIB, 4);
			const uint32_t count = (cut + size - 20) / (size + 4);
			assert_int_equal(intake(&b, m, NULL), MM_OK);
			assert_true(mm_memmap_bytes(&b.map, MM_MEM_USABLE) ==
				    (count ? count * F : 0x9fc00 / F * F));
			free_memory(m);
		}
		size += size > 26 ? 7 : 0;
	}
}

static void a_far_next_entry_ends_the_table(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	struct box b;

	put(byte_at(m, ENTRIES + 24), UINT32_MAX, 4); /* the second: RAM is in the third */
	assert_int_equal(intake(&b, m, NULL), MM_OK);
	assert_int_equal(at(&b.map, 0xf0000), MM_MEM_RESERVED);
	assert_int_equal(at(&b.map, FREE), HOLE);
	free_memory(m);
}

static void sizes_stand_in_for_a_table_of_memory(void **state)
{
	(void)state;
	static const struct {
		uint32_t lower, upper;
		uint64_t low, high; /* bytes */
	} row[] = {
		{ 640, 1024, 640 * 1024, MIB },
		{ 0, 15 * 1024, 0, 15 * MIB },
		{ 512, 0, 512 * 1024, 0 },
		{ UINT32_MAX, UINT32_MAX, 640 * 1024, (uint64_t)UINT32_MAX << 10 },
	};
	for (unsigned how = 0; how < 3; how++) {
		for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
			struct memory *m = new_memory();
			struct box got, want;

			put(byte_at(m, INFO), how ? 0x41 : 0x1, 4);
			put(byte_at(m, INFO) + 4, row[i].lower, 4);
			put(byte_at(m, INFO) + 8, row[i].upper, 4);
			put(byte_at(m, INFO) + (how == 1 ? 44 : 48), 0,
			    4); /* no length; no address */
			assert_int_equal(intake(&got, m, NULL), MM_OK);
			box_init(&want, ROOM);
			if (row[i].low)
				assert_int_equal(mm_memmap_add(&want.map, 0, row[i].low,
							       MM_MEM_USABLE, NULL),
						 MM_OK);
			if (row[i].high)
				assert_int_equal(mm_memmap_add(&want.map, MIB, row[i].high,
							       MM_MEM_USABLE, NULL),
						 MM_OK);
			assert_int_equal(mm_memmap_add(&want.map, AT(INFO), how ? 52 : 12,
						       MM_MEM_LOADER, NULL),
					 MM_OK);
			same_types(&got.map, &want.map);
			assert_int_equal(got.map.dropped.empty, 0);
			put(byte_at(m, INFO) + 4, 0, 8);
			assert_int_equal(intake(&got, m, NULL), MM_E_INVAL);
			free_memory(m);
		}
	}
}

static void a_table_of_memory_makes_sizes_irrelevant(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	struct box b;

	put(byte_at(m, INFO) + 8, UINT32_MAX, 4);
	assert_int_equal(intake(&b, m, NULL), MM_OK);
	assert_int_equal(at(&b.map, 256 * MIB), HOLE);
	free_memory(m);
}

static void sections_may_share_frames(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	struct box b;

	put_section32(byte_at(m, SECTIONS), 1, 6, KERNEL, F + 8);
	put_section32(byte_at(m, SECTIONS) + 40, 1, 2, KERNEL + F + 8, F);
	put_section32(byte_at(m, SECTIONS) + 80, 3, 0, KERNEL + 2 * F + 8, F);
	assert_int_equal(intake(&b, m, NULL), MM_OK);
	assert_int_equal(at(&b.map, KERNEL), MM_MEM_KERNEL);
	assert_int_equal(at(&b.map, KERNEL + 2 * F), MM_MEM_KERNEL);
	assert_int_equal(at(&b.map, KERNEL + 3 * F), MM_MEM_LOADER);
	assert_int_equal(at(&b.map, KERNEL + 4 * F), MM_MEM_USABLE);
	free_memory(m);
}

static void sections_count_only_inside_ram(void **state)
{
	(void)state;
	static const struct {
		uint32_t type;
		uint64_t flags, base, bytes;
		uint64_t look;
		enum mm_mem_type want;
		bool wide; /* 64-bit headers only */
	} row[] = {
		{ 1, 6, KERNEL, F, KERNEL, MM_MEM_KERNEL, false },
		{ 8, 3, KERNEL, 3 * F, KERNEL + 3 * F - 1, MM_MEM_KERNEL, false },
		{ 1, 4, KERNEL, F, KERNEL, MM_MEM_LOADER, false },
		{ 3, 0x30, KERNEL, 1, KERNEL, MM_MEM_LOADER, false },
		{ 0, 6, KERNEL, F, KERNEL, MM_MEM_USABLE, false },
		{ 1, 6, KERNEL, 0, KERNEL, MM_MEM_USABLE, false },
		{ 1, 6, 0, 2 * F, F, MM_MEM_USABLE, false },
		{ 1, 6, F, F, F, MM_MEM_KERNEL, false },
		{ 1, 6, 255 * MIB, MIB, 256 * MIB - 1, MM_MEM_KERNEL, false },
		{ 1, 6, 255 * MIB, MIB + 1, 255 * MIB, MM_MEM_USABLE, false }, /* out of it */
		{ 1, 6, 0x80000, 16 * MIB, FREE, MM_MEM_USABLE, false },       /* over a hole */
		{ 1, 6, 0xe0000, 16 * MIB, FREE, MM_MEM_USABLE, false },       /* from a hole */
		{ 1, 6, 0xf0000, 16 * MIB, FREE, MM_MEM_USABLE, false }, /* from reserved memory */
		{ 1, 6, 0xc0100000, F, 0xc0100000, HOLE, false },        /* linked high */
		{ 1, 6, EDGE - 1, F, EDGE, MM_MEM_USABLE, false },
		{ 1, 6, EDGE, 1, EDGE, MM_MEM_KERNEL, false },
		{ 1, 6, 4 * GIB - F, F, UINT32_MAX, MM_MEM_KERNEL, false },
		{ 1, 6, 4 * GIB - F, F + 1, UINT32_MAX, MM_MEM_USABLE, false },
		{ 1, 6, UINT32_MAX, 2, UINT32_MAX, MM_MEM_USABLE, false },
		{ 1, 6, 4 * GIB, F, 4 * GIB, MM_MEM_USABLE, true }, /* no loader goes there */
		{ 1, 6, KERNEL, 4 * GIB, KERNEL, MM_MEM_USABLE, true },
		{ 1, 6, 0xffffffff80100000, F, 0x80100000, HOLE, true },
		{ 1, 6, UINT64_MAX, 2, KERNEL, MM_MEM_USABLE, true },
		{ 1, UINT64_C(0x200000000), KERNEL, F, KERNEL, MM_MEM_LOADER, true },
	};
	for (unsigned wide = 0; wide < 2; wide++) {
		for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
			if (row[i].wide && !wide)
				continue;
			struct memory *m = new_memory();
			uint8_t *s = byte_at(m, SECTIONS);
			struct box b;

			put(byte_at(m, INFO) + 28, 1, 4);
			put(byte_at(m, INFO) + 32, wide ? 64 : 40, 4);
			if (wide)
				put_section64(s, row[i].type, row[i].flags, row[i].base,
					      row[i].bytes);
			else
				put_section32(s, row[i].type, (uint32_t)row[i].flags,
					      (uint32_t)row[i].base, (uint32_t)row[i].bytes);
			box_init(&b, ROOM);
			assert_int_equal(mm_memmap_add(&b.map, EDGE, GIB, MM_MEM_USABLE, NULL),
					 MM_OK);
			assert_int_equal(mm_memmap_add_multiboot(&b.map, reader, m, AT(INFO), NULL),
					 MM_OK);
			if (at(&b.map, row[i].look) != row[i].want && row[i].look <= MM_PADDR_MAX)
				fail_msg("row %zu: %s", i,
					 mm_mem_type_name(at(&b.map, row[i].look)));
			free_memory(m);
		}
	}
}

static void symbols_of_an_aout_kernel_are_reserved(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	struct box b;

	put(byte_at(m, INFO), 0x1fdf, 4);
	put(byte_at(m, INFO) + 28, F, 4);
	put(byte_at(m, INFO) + 32, F - 3, 4);
	put(byte_at(m, INFO) + 36, KERNEL, 4);
	assert_int_equal(intake(&b, m, NULL), MM_OK);
	assert_int_equal(at(&b.map, KERNEL), MM_MEM_LOADER);
	assert_int_equal(at(&b.map, KERNEL + 2 * F), MM_MEM_LOADER); /* 4 + F + F - 3 bytes */
	assert_int_equal(at(&b.map, KERNEL + 3 * F), MM_MEM_USABLE);
	put(byte_at(m, INFO) + 28, 0, 8); /* no symbols */
	assert_int_equal(intake(&b, m, NULL), MM_OK);
	assert_int_equal(at(&b.map, KERNEL), MM_MEM_USABLE);
	put(byte_at(m, INFO) + 28, UINT64_MAX, 8);
	assert_int_equal(intake(&b, m, NULL), MM_OK); /* 8 GiB */
	assert_int_equal(at(&b.map, 128 * MIB), MM_MEM_LOADER);
	free_memory(m);
}

static void modules_that_are_empty_or_end_before_they_begin_are_dropped(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	struct mm_boot_info info = { 0 };
	struct box b;

	put(byte_at(m, MODLIST) + 4, MODULE, 4);
	assert_int_equal(intake(&b, m, &info), MM_OK);
	assert_true(info.module == MODULE2 && info.module_bytes == 5);
	assert_int_equal(at(&b.map, MODULE), MM_MEM_USABLE);
	assert_int_equal(b.map.dropped.empty, 1);
	put(byte_at(m, MODLIST) + 20, MODULE2 - 1, 4);
	assert_int_equal(intake(&b, m, &info), MM_OK);
	assert_true(info.module == 0 && info.module_bytes == 0);
	assert_int_equal(b.map.dropped.empty, 2);
	put(byte_at(m, MODLIST) + 16, 0xfffffff0, 8);
	put(byte_at(m, MODLIST) + 20, UINT32_MAX, 4);
	assert_int_equal(intake(&b, m, &info), MM_OK);
	assert_int_equal(at(&b.map, UINT32_MAX), MM_MEM_INITRD);
	free_memory(m);
}

static void limits_are_what_they_are_said_to_be(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	uint8_t *big = add_piece(m, 0x200000, 300000);
	struct box b;

	memset(big, 0, 300000);
	put(byte_at(m, INFO) + 20, 256, 4); /* modules */
	put(byte_at(m, INFO) + 24, 0x200000, 4);
	assert_int_equal(intake(&b, m, NULL), MM_OK);
	assert_int_equal(b.map.dropped.empty, 256);
	put(byte_at(m, INFO) + 20, 0, 4);
	put(byte_at(m, INFO) + 28, 4096, 4); /* sections */
	put(byte_at(m, INFO) + 32, 64, 4);
	put(byte_at(m, INFO) + 36, 0x200000, 4);
	assert_int_equal(intake(&b, m, NULL), MM_OK);
	for (uint32_t i = 0; i < 4097; i++) {
		put(big + 24 * i, 20, 4);
		put_entry(big + 24 * i + 4, 16 * MIB, i + 1, 1);
	}
	put(byte_at(m, INFO) + 28, 0, 4);
	put(byte_at(m, INFO) + 48, 0x200000, 4); /* entries */
	put(byte_at(m, INFO) + 44, 24 * 4096 + 23, 4);
	assert_int_equal(intake(&b, m, NULL), MM_OK);
	put(byte_at(m, INFO) + 44, 24 * 4097, 4);
	assert_int_equal(intake(&b, m, NULL), MM_E_2BIG);
	put(byte_at(m, INFO) + 44, 24, 4);
	memset(big + 1000, 'x', 5000);
	big[1000 + 4095] = 0;
	put(byte_at(m, INFO) + 64, 0x200000 + 1000, 4); /* name */
	assert_int_equal(intake(&b, m, NULL), MM_OK);
	assert_int_equal(at(&b.map, 0x200000 + 1000 + 4095), MM_MEM_LOADER);
	big[1000 + 4095] = 'x';
	assert_int_equal(intake(&b, m, NULL), MM_E_2BIG);
	free_memory(m);
}

static void framebuffers_are_clipped_where_addresses_end(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	struct box b;

	put(byte_at(m, INFO) + 88, UINT64_MAX - 5, 8);
	assert_int_equal(intake(&b, m, NULL), MM_OK);
	assert_int_equal(at(&b.map, MM_PADDR_MAX), MM_PADDR_BITS == 64 ? MM_MEM_RESERVED : HOLE);
	assert_int_equal(b.map.dropped.wrapped, 1);
	put(byte_at(m, INFO) + 88, 512 * MIB, 8);
	put(byte_at(m, INFO) + 96, UINT32_MAX, 4);
	put(byte_at(m, INFO) + 104, UINT32_MAX, 4);
	assert_int_equal(intake(&b, m, NULL), MM_OK);
	assert_int_equal(at(&b.map, UINT32_MAX), MM_MEM_RESERVED);
	put(byte_at(m, INFO) + 104, 0, 4); /* no lines, no framebuffer */
	assert_int_equal(intake(&b, m, NULL), MM_OK);
	assert_int_equal(at(&b.map, 512 * MIB), HOLE);
	put(byte_at(m, INFO) + 104, 1, 4);
	put(byte_at(m, INFO) + 88, 0, 8); /* not there */
	byte_at(m, INFO)[109] = 1;        /* no palette: these bytes mean something else */
	assert_int_equal(intake(&b, m, NULL), MM_OK);
	assert_int_equal(at(&b.map, 0), MM_MEM_USABLE);
	assert_int_equal(at(&b.map, AT(PALETTE)), MM_MEM_USABLE);
	assert_int_equal(b.map.dropped.empty, 0);
	free_memory(m);
}

static void a_refused_read_of_version_1_is_a_fault(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	struct box b;

	assert_int_equal(intake(&b, m, NULL), MM_OK);
	const unsigned calls = m->calls;
	assert_int_equal(calls, 2 + 3 + 3 + 2 + 1 + 9 + 14);
	for (unsigned n = 1; n <= calls; n++) {
		struct mm_boot_info info = { 1, 2, 3, 4 };

		m->calls = 0;
		m->refuse_at = n;
		assert_int_equal(intake(&b, m, &info), MM_E_FAULT);
		assert_true(info.cmdline == 1 && info.module_bytes == 4);
		assert_int_equal(m->calls, n);
		assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
	}
	free_memory(m);
}

static void a_full_map_ends_version_1_at_any_step(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	bool fitted = false;

	for (uint32_t capacity = 0; capacity <= 40; capacity++) {
		struct mm_boot_info info = { 1, 2, 3, 4 };
		struct box b;

		box_init(&b, capacity);
		enum mm_status status = mm_memmap_add_multiboot(&b.map, reader, m, AT(INFO), &info);
		assert_int_equal(status, status == MM_OK ? MM_OK : MM_E_2BIG);
		assert_true(!fitted || status == MM_OK);
		assert_true((info.cmdline == 1) == (status != MM_OK));
		assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
		fitted = status == MM_OK;
	}
	assert_true(fitted);
	free_memory(m);
}

/* --- Both --- */

/* Serves every address: zeros, but for what the test wants to be read. */
struct generous {
	uint8_t head[8];
	mm_paddr_t at;
	unsigned calls;
};

static const void *generous_reader(void *ctx, mm_paddr_t pa, size_t bytes)
{
	static const uint8_t zeros[128];
	struct generous *g = ctx;

	assert_true(bytes <= sizeof(zeros) && bytes - 1 <= MM_PADDR_MAX - pa);
	g->calls++;
	return pa == g->at ? g->head : zeros;
}

static void structures_do_not_go_round_the_end_of_the_address_space(void **state)
{
	(void)state;
	static const struct {
		mm_paddr_t back; /* from the last byte */
		uint32_t version, head;
		unsigned calls;
	} row[] = {
		{ 2, 1, 0, 0 },                            /* no room for the flags */
		{ 3 + 11, 1, 0x1000, 1 },                  /* nor for what they speak of */
		{ 114, 1, 0x1000, 1 },    { 7, 2, 16, 1 }, /* nor for the whole */
		{ 15, 2, 17, 1 },
	};
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct generous g = { .at = MM_PADDR_MAX - row[i].back };
		struct box b;

		put(g.head, row[i].head, 4);
		box_init(&b, ROOM);
		assert_int_equal(
			row[i].version == 1
				? mm_memmap_add_multiboot(&b.map, generous_reader, &g, g.at, NULL)
				: mm_memmap_add_multiboot2(&b.map, generous_reader, &g, g.at, NULL,
							   NULL),
			MM_E_FAULT);
		assert_int_equal(g.calls, row[i].calls);
		assert_int_equal(b.map.count, 0);
	}
}

static void wrong_arguments_are_refused(void **state)
{
	(void)state;
	struct memory *m = new_memory();
	struct box b;

	box_init(&b, ROOM);
	struct box was = b;
	assert_int_equal(mm_memmap_add_multiboot(NULL, reader, m, AT(INFO), NULL), MM_E_INVAL);
	assert_int_equal(mm_memmap_add_multiboot(&b.map, NULL, m, AT(INFO), NULL), MM_E_INVAL);
	assert_int_equal(mm_memmap_add_multiboot(&b.map, reader, m, 0, NULL), MM_E_FAULT);
	assert_int_equal(mm_memmap_add_multiboot2(NULL, reader, m, BASE, NULL, NULL), MM_E_INVAL);
	assert_int_equal(mm_memmap_add_multiboot2(&b.map, NULL, m, BASE, NULL, NULL), MM_E_INVAL);
	assert_int_equal(mm_memmap_add_multiboot2(&b.map, reader, m, 0, NULL, NULL), MM_E_FAULT);
	for (unsigned off = 1; off < 8; off++)
		assert_int_equal(
			mm_memmap_add_multiboot2(&b.map, reader, m, BASE + off, NULL, NULL),
			MM_E_INVAL);
	assert_true(sim_same(&b, &was, sizeof(b)));
	free_memory(m);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_of_real_loaders_are_the_firmwares_without_what_is_taken),
		cmocka_unit_test(a_real_efi_map_is_found_and_agrees_with_the_loaders_table),
		cmocka_unit_test(with_boot_services_there_is_no_memory_map_yet),
		cmocka_unit_test(real_structures_are_refused_at_any_read_and_any_capacity),
		cmocka_unit_test(a_structure_of_version_1_is_understood),
		cmocka_unit_test(without_its_flag_a_thing_is_not_there),
		cmocka_unit_test(tables_are_reserved_to_their_last_byte),
		cmocka_unit_test(a_structure_ends_behind_its_last_flag),
		cmocka_unit_test(wrong_structures_of_version_1_are_refused),
		cmocka_unit_test(entries_of_version_1_say_how_long_they_are),
		cmocka_unit_test(a_far_next_entry_ends_the_table),
		cmocka_unit_test(sizes_stand_in_for_a_table_of_memory),
		cmocka_unit_test(a_table_of_memory_makes_sizes_irrelevant),
		cmocka_unit_test(sections_may_share_frames),
		cmocka_unit_test(sections_count_only_inside_ram),
		cmocka_unit_test(symbols_of_an_aout_kernel_are_reserved),
		cmocka_unit_test(modules_that_are_empty_or_end_before_they_begin_are_dropped),
		cmocka_unit_test(limits_are_what_they_are_said_to_be),
		cmocka_unit_test(framebuffers_are_clipped_where_addresses_end),
		cmocka_unit_test(a_refused_read_of_version_1_is_a_fault),
		cmocka_unit_test(a_full_map_ends_version_1_at_any_step),
		cmocka_unit_test(structures_do_not_go_round_the_end_of_the_address_space),
		cmocka_unit_test(wrong_arguments_are_refused),
	};
	data_dir = argc > 1 ? argv[1] : "tests/data";
	return cmocka_run_group_tests_name("multiboot", tests, NULL, NULL);
}
