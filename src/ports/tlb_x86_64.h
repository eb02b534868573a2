/* SPDX-License-Identifier: MIT */
/* What makes the TLB of an x86-64 CPU forget: instructions, and in which order. How it is made and tried:
 * tlb_aarch64.h.
 *
 * Theory of operation
 * Invariant    F1 a local flush leaves nothing that the gather names in this CPU (SDM volume 3A, 4.10.4.1): INVLPG drops
 *                 the page, global or not, and all cached upper entries of this PCID; a write to CR4 that changes PGE
 *                 drops all there is, of all PCIDs; a write to CR3 all that is not global of this PCID. Each of
 *                 them waits for the stores before it. */
#ifndef MM_SRC_PORTS_TLB_X86_64_H
#define MM_SRC_PORTS_TLB_X86_64_H
#include <mmlib/pt_x86_64.h>
#include "hook.h"

#define X86_TLB_FN static inline __attribute__((__always_inline__))

enum x86_64_tlb_op {
	X86_INVLPG,
	X86_GET_CR4, /* into *value */
	X86_SET_CR4,
	X86_GET_CR3,
	X86_SET_CR3,
};

#ifndef X86_TLB_DO
#define X86_TLB_DO x86_64_tlb_do

X86_TLB_FN void x86_64_tlb_do(enum x86_64_tlb_op op, uint64_t *value)
{
	switch (op) { /* a constant */
	case X86_INVLPG: __asm__ volatile("invlpg (%0)" : : "r"((uintptr_t)*value) : "memory"); break;
	case X86_GET_CR4: __asm__ volatile("mov %%cr4, %0" : "=r"(*value)); break;
	case X86_SET_CR4: __asm__ volatile("mov %0, %%cr4" : : "r"(*value) : "memory"); break;
	case X86_GET_CR3: __asm__ volatile("mov %%cr3, %0" : "=r"(*value)); break;
	case X86_SET_CR3: __asm__ volatile("mov %0, %%cr3" : : "r"(*value) : "memory"); break;
	}
}
#endif

/* Above that a whole flush is cheaper. */
#define X86_FLUSH_PAGES 32u
#define X86_CR4_PGE (UINT64_C(1) << 7)

/* All of this PCID, and what is global; where CR4.PGE is set of all PCIDs. */
X86_TLB_FN void x86_64_tlb_all(void)
{
	uint64_t cr4, cr3;

	X86_TLB_DO(X86_GET_CR4, &cr4);
	if (cr4 & X86_CR4_PGE) {
		cr4 &= ~X86_CR4_PGE;
		X86_TLB_DO(X86_SET_CR4, &cr4);
		cr4 |= X86_CR4_PGE;
		X86_TLB_DO(X86_SET_CR4, &cr4);
	} else {
		X86_TLB_DO(X86_GET_CR3, &cr3);
		X86_TLB_DO(X86_SET_CR3, &cr3);
	}
}

X86_TLB_FN void x86_64_tlb_flush(const struct mm_tlb_gather *g)
{
	const uint64_t step = UINT64_C(1) << g->min_shift;

	if (!g->flush)
		return;
	if ((g->last - g->start) >> g->min_shift >= X86_FLUSH_PAGES) {
		x86_64_tlb_all();
		return;
	}
	for (uint64_t va = g->start;; va += step) { /* F1 */
		X86_TLB_DO(X86_INVLPG, &va);
		if (g->last - va < step)
			break;
	}
}
#undef X86_TLB_FN
#undef X86_FLUSH_PAGES
#endif
