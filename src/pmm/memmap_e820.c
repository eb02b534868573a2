/* SPDX-License-Identifier: MIT */
/* Theory of operation: e820 intake
 * Problem      the table comes from firmware by way of a loader: any alignment, any order, entries
 *              with tails that later versions of the interface added, types of later versions.
 * Structure    bytes are read one by one, `stride` skips tails, types nobody knows are reserved.
 * Invariant    E1 no byte outside [table, table + bytes) is read.
 * Concurrency  none: one CPU, before the scheduler. */
#include "pmm/memmap.h"

#define E820_ENTRY 20 /* ACPI 6.5, section 15.1: base 8, length 8, type 4 */

static enum mm_mem_type e820_type(uint32_t number)
{
	switch (number) {
	case 1:
		return MM_MEM_USABLE;
	case 3:
		return MM_MEM_ACPI_RECLAIM;
	case 4:
		return MM_MEM_ACPI_NVS;
	case 5:
		return MM_MEM_BAD;
	case 7:
		return MM_MEM_PERSISTENT;
	default:
		return MM_MEM_RESERVED;
	}
}

enum mm_status mm_memmap_add_raw(struct mm_memmap *map, const uint8_t *entry)
{
	uint32_t number = memmap_le32(entry + 16);
	enum mm_status status;

	status = mm_memmap_add(map, memmap_le64(entry), memmap_le64(entry + 8), e820_type(number),
			       NULL);
	if (status == MM_OK)
		map->dropped.unknown += number < 1 || number == 6 || number > 7;
	return status;
}

enum mm_status mm_memmap_add_e820(struct mm_memmap *map, const void *table, size_t bytes,
				  size_t stride)
{
	const uint8_t *at = table;

	if (!map || (!table && bytes > 0) || stride < E820_ENTRY)
		return MM_E_INVAL;
	while (bytes >= E820_ENTRY) { /* E1 */
		enum mm_status status = mm_memmap_add_raw(map, at);

		if (status != MM_OK || bytes <= stride)
			return status;
		at += stride;
		bytes -= stride;
	}
	return MM_OK;
}
#undef E820_ENTRY
