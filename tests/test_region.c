/* SPDX-License-Identifier: MIT */
/* The region heap: every call against the shadow heap of region_model.h, every error, damage of every
 * bit, every short sequence. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include "region_model.h"
#include "sim.h"

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef RUNNING_ON_VALGRIND
#define RUNNING_ON_VALGRIND 0
#endif

#define G MM_REGION_ALIGN

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

static void make(struct model *m, size_t bytes, unsigned skew)
{
	*m = (struct model){ 0 };
	assert_int_equal(model_add(m, bytes, skew), MM_OK);
	must(model_check(m));
}

/* A block of the model. */
static unsigned char *take(struct model *m, size_t align, size_t size)
{
	unsigned n = m->nblocks;

	must(model_alloc(m, align, size));
	must(model_check(m));
	assert_int_equal(m->nblocks, n + 1);
	return m->block[n].p;
}

static void give(struct model *m, void *p)
{
	must(model_free(m, p));
	must(model_check(m));
}

static size_t most(const struct model *m)
{
	struct mm_region_stats s;

	assert_int_equal(mm_region_stats(&m->heap, &s), MM_OK);
	return s.most;
}

/* Arguments */

static void a_region_that_cannot_be_is_refused_and_not_written_to(void **state)
{
	static unsigned char memory[4096];
	struct mm_region_heap heap = { 0 }, was = { 0 };
	size_t least = 1;

	(void)state;
	memset(memory, 0xA5, sizeof(memory));
	assert_int_equal(mm_region_add(NULL, memory, sizeof(memory)), MM_E_INVAL);
	assert_int_equal(mm_region_add(&heap, NULL, sizeof(memory)), MM_E_INVAL);
	assert_int_equal(mm_region_add(&heap, memory, 0), MM_E_INVAL);
	assert_int_equal(mm_region_add(&heap, memory, SIZE_MAX), MM_E_INVAL);
	assert_int_equal(mm_region_add(&heap, (void *)(UINTPTR_MAX - 99), 101), MM_E_INVAL);
#if UINTPTR_MAX > 0xffffffffu
	assert_int_equal(mm_region_add(&heap, memory, (size_t)1 << 34), MM_E_RANGE);
#endif
	while (mm_region_add(&heap, memory, least) == MM_E_NOSPC) {
		assert_true(sim_same(&heap, &was, sizeof(heap)));
		for (unsigned i = 0; i < sizeof(memory); i++)
			assert_int_equal(memory[i], 0xA5);
		least++;
	}
	assert_true(least > sizeof(struct mm_region) && least < 1024);
	assert_non_null(mm_region_alloc(&heap, 1)); /* one block, and that is all */
	assert_null(mm_region_alloc(&heap, 1));
	for (size_t i = least; i < sizeof(memory); i++)
		assert_int_equal(memory[i], 0xA5);
}

static void regions_that_overlap_are_refused(void **state)
{
	static unsigned char memory[8192];
	struct mm_region_heap heap = { 0 };
	unsigned char copy[sizeof(memory)];

	(void)state;
	assert_int_equal(mm_region_add(&heap, memory + 2048, 2048), MM_OK);
	memcpy(copy, memory, sizeof(memory));
	assert_int_equal(mm_region_add(&heap, memory + 2048, 2048), MM_E_EXIST);
	assert_int_equal(mm_region_add(&heap, memory, 2049), MM_E_EXIST);
	assert_int_equal(mm_region_add(&heap, memory, 8192), MM_E_EXIST);
	assert_int_equal(mm_region_add(&heap, memory + 3000, 10), MM_E_EXIST);
	assert_int_equal(mm_region_add(&heap, memory + 4095, 4096), MM_E_EXIST);
	assert_memory_equal(memory, copy, sizeof(memory));
	assert_int_equal(mm_region_add(&heap, memory, 2048), MM_OK);
	assert_int_equal(mm_region_add(&heap, memory + 4096, 4096), MM_OK);
	assert_int_equal(mm_region_verify(&heap), MM_OK);
}

static void a_heap_without_memory_answers_so(void **state)
{
	struct mm_region_heap heap = { 0 };
	struct mm_region_stats stats;
	void *p = &heap, *it = NULL;
	size_t bytes;
	bool used;

	(void)state;
	assert_int_equal(mm_region_alloc_st(&heap, 0, 8, &p), MM_E_STATE);
	assert_null(mm_region_alloc(&heap, 8));
	assert_int_equal(mm_region_free(&heap, &bytes), MM_E_STATE);
	assert_int_equal(mm_region_free(&heap, NULL), MM_OK);
	assert_int_equal(mm_region_realloc(&heap, &bytes, 0, 8, &p), MM_E_STATE);
	assert_int_equal(mm_region_realloc(&heap, NULL, 0, 8, &p), MM_E_STATE);
	assert_int_equal(mm_region_remove(&heap, &bytes), MM_E_NOENT);
	assert_int_equal(mm_region_stats(&heap, &stats), MM_E_STATE);
	assert_int_equal(mm_region_usable(&heap, &bytes), 0);
	assert_int_equal(mm_region_verify(&heap), MM_OK);
	assert_false(mm_region_next(&heap, &it, &bytes, &used));
	assert_ptr_equal(p, &heap);
}

static void wrong_arguments_change_nothing(void **state)
{
	struct mm_region_stats stats;
	struct model_state was;
	struct model m;
	unsigned char *a;
	void *p = &m;

	(void)state;
	make(&m, 3000, 3);
	a = take(&m, 0, 100);
	model_save(&m, &was);
	assert_int_equal(mm_region_alloc_st(NULL, 0, 8, &p), MM_E_INVAL);
	assert_int_equal(mm_region_alloc_st(&m.heap, 0, 8, NULL), MM_E_INVAL);
	assert_int_equal(mm_region_alloc_st(&m.heap, 0, 0, &p), MM_E_INVAL);
	assert_int_equal(mm_region_alloc_st(&m.heap, 24, 8, &p), MM_E_INVAL);
	assert_int_equal(mm_region_alloc_st(&m.heap, SIZE_MAX, 8, &p), MM_E_INVAL);
	assert_int_equal(mm_region_alloc_st(&m.heap, 0, SIZE_MAX, &p), MM_E_NOMEM);
	assert_int_equal(mm_region_alloc_st(&m.heap, 0, SIZE_MAX / 2, &p), MM_E_NOMEM);
	assert_int_equal(mm_region_alloc_st(&m.heap, 0, 3000, &p), MM_E_NOMEM);
	for (size_t align = 4096; align; align <<= 1) /* also all that no region has */
		assert_int_equal(mm_region_alloc_st(&m.heap, align, 8, &p), MM_E_NOMEM);
	assert_int_equal(mm_region_free(NULL, a), MM_E_INVAL);
	assert_int_equal(mm_region_realloc(NULL, a, 0, 8, &p), MM_E_INVAL);
	assert_int_equal(mm_region_realloc(&m.heap, a, 0, 8, NULL), MM_E_INVAL);
	assert_int_equal(mm_region_realloc(&m.heap, a, 0, 0, &p), MM_E_INVAL);
	assert_int_equal(mm_region_realloc(&m.heap, a, 12, 8, &p), MM_E_INVAL);
	assert_int_equal(mm_region_realloc(&m.heap, a, 0, SIZE_MAX - 3, &p), MM_E_NOMEM);
	assert_int_equal(mm_region_realloc(&m.heap, a + G, 0, 8, &p), MM_E_ALIGN);
	assert_int_equal(mm_region_remove(NULL, m.area[0].memory), MM_E_INVAL);
	assert_int_equal(mm_region_remove(&m.heap, NULL), MM_E_INVAL);
	assert_int_equal(mm_region_remove(&m.heap, m.area[0].memory + 1), MM_E_NOENT);
	assert_int_equal(mm_region_remove(&m.heap, m.area[0].memory), MM_E_BUSY);
	assert_int_equal(mm_region_stats(NULL, &stats), MM_E_INVAL);
	assert_int_equal(mm_region_stats(&m.heap, NULL), MM_E_INVAL);
	assert_int_equal(mm_region_verify(NULL), MM_E_INVAL);
	assert_int_equal(mm_region_usable(NULL, a), 0);
	assert_int_equal(mm_region_usable(&m.heap, NULL), 0);
	assert_int_equal(mm_region_usable(&m.heap, a + 1), 0);
	assert_ptr_equal(p, &m);
	assert_true(model_same(&m, &was, false));
	must(model_empty(&m));
	model_destroy(&m);
}

/* Pointers */

/* Every address in and around two regions, but those of the blocks. */
static void every_wrong_pointer_gets_its_error_and_changes_nothing(void **state)
{
	struct model m;
	unsigned char *kept[8];

	(void)state;
	make(&m, 1200, 1);
	assert_int_equal(model_add(&m, 1100, 8), MM_OK);
	for (unsigned i = 0; i < 8; i++)
		kept[i] = take(&m, i == 5 ? 4 * G : 0, 20 + 17 * i);
	give(&m, kept[2]);
	give(&m, kept[3]);
	give(&m, kept[6]);
	for (unsigned a = 0; a < m.nareas; a++) {
		for (size_t i = 0; i < m.area[a].host_bytes; i++) {
			unsigned char *p = m.area[a].host + i;

			if (model_free_status(&m, p) != MM_OK)
				must(model_free(&m, p));
		}
	}
	must(model_free(&m, (void *)UINTPTR_MAX));
	must(model_free(&m, &m));
	must(model_check(&m));
	assert_int_equal(mm_region_free(&m.heap, kept[3]), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_region_free(&m.heap, kept[0] + 1), MM_E_ALIGN);
	assert_int_equal(mm_region_free(&m.heap, &m), MM_E_FOREIGN);
	assert_int_equal(mm_region_free(&m.heap, m.area[0].memory), MM_E_FOREIGN);
	must(model_empty(&m));
	model_destroy(&m);
}

/* What a caller wrote into a block cannot make a pointer into it look right. */
static void contents_that_look_like_blocks_are_not_believed(void **state)
{
	struct model m;
	unsigned char *p;

	(void)state;
	make(&m, 2048, 0);
	p = take(&m, 0, 40 * G);
	for (uint32_t head = 0; head < 64; head++) {
		for (unsigned i = 0; i < 40 * G / 4; i++)
			((uint32_t *)p)[i] = head;
		for (size_t at = 1; at < 40 * G; at++)
			assert_int_equal(mm_region_free(&m.heap, p + at), MM_E_ALIGN);
	}
	model_fill(&m.block[0]);
	must(model_check(&m));
	must(model_empty(&m));
	model_destroy(&m);
}

/* An overflow that hits the head of a block, or of the free one behind it. */
static void a_size_that_was_overwritten_is_noticed_at_free(void **state)
{
	const uint32_t nonsense[] = {
		0, 1, 2, 3, 0xffffffffu, 0xfffffffcu, 0x41414141u, 0x7ffffffeu
	};
	struct model m;
	unsigned char *a, *b, *c;

	(void)state;
	make(&m, 2048, 0);
	a = take(&m, 0, 3 * G);
	b = take(&m, 0, 3 * G);
	c = take(&m, 0, 3 * G);
	for (unsigned i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
		for (unsigned at = 0; at < 2; at++) { /* its own; the free one's behind c */
			unsigned char *victim = at ? c : b;
			uint32_t *head =
				(uint32_t *)(at ? c + mm_region_usable(&m.heap, c) : b - 4);
			uint32_t was = *head;
			struct model_state before;

			*head = nonsense[i];
			model_save(&m, &before);
			assert_int_equal(mm_region_free(&m.heap, victim), MM_E_CORRUPT);
			assert_int_equal(mm_region_verify(&m.heap), MM_E_CORRUPT);
			assert_true(model_same(&m, &before, false));
			*head = was;
		}
	}
	give(&m, a);
	((uint32_t *)b)[-2] ^= 4; /* the last word of the free one before */
	assert_int_equal(mm_region_free(&m.heap, b), MM_E_CORRUPT);
	((uint32_t *)b)[-2] ^= 4;
	must(model_empty(&m));
	model_destroy(&m);
}

/* An overflow that hits the head of an allocated block, if flags come out of it. */
static void a_neighbour_that_is_out_and_has_flags_of_a_free_one_is_noticed(void **state)
{
	struct model m;
	unsigned char *p[2];

	(void)state;
	make(&m, 2048, 0);
	p[0] = take(&m, 0, 3 * G);
	take(&m, 0, 3 * G);
	p[1] = take(&m, 0, most(&m)); /* behind it is the end */
	for (uint32_t nonsense = 0; nonsense < 64; nonsense++) {
		for (unsigned i = 0; i < 2; i++) {
			uint32_t *head = (uint32_t *)(p[i] + mm_region_usable(&m.heap, p[i]));
			uint32_t was = *head;
			struct model_state before;

			if (!(nonsense & 3))
				continue;
			*head = nonsense;
			model_save(&m, &before);
			assert_int_equal(mm_region_free(&m.heap, p[i]), MM_E_CORRUPT);
			assert_true(model_same(&m, &before, false));
			*head = was;
		}
	}
	must(model_empty(&m));
	model_destroy(&m);
}

/* Sizes */

static void every_size_and_alignment_fits_and_comes_back(void **state)
{
	struct model m;

	(void)state;
	make(&m, 20000, 5);
	for (size_t align = 1; align <= 4096; align <<= 1) {
		for (size_t size = 1; size < 5 * G; size++) {
			unsigned char *p = take(&m, align, size), *q = take(&m, align, size);

			assert_true(mm_region_usable(&m.heap, p) >= size);
			assert_true(mm_region_usable(&m.heap, p) < size + 3 * G);
			give(&m, p);
			give(&m, q);
		}
	}
	must(model_empty(&m));
	model_destroy(&m);
}

static void a_block_costs_four_bytes_and_rounding(void **state)
{
	struct model m;

	(void)state;
	make(&m, 4096, 0);
	for (size_t size = 2 * G - 4; size < 200; size += G) {
		unsigned char *p = take(&m, 0, size);

		assert_int_equal(mm_region_usable(&m.heap, p), size);
		give(&m, p);
	}
	model_destroy(&m);
}

static void the_most_that_is_told_can_be_had(void **state)
{
	uint64_t random = 99;
	struct model m;

	(void)state;
	make(&m, 6000, 0);
	for (unsigned i = 0; i < 300; i++) {
		if (m.nblocks < 40 && most(&m))
			must(model_alloc(&m, 0, 1 + next_random(&random) % 200));
		if (m.nblocks > 3)
			give(&m, m.block[next_random(&random) % m.nblocks].p);
		if (most(&m))
			give(&m, take(&m, 0, most(&m)));
	}
	must(model_empty(&m));
	give(&m, take(&m, 0, most(&m))); /* all of it */
	model_destroy(&m);
}

/* Where a class is several sizes wide, and no larger one has a block. */
static void a_block_of_the_same_class_is_taken_only_if_it_is_enough(void **state)
{
	size_t small = 4 * MM_REGION_STEPS * G - 4, large = small + G;
	unsigned char *p, *q;
	struct model m;

	(void)state;
	assert_int_equal(region_class((uint32_t)(small / G + 1)),
			 region_class((uint32_t)(large / G + 1)));
	make(&m, 20000, 0);
	p = take(&m, 0, small);
	take(&m, 0, 1);
	q = take(&m, 0, large);
	take(&m, 0, 1);
	take(&m, 0, most(&m)); /* all the rest */
	give(&m, p);
	assert_int_equal(most(&m), small);
	must(model_alloc(&m, 0, large)); /* refused */
	assert_int_equal(m.nblocks, 4);
	give(&m, q);
	assert_ptr_equal(take(&m, 0, large), q); /* freed last: it is asked */
	assert_ptr_equal(take(&m, 0, small), p);
	must(model_empty(&m));
	model_destroy(&m);
}

static void neighbours_join_in_every_order(void **state)
{
	static const unsigned orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					       { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	struct model m;

	(void)state;
	make(&m, 2048, 0);
	for (unsigned o = 0; o < 6; o++) {
		unsigned char *p[3];
		size_t before = most(&m);

		for (unsigned i = 0; i < 3; i++)
			p[i] = take(&m, 0, 50);
		for (unsigned i = 0; i < 3; i++)
			give(&m, p[orders[o][i]]);
		assert_int_equal(most(&m), before);
		must(model_empty(&m));
	}
	model_destroy(&m);
}

/* Nothing is decided by what was in memory before: valgrind looks, wherever a region begins. */
static void memory_may_hold_anything(void **state)
{
	uint64_t seed = 9;

	(void)state;
	for (unsigned skew = 0; skew < 64; skew++) {
		unsigned char *memory = malloc(2048 + 64);
		struct mm_region_heap heap = { 0 };
		void *p[16] = { NULL };

		assert_int_equal(mm_region_add(&heap, memory + skew, 2048), MM_OK);
		for (unsigned i = 0; i < 200; i++) {
			void **at = &p[next_random(&seed) % 16];
			size_t size = next_random(&seed) % 150 + 1, align = next_random(&seed) % 4 ? 0 : 64;

			if (!*at || next_random(&seed) % 2) { /* or refused */
				(void)!mm_region_realloc(&heap, *at, align, size, at);
			} else {
				assert_int_equal(mm_region_free(&heap, *at), MM_OK);
				*at = NULL;
			}
			assert_int_equal(mm_region_verify(&heap), MM_OK);
		}
		free(memory);
	}
}

/* The block before this one: what is free there is allocated. */
static unsigned char *before(struct mm_region_heap *heap, unsigned char *p)
{
	void *it = NULL;
	size_t bytes;
	bool used;

	while (mm_region_next(heap, &it, &bytes, &used) && (unsigned char *)it + bytes + 4 != p)
		;
	assert_non_null(it);
	if (!used)
		assert_ptr_equal(mm_region_alloc(heap, bytes), it);
	return it;
}

static void forbid(void *p, size_t bytes)
{
	assert_int_equal(mprotect(p, bytes, PROT_NONE), 0);
}

/* A page that is allocated may be a guard, or a device's: nobody but its owner may read it. Nor is there anything
 * before a region and behind it. */
static void what_is_allocated_beside_a_block_is_not_read(void **state)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *memory = mmap(NULL, 8 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mm_region_heap heap = { 0 };
	void *kept = NULL, *p, *q;

	(void)state;
	assert_ptr_not_equal(memory, MAP_FAILED);
	forbid(memory, page);
	forbid(memory + 7 * page, page);
	assert_int_equal(mm_region_add(&heap, memory + page, 6 * page), MM_OK);
	p = mm_region_alloc(&heap, 100);
	assert_int_equal(mm_region_alloc_st(&heap, page, page, &kept), MM_OK);
	q = before(&heap, kept);
	assert_ptr_not_equal(p, q);
	forbid(kept, page);
	assert_int_equal(mm_region_realloc(&heap, q, 0, 1, &q), MM_OK);
	assert_int_equal(mm_region_realloc(&heap, q, 0, 50, &q), MM_OK);
	assert_int_equal(mm_region_free(&heap, q), MM_OK); /* joins what was cut from it */
	q = before(&heap, kept);
	assert_int_equal(mm_region_free(&heap, p), MM_OK); /* joins nothing */
	assert_int_equal(mm_region_free(&heap, q), MM_OK); /* joins what is before */
	q = before(&heap, memory + 7 * page);
	assert_int_equal(mm_region_free(&heap, q), MM_OK); /* the last */
	assert_int_equal(mprotect(kept, page, PROT_READ | PROT_WRITE), 0);
	assert_int_equal(mm_region_free(&heap, kept), MM_OK);
	assert_int_equal(mm_region_verify(&heap), MM_OK);
	assert_int_equal(mm_region_remove(&heap, memory + page), MM_OK);
	munmap(memory, 8 * page);
}

static void realloc_stays_where_it_can(void **state)
{
	struct model m;
	unsigned char *a, *b, *c;

	(void)state;
	make(&m, 4096, 0);
	a = take(&m, 0, 100);
	must(model_realloc(&m, 0, 0, 1000)); /* into what is free behind */
	assert_ptr_equal(m.block[0].p, a);
	must(model_realloc(&m, 0, 0, 10));
	assert_ptr_equal(m.block[0].p, a);
	must(model_check(&m));
	b = take(&m, 0, 200);
	must(model_realloc(&m, 0, 0, 100)); /* b is in the way */
	assert_ptr_not_equal(m.block[0].p, a);
	must(model_check(&m));
	c = m.block[0].p;
	must(model_realloc(&m, 0, 0, 150));
	assert_ptr_equal(m.block[0].p, c);
	must(model_realloc(&m, 1, 512, 200)); /* it asks for more alignment */
	assert_true((uintptr_t)b % 512 == 0 || m.block[1].p != b);
	must(model_realloc(&m, 1, 512, 210));
	must(model_realloc(&m, 1, 0, 4000)); /* too much */
	assert_int_equal(m.block[1].size, 210);
	must(model_check(&m));
	must(model_empty(&m));
	model_destroy(&m);
}

/* Regions */

static void regions_are_used_in_the_order_given(void **state)
{
	struct model m;
	unsigned char *p;

	(void)state;
	make(&m, 1024, 0);
	assert_int_equal(model_add(&m, 4096, 0), MM_OK);
	assert_int_equal(model_add(&m, 2048, 0), MM_OK);
	p = take(&m, 0, 64);
	assert_true(p > m.area[0].memory && p < m.area[0].memory + 1024);
	p = take(&m, 0, 1100);
	assert_true(p > m.area[1].memory && p < m.area[1].memory + 4096);
	assert_int_equal(mm_region_remove(&m.heap, m.area[0].memory), MM_E_BUSY);
	assert_int_equal(mm_region_remove(&m.heap, m.area[1].memory), MM_E_BUSY);
	must(model_empty(&m));
	assert_int_equal(mm_region_remove(&m.heap, m.area[1].memory), MM_OK);
	assert_int_equal(mm_region_remove(&m.heap, m.area[1].memory), MM_E_NOENT);
	assert_int_equal(mm_region_free(&m.heap, p), MM_E_FOREIGN);
	assert_int_equal(mm_region_add(&m.heap, m.area[1].memory + 1000, 3000), MM_OK);
	assert_int_equal(mm_region_remove(&m.heap, m.area[1].memory + 1000), MM_OK);
	assert_int_equal(mm_region_remove(&m.heap, m.area[0].memory), MM_OK);
	assert_int_equal(mm_region_remove(&m.heap, m.area[2].memory), MM_OK);
	assert_null(mm_region_alloc(&m.heap, 1));
	assert_int_equal(mm_region_verify(&m.heap), MM_OK);
	model_destroy(&m);
}

static void random_calls_do_what_the_shadow_says(void **state)
{
	uint64_t random = 4711;

	(void)state;
	for (unsigned round = 0; round < 12; round++) {
		struct model m = { 0 };

		for (unsigned i = 0; i <= round % MODEL_REGIONS; i++)
			assert_int_equal(model_add(&m, 1500 + next_random(&random) % 9000,
						   next_random(&random) & 63),
					 MM_OK);
		for (unsigned i = 0; i < (RUNNING_ON_VALGRIND ? 100 : 1500); i++) {
			size_t size = (1 + next_random(&random) % 256) << next_random(&random) % 4;
			unsigned which = m.nblocks ? (unsigned)next_random(&random) % m.nblocks : 0;

			switch (next_random(&random) % 5) {
			case 0:
			case 1:
				must(model_alloc(&m, 0, size));
				break;
			case 2:
				must(model_alloc(&m, (size_t)1 << next_random(&random) % 9, size));
				break;
			case 3:
				if (m.nblocks)
					must(model_realloc(&m, which, 0, size));
				break;
			default:
				if (m.nblocks)
					must(model_free(&m, m.block[which].p));
			}
			must(model_check(&m));
		}
		must(model_empty(&m));
		model_destroy(&m);
	}
}

static void an_injected_failure_changes_nothing(void **state)
{
	(void)state;
#if MM_HOOKS
	struct model_state was;
	struct model m;
	void *p = &m;

	make(&m, 2048, 0);
	take(&m, 0, 100);
	take(&m, 0, 100);
	model_save(&m, &was);
	sim_fail_at(1, true);
	assert_int_equal(mm_region_alloc_st(&m.heap, 0, 1, &p), MM_E_NOMEM);
	assert_int_equal(mm_region_alloc_st(&m.heap, 64, 1, &p), MM_E_NOMEM);
	assert_int_equal(mm_region_realloc(&m.heap, m.block[0].p, 0, 200, &p), MM_E_NOMEM);
	sim_fail_at(0, false);
	assert_ptr_equal(p, &m);
	assert_true(model_same(&m, &was, false));
	must(model_empty(&m));
	model_destroy(&m);
#else
	skip();
#endif
}

/* Damage */

static void flip_and_verify(struct model *m, void *at, size_t bytes, const char *what)
{
	for (size_t i = 0; i < bytes * 8; i++) {
		((unsigned char *)at)[i / 8] ^= (unsigned char)(1u << i % 8);
		if (mm_region_verify(&m->heap) != MM_E_CORRUPT)
			fail_msg("%s: bit %u is not noticed", what, (unsigned)i);
		((unsigned char *)at)[i / 8] ^= (unsigned char)(1u << i % 8);
	}
	assert_int_equal(mm_region_verify(&m->heap), MM_OK);
}

static void verify_finds_every_flipped_bit(void **state)
{
	unsigned char *p[12];
	struct mm_region *r;
	struct model_walk w;
	struct model m;

	(void)state;
	make(&m, 2048, 0);
	for (unsigned i = 0; i < 12; i++)
		p[i] = take(&m, 0, i < 6 ? 30 : 70);
	for (unsigned i = 0; i < 12; i += 2)
		give(&m, p[i]);
	r = m.heap.first;
	flip_and_verify(&m, r->list, r->classes * 4, "list");
	flip_and_verify(&m, r->some, (r->classes + 31) / 32 * 4, "some");
	flip_and_verify(&m, &r->words, 4, "words");
	flip_and_verify(&m, r->out, ((r->grains + 1) / 32 + 1) * 4, "out");
	flip_and_verify(&m, &m.heap.used, sizeof(m.heap.used), "used");
	flip_and_verify(&m, &m.heap.blocks, sizeof(m.heap.blocks), "blocks");
	model_walk(&m, &w);
	for (unsigned i = 0; i < w.n; i++) {
		flip_and_verify(&m, w.at[i].p - 4, 4, "head");
		if (w.at[i].used)
			continue;
		flip_and_verify(&m, w.at[i].p, 8, "links");
		flip_and_verify(&m, w.at[i].p + w.at[i].bytes - 4, 4, "last word");
	}
	flip_and_verify(&m, w.at[w.n - 1].p + w.at[w.n - 1].bytes, 4, "end");
	must(model_empty(&m));
	model_destroy(&m);
}

/* Every sequence of so many operations on a region that is soon full. */
static unsigned long sequences;

/* One of them; tells whether there was something to do. */
static bool step(struct model *m, unsigned what)
{
	if (what == 0)
		must(model_alloc(m, 0, 1));
	else if (what == 1)
		must(model_alloc(m, 0, 5 * G));
	else if (what == 2)
		must(model_alloc(m, 4 * G, 2 * G));
	else if (m->nblocks == 0 || (what == 4 && m->nblocks == 1))
		return false;
	else if (what == 3)
		must(model_free(m, m->block[0].p));
	else if (what == 4)
		must(model_free(m, m->block[m->nblocks - 1].p));
	else
		must(model_realloc(m, m->nblocks - 1, 0, what == 5 ? 1 : 9 * G));
	return true;
}

static void explore(const struct model *m, unsigned left)
{
	for (unsigned what = 0; left && what < 7; what++) {
		struct model next = *m;
		struct model_state was;

		model_save(m, &was);
		if (step(&next, what)) {
			sequences++;
			must(model_check(&next));
			explore(&next, left - 1);
		}
		model_same(&next, &was, true);
	}
}

static void every_short_sequence_in_a_small_region(void **state)
{
	struct model m;
	size_t books;

	(void)state;
	make(&m, 1024, 0);
	books = m.area[0].books_bytes;
	model_destroy(&m);
	make(&m, books + 18 * G, 0);
	explore(&m, RUNNING_ON_VALGRIND ? 4 : 6);
	must(model_check(&m));
	must(model_empty(&m));
	model_destroy(&m);
	print_message("%lu sequences\n", sequences);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_region_that_cannot_be_is_refused_and_not_written_to),
		cmocka_unit_test(regions_that_overlap_are_refused),
		cmocka_unit_test(a_heap_without_memory_answers_so),
		cmocka_unit_test(wrong_arguments_change_nothing),
		cmocka_unit_test(every_wrong_pointer_gets_its_error_and_changes_nothing),
		cmocka_unit_test(contents_that_look_like_blocks_are_not_believed),
		cmocka_unit_test(a_size_that_was_overwritten_is_noticed_at_free),
		cmocka_unit_test(a_neighbour_that_is_out_and_has_flags_of_a_free_one_is_noticed),
		cmocka_unit_test(every_size_and_alignment_fits_and_comes_back),
		cmocka_unit_test(a_block_costs_four_bytes_and_rounding),
		cmocka_unit_test(the_most_that_is_told_can_be_had),
		cmocka_unit_test(a_block_of_the_same_class_is_taken_only_if_it_is_enough),
		cmocka_unit_test(neighbours_join_in_every_order),
		cmocka_unit_test(memory_may_hold_anything),
		cmocka_unit_test(what_is_allocated_beside_a_block_is_not_read),
		cmocka_unit_test(realloc_stays_where_it_can),
		cmocka_unit_test(regions_are_used_in_the_order_given),
		cmocka_unit_test(random_calls_do_what_the_shadow_says),
		cmocka_unit_test(an_injected_failure_changes_nothing),
		cmocka_unit_test(verify_finds_every_flipped_bit),
		cmocka_unit_test(every_short_sequence_in_a_small_region),
	};
	return cmocka_run_group_tests_name("region", tests, NULL, NULL);
}
