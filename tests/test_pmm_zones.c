/* SPDX-License-Identifier: MIT */
/* Zones and nodes: which memory serves which request, what is held back from whom, who is told when
 * memory is scarce, and every wrong request answered with nothing changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <mmlib/pmm.h>
#include "pmm_state.h"

#define AT(frame) ((mm_paddr_t)(frame) << MM_FRAME_SHIFT)

/* Frames 0x100 to 0x4ff are reached; node 0 to 0x2ff, node 1 to 0x3ff, node 2 behind, also memory from
 * 0x600 to 0x67f that to_virt does not reach. Fast memory of node 0 is for who asks, one half of it for
 * all; node 2 has some, and who asks may get other memory. */
enum { DMA, NORMAL, HIGH, TCM, OCRAM, HBM, ZONES };
enum {
	NODES = 3,
	LIMITS = 3,
	NAMED = NODES * LIMITS - LIMITS
}; /* zone i, if named, is NAMED + i */

static struct mm_zone_cfg zones[ZONES];
static struct mm_mem entries[16];
static struct mm_numa_range node_ranges[8];
static uint8_t distances[NODES * NODES];
static struct mm_memmap map;
static struct mm_numa numa;
static struct sim sim;
static struct mm_pmm pmm;
static struct mm_pmm_cfg cfg;

/* What the port's `pressure` was told last, and how often. */
static struct {
	uint32_t zone, level, calls;
} told;

static void pressure(void *ctx, uint32_t zone, uint32_t level)
{
	assert_ptr_equal(ctx, &sim);
	assert_int_equal(sim_pins, 0);
	told.zone = zone;
	told.level = level;
	told.calls++;
}

static int setup(void **state)
{
	static const struct mm_zone_cfg plain[ZONES] = {
		{ .name = "DMA", .last = AT(0x180) - 1 },
		{ .name = "NORMAL", .last = AT(0x600) - 1 },
		{ .name = "HIGH", .last = MM_PADDR_MAX, .flags = MM_ZONE_HIGH },
		{ .name = "TCM",
		  .base = AT(0x1c0),
		  .last = AT(0x1e0) - 1,
		  .latency = 1,
		  .flags = MM_ZONE_NAMED | MM_ZONE_EXPLICIT | MM_ZONE_NOFALLBACK },
		{ .name = "OCRAM",
		  .base = AT(0x1e0),
		  .last = AT(0x200) - 1,
		  .latency = 2,
		  .flags = MM_ZONE_NAMED },
		{ .name = "HBM",
		  .base = AT(0x4e0),
		  .last = AT(0x500) - 1,
		  .flags = MM_ZONE_NAMED | MM_ZONE_EXPLICIT },
	};

	(void)state;
	memcpy(zones, plain, sizeof(zones));
	memset(&told, 0, sizeof(told));
	sim_init(&sim, AT(0x100), (size_t)AT(0x400));
	sim.port.pressure = pressure;
	assert_int_equal(mm_memmap_init(&map, entries, 16), MM_OK);
	assert_int_equal(mm_memmap_add(&map, sim.base, sim.bytes, MM_MEM_USABLE, NULL), MM_OK);
	assert_int_equal(mm_memmap_add(&map, AT(0x600), AT(0x80), MM_MEM_USABLE, NULL), MM_OK);
	assert_int_equal(mm_numa_init(&numa, node_ranges, 8, distances, NODES), MM_OK);
	assert_int_equal(mm_numa_add_range(&numa, AT(0x100), AT(0x200), 0), MM_OK);
	assert_int_equal(mm_numa_add_range(&numa, AT(0x300), AT(0x100), 1), MM_OK);
	assert_int_equal(mm_numa_add_range(&numa, AT(0x400), AT(0x100), 2), MM_OK);
	for (uint32_t from = 0; from < NODES; from++)
		for (uint32_t to = 0; to < NODES; to++)
			if (from != to)
				assert_int_equal(
					mm_numa_set_distance(&numa, from, to, 5 + 10 * (from + to)),
					MM_OK);
	cfg = (struct mm_pmm_cfg){ .zones = zones,
				   .nzones = ZONES,
				   .numa = &numa,
				   .spare_ranges = 4,
				   .reach = AT(0x500) - 1 };
	return 0;
}

static void start(void)
{
	assert_null(mm_pmm_why(&sim.port, &cfg, NULL));
	assert_int_equal(mm_pmm_init(&pmm, &sim.port, &map, &cfg), MM_OK);
	assert_int_equal(mm_pmm_verify(&pmm), MM_OK);
}

static int teardown(void **state)
{
	(void)state;
	if (pmm.port)
		assert_int_equal(mm_pmm_verify(&pmm), MM_OK);
	assert_int_equal(sim_pins, 0);
	memset(&pmm, 0, sizeof(pmm));
	sim_destroy(&sim);
	return 0;
}

static struct mm_pmm_stats stats(int zone)
{
	struct mm_pmm_stats s;

	assert_int_equal(mm_pmm_stats(&pmm, zone, &s), MM_OK);
	assert_int_equal(s.total, s.free + s.used + s.reserved);
	return s;
}

/* Zone of an address, by what this file says of its machine. */
static int zone_of(mm_paddr_t pa)
{
	mm_pfn_t pfn = mm_pa_to_pfn(pa);
	int node = pfn < 0x300 ? 0 : pfn < 0x400 ? 1 : 2;

	for (int i = TCM; i < ZONES; i++)
		if (pa >= zones[i].base && pa <= zones[i].last)
			return NAMED + i;
	return node * LIMITS + (pfn < 0x180 ? DMA : pfn < 0x600 ? NORMAL : HIGH);
}

/* Allocate one frame; its zone, or the error. */
static int take(uint32_t flags)
{
	mm_paddr_t pa = 7;
	enum mm_status st = mm_page_alloc(&pmm, 0, flags, &pa);

	if (st != MM_OK)
		assert_int_equal(pa, 7);
	return st == MM_OK ? zone_of(pa) : (int)st;
}

/* Allocate frames until there are no more: they come from these zones, in this order, and empty each but
 * for `left` frames. */
static void assert_takes(uint32_t flags, mm_pfn_t left, const int *from)
{
	for (; *from >= 0; from++) {
		mm_pfn_t free = stats(*from).free;

		while (free-- > left)
			assert_int_equal(take(flags), *from);
	}
	assert_int_equal(take(flags), MM_E_NOMEM);
}

#define ASSERT_TAKES(flags, left, ...) assert_takes(flags, left, (const int[]){ __VA_ARGS__, -1 })

static void each_zone_has_its_memory(void **state)
{
	(void)state;
	static const mm_pfn_t total[] = { 0x80, 0x140, 0,    0,    0x100, 0,
					  0,    0xe0,  0x80, 0x20, 0x20,  0x20 };

	start();
	for (int z = 0; z < NAMED + ZONES; z++) {
		struct mm_pmm_stats s = stats(z);

		assert_int_equal(s.total, total[z]);
		assert_string_equal(s.name, zones[z < NAMED + TCM ? z % LIMITS : z - NAMED].name);
		assert_int_equal(s.node, z < NAMED + TCM ? z / LIMITS : z == NAMED + HBM ? 2 : 0);
	}
	assert_int_equal(stats(NAMED + TCM).latency, 1);
	assert_int_equal(stats(NAMED + TCM).flags, zones[TCM].flags);
	assert_int_equal(stats(-1).total, 0x480);
	assert_int_equal(stats(-1).node, MM_NUMA_NONE);
	assert_int_equal(mm_pmm_stats(&pmm, NAMED + ZONES, &(struct mm_pmm_stats){ 0 }),
			 MM_E_INVAL);
}

static void requests_go_to_near_nodes_and_high_limits_first(void **state)
{
	(void)state;
	start();
	ASSERT_TAKES(0, 0, NORMAL, DMA, NAMED + OCRAM, LIMITS + NORMAL, 2 * LIMITS + NORMAL);
}

static void a_request_for_a_node_begins_there(void **state)
{
	(void)state;
	start();
	ASSERT_TAKES(MM_ALLOC_NODE(2), 0, 2 * LIMITS + NORMAL, NORMAL, DMA, NAMED + OCRAM,
		     LIMITS + NORMAL);
}

static void an_exact_node_is_not_left(void **state)
{
	(void)state;
	start();
	ASSERT_TAKES(MM_ALLOC_NODE(1) | MM_ALLOC_NODE_EXACT, 0, LIMITS + NORMAL);
	ASSERT_TAKES(MM_ALLOC_NODE_EXACT, 0, NORMAL, DMA, NAMED + OCRAM); /* of this CPU's */
	assert_int_equal(take(0), 2 * LIMITS + NORMAL);
}

static void a_zone_by_limit_bounds_addresses(void **state)
{
	(void)state;
	start();
	ASSERT_TAKES(MM_ALLOC_ZONE(DMA), 0, DMA);
	assert_int_equal(take(MM_ALLOC_ZONE(DMA) | MM_ALLOC_NODE(2)), MM_E_NOMEM);
	assert_int_equal(take(MM_ALLOC_ZONE(NORMAL)), NORMAL);
}

static void named_zones_are_for_who_asks(void **state)
{
	(void)state;
	start();
	ASSERT_TAKES(MM_ALLOC_ZONE(TCM), 0, NAMED + TCM); /* fails rather than spills */
	ASSERT_TAKES(MM_ALLOC_ZONE(HBM), 0, NAMED + HBM, NORMAL, DMA, NAMED + OCRAM,
		     LIMITS + NORMAL, 2 * LIMITS + NORMAL);
}

static void an_exact_node_bounds_what_follows_a_named_zone(void **state)
{
	(void)state;
	start();
	ASSERT_TAKES(MM_ALLOC_ZONE(HBM) | MM_ALLOC_NODE(2) | MM_ALLOC_NODE_EXACT, 0, NAMED + HBM,
		     2 * LIMITS + NORMAL);
}

static void high_memory_is_for_who_can_do_without_an_address(void **state)
{
	(void)state;
	start();
	ASSERT_TAKES(MM_ALLOC_HIGH | MM_ALLOC_NODE(2) | MM_ALLOC_NODE_EXACT, 0, 2 * LIMITS + HIGH,
		     2 * LIMITS + NORMAL);
	assert_int_equal(take(MM_ALLOC_HIGH | MM_ALLOC_TABLE), MM_E_INVAL);
}

static mm_paddr_t zeroed_pa;

static void zero(void *ctx, mm_paddr_t pa, size_t bytes)
{
	(void)ctx;
	assert_int_equal(bytes, MM_FRAME_SIZE);
	zeroed_pa = pa;
}

static void high_memory_is_zeroed_by_the_port_only(void **state)
{
	(void)state;
	uint32_t flags = MM_ALLOC_HIGH | MM_ALLOC_ZERO | MM_ALLOC_NODE(2);

	start();
	assert_int_equal(take(flags), 2 * LIMITS + NORMAL);
	sim.port.zero = zero;
	assert_int_equal(take(flags), 2 * LIMITS + HIGH);
	assert_int_equal(zone_of(zeroed_pa), 2 * LIMITS + HIGH);
}

static void high_memory_cannot_hold_its_own_metadata(void **state)
{
	(void)state;
	uint64_t before;

	start();
	before = pmm_state_hash(&pmm);
	assert_int_equal(mm_pmm_add_range(&pmm, AT(0x700), AT(0x40)), MM_E_NOTSUP);
	assert_int_equal(mm_pmm_add_range(&pmm, AT(0x5c0), AT(0x40) + AT(0x40)), MM_E_EXIST);
	assert_int_equal(pmm_state_hash(&pmm), before);
}

/* Allocate frames until there are no more; what is free in a zone then. */
static mm_pfn_t left_by(uint32_t flags, int zone)
{
	int got;

	while ((got = take(flags)) >= 0)
		continue;
	assert_int_equal(got, MM_E_NOMEM);
	return stats(zone).free;
}

static void what_is_kept_is_not_for_those_from_above(void **state)
{
	(void)state;
	zones[DMA].keep = 0x10;
	zones[OCRAM].keep = 4;
	start();
	assert_int_equal(left_by(0, DMA), 0x10);
	assert_int_equal(stats(NAMED + OCRAM).free, 4);
	assert_int_equal(stats(NORMAL).free, 0);
	assert_int_equal(left_by(MM_ALLOC_ZONE(OCRAM), NAMED + OCRAM), 0);
	assert_int_equal(stats(DMA).free, 0x10);
	assert_int_equal(left_by(MM_ALLOC_ZONE(DMA), DMA), 0);
}

static void what_is_kept_is_there_in_an_emergency(void **state)
{
	(void)state;
	zones[DMA].keep = 0x10;
	start();
	assert_int_equal(left_by(0, DMA), 0x10);
	assert_int_equal(left_by(MM_ALLOC_EMERGENCY, DMA), 0);
	assert_int_equal(stats(NAMED + TCM).free, 0x20); /* that is not what it is for */
}

static void the_highest_memory_there_is_keeps_nothing(void **state)
{
	(void)state;
	/* no memory above 0x4ff: NORMAL is the highest, whatever limits are configured */
	assert_int_equal(mm_memmap_init(&map, entries, 16), MM_OK);
	assert_int_equal(mm_memmap_add(&map, sim.base, sim.bytes, MM_MEM_USABLE, NULL), MM_OK);
	zones[NORMAL].keep = 0x10;
	start();
	assert_int_equal(left_by(0, NORMAL), 0);
}

static void blocks_leave_the_minimum_too(void **state)
{
	(void)state;
	mm_paddr_t pa;
	uint32_t here = MM_ALLOC_NODE(1) | MM_ALLOC_NODE_EXACT;

	zones[NORMAL].min = zones[NORMAL].low = zones[NORMAL].high = 0x15;
	start();
	while (mm_page_alloc(&pmm, 2, here, &pa) == MM_OK)
		continue;
	assert_in_range(stats(LIMITS + NORMAL).free, 0x15, 0x18);
	assert_int_equal(left_by(here, LIMITS + NORMAL), 0x15);
	assert_int_equal(mm_page_alloc(&pmm, 2, here, &pa), MM_E_NOMEM);
	assert_int_equal(mm_page_alloc(&pmm, 2, here | MM_ALLOC_EMERGENCY, &pa), MM_OK);
	assert_int_equal(left_by(here | MM_ALLOC_EMERGENCY, LIMITS + NORMAL), 0);
}

static void a_particular_block_is_not_held_back(void **state)
{
	(void)state;
	zones[TCM].min = zones[TCM].low = zones[TCM].high = 0x20;
	start();
	assert_int_equal(take(MM_ALLOC_ZONE(TCM)), MM_E_NOMEM);
	assert_int_equal(mm_page_alloc_at(&pmm, zones[TCM].base, 0, 0), MM_OK);
}

static mm_paddr_t tcm_frame(unsigned i)
{
	return zones[TCM].base + AT(i);
}

static void assert_told(uint32_t calls, enum mm_pressure level)
{
	assert_int_equal(told.calls, calls);
	assert_int_equal(stats(NAMED + TCM).pressure, level);
	if (calls) {
		assert_int_equal(told.zone, NAMED + TCM);
		assert_int_equal(told.level, level);
	}
}

static void pressure_is_told_once_for_each_change(void **state)
{
	(void)state;
	unsigned i = 0;

	zones[TCM].min = 4, zones[TCM].low = 8, zones[TCM].high = 12;
	start();
	while (i < 0x20 - 8)
		assert_int_equal(mm_page_alloc_at(&pmm, tcm_frame(i++), 0, 0), MM_OK);
	assert_told(0, MM_PRESSURE_NONE); /* 8 are free */
	assert_int_equal(take(MM_ALLOC_ZONE(TCM)), NAMED + TCM);
	assert_told(1, MM_PRESSURE_LOW);
	for (int free = 6; free > 4; free--)
		assert_int_equal(take(MM_ALLOC_ZONE(TCM)), NAMED + TCM);
	assert_told(1, MM_PRESSURE_LOW);
	assert_int_equal(take(MM_ALLOC_ZONE(TCM)), NAMED + TCM);
	assert_told(2, MM_PRESSURE_MIN); /* 4 are free */
	assert_int_equal(take(MM_ALLOC_ZONE(TCM)), MM_E_NOMEM);
	assert_int_equal(take(MM_ALLOC_ZONE(TCM) | MM_ALLOC_EMERGENCY), NAMED + TCM);
	for (int free = 4; free < 8; free++)
		assert_int_equal(mm_page_free(&pmm, tcm_frame(--i), 0), MM_OK);
	assert_told(2, MM_PRESSURE_MIN);
	assert_int_equal(mm_page_free(&pmm, tcm_frame(--i), 0), MM_OK);
	assert_told(3, MM_PRESSURE_LOW); /* 8 */
	for (int free = 9; free < 12; free++)
		assert_int_equal(mm_page_free(&pmm, tcm_frame(--i), 0), MM_OK);
	assert_told(3, MM_PRESSURE_LOW);
	assert_int_equal(mm_page_free(&pmm, tcm_frame(--i), 0), MM_OK);
	assert_told(4, MM_PRESSURE_NONE); /* 12 */
	assert_int_equal(take(MM_ALLOC_ZONE(TCM)), NAMED + TCM);
	assert_told(4, MM_PRESSURE_NONE);
}

static void pressure_may_jump(void **state)
{
	(void)state;
	zones[TCM].min = 4, zones[TCM].low = 8, zones[TCM].high = 12;
	start();
	assert_int_equal(mm_page_alloc_at(&pmm, tcm_frame(0), 4, 0), MM_OK);
	assert_int_equal(mm_page_alloc_at(&pmm, tcm_frame(16), 3, 0), MM_OK);
	assert_told(0, MM_PRESSURE_NONE);
	assert_int_equal(mm_page_alloc_at(&pmm, tcm_frame(24), 2, 0), MM_OK);
	assert_told(1, MM_PRESSURE_MIN);
	assert_int_equal(mm_page_free(&pmm, tcm_frame(0), 4), MM_OK);
	assert_told(2, MM_PRESSURE_NONE);
}

static void memory_of_boot_ends_pressure(void **state)
{
	mm_pfn_t frames = 0;

	(void)state;
	zones[TCM].min = 4, zones[TCM].low = 8, zones[TCM].high = 12;
	assert_int_equal(mm_memmap_add(&map, tcm_frame(16), AT(16), MM_MEM_LOADER, NULL), MM_OK);
	start();
	assert_int_equal(left_by(MM_ALLOC_ZONE(TCM), NAMED + TCM), 4);
	assert_told(2, MM_PRESSURE_MIN);
	assert_int_equal(mm_pmm_release(&pmm, &map, MM_MEM_LOADER, 0, tcm_frame(20) - 1, &frames), MM_OK);
	assert_int_equal(frames, 4);
	assert_told(3, MM_PRESSURE_LOW); /* 8 are free */
	assert_int_equal(mm_pmm_release_range(&pmm, 0, MM_PADDR_MAX, &frames), MM_OK);
	assert_int_equal(frames, 12);
	assert_told(4, MM_PRESSURE_NONE);
}

static void memory_that_is_added_ends_pressure(void **state)
{
	const uint32_t flags = MM_ALLOC_NODE(1) | MM_ALLOC_NODE_EXACT | MM_ALLOC_ZONE(NORMAL);
	const uint32_t zone = LIMITS + NORMAL;
	mm_paddr_t pa;

	(void)state;
	zones[NORMAL].min = 4, zones[NORMAL].low = 8, zones[NORMAL].high = 12;
	cfg.reach = AT(0x380) - 1;
	start();
	while (mm_page_alloc(&pmm, 0, flags, &pa) == MM_OK) {
	}
	assert_int_equal(stats(zone).pressure, MM_PRESSURE_MIN);
	assert_int_equal(mm_pmm_add_range(&pmm, AT(0x380), AT(0x80)), MM_OK);
	assert_int_equal(stats(zone).pressure, MM_PRESSURE_NONE);
	assert_true(told.zone == zone && told.level == MM_PRESSURE_NONE);
}

static void nobody_need_listen(void **state)
{
	(void)state;
	zones[TCM].min = 4, zones[TCM].low = 8, zones[TCM].high = 12;
	sim.port.pressure = NULL;
	start();
	assert_int_equal(left_by(MM_ALLOC_ZONE(TCM), NAMED + TCM), 4);
	assert_int_equal(stats(NAMED + TCM).pressure, MM_PRESSURE_MIN);
}

static void wrong_requests_change_nothing(void **state)
{
	(void)state;
	static const uint32_t wrong[] = {
		MM_ALLOC_ZONE(ZONES),
		MM_ALLOC_ZONE(30),
		MM_ALLOC_ZONE(31),
		MM_ALLOC_ZONE(-1),
		MM_ALLOC_ZONE(0xffffffe0u),
		MM_ALLOC_NODE(NODES),
		MM_ALLOC_NODE(0x7fd),
		MM_ALLOC_NODE(0x7fe),
		MM_ALLOC_NODE(MM_NUMA_NONE),
		MM_ALLOC_NODE(0) | MM_ALLOC_ZONE(ZONES),
		MM_ALLOC_HIGH | MM_ALLOC_TABLE,
		1u << 15,
	};
	static const uint32_t not_at[] = { MM_ALLOC_ZONE(DMA), MM_ALLOC_NODE(0),
					   MM_ALLOC_NODE_EXACT, MM_ALLOC_HIGH, MM_ALLOC_EMERGENCY };
	uint64_t before;

	start();
	before = pmm_state_hash(&pmm);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_int_equal(take(wrong[i]), MM_E_INVAL);
		assert_int_equal(mm_page_alloc_at(&pmm, AT(0x110), 0, wrong[i]), MM_E_INVAL);
	}
	for (unsigned i = 0; i < sizeof(not_at) / sizeof(*not_at); i++)
		assert_int_equal(mm_page_alloc_at(&pmm, AT(0x110), 0, not_at[i]), MM_E_INVAL);
	assert_int_equal(mm_pmm_cpu_set_node(NULL, 0, 0), MM_E_INVAL);
	assert_int_equal(mm_pmm_cpu_set_node(&pmm, 0, 0), MM_E_INVAL); /* there is no CPU */
	assert_int_equal(mm_pmm_cpu_set_node(&(struct mm_pmm){ 0 }, 0, 0), MM_E_STATE);
	assert_int_equal(pmm_state_hash(&pmm), before);
}

static void assert_refused(void)
{
	static const struct mm_pmm none;

	assert_int_equal(mm_pmm_init(&pmm, &sim.port, &map, &cfg), MM_E_INVAL);
	assert_true(sim_same(&pmm, &none, sizeof(none)));
	assert_int_equal(map.count, 2);
	assert_non_null(mm_pmm_why(&sim.port, &cfg, NULL));
}

#define REFUSED_WITH(what)                                                                         \
	do {                                                                                       \
		struct mm_zone_cfg was[ZONES];                                                     \
                                                                                                   \
		memcpy(was, zones, sizeof(was));                                                   \
		what;                                                                              \
		assert_refused();                                                                  \
		memcpy(zones, was, sizeof(was));                                                   \
	} while (0)

static void wrong_configurations_are_refused(void **state)
{
	(void)state;
	uint32_t cpu_nodes[2] = { 2, 3 };

	REFUSED_WITH(zones[DMA].flags = MM_ZONE_EXPLICIT);
	REFUSED_WITH(zones[DMA].flags = MM_ZONE_NOFALLBACK);
	REFUSED_WITH(zones[DMA].flags = MM_ZONE_NAMED); /* no limit comes first */
	REFUSED_WITH(zones[DMA].base = AT(1));
	REFUSED_WITH(zones[NORMAL].last = zones[DMA].last);
	REFUSED_WITH(zones[HIGH].last = AT(0x700) - 1);
	REFUSED_WITH(zones[OCRAM].flags = 0); /* a limit behind a named zone */
	REFUSED_WITH(zones[TCM].flags |= 1u << 4);
	REFUSED_WITH(zones[TCM].base += 1);
	REFUSED_WITH(zones[TCM].last += 1);
	REFUSED_WITH(zones[TCM].last = AT(0x1c0) - 1); /* empty */
	REFUSED_WITH(zones[TCM].last = AT(0x1e1) - 1); /* overlaps the next one */
	REFUSED_WITH(zones[HBM].base = AT(0x1df));
	REFUSED_WITH(zones[TCM].min = 1);
	REFUSED_WITH(zones[TCM].low = 1);
	REFUSED_WITH((zones[TCM].min = 2, zones[TCM].low = 1, zones[TCM].high = 3));
	cfg.ncpus = 2, cfg.cpu_nodes = cpu_nodes;
	assert_refused();
	cfg.ncpus = 1;
	start();
}

/* Expects the word in what is said, of a zone or CPU. */
#define WHY(word, of)                                                                              \
	do {                                                                                       \
		uint32_t which = 99;                                                               \
		const char *text = mm_pmm_why(&sim.port, &cfg, &which);                            \
                                                                                                   \
		assert_non_null(text);                                                             \
		assert_non_null(strstr(text, word));                                               \
		assert_int_equal(which, of);                                                       \
	} while (0)

static void refusals_are_told_in_words(void **state)
{
	(void)state;
	uint32_t cpu_nodes[2] = { 2, 3 };
	const struct mm_port port = sim.port;

	zones[TCM].min = 1;
	WHY("min, low and high", TCM);
	zones[TCM].min = 0;
	zones[NORMAL].last = zones[DMA].last;
	WHY("not above", NORMAL);
	zones[NORMAL].last = zones[HIGH].last;
	WHY("not above", HIGH);
	zones[NORMAL].last = AT(0x500);
	WHY("last byte of a frame", NORMAL);
	zones[NORMAL].last = AT(0x600) - 1;
	cfg.ncpus = 2, cfg.cpu_nodes = cpu_nodes;
	WHY("node", 1);
	cfg.ncpus = 1;
	zones[HIGH].last -= MM_FRAME_SIZE;
	WHY("MM_PADDR_MAX", HIGH); /* not how many CPUs were looked at before */
	zones[HIGH].last = MM_PADDR_MAX;
	cfg.ncpus = 0, cfg.cpu_nodes = NULL;
	sim.port.size = 1;
	WHY("another mmlib/port.h", 0);
	sim.port = port;
	sim_add_cpus(&sim, false);
	sim.port.unpin = NULL;
	WHY("pair", 0);
	sim.port = port;
	sim.port.panic = NULL;
	WHY("panic", 0);
	sim.port = port;
	assert_string_equal(mm_pmm_why(NULL, &cfg, NULL), "port: NULL");
	assert_string_equal(mm_pmm_why(&sim.port, NULL, NULL), "cfg: NULL");
}

static void too_many_nodes_are_refused(void **state)
{
	(void)state;
	static uint8_t square[(MM_NODES_MAX + 1) * (MM_NODES_MAX + 1)];

	assert_int_equal(mm_numa_init(&numa, node_ranges, 8, square, MM_NODES_MAX + 1), MM_OK);
	assert_int_equal(mm_numa_add_range(&numa, AT(0x100), AT(0x200), MM_NODES_MAX), MM_OK);
	assert_refused();
}

static void memory_without_a_node_belongs_to_what_is_below(void **state)
{
	(void)state;
	assert_int_equal(mm_numa_init(&numa, node_ranges, 8, distances, NODES), MM_OK);
	assert_int_equal(mm_numa_add_range(&numa, AT(0x200), AT(1), 1), MM_OK);
	assert_int_equal(mm_numa_add_range(&numa, AT(0x204), AT(1), 1), MM_OK);
	assert_int_equal(mm_numa_add_range(&numa, AT(0x300) - 1, AT(1), 2), MM_OK); /* in a frame */
	start();
	assert_int_equal(stats(LIMITS + DMA).total,
			 0x80); /* nothing below: that of what is above */
	assert_int_equal(stats(LIMITS + NORMAL).total, 0x40 + 0x100);
	assert_int_equal(stats(2 * LIMITS + NORMAL).total, 0x1e0);
	assert_int_equal(stats(2 * LIMITS + HIGH).total, 0x80);
	(void)take(0);
	assert_int_equal(stats(LIMITS + NORMAL).used, 1); /* node 0 has none: the nearest */
}

static void nodes_out_of_reach_are_never_asked(void **state)
{
	(void)state;
	assert_int_equal(mm_numa_set_distance(&numa, 1, 2, MM_NUMA_UNREACHABLE), MM_OK);
	assert_int_equal(mm_numa_set_distance(&numa, 1, 0, MM_NUMA_UNREACHABLE), MM_OK);
	start();
	ASSERT_TAKES(MM_ALLOC_NODE(1), 0, LIMITS + NORMAL);
	assert_int_equal(take(MM_ALLOC_NODE(2)), 2 * LIMITS + NORMAL);
}

static void added_memory_joins_its_zone(void **state)
{
	(void)state;
	sim_destroy(&sim);
	sim_init(&sim, AT(0x100), (size_t)AT(0x500));
	start();
	assert_int_equal(mm_pmm_add_range(&pmm, AT(0x500), AT(0x80)), MM_OK);
	assert_int_equal(mm_pmm_verify(&pmm), MM_OK);
	assert_int_equal(stats(2 * LIMITS + NORMAL).total, 0xe0 + 0x80);
}

static void verify_notices_damaged_zones(void **state)
{
	(void)state;
	struct mm_zone *z;

	start();
	z = &pmm.zones[NORMAL];
#define NOTICED(damage, repair)                                                                    \
	damage;                                                                                    \
	assert_int_equal(mm_pmm_verify(&pmm), MM_E_CORRUPT);                                       \
	repair
	NOTICED(z->cfg++, z->cfg--);
	NOTICED(z->node = NODES, z->node = 0);
	NOTICED(z->pressure = MM_PRESSURE_LOW, z->pressure = 0); /* it has no watermarks */
	NOTICED(z->first_range++, z->first_range--);
	NOTICED(z->free--, z->free++);
	NOTICED(pmm.ranges[0].zone = NORMAL, pmm.ranges[0].zone = DMA);
	NOTICED(pmm.ranges[0].zone = NAMED + ZONES, pmm.ranges[0].zone = DMA);
	NOTICED(pmm.ranges[0].next = 1, pmm.ranges[0].next = MM_RANGE_NONE);
#undef NOTICED
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(each_zone_has_its_memory),
		TEST(requests_go_to_near_nodes_and_high_limits_first),
		TEST(a_request_for_a_node_begins_there),
		TEST(an_exact_node_is_not_left),
		TEST(a_zone_by_limit_bounds_addresses),
		TEST(named_zones_are_for_who_asks),
		TEST(an_exact_node_bounds_what_follows_a_named_zone),
		TEST(high_memory_is_for_who_can_do_without_an_address),
		TEST(high_memory_is_zeroed_by_the_port_only),
		TEST(high_memory_cannot_hold_its_own_metadata),
		TEST(what_is_kept_is_not_for_those_from_above),
		TEST(what_is_kept_is_there_in_an_emergency),
		TEST(the_highest_memory_there_is_keeps_nothing),
		TEST(blocks_leave_the_minimum_too),
		TEST(a_particular_block_is_not_held_back),
		TEST(pressure_is_told_once_for_each_change),
		TEST(pressure_may_jump),
		TEST(memory_of_boot_ends_pressure),
		TEST(memory_that_is_added_ends_pressure),
		TEST(nobody_need_listen),
		TEST(wrong_requests_change_nothing),
		TEST(wrong_configurations_are_refused),
		TEST(refusals_are_told_in_words),
		TEST(too_many_nodes_are_refused),
		TEST(memory_without_a_node_belongs_to_what_is_below),
		TEST(nodes_out_of_reach_are_never_asked),
		TEST(added_memory_joins_its_zone),
		TEST(verify_notices_damaged_zones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
