/* SPDX-License-Identifier: MIT */
/* Promises of the page tables, asked of the MMU.
 *
 * Theory of operation
 * Problem      Linux's page tables are Linux's. To have the MMU walk ours, a CPU must run on them,
 *              and must still reach the kernel.
 * Structure    a top-level table of our own joins both: its upper half is copied from the tables the
 *              CPU runs on, its lower half, where the process would be, is our tree. With five levels
 *              the tree hangs below the first entry. For the length of one access the CPU runs on it.
 * Invariant    interrupts are off meanwhile, nothing in the lower half but the tree is touched, and
 *              an access that faults ends in its fixup. */
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "example.h"
#include "port.h"
#include "tap.h"
#include "vmem.h"

#define TOP_ENTRIES 512
#define WINDOW      0x10001f0000ull /* its pages lie in three tables */
#define PAGES       1000
#define LARGE       0x2000000000ull
#define LARGE_ORDER 9
#define LARGE_BYTES (MM_FRAME_SIZE << LARGE_ORDER)

static struct mm_pt pt;
static u64 *top;

static void top_join(void)
{
	const u64 *linux_top = __va(__read_cr3() & CR3_ADDR_MASK), *ours = LINUX_TO_VIRT(pt.root);
	const size_t half = TOP_ENTRIES / 2 * sizeof(*top);

	memcpy(top + TOP_ENTRIES / 2, linux_top + TOP_ENTRIES / 2, half);
	if (native_read_cr4() & X86_CR4_LA57)
		top[0] = pt.root | _KERNPG_TABLE_NOENC;
	else
		memcpy(top, ours, half);
}

/* One access through our tables. False: it faulted. */
static bool mmu_access(mm_vaddr_t va, u64 *value, bool write)
{
	unsigned long flags, cr3;
	bool ok = false;

	local_irq_save(flags);
	pagefault_disable();
	top_join();
	cr3 = __read_cr3();
	native_write_cr3(__pa(top));
	stac();
	if (write)
		__put_kernel_nofault((u64 *)va, value, u64, fault);
	else
		__get_kernel_nofault(value, (u64 *)va, u64, fault);
	ok = true;
fault:
	clac();
	native_write_cr3(cr3);
	pagefault_enable();
	local_irq_restore(flags);
	return ok;
}

static bool mmu_shows(mm_vaddr_t va, u64 want)
{
	u64 value = ~want;

	return mmu_access(va, &value, false) && value == want;
}

static bool mmu_faults(mm_vaddr_t va, bool write)
{
	u64 value = 0;

	return !mmu_access(va, &value, write);
}

static void pages_stamp(const struct vmem *v)
{
	for (size_t i = 0; i < v->n; i++)
		*(u64 *)LINUX_TO_VIRT(v->pages[i]) = v->pages[i];
}

static bool pages_shown(const struct vmem *v)
{
	bool ok = true;

	for (size_t i = 0; i < v->n; i++)
		ok = ok && mmu_shows(v->va + i * MM_FRAME_SIZE, v->pages[i]);
	return ok;
}

static void check_protect(const struct vmem *v)
{
	struct mm_tlb_gather g = { 0 };
	enum mm_status st = mm_pt_x86_64_protect(&pt, v->va, MM_FRAME_SIZE, MM_PT_READ, 0, &g);

	mm_pt_sync(&pt, &g);
	tap_status(st, MM_OK, "a page is made read-only");
	tap_check(mmu_shows(v->va, v->pages[0]) && mmu_faults(v->va, true),
		  "then it can be read, and a write faults");
	tap_check(!mmu_faults(v->va + MM_FRAME_SIZE, true) &&
			  *(u64 *)LINUX_TO_VIRT(v->pages[1]) == 0,
		  "its neighbour can be written, and its frame has what was written");
}

static void check_small(void)
{
	struct vmem *v = vmem_alloc(&pt, WINDOW, PAGES);
	enum mm_status st;

	if (!tap_check(v != NULL, "1,000 frames are mapped, one after the other"))
		return;
	pages_stamp(v);
	tap_check(pages_shown(v), "the MMU shows each at its address");
	tap_check(mmu_faults(WINDOW - MM_FRAME_SIZE, false) &&
			  mmu_faults(WINDOW + PAGES * MM_FRAME_SIZE, false),
		  "below and above an access faults");
	check_protect(v);
	tap_status(mm_pt_verify(&pt, NULL), MM_OK, "the tables are whole");
	st = vmem_free(&pt, v);
	tap_status(st, MM_OK, "they are unmapped and freed");
	tap_check(mmu_faults(WINDOW, false) && mmu_faults(WINDOW + MM_FRAME_SIZE, false),
		  "then an access faults");
}

static void check_large(void)
{
	struct mm_tlb_gather g = { 0 };
	struct mm_pt_run run = { 0 };
	enum mm_status st;
	mm_paddr_t pa;

	if (!tap_status(mm_page_alloc(&linux_pmm, LARGE_ORDER, 0, &pa), MM_OK,
			"2 MiB are allocated"))
		return;
	*(u64 *)LINUX_TO_VIRT(pa + LARGE_BYTES - MM_FRAME_SIZE) = pa;
	st = mm_pt_x86_64_map(&pt, LARGE, pa, LARGE_BYTES, MM_PT_READ, 0, &g);
	mm_pt_sync(&pt, &g);
	tap_check(st == MM_OK && mm_pt_x86_64_query(&pt, LARGE, &run) == MM_OK && run.level == 1,
		  "they are mapped by one entry");
	tap_check(mmu_shows(LARGE + LARGE_BYTES - MM_FRAME_SIZE, pa), "the MMU shows them");
	st = mm_pt_x86_64_unmap(&pt, LARGE, LARGE_BYTES, MM_PT_EXACT, &g);
	mm_pt_sync(&pt, &g);
	tap_check(st == MM_OK && mmu_faults(LARGE, false), "and not when they are unmapped");
	tap_status(mm_page_free(&linux_pmm, pa, LARGE_ORDER), MM_OK, "they are freed");
}

void check_tables(void)
{
	struct mm_pt_cfg cfg;

	top = (u64 *)get_zeroed_page(GFP_KERNEL);
	mm_pt_x86_64_probe(&cfg);
	if (tap_check(top && mm_pt_init(&pt, mm_pt_x86_64_port(), &linux_pt_env, &cfg) == MM_OK,
		      "a tree of page tables is set up")) {
		check_small();
		check_large();
		tap_status(mm_pt_destroy(&pt), MM_OK, "the tree is destroyed");
	}
	free_page((unsigned long)top);
}
