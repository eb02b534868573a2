/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief What mmlib tells a memory checker: ASan, Valgrind's memcheck, KASAN; and a trace.
 *
 * A checker that knows of malloc() only sees one large piece of memory where mmlib gives out objects and
 * frames. Built with `-DMM_SANITIZER_HEADER='"mmlib/sanitizer_asan.h"'` (or sanitizer_valgrind.h, sanitizer_kasan.h, or
 * a header of your own that defines the functions below), mmlib tells it which bytes are whose: each object gets 16
 * bytes behind it that nobody may touch, what is free is closed, and a wrong free is told. Objects in a
 * magazine are free; frames that nobody allocated yet are not closed. mmlib and all code that includes its
 * inline functions are built with the same header. Needs MM_CHECKS 1 or more.
 * The functions are called by who allocates or frees, in his context; they may not call mmlib.
 * Without it, all of this is nothing. Headers that want to know of page frames by their address define
 * #MM_SANITIZER_FRAMES. */
#ifndef MMLIB_SANITIZER_H
#define MMLIB_SANITIZER_H
#include <mmlib/types.h>

#ifdef MM_SANITIZER_HEADER
#define MM_SANITIZER 1 /**< is somebody told? */
#include MM_SANITIZER_HEADER
#ifndef MM_SAN_GRANULE
#define MM_SAN_GRANULE 1u
#endif
#else
#define MM_SANITIZER 0 /**< is somebody told? */
/** Bytes that a checker knows together: objects are aligned to them. A header of one defines it, or it is 1. */
#define MM_SAN_GRANULE 1u

/** Objects of a pool will be told of. @param pool a cache, or a heap for large blocks */
static inline void mm_san_pool(const void *pool)
{
	(void)pool;
}

/** No more. @param pool as before; none of its objects is allocated */
static inline void mm_san_pool_end(const void *pool)
{
	(void)pool;
}

/** An object is a caller's, its contents undefined. @param pool its pool @param p the object
 *  @param size bytes that are the caller's @param room bytes, of which the rest is nobody's */
static inline void mm_san_alloc(const void *pool, void *p, size_t size, size_t room)
{
	(void)pool;
	(void)p;
	(void)size;
	(void)room;
}

/** An allocated object has another size, and is defined up to it. @param pool,p,size,room as for alloc */
static inline void mm_san_resize(const void *pool, void *p, size_t size, size_t room)
{
	(void)pool;
	(void)p;
	(void)size;
	(void)room;
}

/** An object is nobody's. @param pool,p,room as for alloc */
static inline void mm_san_free(const void *pool, void *p, size_t room)
{
	(void)pool;
	(void)p;
	(void)room;
}

/** Somebody freed what is no object of the pool. @param pool pool @param p what he freed */
static inline void mm_san_misuse(const void *pool, const void *p)
{
	(void)pool;
	(void)p;
}

/** Memory is mmlib's own, defined. @param p where @param bytes how many */
static inline void mm_san_open(const void *p, size_t bytes)
{
	(void)p;
	(void)bytes;
}

/** Memory is somebody's, undefined. @param p where @param bytes how many */
static inline void mm_san_fresh(const void *p, size_t bytes)
{
	(void)p;
	(void)bytes;
}

/** Memory is nobody's. @param p where @param bytes how many */
static inline void mm_san_close(const void *p, size_t bytes)
{
	(void)p;
	(void)bytes;
}
#endif

#if !MM_SANITIZER || !defined(MM_SANITIZER_FRAMES)
#define MM_SANITIZER_FRAMES 0 /**< is it told of frames too? A header that defines it as 1 has these two */

/** Page frames are somebody's. @param pa first byte @param frames how many @param zone index of their zone
 *  @param own are they a heap's own */
static inline void mm_san_frames(mm_paddr_t pa, mm_pfn_t frames, uint32_t zone, bool own)
{
	(void)pa;
	(void)frames;
	(void)zone;
	(void)own;
}

/** Page frames are nobody's: what came with one call, or a part of it. @param pa first byte
 *  @param frames how many @param zone index of their zone */
static inline void mm_san_frames_free(mm_paddr_t pa, mm_pfn_t frames, uint32_t zone)
{
	(void)pa;
	(void)frames;
	(void)zone;
}
#endif
#endif
