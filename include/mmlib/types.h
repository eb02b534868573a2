/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Addresses, frame numbers and the conversions between them. */
#ifndef MMLIB_TYPES_H
#define MMLIB_TYPES_H
#include <mmlib/status.h>
#include <mmlib/version.h>

#ifdef __cplusplus
#define MM_BEGIN_DECLS extern "C" {
#define MM_END_DECLS   }
#else
#define MM_BEGIN_DECLS /**< opens a block of C declarations */
#define MM_END_DECLS   /**< closes it */
#endif
/** A result that must be looked at. */
#define MM_NODISCARD __attribute__((__warn_unused_result__))

/** A physical address, bytes. 0 is a legal address. */
#if MM_PADDR_BITS == 64
typedef uint64_t mm_paddr_t;
#else
typedef uint32_t mm_paddr_t;
#endif
/** A number or a count of physical frames. */
#if UINTPTR_MAX > 0xffffffffu
typedef uint64_t mm_pfn_t;
#else
typedef uint32_t mm_pfn_t;
#endif
/** A virtual address of some page table's format: 64 bits on every host. */
typedef uint64_t mm_vaddr_t;
/** A word of the buddy's bitmaps. */
#if MM_WORD_BITS == 64
typedef uint64_t mm_word_t;
#elif MM_WORD_BITS == 32
typedef uint32_t mm_word_t;
#elif MM_WORD_BITS == 16
typedef uint16_t mm_word_t;
#else
typedef uint8_t mm_word_t;
#endif

#define MM_PADDR_MAX  ((mm_paddr_t)-1)                        /**< highest physical address */
#define MM_FRAME_SIZE ((mm_paddr_t)1 << MM_FRAME_SHIFT)       /**< bytes in a frame */
/** Highest frame number. Its type holds the next number too: where addresses have more bits than
 *  that, the last frame it could name is left out. */
#if MM_PADDR_BITS == 64 && UINTPTR_MAX <= 0xffffffffu
#define MM_PFN_MAX ((mm_pfn_t)-2)
#else
#define MM_PFN_MAX ((mm_pfn_t)(MM_PADDR_MAX >> MM_FRAME_SHIFT))
#endif

/** First byte of a frame. @param pfn frame number @return its physical address
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
static inline mm_paddr_t mm_pfn_to_pa(mm_pfn_t pfn)
{
	return (mm_paddr_t)pfn << MM_FRAME_SHIFT;
}

/** Frame of an address. @param pa physical address @return the frame it lies in
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
static inline mm_pfn_t mm_pa_to_pfn(mm_paddr_t pa)
{
	return (mm_pfn_t)(pa >> MM_FRAME_SHIFT);
}
#endif
