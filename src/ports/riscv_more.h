/* SPDX-License-Identifier: MIT */
/* Page-table formats: RISC-V Sv32, and the second stage of the hypervisor extension, Sv39x4 to Sv57x4.
 * Privileged Architecture, 20211203: 4.3 "Sv32: Page-Based 32-bit Virtual-Memory Systems"; 8.5 "Two-Stage Address
 * Translation", 8.5.1 "Guest Physical Address Translation".
 *   0 V  1 R  2 W  3 X  4 U  5 G  6 A  7 D  9:8 software  then the page number: 31:10, or 53:10 and 63:54 zero
 * Second stage: the root has four times as many entries, addresses are zero-extended, each leaf has U set (so
 * that who may do it is not the second stage's to say) and G clear. A table has V and its address only. Entries are
 * those of the first stage otherwise, runs of 64 KiB (chapter 5 "Svnapot": N 63, 13:10 of the page number 8), too. */
#ifndef MM_SRC_PORTS_RISCV_MORE_H
#define MM_SRC_PORTS_RISCV_MORE_H
#include "ports/mask_any.h"
#include "ports/riscv64.h"

#define RV_NO_TYPES                                                                                \
	{                                                                                          \
		0, MASK_NO_TYPE, MASK_NO_TYPE, MASK_NO_TYPE, MASK_NO_TYPE                          \
	}

static const struct mm_mask sv32_mask = {
	RV_ENTRY,
	.table_mask = { 0, 0xdf },
	.leaf = { 1, 1 },
	.addr = 0xfffffc00,
	.same = { { RV_RIGHTS | MM_PT_USER | MM_PT_GLOBAL, 1 }, { RV_SEEN, 0 } },
	.type = { RV_NO_TYPES },
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

static const struct mm_mask svx4_mask = {
	RV64_ENTRY,
	.leaf = { 0x11, 0x11, 0x11, 0x11, 0x11 },
	.same = { { RV_RIGHTS, 1 }, { RV_SEEN, 0 } },
	.type = { RV_NO_TYPES },
	.never = MM_PT_USER | MM_PT_GLOBAL,
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
			  .addr_mask = RV64_ADDR,                                                  \
			  .empty_ignore = RV64_WITNESS,                                            \
			  .witness = 16,                                                           \
			  .table_mask = RV64_TABLE,                                                \
			  .table_bits = 1,                                                         \
			  .leaf_mask = RV64_HIGH | 0x333, /* readable, and nothing of software's */ \
			  .leaf_bits = 0x13,                                                       \
			  .address_plain = 1 + 2,                                                  \
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
