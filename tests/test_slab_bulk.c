/* SPDX-License-Identifier: MIT */
/* Many objects with one call: all or none. */
#include "slab_box.h"
#include "hook.h"
#include <mmlib/bulk.h>

static void *p[MAX_LIVE];

static void many_come_and_go(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0);

	for (size_t n = 0; n < 700; n += n < 70 ? 1 : 61) {
		assert_int_equal(mm_cache_alloc_bulk(cache, n & 1 ? MM_ALLOC_ZERO : 0, p, n), MM_OK);
		assert_int_equal(stats(cache).used, n);
		for (size_t i = 0; i < n; i++) {
			for (size_t k = 0; n & 1 && k < 64; k++)
				assert_int_equal(((unsigned char *)p[i])[k], 0);
			fill(p[i], 64, (unsigned)i);
		}
		for (size_t i = 0; i < n; i++)
			check(p[i], 64, (unsigned)i);
		assert_int_equal(mm_cache_free_bulk(cache, p, n), MM_OK);
		assert_int_equal(stats(cache).used, 0);
	}
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* They are the objects that single calls know. */
static void many_and_single_ones_mix(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(200, 0);

	assert_int_equal(mm_cache_alloc_bulk(cache, 0, p, 300), MM_OK);
	for (unsigned i = 0; i < 300; i += 2) {
		assert_int_equal(mm_kfree(&heap, p[i]), MM_OK);
		p[i] = NULL;
	}
	for (unsigned i = 300; i < 400; i++)
		assert_non_null(p[i] = mm_cache_alloc(cache, 0));
	verify_all();
	sim_cpu = 1;
	assert_int_equal(mm_cache_free_bulk(cache, p, 400), MM_OK); /* NULL is passed over */
	sim_cpu = 0;
	assert_int_equal(stats(cache).used, 0);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void wrong_arguments_are_answered(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0);

	assert_int_equal(mm_cache_alloc_bulk(NULL, 0, p, 1), MM_E_INVAL);
	assert_int_equal(mm_cache_alloc_bulk(cache, 0, NULL, 1), MM_E_INVAL);
	assert_int_equal(mm_cache_alloc_bulk(cache, 0, NULL, 0), MM_OK);
	assert_int_equal(mm_cache_alloc_bulk(cache, MM_ALLOC_TABLE, p, 1), MM_E_INVAL);
	assert_int_equal(mm_cache_free_bulk(NULL, p, 1), MM_E_INVAL);
	assert_int_equal(mm_cache_free_bulk(cache, NULL, 1), MM_E_INVAL);
	assert_int_equal(mm_cache_free_bulk(cache, NULL, 0), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	assert_int_equal(mm_cache_alloc_bulk(cache, 0, p, 1), MM_E_STATE);
	assert_int_equal(mm_cache_free_bulk(cache, p, 1), MM_E_STATE);
}

#if MM_CHECKS >= 1
/* Whatever is wrong with one of them, wherever it is: all stay allocated. */
static void one_wrong_pointer_and_none_is_freed(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0), *other = make_cache(64, 0);
	unsigned char *theirs = mm_cache_alloc(other, 0), *was = mm_cache_alloc(cache, 0);
	int outside;
	struct {
		void *p;
		enum mm_status st;
	} wrong[] = { { theirs, MM_E_OWNER }, { &outside, MM_E_FOREIGN }, { NULL, MM_E_ALIGN },
		      { NULL, MM_E_DOUBLE_FREE }, { was, MM_E_DOUBLE_FREE } };

	assert_int_equal(mm_cache_alloc_bulk(cache, 0, p, 200), MM_OK);
	assert_int_equal(mm_cache_free(cache, was), MM_OK);
	for (unsigned w = 0; w < 5; w++)
		for (unsigned at = 1; at < 200; at += 66) {
			void *right = p[at];

			p[at] = w == 2 ? (unsigned char *)right + 8 : w == 3 ? p[0] : wrong[w].p;
			assert_int_equal(mm_cache_free_bulk(cache, p, 200), wrong[w].st);
			p[at] = right;
			assert_int_equal(stats(cache).used, 200);
			verify_all();
		}
	assert_int_equal(mm_cache_free_bulk(cache, p, 200), MM_OK);
	assert_int_equal(mm_cache_free_bulk(cache, p, 200), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_cache_free(other, theirs), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	assert_int_equal(mm_cache_destroy(other), MM_OK);
}
#endif

static void too_many_and_none_is_allocated(void **state)
{
	(void)state;
	struct mm_cache *cache = NULL;
	struct mm_cache_cfg cfg = { .name = "few", .size = HALF_KIB, .quota = 4 * MM_FRAME_SIZE };
	size_t room;

	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_OK);
	room = 4 * (size_t)MM_FRAME_SIZE / 512;
	assert_int_equal(mm_cache_alloc_bulk(cache, 0, p, room + 1), MM_E_NOSPC);
	assert_int_equal(stats(cache).used, 0);
	assert_int_equal(mm_cache_alloc_bulk(cache, 0, p, room), MM_OK);
	assert_int_equal(mm_cache_free_bulk(cache, p, room), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* A CPU that is asked to bring its objects home does so when it frees many, too. */
static void who_frees_many_gives_back_if_asked(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0);

	sim.port.run_on = NULL;
	sim_cpu = 1;
	assert_int_equal(mm_cache_alloc_bulk(cache, 0, p, 10), MM_OK);
	sim_cpu = 0;
	assert_int_equal(mm_heap_drain(&heap), MM_E_AGAIN);
	sim_cpu = 1;
	assert_int_equal(mm_cache_free_bulk(cache, p, 1), MM_OK);
	sim_cpu = 0;
	assert_int_equal(mm_heap_drain(&heap), MM_OK);
	sim_cpu = 1;
	assert_int_equal(mm_cache_free_bulk(cache, p + 1, 9), MM_OK);
	sim_cpu = 0;
	sim.port.run_on = sim_run_on;
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

#if MM_HOOKS
static void failures_leave_nothing_allocated(void **state)
{
	(void)state;
	for (unsigned nth = 1; nth < 12; nth++)
		for (int sticky = 0; sticky < 2; sticky++) {
			struct mm_cache *cache = make_cache(1000, 0);
			enum mm_status st;

			sim_fail_at(nth, sticky);
			st = mm_cache_alloc_bulk(cache, 0, p, 100);
			sim_fail_at(0, false);
			assert_true(st == MM_OK || st == MM_E_NOMEM);
			assert_int_equal(stats(cache).used, st == MM_OK ? 100 : 0);
			if (st == MM_OK)
				assert_int_equal(mm_cache_free_bulk(cache, p, 100), MM_OK);
			assert_int_equal(mm_cache_destroy(cache), MM_OK);
		}
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		HEAP_TEST(many_come_and_go),
		HEAP_TEST(many_and_single_ones_mix),
		HEAP_TEST(wrong_arguments_are_answered),
#if MM_CHECKS >= 1
		HEAP_TEST(one_wrong_pointer_and_none_is_freed),
#endif
		HEAP_TEST(too_many_and_none_is_allocated),
		HEAP_TEST(who_frees_many_gives_back_if_asked),
#if MM_HOOKS
		HEAP_TEST(failures_leave_nothing_allocated),
#endif
	};
	return cmocka_run_group_tests_name("slab_bulk", tests, NULL, NULL);
}
