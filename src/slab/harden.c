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
 * Large blocks of pages have the canary in their last word. They are zeroed when they are freed, and looked at when
 * they have waited (large.c); then they are anybody's frames, and MM_PAGE_POISON looks at those.
 * Damage       to a canary is told to who frees: he knows whose object it is, it stays allocated, and nobody
 *              else gets it. A write to a free object is told to the port's log, then panic: whose mistake it
 *              was is not known any more.
 * Invariants   H1 the canary of an object is whole from the making of its slab to the free of its pages.
 *              H2 an object that is not used is zero, but for its canary; not in caches that construct their
 *                 objects or keep their memory, whose readers may look at objects that are free.
 *              H3 all of a free object is looked at when it is allocated if it has up to 1 KiB; of a larger one,
 *                 64 bytes at both ends, and between them a word of every 64 bytes, the same of each 64, which its
 *                 address and the heap's secret tell. So who writes 64 bytes in a row is found, wherever, and who
 *                 writes to one byte in one object of eight, or of sixteen where a word has four bytes.
 *                 MM_HARDEN_WHOLE: all of it.
 * Why not all  an object that is freed late is in no CPU cache any more, and who allocates it uses its first
 *              line, often no other. A kernel that writes to free memory does so more than once.
 * Concurrency  who frees an object, or has just got it, is alone with it. */
#include "slab.h"

#if MM_OBJECT_WATCHED
#define WORD sizeof(uintptr_t)
#define LOOK  ((size_t)64)   /* bytes of a large object of which at least a word is looked at */
#define WHOLE ((size_t)1024) /* bytes of the largest object of which all is */

#if MM_HARDEN & MM_HARDEN_CANARY
/* Canary of the part of a word from p to the word's end: its bytes. */
static size_t harden_part(const struct mm_heap *heap, const unsigned char *p, unsigned char *out)
{
	size_t skip = (uintptr_t)p % WORD;
	uintptr_t word = mm_object_canary(heap, p - skip);

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
	*(uintptr_t *)(void *)(p + n) = mm_object_canary(heap, p + n);
}

static bool harden_whole(const struct mm_heap *heap, const unsigned char *p)
{
	unsigned char part[WORD];
	size_t n;

	if ((uintptr_t)p % WORD == 0)
		return mm_object_whole(heap, p);
	n = harden_part(heap, p, part);
	return __builtin_memcmp(p, part, n) == 0 && mm_object_whole(heap, p + n);
}
#endif

#if MM_HARDEN & MM_HARDEN_ZERO
static inline bool harden_zeroes(const struct mm_cache *cache)
{
	return cache->flags & MM_OBJECT_ZEROED;
}

static inline uintptr_t harden_any4(const uintptr_t *w)
{
	return w[0] | w[1] | w[2] | w[3];
}

static inline uintptr_t harden_any8(const uintptr_t *w)
{
	return harden_any4(w) | harden_any4(w + 4);
}

/* Is any of LOOK bytes not zero? They begin at a word, as all that is looked at here. */
static inline uintptr_t harden_any_look(const unsigned char *p)
{
	const uintptr_t *w = (const uintptr_t *)(const void *)p;

	return harden_any8(w) | (LOOK > 8 * WORD ? harden_any8(w + LOOK / WORD - 8) : 0);
}

/* The same of fewer bytes, a multiple of a word. Four words from the begin, or eight, and as many from the end may
 * be some twice. */
static inline uintptr_t harden_any_less(const unsigned char *p, size_t n)
{
	const uintptr_t *w = (const uintptr_t *)(const void *)p, *end = w + n / WORD;
	uintptr_t any = 0;

	if (n >= 8 * WORD)
		return harden_any8(w) | harden_any8(end - 8);
	if (n >= 4 * WORD)
		return harden_any4(w) | harden_any4(end - 4);
	while (w < end)
		any |= *w++;
	return any;
}

/* Of any number of words; what is not a multiple of LOOK is looked at from the end, some of it twice. */
static inline uintptr_t harden_any(const unsigned char *p, size_t n)
{
	const unsigned char *end = p + n;
	uintptr_t any = 0;

	if (n < LOOK)
		return harden_any_less(p, n);
	for (; n >= LOOK; p += LOOK, n -= LOOK)
		any |= harden_any_look(p);
	return n ? any | harden_any_look(end - LOOK) : any;
}

/* A word of every LOOK bytes, from the one at `at` of n words. */
static inline uintptr_t harden_any_word(const uintptr_t *w, size_t at, size_t n)
{
	const size_t step = LOOK / WORD;
	uintptr_t any = 0;

	for (; at + 3 * step < n; at += 4 * step)
		any |= w[at] | w[at + step] | w[at + 2 * step] | w[at + 3 * step];
	for (; at < n; at += step)
		any |= w[at];
	return any;
}

/* Of a large object: both ends, and words between them; which ones, its address tells, and nobody knows (H3). */
static inline uintptr_t harden_any_of(const struct mm_heap *heap, const unsigned char *p, size_t n)
{
	uint32_t mixed = (uint32_t)((uintptr_t)p >> 4 ^ heap->secret) * 0x9e3779b1u;
	size_t at = (size_t)((uint64_t)mixed * (LOOK / WORD) >> 32);
	const uintptr_t *middle = (const uintptr_t *)(const void *)(p + LOOK);

	return harden_any_look(p) | harden_any_word(middle, at, (n - 2 * LOOK) / WORD) | harden_any_look(p + n - LOOK);
}

/* The bytes behind the last whole word. */
static inline uintptr_t harden_any_byte(const unsigned char *p, size_t n)
{
	uintptr_t any = 0;

	while (n--)
		any |= *p++;
	return any;
}

static inline bool harden_is_zero(const struct mm_heap *heap, const unsigned char *p, size_t n)
{
	size_t words = n & ~(WORD - 1);
	uintptr_t any = MM_HARDEN & MM_HARDEN_WHOLE || n <= WHOLE ? harden_any(p, words) :
								       harden_any_of(heap, p, words);

	return (n == words ? any : any | harden_any_byte(p + words, n - words)) == 0;
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
		return object_not_used(state);
	if (!harden_is_whole(cache, p))
		return MM_E_CORRUPT;
	return mm_object_retire(state) ? MM_OK : object_not_used(state);
}

enum mm_status harden_retire(const struct mm_cache *cache, const void *p, uint8_t *state)
{
	return harden_retire_now(cache, p, state);
}

bool harden_is_sound(const struct mm_cache *cache, const unsigned char *p, bool is_free)
{
#if (MM_HARDEN & MM_HARDEN_ZERO) && !MM_SANITIZER
	size_t room = cache_room(cache), words = room & ~(WORD - 1);

	if (is_free && harden_zeroes(cache) && harden_any(p, words) | harden_any_byte(p + words, room - words))
		return false;
#endif
	(void)is_free;
	return harden_is_whole(cache, p);
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

enum mm_status harden_look(const struct mm_cache *cache, const void *p)
{
	if (harden_is_whole(cache, p))
		return MM_OK;
	harden_tell(cache->heap, "memory behind an object was written: ",
		    (const unsigned char *)p + cache_room(cache));
	return MM_E_CORRUPT;
}

enum mm_status harden_idle(const struct mm_cache *cache, void *p)
{
	enum mm_status st = harden_look(cache, p);

	if (st != MM_OK)
		return st;
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
void mm_object_clear(void *p, size_t n)
{
	__builtin_memset(p, 0, n);
}

/* An object is not zero: tell the first byte, and stop. */
static PMM_SLOW void harden_found(const struct mm_heap *heap, const unsigned char *p)
{
	while (*p == 0)
		p++;
	harden_tell(heap, "free memory was written: ", p);
	MM_CHECK(heap->pmm->port, false);
}

void *mm_object_prove(const struct mm_cache *cache, void *p)
{
	const unsigned char *at = p;

	if (harden_zeroes(cache) && (MM_PLANTED(MM_PLANT_HARDEN) ? *at : !harden_is_zero(cache->heap, at, cache_room(cache))))
		harden_found(cache->heap, at);
	return p;
}
#endif

void harden_prove_large(const struct mm_heap *heap, unsigned char *p, size_t bytes)
{
#if MM_HARDEN & MM_HARDEN_ZERO
	mm_san_open(p, bytes);
	if (MM_HARDEN & MM_HARDEN_WHOLE ? harden_any(p, bytes) : harden_any_of(heap, p, bytes)) /* H3 */
		harden_found(heap, p);
	mm_san_close(p, bytes);
#else
	(void)heap;
	(void)p;
	(void)bytes;
#endif
}

bool harden_is_clear_large(const unsigned char *p, size_t bytes)
{
#if (MM_HARDEN & MM_HARDEN_ZERO) && !MM_SANITIZER
	return harden_any(p, bytes) == 0;
#else
	(void)p;
	(void)bytes;
	return true;
#endif
}

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

bool harden_is_sound_large(const struct mm_heap *heap, const unsigned char *p, size_t bytes)
{
#if MM_HARDEN & MM_HARDEN_CANARY
	bool whole;

	mm_san_open(p + bytes - MM_OBJECT_REDZONE, MM_OBJECT_REDZONE);
	whole = harden_whole(heap, p + bytes - MM_OBJECT_REDZONE);
	mm_san_close(p + bytes - MM_OBJECT_REDZONE, MM_OBJECT_REDZONE);
	return whole;
#else
	(void)heap;
	(void)p;
	(void)bytes;
	return true;
#endif
}

enum mm_status harden_look_large(const struct mm_heap *heap, const unsigned char *p, size_t bytes)
{
	if (harden_is_sound_large(heap, p, bytes))
		return MM_OK;
	harden_tell(heap, "memory behind an object was written: ", p + bytes - MM_OBJECT_REDZONE);
	return MM_E_CORRUPT;
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
#undef WHOLE
#undef LOOK
#undef WORD
#endif
