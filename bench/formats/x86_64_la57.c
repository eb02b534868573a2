/* SPDX-License-Identifier: MIT */
/* x86-64 with five levels: Intel SDM volume 3A, 4.5. */
#define FORMAT x86_64_la57
#include "ports/x86_64.h"
#define MM_PT_PORT (&x86_64_port)

/* Present, writable, accessed, dirty, no execution; page size in large leaves. Dirty of what is not writable is bit 58:
 * with bit 6 it would be a shadow stack. */
#define HAND_TOP              4u
#define HAND_LEAF             UINT64_C(0x8000000000000063)
#define HAND_BIG              UINT64_C(0x80000000000000e3)
#define HAND_TABLE            7u
#define HAND_FRAME(pa)        (pa)
#define HAND_PA(entry)        ((entry)&UINT64_C(0x000ffffffffff000))
#define HAND_IS_TABLE(entry)  (!((entry)&0x80))
#define HAND_READ_ONLY(entry) (((entry) & ~UINT64_C(0x42)) | UINT64_C(1) << 58)
#include "format.inc"
