/* SPDX-License-Identifier: MIT */
/* Scattered frames at contiguous virtual addresses, as vmap() and vmalloc() of Linux give them, made
 * of mmlib's parts. The caller chooses the addresses and lets nobody else change the tree: mmlib does
 * not hand out virtual addresses yet. */
#ifndef VMEM_H
#define VMEM_H
#include <mmlib/pt_x86_64.h>

/* Map @n pages, given by their physical addresses, from @va on, readable and writable, in the smallest
 * pages. On an error nothing is mapped. */
enum mm_status vmem_map(struct mm_pt *pt, mm_vaddr_t va, const mm_paddr_t *pages, size_t n);
/* Unmap @n pages. When it returns no CPU sees them. */
enum mm_status vmem_unmap(struct mm_pt *pt, mm_vaddr_t va, size_t n);

/* Memory of vmem_alloc(). */
struct vmem {
	mm_vaddr_t va;
	size_t n;
	mm_paddr_t pages[];
};

/* @n new frames at @va. NULL: no memory, and nothing has changed. */
struct vmem *vmem_alloc(struct mm_pt *pt, mm_vaddr_t va, size_t n);
/* Unmap and free. */
enum mm_status vmem_free(struct mm_pt *pt, struct vmem *v);
#endif
