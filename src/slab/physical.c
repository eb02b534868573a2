/* SPDX-License-Identifier: MIT */
/* Theory of operation: physical addresses of objects
 * Problem      a device wants to know where an object is.
 * Structure    a slab is one block of pages, and so is a large block: an object is contiguous, and its
 *              physical address is that of its range, or of the pool if it is guarded, and the distance.
 * Concurrency  reads what does not change while the object is allocated. */
#include "guard.h"
#include "owner.h"

enum mm_status mm_heap_paddr(struct mm_heap *heap, const void *p, mm_paddr_t *out)
{
	const struct mm_guard *g;
	const struct mm_range *r;
	mm_pfn_t pfn;

	if (!heap || !out)
		return MM_E_INVAL;
	if (!heap->pmm)
		return MM_E_STATE;
	g = guard_pool(heap, p);
	if (g) {
		*out = g->pa + (mm_paddr_t)((uintptr_t)p - g->base);
		return MM_OK;
	}
	r = pmm_find_virt(heap->pmm, p, &pfn);
	if (!r)
		return MM_E_FOREIGN;
	*out = mm_pfn_to_pa(pfn) + (mm_paddr_t)((uintptr_t)p & ((uintptr_t)MM_FRAME_SIZE - 1));
	return MM_OK;
}

enum mm_status mm_cache_alloc_paddr(struct mm_cache *cache, uint32_t flags, void **out, mm_paddr_t *pa)
{
	enum mm_status st;

	if (!pa)
		return MM_E_INVAL;
	st = cache_alloc_for(cache, flags, OWNER_CALLER, out);
	return st == MM_OK ? mm_heap_paddr(cache->heap, *out, pa) : st;
}
