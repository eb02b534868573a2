/* SPDX-License-Identifier: MIT */
/* AArch64 stage 1, granule of 64 KiB, 48 bits: Arm ARM, D8.3. */
#define FORMAT aarch64_64k
#define MM_MASK_FOLD_PORT a64_64k_port
#define MM_MASK_FOLD_MASK a64_64k_mask
#include "ports/aarch64_more.h"
#define MM_PT_PORT (&a64_64k_port.port)

/* Accessed, dirty with DBM, inner shareable, not global, no execution; a page is 3, a block 1. */
#define HAND_TOP              2u
#define HAND_SHIFT(level)     (16 + 13 * (level))
#define HAND_BITS(level)      13
#define HAND_LEAF             UINT64_C(0x0068000000000f03)
#define HAND_BIG              UINT64_C(0x0068000000000f01)
#define HAND_TABLE            3u
#define HAND_FRAME(pa)        (pa)
#define HAND_PA(entry)        ((entry)&UINT64_C(0x0000ffffffff0000))
#define HAND_IS_TABLE(entry)  ((entry)&2)
/* AP[2] set and DBM clear; dirty is the software's bit 55 then. */
#define HAND_READ_ONLY(entry) (((entry) & ~(UINT64_C(1) << 51)) | UINT64_C(0x0080000000000080))
#include "format.inc"
