/* SPDX-License-Identifier: MIT */
/* See work_page.h. */
#include "work_page.h"
#ifdef BENCH_HEADER
#include <mmlib/pmm_inline.h>
#define work_alloc mm_page_alloc_inline
#define work_free  mm_page_free_inline
#else
#define work_alloc mm_page_alloc
#define work_free  mm_page_free
#endif

#define WORK_NONE MM_PADDR_MAX
#define WORK_HELD 31u

static struct {
	mm_paddr_t block[WORK_HELD];
	unsigned n, at;
} __attribute__((aligned(256))) work_held[2]; /* of each CPU */

static inline mm_paddr_t work_page_take(unsigned order)
{
	mm_paddr_t pa;

	return work_alloc(&machine_pmm, order, 0, &pa) == MM_OK ? pa : WORK_NONE;
}

static inline void work_page_give(mm_paddr_t pa, unsigned order)
{
	if (work_free(&machine_pmm, pa, order) != MM_OK)
		bench_die("a page was not freed");
}

static inline mm_paddr_t work_address(uint32_t frame)
{
	return MACHINE_RAM + ((mm_paddr_t)frame << MM_FRAME_SHIFT);
}

static inline uint32_t work_number(mm_paddr_t pa)
{
	return (uint32_t)((pa - MACHINE_RAM) >> MM_FRAME_SHIFT);
}

void work_hold(unsigned order, unsigned n)
{
	work_held[bench_cpu].n = work_held[bench_cpu].at = 0;
	while (work_held[bench_cpu].n < n && work_held[bench_cpu].n < WORK_HELD)
		work_held[bench_cpu].block[work_held[bench_cpu].n++] = work_page_take(order);
}

void work_let_go(unsigned order)
{
	while (work_held[bench_cpu].n)
		work_page_give(work_held[bench_cpu].block[--work_held[bench_cpu].n], order);
}

/* The next block that is held: the pairs go on with it. */
static inline mm_paddr_t *work_next(void)
{
	unsigned at = work_held[bench_cpu].at;

	work_held[bench_cpu].at = at + 1 < work_held[bench_cpu].n ? at + 1 : 0;
	return &work_held[bench_cpu].block[at];
}

static inline __attribute__((always_inline)) void work_pairs_of(unsigned order, uint32_t chunks)
{
	for (; chunks; chunks--) {
		mm_paddr_t *held = work_next();

		work_page_give(*held, order);
		for (unsigned i = 0; i < WORK_PAIRS; i++)
			work_page_give(work_page_take(order), order);
		*held = work_page_take(order);
	}
}

/* Callers write orders as constants: so do these loops. */
void work_pairs(unsigned order, uint32_t chunks)
{
	switch (order) {
	case 0:
		work_pairs_of(0, chunks);
		break;
	case 1:
		work_pairs_of(1, chunks);
		break;
	case 2:
		work_pairs_of(2, chunks);
		break;
	case 3:
		work_pairs_of(3, chunks);
		break;
	default:
		work_pairs_of(9, chunks);
	}
}

uint32_t work_take(uint32_t *v, uint32_t n, unsigned order)
{
	uint32_t got = 0;

	for (mm_paddr_t pa; got < n && (pa = work_page_take(order)) != WORK_NONE; got++)
		v[got] = work_number(pa);
	return got;
}

void work_give(const uint32_t *v, uint32_t n, unsigned order)
{
	for (uint32_t i = 0; i < n; i++)
		work_page_give(work_address(v[i]), order);
}

static void work_churn_free(struct work_churn *c)
{
	uint32_t i = (uint32_t)(bench_random(&c->state) % c->n), e = c->blocks[i];

	c->blocks[i] = c->blocks[--c->n];
	work_page_give(work_address(e >> 4), e & 15);
	c->used -= 1u << (e & 15);
	c->done++;
}

static void work_churn_step(struct work_churn *c)
{
	unsigned order;
	mm_paddr_t pa;

	if (c->used >= c->target) {
		work_churn_free(c);
		return;
	}
	order = (unsigned)__builtin_ctzll(bench_random(&c->state) >> 20 | 1u << 9);
	pa = work_page_take(order);
	c->done++;
	if (pa == WORK_NONE) {
		c->failed++;
		if (c->n)
			work_churn_free(c);
		return;
	}
	c->blocks[c->n++] = work_number(pa) << 4 | order;
	c->used += 1u << order;
}

void work_churn(struct work_churn *c, uint32_t steps)
{
	while (steps--)
		work_churn_step(c);
}

void work_churn_end(struct work_churn *c)
{
	while (c->n)
		work_churn_free(c);
}
