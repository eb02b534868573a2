/* SPDX-License-Identifier: MIT */
/* Theory of operation: NUMA nodes
 * Problem      device trees and ACPI tables say the same things in different forms: which node
 *              memory and CPUs belong to, and how far nodes are apart. What allocates must not care,
 *              nor for the numbers that firmware gives to nodes.
 * Structure    sorted arrays of inclusive ranges and of CPUs with their nodes, the domain of each
 *              node, and a square of bytes.
 * Invariants   N1 ranges are sorted and disjoint, none is empty.
 *              N2 they are maximal: ranges that touch differ in node.
 *              N3 every node named is below `room`, and below `nodes`.
 *              N4 the diagonal of distances is 10; all else is above 10.
 *              N5 CPUs are sorted by id, each there once. Domains rise with their nodes.
 * Why bytes    ACPI stores distances so, 255 being "not reachable"; device trees that say more than
 *              a byte holds are refused, not cut.
 * Concurrency  none while it is filled: one CPU, before the scheduler. Lookups only read. */
#include "checked.h"
#include "pmm/numa.h"

static uint8_t *numa_cell(const struct mm_numa *numa, uint32_t from, uint32_t to)
{
	return numa->distances + (size_t)from * numa->room + to;
}

void mm_numa_clear(struct mm_numa *numa)
{
	size_t room = numa->room;

	numa->count = numa->nodes = numa->cpu_count = 0;
	if (room > 0)
		__builtin_memset(numa->distances, MM_NUMA_REMOTE, room * room);
	for (uint32_t n = 0; n < room; n++)
		*numa_cell(numa, n, n) = MM_NUMA_LOCAL; /* N4 */
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
	mm_numa_clear(numa);
	return MM_OK;
}

enum mm_status mm_numa_use_domains(struct mm_numa *numa, uint32_t *domains)
{
	if (!numa || (!domains && numa->room > 0) || numa->nodes > 0)
		return MM_E_INVAL;
	numa->domains = domains;
	return MM_OK;
}

enum mm_status mm_numa_use_cpus(struct mm_numa *numa, struct mm_numa_cpu *cpus, uint32_t capacity)
{
	if (!numa || (!cpus && capacity > 0) || numa->nodes > 0)
		return MM_E_INVAL;
	numa->cpus = cpus;
	numa->cpu_capacity = capacity;
	return MM_OK;
}

static bool numa_touch(const struct mm_numa_range *low, const struct mm_numa_range *high)
{
	return low->node == high->node && high->base > low->last && high->base - 1 == low->last;
}

/* Nodes that may be named by number: with domains, those that have one. */
static uint32_t numa_most(const struct mm_numa *numa)
{
	return numa->domains ? numa->nodes : numa->room;
}

static void numa_named(struct mm_numa *numa, uint32_t node)
{
	if (node >= numa->nodes)
		numa->nodes = node + 1; /* N3 */
}

/* Index of the first node whose domain is not below this one. */
static uint32_t numa_domain_place(const struct mm_numa *numa, uint32_t domain)
{
	uint32_t low = 0, high = numa->nodes;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (numa->domains[mid] < domain)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

enum mm_status mm_numa_name(struct mm_numa *numa, uint32_t domain)
{
	uint32_t at;

	if (!numa->domains) {
		if (domain >= numa->room)
			return MM_E_2BIG;
		numa_named(numa, domain);
		return MM_OK;
	}
	at = numa_domain_place(numa, domain);
	if (at < numa->nodes && numa->domains[at] == domain)
		return MM_OK;
	if (numa->nodes == numa->room)
		return MM_E_2BIG;
	__builtin_memmove(numa->domains + at + 1, numa->domains + at,
			  (numa->nodes - at) * sizeof(*numa->domains));
	numa->domains[at] = domain; /* N5 */
	numa->nodes++;
	return MM_OK;
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

/* Index of the first range that ends at or above pa. */
static uint32_t numa_place(const struct mm_numa *numa, mm_paddr_t pa)
{
	uint32_t low = 0, high = numa->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (numa->ranges[mid].last < pa)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

enum mm_status mm_numa_add_rest(struct mm_numa *numa, mm_paddr_t base, mm_paddr_t last,
				uint32_t node, bool *clipped)
{
	for (*clipped = false;;) {
		const struct mm_numa_range *r = &numa->ranges[numa_place(numa, base)];
		bool rest = r == numa->ranges + numa->count || r->base > last;
		mm_paddr_t taken = rest ? last : r->last;

		*clipped = *clipped || (!rest && r->node != node);
		if (rest || r->base > base) {
			enum mm_status status = numa_insert(
				numa,
				(struct mm_numa_range){ base, rest ? last : r->base - 1, node });
			if (status != MM_OK)
				return status;
		}
		if (taken >= last)
			return MM_OK;
		base = taken + 1;
	}
}

enum mm_status mm_numa_add_range(struct mm_numa *numa, uint64_t base, uint64_t length,
				 uint32_t node)
{
	uint64_t last;

	if (!numa)
		return MM_E_INVAL;
	if (node >= numa_most(numa))
		return MM_E_2BIG;
	if (!mm_range_last(base, length, &last) || (mm_paddr_t)base != base)
		return MM_OK;
	if ((mm_paddr_t)last != last)
		last = MM_PADDR_MAX;
	return numa_insert(numa,
			   (struct mm_numa_range){ (mm_paddr_t)base, (mm_paddr_t)last, node });
}

/* Index of the first CPU whose id is not below this one. */
static uint32_t numa_cpu_place(const struct mm_numa *numa, uint64_t id)
{
	uint32_t low = 0, high = numa->cpu_count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (numa->cpus[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

enum mm_status mm_numa_add_cpu(struct mm_numa *numa, uint64_t id, uint32_t node)
{
	uint32_t at;

	if (!numa)
		return MM_E_INVAL;
	if (node >= numa_most(numa))
		return MM_E_2BIG;
	at = numa_cpu_place(numa, id);
	if (at < numa->cpu_count && numa->cpus[at].id == id)
		return numa->cpus[at].node == node ? MM_OK : MM_E_EXIST;
	if (numa->cpu_count == numa->cpu_capacity)
		return MM_E_2BIG;
	__builtin_memmove(numa->cpus + at + 1, numa->cpus + at,
			  (numa->cpu_count - at) * sizeof(*numa->cpus));
	numa->cpus[at] = (struct mm_numa_cpu){ id, node }; /* N5 */
	numa->cpu_count++;
	numa_named(numa, node);
	return MM_OK;
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
	if (from >= numa_most(numa) || to >= numa_most(numa))
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
	uint32_t i = numa ? numa_place(numa, pa) : 0;

	if (!numa || i == numa->count || numa->ranges[i].base > pa)
		return MM_NUMA_NONE;
	return numa->ranges[i].node;
}

uint32_t mm_numa_span(const struct mm_numa *numa, mm_paddr_t pa, mm_paddr_t *last)
{
	uint32_t i = numa ? numa_place(numa, pa) : 0, node;

	*last = MM_PADDR_MAX;
	if (!numa || numa->count == 0)
		return 0;
	if (i > 0 && (i == numa->count || numa->ranges[i].base > pa))
		i--;
	node = numa->ranges[i].node;
	while (++i < numa->count && numa->ranges[i].node == node) {
	}
	if (i < numa->count)
		*last = numa->ranges[i].base - 1;
	return node;
}

uint32_t mm_numa_node_of_cpu(const struct mm_numa *numa, uint64_t id)
{
	uint32_t at = numa ? numa_cpu_place(numa, id) : 0;

	if (!numa || at == numa->cpu_count || numa->cpus[at].id != id)
		return MM_NUMA_NONE;
	return numa->cpus[at].node;
}

uint32_t mm_numa_node_of_domain(const struct mm_numa *numa, uint32_t domain)
{
	uint32_t at = domain;

	if (numa && numa->domains)
		at = numa_domain_place(numa, domain);
	if (!numa || at >= numa->nodes || (numa->domains && numa->domains[at] != domain))
		return MM_NUMA_NONE;
	return at;
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

bool mm_numa_next_cpu(const struct mm_numa *numa, uint32_t *it, struct mm_numa_cpu *out)
{
	if (!numa || !it || !out || *it >= numa->cpu_count)
		return false;
	*out = numa->cpus[(*it)++];
	return true;
}

/* N3 and N5 of CPUs and domains. */
static bool numa_names_sound(const struct mm_numa *numa)
{
	for (uint32_t i = 0; i < numa->cpu_count; i++)
		if (numa->cpus[i].node >= numa->nodes ||
		    (i > 0 && numa->cpus[i - 1].id >= numa->cpus[i].id))
			return false;
	for (uint32_t n = 1; numa->domains && n < numa->nodes; n++)
		if (numa->domains[n - 1] >= numa->domains[n])
			return false;
	return true;
}

enum mm_status mm_numa_verify(const struct mm_numa *numa)
{
	if (!numa)
		return MM_E_INVAL;
	if (numa->count > numa->capacity || numa->nodes > numa->room ||
	    numa->cpu_count > numa->cpu_capacity || !numa_names_sound(numa))
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
