/* SPDX-License-Identifier: MIT */
/* Page tables without a direct map of them, in a kernel that is built for that: with the word `recursive` on the command line all tables of the tree that
 * the CPU runs on are reached by its recursive entry, those of the low half too while it is this CPU's. Tables that are
 * in no tree that is active are reached by the direct map of this kernel; one without any has a page of address space
 * for each of those windows, as x86/window.c.
 *
 * A table that was linked just now is seen by this CPU's walks after DSB ISHST and ISB, and nothing else is wanted here:
 * what CPUs keep of an address that shows a table mmlib flushes when the table goes, as break-before-make wants it.
 * With the word `stale` this machine leaves that flush out, which must be noticed. */
#include <mmlib/pt_port.h>
#include <mmlib/pt_recursive.h>
#include "../console.h"
#include "../kernel.h"
#include "cpu.h"
#if MM_PT_WINDOW

#define TTBR_BADDR UINT64_C(0x0000fffffffff000) /* what is recursive has a page, below 48 bits here, for its root */

static bool on, stale;
static uint32_t reached; /* tables, through an entry */

bool windows_wanted(void)
{
	return kernel_has_word("recursive");
}

static bool is_active(const struct mm_pt *pt)
{
	const uint64_t ttbr = pt->port->extension == MM_PT_VA_ONES ? cpu_read(ttbr1_el1) : cpu_read(ttbr0_el1);

	return (ttbr & TTBR_BADDR) == pt->root;
}

/* An entry of the root that this kernel has no use for: below the direct map, or amid the low half. */
static mm_vaddr_t entry_at(const struct mm_pt_port *port)
{
	if (port->extension == MM_PT_VA_ONES)
		return (UINT64_C(1) << (port->va_bits - 2)) - (UINT64_C(1) << port->va_bits);
	return UINT64_C(1) << (port->va_bits - 1);
}

enum mm_status machine_windows_start(struct mm_pt *pt)
{
	struct mm_tlb_gather g = { 0 };

	if (!windows_wanted())
		return MM_OK;
	enum mm_status st = mm_pt_recurse(pt, entry_at(pt->port), &g);
	mm_pt_sync(pt, &g);
	on = st == MM_OK;
	stale = kernel_has_word("stale");
	return st;
}

void *machine_pt_window(const struct mm_pt *pt, mm_paddr_t pa, unsigned window, mm_vaddr_t va)
{
	mm_vaddr_t at = 0;

	if (on && window < MM_PT_WINDOWS / 2 && is_active(pt))
		at = mm_pt_recursive_va(pt, window, va);
	if (!at)
		return direct_map(pa);
	__atomic_fetch_add(&reached, 1, __ATOMIC_RELAXED);
	__asm__ volatile("dsb ishst; isb" : : : "memory");
	return (void *)(uintptr_t)at;
}

bool windows_keep(const struct mm_tlb_gather *g)
{
	const mm_vaddr_t from = g->start >> 63 ? 0 : UINT64_C(1) << 47;

	return stale && g->start >= from && g->start < MACHINE_DIRECT_MAP;
}

/* Is the table of @level around @va where the entry shows it? */
static bool is_shown(const struct mm_pt *pt, unsigned level, mm_vaddr_t va)
{
	const struct mm_pt_port *port = pt->port;
	const void *at = (const void *)(uintptr_t)mm_pt_recursive_va(pt, level, va);
	mm_paddr_t table = pt->root;

	for (unsigned l = port->nlevels - 1u; l > level; l--) {
		const uint64_t *entries = direct_map(table);
		table = port->below(pt, entries[(va >> port->level[l].shift) & ((UINT64_C(1) << port->level[l].bits) - 1)]);
	}
	return __builtin_memcmp(at, direct_map(table), (size_t)8 << port->level[level].bits) == 0;
}

void windows_check(struct mm_pt *pt, mm_vaddr_t va)
{
	const uint64_t page = UINT64_C(1) << pt->port->level[0].shift;
	struct mm_tlb_gather g = { 0 };
	struct mm_pt_run run;
	bool shown = true;

	reached = 0;
	bool ok = mm_pt_map(pt, va, page, page, MM_PT_READ, 0, &g) == MM_OK;
	mm_pt_sync(pt, &g);
	for (unsigned l = 0; l < pt->port->nlevels; l++)
		shown = shown && is_shown(pt, l, va);
	ok = ok && mm_pt_query(pt, va, &run) == MM_OK && run.pa == page && mm_pt_unmap(pt, va, page, 0, &g) == MM_OK;
	mm_pt_sync(pt, &g);
	check(ok && reached > 0, "a page is mapped, told and unmapped through the recursive entry");
	check(shown, "which shows the tree's tables");
}
#endif
