/* SPDX-License-Identifier: MIT */
/* The tiny cache: every call against the shadow of tiny_model.h, every error, damage of every bit, every
 * short sequence; pages from an array and from page frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <mmlib/pmm.h>
#include <stdio.h>
#include "sim.h"
#include "tiny_model.h"

static void must(const char *wrong)
{
	if (wrong)
		fail_msg("%s", wrong);
}

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s >> 11;
}

static void fill(struct model *m, unsigned n)
{
	while (n--)
		must(model_alloc(m));
	must(model_check(m));
}

/* Arguments */

static void a_cache_that_cannot_be_is_refused(void **state)
{
	static const struct {
		size_t size, align, page;
		enum mm_status st;
	} bad[] = {
		{ 0, 0, 256, MM_E_INVAL },        { 8, 3, 256, MM_E_INVAL },
		{ 8, 256, 256, MM_E_INVAL },      { 8, 0, 0, MM_E_INVAL },
		{ 8, 0, 32, MM_E_INVAL },         { 8, 0, 384, MM_E_INVAL },
		{ 8, 0, 131072, MM_E_INVAL },     { 256, 0, 256, MM_E_NOSPC },
		{ SIZE_MAX, 0, 256, MM_E_NOSPC }, { 100, 128, 256, MM_OK },
		{ 129, 128, 256, MM_E_NOSPC },    { 64, 0, 64, MM_E_NOSPC },
		{ SIZE_MAX, 1, 64, MM_E_NOSPC },  { 1, 1, 65536, MM_OK },
	};
	struct mm_tiny t, was;

	(void)state;
	memset(&t, 0x5A, sizeof(t));
	was = t;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mm_tiny_cfg cfg = { .size = bad[i].size,
					   .align = bad[i].align,
					   .page = bad[i].page };

		assert_int_equal(mm_tiny_init(&t, &cfg), bad[i].st);
		assert_true((bad[i].st == MM_OK) != sim_same(&t, &was, sizeof(t)));
		t = was;
	}
	assert_int_equal(mm_tiny_init(&t, NULL), MM_E_INVAL);
	assert_int_equal(mm_tiny_init(NULL, &(struct mm_tiny_cfg){ .size = 8, .page = 256 }),
			 MM_E_INVAL);
}

static void a_cache_that_is_not_set_up_answers_so(void **state)
{
	struct mm_tiny t = { 0 };
	struct mm_tiny_stats s;
	void *p = &t;

	(void)state;
	assert_int_equal(mm_tiny_alloc_st(&t, &p), MM_E_STATE);
	assert_null(mm_tiny_alloc(&t));
	assert_int_equal(mm_tiny_free(&t, &s), MM_E_STATE);
	assert_int_equal(mm_tiny_free(&t, NULL), MM_OK);
	assert_int_equal(mm_tiny_add(&t, &s, 100), MM_E_STATE);
	assert_int_equal(mm_tiny_shrink(&t), MM_E_STATE);
	assert_int_equal(mm_tiny_destroy(&t), MM_E_STATE);
	assert_int_equal(mm_tiny_stats(&t, &s), MM_E_STATE);
	assert_int_equal(mm_tiny_verify(&t), MM_E_STATE);
	assert_ptr_equal(p, &t);
}

static void wrong_arguments_change_nothing(void **state)
{
	static struct model m;
	struct model_state was;
	struct mm_tiny_stats s;
	void *p = &m;

	(void)state;
	assert_int_equal(model_init(&m, 24, 0, 256, true), MM_OK);
	fill(&m, 20);
	model_save(&m, &was);
	assert_int_equal(mm_tiny_alloc_st(NULL, &p), MM_E_INVAL);
	assert_int_equal(mm_tiny_alloc_st(&m.t, NULL), MM_E_INVAL);
	assert_int_equal(mm_tiny_free(NULL, m.object[0]), MM_E_INVAL);
	assert_int_equal(mm_tiny_add(NULL, m.arena, 256), MM_E_INVAL);
	assert_int_equal(mm_tiny_add(&m.t, NULL, 256), MM_E_INVAL);
	assert_int_equal(mm_tiny_add(&m.t, m.arena, 0), MM_E_INVAL);
	assert_int_equal(mm_tiny_add(&m.t, m.arena, SIZE_MAX), MM_E_INVAL);
	assert_int_equal(mm_tiny_add(&m.t, m.arena + 1, 256 + 254), MM_E_NOSPC);
	assert_int_equal(mm_tiny_add(&m.t, m.arena + 255, 1), MM_E_NOSPC);
	assert_int_equal(mm_tiny_add(&m.t, m.arena, MODEL_PAGES * 256), MM_E_EXIST);
	assert_int_equal(mm_tiny_add(&m.t, m.arena + 256, 256), MM_E_EXIST);
	assert_int_equal(mm_tiny_shrink(NULL), MM_E_INVAL);
	assert_int_equal(mm_tiny_destroy(NULL), MM_E_INVAL);
	assert_int_equal(mm_tiny_destroy(&m.t), MM_E_BUSY);
	assert_int_equal(mm_tiny_stats(NULL, &s), MM_E_INVAL);
	assert_int_equal(mm_tiny_stats(&m.t, NULL), MM_E_INVAL);
	assert_int_equal(mm_tiny_verify(NULL), MM_E_INVAL);
	assert_true(model_same(&m, &was, false));
	assert_ptr_equal(p, &m);
	must(model_empty(&m));
	model_destroy(&m);
}

/* Every address of all pages and around them. */
static void every_wrong_pointer_gets_its_error_and_changes_nothing(void **state)
{
	static struct model m;
	struct model_state was;
	void *p[3];

	(void)state;
	assert_int_equal(model_init(&m, 12, 4, 128, true), MM_OK);
	fill(&m, 3 * m.t.count);
	p[0] = m.object[0], p[1] = m.object[m.t.count + 1], p[2] = m.object[2 * m.t.count];
	must(model_free(&m, p[0]));
	must(model_free(&m, p[1]));
	model_save(&m, &was);
	for (size_t i = 0; i < MODEL_PAGES * 128; i++)
		if (model_free_status(&m, m.arena + i) != MM_OK)
			must(model_free(&m, m.arena + i));
	must(model_free(&m, (void *)UINTPTR_MAX));
	must(model_free(&m, (void *)1));
	must(model_free(&m, &m));
	assert_int_equal(mm_tiny_free(&m.t, p[0]), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_tiny_free(&m.t, (char *)p[2] + 1), MM_E_ALIGN);
	assert_int_equal(mm_tiny_free(&m.t, m.arena), MM_E_ALIGN);
	assert_int_equal(mm_tiny_free(&m.t, m.arena + 4 * 128 + 32), MM_E_FOREIGN);
	assert_true(model_same(&m, &was, false));
	must(model_empty(&m));
	model_destroy(&m);
}

/* Two caches whose pages alternate. */
static void an_object_of_another_cache_is_foreign(void **state)
{
	static _Alignas(256) unsigned char memory[8 * 256];
	const struct mm_tiny_cfg cfg = { .size = 16, .page = 256 };
	struct mm_tiny a, b;
	void *p, *q;

	(void)state;
	assert_int_equal(mm_tiny_init(&a, &cfg), MM_OK);
	assert_int_equal(mm_tiny_init(&b, &cfg), MM_OK);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(mm_tiny_add(i % 2 ? &a : &b, memory + i * 256, 256), MM_OK);
	p = mm_tiny_alloc(&a);
	q = mm_tiny_alloc(&b);
	assert_int_equal(mm_tiny_free(&b, p), MM_E_FOREIGN);
	assert_int_equal(mm_tiny_free(&a, q), MM_E_FOREIGN);
	/* A page that looks like one of a, at another place. */
	memcpy(memory + 2 * 256, memory + 3 * 256, 256);
	assert_int_equal(mm_tiny_free(&a, memory + 2 * 256 + a.first), MM_E_FOREIGN);
	assert_int_equal(mm_tiny_free(&a, p), MM_OK);
	assert_int_equal(mm_tiny_destroy(&a), MM_OK);
	assert_int_equal(mm_tiny_free(&a, p), MM_E_STATE);
}

/* Sizes */

static void every_size_alignment_and_page_is_used_to_its_end(void **state)
{
	static struct model m;

	(void)state;
	for (size_t page = 64; page <= 1024; page *= 2) {
		for (size_t align = 1; align < page; align *= 2) {
			for (size_t size = 1; size <= page; size += 1 + size / 8) {
				size_t n;

				if (model_init(&m, size, align, page, true) != MM_OK) {
					model_destroy(&m);
					continue;
				}
				n = m.t.count;
				fill(&m, (unsigned)n + 1);
				assert_int_equal(m.t.pages, 2);
				/* one more would not fit: */
				assert_true(offsetof(struct mm_tiny_page, free) +
						    (n + 32) / 32 * 4 + align - 1 +
						    (n + 1) * m.t.size >
					    page);
				must(model_empty(&m));
				model_destroy(&m);
			}
		}
	}
}

static void a_page_costs_three_words_and_a_bit_for_each_object(void **state)
{
	const struct mm_tiny_cfg cfg = { .size = 4, .align = 4, .page = 4096 };
	struct mm_tiny t;

	(void)state;
	assert_int_equal(mm_tiny_init(&t, &cfg), MM_OK);
	assert_int_equal(t.first, 2 * sizeof(void *) + 4 + (t.count + 31) / 32 * 4);
}

/* Pages */

static void an_array_is_cut_into_the_whole_pages_in_it(void **state)
{
	static struct model m;

	(void)state;
	assert_int_equal(model_init(&m, 10, 2, 128, false), MM_OK);
	must(model_alloc(&m));                                            /* no memory */
	assert_int_equal(mm_tiny_add(&m.t, m.arena + 1, 128 * 4), MM_OK); /* pages 1 to 3 */
	m.out[1] = m.out[2] = m.out[3] = true;
	fill(&m, 3 * m.t.count);
	assert_in_range(m.object[0] - m.arena, 128, 255); /* the lowest one first */
	must(model_alloc(&m));                            /* full */
	assert_int_equal(m.nobjects, 3 * m.t.count);
	for (unsigned i = 0; i < 128; i++)
		assert_int_equal(m.arena[i], 0xA5);
	for (unsigned i = 4 * 128; i < MODEL_PAGES * 128; i++)
		assert_int_equal(m.arena[i], 0xA5);
	must(model_empty(&m));
	assert_int_equal(mm_tiny_shrink(&m.t), MM_E_NOTSUP);
	assert_int_equal(mm_tiny_destroy(&m.t), MM_OK);
	model_destroy(&m);
}

static void shrink_gives_back_what_is_empty(void **state)
{
	static struct model m;
	unsigned n;

	(void)state;
	assert_int_equal(model_init(&m, 16, 0, 256, true), MM_OK);
	n = m.t.count;
	fill(&m, 5 * n);
	for (unsigned i = 0; i < n; i++) /* all of the last page but one, one of each other */
		must(model_free(&m, m.object[m.nobjects - 1]));
	assert_int_equal(mm_tiny_shrink(&m.t), MM_OK);
	assert_int_equal(model_pages(&m), 4);
	must(model_check(&m));
	must(model_free(&m, m.object[1]));
	assert_int_equal(mm_tiny_shrink(&m.t), MM_OK);
	assert_int_equal(model_pages(&m), 4);
	fill(&m, n);
	must(model_empty(&m));
	assert_int_equal(model_pages(&m), 0);
	assert_int_equal(mm_tiny_destroy(&m.t), MM_OK);
	assert_int_equal(mm_tiny_alloc_st(&m.t, (void **)&m.object[0]), MM_E_STATE);
	model_destroy(&m);
}

static void destroy_gives_back_all_pages(void **state)
{
	static struct model m;

	(void)state;
	assert_int_equal(model_init(&m, 16, 0, 256, true), MM_OK);
	fill(&m, 3 * m.t.count);
	while (m.nobjects)
		must(model_free(&m, m.object[0]));
	assert_int_equal(model_pages(&m), 3);
	assert_int_equal(mm_tiny_destroy(&m.t), MM_OK);
	assert_int_equal(model_pages(&m), 0);
	assert_int_equal(m.put_wrong, 0);
	model_destroy(&m);
}

static void a_page_source_that_fails_changes_nothing(void **state)
{
	static struct model m;

	(void)state;
	assert_int_equal(model_init(&m, 16, 0, 256, true), MM_OK);
	m.dry = true;
	must(model_alloc(&m));
	m.dry = false;
	m.skewed = true;
	must(model_alloc(&m));
	assert_int_equal(m.nobjects, 0);
	m.skewed = false;
	fill(&m, 1);
#if MM_HOOKS
	fill(&m, m.t.count - 1);
	sim_fail_at(1, true);
	assert_null(mm_tiny_alloc(&m.t));
	sim_fail_at(0, false);
	fill(&m, 1);
#endif
	must(model_empty(&m));
	model_destroy(&m);
}

/* Page frames: what a kernel with mm_pmm writes. */
struct frames {
	struct sim sim;
	struct mm_pmm pmm;
};

static void *frame_get(void *ctx)
{
	struct frames *f = ctx;
	mm_paddr_t pa;

	return mm_page_alloc(&f->pmm, 0, 0, &pa) == MM_OK ? sim_to_virt(&f->sim, pa) : NULL;
}

static void frame_put(void *ctx, void *page)
{
	struct frames *f = ctx;

	assert_int_equal(
		mm_page_free(&f->pmm,
			     f->sim.base + (mm_paddr_t)((unsigned char *)page - f->sim.host), 0),
		MM_OK);
}

static void pages_come_from_page_frames_and_go_back(void **state)
{
	static struct frames f;
	struct mm_mem entries[8];
	struct mm_memmap map;
	const struct mm_zone_cfg all = { .name = "ALL", .last = MM_PADDR_MAX };
	const struct mm_pmm_cfg cfg = { .zones = &all, .nzones = 1, .reach = MM_PADDR_MAX };
	const struct mm_tiny_cfg tiny = {
		.size = 48, .page = MM_FRAME_SIZE, .get = frame_get, .put = frame_put, .ctx = &f
	};
	void *first = NULL, *last = NULL;
	size_t n = 0;
	struct mm_tiny t;

	(void)state;
	sim_init(&f.sim, 16 * MM_FRAME_SIZE, 256 * MM_FRAME_SIZE);
	assert_int_equal(mm_memmap_init(&map, entries, 8), MM_OK);
	assert_int_equal(mm_memmap_add(&map, f.sim.base, f.sim.bytes, MM_MEM_USABLE, NULL), MM_OK);
	assert_int_equal(mm_pmm_init(&f.pmm, &f.sim.port, &map, &cfg), MM_OK);
	assert_int_equal(mm_tiny_init(&t, &tiny), MM_OK);
	for (void *p; (p = mm_tiny_alloc(&t));
	     last = p, n++) { /* objects hold a list of themselves */
		if (!first)
			first = p;
		memcpy(p, &last, sizeof(last));
	}
	assert_true(n > 200 * (size_t)t.count);
	assert_int_equal(mm_tiny_verify(&t), MM_OK);
	while (last) {
		void *p = last;

		memcpy(&last, p, sizeof(last));
		assert_int_equal(mm_tiny_free(&t, p), MM_OK);
	}
	assert_int_equal(mm_tiny_shrink(&t), MM_OK);
	assert_int_equal(t.pages, 0);
	assert_int_equal(mm_tiny_free(&t, first), MM_E_FOREIGN);
	assert_int_equal(mm_tiny_destroy(&t), MM_OK);
	assert_int_equal(mm_pmm_verify(&f.pmm), MM_OK);
	sim_destroy(&f.sim);
}

static void random_calls_do_what_the_shadow_says(void **state)
{
	static const size_t sizes[] = { 1, 3, 8, 24, 60, 100 };
	static struct model m;
	uint64_t random = 4711;

	(void)state;
	for (unsigned round = 0; round < 12; round++) {
		assert_int_equal(model_init(&m, sizes[round % 6], round % 3 ? 4 : 1,
					    round < 6 ? 256 : 512, true),
				 MM_OK);
		for (unsigned i = 0; i < 1500; i++) {
			uint64_t what = next_random(&random) % 100;

			if (what < (i / 300 % 2 ? 65 : 40))
				must(model_alloc(&m));
			else if (what < 98 && m.nobjects)
				must(model_free(&m, m.object[next_random(&random) % m.nobjects]));
			else
				assert_int_equal(mm_tiny_shrink(&m.t), MM_OK);
			if (i % 8 == 0)
				must(model_check(&m));
		}
		must(model_empty(&m));
		model_destroy(&m);
	}
}

/* Damage */

static void flip_and_verify(struct model *m, void *at, size_t bytes, const char *what)
{
	for (size_t i = 0; i < bytes * 8; i++) {
		((unsigned char *)at)[i / 8] ^= (unsigned char)(1u << i % 8);
		if (mm_tiny_verify(&m->t) != MM_E_CORRUPT)
			fail_msg("%s: bit %u is not noticed", what, (unsigned)i);
		((unsigned char *)at)[i / 8] ^= (unsigned char)(1u << i % 8);
	}
	must(model_check(m));
}

static void verify_finds_every_flipped_bit(void **state)
{
	static struct model m;
	unsigned n;

	(void)state;
	assert_int_equal(model_init(&m, 6, 2, 256, true), MM_OK);
	n = m.t.count;
	fill(&m, 3 * n - 5);
	must(model_free(&m, m.object[3]));
	must(model_free(&m, m.object[n + 3]));
	for (struct mm_tiny_page *p = m.t.some; p; p = p->next) {
		flip_and_verify(&m, &p->seal, sizeof(p->seal), "seal");
		flip_and_verify(&m, &p->next, sizeof(p->next), "next");
		flip_and_verify(&m, &p->home, sizeof(p->home), "home");
		flip_and_verify(&m, p->free, (n + 31) / 32 * 4, "bits");
	}
	flip_and_verify(&m, &m.t.used, sizeof(m.t.used), "used");
	flip_and_verify(&m, &m.t.pages, sizeof(m.t.pages), "pages");
	must(model_empty(&m));
	model_destroy(&m);
}

/* Every sequence of so many operations, on pages of three objects. */
static unsigned long sequences;

/* One of them; tells whether there was something to do. */
static bool step(struct model *m, unsigned what)
{
	if (what == 0)
		must(model_alloc(m));
	else if (what == 1)
		assert_int_equal(mm_tiny_shrink(&m->t), MM_OK);
	else if (what - 2 < m->nobjects)
		must(model_free(m, m->object[what - 2]));
	else
		return false;
	return true;
}

static void explore(struct model *m, unsigned left)
{
	for (unsigned what = 0; left && what < 2 + m->nobjects; what++) {
		unsigned n = m->nobjects;
		struct model_state was;
		unsigned char *object[16], seed[16];

		memcpy(object, m->object, sizeof(object));
		memcpy(seed, m->seed, sizeof(seed));
		model_save(m, &was);
		if (step(m, what)) {
			sequences++;
			must(model_check(m));
			explore(m, left - 1);
		}
		model_same(m, &was, true);
		memcpy(m->object, object, sizeof(object));
		memcpy(m->seed, seed, sizeof(seed));
		m->nobjects = n;
	}
}

static void every_short_sequence_on_small_pages(void **state)
{
	static struct model m;

	(void)state;
	assert_int_equal(model_init(&m, 12, 4, 64, true), MM_OK);
	assert_in_range(m.t.count, 2, 4);
	explore(&m, 8);
	must(model_check(&m));
	fill(&m, 5); /* from some that are full */
	explore(&m, 6);
	must(model_empty(&m));
	model_destroy(&m);
	print_message("%lu sequences\n", sequences);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cache_that_cannot_be_is_refused),
		cmocka_unit_test(a_cache_that_is_not_set_up_answers_so),
		cmocka_unit_test(wrong_arguments_change_nothing),
		cmocka_unit_test(every_wrong_pointer_gets_its_error_and_changes_nothing),
		cmocka_unit_test(an_object_of_another_cache_is_foreign),
		cmocka_unit_test(every_size_alignment_and_page_is_used_to_its_end),
		cmocka_unit_test(a_page_costs_three_words_and_a_bit_for_each_object),
		cmocka_unit_test(an_array_is_cut_into_the_whole_pages_in_it),
		cmocka_unit_test(shrink_gives_back_what_is_empty),
		cmocka_unit_test(destroy_gives_back_all_pages),
		cmocka_unit_test(a_page_source_that_fails_changes_nothing),
		cmocka_unit_test(pages_come_from_page_frames_and_go_back),
		cmocka_unit_test(random_calls_do_what_the_shadow_says),
		cmocka_unit_test(verify_finds_every_flipped_bit),
		cmocka_unit_test(every_short_sequence_on_small_pages),
	};
	return cmocka_run_group_tests_name("tiny", tests, NULL, NULL);
}
