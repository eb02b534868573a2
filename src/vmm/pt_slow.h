/* SPDX-License-Identifier: MIT */
/* Page tables: what the fast paths call where more is to be done, and the parts of the walker that exist once call in each
 * other. Included by pt_core.h. */
#ifndef MM_SRC_VMM_PT_SLOW_H
#define MM_SRC_VMM_PT_SLOW_H
#include "vmm/pt_core.h"

/* Contiguous runs, in pt_run.c. @at is one of the members, around @va. */

/* Of the @n entries of @table from @va on, for frames from @pa on, write as many as may be runs. Returns how many;
 * with 0, *@n is how many are to be written before the next try. */
size_t mm_pt_priv_run_map(const struct mm_pt *pt, void *table, mm_vaddr_t va, size_t *n,
			  mm_paddr_t pa, uint32_t attr, unsigned level);
/* What the run maps at @va, and from where to where. */
void mm_pt_priv_run_tell(const struct mm_pt *pt, mm_vaddr_t va, const struct pt_at *at,
			 struct mm_pt_run *run);
/* The same of a member that was read from a table of @level. It may be none any more: that is what it was. */
enum mm_status mm_pt_priv_run_query(const struct mm_pt *pt, mm_vaddr_t va, struct mm_pt_run *run, void *table,
				    uint64_t entry, unsigned level);
/* Empty it, and tell what it was as the only one of @leaves. Returns how many entries there were. */
size_t mm_pt_priv_run_take(const struct mm_pt *pt, mm_vaddr_t va, const struct pt_at *at,
			   struct mm_tlb_gather *g, struct mm_pt_leaves *leaves);
/* Give it other attributes. Returns how many entries it has. */
size_t mm_pt_priv_run_protect(struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va,
			      const struct pt_at *at, uint32_t attr);
/* Make it leaves that are no run. */
void mm_pt_priv_run_break(struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va,
			  struct pt_at *at);
/* The same with runs that stick out of [va, last]. */
void mm_pt_priv_run_edges(struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va,
			  mm_vaddr_t last);
/* Make a run of the leaves around @va if they may be one. */
bool mm_pt_priv_run_join(struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va,
			 const struct pt_at *at);
/* Is entry @i of a table a member of a run of which all others are there? */
bool mm_pt_priv_run_whole(const struct mm_pt *pt, void *table, size_t i, unsigned level);
/* Frame of entry @i of a table, which is a leaf or a member. */
mm_paddr_t mm_pt_priv_run_pa(const struct mm_pt *pt, uint64_t entry, size_t i, unsigned level);
/* Clear the bits @what in all members. Returns the attributes that were found. */
uint32_t mm_pt_priv_run_age(const struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va,
			    const struct pt_at *at, uint32_t what);

/* Slow paths, in pt.c. */

/* Arguments are wrong, of an operation that begins at @va: nothing was done. @g: or NULL. */
enum mm_status mm_pt_priv_refuse(struct mm_tlb_gather *g, mm_vaddr_t va, enum mm_status st);

/* A table for @level: from the pool, else from the env. */
enum mm_status mm_pt_priv_table_new(const struct mm_pt *pt, struct mm_pt_pool *pool, unsigned level,
				    mm_paddr_t *pa);
/* Give it back to where such come from. Nobody has seen it. */
void mm_pt_priv_table_drop(const struct mm_pt *pt, struct mm_pt_pool *pool, unsigned level,
			   mm_paddr_t pa);
/* Make all entries of a table empty. */
void mm_pt_priv_fill_empty(const struct mm_pt *pt, void *table, unsigned level);
/* Keep a table, or take one of which there are some. */
void mm_pt_priv_pool_put(const struct mm_pt *pt, struct mm_pt_pool *pool, unsigned level, mm_paddr_t pa);
mm_paddr_t mm_pt_priv_pool_take(const struct mm_pt *pt, struct mm_pt_pool *pool, unsigned level);
/* Flush what the gather holds, but keep its dead tables. */
void mm_pt_priv_flush(const struct mm_pt *pt, struct mm_tlb_gather *g);
/* Keep a tree with its root at @level, which is out of the tree and noted, until the next sync; or, from PT_CHAIN() in
 * @level, tables that lead to each other and in which nothing else is: nobody looks through them all once more. */
#define PT_CHAIN(top, low)   (0x80u | (low) << 4 | (top))
#define PT_CHAIN_TOP(levels) ((levels)&7u)
#define PT_CHAIN_LOW(levels) ((levels) >> 4 & 7u)
void mm_pt_priv_retire(struct mm_pt *pt, struct mm_tlb_gather *g, mm_paddr_t root, unsigned level);
/* Lowest level at or below @level whose entries may begin at @border. */
unsigned mm_pt_priv_border_level(const struct mm_pt_port *port, mm_vaddr_t border, unsigned level);
/* Make the leaf @at around @va a table of smaller ones: in place if the format allows, else through an
 * empty entry and a flush. */
void mm_pt_priv_split_leaf(struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va, struct pt_at *at,
			   mm_paddr_t table);

/* Let the empty entry @at around @va point to a table, which is filled in. */
void mm_pt_priv_link(const struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va,
		     const struct pt_at *at, mm_paddr_t table);
/* Make tables below the empty entry @at around @va, down to @level. All or none. */
enum mm_status mm_pt_priv_grow(struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va,
			       const struct pt_at *at, unsigned level);
/* Split the leaves that stick out of [va, last], so that none does. All or none. */
enum mm_status mm_pt_priv_split(struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va,
				mm_vaddr_t last);
/* Take the table entry number @i out of @table at @level and keep its subtree in the gather. Notes
 * [va, last] in pages of 2^shift bytes. */
void mm_pt_priv_detach(struct mm_pt *pt, struct mm_tlb_gather *g, const struct pt_at *at, size_t i,
		       mm_vaddr_t va, mm_vaddr_t last, uint8_t shift);
/* W6: no more of what is near than this is for a claim. */
void mm_pt_priv_near_claimed(struct mm_pt *pt, uint64_t *pages);
/* Name the first entry of a table that is in use as its witness, if that is not the first of all: while the table was
 * kept or shared, it may have had none. False: it is empty. T5 */
bool mm_pt_priv_name_witness(const struct mm_pt *pt, void *table, unsigned level);
/* May a host's functions be called? */
bool mm_pt_priv_env_ok(const struct mm_pt_env *env);
/* The table of level @level around @va has become empty: detach it and all above it that this
 * leaves empty. */
void mm_pt_priv_prune(struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va, unsigned level);
/* Entries of the table of level 0 around @va were cleared, all of these, and there is no witness: name one, or do the
 * same. @empty: what an empty one is. */
struct pt_part {
	uint32_t lo, hi; /* first and last entry */
};
void mm_pt_priv_emptied(struct mm_pt *pt, mm_vaddr_t va, struct mm_tlb_gather *g, void *table, struct pt_part cleared,
			uint64_t empty);

/* In pt_break.c. */

/* Change a leaf that must not go from one valid value to another at once. */
void mm_pt_priv_break(struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va, void *slot,
		      unsigned level, uint32_t attr);
/* What an operation is about to do with leaves in [va, last]: split those that stick out, or are above level @cap; give
 * them attributes @attr, 0: it does not; break runs that lie in the range whole, unless @runs. */
struct pt_unbroken {
	mm_vaddr_t va, last;
	uint32_t attr;
	unsigned cap;
	bool runs;
};
/* MM_PT_NO_BREAK: is what stays mapped there at each moment? Else MM_E_BBM, and which leaf is not. Reads only. */
enum mm_status mm_pt_priv_unbroken(const struct mm_pt *pt, struct mm_tlb_gather *g, const struct pt_unbroken *want);
#endif
