/* SPDX-License-Identifier: MIT */
/* Scattered frames at contiguous addresses.
 *
 * Invariant    a frame is freed only after mm_pt_sync(): until then some CPU may still use it. */
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
	enum mm_status st = mm_pt_x86_64_unmap(pt, va, n * MM_FRAME_SIZE, 0, &g);

	mm_pt_sync(pt, &g);
	return st;
}

static enum mm_status frames_free(const mm_paddr_t *pages, size_t n)
{
	enum mm_status st = MM_OK;

	while (n-- && st == MM_OK)
		st = mm_page_free(&linux_pmm, pages[n], 0);
	return st;
}

struct vmem *vmem_alloc(struct mm_pt *pt, mm_vaddr_t va, size_t n)
{
	struct vmem *v = mm_kmalloc(&linux_heap, sizeof(*v) + n * sizeof(v->pages[0]), 0);
	enum mm_status st = MM_OK;

	if (!v)
		return NULL;
	v->va = va;
	for (v->n = 0; v->n < n && st == MM_OK; v->n += st == MM_OK)
		st = mm_page_alloc(&linux_pmm, 0, 0, &v->pages[v->n]);
	if (st == MM_OK)
		st = vmem_map(pt, va, v->pages, n);
	if (st == MM_OK)
		return v;
	if (frames_free(v->pages, v->n) != MM_OK || mm_kfree(&linux_heap, v) != MM_OK)
		linux_port.panic(linux_port.ctx, __FILE__, __LINE__);
	return NULL;
}

enum mm_status vmem_free(struct mm_pt *pt, struct vmem *v)
{
	enum mm_status st = vmem_unmap(pt, v->va, v->n);

	if (st == MM_OK)
		st = frames_free(v->pages, v->n);
	return st == MM_OK ? mm_kfree(&linux_heap, v) : st;
}
