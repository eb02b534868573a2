/* SPDX-License-Identifier: MIT */
/* Yardsticks: see bench.h. */
#include "bench.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ADDS   100000u
#define CHUNK  500u /* pairs on one block */
#define CHUNKS 120u
#define BLOCKS 31u

double yard_fetch_add(void)
{
	static atomic_ulong word;
	double start = bench_now();

	for (unsigned i = 0; i < ADDS; i++)
		atomic_fetch_add(&word, 1);
	return (bench_now() - start) / ADDS;
}

static __attribute__((noinline)) void malloc_pairs(void)
{
	for (unsigned i = 0; i < CHUNK; i++) {
		volatile char *p = malloc(64);

		if (!p)
			bench_die("malloc failed");
		*p = 1;
		free((void *)p);
	}
}

/* How fast a CPU forwards the store of a free to the load of the next malloc depends on addresses (7 or
 * 9 ns here, throughout a run). So the pairs are on many blocks in turn: the one freed last is used. */
double yard_glibc_pair64(void)
{
	static void *blocks[BLOCKS];
	static unsigned at;
	double start;

	for (unsigned i = 0; i < BLOCKS && !blocks[i]; i++)
		blocks[i] = malloc(64);
	start = bench_now();
	for (unsigned k = 0; k < CHUNKS; k++) {
		free(blocks[at]);
		malloc_pairs();
		blocks[at] = malloc(64);
		at = (at + 1) % BLOCKS;
	}
	return (bench_now() - start) / (CHUNKS * CHUNK);
}

/* Two threads pass a line to and fro. A round is short, so that one of many is not interrupted, and
 * the least of them counts. */
#define ROUND  2000u
#define ROUNDS 50u

static _Alignas(128) atomic_uint ball;

static void *partner(void *arg)
{
	(void)arg;
	bench_pin(1);
	for (unsigned i = 0; i < ROUND * ROUNDS; i++) {
		while (atomic_load_explicit(&ball, memory_order_acquire) != 2 * i + 1)
			;
		atomic_store_explicit(&ball, 2 * i + 2, memory_order_release);
	}
	return NULL;
}

static double wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double one_round(unsigned first)
{
	double start = wall();

	for (unsigned i = first; i < first + ROUND; i++) {
		atomic_store_explicit(&ball, 2 * i + 1, memory_order_release);
		while (atomic_load_explicit(&ball, memory_order_acquire) != 2 * i + 2)
			;
	}
	return (wall() - start) / ROUND / 2;
}

double yard_line_transfer(void)
{
	pthread_t thread;
	double least = 0;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return 0;
	atomic_store(&ball, 0);
	if (pthread_create(&thread, NULL, partner, NULL))
		return 0;
	for (unsigned r = 0; r < ROUNDS; r++) {
		double t = one_round(r * ROUND);

		if (r == 0 || t < least)
			least = t;
	}
	pthread_join(thread, NULL);
	return least;
}
