/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief `MM_SANITIZER_HEADER` for AddressSanitizer: programs that are linked with its run time.
 *
 * What the functions mean is in mmlib/sanitizer.h. */
#ifndef MMLIB_SANITIZER_ASAN_H
#define MMLIB_SANITIZER_ASAN_H
#include <mmlib/std.h>

#ifdef __cplusplus
extern "C" {
#endif
/** @cond of ASan's run time */
void __asan_poison_memory_region(void const volatile *p, size_t bytes);
void __asan_unpoison_memory_region(void const volatile *p, size_t bytes);
void __asan_report_error(void *pc, void *bp, void *sp, void *p, int is_write, size_t bytes);
/** @endcond */
#ifdef __cplusplus
}
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

static inline void mm_san_open(const void *p, size_t bytes)
{
	__asan_unpoison_memory_region(p, bytes);
}

static inline void mm_san_fresh(const void *p, size_t bytes)
{
	__asan_unpoison_memory_region(p, bytes);
}

static inline void mm_san_close(const void *p, size_t bytes)
{
	__asan_poison_memory_region(p, bytes);
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
	mm_san_close(p, room);
}

static inline void mm_san_misuse(const void *pool, const void *p)
{
	(void)pool;
	__asan_report_error(__builtin_return_address(0), __builtin_frame_address(0), __builtin_frame_address(0),
			    (void *)(uintptr_t)p, 1, 1);
}
/** @endcond */
#endif
