/* SPDX-License-Identifier: MIT */
/* Theory of operation: NUMA nodes
 * Problem      device trees and ACPI tables say the same two things in different forms: which node
 *              memory belongs to, and how far nodes are apart. What allocates must not care.
 * Structure    a sorted array of inclusive ranges with their nodes, and a square of bytes.
 * Invariants   N1 ranges are sorted and disjoint, none is empty.
 *              N2 they are maximal: ranges that touch differ in node.
 *              N3 every node named is below `room`, and below `nodes`.
 *              N4 the diagonal of distances is 10; all else is above 10.
 * Why bytes    ACPI stores distances so, 255 being "not reachable"; device trees that say more than
 *              a byte holds are refused, not cut.
 * Concurrency  none while it is filled: one CPU, before the scheduler. Lookups only read. */
#include <mmlib/numa.h>
#include "checked.h"

static uint8_t *numa_cell(const struct mm_numa *numa, uint32_t from, uint32_t to)
{
	return numa->distances + (size_t)from * numa->room + to;
}

enum mm_status mm_numa_init(struct mm_numa *numa, struct mm_numa_range *ranges, uint32_t capacity,
			    uint8_t *distances, uint32_t nodes)
{
	size_t bytes;

	if (!numa || (!ranges && capacity > 0) || (!distances && nodes > 0))
		return MM_E_INVAL;
	if (!mm_mul_size(nodes, nodes, &bytes))
		return MM_E_OVERFLOW;
	*numa = (struct mm_numa){
		.ranges = ranges, .capacity = capacity, .distances = distances, .room = nodes
	};
	if (bytes > 0)
		__builtin_memset(distances, MM_NUMA_REMOTE, bytes);
	for (uint32_t n = 0; n < nodes; n++)
		*numa_cell(numa, n, n) = MM_NUMA_LOCAL; /* N4 */
	return MM_OK;
}

static bool numa_touch(const struct mm_numa_range *low, const struct mm_numa_range *high)
{
	return low->node == high->node && high->base > low->last && high->base - 1 == low->last;
}

static void numa_named(struct mm_numa *numa, uint32_t node)
{
	if (node >= numa->nodes)
		numa->nodes = node + 1; /* N3 */
}

/* Put a range in the place of those that it overlaps or touches (N1, N2). */
static enum mm_status numa_insert(struct mm_numa *numa, struct mm_numa_range range)
{
	struct mm_numa_range *r = numa->ranges;
	uint32_t first = 0, end;

	while (first < numa->count && r[first].last < range.base && !numa_touch(&r[first], &range))
		first++;
	for (end = first; end < numa->count; end++) {
		if (r[end].base > range.last && !numa_touch(&range, &r[end]))
			break;
		if (r[end].node != range.node)
			return MM_E_EXIST;
		if (r[end].base < range.base)
			range.base = r[end].base;
		if (r[end].last > range.last)
			range.last = r[end].last;
	}
	if (first == end && numa->count == numa->capacity)
		return MM_E_2BIG;
	__builtin_memmove(r + first + 1, r + end, (numa->count - end) * sizeof(*r));
	r[first] = range;
	numa->count = numa->count - (end - first) + 1;
	numa_named(numa, range.node);
	return MM_OK;
}

enum mm_status mm_numa_add_range(struct mm_numa *numa, uint64_t base, uint64_t length,
				 uint32_t node)
{
	uint64_t last;

	if (!numa)
		return MM_E_INVAL;
	if (node >= numa->room)
		return MM_E_2BIG;
	if (!mm_range_last(base, length, &last) || (mm_paddr_t)base != base)
		return MM_OK;
	if ((mm_paddr_t)last != last)
		last = MM_PADDR_MAX;
	return numa_insert(numa,
			   (struct mm_numa_range){ (mm_paddr_t)base, (mm_paddr_t)last, node });
}

static bool numa_distance_sound(uint32_t from, uint32_t to, uint32_t distance)
{
	return from == to ? distance == MM_NUMA_LOCAL
			  : distance > MM_NUMA_LOCAL && distance <= MM_NUMA_UNREACHABLE;
}

enum mm_status mm_numa_set_distance(struct mm_numa *numa, uint32_t from, uint32_t to,
				    uint32_t distance)
{
	if (!numa)
		return MM_E_INVAL;
	if (from >= numa->room || to >= numa->room)
		return MM_E_2BIG;
	if (!numa_distance_sound(from, to, distance)) /* N4 */
		return MM_E_RANGE;
	*numa_cell(numa, from, to) = (uint8_t)distance;
	numa_named(numa, from);
	numa_named(numa, to);
	return MM_OK;
}

uint32_t mm_numa_node_of(const struct mm_numa *numa, mm_paddr_t pa)
{
	uint32_t low = 0, high = numa ? numa->count : 0;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (pa < numa->ranges[mid].base)
			high = mid;
		else if (pa > numa->ranges[mid].last)
			low = mid + 1;
		else
			return numa->ranges[mid].node;
	}
	return MM_NUMA_NONE;
}

unsigned mm_numa_distance(const struct mm_numa *numa, uint32_t from, uint32_t to)
{
	if (!numa || from >= numa->room || to >= numa->room)
		return MM_NUMA_UNREACHABLE;
	return *numa_cell(numa, from, to);
}

uint32_t mm_numa_nodes(const struct mm_numa *numa)
{
	return numa ? numa->nodes : 0;
}

bool mm_numa_next(const struct mm_numa *numa, uint32_t *it, struct mm_numa_range *out)
{
	if (!numa || !it || !out || *it >= numa->count)
		return false;
	*out = numa->ranges[(*it)++];
	return true;
}

enum mm_status mm_numa_verify(const struct mm_numa *numa)
{
	if (!numa)
		return MM_E_INVAL;
	if (numa->count > numa->capacity || numa->nodes > numa->room)
		return MM_E_CORRUPT;
	for (uint32_t i = 0; i < numa->count; i++) {
		const struct mm_numa_range *r = &numa->ranges[i];

		if (r->base > r->last || r->node >= numa->nodes) /* N1, N3 */
			return MM_E_CORRUPT;
		if (i > 0 && (r[-1].last >= r->base || numa_touch(r - 1, r))) /* N1, N2 */
			return MM_E_CORRUPT;
	}
	for (uint32_t from = 0; from < numa->room; from++)
		for (uint32_t to = 0; to < numa->room; to++)
			if (!numa_distance_sound(from, to, *numa_cell(numa, from, to))) /* N4 */
				return MM_E_CORRUPT;
	return MM_OK;
}
