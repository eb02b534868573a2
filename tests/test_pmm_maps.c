/* SPDX-License-Identifier: MIT */
/* Zones of real machines: every map of tests/data/memmaps that names nodes, all addresses divided by 256 so
 * that metadata is small; only the top of memory, where it is placed, is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <mmlib/pmm.h>
#include "memmap_reader.h"

enum { SCALE = 256, LINES = 32, NODES = 16, WINDOW = 16 << 20 };
enum { DMA32, NORMAL, LIMITS };

static const char *data;
static struct memmap_line lines[LINES];
static size_t nlines;
static mm_paddr_t top; /* behind the memory */
static unsigned char *window;

static void *to_virt(void *ctx, mm_paddr_t pa)
{
	(void)ctx;
	return pa < top && pa >= top - WINDOW ? window + (pa - (top - WINDOW))
					      : (void *)(uintptr_t)(pa | (uintptr_t)1 << 60);
}

static void stop(void *ctx, const char *file, int line)
{
	(void)ctx;
	fail_msg("panic at %s:%d", file, line);
}

static const struct mm_port port = {
	.version = MM_PORT_VERSION, .size = sizeof(port), .to_virt = to_virt, .panic = stop
};

/* Memory of the machine that is there at boot, and nodes of that which may come too. */
static void machine(const char *name, struct mm_memmap *map, struct mm_numa *numa)
{
	static struct mm_mem entries[2 * LINES];
	static struct mm_numa_range ranges[LINES];
	static uint8_t distances[NODES * NODES];

	nlines = memmap_read(data, name, lines, LINES);
	top = 0;
	assert_int_equal(mm_memmap_init(map, entries, 2 * LINES), MM_OK);
	assert_int_equal(mm_numa_init(numa, ranges, LINES, distances, NODES), MM_OK);
	for (size_t i = 0; i < nlines; i++) {
		struct memmap_line *l = &lines[i];

		l->first /= SCALE;
		l->last = (l->last + 1) / SCALE - 1;
		assert_int_equal(mm_numa_add_range(numa, l->first, l->last - l->first + 1,
						   (uint32_t)l->node),
				 MM_OK);
		if (l->hotplug)
			continue;
		assert_int_equal(mm_memmap_add(map, l->first, l->last - l->first + 1,
					       MM_MEM_USABLE, NULL),
				 MM_OK);
		if (l->last >= top)
			top = l->last + 1;
	}
}

/* Whole frames of a line up to `last`. */
static mm_pfn_t frames_to(const struct memmap_line *l, mm_paddr_t last)
{
	mm_paddr_t first = (l->first + MM_FRAME_SIZE - 1) >> MM_FRAME_SHIFT;
	mm_paddr_t end = ((last < l->last ? last : l->last) + 1) >> MM_FRAME_SHIFT;

	return end > first ? end - first : 0;
}

static void check_totals(const struct mm_pmm *pmm, const struct mm_zone_cfg *zones, uint32_t nodes)
{
	mm_pfn_t want[NODES * LIMITS] = { 0 };

	for (size_t i = 0; i < nlines; i++) {
		mm_pfn_t low = frames_to(&lines[i], zones[DMA32].last);

		if (lines[i].hotplug)
			continue;
		want[lines[i].node * LIMITS + DMA32] += low;
		want[lines[i].node * LIMITS + NORMAL] += frames_to(&lines[i], MM_PADDR_MAX) - low;
	}
	for (uint32_t z = 0; z < nodes * LIMITS; z++) {
		struct mm_pmm_stats s;

		assert_int_equal(mm_pmm_stats(pmm, (int)z, &s), MM_OK);
		assert_int_equal(s.total, want[z]);
		assert_int_equal(s.node, z / LIMITS);
		assert_int_equal(s.total, s.free + s.reserved);
	}
}

/* Each node serves its own requests. */
static void check_nodes(struct mm_pmm *pmm, const struct mm_numa *numa, uint32_t nodes)
{
	for (uint32_t n = 0; n < nodes; n++) {
		mm_paddr_t pa;

		assert_int_equal(mm_page_alloc(pmm, 9, MM_ALLOC_NODE(n) | MM_ALLOC_NODE_EXACT, &pa),
				 MM_OK);
		assert_int_equal(mm_numa_node_of(numa, pa), n);
		assert_int_equal(mm_page_free(pmm, pa, 9), MM_OK);
	}
}

static void every_machine_has_its_zones(void **state)
{
	static const struct mm_zone_cfg zones[LIMITS] = {
		{ .name = "DMA32", .last = ((mm_paddr_t)1 << 32) / SCALE - 1 },
		{ .name = "NORMAL", .last = MM_PADDR_MAX },
	};
	unsigned machines = 0;

	(void)state;
	window = malloc(WINDOW);
	assert_non_null(window);
	for (const char *const *name = memmap_files; *name; name++) {
		struct mm_memmap map;
		struct mm_numa numa;
		struct mm_pmm pmm;
		struct mm_pmm_cfg cfg = { .zones = zones, .nzones = LIMITS, .numa = &numa };

		if (strncmp(*name, "srat-", 5) != 0)
			continue;
		machine(*name, &map, &numa);
		memset(window, 0xA5, WINDOW);
		cfg.reach = top - 1;
		assert_int_equal(mm_pmm_init(&pmm, &port, &map, &cfg), MM_OK);
		assert_int_equal(mm_pmm_verify(&pmm), MM_OK);
		check_totals(&pmm, zones, mm_numa_nodes(&numa));
		check_nodes(&pmm, &numa, mm_numa_nodes(&numa));
		machines++;
	}
	assert_true(machines >= 3);
	free(window);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_machine_has_its_zones),
	};

	data = argc > 1 ? argv[1] : "data";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
