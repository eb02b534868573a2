/* SPDX-License-Identifier: MIT */
/* Page-table formats: ia32, 32-bit paging and PAE.
 * SDM volume 3A, chapter "Paging", numbers as in 325384-080US: 4.3 "32-Bit Paging" (tables 4-4 to 4-6), 4.4 "PAE
 * Paging" (4-8 to 4-11), 4.8 "Accessed and Dirty Flags", 4.9.2 "Paging and Memory Typing When the PAT is Supported".
 * Memory types are PAT entries as for x86-64. Bit 9, free for software, is dirty of a page that may not be written
 * (X2 of x86_64.h). A CPU without CET may set bit 6 of such a page all
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
#include "ports/x86_64.h"

#define IA32_ENTRY  X86_ENTRY, .seen = 0x240, .exact = { 0x104, 0x104 }
#define IA32_RULES  X86_RULES(0x200)
#define IA32_FORMAT                                                                                \
	.va_bits = 32, .extension = MM_PT_VA_ZERO, .hw_volatile = X86_AD, .hw_final = X86_AD,      \
	.empty_ignore = X86_AD, MASK_CALLS

static const struct mm_mask_rule ia32_rules[MASK_RULES] = { IA32_RULES };
static const struct mm_mask ia32_mask = {
	IA32_ENTRY,
	.table = { 0, 0x27 },
	.table_mask = { 0, 0x81 },
	.addr = 0xfffff000,
	.rules = { ia32_rules },
	.must = MM_PT_READ | MM_PT_EXEC,
};
static const struct mm_mask_port ia32_port = {
	.port = {
		.name = "ia32", .nlevels = 2, .entry_lg2 = 2, .pa_bits = 32, .addr_mask = 0xfffff000,
		.level = { { 12, 10, true }, { 22, 10, true } }, IA32_FORMAT,
	},
	.mask = &ia32_mask,
};

static const struct mm_mask_rule pae_rules[MASK_RULES] = { IA32_RULES, MASK_UNLESS(MM_PT_EXEC, X86_XD) };
static const struct mm_mask pae_mask = {
	IA32_ENTRY,
	.table = { 0, 0x27, 1 },
	.table_mask = { 0, 0x81, UINT64_C(0xfff00000000001c7) },
	.addr = X86_ADDR,
	.rules = { pae_rules },
	.must = MM_PT_READ,
	.gone = { X86_XD, X86_XD },
	.after_make_top = MM_PT_AFTER_MISSES | MM_PT_AFTER_TABLES,
};
static const struct mm_mask_port pae_port = {
	.port = {
		.name = "ia32 PAE", .nlevels = 3, .entry_lg2 = 3, .pa_bits = 52, .addr_mask = X86_ADDR,
		.level = { { 12, 9, true }, { 21, 9, true }, { 30, 2, false } }, IA32_FORMAT,
	},
	.mask = &pae_mask,
};
#endif
