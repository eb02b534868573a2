/* SPDX-License-Identifier: MIT */
#include "acpi_maker.h"
#include <string.h>

void acpi_zero(struct acpi_made *t, size_t bytes)
{
	for (; bytes > 0 && t->bytes < ACPI_MAKER_ROOM; bytes--)
		t->at[t->bytes++] = 0;
}

void acpi_put(struct acpi_made *t, uint64_t v, size_t bytes)
{
	for (; bytes > 0 && t->bytes < ACPI_MAKER_ROOM; bytes--, v >>= 8)
		t->at[t->bytes++] = (uint8_t)v;
}

void acpi_bytes(struct acpi_made *t, const void *at, size_t bytes)
{
	const uint8_t *p = at;

	while (bytes-- > 0)
		acpi_put(t, *p++, 1);
}

void acpi_begin(struct acpi_made *t, const char *signature, unsigned revision, size_t more)
{
	t->bytes = 0;
	acpi_bytes(t, signature, 4);
	acpi_zero(t, 4);
	acpi_put(t, revision, 1);
	acpi_zero(t, 1);
	acpi_bytes(t, "MMLIB TEST    ", 14);
	acpi_zero(t, 12 + more);
}

void acpi_sum(uint8_t *at, size_t n, size_t where)
{
	at[where] = 0;
	for (size_t i = 0; i < n; i++)
		if (i != where)
			at[where] = (uint8_t)(at[where] - at[i]);
}

void acpi_end(struct acpi_made *t)
{
	for (unsigned i = 0; i < 4; i++)
		t->at[4 + i] = (uint8_t)(t->bytes >> 8 * i);
	acpi_sum(t->at, t->bytes, 9);
}

static void entry(struct acpi_made *t, unsigned type, unsigned bytes)
{
	acpi_put(t, type | bytes << 8, 2);
}

void acpi_apic(struct acpi_made *t, uint32_t domain, uint8_t id, uint32_t flags)
{
	entry(t, 0, 16);
	acpi_put(t, domain & 0xff, 1);
	acpi_put(t, id, 1);
	acpi_put(t, flags, 4);
	acpi_put(t, 0xee, 1); /* SAPIC EID */
	acpi_put(t, domain >> 8, 3);
	acpi_put(t, 0xdddddddd, 4); /* clock domain */
}

void acpi_memory(struct acpi_made *t, uint32_t domain, uint64_t base, uint64_t bytes,
		 uint32_t flags)
{
	entry(t, 1, 40);
	acpi_put(t, domain, 4);
	acpi_put(t, 0xeeee, 2);
	acpi_put(t, base, 8);
	acpi_put(t, bytes, 8);
	acpi_put(t, 0xeeeeeeee, 4);
	acpi_put(t, flags, 4);
	acpi_put(t, UINT64_MAX, 8);
}

void acpi_x2apic(struct acpi_made *t, uint32_t domain, uint32_t id, uint32_t flags)
{
	entry(t, 2, 24);
	acpi_put(t, 0xeeee, 2);
	acpi_put(t, domain, 4);
	acpi_put(t, id, 4);
	acpi_put(t, flags, 4);
	acpi_put(t, UINT64_MAX, 8);
}

void acpi_gicc(struct acpi_made *t, uint32_t domain, uint32_t uid, uint32_t flags)
{
	entry(t, 3, 18);
	acpi_put(t, domain, 4);
	acpi_put(t, uid, 4);
	acpi_put(t, flags, 4);
	acpi_put(t, 0xdddddddd, 4);
}

void acpi_its(struct acpi_made *t, uint32_t domain, uint32_t id)
{
	entry(t, 4, 12);
	acpi_put(t, domain, 4);
	acpi_put(t, 0xeeee, 2);
	acpi_put(t, id, 4);
}

void acpi_device(struct acpi_made *t, unsigned type, uint32_t domain, const char *handle,
		 uint32_t flags)
{
	entry(t, type, 32);
	acpi_put(t, 0xee, 1);
	acpi_put(t, 1, 1);
	acpi_put(t, domain, 4);
	acpi_bytes(t, handle, 16);
	acpi_put(t, flags, 4);
	acpi_put(t, 0xeeeeeeee, 4);
}

void acpi_rintc(struct acpi_made *t, uint32_t domain, uint32_t uid, uint32_t flags)
{
	entry(t, 7, 20);
	acpi_put(t, 0xeeee, 2);
	acpi_put(t, domain, 4);
	acpi_put(t, uid, 4);
	acpi_put(t, flags, 4);
	acpi_put(t, 0xdddddddd, 4);
}

/* Where bytes come from. Zeroes follow the last one. */
struct source {
	const uint8_t *in;
	size_t n;
};

static unsigned byte(struct source *s)
{
	if (s->n == 0)
		return 0;
	s->n--;
	return *s->in++;
}

/* A domain: mostly one of a few, and sparse. */
static uint32_t domain(struct source *s)
{
	static const uint32_t some[] = { 0, 1, 2, 7, 0x100, 0x10001, 0x80000000, 0xffffffff };
	unsigned b = byte(s);

	return b < 128 ? some[b % 3] : b < 248 ? some[b % 8] : b * 0x01010101u;
}

/* An address: near others, off frame borders now and then, rarely high. */
static uint64_t address(struct source *s)
{
	unsigned b = byte(s);
	uint64_t v = (uint64_t)(b & 31) << 20;

	if (b == 255)
		return UINT64_MAX - byte(s);
	if (b & 128)
		v += byte(s);
	return b & 64 ? v + ((uint64_t)1 << 32) : v;
}

/* A length: mostly short, sometimes none, rarely too much. */
static uint64_t length(struct source *s)
{
	unsigned b = byte(s);

	return b == 255 ? UINT64_MAX - byte(s) : (uint64_t)(b & 7) << 18;
}

void acpi_make_srat(struct acpi_made *t, const uint8_t *in, size_t n)
{
	struct source s = { in, n };
	unsigned revision = byte(&s);

	acpi_begin(t, "SRAT", revision < 128 ? 3 : revision % 4, 12);
	while (s.n > 0 && t->bytes < ACPI_MAKER_ROOM - 64) {
		unsigned kind = byte(&s), flags = kind < 32 ? kind : kind < 64 ? 3 : 1;
		uint32_t d = domain(&s);
		uint64_t base;
		size_t at = t->bytes;

		switch (kind % 10) {
		case 0:
			acpi_apic(t, d, (uint8_t)(byte(&s) - 1), flags);
			break;
		case 2:
			acpi_x2apic(t, d, byte(&s) - 1, flags);
			break;
		case 3:
			acpi_gicc(t, d, byte(&s) * 0x10001u, flags);
			break;
		case 4:
			acpi_its(t, d, byte(&s));
			break;
		case 5:
		case 6:
			acpi_device(t, kind % 10, d, "0123456789abcdef", flags);
			break;
		case 7:
			acpi_rintc(t, d, byte(&s), flags);
			break;
		case 8: /* nobody knows */
			entry(t, 8 + byte(&s) % 248, 2 + (d & 7));
			acpi_zero(t, d & 7);
			break;
		default:
			base = address(&s);
			acpi_memory(t, d, base, length(&s), flags);
			break;
		}
		if (kind >= 240) { /* longer than it has to be */
			acpi_zero(t, kind & 7);
			t->at[at + 1] = (uint8_t)(t->at[at + 1] + (kind & 7));
		}
	}
	acpi_end(t);
}

void acpi_make_slit(struct acpi_made *t, const uint8_t *in, size_t n)
{
	struct source s = { in, n };
	unsigned first = byte(&s), localities = first % 12;

	acpi_begin(t, "SLIT", 1, 0);
	acpi_put(t, first < 250 ? localities : first * UINT64_C(0x0100000001000000), 8);
	for (unsigned i = 0; i < localities * localities; i++) {
		unsigned b = byte(&s);

		if (i / localities == i % localities)
			acpi_put(t, b == 77 ? 11 : 10, 1);
		else
			acpi_put(t, b == 78 ? 10 : b < 11 ? 20 + b : b, 1);
	}
	acpi_zero(t, first == 249);
	acpi_end(t);
	if (first == 248)
		t->at[4]--, acpi_sum(t->at, t->bytes - 1, 9); /* one byte short of its square */
}
