/* SPDX-License-Identifier: MIT */
/* Page-table formats: AArch64 with granules of 16 and 64 KiB and with 52 bits, and stage 2. Entries, the manual and
 * the invariants: aarch64.h, which has the granule of 4 KiB with 48 bits.
 * Stage 1 (D8.3): LPA2 (TCR.DS=1, 4 and 16 KiB): the address has bits 49:12 in place and 51:50 in 9:8;
 *   shareability is TCR's. LPA (64 KiB): 51:48 in 15:12.
 * Contiguous (52, D8.7.1), both stages: so many entries by granule and level, aligned, are one; A and D of any count
 *   for all.
 * Stage 2: S2AP 7:6 and XN 54 (D8.4), MemAttr 5:2 (D8.6, HCR_EL2.FWB=0); dirty is S2AP[1] set, where DBM is
 *   (D8.5). Root tables of up to 16 concatenated ones (D8.2) are one with more entries: 40 bits of intermediate
 *   address begin two at level 1. */
#ifndef MM_SRC_PORTS_AARCH64_MORE_H
#define MM_SRC_PORTS_AARCH64_MORE_H
#include <mmlib/pt_formats.h>
#include "ports/aarch64.h"
#include "ports/mask_any.h"

/* `field` is all bits of an address; then runs, in brackets, how many bits of it a table of level 0 takes, and
 * geometry. */
#define A64_RUNS(...) MASK_RUNS(MM_PT_AARCH64_CONTIG, __VA_ARGS__)
#define A64_ANY(id, data, what, ext, field, runs, bits, ...)                                             \
	static const struct mm_mask_port id##_port = {                                             \
		.port = { .name = "AArch64 " what, .extension = (ext), A64_FORMAT(field), MASK_CALLS, \
			  A64_RUNS runs, .empty_ignore = A64_WITNESS(bits), .witness = 16, __VA_ARGS__ },  \
		.mask = &data,                                                                     \
	};
#define A64_HALVES(id, what, field, ...)                                                           \
	A64_ANY(id, id##_mask, what " low", MM_PT_VA_ZERO, field, __VA_ARGS__, A64_LEAF(field))    \
	A64_ANY(id##_high, id##_mask, what " high", MM_PT_VA_ONES, field, __VA_ARGS__, A64_LEAF(field))
/* What is surely a leaf: write-back, and of stage 1 what nobody executes (A3), of stage 2 what may be written. */
#define A64_LEAF(field)                                                                            \
	.hw_final = A64_AF, .recursive_feature = MM_PT_AARCH64_RECURSIVE,                          \
	.leaf_mask = ~((field) | A64_EL0 | A64_RO | A64_DBM | A64_AF | A64_NG | A64_SOFT_D),       \
	.leaf_bits = A64_PXN | A64_UXN | ((3 | A64_SH) & ~(field))
#define A64S2_LEAF .leaf_mask = ~(A64_4K | A64_RO | A64_AF | A64_UXN), .leaf_bits = A64_DBM | A64_SH | A64_EL0 | 0x3f
#define A64_48 .va_bits = 48, .pa_bits = 48, .address_plain = 1
#define A64_52 .va_bits = 52, .pa_bits = 52

#define A64_16K UINT64_C(0x0000ffffffffc000)
static const struct mm_mask a64_16k_mask = { A64_STAGE_1(A64_SH), .addr = A64_16K };
A64_HALVES(a64_16k, "16K", A64_16K, (7, 5), 11, A64_48, .nlevels = 4,
	   .level = { { 14, 11, true }, { 25, 11, true }, { 36, 11, false }, { 47, 1, false } })

#define A64_64K UINT64_C(0x0000ffffffff0000)
static const struct mm_mask a64_64k_mask = { A64_STAGE_1(A64_SH), .addr = A64_64K };
A64_HALVES(a64_64k, "64K", A64_64K, (5, 5), 13, A64_48, .nlevels = 3,
	   .level = { { 16, 13, true }, { 29, 13, true }, { 42, 6, false } })

static const struct mm_mask a64_64k_lpa_mask = { A64_STAGE_1(A64_SH), .addr = A64_64K, .high = 0xf000,
						 .high_shift = 36 };
A64_HALVES(a64_64k_lpa, "64K LPA", A64_64K | 0xf000, (5, 5), 13, A64_52, .nlevels = 3,
	   .level = { { 16, 13, true }, { 29, 13, true }, { 42, 10, true } })

#define A64_LPA2(below) (UINT64_C(0x0003ffffffffffff) & ~UINT64_C(below)) /* bits 49 to 12 or 14 */
static const struct mm_mask a64_4k_lpa2_mask = { A64_STAGE_1(0), .addr = A64_LPA2(0xfff), .high = 0x300,
						 .high_shift = 42 };
A64_HALVES(a64_4k_lpa2, "4K LPA2", A64_LPA2(0xcff), (4, 4, 4), 9, A64_52, .nlevels = 5,
	   .level = { { 12, 9, true }, { 21, 9, true }, { 30, 9, true }, { 39, 9, true }, { 48, 4, false } })

static const struct mm_mask a64_16k_lpa2_mask = { A64_STAGE_1(0), .addr = A64_LPA2(0x3fff), .high = 0x300,
						  .high_shift = 42 };
A64_HALVES(a64_16k_lpa2, "16K LPA2", A64_LPA2(0x3cff), (7, 5), 11, A64_52, .nlevels = 4,
	   .level = { { 14, 11, true }, { 25, 11, true }, { 36, 11, true }, { 47, 5, false } })

/* ---- stage 2 ---- */

static const struct mm_mask_rule a64s2_rules[MASK_RULES] = {
	MASK_IF(MM_PT_WRITE, A64_DBM),
	MASK_SETS(MASK_WD, MASK_WD, A64_RO),
	MASK_TELLS(MM_PT_DIRTY, A64_RO, A64_RO),
	MASK_SETS(MASK_WD, MM_PT_DIRTY, A64_SOFT_D),
	MASK_TELLS(MM_PT_DIRTY, A64_SOFT_D, A64_SOFT_D),
	MASK_IF(MM_PT_ACCESSED, A64_AF),
	MASK_UNLESS(MM_PT_EXEC, A64_UXN),
};
static const struct mm_mask a64s2_mask = {
	A64_ENTRY(A64_SH | A64_EL0), /* there S2AP[0], readable */
	.addr = A64_4K,
	.rules = { a64s2_rules },
	.never = MM_PT_USER | MM_PT_GLOBAL,
	.type = { { 0x3c, 0x28, 0x14, 0, 4 } }, /* MemAttr: 15 WB, 10 WT, 5 not cached, 0 nGnRnE, 1 nGnRE */
	.type_mask = { 0x3c },
};
#define A64S2_PORT(id, what, levels, bits, ...)                                                    \
	A64_ANY(id, a64s2_mask, "stage 2, " what, MM_PT_VA_ZERO, A64_4K, (4, 4, 4), 9, .nlevels = (levels), \
		.va_bits = (bits), .pa_bits = 48, .address_plain = 1, .hw_final = A64_AF | A64_RO, A64S2_LEAF, \
		.level = { { 12, 9, true }, { 21, 9, true }, __VA_ARGS__ })
A64S2_PORT(a64s2, "40 bits", 3, 40, { 30, 10, true })
A64S2_PORT(a64s2_48, "48 bits", 4, 48, { 30, 9, true }, { 39, 9, false })
#endif
