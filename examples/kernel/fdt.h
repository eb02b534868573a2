/* SPDX-License-Identifier: MIT */
#ifndef FDT_H
#define FDT_H
#include "machine.h"

/* machine_memmap() of machines whose firmware leaves a device tree at physical address @blob. */
enum mm_status fdt_memmap(mm_paddr_t blob, struct mm_memmap *map, struct mm_numa *numa,
			  char *cmdline, size_t bytes);
#endif
