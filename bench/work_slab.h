/* SPDX-License-Identifier: MIT */
/* Loops that are measured on objects. work_slab.c is compiled as kernel code: by itself ("call"), in one
 * translation unit with all of mmlib ("inline"), or with malloc() and free() in place of mmlib
 * (-DBENCH_MALLOC). Neither free is told the size. */
#ifndef BENCH_WORK_SLAB_H
#define BENCH_WORK_SLAB_H
#include "bench.h"
#ifndef BENCH_MALLOC
#include <mmlib/kmalloc.h>

extern struct mm_heap work_heap;
#endif

/* Pairs of 64 bytes, on one object after another of some that are held. */
#define WORK_PAIRS 500u /* pairs of one chunk: on one object */
void work_hold(void);
void work_pairs(uint32_t chunks);
void work_let_go(void);

/* WORK_BATCH objects of 64, 256 or 1024 bytes, then all freed in the given order; again and again. */
#define WORK_BATCH 1000u
void work_batches(size_t size, const uint32_t *order, uint32_t again);

/* Churn: WORK_LIVE objects of 16 to 4,095 bytes; one by chance is freed, another one allocated. */
#define WORK_LIVE  100000u
#define WORK_SIZES 65536u
extern uint16_t work_sizes[WORK_SIZES];
struct work_slot {
	void *p;
	uint32_t size;
};
struct work_churn {
	struct work_slot *slots;
	uint64_t state;
	uint64_t live, peak; /* bytes, of work_churn_full() */
} __attribute__((aligned(256)));
void work_fill(struct work_churn *c);
void work_churn(struct work_churn *c, uint32_t steps);
void work_empty(struct work_churn *c);
/* As much chance and as many objects, but they are only written to: what their memory costs. */
void work_touch(struct work_churn *c, uint32_t steps);
/* From nothing, and every byte of each object is written. */
void work_churn_full(struct work_churn *c, uint32_t steps);

/* One CPU allocates 64 bytes n times, the other one frees them. */
void work_produce(uint32_t n);
void work_consume(uint32_t n);
#endif
