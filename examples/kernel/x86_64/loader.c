/* SPDX-License-Identifier: MIT */
/* What the loader left: PVH, Multiboot 1 or Multiboot 2. */
#include <mmlib/multiboot.h>
#include "../console.h"
#include "loader.h"

enum { EBDA_POINTER = 0x40e, EBDA_BYTES = 1024, ROM = 0xe0000, ROM_BYTES = 0x20000 };
enum { RSDP_ALIGN = 16 };

/* The RSDP on one of the borders of 16 bytes in a piece of memory, or 0. */
static mm_paddr_t find_in(mm_phys_reader read, mm_paddr_t pa, mm_paddr_t bytes)
{
	for (mm_paddr_t end = pa + bytes; pa < end; pa += RSDP_ALIGN) {
		const char *p = read(NULL, pa, 8);

		if (p && __builtin_memcmp(p, "RSD PTR ", 8) == 0)
			return pa;
	}
	return 0;
}

/* Where a BIOS leaves it: ACPI 6.5, section 5.2.5.1. */
static mm_paddr_t find_rsdp(mm_phys_reader read)
{
	const uint8_t *p = read(NULL, EBDA_POINTER, 2);
	mm_paddr_t pa = p ? (mm_paddr_t)(p[0] | p[1] << 8) << 4 : 0;

	pa = pa ? find_in(read, pa, EBDA_BYTES) : 0;
	return pa ? pa : find_in(read, ROM, ROM_BYTES);
}

enum mm_status loader_memmap(uintptr_t boot_info, struct mm_memmap *map, mm_phys_reader read,
			     struct mm_boot_info *info)
{
	const mm_paddr_t pa = (uint32_t)boot_info;
	const char *name = "PVH";
	enum mm_status st;

	switch (boot_info >> 32) {
	case MM_MULTIBOOT_MAGIC:
		name = "Multiboot 1";
		st = mm_memmap_add_multiboot(map, read, NULL, pa, info);
		break;
	case MM_MULTIBOOT2_MAGIC:
		name = "Multiboot 2";
		st = mm_memmap_add_multiboot2(map, read, NULL, pa, info, NULL);
		break;
	default: /* leaves EAX undefined; has a magic in memory */
		st = mm_memmap_add_pvh(map, read, NULL, pa, info);
		break;
	}
	kprintf("    booted through %s\n", name);
	if (st == MM_OK && !info->rsdp)
		info->rsdp = find_rsdp(read);
	return st;
}
