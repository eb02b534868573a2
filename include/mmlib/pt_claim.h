/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Page tables: several writers at once in one tree, each with a claim on a range.
 *
 * The threads of a process fault, map and unmap at the same time, in different parts of one address space. With one
 * lock for the tree they wait for each other. A claim is a range of a tree that one writer has for itself: operations
 * through it take no lock and need no atomic operation that they would not need otherwise, as fast as those on a tree,
 * and tables that come to lead to nothing go back, as elsewhere. Without `MM_PT_TO_VIRT` single pages take the longer
 * way if the range begins in the midst of what a table of level 1 translates: no table is remembered for it then.
 *
 *      struct mm_pt part;                                          // of a region of the address space
 *
 *      lock(&space);
 *      st = mm_pt_claim(&space.pt, va, bytes, NULL, &g, &part);    // when the region is made
 *      unlock(&space);
 *      …
 *      lock(&region);
 *      st = mm_pt_map(&part, va, pa, length, attr, 0, &g);         // beside others, in their regions
 *      unlock(&region);
 *      …
 *      lock(&space);
 *      st = mm_pt_release(&part, &g);                              // when it goes
 *      unlock(&space);
 *
 * A claim is used like a tree, with a gather of its own: map, unmap, protect, query, age, split, collapse, reserve,
 * cursors, by the functions of all formats and by those of one. What reaches out of its range is refused with
 * #MM_E_OWNER. While a tree has claims, only they change it: through the tree itself it is asked, and what would
 * change it is refused with #MM_E_OWNER, too. To question a tree or a claim from elsewhere is as with readers without
 * a lock (mmlib/pt.h).
 *
 * Where a range begins or ends in the midst of what a table translates, that table stays as long as the claim, which
 * pays for it: one for each level and end at most. A range of whole entries of an upper level needs none there. */
#ifndef MMLIB_PT_CLAIM_H
#define MMLIB_PT_CLAIM_H
#include <mmlib/pt.h>
MM_BEGIN_DECLS

/** Claim a range for one writer. Leaves and contiguous runs that stick out of it are split, and tables that it shares
 *  with what is beside it are made. What is mapped there stays so.
 *  @param pt tree @param va,length the range, in bytes; whole smallest pages
 *  @param env where the claim gets its tables from, gives them back to, and has its flushes done; kept by pointer. Must
 *         reach the same tables as the tree's, which later gives back what the claim has made. NULL: the tree's, which
 *         has to be ready for several callers at once; with #MM_PT_WINDOW each writer needs windows of its own
 *  @param[in,out] g gather, for @p pt. What it holds is flushed if it holds something
 *  @param[out] claim what operations in the range are called with. Must stay where it is; read-only
 *  @retval MM_OK done @retval MM_E_INVAL NULL, or as mm_pt_map() @retval MM_E_ALIGN, MM_E_RANGE as mm_pt_map()
 *  @retval MM_E_STATE the tree is not set up, or a claim itself @retval MM_E_PORT a callback of @p env is missing
 *  @retval MM_E_BUSY some of it is claimed, or @p claim is one of this tree's already
 *  @retval MM_E_OWNER some of it is another tree's (mmlib/pt_share.h), or the recursive entry
 *  @retval MM_E_CORRUPT an entry at an end of the range is damaged: `g->stop_va`
 *  @return or what `alloc_table` returned: where, is in `g->stop_va`. What refuses changes nothing
 *  @mm_ctx{boot\, irq-ok if the env is\, no-sleep; locks: the caller's for all claims of the tree\, calls
 *  env->alloc_table\, may call env->flush and env->free_table; cost: O(levels + claims of the tree)} */
MM_NODISCARD enum mm_status mm_pt_claim(struct mm_pt *pt, mm_vaddr_t va, uint64_t length, const struct mm_pt_env *env,
					struct mm_tlb_gather *g, struct mm_pt *claim) MM_TAGGED(mm_pt_claim);

/** Give a claim up. What is mapped stays so; what the gather holds is flushed. Tables at the ends of the range that are
 *  empty, and that no other claim is in, go.
 *  @param claim of mm_pt_claim(), which nobody uses any more; all-zero afterwards
 *  @param[in,out] g the claim's gather; empty afterwards
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE not a claim
 *  @mm_ctx{boot\, irq-ok if the env is\, no-sleep; locks: the caller's for all claims of the tree\, may call
 *  env->flush and env->free_table; cost: O(entries of a table + claims of the tree)} */
MM_NODISCARD enum mm_status mm_pt_release(struct mm_pt *claim, struct mm_tlb_gather *g) MM_TAGGED(mm_pt_release);
MM_END_DECLS
#endif
