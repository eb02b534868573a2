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
	static const uint8_t number[MM_HAND_ORDER + 1] = { 0, 1, 2, 3, 6, 6, 6, 6, 6, 4 };

	return &cpu->hand[order <= MM_HAND_ORDER ? number[order] : MM_HANDS];
}

static inline void hand_set_top(struct mm_hand *h, uint32_t top)
{
	mm_atomic_store_relaxed(&h->top, top);
}

/* The warmest block of a hand, with its head written. Bytes may alias anything, so they are written
 * last. */
static inline bool hand_pop(struct mm_page_cpu *cpu, struct mm_hand *h, unsigned byte,
			    mm_pfn_t *pfn)
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
static inline void hand_push(struct mm_page_cpu *cpu, struct mm_hand *h, uint32_t top, uint32_t at)
{
	cpu->blocks[top] = at;
	hand_set_top(h, top + 1);
}

/* Is this frame a neighbour of those that are to go back? */
static inline bool hand_is_near(const struct mm_page_cpu *cpu, uint64_t at)
{
	const struct mm_hand *away = &cpu->hand[MM_HAND_AWAY];

	return away->top != away->bottom && (cpu->blocks[away->bottom] ^ at) < MM_WORD_BITS;
}

/* Take a block that is at hand, and write its head. pmm is ready. */
static inline bool hand_take(struct mm_pmm *pmm, unsigned order, unsigned byte, mm_pfn_t *pfn)
{
	uintptr_t saved;
	uint32_t number = local_pin(pmm->port, &saved);
	bool got = false;

	if (number < pmm->ncpus) {
		struct mm_page_cpu *cpu = &pmm->cpus[number];

		if (local_enter(&cpu->busy)) {
			got = !mm_atomic_load_relaxed(&cpu->drain) &&
			      hand_pop(cpu, hand_of(cpu, order), byte, pfn);
			local_leave(&cpu->busy);
		}
	}
	local_unpin(pmm->port, saved);
	return got;
}

/* Keep a block at offset `at` whose head is `byte`, in its hand or to go back. */
static inline bool hand_keep(struct mm_page_cpu *cpu, uint64_t at, unsigned order, unsigned byte)
{
	struct mm_hand *h = hand_of(cpu, order);
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

/* Keep a block whose head is `byte`, if it is of the range that this CPU keeps blocks of. pmm is ready,
 * pa is on a frame border. */
static inline bool hand_give(struct mm_pmm *pmm, mm_paddr_t pa, unsigned order, unsigned byte)
{
	uintptr_t saved;
	uint32_t number = local_pin(pmm->port, &saved);
	bool kept = false;

	if (number < pmm->ncpus) {
		struct mm_page_cpu *cpu = &pmm->cpus[number];

		if (local_enter(&cpu->busy)) {
			kept = hand_keep(cpu, (uint64_t)(pa >> MM_FRAME_SHIFT) - cpu->base, order,
					 byte);
			local_leave(&cpu->busy);
		}
	}
	local_unpin(pmm->port, saved);
	return kept;
}
#endif
