/* SPDX-License-Identifier: MIT */
/* How a kernel takes mmlib into use: the part to copy.
 *
 * Theory of operation
 * Problem      at boot there is a list of memory from firmware, and tables from the boot code.
 * Structure    1. memory_map_init()     firmware's list becomes a boot memory map; what is in use
 *                                       already is taken out of it.
 *              2. memory_frames_init()  the page-frame allocator takes over all RAM that the boot
 *                                       tables reach.
 *              3. memory_tables_init()  the kernel's own page tables, from frames of step 2: RAM
 *                                       in a direct map, the image with the rights each part needs.
 *              4. memory_add_high()     RAM that only the new tables reach.
 * Invariant    a pointer from direct_map() is the same before and after step 3, so mmlib's pointers
 *              to its metadata stay valid.
 * Why not map the holes?  they may be devices: a cached mapping of a device is a bug that waits. */
#include "console.h"
#include "kernel.h"

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)

struct kernel kernel;
static struct mm_mem map_entries[128];

static void *port_to_virt(void *ctx, mm_paddr_t pa)
{
	(void)ctx;
	return direct_map(pa);
}

static void port_panic(void *ctx, const char *file, int line)
{
	(void)ctx;
	kprintf("\nmmlib panic: %s:%d\n", file, line);
	machine_exit(false);
}

/* One CPU, no interrupts: two callbacks are all that mmlib needs. */
static const struct mm_port port = {
	.version = MM_PORT_VERSION,
	.size = sizeof(struct mm_port),
	.to_virt = port_to_virt,
	.panic = port_panic,
};

static enum mm_status table_alloc(void *ctx, size_t bytes, mm_paddr_t *pa)
{
	(void)ctx;
	if (bytes != MM_FRAME_SIZE)
		return MM_E_NOTSUP;
	return mm_page_alloc(&kernel.pmm, 0, MM_ALLOC_TABLE, pa);
}

static void table_free(void *ctx, mm_paddr_t pa, size_t bytes)
{
	(void)ctx;
	(void)bytes;
	if (mm_page_free_table(&kernel.pmm, pa) != MM_OK)
		port_panic(NULL, __FILE__, __LINE__);
}

static void table_flush(void *ctx, const struct mm_tlb_gather *g)
{
	(void)ctx;
	machine_tlb_flush(g);
}

static const struct mm_pt_env table_env = {
	.alloc_table = table_alloc,
	.free_table = table_free,
	.to_virt = port_to_virt,
	.flush = table_flush,
};

enum mm_status memory_map_init(uintptr_t boot_info)
{
	enum mm_status st;

	st = mm_memmap_init(&kernel.map, map_entries, sizeof(map_entries) / sizeof(*map_entries));
	if (st != MM_OK)
		return st;
	st = machine_memmap(boot_info, &kernel.map, kernel.cmdline, sizeof(kernel.cmdline));
	if (st != MM_OK)
		return st;
	return mm_memmap_take(&kernel.map, image_pa(image_start),
			      (mm_paddr_t)(image_end - image_start), MM_MEM_KERNEL, "kernel image");
}

enum mm_status memory_frames_init(void)
{
	static const struct mm_zone_cfg zones[] = { MACHINE_ZONES };
	const struct mm_pmm_cfg cfg = {
		.zones = zones,
		.nzones = sizeof(zones) / sizeof(*zones),
		.spare_ranges = 8,
		.low = MIB,
		.reach = MACHINE_REACH,
	};

	return mm_pmm_init(&kernel.pmm, &port, &kernel.map, &cfg);
}

/* A part of the image with rights of its own. */
struct section {
	const char *start, *end;
	uint32_t attr;
};

static const struct section sections[] = {
	{ image_text, image_text_end, MM_PT_READ | MM_PT_EXEC | MM_PT_GLOBAL },
	{ image_rodata, image_rodata_end, MM_PT_READ | MM_PT_GLOBAL },
	/* up to the guard page, and on from behind it */
	{ image_data, image_guard, MM_PT_READ | MM_PT_WRITE | MM_PT_GLOBAL },
	{ image_stack, image_end, MM_PT_READ | MM_PT_WRITE | MM_PT_GLOBAL },
};

static enum mm_status map_image(struct mm_tlb_gather *g)
{
	enum mm_status st = MM_OK;

	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections) && st == MM_OK; i++) {
		const struct section *s = &sections[i];

		st = MACHINE_PT(map)(&kernel.pt, (uintptr_t)s->start, image_pa(s->start),
				     (uint64_t)(s->end - s->start), s->attr, 0, g);
	}
	return st;
}

/* RAM that the kernel reads or writes through the direct map. The image is not: its text would get
 * a second, writable mapping. */
static bool in_direct_map(enum mm_mem_type type)
{
	return type == MM_MEM_USABLE || type == MM_MEM_LOADER || type == MM_MEM_ACPI_RECLAIM ||
	       type == MM_MEM_INITRD || type == MM_MEM_META || type == MM_MEM_EARLY;
}

static enum mm_status map_piece(mm_paddr_t base, mm_paddr_t last, struct mm_tlb_gather *g)
{
	return MACHINE_PT(map)(&kernel.pt, MACHINE_DIRECT_MAP + base, base, last - base + 1,
			       MM_PT_READ | MM_PT_WRITE | MM_PT_GLOBAL, 0, g);
}

/* Pieces that touch are mapped as one, so that large pages may span them. */
static enum mm_status map_ram(struct mm_tlb_gather *g)
{
	enum mm_status st = MM_OK;
	struct mm_mem next, run = { 0 };
	bool open = false;
	uint32_t it = 0;

	while (st == MM_OK && mm_memmap_next(&kernel.map, &it, &next)) {
		if (!in_direct_map(next.type))
			continue;
		if (open && next.base == run.last + 1) {
			run.last = next.last;
			continue;
		}
		if (open)
			st = map_piece(run.base, run.last, g);
		run = next;
		open = true;
	}
	return st == MM_OK && open ? map_piece(run.base, run.last, g) : st;
}

enum mm_status memory_tables_init(void)
{
	struct mm_tlb_gather g = { 0 };
	struct mm_pt_cfg cfg = { 0 };
	enum mm_status st;

	machine_pt_probe(&cfg);
	st = mm_pt_init(&kernel.pt, machine_pt_port(), &table_env, &cfg);
	if (st == MM_OK)
		st = map_ram(&g);
	if (st == MM_OK)
		st = map_image(&g);
	if (st != MM_OK)
		return st;
	mm_pt_sync(&kernel.pt, &g);
	machine_switch_tables(kernel.pt.root);
	return MM_OK;
}

enum mm_status memory_add_high(void)
{
	enum mm_status st = MM_OK;
	struct mm_mem piece;
	uint32_t it = 0;

	while (st == MM_OK && mm_memmap_next(&kernel.map, &it, &piece)) {
		if (piece.type != MM_MEM_USABLE || piece.last <= MACHINE_REACH)
			continue;
		if (piece.base <= MACHINE_REACH)
			piece.base = (mm_paddr_t)MACHINE_REACH + 1;
		st = mm_pmm_add_range(&kernel.pmm, piece.base, piece.last - piece.base + 1);
		if (st ==
		    MM_E_NOMEM) /* a piece too small to hold its own metadata: do without it */
			st = MM_OK;
	}
	return st;
}
