/* SPDX-License-Identifier: MIT */
/* Page frames, with frames at hand on each CPU. */
#include "../pmm_state.h"
#include "explore.h"
#include "local.h"
#include "pmm/pmm.h"
#include <mmlib/cma.h>
#include <mmlib/range.h>
#include "world_pmm.h"
#include <stdlib.h>
#include <string.h>

#define BASE    UINT64_C(0x100000)
#define CLAIMED 98u /* "order" of a claim */

struct mm_pmm *ex_pmm;
static struct mm_memmap *map;
static struct mm_cma *area;
static unsigned char *ram;
static uint64_t all_free;
static mm_pfn_t base;
static mm_pfn_t eaten[EX_FRAMES]; /* set-up only */
static unsigned neaten;

/* FNV-1a, as the simulated machine has it. */
uint64_t sim_hash(uint64_t hash, const void *data, size_t bytes)
{
	const unsigned char *p = data;

	hash = hash ? hash : 0xcbf29ce484222325u;
	for (size_t i = 0; i < bytes; i++)
		hash = (hash ^ p[i]) * 0x100000001b3u;
	return hash;
}

static mm_pfn_t frames_of(const struct op *op)
{
	return op->count ? op->count : (mm_pfn_t)1 << op->order;
}

/* Two nodes, half of ram each, and a CPU on each. */
static void make_nodes(struct mm_pmm_cfg *cfg, mm_paddr_t bytes)
{
	static struct mm_numa numa; /* all of it: set-up only */
	static struct mm_numa_range ranges[2];
	static uint8_t distances[4];
	static const uint32_t cpu_nodes[] = { 0, 1 };

	world_must(mm_numa_init(&numa, ranges, 2, distances, 2) == MM_OK &&
			   mm_numa_add_range(&numa, BASE, bytes / 2, 0) == MM_OK &&
			   mm_numa_add_range(&numa, BASE + bytes / 2, bytes / 2, 1) == MM_OK,
		   "nodes");
	cfg->numa = &numa;
	cfg->cpu_nodes = cpu_nodes;
}

/* A manager over all of ram. With `held`, boot holds some of it back. */
static void make(const struct scenario *s, unsigned ncpus, struct mm_mem *entries, bool held)
{
	static struct mm_zone_cfg one; /* set-up only */
	mm_paddr_t bytes = s->frames << MM_FRAME_SHIFT;
	struct mm_pmm_cfg cfg = { .zones = &one, .nzones = 1, .ncpus = ncpus, .reach = BASE + bytes - 1 };

	if (s->flags & SCN_NODES)
		make_nodes(&cfg, bytes);
	one = (struct mm_zone_cfg){
		.name = "ALL", .last = MM_PADDR_MAX, .low = s->low, .high = s->low
	};
	world_must(mm_memmap_init(map, entries, 16) == MM_OK &&
			   mm_memmap_add(map, BASE, bytes, MM_MEM_USABLE, NULL) == MM_OK,
		   "map");
	for (unsigned i = 0; held && i < 8 && s->held[i].kind; i++)
		world_must(mm_memmap_take(map, BASE + (s->held[i].pfn << MM_FRAME_SHIFT),
					  frames_of(&s->held[i]) << MM_FRAME_SHIFT, MM_MEM_LOADER,
					  NULL) == MM_OK,
			   "held");
	world_must(mm_pmm_init(ex_pmm, s->flags & SCN_RUN_ON ? &ex_port_run_on : &ex_port, map,
			       &cfg) == MM_OK,
		   "pmm");
	for (unsigned i = 1; i < ncpus; i++)
		world_must(mm_pmm_cpu_online(ex_pmm, i) == MM_OK, "online");
	if (s->flags & SCN_CLASSES)
		world_must(mm_mobility_init(ex_pmm) == MM_OK, "classes");
	if (s->flags & SCN_AREA)
		world_must(mm_cma_create(area, ex_pmm, "area", mm_pfn_to_pa(base + EX_AREA),
					 mm_pfn_to_pa(MM_BLOCK_FRAMES), NULL, NULL) == MM_OK,
			   "area");
	pmm_cpu_empty_all(ex_pmm); /* what that left at hand */
}

void world_pmm_make(const struct scenario *s, unsigned ncpus)
{
	size_t bytes = (size_t)s->frames << MM_FRAME_SHIFT;
	struct mm_mem *entries = arena_alloc(16 * sizeof(*entries), 4096);

	ex_pmm = arena_alloc(sizeof(*ex_pmm), 4096);
	map = arena_alloc(sizeof(*map), 64);
	area = arena_alloc(sizeof(*area), 64);
	ram = arena_alloc(bytes, 4096);
	cpu_memory(ram, BASE, bytes);
	base = mm_pa_to_pfn(BASE);
	neaten = 0;
	make(s, ncpus, entries, false);
	all_free = pmm_state_hash(ex_pmm); /* also what it must be once all is given back */
	if (s->held[0].kind)
		make(s, ncpus, entries, true);
	memset(ex->map, MAP_TAKEN, sizeof(ex->map));
	for (mm_pfn_t i = 0; i < s->frames; i++) {
		struct mm_frame_run run;

		world_must(mm_page_info(ex_pmm, BASE + (i << MM_FRAME_SHIFT), &run) == MM_OK,
			   "info");
		if (run.state == MM_FRAME_FREE)
			ex->map[i] = 0;
	}
}

/* Take the highest frames of the buddy, until `leave` are left. */
static void eat(mm_pfn_t leave)
{
	struct mm_range *r = &ex_pmm->ranges[0];

	for (mm_pfn_t pfn = r->last; mm_buddy_count_free(&r->buddy) > leave; pfn--) {
		if (!mm_buddy_is_free(&r->buddy, pfn))
			continue;
		world_must(mm_page_alloc_at(ex_pmm, mm_pfn_to_pa(pfn), 0, MM_ALLOC_ATOMIC) == MM_OK,
			   "eat");
		eaten[neaten++] = pfn;
		ex->map[pfn - base] = MAP_TAKEN;
	}
}

static void release(struct slot *slot, struct record *r)
{
	mm_paddr_t first = mm_pfn_to_pa(slot->first);
	mm_pfn_t frames = 0;

	world_giving(r, slot);
	r->st = mm_pmm_release(ex_pmm, map, MM_MEM_LOADER, first,
			       first + (slot->count << MM_FRAME_SHIFT) - 1, &frames);
	if (r->st != MM_OK || frames != slot->count)
		ex_violate("release ends with status %d and %llu frames", (int)r->st,
			   (unsigned long long)frames);
}

/* A block; or, with a count, so many frames. */
static enum mm_status take(const struct op *op, mm_paddr_t *pa)
{
	if (op->kind == OP_ALLOC)
		return op->count ? mm_page_alloc_contig(ex_pmm, op->count, op->flags, NULL, pa)
				 : mm_page_alloc(ex_pmm, op->order, op->flags, pa);
	return op->count ? mm_page_alloc_range(ex_pmm, *pa, op->count, op->flags)
			 : mm_page_alloc_at(ex_pmm, *pa, op->order, op->flags);
}

static enum mm_status give(const struct slot *slot)
{
	mm_paddr_t pa = mm_pfn_to_pa(slot->first);

	if (slot->order == CLAIMED)
		return mm_cma_release(area, pa, slot->count);
	return slot->order == 99 ? mm_page_free_range(ex_pmm, pa, slot->count)
				 : mm_page_free(ex_pmm, pa, slot->order);
}

/* Does another call of this kind shut the same frames at some time? */
static bool in_the_way(const struct record *r, enum op_kind kind)
{
	for (unsigned i = 0; i < ex->nrecords; i++)
		if (ex->record[i].op->kind == kind && ex->record[i].shut == r->shut)
			return true;
	return false;
}

/* A call isolates the pageblock of these frames meanwhile. */
static void shut(struct record *r, mm_pfn_t first, mm_pfn_t count)
{
	r->first = base + first;
	r->count = count;
	r->shut = r->first & ~(MM_BLOCK_FRAMES - 1);
	r->nshut = MM_BLOCK_FRAMES;
}

/* What is free in the pageblock is withheld, or no more. */
static void isolate(const struct op *op, struct record *r)
{
	mm_paddr_t pa = mm_pfn_to_pa(op->pfn + base), length = mm_pfn_to_pa(MM_BLOCK_FRAMES);

	if (op->kind == OP_ISOLATE)
		shut(r, op->pfn, MM_BLOCK_FRAMES);
	r->st = op->kind == OP_ISOLATE ? mm_pmm_isolate(ex_pmm, pa, length)
				       : mm_pmm_unisolate(ex_pmm, pa, length);
	if (r->st != MM_OK && r->st != MM_E_AGAIN &&
	    (r->st != MM_E_BUSY || op->kind != OP_ISOLATE || !in_the_way(r, OP_UNPLUG)))
		ex_violate("isolation ends with status %d", (int)r->st);
}

/* Frames go out of use, if none of them is in use. */
static void unplug(const struct op *op, struct record *r)
{
	mm_paddr_t pinned = 0;

	shut(r, op->pfn, op->count);
	r->st = mm_pmm_offline(ex_pmm, mm_pfn_to_pa(r->first), mm_pfn_to_pa(op->count), NULL, &pinned);
	if (r->st != MM_OK && r->st != MM_E_AGAIN && r->st != MM_E_BUSY)
		ex_violate("offline ends with status %d", (int)r->st);
	for (mm_pfn_t i = 0; i < op->count && r->st == MM_OK; i++) {
		struct mm_frame_run run;

		world_must(mm_page_info(ex_pmm, mm_pfn_to_pa(r->first + i), &run) == MM_OK &&
				   run.state == MM_FRAME_OFFLINE,
			   "a frame that was unplugged is not offline");
	}
}

static void claim(const struct op *op, struct record *r)
{
	mm_paddr_t pa = 0, pinned = 0;

	shut(r, EX_AREA, MM_BLOCK_FRAMES);
	r->st = mm_cma_claim(area, op->count, 0, NULL, &pa, &pinned);
	if (r->st == MM_OK)
		world_got(r, mm_pa_to_pfn(pa), op->count, CLAIMED);
	else if (r->st != MM_E_AGAIN && r->st != MM_E_BUSY && r->st != MM_E_NOMEM)
		ex_violate("claim ends with status %d", (int)r->st);
}

/* What was unplugged is in use again. */
static void all_plugged(const struct scenario *s)
{
	enum mm_status st = mm_pmm_online(ex_pmm, BASE, mm_pfn_to_pa(s->frames), NULL);

	world_must(st == MM_OK || st == MM_E_NOENT, "online");
}

/* Nothing is isolated any more. */
static void all_unisolated(mm_pfn_t frames)
{
	for (mm_pfn_t i = 0; i < frames; i += MM_BLOCK_FRAMES) {
		struct mm_block_info info;

		if (mm_mobility_block(ex_pmm, mm_pfn_to_pa(base + i), &info) == MM_OK && info.isolated)
			world_must(mm_pmm_unisolate(ex_pmm, mm_pfn_to_pa(base + i),
						    mm_pfn_to_pa(MM_BLOCK_FRAMES)) == MM_OK,
				   "end of isolation");
	}
}

static void run(const struct op *op, struct record *r)
{
	struct slot *slot = world_live(op);
	mm_paddr_t pa = mm_pfn_to_pa(op->pfn + base);

	switch (op->kind) {
	case OP_ALLOC:
	case OP_ALLOC_AT:
		r->st = take(op, &pa);
		if (r->st == MM_OK) {
			if (pa < BASE || ex->map[mm_pa_to_pfn(pa) - base] == MAP_TAKEN)
				ex_violate("got a frame that is not free: %#llx",
					   (unsigned long long)pa);
			world_got(r, mm_pa_to_pfn(pa), frames_of(op), op->count ? 99 : op->order);
		}
		break;
	case OP_FREE:
		world_giving(r, slot);
		r->st = give(slot);
		if (r->st != MM_OK)
			ex_violate("free of slot %u fails with status %d", op->slot, (int)r->st);
		break;
	case OP_FREE_RACE:
		world_giving(r, slot);
		r->st = mm_page_free(ex_pmm, mm_pfn_to_pa(slot->first), slot->order);
		if (r->st != MM_OK && r->st != MM_E_DOUBLE_FREE)
			ex_violate("racing free: status %d", (int)r->st);
		break;
	case OP_DRAIN:
		r->st = mm_pmm_drain(ex_pmm);
		break;
	case OP_IDLE:
		mm_pmm_cpu_idle(ex_pmm);
		break;
	case OP_OFFLINE:
		r->st = mm_pmm_cpu_offline(ex_pmm, r->cpu);
		break;
	case OP_EAT:
		eat(op->count);
		break;
	case OP_MORE:
		r->st = mm_pmm_init_more(ex_pmm, 1);
		break;
	case OP_RELEASE:
		release(slot, r);
		break;
	case OP_ISOLATE:
	case OP_UNISOLATE:
		isolate(op, r);
		break;
	case OP_UNPLUG:
		unplug(op, r);
		break;
	case OP_CLAIM:
		claim(op, r);
		break;
	default:
		abort();
	}
}

/* The operations that make the first state are no part of the history. */
void world_pre(const struct scenario *s, void (*does)(const struct op *, struct record *))
{
	for (unsigned i = 0; i < 16 && s->pre[i].kind; i++) {
		struct record r = { .op = &s->pre[i] };

		ex_setup_cpu = s->pre[i].cpu;
		does(r.op, &r);
		world_must(r.st == MM_OK, "preparation");
	}
	ex_setup_cpu = 0;
	for (unsigned i = 0; i < EX_SLOTS; i++)
		ex->slot[i].initial = ex->slot[i].live;
}

static void setup(const struct scenario *s)
{
	unsigned ncpus = 0;

	while (ncpus < EX_CPUS && s->cpu[ncpus][0].kind)
		ncpus++;
	world_pmm_make(s, ncpus < 2 ? 2 : ncpus);
	for (unsigned i = 0; i < 8 && s->held[i].kind; i++)
		ex->slot[i] = (struct slot){ base + s->held[i].pfn, frames_of(&s->held[i]), 0, true,
					     true };
	world_pre(s, run);
	for (unsigned i = 0; i < EX_SLOTS; i++)
		if (ex->slot[i].live)
			memset(ex->map + (ex->slot[i].first - base), (int)i + 1, ex->slot[i].count);
}

/* Of racing frees of a slot, one was believed. */
static void check_races(void)
{
	for (unsigned slot = 0; slot < EX_SLOTS; slot++) {
		unsigned asked = 0, believed = 0;

		for (unsigned i = 0; i < ex->nrecords; i++) {
			const struct record *r = &ex->record[i];

			if (r->op->kind == OP_FREE_RACE && r->op->slot == slot) {
				asked++;
				believed += r->st == MM_OK;
			}
		}
		if (asked && believed != 1)
			ex_violate("of %u racing frees, %u were believed", asked, believed);
	}
}

/* Pressure was told once for each change, and is what it must be; while it lasts no CPU has anything at hand
 * after its next call. */
static void check_pressure(const struct scenario *s)
{
	const struct mm_zone *zone = &ex_pmm->zones[0];
	unsigned on = zone->pressure != MM_PRESSURE_NONE;

	if (ex->scarce - ex->enough != on)
		ex_violate("pressure began %u times and ended %u times, but %s", ex->scarce,
			   ex->enough, on ? "lasts" : "is over");
	if (on != (zone->free < s->low))
		ex_violate("%lu frames are free, and pressure %s", (unsigned long)zone->free,
			   on ? "lasts" : "is over");
	for (ex_setup_cpu = 0; on && ex_setup_cpu < ex_pmm->ncpus; ex_setup_cpu++) {
		mm_pmm_cpu_idle(ex_pmm);
		for (unsigned h = 0; h < MM_HANDS; h++)
			world_must(ex_pmm->cpus[ex_setup_cpu].hand[h].end == 0,
				   "a hand is open although memory is scarce");
		world_must(pmm_cpu_frames(&ex_pmm->cpus[ex_setup_cpu]) == 0,
			   "frames are at hand although memory is scarce");
	}
	ex_setup_cpu = 0;
}

void world_pmm_all_back(void)
{
	pmm_cpu_empty_all(ex_pmm);
	for (uint32_t i = 0; i < ex_pmm->ncpus; i++)
		ex_pmm->cpus[i].drain &= ~1u;
	world_must(mm_pmm_verify(ex_pmm) == MM_OK, "verify after all is free");
	world_must(pmm_state_hash(ex_pmm) == all_free, "all is free, but the state differs");
}

static void finish(const struct scenario *s)
{
	world_must(mm_pmm_verify(ex_pmm) == MM_OK, "verify at the end");
	check_races();
	world_check_failures(s, base, s->frames);
	if (s->low)
		check_pressure(s);
	for (uint32_t i = 0; i < ex_pmm->ncpus; i++)
		world_must(ex_pmm->cpus[i].door != MM_LOCAL_INSIDE,
			   "a CPU is inside at the end");
	for (unsigned i = 0; i < EX_SLOTS; i++) {
		struct slot *slot = &ex->slot[i];

		if (slot->live)
			world_must(give(slot) == MM_OK, "free of what is left");
	}
	if (s->flags & SCN_CLASSES) {
		all_unisolated(s->frames);
		all_plugged(s);
	}
	for (unsigned i = 0; i < neaten; i++)
		world_must(mm_page_free(ex_pmm, mm_pfn_to_pa(eaten[i]), 0) == MM_OK,
			   "free of the rest");
	world_pmm_all_back();
}

const struct world world_pmm = { setup, run, finish };
