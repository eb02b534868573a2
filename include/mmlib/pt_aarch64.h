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

/** For mm_pt_cfg::features, of every AArch64 format but stage 2: a tree that may have a recursive entry
 *  (mmlib/pt_recursive.h). An entry that leads to a table has bits 1:0 set, as that of a page, but the CPU ignores in it
 *  what a page has in bits 11:2 and 58:51 (DDI 0487, D8.3). With this they are those of a page of the kernel's: AF, nG,
 *  MAIR's index 0, inner shareable (with LPA2 TCR_EL1 says that), to be read and written, PXN and UXN. And a root takes a
 *  whole page, as what is shown of it is. Only with #MM_PT_WINDOW; elsewhere it changes nothing. */
#define MM_PT_AARCH64_RECURSIVE 2u

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

/** What a flush may use, and whose translations it is about: mm_pt_aarch64_flush_by(). mm_pt_aarch64_tlb_probe() fills in
 *  all but the last two; a kernel with ASIDs may have a copy with these for each address space. All-zero: pages one
 *  by one, of all address spaces.
 *
 *  With #one_space, what is left in the TLBs (DDI 0487, C5.5, TLBI ASIDE1IS and VAE1IS): translations under other
 *  ASIDs; what is global, if more is flushed than goes by address; and tables, under other ASIDs, of what is global.
 *  So it is for trees that hold no #MM_PT_GLOBAL pages and are never used with another ASID; the kernel's half, which
 *  all spaces use, wants the form for all of them. With TCR_EL1.AS clear, ASIDs have 8 bits. */
struct mm_pt_aarch64_tlb {
	uint8_t granule[2]; /**< log2 of the granule of the low half (TCR_EL1.TG0) and of the high one (TG1): 12, 14 or 16;
	                         0: no ranges in this half. A range with another granule than the half has
	                         need not be flushed */
	bool ranges;        /**< every CPU has FEAT_TLBIRANGE */
	bool lpa2;          /**< TCR_EL1.DS is set, so that ranges begin on 64 KiB */
	bool one_space;     /**< only what is under `asid` */
	uint16_t asid;      /**< number of the address space, if `one_space` */
};

#if defined(__aarch64__)
/** Ask this CPU (ID_AA64MMFR0_EL1) how many physical address bits it has. EL1 or above.
 *  @param[out] cfg all-zero but for what was found; at most the format's 48 bits
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
void mm_pt_aarch64_probe(struct mm_pt_cfg *cfg);

/** Make every CPU of the inner shareable domain forget what a gather holds: TLBI for each page, or for
 *  everything when there are more than 32, with the barriers around it: DSB ISHST, TLBI, DSB ISH, ISB (DDI 0487, D8,
 *  "TLB maintenance instructions"). Where no tables went, what is cached of tables stays (the forms for the last level).
 *  No interrupt to other CPUs is needed, so this can be all of env->flush of a kernel. EL1, or EL2 with
 *  HCR_EL2.{E2H, TGE} set. On a CPU with an erratum that wants TLBI and DSB twice, call it twice. Not for second stages:
 *  mm_pt_aarch64_flush_guest().
 *  @param g gather
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(pages)\, bounded} */
void mm_pt_aarch64_flush(const struct mm_tlb_gather *g) MM_TAGGED(mm_pt_aarch64_flush);

/** Ask this CPU how its TLB is flushed: TCR_EL1.{TG0, TG1, DS}, and ID_AA64ISAR0_EL1.TLB, which says at 2 that there are
 *  ranges (FEAT_TLBIRANGE). When TCR_EL1 is as it will be. Where CPUs differ: ranges if all have them. EL1 or above.
 *  @param[out] tlb all-zero but for what was found
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
void mm_pt_aarch64_tlb_probe(struct mm_pt_aarch64_tlb *tlb);

/** mm_pt_aarch64_flush() with ranges, if CPUs have them, or of one address space. A range is five instructions at most
 *  (DDI 0487, C5.5, TLBI RVAE1IS: (NUM + 1) * 2^(5 * SCALE + 1) granules each) and is what the gather holds,
 *  exactly; with `lpa2` and 4 or 16 KiB it begins up to 15, or 3, granules before that. More than 2^21 granules, or
 *  without ranges more than 32 pages, are flushed with everything, or everything of the address space.
 *  @param tlb what CPUs have, and which address space @param g gather, of one tree
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: 32 TLBI at most\, 5 with ranges} */
void mm_pt_aarch64_flush_by(const struct mm_pt_aarch64_tlb *tlb, const struct mm_tlb_gather *g);

/** mm_pt_aarch64_flush_by() of a guest's second stage, #MM_PT_AARCH64_S2 and #MM_PT_AARCH64_S2_48 of mmlib/pt_formats.h:
 *  TLBI IPAS2E1IS for each page, or ranges, or IPAS2LE1IS where no tables went; DSB ISH; and VMALLE1IS, since what CPUs
 *  keep of both stages as one is not found by its IPA. Where that is too much, VMALLS12E1IS forgets both stages. EL2, with the
 *  guest's VMID in VTTBR_EL2, behind an ISB if it was just written, and HCR_EL2.TGE clear: with E2H and TGE set these
 *  instructions are about the host. A tree that is used under several VMIDs wants a call for each. On a CPU with an
 *  erratum that wants TLBI and DSB twice, call it twice.
 *  @param tlb what CPUs have: of it only `ranges` matters @param g gather, of one tree
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: 33 TLBI at most\, 6 with ranges} */
void mm_pt_aarch64_flush_guest(const struct mm_pt_aarch64_tlb *tlb, const struct mm_tlb_gather *g);
#endif
MM_END_DECLS
#endif
