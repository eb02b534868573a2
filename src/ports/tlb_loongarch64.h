/* SPDX-License-Identifier: MIT */
/* What makes the TLB of a LoongArch64 CPU forget, with a hardware walker or without: instructions, and in which order.
 * How it is made and tried: tlb_aarch64.h.
 *
 * Theory of operation
 * Invariants   F1 a local flush leaves nothing that the gather names in this CPU. The manual (volume 1, v1.10, 4.2.4
 *                 "INVTLB", 2.2.8 "DBAR", "IBAR") says what INVTLB drops, and not what it is ordered with: so it is
 *                 taken to be ordered with nothing. Stores come before it, and all accesses behind it (DBAR 0 on both
 *                 sides), and what is fetched behind it is fetched anew (IBAR 0).
 *              F2 INVTLB 6 drops the pair that an address is in, global ones too, but of others only that of one
 *                 ASID (RJ, bits 9:0, all others zero); a pair is told by its VPPN (5.4.2). INVTLB 0 drops all.
 *              F3 a large leaf may be in the TLB in pieces, each of which is named. */
#ifndef MM_SRC_PORTS_TLB_LOONGARCH64_H
#define MM_SRC_PORTS_TLB_LOONGARCH64_H
#include <mmlib/pt_flush.h>
#include "hook.h"

#define LOONG_TLB_FN static inline __attribute__((__always_inline__))

enum loong_tlb_op {
	LOONG_DBAR,
	LOONG_IBAR,
	LOONG_INVTLB_ALL,
	LOONG_INVTLB_VA,
};

#ifndef LOONG_TLB_DO
#define LOONG_TLB_DO loong_tlb_do
#define LOONG_TLB_ASM(op, text)                                                   \
	case op:                                                                  \
		__asm__ volatile(text : : "r"(asid), "r"(va) : "memory"); \
		break

LOONG_TLB_FN void loong_tlb_do(enum loong_tlb_op op, uint64_t asid, uint64_t va)
{
	switch (op) { /* a constant */
		LOONG_TLB_ASM(LOONG_DBAR, "dbar 0");
		LOONG_TLB_ASM(LOONG_IBAR, "ibar 0");
		LOONG_TLB_ASM(LOONG_INVTLB_ALL, "invtlb 0, $zero, $zero");
		LOONG_TLB_ASM(LOONG_INVTLB_VA, "invtlb 6, %0, %1");
	}
}
#undef LOONG_TLB_ASM
#endif

/* Above that a whole flush is cheaper. */
#define LOONG_FLUSH_PAGES 32u

LOONG_TLB_FN void loong_tlb_pages(const struct mm_tlb_gather *g, uint32_t asid, uint32_t shift)
{
	const mm_vaddr_t step = (mm_vaddr_t)1 << shift;

	if ((g->last - g->start) >> shift >= LOONG_FLUSH_PAGES) {
		LOONG_TLB_DO(LOONG_INVTLB_ALL, 0, 0);
		return;
	}
	for (mm_vaddr_t va = g->start;; va += step) { /* F2 */
		LOONG_TLB_DO(LOONG_INVTLB_VA, asid, va);
		if (g->last - va < step)
			return;
	}
}

LOONG_TLB_FN void loong_tlb_flush(const struct mm_tlb_gather *g, uint32_t asid, unsigned step)
{
	const uint32_t shift = step && step < g->min_shift ? step : g->min_shift; /* F3 */

	LOONG_TLB_DO(LOONG_DBAR, 0, 0); /* F1 */
	if (g->flush) {
		loong_tlb_pages(g, asid, shift);
		LOONG_TLB_DO(LOONG_DBAR, 0, 0);
	}
	LOONG_TLB_DO(LOONG_IBAR, 0, 0);
}
#undef LOONG_TLB_FN
#undef LOONG_FLUSH_PAGES
#endif
