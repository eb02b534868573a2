/* SPDX-License-Identifier: MIT */
/* Who holds memory: each way to allocate notes who called, the report has each owner with what he holds, and a
 * walk tells each object once. Who does not ask for it has objects at hand as always. */
#include <mmlib/bulk.h>
#include <mmlib/deferred.h>
#include <mmlib/owner.h>
#include <mmlib/reserve.h>
#include "epoch_box.h"
#include "slab_box.h"
#include "stopped.h"
#include "slab/fast.h"
#include "hook.h"

#define ROOM   16u
#define OWNERS 7u

static struct mm_leak list[ROOM], rest;
static size_t n;
#define FILLED ((void *)(uintptr_t)0x5a) /* what is not written stays so */

#if MM_CHECKS >= 1
static int start_noting(void **state)
{
	int st = start(state);

	assert_int_equal(mm_heap_note_owners(&heap), MM_OK);
	assert_int_equal(mm_heap_note_owners(&heap), MM_OK);
	return st;
}

static struct mm_cache *make_noting(size_t size)
{
	struct mm_cache_cfg cfg = { .name = "noting", .size = size, .flags = MM_CACHE_OWNERS };
	struct mm_cache *cache = NULL;

	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_OK);
	return cache;
}

static uintptr_t owner_of(const void *p)
{
	uintptr_t owner = 0x77;

	assert_int_equal(mm_heap_owner(&heap, p, &owner), MM_OK);
	return owner;
}

/* Ways to allocate; each is an owner of its own. The result is used after the call: no call is a jump. */
static volatile unsigned calls;
#define CLIENT(name, ...)                                                                    \
	static __attribute__((__noinline__)) void *name(struct mm_cache *cache)             \
	{                                                                                    \
		void *p = NULL;                                                              \
		enum mm_status st = MM_OK;                                                   \
                                                                                             \
		(void)cache;                                                                 \
		__VA_ARGS__;                                                                 \
		calls++;                                                                     \
		assert_int_equal(st, MM_OK);                                                 \
		assert_non_null(p);                                                          \
		return p;                                                                    \
	}
CLIENT(by_kmalloc, p = mm_kmalloc(&heap, 100, 0))
CLIENT(by_kmalloc_st, st = mm_kmalloc_st(&heap, 100, 0, &p))
CLIENT(by_kmalloc_zero, p = mm_kmalloc(&heap, 100, MM_ALLOC_ZERO))
CLIENT(by_array, st = mm_kmalloc_array_st(&heap, 10, 10, 0, &p))
CLIENT(by_aligned, st = mm_kmalloc_aligned_st(&heap, 100, 64, 0, &p))
CLIENT(by_realloc, st = mm_krealloc_st(&heap, NULL, 100, 0, &p))
CLIENT(by_moving, st = mm_krealloc_st(&heap, by_kmalloc(NULL), 1000, 0, &p))
CLIENT(by_large, p = mm_kmalloc(&heap, LARGE, 0))
CLIENT(by_large_zero, st = mm_kmalloc_st(&heap, LARGE, MM_ALLOC_ZERO, &p))
CLIENT(by_cache, p = mm_cache_alloc(cache, 0))
CLIENT(by_cache_st, st = mm_cache_alloc_st(cache, 0, &p))
CLIENT(by_cache_zero, st = mm_cache_alloc_st(cache, MM_ALLOC_ZERO, &p))
CLIENT(by_bulk, st = mm_cache_alloc_bulk(cache, 0, &p, 1))
CLIENT(by_paddr, mm_paddr_t pa; st = mm_cache_alloc_paddr(cache, 0, &p, &pa))
CLIENT(by_prefill, struct mm_prefill h = { 0 }; st = mm_prefill_fill(&h, cache, 3, 0); p = mm_prefill_alloc(&h);
       mm_prefill_return(&h))
CLIENT(by_mempool, struct mm_mempool pool; void *place[1]; st = mm_mempool_init(&pool, cache, place, 1, 0);
       p = mm_mempool_alloc(&pool, 0); st = st ? st : mm_mempool_destroy(&pool))

static void each_way_to_allocate_notes_who_called(void **state)
{
	static void *(*const ways[])(struct mm_cache *) = {
		by_kmalloc, by_kmalloc_st, by_kmalloc_zero, by_array, by_aligned, by_realloc, by_moving, by_large,
		by_large_zero, by_cache, by_cache_st, by_cache_zero, by_bulk, by_paddr, by_prefill, by_mempool,
	};
	struct mm_cache *cache = make_noting(40);

	(void)state;
	for (unsigned w = 0; w < sizeof(ways) / sizeof(ways[0]); w++) {
		void *p = ways[w](cache);

		assert_true(owner_of(p) - (uintptr_t)ways[w] < 512);
		assert_int_equal(mm_heap_leaks(&heap, list, ROOM, &n, &rest), MM_OK);
		assert_int_equal(n, ways[w] == by_large || ways[w] == by_large_zero ? 2 : 1); /* and its record */
		assert_int_equal(list[0].owner, owner_of(p));
		assert_int_equal(list[0].objects, 1);
		assert_true(list[0].bytes >= mm_ksize(&heap, p));
		assert_int_equal(mm_kfree(&heap, p), MM_OK);
		assert_int_equal(mm_heap_leaks(&heap, list, ROOM, &n, &rest), MM_OK);
		assert_int_equal(n, 0);
	}
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* What a model says that owners hold, beside the heap. */
static struct held {
	void *p[MAX_LIVE];
	uintptr_t owner[MAX_LIVE];
	unsigned n;
} held;

static void hold(void *p, uintptr_t owner)
{
	assert_non_null(p);
	assert_int_equal(mm_heap_set_owner(&heap, p, owner), MM_OK);
	held.p[held.n] = p;
	held.owner[held.n++] = owner;
}

static void drop(unsigned i)
{
	assert_int_equal(mm_kfree(&heap, held.p[i]), MM_OK);
	held.p[i] = held.p[--held.n];
	held.owner[i] = held.owner[held.n];
}

/* Each object of an owner is told once, and there is no other. */
static void walk(uintptr_t owner)
{
	static unsigned char told[MAX_LIVE];
	struct mm_leak_walk it = { 0 };
	struct mm_leak_object o;
	unsigned i, count = 0, expected = 0;

	memset(told, 0, sizeof(told));
	while (mm_leak_next(&heap, &it, owner, &o)) {
		for (i = 0; i < held.n && held.p[i] != o.p; i++)
			;
		assert_true(i < held.n && !told[i]);
		told[i] = 1;
		assert_int_equal(held.owner[i], owner);
		assert_int_equal(o.owner, owner);
		assert_true(o.bytes >= mm_ksize(&heap, o.p));
		assert_true(!o.cache == (o.bytes >= LARGE));
		count++;
	}
	assert_false(mm_leak_next(&heap, &it, owner, &o)); /* the end stays the end */
	for (i = 0; i < held.n; i++)
		expected += held.owner[i] == owner;
	assert_int_equal(count, expected);
}

/* The report says what the model says, largest first. */
static void report(size_t records)
{
	size_t objects = 0;

	assert_int_equal(mm_heap_leaks(&heap, list, ROOM, &n, &rest), MM_OK);
	assert_int_equal(rest.objects, 0);
	for (size_t k = 0; k < n; k++) {
		size_t count = list[k].owner ? 0 : records;

		for (unsigned i = 0; i < held.n; i++)
			count += held.owner[i] == list[k].owner;
		assert_int_equal(list[k].objects, count);
		assert_true(k == 0 || list[k].bytes <= list[k - 1].bytes);
		objects += count;
	}
	assert_int_equal(objects, held.n + records);
}

static void the_report_is_what_is_held(void **state)
{
	static const size_t sizes[] = { 8, 16, 100, 3000, LARGE };
	struct mm_cache *cache = make_noting(8), *wide = make_noting(700);
	uint32_t x = 12345;
	size_t large = 0;

	(void)state;
	held.n = 0;
	for (unsigned round = 0; round < 6; round++) {
		while (held.n < 500 + 250 * round) {
			size_t size = sizes[(x = x * 1103515245u + 12345u) >> 16 & 3];
			uintptr_t owner = 1 + (x >> 20) % OWNERS;

			sim_cpu = x >> 24 & 1;
			if (large < 20 && (x >> 25) % 16 == 0) {
				hold(mm_kmalloc(&heap, LARGE, 0), owner);
				large++;
			} else {
				hold(x >> 26 & 1    ? mm_cache_alloc(cache, 0) :
				     x >> 27 & 1 ? mm_cache_alloc(wide, 0) :
						   mm_kmalloc(&heap, size, 0),
				     owner);
			}
		}
		sim_cpu = 0;
		report(large);
		for (uintptr_t owner = 1; owner <= OWNERS; owner++)
			walk(owner);
		verify_all();
		for (unsigned i = 0; i < held.n; i += 2) {
			large -= mm_ksize(&heap, held.p[i]) >= LARGE;
			drop(i);
		}
		report(large);
		if (round % 2)
			assert_int_equal(mm_heap_shrink(&heap), MM_OK);
	}
	while (held.n)
		drop(held.n - 1);
	report(0);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	assert_int_equal(mm_cache_destroy(wide), MM_OK);
}

static void hold_of(struct mm_cache *cache, unsigned count)
{
	held.n = 0;
	while (held.n < count)
		hold(mm_cache_alloc(cache, 0), 1);
}

static void end_with_all_held(struct mm_cache *cache)
{
	while (held.n)
		drop(held.n - 1);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* A walk stands in a cache that goes: it goes on with one that is made in its place, and with the next one. */
static void a_walk_goes_on_where_its_cache_is_gone(void **state)
{
	struct mm_cache *first = make_noting(HALF_KIB), *second = make_noting(3000), *next;
	struct mm_leak_walk it = { 0 }, before;
	void *kept = mm_cache_alloc(second, 0);
	struct mm_leak_object o;
	unsigned told = 0;

	(void)state;
	assert_int_equal(mm_heap_set_owner(&heap, kept, 1), MM_OK);
	hold_of(first, 60);
	while (told++ < 3)
		assert_true(mm_leak_next(&heap, &it, 1, &o));
	before = it;
	end_with_all_held(first);
	assert_true(mm_leak_next(&heap, &it, 1, &o));
	assert_ptr_equal(o.p, kept);
	next = make_noting(32);
	assert_ptr_equal(next, first);
	hold_of(next, 200);
	for (told = 0; mm_leak_next(&heap, &before, 1, &o); told++) {
		assert_int_equal(mm_heap_owner(&heap, o.p, &it.large), MM_OK); /* it is one */
		assert_int_equal(mm_heap_set_owner(&heap, o.p, 2), MM_OK);     /* and told once */
	}
	assert_true(told == 1 || told == 201); /* what is allocated meanwhile is told or not */
	end_with_all_held(next);
	assert_int_equal(mm_cache_free(second, kept), MM_OK);
	assert_int_equal(mm_cache_destroy(second), MM_OK);
}

static void an_owner_is_of_who_has_it_now(void **state)
{
	struct mm_cache *cache = make_noting(64);
	void *p[100];

	(void)state;
	for (unsigned round = 0; round < 2; round++) { /* the second one gets what the first one had */
		for (unsigned i = 0; i < 100; i++) {
			p[i] = round ? by_cache(cache) : by_bulk(cache);
			assert_true(owner_of(p[i]) - (uintptr_t)(round ? by_cache : by_bulk) < 512);
		}
		assert_int_equal(mm_cache_leaks(cache, list, ROOM, &n, &rest), MM_OK);
		assert_int_equal(n, 1);
		assert_int_equal(list[0].objects, 100);
		assert_int_equal(list[0].bytes, 100u * cache->size);
		for (unsigned i = 0; i < 100; i++)
			assert_int_equal(mm_cache_free(cache, p[i]), MM_OK);
		assert_int_equal(mm_heap_drain(&heap), MM_OK);
	}
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void owners_without_room_are_told_together(void **state)
{
	void *p[10];

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		p[i] = mm_kmalloc(&heap, 100, 0);
		assert_int_equal(mm_heap_set_owner(&heap, p[i], 100 + i % 5), MM_OK);
	}
	for (size_t room = 0; room <= 5; room++) {
		size_t objects = 0;

		assert_int_equal(mm_heap_leaks(&heap, list, room, &n, &rest), MM_OK);
		assert_int_equal(n, room);
		for (size_t k = 0; k < n; k++)
			objects += list[k].objects;
		assert_int_equal(objects, 2 * room);
		assert_int_equal(rest.owner, 0);
		assert_int_equal(rest.objects, 10 - objects);
		assert_int_equal(rest.bytes, rest.objects * (mm_ksize(&heap, p[0]) + heap.caches[6].redzone));
	}
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(mm_kfree(&heap, p[i]), MM_OK);
}

static void what_waits_is_not_told(void **state)
{
	struct mm_cache *cache = make_noting(64);
	struct mm_prefill h = { 0 };
	void *p;

	(void)state;
	assert_int_equal(mm_prefill_fill(&h, cache, 5, 0), MM_OK);
	assert_int_equal(mm_cache_leaks(cache, list, ROOM, &n, &rest), MM_OK);
	assert_int_equal(n, 0);
	p = mm_prefill_alloc(&h);
	assert_int_equal(mm_cache_leaks(cache, list, ROOM, &n, &rest), MM_OK);
	assert_int_equal(n, 1);
	assert_int_equal(list[0].objects, 1);
	mm_prefill_return(&h);
	assert_int_equal(mm_cache_free(cache, p), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* What waits belongs to nobody: who takes it out has it, not who put it there, nor who had it before. */
static struct mm_mempool waiting;
static struct mm_prefill handle;
CLIENT(by_taking, p = mm_mempool_take(&waiting))
CLIENT(by_reserve, p = mm_mempool_alloc(&waiting, 0)) /* the cache has none left */
CLIENT(by_handle, p = mm_prefill_alloc(&handle))

static void what_waited_is_of_who_took_it(void **state)
{
	static void *(*const ways[])(struct mm_cache *) = { by_taking, by_reserve, by_handle };
	struct mm_cache_cfg cfg = {
		.name = "few", .size = 2000, .flags = MM_CACHE_OWNERS, .quota = (size_t)MM_FRAME_SIZE * 4
	};
	struct mm_cache *cache = NULL;
	void *place[1], *p;

	(void)state;
	held.n = 0;
	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_OK);
	assert_int_equal(mm_prefill_fill(&handle, cache, 1, 0), MM_OK);
	assert_int_equal(mm_mempool_init(&waiting, cache, place, 1, 0), MM_OK);
	while ((p = mm_cache_alloc(cache, 0)) != NULL)
		held.p[held.n++] = p;
	for (unsigned turn = 0; turn < 5; turn++) {
		bool last = turn == 4;

		p = ways[turn / 2](cache);
		assert_true(owner_of(p) - (uintptr_t)ways[turn / 2] < 512);
		assert_int_equal(mm_heap_set_owner(&heap, p, 5), MM_OK);
		assert_int_equal(last ? mm_cache_free(cache, p) : mm_mempool_free(&waiting, p), MM_OK);
	}
	mm_prefill_return(&handle);
	while (held.n)
		drop(held.n - 1);
	assert_int_equal(mm_mempool_destroy(&waiting), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void mistakes_are_answered(void **state)
{
	struct mm_cache *noting = make_noting(64), *plain = make_cache(64, 0);
	unsigned char *p = mm_cache_alloc(noting, 0), *q = mm_cache_alloc(plain, 0), *large = by_large(NULL);
	unsigned char *freed = mm_kmalloc(&heap, 100, 0);
	struct mm_heap none = { 0 }, other;
	struct mm_leak_walk it = { 0 };
	struct mm_leak_object o;
	uintptr_t owner = 5;
	void *alien;

	(void)state;
	assert_int_equal(mm_kfree(&heap, freed), MM_OK);
	n = 99;
	assert_int_equal(mm_heap_note_owners(NULL), MM_E_INVAL);
	assert_int_equal(mm_heap_note_owners(&none), MM_E_STATE);
	assert_int_equal(mm_heap_owner(NULL, p, &owner), MM_E_INVAL);
	assert_int_equal(mm_heap_owner(&heap, NULL, &owner), MM_E_INVAL);
	assert_int_equal(mm_heap_owner(&heap, p, NULL), MM_E_INVAL);
	assert_int_equal(mm_heap_owner(&none, p, &owner), MM_E_STATE);
	assert_int_equal(mm_heap_owner(&heap, q, &owner), MM_E_NOTSUP);
	assert_int_equal(mm_heap_owner(&heap, p + 8, &owner), MM_E_ALIGN);
	assert_int_equal(mm_heap_owner(&heap, large + 8, &owner), MM_E_ALIGN);
	assert_int_equal(mm_heap_owner(&heap, large + MM_FRAME_SIZE, &owner), MM_E_ALIGN);
	assert_int_equal(mm_heap_owner(&heap, freed, &owner), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_heap_owner(&heap, &owner, &owner), MM_E_FOREIGN);
	assert_int_equal(mm_heap_owner(&heap, heap.cpus, &owner), MM_E_OWNER);
	assert_int_equal(mm_heap_set_owner(NULL, p, 1), MM_E_INVAL);
	assert_int_equal(mm_heap_set_owner(&heap, NULL, 1), MM_E_INVAL);
	assert_int_equal(mm_heap_set_owner(&none, p, 1), MM_E_STATE);
	assert_int_equal(mm_heap_set_owner(&heap, q, 1), MM_E_NOTSUP);
	assert_int_equal(mm_heap_set_owner(&heap, freed, 1), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_heap_leaks(NULL, list, ROOM, &n, &rest), MM_E_INVAL);
	assert_int_equal(mm_heap_leaks(&heap, NULL, ROOM, &n, &rest), MM_E_INVAL);
	assert_int_equal(mm_heap_leaks(&heap, list, ROOM, NULL, &rest), MM_E_INVAL);
	assert_int_equal(mm_heap_leaks(&heap, list, ROOM, &n, NULL), MM_E_INVAL);
	assert_int_equal(mm_heap_leaks(&none, list, ROOM, &n, &rest), MM_E_STATE);
	assert_int_equal(mm_cache_leaks(NULL, list, ROOM, &n, &rest), MM_E_INVAL);
	assert_int_equal(mm_cache_leaks(noting, NULL, ROOM, &n, &rest), MM_E_INVAL);
	assert_int_equal(mm_cache_leaks(noting, list, ROOM, NULL, &rest), MM_E_INVAL);
	assert_int_equal(mm_cache_leaks(noting, list, ROOM, &n, NULL), MM_E_INVAL);
	assert_int_equal(mm_cache_leaks(plain, list, ROOM, &n, &rest), MM_E_NOTSUP);
	assert_false(mm_leak_next(NULL, &it, 1, &o) || mm_leak_next(&none, &it, 1, &o) ||
		     mm_leak_next(&heap, NULL, 1, &o) || mm_leak_next(&heap, &it, 1, NULL));
	assert_true(owner == 5 && n == 99);
	assert_int_equal(mm_heap_init(&other, &pmm, 1), MM_OK);
	assert_int_equal(mm_kfree(&other, large), MM_E_OWNER); /* it has a record */
	assert_int_equal(mm_heap_owner(&other, large, &owner), MM_E_OWNER);
	assert_non_null(alien = mm_kmalloc(&other, LARGE, 0));
	assert_int_equal(mm_heap_owner(&other, alien, &owner), MM_E_NOTSUP);
	assert_int_equal(mm_kfree(&other, alien), MM_OK);
	assert_int_equal(mm_heap_destroy(&other), MM_OK);
	assert_int_equal(mm_cache_free(noting, p), MM_OK);
	assert_int_equal(mm_cache_free(plain, q), MM_OK);
	assert_int_equal(mm_kfree(&heap, large), MM_OK);
	assert_int_equal(mm_kfree(&heap, large), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_cache_destroy(noting), MM_OK);
	assert_int_equal(mm_cache_leaks(noting, list, ROOM, &n, &rest), MM_E_STATE);
	assert_int_equal(mm_cache_destroy(plain), MM_OK);
}

/* All blocks of a heap that notes owners have records. */
static void nor_one_without_a_record(struct mm_heap *other)
{
	void *alien = mm_kmalloc(other, LARGE, 0), *moved = FILLED;
	uintptr_t owner = 5;

	assert_non_null(alien);
	assert_int_equal(mm_kfree(&heap, alien), MM_E_OWNER);
	assert_int_equal(mm_kfree_sized(&heap, alien, LARGE, 0), MM_E_OWNER);
	assert_int_equal(mm_krealloc_st(&heap, alien, 100, 0, &moved), MM_E_OWNER);
	assert_int_equal(mm_ksize(&heap, alien), 0);
	assert_int_equal(mm_heap_owner(&heap, alien, &owner), MM_E_OWNER);
	assert_int_equal(mm_heap_set_owner(&heap, alien, owner), MM_E_OWNER);
	assert_true(owner == 5 && moved == FILLED);
	assert_int_equal(mm_kfree(other, alien), MM_OK);
}

/* A large block with a record is no other heap's, whatever is asked of that one; nothing changes. */
static void another_heap_does_not_have_the_block(void **state)
{
	void *large = by_large(NULL), *moved = FILLED;
	struct mm_deferred d;
	static struct mm_heap other;

	(void)state;
	assert_int_equal(mm_heap_init(&other, &pmm, 1), MM_OK);
	assert_int_equal(mm_deferred_init(&d, &other, &epoch_hooks), MM_OK);
	assert_int_equal(mm_kfree_deferred(&d, large), MM_E_OWNER);
	assert_int_equal(mm_krealloc_st(&other, large, LARGE, 0, &moved), MM_E_OWNER);
	assert_int_equal(mm_krealloc_st(&other, large, 4 * LARGE, 0, &moved), MM_E_OWNER);
	assert_int_equal(mm_kfree_sized(&other, large, LARGE, 0), MM_E_OWNER);
	assert_int_equal(mm_kfree_sized(&other, large, 8 * LARGE, 0), MM_E_OWNER);
	assert_int_equal(mm_ksize(&other, large), 0);
	assert_int_equal(mm_kfree(&other, large), MM_E_OWNER);
	assert_true(moved == FILLED);
	assert_int_equal(mm_deferred_destroy(&d, NULL), MM_OK);
	nor_one_without_a_record(&other);
	assert_int_equal(mm_heap_destroy(&other), MM_OK);
	assert_true(owner_of(large) - (uintptr_t)by_large < 512);
	assert_int_equal(mm_kfree(&heap, large), MM_OK);
}

/* What waits for readers: objects are nobody's, a large block is still whose it was, and the batch is mmlib's. */
static void what_waits_is_not_told_but_for_large_blocks(void **state)
{
	void *p = by_kmalloc(NULL), *large = by_large(NULL);
	const uintptr_t whose = owner_of(large);
	struct mm_deferred d;

	(void)state;
	assert_int_equal(mm_deferred_init(&d, &heap, &epoch_hooks), MM_OK);
	assert_int_equal(mm_kfree_deferred(&d, p), MM_OK);
	assert_int_equal(mm_kfree_deferred(&d, large), MM_OK);
	assert_int_equal(mm_heap_leaks(&heap, list, ROOM, &n, &rest), MM_OK);
	assert_int_equal(n, 2);
	assert_int_equal(list[0].owner, whose);
	assert_int_equal(list[0].objects, 1);
	assert_int_equal(list[1].owner, 0);
	assert_int_equal(list[1].objects, 2); /* the batch, and the block's record */
	assert_int_equal(mm_deferred_poll(&d), MM_OK);
	assert_int_equal(mm_deferred_destroy(&d, NULL), MM_OK);
	assert_int_equal(mm_heap_leaks(&heap, list, ROOM, &n, &rest), MM_OK);
	assert_int_equal(n, 0);
}

/* What its record needs when it goes is none of the block's pages. */
static void a_large_block_that_was_freed_is_free(void **state)
{
	(void)state;
	for (size_t bytes = LARGE; bytes < 64 * MM_FRAME_SIZE; bytes *= 2) {
		void *p = mm_kmalloc(&heap, bytes, 0);

		assert_non_null(p);
		assert_int_equal(mm_kfree(&heap, p), MM_OK);
		assert_int_equal(mm_kfree(&heap, p), MM_E_DOUBLE_FREE);
		assert_int_equal(mm_heap_shrink(&heap), MM_OK);
	}
}

/* Objects that are at hand do not go astray, those that are allocated keep it from changing. */
static void noting_begins_when_nothing_is_allocated(void **state)
{
	void *p, *large = mm_kmalloc(&heap, LARGE, 0);
	struct mm_cache *plain = make_cache(64, 0);

	(void)state;
	assert_int_equal(mm_heap_note_owners(&heap), MM_E_BUSY);
	assert_non_null(p = mm_kmalloc(&heap, 40, 0));
	assert_int_equal(mm_kfree(&heap, large), MM_OK);
	assert_int_equal(mm_heap_note_owners(&heap), MM_E_BUSY);
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
	sim_cpu = 1;
	assert_non_null(p = mm_kmalloc(&heap, 40, 0));
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
	sim_cpu = 0;
	sim.port.run_on = NULL;
	assert_int_equal(mm_heap_note_owners(&heap), MM_E_AGAIN);
	sim.port.run_on = sim_run_on;
	p = mm_cache_alloc(plain, 0); /* does not mind */
	assert_int_equal(mm_heap_note_owners(&heap), MM_OK);
	assert_int_equal(mm_cache_free(plain, p), MM_OK);
	assert_int_equal(mm_cache_destroy(plain), MM_OK);
	assert_true(owner_of(p = by_kmalloc(NULL)) != 0);
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
}

/* Caches that note owners have no objects at hand; others do. */
static void only_who_notes_owners_goes_to_the_slabs(void **state)
{
	struct mm_cache *noting = make_noting(64), *plain = make_cache(64, 0);
	void *p = mm_cache_alloc(noting, 0), *q = mm_cache_alloc(plain, 0);

	(void)state;
	assert_int_equal(stats(noting).cached, 0);
	assert_true(stats(plain).cached > 0);
	assert_int_equal(mm_cache_free(noting, p), MM_OK);
	assert_int_equal(stats(noting).cached, MM_HARDEN & MM_HARDEN_QUARANTINE ? 1 : 0);
	assert_int_equal(mm_cache_free(plain, q), MM_OK);
	assert_int_equal(mm_cache_destroy(noting), MM_OK);
	assert_int_equal(mm_cache_destroy(plain), MM_OK);
}

/* Records are objects, and nobody's to free: they are told, as mmlib's. */
static void what_is_mmlib_s_own_is_not_taken(void **state)
{
	void *p = mm_kmalloc(&heap, LARGE, 0), *record = heap.large, *out = FILLED;
	struct mm_leak_walk it = { 0 };
	struct mm_leak_object o;
	uintptr_t owner = 5;

	(void)state;
	assert_non_null(p);
	assert_int_equal(mm_kfree(&heap, record), MM_E_OWNER);
	assert_int_equal(mm_kfree_sized(&heap, record, 100, 0), MM_E_OWNER);
	assert_int_equal(mm_krealloc_st(&heap, record, 1000, 0, &out), MM_E_OWNER);
	assert_int_equal(mm_heap_set_owner(&heap, record, owner), MM_E_OWNER);
	assert_int_equal(mm_heap_owner(&heap, record, &owner), MM_E_OWNER);
	assert_int_equal(mm_ksize(&heap, record), 0);
	for (uint32_t c = 0; c < MM_KMALLOC_CLASSES; c++) {
		assert_int_equal(mm_cache_free(&heap.caches[c], record), MM_E_OWNER);
		assert_int_equal(mm_cache_free_bulk(&heap.caches[c], &record, 1), MM_E_OWNER);
	}
	assert_true(mm_leak_next(&heap, &it, 0, &o));
	assert_ptr_equal(o.p, record);
	assert_false(mm_leak_next(&heap, &it, 0, &o));
	verify_all();
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
	assert_int_not_equal(mm_kfree(&heap, record), MM_OK);
}

/* A record whose state somebody wrote over goes to nobody: it may be in a magazine, or used. */
static void a_record_that_is_none_is_not_freed(void **state)
{
	void *p = mm_kmalloc(&heap, LARGE, 0);
	struct mm_slab *slab = NULL;
	uint32_t i = 0;

	(void)state;
	assert_non_null(p);
	assert_true(mm_object_slab(&heap, heap.large, &slab) && mm_object_index(slab, heap.large, &i));
	assert_int_equal(slab->states[i], MM_OBJECT_OWN);
	slab->states[i] = MM_OBJECT_IDLE;
	sim.port.panic = panic_back;
	if (setjmp(stopped) == 0) {
		assert_int_equal(mm_kfree(&heap, p), MM_OK);
		fail();
	}
	sim_destroy(&sim); /* nothing can be relied on */
}

#if MM_HOOKS
/* An allocation that fails anywhere leaves nothing behind. */
static void a_failed_allocation_leaves_nothing(void **state)
{
	static const size_t sizes[] = { 40, LARGE };
	bool failed = true;

	(void)state;
	for (unsigned s = 0; s < 2; s++, failed = true)
		for (unsigned nth = 1; failed; nth++) {
			void *p = FILLED;
			enum mm_status st;

			assert_int_equal(mm_heap_shrink(&heap), MM_OK);
			sim_fail_at(nth, true);
			st = mm_kmalloc_st(&heap, sizes[s], 0, &p);
			failed = sim_fail_calls() >= nth;
			sim_fail_at(0, false);
			assert_int_equal(st, failed ? MM_E_NOMEM : MM_OK);
			assert_true((p == FILLED) == failed);
			assert_int_equal(heap_stats().large, !failed && s);
			assert_int_equal(mm_heap_leaks(&heap, list, ROOM, &n, &rest), MM_OK);
			assert_int_equal(n, failed ? 0 : s + 1);
			if (!failed)
				assert_int_equal(mm_kfree(&heap, p), MM_OK);
		}
}
#endif
#else
static void without_checks_nobody_knows(void **state)
{
	struct mm_cache_cfg cfg = { .name = "noting", .size = 40, .flags = MM_CACHE_OWNERS };
	struct mm_cache *cache = FILLED;
	struct mm_leak_walk it = { 0 };
	struct mm_leak_object o;
	uintptr_t owner = 5;
	void *p = mm_kmalloc(&heap, 40, 0);

	(void)state;
	assert_int_equal(mm_heap_note_owners(&heap), MM_E_NOTSUP);
	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_E_NOTSUP);
	assert_ptr_equal(cache, FILLED);
	assert_int_equal(mm_heap_owner(&heap, p, &owner), MM_E_NOTSUP);
	assert_int_equal(mm_heap_set_owner(&heap, p, owner), MM_E_NOTSUP);
	assert_int_equal(mm_heap_leaks(&heap, list, ROOM, &n, &rest), MM_E_NOTSUP);
	assert_int_equal(mm_cache_leaks(&heap.caches[0], list, ROOM, &n, &rest), MM_E_NOTSUP);
	assert_false(mm_leak_next(&heap, &it, owner, &o));
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
}
#endif

#define NOTING(f) cmocka_unit_test_setup_teardown(f, start_noting, stop)
int main(void)
{
	const struct CMUnitTest tests[] = {
#if MM_CHECKS >= 1
		NOTING(each_way_to_allocate_notes_who_called),
		NOTING(the_report_is_what_is_held),
		HEAP_TEST(a_walk_goes_on_where_its_cache_is_gone),
		HEAP_TEST(an_owner_is_of_who_has_it_now),
		NOTING(owners_without_room_are_told_together),
		HEAP_TEST(what_waits_is_not_told),
		HEAP_TEST(what_waited_is_of_who_took_it),
		NOTING(mistakes_are_answered),
		NOTING(another_heap_does_not_have_the_block),
		NOTING(what_waits_is_not_told_but_for_large_blocks),
		NOTING(a_large_block_that_was_freed_is_free),
		NOTING(what_is_mmlib_s_own_is_not_taken),
		cmocka_unit_test_setup(a_record_that_is_none_is_not_freed, start_noting),
		HEAP_TEST(noting_begins_when_nothing_is_allocated),
		HEAP_TEST(only_who_notes_owners_goes_to_the_slabs),
#if MM_HOOKS
		NOTING(a_failed_allocation_leaves_nothing),
#endif
#else
		HEAP_TEST(without_checks_nobody_knows),
#endif
	};
	return cmocka_run_group_tests_name("slab owners", tests, NULL, NULL);
}
