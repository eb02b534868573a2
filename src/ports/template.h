/* SPDX-License-Identifier: MIT */
/* A page-table format to copy: data, and no code. docs/porting.md goes through it step by step.
 *
 * It is a format of its own: entries of 8 bytes, three levels of 512, 39 bits of a virtual address.
 *   0 valid  1 table  2 write  3 no execution  4 user  5 global  6 accessed  7 dirty  9:8 type  51:12 address
 * tests/test_pt_template.c folds the walker to it, as a kernel does that brings its own format. */
#ifndef MM_SRC_PORTS_TEMPLATE_H
#define MM_SRC_PORTS_TEMPLATE_H
#include "ports/mask.h"

#define TEMPLATE_ADDR UINT64_C(0x000ffffffffff000)
static const struct mm_mask_rule template_rules[MASK_RULES] = {
	MASK_IF(MM_PT_WRITE, 4),     MASK_UNLESS(MM_PT_EXEC, 8),    MASK_IF(MM_PT_USER, 0x10),
	MASK_IF(MM_PT_GLOBAL, 0x20), MASK_IF(MM_PT_ACCESSED, 0x40), MASK_IF(MM_PT_DIRTY, 0x80),
};
static const struct mm_mask template_mask = {
	.valid = 1, .table = { 0, 3, 3 }, .table_mask = { 0, 3, 3 }, .leaf = { 1, 1, 1 }, /* by level */
	.addr = TEMPLATE_ADDR, .rules = { template_rules }, .must = MM_PT_READ,
	.type = { { 0, MASK_NO_TYPE, 0x100, MASK_NO_TYPE, 0x200 } }, .type_mask = { 0x300 },
	.exact = { 0x30 }, /* user, global */
	.lost = { 0x84 },  /* write, dirty */
	.gone = { 8 },     /* execution */
	MASK_SYNCS,
};
MM_MASK_PORT(template)
static const struct mm_pt_port template_port = {
	.name = "template", .nlevels = 3, .entry_lg2 = 3, .va_bits = 39, .pa_bits = 52,
	.extension = MM_PT_VA_SIGN, .addr_mask = TEMPLATE_ADDR,
	.hw_volatile = 0xc0, .hw_final = 0xc0, /* accessed, dirty */
	.level = { { 12, 9, true }, { 21, 9, true }, { 30, 9, true } }, MM_MASK_CALLS(template),
};
#endif
