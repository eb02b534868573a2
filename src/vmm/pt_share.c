/* SPDX-License-Identifier: MIT */
/* Theory of operation: page tables, roots that share what lies below some of their entries
 * Problem      a kernel's half is in each space. If each root had entries of its own there, what is mapped anew would
 *              have to be put into all of them, and what is unmapped taken out of all before its table goes back.
 * Structure    the entries in question are filled once, with tables that stay, and copied. Or they change in two roots at
 *              once: an entry of the root is written in two places only, where it comes to lead to a table (link) and
 *              where it leaves it (cut), for leaves are refused there.
 * Invariants   H1 below an entry that is kept is a table until the tree goes; T1 of pt.c does not hold for it.
 *              H2 an entry that is followed is the same in both roots, but between two stores, at the end of which both
 *                 are what they should be before the flush.
 *              H3 through a tree some of whose entries are another's nothing below them changes: it remembers no table
 *                 there (W6 of pt_walk.inc), of a root in two levels no more than what is before them, and its end
 *                 leaves them alone.
 *              H4 no entry is in two ranges of a tree.
 * Concurrency  one writer for what is shared, by the caller. */
#include <mmlib/pt_share.h>
#include "vmm/pt_core.h"

/* Entries of a root. */
struct share_range {
	size_t first, n;
	mm_vaddr_t va; /* of the first */
};

static unsigned share_top(const struct mm_pt *pt)
{
	return pt->port->nlevels - 1u;
}

static enum mm_status share_range(const struct mm_pt *pt, mm_vaddr_t va, uint64_t length, struct share_range *range)
{
	const unsigned top = share_top(pt);
	mm_vaddr_t last;
	enum mm_status st = pt_range(pt->port, va, length, &last);

	if (st != MM_OK)
		return st;
	if ((va & pt_mask(pt->port, top)) || (~last & pt_mask(pt->port, top)))
		return MM_E_ALIGN;
	*range = (struct share_range){ .first = pt_index(pt->port, va, top), .va = va };
	range->n = pt_index(pt->port, last, top) - range->first + 1;
	if (top == 0 || range->first + range->n > 0xffff)
		return MM_E_NOTSUP;
	return pt_is_recursive(pt, pt->port, va, last) ? MM_E_OWNER : MM_OK;
}

static mm_vaddr_t share_va(const struct mm_pt *pt, const struct share_range *range, size_t i)
{
	return range->va + mm_shl64(i, pt->port->level[share_top(pt)].shift);
}

static struct pt_at share_entry(const struct mm_pt *pt, const struct share_range *range, size_t i)
{
	struct pt_at at = { .level = share_top(pt) };

	at.table = pt_virt(pt, pt->root, at.level, share_va(pt, range, i));
	at.entry = pt_get(pt->port, at.table, range->first + i);
	return at;
}

static enum mm_pt_kind share_kind(const struct mm_pt *pt, const struct share_range *range, size_t i)
{
	struct pt_at at = share_entry(pt, range, i);

	return pt->port->classify(pt, at.entry, at.level);
}

/* Which range of a tree is shared so? 0: which is free? The last, if none is. */
static unsigned share_find(const struct mm_pt *pt, unsigned how)
{
	unsigned k = 0;

	while (k + 1 < PT_SHARED && pt->shared[k].how != how)
		k++;
	return k;
}

/* May a tree have one more range, shared so? It keeps one, is followed in one, and no entry is in two. */
static enum mm_status share_room(const struct mm_pt *pt, const struct share_range *range, enum pt_shares how)
{
	const bool again = how != PT_SHARES_OTHERS && (pt->shares & (unsigned)how);

	return again || (pt->shares & PT_CLAIMS) || pt->shared[share_find(pt, 0)].how ||
			       pt_shares(pt, PT_SHARES_ANY, range->first, range->first + range->n - 1)
		       ? MM_E_BUSY
		       : MM_OK;
}

static void share_note(struct mm_pt *pt, const struct share_range *range, enum pt_shares how)
{
	pt->shared[share_find(pt, 0)] = (struct mm_pt_shared){
		.how = (uint8_t)how, .first = (uint16_t)range->first, .n = (uint16_t)range->n, .va = range->va
	};
	pt->shares |= (uint8_t)how;
}

/* What a tree keeps. */
static struct share_range share_kept(const struct mm_pt *pt)
{
	const struct mm_pt_shared *s = &pt->shared[share_find(pt, PT_SHARES_OWN)];

	return (struct share_range){ .first = s->first, .n = s->n, .va = s->va };
}

/* Is there no leaf among the entries? Asked before any table is, which cannot help then. */
static enum mm_status share_leafless(const struct mm_pt *pt, const struct share_range *range, struct mm_tlb_gather *g)
{
	for (size_t i = 0; i < range->n; i++) {
		enum mm_pt_kind kind = share_kind(pt, range, i);
		if (kind != MM_PT_EMPTY && kind != MM_PT_TABLE)
			return pt_stop(g, share_va(pt, range, i), share_top(pt), MM_E_EXIST);
	}
	return MM_OK;
}

/* Set aside a table for each entry that has none. All or none. */
static enum mm_status share_tables(const struct mm_pt *pt, const struct share_range *range, struct mm_tlb_gather *g,
				   struct mm_pt_pool *own)
{
	const unsigned below = share_top(pt) - 1;
	enum mm_status st = MM_OK;

	for (size_t i = 0; i < range->n && st == MM_OK; i++) {
		mm_paddr_t pa;
		if (share_kind(pt, range, i) == MM_PT_TABLE)
			continue;
		if ((st = mm_pt_priv_table_new(pt, g->pool, below, &pa)) == MM_OK)
			mm_pt_priv_pool_put(pt, own, below, pa);
		else
			(void)pt_stop(g, share_va(pt, range, i), below + 1, st);
	}
	while (st != MM_OK && own->n[below] > 0)
		mm_pt_priv_table_drop(pt, g->pool, below, mm_pt_priv_pool_take(pt, own, below));
	return st;
}

/* W5 of pt_walk.inc, without a look whether the format breaks before it makes: it is done once. */
static void share_settle(struct mm_pt *pt, struct mm_tlb_gather *g)
{
	if (g->flush)
		mm_pt_sync(pt, g);
}

enum mm_status mm_pt_keep(struct mm_pt *pt, mm_vaddr_t va, uint64_t length, struct mm_tlb_gather *g)
{
	struct mm_pt_pool own = { .n = { 0 } };
	struct share_range range;

	if (!pt || !g)
		return MM_E_INVAL;
	if (!pt->port)
		return MM_E_STATE;
	enum mm_status st = share_range(pt, va, length, &range);
	if (st != MM_OK || (st = share_room(pt, &range, PT_SHARES_OWN)) != MM_OK ||
	    (st = share_leafless(pt, &range, g)) != MM_OK || (st = share_tables(pt, &range, g, &own)) != MM_OK)
		return st;
	share_settle(pt, g);
	for (size_t i = 0; i < range.n; i++) {
		struct pt_at at = share_entry(pt, &range, i);
		if (share_kind(pt, &range, i) == MM_PT_TABLE)
			continue;
		mm_paddr_t table = mm_pt_priv_pool_take(pt, &own, at.level - 1);
		mm_pt_priv_fill_empty(pt, pt_virt_aside(pt, table, at.level - 1), at.level - 1);
		mm_pt_priv_link(pt, g, share_va(pt, &range, i), &at, table);
	}
	if (!MM_PLANTED(MM_PLANT_PT_KEEP))
		share_note(pt, &range, PT_SHARES_OWN); /* H1 */
	return MM_OK;
}

enum mm_status mm_pt_unkeep(struct mm_pt *pt, struct mm_tlb_gather *g)
{
	if (!pt || !g)
		return MM_E_INVAL;
	if (!pt->port || !(pt->shares & PT_SHARES_OWN))
		return MM_E_STATE;
	if (pt->shares & PT_CLAIMS)
		return MM_E_BUSY;
	const struct share_range range = share_kept(pt);
	pt->shared[share_find(pt, PT_SHARES_OWN)].how = 0;
	pt->shares &= (uint8_t)~(unsigned)PT_SHARES_OWN;
	for (size_t i = 0; i < range.n; i++) {
		struct pt_at at = share_entry(pt, &range, i);
		mm_vaddr_t va = share_va(pt, &range, i);
		void *table = pt_virt_aside(pt, pt->port->below(pt, at.entry), at.level - 1);
		if (!mm_pt_priv_name_witness(pt, table, at.level - 1)) /* T1 */
			mm_pt_priv_detach(pt, g, &at, range.first + i, va, va | pt_mask(pt->port, at.level),
					  pt->port->level[0].shift);
	}
	return MM_OK;
}

/* Would entries mean the same in both trees? */
static bool share_alike(const struct mm_pt *a, const struct mm_pt *b)
{
	return a->port == b->port && a->pa_last == b->pa_last && a->cfg.set_bits == b->cfg.set_bits &&
	       a->cfg.leaf_levels == b->cfg.leaf_levels && a->cfg.features == b->cfg.features;
}

/* Is what is empty in one tree so in the other? Not where the MMU follows it: the root it leads to would go first. */
static bool share_empties(const struct mm_pt *a, const struct mm_pt *b)
{
	return a->port->empty(a, share_top(a)) == b->port->empty(b, share_top(b));
}

/* May a tree get entries of another? */
static enum mm_status share_ready(const struct mm_pt *to, const struct mm_pt *from, const struct mm_tlb_gather *g)
{
	if (!to || !from || !g)
		return MM_E_INVAL;
	if (!to->port || !from->port)
		return MM_E_STATE;
	if (to == from || !share_alike(to, from))
		return MM_E_INVAL;
	return share_empties(to, from) ? MM_OK : MM_E_NOTSUP;
}

/* Copy them, if there are none yet. */
static enum mm_status share_copy(struct mm_pt *to, const struct mm_pt *from, const struct share_range *range,
				 struct mm_tlb_gather *g)
{
	const struct mm_pt_port *port = to->port;

	for (size_t i = 0; i < range->n; i++)
		if (share_kind(to, range, i) != MM_PT_EMPTY)
			return pt_stop(g, share_va(to, range, i), share_top(to), MM_E_EXIST);
	share_settle(to, g);
	for (size_t i = 0; i < range->n; i++) {
		struct pt_at at = share_entry(from, range, i), old = share_entry(to, range, i);
		if (port->classify(from, at.entry, at.level) == MM_PT_EMPTY)
			continue;
		mm_vaddr_t va = share_va(to, range, i);
		pt_link(pt_slot(port, old.table, range->first + i), port->entry_lg2, at.entry);
		pt_note_made(to, g, va, va, port->transition(to, old.entry, at.entry, at.level));
	}
	share_note(to, range, PT_SHARES_OTHERS); /* H3 */
	pt_forget_near(to); /* in two levels that is the root */
	return MM_OK;
}

enum mm_status mm_pt_share(struct mm_pt *to, const struct mm_pt *from, struct mm_tlb_gather *g)
{
	enum mm_status st = share_ready(to, from, g);

	if (st != MM_OK)
		return st;
	if (!(from->shares & PT_SHARES_OWN))
		return MM_E_STATE;
	const struct share_range range = share_kept(from);
	st = share_room(to, &range, PT_SHARES_OTHERS);
	return st == MM_OK ? share_copy(to, from, &range, g) : st;
}

enum mm_status mm_pt_mirror(struct mm_pt *to, struct mm_pt *from, mm_vaddr_t va, uint64_t length,
			    struct mm_tlb_gather *g)
{
	struct share_range range;
	enum mm_status st = share_ready(to, from, g);

	if (st != MM_OK || (st = share_range(from, va, length, &range)) != MM_OK ||
	    (st = share_range(to, va, length, &range)) != MM_OK ||
	    (st = share_room(to, &range, PT_SHARES_OTHERS)) != MM_OK ||
	    (st = share_room(from, &range, PT_SHARES_MIRROR)) != MM_OK)
		return st;
	if (to->cfg.leaf_levels >> share_top(to) & 1)
		return MM_E_NOTSUP;
	if ((st = share_copy(to, from, &range, g)) != MM_OK)
		return st;
	share_note(from, &range, PT_SHARES_MIRROR); /* H2 */
	from->follower = to->root;
	return MM_OK;
}
