/* SPDX-License-Identifier: MIT */
#include "console.h"
#include "smp.h"

/* One %... of a format. */
struct spec {
	bool left, zeros, prefix, wide;
	size_t width;
};

static unsigned checks, failures;
static uintptr_t lock;
static struct cpu *writer; /* who holds the lock: a CPU that dies while it writes goes on writing */

static void put(char c)
{
	if (c == '\n')
		machine_console_put('\r');
	machine_console_put(c);
}

static void put_padding(size_t length, size_t width, char c)
{
	for (; length < width; length++)
		put(c);
}

static void put_text(const char *s, size_t length, const struct spec *spec)
{
	if (!spec->left)
		put_padding(length, spec->width, spec->zeros ? '0' : ' ');
	for (size_t i = 0; i < length; i++)
		put(s[i]);
	if (spec->left)
		put_padding(length, spec->width, ' ');
}

/* Divide by a small number, return the rest. In steps that every CPU has an instruction for. */
static unsigned divide(uint64_t *value, unsigned base)
{
	uint32_t rest = 0;

	for (unsigned shift = 64; shift;) {
		uint32_t part;

		shift -= 16;
		part = rest << 16 | (uint32_t)(*value >> shift & 0xffff);
		rest = part % base;
		*value &= ~(UINT64_C(0xffff) << shift);
		*value |= (uint64_t)(part / base) << shift;
	}
	return rest;
}

static void put_number(uint64_t value, bool negative, unsigned base, const struct spec *spec)
{
	char digits[24], *p = digits + sizeof(digits);

	do {
		*--p = "0123456789abcdef"[divide(&value, base)];
	} while (value);
	if (spec->prefix) {
		*--p = 'x';
		*--p = '0';
	}
	if (negative)
		*--p = '-';
	put_text(p, (size_t)(digits + sizeof(digits) - p), spec);
}

static const char *parse_spec(const char *f, struct spec *spec)
{
	*spec = (struct spec){ 0 };
	for (;; f++) {
		if (*f == '-')
			spec->left = true;
		else if (*f == '0')
			spec->zeros = true;
		else if (*f == '#')
			spec->prefix = true;
		else
			break;
	}
	for (; *f >= '0' && *f <= '9'; f++)
		spec->width = spec->width * 10 + (size_t)(*f - '0');
	for (; *f == 'l'; f++)
		spec->wide = true;
	return f;
}

static void put_signed(va_list *args, const struct spec *spec)
{
	long v = spec->wide ? va_arg(*args, long) : va_arg(*args, int);

	put_number(v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0, 10, spec);
}

static void put_unsigned(va_list *args, unsigned base, const struct spec *spec)
{
	unsigned long v = spec->wide ? va_arg(*args, unsigned long) : va_arg(*args, unsigned);

	put_number(v, false, base, spec);
}

static void put_argument(char conversion, va_list *args, const struct spec *spec)
{
	const char *s;
	char c;

	switch (conversion) {
	case 'd':
		put_signed(args, spec);
		break;
	case 'u':
		put_unsigned(args, 10, spec);
		break;
	case 'x':
		put_unsigned(args, 16, spec);
		break;
	case 'p':
		put_number((uintptr_t)va_arg(*args, void *), false, 16, spec);
		break;
	case 's':
		s = va_arg(*args, const char *);
		put_text(s, __builtin_strlen(s), spec);
		break;
	case 'c':
		c = (char)va_arg(*args, int);
		put_text(&c, 1, spec);
		break;
	default:
		put(conversion);
	}
}

static void put_all(const char *fmt, va_list *args)
{
	struct spec spec;

	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(*fmt);
			continue;
		}
		fmt = parse_spec(fmt + 1, &spec);
		put_argument(*fmt, args, &spec);
	}
}

void kprintf(const char *fmt, ...)
{
	bool mine = __atomic_load_n(&writer, __ATOMIC_RELAXED) == machine_cpu();
	bool irq = false;
	va_list args;

	if (!mine) {
		irq = smp_lock(&lock);
		__atomic_store_n(&writer, machine_cpu(), __ATOMIC_RELAXED);
	}
	va_start(args, fmt);
	put_all(fmt, &args);
	va_end(args);
	if (!mine) {
		__atomic_store_n(&writer, NULL, __ATOMIC_RELAXED);
		smp_unlock(&lock, irq);
	}
}

bool check(bool ok, const char *promise)
{
	checks++;
	failures += !ok;
	kprintf("%s %u - %s\n", ok ? "ok" : "not ok", checks, promise);
	return ok;
}

bool check_status(enum mm_status got, enum mm_status want, const char *promise)
{
	check(got == want, promise);
	if (got != want)
		kprintf("# got %s, want %s\n", mm_status_name(got), mm_status_name(want));
	return got == want;
}

void check_skip(const char *promise, const char *reason)
{
	kprintf("ok %u - %s # SKIP %s\n", ++checks, promise, reason);
}

bool check_end(void)
{
	kprintf("1..%u\n", checks);
	kprintf("# %u checks, %u failed\n", checks, failures);
	return failures == 0;
}
