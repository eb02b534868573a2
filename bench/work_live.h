/* SPDX-License-Identifier: MIT */
/* Churn with any number of objects live, by mmlib and by glibc. work_live.c is compiled as kernel code. */
#ifndef BENCH_WORK_LIVE_H
#define BENCH_WORK_LIVE_H
#include "bench.h"
#include <mmlib/kmalloc.h>

#define LIVE_MOST  1000000u
#define LIVE_SIZES 65536u
extern uint16_t live_sizes[LIVE_SIZES];
extern struct mm_heap live_heap;

struct live {
	void *slots[LIVE_MOST];
	uint32_t n;
	uint64_t state;
};
/* As many objects as are wanted, none yet. */
void live_fill_mmlib(struct live *l, uint32_t n);
void live_fill_malloc(struct live *l, uint32_t n);
/* One by chance is freed, another one allocated and written to; so many times. */
void live_churn_mmlib(struct live *l, uint32_t steps);
void live_churn_malloc(struct live *l, uint32_t steps);
void live_empty_mmlib(struct live *l);
void live_empty_malloc(struct live *l);
#endif
