/* SPDX-License-Identifier: MIT */
/* Frees that wait for readers: nothing goes early, nothing is lost, wrong ones are answered at once. */
#include "slab_box.h"
#include "hook.h"
#include <mmlib/deferred.h>

/* Readers, as a host with epochs counts them: a time has passed when it is below `left`. */
static struct epoch {
	uint64_t now, left;
} epoch;

static void (*meddle)(void); /* who comes while the time is asked for */

static uint64_t now(void *ctx)
{
	uint64_t time = ++((struct epoch *)ctx)->now;
	void (*fn)(void) = meddle;

	assert_int_equal(locks, 0);
	meddle = NULL;
	if (fn)
		fn();
	return time;
}

static bool passed(void *ctx, uint64_t time)
{
	assert_int_equal(locks, 0);
	return time <= ((struct epoch *)ctx)->left;
}

static const struct mm_epoch_hooks hooks = { .now = now, .passed = passed, .ctx = &epoch };
static struct mm_deferred d;
static void *p[MAX_LIVE];

static int start_deferred(void **state)
{
	epoch = (struct epoch){ 0 };
	start(state);
	assert_int_equal(mm_deferred_init(&d, &heap, &hooks), MM_OK);
	return 0;
}

static int stop_deferred(void **state)
{
	size_t refused = 1;

	epoch.left = UINT64_MAX;
	assert_int_equal(mm_deferred_poll(&d), MM_OK);
	assert_int_equal(mm_deferred_destroy(&d, &refused), MM_OK);
	assert_int_equal(refused, 0);
	return stop(state);
}

static void nothing_goes_before_readers_have_left(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(128, 0);

	for (unsigned n = 1; n < 600; n = n * 3 + 1) {
		for (unsigned i = 0; i < n; i++) {
			assert_non_null(p[i] = mm_cache_alloc(cache, 0));
			fill(p[i], 128, i);
		}
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(mm_kfree_deferred(&d, p[i]), MM_OK);
		for (unsigned k = 0; k < 3; k++)
			assert_int_equal(mm_deferred_poll(&d), MM_E_AGAIN);
		assert_int_equal(stats(cache).used, n);
		assert_int_equal(mm_deferred_destroy(&d, NULL), MM_E_BUSY);
		assert_int_equal(mm_cache_destroy(cache), MM_E_BUSY);
		for (unsigned i = 0; i < n; i++)
			check(p[i], 128, i); /* readers see what was there */
		epoch.left = epoch.now;
		assert_int_equal(mm_deferred_poll(&d), MM_OK);
		assert_int_equal(stats(cache).used, 0);
	}
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* Readers leave one time after the other: so do batches. */
static void batches_go_one_after_the_other(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0);

	for (unsigned round = 0; round < 5; round++) {
		for (unsigned i = 0; i < 10; i++) {
			assert_non_null(p[i] = mm_cache_alloc(cache, 0));
			assert_int_equal(mm_kfree_deferred(&d, p[i]), MM_OK);
		}
		assert_int_equal(mm_deferred_poll(&d), MM_E_AGAIN);
	}
	assert_int_equal(epoch.now, 5);
	for (unsigned round = 1; round <= 5; round++) {
		epoch.left = round;
		assert_int_equal(mm_deferred_poll(&d), round < 5 ? MM_E_AGAIN : MM_OK);
		assert_int_equal(stats(cache).used, 50 - 10 * round);
	}
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

#if MM_CHECKS >= 1
/* Batches are objects, and nobody's to free. */
static void what_is_mmlib_s_own_is_not_taken(void **state)
{
	(void)state;
	void *batch, *out = NULL;

	assert_int_equal(mm_kfree_deferred(&d, mm_kmalloc(&heap, 100, 0)), MM_OK);
	batch = d.filling;
	assert_int_equal(mm_kfree(&heap, batch), MM_E_OWNER);
	assert_int_equal(mm_kfree_deferred(&d, batch), MM_E_OWNER);
	assert_int_equal(mm_krealloc_st(&heap, batch, 1000, 0, &out), MM_E_OWNER);
	assert_int_equal(mm_ksize(&heap, batch), 0);
	assert_int_equal(mm_deferred_poll(&d), MM_E_AGAIN);
	assert_int_equal(mm_kfree(&heap, batch), MM_E_OWNER);
	epoch.left = epoch.now;
	assert_int_equal(mm_deferred_poll(&d), MM_OK);
	assert_int_equal(mm_kfree(&heap, batch), MM_E_DOUBLE_FREE);
}
#endif

static struct mm_cache *late;

/* Another CPU frees the batch that is about to be closed, if it can, and begins one, which may be at the same place. */
static void poll_and_begin(void)
{
	sim_cpu = 1;
	epoch.left = UINT64_MAX;
	(void)mm_deferred_poll(&d);
	epoch.left = epoch.now;
	assert_int_equal(mm_kfree_deferred(&d, mm_cache_alloc(late, 0)), MM_OK);
	sim_cpu = 0;
}

static void a_batch_has_no_time_from_before_it_was_begun(void **state)
{
	(void)state;
	late = make_cache(128, 0);
	meddle = poll_and_begin;
	for (unsigned i = 0; meddle && i < 1000; i++)
		assert_int_equal(mm_kfree_deferred(&d, mm_kmalloc(&heap, 40, 0)), MM_OK);
	assert_null(meddle);
	assert_int_equal(mm_deferred_poll(&d), MM_E_AGAIN);
	assert_int_equal(stats(late).used, 1); /* readers may look at it */
	epoch.left = UINT64_MAX;
	assert_int_equal(mm_deferred_poll(&d), MM_OK);
	assert_int_equal(mm_cache_destroy(late), MM_OK);
}

static void memory_of_any_size_waits(void **state)
{
	(void)state;
	unsigned n = 0;

	for (size_t s = 16; s < 100000; s = s * 3 / 2) {
		assert_non_null(p[n] = mm_kmalloc(&heap, s, 0));
		fill(p[n], s, n);
		assert_int_equal(mm_kfree_deferred(&d, p[n++]), MM_OK);
	}
	assert_int_equal(mm_deferred_poll(&d), MM_E_AGAIN);
	n = 0;
	for (size_t s = 16; s < 100000; s = s * 3 / 2, n++)
		check(p[n], s, n);
	epoch.left = epoch.now;
	assert_int_equal(mm_deferred_poll(&d), MM_OK);
	assert_int_equal(heap_stats().large, 0);
}

static void wrong_ones_are_answered_at_once(void **state)
{
	(void)state;
	struct mm_deferred none = { 0 };
	unsigned char *q = mm_kmalloc(&heap, 100, 0), *was = mm_kmalloc(&heap, 200, 0);
	int outside;

	assert_int_equal(mm_kfree(&heap, was), MM_OK);
	assert_int_equal(mm_deferred_init(NULL, &heap, &hooks), MM_E_INVAL);
	assert_int_equal(mm_deferred_init(&none, NULL, &hooks), MM_E_INVAL);
	assert_int_equal(mm_deferred_init(&none, &heap, NULL), MM_E_INVAL);
	assert_int_equal(mm_deferred_init(&none, &heap, &(struct mm_epoch_hooks){ .now = now }), MM_E_INVAL);
	assert_int_equal(mm_deferred_init(&none, &heap, &(struct mm_epoch_hooks){ .passed = passed }), MM_E_INVAL);
	assert_int_equal(mm_deferred_init(&none, &(struct mm_heap){ 0 }, &hooks), MM_E_STATE);
	assert_int_equal(mm_kfree_deferred(NULL, q), MM_E_INVAL);
	assert_int_equal(mm_kfree_deferred(&none, q), MM_E_STATE);
	assert_int_equal(mm_deferred_poll(NULL), MM_E_INVAL);
	assert_int_equal(mm_deferred_poll(&none), MM_E_STATE);
	assert_int_equal(mm_deferred_destroy(NULL, NULL), MM_E_INVAL);
	assert_int_equal(mm_deferred_destroy(&none, NULL), MM_E_STATE);
	assert_int_equal(mm_kfree_deferred(&d, NULL), MM_OK);
	assert_int_equal(mm_kfree_deferred(&d, &outside), MM_E_FOREIGN);
	assert_int_equal(mm_kfree_deferred(&d, q + 8), MM_E_ALIGN);
	assert_int_equal(mm_kfree_deferred(&d, pmm.ranges), MM_E_OWNER);
#if MM_CHECKS >= 1
	assert_int_equal(mm_kfree_deferred(&d, was), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_kfree_deferred(&d, q), MM_OK);
	assert_int_equal(mm_kfree_deferred(&d, q), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_kfree(&heap, q), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_ksize(&heap, q), 0);
#else
	assert_int_equal(mm_kfree_deferred(&d, q), MM_OK);
#endif
}

/* A large block that waits is nobody's: no call believes it, it stays as it was, and once it is free its place is
 * another's. */
static void a_large_block_that_waits_is_left_alone(void **state)
{
	(void)state;
	const enum mm_status waits = MM_CHECKS >= 1 ? MM_E_DOUBLE_FREE : MM_E_OWNER;
	unsigned char *large = mm_kmalloc(&heap, LARGE, 0);
	void *q = large;
	size_t refused = 1;

	fill(large, LARGE, 7);
	assert_int_equal(mm_kfree_deferred(&d, large), MM_OK);
	assert_int_equal(mm_kfree_deferred(&d, large), waits);
	assert_int_equal(mm_kfree(&heap, large), waits);
	assert_int_equal(mm_krealloc_st(&heap, large, 2 * LARGE, 0, &q), waits);
	if (MM_CHECKS >= 1)
		assert_int_equal(mm_page_free(&pmm, sim.base + (mm_paddr_t)(large - sim.host), 2), MM_E_OWNER);
	assert_int_equal(mm_ksize(&heap, large), 0);
	check(large, LARGE, 7);
	void *other = mm_kmalloc(&heap, LARGE, 0);
	assert_ptr_not_equal(other, large);
	epoch.left = UINT64_MAX;
	assert_int_equal(mm_deferred_poll(&d), MM_OK);
	assert_int_equal(mm_kfree(&heap, other), MM_OK);
	other = mm_kmalloc(&heap, LARGE, 0);
	assert_int_equal(mm_deferred_poll(&d), MM_OK);
	assert_true(mm_ksize(&heap, other) >= LARGE);
	assert_int_equal(mm_kfree(&heap, other), MM_OK);
	assert_int_equal(heap_stats().large, 0);
	assert_int_equal(mm_deferred_destroy(&d, &refused), MM_OK);
	assert_int_equal(refused, 0);
	assert_int_equal(mm_deferred_init(&d, &heap, &hooks), MM_OK);
}

#if MM_HOOKS
static void without_memory_nothing_changes(void **state)
{
	(void)state;
	void *q = mm_kmalloc(&heap, 100, 0);

	assert_int_equal(mm_heap_shrink(&heap), MM_OK);
	sim_fail_at(1, true);
	assert_int_equal(mm_kfree_deferred(&d, q), MM_E_NOMEM);
	sim_fail_at(0, false);
	assert_int_equal(d.waiting, 0);
	assert_int_equal(mm_kfree(&heap, q), MM_OK); /* it is still used */
}

/* Another CPU polls, or frees, at each step of a deferred free. */
static unsigned steps, hit_at;
static bool inside;

static void other_cpu(void)
{
	if (inside || locks || ++steps != hit_at)
		return;
	inside = true;
	sim_cpu = 1;
	if (hit_at & 1)
		(void)mm_deferred_poll(&d);
	else
		assert_int_equal(mm_kfree_deferred(&d, mm_kmalloc(&heap, 64, MM_ALLOC_ATOMIC)), MM_OK);
	sim_cpu = 0;
	inside = false;
}

static void another_cpu_at_every_step(void **state)
{
	(void)state;
	bool hit = true;

	for (hit_at = 1; hit; hit_at++) {
		steps = 0;
		for (unsigned i = 0; i < 62; i++) /* a batch becomes full */
			assert_non_null(p[i] = mm_kmalloc(&heap, 64, 0));
		sim_step = other_cpu;
		for (unsigned i = 0; i < 62; i++)
			assert_int_equal(mm_kfree_deferred(&d, p[i]), MM_OK);
		sim_step = NULL;
		hit = steps >= hit_at;
		if (hit_at % 16 == 0) {
			epoch.left = epoch.now;
			(void)mm_deferred_poll(&d);
			verify_all();
		}
	}
	assert_true(hit_at > 100);
	epoch.left = UINT64_MAX;
	assert_int_equal(mm_deferred_poll(&d), MM_OK);
	assert_int_equal(stats(&heap.caches[3]).used, 0);
}

#if MM_CHECKS >= 1
/* At each step of a poll another CPU frees what waits: nobody believes it. */
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
	bool hit = true;

	epoch.left = UINT64_MAX;
	for (hit_at = 1; hit; hit_at++) {
		steps = 0;
		assert_non_null(waits = mm_kmalloc(&heap, 64, 0));
		assert_int_equal(mm_kfree_deferred(&d, waits), MM_OK);
		sim_step = free_waiting;
		assert_int_equal(mm_deferred_poll(&d), MM_OK);
		sim_step = NULL;
		hit = steps >= hit_at;
	}
	assert_true(hit_at > 10);
	assert_int_equal(stats(&heap.caches[3]).used, 0);
}
#endif
#endif

#define TEST(f) cmocka_unit_test_setup_teardown(f, start_deferred, stop_deferred)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_goes_before_readers_have_left),
		TEST(batches_go_one_after_the_other),
		TEST(a_batch_has_no_time_from_before_it_was_begun),
		TEST(memory_of_any_size_waits),
		TEST(wrong_ones_are_answered_at_once),
#if MM_CHECKS >= 1
		TEST(what_is_mmlib_s_own_is_not_taken),
#endif
		TEST(a_large_block_that_waits_is_left_alone),
#if MM_HOOKS
		TEST(without_memory_nothing_changes),
		TEST(another_cpu_at_every_step),
#if MM_CHECKS >= 1
		TEST(what_waits_is_not_freed_at_any_step),
#endif
#endif
	};
	return cmocka_run_group_tests_name("slab_deferred", tests, NULL, NULL);
}
