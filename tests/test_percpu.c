/* SPDX-License-Identifier: MIT */
/* Per-CPU memory, and the heap under the names that kernels know. */
#include "slab_box.h"
#include "hook.h"
#include <mmlib/percpu.h>
#define MM_GLOBAL_HEAP (&heap)
#include <mmlib/global.h>

static struct mm_percpu pc;

static int start_percpu(void **state)
{
	start(state);
	memset(&pc, 0xA5, sizeof(pc));
	assert_int_equal(mm_percpu_init(&pc, &pmm, NCPUS, 3 * MM_FRAME_SIZE), MM_OK);
	return 0;
}

static int stop_percpu(void **state)
{
	assert_int_equal(mm_percpu_used(&pc), 0);
	assert_int_equal(mm_percpu_destroy(&pc), MM_OK);
	assert_int_equal(mm_percpu_destroy(&pc), MM_E_STATE);
	return stop(state);
}

static void each_cpu_has_its_own(void **state)
{
	(void)state;
	uint32_t at[100];
	size_t sum = 0;

	for (unsigned i = 0; i < 100; i++) {
		size_t size = i * 7 % 90 + 1, align = (size_t)1 << i % 8;

		assert_int_equal(mm_percpu_alloc(&pc, size, i % 3 ? align : 0, &at[i]), MM_OK);
		sum += (size + 15) / 16 * 16;
		for (uint32_t cpu = 0; cpu < NCPUS; cpu++) {
			unsigned char *p = mm_percpu_ptr(&pc, at[i], cpu);

			assert_int_equal((uintptr_t)p % (i % 3 ? align : 16), 0);
			for (size_t k = 0; k < size; k++)
				assert_int_equal(p[k], 0);
			fill(p, size, i * NCPUS + cpu);
		}
	}
	assert_int_equal(mm_percpu_used(&pc), sum);
	for (unsigned i = 0; i < 100; i++)
		for (sim_cpu = 0; sim_cpu < NCPUS; sim_cpu++)
			check(mm_percpu_here(&pc, at[i]), i * 7 % 90 + 1, i * NCPUS + sim_cpu);
	sim_cpu = 0;
	for (unsigned i = 0; i < 100; i += 2)
		assert_int_equal(mm_percpu_free(&pc, at[i]), MM_OK);
	for (unsigned i = 1; i < 100; i += 2) /* the others are as they were */
		check(mm_percpu_ptr(&pc, at[i], 1), i * 7 % 90 + 1, i * NCPUS + 1);
	for (unsigned i = 1; i < 100; i += 2)
		assert_int_equal(mm_percpu_free(&pc, at[i]), MM_OK);
}

static void all_of_it_can_be_used(void **state)
{
	(void)state;
	size_t unit = 4 * (size_t)MM_FRAME_SIZE; /* three are four */
	uint32_t at, all, n = 0;

	assert_int_equal(mm_percpu_alloc(&pc, unit, 0, &all), MM_OK);
	assert_int_equal(mm_percpu_alloc(&pc, 1, 0, &at), MM_E_NOMEM);
	assert_int_equal(mm_percpu_free(&pc, all), MM_OK);
	while (mm_percpu_alloc(&pc, 48, 64, &at) == MM_OK)
		assert_int_equal(at, 64 * n++);
	assert_int_equal(n, unit / 64);
	assert_int_equal(mm_percpu_alloc(&pc, 16, 0, &at), MM_OK); /* between them */
	assert_int_equal(at, 48);
	assert_int_equal(mm_percpu_free(&pc, at), MM_OK);
	while (n-- > 0)
		assert_int_equal(mm_percpu_free(&pc, 64 * n), MM_OK);
}

static void wrong_ones_are_answered(void **state)
{
	(void)state;
	struct mm_percpu none = { 0 };
	uint32_t at = 5, other;

	assert_int_equal(mm_percpu_init(NULL, &pmm, 1, 1), MM_E_INVAL);
	assert_int_equal(mm_percpu_init(&none, NULL, 1, 1), MM_E_INVAL);
	assert_int_equal(mm_percpu_init(&none, &pmm, 0, 1), MM_E_INVAL);
	assert_int_equal(mm_percpu_init(&none, &pmm, 1, 0), MM_E_INVAL);
	assert_int_equal(mm_percpu_init(&none, &(struct mm_pmm){ 0 }, 1, 1), MM_E_STATE);
	assert_int_equal(mm_percpu_init(&none, &pmm, 1, SIZE_MAX), MM_E_NOMEM);
	assert_int_equal(mm_percpu_init(&none, &pmm, UINT32_MAX, 1), MM_E_NOMEM);
	assert_null(none.pmm);
	assert_int_equal(mm_percpu_destroy(NULL), MM_E_INVAL);
	assert_int_equal(mm_percpu_alloc(NULL, 1, 0, &at), MM_E_INVAL);
	assert_int_equal(mm_percpu_alloc(&pc, 1, 0, NULL), MM_E_INVAL);
	assert_int_equal(mm_percpu_alloc(&pc, 0, 0, &at), MM_E_INVAL);
	assert_int_equal(mm_percpu_alloc(&pc, 1, 3, &at), MM_E_INVAL);
	assert_int_equal(mm_percpu_alloc(&none, 1, 0, &at), MM_E_STATE);
	assert_int_equal(mm_percpu_alloc(&pc, SIZE_MAX, 0, &at), MM_E_NOMEM);
	assert_int_equal(mm_percpu_alloc(&pc, 1, SIZE_MAX / 2 + 1, &at), MM_E_NOMEM);
	assert_int_equal(at, 5);
	assert_int_equal(mm_percpu_alloc(&pc, 40, 0, &at), MM_OK);
	assert_int_equal(mm_percpu_alloc(&pc, 40, 0, &other), MM_OK);
	assert_int_equal(mm_percpu_destroy(&pc), MM_E_BUSY);
	assert_int_equal(mm_percpu_free(NULL, at), MM_E_INVAL);
	assert_int_equal(mm_percpu_free(&none, at), MM_E_STATE);
	assert_int_equal(mm_percpu_free(&pc, at + 8), MM_E_ALIGN);
	assert_int_equal(mm_percpu_free(&pc, at + 16), MM_E_ALIGN);
	assert_int_equal(mm_percpu_free(&pc, UINT32_MAX), MM_E_FOREIGN);
	assert_int_equal(mm_percpu_free(&pc, 4 * MM_FRAME_SIZE), MM_E_FOREIGN);
	assert_int_equal(mm_percpu_free(&pc, at), MM_OK);
	assert_int_equal(mm_percpu_free(&pc, at), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_percpu_used(&pc), 48);
	assert_int_equal(mm_percpu_free(&pc, other), MM_OK);
	assert_int_equal(mm_percpu_used(NULL), 0);
}

#if MM_HOOKS
static void a_failure_leaves_nothing(void **state)
{
	(void)state;
	for (unsigned nth = 1; nth <= 3; nth++) {
		struct mm_percpu other = { 0 };

		sim_fail_at(nth, true);
		assert_int_equal(mm_percpu_init(&other, &pmm, NCPUS, 100), MM_E_NOMEM);
		sim_fail_at(0, false);
		assert_null(other.pmm);
	}
}
#endif

static unsigned panics;

static void panic(void *ctx, const char *file, int line)
{
	(void)ctx;
	assert_true(strstr(file, "test_percpu.c") && line > 100);
	panics++;
}

static void kernels_know_these_names(void **state)
{
	(void)state;
	unsigned char *p = kmalloc(100), *q = kzalloc(300), *r = kcalloc(10, 30), *s = kmalloc_aligned(100, 512);

	assert_true(p && q && r && s);
	assert_true(ksize(p) >= 100);
	assert_int_equal((uintptr_t)s % 512, 0);
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(q[i] | r[i], 0);
	fill(p, 100, 1);
	assert_non_null(p = krealloc(p, 5000));
	check(p, 100, 1);
	assert_null(kcalloc(SIZE_MAX, 2));
	assert_null(kmalloc(0));
	assert_null(kmalloc_aligned(10, 3));
	assert_null(krealloc(p, SIZE_MAX));
	kfree(p);
	kfree_sized(q, 300);
	kfree(r);
	kfree(s);
	kfree(NULL);
	sim.port.panic = panic;
	panics = 0;
#if MM_CHECKS >= 1
	kfree(r); /* twice */
	assert_int_equal(panics, 1);
#endif
	heap.pmm = NULL; /* not set up yet: nobody to tell */
	kfree(NULL);
	heap.pmm = &pmm;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start_percpu, stop_percpu)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_cpu_has_its_own),
		TEST(all_of_it_can_be_used),
		TEST(wrong_ones_are_answered),
#if MM_HOOKS
		TEST(a_failure_leaves_nothing),
#endif
		TEST(kernels_know_these_names),
	};
	return cmocka_run_group_tests_name("percpu", tests, NULL, NULL);
}
