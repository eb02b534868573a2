/* SPDX-License-Identifier: MIT */
/* Tiny cache: what a page begins with. See tiny.c. */
#ifndef MM_SRC_TINY_TINY_H
#define MM_SRC_TINY_TINY_H
#include <mmlib/tiny.h>

struct mm_tiny_page {
	uintptr_t seal;            /* tiny_seal(), as long as it is a page of that cache */
	struct mm_tiny_page *next; /* in t->some */
	uint32_t home;             /* objects that are free */
	uint32_t free[];           /* bit: this object is free */
};

/* No other memory has this at its start by chance: it depends on where it is. */
static inline uintptr_t tiny_seal(const struct mm_tiny *t, const struct mm_tiny_page *page)
{
	return (uintptr_t)t ^ ((uintptr_t)page | 1);
}

static inline struct mm_tiny_page *tiny_page(const struct mm_tiny *t, uintptr_t at)
{
	return (struct mm_tiny_page *)(at & ~((uintptr_t)t->page - 1));
}
#endif
