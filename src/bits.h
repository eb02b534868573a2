/* SPDX-License-Identifier: MIT */
/* Bit helpers that never become a call into libgcc.
 *
 * The builtins are used only where they are an instruction; elsewhere (RV64 without Zbb, ARMv6-M)
 * the same in plain C, without a multiplication and without shifting 64-bit values by a variable.
 * All arguments of the lowest and highest functions must not be 0. */
#ifndef MM_SRC_BITS_H
#define MM_SRC_BITS_H
#include <mmlib/types.h>

/* MM_BITS_PORTABLE=1 (tests) takes the plain C everywhere. */
#ifndef MM_BITS_PORTABLE
#define MM_BITS_PORTABLE 0
#endif
#if MM_BITS_PORTABLE
#define MM_BITS_BUILTIN 0
#elif defined(__x86_64__) || defined(__i386__) || defined(__aarch64__) ||                          \
	defined(__ARM_FEATURE_CLZ) || defined(__riscv_zbb)
#define MM_BITS_BUILTIN 1
#else
#define MM_BITS_BUILTIN 0
#endif

/* Index of the lowest set bit. */
static inline unsigned mm_lowest_bit32(uint32_t v)
{
#if MM_BITS_BUILTIN
	return (unsigned)__builtin_ctz(v);
#else
	unsigned n = 0;

	for (unsigned half = 16; half; half >>= 1) {
		if (!(v & (((uint32_t)1 << half) - 1))) {
			v >>= half;
			n += half;
		}
	}
	return n;
#endif
}

/* Index of the highest set bit: log2, rounded down. */
static inline unsigned mm_highest_bit32(uint32_t v)
{
#if MM_BITS_BUILTIN
	return 31 - (unsigned)__builtin_clz(v);
#else
	unsigned n = 0;

	for (unsigned half = 16; half; half >>= 1) {
		if (v >> half) {
			v >>= half;
			n += half;
		}
	}
	return n;
#endif
}

/* How many bits are set. */
static inline unsigned mm_count_bits32(uint32_t v)
{
	v -= (v >> 1) & 0x55555555u;
	v = (v & 0x33333333u) + ((v >> 2) & 0x33333333u);
	v = (v + (v >> 4)) & 0x0f0f0f0fu;
	v += v >> 8;
	v += v >> 16;
	return v & 0x3fu;
}

/* The same for 64 bits. A 64-bit CPU has the instruction; others do it half by half. */
static inline unsigned mm_lowest_bit64(uint64_t v)
{
#if MM_BITS_BUILTIN && UINTPTR_MAX > 0xffffffffu
	return (unsigned)__builtin_ctzll(v);
#else
	uint32_t low = (uint32_t)v;

	return low ? mm_lowest_bit32(low) : 32 + mm_lowest_bit32((uint32_t)(v >> 32));
#endif
}

static inline unsigned mm_highest_bit64(uint64_t v)
{
#if MM_BITS_BUILTIN && UINTPTR_MAX > 0xffffffffu
	return 63 - (unsigned)__builtin_clzll(v);
#else
	uint32_t high = (uint32_t)(v >> 32);

	return high ? 32 + mm_highest_bit32(high) : mm_highest_bit32((uint32_t)v);
#endif
}

static inline unsigned mm_count_bits64(uint64_t v)
{
	return mm_count_bits32((uint32_t)v) + mm_count_bits32((uint32_t)(v >> 32));
}

/* Shifts of 64-bit values by a variable below 64. 32-bit CPUs do it half by half: gcc -Os calls a
 * library for it on RV32, all compilers do on ARMv6-M. */
static inline uint64_t mm_shl64(uint64_t v, unsigned n)
{
#if !MM_BITS_PORTABLE && UINTPTR_MAX > 0xffffffffu
	return v << n;
#else
	uint32_t low = (uint32_t)v, high = (uint32_t)(v >> 32);

	if (n >= 32)
		return (uint64_t)(low << (n - 32)) << 32;
	return (uint64_t)(high << n | low >> 1 >> (31 - n)) << 32 | low << n;
#endif
}

static inline uint64_t mm_shr64(uint64_t v, unsigned n)
{
#if !MM_BITS_PORTABLE && UINTPTR_MAX > 0xffffffffu
	return v >> n;
#else
	uint32_t low = (uint32_t)v, high = (uint32_t)(v >> 32);

	if (n >= 32)
		return high >> (n - 32);
	return (uint64_t)(high >> n) << 32 | low >> n | high << 1 << (31 - n);
#endif
}

/* Bytes in the other order. On CPUs without such an instruction this must not become a call. */
static inline uint64_t mm_swap64(uint64_t v)
{
	v = mm_shl64(v & UINT64_C(0x00000000ffffffff), 32) | mm_shr64(v, 32);
	v = mm_shl64(v & UINT64_C(0x0000ffff0000ffff), 16) |
	    (mm_shr64(v, 16) & UINT64_C(0x0000ffff0000ffff));
	return mm_shl64(v & UINT64_C(0x00ff00ff00ff00ff), 8) |
	       (mm_shr64(v, 8) & UINT64_C(0x00ff00ff00ff00ff));
}

/* The same for a word of the buddy's bitmaps. */
static inline unsigned mm_lowest_bit_word(mm_word_t v)
{
#if MM_WORD_BITS == 64
	return mm_lowest_bit64(v);
#else
	return mm_lowest_bit32(v);
#endif
}

static inline unsigned mm_highest_bit_word(mm_word_t v)
{
#if MM_WORD_BITS == 64
	return mm_highest_bit64(v);
#else
	return mm_highest_bit32(v);
#endif
}

static inline unsigned mm_count_bits_word(mm_word_t v)
{
#if MM_WORD_BITS == 64
	return mm_count_bits64(v);
#else
	return mm_count_bits32(v);
#endif
}
#endif
