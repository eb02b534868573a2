/* SPDX-License-Identifier: MIT */
/* Fast paths of objects: one from this CPU's magazine, one into it, and which object an address is. What
 * is not done here is done in magazine.c, cache.c and kmalloc.c: nothing has changed then.
 *
 * Written for few instructions: no call, no look at the frame byte. A frame's entry in the tables is
 * there exactly while it is a slab's (S3 of slab.c), so the entry alone tells. */
#ifndef MM_SRC_SLAB_FAST_H
#define MM_SRC_SLAB_FAST_H
#include "slab.h"

/* Compilers that weigh size make calls of these otherwise, and a fast path saves registers then. */
#define OBJECT_FN static inline __attribute__((__always_inline__))

/* Pop this CPU's magazine of cache id; NULL: it is empty, or this CPU has other things to do. */
OBJECT_FN void *object_pop(struct mm_heap *heap, uint32_t id)
{
	uintptr_t saved;
	uint32_t number = mm_local_pin(heap->pmm->port, &saved);
	void *p = NULL;

	if (number < heap->ncpus) {
		struct mm_heap_cpu *cpu = &heap->cpus[number];

		if (mm_local_enter(&cpu->busy)) {
			void **top = cpu->top[id];

			if (!mm_atomic_load_relaxed(&cpu->drain) && (p = top[-1]) != NULL)
				mm_atomic_store_relaxed(&cpu->top[id], top - 1);
			mm_local_leave(&cpu->busy);
		}
	}
	mm_local_unpin(heap->pmm->port, saved);
	return p;
}

/* Push an idle object; false: the magazine is full, or this CPU has other things to do. */
OBJECT_FN bool object_push(struct mm_heap *heap, uint32_t id, void *p)
{
	uintptr_t saved;
	uint32_t number = mm_local_pin(heap->pmm->port, &saved);
	bool kept = false;

	if (number < heap->ncpus) {
		struct mm_heap_cpu *cpu = &heap->cpus[number];

		if (mm_local_enter(&cpu->busy)) {
			void **top = cpu->top[id];

			kept = !mm_atomic_load_relaxed(&cpu->drain) &&
			       ((uintptr_t)top & (MAGAZINE_BYTES - 1)) != 0;
			if (kept) {
				*top = p;
				mm_atomic_store_relaxed(&cpu->top[id], top + 1);
			}
			mm_local_leave(&cpu->busy);
		}
	}
	mm_local_unpin(heap->pmm->port, saved);
	return kept;
}

/* The slab of an address in the range that most are in, or NULL. */
OBJECT_FN struct mm_slab *object_slab(const struct mm_heap *heap, const void *p)
{
	const struct mm_range *r = heap->pmm->main;
	uintptr_t frame = ((uintptr_t)p - (uintptr_t)r->virt) >> MM_FRAME_SHIFT;
	mm_pfn_t pfn = r->first + (mm_pfn_t)frame;

	return frame <= r->last - r->first ? slab_of(r, pfn) : NULL;
}

/* The object at p, which is one of this slab, is used from now on. */
OBJECT_FN void object_use(struct mm_slab *slab, const void *p)
{
	uint32_t offset = (uint32_t)((uintptr_t)p - (uintptr_t)slab->base);
	uint32_t i = (uint32_t)(((uint64_t)offset * slab->cache->reciprocal) >> 32);

	mm_atomic_store_relaxed(slab_state(slab, i), (uint8_t)OBJECT_USED);
}

/* An object of cache id from this CPU's magazine; false: nothing has changed. */
OBJECT_FN bool object_alloc(struct mm_heap *heap, uint32_t id, void **out)
{
	void *p = object_pop(heap, id);

	if (!p)
		return false;
#if MM_CHECKS >= 1
	struct mm_slab *slab = object_slab(heap, p);

	if (!slab) /* in another range */
		slab = slab_elsewhere(heap, p);
	object_use(slab, p);
#endif
	*out = p;
	return true;
}

/* Is the object used? If so it is idle now. */
OBJECT_FN bool object_retire(uint8_t *state)
{
#if MM_CHECKS >= 2
	return mm_atomic_cas_byte(state, OBJECT_USED, OBJECT_IDLE);
#else
	if (mm_atomic_load_relaxed(state) != OBJECT_USED)
		return false;
	mm_atomic_store_relaxed(state, (uint8_t)OBJECT_IDLE);
	return true;
#endif
}

/* Free p, which lies in this slab; errors as mm_cache_free(). */
OBJECT_FN enum mm_status object_free(struct mm_heap *heap, struct mm_slab *slab, void *p)
{
	struct mm_cache *cache = slab->cache;
#if MM_CHECKS >= 1
	uint32_t i;

	if (!slab_index(slab, p, &i))
		return MM_E_ALIGN;
	if (!object_retire(slab_state(slab, i)))
		return MM_E_DOUBLE_FREE;
#endif
	if (!object_push(heap, cache->id, p))
		magazine_free(cache, p);
	return MM_OK;
}
#endif
