/* SPDX-License-Identifier: MIT */
/* Page-table formats: AArch64 with granules of 16 and 64 KiB and with 52 bits, AArch64 stage 2, and ARMv7-A, short
 * descriptors and LPAE.
 * Arm Architecture Reference Manual (A-profile), chapter D8: D8.2 "Translation process" (geometry), D8.3
 * "Translation table descriptor formats", D8.4 access control, D8.5 hardware updates of AF and dirty state, D8.6
 * memory attributes, D8.16 break-before-make; for ARMv7-A: chapter B3, B3.5 short and B3.6 long descriptors,
 * B3.7 access control, B3.8 attributes, B3.10 TLB maintenance. Levels count from the leaf table.
 *
 * Stage 1: as ports/aarch64.h, which has the granule of 4 KiB with 48 bits. LPA2 (TCR.DS=1, 4 and 16 KiB): the
 * address has bits 49:12 in place and 51:50 in 9:8; shareability is TCR's. LPA (64 KiB): 51:48 in 15:12.
 * Contiguous (52, D8.7), both stages: so many entries, aligned, are one; A and D of any count for all.
 * Stage 2: S2AP 7:6, MemAttr 5:2 (HCR_EL2.FWB=0), XN 54; dirty is S2AP[1] set, where DBM is. Root tables of up to
 *   16 concatenated ones are one with more entries: 40 bits of intermediate address begin two at level 1.
 * ARMv7 short: SCTLR.AFE and TRE set, so that AP[0] is the access flag and TEX[0], C and B an index into
 *   PRRR and NMRR; TEX[2:1] are then software's: writable, and dirty of what is not. Domain 0, a client.
 *   Large pages (B3.5.1): 16 second-level entries, aligned, all alike: type 01, XN in 15, TEX in 14:12; 8:6 are 0.
 *   Supersections (B3.5.1): 16 sections, aligned, all alike: bit 18, and what would tell them apart, 23:20, is 0.
 * ARMv7 LPAE: stage 1 of PL1&0, 40 bits; software bits 55, 56 as TEX[2:1] above; no dirty bit in hardware.
 *   Contiguous (52, B3.6.1): 16 pages or blocks of 2 MiB. */
#ifndef MM_SRC_PORTS_ARM_MORE_H
#define MM_SRC_PORTS_ARM_MORE_H
#include <mmlib/pt_aarch64.h>
#include <mmlib/pt_formats.h>
#include "ports/mask_any.h"

#define ARM_BIT(n) (UINT64_C(1) << (n))

/* Writable: `soft`; dirty: read-only bit clear; dirty of what is not writable: `soft_d`. */
#define ARM_DIRTY(ro, soft, soft_d)                                                                \
	MASK_IF(MM_PT_WRITE, soft), MASK_SETS(MASK_WD, 0, ro),                                     \
		MASK_SETS(MASK_WD, MM_PT_WRITE, ro),                                               \
		MASK_SETS(MASK_WD, MM_PT_DIRTY, (ro) | (soft_d)), MASK_TELLS(MM_PT_DIRTY, ro, 0),  \
		MASK_TELLS(MM_PT_DIRTY, soft_d, soft_d)
#define ARM_BREAKS                                                                                 \
	.valid = 3, .breaks = true, .after_make = MM_PT_AFTER_SYNC, .after_make_top = MM_PT_AFTER_SYNC, \
	.after_gain = MM_PT_AFTER_FLUSH
#define ARM_TYPES(n)                                                                               \
	{                                                                                          \
		0 << (n), 1 << (n), 2 << (n), 3 << (n), 4 << (n)                                   \
	}
#define ARM_UX (MM_PT_USER | MM_PT_EXEC)

/* Stage 1 of EL1&0. PXN 53, UXN 54: who may execute is told by AP[1]. */
static const struct mm_mask_rule a64s1_rules[MASK_RULES] = {
	ARM_DIRTY(ARM_BIT(7), ARM_BIT(51), ARM_BIT(55)),
	MASK_IF(MM_PT_USER, ARM_BIT(6)),
	MASK_UNLESS(MM_PT_GLOBAL, ARM_BIT(11)),
	MASK_IF(MM_PT_ACCESSED, ARM_BIT(10)),
	MASK_SETS(MM_PT_EXEC, 0, ARM_BIT(53) | ARM_BIT(54)),
	{ ARM_UX, ARM_UX, ARM_BIT(53), ARM_BIT(6) | ARM_BIT(54), ARM_BIT(6) },
	MASK_SETS(ARM_UX, MM_PT_EXEC, ARM_BIT(54)),
	MASK_TELLS(MM_PT_EXEC, ARM_BIT(6) | ARM_BIT(53), 0),
};
#define A64S1_COMMON(zero, sh)                                                                     \
	ARM_BREAKS, .table = { 0, 3, 3, 3, 3 },                                                    \
		    .table_mask = { 0, 3 | (zero), 3 | (zero), 3 | (zero), 3 | (zero) },           \
		    .leaf = { 3 | (sh), 1 | (sh), 1 | (sh), 1 | (sh) },                            \
                                                                                                   \
		    .rules = { a64s1_rules }, .must = MM_PT_READ,                                  \
		    .type = { ARM_TYPES(2) }, .type_mask = { 0x1c },                               \
		    .exact = { ARM_BIT(11) }, .run = ARM_BIT(52)
#define A64S1_PORT(id, what, ext, levels, bits, pa, ...)                                           \
	{                                                                                          \
		.port = { .name = what,                                                            \
			  .nlevels = levels,                                                       \
			  .entry_lg2 = 3,                                                          \
			  .va_bits = bits,                                                         \
			  .pa_bits = pa,                                                           \
			  .extension = ext,                                                        \
			  .hw_volatile = ARM_BIT(10) | ARM_BIT(7),                                 \
			  .hw_final = ARM_BIT(10),                                                 \
			  .addr_mask = id##_FIELD,                                                 \
			  .level = { __VA_ARGS__ },                                                \
			  MASK_RUNS(MM_PT_AARCH64_CONTIG, id##_RUNS),                              \
			  MASK_CALLS },                                                            \
		.mask = &id##_mask                                                                 \
	}
#define A64S1_PORTS(id, what, levels, bits, pa, ...)                                               \
	static const struct mm_mask_port id##_port =                                               \
		A64S1_PORT(id, what " low", MM_PT_VA_ZERO, levels, bits, pa, __VA_ARGS__);         \
	static const struct mm_mask_port id##_high_port =                                          \
		A64S1_PORT(id, what " high", MM_PT_VA_ONES, levels, bits, pa, __VA_ARGS__);

#define a64_16k_FIELD UINT64_C(0x0000ffffffffc000)
#define a64_16k_RUNS  7, 5 /* D8.7: entries of a run, by granule and level */
#define A64_16K_ZERO  (UINT64_C(0x0007000000003000))
static const struct mm_mask a64_16k_mask = {
	A64S1_COMMON(A64_16K_ZERO, 0x300),
	.addr = a64_16k_FIELD,
};
A64S1_PORTS(a64_16k, "AArch64 16K", 4, 48, 48, { 14, 11, true }, { 25, 11, true },
	    { 36, 11, false }, { 47, 1, false })

#define a64_64k_FIELD UINT64_C(0x0000ffffffff0000)
#define a64_64k_RUNS  5, 5
#define A64_64K_ZERO  (UINT64_C(0x000700000000f000))
static const struct mm_mask a64_64k_mask = {
	A64S1_COMMON(A64_64K_ZERO, 0x300),
	.addr = a64_64k_FIELD,
};
A64S1_PORTS(a64_64k, "AArch64 64K", 3, 48, 48, { 16, 13, true }, { 29, 13, true }, { 42, 6, false })

#define a64_64k_lpa_FIELD UINT64_C(0x0000fffffffff000)
#define a64_64k_lpa_RUNS  5, 5
#define A64_LPA_ZERO      UINT64_C(0x0007000000000000)
static const struct mm_mask a64_64k_lpa_mask = {
	A64S1_COMMON(A64_LPA_ZERO, 0x300),
	.addr = UINT64_C(0x0000ffffffff0000),
	.high = 0xf000,
	.high_shift = 36,
};
A64S1_PORTS(a64_64k_lpa, "AArch64 64K LPA", 3, 52, 52, { 16, 13, true }, { 29, 13, true },
	    { 42, 10, true })

#define a64_4k_lpa2_FIELD UINT64_C(0x0003fffffffff300)
#define a64_4k_lpa2_RUNS  4, 4, 4
#define A64_LPA2_ZERO     ARM_BIT(50)
static const struct mm_mask a64_4k_lpa2_mask = {
	A64S1_COMMON(A64_LPA2_ZERO, 0),
	.addr = UINT64_C(0x0003fffffffff000),
	.high = 0x300,
	.high_shift = 42,
};
A64S1_PORTS(a64_4k_lpa2, "AArch64 4K LPA2", 5, 52, 52, { 12, 9, true }, { 21, 9, true },
	    { 30, 9, true }, { 39, 9, true }, { 48, 4, false })

#define a64_16k_lpa2_FIELD UINT64_C(0x0003ffffffffc300)
#define a64_16k_lpa2_RUNS  7, 5
#define A64_16K_LPA2_ZERO  (ARM_BIT(50) | 0x3000)
static const struct mm_mask a64_16k_lpa2_mask = {
	A64S1_COMMON(A64_16K_LPA2_ZERO, 0),
	.addr = UINT64_C(0x0003ffffffffc000),
	.high = 0x300,
	.high_shift = 42,
};
A64S1_PORTS(a64_16k_lpa2, "AArch64 16K LPA2", 4, 52, 52, { 14, 11, true }, { 25, 11, true },
	    { 36, 11, true }, { 47, 5, false })

/* ---- stage 2 ---- */

#define a64s2_FIELD UINT64_C(0x0000fffffffff000)
static const struct mm_mask_rule a64s2_rules[MASK_RULES] = {
	MASK_IF(MM_PT_WRITE, ARM_BIT(51)),
	MASK_SETS(MASK_WD, MASK_WD, ARM_BIT(7)),
	MASK_TELLS(MM_PT_DIRTY, ARM_BIT(7), ARM_BIT(7)),
	MASK_SETS(MASK_WD, MM_PT_DIRTY, ARM_BIT(55)),
	MASK_TELLS(MM_PT_DIRTY, ARM_BIT(55), ARM_BIT(55)),
	MASK_IF(MM_PT_ACCESSED, ARM_BIT(10)),
	MASK_UNLESS(MM_PT_EXEC, ARM_BIT(54)),
};
static const struct mm_mask a64s2_mask = {
	ARM_BREAKS,
	.table = { 0, 3, 3, 3 },
	.table_mask = { 0, 3 | A64_LPA_ZERO, 3 | A64_LPA_ZERO, 3 | A64_LPA_ZERO },
	.leaf = { 0x343, 0x341, 0x341 },
	.addr = a64s2_FIELD,
	.rules = { a64s2_rules },
	.must = MM_PT_READ,
	.never = MM_PT_USER |
		 MM_PT_GLOBAL, /* MemAttr: 15 WB, 10 WT, 5 not cached, 0 nGnRnE, 1 nGnRE */
	.type = { { 0x3c, 0x28, 0x14, 0, 4 } },
	.type_mask = { 0x3c },
	.run = ARM_BIT(52),
};
#define A64S2_PORT(what, levels, bits, ...)                                                        \
	{                                                                                          \
		.port = { .name = what,                                                            \
			  .nlevels = levels,                                                       \
			  .entry_lg2 = 3,                                                          \
			  .va_bits = bits,                                                         \
			  .pa_bits = 48,                                                           \
			  .extension = MM_PT_VA_ZERO,                                              \
			  .hw_volatile = ARM_BIT(10) | ARM_BIT(7),                                 \
			  .hw_final = ARM_BIT(10) | ARM_BIT(7),                                    \
			  .addr_mask = a64s2_FIELD,                                                \
			  .level = { { 12, 9, true }, { 21, 9, true }, __VA_ARGS__ },              \
			  MASK_RUNS(MM_PT_AARCH64_CONTIG, 4, 4, 4),                                \
			  MASK_CALLS },                                                            \
		.mask = &a64s2_mask                                                                \
	}
static const struct mm_mask_port a64s2_port =
	A64S2_PORT("AArch64 stage 2, 40 bits", 3, 40, { 30, 10, true });
static const struct mm_mask_port a64s2_48_port =
	A64S2_PORT("AArch64 stage 2, 48 bits", 4, 48, { 30, 9, true }, { 39, 9, false });

/* ---- ARMv7 ---- */

#define lpae_FIELD UINT64_C(0x000000fffffff000)
#define LPAE_ZERO  UINT64_C(0x000fff0000000020) /* 51:40, NS */
static const struct mm_mask_rule lpae_rules[MASK_RULES] = {
	ARM_DIRTY(ARM_BIT(7), ARM_BIT(55), ARM_BIT(56)),
	MASK_IF(MM_PT_USER, ARM_BIT(6)),
	MASK_UNLESS(MM_PT_GLOBAL, ARM_BIT(11)),
	MASK_IF(MM_PT_ACCESSED, ARM_BIT(10)),
	MASK_UNLESS(MM_PT_EXEC, ARM_BIT(54)),
	MASK_SETS(ARM_UX, ARM_UX, ARM_BIT(53)),
};
static const struct mm_mask lpae_mask = {
	ARM_BREAKS,
	.table = { 0, 3, 3 },
	.table_mask = { 0, 3 | LPAE_ZERO, 3 | LPAE_ZERO },
	.leaf = { 0x303, 0x301, 0x301 },
	.addr = lpae_FIELD,
	.rules = { lpae_rules },
	.must = MM_PT_READ,
	.type = { ARM_TYPES(2) },
	.type_mask = { 0x1c },
	.exact = { 0x800 },
	.run = ARM_BIT(52),
};
static const struct mm_mask_port lpae_port = {
	.port = {
		.name = "ARMv7 LPAE", .nlevels = 3, .entry_lg2 = 3, .va_bits = 32, .pa_bits = 40,
		.extension = MM_PT_VA_ZERO, .hw_volatile = 0x400, .hw_final = 0x400, .addr_mask = lpae_FIELD,
		.level = { { 12, 9, true }, { 21, 9, true }, { 30, 2, true } },
		MASK_RUNS(MM_PT_AARCH64_CONTIG, 4, 4),
		MASK_CALLS,
	},
	.mask = &lpae_mask,
};

static const struct mm_mask_rule armv7_page[MASK_RULES] = {
	ARM_DIRTY(0x200, 0x80, 0x100),    MASK_IF(MM_PT_ACCESSED, 0x10), MASK_IF(MM_PT_USER, 0x20),
	MASK_UNLESS(MM_PT_GLOBAL, 0x800), MASK_UNLESS(MM_PT_EXEC, 1),
};
static const struct mm_mask_rule armv7_section[MASK_RULES] = {
	ARM_DIRTY(0x8000, 0x2000, 0x4000), MASK_IF(MM_PT_ACCESSED, 0x400),
	MASK_IF(MM_PT_USER, 0x800),        MASK_UNLESS(MM_PT_GLOBAL, 0x20000),
	MASK_UNLESS(MM_PT_EXEC, 0x10),
};
static const struct mm_mask_member armv7_member = { .mask = 3, .is = 1, .moved = { 0x1c0, 1 }, .by = { 6, 15 } };
static const struct mm_mask armv7_mask = {
	ARM_BREAKS,
	.table = { 0, 1 },
	.table_mask = { 0, 0x3ff },
	.leaf = { 0x402, 0x10002 },
	.addr = 0xfffff000,
	.table_addr = 0xfffffc00,
	.spare = 0xff000,
	.apart = true,
	.rules = { armv7_page, armv7_section },
	.must = MM_PT_READ,
	.type = { { 0, 4, 8, 0xc, 0x40 }, { 0, 4, 8, 0xc, 0x1000 } },
	.type_mask = { 0x4c, 0x100c },
	.exact = { 0x800, 0x20000 },
	.run = ARM_BIT(18),
	.run_field = 0xf00000,
	.member = &armv7_member,
};
static const struct mm_mask_port armv7_port = {
	.port = {
		.name = "ARMv7 short", .nlevels = 2, .entry_lg2 = 2, .va_bits = 32, .pa_bits = 32,
		.extension = MM_PT_VA_ZERO, .hw_volatile = 0, .hw_final = 0, .addr_mask = 0xfffff000,
		.level = { { 12, 8, true }, { 20, 12, true } },
		MASK_RUNS(MM_PT_ARMV7_SUPER, 4, 4),
		.run_feature_0 = MM_PT_ARMV7_LARGE,
		MASK_CALLS,
	},
	.mask = &armv7_mask,
};
#endif
