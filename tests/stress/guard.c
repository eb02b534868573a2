/* SPDX-License-Identifier: MIT */
/* Guarded objects, two threads, each a CPU: one makes a cache, fills and destroys it, and at times looks at all; one
 * allocates and frees objects of another cache, in the same slots.
 *   guard [CACHES]     how many caches are made
 * Oracle: each free is what it should be, an object is nobody else's, nothing is found damaged, all comes back. */
#include <mmlib/guard.h>
#include <string.h>
#include "threads.h"

#define FRAMES 2048u
#define CPUS   2u
#define SLOTS  64u
#define ROUND  48u /* objects of a cache that is made */
#define SIZE   96u

static struct sim sim;
static struct mm_pmm pmm;
static struct mm_heap heap;
static struct mm_cache *lasting;
static unsigned char pool[(SLOTS + 8) << MM_FRAME_SHIFT] __attribute__((__aligned__(1 << MM_FRAME_SHIFT)));
static bool done; /* atomic */

/* What must be zero is not served at hand, so each allocation may be guarded. */
static unsigned char *allocate(struct mm_cache *cache, int with)
{
	void *p = NULL;

	expect(mm_cache_alloc_st(cache, MM_ALLOC_ZERO, &p), "no object");
	memset(p, with, SIZE);
	return p;
}

static void release(struct mm_cache *cache, unsigned char *p, int with)
{
	for (unsigned i = 0; i < SIZE; i++)
		if (p[i] != with)
			wrong("an object was written to by somebody else");
	expect(mm_cache_free(cache, p), "a free of an object is refused");
}

static void *use(void *arg)
{
	this_cpu = 1;
	while (!__atomic_load_n(&done, __ATOMIC_RELAXED))
		release(lasting, allocate(lasting, 2), 2);
	return arg;
}

static void look(void)
{
	struct mm_guard_report r;

	expect(mm_guard_check(&heap, &r), "damage is found");
	for (uintptr_t at = (uintptr_t)pool; at < (uintptr_t)pool + sizeof(pool); at += 1000) {
		enum mm_status st = mm_guard_fault(&heap, at, &r);

		if (st != MM_OK && st != MM_E_NOENT)
			wrong("an address of the pool is none");
	}
}

/* Make a cache, fill and destroy it. */
static void come_and_go(void)
{
	static const struct mm_cache_cfg cfg = { .name = "short", .size = SIZE, .flags = MM_CACHE_GUARD };
	struct mm_cache *cache = NULL;
	unsigned char *p[ROUND];

	expect(mm_cache_create(&heap, &cfg, &cache), "no cache");
	for (unsigned i = 0; i < ROUND; i++)
		p[i] = allocate(cache, 1);
	for (unsigned i = 0; i < ROUND; i++)
		release(cache, p[i], 1);
	expect(mm_cache_destroy(cache), "a cache cannot be destroyed");
}

static void start(void)
{
	static const struct mm_cache_cfg cfg = { .name = "lasting", .size = SIZE, .flags = MM_CACHE_GUARD };
	struct mm_guard_cfg guard = { .base = pool, .bytes = sizeof(pool) };

	threads_start(&sim, &pmm, FRAMES, CPUS);
	expect(mm_heap_init(&heap, &pmm, CPUS), "no heap");
	for (uint32_t i = 0; i < CPUS; i++)
		expect(mm_heap_cpu_online(&heap, i), "CPU not online");
	expect(mm_guard_init(&heap, &guard), "no pool");
	expect(mm_cache_create(&heap, &cfg, &lasting), "no cache");
}

int main(int argc, char **argv)
{
	unsigned long caches = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
	pthread_t thread;
	struct mm_guard_stats s;

	if (sim_is_slow())
		caches /= 10;
	start();
	if (pthread_create(&thread, NULL, use, NULL))
		wrong("no thread");
	for (unsigned long i = 0; i < caches; i++) {
		come_and_go();
		if (i % 128 == 0)
			look();
	}
	__atomic_store_n(&done, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	expect(mm_guard_stats(&heap, &s), "no counts");
	if (s.used || s.given < caches)
		wrong("objects are left, or none was guarded");
	for (uint32_t i = CPUS; i-- > 0;)
		expect(mm_heap_cpu_offline(&heap, i), "CPU not offline");
	expect(mm_heap_destroy(&heap), "something is not back");
	threads_stop(&sim, &pmm, CPUS);
	printf("%lu caches, %lu guarded objects\n", caches, (unsigned long)s.given);
	return 0;
}
