/* SPDX-License-Identifier: MIT */
/* Zones, for the files of the physical memory manager: see zone.c. */
#ifndef MM_SRC_PMM_ZONE_H
#define MM_SRC_PMM_ZONE_H
#include "pmm.h"

#define ZONE_NONE 0xffffffffu /* no zone */
#define ZONE_NO_NODE 0xffffu /* ends a row of nearest[] */
#define ZONE_NODE_FLAGS (0x7ffu << 16) /* MM_ALLOC_NODE() of any node */
#define ZONE_HERE 0xfffffffeu /* the one that the CPU at hand keeps frames of (Z4) */
/* A build with one zone on one node: all that chooses is left out. */
#define ZONE_ONE (MM_ZONES_MAX == 1 && MM_NODES_MAX == 1)

/* How many nodes there are. */
static inline uint32_t zone_nodes(const struct mm_pmm *pmm)
{
	return MM_NODES_MAX == 1 ? 1u : pmm->nnodes;
}

static inline bool zone_is_high(const struct mm_pmm *pmm, uint32_t zone)
{
	return pmm->zones[zone].cfg->flags & MM_ZONE_HIGH;
}

/* First range of a zone, and the one that follows in it; or NULL. */
static inline struct mm_range *zone_first_range(const struct mm_pmm *pmm, uint32_t zone)
{
	uint32_t i = pmm->zones[zone].first_range;

	return i == MM_RANGE_NONE ? NULL : &pmm->ranges[i];
}

static inline struct mm_range *zone_next_range(const struct mm_pmm *pmm, const struct mm_range *r)
{
	return r->next == MM_RANGE_NONE ? NULL : &pmm->ranges[r->next];
}

/* A zone of the configuration in flags of an allocation: its index + 1, or 0 if none is named; and a
 * node. */
static inline uint32_t zone_in_flags(uint32_t flags)
{
	return flags >> 27;
}

static inline uint32_t zone_node_in_flags(uint32_t flags)
{
	return flags >> 16 & 0x7ffu;
}

/* What a request may take from. */
struct zone_want {
	uint32_t node;  /* zones of this node first */
	uint32_t limit; /* the highest zone by limit */
	uint32_t named; /* ask this zone before all others, or ZONE_NONE */
	uint32_t nodes; /* ask so many nodes */
	bool high;      /* zones that to_virt does not reach will do */
	bool emergency; /* what is held back too */
};

/* A walk over the zones of a request, best first. */
struct zone_walk {
	const struct mm_pmm *pmm;
	const struct zone_want *want;
	uint32_t nth;  /* node, by distance */
	uint32_t step; /* in that node */
	bool named;    /* the named zone is still to come */
};

/* Is the configuration as mm_pmm_init() asks for? */
enum zone_fault {
	ZONE_FINE,
	ZONE_FAULT_COUNT,
	ZONE_FAULT_REACH,
	ZONE_FAULT_NODES,
	ZONE_FAULT_CPU,
	ZONE_FAULT_END,
	ZONE_FAULT_LIMIT,
	ZONE_FAULT_FLAGS,
	ZONE_FAULT_MARKS,
	ZONE_FAULT_ORDER,
	ZONE_FAULT_BASE,
	ZONE_FAULT_OVERLAP,
};
/* Which: of the zone, or the CPU. */
enum zone_fault zone_cfg_fault(const struct mm_pmm_cfg *cfg, uint32_t *which);
/* What zones are like, from a configuration, before there is memory for them; and how many bytes they
 * need. False: too many for this machine. */
void zone_plan(struct mm_pmm *pmm, const struct mm_pmm_cfg *cfg);
bool zone_bytes(const struct mm_pmm *pmm, size_t *zones, size_t *nearest);
/* Make them; pmm->zones and pmm->nearest have their memory. */
void zone_build(struct mm_pmm *pmm) MM_TAGGED(mm_priv_zone_build);
/* Ranges have changed: put them into the lists of their zones, and find what each CPU keeps frames of.
 */
void zone_link(struct mm_pmm *pmm);
/* Zone of a frame, and the last frame up to which it is the same. Needs no more than zone_plan(). */
uint32_t zone_at(const struct mm_pmm *pmm, mm_pfn_t pfn, mm_pfn_t *last);
/* The same by the zone's configuration: for those who have no zones[] yet. */
const struct mm_zone_cfg *zone_cfg_of(const struct mm_pmm *pmm, uint32_t zone);
/* Is a range inside its zone? */
bool zone_holds(const struct mm_pmm *pmm, const struct mm_range *r);

/* The nth node by distance from a node, itself first; or ZONE_NO_NODE. */
uint32_t zone_near(const struct mm_pmm *pmm, uint32_t node, uint32_t nth);
/* The zone that an ordinary request of a node takes from first (Z4), or ZONE_NONE. */
uint32_t zone_of_node(const struct mm_pmm *pmm, uint32_t node);
/* What flags ask for; they are right. */
struct zone_want zone_want(const struct mm_pmm *pmm, uint32_t flags);
/* The zones that have memory and that this request may take from. */
void zone_walk_start(struct zone_walk *walk, const struct mm_pmm *pmm,
		     const struct zone_want *want);
bool zone_walk_next(struct zone_walk *walk, uint32_t *zone);
/* The first of them, or ZONE_NONE. */
uint32_t zone_best(const struct mm_pmm *pmm, const struct zone_want *want);
/* Is it one of them? */
bool zone_allows(const struct mm_pmm *pmm, const struct zone_want *want, uint32_t zone);
/* How often CPUs began to take blocks of these zones to their hands. */
uint32_t zone_refills(const struct mm_pmm *pmm, const struct zone_want *want);
/* May this request take so many frames of the buddies of a zone that it came to? (Z5) */
bool zone_admits(const struct mm_pmm *pmm, const struct zone_want *want, uint32_t zone,
		 mm_pfn_t frames);
/* How many frames may CPUs take to their hands? (Z6) */
uintptr_t zone_surplus(const struct mm_pmm *pmm, uint32_t zone);
/* Frames were taken or freed in the slow way: tell if that changed the pressure. Not from inside hands. */
void zone_watch(struct mm_pmm *pmm, uint32_t zone);
/* The same of all zones that have memory. */
void zone_watch_all(struct mm_pmm *pmm);

/* The same of the zone of a range. */
static inline void zone_watch_range(struct mm_pmm *pmm, const struct mm_range *r)
{
	if (pmm->watched)
		zone_watch(pmm, r->zone);
}
#endif
