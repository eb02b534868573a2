/* SPDX-License-Identifier: MIT */
/* What the parts of the oracle for page tables share: the shape of a tree, and how an MMU reads it. */
#ifndef PT_MMU_H
#define PT_MMU_H
#include "pt_oracle.h"

#if defined(__clang__) /* the fuzzer is to explore the library, not this file: much faster */
#pragma clang attribute push(__attribute__((no_sanitize("coverage", "address", "undefined"))), apply_to = function)
#endif

static inline unsigned shift_of(const struct ora *ora, unsigned level)
{
	return ora->arch->span_lg2[0] ? ora->arch->span_lg2[level] : 12 + 9 * level;
}

static inline unsigned bits_of(const struct ora *ora, unsigned level)
{
	return ora->arch->span_lg2[0] ? ora->arch->entries_lg2[level] : 9;
}

static inline size_t entry_bytes(const struct ora *ora)
{
	return ora->arch->entry_lg2 == 2 ? 4 : 8;
}

static inline uint64_t index_of(const struct ora *ora, uint64_t va, unsigned level)
{
	return va >> shift_of(ora, level) & ((UINT64_C(1) << bits_of(ora, level)) - 1);
}

#define BIT_OF(n) (UINT64_C(1) << (n))
#define RIGHTS (MM_PT_READ | MM_PT_WRITE | MM_PT_EXEC | MM_PT_USER)

static inline uint64_t span_of(const struct ora *ora, unsigned level)
{
	return UINT64_C(1) << shift_of(ora, level);
}

/* The whole address for one that is translated. */
static inline uint64_t whole(const struct ora *ora, uint64_t va)
{
	unsigned bits = ora_va_bits(ora->arch);
	uint64_t upper = ~((UINT64_C(1) << bits) - 1);

	if (ora->arch->half == ORA_SIGN)
		return va >> (bits - 1) & 1 ? va | upper : va;
	return ora->arch->half == ORA_ONES ? va | upper : va;
}

static inline bool is_table(const struct ora *ora, uint64_t pa)
{
	return pa >= ora->base && pa - ora->base < ora->pages * ora->slot &&
	       !((pa - ora->base) & (ora->slot - 1));
}

static inline struct ora_page *page_at(struct ora *ora, uint64_t pa)
{
	return &ora->page[(pa - ora->base) / ora->slot];
}

#if defined(__clang__)
#pragma clang attribute pop
#endif

/* A table as it is in memory. */
void *mmu_table(struct ora *ora, uint64_t pa);
uint64_t mmu_get(struct ora *ora, uint64_t pa, uint64_t i);
bool mmu_is_empty(const struct ora *ora, uint64_t e, unsigned level);
/* Put what is mapped in a part of a table's reach into ora->scan, from the root on. */
void mmu_scan(struct ora *ora, uint64_t pa, unsigned level, uint64_t base, uint32_t path,
	      const struct ora_span *in);
#endif
