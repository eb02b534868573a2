/* SPDX-License-Identifier: MIT */
/* The region heap for tiny systems.
 *
 *	bench_tiny                  the longest allocation and free, 256 blocks live
 *	bench_tiny rss              prints the most memory that was resident in churn, over the most bytes that
 *	                            were live
 *	bench_tiny count WORK       10,000 calls of "alloc" or "free" the longest way, for callgrind
 *
 * One sequence of calls is replayed, and each call has as many samples as there were replays. A call does the
 * same in each, but the machine does other things beside it. So replays are taken in groups, BENCH_ROUNDS of
 * them and 12 at most; of a group counts the mean of the lower three quarters of a call's samples, and of those
 * the least. (Not the least sample: some clocks tick every 10 ns only, and it would be up to that too short.)
 * The figure is the longest call's. The yardstick beside it is the least slice, too, of as many as are beside
 * each group. */
#define _GNU_SOURCE
#include "work_tiny.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define GROUP   16u
#define GROUPS  12u /* at most */
#define SLICES  4u  /* of the yardstick, beside a group */
#define REPLAYS (GROUPS * GROUP)
#define BYTES   (UINT64_C(96) << 20)
#define LIVE    100000u

static bool quick(void)
{
	return bench_rounds() < 3;
}

/* Log-uniform from 16 to 4,095. */
static void make_sizes(void)
{
	uint64_t state = UINT64_C(88172645463325252);

	for (uint32_t i = 0; i < TINY_SIZES; i++)
		tiny_sizes[i] = (uint16_t)(16 * exp((double)(bench_random(&state) >> 11) * 0x1p-53 *
						    log(256.0)));
}

static void heap_start(void)
{
	void *memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED || mm_region_add(&tiny_heap, memory, BYTES) != MM_OK)
		bench_die("no heap");
}

/* ---- the longest call ---- */

enum { FREES, ALLOCATIONS, NOTHING, KINDS };
static uint32_t samples[KINDS][REPLAYS][TINY_STEPS];
static unsigned replays;

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Ticks of a call in a group of replays. */
static double group_time(unsigned kind, uint32_t step, unsigned first)
{
	uint32_t v[GROUP];
	double sum = 0;

	for (unsigned r = 0; r < GROUP; r++)
		v[r] = samples[kind][first + r][step];
	qsort(v, GROUP, sizeof(v[0]), compare);
	for (unsigned r = 0; r < GROUP - GROUP / 4; r++)
		sum += v[r];
	return sum / (GROUP - GROUP / 4);
}

/* Ticks of a call. */
static double call_time(unsigned kind, uint32_t step)
{
	double least = group_time(kind, step, 0);

	for (unsigned first = GROUP; first < replays; first += GROUP) {
		double t = group_time(kind, step, first);

		least = t < least ? t : least;
	}
	return least;
}

static double longest(unsigned kind)
{
	double most = 0, nothing = 0;

	for (uint32_t i = 0; i < TINY_STEPS; i++) {
		double t = call_time(kind, i);

		most = t > most ? t : most;
		nothing += call_time(NOTHING, i) / TINY_STEPS;
	}
	return most - nothing;
}

static double yardstick(void)
{
	double least = yard_glibc_pair64();

	for (unsigned i = 1; i < SLICES; i++)
		least = fmin(least, yard_glibc_pair64());
	return least;
}

static void measure(void)
{
	uint64_t ticks = tiny_clock();
	double wall = bench_wall(), yard = yardstick(), scale;

	memset(samples, 1, sizeof(samples)); /* so that it is there */
	do {
		const struct timespec pause = { .tv_nsec = 25000000 };

		yard = fmin(yard, yardstick());
		bench_alone(true);
		for (unsigned i = 0; i < GROUP; i++, replays++)
			tiny_replay(samples[FREES][replays], samples[ALLOCATIONS][replays],
				    samples[NOTHING][replays]);
		bench_alone(false);
		nanosleep(&pause, NULL);
	} while (replays < GROUP * bench_rounds() && replays < REPLAYS);
	scale = (bench_wall() - wall) / (double)(tiny_clock() - ticks);
	bench_figure("tiny.worst_alloc", scale * longest(ALLOCATIONS), "ns", "yard.glibc_pair64",
		     yard);
	bench_figure("tiny.worst_free", scale * longest(FREES), "ns", "yard.glibc_pair64", yard);
}

/* ---- memory ---- */

static double status_kib(const char *key)
{
	char line[256];
	double kib = 0;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0)
			kib = strtod(line + strlen(key), NULL);
	if (f)
		fclose(f);
	return kib;
}

static void resident(uint32_t steps)
{
	static void *slots[LIVE];
	static uint16_t sizes[LIVE];
	uint64_t state = 1, live = 0, peak = 0;
	double base;

	memset(slots, 1, sizeof(slots)); /* so that they are there */
	memset(slots, 0, sizeof(slots));
	memset(sizes, 1, sizeof(sizes));
	memset(sizes, 0, sizeof(sizes));
	base = status_kib("VmRSS:");
	heap_start();
	while (steps--) {
		uint64_t random = bench_random(&state);
		uint32_t i = (uint32_t)((random >> 32) * LIVE >> 32);

		if (mm_region_free(&tiny_heap, slots[i]) != MM_OK)
			bench_die("mm_region_free failed");
		live -= sizes[i];
		sizes[i] = tiny_sizes[random % TINY_SIZES];
		slots[i] = mm_region_alloc(&tiny_heap, sizes[i]);
		if (!slots[i])
			bench_die("no memory");
		memset(slots[i], 1, sizes[i]);
		live += sizes[i];
		peak = live > peak ? live : peak;
	}
	printf("%.4f\n", (status_kib("VmHWM:") - base) * 1024 / (double)peak);
	for (uint32_t i = 0; i < LIVE; i++)
		if (mm_region_free(&tiny_heap, slots[i]) != MM_OK)
			bench_die("mm_region_free failed");
}

/* After everything is freed all must be there, else the figures are of a broken heap. */
static void heap_end(void)
{
	struct mm_region_stats stats;

	if (mm_region_stats(&tiny_heap, &stats) != MM_OK || stats.used ||
	    stats.most + sizeof(uint32_t) != stats.bytes || mm_region_verify(&tiny_heap) != MM_OK)
		bench_die("the region heap is damaged");
}

int main(int argc, char **argv)
{
	bench_pin(0);
	make_sizes();
	if (argc > 1 && strcmp(argv[1], "rss") == 0) {
		resident(quick() ? 500000 : 5000000);
	} else {
		heap_start();
		if (argc > 2 && strcmp(argv[1], "count") == 0)
			(strcmp(argv[2], "alloc") == 0 ? tiny_count_alloc : tiny_count_free)();
		else
			measure();
	}
	heap_end();
	return 0;
}
