/* SPDX-License-Identifier: MIT */
/* Theory of operation: kmalloc
 * Problem      memory of any size, and of any address which memory it is.
 * Structure    sizes up to 8 KiB go to one of 56 classes; larger ones are blocks of pages whose
 *              head's frame byte says so. A free looks at the frame byte first.
 *
 *                class   0 .. 7    16, 32 ... 128
 *                        8 .. 15   144, 160 ... 256     eight for each doubling:
 *                       16 .. 23   288, 320 ... 512     at most an eighth is lost
 *                       ...        up to 8192
 *
 * Invariants   K1 every class size is a multiple of 16, and slabs start on frame borders, so a size
 *                 that is a power of two is aligned to itself.
 *              K2 a block of pages is aligned to its size.
 *              K3 memory that was allocated, and resized each time, with MM_ALLOC_ZERO is zero beyond
 *                 the size last asked for, if the caller wrote only below it: so all that a
 *                 reallocation adds is zero, though no size is kept.
 * Concurrency  that of the parts. */
#include "guard.h"
#include "owner.h"
#include "../checked.h"

size_t kmalloc_class_size(uint32_t c)
{
	uint32_t k = c / 8 + 6;

	if (c < 8)
		return (c + 1) * 16;
	return ((size_t)1 << k) + ((size_t)(c % 8 + 1) << (k - 3));
}

static enum mm_status kmalloc_check(const struct mm_heap *heap, size_t size, uint32_t flags,
				    void **out)
{
	if (!heap || !out || size == 0 || flags & ~HEAP_FLAGS)
		return MM_E_INVAL;
	if (!heap->pmm)
		return MM_E_STATE;
	return heap_flags_ok(heap, flags) ? MM_OK : MM_E_INVAL;
}

/* The memory checker is told of a new large block. */
static void kmalloc_show_large(const struct mm_heap *heap, void *p, size_t size, unsigned order, uint32_t flags)
{
	mm_san_alloc(heap, p, size, (size_t)MM_FRAME_SIZE << order);
	if (flags & MM_ALLOC_ZERO)
		mm_san_open(p, size);
}

/* A block of pages. */
static enum mm_status kmalloc_large(struct mm_heap *heap, size_t size, uint32_t flags, uintptr_t caller, void **out)
{
	void *p = guard_alloc(&heap->caches[MM_KMALLOC_CLASSES - 1], size, flags, caller);
	unsigned order = 0;
	enum mm_status st;

	if (p) {
		*out = p;
		return MM_OK;
	}
	if (size > SIZE_MAX / 2 + 1) /* no power of two holds it */
		return MM_E_OVERFLOW;
	size += MM_OBJECT_REDZONE;
	while (order <= heap->pmm->max_order && (size - 1) >> MM_FRAME_SHIFT >> order)
		order++;
	if (order > heap->pmm->max_order)
		return MM_E_NOMEM;
	st = large_alloc(heap, order, flags, caller, &p);
	if (st != MM_OK)
		return st;
	mm_atomic_add(&heap->nlarge[order], (uintptr_t)1);
	harden_large(heap, p, (size_t)MM_FRAME_SIZE << order);
	kmalloc_show_large(heap, p, size - MM_OBJECT_REDZONE, order, flags);
	*out = p;
	return MM_OK;
}

PMM_SLOW enum mm_status kmalloc_slow(struct mm_heap *heap, size_t size, uint32_t flags, uintptr_t caller, void **out)
{
	enum mm_status st = kmalloc_check(heap, size, flags, out);

	if (st != MM_OK)
		return st;
	if (size > MM_OBJECT_MAX)
		return kmalloc_large(heap, size, flags, caller, out);
	return cache_alloc_slow(&heap->caches[mm_object_class_of(heap, size)], size, flags, caller, out);
}

/* What this CPU's magazine does not have goes round: all checks are there. */
static inline enum mm_status kmalloc_for(struct mm_heap *heap, size_t size, uint32_t flags, uintptr_t caller,
					 void **out)
{
	void *p;

	if (!out || !mm_object_of_size(heap, size, flags, &p))
		return kmalloc_slow(heap, size, flags, caller, out);
	*out = p;
	return MM_OK;
}

enum mm_status mm_kmalloc_st(struct mm_heap *heap, size_t size, uint32_t flags, void **out)
{
	return kmalloc_for(heap, size, flags, OWNER_CALLER, out);
}

static PMM_SLOW void *kmalloc_plain(struct mm_heap *heap, size_t size, uint32_t flags, uintptr_t caller)
{
	void *p = NULL;

	return kmalloc_slow(heap, size, flags, caller, &p) == MM_OK ? p : NULL;
}

void *mm_kmalloc(struct mm_heap *heap, size_t size, uint32_t flags)
{
	void *p;

	return mm_object_of_size(heap, size, flags, &p) ? p : kmalloc_plain(heap, size, flags, OWNER_CALLER);
}

enum mm_status mm_kmalloc_array_st(struct mm_heap *heap, size_t n, size_t size, uint32_t flags,
				   void **out)
{
	size_t bytes;

	if (!mm_mul_size(n, size, &bytes))
		return heap && out ? MM_E_OVERFLOW : MM_E_INVAL;
	return kmalloc_for(heap, bytes, flags, OWNER_CALLER, out);
}

/* Bytes to ask for, so that they are aligned. */
static size_t kmalloc_aligned_size(size_t size, size_t align)
{
	size_t bytes = align;

	if (align <= 16 || size == 0)
		return size;
	while (bytes < size &&
	       bytes <= SIZE_MAX / 2) /* K1, K2: a power of two is aligned to itself */
		bytes *= 2;
	return size > bytes ? size : bytes;
}

enum mm_status mm_kmalloc_aligned_st(struct mm_heap *heap, size_t size, size_t align,
				     uint32_t flags, void **out)
{
	if (!mm_is_pow2(align))
		return MM_E_INVAL;
	return kmalloc_for(heap, kmalloc_aligned_size(size, align), flags, OWNER_CALLER, out);
}

/* Large blocks: the range, frame and order of one that starts at p. */
static bool kmalloc_find_large(const struct mm_heap *heap, const void *p, mm_pfn_t *pfn,
			       unsigned *order)
{
	const struct mm_range *r = pmm_find_virt(heap->pmm, p, pfn);
	unsigned byte = r ? frame_load(r, *pfn) : FRAME_FREE;

	*order = frame_order(byte);
	return byte >= FRAME_LARGE && byte < FRAME_SLAB;
}

/* Is p inside a large block, but not at its start? */
static bool kmalloc_inside_large(const struct mm_heap *heap, const void *p)
{
	mm_pfn_t pfn, head;
	const struct mm_range *r = pmm_find_virt(heap->pmm, p, &pfn);

	return r && frame_load(r, pfn) == FRAME_FREE && frame_find_head(r, pfn, &head) &&
	       frame_load(r, head) >= FRAME_LARGE;
}

/* Why p, which was in no slab and is no large block, cannot be freed. When it was looked at for a slab it may have been
 * a large block: then another CPU was faster. */
static enum mm_status kmalloc_refuse(const struct mm_heap *heap, const void *p, enum mm_status st)
{
	struct mm_slab *slab;

	if (st != MM_E_OWNER || MM_PLANTED(MM_PLANT_REFUSE))
		return st;
	if (kmalloc_inside_large(heap, p))
		return MM_E_ALIGN;
	st = slab_find(heap, p, &slab);
	return st == MM_OK ? MM_E_DOUBLE_FREE : st;
}

static enum mm_status kfree_checked(struct mm_heap *heap, void *p, uintptr_t caller)
{
	struct mm_slab *slab;
	uint8_t *state;
	enum mm_status st;
	mm_pfn_t pfn;
	unsigned order;

	if (!heap)
		return MM_E_INVAL;
	if (!heap->pmm)
		return MM_E_STATE;
	if (!p)
		return MM_OK;
	st = slab_find(heap, p, &slab);
	if (st == MM_OK) {
		st = slab_retire(slab, p, &state, caller);
		if (st == MM_OK)
			object_keep(slab_cache(slab), p, state);
		return st;
	}
	if (kmalloc_find_large(heap, p, &pfn, &order))
		return (uintptr_t)p & ((uintptr_t)MM_FRAME_SIZE - 1) ? MM_E_ALIGN : large_free(heap, p, pfn, order);
	return kmalloc_refuse(heap, p, st);
}

PMM_SLOW enum mm_status kfree_from(struct mm_heap *heap, void *p, uintptr_t caller)
{
	return object_refused(heap, p, kfree_checked(heap, p, caller));
}

/* Tail-called, so its caller is who called mm_kfree(), which would have a frame for its sake otherwise. */
static PMM_SLOW enum mm_status kfree_slow(struct mm_heap *heap, void *p)
{
	return kfree_from(heap, p, OWNER_CALLER);
}

/* mm_kfree(), called by another function of the heap for its caller. */
static inline enum mm_status kfree_for(struct mm_heap *heap, void *p, uintptr_t caller)
{
	return mm_object_to_heap(heap, p) ? MM_OK : kfree_from(heap, p, caller);
}

enum mm_status mm_kfree(struct mm_heap *heap, void *p)
{
	return mm_object_to_heap(heap, p) ? MM_OK : kfree_slow(heap, p);
}

enum mm_status kmalloc_size(struct mm_heap *heap, const void *p, size_t *size)
{
	struct mm_slab *slab;
	enum mm_status st = slab_find(heap, p, &slab);
	mm_pfn_t pfn;
	unsigned order;

	if (st == MM_OK) {
		*size = object_room(slab_cache(slab), p);
		return slab_look(slab, p);
	}
	if (kmalloc_find_large(heap, p, &pfn, &order)) {
		*size = ((size_t)MM_FRAME_SIZE << order) - MM_OBJECT_REDZONE;
		if ((uintptr_t)p & ((uintptr_t)MM_FRAME_SIZE - 1))
			return MM_E_ALIGN;
		return large_whose_at(heap, pfn);
	}
	return kmalloc_refuse(heap, p, st);
}

bool kmalloc_is_large(const struct mm_heap *heap, const void *p)
{
	mm_pfn_t pfn;
	unsigned order;

	return kmalloc_find_large(heap, p, &pfn, &order);
}

enum mm_status kmalloc_large_at(struct mm_heap *heap, const void *p)
{
	size_t size;
	enum mm_status st = kmalloc_size(heap, p, &size);

	return st == MM_OK ? harden_look_large(heap, p, size + MM_OBJECT_REDZONE) : st;
}

/* It may have been freed when it was looked at. */
enum mm_status kmalloc_large_wait(struct mm_heap *heap, const void *p)
{
	mm_pfn_t pfn;
	unsigned order;
	enum mm_status st = kmalloc_large_at(heap, p);

	if (st != MM_OK)
		return st;
	return kmalloc_find_large(heap, p, &pfn, &order) ? large_wait(heap, p, pfn, order) : MM_E_DOUBLE_FREE;
}

bool kmalloc_large_due(struct mm_heap *heap, const void *p)
{
	mm_pfn_t pfn;

	return pmm_find_virt(heap->pmm, p, &pfn) && large_due(heap, p, pfn);
}

/* The memory checker is told of memory of `now` bytes: so many of them are used. */
static void kmalloc_resized(struct mm_heap *heap, void *p, size_t now, size_t size)
{
#if MM_SANITIZER
	struct mm_slab *slab;
	bool small = slab_find(heap, p, &slab) == MM_OK;

	mm_san_resize(small ? (void *)slab_cache(slab) : heap, p, size, now);
#else
	(void)heap;
	(void)p;
	(void)now;
	(void)size;
#endif
}

size_t mm_ksize(struct mm_heap *heap, const void *p)
{
	size_t size;

	if (!heap || !heap->pmm || !p || kmalloc_size(heap, p, &size) != MM_OK)
		return 0;
	kmalloc_resized(heap, (void *)(uintptr_t)p, size, size); /* all of it may be used now */
	return size;
}

/* Does memory of `now` bytes serve for `size`, without wasting more than half of what could be saved? What is behind it
 * may be why a request needed a block of pages of twice the size. */
static bool kmalloc_fits(size_t now, size_t size)
{
	size_t half = (MM_PLANTED(MM_PLANT_FITS) || now <= MM_OBJECT_MAX ? now : now - MM_OBJECT_REDZONE) / 2;
	bool least = now <= 64 || (now + MM_OBJECT_REDZONE == (size_t)MM_FRAME_SIZE && size > MM_OBJECT_MAX);

	return size <= now && (size > half || least);
}

enum mm_status mm_kfree_sized(struct mm_heap *heap, void *p, size_t size, size_t align)
{
	enum mm_status st;
	size_t now;

	if (!heap || size == 0 || (align && !mm_is_pow2(align)))
		return MM_E_INVAL;
	if (!heap->pmm)
		return MM_E_STATE;
	if (!p || MM_CHECKS == 0)
		return kfree_for(heap, p, OWNER_CALLER);
	st = kmalloc_size(heap, p, &now);
	if (st == MM_OK && !MM_PLANTED(MM_PLANT_SIZED) && !kmalloc_fits(now, kmalloc_aligned_size(size, align)))
		st = MM_E_ORDER;
	return st == MM_OK ? kfree_for(heap, p, OWNER_CALLER) : object_refused(heap, p, st);
}

/* The memory stays where it is. Bytes beyond the size are zero, if that is asked for at every step (K3). */
static enum mm_status kmalloc_stay(struct mm_heap *heap, void *p, size_t now, size_t size, uint32_t flags,
				   void **out)
{
	mm_san_open(p, now);
	if (flags & MM_ALLOC_ZERO && !MM_PLANTED(MM_PLANT_STAY))
		__builtin_memset((unsigned char *)p + size, 0, now - size);
	kmalloc_resized(heap, p, now, size);
	*out = p;
	return MM_OK;
}

/* Has what is kept of memory at p room at `to`? If they lie across each other, p was freed meanwhile. */
static inline bool kmalloc_apart(const void *p, const void *to, size_t keep)
{
	uintptr_t way = to < p ? (uintptr_t)p - (uintptr_t)to : (uintptr_t)to - (uintptr_t)p;

	return way >= keep || MM_PLANTED(MM_PLANT_MOVE);
}

/* The memory moves, to some of another heap or the same. Bytes from `size` to `now` are not copied, so K3 holds. */
static inline enum mm_status kmalloc_move(struct mm_heap *heap, void *p, size_t keep, struct mm_heap *other, void *to,
					  uintptr_t caller, void **out)
{
	enum mm_status st, undone;

	if (MM_PLANTED(MM_PLANT_COPY)) {
		st = kfree_for(heap, p, caller);
		mm_hook_step();
		__builtin_memcpy(to, p, keep);
	} else if (kmalloc_apart(p, to, keep)) {
		mm_san_open(p, keep);
		__builtin_memcpy(to, p, keep);
		st = kfree_for(heap, p, caller);
	} else {
		st = object_refused(heap, p, MM_E_DOUBLE_FREE);
	}
	if (st == MM_OK) {
		*out = to;
		return MM_OK;
	}
	undone = mm_kfree(other, to); /* somebody freed p meanwhile, and, if he was late there, too, this */
	MM_CHECK(heap->pmm->port, undone == MM_OK || !MM_PLANTED(MM_PLANT_MOVE));
	object_undone(other, to, undone);
	return st;
}

/* Memory of one heap, which becomes another's, or stays the same one's, if it moves. */
MM_OBJECT_FN enum mm_status krealloc_for(struct mm_heap *heap, void *p, size_t size, uint32_t flags,
					 struct mm_heap *other, uintptr_t caller, void **out)
{
	enum mm_status st = kmalloc_check(heap, size, flags, out);
	size_t now;
	void *to;

	if (st != MM_OK || !p)
		return st != MM_OK ? st : kmalloc_for(other, size, flags, caller, out);
	st = object_refused(heap, p, kmalloc_size(heap, p, &now));
	if (st != MM_OK)
		return st;
	if (kmalloc_fits(now, size))
		return kmalloc_stay(heap, p, now, size, flags, out);
	st = kmalloc_for(other, size, flags, caller, &to);
	if (st != MM_OK) /* a shrink need not succeed: there is room already */
		return size <= now ? kmalloc_stay(heap, p, now, size, flags, out) : st;
	return kmalloc_move(heap, p, now < size ? now : size, other, to, caller, out);
}

enum mm_status mm_krealloc_st(struct mm_heap *heap, void *p, size_t size, uint32_t flags,
			      void **out)
{
	return krealloc_for(heap, p, size, flags, heap, OWNER_CALLER, out);
}

enum mm_status kmalloc_resize(struct mm_heap *heap, void *p, size_t size, uint32_t flags, struct mm_heap *other,
			      uintptr_t caller, void **out)
{
	return krealloc_for(heap, p, size, flags, other, caller, out);
}
