/* SPDX-License-Identifier: MIT */
/* Frees in an NMI: at every instruction, of whatever state; what is freed so comes home, and is freed once. */
#include "slab_box.h"
#include <mmlib/bulk.h>
#include <mmlib/guard.h>
#include <mmlib/nmi.h>
#include <mmlib/owner.h>
#include <mmlib/reserve.h>
#include <mmlib/site.h>
#include "hook.h"
#include "slab/guard.h"

#if NMI_POSSIBLE
static void what_is_freed_so_comes_home(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0);
	uint8_t was;
	void *p[200];

	for (unsigned i = 0; i < 200; i++)
		assert_non_null(p[i] = i & 1 ? mm_cache_alloc(cache, 0) : mm_kmalloc(&heap, 64, 0));
	assert_int_equal(stats(cache).used, 100);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(i & 1 && i & 2 ? mm_cache_free_nmi(cache, p[i]) : mm_kfree_nmi(&heap, p[i]), MM_OK);
	assert_non_null(heap.returned);
	assert_int_equal(mm_heap_verify(&heap), MM_OK);
	was = heap.returned->states[0];
	heap.returned->states[0] = MM_OBJECT_RETURNING; /* nobody else is at work, so it is none */
	assert_int_equal(mm_heap_verify(&heap), MM_E_CORRUPT);
	heap.returned->states[0] = was;
	assert_int_equal(stats(cache).used, 0); /* who counts brings them home */
	assert_null(heap.returned);
	verify_all();
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* The last object of a slab that is full is the one that comes back first, and it comes by each of these. */
static void by_next(unsigned way, struct mm_cache *cache)
{
	size_t got;

	switch (way) {
	case 0:
		mm_heap_cpu_idle(&heap);
		break;
	case 1:
		assert_int_equal(mm_heap_reap(&heap, NULL), MM_OK);
		break;
	case 2:
		assert_int_equal(mm_heap_reclaim(&heap, 1, &got), MM_OK);
		break;
	case 3:
		assert_int_equal(mm_heap_drain(&heap), MM_OK);
		break;
	case 4:
		assert_int_equal(mm_heap_shrink(&heap), MM_OK);
		break;
	case 5:
		assert_int_equal(mm_cache_shrink(cache), MM_OK);
		break;
	default: {
		struct mm_cache_node_stats n;

		assert_int_equal(mm_cache_node_stats(cache, 0, &n), MM_OK);
		break;
	}
	}
}

static void each_of_those_who_give_back_or_count_brings_it_home(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0);
	struct mm_heap_stats all;

	for (unsigned way = 0; way < 7; way++) {
		void *p = mm_cache_alloc(cache, 0);

		assert_non_null(p);
		assert_int_equal(mm_cache_free_nmi(cache, p), MM_OK);
		by_next(way, cache);
		assert_null(heap.returned);
		assert_int_equal(stats(cache).used, 0);
	}
	assert_int_equal(mm_cache_free_nmi(cache, mm_cache_alloc(cache, 0)), MM_OK);
	assert_int_equal(mm_heap_stats(&heap, &all), MM_OK);
	assert_int_equal(all.used, 0);
	assert_int_equal(mm_cache_free_nmi(cache, mm_cache_alloc(cache, 0)), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	assert_null(heap.returned);
}

static void allocation_and_free_bring_it_home_when_they_leave_their_magazines(void **state)
{
	(void)state;
	static void *p[MAX_LIVE];
	struct mm_cache *cache = make_cache(256, 0);
	void *one = mm_cache_alloc(cache, 0);
	unsigned n = 0;

	assert_int_equal(mm_cache_free_nmi(cache, one), MM_OK);
	for (; heap.returned; n++)
		assert_non_null(p[n] = mm_cache_alloc(cache, 0));
	assert_true(n > 0);
	for (unsigned i = 0; i < 500; i++, n++)
		assert_non_null(p[n] = mm_cache_alloc(cache, 0));
	assert_int_equal(mm_cache_free_nmi(cache, p[--n]), MM_OK);
	while (heap.returned)
		assert_int_equal(mm_cache_free(cache, p[--n]), MM_OK);
	while (n > 0)
		assert_int_equal(mm_cache_free(cache, p[--n]), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* There is no memory but what an NMI freed: it is there for who wants some. */
static void it_is_there_when_there_is_no_other(void **state)
{
	(void)state;
	static mm_paddr_t eaten[RAM_FRAMES];
	static void *p[MAX_LIVE];
	struct mm_cache *cache = make_cache(HALF_KIB, 0);
	void *again;
	unsigned n = 0, k = 0;

	while (mm_page_alloc(&pmm, 0, 0, &eaten[n]) == MM_OK)
		n++;
	assert_int_equal(mm_page_free(&pmm, eaten[--n], 0), MM_OK);
	for (unsigned i = 0; i < 24 && n > 0; i++)
		assert_int_equal(mm_page_free(&pmm, eaten[--n], 0), MM_OK);
	while (k < MAX_LIVE && (p[k] = mm_cache_alloc(cache, 0)))
		k++;
	assert_true(k > 0 && k < MAX_LIVE);
	assert_int_equal(mm_cache_free_nmi(cache, p[k - 1]), MM_OK);
	assert_ptr_equal(again = mm_cache_alloc(cache, 0), p[k - 1]);
	assert_null(mm_cache_alloc(cache, 0));
	while (k > 0)
		assert_int_equal(mm_cache_free_nmi(cache, p[--k]), MM_OK);
	while (n > 0)
		assert_int_equal(mm_page_free(&pmm, eaten[--n], 0), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void every_wrong_free_is_answered_and_changes_nothing(void **state)
{
	(void)state;
	struct mm_cache *a = make_cache(48, 0), *b = make_cache(48, 0), *gone = make_cache(48, 0);
	unsigned char *small = mm_kmalloc(&heap, 100, 0), *large = mm_kmalloc(&heap, LARGE, 0);
	unsigned char *object = mm_cache_alloc(a, 0), *was = mm_kmalloc(&heap, 100, 0);
	unsigned char *was_large = mm_kmalloc(&heap, LARGE, 0);
	struct mm_heap other = { 0 };
	void *theirs, *theirs_large;
	mm_paddr_t page;
	int outside;

	assert_int_equal(mm_kfree_nmi(&other, &outside), MM_E_STATE);
	assert_int_equal(mm_heap_init(&other, &pmm, NCPUS), MM_OK);
	assert_non_null(theirs = mm_kmalloc(&other, 100, 0));
	assert_non_null(theirs_large = mm_kmalloc(&other, LARGE, 0));
	assert_int_equal(mm_page_alloc(&pmm, 1, 0, &page), MM_OK);
	assert_int_equal(mm_kfree(&heap, was), MM_OK);
	assert_int_equal(mm_kfree(&heap, was_large), MM_OK);
	assert_int_equal(mm_cache_destroy(gone), MM_OK);

	assert_int_equal(mm_kfree_nmi(&heap, NULL), MM_OK);
	assert_int_equal(mm_kfree_nmi(NULL, small), MM_E_INVAL);
	assert_int_equal(mm_kfree_nmi(&heap, was), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_kfree_nmi(&heap, was_large), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_kfree_nmi(&heap, &outside), MM_E_FOREIGN);
	assert_int_equal(mm_kfree_nmi(&heap, sim.host + sim.bytes), MM_E_FOREIGN);
	assert_int_equal(mm_kfree_nmi(&heap, small + 1), MM_E_ALIGN);
	assert_int_equal(mm_kfree_nmi(&heap, small + 16), MM_E_ALIGN);
	assert_int_equal(mm_kfree_nmi(&heap, large), MM_E_NOTSUP);
	assert_int_equal(mm_kfree_nmi(&heap, large + 8), MM_E_ALIGN);
	assert_int_equal(mm_kfree_nmi(&heap, large + MM_FRAME_SIZE), MM_E_ALIGN);
	assert_int_equal(mm_kfree_nmi(&heap, sim_to_virt(&sim, page)), MM_E_OWNER);
	assert_int_equal(mm_kfree_nmi(&heap, pmm.ranges), MM_E_OWNER);
	assert_int_equal(mm_kfree_nmi(&heap, theirs), MM_E_OWNER);
	assert_int_equal(mm_kfree_nmi(&heap, theirs_large), MM_E_OWNER);
	assert_int_equal(mm_cache_free_nmi(a, NULL), MM_OK);
	assert_int_equal(mm_cache_free_nmi(NULL, object), MM_E_INVAL);
	assert_int_equal(mm_cache_free_nmi(gone, object), MM_E_STATE);
	assert_int_equal(mm_cache_free_nmi(b, object), MM_E_OWNER);
	assert_int_equal(mm_cache_free_nmi(a, small), MM_E_OWNER);
	assert_int_equal(mm_cache_free_nmi(a, large), MM_E_OWNER);
	assert_int_equal(mm_cache_free_nmi(a, object + 8), MM_E_ALIGN);
	assert_int_equal(mm_cache_free_nmi(a, &outside), MM_E_FOREIGN);
	assert_null(heap.returned);
	verify_all();

	assert_int_equal(mm_kfree(&heap, small), MM_OK);
	assert_int_equal(mm_kfree(&heap, large), MM_OK);
	assert_int_equal(mm_cache_free(a, object), MM_OK);
	assert_int_equal(mm_page_free(&pmm, page, 1), MM_OK);
	assert_int_equal(mm_kfree(&other, theirs), MM_OK);
	assert_int_equal(mm_kfree(&other, theirs_large), MM_OK);
	assert_int_equal(mm_heap_destroy(&other), MM_OK);
}

/* Until it is home, and after that; whichever call is the first. */
static void it_is_freed_once(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0);
	void *p = mm_cache_alloc(cache, 0), *q = mm_cache_alloc(cache, 0), *both[2] = { q, p }, *out = NULL;

	assert_int_equal(mm_cache_free_nmi(cache, p), MM_OK);
	for (unsigned home = 0; home < 2; home++) {
		assert_int_equal(mm_cache_free_nmi(cache, p), MM_E_DOUBLE_FREE);
		assert_int_equal(mm_kfree_nmi(&heap, p), MM_E_DOUBLE_FREE);
		assert_int_equal(mm_cache_free(cache, p), MM_E_DOUBLE_FREE);
		assert_int_equal(mm_kfree(&heap, p), MM_E_DOUBLE_FREE);
		assert_int_equal(mm_kfree_sized(&heap, p, 64, 0), MM_E_DOUBLE_FREE);
		assert_int_equal(mm_cache_free_bulk(cache, both, 2), MM_E_DOUBLE_FREE);
		assert_int_equal(mm_krealloc_st(&heap, p, 100, 0, &out), MM_E_DOUBLE_FREE);
		assert_int_equal(mm_ksize(&heap, p), 0);
		mm_heap_cpu_idle(&heap);
		assert_null(heap.returned);
	}
	assert_int_equal(mm_cache_free(cache, q), MM_OK);
	assert_int_equal(mm_cache_free_nmi(cache, q), MM_E_DOUBLE_FREE);
	assert_int_equal(stats(cache).used, 0);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	assert_int_equal(mm_kfree_nmi(&heap, p), MM_E_DOUBLE_FREE);
}

/* Another CPU may have taken a slab off the list of those to look at, although all of its objects are home by now: until
 * it has looked, the cache stays. */
static void a_cache_stays_while_somebody_is_led_to_a_slab_of_it(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0);
	void *p = mm_cache_alloc(cache, 0);
	struct mm_slab *slab;

	assert_int_equal(slab_find(&heap, p, &slab), MM_OK);
	assert_int_equal(mm_cache_free_nmi(cache, p), MM_OK);
	mm_heap_cpu_idle(&heap);
	assert_null(slab->returned);
	slab->returned = slab_none(); /* in the hands of another CPU */
	assert_int_equal(mm_cache_destroy(cache), MM_E_AGAIN);
	assert_int_equal(stats(cache).used, 0);
	slab->returned = NULL;
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* More than are taken at a time, of several slabs, in any order. */
static void many_of_many_slabs_come_home(void **state)
{
	(void)state;
	static void *p[3000];
	struct mm_cache *cache = make_cache(40, 0);

	for (unsigned i = 0; i < 3000; i++)
		assert_non_null(p[i] = mm_cache_alloc(cache, 0));
	for (unsigned i = 0; i < 3000; i++)
		assert_int_equal(mm_cache_free_nmi(cache, p[i * 7 % 3000]), MM_OK);
	assert_int_equal(mm_heap_shrink(&heap), MM_OK);
	assert_int_equal(stats(cache).objects, 0);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* It was allocated from the reserve, in an NMI, and is freed there: it goes to the cache. */
static void memory_of_a_reserve_goes_to_its_cache(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0);
	struct mm_mempool pool;
	void *places[2], *p;

	assert_int_equal(mm_mempool_init(&pool, cache, places, 2, 0), MM_OK);
	assert_int_equal(mm_cache_free_nmi(cache, places[0]), MM_E_DOUBLE_FREE); /* it waits */
	assert_non_null(p = mm_mempool_take(&pool));
	assert_int_equal(mm_cache_free_nmi(cache, p), MM_OK);
	assert_int_equal(mm_mempool_free(&pool, p), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_mempool_destroy(&pool), MM_E_BUSY);
	assert_non_null(p = mm_cache_alloc(cache, 0));
	assert_int_equal(mm_mempool_free(&pool, p), MM_OK);
	assert_int_equal(mm_mempool_destroy(&pool), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* Or it goes back to the reserve, where it is at once; what that has no room for goes to the cache. */
static void a_reserve_gets_its_object_back(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0);
	struct mm_mempool pool, none = { 0 };
	void *places[2], *p, *q, *more;

	assert_int_equal(mm_mempool_init(&pool, cache, places, 2, 0), MM_OK);
	assert_non_null(more = mm_cache_alloc(cache, 0));
	assert_non_null(p = mm_mempool_take(&pool));
	assert_non_null(q = mm_mempool_take(&pool));
	memset(p, 7, 64);
	assert_int_equal(mm_mempool_free_nmi(&pool, p), MM_OK);
	assert_int_equal(mm_mempool_free_nmi(&pool, p), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_mempool_free(&pool, p), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_kfree_nmi(&heap, p), MM_E_DOUBLE_FREE);
	assert_null(heap.returned);
	assert_int_equal(mm_heap_verify(&heap), MM_OK);
	assert_ptr_equal(mm_mempool_take(&pool), p);
	assert_int_equal(mm_mempool_free_nmi(&pool, p), MM_OK);
	assert_int_equal(mm_mempool_free_nmi(&pool, more), MM_OK);
	assert_int_equal(mm_mempool_free_nmi(&pool, q), MM_OK); /* both places have one */
	assert_int_equal(stats(cache).used, 2);
	assert_int_equal(mm_mempool_free_nmi(&pool, q), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_mempool_free_nmi(NULL, p), MM_E_INVAL);
	assert_int_equal(mm_mempool_free_nmi(&none, p), MM_E_STATE);
	assert_int_equal(mm_mempool_free_nmi(&pool, NULL), MM_OK);
	assert_non_null(p = mm_kmalloc(&heap, 64, 0));
	assert_int_equal(mm_mempool_free_nmi(&pool, p), MM_E_OWNER);
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
	assert_int_equal(mm_mempool_destroy(&pool), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void nobody_holds_what_is_freed_so(void **state)
{
	(void)state;
	struct mm_leak list[4], rest;
	uintptr_t owner = 1;
	void *p, *large;
	size_t n;

	assert_int_equal(mm_heap_note_owners(&heap), MM_OK);
	assert_non_null(p = mm_kmalloc(&heap, 64, 0));
	assert_non_null(large = mm_kmalloc(&heap, LARGE, 0));
	assert_int_equal(mm_kfree_nmi(&heap, large), MM_E_NOTSUP);
	assert_int_equal(mm_kfree_nmi(&heap, heap.large), MM_E_OWNER); /* mmlib's own */
	assert_int_equal(mm_kfree(&heap, large), MM_OK);
	assert_int_equal(mm_kfree_nmi(&heap, p), MM_OK);
	assert_non_null(heap.returned);
	assert_int_equal(mm_heap_owner(&heap, p, &owner), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_heap_leaks(&heap, list, 4, &n, &rest), MM_OK);
	assert_int_equal(n, 0);
}

/* Heaps that are one: who frees asks whose it is. */
static void of_heaps_that_are_one_it_finds_its_own(void **state)
{
	(void)state;
	static struct mm_heap heaps[4];
	struct mm_heap_set set;

	assert_int_equal(mm_heap_set_init(&set, heaps, 4, &pmm, NCPUS, 99), MM_OK);
	for (uintptr_t site = 1; site < 200; site++) {
		void *p = mm_kmalloc_site(&set, 100, 0, site);

		assert_non_null(p);
		assert_int_equal(mm_kfree_nmi(mm_heap_set_of(&set, p), p), MM_OK);
		assert_int_equal(mm_kfree_set(&set, p), MM_E_DOUBLE_FREE);
	}
	assert_int_equal(mm_heap_set_destroy(&set), MM_OK);
}

/* A slab whose objects begin late, and one of many frames: they go where they came from. */
static void slabs_of_any_form_go(void **state)
{
	(void)state;
	static const size_t sizes[] = { 8, 3000, 9000, 32768 - 64 };

	for (unsigned s = 0; s < 4; s++) {
		struct mm_cache_cfg cfg = { .name = "form", .size = sizes[s], .colour = 64 };
		struct mm_cache *cache;
		void *p[100];

		assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_OK);
		for (unsigned i = 0; i < 100; i++)
			assert_non_null(p[i] = mm_cache_alloc(cache, 0));
		for (unsigned i = 0; i < 100; i++)
			assert_int_equal(mm_cache_free_nmi(cache, p[i]), MM_OK);
		assert_int_equal(mm_heap_shrink(&heap), MM_OK);
		assert_int_equal(stats(cache).slabs, 0);
		assert_int_equal(mm_cache_destroy(cache), MM_OK);
	}
}

#if MM_HARDEN & MM_HARDEN_CANARY
static void who_wrote_over_its_end_is_told_of(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0);
	unsigned char *p = mm_cache_alloc(cache, 0), was = p[64];

	p[64] = (unsigned char)(was ^ 1);
	assert_int_equal(mm_cache_free_nmi(cache, p), MM_E_CORRUPT);
	assert_int_equal(stats(cache).used, 1);
	p[64] = was;
	assert_int_equal(mm_cache_free_nmi(cache, p), MM_OK);
	p[64] = (unsigned char)(was ^ 1); /* before it is home: it is allocated again */
	assert_int_equal(stats(cache).used, 1);
	p[64] = was;
	assert_int_equal(mm_cache_free(cache, p), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void it_is_zero_when_it_comes_again(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0);
	unsigned char *p[40];

	for (unsigned round = 0; round < 4; round++) {
		for (unsigned i = 0; i < 40; i++) {
			assert_non_null(p[i] = mm_cache_alloc(cache, 0));
			for (unsigned k = 0; MM_HARDEN & MM_HARDEN_ZERO && k < 64; k++)
				assert_int_equal(p[i][k], 0);
			fill(p[i], 64, round);
		}
		for (unsigned i = 0; i < 40; i++)
			assert_int_equal(mm_cache_free_nmi(cache, p[i]), MM_OK);
	}
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}
#endif

#if !MM_SANITIZER
static unsigned told;

static void tell(void *ctx, const struct mm_guard_report *report)
{
	(void)ctx;
	assert_int_equal(report->kind, MM_GUARD_AFTER_FREE);
	assert_true(report->freed != 0);
	told++;
}

/* If nobody wrote beside it; else it goes home, and who brings it there tells. */
static void a_guarded_one_waits_in_a_reserve(struct mm_cache *cache)
{
	struct mm_mempool pool;
	unsigned char *p;
	void *place;

	assert_int_equal(mm_mempool_init(&pool, cache, &place, 1, 0), MM_OK);
	assert_non_null(p = mm_mempool_take(&pool));
	assert_true((uintptr_t)p - heap.guard->base < heap.guard->bytes);
	assert_int_equal(mm_mempool_free_nmi(&pool, p), MM_OK);
	assert_ptr_equal(place, p);
	assert_int_equal(mm_mempool_free_nmi(&pool, p), MM_E_DOUBLE_FREE);
	assert_ptr_equal(mm_mempool_take(&pool), p);
	told = 0;
	p[-1] ^= 1;
	assert_int_equal(mm_mempool_free_nmi(&pool, p), MM_OK);
	assert_null(place);
	assert_int_equal(told, 0);
	assert_int_equal(stats(cache).used, 0);
	assert_int_equal(told, 1);
	assert_non_null(p = mm_cache_alloc(cache, 0));
	assert_int_equal(mm_mempool_free_nmi(&pool, p), MM_OK);
	assert_int_equal(mm_mempool_destroy(&pool), MM_OK);
	told = 0;
}

static void guarded_objects_come_home_too(void **state)
{
	(void)state;
	static const struct mm_guard_hooks hooks = { .report = tell };
	struct mm_guard_cfg cfg = { .bytes = 16 * MM_FRAME_SIZE, .every = 1, .kmalloc = true, .hooks = &hooks };
	struct mm_cache_cfg one = { .name = "guarded", .size = 64, .flags = MM_CACHE_GUARD };
	struct mm_guard_stats s;
	struct mm_cache *cache;
	unsigned char *p, *large;
	void *room = aligned_alloc((size_t)MM_FRAME_SIZE, cfg.bytes);

	assert_non_null(cfg.base = room);
	assert_int_equal(mm_guard_init(&heap, &cfg), MM_OK);
	assert_int_equal(mm_cache_create(&heap, &one, &cache), MM_OK);
	assert_non_null(p = mm_cache_alloc(cache, 0));
	assert_non_null(large = mm_kmalloc(&heap, (size_t)MM_FRAME_SIZE / 2, 0));
	assert_true((uintptr_t)p - (uintptr_t)room < cfg.bytes && (uintptr_t)large - (uintptr_t)room < cfg.bytes);
	assert_int_equal(mm_kfree_nmi(&heap, p + 1), MM_E_ALIGN);
	assert_int_equal(mm_cache_free_nmi(cache, large), MM_E_OWNER);
	assert_int_equal(mm_kfree_nmi(&heap, p), MM_OK);
	assert_int_equal(mm_kfree_nmi(&heap, large), MM_OK);
	assert_int_equal(mm_cache_free_nmi(cache, p), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_kfree(&heap, p), MM_E_DOUBLE_FREE);
	assert_int_equal(stats(cache).used, 0);
	assert_int_equal(mm_guard_stats(&heap, &s), MM_OK);
	assert_int_equal(s.used, 0);
	assert_int_equal(mm_cache_free_nmi(cache, p), MM_E_DOUBLE_FREE);

	a_guarded_one_waits_in_a_reserve(cache);
	assert_non_null(p = mm_cache_alloc(cache, 0));
	assert_int_equal(mm_kfree_nmi(&heap, p), MM_OK);
	p[-1] ^= 1; /* beside it: who brings it home tells */
	assert_int_equal(mm_guard_end(&heap), MM_OK);
	assert_int_equal(told, 1);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	free(room);
}
#endif

#if MM_HOOKS
static unsigned steps, hit_at, hits;
static void *nmi_object;
static bool in_nmi;

/* At the hit_at-th step, with locks or without. */
static void nmi(void)
{
	if (in_nmi || ++steps != hit_at)
		return;
	in_nmi = true;
	if (nmi_object) {
		check(nmi_object, 64, 9);
		assert_int_equal(mm_kfree_nmi(&heap, nmi_object), MM_OK);
		hits++;
	}
	nmi_object = NULL;
	in_nmi = false;
}

/* Do something, for each of its steps once with an NMI that frees there. The object is one beside those that are
 * at work. */
static void at_every_step(void (*what)(void))
{
	bool hit = true;

	hits = 0;
	for (hit_at = 1; hit; hit_at++) {
		assert_non_null(nmi_object = mm_kmalloc(&heap, 64, 0));
		fill(nmi_object, 64, 9);
		steps = 0;
		sim_step = nmi;
		what();
		sim_step = NULL;
		hit = steps >= hit_at;
		if (nmi_object)
			assert_int_equal(mm_kfree(&heap, nmi_object), MM_OK);
		if (hit_at % 64 == 0)
			verify_all();
	}
	assert_true(hits + 2 == hit_at);
	assert_int_equal(mm_heap_shrink(&heap), MM_OK);
	verify_all();
	assert_int_equal(stats(&heap.caches[mm_object_class_of(&heap, 64)]).objects, 0);
}

static void turn_magazines_over(void)
{
	void *p[140];

	for (unsigned i = 0; i < 140; i++)
		assert_non_null(p[i] = mm_kmalloc(&heap, 64, 0));
	for (unsigned i = 0; i < 140; i++)
		assert_int_equal(i % 3 ? mm_kfree(&heap, p[i]) : mm_kfree_nmi(&heap, p[i]), MM_OK);
}

static void give_all_back(void)
{
	void *p[6];

	for (unsigned i = 0; i < 6; i++)
		assert_non_null(p[i] = mm_kmalloc(&heap, 64, 0));
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(i % 2 ? mm_kfree(&heap, p[i]) : mm_kfree_nmi(&heap, p[i]), MM_OK);
	assert_int_equal(mm_heap_shrink(&heap), MM_OK);
	assert_int_equal(mm_heap_reap(&heap, NULL), MM_OK);
}

static void it_comes_at_every_step_of_magazines(void **state)
{
	(void)state;
	at_every_step(turn_magazines_over);
}

static void it_comes_at_every_step_of_slabs(void **state)
{
	(void)state;
	at_every_step(give_all_back);
}

/* At the hit_at-th step of a free in an NMI of CPU 1, CPU 0 gives all back. */
static void give_back_elsewhere(void)
{
	if (in_nmi || ++steps != hit_at)
		return;
	in_nmi = true;
	sim_cpu = 0;
	assert_int_equal(mm_heap_shrink(&heap), MM_OK);
	sim_cpu = 1;
	in_nmi = false;
}

/* The other object of the slab is on its way home. */
static void slabs_go_beside_it(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(2048, 0);
	struct mm_slab *slab;
	bool hit = true;

	for (hit_at = 1; hit; hit_at++) {
		void *p = mm_cache_alloc(cache, 0), *q = mm_cache_alloc(cache, 0);

		assert_int_equal(mm_cache_free_nmi(cache, q), MM_OK);
		sim_cpu = 1;
		steps = 0;
		sim_step = give_back_elsewhere;
		assert_int_equal(mm_cache_free_nmi(cache, p), MM_OK);
		sim_step = NULL;
		hit = steps >= hit_at;
		sim_cpu = 0;
		assert_true(!heap.returned || slab_find(&heap, heap.returned->base, &slab) == MM_OK);
		assert_int_equal(mm_heap_shrink(&heap), MM_OK);
		assert_int_equal(stats(cache).objects, 0);
	}
	assert_true(hit_at > 5);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void *wanted;
static enum mm_status answer;

/* At the hit_at-th step of who frees an object, an NMI frees it. */
static void nmi_same(void)
{
	if (in_nmi || ++steps != hit_at)
		return;
	in_nmi = true;
	answer = mm_kfree_nmi(&heap, wanted);
	in_nmi = false;
}

/* At level 1 both may be told that they freed it; it is free once, all the same. */
static void two_who_free_one_are_not_both_believed(void **state)
{
	(void)state;
	bool hit = true;

	for (hit_at = 1; hit; hit_at++) {
		enum mm_status st;

		assert_non_null(wanted = mm_kmalloc(&heap, 64, 0));
		answer = MM_E_DOUBLE_FREE;
		steps = 0;
		sim_step = nmi_same;
		st = mm_kfree(&heap, wanted);
		sim_step = NULL;
		hit = steps >= hit_at;
		assert_true(st == MM_OK || st == MM_E_DOUBLE_FREE);
		assert_true(answer == MM_OK || answer == MM_E_DOUBLE_FREE);
		assert_true(st == MM_OK || answer == MM_OK);
		assert_true(MM_CHECKS < 2 || st != MM_OK || answer != MM_OK);
		assert_int_equal(mm_heap_shrink(&heap), MM_OK);
		assert_int_equal(stats(&heap.caches[mm_object_class_of(&heap, 64)]).objects, 0);
	}
	assert_true(hit_at > 5);
}
#endif
#else
static void this_build_has_none(void **state)
{
	(void)state;
	struct mm_heap none = { 0 };
	struct mm_cache *cache = make_cache(64, 0);
	struct mm_mempool pool;
	void *p = mm_cache_alloc(cache, 0), *place;

	assert_int_equal(mm_kfree_nmi(&heap, NULL), MM_OK);
	assert_int_equal(mm_kfree_nmi(NULL, p), MM_E_INVAL);
	assert_int_equal(mm_kfree_nmi(&none, p), MM_E_STATE);
	assert_int_equal(mm_kfree_nmi(&heap, p), MM_E_NOTSUP);
	assert_int_equal(mm_cache_free_nmi(cache, NULL), MM_OK);
	assert_int_equal(mm_cache_free_nmi(NULL, p), MM_E_INVAL);
	assert_int_equal(mm_cache_free_nmi(cache, p), MM_E_NOTSUP);
	assert_int_equal(mm_mempool_init(&pool, cache, &place, 1, 0), MM_OK);
	assert_int_equal(mm_mempool_free_nmi(&pool, NULL), MM_OK);
	assert_int_equal(mm_mempool_free_nmi(&pool, p), MM_E_NOTSUP);
	assert_int_equal(mm_mempool_destroy(&pool), MM_OK);
	assert_int_equal(mm_cache_free(cache, p), MM_OK); /* it stayed allocated */
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	assert_int_equal(mm_cache_free_nmi(cache, p), MM_E_STATE);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
#if NMI_POSSIBLE
		HEAP_TEST(what_is_freed_so_comes_home),
		HEAP_TEST(each_of_those_who_give_back_or_count_brings_it_home),
		HEAP_TEST(allocation_and_free_bring_it_home_when_they_leave_their_magazines),
		HEAP_TEST(it_is_there_when_there_is_no_other),
		HEAP_TEST(every_wrong_free_is_answered_and_changes_nothing),
		HEAP_TEST(it_is_freed_once),
		HEAP_TEST(a_cache_stays_while_somebody_is_led_to_a_slab_of_it),
		HEAP_TEST(many_of_many_slabs_come_home),
		HEAP_TEST(memory_of_a_reserve_goes_to_its_cache),
		HEAP_TEST(a_reserve_gets_its_object_back),
		HEAP_TEST(nobody_holds_what_is_freed_so),
		HEAP_TEST(of_heaps_that_are_one_it_finds_its_own),
		HEAP_TEST(slabs_of_any_form_go),
#if MM_HARDEN & MM_HARDEN_CANARY
		HEAP_TEST(who_wrote_over_its_end_is_told_of),
		HEAP_TEST(it_is_zero_when_it_comes_again),
#endif
#if !MM_SANITIZER
		HEAP_TEST(guarded_objects_come_home_too),
#endif
#if MM_HOOKS
		HEAP_TEST(it_comes_at_every_step_of_magazines),
		HEAP_TEST(it_comes_at_every_step_of_slabs),
		HEAP_TEST(slabs_go_beside_it),
		HEAP_TEST(two_who_free_one_are_not_both_believed),
#endif
#else
		HEAP_TEST(this_build_has_none),
#endif
	};
	return cmocka_run_group_tests_name("slab_nmi", tests, NULL, NULL);
}
