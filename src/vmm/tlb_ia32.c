/* SPDX-License-Identifier: MIT */
/* Theory of operation: what makes the TLB of a 32-bit x86 CPU forget is ports/tlb_ia32.h; here it is
 * compiled, on that CPU only. */
#include <mmlib/pt_flush.h>
#if defined(__i386__)
#include "ports/tlb_ia32.h"

void mm_pt_ia32_flush_local(const struct mm_tlb_gather *g)
{
	ia32_tlb_flush(g, false);
}

void mm_pt_ia32_pae_flush_local(const struct mm_tlb_gather *g)
{
	ia32_tlb_flush(g, true);
}
#endif
