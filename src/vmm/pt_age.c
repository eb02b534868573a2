/* SPDX-License-Identifier: MIT */
/* Theory of operation: page tables, accessed and dirty bits
 * Problem      tell which pages were used and written since the last look, while hardware sets the bits.
 * Structure    a cursor; down to a table, then along its leaves. What a leaf says and becomes is computed
 *              when leaves begin to look different but for their frames. One compare-and-swap each, and
 *              none where nothing is to be cleared.
 * Invariants   G1 a bit is cleared by the same compare-and-swap that read it: it is told once.
 * Concurrency  one writer for each tree, by the caller. Hardware sets bits at any time. */
#include <mmlib/pt_tree.h>
#include "vmm/pt_core.h"

#define AGE_BITS ((uint32_t)(MM_PT_ACCESSED | MM_PT_DIRTY))

/* Leaves that look like `old` but for their frame have `attr` and become `now`. */
struct age_like {
	uint64_t frame, old, now;
	uint32_t attr, what;
	unsigned after;
};

static void age_decode(const struct mm_pt *pt, uint64_t entry, unsigned level,
		       struct age_like *like)
{
	const struct mm_pt_port *port = pt->port;
	mm_paddr_t pa = port->pa(pt, entry, level);

	like->attr = port->attr(pt, entry, level);
	uint64_t now = entry;
	if (like->attr & like->what)
		now = port->leaf(pt, pa, level, (like->attr & ~like->what) | MM_PT_TRACK);
	like->after = port->transition(pt, entry, now, level);
	like->old = entry & ~like->frame;
	like->now = now & ~like->frame;
}

/* One leaf: tell it and clear its bits. False: it is none. */
static bool age_leaf(const struct mm_pt *pt, void *slot, unsigned level, struct age_like *like,
		     mm_paddr_t *pa)
{
	const struct mm_pt_port *port = pt->port;
	uint64_t entry = pt_load(slot, port->entry_lg2);

	for (;;) {
		if ((entry ^ like->old) & ~like->frame) {
			if (port->classify(pt, entry, level) != MM_PT_LEAF)
				return false;
			age_decode(pt, entry, level, like);
		}
		if (!(like->attr & like->what) ||
		    pt_change(slot, port->entry_lg2, &entry,
			      like->now | (entry & like->frame))) /* G1 */
			break;
	}
	*pa = port->pa(pt, entry, level);
	return true;
}

/* Leaves from @at on, in one table and in the cursor's range, the first of which is one. */
static void age_run(struct mm_pt *pt, struct mm_pt_cur *cur, struct mm_tlb_gather *g,
		    const struct pt_at *at, uint32_t what, struct mm_pt_leaves *leaves)
{
	const struct mm_pt_port *port = pt->port;
	const unsigned level = at->level;
	const uint8_t shift = port->level[level].shift;
	const mm_vaddr_t first = cur->va & ~pt_mask(port, level);
	struct age_like like = { .frame = pt_frame_bits(pt, port, level), .what = what };
	size_t n = pt_reach(port, cur->va, cur->last, level), i = pt_index(port, cur->va, level),
	       k = 0;

	like.old = ~at->entry & ~like.frame; /* like none */
	for (n = n < leaves->room ? n : leaves->room; k < n; k++) {
		if (!age_leaf(pt, pt_slot(port, at->table, i + k), level, &like, &leaves->pa[k]))
			break;
		if (leaves->attr)
			leaves->attr[k] = like.attr;
		if (!(like.attr & what))
			continue;
		mm_vaddr_t va = first + mm_shl64(k, shift);
		pt_note(g, va, va | pt_mask(port, level), shift,
			PT_AFTER(PT_SITE_AGE, like.after));
		g->pages += pt_pages(port, level);
	}
	mm_vaddr_t end = pt_end(port, first, k, level);
	leaves->pa[0] += (mm_paddr_t)(cur->va - first);
	leaves->n = k;
	leaves->va = cur->va;
	leaves->last = end < cur->last ? end : cur->last;
	leaves->level = (uint8_t)level;
}

/* A contiguous run, which is told as one. */
static void age_contiguous(struct mm_pt *pt, struct mm_pt_cur *cur, struct mm_tlb_gather *g,
			   const struct pt_at *at, uint32_t what, struct mm_pt_leaves *leaves)
{
	struct mm_pt_run run;

	mm_pt_priv_run_tell(pt, cur->va, at, &run);
	uint32_t attr = mm_pt_priv_run_age(pt, g, cur->va, at, what);
	leaves->pa[0] = run.pa;
	if (leaves->attr)
		leaves->attr[0] = attr;
	leaves->n = 1;
	leaves->va = cur->va;
	leaves->last = run.last < cur->last ? run.last : cur->last;
	leaves->level = run.level;
}

/* Step behind @last. */
static void age_advance(struct mm_pt_cur *cur, mm_vaddr_t last)
{
	cur->table = NULL;
	cur->end = last >= cur->last;
	if (!cur->end)
		cur->va = last + 1;
}

enum mm_status mm_pt_age(struct mm_pt *pt, struct mm_pt_cur *cur, uint32_t what,
			 struct mm_tlb_gather *g, struct mm_pt_leaves *leaves)
{
	if (!pt || !cur || !g || !leaves || !leaves->pa || !leaves->room || !what ||
	    (what & ~AGE_BITS))
		return MM_E_INVAL;
	if (!pt->port)
		return MM_E_STATE;
	if (cur->pt != pt)
		return MM_E_INVAL;
	if (pt_is_others(pt, pt->port, cur->va, cur->last))
		return MM_E_OWNER;
	g->pages = 0;
	while (!cur->end) {
		struct pt_at at = pt_seek(pt, pt->port, cur->va);
		enum mm_pt_kind kind = pt->port->classify(pt, at.entry, at.level);
		if (pt_maps(pt->port, kind)) {
			if (kind == MM_PT_RUN)
				age_contiguous(pt, cur, g, &at, what, leaves);
			else
				age_run(pt, cur, g, &at, what, leaves);
			age_advance(cur, leaves->last);
			return MM_OK;
		}
		age_advance(cur, cur->va | pt_mask(pt->port, at.level));
	}
	return pt_stop(g, cur->last, 0, MM_E_NOENT);
}

#undef AGE_BITS
