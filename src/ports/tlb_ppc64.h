/* SPDX-License-Identifier: MIT */
/* What makes the TLBs of PPC64 CPUs forget, with the radix tree: instructions, and in which order. How it is made and
 * tried: tlb_aarch64.h.
 *
 * Theory of operation
 * Invariants   F1 a flush leaves nothing that the gather names in any thread (Power ISA 3.0B, book III, 5.10.1.2
 *                 "Modifying a Translation Table Entry"): stores are ordered before it (PTESYNC); TLBIE; all of them
 *                 before TLBSYNC (EIEIO); it has ended everywhere (TLBSYNC, PTESYNC) before this thread goes on with
 *                 what it fetches (ISYNC: chapter "Synchronization Requirements for Context Alterations").
 *              F2 TLBIE of one page (IS 0) is told its size, and does not reach a page of another. So it is for up to
 *                 32 pages of the gather's smallest size: no leaf of the next size, 512 of them, fits in there.
 *              F3 it leaves what is cached of tables (RIC 0), and there is no form of one page that does not: where
 *                 tables went, all of the process goes, tables too (IS 1, RIC 2). */
#ifndef MM_SRC_PORTS_TLB_PPC64_H
#define MM_SRC_PORTS_TLB_PPC64_H
#include <mmlib/pt_flush.h>
#include "hook.h"

#define PPC_TLB_FN static inline __attribute__((__always_inline__))

/* 5.9.3.3 of that book, "TLB Management Instructions": all process-scoped (PRS 1), of a radix tree (R 1). */
enum ppc64_tlb_op {
	PPC_PTESYNC,
	PPC_EIEIO,
	PPC_TLBSYNC,
	PPC_ISYNC,
	PPC_TLBIE,        /* RIC 0: what is cached of pages */
	PPC_TLBIE_TABLES, /* RIC 2: of tables too */
};

#ifndef PPC_TLB_DO
#define PPC_TLB_DO ppc64_tlb_do
#define PPC_TLB_ASM(op, text)                                                   \
	case op:                                                                \
		__asm__ volatile(text : : "r"(rb), "r"(rs) : "memory"); \
		break

/* TLBIE by number, with RB in r8 and RS in r9: not all assemblers know its five operands. */
PPC_TLB_FN void ppc64_tlb_do(enum ppc64_tlb_op op, uint64_t rb_, uint64_t rs_)
{
	register uint64_t rb __asm__("r8") = rb_;
	register uint64_t rs __asm__("r9") = rs_;

	switch (op) { /* a constant */
		PPC_TLB_ASM(PPC_PTESYNC, "ptesync");
		PPC_TLB_ASM(PPC_EIEIO, "eieio");
		PPC_TLB_ASM(PPC_TLBSYNC, "tlbsync");
		PPC_TLB_ASM(PPC_ISYNC, "isync");
		PPC_TLB_ASM(PPC_TLBIE, ".long 0x7d234264");
		PPC_TLB_ASM(PPC_TLBIE_TABLES, ".long 0x7d2b4264");
	}
}
#undef PPC_TLB_ASM
#endif

/* Above that a whole flush is cheaper; and it is not known of which size they are (F2). */
#define PPC_FLUSH_PAGES 32u
#define PPC_IS_PROCESS  UINT64_C(0x400)

/* AP, bits 56:58 of RB from the high end, is the CPU's to say (ibm,processor-radix-AP-encodings of a device tree): on
 * POWER9 and POWER10 0 for 4 KiB, 1 for 2 MiB, 2 for 1 GiB. */
PPC_TLB_FN uint64_t ppc64_tlb_ap(uint32_t shift)
{
	return (uint64_t)((shift - 12) / 9) << 5;
}

PPC_TLB_FN void ppc64_tlb_pages(const struct mm_tlb_gather *g, uint64_t rs)
{
	const mm_vaddr_t step = (mm_vaddr_t)1 << g->min_shift;

	for (mm_vaddr_t va = g->start;; va += step) {
		PPC_TLB_DO(PPC_TLBIE, (va & ~(mm_vaddr_t)0xfff) | ppc64_tlb_ap(g->min_shift), rs);
		if (g->last - va < step)
			return;
	}
}

PPC_TLB_FN void ppc64_tlb_flush(const struct mm_tlb_gather *g, uint32_t pid, uint32_t lpid)
{
	const uint64_t rs = (uint64_t)pid << 32 | lpid;

	PPC_TLB_DO(PPC_PTESYNC, 0, 0); /* F1 */
	if (g->flush) {
		if (g->tables) /* F3 */
			PPC_TLB_DO(PPC_TLBIE_TABLES, PPC_IS_PROCESS, rs);
		else if ((g->last - g->start) >> g->min_shift >= PPC_FLUSH_PAGES)
			PPC_TLB_DO(PPC_TLBIE, PPC_IS_PROCESS, rs);
		else
			ppc64_tlb_pages(g, rs);
		PPC_TLB_DO(PPC_EIEIO, 0, 0);
		PPC_TLB_DO(PPC_TLBSYNC, 0, 0);
		PPC_TLB_DO(PPC_PTESYNC, 0, 0);
	}
	PPC_TLB_DO(PPC_ISYNC, 0, 0);
}
#undef PPC_TLB_FN
#undef PPC_FLUSH_PAGES
#undef PPC_IS_PROCESS
#endif
