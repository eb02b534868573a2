/* SPDX-License-Identifier: MIT */
/* Theory of operation: page tables, several writers in one tree
 * Problem      writers in different ranges meet in the tables above their ranges, and in those that the border of a
 *              range runs through: both might make the same table, or one might take out what the other is about to
 *              use.
 * Structure    a claim is a second struct mm_pt for the same root, so what operations remember from call to call is
 *              each writer's own. At its two ends the tables that it shares with what is beside it are made when it is
 *              claimed, under the host's lock, and stay: whatever operations in the range make or take out is an entry
 *              that lies in the range whole, which nobody else reads. So nothing there has to be atomic.
 *              When a claim is released, the tables that its ends run through are looked at once more.
 * Invariants   C1 no two claims of a tree overlap, and while it has some, nothing changes through the tree itself.
 *              C2 an entry is written through the claim that has all of what it translates; else under the host's
 *                 lock, by who claims or releases a range with a part of it.
 *              C3 a table is shared if a claim has a part of what it translates, but not all. It is in the tree, has no
 *                 leaf above it, and stays, even if it is empty: T1 of pt.c does not hold for it, nor T5.
 *              C4 what a claim remembers as near (W6 of pt_walk.inc) is for addresses in its range.
 * Why not      compare-and-swap of tables, each made by who comes first: tables could then not go back while others may
 *              walk, an entry's owner would have to be asked for at each, and one who splits a leaf would need a lock
 *              all the same. A claim costs a walk at its ends, once.
 * Concurrency  claim and release: the host's lock for the tree. Operations: one writer for each claim. */
#include <mmlib/pt_claim.h>
#include "vmm/pt_core.h"

/* C1 */
static bool claim_overlaps(const struct mm_pt *pt, mm_vaddr_t va, mm_vaddr_t last)
{
	for (const struct mm_pt *c = pt->claims; c; c = c->claims)
		if (va <= c->claim_last && last >= c->claim_va)
			return true;
	return false;
}

/* Does it have a range already? */
static bool claim_is_made(const struct mm_pt *pt, const struct mm_pt *claim)
{
	const struct mm_pt *c = pt->claims;

	while (c && c != claim)
		c = c->claims;
	return c;
}

/* Make the tables that the border before @border runs through, down to where entries end there. @va is on this side of it.
 */
static enum mm_status claim_grow(struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va, mm_vaddr_t border)
{
	const struct mm_pt_port *port = pt->port;
	struct pt_at at = pt_seek(pt, port, va);
	const unsigned low = mm_pt_priv_border_level(port, border, at.level);

	if (low == at.level || pt_maps(port, port->classify(pt, at.entry, at.level)))
		return MM_OK; /* a leaf is for mm_pt_priv_split() */
	if (port->classify(pt, at.entry, at.level) != MM_PT_EMPTY)
		return pt_stop(g, va, at.level, MM_E_CORRUPT);
	enum mm_status st = mm_pt_priv_grow(pt, g, va, &at, low);
	return st == MM_OK ? st : pt_stop(g, va, at.level, st);
}

/* If the lowest table for @va is no claim's any more, it goes when it is empty, and else gets a witness: T1, T5. */
static void claim_tidy(struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va)
{
	struct pt_at at = pt_seek(pt, pt->port, va);

	if (at.level + 1u < pt->port->nlevels && !pt_table_is_shared(pt, va, at.level) &&
	    !mm_pt_priv_name_witness(pt, at.table, at.level))
		mm_pt_priv_prune(pt, g, va, at.level);
}

/* C3, at both ends. All or none: a split is the last. */
static enum mm_status claim_ends(struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va, mm_vaddr_t last)
{
	enum mm_status st = claim_grow(pt, g, va, va);

	if (st == MM_OK)
		st = claim_grow(pt, g, last, last + 1);
	if (st == MM_OK)
		st = mm_pt_priv_split(pt, g, va, last);
	if (st != MM_OK) {
		const struct mm_tlb_gather stopped = *g;
		claim_tidy(pt, g, va);
		claim_tidy(pt, g, last);
		(void)pt_stop(g, stopped.stop_va, stopped.stop_level, st);
	}
	return st;
}

static enum mm_status claim_ok(const struct mm_pt *pt, mm_vaddr_t va, uint64_t length, const struct mm_pt_env *env,
			       mm_vaddr_t *last)
{
	if (!pt->port || (pt->shares & PT_SHARES_CLAIM))
		return MM_E_STATE;
	if (env && !mm_pt_priv_env_ok(env))
		return MM_E_PORT;
	enum mm_status st = pt_range(pt->port, va, length, last);
	if (st != MM_OK)
		return st;
	if (pt_is_foreign(pt, pt->port, va, *last))
		return MM_E_OWNER;
	return claim_overlaps(pt, va, *last) && !MM_PLANTED(MM_PLANT_PT_CLAIM_TWICE) ? MM_E_BUSY : MM_OK;
}

/* The tree as it is, but for what is each writer's own. */
static void claim_make(struct mm_pt *pt, struct mm_pt *claim, const struct mm_pt_env *env)
{
	pt_forget(pt, MM_PT_LEVELS_MAX);
	pt->detached++; /* Q1 of pt_query.inc: no cursor of the tree knows what claims take out */
	*claim = *pt;
	if (env)
		claim->env = env;
	claim->detached = 0;
	claim->claim_of = pt;
	claim->shares = (uint8_t)((claim->shares & ~(unsigned)PT_SHARES_CLAIMED) | PT_SHARES_CLAIM);
}

enum mm_status mm_pt_claim(struct mm_pt *pt, mm_vaddr_t va, uint64_t length, const struct mm_pt_env *env,
			   struct mm_tlb_gather *g, struct mm_pt *claim)
{
	mm_vaddr_t last;

	if (!pt || !g || !claim || claim == pt)
		return MM_E_INVAL;
	enum mm_status st = claim_ok(pt, va, length, env, &last);
	if (st == MM_OK && claim_is_made(pt, claim))
		st = MM_E_BUSY;
	if (st != MM_OK)
		return mm_pt_priv_refuse(g, va, st);
	if (g->flush)
		mm_pt_sync(pt, g); /* W5 of pt_walk.inc */
	if ((st = claim_ends(pt, g, va, last)) != MM_OK)
		return st;
	claim_make(pt, claim, env);
	claim->claim_va = va;
	claim->claim_last = last;
	pt->claims = claim; /* whose next is the first so far */
	pt->shares |= PT_SHARES_CLAIMED;
	return MM_OK;
}

enum mm_status mm_pt_release(struct mm_pt *claim, struct mm_tlb_gather *g)
{
	if (!claim || !g)
		return MM_E_INVAL;
	if (!claim->port || !(claim->shares & PT_SHARES_CLAIM))
		return MM_E_STATE;
	struct mm_pt *pt = claim->claim_of, **link = &pt->claims;
	const mm_vaddr_t va = claim->claim_va, last = claim->claim_last;
	while (*link != claim)
		link = &(*link)->claims;
	mm_pt_sync(claim, g);
	*link = claim->claims;
	*claim = (struct mm_pt){ 0 };
	if (!pt->claims)
		pt->shares &= (uint8_t)~(unsigned)PT_SHARES_CLAIMED;
	claim_tidy(pt, g, va);
	claim_tidy(pt, g, last);
	mm_pt_sync(pt, g);
	return MM_OK;
}
