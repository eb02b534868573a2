/* SPDX-License-Identifier: MIT */
/* Theory of operation: what makes the TLB of a LoongArch64 CPU forget is ports/tlb_loongarch64.h; here it is
 * compiled, on that CPU only. */
#include <mmlib/pt_flush.h>
#if defined(__loongarch64)
#include "ports/tlb_loongarch64.h"

void mm_pt_loongarch64_flush_local(const struct mm_tlb_gather *g, uint32_t asid, unsigned step)
{
	loong_tlb_flush(g, asid, step);
}
#endif
