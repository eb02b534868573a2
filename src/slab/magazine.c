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
 * Nodes        (node.c) each has a depot of its own, which a full magazine goes to whose objects are all of
 *              it. A magazine with objects of several nodes keeps those of the CPU's own and has room then.
 * Invariants   G1 top and spare are real magazines or magazine_none(), which is full and empty at
 *                 once and is never written.
 *              G2 the depot holds full magazines only; empty ones are the CPU's (`blank`, BLANK_MOST of them at
 *                 most) or the heap's, for any cache. So an exchange with the depot takes one lock. A CPU that
 *                 has some has a real top or spare.
 *              G3 an object in a magazine is MM_OBJECT_IDLE and not home (S1); beside it, in its slot, is
 *                 where its state is.
 *              G4 only its own CPU writes top, spare and blank.
 *              G5 they become magazine_none() after their objects are home: who sees that of all
 *                 CPUs may unmake the cache. The tops of a place without a cache are
 *                 magazine_none(), so fast paths need not ask whether there is one.
 *              G6 while a CPU is inside, or its interrupts are off, the page layer is called with
 *                 MM_ALLOC_ATOMIC; the bypass, outside, may wait for other CPUs.
 *              G7 all objects in the depot of a part are of its node; with quarantine, whatever came there.
 * Depot        bounded by bytes. Each magazine that had to be filled from the slabs raises the bound by
 *              one (slab.c), up to 2 MiB: what came out in one burst comes back in one, and is wanted again.
 *              Emptying the depot puts the bound back.
 * Quarantine   (MM_HARDEN) what is freed goes to spare, never to top, so it does not come back at once; the
 *              depot is a queue, and gives its oldest magazine only if it has more than are held back. When
 *              there is no memory they are brought home, one after the other, and spare is used.
 * Interrupts   one that finds its CPU busy allocates from the slabs and frees into them, under the
 *              cache's lock, which is taken with interrupts off.
 * Direct       caches whose allocations are all looked at (owner.c) have no magazine at top: allocation goes to
 *              the slabs, one object at a time, and so does a free unless there is quarantine.
 * Why full magazines only in the depot   an exchange is then one pointer, whatever the cache. */
#include "slab.h"

#define BLANK_LOT 8u /* empty magazines that a CPU gets from the heap, or gives back, with one lock */

const struct mm_slot heap_no_magazine[MM_MAGAZINE_SLOTS]
	__attribute__((__aligned__(MM_MAGAZINE_BYTES))) = { { 0 } };

static bool magazine_is_empty(const struct mm_slot *top)
{
	return top[-1].p == NULL;
}

static bool magazine_is_full(const struct mm_slot *top)
{
	return ((uintptr_t)top & (MM_MAGAZINE_BYTES - 1)) == 0;
}

/* Only the CPU itself writes its tops; others may look whether it has any. */
static void magazine_set(struct mm_slot **place, struct mm_slot *top)
{
	mm_atomic_store_relaxed(place, top);
}

/* Slot 0 of a magazine links those that nobody uses, or the depot's; slot 1 of the first one of a page
 * links the pages. */
static void magazine_link(struct mm_slot **list, struct mm_slot *slot)
{
	slot->p = *list;
	magazine_set(list, slot);
}

/* Nobody uses a magazine. The heap's lock is held. */
static void magazine_add(struct mm_heap *heap, struct mm_slot *magazine)
{
	magazine_link(&heap->magazines, magazine);
	heap->nmagazines++;
}

static void blank_push(struct mm_heap_cpu *cpu, struct mm_slot *magazine)
{
	magazine[2].p = (void *)(blank_count(cpu->blank) + 1);
	magazine_link(&cpu->blank, magazine);
}

static struct mm_slot *blank_pop(struct mm_heap_cpu *cpu)
{
	struct mm_slot *magazine = cpu->blank;

	magazine_set(&cpu->blank, magazine->p);
	return magazine;
}

/* Cut a page into magazines. A lot of them is for this CPU, if it is for one; nobody uses the others. The heap's
 * lock is held. */
static void magazine_add_page(struct mm_heap *heap, struct mm_slot *page, struct mm_heap_cpu *cpu)
{
	size_t n = (size_t)MM_FRAME_SIZE / MM_MAGAZINE_BYTES, lot = cpu ? BLANK_LOT : 0;

	magazine_link(&heap->magazine_pages, &page[1]);
	heap->nmagazine_pages++;
	for (size_t at = 0; at < n; at++)
		if (at < lot)
			blank_push(cpu, &page[at * MM_MAGAZINE_SLOTS]);
		else
			magazine_add(heap, &page[at * MM_MAGAZINE_SLOTS]);
}

/* Take the heap's lock with a magazine there that nobody uses; false: why there is none, and no lock. */
static bool magazine_lock(struct mm_heap *heap, uint32_t flags, uintptr_t *irq, enum mm_status *why)
{
	const struct mm_port *port = heap->pmm->port;
	void *page;

	*irq = mm_lock(port, &heap->lock);
	if (heap->magazines)
		return true;
	mm_unlock(port, &heap->lock, *irq);
	page = heap_page(heap, flags, mm_hook_fail(), why);
	if (!page)
		return false;
	*irq = mm_lock(port, &heap->lock);
	magazine_add_page(heap, page, NULL);
	return true;
}

/* A magazine that nobody used. The heap's lock is held. */
static struct mm_slot *magazine_unlink(struct mm_heap *heap)
{
	struct mm_slot *magazine = heap->magazines;

	magazine_set(&heap->magazines, magazine->p);
	heap->nmagazines--;
	return magazine;
}

/* The top of one that is empty. */
static struct mm_slot *magazine_start(const struct mm_cache *cache, struct mm_slot *magazine)
{
	struct mm_slot *first = magazine_first(cache, magazine);

	first[-1].p = NULL;
	return first;
}

struct mm_slot *magazine_new(struct mm_cache *cache, uint32_t flags, enum mm_status *why)
{
	struct mm_heap *heap = cache->heap;
	struct mm_slot *magazine;
	uintptr_t irq;

	if (!magazine_lock(heap, flags, &irq, why))
		return NULL;
	magazine = magazine_unlink(heap);
	mm_unlock(heap->pmm->port, &heap->lock, irq);
	return magazine_start(cache, magazine);
}

void magazine_drop(struct mm_heap *heap, struct mm_slot *top)
{
	const struct mm_port *port = heap->pmm->port;
	uintptr_t irq;

	if (!magazine_is_real(top))
		return;
	irq = mm_lock(port, &heap->lock);
	magazine_add(heap, magazine_of(top));
	mm_unlock(port, &heap->lock, irq);
}

/* Give empty magazines of a CPU back until it has no more than `keep`. */
static void blank_trim(struct mm_heap *heap, struct mm_heap_cpu *cpu, uintptr_t keep)
{
	const struct mm_port *port = heap->pmm->port;
	uintptr_t irq;

	if (blank_count(cpu->blank) <= keep)
		return;
	irq = mm_lock(port, &heap->lock);
	do
		magazine_add(heap, blank_pop(cpu));
	while (blank_count(cpu->blank) > keep);
	mm_unlock(port, &heap->lock, irq);
}

/* A magazine of a CPU is empty. */
static void blank_keep(struct mm_heap *heap, struct mm_heap_cpu *cpu, struct mm_slot *top)
{
	if (!magazine_is_real(top))
		return;
	blank_push(cpu, magazine_of(top));
	if (blank_count(cpu->blank) > BLANK_MOST)
		blank_trim(heap, cpu, BLANK_MOST - BLANK_LOT);
}

/* Get a CPU empty magazines: some that nobody uses, or new ones. Often there are none, which is seen without the lock.
 * False: there is no memory. */
static PMM_SLOW bool blank_refill(struct mm_heap *heap, struct mm_heap_cpu *cpu, uint32_t flags)
{
	const struct mm_port *port = heap->pmm->port;

	while (!cpu->blank) { /* or other CPUs were faster */
		enum mm_status why;
		bool some = mm_atomic_load_relaxed(&heap->magazines) != NULL;
		struct mm_slot *page = some ? NULL : heap_page(heap, flags, mm_hook_fail(), &why);
		uintptr_t irq;

		if (!some && !page)
			return false;
		irq = mm_lock(port, &heap->lock);
		if (page)
			magazine_add_page(heap, page, cpu);
		for (uint32_t i = 0; some && i < BLANK_LOT && heap->magazines; i++)
			blank_push(cpu, magazine_unlink(heap));
		mm_unlock(port, &heap->lock, irq);
	}
	return true;
}

/* An empty magazine for a CPU, as its top; NULL if there is no memory. */
MM_OBJECT_FN struct mm_slot *blank_get(struct mm_cache *cache, struct mm_heap_cpu *cpu, uint32_t flags)
{
	if (!cpu->blank && !blank_refill(cache->heap, cpu, flags))
		return NULL;
	return magazine_start(cache, blank_pop(cpu));
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

#if MM_HARDEN & MM_HARDEN_QUARANTINE
/* A queue: `full` is the newest magazine, which links the oldest one. */
static struct mm_slot *depot_pop(struct mm_cache *cache, struct mm_slot *newest)
{
	struct mm_slot *oldest = newest->p;

	if (MM_PLANTED(MM_PLANT_DEPOT))
		mm_hook_step();
	newest->p = oldest->p;
	if (oldest == newest)
		cache->full = NULL;
	return oldest;
}

static void depot_push(struct mm_cache *cache, struct mm_slot *magazine)
{
	struct mm_slot *newest = cache->full;

	magazine->p = newest ? newest->p : magazine;
	if (newest)
		newest->p = magazine;
	cache->full = magazine;
}
#else
static struct mm_slot *depot_pop(struct mm_cache *cache, struct mm_slot *magazine)
{
	if (MM_PLANTED(MM_PLANT_DEPOT))
		mm_hook_step();
	cache->full = magazine->p;
	return magazine;
}

static void depot_push(struct mm_cache *cache, struct mm_slot *magazine)
{
	magazine_link(&cache->full, magazine);
}
#endif

/* So many full ones are there now; who has no lock may look. The lock is held. */
static void depot_count(struct mm_cache *cache, uint32_t n)
{
	mm_atomic_store_relaxed(&cache->nfull, n);
}

struct mm_slot *depot_get(struct mm_cache *cache, uint32_t held)
{
	uintptr_t irq = depot_lock(cache);
	struct mm_slot *magazine = cache->full;

	if (magazine && (cache->nfull > held || MM_PLANTED(MM_PLANT_HELD))) {
		magazine = depot_pop(cache, magazine);
		depot_count(cache, cache->nfull - 1);
		if (cache->nfull < cache->low)
			cache->low = cache->nfull;
	} else {
		magazine = NULL;
	}
	depot_unlock(cache, irq);
	return magazine ? magazine + MM_MAGAZINE_SLOTS : NULL;
}

/* Leave a full magazine with the depot. Returns one that is too many there, or NULL. */
static struct mm_slot *depot_put(struct mm_cache *cache, struct mm_slot *top)
{
	uintptr_t irq = depot_lock(cache);

	if (cache->nfull < cache->depot_max) {
		depot_push(cache, magazine_of(top));
		depot_count(cache, cache->nfull + 1);
		top = NULL;
	} else if (MAGAZINES_HELD) {
		depot_push(cache, magazine_of(top));
		top = depot_pop(cache, cache->full) + MM_MAGAZINE_SLOTS;
	}
	depot_unlock(cache, irq);
	return top;
}

/* Bring the objects of a magazine home; its top then. */
static struct mm_slot *magazine_empty(struct mm_cache *cache, struct mm_slot *top, uint32_t keep)
{
	uint32_t n = magazine_objects(cache, top);

	if (n)
		slab_put(cache, top - n, n, keep);
	return top - n;
}

void magazine_flush(struct mm_cache *cache, struct mm_slot *top, uint32_t keep)
{
	magazine_drop(cache->heap, magazine_empty(cache, top, keep));
}

/* Only objects of this node stay in a magazine; its top then. */
static struct mm_slot *magazine_sort(struct mm_cache *cache, uint32_t node, struct mm_slot *top)
{
	uint32_t n = magazine_objects(cache, top);

	return n ? top - n + node_sort(cache, node, top - n, n) : top;
}

/* Node of the objects that this CPU, which is entered, is to have. */
static uint32_t magazine_node(const struct mm_heap *heap, const struct mm_heap_cpu *cpu)
{
	return heap_nodes(heap) == 1 ? 0 : node_of_cpu(heap, (uint32_t)(cpu - heap->cpus));
}

#if MM_HARDEN & MM_HARDEN_RANDOM
/* Objects of a magazine, n below its top, in random order. */
static void magazine_shuffle(const struct mm_cache *cache, struct mm_slot *top, uint32_t n)
{
	const struct mm_port *port = cache->heap->pmm->port;
	uint32_t x;

	if (!port->random)
		return;
	x = (uint32_t)port->random(port->ctx);
	for (struct mm_slot *first = top - n; n > 1; n--) {
		struct mm_slot last = first[n - 1];
		uint32_t i;

		x = x * 747796405u + 2891336453u; /* its upper bits, which are the good ones, choose */
		i = (uint32_t)((uint64_t)x * n >> 32);
		first[n - 1] = first[i];
		first[i] = last;
	}
}
#else
static void magazine_shuffle(const struct mm_cache *cache, struct mm_slot *top, uint32_t n)
{
	(void)cache;
	(void)top;
	(void)n;
}
#endif

uint32_t magazine_fill_part(struct mm_cache *part, struct mm_slot *out, uint32_t n, uint32_t flags,
			    enum mm_status *why)
{
	struct mm_slot *oldest;
	uint32_t got;

	while (!(got = slab_take(part, out, n, flags, why)) &&
	       (MAGAZINES_HELD > 0 || heap_nodes(part->heap) > 1)) {
		oldest = depot_get(part, 0);
		if (!oldest)
			break;
		magazine_flush(part, oldest, SLAB_KEEP);
	}
	return got;
}

/* Objects from slabs into out[]; if there is no memory, quarantine ends. */
static uint32_t magazine_fill_once(struct mm_cache *cache, struct mm_slot *out, uint32_t n, uint32_t flags,
				   enum mm_status *why)
{
	return heap_nodes(cache->heap) == 1 ? magazine_fill_part(cache, out, n, flags, why) :
					      node_fill(cache, out, n, flags, why);
}

/* There was nothing. A slab that another CPU is making has room that is not there yet: what is told then is that it is
 * worth trying again. Waiting is not possible here, for it may be this CPU, in an interrupt. */
static PMM_SLOW uint32_t magazine_look_again(struct mm_cache *cache, struct mm_slot *out, uint32_t n, uint32_t flags,
					     enum mm_status *why)
{
	bool coming = slab_is_coming(cache, flags);
	enum mm_status again;
	uint32_t got;

	heap_take_back(cache->heap);
	got = magazine_fill_once(cache, out, n, flags | SLAB_HAVE, &again); /* it may have come */

	if (!got && coming)
		*why = MM_E_AGAIN;
	return got;
}

static uint32_t magazine_fill(struct mm_cache *cache, struct mm_slot *out, uint32_t n, uint32_t flags,
			      enum mm_status *why)
{
	uint32_t got;

	if (!MAGAZINES_HELD)
		heap_take_back(cache->heap);
	got = magazine_fill_once(cache, out, n, flags, why);
	if (MAGAZINES_HELD) /* not before others are handed out */
		heap_take_back(cache->heap);
	return got || MM_PLANTED(MM_PLANT_COMING) ? got : magazine_look_again(cache, out, n, flags, why);
}

/* A full magazine from the depot of this CPU's node, as its top, or NULL. With quarantine it may have objects of
 * other nodes, and none when they are home. */
static struct mm_slot *magazine_from_depot(struct mm_cache *cache, const struct mm_heap_cpu *cpu)
{
	uint32_t node = magazine_node(cache->heap, cpu);
	struct mm_cache *part = cache_part(cache, node);
	struct mm_slot *full;

	if (mm_atomic_load_relaxed(&part->nfull) <= MAGAZINES_HELD) /* no lock for that */
		return NULL;
	full = depot_get(part, MAGAZINES_HELD);

	return full && MAGAZINES_HELD > 0 && heap_nodes(cache->heap) > 1 ? magazine_sort(cache, node, full) : full;
}

/* The magazine at top has nothing, nor has spare: get objects. Returns the new top, or NULL. */
static struct mm_slot *magazine_refill(struct mm_cache *cache, struct mm_heap_cpu *cpu, uint32_t flags,
				       enum mm_status *why)
{
	struct mm_slot *top = cpu->top[cache->id], *full = magazine_from_depot(cache, cpu);
	uint32_t n;

	if (full) {
		blank_keep(cache->heap, cpu, top);
		n = MAGAZINES_HELD ? magazine_objects(cache, full) : cache->capacity;
		magazine_shuffle(cache, full, n);
		if (!MAGAZINES_HELD || n)
			return full;
		top = full;
		magazine_set(&cpu->top[cache->id], top);
	}
	if (!magazine_is_real(top)) {
		top = blank_get(cache, cpu, flags);
		if (!top)
			return NULL;
		magazine_set(&cpu->top[cache->id], top);
	}
	n = magazine_fill(cache, top, cache->capacity, flags, why);
	magazine_shuffle(cache, top + n, n);
	return n ? top + n : NULL;
}

/* The path that needs no magazine. */
static void *magazine_bypass(struct mm_cache *cache, uint32_t flags, enum mm_status *why)
{
	struct mm_slot slot;

	return magazine_fill(cache, &slot, 1, flags, why) ? magazine_use(&slot) : NULL;
}

static void *magazine_alloc_slow(struct mm_cache *cache, struct mm_heap_cpu *cpu, uint32_t flags,
				 enum mm_status *why)
{
	struct mm_slot *top = NULL;

	if (MAGAZINES_HELD || magazine_is_empty(cpu->spare[cache->id]))
		top = magazine_refill(cache, cpu, flags | MM_ALLOC_ATOMIC, why); /* G6 */
	if (!top && !magazine_is_empty(cpu->spare[cache->id])) {
		top = cpu->spare[cache->id];
		magazine_set(&cpu->spare[cache->id], cpu->top[cache->id]);
	}
	if (!top)
		return NULL;
	magazine_set(&cpu->top[cache->id], top - 1);
	return magazine_use(top - 1);
}

/* Can a CPU serve a request for objects of this node, with what is at its top, or else with its spare, or by a
 * refill? */
static bool magazine_suits(const struct mm_heap *heap, const struct mm_heap_cpu *cpu, const struct mm_slot *top,
			   const struct mm_slot *spare, uint32_t node, uint32_t flags)
{
	if (node == NODE_ANY)
		return true;
	if (magazine_is_empty(top) && !MAGAZINES_HELD) /* they change places */
		top = spare;
	if (!magazine_is_empty(top))
		return node_of_object(heap, top[-1].p) == node;
	return !(flags & MM_ALLOC_NODE_EXACT) && node == magazine_node(heap, cpu);
}

void *magazine_alloc(struct mm_cache *cache, uint32_t flags, enum mm_status *why)
{
	const struct mm_heap *heap = cache->heap;
	uint32_t node = flags & HEAP_NODE_FLAGS && heap_nodes(heap) > 1 ? node_of_flags(heap, flags) : NODE_ANY;
	uintptr_t saved;
	struct mm_heap_cpu *cpu;
	struct mm_slot *top;
	void *p = NULL;

	if (cache_is_direct(cache))
		return magazine_bypass(cache, flags, why);
	cpu = heap_enter(heap, &saved);
	if (cpu) {
		top = cpu->top[cache->id];
		if (!magazine_suits(heap, cpu, top, cpu->spare[cache->id], node, flags)) {
			p = NULL; /* another node's */
		} else if (magazine_is_empty(top)) {
			p = magazine_alloc_slow(cache, cpu, flags, why);
		} else {
			magazine_set(&cpu->top[cache->id], top - 1);
			p = magazine_use(top - 1);
		}
		if (magazine_is_asked(cpu))
			magazine_answer(cache->heap, cpu);
		mm_local_leave(&cpu->busy);
	}
	mm_local_unpin(heap->pmm->port, saved);
	return p ? p : magazine_bypass(cache, flags, why);
}

/* A full magazine leaves the CPU for a depot (G7), or, if its objects are of several nodes, those of the CPU's
 * own stay; but quarantine keeps it whole. What the CPU has then. */
static struct mm_slot *magazine_leave(struct mm_cache *cache, const struct mm_heap_cpu *cpu, struct mm_slot *top)
{
	struct mm_cache *part = cache;

	if (heap_nodes(cache->heap) > 1) {
		uint32_t here = magazine_node(cache->heap, cpu);

		part = node_part(cache, top - cache->capacity, cache->capacity);
		if (!part && !MAGAZINES_HELD)
			return magazine_sort(cache, here, top);
		if (!part)
			part = cache_part(cache, here);
	}
	top = depot_put(part, top);
	return top ? magazine_empty(cache, top, SLAB_KEEP) : magazine_none();
}

/* A CPU's spare magazine is full: it has none then, which is returned, or one with room. */
static struct mm_slot *magazine_put_away(struct mm_cache *cache, struct mm_heap_cpu *cpu)
{
	struct mm_slot *spare = cpu->spare[cache->id];

	if (!magazine_is_real(spare))
		return magazine_none();
	heap_take_back(cache->heap);
	spare = magazine_leave(cache, cpu, spare);
	magazine_set(&cpu->spare[cache->id], spare);
	return spare;
}

/* Make room: what objects are freed to is full. Returns what they can be freed to, or NULL. */
static struct mm_slot *magazine_make_room(struct mm_cache *cache, struct mm_heap_cpu *cpu)
{
	struct mm_slot *empty = cpu->spare[cache->id];

	if (!MAGAZINES_HELD && !magazine_is_full(empty)) {
		magazine_set(&cpu->spare[cache->id], cpu->top[cache->id]);
		return empty;
	}
	empty = magazine_put_away(cache, cpu);
	if (!magazine_is_real(empty))
		empty = blank_get(cache, cpu, MM_ALLOC_ATOMIC);
	if (empty && !MAGAZINES_HELD)
		magazine_set(&cpu->spare[cache->id], cpu->top[cache->id]);
	return empty;
}

/* Put an object into the magazines of a CPU; false: there is no room. */
static bool magazine_keep(struct mm_cache *cache, struct mm_heap_cpu *cpu, void *p, uint8_t *state)
{
	struct mm_slot **place = mm_object_freed(cpu, cache->id), *top = *place;

	if (magazine_is_full(top))
		top = cache_is_direct(cache) && !MAGAZINES_HELD ? NULL : magazine_make_room(cache, cpu);
	if (!top)
		return false;
	mm_object_slot(top, p, state);
	magazine_set(place, top + 1);
	return true;
}

/* Bring one object home. */
static PMM_SLOW void magazine_miss(struct mm_cache *cache, void *p, uint8_t *state)
{
	struct mm_slot slot;

	mm_object_slot(&slot, p, state);
	slab_put(cache, &slot, 1, SLAB_KEEP);
}

void mm_object_keep(struct mm_cache *cache, void *p, uint8_t *state)
{
	uintptr_t saved;
	struct mm_heap_cpu *cpu = heap_enter(cache->heap, &saved);
	bool kept = false;

	if (cpu) {
		kept = magazine_keep(cache, cpu, p, state);
		if (magazine_is_asked(cpu))
			magazine_answer(cache->heap, cpu);
		mm_local_leave(&cpu->busy);
	}
	mm_local_unpin(cache->heap->pmm->port, saved);
	if (!kept)
		magazine_miss(cache, p, state);
}

/* A CPU has no magazine of this place any more: its objects are home (G5). */
static void magazine_unhand(struct mm_heap_cpu *cpu, uint32_t id)
{
	mm_atomic_store_release(&cpu->top[id], magazine_none());
	mm_atomic_store_release(&cpu->spare[id], magazine_none());
}

void magazine_flush_cpu(struct mm_heap *heap, struct mm_heap_cpu *cpu)
{
	mm_atomic_store_relaxed(&cpu->drain, DRAIN_NONE);
	if (!MM_PLANTED(MM_PLANT_BLANK)) /* G2: who sees no top and no spare counts on it that all magazines are back */
		blank_trim(heap, cpu, 0);
	for (uint32_t id = 0; id < MM_CACHES_MAX; id++) {
		struct mm_cache *cache = &heap->caches[id];
		struct mm_slot *top = cpu->top[id], *spare = cpu->spare[id];

		if (!magazine_is_real(top) && !magazine_is_real(spare))
			continue;
		if (MM_PLANTED(MM_PLANT_UNHAND))
			magazine_unhand(cpu, id);
		magazine_flush(cache, top, SLAB_KEEP);
		magazine_flush(cache, spare, SLAB_KEEP);
		magazine_unhand(cpu, id);
	}
	if (MM_PLANTED(MM_PLANT_BLANK))
		blank_trim(heap, cpu, 0);
}

/* What a CPU, which is entered, has of other nodes goes home. What is in quarantine stays there. */
static void magazine_sort_cpu(struct mm_heap *heap, struct mm_heap_cpu *cpu)
{
	uint32_t node = magazine_node(heap, cpu);

	for (uint32_t id = 0; id < MM_CACHES_MAX; id++) {
		struct mm_cache *cache = &heap->caches[id];
		struct mm_slot *top = cpu->top[id], *spare = cpu->spare[id];

		if (!magazine_is_real(top) && !magazine_is_real(spare))
			continue;
		if (MM_PLANTED(MM_PLANT_AWAY))
			magazine_unhand(cpu, id);
		mm_atomic_store_release(&cpu->top[id], magazine_sort(cache, node, top)); /* G5 */
		if (!MAGAZINES_HELD)
			mm_atomic_store_release(&cpu->spare[id], magazine_sort(cache, node, spare));
	}
}

void magazine_answer(struct mm_heap *heap, struct mm_heap_cpu *cpu)
{
	uint32_t asked = DRAIN_AWAY;
	bool away = heap_nodes(heap) > 1 && mm_atomic_load_relaxed(&cpu->drain) == DRAIN_AWAY;

	if (away && MM_PLANTED(MM_PLANT_ASK))
		mm_atomic_store_relaxed(&cpu->drain, DRAIN_NONE);
	else if (away)
		away = mm_atomic_cas(&cpu->drain, &asked, DRAIN_NONE); /* N4 */
	if (away)
		magazine_sort_cpu(heap, cpu);
	else
		magazine_flush_cpu(heap, cpu);
}

void magazine_flush_depot(struct mm_cache *cache)
{
	for (struct mm_cache *part = cache; part; part = cache_next_part(part)) {
		struct mm_slot *top;
		uintptr_t irq;

		while ((top = depot_get(part, 0)) != NULL)
			magazine_flush(part, top, SLAB_KEEP);
		irq = depot_lock(part);
		part->depot_max = part->depot_least;
		depot_unlock(part, irq);
	}
}

size_t magazine_at_hand(const struct mm_cache *cache, const struct mm_heap_cpu *cpu)
{
	struct mm_slot *top = mm_atomic_load_acquire(&cpu->top[cache->id]); /* G5: or they are home */
	struct mm_slot *spare = mm_atomic_load_acquire(&cpu->spare[cache->id]);

	if (!mm_atomic_load_acquire(&cpu->online))
		return 0;
	return (size_t)magazine_objects(cache, top) + magazine_objects(cache, spare);
}

size_t magazine_count(const struct mm_cache *cache)
{
	const struct mm_heap *heap = cache->heap;
	size_t n = 0;

	for (const struct mm_cache *part = cache; part; part = cache_next_part(part))
		n += (size_t)mm_atomic_load_relaxed(&part->nfull) * part->capacity;
	for (uint32_t i = 0; i < heap->ncpus; i++)
		n += magazine_at_hand(cache, &heap->cpus[i]);
	return n;
}

void magazine_release(struct mm_heap *heap)
{
	const struct mm_port *port = heap->pmm->port;
	const size_t in_page = (size_t)MM_FRAME_SIZE / MM_MAGAZINE_BYTES;
	uintptr_t irq = mm_lock(port, &heap->lock);
	struct mm_slot *page = NULL, *next;

	if (heap->nmagazines == heap->nmagazine_pages * in_page) { /* all of them are here */
		page = heap->magazine_pages;
		heap->magazine_pages = NULL;
		magazine_set(&heap->magazines, NULL);
		heap->nmagazine_pages = heap->nmagazines = 0;
	}
	mm_unlock(port, &heap->lock, irq);
	for (; page; page = next) {
		next = page->p;
		heap_free_page(heap, page - 1);
	}
}
