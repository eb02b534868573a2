/* SPDX-License-Identifier: MIT */
/* Theory of operation: heaps that are used as one
 * Problem      keep what different places of a kernel allocate apart, though it is of one size; and free it by its
 *              address alone.
 * Structure    an array of heaps on one page layer. A hash of the place and of a secret tells the heap; the slab
 *              of an object has its heap, and tables of slabs belong to page frames, not to heaps.
 * Why heaps, and not more classes in one   a frame's byte names 126 caches, and a CPU's magazines have a place for
 *              each: who wants no copies must not pay for them.
 * The hash     one round would do to spread places; two, with half of the seed before each, so that which places
 *              share a heap does not follow from how far apart they are.
 * Invariants   A1 all heaps of a set have one page layer, so one window (heap.c): the tables of the first lead to
 *                 the slabs of all.
 *              A2 a place has one heap as long as the set lives: n and seed are not changed.
 *              A3 the tables tell which heap a large block is of (large.c). With MM_CHECKS 0 they do not: another heap than
 *                 the one that counted it may take it back, one that counts some of that order, so that a heap counts
 *                 none when all are free.
 * Concurrency  that of the heaps: a set is not written between its making and its end. */
#include <mmlib/site.h>
#include "guard.h"
#include "owner.h"

static uint32_t site_hash(const struct mm_heap_set *set, uintptr_t site)
{
	uint32_t x = (uint32_t)site ^ (uint32_t)((uint64_t)site >> 32) ^ set->seed[0];

	x *= 0x9e3779b1u;
	x = (x ^ x >> 16) + set->seed[1];
	return x * 0x85ebca6bu;
}

/* The heap of a place (A2), or NULL. */
static inline struct mm_heap *site_heap(const struct mm_heap_set *set, uintptr_t site)
{
	if (!set || !set->heaps)
		return NULL;
	return &set->heaps[(uint64_t)site_hash(set, site) * set->n >> 32];
}

struct mm_heap *mm_heap_set_site(const struct mm_heap_set *set, uintptr_t site)
{
	return site_heap(set, site);
}

/* The same, for calls that allocate. */
static inline struct mm_heap *site_serves(const struct mm_heap_set *set, uintptr_t site)
{
	return site_heap(set, MM_PLANTED(MM_PLANT_SITE) ? 0 : site);
}

/* The heap, if it is one of the set. */
static inline struct mm_heap *site_of_set(const struct mm_heap_set *set, struct mm_heap *heap)
{
	return (uintptr_t)heap - (uintptr_t)set->heaps < set->n * sizeof(*heap) ? heap : NULL;
}

/* The heap of a block of pages, or NULL (A3). */
static struct mm_heap *site_of_large(const struct mm_heap_set *set, mm_pfn_t pfn, unsigned order)
{
#if MM_CHECKS >= 1
	struct mm_slab *mark = owner_record(set->heaps, pfn);

	(void)order;
	return mark && mark != slab_taken() ? site_of_set(set, owner_large(mark)->heap) : NULL;
#else
	(void)pfn;
	for (uint32_t i = 0; i < set->n; i++)
		if (mm_atomic_load_relaxed(&set->heaps[i].nlarge[order]))
			return &set->heaps[i];
	return set->heaps;
#endif
}

/* Where the window ends, of guarded objects and blocks of pages. NULL: no heap of the set has memory there. */
static PMM_SLOW struct mm_heap *site_of_slow(const struct mm_heap_set *set, const void *p)
{
	const struct mm_range *r;
	struct mm_slab *slab;
	mm_pfn_t pfn;
	unsigned byte;

	for (uint32_t i = 0; i < set->n; i++)
		if (guard_pool(&set->heaps[i], p))
			return &set->heaps[i];
	r = set->heaps->pmm ? pmm_find_virt(set->heaps->pmm, p, &pfn) : NULL; /* not if somebody destroyed it */
	if (!r)
		return NULL;
	byte = frame_load(r, pfn);
	if (byte < FRAME_SLAB)
		return byte < FRAME_LARGE ? NULL : site_of_large(set, pfn, frame_order(byte));
	slab = slab_of(r, pfn);
	return slab ? site_of_set(set, slab->heap) : NULL;
}

/* The heap of an address (A1), or NULL. */
static inline struct mm_heap *site_of(const struct mm_heap_set *set, const void *p)
{
	struct mm_slab *slab;
	struct mm_heap *heap = mm_object_slab(set->heaps, p, &slab) ? site_of_set(set, slab->heap) : NULL;

	return heap ? heap : site_of_slow(set, p);
}

struct mm_heap *mm_heap_set_of(const struct mm_heap_set *set, const void *p)
{
	struct mm_heap *heap;

	if (!set || !set->heaps)
		return NULL;
	heap = site_of(set, p);
	return heap ? heap : set->heaps;
}

/* What this CPU's magazine does not have. */
static PMM_SLOW enum mm_status site_slow(struct mm_heap_set *set, size_t size, uint32_t flags, uintptr_t site,
					 uintptr_t caller, void **out)
{
	if (!set || !set->heaps)
		return set ? MM_E_STATE : MM_E_INVAL;
	return kmalloc_slow(site_serves(set, site), size, flags, caller, out);
}

enum mm_status mm_kmalloc_site_st(struct mm_heap_set *set, size_t size, uint32_t flags, uintptr_t site, void **out)
{
	void *p;

	if (!out || !mm_object_of_size(site_serves(set, site), size, flags, &p))
		return site_slow(set, size, flags, site, OWNER_CALLER, out);
	*out = p;
	return MM_OK;
}

static inline void *site_kmalloc(struct mm_heap_set *set, size_t size, uint32_t flags, uintptr_t site,
				 uintptr_t caller)
{
	void *p;

	if (mm_object_of_size(site_serves(set, site), size, flags, &p))
		return p;
	return site_slow(set, size, flags, site, caller, &p) == MM_OK ? p : NULL;
}

void *mm_kmalloc_site(struct mm_heap_set *set, size_t size, uint32_t flags, uintptr_t site)
{
	return site_kmalloc(set, size, flags, site, OWNER_CALLER);
}

void *mm_kmalloc_here(struct mm_heap_set *set, size_t size, uint32_t flags)
{
	return site_kmalloc(set, size, flags, OWNER_CALLER, OWNER_CALLER);
}

enum mm_status mm_krealloc_site_st(struct mm_heap_set *set, void *p, size_t size, uint32_t flags, uintptr_t site,
				   void **out)
{
	struct mm_heap *heap, *to;

	if (!set || !set->heaps || !p)
		return site_slow(set, size, flags, site, OWNER_CALLER, out);
	heap = to = mm_heap_set_of(set, p);
	if (MM_CHECKS == 0 && heap->pmm && kmalloc_is_large(heap, p)) /* A3 */
		to = site_serves(set, site);
	return kmalloc_resize(heap, p, size, flags, to, OWNER_CALLER, out);
}

/* Free an object of any heap; false: nothing has changed. */
static inline bool site_kfree(const struct mm_heap_set *set, void *p)
{
	struct mm_slab *slab; /* A1 */
	struct mm_heap *heap = mm_object_slab(set->heaps, p, &slab) ? site_of_set(set, slab->heap) : NULL;
	uint8_t *state = NULL;

	if (!heap || (MM_CHECKS >= 1 && !mm_object_retire_at(slab, p, &state)))
		return false;
	if (MM_PLANTED(MM_PLANT_CROSS))
		heap = set->heaps;
	if (!mm_object_push(heap, slab->id, p, state))
		mm_object_keep(&heap->caches[slab->id], p, state);
	return true;
}

/* Tail-called: kfree_slow(). */
static PMM_SLOW enum mm_status site_kfree_slow(struct mm_heap_set *set, void *p)
{
	struct mm_heap *heap = mm_heap_set_of(set, p);

	if (!heap)
		return set ? MM_E_STATE : MM_E_INVAL;
	return kfree_from(heap, p, OWNER_CALLER);
}

enum mm_status mm_kfree_set(struct mm_heap_set *set, void *p)
{
	return set && set->heaps && site_kfree(set, p) ? MM_OK : site_kfree_slow(set, p);
}

/* The first n heaps end. Nobody has used them. */
static void site_undo(struct mm_heap *heaps, uint32_t n)
{
	while (n-- > 0) {
		heap_end_caches(&heaps[n]);
		heap_leave(&heaps[n]);
	}
}

enum mm_status mm_heap_set_init(struct mm_heap_set *set, struct mm_heap *heaps, uint32_t n, struct mm_pmm *pmm,
				uint32_t ncpus, uint64_t seed)
{
	enum mm_status st = MM_OK;
	uint32_t i;

	if (!set || !heaps || n == 0 || n > MM_HEAP_SET_MAX)
		return MM_E_INVAL;
	for (i = 0; i < n && st == MM_OK; i++)
		st = mm_heap_init(&heaps[i], pmm, ncpus);
	if (st != MM_OK) {
		site_undo(heaps, i - 1);
		return st;
	}
	*set = (struct mm_heap_set){ heaps, n, { (uint32_t)seed, (uint32_t)(seed >> 32) } };
	return MM_OK;
}

/* Is everything of all heaps home? */
static enum mm_status site_settle(const struct mm_heap_set *set)
{
	enum mm_status st = MM_OK;
	size_t large = 0;

	for (uint32_t i = 0; i < set->n && st == MM_OK; i++) {
		st = heap_settle(&set->heaps[i]);
		large += heap_large(&set->heaps[i]);
	}
	return st == MM_OK && large ? MM_E_BUSY : st; /* A3 */
}

enum mm_status mm_heap_set_destroy(struct mm_heap_set *set)
{
	enum mm_status st;

	if (!set)
		return MM_E_INVAL;
	if (!set->heaps)
		return MM_E_STATE;
	st = site_settle(set);
	for (uint32_t i = 0; i < set->n && st == MM_OK; i++)
		st = heap_unguard(&set->heaps[i]);
	if (st != MM_OK)
		return st;
	for (uint32_t i = 0; i < set->n; i++)
		heap_end_caches(&set->heaps[i]);
	(void)heap_free_tables(set->heaps);
	for (uint32_t i = 0; i < set->n; i++)
		heap_leave(&set->heaps[i]);
	*set = (struct mm_heap_set){ 0 };
	return MM_OK;
}
