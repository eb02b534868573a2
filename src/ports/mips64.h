/* SPDX-License-Identifier: MIT */
/* Page-table format: MIPS64, whose TLB software fills, so that tables are for the library to choose: four levels of
 * 4 KiB, 48 bits. MIPS64 Architecture For Programmers, volume III (MD00091, revision 6.03): "EntryLo0 and EntryLo1
 * (CP0 Registers 2 and 3, Select 0)", "PageMask Register (CP0 Register 5, Select 0)", "TLB-Based Virtual Address
 * Translation", and the exceptions "TLB Refill and XTLB Refill", "TLB Invalid" and "TLB Modified".
 * An entry is EntryLo rotated left by 6, so that an address stands where it is, with what is software's below:
 *   0 present  1 may be written  2 dirty of a page that may not be  3 a large page (level 1 and 2)
 *   4 XI  5 RI  6 G  7 V  8 D  11:9 C (2 uncached, 3 cached, 7 uncached accelerated)  58:12 address
 *   a directory: 0 present and the address
 * V, in a TLB, lets the CPU access, and D write: set with the first access and the first write, they are the
 * accessed and the dirty bit. The numbers in C are those that most CPUs have (2 and 3 all have); what the TLB gets
 * is the refill helper's to say (mmlib/pt_refill.h), as are sizes. Who may use an address is its segment's to say.
 * A TLB entry is a pair of pages, so that a half that is not valid is kept too: what becomes valid is flushed. Two
 * entries for one address are a machine check, so that sizes and G change through empty entries. */
#ifndef MM_SRC_PORTS_MIPS64_H
#define MM_SRC_PORTS_MIPS64_H
#include "ports/mask_any.h"

#define MIPS_ADDR UINT64_C(0x07fffffffffff000)
#define MIPS_WITNESS (UINT64_C(511) << 16) /* of an address, where bit 0 is clear */
#define MIPS_TYPES                                                                                 \
	{                                                                                          \
		0x600, MASK_NO_TYPE, 0xe00, MASK_NO_TYPE, 0x400                                    \
	}
static const struct mm_mask_rule mips64_rules[MASK_RULES] = {
	MASK_UNLESS(MM_PT_READ, 0x20),
	MASK_UNLESS(MM_PT_EXEC, 0x10),
	MASK_IF(MM_PT_WRITE, 2),
	MASK_IF(MM_PT_GLOBAL, 0x40),
	MASK_IF(MM_PT_ACCESSED, 0x80),
	MASK_SETS(MASK_WD, MASK_WD, 0x100),
	MASK_TELLS(MM_PT_DIRTY, 0x100, 0x100),
	MASK_SETS(MASK_WD, MM_PT_DIRTY, 4),
	MASK_TELLS(MM_PT_DIRTY, 4, 4),
};
static const struct mm_mask mips64_mask = {
	.breaks = true,
	.valid = 1,
	.table = { 0, 1, 1, 1 },
	.table_mask = { 0, ~MIPS_ADDR, ~MIPS_ADDR, ~MIPS_ADDR },
	.leaf = { 1, 9, 9 },
	.addr = MIPS_ADDR,
	.rules = { mips64_rules },
	.type = { MIPS_TYPES },
	.type_mask = { 0xe00 },
	.never = MM_PT_USER,
	.exact = { 0x40 },
	.lost = { 0x102 },
	.gone = { 0x30 },
	.after_make = MM_PT_AFTER_SYNC | MM_PT_AFTER_MISSES,
	.after_make_top = MM_PT_AFTER_SYNC | MM_PT_AFTER_MISSES,
	.after_gain = MM_PT_AFTER_FLUSH,
};
static const struct mm_mask_port mips64_port = {
	.port = {
		.name = "MIPS64", .nlevels = 4, .entry_lg2 = 3, .va_bits = 48, .pa_bits = 59,
		.extension = MM_PT_VA_ZERO, .hw_volatile = 0x180, .hw_final = 0x180, .addr_mask = MIPS_ADDR,
		.table_mask = ~MIPS_ADDR, .table_bits = 1, .address_plain = 1,
		.empty_ignore = MIPS_WITNESS, .witness = 16,
		.leaf_mask = ~(MIPS_ADDR | 0x1f0), .leaf_bits = 0x603, /* writable, cached */
		.level = { { 12, 9, true }, { 21, 9, true }, { 30, 9, true }, { 39, 9, false } },
		MASK_CALLS,
	},
	.mask = &mips64_mask,
};
#endif
