/* SPDX-License-Identifier: MIT */
/* Several CPUs: locks, calls to another CPU, and jobs for all of them. */
#ifndef SMP_H
#define SMP_H
#include "machine.h"

extern struct cpu cpus[CPUS_MAX];

/* Take a lock, interrupts off. Returns whether they were on. All-zero is an unlocked one. */
bool smp_lock(uintptr_t *word);
void smp_unlock(uintptr_t *word, bool irq);

/* Count the CPUs that firmware tells of, at most CPUS_MAX, and number them. */
uint32_t smp_find(void);
/* Let all of them begin. Each gets a stack of its own. */
enum mm_status smp_start(void);
/* CPUs that are at work. */
uint32_t smp_online(void);

/* Run @fn(@arg) on CPU @cpu, in an interrupt there, and wait for its end. Interrupts on. */
void smp_call(uint32_t cpu, void (*fn)(void *arg), void *arg);
/* The same on all CPUs but this one, at the same time. */
void smp_call_others(void (*fn)(void *arg), void *arg);
/* Run @job on all CPUs at the same time, this one included, and wait for the last. Not in an
 * interrupt there, so a job may do what any kernel thread may. */
void smp_run(void (*job)(struct cpu *me));
#endif
