/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Kernel heap: memory apart by who allocates it.
 *
 * Who can make a kernel free an object too early, and then allocate one of another type in its place or beside it,
 * reads and writes the one through the other. A cache has a type's objects to itself: slabs are never shared. All
 * that mm_kmalloc() gives out of one size class is beside each other, whatever it is; so here are several heaps for
 * one, and which one serves a call tells a hash of the place of the call and a seed that nobody knows.
 * Two places are of one heap with a chance of one in as many as there are heaps; who writes an exploit cannot tell
 * which, and after a boot with another seed it is another one.
 *
 *     static struct mm_heap heaps[16];
 *     static struct mm_heap_set set;
 *
 *     mm_heap_set_init(&set, heaps, 16, &pmm, ncpus, seed);
 *     for (i = 0; i < 16; i++)                         // what is done to heaps, as ever: CPUs, ticks, pools of
 *             mm_heap_cpu_online(&heaps[i], cpu);      // guarded objects, owners, shrinking, statistics
 *     p = mm_kmalloc_here(&set, size, 0);
 *     mm_kfree_set(&set, p);
 *
 * Frees do not say the place: the heap is found by the address. All that has no function here is asked of a heap:
 * mm_heap_set_site() tells whose turn it is, mm_heap_set_of() who has an object:
 *
 *     mm_kmalloc_array_st(mm_heap_set_site(&set, site), n, size, 0, &p);
 *     mm_kfree_sized(mm_heap_set_of(&set, p), p, size, 0);
 *
 * A kernel's own kmalloc(size) over this must be inlined, or tell its caller's place itself: else all places are one.
 * What is not promised: pages that a heap gives back are anybody's, and so is their address then. Who can bring
 * about that all objects of a slab are freed, and that it goes, may find an object of another type in their place
 * (MM_HARDEN_QUARANTINE makes that longer). A cache with #MM_CACHE_KEEP never gives its pages back before
 * mm_cache_destroy(): nothing but objects of its type is ever at an address that had one. Blocks of more than
 * #MM_KMALLOC_MAX_CLASS bytes are pages, and not apart.
 *
 * Deferred frees (mmlib/deferred.h) are of one heap: a set wants one for each of its heaps.
 *
 * Costs of each heap: a struct mm_heap, its part for each CPU (2 KiB where pointers have 64 bits), slabs that are
 * partly used, and what CPUs have at hand. A kernel without a set pays nothing. */
#ifndef MMLIB_SITE_H
#define MMLIB_SITE_H
#include <mmlib/kmalloc.h>
MM_BEGIN_DECLS

/** Most heaps of a set. */
#define MM_HEAP_SET_MAX 16u

/** Some heaps that are used as one. All-zero is a valid set that is not set up: allocation answers #MM_E_STATE. */
struct mm_heap_set {
	struct mm_heap *heaps; /**< the caller's array, or NULL: not set up */
	uint32_t n;            /**< heaps in it */
	uint32_t seed[2];      /**< @private */
};

/** Set up heaps that are used as one.
 *  @param[out] set the set, written only on #MM_OK
 *  @param[out] heaps array of heaps, which is the set's until mm_heap_set_destroy(); on an error none is set up
 *  @param n how many, 1 to #MM_HEAP_SET_MAX; 16 is what others do
 *  @param pmm where pages come from @param ncpus CPUs, as for mm_heap_init()
 *  @param seed unpredictable bits, other ones at each boot
 *  @retval MM_OK done @retval MM_E_INVAL NULL, ncpus 0, or no such number of heaps
 *  @return or as mm_heap_init()
 *  @mm_ctx{boot\, not with IRQs off if the port has run_on\, no-sleep; locks: none\, as mm_heap_init(); cost:
 *  O(heaps * (CPUs + nodes) * caches)} */
MM_NODISCARD enum mm_status mm_heap_set_init(struct mm_heap_set *set, struct mm_heap *heaps, uint32_t n,
					     struct mm_pmm *pmm, uint32_t ncpus, uint64_t seed)
	MM_TAGGED(mm_heap_set_init);

/** Give everything back to the page layer: mm_heap_destroy() of all heaps, or of none.
 *  @param set set that nobody else is using, nor another heap on the same #mm_pmm; all-zero afterwards, and so are
 *  its heaps
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @retval MM_E_BUSY something of one of the heaps is allocated, as for mm_heap_destroy()
 *  @retval MM_E_AGAIN as mm_heap_destroy(): all heaps stay, but some may have lost their pool of guarded objects
 *  @mm_ctx{boot\, not with IRQs off if the port has run_on\, no-sleep; locks: slab depots;
 *  cost: O(heaps * memory)} */
MM_NODISCARD enum mm_status mm_heap_set_destroy(struct mm_heap_set *set);

/** The heap that serves a place: for all calls that allocate and have none of their own here.
 *  @param set set @param site what tells the place of the call apart from others: its address, or any number where
 *  a language has none, such as a hash of the type's name
 *  @return a heap of the set, always the same one for the same @p site, or NULL: @p set is NULL or not set up
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
MM_NODISCARD struct mm_heap *mm_heap_set_site(const struct mm_heap_set *set, uintptr_t site);

/** The heap to ask about an address.
 *  @param set set @param p memory of any heap of the set
 *  @return the heap whose memory it is; of an address that none has memory at, the first: its answer is right. NULL:
 *  @p set is NULL or not set up
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)\, or O(heaps) of guarded objects\,
 *  and with MM_CHECKS 0 of large blocks} */
MM_NODISCARD struct mm_heap *mm_heap_set_of(const struct mm_heap_set *set, const void *p);

/** Allocate memory for a place, and say why not.
 *  @param set set @param size bytes @param flags as mm_kmalloc_st() @param site as mm_heap_set_site()
 *  @param[out] out the memory, written only on #MM_OK
 *  @return as mm_kmalloc_st()
 *  @mm_ctx{boot\, irq-ok with MM_ALLOC_ATOMIC\, no-sleep; locks: slab depot\, once in many calls;
 *  cost: O(1)\, or a new slab} */
MM_NODISCARD enum mm_status mm_kmalloc_site_st(struct mm_heap_set *set, size_t size, uint32_t flags, uintptr_t site,
					       void **out);

/** Allocate memory for a place.
 *  @param set set @param size bytes @param flags as mm_kmalloc_st() @param site as mm_heap_set_site()
 *  @return the memory, or NULL for any error of mm_kmalloc_site_st()
 *  @mm_ctx{boot\, irq-ok with MM_ALLOC_ATOMIC\, no-sleep; locks: slab depot\, once in many calls;
 *  cost: O(1)\, or a new slab} */
MM_NODISCARD void *mm_kmalloc_site(struct mm_heap_set *set, size_t size, uint32_t flags, uintptr_t site);

/** Allocate memory for the place of this call: where it returns to.
 *  @param set set @param size bytes @param flags as mm_kmalloc_st()
 *  @return the memory, or NULL for any error of mm_kmalloc_site_st()
 *  @mm_ctx{boot\, irq-ok with MM_ALLOC_ATOMIC\, no-sleep; locks: slab depot\, once in many calls;
 *  cost: O(1)\, or a new slab} */
MM_NODISCARD void *mm_kmalloc_here(struct mm_heap_set *set, size_t size, uint32_t flags);

/** Change the size of memory; errors, contents and alignment as mm_krealloc_st(). It stays with the heap it is of,
 *  as it is what it was; @p site is asked if there is none yet, or, with MM_CHECKS 0, if it is a block of pages.
 *  @param set set @param p memory of any heap of the set, or NULL to allocate
 *  @param size bytes @param flags as mm_krealloc_st() @param site as mm_heap_set_site()
 *  @param[out] out the memory, only on #MM_OK; on an error @p p stays as it is
 *  @return as mm_krealloc_st()
 *  @mm_ctx{boot\, irq-ok with MM_ALLOC_ATOMIC\, no-sleep; locks: slab depot\, once in many calls;
 *  cost: O(size)} */
MM_NODISCARD enum mm_status mm_krealloc_site_st(struct mm_heap_set *set, void *p, size_t size, uint32_t flags,
						uintptr_t site, void **out);

/** Free memory of any heap of the set.
 *  @param set set @param p memory of mm_kmalloc_site() and its kind, or of any cache of the set's heaps; NULL does
 *  nothing
 *  @retval MM_OK done @retval MM_E_INVAL NULL set @retval MM_E_STATE not set up
 *  @retval MM_E_OWNER also: of another set's heap, or of one of no set
 *  @return or as mm_kfree()
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: slab depot\, once in many calls; cost: O(1)\, or O(heaps) of guarded
 *  objects} */
MM_NODISCARD enum mm_status mm_kfree_set(struct mm_heap_set *set, void *p);
MM_END_DECLS
#endif
