/* SPDX-License-Identifier: MIT */
/* Threads as the CPUs of a simulated machine: what both stress programs need of a port. */
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

static void threads_are_cpus(struct sim *sim)
{
	sim->port.lock = lock;
	sim->port.unlock = unlock;
	sim->port.cpu = get_cpu;
}
#endif
