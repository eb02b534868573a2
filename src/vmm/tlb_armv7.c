/* SPDX-License-Identifier: MIT */
/* Theory of operation: what makes the TLBs of ARMv7-A CPUs forget is ports/tlb_armv7.h; here it is
 * compiled, on that CPU only. */
#include <mmlib/pt_flush.h>
#if defined(__arm__) && __ARM_ARCH_PROFILE == 'A'
#include "ports/tlb_armv7.h"

void mm_pt_armv7_flush(const struct mm_tlb_gather *g)
{
	armv7_tlb_flush(g);
}

void mm_pt_armv7_flush_local(const struct mm_tlb_gather *g)
{
	armv7_tlb_flush_local(g);
}
#endif
