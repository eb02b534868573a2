/* SPDX-License-Identifier: MIT */
/* Scattered frames at contiguous addresses.
 *
 * Invariant    a frame is freed only after mm_pt_sync(): until then some CPU may still use it. */
#include <mmlib/range.h>
#include "port.h"
#include "vmem.h"

enum mm_status vmem_map(struct mm_pt *pt, mm_vaddr_t va, const mm_paddr_t *pages, size_t n)
{
	struct mm_tlb_gather g = { 0 };
	enum mm_status st = mm_pt_x86_64_map_list(pt, va, pages, n, MM_PT_READ | MM_PT_WRITE, 0, &g);

	mm_pt_sync(pt, &g);
	return st;
}

enum mm_status vmem_unmap(struct mm_pt *pt, mm_vaddr_t va, size_t n)
{
	struct mm_tlb_gather g = { 0 };
	/* all of it was mapped, by vmem_map(): tables that hold nothing else need not be read */
	enum mm_status st = mm_pt_x86_64_unmap(pt, va, n * MM_FRAME_SIZE, MM_PT_DISCARD, &g);

	mm_pt_sync(pt, &g);
	return st;
}

struct vmem *vmem_alloc(struct mm_pt *pt, mm_vaddr_t va, size_t n)
{
	struct vmem *v = mm_kmalloc(&linux_heap, sizeof(*v) + n * sizeof(v->pages[0]), 0);
	enum mm_status st;

	if (!v)
		return NULL;
	v->va = va;
	v->n = 0;
	st = mm_page_alloc_bulk(&linux_pmm, 0, 0, v->pages, n, &v->n);
	if (st == MM_OK)
		st = v->n < n ? MM_E_NOMEM : vmem_map(pt, va, v->pages, n);
	if (st == MM_OK)
		return v;
	if (mm_page_free_bulk(&linux_pmm, 0, v->pages, v->n) != MM_OK || mm_kfree(&linux_heap, v) != MM_OK)
		linux_port.panic(linux_port.ctx, __FILE__, __LINE__);
	return NULL;
}

enum mm_status vmem_free(struct mm_pt *pt, struct vmem *v)
{
	enum mm_status st = vmem_unmap(pt, v->va, v->n);

	if (st == MM_OK)
		st = mm_page_free_bulk(&linux_pmm, 0, v->pages, v->n);
	return st == MM_OK ? mm_kfree(&linux_heap, v) : st;
}
