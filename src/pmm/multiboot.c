/* SPDX-License-Identifier: MIT */
/* Theory of operation: what Multiboot 1 and 2 have in common
 * Problem      both versions name the same things in different structures: sizes of memory, modules,
 *              a framebuffer, section headers of an ELF kernel.
 * Structure    each thing has one function that puts it into the map. Section headers are copied from
 *              the kernel's file by the loader, which writes an address only into those of sections
 *              that the file does not load: symbols, strings, debug information. All others have the
 *              address they are linked for, physical or virtual.
 * Invariants   B1 a section is put into the map only if all of it is RAM by the map and below 4 GiB:
 *                 a virtual address claims nothing. Where the loader did not say what is RAM, the
 *                 second half has to do.
 *              B2 work is bounded: numbers of modules and sections are checked.
 * Concurrency  none: one CPU, before the scheduler. */
#include "checked.h"
#include "hook.h"
#include "pmm/multiboot.h"

#define MB_KIB          ((uint64_t)1024)
#define MB_UPPER        (MB_KIB * 1024) /* where upper memory begins */
#define MB_LOWER_KIB    640u            /* more lower memory than this there is not */
#define MB_MAX_MODULES  256
#define MB_MAX_SECTIONS 4096
#define MB_TOP          ((uint64_t)0xffffffff) /* loaders put nothing higher */

#define MB_SECTION_32    40 /* bytes of a section header: System V ABI, chapter 4, "Sections" */
#define MB_SECTION_64    64
#define MB_SECTION_NULL  0 /* a type: nothing else in the header means anything */
#define MB_SECTION_ALLOC 2 /* a flag: part of the running kernel */

/* A section header, decoded. */
struct multiboot_section {
	uint32_t type;
	uint32_t flags; /* the low half: all that is used */
	uint64_t base;
	uint64_t bytes;
};

enum mm_status mm_multiboot_sizes(const struct memmap_intake *in, uint32_t lower, uint32_t upper,
				  struct multiboot_found *found)
{
	enum mm_status status = MM_OK;

	if (lower > MB_LOWER_KIB)
		lower = MB_LOWER_KIB;
	if (lower > 0)
		status = mm_memmap_add(in->map, 0, lower * MB_KIB, MM_MEM_USABLE, NULL);
	if (status == MM_OK && upper > 0)
		status = mm_memmap_add(in->map, MB_UPPER, upper * MB_KIB, MM_MEM_USABLE, NULL);
	found->memory = found->memory || lower > 0 || upper > 0;
	return status;
}

enum mm_status mm_multiboot_module(const struct memmap_intake *in, uint32_t start, uint32_t end,
				   struct multiboot_found *found)
{
	uint32_t bytes = end > start ? end - start : 0;

	if (found->modules++ == MB_MAX_MODULES) /* B2 */
		return MM_E_2BIG;
	if (found->info.module_bytes == 0 && bytes > 0) {
		found->info.module = start;
		found->info.module_bytes = bytes;
	}
	if (MM_PLANTED(MM_PLANT_MULTIBOOT) && bytes > 0)
		bytes--;
	return mm_memmap_add(in->map, start, bytes, MM_MEM_INITRD, "Multiboot module");
}

enum mm_status mm_multiboot_framebuffer(const struct memmap_intake *in, uint64_t pa, uint32_t pitch,
					uint32_t height)
{
	const uint64_t bytes = (uint64_t)pitch * height; /* fits: two numbers of 32 bits */

	if (pa == 0 || bytes == 0)
		return MM_OK;
	return mm_memmap_add(in->map, pa, bytes, MM_MEM_RESERVED, "Multiboot framebuffer");
}

/* Is all of [base, last] RAM by the map? */
static bool multiboot_is_ram(const struct mm_memmap *map, uint64_t base, uint64_t last)
{
	for (uint32_t i = 0; i < map->count; i++) {
		const struct mm_mem *e = &map->entries[i];

		if (e->last < base)
			continue;
		if (e->base > base || e->type > MM_MEM_EARLY)
			return false;
		if (e->last >= last)
			return true;
		base = (uint64_t)e->last + 1;
	}
	return false;
}

/* Section header number i. */
static enum mm_status multiboot_header(const struct memmap_intake *in,
				       const struct multiboot_sections *sections, uint32_t i,
				       struct multiboot_section *s)
{
	const uint8_t *p = mm_memmap_item(in, sections->pa, sections->entry, i);

	if (!p)
		return MM_E_FAULT;
	s->type = memmap_le32(p + 4);
	s->flags = memmap_le32(p + 8);
	if (sections->entry == MB_SECTION_32) {
		s->base = memmap_le32(p + 12);
		s->bytes = memmap_le32(p + 20);
	} else {
		s->base = memmap_le64(p + 16);
		s->bytes = memmap_le64(p + 32);
	}
	return MM_OK;
}

static enum mm_status multiboot_section(const struct memmap_intake *in,
					const struct multiboot_section *s, bool memory_known)
{
	uint64_t last;

	if (s->type == MB_SECTION_NULL || s->base == 0)
		return MM_OK;
	if (!mm_range_last(s->base, s->bytes, &last) || last > MB_TOP) /* B1 */
		return MM_OK;
	if (memory_known && !multiboot_is_ram(in->map, s->base, last))
		return MM_OK;
	if (s->flags & MB_SECTION_ALLOC)
		return mm_memmap_add(in->map, s->base, s->bytes, MM_MEM_KERNEL, "Multiboot kernel");
	return mm_memmap_loader(in, s->base, s->bytes);
}

enum mm_status mm_multiboot_sections(const struct memmap_intake *in,
				     const struct multiboot_sections *sections,
				     const struct multiboot_found *found)
{
	struct multiboot_section s;

	if (sections->count == 0)
		return MM_OK;
	if (sections->entry != MB_SECTION_32 && sections->entry != MB_SECTION_64)
		return MM_E_INVAL;
	if (sections->count > MB_MAX_SECTIONS) /* B2 */
		return MM_E_2BIG;
	for (uint32_t i = 0; i < sections->count; i++) {
		enum mm_status status = multiboot_header(in, sections, i, &s);

		if (status == MM_OK)
			status = multiboot_section(in, &s, found->memory);
		if (status != MM_OK)
			return status;
	}
	return MM_OK;
}
#undef MB_KIB
#undef MB_UPPER
#undef MB_LOWER_KIB
#undef MB_MAX_MODULES
#undef MB_MAX_SECTIONS
#undef MB_TOP
#undef MB_SECTION_32
#undef MB_SECTION_64
#undef MB_SECTION_NULL
#undef MB_SECTION_ALLOC
