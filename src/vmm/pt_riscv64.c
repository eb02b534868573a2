/* SPDX-License-Identifier: MIT */
/* Theory of operation: RISC-V, the walker folded to Sv39 and Sv48, and what only a hart can do
 * Structure    the formats are ports/riscv64.h; the operations are pt_walk.inc, once for each; the
 *              instruction below on RV64 only.
 * Invariant    F1 a local flush leaves nothing that the gather names in this hart. SFENCE.VMA with an
 *              address orders leaves only, so changed tables, and entries that became valid below new
 *              tables, want it without. rs2 = x0: global entries and every address space. */
#include <mmlib/pt_riscv64.h>
#include "ports/riscv64.h"
#define MM_PT_PORT (&mm_port_sv39)
#define MM_PT_NAME mm_pt_sv39
#include "vmm/pt_walk.inc"
#undef MM_PT_PORT
#undef MM_PT_NAME
#define MM_PT_PORT (&mm_port_sv48)
#define MM_PT_NAME mm_pt_sv48
#include "vmm/pt_walk.inc"
#undef MM_PT_PORT
#undef MM_PT_NAME

const struct mm_pt_port *mm_pt_sv39_port(void)
{
	return &mm_port_sv39;
}

const struct mm_pt_port *mm_pt_sv48_port(void)
{
	return &mm_port_sv48;
}

#if defined(__riscv) && __riscv_xlen == 64
#define RV64_FLUSH_PAGES 32u

void mm_pt_riscv64_flush_local(const struct mm_tlb_gather *g)
{
	if (!g->flush && !g->sync)
		return;
	if (g->sync || g->tables || (g->last - g->start) >> g->min_shift >= RV64_FLUSH_PAGES) {
		__asm__ volatile("sfence.vma" : : : "memory");
		return;
	}
	for (mm_vaddr_t va = g->start;; va += (mm_vaddr_t)1 << g->min_shift) { /* F1 */
		__asm__ volatile("sfence.vma %0, zero" : : "r"(va) : "memory");
		if (g->last - va < (mm_vaddr_t)1 << g->min_shift)
			break;
	}
}
#endif
