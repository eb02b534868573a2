/* SPDX-License-Identifier: MIT */
/* Theory of operation: page tables, leaves that change through an empty entry
 * Problem      where a format demands break-before-make, a leaf that becomes another one is empty for a moment, and
 *              flushed, before it is what it should be. Who uses it in that moment faults: a kernel that changes the
 *              pages of its own code, stack or tables cannot have that.
 * Structure    the break itself, and a look along a range, before an operation changes anything, for what it would have
 *              to break that is to stay mapped: MM_PT_NO_BREAK.
 * Invariants   B1 the look asks transition() of the same changes as the operation will make: of a leaf into a table, of
 *                 a leaf into one with other attributes. A run changes through empty entries in every format (R1 of
 *                 pt_run.c). What hardware sets meanwhile makes none of them another.
 * Concurrency  one writer for each tree, by the caller. Hardware walks it at any time. */
#include <mmlib/pt.h>
#include "vmm/pt_core.h"

void mm_pt_priv_break(struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va, void *slot,
		      unsigned level, uint32_t attr)
{
	const struct mm_pt_port *port = pt->port;
	uint64_t old = pt_load(slot, port->entry_lg2), empty = port->empty(pt, level);
	uint64_t mask = pt_mask(port, level);

	PT_EARLY(PT_SITE_BREAK_SWAP, mm_pt_sync(pt, g));
	while (!pt_change(slot, port->entry_lg2, &old, empty))
		;
	pt_note(g, va & ~mask, va | mask, port->level[level].shift,
		PT_AFTER(PT_SITE_BREAK_EMPTY, MM_PT_AFTER_FLUSH));
	if (!PT_SKIPS(PT_SITE_BREAK_SYNC) && !PT_SKIPS(PT_SITE_BREAK_SWAP))
		mm_pt_sync(pt, g);
	attr |= port->attr(pt, old, level) & (MM_PT_ACCESSED | MM_PT_DIRTY);
	uint64_t now = port->leaf(pt, port->pa(pt, old, level), level, attr);
	pt_make(slot, port->entry_lg2, now);
	pt_note_made(pt, g, va & ~mask, va | mask,
		     PT_AFTER(PT_SITE_BREAK_MAKE, port->transition(pt, empty, now, level)));
}

/* An entry that points to a table. Not to the root: with port->follows that may be an empty one. */
static uint64_t pt_some_table(const struct mm_pt *pt, unsigned level)
{
	const struct mm_pt_port *port = pt->port;
	mm_paddr_t bytes = (mm_paddr_t)pt_room(pt, port->nlevels - 1u) << port->entry_lg2;

	return port->table(pt, pt->root ^ bytes, level);
}

/* Would the leaf @at around @va be empty for a moment? */
static bool pt_breaks(const struct mm_pt *pt, const struct pt_unbroken *want, const struct pt_at *at, mm_vaddr_t va)
{
	const struct mm_pt_port *port = pt->port;
	const uint64_t old = at->entry;
	enum mm_pt_kind kind = port->classify(pt, old, at->level);
	uint64_t mask = pt_kind_mask(port, kind, at->level);
	unsigned after = 0;

	if (!pt_maps(port, kind))
		return false;
	bool split = (va & ~mask) < want->va || (va | mask) > want->last || at->level > want->cap;
	if (kind == MM_PT_RUN && (split || want->attr || !want->runs))
		return true;
	if (split && at->level > 0)
		after = port->transition(pt, old, pt_some_table(pt, at->level), at->level);
	if (want->attr) {
		uint32_t seen = port->attr(pt, old, at->level) & (MM_PT_ACCESSED | MM_PT_DIRTY);
		mm_paddr_t pa = port->pa(pt, old, at->level);
		after |= port->transition(pt, old, port->leaf(pt, pa, at->level, want->attr | seen), at->level);
	}
	return after & MM_PT_AFTER_BBM;
}

enum mm_status mm_pt_priv_unbroken(const struct mm_pt *pt, struct mm_tlb_gather *g, const struct pt_unbroken *want)
{
	struct pt_span span = { .va = want->va, .last = want->last };

	g->pages = 0;
	while (!span.done && !MM_PLANTED(MM_PLANT_PT_UNBROKEN)) {
		struct pt_at at = pt_seek(pt, pt->port, span.va);
		if (pt_breaks(pt, want, &at, span.va)) /* B1 */
			return pt_stop(g, span.va, at.level, MM_E_BBM);
		pt_advance(pt->port, &span, 1, at.level);
	}
	return MM_OK;
}
