/* SPDX-License-Identifier: MIT */
/* Objects that are freed in an NMI, which here is a signal: it comes at any instruction of a CPU, be it inside the heap
 * and with a lock held. Two threads are CPUs, and have objects of two caches and of kmalloc(); what one leaves in a box of
 * either, the signal frees; objects of one cache go back to a reserve, which both take from. A third sends signals to
 * both, without end.
 *   nmi [OPERATIONS [SEED]]     operations of both CPUs together
 * Oracle: a mark at both ends of each object; no free is refused, but for a second one; counts; all comes back. */
#define _GNU_SOURCE
#include <mmlib/nmi.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include "threads.h"

#define CPUS   2u
#define HELD   512u
#define BOXES  64u
#define FRAMES (4096u + 16u * MM_PAGE_MAGAZINE)
#define CACHES 3u /* the last one is that of kmalloc() */
#define RESERVE 16u

struct object {
	unsigned char *p;
	uint32_t bytes, cache;
};

struct cpu {
	uint32_t number;
	uint64_t seed;
	unsigned long operations;
	pthread_t thread;
	struct object held[HELD];
	struct object room[BOXES]; /* what is in a box is whose box it is */
	struct object *box[BOXES]; /* atomic: NULL, or what a signal is to free */
	unsigned long signals, inside, freed; /* written by the handler alone */
	bool in_heap;
};

static struct sim sim;
static struct mm_pmm pmm;
static struct mm_heap heap;
static struct mm_cache *caches[CACHES - 1];
static struct mm_mempool pool; /* behind the first one */
static void *places[RESERVE];
static struct cpu cpus[CPUS];
static bool done; /* atomic */

static uint64_t next_random(struct cpu *c)
{
	c->seed ^= c->seed << 13;
	c->seed ^= c->seed >> 7;
	c->seed ^= c->seed << 17;
	return c->seed >> 11;
}

static void mark(const struct object *o, unsigned char with)
{
	o->p[0] = with;
	o->p[o->bytes - 1] = with;
}

static void check_mark(const struct object *o)
{
	if (o->p[0] != 0x77 || o->p[o->bytes - 1] != 0x77)
		wrong("an object was written to by somebody else");
}

static void enter(struct cpu *c, bool in)
{
	__atomic_store_n(&c->in_heap, in, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Of the reserve now and then. */
static void *get_small(uint64_t r)
{
	void *p = r >> 24 & 3 ? NULL : mm_mempool_take(&pool);

	return p ? p : mm_cache_alloc(caches[0], 0);
}

static enum mm_status free_small(void *p, bool nmi)
{
	return nmi ? mm_mempool_free_nmi(&pool, p) : mm_mempool_free(&pool, p);
}

static void get(struct cpu *c, struct object *o)
{
	uint64_t r = next_random(c);
	struct object n = { .cache = (uint32_t)(r % CACHES) };

	n.bytes = n.cache == 0 ? 64 : n.cache == 1 ? 700 : (uint32_t)(r >> 8) % 3000 + 1;
	enter(c, true);
	n.p = n.cache == 0	   ? get_small(r) :
	      n.cache < CACHES - 1 ? mm_cache_alloc(caches[n.cache], 0) :
				     mm_kmalloc(&heap, n.bytes, 0);
	enter(c, false);
	if (!n.p)
		return; /* there is none at times */
	mark(&n, 0x77);
	*o = n;
}

static void give(struct cpu *c, struct object *o)
{
	check_mark(o);
	mark(o, 0x11);
	enter(c, true);
	expect(o->cache == 0	     ? free_small(o->p, false) :
	       o->cache < CACHES - 1 ? mm_cache_free(caches[o->cache], o->p) :
				       mm_kfree(&heap, o->p),
	       "a free is refused");
	enter(c, false);
	o->p = NULL;
}

/* The signal of one of the CPUs is to free it. */
static void leave(struct cpu *c, struct object *o)
{
	struct cpu *to = &cpus[next_random(c) % CPUS];
	unsigned i = (unsigned)(next_random(c) % (BOXES / CPUS) * CPUS + c->number); /* the other one fills other boxes */

	if (__atomic_load_n(&to->box[i], __ATOMIC_ACQUIRE)) {
		give(c, o);
		return;
	}
	to->room[i] = *o;
	o->p = NULL;
	__atomic_store_n(&to->box[i], &to->room[i], __ATOMIC_RELEASE);
}

static void free_box(struct cpu *c, unsigned i)
{
	struct object *o = __atomic_load_n(&c->box[i], __ATOMIC_ACQUIRE), was;

	if (!o)
		return;
	was = *o;
	check_mark(&was);
	mark(&was, 0x22);
	expect(was.cache == 0	      ? free_small(was.p, true) :
	       was.cache < CACHES - 1 ? mm_cache_free_nmi(caches[was.cache], was.p) :
					mm_kfree_nmi(&heap, was.p),
	       "a free in an NMI is refused");
	c->freed++;
	__atomic_store_n(&c->box[i], NULL, __ATOMIC_RELEASE);
}

static void on_signal(int number)
{
	struct cpu *c = &cpus[this_cpu];

	(void)number;
	c->signals++;
	c->inside += __atomic_load_n(&c->in_heap, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < BOXES; i++)
		free_box(c, i);
}

static void rarely(struct cpu *c)
{
	enum mm_status st = MM_OK;
	struct mm_cache_stats stats;

	enter(c, true);
	switch (next_random(c) % 5) {
	case 0:
		st = mm_heap_drain(&heap);
		break;
	case 1:
		st = mm_heap_shrink(&heap);
		break;
	case 2:
		st = mm_heap_reap(&heap, NULL);
		break;
	case 3:
		st = mm_cache_stats(caches[0], &stats);
		break;
	default:
		mm_heap_cpu_idle(&heap);
		mm_pmm_cpu_idle(&pmm);
		break;
	}
	enter(c, false);
	if (st != MM_OK && st != MM_E_AGAIN)
		wrong("a drain has a status that it cannot have");
}

static void *cpu_main(void *arg)
{
	struct cpu *c = arg;
	sigset_t set;

	this_cpu = c->number;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	for (unsigned long i = 0; i < c->operations; i++) {
		uint64_t r = next_random(c);
		struct object *o = &c->held[r % HELD];

		if (!o->p)
			get(c, o);
		else if (r >> 16 & 1)
			give(c, o);
		else
			leave(c, o);
		if ((r >> 20 & 2047) == 0)
			rarely(c);
	}
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return NULL;
}

static void *send_signals(void *arg)
{
	const struct timespec pause = { .tv_nsec = 1000 };

	while (!__atomic_load_n(&done, __ATOMIC_RELAXED)) {
		for (unsigned i = 0; i < CPUS; i++)
			pthread_kill(cpus[i].thread, SIGUSR1);
		nanosleep(&pause, NULL);
	}
	return arg;
}

static void start(unsigned long operations, uint64_t seed)
{
	static const struct mm_cache_cfg cfg[CACHES - 1] = { { .name = "small", .size = 64 },
							     { .name = "large", .size = 700 } };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	sigset_t set;

	threads_start(&sim, &pmm, FRAMES, CPUS);
	expect(mm_heap_init(&heap, &pmm, CPUS), "no heap");
	for (uint32_t i = 0; i < CPUS; i++)
		expect(mm_heap_cpu_online(&heap, i), "CPU not online");
	for (unsigned i = 0; i < CACHES - 1; i++)
		expect(mm_cache_create(&heap, &cfg[i], &caches[i]), "no cache");
	expect(mm_mempool_init(&pool, caches[0], places, RESERVE, 0), "no reserve");
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL); /* who is no CPU gets none */
	sigaction(SIGUSR1, &action, NULL);
	for (uint32_t i = 0; i < CPUS; i++) {
		cpus[i].number = i;
		cpus[i].seed = seed * 1000 + i + 1;
		cpus[i].operations = operations / CPUS;
		if (pthread_create(&cpus[i].thread, NULL, cpu_main, &cpus[i]))
			wrong("no thread");
	}
}

/* What is left goes, and nothing is used any more. */
static void stop(void)
{
	struct mm_cache_stats stats;

	for (unsigned i = 0; i < CPUS; i++) {
		this_cpu = i;
		for (unsigned k = 0; k < BOXES; k++)
			free_box(&cpus[i], k);
		for (unsigned k = 0; k < HELD; k++)
			if (cpus[i].held[k].p)
				give(&cpus[i], &cpus[i].held[k]);
	}
	this_cpu = 0;
	while (mm_mempool_destroy(&pool) == MM_E_BUSY) { /* some that it lent went to the cache */
		void *p = mm_cache_alloc(caches[0], 0);

		expect(p ? mm_mempool_free(&pool, p) : MM_E_NOMEM, "the reserve is not whole again");
	}
	for (unsigned i = 0; i < CACHES - 1; i++) {
		expect(mm_cache_stats(caches[i], &stats), "no counts");
		if (stats.used)
			wrong("objects are used that nobody has");
		expect(mm_cache_verify(caches[i]), "a cache is damaged");
	}
	for (uint32_t i = CPUS; i-- > 0;)
		expect(mm_heap_cpu_offline(&heap, i), "CPU not offline");
	expect(mm_heap_destroy(&heap), "something is not back");
	threads_stop(&sim, &pmm, CPUS);
}

int main(int argc, char **argv)
{
	unsigned long operations = argc > 1 ? strtoul(argv[1], NULL, 10) : 400000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	unsigned long signals = 0, inside = 0, freed = 0;
	pthread_t sender;

	if (sim_is_slow())
		operations /= 10;
	start(operations, seed);
	if (pthread_create(&sender, NULL, send_signals, NULL))
		wrong("no thread");
	for (unsigned i = 0; i < CPUS; i++)
		pthread_join(cpus[i].thread, NULL);
	__atomic_store_n(&done, true, __ATOMIC_RELAXED);
	pthread_join(sender, NULL);
	for (unsigned i = 0; i < CPUS; i++) {
		signals += cpus[i].signals;
		inside += cpus[i].inside;
		freed += cpus[i].freed;
	}
	stop();
	printf("%lu operations; %lu NMIs, of which %lu hit the heap, freed %lu objects; all came back\n", operations,
	       signals, inside, freed);
	return 0;
}
