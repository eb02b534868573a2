/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Some objects of a heap alone in pages of their own: who touches what is beside one, or one that is
 *  free, is caught.
 *
 * The host gives a heap a pool of pages. Of the allocations that caches with #MM_CACHE_GUARD do not find at
 * hand, one of so many is served from there. Where the host can make pages inaccessible, the object ends, or
 * begins, at the border of a page behind, or before, which there is one that nobody can access; and when it is
 * freed, nor can its own. The host's page-fault handler asks mm_guard_fault() what happened:
 *
 *     struct mm_guard_report r;
 *     if (mm_guard_fault(&heap, fault_address, &r) == MM_OK)
 *         panic("%s: object %p of %s, from %p, freed by %p", kinds[r.kind], r.object, r.name, r.allocated, r.freed);
 *
 * Without an MMU the object is amid its page. In both cases what is beside it on its page has a pattern, and so
 * has an object that is free: who wrote there is told when the object is freed (#MM_E_CORRUPT, it stays
 * allocated), when its page is used again, or by mm_guard_check(). Pages are used again in the order in which
 * they were freed; one that the host could not make accessible goes to the end.
 *
 * All functions take these objects like others. They have the bytes that were asked for, of mm_kmalloc() or as
 * mm_cache_cfg::size, and mm_ksize() tells them to the byte: what lies between there and the border of the page, for
 * the sake of an alignment, has the pattern.
 * Memory of the pool is charged to no quota and of no particular node: who asks for a node gets none of it, nor
 * does mmlib itself. Objects at hand on a CPU are given out as ever: what is found are mistakes that happen now and then, on machines
 * that are in use. Who wants to see each allocation adds #MM_CACHE_OWNERS, and mm_guard_cfg::every 1.
 * Costs nothing where a heap has no pool; the usual allocation and free never ask. */
#ifndef MMLIB_GUARD_H
#define MMLIB_GUARD_H
#include <mmlib/kmalloc.h>
MM_BEGIN_DECLS

/** Most frames of an object's pages. */
#define MM_GUARD_FRAMES_MAX 8u

/** What somebody did. */
enum mm_guard_kind {
	MM_GUARD_UNKNOWN = 0,    /**< touched what is no object, nor is beside one, as far as is known:
	                              objects of a cache that was destroyed are forgotten */
	MM_GUARD_BEHIND = 1,     /**< touched what lies behind an object */
	MM_GUARD_BEFORE = 2,     /**< touched what lies before an object */
	MM_GUARD_AFTER_FREE = 3, /**< touched an object that is free, or what is beside one */
};

/** What somebody did to which object. Of an object that another CPU frees or allocates meanwhile it may be of
 *  either. */
struct mm_guard_report {
	enum mm_guard_kind kind;      /**< what he did; if nobody knows to which object, all but `address` is 0 */
	uintptr_t address;            /**< where: the first byte that is known */
	const void *object;           /**< first byte of the object */
	size_t size;                  /**< its bytes */
	size_t distance;              /**< bytes from its border to `address`; 0: inside, or right behind it */
	const struct mm_cache *cache; /**< its cache; a large block's is that of the largest class of kmalloc */
	const char *name;             /**< the cache's name */
	uintptr_t allocated;          /**< who allocated it: where the call returned to; or mm_heap_set_owner() */
	uintptr_t freed;              /**< who freed it, likewise; where the compiler makes no tail calls (below -O2),
	                                   an address in mm_kfree() or mm_cache_free(). Of one that waits in a mempool
	                                   or a handle, who put it there. 0: it is allocated */
};

/** What the host does for a pool. Called with no lock held, by who allocates or frees and in his context
 *  [irq-ok, no-sleep]; neither may call mmlib. */
struct mm_guard_hooks {
	/** OPTIONAL. Make @p bytes at @p page, multiples of the frame size, accessible or not, for all CPUs: as far
	 *  as another CPU keeps an old translation, it is not caught. False: it cannot be done now, all stays as
	 *  it was. Absent: there is no MMU. */
	bool (*protect)(void *ctx, void *page, size_t bytes, bool accessible);
	/** OPTIONAL. Somebody wrote where he must not, which was found by the pattern. Absent: the same is told by
	 *  #MM_E_CORRUPT if the object is allocated, else by the port's `panic`. */
	void (*report)(void *ctx, const struct mm_guard_report *report);
	void *ctx; /**< the host's own, the first argument of each */
};

/** A pool. Written with designated initialisers: what is left out is 0. */
struct mm_guard_cfg {
	void *base;      /**< first byte of its pages, on a frame's border: memory of mm_page_alloc(), or any other,
	                      mapped page by page if there is mm_guard_hooks::protect */
	mm_paddr_t pa;   /**< its physical address, contiguous: for mm_heap_paddr() */
	size_t bytes;    /**< a multiple of the frame size. An object takes its pages and, with
	                      mm_guard_hooks::protect, one more; some 120 bytes for each object are at the begin */
	uint32_t frames; /**< frames of an object's pages, at most #MM_GUARD_FRAMES_MAX; 0: one. Larger objects are
	                      not guarded, nor are those that are aligned to more than a frame */
	uint32_t every;  /**< one of so many allocations is guarded, in the mean if the port has `random`; 0 is 1 */
	uint32_t hold;   /**< pages of so many freed objects are not used again until more are free */
	bool kmalloc;    /**< mm_kmalloc() and its kind too, be it large blocks */
	const struct mm_guard_hooks *hooks; /**< kept by pointer; NULL: none */
};

/** Counts of a pool. Exact if nobody else is at work. */
struct mm_guard_stats {
	size_t slots; /**< objects that there is room for */
	size_t used;  /**< that are allocated */
	size_t free;  /**< whose pages can be used */
	size_t given; /**< objects that were ever allocated there; wraps */
};

/** Let a heap have guarded objects.
 *  @param heap heap that nobody else is using @param cfg the pool; need not outlive the call, but its memory
 *  is the heap's until mm_guard_end() or mm_heap_destroy()
 *  @retval MM_OK done
 *  @retval MM_E_INVAL NULL, a base or size that is no multiple of a frame, too many frames an object, no
 *          room for one object and those that are held back
 *  @retval MM_E_STATE not set up @retval MM_E_EXIST it has a pool
 *  @retval MM_E_NOTSUP with MM_CHECKS 0, or with MM_SANITIZER_HEADER, which sees all objects; or
 *          mm_guard_hooks::protect cannot
 *  @mm_ctx{boot\, no-sleep; locks: none; cost: O(pool)} */
MM_NODISCARD enum mm_status mm_guard_init(struct mm_heap *heap, const struct mm_guard_cfg *cfg)
	MM_TAGGED(mm_guard_init);

/** Give the pool back to the host, all of it accessible.
 *  @param heap heap that nobody else is using
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE not set up, or it has no pool
 *  @retval MM_E_BUSY some of its objects are allocated
 *  @retval MM_E_AGAIN mm_guard_hooks::protect cannot now: the pool stays
 *  @mm_ctx{boot\, no-sleep; locks: none; cost: O(objects of the pool)} */
MM_NODISCARD enum mm_status mm_guard_end(struct mm_heap *heap);

/** For a handler of page faults: what did who touched this address do? A host that goes on then makes the page
 *  accessible first.
 *  @param heap heap @param address any @param[out] report written only on #MM_OK
 *  @retval MM_OK he must not @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @retval MM_E_FOREIGN the address is not in the heap's pool, or it has none
 *  @retval MM_E_NOENT it is inside an object that is allocated, or in what the pool keeps for itself
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
MM_NODISCARD enum mm_status mm_guard_fault(const struct mm_heap *heap, uintptr_t address,
					   struct mm_guard_report *report);

/** Look at all patterns, and at what the pool knows of itself: for a timer, or an idle loop.
 *  @param heap heap @param[out] report what was found first, written only on #MM_E_CORRUPT; `cache` is NULL if
 *  the pool's own records are damaged
 *  @retval MM_OK whole, or it has no pool @retval MM_E_CORRUPT damaged
 *  @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: the pool's\, once for O(objects that are free); cost: O(pool)} */
MM_NODISCARD enum mm_status mm_guard_check(struct mm_heap *heap, struct mm_guard_report *report);

/** Counts of a heap's pool.
 *  @param heap heap @param[out] out counts; all 0 if it has none
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: the pool's; cost: O(1)} */
MM_NODISCARD enum mm_status mm_guard_stats(struct mm_heap *heap, struct mm_guard_stats *out);
MM_END_DECLS
#endif
