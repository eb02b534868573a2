/* SPDX-License-Identifier: MIT */
/* Prints a figure, and its yardstick as a figure of its own. */
#ifndef BENCH_BOTH_H
#define BENCH_BOTH_H
#include "bench.h"
#include <string.h>

/* Where a slice takes milliseconds, on a busy machine hardly one is calm: then all count. */
static inline void bench_report_both(const char *name, const char *yardstick,
				     struct bench_series *s)
{
	static struct bench_series beside;

	if (s->calm < s->n / 2)
		s->calm = s->n;
	beside = *s;
	memcpy(beside.value, s->yard, sizeof(beside.value));
	bench_report(yardstick, &beside, "ns", NULL);
	bench_report(name, s, "ns", yardstick);
}
#endif
