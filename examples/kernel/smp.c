/* SPDX-License-Identifier: MIT */
/* Theory of operation: several CPUs
 * Problem      mmlib wants to know which CPU it is on, locks, and a way to run a function on
 *              another CPU; a change of page tables must reach the TLB of every CPU.
 * Structure    each CPU has one mailbox, `call`. Who calls puts a pointer to its own struct there,
 *              interrupts the CPU, and waits for `done`. A job is the same in slow motion: the idle
 *              loop runs it, with interrupts on.
 * Invariants   S1 a mailbox is filled by compare-and-swap and emptied by its owner only.
 *              S2 who waits has its interrupts on, so two CPUs that call each other both go on.
 *              S3 the caller's struct is not touched after `done` is set.
 *              S4 who waits sleeps: where there are fewer host CPUs than the machine has, it would take one from those
 *                 that it waits for. It is told that the end is near, is interrupted, and is told of the end, so no
 *                 interrupt comes later.
 * Numbers      this CPU is 0, the others follow in firmware's order; what the hardware calls them
 *              may have gaps. */
#include "kernel.h"
#include "smp.h"

struct smp_call {
	void (*fn)(void *arg);
	void *arg;
	const struct cpu *from;
	uint32_t nearly, done;
};

struct cpu cpus[CPUS_MAX];
static uint32_t found = 1;

bool smp_lock(uintptr_t *word)
{
	bool irq = machine_irq_save();

	while (__atomic_exchange_n(word, 1, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(word, __ATOMIC_RELAXED))
			machine_relax();
	return irq;
}

void smp_unlock(uintptr_t *word, bool irq)
{
	__atomic_store_n(word, 0, __ATOMIC_RELEASE);
	machine_irq_restore(irq);
}

static bool is_online(const struct cpu *c)
{
	return __atomic_load_n(&c->online, __ATOMIC_ACQUIRE);
}

uint32_t smp_online(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < found; i++)
		n += is_online(&cpus[i]);
	return n;
}

/* Until another CPU has set that, and interrupts this one. */
static void sleep_until(const uint32_t *nearly)
{
	bool irq = machine_irq_save();

	if (!MACHINE_LOSES_INTERRUPTS && !__atomic_load_n(nearly, __ATOMIC_ACQUIRE))
		machine_idle();
	machine_irq_restore(irq);
	machine_relax();
}

static void wake(const struct cpu *c, uint32_t *nearly)
{
	__atomic_store_n(nearly, 1, __ATOMIC_RELEASE);
	if (!MACHINE_LOSES_INTERRUPTS)
		machine_interrupt(c);
}

/* Ask, without waiting for the answer: keeps S1. */
static void call_post(struct cpu *to, struct smp_call *call)
{
	struct smp_call *empty = NULL;

	while (!__atomic_compare_exchange_n(&to->call, &empty, call, false, __ATOMIC_ACQ_REL,
					    __ATOMIC_RELAXED)) {
		empty = NULL;
		machine_relax();
	}
	machine_interrupt(to);
}

static void call_wait(struct smp_call *call)
{
	while (!__atomic_load_n(&call->done, __ATOMIC_ACQUIRE))
		sleep_until(&call->nearly);
}

void smp_interrupt(void)
{
	struct cpu *me = machine_cpu();
	struct smp_call *call = __atomic_load_n(&me->call, __ATOMIC_ACQUIRE);

	if (!call)
		return; /* only to end its idling */
	call->fn(call->arg);
	__atomic_store_n(&me->call, NULL, __ATOMIC_RELEASE);
	wake(call->from, &call->nearly);
	__atomic_store_n(&call->done, 1, __ATOMIC_RELEASE); /* S3 */
}

void smp_call(uint32_t cpu, void (*fn)(void *arg), void *arg)
{
	struct smp_call call = { fn, arg, machine_cpu(), 0, 0 };

	if (&cpus[cpu] == machine_cpu()) {
		fn(arg);
	} else if (is_online(&cpus[cpu])) {
		call_post(&cpus[cpu], &call);
		call_wait(&call);
	}
}

void smp_call_others(void (*fn)(void *arg), void *arg)
{
	struct smp_call calls[CPUS_MAX];

	for (uint32_t i = 0; i < found; i++) {
		calls[i] = (struct smp_call){ fn, arg, machine_cpu(), 0, 1 };
		if (&cpus[i] == machine_cpu() || !is_online(&cpus[i]))
			continue;
		calls[i].done = 0;
		call_post(&cpus[i], &calls[i]);
	}
	for (uint32_t i = 0; i < found; i++)
		call_wait(&calls[i]);
}

void smp_run(void (*job)(struct cpu *me))
{
	for (uint32_t i = 1; i < found; i++) {
		if (!is_online(&cpus[i]))
			continue;
		cpus[i].nearly = 0;
		__atomic_store_n(&cpus[i].job, job, __ATOMIC_RELEASE);
		machine_interrupt(&cpus[i]);
	}
	job(&cpus[0]);
	for (uint32_t i = 1; i < found; i++)
		while (__atomic_load_n(&cpus[i].job, __ATOMIC_ACQUIRE))
			sleep_until(&cpus[i].nearly);
}

/* Between jobs. Here a CPU also gives back what mmlib asked for while it was in the middle of
 * something. */
static noreturn void idle(struct cpu *me)
{
	for (;;) {
		void (*job)(struct cpu *) = __atomic_load_n(&me->job, __ATOMIC_ACQUIRE);

		if (!job) {
			mm_pmm_cpu_idle(&kernel.pmm);
			mm_heap_cpu_idle(&kernel.heap);
			machine_idle();
			continue;
		}
		machine_irq_restore(true);
		job(me);
		(void)machine_irq_save();
		wake(&cpus[0], &me->nearly);
		__atomic_store_n(&me->job, NULL, __ATOMIC_RELEASE);
	}
}

noreturn void smp_cpu_main(struct cpu *me)
{
	machine_cpu_init(me);
	__atomic_store_n(&me->online, 1, __ATOMIC_RELEASE);
	idle(me);
}

uint32_t smp_find(void)
{
	uint32_t it = 0;
	uint64_t id;

	cpus[0].online = 1;
	cpus[0].stack = (uintptr_t)image_stack;
	while (found < CPUS_MAX && machine_next_cpu(&it, &id)) {
		cpus[found].number = found;
		cpus[found++].id = id;
	}
	return found;
}

static enum mm_status start(struct cpu *c)
{
	const struct machine_start start = { kernel.pt.root, c->stack + STACK_BYTES, c };

	if (!machine_cpu_start(c, &start))
		return MM_E_IO;
	for (uint64_t patience = UINT64_C(1) << 28; !is_online(c); patience--) {
		if (patience == 0)
			return MM_E_AGAIN;
		machine_relax();
	}
	return MM_OK;
}

enum mm_status smp_start(void)
{
	enum mm_status st = MM_OK;

	machine_irq_restore(true);
	for (uint32_t i = 1; i < found && st == MM_OK; i++) {
		st = memory_cpu_init(&cpus[i]);
		if (st == MM_OK)
			st = start(&cpus[i]);
	}
	return st;
}
