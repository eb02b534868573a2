/* SPDX-License-Identifier: MIT */
/* What a kernel with KASAN has, for programs: shadow memory, what writes it, and the functions that gcc calls
 * before each access with -fsanitize=kernel-address. Not instrumented itself. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <mmlib/sanitizer_kasan.h>

#define ADDRESS_BITS 47
#define SHADOW_BYTES ((size_t)1 << (ADDRESS_BITS - 3))

/* How many reports there were. */
extern unsigned kasan_reports;
unsigned kasan_reports;
static int8_t *shadow;

/* All memory may be used at first. Pages of it that nobody writes are none. */
static __attribute__((__constructor__)) void kasan_init(void)
{
	shadow = mmap(NULL, SHADOW_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (shadow == MAP_FAILED)
		abort();
}

static int8_t *kasan_shadow(uintptr_t at)
{
	if (at >> ADDRESS_BITS)
		abort();
	return &shadow[at / MM_SAN_GRANULE];
}

/* What a caller may not do is a bug of the hooks, not of a client. */
static void kasan_demand(bool kept)
{
	if (!kept) {
		fprintf(stderr, "kasan: no granule begins there\n");
		abort();
	}
}

void kasan_poison(const void *p, size_t bytes, uint8_t code, bool init)
{
	kasan_demand(!init && (uintptr_t)p % MM_SAN_GRANULE == 0 && bytes % MM_SAN_GRANULE == 0 && code >= 0x80);
	for (size_t i = 0; i < bytes; i += MM_SAN_GRANULE)
		*kasan_shadow((uintptr_t)p + i) = (int8_t)code;
}

void kasan_unpoison(const void *p, size_t bytes, bool init)
{
	kasan_demand(!init && (uintptr_t)p % MM_SAN_GRANULE == 0);
	for (size_t i = 0; i < bytes; i += MM_SAN_GRANULE)
		*kasan_shadow((uintptr_t)p + i) = bytes - i < MM_SAN_GRANULE ? (int8_t)(bytes - i) : 0;
}

bool kasan_report(const void *p, size_t bytes, bool is_write, unsigned long ip)
{
	fprintf(stderr, "kasan: %s of %zu bytes at %p, from %#lx\n", is_write ? "write" : "read", bytes, p, ip);
	kasan_reports++;
	return true;
}

/* An access to [at, at + bytes): each byte is one of the first ones of its granule that may be used. */
static void kasan_access(uintptr_t at, size_t bytes, bool is_write, void *ip)
{
	for (uintptr_t i = at; i < at + bytes; i++) {
		int8_t may = *kasan_shadow(i);

		if (may && (int)(i % MM_SAN_GRANULE) >= may) {
			(void)kasan_report((void *)at, bytes, is_write, (unsigned long)(uintptr_t)ip);
			return;
		}
	}
}

#define ACCESS(n)                                                                    \
	void __asan_load##n##_noabort(uintptr_t at);                                \
	void __asan_store##n##_noabort(uintptr_t at);                               \
	void __asan_load##n##_noabort(uintptr_t at)                                 \
	{                                                                            \
		kasan_access(at, n, false, __builtin_return_address(0));            \
	}                                                                            \
	void __asan_store##n##_noabort(uintptr_t at)                                \
	{                                                                            \
		kasan_access(at, n, true, __builtin_return_address(0));             \
	}
ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

void __asan_loadN_noabort(uintptr_t at, size_t bytes);
void __asan_storeN_noabort(uintptr_t at, size_t bytes);
void __asan_handle_no_return(void);

void __asan_loadN_noabort(uintptr_t at, size_t bytes)
{
	kasan_access(at, bytes, false, __builtin_return_address(0));
}

void __asan_storeN_noabort(uintptr_t at, size_t bytes)
{
	kasan_access(at, bytes, true, __builtin_return_address(0));
}

void __asan_handle_no_return(void)
{
}
