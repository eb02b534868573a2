/* SPDX-License-Identifier: MIT */
/* Theory of operation: owners
 * Problem      memory is short: who holds it? And who does not ask must not pay.
 * Structure    an array of owners behind the bits in each slab's descriptor, written by who allocates. That is
 *              in slow paths: a cache that notes owners has no magazine to pop from (`direct`), so all its
 *              allocations go there, and the fast paths know nothing of it. Frees do not touch it.
 *              A large block has a record, which the table from frames to slabs leads to, where those of other
 *              heaps have a mark (large.c).
 *
 *                frame --table--> slab descriptor: | head | states | bits | owners |
 *                frame --table--> record:          | head of nobody | heap | owner | bytes |
 *
 *              Other files call through a table in the heap (owner.h), which is there from when somebody asks for
 *              owners, and only in slow paths: who never does is linked without this file.
 * Invariants   O1 owners[i] is of object i if its state is used, or says that it is mmlib's own.
 *              O2 the record of a large block is in heap->large from before it is in the table until it was taken out of
 *                 that by who frees the block. It stays there while the block waits for readers (large.c).
 *              O3 pages of descriptors come to the front of cache->meta and go all at once, which is counted
 *                 (meta_gone). So a walk, which goes from front to end, knows under the lock whether the page
 *                 where it stands is there; what was allocated when it began lies at or behind it.
 * Concurrency  walks hold the cache's lock, under which no slab loses its memory, so an object that is seen
 *              used has a slab with memory; of guarded objects they hold the pool's, and heap->lock guards
 *              the list of records. Owners are relaxed atomics: who looks may see the one before. */
#include "guard.h"
#include "owner.h"
#include "parked.h"

#if MM_CHECKS >= 1
/* Owners in a list by rising number while it grows. */
struct owner_list {
	struct mm_leak *list, rest;
	size_t room, n;
};

static uintptr_t *owner_array(const struct mm_cache *cache, struct mm_slab *slab)
{
	return slab_homes(cache, slab) + slab_words(cache);
}

static void owner_note_object(const struct mm_cache *cache, const void *p, uintptr_t owner)
{
	const struct mm_guard *g = guard_pool(cache->heap, p);
	struct mm_slab *slab;
	uint32_t i;

	if (g) {
		mm_atomic_store_relaxed(&g->ops->slot(g, p)->allocated, owner);
		return;
	}
	if (slab_find(cache->heap, p, &slab) != MM_OK || !mm_object_index(slab, p, &i))
		return;
	if (!MM_PLANTED(MM_PLANT_OWNER) || !owner_array(cache, slab)[i])
		mm_atomic_store_relaxed(&owner_array(cache, slab)[i], owner); /* O1 */
}

/* Records come from a class of kmalloc, and are mmlib's own. */
static struct mm_cache *owner_large_cache(struct mm_heap *heap)
{
	return &heap->caches[mm_object_class_of(heap, sizeof(struct mm_slab) + sizeof(struct owner_large))];
}

/* A record for a block that is not there yet. */
static enum mm_status owner_large_new(struct mm_heap *heap, size_t bytes, uint32_t flags, uintptr_t owner,
				      struct mm_slab **out)
{
	void *room;
	enum mm_status st = own_alloc(owner_large_cache(heap), flags & MM_ALLOC_ATOMIC, &room);

	if (st != MM_OK)
		return st;
	*out = room;
	__builtin_memset(room, 0, sizeof(struct mm_slab));
	*owner_large(*out) = (struct owner_large){ heap, owner, bytes };
	return MM_OK;
}

/* It is of the block at p, which can be freed from now on. */
static void owner_large_add(struct mm_slab *record, void *p, struct mm_slab **entry)
{
	struct mm_heap *heap = owner_large(record)->heap;
	uintptr_t irq;

	record->base = p;
	if (MM_PLANTED(MM_PLANT_MAKING))
		mm_atomic_store_release(entry, record);
	irq = mm_lock(heap->pmm->port, &heap->lock);
	slab_hook(&heap->large, record);
	mm_unlock(heap->pmm->port, &heap->lock, irq);
	if (!MM_PLANTED(MM_PLANT_MAKING))
		mm_atomic_store_release(entry, record); /* O2 */
}

static enum mm_status owner_large_alloc(struct mm_heap *heap, unsigned order, uint32_t flags, uintptr_t owner,
					void **out)
{
	struct mm_slab *record, **entry;
	enum mm_status st = owner_large_new(heap, (size_t)MM_FRAME_SIZE << order, flags, owner, &record);

	if (st != MM_OK)
		return st;
	st = large_take(heap, order, flags, out, &entry);
	if (st == MM_OK)
		owner_large_add(record, *out, entry);
	else
		own_free(owner_large_cache(heap), record);
	return st;
}

/* The block of a record, which is in no table any more, is freed. */
static void owner_large_end(struct mm_heap *heap, struct mm_slab *record)
{
	uintptr_t irq = mm_lock(heap->pmm->port, &heap->lock);

	slab_unhook(&heap->large, record);
	mm_unlock(heap->pmm->port, &heap->lock, irq);
	own_free(owner_large_cache(heap), record); /* which may want a page: not one of the block's */
}

static struct mm_slab *owner_large_record(struct mm_heap *heap, const void *p)
{
	uintptr_t irq = mm_lock(heap->pmm->port, &heap->lock);
	struct mm_slab *record = heap->large;

	while (record && record->base != p)
		record = record->next;
	mm_unlock(heap->pmm->port, &heap->lock, irq);
	MM_CHECK(heap->pmm->port, record != NULL); /* O2 */
	return record;
}

const struct mm_owner_calls owner_calls = { owner_note_object, owner_large_alloc, owner_large_end, owner_large_record };

/* Where the owner of memory at p is, or why there is none. */
static enum mm_status owner_place(struct mm_heap *heap, const void *p, uintptr_t **place)
{
	struct mm_slab *slab = NULL;
	const struct mm_guard *g;
	const struct mm_range *r;
	enum mm_status st;
	uint32_t i = 0;
	mm_pfn_t pfn;

	if (!heap || !p)
		return MM_E_INVAL;
	if (!heap->pmm)
		return MM_E_STATE;
	if (slab_find(heap, p, &slab) == MM_OK) {
		st = slab_look(slab, p);
		if (st != MM_OK || !(slab_cache(slab)->flags & MM_CACHE_OWNERS))
			return st != MM_OK ? st : MM_E_NOTSUP;
		(void)mm_object_index(slab, p, &i);
		g = guard_pool(heap, p);
		*place = g ? &g->ops->slot(g, p)->allocated : &owner_array(slab_cache(slab), slab)[i];
		return MM_OK;
	}
	st = kmalloc_large_at(heap, p);
	if (st != MM_OK)
		return st;
	if (!heap->notes)
		return MM_E_NOTSUP;
	r = pmm_find_virt(heap->pmm, p, &pfn);
	slab = slab_of(r, pfn);
	st = large_whose(heap, slab); /* it may have been freed meanwhile */
	if (st != MM_OK)
		return st;
	*place = &owner_large(slab)->owner;
	return MM_OK;
}

/* The next object that is used, or mmlib's own, and whose slab's descriptor is in this page. The lock is held. */
static bool owner_in_page(const struct mm_cache *cache, unsigned char *page, struct mm_leak_walk *it,
			  struct mm_leak_object *out)
{
	if (it->at == 0)
		it->at = SLAB_FIRST;
	for (; (uint32_t)MM_FRAME_SIZE - it->at >= cache->descriptor; it->at += cache->descriptor, it->object = 0) {
		struct mm_slab *slab = (struct mm_slab *)(void *)(page + it->at);

		while (it->object < cache->nobjects) {
			uint32_t i = it->object++, whose = i;
			uint8_t state = mm_atomic_load_relaxed(&slab->states[i]);

			if (state != MM_OBJECT_USED && state != MM_OBJECT_OWN)
				continue;
			if (MM_PLANTED(MM_PLANT_WALK) && i && it->object == cache->nobjects)
				whose--;
			*out = (struct mm_leak_object){ slab->base + i * (size_t)cache->size, cache->size,
							mm_atomic_load_relaxed(&owner_array(cache, slab)[whose]),
							cache_whole(cache) };
			return true;
		}
	}
	return false;
}

/* The page where a walk is: the first one if it begins, or if the one it was in is gone (O3). The lock is held. */
static unsigned char *owner_page(const struct mm_cache *cache, struct mm_leak_walk *it)
{
	if (!it->page || (it->gone != cache->meta_gone && !MM_PLANTED(MM_PLANT_GONE)))
		*it = (struct mm_leak_walk){ it->cache, it->node, cache->meta_gone, 0, 0, cache->meta, it->large, 0 };
	return it->page;
}

/* Go on with a page, or end with NULL. */
static void owner_turn(struct mm_leak_walk *it, void *page)
{
	it->page = page;
	it->at = it->object = 0;
}

static void owner_add(struct owner_list *l, const struct mm_leak_object *o)
{
	size_t low = 0, high = l->n, at;
	struct mm_leak *to;

	while (low < high) {
		at = low + (high - low) / 2;
		if (l->list[at].owner < o->owner)
			low = at + 1;
		else
			high = at;
	}
	to = &l->list[low];
	if (low == l->n || to->owner != o->owner) {
		if (l->n == l->room) {
			to = &l->rest;
		} else {
			__builtin_memmove(to + 1, to, (l->n++ - low) * sizeof(*to));
			*to = (struct mm_leak){ .owner = o->owner };
		}
	}
	to->objects++;
	to->bytes += o->bytes;
}

/* Add what is used of a part of a cache, a page of descriptors at a time. */
static void owner_add_part(struct owner_list *l, struct mm_cache *cache)
{
	const struct mm_port *port = cache->heap->pmm->port;
	struct mm_leak_walk it = { 0 };
	struct mm_leak_object o;
	unsigned char *page;

	do {
		uintptr_t irq = mm_lock(port, &cache->lock);

		page = owner_page(cache, &it);
		while (page && owner_in_page(cache, page, &it, &o))
			owner_add(l, &o);
		owner_turn(&it, page ? *(void **)(void *)page : NULL);
		mm_unlock(port, &cache->lock, irq);
	} while (it.page);
}

static bool owner_is_noted(const struct mm_cache *cache)
{
	return mm_atomic_load_acquire(&cache->heap) && cache->flags & MM_CACHE_OWNERS;
}

/* The object of a slot, if it is used and its owner is noted. The pool's lock is held, so it is one object. */
static bool owner_in_slot(const struct mm_guard *g, const struct mm_slab *slab,
			  struct mm_leak_object *out)
{
	unsigned char *p = mm_atomic_load_relaxed(&slab->base);
	const struct guard_slot *slot = g->ops->slot(g, p);
	struct mm_cache *whose = slab_cache(slab);
	size_t size = mm_atomic_load_relaxed(&slot->size);
	bool large = whose && whose->id == MM_KMALLOC_CLASSES - 1 && size > MM_OBJECT_MAX;

	if (!whose || !owner_is_noted(whose) ||
	    mm_atomic_load_relaxed(&slab->states[0]) != MM_OBJECT_USED)
		return false;
	*out = (struct mm_leak_object){ p, size, mm_atomic_load_relaxed(&slot->allocated),
					large ? NULL : whose };
	return true;
}

/* The next object of a cache, or of any, that is guarded and used, slot *i or later. */
static bool owner_next_guarded(const struct mm_heap *heap, const struct mm_cache *cache, uint32_t *i,
			       struct mm_leak_object *out)
{
	struct mm_guard *g = GUARD_POSSIBLE ? heap->guard : NULL;
	struct mm_slab *slab;
	bool found;

	if (!g)
		return false;
	do {
		uintptr_t irq = MM_PLANTED(MM_PLANT_TORN) ? 0 : mm_lock(heap->pmm->port, &g->lock);

		slab = guard_next(heap, cache, i);
		found = slab && owner_in_slot(g, slab, out);
		if (!MM_PLANTED(MM_PLANT_TORN))
			mm_unlock(heap->pmm->port, &g->lock, irq);
	} while (slab && !found);
	return found;
}

static void owner_add_cache(struct owner_list *l, struct mm_cache *cache)
{
	struct mm_leak_object o;
	uint32_t i = 0;

	for (struct mm_cache *part = cache; part; part = cache_next_part(part))
		owner_add_part(l, part);
	while (owner_next_guarded(cache->heap, cache, &i, &o))
		owner_add(l, &o);
}

static struct mm_leak_object owner_large_object(struct mm_slab *record)
{
	struct owner_large *l = owner_large(record);

	return (struct mm_leak_object){ record->base, l->bytes, mm_atomic_load_relaxed(&l->owner), NULL };
}

static void owner_add_large(struct owner_list *l, struct mm_heap *heap)
{
	uintptr_t irq = mm_lock(heap->pmm->port, &heap->lock);

	for (struct mm_slab *record = heap->large; record; record = record->next) {
		struct mm_leak_object o = owner_large_object(record);

		owner_add(l, &o);
	}
	mm_unlock(heap->pmm->port, &heap->lock, irq);
}

/* Who holds most comes first. */
static void owner_sort(struct owner_list *l, size_t *n, struct mm_leak *rest)
{
	for (size_t i = 1; i < l->n; i++) {
		struct mm_leak one = l->list[i];
		size_t at = i;

		for (; at > 0 && l->list[at - 1].bytes < one.bytes; at--)
			l->list[at] = l->list[at - 1];
		l->list[at] = one;
	}
	*n = l->n;
	*rest = l->rest;
}

/* The large block of an owner that lies next behind the one that was told last. */
static bool owner_next_large(struct mm_heap *heap, struct mm_leak_walk *it, uintptr_t owner,
			     struct mm_leak_object *out)
{
	const struct mm_port *port = heap->pmm->port;
	uintptr_t irq = MM_PLANTED(MM_PLANT_LIST) ? 0 : mm_lock(port, &heap->lock),
		  best = UINTPTR_MAX;

	for (struct mm_slab *record = heap->large; record; record = record->next) {
		struct mm_leak_object o = owner_large_object(record);

		if (o.owner == owner && (uintptr_t)o.p > it->large && (uintptr_t)o.p < best) {
			best = (uintptr_t)o.p;
			*out = o;
		}
	}
	if (!MM_PLANTED(MM_PLANT_LIST))
		mm_unlock(port, &heap->lock, irq);
	it->large = best;
	return best != UINTPTR_MAX;
}

/* The next object of an owner in the page where the walk is, which goes on if there is none. */
static bool owner_next_in_page(struct mm_cache *part, struct mm_leak_walk *it, uintptr_t owner,
			       struct mm_leak_object *out)
{
	const struct mm_port *port = part->heap->pmm->port;
	uintptr_t irq = mm_lock(port, &part->lock);
	unsigned char *page = owner_page(part, it);
	struct mm_leak_object o;
	bool found = false;

	while (page && !found && owner_in_page(part, page, it, &o))
		found = o.owner == owner;
	if (!found)
		owner_turn(it, page ? *(void **)(void *)page : NULL);
	mm_unlock(port, &part->lock, irq);
	if (found)
		*out = o;
	return found;
}

/* The same in a part of a cache. */
static bool owner_next_in_part(struct mm_cache *part, struct mm_leak_walk *it, uintptr_t owner,
			       struct mm_leak_object *out)
{
	do
		if (owner_next_in_page(part, it, owner, out))
			return true;
	while (it->page);
	return false;
}

#endif

enum mm_status mm_heap_note_owners(struct mm_heap *heap)
{
	enum mm_status st;

	if (!heap)
		return MM_E_INVAL;
	if (!heap->pmm)
		return MM_E_STATE;
	if (MM_CHECKS == 0)
		return MM_E_NOTSUP;
	if (heap->notes)
		return MM_OK;
	st = mm_heap_shrink(heap);
	if (st != MM_OK)
		return st;
	if (heap_large(heap))
		return MM_E_BUSY;
	for (uint32_t c = 0; c < MM_KMALLOC_CLASSES; c++)
		for (const struct mm_cache *part = &heap->caches[c]; part; part = cache_next_part(part))
			if (part->ndescriptors || guard_count(&heap->caches[c]))
				return MM_E_BUSY;
	for (uint32_t c = 0; c < MM_KMALLOC_CLASSES; c++) {
		mm_san_pool_end(&heap->caches[c]);
		st = heap_make_class(heap, c, MM_CACHE_OWNERS | (heap->caches[c].flags & MM_CACHE_GUARD));
		MM_CHECK(heap->pmm->port, st == MM_OK);
	}
#if MM_CHECKS >= 1
	heap->owners = &owner_calls;
#endif
	heap->notes = 1;
	return MM_OK;
}

enum mm_status mm_heap_owner(struct mm_heap *heap, const void *p, uintptr_t *owner)
{
#if MM_CHECKS >= 1
	uintptr_t *place;
	enum mm_status st = owner ? owner_place(heap, p, &place) : MM_E_INVAL;

	if (st == MM_OK)
		*owner = mm_atomic_load_relaxed(place);
	return st;
#else
	return !heap || !p || !owner ? MM_E_INVAL : heap->pmm ? MM_E_NOTSUP : MM_E_STATE;
#endif
}

enum mm_status mm_heap_set_owner(struct mm_heap *heap, void *p, uintptr_t owner)
{
#if MM_CHECKS >= 1
	uintptr_t *place;
	enum mm_status st = owner_place(heap, p, &place);

	if (st == MM_OK)
		mm_atomic_store_relaxed(place, owner);
	return st;
#else
	(void)owner;
	return !heap || !p ? MM_E_INVAL : heap->pmm ? MM_E_NOTSUP : MM_E_STATE;
#endif
}

enum mm_status mm_heap_leaks(struct mm_heap *heap, struct mm_leak *list, size_t room, size_t *n,
			     struct mm_leak *rest)
{
	if (!heap || (!list && room) || !n || !rest)
		return MM_E_INVAL;
	if (!heap->pmm)
		return MM_E_STATE;
#if MM_CHECKS >= 1
	struct owner_list l = { .list = list, .room = room };

	for (uint32_t id = 0; id < MM_CACHES_MAX; id++)
		if (owner_is_noted(&heap->caches[id]))
			owner_add_cache(&l, &heap->caches[id]);
	owner_add_large(&l, heap);
	owner_sort(&l, n, rest);
	return MM_OK;
#else
	return MM_E_NOTSUP;
#endif
}

enum mm_status mm_cache_leaks(struct mm_cache *cache, struct mm_leak *list, size_t room, size_t *n,
			      struct mm_leak *rest)
{
	if (!cache || (!list && room) || !n || !rest)
		return MM_E_INVAL;
	if (!cache->heap)
		return MM_E_STATE;
#if MM_CHECKS >= 1
	struct owner_list l = { .list = list, .room = room };

	if (!(cache->flags & MM_CACHE_OWNERS))
		return MM_E_NOTSUP;
	owner_add_cache(&l, cache);
	owner_sort(&l, n, rest);
	return MM_OK;
#else
	return MM_E_NOTSUP;
#endif
}

bool mm_leak_next(struct mm_heap *heap, struct mm_leak_walk *it, uintptr_t owner, struct mm_leak_object *out)
{
#if MM_CHECKS >= 1
	struct mm_leak_object o;

	if (!heap || !it || !out || !heap->pmm)
		return false;
	for (; it->cache < MM_CACHES_MAX; it->cache++, it->node = 0, owner_turn(it, NULL))
		for (; it->node < heap_nodes(heap) && owner_is_noted(&heap->caches[it->cache]); it->node++)
			if (owner_next_in_part(cache_part(&heap->caches[it->cache], it->node), it, owner, out))
				return true;
	while (owner_next_guarded(heap, NULL, &it->guarded, &o))
		if (o.owner == owner) {
			*out = o;
			return true;
		}
	return owner_next_large(heap, it, owner, out);
#else
	(void)heap;
	(void)it;
	(void)owner;
	(void)out;
	return false;
#endif
}
