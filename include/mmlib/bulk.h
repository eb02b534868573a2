/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Kernel heap: many objects of a cache with one call.
 *
 * For who fills a ring of buffers or takes down a tree: what this CPU's magazine holds comes and goes in
 * one step. All or nothing. Contexts are those of mmlib/slab.h. */
#ifndef MMLIB_BULK_H
#define MMLIB_BULK_H
#include <mmlib/slab.h>
MM_BEGIN_DECLS

/** Allocate @p n objects.
 *  @param cache cache @param flags as mm_cache_alloc_st()
 *  @param[out] out room for @p n pointers; what is there after an error means nothing
 *  @param n how many objects; 0 is nothing to do
 *  @retval MM_OK done @retval MM_E_INVAL, MM_E_STATE, MM_E_NOMEM, MM_E_AGAIN, MM_E_NOSPC as
 *          mm_cache_alloc_st(): none is allocated
 *  @mm_ctx{boot\, irq-ok with MM_ALLOC_ATOMIC\, no-sleep; locks: slab depot\, once in some sixty
 *  objects; cost: O(n)\, pinned for one magazine at a time} */
MM_NODISCARD enum mm_status mm_cache_alloc_bulk(struct mm_cache *cache, uint32_t flags, void **out, size_t n);

/** Free @p n objects, or none: each is checked before the first one is free for others.
 *  @param cache the cache all of them came from @param p pointers to them; NULL among them does nothing
 *  @param n how many pointers
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE the cache is destroyed
 *  @retval MM_E_FOREIGN, MM_E_OWNER, MM_E_ALIGN, MM_E_CORRUPT some pointer, as mm_cache_free()
 *  @retval MM_E_DOUBLE_FREE some object is free, or is there twice
 *  With MM_CHECKS 0, and for racing frees: as mm_cache_free().
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: slab depot\, once in some sixty objects; cost: O(n)\, pinned
 *  for one magazine at a time} */
MM_NODISCARD enum mm_status mm_cache_free_bulk(struct mm_cache *cache, void *const *p, size_t n);
MM_END_DECLS
#endif
