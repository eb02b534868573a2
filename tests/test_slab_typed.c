/* SPDX-License-Identifier: MIT */
/* Caches of a type: constructors, colours, quotas, memory that stays. */
#include "slab_box.h"
#include "slab/slab.h"

#define MAGIC 0x6d6d6c69u

/* What hooks were called for. */
static struct hooks {
	size_t built, unbuilt; /* calls of ctor, of dtor */
	size_t bytes, most;    /* charged now; more is denied */
} seen;

static void ctor(void *ctx, void *p)
{
	((struct hooks *)ctx)->built++;
	*(uint32_t *)p = MAGIC;
}

static void dtor(void *ctx, void *p)
{
	((struct hooks *)ctx)->unbuilt++;
	assert_int_equal(*(uint32_t *)p, MAGIC);
	*(uint32_t *)p = 0;
}

static bool charge(void *ctx, size_t bytes)
{
	struct hooks *h = ctx;

	if (bytes > h->most - h->bytes)
		return false;
	h->bytes += bytes;
	return true;
}

static void uncharge(void *ctx, size_t bytes)
{
	struct hooks *h = ctx;

	assert_true(h->bytes >= bytes);
	h->bytes -= bytes;
}

static const struct mm_cache_hooks all_hooks = {
	.ctor = ctor, .dtor = dtor, .charge = charge, .uncharge = uncharge, .ctx = &seen
};

static int start_typed(void **state)
{
	seen = (struct hooks){ .most = SIZE_MAX };
	return start(state);
}

static struct mm_cache *make(const struct mm_cache_cfg *cfg)
{
	struct mm_cache *cache = NULL;

	assert_int_equal(mm_cache_create(&heap, cfg, &cache), MM_OK);
	return cache;
}

/* Allocate until it fails, which is told why; returns how many. */
static size_t take_all(struct mm_cache *cache, void **p, size_t most, enum mm_status *why)
{
	size_t n = 0;

	while (n < most && (*why = mm_cache_alloc_st(cache, 0, &p[n])) == MM_OK)
		n++;
	return n;
}

static void give_all(struct mm_cache *cache, void **p, size_t n)
{
	while (n-- > 0)
		assert_int_equal(mm_cache_free(cache, p[n]), MM_OK);
}

static void objects_are_constructed_once_and_destructed_once(void **state)
{
	(void)state;
	const struct mm_cache_cfg cfg = { .name = "typed", .size = 100, .hooks = &all_hooks };
	struct mm_cache *cache = make(&cfg);
	enum mm_status why;
	static void *p[1000];
	void *out = &out;

	for (unsigned round = 0; round < 3; round++) {
		assert_int_equal(take_all(cache, p, 1000, &why), 1000);
		for (unsigned i = 0; i < 1000; i++) {
			assert_int_equal(*(uint32_t *)p[i], MAGIC);
			memset((unsigned char *)p[i] + sizeof(uint32_t), 0xee, 100 - sizeof(uint32_t));
		}
		assert_int_equal(seen.built - seen.unbuilt, stats(cache).objects);
		give_all(cache, p, 1000);
	}
	assert_int_equal(mm_cache_alloc_st(cache, MM_ALLOC_ZERO, &out), MM_E_INVAL);
	assert_ptr_equal(out, &out);
	assert_null(mm_cache_alloc(cache, MM_ALLOC_ZERO));
	assert_int_equal(mm_heap_shrink(&heap), MM_OK);
	assert_int_equal(seen.built, seen.unbuilt);
	assert_int_equal(seen.bytes, 0);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void a_cache_with_objects_keeps_its_memory_when_it_is_not_destroyed(void **state)
{
	(void)state;
	const struct mm_cache_cfg cfg = { .name = "typed", .size = 100, .hooks = &all_hooks };
	struct mm_cache *cache = make(&cfg);
	uint32_t *p = mm_cache_alloc(cache, 0);

	assert_non_null(p);
	assert_int_equal(mm_cache_destroy(cache), MM_E_BUSY);
	assert_int_equal(seen.unbuilt, 0);
	assert_int_equal(*p, MAGIC);
	assert_int_equal(mm_cache_free(cache, p), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	assert_int_equal(seen.built, seen.unbuilt);
}

static void slabs_begin_with_colours_in_turn(void **state)
{
	(void)state;
	const struct mm_cache_cfg cfg = { .name = "striped", .size = 1200, .align = 16, .colour = 48 };
	struct mm_cache *cache = make(&cfg);
	size_t bytes = (size_t)MM_FRAME_SIZE << cache->order, rest = bytes - cache->span;
	unsigned char *p[200];
	unsigned colours = 0, of[64] = { 0 };

	assert_true(rest >= 48 && rest / 48 < 64);
	for (unsigned i = 0; i < 200; i++) {
		size_t at;

		assert_non_null(p[i] = mm_cache_alloc(cache, 0));
		assert_int_equal((uintptr_t)p[i] % 16, 0);
		memset(p[i], 0xcc, 1200);
		at = (size_t)(p[i] - sim.host) % bytes % cache->size;
		assert_true(at % 48 == 0 && at <= rest);
		colours += of[at / 48]++ == 0;
	}
	assert_int_equal(colours, stats(cache).slabs < rest / 48 + 1 ? stats(cache).slabs : rest / 48 + 1);
#if MM_CHECKS >= 1
	for (unsigned i = 0; i < 200; i++) { /* what is before the first object, and behind the last, is none */
		unsigned char *slab = p[i] - (size_t)(p[i] - sim.host) % bytes;
		size_t gap = (size_t)(p[i] - slab) % cache->size;

		for (size_t k = 0; k < gap; k++)
			assert_int_equal(mm_kfree(&heap, slab + k), MM_E_ALIGN);
		for (size_t k = gap + cache->span; k < bytes; k += 7)
			assert_int_equal(mm_cache_free(cache, slab + k), MM_E_ALIGN);
	}
#endif
	verify_all();
	give_all(cache, (void **)p, 200);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void a_quota_is_kept_to_the_slab(void **state)
{
	(void)state;
	struct mm_cache_cfg cfg = { .name = "few", .size = 512 };
	struct mm_cache *cache = make(&cfg), *other = NULL;
	size_t slab = (size_t)MM_FRAME_SIZE << cache->order, n;
	static void *p[MAX_LIVE];
	enum mm_status why;

	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	cfg.quota = slab - 1;
	assert_int_equal(mm_cache_create(&heap, &cfg, &other), MM_E_INVAL);
	for (unsigned slabs = 1; slabs < 6; slabs += 2) {
		cfg.quota = slabs * slab + slab / 2;
		cache = make(&cfg);
		for (unsigned round = 0; round < 2; round++) {
			n = take_all(cache, p, MAX_LIVE, &why);
			assert_int_equal(n, slabs * (slab / cache->size));
			assert_int_equal(why, MM_E_NOSPC);
			assert_int_equal(stats(cache).slabs, slabs);
			give_all(cache, p, 1);
			assert_int_equal(mm_cache_alloc_st(cache, 0, &p[0]), MM_OK);
			give_all(cache, p, n);
			assert_int_equal(mm_heap_shrink(&heap), MM_OK);
		}
		assert_int_equal(mm_cache_destroy(cache), MM_OK);
	}
}

static void what_the_host_denies_is_not_taken(void **state)
{
	(void)state;
	const struct mm_cache_cfg cfg = { .name = "charged", .size = 512, .hooks = &all_hooks };
	struct mm_cache *cache = make(&cfg);
	static void *p[MAX_LIVE];
	enum mm_status why;
	size_t n, free_before = 0;

	seen.most = ((size_t)MM_FRAME_SIZE << cache->order) * 3;
	n = take_all(cache, p, MAX_LIVE, &why);
	assert_int_equal(n, 3 * cache->nobjects);
	assert_int_equal(why, MM_E_NOSPC);
	assert_int_equal(seen.bytes, stats(cache).bytes);
	give_all(cache, p, n);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	assert_int_equal(seen.bytes, free_before);
}

static void memory_that_stays_stays(void **state)
{
	(void)state;
	const struct mm_cache_cfg cfg = {
		.name = "stable", .size = 1000, .flags = MM_CACHE_KEEP, .hooks = &all_hooks
	};
	struct mm_cache *cache = make(&cfg);
	static void *p[500];
	enum mm_status why;
	size_t slabs;

	assert_int_equal(take_all(cache, p, 500, &why), 500);
	slabs = stats(cache).slabs;
	give_all(cache, p, 500);
	assert_int_equal(mm_heap_shrink(&heap), MM_OK);
	assert_int_equal(stats(cache).slabs, slabs);
	for (unsigned i = 0; i < 500; i++) /* a reader that is late still finds the type */
		assert_int_equal(*(uint32_t *)p[i], MAGIC);
	assert_int_equal(seen.unbuilt, 0);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	assert_int_equal(seen.built, seen.unbuilt);
	cache = make(&cfg); /* and with the heap: stop() */
	assert_int_equal(take_all(cache, p, 50, &why), 50);
	assert_int_equal(mm_heap_destroy(&heap), MM_E_BUSY);
	assert_int_equal(seen.built - seen.unbuilt, stats(cache).objects);
	give_all(cache, p, 50);
}

static void bad_types_are_refused(void **state)
{
	(void)state;
	struct mm_cache *cache = NULL;
	struct mm_cache_hooks hooks = { .charge = charge };
	struct mm_cache_cfg cfg = { .name = "x", .size = 64, .align = 64, .flags = 1u << 31 };

	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_E_INVAL);
	cfg.flags = 0;
	cfg.colour = 32;
	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_E_INVAL);
	cfg.colour = 64;
	cfg.hooks = &hooks;
	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_E_INVAL);
	hooks = (struct mm_cache_hooks){ .uncharge = uncharge };
	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_E_INVAL);
	cfg.hooks = NULL;
	cfg.quota = 1;
	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_E_INVAL);
	assert_null(cache);
}

#if MM_HOOKS
static void charges_are_given_back_when_memory_is_not_there(void **state)
{
	(void)state;
	const struct mm_cache_cfg cfg = { .name = "charged", .size = 512, .hooks = &all_hooks };

	for (unsigned nth = 1; nth < 8; nth++) {
		struct mm_cache *cache = make(&cfg);
		void *p = NULL;
		enum mm_status st;

		sim_fail_at(nth, true);
		st = mm_cache_alloc_st(cache, 0, &p);
		sim_fail_at(0, false);
		assert_true(st == MM_OK || st == MM_E_NOMEM);
		assert_int_equal(seen.bytes, stats(cache).bytes);
		assert_int_equal(seen.built - seen.unbuilt, stats(cache).objects);
		assert_int_equal(mm_cache_free(cache, p), MM_OK);
		assert_int_equal(mm_cache_destroy(cache), MM_OK);
		assert_int_equal(seen.bytes, 0);
	}
}
#endif

#define TEST(f) cmocka_unit_test_setup_teardown(f, start_typed, stop)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(objects_are_constructed_once_and_destructed_once),
		TEST(a_cache_with_objects_keeps_its_memory_when_it_is_not_destroyed),
		TEST(slabs_begin_with_colours_in_turn),
		TEST(a_quota_is_kept_to_the_slab),
		TEST(what_the_host_denies_is_not_taken),
		TEST(memory_that_stays_stays),
		TEST(bad_types_are_refused),
#if MM_HOOKS
		TEST(charges_are_given_back_when_memory_is_not_there),
#endif
	};
	return cmocka_run_group_tests_name("slab_typed", tests, NULL, NULL);
}
