/* SPDX-License-Identifier: MIT */
/* What callers of a cursor do with what they are told, which is nothing but arrays: add up, eight a round.
 *
 * Addresses in two sums, as the loop by hand has them, too (hand.inc): with one, each addition waits for the one
 * before, which was a quarter of what a page took, and was the caller's time. Of leaves that are taken out addresses and
 * dirty bits have one sum each: there the exchange of an entry takes twenty times as long as an addition. */
#ifndef BENCH_PT_SUM_H
#define BENCH_PT_SUM_H
#include <mmlib/pt.h>

static inline uint64_t sum_of(const mm_paddr_t *pa, size_t n)
{
	uint64_t even = 0, odd = 0;
	size_t i = 0;

#pragma GCC unroll 4
	for (; n - i >= 2; i += 2) {
		even += pa[i];
		odd += pa[i + 1];
	}
	return even + odd + (i < n ? pa[i] : 0);
}

/* The same, and how many were dirty: in one loop, as by hand. */
static inline uint64_t sum_and_dirty_of(const mm_paddr_t *pa, const uint32_t *attr, size_t n, uint64_t *dirty)
{
	uint64_t sum = 0, found = 0;

#pragma GCC unroll 8
	for (size_t i = 0; i < n; i++) {
		sum += pa[i];
		found += attr[i] & MM_PT_DIRTY;
	}
	*dirty += found / MM_PT_DIRTY;
	return sum;
}
#endif
