/* SPDX-License-Identifier: MIT */
/* Theory of operation: early allocator
 * Problem      the page-frame allocator needs memory for its own metadata, and a kernel for its
 *              first tables, before there is an allocator.
 * Structure    none of its own: the boot memory map is the state. A request takes the top of the
 *              highest run of usable bytes where it fits and is written into the map at once.
 *              Working downward leaves low memory to those who need it, and lays requests of one
 *              owner side by side, so the map merges them into one entry.
 * Invariants   A1 what is given out was usable, lies in [low, high], and is not usable any more.
 *              A2 out and map change together, or neither does.
 * Why no free  survivors go to the page-frame allocator with the map; a free list would be code that
 *              never runs.
 * Concurrency  none: one CPU, before the scheduler. Plain loads and stores only. */
#include <mmlib/early.h>
#include "checked.h"
#include "hook.h"
#include "pmm/memmap.h"

enum mm_status mm_early_init(struct mm_early *ea, struct mm_memmap *map, mm_paddr_t low,
			     mm_paddr_t high)
{
	if (!ea || !map || low > high)
		return MM_E_INVAL;
	*ea = (struct mm_early){ .map = map, .low = low, .high = high };
	return MM_OK;
}

/* The run of usable bytes below entry *i, whoever owns the entries it is made of; *i moves to the
 * run's first entry. */
static bool early_run(const struct mm_memmap *map, uint32_t *i, mm_paddr_t *first, mm_paddr_t *last)
{
	const struct mm_mem *e = map->entries;

	while (*i > 0 && e[*i - 1].type != MM_MEM_USABLE)
		--*i;
	if (*i == 0)
		return false;
	*last = e[--*i].last;
	while (*i > 0 && e[*i - 1].type == MM_MEM_USABLE && memmap_touch(&e[*i - 1], &e[*i]))
		--*i;
	*first = e[*i].base;
	return true;
}

/* The highest base in [first, last] for size bytes, which are whole frames, within the allocator's
 * bounds (A1). An alignment below a frame changes nothing: the base is on a frame border anyway. */
static bool early_fit(const struct mm_early *ea, mm_paddr_t first, mm_paddr_t last, mm_paddr_t size,
		      mm_paddr_t align, mm_paddr_t *base)
{
	if (first < ea->low)
		first = ea->low;
	if (last > ea->high)
		last = ea->high;
	if (first > last || !memmap_inward(&first, &last) || last - first < size - 1)
		return false;
	*base = (last - (size - 1)) & ~(align - 1);
	return *base >= first;
}

static bool early_find(const struct mm_early *ea, mm_paddr_t size, mm_paddr_t align,
		       mm_paddr_t *base)
{
	mm_paddr_t first, last;

	for (uint32_t i = ea->map->count; early_run(ea->map, &i, &first, &last);) {
		if (early_fit(ea, first, last, size, align, base))
			return true;
	}
	return false;
}

enum mm_status mm_early_alloc(struct mm_early *ea, mm_paddr_t size, mm_paddr_t align,
			      enum mm_mem_type type, const char *owner, mm_paddr_t *out)
{
	mm_paddr_t base;

	if (!ea || !ea->map || !out || size == 0 || !mm_is_pow2(align))
		return MM_E_INVAL;
	if (!memmap_type_known(type) || type == MM_MEM_USABLE)
		return MM_E_INVAL;
	if (size > MM_PADDR_MAX - MEMMAP_IN_FRAME)
		return MM_E_OVERFLOW;
	size = (size + MEMMAP_IN_FRAME) & ~MEMMAP_IN_FRAME;
	if (mm_hook_fail() || !early_find(ea, size, align, &base))
		return MM_E_NOMEM;
	enum mm_status status = mm_memmap_take(ea->map, base, size, type, owner);
	if (status == MM_OK) /* A2 */
		*out = base;
	return status;
}
