/* SPDX-License-Identifier: MIT */
/* Fast paths of objects: one from this CPU's magazine, one into it, and which object an address is. What
 * is not done here is done in magazine.c, cache.c and kmalloc.c: nothing has changed then. Their theories
 * cover this file. Kernels include it through mmlib/slab_inline.h.
 *
 * Written for few instructions
 *   alloc   pops a slot, which tells the object and, so that no table is asked, where its state is.
 *   free    level 0 believes the frame's byte. Levels 1 and 2 go from the address to the slab by a table
 *           entry for each frame, which leads to one of no heap unless the frame is a slab's (S3). One
 *           multiplication tells which object it is and whether one starts there (S5).
 * Written for short chains
 *           The magazine's top is written by a free and read by the next allocation, so what tells which magazine
 *           it is bounds how often both can be done. That is the frame's byte at all levels, two
 *           loads from the address; the slab knows, too, but is four away. Measured at level 1 with the
 *           slab's number: an inlined pair takes 1.2 to 1.7 times as long, a called one 1.2.
 * Errors are told by the slow paths, which look at everything again. */
#ifndef MM_SRC_SLAB_FAST_H
#define MM_SRC_SLAB_FAST_H
#include <mmlib/kmalloc.h>
#include <mmlib/sanitizer.h>
#include "../atomic.h"
#include "../bits.h"
#include "../local.h"

/* Compilers that weigh size make calls of these otherwise, and a fast path saves registers then. */
#define MM_OBJECT_FN static inline __attribute__((__always_inline__))

/* A place in a magazine. */
struct mm_slot {
	void *p; /* the object; NULL below the first place: it is empty */
#if MM_CHECKS >= 1
	uint8_t *state; /* of the object */
#endif
};

MM_OBJECT_FN void mm_object_slot(struct mm_slot *slot, void *p, uint8_t *state)
{
	slot->p = p;
#if MM_CHECKS >= 1
	slot->state = state;
#else
	(void)state;
#endif
}

/* A magazine is MM_MAGAZINE_SLOTS slots, aligned to its size. Its objects are at the end:
 *
 *   slot     0      1 ...        first-1   first ......... SLOTS-1
 *           links                 NULL     objects, free places
 *                                          ^ capacity of them
 * It is told by its top, the address of the next free place: top[-1].p is NULL if it is empty, and top is
 * aligned to the magazine's size if it is full. No count, no capacity to load. What frees mask top with to see whether
 * it is full is in a word of the CPU's, so that other CPUs can send it to the slow path, which sees what they ask for:
 * one test for both. */
#if UINTPTR_MAX > 0xffffffffu
#define MM_MAGAZINE_SLOTS 64u
#else
#define MM_MAGAZINE_SLOTS 32u
#endif
#define MM_MAGAZINE_BYTES (MM_MAGAZINE_SLOTS * sizeof(struct mm_slot))

/* Objects at hand on one CPU. Only that CPU touches it (src/local.h), but for `drain` and `online`, and when it is taken
 * offline. `top` is first: its places are reached without an addition. */
struct mm_heap_cpu {
	struct mm_slot *top[MM_CACHES_MAX];
	uint32_t busy;  /* src/local.h */
	uint32_t drain; /* what a top is masked with: another CPU may ask for what is here */
	uint32_t online;
	struct mm_slot *spare[MM_CACHES_MAX];
	struct mm_slot *blank; /* empty magazines, linked */
} __attribute__((__aligned__(128)));

/* Descriptor of a slab, in pages of its cache's own. What a free reads is beside the states. */
struct mm_slab {
	struct mm_slab *next,
		*prev; /* in cache->partial, ->empty or ->spare; a full slab is in none */
	struct mm_slab *returned; /* in heap->returned, or NULL; the last one has slab_none() (nmi.c) */
	uint32_t nhome;  /* objects that are home */
	uint32_t hint;   /* no object is home in words below this one */
	struct mm_cache *cache;
	struct mm_heap *heap;
	unsigned char *base; /* first object, or where it was (S8) */
	uint32_t reciprocal; /* 2^32 / size of an object, rounded up */
	uint32_t id;         /* of the cache */
	uint8_t states[];    /* one for each object, one more for the end, then bits: is it home? */
};

/* Bytes behind each object that nobody may write. */
#if MM_SANITIZER
#define MM_OBJECT_REDZONE 16u
#elif MM_HARDEN & MM_HARDEN_CANARY
#define MM_OBJECT_REDZONE sizeof(uintptr_t)
#else
#define MM_OBJECT_REDZONE 0u
#endif
/* Is there more to do when an object comes or goes than to move it? */
#define MM_OBJECT_WATCHED (MM_SANITIZER || (MM_HARDEN & (MM_HARDEN_CANARY | MM_HARDEN_ZERO)))
/* Largest size that kmalloc() has a class for. */
#define MM_OBJECT_MAX (MM_KMALLOC_MAX_CLASS - MM_OBJECT_REDZONE)

/* Only what is used can be freed. What mmlib itself allocated is its own: its address is nobody else's to give back.
 * The last two are of what an NMI frees, and has freed (nmi.c); guard.c has one more. */
enum { MM_OBJECT_IDLE = 0, MM_OBJECT_USED = 1, MM_OBJECT_OWN = 2, MM_OBJECT_RETURNING = 3, MM_OBJECT_RETURNED = 4 };
/* In flags of a cache: its objects are zero while they are free. Not those that stay constructed, nor what may be
 * looked at after its free. */
#define MM_OBJECT_ZEROED (1u << 23)
#define MM_OBJECT_FRAME_BYTE 0x70u /* + cache's id: FRAME_SLAB of the frame byte */

/* Keep an idle object of a cache, without the fast path. (magazine.c) */
void mm_object_keep(struct mm_cache *cache, void *p, uint8_t *state)
	__asm__("mm_object_keep.checks" MM_TEXT(MM_CHECKS) ".harden" MM_TEXT(MM_HARDEN) ".san" MM_TEXT(
		MM_SANITIZER)); /* as who inlines it */
/* Make a hardened object idle, or say why not. (harden.c) */
enum mm_status mm_object_release(const struct mm_slab *slab, void *p, uint8_t *state);
/* Clear a free object. (harden.c) */
void mm_object_clear(void *p, size_t n);
/* Stop the machine if somebody wrote to a hardened object that was free, which p is; its address. (harden.c) */
void *mm_object_prove(const struct mm_cache *cache, void *p) __attribute__((__returns_nonnull__));

/* Class of a size from 1 to MM_KMALLOC_MAX_CLASS. */
MM_OBJECT_FN uint32_t mm_object_class(size_t size)
{
	uint32_t n = (uint32_t)size - 1, k;

	if (n < 128)
		return n / 16;
	k = mm_highest_bit32(n);
	return (k - 6) * 8 + ((n - (1u << k)) >> (k - 3));
}

/* The same where there is something behind each object. */
MM_OBJECT_FN uint32_t mm_object_class_of(const struct mm_heap *heap, size_t size)
{
#if MM_SANITIZER || (MM_HARDEN & MM_HARDEN_CANARY)
	bool keeps_alignment = size <= 16 || (size & (size - 1));

	size = keeps_alignment ? size + MM_OBJECT_REDZONE : 2 * size;
#endif
	return __builtin_constant_p(size) ? mm_object_class(size) : heap->classes[(size + 15) / 16];
}

/* This CPU's part of a heap; false: it has none. Pinned in every case. */
MM_OBJECT_FN bool mm_object_cpu(const struct mm_heap *heap, struct mm_heap_cpu **cpu, uintptr_t *saved)
{
#ifdef MM_PORT_HEAP_CPU
	mm_local_hold(heap->pmm->port, saved);
	*cpu = MM_PORT_HEAP_CPU(heap);
#else
	uint32_t number = mm_local_pin(heap->pmm->port, saved);

	if (number >= heap->ncpus)
		return false;
	*cpu = &heap->cpus[number];
#endif
	return true;
}

/* Pop this CPU's magazine of cache id: the object, which is used from now on. NULL: it is empty, or this
 * CPU has other things to do. */
MM_OBJECT_FN void *mm_object_pop(const struct mm_heap *heap, size_t id)
{
	struct mm_heap_cpu *cpu;
	uintptr_t saved;

	if (mm_object_cpu(heap, &cpu, &saved) && mm_local_enter(&cpu->busy)) {
		struct mm_slot *slot = cpu->top[id] - 1;
		void *p = slot->p;

		if (p) {
#if MM_CHECKS >= 1
			uint8_t *state = slot->state;
#endif
			mm_atomic_store_relaxed(&cpu->top[id], slot);
#if MM_CHECKS >= 1
			mm_atomic_store_relaxed(state, (uint8_t)MM_OBJECT_USED);
#endif
			mm_local_leave(&cpu->busy);
			mm_local_unpin(heap->pmm->port, saved);
			return p;
		}
		mm_local_leave(&cpu->busy);
	}
	mm_local_unpin(heap->pmm->port, saved);
	return NULL;
}

/* The magazine that freed objects go to: another than they come from if they are to stay away. */
MM_OBJECT_FN struct mm_slot **mm_object_freed(struct mm_heap_cpu *cpu, size_t id)
{
#if MM_HARDEN & MM_HARDEN_QUARANTINE
	return &cpu->spare[id];
#else
	return &cpu->top[id];
#endif
}

/* Can a CPU, which is entered, push an object there? Not if it is asked for something. */
MM_OBJECT_FN bool mm_object_room(struct mm_heap_cpu *cpu, const struct mm_slot *top)
{
	return ((uint32_t)(uintptr_t)top & mm_atomic_peek(&cpu->drain)) != 0;
}

/* Push an idle object; false: the magazine is full, or this CPU has other things to do. */
MM_OBJECT_FN bool mm_object_push(const struct mm_heap *heap, size_t id, void *p, uint8_t *state)
{
	struct mm_heap_cpu *cpu;
	uintptr_t saved;

	if (mm_object_cpu(heap, &cpu, &saved) && mm_local_enter(&cpu->busy)) {
		struct mm_slot **place = mm_object_freed(cpu, id), *top = *place;

		if (mm_object_room(cpu, top)) {
			mm_object_slot(top, p, state);
			mm_atomic_store_relaxed(place, top + 1);
			mm_local_leave(&cpu->busy);
			mm_local_unpin(heap->pmm->port, saved);
			return true;
		}
		mm_local_leave(&cpu->busy);
	}
	mm_local_unpin(heap->pmm->port, saved);
	return false;
}

/* Number of the frame of an address in the range that most are in; false: it is not there. */
MM_OBJECT_FN bool mm_object_frame(const struct mm_heap *heap, const void *p, uintptr_t *frame)
{
	*frame = ((uintptr_t)p - heap->window) >> MM_FRAME_SHIFT;
	return *frame < heap->window_frames;
}

/* Where a table, which is there, says what a frame is of. Frames are counted from the first one that the range's
 * first table serves. The place of a table tells where the entry of frame 0 would be, so that no number is masked,
 * plus one, so that it is not NULL (S9). */
MM_OBJECT_FN struct mm_slab **mm_object_entry(const void *place, uintptr_t frame)
{
	return (struct mm_slab **)((uintptr_t)place - 1 + frame * sizeof(void *));
}

/* What the tables say of a frame there; false: there is no table. A frame of no slab has what is of no heap and no
 * cache: who looks for one of these need not ask for more. */
MM_OBJECT_FN bool mm_object_slab_at(const struct mm_heap *heap, uintptr_t frame, struct mm_slab **slab)
{
	if (MM_CHECKS == 0)
		frame += heap->window_skip;
	const void *place = mm_atomic_load_acquire(&heap->window_side[frame / MM_SIDE_FRAMES]);

	if (!place)
		return false;
	*slab = mm_atomic_load_acquire(mm_object_entry(place, frame));
	return true;
}

/* The same of an address, which may be anywhere. */
MM_OBJECT_FN bool mm_object_slab(const struct mm_heap *heap, const void *p, struct mm_slab **slab)
{
	uintptr_t frame;

	return mm_object_frame(heap, p, &frame) && mm_object_slab_at(heap, frame, slab);
}

/* Index of the object that starts at p, an address inside the slab; false: none starts there. It may be
 * that of the end. (S5) */
MM_OBJECT_FN bool mm_object_index(const struct mm_slab *slab, const void *p, uint32_t *i)
{
	uint32_t offset = (uint32_t)((uintptr_t)p - (uintptr_t)slab->base);
	uint64_t product = (uint64_t)offset * slab->reciprocal;

	*i = (uint32_t)(product >> 32);
	return (uint32_t)product < slab->reciprocal;
}

/* Is the object used? If so it is idle now. */
MM_OBJECT_FN bool mm_object_retire(uint8_t *state)
{
	if (MM_CHECKS >= 2 && !MM_PLANTED(MM_PLANT_RETIRE))
		return mm_atomic_cas_byte(state, MM_OBJECT_USED, MM_OBJECT_IDLE);
	if (mm_atomic_peek(state) != MM_OBJECT_USED)
		return false;
	mm_atomic_store_relaxed(state, (uint8_t)MM_OBJECT_IDLE);
	return true;
}

/* A heap's secret, mixed with an address; no byte of it is zero. (harden.c) */
MM_OBJECT_FN uintptr_t mm_object_canary(const struct mm_heap *heap, const unsigned char *p)
{
	return (heap->secret ^ (uintptr_t)p * 0x9e3779b1u) | UINTPTR_MAX / 0xffu;
}

/* Is the canary at p, where a word begins, whole? */
MM_OBJECT_FN bool mm_object_whole(const struct mm_heap *heap, const unsigned char *p)
{
	return MM_PLANTED(MM_PLANT_CANARY) || *(const uintptr_t *)(const void *)p == mm_object_canary(heap, p);
}

/* Make a hardened object idle, if nothing is to be said of it. */
MM_OBJECT_FN bool mm_object_leave_whole(const struct mm_slab *slab, void *p, uint8_t *state)
{
	const struct mm_cache *cache = slab->cache;
	size_t room = cache->size - cache->redzone;
	unsigned char *end;

	__asm__("" : "+r"(p)); /* compilers warn of what they know of an address that is no object's: it has no slab */
	end = (unsigned char *)p + room;
	if (MM_SANITIZER || (MM_HARDEN & MM_HARDEN_CANARY && (uintptr_t)end % sizeof(uintptr_t)))
		return mm_object_release(slab, p, state) == MM_OK;
	/* behind the last object (S5) there is no canary, be it memory at all */
	if (MM_HARDEN & MM_HARDEN_CANARY && !MM_PLANTED(MM_PLANT_BEHIND) && mm_atomic_peek(state) != MM_OBJECT_USED)
		return false;
	if (MM_HARDEN & MM_HARDEN_CANARY && !mm_object_whole(slab->heap, end))
		return false;
	if (MM_HARDEN & MM_HARDEN_ZERO && MM_PLANTED(MM_PLANT_CLEAR))
		mm_object_clear(p, room);
	if (!mm_object_retire(state))
		return false;
	if (MM_HARDEN & MM_HARDEN_ZERO && cache->flags & MM_OBJECT_ZEROED)
		mm_object_clear(p, room);
	return true;
}

/* The same for the object that starts at p, if one does; and where its state is. */
MM_OBJECT_FN bool mm_object_retire_at(struct mm_slab *slab, void *p, uint8_t **state)
{
	uint32_t i;

	if (!mm_object_index(slab, p, &i))
		return false;
	*state = &slab->states[i];
#if MM_OBJECT_WATCHED
	return mm_object_leave_whole(slab, p, *state);
#else
	return mm_object_retire(*state);
#endif
}

/* An object that waited is a caller's. */
MM_OBJECT_FN void *mm_object_hand_out(const struct mm_cache *cache, void *p)
{
	(void)cache;
#if MM_HARDEN & MM_HARDEN_ZERO
	return p ? mm_object_prove(cache, p) : NULL;
#else
	return p;
#endif
}

/* So is an object that was free: so many bytes of it. */
MM_OBJECT_FN void *mm_object_give(const struct mm_cache *cache, void *p, size_t size)
{
	(void)size;
#if MM_SANITIZER
	if (p)
		mm_san_open(p, cache->size);
#endif
	p = mm_object_hand_out(cache, p);
#if MM_SANITIZER
	if (p)
		mm_san_alloc(cache, p, size, cache->size);
	if (p && cache->hooks && cache->hooks->ctor)
		mm_san_open(p, size); /* it stayed constructed */
#endif
	return p;
}

/* Is it a cache at all? */
MM_OBJECT_FN bool mm_object_is_cache(const struct mm_cache *cache)
{
	return cache && cache->heap;
}

/* An object of a cache from this CPU's magazine; false: nothing has changed. */
MM_OBJECT_FN bool mm_object_of_cache(const struct mm_cache *cache, uint32_t flags, void **out)
{
	if (flags & ~(uint32_t)MM_ALLOC_ATOMIC)
		return false;
	*out = mm_object_give(cache, mm_object_pop(cache->heap, cache->id), cache->size - cache->redzone);
	return *out != NULL;
}

/* The same for kmalloc. */
MM_OBJECT_FN bool mm_object_of_size(const struct mm_heap *heap, size_t size, uint32_t flags, void **out)
{
	uint32_t id;

	if (!heap || size - 1 >= MM_OBJECT_MAX || flags & ~(uint32_t)MM_ALLOC_ATOMIC || !heap->pmm)
		return false;
	id = mm_object_class_of(heap, size);
	*out = mm_object_give(&heap->caches[id], mm_object_pop(heap, id), size);
	return *out != NULL;
}

/* An object that is used becomes idle, but is not in a magazine yet; false: nothing has changed. */
MM_OBJECT_FN bool mm_object_leave_cache(const struct mm_cache *cache, void *p, uint8_t **state)
{
#if MM_CHECKS == 0
	(void)cache;
	(void)state;
	return p != NULL;
#else
	struct mm_slab *slab;

	return mm_object_slab(cache->heap, p, &slab) && slab->cache == cache && mm_object_retire_at(slab, p, state);
#endif
}

/* Which cache a frame is a slab of, by its byte. */
MM_OBJECT_FN size_t mm_object_id(const struct mm_heap *heap, uintptr_t frame)
{
	return (size_t)mm_atomic_load_relaxed(&heap->window_bytes[frame]) - MM_OBJECT_FRAME_BYTE;
}

/* The same for kmalloc; tells the cache's id too. */
MM_OBJECT_FN bool mm_object_leave(const struct mm_heap *heap, void *p, size_t *id, uint8_t **state)
{
	uintptr_t frame;

	if (!heap || !mm_object_frame(heap, p, &frame))
		return false;
#if MM_CHECKS == 0
	uint32_t byte = mm_atomic_load_relaxed(&heap->window_bytes[frame]);

	(void)state;
	*id = byte - MM_OBJECT_FRAME_BYTE;
	return byte >= MM_OBJECT_FRAME_BYTE;
#else
	struct mm_slab *slab;

	if (MM_PLANTED(MM_PLANT_STALE))
		*id = mm_object_id(heap, frame);
	if (!mm_object_slab_at(heap, frame, &slab) || slab->heap != heap || !mm_object_retire_at(slab, p, state))
		return false;
	/* Behind that: the object was used until now, so its slab stays, and the byte is that slab's, whatever is freed
	 * twice. Nothing waits for it: CPUs load it when they know the address. */
	if (!MM_PLANTED(MM_PLANT_STALE))
		*id = mm_object_id(heap, frame);
	return true;
#endif
}

/* Free an object of a cache; false: nothing has changed. */
MM_OBJECT_FN bool mm_object_to_cache(struct mm_cache *cache, void *p)
{
	uint8_t *state = NULL;

	if (!mm_object_leave_cache(cache, p, &state))
		return false;
	if (!mm_object_push(cache->heap, cache->id, p, state))
		mm_object_keep(cache, p, state);
	return true;
}

/* The same for any object. */
MM_OBJECT_FN bool mm_object_to_heap(struct mm_heap *heap, void *p)
{
	uint8_t *state = NULL;
	size_t id = 0;

	if (!mm_object_leave(heap, p, &id, &state))
		return false;
	if (!mm_object_push(heap, id, p, state))
		mm_object_keep(&heap->caches[id], p, state);
	return true;
}
#endif
