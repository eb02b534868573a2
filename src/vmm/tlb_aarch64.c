/* SPDX-License-Identifier: MIT */
/* Theory of operation: what makes the TLBs of AArch64 CPUs forget is ports/tlb_aarch64.h; here it is
 * compiled, on that CPU only. */
#include <mmlib/pt_aarch64.h>
#if defined(__aarch64__)
#include "ports/tlb_aarch64.h"

void mm_pt_aarch64_tlb_probe(struct mm_pt_aarch64_tlb *tlb)
{
	uint64_t tcr, isar0;

	__asm__ volatile("mrs %0, tcr_el1" : "=r"(tcr));
	__asm__ volatile("mrs %0, id_aa64isar0_el1" : "=r"(isar0));
	*tlb = a64_tlb_of(tcr, isar0);
}

void mm_pt_aarch64_flush_by(const struct mm_pt_aarch64_tlb *tlb, const struct mm_tlb_gather *g)
{
	a64_tlb_flush(tlb, g);
}

void mm_pt_aarch64_flush(const struct mm_tlb_gather *g)
{
	a64_tlb_flush(&(struct mm_pt_aarch64_tlb){ 0 }, g);
}

void mm_pt_aarch64_flush_guest(const struct mm_pt_aarch64_tlb *tlb, const struct mm_tlb_gather *g)
{
	a64_tlb_flush_guest(tlb, g);
}
#endif
