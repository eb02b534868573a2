/* SPDX-License-Identifier: MIT */
/* The first page tables, made by mmlib before the MMU is on, and what becomes of that tree.
 *
 * Theory of operation
 * Problem      boot code wants tables when addresses are physical, and the kernel is linked for others.
 * Structure    machine_first_tables() runs MACHINE_IMAGE_OFFSET below where it is linked. Calls and data of the
 *              image are relative to the code there (adrp), so that all of it works; but for pointers that are
 *              constants: those of the format and of the env, which are copied and moved down. So it is mm_pt_map()
 *              here, which asks the format that the tree has. The tree is the boot tables of every CPU. Once on
 *              them, and before the kernel's own tree is there, machine_moved() tells mmlib of the new addresses,
 *              and goes on with it.
 * Invariants   B1 memory is of Device type until the MMU is on: no exclusives, and accesses are aligned
 *                 (-mstrict-align). One CPU runs, so the walker needs neither. An emulator looks at alignment
 *                 alone, and where SCTLR_EL1.A says so: boot.S sets that, for all that follows on this CPU.
 *              B2 caches are off: what is written here is in memory, and a line of it that something had fetched
 *                 before is not to be used when they are on.
 *              B3 entries are not global, those of the kernel's own tree are: no TLB ever holds two that match. */
#include <mmlib/pt_tree.h>
#include "../console.h"
#include "../kernel.h"
#include "../probe.h"
#include "cpu.h"

enum { TABLES = 8, GIB_SHIFT = 30, RAM_GIBS = 3 };
#define GIB ((uint64_t)1 << GIB_SHIFT)

static struct first {
	struct mm_pt pt;
	struct mm_pt_port port; /* as it is below */
	struct mm_pt_env env;
	unsigned used;
	char tables[TABLES][4096] __attribute__((aligned(4096)));
} first;

static enum mm_status first_alloc(void *ctx, size_t bytes, mm_paddr_t *pa)
{
	struct first *f = ctx;

	if (f->used == TABLES || bytes != sizeof(f->tables[0]))
		return MM_E_NOMEM;
	*pa = (uintptr_t)f->tables[f->used++];
	return MM_OK;
}

static void first_free(void *ctx, mm_paddr_t pa, size_t bytes)
{
	(void)ctx;
	(void)pa;
	(void)bytes;
}

static void *first_table_at(TABLE_AT_ARGS)
{
	TABLE_AT_UNUSED;
	return (void *)(uintptr_t)pa;
}

/* Nobody walks yet. */
static void first_flush(void *ctx, const struct mm_tlb_gather *g)
{
	(void)ctx;
	(void)g;
}

static const struct mm_pt_env first_env = {
	.alloc_table = first_alloc, .free_table = first_free, .TABLE_AT = first_table_at, .flush = first_flush,
};

/* Pointers into the image, as it is linked, are moved to where it is. No number in there looks like one. */
static void move_down(void *at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += sizeof(uintptr_t)) {
		uintptr_t word;

		__builtin_memcpy(&word, (char *)at + i, sizeof(word));
		word -= MACHINE_IMAGE_OFFSET;
		if (word - (uintptr_t)image_start < (uintptr_t)(image_end - image_start))
			__builtin_memcpy((char *)at + i, &word, sizeof(word));
	}
}

/* A part of the image, which is at @start now. */
static enum mm_status map_part(const char *start, const char *end, uint32_t attr, struct mm_tlb_gather *g)
{
	return mm_pt_map(&first.pt, (uintptr_t)start + MACHINE_IMAGE_OFFSET, (uintptr_t)start,
				      (uint64_t)(end - start), attr, 0, g);
}

static enum mm_status map_first(struct mm_tlb_gather *g)
{
	const uint32_t data = MM_PT_READ | MM_PT_WRITE;
	enum mm_status st = mm_pt_map(&first.pt, MACHINE_DIRECT_MAP, 0, GIB, data | MM_PT_DEVICE, 0, g);

	if (st == MM_OK)
		st = mm_pt_map(&first.pt, MACHINE_DIRECT_MAP + GIB, GIB, RAM_GIBS * GIB, data, 0, g);
	if (st == MM_OK)
		st = map_part(image_text, image_text_end, MM_PT_READ | MM_PT_EXEC, g);
	if (st == MM_OK)
		st = map_part(image_rodata, image_rodata_end, MM_PT_READ, g);
	if (st == MM_OK)
		st = map_part(image_data, image_guard, data, g);
	return st == MM_OK ? map_part(image_stack, image_end, data, g) : st;
}

/* B2 */
static void forget_lines(const void *at, size_t bytes)
{
	const size_t line = (size_t)4 << (cpu_read(ctr_el0) >> 16 & 15);

	for (uintptr_t a = (uintptr_t)at & ~(uintptr_t)(line - 1); a < (uintptr_t)at + bytes; a += line)
		__asm__ volatile("dc ivac, %0" : : "r"(a) : "memory");
	__asm__ volatile("dsb sy" : : : "memory");
}

/* For boot.S, MMU off: the root, or 0. */
mm_paddr_t machine_first_tables(void);
mm_paddr_t machine_first_tables(void)
{
	struct mm_tlb_gather g = { 0 };
	struct mm_pt_cfg cfg;

	first.port = *mm_pt_aarch64_high_port();
	first.env = first_env;
	move_down(&first.port, sizeof(first.port));
	move_down(&first.env, sizeof(first.env));
	first.env.ctx = &first;
	mm_pt_aarch64_probe(&cfg);
	if (mm_pt_init(&first.pt, &first.port, &first.env, &cfg) != MM_OK || map_first(&g) != MM_OK)
		return 0;
	mm_pt_sync(&first.pt, &g);
	forget_lines(&first, sizeof(first));
	return first.pt.root;
}

/* Tables of the image are where that is, others in the direct map. */
static void *moved_table_at(TABLE_AT_ARGS)
{
	TABLE_AT_UNUSED;
	if (pa - image_pa(image_start) < (mm_paddr_t)(image_end - image_start))
		return (void *)(uintptr_t)(pa + MACHINE_IMAGE_OFFSET);
	return direct_map(pa);
}

/* One address, and a frame that it leads to. */
static void check_moved(struct mm_pt *pt, mm_paddr_t pa)
{
	volatile uint64_t *at = (volatile uint64_t *)MACHINE_SCRATCH;
	struct mm_tlb_gather g = { 0 };

	*(volatile uint64_t *)direct_map(pa) = 1;
	check_status(mm_pt_aarch64_high_map(pt, MACHINE_SCRATCH, pa, MM_FRAME_SIZE, MM_PT_READ | MM_PT_WRITE, 0, &g),
		     MM_OK, "and a frame is mapped in it");
	mm_pt_sync(pt, &g);
	check(*at == 1, "which is there");
	check_status(mm_pt_aarch64_high_protect(pt, MACHINE_SCRATCH, MM_FRAME_SIZE, MM_PT_READ, MM_PT_EXACT, &g), MM_OK,
		     "made read-only");
	mm_pt_sync(pt, &g);
	check(probe(ACCESS_WRITE, (const void *)MACHINE_SCRATCH).taken && *at == 1, "so that it can be read alone");
	check_status(mm_pt_aarch64_high_unmap(pt, MACHINE_SCRATCH, MM_FRAME_SIZE, MM_PT_EXACT, &g), MM_OK,
		     "and unmapped");
	mm_pt_sync(pt, &g);
	check(probe(ACCESS_READ, (const void *)MACHINE_SCRATCH).taken, "so that it is gone");
	check_status(mm_pt_verify(pt, NULL), MM_OK, "that tree is whole");
}

/* Without the low half, where addresses of before would still be something. */
static void low_half(bool on)
{
	const uint64_t off = 0x80, tcr = cpu_read(tcr_el1); /* EPD0 */

	__asm__ volatile("msr tcr_el1, %0; isb; tlbi vmalle1; dsb nsh; isb" : : "r"(on ? tcr & ~off : tcr | off)
			 : "memory");
}

void machine_moved(void)
{
	static struct mm_pt_env env;
	const mm_pfn_t used = frames_used();
	mm_paddr_t pa;

	env = memory_table_env;
	env.TABLE_AT = moved_table_at;
	if (!check(cpu_read(ttbr1_el1) == first.pt.root && mm_page_alloc(&kernel.pmm, 0, 0, &pa) == MM_OK,
		   "the CPU runs on tables that mmlib made before the MMU was on"))
		return;
	if (kernel_has_word("unaligned"))
		(void)*(volatile uint64_t *)((uintptr_t)direct_map(pa) + 1);
	low_half(false);
	if (!kernel_has_word("unmoved"))
		check_status(mm_pt_moved(&first.pt, mm_pt_aarch64_high_port(), &env), MM_OK,
			     "mmlib is told where they are now");
	check_moved(&first.pt, pa);
	low_half(true);
	check(mm_page_free(&kernel.pmm, pa, 0) == MM_OK && frames_used() == used, "what it took is given back");
}
