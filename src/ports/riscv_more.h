/* SPDX-License-Identifier: MIT */
/* Page-table formats: RISC-V Sv32, and the second stage of the hypervisor extension, Sv39x4 to Sv57x4.
 * Privileged Architecture, "Supervisor-Level ISA": "Sv32: Page-Based 32-bit Virtual-Memory Systems"; "Hypervisor
 * Extension": "Two-Stage Address Translation", "Guest Physical Address Translation".
 *   0 V  1 R  2 W  3 X  4 U  5 G  6 A  7 D  9:8 software  then the page number: 31:10, or 53:10 and 63:54 zero
 * Second stage: the root has four times as many entries, addresses are zero-extended, each leaf has U set (so
 * that who may do it is not the second stage's to say) and G clear. A table has V and its address only. Entries are
 * those of the first stage otherwise, runs of 64 KiB (chapter "Svnapot": N 63, 13:10 of the page number 8) included. */
#ifndef MM_SRC_PORTS_RISCV_MORE_H
#define MM_SRC_PORTS_RISCV_MORE_H
#include <mmlib/pt_riscv64.h>
#include "ports/mask_any.h"

#define RV_RULES                                                                                   \
	MASK_IF(MM_PT_READ, 2), MASK_IF(MM_PT_WRITE, 4), MASK_IF(MM_PT_EXEC, 8),                   \
		MASK_IF(MM_PT_ACCESSED, 0x40), MASK_IF(MM_PT_DIRTY, 0x80)
#define RV_COMMON                                                                                  \
	.write_needs_read = true, .table = { 0, 1, 1, 1, 1 }, .shift = 2,                          \
	.type = { { 0, MASK_NO_TYPE, MASK_NO_TYPE, MASK_NO_TYPE, MASK_NO_TYPE },                   \
		  { 0, MASK_NO_TYPE, MASK_NO_TYPE, MASK_NO_TYPE, MASK_NO_TYPE } },                 \
	.lost = { 0x8e, 0x8e }, .exact = { 0x30, 0x30 }, .after_make = MM_PT_AFTER_SYNC,           \
	.after_make_top = MM_PT_AFTER_SYNC, .after_gain = MM_PT_AFTER_SYNC
#define RV_PPN  UINT64_C(0x003ffffffffffc00)
#define RV_HIGH UINT64_C(0xffc0000000000000)

static const struct mm_mask_rule sv32_rules[MASK_RULES] = {
	RV_RULES,
	MASK_IF(MM_PT_USER, 0x10),
	MASK_IF(MM_PT_GLOBAL, 0x20),
};
static const struct mm_mask sv32_mask = {
	RV_COMMON,          .table_mask = { 0, 0xdf },           .leaf = { 1, 1 },
	.addr = 0xfffffc00, .rules = { sv32_rules, sv32_rules },
};
static const struct mm_mask_port sv32_port = {
	.port = {
		.name = "Sv32", .nlevels = 2, .entry_lg2 = 2, .va_bits = 32, .pa_bits = 34,
		.extension = MM_PT_VA_ZERO, .hw_volatile = 0xc0, .hw_final = 0xc0, .addr_mask = 0xfffffc00,
		.level = { { 12, 10, true }, { 22, 10, true } },
		MASK_CALLS,
	},
	.mask = &sv32_mask,
};

#define SVX4_TABLE (RV_HIGH | 0xdf)
static const struct mm_mask_rule svx4_rules[MASK_RULES] = { RV_RULES };
static const struct mm_mask svx4_mask = {
	RV_COMMON,
	.table_mask = { 0, SVX4_TABLE, SVX4_TABLE, SVX4_TABLE, SVX4_TABLE },
	.leaf = { 0x11, 0x11, 0x11, 0x11, 0x11 },
	.addr = RV_PPN,
	.rules = { svx4_rules, svx4_rules },
	.never = MM_PT_USER | MM_PT_GLOBAL,
	.run = UINT64_C(1) << 63,
	.run_field = 0x3c00,
	.run_length = 0x2000,
};
#define SVX4_PORT(what, levels, bits, ...)                                                         \
	{                                                                                          \
		.port = { .name = what,                                                            \
			  .nlevels = levels,                                                       \
			  .entry_lg2 = 3,                                                          \
			  .va_bits = bits,                                                         \
			  .pa_bits = 56,                                                           \
			  .extension = MM_PT_VA_ZERO,                                              \
			  .hw_volatile = 0xc0,                                                     \
			  .hw_final = 0xc0,                                                        \
			  .addr_mask = RV_PPN,                                                     \
			  .level = { { 12, 9, true }, { 21, 9, true }, __VA_ARGS__ },              \
			  MASK_RUNS(MM_PT_RISCV64_SVNAPOT, 4),                                     \
			  MASK_CALLS },                                                            \
		.mask = &svx4_mask                                                                 \
	}
static const struct mm_mask_port svx4_port = SVX4_PORT("Sv39x4", 3, 41, { 30, 11, true });
static const struct mm_mask_port sv48x4_port =
	SVX4_PORT("Sv48x4", 4, 50, { 30, 9, true }, { 39, 11, true });
static const struct mm_mask_port sv57x4_port =
	SVX4_PORT("Sv57x4", 5, 59, { 30, 9, true }, { 39, 9, true }, { 48, 11, true });
#endif
