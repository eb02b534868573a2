/* SPDX-License-Identifier: MIT */
/* CMA areas: movable blocks use them until a device claims frames; the claim gets what can be moved out,
 * to the frame, or names what is in the way and leaves all as it was. */
#include "mobility_box.h"
#include "stopped.h"
#include <mmlib/note.h>
#include "hook.h"

#define BLOCK  bytes_of(MM_BLOCK_FRAMES)
#define AT     frame_pa(8 * MM_BLOCK_FRAMES)
#define FRAMES ((mm_pfn_t)(4 * MM_BLOCK_FRAMES))

/* A machine with an area of four pageblocks. */
static struct box *box_with(struct mm_cma *cma)
{
	struct box *b = box_made();

	assert_int_equal(mm_cma_create(cma, &b->pmm, "camera", AT, 4 * BLOCK, NULL, NULL), MM_OK);
	assert_int_equal(mm_pmm_verify(&b->pmm), MM_OK);
	return b;
}

static struct mm_cma_stats area(const struct mm_cma *cma)
{
	struct mm_cma_stats s;

	assert_int_equal(mm_cma_stats(cma, &s), MM_OK);
	return s;
}

static bool inside(mm_paddr_t pa)
{
	return pa >= AT && pa < AT + 4 * BLOCK;
}

static void only_movable_blocks_use_an_area(void **state)
{
	(void)state;
	static mm_paddr_t pa[RAM_FRAMES];
	struct mm_cma cma;
	struct box *b = box_with(&cma);
	mm_pfn_t free = box_stats(b).free;
	unsigned n = 0, within = 0;

	assert_string_equal(area(&cma).name, "camera");
	assert_int_equal(area(&cma).free, FRAMES);
	assert_int_equal(box_class(b, AT), MM_CLASS_CMA);
	while (mm_page_alloc(&b->pmm, 0, n % 2 ? MM_ALLOC_RECLAIMABLE : 0, &pa[n]) == MM_OK)
		assert_false(inside(pa[n++]));
	assert_int_equal(n, free - FRAMES);
	assert_int_equal(mm_page_alloc_at(&b->pmm, AT, 0, 0), MM_E_BUSY);
	assert_int_equal(mm_page_alloc_at(&b->pmm, AT, 0, MM_ALLOC_RECLAIMABLE), MM_E_BUSY);
	assert_int_equal(mm_page_alloc_at(&b->pmm, AT, 2, MM_ALLOC_MOVABLE), MM_OK);
	assert_int_equal(mm_page_free(&b->pmm, AT, 2), MM_OK);
	while (mm_page_alloc(&b->pmm, 0, MM_ALLOC_MOVABLE, &pa[n]) == MM_OK)
		within += inside(pa[n++]);
	assert_int_equal(within, FRAMES);
	assert_int_equal(n, free);
	assert_int_equal(area(&cma).free, 0);
	while (n)
		assert_int_equal(mm_page_free(&b->pmm, pa[--n], 0), MM_OK);
	box_drain(b);
	assert_int_equal(area(&cma).free, FRAMES);
	box_free(b);
}

/* When an area holds most of what is free, movable blocks go there first. */
static void ample_areas_are_used_first(void **state)
{
	(void)state;
	struct mm_cma cma;
	struct box *b = box_with(&cma);
	mm_paddr_t pa = box_take(b, 0, MM_ALLOC_MOVABLE);

	assert_false(inside(pa));
	while (box_stats(b).free > 2 * FRAMES - 8)
		(void)box_take(b, 5, 0);
	pa = box_take(b, MM_BLOCK_ORDER, MM_ALLOC_MOVABLE);
	assert_true(inside(pa)); /* half and a little more */
	pa = box_take(b, MM_BLOCK_ORDER, MM_ALLOC_MOVABLE);
	assert_false(inside(pa));
	box_free(b);
}

static void frames_are_claimed_and_come_back(void **state)
{
	(void)state;
	struct mm_cma cma;
	struct box *b = box_with(&cma);
	uint64_t before = box_state(b);
	struct mm_pmm_stats was = box_stats(b);
	mm_paddr_t a = 0, c = 0, all = 0;

	assert_int_equal(mm_cma_claim(&cma, MM_BLOCK_FRAMES + 7, 0, NULL, &a, NULL), MM_OK);
	assert_int_equal(a, AT);
	assert_int_equal(mm_cma_claim(&cma, 3, 64 * MM_FRAME_SIZE, NULL, &c, NULL), MM_OK);
	assert_int_equal(c % (64 * MM_FRAME_SIZE), 0);
	assert_true(c >= AT + BLOCK + bytes_of(7));
	assert_int_equal(box_stats(b).used, was.used + MM_BLOCK_FRAMES + 10);
	assert_int_equal(area(&cma).claimed, MM_BLOCK_FRAMES + 10);
	assert_int_equal(box_frame(b, a), MM_FRAME_USED);
	assert_int_equal(mm_pmm_verify(&b->pmm), MM_OK);
	assert_int_equal(mm_page_free(&b->pmm, a, 0), MM_E_OWNER);
	assert_int_equal(mm_cma_release(&cma, a, 9), MM_OK); /* in parts */
	assert_int_equal(mm_cma_release(&cma, a + bytes_of(9), MM_BLOCK_FRAMES - 2), MM_OK);
	assert_int_equal(mm_cma_release(&cma, c, 3), MM_OK);
	assert_true(box_state(b) == before);
	assert_int_equal(mm_cma_claim(&cma, FRAMES, 0, NULL, &all, NULL), MM_OK);
	assert_int_equal(mm_cma_claim(&cma, 1, 0, NULL, &c, NULL), MM_E_NOMEM);
	assert_int_equal(mm_cma_release(&cma, all, FRAMES), MM_OK);
	assert_true(box_state(b) == before);
	box_free(b);
}

/* Movable blocks are moved out, contents and all; a place without any is taken first. */
static void a_claim_moves_blocks_out(void **state)
{
	(void)state;
	struct mm_cma cma;
	struct box *b = box_with(&cma);
	struct host *h = host_made(b);
	struct mm_mover mover = { .migrate = host_migrate, .ctx = h };
	mm_paddr_t pa = 0, other[64];
	unsigned n = 0;

	while (mm_page_alloc(&b->pmm, MM_BLOCK_ORDER, 0, &pa) == MM_OK && n < 64)
		other[n++] = pa; /* so that movable blocks go to the area */
	for (unsigned i = 0; i < 40; i++)
		host_take(h, i % 5);
	while (n)
		assert_int_equal(mm_page_free(&b->pmm, other[--n], MM_BLOCK_ORDER), MM_OK);
	assert_true(inside(h->has[39]));
	assert_int_equal(mm_cma_claim(&cma, MM_BLOCK_FRAMES, 0, &mover, &pa, NULL), MM_OK);
	assert_int_equal(h->moves, 0);
	assert_int_equal(mm_cma_release(&cma, pa, MM_BLOCK_FRAMES), MM_OK);
	assert_int_equal(mm_cma_claim(&cma, FRAMES, 0, &mover, &pa, NULL), MM_OK);
	assert_int_equal(pa, AT);
	assert_true(h->moves > 0);
	host_check(h);
	for (unsigned i = 0; i < h->count; i++)
		assert_false(inside(h->has[i]));
	assert_int_equal(mm_pmm_verify(&b->pmm), MM_OK);
	assert_int_equal(mm_cma_release(&cma, pa, FRAMES), MM_OK);
	host_free_all(h);
	free(h);
	box_free(b);
}

/* A pinned frame is named, or gone around. */
static void a_pinned_frame_is_named(void **state)
{
	(void)state;
	struct mm_cma cma;
	struct box *b = box_with(&cma);
	struct host *h = host_made(b);
	struct mm_mover mover = { .migrate = host_migrate, .ctx = h };
	mm_paddr_t pa = 1, pinned = 0;
	uint64_t before;

	assert_int_equal(mm_page_alloc_at(&b->pmm, AT + BLOCK, 1, MM_ALLOC_MOVABLE), MM_OK);
	h->has[0] = h->pinned = AT + BLOCK;
	h->order[0] = 1;
	h->count = 1;
	before = box_state(b);
	assert_int_equal(mm_cma_claim(&cma, FRAMES, 0, &mover, &pa, &pinned), MM_E_BUSY);
	assert_int_equal(pinned, AT + BLOCK);
	assert_int_equal(pa, 1);
	assert_true(box_state(b) == before);
	pinned = 0;
	assert_int_equal(mm_cma_claim(&cma, FRAMES, 0, NULL, &pa, &pinned), MM_E_BUSY);
	assert_int_equal(pinned, AT + BLOCK);
	assert_int_equal(mm_cma_claim(&cma, 3 * MM_BLOCK_FRAMES - 2, 0, &mover, &pa, &pinned), MM_OK);
	assert_int_equal(pa, AT + BLOCK + bytes_of(2));
	assert_int_equal(mm_cma_release(&cma, pa, 3 * MM_BLOCK_FRAMES - 2), MM_OK);
	assert_true(box_state(b) == before);
	host_free_all(h);
	free(h);
	box_free(b);
}

/* An area of what boot held back: it is given back by being made one. */
static void boot_can_reserve_an_area(void **state)
{
	(void)state;
	struct box *b = box_bare(8 * MM_BLOCK_FRAMES, FRAMES, NCPUS);
	struct mm_cma cma;
	struct mm_pmm_stats was, now;

	assert_int_equal(mm_mobility_init(&b->pmm), MM_OK);
	was = box_stats(b);
	assert_int_equal(mm_cma_create(&cma, &b->pmm, "boot", AT, 4 * BLOCK, NULL, NULL), MM_OK);
	now = box_stats(b);
	assert_int_equal(now.reserved, was.reserved - FRAMES);
	assert_int_equal(area(&cma).free, FRAMES);
	assert_int_equal(mm_pmm_verify(&b->pmm), MM_OK);
	box_free(b);
}

/* Blocks that are in the way are moved out, or the area is not made. */
static void an_area_is_made_where_blocks_are(void **state)
{
	(void)state;
	struct box *b = box_made();
	struct host *h = host_made(b);
	struct mm_mover mover = { .migrate = host_migrate, .ctx = h };
	struct mm_cma cma = { 0 };
	mm_paddr_t pinned = 0, block;
	uint64_t before;

	for (unsigned i = 0; i < 9; i++)
		host_take(h, 3);
	block = h->has[0] & ~(BLOCK - 1);
	before = box_state(b);
	assert_int_equal(mm_cma_create(&cma, &b->pmm, "late", block, BLOCK, NULL, &pinned), MM_E_BUSY);
	assert_int_equal(pinned & ~(BLOCK - 1), block);
	assert_true(box_state(b) == before && !cma.pmm);
	assert_int_equal(mm_cma_create(&cma, &b->pmm, "late", block, BLOCK, &mover, &pinned), MM_OK);
	host_check(h);
	assert_int_equal(area(&cma).free, MM_BLOCK_FRAMES);
	host_free_all(h);
	free(h);
	box_free(b);
}

static void wrong_claims_and_releases_are_answered(void **state)
{
	(void)state;
	static struct mm_cma none;
	struct mm_cma cma;
	struct box *b = box_with(&cma);
	struct mm_cma_stats s;
	mm_paddr_t pa = 1, claim, pinned = 1;
	uint64_t before;

	assert_int_equal(mm_cma_claim(&cma, 8, 0, NULL, &claim, NULL), MM_OK);
	assert_int_equal(mm_page_alloc_at(&b->pmm, AT + bytes_of(9), 0, MM_ALLOC_MOVABLE), MM_OK);
	before = box_state(b);
	assert_int_equal(mm_cma_claim(NULL, 1, 0, NULL, &pa, &pinned), MM_E_INVAL);
	assert_int_equal(mm_cma_claim(&cma, 1, 0, NULL, NULL, &pinned), MM_E_INVAL);
	assert_int_equal(mm_cma_claim(&cma, 0, 0, NULL, &pa, &pinned), MM_E_INVAL);
	assert_int_equal(mm_cma_claim(&cma, 1, 3, NULL, &pa, &pinned), MM_E_INVAL);
	assert_int_equal(mm_cma_claim(&none, 1, 0, NULL, &pa, &pinned), MM_E_STATE);
	assert_int_equal(mm_cma_claim(&cma, FRAMES + 1, 0, NULL, &pa, &pinned), MM_E_NOMEM);
	assert_int_equal(mm_cma_claim(&cma, MM_PFN_MAX, 0, NULL, &pa, &pinned), MM_E_NOMEM);
	assert_int_equal(mm_cma_claim(&cma, 1, (mm_paddr_t)1 << (MM_PADDR_BITS - 1), NULL, &pa, &pinned),
			 MM_E_NOMEM);
	assert_int_equal(mm_cma_release(NULL, claim, 8), MM_E_INVAL);
	assert_int_equal(mm_cma_release(&cma, claim, 0), MM_E_INVAL);
	assert_int_equal(mm_cma_release(&none, claim, 8), MM_E_STATE);
	assert_int_equal(mm_cma_release(&cma, claim + 1, 8), MM_E_ALIGN);
	assert_int_equal(mm_cma_release(&cma, claim - MM_FRAME_SIZE, 8), MM_E_FOREIGN);
	assert_int_equal(mm_cma_release(&cma, claim, FRAMES + 1), MM_E_FOREIGN);
	assert_int_equal(mm_cma_release(&cma, MM_PADDR_MAX - MM_FRAME_SIZE + 1, 1), MM_E_FOREIGN);
	assert_int_equal(mm_cma_release(&cma, claim, MM_PFN_MAX), MM_E_FOREIGN);
	assert_int_equal(mm_cma_release(&cma, claim, 9), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_cma_release(&cma, claim + bytes_of(9), 1), MM_E_OWNER);
	assert_int_equal(mm_cma_stats(NULL, &s), MM_E_INVAL);
	assert_int_equal(mm_cma_stats(&cma, NULL), MM_E_INVAL);
	assert_int_equal(mm_cma_stats(&none, &s), MM_E_STATE);
	assert_int_equal(pa, 1);
	assert_true(box_state(b) == before);
	assert_int_equal(mm_cma_release(&cma, claim, 8), MM_OK);
	assert_int_equal(mm_cma_release(&cma, claim, 8), MM_E_DOUBLE_FREE);
	box_free(b);
}

static void wrong_areas_are_answered(void **state)
{
	(void)state;
	static struct mm_pmm none;
	struct mm_cma cma, other = { 0 };
	struct box *b = box_with(&cma), *bare = box_bare(0, 0, 0);
	uint64_t before = box_state(b);

	assert_int_equal(mm_cma_create(NULL, &b->pmm, "", AT, BLOCK, NULL, NULL), MM_E_INVAL);
	assert_int_equal(mm_cma_create(&other, NULL, "", AT, BLOCK, NULL, NULL), MM_E_INVAL);
	assert_int_equal(mm_cma_create(&other, &none, "", AT, BLOCK, NULL, NULL), MM_E_STATE);
	assert_int_equal(mm_cma_create(&other, &bare->pmm, "", AT, BLOCK, NULL, NULL), MM_E_NOTSUP);
	assert_int_equal(mm_cma_create(&other, &b->pmm, "", AT, 0, NULL, NULL), MM_E_INVAL);
	assert_int_equal(mm_cma_create(&other, &b->pmm, "", 0, BLOCK, NULL, NULL), MM_E_FOREIGN);
	assert_int_equal(mm_cma_create(&other, &b->pmm, "", AT - BLOCK / 2, BLOCK, NULL, NULL), MM_E_ALIGN);
	assert_int_equal(mm_cma_create(&other, &b->pmm, "", AT - BLOCK, BLOCK / 2, NULL, NULL), MM_E_ALIGN);
	assert_int_equal(mm_cma_create(&other, &b->pmm, "", AT - BLOCK, 2 * BLOCK, NULL, NULL), MM_E_EXIST);
	assert_true(box_state(b) == before);
	assert_int_equal(mm_pmm_offline(&b->pmm, AT - BLOCK, MM_FRAME_SIZE, NULL, NULL), MM_OK);
	before = box_state(b);
	assert_int_equal(mm_cma_create(&other, &b->pmm, "", AT - BLOCK, BLOCK, NULL, NULL), MM_E_FOREIGN);
	assert_true(box_state(b) == before);
	assert_null(other.pmm);
	box_free(b);
	box_free(bare);
}

static void without_metadata_there_is_no_area(void **state)
{
	(void)state;
	struct box *b = box_made();
	struct mm_cma cma = { 0 };
	mm_paddr_t pa;
	uint64_t before;

	while (mm_page_alloc(&b->pmm, 0, 0, &pa) == MM_OK)
		;
	for (mm_pfn_t i = 0; i < FRAMES; i++)
		assert_int_equal(mm_page_free(&b->pmm, AT + bytes_of(i), 0), MM_OK);
	before = box_state(b); /* nothing but the area is free */
	assert_int_equal(mm_cma_create(&cma, &b->pmm, "", AT, 4 * BLOCK, NULL, NULL), MM_E_NOMEM);
	assert_true(box_state(b) == before && !cma.pmm);
	box_free(b);
}

static struct mm_notes notes;
static unsigned owner; /* of the block that was moved last */

static enum mm_status noted_migrate(void *ctx, const struct mm_migration *what)
{
	enum mm_status st = host_migrate(ctx, what);

	owner = what->owner;
	return st == MM_OK ? mm_note_move(&notes, what->from, what->to) : st;
}

static void a_mover_is_told_the_owner_and_notes_follow(void **state)
{
	(void)state;
	struct box *b = box_made();
	struct host *h = host_made(b);
	const struct mm_mover mover = { .migrate = noted_migrate, .ctx = h, .notes = &notes };
	struct mm_cma cma = { 0 };
	mm_paddr_t pa;

	assert_int_equal(mm_notes_init(&notes, &b->pmm, MM_NOTE_REFS | MM_NOTE_WORDS, 8), MM_OK);
	assert_int_equal(mm_note_alloc(&notes, 2, MM_ALLOC_MOVABLE, 5, &h->has[0]), MM_OK);
	*(unsigned *)sim_to_virt(&b->sim, h->has[0]) = 0;
	h->order[0] = 2;
	h->count = 1;
	assert_int_equal(mm_note_get(&notes, h->has[0]), MM_OK);
	*mm_note_word(&notes, h->has[0] + MM_FRAME_SIZE) = 77;
	pa = h->has[0];
	assert_int_equal(mm_pmm_offline(&b->pmm, pa, MM_FRAME_SIZE, &mover, NULL), MM_OK);
	assert_true(h->has[0] != pa);
	assert_int_equal(owner, 5);
	assert_int_equal(mm_note_owner(&notes, h->has[0]), 5);
	assert_int_equal(mm_note_holders(&notes, h->has[0]), 2);
	assert_int_equal(mm_note_total(&notes, 5), 4);
	assert_int_equal(*mm_note_word(&notes, h->has[0] + MM_FRAME_SIZE), 77);
	host_check(h);

	pa = h->has[0] & ~(BLOCK - 1); /* an area where it is now */
	assert_int_equal(mm_cma_create(&cma, &b->pmm, "area", pa, BLOCK, &mover, NULL), MM_OK);
	assert_int_equal(h->moves, 2);
	assert_int_equal(mm_note_owner(&notes, h->has[0]), 5);
	assert_int_equal(mm_note_put(&notes, h->has[0], NULL), MM_OK);
	assert_int_equal(mm_note_put(&notes, h->has[0], NULL), MM_OK);
	assert_int_equal(mm_note_total(&notes, 5), 0);
	assert_int_equal(mm_notes_destroy(&notes), MM_OK);
	free(h);
	box_free(b);
}

#if MM_PAGE_POISON
static void a_write_to_released_frames_is_found_by_the_next_claim(void **state)
{
	(void)state;
	struct box *b = box_made();
	struct mm_cma cma = { 0 };
	volatile bool found = false;
	mm_paddr_t pa;

	assert_int_equal(mm_cma_create(&cma, &b->pmm, "area", AT, BLOCK, NULL, NULL), MM_OK);
	assert_int_equal(mm_cma_claim(&cma, 3, 0, NULL, &pa, NULL), MM_OK);
	assert_int_equal(mm_cma_release(&cma, pa, 3), MM_OK);
	((unsigned char *)sim_to_virt(&b->sim, pa + 2 * MM_FRAME_SIZE))[9] ^= 1;
	b->sim.port.panic = panic_back;
	if (setjmp(stopped))
		found = true;
	else
		assert_int_equal(mm_cma_claim(&cma, 4, 0, NULL, &pa, NULL), MM_OK);
	assert_true(found);
	sim_destroy(&b->sim);
	free(b);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_movable_blocks_use_an_area),
		cmocka_unit_test(ample_areas_are_used_first),
		cmocka_unit_test(frames_are_claimed_and_come_back),
		cmocka_unit_test(a_claim_moves_blocks_out),
		cmocka_unit_test(a_pinned_frame_is_named),
		cmocka_unit_test(boot_can_reserve_an_area),
		cmocka_unit_test(an_area_is_made_where_blocks_are),
		cmocka_unit_test(wrong_claims_and_releases_are_answered),
		cmocka_unit_test(wrong_areas_are_answered),
		cmocka_unit_test(a_mover_is_told_the_owner_and_notes_follow),
		cmocka_unit_test(without_metadata_there_is_no_area),
#if MM_PAGE_POISON
		cmocka_unit_test(a_write_to_released_frames_is_found_by_the_next_claim),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
