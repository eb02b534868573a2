/* SPDX-License-Identifier: MIT */
/* What makes the TLB of an RV64 hart forget: instructions, and in which order. How it is made and tried:
 * tlb_aarch64.h.
 *
 * Theory of operation
 * Invariants   F1 a local flush leaves nothing that the gather names in this hart (privileged architecture,
 *                 "Supervisor Memory-Management Fence Instruction"): SFENCE.VMA orders the stores before it
 *                 and the walks after it.
 *              F2 with an address it orders leaves only, so changed tables, and entries that became valid below
 *                 new tables, want it without. rs2 = x0: global entries and every address space. */
#ifndef MM_SRC_PORTS_TLB_RISCV64_H
#define MM_SRC_PORTS_TLB_RISCV64_H
#include <mmlib/pt_riscv64.h>
#include "hook.h"

#define RV64_TLB_FN static inline __attribute__((__always_inline__))

enum rv64_tlb_op {
	RV64_SFENCE_ALL,
	RV64_SFENCE_VA,
};

#ifndef RV64_TLB_DO
#define RV64_TLB_DO rv64_tlb_do

RV64_TLB_FN void rv64_tlb_do(enum rv64_tlb_op op, mm_vaddr_t va)
{
	switch (op) { /* a constant */
	case RV64_SFENCE_ALL: __asm__ volatile("sfence.vma" : : : "memory"); break;
	case RV64_SFENCE_VA: __asm__ volatile("sfence.vma %0, zero" : : "r"(va) : "memory"); break;
	}
}
#endif

/* Above that a whole flush is cheaper. */
#define RV64_FLUSH_PAGES 32u

/* F2 */
RV64_TLB_FN bool rv64_tlb_wants_all(const struct mm_tlb_gather *g)
{
	return g->sync || g->tables || (g->last - g->start) >> g->min_shift >= RV64_FLUSH_PAGES;
}

RV64_TLB_FN void rv64_tlb_flush(const struct mm_tlb_gather *g)
{
	const mm_vaddr_t step = (mm_vaddr_t)1 << g->min_shift;

	if (!g->flush && !g->sync)
		return;
	if (rv64_tlb_wants_all(g)) {
		RV64_TLB_DO(RV64_SFENCE_ALL, 0);
		return;
	}
	for (mm_vaddr_t va = g->start;; va += step) { /* F1 */
		RV64_TLB_DO(RV64_SFENCE_VA, va);
		if (g->last - va < step)
			break;
	}
}
#undef RV64_TLB_FN
#undef RV64_FLUSH_PAGES
#endif
