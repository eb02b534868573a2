/* SPDX-License-Identifier: MIT */
/* What the descriptions of formats share: bits as manuals count them, and what is the same in many. */
#ifndef PT_ARCH_H
#define PT_ARCH_H
#include "pt_oracle.h"

#define BIT(n)          (UINT64_C(1) << (n))
#define BITS(hi, lo)    (((BIT((hi) - (lo)) - 1) * 2 + 1) << (lo))
#define FIELD(hi, lo)   ((unsigned)((e & BITS(hi, lo)) >> (lo)))
#define IF(n, what)     (e & BIT(n) ? (uint32_t)(what) : 0u)
#define IF_NOT(n, what) (e & BIT(n) ? 0u : (uint32_t)(what))

/* Bits of a leaf's address that must be clear, for 4 KiB tables of 512. */
static inline uint64_t below(unsigned level)
{
	return BIT(12 + 9 * level) - BIT(12);
}

/* All that can be read; the rest is free to choose. */
static inline bool reads(uint32_t attr, uint32_t features)
{
	(void)features;
	return attr & MM_PT_READ;
}

static inline uint32_t same_path(uint64_t e, uint32_t path)
{
	(void)e;
	return path;
}

static inline uint64_t not_touched(uint64_t e, bool last, bool write)
{
	(void)last;
	(void)write;
	return e;
}

extern const struct ora_arch ora_s390x, ora_s390x_r2, ora_ppc64;
extern const struct ora_arch ora_loong, ora_loong_high, ora_loong_16k, ora_loong_16k_high, ora_mips64;
#endif
