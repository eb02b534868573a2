/* SPDX-License-Identifier: MIT */
/* RISC-V Privileged, Sv57. */
#define FORMAT riscv64_sv57
#include "ports/riscv64.h"
#define MM_PT_PORT (&rv64_port)

/* Valid, readable, writable, accessed, dirty. */
#define HAND_TOP              4u
#define HAND_LEAF             UINT64_C(0xc7)
#define HAND_BIG              HAND_LEAF
#define HAND_TABLE            1u
#define HAND_FRAME(pa)        ((pa) >> 2)
#define HAND_PA(entry)        ((entry) << 2 & UINT64_C(0x00fffffffffff000))
#define HAND_IS_TABLE(entry)  (!((entry)&14))
#define HAND_READ_ONLY(entry) ((entry) & ~UINT64_C(4))
#include "format.inc"
