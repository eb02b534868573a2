/* SPDX-License-Identifier: MIT */
/* Fast paths of page frames: a block that is at hand, and one that is kept. What is not done here is
 * done in pmm_cpu.c, whose theory also covers this file: nothing has changed then.
 *
 * Written for few instructions: what is checked twice elsewhere is checked once, success leaves by a way
 * of its own, and bytes, which may alias anything, are written last. */
#ifndef MM_SRC_PMM_HAND_H
#define MM_SRC_PMM_HAND_H
#include "frame.h"
#include "../local.h"

/* Compilers that weigh size make calls of these otherwise, and a fast path saves registers then. */
#define HAND_FN static inline __attribute__((__always_inline__))

HAND_FN void hand_set_top(struct mm_hand *h, uint32_t top)
{
	mm_atomic_store_relaxed(&h->top, top);
}

/* The warmest block of a hand, with its head written. */
HAND_FN bool hand_pop(struct mm_page_cpu *cpu, struct mm_hand *h, unsigned byte, mm_pfn_t *pfn)
{
	uint32_t top = h->top, at;

	if (top == h->bottom)
		return false;
	at = cpu->blocks[--top];
	*pfn = cpu->base + at;
	hand_set_top(h, top);
	mm_atomic_store_relaxed(&cpu->bytes[at], (uint8_t)byte);
	return true;
}

/* Put a block whose byte is 00 on top of a hand, which has room; top is that of the hand. */
HAND_FN void hand_push(struct mm_page_cpu *cpu, struct mm_hand *h, uint32_t top, uint32_t at)
{
	cpu->blocks[top] = at;
	hand_set_top(h, top + 1);
}

/* Is this frame a neighbour of those that are to go back? */
HAND_FN bool hand_is_near(const struct mm_page_cpu *cpu, uint64_t at)
{
	const struct mm_hand *away = &cpu->hand[MM_HAND_AWAY];

	return away->top != away->bottom && (cpu->blocks[away->bottom] ^ at) < MM_WORD_BITS;
}

/* Keep a block at offset `at` whose head is `byte`, in its hand or to go back. */
HAND_FN bool hand_keep(struct mm_page_cpu *cpu, uint64_t at, unsigned order, unsigned byte)
{
	struct mm_hand *h = &cpu->hand[order];
	uint32_t top;

	if (at > h->limit) { /* H5 */
		if (order != 0 || !hand_is_near(cpu, at))
			return false;
		h = &cpu->hand[MM_HAND_AWAY];
	}
	top = h->top;
	if (top >= h->end || at > h->limit || mm_atomic_load_relaxed(&cpu->drain) ||
	    mm_atomic_load_relaxed(&cpu->bytes[at]) != byte ||
	    !frame_swap(&cpu->bytes[at], byte, FRAME_FREE))
		return false;
	hand_push(cpu, h, top, (uint32_t)at);
	return true;
}

/* What a fast path begins with: enter this CPU's hands. If so, hand_exit() is due. */
HAND_FN bool hand_enter(struct mm_pmm *pmm, uint32_t ncpus, struct mm_page_cpu **out,
			uintptr_t *saved)
{
	uint32_t number = mm_local_pin(pmm->port, saved);

	if (number < ncpus) {
		struct mm_page_cpu *cpu = &pmm->cpus[number];

		*out = cpu;
		if (mm_local_enter(&cpu->busy))
			return true;
	}
	mm_local_unpin(pmm->port, *saved);
	return false;
}

HAND_FN void hand_exit(struct mm_pmm *pmm, struct mm_page_cpu *cpu, uintptr_t saved)
{
	mm_local_leave(&cpu->busy);
	mm_local_unpin(pmm->port, saved);
}

/* Take a block that is at hand, and write its head. */
HAND_FN bool hand_take(struct mm_pmm *pmm, unsigned order, unsigned byte, mm_pfn_t *pfn)
{
	uint32_t ncpus = pmm->ncpus; /* 0 if pmm is not ready */
	struct mm_page_cpu *cpu;
	uintptr_t saved;

	if (order > MM_HAND_ORDER || ncpus == 0 || !hand_enter(pmm, ncpus, &cpu, &saved))
		return false;
	if (!mm_atomic_load_relaxed(&cpu->drain) && hand_pop(cpu, &cpu->hand[order], byte, pfn)) {
		hand_exit(pmm, cpu, saved);
		return true;
	}
	hand_exit(pmm, cpu, saved);
	return false;
}

/* Keep a block whose head is `byte`, if it is of the range that this CPU keeps blocks of. pa is on a
 * frame border. */
HAND_FN bool hand_give(struct mm_pmm *pmm, mm_paddr_t pa, unsigned order, unsigned byte)
{
	uint32_t ncpus = pmm->ncpus;
	struct mm_page_cpu *cpu;
	uintptr_t saved;

	if (order > MM_HAND_ORDER || ncpus == 0 || !hand_enter(pmm, ncpus, &cpu, &saved))
		return false;
	if (hand_keep(cpu, (uint64_t)(pa >> MM_FRAME_SHIFT) - cpu->base, order, byte)) {
		hand_exit(pmm, cpu, saved);
		return true;
	}
	hand_exit(pmm, cpu, saved);
	return false;
}
#endif
