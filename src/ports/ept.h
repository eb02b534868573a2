/* SPDX-License-Identifier: MIT */
/* Page-table formats: Intel's extended page tables, four and five levels.
 * SDM volume 3C (325384-080US; in others sections have these names, not the same numbers), "The Extended Page-Table
 * Mechanism (EPT)": "EPT Translation Mechanism" (tables of entry formats), "EPT Misconfigurations", "Accessed and
 * Dirty Flags for EPT"; "Caching Translation Information".
 *   2:0 read, write, execute   5:3 memory type (leaf)   6 ignore PAT   7 large leaf   8 A   9 D   51:12 address
 * Not readable but writable or executable is a misconfiguration here. Who may do it (user) is not EPT's to
 * say. Memory types UC 0, WC 1, WT 4, WB 6: UC is what #MM_PT_DEVICE is. Without virtualization
 * exceptions (which want bit 63 in empty entries) and mode-based execution. Accessed and dirty are kept if EPTP bit 6
 * is set. */
#ifndef MM_SRC_PORTS_EPT_H
#define MM_SRC_PORTS_EPT_H
#include "ports/mask_any.h"

#define EPT_ADDR    UINT64_C(0x000ffffffffff000)
#define EPT_WITNESS (UINT64_C(511) << 52) /* as in x86_64.h */
static const struct mm_mask_rule ept_rules[MASK_RULES] = {
	MASK_IF(MM_PT_WRITE, 2),
	MASK_IF(MM_PT_EXEC, 4),
	MASK_IF(MM_PT_ACCESSED, 0x100),
	MASK_IF(MM_PT_DIRTY, 0x200),
};
static const struct mm_mask ept_mask = {
	.valid = 7,
	.table = { 0, 7, 7, 7, 7 },
	.table_mask = { 0, 0xff, 0xff, 0xff, 0xff },
	.leaf = { 1, 0x81, 0x81 },
	.addr = EPT_ADDR,
	.rules = { ept_rules },
	.type = { { 0x30, 0x20, 8, MASK_NO_TYPE, 0 } },
	.type_mask = { 0x38 },
	.must = MM_PT_READ,
	.never = MM_PT_USER | MM_PT_GLOBAL,
	.lost = { 0x207 },
};
#define EPT_FORMAT                                                                                 \
	.entry_lg2 = 3, .pa_bits = 52, .extension = MM_PT_VA_ZERO, .hw_volatile = 0x300,           \
	.hw_final = 0x300, .empty_ignore = EPT_WITNESS, .witness = 52, .addr_mask = EPT_ADDR,     \
	.table_mask = 0xff, .table_bits = 7,                                                       \
	.leaf_mask = ~(EPT_ADDR | 0x306), .leaf_bits = 0x31, .address_plain = 1,                   \
	.level = { { 12, 9, true },                                                                \
		   { 21, 9, true },                                                                \
		   { 30, 9, true },                                                                \
		   { 39, 9, false },                                                               \
		   { 48, 9, false } },                                                             \
	MASK_CALLS

static const struct mm_mask_port ept_port = {
	.port = { .name = "EPT", .nlevels = 4, .va_bits = 48, EPT_FORMAT }, .mask = &ept_mask
};
static const struct mm_mask_port ept5_port = {
	.port = { .name = "EPT 5", .nlevels = 5, .va_bits = 57, EPT_FORMAT }, .mask = &ept_mask
};
#endif
