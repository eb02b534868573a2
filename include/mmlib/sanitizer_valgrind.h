/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief `MM_SANITIZER_HEADER` for Valgrind's memcheck: each cache is a pool.
 *
 * What the functions mean is in mmlib/sanitizer.h. Elsewhere than under Valgrind they cost a few
 * instructions each. Needs Valgrind's headers. */
#ifndef MMLIB_SANITIZER_VALGRIND_H
#define MMLIB_SANITIZER_VALGRIND_H
#include <mmlib/std.h>
#include <valgrind/memcheck.h>

/** @cond documented in mmlib/sanitizer.h */
static inline void mm_san_pool(const void *pool)
{
	VALGRIND_CREATE_MEMPOOL(pool, 0, 0);
}

static inline void mm_san_pool_end(const void *pool)
{
	VALGRIND_DESTROY_MEMPOOL(pool);
}

static inline void mm_san_open(const void *p, size_t bytes)
{
	(void)VALGRIND_MAKE_MEM_DEFINED(p, bytes);
}

static inline void mm_san_fresh(const void *p, size_t bytes)
{
	(void)VALGRIND_MAKE_MEM_UNDEFINED(p, bytes);
}

static inline void mm_san_close(const void *p, size_t bytes)
{
	(void)VALGRIND_MAKE_MEM_NOACCESS(p, bytes);
}

static inline void mm_san_alloc(const void *pool, void *p, size_t size, size_t room)
{
	mm_san_close(p, room);
	VALGRIND_MEMPOOL_ALLOC(pool, p, size);
}

static inline void mm_san_resize(const void *pool, void *p, size_t size, size_t room)
{
	mm_san_close(p, room);
	VALGRIND_MEMPOOL_CHANGE(pool, p, p, size);
	mm_san_open(p, size);
}

static inline void mm_san_free(const void *pool, void *p, size_t room)
{
	VALGRIND_MEMPOOL_FREE(pool, p);
	mm_san_close(p, room);
}

static inline void mm_san_misuse(const void *pool, const void *p)
{
	/* It knows no such object. The one at p it may know, and p is not freed: it waits, or has a damaged end. */
	VALGRIND_MEMPOOL_FREE(pool, (const char *)p + 1);
}
/** @endcond */
#endif
