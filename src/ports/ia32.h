/* SPDX-License-Identifier: MIT */
/* Page-table formats: ia32, 32-bit paging and PAE.
 * SDM volume 3A, chapter "Paging": "32-Bit Paging" (table 4-4 to 4-6), "PAE Paging" (4-8 to 4-11), "Accessed
 * and Dirty Flags", "PAT". Memory types are PAT entries as for x86-64. Bit 9, free for software, is dirty
 * of a page that may not be written (X2 of x86_64.h). A CPU without CET may set bit 6 of such a page all
 * the same: where it wrote while another took the right away ("Accessed and Dirty Flags"), or with CR0.WP
 * clear. That is a dirty leaf, not a damaged one.
 *   32 bits: no XD, so that every page that can be read can be executed. 4 MiB pages want CR4.PSE; their bits
 *            20:13, physical address bits 39:32, are 0 here.
 *   PAE:     EFER.NXE set. The four entries of the root have P, PWT and PCD only, and a CPU reads them when
 *            CR3 is written: a change of one is a change of tables. Bit 5 is reserved in them and never set here,
 *            but QEMU takes it for the accessed bit and sets it (7.2 does): such an entry is a table all the same. */
#ifndef MM_SRC_PORTS_IA32_H
#define MM_SRC_PORTS_IA32_H
#include "ports/mask_any.h"

#define IA32_RULES                                                                                 \
	MASK_IF(MM_PT_WRITE, 2), MASK_IF(MM_PT_USER, 4), MASK_IF(MM_PT_GLOBAL, 0x100),             \
		MASK_IF(MM_PT_ACCESSED, 0x20), MASK_SETS(MASK_WD, MASK_WD, 0x40),                  \
		MASK_TELLS(MM_PT_DIRTY, 0x40, 0x40), MASK_SETS(MASK_WD, MM_PT_DIRTY, 0x200),       \
		MASK_TELLS(MM_PT_DIRTY, 0x200, 0x200)
#define IA32_TYPES                                                                                 \
	.type = { { 0, 8, 0x80, 0x10, 0x18 }, { 0, 8, 0x1000, 0x10, 0x18 } },                      \
	.type_mask = { 0x98, 0x1018 }, .spare = 0x1000, .ignored = 0x60, .seen = 0x240,            \
	.valid = 1, .apart = true, .exact = { 0x104, 0x104 }
#define IA32_XD (UINT64_C(1) << 63)

static const struct mm_mask_rule ia32_rules[MASK_RULES] = { IA32_RULES };
static const struct mm_mask ia32_mask = {
	.table = { 0, 0x27 },
	.table_mask = { 0, 0x81 },
	.leaf = { 1, 0x81 },
	.addr = 0xfffff000,
	.rules = { ia32_rules, ia32_rules },
	IA32_TYPES,
	.must = MM_PT_READ | MM_PT_EXEC,
	.lost = { 0x42, 0x42 },
};
static const struct mm_mask_port ia32_port = {
	.port = {
		.name = "ia32", .nlevels = 2, .entry_lg2 = 2, .va_bits = 32, .pa_bits = 32,
		.extension = MM_PT_VA_ZERO, .hw_volatile = 0x60, .hw_final = 0x60, .empty_ignore = 0x60,
		.addr_mask = 0xfffff000, .level = { { 12, 10, true }, { 22, 10, true } },
		MASK_CALLS,
	},
	.mask = &ia32_mask,
};

static const struct mm_mask_rule pae_rules[MASK_RULES] = { IA32_RULES,
							   MASK_UNLESS(MM_PT_EXEC, IA32_XD) };
static const struct mm_mask pae_mask = {
	.table = { 0, 0x27, 1 },
	.table_mask = { 0, 0x81, UINT64_C(0xfff00000000001c7) },
	.leaf = { 1, 0x81 },
	.addr = UINT64_C(0x000ffffffffff000),
	.rules = { pae_rules, pae_rules },
	IA32_TYPES,
	.must = MM_PT_READ,
	.lost = { 0x42, 0x42 },
	.gone = { IA32_XD, IA32_XD },
	.after_make_top = MM_PT_AFTER_MISSES | MM_PT_AFTER_TABLES,
};
static const struct mm_mask_port pae_port = {
	.port = {
		.name = "ia32 PAE", .nlevels = 3, .entry_lg2 = 3, .va_bits = 32, .pa_bits = 52,
		.extension = MM_PT_VA_ZERO, .hw_volatile = 0x60, .hw_final = 0x60, .empty_ignore = 0x60,
		.addr_mask = UINT64_C(0x000ffffffffff000),
		.level = { { 12, 9, true }, { 21, 9, true }, { 30, 2, false } },
		MASK_CALLS,
	},
	.mask = &pae_mask,
};
#endif
