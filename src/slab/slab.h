/* SPDX-License-Identifier: MIT */
/* What the files of the heap share.
 *
 *   kmalloc.c    sizes to classes, large blocks, free by address
 *   cache.c      create, destroy, statistics, verify
 *   heap.c       set up, CPUs, drain, shrink
 *   magazine.c   the fast paths; magazines of CPUs, the depot
 *   slab.c       slabs: pages cut into objects, which are home and which are out
 *
 * Lock order: the CPU's busy flag, then a cache's lock, then the heap's lock. The page layer is
 * called with none of the locks held. */
#ifndef MM_SRC_SLAB_SLAB_H
#define MM_SRC_SLAB_SLAB_H
#include <mmlib/kmalloc.h>
#include "../atomic.h"
#include "../bits.h"
#include "../local.h"
#include "../lock.h"
#include "../names.h"
#include "../pmm/pmm.h"

/* A magazine is MAGAZINE_WORDS pointers, aligned to its size. Its objects are at the end:
 *
 *   word     0      1 ...        first-1   first ......... WORDS-1
 *           link                  NULL     objects, free places
 *                                          ^ capacity of them
 * It is told by its top, the address of the next free place: top[-1] is NULL if it is empty, and
 * top is aligned to the magazine's size if it is full. No count, no capacity to load. */
#if UINTPTR_MAX > 0xffffffffu
#define MAGAZINE_WORDS 64u
#else
#define MAGAZINE_WORDS 32u
#endif
#define MAGAZINE_BYTES (MAGAZINE_WORDS * sizeof(void *))
#define MAGAZINE_MAX   (MAGAZINE_WORDS - 2u)

/* Objects at hand on one CPU. Only that CPU touches it (src/local.h), but for `drain`. */
struct mm_heap_cpu {
	uint32_t busy;
	uint32_t online;
	uint32_t drain; /* another CPU asks for what is here */
	void **top[MM_CACHES_MAX];
	void **spare[MM_CACHES_MAX];
} __attribute__((__aligned__(128)));

/* Descriptor of a slab, in pages of its cache's own. Bits and states follow it. */
struct mm_slab {
	struct mm_slab *next,
		*prev; /* in cache->partial, ->empty or ->spare; a full slab is in none */
	struct mm_cache *cache;
	unsigned char *base; /* first object; NULL: no memory */
	mm_paddr_t pa;       /* of its pages */
	uint32_t nhome;      /* objects that are home */
	uint32_t hint;       /* no object is home in words below this one */
	uintptr_t
		home[]; /* bit set: the object is home. Then a byte for each object: is it used? */
};

/* Frames of fewer bytes hold no useful slab, nor eight magazines. */
#define MM_HEAP_MIN_FRAME 4096u

#define SLAB_WORD_BITS (8u * (uint32_t)sizeof(uintptr_t))

static inline uint32_t slab_words(const struct mm_cache *cache)
{
	return (cache->nobjects + SLAB_WORD_BITS - 1) / SLAB_WORD_BITS;
}

/* State of object i: OBJECT_IDLE or OBJECT_USED. */
static inline uint8_t *slab_state(struct mm_slab *slab, uint32_t i)
{
	return (uint8_t *)slab + slab->cache->states + i;
}

enum { OBJECT_IDLE = 0, OBJECT_USED = 1 };

/* Index of the object that starts at p. False: none starts there. */
static inline bool slab_index(const struct mm_slab *slab, const void *p, uint32_t *i)
{
	uint32_t offset = (uint32_t)((uintptr_t)p - (uintptr_t)slab->base);

	*i = (uint32_t)(((uint64_t)offset * slab->cache->reciprocal) >> 32);
	return *i < slab->cache->nobjects && *i * slab->cache->size == offset;
}

/* slab.c */
/* The place of the table that tells the slabs of this frame and its neighbours. */
static inline void **slab_table_place(const struct mm_range *r, mm_pfn_t pfn)
{
	return &r->side[pfn / MM_SIDE_FRAMES - r->first / MM_SIDE_FRAMES];
}

/* Slab of a frame, or NULL. */
static inline struct mm_slab *slab_of(const struct mm_range *r, mm_pfn_t pfn)
{
	struct mm_slab **table = mm_atomic_load_acquire(slab_table_place(r, pfn));

	return table ? mm_atomic_load_acquire(&table[pfn % MM_SIDE_FRAMES]) : NULL;
}

/* Slab whose pages p lies in, or why there is none. */
enum mm_status slab_find(const struct mm_heap *heap, const void *p, struct mm_slab **out);
/* Slab of an object that is known to be one. */
struct mm_slab *slab_elsewhere(const struct mm_heap *heap, const void *p);
/* Move up to n objects out of slabs into out[]; new slabs are made as long as none was got. */
uint32_t slab_take(struct mm_cache *cache, void **out, uint32_t n, uint32_t flags,
		   enum mm_status *why);
#define SLAB_KEEP 1u /* empty slabs that a cache keeps for the next burst */
/* Bring n objects home. Empty slabs beyond `keep` go back to the page layer. */
void slab_put(struct mm_cache *cache, void **objects, uint32_t n, uint32_t keep);
/* Give all empty slabs back, and the descriptors if no slab is left. */
void slab_release(struct mm_cache *cache);

/* magazine.c */
extern void *const heap_no_magazine[];

/* The top of no magazine at all: both empty and full, so it leads to the slow paths. */
static inline void **magazine_none(void)
{
	return (void **)(uintptr_t)&heap_no_magazine[MAGAZINE_WORDS];
}

void *magazine_alloc(struct mm_cache *cache, uint32_t flags, enum mm_status *why);
void magazine_free(struct mm_cache *cache, void *p);
/* Bring all objects of a CPU home; it is this CPU, entered, or one that is stopped. */
void magazine_flush_cpu(struct mm_heap *heap, struct mm_heap_cpu *cpu);
/* Bring the depot's objects home. */
void magazine_flush_depot(struct mm_cache *cache);
/* Objects of a cache in all magazines. */
size_t magazine_count(const struct mm_cache *cache);
/* Give the pages of magazines back if no magazine is in use. */
void magazine_release(struct mm_heap *heap);

/* cache.c */
/* mm_cache_alloc_st() without the fast path. */
enum mm_status cache_alloc_slow(struct mm_cache *cache, uint32_t flags, void **out);
enum mm_status cache_init(struct mm_heap *heap, uint32_t id, const struct mm_cache_cfg *cfg);

/* kmalloc.c */
size_t kmalloc_class_size(uint32_t c);

/* Enter this CPU's magazines, or NULL. mm_local_unpin() in every case. */
static inline struct mm_heap_cpu *heap_enter(const struct mm_heap *heap, uintptr_t *saved)
{
	uint32_t number = mm_local_pin(heap->pmm->port, saved);
	struct mm_heap_cpu *cpu;

	if (number >= heap->ncpus)
		return NULL;
	cpu = &heap->cpus[number];
	return mm_atomic_load_relaxed(&cpu->online) && mm_local_enter(&cpu->busy) ? cpu : NULL;
}

/* A page of metadata for the heap, or NULL. */
static inline void *heap_page(struct mm_heap *heap, uint32_t flags, enum mm_status *why)
{
	mm_paddr_t pa;

	*why = mm_hook_fail()
		       ? MM_E_NOMEM
		       : pmm_alloc_as(heap->pmm, 0, flags & MM_ALLOC_ATOMIC, FRAME_META, &pa);
	return *why == MM_OK ? mm_port_to_virt(heap->pmm->port, pa) : NULL;
}

/* Give such a page back. */
void heap_free_page(struct mm_heap *heap, void *page);
#endif
