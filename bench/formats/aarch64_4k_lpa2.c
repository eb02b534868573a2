/* SPDX-License-Identifier: MIT */
/* AArch64 stage 1, granule of 4 KiB, 52 bits (FEAT_LPA2): Arm ARM, D8.3. Bits 51:50 of an address are in 9:8. */
#define FORMAT aarch64_4k_lpa2
#define MM_MASK_FOLD_PORT a64_4k_lpa2_port
#define MM_MASK_FOLD_MASK a64_4k_lpa2_mask
#include "ports/aarch64_more.h"
#define MM_PT_PORT (&a64_4k_lpa2_port.port)

/* Accessed, dirty with DBM, not global, no execution; a page is 3, a block 1. */
#define HAND_TOP              4u
#define HAND_LEAF             UINT64_C(0x0068000000000c03)
#define HAND_BIG              UINT64_C(0x0068000000000c01)
#define HAND_TABLE            3u
#define HAND_FRAME(pa)        (((pa)&UINT64_C(0x0003fffffffff000)) | ((pa) >> 42 & 0x300))
#define HAND_PA(entry)        (((entry)&UINT64_C(0x0003fffffffff000)) | ((entry)&0x300) << 42)
#define HAND_IS_TABLE(entry)  ((entry)&2)
/* AP[2] set and DBM clear; dirty is the software's bit 55 then. */
#define HAND_READ_ONLY(entry) (((entry) & ~(UINT64_C(1) << 51)) | UINT64_C(0x0080000000000080))
#include "format.inc"
