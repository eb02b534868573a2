/* SPDX-License-Identifier: MIT */
/* Physical memory manager: zones and ranges from a map, exact accounting, what is allocated where,
 * and every wrong call answered with its documented error and nothing changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <mmlib/early.h>
#include <mmlib/pmm.h>
#include "hook.h"
#include "memmap_reader.h"
#include "pmm_state.h"

#define FRAME       MM_FRAME_SIZE
#define FRAMES(n)   ((mm_paddr_t)(n) << MM_FRAME_SHIFT)
#define RAM_BASE    FRAMES(0x100)
#define RAM_FRAMES  1024u
#define MAP_ENTRIES 32

/* A machine with 1024 frames of RAM and three zones; frames 0x100 to 0x4ff. */
struct machine {
	struct sim sim;
	struct mm_memmap map;
	struct mm_mem entries[MAP_ENTRIES];
	struct mm_pmm pmm;
};

static const struct mm_zone_cfg zones[] = {
	{ .name = "LOW", .last = FRAMES(0x180) - 1 },
	{ .name = "MIDDLE", .last = FRAMES(0x300) - 1 },
	{ .name = "HIGH", .last = MM_PADDR_MAX },
};

static struct mm_pmm_cfg config(void)
{
	return (struct mm_pmm_cfg){ .zones = zones,
				    .nzones = 3,
				    .spare_ranges = 4,
				    .reach = RAM_BASE + FRAMES(RAM_FRAMES) - 1 };
}

static void map_add(struct machine *m, mm_paddr_t base, mm_paddr_t bytes, enum mm_mem_type type)
{
	assert_int_equal(mm_memmap_add(&m->map, base, bytes, type, NULL), MM_OK);
}

static struct machine *machine_new(void)
{
	struct machine *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	sim_init(&m->sim, RAM_BASE, (size_t)FRAMES(RAM_FRAMES));
	assert_int_equal(mm_memmap_init(&m->map, m->entries, MAP_ENTRIES), MM_OK);
	map_add(m, RAM_BASE, FRAMES(RAM_FRAMES), MM_MEM_USABLE);
	return m;
}

static void machine_start(struct machine *m)
{
	struct mm_pmm_cfg cfg = config();

	assert_int_equal(mm_pmm_init(&m->pmm, &m->sim.port, &m->map, &cfg), MM_OK);
	assert_int_equal(mm_pmm_verify(&m->pmm), MM_OK);
}

static struct machine *machine_started(void)
{
	struct machine *m = machine_new();

	machine_start(m);
	return m;
}

static void machine_free(struct machine *m)
{
	if (m->pmm.port)
		assert_int_equal(mm_pmm_verify(&m->pmm), MM_OK);
	sim_destroy(&m->sim);
	free(m);
}

static struct mm_pmm_stats stats(const struct machine *m, int zone)
{
	struct mm_pmm_stats s;

	assert_int_equal(mm_pmm_stats(&m->pmm, zone, &s), MM_OK);
	assert_int_equal(s.total, s.free + s.used + s.reserved);
	return s;
}

static void hand_over_accounts_for_every_frame(void **state)
{
	(void)state;
	struct machine *m = machine_new();
	struct mm_pmm_stats s;

	assert_int_equal(
		mm_memmap_take(&m->map, RAM_BASE + FRAMES(16), FRAMES(5), MM_MEM_KERNEL, "k"),
		MM_OK);
	map_add(m, RAM_BASE + FRAMES(40), FRAMES(3), MM_MEM_RESERVED);
	machine_start(m);
	s = stats(m, -1);
	assert_int_equal(s.total, RAM_FRAMES - 3);
	assert_int_equal(s.used, 0);
	assert_int_equal(s.free, mm_memmap_bytes(&m->map, MM_MEM_USABLE) >> MM_FRAME_SHIFT);
	assert_int_equal(s.reserved, 5 + (mm_memmap_bytes(&m->map, MM_MEM_META) >> MM_FRAME_SHIFT));
	assert_int_equal(stats(m, 0).total, 0x80 - 3);
	assert_int_equal(stats(m, 1).total, 0x180);
	assert_int_equal(stats(m, 2).total, 0x200);
	assert_string_equal(stats(m, 1).name, "MIDDLE");
	machine_free(m);
}

static void init_refuses_bad_configurations(void **state)
{
	(void)state;
	struct machine *m = machine_new();
	struct mm_pmm_cfg good = config(), cfg;
	struct mm_zone_cfg bad[3];
	struct mm_port port = m->sim.port;
	struct machine before;

	memcpy(&before, m, sizeof(before));
#define REFUSED(status)                                                                            \
	assert_int_equal(mm_pmm_init(&m->pmm, &port, &m->map, &cfg), status);                      \
	assert_true(sim_same(m, &before, sizeof(before)))
	cfg = good, cfg.zones = NULL;
	REFUSED(MM_E_INVAL);
	cfg = good, cfg.nzones = 0;
	REFUSED(MM_E_INVAL);
	cfg = good, cfg.nzones = MM_ZONES_MAX + 1;
	REFUSED(MM_E_INVAL);
	cfg = good, cfg.nzones = 2; /* does not end at the end of the address space */
	REFUSED(MM_E_INVAL);
	cfg = good, cfg.low = cfg.reach + 1;
	REFUSED(MM_E_INVAL);
	cfg = good, cfg.reach -= 1;
	REFUSED(MM_E_INVAL);
	memcpy(bad, zones, sizeof(bad));
	cfg = good, cfg.zones = bad, bad[0].last += 1;
	REFUSED(MM_E_INVAL);
	bad[0].last = bad[1].last;
	REFUSED(MM_E_INVAL);
	cfg = good, cfg.spare_ranges = UINT32_MAX;
	REFUSED(MM_E_NOMEM);
#if SIZE_MAX > 0xffffffffu
	/* metadata of 4 GiB and a few bytes: more than 32 bits count, whatever an address has */
	cfg = good, cfg.spare_ranges = (uint32_t)((((uint64_t)1 << 32) + sizeof(struct mm_range)) /
						  sizeof(struct mm_range));
	REFUSED(MM_E_NOMEM);
#endif
	cfg = good, cfg.reach = FRAMES(0x100) - 1; /* nothing there */
	REFUSED(MM_E_NOMEM);
	cfg = good, cfg.low = RAM_BASE + FRAMES(RAM_FRAMES - 1);
	cfg.spare_ranges = (uint32_t)(FRAME / sizeof(struct mm_range));
	REFUSED(MM_E_NOMEM); /* metadata does not fit above low */
	cfg = good, port.version = 0;
	REFUSED(MM_E_PORT);
#undef REFUSED
	assert_int_equal(mm_pmm_init(NULL, &m->sim.port, &m->map, &good), MM_E_INVAL);
	assert_int_equal(mm_pmm_init(&m->pmm, NULL, &m->map, &good), MM_E_PORT);
	assert_int_equal(mm_pmm_init(&m->pmm, &m->sim.port, NULL, &good), MM_E_INVAL);
	assert_int_equal(mm_pmm_init(&m->pmm, &m->sim.port, &m->map, NULL), MM_E_INVAL);
	assert_true(sim_same(m, &before, sizeof(before)));
	machine_free(m);
}

static void init_with_a_full_map_changes_nothing(void **state)
{
	(void)state;
	struct machine *m = machine_new(), before;
	struct mm_pmm_cfg cfg = config();

	m->map.capacity = m->map.count;
	memcpy(&before, m, sizeof(before));
	assert_int_equal(mm_pmm_init(&m->pmm, &m->sim.port, &m->map, &cfg), MM_E_2BIG);
	assert_true(sim_same(m, &before, sizeof(before)));
	m->map.capacity = MAP_ENTRIES;
	machine_start(m);
	machine_free(m);
}

#if MM_HOOKS
static void init_undoes_each_failed_allocation(void **state)
{
	(void)state;
	for (int sticky = 0; sticky < 2; sticky++) {
		struct machine *m = machine_new(), before;
		struct mm_pmm_cfg cfg = config();
		unsigned calls;

		sim_fail_at(0, false);
		machine_start(m);
		calls = sim_fail_calls();
		assert_true(calls > 0);
		machine_free(m);
		for (unsigned nth = 1; nth <= calls; nth++) {
			m = machine_new();
			memcpy(&before, m, sizeof(before));
			sim_fail_at(nth, sticky);
			assert_int_equal(mm_pmm_init(&m->pmm, &m->sim.port, &m->map, &cfg),
					 MM_E_NOMEM);
			assert_true(sim_same(m, &before, sizeof(before)));
			sim_fail_at(0, false);
			machine_start(m); /* a retry works */
			machine_free(m);
		}
	}
}
#endif

static void before_init_everything_says_so(void **state)
{
	(void)state;
	struct mm_pmm pmm = { 0 };
	struct mm_frame_run run;
	struct mm_pmm_stats s;
	mm_paddr_t pa;
	mm_pfn_t it = 0, blocks[4];

	assert_int_equal(mm_page_alloc(&pmm, 0, 0, &pa), MM_E_STATE);
	assert_int_equal(mm_page_alloc_at(&pmm, 0, 0, 0), MM_E_STATE);
	assert_int_equal(mm_page_free(&pmm, 0, 0), MM_E_STATE);
	assert_int_equal(mm_page_free_table(&pmm, 0), MM_E_STATE);
	assert_int_equal(mm_pmm_add_range(&pmm, 0, FRAME), MM_E_STATE);
	assert_int_equal(mm_page_info(&pmm, 0, &run), MM_E_STATE);
	assert_int_equal(mm_pmm_stats(&pmm, -1, &s), MM_E_STATE);
	assert_int_equal(mm_pmm_free_blocks(&pmm, 0, blocks, 4), MM_E_STATE);
	assert_int_equal(mm_pmm_verify(&pmm), MM_E_STATE);
	assert_int_equal(mm_pmm_cpu_online(&pmm, 0), MM_E_STATE);
	assert_int_equal(mm_pmm_cpu_offline(&pmm, 0), MM_E_STATE);
	assert_int_equal(mm_pmm_drain(&pmm), MM_E_STATE);
	mm_pmm_cpu_idle(&pmm);
	assert_false(mm_pmm_next_run(&pmm, &it, &run));
}

static void allocation_spares_low_zones_and_respects_limits(void **state)
{
	(void)state;
	struct machine *m = machine_started();
	mm_paddr_t pa;
	mm_pfn_t low = stats(m, 0).free, middle = stats(m, 1).free, high = stats(m, 2).free;

	for (mm_pfn_t i = 0; i < high; i++) {
		assert_int_equal(mm_page_alloc(&m->pmm, 0, 0, &pa), MM_OK);
		assert_true(pa >= FRAMES(0x300));
	}
	assert_int_equal(mm_page_alloc(&m->pmm, 0, 0, &pa), MM_OK); /* falls back */
	assert_true(pa >= FRAMES(0x180) && pa < FRAMES(0x300));
	assert_int_equal(mm_page_alloc(&m->pmm, 0, MM_ALLOC_ZONE(0), &pa), MM_OK);
	assert_true(pa < FRAMES(0x180));
	for (mm_pfn_t i = 1; i < low + middle - 1; i++)
		assert_int_equal(mm_page_alloc(&m->pmm, 0, MM_ALLOC_ZONE(1), &pa), MM_OK);
	assert_int_equal(mm_page_alloc(&m->pmm, 0, 0, &pa), MM_E_NOMEM);
	assert_int_equal(stats(m, -1).free, 0);
	machine_free(m);
}

static void a_failed_allocation_changes_nothing(void **state)
{
	(void)state;
	struct machine *m = machine_started();
	uint64_t before = pmm_state_hash(&m->pmm);
	mm_paddr_t pa = 7;

	assert_int_equal(mm_page_alloc(&m->pmm, m->pmm.max_order + 1, 0, &pa), MM_E_INVAL);
	assert_int_equal(mm_page_alloc(&m->pmm, UINT32_MAX, 0, &pa), MM_E_INVAL);
	assert_int_equal(mm_page_alloc(&m->pmm, 0, 1u << 23, &pa), MM_E_INVAL);
	assert_int_equal(mm_page_alloc(&m->pmm, 0, MM_ALLOC_ZONE(3), &pa), MM_E_INVAL);
	assert_int_equal(mm_page_alloc(&m->pmm, 0, MM_ALLOC_ZONE(254), &pa), MM_E_INVAL);
	assert_int_equal(mm_page_alloc(&m->pmm, 0, MM_ALLOC_ZONE(255), &pa), MM_E_INVAL);
	assert_int_equal(mm_page_alloc(&m->pmm, 0, MM_ALLOC_ZONE(-1), &pa), MM_E_INVAL);
	assert_int_equal(mm_page_alloc(&m->pmm, 0, MM_ALLOC_ZONE(1u << 31), &pa), MM_E_INVAL);
	assert_int_equal(mm_page_alloc(&m->pmm, 1, MM_ALLOC_TABLE, &pa), MM_E_INVAL);
	assert_int_equal(mm_page_alloc(&m->pmm, 9, MM_ALLOC_ZONE(0), &pa), MM_E_NOMEM);
	assert_int_equal(pa, 7);
	assert_int_equal(pmm_state_hash(&m->pmm), before);
	machine_free(m);
}

static void every_order_is_aligned_and_comes_back(void **state)
{
	(void)state;
	struct machine *m = machine_started();
	uint64_t before = pmm_state_hash(&m->pmm);
	mm_paddr_t pa[10];
	struct mm_frame_run run;

	for (unsigned k = 0; k <= 7; k++) {
		assert_int_equal(mm_page_alloc(&m->pmm, k, 0, &pa[k]), MM_OK);
		assert_int_equal(pa[k] & (FRAMES(1u << k) - 1), 0);
		assert_int_equal(mm_page_info(&m->pmm, pa[k] + FRAMES(1u << k) - 1, &run), MM_OK);
		assert_int_equal(run.base, pa[k]);
		assert_int_equal(run.order, k);
		assert_int_equal(run.state, MM_FRAME_USED);
		assert_int_equal(mm_pmm_verify(&m->pmm), MM_OK);
	}
	assert_int_equal(stats(m, -1).used, 0xff);
	for (unsigned k = 0; k <= 7; k++)
		assert_int_equal(mm_page_free(&m->pmm, pa[k], k), MM_OK);
	assert_int_equal(pmm_state_hash(&m->pmm), before);
	machine_free(m);
}

static void one_particular_block_can_be_had_once(void **state)
{
	(void)state;
	struct machine *m = machine_started();
	mm_paddr_t at = FRAMES(0x200);
	uint64_t before;

	assert_int_equal(mm_page_alloc_at(&m->pmm, at, 4, 0), MM_OK);
	before = pmm_state_hash(&m->pmm);
	assert_int_equal(mm_page_alloc_at(&m->pmm, at, 4, 0), MM_E_BUSY);
	assert_int_equal(mm_page_alloc_at(&m->pmm, at + FRAMES(3), 0, 0), MM_E_BUSY);
	assert_int_equal(mm_page_alloc_at(&m->pmm, at, 6, 0), MM_E_BUSY);
	assert_int_equal(mm_page_alloc_at(&m->pmm, at + FRAME, 4, 0), MM_E_ALIGN);
	assert_int_equal(mm_page_alloc_at(&m->pmm, at + 8, 0, 0), MM_E_ALIGN);
	assert_int_equal(mm_page_alloc_at(&m->pmm, 0, 0, 0), MM_E_FOREIGN);
	assert_int_equal(mm_page_alloc_at(&m->pmm, MM_PADDR_MAX - FRAME + 1, 0, 0), MM_E_FOREIGN);
	assert_int_equal(mm_page_alloc_at(&m->pmm, at, 0, MM_ALLOC_ZONE(0)), MM_E_INVAL);
	assert_int_equal(mm_page_alloc_at(&m->pmm, at, 0, 1u << 23), MM_E_INVAL);
	assert_int_equal(mm_page_alloc_at(&m->pmm, at, m->pmm.max_order + 1, 0), MM_E_INVAL);
	assert_int_equal(mm_page_alloc_at(&m->pmm, at, UINT32_MAX, 0), MM_E_INVAL);
	assert_int_equal(mm_page_alloc_at(&m->pmm, at, 1, MM_ALLOC_TABLE), MM_E_INVAL);
	assert_int_equal(mm_page_alloc_at(&m->pmm, FRAMES(0x100), 10, 0), MM_E_ALIGN);
	assert_int_equal(mm_page_alloc_at(&m->pmm, FRAMES(0x100), 8, 0),
			 MM_E_FOREIGN); /* two zones */
	assert_int_equal(pmm_state_hash(&m->pmm), before);
	assert_int_equal(mm_page_free(&m->pmm, at, 4), MM_OK);
	machine_free(m);
}

static void zero_means_zero(void **state)
{
	(void)state;
	struct machine *m = machine_started();
	mm_paddr_t pa;
	const unsigned char *p;

	assert_int_equal(mm_page_alloc(&m->pmm, 2, MM_ALLOC_ZERO, &pa), MM_OK);
	p = sim_to_virt(&m->sim, pa);
	for (size_t i = 0; i < (size_t)FRAMES(4); i++)
		assert_int_equal(p[i], 0);
	machine_free(m);
}

#if !MM_PAGE_POISON
static void free_frames_are_never_touched(void **state)
{
	(void)state;
	struct machine *m = machine_started();
	struct mm_frame_run run;
	mm_paddr_t pa[200];
	mm_pfn_t it = 0;

	for (int i = 0; i < 200; i++)
		assert_int_equal(mm_page_alloc(&m->pmm, 0, 0, &pa[i]), MM_OK);
	for (int i = 0; i < 200; i++)
		assert_int_equal(mm_page_free(&m->pmm, pa[i], 0), MM_OK);
	while (mm_pmm_next_run(&m->pmm, &it, &run)) {
		const unsigned char *p = sim_to_virt(&m->sim, run.base);

		if (run.state != MM_FRAME_FREE)
			continue;
		for (size_t i = 0; i < (size_t)FRAMES(run.frames); i++)
			if (p[i] != 0xA5) /* as sim_init() left it */
				fail_msg("byte %zu of frame %#llx", i,
					 (unsigned long long)run.base);
	}
	machine_free(m);
}
#endif

static void small_holes_join_and_large_ones_split(void **state)
{
	(void)state;
	const mm_pfn_t hole = (mm_pfn_t)(FRAME / 8 * 7);
	struct machine *m = machine_new();
	struct mm_pmm_cfg cfg = config();
	const struct mm_zone_cfg one = { .name = "ALL", .last = MM_PADDR_MAX };
	mm_pfn_t next = 0x100 + RAM_FRAMES + hole;

	map_add(m, FRAMES(next), FRAMES(8), MM_MEM_USABLE); /* metadata fills a frame: joined */
	next += 8 + hole + 1;
	map_add(m, FRAMES(next), FRAMES(8), MM_MEM_USABLE); /* one more: split */
	cfg.zones = &one;
	cfg.nzones = 1;
	cfg.reach = FRAMES(next + 8) - 1;
	cfg.low = 0;
	sim_destroy(&m->sim);
	sim_init(&m->sim, 0, (size_t)FRAMES(next + 8));
	assert_int_equal(mm_pmm_init(&m->pmm, &m->sim.port, &m->map, &cfg), MM_OK);
	assert_int_equal(m->pmm.nranges, 2);
	assert_int_equal(stats(m, 0).total, RAM_FRAMES + 16);
	assert_int_equal(mm_page_free(&m->pmm, FRAMES(0x100 + RAM_FRAMES), 0), MM_E_FOREIGN);
	machine_free(m);
}

static void memory_above_reach_is_added_later(void **state)
{
	(void)state;
	struct machine *m = machine_new();
	struct mm_pmm_cfg cfg = config();
	mm_pfn_t before;
	mm_paddr_t pa;
	uint64_t hash;

	cfg.reach = FRAMES(0x280) - 1;
	assert_int_equal(mm_pmm_init(&m->pmm, &m->sim.port, &m->map, &cfg), MM_OK);
	before = stats(m, -1).total;
	assert_int_equal(before, 0x180);
	hash = pmm_state_hash(&m->pmm);
#define REFUSED(base, bytes, status)                                                               \
	assert_int_equal(mm_pmm_add_range(&m->pmm, base, bytes), status);                          \
	assert_int_equal(pmm_state_hash(&m->pmm), hash)
	REFUSED(FRAMES(0x280), 0, MM_E_INVAL);
	REFUSED(FRAMES(0x280) + 1, FRAME, MM_E_INVAL);
	REFUSED(FRAMES(0x280), FRAME + 1, MM_E_INVAL);
	REFUSED(MM_PADDR_MAX - FRAME + 1, FRAMES(2), MM_E_INVAL); /* wraps */
	REFUSED(FRAMES(0x27f), FRAMES(4), MM_E_EXIST);
	REFUSED(FRAMES(0x100), FRAMES(4), MM_E_EXIST);
	REFUSED(FRAMES(0x280), FRAME, MM_E_NOMEM); /* holds nothing but its metadata */
	m->pmm.max_ranges = m->pmm.nranges + 1;
	REFUSED(FRAMES(0x280), FRAMES(0x280), MM_E_NOSPC); /* two zones: two ranges */
#undef REFUSED
	m->pmm.max_ranges = m->pmm.nranges + 4;
	assert_int_equal(mm_pmm_add_range(&m->pmm, FRAMES(0x280), FRAMES(0x280)), MM_OK);
	assert_int_equal(stats(m, -1).total, before + 0x280);
	assert_int_equal(mm_pmm_verify(&m->pmm), MM_OK);
	assert_int_equal(mm_page_alloc(&m->pmm, 0, 0, &pa), MM_OK);
	assert_true(pa >= FRAMES(0x300));
	machine_free(m);
}

static void ranges_can_be_added_in_any_order(void **state)
{
	(void)state;
	struct machine *m = machine_new();
	struct mm_pmm_cfg cfg = config();
	static const mm_pfn_t order[] = { 0x400, 0x1c0, 0x340, 0x2c0 };

	cfg.reach = FRAMES(0x140) - 1;
	assert_int_equal(mm_pmm_init(&m->pmm, &m->sim.port, &m->map, &cfg), MM_OK);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(mm_pmm_add_range(&m->pmm, FRAMES(order[i]), FRAMES(0x40)), MM_OK);
		assert_int_equal(mm_pmm_verify(&m->pmm), MM_OK);
	}
	assert_int_equal(stats(m, 0).total, 0x40);
	assert_int_equal(stats(m, 1).total, 0x80);
	assert_int_equal(stats(m, 2).total, 0x80);
	assert_int_equal(mm_pmm_add_range(&m->pmm, FRAMES(0x180), FRAMES(0x40)), MM_E_NOSPC);
	machine_free(m);
}

static void the_picture_shows_every_frame_once(void **state)
{
	(void)state;
	struct machine *m = machine_new();
	struct mm_frame_run run;
	mm_pfn_t it = 0, frames = 0;
	mm_paddr_t next = RAM_BASE, pa;
	unsigned seen = 0;

	map_add(m, RAM_BASE + FRAMES(7), FRAMES(2), MM_MEM_BAD);
	map_add(m, RAM_BASE + FRAMES(99), FRAMES(2), MM_MEM_RESERVED);
	machine_start(m);
	assert_int_equal(mm_page_alloc(&m->pmm, 5, 0, &pa), MM_OK);
	assert_int_equal(mm_page_alloc(&m->pmm, 0, MM_ALLOC_TABLE, &pa), MM_OK);
	while (mm_pmm_next_run(&m->pmm, &it, &run)) {
		assert_int_equal(run.base, next);
		next = run.base + FRAMES(run.frames);
		frames += run.frames;
		seen |= 1u << run.state;
	}
	assert_int_equal(frames, RAM_FRAMES);
	assert_int_equal(seen, 1u << MM_FRAME_FREE | 1u << MM_FRAME_USED | 1u << MM_FRAME_TABLE |
				       1u << MM_FRAME_META | 1u << MM_FRAME_RESERVED |
				       1u << MM_FRAME_BAD);
	assert_int_equal(mm_frame_letter(MM_FRAME_FREE), '.');
	assert_int_equal(mm_frame_letter(MM_FRAME_NONE), ' ');
	assert_int_equal(mm_frame_letter((enum mm_frame_class)77), '?');
	machine_free(m);
}

static void free_blocks_add_up(void **state)
{
	(void)state;
	struct machine *m = machine_started();
	mm_pfn_t blocks[8], sum = 0;

	assert_int_equal(mm_page_alloc_at(&m->pmm, FRAMES(0x123), 0, 0), MM_OK);
	assert_int_equal(mm_pmm_free_blocks(&m->pmm, 0, blocks, 8), MM_OK);
	for (unsigned k = 0; k < 8; k++)
		sum += blocks[k] << k;
	assert_int_equal(sum, stats(m, 0).free);
	assert_int_equal(blocks[0], 1);
	machine_free(m);
}

static void verify_finds_damage(void **state)
{
	(void)state;
	struct machine *m = machine_started();
	mm_paddr_t pa;
	uint8_t *byte;

	assert_int_equal(mm_page_alloc(&m->pmm, 2, MM_ALLOC_ZONE(0), &pa), MM_OK);
	byte = &m->pmm.ranges[0].bytes[mm_pa_to_pfn(pa) - m->pmm.ranges[0].first];
	for (unsigned v = 0; v < 256;
	     v++) { /* all but the heads of that order (three kinds) are lies */
		uint8_t was = *byte;

		*byte = (uint8_t)v;
		assert_int_equal(mm_pmm_verify(&m->pmm),
				 v == 0x12 || v == 0x32 || v == 0x52 ? MM_OK : MM_E_CORRUPT);
		*byte = was;
	}
	m->pmm.zones[0].free++;
	assert_int_equal(mm_pmm_verify(&m->pmm), MM_E_CORRUPT);
	m->pmm.zones[0].free--;
	m->pmm.ranges[1].first--;
	assert_int_equal(mm_pmm_verify(&m->pmm), MM_E_CORRUPT);
	m->pmm.ranges[1].first++;
	m->pmm.zones[1].first_range++;
	assert_int_equal(mm_pmm_verify(&m->pmm), MM_E_CORRUPT);
	m->pmm.zones[1].first_range--;
	machine_free(m);
}

static const char *data_folder;

#if MM_PADDR_BITS == 64 && !MM_PAGE_POISON
/* Addresses outside the window are computed, never used: only metadata is touched. */
static void *far_to_virt(void *ctx, mm_paddr_t pa)
{
	struct sim *sim = ctx;

	return (void *)((uintptr_t)sim->host + (uintptr_t)(pa - sim->base));
}

/* Real machines, metadata only: the window of simulated memory is where the metadata will lie, at
 * the top of the highest RAM at or below reach. Maps of more than 64 GiB are cut there by reach. */
static void a_real_map_is_managed(const char *name)
{
	static struct mm_mem entries[256];
	struct memmap_line line[64];
	struct mm_zone_cfg pc[] = { { .name = "DMA", .last = 0xffffff },
				    { .name = "DMA32", .last = 0xffffffff },
				    { .name = "NORMAL", .last = MM_PADDR_MAX } };
	struct mm_pmm_cfg cfg = { .zones = pc, .nzones = 3 };
	struct mm_memmap map;
	struct mm_mem mem, highest = { 0 };
	struct mm_pmm_stats all;
	struct mm_pmm pmm;
	struct sim sim;
	mm_paddr_t usable = 0, first = 0;
	uint32_t it = 0;
	uint64_t hash;

	assert_int_equal(mm_memmap_init(&map, entries, 256), MM_OK);
	for (size_t i = 0, n = memmap_read(data_folder, name, line, 64); i < n; i++)
		assert_int_equal(mm_memmap_add(&map, line[i].first,
					       line[i].last - line[i].first + 1, line[i].type,
					       NULL),
				 MM_OK);
	for (bool any = false; mm_memmap_next(&map, &it, &mem); any = true) {
		if (!any)
			first = mem.base;
		if (mem.type != MM_MEM_USABLE || mem.base - first >= (mm_paddr_t)64 << 30)
			continue;
		if (mem.last - first >= (mm_paddr_t)64 << 30)
			mem.last = first + ((mm_paddr_t)64 << 30) - 1;
		usable += mem.last - mem.base + 1;
		highest = mem;
	}
	cfg.reach = highest.last;
	sim_init(&sim, highest.last + 1 - ((mm_paddr_t)32 << 20), (size_t)32 << 20);
	sim.port.to_virt = far_to_virt;
	assert_int_equal(mm_pmm_init(&pmm, &sim.port, &map, &cfg), MM_OK);
	assert_int_equal(mm_pmm_stats(&pmm, -1, &all), MM_OK);
	assert_true(all.total == usable >> MM_FRAME_SHIFT || strstr(name, "e820"));
	assert_true(all.total >= usable >> MM_FRAME_SHIFT);
	assert_int_equal(all.used, 0);
	hash = pmm_state_hash(&pmm);
	for (unsigned k = 0; k <= pmm.max_order; k++) {
		mm_paddr_t pa;

		if (mm_page_alloc(&pmm, k, 0, &pa) == MM_OK)
			assert_int_equal(mm_page_free(&pmm, pa, k), MM_OK);
	}
	assert_true(pmm_state_hash(&pmm) == hash);
	sim_destroy(&sim);
}

static void every_real_map_is_managed(void **state)
{
	(void)state;
	for (size_t f = 0; memmap_files[f]; f++)
		a_real_map_is_managed(memmap_files[f]);
}
#endif

int main(int argc, char **argv)
{
	data_folder = argc > 1 ? argv[1] : "tests/data";
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hand_over_accounts_for_every_frame),
		cmocka_unit_test(init_refuses_bad_configurations),
		cmocka_unit_test(init_with_a_full_map_changes_nothing),
#if MM_HOOKS
		cmocka_unit_test(init_undoes_each_failed_allocation),
#endif
		cmocka_unit_test(before_init_everything_says_so),
		cmocka_unit_test(allocation_spares_low_zones_and_respects_limits),
		cmocka_unit_test(a_failed_allocation_changes_nothing),
		cmocka_unit_test(every_order_is_aligned_and_comes_back),
		cmocka_unit_test(one_particular_block_can_be_had_once),
		cmocka_unit_test(zero_means_zero),
#if !MM_PAGE_POISON
		cmocka_unit_test(free_frames_are_never_touched),
#endif
		cmocka_unit_test(small_holes_join_and_large_ones_split),
		cmocka_unit_test(memory_above_reach_is_added_later),
		cmocka_unit_test(ranges_can_be_added_in_any_order),
		cmocka_unit_test(the_picture_shows_every_frame_once),
		cmocka_unit_test(free_blocks_add_up),
		cmocka_unit_test(verify_finds_damage),
#if MM_PADDR_BITS == 64 && !MM_PAGE_POISON
		cmocka_unit_test(every_real_map_is_managed),
#endif
	};
	return cmocka_run_group_tests_name("pmm", tests, NULL, NULL);
}
