/* SPDX-License-Identifier: MIT */
/* Four threads, each a CPU, on pages, objects and blocks of any size, with blocks handed from CPU to CPU.
 * Built with ThreadSanitizer by scripts/tsan.sh; without it, it is a test of its own.
 *   stress [OPERATIONS [SEED]]     operations of all CPUs together
 * Oracle: a map of owners for frames; a mark at both ends of each object, written and read plainly, so
 * that a race detector sees memory that two have; at the end all comes back. */
#include <mmlib/kmalloc.h>
#include <string.h>
#include "threads.h"

#define CPUS  4u
#define HELD  192u
#define BOXES 32u
/* So few that they run out at times. */
#define FRAMES (896u + 16u * MM_PAGE_MAGAZINE)
#define CACHES 3u

enum kind { NOTHING, PAGES, OBJECT, BYTES };

struct block {
	enum kind kind;
	unsigned order, cache;
	mm_paddr_t pa;
	unsigned char *p;
	size_t bytes;
};

struct box {
	uintptr_t lock;
	struct block block;
};

struct cpu {
	uint32_t number;
	uint64_t seed;
	unsigned long operations, nomem, again;
	struct block held[HELD];
};

static struct sim sim;
static struct mm_pmm pmm;
static struct mm_heap heap;
static struct mm_cache *caches[CACHES];
static struct box boxes[BOXES];
static unsigned char owner[FRAMES]; /* atomic */
static unsigned touched[FRAMES];    /* plain: who has a frame is alone with it */

static uint64_t next_random(struct cpu *c)
{
	c->seed ^= c->seed << 13;
	c->seed ^= c->seed >> 7;
	c->seed ^= c->seed << 17;
	return c->seed >> 11;
}

static void own(const struct block *b, unsigned char from, unsigned char to)
{
	size_t first = (size_t)((b->pa - sim.base) >> MM_FRAME_SHIFT);

	for (size_t i = first; i < first + ((size_t)1 << b->order); i++) {
		if (__atomic_exchange_n(&owner[i], to, __ATOMIC_RELAXED) != from)
			wrong("a frame has two owners");
		touched[i]++;
	}
}

static void mark(const struct block *b, unsigned char with)
{
	b->p[0] = with;
	b->p[b->bytes - 1] = with;
}

static void check_mark(const struct block *b)
{
	if (b->p[0] != 0x77 || b->p[b->bytes - 1] != 0x77)
		wrong("an object was written to by somebody else");
}

static bool fine(struct cpu *c, enum mm_status st)
{
	c->nomem += st == MM_E_NOMEM;
	c->again += st == MM_E_AGAIN;
	if (st != MM_OK && st != MM_E_NOMEM && st != MM_E_AGAIN)
		wrong("an allocation has a status that it cannot have");
	return st == MM_OK;
}

static void get(struct cpu *c, struct block *b)
{
	uint64_t r = next_random(c);
	struct block n = { .kind = (enum kind)(PAGES + r % 3) };
	void *p = NULL;

	if (n.kind == PAGES) {
		n.order = r >> 8 & 7 ? 0 : (unsigned)(r >> 16 & 3);
		if (!fine(c, mm_page_alloc(&pmm, n.order, 0, &n.pa)))
			return;
		own(&n, 0, 1);
	} else {
		n.cache = (unsigned)(r >> 8) % CACHES;
		n.bytes = n.kind == OBJECT ? (size_t[]){ 48, 512, 3000 }[n.cache]
			  : r >> 16 & 15   ? (size_t)(r >> 24) % 3000 + 1
					   : (size_t)(r >> 24) % 30000 + 1;
		if (!fine(c, n.kind == OBJECT ? mm_cache_alloc_st(caches[n.cache], 0, &p)
					      : mm_kmalloc_st(&heap, n.bytes, 0, &p)))
			return;
		n.p = p;
		mark(&n, 0x77);
	}
	*b = n;
}

static void give(struct block *b)
{
	enum mm_status st;

	if (b->kind == PAGES) {
		own(b, 1, 0);
		st = mm_page_free(&pmm, b->pa, b->order);
	} else {
		check_mark(b);
		mark(b, 0x11);
		st = b->kind == OBJECT ? mm_cache_free(caches[b->cache], b->p)
				       : mm_kfree(&heap, b->p);
	}
	if (st != MM_OK)
		wrong("a free was refused");
	b->kind = NOTHING;
}

/* Swap a block with one that another CPU left. */
static void exchange(struct cpu *c, struct block *b)
{
	struct box *box = &boxes[next_random(c) % BOXES];
	struct block was;

	lock(NULL, &box->lock);
	was = box->block;
	box->block = *b;
	*b = was;
	unlock(NULL, &box->lock, 0);
}

static void rarely(struct cpu *c)
{
	struct mm_pmm_stats stats;
	enum mm_status st;

	switch (next_random(c) % 5) {
	case 0:
		st = mm_pmm_drain(&pmm);
		break;
	case 1:
		st = mm_heap_drain(&heap);
		break;
	case 2:
		st = mm_heap_shrink(&heap);
		break;
	case 3:
		st = mm_pmm_stats(&pmm, -1, &stats);
		break;
	default:
		mm_pmm_cpu_idle(&pmm);
		mm_heap_cpu_idle(&heap);
		return;
	}
	if (st != MM_OK && st != MM_E_AGAIN)
		wrong("a drain has a status that it cannot have");
}

static void *cpu_main(void *arg)
{
	struct cpu *c = arg;

	this_cpu = c->number;
	for (unsigned long i = 0; i < c->operations; i++) {
		uint64_t r = next_random(c);
		struct block *b = &c->held[r % HELD];

		if ((r >> 8 & 15) == 0)
			exchange(c, b);
		else if (b->kind == NOTHING)
			get(c, b);
		else
			give(b);
		if ((r >> 16 & 4095) == 0)
			rarely(c);
	}
	for (unsigned i = 0; i < HELD; i++)
		if (c->held[i].kind)
			give(&c->held[i]);
	return NULL;
}

static void start(void)
{
	static const struct mm_cache_cfg cfg[CACHES] = {
		{ .name = "small", .size = 48 }, { .name = "middle", .size = 512 }, { .name = "large", .size = 3000 }
	};

	threads_start(&sim, &pmm, FRAMES, CPUS);
	expect(mm_heap_init(&heap, &pmm, CPUS), "no heap");
	for (uint32_t i = 0; i < CPUS; i++)
		expect(mm_heap_cpu_online(&heap, i), "CPU not online");
	for (unsigned i = 0; i < CACHES; i++)
		expect(mm_cache_create(&heap, &cfg[i], &caches[i]), "no cache");
}

/* All threads are gone: take back what CPUs have, and look whether all is as at first. */
static void stop(uint64_t first)
{
	for (unsigned i = 0; i < BOXES; i++)
		if (boxes[i].block.kind)
			give(&boxes[i].block);
	for (uint32_t i = CPUS; i-- > 0;)
		if (mm_heap_cpu_offline(&heap, i) != MM_OK)
			wrong("CPU not offline");
	if (mm_heap_verify(&heap) != MM_OK)
		wrong("the heap is damaged");
	if (mm_heap_destroy(&heap) != MM_OK)
		wrong("something is not back");
	for (uint32_t i = 0; i < CPUS; i++)
		if (mm_pmm_cpu_offline(&pmm, i) != MM_OK)
			wrong("CPU not offline");
	if (mm_pmm_verify(&pmm) != MM_OK || pmm_state_hash(&pmm) != first)
		wrong("the last state is not the first");
}

int main(int argc, char **argv)
{
	static struct cpu cpus[CPUS];
	unsigned long operations = argc > 1 ? strtoul(argv[1], NULL, 10) : 400000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1, first;
	unsigned long nomem = 0, again = 0;
	pthread_t threads[CPUS];

	start();
	if (mm_heap_destroy(&heap) != MM_OK) /* the first state is that without a heap */
		wrong("an empty heap cannot be destroyed");
	if (mm_pmm_drain(&pmm) != MM_OK)
		wrong("something is not home");
	first = pmm_state_hash(&pmm);
	sim_destroy(&sim);
	start();
	for (uint32_t i = 0; i < CPUS; i++) {
		cpus[i].number = i;
		cpus[i].seed = seed * 1000 + i + 1;
		cpus[i].operations = operations / CPUS;
		if (pthread_create(&threads[i], NULL, cpu_main, &cpus[i]) != 0)
			wrong("no thread");
	}
	for (uint32_t i = 0; i < CPUS; i++) {
		pthread_join(threads[i], NULL);
		nomem += cpus[i].nomem;
		again += cpus[i].again;
	}
	stop(first);
	printf("stress: %lu operations on %u CPUs, seed %llu; MM_E_NOMEM %lu, MM_E_AGAIN %lu; all "
	       "came back\n",
	       operations, CPUS, (unsigned long long)seed, nomem, again);
	return 0;
}
