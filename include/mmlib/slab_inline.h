/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Kernel heap: fast paths that compilers may inline, for kernels that compile mmlib.
 *
 * Opt-in: the functions here do what those of mmlib/slab.h and mmlib/kmalloc.h do, with the same checks
 * and errors, but what this CPU's magazine can serve needs no call. Each use costs some 150 bytes of code.
 * Only whether a cache is NULL or was destroyed is not asked: that is for the caller to know.
 * The file must lie where it is in mmlib's tree, beside `src/`; mmlib and the caller are compiled with the
 * same configuration. In C++ they are the functions of the library.
 *
 * A kernel may spare the way from a CPU's number to its magazines: its `MM_PORT_INLINE_HEADER` defines
 * `MM_PORT_HEAP_CPU(heap)`, an expression that is this CPU's `struct mm_heap_cpu *`, read pinned from its
 * own per-CPU data. It must be what mm_heap_cpu_local() told for this CPU and heap, from mm_heap_init() on
 * and before this CPU's first call of anything with this heap: the library asks it, too, in mm_heap_cpu_idle()
 * and mm_heap_note_owners() as well. */
#ifndef MMLIB_SLAB_INLINE_H
#define MMLIB_SLAB_INLINE_H
#include <mmlib/kmalloc.h>
#ifdef __cplusplus
#define MM_INLINE_FN static inline
#else
#include "../../src/slab/fast.h"
#define MM_INLINE_FN MM_OBJECT_FN /**< @private compilers that weigh size make calls of these otherwise */
#endif
MM_BEGIN_DECLS

/** mm_cache_alloc(), inline. @param cache,flags as there @return as there
 *  @mm_ctx{boot\, irq-ok with MM_ALLOC_ATOMIC\, no-sleep; locks: slab depot\, once in many calls;
 *  cost: O(1)\, or a new slab} */
MM_NODISCARD MM_INLINE_FN void *mm_cache_alloc_inline(struct mm_cache *cache, uint32_t flags)
{
#ifndef __cplusplus
	void *p;

	if (mm_object_of_cache(cache, flags, &p))
		return p;
#endif
	return mm_cache_alloc(cache, flags);
}

/** mm_cache_free(), inline. @param cache,p as there @return as there
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: slab depot\, once in many calls; cost: O(1)} */
MM_NODISCARD MM_INLINE_FN enum mm_status mm_cache_free_inline(struct mm_cache *cache, void *p)
{
#ifndef __cplusplus
	if (mm_object_to_cache(cache, p))
		return MM_OK;
#endif
	return mm_cache_free(cache, p);
}

/** mm_kmalloc(), inline. @param heap,size,flags as there @return as there
 *  @mm_ctx{boot\, irq-ok with MM_ALLOC_ATOMIC\, no-sleep; locks: slab depot\, once in many calls;
 *  cost: O(1)\, or a new slab} */
MM_NODISCARD MM_INLINE_FN void *mm_kmalloc_inline(struct mm_heap *heap, size_t size, uint32_t flags)
{
#ifndef __cplusplus
	void *p;

	if (mm_object_of_size(heap, size, flags, &p))
		return p;
#endif
	return mm_kmalloc(heap, size, flags);
}

/** mm_kfree(), inline. @param heap,p as there @return as there
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: slab depot\, once in many calls; cost: O(1)} */
MM_NODISCARD MM_INLINE_FN enum mm_status mm_kfree_inline(struct mm_heap *heap, void *p)
{
#ifndef __cplusplus
	if (mm_object_to_heap(heap, p))
		return MM_OK;
#endif
	return mm_kfree(heap, p);
}
MM_END_DECLS
#endif
