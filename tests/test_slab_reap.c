/* SPDX-License-Identifier: MIT */
/* Memory that nobody needs goes back: ticks, memory pressure, one cache alone. And where objects are for a
 * device. */
#include "slab_box.h"
#include "hook.h"
#include "slab/slab.h"

static void *p[MAX_LIVE];

static void burst(struct mm_cache *cache, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_non_null(p[i] = mm_cache_alloc(cache, 0));
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(mm_cache_free(cache, p[i]), MM_OK);
}

static size_t frames_used(void)
{
	struct mm_pmm_stats s;

	assert_int_equal(mm_pmm_drain(&pmm), MM_OK);
	assert_int_equal(mm_pmm_stats(&pmm, 0, &s), MM_OK);
	return (size_t)s.used;
}

static void a_tick_takes_what_was_not_needed(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(512, 0);
	size_t went = 1, first, sum = 0, before = 0;

	burst(cache, 4000);
	first = stats(cache).slabs;
	assert_true(first > 20);
	assert_int_equal(mm_heap_reap(&heap, &went), MM_OK); /* it was needed in this time */
	assert_int_equal(went, 0);
	assert_int_equal(stats(cache).slabs, first);
	before = frames_used();
	for (unsigned tick = 0; tick < 3; tick++) {
		assert_int_equal(mm_heap_reap(&heap, &went), MM_OK);
		sum += went;
	}
	assert_true(stats(cache).slabs < first / 4); /* two magazines are at hand */
	assert_int_equal(sum, (first - stats(cache).slabs) << cache->order);
	assert_true(frames_used() <= before - sum);
	assert_int_equal(mm_heap_reap(&heap, NULL), MM_OK);
	verify_all();
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* A working set that comes again within each tick stays. */
static void a_tick_leaves_what_is_needed(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(512, 0);
	size_t went, slabs = 0;

	for (unsigned tick = 0; tick < 6; tick++) {
		burst(cache, 700);
		if (tick >= 3)
			assert_int_equal(stats(cache).slabs, slabs);
		assert_int_equal(mm_heap_reap(&heap, &went), MM_OK);
		if (tick >= 3)
			assert_int_equal(went, 0);
		slabs = stats(cache).slabs;
	}
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void under_pressure_it_goes_until_it_is_enough(void **state)
{
	(void)state;
	struct mm_cache *a = make_cache(512, 0), *b = make_cache(1024, 0);
	size_t got = 0, all = 0, before;

	burst(a, 3000);
	burst(b, 1500);
	assert_int_equal(mm_heap_reclaim(&heap, 0, &got), MM_OK);
	assert_int_equal(got, 0);
	before = (stats(a).bytes + stats(b).bytes) / MM_FRAME_SIZE;
	assert_int_equal(mm_heap_reclaim(&heap, 1, &got), MM_OK);
	assert_true(got >= 1);
	all += got;
	assert_true(stats(a).slabs == 0 || stats(b).slabs > 0); /* one cache was enough */
	assert_int_equal(mm_heap_reclaim(&heap, SIZE_MAX, &got), MM_OK);
	all += got;
	assert_int_equal(all, before); /* what was at hand on this CPU too */
	assert_int_equal(stats(a).slabs + stats(b).slabs, 0);
	verify_all();
	assert_int_equal(mm_cache_destroy(a), MM_OK);
	assert_int_equal(mm_cache_destroy(b), MM_OK);
}

static void what_is_used_stays(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(512, 0), *other = make_cache(512, 0);
	unsigned char *one;
	size_t got;

	burst(cache, 1000);
	burst(other, 1000);
	assert_non_null(one = mm_cache_alloc(cache, 0));
	fill(one, 512, 3);
	assert_int_equal(mm_cache_shrink(cache), MM_OK);
	assert_int_equal(stats(cache).slabs, 1);
	assert_true(stats(other).slabs > 0);
	assert_int_equal(mm_heap_reclaim(&heap, SIZE_MAX, &got), MM_OK);
	assert_int_equal(stats(cache).slabs, 1);
	check(one, 512, 3);
	assert_int_equal(mm_cache_free(cache, one), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	assert_int_equal(mm_cache_destroy(other), MM_OK);
	assert_int_equal(mm_cache_shrink(cache), MM_E_STATE);
}

static void memory_that_stays_is_left_alone(void **state)
{
	(void)state;
	const struct mm_cache_cfg cfg = { .name = "stable", .size = 512, .flags = MM_CACHE_KEEP };
	struct mm_cache *cache = NULL;
	size_t slabs, got;

	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_OK);
	burst(cache, 2000);
	slabs = stats(cache).slabs;
	for (unsigned tick = 0; tick < 4; tick++)
		assert_int_equal(mm_heap_reap(&heap, NULL), MM_OK);
	assert_int_equal(mm_heap_reclaim(&heap, SIZE_MAX, &got), MM_OK);
	assert_int_equal(mm_cache_shrink(cache), MM_OK);
	assert_int_equal(stats(cache).slabs, slabs);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void a_device_is_told_where_objects_are(void **state)
{
	(void)state;
	const struct mm_cache_cfg cfg = { .name = "ring", .size = 192, .align = 64, .quota = 4 * MM_FRAME_SIZE };
	struct mm_cache *cache = NULL;
	mm_paddr_t pa = 0;
	void *q = NULL, *large = mm_kmalloc(&heap, LARGE, 0);
	unsigned n = 0;

	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_OK);
	while (mm_cache_alloc_paddr(cache, 0, &q, &pa) == MM_OK) {
		assert_ptr_equal(sim_to_virt(&sim, pa), q);
		assert_ptr_equal(sim_to_virt(&sim, pa + 191), (char *)q + 191);
		assert_int_equal(pa % 64, 0);
		p[n++] = q;
	}
	assert_int_equal(n, stats(cache).objects);
	pa = 7;
	q = &pa;
	assert_int_equal(mm_cache_alloc_paddr(cache, 0, &q, &pa), MM_E_NOSPC);
	assert_int_equal(mm_cache_alloc_paddr(cache, 0, &q, NULL), MM_E_INVAL);
	assert_int_equal(mm_cache_alloc_paddr(NULL, 0, &q, &pa), MM_E_INVAL);
	assert_true(pa == 7 && q == &pa);
	assert_int_equal(mm_cache_destroy(cache), MM_E_BUSY); /* blocks are in use */
	assert_int_equal(mm_heap_paddr(&heap, (char *)large + 5000, &pa), MM_OK);
	assert_ptr_equal(sim_to_virt(&sim, pa), (char *)large + 5000);
	assert_int_equal(mm_heap_paddr(&heap, &q, &pa), MM_E_FOREIGN);
	assert_int_equal(mm_heap_paddr(NULL, p, &pa), MM_E_INVAL);
	assert_int_equal(mm_heap_paddr(&heap, p, NULL), MM_E_INVAL);
	assert_int_equal(mm_heap_paddr(&(struct mm_heap){ 0 }, p, &pa), MM_E_STATE);
	while (n-- > 0)
		assert_int_equal(mm_cache_free(cache, p[n]), MM_OK);
	assert_int_equal(mm_kfree(&heap, large), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void wrong_arguments_are_answered(void **state)
{
	(void)state;
	struct mm_heap none = { 0 };
	size_t got = 3;

	assert_int_equal(mm_heap_reap(NULL, NULL), MM_E_INVAL);
	assert_int_equal(mm_heap_reap(&none, &got), MM_E_STATE);
	assert_int_equal(mm_heap_reclaim(NULL, 1, &got), MM_E_INVAL);
	assert_int_equal(mm_heap_reclaim(&heap, 1, NULL), MM_E_INVAL);
	assert_int_equal(mm_heap_reclaim(&none, 1, &got), MM_E_STATE);
	assert_int_equal(mm_cache_shrink(NULL), MM_E_INVAL);
	assert_int_equal(got, 3);
}

#if MM_HOOKS
/* At each step of a CPU that empties all depots, another one fills one of them: its bound stays one. */
static unsigned steps, hit_at;
static struct mm_cache *filled;

static void fill_elsewhere(void)
{
	if (locks || ++steps != hit_at)
		return;
	sim_step = NULL;
	sim_cpu = 1;
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(mm_cache_free(filled, p[i]), MM_OK);
	sim_cpu = 0;
}

static void the_bound_of_a_depot_stays_one(void **state)
{
	(void)state;
	filled = make_cache(4000, 0);
	for (hit_at = 1;; hit_at++) {
		enum mm_status st;

		for (unsigned i = 0; i < 200; i++)
			assert_non_null(p[i] = mm_cache_alloc(filled, 0));
		steps = 0;
		sim_step = fill_elsewhere;
		st = mm_heap_shrink(&heap);
		assert_true(st == MM_OK || st == MM_E_AGAIN);
		if (sim_step)
			break;
		for (unsigned tick = 0; tick < 3; tick++) {
			assert_int_equal(mm_heap_reap(&heap, NULL), MM_OK);
			assert_in_range(filled->depot_max, filled->depot_least, filled->depot_most);
		}
	}
	sim_step = NULL;
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(mm_cache_free(filled, p[i]), MM_OK);
	assert_true(hit_at > 100);
	assert_int_equal(mm_cache_destroy(filled), MM_OK);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		HEAP_TEST(a_tick_takes_what_was_not_needed),
		HEAP_TEST(a_tick_leaves_what_is_needed),
		HEAP_TEST(under_pressure_it_goes_until_it_is_enough),
		HEAP_TEST(what_is_used_stays),
		HEAP_TEST(memory_that_stays_is_left_alone),
		HEAP_TEST(a_device_is_told_where_objects_are),
		HEAP_TEST(wrong_arguments_are_answered),
#if MM_HOOKS
		HEAP_TEST(the_bound_of_a_depot_stays_one),
#endif
	};
	return cmocka_run_group_tests_name("slab_reap", tests, NULL, NULL);
}
