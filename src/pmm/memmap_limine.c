/* SPDX-License-Identifier: MIT */
/* Theory of operation: Limine intake
 * Problem      the loader answers each request with a structure of its own, at a virtual address, and
 *              lists are arrays of pointers to structures. Each number may be wrong or hostile. One
 *              type of memory stands for the kernel, which must stay, and for modules.
 * Structure    fixed layouts of the Limine Boot Protocol, little-endian. The kernel's image wins over
 *              modules by type, so once its place is known all else of that type is a module.
 *              What is reserved goes into the map before what the loader calls usable, so a map that
 *              became full calls nothing usable that is not.
 * Invariants   L1 no byte is read that the reader was not asked for first, and what it granted is
 *                 not looked at after the next request.
 *              L2 work is bounded: numbers of entries and modules and lengths of texts are checked.
 *              L3 until the kernel's image is in the map, all that may be it is of a type that
 *                 nobody gives back.
 * Concurrency  none: one CPU, before the scheduler. */
#include <mmlib/limine.h>
#include "checked.h"
#include "hook.h"
#include "pmm/memmap_intake.h"

#define LIMINE_LIST_BYTES  24 /* a response: revision, count, pointer to pointers */
#define LIMINE_VALUE_BYTES 16 /* a response: revision, one value */
#define LIMINE_ENTRY_BYTES 24 /* base, length, type */
#define LIMINE_FILE_BYTES  40 /* of struct limine_file: revision, address, size, path, string */
#define LIMINE_MAX_MODULES 64
#define LIMINE_EXECUTABLE  6    /* executable and modules */
#define LIMINE_LAST_TYPE   8

/* Where the intake reads from and writes to. */
struct limine_intake {
	struct mm_memmap *map;
	mm_virt_reader read;
	void *ctx;
	uint64_t hhdm;                /* virtual minus physical address in the direct map */
	enum mm_mem_type executables; /* what entries of "executable and modules" are */
};

/* A response that lists things. */
struct limine_list {
	uint64_t count;
	uint64_t pointers;
};

static const uint8_t *limine_at(const struct limine_intake *in, uint64_t va, size_t bytes)
{
	uint64_t last;

	return mm_range_last(va, bytes, &last) ? in->read(in->ctx, va, bytes) : NULL; /* L1 */
}

/* *out = the value in a response of one value, 0 if there is no response. */
static enum mm_status limine_value(const struct limine_intake *in, uint64_t va, uint64_t *out)
{
	*out = 0;
	if (va == 0)
		return MM_OK;
	const uint8_t *p = limine_at(in, va, LIMINE_VALUE_BYTES);

	if (!p)
		return MM_E_FAULT;
	*out = memmap_le64(p + 8);
	return MM_OK;
}

static enum mm_status limine_list(const struct limine_intake *in, uint64_t va, uint32_t most,
				  struct limine_list *list)
{
	*list = (struct limine_list){ 0 };
	if (va == 0)
		return MM_OK;
	const uint8_t *p = limine_at(in, va, LIMINE_LIST_BYTES);

	if (!p)
		return MM_E_FAULT;
	list->count = memmap_le64(p + 8);
	list->pointers = memmap_le64(p + 16);
	return list->count > most ? MM_E_2BIG : MM_OK; /* L2 */
}

/* What pointer number `index` of a list points to, or NULL. */
static const uint8_t *limine_item(const struct limine_intake *in, const struct limine_list *list,
				  uint64_t index, size_t bytes)
{
	uint64_t va;
	const uint8_t *p;

	if (!mm_add(list->pointers, index * 8, &va))
		return NULL;
	p = limine_at(in, va, 8);
	return p ? limine_at(in, memmap_le64(p), bytes) : NULL;
}

/* *pa = a number, if it can be a physical address. */
static enum mm_status limine_narrow(uint64_t number, mm_paddr_t *pa)
{
	if ((mm_paddr_t)number != number)
		return MM_E_FAULT;
	*pa = (mm_paddr_t)number;
	return MM_OK;
}

/* *pa = physical address of something in the direct map. */
static enum mm_status limine_pa(const struct limine_intake *in, uint64_t va, mm_paddr_t *pa)
{
	return va < in->hhdm ? MM_E_FAULT : limine_narrow(va - in->hhdm, pa);
}

static enum mm_mem_type limine_type(const struct limine_intake *in, uint64_t number)
{
	/* in 32 bits: some compilers call a library for the comparisons of a wider one */
	switch (number > UINT32_MAX ? UINT32_MAX : (uint32_t)number) {
	case 0:
		return MM_MEM_USABLE;
	case 2:
		return MM_MEM_ACPI_RECLAIM;
	case 3:
		return MM_MEM_ACPI_NVS;
	case 4:
		return MM_MEM_BAD;
	case 5:
		return MM_MEM_LOADER;
	case LIMINE_EXECUTABLE:
		return in->executables;
	default:
		return MM_MEM_RESERVED;
	}
}

/* Entries that are usable, or those that are not. */
static enum mm_status limine_entries(const struct limine_intake *in, const struct limine_list *list,
				     bool usable)
{
	for (uint64_t i = 0; i < list->count; i++) {
		const uint8_t *p = limine_item(in, list, i, LIMINE_ENTRY_BYTES);

		if (!p)
			return MM_E_FAULT;
		const uint64_t number = memmap_le64(p + 16);
		const enum mm_mem_type type = limine_type(in, number);
		if ((type == MM_MEM_USABLE) != usable)
			continue;
		enum mm_status status =
			mm_memmap_add(in->map, memmap_le64(p), memmap_le64(p + 8), type, NULL);
		if (status != MM_OK)
			return status;
		in->map->dropped.unknown += number > LIMINE_LAST_TYPE;
	}
	return MM_OK;
}

/* The kernel's image. From here on what is not in it is a module (L3). */
static enum mm_status limine_executable(struct limine_intake *in, const struct mm_limine *limine)
{
	uint64_t base;

	if (MM_PLANTED(MM_PLANT_LIMINE))
		in->executables = MM_MEM_INITRD;
	if (limine->executable_address == 0)
		return MM_OK;
	if (limine->executable_bytes == 0)
		return MM_E_INVAL;
	enum mm_status status = limine_value(in, limine->executable_address, &base);
	if (status != MM_OK)
		return status;
	in->executables = MM_MEM_INITRD; /* L3 */
	return mm_memmap_add(in->map, base, limine->executable_bytes, MM_MEM_KERNEL,
			     "Limine executable");
}

/* All modules. The first one goes into info. */
static enum mm_status limine_modules(const struct limine_intake *in, const struct limine_list *list,
				     struct mm_boot_info *info)
{
	for (uint64_t i = 0; i < list->count; i++) {
		const uint8_t *p = limine_item(in, list, i, LIMINE_FILE_BYTES);
		mm_paddr_t pa;

		if (!p)
			return MM_E_FAULT;
		const uint64_t bytes = memmap_le64(p + 16);
		enum mm_status status = limine_pa(in, memmap_le64(p + 8), &pa);
		if (status == MM_OK)
			status = mm_memmap_add(in->map, pa, bytes, MM_MEM_INITRD, "Limine module");
		if (status != MM_OK)
			return status;
		if (i > 0)
			continue;
		info->module = pa;
		info->module_bytes = bytes;
	}
	return MM_OK;
}

/* The command line: the text that goes with the kernel's file. */
static enum mm_status limine_cmdline(const struct limine_intake *in, uint64_t response,
				     struct mm_boot_info *info)
{
	uint64_t file, text, va;
	enum mm_status status = limine_value(in, response, &file);

	if (response == 0 || status != MM_OK)
		return status;
	const uint8_t *p = limine_at(in, file, LIMINE_FILE_BYTES);

	if (!p)
		return MM_E_FAULT;
	text = memmap_le64(p + 32);
	if (text == 0)
		return MM_OK;
	for (uint32_t n = 0; n < MEMMAP_MAX_TEXT; n++) { /* L2 */
		p = mm_add(text, n, &va) ? limine_at(in, va, 1) : NULL;
		if (!p)
			return MM_E_FAULT;
		if (*p == 0)
			return limine_pa(in, text, &info->cmdline);
	}
	return MM_E_2BIG;
}

/* The RSDP: virtual, but physical in base revision 3, which no address of the direct map is. */
static enum mm_status limine_rsdp(const struct limine_intake *in, uint64_t response,
				  struct mm_boot_info *info)
{
	uint64_t address;
	enum mm_status status = limine_value(in, response, &address);

	if (status != MM_OK || address == 0)
		return status;
	if (address >= in->hhdm)
		address -= in->hhdm;
	return limine_narrow(address, &info->rsdp);
}

/* Everything but the memory map itself. */
static enum mm_status limine_rest(struct limine_intake *in, const struct mm_limine *limine,
				  struct mm_boot_info *info)
{
	struct limine_list modules;
	enum mm_status status = limine_value(in, limine->hhdm, &in->hhdm);

	if (status == MM_OK)
		status = limine_list(in, limine->modules, LIMINE_MAX_MODULES, &modules);
	if (status == MM_OK)
		status = limine_cmdline(in, limine->executable_file, info);
	if (status == MM_OK)
		status = limine_rsdp(in, limine->rsdp, info);
	if (status == MM_OK)
		status = limine_executable(in, limine);
	if (status == MM_OK)
		status = limine_modules(in, &modules, info);
	return status;
}

enum mm_status mm_memmap_add_limine(struct mm_memmap *map, mm_virt_reader read, void *ctx,
				    const struct mm_limine *limine, struct mm_boot_info *info)
{
	struct limine_intake in = { map, read, ctx, 0, MM_MEM_KERNEL }; /* L3 */
	struct mm_boot_info found = { 0 };
	struct limine_list entries;

	if (!map || !read || !limine || limine->memmap == 0)
		return MM_E_INVAL;
	if (limine->hhdm == 0 && (limine->executable_file || limine->modules || limine->rsdp))
		return MM_E_INVAL;
	enum mm_status status = limine_list(&in, limine->memmap, MEMMAP_MAX_ENTRIES, &entries);
	if (status == MM_OK && entries.count == 0)
		status = MM_E_INVAL;
	if (status == MM_OK)
		status = limine_rest(&in, limine, &found);
	if (status == MM_OK)
		status = limine_entries(&in, &entries, false);
	if (status == MM_OK)
		status = limine_entries(&in, &entries, true);
	if (status == MM_OK && info)
		*info = found;
	return status;
}
#undef LIMINE_LIST_BYTES
#undef LIMINE_VALUE_BYTES
#undef LIMINE_ENTRY_BYTES
#undef LIMINE_FILE_BYTES
#undef LIMINE_MAX_MODULES
#undef LIMINE_EXECUTABLE
#undef LIMINE_LAST_TYPE
