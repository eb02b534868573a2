/* SPDX-License-Identifier: MIT */
/* Checked arithmetic: the only way mmlib computes sizes, counts and addresses that a caller or
 * firmware had a hand in. Each function returns false, and writes nothing, when the result does not
 * fit its type. */
#ifndef MM_SRC_CHECKED_H
#define MM_SRC_CHECKED_H
#include <mmlib/types.h>

/* *out = a + b */
static inline bool mm_add(uint64_t a, uint64_t b, uint64_t *out)
{
	if (b > UINT64_MAX - a)
		return false;
	*out = a + b;
	return true;
}

/* *out = a + b, for sizes in memory */
static inline bool mm_add_size(size_t a, size_t b, size_t *out)
{
	if (b > SIZE_MAX - a)
		return false;
	*out = a + b;
	return true;
}

/* *out = a * b, for sizes in memory. Without a 64-bit division and without __muloti4. */
static inline bool mm_mul_size(size_t a, size_t b, size_t *out)
{
	return !__builtin_mul_overflow(a, b, out);
}

/* Does v fit 32 bits? A physical address? Functions, since compilers warn of a comparison that the
 * types decide. */
static inline bool mm_fits_32(uint64_t v)
{
	return v <= UINT32_MAX;
}

static inline bool mm_fits_paddr(uint64_t v)
{
	return v <= MM_PADDR_MAX;
}

/* Is v a power of two? 0 is not. */
static inline bool mm_is_pow2(uint64_t v)
{
	return v && !(v & (v - 1));
}

/* *last = base + length - 1, the inclusive end of a range that is neither empty nor wraps in 64 bits.
 * A range that ends exactly at the end of the address space is fine. */
static inline bool mm_range_last(uint64_t base, uint64_t length, uint64_t *last)
{
	if (length == 0 || length - 1 > UINT64_MAX - base)
		return false;
	*last = base + (length - 1);
	return true;
}

/* Round down to a power of two. Cannot fail. */
static inline uint64_t mm_align_down(uint64_t v, uint64_t align)
{
	return v & ~(align - 1);
}

/* *out = v rounded up to a power of two */
static inline bool mm_align_up(uint64_t v, uint64_t align, uint64_t *out)
{
	if (!mm_add(v, align - 1, out))
		return false;
	*out = mm_align_down(*out, align);
	return true;
}
#endif
