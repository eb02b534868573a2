/* SPDX-License-Identifier: MIT */
/* TLBs that software fills: the model of pt_tlb.h over random operations, with accesses in between, and in the middle
 * of operations too, where another CPU would have them; and what mm_pt_refill() and mm_pt_touch() say, one by one. */
#include "pt_tlb.h"
#include "sim.h"

static const char *run(const struct cpu *which, unsigned plant, unsigned ops)
{
	start(which);
	mm_hook_plant = plant;
	for (unsigned n = 0; n < ops && !wrong; n++) {
		const struct operation op = some_operation();

		operate(&op);
		if (!plant)
			ora_check_gather(&tree->ora, &tree->g);
		mm_pt_sync(&tree->pt, &tree->g);
		check_tlb();
		for (unsigned k = 0; k < 8 && !wrong; k++)
			use(somewhere() + below((unsigned)PAGE), some_access());
		check_tlb();
		if (!plant && tree->ora.wrong)
			violation(tree->ora.wrong);
	}
	mm_hook_plant = 0;
	if (plant)
		tree->ora.wrong = NULL; /* it sees such things, too: here, this TLB is to */
	stop();
	return wrong;
}

static void a_tlb_of_pairs_holds_what_the_tables_say(void **state)
{
	(void)state;
	for (unsigned k = 0; k < CPUS; k++) {
		const bool large = mm_pt_format(cpus[k].format)->nlevels ==
				   3; /* tables take long to look at */
		seed = 42 + k;
		const char *seen = run(&cpus[k], 0, large ? 200 : 500);
		if (seen)
			fail_msg("%s: %s", tree->ora.arch->name, seen);
		print_message("%s: %u refills, %u entries replaced, %u faults\n", tree->ora.arch->name,
			      refills, replaced, faults);
		assert_true(refills > 200 && replaced > 30 && faults > 300 && touched > 10);
	}
}

#if MM_HOOKS
/* ---- another CPU changes a page at two steps of a refill, and does not flush in between: entries of 8 bytes that a
 * CPU of 32 bits reads are never halves of two ---- */

/* Frames that the page is in, from first to last. Entries of the first and the last have the same low half. */
static const uint64_t frames[] = { UINT64_C(0x12300005000), UINT64_C(0x45600007000), UINT64_C(0x78900005000) };
/* What becomes of the page: in frame N, or GONE. */
#define GONE 3u
#define LEFT 4u
static const struct change {
	unsigned to[2];
} changes[] = { { { GONE, LEFT } }, { { 1, LEFT } }, { { 2, LEFT } }, { { GONE, 2 } }, { { 1, 2 } } };
#define CHANGES      (sizeof(changes) / sizeof(changes[0]))
#define CHANGES_ONCE 3u /* the first ones */
static const struct change *change;
static unsigned steps, change_at[2];

static void change_to(unsigned to)
{
	if (to == LEFT)
		return;
	enum mm_status st = mm_pt_unmap(&tree->pt, 0x3000, PAGE, 0, &tree->g);
	if (to != GONE)
		st = mm_pt_map(&tree->pt, 0x3000, (mm_paddr_t)frames[to], PAGE, MM_PT_READ, 0, &tree->g);
	assert_int_equal(st, MM_OK);
}

static void change_here(void)
{
	steps++;
	sim_step = NULL;
	for (unsigned i = 0; i < 2; i++)
		if (steps == change_at[i])
			change_to(change->to[i]);
	sim_step = change_here;
}

/* Is what a refill meanwhile says a frame that the page is in? */
static bool refill_is_whole(void)
{
	struct mm_pt_pair pair = { .shift = 0 };

	change_to(0);
	mm_pt_sync(&tree->pt, &tree->g);
	steps = 0;
	sim_step = change_here;
	enum mm_status st = mm_pt_refill(&tree->pt, &tree->cpu->tlb, 0x3000, &pair);
	sim_step = NULL;
	const uint64_t pa = st == MM_OK ? tree->cpu->decode(pair.lo[1]).pa : frames[0];
	for (unsigned i = 0; i < 3; i++)
		if (pa == frames[i])
			return true;
	return false;
}

static void entries_are_read_whole(void **state)
{
	const unsigned n = PT_WHOLE ? CHANGES : CHANGES_ONCE;

	(void)state;
	start(&cpus[4]);
	map_one(0x2000, 0x2000, 0x1000, MM_PT_READ); /* so that its table stays */
	for (change = changes; change < changes + n; change++)
		for (change_at[0] = 1, steps = 1; change_at[0] <= steps; change_at[0]++)
			for (change_at[1] = change_at[0]; change_at[1] <= steps; change_at[1]++)
				if (!refill_is_whole())
					fail_msg("change %u, at steps %u and %u of %u", (unsigned)(change - changes),
						 change_at[0], change_at[1], steps);
	assert_int_equal(mm_pt_unmap(&tree->pt, 0x2000, 0x2000, 0, &tree->g), MM_OK);
	mm_pt_sync(&tree->pt, &tree->g);
	stop();
}

static void each_omission_is_noticed(void **state)
{
	static const unsigned plants[] = {
		MM_PLANT_MASK_FLUSH,  MM_PLANT_MASK_RIGHTS,   MM_PLANT_MASK_OTHER,
		MM_PLANT_MASK_SYNC,   MM_PLANT_MASK_BREAK,    MM_PLANT_REFILL_DIRTY,
		MM_PLANT_REFILL_HALF, MM_PLANT_REFILL_GLOBAL,
	};
	(void)state;
	for (unsigned k = 0; k < CPUS; k++) {
		for (unsigned i = 0; i < sizeof(plants) / sizeof(plants[0]); i++) {
			seed = 7;
			const char *seen = run(&cpus[k], plants[i], 20000);
			if (!seen)
				fail_msg("%s: bug %u was not noticed", tree->ora.arch->name, plants[i]);
		}
	}
}
#endif

/* ---- one by one ---- */

static void pairs_are_those_of_the_manuals(void **state)
{
	struct mm_pt_pair pair;

	(void)state;
	start(&cpus[4]);
	map_one(0x3000, 0x5000, 0x1000, MM_PT_READ | MM_PT_WRITE | MM_PT_GLOBAL);
	assert_int_equal(mm_pt_refill(&tree->pt, &tree->cpu->tlb, 0x3abc, &pair), MM_OK);
	assert_int_equal(pair.va, 0x2000);
	assert_int_equal(pair.shift, 12);
	assert_true(pair.lo[0] == 1 && pair.lo[1] == UINT64_C(0x400000000000015f)); /* G, to stay global */
	assert_int_equal(mm_pt_pair_mask(&pair), 0);
	pair.shift = 77;
	assert_int_equal(mm_pt_refill(&tree->pt, &tree->cpu->tlb, 0x2abc, &pair), MM_E_NOENT);
	assert_int_equal(pair.shift, 77);
	map_one(0x2000, 0x9000, 0x1000, MM_PT_READ | MM_PT_EXEC | MM_PT_GLOBAL);
	assert_int_equal(mm_pt_refill(&tree->pt, &tree->cpu->tlb, 0x3abc, &pair), MM_OK);
	assert_true(pair.lo[0] == 0x25b && pair.lo[1] == UINT64_C(0x400000000000015f));
	map_one(0x40000000, 0x40000000, 0x40000000,
		MM_PT_READ | MM_PT_WRITE); /* too large for its pages */
	assert_int_equal(mm_pt_refill(&tree->pt, &tree->cpu->tlb, 0x74000000, &pair), MM_OK);
	assert_int_equal(pair.va, 0x60000000);
	assert_int_equal(pair.shift, 28);
	assert_int_equal(mm_pt_pair_mask(&pair), 0x1fffe000);
	assert_true(pair.lo[1] == (UINT64_C(0x4000000000000000) | 0x70000000 >> 6 | 0x1e));
	stop();
	start(&cpus[0]);
	map_one(0x200000, 0x600000, 0x200000, MM_PT_READ | MM_PT_EXEC | MM_PT_GLOBAL | MM_PT_USER);
	assert_int_equal(mm_pt_refill(&tree->pt, &tree->cpu->tlb, 0x234567, &pair), MM_OK);
	assert_int_equal(pair.va, 0x200000);
	assert_int_equal(pair.shift, 20);
	assert_true(pair.lo[0] == 0x60005d && pair.lo[1] == 0x70005d);
	stop();
}

/* A TLB with one page an entry, and one whose smallest is larger than the tree's. */
static void other_tlbs_are_data(void **state)
{
	struct mm_pt_tlb one = MM_PT_TLB_MIPS64;
	struct mm_pt_pair pair = { .shift = 77 };

	(void)state;
	start(&cpus[0]);
	map_one(0x200000, 0x600000, 0x200000, MM_PT_READ | MM_PT_WRITE);
	one.single = true;
	assert_int_equal(mm_pt_refill(&tree->pt, &one, 0x3fffff, &pair), MM_OK);
	assert_true(pair.va == 0x300000 && pair.shift == 20 && pair.lo[1] == 0);
	assert_true(pair.lo[0] == (UINT64_C(0x4000000000000000) | 0x700000 >> 6 | 0x1e));
	one.type[0] = UINT64_MAX;
	assert_int_equal(mm_pt_refill(&tree->pt, &one, 0x3fffff, &pair), MM_E_NOENT);
	one.sizes = BIT(16);
	pair.shift = 77;
	assert_int_equal(mm_pt_refill(&tree->pt, &one, 0, &pair), MM_E_NOTSUP);
	assert_int_equal(pair.shift, 77);
	stop();
}

static void mistakes_are_refused(void **state)
{
	struct mm_pt_pair pair = { .shift = 77 };
	struct mm_pt none = { .port = NULL };

	(void)state;
	start(&cpus[0]);
	assert_int_equal(mm_pt_refill(NULL, &tree->cpu->tlb, 0, &pair), MM_E_INVAL);
	assert_int_equal(mm_pt_refill(&tree->pt, NULL, 0, &pair), MM_E_INVAL);
	assert_int_equal(mm_pt_refill(&tree->pt, &tree->cpu->tlb, 0, NULL), MM_E_INVAL);
	assert_int_equal(mm_pt_refill(&none, &tree->cpu->tlb, 0, &pair), MM_E_STATE);
	assert_int_equal(mm_pt_refill(&tree->pt, &tree->cpu->tlb, BIT(47), &pair), MM_E_RANGE);
	assert_int_equal(pair.shift, 77);
	assert_int_equal(mm_pt_touch(NULL, 0, 0), MM_E_INVAL);
	assert_int_equal(mm_pt_touch(&tree->pt, 0, MM_PT_GLOBAL), MM_E_INVAL);
	assert_int_equal(mm_pt_touch(&none, 0, 0), MM_E_STATE);
	assert_int_equal(mm_pt_touch(&tree->pt, BIT(47), 0), MM_E_RANGE);
	assert_int_equal(mm_pt_touch(&tree->pt, 0, 0), MM_E_NOENT);
	map_one(0, 0x5000, 0x1000, MM_PT_READ | MM_PT_TRACK);
	assert_int_equal(mm_pt_touch(&tree->pt, 0, MM_PT_WRITE), MM_E_PERM);
	assert_int_equal(mm_pt_touch(&tree->pt, 0, MM_PT_READ | MM_PT_USER), MM_E_PERM);
	assert_int_equal(mm_pt_refill(&tree->pt, &tree->cpu->tlb, 0, &pair), MM_E_NOENT);
	assert_int_equal(mm_pt_touch(&tree->pt, 0, MM_PT_READ), MM_OK);
	assert_int_equal(mm_pt_refill(&tree->pt, &tree->cpu->tlb, 0, &pair), MM_OK);
	stop();
}

/* A leaf that is larger than the largest pair is in the TLB in pieces, and a flush must reach each of them. */
static void a_flush_steps_on_each_piece_of_a_leaf(void **state)
{
	(void)state;
	start(&cpus[4]);
	map_one(0x40000000, 0x40000000, 0x40000000, MM_PT_READ | MM_PT_WRITE);
	assert_non_null(fill(0x44000000, NULL));
	assert_non_null(fill(0x74000000, NULL));
	assert_int_equal(mm_pt_unmap(&tree->pt, 0x40000000, 0x40000000, 0, &tree->g), MM_OK);
	mm_pt_sync(&tree->pt, &tree->g);
	assert_null(find(0x44000000));
	assert_null(find(0x74000000));
	assert_null(wrong);
	stop();
}

static void steps_are_as_small_as_what_a_refill_makes(void **state)
{
	struct mm_pt_tlb tlb_of_16m = { .sizes = BIT(12) | BIT(24) };
	const struct mm_pt_tlb mips = MM_PT_TLB_MIPS64, loong = MM_PT_TLB_LOONGARCH64;
	struct mm_tlb_gather what = { .min_shift = 12 };

	(void)state;
	assert_int_equal(mm_pt_refill_step(&mips, &what), 12);
	what.min_shift = 21;
	assert_int_equal(mm_pt_refill_step(&mips, &what), 21);
	assert_int_equal(mm_pt_refill_step(&tlb_of_16m, &what), 13);
	tlb_of_16m.single = true;
	assert_int_equal(mm_pt_refill_step(&tlb_of_16m, &what), 12);
	what.min_shift = 30;
	assert_int_equal(mm_pt_refill_step(&tlb_of_16m, &what), 24);
	assert_int_equal(mm_pt_refill_step(&mips, &what), 29);
	assert_int_equal(mm_pt_refill_step(&loong, &what), 30);
	what.min_shift = 0;
	assert_int_equal(mm_pt_refill_step(&mips, &what), 0);
	assert_int_equal(mm_pt_refill_step(NULL, &what), 0);
	assert_int_equal(mm_pt_refill_step(&mips, NULL), 0);
}

/* Its addresses are those inside a segment, which says who may use them. */
static void a_tree_of_mips64_is_one_segment(void **state)
{
	const uint64_t xkseg = UINT64_C(0xc000000000000000);
	struct mm_pt_pair pair;

	(void)state;
	start(&cpus[4]);
	map_one(0x3000, 0x5000, 0x1000, MM_PT_READ | MM_PT_TRACK);
	assert_int_equal(mm_pt_touch(&tree->pt, xkseg + 0x3000, MM_PT_READ), MM_E_RANGE);
	assert_int_equal(mm_pt_touch(&tree->pt, 0x3000, MM_PT_READ | MM_PT_USER), MM_E_PERM);
	assert_int_equal(mm_pt_touch(&tree->pt, 0x3000, MM_PT_READ), MM_OK);
	assert_int_equal(mm_pt_refill(&tree->pt, &tree->cpu->tlb, xkseg + 0x3000, &pair), MM_E_RANGE);
	assert_int_equal(mm_pt_refill(&tree->pt, &tree->cpu->tlb, 0x3000, &pair), MM_OK);
	stop();
}

/* Writers store over an entry without a look back unless the format says that hardware changes it. */
static void a_touch_sets_only_what_writers_expect(void **state)
{
	const struct mm_pt_cfg cfg = { .allow_wx = true };

	(void)state;
	if (!tree->ora.mem)
		ora_init(&tree->ora, 0x40000000, 512);
	for (int f = 0; f < MM_PT_FORMATS; f++) {
		const struct mm_pt_port *port = mm_pt_format((enum mm_pt_format)f);
		const uint64_t va = port->extension == MM_PT_VA_ONES ? ~(BIT(24) - 1) : BIT(24);
		uint32_t attr = MM_PT_READ | MM_PT_WRITE | MM_PT_TRACK;
		ora_set_arch(&tree->ora, ora_formats[f]);
		if (tree->inner_alloc) {
			tree->ora.env.alloc_table = tree->inner_alloc;
			tree->ora.env.flush = tree->inner_flush;
		}
		assert_int_equal(mm_pt_init(&tree->pt, port, &tree->ora.env, &cfg), MM_OK);
		if (port->check(&tree->pt, attr) != MM_OK) /* ia32; s390x */
			attr ^= port->check(&tree->pt, attr | MM_PT_EXEC) == MM_OK ? MM_PT_EXEC
									     : MM_PT_TRACK;
		assert_int_equal(mm_pt_map(&tree->pt, va, 0x10000, ora_size(&tree->ora, 0), attr, 0, &tree->g),
				 MM_OK);
		struct pt_at was = pt_seek(&tree->pt, port, va);
		enum mm_status st = mm_pt_touch(&tree->pt, va, MM_PT_WRITE);
		struct pt_at is = pt_seek(&tree->pt, port, va);
		assert_true(st == MM_OK || st == MM_E_NOTSUP);
		if ((was.entry ^ is.entry) & ~port->hw_volatile)
			fail_msg("%s: a touch that a writer may lose", port->name);
		assert_int_equal(mm_pt_unmap(&tree->pt, va, ora_size(&tree->ora, 0), 0, &tree->g), MM_OK);
		mm_pt_sync(&tree->pt, &tree->g);
		assert_int_equal(mm_pt_destroy(&tree->pt), MM_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_are_those_of_the_manuals),
		cmocka_unit_test(other_tlbs_are_data),
		cmocka_unit_test(mistakes_are_refused),
		cmocka_unit_test(a_tree_of_mips64_is_one_segment),
		cmocka_unit_test(a_touch_sets_only_what_writers_expect),
		cmocka_unit_test(a_flush_steps_on_each_piece_of_a_leaf),
		cmocka_unit_test(steps_are_as_small_as_what_a_refill_makes),
		cmocka_unit_test(a_tlb_of_pairs_holds_what_the_tables_say),
#if MM_HOOKS
		cmocka_unit_test(entries_are_read_whole),
		cmocka_unit_test(each_omission_is_noticed),
#endif
	};
	return cmocka_run_group_tests_name("pt_refill", tests, NULL, NULL);
}
