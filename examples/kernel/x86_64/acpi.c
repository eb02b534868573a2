/* SPDX-License-Identifier: MIT */
/* ACPI 6.5: RSDP (5.2.5), RSDT and XSDT (5.2.7, 5.2.8), MADT (5.2.12). Nothing in a table is
 * believed before its length is known and its sum is right. */
#include "acpi.h"

enum { TABLE_MAX = 65536, HEADER_BYTES = 36 };
enum { MADT_FIRST = 44, MADT_LOCAL_APIC = 0, MADT_ENABLED = 1 };

static uint64_t number(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

static bool sum_is_zero(const uint8_t *p, size_t bytes)
{
	uint8_t sum = 0;

	while (bytes--)
		sum = (uint8_t)(sum + p[bytes]);
	return sum == 0;
}

/* A whole table, or NULL. */
static const uint8_t *table(mm_phys_reader read, void *ctx, mm_paddr_t pa, size_t *bytes)
{
	const uint8_t *t = read(ctx, pa, HEADER_BYTES);

	if (!t)
		return NULL;
	*bytes = number(t + 4, 4);
	if (*bytes < HEADER_BYTES || *bytes > TABLE_MAX)
		return NULL;
	t = read(ctx, pa, *bytes);
	return t && sum_is_zero(t, *bytes) ? t : NULL;
}

/* Table of tables: its address, and the bytes of an entry. */
static mm_paddr_t root(mm_phys_reader read, void *ctx, mm_paddr_t rsdp, unsigned *entry)
{
	const uint8_t *r = rsdp ? read(ctx, rsdp, HEADER_BYTES) : NULL;

	if (!r || __builtin_memcmp(r, "RSD PTR ", 8) != 0 || !sum_is_zero(r, 20))
		return 0;
	*entry = r[15] >= 2 && number(r + 24, 8) ? 8 : 4;
	return *entry == 8 ? number(r + 24, 8) : number(r + 16, 4);
}

static uint32_t madt_cpus(const uint8_t *madt, size_t bytes, uint8_t *ids, uint32_t max)
{
	uint32_t n = 0;
	size_t at = MADT_FIRST;

	while (at + 8 <= bytes && madt[at + 1] >= 2 && n < max) {
		const uint8_t *e = madt + at;

		if (e[0] == MADT_LOCAL_APIC && e[1] >= 8 && (e[4] & MADT_ENABLED))
			ids[n++] = e[3];
		at += e[1];
	}
	return n;
}

uint32_t acpi_cpus(mm_phys_reader read, void *ctx, mm_paddr_t rsdp, uint8_t *ids, uint32_t max)
{
	unsigned entry = 4;
	mm_paddr_t pa = root(read, ctx, rsdp, &entry);
	size_t bytes = 0, length = 0;
	const uint8_t *list = pa ? table(read, ctx, pa, &bytes) : NULL;

	for (size_t at = HEADER_BYTES; list && at + entry <= bytes; at += entry) {
		const uint8_t *t = table(read, ctx, number(list + at, entry), &length);

		if (t && __builtin_memcmp(t, "APIC", 4) == 0)
			return madt_cpus(t, length, ids, max);
	}
	return 0;
}
