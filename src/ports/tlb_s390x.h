/* SPDX-License-Identifier: MIT */
/* What makes the TLBs of s390x CPUs forget: one instruction. How it is made and tried: tlb_aarch64.h.
 *
 * Theory of operation
 * Invariants   F1 the walker stores, and a store is not how an entry may be changed that a CPU may use (Principles of
 *                 Operation, SA22-7832-12, chapter 3, "Modification of Translation Tables"): IPTE, IDTE, CRDTE or CSPG
 *                 change it and forget it at once. So trees are detached while they change (ports/s390x.h), and what
 *                 is left to forget is what CPUs have kept of them from before: it stays in TLBs, and is used as soon
 *                 as the tree is attached again.
 *              F2 IDTE that clears by ASCE (chapter 10, "Invalidate DAT Table Entry": bit 52 of R2; R3 has the ASCE)
 *                 does that on all CPUs, for all that was made under this ASCE. It serializes before and after, so
 *                 that nothing is to be ordered beside it. */
#ifndef MM_SRC_PORTS_TLB_S390X_H
#define MM_SRC_PORTS_TLB_S390X_H
#include <mmlib/pt_flush.h>
#include "hook.h"

enum s390x_tlb_op {
	S390X_IDTE, /* operand: the ASCE */
};

#ifndef S390X_TLB_DO
#define S390X_TLB_DO s390x_tlb_do
static inline __attribute__((__always_inline__)) void s390x_tlb_do(enum s390x_tlb_op op, uint64_t asce)
{
	const uint64_t by_asce = 0x800;

	(void)op;
	__asm__ volatile("idte %%r0,%0,%1" : : "a"(asce), "a"(by_asce) : "cc", "memory");
}
#endif

static inline __attribute__((__always_inline__)) void s390x_tlb_flush(const struct mm_tlb_gather *g, uint64_t asce)
{
	if (g->flush)
		S390X_TLB_DO(S390X_IDTE, asce); /* F2 */
}
#endif
