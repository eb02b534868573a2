/* SPDX-License-Identifier: MIT */
/* Page-table formats: LoongArch64, pages of 4 KiB with four levels and of 16 KiB with three, each half of the
 * address space. LoongArch Reference Manual, volume 1, v1.10: 5.4.5 "Multi-level Page Table Structure Supported by
 * Page Walking" (formats of entries), 5.4.2 "TLB Entry", 5.3 "Memory Access Types"; 7.5.3 "TLB Entry Low-order Bits",
 * 7.5.8 and 7.5.9 "Page Walk Controller for Lower/Higher Half Address Space"; 4.2.5 "LDDIR", "LDPTE".
 *   0 V  1 D  3:2 PLV  5:4 MAT (0 strongly ordered, 1 cached, 2 weakly ordered)  7 P  8 W  11:9 software
 *   47:12 address  61 NR  62 NX  63 RPLV (0)  a page: 6 G  a large one: 6 H, 12 G  a directory: the address only
 * A walk goes by P and W; V and D are what a TLB gets, and what a hardware walker (CPUCFG.2.HPTW) sets: V is the
 * accessed bit, D lets the CPU write and is the dirty bit, so that D never stands without W. Bit 9, free for
 * software, is dirty of a page that may not be written. Strongly ordered is #MM_PT_DEVICE.
 * A directory has no valid bit: LDDIR and the hardware walker follow whatever is there, so an empty entry leads to
 * a table that leads nowhere (mask_empty()), whose entries, as pages, have P and V clear.
 * The half that PGDL leads to has the lower entries of the root; the other one the upper ones, so that PGDH leads
 * to its middle, and the table that leads nowhere is at its beginning.
 * TLB entries are pairs of pages, so that a half that is not valid is kept too: what becomes valid is flushed. What
 * two entries for one address do is not said, so that sizes change through empty entries. */
#ifndef MM_SRC_PORTS_LOONGARCH64_H
#define MM_SRC_PORTS_LOONGARCH64_H
#include "ports/mask_any.h"

#define LOONG_NR      (UINT64_C(1) << 61)
#define LOONG_NX      (UINT64_C(1) << 62)
#define LOONG_ADDR(n) (UINT64_C(0x0001000000000000) - (UINT64_C(1) << (n)))
#define LOONG_WITNESS(bits) (((UINT64_C(1) << (bits)) - 1) << 48) /* above all addresses */
#define LOONG_TYPES                                                                                \
	{                                                                                          \
		0x10, MASK_NO_TYPE, 0x20, MASK_NO_TYPE, 0                                          \
	}
#define LOONG_RULES(global)                                                                        \
	{                                                                                          \
		MASK_UNLESS(MM_PT_READ, LOONG_NR), MASK_UNLESS(MM_PT_EXEC, LOONG_NX),              \
			MASK_IF(MM_PT_WRITE, 0x100), MASK_IF(MM_PT_USER, 0xc),                     \
			MASK_IF(MM_PT_ACCESSED, 1), MASK_SETS(MASK_WD, MASK_WD, 2),                \
			MASK_TELLS(MM_PT_DIRTY, 2, 2), MASK_SETS(MASK_WD, MM_PT_DIRTY, 0x200),     \
			MASK_TELLS(MM_PT_DIRTY, 0x200, 0x200), MASK_IF(MM_PT_GLOBAL, global),      \
	}
static const struct mm_mask_rule loong_rules[2][MASK_RULES] = { LOONG_RULES(0x40),
								LOONG_RULES(0x1000) };
/* @page: log2 of a page. @at: where in the root no address leads. */
#define LOONG_PORT(id, what, page, at, half, levels, ...)                                          \
	static const struct mm_mask id##_mask = {                                                  \
		.breaks = true,                                                                    \
		.apart = true,                                                                     \
		.valid = 0x81,                                                                     \
		.nowhere = (at),                                                                   \
		.table_mask = { 0, ~LOONG_ADDR(page), ~LOONG_ADDR(page), ~LOONG_ADDR(page) },      \
		.leaf = { 0x80, 0xc0, 0xc0 },                                                      \
		.addr = LOONG_ADDR(page),                                                          \
		.spare = LOONG_ADDR(page) & 0x1000,                                                \
		.rules = { loong_rules[0], loong_rules[1] },                                       \
		.type = { LOONG_TYPES, LOONG_TYPES },                                              \
		.type_mask = { 0x30, 0x30 },                                                       \
		.exact = { 0x40, 0x1000 },                                                         \
		.lost = { 0x10e, 0x10e },                                                          \
		.gone = { LOONG_NR | LOONG_NX, LOONG_NR | LOONG_NX },                              \
		.after_make = MM_PT_AFTER_SYNC | MM_PT_AFTER_MISSES,                               \
		.after_make_top = MM_PT_AFTER_SYNC | MM_PT_AFTER_MISSES,                           \
		.after_gain = MM_PT_AFTER_FLUSH,                                                   \
	};                                                                                         \
	static const struct mm_mask_port id##_port = {                                             \
		.port = { .name = what,                                                            \
			  .nlevels = levels,                                                       \
			  .entry_lg2 = 3,                                                          \
			  .va_bits = 47,                                                           \
			  .pa_bits = 48,                                                           \
			  .extension = half,                                                       \
			  .follows = true,                                                         \
			  .hw_volatile = 3,                                                        \
			  .hw_final = 3,                                                           \
			  .addr_mask = LOONG_ADDR(page),                                           \
			  .empty_ignore = LOONG_WITNESS(page - 3),                                 \
			  .witness = 48,                                                           \
			  .table_mask = ~LOONG_ADDR(page),                                         \
			  .address_plain = 1,                                                      \
			  .leaf_mask = ~(LOONG_ADDR(page) | LOONG_NR | LOONG_NX | 0x43),           \
			  .leaf_bits = 0x190, /* writable, cached, the kernel's */                 \
			  .level = { { page, page - 3, true }, __VA_ARGS__ },                      \
			  MASK_CALLS },                                                            \
		.mask = &id##_mask                                                                 \
	}
#define LOONG_4K                                                                                   \
	{ 21, 9, true }, { 30, 9, true },                                                          \
	{                                                                                          \
		39, 10, false                                                                      \
	}
#define LOONG_16K                                                                                  \
	{ 25, 11, true },                                                                          \
	{                                                                                          \
		36, 12, false                                                                      \
	}
LOONG_PORT(loong, "LoongArch64", 12, 0x1000, MM_PT_VA_ZERO, 4, LOONG_4K);
LOONG_PORT(loong_high, "LoongArch64 high", 12, 0, MM_PT_VA_ONES, 4, LOONG_4K);
LOONG_PORT(loong_16k, "LoongArch64 16K", 14, 0x4000, MM_PT_VA_ZERO, 3, LOONG_16K);
LOONG_PORT(loong_16k_high, "LoongArch64 16K high", 14, 0, MM_PT_VA_ONES, 3, LOONG_16K);
#endif
