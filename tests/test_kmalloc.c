/* SPDX-License-Identifier: MIT */
/* Memory of any size: it does not overlap, is aligned, is zero where that was asked for, and keeps its
 * contents when its size changes. */
#include "slab_box.h"

static void objects_of_every_size_keep_their_contents(void **state)
{
	(void)state;
	static void *p[MAX_LIVE];
	unsigned n = 0;

	for (size_t s = 1; s <= 20000; s += s < 600 ? 1 : 97) {
		bool canary = MM_HARDEN & MM_HARDEN_CANARY;
		size_t least = canary && s & (s - 1) ? s + sizeof(void *) : canary ? 2 * s : s;

		p[n] = mm_kmalloc(&heap, s, 0);
		assert_non_null(p[n]);
		assert_int_equal((uintptr_t)p[n] % 16, 0);
		assert_true(mm_ksize(&heap, p[n]) >= s);
		assert_true(s < 16 || mm_ksize(&heap, p[n]) <= least + least / 7 + 16 || s > 8192);
		fill(p[n], mm_ksize(&heap, p[n]), n);
		n++;
	}
	verify_all();
	for (unsigned i = 0; i < n; i++) {
		check(p[i], mm_ksize(&heap, p[i]), i);
		assert_int_equal(mm_kfree(&heap, p[i]), MM_OK);
	}
}

static void powers_of_two_are_aligned_to_themselves(void **state)
{
	(void)state;
	for (size_t s = 16; s <= 65536; s *= 2) {
		void *p[20];

		for (unsigned i = 0; i < 20; i++) {
			p[i] = mm_kmalloc(&heap, s, 0);
			assert_non_null(p[i]);
			assert_int_equal((uintptr_t)p[i] % s, (uintptr_t)sim.host % s);
		}
		for (unsigned i = 0; i < 20; i++)
			assert_int_equal(mm_kfree(&heap, p[i]), MM_OK);
	}
}

static void an_alignment_of_its_own_is_kept(void **state)
{
	(void)state;
	void *p = NULL;

	for (size_t align = 1; align <= 4096; align *= 2)
		for (size_t s = 1; s < 3000; s += 411) {
			assert_int_equal(mm_kmalloc_aligned_st(&heap, s, align, 0, &p), MM_OK);
			assert_int_equal((uintptr_t)p % align, 0);
			assert_int_equal(mm_kfree(&heap, p), MM_OK);
		}
	p = &p;
	assert_int_equal(mm_kmalloc_aligned_st(&heap, 8, 0, 0, &p), MM_E_INVAL);
	assert_int_equal(mm_kmalloc_aligned_st(&heap, 8, 3, 0, &p), MM_E_INVAL);
	assert_int_equal(mm_kmalloc_aligned_st(&heap, 0, 64, 0, &p), MM_E_INVAL);
	assert_int_equal(mm_kmalloc_aligned_st(&heap, 8, SIZE_MAX / 2 + 1, 0, &p), MM_E_NOMEM);
	assert_int_equal(mm_kmalloc_aligned_st(&heap, SIZE_MAX - 3, 64, 0, &p), MM_E_OVERFLOW);
	assert_ptr_equal(p, &p);
}

static void wrong_sizes_have_their_errors(void **state)
{
	(void)state;
	void *p = &p;

	assert_int_equal(mm_kmalloc_st(&heap, 0, 0, &p), MM_E_INVAL);
	assert_int_equal(mm_kmalloc_st(&heap, 8, MM_ALLOC_TABLE, &p), MM_E_INVAL);
	assert_int_equal(mm_kmalloc_st(&heap, 8, 1u << 20, &p), MM_E_INVAL);
	assert_int_equal(mm_kmalloc_st(NULL, 8, 0, &p), MM_E_INVAL);
	assert_int_equal(mm_kmalloc_st(&heap, 8, 0, NULL), MM_E_INVAL);
	for (size_t k = 0; k <= 2 * MM_FRAME_SIZE; k += 13)
		assert_int_equal(mm_kmalloc_st(&heap, SIZE_MAX - k, 0, &p), MM_E_OVERFLOW);
	assert_int_equal(mm_kmalloc_st(&heap, SIZE_MAX - 2 * MM_FRAME_SIZE, 0, &p), MM_E_OVERFLOW);
	assert_int_equal(mm_kmalloc_st(&heap, SIZE_MAX / 2 + 2, 0, &p), MM_E_OVERFLOW);
	assert_int_equal(mm_kmalloc_st(&heap, SIZE_MAX / 2 + 1, 0, &p), MM_E_NOMEM);
	assert_int_equal(mm_kmalloc_array_st(&heap, SIZE_MAX / 2, 3, 0, &p), MM_E_OVERFLOW);
	assert_int_equal(mm_kmalloc_array_st(&heap, 0, 3, 0, &p), MM_E_INVAL);
	assert_ptr_equal(p, &p);
	assert_int_equal(mm_kmalloc_array_st(&heap, 5, 7, MM_ALLOC_ZERO, &p), MM_OK);
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
}

static void a_free_that_tells_the_size_is_checked(void **state)
{
	(void)state;
	for (size_t s = 1; s < 60000; s = s * 5 / 4 + 1) {
		void *p = mm_kmalloc(&heap, s, 0);
		const bool canary = MM_HARDEN & MM_HARDEN_CANARY;
		size_t behind = s > MM_KMALLOC_MAX_CLASS && canary ? sizeof(void *) : 0;

		assert_non_null(p);
		(void)behind;
#if MM_CHECKS >= 1
		assert_int_equal(mm_kfree_sized(&heap, p, mm_ksize(&heap, p) + 1, 0), MM_E_ORDER);
		assert_int_equal(mm_kfree_sized(&heap, p, SIZE_MAX, 0), MM_E_ORDER);
		if (s > 64 && (s < 8000 || mm_ksize(&heap, p) > MM_FRAME_SIZE))
			assert_int_equal(mm_kfree_sized(&heap, p, (mm_ksize(&heap, p) - behind) / 2, 0), MM_E_ORDER);
		assert_int_equal(mm_kfree_sized(&heap, (char *)p + 1, s, 0), MM_E_ALIGN);
		assert_int_equal(mm_kfree_sized(&heap, &p, s, 0), MM_E_FOREIGN);
#endif
		assert_int_equal(mm_kfree_sized(&heap, p, 0, 0), MM_E_INVAL);
		assert_int_equal(mm_kfree_sized(&heap, p, s, 3), MM_E_INVAL);
		assert_int_equal(mm_kfree_sized(NULL, p, s, 0), MM_E_INVAL);
		assert_int_equal(mm_kfree_sized(&heap, p, s, 16), MM_OK);
#if MM_CHECKS >= 1
		assert_int_equal(mm_kfree_sized(&heap, p, s, 0), MM_E_DOUBLE_FREE);
#endif
	}
	for (size_t align = 1; align <= 8192; align *= 4) {
		void *p = NULL;

		assert_int_equal(mm_kmalloc_aligned_st(&heap, 100, align, 0, &p), MM_OK);
#if MM_CHECKS >= 1
		if (align > 128)
			assert_int_equal(mm_kfree_sized(&heap, p, 100, 0), MM_E_ORDER);
#endif
		assert_int_equal(mm_kfree_sized(&heap, p, 100, align), MM_OK);
	}
	for (size_t s = 8000; s > 10; s = s * 3 / 4) { /* in place or not, the last size is the one */
		void *p = mm_kmalloc(&heap, 8000, 0);

		assert_non_null(p = mm_krealloc(&heap, p, s, 0));
		assert_int_equal(mm_kfree_sized(&heap, p, s, 0), MM_OK);
	}
	assert_int_equal(mm_kfree_sized(&heap, NULL, 5, 0), MM_OK);
	assert_int_equal(mm_kfree_sized(&(struct mm_heap){ 0 }, &heap, 5, 0), MM_E_STATE);
}

static void a_free_that_tells_a_size_beside_a_power_of_two_is_believed(void **state)
{
	(void)state;
	for (size_t two = 16; two <= 8 * (size_t)MM_FRAME_SIZE; two *= 2)
		for (size_t s = two - 15; s <= two + 20; s++) {
			void *p = mm_kmalloc(&heap, s, 0);

			assert_non_null(p);
			assert_true(mm_ksize(&heap, p) >= s);
			assert_int_equal(mm_kfree_sized(&heap, p, s, 0), MM_OK);
		}
}

static void zero_means_zero(void **state)
{
	(void)state;
	for (size_t s = 8; s < 40000; s = s * 3 + 1) {
		unsigned char *p = mm_kmalloc(&heap, s, 0);

		assert_non_null(p);
		memset(p, 0xff, mm_ksize(&heap, p));
		assert_int_equal(mm_kfree(&heap, p), MM_OK);
		p = mm_kmalloc(&heap, s, MM_ALLOC_ZERO);
		assert_non_null(p);
		for (size_t i = 0; i < s; i++)
			assert_int_equal(p[i], 0);
		assert_int_equal(mm_kfree(&heap, p), MM_OK);
	}
}

static void realloc_keeps_what_was_there(void **state)
{
	(void)state;
	unsigned char *p = mm_krealloc(&heap, NULL, 10, 0), *q;
	void *out = &out;

	assert_non_null(p);
	for (unsigned i = 0; i < 10; i++)
		p[i] = (unsigned char)i;
	for (size_t s = 11; s < 100000; s = s * 2 + 3) {
		assert_non_null(q = mm_krealloc(&heap, p, s, 0));
		for (unsigned i = 0; i < 10; i++)
			assert_int_equal(q[i], i);
		p = q;
	}
	for (size_t s = 90000; s >= 10; s = s * 2 / 3) {
		assert_non_null(q = mm_krealloc(&heap, p, s, 0));
		for (unsigned i = 0; i < 10; i++)
			assert_int_equal(q[i], i);
		p = q;
	}
	assert_true(mm_ksize(&heap, p) <= 64);
	assert_int_equal(mm_krealloc_st(&heap, p, 0, 0, &out), MM_E_INVAL);
	assert_int_equal(mm_krealloc_st(&heap, p, SIZE_MAX - 5, 0, &out), MM_E_OVERFLOW);
	assert_int_equal(mm_krealloc_st(&heap, p, SIZE_MAX / 4, 0, &out), MM_E_NOMEM);
	assert_int_equal(mm_krealloc_st(&heap, p + 1, 5, 0, &out), MM_E_ALIGN);
	assert_ptr_equal(out, &out);
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
#if MM_CHECKS >= 1
	assert_int_equal(mm_krealloc_st(&heap, p, 5, 0, &out), MM_E_DOUBLE_FREE);
#endif
}

/* It takes what mm_kfree() takes, and leaves nothing of the cache's behind. */
static void an_object_of_a_cache_that_moves_is_the_caches_no_more(void **state)
{
	(void)state;
	const struct mm_cache_cfg cfg = { .name = "typed", .size = 100 };
	struct mm_cache *typed;
	unsigned char *p, *q;

	assert_int_equal(mm_cache_create(&heap, &cfg, &typed), MM_OK);
	assert_non_null(p = mm_cache_alloc(typed, 0));
	memset(p, 7, 100);
	assert_ptr_equal(mm_krealloc(&heap, p, 99, 0), p);
	assert_non_null(q = mm_krealloc(&heap, p, 5000, 0));
	for (unsigned i = 0; i < 99; i++)
		assert_int_equal(q[i], 7);
	assert_int_equal(mm_cache_destroy(typed), MM_OK);
	assert_int_equal(mm_kfree(&heap, q), MM_OK);
}

static void what_realloc_adds_is_zero_if_asked(void **state)
{
	(void)state;
	for (size_t from = 1; from < 9000; from = from * 5 / 2 + 1)
		for (size_t to = from; to < 20000; to = to * 2 + 1) {
			unsigned char *p = mm_kmalloc(&heap, from, MM_ALLOC_ZERO);

			assert_non_null(p);
			memset(p, 0x11, from);
			assert_non_null(p = mm_krealloc(&heap, p, to, MM_ALLOC_ZERO));
			for (size_t i = 0; i < to; i++)
				assert_int_equal(p[i], i < from ? 0x11 : 0);
			assert_int_equal(mm_kfree(&heap, p), MM_OK);
		}
}

/* Whatever way the size went, as long as each step asked for zeros. */
static void what_realloc_adds_is_zero_after_a_shrink_too(void **state)
{
	(void)state;
	static const size_t sizes[][3] = { { 64, 10, 50 },       { 60, 50, 64 },
					   { 4000, 2500, 4096 }, { 4000, 2500, 9000 },
					   { 4000, 100, 3000 },  { 40, 3, 500 } };

	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		unsigned char *p = mm_kmalloc(&heap, sizes[s][0], MM_ALLOC_ZERO);

		assert_non_null(p);
		memset(p, 0x11, sizes[s][0]);
		assert_non_null(p = mm_krealloc(&heap, p, sizes[s][1], MM_ALLOC_ZERO));
		assert_non_null(p = mm_krealloc(&heap, p, sizes[s][2], MM_ALLOC_ZERO));
		for (size_t i = 0; i < sizes[s][2]; i++)
			assert_int_equal(p[i], i < sizes[s][1] ? 0x11 : 0);
		assert_int_equal(mm_kfree(&heap, p), MM_OK);
	}
}

static void a_shrink_never_fails(void **state)
{
	(void)state;
	void **list = NULL, *p, *big = mm_kmalloc(&heap, 8000, 0), *out = NULL;

	assert_non_null(big);
	while (mm_kmalloc_st(&heap, 256, 0, &p) == MM_OK) {
		*(void **)p = list;
		list = p;
	}
	memset(big, 0x11, 8000);
	assert_int_equal(mm_krealloc_st(&heap, big, 200, 0, &out), MM_OK);
	assert_ptr_equal(out, big);
	assert_true(mm_ksize(&heap, out) >= 8000);
#if MM_CHECKS >= 1
	assert_int_equal(mm_kfree_sized(&heap, out, 200, 0), MM_E_ORDER); /* it is as large as it was */
#endif
	assert_int_equal(mm_kfree(&heap, out), MM_OK);
	while (list) {
		void **next = *list;

		assert_int_equal(mm_kfree(&heap, list), MM_OK);
		list = next;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HEAP_TEST(objects_of_every_size_keep_their_contents),
		HEAP_TEST(powers_of_two_are_aligned_to_themselves),
		HEAP_TEST(an_alignment_of_its_own_is_kept),
		HEAP_TEST(wrong_sizes_have_their_errors),
		HEAP_TEST(zero_means_zero),
		HEAP_TEST(a_free_that_tells_the_size_is_checked),
		HEAP_TEST(a_free_that_tells_a_size_beside_a_power_of_two_is_believed),
		HEAP_TEST(realloc_keeps_what_was_there),
		HEAP_TEST(an_object_of_a_cache_that_moves_is_the_caches_no_more),
		HEAP_TEST(what_realloc_adds_is_zero_if_asked),
		HEAP_TEST(what_realloc_adds_is_zero_after_a_shrink_too),
		HEAP_TEST(a_shrink_never_fails),
	};
	return cmocka_run_group_tests_name("kmalloc", tests, NULL, NULL);
}
