/* SPDX-License-Identifier: MIT */
/* What callers do wrong with tiny caches and region heaps, row by row: each row is a test of its own, has its documented
 * error, and changes no byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <mmlib/region.h>
#include <mmlib/tiny.h>
#include <string.h>
#include "rows.h"
#include "sim.h"

#define PAGE  256u
#define BYTES 4096u

/* A cache, another one, a heap, and what was lost. */
static struct {
	_Alignas(PAGE) unsigned char pages[4 * PAGE]; /* two of the first cache, one of the second, one of nobody */
	_Alignas(64) unsigned char memory[BYTES];    /* the heap's region, but for 64 bytes at either end */
	struct mm_tiny t, other, none, new;
	struct mm_region_heap heap, empty;
	unsigned char *object, *was, *theirs;                  /* of caches */
	unsigned char *block, *was_block, *spoilt, *neighbour; /* of the heap; over the head of one somebody wrote */
	struct mm_tiny_stats stats;
	struct mm_region_stats region;
	void *out;
} u, before;

#define T      (&u.t)
#define HEAP   (&u.heap)
#define REGION (u.memory + 64)
#define CFG(...) &(const struct mm_tiny_cfg){ __VA_ARGS__ }
static int statically;

/* name, what must be answered, the call */
#define ROWS(ROW)                                                                                          \
	/* tiny: free */                                                                                   \
	ROW(tiny_free_null, OK, mm_tiny_free(T, NULL))                                                     \
	ROW(tiny_free_twice, DOUBLE_FREE, mm_tiny_free(T, u.was))                                          \
	ROW(tiny_free_static, FOREIGN, mm_tiny_free(T, &statically))                                       \
	ROW(tiny_free_address_1, FOREIGN, mm_tiny_free(T, (void *)1))                                      \
	ROW(tiny_free_last_address, FOREIGN, mm_tiny_free(T, (void *)UINTPTR_MAX))                         \
	ROW(tiny_free_of_another_cache, FOREIGN, mm_tiny_free(T, u.theirs))                                \
	ROW(tiny_free_behind_its_pages, FOREIGN, mm_tiny_free(T, u.pages + 3 * PAGE + 40))                 \
	ROW(tiny_free_second_byte, ALIGN, mm_tiny_free(T, u.object + 1))                                   \
	ROW(tiny_free_before, ALIGN, mm_tiny_free(T, u.object - 1))                                        \
	ROW(tiny_free_its_own, ALIGN, mm_tiny_free(T, u.pages))                                            \
	ROW(tiny_free_last_byte_of_a_page, ALIGN, mm_tiny_free(T, u.pages + PAGE - 1))                     \
	ROW(tiny_free_without_cache, INVAL, mm_tiny_free(NULL, u.object))                                  \
	ROW(tiny_free_before_init, STATE, mm_tiny_free(&u.none, u.object))                                 \
	/* tiny: set up */                                                                                 \
	ROW(tiny_size_0, INVAL, mm_tiny_init(&u.new, CFG(.size = 0, .page = PAGE)))                        \
	ROW(tiny_align_3, INVAL, mm_tiny_init(&u.new, CFG(.size = 8, .align = 3, .page = PAGE)))           \
	ROW(tiny_align_of_a_page, INVAL, mm_tiny_init(&u.new, CFG(.size = 8, .align = PAGE, .page = PAGE))) \
	ROW(tiny_align_top_bit, INVAL,                                                                     \
	    mm_tiny_init(&u.new, CFG(.size = 8, .align = SIZE_MAX / 2 + 1, .page = PAGE)))                 \
	ROW(tiny_page_0, INVAL, mm_tiny_init(&u.new, CFG(.size = 8, .page = 0)))                           \
	ROW(tiny_page_too_small, INVAL, mm_tiny_init(&u.new, CFG(.size = 8, .page = 32)))                  \
	ROW(tiny_page_no_power_of_two, INVAL, mm_tiny_init(&u.new, CFG(.size = 8, .page = 384)))           \
	ROW(tiny_page_too_large, INVAL, mm_tiny_init(&u.new, CFG(.size = 8, .page = 131072)))              \
	ROW(tiny_object_of_a_page, NOSPC, mm_tiny_init(&u.new, CFG(.size = PAGE, .page = PAGE)))           \
	ROW(tiny_object_of_max, NOSPC, mm_tiny_init(&u.new, CFG(.size = SIZE_MAX, .page = PAGE)))          \
	ROW(tiny_without_configuration, INVAL, mm_tiny_init(&u.new, NULL))                                 \
	ROW(tiny_without_cache, INVAL, mm_tiny_init(NULL, CFG(.size = 8, .page = PAGE)))                   \
	ROW(tiny_add_again, EXIST, mm_tiny_add(T, u.pages, PAGE))                                          \
	ROW(tiny_add_what_overlaps, EXIST, mm_tiny_add(T, u.pages + PAGE, 3 * PAGE))                       \
	ROW(tiny_add_less_than_a_page, NOSPC, mm_tiny_add(T, u.pages + 3 * PAGE, PAGE - 1))                \
	ROW(tiny_add_no_whole_page, NOSPC, mm_tiny_add(T, u.memory + 1, 2 * PAGE - 2))                     \
	ROW(tiny_add_0, INVAL, mm_tiny_add(T, u.pages + 3 * PAGE, 0))                                      \
	ROW(tiny_add_what_wraps, INVAL, mm_tiny_add(T, u.pages + 3 * PAGE, SIZE_MAX))                      \
	ROW(tiny_add_null, INVAL, mm_tiny_add(T, NULL, PAGE))                                              \
	ROW(tiny_add_without_cache, INVAL, mm_tiny_add(NULL, u.pages + 3 * PAGE, PAGE))                    \
	ROW(tiny_add_before_init, STATE, mm_tiny_add(&u.none, u.pages + 3 * PAGE, PAGE))                   \
	/* tiny: the rest */                                                                               \
	ROW(tiny_alloc_without_result, INVAL, mm_tiny_alloc_st(T, NULL))                                   \
	ROW(tiny_alloc_without_cache, INVAL, mm_tiny_alloc_st(NULL, &u.out))                               \
	ROW(tiny_alloc_before_init, STATE, mm_tiny_alloc_st(&u.none, &u.out))                              \
	ROW(tiny_alloc_when_full, NOMEM, mm_tiny_alloc_st(&u.other, &u.out))                               \
	ROW(tiny_destroy_with_objects, BUSY, mm_tiny_destroy(T))                                           \
	ROW(tiny_destroy_nothing, INVAL, mm_tiny_destroy(NULL))                                            \
	ROW(tiny_destroy_before_init, STATE, mm_tiny_destroy(&u.none))                                     \
	ROW(tiny_shrink_an_array, NOTSUP, mm_tiny_shrink(T))                                               \
	ROW(tiny_shrink_nothing, INVAL, mm_tiny_shrink(NULL))                                              \
	ROW(tiny_shrink_before_init, STATE, mm_tiny_shrink(&u.none))                                       \
	ROW(tiny_stats_without_result, INVAL, mm_tiny_stats(T, NULL))                                      \
	ROW(tiny_stats_before_init, STATE, mm_tiny_stats(&u.none, &u.stats))                               \
	ROW(tiny_verify_nothing, INVAL, mm_tiny_verify(NULL))                                              \
	ROW(tiny_verify_before_init, STATE, mm_tiny_verify(&u.none))                                       \
	/* region: free */                                                                                 \
	ROW(region_free_null, OK, mm_region_free(HEAP, NULL))                                              \
	ROW(region_free_twice, DOUBLE_FREE, mm_region_free(HEAP, u.was_block))                             \
	ROW(region_free_second_byte, ALIGN, mm_region_free(HEAP, u.block + 1))                             \
	ROW(region_free_middle, ALIGN, mm_region_free(HEAP, u.block + MM_REGION_ALIGN))                    \
	ROW(region_free_last_byte, ALIGN, mm_region_free(HEAP, u.block + 99))                              \
	ROW(region_free_static, FOREIGN, mm_region_free(HEAP, &statically))                                \
	ROW(region_free_address_1, FOREIGN, mm_region_free(HEAP, (void *)1))                               \
	ROW(region_free_last_address, FOREIGN, mm_region_free(HEAP, (void *)UINTPTR_MAX))                  \
	ROW(region_free_its_own, FOREIGN, mm_region_free(HEAP, REGION))                                    \
	ROW(region_free_before_it, FOREIGN, mm_region_free(HEAP, u.memory))                                \
	ROW(region_free_behind_it, FOREIGN, mm_region_free(HEAP, u.memory + BYTES - 64))                   \
	ROW(region_free_spoilt, CORRUPT, mm_region_free(HEAP, u.spoilt))                                   \
	ROW(region_free_without_heap, INVAL, mm_region_free(NULL, u.block))                                \
	ROW(region_free_without_region, STATE, mm_region_free(&u.empty, u.block))                          \
	ROW(region_realloc_freed, DOUBLE_FREE, mm_region_realloc(HEAP, u.was_block, 0, 8, &u.out))         \
	ROW(region_realloc_middle, ALIGN, mm_region_realloc(HEAP, u.block + MM_REGION_ALIGN, 0, 8, &u.out)) \
	ROW(region_realloc_static, FOREIGN, mm_region_realloc(HEAP, &statically, 0, 8, &u.out))            \
	ROW(region_realloc_spoilt, CORRUPT, mm_region_realloc(HEAP, u.spoilt, 0, 8, &u.out))               \
	ROW(region_realloc_without_region, STATE, mm_region_realloc(&u.empty, u.block, 0, 8, &u.out))      \
	/* region: sizes */                                                                                \
	ROW(region_0, INVAL, mm_region_alloc_st(HEAP, 0, 0, &u.out))                                       \
	ROW(region_max, NOMEM, mm_region_alloc_st(HEAP, 0, SIZE_MAX, &u.out))                              \
	ROW(region_max_less_two, NOMEM, mm_region_alloc_st(HEAP, 0, SIZE_MAX - 2 * MM_REGION_ALIGN, &u.out)) \
	ROW(region_half_of_all, NOMEM, mm_region_alloc_st(HEAP, 0, SIZE_MAX / 2 + 1, &u.out))              \
	ROW(region_more_than_there_is, NOMEM, mm_region_alloc_st(HEAP, 0, BYTES, &u.out))                  \
	ROW(region_aligned_24, INVAL, mm_region_alloc_st(HEAP, 24, 8, &u.out))                             \
	ROW(region_aligned_max, INVAL, mm_region_alloc_st(HEAP, SIZE_MAX, 8, &u.out))                      \
	ROW(region_aligned_top_bit, NOMEM, mm_region_alloc_st(HEAP, SIZE_MAX / 2 + 1, 8, &u.out))          \
	ROW(region_without_result, INVAL, mm_region_alloc_st(HEAP, 0, 8, NULL))                            \
	ROW(region_without_heap, INVAL, mm_region_alloc_st(NULL, 0, 8, &u.out))                            \
	ROW(region_without_region, STATE, mm_region_alloc_st(&u.empty, 0, 8, &u.out))                      \
	ROW(region_realloc_to_0, INVAL, mm_region_realloc(HEAP, u.block, 0, 0, &u.out))                    \
	ROW(region_realloc_null_to_0, INVAL, mm_region_realloc(HEAP, NULL, 0, 0, &u.out))                  \
	ROW(region_realloc_to_max, NOMEM, mm_region_realloc(HEAP, u.block, 0, SIZE_MAX - 3, &u.out))       \
	ROW(region_realloc_aligned_12, INVAL, mm_region_realloc(HEAP, u.block, 12, 8, &u.out))             \
	ROW(region_realloc_without_result, INVAL, mm_region_realloc(HEAP, u.block, 0, 8, NULL))            \
	ROW(region_realloc_without_heap, INVAL, mm_region_realloc(NULL, u.block, 0, 8, &u.out))            \
	/* regions */                                                                                      \
	ROW(region_add_again, EXIST, mm_region_add(HEAP, REGION, BYTES - 128))                             \
	ROW(region_add_what_overlaps, EXIST, mm_region_add(HEAP, u.memory, 65))                            \
	ROW(region_add_inside, EXIST, mm_region_add(HEAP, REGION + 1000, 10))                              \
	ROW(region_add_too_small, NOSPC, mm_region_add(HEAP, u.memory, 64))                                \
	ROW(region_add_a_byte, NOSPC, mm_region_add(HEAP, u.memory, 1))                                    \
	ROW(region_add_0, INVAL, mm_region_add(HEAP, u.memory, 0))                                         \
	ROW(region_add_what_wraps, INVAL, mm_region_add(HEAP, u.memory, SIZE_MAX))                         \
	ROW(region_add_null, INVAL, mm_region_add(HEAP, NULL, BYTES))                                      \
	ROW(region_add_without_heap, INVAL, mm_region_add(NULL, u.memory, 64))                             \
	ROW(region_remove_with_blocks, BUSY, mm_region_remove(HEAP, REGION))                               \
	ROW(region_remove_another, NOENT, mm_region_remove(HEAP, REGION + 1))                              \
	ROW(region_remove_without_region, NOENT, mm_region_remove(&u.empty, REGION))                       \
	ROW(region_remove_null, INVAL, mm_region_remove(HEAP, NULL))                                       \
	ROW(region_remove_without_heap, INVAL, mm_region_remove(NULL, REGION))                             \
	ROW(region_stats_without_result, INVAL, mm_region_stats(HEAP, NULL))                               \
	ROW(region_stats_without_region, STATE, mm_region_stats(&u.empty, &u.region))                      \
	ROW(region_verify_nothing, INVAL, mm_region_verify(NULL))                                          \
	ROW(region_verify_spoilt, CORRUPT, mm_region_verify(HEAP))                                         \
	ROWS_OF_64_BITS(ROW)

#if UINTPTR_MAX > 0xffffffffu
#define ROWS_OF_64_BITS(ROW) ROW(region_add_too_large, RANGE, mm_region_add(HEAP, &u, (size_t)1 << 34))
#else
#define ROWS_OF_64_BITS(ROW)
#endif

ROWS(ROW_CALL)
static struct row rows[] = { ROWS(ROW_ENTRY) };

static int set_up(void **state)
{
	void *p;

	(void)state;
	memset(u.pages, 0xA5, sizeof(u.pages));
	memset(u.memory, 0xA5, sizeof(u.memory));
	assert_int_equal(mm_tiny_init(&u.t, CFG(.size = 24, .page = PAGE)), MM_OK);
	assert_int_equal(mm_tiny_init(&u.other, CFG(.size = 24, .page = PAGE)), MM_OK);
	assert_int_equal(mm_tiny_add(&u.t, u.pages, PAGE), MM_OK);
	assert_int_equal(mm_tiny_add(&u.other, u.pages + PAGE, PAGE), MM_OK);
	assert_int_equal(mm_tiny_add(&u.t, u.pages + 2 * PAGE, PAGE), MM_OK);
	assert_non_null(u.object = mm_tiny_alloc(&u.t));
	assert_non_null(u.was = mm_tiny_alloc(&u.t));
	assert_int_equal(mm_tiny_free(&u.t, u.was), MM_OK);
	while ((p = mm_tiny_alloc(&u.other)) != NULL)
		u.theirs = p;
	assert_int_equal(mm_region_add(&u.heap, REGION, BYTES - 128), MM_OK);
	assert_non_null(u.block = mm_region_alloc(&u.heap, 100));
	assert_non_null(u.was_block = mm_region_alloc(&u.heap, 100));
	assert_non_null(u.spoilt = mm_region_alloc(&u.heap, 100));
	assert_non_null(u.neighbour = mm_region_alloc(&u.heap, 100));
	assert_int_equal(mm_region_free(&u.heap, u.was_block), MM_OK);
	((uint32_t *)(void *)u.spoilt)[-1] = 0x41414141;
	before = u;
	return 0;
}

static void answered_and_nothing_changed(void **state)
{
	const struct row *row = *state;

	for (unsigned again = 0; again < 2; again++) {
		assert_int_equal(row->call(), row->status);
		assert_true(sim_same(&u, &before, sizeof(u)));
	}
}

int main(void)
{
	return ROWS_RUN("tiny rows", rows, set_up, NULL);
}
