/* SPDX-License-Identifier: MIT */
/* See hand.h. Formats: Intel SDM volume 3A, 4.5; Arm ARM, D8.3; RISC-V Privileged, Sv39. */
#include "hand.h"
#include "bench_config.h"

#define INDEX(va, level) ((unsigned)((va) >> (12 + 9 * (level)) & 511))
#define SIZE(level)      (UINT64_C(4096) << (9 * (level)))
#define ADDRESS_52       UINT64_C(0x000ffffffffff000)
#define ADDRESS_48       UINT64_C(0x0000fffffffff000)

/* Present, writable, accessed, dirty, no execution; page size in large leaves. */
#define HAND_NAME(op)         hand_x86_64_##op
#define HAND_TOP              3u
#define HAND_LEAF             UINT64_C(0x8000000000000063)
#define HAND_BIG              UINT64_C(0x80000000000000e3)
#define HAND_TABLE            7u
#define HAND_FRAME(pa)        (pa)
#define HAND_PA(entry)        ((entry)&ADDRESS_52)
#define HAND_IS_TABLE(entry)  (!((entry)&0x80))
#define HAND_READ_ONLY(entry) ((entry) & ~UINT64_C(2))
#include "hand.inc"

/* Accessed, inner shareable, no execution; a page is 3, a block 1. */
#define HAND_NAME(op)         hand_aarch64_##op
#define HAND_TOP              3u
#define HAND_LEAF             UINT64_C(0x0060000000000703)
#define HAND_BIG              UINT64_C(0x0060000000000701)
#define HAND_TABLE            3u
#define HAND_FRAME(pa)        (pa)
#define HAND_PA(entry)        ((entry)&ADDRESS_48)
#define HAND_IS_TABLE(entry)  ((entry)&2)
#define HAND_READ_ONLY(entry) ((entry) | 0x80)
#include "hand.inc"

/* Valid, readable, writable, accessed, dirty. */
#define HAND_NAME(op)         hand_sv39_##op
#define HAND_TOP              2u
#define HAND_LEAF             UINT64_C(0xc7)
#define HAND_BIG              UINT64_C(0xc7)
#define HAND_TABLE            1u
#define HAND_FRAME(pa)        ((pa) >> 2)
#define HAND_PA(entry)        ((entry) << 2 & ADDRESS_52)
#define HAND_IS_TABLE(entry)  (!((entry)&14))
#define HAND_READ_ONLY(entry) ((entry) & ~UINT64_C(4))
#include "hand.inc"
