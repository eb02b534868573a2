/* SPDX-License-Identifier: MIT */
/* AArch64 stage 2, granule of 4 KiB, 48 bits: Arm ARM, D8.3. */
#define FORMAT aarch64_s2
#define MM_MASK_FOLD_PORT a64s2_48_port
#define MM_MASK_FOLD_MASK a64s2_mask
#include "ports/aarch64_more.h"
#define MM_PT_PORT (&a64s2_48_port.port)

/* Readable and writable, accessed, dirty with DBM, inner shareable, write-back, no execution; a page is 3, a block 1. */
#define HAND_TOP              3u
#define HAND_LEAF             UINT64_C(0x00480000000007ff)
#define HAND_BIG              UINT64_C(0x00480000000007fd)
#define HAND_TABLE            3u
#define HAND_FRAME(pa)        (pa)
#define HAND_PA(entry)        ((entry)&UINT64_C(0x0000fffffffff000))
#define HAND_IS_TABLE(entry)  ((entry)&2)
/* S2AP[1] and DBM clear; dirty is the software's bit 55 then. */
#define HAND_READ_ONLY(entry) (((entry) & ~UINT64_C(0x0008000000000080)) | UINT64_C(1) << 55)
#include "format.inc"
