/* SPDX-License-Identifier: MIT */
/* What makes the TLB of a MIPS64 CPU, which software fills, forget: instructions, and in which order. How it is made
 * and tried: tlb_aarch64.h.
 *
 * Theory of operation
 * Structure    entry by entry, each is read and, if it has a byte of what the gather holds, made one that is none. By
 *              index and not by probes, so that it finds entries of every address space, and of every size.
 * Invariants   F1 a local flush leaves no entry that the gather names in this CPU, under any ASID: what software has
 *                 stored to the tables before is what its refill handler finds after it, so no barrier is about stores.
 *              F2 what one instruction writes to a register of coprocessor 0, or to the TLB, the next but one need
 *                 not see without a barrier (MIPS64 Architecture For Programmers, volume III, MD00091, revision 6.03,
 *                 "CP0 Hazards": tables of execution and of instruction hazards). EHB: MTC0 to Index before TLBR,
 *                 DMTC0 to EntryHi before TLBWI; TLBR before DMFC0 and MFC0 of what it wrote. TLBWI before the next
 *                 TLBR: the EHB there does it. Index has 32 bits, and PageMask but for pages of GiB: what DMFC0 and
 *                 DMTC0 do to such is not defined before Release 6 (volume II-A, MD00087). MFC0 extends the sign:
 *                 entries of 2 GiB and more, which have bit 31 of PageMask, always go.
 *              F3 JR.HB, at the end, is for what is fetched, loaded and stored, and for the ASID.
 *              F4 EntryHi.EHINV (Config4.IE is 2 or 3, as in Release 6) says that an entry is none, whatever else is in
 *                 it: no two of them are alike to the CPU (volume II-A, "TLBWI", "TLBR").
 *              F5 trees have the addresses inside a segment: that of all segments goes, and of addresses that differ
 *                 above bit 47. */
#ifndef MM_SRC_PORTS_TLB_MIPS64_H
#define MM_SRC_PORTS_TLB_MIPS64_H
#include <mmlib/pt_flush.h>
#include "hook.h"

#define MIPS_TLB_FN static inline __attribute__((__always_inline__))

enum mips64_tlb_op {
	MIPS_GET_HI, /* into *value */
	MIPS_GET_MASK,
	MIPS_SET_HI,
	MIPS_SET_INDEX,
	MIPS_TLBR,
	MIPS_TLBWI,
	MIPS_EHB,
	MIPS_JR_HB, /* to what follows */
};

#ifndef MIPS_TLB_DO
#define MIPS_TLB_DO mips64_tlb_do
#define MIPS_TLB_ASM(op, ...)                      \
	case op:                                   \
		__asm__ volatile(__VA_ARGS__); \
		break
/* The jump is relative to where it stands: code may be anywhere. */
#define MIPS_TLB_HERE                                                                     \
	".set push; .set noreorder; bal 1f; nop; 1: daddiu $31, $31, 12; jr.hb $31; nop;" \
	" .set pop"

MIPS_TLB_FN void mips64_tlb_do(enum mips64_tlb_op op, uint64_t *value)
{
	switch (op) { /* a constant */
		MIPS_TLB_ASM(MIPS_GET_HI, "dmfc0 %0, $10" : "=r"(*value) : : "memory");
		MIPS_TLB_ASM(MIPS_GET_MASK, "mfc0 %0, $5" : "=r"(*value) : : "memory");
		MIPS_TLB_ASM(MIPS_SET_HI, "dmtc0 %0, $10" : : "r"(*value) : "memory");
		MIPS_TLB_ASM(MIPS_SET_INDEX, "mtc0 %0, $0" : : "r"(*value) : "memory");
		MIPS_TLB_ASM(MIPS_TLBR, "tlbr" : : : "memory");
		MIPS_TLB_ASM(MIPS_TLBWI, "tlbwi" : : : "memory");
		MIPS_TLB_ASM(MIPS_EHB, "ehb" : : : "memory");
		MIPS_TLB_ASM(MIPS_JR_HB, MIPS_TLB_HERE : : : "$31", "memory");
	}
}
#undef MIPS_TLB_ASM
#undef MIPS_TLB_HERE
#endif

/* EntryHi, and the bytes of the smallest pair, less one, beside those that PageMask has. */
#define MIPS_HI_ASID  UINT64_C(0x3ff)
#define MIPS_HI_EHINV UINT64_C(0x400)
#define MIPS_HI_VA    UINT64_C(0x0000ffffffffe000)
#define MIPS_PAIR     UINT64_C(0x1fff)

/* Has entry @index a byte of what the gather holds? */
MIPS_TLB_FN bool mips64_tlb_is_in(uint64_t index, const struct mm_tlb_gather *g)
{
	uint64_t hi, mask;

	MIPS_TLB_DO(MIPS_SET_INDEX, &index);
	MIPS_TLB_DO(MIPS_EHB, NULL); /* F2 */
	MIPS_TLB_DO(MIPS_TLBR, NULL);
	if (!MM_PLANTED(MM_PLANT_MIPS_EHB))
		MIPS_TLB_DO(MIPS_EHB, NULL);
	MIPS_TLB_DO(MIPS_GET_HI, &hi);
	MIPS_TLB_DO(MIPS_GET_MASK, &mask);
	mask |= MIPS_PAIR;
	hi = hi & MIPS_HI_EHINV ? UINT64_MAX : hi & MIPS_HI_VA & ~mask;
	return hi <= g->last && (hi | mask) >= g->start;
}

MIPS_TLB_FN void mips64_tlb_drop(void)
{
	uint64_t none = MIPS_HI_EHINV; /* F4 */

	MIPS_TLB_DO(MIPS_SET_HI, &none);
	MIPS_TLB_DO(MIPS_EHB, NULL);
	MIPS_TLB_DO(MIPS_TLBWI, NULL);
}

MIPS_TLB_FN void mips64_tlb_flush(const struct mm_tlb_gather *g, unsigned entries)
{
	uint64_t hi;

	if (!g->flush)
		return;
	MIPS_TLB_DO(MIPS_GET_HI, &hi);
	for (unsigned i = 0; i < entries; i++)
		if (mips64_tlb_is_in(i, g))
			mips64_tlb_drop();
	hi &= MIPS_HI_ASID;
	MIPS_TLB_DO(MIPS_SET_HI, &hi);
	MIPS_TLB_DO(MIPS_JR_HB, NULL); /* F3 */
}
#undef MIPS_TLB_FN
#undef MIPS_HI_ASID
#undef MIPS_HI_EHINV
#undef MIPS_HI_VA
#undef MIPS_PAIR
#endif
