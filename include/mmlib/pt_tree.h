/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Page tables: tables set aside, large leaves split and made again, accessed and dirty bits
 *         harvested, and a dump.
 *
 * What changes the shape of a tree, or looks at all of it. These exist once, for all formats: they ask
 * the tree's own format, whatever instance of the walker made the tree. Ranges, the gather, errors and
 * concurrency are as in mmlib/pt.h: one writer for each tree or claim, while hardware may walk it and set
 * accessed and dirty bits. An operation that fails says in `g->stop_va` and `g->stop_level` where. */
#ifndef MMLIB_PT_TREE_H
#define MMLIB_PT_TREE_H
#include <mmlib/pt.h>
MM_BEGIN_DECLS

/** Set aside the tables that mm_pt_map() with the same @p va, @p pa, @p length and @p flags needs, no
 *  more and no fewer, and those that mm_pt_unmap() or mm_pt_protect() of that range needs where a leaf
 *  sticks out of it. An operation whose gather has `g->pool` set takes tables from there first, and with
 *  enough of them it cannot fail for want of memory, unless the tree has changed in between. For
 *  mm_pt_map_list(): MM_PT_MAX_LEVEL(0).
 *
 *      struct mm_pt_pool pool = { 0 };
 *      st = mm_pt_reserve(&pt, va, pa, length, 0, &pool);     // may fail
 *      …
 *      g.pool = &pool;
 *      st = mm_pt_map(&pt, va, pa, length, attr, 0, &g);      // does not run out of memory
 *      mm_pt_unreserve(&pt, &pool);                           // what was not needed
 *
 *  @param pt tree @param va,pa first bytes, page-aligned @param length bytes, a multiple of the page
 *  size @param flags #MM_PT_NO_RUNS, MM_PT_MAX_LEVEL(), both or 0
 *  @param[in,out] pool where they go, beside those that are in it; for one tree, all-zero at first
 *  @retval MM_OK done @retval MM_E_INVAL NULL, or as mm_pt_map()
 *  @retval MM_E_ALIGN, MM_E_RANGE, MM_E_STATE, MM_E_PORT, MM_E_OWNER as mm_pt_map()
 *  @return or what `alloc_table` returned; the pool is as it was, and `pool->stop_va` and `pool->stop_level` say for
 *  what: one of the entries that want such a table
 *  @mm_ctx{boot\, irq-ok if the env is\, no-sleep; locks: none\, calls env->alloc_table; cost:
 *  O(entries) of tables that exist and O(tables) of those that do not} */
MM_NODISCARD enum mm_status mm_pt_reserve(const struct mm_pt *pt, mm_vaddr_t va, mm_paddr_t pa,
					  uint64_t length, uint32_t flags, struct mm_pt_pool *pool)
					  MM_TAGGED(mm_pt_reserve);

/** Give back the tables that are still set aside. The pool is empty afterwards.
 *  @param pt the pool's tree, before mm_pt_destroy(): after it, nothing is given back
 *  @param pool pool; NULL: nothing
 *  @mm_ctx{boot\, irq-ok if the env is\, no-sleep; locks: none\, calls env->free_table; cost:
 *  O(tables)} */
void mm_pt_unreserve(const struct mm_pt *pt, struct mm_pt_pool *pool);

/** Split leaves: those that stick out of a range, and those in it that are above a level. Contiguous runs that
 *  stick out are broken, with #MM_PT_NO_RUNS all in the range. What is mapped
 *  stays mapped to the same frames, with the same attributes. Where the format demands
 *  break-before-make, the gather is synced for each leaf, and nothing is mapped there meanwhile.
 *  @param pt tree @param va first byte, page-aligned @param length bytes, a multiple of the page size
 *  @param flags 0: only what sticks out; or MM_PT_MAX_LEVEL(), #MM_PT_NO_RUNS, #MM_PT_NO_BREAK, or several
 *  @param[in,out] g gather; `g->pages` says how many smallest pages were in leaves that were split
 *  and runs that were broken
 *  @retval MM_OK done, or nothing was to do
 *  @retval MM_E_BBM with #MM_PT_NO_BREAK: the leaf at `g->stop_va` cannot be split at once; nothing changed
 *  @retval MM_E_INVAL, MM_E_ALIGN, MM_E_RANGE, MM_E_STATE, MM_E_PORT, MM_E_OWNER as mm_pt_map()
 *  @return or what `alloc_table` returned; nothing changed
 *  @mm_ctx{boot\, irq-ok if the env is\, no-sleep; locks: none\, calls env->alloc_table and may call
 *  env->flush; cost: O(entries)} */
MM_NODISCARD enum mm_status mm_pt_split(struct mm_pt *pt, mm_vaddr_t va, uint64_t length, uint32_t flags,
					struct mm_tlb_gather *g);

/** The opposite: a table that lies in a range whole, and all of whose entries are leaves that follow each
 *  other, with the same attributes, becomes one leaf, on every level that has leaves. Then, where the tree uses
 *  contiguous runs, leaves that may be one become one, with a flush for each. Accessed and
 *  dirty are those of any of them. Where the format demands break-before-make, or where hardware may
 *  set accessed and dirty bits yet, the TLB is flushed for each such table.
 *  @param pt tree @param va first byte, page-aligned @param length bytes, a multiple of the page size
 *  @param flags #MM_PT_NO_RUNS, #MM_PT_NO_BREAK, MM_PT_MAX_LEVEL(), several or 0
 *  @param[in,out] g gather; `g->pages` says how many smallest pages the new leaves and runs have, those that
 *  became part of a larger one again counted again
 *  @retval MM_OK done, or nothing was to do
 *  @retval MM_E_INVAL, MM_E_ALIGN, MM_E_RANGE, MM_E_STATE, MM_E_OWNER as mm_pt_map()
 *  @mm_ctx{boot\, irq-ok if the env is\, no-sleep; locks: none\, may call env->flush and
 *  env->free_table; cost: O(entries)} */
MM_NODISCARD enum mm_status mm_pt_collapse(struct mm_pt *pt, mm_vaddr_t va, uint64_t length,
					   uint32_t flags, struct mm_tlb_gather *g);

/** Harvest accessed and dirty bits: tell the next leaves of a cursor's range, with the bits as they are,
 *  and clear those of @p what. A bit that hardware sets meanwhile is told now or the next time, never
 *  lost. A leaf that sticks out of the range is not split: its bits are of all of it. So are those of a
 *  contiguous run: accessed and dirty if any of its entries are.
 *
 *  What must follow is in the gather: clearing dirty is noted to be flushed everywhere, else later
 *  writes go unseen; clearing accessed only for formats that cannot do without: with others, as x86-64 and EPT,
 *  a CPU that has kept it as set need not set it again, and at worst an access goes unseen. Of a leaf that was
 *  mapped without #MM_PT_TRACK the bits are cleared too.
 *  @param pt the cursor's tree @param cur cursor @param what #MM_PT_ACCESSED, #MM_PT_DIRTY, or both
 *  @param[in,out] g gather; `g->pages` says how many smallest pages had one of the bits
 *  @param[in,out] leaves room for them; `n` and what follows it are written only on #MM_OK
 *  @retval MM_OK some leaves are told @retval MM_E_NOENT the range has no more leaves
 *  @retval MM_E_INVAL NULL, no room, a cursor of another tree, or other bits in @p what
 *  @retval MM_E_STATE not set up @retval MM_E_OWNER something of the cursor's range is another tree's
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none; cost: O(1) a leaf\, amortised} */
MM_NODISCARD enum mm_status mm_pt_age(struct mm_pt *pt, struct mm_pt_cur *cur, uint32_t what,
				      struct mm_tlb_gather *g, struct mm_pt_leaves *leaves) MM_TAGGED(mm_pt_age);

/** What mm_pt_dump() leaves out. */
enum mm_pt_dump_flags {
	MM_PT_DUMP_WX = 1u << 0, /**< tell only pages that are both writable and executable */
};

/** Tell in lines of text, at most 79 characters each, what a tree maps: a line for each stretch of
 *  pages of one size with frames that follow each other and the same attributes. The words are: first
 *  and last byte, physical address, level, `x16` if they are contiguous runs of 16, `r w x u g` or `-`, memory type, and `W+X` if it may be
 *  both written and executed. A damaged entry is told as `damaged`, and its value. Takes no locks: in
 *  a panic it tells what it finds.
 *  @param pt tree @param flags of #mm_pt_dump_flags, or 0
 *  @param line takes a line, without an end of line; NULL: only count @param ctx passed to it
 *  @return how many smallest pages are both writable and executable; 0 for no tree
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(entries)} */
uint64_t mm_pt_dump(const struct mm_pt *pt, uint32_t flags, void (*line)(void *ctx, const char *text),
		    void *ctx) MM_TAGGED(mm_pt_dump);
MM_END_DECLS
#endif
