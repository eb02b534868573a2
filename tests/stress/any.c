/* SPDX-License-Identifier: MIT */
/* What may be done at any time, while other CPUs are at work. Two threads, each a CPU, make and unmake caches, in turns
 * and so in the same place, and then use one cache, kmalloc(), a mempool and deferred frees; a third one looks at all,
 * drains, and in the second half gives back what nobody uses.
 *   any [ROUNDS]       how many rounds the third one looks
 * Oracle: nothing is refused, all comes back; ThreadSanitizer sees that nobody reads plainly what others write. Whose
 * turn it is is told without order, so that what order there is is mmlib's own. */
#include <mmlib/deferred.h>
#include <mmlib/kmalloc.h>
#include <mmlib/owner.h>
#include <mmlib/reserve.h>
#include <string.h>
#include "threads.h"

#define FRAMES 4096u
#define CPUS   3u
#define HELD   40u
#define PLACES 4u

static struct sim sim;
static struct mm_pmm pmm;
static struct mm_heap heap;
static struct mm_cache *lasting;
static struct mm_deferred deferred;
static struct mm_mempool pool;
static uint32_t turn = 1; /* atomic */
static bool done;         /* atomic */
static uint64_t epoch;    /* atomic */

/* The same of what other CPUs may be in the way of. */
static void expect_soon(enum mm_status st, const char *what)
{
	expect(st == MM_E_AGAIN ? MM_OK : st, what);
}

static uint64_t now(void *ctx)
{
	(void)ctx;
	return __atomic_add_fetch(&epoch, 1, __ATOMIC_SEQ_CST);
}

static bool passed(void *ctx, uint64_t time)
{
	(void)ctx;
	return __atomic_load_n(&epoch, __ATOMIC_SEQ_CST) > time;
}

static void come_and_go(void)
{
	static const struct mm_cache_cfg cfg = { .name = "short", .size = 120, .flags = MM_CACHE_OWNERS };
	struct mm_cache *cache = NULL;
	void *p[HELD];

	expect(mm_cache_create(&heap, &cfg, &cache), "no cache");
	for (unsigned i = 0; i < HELD; i++)
		expect(mm_cache_alloc_st(cache, 0, &p[i]), "no object of a cache that comes and goes");
	for (unsigned i = 0; i < HELD; i++)
		expect(mm_cache_free(cache, p[i]), "a free of an object is refused");
	expect(mm_cache_destroy(cache), "a cache cannot be destroyed");
}

static void *take_turns(void *arg)
{
	this_cpu = *(uint32_t *)arg;
	while (!__atomic_load_n(&done, __ATOMIC_RELAXED)) {
		if (__atomic_load_n(&turn, __ATOMIC_RELAXED) == this_cpu) {
			come_and_go();
			__atomic_store_n(&turn, CPUS - this_cpu, __ATOMIC_RELAXED);
		}
		sched_yield();
	}
	return NULL;
}

static void *bytes(unsigned i)
{
	void *p = i % 2 ? mm_cache_alloc(lasting, 0) : mm_kmalloc(&heap, 30 + i % 7 * 300, 0);

	if (!p)
		wrong("no memory");
	return memset(p, (int)this_cpu, 30);
}

/* Allocate and free, some of it later. */
static void work(void)
{
	void *p[HELD], *reserved;

	for (unsigned i = 0; i < HELD; i++)
		p[i] = bytes(i);
	for (unsigned i = 0; i < HELD; i++)
		expect(i % 5 ? mm_kfree(&heap, p[i]) : mm_kfree_deferred(&deferred, p[i]), "a free is refused");
	reserved = mm_mempool_take(&pool);
	if (reserved)
		expect(mm_mempool_free(&pool, memset(reserved, 3, 30)), "a free of what was reserved is refused");
	expect_soon(mm_deferred_poll(&deferred), "deferred frees cannot be polled");
	mm_heap_cpu_idle(&heap);
	mm_pmm_cpu_idle(&pmm);
}

static void *use(void *arg)
{
	this_cpu = *(uint32_t *)arg;
	while (!__atomic_load_n(&done, __ATOMIC_RELAXED))
		work();
	return NULL;
}

/* While caches come and go, too. */
static void look(unsigned round)
{
	struct mm_cache_node_stats node;
	struct mm_cache_stats cache;
	struct mm_frame_run run;
	struct mm_pmm_stats pages;
	mm_pfn_t frame = 0;
	uint32_t it = 0;

	(void)round;
	expect(mm_cache_stats(lasting, &cache), "no counts of a cache");
	expect(mm_cache_node_stats(lasting, 0, &node), "no counts of a node");
	expect(mm_pmm_stats(&pmm, -1, &pages), "no counts of pages");
	while (mm_pmm_next_run(&pmm, &frame, &run) || mm_cache_next(&heap, &it))
		;
	expect_soon(mm_heap_drain(&heap), "objects cannot be drained");
	expect_soon(mm_pmm_drain(&pmm), "frames cannot be drained");
}

static void give_back(unsigned round)
{
	struct mm_leak_walk walk = { 0 };
	struct mm_leak_object object;
	struct mm_leak list[4], rest;
	struct mm_heap_cpu_stats hand;
	struct mm_heap_stats all;
	size_t n;

	look(round);
	expect(mm_heap_stats(&heap, &all), "no counts of a heap");
	expect(mm_heap_cpu_stats(&heap, round % 2, &hand), "no counts of what a CPU has at hand");
	if (round % 4 == 0)
		expect(mm_heap_reap(&heap, &n), "a tick is refused");
	else if (round % 4 == 1)
		expect(mm_heap_reclaim(&heap, 4, &n), "nothing can be reclaimed");
	else if (round % 4 == 2)
		expect_soon(mm_heap_shrink(&heap), "a heap cannot be shrunk");
	else
		expect_soon(mm_cache_shrink(lasting), "a cache cannot be shrunk");
	expect(mm_heap_leaks(&heap, list, 4, &n, &rest), "nobody tells who has memory");
	while (mm_leak_next(&heap, &walk, 0, &object))
		;
}

static void start(void)
{
	static void *places[PLACES];
	static const struct mm_cache_cfg cfg = { .name = "lasting", .size = 96, .flags = MM_CACHE_OWNERS };
	static const struct mm_epoch_hooks hooks = { .now = now, .passed = passed };

	threads_start(&sim, &pmm, FRAMES, CPUS);
	expect(mm_heap_init(&heap, &pmm, CPUS), "no heap");
	for (uint32_t i = 0; i < CPUS; i++)
		expect(mm_heap_cpu_online(&heap, i), "CPU not online");
	expect(mm_cache_create(&heap, &cfg, &lasting), "no cache");
	expect(mm_deferred_init(&deferred, &heap, &hooks), "no deferred frees");
	expect(mm_mempool_init(&pool, lasting, places, PLACES, 0), "no mempool");
}

/* All threads are gone. */
static void stop(void)
{
	(void)now(NULL);
	while (mm_deferred_poll(&deferred) == MM_E_AGAIN)
		(void)now(NULL);
	expect(mm_deferred_destroy(&deferred, NULL), "a deferred free is left");
	expect(mm_mempool_destroy(&pool), "the mempool is not full");
	for (uint32_t i = CPUS; i-- > 0;)
		expect(mm_heap_cpu_offline(&heap, i), "CPU not offline");
	expect(mm_heap_destroy(&heap), "something is not back");
	threads_stop(&sim, &pmm, CPUS);
}

/* Both others do one thing, this one another, so often. */
static void together(void *(*others)(void *), void (*this_one)(unsigned), unsigned long rounds)
{
	static uint32_t numbers[CPUS];
	pthread_t threads[CPUS];

	__atomic_store_n(&done, false, __ATOMIC_RELAXED);
	for (uint32_t i = 1; i < CPUS; i++) {
		numbers[i] = i;
		if (pthread_create(&threads[i], NULL, others, &numbers[i]))
			wrong("no thread");
	}
	for (unsigned i = 0; i < rounds; i++)
		this_one(i);
	__atomic_store_n(&done, true, __ATOMIC_RELAXED);
	for (uint32_t i = 1; i < CPUS; i++)
		pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;

	if (sim_is_slow())
		rounds /= 10;
	start();
	together(take_turns, look, rounds);
	together(use, give_back, rounds);
	stop();
	printf("%lu times all was looked at while caches came and went, and given back while they were used\n", rounds);
	return 0;
}
