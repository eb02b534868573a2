/* SPDX-License-Identifier: MIT */
/* Page frames: 1 GiB of simulated memory, of which only metadata is ever touched. One CPU.
 * Built once for each level of checks; `bench_page hardened` measures only what is named so. */
#include "bench.h"
#include <mmlib/pmm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES 262144u /* 1 GiB */
#define BIG    512u    /* frames of a block of order 9 */
#define EXTRA  BIG     /* further RAM: metadata lies here or there, and 1 GiB is left */
#define RAM    UINT64_C(0x140000000)
#define NONE   MM_PADDR_MAX
#define PAIRS  1000000u

__thread uint32_t bench_cpu;
static struct mm_pmm pmm;
static mm_paddr_t meta_bytes;
static uint32_t *live, *churning;
static struct bench_samples glibc;

static void *to_virt(void *ctx, mm_paddr_t pa)
{
	(void)ctx;
	return BENCH_TO_VIRT(pa);
}

static void stop(void *ctx, const char *file, int line)
{
	(void)ctx;
	fprintf(stderr, "mmlib panic: %s:%d\n", file, line);
	exit(1);
}

static const struct mm_port port = {
	.version = MM_PORT_VERSION,
	.size = sizeof(struct mm_port),
	.to_virt = to_virt,
	.panic = stop,
};

static mm_paddr_t take(unsigned order)
{
	mm_paddr_t pa;

	return mm_page_alloc(&pmm, order, 0, &pa) == MM_OK ? pa : NONE;
}

static void give(mm_paddr_t pa, unsigned order)
{
	if (mm_page_free(&pmm, pa, order) != MM_OK)
		bench_die("a page was not freed");
}

static uint32_t number(mm_paddr_t pa)
{
	return (uint32_t)((pa - RAM) >> MM_FRAME_SHIFT);
}

static mm_paddr_t address(uint32_t frame)
{
	return RAM + ((mm_paddr_t)frame << MM_FRAME_SHIFT);
}

static void drain(void)
{
	if (mm_pmm_drain(&pmm) != MM_OK)
		bench_die("frames at hand were not given back");
}

/* Returns how long mm_pmm_init() took. */
static double init(uint32_t ncpus)
{
	static const struct mm_zone_cfg zones[] = { { "DMA32", 0xffffffffu },
						    { "NORMAL", MM_PADDR_MAX } };
	static struct mm_mem entries[16];
	struct mm_memmap map;
	struct mm_pmm_cfg cfg = { .zones = zones, .nzones = 2, .ncpus = ncpus };
	mm_paddr_t bytes = (mm_paddr_t)(FRAMES + EXTRA) << MM_FRAME_SHIFT;
	double start;

	cfg.reach = RAM + bytes - 1;
	if (mm_memmap_init(&map, entries, 16) != MM_OK ||
	    mm_memmap_add(&map, RAM, bytes, MM_MEM_USABLE, NULL) != MM_OK)
		bench_die("no memory map");
	start = bench_now();
	if (mm_pmm_init(&pmm, &port, &map, &cfg) != MM_OK)
		bench_die("mm_pmm_init failed");
	start = bench_now() - start;
	meta_bytes = mm_memmap_bytes(&map, MM_MEM_META);
	return start;
}

/* Take all blocks of an order. */
static uint32_t take_all(unsigned order)
{
	uint32_t n = 0;

	for (mm_paddr_t pa; n < FRAMES && (pa = take(order)) != NONE; n++)
		live[n] = number(pa);
	return n;
}

static void give_all(uint32_t n, unsigned order)
{
	for (uint32_t i = 0; i < n; i++)
		give(address(live[i]), order);
}

/* A fresh machine with exactly FRAMES free, all in whole blocks of order 9. */
static void start(void)
{
	uint32_t n;

	init(1);
	n = take_all(9);
	if (n != FRAMES / BIG)
		bench_die("metadata is not where it should be");
	while (take(0) != NONE)
		;
	give_all(n, 9);
	drain();
}

/* After everything is freed all must be whole again, else the figures are of a broken allocator. */
static void expect_whole(void)
{
	uint32_t n;

	drain();
	n = take_all(9);
	if (n != FRAMES / BIG)
		bench_die("memory is not whole again");
	give_all(n, 9);
}

static double pairs(unsigned order)
{
	double t = bench_now();

	for (uint32_t i = 0; i < PAIRS; i++) {
		mm_paddr_t pa = take(order);

		give(pa, order);
	}
	return (bench_now() - t) / PAIRS;
}

/* ---- churn: orders 0 to 9, each about the same share of memory, around 75 % used ---- */

struct churn {
	uint64_t state;
	uint32_t n, used;
	uint64_t done, failed;
};

static void churn_free(struct churn *c)
{
	uint32_t i = (uint32_t)(bench_random(&c->state) % c->n), e = churning[i];

	churning[i] = churning[--c->n];
	give(address(e >> 4), e & 15);
	c->used -= 1u << (e & 15);
	c->done++;
}

static void churn_step(struct churn *c)
{
	unsigned order;
	mm_paddr_t pa;

	if (c->used >= FRAMES / 4 * 3) {
		churn_free(c);
		return;
	}
	order = (unsigned)__builtin_ctzll(bench_random(&c->state) >> 20 | 1u << 9);
	pa = take(order);
	c->done++;
	if (pa == NONE) {
		c->failed++;
		if (c->n)
			churn_free(c);
		return;
	}
	churning[c->n++] = number(pa) << 4 | order;
	c->used += 1u << order;
}

static void churn(unsigned run, struct bench_samples *time, struct bench_samples *failed)
{
	struct churn c = { .state = UINT64_C(0xabcdef12345) + run };
	double t;

	for (uint32_t i = 0; i < 500000; i++)
		churn_step(&c);
	c.done = c.failed = 0;
	t = bench_now();
	for (uint32_t i = 0; i < 750000; i++)
		churn_step(&c);
	bench_sample(time, (bench_now() - t) / (double)c.done);
	bench_sample(failed, 100.0 * (double)c.failed / (double)c.done);
	while (c.n)
		churn_free(&c);
}

/* ---- order-9 blocks left after order-0 churn at some occupancy ---- */

static uint32_t recovered(unsigned percent)
{
	uint64_t state = 999 + percent;
	uint32_t n, big;

	start();
	n = take_all(0);
	bench_shuffle(live, n, &state);
	while (n > FRAMES / 100 * percent)
		give(address(live[--n]), 0);
	for (uint32_t i = 0; i < 8 * FRAMES; i += 256) {
		for (unsigned k = 0; k < 256; k++) {
			uint32_t j = (uint32_t)(bench_random(&state) % n), f = live[j];

			live[j] = live[--n];
			give(address(f), 0);
		}
		for (unsigned k = 0; k < 256; k++)
			live[n++] = number(take(0));
	}
	drain();
	for (big = 0; take(9) != NONE; big++)
		;
	return big;
}

/* ---- what is printed ---- */

static struct {
	struct bench_samples hot0, hot1, hot2, hot3, hot9, alloc0, seq0, rand0, alloc9, free9,
		churn, failed;
} s;

static void run_bulk(unsigned run)
{
	uint64_t state = 12345 + run;
	uint32_t n;
	double t = bench_now();

	n = take_all(0);
	bench_sample(&s.alloc0, (bench_now() - t) / n);
	t = bench_now();
	give_all(n, 0);
	bench_sample(&s.seq0, (bench_now() - t) / n);
	n = take_all(0);
	bench_shuffle(live, n, &state);
	t = bench_now();
	give_all(n, 0);
	bench_sample(&s.rand0, (bench_now() - t) / n);
	drain();
}

static void run_big(void)
{
	uint32_t n;
	double t = bench_now();

	n = take_all(9);
	bench_sample(&s.alloc9, (bench_now() - t) / n);
	t = bench_now();
	give_all(n, 9);
	bench_sample(&s.free9, (bench_now() - t) / n);
}

static void run_all(unsigned run)
{
	start();
	pairs(0);
	bench_sample(&s.hot0, pairs(0));
	bench_sample(&glibc, yard_glibc_pair64());
	bench_sample(&s.hot1, pairs(1));
	bench_sample(&s.hot2, pairs(2));
	bench_sample(&s.hot3, pairs(3));
	bench_sample(&s.hot9, pairs(9));
	bench_sample(&glibc, yard_glibc_pair64());
	run_bulk(run);
	run_big();
	churn(run, &s.churn, &s.failed);
	expect_whole();
}

static void print(const char *name, struct bench_samples *v)
{
	bench_figure(name, bench_median(v), "ns", "yard.glibc_pair64", bench_median(&glibc));
}

static void hardened(void)
{
	for (unsigned r = 0; r < BENCH_RUNS; r++) {
		start();
		pairs(0);
		bench_sample(&s.hot0, pairs(0));
		bench_sample(&glibc, yard_glibc_pair64());
	}
	print("page.hardened_hot0.call", &s.hot0);
}

static void times(void)
{
	for (unsigned r = 0; r < BENCH_RUNS; r++)
		run_all(r);
	print("page.hot0.call", &s.hot0);
	print("page.hot1.call", &s.hot1);
	print("page.hot2.call", &s.hot2);
	print("page.hot3.call", &s.hot3);
	print("page.hot9.call", &s.hot9);
	print("page.bulk0_alloc", &s.alloc0);
	print("page.bulk0_free_seq", &s.seq0);
	print("page.bulk0_free_rand", &s.rand0);
	print("page.bulk9_alloc", &s.alloc9);
	print("page.bulk9_free", &s.free9);
	print("page.churn", &s.churn);
	bench_figure("page.churn_failed_pct", bench_median(&s.failed), "%", NULL, 0);
}

static void sizes(void)
{
	struct bench_samples init_time = { .n = 0 };

	init(0);
	bench_figure("page.bits_per_frame", (double)meta_bytes * 8 / (FRAMES + EXTRA), "bits", NULL,
		     0);
	bench_figure("page.bytes_per_cpu_zone", sizeof(struct mm_page_cpu), "bytes", NULL, 0);
	bench_figure("page.recovered9_25", recovered(25), "blocks", NULL, 0);
	bench_figure("page.recovered9_50", recovered(50), "blocks", NULL, 0);
	bench_figure("page.recovered9_75", recovered(75), "blocks", NULL, 0);
	for (unsigned r = 0; r < BENCH_RUNS; r++)
		bench_sample(&init_time, init(1) * FRAMES / (FRAMES + EXTRA));
	bench_figure("page.init_ns_per_gib", bench_median(&init_time), "ns", NULL, 0);
}

int main(int argc, char **argv)
{
	bench_pin(0);
	bench_memory(RAM, (uint64_t)(FRAMES + EXTRA) << MM_FRAME_SHIFT);
	live = malloc(FRAMES * sizeof(*live));
	churning = malloc(FRAMES * sizeof(*churning));
	if (!live || !churning)
		bench_die("no memory");
	memset(live, 0, FRAMES * sizeof(*live)); /* no page faults while time is measured */
	memset(churning, 0, FRAMES * sizeof(*churning));
	if (argc > 1 && strcmp(argv[1], "hardened") == 0) {
		hardened();
		return 0;
	}
	times();
	sizes();
	return 0;
}
