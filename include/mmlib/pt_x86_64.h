/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief x86-64 page tables, four levels: 4 KiB, 2 MiB and 1 GiB pages, 48-bit addresses. */
#ifndef MMLIB_PT_X86_64_H
#define MMLIB_PT_X86_64_H
#include <mmlib/pt.h>
MM_BEGIN_DECLS

/** For mm_pt_cfg::features, of four levels and of five: this machine has protection keys, and each CPU has CR4.PKE set,
 *  CR4.PKS, or both. Keys of the user's pages and of the kernel's are the same field: without the one of these bits that is
 *  for a page its key is kept and told, and takes nothing away. */
#define MM_PT_X86_64_KEYS 1u

/** The format, for mm_pt_init().
 *
 *  Expects EFER.NXE set on every CPU, CR0.WP too, or the kernel itself may write to what is not
 *  writable, CR4.PGE if #MM_PT_GLOBAL shall have an effect, and PAT entry 4 set to write-combining if #MM_PT_WC is used
 *  (the reset value has none). Memory types are PAT entries: WB 0, WT 1, UC 2 (the UC- that an MTRR
 *  may make write-combining), DEVICE 3 (always uncached), WC 4.
 *
 *  #MM_PT_READ is required: x86 has neither execute-only nor write-only pages. The dirty bit of a
 *  page that may not be written is kept in bit 58, which hardware ignores: bit 6 set on a read-only
 *  page makes it a shadow stack under CET.
 *
 *  A gain of rights is not flushed: at worst a CPU takes one page fault too many. A fault handler asks
 *  mm_pt_query() and returns if the access is allowed by then.
 *
 *  Memory encryption (SME, SEV): put the C bit into `cfg.set_bits`, and what CPUID 8000001Fh says is
 *  left of the physical bits into `cfg.pa_bits`.
 *  @return static data
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
const struct mm_pt_port *mm_pt_x86_64_port(void) MM_TAGGED(mm_pt_x86_64_port);

MM_PT_DECLARE(mm_pt_x86_64);

#if defined(__x86_64__)
/** Ask this CPU (CPUID) how many physical address bits it has, whether it has 1 GiB pages, and whether CR4.PKE is set
 *  (#MM_PT_X86_64_KEYS). CPUID does not tell of CR4.PKS.
 *  @param[out] cfg all-zero but for what was found
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: five CPUID} */
void mm_pt_x86_64_probe(struct mm_pt_cfg *cfg);

/** Make this CPU forget what a gather holds: INVLPG for each page, or all of the TLB when there are
 *  more than 32 (by CR4.PGE if that is set, so global pages too, else by CR3). For env->flush of a
 *  kernel; remote CPUs call it too. Privileged. Must not be preempted by what writes CR4 or CR3.
 *  Covers the current PCID; a tree that other PCIDs use needs INVPCID or a flush at the switch.
 *  @param g gather
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(pages)\, bounded} */
void mm_pt_x86_64_flush_local(const struct mm_tlb_gather *g);
#endif
MM_END_DECLS
#endif
