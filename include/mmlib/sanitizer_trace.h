/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief `MM_SANITIZER_HEADER` for traces of what callers do: mmlib/trace.h.
 *
 * What the functions mean is in mmlib/sanitizer.h. The host defines mm_trace_here(). */
#ifndef MMLIB_SANITIZER_TRACE_H
#define MMLIB_SANITIZER_TRACE_H
#include <mmlib/trace.h>

#define MM_SANITIZER_FRAMES 1 /**< it is told of frames, too */

/** @cond documented in mmlib/sanitizer.h */
static inline unsigned mm_san_trace_pool(const void *pool)
{
	return (unsigned)((uintptr_t)pool >> 4) & 0xffffu; /* caches of a heap are neighbours */
}

static inline void mm_san_frames(mm_paddr_t pa, mm_pfn_t frames, uint32_t zone, bool own)
{
	mm_trace_write(mm_trace_here(), own ? MM_TRACE_OWN : MM_TRACE_FRAMES, zone, pa, frames);
}

static inline void mm_san_frames_free(mm_paddr_t pa, mm_pfn_t frames, uint32_t zone)
{
	mm_trace_write(mm_trace_here(), MM_TRACE_UNFRAMES, zone, pa, frames);
}

static inline void mm_san_alloc(const void *pool, void *p, size_t size, size_t room)
{
	(void)room;
	mm_trace_write(mm_trace_here(), MM_TRACE_ALLOC, mm_san_trace_pool(pool), (uintptr_t)p, size);
}

static inline void mm_san_resize(const void *pool, void *p, size_t size, size_t room)
{
	(void)room;
	mm_trace_write(mm_trace_here(), MM_TRACE_RESIZE, mm_san_trace_pool(pool), (uintptr_t)p, size);
}

static inline void mm_san_free(const void *pool, void *p, size_t room)
{
	(void)room;
	mm_trace_write(mm_trace_here(), MM_TRACE_FREE, mm_san_trace_pool(pool), (uintptr_t)p, 0);
}

static inline void mm_san_misuse(const void *pool, const void *p)
{
	mm_trace_write(mm_trace_here(), MM_TRACE_MISUSE, mm_san_trace_pool(pool), (uintptr_t)p, 0);
}

static inline void mm_san_pool(const void *pool)
{
	(void)pool;
}

static inline void mm_san_pool_end(const void *pool)
{
	(void)pool;
}

static inline void mm_san_open(const void *p, size_t bytes)
{
	(void)p;
	(void)bytes;
}

static inline void mm_san_fresh(const void *p, size_t bytes)
{
	(void)p;
	(void)bytes;
}

static inline void mm_san_close(const void *p, size_t bytes)
{
	(void)p;
	(void)bytes;
}
/** @endcond */
#endif
