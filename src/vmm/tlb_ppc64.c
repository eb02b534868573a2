/* SPDX-License-Identifier: MIT */
/* Theory of operation: what makes the TLBs of PPC64 CPUs forget is ports/tlb_ppc64.h; here it is
 * compiled, on that CPU only. */
#include <mmlib/pt_flush.h>
#if defined(__powerpc64__)
#include "ports/tlb_ppc64.h"

void mm_pt_ppc64_flush(const struct mm_tlb_gather *g, uint32_t pid, uint32_t lpid)
{
	ppc64_tlb_flush(g, pid, lpid);
}
#endif
