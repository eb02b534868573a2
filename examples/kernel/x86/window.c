/* SPDX-License-Identifier: MIT */
/* Page tables without a direct map, as a kernel of 32 bits has them whose memory is larger than its address space: each
 * window is a page, and the entry of that page is changed to lead to the table that mmlib asks for. With 32-bit paging
 * the kernel's tree has a recursive entry, too, which shows the tables of the active tree for nothing but the time to
 * forget what was there before. PAE's root, of four entries, cannot have one.
 *
 * The entries of the windows are found once. Here the direct map of this kernel serves for that; one without any has the
 * table they are in mapped for good. */
#include <mmlib/pt_port.h>
#include <mmlib/pt_recursive.h>
#include "../console.h"
#include "../kernel.h"
#include "../x86_64/cpu.h"

static unsigned char *entries; /* of the windows, in a row; NULL: the boot code's tables show all memory */
static unsigned shown, recursed;
static bool stale; /* the word of the command line: show that it is noticed if the CPU goes on using what was there */

static uint32_t window_attr(void)
{
	return MM_PT_READ | MM_PT_WRITE | (machine_two_levels ? MM_PT_EXEC : 0u);
}

/* The entry of level 0 for @va, which is mapped by a small page. */
static unsigned char *find_entry(const struct mm_pt *pt, mm_vaddr_t va)
{
	const struct mm_pt_port *port = pt->port;
	unsigned char *entry = NULL;
	mm_paddr_t table = pt->root;

	for (unsigned l = port->nlevels; l-- > 0;) {
		size_t i = (size_t)(va >> port->level[l].shift) & (((size_t)1 << port->level[l].bits) - 1);
		uint64_t value = 0;
		entry = (unsigned char *)direct_map(table) + (i << port->entry_lg2);
		__builtin_memcpy(&value, entry, (size_t)1 << port->entry_lg2);
		table = l > 0 ? port->below(pt, value) : 0;
	}
	return entry;
}

enum mm_status machine_windows_start(struct mm_pt *pt)
{
	struct mm_tlb_gather g = { 0 };
	enum mm_status st = mm_pt_map(pt, MACHINE_WINDOWS, 0, MM_PT_WINDOWS * MM_FRAME_SIZE, window_attr(), 0, &g);

	if (st == MM_OK && machine_two_levels)
		st = mm_pt_recurse(pt, MACHINE_RECURSIVE, &g);
	mm_pt_sync(pt, &g);
	stale = kernel_has_word("stale");
	entries = st == MM_OK ? find_entry(pt, MACHINE_WINDOWS) : NULL;
	return st;
}

void *machine_pt_window(const struct mm_pt *pt, mm_paddr_t pa, unsigned window, mm_vaddr_t va)
{
	mm_vaddr_t at = 0;

	if (!entries)
		return direct_map(pa);
	if (window < MM_PT_WINDOWS / 2 && pt->root == cpu_cr3())
		at = mm_pt_recursive_va(pt, window, va);
	if (at) {
		recursed++;
	} else {
		const mm_paddr_t inside = pa & (MM_FRAME_SIZE - 1); /* PAE's root is smaller than a page */
		uint64_t entry = kernel.pt.port->leaf(&kernel.pt, pa - inside, 0, window_attr());
		__builtin_memcpy(entries + (window << kernel.pt.port->entry_lg2), &entry, (size_t)1 << kernel.pt.port->entry_lg2);
		at = MACHINE_WINDOWS + window * MM_FRAME_SIZE + inside;
		shown++;
	}
	if (!stale)
		__asm__ volatile("invlpg (%0)" : : "r"((uintptr_t)at) : "memory");
	return (void *)(uintptr_t)at;
}

/* Does the recursive entry show the root, and the table of the windows? */
static bool recursion_is_right(const struct mm_pt *pt)
{
	const uint32_t *root = (const uint32_t *)(uintptr_t)mm_pt_recursive_va(pt, 1, 0);
	const uint32_t *table = (const uint32_t *)(uintptr_t)mm_pt_recursive_va(pt, 0, MACHINE_WINDOWS);

	return (root[MACHINE_RECURSIVE >> 22] & ~0xfffu) == pt->root &&
	       __builtin_memcmp(table + (MACHINE_WINDOWS >> 12 & 1023), entries, MM_PT_WINDOWS * sizeof(*table)) == 0;
}

void windows_check(struct mm_pt *pt)
{
	const mm_vaddr_t va = MACHINE_USER_SCRATCH;
	struct mm_tlb_gather g = { 0 };
	struct mm_pt_run run;

	shown = recursed = 0;
	bool ok = mm_pt_map(pt, va, 0x5000, MM_FRAME_SIZE, window_attr(), 0, &g) == MM_OK &&
		  mm_pt_query(pt, va, &run) == MM_OK && run.pa == 0x5000 &&
		  mm_pt_unmap(pt, va, MM_FRAME_SIZE, 0, &g) == MM_OK;
	mm_pt_sync(pt, &g);
	check(ok && shown > 0, "a page is mapped, told and unmapped through windows");
	if (machine_two_levels)
		check(recursed > 0 && recursion_is_right(pt), "and through the recursive entry, which shows the tree's tables");
	else
		check_skip("and through the recursive entry", "PAE has a root of 32 bytes");
}
