/* SPDX-License-Identifier: MIT */
/* The yardsticks as figures of their own. */
#include "duo.h"

int main(void)
{
	static struct bench_series add, pair, line;

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
