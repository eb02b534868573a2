/* SPDX-License-Identifier: MIT */
/* Theory of operation: region heap
 * Problem      memory of any size in bounded time, from a piece of RAM, with little beside it: two-level
 *              segregated fit.
 * Structure    A region is books, then blocks side by side, then a word that ends it:
 *
 *                | mm_region | lists | bitmaps | head block 1 | head block | ... | head |
 *
 *              Grains are MM_REGION_ALIGN bytes; a block is known by the number of the grain that it
 *              begins at, from 1. The word before that is its head: size in grains and two flags. A
 *              free block has its size in its last word too (from there its end leads to its start),
 *              and is in the list of its size class. Two levels of bitmaps tell which lists are not
 *              empty: `some`, and `words` of it.
 *              The bitmap `out` tells where blocks begin that are allocated. Nothing that a caller wrote
 *              can make a pointer look like a block that it is not.
 * Search       the first block of the request's own class, if it is enough, else any block of the
 *              lowest larger class that has one: all of those are enough. (To ask larger classes
 *              first saves a branch, and costs memory.)
 * Time         The longest call counts. Nobody can foresee whether what is before a block is free, and what is
 *              behind it, whether that is the first of its list, or the last, whether the first block of a
 *              class is enough: CPUs that guess are wrong half of the time, and the longest call is the one
 *              in which they are wrong each time. So these are not asked, all is done always, and where there is
 *              nothing to do it changes nothing: what has no next writes to block 0; who is not free has no
 *              grains, and a block of none is alone in the list of class 0, where none ever is; bits are
 *              set that are set, and cleared that are clear.
 * Invariants   R1 sizes of blocks add up to `grains`; none is below LEAST.
 *              R2 a block is allocated, its bit in `out` set and FREE clear, or free, and the reverse.
 *              R3 no two neighbours are free; PREV_FREE tells of the one before, and only then its
 *                 last word is its size.
 *              R4 each free block is in the list of its class, and lists hold nothing else.
 *              R5 a bit of `some` is set if the list has a block, one of `words` if the word has a bit.
 *              R6 used and blocks of the heap count what is allocated in all regions.
 *              By R3, when all is free again a region is one block, as at first.
 * Concurrency  none: the caller keeps others away. */
#include "region.h"

/* Frees are in a hurry: what they look at stays in registers. Who compiles for size has one copy of it. */
#ifdef __OPTIMIZE_SIZE__
#define REGION_FAST static
#else
#define REGION_FAST static inline __attribute__((__always_inline__))
#endif

/* An allocated block: grains of what is free right before it, its own, of what is free right behind it. */
struct region_place {
	struct mm_region *r;
	uint32_t i, before, size, after;
};

/* What a branch would choose, without one: compilers know of the mask only that it is a number. */
static inline uintptr_t region_choose(bool which, uintptr_t yes, uintptr_t no)
{
	uintptr_t mask = 0 - (uintptr_t)which;

	__asm__("" : "+r"(mask));
	return no ^ ((yes ^ no) & mask);
}

/* Lists */

/* Block i becomes a free one of this size, the block before it is allocated: R3, R4, R5. */
static void region_link(struct mm_region *r, uint32_t i, uint32_t size)
{
	uint32_t class = region_class(size), head = r->list[class];
	region_word *block = region_block(r, i), *after = region_block(r, i + size);

	block[-1] = size << 2 | REGION_FREE;
	block[REGION_PREV] = 0;
	block[REGION_NEXT] = head;
	after[-2] = size;
	after[-1] |= REGION_PREV_FREE;
	region_block(r, head)[REGION_PREV] = i;
	r->list[class] = i;
	r->some[class / 32] |= (uint32_t)1 << class % 32;
	r->words |= (uint32_t)1 << class / 32;
}

/* A block has left the list of this class, which is empty now, or not: R5. */
static inline void region_left(struct mm_region *r, uint32_t class, bool empty)
{
	uint32_t word = class / 32, some = r->some[word] & ~((uint32_t)empty << class % 32);

	r->some[word] = some;
	r->words &= ~((uint32_t)!some << word);
}

/* The first block of the list of this class leaves it: R4. Returns which one that was. */
static uint32_t region_pop(struct mm_region *r, uint32_t class)
{
	uint32_t i = r->list[class], next = region_block(r, i)[REGION_NEXT];

	r->list[class] = next;
	region_block(r, next)[REGION_PREV] = 0;
	region_left(r, class, !next);
	return i;
}

/* A free block of this size leaves its list: R4. One of no size is in none, and nothing changes. */
static void region_unlink(struct mm_region *r, uint32_t i, uint32_t size)
{
	static const region_word alone[2];
	const region_word *block = (const region_word *)region_choose(
		size, (uintptr_t)region_block(r, i), (uintptr_t)alone);
	uint32_t next = block[REGION_NEXT], prev = block[REGION_PREV], class = region_class(size);
	region_word *from = (region_word *)region_choose(
		prev, (uintptr_t)&region_block(r, prev)[REGION_NEXT], (uintptr_t)&r->list[class]);

	*from = next;
	region_block(r, next)[REGION_PREV] = prev;
	region_left(r, class, !(next | prev));
}

/* The lowest class above this one whose list has a block; 0 if none has. */
static inline uint32_t region_above(const struct mm_region *r, uint32_t class)
{
	uint32_t word = class / 32, bits = r->some[word] & ~(uint32_t)1 << class % 32;
	uint32_t words = (r->words & ~(uint32_t)1 << word) | (uint32_t)(bits != 0) << word;
	uint32_t lowest;

	if (!words)
		return 0;
	lowest = mm_lowest_bit32(words);
	bits = (uint32_t)region_choose(lowest == word, bits, r->some[lowest]);
	return lowest * 32 + mm_lowest_bit32(bits);
}

/* The class of a list whose first block has at least this size; 0 if none is found. */
static uint32_t region_find(const struct mm_region *r, uint32_t size)
{
	uint32_t class, first;
	bool enough;

	if (size > r->grains)
		return 0;
	class = region_class(size);
	first = r->list[class];
	enough = region_size(region_block(r, first)) >= size || MM_PLANTED(MM_PLANT_REGION_FIT);
	enough &= first != 0;
	return (uint32_t)region_choose(enough, class, region_above(r, class));
}

/* Blocks */

static void region_flip(struct mm_region *r, uint32_t i)
{
	r->out[i / 32] ^= (uint32_t)1 << i % 32;
}

static void region_count(struct mm_region_heap *heap, size_t grains)
{
	heap->used += grains * REGION_GRAIN;
	if (heap->used > heap->peak)
		heap->peak = heap->used;
}

/* Block i is in no list and has `have` grains: it keeps the first `size` of them and these flags; what
 * is left is free, if it is enough for a block. Returns what it keeps. */
static inline uint32_t region_cut(struct mm_region *r, uint32_t i, uint32_t have, uint32_t size,
				  uint32_t flags)
{
	if (have - size < REGION_LEAST) {
		size = have;
		region_block(r, i + size)[-1] &= ~REGION_PREV_FREE;
	} else {
		region_link(r, i + size, have - size);
	}
	region_block(r, i)[-1] = size << 2 | flags;
	return size;
}

/* Allocate `size` grains of block i, which is in no list and has `have`. */
static inline void *region_take(struct mm_region_heap *heap, struct mm_region *r, uint32_t i,
				uint32_t have, uint32_t size, uint32_t flags)
{
	region_flip(r, i);
	region_count(heap, region_cut(r, i, have, size, flags));
	heap->blocks++;
	return region_block(r, i);
}

static void *region_alloc_any(struct mm_region_heap *heap, uint32_t size)
{
	for (struct mm_region *r = heap->first; r; r = r->next) {
		uint32_t class = region_find(r, size), i;

		if (!class)
			continue;
		i = region_pop(r, class);
		return region_take(heap, r, i, region_size(region_block(r, i)), size,
				   0); /* what is before it is allocated: R3 */
	}
	return NULL;
}

/* Grains before this block that make it a multiple of `align` grains: none, or enough for a block. */
static uint32_t region_gap(const region_word *block, uint32_t align)
{
	uint32_t gap = (uint32_t)(0 - (uintptr_t)block / REGION_GRAIN) & (align - 1);

	return gap && gap < REGION_LEAST ? gap + align : gap;
}

static void *region_alloc_aligned(struct mm_region_heap *heap, uint32_t size, uint32_t align)
{
	uint32_t worst = REGION_LEAST == 1 ? align - 1 : align + REGION_LEAST - 1;

	for (struct mm_region *r = heap->first; r; r = r->next) {
		uint32_t class = region_find(r, size + worst), i, have, gap;

		if (!class)
			continue;
		i = region_pop(r, class);
		have = region_size(region_block(r, i));
		gap = region_gap(region_block(r, i), align);
		if (gap && !MM_PLANTED(MM_PLANT_REGION_GAP))
			region_link(r, i, gap);
		return region_take(heap, r, i + gap, have - gap, size, gap ? REGION_PREV_FREE : 0);
	}
	return NULL;
}

/* Free an allocated block: it joins what is free around it. */
static inline void region_give(struct mm_region_heap *heap, const struct region_place *at)
{
	struct mm_region *r = at->r;
	uint32_t before = MM_PLANTED(MM_PLANT_REGION_MERGE) ? 0 : at->before;

	region_flip(r, at->i);
	heap->used -= at->size * REGION_GRAIN;
	heap->blocks--;
	region_unlink(r, at->i + at->size, at->after);
	region_unlink(r, at->i - before, before);
	region_link(r, at->i - before, before + at->size + at->after);
}

/* Arguments */

/* Grains for a request; more than any region has if it is too large. */
static uint32_t region_grains(size_t size)
{
	const size_t most = REGION_MOST < SIZE_MAX / 2 / REGION_GRAIN ? REGION_MOST
								      : SIZE_MAX / 2 / REGION_GRAIN;

	if (size / REGION_GRAIN >= most)
		return REGION_MOST + 1;
	size = (size + REGION_HEAD - 1) / REGION_GRAIN + 1;
	return size < REGION_LEAST ? REGION_LEAST : (uint32_t)size;
}

/* Why no allocated block begins where p points into grain i: it is inside of one, or in free memory. */
static enum mm_status region_why(const struct mm_region *r, uint32_t i)
{
	uint32_t at = i / 32, bits = r->out[at] & (uint32_t)0xffffffffu >> (31 - i % 32), start;

	while (!bits && at)
		bits = r->out[--at];
	if (!bits)
		return MM_E_DOUBLE_FREE;
	start = at * 32 + mm_highest_bit32(bits);
	return i - start < region_size(region_block(r, start)) ? MM_E_ALIGN : MM_E_DOUBLE_FREE;
}

/* Can it be so? What is told to be free is, begins and ends with its size, and the rest is allocated. */
REGION_FAST bool region_fits(const struct region_place *at, uint32_t prev_free, uint32_t next)
{
	const struct mm_region *r = at->r;
	uint32_t start = at->i - at->before, end = at->i + at->size, next_free = next & REGION_FREE;
	uint32_t wrong;

	if (at->before >= at->i || at->after > r->grains + 1 - end ||
	    at->before < prev_free * REGION_LEAST || at->after < next_free * REGION_LEAST)
		return false;
	wrong = (region_block(r, start)[-1] ^ (at->before << 2 | REGION_FREE)) & (0 - prev_free);
	wrong |= (region_block(r, end + at->after)[-2] ^ at->after) & (0 - next_free);
	wrong |= 1 ^ prev_free ^ region_is_out(r, start);
	wrong |= 1 ^ next_free ^ region_is_out(r, end);
	return !(wrong | (next & REGION_PREV_FREE));
}

/* What is free around a block, and its own size. False if that is damaged. */
REGION_FAST bool region_around(struct region_place *at)
{
	const struct mm_region *r = at->r;
	const region_word *block = region_block(r, at->i);
	uint32_t next, prev_free = block[-1] >> 1 & 1;

	at->size = region_size(block);
	if (MM_CHECKS > 0 && (block[-1] & REGION_FREE ||
			      at->size - REGION_LEAST > r->grains + 1 - REGION_LEAST - at->i))
		return false;
	next = region_block(r, at->i + at->size)[-1];
	at->before = block[-2] & (0 - prev_free);
	at->after = next >> 2 & (0 - (next & REGION_FREE));
	return MM_CHECKS == 0 || region_fits(at, prev_free, next);
}

/* Is p an allocated block? Tells which one, and what is around it. */
REGION_FAST enum mm_status region_check(const struct mm_region_heap *heap, const void *p,
					struct region_place *out)
{
	struct mm_region *r = region_of(heap, p);
	uintptr_t at;

	if (!r)
		return heap->first ? MM_E_FOREIGN : MM_E_STATE;
	at = (uintptr_t)p - r->origin;
	*out = (struct region_place){ .r = r, .i = (uint32_t)(at / REGION_GRAIN) };
	if (MM_CHECKS > 0 && (at % REGION_GRAIN || !region_is_out(r, out->i)))
		return region_why(r, out->i);
	return region_around(out) ? MM_OK : MM_E_CORRUPT;
}

/* The same for those who are not in such a hurry. */
static __attribute__((__noinline__)) enum mm_status
region_check_apart(const struct mm_region_heap *heap, const void *p, struct region_place *out)
{
	return region_check(heap, p, out);
}

static bool region_request(size_t align, size_t size, const void *out)
{
	return out && size && !(align & (align - 1));
}

/* A request that makes sense. */
static void *region_alloc(struct mm_region_heap *heap, size_t align, size_t size)
{
	uint32_t grains = region_grains(size);

	if (mm_hook_fail())
		return NULL;
	if (align <= REGION_GRAIN)
		return region_alloc_any(heap, grains);
	align /= REGION_GRAIN;
	return align > REGION_MOST ? NULL : region_alloc_aligned(heap, grains, (uint32_t)align);
}

enum mm_status mm_region_alloc_st(struct mm_region_heap *heap, size_t align, size_t size,
				  void **out)
{
	void *p;

	if (!heap || !region_request(align, size, out))
		return MM_E_INVAL;
	if (!heap->first)
		return MM_E_STATE;
	p = region_alloc(heap, align, size);
	if (!p)
		return MM_E_NOMEM;
	*out = p;
	return MM_OK;
}

enum mm_status mm_region_free(struct mm_region_heap *heap, void *p)
{
	struct region_place at;
	enum mm_status st;

	if (!heap)
		return MM_E_INVAL;
	if (!p)
		return MM_OK;
	st = region_check(heap, p, &at);
	if (st == MM_OK)
		region_give(heap, &at);
	return st;
}

/* Make a block `size` grains long where it is, if what follows it allows. */
static bool region_resize(struct mm_region_heap *heap, const struct region_place *at, uint32_t size)
{
	uint32_t have = at->size + at->after;

	if (size > have)
		return false;
	region_unlink(at->r, at->i + at->size, at->after);
	size = region_cut(at->r, at->i, have, size,
			  region_block(at->r, at->i)[-1] & REGION_PREV_FREE);
	region_count(heap, (size_t)size - at->size);
	return true;
}

enum mm_status mm_region_realloc(struct mm_region_heap *heap, void *p, size_t align, size_t size,
				 void **out)
{
	struct region_place at;
	enum mm_status st;
	size_t keep;
	void *moved;

	if (!heap || !region_request(align, size, out))
		return MM_E_INVAL;
	if (!p)
		return mm_region_alloc_st(heap, align, size, out);
	st = region_check_apart(heap, p, &at);
	if (st != MM_OK)
		return st;
	if (!(align && (uintptr_t)p & (align - 1)) &&
	    region_resize(heap, &at, region_grains(size))) {
		*out = p;
		return MM_OK;
	}
	moved = region_alloc(heap, align, size);
	if (!moved)
		return MM_E_NOMEM;
	keep = at.size * REGION_GRAIN - REGION_HEAD;
	__builtin_memcpy(moved, p, keep < size ? keep : size);
	*out = moved;
	return mm_region_free(heap, p); /* which looks what is around it now */
}

size_t mm_region_usable(const struct mm_region_heap *heap, const void *p)
{
	struct region_place at;

	if (!heap || !p || region_check_apart(heap, p, &at) != MM_OK)
		return 0;
	return at.size * REGION_GRAIN - REGION_HEAD;
}

/* Regions */

/* The bytes of books that a region of so many grains needs. */
static size_t region_books(uint32_t grains, uint32_t *classes)
{
	*classes = region_class(grains) + 1;
	return sizeof(struct mm_region) +
	       4 * ((size_t)*classes + *classes / 32 + 1 + grains / 32 + 1);
}

/* Books of a region without blocks, then one block that is all of it: R1 to R5. */
static void region_begin(struct mm_region *r, uint32_t classes, size_t books, uintptr_t first,
			 uint32_t grains)
{
	__builtin_memset(r, 0, books);
	r->classes = classes;
	r->some = r->list + classes;
	r->out = r->some + classes / 32 + 1;
	r->origin = first - REGION_GRAIN;
	r->grains = grains;
	region_flip(r, grains + 1);
	region_block(r, grains + 1)[-1] = 0;
	region_link(r, 1, grains);
}

/* Where in the list of regions the one that overlaps [first, last] hangs, or the list's end. */
static struct mm_region **region_overlap(struct mm_region_heap *heap, uintptr_t first,
					 uintptr_t last)
{
	struct mm_region **at = &heap->first;

	while (*at && (first > (*at)->last || last < (uintptr_t)(*at)->memory))
		at = &(*at)->next;
	return at;
}

enum mm_status mm_region_add(struct mm_region_heap *heap, void *memory, size_t bytes)
{
	uintptr_t base = (uintptr_t)memory;
	size_t pad = (0 - base) & (alignof(struct mm_region) - 1), books, first;
	struct mm_region **at, *r;
	uint32_t classes;

	if (!heap || !memory || !bytes || bytes - 1 > UINTPTR_MAX - base)
		return MM_E_INVAL;
	if (bytes / REGION_GRAIN > REGION_MOST)
		return MM_E_RANGE;
	at = region_overlap(heap, base, base + (bytes - 1));
	if (*at)
		return MM_E_EXIST;
	books = region_books((uint32_t)(bytes / REGION_GRAIN), &classes);
	first = pad + books + REGION_GRAIN; /* of block 0 */
	first += (0 - (base + first)) & (REGION_GRAIN - 1);
	if (first > bytes || (bytes - first) / REGION_GRAIN < REGION_LEAST)
		return MM_E_NOSPC;
	r = (struct mm_region *)(base + pad);
	region_begin(r, classes, books, base + first, (uint32_t)((bytes - first) / REGION_GRAIN));
	r->memory = memory;
	r->last = base + (bytes - 1);
	*at = r;
	return MM_OK;
}

enum mm_status mm_region_remove(struct mm_region_heap *heap, void *memory)
{
	struct mm_region **at, *r;

	if (!heap || !memory)
		return MM_E_INVAL;
	at = region_overlap(heap, (uintptr_t)memory, (uintptr_t)memory);
	r = *at;
	if (!r || r->memory != memory)
		return MM_E_NOENT;
	if (region_size(region_block(r, 1)) != r->grains || region_is_out(r, 1))
		return MM_E_BUSY;
	*at = r->next;
	return MM_OK;
}
