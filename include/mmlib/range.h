/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Page frames by any number: contiguous ones within limits, ranges at an address, and many blocks
 *  at once.
 *
 * Frames that are allocated together here are kept as the largest aligned blocks they consist of. They
 * are freed with mm_page_free_range(), all of them or any part; a part that is just one of those blocks
 * may be freed with mm_page_free() too. */
#ifndef MMLIB_RANGE_H
#define MMLIB_RANGE_H
#include <mmlib/pmm.h>
MM_BEGIN_DECLS

/** Where contiguous frames may lie. */
struct mm_page_limits {
	mm_paddr_t low;      /**< lowest byte that they may have */
	mm_paddr_t high;     /**< highest byte that they may have, inclusive; #MM_PADDR_MAX: no limit */
	mm_paddr_t align;    /**< bytes, a power of two: their address is a multiple of it. A frame is aligned
	                          to its size anyhow */
	mm_paddr_t boundary; /**< bytes, a power of two, at least their size: they cross no multiple of it.
	                          0: they may */
};

/** Allocate contiguous frames, any number of them.
 *  Zones are asked in the order of mm_page_alloc(); inside a zone the lowest place is taken.
 *  @param pmm manager @param frames how many @param flags of #mm_alloc_flags but #MM_ALLOC_TABLE,
 *         MM_ALLOC_ZONE() and MM_ALLOC_NODE()
 *  @param where limits, or NULL: anywhere @param[out] out first byte, only on #MM_OK
 *  @retval MM_OK done
 *  @retval MM_E_NOMEM no allowed zone has so many frames together, within the limits: frames at hand on
 *          CPUs were given back, as in mm_page_alloc(), and it was looked for again
 *  @retval MM_E_AGAIN as mm_page_alloc()
 *  @retval MM_E_INVAL NULL, no frames, wrong flags, no such zone or node, low above high, align not a power
 *          of two, or boundary not a power of two or less than the frames
 *  @retval MM_E_STATE before mm_pmm_init()
 *  @mm_ctx{boot\, irq-ok with MM_ALLOC_ATOMIC\, no-sleep; locks: none\, lock-free; cost: as
 *  mm_buddy_alloc_run() in each range of the zones asked\, O(CPUs) before a failure\, and the frames if
 *  they are to be zeroed} */
MM_NODISCARD enum mm_status mm_page_alloc_contig(struct mm_pmm *pmm, mm_pfn_t frames,
						 uint32_t flags,
						 const struct mm_page_limits *where,
						 mm_paddr_t *out) MM_TAGGED(mm_page_alloc_contig);

/** Allocate particular frames, any number of them.
 *  @param pmm manager @param pa first byte, a multiple of the frame size @param frames how many
 *  @param flags of #mm_alloc_flags but #MM_ALLOC_TABLE, without a zone or node
 *  @retval MM_OK done
 *  @retval MM_E_BUSY some frame of it is allocated, or not usable
 *  @retval MM_E_FOREIGN not inside one range, or it wraps
 *  @retval MM_E_ALIGN @p pa is not on a frame border
 *  @retval MM_E_INVAL NULL, no frames, or wrong flags
 *  @retval MM_E_AGAIN, MM_E_STATE as mm_page_alloc_at()
 *  @mm_ctx{boot\, irq-ok with MM_ALLOC_ATOMIC\, no-sleep; locks: none\, lock-free; cost: O(log ranges)\,
 *  as mm_buddy_alloc_range()\, O(CPUs) if it is not in the buddy\, and the frames if they are to be
 *  zeroed} */
MM_NODISCARD enum mm_status mm_page_alloc_range(struct mm_pmm *pmm, mm_paddr_t pa, mm_pfn_t frames,
						uint32_t flags);

/** Free any allocated frames that lie together: a part of a block, all of it, or several blocks, however
 *  they were allocated. What remains of the blocks stays allocated, as the largest aligned blocks that it
 *  consists of.
 *  @param pmm manager @param pa first byte, a multiple of the frame size @param frames how many
 *  @retval MM_OK done
 *  @retval MM_E_DOUBLE_FREE a frame of it is free
 *  @retval MM_E_OWNER a frame of it is a page-table page, metadata of mmlib, or memory of a heap
 *  @retval MM_E_FOREIGN never allocated: not inside one range, a hole, or reserved; or it wraps
 *  @retval MM_E_ALIGN @p pa is not on a frame border
 *  @retval MM_E_INVAL NULL, or no frames @retval MM_E_STATE before mm_pmm_init()
 *  Nothing has changed after an error. Of two CPUs that free one frame at the same time, both may be told
 *  #MM_OK; with MM_CHECKS 2 or more, one is told #MM_E_DOUBLE_FREE, and blocks that it had begun with
 *  stay allocated, as above.
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, lock-free\, caller serialises frees of parts of one
 *  block; cost: O(log ranges + orders + blocks)\, as
 *  mm_buddy_free_range()} */
MM_NODISCARD enum mm_status mm_page_free_range(struct mm_pmm *pmm, mm_paddr_t pa, mm_pfn_t frames);

/** Allocate many blocks of an order at once: whole words of the bitmap, a compare-and-swap each.
 *  As many as there are, at most @p n: what memory is left is the caller's then, and he may give it back with
 *  mm_page_free_bulk(). So there is nothing to undo, and nobody else is told that memory is used up by
 *  what is then given back.
 *  @param pmm manager @param order log2 of the frames of each
 *  @param flags as mm_page_alloc() @param[out] out first byte of each, room for @p n; written up to @p got
 *  @param n how many are wanted @param[out] got how many there are, only on #MM_OK
 *  @retval MM_OK one or more; less than @p n only if the next one had no memory
 *  @retval MM_E_NOMEM, MM_E_AGAIN as mm_page_alloc(): none
 *  @retval MM_E_INVAL NULL, n 0, or as mm_page_alloc() @retval MM_E_STATE before mm_pmm_init()
 *  @mm_ctx{boot\, irq-ok with MM_ALLOC_ATOMIC\, no-sleep; locks: none\, lock-free; cost: O(n + ranges)\,
 *  O(CPUs) before there are too few\, and the frames if they are to be zeroed} */
MM_NODISCARD enum mm_status mm_page_alloc_bulk(struct mm_pmm *pmm, unsigned order, uint32_t flags,
					       mm_paddr_t *out, size_t n, size_t *got)
					       MM_TAGGED(mm_page_alloc_bulk);

/** Free many blocks of an order at once: all of them or none. Neighbours in the array whose bits share a
 *  word go back together.
 *  @param pmm manager @param order log2 of the frames of each, as allocated
 *  @param pa first byte of each, as allocated @param n how many; 0 does nothing
 *  @retval MM_OK done
 *  @retval MM_E_DOUBLE_FREE the first wrong one is free, or of a block that comes before it in the array
 *  @retval MM_E_ORDER allocated with another order; or some with #MM_ALLOC_MOVABLE and some without
 *  @retval MM_E_ALIGN, MM_E_FOREIGN, MM_E_OWNER what is wrong with the first wrong one, as mm_page_free()
 *  @retval MM_E_INVAL NULL @retval MM_E_STATE before mm_pmm_init()
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, lock-free; cost: O(n log ranges)} */
MM_NODISCARD enum mm_status mm_page_free_bulk(struct mm_pmm *pmm, unsigned order,
					      const mm_paddr_t *pa, size_t n);
MM_END_DECLS
#endif
