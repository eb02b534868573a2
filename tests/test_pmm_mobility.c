/* SPDX-License-Identifier: MIT */
/* Classes of pageblocks: what cannot be moved does not lie among what can, and no class keeps memory
 * from another that may have it. */
#include "mobility_box.h"
#include "hook.h"
#include <mmlib/range.h>

static void classes_are_optional(void **state)
{
	(void)state;
	struct box *b = box_bare(0, 0, NCPUS);
	struct mm_block_info info = { MM_CLASS_CMA, true };
	uint64_t first = box_state(b);
	mm_paddr_t movable = box_take(b, 0, MM_ALLOC_MOVABLE);
	mm_paddr_t cache = box_take(b, 3, MM_ALLOC_RECLAIMABLE);

	assert_int_equal(mm_mobility_block(&b->pmm, movable, &info), MM_E_NOTSUP);
	assert_int_equal(info.mobility, MM_CLASS_CMA);
	assert_int_equal(mm_pmm_isolate(&b->pmm, frame_pa(0), bytes_of(MM_BLOCK_FRAMES)), MM_E_NOTSUP);
	assert_int_equal(mm_page_free(&b->pmm, movable, 1), MM_E_ORDER);
	assert_int_equal(mm_page_free(&b->pmm, movable, 0), MM_OK);
	assert_int_equal(mm_page_free(&b->pmm, movable, 0), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_page_free(&b->pmm, cache, 3), MM_OK);
	assert_true(box_state(b) == first);
	box_free(b);
}

static void wrong_calls_are_answered(void **state)
{
	(void)state;
	static struct mm_pmm none;
	struct box *b = box_made();
	struct mm_block_info info;
	struct mm_mobility_stats s;
	uint64_t before = box_state(b);
	mm_paddr_t pa = 1;

	assert_int_equal(mm_mobility_init(NULL), MM_E_INVAL);
	assert_int_equal(mm_mobility_init(&none), MM_E_STATE);
	assert_int_equal(mm_mobility_gather(NULL), MM_E_INVAL);
	assert_int_equal(mm_mobility_gather(&none), MM_E_STATE);
	assert_int_equal(mm_mobility_block(NULL, 0, &info), MM_E_INVAL);
	assert_int_equal(mm_mobility_block(&b->pmm, 0, NULL), MM_E_INVAL);
	assert_int_equal(mm_mobility_block(&none, 0, &info), MM_E_STATE);
	assert_int_equal(mm_mobility_block(&b->pmm, frame_pa(RAM_FRAMES), &info), MM_E_FOREIGN);
	assert_int_equal(mm_mobility_block(&b->pmm, MM_PADDR_MAX, &info), MM_E_FOREIGN);
	assert_int_equal(mm_mobility_stats(NULL, MM_CLASS_CMA, &s), MM_E_INVAL);
	assert_int_equal(mm_mobility_stats(&b->pmm, MM_CLASS_CMA, NULL), MM_E_INVAL);
	assert_int_equal(mm_mobility_stats(&b->pmm, MM_CLASSES, &s), MM_E_INVAL);
	assert_int_equal(mm_mobility_stats(&none, MM_CLASS_CMA, &s), MM_E_STATE);
	assert_int_equal(mm_page_alloc(&b->pmm, 0, MM_ALLOC_MOVABLE | MM_ALLOC_RECLAIMABLE, &pa),
			 MM_E_INVAL);
	assert_int_equal(mm_page_alloc(&b->pmm, 0, MM_ALLOC_MOVABLE | MM_ALLOC_TABLE, &pa),
			 MM_E_INVAL);
	assert_int_equal(mm_page_alloc(&b->pmm, 0, MM_ALLOC_RECLAIMABLE | MM_ALLOC_TABLE, &pa),
			 MM_E_INVAL);
	assert_int_equal(mm_mobility_init(&b->pmm), MM_OK); /* again: nothing to do */
	assert_int_equal(pa, 1);
	assert_true(box_state(b) == before);
	box_free(b);
}

static void without_room_nothing_gets_classes(void **state)
{
	(void)state;
	struct box *b = box_bare(0, 0, NCPUS);
	static mm_paddr_t pa[RAM_FRAMES];
	unsigned n = 0;
	enum mm_status st;

	while (mm_page_alloc(&b->pmm, 0, 0, &pa[n]) == MM_OK)
		n++;
	do { /* from no frame free to all that is needed */
		uint64_t before = box_state(b);

		st = mm_mobility_init(&b->pmm);
		assert_true(st == MM_OK || st == MM_E_NOMEM);
		assert_true(st == MM_OK || box_state(b) == before);
		assert_true(st == MM_OK || !b->pmm.classes);
		assert_int_equal(mm_page_free(&b->pmm, pa[--n], 0), MM_OK);
	} while (st != MM_OK);
	assert_true(b->pmm.classes);
	while (n)
		assert_int_equal(mm_page_free(&b->pmm, pa[--n], 0), MM_OK);
	box_free(b);
}

/* Requests of all classes by turns: no pageblock serves two. */
static void classes_do_not_mix(void **state)
{
	(void)state;
	static const uint32_t flags[] = { 0, MM_ALLOC_RECLAIMABLE, MM_ALLOC_MOVABLE };
	struct box *b = box_made();
	static mm_paddr_t pa[3][RAM_FRAMES / 8];
	struct mm_mobility_stats s;
	unsigned n = 0;

	for (; n < MM_BLOCK_FRAMES + 9; n++)
		for (unsigned c = 0; c < 3; c++) {
			pa[c][n] = box_take(b, 0, flags[c]);
			assert_int_equal(box_class(b, pa[c][n]), c);
		}
	assert_int_equal(mm_mobility_stats(&b->pmm, MM_CLASS_MOVABLE, &s), MM_OK);
	assert_int_equal(s.blocks, 2);
	assert_int_equal(s.isolated + s.held, 0);
	assert_int_equal(mm_pmm_verify(&b->pmm), MM_OK);
	while (n--)
		for (unsigned c = 0; c < 3; c++)
			assert_int_equal(mm_page_free(&b->pmm, pa[c][n], 0), MM_OK);
	box_drain(b);
	assert_int_equal(mm_mobility_stats(&b->pmm, MM_CLASS_MOVABLE, &s), MM_OK);
	assert_int_equal(s.free, 2 * MM_BLOCK_FRAMES);
	box_free(b);
}

/* All that is free can be had by each class, to the frame, and comes back. */
static void each_class_can_have_all(void **state)
{
	(void)state;
	static const uint32_t flags[] = { 0, MM_ALLOC_RECLAIMABLE, MM_ALLOC_MOVABLE };
	static mm_paddr_t pa[RAM_FRAMES];
	struct box *b = box_made();
	mm_pfn_t free = box_stats(b).free;

	for (unsigned c = 0; c < 9; c++) { /* after each class, each other */
		unsigned n = 0;

		while (mm_page_alloc(&b->pmm, 0, flags[c % 3 + c / 3 < 3 ? c % 3 : c / 3], &pa[n]) ==
		       MM_OK)
			n++;
		assert_int_equal(n, free);
		assert_int_equal(box_stats(b).free, 0);
		assert_int_equal(mm_pmm_verify(&b->pmm), MM_OK);
		while (n)
			assert_int_equal(mm_page_free(&b->pmm, pa[--n], 0), MM_OK);
		assert_int_equal(box_stats(b).free, free);
	}
	box_free(b);
}

/* What takes from a pageblock of another class takes all that is free there. */
static void a_fragment_is_adopted(void **state)
{
	(void)state;
	static mm_paddr_t pa[RAM_FRAMES];
	struct box *b = box_made();
	mm_paddr_t mine, other;
	unsigned n = 0;

	while (mm_page_alloc(&b->pmm, 0, MM_ALLOC_MOVABLE, &pa[n]) == MM_OK)
		n++;
	box_drain(b);
	for (unsigned i = 0; i < n; i++) /* half of two pageblocks */
		if (frame_of(pa[i]) / MM_BLOCK_FRAMES / 2 == 4 && frame_of(pa[i]) % 2)
			assert_int_equal(mm_page_free(&b->pmm, pa[i], 0), MM_OK);
	box_drain(b);
	mine = box_take(b, 0, 0);
	assert_int_equal(box_class(b, mine), MM_CLASS_UNMOVABLE);
	for (unsigned i = 1; i < MM_BLOCK_FRAMES / 2; i++) {
		other = box_take(b, 0, 0);
		assert_int_equal(frame_of(other) / MM_BLOCK_FRAMES, frame_of(mine) / MM_BLOCK_FRAMES);
	}
	other = box_take(b, 0, 0);
	assert_int_not_equal(frame_of(other) / MM_BLOCK_FRAMES, frame_of(mine) / MM_BLOCK_FRAMES);
	box_free(b);
}

/* A block larger than a pageblock, where two pageblocks are free that had different classes. */
static void large_blocks_form_over_classes(void **state)
{
	(void)state;
	struct box *b = box_made();
	unsigned order = MM_BLOCK_ORDER + 1;
	mm_paddr_t pa[BLOCKS], small[BLOCKS], large;
	unsigned n = 0, count = 0;

	while (mm_page_alloc(&b->pmm, MM_BLOCK_ORDER, n % 2 ? MM_ALLOC_MOVABLE : 0, &pa[n]) == MM_OK)
		n++;
	assert_int_equal(n, BLOCKS - 2); /* the first and the last have metadata */
	while (n)
		assert_int_equal(mm_page_free(&b->pmm, pa[--n], MM_BLOCK_ORDER), MM_OK);
	while (mm_page_alloc(&b->pmm, order, count % 2 ? MM_ALLOC_MOVABLE : 0, &small[count]) == MM_OK)
		count++;
	assert_int_equal(count, BLOCKS / 2 - 2);
	while (count)
		assert_int_equal(mm_page_free(&b->pmm, small[--count], order), MM_OK);
	box_gather(b);
	assert_int_equal(mm_pmm_verify(&b->pmm), MM_OK);
	large = box_take(b, order + 1, 0);
	assert_int_equal(mm_page_free(&b->pmm, large, order + 1), MM_OK);
	box_free(b);
}

/* Movable frames have hands of their own: what is at hand there serves nobody else. */
static void movable_frames_have_their_own_hands(void **state)
{
	(void)state;
	struct box *b = box_made();
	mm_paddr_t movable = box_take(b, 0, MM_ALLOC_MOVABLE), other = box_take(b, 0, 0);

	assert_true(pmm_cpu_frames(&b->pmm.cpus[0]) > 0);
	assert_int_equal(mm_page_free(&b->pmm, movable, 0), MM_OK);
	assert_int_equal(mm_page_free(&b->pmm, other, 0), MM_OK);
	assert_int_equal(box_take(b, 0, 0), other);
	assert_int_equal(box_take(b, 0, MM_ALLOC_MOVABLE), movable);
	assert_int_equal(mm_page_free(&b->pmm, movable, 0), MM_OK);
	assert_int_equal(mm_page_free(&b->pmm, movable, 0), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_pmm_verify(&b->pmm), MM_OK);
	assert_int_equal(mm_pmm_cpu_offline(&b->pmm, 0), MM_OK);
	assert_int_equal(pmm_cpu_frames(&b->pmm.movable_cpus[0]), 0);
	assert_int_equal(mm_pmm_cpu_online(&b->pmm, 0), MM_OK);
	box_free(b);
}

static void a_block_by_its_address_comes_from_any_class(void **state)
{
	(void)state;
	struct box *b = box_made();
	mm_paddr_t movable = box_take(b, 0, MM_ALLOC_MOVABLE);
	mm_paddr_t block = movable & ~(bytes_of(MM_BLOCK_FRAMES) - 1);
	uint64_t before;

	assert_int_equal(mm_page_alloc_at(&b->pmm, movable, 0, 0), MM_E_BUSY);
	assert_int_equal(mm_page_free(&b->pmm, movable, 0), MM_OK);
	before = box_state(b);
	assert_int_equal(mm_page_alloc_at(&b->pmm, movable, 0, 0), MM_OK);
	assert_int_equal(mm_page_alloc_at(&b->pmm, block, MM_BLOCK_ORDER, 0), MM_E_BUSY);
	assert_int_equal(mm_page_free(&b->pmm, movable, 0), MM_OK);
	assert_int_equal(mm_page_alloc_at(&b->pmm, frame_pa(8 * MM_BLOCK_FRAMES), MM_BLOCK_ORDER + 2, 0),
			 MM_OK);
	assert_int_equal(mm_page_free(&b->pmm, frame_pa(8 * MM_BLOCK_FRAMES), MM_BLOCK_ORDER + 2),
			 MM_OK);
	assert_true(box_state(b) == before);
	box_free(b);
}

/* Runs, and frames freed in parts, keep to what classes and isolation say. */
static void runs_and_parts_follow_the_classes(void **state)
{
	(void)state;
	struct box *b = box_made();
	mm_pfn_t frames = 3 * MM_BLOCK_FRAMES + 5;
	mm_paddr_t pa, other, block = frame_pa(4 * MM_BLOCK_FRAMES);
	struct mm_page_limits where = { .low = block, .high = MM_PADDR_MAX, .align = MM_FRAME_SIZE };
	uint64_t before;

	other = box_take(b, 0, MM_ALLOC_MOVABLE);
	assert_int_equal(mm_page_free(&b->pmm, other, 0), MM_OK);
	before = box_state(b);
	assert_int_equal(mm_page_alloc_contig(&b->pmm, frames, 0, &where, &pa), MM_OK);
	assert_int_equal(mm_pmm_verify(&b->pmm), MM_OK);
	assert_int_equal(mm_page_free_range(&b->pmm, pa + bytes_of(7), frames - 7), MM_OK);
	assert_int_equal(mm_page_free_range(&b->pmm, pa, 7), MM_OK);
	assert_true(box_state(b) == before);
	assert_int_equal(mm_pmm_isolate(&b->pmm, block, bytes_of(MM_BLOCK_FRAMES)), MM_OK);
	assert_int_equal(mm_page_alloc_range(&b->pmm, block + bytes_of(MM_BLOCK_FRAMES - 3), 7, 0),
			 MM_E_BUSY);
	assert_int_equal(mm_page_alloc_contig(&b->pmm, frames, MM_ALLOC_MOVABLE, &where, &pa), MM_OK);
	assert_true(pa >= block + bytes_of(MM_BLOCK_FRAMES));
	assert_int_equal(mm_pmm_unisolate(&b->pmm, block, bytes_of(MM_BLOCK_FRAMES)), MM_OK);
	other = pa & ~(bytes_of(MM_BLOCK_FRAMES) - 1);
	assert_int_equal(mm_pmm_isolate(&b->pmm, other, bytes_of(MM_BLOCK_FRAMES)), MM_OK);
	assert_int_equal(mm_page_free_range(&b->pmm, pa, frames), MM_OK);
	assert_int_equal(box_frame(b, pa), MM_FRAME_HELD);
	assert_int_equal(mm_pmm_unisolate(&b->pmm, other, bytes_of(MM_BLOCK_FRAMES)), MM_OK);
	assert_true(box_state(b) == before);
	box_free(b);
}

static void verify_finds_damage(void **state)
{
	(void)state;
	struct box *b = box_made();
	mm_paddr_t movable = box_take(b, 0, MM_ALLOC_MOVABLE);
	struct mm_range *r = &b->pmm.ranges[0];
	mm_pfn_t pfn = mm_pa_to_pfn(movable);
	uint32_t *words[] = { &b->pmm.isolations, &b->pmm.moved, &b->pmm.cpus[1].drain,
			      &b->pmm.movable_cpus[0].drain };

	box_drain(b);
	assert_int_equal(mm_pmm_verify(&b->pmm), MM_OK);
	for (unsigned i = 0; i < 4; i++) {
		*words[i] += 2;
		assert_int_equal(mm_pmm_verify(&b->pmm), MM_E_CORRUPT);
		*words[i] -= 2;
	}
	for (unsigned tag = 0; tag < 16; tag++) /* the rest of the pageblock is free */
		if (tag != MM_CLASS_MOVABLE) {
			assert_true(mobility_retag(r, pfn, MM_CLASS_MOVABLE, tag));
			assert_int_equal(mm_pmm_verify(&b->pmm), MM_E_CORRUPT);
			assert_true(mobility_retag(r, pfn, tag, MM_CLASS_MOVABLE));
		}
	*frame_byte(r, pfn) = FRAME_HELD;
	assert_int_equal(mm_pmm_verify(&b->pmm), MM_E_CORRUPT);
	*frame_byte(r, pfn) = FRAME_CLAIMED;
	assert_int_equal(mm_pmm_verify(&b->pmm), MM_E_CORRUPT);
	*frame_byte(r, pfn) = FRAME_MOVABLE;
	assert_int_equal(mm_page_free(&b->pmm, movable, 0), MM_OK);
	box_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classes_are_optional),
		cmocka_unit_test(wrong_calls_are_answered),
		cmocka_unit_test(without_room_nothing_gets_classes),
		cmocka_unit_test(classes_do_not_mix),
		cmocka_unit_test(each_class_can_have_all),
		cmocka_unit_test(a_fragment_is_adopted),
		cmocka_unit_test(large_blocks_form_over_classes),
		cmocka_unit_test(movable_frames_have_their_own_hands),
		cmocka_unit_test(a_block_by_its_address_comes_from_any_class),
		cmocka_unit_test(runs_and_parts_follow_the_classes),
		cmocka_unit_test(verify_finds_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
