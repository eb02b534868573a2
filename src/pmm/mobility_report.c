/* SPDX-License-Identifier: MIT */
/* Theory of operation: reports of mobility classes
 * Problem      tell what the classes hold, and prove that tags, buddies and bytes agree.
 * Structure    reads tags and all buddies of a range; changes nothing.
 * Concurrency  no locks: what others change meanwhile is told in its old or its new state. Verifying
 *              needs the others away. */
#include "mobility.h"

/* Is a frame free in the buddy of this class? */
static bool mobility_free_in(const struct mm_pmm *pmm, const struct mm_range *r, mm_pfn_t pfn,
			     unsigned class)
{
	const struct mm_cma *area;

	if (class == MM_CLASS_UNMOVABLE)
		return mm_buddy_is_free(&r->buddy, pfn);
	if (class != MM_CLASS_CMA)
		return mm_buddy_is_free(&pmm_mobility(r)->of[class - 1], pfn);
	area = cma_find(pmm, pfn);
	return area && mm_buddy_is_free(&area->buddy, pfn);
}

bool mobility_is_free(const struct mm_pmm *pmm, const struct mm_range *r, mm_pfn_t pfn)
{
	for (unsigned class = 0; class < MM_CLASSES; class++)
		if (mobility_free_in(pmm, r, pfn, class))
			return true;
	return false;
}

enum mm_status mm_mobility_block(const struct mm_pmm *pmm, mm_paddr_t pa, struct mm_block_info *out)
{
	const struct mm_range *r = NULL;
	unsigned tag;

	if (!pmm || !out)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	if (pa >> MM_FRAME_SHIFT <= MM_PFN_MAX)
		r = pmm_find(pmm, mm_pa_to_pfn(pa));
	if (!r)
		return MM_E_FOREIGN;
	if (!pmm_has_classes(r))
		return MM_E_NOTSUP;
	tag = mobility_tag(r, mm_pa_to_pfn(pa));
	*out = (struct mm_block_info){ (enum mm_mobility_class)(tag & TAG_CLASS),
				       (tag & TAG_ISOLATED) != 0 };
	return MM_OK;
}

/* Pageblocks of a class in one range. */
static void mobility_add_blocks(const struct mm_range *r, unsigned class,
				struct mm_mobility_stats *sum)
{
	mm_pfn_t pfn = r->first;

	for (;; pfn = mobility_last(r, pfn) + 1) {
		unsigned tag = mobility_tag(r, pfn);

		if ((tag & TAG_CLASS) == class) {
			sum->blocks++;
			sum->isolated += (tag & TAG_ISOLATED) != 0;
			for (mm_pfn_t i = pfn; tag & TAG_ISOLATED && i <= mobility_last(r, pfn); i++)
				sum->held += frame_load(r, i) == FRAME_HELD;
		}
		if (mobility_last(r, pfn) == r->last)
			break;
	}
}

enum mm_status mm_mobility_stats(const struct mm_pmm *pmm, enum mm_mobility_class mobility,
				 struct mm_mobility_stats *out)
{
	struct mm_mobility_stats sum = { 0 };

	if (!pmm || !out || (unsigned)mobility >= MM_CLASSES)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	for (uint32_t i = 0; i < pmm->nranges; i++) {
		const struct mm_range *r = &pmm->ranges[i];

		if (mobility == MM_CLASS_UNMOVABLE)
			sum.free += mm_buddy_count_free(&r->buddy);
		if (!pmm_has_classes(r))
			continue;
		if (mobility == MM_CLASS_RECLAIMABLE || mobility == MM_CLASS_MOVABLE)
			sum.free += mm_buddy_count_free(&pmm_mobility(r)->of[mobility - 1]);
		mobility_add_blocks(r, mobility, &sum);
	}
	for (const struct mm_cma *cma = pmm->cmas; mobility == MM_CLASS_CMA && cma; cma = cma->next)
		sum.free += mm_buddy_count_free(&cma->buddy);
	*out = sum;
	return MM_OK;
}

/* C1 of one frame. */
static bool mobility_frame_sound(const struct mm_pmm *pmm, const struct mm_range *r, mm_pfn_t pfn)
{
	unsigned tag = mobility_tag(r, pfn), byte = frame_load(r, pfn);

	if (byte == FRAME_HELD && !(tag & TAG_ISOLATED))
		return false;
	if (byte == FRAME_CLAIMED && (tag & TAG_CLASS) != MM_CLASS_CMA)
		return false;
	for (unsigned class = 0; class < MM_CLASSES; class++)
		if (class != tag && mobility_free_in(pmm, r, pfn, class))
			return false;
	return true;
}

/* C1 of a range; counts its isolated pageblocks. */
static bool mobility_range_sound(const struct mm_pmm *pmm, const struct mm_range *r,
				 uint32_t *isolated)
{
	mm_pfn_t frames = r->last - r->first + 1;

	for (unsigned i = 0; i < 2; i++)
		if (pmm_mobility(r)->of[i].base != r->first || pmm_mobility(r)->of[i].frames != frames ||
		    mm_buddy_verify(&pmm_mobility(r)->of[i]) != MM_OK)
			return false;
	for (mm_pfn_t i = 0; i < frames; i++) {
		mm_pfn_t pfn = r->first + i;
		unsigned tag = mobility_tag(r, pfn);

		if (!mobility_frame_sound(pmm, r, pfn))
			return false;
		if (pfn != mobility_first(r, pfn))
			continue;
		*isolated += (tag & TAG_ISOLATED) != 0;
		if (tag & ~(unsigned)(TAG_CLASS | TAG_ISOLATED) ||
		    ((tag & TAG_CLASS) == MM_CLASS_CMA && !cma_find(pmm, pfn)))
			return false;
	}
	return true;
}

/* A1 of an area. */
static bool mobility_area_sound(const struct mm_pmm *pmm, const struct mm_cma *cma)
{
	const struct mm_range *r = pmm_find(pmm, cma->first);
	mm_pfn_t claimed = 0;

	if (!r || cma->last > r->last || cma->busy || cma->buddy.base != cma->first ||
	    mm_buddy_verify(&cma->buddy) != MM_OK ||
	    mm_buddy_count_free(&cma->buddy) != (mm_pfn_t)cma->free)
		return false;
	for (mm_pfn_t i = 0; i <= cma->last - cma->first; i++) {
		claimed += frame_load(r, cma->first + i) == FRAME_CLAIMED;
		if ((mobility_tag(r, cma->first + i) & TAG_CLASS) != MM_CLASS_CMA)
			return false;
	}
	return claimed == (mm_pfn_t)cma->claimed;
}

bool mobility_sound(const struct mm_pmm *pmm)
{
	uint32_t isolated = 0;

	for (uint32_t i = 0; i < pmm->nranges; i++)
		if (pmm_mobility(&pmm->ranges[i]) &&
		    !mobility_range_sound(pmm, &pmm->ranges[i], &isolated))
			return false;
	for (const struct mm_bad_frame *note = pmm->bad; note; note = note->next)
		isolated += !note->done;
	for (const struct mm_cma *cma = pmm->cmas; cma; cma = cma->next)
		if (!mobility_area_sound(pmm, cma))
			return false;
	for (uint32_t i = 0; i < pmm_nhands(pmm); i++)
		if (pmm_hands(pmm, i)->drain >> 1 != isolated) /* O1 */
			return false;
	return pmm->isolations == isolated && pmm->moving == pmm->moved;
}
