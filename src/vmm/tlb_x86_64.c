/* SPDX-License-Identifier: MIT */
/* Theory of operation: what makes the TLB of an x86-64 CPU forget is ports/tlb_x86_64.h; here it is
 * compiled, on that CPU only. */
#include <mmlib/pt_x86_64.h>
#if defined(__x86_64__)
#include "ports/tlb_x86_64.h"

void mm_pt_x86_64_flush_local_by(const struct mm_pt_x86_64_tlb *tlb, const struct mm_tlb_gather *g)
{
	x86_64_tlb_flush(tlb, g);
}

void mm_pt_x86_64_flush_local(const struct mm_tlb_gather *g)
{
	x86_64_tlb_flush(&(struct mm_pt_x86_64_tlb){ 0 }, g);
}
#endif
