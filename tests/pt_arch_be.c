/* SPDX-License-Identifier: MIT */
/* What the manuals say of page-table entries that are big-endian, for the oracle: as pt_arch.c.
 *   s390x    z/Architecture Principles of Operation, SA22-7832-12, chapter 3, "Dynamic Address Translation"
 *   PPC64    Power ISA 3.0B, book III, 5.7.10 "Radix Tree Translation" */
#include "pt_arch.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((no_sanitize("coverage", "address", "undefined"))),     \
			     apply_to = function)
#endif

/* Bits of a number in this CPU's order of bytes, as the manual numbers them: what software keeps for itself. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define OWN(bits) (bits)
#else
#define OWN(bits) __builtin_bswap64(bits)
#endif

/* ---- s390x ---- */

static bool s390_valid(uint64_t e, unsigned level)
{
	return !(e & (level ? BIT(5) : BIT(10)));
}

static bool s390_empty(uint64_t e, unsigned level)
{
	return level ? e == ((uint64_t)(level - 1) << 2 | BIT(5)) : (e & ~OWN(BITS(23, 16))) == BIT(10);
}

static bool s390_is_leaf(uint64_t e, unsigned level)
{
	return level == 0 || (e & BIT(10));
}

static uint64_t s390_pa(uint64_t e, unsigned level)
{
	if (level == 0 || !s390_is_leaf(e, level))
		return e & (level == 1 ? BITS(63, 11) : BITS(63, 12));
	return e & (level == 1 ? BITS(63, 20) : BITS(63, 31));
}

/* Referenced and changed are in the storage key: told as set. */
static uint32_t s390_attr(uint64_t e, unsigned level)
{
	(void)level;
	return MM_PT_READ | IF_NOT(9, MM_PT_WRITE) | IF_NOT(8, MM_PT_EXEC) | MM_PT_ACCESSED |
	       MM_PT_DIRTY;
}

static uint32_t s390_path(uint64_t e, uint32_t path)
{
	return path & ~(IF(9, MM_PT_WRITE) | IF(8, MM_PT_EXEC));
}

static bool s390_can(uint32_t attr, uint32_t features)
{
	return reads(attr, features) &&
	       !(attr & (MM_PT_USER | MM_PT_GLOBAL | MM_PT_TYPE | MM_PT_TRACK));
}

static const char *s390_reserved(const struct ora *ora, uint64_t e, unsigned level, bool leaf)
{
	(void)ora;
	if (level == 0)
		return e & (BIT(11) | BITS(7, 1)) || !(e & BIT(0)) ? "bit 11 of a page, or not the software bits of a leaf" : NULL;
	if (FIELD(3, 2) != level - 1)
		return "a table type of another level";
	if (leaf)
		return level > 2 || e & (s390_pa(~UINT64_C(0), level) ^ BITS(63, 12)) ||
				       e & (BIT(11) | BITS(7, 4) | BITS(1, 0))
			       ? "a large page of region 2, or bits below its address"
			       : NULL;
	if (level == 1)
		return e & BITS(10, 0) ? "bits below a page table's address" : NULL;
	return (e & BITS(11, 4)) || FIELD(1, 0) != 3 ? "a table that is not whole, or with rights"
						     : NULL;
}

#define ORA_S390                                                                                   \
	.big_endian = true, .half = ORA_ZERO, .must_break = true, .valid = s390_valid,             \
	.empty = s390_empty, .pa = s390_pa, .is_leaf = s390_is_leaf, .attr = s390_attr,            \
	.path = s390_path, .can = s390_can, .unkept = MM_PT_ACCESSED | MM_PT_DIRTY,                \
	.fixed = MM_PT_ACCESSED | MM_PT_DIRTY, .reserved = s390_reserved, .touched = not_touched

const struct ora_arch ora_s390x = { .name = "s390x region 3",
				    .top = 2,
				    .span_lg2 = { 12, 20, 31 },
				    .entries_lg2 = { 8, 11, 11 },
				    ORA_S390 };
const struct ora_arch ora_s390x_r2 = { .name = "s390x region 2",
				       .top = 3,
				       .span_lg2 = { 12, 20, 31, 42 },
				       .entries_lg2 = { 8, 11, 11, 11 },
				       ORA_S390 };

/* ---- PPC64 radix: bit n here is 63 - n of the book ---- */

static bool ppc_valid(uint64_t e, unsigned level)
{
	(void)level;
	return e & BIT(63);
}

static bool ppc_is_leaf(uint64_t e, unsigned level)
{
	(void)level;
	return e & BIT(62);
}

static uint64_t ppc_pa(uint64_t e, unsigned level)
{
	return ppc_is_leaf(e, level) ? e & BITS(56, 12) : e & BITS(59, 8);
}

/* Encoded access authority 3:0: privileged, read, read and write, execute. Attributes 5:4. */
static uint32_t ppc_attr(uint64_t e, unsigned level)
{
	static const uint32_t type[4] = { MM_PT_WB, 7u << 8, MM_PT_DEVICE, MM_PT_UC };

	(void)level;
	return IF(2, MM_PT_READ) | IF(1, MM_PT_WRITE | MM_PT_READ) | IF(0, MM_PT_EXEC) |
	       IF_NOT(3, MM_PT_USER) | IF(8, MM_PT_ACCESSED) | IF(7, MM_PT_DIRTY) |
	       type[FIELD(5, 4)];
}

static bool ppc_can(uint32_t attr, uint32_t features)
{
	uint32_t type = attr & MM_PT_TYPE;

	(void)features;
	return (!(attr & MM_PT_WRITE) || (attr & MM_PT_READ)) && !(attr & MM_PT_GLOBAL) &&
	       (type == MM_PT_WB || type == MM_PT_UC || type == MM_PT_DEVICE);
}

static const char *ppc_reserved(const struct ora *ora, uint64_t e, unsigned level, bool leaf)
{
	(void)ora;
	if (!leaf)
		return level == 0 || (e & (BITS(61, 60) | BITS(11, 5))) || FIELD(4, 0) != 9
			       ? "reserved bits of a directory, or a table that is not of 512"
			       : NULL;
	if (level > 2 || (e & BITS(60, 59)) || (e & BIT(6)))
		return "a leaf at the root, or reserved bits";
	if (e & below(level))
		return "bits below the address of a large page";
	return FIELD(5, 4) == 1 ? "strong access order" : e & BITS(2, 0) ? NULL : "no rights";
}

static uint64_t ppc_touched(uint64_t e, bool last, bool write)
{
	return last ? e | BIT(8) | (write ? BIT(7) : 0) : e;
}

const struct ora_arch ora_ppc64 = {
	.name = "PPC64 radix",
	.top = 3,
	.span_lg2 = { 12, 21, 30, 39 },
	.entries_lg2 = { 9, 9, 9, 13 },
	.big_endian = true,
	.half = ORA_ZERO,
	.must_break = true,
	.must_order = true,
	.ignored = OWN(BITS(24, 16)),
	.valid = ppc_valid,
	.pa = ppc_pa,
	.is_leaf = ppc_is_leaf,
	.attr = ppc_attr,
	.path = same_path,
	.can = ppc_can,
	.reserved = ppc_reserved,
	.touched = ppc_touched,
};

#if defined(__clang__)
#pragma clang attribute pop
#endif
