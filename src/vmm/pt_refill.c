/* SPDX-License-Identifier: MIT */
/* Theory of operation: page tables, for TLBs that software fills
 * Problem      no hardware reads the tables: an exception handler does, with pages in pairs and of other sizes than
 *              leaves have, and it sets accessed and dirty bits.
 * Structure    a TLB is described by data (mmlib/pt_refill.h). A refill goes down to the lowest entry for the
 *              address, chooses a size that the TLB has, and encodes the page that each half lies in from what
 *              attr() and pa() of the format say: the tree may be of any format. Two smallest pages are two entries
 *              of one table; a larger leaf is cut, into halves if it is no larger than the largest pair.
 * Invariants   F1 a half grants nothing that its entry, as it was read, does not grant; the two are read one after
 *                 the other, as two refills would.
 *              F2 a pair never reaches beyond the leaf that its size comes from, but for two smallest pages.
 *              F3 what a touch sets, it sets in the entry whose rights it looked at, and only where writers expect
 *                 bits to be set under their hands.
 *              F4 a half that is not valid is as global as the other one. So where all pages are global all pairs are,
 *                 whatever is mapped beside them later, and none is found with another one under some ASID.
 *              F5 what is read are entries, and never halves of two: E3 of pt_entry.h.
 * Concurrency  as hardware: at any time, on any CPU. Nothing is kept; the way down is at most as long as there are
 *              levels, even if the tables change meanwhile. */
#include <mmlib/pt_refill.h>
#include "hook.h"
#include "vmm/pt_core.h"

#define REFILL_RIGHTS ((uint32_t)(MM_PT_READ | MM_PT_WRITE | MM_PT_EXEC | MM_PT_USER))

/* Log2 of the largest page of the TLB of at most 2^@most bytes; 0: there is none. */
static unsigned refill_largest(const struct mm_pt_tlb *tlb, unsigned most)
{
	while (most > 0 && !(mm_shr64(tlb->sizes, most) & 1))
		most--;
	return most;
}

/* Log2 of the pages of the TLB in which what is @at is to be held. */
static unsigned refill_size(const struct mm_pt *pt, const struct mm_pt_tlb *tlb,
			    const struct pt_at *at)
{
	const unsigned small = pt->port->level[0].shift;
	bool mapped = pt_maps(pt->port, pt->port->classify(pt, at->entry, at->level));
	unsigned most = mapped ? pt->port->level[at->level].shift : small;

	if (most == small && (mm_shr64(tlb->sizes, small) & 1))
		return small;
	return refill_largest(tlb, tlb->single ? most : most - 1); /* F2 */
}

static uint64_t refill_type(const struct mm_pt_tlb *tlb, uint32_t attr)
{
	size_t i = (attr & MM_PT_TYPE) >> 8;

	return i < sizeof(tlb->type) / sizeof(tlb->type[0]) ? tlb->type[i] : UINT64_MAX;
}

static uint64_t refill_rights(const struct mm_pt_tlb *tlb, uint32_t attr)
{
	uint64_t lo = refill_type(tlb, attr) | tlb->valid;

	lo |= attr & MM_PT_READ ? 0 : tlb->no_read;
	lo |= attr & MM_PT_EXEC ? 0 : tlb->no_exec;
	lo |= attr & MM_PT_USER ? tlb->user : 0;
	lo |= attr & MM_PT_GLOBAL ? tlb->global : 0;
	if ((attr & MM_PT_WRITE) && ((attr & MM_PT_DIRTY) || MM_PLANTED(MM_PLANT_REFILL_DIRTY)))
		lo |= tlb->write;
	return lo;
}

/* One page, from @va on, in the entry for it of the table @at. */
static uint64_t refill_page(const struct mm_pt *pt, const struct mm_pt_tlb *tlb,
			    const struct pt_at *at, mm_vaddr_t va)
{
	const struct mm_pt_port *port = pt->port;
	const size_t i = pt_index(port, va, at->level);
	uint64_t entry = pt_read(port, at->table, i, false);

	if (!pt_maps(port, port->classify(pt, entry, at->level)))
		return 0;
	uint32_t attr = port->attr(pt, entry, at->level);
	if (!(attr & MM_PT_ACCESSED) || refill_type(tlb, attr) == UINT64_MAX)
		return 0;
	mm_paddr_t pa = mm_pt_priv_run_pa(pt, entry, i, at->level);
	if (!MM_PLANTED(MM_PLANT_REFILL_HALF))
		pa += (mm_paddr_t)(va & pt_mask(port, at->level));
	return refill_rights(tlb, attr) | (mm_shr64(pa, tlb->shift) & tlb->address);
}

/* A pair is global if all that is valid in it is: F4. */
static void refill_global(const struct mm_pt_tlb *tlb, uint64_t lo[2])
{
	uint64_t global = lo[0] & lo[1] & tlb->global;

	if ((!lo[0] || !lo[1]) && !MM_PLANTED(MM_PLANT_REFILL_BESIDE))
		global = (lo[0] | lo[1]) & tlb->global;
	lo[0] = (lo[0] & ~tlb->global) | global;
	lo[1] = (lo[1] & ~tlb->global) | global;
}

static enum mm_status refill_begin(const struct mm_pt *pt, mm_vaddr_t va, struct pt_at *at)
{
	if (!pt->port)
		return MM_E_STATE;
	if (!pt_va_ok(pt->port, va, va))
		return MM_E_RANGE;
	*at = pt_seek_by(pt, pt->port, va, false);
	return MM_OK;
}

enum mm_status mm_pt_refill(const struct mm_pt *pt, const struct mm_pt_tlb *tlb, mm_vaddr_t va,
			    struct mm_pt_pair *pair)
{
	struct pt_at at;

	if (!pt || !tlb || !pair)
		return MM_E_INVAL;
	enum mm_status st = refill_begin(pt, va, &at);
	if (st != MM_OK)
		return st;
	const unsigned size = refill_size(pt, tlb, &at), both = size + !tlb->single;
	if (!size)
		return MM_E_NOTSUP;
	const uint64_t page = mm_shl64(1, size);
	struct mm_pt_pair got = { .va = va & ~(mm_shl64(1, both) - 1), .shift = (uint8_t)size };
	got.lo[0] = refill_page(pt, tlb, &at, got.va);
	if (!tlb->single)
		got.lo[1] = refill_page(pt, tlb, &at, got.va + page);
	if (!got.lo[!tlb->single && (va & page)])
		return MM_E_NOENT;
	if (!tlb->single && !MM_PLANTED(MM_PLANT_REFILL_GLOBAL))
		refill_global(tlb, got.lo);
	*pair = got;
	return MM_OK;
}

unsigned mm_pt_refill_step(const struct mm_pt_tlb *tlb, const struct mm_tlb_gather *g)
{
	if (!tlb || !g)
		return 0;
	/* Larger leaves are cut into pieces that are no smaller. */
	const unsigned leaf = g->min_shift, both = !tlb->single;
	unsigned page = refill_largest(tlb, leaf > 0 ? leaf - both : 0);

	return page ? page + both : leaf;
}

enum mm_status mm_pt_touch(const struct mm_pt *pt, mm_vaddr_t va, uint32_t access)
{
	struct pt_at at;

	if (!pt || (access & ~REFILL_RIGHTS))
		return MM_E_INVAL;
	enum mm_status st = refill_begin(pt, va, &at);
	if (st != MM_OK)
		return st;
	const struct mm_pt_port *port = pt->port;
	void *slot = pt_slot(port, at.table, pt_index(port, va, at.level));
	uint32_t want = MM_PT_ACCESSED | (access & MM_PT_WRITE ? (uint32_t)MM_PT_DIRTY : 0), attr;
	uint64_t now;
	do {
		enum mm_pt_kind kind = port->classify(pt, at.entry, at.level);
		if (kind != MM_PT_LEAF)
			return kind == MM_PT_RUN ? MM_E_NOTSUP : MM_E_NOENT;
		attr = port->attr(pt, at.entry, at.level);
		if (access & ~attr)
			return MM_E_PERM;
		if (!(want & ~attr))
			return MM_OK;
		now = port->leaf(pt, port->pa(pt, at.entry, at.level), at.level,
				 attr | want | MM_PT_TRACK);
		if ((now ^ at.entry) & ~port->hw_volatile)
			return MM_E_NOTSUP; /* a writer might store over it without a look: F3 */
	} while (!pt_change(slot, port->entry_lg2, &at.entry, now)); /* F3 */
	return MM_OK;
}
