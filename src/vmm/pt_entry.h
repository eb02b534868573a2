/* SPDX-License-Identifier: MIT */
/* One page-table entry in memory: load, store, compare-and-swap.
 *
 * Theory of operation
 * Problem      a table walker in hardware reads entries, and sets accessed and dirty bits in them,
 *              at any time; entries may be wider than the CPU's word.
 * Structure    entries are uint64_t in the core; the log2 of their bytes, a folded constant,
 *              selects the access. 4 bytes, and 8 bytes on a 64-bit CPU, are one relaxed access.
 *              8 bytes on a 32-bit CPU, without libatomic and without x87:
 *              load     ARMv7: ldrexd, or ldrd. Others: low, high, low again until it stands still
 *              look     the same for who has not got the writer's lock. x86: cmpxchg8b
 *              make     high half, then low: the low half has the valid bit
 *              clear    low half, then high
 *              change   x86: cmpxchg8b; ARMv7: ldrexd. Others: take the low half away with an exchange, which
 *                       makes the entry invalid, so that hardware leaves it alone; compare; write
 *                       high and low. An access meanwhile faults once too often, nothing is lost.
 *              swap     one exchange, or a change until it succeeds
 * Invariants   E1 hardware never sees a valid entry made of two halves that do not belong together.
 *              E2 change() fails rather than lose a bit that hardware has set.
 *              E3 look() never has halves of two entries. Where that is for lack of an instruction just a
 *                 load (PT_WHOLE is false), that holds as long as it meets one change of an entry: by E1
 *                 a low half that says valid has its high half beside it, up to the next change. After
 *                 two with no flush between them the low half may be the same again, and the high half
 *                 was read between the two.
 * MM_ATOMICS=0 volatile keeps the compiler from merging and reordering what hardware watches.
 * Concurrency  one writer (the caller's rule), the hardware, and who reads as hardware does (look). */
#ifndef MM_SRC_VMM_PT_ENTRY_H
#define MM_SRC_VMM_PT_ENTRY_H
#include "atomic.h"

/* What folds to a format. With 64-bit values in 32-bit registers, code that is inlined all the same has
 * frames of 800 bytes and more than twice the size: there the compiler chooses. */
#ifndef PT_INLINE
#if UINTPTR_MAX > 0xffffffffu
#define PT_INLINE static inline __attribute__((__always_inline__))
#else
#define PT_INLINE static inline
#endif
#endif
#if MM_ATOMICS
#define PT_LIVE /* atomic accesses are enough */
#else
#define PT_LIVE volatile
#endif
typedef uint64_t PT_LIVE pt_u64;
typedef uint32_t PT_LIVE pt_u32;

#if UINTPTR_MAX > 0xffffffffu
#define PT_WHOLE true

PT_INLINE uint64_t pt_load8(const void *p)
{
	return mm_atomic_load_relaxed((const pt_u64 *)p);
}

PT_INLINE uint64_t pt_look8(const void *p)
{
	return pt_load8(p);
}

PT_INLINE void pt_make8(void *p, uint64_t v)
{
	mm_atomic_store_relaxed((pt_u64 *)p, v);
}

PT_INLINE void pt_link8(void *p, uint64_t v)
{
	mm_atomic_store_release((pt_u64 *)p, v);
}

PT_INLINE void pt_clear8(void *p, uint64_t v)
{
	mm_atomic_store_relaxed((pt_u64 *)p, v);
}

PT_INLINE bool pt_change8(void *p, uint64_t *old, uint64_t v)
{
	return mm_atomic_cas((pt_u64 *)p, old, v);
}

PT_INLINE uint64_t pt_swap8(void *p, uint64_t v)
{
	return mm_atomic_swap((pt_u64 *)p, v);
}
#else
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define PT_LOW  1
#define PT_HIGH 0
#else
#define PT_LOW  0
#define PT_HIGH 1
#endif

#if MM_ATOMICS && defined(__ARM_FEATURE_LDREX) && (__ARM_FEATURE_LDREX & 8)
#define PT_HAS_LDREXD 1
#else
#define PT_HAS_LDREXD 0
#endif

#if PT_HAS_LDREXD
/* At once: Arm ARM DDI 0406C A3.5.3 "Atomicity in the ARM architecture". With LPAE, which has the entries of 8 bytes,
 * LDRD is, too: compilers choose. */
static inline uint64_t pt_load8(const void *p)
{
	return mm_atomic_load_relaxed((const pt_u64 *)p);
}
#else
static inline uint64_t pt_load8(const void *p)
{
	const pt_u32 *half = p;
	uint32_t low = mm_atomic_load_acquire(&half[PT_LOW]), high, again = low;

	do {
		low = again;
		high = mm_atomic_load_acquire(&half[PT_HIGH]);
		again = mm_atomic_load_acquire(&half[PT_LOW]);
	} while (low != again);
	return (uint64_t)high << 32 | low;
}
#endif

#if MM_ATOMICS && defined(__i386__)
#define PT_WHOLE true
/* Compare it with 0, and store 0 if it is: the only load of 8 bytes that neither SSE nor the x87 is needed for. */
static inline uint64_t pt_look8(const void *p)
{
	uint64_t v = 0;

	mm_hook_step();
	__asm__ volatile("lock; cmpxchg8b %1"
			 : "+A"(v)
			 : "m"(*(const pt_u64 *)p), "b"(0), "c"(0)
			 : "memory", "cc");
	return v;
}
#else
#define PT_WHOLE (PT_HAS_LDREXD || !MM_ATOMICS)
static inline uint64_t pt_look8(const void *p)
{
	return pt_load8(p);
}
#endif

static inline void pt_make8(void *p, uint64_t v)
{
	pt_u32 *half = p;

	mm_atomic_store_relaxed(&half[PT_HIGH], (uint32_t)(v >> 32));
	mm_atomic_store_release(&half[PT_LOW], (uint32_t)v); /* E1 */
}

static inline void pt_link8(void *p, uint64_t v)
{
	pt_make8(p, v); /* its release covers the high half and all before it */
}

static inline void pt_clear8(void *p, uint64_t v)
{
	pt_u32 *half = p;

	mm_atomic_store_relaxed(&half[PT_LOW], (uint32_t)v); /* E1 */
	mm_atomic_store_release(&half[PT_HIGH], (uint32_t)(v >> 32));
}

#if defined(__i386__)
static inline bool pt_change8(void *p, uint64_t *old, uint64_t v)
{
	uint32_t low = (uint32_t)*old, high = (uint32_t)(*old >> 32);
	bool same;

	__asm__ volatile("lock; cmpxchg8b %3"
			 : "=@ccz"(same), "+a"(low), "+d"(high), "+m"(*(pt_u64 *)p)
			 : "b"((uint32_t)v), "c"((uint32_t)(v >> 32))
			 : "memory");
	*old = (uint64_t)high << 32 | low;
	return same;
}
#elif PT_HAS_LDREXD
/* Not through an entry that is not valid: it may map the stack of this CPU, or what another executes. */
static inline bool pt_change8(void *p, uint64_t *old, uint64_t v)
{
	return mm_atomic_cas((pt_u64 *)p, old, v);
}
#else
static inline bool pt_change8(void *p, uint64_t *old, uint64_t v)
{
	pt_u32 *half = p;
	uint32_t low = mm_atomic_load_relaxed(&half[PT_LOW]);

	while (!mm_atomic_cas(&half[PT_LOW], &low, 0))
		;
	uint64_t found = (uint64_t)mm_atomic_load_relaxed(&half[PT_HIGH]) << 32 | low;
	bool same = found == *old;
	pt_make8(p, same ? v : found); /* E2 */
	*old = found;
	return same;
}
#endif
#undef PT_LOW
#undef PT_HIGH

static inline uint64_t pt_swap8(void *p, uint64_t v)
{
	uint64_t old = pt_load8(p);

	while (!pt_change8(p, &old, v))
		;
	return old;
}
#endif

/* What entry @p holds now. */
PT_INLINE uint64_t pt_load(const void *p, unsigned lg2)
{
	return lg2 == 3 ? pt_load8(p) : mm_atomic_load_relaxed((const pt_u32 *)p);
}

/* The same without the writer's lock: E3. */
PT_INLINE uint64_t pt_look(const void *p, unsigned lg2)
{
	return lg2 == 3 ? pt_look8(p) : mm_atomic_load_relaxed((const pt_u32 *)p);
}

/* The same as ordinary memory, which the compiler may read into any instruction, for loops over many
 * entries. Only where it does not matter which bits hardware sets meanwhile. */
PT_INLINE uint64_t pt_peek(const void *p, unsigned lg2)
{
#if UINTPTR_MAX > 0xffffffffu
	if (lg2 == 3)
		return *(const uint64_t *)p;
#endif
	return pt_load(p, lg2);
}

/* The same with a half-word of an entry. */
PT_INLINE uint16_t pt_peek_half(const void *p, unsigned i)
{
	typedef uint16_t __attribute__((__may_alias__)) half;

	return ((const half *)p)[i];
}

/* Is any of these bits set? For who goes on with @v: gcc copies it first, instead of a test with memory. */
PT_INLINE bool pt_any_of(uint64_t v, const uint64_t *bits)
{
#if defined(__x86_64__) && defined(__GCC_ASM_FLAG_OUTPUTS__)
	bool any;

	__asm__("testq %1, %2" : "=@ccnz"(any) : "r"(v), "m"(*bits));
	return any;
#else
	return (v & *bits) != 0;
#endif
}

/* Store over an entry that is not valid. */
PT_INLINE void pt_make(void *p, unsigned lg2, uint64_t v)
{
	if (lg2 == 3)
		pt_make8(p, v);
	else
		mm_atomic_store_relaxed((pt_u32 *)p, (uint32_t)v);
}

/* The same, and all stores before it come first: publishes a table. */
PT_INLINE void pt_link(void *p, unsigned lg2, uint64_t v)
{
#if !MM_ATOMICS
	__asm__ volatile("" ::: "memory");
#endif
	if (lg2 == 3)
		pt_link8(p, v);
	else
		mm_atomic_store_release((pt_u32 *)p, (uint32_t)v);
}

/* Store an entry that is not valid over any other. */
PT_INLINE void pt_clear(void *p, unsigned lg2, uint64_t v)
{
	if (lg2 == 3)
		pt_clear8(p, v);
	else
		mm_atomic_store_relaxed((pt_u32 *)p, (uint32_t)v);
}

/* Make it @v if it is *@old, else tell in *@old what it is. */
PT_INLINE bool pt_change(void *p, unsigned lg2, uint64_t *old, uint64_t v)
{
	if (lg2 == 3)
		return pt_change8(p, old, v);
	uint32_t was = (uint32_t)*old;
	bool same = mm_atomic_cas((pt_u32 *)p, &was, (uint32_t)v);
	*old = was;
	return same;
}

/* Store an entry that is not valid over any other, and tell what that was at the last moment. */
PT_INLINE uint64_t pt_swap(void *p, unsigned lg2, uint64_t v)
{
	return lg2 == 3 ? pt_swap8(p, v) : mm_atomic_swap((pt_u32 *)p, (uint32_t)v);
}

/* Valid over valid, and hardware does not change it any more. */
PT_INLINE void pt_replace(void *p, unsigned lg2, uint64_t old, uint64_t v)
{
	if (lg2 == 3 && sizeof(uintptr_t) == 4)
		while (!pt_change(p, lg2, &old, v))
			;
	else
		pt_make(p, lg2, v);
}
#endif
