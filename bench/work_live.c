/* SPDX-License-Identifier: MIT */
/* See work_live.h. */
#include "work_live.h"
#include <stdlib.h>

uint16_t live_sizes[LIVE_SIZES];
struct mm_heap live_heap;

static inline void *live_take_mmlib(size_t size)
{
	return mm_kmalloc(&live_heap, size, 0);
}

static inline void live_give_mmlib(void *p)
{
	if (mm_kfree(&live_heap, p) != MM_OK)
		bench_die("mm_kfree failed");
}

static inline void *live_take_malloc(size_t size)
{
	return malloc(size);
}

static inline void live_give_malloc(void *p)
{
	free(p);
}

#define LIVE(side)                                                                                 \
	static inline void *live_make_##side(struct live *l)                                       \
	{                                                                                          \
		uint64_t *p = live_take_##side(live_sizes[l->state % LIVE_SIZES]);                 \
                                                                                                   \
		if (!p)                                                                            \
			bench_die("no memory");                                                    \
		*(volatile uint64_t *)p = l->state;                                                \
		return p;                                                                          \
	}                                                                                          \
	void live_fill_##side(struct live *l, uint32_t n)                                          \
	{                                                                                          \
		for (l->n = 0; l->n < n; l->n++) {                                                 \
			bench_random(&l->state);                                                   \
			l->slots[l->n] = live_make_##side(l);                                      \
		}                                                                                  \
	}                                                                                          \
	void live_churn_##side(struct live *l, uint32_t steps)                                     \
	{                                                                                          \
		while (steps--) {                                                                  \
			void **slot = &l->slots[(bench_random(&l->state) >> 32) * l->n >> 32];     \
                                                                                                   \
			live_give_##side(*slot);                                                   \
			*slot = live_make_##side(l);                                               \
		}                                                                                  \
	}                                                                                          \
	void live_empty_##side(struct live *l)                                                     \
	{                                                                                          \
		while (l->n)                                                                       \
			live_give_##side(l->slots[--l->n]);                                        \
	}
LIVE(mmlib)
LIVE(malloc)
