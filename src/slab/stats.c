/* SPDX-License-Identifier: MIT */
/* Theory of operation: counts
 * Problem      who runs a kernel asks how much memory its heap has, and where it is; and fast paths count nothing.
 * Structure    all is derived from what is counted anyway, under locks that are taken once in many calls: slabs and
 *              the objects at home in them, full magazines of depots, large blocks by their order. How many objects
 *              a CPU has tell the addresses of its magazines' tops.
 * Invariants   C2 of cache.c: what is neither home nor in a magazine is used. While others are at work an object may
 *              be seen at home and, a moment later, in a magazine; then fewer are used, but never less than none.
 * Concurrency  one lock after the other, so what is told is of several moments. */
#include "guard.h"

/* Counts of a cache, but for guarded objects, and how many objects are home. */
static struct mm_cache_stats stats_count(struct mm_cache *cache, size_t *home)
{
	struct mm_cache_stats s = { .name = cache->name, .size = cache->size };

	*home = 0;
	for (struct mm_cache *part = cache; part; part = cache_next_part(part)) {
		const struct mm_cache_node_stats n = cache_count(part);

		s.slabs += n.slabs;
		s.objects += n.objects;
		s.bytes += n.bytes;
		*home += n.home;
	}
	s.cached = magazine_count(cache);
	if (s.objects > *home + s.cached)
		s.used = s.objects - *home - s.cached; /* C2 */
	return s;
}

enum mm_status mm_cache_stats(struct mm_cache *cache, struct mm_cache_stats *out)
{
	size_t home, guarded;

	if (!cache || !out)
		return MM_E_INVAL;
	if (!cache->heap)
		return MM_E_STATE;
	heap_take_back(cache->heap); /* what NMIs freed is not used */
	*out = stats_count(cache, &home);
	guarded = guard_count(cache);
	out->objects += guarded;
	out->used += guarded;
	return MM_OK;
}

enum mm_status mm_cache_node_stats(struct mm_cache *cache, uint32_t node, struct mm_cache_node_stats *out)
{
	if (!cache || !out)
		return MM_E_INVAL;
	if (!cache->heap)
		return MM_E_STATE;
	if (node >= heap_nodes(cache->heap))
		return MM_E_INVAL;
	heap_take_back(cache->heap);
	*out = cache_count(cache_part(cache, node));
	return MM_OK;
}

/* Objects of a cache that quarantine holds back: what was freed on each CPU, and the newest in depots. */
static size_t stats_quarantined(const struct mm_cache *cache)
{
	size_t n = 0;

#if MM_HARDEN & MM_HARDEN_QUARANTINE
	const struct mm_heap *heap = cache->heap;

	for (const struct mm_cache *part = cache; part; part = cache_next_part(part)) {
		size_t full = mm_atomic_load_relaxed(&part->nfull);

		n += (full < MAGAZINES_HELD ? full : MAGAZINES_HELD) * part->capacity;
	}
	for (uint32_t i = 0; i < heap->ncpus; i++)
		n += magazine_objects(cache, mm_atomic_load_acquire(&heap->cpus[i].spare[cache->id]));
#else
	(void)cache;
#endif
	return n;
}

/* Frames that descriptors of a cache lie in: each is cut into as many as there is room for. */
static size_t stats_descriptors(struct mm_cache *cache)
{
	const struct mm_port *port = cache->heap->pmm->port;
	uint32_t in_frame = ((uint32_t)MM_FRAME_SIZE - SLAB_FIRST) / cache->descriptor;
	size_t frames = 0;

	for (struct mm_cache *part = cache; part; part = cache_next_part(part)) {
		uintptr_t irq = mm_lock(port, &part->lock);
		size_t n = part->ndescriptors;

		mm_unlock(port, &part->lock, irq);
		for (; n >= in_frame; n -= in_frame) /* no division: there are few */
			frames++;
	}
	return frames;
}

static void stats_add_cache(struct mm_heap_stats *s, struct mm_cache *cache)
{
	const struct mm_heap *heap = cache->heap;
	size_t home;
	const struct mm_cache_stats c = stats_count(cache, &home);

	s->used += c.used;
	s->used_bytes += c.used * c.size;
	s->cached += c.cached;
	s->cached_bytes += c.cached * c.size;
	s->home += home;
	s->home_bytes += home * c.size;
	for (uint32_t i = 0; i < heap->ncpus; i++)
		s->at_hand += magazine_at_hand(cache, &heap->cpus[i]);
	s->quarantined += stats_quarantined(cache);
	s->slabs += c.slabs;
	s->slab_frames += c.bytes >> MM_FRAME_SHIFT;
	s->meta_frames += stats_descriptors(cache);
}

static void stats_add_guarded(struct mm_heap_stats *s, const struct mm_heap *heap)
{
	struct mm_slab *slab;
	uint32_t i = 0;

	while ((slab = guard_next(heap, NULL, &i)) != NULL) {
		const struct mm_guard *g = heap->guard;
		const struct guard_slot *slot = g->ops->slot(g, mm_atomic_load_relaxed(&slab->base));

		s->guarded++;
		s->guarded_bytes += mm_atomic_load_relaxed(&slot->size);
	}
	s->used += s->guarded;
	s->used_bytes += s->guarded_bytes;
}

static void stats_add_large(struct mm_heap_stats *s, const struct mm_heap *heap)
{
	for (unsigned order = 0; order < MM_LARGE_ORDERS; order++) {
		size_t n = mm_atomic_load_relaxed(&heap->nlarge[order]);

		s->large += n;
		s->large_bytes += n << MM_FRAME_SHIFT << order;
	}
}

/* Frames of what CPUs and nodes have, and of magazines. */
static void stats_add_own(struct mm_heap_stats *s, struct mm_heap *heap)
{
	const struct mm_port *port = heap->pmm->port;
	uintptr_t irq = mm_lock(port, &heap->lock);
	size_t magazines = heap->nmagazine_pages;

	mm_unlock(port, &heap->lock, irq);
	s->meta_frames += magazines + ((size_t)1 << heap->cpus_order) + node_frames(heap);
}

/* Frames of tables that lead from frames to slabs. */
static size_t stats_tables(const struct mm_pmm *pmm)
{
	size_t frames = pmm->side_frames;

	for (uint32_t i = 0; i < pmm->nranges; i++) {
		const struct mm_range *r = &pmm->ranges[i];
		size_t n = pmm_sides(r->first, r->last);

		for (size_t t = 0; t < n; t++)
			frames += mm_atomic_load_relaxed(&r->side[t]) != NULL;
	}
	return frames;
}

enum mm_status mm_heap_stats(struct mm_heap *heap, struct mm_heap_stats *out)
{
	struct mm_heap_stats s = { 0 };
	uint32_t it = 0;

	if (!heap || !out)
		return MM_E_INVAL;
	if (!heap->pmm)
		return MM_E_STATE;
	heap_take_back(heap);
	for (struct mm_cache *cache; (cache = mm_cache_next(heap, &it)) != NULL;)
		stats_add_cache(&s, cache);
	stats_add_guarded(&s, heap);
	stats_add_large(&s, heap);
	stats_add_own(&s, heap);
	s.held_frames = large_held(heap);
	s.frames = s.slab_frames + s.meta_frames + (s.large_bytes >> MM_FRAME_SHIFT) + s.held_frames;
	s.shared_frames = stats_tables(heap->pmm);
	*out = s;
	return MM_OK;
}

enum mm_status mm_heap_cpu_stats(struct mm_heap *heap, uint32_t cpu, struct mm_heap_cpu_stats *out)
{
	struct mm_heap_cpu_stats s = { 0 };
	uint32_t it = 0;

	if (!heap || !out)
		return MM_E_INVAL;
	if (!heap->pmm)
		return MM_E_STATE;
	if (cpu >= heap->ncpus)
		return MM_E_INVAL;
	for (const struct mm_cache *cache; (cache = mm_cache_next(heap, &it)) != NULL;) {
		size_t n = magazine_at_hand(cache, &heap->cpus[cpu]);

		s.objects += n;
		s.bytes += n * cache->size;
	}
	*out = s;
	return MM_OK;
}
