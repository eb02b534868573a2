/* SPDX-License-Identifier: MIT */
/* Page-table format: PPC64 radix tree, 52 bits, pages of 4 KiB, 2 MiB and 1 GiB.
 * Power ISA 3.0B, book III (chapter 5 is 6 from 3.0C on): 5.7.10 "Radix Tree Translation", 5.7.10.1 "Radix Tree Page
 * Directory Entry", 5.7.10.2 "Radix Tree Page Table Entry"; 5.10.1.2 "Modifying a Translation Table Entry": what
 * becomes valid, and rights that are added, want no TLBIE. Entries are big-endian; bits count from the low end here
 * (the book's are 63 - n).
 *   63 V  62 L (leaf)  56:12 address  8 R  7 C  5:4 ATT (0 memory, 2 not idempotent, 3 tolerant)
 *   3 privileged only  2 read  1 read and write  0 execute;  a directory: 63 V, 59:8 address, 4:0 log2 of entries
 * Sizes of tables are in the entries: 13-9-9-9 bits, so that a root is 64 KiB and all others have 9. */
#ifndef MM_SRC_PORTS_PPC64_H
#define MM_SRC_PORTS_PPC64_H
#include "ports/mask_any.h"

#define PPC_V    (UINT64_C(1) << 63)
#define PPC_L    (UINT64_C(1) << 62)
#define PPC_ADDR UINT64_C(0x01fffffffffff000)
#define PPC_DIR  (PPC_V | PPC_L | (UINT64_C(3) << 60) | 0xfff)
#define PPC_WITNESS (UINT64_C(511) << 16) /* in this CPU's order of bytes; only V means something where that is clear */
#define PPC_TYPES                                                                                  \
	{                                                                                          \
		0, MASK_NO_TYPE, MASK_NO_TYPE, 0x30, 0x20                                          \
	}
static const struct mm_mask_rule ppc64_rules[MASK_RULES] = {
	MASK_IF(MM_PT_READ, 4),     MASK_IF(MM_PT_WRITE, 2),        MASK_IF(MM_PT_EXEC, 1),
	MASK_UNLESS(MM_PT_USER, 8), MASK_IF(MM_PT_ACCESSED, 0x100), MASK_IF(MM_PT_DIRTY, 0x80),
};
static const struct mm_mask ppc64_mask = {
	.valid = PPC_V,
	.big_endian = true,
	.write_needs_read = true,
	.breaks = true,
	.table = { 0, PPC_V | 9, PPC_V | 9, PPC_V | 9 },
	.table_mask = { 0, PPC_DIR, PPC_DIR, PPC_DIR },
	.leaf = { PPC_V | PPC_L, PPC_V | PPC_L, PPC_V | PPC_L },
	.addr = PPC_ADDR,
	.rules = { ppc64_rules },
	.type = { PPC_TYPES },
	.type_mask = { 0x30 },
	.never = MM_PT_GLOBAL,
	.exact = { 8 },
	.lost = { 0x187 },
	.after_make = MM_PT_AFTER_SYNC,
	.after_make_top = MM_PT_AFTER_SYNC,
	.after_gain = MM_PT_AFTER_SYNC,
};
static const struct mm_mask_port ppc64_port = {
	.port = {
		.name = "PPC64 radix", .nlevels = 4, .entry_lg2 = 3, .va_bits = 52, .pa_bits = 57,
		.extension = MM_PT_VA_ZERO, .hw_volatile = MASK_BE64(UINT64_C(0x180)),
		.hw_final = MASK_BE64(UINT64_C(0x180)), .addr_mask = MASK_BE64(PPC_ADDR),
		.table_mask = MASK_BE64(PPC_DIR), .table_bits = MASK_BE64(PPC_V | UINT64_C(9)),
		.address_plain = 1, .address_swapped = !MASK_IS_BIG,
		.empty_ignore = PPC_WITNESS, .witness = 16,
		.leaf_mask = MASK_BE64(~(PPC_ADDR | UINT64_C(0x18b))), /* readable, memory */
		.leaf_bits = MASK_BE64(PPC_V | PPC_L | UINT64_C(4)),
		.level = { { 12, 9, true }, { 21, 9, true }, { 30, 9, true }, { 39, 13, false } },
		MASK_CALLS,
	},
	.mask = &ppc64_mask,
};
#endif
