/* SPDX-License-Identifier: MIT */
/* What the manuals say of page-table entries, for the oracle. Nothing here is taken from the
 * library's ports; numbers are bit numbers in the manuals:
 *   x86-64   Intel SDM volume 3A, 325384-080US, 4.5 (4-level paging), 4.6.2 (protection keys), 4.8 (accessed and
 *            dirty), 4.9.2 (PAT)
 *   AArch64  Arm Architecture Reference Manual, DDI 0487 J.a, chapter D8: D8.3 descriptor formats, D8.4 access
 *            control, D8.5 hardware updates of accessed and dirty, D8.6 memory regions
 *   ia32     the same volume, 4.3 (32-bit paging), 4.4 (PAE)
 *   EPT      Intel SDM volume 3C, "The Extended Page-Table Mechanism (EPT)": "EPT Translation Mechanism" (tables of
 *            formats), "EPT Misconfigurations"
 *   ARMv7-A  Arm Architecture Reference Manual, ARMv7-A and ARMv7-R, DDI 0406C: B3.5, B3.6 (formats), B3.7 (access)
 *   RISC-V   Privileged Architecture, 20211203, "Supervisor-Level ISA": Sv32 (bits 9:0 and the algorithm),
 *            Sv39, Sv48, Sv57, Svpbmt, Svnapot; "Hypervisor Extension" (G-stage) */
#include <mmlib/pt_aarch64.h>
#include <mmlib/pt_formats.h>
#include <mmlib/pt_riscv64.h>
#include <mmlib/pt_x86_64.h>
#include "pt_arch.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((no_sanitize("coverage", "address", "undefined"))),     \
			     apply_to = function)
#endif

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
	       IF(58, MM_PT_DIRTY) /* 58: the library's own */ | FIELD(62, 59) << 12;
}

static uint32_t x86_path(uint64_t e, uint32_t path)
{
	return path &
	       (MM_PT_READ | IF(1, MM_PT_WRITE) | IF(2, MM_PT_USER) | IF_NOT(63, MM_PT_EXEC));
}

static const char *x86_reserved(const struct ora *ora, uint64_t e, unsigned level, bool leaf)
{
	(void)ora;
	if ((level >= 3 && (e & BIT(7))) || (leaf && level && (e & below(level) & ~BIT(12))))
		return "reserved bits in a present entry";
	return leaf && !(e & BIT(1)) && (e & BIT(6)) ? "a shadow-stack page: RW=0, D=1" : NULL;
}

static uint64_t x86_touched(uint64_t e, bool last, bool write)
{
	return e | BIT(5) | (last && write ? BIT(6) : 0);
}

#define ORA_X86_64                                                                                 \
	.half = ORA_SIGN, .address = BITS(51, 12), .ignored = BIT(5) | BIT(6) | BITS(60, 52),      \
	.is_leaf = x86_is_leaf, .attr = x86_attr, .path = x86_path, .can = reads,                  \
	.reserved = x86_reserved, .touched = x86_touched,                                          \
	.features = MM_PT_X86_64_KEYS, .key_feature = MM_PT_X86_64_KEYS

const struct ora_arch ora_x86_64 = { .name = "x86-64", .top = 3, ORA_X86_64 };
static const struct ora_arch ora_la57 = { .name = "x86-64 LA57", .top = 4, ORA_X86_64 };

/* ---- ia32 ---- */

/* Bit 9 is software's: the library's dirty of a page not writable. Without PAE there is no XD. */
static uint32_t ia32_attr(uint64_t e, unsigned level)
{
	return (x86_attr(e & BITS(12, 0), level) | IF(9, MM_PT_DIRTY)) | MM_PT_EXEC;
}

static uint32_t pae_attr(uint64_t e, unsigned level)
{
	return x86_attr(e & ~BITS(62, 58), level) | IF(9, MM_PT_DIRTY);
}

static bool ia32_can(uint32_t attr, uint32_t features)
{
	return reads(attr, features) && (attr & MM_PT_EXEC);
}

static const char *ia32_reserved(const struct ora *ora, uint64_t e, unsigned level, bool leaf)
{
	(void)ora;
	if (leaf && level && (e & BITS(21, 13)))
		return "address bits 39:32, or reserved ones, of a page of 4 MiB";
	return leaf && !(e & BIT(1)) && (e & BIT(6)) ? "a shadow-stack page: RW=0, D=1" : NULL;
}

/* 4.4.1: a PDPTE has P, PWT, PCD and an address. */
static bool pae_is_leaf(uint64_t e, unsigned level)
{
	return level < 2 && x86_is_leaf(e, level);
}

static uint32_t pae_path(uint64_t e, uint32_t path)
{
	return e & BITS(2, 1) ? x86_path(e, path) : path; /* a PDPTE takes no rights away */
}

static const char *pae_reserved(const struct ora *ora, uint64_t e, unsigned level, bool leaf)
{
	if (level == 2)
		return e & (BITS(2, 1) | BITS(8, 6) | BITS(63, 52)) ? "reserved bits of a PDPTE"
								    : NULL; /* 5: see ports/ia32.h */
	if (e & BITS(62, 52))
		return "reserved bits 62:52";
	return x86_reserved(ora, e, level, leaf);
}

static uint64_t pae_touched(uint64_t e, bool last, bool write)
{
	return e & BITS(2, 1) || last ? x86_touched(e, last, write) : e;
}

static const struct ora_arch ora_ia32 = {
	.name = "ia32",
	.top = 1,
	.span_lg2 = { 12, 22 },
	.entries_lg2 = { 10, 10 },
	.entry_lg2 = 2,
	.half = ORA_ZERO,
	.address = BITS(31, 12),
	.ignored = BIT(5) | BIT(6),
	.is_leaf = x86_is_leaf,
	.attr = ia32_attr,
	.path = x86_path,
	.can = ia32_can,
	.reserved = ia32_reserved,
	.touched = x86_touched,
};
static const struct ora_arch ora_pae = {
	.name = "ia32 PAE",
	.top = 2,
	.span_lg2 = { 12, 21, 30 },
	.entries_lg2 = { 9, 9, 2 },
	.half = ORA_ZERO,
	.address = BITS(51, 12),
	.ignored = BIT(5) | BIT(6),
	.root_is_latched = true, /* 4.4.1: "PDPTE registers" */
	.is_leaf = pae_is_leaf,
	.attr = pae_attr,
	.path = pae_path,
	.can = reads,
	.reserved = pae_reserved,
	.touched = pae_touched,
};

/* ---- EPT ---- */

static bool ept_valid(uint64_t e, unsigned level)
{
	(void)level;
	return e & BITS(2, 0);
}

static bool ept_is_leaf(uint64_t e, unsigned level)
{
	return level == 0 || (level < 3 && (e & BIT(7)));
}

static uint32_t ept_attr(uint64_t e, unsigned level)
{
	static const uint32_t type[8] = { MM_PT_DEVICE, MM_PT_WC, 7u << 8,  7u << 8,
					  MM_PT_WT,     7u << 8,  MM_PT_WB, 7u << 8 };

	(void)level;
	return IF(0, MM_PT_READ) | IF(1, MM_PT_WRITE) | IF(2, MM_PT_EXEC) | IF(8, MM_PT_ACCESSED) |
	       IF(9, MM_PT_DIRTY) | type[FIELD(5, 3)];
}

static uint32_t ept_path(uint64_t e, uint32_t path)
{
	return path & ~(IF_NOT(0, MM_PT_READ) | IF_NOT(1, MM_PT_WRITE) | IF_NOT(2, MM_PT_EXEC));
}

static bool ept_can(uint32_t attr, uint32_t features)
{
	return reads(attr, features) && !(attr & (MM_PT_USER | MM_PT_GLOBAL)) &&
	       (attr & MM_PT_TYPE) != MM_PT_UC;
}

static const char *ept_reserved(const struct ora *ora, uint64_t e, unsigned level, bool leaf)
{
	(void)ora;
	if (!(e & BIT(0)))
		return "misconfiguration: writable or executable, and not readable";
	if (!leaf)
		return e & BITS(7, 3) ? "misconfiguration: bits 7:3 of a table" : NULL;
	if (level && (e & below(level)))
		return "misconfiguration: bits below the address of a large page";
	if (FIELD(5, 3) == 2 || FIELD(5, 3) == 3 || FIELD(5, 3) == 5 || FIELD(5, 3) == 7)
		return "a memory type that is reserved, or that nobody sets";
	return e & BIT(6) ? "ignore PAT" : NULL;
}

static uint64_t ept_touched(uint64_t e, bool last, bool write)
{
	return e | BIT(8) | (last && write ? BIT(9) : 0);
}

#define ORA_EPT                                                                                    \
	.half = ORA_ZERO, .address = BITS(51, 12), .ignored = BITS(60, 52), .valid = ept_valid, .is_leaf = ept_is_leaf,     \
	.attr = ept_attr, .path = ept_path, .can = ept_can, .reserved = ept_reserved,              \
	.touched = ept_touched

static const struct ora_arch ora_ept = { .name = "EPT", .top = 3, ORA_EPT };
static const struct ora_arch ora_ept5 = { .name = "EPT 5", .top = 4, ORA_EPT };

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

/* D8.7, "The Contiguous bit": bit 52, and how many entries by granule and level. D8.5: AF and the dirty state
 * (AP[2], S2AP[1]) may be updated in any of them. */
#define A64_RUNS(...)                                                                              \
	.features = MM_PT_AARCH64_CONTIG, .run_feature = MM_PT_AARCH64_CONTIG,                     \
	.run_mark = BIT(52), .run_touch = BIT(10) | BIT(7), .run_lg2 = { __VA_ARGS__ }

#define ORA_AARCH64                                                                                \
	.top = 3, .address = BITS(47, 12), .must_break = true, .must_order = true,                 \
	.user_is_not_kernel = true, .is_leaf = a64_is_leaf, .attr = a64_attr, .path = a64_path,    \
	.can = reads, .reserved = a64_reserved, .touched = a64_touched, A64_RUNS(4, 4, 4)

const struct ora_arch ora_aarch64 = { ORA_AARCH64, .name = "AArch64 low", .half = ORA_ZERO, .ignored = BITS(24, 16) };
const struct ora_arch ora_aarch64_high = { ORA_AARCH64, .name = "AArch64 high", .half = ORA_ONES, .ignored = BITS(24, 16) };

/* ---- AArch64, other granules and 52 bits ---- */

/* D8.3: an output address of 52 bits. With 64 KiB its bits 51:48 are in 15:12; with FEAT_LPA2, 51:50 in 9:8. */
static uint64_t lpa_pa(uint64_t e, unsigned level)
{
	(void)level;
	return (e & BITS(47, 16)) | (uint64_t)FIELD(15, 12) << 48;
}

static uint64_t lpa2_pa(uint64_t e, unsigned level)
{
	(void)level;
	return (e & BITS(49, 12)) | (uint64_t)FIELD(9, 8) << 50;
}

/* What all of them have; @large: the highest level with blocks; @lowest: bit above an offset in a page. */
static const char *wide_reserved(const struct ora *ora, uint64_t e, unsigned level, bool leaf,
				 unsigned large)
{
	const unsigned shift = ora->arch->span_lg2[level], page = ora->arch->span_lg2[0];
	const bool lpa2 = ora->arch->pa == lpa2_pa, lpa = ora->arch->pa == lpa_pa;

	if (level == 0 && FIELD(1, 0) != 3)
		return "a descriptor of type 01 at the last level";
	if (leaf && level > large)
		return "a block at a level that has none";
	if (e & (lpa2 ? BIT(50) : BITS(50, 48)))
		return "RES0 bits 49:48, or GP";
	if (!lpa && page > 12 && (e & (BIT(page) - BIT(12))))
		return "RES0 bits below the address of a page";
	if (!leaf)
		return e & BITS(63, 59) ? "NSTable, APTable, UXNTable or PXNTable" : NULL;
	if (level && (e & (BIT(shift) - BIT(page))))
		return "RES0 bits below the address of a block, or nT";
	if (e & (BIT(5) | BIT(52) | BITS(63, 59)))
		return "NS, Contiguous, or bits 63:59";
	if (FIELD(4, 2) > 4)
		return "an index into MAIR that nobody sets";
	if (!lpa2 && FIELD(4, 2) < 2 && FIELD(9, 8) != 3)
		return "cached memory that is not inner shareable";
	return e & BIT(6)    ? (e & BIT(53) ? NULL : "EL1 may execute a page of EL0")
	       : e & BIT(54) ? NULL
			     : "EL0 may execute a page of EL1";
}

static const char *wide1_reserved(const struct ora *ora, uint64_t e, unsigned level, bool leaf)
{
	return wide_reserved(ora, e, level, leaf, 1);
}

static const char *wide2_reserved(const struct ora *ora, uint64_t e, unsigned level, bool leaf)
{
	return wide_reserved(ora, e, level, leaf, 2);
}

static const char *wide3_reserved(const struct ora *ora, uint64_t e, unsigned level, bool leaf)
{
	return wide_reserved(ora, e, level, leaf, 3);
}

#define ORA_WIDE(id, what, ...)                                                                    \
	static const struct ora_arch ora_##id = { ORA_AARCH64, .name = what, .half = ORA_ZERO,     \
						  __VA_ARGS__ };                                   \
	static const struct ora_arch ora_##id##_high = { ORA_AARCH64, .name = what " high",        \
							 .half = ORA_ONES, __VA_ARGS__ }
#if defined(__clang__)
#pragma clang diagnostic ignored "-Winitializer-overrides"
#else
#pragma GCC diagnostic ignored "-Woverride-init"
#endif
/* D8.2, tables of the levels of lookup for each granule. */
ORA_WIDE(16k, "AArch64 16K", .span_lg2 = { 14, 25, 36, 47 }, .entries_lg2 = { 11, 11, 11, 1 },
	 .address = BITS(47, 14), .ignored = BITS(26, 16), .reserved = wide1_reserved, A64_RUNS(7, 5));
ORA_WIDE(64k, "AArch64 64K", .top = 2, .span_lg2 = { 16, 29, 42 }, .entries_lg2 = { 13, 13, 6 },
	 .address = BITS(47, 16), .ignored = BITS(28, 16), .reserved = wide1_reserved, A64_RUNS(5, 5));
ORA_WIDE(64k_lpa, "AArch64 64K LPA", .top = 2, .span_lg2 = { 16, 29, 42 },
	 .entries_lg2 = { 13, 13, 10 }, .ignored = BITS(28, 16), .pa = lpa_pa, .reserved = wide2_reserved, A64_RUNS(5, 5));
ORA_WIDE(4k_lpa2, "AArch64 4K LPA2", .top = 4, .span_lg2 = { 12, 21, 30, 39, 48 },
	 .entries_lg2 = { 9, 9, 9, 9, 4 }, .ignored = BITS(24, 16), .pa = lpa2_pa, .reserved = wide3_reserved);
ORA_WIDE(16k_lpa2, "AArch64 16K LPA2", .span_lg2 = { 14, 25, 36, 47 },
	 .entries_lg2 = { 11, 11, 11, 5 }, .ignored = BITS(26, 16), .pa = lpa2_pa, .reserved = wide2_reserved,
	 A64_RUNS(7, 5));

/* ---- AArch64, stage 2 ---- */

/* D8.4: S2AP 7:6, XN 54. D8.5: where DBM (51) is set, a write sets S2AP[1]. D8.6: MemAttr 5:2. */
static uint32_t s2_attr(uint64_t e, unsigned level)
{
	unsigned type = FIELD(5, 2);
	uint32_t attr = IF(6, MM_PT_READ) | IF_NOT(54, MM_PT_EXEC) | IF(10, MM_PT_ACCESSED);

	(void)level;
	attr |= e & (BIT(7) | BIT(51)) ? MM_PT_WRITE : 0u;
	attr |= IF(7, MM_PT_DIRTY) | IF(55, MM_PT_DIRTY); /* 55: the library's own */
	return attr | (type == 15   ? MM_PT_WB
		       : type == 10 ? MM_PT_WT
		       : type == 5  ? MM_PT_WC
		       : type == 0  ? MM_PT_UC
		       : type == 1  ? MM_PT_DEVICE
				    : 7u << 8);
}

/* Who may do it is not for the second stage to say. */
static bool s2_can(uint32_t attr, uint32_t features)
{
	return reads(attr, features) && !(attr & (MM_PT_USER | MM_PT_GLOBAL));
}

static const char *s2_reserved(const struct ora *ora, uint64_t e, unsigned level, bool leaf)
{
	(void)ora;
	if (level == 0 && FIELD(1, 0) != 3)
		return "a descriptor of type 01 at the last level";
	if ((leaf && level > 2) || (e & BITS(50, 48)))
		return "a block of 512 GiB, or RES0 bits 50:48";
	if (!leaf)
		return NULL;
	if (e & (below(level) | BIT(11) | BITS(53, 52) | BITS(63, 59)))
		return "RES0, nT, Contiguous, XN[0], or bits 63:59";
	if (!(e & BIT(6)))
		return "not readable";
	return (s2_attr(e, level) & MM_PT_TYPE) > MM_PT_DEVICE ? "MemAttr that nobody sets" : NULL;
}

static uint64_t s2_touched(uint64_t e, bool last, bool write)
{
	if (last)
		e |= BIT(10);
	return last && write && (e & BIT(51)) ? e | BIT(7) : e;
}

#define ORA_S2                                                                                     \
	.half = ORA_ZERO, .address = BITS(47, 12), .ignored = BITS(24, 16), .must_break = true,    \
	.must_order = true, .is_leaf = a64_is_leaf, .attr = s2_attr, .path = same_path, .can = s2_can,                 \
	.reserved = s2_reserved, .touched = s2_touched, A64_RUNS(4, 4, 4)

static const struct ora_arch ora_s2 = { .name = "AArch64 stage 2, 40 bits",
					.top = 2,
					.span_lg2 = { 12, 21, 30 },
					.entries_lg2 = { 9, 9, 10 },
					ORA_S2 };
static const struct ora_arch ora_s2_48 = { .name = "AArch64 stage 2, 48 bits", .top = 3, ORA_S2 };

/* ---- ARMv7-A ---- */

/* B3.6, B3.7: AP[2:1] 7:6, PXN 53, XN 54. 55 and 56 are software's: writable, dirty of what is not. */
static uint32_t lpae_attr(uint64_t e, unsigned level)
{
	(void)level;
	return MM_PT_READ | a64_type(FIELD(4, 2)) | IF(10, MM_PT_ACCESSED) |
	       IF_NOT(11, MM_PT_GLOBAL) | IF_NOT(54, MM_PT_EXEC) | IF(6, MM_PT_USER) |
	       IF(55, MM_PT_WRITE) | IF_NOT(7, MM_PT_WRITE | MM_PT_DIRTY) | IF(56, MM_PT_DIRTY);
}

static uint32_t lpae_path(uint64_t e, uint32_t path)
{
	return a64_path(e, path);
}

static const char *lpae_reserved(const struct ora *ora, uint64_t e, unsigned level, bool leaf)
{
	(void)ora;
	if (level == 0 && FIELD(1, 0) != 3)
		return "a descriptor of type 01 at the last level";
	if (e & BITS(51, 40))
		return "UNK/SBZP bits 51:40";
	if (!leaf)
		return e & BITS(63, 59) ? "NSTable, APTable, XNTable or PXNTable" : NULL;
	if (e & (below(level) | BIT(5) | BIT(52) | BITS(63, 59)))
		return "bits below a block's address, NS, Contiguous where there are no runs, or 63:59";
	if (FIELD(4, 2) > 4 || FIELD(9, 8) != 3)
		return "an index into MAIR that nobody sets, or not inner shareable";
	return (e & BIT(6)) && !(e & BIT(54)) && !(e & BIT(53)) ? "PL1 may execute a page of PL0"
								: NULL;
}

static const struct ora_arch ora_lpae = {
	.name = "ARMv7 LPAE",
	.top = 2,
	.span_lg2 = { 12, 21, 30 },
	.entries_lg2 = { 9, 9, 2 },
	.half = ORA_ZERO,
	.address = BITS(39, 12),
	.must_break = true,
	.must_order = true,
	.user_is_not_kernel = true,
	.is_leaf = a64_is_leaf,
	.attr = lpae_attr,
	.path = lpae_path,
	.can = reads,
	.unkept = MM_PT_ACCESSED | MM_PT_DIRTY,
	.reserved = lpae_reserved,
	.touched = not_touched,
	A64_RUNS(4, 4), /* B3.6.1: as there; a level of four entries has none */
};

/* B3.5.1: bits 1:0: 00 fault; first level 01 table, 10 section, 11 section with PXN, or reserved; second level 01
 * large page, 1x small page. */
static bool armv7_valid(uint64_t e, unsigned level)
{
	(void)level;
	return e & BITS(1, 0);
}

static bool armv7_is_leaf(uint64_t e, unsigned level)
{
	return level == 0 || (e & BIT(1));
}

static uint64_t armv7_pa(uint64_t e, unsigned level)
{
	if (level == 0)
		return e & BIT(1) ? e & BITS(31, 12) : e & BITS(31, 16);
	return e & BIT(1) ? e & BITS(31, 20) : e & BITS(31, 10);
}

/* B3.5.1: a large page is 16 descriptors that are the same, and so is a supersection. */
static bool armv7_in_run(const struct ora *ora, uint64_t e, unsigned level)
{
	if (level == 0)
		return ora->features & MM_PT_ARMV7_LARGE && FIELD(1, 0) == 1;
	return ora->features & MM_PT_ARMV7_SUPER && e & BIT(18);
}

/* B3.7.1 with SCTLR.AFE: AP[0] access flag, AP[1] PL0, AP[2] read-only. B3.8.3 with SCTLR.TRE: TEX[0], C, B
 * are n of PRRR.TRn (0 strongly ordered, 1 device, 2 normal) and NMRR.IRn (0 not cached, 2 write-through, 3
 * write-back, no allocate; 3 is WB no WA, 1 WB WA). */
static uint32_t armv7_type(unsigned n)
{
	unsigned memory = MM_PT_ARMV7_PRRR >> 2 * n & 3, inner = MM_PT_ARMV7_NMRR >> 2 * n & 3;

	if (memory == 0)
		return MM_PT_UC;
	if (memory == 1)
		return MM_PT_DEVICE;
	return inner == 0 ? MM_PT_WC : inner == 2 ? MM_PT_WT : MM_PT_WB;
}

static uint32_t armv7_attr(uint64_t e, unsigned level)
{
	if (level) /* as the bits of a small page */
		e = (e & BITS(3, 2)) | (uint64_t)FIELD(4, 4) | (uint64_t)FIELD(11, 10) << 4 |
		    (uint64_t)FIELD(14, 12) << 6 | (uint64_t)FIELD(15, 15) << 9 |
		    (uint64_t)FIELD(17, 17) << 11;
	else if (FIELD(1, 0) == 1) /* the same of a large page: 15 XN, 14:12 TEX */
		e = (e & (BITS(11, 9) | BITS(5, 2))) | (uint64_t)FIELD(14, 12) << 6 | (uint64_t)FIELD(15, 15);
	return MM_PT_READ | armv7_type(FIELD(6, 6) << 2 | FIELD(3, 2)) | IF(4, MM_PT_ACCESSED) |
	       IF(5, MM_PT_USER) | IF_NOT(0, MM_PT_EXEC) | IF_NOT(11, MM_PT_GLOBAL) |
	       IF_NOT(9, MM_PT_WRITE | MM_PT_DIRTY) | IF(7, MM_PT_WRITE) | IF(8, MM_PT_DIRTY);
}

static const char *armv7_reserved(const struct ora *ora, uint64_t e, unsigned level, bool leaf)
{
	const bool run = leaf && armv7_in_run(ora, e, level);

	if (!leaf)
		return e & BITS(9, 2) ? "PXN, NS, a domain, or bit 9 of a table" : NULL;
	if (level == 0 && !(e & BIT(1)) && (!run || (e & BITS(8, 6))))
		return "a large page, or what should be zero in one";
	if (level == 0)
		return e & BIT(10) ? NULL : "not shareable";
	/* 23:20 and 8:5 are bits 39:32 of a supersection's address */
	if ((e & (BIT(0) | BITS(8, 5) | BIT(19))) || (run ? e & BITS(23, 20) : e & BIT(18)))
		return "PXN, a domain, a supersection or its high address, or NS";
	return e & BIT(16) ? NULL : "not shareable";
}

static const struct ora_arch ora_armv7 = {
	.name = "ARMv7 short",
	.top = 1,
	.span_lg2 = { 12, 20 },
	.entries_lg2 = { 8, 12 },
	.entry_lg2 = 2,
	.half = ORA_ZERO,
	.must_break = true,
	.must_order = true,
	.valid = armv7_valid,
	.pa = armv7_pa,
	.is_leaf = armv7_is_leaf,
	.attr = armv7_attr,
	.path = same_path,
	.can = reads,
	.unkept = MM_PT_ACCESSED | MM_PT_DIRTY,
	.reserved = armv7_reserved,
	.touched = not_touched,
	.features = MM_PT_ARMV7_LARGE | MM_PT_ARMV7_SUPER,
	.run_feature = MM_PT_ARMV7_LARGE | MM_PT_ARMV7_SUPER,
	.in_run = armv7_in_run,
	.run_lg2 = { 4, 4 },
};

/* ---- RISC-V, Sv39, Sv48 and Sv57 ---- */

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

/* Without Svpbmt the type cannot be chosen; with it there are NC and IO. */
static bool rv_can(uint32_t attr, uint32_t features)
{
	uint32_t type = attr & MM_PT_TYPE;
	bool choice = features & MM_PT_RISCV64_SVPBMT && (type == MM_PT_WC || type == MM_PT_DEVICE);

	return (!(attr & MM_PT_WRITE) || (attr & MM_PT_READ)) && (type == MM_PT_WB || choice);
}

static bool g_stage_can(uint32_t attr, uint32_t features)
{
	return rv_can(attr, features) && !(attr & (MM_PT_USER | MM_PT_GLOBAL));
}

/* "Guest Physical Address Translation": U as if at privilege level U; G should be clear. */
static uint32_t g_stage_attr(uint64_t e, unsigned level)
{
	return rv_attr(e, level) & ~(uint32_t)MM_PT_USER;
}

static const char *g_stage_reserved(const struct ora *ora, uint64_t e, unsigned level, bool leaf)
{
	if (leaf && (!(e & BIT(4)) || (e & BIT(5))))
		return "U clear, or G set, in a second stage";
	return rv_reserved(ora, e, level, leaf);
}

static const char *sv32_reserved(const struct ora *ora, uint64_t e, unsigned level, bool leaf)
{
	if (leaf && level && (e & BITS(19, 10)))
		return "a misaligned superpage";
	return rv_reserved(ora, e, leaf ? 0 : level, leaf);
}

static uint64_t rv_touched(uint64_t e, bool last, bool write)
{
	return last ? e | BIT(6) | (write ? BIT(7) : 0) : e;
}

#define ORA_RISCV64                                                                                \
	.half = ORA_SIGN, .address = BITS(53, 10), .shift = 2, .must_order = true,                 \
	.user_is_not_kernel = true, .is_leaf = rv_is_leaf, .attr = rv_attr, .path = rv_path,       \
	.can = rv_can, .features = MM_PT_RISCV64_SVPBMT | MM_PT_RISCV64_SVNAPOT,                   \
	.run_feature = MM_PT_RISCV64_SVNAPOT, .run_lg2 = { 4 }, .run_mark = BIT(63),               \
	.run_field = BITS(13, 10), .run_length = BIT(13), .run_touch = BIT(6) | BIT(7),            \
	.reserved = rv_reserved, .touched = rv_touched

const struct ora_arch ora_sv39 = { ORA_RISCV64, .name = "Sv39", .top = 2, .ignored = BITS(24, 16) };
const struct ora_arch ora_sv48 = { ORA_RISCV64, .name = "Sv48", .top = 3, .ignored = BITS(24, 16) };
static const struct ora_arch ora_sv57 = { ORA_RISCV64, .name = "Sv57", .top = 4, .ignored = BITS(24, 16) };

#define ORA_G_STAGE                                                                                \
	ORA_RISCV64, .half = ORA_ZERO, .ignored = BITS(24, 16), .attr = g_stage_attr, .can = g_stage_can,                   \
		     .features = MM_PT_RISCV64_SVNAPOT, .user_is_not_kernel = false,               \
		     .reserved = g_stage_reserved

static const struct ora_arch ora_sv39x4 = { ORA_G_STAGE, .name = "Sv39x4", .top = 2,
					    .span_lg2 = { 12, 21, 30 },
					    .entries_lg2 = { 9, 9, 11 } };
static const struct ora_arch ora_sv48x4 = { ORA_G_STAGE, .name = "Sv48x4", .top = 3,
					    .span_lg2 = { 12, 21, 30, 39 },
					    .entries_lg2 = { 9, 9, 9, 11 } };
static const struct ora_arch ora_sv57x4 = { ORA_G_STAGE, .name = "Sv57x4", .top = 4,
					    .span_lg2 = { 12, 21, 30, 39, 48 },
					    .entries_lg2 = { 9, 9, 9, 9, 11 } };
static const struct ora_arch ora_sv32 = { ORA_RISCV64,
					  .name = "Sv32",
					  .half = ORA_ZERO,
					  .top = 1,
					  .span_lg2 = { 12, 22 },
					  .entries_lg2 = { 10, 10 },
					  .entry_lg2 = 2,
					  .address = BITS(31, 10),
					  .features = 0,
					  .reserved = sv32_reserved };

const struct ora_arch *const ora_formats[] = {
	[MM_PT_X86_64_LA57] = &ora_la57,
	[MM_PT_SV57] = &ora_sv57,
	[MM_PT_AARCH64_16K] = &ora_16k,
	[MM_PT_AARCH64_16K_HIGH] = &ora_16k_high,
	[MM_PT_AARCH64_64K] = &ora_64k,
	[MM_PT_AARCH64_64K_HIGH] = &ora_64k_high,
	[MM_PT_AARCH64_64K_LPA] = &ora_64k_lpa,
	[MM_PT_AARCH64_64K_LPA_HIGH] = &ora_64k_lpa_high,
	[MM_PT_AARCH64_4K_LPA2] = &ora_4k_lpa2,
	[MM_PT_AARCH64_4K_LPA2_HIGH] = &ora_4k_lpa2_high,
	[MM_PT_AARCH64_16K_LPA2] = &ora_16k_lpa2,
	[MM_PT_AARCH64_16K_LPA2_HIGH] = &ora_16k_lpa2_high,
	[MM_PT_AARCH64_S2] = &ora_s2,
	[MM_PT_AARCH64_S2_48] = &ora_s2_48,
	[MM_PT_IA32] = &ora_ia32,
	[MM_PT_IA32_PAE] = &ora_pae,
	[MM_PT_EPT] = &ora_ept,
	[MM_PT_EPT5] = &ora_ept5,
	[MM_PT_SV32] = &ora_sv32,
	[MM_PT_SV39X4] = &ora_sv39x4,
	[MM_PT_SV48X4] = &ora_sv48x4,
	[MM_PT_SV57X4] = &ora_sv57x4,
	[MM_PT_ARMV7] = &ora_armv7,
	[MM_PT_ARMV7_LPAE] = &ora_lpae,
	[MM_PT_S390X] = &ora_s390x,
	[MM_PT_S390X_R2] = &ora_s390x_r2,
	[MM_PT_PPC64] = &ora_ppc64,
	[MM_PT_LOONGARCH64] = &ora_loong,
	[MM_PT_LOONGARCH64_HIGH] = &ora_loong_high,
	[MM_PT_LOONGARCH64_16K] = &ora_loong_16k,
	[MM_PT_LOONGARCH64_16K_HIGH] = &ora_loong_16k_high,
	[MM_PT_MIPS64] = &ora_mips64,
};

#if defined(__clang__)
#pragma clang attribute pop
#endif
