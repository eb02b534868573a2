/* SPDX-License-Identifier: MIT */
/* Theory of operation: boot memory map
 * Problem      firmware lists memory unsorted, overlapping, cut inside frames, empty or wrapping,
 *              and some of it lies. One byte wrongly called usable is a crash far away from here.
 * Structure    a sorted array of inclusive ranges. A new range loses the bytes that an entry of its
 *              own or a higher type already has. What is left falls into pieces. Each piece
 *              replaces the weaker entries under it and joins neighbours of its kind: a splice of
 *              one window of the array (memmap_plan, memmap_apply).
 *
 *                entries    |---usable---|      |-res-|    |--usable--|
 *                add LOADER       |=======================|
 *                pieces           |<---------->|       |<>|
 *                result     |-us.-|---loader---|-res-| |ld|--usable---|
 *
 *              Pieces are separated by entries that stay, so the growth of the array is the sum of
 *              what the splices add, in whatever order they are done. It is summed before the first
 *              change; splices that do not grow the array are done before those that do, so the
 *              array never holds more than it held before or will hold after.
 * Invariants   M1 entries are sorted and disjoint, none is empty.
 *              M2 they are maximal: entries that touch differ in type or in owner.
 *              M3 all but usable ones begin and end on frame borders.
 *              M4 count <= capacity; a change that would break it is refused before it begins.
 *              M5 at most 2n - 1 entries after n ranges: every border of an entry is one of theirs.
 * Why inclusive  the last byte of the address space has an address, the one after it has not.
 * Why bytes    two usable pieces that meet inside a frame make that frame whole; rounding each of
 *              them on the way in would lose it, and rounding outward would invent memory.
 * Concurrency  none: one CPU, before the scheduler. Plain loads and stores only. */
#include "checked.h"
#include "hook.h"
#include "pmm/memmap.h"

/* What a window [first, end) of the array becomes. */
struct memmap_splice {
	uint32_t first;
	uint32_t end;
	uint32_t n;
	struct mm_mem out[3];
};

enum mm_status mm_memmap_init(struct mm_memmap *map, struct mm_mem *entries, uint32_t capacity)
{
	if (!map || (!entries && capacity > 0))
		return MM_E_INVAL;
	*map = (struct mm_memmap){ .entries = entries, .capacity = capacity };
	return MM_OK;
}

/* Index of the first entry that ends at or above pa. */
static uint32_t memmap_find(const struct mm_memmap *map, mm_paddr_t pa)
{
	uint32_t low = 0, high = map->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (map->entries[mid].last < pa)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Do a and b belong into one entry (M2)? */
static bool memmap_joins(const struct mm_mem *a, const struct mm_mem *b)
{
	if (!memmap_touch(a, b) || a->owner != b->owner)
		return false;
	return a->type == b->type || MM_PLANTED(MM_PLANT_MEMMAP_MERGE);
}

/* The first piece of a claim at or above `at` that entries of its own or a higher type leave. */
static bool memmap_piece(const struct mm_memmap *map, const struct mm_mem *claim, mm_paddr_t at,
			 struct mm_mem *piece)
{
	const struct mm_mem *e = map->entries;
	uint32_t i = memmap_find(map, at);

	for (; i < map->count && e[i].base <= at && e[i].type >= claim->type; i++) {
		if (e[i].last >= claim->last)
			return false;
		at = e[i].last + 1;
	}
	*piece = *claim;
	piece->base = at;
	while (i < map->count && e[i].base <= claim->last && e[i].type < claim->type)
		i++;
	if (i < map->count && e[i].base <= claim->last)
		piece->last = e[i].base - 1;
	return true;
}

/* The piece after this one. */
static bool memmap_piece_next(const struct mm_memmap *map, const struct mm_mem *claim,
			      struct mm_mem *piece)
{
	return piece->last < claim->last && memmap_piece(map, claim, piece->last + 1, piece);
}

/* How a piece goes into the array in place of all that is under it. Keeps M1 and M2. */
static void memmap_plan(const struct mm_memmap *map, const struct mm_mem *piece,
			struct memmap_splice *s)
{
	const struct mm_mem *e = map->entries;
	struct mm_mem whole = *piece;
	bool cut; /* the last entry in the window reaches beyond the piece */

	s->n = 0;
	s->first = s->end = memmap_find(map, piece->base);
	while (s->end < map->count && e[s->end].base <= piece->last)
		s->end++;
	cut = s->end > s->first && e[s->end - 1].last > piece->last;
	if (s->end > s->first && e[s->first].base < piece->base) {
		s->out[s->n] = e[s->first];
		s->out[s->n++].last = piece->base - 1;
	} else if (s->first > 0 && memmap_joins(&e[s->first - 1], piece)) {
		whole.base = e[--s->first].base;
	}
	if (s->end < map->count && memmap_joins(piece, &e[s->end]))
		whole.last = e[s->end++].last;
	s->out[s->n++] = whole;
	if (cut) {
		s->out[s->n] = e[s->end - 1];
		s->out[s->n++].base = piece->last + 1;
	}
}

static int64_t memmap_growth(const struct memmap_splice *s)
{
	return (int64_t)s->n - (int64_t)(s->end - s->first);
}

static void memmap_apply(struct mm_memmap *map, const struct memmap_splice *s)
{
	struct mm_mem *at = map->entries + s->first;

	__builtin_memmove(at + s->n, map->entries + s->end,
			  (size_t)(map->count - s->end) * sizeof(*at));
	__builtin_memcpy(at, s->out, s->n * sizeof(*at));
	map->count = map->count - (s->end - s->first) + s->n;
}

/* Would the map with the claim in it fit into the array (M4)? */
static bool memmap_fits(const struct mm_memmap *map, const struct mm_mem *claim)
{
	int64_t count = map->count;
	struct memmap_splice s;
	struct mm_mem piece;

	for (bool more = memmap_piece(map, claim, claim->base, &piece); more;
	     more = memmap_piece_next(map, claim, &piece)) {
		memmap_plan(map, &piece, &s);
		count += memmap_growth(&s);
	}
	return count <= map->capacity;
}

/* Put in those pieces of the claim that grow the array by `most` entries or fewer. */
static void memmap_place(struct mm_memmap *map, const struct mm_mem *claim, int64_t most)
{
	struct memmap_splice s;
	struct mm_mem piece;

	for (bool more = memmap_piece(map, claim, claim->base, &piece); more;
	     more = memmap_piece_next(map, claim, &piece)) {
		memmap_plan(map, &piece, &s);
		if (memmap_growth(&s) <= most)
			memmap_apply(map, &s);
	}
}

/* Settle one claim, not empty, against what the map says. */
static enum mm_status memmap_claim(struct mm_memmap *map, struct mm_mem claim)
{
	if (claim.type != MM_MEM_USABLE) { /* M3 */
		claim.base &= ~MEMMAP_IN_FRAME;
		claim.last |= MEMMAP_IN_FRAME;
	}
	if (!memmap_fits(map, &claim))
		return MM_E_2BIG;
	memmap_place(map, &claim, 0);
	memmap_place(map, &claim, 2);
	return MM_OK;
}

enum mm_status mm_memmap_add(struct mm_memmap *map, uint64_t base, uint64_t length,
			     enum mm_mem_type type, const char *owner)
{
	uint64_t last = UINT64_MAX;

	if (!map || !memmap_type_known(type))
		return MM_E_INVAL;
	if (length == 0) {
		map->dropped.empty++;
		return MM_OK;
	}
	bool wraps = !mm_range_last(base, length, &last);
	bool beyond = !wraps && (mm_paddr_t)last != last;

	if (!(wraps && type == MM_MEM_USABLE) && (mm_paddr_t)base == base) {
		struct mm_mem claim = { (mm_paddr_t)base, (mm_paddr_t)last, type, owner };

		if ((mm_paddr_t)last != last)
			claim.last = MM_PADDR_MAX;
		enum mm_status status = memmap_claim(map, claim);
		if (status != MM_OK)
			return status;
	}
	map->dropped.wrapped += wraps;
	map->dropped.beyond += beyond;
	return MM_OK;
}

/* Is every byte of [base, last] usable? */
static bool memmap_usable(const struct mm_memmap *map, mm_paddr_t base, mm_paddr_t last)
{
	for (uint32_t i = memmap_find(map, base); i < map->count; i++) {
		const struct mm_mem *e = &map->entries[i];

		if (e->base > base || e->type != MM_MEM_USABLE)
			return false;
		if (e->last >= last)
			return true;
		base = e->last + 1;
	}
	return false;
}

enum mm_status mm_memmap_take(struct mm_memmap *map, mm_paddr_t base, mm_paddr_t length,
			      enum mm_mem_type type, const char *owner)
{
	uint64_t last;

	if (!map || !memmap_type_known(type) || type == MM_MEM_USABLE)
		return MM_E_INVAL;
	if (!mm_range_last(base, length, &last) || (mm_paddr_t)last != last)
		return MM_E_INVAL;
	struct mm_mem claim = { base, (mm_paddr_t)last, type, owner };

	if (!memmap_usable(map, base & ~MEMMAP_IN_FRAME, claim.last | MEMMAP_IN_FRAME))
		return MM_E_BUSY;
	return memmap_claim(map, claim);
}

/* What [base, last], all of it one type and not usable, becomes. */
static void memmap_plan_free(const struct mm_memmap *map, mm_paddr_t base, mm_paddr_t last,
			     struct memmap_splice *s)
{
	const struct mm_mem piece = { base, last, MM_MEM_USABLE, NULL };

	memmap_plan(map, &piece, s);
}

int64_t mm_memmap_free_growth(const struct mm_memmap *map, mm_paddr_t base, mm_paddr_t last)
{
	struct memmap_splice s;

	memmap_plan_free(map, base, last, &s);
	return memmap_growth(&s);
}

void mm_memmap_free(struct mm_memmap *map, mm_paddr_t base, mm_paddr_t last)
{
	struct memmap_splice s;

	memmap_plan_free(map, base, last, &s);
	memmap_apply(map, &s);
}

bool mm_memmap_next(const struct mm_memmap *map, uint32_t *it, struct mm_mem *out)
{
	if (!map || !it || !out)
		return false;
	while (*it < map->count) {
		struct mm_mem e = map->entries[(*it)++];

		if (memmap_inward(&e.base, &e.last)) {
			*out = e;
			return true;
		}
	}
	return false;
}

mm_paddr_t mm_memmap_bytes(const struct mm_memmap *map, enum mm_mem_type type)
{
	mm_paddr_t sum = 0;
	struct mm_mem e;

	for (uint32_t it = 0; mm_memmap_next(map, &it, &e);) {
		if (e.type != type)
			continue;
		if (e.last - e.base >= MM_PADDR_MAX - sum) /* then it is the whole address space */
			return MM_PADDR_MAX;
		sum += e.last - e.base + 1;
	}
	return sum;
}

static bool memmap_entry_sound(const struct mm_mem *e)
{
	if (e->base > e->last || !memmap_type_known(e->type)) /* M1 */
		return false;
	return e->type == MM_MEM_USABLE || /* M3 */
	       ((e->base & MEMMAP_IN_FRAME) == 0 && (~e->last & MEMMAP_IN_FRAME) == 0);
}

enum mm_status mm_memmap_verify(const struct mm_memmap *map)
{
	if (!map)
		return MM_E_INVAL;
	if (map->count > map->capacity || (!map->entries && map->capacity > 0)) /* M4 */
		return MM_E_CORRUPT;
	for (uint32_t i = 0; i < map->count; i++) {
		const struct mm_mem *e = &map->entries[i];

		if (!memmap_entry_sound(e))
			return MM_E_CORRUPT;
		if (i == 0)
			continue;
		if (e[-1].last >= e->base || /* M1, M2 */
		    (memmap_touch(e - 1, e) && e[-1].type == e->type && e[-1].owner == e->owner))
			return MM_E_CORRUPT;
	}
	return MM_OK;
}

const char *mm_mem_type_name(enum mm_mem_type type)
{
	switch (type) {
	case MM_MEM_USABLE:
		return "usable";
	case MM_MEM_BOOT_SERVICES:
		return "boot services";
	case MM_MEM_LOADER:
		return "loader";
	case MM_MEM_ACPI_RECLAIM:
		return "ACPI tables";
	case MM_MEM_INITRD:
		return "initrd";
	case MM_MEM_KERNEL:
		return "kernel";
	case MM_MEM_META:
		return "metadata";
	case MM_MEM_EARLY:
		return "early";
	case MM_MEM_SPECIFIC:
		return "specific";
	case MM_MEM_PERSISTENT:
		return "persistent";
	case MM_MEM_ACPI_NVS:
		return "ACPI NVS";
	case MM_MEM_RESERVED:
		return "reserved";
	case MM_MEM_BAD:
		return "bad";
	}
	return "?";
}
