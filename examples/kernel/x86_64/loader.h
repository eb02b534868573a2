/* SPDX-License-Identifier: MIT */
#ifndef LOADER_H
#define LOADER_H
#include <mmlib/memmap.h>

/* Feed the map of whichever loader it was. @boot_info is what it left in EAX, above what it left in
 * EBX. The RSDP is found even where the loader does not tell. */
enum mm_status loader_memmap(uintptr_t boot_info, struct mm_memmap *map, mm_phys_reader read,
			     struct mm_boot_info *info);
#endif
