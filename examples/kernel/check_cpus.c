/* SPDX-License-Identifier: MIT */
/* All CPUs have come up, each whole and on its own. */
#include "console.h"
#include "kernel.h"
#include "probe.h"
#include "smp.h"

/* What each CPU says of itself. */
static bool is_itself[CPUS_MAX], on_own_stack[CPUS_MAX], caught_overflow[CPUS_MAX];

static void job_self(struct cpu *me)
{
	struct fault f = probe_stack_end();
	uintptr_t here = (uintptr_t)&f;

	is_itself[me->number] = machine_cpu() == me && me == &cpus[me->number];
	on_own_stack[me->number] = here - me->stack < STACK_BYTES;
	caught_overflow[me->number] = f.taken && f.va - (me->stack - GUARD_BYTES) < GUARD_BYTES;
}

static void run_here(void *number)
{
	*(uint32_t *)number = machine_cpu()->number;
}

static bool each(const bool *said)
{
	bool ok = true;

	for (uint32_t i = 0; i < kernel.ncpus; i++)
		ok = ok && said[i];
	return ok;
}

void check_cpus(void)
{
	bool reached = true;

	for (uint32_t i = 0; i < kernel.ncpus; i++)
		kprintf("    CPU %u: the hardware calls it %lu; stack at %lx\n", i, cpus[i].id,
			cpus[i].stack);
	check(smp_online() == kernel.ncpus, "every CPU that firmware tells of is at work");
	smp_run(job_self);
	check(each(is_itself), "each knows which one it is");
	check(each(on_own_stack), "each is on its own stack");
	check(each(caught_overflow), "each survives a stack that overflows");
	for (uint32_t i = 0; i < kernel.ncpus; i++) {
		uint32_t number = kernel.ncpus;

		smp_call(i, run_here, &number);
		reached = reached && number == i;
	}
	check(reached, "a function can be run on each");
}
