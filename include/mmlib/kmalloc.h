/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Kernel heap: memory of any size.
 *
 * Small sizes come from caches, one for each size class, larger ones are whole blocks of pages;
 * both are checked alike when they are freed. Sizes that are powers of two are aligned to their
 * size, all others to 16 bytes. Contexts are those of mmlib/slab.h. */
#ifndef MMLIB_KMALLOC_H
#define MMLIB_KMALLOC_H
#include <mmlib/slab.h>
MM_BEGIN_DECLS

/** Allocate memory, and say why not.
 *  @param heap heap @param size bytes @param flags #MM_ALLOC_ZERO, #MM_ALLOC_ATOMIC, MM_ALLOC_NODE(),
 *  #MM_ALLOC_NODE_EXACT: as mm_cache_alloc_st()
 *  @param[out] out the memory, written only on #MM_OK
 *  @retval MM_OK done @retval MM_E_INVAL NULL, size 0, another flag, or no such node
 *  @retval MM_E_OVERFLOW the size cannot be rounded up to a power of two
 *  @retval MM_E_NOMEM, MM_E_AGAIN no memory: as mm_cache_alloc_st() @retval MM_E_STATE not set up
 *  What the heap has at hand of objects stays there when a block of more than #MM_KMALLOC_MAX_CLASS bytes finds no
 *  pages: then mm_heap_reclaim(), in interrupts too, or mm_heap_shrink(), which takes more, and another try.
 *  @mm_ctx{boot\, irq-ok with MM_ALLOC_ATOMIC\, no-sleep; locks: slab depot\, once in many calls;
 *  cost: O(1)\, or a new slab} */
MM_NODISCARD enum mm_status mm_kmalloc_st(struct mm_heap *heap, size_t size, uint32_t flags,
					  void **out) MM_TAGGED(mm_kmalloc_st);

/** Allocate memory.
 *  @param heap heap @param size bytes @param flags as mm_kmalloc_st()
 *  @return the memory, or NULL for any error of mm_kmalloc_st()
 *  @mm_ctx{boot\, irq-ok with MM_ALLOC_ATOMIC\, no-sleep; locks: slab depot\, once in many calls;
 *  cost: O(1)\, or a new slab} */
MM_NODISCARD void *mm_kmalloc(struct mm_heap *heap, size_t size, uint32_t flags) MM_TAGGED(mm_kmalloc);

/** Allocate an array of @p n elements of @p size bytes.
 *  @param heap heap @param n elements @param size bytes of one
 *  @param flags as mm_kmalloc_st() @param[out] out the memory, only on #MM_OK
 *  @retval MM_E_OVERFLOW n * size does not fit
 *  @return or as mm_kmalloc_st()
 *  @mm_ctx{boot\, irq-ok with MM_ALLOC_ATOMIC\, no-sleep; locks: slab depot\, once in many calls;
 *  cost: O(1)\, or a new slab} */
MM_NODISCARD enum mm_status mm_kmalloc_array_st(struct mm_heap *heap, size_t n, size_t size,
						uint32_t flags, void **out);

/** Allocate memory with an alignment of its own.
 *  @param heap heap @param size bytes @param align bytes, a power of two
 *  @param flags as mm_kmalloc_st() @param[out] out the memory, only on #MM_OK
 *  @retval MM_E_INVAL also: the alignment is no power of two
 *  @return or as mm_kmalloc_st(); an alignment above every block is #MM_E_NOMEM
 *  @mm_ctx{boot\, irq-ok with MM_ALLOC_ATOMIC\, no-sleep; locks: slab depot\, once in many calls;
 *  cost: O(1)\, or a new slab} */
MM_NODISCARD enum mm_status mm_kmalloc_aligned_st(struct mm_heap *heap, size_t size, size_t align,
						  uint32_t flags, void **out);

/** Change the size of memory; it may move, and then has the alignment of mm_kmalloc(). The contents up
 *  to the smaller size are kept. Making memory smaller does not fail: if there is none to move to, it stays as large
 *  as it was, which mm_kfree_sized() does not know. As mm_kfree() takes objects of caches, so
 *  does this: one that moves is freed to its cache and is memory of mm_kmalloc() from then on.
 *  @param heap heap @param p memory of mm_kmalloc() or of any cache of the heap, or NULL to allocate
 *  @param size bytes @param flags as mm_kmalloc_st(): memory that need not move stays on its node. With
 *  #MM_ALLOC_ZERO what is added is zero if the memory was allocated, and its size changed each time, with
 *  #MM_ALLOC_ZERO, and nothing was written beyond the size asked for: mmlib does not keep that size.
 *  @param[out] out the memory, only on #MM_OK; on an error @p p stays as it is
 *  @retval MM_OK done
 *  @retval MM_E_INVAL NULL, size 0, another flag, or no such node
 *  @retval MM_E_FOREIGN, MM_E_OWNER, MM_E_ALIGN, MM_E_DOUBLE_FREE, MM_E_CORRUPT @p p, as mm_kfree()
 *  @return or as mm_kmalloc_st()
 *  @mm_ctx{boot\, irq-ok with MM_ALLOC_ATOMIC\, no-sleep; locks: slab depot\, once in many calls;
 *  cost: O(size)} */
MM_NODISCARD enum mm_status mm_krealloc_st(struct mm_heap *heap, void *p, size_t size, uint32_t flags,
					   void **out);

/** Change the size of memory.
 *  @param heap heap @param p memory, or NULL @param size bytes @param flags as mm_krealloc_st()
 *  @return the memory, or NULL for any error of mm_krealloc_st(); @p p then stays
 *  @mm_ctx{boot\, irq-ok with MM_ALLOC_ATOMIC\, no-sleep; locks: slab depot\, once in many calls;
 *  cost: O(size)} */
MM_NODISCARD static inline void *mm_krealloc(struct mm_heap *heap, void *p, size_t size, uint32_t flags)
{
	void *out = NULL;

	return mm_krealloc_st(heap, p, size, flags, &out) == MM_OK ? out : NULL;
}

/** Free memory.
 *  @param heap heap @param p memory of mm_kmalloc() or of any cache of the heap; NULL does nothing
 *  @retval MM_OK done @retval MM_E_INVAL NULL heap @retval MM_E_STATE not set up
 *  @retval MM_E_FOREIGN outside the memory that mmlib manages, or reserved in it
 *  @retval MM_E_OWNER not an object: pages, a page table, metadata, or of another heap, or mmlib's own
 *  @retval MM_E_ALIGN inside an object or block @retval MM_E_DOUBLE_FREE it is free
 *  @retval MM_E_CORRUPT somebody wrote over its end (#MM_HARDEN_CANARY), or beside it (mmlib/guard.h); it
 *          stays allocated
 *  Racing frees and MM_CHECKS 0: as mm_cache_free(); of racing frees of a block of more than #MM_KMALLOC_MAX_CLASS
 *  bytes one is believed at all levels but 0. There, any heap of its #mm_pmm frees such a block, and it is one less of
 *  @p heap, not of its own: mm_heap_stats() of both is wrong then, and mm_heap_destroy() is done of neither
 *  (#MM_E_BUSY) until as many went the other way. For heaps that are to free each other's memory: mmlib/site.h.
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: slab depot\, once in many calls; cost: O(1)} */
MM_NODISCARD enum mm_status mm_kfree(struct mm_heap *heap, void *p) MM_TAGGED(mm_kfree);

/** Free memory of which the size is known: that it is the right one is checked.
 *  @param heap heap @param p memory of mm_kmalloc() or one of its kind; NULL does nothing
 *  @param size bytes, as asked for last @param align bytes, as asked of mm_kmalloc_aligned_st(), else 0
 *  @retval MM_OK done @retval MM_E_INVAL NULL heap, size 0, or an alignment that is no power of two
 *  @retval MM_E_ORDER memory at @p p does not come from a request for so much: what stayed when it was made smaller
 *  (mm_krealloc_st()) neither, if less than half of it is used now; mm_ksize() tells how much there is, and mm_kfree()
 *  frees it
 *  @retval MM_E_STATE, MM_E_FOREIGN, MM_E_OWNER, MM_E_ALIGN, MM_E_DOUBLE_FREE, MM_E_CORRUPT as mm_kfree()
 *  With MM_CHECKS 0 the size is believed.
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: slab depot\, once in many calls; cost: O(1)} */
MM_NODISCARD enum mm_status mm_kfree_sized(struct mm_heap *heap, void *p, size_t size, size_t align);

/** Bytes that may be used at @p p: the size asked for, rounded up to its class or to pages, unless it is guarded.
 *  @param heap heap @param p memory of mm_kmalloc() @return bytes; 0 if it is not allocated memory
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none; cost: O(1)} */
size_t mm_ksize(struct mm_heap *heap, const void *p);
MM_END_DECLS
#endif
