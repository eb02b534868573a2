/* SPDX-License-Identifier: MIT */
/* Every operation by Linux's own allocator and by mmlib, side by side, on one CPU.
 *
 * Theory of operation
 * Problem      time on a machine that others use says little; instructions say the same each time.
 * Structure    under QEMU's -icount the time-stamp counter counts the instructions of the guest,
 *              which is checked first. Each operation is a loop around Linux's calls and the same
 *              loop around mmlib's, with the same sizes in the same order. Results are looked at on
 *              both sides.
 * Interrupts   are off, so that no tick is counted; on for the operations on virtual memory, for
 *              which Linux wants them on.
 * The loop     itself is counted with the operation; "# empty loop" says what it costs. */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/vmalloc.h>
#include <asm/msr.h>
#include <mmlib/slab_inline.h>
#include "example.h"
#include "port.h"
#include "tap.h"
#include "vmem.h"

enum { WARM = 1000, PAIRS = 10000, BULK = 20000, CHURN = 100000, PAGES = 1024, SMALL = 64 };
/* Where our virtual memory lies: between others, as in a kernel, so that it shares its first and its
 * last page-table page with them. */
#define FIRST 0x1000040000ull
#define BELOW (FIRST - 2 * PAGE_SIZE)
#define ABOVE (FIRST + (PAGES + 1) * PAGE_SIZE)

/* clang-format off */
#define FIGURES(f)                                                                                 \
	f(page0_pair) f(page2_pair) f(page5_pair) f(page9_pair) f(page0_bulk_alloc)                \
	f(page0_bulk_free) f(kmem64_pair) f(kmem64_pair_l0) f(kmalloc64_pair) f(kmalloc64_pair_l0) \
	f(kmalloc4096_pair) f(kmem64_batch_alloc) f(kmem64_batch_free) f(kmalloc_churn)            \
	f(vmap_page) f(vmalloc64_pair)
/* clang-format on */
#define FIGURE_ENUM(name) name,
#define FIGURE_NAME(name) #name,
enum figure { FIGURES(FIGURE_ENUM) };
static const char *const figure_names[] = { FIGURES(FIGURE_NAME) };

/* What the loops work on, and how often something went wrong. */
static void *own[BULK], *objects[BULK];
static mm_paddr_t frames[BULK];
static u32 size[BULK];
static struct kmem_cache *own_cache;
static struct mm_cache *cache;
static struct page *pages[PAGES];
static mm_paddr_t given[PAGES]; /* the same pages */
static struct mm_pt pt;
static u32 failed;

#define MUST(condition) ((condition) ? (void)0 : (void)failed++)

/* Instructions of @n times @work, in which @i counts. */
#define TIMES(n, work)                                                                             \
	({                                                                                         \
		u64 start_ = rdtsc_ordered();                                                      \
		for (u32 i = 0; i < (n); i++) {                                                    \
			work;                                                                      \
			barrier();                                                                 \
		}                                                                                  \
		rdtsc_ordered() - start_;                                                          \
	})

/* Does nothing; tells a profiler that mmlib's part of a figure begins or ends: see profile.c. */
#define MARK(figure, begin)                                                                        \
	asm volatile("nopl %c0(%%rax)" : : "i"(0x6d6d0000 + (figure)*2 + (begin)))
/* The same as TIMES, around mmlib. */
#define OURS(figure, n, work)                                                                      \
	({                                                                                         \
		u64 sum_;                                                                          \
		MARK(figure, 1);                                                                   \
		sum_ = TIMES(n, work);                                                             \
		MARK(figure, 0);                                                                   \
		sum_;                                                                              \
	})

/* Print a figure: instructions of Linux's own, and of mmlib. */
static void print(enum figure figure, u64 theirs, u64 ours, u32 n)
{
	theirs = theirs * 100 / n;
	ours = ours * 100 / n;
	pr_info("figure %s %llu.%02llu %llu.%02llu\n", figure_names[figure], theirs / 100,
		theirs % 100, ours / 100, ours % 100);
}

/* Measure @n pairs of each side, everything warm. */
#define COMPARE(figure, n, their_work, our_work)                                                   \
	do {                                                                                       \
		u64 theirs_, ours_;                                                                \
		(void)TIMES(WARM, their_work);                                                     \
		theirs_ = TIMES(n, their_work);                                                    \
		(void)TIMES(WARM, our_work);                                                       \
		ours_ = OURS(figure, n, our_work);                                                 \
		print(figure, theirs_, ours_, n);                                                  \
	} while (0)

static u32 random_next(u32 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	return *state ^= *state << 5;
}

static u64 spin(u32 n)
{
	u64 start = rdtsc_ordered();

	asm volatile("1: dec %0; jnz 1b" : "+r"(n));
	return rdtsc_ordered() - start;
}

/* Two instructions a round, and nothing else: the longer loop takes several ticks of the timer, so an
 * interrupt that could fall between is seen here and not in a figure. */
static bool clock_counts(void)
{
	unsigned long flags;
	u64 difference;

	local_irq_save(flags);
	difference = spin(12000000) - spin(4000000);
	local_irq_restore(flags);
	return difference == 16000000;
}

/* ---- frames ---- */

static inline void own_pages_pair(unsigned int order)
{
	struct page *page = alloc_pages(GFP_ATOMIC, order);

	MUST(page);
	barrier();
	__free_pages(page, order);
}

static inline void frames_pair(unsigned int order)
{
	static mm_paddr_t pa; /* on the stack, this kernel's compiler clears it each time */

	MUST(mm_page_alloc(&linux_pmm, order, MM_ALLOC_ATOMIC, &pa) == MM_OK);
	barrier();
	MUST(mm_page_free(&linux_pmm, pa, order) == MM_OK);
}

static void own_page_take(u32 i)
{
	own[i] = alloc_page(GFP_ATOMIC);
	MUST(own[i]);
}

static void frame_take(u32 i)
{
	MUST(mm_page_alloc(&linux_pmm, 0, MM_ALLOC_ATOMIC, &frames[i]) == MM_OK);
}

static void frame_give(u32 i)
{
	MUST(mm_page_free(&linux_pmm, frames[i], 0) == MM_OK);
}

static void bulk_shuffle(void)
{
	u32 state = 12345;

	for (u32 i = BULK - 1; i > 0; i--) {
		u32 j = random_next(&state) % (i + 1);

		swap(own[i], own[j]);
		swap(frames[i], frames[j]);
	}
}

/* Freed in the order they came, then once more in random order. */
static void frames_bulk(void)
{
	u64 their_alloc = 0, our_alloc = 0, their_free = 0, our_free = 0;

	for (u32 round = 0; round < 2; round++) {
		their_alloc += TIMES(BULK, own_page_take(i));
		our_alloc += OURS(page0_bulk_alloc, BULK, frame_take(i));
		if (round)
			bulk_shuffle();
		their_free += TIMES(BULK, __free_page(own[i]));
		our_free += OURS(page0_bulk_free, BULK, frame_give(i));
	}
	print(page0_bulk_alloc, their_alloc, our_alloc, 2 * BULK);
	print(page0_bulk_free, their_free, our_free, 2 * BULK);
}

static void measure_frames(void)
{
	COMPARE(page0_pair, PAIRS, own_pages_pair(0), frames_pair(0));
	COMPARE(page2_pair, PAIRS, own_pages_pair(2), frames_pair(2));
	COMPARE(page5_pair, PAIRS / 5, own_pages_pair(5), frames_pair(5));
	COMPARE(page9_pair, PAIRS / 10, own_pages_pair(9), frames_pair(9));
	frames_bulk();
}

/* ---- objects ---- */

static inline void own_cache_pair(void)
{
	void *p = kmem_cache_alloc(own_cache, GFP_ATOMIC);

	MUST(p);
	barrier();
	kmem_cache_free(own_cache, p);
}

static inline void cache_pair(void)
{
	void *p = mm_cache_alloc_inline(cache, MM_ALLOC_ATOMIC);

	MUST(p);
	barrier();
	MUST(mm_cache_free_inline(cache, p) == MM_OK);
}

static __always_inline void own_kmalloc_pair(size_t bytes)
{
	void *p = kmalloc(bytes, GFP_ATOMIC);

	MUST(p);
	barrier();
	kfree(p);
}

static __always_inline void kmalloc_pair(size_t bytes)
{
	void *p = mm_kmalloc_inline(&linux_heap, bytes, MM_ALLOC_ATOMIC);

	MUST(p);
	barrier();
	MUST(mm_kfree_inline(&linux_heap, p) == MM_OK);
}

/* Of these there is a figure for each level of checks. */
static void measure_hot_objects(void)
{
	if (MM_CHECKS > 0) {
		COMPARE(kmem64_pair, PAIRS, own_cache_pair(), cache_pair());
		COMPARE(kmalloc64_pair, PAIRS, own_kmalloc_pair(64), kmalloc_pair(64));
	} else {
		COMPARE(kmem64_pair_l0, PAIRS, own_cache_pair(), cache_pair());
		COMPARE(kmalloc64_pair_l0, PAIRS, own_kmalloc_pair(64), kmalloc_pair(64));
	}
}

static void own_object_take(u32 i)
{
	own[i] = kmem_cache_alloc(own_cache, GFP_ATOMIC);
	MUST(own[i]);
}

static void object_take(u32 i)
{
	objects[i] = mm_cache_alloc_inline(cache, MM_ALLOC_ATOMIC);
	MUST(objects[i]);
}

static void objects_batch(void)
{
	u64 theirs = TIMES(BULK, own_object_take(i));
	u64 ours = OURS(kmem64_batch_alloc, BULK, object_take(i));

	print(kmem64_batch_alloc, theirs, ours, BULK);
	theirs = TIMES(BULK, kmem_cache_free(own_cache, own[i]));
	ours = OURS(kmem64_batch_free, BULK, MUST(mm_cache_free_inline(cache, objects[i]) == MM_OK));
	print(kmem64_batch_free, theirs, ours, BULK);
}

/* 16 to 4,095 bytes, each doubling as often as the others. */
static void sizes_make(void)
{
	u32 state = 12345;

	for (u32 i = 0; i < BULK; i++) {
		u32 base = 16u << (random_next(&state) & 7);

		size[i] = base + random_next(&state) % base;
	}
}

static inline void own_churn(u32 *state)
{
	void **slot = &own[random_next(state) % BULK];

	kfree(*slot);
	*slot = kmalloc(size[random_next(state) % BULK], GFP_ATOMIC);
	MUST(*slot);
}

static inline void churn(u32 *state)
{
	void **slot = &objects[random_next(state) % BULK];

	MUST(mm_kfree_inline(&linux_heap, *slot) == MM_OK);
	*slot = mm_kmalloc_inline(&linux_heap, size[random_next(state) % BULK], MM_ALLOC_ATOMIC);
	MUST(*slot);
}

static void objects_churn(void)
{
	u32 their_state = 777, our_state = 777;
	u64 theirs, ours;

	for (u32 i = 0; i < BULK; i++) {
		own[i] = kmalloc(size[i], GFP_ATOMIC);
		objects[i] = mm_kmalloc_inline(&linux_heap, size[i], MM_ALLOC_ATOMIC);
		MUST(own[i] && objects[i]);
	}
	theirs = TIMES(CHURN, own_churn(&their_state));
	ours = OURS(kmalloc_churn, CHURN, churn(&our_state));
	print(kmalloc_churn, theirs, ours, CHURN);
	for (u32 i = 0; i < BULK; i++) {
		kfree(own[i]);
		MUST(mm_kfree_inline(&linux_heap, objects[i]) == MM_OK);
	}
}

static void measure_objects(void)
{
	COMPARE(kmalloc4096_pair, PAIRS, own_kmalloc_pair(4096), kmalloc_pair(4096));
	objects_batch();
	sizes_make();
	objects_churn();
}

/* ---- virtual memory ---- */

static int page_compare(const void *a, const void *b)
{
	struct page *const *x = a, *const *y = b;

	return page_to_pfn(*x) < page_to_pfn(*y) ? -1 : 1;
}

/* Pages as they come, but no two neighbours side by side, whatever Linux's state is: by address, each
 * second one, then those left out. */
static void pages_take(void)
{
	static struct page *sorted[PAGES];

	for (u32 i = 0; i < PAGES; i++) {
		sorted[i] = alloc_page(GFP_KERNEL);
		MUST(sorted[i]);
	}
	sort(sorted, PAGES, sizeof(sorted[0]), page_compare, NULL);
	for (u32 i = 0; i < PAGES; i++) {
		pages[i] = sorted[i * 2 % PAGES + i * 2 / PAGES];
		given[i] = page_to_phys(pages[i]);
	}
}

static void own_vmap_pair(void)
{
	void *p = vmap(pages, PAGES, VM_MAP, PAGE_KERNEL);

	MUST(p);
	vunmap(p);
}

static void vmap_pair(void)
{
	MUST(vmem_map(&pt, FIRST, given, PAGES) == MM_OK);
	MUST(vmem_unmap(&pt, FIRST, PAGES) == MM_OK);
}

/* Not a figure: the same if all pages are neighbours. */
static void vmap_of_neighbours(u32 n)
{
	for (u32 i = 0; i < PAGES; i++)
		given[i] = i * PAGE_SIZE;
	pr_info("# vmap_page if all pages are neighbours: mmlib %llu\n",
		TIMES(n, vmap_pair()) / (n * PAGES));
}

static void own_vmalloc_pair(void)
{
	void *p = vmalloc(SMALL * PAGE_SIZE);

	MUST(p);
	vfree(p);
}

static void vmalloc_pair(void)
{
	struct vmem *v = vmem_alloc(&pt, FIRST, SMALL);

	MUST(v && vmem_free(&pt, v) == MM_OK);
}

/* Any page, mapped once below and once above. */
static void neighbours_map(void)
{
	MUST(vmem_map(&pt, BELOW, given, 1) == MM_OK);
	MUST(vmem_map(&pt, ABOVE, given, 1) == MM_OK);
}

static void measure_virtual(void)
{
	const u32 n = 100;
	struct mm_pt_cfg cfg;
	u64 theirs, ours;

	mm_pt_x86_64_probe(&cfg);
	MUST(mm_pt_init(&pt, mm_pt_x86_64_port(), &linux_pt_env, &cfg) == MM_OK);
	pages_take();
	neighbours_map();
	theirs = TIMES(n, own_vmap_pair());
	ours = OURS(vmap_page, n, vmap_pair());
	print(vmap_page, theirs, ours, n * PAGES);
	vmap_of_neighbours(n);
	theirs = TIMES(n, own_vmalloc_pair());
	ours = OURS(vmalloc64_pair, n, vmalloc_pair());
	print(vmalloc64_pair, theirs, ours, n);
	for (u32 i = 0; i < PAGES; i++)
		__free_page(pages[i]);
	MUST(mm_pt_destroy(&pt) == MM_OK);
}

/* ---- all ---- */

static void measure_with_interrupts_off(void)
{
	unsigned long flags;

	local_irq_save(flags);
	pr_info("# empty loop: %llu instructions in %d rounds\n", TIMES(PAIRS, (void)i), PAIRS);
	if (MM_CHECKS > 0)
		measure_frames();
	measure_hot_objects();
	if (MM_CHECKS > 0)
		measure_objects();
	local_irq_restore(flags);
}

void measure(void)
{
	const struct mm_cache_cfg cfg = { .name = "measured", .size = 64, .align = 64 };

	if (!tap_check(clock_counts(), "the clock counts instructions"))
		return;
	own_cache = kmem_cache_create("mmlib_measured", 64, 0, SLAB_HWCACHE_ALIGN, NULL);
	if (tap_check(own_cache && mm_cache_create(&linux_heap, &cfg, &cache) == MM_OK,
		      "both make a cache")) {
		measure_with_interrupts_off();
		if (MM_CHECKS > 0)
			measure_virtual();
		MUST(mm_cache_destroy(cache) == MM_OK);
	}
	kmem_cache_destroy(own_cache);
	tap_check(failed == 0, "everything that was measured succeeded");
}
