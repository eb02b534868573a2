/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Tiny cache: objects of one size, for systems where mmlib/slab.h is too large.
 *
 * Pages of the caller's choice (frames, or pieces of an array) are cut into objects. A page begins with
 * three words and a bit for each object; nothing is ever stored inside an object, free or not. No
 * magazines, no per-CPU state, no table of addresses: a pointer leads to its page, as pages are aligned
 * to their size. It needs nothing else of mmlib. For memory of any size: mmlib/region.h.
 *
 * No locks inside: the caller keeps others away, with interrupts off if handlers call too. A call takes a
 * bounded number of steps: it looks at one page's bits at most. */
#ifndef MMLIB_TINY_H
#define MMLIB_TINY_H
#include <mmlib/types.h>
MM_BEGIN_DECLS

struct mm_tiny_page;

/** What a cache's objects are, and where its pages come from. */
struct mm_tiny_cfg {
	size_t size;  /**< bytes of an object, at least 1 */
	size_t align; /**< of an object, bytes, a power of two below #page; 0: that of a pointer */
	size_t page;  /**< bytes of a page, a power of two, 64 to 65536 */
	/** OPTIONAL. A page, aligned to its size, for this cache alone; NULL: there is none. NULL if all
	 *  memory comes through mm_tiny_add(). [called by mm_tiny_alloc_st(); must not call the cache] */
	void *(*get)(void *ctx);
	/** OPTIONAL. Takes back a page that is not used any more. NULL: pages stay with the cache. */
	void (*put)(void *ctx, void *page);
	void *ctx; /**< for both */
};

/** A tiny cache. All-zero is a valid one that is not set up: allocation answers #MM_E_STATE. */
struct mm_tiny {
	void *(*get)(void *ctx);            /**< @private */
	void (*put)(void *ctx, void *page); /**< @private */
	void *ctx;                          /**< @private */
	struct mm_tiny_page
		*some;  /**< @private pages with a free object; the first is taken from */
	uintptr_t low;  /**< @private lowest page that it ever had, */
	uintptr_t high; /**< @private and highest */
	uint32_t page;  /**< @private bytes of a page */
	uint32_t size;  /**< @private from one object to the next */
	uint32_t first; /**< @private where in a page objects begin */
	uint32_t count; /**< @private objects of a page; 0: not set up */
	size_t pages;   /**< @private */
	size_t used;    /**< @private objects that are allocated */
};

/** Counts of a tiny cache. */
struct mm_tiny_stats {
	size_t size;    /**< bytes from one object to the next */
	size_t pages;   /**< pages that it has */
	size_t objects; /**< objects they have room for */
	size_t used;    /**< objects that are allocated */
};

/** Set up a cache without memory.
 *  @param[out] t cache, written only on #MM_OK @param cfg what its objects are; need not outlive the call
 *  @retval MM_OK done
 *  @retval MM_E_INVAL NULL, size 0, or an alignment or a page that is no such power of two
 *  @retval MM_E_NOSPC no object fits into a page
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, caller serialises; cost: O(1)} */
MM_NODISCARD enum mm_status mm_tiny_init(struct mm_tiny *t, const struct mm_tiny_cfg *cfg)
	MM_TAGGED(mm_tiny_init);

/** Give a cache memory: the whole pages in it. They belong to the cache from now on, and it gives them to
 *  `put`, if there is one, as any other page. Bytes before and behind whole pages are not touched.
 *  @param t cache @param memory first byte @param bytes how many
 *  @retval MM_OK done @retval MM_E_INVAL NULL, no bytes, or the memory wraps around
 *  @retval MM_E_STATE not set up @retval MM_E_NOSPC no whole page in it
 *  @retval MM_E_EXIST the cache has a page of it already; nothing is added
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, caller serialises; cost: O(pages)} */
MM_NODISCARD enum mm_status mm_tiny_add(struct mm_tiny *t, void *memory, size_t bytes);

/** Allocate an object, and say why not.
 *  @param t cache @param[out] out the object, not zeroed, written only on #MM_OK
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @retval MM_E_NOMEM all objects are allocated, and there is no other page
 *  @retval MM_E_PORT `get` returned a page that is not aligned to its size: it was given back
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, caller serialises; cost: O(objects of a page / 32)\,
 *  or a page from `get`} */
MM_NODISCARD enum mm_status mm_tiny_alloc_st(struct mm_tiny *t, void **out) MM_TAGGED(mm_tiny_alloc_st);

/** Allocate an object.
 *  @param t cache @return the object, or NULL for any error of mm_tiny_alloc_st()
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, caller serialises; cost: as mm_tiny_alloc_st()} */
MM_NODISCARD static inline void *mm_tiny_alloc(struct mm_tiny *t)
{
	void *p = NULL;

	return mm_tiny_alloc_st(t, &p) == MM_OK ? p : NULL;
}

/** Free an object. Its page stays with the cache: see mm_tiny_shrink().
 *  @param t the cache it came from @param p the object; NULL does nothing
 *  @retval MM_OK done @retval MM_E_INVAL NULL cache @retval MM_E_STATE not set up
 *  @retval MM_E_FOREIGN not in a page of this cache. To see it, the first word of the page that would
 *          contain @p p is read, if that lies between the lowest and the highest page of the cache
 *  @retval MM_E_ALIGN in such a page, but not the start of an object @retval MM_E_DOUBLE_FREE it is free
 *  With MM_CHECKS 0 all but NULL is believed.
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, caller serialises; cost: O(1)} */
MM_NODISCARD enum mm_status mm_tiny_free(struct mm_tiny *t, void *p) MM_TAGGED(mm_tiny_free);

/** Give all pages without allocated objects back.
 *  @param t cache @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @retval MM_E_NOTSUP there is no `put`
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, caller serialises; cost: O(pages)} */
MM_NODISCARD enum mm_status mm_tiny_shrink(struct mm_tiny *t);

/** Unmake a cache. Its pages go to `put`; without it they are the caller's again.
 *  @param[in,out] t cache, all-zero afterwards
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @retval MM_E_BUSY objects are allocated
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, caller serialises; cost: O(pages)} */
MM_NODISCARD enum mm_status mm_tiny_destroy(struct mm_tiny *t);

/** Counts of a cache.
 *  @param t cache @param[out] out counts, written only on #MM_OK
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, caller serialises; cost: O(1)} */
MM_NODISCARD enum mm_status mm_tiny_stats(const struct mm_tiny *t, struct mm_tiny_stats *out);

/** Check all invariants: bits, counts, the list of pages that have a free object. (A page that has none is
 *  in no list: of those, only the number is checked.)
 *  @param t cache @retval MM_OK whole @retval MM_E_CORRUPT damaged @retval MM_E_INVAL NULL
 *  @retval MM_E_STATE not set up
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller serialises; cost: O(objects / 32)} */
MM_NODISCARD enum mm_status mm_tiny_verify(const struct mm_tiny *t);
MM_END_DECLS
#endif
