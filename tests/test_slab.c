/* SPDX-License-Identifier: MIT */
/* Caches of objects: of every size, on several CPUs, until memory is exhausted. After everything is freed
 * and shrunk the page layer is as it was at first. */
#include "slab_box.h"
#include "slab/slab.h"

static void there_is_room_for_all_caches_and_no_more(void **state)
{
	(void)state;
	struct mm_cache *cache[MM_CACHES_MAX], *extra = NULL;
	struct mm_cache_cfg cfg = { .name = "x", .size = 100, .align = 32 };
	unsigned n = 0;
	void *p;

	while (mm_cache_create(&heap, &cfg, &cache[n]) == MM_OK)
		n++;
	assert_int_equal(n, MM_CACHES_MAX - MM_KMALLOC_CLASSES);
	assert_int_equal(mm_cache_create(&heap, &cfg, &extra), MM_E_NOSPC);
	assert_non_null(p = mm_cache_alloc(cache[n - 1], 0));
	assert_int_equal((uintptr_t)p % 32, 0);
	assert_int_equal(mm_cache_destroy(cache[n - 1]), MM_E_BUSY);
	assert_int_equal(mm_cache_free(cache[n - 1], p), MM_OK);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(mm_cache_destroy(cache[i]), MM_OK);
	assert_int_equal(mm_cache_create(&heap, &cfg, &extra), MM_OK);
	assert_int_equal(mm_cache_destroy(extra), MM_OK);
}

static void caches_of_every_size_and_alignment_work(void **state)
{
	(void)state;
	for (size_t size = 1; size <= 32768; size += size < 100 ? 7 : 1231)
		for (size_t align = 0; align <= 4096; align = align ? align * 16 : 1) {
			struct mm_cache *cache = make_cache(size, align);
			unsigned char *p[40];

			for (unsigned i = 0; i < 40; i++) {
				assert_non_null(p[i] = mm_cache_alloc(cache, 0));
				assert_int_equal((uintptr_t)p[i] % (align ? align : sizeof(void *)),
						 0);
				fill(p[i], size, i);
			}
			assert_int_equal(stats(cache).used, 40);
			for (unsigned i = 0; i < 40; i++) {
				check(p[i], size, i);
				assert_int_equal(mm_cache_free(cache, p[i]), MM_OK);
			}
			assert_int_equal(stats(cache).used, 0);
			assert_int_equal(mm_cache_destroy(cache), MM_OK);
		}
}

static void objects_wander_between_cpus(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(32, 0);
	static void *p[3000];

	for (unsigned round = 0; round < 4; round++) {
		sim_cpu = round & 1;
		for (unsigned i = 0; i < 3000; i++) {
			assert_non_null(p[i] = mm_cache_alloc(cache, 0));
			fill(p[i], 32, i);
		}
		assert_int_equal(stats(cache).used, 3000);
		sim_cpu ^= 1;
		for (unsigned i = 0; i < 3000; i++) {
			check(p[i], 32, i);
			assert_int_equal(mm_cache_free(cache, p[i]), MM_OK);
		}
		assert_int_equal(stats(cache).used, 0);
		verify_all();
	}
	sim_cpu = 0;
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void without_run_on_other_cpus_are_asked(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(128, 0);
	void *p;

	sim.port.run_on = NULL;
	sim_cpu = 1;
	assert_non_null(p = mm_cache_alloc(cache, 0));
	assert_int_equal(mm_cache_free(cache, p), MM_OK);
	sim_cpu = 0;
	assert_int_equal(mm_cache_destroy(cache), MM_E_AGAIN);
	sim_cpu = 1;
	mm_heap_cpu_idle(&heap);
	sim_cpu = 0;
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	sim_cpu = 1;
	mm_pmm_cpu_idle(&pmm);
	assert_int_equal(mm_pmm_drain(&pmm), MM_E_AGAIN); /* CPU 0 has some */
	sim.port.run_on = sim_run_on;
}

/* CPU 1 has an empty magazine at hand, and nothing is allocated. */
static void a_cache_is_not_destroyed_under_a_magazine_of_another_cpu(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(16384, 0); /* four objects in a magazine */
	void *p[4];

	sim.port.run_on = NULL;
	sim_cpu = 1;
	for (unsigned i = 0; i < 4; i++)
		assert_non_null(p[i] = mm_cache_alloc(cache, 0));
	sim_cpu = 0;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(mm_cache_free(cache, p[i]), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_E_AGAIN);
	sim_cpu = 1;
	mm_heap_cpu_idle(&heap);
	sim_cpu = 0;
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	sim.port.run_on = sim_run_on; /* stop() finds whether the magazine was lost */
}

static void an_unplugged_cpu_leaves_nothing_behind(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0);
	void *p;

	sim_cpu = 1;
	assert_non_null(p = mm_cache_alloc(cache, 0));
	assert_int_equal(mm_cache_free(cache, p), MM_OK);
	sim_cpu = 0;
	assert_int_equal(mm_heap_cpu_offline(&heap, 1), MM_OK);
	assert_int_equal(stats(cache).cached, 0);
	sim_cpu = 1; /* it may still call */
	assert_non_null(p = mm_cache_alloc(cache, 0));
	assert_int_equal(mm_cache_free(cache, p), MM_OK);
	assert_int_equal(stats(cache).cached, 0);
	sim_cpu = 0;
	assert_int_equal(mm_heap_cpu_online(&heap, NCPUS), MM_E_INVAL);
	assert_int_equal(mm_heap_cpu_offline(&heap, NCPUS), MM_E_INVAL);
	assert_int_equal(mm_heap_cpu_online(NULL, 0), MM_E_INVAL);
	mm_heap_cpu_idle(NULL);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void exhaustion_is_an_error_and_everything_comes_back(void **state)
{
	(void)state;
	void **list = NULL, *p;
	mm_paddr_t pa;
	size_t n = 0;

	sim_cpu = 1; /* has frames at hand, which are called for in the end */
	assert_int_equal(mm_page_alloc(&pmm, 0, 0, &pa), MM_OK);
	assert_int_equal(mm_page_free(&pmm, pa, 0), MM_OK);
	sim_cpu = 0;
	while (mm_kmalloc_st(&heap, 1000, 0, &p) == MM_OK) {
		*(void **)p = list;
		list = p;
		n++;
	}
	assert_int_equal(mm_kmalloc_st(&heap, 1000, 0, &p), MM_E_NOMEM);
	assert_true(n > RAM_FRAMES * 3);
	verify_all();
	while (list) {
		void **next = *list;

		assert_int_equal(mm_kfree(&heap, list), MM_OK);
		list = next;
	}
}

static void destroy_refuses_while_something_lives(void **state)
{
	(void)state;
	void *p = mm_kmalloc(&heap, 100, 0);

	assert_int_equal(mm_heap_destroy(&heap), MM_E_BUSY);
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
	p = mm_kmalloc(&heap, 100000, 0);
	assert_int_equal(mm_heap_destroy(&heap), MM_E_BUSY);
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
}

/* A CPU keeps some, gets and gives them in lots, and has none when it is drained. */
static void empty_magazines_stay_with_a_cpu(void **state)
{
	struct mm_cache *cache = make_cache(4000, 0);
	unsigned most = 0;
	void *p[200];

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 200; i++) {
			unsigned n = 0;

			assert_non_null(p[i] = mm_cache_alloc(cache, 0));
			for (const struct mm_slot *m = heap.cpus[0].blank; m; m = m->p)
				n++;
			most = n > most ? n : most;
		}
		for (unsigned i = 0; i < 200; i++)
			assert_int_equal(mm_cache_free(cache, p[i]), MM_OK);
	}
	assert_in_range(most, 1, 16);
	assert_true(most > 8 || MM_HARDEN & MM_HARDEN_QUARANTINE);
	assert_int_equal(mm_heap_drain(&heap), MM_OK);
	assert_null(heap.cpus[0].blank);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	assert_int_equal(mm_heap_shrink(&heap), MM_OK);
	assert_int_equal(heap.nmagazine_pages, 0);
}

static void verify_finds_damage(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0);
	void *p = mm_cache_alloc(cache, 0);

	assert_int_equal(mm_cache_verify(cache), MM_OK);
	cache->home++;
	assert_int_equal(mm_cache_verify(cache), MM_E_CORRUPT);
	cache->home--;
	cache->nempty++;
	assert_int_equal(mm_cache_verify(cache), MM_E_CORRUPT);
	cache->nempty--;
	cache->nfull++;
	assert_int_equal(mm_cache_verify(cache), MM_E_CORRUPT);
	cache->nfull--;
	assert_int_equal(mm_cache_verify(NULL), MM_E_INVAL);
	assert_int_equal(mm_cache_free(cache, p), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	assert_int_equal(mm_cache_verify(cache), MM_E_STATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HEAP_TEST(there_is_room_for_all_caches_and_no_more),
		HEAP_TEST(caches_of_every_size_and_alignment_work),
		HEAP_TEST(objects_wander_between_cpus),
		HEAP_TEST(without_run_on_other_cpus_are_asked),
		HEAP_TEST(a_cache_is_not_destroyed_under_a_magazine_of_another_cpu),
		HEAP_TEST(an_unplugged_cpu_leaves_nothing_behind),
		HEAP_TEST(exhaustion_is_an_error_and_everything_comes_back),
		HEAP_TEST(destroy_refuses_while_something_lives),
		HEAP_TEST(empty_magazines_stay_with_a_cpu),
		HEAP_TEST(verify_finds_damage),
	};
	return cmocka_run_group_tests_name("slab", tests, NULL, NULL);
}
