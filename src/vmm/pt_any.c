/* SPDX-License-Identifier: MIT */
/* The walker for any format: it asks pt->port at run time. See pt_walk.inc.
 *
 * Nothing folds here. With 64-bit values in 32-bit registers, code that is inlined all the same has
 * frames of 640 bytes and more than twice the size. */
#include <mmlib/pt.h>
#if UINTPTR_MAX <= 0xffffffffu
#define PT_INLINE static inline
#endif
#define MM_PT_PORT (pt->port)
#define MM_PT_NAME mm_pt
#include "vmm/pt_walk.inc"
#undef MM_PT_PORT
#undef MM_PT_NAME
