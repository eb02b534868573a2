/* SPDX-License-Identifier: MIT */
/* Simulated machine for tests and fuzz targets: physical memory in host memory, a port, and the
 * failure hook of src/hook.h.
 *
 * A machine has one window of physical memory [base, base + bytes). Addresses outside it are not
 * reachable: sim_to_virt() aborts the test, which is how stray accesses are found. */
#ifndef SIM_H
#define SIM_H
#include <mmlib/port.h>

struct sim {
	mm_paddr_t base;     /* first physical byte of the window */
	size_t bytes;        /* its length */
	unsigned char *host; /* where it really is */
	struct mm_port port; /* a complete port for it; ctx is this sim */
	unsigned panics;     /* how often the library called panic */
};

/* Set up a machine whose memory is filled with 0xA5: nothing may rely on zero. */
void sim_init(struct sim *sim, mm_paddr_t base, size_t bytes);
void sim_destroy(struct sim *sim);
/* The port's to_virt; aborts outside the window. */
void *sim_to_virt(void *ctx, mm_paddr_t pa);

/* A machine of several CPUs that take turns: gives the port `cpu`, `pin`, `unpin`, `irq_save`,
 * `irq_restore` and, if wanted, `run_on`. Aborts the test when run_on is called pinned or with
 * interrupts off: the caller could wait for ever. */
void sim_add_cpus(struct sim *sim, bool run_on);
extern uint32_t sim_cpu;     /* the CPU at work */
extern unsigned sim_pins;    /* pins without their unpin */
extern unsigned sim_run_ons; /* how often run_on was called */
/* The port's run_on, for tests that add and remove it. */
void sim_run_on(void *ctx, uint32_t cpu, void (*fn)(void *), void *arg);

/* Under memcheck, or on an emulated CPU: tests of very many cases take some of them. */
bool sim_is_slow(void);

/* Failure injection, for builds with MM_HOOKS=1. The nth call of mm_hook_fail() from now on (from
 * 1) answers true; with sticky, all later ones too. 0 switches it off. */
void sim_fail_at(unsigned nth, bool sticky);
/* How often mm_hook_fail() was called since the last sim_fail_at(). */
unsigned sim_fail_calls(void);
/* Called by mm_hook_step() if not NULL: schedule exploration and race tests. */
extern void (*sim_step)(void);

/* Are n bytes the same, those between members too? For "nothing has changed": memcheck does not
 * complain of bytes that nobody has defined. */
bool sim_same(const void *a, const void *b, size_t n);

/* FNV-1a, for state hashes: start with 0. */
uint64_t sim_hash(uint64_t hash, const void *data, size_t bytes);
#endif
