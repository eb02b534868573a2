/* SPDX-License-Identifier: MIT */
/* What the kernel asks of ACPI: CPUs (ACPI 6.5, section 5.2.12, MADT) and NUMA nodes. mmlib finds the
 * tables and knows that they are whole. */
#include "../console.h"
#include "acpi.h"

enum { MADT_FIRST = 44, MADT_LOCAL_APIC = 0, MADT_ENABLED = 1 };

/* A whole table, good until the next call of @read, or NULL. */
static const uint8_t *table(mm_phys_reader read, void *ctx, mm_paddr_t rsdp, const char *signature,
			    size_t *bytes, enum mm_status *st)
{
	mm_paddr_t pa;

	*st = rsdp ? mm_acpi_find(read, ctx, rsdp, signature, &pa, bytes) : MM_E_NOENT;
	return *st == MM_OK ? read(ctx, pa, *bytes) : NULL;
}

uint32_t acpi_cpus(mm_phys_reader read, void *ctx, mm_paddr_t rsdp, uint8_t *ids, uint32_t max)
{
	size_t bytes = 0, at = MADT_FIRST;
	enum mm_status st;
	const uint8_t *madt = table(read, ctx, rsdp, "APIC", &bytes, &st);
	uint32_t n = 0;

	while (madt && at + 8 <= bytes && madt[at + 1] >= 2 && n < max) {
		const uint8_t *e = madt + at;

		if (e[0] == MADT_LOCAL_APIC && e[1] >= 8 && (e[4] & MADT_ENABLED))
			ids[n++] = e[3];
		at += e[1];
	}
	return n;
}

/* Firmware is often wrong about nodes: one more reason to look, none to stop. */
static void say(const char *signature, enum mm_status st)
{
	if (st != MM_OK && st != MM_E_NOENT)
		kprintf("    %s is passed over: %s\n", signature, mm_status_name(st));
}

void acpi_numa(mm_phys_reader read, void *ctx, mm_paddr_t rsdp, struct mm_numa *numa)
{
	size_t bytes = 0;
	enum mm_status st;
	const uint8_t *t = table(read, ctx, rsdp, "SRAT", &bytes, &st);

	if (t)
		st = mm_numa_add_srat(numa, t, bytes, NULL);
	say("SRAT", st);
	if (st != MM_OK)
		return;
	t = table(read, ctx, rsdp, "SLIT", &bytes, &st);
	if (t)
		st = mm_numa_add_slit(numa, t, bytes);
	say("SLIT", st);
}
