/* SPDX-License-Identifier: MIT */
/* The yardsticks as figures of their own.
 *
 *	bench_yard           prints them
 *	bench_yard pair64    prints what a pair of malloc and free costs in additions, in this process */
#include "duo.h"
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	static struct bench_series add, pair, line;

	bench_pin(0);
	if (argc > 1 && strcmp(argv[1], "pair64") == 0) {
		printf("%.4f\n", yard_additions_here());
		return 0;
	}
	while (bench_more(&add))
		bench_record(&add, yard_fetch_add(), 1);
	while (bench_more(&pair)) {
		double yard = yard_fetch_add();

		bench_record(&pair, yard_glibc_pair64(), yard);
	}
	bench_report("yard.fetch_add", &add, "ns", NULL);
	bench_report("yard.glibc_pair64", &pair, "ns", "yard.fetch_add");
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
