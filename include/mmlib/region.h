/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Region heap: memory of any size from pieces of RAM, for systems without an MMU.
 *
 * Every allocation and free takes a bounded number of steps, whatever was done before: no search
 * depends on how much memory there is or how it is cut. Freed memory merges with its free neighbours at
 * once. It needs nothing else of mmlib, neither page frames nor a port.
 *
 * A heap takes memory from regions that the caller gives it: one array, or all RAM banks, in the order
 * of preference. What a region costs is told at mm_region_add(); a block costs 4 bytes, and is rounded
 * up to #MM_REGION_ALIGN.
 *
 * The 4 bytes before each block belong to the heap, as do all bytes of free memory. Of a block that stays
 * allocated it reads no others but the last 4 (beside the next one's), so that a block may hold guard pages
 * or what a device writes to. A caller's mistake with a pointer (freed twice, foreign, inside a block) is
 * answered whatever the memory holds: which blocks are out is told by a bitmap apart from them. Who writes
 * past the end of a block destroys the next one's size: mm_region_free() looks whether it fits to what is
 * around, mm_region_verify() at everything.
 *
 * No locks inside: the caller keeps others away, with interrupts off if handlers call too. The time of a
 * call is short and known. */
#ifndef MMLIB_REGION_H
#define MMLIB_REGION_H
#include <mmlib/types.h>
MM_BEGIN_DECLS

struct mm_region;

/** Blocks lie at multiples of this, bytes. */
#define MM_REGION_ALIGN (2 * sizeof(void *))

/** A heap over regions. All-zero is a valid one without memory: allocation answers #MM_E_STATE. */
struct mm_region_heap {
	struct mm_region *first; /**< @private regions, in the order in which they were added */
	size_t blocks;           /**< @private that are allocated */
	size_t used;             /**< @private bytes of them, what the heap adds included */
	size_t peak;             /**< @private the most that `used` ever was */
};

/** Counts of a heap. */
struct mm_region_stats {
	size_t bytes; /**< for blocks, in all regions */
	size_t used; /**< of them allocated, with the 4 bytes of each block and what was rounded up */
	size_t peak;   /**< the most that `used` ever was */
	size_t blocks; /**< allocated */
	size_t most; /**< an allocation of this size will succeed, of #MM_REGION_ALIGN; 0: none will */
};

/** Give a heap memory. The heap keeps its books at the start of it: some 50 bytes, 4 for each size class
 *  (#MM_REGION_STEPS for each doubling of its length), and a bit for each #MM_REGION_ALIGN bytes. With 32
 *  bits and 8 steps that is 0.6 KiB of 16 KiB, 1.4 KiB of 64 KiB.
 *  @param heap heap @param memory first byte, any alignment @param bytes how many
 *  @retval MM_OK done @retval MM_E_INVAL NULL, no bytes, or the memory wraps around
 *  @retval MM_E_EXIST overlaps a region of this heap
 *  @retval MM_E_NOSPC too small to hold the heap's books and one block
 *  @retval MM_E_RANGE more than 2^30 * #MM_REGION_ALIGN bytes
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, caller serialises; cost: O(bytes) / 128 or less} */
MM_NODISCARD enum mm_status mm_region_add(struct mm_region_heap *heap, void *memory, size_t bytes)
	MM_TAGGED(mm_region_add);

/** Take memory back from a heap: nothing of it is in use.
 *  @param heap heap @param memory as it was given to mm_region_add()
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_NOENT no region of this heap begins there
 *  @retval MM_E_BUSY blocks of it are allocated
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, caller serialises; cost: O(regions)} */
MM_NODISCARD enum mm_status mm_region_remove(struct mm_region_heap *heap, void *memory);

/** Allocate a block, and say why not.
 *
 *  A region is asked for the block of the request's size class (1 / #MM_REGION_STEPS of a doubling wide) that
 *  was freed last, then for one of any larger class. So a request may fail although another block of its
 *  own class would just do: that is the price for never searching. With an alignment of more than
 *  #MM_REGION_ALIGN it asks for as much more.
 *  @param heap heap @param align bytes, a power of two, 0 for #MM_REGION_ALIGN @param size bytes
 *  @param[out] out the block, not zeroed, written only on #MM_OK
 *  @retval MM_OK done @retval MM_E_INVAL NULL, size 0, or an alignment that is no power of two
 *  @retval MM_E_STATE the heap has no region @retval MM_E_NOMEM no block that large is found
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, caller serialises; cost: O(1)\, for each region} */
MM_NODISCARD enum mm_status mm_region_alloc_st(struct mm_region_heap *heap, size_t align,
					       size_t size, void **out) MM_TAGGED(mm_region_alloc_st);

/** Allocate a block.
 *  @param heap heap @param size bytes @return the block, aligned to #MM_REGION_ALIGN and not zeroed, or
 *  NULL for any error of mm_region_alloc_st()
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, caller serialises; cost: O(1)\, for each region} */
MM_NODISCARD static inline void *mm_region_alloc(struct mm_region_heap *heap, size_t size)
{
	void *p = NULL;

	return mm_region_alloc_st(heap, 0, size, &p) == MM_OK ? p : NULL;
}

/** Free a block.
 *  @param heap heap it came from @param p block; NULL does nothing
 *  @retval MM_OK done @retval MM_E_INVAL NULL heap @retval MM_E_STATE the heap has no region
 *  @retval MM_E_FOREIGN outside all regions, or in what the heap keeps for itself
 *  @retval MM_E_ALIGN inside a block, not its start @retval MM_E_DOUBLE_FREE it is free
 *  @retval MM_E_CORRUPT the block's size, that of a free neighbour, or the flags of an allocated one were
 *  overwritten
 *  With MM_CHECKS 0 all but NULL is believed.
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, caller serialises; cost: O(1)\, a comparison for each
 *  region; to tell MM_E_ALIGN from MM_E_DOUBLE_FREE: O(region)} */
MM_NODISCARD enum mm_status mm_region_free(struct mm_region_heap *heap, void *p)
	MM_TAGGED(mm_region_free);

/** Change the size of a block: where it is, if it shrinks or what follows it is free and enough; else it
 *  moves.
 *  @param heap heap it came from @param p block; NULL: as mm_region_alloc_st()
 *  @param align bytes that it shall be aligned to, as at mm_region_alloc_st()
 *  @param size bytes; contents up to this size are kept
 *  @param[in,out] out the block, perhaps another one, written only on #MM_OK; else p is as it was
 *  @retval MM_OK done @retval MM_E_INVAL NULL, size 0, or an alignment that is no power of two
 *  @retval MM_E_NOMEM no block that large is found
 *  @retval MM_E_STATE, MM_E_FOREIGN, MM_E_ALIGN, MM_E_DOUBLE_FREE, MM_E_CORRUPT as mm_region_free()
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, caller serialises; cost: O(1)\, or O(size) to move} */
MM_NODISCARD enum mm_status mm_region_realloc(struct mm_region_heap *heap, void *p, size_t align,
					      size_t size, void **out);

/** Bytes that may be used of a block: what was asked for, rounded up.
 *  @param heap heap it came from @param p block
 *  @return bytes; 0 for any error of mm_region_free(), and NULL
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, caller serialises; cost: as mm_region_free()} */
size_t mm_region_usable(const struct mm_region_heap *heap, const void *p);

/** Counts of a heap.
 *  @param heap heap @param[out] out counts, written only on #MM_OK
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE the heap has no region
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, caller serialises; cost: O(1)\, for each region} */
MM_NODISCARD enum mm_status mm_region_stats(const struct mm_region_heap *heap,
					    struct mm_region_stats *out);

/** Next block of a heap, allocated or free, region by region and by address. Start with
 *  `void *it = NULL;`. To find who leaks: look at the blocks that are allocated.
 *  @param heap heap that does not change meanwhile @param[in,out] it position: the block
 *  @param[out] bytes of the block that may be used @param[out] used is it allocated?
 *  @return whether there is one; what follows damage is not told
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, caller serialises; cost: O(1)\, for each region} */
bool mm_region_next(const struct mm_region_heap *heap, void **it, size_t *bytes, bool *used);

/** Check all invariants: sizes, bitmaps, lists, counts.
 *  @param heap heap @retval MM_OK whole @retval MM_E_CORRUPT damaged @retval MM_E_INVAL NULL
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller serialises; cost: O(memory)} */
MM_NODISCARD enum mm_status mm_region_verify(const struct mm_region_heap *heap)
	MM_TAGGED(mm_region_verify);
MM_END_DECLS
#endif
