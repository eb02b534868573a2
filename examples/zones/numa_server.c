/* SPDX-License-Identifier: MIT */
/* A server: four nodes in a ring, the last one memory alone (CXL), behind node 0. Devices on node 0 reach
 * 16 MiB or 4 GiB. */
#include "show.h"

#define MIB ((mm_paddr_t)1 << 20)
#define GIB ((mm_paddr_t)1 << 30)

enum { DMA, DMA32, NORMAL };

static const struct mm_zone_cfg zones[] = {
	/* what needs no such address leaves some there */
	[DMA] = { .name = "DMA", .last = 16 * MIB - 1, .keep = 2048 },
	[DMA32] = { .name = "DMA32", .last = 4 * GIB - 1, .keep = 16384 },
	/* the last 1024 frames of a node are for who frees memory; reclaim starts at 2048, stops at 4096 */
	[NORMAL] = { .name = "NORMAL",
		     .last = MM_PADDR_MAX,
		     .min = 1024,
		     .low = 2048,
		     .high = 4096 },
};

/* As SRAT tells them: mm_numa_add_srat() reads it. */
static const struct {
	mm_paddr_t base, bytes;
	uint32_t node;
} memory[] = {
	{ 0, 3 * GIB, 0 },       { 4 * GIB, 1 * GIB, 0 },  { 5 * GIB, 4 * GIB, 1 },
	{ 9 * GIB, 4 * GIB, 2 }, { 13 * GIB, 2 * GIB, 3 },
};

/* As SLIT does. */
static const uint8_t distances[4][4] = {
	{ 10, 16, 22, 24 },
	{ 16, 10, 16, 40 },
	{ 22, 16, 10, 40 },
	{ 24, 40, 40, 10 },
};

static const struct show_request requests[] = {
	{ "a page, for a CPU of node 0", 0, 0, "NORMAL", 0 },
	{ "a page near a device of node 2", 0, MM_ALLOC_NODE(2), "NORMAL", 2 },
	{ "a large page of node 1, or none", 9, MM_ALLOC_NODE(1) | MM_ALLOC_NODE_EXACT, "NORMAL",
	  1 },
	{ "a ring for a 32-bit device", 4, MM_ALLOC_ZONE(DMA32), "DMA32", 0 },
	{ "a buffer for a 24-bit device", 4, MM_ALLOC_ZONE(DMA), "DMA", 0 },
	/* node 1 is used up, but for what is held back */
	{ "half of node 1", 19, MM_ALLOC_NODE(1), "NORMAL", 1 },
	{ "a quarter", 18, MM_ALLOC_NODE(1), "NORMAL", 1 },
	{ "an eighth", 17, MM_ALLOC_NODE(1), "NORMAL", 1 },
	{ "a sixteenth", 16, MM_ALLOC_NODE(1), "NORMAL", 1 },
	{ "and so on", 15, MM_ALLOC_NODE(1), "NORMAL", 1 },
	{ "", 14, MM_ALLOC_NODE(1), "NORMAL", 1 },
	{ "", 13, MM_ALLOC_NODE(1), "NORMAL", 1 },
	{ "", 12, MM_ALLOC_NODE(1), "NORMAL", 1 },
	{ "", 11, MM_ALLOC_NODE(1), "NORMAL", 1 },
	{ "", 9, MM_ALLOC_NODE(1), "NORMAL", 1 },
	/* nodes 0 and 2 are as near; from 1 on, 2 comes first */
	{ "a page for a CPU of node 1", 0, MM_ALLOC_NODE(1), "NORMAL", 2 },
	{ "a page of node 1, or none", 0, MM_ALLOC_NODE(1) | MM_ALLOC_NODE_EXACT, NULL, 0 },
	{ "a page of node 1, to free memory with", 0, MM_ALLOC_NODE(1) | MM_ALLOC_EMERGENCY,
	  "NORMAL", 1 },
};

int main(void)
{
	static struct mm_numa_range ranges[8];
	static uint8_t room[4 * 4];
	struct mm_numa numa;
	struct show_ram ram[SHOW_COUNT(memory)];
	enum mm_status st = mm_numa_init(&numa, ranges, 8, room, 4);

	for (unsigned i = 0; st == MM_OK && i < SHOW_COUNT(memory); i++) {
		ram[i] = (struct show_ram){ memory[i].base, memory[i].bytes };
		st = mm_numa_add_range(&numa, memory[i].base, memory[i].bytes, memory[i].node);
	}
	for (uint32_t from = 0; from < 4; from++)
		for (uint32_t to = 0; st == MM_OK && to < 4; to++)
			st = mm_numa_set_distance(&numa, from, to, distances[from][to]);
	if (st != MM_OK)
		return 1;
	return show(&(struct show){
		.title = "A server: four nodes, the last one without CPUs",
		.cfg = { .zones = zones,
			 .nzones = SHOW_COUNT(zones),
			 .numa = &numa,
			 .reach = 15 * GIB - 1 },
		.ram = ram,
		.nram = SHOW_COUNT(ram),
		.real = 15 * GIB - 64 * MIB,
		.requests = requests,
		.nrequests = SHOW_COUNT(requests),
	});
}
