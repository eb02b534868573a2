/* SPDX-License-Identifier: MIT */
/* What a buddy must do, in the plainest way: one byte a frame and linear search. The tests and the
 * fuzz target do every operation on both, and compare.
 *
 * Each function returns NULL, or what was wrong. */
#ifndef BUDDY_MODEL_H
#define BUDDY_MODEL_H
#include "buddy_words.h"
#include <mmlib/buddy.h>
#include <stdlib.h>
#include <string.h>

#define MODEL_F     (MM_WORD_BITS == 64 ? 6u : MM_WORD_BITS == 32 ? 5u : MM_WORD_BITS == 16 ? 4u : 3u)
#define MODEL_GUARD 16 /* bytes after the metadata that must stay */
#define MODEL_NOTHING 99u /* no order */

struct model {
	struct mm_buddy b;
	mm_pfn_t base, frames;
	size_t size;
	unsigned char *meta, *again; /* metadata; the same built anew */
	unsigned char *free;         /* one byte a frame */
	mm_pfn_t nfree;
	mm_pfn_t at, count;          /* what was taken or freed last */
};

static inline const char *model_init(struct model *m, mm_pfn_t base, mm_pfn_t frames)
{
	m->base = base;
	m->frames = frames;
	m->nfree = 0;
	m->at = base;
	m->count = 1;
	m->size = mm_buddy_size(base, frames);
	if (!m->size)
		return "no size";
	m->meta = malloc(m->size + MODEL_GUARD);
	m->again = malloc(m->size);
	m->free = calloc(frames, 1);
	memset(m->meta, 0xA5, m->size + MODEL_GUARD);
	if (mm_buddy_init(&m->b, base, frames, m->meta, m->size) != MM_OK)
		return "init";
	return NULL;
}

static inline void model_destroy(struct model *m)
{
	free(m->meta);
	free(m->again);
	free(m->free);
}

static inline bool model_inside(const struct model *m, mm_pfn_t pfn, mm_pfn_t count)
{
	return pfn >= m->base && pfn - m->base < m->frames && count <= m->frames - (pfn - m->base);
}

/* Free frames of [pfn, pfn + count), which is inside. */
static inline mm_pfn_t model_count(const struct model *m, mm_pfn_t pfn, mm_pfn_t count)
{
	mm_pfn_t n = 0;

	for (mm_pfn_t i = 0; i < count; i++)
		n += m->free[pfn - m->base + i];
	return n;
}

static inline void model_mark(struct model *m, mm_pfn_t pfn, mm_pfn_t count, bool is_free)
{
	for (mm_pfn_t i = 0; i < count; i++)
		m->free[pfn - m->base + i] = is_free;
	m->nfree = is_free ? m->nfree + count : m->nfree - count;
	m->at = pfn;
	m->count = count;
}

static inline bool model_all_free(const struct model *m, mm_pfn_t pfn, unsigned order)
{
	mm_pfn_t count = (mm_pfn_t)1 << order;

	return model_inside(m, pfn, count) && !memchr(m->free + (pfn - m->base), 0, count);
}

/* Lowest free block of an order. */
static inline bool model_lowest(const struct model *m, unsigned order, mm_pfn_t *out)
{
	mm_pfn_t size = (mm_pfn_t)1 << order;
	mm_pfn_t pfn = (m->base + (size - 1)) & ~(size - 1);

	for (; model_inside(m, pfn, size); pfn += size) {
		if (m->free[pfn - m->base] && model_all_free(m, pfn, order)) {
			*out = pfn;
			return true;
		}
	}
	return false;
}

/* The largest free block around the first free frame at pfn or above, by brute force: the merge rule
 * without levels. */
static inline bool model_next(const struct model *m, mm_pfn_t pfn, mm_pfn_t *first, unsigned *order)
{
	mm_pfn_t i = pfn - m->base; /* behind the last frame, however that wraps */
	unsigned k = 0;

	while (i < m->frames && !m->free[i])
		i++;
	if (i >= m->frames)
		return false;
	pfn = m->base + i;
	while (k < mm_buddy_max_order(&m->b) &&
	       model_all_free(m, pfn & ~(((mm_pfn_t)2 << k) - 1), k + 1))
		k++;
	*first = pfn & ~(((mm_pfn_t)1 << k) - 1);
	*order = k;
	return true;
}

/* Is the first free block at pfn or above the right one? It is put to *first and *order. */
static inline const char *model_check_next(const struct model *m, mm_pfn_t pfn, mm_pfn_t *first,
					   unsigned *order)
{
	mm_pfn_t want = 0;
	unsigned k = 0;
	bool any = model_next(m, pfn, &want, &k);

	if (mm_buddy_next_free(&m->b, pfn, 0, first, order) != any)
		return any ? "next_free: too few" : "next_free: too many";
	return any && (*first != want || *order != k) ? "next_free: another block" : NULL;
}

static inline const char *model_check_blocks(const struct model *m)
{
	mm_pfn_t last = m->base + (m->frames - 1), pfn = m->base, first = 0;
	const char *wrong;

	do {
		unsigned order = MODEL_NOTHING;

		wrong = model_check_next(m, pfn, &first, &order);
		if (wrong || order == MODEL_NOTHING)
			return wrong;
		pfn = first + ((mm_pfn_t)1 << order);
	} while (pfn - 1 != last);
	return model_check_next(m, pfn, &first, &(unsigned){ 0 });
}

/* Free blocks of an order or more are those of all that have it. */
static inline const char *model_check_least(const struct model *m, unsigned least)
{
	mm_pfn_t from = m->base, first = m->base, a, b;
	unsigned order = 0, k;

	while (mm_buddy_next_free(&m->b, from, least, &a, &k)) {
		do {
			if (!mm_buddy_next_free(&m->b, first, 0, &b, &order))
				return "next_free: a block of its own";
			first = b + ((mm_pfn_t)1 << order);
		} while (order < least);
		if (a != b || k != order)
			return "next_free: not the next of that order";
		from = first;
	}
	while (mm_buddy_next_free(&m->b, first, 0, &b, &order)) {
		if (order >= least)
			return "next_free: too few of that order";
		first = b + ((mm_pfn_t)1 << order);
	}
	return NULL;
}

/* The metadata must be what freeing the same frames from the last run to the first gives. */
static inline const char *model_check_anew(const struct model *m)
{
	struct mm_buddy b;

	if (mm_buddy_init(&b, m->base, m->frames, m->again, m->size) != MM_OK)
		return "init again";
	for (mm_pfn_t end = m->frames, n; end > 0; end -= n ? n : 1) {
		for (n = 0; n < end && m->free[end - n - 1]; n++)
			;
		if (n && mm_buddy_free_range(&b, m->base + end - n, n) != MM_OK)
			return "free again";
	}
	return memcmp(m->meta, m->again, buddy_words_bytes(&m->b, m->size))
		       ? "metadata depends on history"
		       : NULL;
}

static inline const char *model_check_guard(const struct model *m)
{
	for (size_t i = 0; i < MODEL_GUARD; i++) {
		if (m->meta[m->size + i] != 0xA5)
			return "wrote past the metadata";
	}
	return NULL;
}

/* All there is to see, and all invariants. */
static inline const char *model_check(const struct model *m)
{
	const char *wrong;

	if (mm_buddy_verify(&m->b) != MM_OK)
		return "verify";
	if (mm_buddy_count_free(&m->b) != m->nfree)
		return "count_free";
	for (mm_pfn_t i = 0; i < m->frames; i++) {
		if (mm_buddy_is_free(&m->b, m->base + i) != m->free[i])
			return "is_free";
	}
	wrong = model_check_guard(m);
	if (!wrong)
		wrong = model_check_blocks(m);
	for (unsigned k = 1; !wrong && k <= mm_buddy_max_order(&m->b) + 1; k += k < 4 ? 1 : 3)
		wrong = model_check_least(m, k);
	return wrong ? wrong : model_check_anew(m);
}

/* What is wrong with the arguments of free and alloc_at, else MM_OK. */
static inline enum mm_status model_argument(const struct model *m, mm_pfn_t pfn, unsigned order)
{
	if (order > mm_buddy_max_order(&m->b))
		return MM_E_INVAL;
	if (pfn & (((mm_pfn_t)1 << order) - 1))
		return MM_E_ALIGN;
	return model_inside(m, pfn, (mm_pfn_t)1 << order) ? MM_OK : MM_E_FOREIGN;
}

static inline const char *model_alloc(struct model *m, unsigned order, mm_pfn_t *out)
{
	mm_pfn_t want = 77, got = 77;
	enum mm_status st, expect = MM_E_INVAL;

	if (order <= mm_buddy_max_order(&m->b))
		expect = model_lowest(m, order, &want) ? MM_OK : MM_E_NOMEM;
	st = mm_buddy_alloc(&m->b, order, &got);
	if (st != expect)
		return "alloc: status";
	if (got != want)
		return "alloc: not the lowest address";
	if (st == MM_OK)
		model_mark(m, got, (mm_pfn_t)1 << order, false);
	*out = got;
	return NULL;
}

static inline const char *model_alloc_at(struct model *m, mm_pfn_t pfn, unsigned order)
{
	enum mm_status expect = model_argument(m, pfn, order);

	if (expect == MM_OK && !model_all_free(m, pfn, order))
		expect = MM_E_BUSY;
	if (mm_buddy_alloc_at(&m->b, pfn, order) != expect)
		return "alloc_at: status";
	if (expect == MM_OK)
		model_mark(m, pfn, (mm_pfn_t)1 << order, false);
	return NULL;
}

/* Below MM_CHECKS 2, a free of a large block with free frames inside is not promised to be found;
 * it is left out then. */
static inline const char *model_free(struct model *m, mm_pfn_t pfn, unsigned order)
{
	enum mm_status expect = model_argument(m, pfn, order);
	mm_pfn_t size = (mm_pfn_t)1 << (order & 63), already;

	if (expect == MM_OK) {
		already = model_count(m, pfn, size);
		if (MM_CHECKS < 2 && order >= MODEL_F && already && already < size)
			return NULL;
		expect = already ? MM_E_DOUBLE_FREE : MM_OK;
	}
	if (mm_buddy_free(&m->b, pfn, order) != expect)
		return "free: status";
	if (expect == MM_OK)
		model_mark(m, pfn, size, true);
	return NULL;
}

static inline const char *model_free_range(struct model *m, mm_pfn_t first, mm_pfn_t count)
{
	enum mm_status expect = MM_OK;

	if (count && !model_inside(m, first, count))
		expect = MM_E_FOREIGN;
	else if (count && model_count(m, first, count))
		expect = MM_E_DOUBLE_FREE;
	if (mm_buddy_free_range(&m->b, first, count) != expect)
		return "free_range: status";
	if (count && expect == MM_OK)
		model_mark(m, first, count, true);
	return NULL;
}

static inline const char *model_alloc_range(struct model *m, mm_pfn_t first, mm_pfn_t count)
{
	enum mm_status expect = MM_OK;

	if (count == 0)
		expect = MM_E_INVAL;
	else if (!model_inside(m, first, count))
		expect = MM_E_FOREIGN;
	else if (model_count(m, first, count) != count)
		expect = MM_E_BUSY;
	if (mm_buddy_alloc_range(&m->b, first, count) != expect)
		return "alloc_range: status";
	if (expect == MM_OK)
		model_mark(m, first, count, false);
	return NULL;
}

/* The lowest run within limits that make sense. */
static inline bool model_lowest_run(const struct model *m, mm_pfn_t count,
				    const struct mm_buddy_limits *w, mm_pfn_t *out)
{
	for (mm_pfn_t i = 0, n = 0; i < m->frames; i++) {
		mm_pfn_t last = m->base + i, first = last - (count - 1);

		n = m->free[i] && last >= w->low && last <= w->high ? n + 1 : 0;
		/* any place of a run that is longer than wanted, and ends here */
		if (n >= count && !(first & (w->align - 1)) &&
		    !(w->boundary && (first ^ last) & ~(w->boundary - 1))) {
			*out = first;
			return true;
		}
	}
	return false;
}

static inline bool model_power(mm_pfn_t n)
{
	return n && !(n & (n - 1));
}

static inline const char *model_alloc_run(struct model *m, mm_pfn_t count,
					  const struct mm_buddy_limits *where)
{
	struct mm_buddy_limits w = { 0, MM_PFN_MAX, 1, 0 };
	mm_pfn_t want = 77, got = 77;
	enum mm_status st, expect = MM_E_INVAL;

	w = where ? *where : w;
	if (count && w.low <= w.high && model_power(w.align) &&
	    (!w.boundary || (model_power(w.boundary) && w.boundary >= count)))
		expect = model_lowest_run(m, count, &w, &want) ? MM_OK : MM_E_NOMEM;
	st = mm_buddy_alloc_run(&m->b, count, where, &got);
	if (st != expect)
		return "alloc_run: status";
	if (got != want)
		return "alloc_run: not the lowest address";
	if (st == MM_OK)
		model_mark(m, got, count, false);
	return NULL;
}

/* Free everything that is not. */
static inline const char *model_free_rest(struct model *m)
{
	for (mm_pfn_t i = 0, n; i < m->frames; i += n ? n : 1) {
		const char *wrong;

		for (n = 0; i + n < m->frames && !m->free[i + n]; n++)
			;
		wrong = n ? model_free_range(m, m->base + i, n) : NULL;
		if (wrong)
			return wrong;
	}
	return NULL;
}
#endif
