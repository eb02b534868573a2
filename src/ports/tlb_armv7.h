/* SPDX-License-Identifier: MIT */
/* What makes the TLBs of ARMv7-A CPUs forget, with short descriptors or long ones: instructions, and in which order.
 * How it is made and tried: tlb_aarch64.h.
 *
 * Theory of operation
 * Invariants   F1 a flush leaves nothing that the gather names in any CPU of the inner shareable domain (DDI 0406C,
 *                 B3.10.1 "General TLB maintenance requirements", "TLB maintenance operations and the memory order
 *                 model", and the example of a change of an entry there): stores are ordered before it (DSB ISHST);
 *                 TLBI; branch predictors forget, too (F3); all of it has ended everywhere (DSB ISH) before this CPU
 *                 goes on with what it fetches and walks (ISB).
 *              F2 an operation by address (TLBIMVAAIS) is for every ASID, and for what is cached of tables on the
 *                 way there: there is no form for the last level in ARMv7.
 *              F3 what a branch predictor keeps may be by virtual address, and nothing keeps it right when another
 *                 page comes to be there ("Branch predictors" in B2.2): BPIALL. Not where nothing was valid before.
 *              F4 the operations for the domain (IS), and TLBIMVAA, are the Multiprocessing Extensions': a CPU without
 *                 them has the local ones, and forgets everything. */
#ifndef MM_SRC_PORTS_TLB_ARMV7_H
#define MM_SRC_PORTS_TLB_ARMV7_H
#include <mmlib/pt_flush.h>
#include "hook.h"

#define ARMV7_TLB_FN static inline __attribute__((__always_inline__))

/* DDI 0406C, A8.8.44 (DSB), A8.8.53 (ISB), B4.2.1 "Cache and branch predictor maintenance operations,
 * VMSA"; B3.18.7 "TLB maintenance operations, functional group". */
enum armv7_tlb_op {
	ARMV7_DSB_ISHST,
	ARMV7_DSB_ISH,
	ARMV7_ISB,
	ARMV7_TLBIALLIS,
	ARMV7_TLBIMVAAIS, /* operand: bits 31:12 of the address */
	ARMV7_BPIALLIS,
	ARMV7_DSB_NSHST,
	ARMV7_DSB_NSH,
	ARMV7_TLBIALL,
	ARMV7_BPIALL,
};

#ifndef ARMV7_TLB_DO
#define ARMV7_TLB_DO armv7_tlb_do
#define ARMV7_TLB_ASM(op, text)                                             \
	case op:                                                            \
		__asm__ volatile(text : : "r"(operand) : "memory"); \
		break

ARMV7_TLB_FN void armv7_tlb_do(enum armv7_tlb_op op, uint32_t operand)
{
	switch (op) { /* a constant */
		ARMV7_TLB_ASM(ARMV7_DSB_ISHST, "dsb ishst");
		ARMV7_TLB_ASM(ARMV7_DSB_ISH, "dsb ish");
		ARMV7_TLB_ASM(ARMV7_ISB, "isb");
		ARMV7_TLB_ASM(ARMV7_TLBIALLIS, "mcr p15, 0, %0, c8, c3, 0");
		ARMV7_TLB_ASM(ARMV7_TLBIMVAAIS, "mcr p15, 0, %0, c8, c3, 3");
		ARMV7_TLB_ASM(ARMV7_BPIALLIS, "mcr p15, 0, %0, c7, c1, 6");
		ARMV7_TLB_ASM(ARMV7_DSB_NSHST, "dsb nshst");
		ARMV7_TLB_ASM(ARMV7_DSB_NSH, "dsb nsh");
		ARMV7_TLB_ASM(ARMV7_TLBIALL, "mcr p15, 0, %0, c8, c7, 0");
		ARMV7_TLB_ASM(ARMV7_BPIALL, "mcr p15, 0, %0, c7, c5, 6");
	}
}
#undef ARMV7_TLB_ASM
#endif

/* Above that a whole flush is cheaper. */
#define ARMV7_FLUSH_PAGES 32u

ARMV7_TLB_FN void armv7_tlb_pages(const struct mm_tlb_gather *g)
{
	const mm_vaddr_t step = (mm_vaddr_t)1 << g->min_shift;

	if ((g->last - g->start) >> g->min_shift >= ARMV7_FLUSH_PAGES) {
		ARMV7_TLB_DO(ARMV7_TLBIALLIS, 0);
		return;
	}
	for (mm_vaddr_t va = g->start;; va += step) { /* F2 */
		ARMV7_TLB_DO(ARMV7_TLBIMVAAIS, (uint32_t)va & ~UINT32_C(0xfff));
		if (g->last - va < step)
			return;
	}
}

ARMV7_TLB_FN void armv7_tlb_flush(const struct mm_tlb_gather *g)
{
	ARMV7_TLB_DO(ARMV7_DSB_ISHST, 0); /* F1 */
	if (g->flush) {
		armv7_tlb_pages(g);
		if (!MM_PLANTED(MM_PLANT_ARMV7_BRANCH))
			ARMV7_TLB_DO(ARMV7_BPIALLIS, 0); /* F3 */
		ARMV7_TLB_DO(ARMV7_DSB_ISH, 0);
	}
	ARMV7_TLB_DO(ARMV7_ISB, 0);
}

/* F4 */
ARMV7_TLB_FN void armv7_tlb_flush_local(const struct mm_tlb_gather *g)
{
	ARMV7_TLB_DO(ARMV7_DSB_NSHST, 0);
	if (g->flush) {
		ARMV7_TLB_DO(ARMV7_TLBIALL, 0);
		ARMV7_TLB_DO(ARMV7_BPIALL, 0);
		ARMV7_TLB_DO(ARMV7_DSB_NSH, 0);
	}
	ARMV7_TLB_DO(ARMV7_ISB, 0);
}
#undef ARMV7_TLB_FN
#undef ARMV7_FLUSH_PAGES
#endif
