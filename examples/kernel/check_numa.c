/* SPDX-License-Identifier: MIT */
/* Promises about NUMA nodes: all memory and all CPUs have one. */
#include "console.h"
#include "kernel.h"
#include "smp.h"

/* Bytes of a piece of memory that a node's ranges cover. */
static mm_paddr_t part_of(const struct mm_mem *piece, uint32_t node)
{
	struct mm_numa_range r;
	mm_paddr_t bytes = 0;

	for (uint32_t it = 0; mm_numa_next(&kernel.numa, &it, &r);) {
		mm_paddr_t base = r.base > piece->base ? r.base : piece->base;
		mm_paddr_t last = r.last < piece->last ? r.last : piece->last;

		if (r.node == node && base <= last)
			bytes += last - base + 1;
	}
	return bytes;
}

/* RAM of a node, by the map and the node's ranges. */
static mm_paddr_t ram_of(uint32_t node)
{
	struct mm_mem piece;
	mm_paddr_t bytes = 0;

	for (uint32_t it = 0; mm_memmap_next(&kernel.map, &it, &piece);)
		if (piece.type <= MM_MEM_EARLY)
			bytes += part_of(&piece, node);
	return bytes;
}

/* The same by asking for each frame. Those without a node are counted behind the others. */
static void count_frames(mm_pfn_t *frames, uint32_t nodes)
{
	struct mm_mem piece;

	for (uint32_t it = 0; mm_memmap_next(&kernel.map, &it, &piece);)
		for (mm_paddr_t pa = piece.base; piece.type <= MM_MEM_EARLY && pa < piece.last;
		     pa += MM_FRAME_SIZE) {
			uint32_t node = mm_numa_node_of(&kernel.numa, pa);

			frames[node < nodes ? node : nodes]++;
		}
}

static bool cpus_have_nodes(void)
{
	bool ok = true;

	for (uint32_t i = 0; i < kernel.ncpus; i++)
		ok = ok && mm_numa_node_of_cpu(&kernel.numa, cpus[i].id) != MM_NUMA_NONE;
	return ok;
}

static bool distances_ok(void)
{
	uint32_t n = mm_numa_nodes(&kernel.numa);
	bool ok = true;

	for (uint32_t from = 0; from < n; from++)
		for (uint32_t to = 0; to < n; to++)
			ok = ok && (from == to) == (mm_numa_distance(&kernel.numa, from, to) ==
						    MM_NUMA_LOCAL);
	return ok;
}

void check_numa(void)
{
	uint32_t nodes = mm_numa_nodes(&kernel.numa);
	mm_pfn_t frames[NODES_MAX + 1] = { 0 };
	mm_paddr_t ram = 0, sum = 0;
	bool agree = true;

	if (nodes == 0)
		return;
	count_frames(frames, nodes);
	for (enum mm_mem_type type = MM_MEM_USABLE; type <= MM_MEM_EARLY; type++)
		ram += mm_memmap_bytes(&kernel.map, type);
	for (uint32_t node = 0; node < nodes; node++) {
		mm_paddr_t bytes = ram_of(node);

		kprintf("    node %u has %lu frames of RAM\n", node, frames[node]);
		agree = agree && frames[node] == bytes >> MM_FRAME_SHIFT;
		sum += bytes;
	}
	check_status(mm_numa_verify(&kernel.numa), MM_OK, "nodes are sorted and disjoint");
	check(frames[nodes] == 0 && agree, "every frame of RAM has a node");
	check(sum == ram, "the memory of all nodes is the RAM in the map");
	check(cpus_have_nodes(), "every CPU has a node");
	check(distances_ok(), "each node is at distance 10 of itself, and farther from the others");
}
