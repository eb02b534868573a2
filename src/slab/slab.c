/* SPDX-License-Identifier: MIT */
/* Theory of operation: slabs
 * Problem      cut pages into objects of one size, and know of any address which object it is and
 *              whether that object is out, without a word inside the object.
 * Structure    a slab is a block of pages and a descriptor elsewhere: one bit for each object (is
 *              it home?) and one byte (is it used?). Descriptors are cut from pages of the cache's
 *              own. A table of one pointer a frame leads from an address to the descriptor: one
 *              frame of table for each MM_SIDE_FRAMES frames that ever held a slab.
 *
 *                object:   home  --slab_take-->  in a magazine  --alloc-->  used
 *                                <--slab_put---                 <--free---
 *
 * Invariants   S1 an object is home (bit set), in exactly one magazine, or used (state byte).
 *              S2 nhome counts the bits; a slab is in `partial` if 0 < nhome < nobjects, in `empty`
 *                 if nhome == nobjects, in no list if nhome == 0.
 *              S3 the frame byte and the table are written before the first object leaves, and
 *                 cleared after the last is home, before the pages go back.
 *              S4 the page layer is called with no lock held: a new slab is made first and then
 *                 brought in, slabs to be given back are unhooked first.
 * Why no list through objects   it would touch cold memory at each free, and a stray write to a
 *              free object could lead the allocator anywhere.
 * Concurrency  the cache's lock guards lists, bits and counts. Tables are set with compare-and-swap
 *              and stay until the heap is destroyed. */
#include "slab.h"

/* Why p, whose frame has this byte, is in no slab. */
static enum mm_status slab_refuse(const struct mm_range *r, mm_pfn_t pfn, unsigned byte)
{
	mm_pfn_t head;

	if (byte == FRAME_FREE)
		return frame_find_head(r, pfn, &head) ? MM_E_OWNER : MM_E_DOUBLE_FREE;
	if (byte == FRAME_RESERVED || byte == FRAME_BAD || byte == FRAME_DEVICE || byte == FRAME_KEPT)
		return MM_E_FOREIGN;
	return MM_E_OWNER;
}

enum mm_status slab_find(const struct mm_heap *heap, const void *p, struct mm_slab **out)
{
	mm_pfn_t pfn;
	const struct mm_range *r = pmm_find_virt(heap->pmm, p, &pfn);
	unsigned byte;
	struct mm_slab *slab;

	if (!r)
		return MM_E_FOREIGN;
	byte = frame_load(r, pfn);
	if (byte < FRAME_SLAB)
		return slab_refuse(r, pfn, byte);
	slab = slab_of(r, pfn);
	if (!slab || slab->cache->heap != heap)
		return MM_E_OWNER;
	*out = slab;
	return MM_OK;
}

struct mm_slab *slab_elsewhere(const struct mm_heap *heap, const void *p)
{
	struct mm_slab *slab = NULL;
	enum mm_status st = slab_find(heap, p, &slab);

	MM_CHECK(heap->pmm->port, st == MM_OK);
	return slab;
}

/* The table for a frame, made if it is not there. */
static struct mm_slab **slab_table(struct mm_heap *heap, const struct mm_range *r, mm_pfn_t pfn,
				   uint32_t flags, enum mm_status *why)
{
	void **place = slab_table_place(r, pfn);
	void *table = mm_atomic_load_acquire(place), *page;

	if (table)
		return table;
	page = heap_page(heap, flags, why);
	if (!page)
		return NULL;
	__builtin_memset(page, 0, (size_t)MM_FRAME_SIZE);
	if (mm_atomic_cas(place, &table, page))
		return page;
	heap_free_page(heap, page); /* another CPU was first */
	return table;
}

/* Note the slab in the tables of all its frames; NULL to clear. The tables are there. */
static void slab_note(const struct mm_range *r, mm_pfn_t first, unsigned order,
		      struct mm_slab *slab)
{
	for (mm_pfn_t pfn = first; pfn < first + ((mm_pfn_t)1 << order); pfn++) {
		struct mm_slab **table = mm_atomic_load_relaxed(slab_table_place(r, pfn));

		mm_atomic_store_release(&table[pfn % MM_SIDE_FRAMES], slab);
	}
}

/* List places. The lock is held. */
static void slab_unhook(struct mm_slab **list, struct mm_slab *slab)
{
	if (slab->prev)
		slab->prev->next = slab->next;
	else
		*list = slab->next;
	if (slab->next)
		slab->next->prev = slab->prev;
	slab->next = slab->prev = NULL;
}

static void slab_hook(struct mm_slab **list, struct mm_slab *slab)
{
	slab->prev = NULL;
	slab->next = *list;
	if (slab->next)
		slab->next->prev = slab;
	*list = slab;
}

/* Cut a page into descriptors and keep them in `spare`. The lock is held. */
static void slab_add_descriptors(struct mm_cache *cache, void *page)
{
	unsigned char *at = (unsigned char *)page + sizeof(uintptr_t) * 2;
	unsigned char *end = (unsigned char *)page + (size_t)MM_FRAME_SIZE;

	*(void **)page = cache->meta;
	cache->meta = page;
	for (; (size_t)(end - at) >= cache->descriptor; at += cache->descriptor) {
		struct mm_slab *slab = (struct mm_slab *)(void *)at;

		slab->cache = cache;
		slab->base = NULL;
		slab_hook(&cache->spare, slab);
		cache->ndescriptors++;
		cache->nspare++;
	}
}

/* A descriptor without memory, or NULL. */
static struct mm_slab *slab_descriptor(struct mm_cache *cache, uint32_t flags, enum mm_status *why)
{
	const struct mm_port *port = cache->heap->pmm->port;
	uintptr_t irq = mm_lock(port, &cache->lock);
	struct mm_slab *slab = cache->spare;
	void *page;

	if (!slab) {
		mm_unlock(port, &cache->lock, irq); /* S4 */
		page = heap_page(cache->heap, flags, why);
		if (!page)
			return NULL;
		irq = mm_lock(port, &cache->lock);
		slab_add_descriptors(cache, page);
		slab = cache->spare;
	}
	slab_unhook(&cache->spare, slab);
	cache->nspare--;
	mm_unlock(port, &cache->lock, irq);
	return slab;
}

static void slab_keep_descriptor(struct mm_cache *cache, struct mm_slab *slab)
{
	const struct mm_port *port = cache->heap->pmm->port;
	uintptr_t irq = mm_lock(port, &cache->lock);

	slab_hook(&cache->spare, slab);
	cache->nspare++;
	mm_unlock(port, &cache->lock, irq);
}

/* All objects home, none used. */
static void slab_format(struct mm_cache *cache, struct mm_slab *slab)
{
	uint32_t left = cache->nobjects;

	slab->nhome = cache->nobjects;
	slab->hint = 0;
	for (uint32_t w = 0; w < slab_words(cache); w++, left -= SLAB_WORD_BITS)
		slab->home[w] = left >= SLAB_WORD_BITS ? ~(uintptr_t)0 : ((uintptr_t)1 << left) - 1;
	__builtin_memset(slab_state(slab, 0), OBJECT_IDLE, cache->nobjects);
}

/* Pages for a slab, marked and noted in the tables (S3). */
static enum mm_status slab_pages(struct mm_cache *cache, struct mm_slab *slab, uint32_t flags)
{
	struct mm_heap *heap = cache->heap;
	enum mm_status why = MM_E_NOMEM;
	struct mm_range *r;
	mm_pfn_t first;

	if (!mm_hook_fail())
		why = pmm_alloc_as(heap->pmm, cache->order, flags & MM_ALLOC_ATOMIC,
				   FRAME_SLAB + (unsigned)cache->id, &slab->pa);
	if (why != MM_OK)
		return why;
	first = mm_pa_to_pfn(slab->pa);
	r = pmm_find(heap->pmm, first);
	for (mm_pfn_t i = 0; i < (mm_pfn_t)1 << cache->order; i++)
		if (!slab_table(heap, r, first + i, flags, &why)) {
			enum mm_status st = pmm_free_as(heap->pmm, slab->pa, cache->order,
							FRAME_SLAB + (unsigned)cache->id);
			MM_CHECK(heap->pmm->port, st == MM_OK);
			return why;
		}
	slab->base = mm_port_to_virt(heap->pmm->port, slab->pa);
	slab_format(cache, slab);
	slab_note(r, first, cache->order, slab);
	return MM_OK;
}

/* Make a slab and bring it in. No lock is held (S4). */
static enum mm_status slab_grow(struct mm_cache *cache, uint32_t flags)
{
	const struct mm_port *port = cache->heap->pmm->port;
	enum mm_status why = MM_E_NOMEM;
	struct mm_slab *slab = slab_descriptor(cache, flags, &why);
	uintptr_t irq;

	if (!slab)
		return why;
	why = slab_pages(cache, slab, flags);
	if (why != MM_OK) {
		slab_keep_descriptor(cache, slab);
		return why;
	}
	irq = mm_lock(port, &cache->lock);
	slab_hook(&cache->empty, slab);
	cache->nempty++;
	cache->nslabs++;
	cache->home += cache->nobjects;
	mm_unlock(port, &cache->lock, irq);
	return MM_OK;
}

/* Give the pages of an unhooked slab back; its descriptor becomes a spare one. No lock is held. */
static void slab_discard(struct mm_cache *cache, struct mm_slab *slab)
{
	struct mm_pmm *pmm = cache->heap->pmm;
	mm_pfn_t first = mm_pa_to_pfn(slab->pa);
	enum mm_status st;

	slab_note(pmm_find(pmm, first), first, cache->order, NULL); /* S3 */
	slab->base = NULL;
	st = pmm_free_as(pmm, slab->pa, cache->order, FRAME_SLAB + (unsigned)cache->id);
	MM_CHECK(pmm->port, st == MM_OK);
	slab_keep_descriptor(cache, slab);
}

/* Move objects out of one slab. The lock is held. */
static uint32_t slab_take_some(struct mm_cache *cache, struct mm_slab *slab, void **out, uint32_t n)
{
	uint32_t got = 0;

	while (got < n && slab->nhome > got) {
		uintptr_t *word = &slab->home[slab->hint];
		uint32_t bit;

		if (*word == 0) {
			slab->hint++;
			continue;
		}
		bit = mm_lowest_bit64(*word);
		if (!MM_PLANTED(MM_PLANT_SLAB_BIT) || bit != SLAB_WORD_BITS - 1)
			*word &= *word - 1;
		out[got++] = slab->base + (size_t)(slab->hint * SLAB_WORD_BITS + bit) * cache->size;
	}
	slab->nhome -= got;
	cache->home -= got;
	return got;
}

/* Move objects out of the slabs that are there. The lock is held; keeps S2. */
static uint32_t slab_take_locked(struct mm_cache *cache, void **out, uint32_t n)
{
	uint32_t got = 0;

	while (got < n && (cache->partial || cache->empty)) {
		struct mm_slab *slab = cache->partial;

		if (!slab) {
			slab = cache->empty;
			slab_unhook(&cache->empty, slab);
			cache->nempty--;
			slab_hook(&cache->partial, slab);
		}
		got += slab_take_some(cache, slab, out + got, n - got);
		if (slab->nhome == 0)
			slab_unhook(&cache->partial, slab);
	}
	return got;
}

uint32_t slab_take(struct mm_cache *cache, void **out, uint32_t n, uint32_t flags,
		   enum mm_status *why)
{
	const struct mm_port *port = cache->heap->pmm->port;

	for (;;) {
		uintptr_t irq = mm_lock(port, &cache->lock);
		uint32_t got = slab_take_locked(cache, out, n);

		mm_unlock(port, &cache->lock, irq);
		if (got)
			return got;
		*why = slab_grow(cache, flags); /* others may take it all: then once more */
		if (*why != MM_OK)
			return 0;
	}
}

/* One object comes home. The lock is held; keeps S1, S2. */
static void slab_put_one(struct mm_cache *cache, void *p)
{
	const struct mm_port *port = cache->heap->pmm->port;
	struct mm_slab *slab = NULL;
	uint32_t i = 0, word;
	uintptr_t bit;
	bool ok = slab_find(cache->heap, p, &slab) == MM_OK && slab_index(slab, p, &i);

	MM_CHECK(port, ok);
	word = i / SLAB_WORD_BITS;
	bit = (uintptr_t)1 << i % SLAB_WORD_BITS;
	MM_CHECK(port, !(slab->home[word] & bit));
	slab->home[word] |= bit;
	if (word < slab->hint)
		slab->hint = word;
	cache->home++;
	if (slab->nhome++ == 0)
		slab_hook(&cache->partial, slab);
	if (slab->nhome == cache->nobjects) {
		slab_unhook(&cache->partial, slab);
		slab_hook(&cache->empty, slab);
		cache->nempty++;
	}
}

/* Unhook one empty slab if there are more than `keep`. The lock is held. */
static struct mm_slab *slab_surplus(struct mm_cache *cache, uint32_t keep)
{
	struct mm_slab *slab = cache->nempty > keep ? cache->empty : NULL;

	if (slab) {
		slab_unhook(&cache->empty, slab);
		cache->nempty--;
		cache->nslabs--;
		cache->home -= cache->nobjects;
	}
	return slab;
}

/* Give empty slabs back until `keep` are left. */
static void slab_trim(struct mm_cache *cache, uint32_t keep)
{
	const struct mm_port *port = cache->heap->pmm->port;

	for (;;) {
		uintptr_t irq = mm_lock(port, &cache->lock);
		struct mm_slab *slab = slab_surplus(cache, keep);

		mm_unlock(port, &cache->lock, irq);
		if (!slab)
			return;
		slab_discard(cache, slab); /* S4 */
	}
}

void slab_put(struct mm_cache *cache, void **objects, uint32_t n, uint32_t keep)
{
	const struct mm_port *port = cache->heap->pmm->port;
	uintptr_t irq = mm_lock(port, &cache->lock);
	bool surplus;

	for (uint32_t i = 0; i < n; i++)
		slab_put_one(cache, objects[i]);
	surplus = cache->nempty > keep;
	mm_unlock(port, &cache->lock, irq);
	if (surplus)
		slab_trim(cache, keep);
}

void slab_release(struct mm_cache *cache)
{
	const struct mm_port *port = cache->heap->pmm->port;
	uintptr_t irq;
	void **page = NULL, **next;

	slab_trim(cache, 0);
	irq = mm_lock(port, &cache->lock);
	if (cache->nspare == cache->ndescriptors) { /* none is with a slab, nor on its way to one */
		page = cache->meta;
		cache->meta = NULL;
		cache->spare = NULL;
		cache->nspare = cache->ndescriptors = 0;
	}
	mm_unlock(port, &cache->lock, irq);
	for (; page; page = next) {
		next = *page;
		heap_free_page(cache->heap, page);
	}
}
