/* SPDX-License-Identifier: MIT */
/* Threads as the CPUs of a simulated machine: what all of these programs need of it. */
#ifndef STRESS_THREADS_H
#define STRESS_THREADS_H
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include "../pmm_state.h"

static _Thread_local uint32_t this_cpu;

static void wrong(const char *what)
{
	fprintf(stderr, "stress: %s\n", what);
	abort();
}

static uintptr_t lock(void *ctx, uintptr_t *word)
{
	(void)ctx;
	while (__atomic_exchange_n(word, 1, __ATOMIC_ACQUIRE))
		sched_yield();
	return 0;
}

static void unlock(void *ctx, uintptr_t *word, uintptr_t irq)
{
	(void)ctx;
	(void)irq;
	__atomic_store_n(word, 0, __ATOMIC_RELEASE);
}

static uint32_t get_cpu(void *ctx)
{
	(void)ctx;
	return this_cpu;
}

static inline void expect(enum mm_status st, const char *what)
{
	if (st != MM_OK)
		wrong(what);
}

/* A machine of so many frames, all in one zone, whose CPUs are online. */
static inline void threads_start(struct sim *sim, struct mm_pmm *pmm, size_t frames, uint32_t cpus)
{
	static struct mm_mem entries[16];
	static const struct mm_zone_cfg one = { .name = "ALL", .last = MM_PADDR_MAX };
	struct mm_pmm_cfg zones = { .zones = &one, .nzones = 1, .ncpus = cpus };
	struct mm_memmap map;

	sim_init(sim, 0x200000, frames << MM_FRAME_SHIFT);
	sim->port.lock = lock;
	sim->port.unlock = unlock;
	sim->port.cpu = get_cpu;
	zones.reach = sim->base + sim->bytes - 1;
	expect(mm_memmap_init(&map, entries, 16), "no map");
	expect(mm_memmap_add(&map, sim->base, sim->bytes, MM_MEM_USABLE, NULL), "no memory");
	expect(mm_pmm_init(pmm, &sim->port, &map, &zones), "no page layer");
	for (uint32_t i = 0; i < cpus; i++)
		expect(mm_pmm_cpu_online(pmm, i), "CPU not online");
}

/* The end of one whose memory is all free. */
static inline void threads_stop(struct sim *sim, struct mm_pmm *pmm, uint32_t cpus)
{
	for (uint32_t i = cpus; i-- > 0;)
		expect(mm_pmm_cpu_offline(pmm, i), "CPU not offline");
	expect(mm_pmm_verify(pmm), "the page layer is damaged");
	sim_destroy(sim);
}
#endif
