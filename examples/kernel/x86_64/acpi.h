/* SPDX-License-Identifier: MIT */
#ifndef ACPI_H
#define ACPI_H
#include <mmlib/acpi.h>

/* Local APIC ids of the CPUs that the ACPI tables call usable, at most @max of them. Returns how
 * many. */
uint32_t acpi_cpus(mm_phys_reader read, void *ctx, mm_paddr_t rsdp, uint8_t *ids, uint32_t max);

/* NUMA nodes and their distances. A table that is not there, or makes no sense, is passed over. */
void acpi_numa(mm_phys_reader read, void *ctx, mm_paddr_t rsdp, struct mm_numa *numa);
#endif
