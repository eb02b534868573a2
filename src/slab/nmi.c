/* SPDX-License-Identifier: MIT */
/* Theory of operation: frees in an NMI
 * Problem      an NMI comes at any instruction, be a lock held or this CPU's magazines in between two states. It can
 *              only change words that others change by atomic operations, and nothing may be written into objects.
 * Structure    the state of the object says that it was freed. So that nobody looks at all slabs for such, those that
 *              have some are linked: slab->returned, from heap->returned on. Who brings objects home takes the whole
 *              list, and looks at the states of each slab.
 *
 *                NMI:     used --> returning,  slab to the list unless it is there,  --> returned
 *                others:  slab off the list,  returned --> idle and home;  returning: to the list once more
 *
 *              They are called through a pointer that the first NMI leaves in the heap: who never frees so is linked
 *              without this file.
 *              What an NMI leaves in a reserve (mempool.c) waits there instead, idle, and is not returned.
 * Invariants   I1 an object that is returning, or returned, is not home, so its slab stays. To be returned is the last
 *                 that happens to it in the NMI: from then on its slab may go, and the NMI does not touch it.
 *              I2 who takes a slab off the list clears its link, then looks at states; an NMI changes a state, then
 *                 looks at the link. So one of them sees the other (atomic.h: load_seq). What the NMI has not finished
 *                 then is somebody else's to see: the slab goes back to the list while that object keeps it.
 *              I3 a link is cleared, and an object that is returned taken, under a lock: that of the slab's part, or
 *                 of the pool of guarded objects. What is home goes home under the same lock. So a slab does not go
 *                 between the two, and objects that are returned are taken once.
 *              I4 a slab can be in the list and have no such object: it was put there for one that who took it before
 *                 sees, too. So a slab in the list, or in what somebody took of it, is not given back (S10), nor does
 *                 its cache go.
 *              I5 who brings objects home is counted in heap->homing from before he takes the list until they are
 *                 there. So who finds neither the list nor him knows that what is not home is allocated.
 * Not at once  objects go home to their slabs, not into magazines: whose CPU uses them is not known, and with several
 *              nodes home is where they belong. No slab is given back here: who brings objects home is often about to
 *              want some.
 * Concurrency  any CPU, any context; lists are taken by exchange, so there is no ABA. */
#include <mmlib/nmi.h>
#include "owner.h"
#include "parked.h"

#if NMI_POSSIBLE
#define NMI_LOT 16u /* objects that are brought home at a time */

/* Lead who brings objects home to this slab, which cannot go now. */
static void nmi_push(struct mm_heap *heap, struct mm_slab *slab)
{
	struct mm_slab *none = NULL, *first;

	if (mm_atomic_load_seq(&slab->returned) || !mm_atomic_cas(&slab->returned, &none, slab_none()))
		return; /* I2: somebody will look, or the one who was faster leads him here */
	first = mm_atomic_load_relaxed(&heap->returned);
	do
		mm_atomic_store_relaxed(&slab->returned, first ? first : slab_none());
	while (!mm_atomic_cas(&heap->returned, &first, slab));
}

/* Take objects that are returned, and are idle then, into slots, NMI_LOT at most; how many. Tells whether there are
 * more. The lock is held. */
static uint32_t nmi_collect(struct mm_slab *slab, struct mm_slot *slots, bool *more)
{
	const struct mm_cache *cache = slab_cache(slab);
	uint32_t objects = guard_pool(slab->heap, slab) ? 1 : cache->nobjects, n = 0;

	for (uint32_t i = 0; i < objects; i++) {
		uint8_t state = mm_atomic_load_seq(&slab->states[i]);

		if (state == MM_OBJECT_RETURNED && n < NMI_LOT) {
			mm_object_slot(&slots[n++], slab->base + i * (size_t)cache->size, &slab->states[i]);
			mm_atomic_store_relaxed(&slab->states[i], (uint8_t)MM_OBJECT_IDLE);
		} else if (state == MM_OBJECT_RETURNED || (state > MM_OBJECT_OWN && !MM_PLANTED(MM_PLANT_NMI_LEAVE))) {
			nmi_push(slab->heap, slab); /* I2 */
			*more = *more || state == MM_OBJECT_RETURNED;
		}
	}
	return n;
}

/* Objects that are idle, and nowhere, go home. One that was written over stays allocated. */
static void nmi_home(struct mm_cache *cache, struct mm_slot *slots, uint32_t n)
{
	uint32_t whole = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct mm_slot slot = slots[i];
		enum mm_status st = object_idle(cache, slot.p);

		if (st != MM_OK && !guard_tells(cache->heap, slot.p))
			mm_atomic_store_release(slot.state, (uint8_t)MM_OBJECT_USED);
		else if (guard_pool(cache->heap, slot.p))
			object_keep(cache, slot.p, slot.state);
		else
			slots[whole++] = slot;
	}
	if (whole)
		slab_put(cache, slots, whole, UINT32_MAX);
}

/* Bring home what a slab has that was on the list, before *next. True: it has more. */
static bool nmi_take_slab(struct mm_heap *heap, struct mm_slab *slab, struct mm_slab **next)
{
	const struct mm_port *port = heap->pmm->port;
	struct mm_guard *g = guard_pool(heap, slab);
	struct mm_cache *cache = slab_cache(slab);
	uint32_t node = g || heap_nodes(heap) == 1 ? 0 : node_of_object(heap, slab->base), n;
	uintptr_t *lock = g ? &g->lock : &cache_part(cache, node)->lock, irq = mm_lock(port, lock);
	struct mm_slot slots[NMI_LOT];
	bool more = false;

	*next = mm_atomic_load_relaxed(&slab->returned);
	if (MM_PLANTED(MM_PLANT_NMI_LOOK)) {
		n = nmi_collect(slab, slots, &more);
		mm_atomic_store_relaxed(&slab->returned, NULL);
	} else {
		struct mm_slab *was = *next;

		(void)mm_atomic_cas(&slab->returned, &was, NULL); /* I2, I3 */
		n = nmi_collect(slab, slots, &more);
	}
	mm_unlock(port, lock, irq);
	nmi_home(cache, slots, n);
	return more;
}

static void nmi_take_back(struct mm_heap *heap)
{
	bool more = true;

	mm_atomic_add(&heap->homing, (uintptr_t)1); /* I5 */
	mm_atomic_fence();
	while (more) {
		struct mm_slab *slab = mm_atomic_swap(&heap->returned, NULL), *next;

		for (more = false; slab && slab != slab_none(); slab = next)
			more = nmi_take_slab(heap, slab, &next) || more;
	}
	mm_atomic_add(&heap->homing, (uintptr_t)0 - 1);
}

/* Make an object, whose slab and state were found, one that is about to be returned, or say why not. */
static enum mm_status nmi_claim(const struct mm_slab *slab, const void *p, uint8_t *state)
{
	if (mm_atomic_load_relaxed(state) != MM_OBJECT_USED)
		return object_not_used(state);
	if (!guard_pool(slab->heap, p) && harden_look(slab_cache(slab), p) != MM_OK)
		return MM_E_CORRUPT;
	return mm_atomic_cas_byte(state, MM_OBJECT_USED, MM_OBJECT_RETURNING) ? MM_OK : object_not_used(state);
}

/* An object that was claimed, and is guarded, may be another one, in the same pages, of which a late free is not
 * believed: it is used again. But if who allocated it gave it back meanwhile (Q7 of guard.c), it is returned for
 * him. */
static enum mm_status nmi_guarded(struct mm_guard *g, const struct mm_slab *slab, const void *p, uint8_t *state,
				  uintptr_t caller, bool *leave)
{
	const unsigned char *object = mm_atomic_load_relaxed(&slab->base);
	struct guard_slot *slot = g->ops->slot(g, object);
	bool late = (uintptr_t)object != (uintptr_t)p;

	*leave = late && (mm_atomic_cas_byte(state, MM_OBJECT_RETURNING, MM_OBJECT_USED) ||
			  MM_PLANTED(MM_PLANT_NMI_GIVEN));
	if (!*leave)
		mm_atomic_store_relaxed(&slot->freed, late ? mm_atomic_load_relaxed(&slot->allocated) : caller);
	return late ? MM_E_DOUBLE_FREE : MM_OK;
}

/* An object that was claimed is returned. */
static void nmi_return(struct mm_slab *slab, uint8_t *state)
{
	struct mm_heap *heap = slab->heap;

	if (MM_PLANTED(MM_PLANT_NMI_EARLY))
		mm_atomic_store_release(state, (uint8_t)MM_OBJECT_RETURNED);
	if (mm_atomic_load_relaxed(&heap->take_back) != nmi_take_back)
		mm_atomic_store_relaxed(&heap->take_back, nmi_take_back);
	nmi_push(heap, slab);
	if (!MM_PLANTED(MM_PLANT_NMI_EARLY))
		mm_atomic_store_release(state, (uint8_t)MM_OBJECT_RETURNED); /* I1 */
}

/* An object that was claimed waits in a reserve, if there is one that has room. One that somebody wrote beside goes home:
 * who brings it there tells. */
static bool nmi_leave(struct mm_mempool *pool, struct mm_guard *g, void *p, uint8_t *state)
{
	bool left;

	if (!pool || (g && !g->ops->is_whole(g, p)))
		return false;
	if (!MM_PLANTED(MM_PLANT_NMI_WAIT))
		mm_atomic_store_relaxed(state, (uint8_t)MM_OBJECT_IDLE); /* P1 of mempool.c */
	left = mempool_leave(pool, p);
	if (!left)
		mm_atomic_store_relaxed(state, (uint8_t)MM_OBJECT_RETURNING);
	else if (MM_PLANTED(MM_PLANT_NMI_WAIT))
		mm_atomic_store_relaxed(state, (uint8_t)MM_OBJECT_IDLE);
	return left;
}

/* Free an object of a slab, to a reserve if one is given. */
static enum mm_status nmi_free(struct mm_slab *slab, void *p, struct mm_mempool *pool, uintptr_t caller)
{
	struct mm_guard *g = guard_pool(slab->heap, p);
	bool leave = false;
	uint8_t *state;
	enum mm_status st = slab_state(slab, p, &state);

	if (st == MM_OK)
		st = nmi_claim(slab, p, state);
	if (st != MM_OK)
		return st;
	if (g)
		st = nmi_guarded(g, slab, p, state, caller, &leave);
	if (!leave && (st != MM_OK || !nmi_leave(pool, g, p, state)))
		nmi_return(slab, state);
	return st;
}

/* Free an object of a cache. */
static enum mm_status nmi_free_of(struct mm_cache *cache, void *p, struct mm_mempool *pool, uintptr_t caller)
{
	struct mm_slab *slab;
	enum mm_status st = slab_find(cache->heap, p, &slab);

	if (st == MM_OK)
		st = slab_cache(slab) == cache ? nmi_free(slab, p, pool, caller) : MM_E_OWNER;
	return object_refused(cache, p, st);
}

/* Why p, which is in no slab, cannot be freed here. */
static enum mm_status nmi_refuse(struct mm_heap *heap, const void *p)
{
	size_t size;
	enum mm_status st = kmalloc_size(heap, p, &size);

	return st == MM_OK ? MM_E_NOTSUP : st;
}
#undef NMI_LOT
#endif

enum mm_status mm_kfree_nmi(struct mm_heap *heap, void *p)
{
	if (!heap)
		return MM_E_INVAL;
	if (!heap->pmm)
		return MM_E_STATE;
	if (!p)
		return MM_OK;
#if NMI_POSSIBLE
	struct mm_slab *slab;
	enum mm_status st = slab_find(heap, p, &slab);

	return object_refused(heap, p, st == MM_OK ? nmi_free(slab, p, NULL, OWNER_CALLER) : nmi_refuse(heap, p));
#else
	return MM_E_NOTSUP;
#endif
}

enum mm_status mm_cache_free_nmi(struct mm_cache *cache, void *p)
{
	if (!cache)
		return MM_E_INVAL;
	if (!cache->heap)
		return MM_E_STATE;
	if (!p)
		return MM_OK;
#if NMI_POSSIBLE
	return nmi_free_of(cache, p, NULL, OWNER_CALLER);
#else
	return MM_E_NOTSUP;
#endif
}

enum mm_status mm_mempool_free_nmi(struct mm_mempool *pool, void *p)
{
	if (!pool)
		return MM_E_INVAL;
	if (!pool->cache)
		return MM_E_STATE;
	if (!p)
		return MM_OK;
#if NMI_POSSIBLE
	return nmi_free_of(pool->cache, p, pool, OWNER_CALLER);
#else
	return MM_E_NOTSUP;
#endif
}
