/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Build configuration: every option with its default, its range and what it costs.
 *
 * Set one option with `-DMM_X=value`, or several with `-DMM_CONFIG_HEADER='"my_config.h"'`. mmlib
 * and all code that includes its headers must be built with the same values (#MM_CHECKS 0 to 2 may
 * differ): what is not does not link, see #MM_TAGGED. */
#ifndef MMLIB_CONFIG_H
#define MMLIB_CONFIG_H
#include <mmlib/std.h>
#ifdef MM_CONFIG_HEADER
#include MM_CONFIG_HEADER
#endif

/** log2 of the bytes in a frame. Range 8 (256 bytes, small SRAM) to 16 (64 KiB); default 12. */
#ifndef MM_FRAME_SHIFT
#define MM_FRAME_SHIFT 12
#endif

/** How much caller mistakes are checked.
 *  0 measuring only: callers must be right. 1 release (default): everything that one or two loads
 *  can tell. 2 hardened: racing mistakes as well, and objects are hardened (#MM_HARDEN). 3 debug: writes to
 *  free page frames too (#MM_PAGE_POISON). */
#ifndef MM_CHECKS
#define MM_CHECKS 1
#endif

/** Bits of a physical address (#mm_paddr_t): 32 or 64. Default: those of a pointer. A 32-bit kernel
 *  with PAE, LPAE or Sv32 sets 64. */
#ifndef MM_PADDR_BITS
#if UINTPTR_MAX > 0xffffffffu
#define MM_PADDR_BITS 64
#else
#define MM_PADDR_BITS 32
#endif
#endif

/** Bits of a word of the buddy's bitmaps: 8, 16, 32 or 64, the widest that the CPU can compare and
 *  swap. Default: those of a pointer. 8 and 16 are for tests: small words reach every merge soon.
 *  */
#ifndef MM_WORD_BITS
#if UINTPTR_MAX > 0xffffffffu
#define MM_WORD_BITS 64
#else
#define MM_WORD_BITS 32
#endif
#endif

/** Most levels a buddy may have. L levels of W-bit words give blocks of up to
 *  2^(L * log2 W) frames; one level costs 4 (32 bits, no rows) to 48 bytes of #mm_buddy. Range 1 to 10. */
#ifndef MM_BUDDY_LEVELS
#if MM_WORD_BITS == 64
#define MM_BUDDY_LEVELS 4
#elif MM_WORD_BITS == 32
#define MM_BUDDY_LEVELS 5
#else
#define MM_BUDDY_LEVELS 6
#endif
#endif

/** Most rows of summary above the words of one buddy level; each row makes the search W times
 *  shorter. 0: no summaries, words are scanned one by one (right for some hundred frames).
 *  Range 0 to 8. */
#ifndef MM_BUDDY_ROWS
#if MM_WORD_BITS == 64
#define MM_BUDDY_ROWS 4
#else
#define MM_BUDDY_ROWS 5
#endif
#endif

/** Most zones that a kernel asks one #mm_pmm for: by limit and named, each by limit for all nodes.
 *  Range 1 to 16; nothing is reserved for zones that are not there. */
#ifndef MM_ZONES_MAX
#define MM_ZONES_MAX 8
#endif

/** Most NUMA nodes of one #mm_pmm. With 1, code for more is left out. Range 1 to 256; nothing is
 *  reserved for nodes that are not there. */
#ifndef MM_NODES_MAX
#if defined(MM_ATOMICS) && !MM_ATOMICS
#define MM_NODES_MAX 1
#else
#define MM_NODES_MAX 256
#endif
#endif

/** 1: the CPU has atomic read-modify-write of words (default). 0: mmlib uses plain operations and
 *  the host calls it with interrupts off, on one CPU. Must be set to 0 for a CPU without them, such
 *  as ARMv6-M. */
#ifndef MM_ATOMICS
#if defined(__GCC_ATOMIC_INT_LOCK_FREE) && __GCC_ATOMIC_INT_LOCK_FREE < 2
#error "this CPU has no atomic read-modify-write: set MM_ATOMICS=0, call mmlib with interrupts off"
#endif
#define MM_ATOMICS 1
#endif

/** @name How code is kept alone on its CPU
 * What each value of #MM_LOCAL stands for.
 * @{ */
#define MM_LOCAL_NONE    0 /**< one CPU, no interrupt handler and no preempter calls mmlib */
#define MM_LOCAL_FLAG    1 /**< pinned (port: `pin`), and a busy flag of plain stores: who interrupts
                                sees it and goes round. No atomics; right only if interrupters nest */
#define MM_LOCAL_IRQ     2 /**< interrupts off (port: `irq_save`): for CPUs where that is cheap */
#define MM_LOCAL_TRYLOCK 3 /**< an atomic exchange: for hosts that can stop migration but not
                                preemption */
/** @} */

/** How per-CPU parts (page and object magazines) keep others on the same CPU away. Default: a busy
 *  flag; without atomics, nothing. */
#ifndef MM_LOCAL
#if MM_ATOMICS
#define MM_LOCAL MM_LOCAL_FLAG
#else
#define MM_LOCAL MM_LOCAL_NONE
#endif
#endif

/** Frames of order 0 that each CPU keeps at hand. Range 2 to 252; 4 bytes each. */
#ifndef MM_PAGE_MAGAZINE
#define MM_PAGE_MAGAZINE 128
#endif

/** Blocks of each of the orders 1 to 3 that each CPU keeps at hand; of orders 4 to 8 it is 2, of order
 *  9 it is 4. Range 1 to 16; 4 bytes each. */
#ifndef MM_PAGE_SLOTS
#define MM_PAGE_SLOTS 14
#endif

/** Size classes of the region heap for each doubling: 4, 8, 16 or 32. More waste less memory: what a
 *  request may miss is a part of that many. Each costs 4 bytes for each doubling in each region. */
#ifndef MM_REGION_STEPS
#if UINTPTR_MAX > 0xffffffffu
#define MM_REGION_STEPS 32
#else
#define MM_REGION_STEPS 8
#endif
#endif

/** 1: pageblocks can have mobility classes and be isolated (mmlib/mobility.h, mmlib/cma.h); a system that
 *  does not ask for it pays for the code and a pointer a range. 0: they cannot, and the code is left out.
 *  Default: 0 if MM_ATOMICS is 0. */
#ifndef MM_MOBILITY
#if defined(MM_ATOMICS) && !MM_ATOMICS
#define MM_MOBILITY 0
#else
#define MM_MOBILITY 1
#endif
#endif

/** 1: a page frame that is freed is filled with a pattern, and one that is allocated must still have it:
 *  who wrote to free memory is found. The port's `log` is told where, then `panic` is called. Frames that
 *  were never freed have no pattern, and those of #MM_ZONE_HIGH are left alone. Costs a byte a frame, and
 *  the time to write and read each frame; not for kernels that unmap what is free or lend it to a
 *  hypervisor. Default: 1 if MM_CHECKS is 3. */
#ifndef MM_PAGE_POISON
#define MM_PAGE_POISON (MM_CHECKS >= 3)
#endif

/** 1: page tables are reached by windows, or by a recursive entry, one page of each level at a time
 *  (mm_pt_env::window), for kernels that have no direct map of them. 0 (default): each table that is in use has an
 *  address (mm_pt_env::to_virt). */
#ifndef MM_PT_WINDOW
#define MM_PT_WINDOW 0
#endif

/** @name Hardening of objects
 * What #MM_HARDEN is the sum of.
 * @{ */
#define MM_HARDEN_RANDOM     1 /**< objects of a magazine are handed out in random order (port: `random`) */
#define MM_HARDEN_CANARY     2 /**< what lies behind an object is looked at when it is freed: who wrote over
                                    its end is told #MM_E_CORRUPT */
#define MM_HARDEN_ZERO       4 /**< an object is zeroed when it is freed, and must be zero when it is allocated:
                                    who wrote to it meanwhile is found (port: `log`, then `panic`), whatever byte
                                    it was. Of more than 1 KiB (with what is behind it: kmalloc() of 1,024 bytes is),
                                    64 bytes at each end are looked at, and between them a word of every 64 bytes:
                                    64 bytes in a row that are not zero are found wherever they are, a single one in
                                    one object of eight, or of sixteen where a word has 32 bits; which, the heap's
                                    secret tells. Not in caches with a constructor or #MM_CACHE_KEEP */
#define MM_HARDEN_QUARANTINE 8 /**< what is freed is handed out again late, oldest first; blocks above
                                    #MM_KMALLOC_MAX_CLASS are pages again late, and are looked at then, with
                                    #MM_HARDEN_ZERO, as objects of more than 1 KiB are when they are allocated */
#define MM_HARDEN_WHOLE      16 /**< with #MM_HARDEN_ZERO: all of an object is looked at, however large */
/** @} */

/** Hardening of the objects of all heaps. Default: all of it if MM_CHECKS is 3, all but #MM_HARDEN_WHOLE if it
 *  is 2, else 0. The canary
 *  is a pointer's size for each object, and doubles kmalloc() of sizes that are powers of two, which stay
 *  aligned to themselves; zeroing touches each object twice, from end to end; bench/README.md has figures.
 *  A plain number, as it is part of a name (#MM_TAGGED). Needs MM_CHECKS 1 or more. */
#ifndef MM_HARDEN
#if MM_CHECKS >= 3
#define MM_HARDEN 31
#elif MM_CHECKS >= 2
#define MM_HARDEN 15
#else
#define MM_HARDEN 0
#endif
#endif

/** Magazines of freed objects that a cache holds back with #MM_HARDEN_QUARANTINE, beside the one of each CPU
 *  that is being filled. They are used when there is no other memory. Blocks above #MM_KMALLOC_MAX_CLASS: four times as
 *  many, but of no more than a 64th of the frames that there were at mm_heap_init(); larger ones do not wait, and
 *  those that do go back to the page layer when a heap is short of memory, by mm_heap_reclaim() and by
 *  mm_heap_shrink(). Range 1 to 64. */
#ifndef MM_QUARANTINE
#define MM_QUARANTINE 2
#endif

/** log2 of the frames of a pageblock: the unit that has a mobility class (mmlib/mobility.h) and that is
 *  isolated. Four bits for each, where classes are used. Range 2 to 18; default 9, a large page where a
 *  frame is 4 KiB. */
#ifndef MM_BLOCK_ORDER
#define MM_BLOCK_ORDER 9
#endif

#if MM_PT_WINDOW && defined(MM_PT_TO_VIRT)
#error "MM_PT_WINDOW: without MM_PT_TO_VIRT"
#endif
#if MM_FRAME_SHIFT < 8 || MM_FRAME_SHIFT > 16
#error "MM_FRAME_SHIFT: 8 to 16"
#endif
#if MM_CHECKS < 0 || MM_CHECKS > 3
#error "MM_CHECKS: 0 to 3"
#endif
#if MM_PADDR_BITS != 32 && MM_PADDR_BITS != 64
#error "MM_PADDR_BITS: 32 or 64"
#endif
#if MM_WORD_BITS != 8 && MM_WORD_BITS != 16 && MM_WORD_BITS != 32 && MM_WORD_BITS != 64
#error "MM_WORD_BITS: 8, 16, 32 or 64"
#endif
#if MM_BUDDY_LEVELS < 1 || MM_BUDDY_LEVELS > 10
#error "MM_BUDDY_LEVELS: 1 to 10"
#endif
#if MM_BUDDY_ROWS < 0 || MM_BUDDY_ROWS > 8
#error "MM_BUDDY_ROWS: 0 to 8"
#endif
#if MM_LOCAL < MM_LOCAL_NONE || MM_LOCAL > MM_LOCAL_TRYLOCK
#error "MM_LOCAL: MM_LOCAL_NONE to MM_LOCAL_TRYLOCK"
#endif
#if MM_LOCAL == MM_LOCAL_TRYLOCK && !MM_ATOMICS
#error "MM_LOCAL_TRYLOCK needs MM_ATOMICS"
#endif
#if MM_PAGE_MAGAZINE < 2 || MM_PAGE_MAGAZINE > 252
#error "MM_PAGE_MAGAZINE: 2 to 252"
#endif
#if MM_PAGE_SLOTS < 1 || MM_PAGE_SLOTS > 16
#error "MM_PAGE_SLOTS: 1 to 16"
#endif
#if MM_NODES_MAX < 1 || MM_NODES_MAX > 256
#error "MM_NODES_MAX: 1 to 256"
#endif
#if MM_MOBILITY != 0 && MM_MOBILITY != 1
#error "MM_MOBILITY: 0 or 1"
#endif
#if MM_PAGE_POISON != 0 && MM_PAGE_POISON != 1
#error "MM_PAGE_POISON: 0 or 1"
#endif
#if MM_HARDEN < 0 || MM_HARDEN > 31
#error "MM_HARDEN: 0 to 31"
#endif
#if (MM_HARDEN != 0 || defined(MM_SANITIZER_HEADER)) && MM_CHECKS < 1
#error "MM_HARDEN and MM_SANITIZER_HEADER need MM_CHECKS 1 or more"
#endif
#if MM_QUARANTINE < 1 || MM_QUARANTINE > 64
#error "MM_QUARANTINE: 1 to 64"
#endif
#if MM_BLOCK_ORDER < 2 || MM_BLOCK_ORDER > 18
#error "MM_BLOCK_ORDER: 2 to 18"
#endif
#if MM_ZONES_MAX < 1 || MM_ZONES_MAX > 16
#error "MM_ZONES_MAX: 1 to 16"
#endif
#if MM_REGION_STEPS != 4 && MM_REGION_STEPS != 8 && MM_REGION_STEPS != 16 && MM_REGION_STEPS != 32
#error "MM_REGION_STEPS: 4, 8, 16 or 32"
#endif
#endif
