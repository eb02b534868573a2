/* SPDX-License-Identifier: MIT */
/* Isolation: what is free in an isolated pageblock, or becomes free, is withheld, to the frame, wherever
 * it was; undoing it gives back the state of before. */
#include "mobility_box.h"
#include "hook.h"

#define BLOCK bytes_of(MM_BLOCK_FRAMES)
#define AT    frame_pa(8 * MM_BLOCK_FRAMES)

static void isolated_frames_are_withheld(void **state)
{
	(void)state;
	struct box *b = box_made();
	uint64_t before = box_state(b);
	struct mm_pmm_stats was = box_stats(b), now;
	struct mm_mobility_stats s;
	struct mm_block_info info;
	static mm_paddr_t pa[RAM_FRAMES];
	unsigned n = 0;

	assert_int_equal(mm_pmm_isolate(&b->pmm, AT, 2 * BLOCK), MM_OK);
	now = box_stats(b);
	assert_int_equal(now.free, was.free - 2 * MM_BLOCK_FRAMES);
	assert_int_equal(now.reserved, was.reserved + 2 * MM_BLOCK_FRAMES);
	assert_int_equal(box_frame(b, AT), MM_FRAME_HELD);
	assert_int_equal(mm_frame_letter(MM_FRAME_HELD), 'H');
	assert_int_equal(mm_mobility_block(&b->pmm, AT + BLOCK, &info), MM_OK);
	assert_true(info.isolated);
	assert_int_equal(mm_mobility_stats(&b->pmm, MM_CLASS_UNMOVABLE, &s), MM_OK);
	assert_int_equal(s.isolated, 2);
	assert_int_equal(s.held, 2 * MM_BLOCK_FRAMES);
	while (mm_page_alloc(&b->pmm, 0, n % 3 ? 0 : MM_ALLOC_MOVABLE, &pa[n]) == MM_OK) {
		assert_true(pa[n] < AT || pa[n] >= AT + 2 * BLOCK);
		n++;
	}
	assert_int_equal(n, now.free);
	assert_int_equal(mm_page_alloc_at(&b->pmm, AT, 0, 0), MM_E_BUSY);
	assert_int_equal(mm_page_free(&b->pmm, AT, 0), MM_E_DOUBLE_FREE);
	while (n)
		assert_int_equal(mm_page_free(&b->pmm, pa[--n], 0), MM_OK);
	assert_int_equal(mm_pmm_unisolate(&b->pmm, AT, 2 * BLOCK), MM_OK);
	assert_true(box_state(b) == before);
	box_free(b);
}

/* Frames in use stay in use, and are withheld when they are freed: fast, slow, and at hand. */
static void what_is_freed_is_withheld(void **state)
{
	(void)state;
	struct box *b = box_made();
	uint64_t before = box_state(b);
	mm_paddr_t block, pa[12];
	mm_pfn_t held;

	for (unsigned i = 0; i < 12; i++) {
		pa[i] = box_take(b, i % 4, i % 2 ? MM_ALLOC_MOVABLE : 0);
		assert_int_equal(mm_page_free(&b->pmm, pa[i], i % 4), MM_OK);
		pa[i] = box_take(b, i % 4, i % 2 ? MM_ALLOC_MOVABLE : 0);
	}
	for (unsigned c = 0; c < 2; c++) {
		block = pa[c] & ~(BLOCK - 1);
		if (frame_of(block) == 0)
			assert_int_equal(box_frame(b, block), MM_FRAME_META);
		assert_int_equal(mm_pmm_isolate(&b->pmm, block, BLOCK), MM_OK);
		assert_int_equal(mm_pmm_verify(&b->pmm), MM_OK);
	}
	held = box_stats(b).reserved;
	for (unsigned i = 0; i < 12; i++) {
		sim_cpu = i / 6;
		assert_int_equal(mm_page_free(&b->pmm, pa[i], i % 4), MM_OK);
		held += (mm_pfn_t)1 << i % 4;
		assert_int_equal(box_stats(b).reserved, held);
		assert_int_equal(box_frame(b, pa[i]), MM_FRAME_HELD);
		assert_int_equal(mm_page_free(&b->pmm, pa[i], i % 4), MM_E_DOUBLE_FREE);
		assert_int_equal(mm_pmm_verify(&b->pmm), MM_OK);
	}
	sim_cpu = 0;
	for (unsigned c = 0; c < 2; c++)
		assert_int_equal(mm_pmm_unisolate(&b->pmm, pa[c] & ~(BLOCK - 1), BLOCK), MM_OK);
	assert_true(box_state(b) == before);
	box_free(b);
}

/* A block of several pageblocks, some of them isolated. */
static void a_large_block_is_withheld_in_part(void **state)
{
	(void)state;
	struct box *b = box_made();
	uint64_t before = box_state(b);
	unsigned order = MM_BLOCK_ORDER + 2;
	mm_pfn_t reserved = box_stats(b).reserved;

	assert_int_equal(mm_page_alloc_at(&b->pmm, AT, order, MM_ALLOC_MOVABLE), MM_OK);
	assert_int_equal(mm_pmm_isolate(&b->pmm, AT + BLOCK, BLOCK), MM_OK);
	assert_int_equal(box_stats(b).reserved, reserved);
	assert_int_equal(mm_page_free(&b->pmm, AT, order), MM_OK);
	assert_int_equal(box_stats(b).reserved, reserved + MM_BLOCK_FRAMES);
	assert_int_equal(box_frame(b, AT), MM_FRAME_FREE);
	assert_int_equal(box_frame(b, AT + BLOCK), MM_FRAME_HELD);
	assert_int_equal(box_frame(b, AT + 2 * BLOCK), MM_FRAME_FREE);
	assert_int_equal(mm_pmm_unisolate(&b->pmm, AT + BLOCK, BLOCK), MM_OK);
	assert_true(box_state(b) == before);
	box_free(b);
}

/* Frames that another CPU has at hand are fetched, or, if that cannot be, nothing changes. */
static void frames_at_hand_elsewhere_are_fetched(void **state)
{
	(void)state;
	struct box *b = box_made();
	mm_paddr_t pa, block;

	sim_cpu = 1;
	pa = box_take(b, 0, 0);
	block = pa & ~(BLOCK - 1);
	sim_cpu = 0;
	b->sim.port.run_on = NULL;
	assert_int_equal(mm_pmm_isolate(&b->pmm, block, BLOCK), MM_E_AGAIN);
	assert_int_equal(b->pmm.isolations, 0);
	assert_int_equal(mm_pmm_verify(&b->pmm), MM_OK);
	sim_cpu = 1;
	mm_pmm_cpu_idle(&b->pmm); /* it was asked to give back */
	sim_cpu = 0;
	assert_int_equal(mm_pmm_isolate(&b->pmm, block, BLOCK), MM_OK);
	assert_int_equal(mm_pmm_unisolate(&b->pmm, block, BLOCK), MM_OK);
	sim_cpu = 1;
	assert_int_equal(mm_page_free(&b->pmm, pa, 0), MM_OK);
	pa = box_take(b, 0, 0);
	sim_cpu = 0;
	b->sim.port.run_on = sim_run_on;
	assert_int_equal(mm_pmm_isolate(&b->pmm, block, BLOCK), MM_OK);
	assert_int_equal(pmm_cpu_frames(&b->pmm.cpus[1]), 0);
	assert_int_equal(mm_pmm_unisolate(&b->pmm, block, BLOCK), MM_OK);
	assert_int_equal(mm_page_free(&b->pmm, pa, 0), MM_OK);
	box_free(b);
}

static void wrong_calls_are_answered(void **state)
{
	(void)state;
	static struct mm_pmm none;
	struct box *b = box_made();
	uint64_t before;

	assert_int_equal(mm_pmm_isolate(&b->pmm, AT, BLOCK), MM_OK);
	before = box_state(b);
	for (unsigned undo = 0; undo < 2; undo++) {
		enum mm_status (*call)(struct mm_pmm *, mm_paddr_t, mm_paddr_t) =
			undo ? mm_pmm_unisolate : mm_pmm_isolate;

		assert_int_equal(call(NULL, AT, BLOCK), MM_E_INVAL);
		assert_int_equal(call(&none, AT, BLOCK), MM_E_STATE);
		assert_int_equal(call(&b->pmm, AT, 0), MM_E_INVAL);
		assert_int_equal(call(&b->pmm, AT + 1, BLOCK), MM_E_INVAL);
		assert_int_equal(call(&b->pmm, AT, BLOCK + 1), MM_E_INVAL);
		assert_int_equal(call(&b->pmm, MM_PADDR_MAX - BLOCK + 1, 2 * BLOCK), MM_E_INVAL);
		assert_int_equal(call(&b->pmm, MM_PADDR_MAX - BLOCK + 1, BLOCK), MM_E_FOREIGN);
		assert_int_equal(call(&b->pmm, AT + MM_FRAME_SIZE, BLOCK), MM_E_ALIGN);
		assert_int_equal(call(&b->pmm, AT, BLOCK / 2), MM_E_ALIGN);
		assert_int_equal(call(&b->pmm, 0, BLOCK), MM_E_FOREIGN);
		assert_int_equal(call(&b->pmm, AT, BLOCKS * BLOCK), MM_E_FOREIGN);
	}
	assert_int_equal(mm_pmm_isolate(&b->pmm, AT - 2 * BLOCK, 3 * BLOCK), MM_E_BUSY);
	assert_int_equal(mm_pmm_unisolate(&b->pmm, AT, 2 * BLOCK), MM_E_STATE);
	assert_true(box_state(b) == before);
	assert_int_equal(mm_pmm_unisolate(&b->pmm, AT, BLOCK), MM_OK);
	box_free(b);
}

/* Also on a machine that keeps nothing at hand. */
static void without_hands_it_is_the_same(void **state)
{
	(void)state;
	struct box *b = box_bare(0, 0, 0);
	uint64_t before;
	mm_paddr_t pa;

	assert_int_equal(mm_mobility_init(&b->pmm), MM_OK);
	before = box_state(b);
	pa = box_take(b, 2, MM_ALLOC_MOVABLE);
	assert_int_equal(mm_pmm_isolate(&b->pmm, pa & ~(BLOCK - 1), BLOCK), MM_OK);
	assert_int_equal(mm_page_free(&b->pmm, pa, 2), MM_OK);
	assert_int_equal(box_frame(b, pa), MM_FRAME_HELD);
	assert_int_equal(mm_pmm_unisolate(&b->pmm, pa & ~(BLOCK - 1), BLOCK), MM_OK);
	assert_true(box_state(b) == before);
	box_free(b);
}

#if MM_HOOKS && MM_ATOMICS
static struct box *midway;
static unsigned stand_at, steps;
static enum mm_status answer;

/* The other CPU isolates the pageblock while this one stands before a step. */
static void isolate_midway(void)
{
	const unsigned pins = sim_pins;

	if (++steps != stand_at)
		return;
	sim_cpu = 1;
	sim_pins = 0;
	answer = mm_pmm_isolate(&midway->pmm, AT, BLOCK);
	sim_pins = pins;
	sim_cpu = 0;
}

/* Nobody waits for who stands in the middle of a free, be his block about to join its neighbours. */
static void who_stands_in_a_free_is_not_waited_for(void **state)
{
	(void)state;
	midway = box_bare(0, 0, 0);
	assert_int_equal(mm_mobility_init(&midway->pmm), MM_OK);
	uint64_t before = box_state(midway);

	for (stand_at = 1, steps = 1; steps >= stand_at - 1; stand_at++) {
		assert_int_equal(mm_page_alloc_at(&midway->pmm, AT, 0, 0), MM_OK);
		steps = 0;
		answer = MM_E_STATE;
		sim_step = isolate_midway;
		assert_int_equal(mm_page_free(&midway->pmm, AT, 0), MM_OK);
		sim_step = NULL;
		assert_true(answer == MM_OK || answer == MM_E_AGAIN || steps < stand_at);
		if (answer == MM_OK)
			assert_int_equal(mm_pmm_unisolate(&midway->pmm, AT, BLOCK), MM_OK);
		assert_true(box_state(midway) == before);
	}
	assert_true(stand_at > 5);
	box_free(midway);
}
#endif

static uint32_t pressure_calls, pressure_level;

static void pressure(void *ctx, uint32_t zone, uint32_t level)
{
	(void)ctx;
	(void)zone;
	pressure_calls++;
	pressure_level = level;
}

/* It was told again, and this last. */
static void assert_pressure(enum mm_pressure level)
{
	assert_true(pressure_calls > 0);
	assert_int_equal(pressure_level, level);
	pressure_calls = 0;
}

/* So few frames are free then that the port is told, and so many again. */
static void frames_that_go_and_come_back_are_pressure(void **state)
{
	static struct mm_cma cma;
	const struct mm_zone_cfg plain = box_zone;
	mm_pfn_t back;
	mm_paddr_t pa;
	struct box *b;

	(void)state;
	box_zone.min = 1;
	box_zone.low = box_zone.high = RAM_FRAMES - 2 * MM_BLOCK_FRAMES;
	b = box_made();
	b->sim.port.pressure = pressure;
	assert_int_equal(mm_pmm_isolate(&b->pmm, AT, 4 * BLOCK), MM_OK);
	assert_pressure(MM_PRESSURE_LOW);
	assert_int_equal(mm_pmm_unisolate(&b->pmm, AT, 4 * BLOCK), MM_OK);
	assert_pressure(MM_PRESSURE_NONE);
	assert_int_equal(mm_pmm_offline(&b->pmm, AT, 4 * BLOCK, NULL, NULL), MM_OK);
	assert_pressure(MM_PRESSURE_LOW);
	assert_int_equal(mm_pmm_online(&b->pmm, AT, 4 * BLOCK, &back), MM_OK);
	assert_pressure(MM_PRESSURE_NONE);
	assert_int_equal(mm_cma_create(&cma, &b->pmm, "area", AT, 4 * BLOCK, NULL, NULL), MM_OK);
	assert_pressure(MM_PRESSURE_NONE); /* the area was isolated meanwhile */
	assert_int_equal(mm_cma_claim(&cma, 3 * MM_BLOCK_FRAMES, 1, NULL, &pa, NULL), MM_OK);
	assert_pressure(MM_PRESSURE_LOW);
	assert_int_equal(mm_cma_release(&cma, pa, 3 * MM_BLOCK_FRAMES), MM_OK);
	assert_pressure(MM_PRESSURE_NONE);
	box_free(b);
	box_zone = plain;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(isolated_frames_are_withheld),
		cmocka_unit_test(what_is_freed_is_withheld),
		cmocka_unit_test(a_large_block_is_withheld_in_part),
		cmocka_unit_test(frames_at_hand_elsewhere_are_fetched),
		cmocka_unit_test(wrong_calls_are_answered),
		cmocka_unit_test(without_hands_it_is_the_same),
#if MM_HOOKS && MM_ATOMICS
		cmocka_unit_test(who_stands_in_a_free_is_not_waited_for),
#endif
		cmocka_unit_test(frames_that_go_and_come_back_are_pressure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
