/* SPDX-License-Identifier: MIT */
/* A machine at a known state, for tools/check_gdb.sh: it prints what tools/gdb/mmlib.py must say of it, by the
 * library's own statistics, and stops in stopped(). */
#include <mmlib/guard.h>
#include <mmlib/mobility.h>
#include <mmlib/pt_formats.h>
#include <mmlib/pt_riscv64.h>
#include <mmlib/pt_x86_64.h>
#include <mmlib/reserve.h>
#include <stdio.h>
#include <stdlib.h>

#define RAM_AT    UINT64_C(0x1000000)
#define RAM_BYTES ((size_t)48 << 20)
#define ORDERS    32u
#define CHECK(x)  ((x) ? (void)0 : (fprintf(stderr, "line %d: " #x "\n", __LINE__), exit(1)))

static _Alignas(4096) unsigned char ram[RAM_BYTES];
static struct mm_pmm pmm;
static struct mm_heap heap;
static struct mm_pt tree, runs, follows, moved;
static struct mm_cache *cache;
/* What gdb is asked for. */
mm_paddr_t at_head, at_tail, at_movable, at_free, at_hand, at_objects, at_table, at_meta, at_large, at_nothing;
void *p_used, *p_freed, *p_home, *p_large, *p_guarded, *p_taken, *p_gone, *p_beside;
mm_vaddr_t at_va = UINT64_C(0xffff800000201000), at_member = 0x235678; /* in a run from 0x230000 on */
mm_vaddr_t at_followed = 0x12345678, at_empty = 0x12346000, at_emptier = 0x7f0000000000;

void stopped(void);

__attribute__((__noinline__)) void stopped(void)
{
	__asm__ volatile("");
}

static void *to_virt(void *ctx, mm_paddr_t pa)
{
	(void)ctx;
	return ram + (pa - RAM_AT);
}

static void panic(void *ctx, const char *file, int line)
{
	(void)ctx;
	fprintf(stderr, "%s:%d\n", file, line);
	abort();
}

static const struct mm_port port = {
	.version = MM_PORT_VERSION, .size = sizeof(port), .to_virt = to_virt, .panic = panic
};

static const struct mm_zone_cfg zones[] = {
	{ .name = "LOW", .last = 0x17fffff, .min = 16, .low = 32, .high = 64 },
	{ .name = "ALL", .last = MM_PADDR_MAX, .low = 8, .high = 20 },
};

static enum mm_status table_alloc(void *ctx, size_t bytes, mm_paddr_t *pa)
{
	(void)ctx;
	if (bytes <= (size_t)MM_FRAME_SIZE)
		return mm_page_alloc(&pmm, 0, MM_ALLOC_TABLE, pa);
	return mm_page_alloc(&pmm, (unsigned)__builtin_ctzl(bytes) - MM_FRAME_SHIFT, 0, pa); /* none is freed */
}

static void table_free(void *ctx, mm_paddr_t pa, size_t bytes)
{
	(void)ctx;
	(void)bytes;
	CHECK(mm_page_free_table(&pmm, pa) == MM_OK);
}

static void flush(void *ctx, const struct mm_tlb_gather *g)
{
	(void)ctx;
	(void)g;
}

static const struct mm_pt_env env = {
	.alloc_table = table_alloc, .free_table = table_free, .to_virt = to_virt, .flush = flush
};

static mm_paddr_t page(unsigned order, uint32_t flags)
{
	mm_paddr_t pa;

	CHECK(mm_page_alloc(&pmm, order, flags, &pa) == MM_OK);
	return pa;
}

static mm_paddr_t of_state(enum mm_frame_class state)
{
	struct mm_frame_run run;
	mm_pfn_t it = 0;

	while (mm_pmm_next_run(&pmm, &it, &run))
		if (run.state == state)
			return run.base;
	CHECK(false);
	return 0;
}

/* Blocks of each order in use, one in three free again, so that free ones are of many orders. */
static void make_frames(void)
{
	static struct mm_mem entries[16];
	static struct mm_memmap map;
	const struct mm_pmm_cfg cfg = { .zones = zones, .nzones = 2, .ncpus = 1, .reach = RAM_AT + RAM_BYTES - 1 };
	mm_paddr_t pa[90];

	CHECK(mm_memmap_init(&map, entries, 16) == MM_OK);
	CHECK(mm_memmap_add(&map, RAM_AT, RAM_BYTES, MM_MEM_USABLE, NULL) == MM_OK);
	CHECK(mm_pmm_init(&pmm, &port, &map, &cfg) == MM_OK);
#if MM_MOBILITY
	CHECK(mm_mobility_init(&pmm) == MM_OK);
	at_movable = page(0, MM_ALLOC_MOVABLE);
#endif
	for (unsigned i = 0; i < 90; i++)
		pa[i] = page(i % 9, 0);
	for (unsigned i = 0; i < 90; i += 3)
		CHECK(mm_page_free(&pmm, pa[i], i % 9) == MM_OK);
	(void)page(1, MM_ALLOC_ZONE(0));
	at_head = pa[5];
	at_tail = pa[5] + 3 * MM_FRAME_SIZE;
	at_hand = pa[81]; /* order 0: the last one freed */
	at_free = RAM_AT + RAM_BYTES - MM_FRAME_SIZE;
	at_nothing = RAM_AT - MM_FRAME_SIZE;
	at_meta = of_state(MM_FRAME_META);
}

static void make_objects(void)
{
	const struct mm_cache_cfg cfg = { .name = "inode", .size = 200 };
	void *p[300], *last;

	CHECK(mm_heap_init(&heap, &pmm, 1) == MM_OK);
	CHECK(mm_cache_create(&heap, &cfg, &cache) == MM_OK);
	for (unsigned i = 0; i < 300; i++)
		CHECK((p[i] = mm_cache_alloc(cache, 0)) != NULL);
	p_home = p[299];
	for (unsigned i = 150; i < 300; i++)
		CHECK(mm_cache_free(cache, p[i]) == MM_OK);
	CHECK(mm_heap_drain(&heap) == MM_OK);
	CHECK((last = mm_cache_alloc(cache, 0)) != NULL && mm_cache_free(cache, last) == MM_OK);
	p_used = p[7];
	p_freed = last;
	for (size_t n = 1; n < 20000; n += n / 2 + 1)
		CHECK((p_large = mm_kmalloc(&heap, n, 0)) != NULL);
	CHECK(mm_heap_paddr(&heap, p_used, &at_objects) == MM_OK);
	CHECK(mm_heap_paddr(&heap, p_large, &at_large) == MM_OK);
}

/* A cache all of whose objects are guarded, and one that has some of both kinds. */
static void make_guarded(void)
{
	const struct mm_cache_cfg cfg = { .name = "watched", .size = 100, .flags = MM_CACHE_GUARD };
	const struct mm_cache_cfg mixed = { .name = "mixed", .size = 64, .flags = MM_CACHE_GUARD };
	struct mm_guard_cfg guard = { .bytes = 16 * (size_t)MM_FRAME_SIZE, .hold = 7 };
	struct mm_cache *watched, *both;
	struct mm_prefill reserve = { 0 };
	void *p[12];

	guard.pa = page(4, 0);
	guard.base = to_virt(NULL, guard.pa);
	CHECK(mm_guard_init(&heap, &guard) == MM_OK);
	CHECK(mm_cache_create(&heap, &cfg, &watched) == MM_OK && mm_cache_create(&heap, &mixed, &both) == MM_OK);
	for (unsigned i = 0; i < 5; i++)
		CHECK((p[i] = mm_cache_alloc(watched, 0)) != NULL);
	CHECK(mm_cache_free(watched, p[1]) == MM_OK);
	CHECK(mm_prefill_fill(&reserve, watched, 1, 0) == MM_OK && (p_taken = mm_prefill_alloc(&reserve)) != NULL);
	mm_prefill_return(&reserve);
	for (unsigned i = 5; i < 12; i++)
		CHECK((p[i] = mm_cache_alloc(both, 0)) != NULL);
	p_guarded = p[3];
	p_gone = p[1];
	p_beside = (char *)p[2] - 1;
}

static void make_tables(void)
{
	struct mm_tlb_gather g = { 0 };

	CHECK(mm_pt_init(&tree, mm_pt_x86_64_port(), &env, NULL) == MM_OK);
	CHECK(mm_pt_x86_64_map(&tree, at_va, at_head, 0x1000, MM_PT_READ | MM_PT_WRITE, 0, &g) == MM_OK);
	mm_pt_sync(&tree, &g);
	const struct mm_pt_cfg cfg = { .features = MM_PT_RISCV64_SVNAPOT };
	CHECK(mm_pt_init(&runs, mm_pt_sv39_port(), &env, &cfg) == MM_OK);
	CHECK(mm_pt_sv39_map(&runs, 0x230000, 0x40000, 0x10000, MM_PT_READ, 0, &g) == MM_OK);
	mm_pt_sync(&runs, &g);
	/* hardware follows whatever is there, so what is empty is not zero */
	CHECK(mm_pt_init(&follows, mm_pt_format(MM_PT_LOONGARCH64), &env, NULL) == MM_OK);
	CHECK(mm_pt_map(&follows, at_followed & ~(mm_vaddr_t)0xfff, 0x9abcd000, 0x1000, MM_PT_READ, 0, &g) == MM_OK);
	mm_pt_sync(&follows, &g);
	/* a large page, which has other bits in place of the lowest of its address */
	const struct mm_pt_cfg large = { .features = MM_PT_ARMV7_LARGE };
	CHECK(mm_pt_init(&moved, mm_pt_format(MM_PT_ARMV7), &env, &large) == MM_OK);
	CHECK(mm_pt_map(&moved, 0x230000, 0x30000, 0x10000, MM_PT_READ | MM_PT_WRITE, 0, &g) == MM_OK);
	mm_pt_sync(&moved, &g);
	at_table = tree.root;
}

static mm_pfn_t frames_of(const mm_pfn_t *blocks)
{
	mm_pfn_t frames = 0;

	for (unsigned k = 0; k < ORDERS; k++)
		frames += blocks[k] << k;
	return frames;
}

static void tell_zones(void)
{
	mm_pfn_t blocks[2][ORDERS];
	unsigned top = 1;

	puts("zone node total used reserved in buddy at hand min low high");
	for (int z = 0; z < 2; z++) {
		struct mm_pmm_stats s;

		CHECK(mm_pmm_stats(&pmm, z, &s) == MM_OK && mm_pmm_free_blocks(&pmm, (unsigned)z, blocks[z], ORDERS) == MM_OK);
		printf("%s %u %ju %ju %ju %ju %ju %ju %ju %ju\n", s.name, (unsigned)s.node, (uintmax_t)s.total,
		       (uintmax_t)s.used, (uintmax_t)s.reserved, (uintmax_t)frames_of(blocks[z]),
		       (uintmax_t)(s.free - frames_of(blocks[z])), (uintmax_t)s.min, (uintmax_t)s.low, (uintmax_t)s.high);
		for (unsigned k = 0; k < ORDERS; k++)
			if (blocks[z][k] && k >= top)
				top = k + 1;
	}
	printf("\nfree blocks node");
	for (unsigned k = 0; k < top; k++)
		printf(" %u", k);
	for (int z = 0; z < 2; z++) {
		printf("\n%s 0", zones[z].name);
		for (unsigned k = 0; k < top; k++)
			printf(" %ju", (uintmax_t)blocks[z][k]);
	}
	puts("");
}

static void tell_caches(void)
{
	struct mm_cache *next;
	uint32_t it = 0;

	puts("cache size used cached objects slabs KiB");
	while ((next = mm_cache_next(&heap, &it)) != NULL) {
		struct mm_cache_stats s;

		CHECK(mm_cache_stats(next, &s) == MM_OK);
		if (s.objects)
			printf("%s %zu %zu %zu %zu %zu %zu\n", s.name, s.size, s.used, s.cached, s.objects, s.slabs,
			       s.bytes >> 10);
	}
	puts("large blocks: 2");
}

static void tell_frame(mm_paddr_t pa, const char *what)
{
	pa &= ~(MM_FRAME_SIZE - 1);
	if (pa == at_nothing)
		printf("%#jx: %s\n", (uintmax_t)pa, what);
	else
		printf("%#jx, zone %s of node 0: %s\n", (uintmax_t)pa, zones[pa > zones[0].last].name, what);
}

static void tell_frames(size_t size)
{
	char text[100];

	tell_frame(at_head, "in use, order 5");
	snprintf(text, sizeof(text), "frame 3 of the block at %#jx, in use, order 5", (uintmax_t)at_head);
	tell_frame(at_tail, text);
	if (at_movable)
		tell_frame(at_movable, "in use, movable, order 0");
	tell_frame(at_hand, "free, at hand on CPU 0, in a block of order 0");
	tell_frame(at_table, "a page table");
	tell_frame(at_meta, "metadata of mmlib");
	snprintf(text, sizeof(text), "objects of cache inode (%zu bytes each)", size);
	tell_frame(at_objects, text);
	tell_frame(at_large, "a large block of a heap, order 3");
	tell_frame(at_nothing, "in no range");
}

int main(void)
{
	struct mm_cache_stats inode;

	setvbuf(stdout, NULL, _IONBF, 0);
	make_frames();
	make_objects();
	make_guarded();
	make_tables();
	CHECK(mm_pmm_verify(&pmm) == MM_OK);
	at_hand = page(0, 0);
	CHECK(mm_page_free(&pmm, at_hand, 0) == MM_OK);
	tell_zones();
	tell_caches();
	CHECK(mm_cache_stats(cache, &inode) == MM_OK);
	tell_frames(inode.size);
	puts("object used: used");
	puts("object freed: free, in a magazine of CPU 0");
	puts("object home: free, home in its slab");
	puts("object guarded: used");
	puts("object taken: used"); /* it was idle before */
	puts("freed\nobject gone: free, its pages wait");
	puts("1 bytes before the object");
	printf("pt: here %#jx\n", (uintmax_t)at_head);
	puts("pt: here 0x45678");
	puts("pt: here 0x35678");
	puts("pt: here 0x9abcd678");
	puts("pt: nothing at level 0");
	puts("pt: nothing at level 3");
	puts("END");
	stopped();
	return 0;
}
