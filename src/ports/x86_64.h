/* SPDX-License-Identifier: MIT */
/* Page-table formats: x86-64, four levels, and five (CR4.LA57).
 *
 * Theory of operation
 * Problem      say what Intel's manual (SDM volume 3A, chapter "Paging") and AMD's (APM volume 2,
 *              "Page Translation and Protection") say, as pure functions.
 * Structure    bit   0 P   1 RW   2 US   3 PWT   4 PCD   5 A   6 D (leaf)
 *                    7 PAT at level 0, PS at levels 1 and 2, reserved above
 *                    8 G (leaf)   12 PAT at levels 1 and 2 (leaf)
 *                    51:12 address   58 free for software: dirty of a read-only page
 *                    62:59 protection key (leaf; SDM 4.6.2: ignored unless CR4.PKE or CR4.PKS is set)   63 XD
 *              Tables carry all rights; leaves restrict. Memory type = PAT entry PAT:PCD:PWT.
 * Where        SDM volume 3A, numbers as in 325384-080US, chapter 4 (later revisions count chapters otherwise): 4.5
 *              "4-Level Paging and 5-Level Paging" formats of entries; 4.6.1 "Determination of Access Rights"; 4.6.2
 *              "Protection Keys"; 4.8 "Accessed and Dirty Flags"; 4.9.2 "Paging and Memory Typing When the PAT is
 *              Supported"; 4.10.2.2 "Caching Translations in TLBs"; 4.10.2.3 "Details of TLB Use"; 4.10.4.1
 *              "Operations that Invalidate TLBs and Paging-Structure Caches"; 4.10.4.2 "Recommended
 *              Invalidation"; 4.10.4.3 "Optional Invalidation". Shadow stacks: volume 1, chapter
 *              "Control-flow Enforcement Technology (CET)"
 * Invariants   X1 leaf() and attr() are inverse to each other for all that check() lets pass.
 *              X2 no leaf has RW=0 and D=1: under CET that is a shadow stack.
 *              X3 an entry with P=0 is empty only without a payload; accessed and dirty do not
 *                 count, since Knights Landing sets them in entries that are not present, nor does
 *                 the walker's witness in bits 60:52. */
#ifndef MM_SRC_PORTS_X86_64_H
#define MM_SRC_PORTS_X86_64_H
#include <mmlib/pt_port.h>
#include <mmlib/pt_x86_64.h>
#include "bits.h"
#include "hook.h"

#define X86_FN static inline __attribute__((__always_inline__))

#define X86_P       (UINT64_C(1) << 0)
#define X86_RW      (UINT64_C(1) << 1)
#define X86_US      (UINT64_C(1) << 2)
#define X86_PWT     (UINT64_C(1) << 3)
#define X86_PCD     (UINT64_C(1) << 4)
#define X86_A       (UINT64_C(1) << 5)
#define X86_D       (UINT64_C(1) << 6)
#define X86_PS      (UINT64_C(1) << 7)
#define X86_G       (UINT64_C(1) << 8)
#define X86_SOFT_D  (UINT64_C(1) << 58)
#define X86_KEY     (UINT64_C(15) << X86_KEY_LG2)
#define X86_XD      (UINT64_C(1) << 63)
#define X86_PAT_LG2 7u                           /* at level 0 */
#define X86_PAT_BIG 12u                          /* at levels 1 and 2 */
#define X86_ADDR    UINT64_C(0x000ffffffffff000) /* bits 51:12 */
#define X86_KEY_LG2 59u
#define X86_WITNESS 52u                          /* of nine bits, not in the address: L1TF reads that of an... */
#define X86_IGNORED (X86_A | X86_D | UINT64_C(511) << X86_WITNESS) /* ...entry that is not present */

X86_FN uint64_t x86_64_pat(unsigned level)
{
	return 1u << (level ? X86_PAT_BIG : X86_PAT_LG2);
}

/* Address bits of a leaf at a level. Without PAT, which lies below them. */
X86_FN uint64_t x86_64_leaf_addr(unsigned level)
{
	return X86_ADDR & ~(mm_shl64(1, 12 + 9 * level) - 1);
}

X86_FN uint64_t x86_64_empty(const struct mm_pt *pt, unsigned level)
{
	(void)pt;
	(void)level;
	return 0;
}

/* Most frequent first: the walk down takes one test for each table. */
X86_FN enum mm_pt_kind x86_64_classify(const struct mm_pt *pt, uint64_t entry, unsigned level)
{
	if (level > 0 && (entry & (X86_P | X86_PS | pt->reserved)) == X86_P)
		return MM_PT_TABLE;
	if (level == 0 && (entry & X86_P) && !(entry & pt->reserved))
		return MM_PT_LEAF;
	if (!(entry & ~X86_IGNORED))
		return MM_PT_EMPTY; /* X3 */
	if (level == 0)
		return MM_PT_BAD;
	if (!(entry & X86_P) || (entry & pt->reserved) || !(pt->cfg.leaf_levels >> level & 1))
		return MM_PT_BAD;
	return entry & X86_ADDR & ~x86_64_leaf_addr(level) & ~x86_64_pat(level) ? MM_PT_BAD
										: MM_PT_LEAF;
}

X86_FN enum mm_status x86_64_check(const struct mm_pt *pt, uint32_t attr)
{
	(void)pt;
	return attr & MM_PT_READ ? MM_OK : MM_E_NOTSUP;
}

/* PAT entry for a memory type, and back, as digits of a constant: no branches, so that a loop that
 * writes leaves computes all but the address once. Types are in order WB WT WC UC DEVICE. PAT
 * entries 5 to 7 are not ours; the reset value repeats 1 to 3 there. */
#define X86_TYPE_TO_PAT 0x32410u
#define X86_PAT_TO_TYPE 0x43124310u

X86_FN uint64_t x86_64_type(uint32_t attr, unsigned level)
{
	uint32_t pat = X86_TYPE_TO_PAT >> ((attr & MM_PT_TYPE) >> 8) * 4 & 7;

	return (pat & 3) << 3 | (pat >> 2) << (level ? X86_PAT_BIG : X86_PAT_LG2);
}

X86_FN uint32_t x86_64_attr_type(uint64_t entry, unsigned level)
{
	uint32_t low = (uint32_t)entry, pat = low >> 3 & 3;

	pat |= (low >> (level ? X86_PAT_BIG : X86_PAT_LG2) & 1) << 2;
	return (X86_PAT_TO_TYPE >> pat * 4 & 7) << 8;
}

/* Protection keys are four bits here and there: this much further left. */
#define X86_KEY_SHIFT (X86_KEY_LG2 - 12u)

X86_FN uint64_t x86_64_key(uint32_t attr)
{
	return mm_shl64(attr & MM_PT_KEYS, X86_KEY_SHIFT);
}

X86_FN uint32_t x86_64_attr_key(uint64_t entry, unsigned level)
{
	if (level && MM_PLANTED(MM_PLANT_X86_KEY_TELL))
		return 0;
	return (uint32_t)mm_shr64(entry, X86_KEY_SHIFT) & MM_PT_KEYS;
}

X86_FN uint64_t x86_64_frame(const struct mm_pt *pt, mm_paddr_t pa, unsigned level)
{
	(void)pt;
	(void)level;
	return pa;
}

X86_FN uint64_t x86_64_leaf(const struct mm_pt *pt, mm_paddr_t pa, unsigned level, uint32_t attr)
{
	uint64_t entry = X86_P | x86_64_type(attr, level) | x86_64_key(attr) | pt->cfg.set_bits;

	if (!(attr & MM_PT_TRACK))
		attr |= MM_PT_ACCESSED | MM_PT_DIRTY;
	entry |= level ? X86_PS : 0;
	entry |= attr & MM_PT_WRITE ? X86_RW : 0;
	entry |= attr & MM_PT_USER ? X86_US : 0;
	entry |= attr & MM_PT_GLOBAL ? X86_G : 0;
	entry |= attr & MM_PT_EXEC ? 0 : X86_XD;
	entry |= attr & MM_PT_ACCESSED ? X86_A : 0;
	if (attr & MM_PT_DIRTY)
		entry |= attr & MM_PT_WRITE ? X86_D : X86_SOFT_D; /* X2 */
	return entry | pa;
}

X86_FN uint32_t x86_64_attr(const struct mm_pt *pt, uint64_t entry, unsigned level)
{
	uint32_t attr = MM_PT_READ | x86_64_attr_type(entry, level) | x86_64_attr_key(entry, level);

	(void)pt;
	attr |= entry & X86_RW ? MM_PT_WRITE : 0u;
	attr |= (uint32_t)(entry & (X86_US | X86_A | X86_D)) << 1; /* user, accessed, dirty: at once */
	attr |= entry & X86_G ? MM_PT_GLOBAL : 0u;
	attr |= entry & X86_XD ? 0u : MM_PT_EXEC;
	attr |= entry & X86_SOFT_D ? MM_PT_DIRTY : 0u;
	return attr;
}

/* Accessed is preset: it saves the CPU a locked store at the first use. */
X86_FN uint64_t x86_64_table(const struct mm_pt *pt, mm_paddr_t pa, unsigned level)
{
	(void)level;
	return X86_P | X86_RW | X86_US | X86_A | pt->cfg.set_bits | pa;
}

X86_FN mm_paddr_t x86_64_below(const struct mm_pt *pt, uint64_t entry)
{
	return (mm_paddr_t)(entry & pt->address);
}

X86_FN mm_paddr_t x86_64_pa(const struct mm_pt *pt, uint64_t entry, unsigned level)
{
	if (level && (entry & X86_PS))
		entry &= x86_64_leaf_addr(level);
	return (mm_paddr_t)(entry & pt->address);
}

/* From leaf to leaf of the same size. A change of US is a loss too: under SMEP and SMAP a page that
 * becomes a user's is one that the kernel may no longer execute or touch. Accessed 1 -> 0 leaves at
 * worst an access unseen. Dirty 1 -> 0 needs the flush, else later writes go unseen. What a key takes away is each
 * CPU's to say, so that any other key may be a loss; TLBs hold the key (SDM 4.10.2.2). */
X86_FN unsigned x86_64_between_leaves(uint64_t old, uint64_t now, unsigned level)
{
	uint64_t any = X86_ADDR | X86_PWT | X86_PCD | x86_64_pat(level) | X86_G | X86_US | X86_KEY;
	uint64_t lost = (old & ~now & (X86_RW | X86_D)) | (~old & now & X86_XD);

	if (MM_PLANTED(MM_PLANT_X86_KEY_FLUSH))
		any &= ~X86_KEY;
	if (MM_PLANTED(MM_PLANT_X86_GLOBAL))
		any &= ~X86_G;
	return ((old ^ now) & any) | lost ? MM_PT_AFTER_FLUSH : MM_PT_AFTER_NONE;
}

/* An entry that was not present is in no TLB (SDM 4.10.2.3), and stores are seen in order. */
X86_FN unsigned x86_64_transition(const struct mm_pt *pt, uint64_t old, uint64_t now,
				  unsigned level)
{
	(void)pt;
	if (!(old & X86_P))
		return MM_PT_AFTER_NONE;
	bool was_table = level && !(old & X86_PS), is_table = level && !(now & X86_PS);
	if (was_table || (is_table && (now & X86_P)))
		return MM_PT_AFTER_FLUSH | MM_PT_AFTER_TABLES;
	if (!(now & X86_P))
		return MM_PT_AFTER_FLUSH;
	return x86_64_between_leaves(old, now, level);
}

/* What both share. */
#define X86_FORMAT                                                                                 \
	.entry_lg2 = 3, .pa_bits = 52, .extension = MM_PT_VA_SIGN, .hw_volatile = X86_A | X86_D,   \
	.hw_final = X86_A | X86_D, .empty_ignore = X86_IGNORED, .table_mask = X86_P | X86_PS,      \
	.table_bits = X86_P, .leaf_mask = X86_P, .leaf_bits = X86_P, .address_plain = 1,           \
	.witness = X86_WITNESS, .key_feature = MM_PT_X86_64_KEYS, .addr_mask = X86_ADDR,           \
	.empty = x86_64_empty, .classify = x86_64_classify, .check = x86_64_check,                 \
	.leaf = x86_64_leaf, .frame = x86_64_frame, .attr = x86_64_attr, .table = x86_64_table,    \
	.below = x86_64_below, .pa = x86_64_pa, .transition = x86_64_transition

static const struct mm_pt_port mm_port_x86_64 = {
	.name = "x86-64",
	.nlevels = 4,
	.va_bits = 48,
	.level = { { 12, 9, true }, { 21, 9, true }, { 30, 9, true }, { 39, 9, false } },
	X86_FORMAT,
};

static const struct mm_pt_port mm_port_x86_64_la57 __attribute__((__unused__)) = {
	.name = "x86-64 LA57",
	.nlevels = 5,
	.va_bits = 57,
	.level = { { 12, 9, true }, { 21, 9, true }, { 30, 9, true }, { 39, 9, false }, { 48, 9, false } },
	X86_FORMAT,
};
#endif
