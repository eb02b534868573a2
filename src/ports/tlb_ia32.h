/* SPDX-License-Identifier: MIT */
/* What makes the TLB of a 32-bit x86 CPU forget, with 32-bit paging or PAE: instructions, and in which order. How it is
 * made and tried: tlb_aarch64.h.
 *
 * Theory of operation
 * Invariants   F1 a local flush leaves nothing that the gather names in this CPU (SDM volume 3A, edition as in
 *                 x86_64.h, 4.10.4.1 "Operations that Invalidate TLBs and Paging-Structure Caches"). Each of these is
 *                 serializing ("Serializing Instructions" in chapter "Multiple-Processor Management"), so that stores
 *                 come before it:
 *                 INVLPG drops the page, global or not, and all cached upper entries;
 *                 a write to CR3 all that is not global;
 *                 a write to CR4 that changes PGE, either way, all there is.
 *              F2 with PAE the four entries of the root are not looked up: the CPU has them as they were when CR3
 *                 was written ("PDPTE Registers", 4.4.1). INVLPG does not read them again. Of a change of CR4.PGE that
 *                 section says so, of Intel's CPUs: here it is CR3 in each case.
 *              F3 CR3 is written while PGE is clear, so that what is filled meanwhile goes with the second write
 *                 to CR4. */
#ifndef MM_SRC_PORTS_TLB_IA32_H
#define MM_SRC_PORTS_TLB_IA32_H
#include <mmlib/pt_flush.h>
#include "hook.h"

#define IA32_TLB_FN static inline __attribute__((__always_inline__))

enum ia32_tlb_op {
	IA32_INVLPG,
	IA32_GET_CR4, /* into *value */
	IA32_SET_CR4,
	IA32_GET_CR3,
	IA32_SET_CR3,
};

#ifndef IA32_TLB_DO
#define IA32_TLB_DO ia32_tlb_do

IA32_TLB_FN void ia32_tlb_do(enum ia32_tlb_op op, uint32_t *value)
{
	switch (op) { /* a constant */
	case IA32_INVLPG:
		__asm__ volatile("invlpg (%0)" : : "r"(*value) : "memory");
		break;
	case IA32_GET_CR4:
		__asm__ volatile("mov %%cr4, %0" : "=r"(*value));
		break;
	case IA32_SET_CR4:
		__asm__ volatile("mov %0, %%cr4" : : "r"(*value) : "memory");
		break;
	case IA32_GET_CR3:
		__asm__ volatile("mov %%cr3, %0" : "=r"(*value));
		break;
	case IA32_SET_CR3:
		__asm__ volatile("mov %0, %%cr3" : : "r"(*value) : "memory");
		break;
	}
}
#endif

/* Above that a whole flush is cheaper. */
#define IA32_FLUSH_PAGES 32u
#define IA32_CR4_PGE     (UINT32_C(1) << 7)

IA32_TLB_FN void ia32_tlb_root(void)
{
	uint32_t cr3;

	IA32_TLB_DO(IA32_GET_CR3, &cr3);
	IA32_TLB_DO(IA32_SET_CR3, &cr3);
}

/* All there is. Without PGE nothing is global. */
IA32_TLB_FN void ia32_tlb_all(bool pae)
{
	uint32_t cr4;

	IA32_TLB_DO(IA32_GET_CR4, &cr4);
	if (!(cr4 & IA32_CR4_PGE)) {
		ia32_tlb_root();
		return;
	}
	cr4 &= ~IA32_CR4_PGE;
	IA32_TLB_DO(IA32_SET_CR4, &cr4);
	if (pae)
		ia32_tlb_root(); /* F2, F3 */
	cr4 |= IA32_CR4_PGE;
	IA32_TLB_DO(IA32_SET_CR4, &cr4);
}

IA32_TLB_FN void ia32_tlb_pages(const struct mm_tlb_gather *g)
{
	const mm_vaddr_t step = (mm_vaddr_t)1 << g->min_shift;

	for (mm_vaddr_t va = g->start;; va += step) { /* F1 */
		uint32_t page = (uint32_t)va;

		IA32_TLB_DO(IA32_INVLPG, &page);
		if (g->last - va < step)
			return;
	}
}

IA32_TLB_FN void ia32_tlb_flush(const struct mm_tlb_gather *g, bool pae)
{
	if (!g->flush)
		return;
	if ((g->last - g->start) >> g->min_shift >= IA32_FLUSH_PAGES) {
		ia32_tlb_all(pae);
		return;
	}
	ia32_tlb_pages(g);
	if (pae && g->tables && !MM_PLANTED(MM_PLANT_PAE_ROOT))
		ia32_tlb_root(); /* F2 */
}
#undef IA32_TLB_FN
#undef IA32_FLUSH_PAGES
#undef IA32_CR4_PGE
#endif
