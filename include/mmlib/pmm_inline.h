/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Page frames, inline: for kernels that compile mmlib along.
 *
 * mm_page_alloc_inline() and mm_page_free_inline() give the answers of mm_page_alloc() and mm_page_free(),
 * and check as much. A block that this CPU has at hand is taken or kept where they are called; everything
 * else is a call. Each use costs some hundred bytes of code, so: for the few places that are hot. The
 * order should be a constant there. Needs mmlib's `src/` beside its `include/`. */
#ifndef MMLIB_PMM_INLINE_H
#define MMLIB_PMM_INLINE_H
#include <mmlib/pmm.h>
#include "../../src/local.h"
#include "../../src/pmm/poison.h"

/* How it works, and the invariants H1 to H5: src/pmm/pmm_cpu.c. Written for few instructions: what is
 * checked twice elsewhere is checked once, success leaves by a way of its own, and nothing needs a register
 * that must be saved. */

/** Compilers that weigh size make calls of these otherwise, and a fast path saves registers then. */
#define MM_INLINE static inline __attribute__((__always_inline__))

/** Byte of an allocated block of order 0; order 1 follows, and so on. */
#define MM_FRAME_HEAD 0x10u

/** Enter what this CPU has at hand.
 *  @private @param pmm manager, or NULL @param[out] out what it has @param[out] saved for mm_hand_exit()
 *  @return true: mm_hand_exit() is due; false: not here and now */
MM_INLINE bool mm_hand_enter(struct mm_pmm *pmm, struct mm_page_cpu **out, uintptr_t *saved)
{
#if defined(MM_PORT_SLOT) && MM_LOCAL != MM_LOCAL_IRQ
	mm_local_hold(NULL, saved);
	*out = (struct mm_page_cpu *)mm_port_slot(MM_SLOT_PAGE);
	if (mm_local_open(&(*out)->door, (uintptr_t)pmm))
		return true;
	mm_local_unpin(NULL, *saved);
#else
	uint32_t ncpus, number;

	if (!pmm || (ncpus = pmm->ncpus) == 0) /* 0 too if it is not ready */
		return false;
	number = mm_local_pin(pmm->port, saved);
	*out = &pmm->cpus[number];
	if (number < ncpus && mm_local_open(&(*out)->door, (uintptr_t)pmm))
		return true;
	mm_local_unpin(pmm->port, *saved);
#endif
	return false;
}

/** Leave what this CPU has at hand.
 *  @private @param pmm manager @param cpu what was entered @param saved of mm_hand_enter() */
MM_INLINE void mm_hand_exit(struct mm_pmm *pmm, struct mm_page_cpu *cpu, uintptr_t saved)
{
	mm_local_shut(&cpu->door, (uintptr_t)pmm);
	mm_local_unpin(pmm->port, saved);
}

/** Take the warmest block of a hand, and write its head.
 *  @private @param cpu entered @param h hand @param byte head @param[out] out first byte
 *  @return false: there is none for who comes by; nothing changed */
MM_INLINE bool mm_hand_pop(struct mm_page_cpu *cpu, struct mm_hand *h, unsigned byte, mm_paddr_t *out)
{
	uint32_t top = h->top, at;

	if (top <= mm_atomic_peek(&h->floor))
		return false;
	at = cpu->blocks[(size_t)top - 1];
	mm_atomic_own_add(&h->top, UINT32_MAX);
	mm_atomic_store_relaxed(&cpu->bytes[at], (uint8_t)byte);
	*out = cpu->base + ((mm_paddr_t)at << MM_FRAME_SHIFT);
	return true;
}

/** Offset of a block's first frame from the first byte of a range, in frames. What is below that byte, or
 *  on no frame border, is above all frames of the range: the bits that should be 0 end up on top.
 *  @private @param base first byte of the range @param pa first byte of the block @return offset */
MM_INLINE mm_paddr_t mm_hand_offset(mm_paddr_t base, mm_paddr_t pa)
{
	mm_paddr_t gap = pa - base;

	if (MM_PLANTED(MM_PLANT_INLINE))
		return gap >> MM_FRAME_SHIFT;
	return (mm_paddr_t)(gap >> MM_FRAME_SHIFT | gap << (MM_PADDR_BITS - MM_FRAME_SHIFT));
}

/** If the head of a block is `byte`, make it that of a free one.
 *  @private @param at the head @param byte what it must be @return was it so */
MM_INLINE bool mm_hand_clear(uint8_t *at, unsigned byte)
{
	if (mm_atomic_peek(at) != (uint8_t)byte)
		return false;
#if MM_CHECKS >= 2
	return mm_atomic_cas_byte(at, (uint8_t)byte, 0);
#else
	mm_atomic_store_relaxed(at, (uint8_t)0);
	return true;
#endif
}

/** Keep a block in a hand, if its head is `byte`.
 *  @private @param cpu entered @param h hand @param at offset of its first frame @param last highest one
 *  for this hand @param byte head @return false: not there; nothing changed */
MM_INLINE bool mm_hand_push(struct mm_page_cpu *cpu, struct mm_hand *h, mm_paddr_t at, mm_paddr_t last,
			    unsigned byte)
{
	uint32_t top = h->top;

	if (at > last || top >= mm_atomic_peek(&h->end) || /* H5 */
	    !mm_hand_clear(&cpu->bytes[at], byte))
		return false;
	cpu->blocks[top] = (uint32_t)at;
	mm_atomic_own_add(&h->top, 1u);
	return true;
}

/** Take a block that is at hand, and write its head.
 *  @private @param pmm manager, or NULL @param order at most #MM_HAND_ORDER @param byte head
 *  @param[out] out first byte @return false: nothing changed */
MM_INLINE bool mm_hand_take(struct mm_pmm *pmm, unsigned order, unsigned byte, mm_paddr_t *out)
{
	uintptr_t saved;
	struct mm_page_cpu *cpu;

	if (!mm_hand_enter(pmm, &cpu, &saved))
		return false;
	if (mm_hand_pop(cpu, &cpu->hand[order], byte, out)) {
		mm_hand_exit(pmm, cpu, saved);
		poison_check(pmm, *out, (mm_pfn_t)1 << order);
		return true;
	}
	mm_hand_exit(pmm, cpu, saved);
	return false;
}

/** Keep a block whose head is `byte` at hand, if it is of the range that this CPU keeps blocks of.
 *  @private @param pmm manager, or NULL @param pa first byte @param order at most #MM_HAND_ORDER
 *  @param single is it order 0 @param byte head @return false: nothing changed */
MM_INLINE bool mm_hand_give(struct mm_pmm *pmm, mm_paddr_t pa, unsigned order, bool single,
			    unsigned byte)
{
	uintptr_t saved;
	struct mm_page_cpu *cpu;

	if (!mm_hand_enter(pmm, &cpu, &saved))
		return false;
	if (mm_hand_push(cpu, &cpu->hand[order], mm_hand_offset(cpu->base, pa),
			 single ? cpu->near_last : cpu->known_last, byte)) {
		poison_fill(pmm, pa, (mm_pfn_t)1 << order); /* nobody else takes from this hand yet */
		mm_hand_exit(pmm, cpu, saved);
		return true;
	}
	mm_hand_exit(pmm, cpu, saved);
	return false;
}

/** mm_page_alloc(), inline.
 *  @param pmm manager @param order log2 of the frames, best a constant
 *  @param flags of #mm_alloc_flags @param[out] out first byte, only on #MM_OK
 *  @return as mm_page_alloc()
 *  @mm_ctx{as mm_page_alloc(); cost: O(1) with a block at hand\, else as mm_page_alloc()} */
MM_NODISCARD MM_INLINE enum mm_status mm_page_alloc_inline(struct mm_pmm *pmm, unsigned order,
							   uint32_t flags, mm_paddr_t *out)
{
	if (out && !(flags & ~(uint32_t)MM_ALLOC_ATOMIC) && order <= MM_HAND_ORDER &&
	    mm_hand_take(pmm, order, MM_FRAME_HEAD + order, out))
		return MM_OK;
	return mm_page_alloc(pmm, order, flags, out);
}

/** mm_page_free(), inline.
 *  @param pmm manager @param pa first byte, as allocated @param order as allocated, best a constant
 *  @return as mm_page_free()
 *  @mm_ctx{as mm_page_free(); cost: O(1) if the block can be kept at hand\, else as mm_page_free()} */
MM_NODISCARD MM_INLINE enum mm_status mm_page_free_inline(struct mm_pmm *pmm, mm_paddr_t pa,
							  unsigned order)
{
	if (order <= MM_HAND_ORDER && mm_hand_give(pmm, pa, order, order == 0, MM_FRAME_HEAD + order))
		return MM_OK;
	return mm_page_free(pmm, pa, order);
}
#endif
