/* SPDX-License-Identifier: MIT */
/* Mobility: classes of pageblocks, and what the files about them share. Theory in mobility.c. */
#ifndef MM_SRC_PMM_MOBILITY_H
#define MM_SRC_PMM_MOBILITY_H
#include <mmlib/cma.h>
#include <mmlib/mobility.h>
#include "pmm.h"

/* What a range has once its pageblocks have classes. */
struct mm_mobility {
	struct mm_buddy of[2]; /* reclaimable and movable frames; the range's own buddy: unmovable */
	uint32_t *tags;        /* four bits a pageblock */
	struct mm_mobility *next; /* while they are made: the one before */
	uint32_t range;           /* and the range's index then */
};

enum {
	TAG_CLASS = 3,    /* enum mm_mobility_class */
	TAG_ISOLATED = 4, /* what is free is withheld */
	TAG_BITS = 4,
	TAGS_LOG = 3, /* log2 of the tags in a word */
};

/* Number of a frame's pageblock in its range. */
static inline mm_pfn_t mobility_number(const struct mm_range *r, mm_pfn_t pfn)
{
	return (pfn >> MM_BLOCK_ORDER) - (r->first >> MM_BLOCK_ORDER);
}

static inline uint32_t *mobility_word(const struct mm_range *r, mm_pfn_t pfn)
{
	return &pmm_mobility(r)->tags[mobility_number(r, pfn) >> TAGS_LOG];
}

static inline unsigned mobility_shift(const struct mm_range *r, mm_pfn_t pfn)
{
	return (unsigned)(mobility_number(r, pfn) & ((1u << TAGS_LOG) - 1)) * TAG_BITS;
}

/* Tag of the pageblock of a frame; a range without classes is unmovable. */
static inline unsigned mobility_tag(const struct mm_range *r, mm_pfn_t pfn)
{
	if (!pmm_mobility(r))
		return MM_CLASS_UNMOVABLE;
	return mm_atomic_load_seq(mobility_word(r, pfn)) >> mobility_shift(r, pfn) & 0xfu;
}

/* First and last frame of a pageblock, inside its range. */
static inline mm_pfn_t mobility_first(const struct mm_range *r, mm_pfn_t pfn)
{
	mm_pfn_t first = pfn & ~(MM_BLOCK_FRAMES - 1);

	return first < r->first ? r->first : first;
}

static inline mm_pfn_t mobility_last(const struct mm_range *r, mm_pfn_t pfn)
{
	mm_pfn_t last = pfn | (MM_BLOCK_FRAMES - 1);

	return last > r->last ? r->last : last;
}

/* Class that flags ask for. */
static inline enum mm_mobility_class mobility_wanted(uint32_t flags)
{
	return flags & MM_ALLOC_MOVABLE	      ? MM_CLASS_MOVABLE
	       : flags & MM_ALLOC_RECLAIMABLE ? MM_CLASS_RECLAIMABLE
					      : MM_CLASS_UNMOVABLE;
}

/* If the tag is `from`, make it `to`. */
bool mobility_retag(const struct mm_range *r, mm_pfn_t pfn, unsigned from, unsigned to);
/* Buddy of a class at a frame; NULL: there is none. */
struct mm_buddy *mobility_buddy(const struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t pfn,
				unsigned class);
/* Put a block that the caller owns, whose bytes are 00 and which is not counted as free, where its
 * pageblocks' tags say. */
void mobility_put(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t pfn, unsigned order);
/* A block was taken from the buddy of a class: count it. */
void mobility_taken(struct mm_pmm *pmm, const struct mm_range *r, mm_pfn_t pfn, unsigned order,
		    unsigned class);
/* Order of the largest block that these frames begin with, inside one pageblock. */
unsigned mobility_part(mm_pfn_t first, mm_pfn_t count);
/* The same for any number of frames. */
void mobility_put_run(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t first, mm_pfn_t count);
/* The same of a block that was in use: bad frames in it are withdrawn. */
void mobility_free(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t pfn, unsigned order);
/* The same of any number of frames. */
void mobility_free_run(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t pfn, mm_pfn_t frames);
/* Withdraw those frames of a block that are noted as bad, put the others. False: there is none. */
bool withdraw_freed(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t pfn, unsigned order);
/* Memory for metadata, from the manager itself: MM_E_NOMEM, MM_E_AGAIN. */
enum mm_status mobility_meta(struct mm_pmm *pmm, size_t bytes, mm_paddr_t *out);
/* Every free frame of a pageblock goes where its tag says. */
void mobility_settle(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t pfn);
/* Is any pageblock of it isolated? */
bool mobility_isolated(const struct mm_range *r, mm_pfn_t pfn, unsigned order);

/* Take a block from a zone, by class. Errors as mm_page_alloc(). */
enum mm_status mobility_from_zone(struct mm_pmm *pmm, uint32_t zone, unsigned order,
				  unsigned class, mm_pfn_t *pfn);
/* Take frames by their address, and count them. Errors as mm_buddy_alloc_range(). */
enum mm_status mobility_alloc_range(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t first,
				    mm_pfn_t count, unsigned class);
/* Take a run from a range, and count it: of the class, or of unmovable pageblocks. Errors as
 * mm_buddy_alloc_run(). */
enum mm_status mobility_alloc_run(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t count,
				  const struct mm_buddy_limits *where, unsigned class,
				  mm_pfn_t *first);
/* Take a block from the area that holds most, if that is `ample`, or from any. */
enum mm_status cma_take(struct mm_pmm *pmm, uint32_t zone, unsigned order, bool ample,
			mm_pfn_t *pfn);
/* Area of a frame, or NULL. */
struct mm_cma *cma_find(const struct mm_pmm *pmm, mm_pfn_t pfn);

/* Is a frame of a range with classes free in some buddy? Are all invariants kept? */
bool mobility_is_free(const struct mm_pmm *pmm, const struct mm_range *r, mm_pfn_t pfn);
bool mobility_sound(const struct mm_pmm *pmm);

/* Frames are under way between classes: a search that overlaps this proves nothing. */
static inline void mobility_begin(struct mm_pmm *pmm)
{
	mm_atomic_add(&pmm->moving, 1u);
}

static inline void mobility_end(struct mm_pmm *pmm)
{
	mm_atomic_add(&pmm->moved, 1u);
}

/* Emptying a stretch of frames: src/pmm/isolate.c. */
struct isolate {
	struct mm_pmm *pmm;
	struct mm_range *r;
	mm_pfn_t first, last; /* the frames that are wanted */
	const struct mm_mover *mover;
	mm_pfn_t pinned; /* the frame in the way */
	bool boot;       /* frames that boot held back are wanted, too */
};

/* Range that holds the frames of [base, base + length), whose arguments are checked here. */
enum mm_status isolate_frames(struct mm_pmm *pmm, mm_paddr_t base, mm_paddr_t length,
			      struct isolate *out);
/* Withhold the pageblocks of what->first to what->last, all or none. */
enum mm_status isolate_begin(struct isolate *what);
/* End that; what is withheld is free again. */
void isolate_end(const struct isolate *what);
/* Inside of that: until all frames from first to last that are RAM are withheld. */
enum mm_status isolate_empty(struct isolate *what);
#endif
