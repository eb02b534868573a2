/* SPDX-License-Identifier: MIT */
/* Theory of operation: page tables, the part that is the same code for every format
 * Problem      take down trees, give tables back safely, and the slow paths that change the shape of a
 *              tree. How one is set up is in pt_init.c.
 * Structure    every function goes through pt->port. The fast paths, folded to a format, are in
 *              pt_walk.inc; what format they are for is checked there.
 * Invariants   T1 no table below the root is empty when an operation ends, but as H1 and C3 say.
 *              T2 a table that was ever reachable goes back only after a flush that followed its
 *                 detaching, and nothing in it is written or followed up to then.
 *              T3 all tables that an operation may need are allocated before its first change
 *                 (split), or before the tree can see any of them (grow).
 *              T4 a chain of new tables is filled before it is linked, by one store.
 *              T5 of a table of level 0 in the tree the first entry is in use, or it names one that is: in a field
 *                 of an empty entry that hardware does not look at, where the format has that.
 * Why no list  through dead tables: remote CPUs may still walk them until the flush, so a link
 *              written into one would be followed. The gather keeps 16 roots of dead trees; each
 *              tree is its own list, read after the flush.
 * Why no use   counts: they need memory beside each table. That a table is not empty yet is told by its
 *              witness (T5): a single look, of which the outcome can be predicted. When the witness is gone, which
 *              of 512 pages that go in random order some seven are, the next is looked for downwards and then from the
 *              end of the table on, for pages mostly go from its start. Without a field for it, and above level 0, a
 *              look at all entries tells, which begins with those that share a cache line with the one that was
 *              cleared.
 * Concurrency  one writer for each tree, by the caller, or as pt_claim.c says. Hardware walks it at any time. */
#include <mmlib/pt.h>
#include "vmm/pt_core.h"

/* Tables for a split, allocated beforehand: at most one for each level and edge. */
struct pt_spare {
	mm_paddr_t pa[2 * MM_PT_LEVELS_MAX];
	uint8_t level[2 * MM_PT_LEVELS_MAX];
	unsigned n;
};

_Static_assert(sizeof(((struct mm_pt_pool *)0)->n) / sizeof(size_t) == MM_PT_LEVELS_MAX, "levels of a pool");

static size_t pt_bytes(const struct mm_pt_port *port, unsigned level)
{
	return pt_entries(port, level) << port->entry_lg2;
}

/* Bytes that a table takes. */
static size_t pt_taken(const struct mm_pt *pt, unsigned level)
{
	return pt_room(pt, level) << pt->port->entry_lg2;
}

static void pt_table_free(const struct mm_pt *pt, mm_paddr_t pa, unsigned level)
{
	pt->env->free_table(pt->env->ctx, pa, pt_taken(pt, level));
}

/* Tables come dirty. Nobody sees this one yet. */
void mm_pt_priv_fill_empty(const struct mm_pt *pt, void *table, unsigned level)
{
	uint64_t empty = pt->port->empty(pt, level);

	if (!empty) {
		__builtin_memset(table, 0, pt_taken(pt, level));
		return;
	}
	const unsigned lg2 = pt->port->entry_lg2;
	unsigned char *slot = table;
	size_t n = pt_room(pt, level);
	for (; lg2 == 3 && n >= PT_GROUP; n -= PT_GROUP, slot += PT_GROUP << 3) {
#pragma GCC unroll 8
		for (size_t j = 0; j < PT_GROUP; j++)
			pt_make(slot + (j << 3), 3, empty);
	}
	for (; n > 0; n--, slot += (size_t)1 << lg2)
		pt_make(slot, lg2, empty);
}

void mm_pt_priv_pool_put(const struct mm_pt *pt, struct mm_pt_pool *pool, unsigned level, mm_paddr_t pa)
{
	__builtin_memcpy(pt_virt_aside(pt, pa, level), &pool->first[level], sizeof(pa)); /* no CPU walks it */
	pool->first[level] = pa;
	pool->n[level]++;
}

mm_paddr_t mm_pt_priv_pool_take(const struct mm_pt *pt, struct mm_pt_pool *pool, unsigned level)
{
	mm_paddr_t pa = pool->first[level];

	__builtin_memcpy(&pool->first[level], pt_virt_aside(pt, pa, level), sizeof(pa));
	pool->n[level]--;
	return pa;
}

enum mm_status mm_pt_priv_table_new(const struct mm_pt *pt, struct mm_pt_pool *pool, unsigned level, mm_paddr_t *pa)
{
	size_t bytes = pt_taken(pt, level);
	mm_paddr_t got = MM_PADDR_MAX;

	if (pool && pool->n[level]) {
		*pa = mm_pt_priv_pool_take(pt, pool, level);
		return MM_OK;
	}
	if (mm_hook_fail())
		return MM_E_NOMEM;
	enum mm_status st = pt->env->alloc_table(pt->env->ctx, bytes, &got);
	if (st != MM_OK)
		return st;
	if ((got & (bytes - 1)) || got > pt->pa_last) {
		pt_table_free(pt, got, level);
		return MM_E_PORT;
	}
	*pa = got;
	return MM_OK;
}

void mm_pt_priv_table_drop(const struct mm_pt *pt, struct mm_pt_pool *pool, unsigned level, mm_paddr_t pa)
{
	if (pool)
		mm_pt_priv_pool_put(pt, pool, level, pa);
	else
		pt_table_free(pt, pa, level);
}

/* ---- walks through all of it, and taking it down ---- */

/* Next table that a table points to. False: there is none. */
static bool pt_next_child(const struct mm_pt *pt, struct pt_frame *at, unsigned level,
			  mm_paddr_t *pa)
{
	const struct mm_pt_port *port = pt->port;
	const uint64_t empty = port->empty(pt, level);
	const size_t n = pt_entries(port, level);

	while (at->next < n) {
		bool group = n - at->next >= PT_GROUP && at->next % PT_GROUP == 0;
		if (group && pt_group_empty(port, at->table, at->next, level, empty)) {
			at->next += PT_GROUP;
			continue;
		}
		uint64_t entry = pt_get(port, at->table, at->next++);
		if (pt_is_table(pt, port, entry, level)) {
			*pa = port->below(pt, entry);
			return true;
		}
	}
	return false;
}

/* Give back the tables of level 0 under one of level 1, where entries of 8 bytes are told without a call. @plain: they
 * are decoded so, too, and hardware follows none that is empty. */
PT_INLINE void pt_free_told(const struct mm_pt *pt, const void *table, bool plain)
{
	const struct mm_pt_port *port = pt->port;
	const uint64_t bits = port->table_bits, test = pt->table_test, address = pt->address;
	const uint64_t nowhere = port->follows ? pt->table_own : ~bits; /* which is no table */
	const bool as_it_is = port->address_plain && !port->address_swapped;
	const unsigned shift = port->address_plain - 1u;
	const size_t bytes = pt_bytes(port, 0);
	void (*const give)(void *ctx, mm_paddr_t pa, size_t bytes) = pt->env->free_table;
	void *const ctx = pt->env->ctx;
	const unsigned char *slot = table, *end = slot + pt_bytes(port, 1);

	for (; slot < end; slot += sizeof(uint64_t)) {
		uint64_t entry = pt_load(slot, 3);
		if (((entry ^ bits) & test) || (!plain && entry == nowhere))
			continue;
		if (plain || as_it_is)
			give(ctx, (mm_paddr_t)mm_shl64(entry & address, shift), bytes);
		else
			give(ctx, port->below(pt, entry), bytes);
	}
}

/* The same for all formats. The tables are not read. */
static void pt_free_lowest(const struct mm_pt *pt, void *table)
{
	const struct mm_pt_port *port = pt->port;
	const bool told = port->table_mask && port->entry_lg2 == 3;

	if (told && port->address_plain && !port->address_swapped && !port->follows)
		pt_free_told(pt, table, true);
	else if (told)
		pt_free_told(pt, table, false);
	for (size_t i = 0; !told && i < pt_entries(port, 1); i++) {
		uint64_t entry = pt_get(port, table, i);
		if (pt_is_table(pt, port, entry, 1))
			pt_table_free(pt, port->below(pt, entry), 0);
	}
}

/* Give a subtree back, children first. No CPU walks it any more. */
static void pt_free_tree(const struct mm_pt *pt, mm_paddr_t root, unsigned top)
{
	struct pt_frame at[MM_PT_LEVELS_MAX];
	unsigned level = top;
	mm_paddr_t pa = root;

	if (top == 0) {
		pt_table_free(pt, root, 0);
		return;
	}
	at[level] = pt_enter(pt, pa, level);
	while (level <= top) {
		if (level > 1 && pt_next_child(pt, &at[level], level, &pa)) {
			level--;
			at[level] = pt_enter(pt, pa, level);
			continue;
		}
		if (level == 1)
			pt_free_lowest(pt, at[1].table);
		pt_table_free(pt, at[level].pa, level);
		level++;
	}
}

/* The same of tables of which each has nothing in it but what leads to the next, down to level @low: nothing is in
 * that. */
static void pt_free_chain(const struct mm_pt *pt, mm_paddr_t root, unsigned top, unsigned low)
{
	mm_paddr_t pa = root, next = root;

	for (unsigned level = top;; level--) {
		bool more = false;
		if (level > low) {
			struct pt_frame at = pt_enter(pt, pa, level);
			more = pt_next_child(pt, &at, level, &next);
		}
		pt_table_free(pt, pa, level);
		if (!more) /* the lowest, or damage */
			return;
		pa = next;
	}
}

/* Forget what is not the tree's. */
static void pt_disown(const struct mm_pt *pt)
{
	const struct mm_pt_port *port = pt->port;
	const unsigned top = port->nlevels - 1u;

	for (size_t i = 0; i < pt_entries(port, top); i++)
		if (pt_is_not_own(pt, i))
			pt_make(pt_slot(port, pt_virt_aside(pt, pt->root, top), i), port->entry_lg2, port->empty(pt, top));
}

enum mm_status mm_pt_destroy(struct mm_pt *pt)
{
	if (!pt)
		return MM_E_INVAL;
	if (!pt->port || (pt->shares & PT_SHARES_CLAIM))
		return MM_E_STATE;
	if (pt->shares & PT_SHARES_CLAIMED)
		return MM_E_BUSY;
	if (PT_WINDOW || (pt->shares & PT_SHARES_OTHERS))
		pt_disown(pt);
	pt_free_tree(pt, pt->root, pt->port->nlevels - 1u);
	*pt = (struct mm_pt){ 0 };
	return MM_OK;
}

void mm_pt_priv_note_made(const struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va,
			  mm_vaddr_t last, unsigned after)
{
	last |= pt_mask(pt->port, 0); /* of a table's entry only the first byte is told */
	if (!(after & MM_PT_AFTER_MISSES)) {
		pt_note(g, va, last, pt->port->level[0].shift, after);
		return;
	}
	g->sync |= (after & MM_PT_AFTER_SYNC) != 0;
	g->tables |= (after & MM_PT_AFTER_TABLES) != 0;
	if (!g->misses || va < g->miss_start)
		g->miss_start = va;
	if (!g->misses || last > g->miss_last)
		g->miss_last = last;
	g->misses = true;
}

/* What became valid goes with what was lost. A call, so that who has none pays nothing; but not `cold`: the cold part
 * of a public function has a name that is too long for Linux's objtool. */
static __attribute__((__noinline__)) void pt_flush_misses(const struct mm_pt *pt, struct mm_tlb_gather *g)
{
	pt_note(g, g->miss_start, g->miss_last, pt->port->level[0].shift,
		PT_AFTER(PT_SITE_MISSES, MM_PT_AFTER_FLUSH));
	pt->env->flush(pt->env->ctx, g);
	g->miss_last = 0; /* see pt_note_made_page() */
}

PT_INLINE void pt_flush(const struct mm_pt *pt, struct mm_tlb_gather *g)
{
	if (g->misses)
		pt_flush_misses(pt, g);
	else if (g->flush || g->sync)
		pt->env->flush(pt->env->ctx, g);
	pt_flush_shown(pt, g);
	g->sync = g->flush = g->tables = g->misses = false;
	g->last = 0; /* see pt_note() */
}

void mm_pt_priv_flush(const struct mm_pt *pt, struct mm_tlb_gather *g)
{
	pt_flush(pt, g);
}

/* Give back what a gather keeps: T2. Mostly tables of level 0. */
static void pt_free_kept(const struct mm_pt *pt, struct mm_tlb_gather *g)
{
	const size_t bytes = pt_bytes(pt->port, 0);
	void (*const give)(void *ctx, mm_paddr_t pa, size_t bytes) = pt->env->free_table;
	void *const ctx = pt->env->ctx;

	for (unsigned i = 0; i < g->ntables; i++)
		if (g->levels[i] == 0)
			give(ctx, g->trees[i], bytes);
		else if (g->levels[i] & PT_CHAIN(0, 0))
			pt_free_chain(pt, g->trees[i], PT_CHAIN_TOP(g->levels[i]), PT_CHAIN_LOW(g->levels[i]));
		else
			pt_free_tree(pt, g->trees[i], g->levels[i]);
	g->ntables = 0;
}

void mm_pt_sync(struct mm_pt *pt, struct mm_tlb_gather *g)
{
	if (!pt || !pt->port || !g)
		return;
	if (!PT_SKIPS(PT_SITE_SYNC) && !PT_SKIPS(PT_SITE_FREE))
		pt_flush(pt, g);
	pt_free_kept(pt, g);
	if (PT_SKIPS(PT_SITE_FREE))
		pt_flush(pt, g);
}

enum mm_status mm_pt_cur_init(struct mm_pt_cur *cur, const struct mm_pt *pt, mm_vaddr_t va,
			      uint64_t length)
{
	mm_vaddr_t last;

	if (!cur || !pt)
		return MM_E_INVAL;
	if (!pt->port)
		return MM_E_STATE;
	enum mm_status st = pt_range(pt->port, va, length, &last);
	if (st == MM_OK)
		*cur = (struct mm_pt_cur){ .pt = pt, .va = va, .last = last };
	return st;
}

/* ---- whose is what: pt_own.h ---- */

bool mm_pt_priv_is_others(const struct mm_pt *pt, mm_vaddr_t va, mm_vaddr_t last)
{
	if (pt->shares & PT_SHARES_CLAIMED)
		return true;
	if ((pt->shares & PT_SHARES_CLAIM) && (va < pt->claim_va || last > pt->claim_last) &&
	    !MM_PLANTED(MM_PLANT_PT_CLAIM))
		return true;
	return pt_is_foreign(pt, pt->port, va, last);
}

bool mm_pt_priv_alone_in(const struct mm_pt *pt, mm_vaddr_t va, unsigned level)
{
	const uint64_t mask = pt_mask(pt->port, level);
	const mm_vaddr_t first = va & ~mask, last = va | mask;

	if (pt->shares & PT_SHARES_CLAIM)
		return first >= pt->claim_va && last <= pt->claim_last;
	for (const struct mm_pt *c = pt->claims; c; c = c->claims)
		if (first <= c->claim_last && last >= c->claim_va)
			return false;
	return true;
}

void mm_pt_priv_near_claimed(struct mm_pt *pt, uint64_t *pages)
{
	const struct mm_pt_port *port = pt->port;
	const uint64_t mask = pt_mask(port, 1);
	const mm_vaddr_t last = pt->near_va + mm_shl64(*pages, port->level[0].shift) - 1;
	uint64_t skip = 0;

	if (pt->claim_va > pt->near_va)
		skip = mm_shr64(pt->claim_va - pt->near_va + mask, port->level[1].shift);
	mm_vaddr_t first = pt->near_va + mm_shl64(skip, port->level[1].shift), end = last < pt->claim_last ? last : pt->claim_last;
	if (skip >= pt_entries(port, 1) || first > end || (skip && !PT_DIRECT)) {
		*pages = 0;
		return;
	}
	pt->near += (mm_paddr_t)(skip << port->entry_lg2);
	pt->near_va = first;
	*pages = mm_shr64(end - first, port->level[0].shift) + 1;
}

/* ---- slow paths of the operations ---- */

enum mm_status mm_pt_priv_refuse(struct mm_tlb_gather *g, mm_vaddr_t va, enum mm_status st)
{
	if (!g)
		return st;
	g->pages = 0;
	return pt_stop(g, va, 0, st);
}

/* H2: an entry that leads to a table became @entry. */
static void pt_mirror(const struct mm_pt *pt, unsigned level, size_t i, uint64_t entry)
{
	const struct mm_pt_port *port = pt->port;

	if (level == port->nlevels - 1u && pt_shares(pt, PT_SHARES_MIRROR, i, i) &&
	    !MM_PLANTED(MM_PLANT_PT_MIRROR))
		pt_link(pt_slot(port, pt_virt_aside(pt, pt->follower, level), i), port->entry_lg2, entry);
}

void mm_pt_priv_link(const struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va,
		     const struct pt_at *at, mm_paddr_t table)
{
	const struct mm_pt_port *port = pt->port;
	uint64_t now = port->table(pt, table, at->level);

	pt_link(pt_slot(port, at->table, pt_index(port, va, at->level)), port->entry_lg2, now);
	pt_mirror(pt, at->level, pt_index(port, va, at->level), now);
	pt_note_made(pt, g, va, va,
		     PT_AFTER(PT_SITE_GROW, port->transition(pt, at->entry, now, at->level)));
}

enum mm_status mm_pt_priv_grow(struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va,
			       const struct pt_at *at, unsigned level)
{
	const struct mm_pt_port *port = pt->port;
	mm_paddr_t pa[MM_PT_LEVELS_MAX];
	unsigned l = at->level;
	enum mm_status st = MM_OK;

	while (l > level && (st = mm_pt_priv_table_new(pt, g->pool, l - 1, &pa[l - 1])) == MM_OK)
		l--;
	size_t i = pt_index(port, va, at->level);
	if (st != MM_OK ||
	    pt_get(port, at->table, i) != at->entry) { /* T3; or the env changed the tree */
		for (; l < at->level; l++)
			mm_pt_priv_table_drop(pt, g->pool, l, pa[l]);
		return st;
	}
	PT_EARLY(PT_SITE_GROW_SWAP, pt_link(pt_slot(port, at->table, i), port->entry_lg2,
					    port->table(pt, pa[at->level - 1], at->level)));
	for (l = level; l < at->level; l++) {
		void *table = pt_virt_aside(pt, pa[l], l);
		mm_pt_priv_fill_empty(pt, table, l);
		if (l > level)
			pt_make(pt_slot(port, table, pt_index(port, va, l)), port->entry_lg2,
				port->table(pt, pa[l - 1], l));
		else if (l == 0 && port->witness) /* T5: there will be a leaf */
			pt_make(table, 3, pt_names(port, pt_index(port, va, 0), port->empty(pt, 0)));
	}
	mm_pt_priv_link(pt, g, va, at, pa[at->level - 1]); /* T4 */
	return MM_OK;
}

unsigned mm_pt_priv_border_level(const struct mm_pt_port *port, mm_vaddr_t border, unsigned level)
{
	while (border & pt_mask(port, level))
		level--;
	return level;
}

/* Allocate tables for levels @low to @high - 1. */
static enum mm_status pt_spare_add(const struct mm_pt *pt, struct mm_pt_pool *pool,
				   struct pt_spare *spare, unsigned low, unsigned high)
{
	for (; low < high; low++) {
		enum mm_status st = mm_pt_priv_table_new(pt, pool, low, &spare->pa[spare->n]);
		if (st != MM_OK)
			return st;
		spare->level[spare->n++] = (uint8_t)low;
	}
	return MM_OK;
}

static mm_paddr_t pt_spare_take(struct pt_spare *spare, unsigned level)
{
	unsigned i = 0;

	while (spare->level[i] != level)
		i++;
	mm_paddr_t pa = spare->pa[i];
	spare->n--;
	spare->pa[i] = spare->pa[spare->n];
	spare->level[i] = spare->level[spare->n];
	return pa;
}

/* Fill a table with what leaf @old at @level maps: same frames, rights, type, accessed and dirty.
 */
static void pt_fill_leaves(const struct mm_pt *pt, mm_paddr_t below, uint64_t old, unsigned level)
{
	const struct mm_pt_port *port = pt->port;
	uint32_t attr = port->attr(pt, old, level) | MM_PT_TRACK;
	void *table = pt_virt_aside(pt, below, level - 1);
	mm_paddr_t pa = port->pa(pt, old, level), bytes = (mm_paddr_t)pt_mask(port, level - 1) + 1;

	for (size_t i = 0; i < pt_entries(port, level - 1); i++, pa += bytes)
		pt_make(pt_slot(port, table, i), port->entry_lg2,
			port->leaf(pt, pa, level - 1, attr));
}

void mm_pt_priv_split_leaf(struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va, struct pt_at *at,
			   mm_paddr_t table)
{
	const struct mm_pt_port *port = pt->port;
	void *slot = pt_slot(port, at->table, pt_index(port, va, at->level));
	uint64_t mask = pt_mask(port, at->level), now = port->table(pt, table, at->level);
	if (port->classify(pt, at->entry, at->level) == MM_PT_RUN)
		mm_pt_priv_run_break(pt, g, va, at);
	unsigned after = port->transition(pt, at->entry, now, at->level);
	bool broken = after & MM_PT_AFTER_BBM;

	if (broken) {
		uint64_t empty = port->empty(pt, at->level);
		PT_EARLY(PT_SITE_SPLIT_SWAP, mm_pt_sync(pt, g));
		while (!pt_change(slot, port->entry_lg2, &at->entry, empty))
			;
		pt_note(g, va & ~mask, va | mask, port->level[at->level].shift,
			PT_AFTER(PT_SITE_SPLIT_EMPTY, after | MM_PT_AFTER_FLUSH));
		if (!PT_SKIPS(PT_SITE_SPLIT_SYNC) && !PT_SKIPS(PT_SITE_SPLIT_SWAP))
			mm_pt_sync(pt, g);
		after = port->transition(pt, empty, now, at->level);
		PT_EARLY(PT_SITE_FILL_SWAP, pt_link(slot, port->entry_lg2, now));
		pt_fill_leaves(pt, table, at->entry, at->level);
		pt_link(slot, port->entry_lg2, now);
	} else {
		do
			pt_fill_leaves(pt, table, at->entry, at->level);
		while (!pt_change(slot, port->entry_lg2, &at->entry, now));
	}
	after = PT_AFTER(PT_SITE_SPLIT_MAKE, after);
	if (broken) /* meanwhile a TLB may have learnt that nothing is there */
		pt_note_made(pt, g, va & ~mask, va | mask, after);
	else
		pt_note(g, va & ~mask, va | mask, port->level[at->level].shift, after);
}

static void pt_split_down(struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va, unsigned level,
			  struct pt_spare *spare)
{
	struct pt_at at = pt_seek(pt, pt->port, va);

	while (at.level > level) {
		mm_pt_priv_split_leaf(pt, g, va, &at, pt_spare_take(spare, at.level - 1));
		at = pt_seek(pt, pt->port, va);
	}
}

enum mm_status mm_pt_priv_split(struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va,
				mm_vaddr_t last)
{
	const struct mm_pt_port *port = pt->port;
	struct pt_at at = pt_seek(pt, port, va), end = pt_seek(pt, port, last);
	struct pt_spare spare = { .n = 0 };
	unsigned low = at.level, low_end, high_end = end.level;
	bool leaf = pt_maps(port, port->classify(pt, at.entry, at.level));

	if (leaf)
		low = mm_pt_priv_border_level(port, va, at.level);
	if (leaf && at.level == end.level && !((va ^ last) & ~pt_mask(port, at.level)))
		while (high_end > low && !((va ^ last) & ~pt_mask(port, high_end)))
			high_end--; /* one leaf: what the first edge splits is there already */
	low_end = high_end;
	if (pt_maps(port, port->classify(pt, end.entry, end.level)))
		low_end = mm_pt_priv_border_level(port, last + 1, high_end);
	enum mm_status st = pt_spare_add(pt, g->pool, &spare, low, at.level);
	if (st == MM_OK)
		st = pt_spare_add(pt, g->pool, &spare, low_end, high_end);
	if (st == MM_OK) { /* T3 */
		pt_split_down(pt, g, va, low, &spare);
		pt_split_down(pt, g, last, low_end, &spare);
		if (pt->runs)
			mm_pt_priv_run_edges(pt, g, va, last);
	} else {
		while (spare.n > 0) {
			spare.n--;
			mm_pt_priv_table_drop(pt, g->pool, spare.level[spare.n], spare.pa[spare.n]);
		}
		st = pt_stop(g, low < at.level ? va : last, low < at.level ? at.level : end.level,
			     st);
	}
	return st;
}

void mm_pt_priv_retire(struct mm_pt *pt, struct mm_tlb_gather *g, mm_paddr_t root, unsigned level)
{
	if (g->ntables == MM_GATHER_TABLES)
		mm_pt_sync(pt, g);
	g->trees[g->ntables] = root;
	g->levels[g->ntables++] = (uint8_t)level;
	pt->detached++;
}

/* The table that an entry above level 0 leads to. */
PT_INLINE mm_paddr_t pt_lower(const struct mm_pt *pt, uint64_t entry)
{
	return pt->port->address_plain ? pt_plain(pt->port, entry & pt->address) : pt->port->below(pt, entry);
}

/* Clear the entry that leads to a table. Returns where that is. */
static mm_paddr_t pt_cut(struct mm_pt *pt, struct mm_tlb_gather *g, const struct pt_at *at, size_t i,
			 mm_vaddr_t va, mm_vaddr_t last, uint8_t shift)
{
	const struct mm_pt_port *port = pt->port;
	const uint64_t old = pt_get(port, at->table, i), empty = port->empty(pt, at->level);

	pt_forget(pt, at->level);
	pt_clear(pt_slot(port, at->table, i), port->entry_lg2, empty);
	pt_mirror(pt, at->level, i, empty);
	pt_note(g, va, last, shift,
		PT_AFTER(PT_SITE_DETACH, MM_PT_AFTER_FLUSH | MM_PT_AFTER_TABLES)); /* T2 */
	return pt_lower(pt, old);
}

void mm_pt_priv_detach(struct mm_pt *pt, struct mm_tlb_gather *g, const struct pt_at *at, size_t i,
		       mm_vaddr_t va, mm_vaddr_t last, uint8_t shift)
{
	mm_pt_priv_retire(pt, g, pt_cut(pt, g, at, i, va, last, shift), at->level - 1);
}

/* Are entries [first, first + n) empty, but for entry @i? */
static bool pt_empty_but(const struct mm_pt *pt, void *table, unsigned level, size_t first, size_t n,
			 size_t i, uint64_t empty)
{
	for (size_t k = first; k < first + n; k++)
		if (k != i && pt_used(pt->port, table, k, level, empty))
			return false;
	return true;
}

/* Is nothing in the table but entry @i? Its group mostly tells. */
static bool pt_alone(const struct mm_pt *pt, void *table, unsigned level, size_t i)
{
	const struct mm_pt_port *port = pt->port;
	const size_t n = pt_entries(port, level), group = i & ~(size_t)(PT_GROUP - 1);
	const uint64_t empty = port->empty(pt, level);

	if (n <= PT_GROUP)
		return pt_empty_but(pt, table, level, 0, n, i, empty);
	if (!pt_empty_but(pt, table, level, group, PT_GROUP, i, empty))
		return false;
	for (size_t k = PT_GROUP; k < n; k += PT_GROUP)
		if (!pt_group_empty(port, table, (group + k) & (n - 1), level, empty))
			return false;
	return true;
}

/* The level of the highest entry around @va that may go, where some are shared. */
static __attribute__((__noinline__)) unsigned pt_may_go(const struct mm_pt *pt, mm_vaddr_t va)
{
	unsigned most = pt->port->nlevels - 1u - pt_stays(pt, pt->port, va);

	while (most > 0 && pt_table_is_shared(pt, va, most - 1) && !MM_PLANTED(MM_PLANT_PT_CLAIM_PRUNE))
		most--; /* C3 */
	return most;
}

void mm_pt_priv_prune(struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va, unsigned level)
{
	const struct mm_pt_port *port = pt->port;
	struct pt_at at = { .level = port->nlevels - 1u };
	const unsigned most = pt->shares ? pt_may_go(pt, va) : at.level;
	const uint64_t mask = pt_mask(port, level);
	void *table[MM_PT_LEVELS_MAX];
	size_t i;

	if (level + 1 > most)
		return;
	table[at.level] = pt_virt(pt, pt->root, at.level, va);
	for (; at.level > level + 1; at.level--) {
		i = pt_index(port, va, at.level);
		table[at.level - 1] = pt_virt(pt, pt_lower(pt, pt_get(port, table[at.level], i)), at.level - 1, va);
	}
	i = pt_index(port, va, at.level);
	while (at.level < most && pt_alone(pt, table[at.level], at.level, i))
		i = pt_index(port, va, ++at.level);
	at.table = table[at.level];
	/* Translations were noted when they were cleared. Upper entries that lead to these tables
	 * are found by any address under the emptied table: the cleared one. */
	mm_paddr_t root = pt_cut(pt, g, &at, i, va & ~mask, va | mask, port->level[level].shift);
	mm_pt_priv_retire(pt, g, root, PT_CHAIN(at.level - 1, level));
}

#define PT_PAIR (2u * PT_GROUP) /* entries of 8 bytes that are looked at together */

/* Has one of @n entries one of these bits? pt_group_empty() would ask the port for the size of entries each time: an
 * instruction more for each page that is unmapped at random. */
PT_INLINE bool pt_any(const uint64_t *entry, size_t n, uint64_t tells)
{
	uint64_t bits = 0;

#pragma GCC unroll 16
	for (size_t k = 0; k < n; k++)
		bits |= pt_peek(&entry[k], 3);
	return (bits & tells) != 0;
}

/* The last entry of a pair that has one of these bits. No branches: nobody can foresee it. */
PT_INLINE size_t pt_pair_last(const uint64_t *entry, uint64_t tells)
{
	const uint64_t *at = entry;

#pragma GCC unroll 4
	for (size_t n = PT_PAIR / 2; n > 0; n /= 2)
		at += (size_t)pt_any(at + n, n, tells) * n;
	return (size_t)(at - entry);
}

/* In a table of level 0, from entry @lo on downwards and then from its end on, to @hi: the next that has a bit which no
 * empty one has. One loop, as each ends where nobody can foresee it; for two groups at a time, as most of all that is
 * looked at is a table in which nothing is left. */
PT_INLINE bool pt_find_used(const struct mm_pt_port *port, const uint64_t *table, struct pt_part cleared, size_t *i,
			    uint64_t empty)
{
	const size_t pairs = pt_entries(port, 0) / PT_PAIR, first = cleared.lo / PT_PAIR, last = cleared.hi / PT_PAIR;
	const size_t bytes = PT_PAIR << 3, mask = pairs * bytes - 1;
	const uint64_t tells = ~(port->empty_ignore | empty) & (MM_PLANTED(MM_PLANT_PT_BAREST) ? port->addr_mask : ~UINT64_C(0));
	size_t at = first * bytes, left = last > first ? pairs + 1 - (last - first) : pairs;

	do {
		const uint64_t *pair = (const uint64_t *)((const unsigned char *)table + at);
		if (pt_any(pair, PT_PAIR, tells)) {
			__asm__("" : "+r"(pair)); /* else compilers keep entries of each pair, in case it is this one */
			*i = (size_t)(pair - table) + pt_pair_last(pair, tells);
			return true;
		}
		at = (at - bytes) & mask;
	} while (--left > 0);
	return false;
}

void mm_pt_priv_emptied(struct mm_pt *pt, mm_vaddr_t va, struct mm_tlb_gather *g, void *table, struct pt_part cleared,
			uint64_t empty)
{
	const struct mm_pt_port *port = pt->port;
	size_t i = 0;

	if (pt_table_is_shared(pt, va, 0) && !MM_PLANTED(MM_PLANT_PT_CLAIM_WITNESS))
		return; /* C3 */
	if (MM_PLANTED(MM_PLANT_PT_EMPTY) || !pt_find_used(port, table, cleared, &i, empty))
		mm_pt_priv_prune(pt, g, va, 0);
	else if (!((pt_peek(table, 3) ^ empty) & ~port->empty_ignore)) /* else that is its own witness */
		pt_clear(table, 3, pt_names(port, i, empty)); /* T5 */
}

bool mm_pt_priv_name_witness(const struct mm_pt *pt, void *table, unsigned level)
{
	const struct mm_pt_port *port = pt->port;
	const uint64_t empty = port->empty(pt, level);
	size_t i = 0;

	while (i < pt_entries(port, level) && !pt_used(port, table, i, level, empty))
		i++;
	if (i == pt_entries(port, level))
		return false;
	if (i > 0 && level == 0 && port->witness)
		pt_clear(table, 3, pt_names(port, i, empty));
	return true;
}
