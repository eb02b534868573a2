/* SPDX-License-Identifier: MIT */
/* The machine of fuzz_pmm.c, four of them: with one node or two, whose memory interleaves, and with or
 * without named zones, memory that to_virt does not reach, and watermarks; each with and without faults. What a request may take is
 * computed here in another way than by the library: all zones are ranked, and the best one counts. */
#ifndef PMM_ZONES_H
#define PMM_ZONES_H
#include <stdlib.h>
#include <string.h>
#include <mmlib/pmm.h>

#define FRAMES     256u
#define BASE       ((mm_pfn_t)0x40)
#define MUST(cond) ((cond) ? (void)0 : abort())

#define AT(frame) ((mm_paddr_t)(BASE + (frame)) << MM_FRAME_SHIFT)

enum { MACHINE_ZONES = 2 * 3 + 3 }; /* at most */

static const struct mm_zone_cfg plain_zones[] = {
	{ .name = "A", .last = AT(50) - 1 },
	{ .name = "B", .last = AT(128) - 1 },
	{ .name = "C", .last = MM_PADDR_MAX },
};

static const struct mm_zone_cfg rich_zones[] = {
	{ .name = "A", .last = AT(50) - 1, .keep = 9, .min = 2, .low = 4, .high = 8 },
	{ .name = "B", .last = AT(232) - 1, .min = 3, .low = 20, .high = 20 },
	{ .name = "C", .last = MM_PADDR_MAX, .flags = MM_ZONE_HIGH, .keep = 3 },
	{ .name = "TCM",
	  .base = AT(60),
	  .last = AT(70) - 1,
	  .flags = MM_ZONE_NAMED | MM_ZONE_EXPLICIT | MM_ZONE_NOFALLBACK },
	{ .name = "HBM",
	  .base = AT(140),
	  .last = AT(156) - 1,
	  .min = 1,
	  .low = 2,
	  .high = 5,
	  .flags = MM_ZONE_NAMED | MM_ZONE_EXPLICIT },
	{ .name = "OCRAM", .base = AT(40), .last = AT(48) - 1, .keep = 2, .flags = MM_ZONE_NAMED },
};

/* Where the node changes: 0, 1, 0, 1. */
static const unsigned node_ends[] = { 45, 110, 180 };

struct machine {
	const struct mm_zone_cfg *cfg;
	uint32_t ncfg, nlimits, nodes, nzones;
	mm_paddr_t reach;
	bool busy;    /* the CPU's hands are in use by somebody below, for ever */
	bool damages; /* somebody writes to free frames */
	struct mm_numa numa;
	struct mm_numa_range node_ranges[4];
	uint8_t distances[4];
	unsigned char zone[FRAMES];
	uint32_t level[MACHINE_ZONES]; /* of pressure */
	uint32_t told[MACHINE_ZONES], told_level[MACHINE_ZONES];
};

static struct machine machine;

static unsigned machine_node(unsigned frame)
{
	unsigned n = 0;

	while (machine.nodes > 1 && n < 3 && frame >= node_ends[n])
		n++;
	return n % 2;
}

static unsigned machine_zone(unsigned frame)
{
	const struct mm_zone_cfg *z = machine.cfg;
	unsigned limit = 0;

	for (uint32_t i = machine.nlimits; i < machine.ncfg; i++)
		if (AT(frame) >= z[i].base && AT(frame) <= z[i].last)
			return machine.nodes * machine.nlimits + i - machine.nlimits;
	while (AT(frame) > z[limit].last)
		limit++;
	return machine_node(frame) * machine.nlimits + limit;
}

static void machine_pressure(void *ctx, uint32_t zone, uint32_t level)
{
	(void)ctx;
	MUST(zone < machine.nzones);
	machine.told[zone]++;
	machine.told_level[zone] = level;
}

static void machine_set_up(unsigned kind)
{
	const uint64_t frame = MM_FRAME_SIZE;

	memset(&machine, 0, sizeof(machine));
	machine.nodes = kind & 1 ? 2 : 1;
	machine.cfg = kind & 2 ? rich_zones : plain_zones;
	machine.ncfg = kind & 2 ? 6 : 3;
	machine.nlimits = 3;
	machine.busy = kind & 4;
	machine.damages = kind & 8;
	machine.nzones = machine.nodes * machine.nlimits + machine.ncfg - machine.nlimits;
	machine.reach = AT(kind & 2 ? 232 : FRAMES) - 1;
	MUST(mm_numa_init(&machine.numa, machine.node_ranges, 4, machine.distances, 2) == MM_OK);
	for (unsigned n = 0; n < 4;
	     n++) { /* not told of each end: what is between goes to what is below */
		unsigned from = n ? node_ends[n - 1] : 0;

		MUST(mm_numa_add_range(&machine.numa, AT(from), (n % 2 + 1) * frame, n % 2) ==
		     MM_OK);
	}
	for (unsigned f = 0; f < FRAMES; f++)
		machine.zone[f] = (unsigned char)machine_zone(f);
}

static struct mm_pmm_cfg machine_cfg(void)
{
	return (struct mm_pmm_cfg){ .zones = machine.cfg,
				    .nzones = machine.ncfg,
				    .numa = machine.nodes > 1 ? &machine.numa : NULL,
				    .spare_ranges = 2,
				    .ncpus = machine.busy,
				    .reach = machine.reach };
}

/* Of a zone: its configuration's index, and its node. */
static uint32_t machine_cfg_of(unsigned zone)
{
	unsigned by_limit = machine.nodes * machine.nlimits;

	return zone < by_limit ? zone % machine.nlimits : machine.nlimits + zone - by_limit;
}

static unsigned machine_node_of(unsigned zone)
{
	unsigned by_limit = machine.nodes * machine.nlimits;

	if (zone < by_limit)
		return zone / machine.nlimits;
	return machine_node(
		(unsigned)(mm_pa_to_pfn(machine.cfg[machine_cfg_of(zone)].base) - BASE));
}

/* A request: zone of the configuration or -1, node or -1, and flags without both. */
struct request {
	int zone, node;
	uint32_t flags;
};

static uint32_t request_flags(const struct request *r)
{
	return r->flags | (r->zone < 0 ? 0 : MM_ALLOC_ZONE(r->zone)) |
	       (r->node < 0 ? 0 : MM_ALLOC_NODE(r->node));
}

/* The lower the better; -1: not for this request. */
static int request_rank(const struct request *r, unsigned zone)
{
	uint32_t i = machine_cfg_of(zone), limit = machine.nlimits - 1;
	const struct mm_zone_cfg *z = &machine.cfg[i];
	bool asked = r->zone >= (int)machine.nlimits;
	unsigned far = machine_node_of(zone) != (unsigned)(r->node < 0 ? 0 : r->node);

	if (z->flags & MM_ZONE_HIGH && (!(r->flags & MM_ALLOC_HIGH) || r->flags & MM_ALLOC_ZERO))
		return -1;
	if (asked && i == (uint32_t)r->zone)
		return 0;
	if (asked && machine.cfg[r->zone].flags & MM_ZONE_NOFALLBACK)
		return -1;
	if (far && r->flags & MM_ALLOC_NODE_EXACT)
		return -1;
	if (!asked && r->zone >= 0)
		limit = (uint32_t)r->zone;
	if (i < machine.nlimits)
		return i > limit ? -1 : (int)(1 + far * 20 + limit - i);
	if (z->flags & MM_ZONE_EXPLICIT || z->last > machine.cfg[limit].last)
		return -1;
	return (int)(1 + far * 20 + 10 + i);
}

/* Frames that this request leaves in a zone; top: the highest limit that has memory. */
static mm_pfn_t request_leaves(const struct request *r, unsigned zone, uint32_t top)
{
	uint32_t i = machine_cfg_of(zone), limit = machine.nlimits - 1;
	const struct mm_zone_cfg *z = &machine.cfg[i];
	bool spared;

	if (r->flags & MM_ALLOC_EMERGENCY)
		return 0;
	if (r->zone >= 0 && r->zone < (int)machine.nlimits)
		limit = (uint32_t)r->zone;
	spared = i < machine.nlimits ? i < limit && i < top : (int)i != r->zone;
	return z->min + (spared ? z->keep : 0);
}

/* Frames of a zone may have been taken or freed, and `free` are left: was it told what it must be? */
static void machine_watch(unsigned zone, mm_pfn_t free)
{
	const struct mm_zone_cfg *z = &machine.cfg[machine_cfg_of(zone)];
	uint32_t was = machine.level[zone], now = MM_PRESSURE_NONE;

	if (free < z->high && was >= MM_PRESSURE_LOW)
		now = MM_PRESSURE_LOW;
	if (free < z->low)
		now = was == MM_PRESSURE_MIN ? MM_PRESSURE_MIN : MM_PRESSURE_LOW;
	if (free <= z->min)
		now = MM_PRESSURE_MIN;
	if (z->high == 0)
		now = MM_PRESSURE_NONE;
	MUST(!machine.told[zone] == (now == was)); /* many blocks may tell more than once */
	MUST(now == was || machine.told_level[zone] == now);
	machine.level[zone] = now;
	machine.told[zone] = 0;
}

/* Is nobody told of anything else? */
static bool machine_silent(void)
{
	for (unsigned z = 0; z < machine.nzones; z++)
		if (machine.told[z])
			return false;
	return true;
}
#endif
