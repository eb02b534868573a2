/* SPDX-License-Identifier: MIT */
/* What callers do wrong with objects, row by row: each row is a test of its own, has its documented error, and
 * changes nothing. */
#include <mmlib/bulk.h>
#include <mmlib/guard.h>
#include <mmlib/owner.h>
#include <mmlib/reserve.h>
#include "rows.h"
#define RAM_FRAMES 1024u /* a machine for each row: they are to be quick */
#include "slab_box.h"
#include "slab/slab.h"

#define MORE 300u /* objects freed after the one that is freed twice: through magazines, depot and slabs */

/* A heap with something of each kind, and what it has lost. */
static struct {
	struct mm_heap none, other;          /* not set up; another one */
	struct mm_cache *a, *b, *gone;       /* the same size; destroyed */
	struct mm_cache *theirs;             /* of the other heap */
	unsigned char *small, *large, *huge; /* kmalloc: of a class; pages; more pages */
	unsigned char *object, *neighbour;   /* of a */
	unsigned char *alien, *alien_large;  /* the other heap's */
	unsigned char *written;              /* large, and written over its end */
	unsigned char *was, *was_large, *was_object, *was_long_ago, *was_slab; /* freed */
	unsigned char *page, *table, *meta, *free;
	struct mm_cache *watched;
	unsigned char *pages, *guarded, *was_guarded, *spoilt; /* the last has a byte behind it that was written */
	struct mm_guard_report report;
	void *out, *list[3];
	struct mm_prefill prefill, no_prefill;
	struct mm_mempool pool, no_pool;
	void *places[2];
	struct mm_cache_stats stats;
	struct mm_cache *telling;   /* notes owners */
	unsigned char *noted, *was_noted;
	struct mm_cache *denied;    /* the host admits no slab of it */
	struct mm_mempool lent;     /* of what is watched; its one object is out */
	void *lent_place, *taken;
	struct mm_heap_stats all;
	struct mm_heap_cpu_stats cpu;
	struct mm_cache_node_stats node_stats;
	struct mm_guard_stats guards;
	struct mm_leak leak, leaks[1];
	mm_paddr_t pa;
	size_t n;
	uintptr_t owner;
} u;

#define ON_STACK ((void *)&(int){ 0 })
static int statically;
#define H     (&heap)
#define FRAME ((size_t)MM_FRAME_SIZE)
#define CFG(...) &(const struct mm_cache_cfg){ .name = "row", __VA_ARGS__ }
#define LIST(...) (void *const[]){ __VA_ARGS__ }

/* name, what must be answered, the call */
#define ROWS(ROW)                                                                                          \
	/* nothing, and that is right */                                                                   \
	ROW(kfree_null, OK, mm_kfree(H, NULL))                                                             \
	ROW(kfree_sized_null, OK, mm_kfree_sized(H, NULL, 100, 0))                                         \
	ROW(free_null, OK, mm_cache_free(u.a, NULL))                                                       \
	ROW(bulk_of_none, OK, mm_cache_alloc_bulk(u.a, 0, u.list, 0))                                      \
	ROW(bulk_free_of_none, OK, mm_cache_free_bulk(u.a, LIST(u.object), 0))                             \
	ROW(bulk_free_nulls, OK, mm_cache_free_bulk(u.a, LIST(NULL, NULL), 2))                             \
	ROW(pool_free_null, OK, mm_mempool_free(&u.pool, NULL))                                            \
	/* free: twice */                                                                                  \
	ROW(kfree_twice, DOUBLE_FREE, mm_kfree(H, u.was))                                                  \
	ROW(kfree_large_twice, DOUBLE_FREE, mm_kfree(H, u.was_large))                                      \
	ROW(kfree_object_twice, DOUBLE_FREE, mm_kfree(H, u.was_object))                                    \
	ROW(free_twice, DOUBLE_FREE, mm_cache_free(u.a, u.was_object))                                     \
	ROW(free_twice_after_many, DOUBLE_FREE, mm_cache_free(u.a, u.was_long_ago))                        \
	ROW(free_after_its_slab_went, DOUBLE_FREE, mm_cache_free(u.b, u.was_slab))                         \
	ROW(kfree_free_frame, DOUBLE_FREE, mm_kfree(H, u.free))                                            \
	ROW(realloc_freed, DOUBLE_FREE, mm_krealloc_st(H, u.was, 50, 0, &u.out))                           \
	ROW(realloc_freed_large, DOUBLE_FREE, mm_krealloc_st(H, u.was_large, 50, 0, &u.out))               \
	ROW(bulk_free_one_twice, DOUBLE_FREE, mm_cache_free_bulk(u.a, LIST(u.object, u.object), 2))        \
	ROW(bulk_free_freed, DOUBLE_FREE, mm_cache_free_bulk(u.a, LIST(u.object, u.was_object), 2))        \
	ROW(pool_free_twice, DOUBLE_FREE, mm_mempool_free(&u.pool, u.was_object))                          \
	ROW(free_what_waits_in_a_pool, DOUBLE_FREE, mm_cache_free(u.a, u.places[0]))                       \
	ROW(free_what_waits_in_a_handle, DOUBLE_FREE, mm_kfree(H, u.prefill.slots[0].p))                   \
	/* free: never allocated */                                                                        \
	ROW(kfree_stack, FOREIGN, mm_kfree(H, ON_STACK))                                                   \
	ROW(kfree_static, FOREIGN, mm_kfree(H, &statically))                                               \
	ROW(kfree_function, FOREIGN, mm_kfree(H, (void *)(uintptr_t)&fill))                                \
	ROW(kfree_address_1, FOREIGN, mm_kfree(H, (void *)1))                                              \
	ROW(kfree_last_address, FOREIGN, mm_kfree(H, (void *)UINTPTR_MAX))                                 \
	ROW(kfree_behind_ram, FOREIGN, mm_kfree(H, sim.host + sim.bytes))                                  \
	ROW(kfree_before_ram, FOREIGN, mm_kfree(H, sim.host - 1))                                          \
	ROW(free_stack, FOREIGN, mm_cache_free(u.a, ON_STACK))                                             \
	ROW(free_last_address, FOREIGN, mm_cache_free(u.a, (void *)UINTPTR_MAX))                           \
	ROW(realloc_static, FOREIGN, mm_krealloc_st(H, &statically, 50, 0, &u.out))                        \
	ROW(bulk_free_static, FOREIGN, mm_cache_free_bulk(u.a, LIST(u.object, &statically), 2))            \
	ROW(pool_free_static, FOREIGN, mm_mempool_free(&u.pool, &statically))                              \
	/* free: inside something */                                                                       \
	ROW(kfree_second_byte, ALIGN, mm_kfree(H, u.small + 1))                                            \
	ROW(kfree_middle, ALIGN, mm_kfree(H, u.small + 48))                                                \
	ROW(kfree_last_byte, ALIGN, mm_kfree(H, u.small + mm_ksize(H, u.small) - 1))                       \
	ROW(kfree_large_second_byte, ALIGN, mm_kfree(H, u.large + 1))                                      \
	ROW(kfree_large_middle, ALIGN, mm_kfree(H, u.large + FRAME + 16))                                  \
	ROW(kfree_large_tail, ALIGN, mm_kfree(H, u.large + FRAME))                                         \
	ROW(kfree_large_last_frame, ALIGN, mm_kfree(H, u.large + 3 * FRAME))                               \
	ROW(kfree_huge_tail, ALIGN, mm_kfree(H, u.huge + 17 * FRAME))                                      \
	ROW(free_second_byte, ALIGN, mm_cache_free(u.a, u.object + 1))                                     \
	ROW(free_middle, ALIGN, mm_cache_free(u.a, u.object + 24))                                         \
	ROW(free_before, ALIGN, mm_cache_free(u.a, u.object - 1))                                          \
	ROW(realloc_middle, ALIGN, mm_krealloc_st(H, u.small + 16, 5000, 0, &u.out))                       \
	ROW(realloc_large_tail, ALIGN, mm_krealloc_st(H, u.large + FRAME, 50, 0, &u.out))                  \
	ROW(bulk_free_middle, ALIGN, mm_cache_free_bulk(u.a, LIST(u.object, u.neighbour + 8), 2))          \
	ROW(pool_free_middle, ALIGN, mm_mempool_free(&u.pool, u.object + 8))                               \
	/* free: of somebody else */                                                                       \
	ROW(free_of_another_cache, OWNER, mm_cache_free(u.b, u.object))                                    \
	ROW(free_kmalloc_to_a_cache, OWNER, mm_cache_free(u.a, u.small))                                   \
	ROW(free_large_to_a_cache, OWNER, mm_cache_free(u.a, u.large))                                     \
	ROW(free_of_another_heap, OWNER, mm_cache_free(u.a, u.alien))                                      \
	ROW(kfree_of_another_heap, OWNER, mm_kfree(H, u.alien))                                            \
	ROW(kfree_large_of_another_heap, OWNER, mm_kfree(H, u.alien_large))                                \
	ROW(kfree_large_by_another_heap, OWNER, mm_kfree(&u.other, u.large))                               \
	ROW(kfree_sized_large_of_another_heap, OWNER, mm_kfree_sized(H, u.alien_large, LARGE, 0))          \
	ROW(realloc_large_of_another_heap, OWNER, mm_krealloc_st(H, u.alien_large, 50, 0, &u.out))         \
	ROW(kfree_inside_large_of_another_heap, ALIGN, mm_kfree(H, u.alien_large + FRAME))                 \
	ROW(kfree_page, OWNER, mm_kfree(H, u.page))                                                        \
	ROW(kfree_tail_of_pages, OWNER, mm_kfree(H, u.page + FRAME))                                       \
	ROW(kfree_table, OWNER, mm_kfree(H, u.table))                                                      \
	ROW(kfree_metadata, OWNER, mm_kfree(H, u.meta))                                                    \
	ROW(kfree_the_heap_s_own, OWNER, mm_kfree(H, heap.cpus))                                           \
	ROW(kfree_descriptor, OWNER, mm_kfree(H, (void *)u.a->meta))                                       \
	ROW(kfree_magazine, OWNER, mm_kfree(H, u.prefill.slots))                                           \
	ROW(realloc_of_another_heap, OWNER, mm_krealloc_st(H, u.alien, 50, 0, &u.out))                     \
	ROW(realloc_page, OWNER, mm_krealloc_st(H, u.page, 50, 0, &u.out))                                 \
	ROW(bulk_free_of_another_cache, OWNER, mm_cache_free_bulk(u.a, LIST(u.object, u.small), 2))        \
	ROW(pool_free_of_another_cache, OWNER, mm_mempool_free(&u.pool, u.small))                          \
	ROW(page_free_slab, OWNER, mm_page_free(&pmm, frame_of(u.object), 0))                              \
	ROW(page_free_slab_as_table, OWNER, mm_page_free_table(&pmm, frame_of(u.object)))                  \
	ROW(page_free_large, OWNER, mm_page_free(&pmm, frame_of(u.large), 2))                              \
	ROW(page_free_magazines, OWNER, mm_page_free(&pmm, frame_of((void *)u.prefill.slots), 0))          \
	/* guarded */                                                                                      \
	ROW(kfree_guarded_twice, DOUBLE_FREE, mm_kfree(H, u.was_guarded))                                  \
	ROW(free_guarded_twice, DOUBLE_FREE, mm_cache_free(u.watched, u.was_guarded))                      \
	ROW(kfree_sized_guarded_twice, DOUBLE_FREE, mm_kfree_sized(H, u.was_guarded, 40, 0))               \
	ROW(realloc_guarded_freed, DOUBLE_FREE, mm_krealloc_st(H, u.was_guarded, 50, 0, &u.out))           \
	ROW(bulk_free_guarded_twice, DOUBLE_FREE, mm_cache_free_bulk(u.watched, LIST(u.guarded, u.guarded), 2)) \
	ROW(kfree_guarded_second_byte, ALIGN, mm_kfree(H, u.guarded + 1))                                  \
	ROW(kfree_beside_guarded, ALIGN, mm_kfree(H, u.guarded - 16))                                      \
	ROW(free_guarded_middle, ALIGN, mm_cache_free(u.watched, u.guarded + 24))                          \
	ROW(free_guarded_of_another_cache, OWNER, mm_cache_free(u.a, u.guarded))                           \
	ROW(kfree_guarded_of_another_heap, OWNER, mm_kfree(&u.other, u.guarded))                           \
	ROW(kfree_pool_of_guarded, OWNER, mm_kfree(H, u.pages))                                            \
	ROW(kfree_sized_guarded_of_another_size, ORDER, mm_kfree_sized(H, u.guarded, 400, 0))              \
	ROW(kfree_spoilt, CORRUPT, mm_kfree(H, u.spoilt))                                                  \
	ROW(free_spoilt, CORRUPT, mm_cache_free(u.watched, u.spoilt))                                      \
	ROW(bulk_free_spoilt, CORRUPT, mm_cache_free_bulk(u.watched, LIST(u.guarded, u.spoilt), 2))        \
	ROW(check_spoilt, CORRUPT, mm_guard_check(H, &u.report))                                           \
	ROW(destroy_with_guarded, BUSY, mm_cache_destroy(u.watched))                                       \
	ROW(end_with_guarded, BUSY, mm_guard_end(H))                                                       \
	ROW(guard_twice, EXIST, mm_guard_init(H, &(const struct mm_guard_cfg){ .base = u.pages, .bytes = 8 * FRAME })) \
	ROW(guard_before_init, STATE,                                                                      \
	    mm_guard_init(&u.none, &(const struct mm_guard_cfg){ .base = u.pages, .bytes = 8 * FRAME }))    \
	ROW(guard_without_memory, INVAL, mm_guard_init(&u.other, &(const struct mm_guard_cfg){ .bytes = 8 * FRAME })) \
	ROW(guard_off_a_border, INVAL,                                                                     \
	    mm_guard_init(&u.other, &(const struct mm_guard_cfg){ .base = u.page + 8, .bytes = FRAME }))   \
	ROW(guard_without_room, INVAL,                                                                     \
	    mm_guard_init(&u.other, &(const struct mm_guard_cfg){ .base = u.page, .bytes = FRAME }))       \
	ROW(end_without_pool, STATE, mm_guard_end(&u.other))                                               \
	ROW(create_guarded_that_keeps, INVAL,                                                              \
	    mm_cache_create(H, CFG(.size = 8, .flags = MM_CACHE_GUARD | MM_CACHE_KEEP), (void *)&u.out))   \
	ROW(fault_elsewhere, FOREIGN, mm_guard_fault(H, (uintptr_t)u.small, &u.report))                    \
	ROW(fault_inside, NOENT, mm_guard_fault(H, (uintptr_t)u.guarded, &u.report))                       \
	ROW(end_without_heap, INVAL, mm_guard_end(NULL))                                                   \
	ROW(check_before_init, STATE, mm_guard_check(&u.none, &u.report))                                  \
	ROW(check_without_heap, INVAL, mm_guard_check(NULL, &u.report))                                    \
	ROW(fault_without_result, INVAL, mm_guard_fault(H, (uintptr_t)u.guarded, NULL))                    \
	ROW(fault_before_init, STATE, mm_guard_fault(&u.none, (uintptr_t)u.guarded, &u.report))            \
	ROW(guard_stats_without_result, INVAL, mm_guard_stats(H, NULL))                                    \
	ROW(guard_stats_before_init, STATE, mm_guard_stats(&u.none, &u.guards))                            \
	/* sizes */                                                                                        \
	ROW(kmalloc_0, INVAL, mm_kmalloc_st(H, 0, 0, &u.out))                                              \
	ROW(kmalloc_max, OVERFLOW, mm_kmalloc_st(H, SIZE_MAX, 0, &u.out))                                  \
	ROW(kmalloc_max_less_a_frame, OVERFLOW, mm_kmalloc_st(H, SIZE_MAX - FRAME + 2, 0, &u.out))         \
	ROW(kmalloc_max_less_more, OVERFLOW, mm_kmalloc_st(H, SIZE_MAX - FRAME + 1, 0, &u.out))            \
	ROW(kmalloc_max_less_two, OVERFLOW, mm_kmalloc_st(H, SIZE_MAX - 2 * FRAME, 0, &u.out))             \
	ROW(kmalloc_more_than_half, OVERFLOW, mm_kmalloc_st(H, SIZE_MAX / 2 + 2, 0, &u.out))               \
	ROW(kmalloc_half_of_all, NOMEM, mm_kmalloc_st(H, SIZE_MAX / 2 + 1, 0, &u.out))                     \
	ROW(kmalloc_more_than_ram, NOMEM, mm_kmalloc_st(H, sim.bytes, 0, &u.out))                          \
	ROW(array_that_wraps, OVERFLOW, mm_kmalloc_array_st(H, SIZE_MAX / 8 + 1, 8, 0, &u.out))            \
	ROW(array_that_wraps_to_0, OVERFLOW,                                                               \
	    mm_kmalloc_array_st(H, (size_t)1 << (sizeof(size_t) * 4), (size_t)1 << (sizeof(size_t) * 4), 0, &u.out)) \
	ROW(array_of_max, OVERFLOW, mm_kmalloc_array_st(H, 1, SIZE_MAX, 0, &u.out))                        \
	ROW(array_of_none, INVAL, mm_kmalloc_array_st(H, 0, 8, 0, &u.out))                                 \
	ROW(array_of_nothings, INVAL, mm_kmalloc_array_st(H, 8, 0, 0, &u.out))                             \
	ROW(aligned_0, INVAL, mm_kmalloc_aligned_st(H, 8, 0, 0, &u.out))                                   \
	ROW(aligned_3, INVAL, mm_kmalloc_aligned_st(H, 8, 3, 0, &u.out))                                   \
	ROW(aligned_top_bit, NOMEM, mm_kmalloc_aligned_st(H, 8, SIZE_MAX / 2 + 1, 0, &u.out))              \
	ROW(aligned_max_bytes, OVERFLOW, mm_kmalloc_aligned_st(H, SIZE_MAX - 3, 64, 0, &u.out))            \
	ROW(aligned_0_bytes, INVAL, mm_kmalloc_aligned_st(H, 0, 64, 0, &u.out))                            \
	ROW(realloc_to_0, INVAL, mm_krealloc_st(H, u.small, 0, 0, &u.out))                                 \
	ROW(realloc_to_max, OVERFLOW, mm_krealloc_st(H, u.small, SIZE_MAX - 5, 0, &u.out))                 \
	ROW(realloc_to_too_much, NOMEM, mm_krealloc_st(H, u.large, sim.bytes, 0, &u.out))                  \
	ROW(prefill_none, INVAL, mm_prefill_fill(&u.no_prefill, u.a, 0, 0))                                \
	ROW(prefill_too_many, INVAL, mm_prefill_fill(&u.no_prefill, u.a, MM_PREFILL_MAX + 1, 0))           \
	ROW(pool_of_none, INVAL, mm_mempool_init(&u.no_pool, u.a, u.list, 0, 0))                           \
	ROW(kmalloc_zeroed_0, INVAL, mm_kmalloc_st(H, 0, MM_ALLOC_ZERO, &u.out))                           \
	ROW(realloc_null_to_0, INVAL, mm_krealloc_st(H, NULL, 0, 0, &u.out))                               \
	ROW(realloc_null_to_max, OVERFLOW, mm_krealloc_st(H, NULL, SIZE_MAX, 0, &u.out))                   \
	ROW(realloc_freed_to_0, INVAL, mm_krealloc_st(H, u.was, 0, 0, &u.out))                             \
	ROW(array_of_too_much, NOMEM, mm_kmalloc_array_st(H, sim.bytes / FRAME, FRAME, 0, &u.out))         \
	/* sized frees: of another size, small or large */                                                 \
	ROW(kfree_sized_small_as_large, ORDER, mm_kfree_sized(H, u.small, LARGE, 0))                       \
	ROW(kfree_sized_small_as_huge, ORDER, mm_kfree_sized(H, u.small, 20 * FRAME, 0))                   \
	ROW(kfree_sized_small_as_the_least_large, ORDER, mm_kfree_sized(H, u.small, MM_OBJECT_MAX + 1, 0)) \
	ROW(kfree_sized_small_as_max, ORDER, mm_kfree_sized(H, u.small, SIZE_MAX, 0))                      \
	ROW(kfree_sized_small_as_a_frame_by_alignment, ORDER, mm_kfree_sized(H, u.small, 100, FRAME))      \
	ROW(kfree_sized_small_as_smaller, ORDER, mm_kfree_sized(H, u.small, mm_ksize(H, u.small) / 2, 0))  \
	ROW(kfree_sized_small_as_larger, ORDER, mm_kfree_sized(H, u.small, mm_ksize(H, u.small) + 1, 0))   \
	ROW(kfree_sized_object_as_large, ORDER, mm_kfree_sized(H, u.object, LARGE, 0))                     \
	ROW(kfree_sized_large_as_small, ORDER, mm_kfree_sized(H, u.large, 100, 0))                         \
	ROW(kfree_sized_large_as_the_largest_small, ORDER, mm_kfree_sized(H, u.large, MM_OBJECT_MAX, 0))   \
	ROW(kfree_sized_large_as_a_byte, ORDER, mm_kfree_sized(H, u.large, 1, 0))                          \
	ROW(kfree_sized_large_as_huge, ORDER, mm_kfree_sized(H, u.large, 20 * FRAME, 0))                   \
	ROW(kfree_sized_large_as_max, ORDER, mm_kfree_sized(H, u.large, SIZE_MAX, 0))                      \
	ROW(kfree_sized_huge_as_large, ORDER, mm_kfree_sized(H, u.huge, LARGE, 0))                         \
	ROW(kfree_sized_huge_as_small, ORDER, mm_kfree_sized(H, u.huge, 100, 0))                           \
	ROW(kfree_sized_small_as_large_twice, DOUBLE_FREE, mm_kfree_sized(H, u.was, LARGE, 0))             \
	ROW(kfree_sized_large_as_small_twice, DOUBLE_FREE, mm_kfree_sized(H, u.was_large, 100, 0))         \
	ROW(kfree_sized_middle_as_large, ALIGN, mm_kfree_sized(H, u.small + 16, LARGE, 0))                 \
	ROW(kfree_sized_large_tail_as_small, ALIGN, mm_kfree_sized(H, u.large + FRAME, 100, 0))            \
	ROW(kfree_sized_page_as_large, OWNER, mm_kfree_sized(H, u.page, 2 * FRAME, 0))                     \
	ROW(kfree_sized_of_another_heap_as_large, OWNER, mm_kfree_sized(H, u.alien, LARGE, 0))             \
	ROW(kfree_sized_static_as_large, FOREIGN, mm_kfree_sized(H, &statically, LARGE, 0))                \
	ROW(kfree_sized_spoilt, CORRUPT, mm_kfree_sized(H, u.spoilt, 40, 0))                               \
	ROW(kfree_sized_0, INVAL, mm_kfree_sized(H, u.small, 0, 0))                                        \
	ROW(kfree_sized_aligned_3, INVAL, mm_kfree_sized(H, u.small, 100, 3))                              \
	ROW(kfree_sized_without_heap, INVAL, mm_kfree_sized(NULL, u.small, 100, 0))                        \
	ROW(kfree_sized_before_init, STATE, mm_kfree_sized(&u.none, u.small, 100, 0))                      \
	ROW(realloc_spoilt, CORRUPT, mm_krealloc_st(H, u.spoilt, 100, 0, &u.out))                          \
	ROW(pool_free_spoilt, CORRUPT, mm_mempool_free(&u.lent, u.spoilt))                                 \
	ROW(destroy_pool_that_lends, BUSY, mm_mempool_destroy(&u.lent))                                    \
	ROW(destroy_pool_nothing, INVAL, mm_mempool_destroy(NULL))                                         \
	ROW(free_without_pool, INVAL, mm_mempool_free(NULL, u.object))                                     \
	ROW(pool_without_cache, INVAL, mm_mempool_init(&u.no_pool, NULL, u.list, 1, 0))                    \
	ROW(pool_without_places, INVAL, mm_mempool_init(&u.no_pool, u.a, NULL, 1, 0))                      \
	ROW(pool_unknown_flag, INVAL, mm_mempool_init(&u.no_pool, u.a, u.list, 1, 1u << 20))               \
	ROW(pool_beyond_quota, NOSPC, mm_mempool_init(&u.no_pool, u.denied, u.list, 1, 0))                 \
	ROW(prefill_without_cache, INVAL, mm_prefill_fill(&u.no_prefill, NULL, 1, 0))                      \
	ROW(prefill_without_handle, INVAL, mm_prefill_fill(NULL, u.a, 1, 0))                               \
	ROW(prefill_beyond_quota, NOSPC, mm_prefill_fill(&u.no_prefill, u.denied, 1, 0))                   \
	ROW(alloc_beyond_quota, NOSPC, mm_cache_alloc_st(u.denied, 0, &u.out))                             \
	ROW(bulk_beyond_quota, NOSPC, mm_cache_alloc_bulk(u.denied, 0, u.list, 3))                         \
	ROW(alloc_zeroed_of_constructed, INVAL, mm_cache_alloc_st(u.denied, MM_ALLOC_ZERO, &u.out))        \
	ROW(alloc_of_no_node, INVAL, mm_cache_alloc_st(u.a, MM_ALLOC_NODE(1), &u.out))                     \
	ROW(alloc_paddr_without_result, INVAL, mm_cache_alloc_paddr(u.a, 0, &u.out, NULL))                 \
	ROW(alloc_paddr_of_a_destroyed_cache, STATE, mm_cache_alloc_paddr(u.gone, 0, &u.out, &u.pa))       \
	ROW(bulk_free_to_a_destroyed_cache, STATE, mm_cache_free_bulk(u.gone, LIST(u.object), 1))          \
	ROW(shrink_without_cache, INVAL, mm_cache_shrink(NULL))                                            \
	ROW(shrink_a_destroyed_cache, STATE, mm_cache_shrink(u.gone))                                      \
	ROW(node_stats_without_result, INVAL, mm_cache_node_stats(u.a, 0, NULL))                           \
	ROW(node_stats_of_no_node, INVAL, mm_cache_node_stats(u.a, MM_NODES_MAX, &u.node_stats))           \
	ROW(node_stats_of_a_destroyed_cache, STATE, mm_cache_node_stats(u.gone, 0, &u.node_stats))         \
	/* flags */                                                                                        \
	ROW(kmalloc_unknown_flag, INVAL, mm_kmalloc_st(H, 8, 1u << 20, &u.out))                            \
	ROW(kmalloc_table, INVAL, mm_kmalloc_st(H, 8, MM_ALLOC_TABLE, &u.out))                             \
	ROW(kmalloc_of_a_zone, INVAL, mm_kmalloc_st(H, 8, MM_ALLOC_ZONE(0), &u.out))                       \
	ROW(alloc_unknown_flag, INVAL, mm_cache_alloc_st(u.a, 1u << 20, &u.out))                           \
	ROW(realloc_unknown_flag, INVAL, mm_krealloc_st(H, u.small, 8, 1u << 20, &u.out))                  \
	ROW(bulk_unknown_flag, INVAL, mm_cache_alloc_bulk(u.a, 1u << 20, u.list, 3))                       \
	ROW(prefill_unknown_flag, INVAL, mm_prefill_fill(&u.no_prefill, u.a, 1, 1u << 20))                 \
	/* caches */                                                                                       \
	ROW(create_size_0, INVAL, mm_cache_create(H, CFG(.size = 0), (void *)&u.out))                      \
	ROW(create_too_large, INVAL, mm_cache_create(H, CFG(.size = 32769), (void *)&u.out))               \
	ROW(create_size_max, INVAL, mm_cache_create(H, CFG(.size = SIZE_MAX), (void *)&u.out))             \
	ROW(create_align_3, INVAL, mm_cache_create(H, CFG(.size = 8, .align = 3), (void *)&u.out))         \
	ROW(create_align_top_bit, INVAL,                                                                   \
	    mm_cache_create(H, CFG(.size = 8, .align = SIZE_MAX / 2 + 1), (void *)&u.out))                 \
	ROW(create_unknown_flag, INVAL, mm_cache_create(H, CFG(.size = 8, .flags = 1u << 30), (void *)&u.out)) \
	ROW(create_quota_of_a_byte, INVAL, mm_cache_create(H, CFG(.size = 8, .quota = 1), (void *)&u.out)) \
	ROW(create_without_result, INVAL, mm_cache_create(H, CFG(.size = 8), NULL))                        \
	ROW(create_without_configuration, INVAL, mm_cache_create(H, NULL, (void *)&u.out))                 \
	ROW(create_without_heap, INVAL, mm_cache_create(NULL, CFG(.size = 8), (void *)&u.out))             \
	ROW(create_before_init, STATE, mm_cache_create(&u.none, CFG(.size = 8), (void *)&u.out))           \
	ROW(destroy_with_objects, BUSY, mm_cache_destroy(u.a))                                             \
	ROW(destroy_twice, STATE, mm_cache_destroy(u.gone))                                                \
	ROW(destroy_class_of_kmalloc, INVAL, mm_cache_destroy(&heap.caches[0]))                            \
	ROW(destroy_nothing, INVAL, mm_cache_destroy(NULL))                                                \
	ROW(alloc_of_a_destroyed_cache, STATE, mm_cache_alloc_st(u.gone, 0, &u.out))                       \
	ROW(free_to_a_destroyed_cache, STATE, mm_cache_free(u.gone, u.object))                             \
	ROW(free_null_to_a_destroyed_cache, STATE, mm_cache_free(u.gone, NULL))                            \
	ROW(bulk_of_a_destroyed_cache, STATE, mm_cache_alloc_bulk(u.gone, 0, u.list, 3))                   \
	ROW(prefill_of_a_destroyed_cache, STATE, mm_prefill_fill(&u.no_prefill, u.gone, 1, 0))             \
	ROW(pool_of_a_destroyed_cache, STATE, mm_mempool_init(&u.no_pool, u.gone, u.list, 1, 0))           \
	ROW(stats_of_a_destroyed_cache, STATE, mm_cache_stats(u.gone, &u.stats))                           \
	ROW(verify_a_destroyed_cache, STATE, mm_cache_verify(u.gone))                                      \
	ROW(prefill_of_another_cache, INVAL, mm_prefill_fill(&u.prefill, u.b, 1, 0))                       \
	ROW(destroy_pool_that_is_none, STATE, mm_mempool_destroy(&u.no_pool))                              \
	ROW(free_to_no_pool, STATE, mm_mempool_free(&u.no_pool, u.object))                                 \
	/* heaps */                                                                                        \
	ROW(init_without_cpus, INVAL, mm_heap_init(&u.none, &pmm, 0))                                      \
	ROW(init_with_too_many_cpus, NOMEM, mm_heap_init(&u.none, &pmm, UINT32_MAX))                       \
	ROW(init_without_frames, INVAL, mm_heap_init(&u.none, NULL, 1))                                    \
	ROW(init_nothing, INVAL, mm_heap_init(NULL, &pmm, 1))                                              \
	ROW(init_before_frames, STATE, mm_heap_init(&u.none, &(struct mm_pmm){ 0 }, 1))                    \
	ROW(heap_destroy_with_objects, BUSY, mm_heap_destroy(H))                                           \
	ROW(heap_destroy_before_init, STATE, mm_heap_destroy(&u.none))                                     \
	ROW(heap_destroy_nothing, INVAL, mm_heap_destroy(NULL))                                            \
	ROW(kmalloc_before_init, STATE, mm_kmalloc_st(&u.none, 8, 0, &u.out))                              \
	ROW(kmalloc_without_heap, INVAL, mm_kmalloc_st(NULL, 8, 0, &u.out))                                \
	ROW(kmalloc_without_result, INVAL, mm_kmalloc_st(H, 8, 0, NULL))                                   \
	ROW(kfree_before_init, STATE, mm_kfree(&u.none, u.small))                                          \
	ROW(kfree_without_heap, INVAL, mm_kfree(NULL, u.small))                                            \
	ROW(realloc_before_init, STATE, mm_krealloc_st(&u.none, NULL, 8, 0, &u.out))                       \
	ROW(realloc_without_result, INVAL, mm_krealloc_st(H, u.small, 8, 0, NULL))                         \
	ROW(array_before_init, STATE, mm_kmalloc_array_st(&u.none, 1, 8, 0, &u.out))                       \
	ROW(aligned_before_init, STATE, mm_kmalloc_aligned_st(&u.none, 8, 64, 0, &u.out))                  \
	ROW(alloc_without_cache, INVAL, mm_cache_alloc_st(NULL, 0, &u.out))                                \
	ROW(alloc_without_result, INVAL, mm_cache_alloc_st(u.a, 0, NULL))                                  \
	ROW(free_without_cache, INVAL, mm_cache_free(NULL, u.object))                                      \
	ROW(bulk_without_room, INVAL, mm_cache_alloc_bulk(u.a, 0, NULL, 3))                                \
	ROW(bulk_free_without_list, INVAL, mm_cache_free_bulk(u.a, NULL, 3))                               \
	ROW(stats_without_result, INVAL, mm_cache_stats(u.a, NULL))                                        \
	ROW(stats_without_cache, INVAL, mm_cache_stats(NULL, &u.stats))                                    \
	ROW(verify_without_cache, INVAL, mm_cache_verify(NULL))                                            \
	ROW(cpu_unknown, INVAL, mm_heap_cpu_online(H, NCPUS))                                              \
	ROW(cpu_before_init, STATE, mm_heap_cpu_online(&u.none, 0))                                        \
	ROW(cpu_offline_unknown, INVAL, mm_heap_cpu_offline(H, NCPUS))                                     \
	ROW(drain_before_init, STATE, mm_heap_drain(&u.none))                                              \
	ROW(shrink_before_init, STATE, mm_heap_shrink(&u.none))                                            \
	ROW(cpu_offline_in_a_call, BUSY, mm_heap_cpu_offline(stopped(), 1))                                \
	ROW(cpu_offline_before_init, STATE, mm_heap_cpu_offline(&u.none, 0))                               \
	ROW(cpu_stats_unknown, INVAL, mm_heap_cpu_stats(H, NCPUS, &u.cpu))                                 \
	ROW(cpu_stats_before_init, STATE, mm_heap_cpu_stats(&u.none, 0, &u.cpu))                           \
	ROW(drain_nothing, INVAL, mm_heap_drain(NULL))                                                     \
	ROW(shrink_nothing, INVAL, mm_heap_shrink(NULL))                                                   \
	ROW(trim_nothing, INVAL, mm_heap_trim(NULL, &u.n))                                                 \
	ROW(trim_before_init, STATE, mm_heap_trim(&u.none, &u.n))                                          \
	ROW(reap_nothing, INVAL, mm_heap_reap(NULL, &u.n))                                                 \
	ROW(reap_before_init, STATE, mm_heap_reap(&u.none, &u.n))                                          \
	ROW(reclaim_nothing, INVAL, mm_heap_reclaim(NULL, 1, &u.n))                                        \
	ROW(reclaim_without_result, INVAL, mm_heap_reclaim(H, 1, NULL))                                    \
	ROW(reclaim_before_init, STATE, mm_heap_reclaim(&u.none, 1, &u.n))                                 \
	ROW(heap_stats_without_result, INVAL, mm_heap_stats(H, NULL))                                      \
	ROW(heap_stats_before_init, STATE, mm_heap_stats(&u.none, &u.all))                                 \
	ROW(heap_verify_nothing, INVAL, mm_heap_verify(NULL))                                              \
	ROW(heap_verify_before_init, STATE, mm_heap_verify(&u.none))                                       \
	ROW(paddr_without_result, INVAL, mm_heap_paddr(H, u.small, NULL))                                  \
	ROW(paddr_before_init, STATE, mm_heap_paddr(&u.none, u.small, &u.pa))                              \
	ROW(paddr_of_static, FOREIGN, mm_heap_paddr(H, &statically, &u.pa))                                \
	/* owners */                                                                                       \
	ROW(note_owners_with_objects, BUSY, mm_heap_note_owners(H))                                        \
	ROW(note_owners_nothing, INVAL, mm_heap_note_owners(NULL))                                         \
	ROW(note_owners_before_init, STATE, mm_heap_note_owners(&u.none))                                  \
	ROW(owner_without_result, INVAL, mm_heap_owner(H, u.noted, NULL))                                  \
	ROW(owner_before_init, STATE, mm_heap_owner(&u.none, u.noted, &u.owner))                           \
	ROW(owner_where_none_is_noted, NOTSUP, mm_heap_owner(H, u.small, &u.owner))                        \
	ROW(owner_of_static, FOREIGN, mm_heap_owner(H, &statically, &u.owner))                             \
	ROW(owner_of_page, OWNER, mm_heap_owner(H, u.page, &u.owner))                                      \
	ROW(owner_of_middle, ALIGN, mm_heap_owner(H, u.noted + 8, &u.owner))                               \
	ROW(owner_of_freed, DOUBLE_FREE, mm_heap_owner(H, u.was_noted, &u.owner))                          \
	ROW(set_owner_of_freed, DOUBLE_FREE, mm_heap_set_owner(H, u.was_noted, 1))                         \
	ROW(set_owner_of_middle, ALIGN, mm_heap_set_owner(H, u.noted + 8, 1))                              \
	ROW(set_owner_of_another_heap, OWNER, mm_heap_set_owner(H, u.alien, 1))                            \
	ROW(set_owner_before_init, STATE, mm_heap_set_owner(&u.none, u.noted, 1))                          \
	ROW(leaks_without_result, INVAL, mm_heap_leaks(H, u.leaks, 1, NULL, &u.leak))                      \
	ROW(leaks_before_init, STATE, mm_heap_leaks(&u.none, u.leaks, 1, &u.n, &u.leak))                   \
	ROW(cache_leaks_without_result, INVAL, mm_cache_leaks(u.telling, u.leaks, 1, NULL, &u.leak))       \
	ROW(cache_leaks_of_a_destroyed_cache, STATE, mm_cache_leaks(u.gone, u.leaks, 1, &u.n, &u.leak))    \
	ROW(cache_leaks_where_none_is_noted, NOTSUP, mm_cache_leaks(u.a, u.leaks, 1, &u.n, &u.leak))       \
	ROWS_WRITTEN(ROW)

#if MM_HARDEN & MM_HARDEN_CANARY
#define ROWS_WRITTEN(ROW)                                                                                  \
	ROW(kfree_large_written_over_its_end, CORRUPT, mm_kfree(H, u.written))                             \
	ROW(kfree_sized_large_written_over_its_end, CORRUPT, mm_kfree_sized(H, u.written, LARGE, 0))       \
	ROW(realloc_large_written_over_its_end, CORRUPT, mm_krealloc_st(H, u.written, 100, 0, &u.out))
#else
#define ROWS_WRITTEN(ROW)
#endif

static mm_paddr_t frame_of(const void *p)
{
	return sim.base + ((mm_paddr_t)((const unsigned char *)p - sim.host) & ~(MM_FRAME_SIZE - 1));
}

/* The heap, of which a CPU stopped in the middle of a call. */
static struct mm_heap *stopped(void)
{
	heap.cpus[1].busy = !MM_LOCAL_FREE;
	return &heap;
}

ROWS(ROW_CALL)
static struct row rows[] = { ROWS(ROW_ENTRY) };

/* Allocate one and free it. */
static unsigned char *lost(struct mm_cache *cache, size_t size)
{
	unsigned char *p = cache ? mm_cache_alloc(cache, 0) : mm_kmalloc(&heap, size, 0);

	assert_non_null(p);
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
	return p;
}

static unsigned char *filled(void *p, size_t n)
{
	assert_non_null(p);
	fill(p, n, 5);
	return p;
}

static void set_up_pages(void)
{
	mm_paddr_t pa;

	assert_int_equal(mm_page_alloc(&pmm, 1, 0, &pa), MM_OK);
	u.page = filled(sim_to_virt(&sim, pa), FRAME);
	assert_int_equal(mm_page_alloc(&pmm, 0, MM_ALLOC_TABLE, &pa), MM_OK);
	u.table = filled(sim_to_virt(&sim, pa), FRAME);
	assert_int_equal(mm_page_alloc(&pmm, 0, 0, &pa), MM_OK);
	u.free = sim_to_virt(&sim, pa);
	assert_int_equal(mm_page_free(&pmm, pa, 0), MM_OK);
	u.meta = (unsigned char *)pmm.ranges;
}

static void set_up_guarded(void)
{
	struct mm_guard_cfg cfg = { .bytes = 8 * FRAME };

	assert_int_equal(mm_page_alloc(&pmm, 3, 0, &cfg.pa), MM_OK);
	cfg.base = u.pages = sim_to_virt(&sim, cfg.pa);
	assert_int_equal(mm_guard_init(&heap, &cfg), MM_OK);
	u.was_guarded = lost(u.watched, 0);
	u.guarded = filled(mm_cache_alloc(u.watched, 0), 40);
	u.spoilt = filled(mm_cache_alloc(u.watched, 0), 40);
	u.spoilt[mm_ksize(&heap, u.spoilt) + 20] = 1;
	assert_int_equal(mm_mempool_init(&u.lent, u.watched, &u.lent_place, 1, 0), MM_OK);
	assert_non_null(u.taken = mm_mempool_take(&u.lent));
}

static bool refuse(void *ctx, size_t bytes)
{
	(void)ctx;
	(void)bytes;
	return false;
}

static void forgo(void *ctx, size_t bytes)
{
	(void)ctx;
	(void)bytes;
}

static void construct(void *ctx, void *p)
{
	(void)ctx;
	*(unsigned char *)p = 1;
}

/* Caches that do more: one's slabs are not admitted, one notes owners. */
static void set_up_caches(void)
{
	static const struct mm_cache_hooks hooks = { .ctor = construct, .charge = refuse, .uncharge = forgo };

	assert_int_equal(mm_cache_create(&heap, CFG(.size = 48, .hooks = &hooks), &u.denied), MM_OK);
	assert_int_equal(mm_cache_create(&heap, CFG(.size = 48, .flags = MM_CACHE_OWNERS), &u.telling), MM_OK);
	u.was_noted = lost(u.telling, 0);
	u.noted = filled(mm_cache_alloc(u.telling, 0), 48);
	if (u.noted == u.was_noted) { /* another one */
		assert_non_null(u.was_noted = mm_cache_alloc(u.telling, 0));
		assert_int_equal(mm_cache_free(u.telling, u.was_noted), MM_OK);
	}
}

static void set_up(void)
{
	void *more[MORE];

	memset(&u, 0, sizeof(u));
	u.a = make_cache(48, 0);
	u.b = make_cache(48, 0);
	assert_int_equal(mm_cache_create(&heap, CFG(.size = 40, .flags = MM_CACHE_GUARD), &u.watched), MM_OK);
	set_up_caches();
	u.gone = make_cache(48, 0);
	assert_int_equal(mm_cache_destroy(u.gone), MM_OK);
	assert_int_equal(mm_heap_init(&u.other, &pmm, NCPUS), MM_OK);
	u.alien = filled(mm_kmalloc(&u.other, 100, 0), 100);
	u.alien_large = filled(mm_kmalloc(&u.other, LARGE, 0), LARGE);
	u.small = filled(mm_kmalloc(&heap, 100, 0), 100);
	u.large = filled(mm_kmalloc(&heap, LARGE, 0), LARGE);
	u.huge = filled(mm_kmalloc(&heap, 20 * FRAME, 0), 20 * FRAME);
	u.written = filled(mm_kmalloc(&heap, LARGE, 0), LARGE);
	if (MM_HARDEN & MM_HARDEN_CANARY)
		u.written[mm_ksize(&heap, u.written)] ^= 1;
	assert_non_null(mm_cache_alloc(u.a, 0)); /* so that there is something before the next one */
	u.object = filled(mm_cache_alloc(u.a, 0), 48);
	u.neighbour = filled(mm_cache_alloc(u.a, 0), 48);
	u.was_long_ago = mm_cache_alloc(u.a, 0);
	for (unsigned i = 0; i < MORE; i++)
		assert_non_null(more[i] = mm_cache_alloc(u.a, 0));
	assert_int_equal(mm_cache_free(u.a, u.was_long_ago), MM_OK);
	for (unsigned i = 0; i < MORE; i++)
		assert_int_equal(mm_cache_free(u.a, more[i]), MM_OK);
	assert_int_equal(mm_mempool_init(&u.pool, u.a, u.places, 2, 0), MM_OK);
	assert_int_equal(mm_prefill_fill(&u.prefill, u.a, 2, 0), MM_OK);
	u.was_slab = lost(u.b, 0);
	assert_int_equal(mm_heap_shrink(&heap), MM_OK);
	assert_int_equal(mm_heap_drain(&heap), MM_OK);
	set_up_pages();
	set_up_guarded();
	u.was_large = lost(NULL, LARGE);
	u.was = lost(NULL, 100);
	u.was_object = lost(u.a, 0);
}

static void contents_are_whole(void)
{
	check(u.small, 100, 5);
	check(u.alien, 100, 5);
	check(u.alien_large, LARGE, 5);
	check(u.large, LARGE, 5);
	check(u.written, LARGE, 5);
	check(u.huge, 20 * FRAME, 5);
	check(u.object, 48, 5);
	check(u.guarded, 40, 5);
	check(u.noted, 48, 5);
	check(u.spoilt, 40, 5);
	check(u.neighbour, 48, 5);
	check(u.page, FRAME, 5);
	check(u.table, FRAME, 5);
}

/* Objects and bytes of all caches, and frames. */
static uint64_t counts(void)
{
	struct mm_cache_stats s;
	uint64_t hash = pmm_state_hash(&pmm);
	uint32_t it = 0;

	for (struct mm_cache *c; (c = mm_cache_next(&heap, &it)) != NULL;) {
		size_t n[3];

		assert_int_equal(mm_cache_stats(c, &s), MM_OK);
		n[0] = s.used;
		n[1] = s.slabs;
		n[2] = s.bytes;
		hash = sim_hash(hash, n, sizeof(n));
	}
	return hash;
}

/* One row, with objects at hand and with all of them at home. */
static void answered_and_nothing_changed(void **state)
{
	const struct row *row = *state;
	uint64_t hash;

	for (unsigned home = 0; home < (sim_is_slow() ? 1u : 2u); home++) {
		start(NULL);
		set_up();
		if (home)
			assert_int_equal(mm_heap_drain(&heap), MM_OK);
		assert_int_equal(mm_pmm_drain(&pmm), MM_OK);
		hash = counts();
		for (unsigned again = 0; again < 2; again++) {
			assert_int_equal(row->call(), row->status);
			heap.cpus[1].busy = MM_LOCAL_FREE;
			assert_null(u.out);
			assert_null(u.list[0]);
			assert_null(u.none.pmm);
			assert_null(u.no_prefill.cache);
			assert_null(u.no_pool.cache);
			assert_int_equal(mm_pmm_drain(&pmm), MM_OK);
			contents_are_whole();
			verify_all();
		}
		assert_int_equal(mm_kfree(&heap, u.object), MM_OK); /* it is still what it was */
		assert_non_null(mm_cache_alloc(u.a, 0));
		assert_int_equal(mm_pmm_drain(&pmm), MM_OK);
		/* those drain, or leave a descriptor for a slab that was not admitted */
		if (row->status != MM_E_NOMEM && row->status != MM_E_BUSY && row->status != MM_E_NOSPC)
			assert_true(counts() == hash);
		sim_destroy(&sim);
	}
}

int main(void)
{
	return ROWS_RUN("slab rows", rows, NULL, NULL);
}
