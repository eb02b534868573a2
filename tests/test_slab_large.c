/* SPDX-License-Identifier: MIT */
/* Large blocks where objects are hardened: what a caller does wrong with one is told as it is with an object, be it that
 * it waits already; a write after its free is found when it has waited; and what waits is bounded, and goes when memory
 * is short. */
#include <mmlib/deferred.h>
#include <mmlib/owner.h>
#include "slab_box.h"
#include "stopped.h"
#include "hook.h"
#include <stdio.h>
#include "slab/slab.h"

#define FRAME ((size_t)MM_FRAME_SIZE)
#define MOST  (RAM_FRAMES / 64) /* frames that wait, at most */
#define EACH  4u		/* frames of a block of LARGE bytes */

static char told[80];

static void listen(void *ctx, const char *line)
{
	(void)ctx;
	strncpy(told, line, sizeof(told) - 1);
}

static int start_listening(void **state)
{
	int st = start(state);

	sim.port.panic = panic_back;
	sim.port.log = listen;
	memset(told, 0, sizeof(told));
	return st;
}

static mm_paddr_t to_pa(const unsigned char *p)
{
	return sim.base + (mm_paddr_t)(p - sim.host);
}

/* One that was allocated and freed, and waits. */
static unsigned char *waiting(size_t size)
{
	unsigned char *p = mm_kmalloc(&heap, size, 0);

	assert_non_null(p);
	fill(p, size, 3);
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
	return p;
}

static size_t held(void)
{
	return heap_stats().held_frames;
}

static void all_leave(void)
{
	size_t frames = held(), got;

	assert_int_equal(mm_heap_reclaim(&heap, frames, &got), MM_OK);
	assert_int_equal(got, frames);
	assert_int_equal(held(), 0);
}

/* What is asked of a block that waits is answered, whatever it is, and it waits on. */
static void is_refused(enum mm_status want, enum mm_status st)
{
	const size_t frames = held();

	assert_int_equal(st, want);
	assert_int_equal(held(), frames);
	assert_int_equal(heap_stats().large, 0);
	verify_all();
}

static void a_double_free_is_told(void **state)
{
	unsigned char *p = waiting(LARGE);

	(void)state;
	is_refused(MM_E_DOUBLE_FREE, mm_kfree(&heap, p));
	is_refused(MM_E_DOUBLE_FREE, mm_kfree(&heap, p));
	all_leave();
	is_refused(MM_E_DOUBLE_FREE, mm_kfree(&heap, p)); /* they are pages now */
}

static void a_free_by_another_heap_is_told(void **state)
{
	static struct mm_heap other;
	unsigned char *p = mm_kmalloc(&heap, LARGE, 0);

	(void)state;
	assert_int_equal(mm_heap_init(&other, &pmm, NCPUS), MM_OK);
	fill(p, LARGE, 3);
	assert_int_equal(mm_kfree(&other, p), MM_E_OWNER);
	check(p, LARGE, 3);
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
	is_refused(MM_E_DOUBLE_FREE, mm_kfree(&other, p));
	assert_int_equal(mm_heap_destroy(&other), MM_OK);
}

static void a_free_of_another_size_is_told(void **state)
{
	unsigned char *p = mm_kmalloc(&heap, LARGE, 0);

	(void)state;
	assert_int_equal(mm_kfree_sized(&heap, p, 100, 0), MM_E_ORDER);
	assert_int_equal(mm_kfree_sized(&heap, p, 4 * LARGE, 0), MM_E_ORDER);
	assert_int_equal(mm_kfree_sized(&heap, p, LARGE, 0), MM_OK);
	is_refused(MM_E_DOUBLE_FREE, mm_kfree_sized(&heap, p, LARGE, 0));
	is_refused(MM_E_DOUBLE_FREE, mm_kfree_sized(&heap, p, 100, 0));
}

static void a_free_of_its_inside_is_told(void **state)
{
	unsigned char *p = waiting(LARGE);

	(void)state;
	is_refused(MM_E_ALIGN, mm_kfree(&heap, p + 16));
	is_refused(MM_E_ALIGN, mm_kfree(&heap, p + FRAME));
	is_refused(MM_E_ALIGN, mm_kfree(&heap, p + 3 * FRAME + 8));
}

static void a_free_of_its_pages_is_told(void **state)
{
	unsigned char *p = waiting(LARGE);

	(void)state;
	is_refused(MM_E_OWNER, mm_page_free(&pmm, to_pa(p), 2));
	is_refused(MM_E_OWNER, mm_page_free_table(&pmm, to_pa(p)));
	is_refused(MM_E_ALIGN, mm_page_free(&pmm, to_pa(p + FRAME), 0));
	is_refused(MM_E_BUSY, mm_page_alloc_at(&pmm, to_pa(p), 2, 0));
}

static void another_size_of_it_is_told(void **state)
{
	unsigned char *p = waiting(LARGE);
	void *out = p;

	(void)state;
	is_refused(MM_E_DOUBLE_FREE, mm_krealloc_st(&heap, p, 8 * LARGE, 0, &out));
	is_refused(MM_E_DOUBLE_FREE, mm_krealloc_st(&heap, p, LARGE, 0, &out));
	assert_ptr_equal(out, p);
	assert_int_equal(mm_ksize(&heap, p), 0);
}

/* Of its canary; it stays as it is. */
static void a_write_over_its_end_is_told(void **state)
{
	unsigned char *p = mm_kmalloc(&heap, LARGE, 0), *end = p + mm_ksize(&heap, p);
	unsigned long long where;

	(void)state;
	fill(p, LARGE, 3);
	*end ^= 1;
	assert_int_equal(mm_kfree(&heap, p), MM_E_CORRUPT);
	assert_int_equal(sscanf(told, "memory behind an object was written: %llx", &where), 1);
	assert_true(where == to_pa(end));
	assert_int_equal(held(), 0);
	check(p, LARGE, 3);
	*end ^= 1;
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
}

/* What is before it is the end of the one before. */
static void a_write_before_its_begin_is_told(void **state)
{
	unsigned char *p[2] = { mm_kmalloc(&heap, LARGE, 0), mm_kmalloc(&heap, LARGE, 0) };
	unsigned char *second = p[0] < p[1] ? p[1] : p[0], *first = p[0] < p[1] ? p[0] : p[1];

	(void)state;
	assert_ptr_equal(first + EACH * FRAME, second);
	second[-1] ^= 1;
	assert_int_equal(mm_kfree(&heap, first), MM_E_CORRUPT);
	second[-1] ^= 1;
	assert_int_equal(mm_kfree(&heap, first), MM_OK);
	assert_int_equal(mm_kfree(&heap, second), MM_OK);
}

/* What was in it is gone, and who allocates does not get it for now. */
static void who_uses_it_after_its_free_finds_nothing(void **state)
{
	unsigned char *p = waiting(LARGE);

	(void)state;
	for (size_t i = 0; i < EACH * FRAME; i++)
		assert_int_equal(p[i], 0);
	for (unsigned i = 0; i < 20; i++) {
		void *q = mm_kmalloc(&heap, LARGE, 0);

		assert_ptr_not_equal(p, q);
		if (i < 4)
			assert_int_equal(mm_kfree(&heap, q), MM_OK);
	}
	assert_int_equal(mm_ksize(&heap, p), 0);
	for (size_t i = 0; i < EACH * FRAME; i++)
		assert_int_equal(p[i], 0);
	sim_destroy(&sim);
	start(NULL);
}

/* Does it leave, by one of the ways there are? Else its address is told, and the machine stops. */
static bool leaves(unsigned way)
{
	size_t got;

	if (setjmp(stopped))
		return false;
	if (way == 0)
		assert_int_equal(mm_heap_reclaim(&heap, EACH, &got), MM_OK);
	else if (way == 1)
		assert_int_equal(mm_heap_shrink(&heap), MM_OK);
	else
		for (size_t i = 0; i < MM_HELD_MAX; i++)
			(void)waiting(LARGE);
	return true;
}

static void a_write_after_its_free_is_found(void **state)
{
	const size_t bytes = EACH * FRAME;
	const size_t at[] = { 0, 1, 8, 63, bytes - 64, bytes - 8, bytes - 1 };
	unsigned long long where;

	(void)state;
	for (unsigned way = 0; way < 3; way++)
		for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
			unsigned char *p = waiting(LARGE);

			p[at[i]] = 0x40;
			assert_int_equal(mm_heap_verify(&heap), MM_E_CORRUPT);
			assert_false(leaves(way));
			assert_int_equal(sscanf(told, "free memory was written: %llx", &where), 1);
			assert_true(where == to_pa(p + at[i]));
			sim_destroy(&sim);
			start_listening(NULL);
		}
}

/* 64 bytes in a row are found wherever they are. */
static void a_line_that_is_written_anywhere_is_found(void **state)
{
	(void)state;
	for (size_t at = 0; at <= EACH * FRAME - 64; at += 997) {
		unsigned char *p = waiting(LARGE);

		memset(p + at, 0x40, 64);
		assert_false(leaves(0));
		sim_destroy(&sim);
		start_listening(NULL);
	}
}

/* Those that came first go first; as many wait as there is room for, by number and by frames. */
static void what_waits_is_bounded(void **state)
{
	unsigned char *p[3 * MM_HELD_MAX];
	const size_t most = MM_HELD_MAX * EACH < MOST ? MM_HELD_MAX * EACH : MOST;

	(void)state;
	for (unsigned i = 0; i < 3 * MM_HELD_MAX; i++)
		assert_non_null(p[i] = mm_kmalloc(&heap, LARGE, 0));
	for (unsigned i = 0; i < 3 * MM_HELD_MAX; i++) {
		const size_t n = (i + 1) * EACH;

		assert_int_equal(mm_kfree(&heap, p[i]), MM_OK);
		assert_int_equal(held(), n < most ? n : most);
		verify_all();
	}
	for (unsigned i = 0; i < 3 * MM_HELD_MAX; i++) /* the last ones are not to be had */
		assert_int_equal(mm_page_alloc_at(&pmm, to_pa(p[i]), 2, 0),
				 (3 * MM_HELD_MAX - i) * EACH > most ? MM_OK : MM_E_BUSY);
	for (unsigned i = 0; i < 3 * MM_HELD_MAX - most / EACH; i++)
		assert_int_equal(mm_page_free(&pmm, to_pa(p[i]), 2), MM_OK);
	(void)waiting(MOST * FRAME - 100); /* one that is as large as all that may wait */
	assert_int_equal(held(), MOST);
	(void)waiting(MOST * FRAME + 1); /* and one that is larger */
	assert_int_equal(held(), MOST);
	(void)waiting(LARGE);
	assert_int_equal(held(), EACH);
}

/* All memory is allocated, but for what waits. */
static unsigned eat(mm_paddr_t *pa)
{
	unsigned n = 0;

	while (mm_page_alloc(&pmm, 0, 0, &pa[n]) == MM_OK)
		n++;
	return n;
}

static void spit(const mm_paddr_t *pa, unsigned n)
{
	while (n-- > 0)
		assert_int_equal(mm_page_free(&pmm, pa[n], 0), MM_OK);
}

static void what_waits_goes_when_memory_is_short(void **state)
{
	static mm_paddr_t pa[RAM_FRAMES];
	struct mm_cache *cache = make_cache(3000, 0);
	unsigned n;
	void *p;

	(void)state;
	for (unsigned what = 0; what < 3; what++) {
		(void)waiting(MOST * FRAME - 100);
		n = eat(pa);
		assert_int_equal(held(), MOST);
		p = what == 0 ? mm_kmalloc(&heap, LARGE, 0) :
		    what == 1 ? mm_kmalloc(&heap, 5000, 0) : /* a slab, and what is beside it */
				mm_cache_alloc(cache, 0);
		assert_non_null(p);
		assert_int_equal(held(), 0);
		assert_int_equal(mm_kfree(&heap, p), MM_OK);
		spit(pa, n);
		assert_int_equal(mm_heap_shrink(&heap), MM_OK);
	}
	n = eat(pa);
	assert_null(mm_kmalloc(&heap, LARGE, 0));
	spit(pa, n);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* Who freed it holds it no more. */
static void a_report_does_not_tell_of_it(void **state)
{
	struct mm_leak list[4], rest;
	unsigned char *p, *q;
	size_t n = 9;

	(void)state;
	assert_int_equal(mm_heap_note_owners(&heap), MM_OK);
	assert_non_null(p = mm_kmalloc(&heap, LARGE, 0));
	assert_non_null(q = mm_kmalloc(&heap, LARGE, 0));
	assert_int_equal(mm_heap_set_owner(&heap, p, 1), MM_OK);
	assert_int_equal(mm_heap_set_owner(&heap, q, 2), MM_OK);
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
	assert_int_equal(held(), EACH);
	assert_int_equal(mm_heap_leaks(&heap, list, 4, &n, &rest), MM_OK);
	assert_int_equal(n, 2); /* and its record, which is mmlib's */
	assert_int_equal(list[0].owner, 2);
	assert_int_equal(list[0].bytes, EACH * FRAME);
	assert_int_equal(list[1].owner, 0);
	assert_int_equal(list[1].objects, 1);
	verify_all();
	assert_int_equal(mm_kfree(&heap, q), MM_OK);
}

static uint64_t epoch_now(void *ctx)
{
	(void)ctx;
	return 1;
}

static bool epoch_passed(void *ctx, uint64_t time)
{
	(void)ctx;
	(void)time;
	return true;
}

/* A free that was deferred, too, when it is due. */
static void a_deferred_one_waits_for_readers_first(void **state)
{
	static const struct mm_epoch_hooks hooks = { .now = epoch_now, .passed = epoch_passed };
	unsigned char *p = mm_kmalloc(&heap, LARGE, 0);
	struct mm_deferred d;

	(void)state;
	assert_int_equal(mm_deferred_init(&d, &heap, &hooks), MM_OK);
	fill(p, LARGE, 3);
	assert_int_equal(mm_kfree_deferred(&d, p), MM_OK);
	assert_int_equal(held(), 0);
	assert_int_equal(mm_kfree(&heap, p), MM_E_DOUBLE_FREE);
	check(p, LARGE, 3);
	assert_int_equal(mm_deferred_poll(&d), MM_OK);
	assert_int_equal(held(), EACH);
	is_refused(MM_E_DOUBLE_FREE, mm_kfree_deferred(&d, p));
	assert_int_equal(mm_deferred_destroy(&d, NULL), MM_OK);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start_listening, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_double_free_is_told),
		TEST(a_free_by_another_heap_is_told),
		TEST(a_free_of_another_size_is_told),
		TEST(a_free_of_its_inside_is_told),
		TEST(a_free_of_its_pages_is_told),
		TEST(another_size_of_it_is_told),
		TEST(a_write_over_its_end_is_told),
		TEST(a_write_before_its_begin_is_told),
		TEST(who_uses_it_after_its_free_finds_nothing),
		TEST(a_write_after_its_free_is_found),
		TEST(a_line_that_is_written_anywhere_is_found),
		TEST(what_waits_is_bounded),
		TEST(what_waits_goes_when_memory_is_short),
		TEST(a_report_does_not_tell_of_it),
		TEST(a_deferred_one_waits_for_readers_first),
	};

	return cmocka_run_group_tests_name("slab large", tests, NULL, NULL);
}
