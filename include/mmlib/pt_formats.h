/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Page-table formats that are selected at run time: more sizes of x86-64, RISC-V and AArch64, second
 *         stages of translation, 32-bit CPUs, s390x, PPC64, LoongArch64 and MIPS64.
 *
 * For mm_pt_init() and the operations of mmlib/pt.h and mmlib/pt_tree.h, which ask the format. What the manuals
 * say, and what each format can express, is in its file in src/ports/. A kernel that wants one of them as fast
 * as those that have an instance of their own makes one: docs/porting.md.
 *
 * AArch64's, stage 2 too, and ARMv7 LPAE have contiguous runs with #MM_PT_AARCH64_CONTIG, Sv57 and the second stages of
 * RISC-V with #MM_PT_RISCV64_SVNAPOT, ARMv7 short with #MM_PT_ARMV7_LARGE and #MM_PT_ARMV7_SUPER.
 * The CPU must be set up as that file says. What nothing reports: without CR0.WP (ia32) the kernel writes to
 * what is not writable; where DACR does not make domain 0 a client (ARMv7 short) rights mean nothing; with
 * HCR_EL2.FWB (AArch64 stage 2) memory types mean others; s390x wants instruction-execution protection, and EDAT-1 and
 * EDAT-2 for large leaves, or mm_pt_cfg::leaf_levels has to say that there are fewer. With
 * 52 bits, bits 51:48 of the root's address go into bits 5:2 of TTBR. ARMv7 cores whose walks are not coherent
 * (ID_MMFR3) want env->to_virt to return addresses that are not cached.
 *
 * ia32 PAE: CPUs keep the four entries of the root as they were when CR3 was written, empty ones too. Every change
 * of one asks for a flush with `tables`: env->flush then writes CR3 on each CPU. INVLPG does not read them again. */
#ifndef MMLIB_PT_FORMATS_H
#define MMLIB_PT_FORMATS_H
#include <mmlib/pt.h>
MM_BEGIN_DECLS

/** Which format, for mm_pt_format(). */
enum mm_pt_format {
	MM_PT_X86_64_LA57, /**< x86-64, five levels: as mmlib/pt_x86_64.h, 57-bit addresses (CR4.LA57) */
	MM_PT_SV57,        /**< RISC-V, five levels: as mmlib/pt_riscv64.h, satp.MODE 10 */
	MM_PT_AARCH64_16K,      /**< AArch64, 16 KiB granule, 48 bits, low half; leaves of 32 MiB */
	MM_PT_AARCH64_16K_HIGH, /**< its high half */
	MM_PT_AARCH64_64K, /**< AArch64, 64 KiB granule, 48 bits, low half; leaves of 512 MiB */
	MM_PT_AARCH64_64K_HIGH, /**< its high half */
	MM_PT_AARCH64_64K_LPA, /**< the same with FEAT_LVA and FEAT_LPA: 52 bits; leaves of 4 TiB too */
	MM_PT_AARCH64_64K_LPA_HIGH, /**< its high half */
	MM_PT_AARCH64_4K_LPA2, /**< AArch64, 4 KiB granule, FEAT_LPA2 (TCR.DS=1): 52 bits; leaves up to 512 GiB */
	MM_PT_AARCH64_4K_LPA2_HIGH, /**< its high half */
	MM_PT_AARCH64_16K_LPA2, /**< AArch64, 16 KiB granule, FEAT_LPA2: 52 bits; leaves up to 64 GiB */
	MM_PT_AARCH64_16K_LPA2_HIGH, /**< its high half */
	MM_PT_AARCH64_S2, /**< AArch64 stage 2, 4 KiB granule, 40 bits: two concatenated root tables */
	MM_PT_AARCH64_S2_48, /**< the same, 48 bits */
	MM_PT_IA32,     /**< ia32, 32-bit paging: pages that can be read can be executed; CR4.PSE */
	MM_PT_IA32_PAE, /**< ia32, PAE: the root has 32 bytes and must lie below 4 GiB; EFER.NXE */
	MM_PT_EPT,      /**< Intel's extended page tables, four levels: #MM_PT_DEVICE is UC */
	MM_PT_EPT5,     /**< the same, five levels */
	MM_PT_SV32,     /**< RISC-V with 32 bits: pages of 4 KiB and 4 MiB */
	MM_PT_SV39X4,   /**< RISC-V second stage, 41 bits: a root of 16 KiB; U is set by itself */
	MM_PT_SV48X4,   /**< the same, 50 bits */
	MM_PT_SV57X4,   /**< the same, 59 bits */
	MM_PT_ARMV7, /**< ARMv7-A short descriptors: tables of 1 KiB, a root of 16 KiB; SCTLR.AFE and
	                                TRE set, PRRR and NMRR as #MM_PT_ARMV7_PRRR and #MM_PT_ARMV7_NMRR */
	MM_PT_ARMV7_LPAE, /**< ARMv7-A LPAE: a root of 32 bytes; MAIR as AArch64's */
	MM_PT_S390X,      /**< s390x from region 3 on, 42 bits; for trees that no CPU uses yet */
	MM_PT_S390X_R2,   /**< from region 2 on, 53 bits */
	MM_PT_PPC64,      /**< PPC64 radix tree, 52 bits, big-endian entries: a root of 64 KiB */
	MM_PT_LOONGARCH64, /**< LoongArch64, pages of 4 KiB, four levels: the half of PGDL, 47 bits; a root of
	                        8 KiB. PWCL as #MM_PT_LOONGARCH64_PWCL, PWCH as #MM_PT_LOONGARCH64_PWCH */
	MM_PT_LOONGARCH64_HIGH, /**< its high half: PGDH is 4 KiB behind the root */
	MM_PT_LOONGARCH64_16K, /**< LoongArch64, pages of 16 KiB, three levels; a root of 32 KiB. PWCL and PWCH
	                            as #MM_PT_LOONGARCH64_16K_PWCL and #MM_PT_LOONGARCH64_16K_PWCH */
	MM_PT_LOONGARCH64_16K_HIGH, /**< its high half: PGDH is 16 KiB behind the root */
	MM_PT_MIPS64, /**< tables for the TLB of MIPS64, which software fills: mmlib/pt_refill.h; 48 bits */
	MM_PT_FORMATS,    /**< how many there are */
};

/** For mm_pt_cfg::features of #MM_PT_ARMV7: use supersections, 16 sections as one of 16 MiB. Only where the CPU has
 *  them (ID_MMFR3, bits 31:28, is 0). */
#define MM_PT_ARMV7_SUPER 1u
/** The same: use large pages, 16 pages as one of 64 KiB. All CPUs have them. */
#define MM_PT_ARMV7_LARGE 2u

/** PRRR as #MM_PT_ARMV7 expects it: by TEX[0], C and B memory, memory, memory, strongly ordered, device; S
 *  says shareable. */
#define MM_PT_ARMV7_PRRR 0x070a012au
/** NMRR as #MM_PT_ARMV7 expects it: write-back, write-through, not cached. */
#define MM_PT_ARMV7_NMRR 0x00090009u

/** PWCL as #MM_PT_LOONGARCH64 expects it: from bit 12 on 9 bits, from 21 on 9, from 30 on 9. */
#define MM_PT_LOONGARCH64_PWCL 0x13e4d52cu
/** PWCH: from bit 39 on 9 bits. Its bit 24 is the hardware walker's, if the CPU has one. */
#define MM_PT_LOONGARCH64_PWCH 0x267u
/** PWCL as #MM_PT_LOONGARCH64_16K expects it: from bit 14 on 11 bits, from 25 on 11. */
#define MM_PT_LOONGARCH64_16K_PWCL 0x0005e56eu
/** PWCH: from bit 36 on 11 bits. */
#define MM_PT_LOONGARCH64_16K_PWCH 0x2e4u

/** A format by its number, for mm_pt_init().
 *  @param format which @return static data, or NULL for a number that is none
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
const struct mm_pt_port *mm_pt_format(enum mm_pt_format format) MM_TAGGED(mm_pt_format);
MM_END_DECLS
#endif
