/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Buddy allocator for one range of frames, kept in bitmaps.
 *
 * A block of order k is 2^k frames, aligned to its size. Nothing is ever written into a free frame;
 * all state is in bitmaps that the caller gives memory for: about 1.07 bits a frame, and 1.03 without
 * summaries (`MM_BUDDY_ROWS` 0). A microcontroller with 64 KiB in frames of 256 bytes needs 36 bytes of
 * bitmaps and 32 of #mm_buddy. Allocation and
 * free are lock-free and may run on any CPU and in interrupts at the same time.
 *
 * The buddy alone does not know which order a block was allocated with: it finds a free of what is
 * free already, but not a free with a smaller order, or of somebody else's block. mm_pmm keeps a
 * byte for each frame and finds those too. */
#ifndef MMLIB_BUDDY_H
#define MMLIB_BUDDY_H
#include <mmlib/types.h>
MM_BEGIN_DECLS

/** Are words of a large range filled as they are needed? */
#define MM_BUDDY_SECTIONS (MM_BUDDY_ROWS > 0 && MM_BUDDY_LEVELS > 2)

/** One level of bitmaps. */
struct mm_buddy_level {
	mm_word_t *words; /**< @private bit set: this unit of 2^(level * log2 W) frames is free */
#if MM_BUDDY_ROWS > 0
	mm_word_t *rows[MM_BUDDY_ROWS]; /**< @private row 0: which words are not zero; row r + 1: which
	                                     words of row r are not zero; NULL past the last */
#endif
};

/** A buddy over frames [base, base + frames). All-zero is a valid one with no frames: allocation
 *  answers #MM_E_NOMEM. */
struct mm_buddy {
	mm_pfn_t base;     /**< @private first frame */
	mm_pfn_t frames;   /**< @private how many */
#if MM_BUDDY_SECTIONS
	mm_pfn_t origin;   /**< @private frame that words are counted from, a little below base */
	mm_word_t *filled; /**< @private which sections have words: see src/buddy/section.h; NULL: all */
	uint8_t *bytes;    /**< @private the owner's, one a frame, filled with zero as its section is */
	size_t prefix;     /**< @private words of `filled` that are known to be full */
#endif
	uint32_t nlevels;  /**< @private levels in use */
	struct mm_buddy_level level[MM_BUDDY_LEVELS]; /**< @private level 0: single frames */
#if MM_ATOMICS
	uint32_t begun;     /**< @private moves between levels begun: a failed search is believed only */
	uint32_t done;      /**< @private if none was under way (begun == done) and none began meanwhile */
	uint32_t searching; /**< @private searches that failed once: frees count as moves while there are */
#endif
};

/** Bytes of metadata for a range.
 *  @param base first frame @param frames how many, not 0
 *  @return bytes, a multiple of the word size; 0 if the range is empty, wraps, passes
 *          #MM_PFN_MAX, or its metadata would not fit in a size_t
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(levels)} */
size_t mm_buddy_size(mm_pfn_t base, mm_pfn_t frames);

/** Set up a buddy with no free frame: free what is usable with mm_buddy_free_range().
 *  @param[out] b buddy, written only on #MM_OK @param base first frame @param frames how many, not 0
 *  @param meta memory for the bitmaps, aligned to #mm_word_t; zeroed here
 *  @param bytes of that memory; with words of 32 or 64 bits, `frames / 7 + 160` are always enough for an array
 *  @retval MM_OK done
 *  @retval MM_E_INVAL NULL, misaligned memory, empty or wrapping range, or one past #MM_PFN_MAX
 *  @retval MM_E_NOSPC @p bytes is less than mm_buddy_size()
 *  @mm_ctx{boot\, no-sleep; locks: none\, nobody else uses @p b; cost: O(frames)} */
MM_NODISCARD enum mm_status mm_buddy_init(struct mm_buddy *b, mm_pfn_t base, mm_pfn_t frames,
					  void *meta, size_t bytes) MM_TAGGED(mm_buddy_init);

/** Highest order that this buddy could ever hold.
 *  @param b buddy @return order; blocks of it fit only if the range is long and aligned enough
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
unsigned mm_buddy_max_order(const struct mm_buddy *b);

/** Allocate a block of 2^order frames, from the lowest address where one is free.
 *  @param b buddy @param order log2 of the frames @param[out] out first frame, only on #MM_OK
 *  @retval MM_OK done
 *  @retval MM_E_NOMEM no such block was free at some moment of the call; a block that somebody is
 *          freeing counts as free when that call has returned
 *  @retval MM_E_AGAIN other CPUs moved blocks all the time; none was found in a bounded search
 *  @retval MM_E_INVAL NULL, or an order above mm_buddy_max_order()
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none\, lock-free; cost: O(levels * rows) and
 *  the words whose free frames are too scattered} */
MM_NODISCARD enum mm_status mm_buddy_alloc(struct mm_buddy *b, unsigned order, mm_pfn_t *out)
	MM_TAGGED(mm_buddy_alloc);

/** Allocate one particular block.
 *  @param b buddy @param pfn first frame, a multiple of 2^order @param order log2 of the frames
 *  @retval MM_OK done
 *  @retval MM_E_BUSY some frame of it is not free @retval MM_E_AGAIN as mm_buddy_alloc()
 *  @retval MM_E_ALIGN @p pfn is not a multiple of 2^order
 *  @retval MM_E_INVAL NULL, or a bad order @retval MM_E_FOREIGN not inside the range
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none\, lock-free; cost: O(levels) if the block
 *  or one above it is free as a whole} */
MM_NODISCARD enum mm_status mm_buddy_alloc_at(struct mm_buddy *b, mm_pfn_t pfn, unsigned order);

/** Where a run of frames may lie. */
struct mm_buddy_limits {
	mm_pfn_t low;      /**< lowest frame that it may have */
	mm_pfn_t high;     /**< highest frame that it may have, inclusive */
	mm_pfn_t align;    /**< its first frame is a multiple of this: a power of two, 1 or more */
	mm_pfn_t boundary; /**< it crosses no multiple of this: a power of two; 0: it may */
};

/** Allocate a run of frames, any number of them, from the lowest address where one is free.
 *  Free it, or any part of it, with mm_buddy_free() or mm_buddy_free_range().
 *  @param b buddy @param count how many frames @param where limits, or NULL: none
 *  @param[out] out first frame, only on #MM_OK
 *  @retval MM_OK done
 *  @retval MM_E_NOMEM no such run was free at some moment of the call
 *  @retval MM_E_AGAIN as mm_buddy_alloc()
 *  @retval MM_E_INVAL NULL, count 0, low above high, align or boundary not a power of two, or a
 *          boundary less than the count
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none\, lock-free; cost: O(levels * rows) for
 *  each free run below it that holds half as many frames\, and O(levels) and a word in W * W
 *  frames to take it} */
MM_NODISCARD enum mm_status mm_buddy_alloc_run(struct mm_buddy *b, mm_pfn_t count,
					       const struct mm_buddy_limits *where, mm_pfn_t *out)
					       MM_TAGGED(mm_buddy_alloc_run);

/** Allocate particular frames, any number of them.
 *  @param b buddy @param first first frame @param count how many, not 0
 *  @retval MM_OK done
 *  @retval MM_E_BUSY some frame was not free at some moment of the call
 *  @retval MM_E_AGAIN as mm_buddy_alloc()
 *  @retval MM_E_INVAL NULL, or count 0 @retval MM_E_FOREIGN not inside the range, or it wraps
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none\, lock-free; cost: O(levels)\, and a word
 *  in W * W frames} */
MM_NODISCARD enum mm_status mm_buddy_alloc_range(struct mm_buddy *b, mm_pfn_t first,
						 mm_pfn_t count);

/** Free a block, or any aligned part of one. It merges with free neighbours at once.
 *  @param b buddy @param pfn first frame, a multiple of 2^order @param order log2 of the frames
 *  @retval MM_OK done
 *  @retval MM_E_DOUBLE_FREE a frame of it is free already. With orders of log2 W and more, frames
 *          that are free inside the block are found when MM_CHECKS is 2 or more.
 *  @retval MM_E_ALIGN @p pfn is not a multiple of 2^order
 *  @retval MM_E_INVAL NULL, or a bad order @retval MM_E_FOREIGN not inside the range
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none\, lock-free; cost: O(levels * rows)} */
MM_NODISCARD enum mm_status mm_buddy_free(struct mm_buddy *b, mm_pfn_t pfn, unsigned order)
	MM_TAGGED(mm_buddy_free);

/** Free any number of frames, as the largest aligned blocks they consist of.
 *  @param b buddy @param first first frame @param count how many; 0 does nothing
 *  @retval MM_OK done
 *  @retval MM_E_DOUBLE_FREE a frame was free already: nothing was freed (checked frame by frame first;
 *          frames that others free at the same time are not seen)
 *  @retval MM_E_INVAL NULL @retval MM_E_FOREIGN not inside the range, or it wraps
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, lock-free; cost: O(count / W)} */
MM_NODISCARD enum mm_status mm_buddy_free_range(struct mm_buddy *b, mm_pfn_t first, mm_pfn_t count);

/** Is this frame free, on any level? A moment later it may not be.
 *  @param b buddy @param pfn frame @return true if free; false if not, or outside the range
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(levels)} */
bool mm_buddy_is_free(const struct mm_buddy *b, mm_pfn_t pfn);

/** The first free block of an order or more that has a frame at or above @p from, as it is recorded
 *  (merged). It begins below @p from if @p from lies inside it. To walk: go on with
 *  from = *first + 2^order.
 *  @param b buddy @param from first frame to look at @param least lowest order; 0: all blocks
 *  @param[out] first,order the block, written only on true @return whether there is one
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none\, others may change what was told;
 *  cost: O(levels * rows)} */
bool mm_buddy_next_free(const struct mm_buddy *b, mm_pfn_t from, unsigned least, mm_pfn_t *first,
			unsigned *order);

/** Free frames, counted now. Exact if nobody else is at work.
 *  @param b buddy @return frames
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(frames / W)} */
mm_pfn_t mm_buddy_count_free(const struct mm_buddy *b);

/** Check all invariants: no frame free on two levels, nothing free outside the range, no full word
 *  below the top level, summaries right.
 *  @param b buddy nobody else is using @retval MM_OK whole @retval MM_E_CORRUPT damaged
 *  @retval MM_E_INVAL NULL
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller keeps others away; cost: O(frames / W)} */
MM_NODISCARD enum mm_status mm_buddy_verify(const struct mm_buddy *b) MM_TAGGED(mm_buddy_verify);
MM_END_DECLS
#endif
