/* SPDX-License-Identifier: MIT */
/* Theory of operation: mempools
 * Problem      who writes out memory to free some must not wait for memory, and an NMI cannot take a lock.
 * Structure    an array of places, each with an object that waits, or empty. One compare-and-swap takes or
 *              leaves an object; who does that looks at one place after the other.
 * Invariants   P1 what is in a place waits (parked.h): it belongs to who takes it out.
 *              P2 a free fills an empty place before it gives the cache anything: as many objects are in
 *                 reserve or used as the reserve had at first.
 *              NMIs leave objects here, too (nmi.c).
 * Concurrency  any CPU, interrupts; taking one, NMIs too. */
#include <mmlib/reserve.h>
#include "owner.h"
#include "parked.h"

enum mm_status mm_mempool_init(struct mm_mempool *pool, struct mm_cache *cache, void **places, uint32_t n,
			       uint32_t flags)
{
	if (!pool || !cache || !places || n == 0 || flags & ~(uint32_t)MM_ALLOC_ATOMIC)
		return MM_E_INVAL;
	for (uint32_t i = 0; i < n; i++) {
		struct mm_slot slot;
		enum mm_status st = parked_alloc(cache, flags, OWNER_CALLER, &slot);

		if (st != MM_OK) {
			while (i-- > 0)
				parked_free(cache, places[i]);
			return st;
		}
		places[i] = slot.p;
	}
	*pool = (struct mm_mempool){ cache, places, n };
	return MM_OK;
}

enum mm_status mm_mempool_destroy(struct mm_mempool *pool)
{
	if (!pool)
		return MM_E_INVAL;
	if (!pool->cache)
		return MM_E_STATE;
	for (uint32_t i = 0; i < pool->n; i++)
		if (!mm_atomic_load_relaxed(&pool->places[i]))
			return MM_E_BUSY;
	for (uint32_t i = 0; i < pool->n; i++)
		parked_free(pool->cache, pool->places[i]);
	*pool = (struct mm_mempool){ 0 };
	return MM_OK;
}

/* The same as mm_mempool_take(), for whoever called. */
static void *mempool_take(struct mm_mempool *pool, uintptr_t caller)
{
	for (uint32_t i = 0; pool && i < pool->n; i++) {
		void *p = mm_atomic_load_acquire(&pool->places[i]);

		if (p && MM_PLANTED(MM_PLANT_RESERVE))
			mm_atomic_store_relaxed(&pool->places[i], NULL);
		else if (!p || !mm_atomic_cas(&pool->places[i], &p, NULL))
			p = NULL;
		if (p) {
			owner_note(pool->cache, p, caller);
			guard_note(pool->cache, p, caller);
			parked_mark(pool->cache, p, MM_OBJECT_IDLE, MM_OBJECT_USED);
			return mm_object_hand_out(pool->cache, p);
		}
	}
	return NULL;
}

void *mm_mempool_take(struct mm_mempool *pool)
{
	return mempool_take(pool, OWNER_CALLER);
}

void *mm_mempool_alloc(struct mm_mempool *pool, uint32_t flags)
{
	void *p = NULL;
	enum mm_status st;

	if (!pool || !pool->cache || flags & ~(uint32_t)(MM_ALLOC_ZERO | MM_ALLOC_ATOMIC))
		return NULL;
	st = cache_alloc_for(pool->cache, flags, OWNER_CALLER, &p);
	if (st != MM_E_NOMEM && st != MM_E_AGAIN && st != MM_E_NOSPC)
		return p;
	p = mempool_take(pool, OWNER_CALLER);
	if (p && flags & MM_ALLOC_ZERO)
		__builtin_memset(p, 0, cache_room(pool->cache));
	return p;
}

enum mm_status mm_mempool_free(struct mm_mempool *pool, void *p)
{
	uint8_t *state = NULL;
	enum mm_status st;

	if (!pool)
		return MM_E_INVAL;
	if (!pool->cache)
		return MM_E_STATE;
	if (!p)
		return MM_OK;
	st = parked_state(pool->cache, p, &state);
	if (st == MM_OK && MM_CHECKS >= 1)
		st = object_retire(pool->cache, p, state, OWNER_CALLER);
	if (st != MM_OK)
		return object_refused(pool->cache, p, st);
	if (!mempool_leave(pool, p))
		parked_free(pool->cache, p);
	return MM_OK;
}
