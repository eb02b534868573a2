/* SPDX-License-Identifier: MIT */
/* What the manuals say of page-table entries, for the oracle. Nothing here is taken from the
 * library's ports; numbers are bit numbers in the manuals:
 *   x86-64   Intel SDM volume 3A, 4.5 (4-level paging), 4.8 (accessed and dirty), 4.9.2 (PAT)
 *   AArch64  Arm Architecture Reference Manual, chapter D8: D8.3 descriptor formats, D8.4 access
 *            control, D8.5 hardware updates of accessed and dirty, D8.6 memory regions
 *   RISC-V   Privileged Architecture, "Supervisor-Level ISA": Sv32 (bits 9:0 and the algorithm),
 *            Sv39, Sv48, Svpbmt, Svnapot */
#include <mmlib/pt_aarch64.h>
#include <mmlib/pt_riscv64.h>
#include "pt_oracle.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((no_sanitize("coverage", "address", "undefined"))), apply_to = function)
#endif

#define BIT(n)          (UINT64_C(1) << (n))
#define BITS(hi, lo)    (((BIT((hi) - (lo)) - 1) * 2 + 1) << (lo))
#define FIELD(hi, lo)   ((unsigned)((e & BITS(hi, lo)) >> (lo)))
#define IF(n, what)     (e & BIT(n) ? (uint32_t)(what) : 0u)
#define IF_NOT(n, what) (e & BIT(n) ? 0u : (uint32_t)(what))

/* Bits of a leaf's address that must be clear, for 4 KiB tables of 512. */
static uint64_t below(unsigned level)
{
	return BIT(12 + 9 * level) - BIT(12);
}

/* ---- x86-64, four levels ---- */

static bool x86_is_leaf(uint64_t e, unsigned level)
{
	return level == 0 || (level < 3 && (e & BIT(7)));
}

/* PAT as after reset, and entry 4 write-combining. */
static uint32_t x86_attr(uint64_t e, unsigned level)
{
	static const uint32_t pat[8] = { MM_PT_WB, MM_PT_WT, MM_PT_UC, MM_PT_DEVICE,
					 MM_PT_WC, MM_PT_WT, MM_PT_UC, MM_PT_DEVICE };
	unsigned type = FIELD(4, 3) | (level == 0 ? FIELD(7, 7) : FIELD(12, 12)) << 2;

	return MM_PT_READ | IF(1, MM_PT_WRITE) | IF(2, MM_PT_USER) | IF_NOT(63, MM_PT_EXEC) |
	       IF(8, MM_PT_GLOBAL) | IF(5, MM_PT_ACCESSED) | pat[type] | IF(6, MM_PT_DIRTY) |
	       IF(58, MM_PT_DIRTY); /* 58: the library's own */
}

static uint32_t x86_path(uint64_t e, uint32_t path)
{
	return path &
	       (MM_PT_READ | IF(1, MM_PT_WRITE) | IF(2, MM_PT_USER) | IF_NOT(63, MM_PT_EXEC));
}

static const char *x86_reserved(const struct ora *ora, uint64_t e, unsigned level, bool leaf)
{
	(void)ora;
	if ((level == 3 && (e & BIT(7))) || (leaf && level && (e & below(level) & ~BIT(12))))
		return "reserved bits in a present entry";
	return leaf && !(e & BIT(1)) && (e & BIT(6)) ? "a shadow-stack page: RW=0, D=1" : NULL;
}

static uint64_t x86_touched(uint64_t e, bool last, bool write)
{
	return e | BIT(5) | (last && write ? BIT(6) : 0);
}

const struct ora_arch ora_x86_64 = {
	.name = "x86-64",
	.top = 3,
	.half = ORA_SIGN,
	.address = BITS(51, 12),
	.ignored = BIT(5) | BIT(6),
	.is_leaf = x86_is_leaf,
	.attr = x86_attr,
	.path = x86_path,
	.reserved = x86_reserved,
	.touched = x86_touched,
};

/* ---- AArch64, stage 1 of EL1&0, 4 KiB granule ---- */

/* D8.3: at the last level 11 is a page and 01 reserved; above, 11 is a table and 01 a block. */
static bool a64_is_leaf(uint64_t e, unsigned level)
{
	return level == 0 ? FIELD(1, 0) == 3 : FIELD(1, 0) == 1;
}

/* MAIR_EL1, one byte for each index (D8.6 and the register's description). */
static uint32_t a64_type(unsigned index)
{
	switch (MM_PT_AARCH64_MAIR >> 8 * index & 0xff) {
	case 0xff: /* normal, write-back, allocating, not transient */
		return MM_PT_WB;
	case 0xbb: /* the same, write-through */
		return MM_PT_WT;
	case 0x44: /* normal, not cacheable */
		return MM_PT_WC;
	case 0x04: /* Device-nGnRE */
		return MM_PT_DEVICE;
	default: /* 0: Device-nGnRnE */
		return MM_PT_UC;
	}
}

/* D8.4, table of AP[2:1], UXN and PXN with two privilege levels. DBM (D8.5) makes AP[2] say
 * that the page is clean. Bit 55 is software's: the library's dirty of a page not writable. */
static uint32_t a64_attr(uint64_t e, unsigned level)
{
	bool el0 = e & BIT(6), read_only = e & BIT(7), dbm = e & BIT(51);
	uint32_t attr = MM_PT_READ | a64_type(FIELD(4, 2)) | IF(10, MM_PT_ACCESSED);

	(void)level;
	attr |= el0 ? MM_PT_USER | IF_NOT(54, MM_PT_EXEC) : IF_NOT(53, MM_PT_EXEC);
	attr |= IF_NOT(11, MM_PT_GLOBAL);
	attr |= !read_only || dbm ? MM_PT_WRITE : 0u;
	return attr | (!read_only ? MM_PT_DIRTY : dbm ? 0u : IF(55, MM_PT_DIRTY));
}

/* D8.3 and D8.4: APTable 62:61, UXNTable 60, PXNTable 59. */
static uint32_t a64_path(uint64_t e, uint32_t path)
{
	return path & ~(IF(62, MM_PT_WRITE) | IF(61, MM_PT_USER) | IF(60, MM_PT_EXEC) |
			IF(59, MM_PT_EXEC));
}

static const char *a64_reserved(const struct ora *ora, uint64_t e, unsigned level, bool leaf)
{
	(void)ora;
	if (level == 0 && FIELD(1, 0) != 3)
		return "a descriptor of type 01 at the last level";
	if (level == 3 && leaf)
		return "a block of 512 GiB: there is none with 48 bits and 4 KiB";
	if (e & BITS(50, 48))
		return "RES0 bits 49:48, or GP";
	if (!leaf)
		return e & BITS(63, 59) ? "NSTable, APTable, UXNTable or PXNTable" : NULL;
	if (e & below(level))
		return "RES0 bits below the address of a block, or nT";
	if (e & (BIT(5) | BIT(52) | BITS(63, 59)))
		return "NS, Contiguous, or bits 63:59";
	if (FIELD(4, 2) > 4)
		return "an index into MAIR that nobody sets";
	if (FIELD(4, 2) < 2 && FIELD(9, 8) != 3)
		return "cached memory that is not inner shareable";
	if (e & BIT(6) ? !(e & BIT(53)) : !(e & BIT(54)))
		return "EL1 may execute a page of EL0, or EL0 one of EL1";
	return NULL;
}

/* D8.5: with TCR.HA a leaf's AF becomes 1, with TCR.HD a write clears AP[2] if DBM is 1. */
static uint64_t a64_touched(uint64_t e, bool last, bool write)
{
	if (last)
		e |= BIT(10);
	return last && write && (e & BIT(51)) ? e & ~BIT(7) : e;
}

#define ORA_AARCH64                                                                                \
	.top = 3, .address = BITS(47, 12), .must_break = true, .must_order = true,                 \
	.user_is_not_kernel = true, .is_leaf = a64_is_leaf, .attr = a64_attr, .path = a64_path,    \
	.reserved = a64_reserved, .touched = a64_touched

const struct ora_arch ora_aarch64 = { .name = "AArch64 low", .half = ORA_ZERO, ORA_AARCH64 };
const struct ora_arch ora_aarch64_high = { .name = "AArch64 high", .half = ORA_ONES, ORA_AARCH64 };

/* ---- RISC-V, Sv39 and Sv48 ---- */

/* Step 4 of the algorithm: R or X makes a leaf. W alone is reserved (step 3), so no table either. */
static bool rv_is_leaf(uint64_t e, unsigned level)
{
	(void)level;
	return e & BITS(3, 1);
}

static uint32_t rv_attr(uint64_t e, unsigned level)
{
	static const uint32_t pbmt[4] = { MM_PT_WB, MM_PT_WC, MM_PT_DEVICE, MM_PT_UC };

	(void)level;
	return IF(1, MM_PT_READ) | IF(2, MM_PT_WRITE) | IF(3, MM_PT_EXEC) | IF(4, MM_PT_USER) |
	       IF(5, MM_PT_GLOBAL) | IF(6, MM_PT_ACCESSED) | IF(7, MM_PT_DIRTY) |
	       pbmt[FIELD(62, 61)];
}

/* G in a table makes all below it global. */
static uint32_t rv_path(uint64_t e, uint32_t path)
{
	return path | IF(5, MM_PT_GLOBAL);
}

static const char *rv_reserved(const struct ora *ora, uint64_t e, unsigned level, bool leaf)
{
	if (e & (BITS(60, 54) | BIT(63)))
		return "bits 60:54, or N without Svnapot";
	if (!leaf && level == 0)
		return "a table below the last level";
	if (!leaf)
		return e & (BIT(4) | BIT(6) | BIT(7) | BITS(62, 61)) ? "U, A, D or PBMT in a table"
								     : NULL;
	if (!(e & BIT(1)) && (e & BIT(2)))
		return "writable and not readable";
	if (FIELD(62, 61) == 3 || (FIELD(62, 61) && !(ora->features & MM_PT_RISCV64_SVPBMT)))
		return "PBMT 3, or without Svpbmt";
	return (e & ora->arch->address & ~ora->c_bit) << 2 & below(level) ? "a misaligned superpage"
									  : NULL;
}

static uint64_t rv_touched(uint64_t e, bool last, bool write)
{
	return last ? e | BIT(6) | (write ? BIT(7) : 0) : e;
}

#define ORA_RISCV64                                                                                \
	.half = ORA_SIGN, .address = BITS(53, 10), .shift = 2, .must_order = true,                 \
	.user_is_not_kernel = true, .is_leaf = rv_is_leaf, .attr = rv_attr, .path = rv_path,       \
	.reserved = rv_reserved, .touched = rv_touched

const struct ora_arch ora_sv39 = { .name = "Sv39", .top = 2, ORA_RISCV64 };
const struct ora_arch ora_sv48 = { .name = "Sv48", .top = 3, ORA_RISCV64 };

#if defined(__clang__)
#pragma clang attribute pop
#endif
