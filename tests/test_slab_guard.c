/* SPDX-License-Identifier: MIT */
/* Guarded objects: who touches what is beside one, or one that is free, is caught at the instruction that does it,
 * and told rightly; without an MMU when the object is freed, or its page is used again. */
#include "guard_box.h"
#include "stopped.h"
#include "slab/guard.h"

#if MM_CHECKS >= 1
/* Is this an address in a function that is no longer than that? */
static bool is_in(uintptr_t address, uintptr_t function)
{
	return (address & ~(uintptr_t)1) - (function & ~(uintptr_t)1) < 1024;
}

CALLED uintptr_t called_from(volatile int *n)
{
	(*n)++;
	return (uintptr_t)__builtin_return_address(0);
}

CALLED uintptr_t tail(volatile int *n)
{
	(*n)++;
	return called_from(n);
}

/* Does the compiler make tail calls? Then who freed an object is known. */
static bool is_known(uintptr_t freed)
{
	volatile int n = 0;
	uintptr_t from = tail(&n);

	return is_in(freed, (uintptr_t)&release) || is_in(from, (uintptr_t)&tail);
}

/* The fault was told as what was done to this object of the cache, from allocate(). */
static void expect(const struct mm_guard_report *r, enum mm_guard_kind kind, const unsigned char *at,
		   const unsigned char *p, size_t size, const struct mm_cache *cache)
{
	assert_int_equal(r->kind, kind);
	assert_int_equal(r->address, (uintptr_t)at);
	assert_ptr_equal(r->object, p);
	assert_int_equal(r->size, size);
	assert_int_equal(r->distance, at < p ? p - at : at >= p + size ? at - (p + size) : 0);
	assert_ptr_equal(r->cache, cache);
	assert_ptr_equal(r->name, cache->name);
	assert_true(is_in(r->allocated, (uintptr_t)&allocate));
	assert_true(kind == MM_GUARD_AFTER_FREE ? r->freed && is_known(r->freed) : r->freed == 0);
}

static void expect_fault(enum mm_guard_kind kind, unsigned char *at, const unsigned char *p, size_t size,
			 const struct mm_cache *cache)
{
	for (unsigned write = 0; write < 2; write++) {
		assert_true(faults(at, write));
		assert_int_equal(fault_status, MM_OK);
		expect(&fault, kind, at, p, size, cache);
	}
}

static void an_overflow_faults_at_its_instruction(void **state)
{
	(void)state;
	struct mm_cache *cache = make_guarded(64, 0, 0);
	unsigned char *p = allocate(cache), *q;

	assert_int_equal((uintptr_t)(p + 64) % FRAME, 0);
	for (unsigned i = 0; i < 64; i++)
		assert_false(faults(p + i, true));
	expect_fault(MM_GUARD_BEHIND, p + 64, p, 64, cache);
	expect_fault(MM_GUARD_BEHIND, p + 64 + FRAME - 1, p, 64, cache);
	q = allocate(cache); /* the next one is at the begin of its page */
	assert_int_equal((uintptr_t)q % FRAME, 0);
	expect_fault(MM_GUARD_BEFORE, q - 1, q, 64, cache);
	if (q - FRAME == p + 64) { /* neighbours: who is nearer was meant */
		expect_fault(MM_GUARD_BEHIND, p + 64 + FRAME / 2 - 1, p, 64, cache);
		expect_fault(MM_GUARD_BEFORE, q - FRAME / 2 + 1, q, 64, cache);
	}
	release(cache, p);
	expect_fault(MM_GUARD_BEFORE, q - FRAME, q, 64, cache); /* of who is allocated */
	release(cache, q);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void use_after_free_faults_at_its_instruction(void **state)
{
	(void)state;
	struct mm_cache *cache = make_guarded(200, 0, 0);

	for (unsigned i = 0; i < 2; i++) {
		unsigned char *p = allocate(cache);

		memset(p, 0x33, 200);
		release(cache, p);
		expect_fault(MM_GUARD_AFTER_FREE, p, p, 200, cache);
		expect_fault(MM_GUARD_AFTER_FREE, p + 199, p, 200, cache);
		expect_fault(MM_GUARD_AFTER_FREE, p + 199, p, 200, cache);
		assert_int_equal(mm_cache_free(cache, p), MM_E_DOUBLE_FREE);
		assert_int_equal(mm_kfree(&heap, p), MM_E_DOUBLE_FREE);
	}
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* Every size and alignment: the byte behind the last one, or before the first one, cannot be accessed, unless
 * there is padding, which has a pattern. */
static void each_object_is_aligned_and_at_a_border(void **state)
{
	(void)state;
	for (size_t align = 8; align <= FRAME; align *= 2)
		for (size_t size = 1; size <= FRAME; size = size * 2 + (size > 100)) {
			struct mm_cache *cache = make_guarded(size, align, 0);

			for (unsigned turn = 0; turn < 2; turn++) {
				unsigned char *p = mm_cache_alloc(cache, 0);
				size_t room = mm_ksize(&heap, p), to_end = FRAME - (uintptr_t)p % FRAME - room;

				if (size > FRAME && !is_guarded(p)) { /* none such has room */
					assert_int_equal(mm_cache_free(cache, p), MM_OK);
					break;
				}
				assert_true(is_guarded(p) && room >= size && (uintptr_t)p % align == 0);
				assert_true(to_end < align || (uintptr_t)p % FRAME == 0);
				assert_false(faults(p, true) || faults(p + room - 1, true));
				if ((uintptr_t)p % FRAME == 0)
					assert_true(faults(p - 1, false));
				else if (to_end == 0)
					assert_true(faults(p + room, false));
				release(cache, p);
			}
			assert_int_equal(mm_cache_destroy(cache), MM_OK);
		}
}

/* What lies between the bytes that were asked for and the next border, as the alignment has it, is nobody's. */
static void padding_is_watched(void **state)
{
	(void)state;
	for (size_t size = 97; size <= 104; size++) {
		struct mm_cache *cache = make_guarded(size, 8, 0);

		for (unsigned turn = 0; turn < 2; turn++) {
			unsigned char *p = allocate(cache), was;

			assert_int_equal(mm_ksize(&heap, p), size);
			if (size % 8) { /* the padding is on its page */
				was = p[size];
				p[size] = 0;
				assert_int_equal(mm_cache_free(cache, p), MM_E_CORRUPT);
				expect(&told, MM_GUARD_BEHIND, p + size, p, size, cache);
				p[size] = was;
			}
			memset(p, 0, size);
			release(cache, p);
		}
		assert_int_equal(mm_cache_destroy(cache), MM_OK);
	}
}

/* Without an MMU there are bytes of a pattern on both sides. */
static void padding_is_watched_without_an_mmu(void **state)
{
	(void)state;
	struct mm_cache *cache = make_guarded(101, 8, 0);
	unsigned char *p = allocate(cache), was = p[101];

	p[101] ^= 1;
	assert_int_equal(mm_cache_free(cache, p), MM_E_CORRUPT);
	expect(&told, MM_GUARD_BEHIND, p + 101, p, 101, cache);
	p[101] = was;
	release(cache, p);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void what_never_was_an_object_is_told_as_such(void **state)
{
	(void)state;
	struct mm_guard_report r;
	uintptr_t at = (uintptr_t)pool;

	assert_int_equal(mm_guard_fault(&heap, at, &r), MM_E_NOENT); /* the pool's own */
	while (mm_guard_fault(&heap, at, &r) == MM_E_NOENT)
		at += FRAME;
	for (; at < (uintptr_t)pool + POOL; at += FRAME) {
		assert_true(faults((unsigned char *)at + 5, false));
		assert_int_equal(fault_status, MM_OK);
		assert_int_equal(fault.kind, MM_GUARD_UNKNOWN);
		assert_int_equal(fault.address, at + 5);
		assert_true(!fault.object && !fault.cache && !fault.name && !fault.size);
	}
	assert_int_equal(mm_guard_fault(&heap, at, &r), MM_E_FOREIGN);
	assert_int_equal(mm_guard_fault(&heap, (uintptr_t)pool - 1, &r), MM_E_FOREIGN);
	assert_int_equal(mm_guard_fault(&heap, at, NULL), MM_E_INVAL);
	assert_int_equal(mm_guard_fault(NULL, at, &r), MM_E_INVAL);
}

/* Bytes on the object's own page: who frees is told, and it stays allocated. */
static void a_byte_beside_an_object_is_told_to_who_frees(void **state)
{
	(void)state;
	struct mm_cache *cache = make_guarded(104, 0, 0);
	unsigned char *p, was;
	size_t size;

	for (unsigned turn = 0; turn < 2; turn++) {
		p = allocate(cache);
		size = mm_ksize(&heap, p);
		for (unsigned char *at = p - (uintptr_t)p % FRAME; (uintptr_t)at % FRAME || at <= p; at++) {
			if (at == p)
				at += size;
			if ((uintptr_t)at % FRAME == 0 && at > p)
				break;
			if (at + 20 < p || (at > p + size + 20 && (uintptr_t)at % FRAME < FRAME - 20))
				continue;
			was = *at;
			*at = (unsigned char)(was ^ 0x10);
			tellings = 0;
			assert_int_equal(mm_cache_free(cache, p), MM_E_CORRUPT);
			assert_int_equal(tellings, 1);
			expect(&told, at < p ? MM_GUARD_BEFORE : MM_GUARD_BEHIND, at, p, size, cache);
			assert_int_equal(mm_kfree(&heap, p), MM_E_CORRUPT);
			assert_int_equal(mm_cache_free_bulk(cache, (void *const[]){ p }, 1), MM_E_CORRUPT);
			assert_int_equal(mm_guard_check(&heap, &fault), MM_E_CORRUPT);
			expect(&fault, told.kind, at, p, size, cache);
			assert_int_equal(stats(cache).used, 1);
			*at = was;
		}
		release(cache, p);
	}
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* Without an MMU there is a pattern on both sides, and in what is free. */
static void without_an_mmu_it_is_found_later(void **state)
{
	(void)state;
	struct mm_cache *cache = make_guarded(104, 0, 0);
	unsigned char *p = allocate(cache), *q = allocate(cache);
	size_t size = mm_ksize(&heap, p);
	struct mm_guard_report r;

	for (unsigned behind = 0; behind < 2; behind++) {
		unsigned char *at = behind ? p + size + 300 : p - 300, was = *at;

		*at = 0;
		assert_int_equal(mm_guard_check(&heap, &r), MM_E_CORRUPT);
		expect(&r, behind ? MM_GUARD_BEHIND : MM_GUARD_BEFORE, at, p, size, cache);
		assert_int_equal(mm_cache_free(cache, p), MM_E_CORRUPT);
		*at = was;
	}
	release(cache, p);
	assert_int_equal(mm_guard_check(&heap, &r), MM_OK);
	p[17] = 0x77;
	assert_int_equal(mm_guard_check(&heap, &r), MM_E_CORRUPT);
	expect(&r, MM_GUARD_AFTER_FREE, p + 17, p, size, cache);
	tellings = 0;
	for (size_t i = pool_stats().free; i > 0; i--) /* until its turn comes */
		release(cache, allocate(cache));
	assert_int_equal(tellings, 1);
	expect(&told, MM_GUARD_AFTER_FREE, p + 17, p, size, cache);
	assert_int_equal(mm_guard_check(&heap, &r), MM_OK); /* told once */
	assert_int_equal(mm_guard_fault(&heap, (uintptr_t)q, &r), MM_E_NOENT);
	release(cache, q);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void who_does_not_want_to_know_panics(void **state)
{
	(void)state;
	struct mm_cache *cache = make_guarded(104, 0, 0);
	unsigned char *p;

	sim.port.panic = panic_back;
	assert_int_equal(mm_guard_end(&heap), MM_OK);
	pool_start(&(struct mm_guard_cfg){ 0 });
	p = allocate(cache);
	release(cache, p);
	p[100] ^= 1;
	if (setjmp(stopped) == 0) {
		for (size_t i = pool_stats().slots; i > 0; i--)
			release(cache, allocate(cache));
		fail();
	}
	sim_destroy(&sim); /* nothing can be relied on */
}

/* A host that cannot protect a page now: an object comes from a slab, and one that is freed is poisoned. */
static void pages_that_cannot_be_protected_are_not(void **state)
{
	(void)state;
	struct mm_cache *cache = make_guarded(104, 0, 0);
	unsigned char *p;
	struct mm_guard_report r;

	refuse_from = protections + 1;
	refuse_to = UINT32_MAX;
	p = mm_cache_alloc(cache, 0);
	assert_false(is_guarded(p));
	release(cache, p);
	refuse_to = 0;
	assert_int_equal(mm_heap_drain(&heap), MM_OK);
	p = allocate(cache);
	refuse_from = protections + 1;
	refuse_to = UINT32_MAX;
	release(cache, p);
	assert_false(faults(p, false));
	p[3] ^= 1;
	assert_int_equal(mm_guard_check(&heap, &r), MM_E_CORRUPT);
	expect(&r, MM_GUARD_AFTER_FREE, p + 3, p, 104, cache);
	p[3] ^= 1;
	refuse_to = 0;
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* A host that goes on opens the page; what is written then is found when it is used again. */
static void a_host_may_go_on(void **state)
{
	(void)state;
	struct mm_cache *cache = make_guarded(104, 0, 0);
	unsigned char *p = allocate(cache);

	release(cache, p);
	expect_fault(MM_GUARD_AFTER_FREE, p + 8, p, 104, cache);
	assert_true(protect(&pool, p - (uintptr_t)p % FRAME, FRAME, true));
	p[8] = 1;
	tellings = 0;
	for (size_t i = pool_stats().free; i > 0; i--)
		release(cache, allocate(cache));
	assert_int_equal(tellings, 1);
	expect(&told, MM_GUARD_AFTER_FREE, p + 8, p, 104, cache);
	assert_true(faults(p, false));
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* What the pool knows of itself is damaged: that is told, and no more of it is believed. */
static void a_damaged_queue_is_told(void **state)
{
	(void)state;
	struct mm_cache *cache = make_guarded(104, 0, 0);
	unsigned char *p = allocate(cache);
	struct mm_guard_report r;

	heap.guard->nfree++; /* more than there are: the queue's end is no slot */
	assert_int_equal(mm_guard_check(&heap, &r), MM_E_CORRUPT);
	assert_null(r.cache);
	heap.guard->nfree--;
	assert_int_equal(mm_guard_check(&heap, &r), MM_OK);
	release(cache, p);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* Freed objects' pages come again oldest first, and some stay away. */
static void pages_are_used_again_in_turn(void **state)
{
	(void)state;
	struct mm_cache *cache = make_guarded(104, 0, 0);
	void *p[64];
	size_t n, hold = 3;

	assert_int_equal(mm_guard_end(&heap), MM_OK);
	assert_int_equal(munmap(pool, POOL), 0);
	pool_start(&(struct mm_guard_cfg){ .hooks = &with_mmu, .hold = (uint32_t)hold });
	n = pool_stats().slots;
	assert_in_range(n, 8, 64);
	for (size_t i = 0; i < n - hold; i++)
		p[i] = allocate(cache);
	p[n] = mm_cache_alloc(cache, 0);
	assert_false(is_guarded(p[n])); /* three are held back */
	assert_int_equal(pool_stats().free, hold);
	for (size_t i = 0; i < n - hold; i++)
		release(cache, p[i]);
	release(cache, p[n]);
	assert_int_equal(mm_heap_drain(&heap), MM_OK);
	for (size_t i = 0; i < n - hold; i++) {
		unsigned char *q = allocate(cache);

		if (i >= hold) /* those that never were used came first */
			assert_int_equal((uintptr_t)q / FRAME, (uintptr_t)p[i - hold] / FRAME);
		p[63 - i] = q;
	}
	for (size_t i = 0; i < n - hold; i++)
		release(cache, p[63 - i]);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}
#else
static void without_checks_nobody_would_know(void **state)
{
	static unsigned char pages[64 << MM_FRAME_SHIFT] __attribute__((__aligned__(1 << MM_FRAME_SHIFT)));
	struct mm_guard_cfg cfg = { .base = pages, .bytes = sizeof(pages), .kmalloc = true };
	struct mm_guard_report r;
	struct mm_guard_stats s;

	(void)state;
	assert_int_equal(mm_guard_init(&heap, &cfg), MM_E_NOTSUP);
	assert_int_equal(mm_guard_end(&heap), MM_E_STATE);
	assert_int_equal(mm_guard_fault(&heap, (uintptr_t)pages, &r), MM_E_FOREIGN);
	assert_int_equal(mm_guard_check(&heap, &r), MM_OK);
	assert_int_equal(mm_guard_stats(&heap, &s), MM_OK);
	assert_int_equal(s.slots, 0);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
#if MM_CHECKS >= 1
		GUARD_TEST(an_overflow_faults_at_its_instruction),
		GUARD_TEST(use_after_free_faults_at_its_instruction),
		GUARD_TEST(each_object_is_aligned_and_at_a_border),
		GUARD_TEST(padding_is_watched),
		NO_MMU_TEST(padding_is_watched_without_an_mmu),
		GUARD_TEST(what_never_was_an_object_is_told_as_such),
		GUARD_TEST(a_byte_beside_an_object_is_told_to_who_frees),
		NO_MMU_TEST(without_an_mmu_it_is_found_later),
		cmocka_unit_test_setup(who_does_not_want_to_know_panics, start_without_mmu),
		GUARD_TEST(pages_that_cannot_be_protected_are_not),
		GUARD_TEST(a_host_may_go_on),
		GUARD_TEST(a_damaged_queue_is_told),
		GUARD_TEST(pages_are_used_again_in_turn),
#else
		HEAP_TEST(without_checks_nobody_would_know),
#endif
	};
	return cmocka_run_group_tests_name("slab guard", tests, NULL, NULL);
}
