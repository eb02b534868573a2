/* SPDX-License-Identifier: MIT */
/* Intel's extended page tables, four levels: SDM volume 3C, "EPT Translation Mechanism". */
#define FORMAT ept
#define MM_MASK_FOLD_PORT ept_port
#define MM_MASK_FOLD_MASK ept_mask
#include "ports/ept.h"
#define MM_PT_PORT (&ept_port.port)

/* Readable, writable, accessed, dirty, write-back; large leaves have bit 7. */
#define HAND_TOP               3u
#define HAND_LEAF              UINT64_C(0x333)
#define HAND_BIG               UINT64_C(0x3b3)
#define HAND_TABLE             7u
#define HAND_VALID(entry, level) ((entry)&7)
#define HAND_FRAME(pa)         (pa)
#define HAND_PA(entry)         ((entry)&UINT64_C(0x000ffffffffff000))
#define HAND_IS_TABLE(entry)   (!((entry)&0x80))
#define HAND_READ_ONLY(entry)  ((entry) & ~UINT64_C(2))
#include "format.inc"
