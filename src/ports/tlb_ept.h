/* SPDX-License-Identifier: MIT */
/* What makes a CPU forget what it has of extended page tables: one instruction. How it is made and tried:
 * tlb_aarch64.h.
 *
 * Theory of operation
 * Invariants   F1 a local flush leaves nothing of the tree in this CPU (SDM volume 3C, edition as in
 *                 ept.h, "Guidelines for Use of the INVEPT Instruction"): a right, an address or a memory type that
 *                 went, an entry that became a table or a leaf, and a dirty bit that was cleared, want INVEPT by the
 *                 EPTP that the entry is reached from. It takes guest-physical mappings and those combined with a
 *                 guest's own tables, of all VPIDs and PCIDs ("Operations that Invalidate Cached Mappings"). It has no
 *                 addresses: one page is as many. The manual has INVEPT where an accessed bit was cleared, too. Nothing
 *                 is asked for there (mm_pt_age()): a CPU that has kept it as set need not set it again ("Accessed and
 *                 Dirty Flags for EPT"), so that it stays clear at worst. INVEPT is serializing (volume 3A,
 *                 "Serializing Instructions"): stores come before it.
 *              F2 what only became valid wants none: an entry that is not present or misconfigured is not kept, and
 *                 a right that was gained costs a violation at most, which forgets what it came from.
 *              F3 where INVEPT fails, which CF or ZF say, nothing was forgotten: a CPU has no invalidation of a single
 *                 context, or no VM entry would take this EPTP. Then all contexts are invalidated. */
#ifndef MM_SRC_PORTS_TLB_EPT_H
#define MM_SRC_PORTS_TLB_EPT_H
#include <mmlib/pt_flush.h>
#include "hook.h"

enum ept_tlb_op { /* types of INVEPT */
	EPT_INVEPT_ONE = 1,
	EPT_INVEPT_ALL = 2,
};

#ifndef EPT_TLB_DO
#define EPT_TLB_DO ept_tlb_do
/* Was it done? */
static inline __attribute__((__always_inline__)) bool ept_tlb_do(enum ept_tlb_op op, uint64_t eptp)
{
	const uint64_t descriptor[2] = { eptp, 0 };
	bool failed;

	__asm__ volatile("invept %1, %2"
			 : "=@ccbe"(failed)
			 : "m"(descriptor), "r"((uint64_t)op)
			 : "memory");
	return !failed;
}
#endif

static inline __attribute__((__always_inline__)) void ept_tlb_flush(const struct mm_tlb_gather *g, uint64_t eptp)
{
	if (!g->flush) /* F2 */
		return;
	if (!EPT_TLB_DO(EPT_INVEPT_ONE, eptp) && !MM_PLANTED(MM_PLANT_EPT_FAILED))
		(void)EPT_TLB_DO(EPT_INVEPT_ALL, 0); /* F3 */
}
#endif
