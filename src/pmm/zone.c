/* SPDX-License-Identifier: MIT */
/* Theory of operation: zones and nodes
 * Problem      frames are not alike: devices reach only low addresses, memory of another node is slow,
 *              memory on the chip is fast and small. A request names what it needs, or nothing; what
 *              serves it should be near, and spare what only few can use.
 * Structure    the kernel configures zones by limit and named zones. Each node has a zone for each
 *              limit, empty ones included, so that an index tells both; named zones have one node.
 *
 *                zones[]   node 0: limit 0, limit 1 ... | node 1: limit 0 ... | named, named ...
 *                nearest[]    node 0: itself, nearest ...  | node 1: itself ...
 *
 *              The ranges of a zone are a list by index, in address order: nodes may interleave.
 *              A request walks nodes by distance; in each, zones by limit from the highest one that it
 *              may use down, then named zones that are for everybody. A named zone that it asks for
 *              comes first.
 * Invariants   Z1 zones by limit rise and end at the end of the address space; named ones are disjoint,
 *                 and win: each frame has one zone, of one node.
 *              Z2 RAM that no node claims belongs to the node of the memory below it, so each frame has
 *                 a node.
 *              Z3 nearest[] starts with the node itself; nodes as far come in order of their numbers, from
 *                 the node's own on, so that their neighbours share the load. Nodes that are not
 *                 reachable are not there.
 *              Z4 CPUs keep frames of the zone that an ordinary request on them takes from first.
 *              Z5 who is not in an emergency leaves `min` frames in the buddies of a zone, and `keep`
 *                 more where it came only since better zones had nothing. The zone's counter is read
 *                 before frames are taken, so each CPU may be wrong by one block.
 *              Z6 with fewer than `low` frames in its buddies, a zone leaves none at hand: no hand is
 *                 filled by what would bring it below, and when it gets there all its CPUs are asked to
 *                 close their hands at their next call. They stay closed until pressure is over, so that
 *                 each time it begins is noticed.
 *              Z7 pressure rises at `low` and `min`, and falls at `high` and `low`, so that a zone at a
 *                 border does not call out at each request. Who changes it by compare-and-swap tells,
 *                 and looks again: the counter may have changed since it was read. "Change the counter,
 *                 then read the pressure" meets "change the pressure, then read the counter": one of
 *                 the two sees the other.
 * Concurrency  zones, nodes and lists are written at boot and while the caller keeps others away; then
 *              they are only read. `free` and `pressure` are atomic. */
#include "zone.h"
#include "numa.h"
#include "../checked.h"
#include "../local.h"

/* Is it the last byte of a frame? */
static bool zone_frame_end(mm_paddr_t pa)
{
	return (pa & (MM_FRAME_SIZE - 1)) == MM_FRAME_SIZE - 1;
}

static mm_pfn_t zone_pfn(mm_paddr_t pa)
{
	mm_paddr_t pfn = pa >> MM_FRAME_SHIFT;

	return pfn > MM_PFN_MAX ? MM_PFN_MAX : (mm_pfn_t)pfn;
}

static bool zone_cfg_named(const struct mm_zone_cfg *cfg)
{
	return cfg->flags & MM_ZONE_NAMED;
}

/* Is this named zone an address range that no named zone before it has a part of? */
static enum zone_fault zone_named(const struct mm_zone_cfg *cfg, uint32_t i, uint32_t nlimits)
{
	if (!zone_cfg_named(&cfg[i]))
		return ZONE_FAULT_ORDER;
	if (cfg[i].base & (MM_FRAME_SIZE - 1) || cfg[i].base > cfg[i].last)
		return ZONE_FAULT_BASE;
	for (uint32_t k = nlimits; k < i; k++)
		if (cfg[i].base <= cfg[k].last && cfg[k].base <= cfg[i].last)
			return ZONE_FAULT_OVERLAP;
	return ZONE_FINE;
}

/* Of a zone by address limit. */
static enum zone_fault zone_limit(const struct mm_zone_cfg *cfg, uint32_t i)
{
	if (cfg[i].flags & ~MM_ZONE_HIGH)
		return ZONE_FAULT_FLAGS;
	if (cfg[i].base)
		return ZONE_FAULT_BASE;
	return i && cfg[i].last <= cfg[i - 1].last ? ZONE_FAULT_LIMIT : ZONE_FINE;
}

static uint32_t zone_limits(const struct mm_pmm_cfg *cfg)
{
	uint32_t n = 0;

	if (ZONE_ONE)
		return 1;
	while (n < cfg->nzones && !zone_cfg_named(&cfg->zones[n]))
		n++;
	return n;
}

/* Z1 */
static enum zone_fault zone_zones(const struct mm_pmm_cfg *cfg, uint32_t *which)
{
	const uint16_t all = MM_ZONE_NAMED | MM_ZONE_EXPLICIT | MM_ZONE_NOFALLBACK | MM_ZONE_HIGH;
	uint32_t nlimits = zone_limits(cfg);

	*which = nlimits ? nlimits - 1 : 0;
	if (nlimits == 0 || cfg->zones[nlimits - 1].last != MM_PADDR_MAX)
		return ZONE_FAULT_END;
	for (uint32_t i = 0; i < (ZONE_ONE ? 1 : cfg->nzones); i++) {
		const struct mm_zone_cfg *z = &cfg->zones[i];
		enum zone_fault fault;

		*which = i;
		if (!zone_frame_end(z->last))
			return ZONE_FAULT_LIMIT;
		if (z->flags & ~all)
			return ZONE_FAULT_FLAGS;
		if (z->min > z->low || z->low > z->high)
			return ZONE_FAULT_MARKS;
		fault = i >= nlimits ? zone_named(cfg->zones, i, nlimits)
				     : zone_limit(cfg->zones, i);
		if (fault != ZONE_FINE)
			return fault;
	}
	return ZONE_FINE;
}

static uint32_t zone_cfg_nodes(const struct mm_pmm_cfg *cfg)
{
	uint32_t nodes = MM_NODES_MAX == 1 ? 1 : mm_numa_nodes(cfg->numa);

	return nodes ? nodes : 1;
}

enum zone_fault zone_cfg_fault(const struct mm_pmm_cfg *cfg, uint32_t *which)
{
	uint32_t nodes = zone_cfg_nodes(cfg);

	*which = 0;
	if (!cfg->zones || cfg->nzones == 0 || cfg->nzones > MM_ZONES_MAX)
		return ZONE_FAULT_COUNT;
	if (cfg->low > cfg->reach || !zone_frame_end(cfg->reach))
		return ZONE_FAULT_REACH;
	if (nodes > MM_NODES_MAX)
		return ZONE_FAULT_NODES;
	for (*which = 0; cfg->cpu_nodes && *which < cfg->ncpus; ++*which)
		if (cfg->cpu_nodes[*which] >= nodes)
			return ZONE_FAULT_CPU;
	return zone_zones(cfg, which);
}

void zone_plan(struct mm_pmm *pmm, const struct mm_pmm_cfg *cfg)
{
	pmm->cfg = cfg->zones;
	pmm->ncfg = (uint16_t)cfg->nzones;
	pmm->nlimits = (uint16_t)zone_limits(cfg);
	pmm->numa = cfg->numa;
	pmm->nnodes = zone_cfg_nodes(cfg);
	pmm->nzones = pmm->nnodes * pmm->nlimits + pmm->ncfg - pmm->nlimits;
	for (uint32_t i = 0; i < pmm->ncfg; i++)
		pmm->watched |= pmm->cfg[i].high != 0;
}

bool zone_bytes(const struct mm_pmm *pmm, size_t *zones, size_t *nearest)
{
	size_t nodes = zone_nodes(pmm);

	*nearest = 0;
	return mm_mul_size(pmm->nzones, sizeof(struct mm_zone), zones) &&
	       (nodes == 1 || (mm_mul_size(nodes, nodes, nearest) &&
			       mm_mul_size(*nearest, sizeof(*pmm->nearest), nearest)));
}

/* Node of a frame, and the last frame up to which it is the same (Z2). */
static uint32_t zone_node_at(const struct mm_pmm *pmm, mm_pfn_t pfn, mm_pfn_t *last)
{
	mm_paddr_t end;
	uint32_t node;

	*last = MM_PFN_MAX;
	if (zone_nodes(pmm) == 1)
		return 0;
	node = mm_numa_span(pmm->numa, mm_pfn_to_pa(pfn), &end);
	if (end != MM_PADDR_MAX)
		*last = zone_pfn(end);
	return node;
}

/* Named zone of a frame, by its index in the configuration, or that of the frame's limit. */
static uint32_t zone_cfg_at(const struct mm_pmm *pmm, mm_pfn_t pfn, mm_pfn_t *last)
{
	uint32_t limit = 0;

	while (pfn > zone_pfn(pmm->cfg[limit].last))
		limit++;
	*last = zone_pfn(pmm->cfg[limit].last);
	for (uint32_t i = pmm->nlimits; i < pmm->ncfg; i++) {
		mm_pfn_t first = zone_pfn(pmm->cfg[i].base), end = zone_pfn(pmm->cfg[i].last);

		if (pfn >= first && pfn <= end) {
			*last = end;
			return i;
		}
		if (pfn < first && first - 1 < *last)
			*last = first - 1;
	}
	return limit;
}

uint32_t zone_at(const struct mm_pmm *pmm, mm_pfn_t pfn, mm_pfn_t *last)
{
	uint32_t i, node;
	mm_pfn_t end;

	*last = MM_PFN_MAX;
	if (ZONE_ONE)
		return 0;
	i = zone_cfg_at(pmm, pfn, last);
	if (i >= pmm->nlimits)
		return zone_nodes(pmm) * pmm->nlimits + i - pmm->nlimits;
	node = zone_node_at(pmm, pfn, &end);
	if (end < *last)
		*last = end;
	return node * pmm->nlimits + i;
}

const struct mm_zone_cfg *zone_cfg_of(const struct mm_pmm *pmm, uint32_t zone)
{
	uint32_t by_limit = zone_nodes(pmm) * pmm->nlimits;

	if (ZONE_ONE)
		return pmm->cfg;
	if (zone >= by_limit)
		return &pmm->cfg[pmm->nlimits + zone - by_limit];
	return &pmm->cfg[zone_nodes(pmm) == 1 ? zone : zone % pmm->nlimits];
}

bool zone_holds(const struct mm_pmm *pmm, const struct mm_range *r)
{
	mm_pfn_t last;

	return zone_at(pmm, r->first, &last) == r->zone && r->last <= last;
}

/* Put a node into the first `n` of a row, which is sorted by distance; ties keep their order (Z3). */
static void zone_near_insert(const struct mm_pmm *pmm, uint32_t from, uint16_t *row, uint32_t n,
			     uint32_t to)
{
	unsigned distance = mm_numa_distance(pmm->numa, from, to);

	for (; n > 0 && mm_numa_distance(pmm->numa, from, row[n - 1]) > distance; n--)
		row[n] = row[n - 1];
	row[n] = (uint16_t)to;
}

static void zone_build_nearest(struct mm_pmm *pmm)
{
	uint32_t nodes = zone_nodes(pmm);

	for (uint32_t from = 0; nodes > 1 && from < nodes; from++) {
		uint16_t *row = &pmm->nearest[(size_t)from * nodes];
		uint32_t n = 0, to = from;

		do {
			if (mm_numa_distance(pmm->numa, from, to) != MM_NUMA_UNREACHABLE)
				zone_near_insert(pmm, from, row, n++, to);
			to = to + 1 < nodes ? to + 1 : 0;
		} while (to != from);
		if (n < nodes)
			row[n] = ZONE_NO_NODE;
	}
}

void zone_build(struct mm_pmm *pmm)
{
	uint32_t nodes = zone_nodes(pmm), z = 0;
	mm_pfn_t last;

	for (uint32_t node = 0; node < nodes; node++)
		for (uint32_t i = 0; i < pmm->nlimits; i++)
			pmm->zones[z++] = (struct mm_zone){ .cfg = &pmm->cfg[i], .node = node };
	for (uint32_t i = pmm->nlimits; i < (ZONE_ONE ? 0 : pmm->ncfg); i++)
		pmm->zones[z++] = (struct mm_zone){
			.cfg = &pmm->cfg[i],
			.node = zone_node_at(pmm, zone_pfn(pmm->cfg[i].base), &last),
		};
	zone_build_nearest(pmm);
}

/* The list of each zone, and the highest limit that has memory anywhere. */
static void zone_link_ranges(struct mm_pmm *pmm)
{
	pmm->top = 0;
	for (uint32_t z = 0; z < pmm->nzones; z++)
		pmm->zones[z].first_range = MM_RANGE_NONE;
	for (uint32_t i = pmm->nranges; i-- > 0;) {
		struct mm_range *r = &pmm->ranges[i];
		uint32_t limit = (uint32_t)(pmm->zones[r->zone].cfg - pmm->cfg);

		r->next = pmm->zones[r->zone].first_range;
		pmm->zones[r->zone].first_range = i;
		if (limit < pmm->nlimits && limit > pmm->top && pmm->zones[r->zone].total)
			pmm->top = (uint16_t)limit;
	}
}

void zone_link(struct mm_pmm *pmm)
{
	zone_link_ranges(pmm);
	pmm->main = &pmm->ranges[0];
	for (struct mm_range *r = pmm->ranges; r < pmm->ranges + pmm->nranges; r++)
		if (zone_is_high(pmm, pmm->main->zone) ||
		    (!zone_is_high(pmm, r->zone) &&
		     r->last - r->first > pmm->main->last - pmm->main->first))
			pmm->main = r;
	for (uint32_t i = 0; i < pmm_nhands(pmm); i++) {
		struct mm_page_cpu *cpu = pmm_hands(pmm, i);

		cpu->zone = zone_of_node(pmm, cpu->node); /* Z4 */
	}
}

uint32_t zone_of_node(const struct mm_pmm *pmm, uint32_t node)
{
	const struct zone_want want = { .node = node,
					.limit = pmm->nlimits - 1u,
					.named = ZONE_NONE,
					.nodes = zone_nodes(pmm) };

	return zone_best(pmm, &want);
}

/* Node of this CPU. */
static uint32_t zone_node_here(const struct mm_pmm *pmm)
{
	uint32_t number, node;
	uintptr_t saved;

	if (zone_nodes(pmm) == 1)
		return 0;
	number = mm_local_pin(pmm->port, &saved);
	node = number < pmm->ncpus ? pmm->cpus[number].node : 0;
	mm_local_unpin(pmm->port, saved);
	return node;
}

struct zone_want zone_want(const struct mm_pmm *pmm, uint32_t flags)
{
	uint32_t i = zone_in_flags(flags) - 1, node = zone_node_in_flags(flags);
	struct zone_want want = {
		.limit = pmm->nlimits - 1u,
		.named = ZONE_NONE,
		.nodes = flags & MM_ALLOC_NODE_EXACT ? 1 : zone_nodes(pmm),
		.high = flags & MM_ALLOC_HIGH && (!(flags & MM_ALLOC_ZERO) || pmm->port->zero),
		.emergency = flags & MM_ALLOC_EMERGENCY,
	};

	if (zone_in_flags(flags) && !ZONE_ONE) {
		if (i < pmm->nlimits)
			want.limit = i;
		else
			want.named = pmm->nzones - pmm->ncfg + i;
	}
	want.node = node ? node - 1 : zone_node_here(pmm);
	return want;
}

void zone_walk_start(struct zone_walk *walk, const struct mm_pmm *pmm, const struct zone_want *want)
{
	*walk = (struct zone_walk){ .pmm = pmm, .want = want, .named = want->named != ZONE_NONE };
}

/* May a request that did not ask for this named zone have it? */
static bool zone_is_for_all(const struct zone_walk *walk, uint32_t zone, uint32_t node)
{
	const struct mm_pmm *pmm = walk->pmm;
	const struct mm_zone *z = &pmm->zones[zone];

	return !(z->cfg->flags & MM_ZONE_EXPLICIT) && zone != walk->want->named &&
	       z->node == node && z->cfg->last <= pmm->cfg[walk->want->limit].last;
}

/* The next zone of a node, whether or not it has memory; ZONE_NONE behind the last one. */
static uint32_t zone_walk_node(struct zone_walk *walk, uint32_t node)
{
	const struct mm_pmm *pmm = walk->pmm;
	uint32_t limits = walk->want->limit + 1;

	if (walk->step < limits)
		return node * pmm->nlimits + limits - ++walk->step;
	while (pmm->nlimits + (walk->step - limits) < pmm->ncfg) {
		uint32_t zone = zone_nodes(pmm) * pmm->nlimits + walk->step++ - limits;

		if (zone_is_for_all(walk, zone, node))
			return zone;
	}
	return ZONE_NONE;
}

uint32_t zone_near(const struct mm_pmm *pmm, uint32_t node, uint32_t nth)
{
	uint32_t nodes = zone_nodes(pmm);

	if (nth >= nodes)
		return ZONE_NO_NODE;
	return nodes == 1 ? 0 : pmm->nearest[(size_t)node * nodes + nth];
}

/* The nth node of a walk, or ZONE_NO_NODE. */
static uint32_t zone_walk_nth(const struct zone_walk *walk)
{
	return walk->nth < walk->want->nodes ? zone_near(walk->pmm, walk->want->node, walk->nth) : ZONE_NO_NODE;
}

/* Has this zone memory of a kind that the request may use? */
static bool zone_serves(const struct zone_walk *walk, uint32_t zone)
{
	return walk->pmm->zones[zone].total != 0 &&
	       (walk->want->high || !zone_is_high(walk->pmm, zone));
}

bool zone_walk_next(struct zone_walk *walk, uint32_t *zone)
{
	const struct mm_pmm *pmm = walk->pmm;
	uint32_t node;

	if (ZONE_ONE) {
		*zone = 0;
		return walk->step++ == 0 && zone_serves(walk, 0);
	}
	if (walk->named) {
		*zone = walk->want->named;
		walk->named = false;
		if (pmm->zones[*zone].cfg->flags & MM_ZONE_NOFALLBACK)
			walk->nth = UINT32_MAX;
		if (zone_serves(walk, *zone))
			return true;
	}
	while ((node = zone_walk_nth(walk)) != ZONE_NO_NODE) {
		while ((*zone = zone_walk_node(walk, node)) != ZONE_NONE)
			if (zone_serves(walk, *zone))
				return true;
		walk->step = 0;
		walk->nth++;
	}
	return false;
}

uint32_t zone_best(const struct mm_pmm *pmm, const struct zone_want *want)
{
	struct zone_walk walk;
	uint32_t zone;

	zone_walk_start(&walk, pmm, want);
	return zone_walk_next(&walk, &zone) ? zone : ZONE_NONE;
}

bool zone_allows(const struct mm_pmm *pmm, const struct zone_want *want, uint32_t zone)
{
	struct zone_walk walk;
	uint32_t z;

	for (zone_walk_start(&walk, pmm, want); zone_walk_next(&walk, &z);)
		if (z == zone)
			return true;
	return false;
}

uint32_t zone_refills(const struct mm_pmm *pmm, const struct zone_want *want)
{
	struct zone_walk walk;
	uint32_t z, sum = 0;

	for (zone_walk_start(&walk, pmm, want); zone_walk_next(&walk, &z);)
		sum += mm_atomic_load_acquire(&pmm->zones[z].refills);
	return sum;
}

/* Could this request have been served by memory that fewer need? */
static bool zone_is_spared(const struct mm_pmm *pmm, const struct zone_want *want, uint32_t zone)
{
	uint32_t limit = (uint32_t)(pmm->zones[zone].cfg - pmm->cfg);

	if (ZONE_ONE)
		return false;
	if (limit >= pmm->nlimits)
		return zone != want->named;
	return limit < want->limit && limit < pmm->top;
}

bool zone_admits(const struct mm_pmm *pmm, const struct zone_want *want, uint32_t zone,
		 mm_pfn_t frames)
{
	const struct mm_zone *z = &pmm->zones[zone];
	mm_pfn_t free = (mm_pfn_t)mm_atomic_load_relaxed(&z->free), held = z->cfg->min;

	if (want->emergency)
		return true;
	if (MM_PLANTED(MM_PLANT_ZONE))
		held = 0;
	if (z->cfg->keep && zone_is_spared(pmm, want, zone))
		held += z->cfg->keep;
	return held == 0 || (free >= held && free - held >= frames); /* Z5 */
}

uintptr_t zone_surplus(const struct mm_pmm *pmm, uint32_t zone)
{
	const struct mm_zone *z = &pmm->zones[zone];
	uintptr_t free = mm_atomic_load_relaxed(&z->free);

	if (mm_atomic_load_relaxed(&z->pressure) != MM_PRESSURE_NONE || free < z->cfg->low)
		return 0;
	return free - (uintptr_t)z->cfg->low;
}

/* Z7 */
static uint32_t zone_pressure(const struct mm_zone *z, uint32_t was)
{
	mm_pfn_t free = (mm_pfn_t)mm_atomic_load_seq(&z->free);
	const struct mm_zone_cfg *cfg = z->cfg;

	if (free <= cfg->min || (was == MM_PRESSURE_MIN && free < cfg->low))
		return MM_PRESSURE_MIN;
	if (free < cfg->low || (was != MM_PRESSURE_NONE && free < cfg->high))
		return MM_PRESSURE_LOW;
	return MM_PRESSURE_NONE;
}

/* Does pressure change? Then it is told. */
static bool zone_watch_once(struct mm_pmm *pmm, uint32_t zone)
{
	struct mm_zone *z = &pmm->zones[zone];
	uint32_t was = mm_atomic_load_seq(&z->pressure), now = zone_pressure(z, was);

	if (now == was)
		return false;
	if (MM_PLANTED(MM_PLANT_PRESSURE))
		mm_atomic_store_relaxed(&z->pressure, now);
	else if (!mm_atomic_cas(&z->pressure, &was, now))
		return true; /* another CPU saw it, and tells */
	if (was == MM_PRESSURE_NONE)
		pmm_close_hands(pmm, zone); /* Z6 */
	if (pmm->port->pressure)
		pmm->port->pressure(pmm->port->ctx, zone, now);
	return true;
}

void zone_watch(struct mm_pmm *pmm, uint32_t zone)
{
	while (pmm->zones[zone].cfg->high != 0 && zone_watch_once(pmm, zone)) {
	}
}

void zone_watch_all(struct mm_pmm *pmm)
{
	for (uint32_t z = 0; z < pmm->nzones && pmm->watched; z++)
		if (mm_atomic_load_relaxed(&pmm->zones[z].total))
			zone_watch(pmm, z);
}

