/* SPDX-License-Identifier: MIT */
/* Theory of operation: page tables, the recursive entry
 * Problem      a kernel without a direct map must reach the tables of the tree it runs on.
 * Structure    an entry of the root that leads to the root. Who goes through it once ends one table too early: what
 *              would be the frame of a page is a table of level 0. Who goes through it twice, one of level 1, and so on.
 *              So all entries that lead to tables are passed as leaves too, and must be both. They give users all
 *              rights, which are less on the way: the recursive one is made as a leaf of the kernel's that cannot be
 *              executed, and what comes last on the way does not give back what it takes.
 * Invariants   X1 the entry is not the tree's: nobody walks through it to give tables back, and nothing is mapped or
 *                 unmapped below it. In two levels the table that is remembered (W6 of pt_walk.inc) is the root: no
 *                 more of it than what is before the entry.
 * Concurrency  one writer for each tree, by the caller. */
#include <mmlib/pt_recursive.h>
#include "vmm/pt_core.h"
#if MM_PT_WINDOW

/* Is each table a page, and is an entry at any level the number of one? */
static bool recursive_fits(const struct mm_pt_port *port)
{
	for (unsigned l = 0; l < port->nlevels; l++)
		if (port->level[l].bits + port->entry_lg2 != port->level[0].shift)
			return false;
	return port->nlevels > 1;
}

/* Does an entry that leads to a table serve as a leaf that may be read and written? */
static bool recursive_is_leaf(const struct mm_pt *pt)
{
	const uint32_t want = MM_PT_READ | MM_PT_WRITE | MM_PT_ACCESSED;
	uint64_t entry = pt->port->table(pt, pt->root, 1);

	return pt->port->classify(pt, entry, 0) == MM_PT_LEAF && !(want & ~pt->port->attr(pt, entry, 0));
}

/* The entry; 0: none would do. */
static uint64_t recursive_entry(const struct mm_pt *pt)
{
	const struct mm_pt_port *port = pt->port;
	uint32_t attr = MM_PT_READ | MM_PT_WRITE;

	if (port->check(pt, attr) != MM_OK) /* there is no no-execute */
		attr |= MM_PT_EXEC;
	if (!recursive_fits(port) || !recursive_is_leaf(pt) || port->check(pt, attr) != MM_OK)
		return 0;
	uint64_t entry = port->leaf(pt, pt->root, 0, attr);
	for (unsigned l = 1; l < port->nlevels; l++)
		if (!pt_is_table(pt, port, entry, l) || port->below(pt, entry) != pt->root)
			return 0;
	return entry;
}

enum mm_status mm_pt_recurse(struct mm_pt *pt, mm_vaddr_t va, struct mm_tlb_gather *g)
{
	if (!pt || !g)
		return MM_E_INVAL;
	if (!pt->port)
		return MM_E_STATE;
	const struct mm_pt_port *port = pt->port;
	const unsigned top = port->nlevels - 1u;
	const size_t i = pt_index(port, va, top);
	const uint64_t entry = recursive_entry(pt);
	if (!pt_va_ok(port, va, va))
		return MM_E_RANGE;
	if (!entry)
		return MM_E_NOTSUP;
	if (va & pt_mask(port, top))
		return MM_E_ALIGN;
	if (pt->recursive || (pt->shares & PT_CLAIMS) || pt_shares(pt, PT_SHARES_ANY, i, i))
		return MM_E_BUSY;
	void *slot = pt_slot(port, pt_virt(pt, pt->root, top, va), i);
	uint64_t old = pt_load(slot, port->entry_lg2);
	if (port->classify(pt, old, top) != MM_PT_EMPTY)
		return pt_stop(g, va, top, MM_E_EXIST);
	pt->recursive = (uint16_t)(i + 1); /* X1 */
	pt->va_recursive = va;
	pt_forget_near(pt); /* in two levels that is the root */
	pt->attr_recursive = ~(uint32_t)(MM_PT_EXEC | MM_PT_USER) | port->attr(pt, entry, 0);
	pt_link(slot, port->entry_lg2, entry);
	pt_note_made(pt, g, va, va, port->transition(pt, old, entry, top));
	return MM_OK;
}

mm_vaddr_t mm_pt_recursive_va(const struct mm_pt *pt, unsigned level, mm_vaddr_t va)
{
	if (!pt || !pt->port || !pt->recursive || level >= pt->port->nlevels)
		return 0;
	const struct mm_pt_port *port = pt->port;
	const unsigned top = port->nlevels - 1u, bits = port->level[0].bits;
	const uint64_t inside = pt_mask(port, top);
	for (unsigned l = 0; l <= level; l++) /* once more through the entry */
		va = pt->va_recursive | (mm_shr64(va & (mm_shl64(inside + 1, port->level[top].bits) - 1), bits) & inside);
	return va & ~pt_mask(port, 0);
}
#endif
