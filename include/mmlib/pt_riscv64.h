/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief RISC-V page tables: Sv39 and Sv48, pages of 4 KiB, 2 MiB, 1 GiB (and 512 GiB with Sv48).
 *
 * Memory types: without Svpbmt only #MM_PT_WB, which then means what the physical memory attributes of
 * the address say, so devices are mapped with it too. With Svpbmt (#MM_PT_RISCV64_SVPBMT) also
 * #MM_PT_WC and #MM_PT_DEVICE. */
#ifndef MMLIB_PT_RISCV64_H
#define MMLIB_PT_RISCV64_H
#include <mmlib/pt.h>
MM_BEGIN_DECLS

/** For mm_pt_cfg::features: this machine has Svpbmt, and menvcfg.PBMTE is set. */
#define MM_PT_RISCV64_SVPBMT 1u
/** For mm_pt_cfg::features: this machine has Svnapot. 16 pages of 4 KiB are one contiguous run. */
#define MM_PT_RISCV64_SVNAPOT 2u

/** Three levels, 39-bit addresses, for mm_pt_init(). satp.MODE is 8.
 *  @return static data
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
const struct mm_pt_port *mm_pt_sv39_port(void) MM_TAGGED(mm_pt_sv39_port);

/** Four levels, 48-bit addresses, for mm_pt_init(). satp.MODE is 9.
 *  @return static data
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
const struct mm_pt_port *mm_pt_sv48_port(void) MM_TAGGED(mm_pt_sv48_port);

MM_PT_DECLARE(mm_pt_sv39);
MM_PT_DECLARE(mm_pt_sv48);

/** What a flush may use, and whose translations it is about: mm_pt_riscv64_flush_local_by(). All-zero: what every hart
 *  has, of all address spaces.
 *
 *  With #one_space, translations under other ASIDs stay, and what is global (privileged architecture, "Supervisor
 *  Memory-Management Fence Instruction": rs2 is not x0). So it is for trees that hold no #MM_PT_GLOBAL pages and are never
 *  used with another ASID on this hart; the kernel's half, which all spaces use, wants the form for all of them. A hart
 *  may implement fewer than 16 bits of ASID, or none: satp tells which bits can be written. On harts with an erratum
 *  of SFENCE.VMA with operands (SiFive CIP-1200), set `sync` in a copy of the gather: then it has none. */
struct mm_pt_riscv64_tlb {
	bool svinval;   /**< this hart has Svinval */
	bool one_space; /**< only what is under `asid` */
	uint16_t asid;  /**< number of the address space, if `one_space` */
};

#if defined(__riscv) && __riscv_xlen == 64
/** Make this hart forget what a gather holds: SFENCE.VMA for each page, or for all addresses when there
 *  are more than 32, tables have changed, or entries only became valid. For env->flush of a kernel;
 *  other harts are told through SBI (remote SFENCE.VMA) or run it too. Supervisor mode.
 *  @param g gather
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(pages)\, bounded} */
void mm_pt_riscv64_flush_local(const struct mm_tlb_gather *g) MM_TAGGED(mm_pt_riscv64_flush_local);

/** mm_pt_riscv64_flush_local() by Svinval, or of one address space. With Svinval pages are forgotten by
 *  SFENCE.W.INVAL, SINVAL.VMA for each, SFENCE.INVAL.IR (privileged architecture, "Svinval"), so that the hart is
 *  ordered once, not for each page. Where all addresses are flushed it is one SFENCE.VMA as ever.
 *  @param tlb what this hart has, and which address space @param g gather, of one tree
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(pages)\, bounded} */
void mm_pt_riscv64_flush_local_by(const struct mm_pt_riscv64_tlb *tlb, const struct mm_tlb_gather *g);

/** mm_pt_riscv64_flush_local_by() of a second stage, #MM_PT_SV39X4 to #MM_PT_SV57X4 of mmlib/pt_formats.h: HFENCE.GVMA,
 *  or HINVAL.GVMA between the two fences of Svinval. `asid` of @p tlb is the VMID, and `one_space` is for a tree that
 *  is used under no other on this hart. HS-mode. What the guest's own tables say of that stays right: where a hart
 *  keeps both stages as one, these forget that (privileged architecture, "Hypervisor Memory-Management Fence
 *  Instructions").
 *  @param tlb what this hart has, and which guest @param g gather, of one tree
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(pages)\, bounded} */
void mm_pt_riscv64_flush_local_guest(const struct mm_pt_riscv64_tlb *tlb, const struct mm_tlb_gather *g);
#endif
MM_END_DECLS
#endif
