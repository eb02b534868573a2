/* SPDX-License-Identifier: MIT */
/* Page-table formats: s390x, dynamic address translation with two to four levels of region and segment tables.
 * z/Architecture Principles of Operation (SA22-7832-12), chapter 3: "Dynamic Address Translation", "Region-Table
 * Entries", "Segment-Table Entries", "Page-Table Entries"; enhanced DAT 1 and 2 (large leaves, FC),
 * instruction-execution protection (NX). Entries are big-endian; masks count from the low end. Indexes have 8 bits
 * for pages, 11 above.
 *   page     frame ~0xfff  I 0x400  P 0x200 (read-only)  NX 0x100  0x800 zero  0xff software, of which 1 is in all leaves
 *   segment  origin ~0x7ff, or FC 0x400 and frame ~0xfffff  P 0x200  NX 0x100  I 0x20  TT 0xc = 0
 *   region 3 origin ~0xfff, or FC 0x400 and frame ~0x7fffffff  P  NX  I 0x20  TT 4  TL 3;  region 2: TT 8
 * An entry of 0 is valid: an empty one is I, and TT. Referenced and changed are kept with the frame, not here, as
 * is the storage key; who may use the address space is the control registers' to say.
 * CR0 has to allow NX (bit 43 from the high end; STFLE bit 130), and large leaves (bit 40). CPUs without EDAT-1 or
 * EDAT-2 (STFLE bits 8 and 78) do not look at FC, and take such a leaf for a table: `leaf_levels` of struct mm_pt_cfg
 * is 1 or 3 there.
 * A CPU that may use an entry which is valid wants it changed by IPTE, IDTE, CRDTE or CSPG, not by a store, but for
 * bits 0xff of a page's ("Modification of Translation Tables"): the walker stores, so this is for trees that no CPU
 * has attached while they change. Attached is what control registers lead to while the PSW turns translation on;
 * nothing, while it is off: as examples/kernel/s390x/ does it. */
#ifndef MM_SRC_PORTS_S390X_H
#define MM_SRC_PORTS_S390X_H
#include "ports/mask_any.h"

#define S390_TYPES                                                                                 \
	{                                                                                          \
		0, MASK_NO_TYPE, MASK_NO_TYPE, MASK_NO_TYPE, MASK_NO_TYPE                          \
	}
#define S390_ADDR UINT64_C(0xfffffffffffff000)
#define S390_WITNESS (UINT64_C(255) << 16) /* in this CPU's order of bytes: of an address, which I makes none */
/* A bit of software's in all leaves of pages: else frame 0 with all rights had none that an empty entry has not. Who
 * reads a leaf does not ask for it, as hardware does not: the fast paths would pay for that. An entry of 0, which nobody
 * makes, is such a leaf without it: it does not keep its table, and mm_pt_verify() tells it. */
#define S390_PRESENT UINT64_C(1)
static const struct mm_mask_rule s390x_rules[MASK_RULES] = {
	MASK_UNLESS(MM_PT_WRITE, 0x200),
	MASK_UNLESS(MM_PT_EXEC, 0x100),
};
static const struct mm_mask s390x_mask = {
	.big_endian = true,
	.breaks = true,
	.empty = { 0x400, 0x20, 0x24, 0x28 },
	.invalid = 0x420,
	.table = { 0, 0, 7, 0xb },
	.table_mask = { 0, 0x7ff, 0xfff, 0xfff },
	.leaf = { S390_PRESENT, 0x400, 0x404 },
	.addr = S390_ADDR,
	.table_addr = UINT64_C(0xfffffffffffff800),
	.rules = { s390x_rules },
	.type = { S390_TYPES },
	.must = MM_PT_READ,
	.never = MM_PT_USER | MM_PT_GLOBAL | MM_PT_TRACK,
	.exact = { S390_PRESENT }, /* nobody changes it */
	.told = MM_PT_ACCESSED | MM_PT_DIRTY,
	.gone = { 0x300 },
};
#define S390X_PORT(what, levels, bits, ...)                                                        \
	{                                                                                          \
		.port = { .name = what,                                                            \
			  .nlevels = levels,                                                       \
			  .entry_lg2 = 3,                                                          \
			  .va_bits = bits,                                                         \
			  .pa_bits = 64,                                                           \
			  .extension = MM_PT_VA_ZERO,                                              \
			  .addr_mask = MASK_BE64(S390_ADDR),                                       \
			  .table_low = true, /* TT and TL differ by level */                       \
			  .table_mask = MASK_BE64(UINT64_C(0x7ff)),                                \
			  .leaf_mask = MASK_BE64(UINT64_C(0xcff) & ~S390_PRESENT),                 \
			  .address_plain = 1,                                                      \
			  .address_swapped = !MASK_IS_BIG,                                         \
			  .empty_ignore = S390_WITNESS,                                            \
			  .witness = 16,                                                           \
			  .level = { { 12, 8, true }, { 20, 11, true }, __VA_ARGS__ },             \
			  MASK_CALLS },                                                            \
		.mask = &s390x_mask                                                                \
	}
static const struct mm_mask_port s390x_port = S390X_PORT("s390x region 3", 3, 42, { 31, 11, true });
static const struct mm_mask_port s390x_r2_port =
	S390X_PORT("s390x region 2", 4, 53, { 31, 11, true }, { 42, 11, false });
#endif
