/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Kernel heap: objects that are there when they are needed.
 *
 * A #mm_prefill is a handful of objects for one job: filled where failure can be answered, emptied where it
 * cannot, without a lock. A #mm_mempool is a reserve behind a cache that all share: while memory is short,
 * what is freed goes to the reserve first, so who frees memory by allocating some makes progress. Objects
 * that wait in either count as used; who frees one of them is told #MM_E_DOUBLE_FREE. */
#ifndef MMLIB_RESERVE_H
#define MMLIB_RESERVE_H
#include <mmlib/slab.h>
MM_BEGIN_DECLS

/** Most objects of a #mm_prefill. */
#define MM_PREFILL_MAX (sizeof(void *) == 8 ? 61u : 29u)

/** Objects for one job. All-zero is one without any; at any time one context uses it. */
struct mm_prefill {
	struct mm_cache *cache; /**< @private NULL: there is none */
	struct mm_slot *slots;  /**< @private */
	uint32_t n;             /**< @private objects that are there */
};

/** See to it that there are @p n objects or more.
 *  @param h handle: all-zero, or with objects of the same cache @param cache cache
 *  @param n how many objects, 1 to #MM_PREFILL_MAX @param flags #MM_ALLOC_ATOMIC
 *  @retval MM_OK done @retval MM_E_INVAL NULL, no such n, another flag, or another cache's handle
 *  @retval MM_E_STATE, MM_E_NOMEM, MM_E_AGAIN, MM_E_NOSPC as mm_cache_alloc_st(); it has what it had
 *  @mm_ctx{boot\, irq-ok with MM_ALLOC_ATOMIC\, no-sleep; locks: slab depot; cost: O(n)\, or new slabs} */
MM_NODISCARD enum mm_status mm_prefill_fill(struct mm_prefill *h, struct mm_cache *cache, uint32_t n,
					    uint32_t flags);

/** Take one object. It is freed as any object of the cache is.
 *  @param h handle @return the object; NULL only if NULL was given or none is left
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
MM_NODISCARD void *mm_prefill_alloc(struct mm_prefill *h);

/** Give back what is left, and the room for it: of an emptied handle too, before its cache goes. The handle
 *  is all-zero afterwards.
 *  @param h handle; NULL and an all-zero one do nothing
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: slab depot; cost: O(objects that are left)} */
void mm_prefill_return(struct mm_prefill *h);

/** A reserve behind a cache. */
struct mm_mempool {
	struct mm_cache *cache; /**< @private NULL: it is not set up */
	void **places;          /**< @private NULL, or an object that waits */
	uint32_t n;             /**< @private places */
};

/** Set up a pool, its reserve filled.
 *  @param[out] pool pool, written only on #MM_OK @param cache cache that it stands behind
 *  @param places room for @p n pointers, the pool's until mm_mempool_destroy()
 *  @param n how many objects in reserve, at least 1 @param flags #MM_ALLOC_ATOMIC
 *  @retval MM_OK done @retval MM_E_INVAL NULL, n 0, or another flag
 *  @retval MM_E_STATE, MM_E_NOMEM, MM_E_AGAIN, MM_E_NOSPC as mm_cache_alloc_st()
 *  @mm_ctx{boot\, irq-ok with MM_ALLOC_ATOMIC\, no-sleep; locks: slab depot; cost: O(n)} */
MM_NODISCARD enum mm_status mm_mempool_init(struct mm_mempool *pool, struct mm_cache *cache, void **places,
					    uint32_t n, uint32_t flags);

/** Give the reserve back.
 *  @param pool pool that nobody else is using; all-zero afterwards
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @retval MM_E_BUSY some of the reserve is in use
 *  @mm_ctx{boot\, no-sleep; locks: slab depot; cost: O(n)} */
MM_NODISCARD enum mm_status mm_mempool_destroy(struct mm_mempool *pool);

/** Allocate an object: from the cache, or, when that has none, from the reserve.
 *  @param pool pool @param flags #MM_ALLOC_ZERO, #MM_ALLOC_ATOMIC
 *  @return the object, or NULL: the reserve is empty too (who waits until somebody frees one gets it), or
 *          the pool is not set up, or another flag
 *  @mm_ctx{boot\, irq-ok with MM_ALLOC_ATOMIC\, no-sleep; locks: slab depot\, once in many calls;
 *  cost: O(1)\, a new slab\, or O(n)} */
MM_NODISCARD void *mm_mempool_alloc(struct mm_mempool *pool, uint32_t flags);

/** Allocate an object from the reserve only: with handles, the one way to get memory in an NMI. To free it there:
 *  mmlib/nmi.h.
 *  @param pool pool @return the object, or NULL: the reserve is empty, or the pool is not set up
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(n)} */
MM_NODISCARD void *mm_mempool_take(struct mm_mempool *pool);

/** Free an object: to the reserve if that is not full, else to the cache.
 *  In an NMI: mm_mempool_free_nmi().
 *  @param pool pool @param p an object of its cache, from wherever; NULL does nothing
 *  @retval MM_OK done @retval MM_E_INVAL NULL pool @retval MM_E_STATE not set up
 *  @retval MM_E_FOREIGN, MM_E_OWNER, MM_E_ALIGN, MM_E_DOUBLE_FREE, MM_E_CORRUPT as mm_cache_free()
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: slab depot\, once in many calls; cost: O(n)} */
MM_NODISCARD enum mm_status mm_mempool_free(struct mm_mempool *pool, void *p);
MM_END_DECLS
#endif
