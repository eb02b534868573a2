/* SPDX-License-Identifier: MIT */
/* Sets of stretches of address space, for the oracle of page tables: see pt_oracle.h. */
#include "pt_oracle.h"
#include <stdlib.h>
#include <string.h>

#if defined(__clang__) /* the fuzzer is to explore the library, not this file: much faster */
#pragma clang attribute push(__attribute__((no_sanitize("coverage", "address", "undefined"))),     \
			     apply_to = function)
#endif

unsigned ora_page_shift = 12;

void set_clear(struct ora_set *set)
{
	set->n = 0;
}

/* First stretch that ends at or after @va. */
size_t set_find(const struct ora_set *set, uint64_t va)
{
	size_t lo = 0, hi = set->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (set->run[mid].last < va)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool set_overlaps(const struct ora_set *set, uint64_t va, uint64_t last, uint64_t *first)
{
	size_t i = set_find(set, va);

	if (i == set->n || set->run[i].va > last)
		return false;
	if (first)
		*first = set->run[i].va > va ? set->run[i].va : va;
	return true;
}

static void set_open(struct ora_set *set, size_t i)
{
	if (set->n == ORA_RUNS)
		abort();
	memmove(&set->run[i + 1], &set->run[i], (set->n - i) * sizeof(set->run[0]));
	set->n++;
}

/* Does @b go on where @a ends? */
static bool set_joins(const struct ora_run *a, const struct ora_run *b)
{
	return a->last + 1 == b->va && a->pa + (a->last - a->va) + 1 == b->pa && a->attr == b->attr &&
	       a->level == b->level && a->run == b->run;
}

void set_insert(struct ora_set *set, struct ora_run run)
{
	size_t i = set_find(set, run.va);

	if (i > 0 && set_joins(&set->run[i - 1], &run)) {
		set->run[i - 1].last = run.last;
		return;
	}
	set_open(set, i);
	set->run[i] = run;
}

/* Make a border before @va. */
static size_t set_cut(struct ora_set *set, uint64_t va)
{
	size_t i = set_find(set, va);

	if (i == set->n || set->run[i].va >= va)
		return i;
	set_open(set, i);
	set->run[i].last = va - 1;
	set->run[i + 1].pa += va - set->run[i + 1].va;
	set->run[i + 1].va = va;
	return i + 1;
}

/* Stretches that lie in [va, last], after cutting at both ends. */
static size_t set_slice(struct ora_set *set, uint64_t va, uint64_t last, size_t *end)
{
	size_t i = set_cut(set, va);

	*end = last == UINT64_MAX ? set->n : set_cut(set, last + 1);
	return i;
}

uint64_t set_run_pages(const struct ora_run *r)
{
	return ((r->last - r->va) >> ora_page_shift) + 1;
}

uint64_t set_remove(struct ora_set *set, uint64_t va, uint64_t last)
{
	size_t end, i = set_slice(set, va, last, &end);
	uint64_t pages = 0;

	for (size_t k = i; k < end; k++)
		pages += set_run_pages(&set->run[k]);
	memmove(&set->run[i], &set->run[end], (set->n - end) * sizeof(set->run[0]));
	set->n -= end - i;
	return pages;
}

void set_splice(struct ora_set *set, uint64_t va, uint64_t last, const struct ora_run *run, size_t n)
{
	size_t end, i = set_slice(set, va, last, &end);

	if (i > 0 && n > 0 && set_joins(&set->run[i - 1], run)) {
		set->run[i - 1].last = run->last;
		run++, n--;
	}
	if (set->n - (end - i) + n > ORA_RUNS)
		abort();
	memmove(&set->run[i + n], &set->run[end], (set->n - end) * sizeof(*run));
	memcpy(&set->run[i], run, n * sizeof(*run));
	set->n = set->n - (end - i) + n;
	i += n;
	if (i > 0 && i < set->n && set_joins(&set->run[i - 1], &set->run[i])) {
		set->run[i - 1].last = set->run[i].last;
		memmove(&set->run[i], &set->run[i + 1], (--set->n - i) * sizeof(*run));
	}
}

uint32_t ora_told(uint32_t attr)
{
	if (!(attr & MM_PT_TRACK))
		attr |= MM_PT_ACCESSED | MM_PT_DIRTY;
	return attr & ~(uint32_t)MM_PT_TRACK;
}

uint64_t set_protect(struct ora_set *set, uint64_t va, uint64_t last, uint32_t attr)
{
	size_t end, i = set_slice(set, va, last, &end);
	uint64_t pages = 0;

	for (; i < end; i++) {
		uint32_t seen = set->run[i].attr & (MM_PT_ACCESSED | MM_PT_DIRTY);
		set->run[i].attr = ora_told(attr) | seen;
		pages += set_run_pages(&set->run[i]);
	}
	return pages;
}

void set_touch(struct ora_set *set, uint64_t va, uint64_t last, uint32_t bits)
{
	size_t end, i = set_slice(set, va, last, &end);

	for (; i < end; i++)
		set->run[i].attr |= bits;
}

void set_untouch(struct ora_set *set, uint64_t va, uint64_t last, uint32_t bits)
{
	size_t end, i = set_slice(set, va, last, &end);

	for (; i < end; i++)
		set->run[i].attr &= ~bits;
}

uint64_t set_pages(const struct ora_set *set, uint64_t va, uint64_t last)
{
	uint64_t pages = 0;

	for (size_t i = set_find(set, va); i < set->n && set->run[i].va <= last; i++) {
		uint64_t lo = set->run[i].va > va ? set->run[i].va : va;
		uint64_t hi = set->run[i].last < last ? set->run[i].last : last;
		pages += ((hi - lo) >> ora_page_shift) + 1;
	}
	return pages;
}

bool set_equal(const struct ora_set *a, const struct ora_set *b)
{
	size_t i = 0, k = 0;
	uint64_t in_a = 0, in_b = 0; /* bytes of the current stretch that are compared */

	while (i < a->n && k < b->n) {
		const struct ora_run *x = &a->run[i], *y = &b->run[k];
		if (x->va + in_a != y->va + in_b || x->pa + in_a != y->pa + in_b ||
		    x->attr != y->attr)
			return false;
		uint64_t left_a = x->last - x->va - in_a, left_b = y->last - y->va - in_b;
		uint64_t step = left_a < left_b ? left_a : left_b;
		in_a += step + 1;
		in_b += step + 1;
		if (step == left_a)
			i++, in_a = 0;
		if (step == left_b)
			k++, in_b = 0;
	}
	return i == a->n && k == b->n;
}

#if defined(__clang__)
#pragma clang attribute pop
#endif
