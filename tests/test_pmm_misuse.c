/* SPDX-License-Identifier: MIT */
/* What callers do wrong with frames and ranges of RAM, row by row: each row is a test of its own, has its
 * documented error, and changes nothing. */
#include "pmm_machine.h"
#include <mmlib/range.h>

/* A machine with something of each kind allocated. */
struct misuse {
	struct machine *m;
	struct mm_pmm none;       /* before mm_pmm_init() */
	mm_paddr_t page, freed;   /* single frames: allocated; allocated and freed */
	mm_paddr_t block, merged; /* of order 3: allocated; freed, and part of something larger */
	mm_paddr_t table, meta;   /* a page-table page; metadata */
	mm_paddr_t run;           /* 13 frames from an odd one on */
	mm_paddr_t out;           /* nobody may write it */
	mm_pfn_t count;
	size_t got;
	struct mm_frame_run info;
	struct mm_pmm_stats stats;
};

#define P       (&u->m->pmm)
#define FRAME   MM_FRAME_SIZE
#define TOP_BIT ((mm_paddr_t)1 << (MM_PADDR_BITS - 1))
#define LIMITS(...) &(const struct mm_page_limits){ __VA_ARGS__ }

/* name, what must be answered, the call */
#define ROWS(ROW)                                                                                          \
	/* free: twice, or never allocated */                                                              \
	ROW(free_twice, DOUBLE_FREE, mm_page_free(P, u->freed, 0))                                         \
	ROW(free_block_twice, DOUBLE_FREE, mm_page_free(P, u->merged, 3))                                  \
	ROW(free_tail_of_a_freed_block, DOUBLE_FREE, mm_page_free(P, u->merged + FRAME, 0))                \
	ROW(free_address_0, FOREIGN, mm_page_free(P, 0, 0))                                                \
	ROW(free_below_ram, FOREIGN, mm_page_free(P, BYTES(RAM_FIRST - 1), 0))                             \
	ROW(free_above_ram, FOREIGN, mm_page_free(P, BYTES(RAM_END), 0))                                   \
	ROW(free_last_frame_of_all, FOREIGN, mm_page_free(P, MM_PADDR_MAX - FRAME + 1, 0))                 \
	ROW(free_reserved, FOREIGN, mm_page_free(P, BYTES(KERNEL), 0))                                     \
	ROW(free_hole, FOREIGN, mm_page_free(P, BYTES(HOLE), 0))                                           \
	ROW(free_bad_ram, FOREIGN, mm_page_free(P, BYTES(BAD), 0))                                         \
	/* free: inside something */                                                                       \
	ROW(free_unaligned, ALIGN, mm_page_free(P, u->page + 1, 0))                                        \
	ROW(free_last_byte_of_all, ALIGN, mm_page_free(P, MM_PADDR_MAX, 0))                                \
	ROW(free_tail_of_block, ALIGN, mm_page_free(P, u->block + FRAME, 0))                               \
	ROW(free_last_tail_of_block, ALIGN, mm_page_free(P, u->block + 7 * FRAME, 3))                      \
	ROW(free_half_of_block, ALIGN, mm_page_free(P, u->block + 4 * FRAME, 2))                           \
	/* free: as something else */                                                                      \
	ROW(free_with_lower_order, ORDER, mm_page_free(P, u->block, 2))                                    \
	ROW(free_with_higher_order, ORDER, mm_page_free(P, u->block, 4))                                   \
	ROW(free_page_as_pair, ORDER, mm_page_free(P, u->page, 1))                                         \
	ROW(free_with_absurd_order, ORDER, mm_page_free(P, u->block, 64))                                  \
	ROW(free_with_largest_order, ORDER, mm_page_free(P, u->block, UINT32_MAX))                         \
	ROW(free_table_as_page, OWNER, mm_page_free(P, u->table, 0))                                       \
	ROW(free_table_with_order, OWNER, mm_page_free(P, u->table, 3))                                    \
	ROW(free_metadata, OWNER, mm_page_free(P, u->meta, 0))                                             \
	ROW(free_page_as_table, OWNER, mm_page_free_table(P, u->page))                                     \
	ROW(free_block_as_table, OWNER, mm_page_free_table(P, u->block))                                   \
	ROW(free_metadata_as_table, OWNER, mm_page_free_table(P, u->meta))                                 \
	ROW(free_table_twice, DOUBLE_FREE, mm_page_free_table(P, u->freed))                                \
	ROW(free_table_unaligned, ALIGN, mm_page_free_table(P, u->table + 1))                              \
	ROW(free_tail_as_table, ALIGN, mm_page_free_table(P, u->block + FRAME))                            \
	ROW(free_hole_as_table, FOREIGN, mm_page_free_table(P, BYTES(HOLE)))                               \
	ROW(free_without_manager, INVAL, mm_page_free(NULL, 0, 0))                                         \
	ROW(free_before_init, STATE, mm_page_free(&u->none, 0, 0))                                         \
	ROW(free_table_without_manager, INVAL, mm_page_free_table(NULL, 0))                                \
	ROW(free_table_before_init, STATE, mm_page_free_table(&u->none, 0))                                \
	/* free of parts */                                                                                \
	ROW(free_no_frames, INVAL, mm_page_free_range(P, u->run, 0))                                       \
	ROW(free_part_twice, DOUBLE_FREE, mm_page_free_range(P, u->merged + FRAME, 3))                     \
	ROW(free_part_and_more, DOUBLE_FREE, mm_page_free_range(P, u->run + 12 * FRAME, 2))                \
	ROW(free_less_and_part, DOUBLE_FREE, mm_page_free_range(P, u->run - FRAME, 2))                     \
	ROW(free_part_of_table, OWNER, mm_page_free_range(P, u->table, 1))                                 \
	ROW(free_part_of_metadata, OWNER, mm_page_free_range(P, u->meta, 1))                               \
	ROW(free_part_with_hole, FOREIGN, mm_page_free_range(P, BYTES(HOLE), 2))                           \
	ROW(free_part_of_reserved, FOREIGN, mm_page_free_range(P, BYTES(KERNEL), 1))                       \
	ROW(free_part_outside, FOREIGN, mm_page_free_range(P, BYTES(RAM_END - 1), 2))                      \
	ROW(free_part_over_zones, FOREIGN, mm_page_free_range(P, BYTES(ZONE_LINE - 1), 2))                 \
	ROW(free_part_that_wraps, FOREIGN, mm_page_free_range(P, u->run, (mm_pfn_t)-1))                    \
	ROW(free_part_that_wraps_by_one, FOREIGN,                                                          \
	    mm_page_free_range(P, u->run, (mm_pfn_t)0 - mm_pa_to_pfn(u->run)))                             \
	ROW(free_part_unaligned, ALIGN, mm_page_free_range(P, u->run + 1, 1))                              \
	ROW(free_part_without_manager, INVAL, mm_page_free_range(NULL, u->run, 1))                         \
	ROW(free_part_before_init, STATE, mm_page_free_range(&u->none, u->run, 1))                         \
	/* allocate */                                                                                     \
	ROW(alloc_order_too_high, INVAL, mm_page_alloc(P, P->max_order + 1, 0, &u->out))                   \
	ROW(alloc_absurd_order, INVAL, mm_page_alloc(P, UINT32_MAX, 0, &u->out))                           \
	ROW(alloc_unknown_flag, INVAL, mm_page_alloc(P, 0, 1u << 15, &u->out))                             \
	ROW(alloc_unknown_zone, INVAL, mm_page_alloc(P, 0, MM_ALLOC_ZONE(2), &u->out))                     \
	ROW(alloc_absurd_zone, INVAL, mm_page_alloc(P, 0, MM_ALLOC_ZONE(-1), &u->out))                     \
	ROW(alloc_unknown_node, INVAL, mm_page_alloc(P, 0, MM_ALLOC_NODE(1), &u->out))                     \
	ROW(alloc_table_with_order, INVAL, mm_page_alloc(P, 1, MM_ALLOC_TABLE, &u->out))                   \
	ROW(alloc_without_result, INVAL, mm_page_alloc(P, 0, 0, NULL))                                     \
	ROW(alloc_without_manager, INVAL, mm_page_alloc(NULL, 0, 0, &u->out))                              \
	ROW(alloc_before_init, STATE, mm_page_alloc(&u->none, 0, 0, &u->out))                              \
	ROW(alloc_at_used, BUSY, mm_page_alloc_at(P, u->page, 0, 0))                                       \
	ROW(alloc_at_tail, BUSY, mm_page_alloc_at(P, u->block + FRAME, 0, 0))                              \
	ROW(alloc_at_around_used, BUSY, mm_page_alloc_at(P, u->block, 4, 0))                               \
	ROW(alloc_at_reserved, BUSY, mm_page_alloc_at(P, BYTES(KERNEL), 0, 0))                             \
	ROW(alloc_at_unaligned, ALIGN, mm_page_alloc_at(P, u->merged + 1, 0, 0))                           \
	ROW(alloc_at_half_a_block_on, ALIGN, mm_page_alloc_at(P, u->merged + FRAME, 1, 0))                 \
	ROW(alloc_at_outside, FOREIGN, mm_page_alloc_at(P, BYTES(RAM_END), 0, 0))                          \
	ROW(alloc_at_address_0, FOREIGN, mm_page_alloc_at(P, 0, 0, 0))                                     \
	ROW(alloc_at_with_zone, INVAL, mm_page_alloc_at(P, u->merged, 0, MM_ALLOC_ZONE(0)))                \
	ROW(alloc_at_absurd_order, INVAL, mm_page_alloc_at(P, 0, 63, 0))                                   \
	ROW(alloc_at_without_manager, INVAL, mm_page_alloc_at(NULL, 0, 0, 0))                              \
	ROW(alloc_at_before_init, STATE, mm_page_alloc_at(&u->none, 0, 0, 0))                              \
	/* contiguous frames */                                                                            \
	ROW(contig_none, INVAL, mm_page_alloc_contig(P, 0, 0, NULL, &u->out))                              \
	ROW(contig_more_than_all, NOMEM, mm_page_alloc_contig(P, RAM_FRAMES, 0, NULL, &u->out))            \
	ROW(contig_absurdly_many, NOMEM, mm_page_alloc_contig(P, (mm_pfn_t)-1, 0, NULL, &u->out))          \
	ROW(contig_align_0, INVAL,                                                                         \
	    mm_page_alloc_contig(P, 1, 0, LIMITS(0, MM_PADDR_MAX, 0, 0), &u->out))                         \
	ROW(contig_align_3, INVAL,                                                                         \
	    mm_page_alloc_contig(P, 1, 0, LIMITS(0, MM_PADDR_MAX, 3 * FRAME, 0), &u->out))                 \
	ROW(contig_align_top_bit, NOMEM,                                                                   \
	    mm_page_alloc_contig(P, 1, 0, LIMITS(FRAME, MM_PADDR_MAX, TOP_BIT, 0), &u->out))               \
	ROW(contig_align_beyond_memory, NOMEM,                                                             \
	    mm_page_alloc_contig(P, 1, 0, LIMITS(FRAME, MM_PADDR_MAX, BYTES(0x800), 0), &u->out))          \
	ROW(contig_boundary_3, INVAL,                                                                      \
	    mm_page_alloc_contig(P, 1, 0, LIMITS(0, MM_PADDR_MAX, 1, 3 * FRAME), &u->out))                 \
	ROW(contig_boundary_too_small, INVAL,                                                              \
	    mm_page_alloc_contig(P, 5, 0, LIMITS(0, MM_PADDR_MAX, 1, 4 * FRAME), &u->out))                 \
	ROW(contig_boundary_of_a_byte, INVAL,                                                              \
	    mm_page_alloc_contig(P, 1, 0, LIMITS(0, MM_PADDR_MAX, 1, 1), &u->out))                         \
	ROW(contig_low_above_high, INVAL,                                                                  \
	    mm_page_alloc_contig(P, 1, 0, LIMITS(FRAME, FRAME - 1, 1, 0), &u->out))                        \
	ROW(contig_less_than_a_frame, NOMEM,                                                               \
	    mm_page_alloc_contig(P, 1, 0, LIMITS(u->merged, u->merged + FRAME - 2, 1, 0), &u->out))        \
	ROW(contig_outside, NOMEM,                                                                         \
	    mm_page_alloc_contig(P, 1, 0, LIMITS(BYTES(RAM_END), MM_PADDR_MAX, 1, 0), &u->out))            \
	ROW(contig_unknown_flag, INVAL, mm_page_alloc_contig(P, 1, 1u << 15, NULL, &u->out))               \
	ROW(contig_unknown_zone, INVAL, mm_page_alloc_contig(P, 1, MM_ALLOC_ZONE(9), NULL, &u->out))       \
	ROW(contig_tables, INVAL, mm_page_alloc_contig(P, 1, MM_ALLOC_TABLE, NULL, &u->out))               \
	ROW(contig_without_result, INVAL, mm_page_alloc_contig(P, 1, 0, NULL, NULL))                       \
	ROW(contig_without_manager, INVAL, mm_page_alloc_contig(NULL, 1, 0, NULL, &u->out))                \
	ROW(contig_before_init, STATE, mm_page_alloc_contig(&u->none, 1, 0, NULL, &u->out))                \
	ROW(range_of_none, INVAL, mm_page_alloc_range(P, u->merged, 0, 0))                                 \
	ROW(range_used, BUSY, mm_page_alloc_range(P, u->run + 12 * FRAME, 2, 0))                           \
	ROW(range_with_hole, BUSY, mm_page_alloc_range(P, BYTES(HOLE - 1), 3, 0))                          \
	ROW(range_unaligned, ALIGN, mm_page_alloc_range(P, u->merged + 1, 1, 0))                           \
	ROW(range_over_zones, FOREIGN, mm_page_alloc_range(P, BYTES(ZONE_LINE - 1), 2, 0))                 \
	ROW(range_past_ram, FOREIGN, mm_page_alloc_range(P, BYTES(RAM_END - 1), 2, 0))                     \
	ROW(range_that_wraps, FOREIGN, mm_page_alloc_range(P, u->merged, (mm_pfn_t)-1, 0))                 \
	ROW(range_of_a_node, INVAL, mm_page_alloc_range(P, u->merged, 1, MM_ALLOC_NODE(0)))                \
	ROW(range_of_tables, INVAL, mm_page_alloc_range(P, u->merged, 1, MM_ALLOC_TABLE))                  \
	ROW(range_without_manager, INVAL, mm_page_alloc_range(NULL, u->merged, 1, 0))                      \
	ROW(range_before_init, STATE, mm_page_alloc_range(&u->none, u->merged, 1, 0))                      \
	/* many at once: the rest is in test_pmm_bulk.c */                                                 \
	ROW(bulk_none, INVAL, mm_page_alloc_bulk(P, 0, 0, &u->out, 0, &u->got))                            \
	ROW(bulk_order_too_high, INVAL,                                                                    \
	    mm_page_alloc_bulk(P, P->max_order + 1, 0, &u->out, 1, &u->got))                               \
	ROW(bulk_free_twice, DOUBLE_FREE, mm_page_free_bulk(P, 0, &u->freed, 1))                           \
	ROW(bulk_free_other_order, ORDER, mm_page_free_bulk(P, 1, &u->page, 1))                            \
	ROW(bulk_free_table, OWNER, mm_page_free_bulk(P, 0, &u->table, 1))                                 \
	/* ranges of RAM */                                                                                \
	ROW(add_nothing, INVAL, mm_pmm_add_range(P, BYTES(RAM_END), 0))                                    \
	ROW(add_unaligned, INVAL, mm_pmm_add_range(P, BYTES(RAM_END) + 1, BYTES(64)))                      \
	ROW(add_unaligned_end, INVAL, mm_pmm_add_range(P, BYTES(RAM_END), BYTES(64) - 1))                  \
	ROW(add_that_wraps, INVAL, mm_pmm_add_range(P, MM_PADDR_MAX - FRAME + 1, 2 * FRAME))               \
	ROW(add_less_than_its_metadata, NOMEM, mm_pmm_add_range(P, BYTES(RAM_END), BYTES(1)))              \
	ROW(add_the_same, EXIST, mm_pmm_add_range(P, BYTES(RAM_FIRST), BYTES(RAM_FRAMES)))                 \
	ROW(add_a_part, EXIST, mm_pmm_add_range(P, BYTES(RAM_FIRST + 9), BYTES(8)))                        \
	ROW(add_over_the_end, EXIST, mm_pmm_add_range(P, BYTES(RAM_END - 1), BYTES(64)))                   \
	ROW(add_over_the_begin, EXIST, mm_pmm_add_range(P, BYTES(RAM_FIRST - 63), BYTES(64)))              \
	ROW(add_without_room, NOSPC, mm_pmm_add_range(P, BYTES(0x2000), BYTES(64)))                        \
	ROW(add_without_manager, INVAL, mm_pmm_add_range(NULL, 0, FRAME))                                  \
	ROW(add_before_init, STATE, mm_pmm_add_range(&u->none, 0, FRAME))                                  \
	/* giving back after boot */                                                                       \
	ROW(release_nothing, NOENT,                                                                        \
	    mm_pmm_release_range(P, BYTES(0x300), BYTES(0x301) - 1, &u->count))                            \
	ROW(release_backwards, INVAL, mm_pmm_release_range(P, 1, 0, &u->count))                            \
	ROW(release_usable, INVAL,                                                                         \
	    mm_pmm_release(P, &u->m->map, MM_MEM_USABLE, 0, MM_PADDR_MAX, &u->count))                      \
	ROW(release_metadata, INVAL,                                                                       \
	    mm_pmm_release(P, &u->m->map, MM_MEM_META, 0, MM_PADDR_MAX, &u->count))                        \
	ROW(release_without_map, INVAL,                                                                    \
	    mm_pmm_release(P, NULL, MM_MEM_KERNEL, 0, MM_PADDR_MAX, &u->count))                            \
	ROW(release_before_init, STATE, mm_pmm_release_range(&u->none, 0, 1, &u->count))                   \
	/* CPUs and reports */                                                                             \
	ROW(cpu_unknown, INVAL, mm_pmm_cpu_online(P, 99))                                                  \
	ROW(cpu_offline_unknown, INVAL, mm_pmm_cpu_offline(P, 99))                                         \
	ROW(drain_without_manager, INVAL, mm_pmm_drain(NULL))                                              \
	ROW(info_without_result, INVAL, mm_page_info(P, 0, NULL))                                          \
	ROW(info_before_init, STATE, mm_page_info(&u->none, 0, &u->info))                                  \
	ROW(stats_unknown_zone, INVAL, mm_pmm_stats(P, 99, &u->stats))                                     \
	ROW(stats_zone_below_all, INVAL, mm_pmm_stats(P, -2, &u->stats))                                   \
	ROW(blocks_without_room, INVAL, mm_pmm_free_blocks(P, 0, &u->count, 0))                            \
	ROW(blocks_unknown_zone, INVAL, mm_pmm_free_blocks(P, 99, &u->count, 1))                           \
	ROW(info_without_manager, INVAL, mm_page_info(NULL, 0, &u->info))                                  \
	ROW(stats_without_manager, INVAL, mm_pmm_stats(NULL, 0, &u->stats))                                \
	ROW(stats_without_result, INVAL, mm_pmm_stats(P, 0, NULL))                                         \
	ROW(stats_before_init, STATE, mm_pmm_stats(&u->none, 0, &u->stats))                                \
	ROW(blocks_without_manager, INVAL, mm_pmm_free_blocks(NULL, 0, &u->count, 1))                      \
	ROW(blocks_without_result, INVAL, mm_pmm_free_blocks(P, 0, NULL, 1))                               \
	ROW(blocks_before_init, STATE, mm_pmm_free_blocks(&u->none, 0, &u->count, 1))                      \
	ROW(verify_before_init, STATE, mm_pmm_verify(&u->none))                                            \
	ROW(drain_before_init, STATE, mm_pmm_drain(&u->none))                                              \
	ROW(cpu_before_init, STATE, mm_pmm_cpu_online(&u->none, 0))                                        \
	ROW(cpu_offline_before_init, STATE, mm_pmm_cpu_offline(&u->none, 0))                               \
	ROW(verify_without_manager, INVAL, mm_pmm_verify(NULL))

#define CALL(name, status, ...)                                                                            \
	static enum mm_status call_##name(struct misuse *u)                                                \
	{                                                                                                  \
		(void)u;                                                                                   \
		return __VA_ARGS__;                                                                        \
	}
ROWS(CALL)

struct row {
	enum mm_status (*call)(struct misuse *u);
	enum mm_status status;
};

#define ENTRY(name, status, ...) { call_##name, MM_E_##status },
static struct row rows[] = { ROWS(ENTRY) };

static void set_up(struct misuse *u, uint32_t ncpus)
{
	memset(u, 0, sizeof(*u));
	u->m = machine_start((struct mm_pmm_cfg){ .ncpus = ncpus });
	u->meta = BYTES(machine_meta(u->m));
	u->run = BYTES(0x321);
	u->merged = BYTES(0x380);
	assert_int_equal(mm_page_alloc_range(P, u->run, 13, 0), MM_OK);
	assert_int_equal(mm_page_alloc_at(P, BYTES(0x340), 3, 0), MM_OK);
	assert_int_equal(mm_page_alloc_at(P, u->merged, 3, 0), MM_OK);
	assert_int_equal(mm_page_free(P, u->merged, 3), MM_OK);
	u->block = BYTES(0x340);
	assert_int_equal(mm_page_alloc(P, 0, 0, &u->page), MM_OK);
	assert_int_equal(mm_page_alloc(P, 0, MM_ALLOC_TABLE, &u->table), MM_OK);
	assert_int_equal(mm_page_alloc(P, 0, 0, &u->freed), MM_OK);
	assert_int_equal(mm_page_free(P, u->freed, 0), MM_OK);
	assert_int_equal(mm_pmm_drain(P), MM_OK);
}

/* One row: without frames at hand on CPUs, and with. */
static void answered_and_nothing_changed(void **state)
{
	const struct row *row = *state;
	struct misuse u, before;
	uint64_t hash;

	for (uint32_t ncpus = 0; ncpus <= 1; ncpus++) {
		set_up(&u, ncpus);
		before = u;
		hash = pmm_state_hash(&u.m->pmm);
		assert_int_equal(row->call(&u), row->status);
		assert_int_equal(mm_pmm_drain(&u.m->pmm), MM_OK);
		assert_int_equal(pmm_state_hash(&u.m->pmm), hash);
		assert_true(u.out == before.out && u.got == before.got && u.count == before.count);
		assert_memory_equal(&u.none, &before.none, sizeof(u.none));
		assert_int_equal(row->call(&u), row->status); /* and again */
		machine_end(u.m);
	}
}

#define TEST(name, status, ...) { #name, answered_and_nothing_changed, NULL, NULL, NULL },

int main(void)
{
	struct CMUnitTest tests[] = { ROWS(TEST) };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		tests[i].initial_state = &rows[i];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
