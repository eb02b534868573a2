/* SPDX-License-Identifier: MIT */
/* Objects in reserve: prefilled handles and mempools give what they promise while memory is gone, and a free
 * of what waits in them is answered. */
#include "slab_box.h"
#include "hook.h"
#include "slab/fast.h"
#include <mmlib/reserve.h>

/* Take all memory there is; objects of this size are linked. */
static void **exhaust(size_t size)
{
	void **list = NULL, *p;

	for (; size >= 16; size /= 2)
		while (mm_kmalloc_st(&heap, size, 0, &p) == MM_OK) {
			*(void **)p = list;
			list = p;
		}
	return list;
}

static void release(void **list)
{
	while (list) {
		void **next = *list;

		assert_int_equal(mm_kfree(&heap, list), MM_OK);
		list = next;
	}
}

static void a_handle_gives_what_was_put_in(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(128, 0);
	struct mm_prefill h = { 0 };
	void *p[MM_PREFILL_MAX], **all;

	for (uint32_t n = 1; n <= MM_PREFILL_MAX; n += 6) {
		assert_int_equal(mm_prefill_fill(&h, cache, n, 0), MM_OK);
		assert_int_equal(mm_prefill_fill(&h, cache, 1, 0), MM_OK); /* has more */
		assert_int_equal(stats(cache).used, n);
		assert_int_equal(mm_cache_destroy(cache), MM_E_BUSY);
		all = exhaust(4096);
		for (uint32_t i = 0; i < n; i++) {
			unsigned locked = locks;

			assert_non_null(p[i] = mm_prefill_alloc(&h));
			assert_int_equal(locks, locked);
			fill(p[i], 128, i);
		}
		assert_null(mm_prefill_alloc(&h));
		release(all);
		for (uint32_t i = 0; i < n; i++) {
			check(p[i], 128, i);
			assert_int_equal(mm_cache_free(cache, p[i]), MM_OK);
		}
	}
	assert_int_equal(mm_prefill_fill(&h, cache, 20, 0), MM_OK);
	mm_prefill_return(&h);
	assert_int_equal(stats(cache).used, 0);
	mm_prefill_return(&h);
	mm_prefill_return(NULL);
	assert_null(mm_prefill_alloc(&h));
	assert_null(mm_prefill_alloc(NULL));
	verify_all();
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* A handle that was emptied still has its magazine. */
static void a_heap_does_not_go_before_its_handles(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(128, 0);
	struct mm_prefill h = { 0 };

	assert_int_equal(mm_prefill_fill(&h, cache, 1, 0), MM_OK);
	assert_int_equal(mm_cache_free(cache, mm_prefill_alloc(&h)), MM_OK);
	assert_int_equal(mm_heap_destroy(&heap), MM_E_BUSY);
	mm_prefill_return(&h);
	assert_int_equal(mm_heap_destroy(&heap), MM_OK);
}

static void what_a_handle_cannot_have_is_answered(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(128, 0), *other = make_cache(64, 0), *few = NULL;
	struct mm_cache_cfg cfg = { .name = "few", .size = HALF_KIB, .quota = MM_FRAME_SIZE };
	struct mm_prefill h = { 0 };
	uint32_t room = (uint32_t)MM_FRAME_SIZE / 512;

	assert_int_equal(mm_cache_create(&heap, &cfg, &few), MM_OK);
	assert_int_equal(mm_prefill_fill(NULL, cache, 1, 0), MM_E_INVAL);
	assert_int_equal(mm_prefill_fill(&h, NULL, 1, 0), MM_E_INVAL);
	assert_int_equal(mm_prefill_fill(&h, cache, 0, 0), MM_E_INVAL);
	assert_int_equal(mm_prefill_fill(&h, cache, MM_PREFILL_MAX + 1, 0), MM_E_INVAL);
	assert_int_equal(mm_prefill_fill(&h, cache, 1, MM_ALLOC_ZERO), MM_E_INVAL);
	assert_int_equal(mm_prefill_fill(&h, cache, 3, 0), MM_OK);
	assert_int_equal(mm_prefill_fill(&h, other, 1, 0), MM_E_INVAL);
	mm_prefill_return(&h);
	if (room < MM_PREFILL_MAX) {
		assert_int_equal(mm_prefill_fill(&h, few, room - 1, 0), MM_OK);
		assert_int_equal(mm_prefill_fill(&h, few, room + 1, 0), MM_E_NOSPC);
		assert_int_equal(stats(few).used, room - 1); /* as it was */
		mm_prefill_return(&h);
		assert_int_equal(mm_prefill_fill(&h, few, room + 1, 0), MM_E_NOSPC);
		assert_null(h.cache);
	}
	assert_int_equal(mm_cache_destroy(few), MM_OK);
	assert_int_equal(mm_prefill_fill(&h, few, 1, 0), MM_E_STATE);
	assert_int_equal(mm_cache_destroy(other), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* The last frames are at hand on another CPU: it is worth trying again, be it that a handle lacks a magazine. */
static void what_a_handle_may_have_later_is_told(void **state)
{
	(void)state;
	static mm_paddr_t eaten[RAM_FRAMES];
	struct mm_cache *cache = make_cache(128, 0);
	struct mm_prefill h = { 0 };
	mm_paddr_t pa;
	unsigned n = 0;

	sim_cpu = 1;
	assert_int_equal(mm_page_alloc(&pmm, 0, 0, &pa), MM_OK);
	sim_cpu = 0;
	while (mm_page_alloc(&pmm, 0, MM_ALLOC_ATOMIC, &eaten[n]) == MM_OK)
		n++;
	assert_int_equal(mm_page_alloc(&pmm, 0, MM_ALLOC_ATOMIC, &eaten[n]), MM_E_AGAIN);
	assert_int_equal(mm_prefill_fill(&h, cache, 1, MM_ALLOC_ATOMIC), MM_E_AGAIN);
	assert_null(h.cache);
	while (n > 0)
		assert_int_equal(mm_page_free(&pmm, eaten[--n], 0), MM_OK);
	assert_int_equal(mm_page_free(&pmm, pa, 0), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void a_reserve_lasts_when_memory_does_not(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(256, 0);
	struct mm_mempool pool = { 0 };
	void *places[8], *p[8], *q, **all;

	assert_int_equal(mm_mempool_init(&pool, cache, places, 8, 0), MM_OK);
	all = exhaust(4096);
	while ((q = mm_cache_alloc(cache, 0))) {
		*(void **)q = all;
		all = q;
	}
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 8; i++) {
			p[i] = i & 1 ? mm_mempool_alloc(&pool, MM_ALLOC_ZERO) : mm_mempool_take(&pool);
			assert_non_null(p[i]);
			for (unsigned k = 0; i & 1 && k < 256; k++)
				assert_int_equal(((unsigned char *)p[i])[k], 0);
			fill(p[i], 256, i);
		}
		assert_null(mm_mempool_alloc(&pool, 0));
		assert_null(mm_mempool_take(&pool));
		assert_int_equal(mm_mempool_destroy(&pool), MM_E_BUSY);
		for (unsigned i = 0; i < 8; i++) {
			check(p[i], 256, i);
			assert_int_equal(mm_mempool_free(&pool, p[i]), MM_OK);
			assert_null(mm_cache_alloc(cache, 0)); /* the reserve has it */
		}
	}
	release(all);
	assert_non_null(q = mm_mempool_alloc(&pool, 0)); /* of the cache, now */
	assert_int_equal(mm_mempool_free(&pool, q), MM_OK);
	assert_int_equal(mm_mempool_free(&pool, NULL), MM_OK);
	assert_int_equal(mm_mempool_destroy(&pool), MM_OK);
	assert_int_equal(mm_mempool_destroy(&pool), MM_E_STATE);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void wrong_arguments_of_a_pool_are_answered(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(256, 0), *few = NULL;
	struct mm_cache_cfg cfg = { .name = "few", .size = HALF_KIB, .quota = MM_FRAME_SIZE };
	struct mm_mempool pool = { 0 };
	void *places[200];

	assert_int_equal(mm_cache_create(&heap, &cfg, &few), MM_OK);
	assert_int_equal(mm_mempool_init(NULL, cache, places, 1, 0), MM_E_INVAL);
	assert_int_equal(mm_mempool_init(&pool, NULL, places, 1, 0), MM_E_INVAL);
	assert_int_equal(mm_mempool_init(&pool, cache, NULL, 1, 0), MM_E_INVAL);
	assert_int_equal(mm_mempool_init(&pool, cache, places, 0, 0), MM_E_INVAL);
	assert_int_equal(mm_mempool_init(&pool, cache, places, 1, MM_ALLOC_ZERO), MM_E_INVAL);
	assert_int_equal(mm_mempool_init(&pool, few, places, (uint32_t)MM_FRAME_SIZE / 512 + 1, 0), MM_E_NOSPC);
	assert_int_equal(stats(few).used, 0);
	assert_null(pool.cache);
	assert_int_equal(mm_mempool_destroy(NULL), MM_E_INVAL);
	assert_int_equal(mm_mempool_destroy(&pool), MM_E_STATE);
	assert_int_equal(mm_mempool_free(NULL, places), MM_E_INVAL);
	assert_int_equal(mm_mempool_free(&pool, places), MM_E_STATE);
	assert_null(mm_mempool_alloc(&pool, 0));
	assert_null(mm_mempool_alloc(NULL, 0));
	assert_null(mm_mempool_take(&pool));
	assert_null(mm_mempool_take(NULL));
	assert_int_equal(mm_cache_destroy(few), MM_OK);
	assert_int_equal(mm_mempool_init(&pool, few, places, 1, 0), MM_E_STATE);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

#if MM_CHECKS >= 1
static void what_waits_is_not_freed(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0), *other = make_cache(64, 0);
	struct mm_prefill h = { 0 };
	struct mm_mempool pool = { 0 };
	unsigned char *was[3], *theirs = mm_cache_alloc(other, 0);
	void *places[2];
	int outside;

	for (unsigned i = 0; i < 3; i++)
		assert_non_null(was[i] = mm_cache_alloc(cache, 0));
	for (unsigned i = 3; i-- > 0;)
		assert_int_equal(mm_cache_free(cache, was[i]), MM_OK);
	assert_int_equal(mm_heap_drain(&heap), MM_OK);
	assert_int_equal(mm_prefill_fill(&h, cache, 1, 0), MM_OK); /* was[0] again */
	assert_int_equal(mm_mempool_init(&pool, cache, places, 2, 0), MM_OK);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(mm_cache_free(cache, was[i]), MM_E_DOUBLE_FREE);
		assert_int_equal(mm_mempool_free(&pool, was[i]), MM_E_DOUBLE_FREE);
		assert_int_equal(mm_ksize(&heap, was[i]), 0);
	}
	assert_int_equal(mm_mempool_free(&pool, theirs), MM_E_OWNER);
	assert_int_equal(mm_mempool_free(&pool, &outside), MM_E_FOREIGN);
	assert_int_equal(mm_mempool_free(&pool, was[0] + 8), MM_E_ALIGN);
	assert_ptr_equal(was[0], mm_prefill_alloc(&h));
	assert_int_equal(mm_mempool_free(&pool, was[0]), MM_OK); /* whatever it came from */
	mm_prefill_return(&h);
	assert_int_equal(mm_mempool_destroy(&pool), MM_OK);
	assert_int_equal(mm_cache_free(other, theirs), MM_OK);
	assert_int_equal(stats(cache).used, 0);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	assert_int_equal(mm_cache_destroy(other), MM_OK);
}
#endif

#if MM_HOOKS
static void failures_change_nothing(void **state)
{
	(void)state;
	for (unsigned nth = 1; nth < 12; nth++) {
		struct mm_cache *cache = make_cache(1000, 0);
		struct mm_prefill h = { 0 };
		struct mm_mempool pool = { 0 };
		void *places[20];
		enum mm_status st;

		sim_fail_at(nth, true);
		st = mm_prefill_fill(&h, cache, 20, 0);
		sim_fail_at(0, false);
		assert_true(st == MM_OK ? h.n == 20 : st == MM_E_NOMEM && !h.cache);
		mm_prefill_return(&h);
		assert_int_equal(mm_heap_shrink(&heap), MM_OK);
		sim_fail_at(nth, true);
		st = mm_mempool_init(&pool, cache, places, 20, 0);
		sim_fail_at(0, false);
		assert_true(st == MM_OK || (st == MM_E_NOMEM && !pool.cache));
		if (st == MM_OK)
			assert_int_equal(mm_mempool_destroy(&pool), MM_OK);
		assert_int_equal(stats(cache).used, 0);
		assert_int_equal(mm_cache_destroy(cache), MM_OK);
	}
}
#endif

#if MM_HOOKS && MM_CHECKS >= 1
/* At each step another CPU frees what waits: nobody believes it. */
static unsigned steps, hit_at;
static bool inside;
static void *waits;

static void free_waiting(void)
{
	if (inside || locks || ++steps != hit_at)
		return;
	inside = true;
	sim_cpu = 1;
	assert_int_equal(mm_kfree(&heap, waits), MM_E_DOUBLE_FREE);
	sim_cpu = 0;
	inside = false;
}

static void what_waits_is_not_freed_at_any_step(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0);
	bool hit = true;

	for (hit_at = 1; hit; hit_at++) {
		struct mm_prefill h = { 0 };
		struct mm_mempool pool = { 0 };
		void *places[1];

		steps = 0;
		assert_int_equal(mm_prefill_fill(&h, cache, 1, 0), MM_OK);
		waits = h.slots[0].p;
		sim_step = free_waiting;
		mm_prefill_return(&h);
		sim_step = NULL;
		hit = steps >= hit_at;
		assert_int_equal(mm_mempool_init(&pool, cache, places, 1, 0), MM_OK);
		waits = places[0];
		steps = 0;
		sim_step = free_waiting;
		assert_int_equal(mm_mempool_destroy(&pool), MM_OK);
		sim_step = NULL;
		hit |= steps >= hit_at;
	}
	assert_true(hit_at > 10);
	assert_int_equal(stats(cache).used, 0);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		HEAP_TEST(a_handle_gives_what_was_put_in),
		HEAP_TEST(a_heap_does_not_go_before_its_handles),
		HEAP_TEST(what_a_handle_cannot_have_is_answered),
		HEAP_TEST(what_a_handle_may_have_later_is_told),
		HEAP_TEST(a_reserve_lasts_when_memory_does_not),
		HEAP_TEST(wrong_arguments_of_a_pool_are_answered),
#if MM_CHECKS >= 1
		HEAP_TEST(what_waits_is_not_freed),
#endif
#if MM_HOOKS
		HEAP_TEST(failures_change_nothing),
#endif
#if MM_HOOKS && MM_CHECKS >= 1
		HEAP_TEST(what_waits_is_not_freed_at_any_step),
#endif
	};
	return cmocka_run_group_tests_name("slab_reserve", tests, NULL, NULL);
}
