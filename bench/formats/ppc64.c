/* SPDX-License-Identifier: MIT */
/* PPC64 radix tree, 13-9-9-9 bits: Power ISA 3.0B, book III, "Radix Tree Translation". Entries are big-endian. */
#define FORMAT ppc64
#define MM_MASK_FOLD_PORT ppc64_port
#define MM_MASK_FOLD_MASK ppc64_mask
#include "ports/ppc64.h"
#define MM_PT_PORT (&ppc64_port.port)

/* Valid, leaf, referenced, changed, privileged, read, write; a directory: valid, and that its table has 2^9 entries. */
#define BE(value)             __builtin_bswap64(value)
#define HAND_TOP              3u
#define HAND_SHIFT(level)     (12 + 9 * (level))
#define HAND_BITS(level)      ((level) == 3 ? 13 : 9)
#define HAND_LEAF             BE(UINT64_C(0xc00000000000018e))
#define HAND_BIG              HAND_LEAF
#define HAND_TABLE            BE(UINT64_C(0x8000000000000009))
#define HAND_VALID(entry, level) ((entry)&BE(UINT64_C(1) << 63))
#define HAND_FRAME(pa)        BE(pa)
#define HAND_PA(entry)        (BE(entry) & UINT64_C(0x01fffffffffff000))
#define HAND_IS_TABLE(entry)  (!((entry)&BE(UINT64_C(1) << 62)))
#define HAND_READ_ONLY(entry) ((entry) & ~BE(UINT64_C(2)))
#include "format.inc"
