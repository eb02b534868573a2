/* SPDX-License-Identifier: MIT */
/* Page-table formats: x86-64, four levels, and five (CR4.LA57). What ia32.h has as well is in X86_... here.
 *
 * Theory of operation
 * Problem      say what Intel's manual (SDM volume 3A, chapter "Paging") and AMD's (APM volume 2,
 *              "Page Translation and Protection") say, as data.
 * Structure    bit   0 P   1 RW   2 US   3 PWT   4 PCD   5 A   6 D (leaf)
 *                    7 PAT at level 0, PS at levels 1 and 2, reserved above
 *                    8 G (leaf)   12 PAT at levels 1 and 2 (leaf)
 *                    51:12 address   58 free for software: dirty of a read-only page
 *                    62:59 protection key (leaf; SDM 4.6.2: ignored unless CR4.PKE or CR4.PKS is set)   63 XD
 *              Tables carry all rights; leaves restrict. Accessed is preset in tables: it saves the CPU a locked store
 *              at the first use. Memory type = PAT entry PAT:PCD:PWT, of which the library's are WB WT UC DEVICE WC;
 *              the reset value repeats 1 to 3 in 5 to 7.
 * Flushes      An entry that was not present is in no TLB (SDM 4.10.2.3), and stores are seen in order. A change of US
 *              is a loss too: under SMEP and SMAP a page that becomes a user's is one that the kernel may no longer
 *              execute or touch. Accessed 1 -> 0 leaves at worst an access unseen. Dirty 1 -> 0 needs the flush, else
 *              later writes go unseen. What a key takes away is each CPU's to say, so that any other key may be a
 *              loss; TLBs hold the key (SDM 4.10.2.2).
 * Where        SDM volume 3A, numbers as in 325384-080US, chapter 4 (later revisions count chapters otherwise): 4.5
 *              "4-Level Paging and 5-Level Paging" formats of entries; 4.6.1 "Determination of Access Rights"; 4.6.2
 *              "Protection Keys"; 4.8 "Accessed and Dirty Flags"; 4.9.2 "Paging and Memory Typing When the PAT is
 *              Supported"; 4.10.2.2 "Caching Translations in TLBs"; 4.10.2.3 "Details of TLB Use"; 4.10.4.1
 *              "Operations that Invalidate TLBs and Paging-Structure Caches"; 4.10.4.2 "Recommended
 *              Invalidation"; 4.10.4.3 "Optional Invalidation". Shadow stacks: volume 1, chapter
 *              "Control-flow Enforcement Technology (CET)"
 * Invariants   X1 what a leaf is made of it tells: M1 of mask.h.
 *              X2 no leaf is made with RW=0 and D=1: under CET that is a shadow stack.
 *              X3 an entry with P=0 is empty only without a payload; accessed and dirty do not
 *                 count, since Knights Landing sets them in entries that are not present, nor does
 *                 the walker's witness in bits 60:52: not in the address, which L1TF reads of such an entry. */
#ifndef MM_SRC_PORTS_X86_64_H
#define MM_SRC_PORTS_X86_64_H
#include <mmlib/pt_x86_64.h>
#include "ports/mask.h"

#define X86_ADDR UINT64_C(0x000ffffffffff000)
#define X86_XD   (UINT64_C(1) << 63)
#define X86_AD   UINT64_C(0x60)

/* With the software's dirty bit: X2. */
#define X86_RULES(soft_d)                                                                          \
	MASK_IF(MM_PT_WRITE, 2), MASK_IF(MM_PT_USER, 4), MASK_IF(MM_PT_GLOBAL, 0x100),             \
		MASK_IF(MM_PT_ACCESSED, 0x20), MASK_SETS(MASK_WD, MASK_WD, 0x40),                  \
		MASK_TELLS(MM_PT_DIRTY, 0x40, 0x40), MASK_SETS(MASK_WD, MM_PT_DIRTY, soft_d),      \
		MASK_TELLS(MM_PT_DIRTY, soft_d, soft_d)
#define X86_ENTRY                                                                                  \
	.type = { { 0, 8, 0x80, 0x10, 0x18 }, { 0, 8, 0x1000, 0x10, 0x18 } },                      \
	.type_mask = { 0x98, 0x1018 }, .type_again = { 0x80, 0x1000 }, .spare = 0x1000,            \
	.valid = 1, .apart = true, .leaf = { 1, 0x81, 0x81 }, .lost = { 0x42, 0x42 }

#define X86_64_SOFT_D   (UINT64_C(1) << 58)
#define X86_64_KEY      (UINT64_C(15) << 59)
#define X86_64_SOFTWARE (UINT64_C(0x7f) << 52 | 0xe00)
#define X86_64_WITNESS  (UINT64_C(511) << 52)

static const struct mm_mask_rule x86_64_rules[MASK_RULES] = { X86_RULES(X86_64_SOFT_D),
							      MASK_UNLESS(MM_PT_EXEC, X86_XD) };
static const struct mm_mask x86_64_mask = {
	X86_ENTRY,
	.table = { 0, 0x27, 0x27, 0x27, 0x27 },
	.addr = X86_ADDR,
	.same = { { MM_PT_KEYS, 47 } },
	.rules = { x86_64_rules },
	.must = MM_PT_READ,
	.seen = 0x1040 | X86_64_SOFTWARE,
	.exact = { 0x104 | X86_64_KEY, 0x104 | X86_64_KEY },
	.gone = { X86_XD, X86_XD },
};
MM_MASK_PORT(x86_64)

#define X86_64_FORMAT                                                                              \
	.entry_lg2 = 3, .pa_bits = 52, .extension = MM_PT_VA_SIGN, .hw_volatile = X86_AD,          \
	.hw_final = X86_AD, .empty_ignore = X86_AD | X86_64_WITNESS, .table_mask = 0x81,           \
	.table_bits = 1, .leaf_mask = 1, .leaf_bits = 1, .address_plain = 1, .witness = 52,        \
	.key_feature = MM_PT_X86_64_KEYS, .addr_mask = X86_ADDR,                                   \
	.level = { { 12, 9, true },                                                                \
		   { 21, 9, true },                                                                \
		   { 30, 9, true },                                                                \
		   { 39, 9, false },                                                               \
		   { 48, 9, false } },                                                             \
	MM_MASK_CALLS(x86_64)

static const struct mm_pt_port mm_port_x86_64 = {
	.name = "x86-64", .nlevels = 4, .va_bits = 48, X86_64_FORMAT
};
static const struct mm_pt_port x86_64_port = {
	.name = "x86-64 LA57", .nlevels = 5, .va_bits = 57, X86_64_FORMAT
};
#endif
