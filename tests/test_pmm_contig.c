/* SPDX-License-Identifier: MIT */
/* Contiguous frames: any number of them, within limits or at one place, and freed in any parts. */
#include "pmm_machine.h"
#include <mmlib/range.h>

static mm_pfn_t contig(struct machine *m, mm_pfn_t frames, uint32_t flags,
		       const struct mm_page_limits *where)
{
	mm_paddr_t pa = 0;

	assert_int_equal(mm_page_alloc_contig(&m->pmm, frames, flags, where, &pa), MM_OK);
	assert_int_equal(pa & (MM_FRAME_SIZE - 1), 0);
	assert_int_equal(mm_pmm_verify(&m->pmm), MM_OK);
	return mm_pa_to_pfn(pa);
}

static void give(struct machine *m, mm_pfn_t first, mm_pfn_t frames)
{
	assert_int_equal(mm_page_free_range(&m->pmm, mm_pfn_to_pa(first), frames), MM_OK);
	assert_int_equal(mm_pmm_verify(&m->pmm), MM_OK);
}

/* All these frames are in allocated blocks that lie inside them. */
static void all_used(struct machine *m, mm_pfn_t first, mm_pfn_t frames)
{
	for (mm_pfn_t pfn = first; pfn < first + frames;) {
		struct mm_frame_run run = machine_look(m, pfn);

		assert_int_equal(run.state, MM_FRAME_USED);
		assert_true(run.base == mm_pfn_to_pa(pfn) && run.frames <= first + frames - pfn);
		assert_int_equal(run.frames, (mm_pfn_t)1 << run.order);
		pfn += run.frames;
	}
}

static void any_number_of_frames_can_be_had_and_given_back(void **state)
{
	(void)state;
	struct machine *m = machine_start((struct mm_pmm_cfg){ 0 });

	for (mm_pfn_t n = 1; n < 300; n += 1 + n / 4) {
		mm_pfn_t used = machine_stats(m, -1).used, first = contig(m, n, 0, NULL);

		assert_int_equal(machine_stats(m, -1).used, used + n);
		all_used(m, first, n);
		give(m, first, n);
		assert_int_equal(pmm_state_hash(&m->pmm), m->first);
	}
	machine_end_free(m);
}

static void limits_alignment_and_boundary_are_in_bytes(void **state)
{
	(void)state;
	struct machine *m = machine_start((struct mm_pmm_cfg){ 0 });
	struct mm_page_limits w = { BYTES(0x201) - 1, BYTES(0x20a), 1, 0 };
	mm_paddr_t pa;

	/* both limits cut a frame: 0x201 to 0x209 are inside */
	assert_int_equal(mm_page_alloc_contig(&m->pmm, 10, 0, &w, &pa), MM_E_NOMEM);
	assert_int_equal(contig(m, 9, 0, &w), 0x201);
	w = (struct mm_page_limits){ BYTES(0x300), MM_PADDR_MAX, BYTES(32), BYTES(64) };
	for (unsigned i = 0; i < 6; i++) {
		mm_pfn_t first = contig(m, 17, 0, &w);

		assert_int_equal(first % 32, 0);
		assert_int_equal(first / 64, (first + 16) / 64);
	}
	w = (struct mm_page_limits){ BYTES(0x3fc), MM_PADDR_MAX, BYTES(2), BYTES(16) };
	assert_int_equal(contig(m, 5, 0, &w), 0x400); /* would cross from 0x3fc and 0x3fe */
	assert_int_equal(contig(m, 4, 0, &w), 0x3fc);
	w = (struct mm_page_limits){ BYTES(0x410) + 1, MM_PADDR_MAX, BYTES(1), 0 };
	assert_int_equal(contig(m, 1, 0, &w), 0x411);
	w.high = BYTES(0x412) - 2; /* cuts the only frame there */
	assert_int_equal(mm_page_alloc_contig(&m->pmm, 1, 0, &w, &pa), MM_E_NOMEM);
	machine_end(m);
}

static void zones_are_asked_from_the_highest_down(void **state)
{
	(void)state;
	struct machine *m = machine_start((struct mm_pmm_cfg){ 0 });
	const struct mm_page_limits low = { 0, BYTES(0x200) - 1, 1, 0 };
	mm_paddr_t pa;

	assert_true(contig(m, 100, 0, NULL) >= ZONE_LINE);
	assert_true(contig(m, 100, MM_ALLOC_ZONE(0), NULL) < ZONE_LINE);
	assert_true(contig(m, 3, 0, &low) < 0x200);
	assert_int_equal(contig(m, machine_stats(m, 1).free, 0, NULL), ZONE_LINE + 100);
	assert_true(contig(m, 10, 0, NULL) < ZONE_LINE); /* falls back */
	assert_int_equal(mm_page_alloc_contig(&m->pmm, RAM_FRAMES, 0, NULL, &pa), MM_E_NOMEM);
	machine_end(m);
}

static void contents_are_zero_if_asked_for(void **state)
{
	(void)state;
	struct machine *m = machine_start((struct mm_pmm_cfg){ 0 });
	mm_pfn_t first = contig(m, 7, MM_ALLOC_ZERO, NULL);
	const unsigned char *p = sim_to_virt(&m->sim, mm_pfn_to_pa(first));

	for (size_t i = 0; i < (size_t)BYTES(7); i++)
		assert_int_equal(p[i], 0);
	assert_int_equal(p[BYTES(7)], 0xA5); /* and no more */
	give(m, first, 7);
	assert_int_equal(mm_page_alloc_range(&m->pmm, mm_pfn_to_pa(first + 7), 3, MM_ALLOC_ZERO),
			 MM_OK);
	assert_int_equal(p[BYTES(10) - 1], 0);
	assert_int_equal(p[BYTES(10)], 0xA5);
	machine_end(m);
}

static void a_range_can_be_had_at_its_address_once(void **state)
{
	(void)state;
	struct machine *m = machine_start((struct mm_pmm_cfg){ 0 });
	uint64_t before;

	for (mm_pfn_t n = 1; n < 90; n += 1 + n / 3) {
		assert_int_equal(mm_page_alloc_range(&m->pmm, BYTES(0x2fd), n, 0), MM_OK);
		all_used(m, 0x2fd, n);
		before = pmm_state_hash(&m->pmm);
		assert_int_equal(mm_page_alloc_range(&m->pmm, BYTES(0x2fc + n), 9, 0), MM_E_BUSY);
		assert_int_equal(pmm_state_hash(&m->pmm), before);
		give(m, 0x2fd, n);
	}
	machine_end_free(m);
}

/* Frames b to e of a block of 64 are freed, whatever b and e are: the rest is allocated, in blocks that
 * can be freed one by one. */
static void any_part_of_a_block_can_be_freed(void **state)
{
	(void)state;
	struct machine *m = machine_start((struct mm_pmm_cfg){ 0 });
	mm_paddr_t pa;

	for (unsigned b = 0; b < 64; b += 1 + b / 5)
		for (unsigned e = b; e < 64; e += 1 + e / 5) {
			mm_pfn_t first;

			assert_int_equal(mm_page_alloc(&m->pmm, 6, 0, &pa), MM_OK);
			first = mm_pa_to_pfn(pa);
			give(m, first + b, e - b + 1);
			all_used(m, first, b);
			all_used(m, first + e + 1, 63 - e);
			assert_int_equal(machine_stats(m, -1).used, 64 - (e - b + 1));
			for (unsigned i = 0; i < 64;) {
				struct mm_frame_run run = machine_look(m, first + i);

				if (run.state == MM_FRAME_USED)
					assert_int_equal(mm_page_free(&m->pmm, run.base, run.order),
							 MM_OK);
				i += i >= b && i <= e ? 1 : (unsigned)run.frames;
			}
			assert_int_equal(pmm_state_hash(&m->pmm), m->first);
		}
	machine_end_free(m);
}

static void blocks_that_lie_together_can_be_freed_at_once(void **state)
{
	(void)state;
	struct machine *m = machine_start((struct mm_pmm_cfg){ 0 });

	assert_int_equal(mm_page_alloc_at(&m->pmm, BYTES(0x300), 4, 0), MM_OK);
	assert_int_equal(mm_page_alloc_at(&m->pmm, BYTES(0x310), 0, 0), MM_OK);
	assert_int_equal(mm_page_alloc_range(&m->pmm, BYTES(0x311), 23, 0), MM_OK);
	give(m, 0x305, 0x15);
	all_used(m, 0x300, 5);
	all_used(m, 0x31a, 0x328 - 0x31a);
	give(m, 0x31a, 0x328 - 0x31a);
	give(m, 0x300, 5);
	machine_end_free(m);
}

static void frames_at_hand_are_part_of_what_is_free(void **state)
{
	(void)state;
	struct machine *m = machine_start((struct mm_pmm_cfg){ .ncpus = 2 });
	mm_pfn_t all = machine_stats(m, 1).free;
	mm_paddr_t pa;

	for (sim_cpu = 2; sim_cpu-- > 0;) {
		assert_int_equal(mm_page_alloc(&m->pmm, 0, 0, &pa), MM_OK);
		assert_int_equal(mm_page_free(&m->pmm, pa, 0), MM_OK);
	}
	sim_cpu = 0;
	assert_int_equal(mm_page_alloc_range(&m->pmm, BYTES(ZONE_LINE), all, 0), MM_OK);
	give(m, ZONE_LINE, all);
	assert_int_equal(mm_page_alloc(&m->pmm, 0, 0, &pa), MM_OK);
	assert_int_equal(mm_page_free(&m->pmm, pa, 0), MM_OK);
	assert_int_equal(contig(m, all, 0, NULL), ZONE_LINE);
	give(m, ZONE_LINE, all);
	machine_end_free(m);
}

static void a_failed_allocation_changes_nothing(void **state)
{
	(void)state;
	struct machine *m = machine_start((struct mm_pmm_cfg){ 0 });
	mm_paddr_t pa = 7;

	assert_int_equal(mm_page_alloc_contig(&m->pmm, RAM_FRAMES, 0, NULL, &pa), MM_E_NOMEM);
	assert_int_equal(mm_page_alloc_contig(&m->pmm, (mm_pfn_t)-1, 0, NULL, &pa), MM_E_NOMEM);
	assert_int_equal(mm_page_alloc_range(&m->pmm, BYTES(KERNEL), 4, 0), MM_E_BUSY);
	assert_int_equal(mm_page_alloc_range(&m->pmm, BYTES(HOLE - 1), 4, 0), MM_E_BUSY);
	assert_int_equal(pa, 7);
	machine_end_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_number_of_frames_can_be_had_and_given_back),
		cmocka_unit_test(limits_alignment_and_boundary_are_in_bytes),
		cmocka_unit_test(zones_are_asked_from_the_highest_down),
		cmocka_unit_test(contents_are_zero_if_asked_for),
		cmocka_unit_test(a_range_can_be_had_at_its_address_once),
		cmocka_unit_test(any_part_of_a_block_can_be_freed),
		cmocka_unit_test(blocks_that_lie_together_can_be_freed_at_once),
		cmocka_unit_test(frames_at_hand_are_part_of_what_is_free),
		cmocka_unit_test(a_failed_allocation_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
