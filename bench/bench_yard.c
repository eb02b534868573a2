/* SPDX-License-Identifier: MIT */
/* The yardsticks as figures of their own; or, with an argument, what a pair takes while the CPU is at its
 * best: what one in ten of many short slices over two seconds took at most. */
#include <stdio.h>
#include <time.h>
#include "duo.h"

static double best_pair(void)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	static struct bench_samples s;

	for (unsigned i = 0; i < BENCH_SAMPLES_MAX; i++) {
		bench_sample(&s, yard_glibc_pair64());
		nanosleep(&pause, NULL);
	}
	bench_median(&s);
	return s.v[s.n / 10];
}

int main(int argc, char **argv)
{
	static struct bench_series add, pair, line;

	(void)argv;
	if (argc > 1) {
		printf("%.4g\n", best_pair());
		return 0;
	}
	bench_pin(0);
	while (bench_more(&add))
		bench_record(&add, yard_fetch_add(), 1);
	while (bench_more(&pair))
		bench_record(&pair, yard_glibc_pair64(), 1);
	bench_report("yard.fetch_add", &add, "ns", NULL);
	bench_report("yard.glibc_pair64", &pair, "ns", NULL);
	if (!duo_ready())
		return 0;
	while (bench_more(&line)) {
		bool calm;
		double t = yard_line_transfer(&calm);

		bench_record_if(&line, t, 1, calm);
	}
	bench_report("yard.line_transfer", &line, "ns", NULL);
	return 0;
}
