/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Kernel heap: the names that kernels know, for a kernel with one heap.
 *
 * mmlib has no globals; the kernel has. It says which heap is meant, once, where it includes this:
 *
 *     extern struct mm_heap kernel_heap;
 *     #define MM_GLOBAL_HEAP (&kernel_heap)
 *     #include <mmlib/global.h>
 *
 * Without MM_GLOBAL_HEAP there is nothing here. Each function is one line over mmlib/kmalloc.h: contexts, alignment and cost are those there, with flags
 * 0, or #MM_GLOBAL_FLAGS if that is defined: a kernel that allocates in interrupts says #MM_ALLOC_ATOMIC. */
#ifndef MMLIB_GLOBAL_H
#define MMLIB_GLOBAL_H
#include <mmlib/kmalloc.h>
#ifdef MM_GLOBAL_HEAP
#ifndef MM_GLOBAL_FLAGS
#define MM_GLOBAL_FLAGS 0u /**< flags of all allocations */
#endif
MM_BEGIN_DECLS

/** @private A free that is refused is a bug of the caller, who does not look at an answer: his place is told,
 *  and the machine stops. @param st the answer @param file,line his place
 *  @mm_ctx{as mm_kfree(); locks: none; cost: O(1)} */
static inline void mm_global_free(enum mm_status st, const char *file, int line)
{
	const struct mm_pmm *pmm = (MM_GLOBAL_HEAP)->pmm;

	if (st != MM_OK && pmm)
		pmm->port->panic(pmm->port->ctx, file, line);
}

/** Allocate. @param size bytes @return memory, or NULL
 *  @mm_ctx{as mm_kmalloc(); locks: slab depot\, once in many calls; cost: O(1)\, or a new slab} */
MM_NODISCARD static inline void *kmalloc(size_t size)
{
	return mm_kmalloc(MM_GLOBAL_HEAP, size, MM_GLOBAL_FLAGS);
}

/** Allocate on a node, or, if it has no memory left, near it. @param size bytes @param node node of the page layer
 *  @return memory, or NULL, also if there is no such node
 *  @mm_ctx{as mm_kmalloc(); locks: slab depot; cost: O(1)\, or a new slab} */
MM_NODISCARD static inline void *kmalloc_node(size_t size, uint32_t node)
{
	return mm_kmalloc(MM_GLOBAL_HEAP, size, MM_GLOBAL_FLAGS | MM_ALLOC_NODE(node));
}

/** Allocate, zeroed. @param size bytes @return memory, or NULL
 *  @mm_ctx{as mm_kmalloc(); locks: slab depot\, once in many calls; cost: O(size)} */
MM_NODISCARD static inline void *kzalloc(size_t size)
{
	return mm_kmalloc(MM_GLOBAL_HEAP, size, MM_GLOBAL_FLAGS | MM_ALLOC_ZERO);
}

/** Allocate an array, zeroed. @param n how many elements @param size bytes of one
 *  @return memory, or NULL, also if the product does not fit
 *  @mm_ctx{as mm_kmalloc(); locks: slab depot\, once in many calls; cost: O(n * size)} */
MM_NODISCARD static inline void *kcalloc(size_t n, size_t size)
{
	void *p = NULL;

	return mm_kmalloc_array_st(MM_GLOBAL_HEAP, n, size, MM_GLOBAL_FLAGS | MM_ALLOC_ZERO, &p) == MM_OK ? p :
													     NULL;
}

/** Allocate with an alignment. @param size bytes @param align bytes, a power of two @return memory, or NULL
 *  @mm_ctx{as mm_kmalloc(); locks: slab depot\, once in many calls; cost: O(1)\, or a new slab} */
MM_NODISCARD static inline void *kmalloc_aligned(size_t size, size_t align)
{
	void *p = NULL;

	return mm_kmalloc_aligned_st(MM_GLOBAL_HEAP, size, align, MM_GLOBAL_FLAGS, &p) == MM_OK ? p : NULL;
}

/** Change the size. @param p memory, or NULL @param size bytes, not 0
 *  @return memory, or NULL: @p p stays as it is
 *  @mm_ctx{as mm_krealloc(); locks: slab depot\, once in many calls; cost: O(size)} */
MM_NODISCARD static inline void *krealloc(void *p, size_t size)
{
	return mm_krealloc(MM_GLOBAL_HEAP, p, size, MM_GLOBAL_FLAGS);
}

/** Bytes that may be used. @param p memory @return bytes; 0 if it is none
 *  @mm_ctx{as mm_ksize(); locks: none; cost: O(1)} */
static inline size_t ksize(const void *p)
{
	return mm_ksize(MM_GLOBAL_HEAP, p);
}

/** Free. What mm_kfree() refuses calls the port's `panic` with the caller's place; before the heap is set up there is
 *  none to call, and nothing happens. @param p memory, or NULL */
#define kfree(p) mm_global_free(mm_kfree(MM_GLOBAL_HEAP, (p)), __FILE__, __LINE__)
/** The same, and the size is checked. @param p memory, or NULL @param size bytes, as asked for */
#define kfree_sized(p, size) \
	mm_global_free(mm_kfree_sized(MM_GLOBAL_HEAP, (p), (size), 0), __FILE__, __LINE__)
MM_END_DECLS
#endif
#endif
