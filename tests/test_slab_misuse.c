/* SPDX-License-Identifier: MIT */
/* What callers do wrong with objects: every wrong free and every wrong argument is answered and changes
 * nothing. */
#include "slab_box.h"

#if MM_CHECKS >= 1
static void every_wrong_free_is_answered_and_changes_nothing(void **state)
{
	(void)state;
	struct mm_cache *a = make_cache(48, 0), *b = make_cache(48, 0);
	unsigned char *small = mm_kmalloc(&heap, 100, 0), *large = mm_kmalloc(&heap, LARGE, 0);
	unsigned char *object = mm_cache_alloc(a, 0), *was = mm_kmalloc(&heap, 100, 0);
	unsigned char *was_large = mm_kmalloc(&heap, LARGE, 0);
	mm_paddr_t page, table;
	int outside;

	assert_int_equal(mm_page_alloc(&pmm, 1, 0, &page), MM_OK);
	assert_int_equal(mm_page_alloc(&pmm, 0, MM_ALLOC_TABLE, &table), MM_OK);
	assert_int_equal(mm_kfree(&heap, was), MM_OK);
	assert_int_equal(mm_kfree(&heap, was_large), MM_OK);

	assert_int_equal(mm_kfree(&heap, NULL), MM_OK);
	assert_int_equal(mm_kfree(NULL, small), MM_E_INVAL);
	assert_int_equal(mm_kfree(&heap, was), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_kfree(&heap, was_large), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_kfree(&heap, &outside), MM_E_FOREIGN);
	assert_int_equal(mm_kfree(&heap, sim.host + sim.bytes), MM_E_FOREIGN);
	assert_int_equal(mm_kfree(&heap, small + 1), MM_E_ALIGN);
	assert_int_equal(mm_kfree(&heap, small + 16), MM_E_ALIGN);
	assert_int_equal(mm_kfree(&heap, large + 8), MM_E_ALIGN);
	assert_int_equal(mm_kfree(&heap, large + MM_FRAME_SIZE), MM_E_ALIGN);
	assert_int_equal(mm_kfree(&heap, sim_to_virt(&sim, page)), MM_E_OWNER);
	assert_int_equal(mm_kfree(&heap, sim_to_virt(&sim, page + MM_FRAME_SIZE)), MM_E_OWNER);
	assert_int_equal(mm_kfree(&heap, sim_to_virt(&sim, table)), MM_E_OWNER);
	assert_int_equal(mm_kfree(&heap, pmm.ranges), MM_E_OWNER);
	assert_int_equal(mm_page_free(&pmm, heap.cpus_pa, heap.cpus_order), MM_E_OWNER);
	assert_int_equal(mm_cache_free(a, NULL), MM_OK);
	assert_int_equal(mm_cache_free(NULL, object), MM_E_INVAL);
	assert_int_equal(mm_cache_free(b, object), MM_E_OWNER);
	assert_int_equal(mm_cache_free(a, small), MM_E_OWNER);
	assert_int_equal(mm_cache_free(a, large), MM_E_OWNER);
	assert_int_equal(mm_cache_free(a, object + 8), MM_E_ALIGN);
	assert_int_equal(mm_cache_free(a, &outside), MM_E_FOREIGN);
	assert_int_equal(mm_page_free(&pmm, sim.base + (mm_paddr_t)(small - sim.host), 0),
			 (small - sim.host) % (ptrdiff_t)MM_FRAME_SIZE ? MM_E_ALIGN : MM_E_OWNER);
	assert_int_equal(mm_page_free(&pmm, sim.base + (mm_paddr_t)(large - sim.host), 2),
			 MM_E_OWNER);
	assert_int_equal(mm_ksize(&heap, was), 0);
	assert_int_equal(mm_ksize(&heap, small + 1), 0);
	assert_int_equal(mm_ksize(&heap, &outside), 0);
	assert_int_equal(mm_ksize(&heap, NULL), 0);

	verify_all();
	assert_int_equal(mm_kfree(&heap, small), MM_OK);
	assert_int_equal(mm_kfree(&heap, large), MM_OK);
	assert_int_equal(mm_kfree(&heap, object), MM_OK); /* kfree knows every cache */
	assert_int_equal(mm_page_free(&pmm, page, 1), MM_OK);
	assert_int_equal(mm_page_free_table(&pmm, table), MM_OK);
	assert_int_equal(mm_cache_destroy(a), MM_OK);
	assert_int_equal(mm_cache_destroy(b), MM_OK);
}

static void another_heap_s_objects_are_not_taken(void **state)
{
	(void)state;
	struct mm_heap other = { 0 };
	struct mm_cache_cfg cfg = { .name = "theirs", .size = 64 };
	struct mm_cache *theirs, *ours = make_cache(64, 0);
	void *p, *q, *out = NULL;

	assert_int_equal(mm_heap_init(&other, &pmm, NCPUS), MM_OK);
	assert_int_equal(mm_cache_create(&other, &cfg, &theirs), MM_OK);
	assert_non_null(p = mm_kmalloc(&other, 100, 0));
	assert_non_null(q = mm_cache_alloc(theirs, 0));
	assert_int_equal(mm_kfree(&heap, p), MM_E_OWNER);
	assert_int_equal(mm_kfree(&heap, q), MM_E_OWNER);
	assert_int_equal(mm_cache_free(ours, q), MM_E_OWNER);
	assert_int_equal(mm_krealloc_st(&heap, p, 50, 0, &out), MM_E_OWNER);
	assert_int_equal(mm_ksize(&heap, p), 0);
	assert_null(out);
	assert_int_equal(mm_kfree(&other, p), MM_OK);
	assert_int_equal(mm_kfree(&other, q), MM_OK);
	assert_int_equal(mm_cache_destroy(ours), MM_OK);
	assert_int_equal(mm_heap_destroy(&other), MM_OK);
}

static void what_a_slab_does_not_use_is_no_object(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(96, 0); /* does not divide any slab */
	unsigned char *p = mm_cache_alloc(cache, 0), *end;
	size_t bytes = (size_t)MM_FRAME_SIZE << cache->order;

	assert_non_null(p);
	end = sim.host + ((size_t)(p - sim.host) / bytes + 1) * bytes;
	assert_int_equal(mm_cache_free(cache, end - bytes % 96), MM_E_ALIGN);
	assert_int_equal(mm_kfree(&heap, end - 1), MM_E_ALIGN);
	assert_int_equal(mm_kfree(&heap, p + 95), MM_E_ALIGN);
	assert_int_equal(mm_kfree(&heap, cache->meta), MM_E_OWNER);
	assert_int_equal(mm_kfree(&heap, cache->meta + 8), MM_E_OWNER);
	assert_int_equal(
		mm_page_free(&pmm, sim.base + (mm_paddr_t)(end - bytes - sim.host), cache->order),
		MM_E_OWNER);
	assert_int_equal(mm_cache_free(cache, p), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	assert_int_equal(mm_cache_alloc_st(cache, 0, (void **)&p), MM_E_STATE);
	assert_int_equal(mm_cache_free(cache, p), MM_E_STATE);
	assert_int_equal(mm_cache_destroy(cache), MM_E_STATE);
}

static void a_double_free_is_seen_after_many_others(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0);
	void *p[500];

	for (unsigned i = 0; i < 500; i++)
		assert_non_null(p[i] = mm_cache_alloc(cache, 0));
	for (unsigned i = 0; i < 500; i++)
		assert_int_equal(mm_cache_free(cache, p[i]), MM_OK);
	for (unsigned i = 0; i < 500; i++)
		assert_int_equal(mm_cache_free(cache, p[i]), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_heap_shrink(&heap), MM_OK);
	for (unsigned i = 0; i < 500; i++) /* the pages are gone */
		assert_int_equal(mm_cache_free(cache, p[i]), MM_E_DOUBLE_FREE);
	assert_int_equal(stats(cache).slabs, 0);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}
#endif

static void caches_refuse_bad_configurations(void **state)
{
	(void)state;
	struct mm_cache *cache = NULL;
	struct mm_cache_cfg cfg = { .name = "x", .size = 64 };
	struct mm_heap none = { 0 };
	void *p;

	assert_int_equal(mm_cache_create(NULL, &cfg, &cache), MM_E_INVAL);
	assert_int_equal(mm_cache_create(&heap, NULL, &cache), MM_E_INVAL);
	assert_int_equal(mm_cache_create(&heap, &cfg, NULL), MM_E_INVAL);
	assert_int_equal(mm_cache_create(&none, &cfg, &cache), MM_E_STATE);
	cfg.size = 0;
	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_E_INVAL);
	cfg.size = 32769;
	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_E_INVAL);
	cfg.size = SIZE_MAX;
	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_E_INVAL);
	cfg.size = 64;
	cfg.align = 3;
	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_E_INVAL);
	cfg.align = (size_t)MM_FRAME_SIZE * 2;
	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_E_INVAL);
	assert_null(cache);
	assert_int_equal(mm_cache_destroy(NULL), MM_E_INVAL);
	assert_int_equal(mm_cache_destroy(&heap.caches[0]), MM_E_INVAL);
	assert_int_equal(mm_cache_destroy(&heap.caches[100]), MM_E_STATE);
	assert_int_equal(mm_cache_alloc_st(&heap.caches[100], 0, &p), MM_E_STATE);
	assert_int_equal(mm_cache_free(&heap.caches[100], &p), MM_E_STATE);
	assert_int_equal(mm_kmalloc_st(&none, 8, 0, &p), MM_E_STATE);
	assert_int_equal(mm_kfree(&none, &p), MM_E_STATE);
	assert_int_equal(mm_krealloc_st(&none, NULL, 8, 0, &p), MM_E_STATE);
	assert_int_equal(mm_krealloc_st(&heap, NULL, 8, 1u << 30, &p), MM_E_INVAL);
	assert_int_equal(mm_krealloc_st(&heap, NULL, 8, 0, NULL), MM_E_INVAL);
	assert_int_equal(mm_krealloc_st(NULL, NULL, 8, 0, &p), MM_E_INVAL);
	assert_int_equal(mm_kmalloc_aligned_st(&none, 8, 64, 0, &p), MM_E_STATE);
	assert_int_equal(mm_kmalloc_array_st(&none, 1, 8, 0, &p), MM_E_STATE);
	assert_int_equal(mm_kmalloc_array_st(NULL, SIZE_MAX, 8, 0, &p), MM_E_INVAL);
	assert_int_equal(mm_ksize(&none, &p), 0);
	assert_int_equal(mm_ksize(NULL, &p), 0);
	assert_int_equal(mm_heap_drain(NULL), MM_E_INVAL);
	assert_int_equal(mm_heap_drain(&none), MM_E_STATE);
	assert_int_equal(mm_heap_shrink(NULL), MM_E_INVAL);
	assert_int_equal(mm_heap_shrink(&none), MM_E_STATE);
	assert_int_equal(mm_heap_destroy(NULL), MM_E_INVAL);
	assert_int_equal(mm_heap_destroy(&none), MM_E_STATE);
	assert_int_equal(mm_heap_cpu_online(&none, 0), MM_E_STATE);
	assert_int_equal(mm_heap_cpu_offline(&none, 0), MM_E_STATE);
	assert_int_equal(mm_heap_cpu_offline(NULL, 0), MM_E_INVAL);
	mm_heap_cpu_idle(&none);
	assert_int_equal(mm_cache_stats(NULL, &(struct mm_cache_stats){ 0 }), MM_E_INVAL);
	assert_int_equal(mm_cache_stats(&heap.caches[0], NULL), MM_E_INVAL);
	assert_int_equal(mm_cache_stats(&heap.caches[100], &(struct mm_cache_stats){ 0 }),
			 MM_E_STATE);
	assert_int_equal(mm_cache_alloc_st(NULL, 0, &p), MM_E_INVAL);
	assert_int_equal(mm_cache_alloc_st(&heap.caches[0], 0, NULL), MM_E_INVAL);
	assert_int_equal(mm_cache_alloc_st(&heap.caches[0], MM_ALLOC_TABLE, &p), MM_E_INVAL);
	assert_int_equal(mm_cache_alloc_st(&heap.caches[0], MM_ALLOC_ZONE(0), &p), MM_E_INVAL);
	assert_int_equal(mm_heap_init(NULL, &pmm, 1), MM_E_INVAL);
	assert_int_equal(mm_heap_init(&none, NULL, 1), MM_E_INVAL);
	assert_int_equal(mm_heap_init(&none, &pmm, 0), MM_E_INVAL);
	assert_int_equal(mm_heap_init(&none, &(struct mm_pmm){ 0 }, 1), MM_E_STATE);
	assert_int_equal(mm_heap_init(&none, &pmm, UINT32_MAX), MM_E_NOMEM);
	assert_null(none.pmm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#if MM_CHECKS >= 1
		HEAP_TEST(every_wrong_free_is_answered_and_changes_nothing),
		HEAP_TEST(another_heap_s_objects_are_not_taken),
		HEAP_TEST(what_a_slab_does_not_use_is_no_object),
		HEAP_TEST(a_double_free_is_seen_after_many_others),
#endif
		HEAP_TEST(caches_refuse_bad_configurations),
	};
	return cmocka_run_group_tests_name("slab misuse", tests, NULL, NULL);
}
