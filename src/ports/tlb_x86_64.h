/* SPDX-License-Identifier: MIT */
/* What makes the TLB of an x86-64 CPU forget: instructions, and in which order. How it is made and tried:
 * tlb_aarch64.h.
 *
 * Theory of operation
 * Invariants   F1 a local flush leaves nothing that the gather names in this CPU (SDM volume 3A, edition as in
 *                 x86_64.h, 4.10.4.1 "Operations that Invalidate TLBs and Paging-Structure Caches"):
 *                 INVLPG drops the page, global or not, and all cached upper entries, of this PCID;
 *                 a write to CR3 with bit 63 clear all that is not global of this PCID;
 *                 a write to CR4 that changes PGE, either way, all there is, of all PCIDs;
 *                 INVPCID what is not global of one PCID, for one address (type 0) or all (1); all there is (2).
 *                 Stores come before it: all but INVPCID are serializing ("Serializing Instructions" in chapter
 *                 "Multiple-Processor Management"); before INVPCID there is MFENCE.
 *              F2 INVLPG does not reach other PCIDs, but for what is global: not their cached upper entries, nor their
 *                 pages that are not global. */
#ifndef MM_SRC_PORTS_TLB_X86_64_H
#define MM_SRC_PORTS_TLB_X86_64_H
#include <mmlib/pt_x86_64.h>
#include "hook.h"

#define X86_TLB_FN static inline __attribute__((__always_inline__))

enum x86_64_tlb_op {
	X86_MFENCE,
	X86_INVLPG,
	X86_GET_CR4, /* into *value */
	X86_SET_CR4,
	X86_GET_CR3,
	X86_SET_CR3,
	X86_INVPCID_PAGE, /* value: PCID, address */
	X86_INVPCID_ONE,
	X86_INVPCID_ALL,
};

#ifndef X86_TLB_DO
#define X86_TLB_DO x86_64_tlb_do

X86_TLB_FN void x86_64_invpcid(uint64_t type, const uint64_t descriptor[2])
{
	__asm__ volatile("invpcid (%0), %1" : : "r"(descriptor), "r"(type) : "memory");
}

X86_TLB_FN void x86_64_tlb_do(enum x86_64_tlb_op op, uint64_t *value)
{
	switch (op) { /* a constant */
	case X86_MFENCE:
		__asm__ volatile("mfence" : : : "memory");
		break;
	case X86_INVLPG:
		__asm__ volatile("invlpg (%0)" : : "r"((uintptr_t)*value) : "memory");
		break;
	case X86_GET_CR4:
		__asm__ volatile("mov %%cr4, %0" : "=r"(*value));
		break;
	case X86_SET_CR4:
		__asm__ volatile("mov %0, %%cr4" : : "r"(*value) : "memory");
		break;
	case X86_GET_CR3:
		__asm__ volatile("mov %%cr3, %0" : "=r"(*value));
		break;
	case X86_SET_CR3:
		__asm__ volatile("mov %0, %%cr3" : : "r"(*value) : "memory");
		break;
	default:
		x86_64_invpcid((uint64_t)op - X86_INVPCID_PAGE, value);
	}
}
#endif

/* Above that a whole flush is cheaper. */
#define X86_FLUSH_PAGES 32u
#define X86_CR4_PGE  (UINT64_C(1) << 7)
#define X86_PCID     UINT64_C(0xfff) /* in CR3, where CR4.PCIDE is set */

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

/* All of all PCIDs. */
X86_TLB_FN void x86_64_tlb_every(bool invpcid)
{
	uint64_t none[2] = { 0, 0 }, cr4;

	if (invpcid) {
		X86_TLB_DO(X86_MFENCE, NULL);
		X86_TLB_DO(X86_INVPCID_ALL, none);
		return;
	}
	X86_TLB_DO(X86_GET_CR4, &cr4);
	cr4 ^= X86_CR4_PGE;
	X86_TLB_DO(X86_SET_CR4, &cr4);
	cr4 ^= X86_CR4_PGE;
	X86_TLB_DO(X86_SET_CR4, &cr4);
}

X86_TLB_FN bool x86_64_tlb_few(const struct mm_tlb_gather *g)
{
	return (g->last - g->start) >> g->min_shift < X86_FLUSH_PAGES;
}

X86_TLB_FN void x86_64_tlb_pages(const struct mm_tlb_gather *g)
{
	const uint64_t step = UINT64_C(1) << g->min_shift;

	for (uint64_t va = g->start;; va += step) { /* F1 */
		X86_TLB_DO(X86_INVLPG, &va);
		if (g->last - va < step)
			break;
	}
}

X86_TLB_FN void x86_64_tlb_pages_of(uint64_t pcid, const struct mm_tlb_gather *g)
{
	const uint64_t step = UINT64_C(1) << g->min_shift;
	uint64_t page[2] = { pcid, g->start };

	for (;; page[1] += step) { /* F1 */
		X86_TLB_DO(X86_INVPCID_PAGE, page);
		if (g->last - page[1] < step)
			break;
	}
}

/* One PCID, which may be another than the current one. Without INVPCID that is everything: what else there is, CR3 with
 * that PCID for a moment, needs its tables. */
X86_TLB_FN void x86_64_tlb_space(const struct mm_pt_x86_64_tlb *tlb, const struct mm_tlb_gather *g)
{
	uint64_t one[2] = { tlb->pcid, 0 }, cr3;

	if (tlb->invpcid) {
		X86_TLB_DO(X86_MFENCE, NULL); /* F1 */
		if (x86_64_tlb_few(g) && !g->tables)
			x86_64_tlb_pages_of(tlb->pcid, g);
		else
			X86_TLB_DO(X86_INVPCID_ONE, one);
		return;
	}
	X86_TLB_DO(X86_GET_CR3, &cr3);
	if (tlb->pcids && (cr3 & X86_PCID) != tlb->pcid)
		x86_64_tlb_every(false);
	else if (x86_64_tlb_few(g))
		x86_64_tlb_pages(g);
	else
		X86_TLB_DO(X86_SET_CR3, &cr3); /* bit 63 is read as 0 */
}

X86_TLB_FN void x86_64_tlb_flush(const struct mm_pt_x86_64_tlb *how, const struct mm_tlb_gather *g)
{
	const struct mm_pt_x86_64_tlb copy = *how, *const tlb = &copy; /* no barrier has it loaded again */

	if (!g->flush)
		return;
	if (tlb->one_space)
		x86_64_tlb_space(tlb, g);
	else if (tlb->pcids && (g->tables || !tlb->global || !x86_64_tlb_few(g)))
		x86_64_tlb_every(tlb->invpcid); /* F2 */
	else if (x86_64_tlb_few(g))
		x86_64_tlb_pages(g);
	else
		x86_64_tlb_all();
}
#undef X86_TLB_FN
#undef X86_FLUSH_PAGES
#undef X86_CR4_PGE
#undef X86_PCID
#endif
