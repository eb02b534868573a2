/* SPDX-License-Identifier: MIT */
/* Objects: one allocator, in a process of its own. Built for mmlib at each level of checks and in each
 * form, and for malloc() and free(), which may be another allocator's (LD_PRELOAD).
 *
 *	bench_slab           turns of work as bench_drive asks for them
 *	bench_slab rss       prints the most memory that was resident in churn, over the most bytes that
 *	                     were live
 *	bench_slab count     10,000 pairs in counted(), for callgrind
 *	bench_slab churn     10,000 steps of churn in counted_churn(), for the same */
#define _GNU_SOURCE
#include "duo.h"
#include "slab_jobs.h"
#include "work_slab.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SLICE_NS 600e3

/* ---- the allocator ---- */

#ifndef BENCH_MALLOC
#include "machine.h"
#include <mmlib/kmalloc.h>

#define BYTES (UINT64_C(1) << 30)

struct mm_heap work_heap;

/* A CPU is told where its objects are. */
static void allocator_cpu(unsigned cpu, void *arg)
{
	(void)arg;
	bench_heap_cpu = mm_heap_cpu_local(&work_heap, cpu);
}

static void allocator_start(void)
{
	bench_memory(MACHINE_RAM, BYTES);
	machine_start(MACHINE_RAM, BYTES, 2);
	if (mm_heap_init(&work_heap, &machine_pmm, 2) != MM_OK ||
	    mm_heap_cpu_online(&work_heap, 1) != MM_OK)
		bench_die("no heap");
	allocator_cpu(0, NULL);
	machine_cpu = allocator_cpu;
}

/* After everything is freed it must all be there, else the figures are of a broken allocator. */
static void allocator_end(void)
{
	if (mm_heap_verify(&work_heap) != MM_OK)
		bench_die("the heap is damaged");
	if (mm_heap_destroy(&work_heap) != MM_OK || mm_pmm_verify(&machine_pmm) != MM_OK)
		bench_die("the heap did not give everything back");
}
#else
static void allocator_cpu(unsigned cpu, void *arg)
{
	(void)cpu;
	(void)arg;
}

static void allocator_start(void)
{
}

static void allocator_end(void)
{
}
#endif

/* Log-uniform from 16 to 4,095. */
static void make_sizes(void)
{
	uint64_t state = UINT64_C(88172645463325252);

	for (uint32_t i = 0; i < WORK_SIZES; i++)
		work_sizes[i] = (uint16_t)(16 * exp((double)(bench_random(&state) >> 11) * 0x1p-53 *
						    log(256.0)));
}

static void make_churn(struct work_churn *c, uint64_t seed)
{
	size_t bytes = WORK_LIVE * sizeof(*c->slots);

	memset(c, 0, sizeof(*c));
	c->state = seed;
	c->slots = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (c->slots == MAP_FAILED)
		bench_die("no memory for slots");
}

static void end_churn(struct work_churn *c)
{
	work_empty(c);
	munmap(c->slots, WORK_LIVE * sizeof(*c->slots));
}

/* ---- jobs of one CPU ---- */

static uint32_t again; /* as often makes a slice */
static uint32_t order[WORK_BATCH];
static struct work_churn mixed[2];

static bool quick(void)
{
	return bench_rounds() < 10;
}

/* How often, if once takes so long. */
static uint32_t slices(double ns)
{
	return 1 + (uint32_t)(SLICE_NS / ns);
}

#define CHUNKS 4u /* of a part of a slice */

static void pair_part(void *arg)
{
	(void)arg;
	work_pairs(CHUNKS);
}

static double pair_slice(void)
{
	return bench_parts(pair_part, NULL, again) / (again * CHUNKS * WORK_PAIRS);
}

static void pair_prepare(void)
{
	work_hold();
	again = 3;
	pair_slice();
	again = slices(pair_slice() * CHUNKS * WORK_PAIRS);
}

static size_t batch_size(enum job job)
{
	return job == LIFO64 ? 64 : job == RAND256 ? 256 : 1024;
}

static double batch_slice(enum job job)
{
	double t = bench_now();

	work_batches(batch_size(job), order, again);
	return (bench_now() - t) / (again * WORK_BATCH);
}

static void batch_prepare(enum job job)
{
	uint64_t state = 77;

	for (uint32_t i = 0; i < WORK_BATCH; i++)
		order[i] = WORK_BATCH - 1 - i;
	if (job == RAND256)
		bench_shuffle(order, WORK_BATCH, &state);
	again = 2;
	batch_slice(job);
	again = slices(batch_slice(job) * WORK_BATCH);
}

/* Steps of churn: before the first turn; before the slices of a turn, as others had the caches; and of
 * a slice. */
#define WARM   (quick() ? 100000u : 1000000u)
#define RUN_IN (quick() ? 20000u : 300000u)
#define STEPS  20000u

static void churn_one(unsigned cpu, void *arg)
{
	work_churn(&mixed[cpu], *(uint32_t *)arg);
}

/* On one CPU or both, with pauses in between: no thread holds a CPU for seconds. */
static void churn_for(bool two, uint32_t steps)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	uint32_t part = STEPS;

	for (; steps >= part; steps -= part) {
		if (two)
			duo_run(churn_one, &part);
		else
			churn_one(0, &part);
		nanosleep(&pause, NULL);
	}
}

static double churn_slice(void)
{
	double t = bench_now();

	work_churn(&mixed[0], STEPS);
	return (bench_now() - t) / STEPS;
}

/* Yardstick: the same objects, written to. Others of this machine take its caches away from both. */
static double touch_slice(void)
{
	double t = bench_now();

	work_touch(&mixed[0], STEPS);
	return (bench_now() - t) / STEPS;
}

static void churn_prepare(void)
{
	make_churn(&mixed[0], 1);
	work_fill(&mixed[0]);
	churn_for(false, WARM);
}

/* Some slices, in churn each beside one of the yardstick, and the middle of them. */
static struct answer turn_of_one(enum job job)
{
	static struct bench_series s;

	s.n = s.calm = 0;
	s.settled = false;
	if (job == CHURN)
		churn_for(false, RUN_IN);
	else if (job != PAIR64)
		work_batches(batch_size(job), order, 2);
	bench_calm();
	for (unsigned i = quick() ? 2 : 7; i; i--) {
		double yard = job == CHURN ? touch_slice() : 1;

		bench_record(&s,
			     job == PAIR64  ? pair_slice()
			     : job == CHURN ? churn_slice()
					    : batch_slice(job),
			     yard);
	}
	bench_settle(&s, NULL);
	return (struct answer){ bench_value(&s), bench_value(&s) / bench_ratio(&s), s.calm > 0 };
}

/* ---- jobs of two ---- */

static void fill_one(unsigned cpu, void *arg)
{
	(void)arg;
	work_fill(&mixed[cpu]);
}

static void two_prepare(void)
{
	make_churn(&mixed[0], UINT64_C(0x9e3779b97f4a7c15));
	make_churn(&mixed[1], UINT64_C(0x3c6ef372fe94f82a));
	duo_run(fill_one, NULL);
	churn_for(true, WARM);
}

static void empty_one(unsigned cpu, void *arg)
{
	(void)arg;
	end_churn(&mixed[cpu]);
}

static void touch_one(unsigned cpu, void *arg)
{
	work_touch(&mixed[cpu], *(uint32_t *)arg);
}

/* Steps of both at once: ns of one. */
static double both_slice(duo_work *work, bool *calm)
{
	uint32_t steps = STEPS;
	struct duo_time t = duo_run(work, &steps);

	*calm = t.calm;
	return (t.cpu[0] + t.cpu[1]) / 2 / steps;
}

#define PASSED 40000u /* objects in a slice */

static void pass(unsigned cpu, void *arg)
{
	(void)arg;
	(cpu == 0 ? work_produce : work_consume)(PASSED);
}

static double pass_slice(bool *calm)
{
	struct duo_time t = duo_run(pass, NULL);

	*calm = t.calm;
	return t.wall / PASSED;
}

static struct answer turn_of_two(enum job job)
{
	static struct bench_series s;

	s.n = s.calm = 0;
	s.settled = false;
	if (job == TWO_CHURN)
		churn_for(true, RUN_IN);
	for (unsigned i = quick() ? 2 : 7; i; i--) {
		bool yard_calm, calm, churn = job == TWO_CHURN;
		double yard = churn ? both_slice(touch_one, &yard_calm) : yard_line_transfer(&yard_calm);
		double value = churn ? both_slice(churn_one, &calm) : pass_slice(&calm);

		bench_record_if(&s, value, yard, yard_calm && calm);
	}
	bench_settle(&s, NULL);
	return (struct answer){ bench_value(&s), bench_value(&s) / bench_ratio(&s), s.calm > 0 };
}

/* ---- what is asked ---- */

static bool of_two(enum job job)
{
	return job == TWO_CHURN || job == PRODCONS || job == PRODCONS_AGED;
}

static bool prepare(enum job job)
{
	if (of_two(job)) {
		if (!duo_ready())
			return false;
		duo_run(allocator_cpu, NULL);
	}
	if (job == PAIR64)
		pair_prepare();
	else if (job == CHURN)
		churn_prepare();
	else if (job == TWO_CHURN)
		two_prepare();
	else if (!of_two(job))
		batch_prepare(job);
	return true;
}

static struct answer turn(enum job job)
{
	struct answer a;

	bench_alone(true);
	a = of_two(job) ? turn_of_two(job) : turn_of_one(job);
	bench_alone(false);
	return a;
}

static void finish(enum job job)
{
	if (job == PAIR64)
		work_let_go();
	else if (job == CHURN)
		end_churn(&mixed[0]);
	else if (job == TWO_CHURN)
		duo_run(empty_one, NULL);
}

static void serve(void)
{
	struct request r;

	while (read(0, &r, sizeof(r)) == (ssize_t)sizeof(r)) {
		struct answer a = { .ok = true };

		if (r.step == PREPARE)
			a.ok = prepare(r.job);
		else if (r.step == TURN)
			a = turn(r.job);
		else
			finish(r.job);
		if (write(1, &a, sizeof(a)) != (ssize_t)sizeof(a))
			bench_die("nobody listens");
	}
}

/* ---- memory ---- */

static double status_kib(const char *key)
{
	char line[256];
	double kib = 0;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0)
			kib = strtod(line + strlen(key), NULL);
	if (f)
		fclose(f);
	return kib;
}

static void resident(void)
{
	double base;

	make_churn(&mixed[0], 1);
	base = status_kib("VmRSS:");
	allocator_start();
	work_churn_full(&mixed[0], quick() ? 500000 : 5000000);
	printf("%.4f\n", (status_kib("VmHWM:") - base) * 1024 / (double)mixed[0].peak);
	end_churn(&mixed[0]);
}

/* Has a name, a call and a return that callgrind sees. */
__attribute__((noinline)) void counted(void);
void counted(void)
{
	work_pairs(10000 / WORK_PAIRS);
	__asm__ volatile("");
}

__attribute__((noinline)) void counted_churn(void);
void counted_churn(void)
{
	work_churn(&mixed[0], 10000);
	__asm__ volatile("");
}

static void count_churn(void)
{
	allocator_start();
	make_churn(&mixed[0], 1);
	work_fill(&mixed[0]);
	work_churn(&mixed[0], 200000);
	counted_churn();
	end_churn(&mixed[0]);
}

static void count(void)
{
	allocator_start();
	work_hold();
	work_pairs(2); /* what is done once */
	counted();
	work_let_go();
}

int main(int argc, char **argv)
{
	bench_pin(0);
	make_sizes();
	if (argc > 1 && strcmp(argv[1], "rss") == 0) {
		resident();
	} else if (argc > 1 && strcmp(argv[1], "count") == 0) {
		count();
	} else if (argc > 1 && strcmp(argv[1], "churn") == 0) {
		count_churn();
	} else {
		allocator_start();
		serve();
	}
	allocator_end();
	return 0;
}
