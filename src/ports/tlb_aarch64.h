/* SPDX-License-Identifier: MIT */
/* What makes the TLBs of AArch64 CPUs forget: instructions, and in which order.
 *
 * Theory of operation
 * Problem      an order that is wrong by one barrier works on each emulator and on most days.
 * Structure    what a flush executes, as functions of the gather, without asm: each instruction is one call of
 *              A64_TLB_DO(). Here that is the instruction. tests/test_pt_flush.c writes them down instead, on any
 *              host; tools/check_barriers.py looks at what compilers make of them.
 * Invariant    F1 a flush leaves nothing that the gather names in any CPU of the inner shareable domain (Arm ARM,
 *                 DDI 0487, "Ordering and completion of TLB maintenance instructions" in D8): stores are
 *                 ordered before it (DSB ISHST); TLBI; it has ended everywhere (DSB ISH) before this CPU goes on
 *                 with what it fetches and walks (ISB). */
#ifndef MM_SRC_PORTS_TLB_AARCH64_H
#define MM_SRC_PORTS_TLB_AARCH64_H
#include <mmlib/pt_aarch64.h>
#include "hook.h"

#define A64_TLB_FN static inline __attribute__((__always_inline__))

enum a64_tlb_op {
	A64_DSB_ISHST,
	A64_DSB_ISH,
	A64_ISB,
	A64_VMALLE1IS,
	A64_VAAE1IS,
};

#ifndef A64_TLB_DO
#define A64_TLB_DO a64_tlb_do

A64_TLB_FN void a64_tlb_do(enum a64_tlb_op op, uint64_t operand)
{
	switch (op) { /* a constant */
	case A64_DSB_ISHST: __asm__ volatile("dsb ishst" : : : "memory"); break;
	case A64_DSB_ISH: __asm__ volatile("dsb ish" : : : "memory"); break;
	case A64_ISB: __asm__ volatile("isb" : : : "memory"); break;
	case A64_VMALLE1IS: __asm__ volatile("tlbi vmalle1is" : : : "memory"); break;
	case A64_VAAE1IS: __asm__ volatile("tlbi vaae1is, %0" : : "r"(operand) : "memory"); break;
	}
}
#endif

/* Above that a whole flush is cheaper. */
#define A64_FLUSH_PAGES 32u

/* TLBI takes VA[55:12] in bits 43:0, whatever the granule. */
A64_TLB_FN uint64_t a64_tlb_page(mm_vaddr_t va)
{
	return (uint64_t)va >> 12 & ((UINT64_C(1) << 44) - 1);
}

/* VAAE1IS drops the page, and all cached upper entries over it, for every address space. */
A64_TLB_FN void a64_tlb_pages(const struct mm_tlb_gather *g)
{
	const mm_vaddr_t step = (mm_vaddr_t)1 << g->min_shift;

	if ((g->last - g->start) >> g->min_shift >= A64_FLUSH_PAGES) {
		A64_TLB_DO(A64_VMALLE1IS, 0);
		return;
	}
	for (mm_vaddr_t va = g->start;; va += step) {
		A64_TLB_DO(A64_VAAE1IS, a64_tlb_page(va));
		if (g->last - va < step)
			return;
	}
}

A64_TLB_FN void a64_tlb_flush(const struct mm_tlb_gather *g)
{
	A64_TLB_DO(A64_DSB_ISHST, 0); /* F1 */
	if (g->flush) {
		a64_tlb_pages(g);
		if (!MM_PLANTED(MM_PLANT_A64_DSB))
			A64_TLB_DO(A64_DSB_ISH, 0);
	}
	A64_TLB_DO(A64_ISB, 0);
}
#undef A64_TLB_FN
#undef A64_FLUSH_PAGES
#endif
