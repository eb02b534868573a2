/* SPDX-License-Identifier: MIT */
/* A heap with a pool of guarded objects, for tests of the heap: pages of this very process, which mprotect() makes
 * inaccessible, and a handler of SIGSEGV, as a kernel has one of page faults. Or the same without an MMU. */
#ifndef GUARD_BOX_H
#define GUARD_BOX_H
#define _GNU_SOURCE
#include <mmlib/bulk.h>
#include <mmlib/guard.h>
#include <mmlib/owner.h>
#include <signal.h>
#include <sys/mman.h>
#include "slab_box.h"
#include "hook.h"
#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef VALGRIND_DISABLE_ERROR_REPORTING
#define VALGRIND_DISABLE_ERROR_REPORTING ((void)0)
#define VALGRIND_ENABLE_ERROR_REPORTING  ((void)0)
#endif

#define FRAME      ((size_t)MM_FRAME_SIZE)
#define POOL       (32 * FRAME)
#define POOL_PA    ((mm_paddr_t)0x40000000)
#define CALLED     static __attribute__((__noinline__, __unused__)) /* a function of its own */

static unsigned char *pool;
static struct mm_guard_report fault; /* what the handler of faults was told */
static enum mm_status fault_status;
static struct mm_guard_report told; /* what the pool told by itself */
static unsigned tellings;
static unsigned protections, refuse_from, refuse_to; /* calls of protect(), which refuses some */
static sigjmp_buf back;
static volatile unsigned char seen; /* Valgrind leaves out what nobody wants to know */

static inline bool protect(void *ctx, void *page, size_t bytes, bool accessible)
{
	assert_ptr_equal(ctx, &pool);
	assert_int_equal(locks, 0);
	assert_int_equal(((uintptr_t)page | bytes) % FRAME, 0);
	assert_in_range((uintptr_t)page, (uintptr_t)pool, (uintptr_t)pool + POOL - bytes);
	protections++;
	if (protections >= refuse_from && protections < refuse_to)
		return false;
	return mprotect(page, bytes, accessible ? PROT_READ | PROT_WRITE : PROT_NONE) == 0;
}

static inline void tell(void *ctx, const struct mm_guard_report *report)
{
	assert_ptr_equal(ctx, &pool);
	assert_int_equal(locks, 0);
	told = *report;
	tellings++;
}

static const struct mm_guard_hooks with_mmu = { .protect = protect, .report = tell, .ctx = &pool };
static const struct mm_guard_hooks without_mmu = { .report = tell, .ctx = &pool };

static inline void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	fault_status = mm_guard_fault(&heap, (uintptr_t)info->si_addr, &fault);
	siglongjmp(back, 1);
}

/* Does who reads, or writes, this byte fault? What the handler was told is in `fault`. */
CALLED bool faults(volatile unsigned char *p, bool write)
{
	struct sigaction ours = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO }, before_segv, before_bus;
	volatile bool faulted = true;

	memset(&fault, 0xA5, sizeof(fault));
	assert_int_equal(sigaction(SIGSEGV, &ours, &before_segv), 0);
	assert_int_equal(sigaction(SIGBUS, &ours, &before_bus), 0);
	VALGRIND_DISABLE_ERROR_REPORTING; /* it would be right */
	if (sigsetjmp(back, 1) == 0) {
		if (write)
			*p = 1;
		else
			seen = *p;
		faulted = false;
	}
	VALGRIND_ENABLE_ERROR_REPORTING;
	assert_int_equal(sigaction(SIGSEGV, &before_segv, NULL), 0);
	assert_int_equal(sigaction(SIGBUS, &before_bus, NULL), 0);
	return faulted;
}

static inline void pool_start(const struct mm_guard_cfg *cfg)
{
	struct mm_guard_cfg c = *cfg;

	c.base = pool = mmap(NULL, POOL, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(pool != MAP_FAILED);
	if ((uintptr_t)pool % FRAME) /* frames of 64 KiB where pages have 4 */
		skip();
	c.pa = POOL_PA;
	c.bytes = POOL;
	tellings = protections = refuse_from = refuse_to = 0;
	assert_int_equal(mm_guard_init(&heap, &c), MM_OK);
}

static inline int start_guarding(void **state)
{
	int st = start(state);

	pool_start(&(struct mm_guard_cfg){ .kmalloc = true, .hooks = &with_mmu });
	return st;
}

static inline int start_without_mmu(void **state)
{
	int st = start(state);

	pool_start(&(struct mm_guard_cfg){ .kmalloc = true, .hooks = &without_mmu });
	return st;
}

/* Nothing is damaged; then the pool's pages are the host's, all of them. */
static inline int stop_guarding(void **state)
{
	struct mm_guard_report r;

	assert_int_equal(mm_guard_check(&heap, &r), MM_OK);
	stop(state);
	memset(pool, 0, POOL);
	return munmap(pool, POOL);
}

static inline struct mm_cache *make_guarded(size_t size, size_t align, uint32_t flags)
{
	struct mm_cache_cfg cfg = { .name = "guarded", .size = size, .align = align, .flags = MM_CACHE_GUARD | flags };
	struct mm_cache *cache = NULL;

	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_OK);
	return cache;
}

static inline bool is_guarded(const void *p)
{
	return (uintptr_t)p - (uintptr_t)pool < POOL;
}

/* Who allocates and frees, by his address. */
CALLED unsigned char *allocate(struct mm_cache *cache)
{
	unsigned char *p = mm_cache_alloc(cache, 0);

	assert_true(is_guarded(p));
	return p;
}

CALLED void release(struct mm_cache *cache, void *p)
{
	enum mm_status st = mm_cache_free(cache, p);

	assert_int_equal(st, MM_OK);
}

static inline struct mm_guard_stats pool_stats(void)
{
	struct mm_guard_stats s;

	assert_int_equal(mm_guard_stats(&heap, &s), MM_OK);
	assert_int_equal(s.used + s.free, s.slots);
	return s;
}

#define GUARD_TEST(f)  cmocka_unit_test_setup_teardown(f, start_guarding, stop_guarding)
#define NO_MMU_TEST(f) cmocka_unit_test_setup_teardown(f, start_without_mmu, stop_guarding)
#endif
