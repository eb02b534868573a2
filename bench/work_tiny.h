/* SPDX-License-Identifier: MIT */
/* The region heap, call by call. work_tiny.c is compiled as kernel code. */
#ifndef BENCH_WORK_TINY_H
#define BENCH_WORK_TINY_H
#include "bench.h"
#include <mmlib/region.h>

#define TINY_LIVE  256u
#define TINY_STEPS 20000u
#define TINY_SIZES 65536u

extern uint16_t tiny_sizes[TINY_SIZES];
extern struct mm_region_heap tiny_heap;

/* Ticks of the finest clock there is; what is before is done, what follows has not begun. */
static inline uint64_t tiny_clock(void)
{
#if defined(__x86_64__)
	uint32_t low, high;

	__asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
#elif defined(__aarch64__)
	uint64_t ticks;

	__asm__ volatile("dsb sy\n\tisb\n\tmrs %0, cntvct_el0\n\tisb" : "=r"(ticks) : : "memory");
	return ticks;
#else
	return (uint64_t)bench_wall();
#endif
}

/* TINY_LIVE blocks, then TINY_STEPS times one by chance is freed and another one allocated, always the
 * same; all are freed. Ticks of each free and each allocation, and of as many times nothing. */
void tiny_replay(uint32_t *frees, uint32_t *allocations, uint32_t *nothing);

/* 10,000 times the longest way through a call, in a function counted_alloc() or counted_free(). */
void tiny_count_alloc(void);
void tiny_count_free(void);
#endif
