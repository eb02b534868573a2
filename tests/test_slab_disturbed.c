/* SPDX-License-Identifier: MIT */
/* The heap, disturbed: each internal allocation fails once, and from then on; an interrupt, or another CPU,
 * comes at every step. */
#include "slab_box.h"
#include "hook.h"

/* Fail the nth internal allocation of one call, for each n, once and from then on. */
static void a_failed_allocation_changes_nothing(void **state)
{
	(void)state;
	static const size_t sizes[] = { 16, 1000, 8000, 30000 };

	for (unsigned s = 0; s < 4; s++)
		for (int sticky = 0; sticky < 2; sticky++)
			for (unsigned nth = 1;; nth++) {
				void *p = &p;
				enum mm_status st;
				bool failed;

				assert_int_equal(mm_heap_shrink(&heap), MM_OK);
				sim_fail_at(nth, sticky);
				st = mm_kmalloc_st(&heap, sizes[s], 0, &p);
				failed = sim_fail_calls() >= nth;
				sim_fail_at(0, false);
				if (st != MM_OK) { /* without a magazine it may go on without one */
					assert_int_equal(st, MM_E_NOMEM);
					assert_ptr_equal(p, &p);
					verify_all();
					assert_int_equal(mm_kmalloc_st(&heap, sizes[s], 0, &p),
							 MM_OK);
				}
				assert_int_equal(mm_kfree(&heap, p), MM_OK);
				if (!failed)
					break;
			}
}

static void init_undoes_a_failed_allocation(void **state)
{
	(void)state;
	struct mm_heap other = { 0 };
	uint64_t hash;

	assert_int_equal(mm_pmm_drain(&pmm), MM_OK);
	hash = pmm_state_hash(&pmm);
	sim_fail_at(1, true);
	assert_int_equal(mm_heap_init(&other, &pmm, 2), MM_E_NOMEM);
	sim_fail_at(0, false);
	assert_null(other.pmm);
	assert_true(pmm_state_hash(&pmm) == hash);
	assert_int_equal(mm_heap_init(&other, &pmm, 2), MM_OK);
	assert_int_equal(mm_heap_destroy(&other), MM_OK);
}

static unsigned steps, hit_at;
static void *irq_object;
static bool in_irq;

static void irq(void)
{
	if (in_irq || locks || ++steps != hit_at)
		return; /* locks keep interrupts off */
	in_irq = true;
	if (irq_object) {
		check(irq_object, 64, 9);
		assert_int_equal(mm_kfree(&heap, irq_object), MM_OK);
	}
	irq_object = mm_kmalloc(&heap, 64, MM_ALLOC_ATOMIC);
	assert_non_null(irq_object);
	fill(irq_object, 64, 9);
	in_irq = false;
}

static void interrupts_at_every_step_lose_nothing(void **state)
{
	(void)state;
	bool hit = true;

	irq_object = NULL;
	for (hit_at = 1; hit; hit_at++) {
		void *p[70];

		steps = 0;
		sim_step = irq;
		for (unsigned i = 0; i < 70; i++)
			assert_non_null(p[i] = mm_kmalloc(&heap, 64, 0));
		for (unsigned i = 0; i < 70; i++)
			assert_int_equal(mm_kfree(&heap, p[i]), MM_OK);
		sim_step = NULL;
		hit = steps >= hit_at;
		if (hit_at % 64 == 0)
			verify_all();
	}
	assert_int_equal(mm_kfree(&heap, irq_object), MM_OK);
}

/* What changes more than magazines: a cache comes and goes, memory changes class and becomes pages. */
static void make_and_move(void)
{
	struct mm_cache *cache = make_cache(64, 0);
	void *p = mm_cache_alloc(cache, 0), *q = mm_kmalloc(&heap, 40, 0);

	assert_non_null(p);
	assert_non_null(q);
	for (size_t s = 60; s < 40000; s *= 9)
		assert_non_null(q = mm_krealloc(&heap, q, s, 0));
	assert_int_equal(mm_kfree(&heap, q), MM_OK);
	assert_int_equal(mm_cache_free(cache, p), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	assert_int_equal(mm_heap_shrink(&heap), MM_OK);
}

static void interrupts_while_caches_come_and_go_lose_nothing(void **state)
{
	(void)state;
	bool hit = true;

	irq_object = NULL;
	for (hit_at = 1; hit; hit_at++) {
		steps = 0;
		sim_step = irq;
		make_and_move();
		sim_step = NULL;
		hit = steps >= hit_at;
		if (hit_at % 256 == 0)
			verify_all();
	}
	assert_true(hit_at > 500);
	verify_all();
	assert_int_equal(mm_kfree(&heap, irq_object), MM_OK);
}

static struct mm_cache *doomed;
static enum mm_status doom;

/* At the hit_at-th step of CPU 1, CPU 0 destroys the cache that CPU 1 is bringing home. */
static void destroy_elsewhere(void)
{
	uint32_t was = sim_cpu;

	if (in_irq || locks || ++steps != hit_at)
		return; /* where CPU 0 would wait for a lock, it does */
	in_irq = true;
	sim_cpu = 0;
	doom = mm_cache_destroy(doomed);
	sim_cpu = was;
	in_irq = false;
}

static void a_cache_is_not_destroyed_while_it_comes_home(void **state)
{
	(void)state;
	bool hit = true;
	void *p;

	sim.port.run_on = NULL;
	for (hit_at = 1; hit; hit_at++) {
		doomed = make_cache(2048, 0);
		sim_cpu = 1;
		assert_non_null(p = mm_cache_alloc(doomed, 0));
		assert_int_equal(mm_cache_free(doomed, p), MM_OK);
		sim_cpu = 0;
		assert_int_equal(mm_cache_destroy(doomed), MM_E_AGAIN); /* CPU 1 is asked */
		sim_cpu = 1;
		doom = MM_E_AGAIN;
		steps = 0;
		sim_step = destroy_elsewhere;
		mm_heap_cpu_idle(&heap);
		sim_step = NULL;
		hit = steps >= hit_at;
		sim_cpu = 0;
		assert_true(doom == MM_OK || doom == MM_E_AGAIN);
		if (doom == MM_E_AGAIN)
			assert_int_equal(mm_cache_destroy(doomed), MM_OK);
	}
	assert_true(hit_at > 5);
	sim_cpu = 1;
	mm_heap_cpu_idle(&heap);
	mm_pmm_cpu_idle(&pmm);
	sim_cpu = 0;
	sim.port.run_on = sim_run_on;
}

#define QUARTER 2u /* order of a quarter of a slab of SEVENTHS */
#define SEVENTHS ((size_t)7168) /* bytes of an object, with all that is behind it */

static mm_paddr_t quarters[4];
static unsigned char *moving;

/* All that CPU 0 has; the other one may be busy. */
static void give_back(void)
{
	enum mm_status st = mm_heap_shrink(&heap);

	assert_true(st == MM_OK || st == MM_E_AGAIN);
	st = mm_pmm_drain(&pmm);
	assert_true(st == MM_OK || st == MM_E_AGAIN);
}

/* At the hit_at-th step of CPU 1, CPU 0 frees what is moved there. The slab goes, and of its memory only the second
 * quarter can be had, amid which the object was that is moved. */
static void free_and_give_back(void)
{
	uint32_t was = sim_cpu;

	if (in_irq || locks || ++steps != hit_at)
		return;
	in_irq = true;
	sim_cpu = 0;
	if (mm_kfree(&heap, moving) == MM_OK) {
		give_back();
		for (unsigned i = 0; i < 4; i++)
			if (mm_page_alloc(&pmm, QUARTER, MM_ALLOC_ATOMIC, &quarters[i]) != MM_OK)
				quarters[i] = 0;
		for (unsigned i = 0; i < 4; i++)
			if (quarters[i] && (uintptr_t)sim_to_virt(&sim, quarters[i]) - (uintptr_t)moving < SEVENTHS) {
				assert_int_equal(mm_page_free(&pmm, quarters[i], QUARTER), MM_OK);
				quarters[i] = 0;
			}
		give_back();
	}
	sim_cpu = was;
	in_irq = false;
}

/* Objects fill a slab; all but the third are free. */
static unsigned char *third_of_a_slab(void)
{
	unsigned char *p[9], *first = NULL;

	for (unsigned i = 0; i < 9; i++)
		assert_non_null(p[i] = mm_kmalloc(&heap, SEVENTHS - (MM_HARDEN & MM_HARDEN_CANARY ? sizeof(void *) : 0), 0));
	for (unsigned i = 0; i < 9; i++)
		if (!first || p[i] < first)
			first = p[i];
	for (unsigned i = 0; i < 9; i++)
		if (p[i] != first + 2 * SEVENTHS)
			assert_int_equal(mm_kfree(&heap, p[i]), MM_OK);
	return first + 2 * SEVENTHS;
}

/* What could be had in the end. */
static void end_of_the_move(enum mm_status st, void *out)
{
	if (st == MM_OK)
		assert_int_equal(mm_kfree(&heap, out), MM_OK);
	for (unsigned i = 0; i < 4; i++)
		if (quarters[i])
			assert_int_equal(mm_page_free(&pmm, quarters[i], QUARTER), MM_OK);
	assert_int_not_equal(mm_kfree(&heap, moving), MM_E_CORRUPT);
	memset(quarters, 0, sizeof(quarters));
}

static void count_step(void)
{
	steps++;
}

/* Steps until krealloc() knows that p is allocated. */
static unsigned steps_of_a_look(void *p)
{
	steps = 0;
	sim_step = count_step;
	assert_true(mm_ksize(&heap, p) > 0);
	sim_step = NULL;
	return steps;
}

/* Who moves memory that another CPU frees too early gets none that lies across it: he would copy what is the other
 * one's into it, and from where he copies to. */
static void memory_does_not_move_to_where_it_was(void **state)
{
	(void)state;
	static mm_paddr_t eaten[RAM_FRAMES];
	unsigned n = 0, across = 0;
	bool hit = true;

	for (unsigned later = 1; hit; later++) {
		void *out;
		enum mm_status st;

		moving = third_of_a_slab();
		hit_at = steps_of_a_look(moving) + later;
		while (mm_page_alloc(&pmm, 0, 0, &eaten[n]) == MM_OK)
			n++;
		sim.port.run_on = NULL;
		sim_cpu = 1;
		steps = 0;
		sim_step = free_and_give_back;
		st = mm_krealloc_st(&heap, moving, LARGE, 0, &out);
		sim_step = NULL;
		hit = steps >= hit_at;
		sim_cpu = 0;
		sim.port.run_on = sim_run_on;
		assert_true(st == MM_E_DOUBLE_FREE || st == MM_E_NOMEM);
		across += st == MM_E_DOUBLE_FREE;
		end_of_the_move(st, out);
		assert_int_equal(mm_heap_shrink(&heap), MM_OK);
		while (n > 0)
			assert_int_equal(mm_page_free(&pmm, eaten[--n], 0), MM_OK);
		assert_int_equal(mm_pmm_drain(&pmm), MM_OK);
	}
	assert_true(across > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HEAP_TEST(a_failed_allocation_changes_nothing),
		HEAP_TEST(init_undoes_a_failed_allocation),
		HEAP_TEST(interrupts_at_every_step_lose_nothing),
		HEAP_TEST(interrupts_while_caches_come_and_go_lose_nothing),
		HEAP_TEST(a_cache_is_not_destroyed_while_it_comes_home),
		HEAP_TEST(memory_does_not_move_to_where_it_was),
	};
	return cmocka_run_group_tests_name("slab disturbed", tests, NULL, NULL);
}
