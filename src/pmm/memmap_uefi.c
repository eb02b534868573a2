/* SPDX-License-Identifier: MIT */
/* Theory of operation: UEFI intake
 * Problem      descriptors grow with the specification, so the firmware says how far apart they
 *              are; what one means depends on its type and on its attributes; a length in pages may
 *              not fit into bytes.
 * Structure    one iterator decodes; type and attributes together give the type in the map.
 *
 *                type                 RUNTIME or not WB   NV           SP         else
 *                conventional         reserved            persistent   specific   usable
 *                boot services        reserved            persistent   specific   boot services
 *                loader, ACPI tables  reserved            as else      as else    their own
 *                all others           by type alone
 *
 * Invariants   U1 no byte outside [table, table + bytes) is read.
 *              U2 what may be handed out as RAM, now or later, can be cached write-back, and no
 *                 firmware goes on using it.
 * Concurrency  none: one CPU, before the scheduler. */
#include <mmlib/uefi.h>
#include "hook.h"
#include "pmm/memmap.h"

#define UEFI_DESC_BYTES 40 /* UEFI 2.10, 7.2.3: type 4, padding 4, and four numbers of 8 bytes */
#define UEFI_PAGE_SHIFT 12
#define UEFI_OEM        0x70000000u /* from here on types are private to OEMs and loaders */

bool mm_uefi_next(const void *table, size_t bytes, size_t stride, size_t *at,
		  struct mm_uefi_desc *out)
{
	const uint8_t *p = table;

	if (!p || !at || !out || stride < UEFI_DESC_BYTES)
		return false;
	if (*at > bytes || bytes - *at < UEFI_DESC_BYTES) /* U1 */
		return false;
	p += *at;
	out->type = memmap_le32(p);
	out->base = memmap_le64(p + 8);
	out->virt = memmap_le64(p + 16);
	out->pages = memmap_le64(p + 24);
	out->attribute = memmap_le64(p + 32);
	*at = bytes - *at > stride ? *at + stride : bytes;
	return true;
}

/* What a type means by itself. */
static enum mm_mem_type uefi_plain(uint32_t type)
{
	switch (type) {
	case MM_UEFI_LOADER_CODE:
	case MM_UEFI_LOADER_DATA:
		return MM_MEM_LOADER;
	case MM_UEFI_BOOT_SERVICES_CODE:
	case MM_UEFI_BOOT_SERVICES_DATA:
		return MM_MEM_BOOT_SERVICES;
	case MM_UEFI_CONVENTIONAL:
		return MM_MEM_USABLE;
	case MM_UEFI_UNUSABLE:
		return MM_MEM_BAD;
	case MM_UEFI_ACPI_RECLAIM:
		return MM_MEM_ACPI_RECLAIM;
	case MM_UEFI_ACPI_NVS:
		return MM_MEM_ACPI_NVS;
	case MM_UEFI_PERSISTENT:
		return MM_MEM_PERSISTENT;
	default:
		return MM_MEM_RESERVED;
	}
}

/* Types that are handed out as RAM, now or once they are given back. */
static bool uefi_is_ram(enum mm_mem_type type)
{
	return type <= MM_MEM_ACPI_RECLAIM;
}

static enum mm_mem_type uefi_type(const struct mm_uefi_desc *d)
{
	enum mm_mem_type type = uefi_plain(d->type);

	if (!uefi_is_ram(type))
		return type;
	if (!(d->attribute & MM_UEFI_WB)) /* U2 */
		return MM_MEM_RESERVED;
	if ((d->attribute & MM_UEFI_RUNTIME) && !MM_PLANTED(MM_PLANT_UEFI)) /* U2 */
		return MM_MEM_RESERVED;
	if (type > MM_MEM_BOOT_SERVICES)
		return type;
	if (d->attribute & MM_UEFI_NV)
		return MM_MEM_PERSISTENT;
	return d->attribute & MM_UEFI_SP ? MM_MEM_SPECIFIC : type;
}

static enum mm_status uefi_add(struct mm_memmap *map, const struct mm_uefi_desc *d)
{
	uint64_t base = d->base, length = d->pages << UEFI_PAGE_SHIFT;
	enum mm_status status;

	if (d->pages > UINT64_MAX >> UEFI_PAGE_SHIFT) {
		/* Longer than a number can say: any range that wraps stands for it. One that begins
		 * in the first bytes would not, so begin in the third: that is the same frame. */
		length = UINT64_MAX;
		base = base > 2 ? base : 2;
	}
	status = mm_memmap_add(map, base, length, uefi_type(d), NULL);
	if (status == MM_OK)
		map->dropped.unknown += d->type > MM_UEFI_UNACCEPTED && d->type < UEFI_OEM;
	return status;
}

static void uefi_count(struct mm_uefi_info *info, const struct mm_uefi_desc *d)
{
	const bool ram = uefi_is_ram(uefi_plain(d->type));

	info->descriptors++;
	info->runtime += (d->attribute & MM_UEFI_RUNTIME) != 0;
	info->reliable += (d->attribute & MM_UEFI_MORE_RELIABLE) != 0;
	info->uncached += ram && !(d->attribute & MM_UEFI_WB);
	info->unaccepted += d->type == MM_UEFI_UNACCEPTED;
	info->private_use += d->type >= UEFI_OEM;
	info->unaligned += (d->base & (((uint64_t)1 << UEFI_PAGE_SHIFT) - 1)) != 0;
}

enum mm_status mm_memmap_add_uefi(struct mm_memmap *map, const void *table, size_t bytes,
				  size_t stride, uint32_t version, struct mm_uefi_info *info)
{
	struct mm_uefi_info found = { 0 };
	struct mm_uefi_desc d;

	if (!map || (!table && bytes > 0) || stride < UEFI_DESC_BYTES || version == 0)
		return MM_E_INVAL;
	for (size_t at = 0; mm_uefi_next(table, bytes, stride, &at, &d);) {
		enum mm_status status = uefi_add(map, &d);

		if (status != MM_OK)
			return status;
		uefi_count(&found, &d);
	}
	if (info)
		*info = found;
	return MM_OK;
}
#undef UEFI_DESC_BYTES
#undef UEFI_PAGE_SHIFT
#undef UEFI_OEM
