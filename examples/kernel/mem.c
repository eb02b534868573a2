/* SPDX-License-Identifier: MIT */
/* The four functions that every C compiler may call, and the strlen that console.c uses. Word by
 * word where the addresses allow it. */
#include <mmlib/std.h>

typedef uintptr_t __attribute__((may_alias)) word;

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);

static bool word_aligned(const void *a, const void *b)
{
	return (((uintptr_t)a | (uintptr_t)b) & (sizeof(word) - 1)) == 0;
}

/* Upward: right as long as @t is not inside [@f, @f + @n). */
static void copy_up(unsigned char *t, const unsigned char *f, size_t n)
{
	if (word_aligned(t, f))
		for (; n >= sizeof(word); n -= sizeof(word), t += sizeof(word), f += sizeof(word))
			*(word *)(void *)t = *(const word *)(const void *)f;
	while (n--)
		*t++ = *f++;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	copy_up(to, from, n);
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	if ((uintptr_t)to - (uintptr_t)from >= n)
		copy_up(t, f, n);
	else
		while (n--)
			t[n] = f[n];
	return to;
}

void *memset(void *to, int c, size_t n)
{
	unsigned char *t = to, byte = (unsigned char)c;
	word pattern = (word)-1 / 255 * byte;

	for (; n && !word_aligned(t, t); n--)
		*t++ = byte;
	for (; n >= sizeof(word); n -= sizeof(word), t += sizeof(word))
		*(word *)(void *)t = pattern;
	while (n--)
		*t++ = byte;
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x < *y ? -1 : 1;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}
