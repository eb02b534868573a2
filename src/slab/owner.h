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
	/* The block of this record is freed: it goes. */
	void (*large_end)(struct mm_heap *heap, struct mm_slab *record);
	/* The record of the block at p, which waits. */
	struct mm_slab *(*large_record)(struct mm_heap *heap, const void *p);
};
extern const struct mm_owner_calls owner_calls;

/* What follows the head of a record, and of a heap's mark. */
struct owner_large {
	struct mm_heap *heap;
	uintptr_t owner; /* of a record */
	size_t bytes;    /* the same */
};
_Static_assert(sizeof(((struct mm_heap *)0)->mark) >= sizeof(struct mm_slab) + sizeof(struct owner_large),
	       "a mark looks like a record");

static inline struct owner_large *owner_large(struct mm_slab *record)
{
	return (struct owner_large *)(void *)(record + 1);
}

/* What tables lead to for large blocks of a heap that notes no owners. */
static inline struct mm_slab *heap_mark(struct mm_heap *heap)
{
	return (struct mm_slab *)(void *)heap->mark;
}

static inline void heap_init_mark(struct mm_heap *heap)
{
	owner_large(heap_mark(heap))->heap = heap;
}

/* What the tables tell of the large block at this frame, or NULL. */
static inline struct mm_slab *owner_record(const struct mm_heap *heap, mm_pfn_t pfn)
{
	return slab_of(pmm_find(heap->pmm, pfn), pfn);
}

/* Is a large block, of which the tables tell this, the heap's? Why not. */
static inline enum mm_status large_whose(const struct mm_heap *heap, struct mm_slab *mark)
{
	if (!mark || mark == slab_taken())
		return MM_E_DOUBLE_FREE;
	return owner_large(mark)->heap == heap || MM_PLANTED(MM_PLANT_WHOSE) ? MM_OK : MM_E_OWNER;
}

/* The same of the block at this frame. */
static inline enum mm_status large_whose_at(const struct mm_heap *heap, mm_pfn_t pfn)
{
	return large_whose(heap, owner_record(heap, pfn));
}

/* Pages of a large block, and where the tables will tell whose they are: nobody can free them before. Errors as
 * mm_page_alloc(). (large.c) */
enum mm_status large_take(struct mm_heap *heap, unsigned order, uint32_t flags, void **out, struct mm_slab ***entry);

/* The object at p is this owner's, if its cache notes owners. */
static inline void owner_note(const struct mm_cache *cache, const void *p, uintptr_t owner)
{
	if (cache->flags & MM_CACHE_OWNERS)
		cache->heap->owners->note(cache, p, owner);
}
#else
static inline void heap_init_mark(struct mm_heap *heap)
{
	(void)heap;
}

static inline enum mm_status large_whose_at(const struct mm_heap *heap, mm_pfn_t pfn)
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
