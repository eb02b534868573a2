/* SPDX-License-Identifier: MIT */
/* Theory of operation: magazines
 * Problem      allocate and free at the cost of a few loads and stores, on any number of CPUs,
 *              without touching the object or a lock.
 * Structure    each CPU has two magazines for each cache, `top` and `spare`. Allocation pops from
 *              top, free pushes. When that cannot be done, the two change places; when neither can
 *              serve, a magazine is exchanged with the cache's depot, or filled from the slabs, or
 *              emptied into them. So a lock is taken once in some sixty calls.
 *
 *                top   <--->   spare   <--->   depot (full ones)   <--->   slabs
 *
 * Invariants   G1 top and spare are real magazines or magazine_none(), which is full and empty at
 *                 once and is never written.
 *              G2 the depot holds full magazines only; empty ones are the heap's, for any cache.
 *              G3 an object in a magazine is OBJECT_IDLE and not home (S1).
 *              G4 only its own CPU writes top and spare.
 *              G5 they become magazine_none() after their objects are home: who sees that of all
 *                 CPUs may unmake the cache.
 *              G6 while a CPU is inside, or its interrupts are off, the page layer is called with
 *                 MM_ALLOC_ATOMIC; the bypass, outside, may wait for other CPUs.
 * Interrupts   one that finds its CPU busy allocates from the slabs and frees into them, under the
 *              cache's lock, which is taken with interrupts off.
 * Why full magazines only in the depot   an exchange is then one pointer, whatever the cache. */
#include "slab.h"

void *const heap_no_magazine[MAGAZINE_WORDS] __attribute__((__aligned__(MAGAZINE_BYTES))) = { 0 };

static bool magazine_is_empty(void **top)
{
	return top[-1] == NULL;
}

static bool magazine_is_full(void **top)
{
	return ((uintptr_t)top & (MAGAZINE_BYTES - 1)) == 0;
}

static bool magazine_is_real(void **top)
{
	return top != magazine_none();
}

/* Only the CPU itself writes its tops; others may look whether it has any. */
static void magazine_set(void ***place, void **top)
{
	mm_atomic_store_relaxed(place, top);
}

/* The magazine of a top. */
static void **magazine_of(void **top)
{
	return (void **)(((uintptr_t)top - 1) & ~(uintptr_t)(MAGAZINE_BYTES - 1));
}

static void **magazine_first(const struct mm_cache *cache, void **magazine)
{
	return magazine + MAGAZINE_WORDS - cache->capacity;
}

static uint32_t magazine_objects(const struct mm_cache *cache, void **top)
{
	if (!magazine_is_real(top))
		return 0;
	return (uint32_t)(top - magazine_first(cache, magazine_of(top)));
}

/* Cut a page into magazines for nobody. The heap's lock is held. */
static void magazine_add_page(struct mm_heap *heap, void **page)
{
	/* the first one's link joins the pages: it is never given out */
	page[0] = heap->magazine_pages;
	heap->magazine_pages = page;
	heap->nmagazine_pages++;
	for (size_t at = MAGAZINE_WORDS; at < (size_t)MM_FRAME_SIZE / sizeof(void *);
	     at += MAGAZINE_WORDS) {
		page[at] = heap->magazines;
		heap->magazines = &page[at];
		heap->nmagazines++;
	}
}

/* An empty magazine for this cache, as its top; NULL if there is no memory. */
static void **magazine_new(struct mm_cache *cache, uint32_t flags)
{
	struct mm_heap *heap = cache->heap;
	const struct mm_port *port = heap->pmm->port;
	uintptr_t irq = mm_lock(port, &heap->lock);
	void **magazine = heap->magazines, **first;
	enum mm_status why;
	void *page;

	if (!magazine) {
		mm_unlock(port, &heap->lock, irq);
		page = heap_page(heap, flags, &why);
		if (!page)
			return NULL;
		irq = mm_lock(port, &heap->lock);
		magazine_add_page(heap, page);
		magazine = heap->magazines;
	}
	heap->magazines = *magazine;
	heap->nmagazines--;
	mm_unlock(port, &heap->lock, irq);
	first = magazine_first(cache, magazine);
	first[-1] = NULL;
	return first;
}

/* An empty magazine that is not needed. */
static void magazine_drop(struct mm_heap *heap, void **top)
{
	const struct mm_port *port = heap->pmm->port;
	void **magazine = magazine_of(top);
	uintptr_t irq;

	if (!magazine_is_real(top))
		return;
	irq = mm_lock(port, &heap->lock);
	*magazine = heap->magazines;
	heap->magazines = magazine;
	heap->nmagazines++;
	mm_unlock(port, &heap->lock, irq);
}

static uintptr_t depot_lock(struct mm_cache *cache)
{
	if (MM_PLANTED(MM_PLANT_DEPOT))
		return 0;
	return mm_lock(cache->heap->pmm->port, &cache->lock);
}

static void depot_unlock(struct mm_cache *cache, uintptr_t irq)
{
	if (!MM_PLANTED(MM_PLANT_DEPOT))
		mm_unlock(cache->heap->pmm->port, &cache->lock, irq);
}

/* A full magazine from the depot, as its top, or NULL. */
static void **depot_get(struct mm_cache *cache)
{
	uintptr_t irq = depot_lock(cache);
	void **magazine = cache->full;

	if (MM_PLANTED(MM_PLANT_DEPOT))
		mm_hook_step();
	if (magazine) {
		cache->full = *magazine;
		cache->nfull--;
	}
	depot_unlock(cache, irq);
	return magazine ? magazine + MAGAZINE_WORDS : NULL;
}

/* Leave a full magazine with the depot; false if it has enough. */
static bool depot_put(struct mm_cache *cache, void **top)
{
	void **magazine = magazine_of(top);
	uintptr_t irq = depot_lock(cache);
	bool room = cache->nfull < cache->depot_max;

	if (room) {
		*magazine = cache->full;
		cache->full = magazine;
		cache->nfull++;
	}
	depot_unlock(cache, irq);
	return room;
}

/* Bring the objects of a magazine home and drop it. */
static void magazine_flush(struct mm_cache *cache, void **top, uint32_t keep)
{
	uint32_t n = magazine_objects(cache, top);

	if (n)
		slab_put(cache, top - n, n, keep);
	magazine_drop(cache->heap, top);
}

/* The magazine at top has nothing, nor has spare: get objects. Returns the new top, or NULL. */
static void **magazine_refill(struct mm_cache *cache, struct mm_heap_cpu *cpu, uint32_t flags,
			      enum mm_status *why)
{
	void **top = cpu->top[cache->id], **full = depot_get(cache);
	uint32_t n;

	if (full) {
		magazine_drop(cache->heap, top);
		return full;
	}
	if (!magazine_is_real(top)) {
		top = magazine_new(cache, flags);
		if (!top)
			return NULL;
		magazine_set(&cpu->top[cache->id], top);
	}
	n = slab_take(cache, top, cache->capacity, flags, why);
	return n ? top + n : NULL;
}

/* The path that needs no magazine. */
static void *magazine_bypass(struct mm_cache *cache, uint32_t flags, enum mm_status *why)
{
	void *p = NULL;

	(void)slab_take(cache, &p, 1, flags, why);
	return p;
}

static void *magazine_alloc_slow(struct mm_cache *cache, struct mm_heap_cpu *cpu, uint32_t flags,
				 enum mm_status *why)
{
	void **top = cpu->spare[cache->id];

	if (!magazine_is_empty(top))
		magazine_set(&cpu->spare[cache->id], cpu->top[cache->id]);
	else
		top = magazine_refill(cache, cpu, flags | MM_ALLOC_ATOMIC, why); /* G6 */
	if (!top)
		return NULL;
	magazine_set(&cpu->top[cache->id], top - 1);
	return top[-1];
}

void *magazine_alloc(struct mm_cache *cache, uint32_t flags, enum mm_status *why)
{
	uintptr_t saved;
	struct mm_heap_cpu *cpu = heap_enter(cache->heap, &saved);
	void **top, *p = NULL;

	if (cpu) {
		top = cpu->top[cache->id];
		p = top[-1];
		if (p)
			magazine_set(&cpu->top[cache->id], top - 1);
		else
			p = magazine_alloc_slow(cache, cpu, flags, why);
		if (mm_atomic_load_relaxed(&cpu->drain))
			magazine_flush_cpu(cache->heap, cpu);
		mm_local_leave(&cpu->busy);
	}
	mm_local_unpin(cache->heap->pmm->port, saved);
	return p ? p : magazine_bypass(cache, flags, why);
}

/* Make room: top and spare are full. Returns an empty top, or NULL. */
static void **magazine_make_room(struct mm_cache *cache, struct mm_heap_cpu *cpu)
{
	void **spare = cpu->spare[cache->id], **empty;

	if (magazine_is_real(spare)) {
		if (!depot_put(cache, spare))
			magazine_flush(cache, spare, SLAB_KEEP);
		magazine_set(&cpu->spare[cache->id], magazine_none());
	}
	empty = magazine_new(cache, MM_ALLOC_ATOMIC);
	if (empty)
		magazine_set(&cpu->spare[cache->id], cpu->top[cache->id]);
	return empty;
}

static void magazine_free_slow(struct mm_cache *cache, struct mm_heap_cpu *cpu, void *p)
{
	void **top = cpu->spare[cache->id];

	if (!magazine_is_full(top))
		magazine_set(&cpu->spare[cache->id], cpu->top[cache->id]);
	else
		top = magazine_make_room(cache, cpu);
	if (!top) {
		slab_put(cache, &p, 1, SLAB_KEEP);
		return;
	}
	*top = p;
	magazine_set(&cpu->top[cache->id], top + 1);
}

void magazine_free(struct mm_cache *cache, void *p)
{
	uintptr_t saved;
	struct mm_heap_cpu *cpu = heap_enter(cache->heap, &saved);
	void **top;

	if (!cpu) {
		mm_local_unpin(cache->heap->pmm->port, saved);
		slab_put(cache, &p, 1, SLAB_KEEP);
		return;
	}
	top = cpu->top[cache->id];
	if (magazine_is_full(top)) {
		magazine_free_slow(cache, cpu, p);
	} else {
		*top = p;
		magazine_set(&cpu->top[cache->id], top + 1);
	}
	if (mm_atomic_load_relaxed(&cpu->drain))
		magazine_flush_cpu(cache->heap, cpu);
	mm_local_leave(&cpu->busy);
	mm_local_unpin(cache->heap->pmm->port, saved);
}

void magazine_flush_cpu(struct mm_heap *heap, struct mm_heap_cpu *cpu)
{
	mm_atomic_store_relaxed(&cpu->drain, 0u);
	for (uint32_t id = 0; id < MM_CACHES_MAX; id++) {
		struct mm_cache *cache = &heap->caches[id];
		void **top = cpu->top[id], **spare = cpu->spare[id];

		if (!magazine_is_real(top) && !magazine_is_real(spare))
			continue;
		magazine_flush(cache, top, SLAB_KEEP);
		magazine_flush(cache, spare, SLAB_KEEP);
		mm_atomic_store_release(&cpu->top[id], magazine_none()); /* G5 */
		mm_atomic_store_release(&cpu->spare[id], magazine_none());
	}
}

void magazine_flush_depot(struct mm_cache *cache)
{
	void **top;

	while ((top = depot_get(cache)) != NULL)
		magazine_flush(cache, top, SLAB_KEEP);
}

size_t magazine_count(const struct mm_cache *cache)
{
	const struct mm_heap *heap = cache->heap;
	size_t n = (size_t)cache->nfull * cache->capacity;

	for (uint32_t i = 0; i < heap->ncpus; i++) {
		void **top = mm_atomic_load_relaxed(&heap->cpus[i].top[cache->id]);
		void **spare = mm_atomic_load_relaxed(&heap->cpus[i].spare[cache->id]);

		if (heap->cpus[i].online)
			n += magazine_objects(cache, top) + magazine_objects(cache, spare);
	}
	return n;
}

void magazine_release(struct mm_heap *heap)
{
	const struct mm_port *port = heap->pmm->port;
	const size_t in_page = (size_t)MM_FRAME_SIZE / MAGAZINE_BYTES - 1;
	uintptr_t irq = mm_lock(port, &heap->lock);
	void **page = NULL, **next;

	if (heap->nmagazines == heap->nmagazine_pages * in_page) { /* all of them are here */
		page = heap->magazine_pages;
		heap->magazine_pages = heap->magazines = NULL;
		heap->nmagazine_pages = heap->nmagazines = 0;
	}
	mm_unlock(port, &heap->lock, irq);
	for (; page; page = next) {
		next = *page;
		heap_free_page(heap, page);
	}
}
