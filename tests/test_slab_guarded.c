/* SPDX-License-Identifier: MIT */
/* Every function of the heap takes guarded objects like others, a mistake has its documented error there too, and
 * all is given back. */
#include "guard_box.h"
#include <mmlib/deferred.h>
#include <mmlib/reserve.h>

static void each_way_to_free_takes_them(void **state)
{
	(void)state;
	struct mm_cache *cache = make_guarded(96, 0, 0), *other = make_guarded(96, 0, 0);
	unsigned char *p = allocate(cache);
	void *list[3];

	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(mm_cache_free(other, p), MM_E_OWNER);
		assert_int_equal(mm_cache_free(cache, p + 1), MM_E_ALIGN);
		assert_int_equal(mm_kfree(&heap, p + 95), MM_E_ALIGN);
		assert_int_equal(mm_kfree(&heap, p - 1), (uintptr_t)p % FRAME ? MM_E_ALIGN : MM_E_OWNER);
		assert_int_equal(mm_kfree_sized(&heap, p, 30, 0), MM_E_ORDER);
		assert_int_equal(mm_kfree(&heap, pool), MM_E_OWNER);
		assert_int_equal(stats(cache).used, 1);
		if (i == 0)
			assert_int_equal(mm_kfree(&heap, p), MM_OK);
		else
			assert_int_equal(mm_kfree_sized(&heap, p, 96, 0), MM_OK);
		assert_int_equal(mm_kfree_sized(&heap, p, 96, 0), MM_E_DOUBLE_FREE);
		assert_int_equal(mm_cache_free_bulk(cache, (void *const[]){ p }, 1), MM_E_DOUBLE_FREE);
		assert_int_equal(mm_ksize(&heap, p), 0);
		p = allocate(cache);
	}
	list[0] = p;
	list[1] = allocate(cache);
	list[2] = list[0];
	assert_int_equal(mm_cache_free_bulk(cache, list, 3), MM_E_DOUBLE_FREE);
	assert_int_equal(stats(cache).used, 2);
	assert_int_equal(mm_cache_destroy(cache), MM_E_BUSY);
	assert_int_equal(mm_heap_destroy(&heap), MM_E_BUSY);
	assert_int_equal(mm_guard_end(&heap), MM_E_BUSY);
	assert_int_equal(mm_cache_free_bulk(cache, list, 2), MM_OK);
	assert_int_equal(stats(cache).used, 0);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	assert_int_equal(mm_kfree(&heap, p), MM_E_DOUBLE_FREE); /* its cache is gone */
	assert_int_equal(mm_cache_destroy(other), MM_OK);
}

/* Guarded and others in one call, in both directions. */
static void many_at_once_are_of_both_kinds(void **state)
{
	(void)state;
	struct mm_cache *cache = make_guarded(96, 0, 0);
	void *p[80];
	unsigned guarded = 0;

	for (unsigned round = 0; round < 3; round++) {
		assert_int_equal(mm_cache_alloc_bulk(cache, 0, p, 80), MM_OK);
		guarded = 0;
		for (unsigned i = 0; i < 80; i++) {
			memset(p[i], (int)i, 96);
			guarded += is_guarded(p[i]);
		}
		assert_true(guarded > 0 && guarded < 80);
		assert_int_equal(pool_stats().used, guarded);
		assert_int_equal(stats(cache).used, 80);
		for (unsigned i = 0; i < 80; i++)
			for (unsigned at = 0; at < 96; at++)
				assert_int_equal(((unsigned char *)p[i])[at], i);
		assert_int_equal(mm_cache_free_bulk(cache, p, 80), MM_OK);
		assert_int_equal(stats(cache).used, 0);
		assert_int_equal(pool_stats().used, 0);
		verify_all();
	}
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* kmalloc: sizes to the byte, aligned as promised, resized in place and moved, zeroed. */
static void memory_of_any_size_is_guarded(void **state)
{
	(void)state;
	for (size_t size = 1; size <= FRAME; size = size * 2 + (size % 3 == 0)) {
		unsigned char *p = NULL, *q = NULL;

		assert_int_equal(mm_kmalloc_st(&heap, size, MM_ALLOC_ZERO, (void **)&p), MM_OK);
		assert_true(is_guarded(p));
		assert_int_equal(mm_ksize(&heap, p), size);
		assert_int_equal((uintptr_t)p % (size & (size - 1) || size < 16 ? 16 : size), 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0x5b, size);
		assert_int_equal(mm_krealloc_st(&heap, p, size - size / 4, 0, (void **)&q), MM_OK);
		assert_ptr_equal(q, p);
		assert_int_equal(mm_krealloc_st(&heap, p, size + 1, 0, (void **)&q), MM_OK);
		assert_ptr_not_equal(q, p);
		for (size_t i = 0; i < size - size / 4; i++)
			assert_int_equal(q[i], 0x5b);
		assert_int_equal(mm_krealloc_st(&heap, p, 3, 0, (void **)&q), MM_E_DOUBLE_FREE);
		assert_int_equal(mm_kfree(&heap, q), MM_OK);
	}
}

static void large_blocks_are_guarded_if_slots_are_large_enough(void **state)
{
	(void)state;
	size_t size = MM_KMALLOC_MAX_CLASS + FRAME + 24, frames = size / FRAME + 1;
	unsigned char *p, *q;

	assert_int_equal(mm_guard_end(&heap), MM_OK);
	assert_int_equal(munmap(pool, POOL), 0);
	pool_start(&(struct mm_guard_cfg){ .kmalloc = true, .hooks = &with_mmu, .frames = (uint32_t)frames });
	assert_non_null(p = mm_kmalloc(&heap, size, 0));
	assert_true(is_guarded(p));
	assert_int_equal(mm_ksize(&heap, p), size);
	memset(p, 1, size);
	if ((uintptr_t)(p + size) % FRAME == 0)
		assert_true(faults(p + size, true));
	assert_int_equal(mm_heap_destroy(&heap), MM_E_BUSY);
	assert_int_equal(mm_kfree(&heap, p + FRAME), MM_E_ALIGN);
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
	assert_int_equal(mm_kfree(&heap, p), MM_E_DOUBLE_FREE);
	assert_true(faults(p + size - 1, false));
	assert_int_equal(fault.kind, MM_GUARD_AFTER_FREE);
	assert_non_null(q = mm_kmalloc(&heap, 4 * FRAME, 0)); /* aligned to more than a frame */
	assert_false(is_guarded(q));
	assert_int_equal(mm_kfree(&heap, q), MM_OK);
	assert_non_null(q = mm_kmalloc(&heap, frames * FRAME + 1, 0));
	assert_false(is_guarded(q));
	assert_int_equal(mm_kfree(&heap, q), MM_OK);
}

static uint64_t clock_now(void *ctx)
{
	(void)ctx;
	return 1;
}

static bool clock_passed(void *ctx, uint64_t time)
{
	(void)time;
	return *(bool *)ctx;
}

/* A deferred free leaves the object as it is until readers have left, then its page is closed. */
static void a_deferred_free_waits(void **state)
{
	(void)state;
	struct mm_cache *cache = make_guarded(96, 0, 0);
	static bool passed;
	static const struct mm_epoch_hooks epoch = { .now = clock_now, .passed = clock_passed, .ctx = &passed };
	struct mm_deferred d;
	unsigned char *p = allocate(cache), was;

	passed = false;
	assert_int_equal(mm_deferred_init(&d, &heap, &epoch), MM_OK);
	memset(p, 9, 96);
	if ((uintptr_t)p % FRAME == 0) { /* something behind it */
		was = p[96];
		p[96] = 0;
		assert_int_equal(mm_kfree_deferred(&d, p), MM_E_CORRUPT);
		p[96] = was;
	}
	assert_int_equal(mm_kfree_deferred(&d, p), MM_OK);
	assert_int_equal(mm_kfree_deferred(&d, p), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_kfree(&heap, p), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_deferred_poll(&d), MM_E_AGAIN);
	assert_false(faults(p, false));
	assert_int_equal(p[95], 9);
	assert_int_equal(stats(cache).used, 1);
	passed = true;
	assert_int_equal(mm_deferred_poll(&d), MM_OK);
	assert_true(faults(p, false));
	assert_int_equal(fault.kind, MM_GUARD_AFTER_FREE);
	assert_int_equal(mm_deferred_destroy(&d, NULL), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void they_wait_in_reserve(void **state)
{
	(void)state;
	struct mm_cache *cache = make_guarded(96, 0, 0);
	struct mm_mempool reserve;
	struct mm_prefill h = { 0 };
	void *places[4], *p, *q;

	assert_int_equal(mm_mempool_init(&reserve, cache, places, 4, 0), MM_OK);
	assert_int_equal(mm_prefill_fill(&h, cache, 4, 0), MM_OK);
	assert_true(is_guarded(places[0]));
	assert_int_equal(mm_kfree(&heap, places[0]), MM_E_DOUBLE_FREE);
	p = mm_mempool_take(&reserve);
	q = mm_prefill_alloc(&h);
	assert_true(is_guarded(p));
	memset(p, 3, 96);
	memset(q, 3, 96);
	assert_int_equal(mm_mempool_free(&reserve, p), MM_OK);
	assert_int_equal(mm_mempool_free(&reserve, p), MM_E_DOUBLE_FREE);
	assert_false(faults(p, false)); /* it waits */
	assert_int_equal(mm_cache_free(cache, q), MM_OK);
	mm_prefill_return(&h);
	assert_int_equal(mm_mempool_destroy(&reserve), MM_OK);
	assert_true(faults(p, false));
	assert_int_equal(stats(cache).used, 0);
	assert_int_equal(pool_stats().used, 0);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* A host that is told of damage beside what waits in reserve goes on: the reserve is given back. */
static void damage_beside_a_reserve_is_told(void **state)
{
	(void)state;
	struct mm_cache *cache = make_guarded(96, 0, 0);
	struct mm_mempool reserve;
	struct mm_prefill h = { 0 };
	void *places[1];
	unsigned char *p;

	assert_int_equal(mm_mempool_init(&reserve, cache, places, 1, 0), MM_OK);
	assert_int_equal(mm_prefill_fill(&h, cache, 1, 0), MM_OK);
	p = places[0];
	assert_true(is_guarded(p));
	p[-1] ^= 1;
	assert_int_equal(mm_mempool_destroy(&reserve), MM_OK);
	assert_int_equal(tellings, 1);
	assert_ptr_equal(told.object, p);
	assert_int_equal(told.address, (uintptr_t)(p - 1));
	assert_int_equal(told.freed, told.allocated); /* who put it there */
	mm_prefill_return(&h);
	assert_int_equal(tellings, 1);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static unsigned char *about_to_go; /* a page of the pool whose object goes back at once */

/* Somebody writes there while the host is told of something else, or asked for room, which there is not. */
static void stain_when_told(void *ctx, const struct mm_guard_report *report)
{
	tell(ctx, report);
	if (tellings == 1)
		*about_to_go = 1;
}

static bool stain_when_asked(void *ctx, size_t bytes)
{
	(void)ctx;
	(void)bytes;
	*about_to_go = 1;
	return false;
}

static void never_charged(void *ctx, size_t bytes)
{
	(void)ctx;
	(void)bytes;
	assert_true(false);
}

/* So does one that is told of damage beside what memory was to move to, when that is not to move any more. */
static void damage_beside_what_memory_moves_to_is_told(void **state)
{
	(void)state;
	static const struct mm_guard_hooks hooks = { .report = stain_when_told, .ctx = &pool };
	unsigned char *p;
	void *to = &to;

	assert_int_equal(mm_guard_end(&heap), MM_OK);
	assert_int_equal(munmap(pool, POOL), 0);
	pool_start(&(struct mm_guard_cfg){ .kmalloc = true, .hooks = &hooks });
	p = mm_kmalloc(&heap, 96, 0);
	assert_true(is_guarded(p));
	p[-1] ^= 1;
	about_to_go = p - (uintptr_t)p % FRAME + FRAME; /* the next one's */
	assert_int_equal(mm_krealloc_st(&heap, p, 400, 0, &to), MM_E_CORRUPT);
	assert_ptr_equal(to, &to);
	assert_int_equal(tellings, 2);
	assert_int_equal(told.address, (uintptr_t)about_to_go);
	assert_int_equal(pool_stats().used, 1);
	p[-1] ^= 1;
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
}

/* And beside what was to be one of many, of which there are not enough. */
static void damage_beside_one_of_too_many_is_told(void **state)
{
	(void)state;
	static const struct mm_cache_hooks hooks = { .charge = stain_when_asked, .uncharge = never_charged };
	const struct mm_cache_cfg cfg = { .name = "denied", .size = 96, .flags = MM_CACHE_GUARD, .hooks = &hooks };
	struct mm_cache *cache;
	void *p[POOL / FRAME];

	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_OK);
	p[0] = allocate(cache);
	about_to_go = (unsigned char *)p[0] - (uintptr_t)p[0] % FRAME + FRAME;
	assert_int_equal(mm_cache_alloc_bulk(cache, 0, p + 1, POOL / FRAME - 1), MM_E_NOSPC);
	assert_int_equal(tellings, 1);
	assert_int_equal(told.address, (uintptr_t)about_to_go);
	assert_int_equal(pool_stats().used, 1);
	release(cache, p[0]);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static unsigned char *replaced;

/* Somebody repairs what he is told of, and is late: he frees the object, too, and its slot has another one then. */
static void replace_when_told(void *ctx, const struct mm_guard_report *report)
{
	unsigned char *late = (unsigned char *)(uintptr_t)report->object;

	tell(ctx, report);
	if (tellings > 1)
		return;
	*about_to_go = about_to_go[1];
	assert_int_equal(mm_kfree(&heap, late), MM_OK);
	replaced = mm_kmalloc(&heap, 200, 0);
	assert_ptr_not_equal(replaced, late);
	assert_ptr_equal(replaced - (uintptr_t)replaced % FRAME, about_to_go);
}

/* Who gives one back that was to be one of many, and is told of damage beside it, leaves what is in its slot by then. */
static void who_replaces_one_of_too_many_keeps_it(void **state)
{
	(void)state;
	static const struct mm_guard_hooks replaces = { .report = replace_when_told, .ctx = &pool };
	static const struct mm_cache_hooks hooks = { .charge = stain_when_asked, .uncharge = never_charged };
	const struct mm_cache_cfg cfg = { .name = "denied", .size = 96, .flags = MM_CACHE_GUARD, .hooks = &hooks };
	struct mm_cache *cache;
	void *p[POOL / FRAME];

	assert_int_equal(mm_guard_end(&heap), MM_OK);
	assert_int_equal(munmap(pool, POOL), 0);
	pool_start(&(struct mm_guard_cfg){ .kmalloc = true, .hooks = &replaces });
	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_OK);
	p[0] = allocate(cache);
	about_to_go = (unsigned char *)p[0] - (uintptr_t)p[0] % FRAME + FRAME;
	assert_int_equal(mm_cache_alloc_bulk(cache, 0, p + 1, POOL / FRAME - 1), MM_E_NOSPC);
	assert_int_equal(tellings, 1);
	assert_int_equal(pool_stats().used, 2);
	assert_int_equal(mm_kfree(&heap, replaced), MM_OK);
	release(cache, p[0]);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

CALLED unsigned char *take(struct mm_mempool *reserve)
{
	unsigned char *p = mm_mempool_take(reserve);

	assert_true(is_guarded(p));
	return p;
}

CALLED unsigned char *take_prefilled(struct mm_prefill *h)
{
	unsigned char *p = mm_prefill_alloc(h);

	assert_true(is_guarded(p));
	return p;
}

/* Who took an object out of a reserve has it: he is told, not who filled that. */
static void who_took_one_of_a_reserve_is_told(void **state)
{
	(void)state;
	struct mm_cache *cache = make_guarded(96, 0, 0);
	struct mm_mempool reserve;
	struct mm_prefill h = { 0 };
	struct mm_guard_report r;
	void *places[1];
	unsigned char *p;

	assert_int_equal(mm_mempool_init(&reserve, cache, places, 1, 0), MM_OK);
	p = take(&reserve);
	assert_int_equal(mm_guard_fault(&heap, (uintptr_t)((uintptr_t)p % FRAME ? p + 96 : p - 1), &r), MM_OK);
	assert_ptr_equal(r.object, p);
	assert_true(r.allocated - (uintptr_t)&take < 1024);
	assert_int_equal(mm_mempool_free(&reserve, p), MM_OK);
	assert_int_equal(mm_mempool_destroy(&reserve), MM_OK);
	assert_int_equal(mm_prefill_fill(&h, cache, 1, 0), MM_OK);
	p = take_prefilled(&h);
	assert_int_equal(mm_guard_fault(&heap, (uintptr_t)((uintptr_t)p % FRAME ? p + 96 : p - 1), &r), MM_OK);
	assert_ptr_equal(r.object, p);
	assert_true(r.allocated - (uintptr_t)&take_prefilled < 1024);
	release(cache, p);
	mm_prefill_return(&h);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* An object of kmalloc's that is smaller than its class does not serve as one of it. */
static void a_smaller_object_is_no_reserve(void **state)
{
	(void)state;
	struct mm_mempool reserve;
	void *places[1], *p = mm_kmalloc(&heap, 20, 0), *q;
	uint32_t it = 1;
	struct mm_cache *cache = mm_cache_next(&heap, &it); /* 32 bytes, or what is left of them */

	while (p && mm_cache_free(cache, p) == MM_E_OWNER)
		cache = mm_cache_next(&heap, &it);
	assert_int_equal(mm_mempool_init(&reserve, cache, places, 1, 0), MM_OK);
	q = mm_mempool_take(&reserve);
	p = mm_kmalloc(&heap, 20, 0);
	assert_true(is_guarded(p));
	assert_int_equal(mm_mempool_free(&reserve, p), MM_OK);
	assert_null(mm_mempool_take(&reserve));
	assert_int_equal(mm_mempool_free(&reserve, q), MM_OK);
	assert_int_equal(mm_mempool_destroy(&reserve), MM_OK);
}

static void who_holds_them_is_told(void **state)
{
	(void)state;
	struct mm_cache *noting = make_guarded(96, 0, MM_CACHE_OWNERS), *plain = make_guarded(96, 0, 0);
	unsigned char *p = allocate(noting), *q = allocate(plain), *r;
	struct mm_leak list[4], rest;
	struct mm_leak_walk it = { 0 };
	struct mm_leak_object o;
	uintptr_t owner = 0;
	size_t n = 0, found = 0;

	assert_int_equal(mm_heap_owner(&heap, p, &owner), MM_OK);
	assert_true(owner - (uintptr_t)&allocate < 1024);
	assert_int_equal(mm_heap_owner(&heap, q, &owner), MM_E_NOTSUP);
	assert_int_equal(mm_heap_owner(&heap, p + 1, &owner), MM_E_ALIGN);
	r = mm_cache_alloc(noting, MM_ALLOC_ZERO);
	assert_int_equal(mm_heap_set_owner(&heap, r, 42), MM_OK);
	assert_int_equal(mm_cache_leaks(noting, list, 4, &n, &rest), MM_OK);
	assert_int_equal(n, 2);
	assert_int_equal(mm_heap_leaks(&heap, list, 4, &n, &rest), MM_OK);
	assert_int_equal(n, 2);
	assert_int_equal(list[0].objects + list[1].objects, 2);
	for (; mm_leak_next(&heap, &it, 42, &o); found++)
		assert_true(o.p == r && o.owner == 42 && o.cache == noting);
	assert_int_equal(found, 1);
	release(noting, p);
	assert_int_equal(mm_heap_owner(&heap, p, &owner), MM_E_DOUBLE_FREE);
	release(noting, r);
	release(plain, q);
	assert_int_equal(mm_heap_leaks(&heap, list, 4, &n, &rest), MM_OK);
	assert_int_equal(n, 0);
	assert_int_equal(mm_cache_destroy(noting), MM_OK);
	assert_int_equal(mm_cache_destroy(plain), MM_OK);
}

/* Who notes owners goes to slow paths each time, so each allocation can be guarded. */
static void with_owners_each_allocation_is(void **state)
{
	void *p[3];

	(void)state;
	assert_non_null(p[0] = mm_kmalloc(&heap, 100, 0));
	assert_int_equal(mm_heap_note_owners(&heap), MM_E_BUSY);
	assert_int_equal(mm_kfree(&heap, p[0]), MM_OK);
	assert_int_equal(mm_heap_note_owners(&heap), MM_OK);
	for (unsigned i = 0; i < 3; i++)
		assert_true(is_guarded(p[i] = mm_kmalloc(&heap, 100, 0)));
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(mm_kfree(&heap, p[i]), MM_OK);
}

static unsigned built;

static void construct(void *ctx, void *p)
{
	(void)ctx;
	memset(p, 0xC7, 96);
	built++;
}

static void destruct(void *ctx, void *p)
{
	(void)ctx;
	for (unsigned i = 0; i < 96; i++)
		assert_int_equal(((unsigned char *)p)[i], 0xC7);
	built--;
}

static void they_are_constructed(void **state)
{
	(void)state;
	static const struct mm_cache_hooks hooks = { .ctor = construct, .dtor = destruct };
	struct mm_cache_cfg cfg = { .name = "built", .size = 96, .flags = MM_CACHE_GUARD, .hooks = &hooks };
	struct mm_cache *cache;
	unsigned char *p;

	built = 0;
	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_OK);
	p = allocate(cache);
	assert_int_equal(built, 1);
	assert_int_equal(p[95], 0xC7);
	assert_int_equal(stats(cache).objects, 1);
	release(cache, p);
	assert_int_equal(built, 0);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	cfg.flags |= MM_CACHE_KEEP; /* readers may look at what is free */
	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_E_INVAL);
}

static struct mm_cache *going;
static enum mm_status gone;

static void destroy_meanwhile(void *ctx, void *p)
{
	(void)ctx;
	(void)p;
	gone = mm_cache_destroy(going); /* as another CPU does */
}

/* A cache whose hooks are still called is not gone. */
static void a_cache_stays_until_its_last_free_is_done(void **state)
{
	(void)state;
	static const struct mm_cache_hooks hooks = { .dtor = destroy_meanwhile };
	struct mm_cache_cfg cfg = { .name = "going", .size = 96, .flags = MM_CACHE_GUARD, .hooks = &hooks };

	assert_int_equal(mm_cache_create(&heap, &cfg, &going), MM_OK);
	gone = MM_OK;
	release(going, allocate(going));
	assert_int_equal(gone, MM_E_BUSY);
	assert_int_equal(mm_cache_destroy(going), MM_OK);
}

static void a_device_finds_them(void **state)
{
	(void)state;
	struct mm_cache *cache = make_guarded(96, 0, 0);
	void *p = NULL;
	mm_paddr_t pa = 0, again = 0;

	assert_int_equal(mm_cache_alloc_paddr(cache, 0, &p, &pa), MM_OK);
	assert_true(is_guarded(p));
	assert_true(pa == POOL_PA + (mm_paddr_t)((unsigned char *)p - pool));
	assert_int_equal(mm_heap_paddr(&heap, (unsigned char *)p + 7, &again), MM_OK);
	assert_true(again == pa + 7);
	release(cache, p);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

#if MM_HOOKS
static struct mm_cache *page_cache;
static void *twice, *taken;
static unsigned steps_left;

/* Another CPU frees the same object first, and its pages are another object, that begins elsewhere. */
static void overtake(void)
{
	if (steps_left-- > 1)
		return;
	sim_step = NULL;
	if (mm_kfree(&heap, twice) == MM_OK)
		assert_true(is_guarded(taken = mm_cache_alloc(page_cache, 0)));
}

static size_t stained;

/* Somebody writes beside what is at that place of the pool, or is about to be. */
static void stain(void)
{
	if (steps_left-- > 1)
		return;
	sim_step = NULL;
	pool[stained] ^= 1;
}

/* The place beside the next object that is guarded, in a pool that is new. */
static size_t beside_the_first(struct mm_cache *cache)
{
	struct mm_prefill h = { 0 };
	size_t at;

	assert_int_equal(mm_prefill_fill(&h, cache, 1, 0), MM_OK);
	unsigned char *p = mm_prefill_alloc(&h);
	assert_true(is_guarded(p));
	at = (size_t)(p - pool);
	release(cache, p);
	mm_prefill_return(&h);
	return at % FRAME ? at - 1 : at + 96;
}

/* Damage beside an object while it is put into a reserve: the host is told, and the object is in there, or back. */
static void damage_beside_what_is_to_wait_loses_nothing(void **state)
{
	(void)state;
	unsigned tellings_before, told_some = 0;

	for (unsigned step = 0; step < 60; step++) {
		struct mm_prefill h = { 0 };

		assert_int_equal(mm_guard_end(&heap), MM_OK);
		assert_int_equal(munmap(pool, POOL), 0);
		pool_start(&(struct mm_guard_cfg){ .hooks = &without_mmu });
		struct mm_cache *cache = make_guarded(96, 0, 0);
		tellings_before = tellings;
		if (step == 0) {
			stained = beside_the_first(cache);
		} else {
			steps_left = step;
			sim_step = stain;
			assert_int_equal(mm_prefill_fill(&h, cache, 1, 0), MM_OK);
			sim_step = NULL;
			mm_prefill_return(&h);
		}
		told_some += tellings > tellings_before;
		assert_int_equal(stats(cache).used, 0);
		assert_int_equal(mm_cache_destroy(cache), MM_OK);
	}
	assert_true(told_some > 0);
}

/* Who frees what another CPU has freed does not touch the object that is there now. */
static void a_free_too_late_is_refused(void **state)
{
	(void)state;
	struct mm_cache *cache = make_guarded(96, 0, 0);
	void *p[64], *free_at;
	unsigned n = 0;

	page_cache = make_guarded(FRAME, 0, 0);
	for (unsigned step = 1; step < 40; step++) {
		do {
			p[n] = mm_cache_alloc(cache, 0);
		} while (is_guarded(p[n]) && ++n < 64);
		if (!is_guarded(p[n]))
			assert_int_equal(mm_cache_free(cache, p[n]), MM_OK);
		assert_int_equal(mm_heap_drain(&heap), MM_OK);
		for (unsigned i = 0; i < n; i++) /* one at the end of its page */
			if ((uintptr_t)p[i] % FRAME) {
				free_at = p[i];
				p[i] = p[n - 1];
				p[n - 1] = free_at;
			}
		twice = p[--n];
		taken = NULL;
		steps_left = step;
		sim_step = overtake;
		if (mm_kfree(&heap, twice) == MM_OK)
			assert_null(taken);
		sim_step = NULL;
		if (taken) {
			memset(taken, 0x5d, FRAME);
			assert_int_equal(mm_cache_free(page_cache, taken), MM_OK);
		}
	}
	while (n > 0)
		assert_int_equal(mm_cache_free(cache, p[--n]), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	assert_int_equal(mm_cache_destroy(page_cache), MM_OK);
}
#endif

/* A host that cannot give access now keeps the pool as it is, and is asked again. */
static void a_pool_that_cannot_be_opened_stays(void **state)
{
	(void)state;
	struct mm_cache *cache = make_guarded(96, 0, 0);

	refuse_to = UINT32_MAX;
	assert_int_equal(mm_guard_end(&heap), MM_E_AGAIN);
	assert_int_equal(mm_heap_destroy(&heap), MM_E_AGAIN);
	refuse_to = 0;
	release(cache, allocate(cache));
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	assert_int_equal(mm_guard_end(&heap), MM_OK);
	memset(pool, 0x12, POOL);
}

/* One of so many allocations that are not served at hand; at hand, none; and mmlib's own never. */
static void one_of_so_many_is_guarded(void **state)
{
	(void)state;
	struct mm_cache *cache = make_guarded(96, 0, 0), *plain = make_cache(96, 0);
	unsigned n = 0;
	void *p = NULL;

	assert_int_equal(mm_guard_end(&heap), MM_OK);
	assert_int_equal(munmap(pool, POOL), 0);
	pool_start(&(struct mm_guard_cfg){ .hooks = &with_mmu, .every = 7 });
	for (unsigned i = 0; i < 70; i++) { /* what must be zero is not served at hand */
		assert_int_equal(mm_cache_alloc_st(cache, MM_ALLOC_ZERO, &p), MM_OK);
		n += is_guarded(p);
		for (unsigned at = 0; at < 96; at++)
			assert_int_equal(((unsigned char *)p)[at], 0);
		assert_int_equal(mm_cache_free(cache, p), MM_OK);
		assert_int_equal(mm_cache_alloc_st(plain, MM_ALLOC_ZERO, &p), MM_OK);
		assert_false(is_guarded(p));
		assert_int_equal(mm_cache_free(plain, p), MM_OK);
	}
	assert_int_equal(n, 10);
	assert_int_equal(pool_stats().given, 10);
	for (unsigned i = 0; i < 70; i++) { /* nor are these: kmalloc was not asked for */
		assert_non_null(p = mm_kmalloc(&heap, 96, MM_ALLOC_ZERO));
		assert_false(is_guarded(p));
		assert_int_equal(mm_kfree(&heap, p), MM_OK);
	}
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	assert_int_equal(mm_cache_destroy(plain), MM_OK);
}

static void mistakes_are_answered(void **state)
{
	struct mm_heap none = { 0 };
	struct mm_guard_cfg cfg = { .base = pool, .bytes = POOL, .hooks = &with_mmu };
	struct mm_guard_report r;
	struct mm_guard_stats s;

	(void)state;
	assert_int_equal(mm_guard_init(&heap, &cfg), MM_E_EXIST);
	assert_int_equal(mm_guard_init(&none, &cfg), MM_E_STATE);
	assert_int_equal(mm_guard_init(NULL, &cfg), MM_E_INVAL);
	assert_int_equal(mm_guard_init(&heap, NULL), MM_E_INVAL);
	assert_int_equal(mm_guard_end(&none), MM_E_STATE);
	assert_int_equal(mm_guard_end(NULL), MM_E_INVAL);
	assert_int_equal(mm_guard_fault(&none, (uintptr_t)pool, &r), MM_E_STATE);
	assert_int_equal(mm_guard_check(&none, &r), MM_E_STATE);
	assert_int_equal(mm_guard_check(&heap, NULL), MM_E_INVAL);
	assert_int_equal(mm_guard_stats(&none, &s), MM_E_STATE);
	assert_int_equal(mm_guard_stats(&heap, NULL), MM_E_INVAL);
	assert_int_equal(mm_guard_end(&heap), MM_OK);
	assert_int_equal(mm_guard_end(&heap), MM_E_STATE);
	memset(pool, 0x12, POOL); /* it is the host's, all of it */
	cfg.base = NULL;
	assert_int_equal(mm_guard_init(&heap, &cfg), MM_E_INVAL);
	cfg.base = pool + 1;
	assert_int_equal(mm_guard_init(&heap, &cfg), MM_E_INVAL);
	cfg.base = pool;
	cfg.bytes = POOL - 1;
	assert_int_equal(mm_guard_init(&heap, &cfg), MM_E_INVAL);
	cfg.bytes = 3 * FRAME; /* the pool, and two pages that nobody can access */
	assert_int_equal(mm_guard_init(&heap, &cfg), MM_E_INVAL);
	cfg.bytes = POOL;
	cfg.frames = MM_GUARD_FRAMES_MAX + 1;
	assert_int_equal(mm_guard_init(&heap, &cfg), MM_E_INVAL);
	cfg.frames = 0;
	cfg.hold = POOL / FRAME;
	assert_int_equal(mm_guard_init(&heap, &cfg), MM_E_INVAL);
	cfg.hold = 0;
	refuse_from = 0;
	refuse_to = UINT32_MAX;
	assert_int_equal(mm_guard_init(&heap, &cfg), MM_E_NOTSUP);
	assert_null(heap.guard);
	refuse_to = 0;
	cfg.bytes = 4 * FRAME;
	assert_int_equal(mm_guard_init(&heap, &cfg), MM_OK);
	assert_int_equal(pool_stats().slots, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GUARD_TEST(each_way_to_free_takes_them),
		GUARD_TEST(many_at_once_are_of_both_kinds),
		GUARD_TEST(memory_of_any_size_is_guarded),
		GUARD_TEST(large_blocks_are_guarded_if_slots_are_large_enough),
		GUARD_TEST(a_deferred_free_waits),
		GUARD_TEST(they_wait_in_reserve),
		GUARD_TEST(who_took_one_of_a_reserve_is_told),
		NO_MMU_TEST(damage_beside_a_reserve_is_told),
		NO_MMU_TEST(damage_beside_what_memory_moves_to_is_told),
		NO_MMU_TEST(damage_beside_one_of_too_many_is_told),
		NO_MMU_TEST(who_replaces_one_of_too_many_keeps_it),
		NO_MMU_TEST(a_smaller_object_is_no_reserve),
		GUARD_TEST(who_holds_them_is_told),
		GUARD_TEST(with_owners_each_allocation_is),
		GUARD_TEST(they_are_constructed),
		GUARD_TEST(a_cache_stays_until_its_last_free_is_done),
		GUARD_TEST(a_device_finds_them),
#if MM_HOOKS
		GUARD_TEST(a_free_too_late_is_refused),
		GUARD_TEST(damage_beside_what_is_to_wait_loses_nothing),
#endif
		GUARD_TEST(a_pool_that_cannot_be_opened_stays),
		GUARD_TEST(one_of_so_many_is_guarded),
		GUARD_TEST(mistakes_are_answered),
	};
	return cmocka_run_group_tests_name("slab guarded", tests, NULL, NULL);
}
