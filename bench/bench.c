/* SPDX-License-Identifier: MIT */
/* See bench.h. */
#define _GNU_SOURCE
#include "bench.h"
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <string.h>
#include <time.h>

double bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

double bench_wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

void bench_pin(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set); /* where it is refused, figures are only noisier */
	sched_setscheduler(0, SCHED_FIFO,
			   &(struct sched_param){ .sched_priority = 1 }); /* the same */
}

void bench_alone(bool on)
{
	const struct rlimit limit = { 5000000, 5000000 }; /* us: no bug may hold a CPU for ever */
	const struct sched_param param = { .sched_priority = on ? 1 : 0 };

	setrlimit(RLIMIT_RTTIME, &limit);
	sched_setscheduler(0, on ? SCHED_FIFO : SCHED_OTHER, &param);
}

void bench_die(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

void bench_memory(uint64_t pa, uint64_t bytes)
{
	void *want = BENCH_TO_VIRT(pa);
	void *got = mmap(want, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	if (got != want)
		bench_die("no address space for simulated memory");
}

double bench_parts(void (*part)(void *arg), void *arg, unsigned parts)
{
	double sum = 0;

	for (; parts; parts--) {
		double start;

		bench_now(); /* a system call */
		start = bench_wall();
		part(arg);
		sum += bench_wall() - start;
	}
	return sum;
}

void bench_shuffle(uint32_t *v, uint32_t n, uint64_t *state)
{
	for (uint32_t i = n; i > 1; i--) {
		uint32_t j = (uint32_t)(bench_random(state) % i), t = v[i - 1];

		v[i - 1] = v[j];
		v[j] = t;
	}
}

void bench_sample(struct bench_samples *s, double value)
{
	if (s->n < sizeof(s->v) / sizeof(s->v[0]))
		s->v[s->n++] = value;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double bench_median(struct bench_samples *s)
{
	if (s->n == 0)
		bench_die("a figure without samples");
	qsort(s->v, s->n, sizeof(s->v[0]), compare);
	return s->v[s->n / 2];
}

double bench_least(struct bench_samples *s)
{
	bench_median(s);
	return s->v[0];
}

unsigned bench_rounds(void)
{
	const char *text = getenv("BENCH_ROUNDS");
	unsigned rounds = text ? (unsigned)strtoul(text, NULL, 10) : 80;

	return rounds == 0 ? 1 : rounds > BENCH_SERIES_MAX ? BENCH_SERIES_MAX : rounds;
}

bool bench_calm(void)
{
	static __thread long last;
	struct rusage usage;
	bool calm;

	getrusage(RUSAGE_THREAD, &usage);
	calm = usage.ru_nivcsw == last;
	last = usage.ru_nivcsw;
	return calm;
}

void bench_pause_sometimes(void)
{
	const struct timespec pause = { .tv_nsec = 25000000 };
	static __thread double last;
	double now = bench_wall();

	if (last == 0)
		last = now;
	if (now - last < 100e6)
		return;
	nanosleep(&pause, NULL);
	last = bench_wall();
}

bool bench_more(struct bench_series *s)
{
	unsigned rounds = bench_rounds();
	double now = bench_wall();

	if (s->begin == 0) {
		s->begin = now;
		bench_alone(true);
	}
	bench_pause_sometimes();
	return s->calm < rounds && s->n < BENCH_SERIES_MAX &&
	       now - s->begin < (rounds < 5 ? 100e6 : 15e9);
}

void bench_record(struct bench_series *s, double value, double yard)
{
	bench_record_if(s, value, yard, bench_calm());
}

void bench_record_if(struct bench_series *s, double value, double yard, bool calm)
{
	unsigned i = s->n;

	if (i == BENCH_SERIES_MAX)
		return;
	s->n++;
	if (calm) { /* the first of the others makes room */
		s->value[i] = s->value[s->calm];
		s->yard[i] = s->yard[s->calm];
		i = s->calm++;
	}
	s->value[i] = (float)value;
	s->yard[i] = (float)yard;
}

static int compare_floats(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return x < y ? -1 : x > y;
}

/* Mean of the middle half of v[], or of v[]/over[]. */
static double middle(const float *v, const float *over, unsigned n)
{
	static float sorted[BENCH_SERIES_MAX];
	double sum = 0;

	for (unsigned i = 0; i < n; i++)
		sorted[i] = over ? v[i] / over[i] : v[i];
	qsort(sorted, n, sizeof(sorted[0]), compare_floats);
	for (unsigned i = n / 4; i < n - n / 4; i++)
		sum += (double)sorted[i];
	return sum / (n - n / 4 * 2);
}

struct couple {
	float value, yard;
};

static int compare_yards(const void *a, const void *b)
{
	return compare_floats(&((const struct couple *)a)->yard, &((const struct couple *)b)->yard);
}

/* Of how many slices one counts. */
static unsigned share(const char *yardstick)
{
	if (!yardstick)
		return 1;
	return strcmp(yardstick, "yard.glibc_pair64") == 0    ? 2
	       : strcmp(yardstick, "yard.line_transfer") == 0 ? 4
							      : 1;
}

void bench_settle(struct bench_series *s, const char *yardstick)
{
	static struct couple all[BENCH_SERIES_MAX];
	bool enough = 4 * s->calm >= bench_rounds();

	if (s->settled)
		return;
	if (s->n == 0)
		bench_die("a figure without slices");
	if (enough)
		s->n = s->calm;
	for (unsigned i = 0; i < s->n; i++)
		all[i] = (struct couple){ s->value[i], s->yard[i] };
	qsort(all, s->n, sizeof(all[0]), compare_yards);
	s->n = (s->n + share(yardstick) - 1) / share(yardstick);
	for (unsigned i = 0; i < s->n; i++) {
		s->value[i] = all[i].value;
		s->yard[i] = all[i].yard;
	}
	s->settled = true;
}

double bench_value(const struct bench_series *s)
{
	return middle(s->value, NULL, s->n);
}

double bench_ratio(const struct bench_series *s)
{
	return middle(s->value, s->yard, s->n);
}

static void raw(const char *name, const struct bench_series *s)
{
	FILE *f = getenv("BENCH_RAW") ? fopen(getenv("BENCH_RAW"), "a") : NULL;

	for (unsigned i = 0; f && i < s->n; i++)
		fprintf(f, "%s %g %g %d\n", name, s->value[i], s->yard[i], i < s->calm);
	if (f)
		fclose(f);
}

void bench_report(const char *name, struct bench_series *s, const char *unit, const char *yardstick)
{
	bench_alone(false);
	raw(name, s);
	if (4 * s->calm < bench_rounds())
		fprintf(stderr, "bench: %s: only %u slices of %u were calm: all count\n", name,
			s->calm, s->n);
	bench_settle(s, yardstick);
	printf("%s %.4g %s", name, bench_value(s), unit);
	if (yardstick)
		printf(" %s %.4g %.5g", yardstick, middle(s->yard, NULL, s->n), bench_ratio(s));
	putchar('\n');
	fflush(stdout);
}

void bench_compare(const char *name, const struct bench_series *s, const char *unit,
		   const char *peer, const struct bench_series *beside)
{
	printf("%s %.4g %s %s %.4g %.5g\n", name, bench_value(s), unit, peer, bench_value(beside),
	       bench_ratio(s) / bench_ratio(beside));
	fflush(stdout);
}

void bench_figure(const char *name, double value, const char *unit, const char *yardstick,
		  double yardstick_value)
{
	printf("%s %.4g %s", name, value, unit);
	if (yardstick)
		printf(" %s %.4g", yardstick, yardstick_value);
	putchar('\n');
	fflush(stdout);
}
