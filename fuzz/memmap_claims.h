/* SPDX-License-Identifier: MIT */
/* A second model of the boot memory map, for tables of which the input says every bit.
 *
 * It is a list of claims: what a byte is follows from all claims on it, and can change only where a
 * claim, rounded as the map rounds it, begins or ends. So the map is compared with the list at those
 * bytes, at the bytes beside them, and at the borders of the map's own entries. The map must have
 * room for everything. */
#ifndef FUZZ_MEMMAP_CLAIMS_H
#define FUZZ_MEMMAP_CLAIMS_H
#include "memmap_model.h"

#ifndef CLAIMS
#define CLAIMS 256 /* at most */
#endif

struct claims {
	struct mm_mem claim[CLAIMS];
	unsigned n;
	struct mm_memmap_dropped dropped;
};

/* What mm_memmap_add() must make of a range. Lengths of 2^64 and more are passed as UINT64_MAX with
 * too_long. */
static inline void claims_add(struct claims *c, uint64_t base, uint64_t length, bool too_long,
			      enum mm_mem_type type)
{
	const uint64_t last = base + length - 1;
	const bool wraps = too_long || (length > 0 && last < base);

	c->dropped.empty += length == 0;
	c->dropped.wrapped += wraps;
	if (length == 0 || (wraps && type == MM_MEM_USABLE))
		return;
	check(c->n < CLAIMS);
	struct mm_mem *e = &c->claim[c->n++];
	e->base = base;
	e->last = wraps ? UINT64_MAX : last;
	e->type = type;
	if (type == MM_MEM_USABLE)
		return;
	e->base -= e->base % F;
	e->last += F - 1 - e->last % F;
}

/* What the list says of a byte; 0: nothing. */
ORACLE enum mm_mem_type claims_at(const struct claims *c, mm_paddr_t pa)
{
	enum mm_mem_type type = (enum mm_mem_type)0;

	for (unsigned i = 0; i < c->n; i++)
		if (c->claim[i].base <= pa && pa <= c->claim[i].last && c->claim[i].type > type)
			type = c->claim[i].type;
	return type;
}

/* What the map says of it. */
ORACLE enum mm_mem_type map_at(const struct mm_memmap *map, mm_paddr_t pa)
{
	uint32_t low = 0, high = map->count;

	while (low < high) {
		const uint32_t mid = (low + high) / 2;

		if (map->entries[mid].last < pa)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == map->count || map->entries[low].base > pa)
		return (enum mm_mem_type)0;
	return map->entries[low].type;
}

ORACLE void check_borders(const struct mm_memmap *map, const struct claims *c,
			  const struct mm_mem *e)
{
	const mm_paddr_t at[4] = { e->base, e->last, e->base - 1, e->last + 1 }; /* or round it */

	for (unsigned i = 0; i < 4; i++)
		check(map_at(map, at[i]) == claims_at(c, at[i]));
}

ORACLE void check_claims(const struct mm_memmap *map, const struct claims *c)
{
	check(mm_memmap_verify(map) == MM_OK);
	check(memcmp(&map->dropped, &c->dropped, sizeof(c->dropped)) == 0);
	for (unsigned i = 0; i < c->n; i++)
		check_borders(map, c, &c->claim[i]);
	for (uint32_t i = 0; i < map->count; i++)
		check_borders(map, c, &map->entries[i]);
}
#endif
