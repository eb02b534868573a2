/* SPDX-License-Identifier: MIT */
/* Theory of operation: what makes the TLB of a MIPS64 CPU forget is ports/tlb_mips64.h; here it is
 * compiled, on that CPU only. */
#include <mmlib/pt_flush.h>
#if defined(__mips64)
#include "ports/tlb_mips64.h"

void mm_pt_mips64_flush_local(const struct mm_tlb_gather *g, unsigned entries)
{
	mips64_tlb_flush(g, entries);
}
#endif
