/* SPDX-License-Identifier: MIT */
/* Page-table format: AArch64 VMSAv8-64, stage 1 of EL1&0, 4 KiB granule, 48 bits.
 *
 * Theory of operation
 * Problem      say what the Arm Architecture Reference Manual (chapter D8, "The AArch64 Virtual
 *              Memory System Architecture") says, as pure functions.
 * Structure    bit   1:0 = x0 invalid, 11 table, or page at level 0, 01 block
 *                    4:2 index into MAIR   6 AP[1] EL0   7 AP[2] read-only   9:8 shareability
 *                    10 AF   11 nG   47:12 address   51 DBM   52 Contiguous (D8.7)   53 PXN   54 UXN   58:55 software
 *              Levels count from the leaf table here: level 0 is what the manual calls level 3.
 *              One format for each half of the address space, each a tree of its own (TTBR0, TTBR1).
 * Where        DDI 0487, chapter D8, numbers as in issue J.a: D8.2 "Translation process"; D8.3 "Translation table
 *              descriptor formats"; D8.4 "Memory access control" (A3); D8.5 "Hardware updates to the translation
 *              tables" (A2); D8.6 "Memory region attributes"; "Translation Lookaside Buffers" (A4); "Using
 *              break-before-make when updating translation table entries" (A5)
 * Invariants   A1 leaf() and attr() are inverse to each other for all that check() lets pass.
 *              A2 writable <=> DBM; dirty <=> DBM and AP[2] clear, or the software bit 55 in a page that
 *                 is not writable. With hardware that keeps dirty (FEAT_HAFDBS) this is its own format,
 *                 without it DBM is ignored and a clean page faults on a write.
 *              A3 a page that EL0 may use is never executable at EL1, nor one of EL1 at EL0.
 *              A4 an entry that is not valid is in no TLB, nor one with AF clear: becoming valid needs
 *                 ordered stores and nothing else.
 *              A5 from valid to valid, other address, type, size or nG: break before make. Rights alone:
 *                 a flush. */
#ifndef MM_SRC_PORTS_AARCH64_H
#define MM_SRC_PORTS_AARCH64_H
#include <mmlib/pt_aarch64.h>
#include <mmlib/pt_port.h>
#include "bits.h"
#include "hook.h"

#define A64_FN static inline __attribute__((__always_inline__))

#define A64_VALID  (UINT64_C(1) << 0)
#define A64_TABLE  (UINT64_C(1) << 1) /* a table, or a page at level 0 */
#define A64_TYPE   2u                 /* of three bits */
#define A64_EL0    (UINT64_C(1) << 6)
#define A64_RO     (UINT64_C(1) << 7)
#define A64_SH     (UINT64_C(3) << 8) /* inner shareable */
#define A64_AF     (UINT64_C(1) << 10)
#define A64_NG     (UINT64_C(1) << 11)
#define A64_DBM    (UINT64_C(1) << 51)
#define A64_CONTIG (UINT64_C(1) << 52)
#define A64_PXN    (UINT64_C(1) << 53)
#define A64_UXN    (UINT64_C(1) << 54)
#define A64_SOFT_D (UINT64_C(1) << 55)
#define A64_ADDR   UINT64_C(0x0000fffffffff000)
#define A64_RES0   UINT64_C(0x0007000000000000) /* bits 50:48 */
#define A64_WITNESS 16u                        /* of nine bits: all but bit 0 of what is not valid is... */
#define A64_IGNORED (UINT64_C(511) << A64_WITNESS) /* ...software's, and these are alone in their half-word */
#define A64_RIGHTS (A64_EL0 | A64_RO | A64_DBM | A64_PXN | A64_UXN)

#define A64_IS_TABLE (A64_VALID | A64_TABLE)

/* Address bits of a leaf at a level. */
A64_FN uint64_t a64_leaf_addr(unsigned level)
{
	return A64_ADDR & ~(mm_shl64(1, 12 + 9 * level) - 1);
}

A64_FN uint64_t a64_empty(const struct mm_pt *pt, unsigned level)
{
	(void)pt;
	(void)level;
	return 0;
}

A64_FN bool a64_is_table(uint64_t entry, unsigned level)
{
	return level && (entry & A64_IS_TABLE) == A64_IS_TABLE;
}

/* An entry with the Contiguous bit: a member of a run, or bits that nobody set. */
A64_FN enum mm_pt_kind a64_classify_run(const struct mm_pt *pt, uint64_t entry, unsigned level)
{
	uint64_t type = level ? A64_VALID : A64_IS_TABLE;

	return !(pt->runs >> level & 1) || (entry & A64_IS_TABLE) != type ||
			       (entry &
				(pt->reserved | A64_RES0 | (A64_ADDR & ~a64_leaf_addr(level))))
		       ? MM_PT_BAD
		       : MM_PT_RUN;
}

A64_FN uint64_t a64_run(const struct mm_pt *pt, uint64_t leaf, unsigned level)
{
	(void)pt;
	(void)level;
	return leaf | A64_CONTIG;
}

A64_FN enum mm_pt_kind a64_classify(const struct mm_pt *pt, uint64_t entry, unsigned level)
{
	/* a table, or a page: most frequent first */
	if ((entry & (A64_IS_TABLE | A64_RES0 | A64_CONTIG | pt->reserved)) == A64_IS_TABLE)
		return level ? MM_PT_TABLE : MM_PT_LEAF;
	if (!(entry & ~A64_IGNORED))
		return MM_PT_EMPTY;
	if (entry & A64_CONTIG)
		return a64_classify_run(pt, entry, level);
	if (level == 0 || (entry & A64_IS_TABLE) != A64_VALID || entry & (pt->reserved | A64_RES0))
		return MM_PT_BAD;
	return !(pt->cfg.leaf_levels >> level & 1) || (entry & A64_ADDR & ~a64_leaf_addr(level)) ?
		       MM_PT_BAD :
		       MM_PT_LEAF;
}

A64_FN enum mm_status a64_check(const struct mm_pt *pt, uint32_t attr)
{
	(void)pt;
	return attr & MM_PT_READ ? MM_OK : MM_E_NOTSUP;
}

A64_FN uint64_t a64_frame(const struct mm_pt *pt, mm_paddr_t pa, unsigned level)
{
	(void)pt;
	(void)level;
	return pa;
}

/* Who may execute: A3. */
A64_FN uint64_t a64_no_exec(uint32_t attr)
{
	if (!(attr & MM_PT_EXEC))
		return A64_PXN | A64_UXN;
	return attr & MM_PT_USER ? A64_PXN : A64_UXN;
}

/* What says writable and dirty: A2. */
A64_FN uint64_t a64_write(uint32_t attr)
{
	if (attr & MM_PT_WRITE)
		return attr & MM_PT_DIRTY ? A64_DBM : A64_DBM | A64_RO;
	return attr & MM_PT_DIRTY ? A64_RO | A64_SOFT_D : A64_RO;
}

A64_FN uint64_t a64_leaf(const struct mm_pt *pt, mm_paddr_t pa, unsigned level, uint32_t attr)
{
	uint64_t entry = A64_VALID | A64_SH | pt->cfg.set_bits;

	if (!(attr & MM_PT_TRACK))
		attr |= MM_PT_ACCESSED | MM_PT_DIRTY;
	entry |= level ? 0 : A64_TABLE;
	entry |= (uint64_t)((attr & MM_PT_TYPE) >> 8) << A64_TYPE;
	entry |= attr & MM_PT_USER ? A64_EL0 : 0;
	entry |= attr & MM_PT_GLOBAL ? 0 : A64_NG;
	entry |= attr & MM_PT_ACCESSED ? A64_AF : 0;
	return entry | a64_write(attr) | a64_no_exec(attr) | pa;
}

A64_FN uint32_t a64_attr(const struct mm_pt *pt, uint64_t entry, unsigned level)
{
	uint32_t attr = MM_PT_READ | (uint32_t)(entry >> A64_TYPE & 7) << 8;
	bool write = entry & A64_DBM || !(entry & A64_RO);

	(void)pt;
	(void)level;
	attr |= write ? MM_PT_WRITE : 0u;
	attr |= entry & A64_EL0 ? MM_PT_USER : 0u;
	attr |= entry & A64_NG ? 0u : MM_PT_GLOBAL;
	attr |= entry & (entry & A64_EL0 ? A64_UXN : A64_PXN) ? 0u : MM_PT_EXEC;
	attr |= entry & A64_AF ? MM_PT_ACCESSED : 0u;
	attr |= !(entry & A64_RO) || (!write && (entry & A64_SOFT_D)) ? MM_PT_DIRTY : 0u;
	return attr;
}

/* No rights are taken away here, so the leaf's own hold. */
A64_FN uint64_t a64_table(const struct mm_pt *pt, mm_paddr_t pa, unsigned level)
{
	(void)level;
	return A64_VALID | A64_TABLE | pt->cfg.set_bits | pa;
}

A64_FN mm_paddr_t a64_below(const struct mm_pt *pt, uint64_t entry)
{
	return (mm_paddr_t)(entry & pt->address);
}

A64_FN mm_paddr_t a64_pa(const struct mm_pt *pt, uint64_t entry, unsigned level)
{
	if (level && !a64_is_table(entry, level))
		entry &= a64_leaf_addr(level);
	return (mm_paddr_t)(entry & pt->address);
}

/* From leaf to leaf of the same size. Hardware that keeps dirty clears AP[2] by itself; when the walker
 * does the same, an old entry costs a CPU one fault at most. AF that becomes set is no change for a TLB
 * (A4). */
A64_FN unsigned a64_between_leaves(uint64_t old, uint64_t now)
{
	uint64_t kept = A64_RIGHTS | A64_AF | A64_SOFT_D;

	if (MM_PLANTED(MM_PLANT_A64_NG))
		kept |= A64_NG;
	if ((old ^ now) & ~kept)
		return MM_PT_AFTER_FLUSH | MM_PT_AFTER_BBM; /* A5 */
	if ((old ^ now) & A64_RIGHTS || old & ~now & A64_AF)
		return MM_PT_AFTER_FLUSH;
	return (old ^ now) & A64_AF ? MM_PT_AFTER_SYNC : MM_PT_AFTER_NONE;
}

A64_FN unsigned a64_transition(const struct mm_pt *pt, uint64_t old, uint64_t now, unsigned level)
{
	(void)pt;
	if (!(old & A64_VALID))
		return now & A64_VALID ? MM_PT_AFTER_SYNC : MM_PT_AFTER_NONE; /* A4 */
	bool was_table = a64_is_table(old, level), is_table = a64_is_table(now, level);
	unsigned tables = was_table || is_table ? MM_PT_AFTER_TABLES : MM_PT_AFTER_NONE;
	if (!(now & A64_VALID))
		return MM_PT_AFTER_FLUSH | tables;
	if (tables && MM_PLANTED(MM_PLANT_A64_SPLIT))
		return MM_PT_AFTER_FLUSH | tables;
	if (tables)
		return old == now ? MM_PT_AFTER_NONE : MM_PT_AFTER_FLUSH | tables | MM_PT_AFTER_BBM;
	return a64_between_leaves(old, now);
}

/* What both halves of the address space share. */
#define A64_FORMAT                                                                                 \
	.nlevels = 4, .entry_lg2 = 3, .va_bits = 48, .pa_bits = 48,                                \
	.hw_volatile = A64_AF | A64_RO, .hw_final = A64_AF, .table_mask = A64_IS_TABLE | A64_RES0, \
	.table_bits = A64_IS_TABLE, .addr_mask = A64_ADDR, .address_plain = 1,                     \
	.leaf_mask = A64_IS_TABLE | A64_RES0 | A64_CONTIG, .leaf_bits = A64_IS_TABLE,              \
	.empty_ignore = A64_IGNORED, .witness = A64_WITNESS,                                       \
	.level = { { 12, 9, true }, { 21, 9, true }, { 30, 9, true }, { 39, 9, false } },          \
	.run_lg2 = { 4, 4, 4 }, .run_feature = MM_PT_AARCH64_CONTIG, .run = a64_run,               \
	.empty = a64_empty, .classify = a64_classify, .check = a64_check, .leaf = a64_leaf,        \
	.frame = a64_frame, .attr = a64_attr, .table = a64_table, .below = a64_below,              \
	.pa = a64_pa, .transition = a64_transition

static const struct mm_pt_port mm_port_aarch64 = {
	.name = "AArch64 4K low",
	.extension = MM_PT_VA_ZERO,
	A64_FORMAT,
};

static const struct mm_pt_port mm_port_aarch64_high = {
	.name = "AArch64 4K high",
	.extension = MM_PT_VA_ONES,
	A64_FORMAT,
};
#endif
