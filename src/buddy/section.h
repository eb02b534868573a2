/* SPDX-License-Identifier: MIT */
/* Sections of a buddy: words of level 0 that are filled when they are first needed.
 *
 * Theory of operation
 * Problem      metadata is not assumed zero, and filling that of terabytes takes longer than a boot may.
 * Structure    a section is a unit of level 2: W * W frames, 16 MiB with frames of 4 KiB and 64-bit
 *              words. Its words of level 0, and the owner's byte for each of its frames, are nearly all
 *              metadata that there is, and mean nothing until its bit in b->filled is set. All else (words
 *              of level 1 and up, all summaries; 33 bytes a section) is cleared by init.
 * Invariants   Q1 frames of a section that is not filled are free in level 2 or above, or belong to a call
 *                 that took them there, or were never given.
 *              Q2 who takes frames from level 2 or above fills their sections before anybody else can
 *                 see them: before the rest goes to lower levels, before the call returns.
 *              Q3 no hint of level 0 leads to a section that is not filled, and no item lies in two.
 *              From Q1 and Q2: who fills owns all frames of the section, so nobody reads or writes its
 *              words meanwhile; those who come by address alone ask b->filled first.
 * Why no lock  the bit of level 2 or above that the compare-and-swap took is the lock.
 * Concurrency  b->filled is set by a read-modify-write after all is filled, and read with acquire. */
#ifndef MM_SRC_BUDDY_SECTION_H
#define MM_SRC_BUDDY_SECTION_H

#define BUDDY_SECTION ((mm_pfn_t)1 << (2 * BUDDY_F)) /* frames */

/* Is the section of this frame filled? */
static inline bool buddy_filled(const struct mm_buddy *b, mm_pfn_t pfn)
{
#if MM_BUDDY_SECTIONS
	return !b->filled || mm_atomic_load_acquire(&b->filled[buddy_index(b, 2, pfn)]) &
				     buddy_unit_bit(2, pfn);
#else
	(void)b;
	(void)pfn;
	return true;
#endif
}

/* A word, zero if it is not filled. */
static inline mm_word_t buddy_load(const struct mm_buddy *b, unsigned level, mm_pfn_t pfn)
{
	if (level == 0 && !buddy_filled(b, pfn))
		return 0;
	return mm_atomic_load_acquire(buddy_word(b, level, pfn));
}

#if MM_BUDDY_SECTIONS
/* Fill sections that are not: of units of a level that were just taken from level 2 or above (Q2), and of
 * frames that nobody else can reach, first to last. */
void buddy_fill_units(struct mm_buddy *b, unsigned level, mm_pfn_t pfn, mm_word_t units);
void buddy_fill(struct mm_buddy *b, mm_pfn_t first, mm_pfn_t last) MM_TAGGED(mm_priv_buddy_fill);
/* Frames from the first one on that are all in filled sections. */
mm_pfn_t buddy_prefix(struct mm_buddy *b);
/* Fill one section that is still to be filled; false: there is none that is free. *at: sections that need no
 * further look; 0 at first. */
bool buddy_fill_next(struct mm_buddy *b, mm_pfn_t *at);
#else
static inline void buddy_fill_units(struct mm_buddy *b, unsigned level, mm_pfn_t pfn, mm_word_t units)
{
	(void)b;
	(void)level;
	(void)pfn;
	(void)units;
}

static inline void buddy_fill(struct mm_buddy *b, mm_pfn_t first, mm_pfn_t last)
{
	(void)b;
	(void)first;
	(void)last;
}

static inline mm_pfn_t buddy_prefix(struct mm_buddy *b)
{
	return b->frames;
}

static inline bool buddy_fill_next(struct mm_buddy *b, mm_pfn_t *at)
{
	(void)b;
	(void)at;
	return false;
}
#endif

/* As mm_buddy_init(), but sections are left to be filled; with them bytes[], one for each frame, which are
 * zero then. */
enum mm_status buddy_init_sections(struct mm_buddy *b, mm_pfn_t base, mm_pfn_t frames, void *meta,
				   size_t bytes, uint8_t *frame_bytes);
#endif
