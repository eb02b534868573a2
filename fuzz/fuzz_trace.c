/* SPDX-License-Identifier: MIT */
/* A trace (mmlib/trace.h) is done again, whatever it says, against a shadow of memory: no two blocks overlap,
 * contents stay, alignment, memory is refused only if there is none, a wrong free is refused, pages and heap are
 * whole, and all is as at first when all is freed.
 *
 * Input: a trace as it is; seeds are real ones. Its head is passed over, and nothing else is
 * believed or refused, so that mutations go on to mean something: kinds are counted round, addresses only tell
 * places apart, and sizes are cut to what fits. */
#include "sim.h"
#include "operations.h"
#include "../tools/replay/trace_file.h"
#include <mmlib/kmalloc.h>
#include <mmlib/range.h>

#define RAM_AT    UINT64_C(0x400000)
#define RAM_BYTES ((size_t)4 << 20)
#define GRAIN     16u
#define PLACES    512u /* of objects; as many of frames */
#define EDGE      32u  /* bytes at both ends of a block that are filled */
#define ORDERS    32u

/* What is live at a place. */
struct live {
	unsigned char *p; /* NULL: nothing */
	mm_paddr_t pa;
	size_t size; /* bytes; of frames a multiple of theirs */
	bool parts;  /* some frames of it were freed */
};

static struct sim sim;
static struct mm_pmm pmm;
static struct mm_heap heap;
static struct live live[2 * PLACES];
static uint16_t owner[RAM_BYTES / GRAIN]; /* place and 1 */

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

static void must(bool ok, const char *promise)
{
	if (!ok) {
		fprintf(stderr, "trace: broken: %s\n", promise);
		abort();
	}
}

/* What fits is as it is; of what does not, all magnitudes, by its upper bits. */
static size_t cut(uint64_t size, uint64_t most)
{
	return (size_t)(size <= most ? size : (size & most) >> (size >> 60));
}

static unsigned char pattern(unsigned place)
{
	return (unsigned char)(place * 7 + 1);
}

/* Memory is a place's, or nobody's again. */
static void own(unsigned place, const unsigned char *p, size_t size, bool taken)
{
	size_t first = (size_t)(p - sim.host) / GRAIN, last = ((size_t)(p - sim.host) + size - 1) / GRAIN;

	must(p >= sim.host && size <= RAM_BYTES && last < RAM_BYTES / GRAIN, "a block is inside of memory");
	for (size_t i = first; i <= last; i++) {
		must(owner[i] == (taken ? 0 : place + 1), "no two blocks overlap");
		owner[i] = (uint16_t)(taken ? place + 1 : 0);
	}
}

static size_t edge(size_t size)
{
	return size < EDGE ? size : EDGE;
}

static void fill(unsigned place)
{
	struct live *l = &live[place];

	memset(l->p, pattern(place), edge(l->size));
	memset(l->p + l->size - edge(l->size), pattern(place), edge(l->size));
}

static void look(unsigned place, const unsigned char *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		must(p[i] == pattern(place), "contents stay");
}

static void look_both(unsigned place)
{
	const struct live *l = &live[place];

	look(place, l->p, edge(l->size));
	look(place, l->p + l->size - edge(l->size), edge(l->size));
}

static void appear(unsigned place, void *p, size_t size)
{
	live[place].p = p;
	live[place].size = size;
	must((uintptr_t)p % GRAIN == 0, "a block is aligned");
	own(place, p, size, true);
	fill(place);
}

/* Is there a free block of this order in the buddy? */
static bool any_block(unsigned order)
{
	mm_pfn_t blocks[ORDERS];

	must(mm_pmm_free_blocks(&pmm, 0, blocks, ORDERS) == MM_OK, "free blocks are told");
	for (unsigned k = order; k < ORDERS; k++)
		if (blocks[k])
			return true;
	return false;
}

static void give_object(unsigned place)
{
	struct live *l = &live[place];

	look_both(place);
	own(place, l->p, l->size, false);
	must(mm_kfree(&heap, l->p) == MM_OK, "an object can be freed");
	must(mm_kfree(&heap, l->p) != MM_OK, "an object is freed once");
	l->p = NULL;
}

static void take_object(unsigned place, uint64_t size)
{
	void *p = NULL;
	enum mm_status st;

	if (live[place].p)
		give_object(place);
	size = cut(size, 0x3ffff);
	st = mm_kmalloc_st(&heap, (size_t)size, 0, &p);
	if (size == 0)
		must(st == MM_E_INVAL, "no bytes are refused");
	else if (st == MM_OK)
		appear(place, p, (size_t)size);
	else /* a slab of up to 16 frames, and what describes it */
		must(st == MM_E_NOMEM && (!any_block(5) || size > 1024), "memory is refused only if there is none");
}

static void resize_object(unsigned place, uint64_t size)
{
	struct live *l = &live[place];
	void *p = NULL;
	enum mm_status st;

	if (!l->p)
		return;
	size = cut(size, 0x3ffff);
	look_both(place);
	st = mm_krealloc_st(&heap, l->p, (size_t)size, 0, &p);
	if (st != MM_OK) {
		must(st == (size ? MM_E_NOMEM : MM_E_INVAL), "a size is refused with its status");
		look_both(place);
		return;
	}
	own(place, l->p, l->size, false);
	look(place, p, edge(size < l->size ? (size_t)size : l->size));
	appear(place, p, (size_t)size);
}

static unsigned order_of(size_t frames)
{
	return (unsigned)__builtin_ctzl(frames);
}

static void give_frames(unsigned place, size_t frames)
{
	struct live *l = &live[place];
	size_t all = l->size >> MM_FRAME_SHIFT, part = frames && frames < all ? frames : all;
	bool block = !l->parts && part == all && (all & (all - 1)) == 0;

	look_both(place);
	own(place, l->p, l->size, false);
	must((block ? mm_page_free(&pmm, l->pa, order_of(all)) :
		      mm_page_free_range(&pmm, l->pa, (mm_pfn_t)part)) == MM_OK, "frames can be freed");
	must(mm_page_free_range(&pmm, l->pa, (mm_pfn_t)part) != MM_OK, "frames are freed once");
	l->pa += mm_pfn_to_pa((mm_pfn_t)part);
	l->size -= part << MM_FRAME_SHIFT;
	l->parts = true;
	l->p = NULL;
	if (l->size)
		appear(place, sim_to_virt(&sim, l->pa), l->size);
}

static void take_frames(unsigned place, uint64_t frames)
{
	static const struct mm_page_limits any = { .high = MM_PADDR_MAX, .align = 1 };
	size_t n = cut(frames, 0xff);
	bool block = n && (n & (n - 1)) == 0;
	mm_paddr_t pa;
	enum mm_status st;

	if (live[place].p)
		give_frames(place, 0);
	st = block ? mm_page_alloc(&pmm, order_of(n), 0, &pa) : mm_page_alloc_contig(&pmm, (mm_pfn_t)n, 0, &any, &pa);
	if (st == MM_OK) {
		must(!block || pa % ((size_t)MM_FRAME_SIZE * n) == 0, "a block is aligned to its size");
		live[place].pa = pa;
		live[place].parts = false;
		appear(place, sim_to_virt(&sim, pa), n << MM_FRAME_SHIFT);
	} else if (n == 0) {
		must(st == MM_E_INVAL, "no frames are refused");
	} else {
		must(st == MM_E_NOMEM && !any_block(block ? order_of(n) : 8), "frames are refused only if there are none");
	}
}

/* A free of any address, which is wrong unless an object begins there. */
static void misuse(uint64_t address)
{
	unsigned char *p = sim.host + address % RAM_BYTES;
	unsigned place = owner[(size_t)(p - sim.host) / GRAIN];

	if (place == 0 || place > PLACES || live[place - 1].p != p)
		must(mm_kfree(&heap, p) != MM_OK, "a wrong free is refused");
}

static void run(const struct trace_event *e)
{
	unsigned place = (unsigned)((e->address >> 4 ^ e->address >> 13) * 0x9e3779b1u >> 8) % PLACES;

	switch (e->kind % MM_TRACE_KINDS) {
	case MM_TRACE_FRAMES:
		take_frames(place + PLACES, e->size);
		break;
	case MM_TRACE_UNFRAMES:
		if (live[place + PLACES].p)
			give_frames(place + PLACES, cut(e->size, 0xff));
		break;
	case MM_TRACE_ALLOC:
		take_object(place, e->size);
		break;
	case MM_TRACE_RESIZE:
		resize_object(place, e->size);
		break;
	case MM_TRACE_FREE:
		if (live[place].p)
			give_object(place);
		break;
	case MM_TRACE_MISUSE:
		misuse(e->address);
		break;
	default: /* a heap's own, or nothing */
		return;
	}
	operations_count();
}

static void begin(void)
{
	static struct mm_mem entries[8];
	static const struct mm_zone_cfg all = { .name = "ALL", .last = MM_PADDR_MAX };
	const struct mm_pmm_cfg cfg = { .zones = &all, .nzones = 1, .ncpus = 1, .reach = RAM_AT + RAM_BYTES - 1 };
	struct mm_memmap map;

	if (!sim.host)
		sim_init(&sim, RAM_AT, RAM_BYTES);
	must(mm_memmap_init(&map, entries, 8) == MM_OK &&
		     mm_memmap_add(&map, RAM_AT, RAM_BYTES, MM_MEM_USABLE, NULL) == MM_OK &&
		     mm_pmm_init(&pmm, &sim.port, &map, &cfg) == MM_OK,
	     "memory is taken over");
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	struct trace_file t = { in + sizeof(struct mm_trace_head), 0, MM_FRAME_SHIFT, 0 };
	struct mm_pmm_stats first, last;

	if (n < sizeof(struct mm_trace_head))
		return 0;
	t.n = (uint32_t)((n - sizeof(struct mm_trace_head)) / sizeof(struct mm_trace_record));
	begin();
	must(mm_pmm_stats(&pmm, 0, &first) == MM_OK, "frames are counted");
	must(mm_heap_init(&heap, &pmm, 1) == MM_OK, "a heap is made");
	for (uint32_t i = 0; i < t.n; i++) {
		struct trace_event e = trace_event(&t, i);

		run(&e);
		if (i % 64 == 63)
			must(mm_pmm_verify(&pmm) == MM_OK, "page frames are whole");
	}
	must(mm_pmm_verify(&pmm) == MM_OK, "page frames are whole");
	for (unsigned place = 0; place < 2 * PLACES; place++)
		if (live[place].p)
			place < PLACES ? give_object(place) : give_frames(place, 0);
	must(mm_heap_destroy(&heap) == MM_OK, "a heap is given back");
	must(mm_pmm_stats(&pmm, 0, &last) == MM_OK && last.free == first.free, "all is free as at first");
	must(sim.panics == 0, "no panic");
	return 0;
}
