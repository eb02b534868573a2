/* SPDX-License-Identifier: MIT */
/* Giving memory back after boot: exact accounting, edges, what is refused or passed over, the map's
 * room, kernels without a map, and other CPUs at work meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <sched.h>
#include <cmocka.h>
#include <mmlib/early.h>
#include <mmlib/kmalloc.h>
#include "memmap_reader.h"
#include "pmm_state.h"

#define FRAME       MM_FRAME_SIZE
#define FRAMES(n)   ((mm_paddr_t)(n) << MM_FRAME_SHIFT)
#define RAM_FIRST   0x100u
#define RAM_FRAMES  1024u
#define AT(n)       FRAMES(RAM_FIRST + (n))
#define MAP_ENTRIES 256

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

static const enum mm_mem_type held[] = { MM_MEM_BOOT_SERVICES, MM_MEM_LOADER, MM_MEM_ACPI_RECLAIM,
					 MM_MEM_INITRD,        MM_MEM_KERNEL, MM_MEM_EARLY };
#define HELD (sizeof(held) / sizeof(*held))

static void map_add(struct machine *m, unsigned first, unsigned frames, enum mm_mem_type type)
{
	assert_int_equal(mm_memmap_add(&m->map, AT(first), FRAMES(frames), type, NULL), MM_OK);
}

static struct machine *machine_new(void)
{
	struct machine *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	sim_init(&m->sim, AT(0), (size_t)FRAMES(RAM_FRAMES));
	assert_int_equal(mm_memmap_init(&m->map, m->entries, MAP_ENTRIES), MM_OK);
	map_add(m, 0, RAM_FRAMES, MM_MEM_USABLE);
	return m;
}

static void machine_start_to(struct machine *m, unsigned reach)
{
	const struct mm_pmm_cfg cfg = {
		.zones = zones, .nzones = 3, .spare_ranges = 4, .reach = AT(reach) - 1
	};

	assert_int_equal(mm_pmm_init(&m->pmm, &m->sim.port, &m->map, &cfg), MM_OK);
	assert_int_equal(mm_pmm_verify(&m->pmm), MM_OK);
}

static void machine_start(struct machine *m)
{
	machine_start_to(m, RAM_FRAMES);
}

static void machine_whole(const struct machine *m)
{
	assert_int_equal(mm_pmm_verify(&m->pmm), MM_OK);
	assert_int_equal(mm_memmap_verify(&m->map), MM_OK);
}

static void machine_free(struct machine *m)
{
	machine_whole(m);
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

static mm_pfn_t map_frames(const struct machine *m, enum mm_mem_type type)
{
	return (mm_pfn_t)(mm_memmap_bytes(&m->map, type) >> MM_FRAME_SHIFT);
}

/* The call, and what it may never change: the sum, what is used, entries that are not the map's. */
static enum mm_status release(struct machine *m, enum mm_mem_type type, mm_paddr_t base,
			      mm_paddr_t last, mm_pfn_t *frames)
{
	const struct mm_mem beyond = { 1, 2, MM_MEM_BAD, "not the map's" };
	uint32_t capacity = m->map.capacity < MAP_ENTRIES ? m->map.capacity : MAP_ENTRIES - 1;
	struct machine before;
	struct mm_pmm_stats was = stats(m, -1), is;
	uint64_t hash = pmm_state_hash(&m->pmm);
	mm_pfn_t usable = map_frames(m, MM_MEM_USABLE), n = 77;
	enum mm_status st;

	m->entries[capacity] = beyond;
	before = *m;
	st = mm_pmm_release(&m->pmm, &m->map, type, base, last, &n);
	assert_true(sim_same(&m->entries[capacity], &beyond, sizeof(beyond)));
	is = stats(m, -1);
	assert_int_equal(is.total, was.total);
	assert_int_equal(is.used, was.used);
	if (st == MM_OK) {
		assert_true(n > 0);
		assert_int_equal(is.free, was.free + n);
		assert_int_equal(is.reserved, was.reserved - n);
		assert_int_equal(map_frames(m, MM_MEM_USABLE), usable + n);
		*frames = n;
	} else {
		assert_int_equal(n, 77);
		assert_true(sim_same(m, &before, sizeof(before)));
		assert_true(pmm_state_hash(&m->pmm) == hash);
	}
	machine_whole(m);
	return st;
}

/* After the release the machine is what it would be if nothing had been held back. */
static void every_type_comes_back_to_the_frame(void **state)
{
	(void)state;
	for (size_t i = 0; i < HELD; i++) {
		struct machine *m = machine_new(), *twin = machine_new();
		mm_pfn_t n = 0;

		map_add(m, 0, 3, held[i]);    /* the first frame of all */
		map_add(m, 0x7f, 2, held[i]); /* over a zone's border */
		map_add(m, 0x90, 1, held[i]); /* one frame */
		map_add(m, 0x91, 1, held[(i + 1) % HELD]);
		map_add(m, 0x92, 0x180, held[i]); /* most of a zone, and into the next */
		machine_start(m);
		assert_int_equal(map_frames(m, held[i]), 3 + 2 + 1 + 0x180);
		assert_int_equal(release(m, held[i], 0, MM_PADDR_MAX, &n), MM_OK);
		assert_int_equal(n, 3 + 2 + 1 + 0x180);
		assert_int_equal(map_frames(m, held[i]), 0);
		assert_int_equal(map_frames(m, held[(i + 1) % HELD]), 1);
		assert_int_equal(release(m, held[i], 0, MM_PADDR_MAX, &n), MM_E_NOENT);
		assert_int_equal(release(m, held[(i + 1) % HELD], 0, MM_PADDR_MAX, &n), MM_OK);
		assert_int_equal(n, 1);
		machine_start(twin);
		assert_true(pmm_state_hash(&m->pmm) == pmm_state_hash(&twin->pmm));
		assert_int_equal(m->map.count, twin->map.count);
		for (int z = 0; z < 3; z++)
			assert_int_equal(stats(m, z).free, stats(twin, z).free);
		machine_free(m);
		machine_free(twin);
	}
}

static void only_whole_frames_of_the_range_come_back(void **state)
{
	(void)state;
	struct machine *m = machine_new();
	struct mm_frame_run run;
	mm_pfn_t n = 0;

	map_add(m, 0x20, 10, MM_MEM_KERNEL);
	machine_start(m);
	assert_int_equal(release(m, MM_MEM_KERNEL, AT(0x22) + 1, AT(0x22) + FRAME - 1, &n),
			 MM_E_NOENT);
	assert_int_equal(release(m, MM_MEM_KERNEL, AT(0x22), AT(0x22) + FRAME - 2, &n), MM_E_NOENT);
	assert_int_equal(release(m, MM_MEM_KERNEL, AT(0x22) + 1, AT(0x26) - 2, &n), MM_OK);
	assert_int_equal(n, 2); /* 0x23 and 0x24 */
	assert_int_equal(map_frames(m, MM_MEM_KERNEL), 8);
	for (unsigned f = 0x1f; f < 0x2b; f++) {
		bool back = f < 0x20 || f == 0x23 || f == 0x24 || f == 0x2a;

		assert_int_equal(mm_page_info(&m->pmm, AT(f), &run), MM_OK);
		assert_int_equal(run.state, back ? MM_FRAME_FREE : MM_FRAME_RESERVED);
	}
	assert_int_equal(release(m, MM_MEM_KERNEL, AT(0x1f), AT(0x23) - 1, &n), MM_OK);
	assert_int_equal(n, 3);
	assert_int_equal(release(m, MM_MEM_KERNEL, AT(0x20), AT(0x20), &n), MM_E_NOENT);
	assert_int_equal(release(m, MM_MEM_KERNEL, AT(0x29), MM_PADDR_MAX, &n), MM_OK);
	assert_int_equal(n, 1);
	assert_int_equal(map_frames(m, MM_MEM_KERNEL), 4);
	machine_free(m);
}

static void what_is_not_to_come_back_is_refused(void **state)
{
	static const int types[] = { 0,
				     MM_MEM_USABLE,
				     MM_MEM_META,
				     MM_MEM_SPECIFIC,
				     MM_MEM_PERSISTENT,
				     MM_MEM_ACPI_NVS,
				     MM_MEM_RESERVED,
				     MM_MEM_BAD,
				     MM_MEM_BAD + 1,
				     99,
				     -1 };
	(void)state;
	struct machine *m = machine_new();
	struct mm_pmm none = { 0 };
	mm_pfn_t n = 77;

	map_add(m, 1, 1, MM_MEM_RESERVED);
	map_add(m, 2, 1, MM_MEM_BAD);
	map_add(m, 3, 1, MM_MEM_ACPI_NVS);
	map_add(m, 4, 1, MM_MEM_SPECIFIC);
	map_add(m, 5, 1, MM_MEM_PERSISTENT);
	map_add(m, 6, 1, MM_MEM_LOADER);
	machine_start(m);
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		assert_int_equal(release(m, (enum mm_mem_type)types[i], 0, MM_PADDR_MAX, &n),
				 MM_E_INVAL);
	assert_int_equal(release(m, MM_MEM_LOADER, AT(7), AT(6), &n), MM_E_INVAL);
	assert_int_equal(release(m, MM_MEM_EARLY, 0, MM_PADDR_MAX, &n), MM_E_NOENT);
	assert_int_equal(mm_pmm_release(NULL, &m->map, MM_MEM_LOADER, 0, MM_PADDR_MAX, &n),
			 MM_E_INVAL);
	assert_int_equal(mm_pmm_release(&m->pmm, NULL, MM_MEM_LOADER, 0, MM_PADDR_MAX, &n),
			 MM_E_INVAL);
	assert_int_equal(mm_pmm_release(&none, &m->map, MM_MEM_LOADER, 0, MM_PADDR_MAX, &n),
			 MM_E_STATE);
	assert_int_equal(mm_pmm_release_range(NULL, 0, MM_PADDR_MAX, &n), MM_E_INVAL);
	assert_int_equal(mm_pmm_release_range(&m->pmm, 1, 0, &n), MM_E_INVAL);
	assert_int_equal(mm_pmm_release_range(&none, 0, MM_PADDR_MAX, &n), MM_E_STATE);
	assert_int_equal(n, 77);
	assert_int_equal(mm_pmm_release(&m->pmm, &m->map, MM_MEM_LOADER, 0, MM_PADDR_MAX, NULL),
			 MM_OK);
	assert_int_equal(map_frames(m, MM_MEM_LOADER), 0);
	machine_free(m);
}

static void memory_above_reach_is_left_to_add_range(void **state)
{
	(void)state;
	struct machine *m = machine_new();
	mm_pfn_t n = 0, total;

	map_add(m, 0x10, 4, MM_MEM_LOADER);
	map_add(m, 0x27e, 6, MM_MEM_LOADER);
	map_add(m, 0x3fe, 2, MM_MEM_LOADER);
	machine_start_to(m, 0x280);
	total = stats(m, -1).total;
	assert_int_equal(total, 0x280);
	assert_int_equal(release(m, MM_MEM_LOADER, AT(0x280), MM_PADDR_MAX, &n), MM_E_NOENT);
	assert_int_equal(release(m, MM_MEM_LOADER, 0, MM_PADDR_MAX, &n), MM_OK);
	assert_int_equal(n, 6);
	assert_int_equal(map_frames(m, MM_MEM_LOADER), 6); /* 0x280 to 0x283, 0x3fe and 0x3ff */
	assert_int_equal(release(m, MM_MEM_LOADER, 0, MM_PADDR_MAX, &n), MM_E_NOENT);
	assert_int_equal(mm_pmm_add_range(&m->pmm, AT(0x280), FRAMES(0x180)), MM_OK);
	assert_int_equal(release(m, MM_MEM_LOADER, 0, MM_PADDR_MAX, &n), MM_E_NOENT);
	machine_free(m);
}

static void a_full_map_changes_nothing(void **state)
{
	(void)state;
	struct machine *m = machine_new();
	mm_pfn_t n = 0;

	map_add(m, 0x10, 9, MM_MEM_LOADER);
	map_add(m, 0x30, 9, MM_MEM_LOADER);
	machine_start(m);
	m->map.capacity = m->map.count;
	assert_int_equal(release(m, MM_MEM_LOADER, AT(0x12), AT(0x14) - 1, &n), MM_E_2BIG);
	m->map.capacity = m->map.count + 1;
	assert_int_equal(release(m, MM_MEM_LOADER, AT(0x12), AT(0x14) - 1, &n), MM_E_2BIG);
	assert_int_equal(release(m, MM_MEM_LOADER, AT(0x10), AT(0x14) - 1, &n), MM_OK);
	assert_int_equal(n, 4); /* joins what is before it: no new entry */
	m->map.capacity = m->map.count;
	/* The second entry goes, and two with it: room for a split of the first. */
	assert_int_equal(release(m, MM_MEM_LOADER, AT(0x10), AT(0x40) - 1, &n), MM_OK);
	assert_int_equal(n, 5 + 9);
	machine_free(m);
}

static void room_that_another_run_makes_is_used(void **state)
{
	(void)state;
	struct machine *m = machine_new();
	mm_pfn_t n = 0;

	map_add(m, 0x10, 9, MM_MEM_LOADER);
	map_add(m, 0x19, 1, MM_MEM_KERNEL);
	map_add(m, 0x30, 9, MM_MEM_LOADER);
	machine_start(m);
	m->map.capacity = m->map.count;
	/* 0x15 to 0x18 become an entry more; then 0x30 to 0x38 become one with both neighbours */
	assert_int_equal(release(m, MM_MEM_LOADER, AT(0x15), AT(0x39) - 1, &n), MM_OK);
	assert_int_equal(n, 4 + 9);
	assert_int_equal(map_frames(m, MM_MEM_LOADER), 5);
	machine_free(m);
}

static void neighbours_of_two_owners_become_one_entry(void **state)
{
	(void)state;
	struct machine *m = machine_new();
	mm_pfn_t n = 0;

	map_add(m, 0x0f, 1, MM_MEM_KERNEL);
	assert_int_equal(mm_memmap_add(&m->map, AT(0x10), FRAMES(4), MM_MEM_LOADER, "a"), MM_OK);
	assert_int_equal(mm_memmap_add(&m->map, AT(0x14), FRAMES(4), MM_MEM_LOADER, "b"), MM_OK);
	map_add(m, 0x18, 1, MM_MEM_KERNEL);
	machine_start(m);
	m->map.capacity = m->map.count;
	assert_int_equal(release(m, MM_MEM_LOADER, AT(0x12), AT(0x18) - 1, &n), MM_OK);
	assert_int_equal(n, 6); /* two entries before, two after */
	assert_int_equal(m->map.count, m->map.capacity);
	machine_free(m);
}

static void contents_are_left_alone(void **state)
{
	(void)state;
	struct machine *m = machine_new();
	unsigned char *p;
	mm_pfn_t n = 0;

	map_add(m, 0x10, 2, MM_MEM_INITRD);
	machine_start(m);
	p = sim_to_virt(&m->sim, AT(0x10));
	memset(p, 0x3c, (size_t)FRAMES(2));
	assert_int_equal(release(m, MM_MEM_INITRD, 0, MM_PADDR_MAX, &n), MM_OK);
	for (size_t i = 0; i < (size_t)FRAMES(2); i++)
		assert_int_equal(p[i], 0x3c);
	assert_int_equal(mm_page_alloc_at(&m->pmm, AT(0x10), 0, MM_ALLOC_ZERO), MM_OK);
	assert_int_equal(p[0], 0);
	assert_int_equal(p[FRAME], 0x3c);
	assert_int_equal(mm_page_free(&m->pmm, AT(0x10), 0), MM_OK);
	machine_free(m);
}

/* Before: refused as never allocated. After: a frame as any other. */
static void what_came_back_can_be_allocated_and_freed(void **state)
{
	(void)state;
	struct machine *m = machine_new();
	struct mm_heap heap;
	mm_pfn_t n = 0;

	map_add(m, 0x20, 8, MM_MEM_ACPI_RECLAIM);
	machine_start(m);
	assert_int_equal(mm_heap_init(&heap, &m->pmm, 1), MM_OK);
	assert_int_equal(mm_page_free(&m->pmm, AT(0x21), 0), MM_E_FOREIGN);
	assert_int_equal(mm_page_free_table(&m->pmm, AT(0x21)), MM_E_FOREIGN);
	assert_int_equal(mm_kfree(&heap, sim_to_virt(&m->sim, AT(0x21))), MM_E_FOREIGN);
	assert_int_equal(mm_page_alloc_at(&m->pmm, AT(0x20), 4, 0), MM_E_BUSY);
	assert_int_equal(mm_heap_destroy(&heap), MM_OK);
	assert_int_equal(release(m, MM_MEM_ACPI_RECLAIM, 0, MM_PADDR_MAX, &n), MM_OK);
	assert_int_equal(mm_page_free(&m->pmm, AT(0x21), 0), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_page_alloc_at(&m->pmm, AT(0x20), 4, 0), MM_OK); /* and its neighbours */
	assert_int_equal(release(m, MM_MEM_ACPI_RECLAIM, 0, MM_PADDR_MAX, &n), MM_E_NOENT);
	assert_int_equal(mm_page_free(&m->pmm, AT(0x20), 4), MM_OK);
	machine_free(m);
}

/* The frame byte has the last word: a map that was changed afterwards frees nothing twice. */
static void a_map_that_lies_frees_nothing_twice(void **state)
{
	(void)state;
	struct machine *m = machine_new();
	mm_paddr_t pa;
	mm_pfn_t n = 0;

	map_add(m, 0x20, 4, MM_MEM_LOADER);
	map_add(m, 0x30, 2, MM_MEM_RESERVED); /* a hole inside a range */
	machine_start(m);
	assert_int_equal(mm_page_alloc(&m->pmm, 2, 0, &pa), MM_OK);
	/* free frames, a block in use, the hole and metadata, all called so by mistake */
	for (uint32_t i = 0; i < m->map.count; i++)
		m->entries[i].type = MM_MEM_LOADER, m->entries[i].owner = "liar";
	while (m->map.count > 1) { /* one entry, to keep it maximal */
		m->entries[0].last = m->entries[m->map.count - 1].last;
		m->map.count--;
	}
	assert_int_equal(mm_pmm_release(&m->pmm, &m->map, MM_MEM_LOADER, 0, MM_PADDR_MAX, &n),
			 MM_OK);
	assert_int_equal(n, 4);
	assert_int_equal(map_frames(m, MM_MEM_USABLE), 4);
	assert_int_equal(release(m, MM_MEM_LOADER, 0, MM_PADDR_MAX, &n), MM_E_NOENT);
	assert_int_equal(mm_page_free(&m->pmm, pa, 2), MM_OK);
	machine_free(m);
}

static void without_a_map_the_range_decides(void **state)
{
	(void)state;
	struct machine *m = machine_new();
	struct mm_pmm_stats was;
	mm_pfn_t n = 77;
	uint64_t hash;

	map_add(m, 0x10, 2, MM_MEM_LOADER);
	map_add(m, 0x12, 2, MM_MEM_KERNEL);
	map_add(m, 0x14, 1, MM_MEM_RESERVED);
	map_add(m, 0x15, 1, MM_MEM_BAD);
	map_add(m, 0x7e, 4, MM_MEM_EARLY);
	machine_start(m);
	was = stats(m, -1);
	assert_int_equal(mm_pmm_release_range(&m->pmm, AT(0x11), AT(0x13) - 1, &n), MM_OK);
	assert_int_equal(n, 2);
	assert_int_equal(mm_pmm_release_range(&m->pmm, AT(0x10) + 1, AT(0x13) + 9, &n), MM_E_NOENT);
	assert_int_equal(mm_pmm_release_range(&m->pmm, 0, MM_PADDR_MAX, &n), MM_OK);
	assert_int_equal(n, 1 + 1 + 4);
	assert_int_equal(stats(m, -1).free, was.free + 8);
	assert_int_equal(stats(m, -1).reserved, was.reserved - 8);
	assert_int_equal(stats(m, -1).reserved, map_frames(m, MM_MEM_META));
	hash = pmm_state_hash(&m->pmm);
	assert_int_equal(mm_pmm_release_range(&m->pmm, 0, MM_PADDR_MAX, &n), MM_E_NOENT);
	assert_int_equal(n, 6);
	assert_true(pmm_state_hash(&m->pmm) == hash);
	/* A map that was not thrown away does not bring them back again. */
	assert_int_equal(release(m, MM_MEM_LOADER, 0, MM_PADDR_MAX, &n), MM_E_NOENT);
	machine_free(m);
}

static void what_came_back_without_the_map_is_passed_over(void **state)
{
	(void)state;
	struct machine *m = machine_new();
	mm_pfn_t n = 0;

	map_add(m, 0x10, 2, MM_MEM_LOADER);
	map_add(m, 0x20, 3, MM_MEM_LOADER);
	map_add(m, 0x30, 4, MM_MEM_LOADER);
	machine_start(m);
	assert_int_equal(mm_pmm_release_range(&m->pmm, AT(0x10), AT(0x12) - 1, &n), MM_OK);
	assert_int_equal(release(m, MM_MEM_LOADER, 0, MM_PADDR_MAX, &n), MM_OK);
	assert_int_equal(n, 3 + 4);
	assert_int_equal(map_frames(m, MM_MEM_LOADER), 2);
	machine_free(m);
}

static void verify_counts_what_is_held_back(void **state)
{
	(void)state;
	struct machine *m = machine_new();
	mm_paddr_t pa;

	map_add(m, 0x10, 3, MM_MEM_LOADER);
	machine_start(m);
	assert_int_equal(mm_page_alloc(&m->pmm, 0, MM_ALLOC_ZONE(0), &pa), MM_OK);
	m->pmm.zones[0].reserved++;
	assert_int_equal(mm_pmm_verify(&m->pmm), MM_E_CORRUPT);
	m->pmm.zones[0].reserved -= 2;
	assert_int_equal(mm_pmm_verify(&m->pmm), MM_E_CORRUPT);
	m->pmm.zones[0].reserved++;
	assert_int_equal(mm_page_free(&m->pmm, pa, 0), MM_OK);
	machine_free(m);
}

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* What the map calls each frame, and its entries afterwards if the frames given are usable. */
static void expect(const struct machine *m, const uint8_t *back, enum mm_mem_type *types,
		   struct mm_memmap *after)
{
	struct mm_mem mem;
	uint32_t it = 0;

	memset(types, 0, RAM_FRAMES * sizeof(*types));
	while (mm_memmap_next(&m->map, &it, &mem)) {
		for (mm_paddr_t pa = mem.base; pa <= mem.last && pa >= mem.base; pa += FRAME) {
			unsigned f = (unsigned)((pa >> MM_FRAME_SHIFT) - RAM_FIRST);

			types[f] = mem.type;
			assert_int_equal(mm_memmap_add(after, pa, FRAME,
						       back[f] ? MM_MEM_USABLE : mem.type,
						       back[f] ? NULL : mem.owner),
					 MM_OK);
		}
	}
}

/* A range in the middle of some entry, so that the map has to grow. */
static void inside_an_entry(const struct machine *m, uint64_t random, enum mm_mem_type *type,
			    unsigned *first, unsigned *last)
{
	const struct mm_mem *e = &m->entries[random % m->map.count];

	for (size_t i = 0; i < HELD; i++)
		if (held[i] == e->type && e->last - e->base >= FRAMES(3)) {
			*type = e->type;
			*first = (unsigned)((e->base >> MM_FRAME_SHIFT) - RAM_FIRST) + 1;
			*last = (unsigned)((e->last >> MM_FRAME_SHIFT) - RAM_FIRST) - 1;
		}
}

/* Random maps, random ranges, and a map that has exactly the room that is needed, or one less. */
static void releases_agree_with_a_model(void **state)
{
	static const char *const owners[] = { NULL, "a", "b" };
	static uint8_t back[RAM_FRAMES];
	static enum mm_mem_type types[RAM_FRAMES];
	static struct mm_mem entries[4 * MAP_ENTRIES];
	uint64_t seed = 11;
	unsigned full = 0, done = 0, runs = sim_is_slow() ? 30 : 300;

	(void)state;
	for (unsigned run = 0; run < runs; run++) {
		struct machine *m = machine_new();

		for (int i = 0; i < 40; i++) {
			unsigned first = (unsigned)(next_random(&seed) % (RAM_FRAMES - 80));
			unsigned frames = (unsigned)(next_random(&seed) % 20);
			enum mm_mem_type type = (enum mm_mem_type)(next_random(&seed) % 13 + 1);

			assert_int_equal(mm_memmap_add(&m->map, AT(first), FRAMES(frames), type,
						       owners[next_random(&seed) % 3]),
					 MM_OK);
		}
		machine_start(m);
		for (int i = 0; i < 8; i++) {
			enum mm_mem_type type = held[next_random(&seed) % HELD];
			unsigned first = (unsigned)(next_random(&seed) % RAM_FRAMES);
			unsigned last = (unsigned)(next_random(&seed) % RAM_FRAMES);
			struct mm_memmap after;
			mm_pfn_t want = 0, n = 0;
			enum mm_status st;

			if (last < first)
				last = RAM_FRAMES - 1, first = 0;
			if (next_random(&seed) % 2)
				inside_an_entry(m, next_random(&seed), &type, &first, &last);
			memset(back, 0, sizeof(back));
			assert_int_equal(mm_memmap_init(&after, entries, 4 * MAP_ENTRIES), MM_OK);
			expect(m, back, types, &after);
			for (unsigned f = first; f <= last; f++)
				want += back[f] = types[f] == type;
			assert_int_equal(mm_memmap_init(&after, entries, 4 * MAP_ENTRIES), MM_OK);
			expect(m, back, types, &after);
			m->map.capacity = m->map.count > after.count ? m->map.count : after.count;
			if (after.count > m->map.count && next_random(&seed) % 2) {
				m->map.capacity = after.count - 1;
				assert_int_equal(release(m, type, AT(first), AT(last + 1) - 1, &n),
						 MM_E_2BIG);
				m->map.capacity++;
				full++;
			}
			st = release(m, type, AT(first), AT(last + 1) - 1, &n);
			assert_int_equal(st, want ? MM_OK : MM_E_NOENT);
			assert_int_equal(n, want);
			done += want > 0;
			assert_int_equal(m->map.count, after.count);
			for (uint32_t e = 0; e < after.count; e++) {
				assert_int_equal(m->entries[e].base, entries[e].base);
				assert_int_equal(m->entries[e].last, entries[e].last);
				assert_int_equal(m->entries[e].type, entries[e].type);
				assert_ptr_equal(m->entries[e].owner, entries[e].owner);
			}
		}
		machine_free(m);
	}
	assert_true(full > runs / 6 && done > runs * 5 / 3); /* the generator does what it is for */
}

#if MM_PADDR_BITS == 64
static const char *data_folder;

static void *far_to_virt(void *ctx, mm_paddr_t pa)
{
	struct sim *sim = ctx;

	return (void *)((uintptr_t)sim->host + (uintptr_t)(pa - sim->base));
}

/* Tables of real firmware, and a kernel, a ramdisk and a loader beside them. */
static void a_real_machine_gives_back(const char *name)
{
	static struct mm_mem entries[256];
	static const struct mm_zone_cfg pc[] = { { .name = "DMA32", .last = 0xffffffff },
						 { .name = "NORMAL", .last = MM_PADDR_MAX } };
	struct mm_pmm_cfg cfg = { .zones = pc, .nzones = 2 };
	struct memmap_line line[64];
	struct mm_memmap map;
	struct mm_mem mem, highest = { 0 };
	struct mm_pmm_stats was, is;
	mm_pfn_t n, back = 0, tables;
	struct mm_pmm pmm;
	struct sim sim;

	assert_int_equal(mm_memmap_init(&map, entries, 256), MM_OK);
	for (size_t i = 0, k = memmap_read(data_folder, name, line, 64); i < k; i++)
		assert_int_equal(mm_memmap_add(&map, line[i].first,
					       line[i].last - line[i].first + 1, line[i].type,
					       NULL),
				 MM_OK);
	tables = (mm_pfn_t)(mm_memmap_bytes(&map, MM_MEM_ACPI_RECLAIM) >> MM_FRAME_SHIFT);
	assert_int_equal(mm_memmap_take(&map, 0x100000, 0x800000, MM_MEM_KERNEL, "k"), MM_OK);
	assert_int_equal(mm_memmap_take(&map, 0x2000000, 0x123456, MM_MEM_INITRD, "i"), MM_OK);
	assert_int_equal(mm_memmap_take(&map, 0x8765, 0x100, MM_MEM_LOADER, "l"), MM_OK);
	for (uint32_t it = 0; mm_memmap_next(&map, &it, &mem);)
		if (mem.type == MM_MEM_USABLE)
			highest = mem;
	cfg.reach = highest.last;
	sim_init(&sim, highest.last + 1 - ((mm_paddr_t)32 << 20), (size_t)32 << 20);
	sim.port.to_virt = far_to_virt;
	assert_int_equal(mm_pmm_init(&pmm, &sim.port, &map, &cfg), MM_OK);
	assert_int_equal(mm_pmm_stats(&pmm, -1, &was), MM_OK);
	for (size_t i = 0; i < HELD; i++)
		if (held[i] != MM_MEM_KERNEL &&
		    mm_pmm_release(&pmm, &map, held[i], 0, MM_PADDR_MAX, &n) == MM_OK)
			back += n;
	assert_int_equal(mm_pmm_release(&pmm, &map, MM_MEM_KERNEL, 0x100000, 0x17ffff, &n), MM_OK);
	back += n;
	assert_int_equal(mm_pmm_stats(&pmm, -1, &is), MM_OK);
	assert_int_equal(back, tables + (0x124000 + 0x1000 + 0x80000) / 0x1000);
	assert_int_equal(is.total, was.total);
	assert_int_equal(is.free, was.free + back);
	assert_int_equal(is.reserved, was.reserved - back);
	assert_int_equal(is.used, 0);
	assert_int_equal(is.free, mm_memmap_bytes(&map, MM_MEM_USABLE) >> MM_FRAME_SHIFT);
	assert_int_equal(mm_memmap_verify(&map), MM_OK);
	assert_int_equal(mm_pmm_verify(&pmm), MM_OK);
	sim_destroy(&sim);
}

static void real_machines_give_back(void **state)
{
	(void)state;
	if (MM_FRAME_SHIFT != 12)
		skip();
	for (size_t f = 0; memmap_files[f]; f++)
		if (strncmp(memmap_files[f], "e820", 4) == 0)
			a_real_machine_gives_back(memmap_files[f]);
}
#endif

#if MM_ATOMICS
enum { WORKERS = 3, HANDFUL = 16 };

struct work {
	struct machine *m;
	int stop;
	unsigned long rounds[WORKERS], errors[WORKERS];
};

static void *worker(void *arg)
{
	static unsigned next;
	struct work *w = arg;
	unsigned me = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED) % WORKERS;
	mm_paddr_t pa[HANDFUL];

	for (; !__atomic_load_n(&w->stop, __ATOMIC_RELAXED);
	     __atomic_fetch_add(&w->rounds[me], 1, __ATOMIC_RELAXED)) {
		struct mm_pmm_stats s;
		unsigned n = 0;

		while (n < HANDFUL && mm_page_alloc(&w->m->pmm, n % 3, 0, &pa[n]) == MM_OK)
			n++;
		if (mm_pmm_stats(&w->m->pmm, -1, &s) != MM_OK || s.used > RAM_FRAMES ||
		    s.total != RAM_FRAMES)
			w->errors[me]++;
		while (n-- > 0)
			if (mm_page_free(&w->m->pmm, pa[n], n % 3) != MM_OK)
				w->errors[me]++;
	}
	return NULL;
}

/* Half of the machine is held back in pieces and comes back while others allocate and free. */
static void others_allocate_meanwhile(void **state)
{
	(void)state;
	for (int run = 0; run < (sim_is_slow() ? 2 : 20); run++) {
		struct machine *m = machine_new();
		struct work w = { .m = m };
		struct mm_pmm_stats before;
		pthread_t threads[WORKERS];
		mm_pfn_t n, back = 0;

		for (unsigned f = 0; f < RAM_FRAMES - 64; f += 8)
			map_add(m, f, 4, MM_MEM_LOADER);
		machine_start(m);
		before = stats(m, -1);
		for (int i = 0; i < WORKERS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, worker, &w), 0);
		for (int i = 0; i < WORKERS; i++)
			while (__atomic_load_n(&w.rounds[i], __ATOMIC_RELAXED) == 0)
				sched_yield();
		for (unsigned f = 0; f < RAM_FRAMES; f += 32) {
			if (mm_pmm_release(&m->pmm, &m->map, MM_MEM_LOADER, AT(f), AT(f + 32) - 1,
					   &n) == MM_OK)
				back += n;
		}
		__atomic_store_n(&w.stop, 1, __ATOMIC_RELAXED);
		for (int i = 0; i < WORKERS; i++) {
			assert_int_equal(pthread_join(threads[i], NULL), 0);
			assert_int_equal(w.errors[i], 0);
		}
		assert_int_equal(back, (RAM_FRAMES - 64) / 2);
		assert_int_equal(stats(m, -1).free, before.free + back);
		assert_int_equal(stats(m, -1).used, 0);
		machine_free(m);
	}
}
#endif

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_comes_back_to_the_frame),
		cmocka_unit_test(only_whole_frames_of_the_range_come_back),
		cmocka_unit_test(what_is_not_to_come_back_is_refused),
		cmocka_unit_test(memory_above_reach_is_left_to_add_range),
		cmocka_unit_test(a_full_map_changes_nothing),
		cmocka_unit_test(room_that_another_run_makes_is_used),
		cmocka_unit_test(neighbours_of_two_owners_become_one_entry),
		cmocka_unit_test(contents_are_left_alone),
		cmocka_unit_test(what_came_back_can_be_allocated_and_freed),
		cmocka_unit_test(a_map_that_lies_frees_nothing_twice),
		cmocka_unit_test(without_a_map_the_range_decides),
		cmocka_unit_test(what_came_back_without_the_map_is_passed_over),
		cmocka_unit_test(verify_counts_what_is_held_back),
		cmocka_unit_test(releases_agree_with_a_model),
#if MM_PADDR_BITS == 64
		cmocka_unit_test(real_machines_give_back),
#endif
#if MM_ATOMICS
		cmocka_unit_test(others_allocate_meanwhile),
#endif
	};

#if MM_PADDR_BITS == 64
	data_folder = argc > 1 ? argv[1] : "tests/data";
#else
	(void)argc;
	(void)argv;
#endif
	return cmocka_run_group_tests_name("pmm_release", tests, NULL, NULL);
}
