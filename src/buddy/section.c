/* SPDX-License-Identifier: MIT */
/* Sections of a buddy: filling them. Theory in section.h. */
#include "buddy.h"

#if MM_BUDDY_SECTIONS
/* Fill the section of a frame; its frames are the caller's. */
static void section_fill(struct mm_buddy *b, mm_pfn_t pfn)
{
	mm_pfn_t first = pfn & ~(BUDDY_SECTION - 1), last = first | (BUDDY_SECTION - 1);
	mm_word_t *words;

	mm_hook_step(); /* what follows is no atomic operation, but must not happen at any time */
	first = first < b->origin ? b->origin : first;
	last = last < buddy_last(b) ? last : buddy_last(b);
	words = buddy_word(b, 0, first);
	__builtin_memset(words, 0, (size_t)(buddy_word(b, 0, last) - words + 1) * sizeof(*words));
	first = first < b->base ? b->base : first;
	__builtin_memset(b->bytes + (first - b->base), 0, (size_t)(last - first) + 1);
	mm_atomic_or(&b->filled[buddy_index(b, 2, first)], buddy_unit_bit(2, first));
}

void buddy_fill(struct mm_buddy *b, mm_pfn_t first, mm_pfn_t last)
{
	for (;; first = (first | (BUDDY_SECTION - 1)) + 1) {
		if (!buddy_filled(b, first))
			section_fill(b, first);
		if ((first | (BUDDY_SECTION - 1)) >= last)
			return;
	}
}

void buddy_fill_units(struct mm_buddy *b, unsigned level, mm_pfn_t pfn, mm_word_t units)
{
	mm_pfn_t word = pfn >> (BUDDY_F * (level + 1)) << (BUDDY_F * (level + 1));

	if (level < 2) {
		buddy_fill(b, pfn, pfn);
		return;
	}
	for (; units; units &= (mm_word_t)(units - 1)) {
		mm_pfn_t first = word + ((mm_pfn_t)mm_lowest_bit_word(units) << (BUDDY_F * level));

		buddy_fill(b, first, first + (((mm_pfn_t)1 << (BUDDY_F * level)) - 1));
	}
}

mm_pfn_t buddy_prefix(struct mm_buddy *b)
{
	size_t i = mm_atomic_load_acquire(&b->prefix), count;
	mm_pfn_t section, end;

	if (!b->filled)
		return b->frames;
	count = (size_t)buddy_index(b, 2, buddy_last(b)) + 1;
	section = b->base >> (2 * BUDDY_F);
	if (i)
		section = ((section >> BUDDY_F) + i) << BUDDY_F;
	for (; i < count; i++) {
		mm_word_t gaps = (mm_word_t)(~mm_atomic_load_acquire(&b->filled[i]) >>
					     (section & (BUDDY_W - 1)));

		if (gaps) {
			section += mm_lowest_bit_word(gaps);
			break;
		}
		section = ((section >> BUDDY_F) + 1) << BUDDY_F;
	}
	mm_atomic_store_release(&b->prefix, i); /* who believes it sees what was filled */
	end = section << (2 * BUDDY_F);
	return end - b->base < b->frames ? end - b->base : b->frames;
}

/* Take a section that is not filled, which fills it, and give it back. */
static bool section_visit(struct mm_buddy *b, mm_pfn_t pfn)
{
	struct buddy_set s = { .k = { pfn, 2, 0 }, .pick = buddy_unit_bit(2, pfn), .most = 1 };
	enum mm_status st;

	if (MM_PLANTED(MM_PLANT_SECTION)) {
		section_fill(b, pfn);
		return true;
	}
	buddy_begin(b); /* the frames are not allocated */
	st = buddy_claim(b, &s);
	if (st == MM_OK)
		(void)buddy_give(b, 2, pfn, s.pick); /* what the call owns is not free: it cannot fail */
	buddy_end(b);
	return st == MM_OK;
}

bool buddy_fill_next(struct mm_buddy *b, mm_pfn_t *at)
{
	mm_pfn_t first = b->base >> (2 * BUDDY_F), last = buddy_last(b) >> (2 * BUDDY_F);

	if (*at == 0)
		*at = ((b->base + (buddy_prefix(b) - 1)) >> (2 * BUDDY_F)) - first + 1;
	while (b->filled && first + *at <= last) {
		mm_pfn_t pfn = (first + *at) << (2 * BUDDY_F);

		++*at;
		if (!buddy_filled(b, pfn) && section_visit(b, pfn))
			return true;
	}
	return false;
}
#endif
