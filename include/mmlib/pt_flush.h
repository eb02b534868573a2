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
 *  walks that are coherent (ID_MMFR3, bits 23:20, is 1).
 *  @param g gather
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(pages)\, bounded} */
void mm_pt_armv7_flush(const struct mm_tlb_gather *g) MM_TAGGED(mm_pt_armv7_flush);

/** The same for this CPU alone, and for those without the Multiprocessing Extensions, as Cortex-A8: DSB NSHST, TLBIALL,
 *  BPIALL, DSB NSH, ISB. Of many CPUs each calls it.
 *  @param g gather
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
void mm_pt_armv7_flush_local(const struct mm_tlb_gather *g) MM_TAGGED(mm_pt_armv7_flush_local);

/** 32-bit x86, #MM_PT_IA32: make this CPU forget what a gather holds: INVLPG for each page, or all of the TLB when there
 *  are more than 32, by CR4.PGE if that is set, so global pages too, else by CR3. Must not be preempted by what writes
 *  CR4 or CR3.
 *  @param g gather
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(pages)\, bounded} */
void mm_pt_ia32_flush_local(const struct mm_tlb_gather *g) MM_TAGGED(mm_pt_ia32_flush_local);

/** The same for #MM_PT_IA32_PAE: if tables went, or all is forgotten, CR3 is written too, and the CPU reads the four
 *  entries of the root again.
 *  @param g gather
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(pages)\, bounded} */
void mm_pt_ia32_pae_flush_local(const struct mm_tlb_gather *g) MM_TAGGED(mm_pt_ia32_pae_flush_local);

/** MIPS64 with EntryHi.EHINV (Config4.IE is 2 or 3), any tree that software fills the TLB from: make this CPU forget
 *  what a gather holds, entry by entry: TLBR, and TLBWI if it has a byte of that, under any ASID, in any segment. Ends
 *  with JR.HB. EntryHi is left with its ASID; Index, EntryLo0, EntryLo1 and PageMask are changed: interrupts are off.
 *  Not for kernels whose code, stack or tables are behind the TLB.
 *  @param g gather @param entries how many the TLB has: Config1.MMUSize + 1, or what Config4 says
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none; cost: O(entries)} */
void mm_pt_mips64_flush_local(const struct mm_tlb_gather *g, unsigned entries) MM_TAGGED(mm_pt_mips64_flush_local);
MM_END_DECLS
#endif
