/* SPDX-License-Identifier: MIT */
#include <mmlib/fdt.h>
#include "fdt.h"
#include "kernel.h"

enum { FDT_MAX = 0x200000 }; /* no boot protocol allows more than 2 MiB */

enum mm_status fdt_memmap(mm_paddr_t blob, struct mm_memmap *map, struct mm_numa *numa,
			  char *cmdline, size_t bytes)
{
	struct mm_fdt_info info;
	enum mm_status st;
	size_t length;

	if (blob > MACHINE_REACH - FDT_MAX)
		return MM_E_FAULT;
	st = mm_memmap_add_fdt(map, direct_map(blob), FDT_MAX, blob, &info, numa);
	if (st != MM_OK) /* nodes that make no sense are no reason to stop */
		st = mm_memmap_add_fdt(map, direct_map(blob), FDT_MAX, blob, &info, NULL);
	if (st != MM_OK)
		return st;
	length = info.bootargs_bytes < bytes ? info.bootargs_bytes : bytes - 1;
	if (length)
		__builtin_memcpy(cmdline, info.bootargs, length);
	cmdline[length] = '\0';
	return MM_OK;
}
