/* SPDX-License-Identifier: MIT */
/* Page frames of ever larger machines, 16 MiB to 16 TiB of simulated memory. Only metadata is real: 9.1
 * bits a frame, 4.7 GiB at the end; it is filled with 0xa5 before mmlib sees it. On each machine a pair
 * of order 0, one of order 9, and memory (128 MiB of it at most) taken and given back in sequence. The
 * yardstick of a machine is the one of 16 MiB: both are there at once, and work in turn.
 *
 *	bench_growth [LAST]     log2 of the bytes of the largest machine, default 44 */
#include "work_page.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SMALLEST 24u
#define HELD     3u /* blocks: 16 MiB has 8 of order 9 */
#define BULK     (1u << 15)
#define SLICE    500e3               /* ns */
#define APART    (UINT64_C(1) << 30) /* from the small machine to the other one */

enum work { HOT0, HOT9, BULK0, WORKS };
static const char *const work_names[WORKS] = { "hot0", "hot9", "bulk0" };

/* There are two machines: one is at work, the state of the other is put aside. */
struct machine {
	struct mm_pmm pmm;
	uint64_t bytes;
	uint32_t again; /* as often as makes a slice */
};

static uint32_t *frames;

static uint64_t bulk(const struct machine *m, uint32_t again)
{
	uint64_t all = m->bytes >> MM_FRAME_SHIFT, done = 0;

	while (again--) {
		uint32_t n = work_take(frames, all < BULK ? (uint32_t)all : BULK, 0);

		work_give(frames, n, 0);
		done += n;
	}
	return done;
}

static double bulk_slice(struct machine *m, uint32_t again)
{
	double t = bench_now();
	uint64_t done = bulk(m, again);

	return (bench_now() - t) / (double)done;
}

static void pairs_part(void *arg)
{
	work_pairs(*(unsigned *)arg, 4);
}

static double pair_slice(unsigned order, uint32_t again)
{
	double t;

	work_hold(order, HELD);
	t = bench_parts(pairs_part, &order, again);
	work_let_go(order);
	return t / (again * 4 * WORK_PAIRS);
}

static double slice(struct machine *m, enum work work, uint32_t again)
{
	double t;

	machine_pmm = m->pmm;
	bench_slots[MM_SLOT_PAGE] = MM_SLOT_EMPTY; /* it is of another machine */
	t = work == BULK0 ? bulk_slice(m, again) : pair_slice(work == HOT9 ? 9 : 0, again);
	m->pmm = machine_pmm;
	return t;
}

/* How often the work is done in a slice. */
static void tune(struct machine *m, enum work work)
{
	double t = bench_now();

	slice(m, work, 1); /* caches are warm */
	t = bench_now();
	slice(m, work, 1);
	m->again = 1 + (uint32_t)(SLICE / (bench_now() - t));
}

static void prepare(struct machine *m, uint64_t base, uint64_t bytes)
{
	m->bytes = bytes;
	bench_memory(base, bytes);
	machine_start(base, bytes, 1); /* to learn where metadata goes */
	memset(BENCH_TO_VIRT(machine_meta), 0xa5, machine_meta_bytes);
	machine_start(base, bytes, 1);
	m->pmm = machine_pmm;
}

static const char *size_name(unsigned log2)
{
	static char text[2][16];
	static unsigned turn;
	char *s = text[turn++ % 2];

	snprintf(s, sizeof(text[0]), "%u%c", 1u << log2 % 10, "bkmgt"[log2 / 10]);
	return s;
}

/* Returns how much more the work costs on the large machine. */
static double compare(struct machine *small, struct machine *large, enum work work, unsigned log2)
{
	struct bench_series s = { .n = 0 };
	char name[64], yardstick[64];

	tune(small, work);
	tune(large, work);
	bench_calm();
	while (bench_more(&s)) {
		double yard = slice(small, work, small->again);

		bench_record(&s, slice(large, work, large->again), yard);
	}
	snprintf(name, sizeof(name), "page.growth.%s.%s", work_names[work], size_name(log2));
	snprintf(yardstick, sizeof(yardstick), "page.growth.%s.%s", work_names[work],
		 size_name(SMALLEST));
	bench_report(name, &s, "ns", yardstick);
	return bench_ratio(&s);
}

/* Is there memory for the metadata of so large a machine? */
static bool fits(unsigned log2)
{
	char line[128];
	unsigned long long kib = 0, want = (UINT64_C(1) << log2) / 4096 * 5 / 4 / 1024;
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f) && sscanf(line, "MemAvailable: %llu", &kib) != 1)
		;
	if (f)
		fclose(f);
	if (want > kib / 4 * 3)
		fprintf(stderr, "bench: growth: no memory for the metadata of %s\n",
			size_name(log2));
	return want <= kib / 4 * 3;
}

int main(int argc, char **argv)
{
	static const unsigned sizes[] = { 27, 30, 34, 38, 42, 44 };
	static struct machine small, large;
	unsigned last = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 44;
	double worst = 0, least[WORKS] = { 1, 1, 1 }; /* least: of all smaller machines */

	bench_pin(0);
	frames = calloc(BULK, sizeof(*frames));
	if (!frames)
		bench_die("no memory");
	prepare(&small, MACHINE_RAM, UINT64_C(1) << SMALLEST);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t base = MACHINE_RAM + APART, bytes = UINT64_C(1) << sizes[i];

		if (sizes[i] > last || !fits(sizes[i]))
			break;
		prepare(&large, base, bytes);
		for (enum work work = HOT0; work < WORKS; work++) {
			double ratio = compare(&small, &large, work, sizes[i]);

			worst = ratio / least[work] > worst ? ratio / least[work] : worst;
			least[work] = ratio < least[work] ? ratio : least[work];
		}
		munmap(BENCH_TO_VIRT(base), bytes);
	}
	bench_figure("page.growth_16m_16t", worst, "x", NULL, 0);
	return 0;
}
