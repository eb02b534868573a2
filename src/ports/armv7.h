/* SPDX-License-Identifier: MIT */
/* Page-table formats: ARMv7-A, short descriptors and LPAE.
 * Arm Architecture Reference Manual, ARMv7-A and ARMv7-R edition (DDI 0406C), chapter B3: B3.5.1 "Short-descriptor
 * translation table format descriptors", B3.6 long descriptors, B3.7.1 "Access permissions", B3.8.3 "Short-descriptor
 * format memory region attributes, with TEX remap", B3.10 TLB maintenance. Levels count from the leaf table.
 * Short: SCTLR.AFE and TRE set, so that AP[0] is the access flag and TEX[0], C and B an index into
 *   PRRR and NMRR; TEX[2:1] are then software's: writable, and dirty of what is not. Domain 0, a client.
 *   Large pages (B3.5.1): 16 second-level entries, aligned, all alike: type 01, XN in 15, TEX in 14:12; 8:6 are 0.
 *   Supersections (B3.5.1): 16 sections, aligned, all alike: bit 18, and what would tell them apart, 23:20, is 0.
 * LPAE: stage 1 of PL1&0, 40 bits; software bits 55, 56 as TEX[2:1] above; no dirty bit in hardware.
 *   Contiguous (52, B3.6.2): 16 pages or blocks of 2 MiB. */
#ifndef MM_SRC_PORTS_ARMV7_H
#define MM_SRC_PORTS_ARMV7_H
#include <mmlib/pt_formats.h>
#include "ports/aarch64.h"
#include "ports/mask_any.h"

#define ARMV7_ENTRY ARM_ENTRY, .valid = 3, .after_gain = MM_PT_AFTER_FLUSH

#define lpae_FIELD UINT64_C(0x000000fffffff000)
#define LPAE_ZERO  UINT64_C(0x000fff0000000020) /* 51:40, NS */
static const struct mm_mask_rule lpae_rules[MASK_RULES] = {
	ARM_DIRTY(A64_RO, ARM_BIT(55), ARM_BIT(56)), /* bits below are those of AArch64 */
	MASK_IF(MM_PT_USER, A64_EL0),
	MASK_UNLESS(MM_PT_GLOBAL, A64_NG),
	MASK_IF(MM_PT_ACCESSED, A64_AF),
	MASK_UNLESS(MM_PT_EXEC, A64_UXN),
	MASK_SETS(ARM_UX, ARM_UX, A64_PXN),
};
static const struct mm_mask lpae_mask = {
	ARMV7_ENTRY,
	.table = { 0, 3, 3 },
	.table_mask = { 0, 3 | LPAE_ZERO, 3 | LPAE_ZERO },
	.leaf = { 0x383, 0x381, 0x381 },
	.addr = lpae_FIELD,
	.rules = { lpae_rules },
	.type_left = 2,
	.type_mask = { 0x1c },
	.exact = { A64_NG },
	.run = A64_CONTIG,
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
	ARMV7_ENTRY,
	.table = { 0, 1 },
	.table_mask = { 0, 0x3ff },
	.leaf = { 0x602, 0x18002 },
	.addr = 0xfffff000,
	.table_addr = 0xfffffc00,
	.spare = 0xff000,
	.apart = true,
	.rules = { armv7_page, armv7_section },
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
