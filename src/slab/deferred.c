/* SPDX-License-Identifier: MIT */
/* Theory of operation: deferred frees
 * Problem      readers without locks may still look at an object that was unlinked; it must stay as it is
 *              until they have left, and there is no room in it for a list.
 * Structure    batches of pointers. One is filled; when it is full, or somebody polls, it gets the time of
 *              the host and waits in a queue. A poll frees the batches whose time has passed.
 * Invariants   D1 the time of a batch was asked for after its last pointer was put in.
 *              D2 an object that waits is idle (parked.h) until it is in a magazine: neither a free nor a
 *                 second deferred one believes it. A large block is nobody's meanwhile (large.c); its pointer is marked
 *                 (BATCH_LARGE). With MM_CHECKS 0 it looks like pages, and what is none when it is due is somebody
 *                 else's, who freed it as pages.
 *              D3 a batch is in `filling`, in the queue, or belongs to one poll or to who closes it.
 * Concurrency  any CPU, interrupts; the lock guards lists and counts, hooks and the heap are called
 *              without it. */
#include <mmlib/deferred.h>
#include "owner.h"
#include "parked.h"

#ifndef BATCH_BYTES /* tests make it small */
#define BATCH_BYTES 512u
#endif
#define BATCH_LARGE ((uintptr_t)1) /* in a pointer of a batch: it is a large block */

struct mm_deferred_batch {
	struct mm_deferred_batch *next;
	uint64_t time;
	size_t n;
	uintptr_t p[];
};
#define BATCH_MOST ((BATCH_BYTES - sizeof(struct mm_deferred_batch)) / sizeof(uintptr_t))

enum mm_status mm_deferred_init(struct mm_deferred *d, struct mm_heap *heap, const struct mm_epoch_hooks *hooks)
{
	if (!d || !heap || !hooks || !hooks->now || !hooks->passed)
		return MM_E_INVAL;
	if (!heap->pmm)
		return MM_E_STATE;
	*d = (struct mm_deferred){ .heap = heap, .hooks = hooks };
	d->end = &d->first;
	return MM_OK;
}

static uintptr_t deferred_lock(struct mm_deferred *d)
{
	return mm_lock(d->heap->pmm->port, &d->lock);
}

static void deferred_unlock(struct mm_deferred *d, uintptr_t irq)
{
	mm_unlock(d->heap->pmm->port, &d->lock, irq);
}

/* So many pointers wait; who has no lock may look. The lock is held. */
static void deferred_count(struct mm_deferred *d, size_t n)
{
	mm_atomic_store_relaxed(&d->waiting, n);
}

/* Make an object wait, if it is one that is used (D2); what a batch has of it. */
static enum mm_status deferred_hold(struct mm_heap *heap, const void *p, uintptr_t caller, uintptr_t *what)
{
	struct mm_slab *slab;
	uint8_t *state;
	enum mm_status st;

	*what = (uintptr_t)p;
	if (slab_find(heap, p, &slab) != MM_OK) {
		*what |= BATCH_LARGE;
		return kmalloc_large_wait(heap, p);
	}
	st = slab_state(slab, p, &state);
	if (st != MM_OK)
		return st;
	return MM_CHECKS == 0 ? MM_OK : object_retire(slab_cache(slab), p, state, caller);
}

/* It waits no more, and is used. */
static void deferred_unhold(struct mm_heap *heap, uintptr_t what)
{
	struct mm_slab *slab;

	if (what & BATCH_LARGE)
		(void)kmalloc_large_due(heap, (const void *)(what & ~BATCH_LARGE));
	else if (slab_find(heap, (const void *)what, &slab) == MM_OK)
		parked_mark(slab_cache(slab), (const void *)what, MM_OBJECT_IDLE, MM_OBJECT_USED);
}

/* Nobody can be reading it: free it. False: it is not what it was. */
static bool deferred_release(struct mm_heap *heap, uintptr_t what)
{
	void *p = (void *)(what & ~BATCH_LARGE);
	struct mm_slab *slab;
	enum mm_status st = slab_find(heap, p, &slab);

	if (what & BATCH_LARGE)
		return st != MM_OK && kmalloc_large_due(heap, p) && mm_kfree(heap, p) == MM_OK;
	MM_CHECK(heap->pmm->port, st == MM_OK); /* D2 */
	if (parked_release(slab_cache(slab), p) == MM_OK)
		return true;
	deferred_unhold(heap, what); /* it stays allocated */
	return false;
}

/* The batch that is filled waits from now on, with this time. The lock is held. */
static void deferred_queue(struct mm_deferred *d, struct mm_deferred_batch *b, uint64_t time)
{
	b->time = time;
	b->next = NULL;
	*d->end = b;
	d->end = &b->next;
}

/* Put it into the batch that is filled, which is *fresh if there is none. Tells the one that has no room. */
static bool deferred_put(struct mm_deferred *d, uintptr_t what, struct mm_deferred_batch **fresh,
			 struct mm_deferred_batch **full)
{
	uintptr_t irq = deferred_lock(d);
	struct mm_deferred_batch *b = d->filling;
	bool room;

	if (!b) {
		b = d->filling = *fresh;
		*fresh = NULL;
	}
	room = b && b->n < BATCH_MOST;
	if (room) {
		b->p[b->n++] = what;
		deferred_count(d, d->waiting + 1);
	}
	deferred_unlock(d, irq);
	*full = b;
	return room;
}

/* A batch is full, if it is still the one that is filled: its time is now. Nobody fills it while that is asked
 * for: others may have freed the one that was full, and begun one at the same place. */
static void deferred_close(struct mm_deferred *d, struct mm_deferred_batch *full)
{
	uint64_t time = MM_PLANTED(MM_PLANT_EPOCH) ? d->hooks->now(d->hooks->ctx) : 0;
	uintptr_t irq = deferred_lock(d);
	bool ours = d->filling == full;

	if (ours)
		d->filling = NULL;
	deferred_unlock(d, irq);
	if (!ours)
		return;
	if (!MM_PLANTED(MM_PLANT_EPOCH))
		time = d->hooks->now(d->hooks->ctx); /* D1 */
	irq = deferred_lock(d);
	deferred_queue(d, full, time);
	deferred_unlock(d, irq);
}

/* Batches are mmlib's own, and come from a class of kmalloc. */
static struct mm_cache *deferred_cache(struct mm_heap *heap)
{
	return &heap->caches[mm_object_class_of(heap, BATCH_BYTES)];
}

static enum mm_status deferred_batch(struct mm_heap *heap, struct mm_deferred_batch **out)
{
	void *room;
	enum mm_status st = own_alloc(deferred_cache(heap), MM_ALLOC_ATOMIC, &room);

	if (st != MM_OK)
		return st;
	*out = room;
	(*out)->n = 0;
	return MM_OK;
}

static enum mm_status deferred_add(struct mm_deferred *d, uintptr_t what)
{
	struct mm_deferred_batch *fresh = NULL, *full = NULL;

	while (!deferred_put(d, what, &fresh, &full)) {
		if (!fresh) {
			enum mm_status st = deferred_batch(d->heap, &fresh);

			if (st != MM_OK)
				return st;
		}
		if (full)
			deferred_close(d, full);
	}
	if (fresh)
		own_free(deferred_cache(d->heap), fresh); /* others were faster */
	return MM_OK;
}

enum mm_status mm_kfree_deferred(struct mm_deferred *d, void *p)
{
	enum mm_status st;
	uintptr_t what;

	if (!d)
		return MM_E_INVAL;
	if (!d->heap)
		return MM_E_STATE;
	if (!p)
		return MM_OK;
	st = deferred_hold(d->heap, p, OWNER_CALLER, &what);
	if (st != MM_OK)
		return object_refused(d->heap, p, st);
	st = deferred_add(d, what);
	if (st != MM_OK)
		deferred_unhold(d->heap, what);
	return st;
}

/* The batch that is filled, if it has something, and then all that wait: they belong to the caller (D3). */
static struct mm_deferred_batch *deferred_take(struct mm_deferred *d)
{
	uint64_t time = MM_PLANTED(MM_PLANT_EPOCH) ? d->hooks->now(d->hooks->ctx) : 0;
	struct mm_deferred_batch *b;
	uintptr_t irq = deferred_lock(d);
	bool some = d->filling && d->filling->n;

	b = some ? d->filling : NULL;
	if (some)
		d->filling = NULL;
	deferred_unlock(d, irq);
	if (b) {
		if (!MM_PLANTED(MM_PLANT_EPOCH))
			time = d->hooks->now(d->hooks->ctx); /* D1 */
		if (MM_PLANTED(MM_PLANT_DEFERRED))
			time = 0;
		irq = deferred_lock(d);
		deferred_queue(d, b, time);
	} else {
		irq = deferred_lock(d);
	}
	b = d->first;
	d->first = NULL;
	d->end = &d->first;
	deferred_unlock(d, irq);
	return b;
}

/* Free what is in a batch, and the batch. */
static void deferred_free(struct mm_deferred *d, struct mm_deferred_batch *b)
{
	size_t n = b->n, refused = 0;
	uintptr_t irq;

	for (size_t i = 0; i < n; i++)
		refused += !deferred_release(d->heap, b->p[i]);
	own_free(deferred_cache(d->heap), b);
	irq = deferred_lock(d);
	deferred_count(d, d->waiting - n);
	d->refused += refused;
	deferred_unlock(d, irq);
}

/* What cannot be freed yet waits before all others. */
static void deferred_put_back(struct mm_deferred *d, struct mm_deferred_batch *first,
			      struct mm_deferred_batch **end)
{
	uintptr_t irq = deferred_lock(d);

	if (!d->first)
		d->end = end;
	*end = d->first;
	d->first = first;
	deferred_unlock(d, irq);
}

enum mm_status mm_deferred_poll(struct mm_deferred *d)
{
	struct mm_deferred_batch *b, *next, *early = NULL, **end = &early;

	if (!d)
		return MM_E_INVAL;
	if (!d->heap)
		return MM_E_STATE;
	for (b = deferred_take(d); b; b = next) {
		next = b->next;
		if (d->hooks->passed(d->hooks->ctx, b->time)) {
			deferred_free(d, b);
			continue;
		}
		*end = b;
		end = &b->next;
		b->next = NULL;
	}
	if (early)
		deferred_put_back(d, early, end);
	return mm_atomic_load_relaxed(&d->waiting) ? MM_E_AGAIN : MM_OK;
}

size_t mm_deferred_waiting(const struct mm_deferred *d)
{
	return d ? mm_atomic_load_relaxed(&d->waiting) : 0;
}

enum mm_status mm_deferred_destroy(struct mm_deferred *d, size_t *refused)
{
	if (!d)
		return MM_E_INVAL;
	if (!d->heap)
		return MM_E_STATE;
	if (d->waiting)
		return MM_E_BUSY;
	if (d->filling)
		own_free(deferred_cache(d->heap), d->filling);
	if (refused)
		*refused = d->refused;
	*d = (struct mm_deferred){ 0 };
	return MM_OK;
}
