/* SPDX-License-Identifier: MIT */
/* RISC-V Privileged, second stage Sv39x4: a root of 16 KiB. */
#define FORMAT riscv64_sv39x4
#define MM_MASK_FOLD_PORT svx4_port
#define MM_MASK_FOLD_MASK svx4_mask
#include "ports/riscv_more.h"
#define MM_PT_PORT (&svx4_port.port)

/* Valid, readable, writable, user, accessed, dirty. */
#define HAND_TOP              2u
#define HAND_SHIFT(level)     (12 + 9 * (level))
#define HAND_BITS(level)      ((level) == 2 ? 11 : 9)
#define HAND_LEAF             UINT64_C(0xd7)
#define HAND_BIG              HAND_LEAF
#define HAND_TABLE            1u
#define HAND_FRAME(pa)        ((pa) >> 2)
#define HAND_PA(entry)        ((entry) << 2 & UINT64_C(0x00fffffffffff000))
#define HAND_IS_TABLE(entry)  (!((entry)&14))
#define HAND_READ_ONLY(entry) ((entry) & ~UINT64_C(4))
#include "format.inc"
