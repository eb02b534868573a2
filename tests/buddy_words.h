/* SPDX-License-Identifier: MIT */
/* The part of a buddy's metadata that says which frames are free: the words of all levels. It follows
 * from the set of free frames, bit for bit. Behind it lie summaries, which also depend on history. */
#ifndef BUDDY_WORDS_H
#define BUDDY_WORDS_H
#include <mmlib/buddy.h>

static inline size_t buddy_words_bytes(const struct mm_buddy *b, size_t size)
{
#if MM_BUDDY_ROWS > 0
	if (b->level[0].rows[0])
		return (size_t)((char *)b->level[0].rows[0] - (char *)b->level[0].words);
#endif
	(void)b;
	return size;
}
#endif
