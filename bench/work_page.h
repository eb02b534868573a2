/* SPDX-License-Identifier: MIT */
/* Loops that are measured on page frames. work_page.c is compiled as kernel code: by itself ("call"),
 * or with the inline functions of mmlib/pmm_inline.h ("inline"). */
#ifndef BENCH_WORK_PAGE_H
#define BENCH_WORK_PAGE_H
#include "machine.h"

/* Pairs of an allocation and a free, on one block after another of some that are held,
 * by each CPU its own. */
#define WORK_PAIRS 500u /* pairs of one chunk: on one block */
void work_hold(unsigned order, unsigned n);
void work_pairs(unsigned order, uint32_t chunks);
void work_let_go(unsigned order);

/* As many blocks as there are, n at most, as frame numbers. Returns how many. */
uint32_t work_take(uint32_t *v, uint32_t n, unsigned order);
void work_give(const uint32_t *v, uint32_t n, unsigned order);

/* Churn: orders 0 to 9, each about the same share of memory, around a target of frames used. */
struct work_churn {
	uint64_t state;
	uint32_t *blocks, n, used, target;
	uint64_t done, failed;
} __attribute__((aligned(256)));
void work_churn(struct work_churn *c, uint32_t steps);
void work_churn_end(struct work_churn *c);
#endif
