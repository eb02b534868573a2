/* SPDX-License-Identifier: MIT */
#ifndef APIC_H
#define APIC_H
#include <mmlib/memmap.h>

/* Read which CPUs there are from the ACPI tables at @rsdp, through @read. */
void apic_find(mm_phys_reader read, mm_paddr_t rsdp);
/* This CPU's local APIC on. Returns its id. */
uint32_t apic_cpu_init(void);
/* The interrupt is handled. */
void apic_done(void);
/* Physical address of the registers. */
mm_paddr_t apic_base(void);
#endif
