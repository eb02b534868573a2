/* SPDX-License-Identifier: MIT */
/* Page-table formats: AArch64 VMSAv8-64, what all of them share, and stage 1 of EL1&0 with the granule of 4 KiB and 48
 * bits. The others are in aarch64_more.h.
 *
 * Theory of operation
 * Structure    bit   1:0 = x0 invalid, 11 table, or page at level 0, 01 block
 *                    4:2 index into MAIR   6 AP[1] EL0   7 AP[2] read-only   9:8 shareability
 *                    10 AF   11 nG   47:12 address   51 DBM   52 Contiguous (D8.7.1)   53 PXN   54 UXN   58:55 software
 *              Levels count from the leaf table here: level 0 is what the manual calls level 3.
 *              One format for each half of the address space, each a tree of its own (TTBR0, TTBR1).
 * Where        DDI 0487, chapter D8 "The AArch64 Virtual Memory System Architecture", numbers as in issue J.a: D8.2
 *              "Translation process"; D8.3 "Translation table descriptor formats"; D8.4 "Memory access control" (A3);
 *              D8.5 "Hardware updates to the translation tables" (A2); D8.6 "Memory region attributes"; D8.13
 *              "Translation Lookaside Buffers" (A4); D8.14.1 "Using break-before-make when updating translation table
 *              entries" (A5; D8.17.1 in issue M.b)
 * Invariants   A1 what a leaf is made of it tells: M1 of mask.h.
 *              A2 writable <=> DBM; dirty <=> DBM and AP[2] clear, or the software bit 55 in a page that
 *                 is not writable. With hardware that keeps dirty (FEAT_HAFDBS) this is its own format,
 *                 without it DBM is ignored and a clean page faults on a write.
 *              A3 a page that EL0 may use is never executable at EL1, nor one of EL1 at EL0.
 *              A4 an entry that is not valid is in no TLB, nor one with AF clear: becoming valid, and AF that
 *                 becomes set, need ordered stores and nothing else.
 *              A5 from valid to valid, other address, type, size or nG: break before make. So is what no leaf()
 *                 changes, as shareability: classify() does not look at it in pages. Rights alone: a flush.
 *                 Hardware that keeps dirty clears AP[2] by itself.
 *              A6 with MM_PT_AARCH64_RECURSIVE an entry that leads to a table is what leaf() makes of that, for the
 *                 kernel to read and write, and writes are kept nowhere: AF is set and AP[2] clear. In a table's
 *                 descriptor bits 11:2 and 58:51 are ignored, but for AF with FEAT_HAFT, which wants it set, too, and
 *                 9:8 with LPA2, which are of the address in either. The bits of a table that take rights away, 63:59,
 *                 stay clear: what a walk ends with tells all. */
#ifndef MM_SRC_PORTS_AARCH64_H
#define MM_SRC_PORTS_AARCH64_H
#include <mmlib/pt_aarch64.h>
#include "ports/mask.h"

/* What Arm's formats share, ARMv7's too. Writable: `soft`; dirty: read-only bit, which leaf[] has, clear; dirty of
 * what is not writable: `soft_d`. */
#define ARM_BIT(n) (UINT64_C(1) << (n))
#define ARM_DIRTY(ro, soft, soft_d)                                                                \
	MASK_IF(MM_PT_WRITE, soft), MASK_SETS(MASK_WD, MASK_WD, ro), MASK_TELLS(MM_PT_DIRTY, ro, 0), \
		MASK_SETS(MASK_WD, MM_PT_DIRTY, soft_d), MASK_TELLS(MM_PT_DIRTY, soft_d, soft_d)
#define ARM_UX (MM_PT_USER | MM_PT_EXEC)
#define ARM_ENTRY                                                                                 \
	.breaks = true, .must = MM_PT_READ, .after_make = MM_PT_AFTER_SYNC, .after_make_top = MM_PT_AFTER_SYNC

#define A64_EL0    ARM_BIT(6)
#define A64_RO     ARM_BIT(7)
#define A64_SH     UINT64_C(0x300) /* inner shareable */
#define A64_AF     ARM_BIT(10)
#define A64_NG     ARM_BIT(11)
#define A64_DBM    ARM_BIT(51)
#define A64_CONTIG ARM_BIT(52)
#define A64_PXN    ARM_BIT(53)
#define A64_UXN    ARM_BIT(54)
#define A64_SOFT_D ARM_BIT(55)
#define A64_OTHER  UINT64_C(0xff00000000000b20) /* 63:56, nG, shareability, NS: neither rights nor type nor address */
#define A64_RIGHTS (A64_EL0 | A64_RO | A64_DBM | A64_PXN | A64_UXN) /* of stage 2, too */
/* Of the bits from 12 to 50 those that have no address are 0, in all that is valid. */
#define A64_RES0(addr) (UINT64_C(0x0007fffffffff000) & ~(addr))

/* All formats: what an entry is, with what leaves have at first; what the walker asks for, with all bits of an
 * address. */
#define A64_ENTRY(leaf_has)                                                                        \
	ARM_ENTRY, .valid = 1, .table = { 0, 3, 3, 3, 3 },                                         \
		   .leaf = { 3 | (leaf_has), 1 | (leaf_has), 1 | (leaf_has), 1 | (leaf_has) },     \
		   .lost = { A64_RIGHTS | A64_AF }, .gone = { A64_RIGHTS }, .soft = A64_SOFT_D,    \
		   .exact = { A64_OTHER }, .after_gain = MM_PT_AFTER_SYNC, .run = A64_CONTIG
#define A64_FORMAT(addr)                                                                           \
	.entry_lg2 = 3, .hw_volatile = A64_AF | A64_RO, .addr_mask = (addr),                       \
	.table_mask = 3 | A64_RES0(addr), .table_bits = 3

/* Stage 1. Who may execute is told by AP[1]: A3. */
static const struct mm_mask_rule a64_rules[MASK_RULES] = {
	ARM_DIRTY(A64_RO, A64_DBM, A64_SOFT_D),
	MASK_IF(MM_PT_USER, A64_EL0),
	MASK_LACKS(MM_PT_GLOBAL, A64_NG),
	MASK_IF(MM_PT_ACCESSED, A64_AF),
	MASK_SETS(ARM_UX, ARM_UX, A64_UXN),
	MASK_TELLS(MM_PT_EXEC, A64_EL0 | A64_UXN, A64_EL0),
	{ ARM_UX, MM_PT_EXEC, A64_PXN, A64_EL0 | A64_PXN, 0 },
};
#define A64_STAGE_1(sh)                                                                            \
	A64_ENTRY((sh) | A64_RO | A64_NG | A64_PXN | A64_UXN), .rules = { a64_rules }, .type_left = 2, \
		.type_mask = { 0x1c }, .table_leaf = (sh) | A64_AF | A64_NG | A64_DBM | A64_PXN | A64_UXN /* A6 */

#define A64_4K      UINT64_C(0x0000fffffffff000)
#define A64_WITNESS(bits) (((UINT64_C(1) << (bits)) - 1) << 16) /* all but bit 0 of what is not valid is software's */
static const struct mm_mask a64_mask = { A64_STAGE_1(A64_SH), .addr = A64_4K };
MM_MASK_PORT(a64)

#define A64_4K_FORMAT                                                                              \
	.nlevels = 4, .va_bits = 48, .pa_bits = 48, .address_plain = 1, .hw_final = A64_AF,        \
	.level = { { 12, 9, true }, { 21, 9, true }, { 30, 9, true }, { 39, 9, false } },          \
	.empty_ignore = A64_WITNESS(9), .witness = 16, A64_FORMAT(A64_4K),                            \
	.leaf_mask = 3 | A64_RES0(A64_4K) | A64_CONTIG, .leaf_bits = 3, MM_MASK_CALLS(a64),        \
	.recursive_feature = MM_PT_AARCH64_RECURSIVE,                                              \
	MM_MASK_RUNS(a64, MM_PT_AARCH64_CONTIG, 4, 4, 4)
static const struct mm_pt_port a64_port = {
	.name = "AArch64 4K low", .extension = MM_PT_VA_ZERO, A64_4K_FORMAT
};
static const struct mm_pt_port a64_high_port = {
	.name = "AArch64 4K high", .extension = MM_PT_VA_ONES, A64_4K_FORMAT
};
#endif
