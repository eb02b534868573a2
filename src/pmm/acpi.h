/* SPDX-License-Identifier: MIT */
/* Private to the readers of ACPI tables. */
#ifndef MM_SRC_PMM_ACPI_H
#define MM_SRC_PMM_ACPI_H
#include <mmlib/acpi.h>

#define ACPI_HEADER_BYTES 36 /* of every table but the RSDP (5.2.6) */

/* A table that was checked. */
struct acpi_table {
	const uint8_t *at;
	uint32_t bytes; /* as its header says */
};

/* Is the sum of these bytes, modulo 256, zero? */
bool mm_acpi_sum(const uint8_t *at, size_t bytes);

/* Check a table of which `bytes` can be read: signature, a length of `least` or more, sum. `least` is
 * a header or more.
 * MM_E_FAULT: it is longer. MM_E_INVAL: another signature. MM_E_CORRUPT: too short, or its sum. */
enum mm_status mm_acpi_open(struct acpi_table *table, const void *at, size_t bytes,
			    const char *signature, uint32_t least);
#endif
