/* SPDX-License-Identifier: MIT */
/* LoongArch64, pages of 4 KiB, four levels: Reference Manual, volume 1, "Page Table Entry Formats". */
#define FORMAT loongarch64
#define MM_MASK_FOLD_PORT loong_port
#define MM_MASK_FOLD_MASK loong_mask
#include "ports/loongarch64.h"
#define MM_PT_PORT (&loong_port.port)

/* Present and valid, writable and dirty, cached, no execution; large leaves have bit 6. A directory is an address: one
 * that leads to a table where nothing is valid is empty. Dirty of what is not writable is bit 9. */
#define HAND_TOP              3u
#define HAND_SHIFT(level)     (12 + 9 * (level))
#define HAND_BITS(level)      9
#define HAND_LEAF             UINT64_C(0x4000000000000193)
#define HAND_BIG              UINT64_C(0x40000000000001d3)
#define HAND_FILLS
#define HAND_EMPTY(level)     ((level) ? FORMAT_NOWHERE : 0)
#define HAND_VALID(entry, level) ((level) ? (entry) != FORMAT_NOWHERE : ((entry)&0x80) != 0)
#define HAND_LINK(pa, level)  (pa)
#define HAND_BELOW(entry)     (entry)
#define HAND_FRAME(pa)        (pa)
#define HAND_PA(entry)        ((entry)&UINT64_C(0x0000fffffffff000))
#define HAND_IS_TABLE(entry)  (!((entry)&0x40))
#define HAND_READ_ONLY(entry) (((entry) & ~UINT64_C(0x102)) | 0x200)
#include "format.inc"
