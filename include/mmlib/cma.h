/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief CMA areas: memory that a device can claim as one contiguous piece of any length at any time,
 *  and that serves movable allocations meanwhile. */
#ifndef MMLIB_CMA_H
#define MMLIB_CMA_H
#include <mmlib/mobility.h>
MM_BEGIN_DECLS

/** One area. The caller owns it and leaves it alone for as long as the manager lives. */
struct mm_cma {
	struct mm_cma *next;   /**< @private the area made before */
	struct mm_pmm *pmm;    /**< @private */
	const char *name;      /**< @private */
	struct mm_buddy buddy; /**< @private its free frames */
	mm_pfn_t first;        /**< @private first frame */
	mm_pfn_t last;         /**< @private last frame, inclusive */
	uintptr_t free;        /**< @private frames in its buddy, an atomic counter */
	uintptr_t claimed;     /**< @private frames that are claimed, an atomic counter */
	uint32_t busy;         /**< @private somebody is claiming */
};

/** Frames of an area. */
struct mm_cma_stats {
	const char *name; /**< of the area */
	mm_pfn_t total;   /**< frames */
	mm_pfn_t free;    /**< in its buddy; those at hand on CPUs count as in use */
	mm_pfn_t claimed; /**< claimed */
};

/** Make an area of RAM that is free, that boot held back (then it is given back by this), or that movable
 *  blocks are in, which are moved out: at boot, from a range that the boot map reserves for it, or later.
 *  @param[out] cma area @param pmm manager with classes (mm_mobility_init())
 *  @param name for reports; kept by pointer
 *  @param base first byte @param length bytes; both multiples of a pageblock's size
 *  @param mover moves blocks that are in use, or NULL
 *  @param[out] pinned the first frame in the way, or NULL; written only on #MM_E_BUSY and #MM_E_AGAIN
 *  @retval MM_OK done
 *  @retval MM_E_BUSY a frame is in use and cannot be moved, or its pageblock is isolated
 *  @retval MM_E_EXIST overlaps an area
 *  @retval MM_E_NOMEM no room for 1.07 bits a frame of metadata, or to move a block to
 *  @retval MM_E_ALIGN not on borders of pageblocks
 *  @retval MM_E_FOREIGN not inside one range, or not all RAM in use by the manager
 *  @retval MM_E_AGAIN, MM_E_NOTSUP, MM_E_INVAL, MM_E_STATE as mm_pmm_offline()
 *  On an error all frames are as before, and @p cma is not used; blocks that moved stay where they are.
 *  @mm_ctx{boot\, may-sleep if the mover does\, not with IRQs off if the port has run_on; locks: none\,
 *  caller serialises calls for one manager; cost: O(CPUs + frames) for each block that moves} */
MM_NODISCARD enum mm_status mm_cma_create(struct mm_cma *cma, struct mm_pmm *pmm, const char *name,
					  mm_paddr_t base, mm_paddr_t length,
					  const struct mm_mover *mover, mm_paddr_t *pinned)
					  MM_TAGGED(mm_cma_create);

/** Claim contiguous frames of an area: the lowest that are free, else the lowest whose blocks can be
 *  moved.
 *  @param cma area @param frames how many, any number
 *  @param align the first byte is a multiple of this many bytes, a power of two; 0: of the frame size
 *  @param mover moves blocks that are in use, or NULL
 *  @param[out] out first byte, written only on #MM_OK
 *  @param[out] pinned a frame in the way, or NULL; written only on #MM_E_BUSY
 *  @retval MM_OK done
 *  @retval MM_E_BUSY wherever the frames could be, one is in use and cannot be moved
 *  @retval MM_E_NOMEM claims leave no place that is long enough, or no room to move a block to
 *  @retval MM_E_AGAIN another claim of this area is at work, or as mm_pmm_offline()
 *  @retval MM_E_INVAL NULL, no frames, or @p align no power of two
 *  @retval MM_E_STATE @p cma was not made
 *  On an error nothing is claimed, and all frames are as before; blocks that moved stay where they are.
 *  @mm_ctx{may-sleep if the mover does\, not with IRQs off if the port has run_on; locks: none; cost:
 *  O(frames of the area)\, O(CPUs + frames) for each block that moves} */
MM_NODISCARD enum mm_status mm_cma_claim(struct mm_cma *cma, mm_pfn_t frames, mm_paddr_t align,
					 const struct mm_mover *mover, mm_paddr_t *out,
					 mm_paddr_t *pinned);

/** Give claimed frames back, all of a claim or part of it.
 *  @param cma area @param pa first byte, a multiple of the frame size @param frames how many
 *  @retval MM_OK done
 *  @retval MM_E_DOUBLE_FREE a frame of them is free
 *  @retval MM_E_OWNER a frame of them is in use, but not claimed
 *  @retval MM_E_FOREIGN not inside the area @retval MM_E_ALIGN not on a frame border
 *  @retval MM_E_INVAL NULL, no frames @retval MM_E_STATE @p cma was not made
 *  @mm_ctx{irq-ok\, no-sleep; locks: none; cost: O(frames)} */
MM_NODISCARD enum mm_status mm_cma_release(struct mm_cma *cma, mm_paddr_t pa, mm_pfn_t frames);

/** Frames of an area. Exact if nobody else is at work.
 *  @param cma area @param[out] out counts, only on #MM_OK
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE @p cma was not made
 *  @mm_ctx{irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
MM_NODISCARD enum mm_status mm_cma_stats(const struct mm_cma *cma, struct mm_cma_stats *out);
MM_END_DECLS
#endif
