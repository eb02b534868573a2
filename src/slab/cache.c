/* SPDX-License-Identifier: MIT */
/* Theory of operation: caches
 * Problem      choose, for objects of one size, how large slabs and magazines are; and make and unmake the
 *              whole.
 * Structure    a cache has a part for each node (node.c); with one node that is the cache. Caches are
 *              places in the heap's array; the place is the cache's id, which is also its place in each
 *              CPU's magazines and what its frames' bytes say.
 * Slab size    the smallest block of pages that holds eight objects and wastes at most a 64th part
 *              at its end; if none up to 2^CACHE_MAX_ORDER does, the one that wastes least.
 * Colours      what is left at the end of a slab is put before its first object instead, a multiple of the
 *              colour in turn: CPU caches have fewer lines to put first objects in otherwise.
 * Quota        counted in slabs, by their descriptors: those that are not spare have memory, or are about
 *              to have it or to give it back.
 * Magazines    bounded by bytes: no CPU holds much more than 32 KiB of one cache.
 * Invariants   C1 cache->heap is set last when a cache is made and cleared first when it goes.
 *              C2 used = room in slabs - home - in magazines, of all nodes, + guarded; derived, never counted.
 * Concurrency  making takes the heap's lock; unmaking is for who alone knows the cache. */
#include "guard.h"
#include "owner.h"
#include "../checked.h"

#define CACHE_MAX_SIZE    32768u
#define CACHE_MAX_ORDER   4u
#define CACHE_FLAGS       ((uint32_t)(MM_CACHE_KEEP | MM_CACHE_OWNERS | MM_CACHE_GUARD))
#define CACHE_FLAGS_APART ((uint32_t)(MM_CACHE_KEEP | MM_CACHE_GUARD)) /* not both */
#define CACHE_HOLD_BYTES  16384u               /* of objects in one magazine */
#define CACHE_DEPOT_LEAST (256u * 1024u)       /* bytes of objects in the depot */
#define CACHE_DEPOT_MOST  (2u * 1024u * 1024u) /* the same, if it is used */

static uint32_t cache_clamp(uint32_t v, uint32_t low, uint32_t high)
{
	return v < low ? low : v > high ? high : v;
}

/* Order of a slab for objects of this size; 32-bit arithmetic, block sizes are small. */
static uint8_t cache_order(uint32_t size, uint32_t max_order)
{
	uint8_t best = 0;
	uint32_t best_waste = UINT32_MAX;

	for (uint8_t order = 0; order <= CACHE_MAX_ORDER && order <= max_order; order++) {
		uint32_t bytes = (uint32_t)MM_FRAME_SIZE << order;
		uint32_t objects = bytes / size, rest = bytes - objects * size;
		uint32_t waste = rest << (CACHE_MAX_ORDER - order); /* per largest block */

		if (objects == 0 || bytes + size > UINT32_MAX / size) /* S5 */
			continue;
		if (objects >= 8 && rest <= bytes / 64)
			return order;
		if (waste < best_waste || objects < 8) {
			best = order;
			best_waste = waste;
		}
	}
	return best;
}

static bool cache_cfg_ok(const struct mm_cache_cfg *cfg)
{
	const struct mm_cache_hooks *hooks = cfg->hooks;

	return cfg->size && cfg->size <= CACHE_MAX_SIZE && cfg->align <= MM_FRAME_SIZE &&
	       (cfg->align == 0 || mm_is_pow2(cfg->align)) && !(cfg->flags & ~CACHE_FLAGS) &&
	       (cfg->flags & CACHE_FLAGS_APART) != CACHE_FLAGS_APART &&
	       (!hooks || !hooks->charge == !hooks->uncharge);
}

/* Slabs that the quota allows and colours that their tails have room for; false: bad ones. */
static bool cache_limits(struct mm_cache *cache, const struct mm_cache_cfg *cfg, size_t align)
{
	size_t slabs = cfg->quota >> MM_FRAME_SHIFT >> cache->order;

	cache->quota = cfg->quota == 0 || slabs > UINT32_MAX ? UINT32_MAX : (uint32_t)slabs;
	cache->colour = cfg->colour;
	return cache->quota && !(cfg->colour & (align - 1));
}

/* Lay out the descriptor of a slab. False: it is larger than a frame. */
static bool cache_lay_out(struct mm_cache *cache)
{
	cache->homes = (uint32_t)sizeof(struct mm_slab) + (MM_CHECKS >= 1 ? cache->nobjects + 1 : 0);
	cache->homes = (uint32_t)mm_align_down(cache->homes + sizeof(void *) - 1, sizeof(void *));
	cache->descriptor = cache->homes + slab_words(cache) * (uint32_t)sizeof(uintptr_t);
	if (cache->flags & MM_CACHE_OWNERS) /* behind the bits: owner.c */
		cache->descriptor += cache->nobjects * (uint32_t)sizeof(uintptr_t);
	cache->descriptor = (uint32_t)mm_align_down(cache->descriptor + SLAB_LINE - 1, SLAB_LINE);
	return cache->descriptor <= (uint32_t)MM_FRAME_SIZE - SLAB_FIRST;
}

/* How much magazines and the depot hold. */
static void cache_bound(struct mm_cache *cache)
{
	uint32_t magazine;

	cache->capacity = (uint8_t)cache_clamp(CACHE_HOLD_BYTES / cache->size, 4, MAGAZINE_MAX);
	magazine = cache->capacity * cache->size;
	cache->depot_least = (uint16_t)(MAGAZINES_HELD + cache_clamp(CACHE_DEPOT_LEAST / magazine, 2, 64));
	cache->depot_most = (uint16_t)cache_clamp(CACHE_DEPOT_MOST / magazine, MAGAZINES_HELD + 4, 0xffffu);
	if (cache_is_direct(cache)) /* nobody takes any from there, but for quarantine */
		cache->depot_least = cache->depot_most = MAGAZINES_HELD;
	cache->depot_max = cache->depot_least;
}

/* Fill in what follows from the size. */
static enum mm_status cache_measure(struct mm_cache *cache, const struct mm_heap *heap,
				    const struct mm_cache_cfg *cfg)
{
	const size_t least = sizeof(void *) > MM_SAN_GRANULE ? sizeof(void *) : MM_SAN_GRANULE;
	size_t align = cfg->align > least ? cfg->align : least;

	if (MM_CHECKS == 0 && cfg->flags & MM_CACHE_OWNERS)
		return MM_E_NOTSUP;
	cache->size = (uint32_t)mm_align_down((uint64_t)cfg->size + MM_OBJECT_REDZONE + align - 1, align);
	if (cfg->flags & MM_CACHE_OWNERS && cache->size < 2 * sizeof(uintptr_t))
		cache->size = 2 * (uint32_t)sizeof(uintptr_t); /* more do not fit in a descriptor */
	cache->redzone = (uint16_t)(cache->size - cfg->size);
	cache->order = cache_order(cache->size, heap->pmm->max_order);
	cache->nobjects = ((uint32_t)MM_FRAME_SIZE << cache->order) / cache->size;
	if (cache->nobjects == 0)
		return MM_E_NOTSUP;
	cache->span = cache->nobjects * cache->size;
	cache->flags |= mm_highest_bit32((uint32_t)align) << CACHE_ALIGN_SHIFT;
	if (!cache_limits(cache, cfg, align))
		return MM_E_INVAL;
	cache->reciprocal = UINT32_MAX / cache->size + 1;
	if (!cache_lay_out(cache) || MM_FRAME_SIZE < MM_MAGAZINE_BYTES)
		return MM_E_NOTSUP;
	cache_bound(cache);
	return MM_OK;
}

/* All but `heap`, which others look at meanwhile (C1). */
static void cache_fill(struct mm_cache *cache, const struct mm_cache *from)
{
	const size_t at = offsetof(struct mm_cache, name);

	__builtin_memcpy((unsigned char *)cache + at, (const unsigned char *)from + at, sizeof(*cache) - at);
}

enum mm_status cache_init(struct mm_heap *heap, uint32_t id, const struct mm_cache_cfg *cfg)
{
	struct mm_cache fresh = { .name = cfg->name, .id = id, .flags = cfg->flags, .hooks = cfg->hooks };
	enum mm_status st = cache_measure(&fresh, heap, cfg);

	if (MM_HARDEN & MM_HARDEN_ZERO && !(cfg->flags & MM_CACHE_KEEP) && !(cfg->hooks && cfg->hooks->ctor))
		fresh.flags |= MM_OBJECT_ZEROED;
	if (st != MM_OK)
		return st;
#if MM_NODES_MAX > 1
	for (uint32_t node = heap_nodes(heap) - 1; node > 0; node--) {
		fresh.meta_gone = heap->parts[node - 1][id].meta_gone;
		heap->parts[node - 1][id] = fresh;
		heap->parts[node - 1][id].heap = heap;
		heap->parts[node - 1][id].node = node;
	}
#endif
	fresh.meta_gone = heap->caches[id].meta_gone; /* O3: walks outlive caches */
	cache_fill(&heap->caches[id], &fresh);
	mm_san_pool(&heap->caches[id]);
	mm_atomic_store_release(&heap->caches[id].heap, heap); /* C1 */
	return MM_OK;
}

/* Has a place of a heap a cache? Who sees that it has none comes after all that was done to the one before. */
static bool cache_is_there(const struct mm_heap *heap, uint32_t id)
{
	if (MM_PLANTED(MM_PLANT_PLACE))
		return mm_atomic_load_relaxed(&heap->caches[id].heap) != NULL;
	return mm_atomic_load_acquire(&heap->caches[id].heap) != NULL;
}

enum mm_status mm_cache_create(struct mm_heap *heap, const struct mm_cache_cfg *cfg,
			       struct mm_cache **out)
{
	enum mm_status st = MM_E_NOSPC;
	uintptr_t irq;
	uint32_t id;

	if (!heap || !cfg || !out || !cache_cfg_ok(cfg))
		return MM_E_INVAL;
	if (!heap->pmm)
		return MM_E_STATE;
	irq = mm_lock(heap->pmm->port, &heap->lock);
	for (id = MM_KMALLOC_CLASSES; id < MM_CACHES_MAX && cache_is_there(heap, id); id++)
		;
	if (id < MM_CACHES_MAX)
		st = cache_init(heap, id, cfg);
#if MM_CHECKS >= 1
	if (st == MM_OK && cfg->flags & MM_CACHE_OWNERS && !heap->owners)
		heap->owners = &owner_calls; /* once: those who have such a cache read it */
#endif
	mm_unlock(heap->pmm->port, &heap->lock, irq);
	if (st == MM_OK)
		*out = &heap->caches[id];
	return st;
}

/* Has any CPU a magazine of this cache, be it an empty one? Then its place is not free (G1). */
static bool cache_at_hand(const struct mm_cache *cache)
{
	const struct mm_heap *heap = cache->heap;

	for (uint32_t i = 0; i < heap->ncpus; i++)
		if (mm_atomic_load_acquire(&heap->cpus[i].top[cache->id]) != magazine_none() ||
		    mm_atomic_load_acquire(&heap->cpus[i].spare[cache->id]) != magazine_none())
			return true;
	return false;
}

void cache_release(struct mm_cache *cache)
{
	for (struct mm_cache *part = cache; part; part = cache_next_part(part))
		slab_release(part);
}

struct mm_cache_node_stats cache_count(struct mm_cache *part)
{
	const struct mm_port *port = part->heap->pmm->port;
	uintptr_t irq = mm_lock(port, &part->lock);
	const struct mm_cache_node_stats s = { .slabs = part->nslabs,
					       .objects = part->nslabs * part->nobjects,
					       .home = part->home,
					       .bytes = (part->nslabs << part->order) << MM_FRAME_SHIFT };

	mm_unlock(port, &part->lock, irq);
	return s;
}

bool cache_is_home(struct mm_cache *cache)
{
	uint32_t i = 0;

	if (guard_next(cache->heap, cache, &i))
		return false;
	for (struct mm_cache *part = cache; part; part = cache_next_part(part)) {
		const struct mm_cache_node_stats n = cache_count(part);

		if (n.home != n.objects)
			return false;
	}
	return true;
}

size_t cache_slabs(const struct mm_cache *cache)
{
	size_t n = 0;

	for (const struct mm_cache *part = cache; part; part = cache_next_part(part))
		n += mm_atomic_load_relaxed(&part->nslabs);
	return n;
}

enum mm_status mm_cache_destroy(struct mm_cache *cache)
{
	bool on_their_way;

	if (!cache)
		return MM_E_INVAL;
	if (!cache->heap)
		return MM_E_STATE;
	if (cache->id < MM_KMALLOC_CLASSES)
		return MM_E_INVAL;
	on_their_way = mm_heap_drain(cache->heap) != MM_OK;
	magazine_flush_depot(cache);
	/* Before the look whether all are home: CPUs answer meanwhile, and what has come home is not allocated. */
	on_their_way = (on_their_way && magazine_count(cache) > 0) || heap_is_homing(cache->heap);
	if (!cache_is_home(cache))
		return on_their_way ? MM_E_AGAIN : MM_E_BUSY;
	if (cache_at_hand(cache))
		return MM_E_AGAIN;
	cache_release(cache);
	if (cache_slabs(cache) && !MM_PLANTED(MM_PLANT_NMI_LED)) /* somebody is led to a slab (S10) */
		return MM_E_AGAIN;
	if (GUARD_POSSIBLE && cache->heap->guard)
		cache->heap->guard->ops->forget(cache->heap->guard, cache);
	mm_san_pool_end(cache);
	mm_atomic_store_release(&cache->heap, (struct mm_heap *)NULL); /* C1 */
	return MM_OK;
}

PMM_SLOW enum mm_status cache_alloc_slow(struct mm_cache *cache, size_t size, uint32_t flags, uintptr_t caller,
					 void **out)
{
	enum mm_status why = MM_E_NOMEM;
	void *p;

	if (!cache || !out || flags & ~HEAP_FLAGS)
		return MM_E_INVAL;
	if (!cache->heap)
		return MM_E_STATE;
	if (!heap_flags_ok(cache->heap, flags) || (flags & MM_ALLOC_ZERO && cache->hooks && cache->hooks->ctor))
		return MM_E_INVAL;
	p = guard_alloc(cache, size, flags, caller);
	if (p) {
		*out = p;
		return MM_OK;
	}
	p = mm_object_give(cache, magazine_alloc(cache, flags, &why), size);
	if (!p)
		return why;
	owner_note(cache, p, caller);
	if (flags & MM_ALLOC_ZERO) {
		mm_san_open(p, cache->size);
		__builtin_memset(p, 0, cache_room(cache)); /* K3 of kmalloc.c */
		mm_san_resize(cache, p, size, cache->size);
	}
	*out = p;
	return MM_OK;
}

/* What this CPU's magazine does not have goes round: all checks are there. */
enum mm_status mm_cache_alloc_st(struct mm_cache *cache, uint32_t flags, void **out)
{
	return cache_alloc_for(cache, flags, OWNER_CALLER, out);
}

static PMM_SLOW void *cache_alloc_plain(struct mm_cache *cache, uint32_t flags, uintptr_t caller)
{
	void *p = NULL;

	return cache_alloc_slow(cache, cache ? cache_room(cache) : 0, flags, caller, &p) == MM_OK ? p : NULL;
}

void *mm_cache_alloc(struct mm_cache *cache, uint32_t flags)
{
	void *p;

	return mm_object_is_cache(cache) && mm_object_of_cache(cache, flags, &p) ?
		       p :
		       cache_alloc_plain(cache, flags, OWNER_CALLER);
}

/* A slab that is not in the window, no room in the magazine, or a mistake. Tail-called: kfree_slow(). */
static PMM_SLOW enum mm_status cache_free_slow(struct mm_cache *cache, void *p)
{
	struct mm_slab *slab;
	uint8_t *state;
	enum mm_status st;

	if (!cache)
		return MM_E_INVAL;
	if (!cache->heap)
		return object_refused(cache, p, MM_E_STATE);
	if (!p)
		return MM_OK;
	st = slab_find(cache->heap, p, &slab);
	if (st == MM_OK)
		st = slab_cache(slab) == cache ? slab_retire(slab, p, &state, OWNER_CALLER) : MM_E_OWNER;
	if (st == MM_OK)
		object_keep(cache, p, state);
	return object_refused(cache, p, st);
}

enum mm_status mm_cache_free(struct mm_cache *cache, void *p)
{
	return mm_object_is_cache(cache) && mm_object_to_cache(cache, p) ? MM_OK :
									   cache_free_slow(cache, p);
}

struct mm_cache *mm_cache_next(struct mm_heap *heap, uint32_t *it)
{
	while (heap && *it < MM_CACHES_MAX) {
		struct mm_cache *cache = &heap->caches[(*it)++];

		if (mm_atomic_load_acquire(&cache->heap))
			return cache;
	}
	return NULL;
}
