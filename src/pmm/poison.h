/* SPDX-License-Identifier: MIT */
/* Poison of free frames, where MM_PAGE_POISON is set, and what a memory checker is told of frames: see
 * poison.c. Else nothing. */
#ifndef MM_SRC_PMM_POISON_H
#define MM_SRC_PMM_POISON_H
#include <mmlib/pmm.h>
#include <mmlib/sanitizer.h>
#include "../names.h"

/* Is there something to do with frames that come and go? */
#define POISON_ACTS (MM_PAGE_POISON || MM_SANITIZER)

#if POISON_ACTS
MM_BEGIN_DECLS
/* Frames are the caller's and become free: fill them. */
void poison_fill(const struct mm_pmm *pmm, mm_paddr_t pa, mm_pfn_t frames);
/* Frames were free and are the caller's: panic if somebody wrote to them. */
void poison_check(const struct mm_pmm *pmm, mm_paddr_t pa, mm_pfn_t frames);
/* A frame is the caller's, and nobody knows what will be in it when it comes back. */
void poison_forget(const struct mm_range *r, mm_pfn_t pfn);
MM_END_DECLS
#else
static inline void poison_fill(const struct mm_pmm *pmm, mm_paddr_t pa, mm_pfn_t frames)
{
	(void)pmm;
	(void)pa;
	(void)frames;
}

static inline void poison_check(const struct mm_pmm *pmm, mm_paddr_t pa, mm_pfn_t frames)
{
	(void)pmm;
	(void)pa;
	(void)frames;
}

static inline void poison_forget(const struct mm_range *r, mm_pfn_t pfn)
{
	(void)r;
	(void)pfn;
}
#endif
#endif
