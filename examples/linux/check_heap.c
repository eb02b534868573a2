/* SPDX-License-Identifier: MIT */
/* Promises of the heap and of the page frames, with all CPUs at work at once.
 *
 * Theory of operation
 * Structure    each CPU makes things: blocks of frames, memory of any size, objects of a cache. It
 *              fills each with a random byte, puts it on a shelf that all CPUs share, takes what lay
 *              there, looks at each byte of that, and frees it. So many things are freed by another
 *              CPU than made them.
 * Interrupts   now and then a CPU makes another one allocate and free in an interrupt, wherever that
 *              may hit, inside of mmlib too. */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/string.h>
#include "cpus.h"
#include "example.h"
#include "port.h"
#include "tap.h"

enum { ROUNDS = 20000, SHELF = 256, ROUNDS_PER_INTERRUPT = 64, OBJECT_BYTES = 1536 };
enum kind { FRAMES, MEMORY, OBJECT, KINDS };

/* Begins a thing; the same byte, of `seed`, follows to its end. */
struct thing {
	u32 bytes;
	u16 kind, order;
	u32 maker, seed;
};

static struct thing *shelf[SHELF];
static struct mm_cache *objects;
static atomic_t failed, damaged, foreign, interrupts;
static bool damage_one;

static u8 *filling(struct thing *t)
{
	return (u8 *)(t + 1);
}

static struct thing *frames_make(u32 random)
{
	unsigned int order = random & 3;
	struct thing *t;
	mm_paddr_t pa;

	if (mm_page_alloc(&linux_pmm, order, 0, &pa) != MM_OK)
		return NULL;
	t = LINUX_TO_VIRT(pa);
	t->order = (u16)order;
	t->bytes = PAGE_SIZE << order;
	return t;
}

static struct thing *memory_make(u32 random)
{
	u32 bytes = sizeof(struct thing) + (random & 0x3fff >> (random >> 20 & 7));
	struct thing *t = mm_kmalloc(&linux_heap, bytes, 0);

	if (t)
		t->bytes = bytes;
	return t;
}

static struct thing *object_make(void)
{
	struct thing *t = mm_cache_alloc(objects, 0);

	if (t)
		t->bytes = OBJECT_BYTES;
	return t;
}

static struct thing *thing_make(u32 maker, u32 random)
{
	enum kind kind = random % KINDS;
	struct thing *t = kind == FRAMES   ? frames_make(random >> 4)
			  : kind == MEMORY ? memory_make(random >> 4)
					   : object_make();

	if (!t) {
		atomic_inc(&failed);
		return NULL;
	}
	t->kind = kind;
	t->maker = maker;
	t->seed = random;
	memset(filling(t), (u8)random, t->bytes - sizeof(*t));
	return t;
}

static void thing_end(u32 cpu, struct thing *t)
{
	enum mm_status st;

	if (memchr_inv(filling(t), (u8)t->seed, t->bytes - sizeof(*t)))
		atomic_inc(&damaged);
	if (t->maker != cpu)
		atomic_inc(&foreign);
	if (t->kind == FRAMES)
		st = mm_page_free(&linux_pmm, (uintptr_t)t - linux_distance, t->order);
	else
		st = t->kind == MEMORY ? mm_kfree(&linux_heap, t) : mm_cache_free(objects, t);
	if (st != MM_OK)
		atomic_inc(&failed);
}

static void in_interrupt_of_another(void *unused)
{
	u8 *p = mm_kmalloc(&linux_heap, 200, MM_ALLOC_ATOMIC | MM_ALLOC_ZERO);
	mm_paddr_t pa;

	atomic_inc(&interrupts);
	if (!p || mm_page_alloc(&linux_pmm, 0, MM_ALLOC_ATOMIC, &pa) != MM_OK) {
		atomic_inc(&failed);
		return;
	}
	memset(LINUX_TO_VIRT(pa), 0xA5, PAGE_SIZE);
	if (memchr_inv(p, 0, 200) || memchr_inv(LINUX_TO_VIRT(pa), 0xA5, PAGE_SIZE))
		atomic_inc(&damaged);
	if (mm_kfree(&linux_heap, p) != MM_OK || mm_page_free(&linux_pmm, pa, 0) != MM_OK)
		atomic_inc(&failed);
}

static void interrupt_next(u32 cpu)
{
	unsigned int next = cpumask_next((int)cpu, cpu_online_mask);

	if (next >= nr_cpu_ids)
		next = cpumask_first(cpu_online_mask);
	(void)smp_call_function_single((int)next, in_interrupt_of_another, NULL, 1);
}

static void job(void)
{
	u32 cpu = smp_processor_id();
	struct rnd_state state;

	prandom_seed_state(&state, cpu + 1);
	for (u32 round = 0; round < ROUNDS; round++) {
		u32 random = prandom_u32_state(&state);
		struct thing *t = thing_make(cpu, random);

		if (t && damage_one && round == ROUNDS / 2)
			filling(t)[t->bytes - sizeof(*t) - 1] ^= 1;
		t = xchg(&shelf[random >> 24], t);
		if (t)
			thing_end(cpu, t);
		if (round % ROUNDS_PER_INTERRUPT == 0)
			interrupt_next(cpu);
		if (round % 1024 == 0)
			cond_resched();
	}
}

/* Is every cache whole, and are all its objects free? */
static bool caches_unused(void)
{
	struct mm_heap_stats s;

	return mm_heap_verify(&linux_heap) == MM_OK && mm_heap_stats(&linux_heap, &s) == MM_OK && s.used == 0;
}

static void check_misuse(void)
{
	char *p = mm_kmalloc(&linux_heap, 100, 0);

	if (!tap_check(p != NULL, "100 bytes are allocated"))
		return;
	tap_status(mm_kfree(&linux_heap, p + 16), MM_E_ALIGN, "freed from inside: MM_E_ALIGN");
	tap_status(mm_cache_free(objects, p), MM_E_OWNER, "freed to another cache: MM_E_OWNER");
	tap_status(mm_kfree(&linux_heap, p), MM_OK, "freed as allocated");
	tap_status(mm_kfree(&linux_heap, p), MM_E_DOUBLE_FREE, "freed again: MM_E_DOUBLE_FREE");
	tap_status(mm_kfree(&linux_heap, &shelf), MM_E_FOREIGN, "memory of Linux: MM_E_FOREIGN");
}

static void check_all_cpus(void)
{
	tap_check(cpus_run(job), "all CPUs allocate and free at once");
	for (u32 i = 0; i < SHELF; i++)
		if (shelf[i])
			thing_end(0, shelf[i]);
	memset(shelf, 0, sizeof(shelf));
	pr_info("# %d freed by another CPU than made them, %d interrupts\n", atomic_read(&foreign),
		atomic_read(&interrupts));
	tap_check(atomic_read(&failed) == 0, "every allocation and every free succeeded");
	tap_check(atomic_read(&damaged) == 0, "nothing that was made has lost a byte");
	tap_check(num_online_cpus() == 1 || atomic_read(&foreign) > ROUNDS / 4,
		  "much was freed by another CPU than made it");
	tap_check(atomic_read(&interrupts) > 0,
		  "interrupts allocated and freed in the middle of it");
	tap_check(caches_unused(), "all is freed: caches are whole, and no object is in use");
}

static void job_once(void)
{
	mm_paddr_t pa;

	if (mm_kfree(&linux_heap, mm_kmalloc(&linux_heap, 64, 0)) != MM_OK ||
	    mm_page_alloc(&linux_pmm, 0, 0, &pa) != MM_OK ||
	    mm_page_free(&linux_pmm, pa, 0) != MM_OK)
		atomic_inc(&failed);
}

/* For what comes next: CPUs go, and the module with them, while they have things at hand. */
static void check_at_hand(void)
{
	struct mm_heap_stats s;

	cpus_run(job_once);
	tap_check(atomic_read(&failed) == 0 && mm_heap_stats(&linux_heap, &s) == MM_OK &&
			  s.cached >= num_online_cpus(),
		  "each CPU has frames and objects at hand");
}

void check_heap(bool damage)
{
	const struct mm_cache_cfg cfg = { .name = "object", .size = OBJECT_BYTES, .align = 64 };

	damage_one = damage;
	if (!tap_status(mm_cache_create(&linux_heap, &cfg, &objects), MM_OK, "a cache is made"))
		return;
	check_misuse();
	check_all_cpus();
	tap_status(mm_cache_destroy(objects), MM_OK, "the cache is destroyed");
	tap_status(mm_heap_shrink(&linux_heap), MM_OK, "empty slabs are given back");
	check_at_hand();
}
