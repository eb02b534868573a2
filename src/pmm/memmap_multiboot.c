/* SPDX-License-Identifier: MIT */
/* Theory of operation: Multiboot 1 intake
 * Problem      a structure of fixed layout, of which flags say which fields hold anything, points to
 *              tables, lists and texts. Each number in it may be wrong or hostile.
 * Structure    as much of the structure as its flags speak of is copied, and fields without their
 *              flag become 0: "not there". Layouts are those of Multiboot Specification 0.6.96,
 *              section 3.3, little-endian.
 * Invariants   R1 everything is read through memmap_intake.h, which asks first.
 *              R2 work is bounded: numbers of entries are checked, those of modules and sections in
 *                 multiboot.h.
 *              R3 the memory map is fed first, sections next: they count only inside RAM.
 * Concurrency  none: one CPU, before the scheduler. */
#include <mmlib/multiboot.h>
#include "pmm/multiboot.h"

#define MB_INFO_BYTES   116 /* with all known fields */
#define MB_ENTRY_HEAD   4   /* an entry's size, which does not count itself */
#define MB_ENTRY_BYTES  20  /* the least of the rest: base 8, length 8, type 4 */
#define MB_MODULE_BYTES 16
#define MB_APM_BYTES    20
#define MB_VBE_CONTROL  512 /* VBE 2.0, functions 00h and 01h */
#define MB_VBE_MODE     256
#define MB_COLOR_BYTES  3
#define MB_INDEXED      0 /* framebuffer type: with a palette */

/* Flags, by bit. */
enum {
	MB_SIZES = 0,
	MB_CMDLINE = 2,
	MB_MODULES = 3,
	MB_AOUT = 4,
	MB_ELF = 5,
	MB_MEMORY = 6,
	MB_DRIVES = 7,
	MB_NAME = 9,
	MB_APM = 10,
	MB_VBE = 11,
	MB_FRAMEBUFFER = 12,
	MB_FLAGS = 13 /* bits that are known */
};

/* The information structure, copied. */
struct multiboot_start {
	uint32_t flags;
	uint32_t bytes; /* as much of it as there is */
	uint8_t raw[MB_INFO_BYTES];
};

/* The structure ends behind the fields of its last flag. */
static uint32_t multiboot_bytes(uint32_t flags)
{
	static const uint8_t end[MB_FLAGS] = { 12, 16, 20, 28, 44, 44,           52,
					       60, 64, 68, 72, 88, MB_INFO_BYTES };

	for (unsigned bit = MB_FLAGS; bit-- > 0;)
		if (flags >> bit & 1)
			return end[bit];
	return MB_ENTRY_HEAD;
}

static enum mm_status multiboot_copy(const struct memmap_intake *in, mm_paddr_t pa,
				     struct multiboot_start *start)
{
	const uint8_t *p = mm_memmap_item(in, pa, 4, 0);

	if (!p)
		return MM_E_FAULT;
	start->flags = memmap_le32(p);
	start->bytes = multiboot_bytes(start->flags);
	p = mm_memmap_item(in, pa, start->bytes, 0);
	if (!p)
		return MM_E_FAULT;
	__builtin_memcpy(start->raw, p, start->bytes);
	return MM_OK;
}

static bool multiboot_has(const struct multiboot_start *start, unsigned bit)
{
	return start->flags >> bit & 1;
}

/* The field at an offset, which belongs to a flag. */
static uint32_t multiboot_field(const struct multiboot_start *start, unsigned bit, unsigned offset)
{
	return multiboot_has(start, bit) ? memmap_le32(start->raw + offset) : 0;
}

/* Reserve a table, if there is one. */
static enum mm_status multiboot_table(const struct memmap_intake *in, uint32_t pa, uint64_t bytes)
{
	return pa && bytes ? mm_memmap_loader(in, pa, bytes) : MM_OK;
}

/* The table of memory: each entry says how far it is to the next. Bytes after the last whole entry
 * are passed over. */
static enum mm_status multiboot_entries(const struct memmap_intake *in, uint64_t pa, uint32_t bytes,
					struct multiboot_found *found)
{
	const uint64_t end = pa + bytes; /* two numbers of 32 bits */

	for (uint32_t n = 0; end - pa >= MB_ENTRY_HEAD + MB_ENTRY_BYTES; n++) {
		const uint8_t *p = mm_memmap_item(in, pa, MB_ENTRY_HEAD + MB_ENTRY_BYTES, 0);

		if (n == MEMMAP_MAX_ENTRIES) /* R2 */
			return MM_E_2BIG;
		if (!p)
			return MM_E_FAULT;
		uint32_t size = memmap_le32(p);
		if (size < MB_ENTRY_BYTES)
			return MM_E_INVAL;
		enum mm_status status = mm_memmap_add_raw(in->map, p + MB_ENTRY_HEAD);
		if (status != MM_OK)
			return status;
		found->memory = true;
		if (end - pa - MB_ENTRY_HEAD <= size)
			break;
		pa += MB_ENTRY_HEAD + (uint64_t)size;
	}
	return MM_OK;
}

static enum mm_status multiboot_memory(const struct memmap_intake *in,
				       const struct multiboot_start *start,
				       struct multiboot_found *found)
{
	const uint32_t bytes = multiboot_field(start, MB_MEMORY, 44);
	const uint32_t table = multiboot_field(start, MB_MEMORY, 48);
	enum mm_status status = MM_OK;

	if (table)
		status = multiboot_entries(in, table, bytes, found);
	if (status == MM_OK)
		status = multiboot_table(in, table, bytes);
	if (status == MM_OK && !found->memory)
		status = mm_multiboot_sizes(in, multiboot_field(start, MB_SIZES, 4),
					    multiboot_field(start, MB_SIZES, 8), found);
	if (status == MM_OK && !found->memory)
		status = MM_E_INVAL;
	return status;
}

/* Symbols of an a.out kernel: a size, symbols, and strings which begin with their size. */
static enum mm_status multiboot_aout(const struct memmap_intake *in,
				     const struct multiboot_start *start)
{
	const uint64_t symbols = multiboot_field(start, MB_AOUT, 28);
	const uint64_t strings = multiboot_field(start, MB_AOUT, 32);

	return multiboot_table(in, multiboot_field(start, MB_AOUT, 36),
			       symbols + strings ? 4 + symbols + strings : 0);
}

/* The kernel's sections or symbols. */
static enum mm_status multiboot_kernel(const struct memmap_intake *in,
				       const struct multiboot_start *start,
				       const struct multiboot_found *found)
{
	struct multiboot_sections sections = {
		.pa = multiboot_field(start, MB_ELF, 36),
		.count = multiboot_field(start, MB_ELF, 28),
		.entry = multiboot_field(start, MB_ELF, 32),
	};
	enum mm_status status;

	if (multiboot_has(start, MB_AOUT) && multiboot_has(start, MB_ELF))
		return MM_E_INVAL;
	if (sections.pa == 0)
		return multiboot_aout(in, start);
	status = mm_multiboot_sections(in, &sections, found);
	if (status != MM_OK)
		return status;
	return multiboot_table(in, (uint32_t)sections.pa,
			       (uint64_t)sections.count * sections.entry);
}

static enum mm_status multiboot_modules(const struct memmap_intake *in,
					const struct multiboot_start *start,
					struct multiboot_found *found)
{
	const uint32_t count = multiboot_field(start, MB_MODULES, 20);
	const uint32_t list = multiboot_field(start, MB_MODULES, 24);

	for (uint32_t i = 0; list && i < count; i++) {
		const uint8_t *p = mm_memmap_item(in, list, MB_MODULE_BYTES, i);

		if (!p)
			return MM_E_FAULT;
		uint32_t text = memmap_le32(p + 8);
		enum mm_status status =
			mm_multiboot_module(in, memmap_le32(p), memmap_le32(p + 4), found);
		if (status == MM_OK)
			status = mm_memmap_text(in, text);
		if (status != MM_OK)
			return status;
	}
	return multiboot_table(in, list, count * (uint64_t)MB_MODULE_BYTES);
}

/* Tables of firmware's that the loader made copies of. */
static enum mm_status multiboot_tables(const struct memmap_intake *in,
				       const struct multiboot_start *start)
{
	enum mm_status status = multiboot_table(in, multiboot_field(start, MB_DRIVES, 56),
						multiboot_field(start, MB_DRIVES, 52));

	if (status == MM_OK)
		status = multiboot_table(in, multiboot_field(start, MB_APM, 68), MB_APM_BYTES);
	if (status == MM_OK)
		status = multiboot_table(in, multiboot_field(start, MB_VBE, 72), MB_VBE_CONTROL);
	if (status == MM_OK)
		status = multiboot_table(in, multiboot_field(start, MB_VBE, 76), MB_VBE_MODE);
	return status;
}

static enum mm_status multiboot_screen(const struct memmap_intake *in,
				       const struct multiboot_start *start)
{
	enum mm_status status;

	if (!multiboot_has(start, MB_FRAMEBUFFER))
		return MM_OK;
	status = mm_multiboot_framebuffer(in, memmap_le64(start->raw + 88),
					  memmap_le32(start->raw + 96),
					  memmap_le32(start->raw + 104));
	if (status != MM_OK || start->raw[109] != MB_INDEXED)
		return status;
	unsigned colors = start->raw[114] | (unsigned)start->raw[115] << 8;
	return multiboot_table(in, memmap_le32(start->raw + 110), colors * MB_COLOR_BYTES);
}

/* All but memory and kernel. */
static enum mm_status multiboot_rest(const struct memmap_intake *in,
				     const struct multiboot_start *start,
				     struct multiboot_found *found)
{
	enum mm_status status = multiboot_modules(in, start, found);

	if (status == MM_OK)
		status = multiboot_tables(in, start);
	if (status == MM_OK)
		status = multiboot_screen(in, start);
	if (status == MM_OK)
		status = mm_memmap_text(in, multiboot_field(start, MB_NAME, 64));
	if (status == MM_OK)
		status = mm_memmap_text(in, multiboot_field(start, MB_CMDLINE, 16));
	return status;
}

enum mm_status mm_memmap_add_multiboot(struct mm_memmap *map, mm_phys_reader read, void *ctx,
				       mm_paddr_t info_pa, struct mm_boot_info *info)
{
	const struct memmap_intake in = { map, read, ctx, "Multiboot" };
	struct multiboot_found found = { 0 };
	struct multiboot_start start = { 0 };

	if (!map || !read)
		return MM_E_INVAL;
	enum mm_status status = multiboot_copy(&in, info_pa, &start);
	if (status == MM_OK)
		status = multiboot_memory(&in, &start, &found); /* R3 */
	if (status == MM_OK)
		status = multiboot_kernel(&in, &start, &found);
	if (status == MM_OK)
		status = multiboot_rest(&in, &start, &found);
	if (status == MM_OK)
		status = mm_memmap_loader(&in, info_pa, start.bytes);
	if (status != MM_OK || !info)
		return status;
	found.info.cmdline = multiboot_field(&start, MB_CMDLINE, 16);
	*info = found.info;
	return MM_OK;
}
#undef MB_INFO_BYTES
#undef MB_ENTRY_HEAD
#undef MB_ENTRY_BYTES
#undef MB_MODULE_BYTES
#undef MB_APM_BYTES
#undef MB_VBE_CONTROL
#undef MB_VBE_MODE
#undef MB_COLOR_BYTES
#undef MB_INDEXED
