/* SPDX-License-Identifier: MIT */
/* The buddy when it is not alone: a whole call inside another at each of its atomic steps, blocks
 * that move while they are searched for, several CPUs. Nothing of it without atomics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "buddy_model.h"
#include "hook.h"
#include "sim.h"
#if MM_ATOMICS
#include <pthread.h>
#include <sched.h>

#define W ((mm_pfn_t)MM_WORD_BITS)
#define F MODEL_F

#if MM_HOOKS
static void must(const char *wrong)
{
	if (wrong)
		fail_msg("%s", wrong);
}

static uint64_t hash(const struct model *m)
{
	return sim_hash(0, m->meta, buddy_words_bytes(&m->b, m->size));
}

/* A model with all frames free. */
static void make(struct model *m, mm_pfn_t base, mm_pfn_t frames)
{
	must(model_init(m, base, frames));
	must(model_check(m));
	must(model_free_range(m, base, frames));
	must(model_check(m));
}

/* Interrupts: a whole call inside another, at each of its atomic steps */

static struct {
	struct mm_buddy *b;
	unsigned at, now;   /* interrupt before step `at` */
	unsigned kind;      /* what the interrupt does */
	mm_pfn_t pfn, held; /* a block it may free; what it allocated */
	unsigned order;
	enum mm_status st;
	bool ran;
} irq;

static void interrupt(void)
{
	if (++irq.now != irq.at)
		return;
	irq.ran = true;
	switch (irq.kind) {
	case 0:
	case 1:
		irq.order = irq.kind * F;
		irq.st = mm_buddy_alloc(irq.b, irq.order, &irq.held);
		break;
	case 2:
		irq.order = 0;
		irq.held = irq.pfn + 1;
		irq.st = mm_buddy_alloc_at(irq.b, irq.held, 0);
		break;
	default:
		irq.st = mm_buddy_free(irq.b, irq.pfn, 0);
		irq.st = irq.st == MM_OK ? mm_buddy_alloc(irq.b, 0, &irq.held) : irq.st;
		irq.order = 0;
	}
}

/* Two words of frames, `taken` of them allocated one by one; the outer call is kind `outer`. */
static bool interrupted(unsigned outer, unsigned inner, unsigned taken, unsigned at)
{
	struct model m;
	mm_pfn_t got = 0;
	unsigned order = outer == 1 ? F : 0;
	enum mm_status st;

	make(&m, 0, W * (W + 1));
	uint64_t first = hash(&m);
	for (mm_pfn_t i = 0; i < taken; i++)
		must(model_alloc_at(&m, i, 0));
	memset(&irq, 0, sizeof(irq));
	irq.b = &m.b;
	irq.at = at;
	irq.kind = inner;
	irq.pfn = taken -
		  1; /* the last one belongs to the interrupt, the one before to the outer call */
	sim_step = interrupt;
	if (outer < 2)
		st = mm_buddy_alloc(&m.b, order, &got);
	else if (outer == 2)
		st = mm_buddy_alloc_at(&m.b, got = taken + 1, 0);
	else
		st = mm_buddy_free(&m.b, got = taken - 2, 0);
	sim_step = NULL;
	assert_int_equal(mm_buddy_verify(&m.b), MM_OK);
	if (outer == 2 && st != MM_OK) /* only if the interrupt has it */
		assert_true(st == MM_E_BUSY && irq.st == MM_OK && irq.held <= got &&
			    got - irq.held < (mm_pfn_t)1 << irq.order);
	else
		assert_int_equal(st, MM_OK);
	if (irq.ran && irq.st != MM_OK) /* it cannot wait for the call that it interrupted */
		assert_true(irq.st == MM_E_AGAIN || (inner == 2 && irq.st == MM_E_BUSY));
	/* What both have is theirs alone: freeing it is no double free, and gives the first state.
	 */
	if (st == MM_OK && outer < 3)
		assert_int_equal(mm_buddy_free(&m.b, got, order), MM_OK);
	if (irq.ran && irq.st == MM_OK)
		assert_int_equal(mm_buddy_free(&m.b, irq.held, irq.order), MM_OK);
	for (mm_pfn_t i = 0; i + 2 < taken; i++)
		assert_int_equal(mm_buddy_free(&m.b, i, 0), MM_OK);
	if (outer != 3)
		assert_int_equal(mm_buddy_free(&m.b, taken - 2, 0), MM_OK);
	if (inner != 3 || !irq.ran)
		assert_int_equal(mm_buddy_free(&m.b, taken - 1, 0), MM_OK);
	assert_int_equal(mm_buddy_verify(&m.b), MM_OK);
	assert_true(hash(&m) == first);
	model_destroy(&m);
	return irq.ran;
}

static void a_call_inside_a_call_at_any_step_loses_nothing(void **state)
{
	const unsigned taken[] = { 2, 3, MM_WORD_BITS - 1, MM_WORD_BITS, MM_WORD_BITS + 2 };
	unsigned long points = 0;

	(void)state;
	for (unsigned outer = 0; outer < 4; outer++) {
		for (unsigned inner = 0; inner < 4; inner++) {
			for (unsigned t = 0; t < sizeof(taken) / sizeof(taken[0]); t++) {
				for (unsigned at = 1; interrupted(outer, inner, taken[t], at); at++)
					points++;
			}
		}
	}
	assert_true(points > 200);
}

/* One free pair of frames, that somebody moves between two words while we search. Both words keep
 * another free frame, so that nothing else changes. */
static struct {
	struct mm_buddy *b;
	unsigned now, at[3];
	bool high, inside;
} mover;

static void move_the_pair(void)
{
	mm_pfn_t from = mover.high ? W : 0, to = mover.high ? 0 : W;
	enum mm_status st;

	if (mover.inside)
		return;
	mover.now++;
	if (mover.now != mover.at[0] && mover.now != mover.at[1] && mover.now != mover.at[2])
		return;
	mover.inside = true;
	if (mm_buddy_free(mover.b, to, 1) == MM_OK) {
		st = mm_buddy_alloc_at(mover.b, from, 1); /* it may be taken already */
		mover.high = st == MM_OK ? !mover.high : mover.high;
	}
	mover.inside = false;
}

static bool moved(unsigned a, unsigned b, unsigned c)
{
	struct model m;
	mm_pfn_t out;
	enum mm_status st;

	must(model_init(&m, 0, 2 * W));
	must(model_free(&m, 3, 0));
	must(model_free(&m, W + 3, 0));
	must(model_free(&m, W, 1));
	memset(&mover, 0, sizeof(mover));
	mover.b = &m.b;
	mover.high = true;
	mover.at[0] = a;
	mover.at[1] = b;
	mover.at[2] = c;
	sim_step = move_the_pair;
	st = mm_buddy_alloc(&m.b, 1, &out);
	sim_step = NULL;
	assert_int_equal(st, MM_OK);
	assert_int_equal(mm_buddy_verify(&m.b), MM_OK);
	model_destroy(&m);
	return mover.now >= c;
}

static void a_block_that_moves_behind_the_search_is_not_missed(void **state)
{
	unsigned long points = 0;

	(void)state;
	for (unsigned a = 1; a < 40; a++) {
		for (unsigned b = a + 1; b < 40; b++) {
			for (unsigned c = b + 1; moved(a, b, c); c++)
				points++;
		}
	}
	assert_true(points > 200);
}
#endif

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s >> 11;
}

/* Several CPUs */

#define CPUS   4
#define QUOTA  (MM_WORD_BITS == 8 ? 20 : 48)
#define ROUNDS (MM_HOOKS ? 60000 : 300000)

struct machine {
	struct mm_buddy b;
	mm_pfn_t base;
	unsigned char owner[4 * CPUS * QUOTA]; /* atomic: which CPU has a frame */
	unsigned plain[4 * CPUS * QUOTA];      /* not atomic: races are found here */
	unsigned long wrong, again, nomem;
	bool mixed;
};

struct cpu {
	struct machine *machine;
	unsigned id;
	uint64_t seed;
	struct {
		mm_pfn_t pfn;
		unsigned order;
	} held[QUOTA];
	unsigned n;
};

static void oops(struct machine *s)
{
	__atomic_fetch_add(&s->wrong, 1, __ATOMIC_RELAXED);
}

static void own(struct cpu *c, mm_pfn_t pfn, unsigned order)
{
	for (mm_pfn_t i = pfn - c->machine->base; i < pfn - c->machine->base + (1u << order); i++) {
		if (__atomic_exchange_n(&c->machine->owner[i], c->id, __ATOMIC_RELAXED))
			oops(c->machine);
		c->machine->plain[i]++;
	}
}

static void disown(struct cpu *c, mm_pfn_t pfn, unsigned order)
{
	for (mm_pfn_t i = pfn - c->machine->base; i < pfn - c->machine->base + (1u << order); i++) {
		c->machine->plain[i]++;
		if (__atomic_exchange_n(&c->machine->owner[i], 0, __ATOMIC_RELAXED) != c->id)
			oops(c->machine);
	}
}

/* With order 0 only, nobody holds more than QUOTA of CPUS * QUOTA frames: one is always free for
 * who holds fewer, so MM_E_NOMEM is wrong. */
static void cpu_alloc(struct cpu *c)
{
	struct machine *s = c->machine;
	unsigned order = s->mixed ? (unsigned)(next_random(&c->seed) % (F + 1)) : 0;
	mm_pfn_t pfn;
	enum mm_status st = mm_buddy_alloc(&s->b, order, &pfn);

	if (st == MM_OK) {
		own(c, pfn, order);
		c->held[c->n].pfn = pfn;
		c->held[c->n++].order = order;
	} else if (st == MM_E_AGAIN) {
		__atomic_fetch_add(&s->again, 1, __ATOMIC_RELAXED);
	} else if (st == MM_E_NOMEM && s->mixed) {
		__atomic_fetch_add(&s->nomem, 1, __ATOMIC_RELAXED);
	} else {
		oops(s);
	}
}

static void cpu_free(struct cpu *c, unsigned i)
{
	disown(c, c->held[i].pfn, c->held[i].order);
	if (mm_buddy_free(&c->machine->b, c->held[i].pfn, c->held[i].order) != MM_OK)
		oops(c->machine);
	c->held[i] = c->held[--c->n];
}

/* Free one and take it again by its address; somebody else may have been faster. */
static void cpu_again(struct cpu *c, unsigned i)
{
	mm_pfn_t pfn = c->held[i].pfn;
	unsigned order = c->held[i].order;
	enum mm_status st;

	cpu_free(c, i);
	st = mm_buddy_alloc_at(&c->machine->b, pfn, order);
	if (st == MM_OK) {
		own(c, pfn, order);
		c->held[c->n].pfn = pfn;
		c->held[c->n++].order = order;
	} else if (st != MM_E_BUSY && st != MM_E_AGAIN) {
		oops(c->machine);
	}
}

#if MM_HOOKS
/* Switch CPUs in the middle of a call, at steps that have no pattern. */
static void switch_cpu(void)
{
	static _Thread_local uint64_t seed = 5;

	if (next_random(&seed) % 16 == 0)
		sched_yield();
}
#endif

static void *cpu_main(void *arg)
{
	struct cpu *c = arg;

	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t r = next_random(&c->seed);

		if (c->n == 0 || (c->n < QUOTA && r % 16 < 9))
			cpu_alloc(c);
		else if (r % 16 == 15)
			cpu_again(c, (unsigned)(r >> 8) % c->n);
		else
			cpu_free(c, (unsigned)(r >> 8) % c->n);
	}
	while (c->n)
		cpu_free(c, c->n - 1);
	return NULL;
}

static void run_cpus(bool mixed, mm_pfn_t base)
{
	static struct machine s;
	static struct cpu cpus[CPUS];
	pthread_t threads[CPUS];
	mm_pfn_t frames = CPUS * QUOTA * (mixed ? 4 : 1);
	size_t size = mm_buddy_size(base, frames);
	void *meta = malloc(size);
	uint64_t first;

	memset(&s, 0, sizeof(s));
	memset(cpus, 0, sizeof(cpus));
	s.base = base;
	s.mixed = mixed;
	assert_int_equal(mm_buddy_init(&s.b, base, frames, meta, size), MM_OK);
	assert_int_equal(mm_buddy_free_range(&s.b, base, frames), MM_OK);
	first = sim_hash(0, meta, buddy_words_bytes(&s.b, size));
#if MM_HOOKS
	sim_step = switch_cpu;
#endif
	for (unsigned i = 0; i < CPUS; i++) {
		cpus[i].machine = &s;
		cpus[i].id = i + 1;
		cpus[i].seed = 1000 + i;
		assert_int_equal(pthread_create(&threads[i], NULL, cpu_main, &cpus[i]), 0);
	}
	for (unsigned i = 0; i < CPUS; i++)
		pthread_join(threads[i], NULL);
#if MM_HOOKS
	sim_step = NULL;
#endif
	print_message("again %lu, nomem %lu\n", s.again, s.nomem);
	assert_int_equal(s.wrong, 0);
	assert_int_equal(mm_buddy_verify(&s.b), MM_OK);
	assert_int_equal(mm_buddy_count_free(&s.b), frames);
	assert_true(sim_hash(0, meta, buddy_words_bytes(&s.b, size)) == first);
	free(meta);
}

static void cpus_never_share_a_frame_nor_miss_the_last_one(void **state)
{
	(void)state;
	run_cpus(false, 0);
	run_cpus(false, 5);
}

static void cpus_that_split_and_merge_all_orders_lose_nothing(void **state)
{
	(void)state;
	run_cpus(true, 0);
	run_cpus(true, 3 * W + 1);
}
#else
static void without_atomics_there_are_no_races(void **state)
{
	(void)state;
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
#if MM_HOOKS && MM_ATOMICS
		cmocka_unit_test(a_call_inside_a_call_at_any_step_loses_nothing),
		cmocka_unit_test(a_block_that_moves_behind_the_search_is_not_missed),
#endif
#if MM_ATOMICS
		cmocka_unit_test(cpus_never_share_a_frame_nor_miss_the_last_one),
		cmocka_unit_test(cpus_that_split_and_merge_all_orders_lose_nothing),
#else
		cmocka_unit_test(without_atomics_there_are_no_races),
#endif
	};
	return cmocka_run_group_tests_name("buddy_races", tests, NULL, NULL);
}
