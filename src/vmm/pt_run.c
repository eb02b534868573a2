/* SPDX-License-Identifier: MIT */
/* Theory of operation: page tables, contiguous runs
 * Problem      entries that lead to frames which follow each other, with the same attributes, may carry a mark
 *              that lets a TLB hold all of them as one (AArch64's Contiguous bit, RISC-V's Svnapot). Then they
 *              must be alike at all times, and no member may change while a TLB may hold the run.
 * Structure    the walker's loops take members of runs that lie in a range whole for leaves when they empty
 *              them; whatever else concerns a run comes here, through pt->port. Before an operation changes a part
 *              of a run, the run is broken: it becomes leaves that are none.
 * Invariants   R1 members are written only over empty entries, all of them, and a run becomes something else only
 *                 through empty entries and a flush: Arm ARM D8.7 "The Contiguous bit" and D8.16 "Using
 *                 break-before-make"; RISC-V Privileged, "Svnapot", on changing what a NAPOT range says.
 *              R2 accessed and dirty may be set in any member, so those of a run are those of all members, or-ed.
 *                 Only clearing them leaves members in place, each by a compare-and-swap.
 *              R3 breaking a run takes no memory: it cannot fail.
 *              R4 rights are those of the member at hand. Of a damaged run others may be empty, whose attributes mean
 *                 nothing, or have more.
 * Concurrency  one writer for each tree, by the caller. Hardware sets accessed and dirty bits at any time. */
#include <mmlib/pt.h>
#include "hook.h"
#include "vmm/pt_core.h"

#define RUN_SEEN ((uint32_t)(MM_PT_ACCESSED | MM_PT_DIRTY))

/* Number of the first member of the run that entry @i is in. */
static size_t run_first(const struct mm_pt *pt, size_t i, unsigned level)
{
	return i & ~(pt_run_entries(pt->port, level) - 1);
}

static void *run_slot(const struct mm_pt *pt, const struct pt_at *at, mm_vaddr_t va, size_t k)
{
	size_t i = run_first(pt, pt_index(pt->port, va, at->level), at->level);

	return pt_slot(pt->port, at->table, i + k);
}

/* Physical address of the whole run of a member. */
static mm_paddr_t run_base(const struct mm_pt *pt, uint64_t entry, unsigned level)
{
	return pt->port->pa(pt, entry, level) & (mm_paddr_t)~pt_run_mask(pt->port, level);
}

mm_paddr_t mm_pt_priv_run_pa(const struct mm_pt *pt, uint64_t entry, size_t i, unsigned level)
{
	const struct mm_pt_port *port = pt->port;

	if (port->classify(pt, entry, level) != MM_PT_RUN)
		return port->pa(pt, entry, level);
	i -= run_first(pt, i, level);
	return run_base(pt, entry, level) + (mm_paddr_t)mm_shl64(i, port->level[level].shift);
}

/* Attributes of the run, with what hardware has set up to now. R4: an NMI may find others empty. */
static uint32_t run_attr(const struct mm_pt *pt, mm_vaddr_t va, const struct pt_at *at)
{
	const struct mm_pt_port *port = pt->port;
	uint32_t attr = port->attr(pt, at->entry, at->level);

	for (size_t k = 0; k < pt_run_entries(port, at->level); k++) { /* R2 */
		uint64_t entry = pt_load(run_slot(pt, at, va, k), port->entry_lg2);
		if (port->classify(pt, entry, at->level) == MM_PT_RUN)
			attr |= port->attr(pt, entry, at->level) & RUN_SEEN;
	}
	return attr;
}

void mm_pt_priv_run_tell(const struct mm_pt *pt, mm_vaddr_t va, const struct pt_at *at,
			 struct mm_pt_run *run)
{
	const uint64_t mask = pt_run_mask(pt->port, at->level);

	run->va = va & ~mask;
	run->last = va | mask;
	run->pa = run_base(pt, at->entry, at->level) + (mm_paddr_t)(va & mask);
	run->attr = run_attr(pt, va, at);
	run->level = (uint8_t)at->level;
}

enum mm_status mm_pt_priv_run_query(const struct mm_pt *pt, mm_vaddr_t va, struct mm_pt_run *run, void *table,
				    uint64_t entry, unsigned level)
{
	const struct pt_at at = { table, entry, level };

	mm_pt_priv_run_tell(pt, va, &at, run);
	return MM_OK;
}

bool mm_pt_priv_run_whole(const struct mm_pt *pt, void *table, size_t i, unsigned level)
{
	const struct mm_pt_port *port = pt->port;
	const size_t first = run_first(pt, i, level), n = pt_run_entries(port, level);
	const uint64_t entry = pt_get(port, table, first);
	const mm_paddr_t bytes = (mm_paddr_t)pt_mask(port, level) + 1;

	if (i != first) /* then the first was looked at, and all with it */
		return port->classify(pt, entry, level) == MM_PT_RUN;
	mm_paddr_t pa = run_base(pt, entry, level);
	uint32_t attr = port->attr(pt, entry, level) | MM_PT_TRACK;
	for (size_t k = 0; k < n; k++, pa += bytes) {
		uint64_t like = port->run(pt, port->leaf(pt, pa, level, attr), level);
		if ((pt_get(port, table, first + k) ^ like) & ~port->hw_volatile)
			return false;
	}
	return true;
}

/* ---- make and break ---- */

/* Write all entries of a run, which are empty, as a run or as leaves that are none. */
static void run_make(const struct mm_pt *pt, mm_vaddr_t va, const struct pt_at *at, mm_paddr_t pa,
		     uint32_t attr, bool is_run)
{
	const struct mm_pt_port *port = pt->port;
	const mm_paddr_t bytes = (mm_paddr_t)pt_mask(port, at->level) + 1;
	const uint64_t rest = port->leaf(pt, 0, at->level, attr);
	unsigned char *slot = run_slot(pt, at, va, 0);

	for (size_t k = pt_run_entries(port, at->level); k > 0; k--, pa += bytes) {
		uint64_t leaf = rest | port->frame(pt, pa, at->level);
		pt_make(slot, port->entry_lg2, is_run ? port->run(pt, leaf, at->level) : leaf);
		slot += (size_t)1 << port->entry_lg2;
	}
}

/* Make all entries of a run, or leaves that may be one, empty. Returns what the member at hand said, with what hardware
 * set in any of them up to that moment. */
static uint32_t run_empty(const struct mm_pt *pt, mm_vaddr_t va, const struct pt_at *at)
{
	const struct mm_pt_port *port = pt->port;
	const uint64_t empty = port->empty(pt, at->level);
	size_t n = pt_run_entries(port, at->level) - MM_PLANTED(MM_PLANT_RUN_MEMBER);
	uint32_t attr = port->attr(pt, at->entry, at->level) & ~RUN_SEEN; /* R4 */

	for (size_t k = 0; k < n; k++) {
		void *slot = run_slot(pt, at, va, k);
		uint64_t old = pt_load(slot, port->entry_lg2);
		while (!pt_change(slot, port->entry_lg2, &old, empty))
			;
		if (pt_maps(port, port->classify(pt, old, at->level)) && (k == 0 || !MM_PLANTED(MM_PLANT_RUN_DIRTY)))
			attr |= port->attr(pt, old, at->level) & RUN_SEEN; /* R2 */
	}
	return attr;
}

static void run_note(const struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va, unsigned level,
		     unsigned after)
{
	const uint64_t mask = pt_run_mask(pt->port, level);

	pt_note(g, va & ~mask, va | mask, pt->port->level[level].shift, after);
}

/* Write the run anew: R1. */
static void run_rewrite(struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va,
			const struct pt_at *at, uint32_t attr, bool is_run)
{
	const struct mm_pt_port *port = pt->port;
	const mm_paddr_t pa = run_base(pt, at->entry, at->level);
	const uint64_t mask = pt_run_mask(port, at->level);
	PT_EARLY(PT_SITE_RUN_SWAP, mm_pt_sync(pt, g));
	uint32_t found = run_empty(pt, va, at);

	run_note(pt, g, va, at->level, PT_AFTER(PT_SITE_RUN_EMPTY, MM_PT_AFTER_FLUSH));
	if (!MM_PLANTED(MM_PLANT_RUN_FLUSH) && !PT_SKIPS(PT_SITE_RUN_SWAP))
		mm_pt_sync(pt, g);
	attr = attr ? attr | (found & RUN_SEEN) : found | MM_PT_TRACK;
	run_make(pt, va, at, pa, attr, is_run);
	pt_note_made(pt, g, va & ~mask, va | mask,
		     PT_AFTER(PT_SITE_RUN_MAKE,
			      port->transition(pt, port->empty(pt, at->level),
					       port->leaf(pt, pa, at->level, attr), at->level)));
}

void mm_pt_priv_run_break(struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va,
			  struct pt_at *at)
{
	const struct mm_pt_port *port = pt->port;

	run_rewrite(pt, g, va, at, 0, false);
	at->entry = pt_get(port, at->table, pt_index(port, va, at->level));
}

size_t mm_pt_priv_run_protect(struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va,
			      const struct pt_at *at, uint32_t attr)
{
	run_rewrite(pt, g, va, at, attr, true);
	return pt_run_entries(pt->port, at->level);
}

void mm_pt_priv_run_edges(struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va, mm_vaddr_t last)
{
	for (mm_vaddr_t edge = va;; edge = last) {
		struct pt_at at = pt_seek(pt, pt->port, edge);
		if (pt->port->classify(pt, at.entry, at.level) == MM_PT_RUN) {
			const uint64_t mask = pt_run_mask(pt->port, at.level);
			if ((edge & ~mask) < va || (edge | mask) > last)
				mm_pt_priv_run_break(pt, g, edge, &at);
		}
		if (edge == last)
			return;
	}
}

/* Are all entries of the run around @va empty? */
static bool pt_run_is_free(const struct mm_pt *pt, mm_vaddr_t va, const struct pt_at *at)
{
	const struct mm_pt_port *port = pt->port;
	const size_t i = run_first(pt, pt_index(port, va, at->level), at->level);
	const uint64_t empty = port->empty(pt, at->level);

	for (size_t k = 0; k < pt_run_entries(port, at->level); k++)
		if (pt_used(port, at->table, i + k, at->level, empty))
			return false;
	return true;
}

size_t mm_pt_priv_run_map(const struct mm_pt *pt, void *table, mm_vaddr_t va, size_t *n,
			  mm_paddr_t pa, uint32_t attr, unsigned level)
{
	const struct mm_pt_port *port = pt->port;
	const size_t size = pt_run_entries(port, level);
	const uint64_t mask = pt_run_mask(port, level);
	const struct pt_at at = { .table = table, .level = level };
	size_t k = 0, to_border = size - (pt_index(port, va, level) & (size - 1));

	if (!(pt->runs >> level & 1) || ((va ^ pa) & mask))
		return 0;
	if (to_border == size)
		for (; *n - k >= size && pt_run_is_free(pt, va, &at); k += size) {
			run_make(pt, va, &at, pa, attr, true);
			va += mask + 1;
			pa += (mm_paddr_t)(mask + 1);
		}
	if (*n > to_border)
		*n = to_border;
	return k;
}

/* Are these leaves, alike but for what hardware sets, whose frames follow each other as a run's do? */
static bool run_may_be(const struct mm_pt *pt, mm_vaddr_t va, const struct pt_at *at, mm_paddr_t pa)
{
	const struct mm_pt_port *port = pt->port;
	const mm_paddr_t bytes = (mm_paddr_t)pt_mask(port, at->level) + 1;
	const uint32_t attr = port->attr(pt, at->entry, at->level) & ~RUN_SEEN;

	if (pa & pt_run_mask(port, at->level))
		return false;
	for (size_t k = 0; k < pt_run_entries(port, at->level); k++, pa += bytes) {
		uint64_t entry = pt_load(run_slot(pt, at, va, k), port->entry_lg2);
		if (port->classify(pt, entry, at->level) != MM_PT_LEAF ||
		    port->pa(pt, entry, at->level) != pa ||
		    (port->attr(pt, entry, at->level) & ~RUN_SEEN) != attr)
			return false;
	}
	return true;
}

bool mm_pt_priv_run_join(struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va,
			 const struct pt_at *at)
{
	if (pt->port->classify(pt, at->entry, at->level) != MM_PT_LEAF ||
	    !run_may_be(pt, va, at, pt->port->pa(pt, at->entry, at->level)))
		return false;
	run_rewrite(pt, g, va, at, 0, true);
	return true;
}

/* ---- leave in place ---- */

size_t mm_pt_priv_run_take(const struct mm_pt *pt, mm_vaddr_t va, const struct pt_at *at,
			   struct mm_tlb_gather *g, struct mm_pt_leaves *leaves)
{
	const size_t n = pt_run_entries(pt->port, at->level);
	uint32_t attr = run_empty(pt, va, at);

	run_note(pt, g, va, at->level,
		 PT_AFTER(PT_SITE_RUN_TAKE,
			  pt->port->transition(pt, at->entry, pt->port->empty(pt, at->level),
					       at->level)));
	leaves->pa[0] = run_base(pt, at->entry, at->level);
	if (leaves->attr)
		leaves->attr[0] = attr;
	leaves->n = 1;
	leaves->va = va;
	leaves->last = va | pt_run_mask(pt->port, at->level);
	leaves->level = (uint8_t)at->level;
	g->pages = n * pt_pages(pt->port, at->level);
	return n;
}

/* Member @k: clear bits and tell what there were. Returns what must follow. */
static unsigned run_age_member(const struct mm_pt *pt, mm_vaddr_t va, const struct pt_at *at,
			       size_t k, uint32_t what, uint32_t *attr)
{
	const struct mm_pt_port *port = pt->port;
	const mm_paddr_t pa = run_base(pt, at->entry, at->level) +
			      (mm_paddr_t)mm_shl64(k, port->level[at->level].shift);
	void *slot = run_slot(pt, at, va, k);
	uint64_t old = pt_load(slot, port->entry_lg2), now;
	uint32_t found;

	do {
		if (port->classify(pt, old, at->level) != MM_PT_RUN)
			return MM_PT_AFTER_NONE; /* damaged */
		found = port->attr(pt, old, at->level);
		now = old;
		if (found & what)
			now = port->run(
				pt, port->leaf(pt, pa, at->level, (found & ~what) | MM_PT_TRACK),
				at->level);
	} while (now != old && !pt_change(slot, port->entry_lg2, &old, now)); /* R2 */
	*attr |= found;
	return port->transition(pt, old, now, at->level);
}

uint32_t mm_pt_priv_run_age(const struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va,
			    const struct pt_at *at, uint32_t what)
{
	const size_t n = pt_run_entries(pt->port, at->level);
	unsigned after = 0;
	uint32_t attr = pt->port->attr(pt, at->entry, at->level) & ~RUN_SEEN; /* R4 */

	for (size_t k = 0; k < n; k++) {
		uint32_t found = 0;
		after |= run_age_member(pt, va, at, k, what, &found);
		attr |= k == 0 || !MM_PLANTED(MM_PLANT_RUN_DIRTY) ? found & RUN_SEEN : 0;
	}
	run_note(pt, g, va, at->level, PT_AFTER(PT_SITE_RUN_AGE, after));
	g->pages += attr & what ? n * pt_pages(pt->port, at->level) : 0;
	return attr;
}

#undef RUN_SEEN
