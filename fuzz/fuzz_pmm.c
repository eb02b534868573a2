/* SPDX-License-Identifier: MIT */
/* Fuzz the physical memory manager against a map of owners.
 *
 * The input is a machine (pmm_zones.h), a boot map and a list of operations. After each operation: what
 * the model says of every frame is what mm_page_info() says, accounting is exact, mm_pmm_verify() passes,
 * and a refused operation has left the state hash as it was. What is allocated comes from the best zone
 * that has it to spare, and pressure is told when it changes. What is given back after boot is usable in
 * the map too, entry by entry. At the end everything is freed and the hash is that of the start,
 * unless memory was given back: then the model says it all, since mm_buddy_verify() allows only one
 * way to record it. */
#include <stdlib.h>
#include <string.h>
#include <mmlib/early.h>
#include <mmlib/pmm.h>
#include "../tests/pmm_state.h"
#include "operations.h"
#include "pmm_zones.h"

enum owner { NONE, FREE, HEAD, TAIL, TABLE, META, RESERVED, BAD };

struct model {
	unsigned char owner[FRAMES], order[FRAMES];
	unsigned char type[FRAMES];    /* what the map calls it; 0: nothing */
	mm_pfn_t total[MACHINE_ZONES]; /* RAM frames of each zone */
};

static mm_paddr_t pa_of(unsigned frame)
{
	return mm_pfn_to_pa(BASE + frame);
}

static unsigned zone_of(unsigned frame)
{
	return machine.zone[frame < FRAMES ? frame : FRAMES - 1];
}

static mm_pfn_t model_free_in(const struct model *m, unsigned zone)
{
	mm_pfn_t free = 0;

	for (unsigned f = 0; f < FRAMES; f++)
		free += m->owner[f] == FREE && zone_of(f) == zone;
	return free;
}

static void model_check(const struct model *m, const struct mm_pmm *pmm)
{
	mm_pfn_t used[MACHINE_ZONES] = { 0 }, free[MACHINE_ZONES] = { 0 };
	struct mm_pmm_stats s;
	struct mm_frame_run run;

	for (unsigned f = 0; f < FRAMES; f++) {
		static const int state[] = { [NONE] = MM_FRAME_NONE,         [FREE] = MM_FRAME_FREE,
					     [HEAD] = MM_FRAME_USED,         [TAIL] = MM_FRAME_USED,
					     [TABLE] = MM_FRAME_TABLE,       [META] = MM_FRAME_META,
					     [RESERVED] = MM_FRAME_RESERVED, [BAD] = MM_FRAME_BAD };

		MUST(mm_page_info(pmm, pa_of(f) + 5, &run) == MM_OK);
		/* a hole may lie inside a range, and what is not RAM outside of all */
		MUST((int)run.state == state[m->owner[f]] ||
		     (m->owner[f] == NONE && run.state == MM_FRAME_RESERVED) ||
		     (m->owner[f] >= RESERVED && run.state == MM_FRAME_NONE));
		if (m->owner[f] == HEAD)
			MUST(run.base == pa_of(f) && run.order == m->order[f]);
		used[zone_of(f)] +=
			m->owner[f] == HEAD || m->owner[f] == TAIL || m->owner[f] == TABLE;
		free[zone_of(f)] += m->owner[f] == FREE;
	}
	for (unsigned z = 0; z < machine.nzones; z++) {
		MUST(mm_pmm_stats(pmm, (int)z, &s) == MM_OK);
		MUST(s.node == machine_node_of(z) && s.pressure == machine.level[z] &&
		     s.min == machine.cfg[machine_cfg_of(z)].min);
		MUST(s.used == used[z] && s.free == free[z] && s.total == m->total[z] &&
		     s.total == s.free + s.used + s.reserved);
	}
	MUST(mm_pmm_verify(pmm) == MM_OK && machine_silent());
}

static void model_own(struct model *m, unsigned frame, unsigned order, bool table)
{
	MUST(frame % (1u << order) == (unsigned)(0 - BASE) % (1u << order));
	for (unsigned i = 0; i < 1u << order; i++) {
		MUST(frame + i < FRAMES && m->owner[frame + i] == FREE);
		m->owner[frame + i] = TAIL;
	}
	m->owner[frame] = table ? TABLE : HEAD;
	m->order[frame] = (unsigned char)order;
}

static void model_disown(struct model *m, unsigned frame)
{
	for (unsigned i = 0; i < 1u << m->order[frame]; i++)
		m->owner[frame + i] = FREE;
	m->order[frame] = 0;
}

/* Is this block free? All of it is in one zone then: ranges end there. */
static bool model_free(const struct model *m, unsigned frame, unsigned order)
{
	unsigned i = 0;

	while (i < 1u << order && frame + i < FRAMES && m->owner[frame + i] == FREE &&
	       zone_of(frame + i) == zone_of(frame))
		i++;
	return i == 1u << order;
}

/* Is an aligned block of this order free in this zone? */
static bool model_fits(const struct model *m, unsigned zone, const void *what)
{
	unsigned order = *(const unsigned *)what;

	for (unsigned f = 0; f + (1u << order) <= FRAMES; f++)
		if ((BASE + f) % (1u << order) == 0 && zone_of(f) == zone &&
		    model_free(m, f, order))
			return true;
	return false;
}

/* The zone that must serve a request for so many frames, as far as `fits` says that it has such; or -1:
 * used up. */
static int model_zone(const struct model *m, const struct request *r, unsigned frames,
		      bool (*fits)(const struct model *, unsigned zone, const void *what),
		      const void *what)
{
	uint32_t top = 0;
	int best = -1, zone = -1;

	for (unsigned z = 0; z < machine.nzones; z++)
		if (machine_cfg_of(z) < machine.nlimits && m->total[z] && machine_cfg_of(z) > top)
			top = machine_cfg_of(z);
	for (unsigned z = 0; z < machine.nzones; z++) {
		int rank = request_rank(r, z);
		mm_pfn_t leaves = request_leaves(r, z, top);

		if (rank < 0 || (best >= 0 && rank > best) ||
		    (leaves && model_free_in(m, z) < leaves + frames) || !fits(m, z, what))
			continue;
		MUST(rank != best);
		best = rank;
		zone = (int)z;
	}
	return zone;
}

static enum mm_status expect_free(const struct model *m, unsigned frame, unsigned order)
{
	if (frame >= FRAMES)
		return MM_E_FOREIGN;
	switch ((enum owner)m->owner[frame]) {
	case HEAD:
		return m->order[frame] == order ? MM_OK : MM_E_ORDER;
	case TAIL:
		return MM_E_ALIGN;
	case FREE:
		return MM_E_DOUBLE_FREE;
	case TABLE:
	case META:
		return MM_E_OWNER;
	default:
		return MM_E_FOREIGN;
	}
}

static void op_alloc(struct mm_pmm *pmm, struct model *m, unsigned order, unsigned a, unsigned b)
{
	struct request r = { .zone = a % 8 < machine.ncfg ? (int)(a % 8) : -1,
			     .node = (int)(a / 8 % 4) - 1 };
	bool table = (b & 7) == 7;
	uint64_t before = pmm_state_hash(pmm);
	mm_paddr_t pa = 1;
	enum mm_status st;
	int zone = -1;

	r.flags = (a & 32 ? MM_ALLOC_NODE_EXACT : 0) | (a & 64 ? MM_ALLOC_EMERGENCY : 0) |
		  (a & 128 ? MM_ALLOC_HIGH : 0) | (b & 8 ? MM_ALLOC_NO_RETRY : 0) |
		  (b & 16 ? MM_ALLOC_ZERO : 0);
	if (table)
		order = 0, r.flags |= MM_ALLOC_TABLE;
	if (r.node < (int)machine.nodes)
		zone = model_zone(m, &r, 1u << order, model_fits, &order);
	st = mm_page_alloc(pmm, order, request_flags(&r), &pa);
	if (r.node >= (int)machine.nodes || order > pmm->max_order ||
	    (table && r.flags & MM_ALLOC_HIGH))
		MUST(st == MM_E_INVAL);
	else
		MUST(st == (zone < 0 ? MM_E_NOMEM : MM_OK));
	if (st == MM_OK) {
		unsigned f = (unsigned)(mm_pa_to_pfn(pa) - BASE);

		MUST(f < FRAMES && zone_of(f) == (unsigned)zone);
		model_own(m, f, order, table);
		machine_watch((unsigned)zone, model_free_in(m, (unsigned)zone));
	} else {
		MUST(pa == 1 && pmm_state_hash(pmm) == before);
	}
}

static void op_alloc_at(struct mm_pmm *pmm, struct model *m, unsigned frame, unsigned order)
{
	uint64_t before = pmm_state_hash(pmm);
	enum mm_status st = mm_page_alloc_at(pmm, pa_of(frame), order, 0);

	if (order > pmm->max_order)
		MUST(st == MM_E_INVAL);
	else if ((BASE + frame) % (1u << order))
		MUST(st == MM_E_ALIGN);
	else if (model_free(m, frame, order))
		MUST(st == MM_OK);
	else
		MUST(st == MM_E_BUSY || st == MM_E_FOREIGN);
	if (st == MM_OK) {
		model_own(m, frame, order, false);
		machine_watch(zone_of(frame), model_free_in(m, zone_of(frame)));
	} else {
		MUST(pmm_state_hash(pmm) == before);
	}
}

static void op_free(struct mm_pmm *pmm, struct model *m, unsigned frame, unsigned order)
{
	uint64_t before = pmm_state_hash(pmm);
	enum mm_status st = mm_page_free(pmm, pa_of(frame), order);

	MUST(st == expect_free(m, frame, order));
	if (st == MM_OK) {
		model_disown(m, frame);
		machine_watch(zone_of(frame), model_free_in(m, zone_of(frame)));
	} else {
		MUST(pmm_state_hash(pmm) == before);
	}
}

static void op_free_table(struct mm_pmm *pmm, struct model *m, unsigned frame)
{
	uint64_t before = pmm_state_hash(pmm);
	enum mm_status st = mm_page_free_table(pmm, pa_of(frame)), want;

	want = expect_free(m, frame, 0);
	if (frame < FRAMES && (m->owner[frame] == HEAD || m->owner[frame] == TABLE))
		want = m->owner[frame] == TABLE ? MM_OK : MM_E_OWNER;
	MUST(st == want);
	if (st == MM_OK) {
		model_disown(m, frame);
		machine_watch(zone_of(frame), model_free_in(m, zone_of(frame)));
	} else {
		MUST(pmm_state_hash(pmm) == before);
	}
}

static void free_all(struct mm_pmm *pmm, struct model *m)
{
	for (unsigned f = 0; f < FRAMES; f++) {
		if (m->owner[f] == HEAD)
			op_free(pmm, m, f, m->order[f]);
		else if (m->owner[f] == TABLE)
			op_free_table(pmm, m, f);
	}
}

static void model_from_map(struct model *m, const struct mm_memmap *map)
{
	struct mm_mem mem;
	uint32_t it = 0;

	memset(m, 0, sizeof(*m));
	while (mm_memmap_next(map, &it, &mem))
		for (mm_pfn_t p = mm_pa_to_pfn(mem.base); p <= mm_pa_to_pfn(mem.last); p++) {
			unsigned f = (unsigned)(p - BASE);

			if (f >= FRAMES)
				continue;
			m->owner[f] = mem.type == MM_MEM_USABLE ? FREE
				      : mem.type == MM_MEM_META ? META
				      : mem.type == MM_MEM_BAD  ? BAD
								: RESERVED;
			m->type[f] = (unsigned char)mem.type;
			m->total[zone_of(f)] += mem.type <= MM_MEM_EARLY;
		}
}

/* May memory of this type be given back? */
static bool model_releasable(unsigned type)
{
	return (type >= MM_MEM_BOOT_SERVICES && type <= MM_MEM_KERNEL) || type == MM_MEM_EARLY;
}

/* The map as it must be when the frames of the model that `back` names have become usable. */
static void model_map(const struct mm_memmap *map, const bool *back, struct mm_memmap *after)
{
	struct mm_mem mem;
	uint32_t it = 0;

	while (mm_memmap_next(map, &it, &mem))
		for (mm_paddr_t pa = mem.base; pa <= mem.last; pa += MM_FRAME_SIZE) {
			bool usable = back[mm_pa_to_pfn(pa) - BASE];

			MUST(mm_memmap_add(after, pa, MM_FRAME_SIZE,
					   usable ? MM_MEM_USABLE : mem.type,
					   usable ? NULL : mem.owner) == MM_OK);
		}
}

static bool same_map(const struct mm_memmap *a, const struct mm_memmap *b)
{
	for (uint32_t i = 0; i < a->count && i < b->count; i++)
		if (a->entries[i].base != b->entries[i].base ||
		    a->entries[i].last != b->entries[i].last ||
		    a->entries[i].type != b->entries[i].type ||
		    a->entries[i].owner != b->entries[i].owner)
			return false;
	return a->count == b->count && mm_memmap_verify(a) == MM_OK;
}

/* Frames first to last, with a byte more or less at each end: less excludes that frame, more changes
 * nothing. Without a map type is 0. Returns whether anything came back. */
static bool op_release(struct mm_pmm *pmm, struct mm_memmap *map, struct model *m, unsigned type,
		       unsigned first, unsigned last, unsigned slack)
{
	static struct mm_mem entries[2 * FRAMES];
	uint64_t before = pmm_state_hash(pmm);
	mm_paddr_t base = pa_of(first) + slack % 3 - 1, end = pa_of(last + 1) - slack / 3 % 3;
	bool back[FRAMES] = { false };
	struct mm_memmap after;
	mm_pfn_t want = 0, got = 0;
	enum mm_status st;

	MUST(mm_memmap_init(&after, entries, 2 * FRAMES) == MM_OK);
	first += slack % 3 == 2;
	for (unsigned f = first; f + (slack / 3 % 3 == 2) <= last; f++)
		want += back[f] = model_releasable(type ? type : m->type[f]) &&
				  m->owner[f] == RESERVED && (!type || m->type[f] == type);
	model_map(map, back, &after);
	st = type ? mm_pmm_release(pmm, map, (enum mm_mem_type)type, base, end, &got)
		  : mm_pmm_release_range(pmm, base, end, &got);
	if (type && !model_releasable(type))
		MUST(st == MM_E_INVAL);
	else if (want == 0)
		MUST(st == MM_E_NOENT);
	else if (type && after.count > map->capacity)
		MUST(st == MM_E_2BIG);
	else
		MUST(st == MM_OK && got == want);
	if (st != MM_OK) {
		MUST(got == 0 && pmm_state_hash(pmm) == before);
		return false;
	}
	MUST(!type || same_map(map, &after));
	for (unsigned f = 0; f < FRAMES; f++)
		if (back[f]) {
			m->owner[f] = FREE;
			m->type[f] = type ? MM_MEM_USABLE : m->type[f];
		}
	return true;
}

#include "pmm_ranges.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	static struct sim sim;
	struct mm_mem entries[64];
	struct mm_memmap map;
	struct mm_pmm pmm;
	struct model m;
	struct mm_pmm_cfg cfg;
	uint64_t first;
	bool released = false;

	if (n < 1)
		return 0;
	if (!sim.host)
		sim_init(&sim, pa_of(0), (size_t)FRAMES << MM_FRAME_SHIFT);
	sim.port.pressure = machine_pressure;
	machine_set_up(in[0] / 8);
	cfg = machine_cfg();
	MUST(mm_memmap_init(&map, entries, 64) == MM_OK);
	for (unsigned k = in[0] % 8 + 1; k && n >= 4; k--, in += 3, n -= 3)
		MUST(mm_memmap_add(&map, pa_of(in[1]),
				   (uint64_t)(in[2] % (FRAMES - in[1]) + 1) << MM_FRAME_SHIFT,
				   in[3] % 4 ? MM_MEM_USABLE
					     : (enum mm_mem_type)(in[3] / 4 % 13 + 1),
				   NULL) == MM_OK);
	if (mm_pmm_init(&pmm, &sim.port, &map, &cfg) != MM_OK)
		return 0;
	model_from_map(&m, &map);
	model_check(&m, &pmm);
	first = pmm_state_hash(&pmm);
	for (in++, n--; n >= 3; in += 3, n -= 3) {
		switch (in[0] % 16) {
		case 0:
		case 1:
		case 2:
			op_alloc(&pmm, &m, in[1] % 10, in[2], in[0] / 16u);
			break;
		case 3:
			op_alloc_at(&pmm, &m, in[1], in[2] % 10);
			break;
		case 4:
			op_free_table(&pmm, &m, in[1]);
			break;
		case 5: /* a free that is most likely right */
			op_free(&pmm, &m, in[1], m.order[in[1]]);
			break;
		case 8: { /* a type that is there, most of the time */
			unsigned type = in[0] >= 128 ? in[0] % 14 + 1u : m.type[in[1]];
			unsigned end = in[2] < in[1] ? FRAMES - 1 : in[2];

			map.capacity = in[0] & 16 && map.count + in[2] % 3 < 64
					       ? map.count + in[2] % 3
					       : 64;
			if (type)
				released |=
					op_release(&pmm, &map, &m, type, in[1], end, in[0] / 10u);
			map.capacity = 64;
			break;
		}
		case 9:
			released |= op_release(&pmm, &map, &m, 0, in[1],
					       in[2] < in[1] ? FRAMES - 1 : in[2], in[0] / 10u);
			break;
		case 10:
			op_contig(&pmm, &m, in[0] / 16u + (in[1] & 15), in[1], in[2]);
			break;
		case 11:
			op_range(&pmm, &m, in[1], in[2] % 40);
			break;
		case 14:
			op_alloc_bulk(&pmm, &m, in[1] % 5, in[2] % 33, in[1] / 5u);
			break;
		case 15:
			op_free_bulk(&pmm, &m, in[1], in[2] % 5, in[2] / 5u);
			break;
		case 12:
		case 13:
			op_free_range(&pmm, &m, in[1], in[2] % 40);
			break;
		default:
			op_free(&pmm, &m, in[1] + (in[2] == 255 ? FRAMES : 0), in[2] % 40);
			break;
		}
		model_check(&m, &pmm);
		operations_count();
	}
	free_all(&pmm, &m);
	model_check(&m, &pmm);
	MUST(released || pmm_state_hash(&pmm) == first);
	return 0;
}
