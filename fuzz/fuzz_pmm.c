/* SPDX-License-Identifier: MIT */
/* Fuzz the physical memory manager against a map of owners.
 *
 * The input is a machine (pmm_zones.h), a boot map and a list of operations. After each operation: all
 * state is what the model says (pmm_model.h), so a refused operation has changed nothing, and
 * accounting is exact; and what is told of the frames of the operation. Each 64th time, before the first
 * operation and after the last one: what the manager tells of every frame and zone, and
 * mm_pmm_verify(). What is allocated comes from the lowest place of the best zone that has it to spare,
 * and pressure is told when it changes. What is given back after boot is usable in the map too, entry by
 * entry. Owners write to each of their frames, which nobody else does. At the end everything is freed and the hash is that of the start, unless memory was given back:
 * then the model says it all, since mm_buddy_verify() allows only one way to record it.
 *
 * Faults are part of the input (pmm_faults.h): memory that cannot be had inside the library, a CPU whose
 * frames at hand are always in use by somebody it interrupted, and writes to free frames, each of which
 * must be told by the first allocation that gets it, with its address. */
#include <stdlib.h>
#include <string.h>
#include <mmlib/early.h>
#include <mmlib/pmm.h>
#include "local.h"
#include "operations.h"
#include "pmm_model.h"

#define WHOLE 64u /* operations between two looks at everything */

static void op_alloc(struct mm_pmm *pmm, struct model *m, unsigned order, unsigned a, unsigned b)
{
	struct request r = { .zone = a % 8 < machine.ncfg ? (int)(a % 8) : -1,
			     .node = (int)(a / 8 % 4) - 1 };
	bool table = (b & 7) == 7;
	unsigned want = FRAMES;
	struct run_wanted run;
	mm_paddr_t pa = 1;
	enum mm_status st;

	r.flags = (a & 32 ? MM_ALLOC_NODE_EXACT : 0) | (a & 64 ? MM_ALLOC_EMERGENCY : 0) |
		  (a & 128 ? MM_ALLOC_HIGH : 0) | (b & 8 ? MM_ALLOC_NO_RETRY : 0) |
		  (b & 16 ? MM_ALLOC_ZERO : 0);
	if (table)
		order = 0, r.flags |= MM_ALLOC_TABLE;
	run = block_wanted(order);
	if (r.node < (int)machine.nodes)
		want = model_best(m, &r, &run);
	model_ask(m, want, run.count);
	st = mm_page_alloc(pmm, order, request_flags(&r), &pa);
	if (r.node >= (int)machine.nodes || order > pmm->max_order ||
	    (table && r.flags & MM_ALLOC_HIGH))
		MUST(st == MM_E_INVAL);
	else
		MUST(st == (want == FRAMES ? MM_E_NOMEM : MM_OK));
	MUST(pa == (st == MM_OK ? pa_of(want) : 1));
	if (st != MM_OK)
		return;
	model_own(m, want, order, table);
	model_watch(m, want);
	MUST(!(r.flags & MM_ALLOC_ZERO) || is_zero(want, 1u << order));
	model_stamp(m, want, 1u << order);
}

static void op_alloc_at(struct mm_pmm *pmm, struct model *m, unsigned frame, unsigned order)
{
	enum mm_status st;

	model_ask(m, frame, 1u << order);
	st = mm_page_alloc_at(pmm, pa_of(frame), order, 0);
	if (order > pmm->max_order)
		MUST(st == MM_E_INVAL);
	else if ((BASE + frame) % (1u << order))
		MUST(st == MM_E_ALIGN);
	else if (model_run_free(m, frame, 1u << order))
		MUST(st == MM_OK);
	else
		MUST(st == MM_E_BUSY || st == MM_E_FOREIGN);
	if (st == MM_OK) {
		model_own(m, frame, order, false);
		model_watch(m, frame);
		model_stamp(m, frame, 1u << order);
	}
}

static void op_free(struct mm_pmm *pmm, struct model *m, unsigned frame, unsigned order)
{
	enum mm_status st = mm_page_free(pmm, pa_of(frame), order);

	MUST(st == expect_free(m, frame, order));
	if (st == MM_OK) {
		model_disown(m, frame);
		model_watch(m, frame);
	}
}

static void op_free_table(struct mm_pmm *pmm, struct model *m, unsigned frame)
{
	enum mm_status st = mm_page_free_table(pmm, pa_of(frame)), want;

	want = expect_free(m, frame, 0);
	if (frame < FRAMES && (m->owner[frame] == HEAD || m->owner[frame] == TABLE))
		want = m->owner[frame] == TABLE ? MM_OK : MM_E_OWNER;
	MUST(st == want);
	if (st == MM_OK) {
		model_disown(m, frame);
		model_watch(m, frame);
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

	while (mm_memmap_next(map, &it, &mem)) {
		unsigned f = frame_of(mem.base), end = frame_of(mem.last) + 1;

		for (unsigned n = 1; f < end; f += n, n = 1) {
			while (f + n < end && back[f + n] == back[f])
				n++;
			MUST(mm_memmap_add(after, pa_of(f), mm_pfn_to_pa(n),
					   back[f] ? MM_MEM_USABLE : mem.type,
					   back[f] ? NULL : mem.owner) == MM_OK);
		}
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
	if (type)
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
		MUST(got == 0);
		return false;
	}
	MUST(!type || same_map(map, &after));
	for (unsigned f = 0; f < FRAMES; f++)
		if (back[f]) {
			model_put(m, f, FREE, FRAME_FREE);
			m->type[f] = type ? MM_MEM_USABLE : m->type[f];
		}
	model_watch_all(m);
	m->at = first;
	return true;
}

#include "pmm_ranges.h"
#include "pmm_faults.h"

/* The machine, its map and its manager. False: it has no memory to manage. */
static bool set_up(struct mm_pmm *pmm, struct mm_memmap *map)
{
	struct mm_pmm_cfg cfg;
	enum mm_status st;

	if (!sim.host) {
		sim_init(&sim, pa_of(0), (size_t)FRAMES << MM_FRAME_SHIFT);
		sim.port.pressure = machine_pressure;
		sim.port.panic = damage_found;
		sim.port.log = damage_told;
	}
	cfg = machine_cfg();
	st = init_without_memory(pmm, map, &cfg);
	if (mm_pmm_init(pmm, &sim.port, map, &cfg) != MM_OK) {
		MUST(st != MM_OK);
		return false;
	}
	MUST(st == MM_E_NOMEM);
	if (machine.busy) /* all calls are of an interrupt in the middle of another */
		pmm->cpus[0].door = MM_LOCAL_LOCKED;
	return true;
}

/* A type that is there, most of the time; the map may have no room for more entries. */
static bool step_release(struct mm_pmm *pmm, struct mm_memmap *map, struct model *m, const uint8_t *in)
{
	unsigned type = in[0] >= 128 ? in[0] % 14 + 1u : m->type[in[1]];
	unsigned end = in[2] < in[1] ? FRAMES - 1 : in[2];
	uint32_t all = map->capacity;
	bool released;

	if (!type)
		return false;
	if (in[0] & 16 && map->count + in[2] % 3 < all)
		map->capacity = map->count + in[2] % 3;
	released = op_release(pmm, map, m, type, in[1], end, in[0] / 10u);
	map->capacity = all;
	return released;
}

/* Returns whether memory was given back. */
static bool step(struct mm_pmm *pmm, struct mm_memmap *map, struct model *m, const uint8_t *in)
{
	m->at = in[1];
	m->asked = 0;
	m->nasked = FRAMES;
	switch (in[0] % 16) {
	case 0:
	case 1:
	case 2:
		op_alloc(pmm, m, in[1] % 10, in[2], in[0] / 16u);
		return false;
	case 3:
		op_alloc_at(pmm, m, in[1], in[2] % 10);
		return false;
	case 4:
		op_free_table(pmm, m, in[1]);
		return false;
	case 5: /* a free that is most likely right */
		op_free(pmm, m, in[1], m->order[in[1]]);
		return false;
	case 6:
		op_fault(pmm, m, in[0] / 16u, in[1], in[2]);
		return false;
	case 8:
		return step_release(pmm, map, m, in);
	case 9:
		return op_release(pmm, map, m, 0, in[1], in[2] < in[1] ? FRAMES - 1 : in[2],
				  in[0] / 10u);
	case 10:
		op_contig(pmm, m, in[0] / 16u + (in[1] & 15), in[1], in[2]);
		return false;
	case 11:
		op_range(pmm, m, in[1], in[2] % 40);
		return false;
	case 14:
		op_alloc_bulk(pmm, m, in[1] % 5, in[2] % 33, in[1] / 5u);
		return false;
	case 15:
		op_free_bulk(pmm, m, in[1], in[2] % 5, in[2] / 5u);
		return false;
	case 12:
	case 13:
		op_free_range(pmm, m, in[1], in[2] % 40);
		return false;
	default:
		op_free(pmm, m, in[1] + (in[2] == 255 ? FRAMES : 0), in[2] % 40);
		return false;
	}
}

/* All operations of an input, and then everything freed. */
static void run(struct mm_pmm *pmm, struct mm_memmap *map, struct model *m, const uint8_t *in, size_t n)
{
	uint64_t first = pmm_state_hash(pmm);
	bool released = false;
	unsigned done = 0;

	for (; n >= 3; in += 3, n -= 3) {
		released |= step(pmm, map, m, in);
		check_state(m, pmm);
		check_near(m, pmm, m->at);
		check_near(m, pmm, in[1]);
		if (++done % WHOLE == 0)
			check_all(m, pmm);
		operations_count();
	}
	while (pmm->heaps)
		op_side_put(pmm, m);
	free_all(pmm, m);
	check_state(m, pmm);
	check_all(m, pmm);
	MUST(released || pmm_state_hash(pmm) == first);
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	static struct mm_pmm pmm;
	static struct model m;
	struct mm_mem entries[64];
	struct mm_memmap map;
	uint8_t kind = 8; /* without an input, something is done all the same */

	if (n) {
		kind = *in++;
		n--;
	}
	machine_set_up(kind / 8);
	MUST(mm_memmap_init(&map, entries, 64) == MM_OK);
	for (unsigned k = kind % 8 + 1; k && n >= 3; k--, in += 3, n -= 3)
		MUST(mm_memmap_add(&map, pa_of(in[0]),
				   (uint64_t)(in[1] % (FRAMES - in[0]) + 1) << MM_FRAME_SHIFT,
				   in[2] % 4 ? MM_MEM_USABLE
					     : (enum mm_mem_type)(in[2] / 4 % 13 + 1),
				   NULL) == MM_OK);
	if (map.count == 0)
		MUST(mm_memmap_add(&map, pa_of(0), mm_pfn_to_pa(FRAMES), MM_MEM_USABLE, NULL) == MM_OK);
	if (!set_up(&pmm, &map))
		return 0;
	model_from_map(&m, &map);
	m.ranges = pmm.nranges;
	check_state(&m, &pmm);
	check_all(&m, &pmm);
	if (setjmp(damage_seen) == 0)
		run(&pmm, &map, &m, in, n);
	else
		damage_judge(&m);
	return 0;
}
