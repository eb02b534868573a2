/* SPDX-License-Identifier: MIT */
/* Theory of operation: what makes the TLB of an RV64 hart forget is ports/tlb_riscv64.h; here it is
 * compiled, on that CPU only. */
#include <mmlib/pt_riscv64.h>
#if defined(__riscv) /* see tlb_riscv32.c */
#include "ports/tlb_riscv64.h"
#endif
#if defined(__riscv) && __riscv_xlen == 64

void mm_pt_riscv64_flush_local_by(const struct mm_pt_riscv64_tlb *tlb, const struct mm_tlb_gather *g)
{
	rv64_tlb_flush(tlb, false, g);
}

void mm_pt_riscv64_flush_local(const struct mm_tlb_gather *g)
{
	rv64_tlb_flush(&(struct mm_pt_riscv64_tlb){ 0 }, false, g);
}

void mm_pt_riscv64_flush_local_guest(const struct mm_pt_riscv64_tlb *tlb, const struct mm_tlb_gather *g)
{
	rv64_tlb_flush(tlb, true, g);
}
#endif
