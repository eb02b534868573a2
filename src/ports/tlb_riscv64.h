/* SPDX-License-Identifier: MIT */
/* What makes the TLB of an RV64 hart forget, or of an RV32 one: instructions, and in which order. How it is made and
 * tried: tlb_aarch64.h.
 *
 * Theory of operation
 * Invariants   F1 a local flush leaves nothing that the gather names in this hart (Privileged Architecture, 20211203,
 *                 4.2.1 "Supervisor Memory-Management Fence Instruction"): SFENCE.VMA orders the stores before it
 *                 and the walks after it. Of many, each does so; with Svinval (chapter 7) it is done once:
 *                 SFENCE.W.INVAL, stores come before; SINVAL.VMA for each page; SFENCE.INVAL.IR, walks come after.
 *              F2 with an address it orders leaves only, so changed tables, and entries that became valid below
 *                 new tables, want it without.
 *              F3 rs2 = x0: global entries and every address space; else what is not global of one.
 * Second stage of the hypervisor extension: the same with HFENCE.GVMA (8.3.2 "Hypervisor Memory-Management Fence
 *              Instructions") and HINVAL.GVMA, whose rs1 is an address shifted right by 2, and rs2 a VMID. */
#ifndef MM_SRC_PORTS_TLB_RISCV64_H
#define MM_SRC_PORTS_TLB_RISCV64_H
#include <mmlib/pt_riscv64.h>
#include "hook.h"

#define RV64_TLB_FN static inline __attribute__((__always_inline__))
#if defined(__riscv) && __riscv_xlen == 32
#define RV64_WORD uint32_t /* shifts of 64 bits are calls there */
#else
#define RV64_WORD mm_vaddr_t
#endif

enum rv64_tlb_op {
	RV64_SFENCE_ALL,
	RV64_SFENCE_VA,
	RV64_SFENCE_ASID,
	RV64_SFENCE_VA_ASID,
	RV64_SINVAL_VA,
	RV64_SINVAL_VA_ASID,
	RV64_HFENCE_ALL, /* of the second stage: as those before, in their order */
	RV64_HFENCE_VA,
	RV64_HFENCE_VMID,
	RV64_HFENCE_VA_VMID,
	RV64_HINVAL_VA,
	RV64_HINVAL_VA_VMID,
	RV64_SFENCE_W_INVAL,
	RV64_SFENCE_INVAL_IR,
};

#ifndef RV64_TLB_DO
#define RV64_TLB_DO rv64_tlb_do
#define RV64_TLB_ASM(op, text)                                                   \
	case op:                                                                 \
		__asm__ volatile(text : : "rJ"(va), "rJ"(asid) : "memory"); \
		break

/* Svinval and HFENCE by number: assemblers want to be told that there is such an extension. */
RV64_TLB_FN void rv64_tlb_do(enum rv64_tlb_op op, mm_vaddr_t va, uint64_t asid)
{
	switch (op) { /* a constant */
		RV64_TLB_ASM(RV64_SFENCE_ALL, "sfence.vma");
		RV64_TLB_ASM(RV64_SFENCE_VA, "sfence.vma %z0, zero");
		RV64_TLB_ASM(RV64_SFENCE_ASID, "sfence.vma zero, %z1");
		RV64_TLB_ASM(RV64_SFENCE_VA_ASID, "sfence.vma %z0, %z1");
		RV64_TLB_ASM(RV64_SINVAL_VA, ".insn r 0x73, 0, 0x0b, zero, %z0, zero");
		RV64_TLB_ASM(RV64_SINVAL_VA_ASID, ".insn r 0x73, 0, 0x0b, zero, %z0, %z1");
		RV64_TLB_ASM(RV64_HFENCE_ALL, ".insn r 0x73, 0, 0x31, zero, zero, zero");
		RV64_TLB_ASM(RV64_HFENCE_VA, ".insn r 0x73, 0, 0x31, zero, %z0, zero");
		RV64_TLB_ASM(RV64_HFENCE_VMID, ".insn r 0x73, 0, 0x31, zero, zero, %z1");
		RV64_TLB_ASM(RV64_HFENCE_VA_VMID, ".insn r 0x73, 0, 0x31, zero, %z0, %z1");
		RV64_TLB_ASM(RV64_HINVAL_VA, ".insn r 0x73, 0, 0x33, zero, %z0, zero");
		RV64_TLB_ASM(RV64_HINVAL_VA_VMID, ".insn r 0x73, 0, 0x33, zero, %z0, %z1");
		RV64_TLB_ASM(RV64_SFENCE_W_INVAL, ".4byte 0x18000073");
		RV64_TLB_ASM(RV64_SFENCE_INVAL_IR, ".4byte 0x18100073");
	}
}
#undef RV64_TLB_ASM
#endif

/* Above that a whole flush is cheaper. */
#define RV64_FLUSH_PAGES 32u

/* F2 */
RV64_TLB_FN bool rv64_tlb_wants_all(const struct mm_tlb_gather *g)
{
	return g->sync || g->tables || (RV64_WORD)(g->last - g->start) >> g->min_shift >= RV64_FLUSH_PAGES;
}

/* Of the first stage, or of the second one. */
RV64_TLB_FN void rv64_tlb_of(bool guest, enum rv64_tlb_op op, mm_vaddr_t va, uint64_t asid)
{
	if (guest)
		RV64_TLB_DO((enum rv64_tlb_op)(op + RV64_HFENCE_ALL), va >> 2, asid);
	else
		RV64_TLB_DO(op, va, asid);
}

RV64_TLB_FN void rv64_tlb_page(const struct mm_pt_riscv64_tlb *tlb, bool guest, bool svinval, mm_vaddr_t va)
{
	if (svinval && tlb->one_space)
		rv64_tlb_of(guest, RV64_SINVAL_VA_ASID, va, tlb->asid);
	else if (svinval)
		rv64_tlb_of(guest, RV64_SINVAL_VA, va, 0);
	else if (tlb->one_space)
		rv64_tlb_of(guest, RV64_SFENCE_VA_ASID, va, tlb->asid);
	else
		rv64_tlb_of(guest, RV64_SFENCE_VA, va, 0);
}

RV64_TLB_FN void rv64_tlb_pages(const struct mm_pt_riscv64_tlb *tlb, bool guest, bool svinval,
				const struct mm_tlb_gather *g)
{
	const RV64_WORD step = (RV64_WORD)1 << g->min_shift, last = (RV64_WORD)g->last;

	for (RV64_WORD va = (RV64_WORD)g->start;; va += step) {
		rv64_tlb_page(tlb, guest, svinval, va);
		if (last - va < step)
			break;
	}
}

RV64_TLB_FN void rv64_tlb_flush(const struct mm_pt_riscv64_tlb *how, bool guest, const struct mm_tlb_gather *g)
{
	const struct mm_pt_riscv64_tlb copy = *how, *const tlb = &copy; /* no barrier has it loaded again */

	if (!g->flush && !g->sync)
		return;
	if (rv64_tlb_wants_all(g)) {
		if (tlb->one_space) /* F3 */
			rv64_tlb_of(guest, RV64_SFENCE_ASID, 0, tlb->asid);
		else
			rv64_tlb_of(guest, RV64_SFENCE_ALL, 0, 0);
		return;
	}
	if (!tlb->svinval) {
		rv64_tlb_pages(tlb, guest, false, g); /* F1 */
		return;
	}
	RV64_TLB_DO(RV64_SFENCE_W_INVAL, 0, 0); /* F1 */
	rv64_tlb_pages(tlb, guest, true, g);
	if (!MM_PLANTED(MM_PLANT_RV64_INVAL))
		RV64_TLB_DO(RV64_SFENCE_INVAL_IR, 0, 0);
}
#undef RV64_TLB_FN
#undef RV64_WORD
#undef RV64_FLUSH_PAGES
#endif
