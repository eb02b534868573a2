/* SPDX-License-Identifier: MIT */
/* What the benchmarks share: time, random numbers, memory, yardsticks, and how figures are printed.
 *
 * A figure is one line, `name value unit [yardstick yardstick-value]`; scripts/bench.sh makes
 * readable text and JSON of it. Times are CPU time of the thread, so neighbours disturb little, and
 * medians of BENCH_RUNS runs. */
#ifndef BENCH_H
#define BENCH_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bench_config.h"

#define BENCH_RUNS 7

/* Nanoseconds of CPU time of this thread. */
double bench_now(void);
/* Pin this thread, so that it keeps its caches. */
void bench_pin(unsigned cpu);
/* Report that something went wrong and stop: a figure of a failed run is worth nothing. */
_Noreturn void bench_die(const char *what);
/* Host memory behind [pa, pa + bytes) of the simulated machine; not touched. */
void bench_memory(uint64_t pa, uint64_t bytes);

/* xorshift64: the state must not be 0. */
static inline uint64_t bench_random(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return *state = x;
}

void bench_shuffle(uint32_t *v, uint32_t n, uint64_t *state);

/* Samples of one figure, one for each run. */
struct bench_samples {
	double v[BENCH_RUNS * 2];
	unsigned n;
};
void bench_sample(struct bench_samples *s, double value);
double bench_median(struct bench_samples *s);
double bench_least(struct bench_samples *s);

/* Print a figure. yardstick NULL: it has none. */
void bench_figure(const char *name, double value, const char *unit, const char *yardstick,
		  double yardstick_value);

/* Yardsticks, ns: work that every machine has, measured in the same run. */
double yard_fetch_add(void);     /* an uncontended atomic addition */
double yard_glibc_pair64(void);  /* malloc(64), a store, free */
double yard_line_transfer(void); /* a cache line from one CPU to another, one way; 0: one CPU */
#endif
