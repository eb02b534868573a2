/* SPDX-License-Identifier: MIT */
/* Hardened objects: who writes over an end is told when he frees, who writes to a free object is found, what
 * was in an object is gone, and what comes next is not what was freed last. Without it, free objects are not
 * touched. */
#include "slab_box.h"
#include "epoch_box.h"
#include "stopped.h"
#include "hook.h"
#include <stdio.h>
#include <sys/mman.h>
#include "slab/slab.h"

static char told[80];
static unsigned lines;

static void listen(void *ctx, const char *line)
{
	(void)ctx;
	strncpy(told, line, sizeof(told) - 1);
	lines++;
}

static int start_listening(void **state)
{
	int st = start(state);

	sim.port.panic = panic_back;
	sim.port.log = listen;
	memset(told, 0, sizeof(told));
	lines = 0;
	return st;
}

#if MM_HARDEN & (MM_HARDEN_CANARY | MM_HARDEN_ZERO)
static mm_paddr_t to_pa(const unsigned char *p)
{
	return sim.base + (mm_paddr_t)(p - sim.host);
}
#endif

static void what_was_in_an_object_is_gone_if_asked(void **state)
{
	(void)state;
	for (size_t s = 8; s < 40000; s = s * 3 + 1) {
		unsigned char *p = mm_kmalloc(&heap, s, 0);

		assert_non_null(p);
		memset(p, 0x5a, s);
		assert_int_equal(mm_kfree(&heap, p), MM_OK);
		for (size_t i = 0; i < s; i++)
			assert_true((p[i] != 0x5a) == !!(MM_HARDEN & MM_HARDEN_ZERO));
	}
}

#if MM_HARDEN & MM_HARDEN_CANARY
/* A byte behind p's n bytes gets a value: it is seen by each way to free, and the object stays. */
static void overflow(struct mm_cache *cache, unsigned char *p, size_t n, unsigned char value)
{
	unsigned char was = p[n];
	unsigned long long where;

	p[n] = value;
	if (cache)
		assert_int_equal(mm_cache_free(cache, p), MM_E_CORRUPT);
	lines = 0;
	assert_int_equal(mm_kfree(&heap, p), MM_E_CORRUPT);
	assert_int_equal(lines, 1);
	assert_int_equal(sscanf(told, "memory behind an object was written: %llx", &where), 1);
	assert_true(where - to_pa(p) <= n);
	assert_true(mm_ksize(&heap, p) > 0);
	p[n] = was;
}

static void a_nul_too_far_is_told_to_who_frees(void **state)
{
	(void)state;
	for (size_t s = 1; s < 40000; s = s * 5 / 4 + 1) {
		unsigned char *p = mm_kmalloc(&heap, s, 0);

		assert_non_null(p);
		overflow(NULL, p, mm_ksize(&heap, p), 0);
		assert_int_equal(mm_kfree(&heap, p), MM_OK);
	}
	for (size_t s = 1; s < 32768; s = s * 4 / 3 + 1) { /* caches know the size to the byte */
		struct mm_cache *cache = make_cache(s, s % 3 ? 0 : 64);
		unsigned char *p = mm_cache_alloc(cache, 0);

		assert_int_equal(mm_ksize(&heap, p), s);
		for (size_t i = 0; i < sizeof(uintptr_t); i++)
			overflow(cache, p, s + i, 0);
		overflow(cache, p, s, (unsigned char)~p[s]);
		assert_int_equal(mm_cache_free(cache, p), MM_OK);
		assert_int_equal(mm_cache_destroy(cache), MM_OK);
	}
}

static void an_object_with_a_damaged_end_does_not_move(void **state)
{
	unsigned char *p = mm_kmalloc(&heap, 100, 0), was;
	size_t n = mm_ksize(&heap, p);
	void *out = &out;

	(void)state;
	was = p[n];
	p[n] = 0;
	assert_int_equal(mm_krealloc_st(&heap, p, 3000, 0, &out), MM_E_CORRUPT);
	assert_ptr_equal(out, &out);
	p[n] = was;
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
}

static void a_damaged_end_is_told_to_who_frees_later(void **state)
{
	static const size_t sizes[] = { 100, 9000, 30000 };
	struct mm_deferred d;
	size_t refused = 1;

	(void)state;
	assert_int_equal(mm_deferred_init(&d, &heap, &epoch_hooks), MM_OK);
	for (unsigned s = 0; s < 3; s++) {
		unsigned char *p = mm_kmalloc(&heap, sizes[s], 0), was;
		size_t n = mm_ksize(&heap, p);

		was = p[n];
		p[n] = 0;
		assert_int_equal(mm_kfree_deferred(&d, p), MM_E_CORRUPT);
		assert_int_equal(mm_ksize(&heap, p), n);
		p[n] = was;
		assert_int_equal(mm_kfree_deferred(&d, p), MM_OK);
	}
	assert_int_equal(mm_deferred_poll(&d), MM_OK);
	assert_int_equal(mm_deferred_destroy(&d, &refused), MM_OK);
	assert_int_equal(refused, 0);
}

static uint64_t bits;

static uint64_t random_bits(void *ctx)
{
	(void)ctx;
	return bits = bits * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
}

/* Is the frame behind a slab free, and nobody's to read from now on? */
static bool shut_behind(unsigned char *behind)
{
	if (behind >= sim.host + sim.bytes || mm_page_alloc_at(&pmm, to_pa(behind), 0, 0) != MM_OK)
		return false;
	assert_int_equal(mprotect(behind, (size_t)MM_FRAME_SIZE, PROT_NONE), 0);
	return true;
}

/* Where a slab's last object ends is no object, and what there may be of a slab behind it has no room for a canary:
 * who frees that address is told so, and the next frame is not read, which would be a fault here. */
static void nothing_is_read_behind_a_slab(void **state)
{
	unsigned slabs = 0;

	(void)state;
	for (uint32_t id = 0; id < MM_KMALLOC_CLASSES; id++) {
		struct mm_cache *cache = &heap.caches[id];
		void *p = mm_cache_alloc(cache, 0);
		unsigned char *end, *behind;
		struct mm_slab *slab;

		assert_true(mm_object_slab(&heap, p, &slab));
		end = slab->base + cache->span;
		behind = slab->base + ((size_t)MM_FRAME_SIZE << cache->order);
		if (end < behind && shut_behind(behind)) {
			assert_int_equal(mm_kfree(&heap, end), MM_E_ALIGN);
			assert_int_equal(mm_cache_free(cache, end), MM_E_ALIGN);
			assert_int_equal(mm_ksize(&heap, end), 0);
			assert_int_equal(mprotect(behind, (size_t)MM_FRAME_SIZE, PROT_READ | PROT_WRITE), 0);
			assert_int_equal(mm_page_free(&pmm, to_pa(behind), 0), MM_OK);
			slabs++;
		}
		assert_int_equal(mm_cache_free(cache, p), MM_OK);
	}
	assert_true(slabs > 10);
}

static void canaries_are_secret(void **state)
{
	struct mm_heap other = { 0 };
	unsigned char *p, *q, *r;

	(void)state;
	sim.port.random = random_bits;
	assert_int_equal(mm_heap_init(&other, &pmm, 1), MM_OK);
	assert_non_null(p = mm_kmalloc(&heap, 40, 0));
	assert_non_null(q = mm_kmalloc(&other, 40, 0));
	assert_non_null(r = mm_kmalloc(&other, 40, 0));
	assert_memory_not_equal(p + mm_ksize(&heap, p), q + mm_ksize(&other, q), sizeof(uintptr_t));
	assert_memory_not_equal(q + mm_ksize(&other, q), r + mm_ksize(&other, r), sizeof(uintptr_t));
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
	assert_int_equal(mm_kfree(&other, q), MM_OK);
	assert_int_equal(mm_kfree(&other, r), MM_OK);
	assert_int_equal(mm_heap_destroy(&other), MM_OK);
}
#endif

#if MM_HARDEN & MM_HARDEN_ZERO
/* Is a byte of a free object that somebody wrote to seen when it is allocated? */
static bool is_seen(const struct mm_cache *cache, unsigned char *p, size_t at)
{
	unsigned long long where;

	p[at] = 0x80;
	if (setjmp(stopped)) {
		p[at] = 0;
		assert_int_equal(sscanf(told, "free memory was written: %llx", &where), 1);
		assert_true(where == to_pa(p + at));
		return true;
	}
	(void)mm_object_prove(cache, p);
	p[at] = 0;
	return false;
}

#define SEEN_WHOLE ((size_t)(MM_HARDEN & MM_HARDEN_WHOLE ? SIZE_MAX : 1024))

/* Of each byte of an object that is larger than all of is looked at: how many are seen, and the longest row of those
 * that are not. */
static void look_at_each_byte(const struct mm_cache *cache, unsigned char *p, size_t n)
{
	size_t row = 0, longest = 0, seen = 0;

	for (size_t at = 0; at < n; at++) {
		bool is = is_seen(cache, p, at);

		assert_true(is || (n > SEEN_WHOLE && at >= 64 && at < n - 64));
		seen += is;
		row = is ? 0 : row + 1;
		longest = row > longest ? row : longest;
	}
	assert_true(longest < 64);
	assert_true(seen >= n / (64 / sizeof(uintptr_t)));
}

static void each_byte_that_is_promised_is_seen(void **state)
{
	static unsigned char *p;

	(void)state;
	for (size_t s = 16; s <= 8192; s = s < 8192 && s * 9 / 8 + 1 > 8192 ? 8192 : s * 9 / 8 + 1) {
		struct mm_cache *cache = make_cache(s, 0);
		void *stays = mm_cache_alloc(cache, 0); /* and so does the slab */

		p = mm_cache_alloc(cache, 0);
		assert_non_null(p);
		assert_int_equal(mm_cache_free(cache, p), MM_OK);
		look_at_each_byte(cache, p, s);
		assert_int_equal(mm_cache_free(cache, stays), MM_OK);
		assert_int_equal(mm_cache_destroy(cache), MM_OK);
	}
}

/* Of many objects of a size of which not all is looked at, each byte is seen in its share of them. */
static void no_byte_of_many_objects_is_safe_to_write_to(void **state)
{
	enum { OBJECTS = 256, SIZE = 3000, SHARE = OBJECTS / (64 / sizeof(uintptr_t)) };
	static unsigned char *p[OBJECTS];
	static struct mm_cache *cache;
	static unsigned seen;

	(void)state;
	cache = make_cache(SIZE, 0);
	for (unsigned i = 0; i < OBJECTS; i++)
		assert_non_null(p[i] = mm_cache_alloc(cache, 0));
	assert_non_null(mm_cache_alloc(cache, 0)); /* its slab stays */
	for (unsigned i = 0; i < OBJECTS; i++)
		assert_int_equal(mm_cache_free(cache, p[i]), MM_OK);
	for (size_t at = 0; at < SIZE; at += at < 128 ? 1 : 37) {
		seen = 0;
		for (unsigned i = 0; i < OBJECTS; i++)
			seen += is_seen(cache, p[i], at);
		assert_true(seen >= SHARE / 2);
	}
}

/* Allocate until p, which came home, comes again; false: the machine was stopped before. */
static bool comes_again(struct mm_cache *cache, const unsigned char *p)
{
	static void *got[20000]; /* lost, as the machine is */
	static unsigned n;

	n = 0;
	assert_int_equal(mm_heap_drain(&heap), MM_OK);
	if (setjmp(stopped))
		return false;
	do {
		got[n] = mm_cache_alloc(cache, 0);
		assert_non_null(got[n]);
	} while (got[n] != p && ++n < 20000);
	assert_ptr_equal(got[n], p);
	return true;
}

static void a_write_after_free_is_found(void **state)
{
	static const size_t sizes[] = { 1, 7, 8, 9, 63, 64, 200, 1000, 1024, 4096 };
	unsigned long long where;

	(void)state;
	for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
		for (size_t at = 0; at < sizes[s]; at += at < 70 ? 1 : 97) {
			struct mm_cache *cache;
			unsigned char *p;

			start_listening(NULL);
			cache = make_cache(sizes[s], 0);
			p = mm_cache_alloc(cache, 0);
			assert_non_null(p);
			assert_non_null(mm_cache_alloc(cache, 0)); /* its neighbour: the slab stays */
			assert_int_equal(mm_cache_free(cache, p), MM_OK);
			p[at] = 0x40;
			if (comes_again(cache, p)) { /* of a large one not all is looked at */
				assert_true(sizes[s] > SEEN_WHOLE && at >= 64 && at < sizes[s] - 64);
				sim_destroy(&sim);
				continue;
			}
			assert_int_equal(sscanf(told, "free memory was written: %llx", &where), 1);
			assert_true(where == to_pa(p + at));
			sim_destroy(&sim);
		}
}

/* Whoever writes to the same place of many large objects is found, wherever that is. */
static void a_habit_of_writing_after_free_is_found(void **state)
{
	enum { OBJECTS = 300, SIZE = 3000 };
	static unsigned char *p[OBJECTS];

	(void)state;
	for (size_t at = 0; at < SIZE; at += 99) {
		struct mm_cache *cache;

		start_listening(NULL);
		cache = make_cache(SIZE, 0);
		for (unsigned i = 0; i < OBJECTS; i++)
			assert_non_null(p[i] = mm_cache_alloc(cache, 0));
		assert_non_null(mm_cache_alloc(cache, 0)); /* the last slab stays */
		for (unsigned i = 0; i < OBJECTS; i++) {
			assert_int_equal(mm_cache_free(cache, p[i]), MM_OK);
			p[i][at] = 1;
		}
		assert_false(comes_again(cache, NULL));
		sim_destroy(&sim);
	}
}

static void a_free_that_is_refused_clears_nothing(void **state)
{
	unsigned char *p = mm_kmalloc(&heap, 100, 0), *large = mm_kmalloc(&heap, LARGE, 0);
	struct mm_cache *cache = make_cache(100, 0);

	(void)state;
	fill(p, 100, 3);
	fill(large, LARGE, 4);
	assert_int_equal(mm_kfree(&heap, p + 16), MM_E_ALIGN);
	assert_int_equal(mm_cache_free(cache, p), MM_E_OWNER);
	assert_int_equal(mm_kfree(&heap, large + 16), MM_E_ALIGN);
	assert_int_equal(mm_cache_free(cache, large), MM_E_OWNER);
	check(p, 100, 3);
	check(large, LARGE, 4);
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
	assert_int_equal(mm_kfree(&heap, large), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

#if MM_HOOKS
/* At each step of the free of a large block another CPU frees it too, and if it could, gets its pages: who is
 * refused does not write to them. */
static unsigned steps, hit_at;
static bool inside;
static unsigned char *large, *theirs;

static void free_large_too(void)
{
	if (inside || locks || ++steps != hit_at)
		return;
	inside = true;
	sim_cpu = 1;
	theirs = NULL;
	if (mm_kfree(&heap, large) == MM_OK) {
		size_t got;

		assert_int_equal(mm_heap_reclaim(&heap, 4, &got), MM_OK); /* it waits no more */
		assert_int_equal(mm_page_alloc_at(&pmm, to_pa(large), 2, 0), MM_OK);
		theirs = large;
		fill(theirs, LARGE, 7);
	}
	sim_cpu = 0;
	inside = false;
}

static void who_is_refused_does_not_clear_pages(void **state)
{
	bool hit = true;

	(void)state;
	for (hit_at = 1; hit; hit_at++) {
		enum mm_status st;

		assert_non_null(large = mm_kmalloc(&heap, LARGE, 0));
		steps = 0;
		theirs = NULL;
		sim_step = free_large_too;
		st = mm_kfree(&heap, large);
		sim_step = NULL;
		hit = steps >= hit_at;
		assert_true((st == MM_OK) == !theirs);
		if (theirs) {
			check(theirs, LARGE, 7);
			assert_int_equal(mm_page_free(&pmm, to_pa(theirs), 2), MM_OK);
		}
	}
	assert_true(hit_at > 5);
}
#endif
#endif

#if MM_HARDEN & MM_HARDEN_QUARANTINE
/* So many other objects are freed before one comes again. */
static void what_is_freed_comes_again_late(void **state)
{
	struct mm_cache *cache = make_cache(64, 0);
	unsigned held = MM_QUARANTINE * cache->capacity;
	void *first = mm_cache_alloc(cache, 0), *p = NULL;

	(void)state;
	assert_int_equal(mm_cache_free(cache, first), MM_OK);
	for (unsigned i = 0; i < held; i++) {
		assert_non_null(p = mm_cache_alloc(cache, 0));
		assert_ptr_not_equal(p, first);
		assert_int_equal(mm_cache_free(cache, p), MM_OK);
	}
	for (unsigned i = 0; p != first; i++) { /* but it comes */
		assert_true(i < 100 * held);
		assert_non_null(p = mm_cache_alloc(cache, 0));
		assert_int_equal(mm_cache_free(cache, p), MM_OK);
	}
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void quarantine_ends_when_there_is_no_other_memory(void **state)
{
	struct mm_cache *cache = make_cache(1000, 0);
	static void *p[20000];
	unsigned n = 0;

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		for (n = 0; mm_cache_alloc_st(cache, 0, &p[n]) == MM_OK; n++)
			;
		assert_int_equal(stats(cache).used, n);
		assert_int_equal(stats(cache).objects, n); /* none is held back */
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(mm_cache_free(cache, p[i]), MM_OK);
	}
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}
#endif

#if MM_HARDEN & MM_HARDEN_RANDOM
static unsigned neighbours(void)
{
	struct mm_cache *cache = make_cache(64, 0);
	unsigned char *p[300];
	unsigned n = 0;

	for (unsigned i = 0; i < 300; i++) {
		assert_non_null(p[i] = mm_cache_alloc(cache, 0));
		n += i && p[i] == p[i - 1] + cache->size;
		fill(p[i], 64, i);
	}
	for (unsigned i = 0; i < 300; i++)
		check(p[i], 64, i);
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(mm_cache_free(cache, p[i]), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	return n;
}

static void the_next_object_is_not_the_neighbour(void **state)
{
	(void)state;
	assert_true(neighbours() > 200); /* without random bits */
	sim.port.random = random_bits;
	assert_true(neighbours() < 30);
}
#endif

#define LISTENING(f) cmocka_unit_test_setup_teardown(f, start_listening, stop)
int main(void)
{
	const struct CMUnitTest tests[] = {
		LISTENING(what_was_in_an_object_is_gone_if_asked),
#if MM_HARDEN & MM_HARDEN_CANARY
		LISTENING(a_nul_too_far_is_told_to_who_frees),
		LISTENING(an_object_with_a_damaged_end_does_not_move),
		LISTENING(a_damaged_end_is_told_to_who_frees_later),
		LISTENING(nothing_is_read_behind_a_slab),
		LISTENING(canaries_are_secret),
#endif
#if MM_HARDEN & MM_HARDEN_ZERO
		LISTENING(each_byte_that_is_promised_is_seen),
		cmocka_unit_test_setup(no_byte_of_many_objects_is_safe_to_write_to, start_listening),
		cmocka_unit_test(a_write_after_free_is_found),
		cmocka_unit_test(a_habit_of_writing_after_free_is_found),
		LISTENING(a_free_that_is_refused_clears_nothing),
#if MM_HOOKS
		LISTENING(who_is_refused_does_not_clear_pages),
#endif
#endif
#if MM_HARDEN & MM_HARDEN_QUARANTINE
		LISTENING(what_is_freed_comes_again_late),
		LISTENING(quarantine_ends_when_there_is_no_other_memory),
#endif
#if MM_HARDEN & MM_HARDEN_RANDOM
		LISTENING(the_next_object_is_not_the_neighbour),
#endif
	};
	return cmocka_run_group_tests_name("slab hardened", tests, NULL, NULL);
}
