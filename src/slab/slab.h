/* SPDX-License-Identifier: MIT */
/* What the files of the heap share.
 *
 *   kmalloc.c    sizes to classes, free by address
 *   large.c      large blocks: whose they are, and that they are freed once
 *   cache.c      create, destroy
 *   stats.c      counts of caches and heaps
 *   verify.c     are all invariants kept?
 *   heap.c       set up, CPUs, drain, shrink
 *   magazine.c   the fast paths; magazines of CPUs, the depot
 *   harden.c     canaries, zeroing
 *   slab.c       slabs: pages cut into objects, which are home and which are out
 *   node.c       several nodes: whose memory an object is of, and how it comes home
 *   bulk.c       many objects at once
 *   prefill.c mempool.c   objects in reserve (parked.h)
 *   deferred.c   frees that wait for readers
 *   reap.c       ticks, memory pressure
 *   physical.c   where an object is for a device
 *   nmi.c        what NMIs free
 *   owner.c      who holds what (owner.h)
 *   guard.c      objects in pages of their own (guard.h)
 *   site.c       several heaps as one: memory apart by who allocates it
 *
 * Lock order: the CPU's busy flag, then a cache's lock, then the heap's lock. The page layer is
 * called with none of the locks held. */
#ifndef MM_SRC_SLAB_SLAB_H
#define MM_SRC_SLAB_SLAB_H
#include "fast.h"
#include "../lock.h"
#include "../names.h"
#include "../pmm/zone.h"

#define MAGAZINE_MAX (MM_MAGAZINE_SLOTS - 3u)
_Static_assert(MM_OBJECT_FRAME_BYTE == FRAME_SLAB, "fast.h does without the page layer's headers");
_Static_assert((sizeof(struct mm_heap_cpu) & (sizeof(struct mm_heap_cpu) - 1)) == 0,
	       "a CPU's part is found by a shift");

/* Frames of fewer bytes hold no useful slab, nor magazines. */
#define MM_HEAP_MIN_FRAME 4096u

/* Full magazines that a depot does not give out as long as there is other memory. */
#define MAGAZINES_HELD ((MM_HARDEN & MM_HARDEN_QUARANTINE) ? MM_QUARANTINE : 0)

/* Do large blocks wait when they are freed? */
#define LARGE_HELD ((MM_HARDEN & MM_HARDEN_QUARANTINE) != 0)

#define SLAB_WORD_BITS (8u * (uint32_t)sizeof(uintptr_t))

/* Descriptors lie so in their pages that what a free reads of one begins a line of the CPU's caches, and the states
 * of its first objects are in the same: of slabs with up to 32 objects all. SLAB_FIRST: where a page's first one is,
 * behind the link of pages. */
#define SLAB_LINE  (MM_CHECKS >= 1 ? 64u : (uint32_t)_Alignof(struct mm_slab))
#define SLAB_HEAD  ((uint32_t)offsetof(struct mm_slab, cache))
#define SLAB_FIRST (((uint32_t)sizeof(void *) + SLAB_HEAD + SLAB_LINE - 1) / SLAB_LINE * SLAB_LINE - SLAB_HEAD)

/* Flags of an allocation that ask for a node, all that the heap takes, and those for its pages. With one node,
 * to ask for it is to ask for nothing. */
#if MM_NODES_MAX > 1
#define HEAP_NODE_FLAGS ((uint32_t)MM_ALLOC_NODE_EXACT | ZONE_NODE_FLAGS)
#define HEAP_PAGE_FLAGS ((uint32_t)MM_ALLOC_ATOMIC | MM_ALLOC_NO_RETRY | ZONE_NODE_FLAGS)
#else
#define HEAP_NODE_FLAGS ((uint32_t)MM_ALLOC_NODE_EXACT | MM_ALLOC_NODE(0))
#define HEAP_PAGE_FLAGS ((uint32_t)MM_ALLOC_ATOMIC)
#endif
#define HEAP_FLAGS ((uint32_t)MM_ALLOC_ZERO | MM_ALLOC_ATOMIC | HEAP_NODE_FLAGS)

/* How many nodes there are. */
static inline uint32_t heap_nodes(const struct mm_heap *heap)
{
	return zone_nodes(heap->pmm);
}

/* Node of a cache's part. */
static inline uint32_t cache_node(const struct mm_cache *part)
{
#if MM_NODES_MAX > 1
	return part->node;
#else
	(void)part;
	return 0;
#endif
}

/* A cache's part of a node (node.c); node 0's is the cache itself. */
static inline struct mm_cache *cache_part(const struct mm_cache *cache, uint32_t node)
{
#if MM_NODES_MAX > 1
	if (node)
		return &cache->heap->parts[node - 1][cache->id];
#endif
	(void)node;
	return &cache->heap->caches[cache->id];
}

/* The cache that a part is of. */
static inline struct mm_cache *cache_whole(const struct mm_cache *part)
{
	return cache_part(part, 0);
}

/* The part of the next node, or NULL; the cache is the first one. */
static inline struct mm_cache *cache_next_part(const struct mm_cache *part)
{
	uint32_t next = cache_node(part) + 1;

	return next < heap_nodes(part->heap) ? cache_part(part, next) : NULL;
}

/* Large blocks that are allocated. */
static inline size_t heap_large(const struct mm_heap *heap)
{
	size_t n = 0;

	for (unsigned order = 0; order < MM_LARGE_ORDERS; order++)
		n += mm_atomic_load_relaxed(&heap->nlarge[order]);
	return n;
}

static inline uint32_t slab_words(const struct mm_cache *cache)
{
	return (cache->nobjects + SLAB_WORD_BITS - 1) / SLAB_WORD_BITS;
}

/* Its bits: set if the object is home. */
static inline uintptr_t *slab_homes(const struct mm_cache *cache, struct mm_slab *slab)
{
	return (uintptr_t *)(void *)((unsigned char *)slab + cache->homes);
}

/* Bytes of an object that are the caller's. */
static inline size_t cache_room(const struct mm_cache *cache)
{
	return cache->size - cache->redzone;
}

#define CACHE_ALIGN_SHIFT 24
_Static_assert(MM_OBJECT_ZEROED < 1u << CACHE_ALIGN_SHIFT, "flags of a cache are below its alignment");

/* Alignment of its objects, bytes. */
static inline size_t cache_align(const struct mm_cache *cache)
{
	return (size_t)1 << (cache->flags >> CACHE_ALIGN_SHIFT);
}

/* Cache of an object that slab_find() led to. A guarded object's may change while others look, so it is read
 * atomically. */
static inline struct mm_cache *slab_cache(const struct mm_slab *slab)
{
	return mm_atomic_load_relaxed(&slab->cache);
}

/* Why an object with this state cannot be freed, which is not used. */
static inline enum mm_status object_not_used(const uint8_t *state)
{
	return mm_atomic_load_relaxed(state) == MM_OBJECT_OWN ? MM_E_OWNER : MM_E_DOUBLE_FREE;
}

/* Why a free was refused; the memory checker is told. */
static inline enum mm_status object_refused(const void *pool, const void *p, enum mm_status st)
{
	if (st != MM_OK)
		mm_san_misuse(pool, p);
	return st;
}

/* The memory checker is told that an object is free. If the cache keeps its memory, readers may look at it. */
static inline void object_closed(const struct mm_cache *cache, void *p)
{
	mm_san_free(cache, p, cache->size);
	if (cache->flags & MM_CACHE_KEEP)
		mm_san_open(p, cache_room(cache));
}

/* Can NMIs free? Only a state that is changed by an atomic operation tells whose an object is. */
#define NMI_POSSIBLE (MM_CHECKS >= 1 && MM_ATOMICS)

/* What NMIs freed comes home, if they did. No lock is held. */
static inline void heap_take_back(struct mm_heap *heap)
{
#if NMI_POSSIBLE
	if (mm_atomic_load_acquire(&heap->returned))
		heap->take_back(heap);
#else
	(void)heap;
#endif
}

/* Is somebody doing that, so that objects may be on their way (I5 of nmi.c)? */
static inline bool heap_is_homing(const struct mm_heap *heap)
{
#if NMI_POSSIBLE
	return mm_atomic_load_acquire(&heap->homing) != 0 && !MM_PLANTED(MM_PLANT_NMI_HOMING);
#else
	(void)heap;
	return false;
#endif
}

/* Is a slab among those that heap_take_back() looks at? */
static inline bool slab_is_returned(const struct mm_slab *slab)
{
	return NMI_POSSIBLE && !MM_PLANTED(MM_PLANT_NMI_GO) && mm_atomic_load_relaxed(&slab->returned);
}

/* harden.c; where MM_HARDEN does not ask for it, nothing. */
#if MM_OBJECT_WATCHED
/* The objects of a new slab are as free ones are. */
void harden_slab(const struct mm_cache *cache, unsigned char *base);
/* Is the end of a large block whole? MM_OK, or why not. */
enum mm_status harden_look_large(const struct mm_heap *heap, const unsigned char *p, size_t bytes);
/* A large block, which nobody else can free, is about to be freed: MM_OK, or why it must not. */
enum mm_status harden_free_large(const struct mm_heap *heap, unsigned char *p, size_t bytes);
/* Make an object idle, or say why not; then, when nothing can go wrong any more, clear it. */
enum mm_status harden_retire(const struct mm_cache *cache, const void *p, uint8_t *state);
void harden_clear(const struct mm_cache *cache, void *p);
/* Is the end of an object whole? MM_OK, or the port's log is told. */
enum mm_status harden_look(const struct mm_cache *cache, const void *p);
/* An object that is idle, and waited, can go into a magazine: MM_OK, or it must not. */
enum mm_status harden_idle(const struct mm_cache *cache, void *p);
/* Is the canary of an object whole, and, if it is free, its memory as free memory is? The same of a large block. */
bool harden_is_sound(const struct mm_cache *cache, const unsigned char *p, bool is_free);
bool harden_is_sound_large(const struct mm_heap *heap, const unsigned char *p, size_t bytes);
/* Stop the machine if a large block, which was cleared when it was freed, was written since. Is it as it was? */
void harden_prove_large(const struct mm_heap *heap, unsigned char *p, size_t bytes);
bool harden_is_clear_large(const unsigned char *p, size_t bytes);
/* Tell the port's log where something was written. */
void harden_tell(const struct mm_heap *heap, const char *what, const unsigned char *p);
#else
static inline void harden_slab(const struct mm_cache *cache, unsigned char *base)
{
	(void)cache;
	(void)base;
}

static inline enum mm_status harden_retire(const struct mm_cache *cache, const void *p, uint8_t *state)
{
	(void)cache;
	(void)p;
	return mm_object_retire(state) ? MM_OK : object_not_used(state);
}

static inline void harden_clear(const struct mm_cache *cache, void *p)
{
	(void)cache;
	(void)p;
}

static inline enum mm_status harden_look(const struct mm_cache *cache, const void *p)
{
	(void)cache;
	(void)p;
	return MM_OK;
}

static inline enum mm_status harden_idle(const struct mm_cache *cache, void *p)
{
	(void)cache;
	(void)p;
	return MM_OK;
}

static inline bool harden_is_sound(const struct mm_cache *cache, const unsigned char *p, bool is_free)
{
	(void)cache;
	(void)p;
	(void)is_free;
	return true;
}

static inline bool harden_is_sound_large(const struct mm_heap *heap, const unsigned char *p, size_t bytes)
{
	(void)heap;
	(void)p;
	(void)bytes;
	return true;
}

static inline enum mm_status harden_look_large(const struct mm_heap *heap, const unsigned char *p, size_t bytes)
{
	(void)heap;
	(void)p;
	(void)bytes;
	return MM_OK;
}

static inline void harden_prove_large(const struct mm_heap *heap, unsigned char *p, size_t bytes)
{
	(void)heap;
	(void)p;
	(void)bytes;
}

static inline bool harden_is_clear_large(const unsigned char *p, size_t bytes)
{
	(void)p;
	(void)bytes;
	return true;
}

static inline enum mm_status harden_free_large(const struct mm_heap *heap, unsigned char *p, size_t bytes)
{
	return harden_look_large(heap, p, bytes);
}
#endif
#if MM_HARDEN & MM_HARDEN_CANARY
/* Write the canary of a large block. */
void harden_large(const struct mm_heap *heap, unsigned char *p, size_t bytes);
#else
static inline void harden_large(const struct mm_heap *heap, unsigned char *p, size_t bytes)
{
	(void)heap;
	(void)p;
	(void)bytes;
}
#endif

/* slab.c */
extern const struct mm_slab heap_no_slab;

/* What a table tells of a frame that no slab has, so that fast paths ask nobody whether there is one. */
static inline struct mm_slab *slab_none(void)
{
	return (struct mm_slab *)(uintptr_t)&heap_no_slab;
}

#if MM_CHECKS >= 1
extern const struct mm_slab heap_taken;

/* What a table tells of a large block (large.c) while somebody frees it, and while it waits. */
static inline struct mm_slab *slab_taken(void)
{
	return (struct mm_slab *)(uintptr_t)&heap_taken;
}
#endif

/* Number of a frame, as its range's tables are told by. */
static inline uintptr_t slab_frame(const struct mm_range *r, mm_pfn_t pfn)
{
	return (uintptr_t)(pfn - r->first / MM_SIDE_FRAMES * MM_SIDE_FRAMES);
}

/* The place of the table that tells the slabs of this frame and its neighbours. */
static inline void **slab_table_place(const struct mm_range *r, uintptr_t frame)
{
	return &r->side[frame / MM_SIDE_FRAMES];
}

/* What is in that place if the table is there. (S9) */
static inline void *slab_table_told(const void *table, uintptr_t frame)
{
	return (void *)((uintptr_t)table + 1 - (uintptr_t)(frame / MM_SIDE_FRAMES * (uintptr_t)MM_FRAME_SIZE));
}

/* What tells the slab of a frame, or NULL: there is no table. */
static inline struct mm_slab **slab_entry(const struct mm_range *r, mm_pfn_t pfn)
{
	uintptr_t frame = slab_frame(r, pfn);
	const void *place = mm_atomic_load_acquire(slab_table_place(r, frame));

	return place ? mm_object_entry(place, frame) : NULL;
}

/* Slab of a frame, or mark or record of a large block, or slab_taken(); NULL: none of these. */
static inline struct mm_slab *slab_of(const struct mm_range *r, mm_pfn_t pfn)
{
	struct mm_slab **entry = slab_entry(r, pfn);
	struct mm_slab *slab = entry ? mm_atomic_load_acquire(entry) : slab_none();

	return slab == slab_none() ? NULL : slab;
}

/* First frame of a slab with memory, and its range, or NULL: there is none. A colour may be more than a frame. */
static inline mm_pfn_t slab_first_frame(const struct mm_cache *part, const struct mm_slab *slab,
					const struct mm_range **r)
{
	mm_pfn_t pfn = 0;

	*r = pmm_find_virt(part->heap->pmm, slab->base, &pfn);
	return pfn & ~(((mm_pfn_t)1 << part->order) - 1);
}

/* Put a slab into a list, or take it out. Who guards the list does. */
void slab_hook(struct mm_slab **list, struct mm_slab *slab);
void slab_unhook(struct mm_slab **list, struct mm_slab *slab);
/* Slab whose pages p lies in, or why there is none. */
enum mm_status slab_find(const struct mm_heap *heap, const void *p, struct mm_slab **out)
	MM_TAGGED(mm_priv_slab_find);
/* Make the object at p idle, which is in this slab; where its state is, or why it is none that is used. */
enum mm_status slab_retire(struct mm_slab *slab, void *p, uint8_t **state, uintptr_t caller);
/* Where the state of the object at p is, whatever it is. MM_E_ALIGN: no object starts there. */
enum mm_status slab_state(struct mm_slab *slab, const void *p, uint8_t **state);
/* Is the object at p used? MM_OK, or why not. */
enum mm_status slab_look(const struct mm_slab *slab, const void *p);
/* Move up to n objects out of a part's slabs into out[]; new slabs are made as long as half is missing: what
 * slabs have left is too little to come for again. 0: why not. */
uint32_t slab_take(struct mm_cache *cache, struct mm_slot *out, uint32_t n, uint32_t flags,
		   enum mm_status *why);
#define SLAB_HAVE (1u << 15) /* flag of slab_take(): no new slabs */
#define SLAB_KEEP 1u /* empty slabs that a cache keeps for the next burst */
/* Is some slab of a cache being made, or given back, of which objects may be had with these flags? Asked by who found
 * none, before he looks once more. */
bool slab_is_coming(struct mm_cache *cache, uint32_t flags);
/* Bring n objects home, of whichever nodes. Empty slabs beyond `keep` go back to the page layer. */
void slab_put(struct mm_cache *cache, const struct mm_slot *objects, uint32_t n, uint32_t keep);
/* Give empty slabs of a part back until `keep` are left. */
void slab_trim(struct mm_cache *cache, uint32_t keep);
/* Give all empty slabs of a part back, and the descriptors if no slab is left. */
void slab_release(struct mm_cache *cache);

#define NODE_ANY 0xffffffffu /* no node in particular */
/* node.c; asked only where there are several nodes, but for the first two. */
#if MM_NODES_MAX > 1
/* Make room for parts of caches: an array of pointers, one for each node but the first, is there. Errors as
 * mm_page_alloc(); nothing has changed then. And its opposite. */
enum mm_status node_make(struct mm_pmm *pmm, struct mm_cache **parts) MM_TAGGED(mm_priv_node_make);
void node_end(struct mm_pmm *pmm, struct mm_cache **parts);
/* The node that a CPU's objects are of: its own, or the nearest one with memory. */
uint32_t node_of_cpu(const struct mm_heap *heap, uint32_t number);
/* The node that flags ask for, or, unless exactly that one, the nearest to it with memory; NODE_ANY: none. */
uint32_t node_of_flags(const struct mm_heap *heap, uint32_t flags);
/* Node of an object. */
uint32_t node_of_object(const struct mm_heap *heap, const void *p);
/* How many objects, from the first one on, are of one node, and which. */
uint32_t node_run(const struct mm_heap *heap, const struct mm_slot *slots, uint32_t n, uint32_t *node);
/* The part of a cache that so many objects are of, or NULL: of several. */
struct mm_cache *node_part(const struct mm_cache *cache, const struct mm_slot *slots, uint32_t n);
/* Keep the objects of one node, side by side from the first slot on; the others go home. How many stay. */
uint32_t node_sort(struct mm_cache *cache, uint32_t node, struct mm_slot *slots, uint32_t n);
/* Objects from the slabs of the nearest node that has some; 0: why not. */
uint32_t node_fill(struct mm_cache *cache, struct mm_slot *out, uint32_t n, uint32_t flags, enum mm_status *why);
/* Ask all CPUs to send home what they have of other nodes. */
void node_request(struct mm_heap *heap);
/* Frames of node_make()'s memory. */
size_t node_frames(const struct mm_heap *heap);
#else /* never asked; a compiler that does not optimise wants them all the same */
static inline enum mm_status node_make(struct mm_pmm *pmm, struct mm_cache **parts)
{
	(void)pmm;
	(void)parts;
	return MM_OK;
}

static inline void node_end(struct mm_pmm *pmm, struct mm_cache **parts)
{
	(void)pmm;
	(void)parts;
}

static inline uint32_t node_of_cpu(const struct mm_heap *heap, uint32_t number)
{
	(void)heap;
	(void)number;
	return 0;
}

static inline uint32_t node_of_flags(const struct mm_heap *heap, uint32_t flags)
{
	(void)heap;
	(void)flags;
	return 0;
}

static inline uint32_t node_of_object(const struct mm_heap *heap, const void *p)
{
	(void)heap;
	(void)p;
	return 0;
}

static inline uint32_t node_run(const struct mm_heap *heap, const struct mm_slot *slots, uint32_t n, uint32_t *node)
{
	(void)heap;
	(void)slots;
	*node = 0;
	return n;
}

static inline struct mm_cache *node_part(const struct mm_cache *cache, const struct mm_slot *slots, uint32_t n)
{
	(void)slots;
	(void)n;
	return cache_whole(cache);
}

static inline uint32_t node_sort(struct mm_cache *cache, uint32_t node, struct mm_slot *slots, uint32_t n)
{
	(void)cache;
	(void)node;
	(void)slots;
	return n;
}

static inline uint32_t node_fill(struct mm_cache *cache, struct mm_slot *out, uint32_t n, uint32_t flags,
				 enum mm_status *why)
{
	(void)cache;
	(void)out;
	(void)n;
	(void)flags;
	*why = MM_E_NOMEM;
	return 0;
}

static inline void node_request(struct mm_heap *heap)
{
	(void)heap;
}

static inline size_t node_frames(const struct mm_heap *heap)
{
	(void)heap;
	return 0;
}
#endif

/* magazine.c */
extern const struct mm_slot heap_no_magazine[];

/* The top of no magazine at all: both empty and full, so it leads to the slow paths. */
static inline struct mm_slot *magazine_none(void)
{
	return (struct mm_slot *)(uintptr_t)&heap_no_magazine[MM_MAGAZINE_SLOTS];
}

static inline bool magazine_is_real(const struct mm_slot *top)
{
	return top != magazine_none();
}

/* The magazine of a top. */
static inline struct mm_slot *magazine_of(struct mm_slot *top)
{
	return (struct mm_slot *)(((uintptr_t)top - 1) & ~(uintptr_t)(MM_MAGAZINE_BYTES - 1));
}

/* Where in a magazine this cache's objects begin. */
static inline struct mm_slot *magazine_first(const struct mm_cache *cache, struct mm_slot *magazine)
{
	return magazine + MM_MAGAZINE_SLOTS - cache->capacity;
}

static inline uint32_t magazine_objects(const struct mm_cache *cache, struct mm_slot *top)
{
	if (!magazine_is_real(top))
		return 0;
	return (uint32_t)(top - magazine_first(cache, magazine_of(top)));
}

#define BLANK_MOST 16u /* empty magazines that a CPU keeps */

/* How many empty magazines of a CPU are linked from this one on: slot 2 tells, which no objects are in. */
static inline uintptr_t blank_count(const struct mm_slot *magazine)
{
	return magazine ? (uintptr_t)magazine[2].p : 0;
}

/* What the object in a slot is for a caller: used. */
static inline void *magazine_use(const struct mm_slot *slot)
{
#if MM_CHECKS >= 1
	mm_atomic_store_relaxed(slot->state, (uint8_t)MM_OBJECT_USED);
#endif
	return slot->p;
}

/* An empty magazine for this cache, as its top; NULL: why not. */
struct mm_slot *magazine_new(struct mm_cache *cache, uint32_t flags, enum mm_status *why);
/* A magazine that is not needed, with its objects gone. */
void magazine_drop(struct mm_heap *heap, struct mm_slot *top);
/* An object, used from now on; NULL: why not. */
void *magazine_alloc(struct mm_cache *cache, uint32_t flags, enum mm_status *why)
	MM_TAGGED(mm_priv_magazine_alloc);
/* Bring all objects of a CPU home; it is this CPU, entered, or one that is stopped. */
void magazine_flush_cpu(struct mm_heap *heap, struct mm_heap_cpu *cpu);
/* What mm_heap_cpu::drain asks a CPU for, in bits that no top has: */
#define DRAIN_NONE  ((uint32_t)MM_MAGAZINE_BYTES - 1) /* nothing: a top has some of these unless it is full */
#define DRAIN_ALL   1u /* bring all objects home */
#define DRAIN_AWAY  2u /* bring those of other nodes home */
_Static_assert(sizeof(struct mm_slot) % 4 == 0, "tops have neither bit");

/* Is it asked for something? */
static inline bool magazine_is_asked(struct mm_heap_cpu *cpu)
{
	return mm_atomic_load_relaxed(&cpu->drain) != DRAIN_NONE;
}

/* Do it; this CPU is entered. */
void magazine_answer(struct mm_heap *heap, struct mm_heap_cpu *cpu);
/* Objects from a part's slabs into out[]; if there is no memory, those that its depot holds back too. */
uint32_t magazine_fill_part(struct mm_cache *part, struct mm_slot *out, uint32_t n, uint32_t flags,
			    enum mm_status *why);
/* A full magazine from the depot if it has more than `held`, as its top, or NULL. */
struct mm_slot *depot_get(struct mm_cache *cache, uint32_t held);
/* Bring the objects of a magazine home, all but `keep` empty slabs to the page layer, and drop it. */
void magazine_flush(struct mm_cache *cache, struct mm_slot *top, uint32_t keep);
/* Bring the objects of all depots home, those in quarantine too. */
void magazine_flush_depot(struct mm_cache *cache);
/* Objects of a cache in the magazines of a CPU, and in all. */
size_t magazine_at_hand(const struct mm_cache *cache, const struct mm_heap_cpu *cpu);
size_t magazine_count(const struct mm_cache *cache);
/* Give the pages of magazines back if no magazine is in use. */
void magazine_release(struct mm_heap *heap);

/* cache.c */
/* mm_cache_alloc_st() without the fast path; who called it wants so many bytes of the object. */
enum mm_status cache_alloc_slow(struct mm_cache *cache, size_t size, uint32_t flags, uintptr_t caller,
				void **out) MM_TAGGED(mm_priv_cache_alloc_slow);

/* mm_cache_alloc_st(), called by another function of the heap for its caller. */
static inline enum mm_status cache_alloc_for(struct mm_cache *cache, uint32_t flags, uintptr_t caller, void **out)
{
	void *p;

	if (!out || !mm_object_is_cache(cache) || !mm_object_of_cache(cache, flags, &p))
		return cache_alloc_slow(cache, cache ? cache_room(cache) : 0, flags, caller, out);
	*out = p;
	return MM_OK;
}

/* Are all its objects allocated from slabs, so that who allocates is asked for? */
static inline bool cache_is_direct(const struct mm_cache *cache)
{
	return cache->flags & MM_CACHE_OWNERS;
}
enum mm_status cache_init(struct mm_heap *heap, uint32_t id, const struct mm_cache_cfg *cfg);
/* slab_release() of all parts. */
void cache_release(struct mm_cache *cache);
/* Are all objects home, as far as it has slabs? */
bool cache_is_home(struct mm_cache *cache);
/* Slabs with memory. */
size_t cache_slabs(const struct mm_cache *cache);
/* Counts of a part. */
struct mm_cache_node_stats cache_count(struct mm_cache *part);

/* kmalloc.c */
size_t kmalloc_class_size(uint32_t c);
/* Is p, which is in no slab, a large block whose end is whole? Why not. */
enum mm_status kmalloc_large_at(struct mm_heap *heap, const void *p);
/* The same; and if it is whole it waits from now on: it is as it was, but no call takes it for a large block. */
enum mm_status kmalloc_large_wait(struct mm_heap *heap, const void *p);
/* It waits no more. False: it is not what it was. */
bool kmalloc_large_due(struct mm_heap *heap, const void *p);
/* Usable bytes at p, or why it is not allocated memory. */
enum mm_status kmalloc_size(struct mm_heap *heap, const void *p, size_t *size);
/* Does a large block begin in the frame of p? */
bool kmalloc_is_large(const struct mm_heap *heap, const void *p);
/* mm_kmalloc_st(), mm_kfree() and mm_krealloc_st() for a caller, without fast paths; memory of a heap that is resized
 * becomes another's, or stays the same one's, if it moves. */
enum mm_status kmalloc_slow(struct mm_heap *heap, size_t size, uint32_t flags, uintptr_t caller, void **out);
enum mm_status kfree_from(struct mm_heap *heap, void *p, uintptr_t caller);
enum mm_status kmalloc_resize(struct mm_heap *heap, void *p, size_t size, uint32_t flags, struct mm_heap *other,
			      uintptr_t caller, void **out);

/* large.c */
/* A large block; or why not, as mm_page_alloc(). */
enum mm_status large_alloc(struct mm_heap *heap, unsigned order, uint32_t flags, uintptr_t caller, void **out)
	MM_TAGGED(mm_priv_large_alloc);
/* Free the one that starts at p, in this frame, whose byte told this order; or why not. */
enum mm_status large_free(struct mm_heap *heap, void *p, mm_pfn_t pfn, unsigned order);
/* The same in two steps: it waits from now on, and is one again. False: it is not what it was. */
enum mm_status large_wait(struct mm_heap *heap, const void *p, mm_pfn_t pfn, unsigned order);
bool large_due(struct mm_heap *heap, const void *p, mm_pfn_t pfn);
#if MM_HARDEN & MM_HARDEN_QUARANTINE
/* How much may wait. */
void large_hold_init(struct mm_heap *heap);
/* The freed block that waits longest goes; its frames, or 0: none waits. */
size_t large_let_go(struct mm_heap *heap);
/* There was no memory, which *st says: all that wait go. Did any? If not, and some other call lets one go: MM_E_AGAIN. */
bool large_make_room(struct mm_heap *heap, enum mm_status *st);
#else
static inline void large_hold_init(struct mm_heap *heap)
{
	(void)heap;
}

static inline size_t large_let_go(struct mm_heap *heap)
{
	(void)heap;
	return 0;
}

static inline bool large_make_room(struct mm_heap *heap, enum mm_status *st)
{
	(void)heap;
	(void)st;
	return false;
}
#endif

/* Frames of freed blocks that wait. */
static inline size_t large_held(const struct mm_heap *heap)
{
#if MM_HARDEN & MM_HARDEN_QUARANTINE
	return mm_atomic_load_relaxed(&heap->held_frames);
#else
	(void)heap;
	return 0;
#endif
}

/* heap.c */
/* Make a class of kmalloc; flags of its cache. */
enum mm_status heap_make_class(struct mm_heap *heap, uint32_t c, uint32_t flags);
/* What mm_heap_destroy() does, one after the other. Nobody else is at work. Is everything home but for large blocks?
 * Errors as mm_heap_destroy(). */
enum mm_status heap_settle(struct mm_heap *heap);
/* The pool of guarded objects, if there is one, is the host's: MM_OK, or MM_E_AGAIN. */
enum mm_status heap_unguard(struct mm_heap *heap);
void heap_end_caches(struct mm_heap *heap);
/* Give tables back that nothing is in: how many. Nobody else is at work, in any heap of the page layer. */
size_t heap_free_tables(struct mm_heap *heap);
void heap_leave(struct mm_heap *heap);
/* Bring home what this CPU has at hand. The argument is the heap. */
void heap_drain_here(void *arg);

/* Enter this CPU's magazines, or NULL. mm_local_unpin() in every case. */
static inline struct mm_heap_cpu *heap_enter(const struct mm_heap *heap, uintptr_t *saved)
{
	struct mm_heap_cpu *cpu;

	if (!mm_object_cpu(heap, &cpu, saved))
		return NULL;
	return mm_atomic_load_relaxed(&cpu->online) && mm_local_enter(&cpu->busy) ? cpu : NULL;
}

/* Does the heap, which is set up, take these flags of an allocation? */
static inline bool heap_flags_ok(const struct mm_heap *heap, uint32_t flags)
{
	(void)heap;
	return !(flags & ~HEAP_FLAGS) && (MM_NODES_MAX == 1 || zone_node_in_flags(flags) <= heap_nodes(heap));
}

/* Pages of a heap. Freed blocks that wait go before there is none. `fails`: mm_hook_fail() of who asks, so that each is
 * told apart. Errors as mm_page_alloc(). */
static inline enum mm_status heap_pages(struct mm_heap *heap, unsigned order, uint32_t flags, unsigned byte,
					bool fails, mm_paddr_t *pa)
{
	enum mm_status st;

	do
		st = fails ? MM_E_NOMEM : pmm_alloc_as(heap->pmm, order, flags, byte, pa);
	while (st != MM_OK && !fails && large_make_room(heap, &st));
	return st;
}

/* A page of metadata for the heap, or NULL: why not. */
static inline void *heap_page(struct mm_heap *heap, uint32_t flags, bool fails, enum mm_status *why)
{
	mm_paddr_t pa;

	*why = heap_pages(heap, 0, flags & HEAP_PAGE_FLAGS, FRAME_META, fails, &pa);
	return *why == MM_OK ? mm_port_to_virt(heap->pmm->port, pa) : NULL;
}

/* Give such a page back. */
void heap_free_page(struct mm_heap *heap, void *page);

/* slab_entry(), of a table that is made if it is not there; NULL: why not. */
static inline struct mm_slab **slab_make_entry(struct mm_heap *heap, const struct mm_range *r, mm_pfn_t pfn,
					       uint32_t flags, enum mm_status *why)
{
	uintptr_t frame = slab_frame(r, pfn);
	void **place = slab_table_place(r, frame), *was = mm_atomic_load_acquire(place), *now;
	struct mm_slab **page;

	if (was)
		return mm_object_entry(was, frame);
	page = heap_page(heap, flags, mm_hook_fail(), why);
	if (!page)
		return NULL;
	for (size_t i = 0; i < (size_t)MM_SIDE_FRAMES; i += 4)
		page[i] = page[i + 1] = page[i + 2] = page[i + 3] = slab_none();
	now = slab_table_told(page, frame);
	if (mm_atomic_cas(place, &was, now))
		return mm_object_entry(now, frame);
	heap_free_page(heap, page); /* another CPU was first; a swap that fails orders nothing */
	return mm_object_entry(MM_PLANTED(MM_PLANT_TABLE) ? was : mm_atomic_load_acquire(place), frame);
}
#endif
