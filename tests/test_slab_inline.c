/* SPDX-License-Identifier: MIT */
/* All tests of the heap once more, through the fast paths that compilers inline. */
#include <mmlib/slab_inline.h>
#define mm_cache_alloc mm_cache_alloc_inline
#define mm_cache_free  mm_cache_free_inline
#define mm_kmalloc     mm_kmalloc_inline
#define mm_kfree       mm_kfree_inline
#include "test_slab.c"
