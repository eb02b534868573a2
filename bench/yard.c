/* SPDX-License-Identifier: MIT */
/* Yardsticks: see bench.h. */
#include "bench.h"
#include <stdatomic.h>
#include <stdlib.h>

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

/* How fast a CPU forwards the store of a free to the load of the next malloc depends on addresses (5 or
 * 7 ns here). So the pairs are on many blocks in turn: the one freed last is used. */
static double malloc_slice(void)
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

double yard_additions_here(void)
{
	static struct bench_series s;

	s.n = s.calm = 0;
	malloc_slice();
	for (unsigned i = 0; i < 9; i++) {
		double yard = yard_fetch_add();

		bench_record(&s, malloc_slice(), yard);
	}
	return bench_ratio(&s);
}

double yard_additions(void)
{
	static double additions;

	if (additions == 0 && getenv("BENCH_PAIR64"))
		additions = strtod(getenv("BENCH_PAIR64"), NULL);
	if (additions == 0)
		additions = yard_additions_here();
	return additions;
}

double yard_glibc_pair64(void)
{
	return yard_fetch_add() * yard_additions();
}
