/* SPDX-License-Identifier: MIT */
/* The walker for any format: it asks pt->port at run time. See pt_walk.inc. */
#include <mmlib/pt.h>
#define MM_PT_PORT (pt->port)
#define MM_PT_NAME mm_pt
#include "vmm/pt_walk.inc"
#undef MM_PT_PORT
#undef MM_PT_NAME
