/* SPDX-License-Identifier: MIT */
/* See hand.h. Formats: Intel SDM volume 3A, 4.5; Arm ARM, D8.3; RISC-V Privileged, Sv39. */
#include "hand.h"
#include "bench_config.h"

/* Name of a function. Who includes this file with a caller of its own defines it otherwise. */
#ifndef HAND
#define HAND(format, op) hand_##format##_##op
#endif

#define ADDRESS_52       UINT64_C(0x000ffffffffff000)
#define ADDRESS_48       UINT64_C(0x0000fffffffff000)
#define HAND_CAS(slot, old, now)                                                                   \
	__atomic_compare_exchange_n(slot, old, now, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)
#define ARM_READ_ONLY  UINT64_C(0x80)
#define ARM_DBM        (UINT64_C(1) << 51)
#define ARM_SOFT_DIRTY (UINT64_C(1) << 55)

/* A leaf without the right to write, also of hardware that keeps dirty: with DBM, AP[2] is "clean".
 */
static inline uint64_t HAND(aarch64, write_protect)(uint64_t entry)
{
	if (!(entry & ARM_READ_ONLY))
		entry |= ARM_READ_ONLY | ARM_SOFT_DIRTY;
	return entry & ~ARM_DBM;
}

/* Present, writable, accessed, dirty, no execution; page size in large leaves. Live leaves: accessed and
 * dirty as the CPU has them. */
#define HAND_NAME(op)            HAND(x86_64, op)
#define HAND_TOP                 3u
#define HAND_LEAF                UINT64_C(0x8000000000000063)
#define HAND_BIG                 UINT64_C(0x80000000000000e3)
#define HAND_LIVE                UINT64_C(0x8000000000000003)
#define HAND_TABLE               7u
#define HAND_FRAME(pa)           (pa)
#define HAND_PA(entry)           ((entry)&ADDRESS_52)
#define HAND_IS_TABLE(entry)     (!((entry)&0x80))
#define HAND_READ_ONLY(entry)    ((entry) & ~UINT64_C(2))
#define HAND_PROTECT_LIVE(entry) HAND_READ_ONLY(entry)
#define HAND_DIRTY(entry)        ((entry) >> 6 & 1)
#define HAND_ROLLED
#include "hand.inc"

/* Accessed, inner shareable, no execution; a page is 3, a block 1. */
#define HAND_NAME(op)            HAND(aarch64, op)
#define HAND_TOP                 3u
#define HAND_LEAF                UINT64_C(0x0060000000000703)
#define HAND_BIG                 UINT64_C(0x0060000000000701)
#define HAND_LIVE                UINT64_C(0x0068000000000383)
#define HAND_TABLE               3u
#define HAND_FRAME(pa)           (pa)
#define HAND_PA(entry)           ((entry)&ADDRESS_48)
#define HAND_IS_TABLE(entry)     ((entry)&2)
#define HAND_READ_ONLY(entry)    ((entry) | ARM_READ_ONLY)
#define HAND_PROTECT_LIVE(entry) HAND(aarch64, write_protect)(entry)
#define HAND_DIRTY(entry)        (!((entry)&ARM_READ_ONLY) || (entry)&ARM_SOFT_DIRTY)
#define HAND_ROLLED
#include "hand.inc"

/* Valid, readable, writable, accessed, dirty. */
#define HAND_NAME(op)            HAND(riscv64, op)
#define HAND_TOP                 2u
#define HAND_LEAF                UINT64_C(0xc7)
#define HAND_BIG                 UINT64_C(0xc7)
#define HAND_LIVE                UINT64_C(0x07)
#define HAND_TABLE               1u
#define HAND_FRAME(pa)           ((pa) >> 2)
#define HAND_PA(entry)           ((entry) << 2 & ADDRESS_52)
#define HAND_IS_TABLE(entry)     (!((entry)&14))
#define HAND_READ_ONLY(entry)    ((entry) & ~UINT64_C(4))
#define HAND_PROTECT_LIVE(entry) HAND_READ_ONLY(entry)
#define HAND_DIRTY(entry)        ((entry) >> 7 & 1)
#define HAND_ROLLED
#include "hand.inc"
