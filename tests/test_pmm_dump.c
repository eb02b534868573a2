/* SPDX-License-Identifier: MIT */
/* Memory in lines of text: every frame is told once, as what it is, whatever happens to be going on. */
#include "pmm_machine.h"
#include <stdio.h>
#include <mmlib/range.h>

static struct {
	char text[256][96];
	unsigned n;
	void *ctx;
} lines;

static void keep(void *ctx, const char *text)
{
	assert_true(lines.n < 256);
	assert_true(strlen(text) <= 79 && !strchr(text, '\n'));
	strcpy(lines.text[lines.n++], text);
	lines.ctx = ctx;
}

static void dump(struct machine *m)
{
	uint64_t before = pmm_state_hash(&m->pmm);

	lines.n = 0;
	mm_pmm_dump(&m->pmm, keep, m);
	assert_ptr_equal(lines.ctx, m);
	assert_int_equal(pmm_state_hash(&m->pmm), before);
}

/* The map's lines are read back and compared with mm_page_info(), frame by frame. */
static void check_map(struct machine *m)
{
	mm_pfn_t frames = 0;

	for (unsigned i = 0; i < lines.n; i++) {
		unsigned long long at;
		char *p = lines.text[i];

		if (sscanf(p, "0x%llx:", &at) != 1)
			continue;
		p = strchr(p, ':') + 1;
		while (*p == ' ') {
			char letter = p[1];
			unsigned long n = strtoul(p + 2, &p, 10);

			for (n = n ? n : 1; n; n--, at += MM_FRAME_SIZE, frames++) {
				struct mm_frame_run run =
					machine_look(m, mm_pa_to_pfn((mm_paddr_t)at));

				assert_int_equal(letter, mm_frame_letter(run.state));
			}
		}
		assert_int_equal(*p, 0);
	}
	assert_int_equal(frames, RAM_FRAMES);
}

static bool has(const char *text)
{
	for (unsigned i = 0; i < lines.n; i++)
		if (strstr(lines.text[i], text))
			return true;
	return false;
}

static void each_frame_is_told_as_what_it_is(void **state)
{
	(void)state;
	struct machine *m = machine_start((struct mm_pmm_cfg){ 0 });
	mm_paddr_t pa;

	dump(m);
	check_map(m);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(mm_page_alloc(&m->pmm, i, 0, &pa), MM_OK);
		assert_int_equal(mm_page_alloc(&m->pmm, 0, MM_ALLOC_TABLE, &pa), MM_OK);
		dump(m);
		check_map(m);
	}
	assert_true(has(" T ")); /* one alone */
	machine_end(m);
}

/* Every other frame of some hundred: many short runs, which need many lines. */
static void many_runs_need_many_lines(void **state)
{
	(void)state;
	struct machine *m = machine_start((struct mm_pmm_cfg){ 0 });
	mm_pfn_t blocks[32];
	char want[32];

	for (mm_pfn_t pfn = 0x300; pfn < 0x400; pfn += 2)
		assert_int_equal(mm_page_alloc_range(&m->pmm, mm_pfn_to_pa(pfn), 1, 0), MM_OK);
	dump(m);
	check_map(m);
	assert_true(lines.n > 10);
	assert_int_equal(mm_pmm_free_blocks(&m->pmm, 1, blocks, 32), MM_OK);
	snprintf(want, sizeof(want), "  free blocks: 0*%lu ", (unsigned long)blocks[0]);
	assert_true(blocks[0] >= 128 && has(want));
	machine_end(m);
}

static void zones_are_told_with_their_counts(void **state)
{
	(void)state;
	struct machine *m = machine_start((struct mm_pmm_cfg){ 0 });
	struct mm_pmm_stats s = machine_stats(m, 0);
	char want[96];

	dump(m);
	assert_true(has("zone LOW of node 0: 382 frames")); /* a hole and a bad one are none */
	snprintf(want, sizeof(want), "  %lu free, 0 used, %lu reserved", (unsigned long)s.free,
		 (unsigned long)s.reserved);
	assert_true(has(want));
	assert_true(has("zone HIGH of node 0: 640 frames"));
	assert_true(has("  free blocks:"));
	machine_end(m);
}

static void the_log_of_the_port_is_used_if_no_function_is_given(void **state)
{
	(void)state;
	struct machine *m = machine_start((struct mm_pmm_cfg){ 0 });

	lines.n = 0;
	mm_pmm_dump(&m->pmm, NULL, NULL); /* there is none: silent */
	m->sim.port.log = keep;
	mm_pmm_dump(&m->pmm, NULL, m);
	assert_ptr_equal(lines.ctx, m->sim.port.ctx);
	check_map(m);
	machine_end(m);
}

static void without_memory_there_is_nothing_to_tell(void **state)
{
	(void)state;
	struct mm_pmm none = { 0 };

	lines.n = 0;
	mm_pmm_dump(NULL, keep, NULL);
	mm_pmm_dump(&none, keep, NULL);
	assert_int_equal(lines.n, 0);
}

#if MM_HOOKS
static struct machine *in_panic;

/* In the middle of a call, wherever that stands: the dump ends, and tells all frames. */
static void panic_here(void)
{
	void (*step)(void) = sim_step;

	sim_step = NULL;
	lines.n = 0;
	mm_pmm_dump(&in_panic->pmm, keep, in_panic);
	assert_true(lines.n >= 5);
	sim_step = step;
}

static void it_may_run_in_the_middle_of_any_call(void **state)
{
	(void)state;
	struct machine *m = machine_start((struct mm_pmm_cfg){ .ncpus = 1 });
	mm_paddr_t pa, run;

	in_panic = m;
	sim_step = panic_here;
	assert_int_equal(mm_page_alloc(&m->pmm, 0, 0, &pa), MM_OK);
	assert_int_equal(mm_page_alloc_contig(&m->pmm, 5, 0, NULL, &run), MM_OK);
	assert_int_equal(mm_page_free_range(&m->pmm, run, 5), MM_OK);
	assert_int_equal(mm_page_free(&m->pmm, pa, 0), MM_OK);
	sim_step = NULL;
	machine_end_free(m);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_frame_is_told_as_what_it_is),
		cmocka_unit_test(many_runs_need_many_lines),
		cmocka_unit_test(zones_are_told_with_their_counts),
		cmocka_unit_test(the_log_of_the_port_is_used_if_no_function_is_given),
		cmocka_unit_test(without_memory_there_is_nothing_to_tell),
#if MM_HOOKS
		cmocka_unit_test(it_may_run_in_the_middle_of_any_call),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
