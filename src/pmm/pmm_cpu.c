/* SPDX-License-Identifier: MIT */
/* Theory of operation: frames at hand on each CPU
 * Problem      single frames come and go often; the buddy's compare-and-swap on shared words is
 *              what CPUs would meet on.
 * Structure    each CPU has a magazine of frames of one zone, the hot zone, last in first out: the
 *              last frame freed is the warmest. It is refilled to half from the zone's buddies and
 *              emptied by half into them, so the buddies are touched once in many calls.
 * Invariants   H1 only its own CPU touches a magazine (src/local.h); others read `count` for
 *                 statistics and set `drain`.
 *              H2 a frame at hand has byte 00 and is in no buddy: its frame byte was cleared before
 *                 it came here, and is set after it left.
 *              H3 a zone with few free frames leaves none at hand: see cpu_scarce().
 *              H4 memory is not reported as used up while frames are at hand anywhere: before a
 *                 failure own frames are given back, then those of others. A CPU that is inside may
 *                 have frames on their way to its magazine, so `busy` counts as having some; and who
 *                 begins to take some counts it in pmm->refills first, so that a search which they
 *                 were taken away from knows.
 * Draining     with the port's run_on, others are drained by running on them. Without it they are
 *              asked, and answer at their next call: the failure is then MM_E_AGAIN.
 * Why no IRQ   an interrupt that hits inside finds `busy` and goes to the buddy, which is
 *              lock-free. */
#include "pmm.h"
#include "../local.h"

/* This CPU's magazine, entered, or NULL. local_unpin() in every case. */
static struct mm_page_cpu *cpu_enter(struct mm_pmm *pmm, uintptr_t *saved)
{
	uint32_t number = local_pin(pmm->port, saved);
	struct mm_page_cpu *cpu;

	if (number >= pmm->ncpus)
		return NULL;
	cpu = &pmm->cpus[number];
	return cpu->online && local_enter(&cpu->busy) ? cpu : NULL;
}

/* H3: is the hot zone so low that frames must not wait on CPUs? */
static bool cpu_scarce(const struct mm_pmm *pmm)
{
	uintptr_t free = mm_atomic_load_relaxed(&pmm->zones[pmm->hot_zone].free);

	return free < (uintptr_t)4 * MM_PAGE_MAGAZINE * pmm->ncpus;
}

static void cpu_set_count(struct mm_page_cpu *cpu, uint32_t count)
{
	mm_atomic_store_relaxed(&cpu->count, count);
}

/* Give the coldest frames back until `keep` are left. */
static void cpu_flush(struct mm_pmm *pmm, struct mm_page_cpu *cpu, uint32_t keep)
{
	uint32_t out = cpu->count - keep;

	for (uint32_t i = 0; i < out; i++)
		pmm_to_buddy(pmm, pmm_find(pmm, cpu->frames[i]), cpu->frames[i], 0);
	__builtin_memmove(cpu->frames, cpu->frames + out, keep * sizeof(cpu->frames[0]));
	cpu_set_count(cpu, keep);
}

/* Answer a request of another CPU. */
static void cpu_obey(struct mm_pmm *pmm, struct mm_page_cpu *cpu)
{
	if (mm_atomic_load_relaxed(&cpu->drain)) {
		mm_atomic_store_relaxed(&cpu->drain, 0u);
		cpu_flush(pmm, cpu, 0);
	}
}

static void cpu_refill(struct mm_pmm *pmm, struct mm_page_cpu *cpu)
{
	mm_pfn_t pfn;

	if (cpu_scarce(pmm))
		return;
	mm_atomic_add(&pmm->refills, 1u); /* H4 */
	while (cpu->count < MM_PAGE_MAGAZINE / 2 &&
	       pmm_from_zone(pmm, pmm->hot_zone, 0, &pfn) == MM_OK) {
		cpu->frames[cpu->count] = pfn;
		cpu_set_count(cpu, cpu->count + 1);
	}
}

bool pmm_cpu_pop(struct mm_pmm *pmm, mm_pfn_t *pfn)
{
	uintptr_t saved;
	struct mm_page_cpu *cpu = cpu_enter(pmm, &saved);
	bool got = false;

	if (cpu) {
		cpu_obey(pmm, cpu);
		if (cpu->count == 0)
			cpu_refill(pmm, cpu);
		if (cpu->count) {
			*pfn = cpu->frames[cpu->count - 1];
			cpu_set_count(cpu, cpu->count - 1);
			got = true;
		}
		local_leave(&cpu->busy);
	}
	local_unpin(pmm->port, saved);
	return got;
}

bool pmm_cpu_push(struct mm_pmm *pmm, mm_pfn_t pfn)
{
	uintptr_t saved;
	struct mm_page_cpu *cpu = cpu_enter(pmm, &saved);
	bool kept = false;

	if (cpu) {
		cpu_obey(pmm, cpu);
		if (cpu->count == MM_PAGE_MAGAZINE)
			cpu_flush(pmm, cpu, MM_PAGE_MAGAZINE / 2);
		if (!cpu_scarce(pmm)) {
			cpu->frames[cpu->count] = pfn;
			cpu_set_count(cpu, cpu->count + 1);
			kept = true;
		}
		local_leave(&cpu->busy);
	}
	local_unpin(pmm->port, saved);
	return kept;
}

bool pmm_cpu_drain(struct mm_pmm *pmm)
{
	uintptr_t saved;
	struct mm_page_cpu *cpu = cpu_enter(pmm, &saved);

	if (cpu) {
		mm_atomic_store_relaxed(&cpu->drain, 0u);
		cpu_flush(pmm, cpu, 0);
		local_leave(&cpu->busy);
	}
	local_unpin(pmm->port, saved);
	return cpu != NULL;
}

void pmm_cpu_empty_all(struct mm_pmm *pmm)
{
	for (uint32_t i = 0; i < pmm->ncpus; i++)
		cpu_flush(pmm, &pmm->cpus[i], 0);
}

/* May this CPU have frames at hand, or on their way there? It sets `count` before it leaves. */
static bool cpu_holds(const struct mm_page_cpu *cpu)
{
	return mm_atomic_load_acquire(&cpu->busy) || mm_atomic_load_relaxed(&cpu->count);
}

bool pmm_any_at_hand(const struct mm_pmm *pmm)
{
	for (uint32_t i = 0; i < pmm->ncpus; i++)
		if (cpu_holds(&pmm->cpus[i]))
			return true;
	return false;
}

void pmm_request_drain(struct mm_pmm *pmm)
{
	for (uint32_t i = 0; i < pmm->ncpus; i++)
		if (cpu_holds(&pmm->cpus[i]))
			mm_atomic_store_relaxed(&pmm->cpus[i].drain, 1u);
}

static void cpu_drain_here(void *pmm)
{
	(void)pmm_cpu_drain(
		pmm); /* false: it hit in the middle of a call, which will see `drain` */
}

enum mm_status mm_pmm_drain(struct mm_pmm *pmm)
{
	if (!pmm)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	(void)pmm_cpu_drain(pmm);
	if (MM_PLANTED(MM_PLANT_DRAIN))
		pmm_cpu_empty_all(pmm);
	pmm_request_drain(pmm);
	for (uint32_t i = 0; pmm->port->run_on && i < pmm->ncpus; i++)
		if (cpu_holds(&pmm->cpus[i]))
			pmm->port->run_on(pmm->port->ctx, i, cpu_drain_here, pmm);
	return pmm_any_at_hand(pmm) ? MM_E_AGAIN : MM_OK;
}

void mm_pmm_cpu_idle(struct mm_pmm *pmm)
{
	uintptr_t saved;
	struct mm_page_cpu *cpu;

	if (!pmm || !pmm_ready(pmm))
		return;
	cpu = cpu_enter(pmm, &saved);
	if (cpu) {
		cpu_obey(pmm, cpu);
		local_leave(&cpu->busy);
	}
	local_unpin(pmm->port, saved);
}

enum mm_status mm_pmm_cpu_online(struct mm_pmm *pmm, uint32_t cpu)
{
	if (!pmm)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	if (cpu >= pmm->ncpus)
		return MM_E_INVAL;
	mm_atomic_store_release(&pmm->cpus[cpu].online, 1u);
	return MM_OK;
}

enum mm_status mm_pmm_cpu_offline(struct mm_pmm *pmm, uint32_t cpu)
{
	enum mm_status st = MM_E_BUSY;
	struct mm_page_cpu *c;
	uintptr_t saved;

	if (!pmm)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	if (cpu >= pmm->ncpus)
		return MM_E_INVAL;
	c = &pmm->cpus[cpu];
	(void)local_pin(pmm->port, &saved);
	if (!mm_atomic_load_acquire(&c->busy) && local_enter(&c->busy)) {
		/* it may be this CPU: interrupts go round */
		cpu_flush(pmm, c, 0);
		c->drain = 0;
		c->online = 0;
		local_leave(&c->busy);
		st = MM_OK;
	}
	local_unpin(pmm->port, saved);
	return st;
}
