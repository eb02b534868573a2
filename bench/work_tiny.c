/* SPDX-License-Identifier: MIT */
/* See work_tiny.h. */
#include "work_tiny.h"

#define COUNTED 10000u

uint16_t tiny_sizes[TINY_SIZES];
struct mm_region_heap tiny_heap;

static void *tiny_make(uint64_t state)
{
	uint64_t *p = mm_region_alloc(&tiny_heap, tiny_sizes[state % TINY_SIZES]);

	if (!p)
		bench_die("no memory");
	*(volatile uint64_t *)p = state;
	return p;
}

static void tiny_drop(void *p)
{
	if (mm_region_free(&tiny_heap, p) != MM_OK)
		bench_die("mm_region_free failed");
}

void tiny_replay(uint32_t *frees, uint32_t *allocations, uint32_t *nothing)
{
	static void *slots[TINY_LIVE];
	uint64_t state = 4242;

	for (uint32_t i = 0; i < TINY_LIVE; i++)
		slots[i] = tiny_make(bench_random(&state));
	for (uint32_t i = 0; i < TINY_STEPS; i++) {
		uint64_t random = bench_random(&state), t[4];
		void **slot = &slots[(random >> 32) % TINY_LIVE], *p = *slot;
		size_t size = tiny_sizes[random % TINY_SIZES];
		enum mm_status st;

		t[0] = tiny_clock();
		st = mm_region_free(&tiny_heap, p);
		t[1] = tiny_clock();
		p = mm_region_alloc(&tiny_heap, size);
		t[2] = tiny_clock();
		t[3] = tiny_clock();
		if (st != MM_OK || !p)
			bench_die("the region heap failed");
		*(volatile uint64_t *)p = random;
		*slot = p;
		frees[i] = (uint32_t)(t[1] - t[0]);
		allocations[i] = (uint32_t)(t[2] - t[1]);
		nothing[i] = (uint32_t)(t[3] - t[2]);
	}
	for (uint32_t i = 0; i < TINY_LIVE; i++)
		tiny_drop(slots[i]);
}

/* These have a name, a call and a return that callgrind sees. */
__attribute__((noinline)) void *counted_alloc(size_t size);
void *counted_alloc(size_t size)
{
	void *p = mm_region_alloc(&tiny_heap, size);

	__asm__ volatile("" : : "r"(p) : "memory");
	return p;
}

__attribute__((noinline)) void counted_free(void *p);
void counted_free(void *p)
{
	enum mm_status st = mm_region_free(&tiny_heap, p);

	__asm__ volatile("" : : "r"(st) : "memory");
}

/* The only free block is far larger: its list and that list's word become empty, and others come to be. */
void tiny_count_alloc(void)
{
	for (uint32_t i = 0; i < COUNTED; i++)
		tiny_drop(counted_alloc(64));
}

/* What is before and behind is free, and alone in its list. */
void tiny_count_free(void)
{
	for (uint32_t i = 0; i < COUNTED; i++) {
		void *before = mm_region_alloc(&tiny_heap, 100),
		     *p = mm_region_alloc(&tiny_heap, 64);
		void *behind = mm_region_alloc(&tiny_heap, 2000),
		     *last = mm_region_alloc(&tiny_heap, 64);

		tiny_drop(before);
		tiny_drop(behind);
		counted_free(p);
		tiny_drop(last);
	}
}
