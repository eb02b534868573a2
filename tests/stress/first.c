/* SPDX-License-Identifier: MIT */
/* Two threads, each a CPU, that make the first objects of a new heap at the same moment, again and again: both need
 * the tables of the same frames, and one of them comes second.
 *   first [HEAPS]      how many heaps are made
 * Meeting: in each round both wait for each other before one of their atomic operations, another one in the next round,
 * so that they meet at each place even if they share a CPU. That orders nothing between them, and ends if the other one
 * does not come: it may wait for a lock, or be past it.
 * Oracle: each has an object of its own, every free is fine, all comes back; ThreadSanitizer sees that who comes second
 * uses a table as the first one wrote it. */
#include <mmlib/kmalloc.h>
#include <string.h>
#include "threads.h"

#define FRAMES 2048u
#define CPUS   2u
#define SIZE   48u
#define STEPS  64u /* atomic operations before which the two meet: more than the making of a table has before its last */
#define PATIENCE 20u

static struct sim sim;
static struct mm_pmm pmm;
static struct mm_heap heap;
static struct mm_cache *caches[CPUS];
static unsigned arrived[CPUS]; /* atomic: in which round a thread is */
static unsigned amid[CPUS];    /* atomic: the same, amid the library's work */
static unsigned char *made[CPUS];
static _Thread_local unsigned steps, until;

/* Wait until both are in this round; the other one may have no CPU. */
static void meet(unsigned round)
{
	__atomic_store_n(&arrived[this_cpu], round, __ATOMIC_RELEASE);
	for (unsigned n = 1; __atomic_load_n(&arrived[!this_cpu], __ATOMIC_ACQUIRE) < round; n++)
		if (n % 1024 == 0)
			sched_yield();
}

/* Called before each atomic operation of the library. */
static void meet_amid(void)
{
	if (++steps != until)
		return;
	__atomic_store_n(&amid[this_cpu], arrived[this_cpu], __ATOMIC_RELAXED);
	for (unsigned n = 0; n < PATIENCE && __atomic_load_n(&amid[!this_cpu], __ATOMIC_RELAXED) != arrived[this_cpu]; n++)
		sched_yield();
}

static void make_first(unsigned long heap_number)
{
	void *p = NULL;

	until = 1 + heap_number % STEPS;
	steps = 0;
	expect(mm_cache_alloc_st(caches[this_cpu], 0, &p), "no object");
	made[this_cpu] = memset(p, (int)this_cpu, SIZE);
	until = 0;
}

static void *other(void *arg)
{
	unsigned long heaps = *(unsigned long *)arg;

	this_cpu = 1;
	for (unsigned long i = 0; i < heaps; i++) {
		meet(2 * (unsigned)i + 1);
		make_first(i);
		meet(2 * (unsigned)i + 2);
	}
	return NULL;
}

static void start_heap(void)
{
	static const struct mm_cache_cfg cfg[CPUS] = { { .name = "one", .size = SIZE }, { .name = "two", .size = SIZE } };

	expect(mm_heap_init(&heap, &pmm, CPUS), "no heap");
	for (uint32_t i = 0; i < CPUS; i++) {
		expect(mm_heap_cpu_online(&heap, i), "CPU not online");
		expect(mm_cache_create(&heap, &cfg[i], &caches[i]), "no cache");
	}
}

static void stop_heap(void)
{
	for (uint32_t i = CPUS; i-- > 0;) {
		for (unsigned k = 0; k < SIZE; k++)
			if (made[i][k] != i)
				wrong("an object is somebody else's, too");
		expect(mm_cache_free(caches[i], made[i]), "a free of an object is refused");
		expect(mm_heap_cpu_offline(&heap, i), "CPU not offline");
	}
	expect(mm_heap_destroy(&heap), "something is not back");
}

int main(int argc, char **argv)
{
	unsigned long heaps = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
	pthread_t thread;

	if (sim_is_slow())
		heaps /= 10;
	threads_start(&sim, &pmm, FRAMES, CPUS);
	sim_step = meet_amid;
	if (pthread_create(&thread, NULL, other, &heaps))
		wrong("no thread");
	for (unsigned long i = 0; i < heaps; i++) {
		start_heap();
		meet(2 * (unsigned)i + 1);
		make_first(i);
		meet(2 * (unsigned)i + 2);
		stop_heap();
	}
	pthread_join(thread, NULL);
	threads_stop(&sim, &pmm, CPUS);
	printf("%lu heaps, whose first objects two made at once\n", heaps);
	return 0;
}
