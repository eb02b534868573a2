/* SPDX-License-Identifier: MIT */
/* The frame byte: what a frame is.
 *
 * Theory of operation
 * Problem      a free must be refused if the frame is free, reserved, another part's, or was
 *              allocated with another order; and a picture of memory must be cheap.
 * Structure    one byte a frame. An allocated block writes its head only; a tail keeps 00.
 * Encoding     00 free, or the tail of a block      10-2F head of a block of order 0-31
 *              01 hole, not RAM                     30-4F the same, movable or CMA
 *              02 bad                               50-6F head of a large kmalloc
 *              03 device                            70-FE slab, cache short id 0-142
 *              04 page table                        FF    slab, cache in its descriptor
 *              05 metadata of mmlib
 *              06 RAM held back at boot: mm_pmm_release() may give it
 *              07 free and withheld: its pageblock is isolated     08 claimed from a CMA area
 *              09 offline
 * Invariants   B1 a byte that is not 00 is the head of a block, or a single frame that is not free.
 *              B2 the tails of a block hold 00, but for B4's, so a tail is found by looking for a head of
 *                 enough order at each aligned-down frame; only errors and reports need to.
 *              B3 at quiescence: byte 00 and no tail <=> free in the buddy, or at hand on a CPU.
 *              B4 a slab writes its byte to each of its frames, and so does metadata.
 * Order        free: check the byte, write 00, then publish the frame in the buddy. Allocate: take
 *              the frame from the buddy, then write the head.
 * Concurrency  relaxed loads and stores; with MM_CHECKS >= 2 the free is a compare-and-swap of the byte,
 *              or of the word around it where compilers would call a library for a byte's
 *              (mm_atomic_cas_byte()), so that of two racing frees one wins. */
#ifndef MM_SRC_PMM_FRAME_H
#define MM_SRC_PMM_FRAME_H
#include <mmlib/pmm.h>
#include "../atomic.h"
#include "../buddy/buddy.h"

enum {
	FRAME_FREE = 0x00,
	FRAME_RESERVED = 0x01,
	FRAME_BAD = 0x02,
	FRAME_DEVICE = 0x03,
	FRAME_TABLE = 0x04,
	FRAME_META = 0x05,
	FRAME_KEPT = 0x06,
	FRAME_HELD = 0x07,
	FRAME_CLAIMED = 0x08,
	FRAME_OFFLINE = 0x09,
	FRAME_HEAD = 0x10,    /* + order */
	FRAME_MOVABLE = 0x30, /* + order */
	FRAME_LARGE = 0x50, /* + order */
	FRAME_SLAB = 0x70,  /* + cache's short id */
	FRAME_ORDERS = 32,
	FRAME_NOTHING = 0x100, /* no byte has this value */
};

#if MM_WORD_BITS == 64
_Static_assert(MM_BUDDY_LEVELS * 6 < FRAME_ORDERS, "orders must fit the frame byte");
#elif MM_WORD_BITS == 32
_Static_assert(MM_BUDDY_LEVELS * 5 < FRAME_ORDERS, "orders must fit the frame byte");
#elif MM_WORD_BITS == 16
_Static_assert(MM_BUDDY_LEVELS * 4 < FRAME_ORDERS, "orders must fit the frame byte");
#endif

/* Does each frame of such a block have the byte? (B4) */
static inline bool frame_marks_all(unsigned byte)
{
	return byte >= FRAME_SLAB || byte == FRAME_META;
}

/* Is it the head of an allocated block? */
static inline bool frame_is_head(unsigned byte)
{
	return byte >= FRAME_HEAD && byte < FRAME_SLAB;
}

/* The same, of a movable one? */
static inline bool frame_is_movable(unsigned byte)
{
	return byte >= FRAME_MOVABLE && byte < FRAME_LARGE;
}

/* Order of the block that this byte is the head of. */
static inline unsigned frame_order(unsigned byte)
{
	return (byte - FRAME_HEAD) % FRAME_ORDERS;
}

static inline uint8_t *frame_byte(const struct mm_range *r, mm_pfn_t pfn)
{
	return &r->bytes[pfn - r->first];
}

static inline unsigned frame_load(const struct mm_range *r, mm_pfn_t pfn)
{
	if (!buddy_filled(&r->buddy, pfn))
		return FRAME_FREE; /* Q1 of section.h */
	return mm_atomic_load_relaxed(frame_byte(r, pfn));
}

static inline void frame_store(const struct mm_range *r, mm_pfn_t pfn, unsigned byte)
{
	mm_atomic_store_relaxed(frame_byte(r, pfn), (uint8_t)byte);
}

/* If the byte is `from`, make it `to`; tells whether it was. The caller has looked: without
 * MM_CHECKS >= 2, one of two racing frees may win unseen. */
static inline bool frame_swap(uint8_t *byte, unsigned from, unsigned to)
{
#if MM_CHECKS >= 2
	return mm_atomic_cas_byte(byte, (uint8_t)from, (uint8_t)to);
#else
	(void)from;
	mm_atomic_store_relaxed(byte, (uint8_t)to);
	return true;
#endif
}

/* Head of the allocated block that has pfn as a tail. False if there is none. */
static inline bool frame_find_head(const struct mm_range *r, mm_pfn_t pfn, mm_pfn_t *head)
{
	for (unsigned order = 1; order < FRAME_ORDERS; order++) {
		mm_pfn_t at = pfn >> order << order;
		unsigned byte;

		if (at < r->first)
			return false;
		byte = frame_load(r, at);
		if (frame_is_head(byte) && frame_order(byte) >= order) {
			*head = at;
			return true;
		}
	}
	return false;
}
#endif
