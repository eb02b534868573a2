/* SPDX-License-Identifier: MIT */
/* What the benchmarks share: time, random numbers, memory, yardsticks, and how figures are printed.
 *
 * A figure is one line, `name value unit [yardstick yardstick-value [ratio]]`; scripts/bench.sh makes
 * readable text and JSON of it.
 *
 * How to measure on a busy machine. Work is cut into slices of about a millisecond, and each slice is
 * put next to a slice of its yardstick:
 *
 *	static struct bench_series hot0;
 *
 *	while (bench_more(&hot0)) {
 *		double yard = yard_glibc_pair64();
 *
 *		bench_record(&hot0, slice_of_work(), yard);
 *	}
 *	bench_report("page.hot0.call", &hot0, "ns", "yard.glibc_pair64");
 *
 * Times are CPU time of the thread, so time that others had is not in them. A slow clock slows both
 * slices of a couple alike, so their ratio keeps; couples in which the thread was put aside (its
 * caches are cold) are dropped. So are those in which the CPU is slow, as long as there are others: a
 * thread of another virtual machine on the same core slows some code by 75 % and other code by 10 %, so
 * ratios of then and of now differ. Reported are means of the middle half: of values, of yardsticks, of
 * ratios. (Costs have modes, in which a slice or a run stays; a median would be one or the other.)
 * scripts/bench.sh runs every program several times and takes such means of the runs, because where
 * memory lies differs between runs and changes the cost. */
#ifndef BENCH_H
#define BENCH_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bench_config.h"

#define BENCH_RUNS        7
#define BENCH_SAMPLES_MAX 300

/* Nanoseconds of CPU time of this thread. A call costs about 500 ns. */
double bench_now(void);
/* Nanoseconds of the clock on the wall, for what is shorter or on several CPUs. A call: about 30 ns. */
double bench_wall(void);
/* Pin this thread, so that it keeps its caches. */
void bench_pin(unsigned cpu);
/* Let nobody interrupt this thread (nor those that it makes), where that is allowed. Between
 * bench_more() and bench_report() it is so; bench_more() lets others have the CPU now and then. */
void bench_alone(bool on);
/* Others wait while slices are taken: let them go on after some of them. */
void bench_pause_sometimes(void);
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

/* In loops that wait for another CPU. */
static inline void bench_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

void bench_shuffle(uint32_t *v, uint32_t n, uint64_t *state);

/* Samples of one figure, one for each run. */
struct bench_samples {
	double v[BENCH_SAMPLES_MAX];
	unsigned n;
};
void bench_sample(struct bench_samples *s, double value);
double bench_median(struct bench_samples *s);
double bench_least(struct bench_samples *s);

/* A slice of `parts` parts, each some ten microseconds long: ns of all. Before each the kernel is
 * entered. For loops that do the same all the time: after half a millisecond without an interruption, CPUs
 * forward their stores at another speed (13 or 10 ns a pair of frames here), and what a slice costs
 * depends on when. Nor do kernels call 50,000 times in a row. */
double bench_parts(void (*part)(void *arg), void *arg, unsigned parts);

/* How many slices of each kind of work to take in this run: BENCH_ROUNDS in the environment. */
unsigned bench_rounds(void);

#define BENCH_SERIES_MAX 4096

/* Slices of one figure, each with its yardstick. All-zero is empty. */
struct bench_series {
	float value[BENCH_SERIES_MAX], yard[BENCH_SERIES_MAX];
	unsigned n, calm; /* samples of calm couples come first */
	double begin;     /* of the first one */
	bool settled;     /* only those that count are left */
};
/* Add a slice and the slice of the yardstick that was measured just before. Both began after the last
 * call of bench_record() or bench_calm(): if this thread was put aside since, the couple counts only
 * if there are hardly any better ones. */
void bench_record(struct bench_series *s, double value, double yard);
/* The same if it is known otherwise whether all was calm. */
void bench_record_if(struct bench_series *s, double value, double yard, bool calm);
/* Are there not enough calm slices yet, and is it less than 15 s since the first? */
bool bench_more(struct bench_series *s);
/* Was this thread never put aside since the last call of this or bench_record()? */
bool bench_calm(void);
/* Keep the slices that count: calm ones if there are enough, and of these the half in which a pair of glibc's
 * took least, if that is the yardstick; of those beside a transfer of a line, the quarter. When another virtual
 * machine is on the same core, it slows some code by 75 % and other code by 10 %. */
void bench_settle(struct bench_series *s, const char *yardstick);
/* Print a figure: middle value, yardstick and ratio of what counts. yardstick NULL: it has none. */
void bench_report(const char *name, struct bench_series *s, const char *unit,
		  const char *yardstick);
/* Print a figure beside a peer's, both settled: how their ratios to the yardstick compare. */
void bench_compare(const char *name, const struct bench_series *s, const char *unit,
		   const char *peer, const struct bench_series *beside);

/* The middle value and ratio of slices. */
double bench_value(const struct bench_series *s);
double bench_ratio(const struct bench_series *s);

/* Print a figure. yardstick NULL: it has none. */
void bench_figure(const char *name, double value, const char *unit, const char *yardstick,
		  double yardstick_value);

/* Yardsticks, ns: work that every machine has. A call is a slice of about half a millisecond. */
double yard_fetch_add(void);    /* an uncontended atomic addition */
double yard_glibc_pair64(void); /* malloc(64), a store, free: how fast plain code is */
/* Some hundred of these a chunk, on memory of this thread's own. order: of nothing */
void yard_pairs(unsigned order, uint32_t chunks);
#endif
