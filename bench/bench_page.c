/* SPDX-License-Identifier: MIT */
/* Page frames: 1 GiB of simulated memory, of which only metadata is ever touched. Built once for each
 * level of checks and each form:
 *
 *	bench_page hot         pairs, which are quickly measured in many processes
 *	bench_page call        other figures of one and of two CPUs, and what is counted
 *	bench_page inline      the pair of order 0, where mmlib and its caller are one translation unit
 *	bench_page hardened    what is named so
 *	bench_page count ORDER 10,000 pairs in counted(), for callgrind */
#include "work_page.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES 262144u /* 1 GiB */
#define BIG    512u    /* frames of a block of order 9 */
#define EXTRA  BIG     /* further RAM: metadata lies here or there, and 1 GiB is left */
#define BYTES  ((uint64_t)(FRAMES + EXTRA) << MM_FRAME_SHIFT)
#define HELD   31u
#define SLICE  700e3 /* ns */

static uint32_t *frames[2]; /* of each CPU */
/* Has a name, a call and a return that callgrind sees. */
__attribute__((noinline)) void counted(unsigned order);

/* A fresh machine with exactly FRAMES free, all in whole blocks of order 9. */
static void start(uint32_t ncpus)
{
	uint32_t n, *rest = frames[1];

	machine_start(MACHINE_RAM, BYTES, ncpus);
	n = work_take(frames[0], FRAMES, 9);
	if (n != FRAMES / BIG)
		bench_die("metadata is not where it should be");
	work_take(rest, EXTRA, 0);
	work_give(frames[0], n, 9);
	machine_drain();
}

/* After everything is freed all must be whole again, else the figures are of a broken allocator. */
static void expect_whole(void)
{
	uint32_t n;

	machine_drain();
	n = work_take(frames[0], FRAMES, 9);
	if (n != FRAMES / BIG)
		bench_die("memory is not whole again");
	work_give(frames[0], n, 9);
}

/* What is timed must all have been there. */
static void expect(uint32_t got, uint32_t want)
{
	if (got != want)
		bench_die("memory ran out");
}

static void print(const char *name, struct bench_series *s)
{
	bench_report(name, s, "ns", "yard.glibc_pair64");
}

/* ---- pairs ---- */

#define CHUNKS 4u /* of a part of a slice */

static void pairs_part(void *arg)
{
	work_pairs(*(unsigned *)arg, CHUNKS);
}

static double pairs(unsigned order, unsigned parts)
{
	return bench_parts(pairs_part, &order, parts) / (parts * CHUNKS * WORK_PAIRS);
}

static void hot(const char *name, unsigned order)
{
	struct bench_series s = { .n = 0 };
	unsigned parts;

	work_hold(order, HELD);
	pairs(order, 1);
	parts = 1 + (unsigned)(SLICE / (CHUNKS * WORK_PAIRS) / pairs(order, 3));
	bench_calm();
	while (bench_more(&s)) {
		double yard = yard_glibc_pair64();

		bench_record(&s, pairs(order, parts), yard);
	}
	work_let_go(order);
	print(name, &s);
}

/* ---- bulk: all of memory, in slices ---- */

#define PIECES 8u
#define PIECE  (FRAMES / PIECES)

static void take_pieces(struct bench_series *s)
{
	for (uint32_t i = 0; i < PIECES; i++) {
		double yard = yard_glibc_pair64(), t = bench_now();

		expect(work_take(frames[0] + i * PIECE, PIECE, 0), PIECE);
		bench_record(s, (bench_now() - t) / PIECE, yard);
	}
}

static void give_pieces(struct bench_series *s)
{
	for (uint32_t i = 0; i < PIECES; i++) {
		double yard = yard_glibc_pair64(), t = bench_now();

		work_give(frames[0] + i * PIECE, PIECE, 0);
		bench_record(s, (bench_now() - t) / PIECE, yard);
	}
}

static void bulk(const char *alloc, const char *seq, const char *rand)
{
	static struct bench_series take, give, give_rand;
	uint64_t state = 12345;

	bench_calm();
	while (bench_more(&take) || bench_more(&give) || bench_more(&give_rand)) {
		take_pieces(&take);
		give_pieces(&give);
		expect(work_take(frames[0], FRAMES, 0), FRAMES);
		bench_shuffle(frames[0], FRAMES, &state);
		bench_calm();
		give_pieces(&give_rand);
		machine_drain();
	}
	if (alloc)
		print(alloc, &take);
	print(seq, &give);
	print(rand, &give_rand);
}

/* All of memory is soon taken in blocks of order 9, so a slice does it again and again. */
static void big(void)
{
	static struct bench_series take, give;
	const uint32_t n = FRAMES / BIG, again = 24;

	bench_calm();
	while (bench_more(&take)) {
		double yard = yard_glibc_pair64(), alloc = 0, free = 0;
		bool calm;

		for (uint32_t r = 0; r < again; r++) {
			double a = bench_wall(), b;

			expect(work_take(frames[0], n, 9), n);
			b = bench_wall();
			work_give(frames[0], n, 9);
			alloc += b - a;
			free += bench_wall() - b;
		}
		calm = bench_calm();
		bench_record_if(&take, alloc / (n * again), yard, calm);
		bench_record_if(&give, free / (n * again), yard, calm);
	}
	print("page.bulk9_alloc", &take);
	print("page.bulk9_free", &give);
}

/* ---- churn ---- */

#define STEPS 8192u /* of a slice */

static void churn(const char *name, bool failures)
{
	static struct bench_series s;
	struct work_churn c = { .state = UINT64_C(0xabcdef12345), .blocks = frames[0] };

	c.target = FRAMES / 4 * 3;
	work_churn(&c, 600000);
	c.done = c.failed = 0;
	bench_alone(true);
	bench_calm();
	for (unsigned r = 2 * bench_rounds(); r;
	     r--) { /* so many, whatever is calm: it is counted */
		double yard = yard_glibc_pair64(), t;
		uint64_t before = c.done;

		t = bench_now();
		work_churn(&c, STEPS);
		bench_record(&s, (bench_now() - t) / (double)(c.done - before), yard);
	}
	print(name, &s);
	if (failures)
		bench_figure("page.churn_failed_pct", 100.0 * (double)c.failed / (double)c.done,
			     "%", NULL, 0);
	work_churn_end(&c);
}

/* ---- two CPUs ---- */

static double mean(const struct duo_time *t)
{
	return (t->cpu[0] + t->cpu[1]) / 2;
}

/* A loop of pairs on one CPU or on both; the other one waits. */
struct pair_work {
	void (*pairs)(unsigned order, uint32_t chunks);
	unsigned parts;
	unsigned cpus; /* a bit for each */
};

static void pairs_on(unsigned cpu, void *arg)
{
	struct pair_work *w = arg;

	for (unsigned i = 0; i < w->parts && w->cpus >> cpu & 1; i++) {
		bench_now(); /* as in bench_parts() */
		w->pairs(0, CHUNKS);
	}
}

/* Both CPUs at once over each alone. */
static double both_over_one(struct pair_work *w, bool *calm)
{
	struct duo_time one[2], both;

	for (unsigned cpu = 0; cpu < 2; cpu++) {
		w->cpus = 1u << cpu;
		one[cpu] = duo_run(pairs_on, w);
	}
	w->cpus = 3;
	both = duo_run(pairs_on, w);
	*calm = one[0].calm && one[1].calm && both.calm;
	return (both.cpu[0] / one[0].cpu[0] + both.cpu[1] / one[1].cpu[1]) / 2;
}

static void hold_on(unsigned cpu, void *arg)
{
	if (cpu == *(unsigned *)arg)
		work_hold(0, HELD);
}

static void let_go_on(unsigned cpu, void *arg)
{
	(void)cpu;
	(void)arg;
	work_let_go(0);
}

/* What mmlib's pair costs more on two CPUs, over what pairs of glibc's cost more that have nothing in common. */
static void two_hot(void)
{
	static struct bench_series s;
	struct pair_work own = { work_pairs, 20, 0 }, null = { yard_pairs, 20, 0 };

	for (unsigned cpu = 0; cpu < 2; cpu++) /* one by one: always the same frames */
		duo_run(hold_on, &cpu);
	while (bench_more(&s)) {
		bool own_calm, null_calm;
		double yard = both_over_one(&null, &null_calm);
		double value = both_over_one(&own, &own_calm);

		bench_record_if(&s, value / yard, 1, own_calm && null_calm);
	}
	duo_run(let_go_on, NULL);
	bench_report("page.2t_hot0_ratio", &s, "x", NULL);
}

#define SHARE (FRAMES / 2 / 16 * 15) /* of each CPU, so that none runs dry */
#define PART  (SHARE / 15)           /* freed in a slice */

static void take_share(unsigned cpu, void *arg)
{
	(void)arg;
	expect(work_take(frames[cpu], SHARE, 0), SHARE);
}

/* Each frees what the other one allocated, in random order. */
static void give_other(unsigned cpu, void *arg)
{
	work_give(frames[!cpu] + *(uint32_t *)arg, PART, 0);
}

static void two_free(void)
{
	static struct bench_series s;
	uint64_t state = 77;

	while (bench_more(&s)) {
		duo_run(take_share, NULL);
		bench_shuffle(frames[0], SHARE, &state);
		bench_shuffle(frames[1], SHARE, &state);
		for (uint32_t from = 0; from < SHARE; from += PART) {
			bool calm;
			double yard = yard_line_transfer(&calm);
			struct duo_time t = duo_run(give_other, &from);

			bench_record_if(&s, mean(&t) / PART, yard, calm && t.calm);
		}
	}
	bench_report("page.2t_remote_free", &s, "ns", "yard.line_transfer");
}

static struct work_churn two[2];

static void churn_one(unsigned cpu, void *arg)
{
	work_churn(&two[cpu], *(uint32_t *)arg);
}

static void two_churn(void)
{
	static struct bench_series s;
	uint32_t warm = 400000, steps = STEPS;

	for (unsigned cpu = 0; cpu < 2; cpu++) {
		two[cpu].state = UINT64_C(0x9e3779b97f4a7c15) + cpu * 77;
		two[cpu].blocks = frames[cpu];
		two[cpu].target = FRAMES / 4 * 3 / 2;
	}
	duo_run(churn_one, &warm);
	while (bench_more(&s)) {
		bool calm;
		double yard = yard_line_transfer(&calm);
		uint64_t before = two[0].done + two[1].done;
		struct duo_time t = duo_run(churn_one, &steps);

		bench_record_if(&s, 2 * mean(&t) / (double)(two[0].done + two[1].done - before),
				yard, calm && t.calm);
	}
	bench_report("page.2t_churn", &s, "ns", "yard.line_transfer");
	work_churn_end(&two[0]);
	work_churn_end(&two[1]);
}

static void two_cpus(void)
{
	if (!duo_ready())
		return;
	start(2);
	two_hot();
	two_free();
	two_churn();
	expect_whole();
}

/* ---- what is counted ---- */

/* Order-9 blocks left after order-0 churn at some occupancy. */
static uint32_t recovered(unsigned percent)
{
	uint64_t state = 999 + percent;
	uint32_t *live = frames[0], n;

	start(1);
	n = work_take(live, FRAMES, 0);
	bench_shuffle(live, n, &state);
	while (n > FRAMES / 100 * percent)
		work_give(&live[--n], 1, 0);
	for (uint32_t i = 0; i < 8 * FRAMES; i += 256) {
		for (unsigned k = 0; k < 256; k++) {
			uint32_t j = (uint32_t)(bench_random(&state) % n);

			work_give(&live[j], 1, 0);
			live[j] = live[--n];
		}
		n += work_take(live + n, 256, 0);
	}
	machine_drain();
	return work_take(frames[1], FRAMES, 9);
}

static void sizes(void)
{
	machine_start(MACHINE_RAM, BYTES, 0);
	bench_figure("page.bits_per_frame", (double)machine_meta_bytes * 8 / (FRAMES + EXTRA),
		     "bits", NULL, 0);
	bench_figure("page.bytes_per_cpu_zone", sizeof(struct mm_page_cpu), "bytes", NULL, 0);
	bench_figure("page.recovered9_25", recovered(25), "blocks", NULL, 0);
	bench_figure("page.recovered9_50", recovered(50), "blocks", NULL, 0);
	bench_figure("page.recovered9_75", recovered(75), "blocks", NULL, 0);
}

static void init_time(void)
{
	static struct bench_series s;

	bench_calm();
	while (bench_more(&s)) {
		double yard = yard_glibc_pair64(), t = 0;

		for (unsigned i = 0; i < 100; i++)
			t += machine_start(MACHINE_RAM, BYTES, 1);
		bench_record(&s, t / 100 * FRAMES / (FRAMES + EXTRA), yard);
	}
	print("page.init_ns_per_gib", &s);
}

static void hardened(void)
{
	hot("page.hardened_hot0.call", 0);
	bulk(NULL, "page.hardened_free_seq", "page.hardened_free_rand");
	churn("page.hardened_churn", false);
}

static void hot_all(void)
{
	hot("page.hot0.call", 0);
	hot("page.hot1.call", 1);
	hot("page.hot2.call", 2);
	hot("page.hot3.call", 3);
	hot("page.hot9.call", 9);
}

static void call(void)
{
	bulk("page.bulk0_alloc", "page.bulk0_free_seq", "page.bulk0_free_rand");
	big();
	churn("page.churn", true);
	expect_whole();
	two_cpus();
	sizes();
	init_time();
}

void counted(unsigned order)
{
	work_pairs(order, 10000 / WORK_PAIRS);
	__asm__ volatile("");
}

static void count(unsigned order)
{
	work_hold(order, HELD);
	work_pairs(order, 2); /* what is done once */
	counted(order);
	work_let_go(order);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	bench_pin(0);
	bench_memory(MACHINE_RAM, BYTES);
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		frames[cpu] = malloc((FRAMES + EXTRA) * sizeof(uint32_t));
		if (!frames[cpu])
			bench_die("no memory");
		memset(frames[cpu], 0,
		       (FRAMES + EXTRA) * sizeof(uint32_t)); /* no page faults later */
	}
	start(1);
	if (strcmp(what, "hot") == 0)
		hot_all();
	else if (strcmp(what, "call") == 0)
		call();
	else if (strcmp(what, "inline") == 0)
		hot("page.hot0.inline", 0);
	else if (strcmp(what, "hardened") == 0)
		hardened();
	else if (strcmp(what, "count") == 0 && argc > 2)
		count((unsigned)strtoul(argv[2], NULL, 10));
	else
		bench_die("hot, call, inline, hardened or count ORDER?");
	return 0;
}
