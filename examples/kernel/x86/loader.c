/* SPDX-License-Identifier: MIT */
/* What the loader left: PVH. */
#include "../console.h"
#include "../x86_64/loader.h"

enum mm_status loader_memmap(uintptr_t boot_info, struct mm_memmap *map, mm_phys_reader read,
			     struct mm_boot_info *info)
{
	return mm_memmap_add_pvh(map, read, NULL, boot_info, info);
}
