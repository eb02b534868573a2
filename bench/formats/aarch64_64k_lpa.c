/* SPDX-License-Identifier: MIT */
/* AArch64 stage 1, granule of 64 KiB, 52 bits (FEAT_LPA): Arm ARM, D8.3. Bits 51:48 of an address are in 15:12. */
#define FORMAT aarch64_64k_lpa
#define MM_MASK_FOLD_PORT a64_64k_lpa_port
#define MM_MASK_FOLD_MASK a64_64k_lpa_mask
#include "ports/aarch64_more.h"
#define MM_PT_PORT (&a64_64k_lpa_port.port)

/* Accessed, dirty with DBM, inner shareable, not global, no execution; a page is 3, a block 1. */
#define HAND_TOP              2u
#define HAND_SHIFT(level)     (16 + 13 * (level))
#define HAND_BITS(level)      13
#define HAND_LEAF             UINT64_C(0x0068000000000f03)
#define HAND_BIG              UINT64_C(0x0068000000000f01)
#define HAND_TABLE            3u
#define HAND_FRAME(pa)        (((pa)&UINT64_C(0x0000ffffffff0000)) | ((pa) >> 36 & 0xf000))
#define HAND_PA(entry)        (((entry)&UINT64_C(0x0000ffffffff0000)) | ((entry)&0xf000) << 36)
#define HAND_IS_TABLE(entry)  ((entry)&2)
/* AP[2] set and DBM clear; dirty is the software's bit 55 then. */
#define HAND_READ_ONLY(entry) (((entry) & ~(UINT64_C(1) << 51)) | UINT64_C(0x0080000000000080))
#include "format.inc"
