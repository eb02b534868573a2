/* SPDX-License-Identifier: MIT */
/* s390x, from region 3 on, 11-11-8 bits: z/Architecture Principles of Operation, "Dynamic Address Translation". Entries
 * are big-endian, an empty one is not 0, and hardware keeps nothing in them. */
#define FORMAT s390x
#define MM_MASK_FOLD_PORT s390x_port
#define MM_MASK_FOLD_MASK s390x_mask
#include "ports/s390x.h"
#define MM_PT_PORT (&s390x_port.port)

/* No execution, and a bit of software's; 0x200 is read-only, 0x400 in segment and region entries a leaf. Tables: region 3 has type 1, length 3. */
#define BE(value)             __builtin_bswap64(value)
#define HAND_TOP              2u
#define HAND_SHIFT(level)     ((level) ? 9 + 11 * (level) : 12)
#define HAND_BITS(level)      ((level) ? 11 : 8)
#define HAND_LEAF             BE(UINT64_C(0x101))
#define HAND_BIG              BE(UINT64_C(0x500))
#define HAND_FILLS
#define HAND_EMPTY(level)     ((level) == 0 ? BE(UINT64_C(0x400)) : (level) == 1 ? BE(UINT64_C(0x20)) : BE(UINT64_C(0x24)))
#define HAND_VALID(entry, level) (!((entry) & ((level) ? BE(UINT64_C(0x20)) : BE(UINT64_C(0x400)))))
#define HAND_LINK(pa, level)  (BE(pa) | ((level) == 2 ? BE(UINT64_C(7)) : 0))
#define HAND_BELOW(entry)     (BE(entry) & ~UINT64_C(0x7ff))
#define HAND_FRAME(pa)        BE(pa)
#define HAND_PA(entry)        (BE(entry) & ~UINT64_C(0xfff))
#define HAND_IS_TABLE(entry)  (!((entry)&BE(UINT64_C(0x400))))
#define HAND_READ_ONLY(entry) ((entry) | BE(UINT64_C(0x200)))
#include "format.inc"
