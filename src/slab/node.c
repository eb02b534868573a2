/* SPDX-License-Identifier: MIT */
/* Theory of operation: nodes
 * Problem      memory of another node is slow. A CPU should get objects of its own, and what it frees of
 *              others should not stay with it; but the usual allocation and free have no time to ask where an
 *              object is.
 * Structure    each node has a part of each cache: a struct mm_cache of its own with slabs, depot, lock and
 *              all that is read beside them. The cache itself is the part of node 0; the parts of another node
 *              lie in one block of that node's memory.
 *
 *                CPU of node 1:   top, spare  <--->  depot of part 1  <--->  slabs of part 1
 *                                      \--- objects of node 0 --->  depot or slabs of part 0
 *
 *              Nodes are looked at only when a magazine is exchanged. A full one whose objects are all of one
 *              node goes to that node's depot, be it another node's: what one node allocates and another frees
 *              goes back in whole magazines. Of one with objects of several nodes, those of other nodes go to
 *              their slabs. An object that is allocated and freed again and again need never get there: so a
 *              tick asks each CPU, by the word that it looks at anyway, to sort what it has.
 *              Whose memory an object is tells its address: the range that it is in, which is that of the
 *              object before in most cases. Neither the object nor its slab is touched.
 *              A node without memory has parts too, which stay empty. Its CPUs have the objects of the nearest
 *              node that has some.
 * Invariants   N1 the part of a node has slabs of that node's memory only (S7), and depots have such objects
 *                 only (G7). What CPUs have at hand may be of any node.
 *              N2 after a CPU has answered a request of node_request(), what it has at hand is of its own node,
 *                 quarantine excepted.
 *              N3 memory is used up only if no node that may serve has some: depots of other nodes are looked
 *                 into too. Those that are nearer come first; before a new slab is made on another node,
 *                 objects that it has are taken.
 *              N4 a request for a drain is not lost to one for sorting: that one is set and cleared by
 *                 compare-and-swap only.
 * Why not at each free   SLUB does that: a load of the slab and a comparison, on a path of some 40
 *              instructions, and a free of another node's object takes a lock each time.
 * Builds for one node (MM_NODES_MAX) leave this out.
 * Concurrency  as the parts': each has a lock, and no two are held at once. */
#include "slab.h"

#if MM_NODES_MAX > 1
/* Order of the block that the parts of one node lie in. */
static unsigned node_order(void)
{
	unsigned order = 0;

	while ((size_t)MM_FRAME_SIZE << order < MM_CACHES_MAX * sizeof(struct mm_cache))
		order++;
	return order;
}

static void node_give(struct mm_pmm *pmm, const void *block)
{
	mm_pfn_t pfn = 0;
	enum mm_status st = MM_E_FOREIGN;

	if (pmm_find_virt(pmm, block, &pfn))
		st = pmm_free_as(pmm, mm_pfn_to_pa(pfn), node_order(), FRAME_META);
	MM_CHECK(pmm->port, st == MM_OK);
}

enum mm_status node_make(struct mm_pmm *pmm, struct mm_cache **parts)
{
	enum mm_status st = MM_OK;
	uint32_t node;
	mm_paddr_t pa = 0;

	for (node = 1; node < zone_nodes(pmm); node++) {
		st = node_order() > pmm->max_order || mm_hook_fail() ?
			     MM_E_NOMEM :
			     pmm_alloc_as(pmm, node_order(), MM_ALLOC_NODE(node), FRAME_META, &pa);
		if (st != MM_OK)
			break;
		parts[node - 1] = mm_port_to_virt(pmm->port, pa);
		__builtin_memset(parts[node - 1], 0, MM_CACHES_MAX * sizeof(struct mm_cache));
	}
	while (st != MM_OK && --node > 0)
		node_give(pmm, parts[node - 1]);
	return st;
}

size_t node_frames(const struct mm_heap *heap)
{
	return (size_t)(heap_nodes(heap) - 1) << node_order();
}

void node_end(struct mm_pmm *pmm, struct mm_cache **parts)
{
	for (uint32_t node = 1; node < zone_nodes(pmm); node++)
		node_give(pmm, parts[node - 1]);
}

/* Node of a zone, or, for no zone, `none`. */
static uint32_t node_of_zone(const struct mm_pmm *pmm, uint32_t zone, uint32_t none)
{
	return zone == ZONE_NONE ? none : pmm->zones[zone].node;
}

uint32_t node_of_cpu(const struct mm_heap *heap, uint32_t number)
{
	const struct mm_pmm *pmm = heap->pmm;

	return node_of_zone(pmm, number < pmm->ncpus ? pmm->cpus[number].zone : zone_of_node(pmm, 0), 0);
}

uint32_t node_of_flags(const struct mm_heap *heap, uint32_t flags)
{
	const struct zone_want want = zone_want(heap->pmm, flags);

	return node_of_zone(heap->pmm, zone_best(heap->pmm, &want), want.node);
}

/* The range of an object; it is likely to be this one, if that is not NULL. */
static const struct mm_range *node_range(const struct mm_heap *heap, const void *p, const struct mm_range *r)
{
	mm_pfn_t pfn;

	if (r && ((uintptr_t)p - (uintptr_t)r->virt) >> MM_FRAME_SHIFT <= r->last - r->first)
		return r;
	r = pmm_find_virt(heap->pmm, p, &pfn);
	MM_CHECK(heap->pmm->port, r != NULL);
	return r;
}

uint32_t node_of_object(const struct mm_heap *heap, const void *p)
{
	return heap->pmm->zones[node_range(heap, p, NULL)->zone].node;
}

uint32_t node_run(const struct mm_heap *heap, const struct mm_slot *slots, uint32_t n, uint32_t *node)
{
	const struct mm_zone *zones = heap->pmm->zones;
	const struct mm_range *r = node_range(heap, slots[0].p, NULL);
	uint32_t i = 0;

	*node = zones[r->zone].node;
	while (++i < n) {
		r = node_range(heap, slots[i].p, r);
		if (zones[r->zone].node != *node)
			break;
	}
	return i;
}

struct mm_cache *node_part(const struct mm_cache *cache, const struct mm_slot *slots, uint32_t n)
{
	uint32_t node;

	return node_run(cache->heap, slots, n, &node) == n ? cache_part(cache, node) : NULL;
}

uint32_t node_sort(struct mm_cache *cache, uint32_t node, struct mm_slot *slots, uint32_t n)
{
	const struct mm_heap *heap = cache->heap;
	const struct mm_range *r = NULL;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct mm_slot slot = slots[i];

		r = node_range(heap, slot.p, r);
		if (heap->pmm->zones[r->zone].node == node || (MM_PLANTED(MM_PLANT_SORT) && i + 1 == n)) {
			slots[i] = slots[kept];
			slots[kept++] = slot;
		}
	}
	if (kept < n)
		slab_put(cache, slots + kept, n - kept, SLAB_KEEP);
	return kept;
}

/* Has a node memory for ordinary requests? */
static bool node_has_memory(const struct mm_pmm *pmm, uint32_t node)
{
	return node_of_zone(pmm, zone_of_node(pmm, node), NODE_ANY) == node;
}

/* A full magazine that waits with the part goes to its slabs. */
static void node_unload(struct mm_cache *part)
{
	struct mm_slot *top = mm_atomic_load_relaxed(&part->nfull) > MAGAZINES_HELD ?
				      depot_get(part, MAGAZINES_HELD) :
				      NULL;

	if (top)
		magazine_flush(part, top, SLAB_KEEP);
}

/* One round over the nodes, nearest first (N3). */
static uint32_t node_try(struct mm_cache *cache, const struct zone_want *want, struct mm_slot *out, uint32_t n,
			 uint32_t flags, enum mm_status *why)
{
	const struct mm_pmm *pmm = cache->heap->pmm;
	uint32_t node;

	*why = MM_E_NOMEM;
	for (uint32_t i = 0; i < want->nodes && (node = zone_near(pmm, want->node, i)) != ZONE_NO_NODE; i++) {
		struct mm_cache *part = cache_part(cache, node);
		enum mm_status st = MM_E_NOSPC;
		uint32_t got;

		if (!node_has_memory(pmm, node))
			continue;
		if (i > 0)
			node_unload(part);
		got = magazine_fill_part(part, out, n, flags, &st);
		if (got)
			return got;
		if (st == MM_E_NOSPC)
			flags |= SLAB_HAVE; /* it has enough on whatever node */
		if (*why != MM_E_NOSPC && st != MM_E_NOMEM)
			*why = st;
	}
	return 0;
}

uint32_t node_fill(struct mm_cache *cache, struct mm_slot *out, uint32_t n, uint32_t flags, enum mm_status *why)
{
	const struct zone_want want = zone_want(cache->heap->pmm, flags);
	uint32_t got = node_try(cache, &want, out, n, flags | MM_ALLOC_NO_RETRY, why);

	if (!got && *why == MM_E_AGAIN) /* other CPUs have frames at hand: now it is worth asking them */
		got = node_try(cache, &want, out, n, flags, why);
	return got;
}

void node_request(struct mm_heap *heap)
{
	for (uint32_t i = 0; i < heap->ncpus; i++) {
		uint32_t none = DRAIN_NONE;

		(void)mm_atomic_cas(&heap->cpus[i].drain, &none, DRAIN_AWAY); /* N4 */
	}
	mm_heap_cpu_idle(heap); /* this one does it now */
}
#endif
