/* SPDX-License-Identifier: MIT */
/* Theory of operation: page tables, the recursive entry
 * Problem      a kernel without a direct map must reach the tables of the tree it runs on.
 * Structure    an entry of the root that leads to the root. Who goes through it once ends one table too early: what
 *              would be the frame of a page is a table of level 0. Who goes through it twice, one of level 1, and so on.
 *              So all entries that lead to tables are passed as leaves too, and must be both. On x86 they give users
 *              all rights, which are less on the way: the recursive one is made as a leaf of the kernel's that cannot
 *              be executed, and what comes last on the way does not give back what it takes. On AArch64, if the tree
 *              has port->recursive_feature, they are such leaves themselves.
 * Invariants   X1 the entry is not the tree's: nobody walks through it to give tables back, and nothing is mapped or
 *                 unmapped below it. In two levels the table that is remembered (W6 of pt_walk.inc) is the root: no
 *                 more of it than what is before the entry.
 *              X2 where the format wants break-before-make, no CPU has anything of what the entry showed of a table
 *                 when another takes its place. Whatever a CPU has of an address that shows one was read from entries
 *                 on the way to what is translated by it: a page of addresses of tables for each level, all in a row
 *                 for a range. So with tables that go these are flushed, with the upper entries; and with leaves of
 *                 level 2 and above, for those are met one level too low or more, where they are leaves too. Before
 *                 something is mapped again that is done: W5 of pt_walk.inc.
 *              X3 a root that is shorter than a page has one to itself, if the tree has port->recursive_feature, of
 *                 which the rest is empty: who comes to it once more takes it for a whole table.
 * Concurrency  one writer for each tree, by the caller. */
#include <mmlib/pt_recursive.h>
#include "vmm/pt_core.h"
#if MM_PT_WINDOW

/* Is each table a page, and is an entry at any level the number of one? Is the root, or has one? */
static bool recursive_fits(const struct mm_pt *pt)
{
	const struct mm_pt_port *port = pt->port;
	const unsigned top = port->nlevels - 1u, bits = (unsigned)port->level[0].shift - port->entry_lg2;

	for (unsigned l = 0; l < top; l++)
		if (port->level[l].bits != bits)
			return false;
	return top > 0 && (port->level[top].bits == bits ||
			   (port->level[top].bits < bits && (pt->cfg.features & port->recursive_feature)));
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
	if (!recursive_fits(pt) || !recursive_is_leaf(pt) || port->check(pt, attr) != MM_OK)
		return 0;
	uint64_t entry = port->leaf(pt, pt->root, 0, attr);
	for (unsigned l = 1; l < port->nlevels; l++)
		if (!pt_is_table(pt, port, entry, l) || port->below(pt, entry) != pt->root)
			return 0;
	return entry;
}

/* What is left of rights on the way: nothing is taken by an entry that is as all others that lead to tables. */
static uint32_t recursive_rights(const struct mm_pt *pt, uint64_t entry)
{
	if (entry == pt->port->table(pt, pt->root, 1))
		return UINT32_MAX;
	return ~(uint32_t)(MM_PT_EXEC | MM_PT_USER) | pt->port->attr(pt, entry, 0);
}

/* Must what is shown be flushed before another table is? X2 */
static bool recursive_breaks(const struct mm_pt *pt)
{
	const struct mm_pt_port *port = pt->port;
	const mm_paddr_t next = (mm_paddr_t)pt_mask(port, 0) + 1;

	return port->transition(pt, port->table(pt, 0, 1), port->table(pt, next, 1), 0) & MM_PT_AFTER_BBM;
}

void mm_pt_priv_flush_shown(const struct mm_pt *pt, const struct mm_tlb_gather *g)
{
	const struct mm_pt_port *port = pt->port;
	const bool large = port->nlevels > 2 && g->last - g->start >= pt_mask(port, 2);

	if (!pt->recursive_breaks || !(g->tables || large) || MM_PLANTED(MM_PLANT_PT_SHOWN))
		return;
	for (unsigned l = 0; l + 1u < port->nlevels; l++) {
		const struct mm_tlb_gather shown = {
			.flush = true,
			.tables = true,
			.min_shift = port->level[0].shift,
			.start = mm_pt_recursive_va(pt, l, g->start),
			.last = mm_pt_recursive_va(pt, l, g->last) | pt_mask(port, 0),
		};
		pt->env->flush(pt->env->ctx, &shown);
	}
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
	pt->attr_recursive = recursive_rights(pt, entry);
	pt->recursive_breaks = recursive_breaks(pt);
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
