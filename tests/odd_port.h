/* SPDX-License-Identifier: MIT */
/* A page-table format that is odd on purpose: entries of 4 bytes, tables of three different lengths, an empty entry
 * that is not 0 and depends on the level, pages of 512 bytes, no sign extension, break-before-make for
 * another frame and between leaf and table. */
#ifndef ODD_PORT_H
#define ODD_PORT_H
#include <mmlib/pt_port.h>

/* 31:30 kind  29:24 attributes  18:0 physical address >> 5 */
#define ODD_TABLE (UINT64_C(1) << 30)
#define ODD_LEAF  (UINT64_C(2) << 30)
#define ODD_EMPTY (UINT64_C(3) << 30)
#define ODD_KIND  (UINT64_C(3) << 30)
#define ODD_W     (UINT64_C(1) << 24)
#define ODD_X     (UINT64_C(1) << 25)
#define ODD_U     (UINT64_C(1) << 26)
#define ODD_A     (UINT64_C(1) << 27)
#define ODD_D     (UINT64_C(1) << 28)

static uint64_t odd_empty(const struct mm_pt *pt, unsigned level)
{
	(void)pt;
	return ODD_EMPTY | level;
}

static enum mm_pt_kind odd_classify(const struct mm_pt *pt, uint64_t entry, unsigned level)
{
	(void)pt;
	if (entry == (ODD_EMPTY | level))
		return MM_PT_EMPTY;
	if ((entry & ODD_KIND) == ODD_TABLE && level > 0)
		return MM_PT_TABLE;
	return (entry & ODD_KIND) == ODD_LEAF && level < 2 ? MM_PT_LEAF : MM_PT_BAD;
}

static enum mm_status odd_check(const struct mm_pt *pt, uint32_t attr)
{
	(void)pt;
	return attr & (MM_PT_GLOBAL | MM_PT_TYPE) || !(attr & MM_PT_READ) ? MM_E_NOTSUP : MM_OK;
}

static uint64_t odd_leaf(const struct mm_pt *pt, mm_paddr_t pa, unsigned level, uint32_t attr)
{
	(void)pt;
	(void)level;
	if (!(attr & MM_PT_TRACK))
		attr |= MM_PT_ACCESSED | MM_PT_DIRTY;
	return ODD_LEAF | pa >> 5 | (attr & MM_PT_WRITE ? ODD_W : 0) |
	       (attr & MM_PT_EXEC ? ODD_X : 0) | (attr & MM_PT_USER ? ODD_U : 0) |
	       (attr & MM_PT_ACCESSED ? ODD_A : 0) | (attr & MM_PT_DIRTY ? ODD_D : 0);
}

static uint64_t odd_frame(const struct mm_pt *pt, mm_paddr_t pa, unsigned level)
{
	(void)pt;
	(void)level;
	return pa >> 5;
}

static uint32_t odd_attr(const struct mm_pt *pt, uint64_t entry, unsigned level)
{
	(void)pt;
	(void)level;
	return MM_PT_READ | (entry & ODD_W ? MM_PT_WRITE : 0u) | (entry & ODD_X ? MM_PT_EXEC : 0u) |
	       (entry & ODD_U ? MM_PT_USER : 0u) | (entry & ODD_A ? MM_PT_ACCESSED : 0u) |
	       (entry & ODD_D ? MM_PT_DIRTY : 0u);
}

static uint64_t odd_table(const struct mm_pt *pt, mm_paddr_t pa, unsigned level)
{
	(void)pt;
	(void)level;
	return ODD_TABLE | pa >> 5;
}

static mm_paddr_t odd_pa(const struct mm_pt *pt, uint64_t entry, unsigned level)
{
	(void)pt;
	(void)level;
	return (mm_paddr_t)((entry & 0x7ffff) << 5);
}

static mm_paddr_t odd_below(const struct mm_pt *pt, uint64_t entry)
{
	return odd_pa(pt, entry, 1);
}

static unsigned odd_transition(const struct mm_pt *pt, uint64_t old, uint64_t now, unsigned level)
{
	(void)pt;
	(void)level;
	if ((old & ODD_KIND) == ODD_EMPTY)
		return MM_PT_AFTER_SYNC;
	if ((now & ODD_KIND) != ODD_EMPTY && (old ^ now) & (ODD_KIND | 0x7ffff)) /* another frame, a table */
		return MM_PT_AFTER_FLUSH | MM_PT_AFTER_BBM;
	return MM_PT_AFTER_FLUSH;
}

static const struct mm_pt_port odd_port = {
	.name = "odd",
	.nlevels = 3,
	.entry_lg2 = 2,
	.va_bits = 21,
	.pa_bits = 24,
	.extension = MM_PT_VA_ZERO,
	.addr_mask = 0x7ffff,
	.hw_volatile = ODD_A | ODD_D,
	.hw_final = ODD_A | ODD_D,
	.level = { { 9, 5, true }, { 14, 3, true }, { 17, 4, false } },
	.empty = odd_empty,
	.classify = odd_classify,
	.check = odd_check,
	.leaf = odd_leaf,
	.frame = odd_frame,
	.attr = odd_attr,
	.table = odd_table,
	.below = odd_below,
	.pa = odd_pa,
	.transition = odd_transition,
};
#endif
