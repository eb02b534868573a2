/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief `MM_SANITIZER_HEADER` for kernels that are built with `-fsanitize=kernel-address`: shadow memory
 *  that says of each granule of 8 bytes how many of its first ones may be used.
 *
 * What the functions mean is in mmlib/sanitizer.h. The kernel supplies what writes the shadow. By default
 * these have the names and prototypes of Linux's (mm/kasan): `kasan_poison()` and `kasan_unpoison()`, which get
 * addresses of granules only, and `kasan_report()`. Where they have others, define #MM_KASAN_POISON,
 * #MM_KASAN_UNPOISON and #MM_KASAN_REPORT before, as a header of your own that includes this one can; with a
 * `kasan_mark(p, bytes, whole, code)` as the BSDs have it:
 *
 *     #define MM_KASAN_POISON(p, bytes, code) kasan_mark(p, 0, bytes, code)
 *     #define MM_KASAN_UNPOISON(p, bytes)     kasan_mark(p, bytes, ((bytes) + 7) & ~(size_t)7, 0)
 *
 * All memory that mmlib gets has shadow memory, which says that it may be used. A 32-bit machine's objects are
 * aligned to 8 bytes then. */
#ifndef MMLIB_SANITIZER_KASAN_H
#define MMLIB_SANITIZER_KASAN_H
#include <mmlib/std.h>

/** Bytes that one byte of the shadow tells of. Objects of different owners share none. */
#define MM_SAN_GRANULE 8u
#define MM_KASAN_FREE    0xfbu /**< code of what was freed, as a report of Linux's has it */
#define MM_KASAN_REDZONE 0xfcu /**< the same of what nobody has */

#ifndef MM_KASAN_POISON
#ifdef __cplusplus
extern "C" {
#endif
/** @cond of the kernel */
void kasan_poison(const void *p, size_t bytes, uint8_t code, bool init);
void kasan_unpoison(const void *p, size_t bytes, bool init);
bool kasan_report(const void *p, size_t bytes, bool is_write, unsigned long ip);
/** @endcond */
#ifdef __cplusplus
}
#endif
/** Granules may not be used: @p p and @p bytes are multiples of #MM_SAN_GRANULE, @p code is told in reports. */
#define MM_KASAN_POISON(p, bytes, code) kasan_poison(p, bytes, code, false)
/** Bytes may be used, from a granule's first one on; the rest of the last granule may not. */
#define MM_KASAN_UNPOISON(p, bytes) kasan_unpoison(p, bytes, false)
/** Tell of a wrong free of @p p, made by who called. */
#define MM_KASAN_REPORT(p) \
	((void)kasan_report(p, 1, true, (unsigned long)(uintptr_t)__builtin_return_address(0)))
#endif

/** @cond documented in mmlib/sanitizer.h */
static inline void mm_san_pool(const void *pool)
{
	(void)pool;
}

static inline void mm_san_pool_end(const void *pool)
{
	(void)pool;
}

/* Bytes before p in its granule may be used, too. */
static inline void mm_san_open(const void *p, size_t bytes)
{
	size_t before = (uintptr_t)p % MM_SAN_GRANULE;

	if (bytes)
		MM_KASAN_UNPOISON((const char *)p - before, before + bytes);
}

static inline void mm_san_fresh(const void *p, size_t bytes)
{
	mm_san_open(p, bytes);
}

/* Bytes before p in its granule may be used; those behind the end in its may not. */
static inline void mm_san_kasan_close(const void *p, size_t bytes, uint8_t code)
{
	size_t before = (uintptr_t)p % MM_SAN_GRANULE, skip = before ? MM_SAN_GRANULE - before : 0;

	if (before)
		MM_KASAN_UNPOISON((const char *)p - before, before);
	if (bytes > skip)
		MM_KASAN_POISON((const char *)p + skip,
				(bytes - skip + MM_SAN_GRANULE - 1) & ~(size_t)(MM_SAN_GRANULE - 1), code);
}

static inline void mm_san_close(const void *p, size_t bytes)
{
	mm_san_kasan_close(p, bytes, MM_KASAN_REDZONE);
}

static inline void mm_san_alloc(const void *pool, void *p, size_t size, size_t room)
{
	(void)pool;
	mm_san_close(p, room);
	mm_san_open(p, size);
}

static inline void mm_san_resize(const void *pool, void *p, size_t size, size_t room)
{
	mm_san_alloc(pool, p, size, room);
}

static inline void mm_san_free(const void *pool, void *p, size_t room)
{
	(void)pool;
	mm_san_kasan_close(p, room, MM_KASAN_FREE);
}

static inline void mm_san_misuse(const void *pool, const void *p)
{
	(void)pool;
	MM_KASAN_REPORT(p);
}
/** @endcond */
#endif
