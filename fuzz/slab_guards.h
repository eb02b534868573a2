/* SPDX-License-Identifier: MIT */
/* What a shadow heap knows of guarded objects: a pool of some pages, which a host protects or does not. Pages that
 * are to be inaccessible are AddressSanitizer's: the library touches none of them. What is written beside an
 * object, or to one that is free, is found and told rightly. */
#ifndef SLAB_GUARDS_H
#define SLAB_GUARDS_H
#include <sanitizer/asan_interface.h>
#include <mmlib/guard.h>
#include "slab_waits.h"

#define GUARD_ORDER 5u
#define GUARD_POOL  ((size_t)MM_FRAME_SIZE << GUARD_ORDER)

static struct guards {
	struct mm_heap *heap;
	unsigned char *pool; /* NULL: there is none */
	mm_paddr_t pa;
	bool closed[1 << GUARD_ORDER];
	bool refuses; /* the host cannot protect pages now */
	struct mm_guard_report told;
} guards;

static bool guards_protect(void *ctx, void *page, size_t bytes, bool accessible)
{
	size_t first = (size_t)((unsigned char *)page - guards.pool) >> MM_FRAME_SHIFT;

	MUST(ctx == &guards && bytes && (bytes | (uintptr_t)page) % MM_FRAME_SIZE == 0);
	MUST(first + (bytes >> MM_FRAME_SHIFT) <= 1u << GUARD_ORDER);
	if (guards.refuses)
		return false;
	for (size_t i = 0; i < bytes >> MM_FRAME_SHIFT; i++)
		guards.closed[first + i] = !accessible;
	if (accessible)
		ASAN_UNPOISON_MEMORY_REGION(page, bytes);
	else
		ASAN_POISON_MEMORY_REGION(page, bytes);
	return true;
}

static void guards_tell(void *ctx, const struct mm_guard_report *report)
{
	MUST(ctx == &guards);
	guards.told = *report;
}

/* By the bits of a byte: is there a pool, does the host protect it, is kmalloc() guarded, one of how many? */
static void guards_start(struct mm_heap *heap, unsigned char *host, mm_paddr_t base, unsigned how)
{
	static const struct mm_guard_hooks protecting = { guards_protect, guards_tell, &guards };
	static const struct mm_guard_hooks telling = { .report = guards_tell, .ctx = &guards };
	struct mm_guard_cfg cfg = { .bytes = GUARD_POOL, .frames = how >> 6, .every = how >> 4 & 3, .hold = how >> 3 & 2 };

	guards = (struct guards){ .heap = heap };
	if (!(how & 2) || mm_page_alloc(heap->pmm, GUARD_ORDER, 0, &guards.pa) != MM_OK)
		return;
	guards.pool = host + (guards.pa - base);
	cfg.base = guards.pool;
	cfg.pa = guards.pa;
	cfg.kmalloc = how & 8;
	cfg.hooks = how & 4 ? &protecting : &telling;
	MUST(mm_guard_init(heap, &cfg) == MM_OK && mm_guard_init(heap, &cfg) == MM_E_EXIST);
}

static bool guards_has(const void *p)
{
	return guards.pool && (uintptr_t)p - (uintptr_t)guards.pool < GUARD_POOL;
}

static bool guards_closed(const void *p)
{
	return guards_has(p) && guards.closed[((uintptr_t)p - (uintptr_t)guards.pool) >> MM_FRAME_SHIFT];
}

/* A report of this address is of this object. */
static void guards_expect(const struct mm_guard_report *r, enum mm_guard_kind kind, const unsigned char *at,
			  const unsigned char *p, size_t size)
{
	MUST(r->kind == kind && r->address == (uintptr_t)at && r->object == p && r->size == size && r->cache &&
	     r->allocated && (kind == MM_GUARD_AFTER_FREE) == !!r->freed);
	MUST(r->distance == (size_t)(at < p ? p - at : at >= p + size ? at - p - (ptrdiff_t)size : 0));
}

/* Who touches what lies beside an object on its page is told so; nobody minds the object itself. */
static void guards_border(const unsigned char *p, size_t size)
{
	struct mm_guard_report r;

	if (!guards_has(p))
		return;
	MUST(mm_guard_fault(guards.heap, (uintptr_t)p, &r) == MM_E_NOENT);
	MUST(mm_guard_fault(guards.heap, (uintptr_t)p + size - 1, &r) == MM_E_NOENT);
	if (((uintptr_t)p + size) % MM_FRAME_SIZE) {
		MUST(mm_guard_fault(guards.heap, (uintptr_t)p + size, &r) == MM_OK);
		guards_expect(&r, MM_GUARD_BEHIND, p + size, p, size);
	}
	if ((uintptr_t)p % MM_FRAME_SIZE) {
		MUST(mm_guard_fault(guards.heap, (uintptr_t)p - 1, &r) == MM_OK);
		guards_expect(&r, MM_GUARD_BEFORE, p - 1, p, size);
	}
}

/* An object was freed: its page is closed, or who writes to it is found. */
static void guards_freed(unsigned char *p, size_t size)
{
	struct mm_guard_report r;

	if (!guards_has(p))
		return;
	MUST(mm_guard_fault(guards.heap, (uintptr_t)p, &r) == MM_OK);
	guards_expect(&r, MM_GUARD_AFTER_FREE, p, p, size);
	if (guards_closed(p))
		return;
	*p ^= 1;
	MUST(mm_guard_check(guards.heap, &r) == MM_E_CORRUPT);
	guards_expect(&r, MM_GUARD_AFTER_FREE, p, p, size);
	*p ^= 1;
}

/* All is as it should be, and so many objects are there. */
static void guards_check(size_t n)
{
	struct mm_guard_report r;
	struct mm_guard_stats s;

	MUST(mm_guard_check(guards.heap, &r) == MM_OK);
	MUST(mm_guard_stats(guards.heap, &s) == MM_OK && s.used == n && s.used + s.free == s.slots);
	MUST(guards.told.kind == MM_GUARD_UNKNOWN);
}

/* The heap is gone, and the pool the host's. */
static void guards_end(struct mm_pmm *pmm)
{
	if (!guards.pool)
		return;
	for (size_t at = 0; at < GUARD_POOL; at += (size_t)MM_FRAME_SIZE)
		MUST(!guards_closed(guards.pool + at));
	MUST(mm_page_free(pmm, guards.pa, GUARD_ORDER) == MM_OK);
}
#endif
