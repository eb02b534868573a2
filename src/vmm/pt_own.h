/* SPDX-License-Identifier: MIT */
/* Whose is a range of addresses in a tree: what roots share (pt_share.c), the recursive entry (pt_recursive.c), claims
 * (pt_claim.c). Part of pt_core.h. */
#ifndef MM_SRC_VMM_PT_OWN_H
#define MM_SRC_VMM_PT_OWN_H

enum pt_shares {
	PT_SHARES_OWN = 1,    /* H1: the tables below these entries of the root stay */
	PT_SHARES_MIRROR = 2, /* H2: these entries are those of another root, too */
	PT_SHARES_OTHERS = 4, /* H3: these entries are another tree's */
	PT_SHARES_ANY = 7,
	PT_SHARES_CLAIM = 8,    /* C2 of pt_claim.c: this is a claim on a range of a tree... */
	PT_SHARES_CLAIMED = 16, /* ...or a tree that has claims */
};
#define PT_CLAIMS ((unsigned)PT_SHARES_CLAIM | (unsigned)PT_SHARES_CLAIMED)

#define PT_SHARED (sizeof(((struct mm_pt *)0)->shared) / sizeof(struct mm_pt_shared))

/* Are entries [first, last] of the root, or some of them, shared in one of these ways? */
PT_INLINE bool pt_shares(const struct mm_pt *pt, unsigned how, size_t first, size_t last)
{
	if (!(pt->shares & how))
		return false;
	for (unsigned k = 0; k < (MM_PLANTED(MM_PLANT_PT_SHARED) ? 1 : PT_SHARED); k++)
		if ((pt->shared[k].how & how) && last >= pt->shared[k].first &&
		    first < (size_t)pt->shared[k].first + pt->shared[k].n)
			return true;
	return false;
}

/* Does the table below the root around @va stay, even if it is empty? */
PT_INLINE bool pt_stays(const struct mm_pt *pt, const struct mm_pt_port *port, mm_vaddr_t va)
{
	const size_t i = pt_index(port, va, port->nlevels - 1u);

	return pt_shares(pt, PT_SHARES_OWN, i, i);
}

/* Is this entry of the root the recursive one? X1 of pt_recursive.c */
PT_INLINE bool pt_recurses(const struct mm_pt *pt, size_t i)
{
#if MM_PT_WINDOW
	return pt->recursive && i == pt->recursive - 1u && !MM_PLANTED(MM_PLANT_PT_RECURSIVE);
#else
	(void)pt;
	(void)i;
	return false;
#endif
}

/* Does [va, last] reach into what that is for? */
PT_INLINE bool pt_is_recursive(const struct mm_pt *pt, const struct mm_pt_port *port, mm_vaddr_t va, mm_vaddr_t last)
{
#if MM_PT_WINDOW
	return pt->recursive && last >= pt->va_recursive &&
	       va <= (pt->va_recursive | pt_mask(port, port->nlevels - 1u)) && !MM_PLANTED(MM_PLANT_PT_RECURSIVE);
#else
	(void)pt;
	(void)port;
	(void)va;
	(void)last;
	return false;
#endif
}

/* Of a root at level 1: how many entries come before all that are not the tree's own, H3 and X1? */
PT_INLINE size_t pt_own_entries(const struct mm_pt *pt, const struct mm_pt_port *port)
{
	size_t n = pt_entries(port, 1);

	for (unsigned k = 0; k < PT_SHARED; k++)
		if (pt->shared[k].how == PT_SHARES_OTHERS && pt->shared[k].first < n)
			n = pt->shared[k].first;
#if MM_PT_WINDOW
	if (pt->recursive && pt->recursive - 1u < n && !MM_PLANTED(MM_PLANT_PT_NEAR_RECURSIVE))
		n = pt->recursive - 1u;
#endif
	return n;
}

/* What is left of the attributes of a leaf at @va. */
PT_INLINE uint32_t pt_rights(const struct mm_pt *pt, const struct mm_pt_port *port, mm_vaddr_t va, uint32_t attr)
{
#if MM_PT_WINDOW
	if (pt_is_recursive(pt, port, va, va))
		attr &= pt->attr_recursive;
#endif
	(void)pt;
	(void)port;
	(void)va;
	return attr;
}

/* Entries that a table has room for: X3 of pt_recursive.c. */
PT_INLINE size_t pt_room(const struct mm_pt *pt, unsigned level)
{
	const struct mm_pt_port *port = pt->port;
	const bool page = PT_WINDOW && level == port->nlevels - 1u && (pt->cfg.features & port->recursive_feature);

	return page ? (size_t)1 << (port->level[0].shift - port->entry_lg2) : pt_entries(port, level);
}

/* X2 of pt_recursive.c: the gather was flushed; so must be what the entry showed of tables on the way there. */
void mm_pt_priv_flush_shown(const struct mm_pt *pt, const struct mm_tlb_gather *g);

PT_INLINE void pt_flush_shown(const struct mm_pt *pt, const struct mm_tlb_gather *g)
{
#if MM_PT_WINDOW
	if (pt->recursive && g->flush)
		mm_pt_priv_flush_shown(pt, g);
#endif
	(void)pt;
	(void)g;
}

/* Does [va, last] reach into entries of the root that are another tree's (H3), or into the recursive one (X1)? */
PT_INLINE bool pt_is_foreign(const struct mm_pt *pt, const struct mm_pt_port *port, mm_vaddr_t va, mm_vaddr_t last)
{
	const unsigned top = port->nlevels - 1u;

	if (pt_is_recursive(pt, port, va, last))
		return true;
	return pt_shares(pt, PT_SHARES_OTHERS, pt_index(port, va, top), pt_index(port, last, top));
}

/* The same, and what is not for this claim, or for nobody but claims: in pt.c, for those that have such. */
bool mm_pt_priv_is_others(const struct mm_pt *pt, mm_vaddr_t va, mm_vaddr_t last);

/* Is anything in [va, last] not for this tree, or claim, to change? */
PT_INLINE bool pt_is_others(const struct mm_pt *pt, const struct mm_pt_port *port, mm_vaddr_t va, mm_vaddr_t last)
{
	if (pt_is_recursive(pt, port, va, last))
		return true;
	return (pt->shares & (PT_SHARES_OTHERS | PT_CLAIMS)) && mm_pt_priv_is_others(pt, va, last);
}

/* Is this entry of the root none of the tree's: another tree's (H3), or the recursive one (X1)? */
PT_INLINE bool pt_is_not_own(const struct mm_pt *pt, size_t i)
{
	return pt_shares(pt, PT_SHARES_OTHERS, i, i) || pt_recurses(pt, i);
}

/* C2 of pt_claim.c: may the entry of @level around @va, and all that is below it, change with nobody else in there? */
bool mm_pt_priv_alone_in(const struct mm_pt *pt, mm_vaddr_t va, unsigned level);

/* C3: does the table of @level around @va have to stay, as more than one are in there? */
PT_INLINE bool pt_table_is_shared(const struct mm_pt *pt, mm_vaddr_t va, unsigned level)
{
	return (pt->shares & PT_CLAIMS) && level + 1u < pt->port->nlevels && !mm_pt_priv_alone_in(pt, va, level + 1);
}
#endif
