/* SPDX-License-Identifier: MIT */
/* Objects that were allocated and wait, outside of magazines, for who will have them: their state is idle, so
 * that a free of one is answered. They count as used. So do objects that are mmlib's own, of which a free is answered,
 * too: they have a state for themselves. */
#ifndef MM_SRC_SLAB_PARKED_H
#define MM_SRC_SLAB_PARKED_H
#include <mmlib/reserve.h>
#include "guard.h"

/* State of an object of a cache; or why it is none. With MM_CHECKS 0 there is none to look at. */
static inline enum mm_status parked_state(const struct mm_cache *cache, const void *p, uint8_t **state)
{
	struct mm_slab *slab;
	enum mm_status st = slab_find(cache->heap, p, &slab);

	if (st != MM_OK)
		return st;
	return slab_cache(slab) == cache ? slab_state(slab, p, state) : MM_E_OWNER;
}

/* Make a used object idle. Of those who do, and who free it, one succeeds. What is beside a guarded one is another's:
 * it was told, and is told again when this one goes back. */
static inline bool parked_claim(const struct mm_cache *cache, const void *p, uint8_t *state,
				uintptr_t caller)
{
	struct mm_guard *g = guard_pool(cache->heap, p);
	enum mm_status st;

	if (!g)
		return mm_object_retire(state);
	st = g->ops->retire(g, p, caller);
	return st == MM_OK || (st == MM_E_CORRUPT && g->ops->claim(g, p));
}

/* An object that was just allocated waits, and is in this slot. False: somebody freed it meanwhile, too late, and it
 * is not the caller's any more. */
static inline bool parked_hold(const struct mm_cache *cache, void *p, uintptr_t caller,
			       struct mm_slot *slot)
{
	uint8_t *state = NULL;

#if MM_CHECKS >= 1
	if (parked_state(cache, p, &state) != MM_OK)
		return false;
	if (MM_PLANTED(MM_PLANT_HOLD))
		mm_atomic_store_relaxed(state, (uint8_t)MM_OBJECT_IDLE);
	else if (!parked_claim(cache, p, state, caller))
		return false;
#else
	(void)cache;
	(void)caller;
#endif
	mm_object_slot(slot, p, state);
	return true;
}

/* Allocate an object that waits. Errors as mm_cache_alloc_st(). */
static inline enum mm_status parked_alloc(struct mm_cache *cache, uint32_t flags, uintptr_t caller,
					  struct mm_slot *slot)
{
	enum mm_status st;
	void *p;

	do
		st = mm_hook_fail() ? MM_E_NOMEM : cache_alloc_for(cache, flags, caller, &p);
	while (st == MM_OK && !parked_hold(cache, p, caller, slot));
	return st;
}

/* One that waits, or is mmlib's own, has another state: until now nobody else could change it. */
static inline void parked_mark(const struct mm_cache *cache, const void *p, uint8_t was, uint8_t mark)
{
	uint8_t *state = NULL;
	enum mm_status st = parked_state(cache, p, &state);

	MM_CHECK(cache->heap->pmm->port, st == MM_OK && (MM_CHECKS == 0 || mm_atomic_peek(state) == was));
	if (MM_CHECKS >= 1)
		mm_atomic_store_relaxed(state, mark);
}

/* One that waits goes back to the cache. It is idle all the time: nobody else's free of it is believed. */
static inline enum mm_status parked_release(struct mm_cache *cache, void *p)
{
	uint8_t *state = NULL;
	enum mm_status st = parked_state(cache, p, &state);

	MM_CHECK(cache->heap->pmm->port, st == MM_OK);
	st = object_idle(cache, p);
	if (st == MM_OK)
		object_keep(cache, p, state);
	return st;
}

/* The same of one whose end nobody can have written over. What is beside one that is guarded, others can: a host
 * that was told goes on. */
static inline void parked_free(struct mm_cache *cache, void *p)
{
	enum mm_status st = parked_release(cache, p);

	if (st == MM_E_CORRUPT && guard_tells(cache->heap, p)) {
		object_keep(cache, p, NULL);
		st = MM_OK;
	}
	MM_CHECK(cache->heap->pmm->port, st == MM_OK);
}

/* Leave an object that waits, as free ones are, in an empty place of a reserve (P2 of mempool.c). False: there is none,
 * or it is a guarded one with less room than others. */
static inline bool mempool_leave(struct mm_mempool *pool, void *p)
{
	object_clear(pool->cache, p);
	if (MM_PLANTED(MM_PLANT_MEMPOOL) || object_room(pool->cache, p) != cache_room(pool->cache))
		return false;
	for (uint32_t i = 0; i < pool->n; i++) {
		void *none = NULL;

		if (!mm_atomic_load_relaxed(&pool->places[i]) && mm_atomic_cas(&pool->places[i], &none, p))
			return true;
	}
	return false;
}

/* Allocate an object that is mmlib's own. Errors as mm_cache_alloc_st(). */
static inline enum mm_status own_alloc(struct mm_cache *cache, uint32_t flags, void **out)
{
#if MM_CHECKS >= 1
	struct mm_slot slot;
	enum mm_status st;

	if (MM_PLANTED(MM_PLANT_OWN))
		return cache_alloc_for(cache, flags, 0, out);
	st = parked_alloc(cache, flags, 0, &slot);
	if (st == MM_OK) {
		mm_atomic_store_relaxed(slot.state, (uint8_t)MM_OBJECT_OWN);
		*out = slot.p;
	}
	return st;
#else
	return cache_alloc_for(cache, flags, 0, out);
#endif
}

/* And free it. */
static inline void own_free(struct mm_cache *cache, void *p)
{
	if (MM_CHECKS == 0 || MM_PLANTED(MM_PLANT_OWN)) {
		enum mm_status st = mm_cache_free(cache, p);

		MM_CHECK(cache->heap->pmm->port, st == MM_OK);
		return;
	}
	parked_mark(cache, p, MM_OBJECT_OWN, MM_OBJECT_IDLE);
	parked_free(cache, p);
}
#endif
