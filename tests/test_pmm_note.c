/* SPDX-License-Identifier: MIT */
/* Notes about page frames: holders, owners, and words of the host. */
#include "pmm_machine.h"
#include "hook.h"
#include <mmlib/note.h>

#define FRAME MM_FRAME_SIZE
#define BOTH (MM_NOTE_REFS | MM_NOTE_WORDS)

static struct mm_notes n;

static struct machine *start(uint32_t tables, unsigned ntags)
{
	struct machine *m = machine_start((struct mm_pmm_cfg){ 0 });

	assert_int_equal(mm_notes_init(&n, &m->pmm, tables, ntags), MM_OK);
	assert_int_equal(mm_pmm_verify(&m->pmm), MM_OK);
	return m;
}

static void end(struct machine *m)
{
	assert_int_equal(mm_notes_destroy(&n), MM_OK);
	assert_null(n.pmm);
	machine_end_free(m);
}

static mm_paddr_t block(unsigned order, unsigned tag)
{
	mm_paddr_t pa = 0;

	assert_int_equal(mm_note_alloc(&n, order, 0, tag, &pa), MM_OK);
	return pa;
}

static void who_asks_for_nothing_has_no_tables(void **state)
{
	(void)state;
	struct machine *m = start(0, 2);

	assert_true(n.tags && !n.refs && !n.words);
	assert_null(mm_note_word(&n, BYTES(0x300)));
	assert_int_equal(machine_stats(m, -1).used, n.frames);
	end(m);
	m = start(MM_NOTE_WORDS, 0);
	assert_true(!n.tags && !n.refs && n.words);
	end(m);
}

static void the_last_holder_frees_a_block(void **state)
{
	(void)state;
	struct machine *m = start(MM_NOTE_REFS, 0);
	uint64_t before = pmm_state_hash(&m->pmm);
	mm_paddr_t pa = block(2, 0);
	bool last = false;

	assert_int_equal(mm_note_holders(&n, pa), 1);
	assert_int_equal(mm_note_get(&n, pa), MM_OK);
	assert_int_equal(mm_note_get(&n, pa), MM_OK);
	assert_int_equal(mm_note_holders(&n, pa), 3);
	assert_int_equal(mm_note_put(&n, pa, &last), MM_OK);
	assert_int_equal(mm_note_put(&n, pa, NULL), MM_OK);
	assert_false(last);
	assert_int_equal(machine_look(m, mm_pa_to_pfn(pa)).state, MM_FRAME_USED);
	assert_int_equal(mm_note_put(&n, pa, &last), MM_OK);
	assert_true(last);
	assert_int_equal(mm_note_holders(&n, pa), 0);
	assert_int_equal(mm_note_put(&n, pa, &last), MM_E_DOUBLE_FREE); /* one too many */
	assert_int_equal(mm_note_get(&n, pa), MM_E_DOUBLE_FREE);
	assert_int_equal(pmm_state_hash(&m->pmm), before);
	assert_int_equal(mm_page_alloc(&m->pmm, 2, 0, &pa), MM_OK); /* whoever gets it next */
	assert_int_equal(mm_note_holders(&n, pa), 1);
	assert_int_equal(mm_note_put(&n, pa, NULL), MM_OK);
	end(m);
}

static void a_count_at_its_end_stays_there(void **state)
{
	(void)state;
	struct machine *m = start(MM_NOTE_REFS, 0);
	mm_paddr_t pa = block(0, 0);
	uint32_t *refs = &n.refs[mm_pa_to_pfn(pa) - RAM_FIRST];

	*refs = UINT32_MAX - 1;
	assert_int_equal(mm_note_get(&n, pa), MM_OK);
	assert_int_equal(mm_note_get(&n, pa), MM_OK);
	assert_true(mm_note_holders(&n, pa) == (uint64_t)1 << 32);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(mm_note_put(&n, pa, NULL), MM_OK);
	assert_true(mm_note_holders(&n, pa) == (uint64_t)1 << 32);
	*refs = 0;
	assert_int_equal(mm_note_put(&n, pa, NULL), MM_OK);
	end(m);
}

static void owners_have_what_they_have(void **state)
{
	(void)state;
	struct machine *m = start(0, 4);
	mm_paddr_t a = block(3, 1), b = block(0, 1), c = block(1, 2), d = block(0, 0);
	struct mm_frame_run run;
	mm_pfn_t it = 0;

	assert_int_equal(mm_note_total(&n, 1), 9);
	assert_int_equal(mm_note_total(&n, 2), 2);
	assert_int_equal(mm_note_total(&n, 3), 0);
	assert_int_equal(mm_note_tag(&n, b, 3), MM_OK);
	assert_int_equal(mm_note_tag(&n, d, 3), MM_OK);
	assert_int_equal(mm_note_total(&n, 1), 8);
	assert_int_equal(mm_note_total(&n, 3), 2);
	/* what did owner 3 leak? */
	assert_true(mm_note_next(&n, 3, &it, &run) && run.base == (b < d ? b : d));
	assert_true(mm_note_next(&n, 3, &it, &run) && run.base == (b < d ? d : b));
	assert_false(mm_note_next(&n, 3, &it, &run));
	it = 0;
	assert_true(mm_note_next(&n, 1, &it, &run) && run.base == a && run.order == 3);
	assert_false(mm_note_next(&n, 1, &it, &run));
	assert_false(mm_note_next(&n, 0, &it, &run));
	assert_false(mm_note_next(&n, 4, &it, &run));
	assert_int_equal(mm_note_put(&n, a, NULL), MM_OK);
	assert_int_equal(mm_note_put(&n, b, NULL), MM_OK);
	assert_int_equal(mm_note_put(&n, c, NULL), MM_OK);
	assert_int_equal(mm_note_put(&n, d, NULL), MM_OK);
	for (unsigned tag = 0; tag < 6; tag++)
		assert_int_equal(mm_note_total(&n, tag), 0);
	end(m);
}

static void each_frame_has_a_word_of_its_own(void **state)
{
	(void)state;
	struct machine *m = start(BOTH, 2);

	for (mm_pfn_t pfn = RAM_FIRST; pfn < RAM_END; pfn++) {
		uintptr_t *word = mm_note_word(&n, mm_pfn_to_pa(pfn) + 9);

		assert_non_null(word);
		assert_int_equal(*word, 0);
		*word = (uintptr_t)pfn;
	}
	for (mm_pfn_t pfn = RAM_FIRST; pfn < RAM_END; pfn++)
		assert_int_equal(*mm_note_word(&n, mm_pfn_to_pa(pfn)), pfn);
	assert_null(mm_note_word(&n, BYTES(RAM_END)));
	assert_null(mm_note_word(&n, BYTES(RAM_FIRST) - 1));
	assert_null(mm_note_word(&n, MM_PADDR_MAX));
	assert_null(mm_note_word(NULL, BYTES(RAM_FIRST)));
	assert_int_equal(mm_note_total(&n, 1), 0); /* nor do they touch other tables */
	assert_int_equal(mm_note_holders(&n, n.base), 1);
	end(m);
}

static void notes_move_with_a_block(void **state)
{
	(void)state;
	struct machine *m = start(BOTH, 4);
	mm_paddr_t from = block(2, 3), to = block(2, 0);
	uint64_t before;

	assert_int_equal(mm_note_owner(&n, from), 3);
	assert_int_equal(mm_note_owner(&n, to), 0);
	assert_int_equal(mm_note_get(&n, from), MM_OK);
	for (uintptr_t i = 0; i < 4; i++)
		*mm_note_word(&n, from + i * FRAME) = i + 7;
	before = pmm_state_hash(&m->pmm);
	assert_int_equal(mm_note_move(&n, from, to), MM_OK);
	assert_true(pmm_state_hash(&m->pmm) == before); /* frames know nothing of it */
	assert_int_equal(mm_note_owner(&n, from), 0);
	assert_int_equal(mm_note_owner(&n, to), 3);
	assert_int_equal(mm_note_holders(&n, from), 1);
	assert_int_equal(mm_note_holders(&n, to), 2);
	assert_int_equal(mm_note_total(&n, 3), 4);
	for (uintptr_t i = 0; i < 4; i++) {
		assert_int_equal(*mm_note_word(&n, to + i * FRAME), i + 7);
		assert_int_equal(*mm_note_word(&n, from + i * FRAME), 0);
	}
	assert_int_equal(mm_page_free(&m->pmm, from, 2), MM_OK);
	assert_int_equal(mm_note_put(&n, to, NULL), MM_OK);
	assert_int_equal(mm_note_put(&n, to, NULL), MM_OK);
	assert_int_equal(mm_note_total(&n, 3), 0);
	assert_int_equal(mm_note_owner(&n, to), 0);
	end(m);
}

static void notes_move_only_where_there_are_none(void **state)
{
	(void)state;
	struct machine *m = start(BOTH, 4);
	mm_paddr_t from = block(1, 3), owned = block(1, 2), held = block(1, 0), other = block(0, 0);
	mm_paddr_t freed = block(0, 0);
	struct mm_notes none = { 0 };

	assert_int_equal(mm_note_get(&n, held), MM_OK);
	assert_int_equal(mm_note_put(&n, freed, NULL), MM_OK);
	assert_int_equal(mm_note_move(NULL, from, other), MM_E_INVAL);
	assert_int_equal(mm_note_move(&none, from, other), MM_E_STATE);
	assert_int_equal(mm_note_move(&n, from, from), MM_E_INVAL);
	assert_int_equal(mm_note_move(&n, from, other), MM_E_ORDER);
	assert_int_equal(mm_note_move(&n, from, owned), MM_E_BUSY);
	assert_int_equal(mm_note_move(&n, from, held), MM_E_BUSY);
	assert_int_equal(mm_note_move(&n, from, freed), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_note_move(&n, freed, from), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_note_move(&n, from + FRAME, held), MM_E_ALIGN);
	assert_int_equal(mm_note_move(&n, from, BYTES(RAM_END)), MM_E_FOREIGN);
	assert_int_equal(mm_note_owner(NULL, from), 0);
	assert_int_equal(mm_note_owner(&n, freed), 0);
	assert_int_equal(mm_note_owner(&n, from), 3);
	assert_int_equal(mm_note_owner(&n, owned), 2);
	assert_int_equal(mm_note_holders(&n, held), 2);
	assert_int_equal(mm_note_put(&n, held, NULL), MM_OK);
	assert_int_equal(mm_note_put(&n, held, NULL), MM_OK);
	assert_int_equal(mm_note_put(&n, from, NULL), MM_OK);
	assert_int_equal(mm_note_put(&n, owned, NULL), MM_OK);
	assert_int_equal(mm_note_put(&n, other, NULL), MM_OK);
	end(m);
}

static void what_is_wrong_is_answered_and_changes_nothing(void **state)
{
	(void)state;
	struct machine *m = start(BOTH, 3);
	struct mm_notes none = { 0 }, out = { .ntags = 7 };
	struct mm_pmm empty = { 0 };
	mm_paddr_t pa = block(2, 1), table, other = 7;
	uint64_t before;

	assert_int_equal(mm_page_alloc(&m->pmm, 0, MM_ALLOC_TABLE, &table), MM_OK);
	before = pmm_state_hash(&m->pmm);
	const struct {
		mm_paddr_t pa;
		enum mm_status st;
	} wrong[] = {
		{ pa + 1, MM_E_ALIGN },
		{ pa + MM_FRAME_SIZE, MM_E_ALIGN },
		{ pa + 8 * MM_FRAME_SIZE, MM_E_DOUBLE_FREE },
		{ table, MM_E_OWNER },
		{ BYTES(machine_meta(m)), MM_E_OWNER },
		{ BYTES(KERNEL), MM_E_FOREIGN },
		{ BYTES(RAM_END), MM_E_FOREIGN },
		{ 0, MM_E_FOREIGN },
	};
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		bool last = true;

		assert_int_equal(mm_note_get(&n, wrong[i].pa), wrong[i].st);
		assert_int_equal(mm_note_put(&n, wrong[i].pa, &last), wrong[i].st);
		assert_int_equal(mm_note_tag(&n, wrong[i].pa, 1), wrong[i].st);
		assert_int_equal(mm_note_holders(&n, wrong[i].pa), 0);
		assert_true(last);
	}
	assert_int_equal(mm_note_tag(&n, pa, 3), MM_E_INVAL);
	assert_int_equal(mm_note_alloc(&n, 0, 0, 3, &other), MM_E_INVAL);
	assert_int_equal(mm_note_alloc(&n, 0, MM_ALLOC_TABLE, 1, &other), MM_E_INVAL);
	assert_int_equal(mm_note_alloc(&n, 60, 0, 1, &other), MM_E_INVAL);
	assert_int_equal(mm_note_alloc(NULL, 0, 0, 1, &other), MM_E_INVAL);
	assert_int_equal(mm_note_alloc(&n, 0, 0, 1, NULL), MM_E_INVAL);
	assert_int_equal(mm_note_alloc(&none, 0, 0, 0, &other), MM_E_STATE);
	assert_int_equal(mm_note_get(NULL, pa), MM_E_INVAL);
	assert_int_equal(mm_note_get(&none, pa), MM_E_STATE);
	assert_int_equal(mm_note_put(&none, pa, NULL), MM_E_STATE);
	assert_int_equal(mm_note_tag(&none, pa, 0), MM_E_STATE);
	assert_int_equal(mm_notes_destroy(NULL), MM_E_INVAL);
	assert_int_equal(mm_notes_destroy(&none), MM_E_STATE);
	assert_int_equal(mm_notes_init(NULL, &m->pmm, BOTH, 0), MM_E_INVAL);
	assert_int_equal(mm_notes_init(&out, NULL, BOTH, 0), MM_E_INVAL);
	assert_int_equal(mm_notes_init(&out, &m->pmm, 0, 0), MM_E_INVAL);
	assert_int_equal(mm_notes_init(&out, &m->pmm, 4, 0), MM_E_INVAL);
	assert_int_equal(mm_notes_init(&out, &m->pmm, BOTH, 257), MM_E_INVAL);
	assert_int_equal(mm_notes_init(&out, &empty, BOTH, 0), MM_E_STATE);
	assert_true(other == 7 && out.ntags == 7 && !out.pmm);
	assert_int_equal(pmm_state_hash(&m->pmm), before);
	assert_int_equal(mm_note_total(&n, 1), 4);
	assert_int_equal(mm_note_put(&n, pa, NULL), MM_OK);
	assert_int_equal(mm_page_free_table(&m->pmm, table), MM_OK);
	end(m);
	m = start(MM_NOTE_WORDS, 0); /* tables that are not there */
	pa = block(0, 0);
	assert_int_equal(mm_note_get(&n, pa), MM_E_NOTSUP);
	assert_int_equal(mm_note_tag(&n, pa, 0), MM_E_NOTSUP);
	assert_int_equal(mm_note_holders(&n, pa), 1);
	assert_int_equal(mm_note_put(&n, pa, NULL), MM_OK);
	end(m);
}

static void without_room_for_tables_nothing_changes(void **state)
{
	(void)state;
	struct machine *m = machine_start((struct mm_pmm_cfg){ 0 });
	struct mm_notes out = { .ntags = 7 };
	mm_paddr_t pa;

	while (mm_page_alloc(&m->pmm, 0, 0, &pa) == MM_OK)
		;
	assert_int_equal(mm_notes_init(&out, &m->pmm, BOTH, 4), MM_E_NOMEM);
	assert_int_equal(out.ntags, 7);
#if MM_HOOKS
	assert_int_equal(mm_page_free(&m->pmm, pa, 0), MM_OK);
	sim_fail_at(1, false);
	assert_int_equal(mm_notes_init(&out, &m->pmm, 0, 1), MM_E_NOMEM);
	assert_int_equal(out.ntags, 7);
	sim_fail_at(0, false);
	assert_int_equal(mm_notes_init(&out, &m->pmm, 0, 1), MM_OK); /* and again */
	assert_int_equal(mm_notes_destroy(&out), MM_OK);
#endif
	machine_end(m);
}

/* Against a plain list of blocks. */
static void anything_in_any_order_as_the_model_has_it(void **state)
{
	(void)state;
	struct machine *m = start(MM_NOTE_REFS, 4);
	struct {
		mm_paddr_t pa;
		unsigned order, tag, holders;
	} b[24] = { { 0, 0, 0, 0 } };
	mm_pfn_t total[4] = { 0 };
	uint32_t seed = 5;

	for (unsigned step = 0; step < 5000; step++) {
		unsigned i = (seed = seed * 1664525u + 1013904223u) >> 8, what = i % 5, tag = i / 5 % 4;
		bool last = false;

		i = i / 20 % 24;
		if (!b[i].holders) {
			b[i].order = what;
			b[i].tag = tag;
			b[i].holders = 1;
			b[i].pa = block(what, tag);
			total[tag] += (mm_pfn_t)1 << what;
		} else if (what < 2) {
			assert_int_equal(mm_note_get(&n, b[i].pa), MM_OK);
			b[i].holders++;
		} else if (what == 2) {
			assert_int_equal(mm_note_tag(&n, b[i].pa, tag), MM_OK);
			total[b[i].tag] -= (mm_pfn_t)1 << b[i].order;
			total[tag] += (mm_pfn_t)1 << b[i].order;
			b[i].tag = tag;
		} else {
			assert_int_equal(mm_note_put(&n, b[i].pa, &last), MM_OK);
			assert_int_equal(last, --b[i].holders == 0);
			if (last)
				total[b[i].tag] -= (mm_pfn_t)1 << b[i].order;
		}
		assert_int_equal(mm_note_holders(&n, b[i].pa), b[i].holders);
		for (tag = 1; tag < 4; tag++)
			assert_int_equal(mm_note_total(&n, tag), total[tag]);
	}
	for (unsigned i = 0; i < 24; i++)
		for (; b[i].holders; b[i].holders--)
			assert_int_equal(mm_note_put(&n, b[i].pa, NULL), MM_OK);
	end(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_asks_for_nothing_has_no_tables),
		cmocka_unit_test(the_last_holder_frees_a_block),
		cmocka_unit_test(a_count_at_its_end_stays_there),
		cmocka_unit_test(owners_have_what_they_have),
		cmocka_unit_test(each_frame_has_a_word_of_its_own),
		cmocka_unit_test(notes_move_with_a_block),
		cmocka_unit_test(notes_move_only_where_there_are_none),
		cmocka_unit_test(what_is_wrong_is_answered_and_changes_nothing),
		cmocka_unit_test(without_room_for_tables_nothing_changes),
		cmocka_unit_test(anything_in_any_order_as_the_model_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
