/* SPDX-License-Identifier: MIT */
/* What a kernel gives another language: a heap, in C's names. (mmlib's own names carry its configuration.) */
#ifndef RECIPES_HEAP_H
#define RECIPES_HEAP_H
#include <stdbool.h>
#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Memory, or NULL. `align` is a power of two; size is not 0. */
void *kernel_alloc(size_t size, size_t align, bool zero);
/* Another size of memory that was `old` bytes with this alignment, which is kept; NULL: p stays as it is. */
void *kernel_realloc(void *p, size_t old, size_t size, size_t align);
/* Give memory back: of this size and alignment, or the machine stops. NULL does nothing. */
void kernel_free(void *p, size_t size, size_t align);
/* The same if the size is not known. */
void kernel_free_unsized(void *p);
/* Stop the machine. */
void kernel_panic(const char *why);
/* Bytes that are allocated, for tests. */
size_t kernel_used(void);
#ifdef __cplusplus
}
#endif
#endif
