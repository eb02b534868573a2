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
 *              L3 blocks that were freed and wait (MM_HARDEN_QUARANTINE) are at most MM_HELD_MAX, and at most a 64th of
 *                 the memory that there was when the heap was made; larger ones do not wait. They go, the oldest
 *                 first, when another one comes and there is no room, when a heap finds no memory, and when
 *                 memory is asked back; then they are looked at as objects are (H3 of harden.c).
 * Concurrency  any CPU, interrupts; heap->lock guards those that wait. With MM_CHECKS 0 there are no marks; frees are
 *              believed. */
#include "owner.h"

#if MM_CHECKS >= 1
enum mm_status large_take(struct mm_heap *heap, unsigned order, uint32_t flags, void **out, struct mm_slab ***entry)
{
	mm_paddr_t pa;
	mm_pfn_t pfn;
	enum mm_status st = heap_pages(heap, order, flags, FRAME_LARGE + order, mm_hook_fail(), &pa);

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
static struct mm_slab *large_claim(const struct mm_heap *heap, const struct mm_range *r, mm_pfn_t pfn,
				   enum mm_status *why)
{
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
static void large_give(struct mm_heap *heap, const struct mm_range *r, mm_pfn_t pfn, unsigned order)
{
	enum mm_status st;

	mm_atomic_store_release(slab_entry(r, pfn), slab_none());
	st = pmm_free_as(heap->pmm, mm_pfn_to_pa(pfn), order, FRAME_LARGE + order);
	MM_CHECK(heap->pmm->port, st == MM_OK);
}

#if MM_HARDEN & MM_HARDEN_QUARANTINE
void large_hold_init(struct mm_heap *heap)
{
	uintptr_t frames = 0;

	for (uint32_t i = 0; i < heap->pmm->nranges; i++)
		frames += (uintptr_t)(heap->pmm->ranges[i].last - heap->pmm->ranges[i].first) + 1;
	heap->held_most = frames / 64;
}

/* The place of the ring that is so many behind the oldest's. */
static uint32_t large_place(const struct mm_heap *heap, uint32_t n)
{
	n += heap->held_first;
	return n < MM_HELD_MAX ? n : n - MM_HELD_MAX;
}

/* Put a block behind those that wait, if there is room. */
static bool large_try_hold(struct mm_heap *heap, void *p, uintptr_t frames)
{
	uintptr_t irq = mm_lock(heap->pmm->port, &heap->lock);
	bool room = heap->nheld < MM_HELD_MAX && frames <= heap->held_most - large_held(heap); /* L3 */

	if (room) {
		heap->held[large_place(heap, heap->nheld)] = p;
		heap->nheld++;
		mm_atomic_add(&heap->held_frames, frames);
	}
	mm_unlock(heap->pmm->port, &heap->lock, irq);
	return room;
}

/* The block that waits longest waits no more: it is who asks's, and so it is nobody else's. NULL: none waits. */
static void *large_oldest(struct mm_heap *heap)
{
	uintptr_t irq = MM_PLANTED(MM_PLANT_OLDEST) ? 0 : mm_lock(heap->pmm->port, &heap->lock);
	void *p = heap->nheld ? heap->held[heap->held_first] : NULL;

	if (MM_PLANTED(MM_PLANT_OLDEST))
		mm_hook_step();
	if (p) {
		heap->held_first = large_place(heap, 1);
		heap->nheld--;
	}
	if (!MM_PLANTED(MM_PLANT_OLDEST))
		mm_unlock(heap->pmm->port, &heap->lock, irq);
	return p;
}

size_t large_let_go(struct mm_heap *heap)
{
	void *p = large_oldest(heap);
	const struct mm_range *r;
	mm_pfn_t pfn = 0;
	unsigned order;

	if (!p)
		return 0;
	r = pmm_find_virt(heap->pmm, p, &pfn);
	order = frame_order(frame_load(r, pfn)); /* L2 */
	if (!MM_PLANTED(MM_PLANT_UNSEEN))
		harden_prove_large(heap, p, (size_t)MM_FRAME_SIZE << order);
	large_give(heap, r, pfn, order);
	mm_atomic_add(&heap->held_frames, (uintptr_t)0 - ((uintptr_t)1 << order));
	return (size_t)1 << order;
}

bool large_make_room(struct mm_heap *heap, enum mm_status *st)
{
	bool any = false;

	while (!MM_PLANTED(MM_PLANT_ROOM) && large_let_go(heap))
		any = true;
	if (!any && *st == MM_E_NOMEM && large_held(heap))
		*st = MM_E_AGAIN;
	return any;
}

/* A block that was freed waits, and others that waited longer leave for it; but not if it is too large itself. */
static void large_retire(struct mm_heap *heap, void *p, const struct mm_range *r, mm_pfn_t pfn, unsigned order)
{
	uintptr_t frames = (uintptr_t)1 << order;
	bool held = false;

	while (frames <= heap->held_most && !held) {
		held = large_try_hold(heap, p, frames);
		if (!held && !large_let_go(heap))
			break; /* those that there is no room for are leaving */
	}
	if (!held)
		large_give(heap, r, pfn, order);
}
#else
static void large_retire(struct mm_heap *heap, void *p, const struct mm_range *r, mm_pfn_t pfn, unsigned order)
{
	(void)p;
	large_give(heap, r, pfn, order);
}
#endif

enum mm_status large_free(struct mm_heap *heap, void *p, mm_pfn_t pfn, unsigned order)
{
	const struct mm_range *r = pmm_find(heap->pmm, pfn);
	enum mm_status st;
	struct mm_slab *mark = large_claim(heap, r, pfn, &st);

	if (!mark)
		return st;
	order = frame_order(frame_load(r, pfn)); /* L2 */
	st = harden_free_large(heap, p, (size_t)MM_FRAME_SIZE << order);
	if (st != MM_OK) {
		mm_atomic_store_release(slab_entry(r, pfn), mark);
		return st;
	}
	if (heap->notes)
		heap->owners->large_end(heap, mark);
	mm_atomic_add(&heap->nlarge[MM_PLANTED(MM_PLANT_COUNT) ? 0 : order], (uintptr_t)0 - 1);
	large_retire(heap, p, r, pfn, order);
	return MM_OK;
}

enum mm_status large_wait(struct mm_heap *heap, const void *p, mm_pfn_t pfn, unsigned order)
{
	enum mm_status st;

	(void)p;
	(void)order;
	(void)large_claim(heap, pmm_find(heap->pmm, pfn), pfn, &st);
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
	enum mm_status st = heap_pages(heap, order, flags, FRAME_LARGE + order, mm_hook_fail(), &pa);

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
