/* SPDX-License-Identifier: MIT */
/* Poison: whoever writes to a free frame is found when it is allocated, by whichever call; frames that
 * nobody filled, and those that are out of reach, are not judged. Without it free memory is not touched. */
#include "pmm_machine.h"
#include "stopped.h"
#include <stdio.h>
#include <mmlib/pmm_inline.h>
#include <mmlib/range.h>

#define FRAME ((size_t)MM_FRAME_SIZE)

static char told[80];

static void listen(void *ctx, const char *line)
{
	(void)ctx;
	strncpy(told, line, sizeof(told) - 1);
}

static struct machine *start(uint32_t ncpus)
{
	struct machine *m = machine_start((struct mm_pmm_cfg){ .ncpus = ncpus });

	m->sim.port.panic = panic_back;
	m->sim.port.log = listen;
	memset(told, 0, sizeof(told));
	return m;
}

static unsigned char *at(struct machine *m, mm_paddr_t pa)
{
	return sim_to_virt(&m->sim, pa);
}

/* Ways to allocate four frames that begin at pa, and to free them. */
enum way { ALLOC, ALLOC_AT, INLINE, CONTIG, RANGE, BULK, WAYS };

static enum mm_status take(struct machine *m, enum way way, mm_paddr_t pa)
{
	const struct mm_page_limits here = { pa, pa + 4 * FRAME - 1, FRAME, 0 };
	mm_paddr_t out[RAM_FRAMES / 4];
	size_t got;

	switch (way) {
	case ALLOC: /* whatever is free, until it is this one */
		while (mm_page_alloc(&m->pmm, 2, 0, out) == MM_OK)
			if (*out == pa)
				return MM_OK;
		return MM_E_NOMEM;
	case INLINE:
		while (mm_page_alloc_inline(&m->pmm, 2, 0, out) == MM_OK)
			if (*out == pa)
				return MM_OK;
		return MM_E_NOMEM;
	case ALLOC_AT:
		return mm_page_alloc_at(&m->pmm, pa, 2, 0);
	case CONTIG:
		return mm_page_alloc_contig(&m->pmm, 4, 0, &here, out);
	case RANGE:
		return mm_page_alloc_range(&m->pmm, pa, 4, 0);
	default:
		return mm_page_alloc_bulk(&m->pmm, 2, 0, out, RAM_FRAMES / 4, &got);
	}
}

static enum mm_status give(struct machine *m, enum way way, mm_paddr_t pa)
{
	switch (way) {
	case CONTIG:
	case RANGE:
		return mm_page_free_range(&m->pmm, pa, 4);
	case BULK:
		return mm_page_free_bulk(&m->pmm, 2, &pa, 1);
	case INLINE:
		return mm_page_free_inline(&m->pmm, pa, 2);
	default:
		return mm_page_free(&m->pmm, pa, 2);
	}
}

#if MM_PAGE_POISON
/* A byte of a freed block is written, and the block allocated again: is it found? */
static bool found(enum way freed, enum way taken, uint32_t ncpus, size_t byte)
{
	struct machine *m = start(ncpus);
	const mm_paddr_t pa = BYTES(ZONE_LINE + 64);
	unsigned long long where;
	bool damaged = false;

	assert_int_equal(mm_page_alloc_at(&m->pmm, pa, 2, 0), MM_OK);
	memset(at(m, pa), 0x11, 4 * FRAME);
	assert_int_equal(give(m, freed, pa), MM_OK);
	at(m, pa)[byte] ^= 4;
	if (setjmp(stopped))
		damaged = true;
	else
		(void)take(m, taken, pa);
	if (damaged) {
		assert_int_equal(sscanf(told, "free memory was written: %llx", &where), 1);
		assert_true(where == pa + byte);
	}
	sim_destroy(&m->sim);
	free(m);
	return damaged;
}

static void a_write_after_free_is_found_by_every_way_to_allocate(void **state)
{
	(void)state;
	for (unsigned freed = 0; freed < WAYS; freed++)
		for (unsigned taken = 0; taken < WAYS; taken++)
			for (uint32_t ncpus = 0; ncpus < 2; ncpus++)
				assert_true(found(freed, taken, ncpus, FRAME + 8 * (freed + 1)));
}

static void any_byte_of_a_block_will_do(void **state)
{
	const size_t bytes[] = { 0, 1, 7, 8, FRAME / 2 + 3, FRAME - 1, FRAME, 3 * FRAME + 5, 4 * FRAME - 1 };

	(void)state;
	for (unsigned i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++)
		assert_true(found(ALLOC, ALLOC_AT, 1, bytes[i]));
}

static void frames_of_boot_have_no_pattern(void **state)
{
	struct machine *m = start(1);
	mm_paddr_t pa;

	(void)state;
	for (mm_pfn_t pfn = RAM_FIRST; pfn < RAM_END; pfn++)
		if (machine_look(m, pfn).state == MM_FRAME_FREE)
			memset(at(m, BYTES(pfn)), (int)pfn, FRAME); /* as good as anything */
	if (setjmp(stopped))
		fail_msg("memory that was never freed is judged: %s", told);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(mm_page_alloc(&m->pmm, i % 5, 0, &pa), MM_OK);
	sim_destroy(&m->sim);
	free(m);
}

/* A table page, the memory of a heap, and metadata that is given back go the same way. */
static void tables_are_filled_too(void **state)
{
	struct machine *m = start(1);
	mm_paddr_t pa;

	(void)state;
	assert_int_equal(mm_page_alloc(&m->pmm, 0, MM_ALLOC_TABLE | MM_ALLOC_ZERO, &pa), MM_OK);
	assert_int_equal(at(m, pa)[5], 0);
	assert_int_equal(mm_page_free_table(&m->pmm, pa), MM_OK);
	assert_int_not_equal(at(m, pa)[5], 0);
	assert_int_equal(mm_page_alloc_at(&m->pmm, pa, 0, MM_ALLOC_ZERO), MM_OK);
	for (size_t i = 0; i < FRAME; i++)
		assert_int_equal(at(m, pa)[i], 0);
	assert_int_equal(mm_page_free(&m->pmm, pa, 0), MM_OK);
	machine_end_free(m);
}

static void a_free_that_is_refused_writes_nothing(void **state)
{
	struct machine *m = start(1);
	mm_paddr_t pa;

	(void)state;
	assert_int_equal(mm_page_alloc(&m->pmm, 2, MM_ALLOC_ZERO, &pa), MM_OK);
	assert_int_equal(mm_page_free(&m->pmm, pa, 1), MM_E_ORDER);
	assert_int_equal(mm_page_free(&m->pmm, pa + FRAME, 0), MM_E_ALIGN);
	assert_int_equal(mm_page_free_range(&m->pmm, pa, 5), MM_E_DOUBLE_FREE);
	for (size_t i = 0; i < 4 * FRAME; i++)
		assert_int_equal(at(m, pa)[i], 0);
	assert_int_equal(mm_page_free(&m->pmm, pa, 2), MM_OK);
	machine_end_free(m);
}
#endif

static void free_memory_that_is_out_of_reach_is_left_alone(void **state)
{
	static const struct mm_zone_cfg zones[] = {
		{ .name = "LOW", .last = BYTES(ZONE_LINE) - 1 },
		{ .name = "FAR", .last = MM_PADDR_MAX, .flags = MM_ZONE_HIGH },
	};
	struct mm_pmm_cfg cfg = { .zones = zones, .nzones = 2, .reach = BYTES(ZONE_LINE) - 1 };
	struct mm_mem entries[8];
	struct mm_memmap map;
	struct mm_pmm pmm;
	struct sim sim;
	mm_paddr_t pa;

	(void)state;
	sim_init(&sim, BYTES(RAM_FIRST), (size_t)BYTES(ZONE_LINE - RAM_FIRST)); /* aborts beyond */
	assert_int_equal(mm_memmap_init(&map, entries, 8), MM_OK);
	assert_int_equal(mm_memmap_add(&map, BYTES(RAM_FIRST), BYTES(RAM_FRAMES), MM_MEM_USABLE, NULL),
			 MM_OK);
	assert_int_equal(mm_pmm_init(&pmm, &sim.port, &map, &cfg), MM_OK);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(mm_page_alloc(&pmm, 3, MM_ALLOC_HIGH, &pa), MM_OK);
		assert_true(pa >= BYTES(ZONE_LINE));
		assert_int_equal(mm_page_free(&pmm, pa, 3), MM_OK);
	}
	sim_destroy(&sim);
}

static void what_is_freed_is_touched_only_with_poison(void **state)
{
	struct machine *m = start(1);

	(void)state;
	for (unsigned way = 0; way < WAYS; way++) {
		const mm_paddr_t pa = BYTES(ZONE_LINE + 64);

		assert_int_equal(mm_page_alloc_at(&m->pmm, pa, 2, 0), MM_OK);
		memset(at(m, pa), 0x11, 4 * FRAME);
		assert_int_equal(give(m, way, pa), MM_OK);
		for (size_t i = 0; i < 4 * FRAME; i++)
			assert_true((at(m, pa)[i] != 0x11) == MM_PAGE_POISON);
		if (!MM_PAGE_POISON)
			assert_int_equal(take(m, ALLOC_AT, pa), MM_OK);
		if (!MM_PAGE_POISON)
			assert_int_equal(give(m, ALLOC, pa), MM_OK);
	}
	machine_end_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#if MM_PAGE_POISON
		cmocka_unit_test(a_write_after_free_is_found_by_every_way_to_allocate),
		cmocka_unit_test(any_byte_of_a_block_will_do),
		cmocka_unit_test(frames_of_boot_have_no_pattern),
		cmocka_unit_test(tables_are_filled_too),
		cmocka_unit_test(a_free_that_is_refused_writes_nothing),
#endif
		cmocka_unit_test(free_memory_that_is_out_of_reach_is_left_alone),
		cmocka_unit_test(what_is_freed_is_touched_only_with_poison),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
