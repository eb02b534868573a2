/* SPDX-License-Identifier: MIT */
/* Atomics: the only place that uses compiler builtins for memory that CPUs share.
 *
 * Theory of operation
 * Problem      the same source runs on 64-bit SMP and on a Cortex-M0 without atomics.
 * Structure    macros over the operand's own type, so one name serves every word width.
 * MM_ATOMICS=0 plain operations; the host keeps interrupts off around every call into mmlib.
 * Orders       named in the operation, because each call site needs exactly one:
 *              load_relaxed   hints, checks
 *              peek           the same where instructions count: compilers may use the word where it
 *                             lies. One aligned load, whose value is used once
 *              own_add        to a word that only this CPU writes, with the CPU's other contexts kept
 *                             away, and others may look at: relaxed load and store
 *              own_sub        the same, and tells the value after; other contexts may come in between, if the
 *                             word is as it was when they are gone
 *              load_acquire   what another CPU published
 *              store_release  publish
 *              load_seq       sequentially consistent, see below
 *              cas            sequentially consistent on success, relaxed on failure; strong
 *              or, and, add   sequentially consistent; return the value before
 *              swap           acquire; returns the value before
 *              barrier        for the compiler only: against interrupts on the same CPU
 *              fence          sequentially consistent: between a store and a load of other memory
 *              fence_after    the same if there was a read-modify-write in between, which is a fence on some machines
 * load_seq     "change A, then read B" on one CPU meets "change B, then read A" on another: one of
 *              them sees the other if the changes are read-modify-writes from here and the reads
 *              are load_seq. No fence is paid for it on x86 and AArch64, and race detectors
 *              understand it. Acquire and release alone do not give this, nor does a read-modify-write
 *              before a relaxed load: that may be done first.
 * Hook         mm_hook_step() before each: see hook.h. */
#ifndef MM_SRC_ATOMIC_H
#define MM_SRC_ATOMIC_H
#include "hook.h"

/* gcc on AArch64 calls libgcc for atomics unless it is told not to, and kernels have no libgcc. */
#if defined(__aarch64__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC target("no-outline-atomics")
#endif

#if MM_ATOMICS
#define mm_atomic_load_relaxed(p)     (mm_hook_step(), __atomic_load_n((p), __ATOMIC_RELAXED))
#define mm_atomic_load_acquire(p)     (mm_hook_step(), __atomic_load_n((p), __ATOMIC_ACQUIRE))
#define mm_atomic_load_seq(p)         (mm_hook_step(), __atomic_load_n((p), __ATOMIC_SEQ_CST))
#define mm_atomic_store_relaxed(p, v) (mm_hook_step(), __atomic_store_n((p), (v), __ATOMIC_RELAXED))
#define mm_atomic_store_release(p, v) (mm_hook_step(), __atomic_store_n((p), (v), __ATOMIC_RELEASE))
#define mm_atomic_or(p, v)            (mm_hook_step(), __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST))
#define mm_atomic_and(p, v)           (mm_hook_step(), __atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST))
#define mm_atomic_add(p, v)           (mm_hook_step(), __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST))
/* If *p is *expected, make it v and return true; else put the value found into *expected, which orders nothing. */
#define mm_atomic_cas(p, expected, v)                                                                  \
	(mm_hook_step(), __atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_SEQ_CST,    \
						     __ATOMIC_RELAXED))
#define mm_atomic_swap(p, v) (mm_hook_step(), __atomic_exchange_n((p), (v), __ATOMIC_ACQUIRE))
#define mm_atomic_fence()    (mm_hook_step(), __atomic_thread_fence(__ATOMIC_SEQ_CST))
#define mm_atomic_barrier()  __atomic_signal_fence(__ATOMIC_SEQ_CST)
#if (defined(__x86_64__) || defined(__i386__)) && !MM_HOOKS
#define mm_atomic_fence_after() mm_atomic_barrier()
#else
#define mm_atomic_fence_after() mm_atomic_fence()
#endif
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MM_ATOMIC_WATCHED /* clang's way to say it */
#endif
#endif
#if MM_HOOKS || defined(MM_ATOMIC_WATCHED) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
#define mm_atomic_peek(p)       mm_atomic_load_relaxed(p)
#define mm_atomic_own_add(p, v) mm_atomic_store_relaxed((p), *(p) + (v))
#define mm_atomic_own_sub(p, v)                                                                        \
	__extension__({                                                                                \
		__typeof__(*(p)) mm_left_ = mm_atomic_load_relaxed(p) - (v);                           \
		mm_atomic_store_relaxed((p), mm_left_);                                                \
		mm_left_;                                                                              \
	})
#else
#define mm_atomic_peek(p)       (*(p))
#define mm_atomic_own_add(p, v) (mm_atomic_barrier(), (void)(*(p) += (v)))
#define mm_atomic_own_sub(p, v) (mm_atomic_barrier(), *(p) -= (v))
#endif
#else
#define mm_atomic_peek(p)             (*(p))
#define mm_atomic_own_add(p, v)       ((void)(*(p) += (v)))
#define mm_atomic_own_sub(p, v)       (*(p) -= (v))
#define mm_atomic_load_relaxed(p)     (*(p))
#define mm_atomic_load_acquire(p)     (*(p))
#define mm_atomic_load_seq(p)         (*(p))
#define mm_atomic_store_relaxed(p, v) ((void)(*(p) = (v)))
#define mm_atomic_store_release(p, v) ((void)(*(p) = (v)))
#define mm_atomic_or(p, v)            mm_plain_rmw((p), *mm_old_ | (v))
#define mm_atomic_and(p, v)           mm_plain_rmw((p), *mm_old_ & (v))
#define mm_atomic_add(p, v)           mm_plain_rmw((p), *mm_old_ + (v))
#define mm_atomic_swap(p, v)          mm_plain_rmw((p), (v))
#define mm_plain_rmw(p, expr)                                                                          \
	__extension__({                                                                                \
		__typeof__(*(p)) *mm_old_ = (p);                                                       \
		__typeof__(*(p)) mm_was_ = *mm_old_;                                                   \
		*mm_old_ = (__typeof__(*(p)))(expr);                                                   \
		mm_was_;                                                                               \
	})
#define mm_atomic_cas(p, expected, v)                                                                  \
	__extension__({                                                                                \
		__typeof__(*(p)) *mm_at_ = (p), *mm_want_ = (expected);                                \
		bool mm_same_ = *mm_at_ == *mm_want_;                                                  \
		if (mm_same_)                                                                          \
			*mm_at_ = (v);                                                                 \
		else                                                                                   \
			*mm_want_ = *mm_at_;                                                           \
		mm_same_;                                                                              \
	})
#define mm_atomic_fence()   ((void)0)
#define mm_atomic_fence_after() ((void)0)
#define mm_atomic_barrier() ((void)0)
#endif

/* A word that bytes are changed in. */
typedef uint32_t __attribute__((__may_alias__)) mm_byte_word;

/* If *byte is `from`, make it `to`; tells whether it was. Where compilers call a library for atomic bytes it is
 * done on the 32-bit word around it: the array it is in must cover whole words. */
static inline bool mm_atomic_cas_byte(uint8_t *byte, uint8_t from, uint8_t to)
{
#if !MM_ATOMICS || (defined(__GCC_ATOMIC_CHAR_LOCK_FREE) && __GCC_ATOMIC_CHAR_LOCK_FREE == 2)
	return mm_atomic_cas(byte, &from, to);
#else
	uintptr_t at = (uintptr_t)byte;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	unsigned shift = (unsigned)(3 - (at & 3)) * 8;
#else
	unsigned shift = (unsigned)(at & 3) * 8;
#endif
	mm_byte_word *word = (mm_byte_word *)(at & ~(uintptr_t)3);
	uint32_t was = mm_atomic_load_relaxed(word);

	do {
		if ((was >> shift & 0xffu) != from)
			return false;
	} while (!mm_atomic_cas(word, &was, (was & ~((uint32_t)0xffu << shift)) | (uint32_t)to << shift));
	return true;
#endif
}
#endif
