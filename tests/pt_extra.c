/* SPDX-License-Identifier: MIT */
/* Formats that are not in the library, for the oracle: as pt_arch.c, from what the head of each says of its bits.
 *   template  0 valid  1 table  2 write  3 no execution  4 user  5 global  6 accessed  7 dirty  9:8 type: write-back,
 *             write-combining, device  51:12 address. Three levels of 512, leaves at each. Stores are to be ordered.
 *   odd       31:30 kind: 1 table, 2 leaf, 3 and the level nothing  24 write  25 execution  26 user  27 accessed
 *             28 dirty  18:0 address >> 5. Tables of 32, 8 and 16 entries of 4 bytes, no leaf at the root.
 *             Break-before-make for another frame, and between leaf and table; stores are to be ordered. */
#include "pt_extra.h"
#include "odd_port.h"
#include "ports/template.h"
#include "pt_arch.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((no_sanitize("coverage", "address", "undefined"))), apply_to = function)
#endif

/* ---- template ---- */

static bool copy_is_leaf(uint64_t e, unsigned level)
{
	return level == 0 || !(e & BIT(1));
}

static uint32_t copy_attr(uint64_t e, unsigned level)
{
	static const uint32_t type[4] = { MM_PT_WB, MM_PT_WC, MM_PT_DEVICE, 7u << 8 };

	(void)level;
	return MM_PT_READ | IF(2, MM_PT_WRITE) | IF_NOT(3, MM_PT_EXEC) | IF(4, MM_PT_USER) | IF(5, MM_PT_GLOBAL) |
	       IF(6, MM_PT_ACCESSED) | IF(7, MM_PT_DIRTY) | type[FIELD(9, 8)];
}

static bool copy_can(uint32_t attr, uint32_t features)
{
	const uint32_t type = attr & MM_PT_TYPE;

	return reads(attr, features) && (type == MM_PT_WB || type == MM_PT_WC || type == MM_PT_DEVICE);
}

static const char *copy_reserved(const struct ora *ora, uint64_t e, unsigned level, bool leaf)
{
	(void)ora;
	if (e & (BITS(63, 52) | BITS(11, 10)))
		return "bits that are nothing";
	if (!leaf)
		return e & BITS(9, 2) ? "a table with rights" : NULL;
	if (e & below(level))
		return "bits below the address of a large page";
	return (e & BIT(1)) || FIELD(9, 8) == 3 ? "a small page that is a table, or type 3" : NULL;
}

static uint64_t copy_touched(uint64_t e, bool last, bool write)
{
	return last ? e | BIT(6) | (write ? BIT(7) : 0) : e;
}

static const struct ora_arch ora_template = {
	.name = "template",
	.top = 2,
	.half = ORA_SIGN,
	.address = BITS(51, 12),
	.must_order = true,
	.is_leaf = copy_is_leaf,
	.attr = copy_attr,
	.path = same_path,
	.can = copy_can,
	.reserved = copy_reserved,
	.touched = copy_touched,
};

/* ---- odd ---- */

static bool odd_is_valid(uint64_t e, unsigned level)
{
	(void)level;
	return FIELD(31, 30) == 1 || FIELD(31, 30) == 2;
}

static bool odd_is_empty(uint64_t e, unsigned level)
{
	return e == (BITS(31, 30) | level);
}

static bool odd_is_leaf(uint64_t e, unsigned level)
{
	(void)level;
	return FIELD(31, 30) == 2;
}

static uint64_t odd_address(uint64_t e, unsigned level)
{
	(void)level;
	return (e & BITS(18, 0)) << 5;
}

static uint32_t odd_rights(uint64_t e, unsigned level)
{
	(void)level;
	return MM_PT_READ | IF(24, MM_PT_WRITE) | IF(25, MM_PT_EXEC) | IF(26, MM_PT_USER) | IF(27, MM_PT_ACCESSED) |
	       IF(28, MM_PT_DIRTY);
}

static bool odd_can(uint32_t attr, uint32_t features)
{
	return reads(attr, features) && !(attr & (MM_PT_GLOBAL | MM_PT_TYPE));
}

static const char *odd_reserved(const struct ora *ora, uint64_t e, unsigned level, bool leaf)
{
	if (e & (BIT(29) | BITS(23, 19)))
		return "bits that are nothing";
	if (!leaf)
		return level == 0 || (e & BITS(28, 24)) ? "a table below the last, or with rights" : NULL;
	if (level == 2)
		return "a leaf at the root";
	return odd_address(e, level) & (BIT(ora->arch->span_lg2[level]) - 1) ? "bits below the address" : NULL;
}

static uint64_t odd_touched(uint64_t e, bool last, bool write)
{
	return last ? e | BIT(27) | (write ? BIT(28) : 0) : e;
}

static const struct ora_arch ora_odd = {
	.name = "odd",
	.top = 2,
	.span_lg2 = { 9, 14, 17 },
	.entries_lg2 = { 5, 3, 4 },
	.entry_lg2 = 2,
	.half = ORA_ZERO,
	.must_break = true,
	.must_order = true,
	.valid = odd_is_valid,
	.empty = odd_is_empty,
	.pa = odd_address,
	.is_leaf = odd_is_leaf,
	.attr = odd_rights,
	.path = same_path,
	.can = odd_can,
	.reserved = odd_reserved,
	.touched = odd_touched,
};

const struct ora_extra ora_extra[ORA_EXTRA] = { { &ora_template, &template_port }, { &ora_odd, &odd_port } };

#if defined(__clang__)
#pragma clang attribute pop
#endif
