/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Kernel heap: caches of objects of one size. For any size: mmlib/kmalloc.h.
 *
 * A #mm_heap takes pages from a #mm_pmm and gives out objects. Each CPU keeps magazines of objects,
 * so the usual allocation and free touch no lock, no shared memory and not the object. No allocator
 * state is ever stored inside an object: a stray write cannot damage the heap, and a free does not
 * touch cold memory.
 *
 * Callable from threads and from interrupts: an interrupt that hits its own CPU inside the heap
 * takes a path with a lock. For NMIs: mmlib/nmi.h frees, mmlib/reserve.h has what they may allocate. The host makes an object that one CPU allocated
 * visible to another before it is freed there, as for any data.
 *
 * With several NUMA nodes a CPU gets objects of its own node, or of the nearest one that has memory, and
 * objects that are freed on another node go home: when a full magazine leaves the CPU, and at a tick
 * (mm_heap_reap()) those that are left among the others. MM_ALLOC_NODE() and #MM_ALLOC_NODE_EXACT ask for a
 * node. The usual allocation and free do not look at nodes.
 *
 * Costs below are for a #mm_pmm of few ranges: an address is looked up in one after the other. */
#ifndef MMLIB_SLAB_H
#define MMLIB_SLAB_H
#include <mmlib/pmm.h>
MM_BEGIN_DECLS

struct mm_heap;
struct mm_heap_cpu;
struct mm_guard;
struct mm_slab;
struct mm_slot;

/** Most caches of one heap, the size classes of kmalloc included. */
#define MM_CACHES_MAX 126u
/** Size classes of kmalloc: 16 to 128 bytes in steps of 16, then eight for each doubling to 8 KiB.
 * */
#define MM_KMALLOC_CLASSES 56u
/** Largest size served by a class, bytes; larger ones take pages. */
#define MM_KMALLOC_MAX_CLASS 8192u
/** @private sizes are told apart in steps of 16 bytes */
#define MM_KMALLOC_STEPS (MM_KMALLOC_MAX_CLASS / 16u)
/** @private large blocks that wait, at most */
#define MM_HELD_MAX (4u * MM_QUARANTINE)
/** @private orders of blocks that a frame's byte can tell */
#define MM_LARGE_ORDERS 32u

/** What is special about a cache. */
enum mm_cache_flags {
	MM_CACHE_KEEP = 1u << 0, /**< its memory serves its objects only, until mm_cache_destroy(): who looks
	                              at an object that was freed meanwhile (a reader without locks) finds
	                              one of the same type. mm_heap_shrink() leaves it alone */
	MM_CACHE_OWNERS = 1u << 1, /**< who allocated each object is noted, and told by mmlib/owner.h */
	MM_CACHE_GUARD = 1u << 2,  /**< some objects are alone in pages that are watched, if the heap has some:
	                              mmlib/guard.h. Not with #MM_CACHE_KEEP */
};

/** What a cache does beside giving out objects. Each is optional. All are called with no lock held, by who
 *  allocates or frees and in its context [irq-ok, no-sleep]; none may call mmlib. */
struct mm_cache_hooks {
	/** Construct the object at @p p, once for each time that memory comes to the cache: who frees it
	 *  leaves it constructed. It is not known to anybody yet. Guarded objects (mmlib/guard.h) come and go
	 *  with each allocation. */
	void (*ctor)(void *ctx, void *p);
	/** Its opposite, before memory leaves the cache. */
	void (*dtor)(void *ctx, void *p);
	/** With @c uncharge. May the cache have @p bytes more of pages? They may be denied: nothing is
	 *  allocated then (#MM_E_NOSPC). */
	bool (*charge)(void *ctx, size_t bytes);
	/** With @c charge. It has so many bytes less. */
	void (*uncharge)(void *ctx, size_t bytes);
	void *ctx; /**< the host's own, the first argument of each */
};

/** What a cache's objects are. Written with designated initialisers: what is left out is 0, and means
 *  nothing special. */
struct mm_cache_cfg {
	const char *name; /**< for reports; kept by pointer */
	size_t size;      /**< bytes of an object, 1 to 32 KiB */
	size_t align;     /**< bytes, a power of two, at most a frame; 0: that of a pointer */
	uint32_t flags;   /**< of #mm_cache_flags */
	uint32_t colour;  /**< bytes, a multiple of the alignment: objects of each slab begin so many bytes
	                       later than those of the slab before, as far as there is room at its end, so
	                       that first objects do not share the sets of a CPU cache. 0: none does */
	size_t quota;     /**< most bytes of pages for its objects, at least a slab's; 0: no limit */
	const struct mm_cache_hooks *hooks; /**< kept by pointer; NULL: none */
};

/** A cache of objects of one size. Lives in its heap. */
struct mm_cache {
	struct mm_heap *heap;    /**< @private NULL: this place is free */
	const char *name;        /**< @private */
	uint32_t id;             /**< @private index in the heap and in each CPU's magazines */
	uint32_t size;           /**< @private bytes from one object to the next */
	uint32_t reciprocal;     /**< @private 2^32 / size, rounded up */
	uint32_t nobjects;       /**< @private objects of a slab */
	uint32_t homes;          /**< @private where in its descriptor the bits of those at home begin */
	uint32_t descriptor;     /**< @private bytes of a slab's descriptor */
	uint32_t span;           /**< @private bytes from a slab's first object to the end of its last */
	uint32_t quota;          /**< @private most slabs */
	uint32_t flags;          /**< @private #mm_cache_flags, and in the highest byte log2 of the alignment */
	uint32_t colour;         /**< @private bytes from one colour to the next */
	const struct mm_cache_hooks *hooks; /**< @private or NULL */
	uint16_t depot_least;    /**< @private full magazines that the depot may keep in any case */
	uint16_t depot_most;     /**< @private and at most */
	uint8_t order;           /**< @private of a slab */
	uint8_t capacity;        /**< @private objects of a magazine */
	uint16_t redzone;        /**< @private bytes of `size` that are not for the caller */
	uintptr_t lock;          /**< @private guards all below */
	struct mm_slot *full;    /**< @private depot: full magazines, linked */
	uint32_t nfull;          /**< @private */
	uint32_t depot_max;      /**< @private full magazines that the depot keeps now */
	uint32_t nempty;         /**< @private slabs on the list of empty ones */
	uint32_t low;            /**< @private the fewest that nfull was since the last tick */
	uint32_t low_empty;      /**< @private the same of nempty */
	uint32_t next_colour;    /**< @private bytes that the next slab begins later */
	uint32_t meta_gone;      /**< @private how many times all of `meta` was given back, of whichever cache here */
#if MM_NODES_MAX > 1
	uint32_t node;           /**< @private whose memory this part has; the cache itself is that of node 0 */
	uintptr_t admitted;      /**< @private slabs of all nodes, those that come or go included, an atomic
	                              counter; node 0's counts */
#endif
	struct mm_slab *partial; /**< @private slabs with some objects home, some out */
	struct mm_slab *empty;   /**< @private slabs with all objects home */
	struct mm_slab *spare;   /**< @private descriptors without memory */
	void **meta;             /**< @private pages of descriptors, linked */
	size_t ndescriptors;     /**< @private descriptors in those pages */
	size_t nspare;           /**< @private of them in `spare` */
	size_t nslabs;           /**< @private slabs with memory */
	size_t home;             /**< @private objects that are home in their slabs */
};

/** Counts of a cache. Exact if nobody else is at work. */
struct mm_cache_stats {
	const char *name; /**< of the cache */
	size_t size;      /**< bytes from one object to the next */
	size_t slabs;     /**< slabs with memory */
	size_t objects;   /**< objects they have room for, and guarded ones */
	size_t used;      /**< objects that are allocated */
	size_t cached;    /**< objects in magazines of CPUs and of the depot */
	size_t bytes;     /**< bytes of the slabs' pages */
};

/** Counts of a cache's memory of one node. Exact if nobody else is at work. */
struct mm_cache_node_stats {
	size_t slabs;   /**< slabs with memory of the node */
	size_t objects; /**< objects they have room for */
	size_t home;    /**< objects in these slabs: neither allocated nor in a magazine */
	size_t bytes;   /**< bytes of the slabs' pages */
};

/** A kernel heap: some 20 KiB, so not on a stack. All-zero is a valid one that is
 *  not set up: allocation answers #MM_E_STATE. */
struct mm_heap {
	struct mm_pmm *pmm;       /**< @private */
	struct mm_heap_cpu *cpus; /**< @private one for each CPU */
	uint32_t ncpus;           /**< @private */
	uint32_t cpus_order;      /**< @private of the pages they lie in */
	uintptr_t window;         /**< @private addresses that fast paths look up: from here */
	uintptr_t window_frames;  /**< @private so many frames of them */
	void **window_side;       /**< @private their tables */
	uint8_t *window_bytes;    /**< @private their frame bytes */
	mm_paddr_t cpus_pa;       /**< @private the pages of `cpus` */
	uintptr_t secret;         /**< @private of canaries, and of where large objects are looked at */
	uintptr_t lock;           /**< @private guards caches[] and all below */
	struct mm_slot *magazines;      /**< @private magazines that nobody uses, linked */
	struct mm_slot *magazine_pages; /**< @private pages they were cut from, linked */
	size_t nmagazines;        /**< @private magazines that nobody uses */
	size_t nmagazine_pages;   /**< @private */
#if MM_NODES_MAX > 1
	struct mm_cache **parts;  /**< @private caches[] once more for node 1, node 2, ... */
#endif
	uint8_t classes[MM_KMALLOC_STEPS + 1]; /**< @private class of kmalloc for sizes up to 16 times the index */
	struct mm_cache caches[MM_CACHES_MAX]; /**< @private kmalloc's classes first */
	struct mm_slab *large;    /**< @private records of large blocks, linked; guarded by the lock */
	uint32_t notes;           /**< @private 1: who has large blocks is noted */
	uint32_t window_skip;     /**< @private frames that the first table of the window has before it */
	const struct mm_owner_calls *owners; /**< @private how; NULL: nobody asked for it */
	struct mm_guard *guard;   /**< @private pool of guarded objects, or NULL */
#if MM_HARDEN & MM_HARDEN_QUARANTINE
	void *held[MM_HELD_MAX];  /**< @private large blocks that wait, a ring; guarded by the lock */
	uint32_t held_first;      /**< @private place of the oldest */
	uint32_t nheld;           /**< @private blocks in it */
	uintptr_t held_frames;    /**< @private frames of these, and of those that leave now, an atomic counter */
	uintptr_t held_most;      /**< @private and at most */
#endif
#if MM_CHECKS >= 1
	void *mark[sizeof(void *) == 8 ? 11 : 13]; /**< @private what tables lead to for its large blocks */
#endif
	uintptr_t nlarge[MM_LARGE_ORDERS]; /**< @private large blocks of each order that are allocated, atomic
	                                        counters */
#if MM_ATOMICS
	struct mm_slab *returned; /**< @private slabs with objects that NMIs freed, linked */
	void (*take_back)(struct mm_heap *heap); /**< @private brings those home; NULL: no NMI has freed any */
	uintptr_t homing; /**< @private calls that are doing so, an atomic counter */
#endif
};

/** Counts of a heap. An object has the bytes of mm_cache_stats::size, a guarded one those that were asked for,
 *  a large block those of its pages: what was asked for is kept of none but the guarded. Exact if nobody else is
 *  at work; else the parts are of several moments. */
struct mm_heap_stats {
	size_t used;          /**< objects that are allocated, guarded ones included; so are those that wait in a
	                           handle, in a mempool or for readers (mm_deferred_waiting()), and mmlib's own */
	size_t used_bytes;    /**< bytes of these */
	size_t guarded;       /**< of `used`, those in pages of their own (mmlib/guard.h), large ones too */
	size_t guarded_bytes; /**< bytes of these, without what is beside them */
	size_t large;         /**< blocks of pages for more than #MM_KMALLOC_MAX_CLASS bytes that are allocated, or
	                           wait for readers. With MM_CHECKS 0 some heap of a #mm_heap_set counts each, not always
	                           the one that allocated it: their sum is right. If CPUs free some at a time then, one
	                           heap may count less than none: that wraps round, and the sum is still right */
	size_t large_bytes;   /**< bytes of these */
	size_t held_frames;   /**< frames of such blocks that were freed, which #MM_HARDEN_QUARANTINE holds back while
	                           there is memory */
	size_t cached;        /**< objects that are free, in magazines of CPUs and of depots */
	size_t cached_bytes;  /**< bytes of these */
	size_t at_hand;       /**< of `cached`, those of CPUs: mm_heap_cpu_stats() tells of which */
	size_t quarantined;   /**< of `cached`, those that #MM_HARDEN_QUARANTINE holds back while there is memory */
	size_t home;          /**< objects that are free, in slabs */
	size_t home_bytes;    /**< bytes of these */
	size_t slabs;         /**< slabs with memory */
	size_t slab_frames;   /**< frames of these */
	size_t meta_frames;   /**< frames of mmlib's own: descriptors of slabs, magazines, each CPU's and node's part */
	size_t frames;        /**< all frames of the heap: of slabs, of large blocks, be they held back, and mmlib's own. Guarded objects
	                           are in the host's */
	size_t shared_frames; /**< not in `frames`: tables from frames to slabs, of all heaps of the #mm_pmm */
};

/** What a CPU has at hand of a heap. Exact if it is not at work. */
struct mm_heap_cpu_stats {
	size_t objects; /**< objects that are free, in its magazines */
	size_t bytes;   /**< bytes of these, by mm_cache_stats::size */
};

/** Set up a heap with all size classes of kmalloc.
 *  @param[out] heap heap, written only on #MM_OK @param pmm where pages come from
 *  @param ncpus CPUs that may ever call, at least 1; CPU 0 gets its magazines now
 *  @retval MM_OK done @retval MM_E_INVAL NULL, or ncpus 0
 *  @retval MM_E_STATE @p pmm is not set up
 *  @retval MM_E_NOMEM, MM_E_AGAIN no pages for the CPUs' magazines, for some 32 KiB on each node but the
 *          first, or, with the first heap, for an eighth of a bit for each frame of memory: as mm_page_alloc()
 *  @retval MM_E_NOTSUP frames of this size are too small for it
 *  @mm_ctx{boot\, not with IRQs off if the port has run_on\, no-sleep; locks: none\, caller serialises calls
 *  for heaps of one manager; cost: O((CPUs + nodes) * caches)} */
MM_NODISCARD enum mm_status mm_heap_init(struct mm_heap *heap, struct mm_pmm *pmm, uint32_t ncpus)
	MM_TAGGED(mm_heap_init);

/** Give everything back to the page layer. Caches are destroyed.
 *  @param heap heap that nobody else is using, nor another heap on the same #mm_pmm; all-zero
 *  afterwards
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @retval MM_E_BUSY objects or large blocks are allocated, or a #mm_prefill was not returned; or, with
 *          MM_CHECKS 0, large blocks were freed through another heap: mm_kfree()
 *  @retval MM_E_AGAIN other CPUs have objects at hand, and the port has no `run_on` or it hit them in
 *          the middle of a call; or mm_guard_hooks::protect cannot now
 *  @mm_ctx{boot\, not with IRQs off if the port has run_on\, no-sleep; locks: slab depots;
 *  cost: O(memory)} */
MM_NODISCARD enum mm_status mm_heap_destroy(struct mm_heap *heap);

/** Let a CPU have magazines. A CPU that is not online allocates and frees too, more slowly.
 *  @param heap heap @param cpu dense number, less than `ncpus`
 *  @retval MM_OK done, or already so @retval MM_E_INVAL NULL, or no such CPU
 *  @retval MM_E_STATE not set up
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none; cost: O(1)} */
MM_NODISCARD enum mm_status mm_heap_cpu_online(struct mm_heap *heap, uint32_t cpu);

/** Where a CPU's part of a heap lies: for `MM_PORT_HEAP_CPU` of mmlib/slab_inline.h.
 *  @param heap heap @param cpu dense number, less than `ncpus`; it need not be online
 *  @return the part, until mm_heap_destroy(), or NULL: not set up, or no such CPU
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
MM_NODISCARD struct mm_heap_cpu *mm_heap_cpu_local(const struct mm_heap *heap, uint32_t cpu);

/** Take back the objects a CPU has at hand, and keep it from taking more.
 *  @param heap heap @param cpu a CPU that is stopped, or the calling one
 *  @retval MM_OK done, or already so @retval MM_E_INVAL NULL, or no such CPU
 *  @retval MM_E_BUSY it stopped in the middle of a call; nothing changed
 *  @retval MM_E_STATE not set up
 *  @mm_ctx{no-sleep; locks: slab depots; cost: O(objects at hand)} */
MM_NODISCARD enum mm_status mm_heap_cpu_offline(struct mm_heap *heap, uint32_t cpu);

/** Bring objects that CPUs have at hand home to their slabs: this CPU's now, those of others
 * through
 *  the port's `run_on`, or, without it, when they next free an object, find none at hand, or call
 *  mm_heap_cpu_idle().
 *  @param heap heap @retval MM_OK all CPUs have given back
 *  @retval MM_E_AGAIN some CPUs will, as soon as they look
 *  @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @mm_ctx{boot\, not with IRQs off if the port has run_on\, no-sleep; locks: slab depots;
 *  cost: O(CPUs * caches)} */
MM_NODISCARD enum mm_status mm_heap_drain(struct mm_heap *heap);

/** To be called by idle loops: answers a request to bring objects home, and does so with what NMIs freed.
 *  @param heap heap, or NULL
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: slab depots\, if asked; cost: O(1)\, or the objects} */
void mm_heap_cpu_idle(struct mm_heap *heap);

/** Drain all CPUs and depots, and give empty slabs and unused magazines back to the page layer. The tables in which
 *  slabs are found by their frames (mm_heap_stats's `shared_frames`) stay: frees look into them without a lock.
 *  mm_heap_trim() gives those back that nothing is in.
 *  @param heap heap @retval MM_OK done @retval MM_E_AGAIN done, but some CPUs could not be drained
 *  now @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @mm_ctx{boot\, not with IRQs off if the port has run_on\, no-sleep; locks: slab depots;
 *  cost: O(memory)} */
MM_NODISCARD enum mm_status mm_heap_shrink(struct mm_heap *heap);

/** Give back the tables in which slabs and large blocks are found by their frames, but for those that something is in. If
 *  all is free, and mm_heap_shrink() was called before and answered #MM_OK, the page layer has what it had after
 *  mm_heap_init() (what caches with #MM_CACHE_KEEP have they keep).
 *  @param heap heap that no other CPU, nor an interrupt, is in or comes into, nor into another heap on the same #mm_pmm:
 *  others may be stopped anywhere else, as by what a kernel has for code that changes under CPUs
 *  @param[out] frames NULL, or frames that went back to the page layer
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, caller keeps others away; cost: O(the ranges' frames / 512)\, and
 *  512 for each table} */
MM_NODISCARD enum mm_status mm_heap_trim(struct mm_heap *heap, size_t *frames);

/** A tick: give back what has not been needed since the last one. Of each cache as many full magazines go home
 *  as the depot had too many all the time, and empty slabs likewise; what CPUs have at hand stays. For a
 *  timer, every few seconds, or the idle loop of one CPU. With several nodes, each CPU is asked to send home
 *  what it has at hand of other nodes: it does when it next frees an object, finds none at hand, or calls
 *  mm_heap_cpu_idle().
 *  @param heap heap @param[out] frames NULL, or frames that went back to the page layer
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: slab depots; cost: O(caches)\, and what goes} */
MM_NODISCARD enum mm_status mm_heap_reap(struct mm_heap *heap, size_t *frames) MM_TAGGED(mm_heap_reap);

/** Memory is short: give back what nobody uses, until it is enough. What other CPUs have at hand stays:
 *  mm_heap_shrink() takes that too, and costs more.
 *  @param heap heap @param want frames that are wanted @param[out] got frames that went back to the page layer
 *  @retval MM_OK done, be it with fewer @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: slab depots; cost: O(caches)\, and what goes} */
MM_NODISCARD enum mm_status mm_heap_reclaim(struct mm_heap *heap, size_t want, size_t *got);

/** Counts of a heap.
 *  @param heap heap @param[out] out counts, written only on #MM_OK
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: slab depots\, one after the other; cost: O(caches * (CPUs + nodes) +
 *  the guarded objects that there is room for + the ranges' frames / 512)} */
MM_NODISCARD enum mm_status mm_heap_stats(struct mm_heap *heap, struct mm_heap_stats *out) MM_TAGGED(mm_heap_stats);

/** What a CPU has at hand, of all caches of a heap.
 *  @param heap heap @param cpu dense number, less than `ncpus`; it need not be online
 *  @param[out] out counts, written only on #MM_OK
 *  @retval MM_OK done @retval MM_E_INVAL NULL, or no such CPU @retval MM_E_STATE not set up
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none; cost: O(caches)} */
MM_NODISCARD enum mm_status mm_heap_cpu_stats(struct mm_heap *heap, uint32_t cpu, struct mm_heap_cpu_stats *out);

/** Check a whole heap: what mm_cache_verify() checks, of all caches; magazines; what each CPU has; records of large
 *  blocks, where owners are noted (others are only counted), and canaries behind those; the records of a pool of guarded
 *  objects. What was written beside these mm_guard_check() tells.
 *  @param heap heap that nobody else is using
 *  @retval MM_OK whole @retval MM_E_CORRUPT damaged @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @mm_ctx{boot\, no-sleep; locks: none but that of a pool\, caller keeps others away; cost: O(objects)\, with
 *  #MM_HARDEN_ZERO O(memory)} */
MM_NODISCARD enum mm_status mm_heap_verify(struct mm_heap *heap);

/** Where an object is for a device. An object is contiguous there too.
 *  @param heap heap @param p an address inside memory of the heap @param[out] out its physical address, only on
 *  #MM_OK
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @retval MM_E_FOREIGN outside the memory that mmlib manages; inside it, what is there is not asked
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
MM_NODISCARD enum mm_status mm_heap_paddr(struct mm_heap *heap, const void *p, mm_paddr_t *out);

/** Make a cache.
 *  @param heap heap @param cfg what its objects are; need not outlive the call
 *  @param[out] out the cache, written only on #MM_OK
 *  @retval MM_OK done
 *  @retval MM_E_INVAL NULL, size 0 or above 32 KiB, alignment no power of two or above a frame, unknown
 *          flag, #MM_CACHE_GUARD with #MM_CACHE_KEEP, a colour that is no multiple of the alignment, a quota below a slab's bytes, or only one
 *          of mm_cache_hooks::charge and mm_cache_hooks::uncharge
 *  @retval MM_E_NOSPC the heap has #MM_CACHES_MAX caches @retval MM_E_STATE not set up
 *  @retval MM_E_NOTSUP frames of this size are too small for it, or #MM_CACHE_OWNERS with MM_CHECKS 0
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: slab depot; cost: O(caches)} */
MM_NODISCARD enum mm_status mm_cache_create(struct mm_heap *heap, const struct mm_cache_cfg *cfg,
					    struct mm_cache **out) MM_TAGGED(mm_cache_create);

/** Unmake a cache and give its memory back.
 *  @param cache cache that nobody else is using; nor may another CPU be in mm_heap_shrink(),
 *  mm_heap_reap(), mm_heap_reclaim(), mm_heap_stats(), mm_heap_leaks() or mm_leak_next()
 *  @retval MM_OK done @retval MM_E_INVAL NULL, or a size class of kmalloc
 *  @retval MM_E_STATE destroyed already
 *  @retval MM_E_BUSY objects are allocated
 *  @retval MM_E_AGAIN other CPUs have a magazine of it at hand, and the port has no `run_on` or it hit
 *          them in the middle of a call: they were asked to bring it home; or they are bringing home what NMIs freed
 *          (mmlib/nmi.h)
 *  @mm_ctx{boot\, not with IRQs off if the port has run_on\, no-sleep; locks: slab depots;
 *  cost: O(its memory + CPUs * caches)} */
MM_NODISCARD enum mm_status mm_cache_destroy(struct mm_cache *cache);

/** Allocate an object, and say why not.
 *  @param cache cache @param flags #MM_ALLOC_ZERO, #MM_ALLOC_ATOMIC; MM_ALLOC_NODE(): an object of this node,
 *  or else of the nearest that has some; #MM_ALLOC_NODE_EXACT: of no other node than the one asked for, or
 *  the calling CPU's
 *  @param[out] out the object, written only on #MM_OK
 *  @retval MM_OK done
 *  @retval MM_E_INVAL NULL, another flag, no such node, or #MM_ALLOC_ZERO of a cache that constructs its
 *          objects
 *  @retval MM_E_STATE the cache is destroyed
 *  @retval MM_E_NOMEM no page for a new slab: as mm_page_alloc()
 *  @retval MM_E_AGAIN the same; or nothing is left, but another call is making a slab that may serve, or gives one
 *          back. This one may have interrupted that: who cannot let others run does not try again in a loop
 *  @retval MM_E_NOSPC no object is at hand here, and a new slab is beyond the cache's quota or was not
 *          admitted by mm_cache_hooks::charge. What other CPUs have at hand counts as used
 *  @mm_ctx{boot\, irq-ok with MM_ALLOC_ATOMIC\, no-sleep; locks: slab depot\, once in many calls;
 *  cost: O(1)\, or a new slab} */
MM_NODISCARD enum mm_status mm_cache_alloc_st(struct mm_cache *cache, uint32_t flags, void **out)
	MM_TAGGED(mm_cache_alloc_st);

/** Allocate an object and tell where it is for a device. With mm_cache_cfg::quota and a mempool these are the
 *  blocks of a zone as some kernels have them.
 *  @param cache cache @param flags as mm_cache_alloc_st()
 *  @param[out] out the object, only on #MM_OK @param[out] pa its physical address, only on #MM_OK
 *  @return as mm_cache_alloc_st()
 *  @mm_ctx{boot\, irq-ok with MM_ALLOC_ATOMIC\, no-sleep; locks: slab depot\, once in many calls;
 *  cost: O(1)\, or a new slab} */
MM_NODISCARD enum mm_status mm_cache_alloc_paddr(struct mm_cache *cache, uint32_t flags, void **out,
						 mm_paddr_t *pa);

/** Allocate an object.
 *  @param cache cache @param flags as mm_cache_alloc_st()
 *  @return the object, or NULL for any error of mm_cache_alloc_st()
 *  @mm_ctx{boot\, irq-ok with MM_ALLOC_ATOMIC\, no-sleep; locks: slab depot\, once in many calls;
 *  cost: O(1)\, or a new slab} */
MM_NODISCARD void *mm_cache_alloc(struct mm_cache *cache, uint32_t flags) MM_TAGGED(mm_cache_alloc);

/** Free an object.
 *  @param cache the cache it came from @param p the object; NULL does nothing
 *  @retval MM_OK done @retval MM_E_INVAL NULL cache @retval MM_E_STATE the cache is destroyed
 *  @retval MM_E_FOREIGN outside the memory that mmlib manages
 *  @retval MM_E_OWNER of another cache, mmlib's own, or no object at all
 *  @retval MM_E_ALIGN inside an object @retval MM_E_DOUBLE_FREE it is free
 *  @retval MM_E_CORRUPT somebody wrote over the object's end (#MM_HARDEN_CANARY), or beside it
 *          (#MM_CACHE_GUARD); it stays allocated
 *  With MM_CHECKS 0 all but NULL is believed. Of two CPUs that free one object at the same time,
 *  both may be told #MM_OK unless MM_CHECKS is 2 or more.
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: slab depot\, once in many calls; cost: O(1)} */
MM_NODISCARD enum mm_status mm_cache_free(struct mm_cache *cache, void *p) MM_TAGGED(mm_cache_free);

/** Bring the objects that CPUs have at hand home, of all caches, and give the empty slabs of this one back.
 *  @param cache cache @retval MM_OK done @retval MM_E_AGAIN done, but some CPUs could not be drained now
 *  @retval MM_E_INVAL NULL @retval MM_E_STATE the cache is destroyed
 *  @mm_ctx{boot\, not with IRQs off if the port has run_on\, no-sleep; locks: slab depots;
 *  cost: O(its memory + CPUs * caches)} */
MM_NODISCARD enum mm_status mm_cache_shrink(struct mm_cache *cache);

/** Counts of a cache.
 *  @param cache cache @param[out] out counts
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE the cache is destroyed
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: slab depot; cost: O(CPUs)} */
MM_NODISCARD enum mm_status mm_cache_stats(struct mm_cache *cache, struct mm_cache_stats *out);

/** Counts of a cache's memory of one node.
 *  @param cache cache @param node node of the page layer @param[out] out counts
 *  @retval MM_OK done @retval MM_E_INVAL NULL, or no such node @retval MM_E_STATE the cache is destroyed
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: slab depot; cost: O(1)} */
MM_NODISCARD enum mm_status mm_cache_node_stats(struct mm_cache *cache, uint32_t node,
						struct mm_cache_node_stats *out);

/** Next cache of a heap, kmalloc's size classes included. Start with `uint32_t it = 0;`.
 *  @param heap heap @param[in,out] it position @return a cache, or NULL at the end
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none; cost: O(1) amortised} */
struct mm_cache *mm_cache_next(struct mm_heap *heap, uint32_t *it);

/** Check all invariants of a cache: counts, bitmaps, state of objects, lists, what frames and tables say of its slabs,
 *  what is in magazines. With #MM_HARDEN_CANARY the canaries of all its objects, too, and with #MM_HARDEN_ZERO that
 *  those are zero that are free.
 *  @param cache cache that nobody else is using
 *  @retval MM_OK whole @retval MM_E_CORRUPT damaged @retval MM_E_INVAL NULL
 *  @retval MM_E_STATE the cache is destroyed
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller keeps others away; cost: O(objects)\, with #MM_HARDEN_ZERO
 *  O(memory)} */
MM_NODISCARD enum mm_status mm_cache_verify(const struct mm_cache *cache);
MM_END_DECLS
#endif
