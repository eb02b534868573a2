/* SPDX-License-Identifier: MIT */
/* What mmlib/pmm_inline.h does where it is called is what the calls do: the same requests, right and wrong
 * ones, get the same answers and leave the same state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <mmlib/pmm_inline.h>
#include "pmm_state.h"

#define RAM_BASE   ((mm_paddr_t)1024 << MM_FRAME_SHIFT)
#define RAM_FRAMES 1024u
#define NCPUS      2u
#define STEPS      20000u
#define LIVE       64u

typedef enum mm_status take(struct mm_pmm *pmm, unsigned order, uint32_t flags, mm_paddr_t *out);
typedef enum mm_status give(struct mm_pmm *pmm, mm_paddr_t pa, unsigned order);

static enum mm_status take_inline(struct mm_pmm *pmm, unsigned order, uint32_t flags,
				  mm_paddr_t *out)
{
	if (order == 0) /* as callers write it */
		return mm_page_alloc_inline(pmm, 0, flags, out);
	return mm_page_alloc_inline(pmm, order, flags, out);
}

static enum mm_status give_inline(struct mm_pmm *pmm, mm_paddr_t pa, unsigned order)
{
	if (order == 0)
		return mm_page_free_inline(pmm, pa, 0);
	return mm_page_free_inline(pmm, pa, order);
}

struct answer {
	enum mm_status st;
	mm_paddr_t pa;
};

struct block {
	mm_paddr_t pa;
	unsigned order;
};

/* A machine at work. */
struct work {
	struct sim sim;
	struct mm_pmm pmm;
	take *take;
	give *give;
	uint32_t random;
	struct block live[LIVE], gone; /* gone was freed last */
	unsigned nlive;
};

static struct work work;
static struct answer answers[STEPS];
static uint64_t final_state;

static const enum mm_status expected[] = {
	MM_OK,        MM_E_NOMEM, MM_E_AGAIN, MM_E_INVAL, MM_E_DOUBLE_FREE,
	MM_E_FOREIGN, MM_E_ALIGN, MM_E_ORDER, MM_E_OWNER,
};
#define ANSWERS (sizeof(expected) / sizeof(expected[0]))
static unsigned seen[ANSWERS]; /* how often each was given */

static uint32_t random_below(uint32_t n)
{
	work.random ^= work.random << 13;
	work.random ^= work.random >> 17;
	work.random ^= work.random << 5;
	return work.random % n;
}

static void start(take *take, give *give)
{
	static struct mm_mem entries[16];
	static const struct mm_zone_cfg one = { .name = "ALL", .last = MM_PADDR_MAX };
	struct mm_memmap map;
	struct mm_pmm_cfg cfg = { .zones = &one, .nzones = 1, .ncpus = NCPUS };

	memset(&work, 0, sizeof(work));
	work.take = take;
	work.give = give;
	work.random = 12345;
	sim_init(&work.sim, RAM_BASE, RAM_FRAMES << MM_FRAME_SHIFT);
	sim_add_cpus(&work.sim, true);
	cfg.reach = work.sim.base + work.sim.bytes - 1;
	assert_int_equal(mm_memmap_init(&map, entries, 16), MM_OK);
	assert_int_equal(mm_memmap_add(&map, work.sim.base, work.sim.bytes, MM_MEM_USABLE, NULL),
			 MM_OK);
	assert_int_equal(mm_pmm_init(&work.pmm, &work.sim.port, &map, &cfg), MM_OK);
	assert_int_equal(mm_pmm_cpu_online(&work.pmm, 1), MM_OK);
}

/* Most requests are for single frames, some for more than there is. */
static struct answer take_some(void)
{
	static const uint32_t flags[] = { 0,
					  MM_ALLOC_ATOMIC,
					  0,
					  MM_ALLOC_ATOMIC,
					  MM_ALLOC_TABLE,
					  MM_ALLOC_ZERO,
					  0,
					  1u << 7,
					  1u << 7 | MM_ALLOC_ATOMIC };
	static const unsigned orders[] = { 0, 0, 0, 0, 1, 2, 3, 5, 8, 9, 10, 31, 32, 0x80000000u };
	unsigned order = orders[random_below(14)];
	uint32_t how = flags[random_below(9)];
	struct answer a = { MM_OK, 1 };

	if (random_below(50) == 0)
		a.st = work.take(&work.pmm, order, how, NULL);
	else if (random_below(50) == 0)
		a.st = work.take(NULL, order, how, &a.pa);
	else
		a.st = work.take(&work.pmm, order, how, &a.pa);
	if (a.st != MM_OK)
		assert_int_equal(a.pa, 1); /* untouched */
	else if (work.nlive < LIVE && how != MM_ALLOC_TABLE)
		work.live[work.nlive++] = (struct block){ a.pa, order };
	else if (how == MM_ALLOC_TABLE && random_below(4))
		a.st = mm_page_free_table(&work.pmm,
					  a.pa); /* the others stay: OWNER for who meets them */
	else if (how != MM_ALLOC_TABLE)
		a.st = work.give(&work.pmm, a.pa, order);
	return a;
}

static struct answer give_right(void)
{
	unsigned i = random_below(work.nlive);
	struct answer a = { MM_OK, 0 };

	work.gone = work.live[i];
	work.live[i] = work.live[--work.nlive];
	a.st = work.give(&work.pmm, work.gone.pa, work.gone.order);
	assert_int_equal(a.st, MM_OK);
	return a;
}

static struct answer give_wrong(void)
{
	struct block b = work.live[random_below(work.nlive)];
	mm_paddr_t anywhere = RAM_BASE + ((mm_paddr_t)random_below(RAM_FRAMES) << MM_FRAME_SHIFT);
	struct answer a = { MM_OK, 0 };

	switch (random_below(9)) {
	case 0:
		a.st = work.give(&work.pmm, b.pa, b.order + 1);
		break;
	case 1:
		a.st = work.give(&work.pmm, b.pa, b.order + 32);
		break;
	case 2:
		a.st = work.give(&work.pmm, b.pa + 1, b.order);
		break;
	case 3:
		a.st = work.give(&work.pmm, b.pa + MM_FRAME_SIZE / 2, b.order);
		break;
	case 4:
		a.st = work.give(NULL, b.pa, b.order);
		break;
	case 5:
		a.st = work.give(&work.pmm, RAM_BASE - MM_FRAME_SIZE, 0);
		break;
	case 6:
		a.st = work.give(&work.pmm, RAM_BASE + (RAM_FRAMES << MM_FRAME_SHIFT), 0);
		break;
	case 7:
		a.st = work.give(&work.pmm, MM_PADDR_MAX, 0);
		break;
	default: /* its head is not that of such a block, or nobody has it */
		for (unsigned i = 0; i < work.nlive; i++)
			if (work.live[i].pa == anywhere)
				return a;
		a.st = work.give(&work.pmm, anywhere, 0);
	}
	assert_int_not_equal(a.st, MM_OK);
	return a;
}

static struct answer give_again(void)
{
	struct answer a = { MM_OK, 0 };

	for (unsigned i = 0; i < work.nlive; i++) /* somebody has it again */
		if (work.live[i].pa == work.gone.pa)
			return a;
	a.st = work.give(&work.pmm, work.gone.pa, work.gone.order);
	return a;
}

static struct answer step(void)
{
	struct answer none = { MM_OK, 0 };

	switch (random_below(40)) {
	case 0:
		sim_cpu = random_below(NCPUS + 1); /* one is unknown */
		return none;
	case 1:
		none.st = random_below(10) ? MM_OK : mm_pmm_drain(&work.pmm);
		return none;
	case 2:
		none.st = random_below(10) ? MM_OK : mm_pmm_cpu_offline(&work.pmm, 1);
		return none;
	case 3:
		none.st = mm_pmm_cpu_online(&work.pmm, 1);
		return none;
	case 4:
	case 5:
		return work.nlive ? give_wrong() : none;
	case 6:
		return work.gone.pa ? give_again() : none;
	default:
		return work.nlive && random_below(LIVE) < work.nlive ? give_right() : take_some();
	}
}

static void count(enum mm_status st)
{
	unsigned i = 0;

	while (expected[i] != st)
		assert_true(++i < ANSWERS);
	seen[i]++;
}

/* The whole sequence; the second time against the answers of the first. */
static void all_steps(take *take, give *give, bool again)
{
	start(take, give);
	for (unsigned i = 0; i < STEPS; i++) {
		struct answer a = step();

		if (again) {
			assert_int_equal(a.st, answers[i].st);
			assert_true(a.pa == answers[i].pa);
		}
		answers[i] = a;
		count(a.st);
	}
	sim_cpu = 0;
	assert_int_equal(mm_pmm_drain(&work.pmm), MM_OK);
	assert_int_equal(mm_pmm_verify(&work.pmm), MM_OK);
	if (again)
		assert_true(pmm_state_hash(&work.pmm) == final_state);
	final_state = pmm_state_hash(&work.pmm);
	assert_int_equal(sim_pins, 0);
	sim_destroy(&work.sim);
}

static void answers_and_state_are_those_of_the_calls(void **state)
{
	(void)state;
	memset(seen, 0, sizeof(seen));
	all_steps(mm_page_alloc, mm_page_free, false);
	for (unsigned i = 0; i < ANSWERS; i++)
		assert_true(seen[i] > 3); /* else the sequence is too tame */
	all_steps(take_inline, give_inline, true);
}

static void a_manager_that_is_not_ready_says_so(void **state)
{
	(void)state;
	static struct mm_pmm zero;
	mm_paddr_t pa = 1;

	assert_int_equal(mm_page_alloc_inline(&zero, 0, 0, &pa), MM_E_STATE);
	assert_int_equal(mm_page_free_inline(&zero, 0, 0), MM_E_STATE);
	assert_int_equal(mm_page_alloc_inline(NULL, 0, 0, &pa), MM_E_INVAL);
	assert_int_equal(mm_page_free_inline(NULL, 0, 0), MM_E_INVAL);
	assert_int_equal(mm_page_alloc_inline(&zero, 0, 0, NULL), MM_E_INVAL);
	assert_int_equal(pa, 1);
}

/* The last CPU that went offline, and a machine that is gone, leave nothing that would be taken for a
 * CPU's own. */
static void what_is_gone_is_not_used(void **state)
{
	(void)state;
	mm_paddr_t pa = 0;

	start(take_inline, give_inline);
	assert_int_equal(mm_page_alloc_inline(&work.pmm, 0, 0, &pa), MM_OK);
	assert_int_equal(mm_page_free_inline(&work.pmm, pa, 0), MM_OK);
	assert_true(work.pmm.cpus[0].hand[0].top > 0);
	assert_int_equal(mm_pmm_cpu_offline(&work.pmm, 0), MM_OK);
	assert_int_equal(mm_page_alloc_inline(NULL, 0, 0, &pa), MM_E_INVAL);
	assert_int_equal(mm_page_alloc_inline(&work.pmm, 0, 0, &pa), MM_OK);
	assert_int_equal(mm_page_free_inline(NULL, pa, 0), MM_E_INVAL);
	assert_int_equal(mm_page_free_inline(&work.pmm, pa, 0), MM_OK);
	assert_int_equal(work.pmm.cpus[0].hand[0].top, 0);
	sim_destroy(&work.sim);
	start(take_inline, give_inline);
	assert_int_equal(mm_page_alloc_inline(&work.pmm, 0, 0, &pa), MM_OK);
	assert_int_equal(mm_page_free_inline(&work.pmm, pa, 0), MM_OK);
	assert_int_equal(mm_pmm_drain(&work.pmm), MM_OK);
	assert_int_equal(mm_pmm_verify(&work.pmm), MM_OK);
	sim_destroy(&work.sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_and_state_are_those_of_the_calls),
		cmocka_unit_test(a_manager_that_is_not_ready_says_so),
		cmocka_unit_test(what_is_gone_is_not_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
