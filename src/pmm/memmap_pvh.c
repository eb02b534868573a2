/* SPDX-License-Identifier: MIT */
/* Theory of operation: PVH start info intake
 * Problem      a hypervisor or loader leaves a structure that points to tables, lists and texts in
 *              physical memory. Each number in it may be wrong or hostile.
 * Structure    fixed layouts of the Xen public header hvm/start_info.h, little-endian. An address of
 *              0 means "not there". Types of memory are those of e820.
 * Invariants   P1 everything is read through memmap_intake.h, which asks first.
 *              P2 work is bounded: numbers of entries and modules and lengths of texts are checked.
 * Concurrency  none: one CPU, before the scheduler. */
#include "pmm/memmap_intake.h"

#define PVH_MAGIC        0x336ec578u
#define PVH_START_BYTES  56 /* version 1 */
#define PVH_ENTRY_BYTES  24
#define PVH_MODULE_BYTES 32
#define PVH_MAX_MODULES  64

/* The start info, decoded. */
struct pvh_start {
	uint32_t modules;
	uint64_t module_list;
	uint64_t cmdline;
	uint64_t rsdp;
	uint64_t table;
	uint32_t entries;
};

static enum mm_status pvh_decode(const struct memmap_intake *in, mm_paddr_t pa,
				 struct pvh_start *start)
{
	const uint8_t *p = mm_memmap_item(in, pa, 8, 0);

	if (!p)
		return MM_E_FAULT;
	if (memmap_le32(p) != PVH_MAGIC || memmap_le32(p + 4) == 0)
		return MM_E_INVAL;
	p = mm_memmap_item(in, pa, PVH_START_BYTES, 0);
	if (!p)
		return MM_E_FAULT;
	start->module_list = memmap_le64(p + 16);
	start->modules = start->module_list ? memmap_le32(p + 12) : 0;
	start->cmdline = memmap_le64(p + 24);
	start->rsdp = memmap_le64(p + 32);
	start->table = memmap_le64(p + 40);
	start->entries = start->table ? memmap_le32(p + 48) : 0;
	if (start->entries == 0)
		return MM_E_INVAL;
	if (start->entries > MEMMAP_MAX_ENTRIES || start->modules > PVH_MAX_MODULES) /* P2 */
		return MM_E_2BIG;
	return (mm_paddr_t)start->rsdp == start->rsdp ? MM_OK : MM_E_FAULT;
}

static enum mm_status pvh_memory(const struct memmap_intake *in, const struct pvh_start *start)
{
	for (uint32_t i = 0; i < start->entries; i++) {
		const uint8_t *p = mm_memmap_item(in, start->table, PVH_ENTRY_BYTES, i);
		enum mm_status status = p ? mm_memmap_add_raw(in->map, p) : MM_E_FAULT;

		if (status != MM_OK)
			return status;
	}
	return mm_memmap_loader(in, start->table, start->entries * (uint64_t)PVH_ENTRY_BYTES);
}

/* One module and its command line. The first one goes into info. */
static enum mm_status pvh_module(const struct memmap_intake *in, const uint8_t *p,
				 struct mm_boot_info *info)
{
	uint64_t pa = memmap_le64(p), bytes = memmap_le64(p + 8), text = memmap_le64(p + 16);

	if (pa == 0)
		return MM_OK;
	if ((mm_paddr_t)pa != pa)
		return MM_E_FAULT;
	if (info->module == 0) {
		info->module = (mm_paddr_t)pa;
		info->module_bytes = bytes;
	}
	enum mm_status status = mm_memmap_add(in->map, pa, bytes, MM_MEM_INITRD, "PVH module");
	return status == MM_OK ? mm_memmap_text(in, text) : status;
}

static enum mm_status pvh_modules(const struct memmap_intake *in, const struct pvh_start *start,
				  struct mm_boot_info *info)
{
	for (uint32_t i = 0; i < start->modules; i++) {
		const uint8_t *p = mm_memmap_item(in, start->module_list, PVH_MODULE_BYTES, i);
		enum mm_status status = p ? pvh_module(in, p, info) : MM_E_FAULT;

		if (status != MM_OK)
			return status;
	}
	if (start->modules == 0)
		return MM_OK;
	return mm_memmap_loader(in, start->module_list,
				start->modules * (uint64_t)PVH_MODULE_BYTES);
}

enum mm_status mm_memmap_add_pvh(struct mm_memmap *map, mm_phys_reader read, void *ctx,
				 mm_paddr_t start_info, struct mm_boot_info *info)
{
	struct memmap_intake in = { map, read, ctx, "PVH" };
	struct mm_boot_info found = { 0 };
	struct pvh_start start;

	if (!map || !read)
		return MM_E_INVAL;
	enum mm_status status = pvh_decode(&in, start_info, &start);
	if (status == MM_OK)
		status = pvh_memory(&in, &start);
	if (status == MM_OK)
		status = mm_memmap_loader(&in, start_info, PVH_START_BYTES);
	if (status == MM_OK)
		status = pvh_modules(&in, &start, &found);
	if (status == MM_OK)
		status = mm_memmap_text(&in, start.cmdline);
	if (status != MM_OK || !info)
		return status;
	found.cmdline = (mm_paddr_t)start.cmdline; /* read, so it fits */
	found.rsdp = (mm_paddr_t)start.rsdp;
	*info = found;
	return MM_OK;
}
#undef PVH_MAGIC
#undef PVH_START_BYTES
#undef PVH_ENTRY_BYTES
#undef PVH_MODULE_BYTES
#undef PVH_MAX_MODULES
