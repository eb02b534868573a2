/* SPDX-License-Identifier: MIT */
/* All tests of the heap once more, through the fast paths that compilers inline. They do not ask whether
 * there is a cache. */
#include <mmlib/slab_inline.h>
#define mm_kmalloc mm_kmalloc_inline
#define mm_kfree   mm_kfree_inline
#define mm_cache_alloc(cache, flags)                                                                   \
	(mm_object_is_cache(cache) ? mm_cache_alloc_inline(cache, flags) : (mm_cache_alloc)(cache, flags))
#define mm_cache_free(cache, p)                                                                        \
	(mm_object_is_cache(cache) ? mm_cache_free_inline(cache, p) : (mm_cache_free)(cache, p))
#define main test_kmalloc
#include "test_kmalloc.c"
#undef main
#define main test_slab
#include "test_slab.c"
#undef main
#define main test_slab_misuse
#include "test_slab_misuse.c"
#undef main
#if MM_HOOKS
#define main test_slab_disturbed
#include "test_slab_disturbed.c"
#undef main
#endif

int main(void)
{
	int failed = test_kmalloc() + test_slab() + test_slab_misuse();

#if MM_HOOKS
	failed += test_slab_disturbed();
#endif
	return failed;
}
