/* SPDX-License-Identifier: MIT */
/* Objects, by how many are live: churn of 16 to 4,095 bytes (log-uniform) with 100 to 1,000,000 objects,
 * by mmlib and by glibc in the same process, in turn. */
#include "both.h"
#include "machine.h"
#include "work_live.h"
#include <math.h>
#include <stdio.h>

#define BYTES (UINT64_C(2) << 30)
#define STEPS 262144u /* of a slice: the two empty each other's caches */
#define SEED  UINT64_C(88172645463325252)

static void make_sizes(void)
{
	uint64_t state = SEED;

	for (uint32_t i = 0; i < LIVE_SIZES; i++)
		live_sizes[i] = (uint16_t)(16 * exp((double)(bench_random(&state) >> 11) * 0x1p-53 *
						    log(256.0)));
}

static double slice(void (*churn)(struct live *l, uint32_t steps), struct live *l)
{
	double t = bench_now();

	churn(l, STEPS);
	return (bench_now() - t) / STEPS;
}

/* Each object is replaced twice before time is measured. */
static void measure(uint32_t n)
{
	static struct live ours, theirs;
	static struct bench_series s;
	char name[48], yardstick[48];

	s = (struct bench_series){ .n = 0 };
	ours.state = theirs.state = SEED;
	live_fill_mmlib(&ours, n);
	live_fill_malloc(&theirs, n);
	live_churn_mmlib(&ours, 2 * n);
	live_churn_malloc(&theirs, 2 * n);
	bench_calm();
	while (bench_more(&s)) {
		double yard = slice(live_churn_malloc, &theirs);

		bench_record(&s, slice(live_churn_mmlib, &ours), yard);
	}
	live_empty_mmlib(&ours);
	live_empty_malloc(&theirs);
	snprintf(name, sizeof(name), "sweep.slab.live.%u", n);
	snprintf(yardstick, sizeof(yardstick), "sweep.glibc.live.%u", n);
	bench_report_both(name, yardstick, &s);
}

int main(void)
{
	bench_pin(0);
	make_sizes();
	bench_memory(MACHINE_RAM, BYTES);
	machine_start(MACHINE_RAM, BYTES, 1);
	if (mm_heap_init(&live_heap, &machine_pmm, 1) != MM_OK)
		bench_die("no heap");
	bench_heap_cpu = mm_heap_cpu_local(&live_heap, 0);
	for (uint32_t n = 100; n <= LIVE_MOST; n *= 10)
		measure(n);
	if (mm_heap_destroy(&live_heap) != MM_OK || mm_pmm_verify(&machine_pmm) != MM_OK)
		bench_die("the heap did not give everything back");
	return 0;
}
