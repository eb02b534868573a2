/* SPDX-License-Identifier: MIT */
/* See bench.h. */
#define _GNU_SOURCE
#include "bench.h"
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

double bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

void bench_pin(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set); /* where it is refused, figures are only noisier */
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

void bench_figure(const char *name, double value, const char *unit, const char *yardstick,
		  double yardstick_value)
{
	printf("%s %.4g %s", name, value, unit);
	if (yardstick)
		printf(" %s %.4g", yardstick, yardstick_value);
	putchar('\n');
	fflush(stdout);
}
