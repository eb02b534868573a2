/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief x86-64 page tables, four levels: 4 KiB, 2 MiB and 1 GiB pages, 48-bit addresses. */
#ifndef MMLIB_PT_X86_64_H
#define MMLIB_PT_X86_64_H
#include <mmlib/pt.h>
MM_BEGIN_DECLS

/** The format, for mm_pt_init().
 *  Expects EFER.NXE set, and PAT entry 4 set to write-combining if #MM_PT_WC is used (the reset
 *  value has none).
 *  @return static data
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
const struct mm_pt_port *mm_pt_x86_64_port(void);

MM_PT_DECLARE(mm_pt_x86_64);

#if defined(__x86_64__)
/** Ask this CPU (CPUID) how many physical address bits it has, and whether it has 1 GiB pages.
 *  @param[out] cfg all-zero but for what was found
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: two CPUID} */
void mm_pt_x86_64_probe(struct mm_pt_cfg *cfg);

/** Make this CPU forget what a gather holds: INVLPG for each page, or all of the TLB when there are
 *  more than 32. For env->flush of a kernel; remote CPUs call it too. Privileged.
 *  @param g gather
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(pages)\, bounded} */
void mm_pt_x86_64_flush_local(const struct mm_tlb_gather *g);
#endif
MM_END_DECLS
#endif
