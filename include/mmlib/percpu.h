/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Per-CPU memory: one variable for each CPU, at the same place in each CPU's own block.
 *
 * Each CPU has a block of pages, near it if it has a node; an allocation is an offset in all of them. All
 * blocks are there from mm_percpu_init() on, so it can be used before other CPUs run. */
#ifndef MMLIB_PERCPU_H
#define MMLIB_PERCPU_H
#include <mmlib/pmm.h>
MM_BEGIN_DECLS

/** Sizes are rounded up to this, bytes. */
#define MM_PERCPU_GRAIN 16u

/** Per-CPU memory. All-zero is one that is not set up. */
struct mm_percpu {
	struct mm_pmm *pmm;    /**< @private NULL: not set up */
	unsigned char **units; /**< @private each CPU's block */
	uintptr_t *used;       /**< @private a bit for each grain */
	uintptr_t *starts;     /**< @private the same: an allocation begins there */
	uintptr_t lock;        /**< @private guards the bits */
	uint32_t ncpus;        /**< @private */
	uint32_t grains;       /**< @private of a block */
	uint32_t nused;        /**< @private */
	uint8_t unit_order;    /**< @private of a block */
	uint8_t meta_order;    /**< @private of the block that the arrays are in */
};

/** Set up.
 *  @param[out] pc written only on #MM_OK @param pmm where pages come from
 *  @param ncpus CPUs that may ever have some, at least 1
 *  @param bytes for each CPU; rounded up to a block of pages
 *  @retval MM_OK done @retval MM_E_INVAL NULL, ncpus 0, or bytes 0 @retval MM_E_STATE @p pmm is not set up
 *  @retval MM_E_NOMEM, MM_E_AGAIN no pages: as mm_page_alloc()
 *  @mm_ctx{boot\, not with IRQs off if the port has run_on\, no-sleep; locks: none; cost: O(CPUs)} */
MM_NODISCARD enum mm_status mm_percpu_init(struct mm_percpu *pc, struct mm_pmm *pmm, uint32_t ncpus,
					   size_t bytes) MM_TAGGED(mm_percpu_init);

/** Give everything back.
 *  @param pc that nobody else is using; all-zero afterwards
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @retval MM_E_BUSY something is allocated
 *  @mm_ctx{boot\, no-sleep; locks: none; cost: O(CPUs)} */
MM_NODISCARD enum mm_status mm_percpu_destroy(struct mm_percpu *pc);

/** Allocate memory on every CPU, zeroed.
 *  @param pc as set up @param size bytes on each CPU @param align bytes, a power of two; 0: #MM_PERCPU_GRAIN
 *  @param[out] offset what mm_percpu_ptr() takes, only on #MM_OK
 *  @retval MM_OK done @retval MM_E_INVAL NULL, size 0, or an alignment that is no power of two
 *  @retval MM_E_STATE not set up @retval MM_E_NOMEM the blocks have no such room
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: its own; cost: O(bytes of a block / grain + CPUs * size)} */
MM_NODISCARD enum mm_status mm_percpu_alloc(struct mm_percpu *pc, size_t size, size_t align, uint32_t *offset);

/** Free it, on every CPU.
 *  @param pc as set up @param offset as allocated
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @retval MM_E_FOREIGN beyond the blocks @retval MM_E_ALIGN inside an allocation, or between grains
 *  @retval MM_E_DOUBLE_FREE it is free
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: its own; cost: O(size / grain)} */
MM_NODISCARD enum mm_status mm_percpu_free(struct mm_percpu *pc, uint32_t offset);

/** A CPU's instance. @param pc as set up @param offset as allocated @param cpu dense number, less than `ncpus`
 *  @return its address
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
static inline void *mm_percpu_ptr(const struct mm_percpu *pc, uint32_t offset, uint32_t cpu)
{
	return pc->units[cpu] + offset;
}

/** The calling CPU's instance; it is pinned, or has interrupts off. @param pc as set up
 *  @param offset as allocated @return its address
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
static inline void *mm_percpu_here(const struct mm_percpu *pc, uint32_t offset)
{
	return mm_percpu_ptr(pc, offset, mm_port_cpu(pc->pmm->port));
}

/** Bytes of each CPU's block that are allocated. @param pc as set up, or NULL @return bytes
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none; cost: O(1)} */
size_t mm_percpu_used(const struct mm_percpu *pc);
MM_END_DECLS
#endif
