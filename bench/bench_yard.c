/* SPDX-License-Identifier: MIT */
/* The yardsticks as figures of their own. */
#include "bench.h"

int main(void)
{
	struct bench_samples add = { .n = 0 }, pair = { .n = 0 };
	double line;

	bench_pin(0);
	for (unsigned r = 0; r < BENCH_RUNS; r++) {
		bench_sample(&add, yard_fetch_add());
		bench_sample(&pair, yard_glibc_pair64());
	}
	bench_figure("yard.fetch_add", bench_median(&add), "ns", NULL, 0);
	bench_figure("yard.glibc_pair64", bench_median(&pair), "ns", NULL, 0);
	line = yard_line_transfer();
	if (line > 0)
		bench_figure("yard.line_transfer", line, "ns", NULL, 0);
	return 0;
}
