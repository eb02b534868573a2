/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Early allocator: physical memory before mm_pmm exists.
 *
 * It carves from the usable memory of a boot memory map and writes what it took into that map, so
 * handing over to the page-frame allocator is nothing but reading the map. There is no free: what
 * the kernel no longer needs is given back after boot. */
#ifndef MMLIB_EARLY_H
#define MMLIB_EARLY_H
#include <mmlib/memmap.h>
MM_BEGIN_DECLS

/** An early allocator. */
struct mm_early {
	struct mm_memmap *map; /**< @private where it takes from */
	mm_paddr_t low;        /**< @private first byte it may take */
	mm_paddr_t high;       /**< @private last byte it may take */
};

/** Start on @p map, within [@p low, @p high].
 *  @param[out] ea allocator @param map map that it takes from
 *  @param low first byte it may take: above what the kernel keeps for other uses (trampolines)
 *  @param high last byte it may take: the highest that the kernel can reach now
 *  @retval MM_OK done @retval MM_E_INVAL NULL, or low > high
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller serialises; cost: O(1)} */
MM_NODISCARD enum mm_status mm_early_init(struct mm_early *ea, struct mm_memmap *map, mm_paddr_t low,
					  mm_paddr_t high) MM_TAGGED(mm_early_init);

/** Take @p size bytes, in whole frames, from the top of the highest place where they fit.
 *  Requests of one type and owner that follow each other lie side by side and share one map entry.
 *  The contents are not zeroed.
 *  @param ea allocator @param size bytes, rounded up to frames
 *  @param align bytes, a power of two; less than a frame means a frame
 *  @param type what the map shall say of it: #MM_MEM_META, #MM_MEM_EARLY or another reserved type
 *  @param owner text for reports, or NULL @param[out] out base, written only on #MM_OK
 *  @retval MM_OK done
 *  @retval MM_E_INVAL NULL, never initialised, size 0, bad alignment, or bad type
 *  @retval MM_E_OVERFLOW size cannot be rounded up to frames
 *  @retval MM_E_NOMEM does not fit anywhere
 *  @retval MM_E_2BIG the map has no room to note it
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller serialises; cost: O(entries)} */
MM_NODISCARD enum mm_status mm_early_alloc(struct mm_early *ea, mm_paddr_t size, mm_paddr_t align,
					   enum mm_mem_type type, const char *owner, mm_paddr_t *out);
MM_END_DECLS
#endif
