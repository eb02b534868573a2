/* SPDX-License-Identifier: MIT */
/* Theory of operation: giving memory back
 * Problem      what came out in a burst is kept for the next one, which may never come.
 * Structure    the depot and the list of empty slabs remember the fewest they had since the last tick: so
 *              many were not needed, and go. Under pressure all goes that nobody uses, cache by cache, until
 *              it is enough; what other CPUs have at hand stays.
 *              Quarantine is not ended by a tick.
 *              Tables from frames to slabs go only when the host says that nobody else is in a heap: who frees loads the
 *              place of a table, then the entry, and no lock nor count tells that he is in between.
 * Invariants   R1 cache->low <= nfull and low_empty <= nempty, and nobody has needed those.
 *              R2 a cache that keeps its memory (MM_CACHE_KEEP) gives magazines back, but no slab.
 *              R3 depot_max >= depot_least. nfull, and so low, may be above it: who empties a depot puts the
 *                 bound back when others may have filled it again.
 * Concurrency  any CPU; ticks one at a time. Nothing is called with a lock held. */
#include "slab.h"

/* Bring full magazines home until the depot has no more than `keep`. */
static void reap_depot(struct mm_cache *cache, uint32_t keep)
{
	struct mm_slot *top;

	while (mm_atomic_load_relaxed(&cache->nfull) > keep && (top = depot_get(cache, keep)) != NULL)
		magazine_flush(cache, top, SLAB_KEEP);
}

/* What of a part's depot and of the empty slabs was needed since the last tick; a new one begins. The depot's bound
 * falls by what was not. */
static void reap_needed(struct mm_cache *cache, uint32_t *full, uint32_t *empty)
{
	const struct mm_port *port = cache->heap->pmm->port;
	uintptr_t irq = mm_lock(port, &cache->lock);

	*full = cache->nfull - cache->low; /* R1 */
	*empty = cache->nempty - cache->low_empty;
	cache->depot_max = cache->depot_max - cache->depot_least > cache->low ? cache->depot_max - cache->low :
									       cache->depot_least; /* R3 */
	cache->low = *full;
	cache->low_empty = *empty;
	mm_unlock(port, &cache->lock, irq);
}

/* Slabs to frames. */
static size_t reap_frames(const struct mm_cache *cache, size_t before)
{
	size_t now = cache_slabs(cache);

	return (before > now ? before - now : 0) << cache->order;
}

/* A tick of one part. */
static void reap_part(struct mm_cache *part)
{
	uint32_t full, empty;

	reap_needed(part, &full, &empty);
	if (!(part->flags & MM_CACHE_KEEP)) /* R2 */
		slab_trim(part, empty);
	reap_depot(part, full > MAGAZINES_HELD ? full : MAGAZINES_HELD);
}

enum mm_status mm_heap_reap(struct mm_heap *heap, size_t *frames)
{
	if (!heap)
		return MM_E_INVAL;
	if (!heap->pmm)
		return MM_E_STATE;
	if (frames)
		*frames = 0;
	heap_take_back(heap);
	for (uint32_t id = 0; id < MM_CACHES_MAX; id++) {
		struct mm_cache *cache = &heap->caches[id];
		size_t before;

		if (!mm_atomic_load_acquire(&cache->heap))
			continue;
		before = cache_slabs(cache);
		for (struct mm_cache *part = cache; part; part = cache_next_part(part))
			reap_part(part);
		if (frames)
			*frames += reap_frames(cache, before);
	}
	if (heap_nodes(heap) > 1)
		node_request(heap);
	return MM_OK;
}

/* All that nobody uses and no CPU has at hand, of one cache; frames that went. */
static size_t reap_all(struct mm_cache *cache)
{
	size_t before = cache_slabs(cache);

	for (struct mm_cache *part = cache; part; part = cache_next_part(part)) {
		reap_depot(part, 0);
		if (!(cache->flags & MM_CACHE_KEEP)) /* R2 */
			slab_trim(part, 0);
	}
	return reap_frames(cache, before);
}

/* Frames of all slabs. */
static size_t reap_sum(const struct mm_heap *heap)
{
	size_t n = 0;

	for (uint32_t id = 0; id < MM_CACHES_MAX; id++)
		if (mm_atomic_load_acquire(&heap->caches[id].heap))
			n += cache_slabs(&heap->caches[id]) << heap->caches[id].order;
	return n;
}

/* What this CPU has at hand goes home, and slabs that are empty then; frames that went. */
static size_t reap_here(struct mm_heap *heap)
{
	size_t before = reap_sum(heap), now;

	heap_drain_here(heap);
	now = reap_sum(heap);
	return before > now ? before - now : 0;
}

enum mm_status mm_heap_reclaim(struct mm_heap *heap, size_t want, size_t *got)
{
	size_t sum = 0, gone;

	if (!heap || !got)
		return MM_E_INVAL;
	if (!heap->pmm)
		return MM_E_STATE;
	heap_take_back(heap);
	while (sum < want && (gone = large_let_go(heap)) != 0)
		sum += gone;
	for (int own = 0; own < 2 && sum < want; own++) { /* at last, what this CPU has at hand */
		if (own)
			sum += reap_here(heap);
		for (uint32_t id = 0; id < MM_CACHES_MAX && sum < want; id++)
			if (mm_atomic_load_acquire(&heap->caches[id].heap))
				sum += reap_all(&heap->caches[id]);
	}
	*got = sum;
	return MM_OK;
}

enum mm_status mm_heap_trim(struct mm_heap *heap, size_t *frames)
{
	size_t n;

	if (!heap)
		return MM_E_INVAL;
	if (!heap->pmm)
		return MM_E_STATE;
	n = heap_free_tables(heap);
	if (frames)
		*frames = n;
	return MM_OK;
}

enum mm_status mm_cache_shrink(struct mm_cache *cache)
{
	enum mm_status drained;

	if (!cache)
		return MM_E_INVAL;
	if (!cache->heap)
		return MM_E_STATE;
	drained = mm_heap_drain(cache->heap);
	(void)reap_all(cache);
	return drained;
}
