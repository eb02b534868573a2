/* SPDX-License-Identifier: MIT */
/* Fast paths of page frames: a block that is at hand, and one that is kept. What is not done here is
 * done in pmm_cpu.c, whose theory also covers this file: nothing has changed then. */
#ifndef MM_SRC_PMM_HAND_H
#define MM_SRC_PMM_HAND_H
#include "frame.h"
#include "../local.h"

/* The hand of an order. */
static inline struct mm_hand *hand_of(struct mm_page_cpu *cpu, unsigned order)
{
	static const uint8_t number[MM_HAND_ORDER + 1] = { 0, 1, 2, 3, 5, 5, 5, 5, 5, 4 };

	return &cpu->hand[order <= MM_HAND_ORDER ? number[order] : MM_HANDS];
}

/* This CPU's hands, entered, or NULL. local_unpin() in every case. */
static inline struct mm_page_cpu *hand_enter(struct mm_pmm *pmm, uintptr_t *saved)
{
	uint32_t number = local_pin(pmm->port, saved);
	struct mm_page_cpu *cpu = &pmm->cpus[number];

	return number < pmm->ncpus && local_enter(&cpu->busy) ? cpu : NULL;
}

static inline void hand_set_count(struct mm_hand *h, uint32_t count)
{
	mm_atomic_store_relaxed(&h->count, count);
}

/* The warmest block of a hand, with its head written. */
static inline bool hand_pop(struct mm_page_cpu *cpu, struct mm_hand *h, unsigned byte,
			    mm_pfn_t *pfn)
{
	uint32_t at;

	if (h->count == 0)
		return false;
	at = cpu->blocks[h->first + h->count - 1];
	hand_set_count(h, h->count - 1);
	mm_atomic_store_relaxed(&cpu->bytes[at], (uint8_t)byte);
	*pfn = cpu->base + at;
	return true;
}

/* Put a block whose byte is 00 on top of a hand. */
static inline bool hand_push(struct mm_page_cpu *cpu, struct mm_hand *h, uint32_t at)
{
	if (h->count >= h->room)
		return false;
	cpu->blocks[h->first + h->count] = at;
	hand_set_count(h, h->count + 1);
	return true;
}

/* Take a block that is at hand, and write its head. pmm is ready. */
static inline bool hand_take(struct mm_pmm *pmm, unsigned order, unsigned byte, mm_pfn_t *pfn)
{
	uintptr_t saved;
	struct mm_page_cpu *cpu = hand_enter(pmm, &saved);
	bool got = false;

	if (cpu) {
		got = !mm_atomic_load_relaxed(&cpu->drain) &&
		      hand_pop(cpu, hand_of(cpu, order), byte, pfn);
		local_leave(&cpu->busy);
	}
	local_unpin(pmm->port, saved);
	return got;
}

/* Keep a block whose head is `byte`, if it is of the range that this CPU keeps blocks of. pmm is ready,
 * pa is on a frame border. */
static inline bool hand_give(struct mm_pmm *pmm, mm_paddr_t pa, unsigned order, unsigned byte)
{
	uintptr_t saved;
	struct mm_page_cpu *cpu = hand_enter(pmm, &saved);
	bool kept = false;

	if (cpu) {
		struct mm_hand *h = hand_of(cpu, order);
		mm_paddr_t at = (pa >> MM_FRAME_SHIFT) - cpu->base;

		if (h->count < h->room && at <= h->limit && /* H5 */
		    !mm_atomic_load_relaxed(&cpu->drain) &&
		    mm_atomic_load_relaxed(&cpu->bytes[at]) == byte &&
		    frame_swap(&cpu->bytes[at], byte, FRAME_FREE))
			kept = hand_push(cpu, h, (uint32_t)at);
		local_leave(&cpu->busy);
	}
	local_unpin(pmm->port, saved);
	return kept;
}
#endif
