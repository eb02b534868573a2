/* SPDX-License-Identifier: MIT */
/* What the manuals say of page-table entries whose TLBs hold pairs of pages, for the oracle: as pt_arch.c.
 *   LoongArch64  LoongArch Reference Manual, volume 1, v1.10, "Memory Management": page table entry formats of a
 *                page, of a large one and of a directory; memory access types; page walk controllers
 *   MIPS64       MIPS64 Architecture For Programmers, volume III (MD00091, revision 6.03), EntryLo0 and EntryLo1:
 *                G 0, V 1, D 2, C 5:3, PFN from 6 on, XI 62, RI 63. What tables have around that is mmlib's own:
 *                ports/mips64.h */
#include "pt_arch.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((no_sanitize("coverage", "address", "undefined"))),     \
			     apply_to = function)
#endif

/* ---- LoongArch64 ---- */

/* A walk follows whatever a directory has: but for the table that leads nowhere (pt_oracle.c) all is valid. */
static bool loong_valid(uint64_t e, unsigned level)
{
	return level > 0 || (e & BIT(7));
}

static bool loong_is_leaf(uint64_t e, unsigned level)
{
	return level == 0 || (e & BIT(6));
}

static uint32_t loong_attr(uint64_t e, unsigned level)
{
	static const uint32_t mat[4] = { MM_PT_DEVICE, MM_PT_WB, MM_PT_WC, 7u << 8 };

	return IF_NOT(61, MM_PT_READ) | IF(8, MM_PT_WRITE) | IF_NOT(62, MM_PT_EXEC) |
	       (FIELD(3, 2) == 3 ? (uint32_t)MM_PT_USER : 0u) | IF(0, MM_PT_ACCESSED) |
	       IF(1, MM_PT_DIRTY) | IF(9, MM_PT_DIRTY) | /* 9: the library's own */
	       (level ? IF(12, MM_PT_GLOBAL) : IF(6, MM_PT_GLOBAL)) | mat[FIELD(5, 4)];
}

static bool loong_can(uint32_t attr, uint32_t features)
{
	uint32_t type = attr & MM_PT_TYPE;

	(void)features;
	return type == MM_PT_WB || type == MM_PT_WC || type == MM_PT_DEVICE;
}

static const char *loong_reserved(const struct ora *ora, uint64_t e, unsigned level, bool leaf)
{
	const unsigned page = ora->arch->span_lg2[0], shift = ora->arch->span_lg2[level];

	if (e & BITS(60, 48))
		return "bits 60:48";
	if (!leaf)
		return e & (BITS(63, 61) | (BIT(page) - 1))
			       ? "a directory with more than an address"
			       : NULL;
	if (level == ora->arch->top)
		return "a large page at the root";
	if (!(e & BIT(7)))
		return "a large page that is not present";
	if ((e & BIT(63)) || FIELD(3, 2) == 1 || FIELD(3, 2) == 2 || FIELD(5, 4) == 3)
		return "RPLV, a level of privilege between kernel and user, or MAT 3";
	if ((e & BIT(1)) && !(e & BIT(8)))
		return "a page that a TLB would let be written, and that may not be";
	if (e & BITS(11, 10))
		return "software bits";
	/* LDDIR puts the level into 14:13 of a large one; 12 is G there. */
	return e & ((BIT(shift) - BIT(12)) & ~(level ? BIT(12) : 0)) ? "bits below the address"
								     : NULL;
}

/* The hardware walker. Without it, who handles the exception does the same: mm_pt_touch(). */
static uint64_t loong_touched(uint64_t e, bool last, bool write)
{
	return last ? e | BIT(0) | (write ? BIT(1) : 0) : e;
}

#define ORA_LOONG                                                                                  \
	.half = ORA_ZERO, .va_bits = 47, .address = BITS(47, 12), .must_break = true,              \
	.must_order = true, .valid = loong_valid, .is_leaf = loong_is_leaf, .attr = loong_attr,    \
	.path = same_path, .can = loong_can, .reserved = loong_reserved, .touched = loong_touched, \
	.pairs = true, .follows = true
#define LOONG_4K  .top = 3, .span_lg2 = { 12, 21, 30, 39 }, .entries_lg2 = { 9, 9, 9, 10 }, .ignored = BITS(56, 48)
#define LOONG_16K .top = 2, .ignored = BITS(58, 48), .span_lg2 = { 14, 25, 36 }, .entries_lg2 = { 11, 11, 12 }
#if defined(__clang__)
#pragma clang diagnostic ignored "-Winitializer-overrides"
#else
#pragma GCC diagnostic ignored "-Woverride-init"
#endif
const struct ora_arch ora_loong = { ORA_LOONG, LOONG_4K, .name = "LoongArch64", .nowhere = 0x1000 };
const struct ora_arch ora_loong_high = { ORA_LOONG, LOONG_4K, .name = "LoongArch64 high",
					 .half = ORA_ONES, .nowhere = 0 };
const struct ora_arch ora_loong_16k = { ORA_LOONG, LOONG_16K, .name = "LoongArch64 16K",
					.nowhere = 0x4000 };
const struct ora_arch ora_loong_16k_high = { ORA_LOONG, LOONG_16K, .name = "LoongArch64 16K high",
					     .half = ORA_ONES, .nowhere = 0 };

/* ---- MIPS64 ---- */

/* EntryLo of an entry; its bits 61:58 are the library's own: 58 present, 59 written, 60 dirty, 61 large. */
static uint64_t mips_lo(uint64_t e)
{
	return e >> 6 | e << 58;
}

static bool mips_valid(uint64_t e, unsigned level)
{
	(void)level;
	return mips_lo(e) & BIT(58);
}

static bool mips_is_leaf(uint64_t e, unsigned level)
{
	return level == 0 || (mips_lo(e) & BIT(61));
}

static uint32_t mips_attr(uint64_t entry, unsigned level)
{
	static const uint32_t c[8] = { 7u << 8, 7u << 8, MM_PT_DEVICE, MM_PT_WB,
				       7u << 8, 7u << 8, 7u << 8,      MM_PT_WC };
	const uint64_t e = mips_lo(entry);

	(void)level;
	return IF_NOT(63, MM_PT_READ) | IF(59, MM_PT_WRITE) | IF_NOT(62, MM_PT_EXEC) |
	       IF(0, MM_PT_GLOBAL) | IF(1, MM_PT_ACCESSED) | IF(2, MM_PT_DIRTY) |
	       IF(60, MM_PT_DIRTY) | c[FIELD(5, 3)];
}

/* Who may use an address is its segment's to say. */
static bool mips_can(uint32_t attr, uint32_t features)
{
	return loong_can(attr, features) && !(attr & MM_PT_USER);
}

static const char *mips_reserved(const struct ora *ora, uint64_t entry, unsigned level, bool leaf)
{
	const uint64_t e = mips_lo(entry);

	(void)ora;
	if (e & BITS(57, 53))
		return "address bits 63:59";
	if (!leaf)
		return level == 0 || (e & (BITS(5, 0) | BITS(63, 59)))
			       ? "a directory with more than an address"
			       : NULL;
	if (level == 0 ? (e & BIT(61)) : level == 3)
		return "a large page at the root, or a small one that says so";
	if (entry & below(level))
		return "bits below the address";
	if ((e & BIT(2)) && !(e & BIT(59)))
		return "a page that a TLB would let be written, and that may not be";
	return (mips_attr(entry, level) & MM_PT_TYPE) > MM_PT_DEVICE ? "C that nobody sets" : NULL;
}

static uint64_t mips_touched(uint64_t e, bool last, bool write)
{
	return last ? e | BIT(7) | (write ? BIT(8) : 0) : e;
}

const struct ora_arch ora_mips64 = {
	.name = "MIPS64",
	.top = 3,
	.half = ORA_ZERO,
	.address = BITS(58, 12),
	.ignored = BITS(24, 16),
	.must_break = true,
	.must_order = true,
	.valid = mips_valid,
	.is_leaf = mips_is_leaf,
	.attr = mips_attr,
	.path = same_path,
	.can = mips_can,
	.reserved = mips_reserved,
	.touched = mips_touched,
	.pairs = true,
};

#if defined(__clang__)
#pragma clang attribute pop
#endif
