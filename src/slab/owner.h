/* SPDX-License-Identifier: MIT */
/* What other files of the heap tell owner.c, and nothing where it is not compiled: MM_CHECKS 0. They call it through
 * a table that the heap has from who asked for owners, so a kernel in which nobody does is linked without it. */
#ifndef MM_SRC_SLAB_OWNER_H
#define MM_SRC_SLAB_OWNER_H
#include <mmlib/owner.h>
#include "slab.h"

/* Who called the function that this is in. */
#define OWNER_CALLER ((uintptr_t)__builtin_return_address(0))

#if MM_CHECKS >= 1
struct mm_owner_calls {
	/* The object at p, of a cache that notes owners, is this owner's. */
	void (*note)(const struct mm_cache *cache, const void *p, uintptr_t owner);
	/* A large block of a heap that notes owners, and its record. Errors as kmalloc_pages(). */
	enum mm_status (*large)(struct mm_heap *heap, unsigned order, uint32_t flags, uintptr_t owner, void **out);
	/* kmalloc_claim_large(), if the block is this heap's; then its record goes. */
	enum mm_status (*large_end)(struct mm_heap *heap, void *p, mm_pfn_t pfn, unsigned order, unsigned *byte);
};
extern const struct mm_owner_calls owner_calls;

/* What follows the head of a record. */
struct owner_large {
	struct mm_heap *heap;
	uintptr_t owner;
	size_t bytes;
};

static inline struct owner_large *owner_large(struct mm_slab *record)
{
	return (struct owner_large *)(void *)(record + 1);
}

/* The record of the large block at this frame, or NULL. */
static inline struct mm_slab *owner_record(const struct mm_heap *heap, mm_pfn_t pfn)
{
	return slab_of(pmm_find(heap->pmm, pfn), pfn);
}

/* Is the large block at this frame the heap's? One without a record is any heap's that notes no owners. It may be
 * freed meanwhile: its record is taken before its frame's byte changes. */
static inline enum mm_status owner_large_is_of(const struct mm_heap *heap, mm_pfn_t pfn)
{
	const struct mm_range *r = pmm_find(heap->pmm, pfn);
	struct mm_slab *record = slab_of(r, pfn);
	unsigned byte;

	if (!record ? !heap->notes : record != slab_taken() && owner_large(record)->heap == heap)
		return MM_OK;
	byte = frame_load(r, pfn);
	return byte >= FRAME_LARGE && byte < FRAME_SLAB ? MM_E_OWNER : MM_E_DOUBLE_FREE;
}

/* The object at p is this owner's, if its cache notes owners. */
static inline void owner_note(const struct mm_cache *cache, const void *p, uintptr_t owner)
{
	if (cache->flags & MM_CACHE_OWNERS)
		cache->heap->owners->note(cache, p, owner);
}
#else
static inline struct mm_slab *owner_record(const struct mm_heap *heap, mm_pfn_t pfn)
{
	(void)heap;
	(void)pfn;
	return NULL;
}

static inline enum mm_status owner_large_is_of(const struct mm_heap *heap, mm_pfn_t pfn)
{
	(void)heap;
	(void)pfn;
	return MM_OK;
}

static inline void owner_note(const struct mm_cache *cache, const void *p, uintptr_t owner)
{
	(void)cache;
	(void)p;
	(void)owner;
}
#endif
#endif
