/* SPDX-License-Identifier: MIT */
/* Theory of operation: slabs
 * Problem      cut pages into objects of one size, and know of any address which object it is and
 *              whether that object is out, without a word inside the object.
 * Structure    a slab is a block of pages and a descriptor elsewhere: one bit for each object (is
 *              it home?) and one byte (is it used?). Descriptors are cut from pages of the cache's
 *              own. A table of one pointer a frame leads from an address to the descriptor, or to one that
 *              is of no heap: one frame of table for each MM_SIDE_FRAMES frames that ever held a slab.
 *
 *                object:   home  --slab_take-->  in a magazine  --alloc-->  used
 *                                <--slab_put---                 <--free---
 *
 * Invariants   S1 an object is home (bit set), in exactly one magazine, waits (parked.h), was freed by an NMI (nmi.c),
 *                 or is used or mmlib's own (state byte). States of a descriptor without memory are idle.
 *              S2 nhome counts the bits; a slab is in `partial` if 0 < nhome < nobjects, in `empty`
 *                 if nhome == nobjects, in no list if nhome == 0.
 *              S3 the frame byte and the table are written before the first object leaves, and
 *                 cleared after the last is home, before the pages go back.
 *              S4 the page layer is called with no lock held: a new slab is made first and then
 *                 brought in, slabs to be given back are unhooked first.
 *              S5 offset * reciprocal has the object's index in its upper half, and its lower half is
 *                 less than the reciprocal exactly if an object starts there: true as long as
 *                 (bytes of a slab + size) * size < 2^32 (cache.c sees to it). What is left at the end
 *                 of a slab has the index nobjects, and a state that is never MM_OBJECT_USED. What is left
 *                 before the first object, k < size - 1 bytes of it (a colour), starts none: 2^32 - k *
 *                 reciprocal, the lower half there, is not less than the reciprocal.
 *              S6 an object is constructed before its slab is in a table, and destructed after it has left
 *                 all lists: in between it is, whoever has it.
 *              S7 a slab is of the part of the cache that its memory's node has (node.c), and so are its
 *                 descriptor and that one's page; slab->cache is the cache itself.
 *              S8 a descriptor that lost its memory keeps `base`, so a late free, of what was freed before, that
 *                 came to it while the slab was there finds the object's state, which is idle (S1), and not any
 *                 other byte. That is as late as it may be: between two steps of such a free the descriptor must
 *                 not get another slab, nor its page go (slab_release()).
 *              S9 a place of a table in a range's array is NULL if there is none, else one more than the address
 *                 where the entry of frame 0 would be; frames are counted from the first that the range's first
 *                 table serves. It is odd, as tables and their sizes are even.
 *              S10 a slab in heap->returned is not given back: it is out of that before.
 * Why no list through objects   it would touch cold memory at each free, and a stray write to a
 *              free object could lead the allocator anywhere.
 * Quota        the slabs of all nodes are counted with the cache, by compare-and-swap: parts have locks of
 *              their own.
 * Concurrency  each part's lock guards its lists, bits and counts. Tables are set with compare-and-swap
 *              and stay until somebody says that nobody else is in a heap (mm_heap_trim(), mm_heap_destroy()). */
#include "guard.h"

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
	const struct mm_guard *g = guard_pool(heap, p);
	const struct mm_range *r;
	unsigned byte;
	struct mm_slab *slab;

	if (g)
		return g->ops->find(g, p, out);
	r = pmm_find_virt(heap->pmm, p, &pfn);
	if (!r)
		return MM_E_FOREIGN;
	byte = frame_load(r, pfn);
	if (byte < FRAME_SLAB)
		return slab_refuse(r, pfn, byte);
	slab = slab_of(r, pfn);
	if (!slab || slab->heap != heap) /* a record has no heap, and no cache */
		return MM_E_OWNER;
	*out = slab;
	return MM_OK;
}

enum mm_status slab_state(struct mm_slab *slab, const void *p, uint8_t **state)
{
	uint32_t i;

	if (!mm_object_index(slab, p, &i) || i >= slab_cache(slab)->nobjects)
		return MM_E_ALIGN;
	*state = &slab->states[i];
	return MM_OK;
}

enum mm_status slab_retire(struct mm_slab *slab, void *p, uint8_t **state, uintptr_t caller)
{
	enum mm_status st = slab_state(slab, p, state);
	struct mm_guard *g = guard_pool(slab->heap, p);

	if (st != MM_OK)
		return st;
	if (g)
		return g->ops->retire(g, p, caller);
#if MM_OBJECT_WATCHED
	st = mm_object_release(slab, p, *state);
	if (st == MM_E_CORRUPT)
		harden_tell(slab->heap, "memory behind an object was written: ",
			    (unsigned char *)p + cache_room(slab->cache));
	return st;
#else
	return MM_CHECKS == 0 || mm_object_retire(*state) ? MM_OK : object_not_used(*state);
#endif
}

enum mm_status slab_look(const struct mm_slab *slab, const void *p)
{
	uint32_t i;

	if (!mm_object_index(slab, p, &i) || i >= slab_cache(slab)->nobjects)
		return MM_E_ALIGN;
	if (MM_CHECKS >= 1 && mm_atomic_load_relaxed(&slab->states[i]) != MM_OBJECT_USED)
		return object_not_used(&slab->states[i]);
	return MM_OK;
}

const struct mm_slab heap_no_slab = { .base = NULL };
#if MM_CHECKS >= 1
const struct mm_slab heap_taken = { .id = 1 }; /* not the same bytes: linkers may make one of two that are alike */
#endif

/* Note the slab in the tables of all its frames, or that there is none. The tables are there. */
static void slab_note(const struct mm_range *r, mm_pfn_t first, unsigned order,
		      struct mm_slab *slab)
{
	for (mm_pfn_t pfn = first; pfn < first + ((mm_pfn_t)1 << order); pfn++) {
		uintptr_t frame = slab_frame(r, pfn);
		const void *place = mm_atomic_load_relaxed(slab_table_place(r, frame));

		mm_atomic_store_release(mm_object_entry(place, frame), slab);
	}
}

void slab_unhook(struct mm_slab **list, struct mm_slab *slab)
{
	if (slab->prev)
		slab->prev->next = slab->next;
	else
		*list = slab->next;
	if (slab->next)
		slab->next->prev = slab->prev;
	slab->next = slab->prev = NULL;
}

void slab_hook(struct mm_slab **list, struct mm_slab *slab)
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
	unsigned char *at = (unsigned char *)page + SLAB_FIRST;
	unsigned char *end = (unsigned char *)page + (size_t)MM_FRAME_SIZE;

	__builtin_memset(page, MM_OBJECT_IDLE, (size_t)MM_FRAME_SIZE); /* S1: and so they are when a slab goes */
	*(void **)page = cache->meta;
	cache->meta = page;
	for (; (size_t)(end - at) >= cache->descriptor; at += cache->descriptor) {
		struct mm_slab *slab = (struct mm_slab *)(void *)at;

		slab->cache = cache_whole(cache); /* S7 */
		slab->heap = cache->heap;
		slab->reciprocal = cache->reciprocal;
		slab->id = cache->id;
		slab->base = NULL;
		slab_hook(&cache->spare, slab);
		cache->ndescriptors++;
		cache->nspare++;
	}
}

/* Slabs of the cache, those that come or go included. The lock of some part is held. */
static size_t slab_admitted(const struct mm_cache *cache)
{
#if MM_NODES_MAX > 1
	return mm_atomic_load_relaxed(&cache_whole(cache)->admitted);
#else
	return cache->ndescriptors - cache->nspare;
#endif
}

/* May the cache have one slab more? If not, why: with all slabs that it has, or with one that comes or goes. */
static bool slab_is_admitted(struct mm_cache *cache, enum mm_status *why)
{
	size_t n = slab_admitted(cache);

	*why = n > cache_slabs(cache_whole(cache)) && !MM_PLANTED(MM_PLANT_COMING) ? MM_E_AGAIN : MM_E_NOSPC;
	return n < cache->quota;
}

/* The same, and it is counted. */
static bool slab_admit(struct mm_cache *cache)
{
#if MM_NODES_MAX > 1
	struct mm_cache *whole = cache_whole(cache);
	uintptr_t n = mm_atomic_load_relaxed(&whole->admitted);

	do {
		if (n >= whole->quota)
			return false;
		if (MM_PLANTED(MM_PLANT_QUOTA))
			mm_atomic_store_relaxed(&whole->admitted, n + 1);
	} while (!MM_PLANTED(MM_PLANT_QUOTA) && !mm_atomic_cas(&whole->admitted, &n, n + 1));
	return true;
#else
	return slab_admitted(cache) < cache->quota;
#endif
}

/* It has one less. */
static void slab_dismiss(struct mm_cache *cache)
{
#if MM_NODES_MAX > 1
	mm_atomic_add(&cache_whole(cache)->admitted, (uintptr_t)0 - 1);
#else
	(void)cache;
#endif
}

/* A descriptor without memory, or NULL: there is none, or the cache has enough. The lock is held. */
static struct mm_slab *slab_spare(struct mm_cache *cache)
{
	struct mm_slab *slab = cache->spare && slab_admit(cache) ? cache->spare : NULL;

	if (slab) {
		slab_unhook(&cache->spare, slab);
		cache->nspare--;
	}
	return slab;
}

/* Flags for pages of a part (S7): of its node, and of no other. */
static uint32_t slab_page_flags(const struct mm_cache *cache, uint32_t flags)
{
	flags &= HEAP_PAGE_FLAGS & ~ZONE_NODE_FLAGS;
	if (heap_nodes(cache->heap) == 1 || MM_PLANTED(MM_PLANT_HOMING))
		return flags;
	return flags | MM_ALLOC_NODE(cache_node(cache)) | MM_ALLOC_NODE_EXACT;
}

/* The same, made if there is none; NULL: why not. */
static struct mm_slab *slab_descriptor(struct mm_cache *cache, uint32_t flags, enum mm_status *why)
{
	const struct mm_port *port = cache->heap->pmm->port;
	uintptr_t irq = mm_lock(port, &cache->lock);
	struct mm_slab *slab = slab_spare(cache);
	bool enough = !slab_is_admitted(cache, why);
	void *page;

	mm_unlock(port, &cache->lock, irq); /* S4 */
	if (slab || enough)
		return slab;
	page = heap_page(cache->heap, slab_page_flags(cache, flags), mm_hook_fail(), why);
	if (!page)
		return NULL;
	irq = mm_lock(port, &cache->lock);
	slab_add_descriptors(cache, page);
	slab = slab_spare(cache);
	(void)slab_is_admitted(cache, why); /* others were faster */
	mm_unlock(port, &cache->lock, irq);
	return slab;
}

static void slab_keep_descriptor(struct mm_cache *cache, struct mm_slab *slab)
{
	const struct mm_port *port = cache->heap->pmm->port;
	uintptr_t irq = MM_PLANTED(MM_PLANT_DENIED) ? 0 : mm_lock(port, &cache->lock);
	size_t nspare = cache->nspare + 1;

	if (MM_PLANTED(MM_PLANT_DENIED))
		mm_hook_step();
	slab_hook(&cache->spare, slab);
	cache->nspare = nspare;
	if (!MM_PLANTED(MM_PLANT_DENIED))
		mm_unlock(port, &cache->lock, irq);
	slab_dismiss(cache);
}

/* All objects home, none used. */
static void slab_format(struct mm_cache *cache, struct mm_slab *slab)
{
	uintptr_t *home = slab_homes(cache, slab);
	uint32_t left = cache->nobjects;

	slab->nhome = cache->nobjects;
	slab->hint = 0;
	for (uint32_t w = 0; w < slab_words(cache); w++, left -= SLAB_WORD_BITS)
		home[w] = left >= SLAB_WORD_BITS ? ~(uintptr_t)0 : ((uintptr_t)1 << left) - 1;
}

/* Does the host admit the pages of a slab? */
static bool slab_charge(const struct mm_cache *cache)
{
	const struct mm_cache_hooks *hooks = cache->hooks;

	return !hooks || !hooks->charge || hooks->charge(hooks->ctx, (size_t)MM_FRAME_SIZE << cache->order);
}

static void slab_uncharge(const struct mm_cache *cache)
{
	const struct mm_cache_hooks *hooks = cache->hooks;

	if (hooks && hooks->uncharge)
		hooks->uncharge(hooks->ctx, (size_t)MM_FRAME_SIZE << cache->order);
}

/* Call a constructor or destructor for all objects of a slab. */
static void slab_each(const struct mm_cache *cache, const struct mm_slab *slab,
		      void (*fn)(void *ctx, void *p))
{
	for (uint32_t at = 0; fn && at < cache->span; at += cache->size)
		fn(cache->hooks->ctx, slab->base + at);
}

/* Where the first object of the next slab begins. */
static uint32_t slab_colour(struct mm_cache *cache)
{
	const struct mm_port *port = cache->heap->pmm->port;
	uint32_t rest = ((uint32_t)MM_FRAME_SIZE << cache->order) - cache->span, at;
	uintptr_t irq;

	if (!cache->colour)
		return 0;
	irq = mm_lock(port, &cache->lock);
	at = cache->next_colour;
	cache->next_colour = cache->colour <= rest - at ? at + cache->colour : 0;
	mm_unlock(port, &cache->lock, irq);
	return at;
}

/* Pages for a slab, marked and noted in the tables (S3). */
static enum mm_status slab_pages(struct mm_cache *cache, struct mm_slab *slab, uint32_t flags)
{
	struct mm_heap *heap = cache->heap;
	struct mm_range *r;
	mm_pfn_t first;
	mm_paddr_t pa;
	enum mm_status why = heap_pages(heap, cache->order, slab_page_flags(cache, flags), FRAME_SLAB + (unsigned)cache->id,
					mm_hook_fail(), &pa);

	if (why != MM_OK)
		return why;
	first = mm_pa_to_pfn(pa);
	r = pmm_find(heap->pmm, first);
	for (mm_pfn_t i = 0; i < (mm_pfn_t)1 << cache->order; i++)
		if (!slab_make_entry(heap, r, first + i, flags, &why)) {
			enum mm_status st = MM_PLANTED(MM_PLANT_PAGES) ?
						    MM_OK :
						    pmm_free_as(heap->pmm, pa, cache->order,
								FRAME_SLAB + (unsigned)cache->id);
			MM_CHECK(heap->pmm->port, st == MM_OK);
			return why;
		}
	slab->base = (unsigned char *)mm_port_to_virt(heap->pmm->port, pa) + slab_colour(cache);
	slab_format(cache, slab);
	harden_slab(cache, slab->base);
	if (cache->hooks)
		slab_each(cache, slab, cache->hooks->ctor); /* S6 */
	mm_san_close(slab->base, cache->span);
	slab_note(r, first, cache->order, slab);
	return MM_OK;
}

/* Make a slab, with this descriptor if it is not NULL; slab_bring_in() is next. No lock is held (S4). */
static enum mm_status slab_grow(struct mm_cache *cache, uint32_t flags, struct mm_slab **slab)
{
	enum mm_status why;
	bool charged;

	if (!*slab)
		*slab = slab_descriptor(cache, flags, &why);
	if (!*slab)
		return why;
	charged = slab_charge(cache);
	why = charged ? slab_pages(cache, *slab, flags) : MM_E_NOSPC;
	if (why == MM_OK)
		return MM_OK;
	if (charged || MM_PLANTED(MM_PLANT_CHARGE))
		slab_uncharge(cache);
	slab_keep_descriptor(cache, *slab);
	return why;
}

/* So many slabs have memory; who has no lock may look. The lock is held. */
static void slab_count(struct mm_cache *cache, size_t n)
{
	mm_atomic_store_relaxed(&cache->nslabs, n);
}

/* The lock is held. */
static void slab_bring_in(struct mm_cache *cache, struct mm_slab *slab)
{
	slab_hook(&cache->empty, slab);
	cache->nempty++;
	slab_count(cache, cache->nslabs + 1);
	cache->home += cache->nobjects;
}

/* Give the pages of an unhooked slab back; its descriptor becomes a spare one. No lock is held. */
static void slab_discard(struct mm_cache *cache, struct mm_slab *slab)
{
	struct mm_pmm *pmm = cache->heap->pmm;
	const struct mm_range *r;
	mm_pfn_t first = slab_first_frame(cache, slab, &r);
	enum mm_status st;

	MM_CHECK(pmm->port, r != NULL);
	mm_san_open(slab->base, cache->span);
	if (cache->hooks)
		slab_each(cache, slab, cache->hooks->dtor); /* S6 */
	slab_note(r, first, cache->order, slab_none()); /* S3 */
	st = pmm_free_as(pmm, mm_pfn_to_pa(first), cache->order, FRAME_SLAB + (unsigned)cache->id);
	MM_CHECK(pmm->port, st == MM_OK);
	slab_uncharge(cache);
	slab_keep_descriptor(cache, slab);
}

/* Put n objects that lie side by side into slots that end at `end`, the first object last: it will be
 * popped first. Four at a time, since a refill is little else. */
static struct mm_slot *slab_take_run(const struct mm_cache *cache, struct mm_slab *slab, uint32_t i,
				     uint32_t n, struct mm_slot *end)
{
	const size_t size = cache->size;
	unsigned char *p = slab->base + i * size;
	uint8_t *state = &slab->states[i];

	for (; n >= 4; n -= 4, end -= 4, p += 4 * size, state += 4) {
		mm_object_slot(&end[-1], p, state);
		mm_object_slot(&end[-2], p + size, state + 1);
		mm_object_slot(&end[-3], p + 2 * size, state + 2);
		mm_object_slot(&end[-4], p + 3 * size, state + 3);
	}
	for (; n > 0; n--, p += size)
		mm_object_slot(--end, p, state++);
	return end;
}

/* Objects of a word of bits that are side by side, from the lowest on, n at most: take their bits. */
static uint32_t slab_take_bits(uintptr_t *word, uint32_t n, uint32_t *first)
{
	uintptr_t bits = *word, gap;
	uint32_t run;

	*first = mm_lowest_bit64(bits);
	gap = ~(bits >> *first); /* 0 only if all bits are set */
	run = gap ? mm_lowest_bit64(gap) : SLAB_WORD_BITS;
	if (run > n)
		run = n;
	bits = (run < SLAB_WORD_BITS ? ((uintptr_t)1 << run) - 1 : ~(uintptr_t)0) << *first;
	if (MM_PLANTED(MM_PLANT_SLAB_BIT))
		bits &= ~(uintptr_t)0 >> 1;
	*word &= ~bits;
	return run;
}

/* Move n objects, at most those that are home, out of one slab. The lock is held. */
static void slab_take_some(struct mm_cache *cache, struct mm_slab *slab, struct mm_slot *out,
			   uint32_t n)
{
	uintptr_t *home = slab_homes(cache, slab);
	struct mm_slot *end = out + n;

	while (end != out) {
		uintptr_t *word = &home[slab->hint];
		uint32_t first, run;

		if (*word == 0) {
			slab->hint++;
			continue;
		}
		run = slab_take_bits(word, (uint32_t)(end - out), &first);
		end = slab_take_run(cache, slab, slab->hint * SLAB_WORD_BITS + first, run, end);
	}
	slab->nhome -= n;
	cache->home -= n;
}

/* One slab less is empty. */
static void slab_count_empty(struct mm_cache *cache)
{
	if (--cache->nempty < cache->low_empty)
		cache->low_empty = cache->nempty;
}

/* Move objects out of the slabs that are there. The lock is held; keeps S2. */
static uint32_t slab_take_locked(struct mm_cache *cache, struct mm_slot *out, uint32_t n)
{
	uint32_t got = 0;

	while (got < n && (cache->partial || cache->empty)) {
		struct mm_slab *slab = cache->partial;
		uint32_t some;

		if (!slab) {
			slab = cache->empty;
			slab_unhook(&cache->empty, slab);
			slab_count_empty(cache);
			slab_hook(&cache->partial, slab);
		}
		some = slab->nhome < n - got ? slab->nhome : n - got;
		slab_take_some(cache, slab, out + got, some);
		got += some;
		if (slab->nhome == 0)
			slab_unhook(&cache->partial, slab);
	}
	return got;
}

bool slab_is_coming(struct mm_cache *cache, uint32_t flags)
{
	const struct mm_heap *heap = cache->heap;
	bool here = heap_nodes(heap) > 1 && flags & MM_ALLOC_NODE_EXACT; /* other parts' are not for who asks so */
	struct mm_cache *part = here ? cache_part(cache, node_of_flags(heap, flags)) : cache;
	uintptr_t irq = mm_lock(heap->pmm->port, &part->lock);
	size_t all = here ? part->ndescriptors - part->nspare : slab_admitted(part);
	bool coming = all > (here ? part->nslabs : cache_slabs(part));

	mm_unlock(heap->pmm->port, &part->lock, irq);
	return coming;
}

uint32_t slab_take(struct mm_cache *cache, struct mm_slot *out, uint32_t n, uint32_t flags,
		   enum mm_status *why)
{
	const struct mm_port *port = cache->heap->pmm->port;
	struct mm_slab *fresh = NULL;
	uint32_t got = 0;

	for (;;) {
		uintptr_t irq = mm_lock(port, &cache->lock);
		bool enough;

		if (fresh)
			slab_bring_in(cache, fresh);
		got += slab_take_locked(cache, out + got, n - got);
		enough = got > n / 2 || got == n;
		if (enough && n > 1 && cache->depot_max < cache->depot_most)
			cache->depot_max++; /* a magazine wants so many: magazine.c */
		fresh = enough || flags & SLAB_HAVE ? NULL : slab_spare(cache);
		mm_unlock(port, &cache->lock, irq);
		if (enough || flags & SLAB_HAVE)
			return got;
		*why = slab_grow(cache, flags, &fresh); /* others may take it all: then once more */
		if (*why != MM_OK)
			return got;
	}
}

/* Slab and index of an object that comes home. `last` is the slab of the one before, or NULL. */
static struct mm_slab *slab_of_slot(const struct mm_cache *cache, const struct mm_slot *slot,
				    struct mm_slab *last, uint32_t *i)
{
	const struct mm_heap *heap = cache->heap;
	struct mm_slab *slab = last;
	enum mm_status st = MM_OK;

	/* The first table of the window is of frames before it, too, and says nothing of those: another range's may be. */
	if ((!slab || (uintptr_t)slot->p - (uintptr_t)slab->base >= cache->span) &&
	    (!mm_object_slab(heap, slot->p, &slab) || slab == slab_none()))
		st = slab_find(heap, slot->p, &slab);
	MM_CHECK(heap->pmm->port, st == MM_OK && slab->cache == cache_whole(cache));
#if MM_CHECKS >= 1
	*i = (uint32_t)(slot->state - slab->states);
#else
	MM_CHECK(heap->pmm->port, mm_object_index(slab, slot->p, i));
#endif
	MM_CHECK(heap->pmm->port, *i < cache->nobjects);
	return slab;
}

/* One object comes home. The lock is held; keeps S1, S2. */
static struct mm_slab *slab_put_one(struct mm_cache *cache, const struct mm_slot *slot,
				    struct mm_slab *last)
{
	uint32_t i, word;
	struct mm_slab *slab = slab_of_slot(cache, slot, last, &i);
	uintptr_t *home = slab_homes(cache, slab), bit = (uintptr_t)1 << i % SLAB_WORD_BITS;

	word = i / SLAB_WORD_BITS;
	MM_CHECK(cache->heap->pmm->port, !(home[word] & bit));
	home[word] |= bit;
	if (word < slab->hint)
		slab->hint = word;
	if (slab->nhome++ == 0)
		slab_hook(&cache->partial, slab);
	if (slab->nhome == cache->nobjects) {
		slab_unhook(&cache->partial, slab);
		slab_hook(&cache->empty, slab);
		cache->nempty++;
	}
	return slab;
}

/* Unhook one empty slab, if there are more than `keep`, that nobody is led to (S10). The lock is held. */
static struct mm_slab *slab_surplus(struct mm_cache *cache, uint32_t keep)
{
	struct mm_slab *slab = cache->nempty > keep ? cache->empty : NULL;

	while (slab && slab_is_returned(slab))
		slab = slab->next;
	if (slab && MM_PLANTED(MM_PLANT_TRIM))
		mm_hook_step();
	if (slab) {
		slab_unhook(&cache->empty, slab);
		slab_count_empty(cache);
		slab_count(cache, cache->nslabs - 1);
		cache->home -= cache->nobjects;
	}
	return slab;
}

void slab_trim(struct mm_cache *cache, uint32_t keep)
{
	const struct mm_port *port = cache->heap->pmm->port;

	for (;;) {
		uintptr_t irq = MM_PLANTED(MM_PLANT_TRIM) ? 0 : mm_lock(port, &cache->lock);
		struct mm_slab *slab = slab_surplus(cache, keep);

		if (!MM_PLANTED(MM_PLANT_TRIM))
			mm_unlock(port, &cache->lock, irq);
		if (!slab)
			return;
		slab_discard(cache, slab); /* S4 */
	}
}

/* Bring n objects of a part home. */
static void slab_put_part(struct mm_cache *cache, const struct mm_slot *objects, uint32_t n, uint32_t keep)
{
	const struct mm_port *port = cache->heap->pmm->port;
	uintptr_t irq = mm_lock(port, &cache->lock);
	struct mm_slab *last = NULL;
	bool surplus;

	for (uint32_t i = 0; i < n; i++)
		last = slab_put_one(cache, &objects[i], last);
	cache->home += n;
	surplus = cache->nempty > keep && !(cache->flags & MM_CACHE_KEEP);
	mm_unlock(port, &cache->lock, irq);
	if (surplus)
		slab_trim(cache, keep);
}

void slab_put(struct mm_cache *cache, const struct mm_slot *objects, uint32_t n, uint32_t keep)
{
	uint32_t node = 0, run;

	if (heap_nodes(cache->heap) == 1) {
		slab_put_part(cache, objects, n, keep);
		return;
	}
	for (; n > 0; objects += run, n -= run) {
		run = node_run(cache->heap, objects, n, &node);
		slab_put_part(cache_part(cache, node), objects, run, keep); /* S7 */
	}
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
		cache->meta_gone += page != NULL;
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
