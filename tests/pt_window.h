/* SPDX-License-Identifier: MIT */
/* Memory for tables that is reached by windows, as kernels without a direct map reach it: each window is one place in the
 * address space, where the table that was asked for last is. What was asked for before is not there any more, so that
 * who goes on to use it sees, or writes to, another table. A table in the tree must be where a recursive entry would
 * show it. */
#ifndef PT_WINDOW_H
#define PT_WINDOW_H
#include "pt_oracle.h"

/* Memory for them; NULL: there is none. */
void *window_memory(size_t bytes);
void window_memory_free(void *mem, size_t bytes);
#if MM_PT_WINDOW
/* For mm_pt_env; its `ctx` is the oracle. */
void *window_show(const struct mm_pt *pt, mm_paddr_t pa, unsigned window, mm_vaddr_t va);
#endif
#endif
