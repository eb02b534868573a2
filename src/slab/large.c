/* SPDX-License-Identifier: MIT */
/* Theory of operation: large blocks
 * Problem      a block of pages is allocated and freed as an object is, and each mistake with one is to be told as it
 *              is with an object; but it has no slab.
 * Structure    its head's frame byte tells that it is one, and of which order. The entry of its first frame, in the
 *              tables that lead to slabs, tells whose it is: it leads to what looks like a slab of no heap and no
 *              cache, so that fast paths, which look for slabs only, refuse what is there.
 *
 *                frame --table--> mark of a heap       used, by a heap that notes no owners
 *                                 record               the same, by one that does (owner.c)
 *                                 slab_taken()         somebody frees it, or it waits
 *                                 slab_none()          pages, on their way from or to the page layer
 *
 * Invariants   L1 while a mark or a record is in the table, the byte of the block is true, and changes not.
 *              L2 who frees a block, or lets it wait, takes the mark away first, by compare-and-swap: of all who do,
 *                 however late, one goes on, and he asks for the byte once more. It stays as it is until he gives the
 *                 pages back, or puts the mark back.
 * Concurrency  any CPU, interrupts. With MM_CHECKS 0 there are no marks; frees are believed. */
#include "owner.h"

#if MM_CHECKS >= 1
enum mm_status large_take(struct mm_heap *heap, unsigned order, uint32_t flags, void **out, struct mm_slab ***entry)
{
	mm_paddr_t pa;
	mm_pfn_t pfn;
	enum mm_status st = mm_hook_fail() ? MM_E_NOMEM :
					     pmm_alloc_as(heap->pmm, order, flags, FRAME_LARGE + order, &pa);

	if (st != MM_OK)
		return st;
	pfn = mm_pa_to_pfn(pa);
	*out = mm_port_to_virt(heap->pmm->port, pa);
	*entry = slab_make_entry(heap, pmm_find(heap->pmm, pfn), pfn, flags, &st);
	if (!*entry) {
		enum mm_status undone = pmm_free_as(heap->pmm, pa, order, FRAME_LARGE + order);

		MM_CHECK(heap->pmm->port, undone == MM_OK);
		return st;
	}
	return MM_OK;
}

enum mm_status large_alloc(struct mm_heap *heap, unsigned order, uint32_t flags, uintptr_t caller, void **out)
{
	struct mm_slab **entry;
	enum mm_status st;

	if (heap->notes)
		return heap->owners->large(heap, order, flags, caller, out);
	st = large_take(heap, order, flags, out, &entry);
	if (st == MM_OK)
		mm_atomic_store_release(entry, heap_mark(heap)); /* L1 */
	return st;
}

/* Take a block away from its heap (L2): what the table told, or NULL: why not. */
static struct mm_slab *large_claim(const struct mm_heap *heap, mm_pfn_t pfn, enum mm_status *why)
{
	const struct mm_range *r = pmm_find(heap->pmm, pfn);
	struct mm_slab *mark = slab_of(r, pfn), *was;

	*why = large_whose(heap, mark);
	if (*why != MM_OK)
		return NULL;
	if (MM_PLANTED(MM_PLANT_LATE))
		mark = slab_of(r, pfn);
	was = mark;
	if (MM_PLANTED(MM_PLANT_RECORD)) {
		mm_atomic_store_release(slab_entry(r, pfn), slab_taken());
	} else if (!mm_atomic_cas(slab_entry(r, pfn), &was, slab_taken())) {
		*why = MM_E_DOUBLE_FREE;
		return NULL;
	}
	return mark;
}

/* It is there no more. Nobody else can find it (L2). */
static void large_give(struct mm_heap *heap, mm_pfn_t pfn, unsigned order)
{
	enum mm_status st;

	mm_atomic_store_release(slab_entry(pmm_find(heap->pmm, pfn), pfn), slab_none());
	st = pmm_free_as(heap->pmm, mm_pfn_to_pa(pfn), order, FRAME_LARGE + order);
	MM_CHECK(heap->pmm->port, st == MM_OK);
}

enum mm_status large_free(struct mm_heap *heap, void *p, mm_pfn_t pfn, unsigned order)
{
	enum mm_status st;
	struct mm_slab *mark = large_claim(heap, pfn, &st), **entry;

	if (!mark)
		return st;
	entry = slab_entry(pmm_find(heap->pmm, pfn), pfn);
	order = frame_order(frame_load(pmm_find(heap->pmm, pfn), pfn)); /* L2 */
	st = harden_free_large(heap, p, (size_t)MM_FRAME_SIZE << order);
	if (st != MM_OK) {
		mm_atomic_store_release(entry, mark);
		return st;
	}
	if (heap->notes)
		heap->owners->large_end(heap, mark);
	mm_atomic_add(&heap->nlarge[MM_PLANTED(MM_PLANT_COUNT) ? 0 : order], (uintptr_t)0 - 1);
	large_give(heap, pfn, order);
	return MM_OK;
}

enum mm_status large_wait(struct mm_heap *heap, const void *p, mm_pfn_t pfn, unsigned order)
{
	enum mm_status st;

	(void)p;
	(void)order;
	(void)large_claim(heap, pfn, &st);
	return st;
}

bool large_due(struct mm_heap *heap, const void *p, mm_pfn_t pfn)
{
	struct mm_slab *mark = heap->notes ? heap->owners->large_record(heap, p) : heap_mark(heap);

	mm_atomic_store_release(slab_entry(pmm_find(heap->pmm, pfn), pfn), mark);
	return true;
}
#else
enum mm_status large_alloc(struct mm_heap *heap, unsigned order, uint32_t flags, uintptr_t caller, void **out)
{
	mm_paddr_t pa;
	enum mm_status st = mm_hook_fail() ? MM_E_NOMEM :
					     pmm_alloc_as(heap->pmm, order, flags, FRAME_LARGE + order, &pa);

	(void)caller;
	if (st == MM_OK)
		*out = mm_port_to_virt(heap->pmm->port, pa);
	return st;
}

enum mm_status large_free(struct mm_heap *heap, void *p, mm_pfn_t pfn, unsigned order)
{
	(void)p;
	if (pmm_free_as(heap->pmm, mm_pfn_to_pa(pfn), order, FRAME_LARGE + order) != MM_OK)
		return MM_E_DOUBLE_FREE; /* it was a block of this order: another CPU was faster */
	mm_atomic_add(&heap->nlarge[order], (uintptr_t)0 - 1);
	return MM_OK;
}

/* While it waits it has the byte of pages of its order, so who frees it in these is believed: pages have no owner. */
enum mm_status large_wait(struct mm_heap *heap, const void *p, mm_pfn_t pfn, unsigned order)
{
	uint8_t *place = frame_byte(pmm_find(heap->pmm, pfn), pfn);

	(void)p;
	return frame_swap(place, FRAME_LARGE + order, FRAME_HEAD + order) ? MM_OK : MM_E_DOUBLE_FREE;
}

bool large_due(struct mm_heap *heap, const void *p, mm_pfn_t pfn)
{
	const struct mm_range *r = pmm_find(heap->pmm, pfn);
	unsigned byte = frame_load(r, pfn);

	(void)p;
	return byte >= FRAME_HEAD && byte < FRAME_MOVABLE &&
	       frame_swap(frame_byte(r, pfn), byte, FRAME_LARGE + frame_order(byte));
}
#endif
