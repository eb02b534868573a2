/* SPDX-License-Identifier: MIT */
/* Theory of operation: hardened objects
 * Problem      find who writes over the end of an object, or to one that he freed; keep what was in an
 *              object from who gets it next; and make it hard to tell which object comes next.
 * Structure    behind each object there is a canary: a secret of the heap mixed with the address, no byte of
 *              which is zero, so that a NUL too far is seen too. It is written when a slab is made, and looked
 *              at when an object is freed. Objects are zero from their free, or from the making of their
 *              slab, to their allocation. Order and quarantine are in magazine.c.
 *
 *                |<------------------ size ------------------>|
 *                |  the caller's   | redzone: canary, padding |
 *
 * Large blocks of pages have the canary in their last word. They are zeroed when they are freed, but whether
 * they still are is for MM_PAGE_POISON to see: they are anybody's frames then.
 * Damage       to a canary is told to who frees: he knows whose object it is, it stays allocated, and nobody
 *              else gets it. A write to a free object is told to the port's log, then panic: whose mistake it
 *              was is not known any more.
 * Invariants   H1 the canary of an object is whole from the making of its slab to the free of its pages.
 *              H2 an object that is not used is zero, but for its canary; not in caches that construct their
 *                 objects or keep their memory, whose readers may look at objects that are free.
 *              H3 all of a free object is looked at when it is allocated if it has up to 256 bytes; of a larger
 *                 one, three times 64: both ends, and a place between them that its address and the heap's
 *                 secret tell, another one for each object. MM_HARDEN_WHOLE: all of it.
 * Why not all  an object that is freed late is in no CPU cache any more, and who allocates it uses its first
 *              line, often no other. A kernel that writes to free memory does so more than once.
 * Concurrency  who frees an object, or has just got it, is alone with it. */
#include "slab.h"

#if MM_OBJECT_WATCHED
#define WORD sizeof(uintptr_t)
#define LOOK ((size_t)64) /* bytes of each place of a large object that is looked at */

#if MM_HARDEN & MM_HARDEN_CANARY
static inline uintptr_t harden_canary(const struct mm_heap *heap, uintptr_t at)
{
	return (heap->secret ^ at * 0x9e3779b1u) | UINTPTR_MAX / 0xffu;
}

/* Canary of the part of a word from p to the word's end: its bytes. */
static size_t harden_part(const struct mm_heap *heap, const unsigned char *p, unsigned char *out)
{
	uintptr_t skip = (uintptr_t)p % WORD, word = harden_canary(heap, (uintptr_t)p - skip);

	__builtin_memcpy(out, (unsigned char *)&word + skip, WORD - skip);
	return WORD - skip;
}

/* The canary fills the word that the redzone begins in and, if it is not all of that, the next one. */
static void harden_write(const struct mm_heap *heap, unsigned char *p)
{
	unsigned char part[WORD];
	size_t n = 0;

	if ((uintptr_t)p % WORD) {
		n = harden_part(heap, p, part);
		__builtin_memcpy(p, part, n);
	}
	*(uintptr_t *)(void *)(p + n) = harden_canary(heap, (uintptr_t)(p + n));
}

/* Is it there, in one word? */
static inline bool harden_word_whole(const struct mm_heap *heap, const unsigned char *p)
{
	return MM_PLANTED(MM_PLANT_CANARY) ||
	       *(const uintptr_t *)(const void *)p == harden_canary(heap, (uintptr_t)p);
}

static PMM_SLOW bool harden_parts_whole(const struct mm_heap *heap, const unsigned char *p)
{
	unsigned char part[WORD];
	size_t n = harden_part(heap, p, part);

	return __builtin_memcmp(p, part, n) == 0 && harden_word_whole(heap, p + n);
}

static inline bool harden_whole(const struct mm_heap *heap, const unsigned char *p)
{
	return (uintptr_t)p % WORD ? harden_parts_whole(heap, p) : harden_word_whole(heap, p);
}
#endif

#if MM_HARDEN & MM_HARDEN_ZERO
static inline bool harden_zeroes(const struct mm_cache *cache)
{
	return cache->flags & CACHE_ZEROED;
}

static inline uintptr_t harden_any8(const uintptr_t *w)
{
	return w[0] | w[1] | w[2] | w[3] | w[4] | w[5] | w[6] | w[7];
}

/* Is any of so many bytes not zero, which begin at a word? */
static inline uintptr_t harden_any(const unsigned char *p, size_t n)
{
	const uintptr_t *w = (const uintptr_t *)(const void *)p;
	uintptr_t any = 0;

	for (; n >= 8 * WORD; w += 8, n -= 8 * WORD)
		any |= harden_any8(w);
	for (; n >= WORD; n -= WORD)
		any |= *w++;
	for (p = (const unsigned char *)w; n; n--)
		any |= *p++;
	return any;
}

/* Of a large object: both ends, and a place between them that its address tells and nobody knows (H3). */
static inline uintptr_t harden_any_of(const struct mm_heap *heap, const unsigned char *p, size_t n)
{
	uint32_t places = (uint32_t)((n - 3 * LOOK) / WORD) + 1;
	uint32_t mixed = (uint32_t)((uintptr_t)p >> 4 ^ heap->secret) * 0x9e3779b1u;
	size_t at = LOOK + (size_t)((uint64_t)mixed * places >> 32) * WORD, end = (n - LOOK) & ~(WORD - 1);

	return harden_any(p, LOOK) | harden_any(p + at, LOOK) | harden_any(p + end, n - end);
}

static inline bool harden_is_zero(const struct mm_heap *heap, const unsigned char *p, size_t n)
{
	return (MM_HARDEN & MM_HARDEN_WHOLE || n <= 4 * LOOK ? harden_any(p, n) : harden_any_of(heap, p, n)) == 0;
}
#endif

void harden_slab(const struct mm_cache *cache, unsigned char *base)
{
	(void)cache;
	(void)base;
#if MM_HARDEN & MM_HARDEN_ZERO
	__builtin_memset(base, 0, cache->span); /* H2 */
#endif
#if MM_HARDEN & MM_HARDEN_CANARY
	for (uint32_t i = 0; i < cache->nobjects; i++, base += cache->size)
		harden_write(cache->heap, base + cache_room(cache)); /* H1 */
#endif
}

/* Is the canary of an object whole? */
static inline bool harden_is_whole(const struct mm_cache *cache, const void *p)
{
#if MM_HARDEN & MM_HARDEN_CANARY
	const unsigned char *end = (const unsigned char *)p + cache_room(cache);
	bool whole;

	mm_san_open(end, cache->redzone);
	whole = harden_whole(cache->heap, end);
	mm_san_close(end, cache->redzone);
	return whole;
#else
	(void)cache;
	(void)p;
	return true;
#endif
}

static inline enum mm_status harden_retire_now(const struct mm_cache *cache, const void *p, uint8_t *state)
{
	if (mm_atomic_load_relaxed(state) != MM_OBJECT_USED)
		return MM_E_DOUBLE_FREE;
	if (!harden_is_whole(cache, p))
		return MM_E_CORRUPT;
	return mm_object_retire(state) ? MM_OK : MM_E_DOUBLE_FREE;
}

enum mm_status harden_retire(const struct mm_cache *cache, const void *p, uint8_t *state)
{
	return harden_retire_now(cache, p, state);
}

void harden_clear(const struct mm_cache *cache, void *p)
{
#if MM_HARDEN & MM_HARDEN_ZERO
	if (harden_zeroes(cache)) {
		mm_san_open(p, cache_room(cache));
		__builtin_memset(p, 0, cache_room(cache)); /* H2 */
	}
#else
	(void)cache;
	(void)p;
#endif
}

enum mm_status harden_idle(const struct mm_cache *cache, void *p)
{
	if (!harden_is_whole(cache, p)) {
		harden_tell(cache->heap, "memory behind an object was written: ",
			    (unsigned char *)p + cache_room(cache));
		return MM_E_CORRUPT;
	}
	mm_san_open(p, cache_room(cache));
	harden_clear(cache, p);
	object_closed(cache, p);
	return MM_OK;
}

enum mm_status mm_object_release(const struct mm_slab *slab, void *p, uint8_t *state)
{
	enum mm_status st = harden_retire_now(slab->cache, p, state);

	if (st != MM_OK)
		return st;
	mm_san_open(p, slab->cache->size);
	harden_clear(slab->cache, p);
	object_closed(slab->cache, p);
	return MM_OK;
}

#if MM_HARDEN & MM_HARDEN_ZERO
void mm_object_prove(const struct mm_cache *cache, const void *p)
{
	size_t room = cache_room(cache), at = 0;
	bool zero = !harden_zeroes(cache) ||
		    (MM_PLANTED(MM_PLANT_HARDEN) ? *(const unsigned char *)p == 0 : harden_is_zero(cache->heap, p, room));

	while (!zero && ((const unsigned char *)p)[at] == 0)
		at++;
	if (!zero)
		harden_tell(cache->heap, "free memory was written: ", (const unsigned char *)p + at);
	MM_CHECK(cache->heap->pmm->port, zero);
}
#endif

void harden_tell(const struct mm_heap *heap, const char *what, const unsigned char *p)
{
	mm_pfn_t pfn = 0;

	(void)pmm_find_virt(heap->pmm, p, &pfn);
	dump_tell(heap->pmm, what, mm_pfn_to_pa(pfn) + ((uintptr_t)p & ((uintptr_t)MM_FRAME_SIZE - 1)));
}

#if MM_HARDEN & MM_HARDEN_CANARY
void harden_large(const struct mm_heap *heap, unsigned char *p, size_t bytes)
{
	harden_write(heap, p + bytes - MM_OBJECT_REDZONE);
}
#endif

enum mm_status harden_look_large(const struct mm_heap *heap, const unsigned char *p, size_t bytes)
{
	(void)heap;
	(void)p;
	(void)bytes;
#if MM_HARDEN & MM_HARDEN_CANARY
	bool whole;

	mm_san_open(p + bytes - MM_OBJECT_REDZONE, MM_OBJECT_REDZONE);
	whole = harden_whole(heap, p + bytes - MM_OBJECT_REDZONE);
	mm_san_close(p + bytes - MM_OBJECT_REDZONE, MM_OBJECT_REDZONE);
	if (!whole) {
		harden_tell(heap, "memory behind an object was written: ", p + bytes - MM_OBJECT_REDZONE);
		return MM_E_CORRUPT;
	}
#endif
	return MM_OK;
}

enum mm_status harden_free_large(const struct mm_heap *heap, unsigned char *p, size_t bytes)
{
	enum mm_status st = harden_look_large(heap, p, bytes);

	if (st != MM_OK)
		return st;
	mm_san_open(p, bytes);
#if MM_HARDEN & MM_HARDEN_ZERO
	mm_hook_step(); /* who clears may be overtaken */
	__builtin_memset(p, 0, bytes);
#endif
	mm_san_free(heap, p, bytes);
	return MM_OK;
}
#undef LOOK
#undef WORD
#endif
