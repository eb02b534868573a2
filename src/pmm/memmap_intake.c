/* SPDX-License-Identifier: MIT */
/* Theory of operation: reading what a loader left
 * Problem      loaders leave structures that point to tables, lists and texts in physical memory.
 *              Each number in them may be wrong or hostile.
 * Structure    arrays are read item by item, texts byte by byte. Addresses are 64-bit numbers until
 *              they are known to fit mm_paddr_t.
 * Invariants   L1 no byte is read that the reader was not asked for first; no pointer is kept.
 *              L2 work is bounded: texts end within MEMMAP_MAX_TEXT bytes.
 * Concurrency  none: one CPU, before the scheduler. */
#include "checked.h"
#include "pmm/memmap_intake.h"

const uint8_t *mm_memmap_item(const struct memmap_intake *in, uint64_t pa, size_t bytes,
			      uint32_t index)
{
	uint64_t last;

	if (!mm_add(pa, (uint64_t)index * bytes, &pa) || !mm_range_last(pa, bytes, &last))
		return NULL;
	if ((mm_paddr_t)last != last)
		return NULL;
	return in->read(in->ctx, (mm_paddr_t)pa, bytes); /* L1 */
}

enum mm_status mm_memmap_loader(const struct memmap_intake *in, uint64_t pa, uint64_t bytes)
{
	return mm_memmap_add(in->map, pa, bytes, MM_MEM_LOADER, in->owner);
}

enum mm_status mm_memmap_text_bytes(const struct memmap_intake *in, uint64_t pa, uint32_t most,
				    uint32_t *bytes)
{
	for (uint32_t n = 0; n < most && n < MEMMAP_MAX_TEXT; n++) { /* L2 */
		const uint8_t *c = mm_memmap_item(in, pa, 1, n);

		if (!c)
			return MM_E_FAULT;
		if (*c == 0) {
			*bytes = n + 1;
			return MM_OK;
		}
	}
	return MM_E_2BIG;
}

enum mm_status mm_memmap_text(const struct memmap_intake *in, uint64_t pa)
{
	uint32_t bytes = 0;

	if (pa == 0)
		return MM_OK;
	enum mm_status status = mm_memmap_text_bytes(in, pa, MEMMAP_MAX_TEXT, &bytes);
	return status == MM_OK ? mm_memmap_loader(in, pa, bytes) : status;
}
