/* SPDX-License-Identifier: MIT */
/* The recursive entry: it shows each table where mm_pt_recursive_va() says, as the oracle's MMU walks there; all tables
 * of the tree are reached through it while the tree changes; and nothing takes it for a part of the tree. */
#include <mmlib/pt_recursive.h>
#include <mmlib/pt_share.h>
#include <mmlib/pt_tree.h>
#include "pt_fixture.h"
#include <mmlib/pt_formats.h>
#include "pt_mmu.h"
#include "pt_window.h"

static struct mm_pt_env env; /* that reaches tables through the entry */
static unsigned shown;       /* how often */

/* Offset of the entry: the last but one of the root, or of its half. */
static uint64_t root_span(void)
{
	return ora_size(&ora, ora.arch->top);
}

static uint64_t entry_at(void)
{
	return 200 * root_span();
}

static void nothing_is_wrong(void)
{
	if (ora.wrong)
		fail_msg("%s", ora.wrong);
}

/* What the MMU finds. The oracle does not watch: it would take the entry for a table below the root. */
static struct ora_run walk(mm_vaddr_t va)
{
	ora.pt = &pt;
	struct ora_run run = ora_walk(&ora, va);
	ora.pt = NULL;
	return run;
}

static void *through_the_entry(const struct mm_pt *tree, mm_paddr_t pa, unsigned window, mm_vaddr_t va)
{
	if (window < MM_PT_WINDOWS / 2 && tree->recursive) {
		mm_vaddr_t at = mm_pt_recursive_va(tree, window, va);
		struct ora_run run = walk(at);
		if (!run.attr || run.pa + (at - run.va) != pa)
			ora_violation(&ora, "the entry does not show this table");
		shown++;
	}
	return window_show(tree, pa, window, va);
}

static bool has_none(void)
{
	return w->f != &x86_64; /* an entry that leads to a table is no leaf, or one that faults */
}

/* A tree with its entry. False: the format has none. */
static bool begin(void **state)
{
	start(state);
	ora.pt = NULL;
	if (has_none())
		return false;
	assert_int_equal(mm_pt_destroy(&pt), MM_OK);
	env = ora.env;
	env.window = through_the_entry;
	shown = 0;
	assert_int_equal(mm_pt_init(&pt, w->f->port(), &env, NULL), MM_OK);
	assert_int_equal(mm_pt_recurse(&pt, V(entry_at()), &g), MM_OK);
	mm_pt_sync(&pt, &g);
	return true;
}

static void end(void)
{
	size_t tables = 0;

	mm_pt_sync(&pt, &g);
	assert_int_equal(mm_pt_verify(&pt, &tables), MM_OK);
	assert_int_equal(tables, ora.used);
	assert_int_equal(mm_pt_destroy(&pt), MM_OK);
	assert_int_equal(ora.used, 0);
	nothing_is_wrong();
}

/* The table at @level around @va, by the oracle's own way down. 0: there is none. */
static uint64_t table_at(unsigned level, uint64_t va)
{
	uint64_t table = pt.root;

	for (unsigned l = ora.arch->top; l > level; l--) {
		uint64_t entry = mmu_get(&ora, table, va >> (12 + 9 * l) & 511);
		if (!(entry & 1) || (entry & 0x80))
			return 0;
		table = entry & UINT64_C(0x0000fffffffff000);
	}
	return table;
}

static void each_table_is_where_it_is_said_to_be(void **state)
{
	const uint64_t where[] = { 0, 5 * K4, M2 - K4, 3 * M2, G1 + 77 * M2 + 3 * K4, 5 * G512 };
	unsigned found = 0;

	if (!begin(state))
		return;
	for (unsigned i = 0; i < sizeof(where) / sizeof(where[0]); i++)
		assert_int_equal(map(where[i], PA0, K4, RW, 0), MM_OK);
	assert_int_equal(map(2 * G1, PA0, M2, RW, 0), MM_OK);
	mm_pt_sync(&pt, &g);
	for (unsigned i = 0; i < sizeof(where) / sizeof(where[0]); i++)
		for (unsigned l = 0; l <= ora.arch->top; l++) {
			mm_vaddr_t at = mm_pt_recursive_va(&pt, l, V(where[i]) + 99);
			struct ora_run run = walk(at);
			assert_int_equal(at & (K4 - 1), 0);
			assert_true(at - V(entry_at()) < root_span());
			assert_true(run.pa + (at - run.va) == table_at(l, V(where[i])));
			assert_int_equal(run.attr & (RW | MM_PT_EXEC | MM_PT_USER), RW);
			found++;
		}
	assert_int_equal(found, 6 * 4);
	assert_false(walk(mm_pt_recursive_va(&pt, 0, V(7 * G1))).attr); /* there is none */
	assert_int_equal(mm_pt_recursive_va(&pt, 4, V(0)), 0);
	end();
}

static void what_cannot_be_is_refused(void **state)
{
	struct mm_pt none = { 0 };
	const uint64_t at = 200 * UINT64_C(0x8000000000);

	start(state);
	ora.pt = NULL;
	assert_int_equal(mm_pt_recurse(NULL, V(at), &g), MM_E_INVAL);
	assert_int_equal(mm_pt_recurse(&pt, V(at), NULL), MM_E_INVAL);
	assert_int_equal(mm_pt_recurse(&none, V(at), &g), MM_E_STATE);
	assert_int_equal(mm_pt_recursive_va(&pt, 0, V(0)), 0);
	assert_int_equal(mm_pt_recursive_va(&none, 0, V(0)), 0);
	assert_int_equal(mm_pt_recursive_va(NULL, 0, V(0)), 0);
	if (has_none()) {
		assert_int_equal(mm_pt_recurse(&pt, V(0), &g), MM_E_NOTSUP);
	} else {
		assert_int_equal(mm_pt_recurse(&pt, V(at) + K4, &g), MM_E_ALIGN);
		assert_int_equal(mm_pt_recurse(&pt, V(at) ^ UINT64_C(1) << 60, &g), MM_E_RANGE);
		assert_int_equal(map(at + 5 * K4, PA0, K4, RW, 0), MM_OK);
		assert_int_equal(mm_pt_recurse(&pt, V(at), &g), MM_E_EXIST);
		assert_true(g.stop_va == V(at));
		assert_int_equal(unmap(at + 5 * K4, K4, 0), MM_OK);
		mm_pt_sync(&pt, &g);
		assert_int_equal(mm_pt_keep(&pt, V(at), root_span(), &g), MM_OK);
		assert_int_equal(mm_pt_recurse(&pt, V(at), &g), MM_E_BUSY);
		assert_int_equal(mm_pt_recurse(&pt, V(at) + root_span(), &g), MM_OK);
		assert_int_equal(mm_pt_recurse(&pt, V(at) + 2 * root_span(), &g), MM_E_BUSY);
		assert_int_equal(mm_pt_unkeep(&pt, &g), MM_OK);
		assert_int_equal(mm_pt_keep(&pt, V(at), 2 * root_span(), &g), MM_E_OWNER);
	}
	mm_pt_sync(&pt, &g);
	assert_int_equal(mm_pt_destroy(&pt), MM_OK);
	assert_int_equal(ora.used, 0);
	nothing_is_wrong();
}

static void nothing_is_changed_through_it(void **state)
{
	static mm_paddr_t frame[4];
	uint32_t attr[4];
	struct mm_pt_leaves leaves = { .pa = frame, .room = 4 };
	struct mm_pt_pool pool = { .n = { 0 } };
	struct mm_pt_run run;
	struct mm_pt_cur cur;

	if (!begin(state))
		return;
	const uint64_t at = entry_at(), all = root_span();
	assert_int_equal(map(at - K4, PA0, K4, RW, 0), MM_OK); /* beside it */
	assert_int_equal(map(at + all, PA0, K4, RW, 0), MM_OK);
	const uint64_t before = ora_hash_seen(&ora);
	const size_t used = ora.used;
	for (uint64_t k = 0; k < 3; k++) {
		const uint64_t page = at + (k == 0 ? 0 : k == 1 ? all - K4 : all / 2 + 7 * K4);
		assert_int_equal(map(page, PA0, K4, RW, 0), MM_E_OWNER);
		assert_int_equal(unmap(page, K4, 0), MM_E_OWNER);
		assert_int_equal(protect(page, K4, MM_PT_READ, 0), MM_E_OWNER);
		assert_int_equal(w->map_list(&pt, V(page), frame, 1, RW, 0, &g), MM_E_OWNER);
		assert_int_equal(mm_pt_reserve(&pt, V(page), PA0, K4, 0, &pool), MM_E_OWNER);
		assert_int_equal(mm_pt_split(&pt, V(page), K4, 0, &g), MM_E_OWNER);
		assert_int_equal(mm_pt_collapse(&pt, V(page), K4, 0, &g), MM_E_OWNER);
		assert_int_equal(cur_init(&cur, page, K4), MM_OK);
		assert_int_equal(w->unmap_leaves(&pt, &cur, &g, &leaves), MM_E_OWNER);
		assert_int_equal(mm_pt_age(&pt, &cur, MM_PT_ACCESSED, &g, &leaves), MM_E_OWNER);
	}
	assert_int_equal(unmap(at - all, 3 * all, MM_PT_DISCARD), MM_E_OWNER);
	assert_int_equal(unmap(at - all, 3 * all, 0), MM_E_OWNER);
	assert_int_equal(ora.used, used);
	assert_true(ora_hash_seen(&ora) == before);
	/* it is told: the root, and a table below it */
	assert_int_equal(w->query(&pt, mm_pt_recursive_va(&pt, ora.arch->top, V(0)), &run), MM_OK);
	assert_true(run.pa == pt.root);
	assert_int_equal(run.attr & (RW | MM_PT_EXEC | MM_PT_USER), RW);
	assert_int_equal(w->query(&pt, mm_pt_recursive_va(&pt, 0, V(at - K4)), &run), MM_OK);
	assert_true(run.pa == table_at(0, V(at - K4)));
	assert_int_equal(run.attr & (RW | MM_PT_EXEC | MM_PT_USER), RW);
	assert_int_equal(cur_init(&cur, run.va, K4), MM_OK);
	assert_true(next(&cur, &run));
	assert_int_equal(run.attr & (RW | MM_PT_EXEC | MM_PT_USER), RW);
	assert_int_equal(cur_init(&cur, run.va, K4), MM_OK);
	leaves.attr = attr;
	assert_true(w->leaves(&cur, &leaves));
	assert_int_equal(attr[0] & (RW | MM_PT_EXEC | MM_PT_USER), RW);
	assert_int_equal(mm_pt_dump(&pt, MM_PT_DUMP_WX, NULL, NULL), 0);
	end();
}

/* Through the entry alone: each table that an operation asks for in the tree must be shown by it. */
static void the_tree_changes_through_it(void **state)
{
	uint64_t seed = 77;
	unsigned changes = 0;

	if (!begin(state))
		return;
	for (unsigned i = 0; i < 2000; i++) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		const uint64_t page = (seed >> 33) % 3 * G1 + (seed >> 40) % 3 * M2 + (seed >> 50) % 8 * K4;
		const uint64_t length = seed >> 60 & 1 ? M2 + 3 * K4 : K4;
		const unsigned what = (seed >> 56) % 8;
		enum mm_status st = MM_OK;
		if (what < 3)
			st = map(page, PA0 + (seed >> 60 & 2 ? page % M2 : 0), length, RW | MM_PT_TRACK, 0);
		else if (what < 6)
			st = unmap(page, length, what == 5 ? MM_PT_DISCARD : 0);
		else if (what == 6)
			st = protect(page, length, MM_PT_READ, 0);
		else
			st = mm_pt_collapse(&pt, V(page & ~(M2 - 1)), M2, 0, &g);
		changes += st == MM_OK;
		if (i % 7 == 0)
			mm_pt_sync(&pt, &g);
		if (i % 50 == 0)
			assert_int_equal(mm_pt_verify(&pt, NULL), MM_OK);
		nothing_is_wrong();
	}
	assert_true(changes > 500);
	assert_true(shown > 5000);
	end();
}

/* The same with the other formats that have one. */
static void trees_of_other_formats_change_through_it(void **state)
{
	static const enum mm_pt_format formats[] = { MM_PT_IA32, MM_PT_X86_64_LA57 };
	uint64_t seed = 78;

	(void)state;
	if (!ora.mem)
		ora_init(&ora, 0x80000000, ROOM);
	for (unsigned f = 0; f < 2; f++) {
		const struct mm_pt_port *port = mm_pt_format(formats[f]);
		const uint64_t top = UINT64_C(1) << port->level[port->nlevels - 1u].shift;
		const uint64_t large = UINT64_C(1) << port->level[1].shift;
		const struct mm_pt_cfg cfg = { .allow_wx = true };
		unsigned changes = 0;
		ora_reset(&ora);
		ora_set_arch(&ora, ora_formats[formats[f]]);
		env = ora.env;
		env.window = through_the_entry;
		shown = 0;
		assert_int_equal(mm_pt_init(&pt, port, &env, &cfg), MM_OK);
		assert_int_equal(mm_pt_recurse(&pt, 100 * top, &g), MM_OK);
		mm_pt_sync(&pt, &g);
		for (unsigned i = 0; i < 3000; i++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
			const mm_vaddr_t page = ((seed >> 33) % 3 + 99) * top + (f ? (seed >> 40) % 3 * large : 0) +
						(seed >> 50) % 8 * K4;
			const unsigned what = (seed >> 56) % 8;
			const uint64_t length = what < 7 && seed >> 60 & 1 ? large + 3 * K4 : K4;
			const bool in_it = page + length > 100 * top && page < 101 * top;
			enum mm_status st = MM_OK;
			if (what < 3)
				st = mm_pt_map(&pt, page, (mm_paddr_t)(page % large), length, RW | RX, 0, &g);
			else if (what < 6)
				st = mm_pt_unmap(&pt, page, length, what == 5 ? MM_PT_DISCARD : 0, &g);
			else if (what == 6)
				st = mm_pt_protect(&pt, page, length, RX, 0, &g);
			else
				st = mm_pt_collapse(&pt, page & ~(large - 1), large, 0, &g);
			if (in_it)
				assert_int_equal(st, MM_E_OWNER);
			changes += st == MM_OK;
			if (i % 7 == 0)
				mm_pt_sync(&pt, &g);
			if (i % 50 == 0)
				assert_int_equal(mm_pt_verify(&pt, NULL), MM_OK);
			nothing_is_wrong();
		}
		assert_true(changes > 500);
		assert_true(shown > 5000);
		end();
	}
}

/* Of the formats that are selected by number. */
static void few_formats_have_one(void **state)
{
	(void)state;
	if (!ora.mem)
		ora_init(&ora, 0x80000000, ROOM);
	for (unsigned f = 0; f < MM_PT_FORMATS; f++) {
		const struct mm_pt_port *port = mm_pt_format((enum mm_pt_format)f);
		const mm_vaddr_t last = port->extension == MM_PT_VA_ONES ? -(UINT64_C(1) << port->level[port->nlevels - 1u].shift) : 0;
		const bool has = f == MM_PT_X86_64_LA57 || f == MM_PT_IA32;
		ora_reset(&ora);
		ora_set_arch(&ora, ora_formats[f]);
		assert_int_equal(mm_pt_init(&pt, port, &ora.env, NULL), MM_OK);
		enum mm_status st = mm_pt_recurse(&pt, last, &g);
		if (st != (has ? MM_OK : MM_E_NOTSUP))
			fail_msg("%s: %d", port->name, (int)st);
		mm_pt_sync(&pt, &g);
		assert_int_equal(mm_pt_verify(&pt, NULL), MM_OK);
		assert_int_equal(mm_pt_destroy(&pt), MM_OK);
		nothing_is_wrong();
	}
}

/* In two levels the table of level 1 that is remembered is the root: the entry is in it. */
static void pages_beside_it_are_no_way_into_it(void **state)
{
	const mm_vaddr_t step = UINT64_C(1) << 22, top = 1023 * step;
	struct mm_pt_run run;

	(void)state;
	for (unsigned before = 0; before < 2; before++) { /* is the root remembered? */
		for (mm_vaddr_t at = 0; at <= top; at += at ? top - step : step) {
			ora_reset(&ora);
			ora_set_arch(&ora, ora_formats[MM_PT_IA32]);
			assert_int_equal(mm_pt_init(&pt, mm_pt_format(MM_PT_IA32), &ora.env, NULL), MM_OK);
			const mm_vaddr_t beside = at ? 0 : top;
			if (before)
				assert_int_equal(mm_pt_map(&pt, beside, 0x5000, K4, RX, 0, &g), MM_OK);
			assert_int_equal(mm_pt_recurse(&pt, at, &g), MM_OK);
			assert_int_equal(mm_pt_map(&pt, beside + 8 * K4, 0x5000, K4, RX, 0, &g), MM_OK);
			const mm_vaddr_t table = mm_pt_recursive_va(&pt, 0, beside);
			assert_int_equal(mm_pt_query(&pt, table, &run), MM_OK);
			assert_int_equal(mm_pt_unmap(&pt, table, K4, 0, &g), MM_E_OWNER);
			assert_int_equal(mm_pt_map(&pt, at + 7 * K4, 0x6000, K4, RX, 0, &g), MM_E_OWNER);
			assert_int_equal(mm_pt_unmap(&pt, beside + 8 * K4, K4, 0, &g), MM_OK);
			mm_pt_sync(&pt, &g);
			assert_int_equal(mm_pt_verify(&pt, NULL), MM_OK);
			assert_int_equal(mm_pt_destroy(&pt), MM_OK);
			assert_int_equal(ora.used, 0);
			nothing_is_wrong();
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_table_is_where_it_is_said_to_be),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(nothing_is_changed_through_it),
		cmocka_unit_test(the_tree_changes_through_it),
	};
	const struct CMUnitTest others[] = { cmocka_unit_test(few_formats_have_one),
					     cmocka_unit_test(trees_of_other_formats_change_through_it),
					     cmocka_unit_test(pages_beside_it_are_no_way_into_it) };
	int failed = cmocka_run_group_tests_name("pt_recursive, formats", others, NULL, NULL);
	return failed + run_for_all("pt_recursive", tests, sizeof(tests) / sizeof(tests[0]));
}
