/* SPDX-License-Identifier: MIT */
/* Simulated machine: see sim.h. */
#include "sim.h"
#include "hook.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#endif
#endif
#ifndef RUNNING_ON_VALGRIND
#define RUNNING_ON_VALGRIND false
#endif
#ifndef VALGRIND_MAKE_MEM_DEFINED
#define VALGRIND_MAKE_MEM_DEFINED(p, n) ((void)(p), (void)(n))
#endif

#define SIM_FILLED ((size_t)256 << 20) /* bytes; what is beyond costs nothing until it is used */

void (*sim_step)(void);
uint32_t sim_cpu;
unsigned sim_pins, sim_run_ons;
static uintptr_t irqs_off;
static unsigned fail_nth, fail_calls;
#ifdef MM_PORT_SLOT
void *sim_slots[SIM_SLOT_CPUS][MM_SLOTS];
#else
static void sim_port_step(void);
#endif
static bool fail_sticky;

static void sim_panic(void *ctx, const char *file, int line)
{
	struct sim *sim = ctx;

	sim->panics++;
	fprintf(stderr, "mmlib panic at %s:%d\n", file, line);
	abort();
}

void *sim_to_virt(void *ctx, mm_paddr_t pa)
{
	struct sim *sim = ctx;

	if (pa < sim->base || pa - sim->base >= sim->bytes) {
		fprintf(stderr, "access outside simulated memory: %#llx\n", (unsigned long long)pa);
		abort();
	}
	return sim->host + (pa - sim->base);
}

/* No slot points to memory of another machine. */
static void sim_empty_slots(void)
{
#ifdef MM_PORT_SLOT
	for (unsigned cpu = 0; cpu < SIM_SLOT_CPUS; cpu++)
		for (unsigned i = 0; i < MM_SLOTS; i++)
			sim_slots[cpu][i] = MM_SLOT_EMPTY;
#endif
}

/* Machines come and go: the C library keeps their memory, since new pages cost more than the tests. */
__attribute__((constructor)) static void sim_keep_memory(void)
{
#ifdef __GLIBC__
	(void)mallopt(M_MMAP_MAX, 0);
	(void)mallopt(M_TRIM_THRESHOLD, INT_MAX);
#endif
}

void sim_init(struct sim *sim, mm_paddr_t base, size_t bytes)
{
	*sim = (struct sim){ .base = base, .bytes = bytes };
	sim->host = aligned_alloc((size_t)MM_FRAME_SIZE, bytes);
	if (!sim->host)
		abort();
	memset(sim->host, 0xA5, bytes < SIM_FILLED ? bytes : SIM_FILLED);
	sim_empty_slots();
	sim->port = (struct mm_port){ .version = MM_PORT_VERSION,
				      .size = sizeof(struct mm_port),
				      .ctx = sim,
				      .to_virt = sim_to_virt,
				      .panic = sim_panic };
}

/* Port calls are steps too: an interrupt may come there. */
void sim_port_step(void)
{
	if (sim_step)
		sim_step();
}

static uint32_t sim_get_cpu(void *ctx)
{
	(void)ctx;
	sim_port_step();
	return sim_cpu;
}

static void sim_pin(void *ctx)
{
	(void)ctx;
	sim_port_step();
	sim_pins++;
}

static void sim_unpin(void *ctx)
{
	(void)ctx;
	sim_pins--;
	sim_port_step();
}

static uintptr_t sim_irq_save(void *ctx)
{
	uintptr_t was = irqs_off;

	(void)ctx;
	irqs_off = 1;
	return was;
}

static void sim_irq_restore(void *ctx, uintptr_t irq)
{
	(void)ctx;
	irqs_off = irq;
}

void sim_run_on(void *ctx, uint32_t cpu, void (*fn)(void *), void *arg)
{
	uint32_t was = sim_cpu;

	(void)ctx;
	if (sim_pins || irqs_off) {
		fprintf(stderr, "run_on called %s\n", sim_pins ? "pinned" : "with interrupts off");
		abort();
	}
	sim_run_ons++;
	sim_cpu = cpu;
	fn(arg);
	sim_cpu = was;
}

void sim_add_cpus(struct sim *sim, bool run_on)
{
	sim_cpu = 0;
	sim_pins = sim_run_ons = 0;
	irqs_off = 0;
	sim->port.cpu = sim_get_cpu;
	sim->port.pin = sim_pin;
	sim->port.unpin = sim_unpin;
	sim->port.irq_save = sim_irq_save;
	sim->port.irq_restore = sim_irq_restore;
	sim->port.run_on = run_on ? sim_run_on : NULL;
}

void sim_destroy(struct sim *sim)
{
	sim_empty_slots();
	free(sim->host);
	*sim = (struct sim){ 0 };
}

void sim_fail_at(unsigned nth, bool sticky)
{
	fail_nth = nth;
	fail_sticky = sticky;
	fail_calls = 0;
}

unsigned sim_fail_calls(void)
{
	return fail_calls;
}

#if MM_HOOKS
unsigned mm_hook_plant, mm_hook_left_out;

__attribute__((constructor)) static void sim_plant(void)
{
	const char *bug = getenv("MM_PLANT");

	mm_hook_plant = bug ? (unsigned)strtoul(bug, NULL, 10) : 0;
}

bool mm_hook_fail_at(struct mm_hook_site *site)
{
	unsigned calls = __atomic_add_fetch(&fail_calls, 1, __ATOMIC_RELAXED);

	if (fail_nth == 0 || (fail_sticky ? calls < fail_nth : calls != fail_nth))
		return false;
	(void)__atomic_add_fetch(&site->failed, 1, __ATOMIC_RELAXED);
	return true;
}

void mm_hook_step(void)
{
	if (sim_step)
		sim_step();
}
#endif

bool sim_is_slow(void)
{
	return RUNNING_ON_VALGRIND || __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
}

bool sim_same(const void *a, const void *b, size_t n)
{
	(void)VALGRIND_MAKE_MEM_DEFINED(a, n);
	(void)VALGRIND_MAKE_MEM_DEFINED(b, n);
	return memcmp(a, b, n) == 0;
}

uint64_t sim_hash(uint64_t hash, const void *data, size_t bytes)
{
	const unsigned char *p = data;

	if (hash == 0)
		hash = 0xcbf29ce484222325u;
	for (size_t i = 0; i < bytes; i++)
		hash = (hash ^ p[i]) * 0x100000001b3u;
	return hash;
}
