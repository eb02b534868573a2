/* SPDX-License-Identifier: MIT */
/* Page-table formats: RISC-V Sv39, Sv48 and Sv57.
 * RISC-V Instruction Set Manual, volume II: Privileged Architecture, 20211203: 4.4.1 "Addressing and Memory
 * Protection" (Sv39), 4.5.1 and 4.6.1 the same with a level more each; entries are those of 4.3.1 (Sv32).
 *   0 V  1 R  2 W  3 X  4 U  5 G  6 A  7 D  9:8 software  53:10 page number  60:54 reserved  62:61 type  63 N
 * - R, W and X clear: a table; D, A and U (4.3.1), and all above 53 (4.4.1, chapters 5 and 6), are then reserved. W
 *   without R is reserved.
 * - Accessed and dirty are preset unless they are tracked: without Svadu a clear A, or D on a store, is a page
 *   fault (4.3.1).
 * - A large leaf whose page number is not aligned faults (4.3.2 "Virtual Address Translation Process", step 6).
 * - Bits 62:61: chapter 6 "Svpbmt": 0 what the physical memory attributes say, 1 not cached and weakly ordered (NC), 2
 *   input and output (IO), 3 reserved. N: chapter 5 "Svnapot": 13:10 of the page number are 8 for 64 KiB.
 * - What is not valid may be cached too, and SFENCE.VMA with an address orders leaves only, so that a new table, and
 *   a removed one, want the form for all addresses (4.2.1 "Supervisor Memory-Management Fence Instruction"). A
 *   gain of rights costs a hart that has not seen it one fault, or nothing if it orders its stores. Splitting in
 *   place is allowed: until the fence either translation is used (4.2.1).
 * - All but V of what is not valid is software's (4.3.1): the witness is alone in its half-word. */
#ifndef MM_SRC_PORTS_RISCV64_H
#define MM_SRC_PORTS_RISCV64_H
#include <mmlib/pt_riscv64.h>
#include "ports/mask.h"

#define RV64_ADDR    UINT64_C(0x003ffffffffffc00)
#define RV64_HIGH    UINT64_C(0xffc0000000000000) /* N, type, reserved */
#define RV64_N       (UINT64_C(1) << 63)
#define RV64_TYPE(n) ((uint64_t)(n) << 61)
#define RV64_TYPES                                                                                 \
	{                                                                                          \
		0, MASK_NO_TYPE, RV64_TYPE(1), MASK_NO_TYPE, RV64_TYPE(2)                          \
	}
#define RV64_TABLE   (RV64_HIGH | 0xdf)
#define RV64_WITNESS (UINT64_C(511) << 16)

/* What all formats of RISC-V share. */
#define RV_ENTRY                                                                                   \
	.valid = 1, .write_needs_read = true, .table = { 0, 1, 1, 1, 1 }, .shift = 2,              \
	.lost = { 0x8e } /* read, write, execution, dirty */, .exact = { 0x30 } /* user, global */, \
	MASK_SYNCS
#define RV_RIGHTS (MM_PT_READ | MM_PT_WRITE | MM_PT_EXEC)
#define RV_SEEN   (MM_PT_ACCESSED | MM_PT_DIRTY)
#define RV64_ENTRY                                                                                 \
	RV_ENTRY, .addr = RV64_ADDR, .run = RV64_N, .run_field = 0x3c00, .run_length = 0x2000,     \
		  .table_mask = { 0, RV64_TABLE, RV64_TABLE, RV64_TABLE, RV64_TABLE }

static const struct mm_mask rv64_mask = {
	RV64_ENTRY,
	.leaf = { 1, 1, 1, 1, 1 },
	.same = { { RV_RIGHTS | MM_PT_USER | MM_PT_GLOBAL, 1 }, { RV_SEEN, 0 } },
	.type = { RV64_TYPES },
	.type_mask = { RV64_TYPE(3) },
	.type_feature = MM_PT_RISCV64_SVPBMT,
};
MM_MASK_PORT(rv64)

#define RV64_FORMAT                                                                                \
	.entry_lg2 = 3, .pa_bits = 56, .extension = MM_PT_VA_SIGN, .hw_volatile = 0xc0,            \
	.hw_final = 0xc0, .addr_mask = RV64_ADDR, .table_mask = RV64_TABLE, .table_bits = 1,       \
	.leaf_mask = RV64_HIGH | 3, .leaf_bits = 3, .address_plain = 1 + 2,                        \
	.empty_ignore = RV64_WITNESS, .witness = 16,                                               \
	.level = { { 12, 9, true },                                                                \
		   { 21, 9, true },                                                                \
		   { 30, 9, true },                                                                \
		   { 39, 9, true },                                                                \
		   { 48, 9, true } },                                                              \
	MM_MASK_CALLS(rv64), MM_MASK_RUNS(rv64, MM_PT_RISCV64_SVNAPOT, 4)

static const struct mm_pt_port mm_port_sv39 = { .name = "Sv39", .nlevels = 3, .va_bits = 39, RV64_FORMAT };
static const struct mm_pt_port mm_port_sv48 = { .name = "Sv48", .nlevels = 4, .va_bits = 48, RV64_FORMAT };
static const struct mm_pt_port rv64_port = { .name = "Sv57", .nlevels = 5, .va_bits = 57, RV64_FORMAT };
#endif
