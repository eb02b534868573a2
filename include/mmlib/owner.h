/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Who holds the memory of a heap: objects and large blocks by owner, and each of them.
 *
 * An owner is a number: the address that a call to allocate returns to, so who called, or what
 * mm_heap_set_owner() says. Caches made with #MM_CACHE_OWNERS note it, and after mm_heap_note_owners()
 * kmalloc() does, large blocks included. It costs a pointer for each object, beside its slab's descriptor, and
 * each allocation takes the cache's lock: such caches have no objects at hand on CPUs, so their order is not
 * random (#MM_HARDEN_RANDOM). All others pay nothing.
 *
 * What waits in a mempool or a prefilled handle, or for a deferred free, is not told, but a large block is until
 * it goes; who takes it out of one of the first two is its owner. A wrapper's calls all have one owner, the wrapper, unless it says whose they are. Of memory that is allocated or freed during a
 * walk it is told or not, or whose it was before. */
#ifndef MMLIB_OWNER_H
#define MMLIB_OWNER_H
#include <mmlib/kmalloc.h>
MM_BEGIN_DECLS

/** What an owner holds. */
struct mm_leak {
	uintptr_t owner; /**< who; 0: mmlib itself */
	size_t objects;  /**< how many, large blocks included */
	size_t bytes;    /**< bytes that they take, what lies behind each included */
};

/** One that is held. */
struct mm_leak_object {
	void *p;                      /**< where it begins */
	size_t bytes;                 /**< bytes that it takes */
	uintptr_t owner;              /**< who holds it */
	const struct mm_cache *cache; /**< of which cache; NULL: a large block */
};

/** How far a walk came. All-zero: it begins. */
struct mm_leak_walk {
	uint32_t cache;  /**< @private index of the cache */
	uint32_t node;   /**< @private and node of its memory */
	uint32_t gone;   /**< @private how many times its pages of descriptors had gone */
	uint32_t at;     /**< @private byte in that page */
	uint32_t object; /**< @private index in the slab */
	void *page;      /**< @private page of descriptors; NULL: the next is the first one */
	uintptr_t large; /**< @private address of the large block that was told last */
	uint32_t guarded; /**< @private slot of the object that is guarded, and next */
};

/** Note owners of what mm_kmalloc() and its kind give out from now on. For the time between mm_heap_init() and
 *  the first allocation, and until mm_heap_destroy().
 *  @param heap heap that nobody else is using
 *  @retval MM_OK done, or already so @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @retval MM_E_BUSY something of mm_kmalloc() is allocated
 *  @retval MM_E_AGAIN other CPUs have objects at hand: as mm_heap_shrink()
 *  @retval MM_E_NOTSUP with MM_CHECKS 0 nobody knows what is allocated
 *  @mm_ctx{boot\, not with IRQs off if the port has run_on\, no-sleep; locks: slab depots;
 *  cost: O(memory)} */
MM_NODISCARD enum mm_status mm_heap_note_owners(struct mm_heap *heap) MM_TAGGED(mm_heap_note_owners);

/** Whose is this memory?
 *  @param heap heap @param p memory of mm_kmalloc() or of a cache of the heap
 *  @param[out] owner written only on #MM_OK
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @retval MM_E_NOTSUP owners are not noted there
 *  @retval MM_E_FOREIGN, MM_E_OWNER, MM_E_ALIGN, MM_E_DOUBLE_FREE as mm_kfree(); also #MM_E_OWNER: a large
 *          block of another heap
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none; cost: O(1)} */
MM_NODISCARD enum mm_status mm_heap_owner(struct mm_heap *heap, const void *p, uintptr_t *owner);

/** This memory is somebody else's from now on: for wrappers, and who hands memory on.
 *  @param heap heap @param p memory that the caller has, as for mm_heap_owner() @param owner any number
 *  @return as mm_heap_owner()
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none; cost: O(1)} */
MM_NODISCARD enum mm_status mm_heap_set_owner(struct mm_heap *heap, void *p, uintptr_t owner);

/** What each owner holds of a heap, who holds most bytes first. Nothing is allocated.
 *  @param heap heap @param[out] list owners @param room how many entries the list has room for
 *  @param[out] n owners in the list
 *  @param[out] rest what owners hold together for whom there was no room; its owner is 0, and so are its
 *  objects if the list is whole. All are written only on #MM_OK
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @retval MM_E_NOTSUP with MM_CHECKS 0
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: slab depots\, each for a page of descriptors\, some hundred
 *  objects\, at a time\, and the heap's for all large blocks; cost: O(objects * log room + room * room)} */
MM_NODISCARD enum mm_status mm_heap_leaks(struct mm_heap *heap, struct mm_leak *list, size_t room, size_t *n,
					  struct mm_leak *rest);

/** The same of one cache.
 *  @param cache cache @param[out] list,n,rest as mm_heap_leaks() @param room how many entries the list has room for
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE the cache is destroyed
 *  @retval MM_E_NOTSUP owners are not noted in it
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: slab depot\, for a page of descriptors at a time;
 *  cost: O(objects * log room + room * room)} */
MM_NODISCARD enum mm_status mm_cache_leaks(struct mm_cache *cache, struct mm_leak *list, size_t room, size_t *n,
					   struct mm_leak *rest);

/** Walk what is held, cache by cache, then guarded objects, large blocks at the end. Start with `struct mm_leak_walk it = { 0 };` and
 *  call until false.
 *  @param heap heap @param[in,out] it how far the walk came @param owner whose memory
 *  @param[out] out one object or block, written only on true @return whether there was one
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: slab depot\, for a page of descriptors at a time\, or the heap's;
 *  cost: O(objects up to the next one)\, or O(large blocks)} */
bool mm_leak_next(struct mm_heap *heap, struct mm_leak_walk *it, uintptr_t owner, struct mm_leak_object *out);
MM_END_DECLS
#endif
