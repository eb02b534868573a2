/* SPDX-License-Identifier: MIT */
/* Theory of operation: what makes a CPU forget what it has of extended page tables is ports/tlb_ept.h; here it is
 * compiled, on x86-64 only. */
#include <mmlib/pt_flush.h>
#if defined(__x86_64__)
#include "ports/tlb_ept.h"

void mm_pt_ept_flush_local(const struct mm_tlb_gather *g, uint64_t eptp)
{
	ept_tlb_flush(g, eptp);
}
#endif
