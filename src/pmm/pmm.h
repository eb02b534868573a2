/* SPDX-License-Identifier: MIT */
/* What the files of the physical memory manager share. */
#ifndef MM_SRC_PMM_PMM_H
#define MM_SRC_PMM_PMM_H
#include "frame.h"
#include "../check.h"

/* Range that holds a frame, or NULL. */
struct mm_range *pmm_find(const struct mm_pmm *pmm, mm_pfn_t pfn);

static inline bool pmm_ready(const struct mm_pmm *pmm)
{
	return pmm->port != NULL;
}
#endif
