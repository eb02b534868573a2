/* SPDX-License-Identifier: MIT */
/* Theory of operation: what makes the TLB of an RV32 hart forget is what RV64's does, ports/tlb_riscv64.h; here it
 * is compiled, on that CPU only. */
#include <mmlib/pt_flush.h>
#if defined(__riscv) /* of both, as they are one file in an amalgamation, and this is there once */
#include "ports/tlb_riscv64.h"
#endif
#if defined(__riscv) && __riscv_xlen == 32

void mm_pt_riscv32_flush_local(const struct mm_tlb_gather *g)
{
	rv64_tlb_flush(&(struct mm_pt_riscv64_tlb){ 0 }, false, g);
}
#endif
