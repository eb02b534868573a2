/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief AArch64 page tables: stage 1 of EL1&0, 4 KiB granule, 48 bits; pages of 4 KiB, 2 MiB, 1 GiB.
 *
 * Each half of the address space is a tree of its own: mm_pt_aarch64_port() for the low one (TTBR0_EL1),
 * mm_pt_aarch64_high_port() for the high one (TTBR1_EL1, from 0xffff000000000000 on).
 *
 * Expects TCR_EL1 to say 4 KiB granule, 48 bits, inner shareable, write-back walks (IRGN, ORGN), and IPS as
 * ID_AA64MMFR0_EL1.PARange has it, or RAM above 4 GiB faults; MAIR_EL1 to be #MM_PT_AARCH64_MAIR.
 * Moving to another address, type or size needs break-before-make, which the walker does: do not change
 * what maps the code that is running, its stack or the tables themselves that way. */
#ifndef MMLIB_PT_AARCH64_H
#define MMLIB_PT_AARCH64_H
#include <mmlib/pt.h>
MM_BEGIN_DECLS

/** MAIR_EL1 as the format expects it: index 0 write-back, 1 write-through, 2 not cached, 3
 *  Device-nGnRnE (#MM_PT_UC), 4 Device-nGnRE (#MM_PT_DEVICE). */
#define MM_PT_AARCH64_MAIR UINT64_C(0x040044bbff)

/** For mm_pt_cfg::features, of every AArch64 format and ARMv7 LPAE: use contiguous runs (the Contiguous bit). With a
 *  granule of 4 KiB 16 pages, blocks of 2 MiB or of 1 GiB are one; 16 KiB: 128 pages or 32 blocks; 64 KiB: 32 of either. */
#define MM_PT_AARCH64_CONTIG 1u

/** The low half of the address space, for mm_pt_init().
 *  @return static data
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
const struct mm_pt_port *mm_pt_aarch64_port(void) MM_TAGGED(mm_pt_aarch64_port);

/** The high half of the address space, for mm_pt_init().
 *  @return static data
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
const struct mm_pt_port *mm_pt_aarch64_high_port(void) MM_TAGGED(mm_pt_aarch64_high_port);

MM_PT_DECLARE(mm_pt_aarch64);
MM_PT_DECLARE(mm_pt_aarch64_high);

#if defined(__aarch64__)
/** Ask this CPU (ID_AA64MMFR0_EL1) how many physical address bits it has. EL1 or above.
 *  @param[out] cfg all-zero but for what was found; at most the format's 48 bits
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
void mm_pt_aarch64_probe(struct mm_pt_cfg *cfg);

/** Make every CPU of the inner shareable domain forget what a gather holds: TLBI for each page, or for
 *  everything when there are more than 32, with the barriers around it. No interrupt to other CPUs is
 *  needed, so this can be all of env->flush of a kernel. EL1.
 *  @param g gather
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(pages)\, bounded} */
void mm_pt_aarch64_flush(const struct mm_tlb_gather *g);
#endif
MM_END_DECLS
#endif
