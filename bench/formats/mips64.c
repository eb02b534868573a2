/* SPDX-License-Identifier: MIT */
/* MIPS64: four levels of 4 KiB, whose entries mmlib has chosen (ports/mips64.h). */
#define FORMAT mips64
#define MM_MASK_FOLD_PORT mips64_port
#define MM_MASK_FOLD_MASK mips64_mask
#include "ports/mips64.h"
#define MM_PT_PORT (&mips64_port.port)

/* Present, valid, writable, dirty, cached, no execution; large leaves have bit 3. Dirty of what is not writable is bit 2. */
#define HAND_TOP              3u
#define HAND_LEAF             UINT64_C(0x793)
#define HAND_BIG              UINT64_C(0x79b)
#define HAND_TABLE            1u
#define HAND_FRAME(pa)        (pa)
#define HAND_PA(entry)        ((entry)&UINT64_C(0x07fffffffffff000))
#define HAND_IS_TABLE(entry)  (!((entry)&8))
#define HAND_READ_ONLY(entry) (((entry) & ~UINT64_C(0x102)) | 4)
#include "format.inc"
