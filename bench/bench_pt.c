/* SPDX-License-Identifier: MIT */
/* Page tables: the walker folded to a format, and loops written by hand for it, on the same work,
 * in turn. 1 GiB of 4 KiB pages, and 32 GiB of 2 MiB leaves; TLB instructions are left out. The
 * least of all runs counts. */
#include "bench.h"
#include "hand.h"
#include <mmlib/pt_aarch64.h>
#include <mmlib/pt_riscv64.h>
#include <mmlib/pt_x86_64.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE   UINT64_C(4096)
#define PAGES  262144u
#define LENGTH (PAGES * PAGE)
#define VA     UINT64_C(0x1000000000)
#define PA     UINT64_C(0x100001000) /* a page beside what a large leaf would need */
#define M2     UINT64_C(0x200000)
#define PA_BIG UINT64_C(0x100200000)
#define BIGS   256u /* large leaves of one call */
#define CALLS  64u
#define TABLES 2048u
#define ARENA  UINT64_C(0x40000000)

__thread uint32_t bench_cpu;
static uint64_t stack[TABLES];
static unsigned nstack;
static uint32_t *order;

uint64_t bench_table_get(void)
{
	return nstack ? stack[--nstack] : 0;
}

void bench_table_put(uint64_t pa)
{
	stack[nstack++] = pa;
}

/* All pages at hand again, the first one on top. */
static void tables_reset(void)
{
	nstack = 0;
	for (uint64_t i = TABLES; i-- > 0;)
		bench_table_put(ARENA + i * PAGE);
}

/* What is measured, for the walker and for the loops by hand. */
enum op {
	MAP,
	QUERY_CALL,
	QUERY_CURSOR,
	QUERY_RANDOM,
	PROTECT,
	UNMAP_VISIT,
	UNMAP_DISCARD,
	MAP_PAGE,
	UNMAP_PAGE_RANDOM,
	MAP_2M,
	NOPS,
};

static const char *const op_names[NOPS] = {
	"map",         "query_call",    "query_cursor", "query_random",      "protect",
	"unmap_visit", "unmap_discard", "map_page",     "unmap_page_random", "map_2m",
};

struct ops {
	void (*begin)(void);
	bool (*map)(uint64_t va, uint64_t pa, uint64_t length);
	bool (*map_page)(uint64_t va, uint64_t pa);
	uint64_t (*query)(uint64_t va);
	uint64_t (*sum)(uint64_t va, uint64_t length);
	bool (*protect)(uint64_t va, uint64_t length);
	bool (*unmap)(uint64_t va, uint64_t length);
	bool (*discard)(uint64_t va, uint64_t length);
	bool (*unmap_page)(uint64_t va);
	bool (*end)(void);
};

/* ---- by hand ---- */

static uint64_t *root;

static void hand_begin(void)
{
	root = BENCH_TO_VIRT(bench_table_get());
	memset(root, 0, PAGE);
}

/* Upper tables that a range covers in part are not given back: see tables_reset(). */
static bool hand_end(void)
{
	return true;
}

#define HAND_OPS(f)                                                                                \
	static inline bool h_##f##_map(uint64_t va, uint64_t pa, uint64_t length)                  \
	{                                                                                          \
		return hand_##f##_map(root, va, pa, length) == 0;                                  \
	}                                                                                          \
	static inline bool h_##f##_map_page(uint64_t va, uint64_t pa)                              \
	{                                                                                          \
		return hand_##f##_map_page(root, va, pa) == 0;                                     \
	}                                                                                          \
	static inline uint64_t h_##f##_query(uint64_t va)                                          \
	{                                                                                          \
		return hand_##f##_query(root, va);                                                 \
	}                                                                                          \
	static inline uint64_t h_##f##_sum(uint64_t va, uint64_t length)                           \
	{                                                                                          \
		return hand_##f##_sum(root, va, length);                                           \
	}                                                                                          \
	static inline bool h_##f##_protect(uint64_t va, uint64_t length)                           \
	{                                                                                          \
		return hand_##f##_protect(root, va, length) == 0;                                  \
	}                                                                                          \
	static inline bool h_##f##_unmap(uint64_t va, uint64_t length)                             \
	{                                                                                          \
		return hand_##f##_unmap(root, va, length) == 0;                                    \
	}                                                                                          \
	static inline bool h_##f##_discard(uint64_t va, uint64_t length)                           \
	{                                                                                          \
		return hand_##f##_discard(root, va, length) == 0;                                  \
	}                                                                                          \
	static inline bool h_##f##_unmap_page(uint64_t va)                                         \
	{                                                                                          \
		return hand_##f##_unmap_page(root, va) == 0;                                       \
	}                                                                                          \
	static const struct ops hand_##f = { hand_begin,    h_##f##_map,     h_##f##_map_page,     \
					     h_##f##_query, h_##f##_sum,     h_##f##_protect,      \
					     h_##f##_unmap, h_##f##_discard, h_##f##_unmap_page,   \
					     hand_end }

HAND_OPS(x86_64);
HAND_OPS(aarch64);
HAND_OPS(sv39);

/* ---- the walker ---- */

static enum mm_status env_alloc(void *ctx, size_t bytes, mm_paddr_t *pa)
{
	(void)ctx;
	(void)bytes;
	*pa = bench_table_get();
	return *pa ? MM_OK : MM_E_NOMEM;
}

static void env_free(void *ctx, mm_paddr_t pa, size_t bytes)
{
	(void)ctx;
	(void)bytes;
	bench_table_put(pa);
}

static void *env_to_virt(void *ctx, mm_paddr_t pa)
{
	(void)ctx;
	return BENCH_TO_VIRT(pa);
}

static void env_flush(void *ctx, const struct mm_tlb_gather *g)
{
	(void)ctx;
	(void)g;
}

static const struct mm_pt_env env = { NULL, env_alloc, env_free, env_to_virt, env_flush };
static struct mm_pt pt;
static struct mm_tlb_gather gather;

#define WALKER_OPS(f)                                                                              \
	static void w_##f##_begin(void)                                                            \
	{                                                                                          \
		if (mm_pt_init(&pt, mm_pt_##f##_port(), &env, NULL) != MM_OK)                      \
			bench_die("mm_pt_init failed");                                            \
	}                                                                                          \
	static inline bool w_##f##_map(uint64_t va, uint64_t pa, uint64_t length)                  \
	{                                                                                          \
		return mm_pt_##f##_map(&pt, va, pa, length, MM_PT_READ | MM_PT_WRITE, 0,           \
				       &gather) == MM_OK;                                          \
	}                                                                                          \
	static inline bool w_##f##_map_page(uint64_t va, uint64_t pa)                              \
	{                                                                                          \
		return w_##f##_map(va, pa, PAGE);                                                  \
	}                                                                                          \
	static inline uint64_t w_##f##_query(uint64_t va)                                          \
	{                                                                                          \
		struct mm_pt_run run;                                                              \
                                                                                                   \
		return mm_pt_##f##_query(&pt, va, &run) == MM_OK ? run.pa : 0;                     \
	}                                                                                          \
	static inline uint64_t w_##f##_sum(uint64_t va, uint64_t length)                           \
	{                                                                                          \
		struct mm_pt_cur cur;                                                              \
		struct mm_pt_run run;                                                              \
		uint64_t sum = 0;                                                                  \
                                                                                                   \
		if (mm_pt_cur_init(&cur, &pt, va, length) != MM_OK)                                \
			return 0;                                                                  \
		while (mm_pt_##f##_cur_next(&cur, &run))                                           \
			sum += run.pa;                                                             \
		return sum;                                                                        \
	}                                                                                          \
	static inline bool w_##f##_protect(uint64_t va, uint64_t length)                           \
	{                                                                                          \
		return mm_pt_##f##_protect(&pt, va, length, MM_PT_READ, 0, &gather) == MM_OK;      \
	}                                                                                          \
	static inline bool w_##f##_unmap(uint64_t va, uint64_t length)                             \
	{                                                                                          \
		return mm_pt_##f##_unmap(&pt, va, length, 0, &gather) == MM_OK;                    \
	}                                                                                          \
	static inline bool w_##f##_discard(uint64_t va, uint64_t length)                           \
	{                                                                                          \
		return mm_pt_##f##_unmap(&pt, va, length, MM_PT_DISCARD, &gather) == MM_OK;        \
	}                                                                                          \
	static inline bool w_##f##_unmap_page(uint64_t va)                                         \
	{                                                                                          \
		return w_##f##_unmap(va, PAGE);                                                    \
	}                                                                                          \
	static const struct ops walker_##f = { w_##f##_begin, w_##f##_map,     w_##f##_map_page,   \
					       w_##f##_query, w_##f##_sum,     w_##f##_protect,    \
					       w_##f##_unmap, w_##f##_discard, w_##f##_unmap_page, \
					       walker_end }

static bool walker_end(void)
{
	bool whole = mm_pt_verify(&pt, NULL) == MM_OK;

	return mm_pt_destroy(&pt) == MM_OK && whole && nstack == TABLES;
}

WALKER_OPS(x86_64);
WALKER_OPS(aarch64);
WALKER_OPS(sv39);

/* ---- the work. Always inlined, with a constant `o`: calls are direct ---- */

#define INLINE static inline __attribute__((always_inline))

static void must(bool ok)
{
	if (!ok)
		bench_die("a page-table operation failed");
}

/* What was changed is forgotten by the TLB, and tables are given back: part of each operation. The
 * gather of the loops by hand is empty. */
INLINE double done(double start)
{
	mm_pt_sync(&pt, &gather);
	return bench_now() - start;
}

INLINE void run_queries(const struct ops *o, struct bench_samples *s)
{
	uint64_t want = PA * PAGES + PAGE * PAGES / 2 * (PAGES - 1), sum = 0;
	double t = bench_now();

	for (uint32_t i = 0; i < PAGES; i++)
		sum += o->query(VA + i * PAGE);
	bench_sample(&s[QUERY_CALL], (bench_now() - t) / PAGES);
	must(sum == want);
	t = bench_now();
	sum = o->sum(VA, LENGTH);
	bench_sample(&s[QUERY_CURSOR], (bench_now() - t) / PAGES);
	must(sum == want);
	sum = 0;
	t = bench_now();
	for (uint32_t i = 0; i < PAGES; i++)
		sum += o->query(VA + order[i] * PAGE);
	bench_sample(&s[QUERY_RANDOM], (bench_now() - t) / PAGES);
	must(sum == want);
}

INLINE void run_ranges(const struct ops *o, struct bench_samples *s)
{
	double t = bench_now();

	must(o->map(VA, PA, LENGTH));
	bench_sample(&s[MAP], done(t) / PAGES);
	run_queries(o, s);
	t = bench_now();
	must(o->protect(VA, LENGTH));
	bench_sample(&s[PROTECT], done(t) / PAGES);
	t = bench_now();
	must(o->unmap(VA, LENGTH));
	bench_sample(&s[UNMAP_VISIT], done(t) / PAGES);
	must(o->map(VA, PA, LENGTH));
	t = bench_now();
	must(o->discard(VA, LENGTH));
	bench_sample(&s[UNMAP_DISCARD], done(t) / PAGES);
}

INLINE void run_pages(const struct ops *o, struct bench_samples *s)
{
	double t = bench_now();

	for (uint32_t i = 0; i < PAGES; i++)
		must(o->map_page(VA + i * PAGE, PA + i * PAGE));
	bench_sample(&s[MAP_PAGE], done(t) / PAGES);
	t = bench_now();
	for (uint32_t i = 0; i < PAGES; i++)
		must(o->unmap_page(VA + order[i] * PAGE));
	bench_sample(&s[UNMAP_PAGE_RANDOM], done(t) / PAGES);
}

INLINE void run_big(const struct ops *o, struct bench_samples *s)
{
	double t = bench_now();

	for (uint64_t k = 0; k < CALLS; k++)
		must(o->map(VA + k * BIGS * M2, PA_BIG + k * BIGS * M2, BIGS * M2));
	bench_sample(&s[MAP_2M], done(t) / (CALLS * BIGS));
	must(o->unmap(VA, CALLS * BIGS * M2));
	done(t);
}

INLINE void run(const struct ops *o, struct bench_samples *s)
{
	tables_reset();
	o->begin();
	run_ranges(o, s);
	run_pages(o, s);
	o->unmap(VA, LENGTH); /* tables that are empty: only the loops by hand leave some */
	run_big(o, s);
	must(o->end());
}

static void print(const char *format, struct bench_samples *walker, struct bench_samples *hand)
{
	char name[64], yardstick[64];

	for (unsigned i = 0; i < NOPS; i++) {
		double least = bench_least(&hand[i]);

		snprintf(name, sizeof(name), "pt.%s.%s", format, op_names[i]);
		snprintf(yardstick, sizeof(yardstick), "hand.%s.%s", format, op_names[i]);
		bench_figure(yardstick, least, "ns", NULL, 0);
		bench_figure(name, bench_least(&walker[i]), "ns", yardstick, least);
	}
}

#define MEASURE(f)                                                                                 \
	do {                                                                                       \
		static struct bench_samples walker[NOPS], hand[NOPS];                              \
                                                                                                   \
		for (unsigned r = 0; r < BENCH_RUNS; r++) {                                        \
			run(&hand_##f, hand);                                                      \
			run(&walker_##f, walker);                                                  \
		}                                                                                  \
		print(#f, walker, hand);                                                           \
	} while (0)

int main(void)
{
	uint64_t state = UINT64_C(88172645463325252);

	bench_pin(0);
	bench_memory(ARENA, TABLES * PAGE);
	memset(BENCH_TO_VIRT(ARENA), 0, TABLES * PAGE); /* no page faults while time is measured */
	order = malloc(PAGES * sizeof(*order));
	if (!order)
		bench_die("no memory");
	for (uint32_t i = 0; i < PAGES; i++)
		order[i] = i;
	bench_shuffle(order, PAGES, &state);
	MEASURE(x86_64);
	MEASURE(aarch64);
	MEASURE(sv39);
	return 0;
}
