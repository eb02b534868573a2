/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Page tables: roots that share what lies below some of their entries.
 *
 * A kernel's half in all address spaces: one tree, the kernel's own, gets tables below these entries of its root that
 * stay (mm_pt_keep()), and each new root gets the entries (mm_pt_share()). From then on nothing in them changes, so what
 * is mapped and unmapped through the kernel's tree is so in all spaces, and no root must be looked for.
 *
 *      st = mm_pt_keep(&kernel, KERNEL_BASE, KERNEL_BYTES, &g);    // once
 *      …
 *      st = mm_pt_init(&space, port, &env, NULL);
 *      st = mm_pt_share(&space, &kernel, &g);                      // for each space
 *
 * Two roots of one space, of which user mode sees less: the user's half of the first is the second's too, and changes
 * with it (mm_pt_mirror()); in the kernel's half the second has what its host maps there, its trampoline for example,
 * or shares that with all its like. So page tables are isolated: a space has the kernel's half and is followed; its
 * second root, with which its threads run in user mode, has the user's half, and what a tree of the kernel's keeps for
 * all of these.
 *
 *      st = mm_pt_keep(&entry, ENTRY_BASE, ENTRY_BYTES, &g);       // once; the kernel maps it in its own half, too
 *      …
 *      st = mm_pt_share(&space, &kernel, &g);                      // for each space
 *      st = mm_pt_mirror(&user, &space, 0, USER_BYTES, &g);
 *      st = mm_pt_share(&user, &entry, &g);
 *      …
 *      st = mm_pt_destroy(&space);                                 // in this order, when no CPU is on either
 *      st = mm_pt_destroy(&user);
 *
 * What is in `entry` is all that a trap touches before it has loaded the kernel's root, and after it has loaded the
 * user's: code, the tables by which the CPU finds it (x86's IDT, GDT and TSS), what each CPU keeps for itself, a
 * stack. It lies where the kernel has it, with the rights that it has there. So pieces of the kernel's image may be
 * mapped again: below the same entry of the root, the tables are others in each of the two.
 *
 * The rest of the kernel's half must not be #MM_PT_GLOBAL, or global pages must be off (CR4.PGE): loading a root
 * leaves them in the TLB, where user mode is isolated from them no more. A flush of `space` is about `user` as well,
 * and about both ASIDs, if they have two (mmlib/pt_x86_64.h). examples/kernel/conform_roots.c does all of this.
 *
 * Where the kernel's half has a root register of its own (AArch64's TTBR1), `entry` is the second root, nothing is
 * shared or followed, and the kernel's tree and `entry` have an ASID each (TCR_EL1.A1).
 *
 * Where the format can have leaves in a root (RV64's, for example), none of these trees may: mm_pt_cfg::leaf_levels says
 * so, of the kernel's tree when it is set up, too.
 *
 * A tree has two such ranges at most, of whole entries of its root, none of which is in both: one that it keeps at
 * most, one in which it is followed, and else what is another's. In what is another tree's a tree is only asked: what
 * would change it is refused with #MM_E_OWNER. A flush of what is shared must reach the CPUs that use any of the
 * roots, whatever their ASIDs: which those are, the host knows, in `env->flush` of the tree whose it is. Concurrency is
 * as in mmlib/pt.h: one writer at a time for what is shared. */
#ifndef MMLIB_PT_SHARE_H
#define MMLIB_PT_SHARE_H
#include <mmlib/pt.h>
MM_BEGIN_DECLS

/** Give a range tables directly below the root that stay until mm_pt_destroy(), even while nothing is mapped in them.
 *  Takes one table for each entry of the root in the range that has none: on x86-64 with 4 levels one page for 512 GiB.
 *  No leaf may be in their place.
 *  @param pt tree @param va,length whole entries of the root, in bytes
 *  @param[in,out] g gather; takes tables from `g->pool` first, if it is set
 *  @retval MM_OK done @retval MM_E_INVAL NULL, or as mm_pt_map() @retval MM_E_ALIGN not whole entries of the root
 *  @retval MM_E_RANGE no such addresses @retval MM_E_STATE not set up
 *  @retval MM_E_BUSY the tree keeps a range already, has two, has some of this one in another, or has claims
 *          (mmlib/pt_claim.h)
 *  @retval MM_E_EXIST a leaf is there: `g->stop_va`
 *  @retval MM_E_NOTSUP the format has one level only, or more than 65,535 entries are in the range
 *  @retval MM_E_OWNER the recursive entry is there: mmlib/pt_recursive.h
 *  @return or what `alloc_table` returned; nothing changed
 *  @mm_ctx{boot\, irq-ok if the env is\, no-sleep; locks: none\, calls env->alloc_table\, may call
 *  env->flush and env->free_table; cost: O(entries of the root)} */
MM_NODISCARD enum mm_status mm_pt_keep(struct mm_pt *pt, mm_vaddr_t va, uint64_t length, struct mm_tlb_gather *g)
				       MM_TAGGED(mm_pt_keep);

/** Keep it no more: tables that are empty go, as they do elsewhere. When no tree shares it any more.
 *  @param pt tree of mm_pt_keep() @param[in,out] g gather
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE not set up, or it keeps nothing
 *  @retval MM_E_BUSY it has claims
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, may call env->flush and env->free_table; cost: O(entries of the
 *  tables directly below the root)} */
MM_NODISCARD enum mm_status mm_pt_unkeep(struct mm_pt *pt, struct mm_tlb_gather *g) MM_TAGGED(mm_pt_unkeep);

/** Let a tree have what another keeps. Nothing may be mapped there in it. Once @p from is destroyed @p to may only be
 *  destroyed, too.
 *  @param to tree, of the same format and with the same properties @param from tree of mm_pt_keep()
 *  @param[in,out] g gather, for @p to
 *  @retval MM_OK done @retval MM_E_INVAL NULL, or they differ in format or properties
 *  @retval MM_E_STATE one is not set up, or @p from keeps nothing
 *  @retval MM_E_BUSY @p to has two ranges already, or one that some of this is in, or claims
 *  @retval MM_E_EXIST something is mapped there: `g->stop_va`; nothing changed
 *  @retval MM_E_NOTSUP LoongArch64, where an empty entry leads to its tree's root: the kernel's half has a root of its own
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, may call env->flush and env->free_table; cost: O(entries of the
 *  root)} */
MM_NODISCARD enum mm_status mm_pt_share(struct mm_pt *to, const struct mm_pt *from, struct mm_tlb_gather *g)
					MM_TAGGED(mm_pt_share);

/** Let a tree have what another has in a range, from now on and at once: entries of its root change as @p from's do,
 *  before its flush. A tree is followed by one at most. @p from is to be destroyed before @p to.
 *  @param to tree, of the same format and with the same properties @param from tree
 *  @param va,length whole entries of the root, in bytes @param[in,out] g gather, for @p to
 *  @retval MM_OK done @retval MM_E_INVAL, MM_E_STATE, MM_E_EXIST as mm_pt_share()
 *  @retval MM_E_BUSY one of them has two ranges already, or one that some of this is in, or claims, or @p from is followed
 *  @retval MM_E_ALIGN, MM_E_RANGE, MM_E_OWNER as mm_pt_keep()
 *  @retval MM_E_NOTSUP as mm_pt_keep() and mm_pt_share(), or the tree may have leaves in its root:
 *          mm_pt_cfg::leaf_levels
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, may call env->flush and env->free_table; cost: O(entries of the
 *  root)} */
MM_NODISCARD enum mm_status mm_pt_mirror(struct mm_pt *to, struct mm_pt *from, mm_vaddr_t va, uint64_t length,
					 struct mm_tlb_gather *g) MM_TAGGED(mm_pt_mirror);
MM_END_DECLS
#endif
