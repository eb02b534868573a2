/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Versions, and the tag by which the linker notices objects that were compiled differently. */
#ifndef MMLIB_VERSION_H
#define MMLIB_VERSION_H
#include <mmlib/config.h>

#define MM_VERSION_MAJOR 0 /**< changes that callers must follow; while it is 0, the minor one counts them */
#define MM_VERSION_MINOR 1 /**< more than there was */
#define MM_VERSION_PATCH 0 /**< repairs */
/** The version of these headers as one number that grows: major, minor and patch, a byte each. */
#define MM_VERSION \
	((uint32_t)MM_VERSION_MAJOR << 16 | (uint32_t)MM_VERSION_MINOR << 8 | (uint32_t)MM_VERSION_PATCH)

#define MM_TEXT_OF(x) #x            /**< @private text of an argument as it is */
#define MM_TEXT(x)    MM_TEXT_OF(x) /**< @private text of what a macro stands for */

#if MM_PAGE_POISON
#define MM_TEXT_POISON "1" /**< @private #MM_PAGE_POISON, which may be an expression */
#else
#define MM_TEXT_POISON "0" /**< @private the same */
#endif

/** What the linker sees of a function's name. Everything of the configuration that structures or
 *  protocols depend on is in it, so that objects which do not agree do not link, and the symbol that is
 *  missing says what the caller was compiled with. Functions that set something up have such a name, those
 *  that give memory out and take it back, and in the library one that each file shares. It is a name
 *  only: no code, no data. Write options as plain decimal numbers: (12) or 0xc is another text than 12.
 *  @param name the function's name in C */
#define MM_TAGGED(name)                                                                                 \
	__asm__(#name ".v" MM_TEXT(MM_VERSION_MAJOR) "." MM_TEXT(MM_VERSION_MINOR)                      \
		".frame" MM_TEXT(MM_FRAME_SHIFT) ".paddr" MM_TEXT(MM_PADDR_BITS)                        \
		".word" MM_TEXT(MM_WORD_BITS) ".levels" MM_TEXT(MM_BUDDY_LEVELS)                        \
		".rows" MM_TEXT(MM_BUDDY_ROWS) ".zones" MM_TEXT(MM_ZONES_MAX)                           \
		".nodes" MM_TEXT(MM_NODES_MAX) ".atomics" MM_TEXT(MM_ATOMICS)                           \
		".local" MM_TEXT(MM_LOCAL) ".magazine" MM_TEXT(MM_PAGE_MAGAZINE)                        \
		".slots" MM_TEXT(MM_PAGE_SLOTS) ".steps" MM_TEXT(MM_REGION_STEPS)                       \
		".mobility" MM_TEXT(MM_MOBILITY) ".block" MM_TEXT(MM_BLOCK_ORDER)                       \
		".poison" MM_TEXT_POISON ".window" MM_TEXT(MM_PT_WINDOW))

#ifdef __cplusplus
extern "C" {
#endif
/** Version of the library that is linked. Its headers are of #MM_VERSION.
 *  @return as #MM_VERSION
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
uint32_t mm_version(void);
#ifdef __cplusplus
}
#endif
#endif
