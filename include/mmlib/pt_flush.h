/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief What makes a TLB forget, for formats of mmlib/pt_formats.h: env->flush of a kernel is one call.
 *
 * Each function executes what its CPU's manual wants, in that order, along every path; the sections are named in
 * src/ports/tlb_*.h. Each is compiled on its own CPU only: elsewhere the linker does not find it. They are privileged.
 * x86-64, AArch64 and RV64 have theirs in mmlib/pt_x86_64.h, mmlib/pt_aarch64.h and mmlib/pt_riscv64.h.
 *
 * Those that end in `_local` are about this CPU: env->flush of a kernel with several has each other CPU that uses the
 * tree call it too, by an interrupt, and waits. */
#ifndef MMLIB_PT_FLUSH_H
#define MMLIB_PT_FLUSH_H
#include <mmlib/pt.h>
MM_BEGIN_DECLS

/** ARMv7-A with the Multiprocessing Extensions, #MM_PT_ARMV7 and #MM_PT_ARMV7_LPAE: make every CPU of the inner
 *  shareable domain forget what a gather holds, under every ASID: DSB ISHST, TLBIMVAAIS for each page, or
 *  TLBIALLIS when there are more than 32, BPIALLIS, DSB ISH, ISB. With `g->sync` alone: DSB ISHST, ISB. Hardware tells
 *  the other CPUs, but for the ISB: one that is to fetch from another page takes an exception, or executes its own. For
 *  walks that are coherent (ID_MMFR3, bits 23:20, is 1). On CPUs with an erratum that wants more (Cortex-A15: 798181)
 *  a kernel interrupts the others, too.
 *  @param g gather
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(pages)\, bounded} */
void mm_pt_armv7_flush(const struct mm_tlb_gather *g) MM_TAGGED(mm_pt_armv7_flush);

/** The same for this CPU alone, and for those without the Multiprocessing Extensions, as Cortex-A8: DSB NSHST, TLBIALL,
 *  BPIALL, DSB NSH, ISB. Of many CPUs each calls it.
 *  @param g gather
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
void mm_pt_armv7_flush_local(const struct mm_tlb_gather *g) MM_TAGGED(mm_pt_armv7_flush_local);

/** 32-bit x86, #MM_PT_IA32: make this CPU forget what a gather holds: INVLPG for each page, or all of the TLB when
 *  there are more than 32, by CR4.PGE if that is set, so global pages too, else by CR3. Must not be preempted by what
 *  writes CR4 or CR3.
 *  @param g gather
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(pages)\, bounded} */
void mm_pt_ia32_flush_local(const struct mm_tlb_gather *g) MM_TAGGED(mm_pt_ia32_flush_local);

/** The same for #MM_PT_IA32_PAE: if tables went, or all is forgotten, CR3 is written too, and the CPU reads the four
 *  entries of the root again.
 *  @param g gather
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(pages)\, bounded} */
void mm_pt_ia32_pae_flush_local(const struct mm_tlb_gather *g) MM_TAGGED(mm_pt_ia32_pae_flush_local);

/** Intel's extended page tables, #MM_PT_EPT and #MM_PT_EPT5, on x86-64: make this CPU forget what it has of a tree, if a
 *  gather holds something that was lost: INVEPT of a single context, or of all where the CPU does not do that. That is
 *  all guest addresses of the tree, under every VPID, with what was combined with a guest's own tables; nothing where
 *  there is but what became valid. In VMX root operation, and where the CPU has INVEPT (IA32_VMX_EPT_VPID_CAP, bit 20):
 *  else it is an invalid opcode. A CPU that runs a guest leaves it first, which the interrupt sees to that has it call
 *  this. CPUs that have run the guest and do so no more have kept what they had: they call it too, or before they
 *  enter it again. A tree that several EPTPs lead into, by tables in common, wants a call for each.
 *  @param g gather @param eptp what guests use the tree by: the VMCS's field, of the same bits
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
void mm_pt_ept_flush_local(const struct mm_tlb_gather *g, uint64_t eptp) MM_TAGGED(mm_pt_ept_flush_local);

/** MIPS64 with EntryHi.EHINV (Config4.IE is 2 or 3) and ASIDs (Config5.MI is 0), any tree that software fills the TLB
 *  from: make this CPU forget what a gather holds, entry by entry: TLBR, and TLBWI if it has a byte of that, under any
 *  ASID, in any segment. Ends with JR.HB. EntryHi is left with its ASID; Index, EntryLo0, EntryLo1 and PageMask are
 *  changed: interrupts are off.
 *  Not for kernels whose code, stack or tables are behind the TLB.
 *  @param g gather @param entries how many the TLB has: Config1.MMUSize + 1, or what Config4 says
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none; cost: O(entries)} */
void mm_pt_mips64_flush_local(const struct mm_tlb_gather *g, unsigned entries) MM_TAGGED(mm_pt_mips64_flush_local);

/** RV32, #MM_PT_SV32: make this hart forget what a gather holds: SFENCE.VMA for each page, or of everything when there
 *  are more than 32, when tables went, and for `g->sync`: a hart may keep that nothing was there. As
 *  mm_pt_riscv64_flush_local().
 *  @param g gather
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(pages)\, bounded} */
void mm_pt_riscv32_flush_local(const struct mm_tlb_gather *g) MM_TAGGED(mm_pt_riscv32_flush_local);

/** PPC64, #MM_PT_PPC64: make every thread forget what a gather holds, under one process number: PTESYNC, TLBIE for each
 *  page, or for the process when there are more than 32 or tables went, EIEIO, TLBSYNC, PTESYNC, ISYNC. With `g->sync`
 *  alone: PTESYNC, ISYNC. For CPUs whose errata want no second TLBIE (some of POWER9 do), and of all kernels one
 *  at a time where a machine wants TLBIE to be so.
 *  @param g gather, of a tree that is used under no other number
 *  @param pid process number of the tree: PIDR; 0 for a kernel's own @param lpid partition: LPIDR; 0 in a hypervisor
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(pages)\, bounded} */
void mm_pt_ppc64_flush(const struct mm_tlb_gather *g, uint32_t pid, uint32_t lpid) MM_TAGGED(mm_pt_ppc64_flush);

/** s390x, #MM_PT_S390X and #MM_PT_S390X_R2: make every CPU forget all of a tree, by IDTE, which clears by ASCE. The
 *  tree is attached nowhere, as it has to be while it changes, and this is before it is attached again: a PSW turns
 *  translation on while a control register has its ASCE.
 *  @param g gather @param asce what trees are attached by, in a control register: the same as CPUs had it
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
void mm_pt_s390x_flush(const struct mm_tlb_gather *g, uint64_t asce) MM_TAGGED(mm_pt_s390x_flush);

/** LoongArch64, its formats and others, with a hardware walker or without: make this CPU forget what a gather holds:
 *  DBAR 0, INVTLB 6 for each step, or INVTLB 0, of everything, when there are more than 32, DBAR 0, IBAR 0. With
 *  `g->sync` alone: DBAR 0, IBAR 0.
 *  @param g gather, of a tree that is used under one ASID, or whose pages are all global
 *  @param asid number of its address space, or any below 1,024
 *  @param step log2 of bytes: mm_pt_refill_step() where software fills the TLB; 0 where hardware walks
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(pages)\, bounded} */
void mm_pt_loongarch64_flush_local(const struct mm_tlb_gather *g, uint32_t asid, unsigned step)
	MM_TAGGED(mm_pt_loongarch64_flush_local);
MM_END_DECLS
#endif
