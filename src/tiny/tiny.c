/* SPDX-License-Identifier: MIT */
/* Theory of operation: tiny cache
 * Problem      objects of one size with as little code and memory as can be, and without a word of the
 *              allocator inside an object.
 * Structure    pages, aligned to their size:
 *
 *                | seal | next | home | a bit for each object | object 0 | object 1 | ... |
 *
 *              A pointer rounded down is its page. The seal tells whether it is one; it is only looked
 *              at between the lowest and the highest page there ever was, so that no address is read
 *              that may not be memory. Pages with a free object are in a list, linked one way; the first
 *              is taken from, so none but the first ever leaves it. Pages stay until mm_tiny_shrink().
 * Invariants   T1 a bit is set if its object is free; home counts the bits; there are no others.
 *              T2 a page is in the list if home > 0, and not if it is 0.
 *              T3 a page has the right seal from when it is added until it is given back.
 *              T4 used counts the objects that are allocated, pages the pages.
 * Why not      a list through free objects: a stray write could lead the allocator anywhere. Links both
 *              ways: nothing leaves from the middle but in mm_tiny_shrink(), which walks anyway.
 * Concurrency  none: the caller keeps others away. */
#include "tiny.h"
#include "bits.h"
#include "checked.h"
#include "hook.h"

/* Where objects begin behind n bits. */
static uint32_t tiny_first(uint32_t n, uint32_t align)
{
	uint32_t books = (uint32_t)offsetof(struct mm_tiny_page, free) + (n + 31) / 32 * 4;

	return (books + align - 1) & ~(align - 1);
}

static bool tiny_cfg_ok(const struct mm_tiny_cfg *cfg, size_t align)
{
	return cfg->size && mm_is_pow2(align) && mm_is_pow2(cfg->page) && cfg->page >= 64 &&
	       cfg->page <= 65536 && align < cfg->page;
}

enum mm_status mm_tiny_init(struct mm_tiny *t, const struct mm_tiny_cfg *cfg)
{
	uint32_t page, size, align, n;

	if (!t || !cfg || !tiny_cfg_ok(cfg, cfg->align ? cfg->align : sizeof(void *)))
		return MM_E_INVAL;
	if (cfg->size > cfg->page)
		return MM_E_NOSPC;
	align = cfg->align ? (uint32_t)cfg->align : (uint32_t)sizeof(void *);
	page = (uint32_t)cfg->page;
	size = ((uint32_t)cfg->size + align - 1) & ~(align - 1);
	for (n = page / size; n && tiny_first(n, align) + n * size > page;)
		n--;
	if (!n)
		return MM_E_NOSPC;
	*t = (struct mm_tiny){ .get = cfg->get,
			       .put = cfg->put,
			       .ctx = cfg->ctx,
			       .low = UINTPTR_MAX,
			       .page = page,
			       .size = size,
			       .first = tiny_first(n, align),
			       .count = n };
	return MM_OK;
}

/* Pages */

/* Is it a page of the cache? T3 */
static bool tiny_has(const struct mm_tiny *t, const struct mm_tiny_page *page)
{
	return (uintptr_t)page >= t->low && (uintptr_t)page <= t->high &&
	       page->seal == tiny_seal(t, page);
}

/* All its objects are free: T1 to T4. */
static void tiny_bring(struct mm_tiny *t, struct mm_tiny_page *page)
{
	uint32_t left = t->count, *word = page->free;

	for (; left >= 32; left -= 32)
		*word++ = 0xffffffffu;
	if (left)
		*word = ((uint32_t)1 << left) - 1;
	page->seal = tiny_seal(t, page);
	page->home = t->count;
	page->next = t->some;
	t->some = page;
	t->pages++;
	if ((uintptr_t)page < t->low)
		t->low = (uintptr_t)page;
	if ((uintptr_t)page > t->high)
		t->high = (uintptr_t)page;
}

enum mm_status mm_tiny_add(struct mm_tiny *t, void *memory, size_t bytes)
{
	uintptr_t base = (uintptr_t)memory, skip;
	size_t n;

	if (!t || !memory || !bytes || bytes - 1 > UINTPTR_MAX - base)
		return MM_E_INVAL;
	if (!t->count)
		return MM_E_STATE;
	skip = (0 - base) & (t->page - 1);
	if (skip >= bytes || bytes - skip < t->page)
		return MM_E_NOSPC;
	bytes = (bytes - skip) & ~((size_t)t->page - 1);
	base += skip;
	for (n = 0; n < bytes; n += t->page)
		if (tiny_has(t, tiny_page(t, base + n)))
			return MM_E_EXIST;
	while (n) /* the lowest one becomes the first */
		tiny_bring(t, tiny_page(t, base + (n -= t->page)));
	return MM_OK;
}

static enum mm_status tiny_more(struct mm_tiny *t)
{
	void *page = t->get && !mm_hook_fail() ? t->get(t->ctx) : NULL;

	if (!page)
		return MM_E_NOMEM;
	if ((uintptr_t)page & (t->page - 1)) {
		if (t->put)
			t->put(t->ctx, page);
		return MM_E_PORT;
	}
	tiny_bring(t, page);
	return MM_OK;
}

/* Let go of all pages without allocated objects. */
static void tiny_release(struct mm_tiny *t)
{
	struct mm_tiny_page **at = &t->some, *page;

	while ((page = *at)) {
		if (page->home < t->count) {
			at = &page->next;
			continue;
		}
		*at = page->next;
		page->seal = 0;
		t->pages--;
		if (t->put)
			t->put(t->ctx, page);
	}
}

enum mm_status mm_tiny_shrink(struct mm_tiny *t)
{
	if (!t)
		return MM_E_INVAL;
	if (!t->count)
		return MM_E_STATE;
	if (!t->put)
		return MM_E_NOTSUP;
	tiny_release(t);
	return MM_OK;
}

enum mm_status mm_tiny_destroy(struct mm_tiny *t)
{
	if (!t)
		return MM_E_INVAL;
	if (!t->count)
		return MM_E_STATE;
	if (t->used)
		return MM_E_BUSY;
	tiny_release(t);
	*t = (struct mm_tiny){ .count = 0 };
	return MM_OK;
}

/* Objects */

enum mm_status mm_tiny_alloc_st(struct mm_tiny *t, void **out)
{
	struct mm_tiny_page *page;
	uint32_t *word;

	if (!t || !out)
		return MM_E_INVAL;
	if (!t->count)
		return MM_E_STATE;
	if (!t->some) {
		enum mm_status st = tiny_more(t);

		if (st != MM_OK)
			return st;
	}
	page = t->some;
	for (word = page->free; !*word;) /* T1, T2: there is one */
		word++;
	*out = (char *)page + t->first +
	       ((uint32_t)(word - page->free) * 32 + mm_lowest_bit32(*word)) * t->size;
	if (!MM_PLANTED(MM_PLANT_TINY_BIT) || *word & (*word - 1))
		*word &= *word - 1;
	if (--page->home == 0)
		t->some = page->next;
	t->used++;
	return MM_OK;
}

enum mm_status mm_tiny_free(struct mm_tiny *t, void *p)
{
	struct mm_tiny_page *page;
	uint32_t at, n, bit;

	if (!t)
		return MM_E_INVAL;
	if (!p)
		return MM_OK;
	if (!t->count)
		return MM_E_STATE;
	page = tiny_page(t, (uintptr_t)p);
	if (MM_CHECKS && !tiny_has(t, page))
		return MM_E_FOREIGN;
	at = (uint32_t)((uintptr_t)p - (uintptr_t)page) - t->first; /* huge, if before */
	n = at / t->size;
	if (MM_CHECKS && (n >= t->count || n * t->size != at))
		return MM_E_ALIGN;
	bit = (uint32_t)1 << n % 32;
	if (MM_CHECKS && page->free[n / 32] & bit)
		return MM_E_DOUBLE_FREE;
	page->free[n / 32] |= bit;
	if (page->home++ == 0) {
		page->next = t->some;
		t->some = page;
	}
	t->used--;
	return MM_OK;
}

/* Looking */

enum mm_status mm_tiny_stats(const struct mm_tiny *t, struct mm_tiny_stats *out)
{
	if (!t || !out)
		return MM_E_INVAL;
	if (!t->count)
		return MM_E_STATE;
	*out = (struct mm_tiny_stats){
		.size = t->size, .pages = t->pages, .objects = t->pages * t->count, .used = t->used
	};
	return MM_OK;
}

/* T1 */
static bool tiny_page_ok(const struct mm_tiny *t, const struct mm_tiny_page *page)
{
	uint32_t words = (t->count + 31) / 32, n = 0;

	for (uint32_t i = 0; i < words; i++)
		n += mm_count_bits32(page->free[i]);
	return n == page->home && n > 0 &&
	       !(t->count % 32 && page->free[words - 1] >> t->count % 32);
}

enum mm_status mm_tiny_verify(const struct mm_tiny *t)
{
	size_t listed = 0, home = 0;

	if (!t)
		return MM_E_INVAL;
	if (!t->count)
		return MM_E_STATE;
	for (const struct mm_tiny_page *page = t->some; page; page = page->next) {
		if (listed++ == t->pages || page != tiny_page(t, (uintptr_t)page) ||
		    !tiny_has(t, page) || !tiny_page_ok(t, page))
			return MM_E_CORRUPT;
		home += page->home;
	}
	if (t->pages - listed > t->used) /* as many are full: so the product below does not wrap */
		return MM_E_CORRUPT;
	return t->used + home == t->pages * t->count ? MM_OK : MM_E_CORRUPT;
}
