/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Page tables: a recursive entry, through which a tree shows its own tables.
 *
 * An entry of the root that leads to the root itself shows each table of the active tree at an address of its own,
 * for no more memory than that address range. It is for kernels without a direct map (#MM_PT_WINDOW), on machines on
 * which an entry that leads to a table is also a leaf: x86-64 with four levels and five, 32-bit x86 without PAE, and
 * AArch64 with all granules, where the tree has #MM_PT_AARCH64_RECURSIVE among its `features` from mm_pt_init() on.
 * Others have windows.
 *
 *      st = mm_pt_recurse(&kernel, RECURSIVE_BASE, &g);            // once, the tree is not yet active
 *
 *      static void *window(const struct mm_pt *pt, mm_paddr_t pa, unsigned window, mm_vaddr_t va)
 *      {
 *              void *at = …;                                       // a page of address space for each number
 *
 *              if (window < MM_PT_WINDOWS / 2 && pt->root == read_active_root())
 *                      at = (void *)mm_pt_recursive_va(pt, window, va);
 *              else
 *                      …                                           // let the page lead to pa
 *              forget_in_this_tlb(at);                               // AArch64: see below
 *              return at;
 *      }
 *
 * The tables are the kernel's to read and write, and not executable. The range of the entry is told by questions and by
 * mm_pt_dump() as what it is; what would change it is refused with #MM_E_OWNER. mm_pt_verify() and mm_pt_destroy()
 * leave it out. A leaf of level 2 or above is met there, too, as a smaller one, with no more rights than it has, and on
 * AArch64 with just these.
 *
 * What TLBs keep. On x86 `window` makes this CPU forget the address, INVLPG, and with it the upper entries that it went
 * through. AArch64 wants break-before-make where an address of the range comes to show another table, on all CPUs, and
 * their walks may have read it without being asked to. So where tables go, or leaves of level 2 and above, mm_pt_sync()
 * and whatever else flushes calls env->flush once more for each level of tables below the root, with `flush` and
 * `tables`: for the addresses that showed tables on the way to what was flushed. By then their entries are empty, and no
 * table takes the place of another before that. `window` forgets nothing there, and orders this CPU's walk after the
 * store that linked the table: DSB ISHST, ISB. With two exceptions, for which it executes TLBI VAAE1, DSB NSH and ISB as
 * well: if several gathers of one tree wait for their flush at once, and if questions lead through what another tree
 * changes (mmlib/pt_share.h). A page of a window that is made to lead elsewhere is the kernel's to break before it is
 * made. */
#ifndef MMLIB_PT_RECURSIVE_H
#define MMLIB_PT_RECURSIVE_H
#include <mmlib/pt.h>
#if MM_PT_WINDOW
MM_BEGIN_DECLS

/** Let an entry of the root lead to the root, until mm_pt_destroy(). The entry must be empty.
 *  @param pt tree @param va address at which the entry begins @param[in,out] g gather
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE not set up @retval MM_E_RANGE no such address
 *  @retval MM_E_ALIGN an entry of the root does not begin there
 *  @retval MM_E_BUSY the tree has a recursive entry, shares or keeps what is there (mmlib/pt_share.h), or has
 *          claims (mmlib/pt_claim.h)
 *  @retval MM_E_EXIST something is mapped there: `g->stop_va`
 *  @retval MM_E_NOTSUP not with this format, or not without a feature that the tree was not set up with: its tables are
 *          not pages, have different lengths, or an entry that leads to a table cannot be a leaf
 *  @mm_ctx{boot\, irq-ok if the env is\, no-sleep; locks: none; cost: O(1)} */
MM_NODISCARD enum mm_status mm_pt_recurse(struct mm_pt *pt, mm_vaddr_t va, struct mm_tlb_gather *g)
					  MM_TAGGED(mm_pt_recurse);

/** Where the recursive entry shows a table, while the tree is active.
 *  @param pt tree of mm_pt_recurse() @param level level of the table, from 0 to the root's
 *  @param va any address that is translated through it
 *  @return its address; 0: the tree has no recursive entry, or there is no such level
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(level)} */
mm_vaddr_t mm_pt_recursive_va(const struct mm_pt *pt, unsigned level, mm_vaddr_t va)
	MM_TAGGED(mm_pt_recursive_va);
MM_END_DECLS
#endif
#endif
