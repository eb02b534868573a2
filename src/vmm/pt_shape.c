/* SPDX-License-Identifier: MIT */
/* Theory of operation: page tables, tables set aside, and the sizes of leaves
 * Problem      a map that must not fail; a large leaf that must become small ones, and small ones that
 *              may become a large one, while CPUs use them.
 * Structure    reserve and split first count, by a walk that writes nothing, the tables that are missing
 *              at each level. The count goes along the range as the operation will: where that would make
 *              a table, the table's address range is remembered, one for each level, and the walk goes on
 *              as if it were there. Then all are allocated, then the tree is changed. Tables that are set
 *              aside are a list through their first bytes: no CPU has seen them.
 *              collapse looks, level by level from below, at each table that the range covers whole, then at
 *              leaves that may be a contiguous run (pt_run.c).
 * Invariants   S1 the count is what the operation takes: both decide by the same tests (largest leaf that
 *                 fits, borders, the entries that are there).
 *              S2 split changes nothing before it has all tables.
 *              S3 a bit that hardware sets is not lost: what collapse made of a table is compared with the
 *                 table once more after the flush after which no CPU uses it.
 *              T1 and T2 of pt.c.
 * Concurrency  one writer for each tree, by the caller. Hardware walks it at any time. */
#include <mmlib/pt_tree.h>
#include "hook.h"
#include "vmm/pt_core.h"

#define SHAPE_FLAGS (0xff00u | (uint32_t)MM_PT_NO_RUNS) /* MM_PT_MAX_LEVEL() is the first */

/* Tables that are missing, by level, and what the last of each would translate. */
struct shape_need {
	size_t n[MM_PT_LEVELS_MAX];
	mm_vaddr_t va[MM_PT_LEVELS_MAX];
	bool any[MM_PT_LEVELS_MAX];
};

static unsigned shape_cap(const struct mm_pt *pt, uint32_t flags)
{
	unsigned top = pt->port->nlevels - 1u, cap = flags >> 8 & 0xffu;

	return cap && cap - 1 < top ? cap - 1 : top;
}

/* The level at which the entry for @va would be, below the one at @level, with the tables that are counted. */
static unsigned shape_level(const struct shape_need *need, const struct mm_pt_port *port,
			    mm_vaddr_t va, unsigned level)
{
	while (level > 0 && need->any[level - 1] &&
	       pt_same_table(port, need->va[level - 1], va, level - 1))
		level--;
	return level;
}

/* Count tables for @va from below @level down to @low. */
static void shape_down(struct shape_need *need, mm_vaddr_t va, unsigned level, unsigned low)
{
	for (; level > low; level--) {
		need->n[level - 1]++;
		need->va[level - 1] = va;
		need->any[level - 1] = true;
	}
}

/* The largest leaf that mm_pt_map() would take here. */
static unsigned shape_best(const struct mm_pt *pt, mm_vaddr_t va, mm_vaddr_t last, mm_paddr_t pa,
			   unsigned cap)
{
	const struct mm_pt_port *port = pt->port;
	unsigned level = 0;

	while (level < cap && (pt->cfg.leaf_levels >> (level + 1) & 1) &&
	       !((va | pa) & pt_mask(port, level + 1)) && pt_covered(port, va, last, level + 1))
		level++;
	return level;
}

/* Entries at @level that are all alike, in a table that is only counted: the range covers them whole. */
static size_t shape_stride(const struct mm_pt_port *port, const struct pt_span *span,
			   unsigned level)
{
	size_t n = pt_reach(port, span->va, span->last, level);

	return n > 1 && pt_end(port, span->va, n, level) > span->last ? n - 1 : n;
}

/* What mm_pt_map() would do at an empty entry. Returns at which level it would write a leaf. */
static unsigned shape_count_map(const struct mm_pt *pt, const struct pt_span *span, mm_paddr_t pa,
				unsigned level, struct shape_need *need)
{
	unsigned best = shape_best(pt, span->va, span->last, pa, span->flags);

	shape_down(need, span->va, level, best);
	return best < level ? best : level;
}

/* What a split of a leaf that sticks out needs: at each edge, down to where entries begin there. */
static void shape_count_edges(const struct mm_pt_port *port, const struct pt_span *span,
			      unsigned level, struct shape_need *need)
{
	mm_vaddr_t end = span->va | pt_mask(port, level);

	shape_down(need, span->va, level, mm_pt_priv_border_level(port, span->va, level));
	if (end <= span->last)
		return;
	level = shape_level(need, port, span->last, level);
	shape_down(need, span->last, level, mm_pt_priv_border_level(port, span->last + 1, level));
}

static void shape_count(const struct mm_pt *pt, struct pt_span span, mm_paddr_t pa,
			struct shape_need *need)
{
	const struct mm_pt_port *port = pt->port;

	while (!span.done) {
		const mm_vaddr_t va = span.va;
		struct pt_at at = pt_seek(pt, port, va);
		unsigned level = at.level;
		size_t n = 1;
		enum mm_pt_kind kind = port->classify(pt, at.entry, level);
		if (kind == MM_PT_EMPTY) {
			level = shape_level(need, port, va, level);
			level = shape_count_map(pt, &span, pa, level, need);
			n = level < at.level ? shape_stride(port, &span, level) : 1;
		} else if (pt_maps(port, kind)) {
			shape_count_edges(port, &span, level, need);
		}
		pt_advance(port, &span, n, level);
		pa += (mm_paddr_t)(span.va - va);
	}
}

/* Allocate what is needed and not there. All or none. */
static enum mm_status shape_fill(const struct mm_pt *pt, const size_t *n, struct mm_pt_pool *pool,
				 unsigned *level)
{
	size_t got[MM_PT_LEVELS_MAX] = { 0 };
	enum mm_status st = MM_OK;
	unsigned l = 0;

	while (l < pt->port->nlevels && st == MM_OK) {
		mm_paddr_t pa;
		if (got[l] == n[l]) {
			l++;
		} else if ((st = mm_pt_priv_table_new(pt, NULL, l, &pa)) == MM_OK) {
			mm_pt_priv_pool_put(pt, pool, l, pa);
			got[l]++;
		}
	}
	*level = l;
	for (l = 0; st != MM_OK && l < pt->port->nlevels; l++)
		for (; got[l] > 0; got[l]--)
			mm_pt_priv_table_drop(pt, NULL, l, mm_pt_priv_pool_take(pt, pool, l));
	return st;
}

/* What operations here begin with. */
static enum mm_status shape_range(const struct mm_pt *pt, mm_vaddr_t va, uint64_t length,
				  uint32_t flags, struct pt_span *span)
{
	if (!pt->port)
		return MM_E_STATE;
	if (flags & ~SHAPE_FLAGS)
		return MM_E_INVAL;
	*span = (struct pt_span){ .va = va, .flags = shape_cap(pt, flags) };
	span->runs = pt->runs && !(flags & MM_PT_NO_RUNS);
	return pt_range_to_change(pt, pt->port, va, length, &span->last);
}

enum mm_status mm_pt_reserve(const struct mm_pt *pt, mm_vaddr_t va, mm_paddr_t pa, uint64_t length,
			     uint32_t flags, struct mm_pt_pool *pool)
{
	struct shape_need need = { .n = { 0 } };
	struct pt_span span;
	uint64_t last;
	unsigned level;

	if (!pt || !pool)
		return MM_E_INVAL;
	enum mm_status st = shape_range(pt, va, length, flags, &span);
	if (st != MM_OK)
		return st;
	if (pa & pt_mask(pt->port, 0))
		return MM_E_ALIGN;
	if (!mm_range_last(pa, length, &last))
		return MM_E_INVAL;
	if (last > pt->pa_last)
		return MM_E_RANGE;
	shape_count(pt, span, pa, &need); /* S1 */
	if (MM_PLANTED(MM_PLANT_PT_RESERVE) && need.n[0])
		need.n[0]--;
	st = shape_fill(pt, need.n, pool, &level);
	if (st != MM_OK) {
		pool->stop_va = need.va[level];
		pool->stop_level = (uint8_t)(level + 1);
	}
	return st;
}

void mm_pt_unreserve(const struct mm_pt *pt, struct mm_pt_pool *pool)
{
	if (!pt || !pt->port || !pool)
		return;
	for (unsigned l = 0; l < pt->port->nlevels; l++)
		while (pool->n[l] > 0)
			mm_pt_priv_table_drop(pt, NULL, l, mm_pt_priv_pool_take(pt, pool, l));
	*pool = (struct mm_pt_pool){ .n = { 0 } };
}

/* ---- split ---- */

/* Must a leaf at @level become smaller ones? */
static bool shape_too_large(const struct mm_pt_port *port, const struct pt_span *span,
			    unsigned level)
{
	return level > span->flags || !pt_covered(port, span->va, span->last, level);
}

static __attribute__((__noinline__)) void
shape_count_split(const struct mm_pt *pt, struct pt_span span, struct shape_need *need)
{
	const struct mm_pt_port *port = pt->port;

	while (!span.done) {
		struct pt_at at = pt_seek(pt, port, span.va);
		unsigned level = at.level;
		size_t n = 1;
		if (pt_maps(port, port->classify(pt, at.entry, level))) {
			level = shape_level(need, port, span.va, level);
			for (; shape_too_large(port, &span, level); level--)
				shape_down(need, span.va, level, level - 1);
			n = level < at.level ? shape_stride(port, &span, level) : 1;
		}
		pt_advance(port, &span, n, level);
	}
}

/* Split what is too large around the start of a range, by one level. False: nothing is. */
static bool shape_split_one(struct mm_pt *pt, struct mm_tlb_gather *g, const struct pt_span *span,
			    struct pt_at *at, struct mm_pt_pool *own)
{
	const unsigned below = at->level - 1;

	if (!pt_maps(pt->port, pt->port->classify(pt, at->entry, at->level)) ||
	    !shape_too_large(pt->port, span, at->level))
		return false;
	struct mm_pt_pool *pool = g->pool && g->pool->n[below] ? g->pool : own;
	mm_pt_priv_split_leaf(pt, g, span->va, at, mm_pt_priv_pool_take(pt, pool, below));
	return true;
}

/* Break the run at the start of a range, if it is not to be one. Returns how many entries it had. */
static size_t shape_break(struct mm_pt *pt, struct mm_tlb_gather *g, const struct pt_span *span,
			  mm_vaddr_t first, struct pt_at *at)
{
	const uint64_t mask = pt_run_mask(pt->port, at->level);
	const mm_vaddr_t va = span->va & ~mask, last = span->va | mask;

	if (pt->port->classify(pt, at->entry, at->level) != MM_PT_RUN ||
	    (span->runs && va >= first && last <= span->last))
		return 0;
	mm_pt_priv_run_break(pt, g, span->va, at);
	return pt_run_entries(pt->port, at->level);
}

/* All tables are there. */
static __attribute__((__noinline__)) void shape_split_all(struct mm_pt *pt, struct mm_tlb_gather *g,
							  struct pt_span span,
							  struct mm_pt_pool *own)
{
	const mm_vaddr_t first = span.va;
	mm_vaddr_t counted = 0;
	bool any = false;

	while (!span.done) {
		struct pt_at at = pt_seek(pt, pt->port, span.va);
		mm_vaddr_t end = span.va | pt_mask(pt->port, at.level);
		size_t n = pt->runs ? shape_break(pt, g, &span, first, &at) : 0;
		if (n > 0) {
			end = span.va | pt_run_mask(pt->port, at.level);
		} else if (shape_split_one(pt, g, &span, &at, own)) {
			n = 1;
		} else {
			pt_advance(pt->port, &span, 1, at.level);
			continue;
		}
		if (!any || span.va > counted) {
			g->pages += n * pt_pages(pt->port, at.level);
			counted = end;
			any = true;
		}
	}
}

enum mm_status mm_pt_split(struct mm_pt *pt, mm_vaddr_t va, uint64_t length, uint32_t flags,
			   struct mm_tlb_gather *g)
{
	struct shape_need need = { .n = { 0 } };
	struct mm_pt_pool own = { .n = { 0 } };
	struct pt_span span;
	unsigned level;

	if (!pt || !g)
		return MM_E_INVAL;
	enum mm_status st = shape_range(pt, va, length, flags & ~(uint32_t)MM_PT_NO_BREAK, &span);
	if (st != MM_OK)
		return mm_pt_priv_refuse(g, va, st);
	const struct pt_unbroken want = { va, span.last, 0, span.flags, span.runs };
	if ((flags & MM_PT_NO_BREAK) && (st = mm_pt_priv_unbroken(pt, g, &want)) != MM_OK)
		return st;
	g->pages = 0;
	shape_count_split(pt, span, &need);
	for (unsigned l = 0; g->pool && l < pt->port->nlevels; l++)
		need.n[l] -= need.n[l] < g->pool->n[l] ? need.n[l] : g->pool->n[l];
	st = shape_fill(pt, need.n, &own, &level);
	if (st != MM_OK)
		return pt_stop(g, need.va[level], level + 1, st);
	shape_split_all(pt, g, span, &own); /* S2 */
	return MM_OK;
}

/* ---- collapse ---- */

/* One leaf in place of a table of them. */
struct shape_leaf {
	mm_paddr_t pa;
	uint32_t attr;
	bool still; /* hardware changes the small ones no more */
};

/* May all entries of a table, at @level, be one leaf? */
static bool shape_alike(const struct mm_pt *pt, void *table, unsigned level,
			struct shape_leaf *leaf)
{
	const struct mm_pt_port *port = pt->port;
	const uint32_t seen = MM_PT_ACCESSED | MM_PT_DIRTY;
	mm_paddr_t bytes = (mm_paddr_t)(pt_mask(port, level) + 1), pa = 0;

	for (size_t i = 0; i < pt_entries(port, level); i++, pa += bytes) {
		uint64_t entry = pt_get(port, table, i);
		if (!pt_maps(port, port->classify(pt, entry, level)))
			return false;
		uint32_t attr = port->attr(pt, entry, level);
		mm_paddr_t found = mm_pt_priv_run_pa(pt, entry, i, level);
		if (i == 0) {
			pa = found;
			*leaf = (struct shape_leaf){ .pa = pa, .attr = attr, .still = true };
		}
		if (((attr ^ leaf->attr) & ~seen) || found != pa)
			return false;
		leaf->attr |= attr;
		leaf->still &= (entry & port->hw_volatile) == port->hw_final;
	}
	return !(leaf->pa & pt_mask(port, level + 1));
}

/* What hardware has set in a table's leaves up to now. */
static uint32_t shape_seen(const struct mm_pt *pt, void *table, unsigned level)
{
	uint32_t seen = 0;

	for (size_t i = 0; i < pt_entries(pt->port, level); i++)
		seen |= pt->port->attr(pt, pt_get(pt->port, table, i), level);
	return seen & (MM_PT_ACCESSED | MM_PT_DIRTY);
}

/* Or bits into a leaf that hardware uses. */
static void shape_mark(const struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va, void *slot,
		       unsigned level, uint32_t seen)
{
	const struct mm_pt_port *port = pt->port;
	uint64_t old = pt_load(slot, port->entry_lg2), now;

	do {
		uint32_t attr = port->attr(pt, old, level);
		if (!(seen & ~attr))
			return;
		now = port->leaf(pt, port->pa(pt, old, level), level, attr | seen | MM_PT_TRACK);
	} while (!pt_change(slot, port->entry_lg2, &old, now));
	pt_note(g, va, va | pt_mask(port, level), port->level[level].shift,
		port->transition(pt, old, now, level));
}

/* Put @leaf in place of the table at @at, around @va. */
static void shape_join(struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va, struct pt_at *at,
		       struct shape_leaf *leaf)
{
	const struct mm_pt_port *port = pt->port;
	const unsigned level = at->level;
	const mm_paddr_t dead = port->pa(pt, at->entry, level);
	const mm_vaddr_t last = va | pt_mask(port, level);
	void *table = pt_virt_aside(pt, dead, level - 1),
	     *slot = pt_slot(port, at->table, pt_index(port, va, level));
	uint64_t now = port->leaf(pt, leaf->pa, level, leaf->attr | MM_PT_TRACK);
	unsigned after = port->transition(pt, at->entry, now, level);
	uint64_t next = after & MM_PT_AFTER_BBM ? port->empty(pt, level) : now;

	PT_EARLY(PT_SITE_JOIN_SWAP, mm_pt_priv_flush(pt, g));
	pt_forget(pt, level);
	while (!pt_change(slot, port->entry_lg2, &at->entry, next))
		;
	pt_note(g, va, last, port->level[level - 1].shift,
		PT_AFTER(PT_SITE_JOIN_EMPTY, after | MM_PT_AFTER_FLUSH | MM_PT_AFTER_TABLES));
	if ((after & MM_PT_AFTER_BBM) || (!leaf->still && !MM_PLANTED(MM_PLANT_PT_COLLAPSE))) {
		if (!PT_SKIPS(PT_SITE_JOIN_FLUSH) && !PT_SKIPS(PT_SITE_JOIN_SWAP))
			mm_pt_priv_flush(pt, g);
		leaf->attr |= shape_seen(pt, table, level - 1); /* S3 */
	}
	if (after & MM_PT_AFTER_BBM) {
		now = port->leaf(pt, leaf->pa, level, leaf->attr | MM_PT_TRACK);
		pt_make(slot, port->entry_lg2, now);
		pt_note_made(pt, g, va, last,
			     PT_AFTER(PT_SITE_JOIN_MAKE, port->transition(pt, next, now, level)));
	} else {
		shape_mark(pt, g, va, slot, level, leaf->attr & (MM_PT_ACCESSED | MM_PT_DIRTY));
	}
	mm_pt_priv_retire(pt, g, dead, level - 1);
}

/* The entry for @va at @level, or the lowest above it. */
static struct pt_at shape_seek(const struct mm_pt *pt, mm_vaddr_t va, unsigned level)
{
	const struct mm_pt_port *port = pt->port;
	struct pt_at at = { .level = port->nlevels - 1u };

	at.table = pt_virt(pt, pt->root, at.level, va);
	for (;; at.level--) {
		at.entry = pt_get(port, at.table, pt_index(port, va, at.level));
		if (at.level == level || !pt_is_table(pt, port, at.entry, at.level))
			return at;
		at.table = pt_virt(pt, port->below(pt, at.entry), at.level - 1, va);
	}
}

/* Does a table at @at become a leaf at once? */
static bool shape_at_once(const struct mm_pt *pt, const struct pt_at *at, const struct shape_leaf *leaf)
{
	const uint64_t now = pt->port->leaf(pt, leaf->pa, at->level, leaf->attr | MM_PT_TRACK);

	return !(pt->port->transition(pt, at->entry, now, at->level) & MM_PT_AFTER_BBM);
}

/* @breaks: break-before-make may be. */
static void shape_collapse_level(struct mm_pt *pt, struct mm_tlb_gather *g, struct pt_span span,
				 unsigned level, bool breaks)
{
	const struct mm_pt_port *port = pt->port;

	while (!span.done) {
		struct pt_at at = shape_seek(pt, span.va, level);
		struct shape_leaf leaf = { .still = false };
		if (at.level == level && pt_is_table(pt, port, at.entry, level) &&
		    !(level == port->nlevels - 1u && pt_stays(pt, port, span.va)) &&
		    pt_covered(port, span.va, span.last, level) &&
		    shape_alike(pt, pt_virt(pt, port->below(pt, at.entry), level - 1, span.va), level - 1, &leaf) &&
		    (breaks || shape_at_once(pt, &at, &leaf))) {
			shape_join(pt, g, span.va, &at, &leaf);
			g->pages += pt_pages(port, level);
		}
		pt_advance(port, &span, 1, at.level);
	}
}

/* Make runs of leaves at @level. */
static void shape_run_level(struct mm_pt *pt, struct mm_tlb_gather *g, struct pt_span span,
			    unsigned level)
{
	const struct mm_pt_port *port = pt->port;
	const uint64_t mask = pt_run_mask(port, level);

	while (!span.done) {
		struct pt_at at = shape_seek(pt, span.va, level);
		size_t n = 1;
		if (at.level == level && !(span.va & mask) && span.last - span.va >= mask) {
			n = pt_run_entries(port, level);
			if (mm_pt_priv_run_join(pt, g, span.va, &at))
				g->pages += n * pt_pages(port, level);
		}
		pt_advance(port, &span, n, at.level);
	}
}

enum mm_status mm_pt_collapse(struct mm_pt *pt, mm_vaddr_t va, uint64_t length, uint32_t flags,
			      struct mm_tlb_gather *g)
{
	struct pt_span span;

	if (!pt || !g)
		return MM_E_INVAL;
	const bool breaks = !(flags & MM_PT_NO_BREAK);
	enum mm_status st = shape_range(pt, va, length, flags & ~(uint32_t)MM_PT_NO_BREAK, &span);
	if (st != MM_OK)
		return mm_pt_priv_refuse(g, va, st);
	g->pages = 0;
	for (unsigned l = 1; l <= span.flags && (pt->cfg.leaf_levels >> l & 1); l++)
		shape_collapse_level(pt, g, span, l, breaks);
	for (unsigned l = 0; breaks && span.runs && l <= span.flags; l++)
		if (pt->runs >> l & 1)
			shape_run_level(pt, g, span, l);
	return MM_OK;
}

#undef SHAPE_FLAGS
