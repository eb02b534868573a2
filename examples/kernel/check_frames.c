/* SPDX-License-Identifier: MIT */
/* Promises of the page-frame allocator, on real memory. */
#include "console.h"
#include "kernel.h"

/* Largest order tried, and the largest of which each frame is stamped (4 MiB): a machine with
 * little memory behind it should not have to supply all. */
enum { TRY_ORDERS = 19, STAMP_ALL_ORDER = 10, REPORT_ORDERS = 32 };

struct block {
	mm_paddr_t pa;
	bool held;
};

static struct mm_pmm_stats stats(int zone)
{
	struct mm_pmm_stats s = { 0 };

	if (mm_pmm_stats(&kernel.pmm, zone, &s) != MM_OK)
		check(false, "statistics can be read");
	return s;
}

static bool same_stats(const struct mm_pmm_stats *a, const struct mm_pmm_stats *b)
{
	return a->total == b->total && a->free == b->free && a->used == b->used &&
	       a->reserved == b->reserved;
}

void check_accounting(const char *promise)
{
	struct mm_pmm_stats all = stats(-1), sum = { 0 }, z;
	bool whole = all.total == all.free + all.used + all.reserved;

	for (int i = 0; mm_pmm_stats(&kernel.pmm, i, &z) == MM_OK; i++) {
		whole = whole && z.total == z.free + z.used + z.reserved;
		sum.total += z.total;
		sum.free += z.free;
		sum.used += z.used;
		sum.reserved += z.reserved;
	}
	check(whole && same_stats(&all, &sum), promise);
	check_status(mm_pmm_verify(&kernel.pmm), MM_OK, "bitmaps, frame bytes and counters agree");
}

/* How far apart the stamped frames of a block are. */
static mm_paddr_t stamp_step(unsigned order)
{
	return order <= STAMP_ALL_ORDER ? MM_FRAME_SIZE : MM_FRAME_SIZE << (order - 1);
}

/* Each frame gets a word that only this block at this address has. */
static void stamp(mm_paddr_t pa, unsigned order)
{
	mm_paddr_t end = pa + (MM_FRAME_SIZE << order);

	for (mm_paddr_t a = pa; a < end; a += stamp_step(order))
		*(volatile uint64_t *)direct_map(a) = a ^ order;
}

static bool stamped(mm_paddr_t pa, unsigned order)
{
	mm_paddr_t end = pa + (MM_FRAME_SIZE << order);

	for (mm_paddr_t a = pa; a < end; a += stamp_step(order))
		if (*(volatile uint64_t *)direct_map(a) != (a ^ order))
			return false;
	return true;
}

static unsigned blocks_alloc(struct block *blocks)
{
	unsigned held = 0;

	for (unsigned order = 0; order < TRY_ORDERS; order++) {
		blocks[order].held =
			mm_page_alloc(&kernel.pmm, order, 0, &blocks[order].pa) == MM_OK;
		held += blocks[order].held;
		if (blocks[order].held)
			stamp(blocks[order].pa, order);
	}
	return held;
}

static bool blocks_distinct(const struct block *blocks)
{
	bool ok = true;

	for (unsigned order = 0; order < TRY_ORDERS; order++) {
		const struct block *b = &blocks[order];
		unsigned shift = order + MM_FRAME_SHIFT;

		if (!b->held)
			continue;
		ok = ok && (b->pa & ((MM_FRAME_SIZE << order) - 1)) == 0 && stamped(b->pa, order);
		for (unsigned low = 0; low < order; low++) /* a smaller block inside this one? */
			ok = ok && !(blocks[low].held && blocks[low].pa >> shift == b->pa >> shift);
	}
	return ok;
}

static bool blocks_free(const struct block *blocks)
{
	bool ok = true;

	for (unsigned i = 0; i < TRY_ORDERS; i++) {
		unsigned order = i * 7 % TRY_ORDERS; /* not in the order taken */

		if (blocks[order].held)
			ok = ok && mm_page_free(&kernel.pmm, blocks[order].pa, order) == MM_OK;
	}
	return ok;
}

void check_blocks(void)
{
	struct block blocks[TRY_ORDERS] = { { 0 } };
	struct mm_pmm_stats before = stats(-1), after;
	unsigned held = blocks_alloc(blocks);

	kprintf("    one block of each order: %u blocks, 4 KiB to %lu MiB\n", held,
		MM_FRAME_SIZE << (held - 1) >> 20);
	check(held > STAMP_ALL_ORDER, "blocks of every order up to 4 MiB and more are allocated");
	report_picture();
	check(blocks_distinct(blocks), "blocks are aligned, and none overlaps another");
	check(blocks_free(blocks), "every block can be freed");
	after = stats(-1);
	check(same_stats(&before, &after), "statistics are as they were");
}

/* Frames taken one by one, each holding the address of the one before and its own. */
struct chain {
	mm_paddr_t head;
	mm_pfn_t length;
};

static enum mm_status chain_grow(struct chain *c, uint32_t flags)
{
	mm_paddr_t pa, *frame;
	enum mm_status st = mm_page_alloc(&kernel.pmm, 0, flags, &pa);

	if (st != MM_OK)
		return st;
	frame = direct_map(pa);
	frame[0] = c->head;
	frame[1] = pa;
	c->head = pa;
	c->length++;
	return MM_OK;
}

/* False if a frame was overwritten, or cannot be freed. */
static bool chain_free(struct chain *c)
{
	bool ok = true;

	for (; ok && c->length; c->length--) {
		const mm_paddr_t *frame = direct_map(c->head);
		mm_paddr_t next = frame[0];

		ok = frame[1] == c->head && mm_page_free(&kernel.pmm, c->head, 0) == MM_OK;
		c->head = next;
	}
	return ok;
}

static bool free_blocks_same(const mm_pfn_t *before)
{
	mm_pfn_t now[REPORT_ORDERS];

	return mm_pmm_free_blocks(&kernel.pmm, 0, now, REPORT_ORDERS) == MM_OK &&
	       __builtin_memcmp(before, now, sizeof(now)) == 0;
}

void check_exhaustion(void)
{
	mm_pfn_t blocks[REPORT_ORDERS];
	struct mm_pmm_stats before = stats(0), after;
	struct chain chain = { 0 };
	enum mm_status st = mm_pmm_free_blocks(&kernel.pmm, 0, blocks, REPORT_ORDERS);

	while (st == MM_OK)
		st = chain_grow(&chain, MM_ALLOC_ZONE(0));
	kprintf("    zone %s: %lu frames taken one by one\n", before.name, chain.length);
	check_status(st, MM_E_NOMEM, "an empty zone answers MM_E_NOMEM");
	check(chain.length == before.free && stats(0).free == 0,
	      "exactly the frames that were free could be taken");
	check(chain_free(&chain), "no frame was given out twice, and each can be freed");
	after = stats(0);
	check(same_stats(&before, &after) && free_blocks_same(blocks),
	      "freed frames have merged into the blocks they came from");
}

static enum mm_status free_answer(mm_paddr_t pa, unsigned order)
{
	return mm_page_free(&kernel.pmm, pa, order);
}

/* Some frame of a class; false if there is none. */
static bool find_frame(enum mm_frame_class state, mm_paddr_t *pa)
{
	struct mm_frame_run run;
	mm_paddr_t it = 0;

	while (mm_pmm_next_run(&kernel.pmm, &it, &run)) {
		*pa = run.base;
		if (run.state == state)
			return true;
	}
	return false;
}

void check_misuse(void)
{
	struct mm_pmm_stats before = stats(-1), after;
	mm_paddr_t pa, meta = 0;

	if (!check_status(mm_page_alloc(&kernel.pmm, 3, MM_ALLOC_ZERO, &pa), MM_OK,
			  "eight frames are allocated"))
		return;
	check_status(free_answer(pa, 2), MM_E_ORDER, "freed with another order: MM_E_ORDER");
	check_status(free_answer(pa + MM_FRAME_SIZE, 0), MM_E_ALIGN,
		     "freed from the middle: MM_E_ALIGN");
	check_status(free_answer(pa, 3), MM_OK, "freed as allocated");
	check_status(free_answer(pa, 3), MM_E_DOUBLE_FREE, "freed again: MM_E_DOUBLE_FREE");
	check_status(free_answer(image_pa(image_text), 0), MM_E_FOREIGN,
		     "the kernel's own text: MM_E_FOREIGN");
	check_status(free_answer(kernel.pt.root, 0), MM_E_OWNER,
		     "a page table that is in use: MM_E_OWNER");
	check(find_frame(MM_FRAME_META, &meta), "mmlib's metadata is in the picture of memory");
	check_status(free_answer(meta, 0), MM_E_OWNER, "mmlib's metadata: MM_E_OWNER");
	after = stats(-1);
	check(same_stats(&before, &after), "none of the mistakes changed anything");
}
