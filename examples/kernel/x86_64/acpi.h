/* SPDX-License-Identifier: MIT */
#ifndef ACPI_H
#define ACPI_H
#include <mmlib/memmap.h>

/* Local APIC ids of the CPUs that the ACPI tables call usable, at most @max of them. Every byte is
 * asked of @read first, and lengths in the tables are bounded. Returns how many. */
uint32_t acpi_cpus(mm_phys_reader read, void *ctx, mm_paddr_t rsdp, uint8_t *ids, uint32_t max);
#endif
