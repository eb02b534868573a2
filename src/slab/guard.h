/* SPDX-License-Identifier: MIT */
/* What other files of the heap know of guarded objects: where the pool is, and whom to ask. All that is done is
 * in guard.c, behind pointers, so that it is linked only where a pool is made; asked for in slow paths alone. */
#ifndef MM_SRC_SLAB_GUARD_H
#define MM_SRC_SLAB_GUARD_H
#include <mmlib/guard.h>
#include "slab.h"

/* Can there be a pool? Unchecked frees do not ask, and memory checkers see all objects anyway. */
#define GUARD_POSSIBLE (MM_CHECKS >= 1 && !MM_SANITIZER)

/* One object, behind its slab's descriptor and that one's states. */
struct guard_slot {
	unsigned char *page; /* its pages */
	size_t size;         /* bytes of the object */
	uintptr_t allocated; /* who called */
	uintptr_t freed;
	uint32_t next;  /* number of the slot that was freed next */
	uint32_t phase; /* guard.c */
	bool open;      /* its pages can be accessed */
};

struct guard_ops {
	/* An object, ready for its caller, or NULL: take one from a slab. */
	void *(*alloc)(struct mm_guard *g, struct mm_cache *cache, size_t size, uint32_t flags, uintptr_t caller);
	/* The slab that is made of a slot, whose object p may be; or why there is none. */
	enum mm_status (*find)(const struct mm_guard *g, const void *p, struct mm_slab **out);
	/* What is noted of an object. */
	struct guard_slot *(*slot)(const struct mm_guard *g, const void *p);
	/* Make an object idle, or say why not. */
	enum mm_status (*retire)(struct mm_guard *g, const void *p, uintptr_t caller);
	/* The same for who allocated it just now and was told MM_E_CORRUPT: what is beside it is another's. False:
	 * somebody freed it meanwhile. */
	bool (*claim)(struct mm_guard *g, const void *p);
	/* Is all that is beside an object as it was? If not, the host is told. */
	enum mm_status (*look)(struct mm_guard *g, const void *p);
	/* The same, and nobody is told. */
	bool (*is_whole)(const struct mm_guard *g, const void *p);
	/* An idle object is free. */
	void (*keep)(struct mm_guard *g, void *p);
	/* The next slot, *i or later, with an object of a cache, or, with NULL, of any, that is not yet free. */
	struct mm_slab *(*next)(const struct mm_guard *g, const struct mm_cache *cache, uint32_t *i);
	/* Is what the pool knows of itself whole? */
	bool (*is_sound)(struct mm_guard *g);
	/* A cache is destroyed. */
	void (*forget)(struct mm_guard *g, const struct mm_cache *cache);
	/* The pool is the host's again: MM_OK, or MM_E_AGAIN. */
	enum mm_status (*end)(struct mm_heap *heap);
};

struct mm_guard {
	const struct guard_ops *ops;
	uintptr_t base;
	size_t bytes;
	mm_paddr_t pa;
	const struct mm_guard_hooks *hooks; /* or NULL */
	struct mm_heap *heap;
	uintptr_t first;     /* first slot's pages */
	uint32_t unit;       /* frames from one slot to the next */
	uint32_t slot_bytes; /* of its pages */
	uint32_t nslots;
	uint32_t every, hold;
	uint32_t left;   /* allocations until one is guarded */
	uintptr_t given; /* objects that were ever allocated */
	bool protects; /* pages can be made inaccessible */
	bool kmalloc;
	uintptr_t lock; /* guards all below, and phases but for the one of an allocation */
	uint32_t oldest, newest, nfree;
};

/* The heap's pool, if p is in it. */
static inline struct mm_guard *guard_pool(const struct mm_heap *heap, const void *p)
{
#if GUARD_POSSIBLE
	struct mm_guard *g = heap->guard;

	return g && (uintptr_t)p - g->base < g->bytes ? g : NULL;
#else
	(void)heap;
	(void)p;
	return NULL;
#endif
}

/* A guarded object, if it is this allocation's turn. */
static inline void *guard_alloc(struct mm_cache *cache, size_t size, uint32_t flags, uintptr_t caller)
{
	struct mm_guard *g = GUARD_POSSIBLE && cache->flags & MM_CACHE_GUARD ? cache->heap->guard : NULL;

	return g ? g->ops->alloc(g, cache, size, flags, caller) : NULL;
}

/* An object that waited is this caller's; if it is guarded, reports say so. */
static inline void guard_note(const struct mm_cache *cache, const void *p, uintptr_t caller)
{
	const struct mm_guard *g = cache->flags & MM_CACHE_GUARD ? guard_pool(cache->heap, p) : NULL;

	if (g)
		mm_atomic_store_relaxed(&g->ops->slot(g, p)->allocated, caller);
}

/* The next guarded object of a cache, or of any. Start with 0. */
static inline struct mm_slab *guard_next(const struct mm_heap *heap, const struct mm_cache *cache, uint32_t *i)
{
	const struct mm_guard *g = GUARD_POSSIBLE ? heap->guard : NULL;

	return g ? g->ops->next(g, cache, i) : NULL;
}

/* How many there are. */
static inline size_t guard_count(const struct mm_cache *cache)
{
	uint32_t i = 0;
	size_t n = 0;

	while (guard_next(cache->heap, cache, &i))
		n++;
	return n;
}

/* Make the object at p, whose slab and state were found, idle, or say why not. */
static inline enum mm_status object_retire(const struct mm_cache *cache, const void *p, uint8_t *state,
					   uintptr_t caller)
{
	struct mm_guard *g = guard_pool(cache->heap, p);

	return g ? g->ops->retire(g, p, caller) : harden_retire(cache, p, state);
}

/* An object that is idle, and waited, can go: MM_OK, or it must not. */
static inline enum mm_status object_idle(const struct mm_cache *cache, void *p)
{
	struct mm_guard *g = guard_pool(cache->heap, p);

	return g ? g->ops->look(g, p) : harden_idle(cache, p);
}

/* It goes. */
static inline void object_keep(struct mm_cache *cache, void *p, uint8_t *state)
{
	struct mm_guard *g = guard_pool(cache->heap, p);

	if (g)
		g->ops->keep(g, p);
	else
		mm_object_keep(cache, p, state);
}

/* Is the host told of damage beside the object at p, if it is guarded? */
static inline bool guard_tells(const struct mm_heap *heap, const void *p)
{
	const struct mm_guard *g = guard_pool(heap, p);

	return g && g->hooks && g->hooks->report;
}

/* What was allocated, but not for long enough to be a caller's, was freed with this answer. A free that came too late may
 * have been believed of it. What is beside one that is guarded, others can write over: a host that was told goes on. */
static inline void object_undone(const struct mm_heap *heap, void *p, enum mm_status st)
{
	if (st == MM_E_CORRUPT && guard_tells(heap, p)) {
		struct mm_guard *g = guard_pool(heap, p);

		if (g->ops->claim(g, p))
			g->ops->keep(g, p);
		return;
	}
	MM_CHECK(heap->pmm->port, st != MM_E_CORRUPT);
}

/* Bytes of an object that are the caller's. */
static inline size_t object_room(const struct mm_cache *cache, const void *p)
{
	const struct mm_guard *g = guard_pool(cache->heap, p);

	return g ? g->ops->slot(g, p)->size : cache_room(cache);
}

/* It is to be as free ones are, as far as it is one of the cache's size. */
static inline void object_clear(const struct mm_cache *cache, void *p)
{
	if (object_room(cache, p) == cache_room(cache))
		harden_clear(cache, p);
}
#endif
