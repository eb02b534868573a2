/* SPDX-License-Identifier: MIT */
/* Theory of operation: region heap, looking at it
 * Problem      count, list and check what region.c keeps.
 * Structure    see region.c. Nothing here changes a heap. A check believes nothing that lies in or
 *              between blocks: sizes and links are compared with the region's bounds before they are
 *              followed, and lists are left after as many blocks as are free.
 * Concurrency  none: the caller keeps others away. */
#include "region.h"

static size_t region_bytes(uint32_t grains)
{
	return grains * REGION_GRAIN - REGION_HEAD;
}

/* The first block of the highest list: as large as a request may be for sure. 0: all is allocated. */
static uint32_t region_most(const struct mm_region *r)
{
	uint32_t word;

	if (!r->words)
		return 0;
	word = mm_highest_bit32(r->words);
	return region_size(region_block(r, r->list[word * 32 + mm_highest_bit32(r->some[word])]));
}

enum mm_status mm_region_stats(const struct mm_region_heap *heap, struct mm_region_stats *out)
{
	uint32_t most = 0;
	size_t bytes = 0;

	if (!heap || !out)
		return MM_E_INVAL;
	if (!heap->first)
		return MM_E_STATE;
	for (const struct mm_region *r = heap->first; r; r = r->next) {
		bytes += r->grains * REGION_GRAIN;
		if (region_most(r) > most)
			most = region_most(r);
	}
	*out = (struct mm_region_stats){ .bytes = bytes,
					 .used = heap->used,
					 .peak = heap->peak,
					 .blocks = heap->blocks,
					 .most = most ? region_bytes(most) : 0 };
	return MM_OK;
}

bool mm_region_next(const struct mm_region_heap *heap, void **it, size_t *bytes, bool *used)
{
	const struct mm_region *r;
	uint32_t i = 1, size;

	if (!heap || !it || !bytes || !used)
		return false;
	r = *it ? region_of(heap, *it) : heap->first;
	if (r && *it) {
		i = (uint32_t)(((uintptr_t)*it - r->origin) / REGION_GRAIN);
		i += region_size(region_block(r, i));
	}
	if (r && i == r->grains + 1) {
		r = r->next;
		i = 1;
	}
	if (!r || i > r->grains)
		return false;
	size = region_size(region_block(r, i));
	if (size < REGION_LEAST || size > r->grains + 1 - i)
		return false;
	*it = region_block(r, i);
	*bytes = region_bytes(size);
	*used = region_is_out(r, i);
	return true;
}

/* What verify counts in a region. */
struct region_census {
	uint32_t blocks, free; /* allocated, free blocks */
	uint32_t used;         /* grains */
};

/* A free block of whatever size. */
static bool region_any_free(const struct mm_region *r, uint32_t i)
{
	return i && i <= r->grains && region_is_free(r, i, region_size(region_block(r, i)));
}

/* R4 for a free block: who is before and after it in its list knows it. */
static bool region_linked(const struct mm_region *r, uint32_t i)
{
	const region_word *block = region_block(r, i);
	uint32_t next = block[REGION_NEXT], prev = block[REGION_PREV];

	if (next && (!region_any_free(r, next) || region_block(r, next)[REGION_PREV] != i))
		return false;
	if (prev)
		return region_any_free(r, prev) && region_block(r, prev)[REGION_NEXT] == i;
	return r->list[region_class(region_size(block))] == i;
}

/* R1 to R4, block by block. */
static bool region_walk(const struct mm_region *r, struct region_census *n)
{
	uint32_t prev_free = 0, i = 1, size;

	for (; i <= r->grains; i += size) {
		region_word head = region_block(r, i)[-1];

		size = head >> 2;
		if (size < REGION_LEAST || size > r->grains + 1 - i ||
		    (head & REGION_PREV_FREE) != prev_free)
			return false;
		prev_free = 0;
		if (head & REGION_FREE) {
			if (!region_is_free(r, i, size) || !region_linked(r, i))
				return false;
			prev_free = REGION_PREV_FREE;
			n->free++;
		} else {
			if (!region_is_out(r, i))
				return false;
			n->blocks++;
			n->used += size;
		}
	}
	return region_block(r, i)[-1] == prev_free && region_is_out(r, i);
}

/* How many blocks this list has, if all are of its class; more than `most` if something is wrong. */
static uint32_t region_count_list(const struct mm_region *r, uint32_t class, uint32_t most)
{
	uint32_t n = 0;

	for (uint32_t i = r->list[class]; i; i = region_block(r, i)[REGION_NEXT], n++) {
		if (n == most || !region_any_free(r, i) ||
		    region_class(region_size(region_block(r, i))) != class)
			return most + 1;
	}
	return n;
}

/* R4 and R5, list by list: as every free block is linked, lists hold nothing else if they hold as many. */
static bool region_lists(const struct mm_region *r, uint32_t free)
{
	uint32_t some = 0, words = 0;

	for (uint32_t class = 0; class < r->classes; class ++) {
		uint32_t n = region_count_list(r, class, free);

		if (n > free)
			return false;
		free -= n;
		if (n)
			some |= (uint32_t)1 << class % 32;
		if (class % 32 < 31 && class + 1 < r->classes)
			continue;
		if (some != r->some[class / 32])
			return false;
		words |= (uint32_t)(some != 0) << class / 32;
		some = 0;
	}
	return free == 0 && words == r->words;
}

/* R2: no bit of `out` but those of the allocated blocks and of the end. */
static bool region_bits(const struct mm_region *r, uint32_t blocks)
{
	uint32_t n = 0;

	for (uint32_t at = 0; at <= (r->grains + 1) / 32; at++)
		n += mm_count_bits32(r->out[at]);
	return n == blocks + 1;
}

enum mm_status mm_region_verify(const struct mm_region_heap *heap)
{
	size_t used = 0, blocks = 0;

	if (!heap)
		return MM_E_INVAL;
	for (const struct mm_region *r = heap->first; r; r = r->next) {
		struct region_census n = { 0, 0, 0 };

		if (!region_walk(r, &n) || !region_lists(r, n.free) || !region_bits(r, n.blocks))
			return MM_E_CORRUPT;
		used += n.used * REGION_GRAIN;
		blocks += n.blocks;
	}
	return used == heap->used && blocks == heap->blocks && heap->peak >= used ? MM_OK
										  : MM_E_CORRUPT;
}
