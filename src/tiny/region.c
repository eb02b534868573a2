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
 *              And all is read before something is written: a CPU that reads ahead of a store whose place it
 *              does not know yet begins anew where the two are the same; some do so where only the last 12
 *              bits of their addresses are. So what a store would change of what was read is changed there,
 *              too: the first of a list, a word of `some`, links of a block beside one that leaves. Of what
 *              is written, blocks come last. For what is not free, links are read of the block that is given
 *              up, and are nothing. REGION_SMALL does one after the other.
 * Invariants   R1 sizes of blocks add up to `grains`; none is below LEAST.
 *              R2 a block is allocated, its bit in `out` set and FREE clear, or free, and the reverse.
 *              R3 no two neighbours are free; PREV_FREE tells of the one before, and only then its
 *                 last word is its size.
 *              R4 each free block is in the list of its class, and lists hold nothing else.
 *              R5 a bit of `some` is set if the list has a block, one of `words` if the word has a bit.
 *              R6 used and blocks of the heap count what is allocated in all regions.
 *              R7 of a block that stays allocated its head is read and written, its last word, which lies beside
 *                 the next head, is read, and no more, unless its own caller resizes it.
 *              By R3, when all is free again a region is one block, as at first.
 * Concurrency  none: the caller keeps others away. */
#include "region.h"

/* For CPUs that do one thing after the other, and who compiles for size (or tests): little text, one copy of
 * each function. */
#ifndef REGION_SMALL
#ifdef __OPTIMIZE_SIZE__
#define REGION_SMALL 1
#else
#define REGION_SMALL 0
#endif
#endif
#if REGION_SMALL
#define REGION_FAST static
#else
#define REGION_FAST static inline __attribute__((__always_inline__))
#endif

/* What of the books is read once: a store to a block might change it, for all that compilers know. */
#define REGION_BOOKS(r) { .origin = (r)->origin, .some = (r)->some, .words = (r)->words }

/* An allocated block: grains of what is free right before it, its own, of what is free right behind it. */
struct region_place {
	struct mm_region *r;
	region_word *block;
	uint32_t i, before, size, after;
};

/* A free block that leaves the list of its class: which one, and those beside it there. */
struct region_links {
	uint32_t i, size, class, prev, next;
};

/* A word of `some` as it will be. */
struct region_bits {
	uint32_t word, some;
};

/* What a branch would choose, without one: of the two, which are both there, compilers know nothing. */
static inline uint32_t region_choose(bool which, uint32_t yes, uint32_t no)
{
	__asm__("" : "+r"(yes));
	__asm__("" : "+r"(no));
	return which ? yes : no;
}

static inline region_word *region_choose_word(bool which, region_word *yes, region_word *no)
{
	__asm__("" : "+r"(yes));
	__asm__("" : "+r"(no));
	return which ? yes : no;
}

/* For several choices of one kind, which would become one branch. */
static inline uint32_t region_mask(bool which)
{
	uint32_t mask = 0 - (uint32_t)which;

	__asm__("" : "+r"(mask));
	return mask;
}

static inline uint32_t region_mix(uint32_t mask, uint32_t yes, uint32_t no)
{
	return no ^ ((yes ^ no) & mask);
}

/* Lists */

/* The word of a class. */
static inline struct region_bits region_read(const struct mm_region *books, uint32_t class)
{
	return (struct region_bits){ class / 32, books->some[class / 32] };
}

/* What was read of a word, after the other was written. */
static inline struct region_bits region_after(struct region_bits bits, struct region_bits other)
{
	bits.some = region_choose(bits.word == other.word, other.some, bits.some);
	return bits;
}

/* The word of a block's class, after the block has left the list. */
static inline struct region_bits region_without(struct region_bits bits, const struct region_links *l)
{
	bits.some &= ~((uint32_t)!(l->prev | l->next) << l->class % 32);
	return bits;
}

/* A word is what it will be: R5. Returns what `words` are then. */
static inline uint32_t region_set(const struct mm_region *books, struct region_bits bits,
				  uint32_t words)
{
	books->some[bits.word] = bits.some;
	return words & ~((uint32_t)!bits.some << bits.word);
}

/* The same when the list of this class has a block; or is as it was, if `has` is 0. */
static inline uint32_t region_set_has(const struct mm_region *books, struct region_bits bits,
				      uint32_t words, uint32_t class, uint32_t has)
{
	books->some[bits.word] = bits.some | has << class % 32;
	return words | has << bits.word;
}

/* Block i, of this size, that begins at `block`. If it has no size, what is read there is nothing, and it is
 * alone in the list of class 0, where none ever is. */
static inline struct region_links region_links(const region_word *block, uint32_t i, uint32_t size)
{
	uint32_t mask = region_choose(size, UINT32_MAX, 0);

	return (struct region_links){ .i = i,
				      .size = size,
				      .class = region_class(size),
				      .prev = block[REGION_PREV] & mask,
				      .next = block[REGION_NEXT] & mask };
}

/* A block leaves its list: R4. */
static inline void region_leave(struct mm_region *r, const struct mm_region *books,
				const struct region_links *l)
{
	*region_choose_word(l->prev, &region_block(books, l->prev)[REGION_NEXT], &r->list[l->class]) =
		l->next;
	region_block(books, l->next)[REGION_PREV] = l->prev;
}

/* The same, with all: R4, R5. */
static void region_unlink(struct mm_region *r, const struct region_links *l)
{
	r->words = region_set(r, region_without(region_read(r, l->class), l), r->words);
	region_leave(r, r, l);
}

/* Block i becomes a free one of this size, the block before it is allocated: R3, R4, R5. */
static void region_link(struct mm_region *r, uint32_t i, uint32_t size)
{
	uint32_t class = region_class(size), head = r->list[class];
	region_word *block = region_block(r, i), *after = region_block(r, i + size);

	r->words = region_set_has(r, region_read(r, class), r->words, class, 1);
	r->list[class] = i;
	block[-1] = size << 2 | REGION_FREE;
	block[REGION_PREV] = 0;
	block[REGION_NEXT] = head;
	after[-2] = size;
	after[-1] |= REGION_PREV_FREE;
	region_block(r, head)[REGION_PREV] = i;
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
	bits = region_choose(lowest == word, bits, r->some[lowest]);
	return lowest * 32 + mm_lowest_bit32(bits);
}

/* The first block of a list that has at least this size; block 0 if none is found. Of both that it may be is
 * read all at once. */
REGION_FAST struct region_links region_find(const struct mm_region *r, uint32_t size)
{
	uint32_t class, above, own, other, head, mask;
	bool enough;

	if (size > r->grains)
		return (struct region_links){ .i = 0 };
	class = region_class(size);
	above = region_above(r, class);
	own = r->list[class];
	other = r->list[above];
	head = region_block(r, own)[-1];
	enough = head >> 2 >= size || MM_PLANTED(MM_PLANT_REGION_FIT);
	enough &= own != 0;
	if (REGION_SMALL) {
		own = r->list[region_choose(enough, class, above)];
		return region_links(region_block(r, own), own, region_size(region_block(r, own)));
	}
	mask = region_mask(enough);
	return (struct region_links){
		.i = region_mix(mask, own, other),
		.size = region_mix(mask, head, region_block(r, other)[-1]) >> 2,
		.class = region_mix(mask, class, above),
		.next = region_mix(mask, region_block(r, own)[REGION_NEXT],
				   region_block(r, other)[REGION_NEXT]),
	};
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

/* Block i has `had` grains, or `have` with the free block that leaves its list for it. It keeps the first
 * `size` of those and these flags; what is left is free, if it is enough for a block: R1 to R6. Nothing is
 * written into what it keeps. */
REGION_FAST void region_cut(struct mm_region_heap *heap, struct mm_region *r, uint32_t i,
			    uint32_t had, uint32_t have, uint32_t size, uint32_t flags,
			    const struct region_links *left)
{
	const struct mm_region books = REGION_BOOKS(r);
	region_word nowhere[4], *after = region_block(&books, i + have), *block;
	uint32_t keep = region_choose(have - size < REGION_LEAST, have, size), rest = have - keep;
	uint32_t has = rest != 0, class = region_class(rest), head = r->list[class], rest_i;
	uint32_t after_head = after[-1] & ~REGION_PREV_FREE, words;
	struct region_bits gone, bits;

	region_count(heap, (size_t)keep - had);
	if (REGION_SMALL) {
		region_unlink(r, left);
		if (rest)
			region_link(r, i + keep, rest);
		else
			after[-1] = after_head;
		region_block(r, i)[-1] = keep << 2 | flags;
		return;
	}
	gone = region_without(region_read(&books, left->class), left);
	bits = region_after(region_read(&books, class), gone);
	words = region_set(&books, gone, books.words);
	r->words = region_set_has(&books, bits, words, class, has);
	head = region_choose(head == left->i, left->next, head);
	rest_i = (i + keep) & (0 - has);
	region_leave(r, &books, left);
	r->list[class] = rest_i;
	block = region_choose_word(has, region_block(&books, i + keep), nowhere + 2);
	block[-1] = rest << 2 | REGION_FREE;
	block[REGION_PREV] = 0;
	block[REGION_NEXT] = head;
	region_step(block, rest)[-2] = rest;
	after[-1] = after_head | has << 1;
	region_block(&books, head)[REGION_PREV] = rest_i;
	region_block(&books, i)[-1] = keep << 2 | flags;
}

/* The same for those who are not in such a hurry. */
static __attribute__((__noinline__)) void
region_cut_apart(struct mm_region_heap *heap, struct mm_region *r, uint32_t i, uint32_t had,
		 uint32_t have, uint32_t size, uint32_t flags, const struct region_links *left)
{
	region_cut(heap, r, i, had, have, size, flags, left);
}

/* Block i is about to be allocated. */
static inline void region_take(struct mm_region_heap *heap, struct mm_region *r, uint32_t i)
{
	region_flip(r, i);
	heap->blocks++;
}

static void *region_alloc_any(struct mm_region_heap *heap, uint32_t size)
{
	for (struct mm_region *r = heap->first; r; r = r->next) {
		struct region_links found = region_find(r, size);

		if (!found.i)
			continue;
		region_take(heap, r, found.i);
		region_cut(heap, r, found.i, 0, found.size, size, 0, &found); /* R3: no flags */
		return region_block(r, found.i);
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
		struct region_links left = region_find(r, size + worst);
		uint32_t i = left.i, have = left.size, gap, flags = 0;

		if (!i)
			continue;
		gap = region_gap(region_block(r, i), align);
		if (gap) {
			region_unlink(r, &left);
			left = (struct region_links){ .i = 0 };
			flags = REGION_PREV_FREE;
			if (!MM_PLANTED(MM_PLANT_REGION_GAP))
				region_link(r, i, gap);
		}
		region_take(heap, r, i + gap);
		region_cut_apart(heap, r, i + gap, 0, have - gap, size, flags, &left);
		return region_block(r, i + gap);
	}
	return NULL;
}

/* What is behind an allocated block. Links are read of it only if it is free: else it may be a caller's, whose memory
 * nobody else reads (a guard, a device's), or the end. R7 */
static inline struct region_links region_behind(const struct region_place *at)
{
	uint32_t mask = region_mask(at->after || MM_PLANTED(MM_PLANT_REGION_READ));

	return region_links(region_step(at->block, at->size & mask), at->i + at->size, at->after);
}

/* Free an allocated block: it joins what is free around it. First what is behind leaves its list, then what
 * is before, then all is the first of its own. */
static inline void region_give(struct mm_region_heap *heap, const struct region_place *at)
{
	struct mm_region *r = at->r;
	const struct mm_region books = REGION_BOOKS(r);
	uint32_t before = MM_PLANTED(MM_PLANT_REGION_MERGE) ? 0 : at->before;
	uint32_t size = before + at->size + at->after, class = region_class(size);
	uint32_t head = r->list[class], words;
	region_word *block = region_step(at->block, 0 - (uintptr_t)before);
	region_word *after = region_step(block, size);
	struct region_links b = region_links(block, at->i - before, before), a = region_behind(at);
	struct region_bits without_a, without_b, bits;

	region_flip(r, at->i);
	heap->used -= at->size * REGION_GRAIN;
	heap->blocks--;
	if (REGION_SMALL) {
		region_unlink(r, &a);
		b = region_links(block, b.i, before);
		region_unlink(r, &b);
		region_link(r, b.i, size);
		return;
	}
	b.prev = region_choose(b.prev == a.i, a.prev, b.prev);
	b.next = region_choose(b.next == a.i, a.next, b.next);
	head = region_choose(head == a.i, a.next, head);
	head = region_choose(head == b.i, b.next, head);
	without_a = region_without(region_read(&books, a.class), &a);
	without_b = region_without(region_after(region_read(&books, b.class), without_a), &b);
	bits = region_after(region_after(region_read(&books, class), without_a), without_b);
	words = region_set(&books, without_a, books.words);
	words = region_set(&books, without_b, words);
	r->words = region_set_has(&books, bits, words, class, 1);
	after[-2] = size;
	after[-1] |= REGION_PREV_FREE;
	region_leave(r, &books, &a);
	region_leave(r, &books, &b);
	r->list[class] = b.i;
	block[-1] = size << 2 | REGION_FREE;
	block[REGION_PREV] = 0;
	block[REGION_NEXT] = head;
	region_block(&books, head)[REGION_PREV] = b.i;
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

/* No allocated block begins where p points into grain i: is it inside of one, or in free memory? */
static bool region_inside(const struct mm_region *r, uint32_t i)
{
	uint32_t at = i / 32, bits = r->out[at] & (uint32_t)0xffffffffu >> (31 - i % 32), start;

	while (!bits && at)
		bits = r->out[--at];
	if (!bits)
		return false;
	start = at * 32 + mm_highest_bit32(bits);
	return i - start < region_size(region_block(r, start));
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
	const region_word *block = at->block;
	uint32_t next, prev_free = block[-1] >> 1 & 1;

	at->size = region_size(block);
	if (MM_CHECKS > 0 && (block[-1] & REGION_FREE ||
			      at->size - REGION_LEAST > r->grains + 1 - REGION_LEAST - at->i))
		return false;
	next = region_step(block, at->size)[-1];
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
	*out = (struct region_place){ .r = r,
				      .block = (region_word *)(uintptr_t)p,
				      .i = (uint32_t)(at / REGION_GRAIN) };
	if (MM_CHECKS > 0 && (at % REGION_GRAIN || !region_is_out(r, out->i)))
		return region_inside(r, out->i) ? MM_E_ALIGN : MM_E_DOUBLE_FREE;
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
	struct region_links after;

	if (size > have)
		return false;
	after = region_behind(at);
	region_cut_apart(heap, at->r, at->i, at->size, have, size,
			 at->block[-1] & REGION_PREV_FREE, &after);
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
	if (!(align && (uintptr_t)p & (align - 1)) && !MM_PLANTED(MM_PLANT_REGION_STAY) &&
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

/* Books of a region without blocks, and block 0, of which words are read; then one block that is all of it: R1 to R5. */
static void region_begin(struct mm_region *r, uint32_t classes, uintptr_t first, uint32_t grains)
{
	__builtin_memset(r, 0, first - (uintptr_t)r);
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
	region_begin(r, classes, base + first, (uint32_t)((bytes - first) / REGION_GRAIN));
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
