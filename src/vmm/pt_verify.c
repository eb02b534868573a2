/* SPDX-License-Identifier: MIT */
/* Theory of operation: is a tree of page tables as it must be?
 * Problem      what a kernel's stray store, or a bug, has made of tables is to be found, and where; a walk through damage
 *              must end.
 * Structure    all tables are entered, from the root down; a table that is its own ancestor is noticed.
 * Invariants   T1 and T5 of pt.c are what is looked at, H1 of pt_share.c and C3 of pt_claim.c what is left out.
 * Concurrency  one writer for each tree, by the caller, who looks. */
#include <mmlib/pt.h>
#include "vmm/pt_core.h"

/* Next entry of a table that is not empty; MM_PT_EMPTY at the end of it. */
static enum mm_pt_kind pt_step(const struct mm_pt *pt, struct pt_frame *at, unsigned level,
			       uint64_t *entry)
{
	while (at->next < pt_entries(pt->port, level)) {
		*entry = pt_get(pt->port, at->table, at->next++);
		enum mm_pt_kind kind = pt->port->classify(pt, *entry, level);
		if (kind != MM_PT_EMPTY) {
			at->used = true;
			return kind;
		}
	}
	return MM_PT_EMPTY;
}

/* A table that is its own descendant would be walked for ever, or freed twice. */
static bool pt_is_ancestor(const struct pt_frame *at, unsigned level, unsigned top, mm_paddr_t pa)
{
	for (; level <= top; level++)
		if (at[level].pa == pa)
			return true;
	return false;
}

/* Is the witness of a table in use? T5 */
static bool pt_witness_is_true(const struct mm_pt *pt, void *table)
{
	const struct mm_pt_port *port = pt->port;
	const uint64_t empty = port->empty(pt, 0);
	size_t i = 0;

	if (!port->witness)
		return true;
	if (!pt_used(port, table, 0, 0, empty))
		i = (size_t)mm_shr64(pt_first(port, table, empty), port->witness);
	return pt_used(port, table, i, 0, empty);
}

/* Is it a leaf that a search for what is in use passes over? No port makes one. T5 */
static bool pt_is_untold(const struct mm_pt *pt, uint64_t entry, unsigned level)
{
	const struct mm_pt_port *port = pt->port;

	return level == 0 && port->witness && !(entry & ~(port->empty(pt, 0) | port->empty_ignore));
}

/* First byte of the entry at @level that a walk has come to. */
static mm_vaddr_t pt_place(const struct mm_pt *pt, const struct pt_frame *at, unsigned level)
{
	const struct mm_pt_port *port = pt->port;
	const bool sign = port->extension == MM_PT_VA_SIGN;
	const uint64_t upper = mm_shl64(UINT64_MAX, port->va_bits - sign); /* in one half, or always, copies of a bit */
	uint64_t va = 0;

	for (unsigned l = level; l < port->nlevels; l++)
		va |= mm_shl64(at[l].next - 1, port->level[l].shift);
	if (port->extension == MM_PT_VA_ONES || (sign && (va & upper)))
		va |= upper;
	return (mm_vaddr_t)va;
}

/* That entry is not as it must be. */
static enum mm_status pt_damaged(const struct mm_pt *pt, const struct pt_frame *at, unsigned level, struct mm_pt_run *where)
{
	const mm_vaddr_t va = pt_place(pt, at, level);

	if (where)
		*where = (struct mm_pt_run){ .va = va, .last = va | (mm_vaddr_t)pt_mask(pt->port, level),
					     .level = (uint8_t)level };
	return MM_E_CORRUPT;
}

/* C3: does an end of some claim run through the table of @level that a walk has come to the end of? */
static bool pt_is_claimed_in_part(const struct mm_pt *pt, const struct pt_frame *at, unsigned level)
{
	const struct mm_pt *tree = pt->shares & PT_SHARES_CLAIM ? pt->claim_of : pt;
	const mm_vaddr_t first = pt_place(pt, at, level + 1), last = first | (mm_vaddr_t)pt_mask(pt->port, level + 1);

	for (const struct mm_pt *c = tree->claims; c; c = c->claims)
		if ((c->claim_va > first && c->claim_va <= last) || (c->claim_last >= first && c->claim_last < last))
			return true;
	return false;
}

/* All entries of the table at @level were looked at. Is it as it must be? */
static bool pt_table_ok(const struct mm_pt *pt, const struct pt_frame *at, unsigned level)
{
	const unsigned top = pt->port->nlevels - 1u;
	const size_t i = at[top].next - 1;

	if (level == top || (level + 1 == top && pt_shares(pt, PT_SHARES_OWN, i, i)))
		return true; /* H1 */
	if ((pt->shares & PT_CLAIMS) && pt_is_claimed_in_part(pt, at, level))
		return true; /* C3 */
	return at[level].used && (level > 0 || pt_witness_is_true(pt, at[0].table)); /* T1, T5 */
}

enum mm_status mm_pt_verify_at(const struct mm_pt *pt, size_t *tables, struct mm_pt_run *where)
{
	struct pt_frame at[MM_PT_LEVELS_MAX];
	size_t n = 1;

	if (!pt)
		return MM_E_INVAL;
	if (!pt->port)
		return MM_E_STATE;
	unsigned top = pt->port->nlevels - 1u, level = top;
	at[top] = pt_enter(pt, pt->root, top);
	while (level <= top) {
		uint64_t entry = 0;
		enum mm_pt_kind kind = pt_step(pt, &at[level], level, &entry);
		if (level == top && kind != MM_PT_EMPTY && pt_is_not_own(pt, at[top].next - 1))
			continue;
		if (kind == MM_PT_TABLE) {
			mm_paddr_t pa = pt->port->pa(pt, entry, level);
			if (pt_is_ancestor(at, level, top, pa))
				return pt_damaged(pt, at, level, where);
			level--;
			at[level] = pt_enter(pt, pa, level);
			n++;
		} else if (kind == MM_PT_EMPTY) {
			if (!pt_table_ok(pt, at, level))
				return pt_damaged(pt, at, level + 1, where);
			level++;
		} else if (kind == MM_PT_BAD || pt_is_untold(pt, entry, level) ||
			   (kind == MM_PT_RUN &&
			    !mm_pt_priv_run_whole(pt, at[level].table, at[level].next - 1,
						  level))) {
			return pt_damaged(pt, at, level, where);
		}
	}
	if (tables)
		*tables = n;
	return MM_OK;
}

enum mm_status mm_pt_verify(const struct mm_pt *pt, size_t *tables)
{
	return mm_pt_verify_at(pt, tables, NULL);
}
