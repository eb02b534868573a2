/* SPDX-License-Identifier: MIT */
/* Page-table formats: RISC-V Sv39, Sv48 and Sv57.
 *
 * Theory of operation
 * Problem      say what the RISC-V Privileged Architecture (chapter "Supervisor-Level ISA", Sv39,
 *              Sv48, Sv57 and the Svpbmt and Svnapot extensions) says, as pure functions.
 * Structure    bit   0 V   1 R   2 W   3 X   4 U   5 G   6 A   7 D   9:8 free for software
 *                   53:10 physical page number   62:61 memory type (Svpbmt)   63 N (Svnapot)
 *              An entry with R, W and X clear points to a table. Sv48 is Sv39 with a level more, Sv57 with
 *              two.
 * Invariants   V1 leaf() and attr() are inverse to each other for all that check() lets pass.
 *              V2 a table entry has A, D, U and the bits above 53 clear: they are reserved there.
 *              V3 A and D are preset unless they are tracked: without Svadu a clear A, or D on a
 *                 store, is a page fault.
 *              V4 a leaf above level 0 has the page number's low bits clear: else it faults. */
#ifndef MM_SRC_PORTS_RISCV64_H
#define MM_SRC_PORTS_RISCV64_H
#include <mmlib/pt_port.h>
#include <mmlib/pt_riscv64.h>
#include "bits.h"
#include "hook.h"

#define RV64_FN static inline __attribute__((__always_inline__))

#define RV64_V    (UINT64_C(1) << 0)
#define RV64_R    (UINT64_C(1) << 1)
#define RV64_W    (UINT64_C(1) << 2)
#define RV64_X    (UINT64_C(1) << 3)
#define RV64_U    (UINT64_C(1) << 4)
#define RV64_G    (UINT64_C(1) << 5)
#define RV64_A    (UINT64_C(1) << 6)
#define RV64_D    (UINT64_C(1) << 7)
#define RV64_RWX  (RV64_R | RV64_W | RV64_X)
#define RV64_ADDR UINT64_C(0x003ffffffffffc00)
#define RV64_HIGH UINT64_C(0xffc0000000000000) /* N, memory type, reserved */
#define RV64_TYPE 61u                          /* of two bits */
#define RV64_N    (UINT64_C(1) << 63)          /* Svnapot... */
#define RV64_NLOW (UINT64_C(15) << 10)         /* ...and page-number bits that say how long... */
#define RV64_N64K (UINT64_C(8) << 10)          /* ...64 KiB */
/* Nine bits of the page number, alone in their half-word: all but V of what is not valid is software's. */
#define RV64_WITNESS 16u
#define RV64_IGNORED (UINT64_C(511) << RV64_WITNESS)
/* What tells a table: valid, and none of these others. */
#define RV64_TABLE_MASK (RV64_V | RV64_RWX | RV64_HIGH | RV64_A | RV64_D | RV64_U)

/* Memory types: a digit for each of WB WT WC UC DEVICE, and back. 0 is what the physical memory
 * attributes say, 1 not cached and weakly ordered (NC), 2 input and output (IO). */
#define RV64_FROM_TYPE UINT64_C(0x20100)
#define RV64_TO_TYPE   UINT64_C(0x420)

RV64_FN uint64_t rv64_empty(const struct mm_pt *pt, unsigned level)
{
	(void)pt;
	(void)level;
	return 0;
}

RV64_FN bool rv64_has_types(const struct mm_pt *pt)
{
	return pt->cfg.features & MM_PT_RISCV64_SVPBMT;
}

/* Bits that a leaf at this level must have clear. */
RV64_FN uint64_t rv64_leaf_zero(const struct mm_pt *pt, unsigned level)
{
	uint64_t low = mm_shl64(1, 10 + 9 * level) - (UINT64_C(1) << 10); /* V4 */
	uint64_t types = rv64_has_types(pt) ? UINT64_C(3) << RV64_TYPE : 0;

	return low | (RV64_HIGH & ~types) | pt->reserved;
}

RV64_FN uint64_t rv64_run(const struct mm_pt *pt, uint64_t leaf, unsigned level)
{
	(void)pt;
	(void)level;
	return (leaf & ~RV64_NLOW) | RV64_N | RV64_N64K;
}

/* A valid entry with rights. Write without read, and memory type 3, are reserved. */
RV64_FN enum mm_pt_kind rv64_classify_leaf(const struct mm_pt *pt, uint64_t entry, unsigned level)
{
	bool bad = (entry & (RV64_R | RV64_W)) == RV64_W || entry >> RV64_TYPE == 3;

	return bad || entry & rv64_leaf_zero(pt, level) || !(pt->cfg.leaf_levels >> level & 1) ?
		       MM_PT_BAD :
		       MM_PT_LEAF;
}

/* An entry with N: a member of a run of 64 KiB, or bits that nobody set. */
RV64_FN enum mm_pt_kind rv64_classify_run(const struct mm_pt *pt, uint64_t entry, unsigned level)
{
	uint64_t fixed = RV64_N | RV64_NLOW | RV64_V | (RV64_HIGH & ~(UINT64_C(3) << RV64_TYPE)) |
			 pt->reserved;
	uint64_t type = entry >> RV64_TYPE & 3, rights = entry & RV64_RWX;

	return level > 0 || !(pt->runs & 1) || (entry & fixed) != (RV64_N | RV64_N64K | RV64_V) ||
			       !rights || (rights & ~RV64_X) == RV64_W || type == 3 ||
			       (type && !rv64_has_types(pt))
		       ? MM_PT_BAD
		       : MM_PT_RUN;
}

RV64_FN enum mm_pt_kind rv64_classify(const struct mm_pt *pt, uint64_t entry, unsigned level)
{
	if (level > 0 && (entry & (RV64_TABLE_MASK | pt->reserved)) == RV64_V)
		return MM_PT_TABLE; /* V2; most frequent first */
	if (level == 0 && (entry & (RV64_V | RV64_R | RV64_HIGH | pt->reserved)) == (RV64_V | RV64_R))
		return MM_PT_LEAF; /* readable memory of the type that its addresses have */
	if (!(entry & ~RV64_IGNORED))
		return MM_PT_EMPTY;
	if (entry & RV64_N)
		return rv64_classify_run(pt, entry, level);
	return entry & RV64_V && entry & RV64_RWX ? rv64_classify_leaf(pt, entry, level) : MM_PT_BAD;
}

RV64_FN enum mm_status rv64_check(const struct mm_pt *pt, uint32_t attr)
{
	if ((attr & (MM_PT_READ | MM_PT_WRITE)) == MM_PT_WRITE)
		return MM_E_NOTSUP;
	if (!(attr & MM_PT_TYPE))
		return MM_OK;
	/* without Svpbmt the type cannot be chosen; with it there is no write-through, and UC and WC
	 * are the same */
	return rv64_has_types(pt) && ((attr & MM_PT_TYPE) == MM_PT_WC ||
				      (attr & MM_PT_TYPE) == MM_PT_DEVICE) ?
		       MM_OK :
		       MM_E_NOTSUP;
}

RV64_FN uint64_t rv64_frame(const struct mm_pt *pt, mm_paddr_t pa, unsigned level)
{
	(void)pt;
	(void)level;
	return (uint64_t)pa >> 2;
}

RV64_FN uint64_t rv64_leaf(const struct mm_pt *pt, mm_paddr_t pa, unsigned level, uint32_t attr)
{
	uint64_t type = mm_shr64(RV64_FROM_TYPE, ((attr & MM_PT_TYPE) >> 8) * 4) & 3;
	uint64_t entry = RV64_V | type << RV64_TYPE | pt->cfg.set_bits;

	if (!(attr & MM_PT_TRACK))
		attr |= MM_PT_ACCESSED | MM_PT_DIRTY; /* V3 */
	entry |= attr & MM_PT_READ ? RV64_R : 0;
	entry |= attr & MM_PT_WRITE ? RV64_W : 0;
	entry |= attr & MM_PT_EXEC ? RV64_X : 0;
	entry |= attr & MM_PT_USER ? RV64_U : 0;
	entry |= attr & MM_PT_GLOBAL ? RV64_G : 0;
	entry |= attr & MM_PT_ACCESSED ? RV64_A : 0;
	entry |= attr & MM_PT_DIRTY ? RV64_D : 0;
	return entry | rv64_frame(pt, pa, level);
}

RV64_FN uint32_t rv64_attr(const struct mm_pt *pt, uint64_t entry, unsigned level)
{
	uint32_t attr = (uint32_t)(mm_shr64(RV64_TO_TYPE, (entry >> RV64_TYPE & 3) * 4) & 7) << 8;

	(void)pt;
	(void)level;
	attr |= entry & RV64_R ? MM_PT_READ : 0u;
	attr |= entry & RV64_W ? MM_PT_WRITE : 0u;
	attr |= entry & RV64_X ? MM_PT_EXEC : 0u;
	attr |= entry & RV64_U ? MM_PT_USER : 0u;
	attr |= entry & RV64_G ? MM_PT_GLOBAL : 0u;
	attr |= entry & RV64_A ? MM_PT_ACCESSED : 0u;
	attr |= entry & RV64_D ? MM_PT_DIRTY : 0u;
	return attr;
}

RV64_FN uint64_t rv64_table(const struct mm_pt *pt, mm_paddr_t pa, unsigned level)
{
	return RV64_V | pt->cfg.set_bits | rv64_frame(pt, pa, level); /* V2 */
}

RV64_FN mm_paddr_t rv64_below(const struct mm_pt *pt, uint64_t entry)
{
	return (mm_paddr_t)((entry & pt->address) << 2);
}

RV64_FN mm_paddr_t rv64_pa(const struct mm_pt *pt, uint64_t entry, unsigned level)
{
	(void)level;
	return rv64_below(pt, entry);
}

/* From leaf to leaf of the same size. A gain of rights costs a hart that has not seen it one fault,
 * or nothing if it orders its stores. */
RV64_FN unsigned rv64_between_leaves(uint64_t old, uint64_t now)
{
	uint64_t any = RV64_ADDR | RV64_HIGH | RV64_U | RV64_G;
	uint64_t lost = old & ~now & (RV64_RWX | RV64_D);

	if (MM_PLANTED(MM_PLANT_RV64_GLOBAL))
		any &= ~RV64_G;
	if (((old ^ now) & any) || lost)
		return MM_PT_AFTER_FLUSH;
	return old == now ? MM_PT_AFTER_NONE : MM_PT_AFTER_SYNC;
}

/* An entry that is not valid may be cached too, and SFENCE.VMA with an address orders leaves only:
 * a new table, and a removed one, want the form for all addresses. Splitting in place is allowed:
 * until the fence either translation is used (chapter "Sv39", note on SFENCE.VMA). */
RV64_FN unsigned rv64_transition(const struct mm_pt *pt, uint64_t old, uint64_t now, unsigned level)
{
	(void)pt;
	if (!(old & RV64_V))
		return now & RV64_V && !MM_PLANTED(MM_PLANT_RV64_SYNC) ? MM_PT_AFTER_SYNC :
									 MM_PT_AFTER_NONE;
	bool was_table = level && !(old & RV64_RWX), is_table = level && !(now & RV64_RWX);
	if (is_table && (now & RV64_V) && MM_PLANTED(MM_PLANT_RV64_TABLES))
		return MM_PT_AFTER_FLUSH;
	if (was_table || (is_table && (now & RV64_V)))
		return MM_PT_AFTER_FLUSH | MM_PT_AFTER_TABLES;
	if (!(now & RV64_V))
		return MM_PT_AFTER_FLUSH;
	return rv64_between_leaves(old, now);
}

/* What both formats share. */
#define RV64_FORMAT                                                                                \
	.entry_lg2 = 3, .pa_bits = 56, .extension = MM_PT_VA_SIGN, .hw_volatile = RV64_A | RV64_D, \
	.hw_final = RV64_A | RV64_D, .table_mask = RV64_TABLE_MASK, .table_bits = RV64_V,          \
	.leaf_mask = RV64_V | RV64_R | RV64_HIGH, .leaf_bits = RV64_V | RV64_R, .address_plain = 3, \
	.empty_ignore = RV64_IGNORED, .witness = RV64_WITNESS,                                     \
	.addr_mask = RV64_ADDR, .empty = rv64_empty, .classify = rv64_classify,                    \
	.check = rv64_check, .leaf = rv64_leaf, .frame = rv64_frame, .attr = rv64_attr,            \
	.table = rv64_table, .below = rv64_below, .pa = rv64_pa, .transition = rv64_transition,    \
	.run_lg2 = { 4 }, .run_feature = MM_PT_RISCV64_SVNAPOT, .run = rv64_run

static const struct mm_pt_port mm_port_sv39 = {
	.name = "Sv39",
	.nlevels = 3,
	.va_bits = 39,
	.level = { { 12, 9, true }, { 21, 9, true }, { 30, 9, true } },
	RV64_FORMAT,
};

static const struct mm_pt_port mm_port_sv48 = {
	.name = "Sv48",
	.nlevels = 4,
	.va_bits = 48,
	.level = { { 12, 9, true }, { 21, 9, true }, { 30, 9, true }, { 39, 9, true } },
	RV64_FORMAT,
};

static const struct mm_pt_port mm_port_sv57 __attribute__((__unused__)) = {
	.name = "Sv57",
	.nlevels = 5,
	.va_bits = 57,
	.level = { { 12, 9, true }, { 21, 9, true }, { 30, 9, true }, { 39, 9, true }, { 48, 9, true } },
	RV64_FORMAT,
};
#endif
