/* SPDX-License-Identifier: MIT */
/* Theory of operation: what makes the TLBs of AArch64 CPUs forget is ports/tlb_aarch64.h; here it is
 * compiled, on that CPU only. */
#include <mmlib/pt_aarch64.h>
#if defined(__aarch64__)
#include "ports/tlb_aarch64.h"

void mm_pt_aarch64_flush(const struct mm_tlb_gather *g)
{
	a64_tlb_flush(g);
}
#endif
