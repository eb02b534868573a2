/* SPDX-License-Identifier: MIT */
/* See work_slab.h. */
#include "work_slab.h"
#ifdef BENCH_MALLOC
#include <stdlib.h>
#endif
#ifdef BENCH_INLINE
#include <mmlib/slab_inline.h>
#define work_kmalloc mm_kmalloc_inline
#define work_kfree   mm_kfree_inline
#else
#define work_kmalloc mm_kmalloc
#define work_kfree   mm_kfree
#endif

int sched_yield(void);

static inline __attribute__((always_inline)) void *work_take(size_t size)
{
#ifdef BENCH_MALLOC
	void *p = malloc(size);
#else
	void *p = work_kmalloc(&work_heap, size, 0);
#endif

	if (!p)
		bench_die("no memory");
	return p;
}

static inline __attribute__((always_inline)) void work_give(void *p)
{
#ifdef BENCH_MALLOC
	free(p);
#else
	if (work_kfree(&work_heap, p) != MM_OK)
		bench_die("mm_kfree failed");
#endif
}

/* ---- pairs ---- */

#define WORK_HELD 31u

static void *work_held[WORK_HELD];
static unsigned work_at;

void work_hold(void)
{
	for (unsigned i = 0; i < WORK_HELD; i++)
		work_held[i] = work_take(64);
}

void work_let_go(void)
{
	for (unsigned i = 0; i < WORK_HELD; i++)
		work_give(work_held[i]);
}

void work_pairs(uint32_t chunks)
{
	for (; chunks; chunks--) {
		work_give(work_held[work_at]);
		for (unsigned i = 0; i < WORK_PAIRS; i++) {
			volatile char *p = work_take(64);

			*p = 1;
			work_give((void *)p);
		}
		work_held[work_at] = work_take(64);
		work_at = (work_at + 1) % WORK_HELD;
	}
}

/* ---- batches ---- */

static inline __attribute__((always_inline)) void
work_batches_of(size_t size, const uint32_t *order, uint32_t again)
{
	static void *batch[WORK_BATCH];

	while (again--) {
		for (uint32_t i = 0; i < WORK_BATCH; i++) {
			batch[i] = work_take(size);
			*(volatile char *)batch[i] = 1;
		}
		for (uint32_t i = 0; i < WORK_BATCH; i++)
			work_give(batch[order[i]]);
	}
}

/* Callers write sizes as constants: so do these loops. */
void work_batches(size_t size, const uint32_t *order, uint32_t again)
{
	if (size == 64)
		work_batches_of(64, order, again);
	else if (size == 256)
		work_batches_of(256, order, again);
	else
		work_batches_of(1024, order, again);
}

/* ---- churn ---- */

uint16_t work_sizes[WORK_SIZES];

static inline struct work_slot *work_pick(struct work_churn *c, uint64_t r)
{
	return &c->slots[(r >> 32) * WORK_LIVE >> 32];
}

void work_fill(struct work_churn *c)
{
	for (uint32_t i = 0; i < WORK_LIVE; i++) {
		struct work_slot *slot = &c->slots[i];

		slot->size = work_sizes[bench_random(&c->state) % WORK_SIZES];
		slot->p = work_take(slot->size);
		*(volatile uint64_t *)slot->p = 1;
	}
}

void work_churn(struct work_churn *c, uint32_t steps)
{
	while (steps--) {
		uint64_t r = bench_random(&c->state);
		struct work_slot *slot = work_pick(c, r);

		work_give(slot->p);
		slot->size = work_sizes[r % WORK_SIZES];
		slot->p = work_take(slot->size);
		*(volatile uint64_t *)slot->p = r;
	}
}

void work_touch(struct work_churn *c, uint32_t steps)
{
	while (steps--) {
		uint64_t r = bench_random(&c->state);
		struct work_slot *slot = work_pick(c, r);

		slot->size |=
			work_sizes[r % WORK_SIZES] >> 15; /* read and written, but not changed */
		*(volatile uint64_t *)slot->p = r;
	}
}

void work_empty(struct work_churn *c)
{
	for (uint32_t i = 0; i < WORK_LIVE; i++)
		if (c->slots[i].p)
			work_give(c->slots[i].p);
}

void work_churn_full(struct work_churn *c, uint32_t steps)
{
	while (steps--) {
		uint64_t r = bench_random(&c->state);
		struct work_slot *slot = work_pick(c, r);

		if (slot->p)
			work_give(slot->p);
		c->live -= slot->size;
		slot->size = work_sizes[r % WORK_SIZES];
		c->live += slot->size;
		slot->p = work_take(slot->size);
		__builtin_memset(slot->p, 1, slot->size);
		if (c->live > c->peak)
			c->peak = c->live;
	}
}

/* ---- one allocates, the other one frees ---- */

#define WORK_RING 4096u
#define WORK_LOT  16u /* objects that are made known together */

static struct {
	_Alignas(64) uint64_t head;
	_Alignas(64) uint64_t tail;
	_Alignas(64) void *at[WORK_RING];
} ring;

/* Wait until *word is not `seen`. */
static uint64_t work_wait(const uint64_t *word, uint64_t seen)
{
	for (uint32_t spins = 1;; spins++) {
		uint64_t now = __atomic_load_n(word, __ATOMIC_ACQUIRE);

		if (now != seen)
			return now;
		if (spins % 2048 == 0)
			sched_yield();
		bench_pause();
	}
}

void work_produce(uint32_t n)
{
	uint64_t head = ring.head, end = head + n, tail = head;

	for (; head != end; head++) {
		volatile char *p = work_take(64);

		*p = 1;
		while (head - tail >= WORK_RING)
			tail = work_wait(&ring.tail, tail);
		ring.at[head % WORK_RING] = (void *)p;
		if ((head + 1) % WORK_LOT == 0)
			__atomic_store_n(&ring.head, head + 1, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&ring.head, head, __ATOMIC_RELEASE);
}

void work_consume(uint32_t n)
{
	uint64_t tail = ring.tail, end = tail + n, head = tail;

	for (; tail != end; tail++) {
		if (tail == head)
			head = work_wait(&ring.head, head);
		work_give(ring.at[tail % WORK_RING]);
		if ((tail + 1) % WORK_LOT == 0 || tail + 1 == head)
			__atomic_store_n(&ring.tail, tail + 1, __ATOMIC_RELEASE);
	}
}
