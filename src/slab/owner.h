/* SPDX-License-Identifier: MIT */
/* What other files of the heap tell owner.c, and nothing where it is not compiled: MM_CHECKS 0. */
#ifndef MM_SRC_SLAB_OWNER_H
#define MM_SRC_SLAB_OWNER_H
#include <mmlib/owner.h>
#include "slab.h"

/* Who called the function that this is in. */
#define OWNER_CALLER ((uintptr_t)__builtin_return_address(0))

#if MM_CHECKS >= 1
/* The object at p is this owner's, if its cache notes owners. */
void owner_note(const struct mm_cache *cache, const void *p, uintptr_t owner)
	MM_TAGGED(mm_priv_owner_note);
/* A record for a large block; NULL: the heap does not note owners. */
enum mm_status owner_large_new(struct mm_heap *heap, size_t bytes, uint32_t flags, uintptr_t owner,
			       struct mm_slab **out);
/* It is of the block at p: may fail. */
enum mm_status owner_large_add(struct mm_slab *record, void *p, mm_pfn_t pfn, uint32_t flags);
/* Is the block at this frame not another heap's, as far as there is a record? */
bool owner_large_ours(const struct mm_heap *heap, mm_pfn_t pfn);
/* Nobody else can free the block any more: its record leaves, to be dropped. NULL: it has none. */
struct mm_slab *owner_large_end(struct mm_heap *heap, mm_pfn_t pfn);
/* Give a record back, or NULL. */
void owner_large_drop(struct mm_heap *heap, struct mm_slab *record);
#else
static inline void owner_note(const struct mm_cache *cache, const void *p, uintptr_t owner)
{
	(void)cache;
	(void)p;
	(void)owner;
}

static inline enum mm_status owner_large_new(struct mm_heap *heap, size_t bytes, uint32_t flags, uintptr_t owner,
					     struct mm_slab **out)
{
	(void)heap;
	(void)bytes;
	(void)flags;
	(void)owner;
	*out = NULL;
	return MM_OK;
}

static inline enum mm_status owner_large_add(struct mm_slab *record, void *p, mm_pfn_t pfn, uint32_t flags)
{
	(void)record;
	(void)p;
	(void)pfn;
	(void)flags;
	return MM_OK;
}

static inline bool owner_large_ours(const struct mm_heap *heap, mm_pfn_t pfn)
{
	(void)heap;
	(void)pfn;
	return true;
}

static inline struct mm_slab *owner_large_end(struct mm_heap *heap, mm_pfn_t pfn)
{
	(void)heap;
	(void)pfn;
	return NULL;
}

static inline void owner_large_drop(struct mm_heap *heap, struct mm_slab *record)
{
	(void)heap;
	(void)record;
}
#endif
#endif
