/* SPDX-License-Identifier: MIT */
/* The words of a buddy follow from the set of free frames, bit for bit (I1 to I3 of src/buddy/buddy.c).
 * Here they are computed from a byte a frame, the plain way: level by level, from all frames. So all that
 * says which frames are free can be compared after each operation, at the cost of a short loop. Summaries
 * depend on history, and are left to mm_buddy_verify(). */
#ifndef BUDDY_EXPECT_H
#define BUDDY_EXPECT_H
#include "buddy/buddy.h"
#include <string.h>

#define EXPECT_WORDS 64 /* of a level, at most */

/* Is each word of a level what `full` says: the units that are free as a whole? Then full becomes that of
 * the level above. */
static inline bool buddy_expect_level(const struct mm_buddy *b, unsigned level, mm_word_t *full)
{
	mm_pfn_t first = buddy_unit_above(level, b->base), last = buddy_unit_above(level, buddy_last(b));
	mm_word_t above[EXPECT_WORDS] = { 0 };

	for (mm_pfn_t i = 0; i <= last - first; i++) {
		mm_pfn_t unit = first + i, pfn = unit << (BUDDY_F * (level + 1));
		mm_word_t want = full[i];

		if (want == BUDDY_FULL && level + 1 < b->nlevels) {
			above[buddy_unit_above(level + 1, pfn) - buddy_unit_above(level + 1, b->base)] |=
				buddy_bit(unit);
			want = 0;
		}
		if (buddy_load(b, level, pfn < b->base ? b->base : pfn) != want)
			return false;
	}
	memcpy(full, above, sizeof(above));
	return true;
}

/* Are they right for a buddy of few frames, of which those are free whose byte is 1, not 0? */
static inline bool buddy_expect(const struct mm_buddy *b, const unsigned char *free)
{
	mm_word_t full[EXPECT_WORDS] = { 0 };
	mm_pfn_t first = b->base >> BUDDY_F;

	if (b->frames > (EXPECT_WORDS - 1) * BUDDY_W)
		return false;
	for (mm_pfn_t i = 0; i < b->frames; i++)
		full[((b->base + i) >> BUDDY_F) - first] |=
			(mm_word_t)((mm_word_t)free[i] << ((b->base + i) & (BUDDY_W - 1)));
	for (unsigned level = 0; level < b->nlevels; level++)
		if (!buddy_expect_level(b, level, full))
			return false;
	return true;
}
#endif
