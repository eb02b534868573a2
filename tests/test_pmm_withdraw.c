/* SPDX-License-Identifier: MIT */
/* Frames that are taken out of use: offline until they are put back, or bad for ever. Counts fit to the
 * frame, refusals name the frame, and change nothing. */
#include "mobility_box.h"
#include "hook.h"

#define BLOCK bytes_of(MM_BLOCK_FRAMES)
#define AT    frame_pa(8 * MM_BLOCK_FRAMES)

static void frames_go_offline_and_come_back(void **state)
{
	(void)state;
	struct box *b = box_made();
	uint64_t before = box_state(b);
	struct mm_pmm_stats was = box_stats(b), now;
	mm_paddr_t first = AT + bytes_of(3), length = BLOCK + bytes_of(5), pinned = 1;
	mm_pfn_t frames = 0;

	assert_int_equal(mm_pmm_offline(&b->pmm, first, length, NULL, &pinned), MM_OK);
	assert_int_equal(pinned, 1);
	now = box_stats(b);
	assert_int_equal(now.total, was.total - MM_BLOCK_FRAMES - 5);
	assert_int_equal(now.free, was.free - MM_BLOCK_FRAMES - 5);
	assert_int_equal(now.reserved, was.reserved);
	assert_int_equal(box_frame(b, first), MM_FRAME_OFFLINE);
	assert_int_equal(mm_frame_letter(MM_FRAME_OFFLINE), 'O');
	assert_int_equal(box_frame(b, first - MM_FRAME_SIZE), MM_FRAME_FREE);
	assert_int_equal(mm_page_alloc_at(&b->pmm, first, 0, 0), MM_E_BUSY);
	assert_int_equal(mm_page_free(&b->pmm, first, 0), MM_E_FOREIGN);
	assert_int_equal(mm_pmm_offline(&b->pmm, first, length, NULL, NULL), MM_OK); /* again */
	assert_int_equal(box_stats(b).total, now.total);
	assert_int_equal(mm_pmm_online(&b->pmm, first, bytes_of(7), &frames), MM_OK);
	assert_int_equal(frames, 7);
	assert_int_equal(mm_pmm_online(&b->pmm, first, bytes_of(7), &frames), MM_E_NOENT);
	assert_int_equal(mm_pmm_online(&b->pmm, AT, 4 * BLOCK, &frames), MM_OK);
	assert_int_equal(frames, MM_BLOCK_FRAMES - 2);
	assert_true(box_state(b) == before);
	box_free(b);
}

/* Blocks in use are moved, contents and all, whatever their size and wherever they begin. */
static void blocks_in_use_are_moved(void **state)
{
	(void)state;
	struct box *b = box_made();
	struct host *h = host_made(b);
	struct mm_mover mover = { .migrate = host_migrate, .ctx = h };
	mm_pfn_t before = box_stats(b).free, first = 0;
	mm_paddr_t block;

	for (unsigned i = 0; i < 70; i++)
		host_take(h, i % 6);
	block = h->has[0] & ~(BLOCK - 1);
	assert_int_equal(mm_pmm_offline(&b->pmm, block + MM_FRAME_SIZE, BLOCK - MM_FRAME_SIZE, &mover,
					NULL),
			 MM_OK);
	assert_true(h->moves > 20);
	host_check(h);
	for (unsigned i = 0; i < h->count; i++)
		first += (h->has[i] & ~(BLOCK - 1)) == block;
	assert_true(first <= 1);
	assert_int_equal(mm_pmm_verify(&b->pmm), MM_OK);
	assert_int_equal(mm_pmm_online(&b->pmm, block, BLOCK, NULL), MM_OK);
	host_free_all(h);
	assert_int_equal(box_stats(b).free, before);
	free(h);
	box_free(b);
}

/* What cannot be moved is named, and all is as before. */
static void a_refusal_names_the_frame(void **state)
{
	(void)state;
	struct box *b = box_made();
	struct host *h = host_made(b);
	struct mm_mover mover = { .migrate = host_migrate, .ctx = h };
	mm_paddr_t pinned = 0, other;
	uint64_t before;

	host_take(h, 2);
	other = AT + bytes_of(77);
	assert_int_equal(mm_page_alloc_at(&b->pmm, other, 0, 0), MM_OK);
	before = box_state(b);
	assert_int_equal(mm_pmm_offline(&b->pmm, AT, BLOCK, &mover, &pinned), MM_E_BUSY);
	assert_int_equal(pinned, other); /* unmovable */
	assert_true(box_state(b) == before);
	h->pinned = h->has[0];
	assert_int_equal(mm_pmm_offline(&b->pmm, h->has[0] + bytes_of(1), bytes_of(1), &mover, &pinned),
			 MM_E_BUSY);
	assert_int_equal(pinned, h->has[0] + bytes_of(1)); /* the mover says so */
	assert_true(box_state(b) == before);
	h->answer = MM_E_AGAIN;
	assert_int_equal(mm_pmm_offline(&b->pmm, h->has[0], bytes_of(1), &mover, &pinned), MM_E_AGAIN);
	assert_true(box_state(b) == before);
	h->answer = MM_E_IO; /* any other answer */
	assert_int_equal(mm_pmm_offline(&b->pmm, h->has[0], bytes_of(1), &mover, &pinned), MM_E_BUSY);
	assert_int_equal(mm_pmm_offline(&b->pmm, h->has[0], bytes_of(1), NULL, &pinned), MM_E_BUSY);
	assert_int_equal(mm_pmm_offline(&b->pmm, frame_pa(0), bytes_of(1), &mover, &pinned), MM_E_BUSY);
	assert_int_equal(pinned, frame_pa(0)); /* metadata */
	assert_int_equal(mm_pmm_isolate(&b->pmm, AT + 2 * BLOCK, BLOCK), MM_OK);
	assert_int_equal(mm_pmm_offline(&b->pmm, AT + BLOCK, 2 * BLOCK, &mover, &pinned), MM_E_BUSY);
	assert_int_equal(pinned, AT + 2 * BLOCK); /* isolated by somebody else */
	assert_int_equal(mm_pmm_unisolate(&b->pmm, AT + 2 * BLOCK, BLOCK), MM_OK);
	assert_true(box_state(b) == before);
	assert_int_equal(mm_page_free(&b->pmm, other, 0), MM_OK);
	host_free_all(h);
	free(h);
	box_free(b);
}

/* A mover that frees what is not its own any more. */
static enum mm_status bad_migrate(void *ctx, const struct mm_migration *what)
{
	struct box *b = ctx;

	assert_int_equal(mm_page_free(&b->pmm, what->to, what->order), MM_OK);
	return MM_E_BUSY;
}

static void a_mover_that_frees_too_much_is_told(void **state)
{
	(void)state;
	struct box *b = box_made();
	struct mm_mover mover = { .migrate = bad_migrate, .ctx = b };
	mm_paddr_t pa = box_take(b, 0, MM_ALLOC_MOVABLE);
	uint64_t before = box_state(b);

	assert_int_equal(mm_pmm_offline(&b->pmm, pa, MM_FRAME_SIZE, &mover, NULL), MM_E_PORT);
	assert_true(box_state(b) == before);
	assert_int_equal(mm_page_free(&b->pmm, pa, 0), MM_OK);
	box_free(b);
}

static void without_room_to_move_nothing_goes(void **state)
{
	(void)state;
	struct box *b = box_made();
	struct host *h = host_made(b);
	struct mm_mover mover = { .migrate = host_migrate, .ctx = h };
	mm_paddr_t pa, pinned;
	uint64_t before;

	host_take(h, 3);
	while (mm_page_alloc(&b->pmm, 0, MM_ALLOC_MOVABLE, &pa) == MM_OK)
		;
	before = box_state(b);
	assert_int_equal(mm_pmm_offline(&b->pmm, h->has[0], bytes_of(1), &mover, &pinned), MM_E_NOMEM);
	assert_true(box_state(b) == before);
	free(h);
	box_free(b);
}

static void a_bad_frame_is_withdrawn_for_ever(void **state)
{
	(void)state;
	struct box *b = box_made();
	struct host *h = host_made(b);
	struct mm_mover mover = { .migrate = host_migrate, .ctx = h };
	struct mm_pmm_stats was = box_stats(b);
	mm_paddr_t at_hand;

	assert_int_equal(mm_pmm_bad_frame(&b->pmm, AT + 5, NULL, NULL), MM_OK); /* free */
	assert_int_equal(box_frame(b, AT), MM_FRAME_BAD);
	assert_int_equal(mm_pmm_bad_frame(&b->pmm, AT, NULL, NULL), MM_OK); /* known */
	at_hand = box_take(b, 0, 0);
	assert_int_equal(mm_page_free(&b->pmm, at_hand, 0), MM_OK);
	assert_int_equal(mm_pmm_bad_frame(&b->pmm, at_hand, NULL, NULL), MM_OK);
	host_take(h, 2);
	was.used += 4;
	at_hand = h->has[0];
	assert_int_equal(mm_pmm_bad_frame(&b->pmm, at_hand + 2 * MM_FRAME_SIZE, &mover, NULL), MM_OK);
	assert_int_equal(h->moves, 1);
	assert_int_equal(box_frame(b, at_hand + 2 * MM_FRAME_SIZE), MM_FRAME_BAD);
	assert_int_equal(box_frame(b, at_hand), MM_FRAME_FREE);
	assert_int_equal(mm_pmm_offline(&b->pmm, AT + BLOCK, BLOCK, NULL, NULL), MM_OK);
	assert_int_equal(mm_pmm_bad_frame(&b->pmm, AT + BLOCK, NULL, NULL), MM_OK); /* offline */
	assert_int_equal(mm_pmm_online(&b->pmm, AT + BLOCK, BLOCK, NULL), MM_OK);
	assert_int_equal(box_frame(b, AT + BLOCK), MM_FRAME_BAD);
	assert_int_equal(box_stats(b).total, was.total - 4);
	assert_int_equal(box_stats(b).used, was.used);
	assert_int_equal(box_stats(b).reserved, was.reserved);
	assert_int_equal(mm_page_free(&b->pmm, AT, 0), MM_E_FOREIGN);
	host_free_all(h);
	free(h);
	box_free(b);
}

/* Unmovable blocks of each size, page tables, and what a CPU would keep at hand: when they are freed. */
static void a_bad_frame_in_use_goes_when_it_is_freed(void **state)
{
	(void)state;
	static const uint32_t flags[] = { 0, MM_ALLOC_MOVABLE, MM_ALLOC_RECLAIMABLE, MM_ALLOC_TABLE };
	struct box *b = box_made();
	struct mm_bad_frame note[16];
	struct mm_pmm_stats was = box_stats(b);

	for (unsigned i = 0; i < 16; i++) {
		unsigned order = i % 4 == 3 ? 0 : i / 4 * 3;
		mm_paddr_t pa = box_take(b, order, flags[i % 4]), bad = pa;
		uint64_t before = box_state(b);

		bad += bytes_of(((mm_pfn_t)1 << order) - 1);
		assert_int_equal(mm_pmm_bad_frame(&b->pmm, bad, NULL, NULL), MM_E_BUSY);
		assert_true(box_state(b) == before);
		assert_int_equal(mm_pmm_bad_frame(&b->pmm, bad, NULL, &note[i]), MM_E_BUSY);
		assert_int_equal(mm_pmm_bad_frame(&b->pmm, bad, NULL, &note[i]), MM_E_EXIST);
		assert_int_equal(mm_pmm_verify(&b->pmm), MM_OK);
		assert_int_equal(box_stats(b).total, was.total - i);
		if (flags[i % 4] == MM_ALLOC_TABLE)
			assert_int_equal(mm_page_free_table(&b->pmm, pa), MM_OK);
		else
			assert_int_equal(mm_page_free(&b->pmm, pa, order), MM_OK);
		assert_int_equal(box_frame(b, bad), MM_FRAME_BAD);
		assert_int_equal(box_stats(b).total, was.total - i - 1);
		assert_int_equal(box_stats(b).free, was.free - i - 1);
		assert_int_equal(mm_page_free(&b->pmm, bad, 0), MM_E_FOREIGN);
		assert_int_equal(mm_pmm_verify(&b->pmm), MM_OK);
	}
	assert_int_equal(b->pmm.isolations, 0);
	box_free(b);
}

/* It is freed, but what its CPU stored comes late: who says that it is bad sees it in use, and nothing at hand there.
 * The CPU has not seen that its hands were closed, either. */
static void a_bad_frame_may_be_on_its_way_to_a_hand(void **state)
{
	(void)state;
	struct box *b = box_made();
	struct mm_hand *hand = &b->pmm.cpus[0].hand[0];
	struct mm_bad_frame note;
	mm_paddr_t pa = box_take(b, 0, 0);
	uint32_t end = hand->end, closed;

	sim_cpu = 1;
	assert_int_equal(mm_pmm_bad_frame(&b->pmm, pa, NULL, &note), MM_E_BUSY);
	sim_cpu = 0;
	closed = hand->end;
	hand->end = end;
	assert_int_equal(mm_page_free(&b->pmm, pa, 0), MM_OK);
	hand->end = closed;
	(void)box_take(b, 1, 0); /* whatever this CPU wants next */
	assert_int_equal(box_frame(b, pa), MM_FRAME_BAD);
	assert_int_equal(b->pmm.isolations, 0);
	box_free(b);
}

/* Two bad frames of one block; one of them is found by moving the block. */
static void several_bad_frames_of_a_block(void **state)
{
	(void)state;
	struct box *b = box_made();
	struct host *h = host_made(b);
	struct mm_mover mover = { .migrate = host_migrate, .ctx = h };
	struct mm_bad_frame note[2];
	mm_pfn_t total = box_stats(b).total;
	mm_paddr_t pa;

	host_take(h, 4);
	pa = h->has[0];
	assert_int_equal(mm_pmm_bad_frame(&b->pmm, pa + bytes_of(3), NULL, &note[0]), MM_E_BUSY);
	assert_int_equal(mm_pmm_bad_frame(&b->pmm, pa + bytes_of(4), NULL, &note[1]), MM_E_BUSY);
	assert_int_equal(mm_pmm_bad_frame(&b->pmm, pa + bytes_of(9), &mover, NULL), MM_OK);
	host_check(h);
	assert_int_equal(box_stats(b).total, total - 3);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(box_frame(b, pa + bytes_of(i)), i == 3 || i == 4 || i == 9
									 ? MM_FRAME_BAD
									 : MM_FRAME_FREE);
	assert_int_equal(b->pmm.isolations, 0);
	host_free_all(h);
	free(h);
	box_free(b);
}

static void what_is_in_memory_that_comes_back_does_not_matter(void **state)
{
	(void)state;
	struct box *b = box_made();

	assert_int_equal(mm_page_alloc_at(&b->pmm, AT, 2, 0), MM_OK);
	assert_int_equal(mm_page_free(&b->pmm, AT, 2), MM_OK);
	assert_int_equal(mm_pmm_offline(&b->pmm, AT, BLOCK, NULL, NULL), MM_OK);
	memset(sim_to_virt(&b->sim, AT), 0x22, 4 * (size_t)MM_FRAME_SIZE); /* another module */
	assert_int_equal(mm_pmm_online(&b->pmm, AT, BLOCK, NULL), MM_OK);
	assert_int_equal(mm_page_alloc_at(&b->pmm, AT, 2, 0), MM_OK); /* poison or not */
	assert_int_equal(mm_page_free(&b->pmm, AT, 2), MM_OK);
	box_free(b);
}

static void wrong_calls_are_answered(void **state)
{
	(void)state;
	static struct mm_pmm none;
	struct box *b = box_made(), *bare = box_bare(0, 0, 0);
	mm_paddr_t pinned = 1;
	mm_pfn_t frames = 1;
	uint64_t before = box_state(b);

	assert_int_equal(mm_pmm_offline(NULL, AT, BLOCK, NULL, &pinned), MM_E_INVAL);
	assert_int_equal(mm_pmm_offline(&none, AT, BLOCK, NULL, &pinned), MM_E_STATE);
	assert_int_equal(mm_pmm_offline(&b->pmm, AT, 0, NULL, &pinned), MM_E_INVAL);
	assert_int_equal(mm_pmm_offline(&b->pmm, AT + 1, BLOCK, NULL, &pinned), MM_E_INVAL);
	assert_int_equal(mm_pmm_offline(&b->pmm, AT, 1, NULL, &pinned), MM_E_INVAL);
	assert_int_equal(mm_pmm_offline(&b->pmm, MM_PADDR_MAX - BLOCK + 1, 2 * BLOCK, NULL, &pinned),
			 MM_E_INVAL);
	assert_int_equal(mm_pmm_offline(&b->pmm, 0, BLOCK, NULL, &pinned), MM_E_FOREIGN);
	assert_int_equal(mm_pmm_offline(&b->pmm, AT, BLOCKS * BLOCK, NULL, &pinned), MM_E_FOREIGN);
	assert_int_equal(mm_pmm_offline(&bare->pmm, AT, BLOCK, NULL, &pinned), MM_E_NOTSUP);
	assert_int_equal(mm_pmm_online(NULL, AT, BLOCK, &frames), MM_E_INVAL);
	assert_int_equal(mm_pmm_online(&none, AT, BLOCK, &frames), MM_E_STATE);
	assert_int_equal(mm_pmm_online(&b->pmm, AT, 0, &frames), MM_E_INVAL);
	assert_int_equal(mm_pmm_online(&b->pmm, 0, BLOCK, &frames), MM_E_FOREIGN);
	assert_int_equal(mm_pmm_online(&b->pmm, AT, BLOCK, &frames), MM_E_NOENT);
	assert_int_equal(mm_pmm_online(&bare->pmm, AT, BLOCK, &frames), MM_E_NOENT);
	assert_int_equal(mm_pmm_bad_frame(NULL, AT, NULL, NULL), MM_E_INVAL);
	assert_int_equal(mm_pmm_bad_frame(&none, AT, NULL, NULL), MM_E_STATE);
	assert_int_equal(mm_pmm_bad_frame(&b->pmm, 0, NULL, NULL), MM_E_FOREIGN);
	assert_int_equal(mm_pmm_bad_frame(&b->pmm, MM_PADDR_MAX, NULL, NULL), MM_E_FOREIGN);
	assert_int_equal(mm_pmm_bad_frame(&bare->pmm, AT, NULL, NULL), MM_E_NOTSUP);
	assert_int_equal(mm_pmm_isolate(&b->pmm, AT, BLOCK), MM_OK);
	assert_int_equal(mm_pmm_bad_frame(&b->pmm, AT, NULL, NULL), MM_E_AGAIN);
	assert_int_equal(mm_pmm_unisolate(&b->pmm, AT, BLOCK), MM_OK);
	assert_int_equal(pinned, 1);
	assert_int_equal(frames, 1);
	assert_true(box_state(b) == before);
	box_free(b);
	box_free(bare);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_go_offline_and_come_back),
		cmocka_unit_test(blocks_in_use_are_moved),
		cmocka_unit_test(a_refusal_names_the_frame),
		cmocka_unit_test(a_mover_that_frees_too_much_is_told),
		cmocka_unit_test(without_room_to_move_nothing_goes),
		cmocka_unit_test(a_bad_frame_is_withdrawn_for_ever),
		cmocka_unit_test(a_bad_frame_in_use_goes_when_it_is_freed),
		cmocka_unit_test(a_bad_frame_may_be_on_its_way_to_a_hand),
		cmocka_unit_test(several_bad_frames_of_a_block),
		cmocka_unit_test(what_is_in_memory_that_comes_back_does_not_matter),
		cmocka_unit_test(wrong_calls_are_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
