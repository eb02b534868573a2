/* SPDX-License-Identifier: MIT */
/* Objects: kmalloc and kfree (which is not told the size), one CPU. Built once for each level of
 * checks; names carry it. With a name as argument the same work is done by malloc and free, which
 * may be another allocator's (LD_PRELOAD), and figures are that peer's. */
#include "bench.h"
#include <mmlib/kmalloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RAM    UINT64_C(0x140000000)
#define BYTES  (UINT64_C(512) << 20)
#define PAIRS  1000000u
#define BATCH  1000u
#define ROUNDS 500u
#define LIVE   100000u
#define STEPS  1000000u
#define SIZES  65536u

__thread uint32_t bench_cpu;
static struct mm_pmm pmm;
static struct mm_heap heap;
static struct bench_samples glibc;

static void *to_virt(void *ctx, mm_paddr_t pa)
{
	(void)ctx;
	return BENCH_TO_VIRT(pa);
}

static void stop(void *ctx, const char *file, int line)
{
	(void)ctx;
	fprintf(stderr, "mmlib panic: %s:%d\n", file, line);
	exit(1);
}

/* The lock of a kernel, with an atomic exchange; interrupts are not part of the machine. */
static uintptr_t lock(void *ctx, uintptr_t *word)
{
	(void)ctx;
	while (__atomic_exchange_n(word, 1, __ATOMIC_ACQUIRE))
		;
	return 0;
}

static void unlock(void *ctx, uintptr_t *word, uintptr_t irq)
{
	(void)ctx;
	(void)irq;
	__atomic_store_n(word, 0, __ATOMIC_RELEASE);
}

static const struct mm_port port = {
	.version = MM_PORT_VERSION,
	.size = sizeof(struct mm_port),
	.to_virt = to_virt,
	.panic = stop,
	.lock = lock,
	.unlock = unlock,
};

static void start(void)
{
	static const struct mm_zone_cfg zones[] = { { "DMA32", 0xffffffffu },
						    { "NORMAL", MM_PADDR_MAX } };
	static struct mm_mem entries[16];
	struct mm_memmap map;
	struct mm_pmm_cfg cfg = { .zones = zones, .nzones = 2, .ncpus = 1 };

	cfg.reach = RAM + BYTES - 1;
	bench_memory(RAM, BYTES);
	if (mm_memmap_init(&map, entries, 16) != MM_OK ||
	    mm_memmap_add(&map, RAM, BYTES, MM_MEM_USABLE, NULL) != MM_OK ||
	    mm_pmm_init(&pmm, &port, &map, &cfg) != MM_OK || mm_heap_init(&heap, &pmm, 1) != MM_OK)
		bench_die("no heap");
}

/* Work with malloc and free instead: both sides pay the same branch. */
static const char *peer;

static void *take(size_t size)
{
	void *p = peer ? malloc(size) : mm_kmalloc(&heap, size, 0);

	if (!p)
		bench_die("no memory");
	return p;
}

static void give(void *p)
{
	if (peer)
		free(p);
	else if (mm_kfree(&heap, p) != MM_OK)
		bench_die("mm_kfree failed");
}

static double pairs(void)
{
	double t = bench_now();

	for (uint32_t i = 0; i < PAIRS; i++) {
		volatile char *p = take(64);

		*p = 1;
		give((void *)p);
	}
	return (bench_now() - t) / PAIRS;
}

/* BATCH objects, then all freed in the given order. */
static double batches(size_t size, const uint32_t *order)
{
	static void *batch[BATCH];
	double t = bench_now();

	for (uint32_t r = 0; r < ROUNDS; r++) {
		for (uint32_t i = 0; i < BATCH; i++) {
			batch[i] = take(size);
			*(volatile char *)batch[i] = 1;
		}
		for (uint32_t i = 0; i < BATCH; i++)
			give(batch[order[i]]);
	}
	return (bench_now() - t) / (ROUNDS * BATCH);
}

/* ---- churn: LIVE objects of 16 to 4095 bytes, each doubling as often as the others ---- */

static uint16_t sizes[SIZES];
static void *objects[LIVE];

/* Log-uniform without a logarithm: a doubling by chance, and in it evenly. */
static void make_sizes(void)
{
	uint64_t state = UINT64_C(88172645463325252);

	for (uint32_t i = 0; i < SIZES; i++) {
		uint64_t r = bench_random(&state) >> 8;
		unsigned base = 16u << (r & 7);

		sizes[i] = (uint16_t)(base + (r >> 3) % base);
	}
}

static void churn_fill(uint64_t *state)
{
	for (uint32_t i = 0; i < LIVE; i++) {
		objects[i] = take(sizes[bench_random(state) % SIZES]);
		*(volatile uint64_t *)objects[i] = 1;
	}
}

static double churn(uint64_t *state)
{
	double t = bench_now();

	for (uint32_t i = 0; i < STEPS; i++) {
		uint64_t r = bench_random(state);
		void **slot = &objects[(r >> 32) * LIVE >> 32];

		give(*slot);
		*slot = take(sizes[r % SIZES]);
		*(volatile uint64_t *)*slot = r;
	}
	return (bench_now() - t) / STEPS;
}

static void churn_empty(void)
{
	for (uint32_t i = 0; i < LIVE; i++)
		give(objects[i]);
}

/* ---- what is printed ---- */

static void print(const char *work, const char *form, struct bench_samples *v)
{
	char name[64];

	if (peer)
		snprintf(name, sizeof(name), "peer.%s.%s", peer, work);
	else
		snprintf(name, sizeof(name), "slab.%s.l%d%s", work, MM_CHECKS, form);
	bench_figure(name, bench_median(v), "ns", peer ? NULL : "yard.glibc_pair64",
		     peer ? 0 : bench_median(&glibc));
}

static void verify(void)
{
	uint32_t it = 0;

	for (struct mm_cache *c; (c = mm_cache_next(&heap, &it));)
		if (mm_cache_verify(c) != MM_OK)
			bench_die("a cache is damaged");
	if (mm_heap_destroy(&heap) != MM_OK || mm_pmm_verify(&pmm) != MM_OK)
		bench_die("the heap did not give everything back");
}

int main(int argc, char **argv)
{
	static struct bench_samples pair, lifo, rand, lifo1k, mixed;
	static uint32_t backward[BATCH], shuffled[BATCH];
	uint64_t state = 77;

	peer = argc > 1 ? argv[1] : NULL;
	bench_pin(0);
	start();
	make_sizes();
	for (uint32_t i = 0; i < BATCH; i++)
		backward[i] = shuffled[BATCH - 1 - i] = BATCH - 1 - i;
	bench_shuffle(shuffled, BATCH, &state);
	pairs();
	for (unsigned r = 0; r < BENCH_RUNS; r++) {
		bench_sample(&pair, pairs());
		bench_sample(&glibc, yard_glibc_pair64());
		bench_sample(&lifo, batches(64, backward));
		bench_sample(&rand, batches(256, shuffled));
		bench_sample(&lifo1k, batches(1024, backward));
		bench_sample(&glibc, yard_glibc_pair64());
	}
	churn_fill(&state);
	churn(&state);
	for (unsigned r = 0; r < BENCH_RUNS; r++)
		bench_sample(&mixed, churn(&state));
	churn_empty();
	verify();
	if (peer || MM_CHECKS < 2)
		print("pair64", ".call", &pair);
	if (peer || MM_CHECKS == 0) {
		print("lifo64", "", &lifo);
		print("rand256", "", &rand);
		print("lifo1k", "", &lifo1k);
	}
	print("churn", "", &mixed);
	return 0;
}
