/* SPDX-License-Identifier: MIT */
/* Theory of operation: prefilled handles
 * Problem      a path that cannot fail, nor wait, needs some objects, and does not know how many of them.
 * Structure    a magazine of the heap's that no CPU has: an object and where its state is, so that taking
 *              one out is a load and a store, in any context. It is not the cache's depot's either.
 * Invariants   H1 slots[0] to slots[n - 1] are objects that wait (parked.h).
 *              H2 a handle without a cache has no magazine.
 * Concurrency  one context at a time, which may be an NMI. */
#include <mmlib/reserve.h>
#include "owner.h"
#include "parked.h"

_Static_assert(MM_MAGAZINE_SLOTS - 3 >= MM_PREFILL_MAX, "slots 0 to 2 of a magazine are links");

/* Give objects back until n are left, and the magazine with the last one. */
static void prefill_trim(struct mm_prefill *h, uint32_t n)
{
	if (n == 0 && MM_PLANTED(MM_PLANT_DROP)) {
		magazine_drop(h->cache->heap, h->slots);
		mm_hook_step();
	}
	while (h->n > n)
		parked_free(h->cache, h->slots[--h->n].p);
	if (n == 0) {
		if (!MM_PLANTED(MM_PLANT_DROP))
			magazine_drop(h->cache->heap, h->slots);
		*h = (struct mm_prefill){ 0 };
	}
}

static enum mm_status prefill_add(struct mm_prefill *h, uint32_t flags, uintptr_t caller)
{
	enum mm_status st = parked_alloc(h->cache, flags, caller, &h->slots[h->n]);

	if (st == MM_OK)
		h->n++;
	return st;
}

enum mm_status mm_prefill_fill(struct mm_prefill *h, struct mm_cache *cache, uint32_t n, uint32_t flags)
{
	enum mm_status st = MM_OK;
	uint32_t had;

	if (!h || !cache || n == 0 || n > MM_PREFILL_MAX || flags & ~(uint32_t)MM_ALLOC_ATOMIC ||
	    (h->cache && h->cache != cache))
		return MM_E_INVAL;
	if (!cache->heap)
		return MM_E_STATE;
	had = h->n;
	if (!h->cache) {
		struct mm_slot *first = magazine_new(cache, flags, &st);

		if (!first)
			return st;
		h->cache = cache; /* H2 */
		h->slots = magazine_of(first) + 3;
	}
	while (h->n < n && st == MM_OK)
		st = prefill_add(h, flags, OWNER_CALLER);
	if (st != MM_OK)
		prefill_trim(h, had);
	return st;
}

void *mm_prefill_alloc(struct mm_prefill *h)
{
	struct mm_slot *slot;

	if (!h || !h->n)
		return NULL;
	slot = &h->slots[--h->n];
	owner_note(h->cache, slot->p, OWNER_CALLER);
	guard_note(h->cache, slot->p, OWNER_CALLER);
	return mm_object_hand_out(h->cache, magazine_use(slot));
}

void mm_prefill_return(struct mm_prefill *h)
{
	if (h && h->cache)
		prefill_trim(h, 0);
}
