/* SPDX-License-Identifier: MIT */
/* Yardsticks: see bench.h. */
#include "bench.h"
#include <stdatomic.h>
#include <stdlib.h>

#define ADDS   100000u
#define CHUNK  500u /* pairs on one block */
#define CHUNKS 4u   /* of one part */
#define PARTS  30u
#define BLOCKS 31u

double yard_fetch_add(void)
{
	static atomic_ulong word;
	double start = bench_now();

	for (unsigned i = 0; i < ADDS; i++)
		atomic_fetch_add(&word, 1);
	return (bench_now() - start) / ADDS;
}

static __thread void *blocks[BLOCKS]; /* of each thread its own */
static __thread unsigned at;

/* Pairs on one block: the one freed last is used. */
static __attribute__((noinline)) void malloc_pairs(void)
{
	free(blocks[at]);
	for (unsigned i = 0; i < CHUNK; i++) {
		volatile char *p = malloc(64);

		if (!p)
			bench_die("malloc failed");
		*p = 1;
		free((void *)p);
	}
	blocks[at] = malloc(64);
	at = (at + 1) % BLOCKS;
}

void yard_pairs(unsigned order, uint32_t chunks)
{
	(void)order;
	for (unsigned i = 0; i < BLOCKS && !blocks[i]; i++)
		blocks[i] = malloc(64);
	while (chunks--)
		malloc_pairs();
}

static void malloc_part(void *arg)
{
	(void)arg;
	yard_pairs(0, CHUNKS);
}

double yard_glibc_pair64(void)
{
	yard_pairs(0, 1);
	return bench_parts(malloc_part, NULL, PARTS) / (PARTS * CHUNKS * CHUNK);
}
