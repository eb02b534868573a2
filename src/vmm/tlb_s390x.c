/* SPDX-License-Identifier: MIT */
/* Theory of operation: what makes the TLBs of s390x CPUs forget is ports/tlb_s390x.h; here it is
 * compiled, on that CPU only. */
#include <mmlib/pt_flush.h>
#if defined(__s390x__)
#include "ports/tlb_s390x.h"

void mm_pt_s390x_flush(const struct mm_tlb_gather *g, uint64_t asce)
{
	s390x_tlb_flush(g, asce);
}
#endif
