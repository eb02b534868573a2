/* SPDX-License-Identifier: MIT */
/* What makes the TLBs of AArch64 CPUs forget: instructions, and in which order.
 *
 * Theory of operation
 * Problem      an order that is wrong by one barrier works on each emulator and on most days; so does a range that
 *              lacks its last page.
 * Structure    what a flush executes, as functions of the gather, without asm: each instruction is one call of
 *              A64_TLB_DO(). Here that is the instruction. tests/test_pt_flush.c writes them down instead, on any
 *              host; tools/check_barriers.py looks at what compilers make of them.
 *              A range (FEAT_TLBIRANGE) is cut into pieces of (NUM + 1) * 2^(5 * SCALE + 1) granules, NUM below 32,
 *              the largest SCALE first, and one page if the number of granules is odd: the number of granules in
 *              base 32, as it were.
 * Invariants   F1 a flush leaves nothing that the gather names in any CPU of the inner shareable domain (Arm ARM,
 *                 DDI 0487, "Ordering and completion of TLB maintenance instructions", D8.17.8 in issue M.b): stores
 *                 are ordered before it (DSB ISHST); TLBI; it has ended everywhere (DSB ISH) before this CPU goes on
 *                 with what it fetches and walks (ISB).
 *              F2 the forms for the last level (VAALE1IS and its like) leave what is cached of tables: not where
 *                 tables went.
 *              F3 the pieces of a range are all of it: five at most. With LPA2, where a piece begins on 64 KiB, it
 *                 begins up to 15 granules early; the pieces behind the first begin there since each but the
 *                 last page is a multiple of 64 granules, or the last piece.
 *              F4 the granule that a range is told is that of the half which it is in: a TLBI that is told
 *                 another need not do anything.
 *              F5 what goes by IPA (IPAS2E1IS and its like) leaves entries that hold both stages as one. So, when it
 *                 has ended everywhere (DSB ISH), all of the guest's first stage goes, and such entries with it
 *                 (VMALLE1IS): a walk between the two would find nothing old to make another from. VMALLS12E1IS
 *                 takes all three kinds at once. */
#ifndef MM_SRC_PORTS_TLB_AARCH64_H
#define MM_SRC_PORTS_TLB_AARCH64_H
#include <mmlib/pt_aarch64.h>
#include "hook.h"

#define A64_TLB_FN static inline __attribute__((__always_inline__))

/* DDI 0487, C5.5 and D8: VMALLE1IS all, ASIDE1IS what is not global of one ASID; VA.. one page: of all ASIDs (AA) or
 * of one and what is global, all levels or the last (L); R.. a range. */
enum a64_tlb_op {
	A64_DSB_ISHST,
	A64_DSB_ISH,
	A64_ISB,
	A64_VMALLE1IS,
	A64_ASIDE1IS,
	A64_VAAE1IS,
	A64_VAALE1IS,
	A64_VAE1IS,
	A64_VALE1IS,
	A64_RVAAE1IS,
	A64_RVAALE1IS,
	A64_RVAE1IS,
	A64_RVALE1IS,
	A64_VMALLS12E1IS, /* both stages of a guest; IPA..: its second stage, otherwise as VA.. */
	A64_IPAS2E1IS,
	A64_IPAS2LE1IS,
	A64_RIPAS2E1IS,
	A64_RIPAS2LE1IS,
};

#ifndef A64_TLB_DO
#define A64_TLB_DO a64_tlb_do
#define A64_TLB_ASM(op, text)                                              \
	case op:                                                           \
		__asm__ volatile(text : : "rZ"(operand) : "memory"); \
		break

/* Ranges by number: assemblers know their names from Armv8.4 on. */
A64_TLB_FN void a64_tlb_do(enum a64_tlb_op op, uint64_t operand)
{
	switch (op) { /* a constant */
		A64_TLB_ASM(A64_DSB_ISHST, "dsb ishst");
		A64_TLB_ASM(A64_DSB_ISH, "dsb ish");
		A64_TLB_ASM(A64_ISB, "isb");
		A64_TLB_ASM(A64_VMALLE1IS, "tlbi vmalle1is");
		A64_TLB_ASM(A64_ASIDE1IS, "tlbi aside1is, %x0");
		A64_TLB_ASM(A64_VAAE1IS, "tlbi vaae1is, %x0");
		A64_TLB_ASM(A64_VAALE1IS, "tlbi vaale1is, %x0");
		A64_TLB_ASM(A64_VAE1IS, "tlbi vae1is, %x0");
		A64_TLB_ASM(A64_VALE1IS, "tlbi vale1is, %x0");
		A64_TLB_ASM(A64_RVAAE1IS, "sys #0, c8, c2, #3, %x0");
		A64_TLB_ASM(A64_RVAALE1IS, "sys #0, c8, c2, #7, %x0");
		A64_TLB_ASM(A64_RVAE1IS, "sys #0, c8, c2, #1, %x0");
		A64_TLB_ASM(A64_RVALE1IS, "sys #0, c8, c2, #5, %x0");
		A64_TLB_ASM(A64_VMALLS12E1IS, "tlbi vmalls12e1is");
		A64_TLB_ASM(A64_IPAS2E1IS, "tlbi ipas2e1is, %x0");
		A64_TLB_ASM(A64_IPAS2LE1IS, "tlbi ipas2le1is, %x0");
		A64_TLB_ASM(A64_RIPAS2E1IS, "sys #4, c8, c0, #2, %x0");
		A64_TLB_ASM(A64_RIPAS2LE1IS, "sys #4, c8, c0, #6, %x0");
	}
}
#undef A64_TLB_ASM
#endif

/* Pages above which a whole flush is cheaper than one by one; and granules that ranges reach. */
#define A64_FLUSH_PAGES 32u
#define A64_RANGE_MAX   (UINT64_C(1) << 21)

/* A piece of a range. 1 granule: a page by itself, else what NUM and SCALE say. */
struct a64_tlb_piece {
	uint64_t granules;
	uint32_t num, scale;
};

/* The first piece of a range of @granules, from 1 to A64_RANGE_MAX. F3 */
A64_TLB_FN struct a64_tlb_piece a64_tlb_cut(uint64_t granules)
{
	for (uint32_t scale = 4; scale-- > 0;) {
		const uint32_t shift = 5 * scale + 1, n = (uint32_t)(granules >> shift);

		if (n)
			return (struct a64_tlb_piece){ (uint64_t)n << shift, n - 1, scale };
	}
	return (struct a64_tlb_piece){ 1, 0, 0 };
}

A64_TLB_FN uint64_t a64_tlb_asid(const struct mm_pt_aarch64_tlb *tlb)
{
	return tlb->one_space ? (uint64_t)tlb->asid << 48 : 0;
}

/* What one TLBI is about: VA[55:12] in bits 43:0, whatever the granule. */
A64_TLB_FN uint64_t a64_tlb_page(const struct mm_pt_aarch64_tlb *tlb, mm_vaddr_t va)
{
	return ((uint64_t)va >> 12 & ((UINT64_C(1) << 44) - 1)) | a64_tlb_asid(tlb);
}

/* TG 47:46 (1: 4 KiB, 2: 16 KiB, 3: 64 KiB), SCALE 45:44, NUM 43:39, TTL 38:37 (0: of any level), BaseADDR 36:0. */
A64_TLB_FN uint64_t a64_tlb_range(const struct mm_pt_aarch64_tlb *tlb, uint32_t granule, mm_vaddr_t va,
				  struct a64_tlb_piece piece)
{
	const uint64_t base = (uint64_t)va >> (tlb->lpa2 ? 16 : granule) & ((UINT64_C(1) << 37) - 1);
	const uint64_t tg = granule / 2 - 5;

	return a64_tlb_asid(tlb) | tg << 46 | (uint64_t)piece.scale << 44 | (uint64_t)piece.num << 39 | base;
}

/* One TLBI of the form that is wanted: F2. */
A64_TLB_FN void a64_tlb_forget(const struct mm_pt_aarch64_tlb *tlb, bool guest, bool tables, uint64_t page)
{
	if (guest && tables)
		A64_TLB_DO(A64_IPAS2E1IS, page);
	else if (guest)
		A64_TLB_DO(A64_IPAS2LE1IS, page);
	else if (tlb->one_space && tables)
		A64_TLB_DO(A64_VAE1IS, page);
	else if (tlb->one_space)
		A64_TLB_DO(A64_VALE1IS, page);
	else if (tables)
		A64_TLB_DO(A64_VAAE1IS, page);
	else
		A64_TLB_DO(A64_VAALE1IS, page);
}

A64_TLB_FN void a64_tlb_forget_range(const struct mm_pt_aarch64_tlb *tlb, bool guest, bool tables, uint64_t range)
{
	if (guest && tables)
		A64_TLB_DO(A64_RIPAS2E1IS, range);
	else if (guest)
		A64_TLB_DO(A64_RIPAS2LE1IS, range);
	else if (tlb->one_space && tables)
		A64_TLB_DO(A64_RVAE1IS, range);
	else if (tlb->one_space)
		A64_TLB_DO(A64_RVALE1IS, range);
	else if (tables)
		A64_TLB_DO(A64_RVAAE1IS, range);
	else
		A64_TLB_DO(A64_RVAALE1IS, range);
}

A64_TLB_FN void a64_tlb_forget_all(const struct mm_pt_aarch64_tlb *tlb, bool guest)
{
	if (guest)
		A64_TLB_DO(A64_VMALLS12E1IS, 0);
	else if (tlb->one_space)
		A64_TLB_DO(A64_ASIDE1IS, a64_tlb_asid(tlb));
	else
		A64_TLB_DO(A64_VMALLE1IS, 0);
}

/* Behind the last one that went by address. F5 */
A64_TLB_FN void a64_tlb_forget_combined(bool guest)
{
	if (!guest || MM_PLANTED(MM_PLANT_A64_COMBINED))
		return;
	A64_TLB_DO(A64_DSB_ISH, 0);
	A64_TLB_DO(A64_VMALLE1IS, 0);
}

/* Page by page, or all if these are too many. */
A64_TLB_FN void a64_tlb_pages(const struct mm_pt_aarch64_tlb *tlb, bool guest, const struct mm_tlb_gather *g)
{
	const mm_vaddr_t step = (mm_vaddr_t)1 << g->min_shift;

	if ((g->last - g->start) >> g->min_shift >= A64_FLUSH_PAGES) {
		a64_tlb_forget_all(tlb, guest);
		return;
	}
	for (mm_vaddr_t va = g->start;; va += step) {
		a64_tlb_forget(tlb, guest, g->tables, a64_tlb_page(tlb, va));
		if (g->last - va < step)
			break;
	}
	a64_tlb_forget_combined(guest);
}

/* Piece by piece, or all if the range is too long. F3 */
A64_TLB_FN void a64_tlb_ranges(const struct mm_pt_aarch64_tlb *tlb, bool guest, uint32_t granule,
			       const struct mm_tlb_gather *g)
{
	mm_vaddr_t va = tlb->lpa2 ? g->start & ~(mm_vaddr_t)0xffff : g->start;
	uint64_t left = ((uint64_t)(g->last - va) >> granule) + 1;

	if (left > A64_RANGE_MAX) {
		a64_tlb_forget_all(tlb, guest);
		return;
	}
	while (left) {
		const struct a64_tlb_piece piece = a64_tlb_cut(left);

		if (piece.granules > 1)
			a64_tlb_forget_range(tlb, guest, g->tables, a64_tlb_range(tlb, granule, va, piece));
		else if (!MM_PLANTED(MM_PLANT_A64_RANGE))
			a64_tlb_forget(tlb, guest, g->tables, a64_tlb_page(tlb, va));
		va += (mm_vaddr_t)(piece.granules << granule);
		left -= piece.granules;
	}
	a64_tlb_forget_combined(guest);
}

/* Of the first stage, or of a guest's second one. */
A64_TLB_FN void a64_tlb_flush_of(const struct mm_pt_aarch64_tlb *how, bool guest, const struct mm_tlb_gather *g)
{
	const struct mm_pt_aarch64_tlb copy = *how, *const tlb = &copy; /* no barrier has it loaded again */
	const uint32_t granule = guest ? 12 : tlb->granule[(uint64_t)g->start >> 55 & 1]; /* F4 */

	A64_TLB_DO(A64_DSB_ISHST, 0); /* F1 */
	if (g->flush) {
		if (tlb->ranges && granule && (g->last - g->start) >> g->min_shift)
			a64_tlb_ranges(tlb, guest, granule, g);
		else
			a64_tlb_pages(tlb, guest, g);
		if (!MM_PLANTED(MM_PLANT_A64_DSB))
			A64_TLB_DO(A64_DSB_ISH, 0);
	}
	A64_TLB_DO(A64_ISB, 0);
}

A64_TLB_FN void a64_tlb_flush(const struct mm_pt_aarch64_tlb *how, const struct mm_tlb_gather *g)
{
	a64_tlb_flush_of(how, false, g);
}

/* The formats of second stages have granules of 4 KiB, and no LPA2; VTTBR_EL2 says which VMID. */
A64_TLB_FN void a64_tlb_flush_guest(const struct mm_pt_aarch64_tlb *how, const struct mm_tlb_gather *g)
{
	const struct mm_pt_aarch64_tlb tlb = { .ranges = how->ranges };

	a64_tlb_flush_of(&tlb, true, g);
}

/* TCR_EL1: TG0 15:14, TG1 31:30, DS 59; ID_AA64ISAR0_EL1.TLB 59:56: 2 and more have ranges. */
A64_TLB_FN struct mm_pt_aarch64_tlb a64_tlb_of(uint64_t tcr, uint64_t isar0)
{
	static const uint8_t tg0[4] = { 12, 16, 14, 0 }, tg1[4] = { 0, 14, 12, 16 };

	return (struct mm_pt_aarch64_tlb){
		.granule = { tg0[tcr >> 14 & 3], tg1[tcr >> 30 & 3] },
		.lpa2 = tcr >> 59 & 1,
		.ranges = (isar0 >> 56 & 15) >= 2,
	};
}
#undef A64_TLB_FN
#undef A64_FLUSH_PAGES
#undef A64_RANGE_MAX
#endif
