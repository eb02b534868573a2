/* SPDX-License-Identifier: MIT */
/* Theory of operation: giving ranges mobility classes
 * Problem      classes cost memory that small systems do not have; and who wants them has a running
 *              manager, whose own memory can hold what they need.
 * Structure    for each range one allocation, marked as metadata: its struct mm_mobility, the tags, two
 *              buddies. All zero is the right first state: each pageblock is unmovable, and so are
 *              the frames that are in use. One more allocation has the hands for movable blocks.
 * Invariants   I1 nothing that others see changes until all allocations have succeeded.
 * Concurrency  none: the caller keeps others away. */
#include "mobility.h"
#include "../checked.h"

/* Frames that so many bytes fill. */
static mm_pfn_t mobility_frames(size_t bytes)
{
	return (mm_pfn_t)(((bytes - 1) >> MM_FRAME_SHIFT) + 1);
}

enum mm_status mobility_meta(struct mm_pmm *pmm, size_t bytes, mm_paddr_t *out)
{
	mm_pfn_t frames = mobility_frames(bytes);
	unsigned order = 0;
	enum mm_status st;

	while (order <= pmm->max_order && (mm_pfn_t)1 << order < frames)
		order++;
	if (order > pmm->max_order)
		return MM_E_NOMEM;
	st = pmm_alloc_as(pmm, order, 0, FRAME_META, out);
	if (st != MM_OK)
		return st == MM_E_AGAIN ? st : MM_E_NOMEM;
	for (mm_pfn_t i = frames; i < (mm_pfn_t)1 << order; i++) { /* what is too much */
		st = pmm_free_as(pmm, *out + mm_pfn_to_pa(i), 0, FRAME_META);
		MM_CHECK(pmm->port, st == MM_OK);
	}
	return MM_OK;
}

static void mobility_meta_free(struct mm_pmm *pmm, const void *meta, size_t bytes)
{
	mm_pfn_t pfn = 0;
	bool known = pmm_find_virt(pmm, meta, &pfn) != NULL;

	MM_CHECK(pmm->port, known);
	for (mm_pfn_t i = 0; i < mobility_frames(bytes); i++) {
		enum mm_status st = pmm_free_as(pmm, mm_pfn_to_pa(pfn + i), 0, FRAME_META);

		MM_CHECK(pmm->port, st == MM_OK);
	}
}

/* Bytes of tags of a range. */
static size_t mobility_tag_bytes(const struct mm_range *r)
{
	size_t words = (size_t)(mobility_number(r, r->last) >> TAGS_LOG) + 1;

	return (words * sizeof(uint32_t) + 7) & ~(size_t)7;
}

/* Bytes of all that a range needs. False: too many for this machine. */
static bool mobility_bytes(const struct mm_range *r, size_t *out)
{
	size_t buddy = mm_buddy_size(r->first, r->last - r->first + 1), both;

	return mm_mul_size((buddy + 7) & ~(size_t)7, 2, &both) &&
	       mm_add_size(both, sizeof(struct mm_mobility) + mobility_tag_bytes(r), out);
}

static void mobility_build(struct mm_pmm *pmm, uint32_t range, void *at)
{
	const struct mm_range *r = &pmm->ranges[range];
	struct mm_mobility *m = at;
	unsigned char *meta = at;
	size_t buddy = mm_buddy_size(r->first, r->last - r->first + 1);

	meta += sizeof(*m);
	m->range = range;
	m->tags = (uint32_t *)(void *)meta;
	__builtin_memset(meta, 0, mobility_tag_bytes(r));
	meta += mobility_tag_bytes(r);
	for (unsigned i = 0; i < 2; i++, meta += (buddy + 7) & ~(size_t)7) {
		enum mm_status st = mm_buddy_init(&m->of[i], r->first, r->last - r->first + 1, meta,
						  buddy);

		MM_CHECK(pmm->port, st == MM_OK);
	}
}

/* Hands of movable blocks: nothing is at hand yet. */
static void mobility_build_hands(const struct mm_pmm *pmm, struct mm_page_cpu *hands)
{
	__builtin_memset(hands, 0, pmm->ncpus * sizeof(*hands));
	for (uint32_t i = 0; i < pmm->ncpus; i++) {
		hands[i].mobility = MM_CLASS_MOVABLE;
		hands[i].door = pmm->cpus[i].door;
		pmm_cpu_reset(&hands[i]);
		hands[i].zone = pmm->cpus[i].zone;
		hands[i].node = pmm->cpus[i].node;
		hands[i].drain = pmm->cpus[i].drain & ~1u;
	}
}

/* All that can fail: memory of the hands, and of each range that has none. */
static enum mm_status mobility_prepare(struct mm_pmm *pmm, void **hands, struct mm_mobility **made)
{
	struct mm_mobility *one;
	mm_paddr_t pa = 0;
	size_t bytes;
	enum mm_status st = MM_OK;

	if (pmm->ncpus && !pmm->movable_cpus) {
		st = mobility_meta(pmm, pmm->ncpus * sizeof(struct mm_page_cpu), &pa);
		if (st != MM_OK)
			return st;
		*hands = mm_port_to_virt(pmm->port, pa);
	}
	for (uint32_t i = 0; i < pmm->nranges; i++) {
		const struct mm_range *r = &pmm->ranges[i];

		if (pmm_mobility(r))
			continue;
		st = mobility_bytes(r, &bytes) ? mobility_meta(pmm, bytes, &pa) : MM_E_NOMEM;
		if (st != MM_OK)
			return st;
		one = mm_port_to_virt(pmm->port, pa);
		mobility_build(pmm, i, one);
		one->next = *made;
		*made = one;
	}
	return MM_OK;
}

static void mobility_undo(struct mm_pmm *pmm, const void *hands, const struct mm_mobility *made)
{
	size_t bytes = 0;

	if (hands)
		mobility_meta_free(pmm, hands, pmm->ncpus * sizeof(struct mm_page_cpu));
	while (made) {
		const struct mm_mobility *next = made->next;

		if (mobility_bytes(&pmm->ranges[made->range], &bytes))
			mobility_meta_free(pmm, made, bytes);
		made = next;
	}
}

static void mobility_use(struct mm_range *r, struct mm_mobility *m)
{
#if MM_MOBILITY
	r->mobility = m;
#else
	(void)r;
	(void)m;
#endif
}

enum mm_status mm_mobility_init(struct mm_pmm *pmm)
{
	struct mm_mobility *made = NULL;
	void *hands = NULL;
	enum mm_status st;

	if (!MM_MOBILITY)
		return MM_E_NOTSUP;
	if (!pmm)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	st = mobility_prepare(pmm, &hands, &made);
	if (st != MM_OK) {
		mobility_undo(pmm, hands, made);
		return st;
	}
	if (hands) {
		mobility_build_hands(pmm, hands);
		pmm->movable_cpus = hands; /* I1 */
	}
	for (; made; made = made->next)
		mobility_use(&pmm->ranges[made->range], made);
	pmm->classes = 1;
	return MM_OK;
}
