/* SPDX-License-Identifier: MIT */
/* Page tables for benchmarks: the walker folded to a format, and the loops by hand, behind the same
 * functions; both take pages for tables from one stack, so both use the same memory.
 *
 * Calls into mmlib and into hand.c are real calls, as from a kernel to a library. What is around them
 * here is inlined into the work. Included by one file of a program. */
#ifndef BENCH_PT_OPS_H
#define BENCH_PT_OPS_H
#include "both.h"
#include "hand.h"
#include "pt_sum.h"
#include <mmlib/pt_aarch64.h>
#include <mmlib/pt_riscv64.h>
#include <mmlib/pt_x86_64.h>
#include <stdio.h>
#include <string.h>

#define PAGE   UINT64_C(4096)
#define PAGES  262144u
#define LENGTH (PAGES * PAGE)
#define VA     UINT64_C(0x1000000000)
#define PA     UINT64_C(0x100001000) /* a page beside what a large leaf would need */
#define TABLES 2048u
#define BATCH  512u /* leaves of one call with a cursor: a whole table */
#define ARENA  UINT64_C(0x40000000)

#define INLINE static inline __attribute__((always_inline))

__thread uint32_t bench_cpu;
static uint64_t stack[TABLES];
static unsigned nstack;

uint64_t bench_table_get(void)
{
	return nstack ? stack[--nstack] : 0;
}

void bench_table_put(uint64_t pa)
{
	stack[nstack++] = pa;
}

/* All pages at hand again, the first one on top. */
static inline void tables_reset(void)
{
	nstack = 0;
	for (uint64_t i = TABLES; i-- > 0;)
		bench_table_put(ARENA + i * PAGE);
}

/* Live: accessed and dirty bits are clear, and hardware may set them at any time. unmap_live() returns the
 * sum of the addresses that were mapped, if no page was dirty. */
struct pt_ops {
	void (*begin)(void);
	bool (*map)(uint64_t va, uint64_t pa, uint64_t length);
	bool (*map_page)(uint64_t va, uint64_t pa);
	bool (*map_list)(uint64_t va, const uint64_t *pa, size_t n);
	bool (*map_live)(uint64_t va, uint64_t pa, uint64_t length);
	uint64_t (*query)(uint64_t va);
	uint64_t (*sum)(uint64_t va, uint64_t length);
	uint64_t (*random_inline)(const uint32_t *order, uint32_t n, uint64_t va);
	bool (*map_inline)(uint32_t n, uint64_t va, uint64_t pa);
	bool (*unmap_inline)(const uint32_t *order, uint32_t n, uint64_t va);
	bool (*protect)(uint64_t va, uint64_t length);
	bool (*protect_live)(uint64_t va, uint64_t length);
	bool (*unmap)(uint64_t va, uint64_t length);
	uint64_t (*unmap_live)(uint64_t va, uint64_t length);
	bool (*discard)(uint64_t va, uint64_t length);
	bool (*unmap_page)(uint64_t va);
	bool (*end)(void);
};
#define PT_OPS(side, f)                                                                            \
	static const struct pt_ops side##_##f = {                                                  \
		side##_##f##_begin,    side##_##f##_map,          side##_##f##_map_page,           \
		side##_##f##_map_list, side##_##f##_map_live,     side##_##f##_query,              \
		side##_##f##_sum,      side##_##f##_random_inline, side##_##f##_map_inline,        \
		side##_##f##_unmap_inline, side##_##f##_protect,                                   \
		side##_##f##_protect_live, side##_##f##_unmap,    side##_##f##_unmap_live,         \
		side##_##f##_discard,  side##_##f##_unmap_page,   side##_##f##_end,                \
	}

/* Library, or loops, and their caller in one translation unit: work_pt_inline.c. */
#define PT_INLINE_DECLARE(f)                                                                       \
	const struct mm_pt_port *inline_##f##_port(void);                                          \
	uint64_t inline_##f##_walker(const struct mm_pt *pt, const uint32_t *order, uint32_t n,    \
				     uint64_t va);                                                 \
	uint64_t inline_##f##_hand(uint64_t *root, const uint32_t *order, uint32_t n, uint64_t va); \
	bool inline_##f##_walker_map(struct mm_pt *pt, struct mm_tlb_gather *g, uint32_t n,        \
				     uint64_t va, uint64_t pa);                                    \
	bool inline_##f##_walker_unmap(struct mm_pt *pt, struct mm_tlb_gather *g,                  \
				       const uint32_t *order, uint32_t n, uint64_t va);            \
	bool inline_##f##_hand_map(uint64_t *root, uint32_t n, uint64_t va, uint64_t pa);          \
	bool inline_##f##_hand_unmap(uint64_t *root, const uint32_t *order, uint32_t n, uint64_t va)
PT_INLINE_DECLARE(x86_64);
PT_INLINE_DECLARE(aarch64);
PT_INLINE_DECLARE(riscv64);

/* ---- by hand ---- */

static uint64_t *root;

/* Only discard() gives back upper tables that a range covers in part: see tables_reset(). */
#define HAND_OPS(f)                                                                                \
	static void h_##f##_begin(void)                                                            \
	{                                                                                          \
		root = BENCH_TO_VIRT(bench_table_get());                                           \
		memset(root, 0, PAGE);                                                             \
	}                                                                                          \
	static inline bool h_##f##_map(uint64_t va, uint64_t pa, uint64_t length)                  \
	{                                                                                          \
		return hand_##f##_map(root, va, pa, length) == 0;                                  \
	}                                                                                          \
	static inline bool h_##f##_map_page(uint64_t va, uint64_t pa)                              \
	{                                                                                          \
		return hand_##f##_map_page(root, va, pa) == 0;                                     \
	}                                                                                          \
	static inline bool h_##f##_map_list(uint64_t va, const uint64_t *pa, size_t n)             \
	{                                                                                          \
		return hand_##f##_map_list(root, va, pa, n) == 0;                                  \
	}                                                                                          \
	static inline bool h_##f##_map_live(uint64_t va, uint64_t pa, uint64_t length)             \
	{                                                                                          \
		return hand_##f##_map_live(root, va, pa, length) == 0;                             \
	}                                                                                          \
	static inline uint64_t h_##f##_query(uint64_t va)                                          \
	{                                                                                          \
		return hand_##f##_query(root, va);                                                 \
	}                                                                                          \
	static inline uint64_t h_##f##_sum(uint64_t va, uint64_t length)                           \
	{                                                                                          \
		return hand_##f##_sum(root, va, length);                                           \
	}                                                                                          \
	static inline uint64_t h_##f##_random_inline(const uint32_t *order, uint32_t n,            \
						     uint64_t va)                                  \
	{                                                                                          \
		return inline_##f##_hand(root, order, n, va);                                      \
	}                                                                                          \
	static inline bool h_##f##_map_inline(uint32_t n, uint64_t va, uint64_t pa)                \
	{                                                                                          \
		return inline_##f##_hand_map(root, n, va, pa);                                     \
	}                                                                                          \
	static inline bool h_##f##_unmap_inline(const uint32_t *order, uint32_t n, uint64_t va)    \
	{                                                                                          \
		return inline_##f##_hand_unmap(root, order, n, va);                                \
	}                                                                                          \
	static inline bool h_##f##_protect(uint64_t va, uint64_t length)                           \
	{                                                                                          \
		return hand_##f##_protect(root, va, length) == 0;                                  \
	}                                                                                          \
	static inline bool h_##f##_protect_live(uint64_t va, uint64_t length)                      \
	{                                                                                          \
		return hand_##f##_protect_live(root, va, length) == 0;                             \
	}                                                                                          \
	static inline bool h_##f##_unmap(uint64_t va, uint64_t length)                             \
	{                                                                                          \
		return hand_##f##_unmap(root, va, length) == 0;                                    \
	}                                                                                          \
	static inline uint64_t h_##f##_unmap_live(uint64_t va, uint64_t length)                    \
	{                                                                                          \
		uint64_t dirty = 0, sum = hand_##f##_unmap_live(root, va, length, &dirty);         \
                                                                                                   \
		return dirty ? 0 : sum;                                                            \
	}                                                                                          \
	static inline bool h_##f##_discard(uint64_t va, uint64_t length)                           \
	{                                                                                          \
		return hand_##f##_discard(root, va, length) == 0;                                  \
	}                                                                                          \
	static inline bool h_##f##_unmap_page(uint64_t va)                                         \
	{                                                                                          \
		return hand_##f##_unmap_page(root, va) == 0;                                       \
	}                                                                                          \
	static bool h_##f##_end(void)                                                              \
	{                                                                                          \
		return true;                                                                       \
	}                                                                                          \
	PT_OPS(h, f)

HAND_OPS(x86_64);
HAND_OPS(aarch64);
HAND_OPS(riscv64);

/* ---- the walker ---- */

#include "pt_env.h"
static struct mm_pt pt;
static struct mm_tlb_gather gather;

static inline bool walker_end(void)
{
	bool whole = mm_pt_verify(&pt, NULL) == MM_OK;

	return mm_pt_destroy(&pt) == MM_OK && whole && nstack == TABLES;
}

/* `format`: of this port, as mmlib names it. A port of the same format in work_pt_inline.c stands in for
 * mmlib's own while its loop runs. */
#define WALKER_OPS(f, format)                                                                      \
	static void w_##f##_begin(void)                                                            \
	{                                                                                          \
		if (mm_pt_init(&pt, mm_pt_##format##_port(), &env, NULL) != MM_OK)                 \
			bench_die("mm_pt_init failed");                                            \
	}                                                                                          \
	static inline bool w_##f##_map_as(uint64_t va, uint64_t pa, uint64_t length,               \
					  uint32_t attr)                                           \
	{                                                                                          \
		return mm_pt_##format##_map(&pt, va, pa, length, attr, 0, &gather) == MM_OK;       \
	}                                                                                          \
	static inline bool w_##f##_map(uint64_t va, uint64_t pa, uint64_t length)                  \
	{                                                                                          \
		return w_##f##_map_as(va, pa, length, MM_PT_READ | MM_PT_WRITE);                   \
	}                                                                                          \
	static inline bool w_##f##_map_page(uint64_t va, uint64_t pa)                              \
	{                                                                                          \
		return mm_pt_##format##_map_page(&pt, va, pa, MM_PT_READ | MM_PT_WRITE, &gather) == MM_OK; \
	}                                                                                          \
	static inline bool w_##f##_map_list(uint64_t va, const uint64_t *pa, size_t n)             \
	{                                                                                          \
		return mm_pt_##format##_map_list(&pt, va, pa, n, MM_PT_READ | MM_PT_WRITE, 0,      \
						 &gather) == MM_OK;                                \
	}                                                                                          \
	static inline bool w_##f##_map_live(uint64_t va, uint64_t pa, uint64_t length)             \
	{                                                                                          \
		return w_##f##_map_as(va, pa, length, MM_PT_READ | MM_PT_WRITE | MM_PT_TRACK);     \
	}                                                                                          \
	static inline uint64_t w_##f##_query(uint64_t va)                                          \
	{                                                                                          \
		mm_paddr_t pa;                                                                     \
                                                                                                   \
		return mm_pt_##format##_translate(&pt, va, &pa) == MM_OK ? pa : 0;                 \
	}                                                                                          \
	static inline uint64_t w_##f##_sum(uint64_t va, uint64_t length)                           \
	{                                                                                          \
		mm_paddr_t pa[BATCH];                                                              \
		struct mm_pt_leaves found = { .pa = pa, .room = BATCH };                           \
		struct mm_pt_cur cur;                                                              \
		uint64_t sum = 0;                                                                  \
                                                                                                   \
		if (mm_pt_cur_init(&cur, &pt, va, length) != MM_OK)                                \
			return 0;                                                                  \
		while (mm_pt_##format##_cur_leaves(&cur, &found))                                  \
			sum += sum_of(pa, found.n);                                                \
		return sum;                                                                        \
	}                                                                                          \
	static inline uint64_t w_##f##_random_inline(const uint32_t *order, uint32_t n,            \
						     uint64_t va)                                  \
	{                                                                                          \
		uint64_t sum;                                                                      \
                                                                                                   \
		pt.port = inline_##f##_port();                                                     \
		sum = inline_##f##_walker(&pt, order, n, va);                                      \
		pt.port = mm_pt_##format##_port();                                                 \
		return sum;                                                                        \
	}                                                                                          \
	static inline bool w_##f##_map_inline(uint32_t n, uint64_t va, uint64_t pa)                \
	{                                                                                          \
		pt.port = inline_##f##_port();                                                     \
		bool ok = inline_##f##_walker_map(&pt, &gather, n, va, pa);                        \
		pt.port = mm_pt_##format##_port();                                                 \
		return ok;                                                                         \
	}                                                                                          \
	static inline bool w_##f##_unmap_inline(const uint32_t *order, uint32_t n, uint64_t va)    \
	{                                                                                          \
		pt.port = inline_##f##_port();                                                     \
		bool ok = inline_##f##_walker_unmap(&pt, &gather, order, n, va);                   \
		pt.port = mm_pt_##format##_port();                                                 \
		return ok;                                                                         \
	}                                                                                          \
	static inline bool w_##f##_protect(uint64_t va, uint64_t length)                           \
	{                                                                                          \
		return mm_pt_##format##_protect(&pt, va, length, MM_PT_READ, 0, &gather) == MM_OK; \
	}                                                                                          \
	static inline bool w_##f##_protect_live(uint64_t va, uint64_t length)                      \
	{                                                                                          \
		return mm_pt_##format##_protect(&pt, va, length, MM_PT_READ | MM_PT_TRACK, 0,      \
						&gather) == MM_OK;                                 \
	}                                                                                          \
	static inline bool w_##f##_unmap(uint64_t va, uint64_t length)                             \
	{                                                                                          \
		return mm_pt_##format##_unmap(&pt, va, length, 0, &gather) == MM_OK;               \
	}                                                                                          \
	static inline uint64_t w_##f##_unmap_live(uint64_t va, uint64_t length)                    \
	{                                                                                          \
		mm_paddr_t pa[BATCH];                                                              \
		uint32_t attr[BATCH];                                                              \
		struct mm_pt_leaves gone = { .pa = pa, .attr = attr, .room = BATCH };              \
		struct mm_pt_cur cur;                                                              \
		uint64_t sum = 0, dirty = 0;                                                       \
                                                                                                   \
		if (mm_pt_cur_init(&cur, &pt, va, length) != MM_OK)                                \
			return 0;                                                                  \
		while (mm_pt_##format##_unmap_leaves(&pt, &cur, &gather, &gone) == MM_OK) {        \
			sum += sum_and_dirty_of(pa, attr, gone.n, &dirty);                         \
		}                                                                                  \
		return dirty ? 0 : sum;                                                            \
	}                                                                                          \
	static inline bool w_##f##_discard(uint64_t va, uint64_t length)                           \
	{                                                                                          \
		return mm_pt_##format##_unmap(&pt, va, length, MM_PT_DISCARD, &gather) == MM_OK;   \
	}                                                                                          \
	static inline bool w_##f##_unmap_page(uint64_t va)                                         \
	{                                                                                          \
		return mm_pt_##format##_unmap_page(&pt, va, &gather) == MM_OK;                     \
	}                                                                                          \
	static bool w_##f##_end(void)                                                              \
	{                                                                                          \
		return walker_end();                                                               \
	}                                                                                          \
	PT_OPS(w, f)

WALKER_OPS(x86_64, x86_64);
WALKER_OPS(aarch64, aarch64);
WALKER_OPS(riscv64, sv39);

/* What was changed is forgotten by the TLB, and tables are given back: part of each operation. The
 * gather of the loops by hand is empty. */
INLINE void pt_done(void)
{
	mm_pt_sync(&pt, &gather);
}

static inline void pt_init(void)
{
	bench_pin(0);
	bench_memory(ARENA, TABLES * PAGE);
	memset(BENCH_TO_VIRT(ARENA), 0, TABLES * PAGE); /* no page faults while time is measured */
}

/* Prints PREFIXhand.NAME and PREFIXpt.NAME. In the series the loops by hand are the yardstick. */
static inline void pt_report(const char *prefix, const char *name, struct bench_series *s)
{
	char pt_name[80], hand_name[80];

	snprintf(pt_name, sizeof(pt_name), "%spt.%s", prefix, name);
	snprintf(hand_name, sizeof(hand_name), "%shand.%s", prefix, name);
	bench_report_both(pt_name, hand_name, s);
}

static inline void must(bool ok)
{
	if (!ok)
		bench_die("a page-table operation failed");
}
#endif
