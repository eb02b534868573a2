/* SPDX-License-Identifier: MIT */
/* Frames at hand on each CPU: they come back when asked for, memory is never reported as used up
 * while they are somewhere, and an interrupt in the middle of a call does no harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <mmlib/early.h>
#include <mmlib/pmm.h>
#include "hook.h"
#include "pmm_state.h"

#define RAM_FRAMES 1024u
#define NCPUS      2u

static struct sim sim;
static struct mm_pmm pmm;
static uint64_t first_state;

static int start(void **state)
{
	static struct mm_mem entries[16];
	static const struct mm_zone_cfg one = { .name = "ALL", .last = MM_PADDR_MAX };
	struct mm_memmap map;
	struct mm_pmm_cfg cfg = { .zones = &one, .nzones = 1, .ncpus = NCPUS };

	(void)state;
	sim_init(&sim, 0x100000, RAM_FRAMES << MM_FRAME_SHIFT);
	sim_add_cpus(&sim, false);
	cfg.reach = sim.base + sim.bytes - 1;
	assert_int_equal(mm_memmap_init(&map, entries, 16), MM_OK);
	assert_int_equal(mm_memmap_add(&map, sim.base, sim.bytes, MM_MEM_USABLE, NULL), MM_OK);
	assert_int_equal(mm_pmm_init(&pmm, &sim.port, &map, &cfg), MM_OK);
	assert_int_equal(mm_pmm_cpu_online(&pmm, 1), MM_OK);
	first_state = pmm_state_hash(&pmm);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	assert_int_equal(mm_pmm_verify(&pmm), MM_OK);
	assert_int_equal(sim_pins, 0);
	sim_destroy(&sim);
	return 0;
}

/* Single frames that a CPU has at hand. */
static uint32_t at_hand(unsigned cpu)
{
	return pmm.cpus[cpu].hand[0].top;
}

static mm_pfn_t free_frames(void)
{
	struct mm_pmm_stats s;

	assert_int_equal(mm_pmm_stats(&pmm, -1, &s), MM_OK);
	assert_int_equal(s.total, s.free + s.used + s.reserved);
	return s.free;
}

static mm_paddr_t page(void)
{
	mm_paddr_t pa;

	assert_int_equal(mm_page_alloc(&pmm, 0, 0, &pa), MM_OK);
	return pa;
}

static void frames_at_hand_are_counted_as_free(void **state)
{
	(void)state;
	/* of the lowest word of the bitmap, whose frames are all that is taken at once */
	uint32_t in_word = MM_WORD_BITS - (uint32_t)(sim.base >> MM_FRAME_SHIFT) % MM_WORD_BITS;
	uint32_t taken = in_word < MM_PAGE_MAGAZINE / 2 ? in_word : MM_PAGE_MAGAZINE / 2;
	mm_pfn_t before = free_frames();
	mm_paddr_t pa = page();

	assert_int_equal(free_frames(), before - 1);
	assert_int_equal(at_hand(0), taken - 1);
	assert_int_equal(mm_pmm_verify(&pmm), MM_OK);
	assert_int_equal(mm_page_free(&pmm, pa, 0), MM_OK);
	assert_int_equal(free_frames(), before);
	assert_int_equal(mm_pmm_drain(&pmm), MM_OK);
	assert_true(pmm_state_hash(&pmm) == first_state);
}

static void the_last_freed_is_the_next_allocated(void **state)
{
	(void)state;
	mm_paddr_t a = page(), b = page();

	assert_int_equal(mm_page_free(&pmm, a, 0), MM_OK);
	assert_int_equal(mm_page_free(&pmm, b, 0), MM_OK);
	assert_int_equal(page(), b);
	assert_int_equal(page(), a);
}

static void a_double_free_is_seen_at_hand_too(void **state)
{
	(void)state;
	mm_paddr_t pa = page();

	assert_int_equal(mm_page_free(&pmm, pa, 0), MM_OK);
	assert_int_equal(mm_page_free(&pmm, pa, 0), MM_E_DOUBLE_FREE);
	sim_cpu = 1;
	assert_int_equal(mm_page_free(&pmm, pa, 0), MM_E_DOUBLE_FREE);
}

static void a_full_magazine_gives_half_back(void **state)
{
	(void)state;
	mm_paddr_t pa[MM_PAGE_MAGAZINE * 2];

	for (unsigned i = 0; i < MM_PAGE_MAGAZINE * 2; i++)
		pa[i] = page();
	for (unsigned i = 0; i < MM_PAGE_MAGAZINE * 2; i++) {
		assert_int_equal(mm_page_free(&pmm, pa[i], 0), MM_OK);
		assert_true(at_hand(0) <= MM_PAGE_MAGAZINE);
		assert_int_equal(mm_pmm_verify(&pmm), MM_OK);
	}
}

/* A frame of a word that this CPU took whole: what is free of words in part was taken before. */
static mm_paddr_t page_of_whole_word(unsigned cpu)
{
	mm_paddr_t pa;

	sim_cpu = cpu;
	do
		pa = page();
	while (at_hand(cpu) != MM_WORD_BITS - 1u);
	return pa;
}

#if MM_ATOMICS /* where no CPU meets another there are no sectors */
static mm_pfn_t sector(mm_paddr_t pa)
{
	return mm_pa_to_pfn(pa) >> 7;
}

static void each_cpu_takes_frames_of_sectors_of_its_own(void **state)
{
	(void)state;
	unsigned char owner[RAM_FRAMES / 128 + 1] = { 0 };
	mm_pfn_t low = sector(sim.base);

	for (unsigned cpu = 0; cpu < NCPUS; cpu++)
		owner[sector(page_of_whole_word(cpu)) - low] |= (unsigned char)(1u << cpu);
	for (unsigned i = 0; i < 300; i++) {
		sim_cpu = i % NCPUS;
		owner[sector(page()) - low] |= (unsigned char)(1u << sim_cpu);
	}
	for (unsigned i = 0; i < sizeof(owner); i++)
		assert_int_not_equal(owner[i], 3);
}

static void the_bytes_of_a_sector_are_whole_lines(void **state)
{
	(void)state;
	const struct mm_range *r = &pmm.ranges[0];

	assert_int_equal(((uintptr_t)r->bytes - (uintptr_t)r->first) % 128, 0);
}

static void a_cpu_goes_through_its_sector_word_by_word(void **state)
{
	(void)state;
	mm_paddr_t first = page_of_whole_word(0);

	(void)page_of_whole_word(1);
	sim_cpu = 0;
	for (unsigned i = 1; i < 128; i++)
		assert_int_equal(page(), first + ((mm_paddr_t)i << MM_FRAME_SHIFT));
	assert_int_equal(at_hand(0), 0);
}
#endif

static void the_next_word_of_a_sector_is_free_for_others(void **state)
{
	(void)state;
	mm_paddr_t first = page_of_whole_word(0);
	mm_paddr_t next = first + ((mm_paddr_t)MM_WORD_BITS << MM_FRAME_SHIFT), pa;

	assert_int_equal(mm_page_alloc_at(&pmm, next, 0, 0), MM_OK);
	for (unsigned i = 0; i < 2 * MM_WORD_BITS; i++) {
		pa = page();
		assert_int_not_equal(pa, next);
	}
	assert_int_equal(mm_pmm_verify(&pmm), MM_OK);
}

static void what_is_free_of_a_word_comes_before_a_sector(void **state)
{
	(void)state;
	mm_paddr_t low = page(); /* nothing is free below it */

	while (at_hand(0))
		(void)page();
	assert_int_equal(mm_page_free(&pmm, low, 0), MM_OK);
	assert_int_equal(mm_pmm_drain(&pmm), MM_OK);
	sim_cpu = 1;
	assert_int_equal(page(), low);
	assert_int_equal(at_hand(1), 0);
}

static void after_a_drain_the_lowest_comes_first(void **state)
{
	(void)state;
	mm_paddr_t low = page_of_whole_word(0); /* the first of its sector */

	assert_int_equal(mm_page_free(&pmm, low, 0), MM_OK);
	assert_int_equal(mm_pmm_drain(&pmm), MM_OK);
	assert_int_equal(page(), low);
}

/* CPU 1 keeps some; CPU 0 takes all the rest. Returns how many it got until the first failure. */
static mm_pfn_t exhaust(enum mm_status *why)
{
	mm_paddr_t pa;
	mm_pfn_t got = 0;

	sim_cpu = 1;
	pa = page();
	assert_int_equal(mm_page_free(&pmm, pa, 0), MM_OK);
	assert_true(at_hand(1) > 0);
	sim_cpu = 0;
	while ((*why = mm_page_alloc(&pmm, 0, 0, &pa)) == MM_OK)
		got++;
	return got;
}

static void with_run_on_out_of_memory_is_exact(void **state)
{
	(void)state;
	mm_pfn_t before = free_frames();
	enum mm_status why;

	sim.port.run_on = sim_run_on;
	sim_run_ons = 0;
	assert_int_equal(exhaust(&why), before);
	assert_int_equal(why, MM_E_NOMEM);
	assert_true(sim_run_ons > 0);
	assert_int_equal(free_frames(), 0);
}

static void without_run_on_others_are_asked(void **state)
{
	(void)state;
	mm_pfn_t before = free_frames(), held;
	mm_paddr_t pa;
	enum mm_status why;

	assert_true(exhaust(&why) < before);
	assert_int_equal(why, MM_E_AGAIN);
	held = at_hand(1);
	assert_int_equal(free_frames(), held);
	sim_cpu = 1;
	mm_pmm_cpu_idle(&pmm); /* CPU 1 answers */
	sim_cpu = 0;
	for (mm_pfn_t i = 0; i < held; i++)
		page();
	assert_int_equal(mm_page_alloc(&pmm, 0, 0, &pa), MM_E_NOMEM);
}

static void atomic_callers_do_not_wait_for_others(void **state)
{
	(void)state;
	mm_paddr_t pa;
	enum mm_status why;

	sim.port.run_on = sim_run_on;
	sim_cpu = 1;
	assert_int_equal(mm_page_free(&pmm, page(), 0), MM_OK);
	sim_cpu = 0;
	sim_run_ons = 0;
	while ((why = mm_page_alloc(&pmm, 0, MM_ALLOC_ATOMIC, &pa)) == MM_OK)
		;
	assert_int_equal(why, MM_E_AGAIN);
	assert_int_equal(sim_run_ons, 0);
}

static void a_large_block_calls_frames_home(void **state)
{
	(void)state;
	mm_paddr_t pa[RAM_FRAMES];
	mm_pfn_t n = 0;
	enum mm_status why;

	sim.port.run_on = sim_run_on;
	while (mm_page_alloc(&pmm, 0, 0, &pa[n]) == MM_OK)
		n++;
	for (mm_pfn_t i = 0; i < n; i++) { /* the last ones freed stay at hand */
		sim_cpu = i & 1;
		assert_int_equal(mm_page_free(&pmm, pa[i], 0), MM_OK);
	}
	why = mm_page_alloc(&pmm, 8, 0, &pa[0]);
	assert_int_equal(why, MM_OK);
	assert_int_equal(mm_page_free(&pmm, pa[0], 8), MM_OK);
	assert_int_equal(mm_pmm_drain(&pmm), MM_OK);
	assert_true(pmm_state_hash(&pmm) == first_state);
}

static void one_particular_frame_is_found_at_hand(void **state)
{
	(void)state;
	mm_paddr_t pa = page();

	assert_int_equal(mm_page_free(&pmm, pa, 0), MM_OK);
	assert_int_equal(mm_page_alloc_at(&pmm, pa, 0, 0), MM_OK);
	assert_int_equal(mm_page_free(&pmm, pa, 0), MM_OK);
	sim_cpu = 1; /* another CPU's, which cannot be made to give it */
	assert_int_equal(mm_page_alloc_at(&pmm, pa, 0, 0), MM_E_AGAIN);
	sim.port.run_on = sim_run_on;
	assert_int_equal(mm_page_alloc_at(&pmm, pa, 0, 0), MM_OK);
}

static void an_unplugged_cpu_leaves_nothing_behind(void **state)
{
	(void)state;
	mm_paddr_t pa;

	sim_cpu = 1;
	pa = page();
	assert_int_equal(mm_page_free(&pmm, pa, 0), MM_OK);
	pmm.cpus[1].door = 1; /* stopped in the middle of a call */
	assert_int_equal(mm_pmm_cpu_offline(&pmm, 1), MM_E_BUSY);
	pmm.cpus[1].door = (uintptr_t)&pmm;
	assert_int_equal(mm_pmm_cpu_offline(&pmm, 1), MM_OK);
	assert_int_equal(mm_pmm_cpu_offline(&pmm, 1), MM_OK);
	assert_true(pmm_state_hash(&pmm) == first_state);
	pa = page(); /* it may still call, more slowly */
	assert_int_equal(at_hand(1), 0);
	assert_int_equal(mm_page_free(&pmm, pa, 0), MM_OK);
	assert_int_equal(mm_pmm_cpu_online(&pmm, NCPUS), MM_E_INVAL);
	assert_int_equal(mm_pmm_cpu_offline(&pmm, NCPUS), MM_E_INVAL);
	assert_int_equal(mm_pmm_cpu_online(NULL, 0), MM_E_INVAL);
	assert_int_equal(mm_pmm_cpu_offline(NULL, 0), MM_E_INVAL);
	assert_int_equal(mm_pmm_drain(NULL), MM_E_INVAL);
	mm_pmm_cpu_idle(NULL);
}

#if MM_HOOKS && MM_LOCAL == MM_LOCAL_FLAG
static unsigned irq_at, irq_now;
static mm_paddr_t irq_pa;

static void allocate_in_interrupt(void)
{
	if (++irq_now == irq_at)
		irq_pa = page();
}

static void an_interrupt_while_a_cpu_goes_offline_does_no_harm(void **state)
{
	(void)state;
	for (irq_at = 1; irq_now + 1 >= irq_at; irq_at++) {
		assert_int_equal(mm_page_free(&pmm, page(), 0), MM_OK);
		irq_now = 0;
		irq_pa = 0;
		sim_step = allocate_in_interrupt;
		assert_int_equal(mm_pmm_cpu_offline(&pmm, 0), MM_OK);
		sim_step = NULL;
		assert_int_equal(mm_pmm_verify(&pmm), MM_OK);
		if (irq_pa)
			assert_int_equal(mm_page_free(&pmm, irq_pa, 0), MM_OK);
		assert_true(pmm_state_hash(&pmm) == first_state);
		assert_int_equal(mm_pmm_cpu_online(&pmm, 0), MM_OK);
	}
	assert_true(irq_at > 4);
}
#endif

static void a_cpu_number_beyond_the_configured_ones_works(void **state)
{
	(void)state;
	mm_paddr_t pa;

	sim_cpu = 77;
	pa = page();
	assert_int_equal(mm_page_free(&pmm, pa, 0), MM_OK);
	assert_true(pmm_state_hash(&pmm) == first_state);
}

#if MM_LOCAL == MM_LOCAL_FLAG
static void an_interrupt_in_the_middle_goes_round(void **state)
{
	(void)state;
	mm_paddr_t pa = page();
	uint32_t held = at_hand(0);
	mm_paddr_t in_irq;

	pmm.cpus[0].door = 1; /* the owner was interrupted inside */
	in_irq = page();
	assert_int_not_equal(in_irq, pa);
	assert_int_equal(mm_page_free(&pmm, in_irq, 0), MM_OK);
	assert_int_equal(at_hand(0), held);
	pmm.cpus[0].door = (uintptr_t)&pmm;
}
#endif

#if MM_HOOKS
static unsigned steps, hit_at;
static mm_paddr_t irq_page;
static bool in_irq;

/* An interrupt at the hit_at-th step: frees what the last one allocated, allocates again. */
static void irq(void)
{
	if (in_irq || ++steps != hit_at)
		return;
	in_irq = true;
	if (irq_page)
		assert_int_equal(mm_page_free(&pmm, irq_page, 0), MM_OK);
	assert_int_equal(mm_page_alloc(&pmm, 0, MM_ALLOC_ATOMIC, &irq_page), MM_OK);
	in_irq = false;
}

static void interrupts_at_every_step_lose_nothing(void **state)
{
	(void)state;
	bool hit = true;
	mm_paddr_t pa[3];

	irq_page = 0;
	for (hit_at = 1; hit; hit_at++) {
		steps = 0;
		sim_step = irq;
		for (unsigned i = 0; i < 3; i++)
			pa[i] = page();
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(mm_page_free(&pmm, pa[i], 0), MM_OK);
		assert_int_equal(mm_pmm_drain(&pmm), MM_OK);
		sim_step = NULL;
		hit = steps >= hit_at;
		assert_int_equal(mm_pmm_verify(&pmm), MM_OK);
	}
	assert_true(hit_at > 20);
	assert_int_equal(mm_page_free(&pmm, irq_page, 0), MM_OK);
	assert_int_equal(mm_pmm_drain(&pmm), MM_OK);
	assert_true(pmm_state_hash(&pmm) == first_state);
}
#endif

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_at_hand_are_counted_as_free),
		TEST(the_last_freed_is_the_next_allocated),
		TEST(a_double_free_is_seen_at_hand_too),
		TEST(a_full_magazine_gives_half_back),
#if MM_ATOMICS
		TEST(each_cpu_takes_frames_of_sectors_of_its_own),
		TEST(the_bytes_of_a_sector_are_whole_lines),
		TEST(a_cpu_goes_through_its_sector_word_by_word),
#endif
		TEST(the_next_word_of_a_sector_is_free_for_others),
		TEST(what_is_free_of_a_word_comes_before_a_sector),
		TEST(after_a_drain_the_lowest_comes_first),
		TEST(with_run_on_out_of_memory_is_exact),
		TEST(without_run_on_others_are_asked),
		TEST(atomic_callers_do_not_wait_for_others),
		TEST(a_large_block_calls_frames_home),
		TEST(one_particular_frame_is_found_at_hand),
		TEST(an_unplugged_cpu_leaves_nothing_behind),
#if MM_HOOKS && MM_LOCAL == MM_LOCAL_FLAG
		TEST(an_interrupt_while_a_cpu_goes_offline_does_no_harm),
#endif
		TEST(a_cpu_number_beyond_the_configured_ones_works),
#if MM_LOCAL == MM_LOCAL_FLAG
		TEST(an_interrupt_in_the_middle_goes_round),
#endif
#if MM_HOOKS
		TEST(interrupts_at_every_step_lose_nothing),
#endif
	};
	return cmocka_run_group_tests_name("pmm_cpu", tests, NULL, NULL);
}
