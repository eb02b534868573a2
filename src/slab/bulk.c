/* SPDX-License-Identifier: MIT */
/* Theory of operation: many objects at once
 * Problem      who wants or gives many objects pays for entering this CPU's magazines each time.
 * Structure    one entry empties, or fills, what the magazine at the top has; then one object goes the slow
 *              way, which brings the next magazine.
 * Invariants   B1 Frees: every object is idle, but in no magazine (S1), before the first one is in one; who
 *                 is refused has made all of them used again.
 * Concurrency  that of single objects. */
#include <mmlib/bulk.h>
#include "guard.h"
#include "owner.h"

/* Pop up to n objects of this CPU's magazine, used from now on; returns how many. */
static size_t bulk_pop(struct mm_cache *cache, void **out, size_t n)
{
	uintptr_t saved;
	struct mm_heap_cpu *cpu = heap_enter(cache->heap, &saved);
	size_t got = 0;

	if (cpu) {
		struct mm_slot *top = cpu->top[cache->id];

		while (got < n && top[-1].p)
			out[got++] = magazine_use(--top);
		if (got)
			mm_atomic_store_relaxed(&cpu->top[cache->id], top);
		mm_local_leave(&cpu->busy);
	}
	mm_local_unpin(cache->heap->pmm->port, saved);
	for (size_t i = 0; i < got; i++)
		(void)mm_object_give(cache, out[i], cache_room(cache));
	return got;
}

/* What was allocated goes back, one by one: the caller never had it. */
static void bulk_undo(struct mm_cache *cache, void **p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		enum mm_status st = mm_cache_free(cache, p[i]);

		MM_CHECK(cache->heap->pmm->port, st == MM_OK || !MM_PLANTED(MM_PLANT_BULK_UNDO));
		object_undone(cache->heap, p[i], st);
	}
}

enum mm_status mm_cache_alloc_bulk(struct mm_cache *cache, uint32_t flags, void **out, size_t n)
{
	size_t got = 0;

	if (!cache || (!out && n) || flags & ~HEAP_FLAGS)
		return MM_E_INVAL;
	if (!cache->heap)
		return MM_E_STATE;
	if (!heap_flags_ok(cache->heap, flags))
		return MM_E_INVAL;
	while (got < n) {
		size_t some = flags & ~(uint32_t)MM_ALLOC_ATOMIC ? 0 : bulk_pop(cache, out + got, n - got);
		enum mm_status st;

		got += some;
		if (got == n)
			break;
		st = cache_alloc_for(cache, flags, OWNER_CALLER, &out[got]);
		if (st != MM_OK) {
			bulk_undo(cache, out, got);
			return st;
		}
		got++;
	}
	return MM_OK;
}

/* Where the state of an object is, which may be anything; or why it is none of this cache. */
static enum mm_status bulk_state(const struct mm_cache *cache, const void *p, uint8_t **state)
{
	struct mm_slab *slab;
	enum mm_status st;

	if (mm_object_slab(cache->heap, p, &slab) && slab_cache(slab) == cache)
		return slab_state(slab, p, state);
	st = slab_find(cache->heap, p, &slab);
	if (st == MM_OK)
		st = slab_cache(slab) == cache ? slab_state(slab, p, state) : MM_E_OWNER;
	return st;
}

/* Make one idle, or say why not. */
static enum mm_status bulk_retire(const struct mm_cache *cache, const void *p, uintptr_t caller)
{
	uint8_t *state = NULL;
	enum mm_status st;

	if (!p || MM_CHECKS == 0)
		return MM_OK;
	st = bulk_state(cache, p, &state);
	if (st != MM_OK)
		return st;
	return object_retire(cache, p, state, caller);
}

/* Where the state of one that was retired is. */
static uint8_t *bulk_retired(const struct mm_cache *cache, const void *p)
{
	uint8_t *state = NULL;
	enum mm_status st = MM_CHECKS == 0 ? MM_OK : bulk_state(cache, p, &state);

	MM_CHECK(cache->heap->pmm->port, st == MM_OK);
	return state;
}

/* Push the first objects into this CPU's magazine, as many as there is room for, and up to one that is guarded;
 * returns how many pointers that were. */
static size_t bulk_push(struct mm_cache *cache, void *const *p, size_t n)
{
	uintptr_t saved;
	struct mm_heap_cpu *cpu = heap_enter(cache->heap, &saved);
	size_t done = 0;

	if (cpu) {
		struct mm_slot **place = mm_object_freed(cpu, cache->id), *top = *place;

		for (; done < n && mm_object_room(cpu, top) && !guard_pool(cache->heap, p[done]); done++)
			if (p[done])
				mm_object_slot(top++, p[done], bulk_retired(cache, p[done]));
		if (done)
			mm_atomic_store_relaxed(place, top);
		mm_local_leave(&cpu->busy);
	}
	mm_local_unpin(cache->heap->pmm->port, saved);
	return done;
}

enum mm_status mm_cache_free_bulk(struct mm_cache *cache, void *const *p, size_t n)
{
	enum mm_status st = MM_OK;
	size_t i;

	if (!cache || (!p && n))
		return MM_E_INVAL;
	if (!cache->heap)
		return MM_E_STATE;
	for (i = 0; i < n && st == MM_OK; i += st == MM_OK)
		st = bulk_retire(cache, p[i], OWNER_CALLER);
	if (st != MM_OK) {
		const void *wrong = p[i];

		while (i-- > 0) /* B1 */
			if (p[i] && !MM_PLANTED(MM_PLANT_SLAB_BULK))
				mm_atomic_store_relaxed(bulk_retired(cache, p[i]), (uint8_t)MM_OBJECT_USED);
		return object_refused(cache, wrong, st);
	}
	for (i = 0; i < n; i++)
		if (p[i]) {
			object_clear(cache, p[i]);
			object_closed(cache, p[i]);
		}
	for (i = 0; i < n; i++) {
		i += bulk_push(cache, p + i, n - i);
		if (i < n && p[i])
			object_keep(cache, p[i], bulk_retired(cache, p[i]));
	}
	return MM_OK;
}
