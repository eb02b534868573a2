/* SPDX-License-Identifier: MIT */
/* Theory of operation: is it whole?
 * Problem      damage shows late, and elsewhere. Who suspects some wants to know now; tests want to know always.
 * Structure    all that is known twice is compared, from counts down to objects:
 *
 *                heap --> caches --> parts --> lists, pages of descriptors --> slabs --> frames, objects
 *                     --> CPUs, depots --> magazines --> objects
 *                     --> records of large blocks, those that wait; the pool of guarded objects
 *
 *              Slabs are found by their descriptors' pages, since full ones are in no list (S2).
 * Invariants   those of slab.c (S1 to S10), magazine.c (G1 to G7), harden.c (H1, H2), O2 of owner.c, L2 and L3 of
 *              large.c, and I2 of nmi.c, by their numbers below.
 * What is not seen   an object that is in two magazines while another one is in none; large blocks without a record.
 *              Links are followed before it is known that they lead into memory; loops end, as they count.
 * Concurrency  nobody else is at work. */
#include "guard.h"
#include "owner.h"

/* Is that a slab with memory? One that lost it is in no table (S3, S8). */
static bool verify_has_memory(const struct mm_heap *heap, const struct mm_slab *slab)
{
	mm_pfn_t pfn;
	const struct mm_range *r = slab->base ? pmm_find_virt(heap->pmm, slab->base, &pfn) : NULL;

	return r && slab_of(r, pfn) == slab;
}

/* Do all its frames say whose they are? (S3) */
static bool verify_frames(const struct mm_cache *part, const struct mm_slab *slab)
{
	const struct mm_range *r;
	mm_pfn_t first = slab_first_frame(part, slab, &r);

	for (mm_pfn_t pfn = first; pfn < first + ((mm_pfn_t)1 << part->order); pfn++)
		if (!r || pfn > r->last || slab_of(r, pfn) != slab || frame_load(r, pfn) != FRAME_SLAB + part->id)
			return false;
	return true;
}

/* Is what is noted of an object, and what is around it, as it must be? (S1, H1, H2) */
static bool verify_object(const struct mm_cache *cache, const struct mm_slab *slab, uint32_t i, bool is_home)
{
#if MM_CHECKS >= 1
	bool returned = slab->states[i] == MM_OBJECT_RETURNED && slab->returned && !is_home; /* I2 */

	if (slab->states[i] > (is_home ? MM_OBJECT_IDLE : MM_OBJECT_OWN) && !returned)
		return false;
#endif
	return harden_is_sound(cache, slab->base + i * (size_t)cache->size, is_home);
}

static bool verify_bit(const struct mm_cache *cache, struct mm_slab *slab, uint32_t i)
{
	return slab_homes(cache, slab)[i / SLAB_WORD_BITS] >> i % SLAB_WORD_BITS & 1;
}

/* Are the bits, the states and the count of a slab true? */
static bool verify_slab(const struct mm_cache *cache, struct mm_slab *slab)
{
	uint32_t home = 0;

	if (slab->cache != cache_whole(cache) || slab->heap != cache->heap || slab->id != cache->id ||
	    slab->reciprocal != cache->reciprocal || !verify_frames(cache, slab) ||
	    (heap_nodes(cache->heap) > 1 && node_of_object(cache->heap, slab->base) != cache_node(cache)))
		return false;
	for (uint32_t i = 0; i < slab_words(cache) * SLAB_WORD_BITS; i++) {
		bool is_home = verify_bit(cache, slab, i);

		if (is_home && (i >= cache->nobjects || i / SLAB_WORD_BITS < slab->hint))
			return false;
		if (i < cache->nobjects && !verify_object(cache, slab, i, is_home))
			return false;
		home += is_home;
	}
	return home == slab->nhome;
}

/* Is a descriptor without memory as it must be? (S1) */
static bool verify_spare(const struct mm_cache *cache, const struct mm_slab *slab)
{
#if MM_CHECKS >= 1
	for (uint32_t i = 0; i <= cache->nobjects; i++)
		if (slab->states[i] != MM_OBJECT_IDLE)
			return false;
#endif
	return slab->cache == cache_whole(cache) && slab->heap == cache->heap && !slab->returned; /* S10 */
}

/* All descriptors of a part: each has a slab, or is spare. */
static bool verify_descriptors(const struct mm_cache *part)
{
	size_t slabs = 0, spare = 0, listed = 0;

	for (void **page = part->meta; page; page = *page)
		for (uint32_t at = SLAB_FIRST; (uint32_t)MM_FRAME_SIZE - at >= part->descriptor; at += part->descriptor) {
			struct mm_slab *slab = (struct mm_slab *)(void *)((unsigned char *)page + at);
			bool has = verify_has_memory(part->heap, slab);

			if (has ? !verify_slab(part, slab) : !verify_spare(part, slab))
				return false;
			slabs += has;
			spare += !has;
			if (slabs > part->nslabs || spare > part->nspare)
				return false;
		}
	for (const struct mm_slab *slab = part->spare; slab && listed <= spare; slab = slab->next)
		listed++;
	return slabs == part->nslabs && spare == part->nspare && listed == spare && slabs + spare == part->ndescriptors;
}

/* S2 over one list; adds up the slabs and the objects that are home. */
static bool verify_list(const struct mm_cache *part, struct mm_slab *slab, bool empty, size_t *slabs, size_t *home)
{
	for (; slab; slab = slab->next) {
		if (!verify_has_memory(part->heap, slab) || slab->nhome == 0 ||
		    (slab->nhome == part->nobjects) != empty || ++*slabs > part->nslabs)
			return false;
		*home += slab->nhome;
	}
	return true;
}

/* An object in a magazine is out of its slab and idle, and the slot tells where its state is. (G3) */
static bool verify_slot(const struct mm_cache *cache, const struct mm_slot *slot)
{
	struct mm_slab *slab;
	uint32_t i;

	if (slab_find(cache->heap, slot->p, &slab) != MM_OK || slab->cache != cache ||
	    !mm_object_index(slab, slot->p, &i) || i >= cache->nobjects || verify_bit(cache, slab, i))
		return false;
#if MM_CHECKS >= 1
	if (slot->state != &slab->states[i] || *slot->state != MM_OBJECT_IDLE)
		return false;
#endif
	return harden_is_sound(cache, slot->p, true);
}

/* So many objects are in a magazine of this cache, from its first place on. */
static bool verify_magazine(const struct mm_cache *cache, struct mm_slot *magazine, uint32_t n)
{
	const struct mm_slot *first = magazine_first(cache, magazine);

	if (n > cache->capacity || first[-1].p)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (!verify_slot(cache, &first[i]))
			return false;
	return true;
}

static bool verify_top(const struct mm_cache *cache, struct mm_slot *top)
{
	return !magazine_is_real(top) || verify_magazine(cache, magazine_of(top), magazine_objects(cache, top));
}

/* What CPUs have at hand of a cache. */
static bool verify_at_hand(const struct mm_cache *cache)
{
	const struct mm_heap *heap = cache->heap;

	for (uint32_t i = 0; i < heap->ncpus && !MM_PLANTED(MM_PLANT_VERIFY); i++)
		if (!verify_top(cache, heap->cpus[i].top[cache->id]) || !verify_top(cache, heap->cpus[i].spare[cache->id]))
			return false;
	return true;
}

/* A depot's magazine is full (G2), and all its objects are of its node (G7). */
static bool verify_full(const struct mm_cache *part, struct mm_slot *magazine)
{
	uint32_t node = cache_node(part);

	if (!verify_magazine(cache_whole(part), magazine, part->capacity))
		return false;
	return heap_nodes(part->heap) == 1 || MAGAZINES_HELD > 0 ||
	       (node_run(part->heap, magazine_first(part, magazine), part->capacity, &node) == part->capacity &&
		node == cache_node(part));
}

/* One part; adds up the objects that are out of their slabs. */
static bool verify_part(const struct mm_cache *part, size_t *out, size_t *admitted)
{
	size_t slabs = 0, empty = 0, home = 0;
	uint32_t full = 0;

	if (!verify_descriptors(part) || !verify_list(part, part->partial, false, &slabs, &home) ||
	    !verify_list(part, part->empty, true, &empty, &home))
		return false;
	for (struct mm_slot *m = part->full; m && full <= part->nfull; m = m->p == part->full ? NULL : m->p)
		if (full++ < part->nfull && !verify_full(part, m))
			return false;
	*out += part->nslabs * part->nobjects - home;
	*admitted += part->ndescriptors - part->nspare;
	return slabs + empty <= part->nslabs && empty == part->nempty && home == part->home && full == part->nfull &&
	       part->low <= full && part->low_empty <= empty;
}

enum mm_status mm_cache_verify(const struct mm_cache *cache)
{
	size_t out = 0, admitted = 0;

	if (!cache)
		return MM_E_INVAL;
	if (!cache->heap)
		return MM_E_STATE;
	for (const struct mm_cache *part = cache; part; part = cache_next_part(part))
		if (!verify_part(part, &out, &admitted))
			return MM_E_CORRUPT;
#if MM_NODES_MAX > 1
	if (admitted != cache->admitted)
		return MM_E_CORRUPT;
#endif
	return verify_at_hand(cache) && out >= magazine_count(cache) ? MM_OK : MM_E_CORRUPT;
}

/* A CPU is not in the middle of a call, has no magazine of a place without a cache (G5), and as many empty ones as it
 * says. Adds up its magazines. */
static bool verify_cpu(const struct mm_heap *heap, const struct mm_heap_cpu *cpu, size_t *magazines)
{
	uintptr_t blank = 0;

	for (uint32_t id = 0; id < MM_CACHES_MAX; id++) {
		size_t n = (size_t)magazine_is_real(cpu->top[id]) + magazine_is_real(cpu->spare[id]);

		if (n && !heap->caches[id].heap)
			return false;
		*magazines += n;
	}
	for (const struct mm_slot *m = cpu->blank; m && blank <= BLANK_MOST; m = m->p)
		blank++;
	*magazines += blank;
	return cpu->busy == MM_LOCAL_FREE && blank == blank_count(cpu->blank) && blank <= BLANK_MOST;
}

/* Magazines that nobody uses are as many as are counted, and all others are no more than there is room for. */
static bool verify_magazines(const struct mm_heap *heap, size_t used)
{
	size_t unused = 0, pages = 0;

	for (const struct mm_slot *m = heap->magazines; m && unused <= heap->nmagazines; m = m->p)
		unused++;
	for (const struct mm_slot *page = heap->magazine_pages; page && pages <= heap->nmagazine_pages; page = page->p)
		pages++;
	return unused == heap->nmagazines && pages == heap->nmagazine_pages &&
	       used + unused <= pages * ((size_t)MM_FRAME_SIZE / MM_MAGAZINE_BYTES);
}

/* Full magazines of the depots of a cache. */
static size_t verify_depots(const struct mm_cache *cache)
{
	size_t n = 0;

	for (const struct mm_cache *part = cache; part; part = cache_next_part(part))
		n += part->nfull;
	return n;
}

#if MM_CHECKS >= 1
/* Is the record of a large block, which may wait for readers, true? (O2) Its order then, or one that there is not. */
static unsigned verify_record(const struct mm_heap *heap, struct mm_slab *record)
{
	const struct owner_large *large = owner_large(record);
	mm_pfn_t pfn;
	const struct mm_range *r = pmm_find_virt(heap->pmm, record->base, &pfn);
	unsigned byte = r ? frame_load(r, pfn) : FRAME_FREE;
	size_t bytes = (size_t)MM_FRAME_SIZE << frame_order(byte);
	struct mm_slab *told = r ? slab_of(r, pfn) : NULL;

	if (byte < FRAME_LARGE || byte >= FRAME_SLAB || (told != record && told != slab_taken()) || record->heap ||
	    record->cache || large->heap != heap ||
	    large->bytes != bytes || !harden_is_sound_large(heap, record->base, bytes))
		return MM_LARGE_ORDERS;
	return frame_order(byte);
}

/* Are there as many records of each order as blocks are counted? Without notes there are none. */
static bool verify_large(const struct mm_heap *heap)
{
	size_t n[MM_LARGE_ORDERS] = { 0 };

	for (struct mm_slab *record = heap->large; record; record = record->next) {
		unsigned order = heap->notes ? verify_record(heap, record) : MM_LARGE_ORDERS;

		if (order == MM_LARGE_ORDERS || ++n[order] > heap->nlarge[order])
			return false;
	}
	for (unsigned order = 0; order < MM_LARGE_ORDERS && heap->notes; order++)
		if (n[order] != heap->nlarge[order])
			return false;
	return true;
}
#else
static bool verify_large(const struct mm_heap *heap)
{
	(void)heap;
	return true;
}
#endif

#if MM_HARDEN & MM_HARDEN_QUARANTINE
/* Are large blocks that wait nobody's, and as they were when they were freed? (L2, L3) */
static bool verify_held(const struct mm_heap *heap)
{
	uintptr_t frames = 0;

	if (heap->nheld > MM_HELD_MAX || heap->held_first >= MM_HELD_MAX || heap->held_frames > heap->held_most)
		return false;
	for (uint32_t i = 0; i < heap->nheld; i++) {
		const unsigned char *p = heap->held[(heap->held_first + i) % MM_HELD_MAX];
		mm_pfn_t pfn;
		const struct mm_range *r = pmm_find_virt(heap->pmm, p, &pfn);
		unsigned byte = r ? frame_load(r, pfn) : FRAME_FREE;

		if (byte < FRAME_LARGE || byte >= FRAME_SLAB || slab_of(r, pfn) != slab_taken() ||
		    !harden_is_clear_large(p, (size_t)MM_FRAME_SIZE << frame_order(byte)))
			return false;
		frames += (uintptr_t)1 << frame_order(byte);
	}
	return frames == heap->held_frames;
}
#else
static bool verify_held(const struct mm_heap *heap)
{
	(void)heap;
	return true;
}
#endif

static bool verify_heap(struct mm_heap *heap)
{
	size_t magazines = 0;

	for (uint32_t i = 1; i <= MM_KMALLOC_STEPS; i++)
		if (heap->classes[i] != mm_object_class(i * 16))
			return false;
	for (uint32_t id = 0; id < MM_CACHES_MAX; id++) {
		const struct mm_cache *cache = &heap->caches[id];

		if (cache->id != id || (cache->heap && mm_cache_verify(cache) != MM_OK))
			return false;
		magazines += cache->heap ? verify_depots(cache) : 0;
	}
	for (uint32_t i = 0; i < heap->ncpus; i++)
		if (!verify_cpu(heap, &heap->cpus[i], &magazines))
			return false;
	return verify_magazines(heap, magazines) && verify_large(heap) && verify_held(heap);
}

enum mm_status mm_heap_verify(struct mm_heap *heap)
{
	struct mm_guard *g;

	if (!heap)
		return MM_E_INVAL;
	if (!heap->pmm)
		return MM_E_STATE;
	g = GUARD_POSSIBLE ? heap->guard : NULL;
	return verify_heap(heap) && (!g || g->ops->is_sound(g)) ? MM_OK : MM_E_CORRUPT;
}
