/* SPDX-License-Identifier: MIT */
/* Clients of the heap with a bug each, and one without: does a memory checker report them? Built by
 * tools/check_clients.sh with mmlib's hooks for AddressSanitizer, for memcheck, for KASAN (kasan.c), and without
 * any.
 *
 *	clients      prints a line for each client: its name, then "reported" or "missed" */
#include <mmlib/bulk.h>
#include <mmlib/early.h>
#include <mmlib/kmalloc.h>
#include <mmlib/reserve.h>
#include <mmlib/site.h>
#include <stdio.h>
#include <stdlib.h>
#include <valgrind/memcheck.h>

#define BYTES ((size_t)4 << 20)
#define BASE  0x100000u

static _Alignas(65536) unsigned char ram[BYTES];
static struct mm_pmm pmm;
static struct mm_heap heap;
static struct mm_cache *cache, *other;
static volatile unsigned char sink;

/* ---- reports ---- */

#if defined(CLIENTS_KASAN) /* kasan.c */
extern unsigned kasan_reports;
#define reports kasan_reports
#elif defined(__SANITIZE_ADDRESS__)
void __asan_set_error_report_callback(void (*fn)(const char *report));
static unsigned reports;

static void report(const char *text)
{
	(void)text;
	reports++;
}

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "halt_on_error=0:suppress_equal_pcs=0:detect_leaks=0";
}
#else
#define reports VALGRIND_COUNT_ERRORS
#endif

/* ---- the machine ---- */

static void *to_virt(void *ctx, mm_paddr_t pa)
{
	(void)ctx;
	return ram + (pa - BASE);
}

static void die(const char *what)
{
	printf("cannot go on: %s\n", what);
	exit(2);
}

static void panic(void *ctx, const char *file, int line)
{
	(void)ctx;
	fprintf(stderr, "%s:%d\n", file, line);
	die("panic");
}

static void start(void)
{
	static const struct mm_port port = {
		.version = MM_PORT_VERSION, .size = sizeof(port), .to_virt = to_virt, .panic = panic
	};
	static const struct mm_zone_cfg zone = { .name = "ALL", .last = MM_PADDR_MAX };
	const struct mm_pmm_cfg cfg = { .zones = &zone, .nzones = 1, .ncpus = 1, .reach = BASE + BYTES - 1 };
	const struct mm_cache_cfg objects = { .name = "objects", .size = 40 };
	struct mm_mem entries[8];
	struct mm_memmap map;

	if (mm_memmap_init(&map, entries, 8) || mm_memmap_add(&map, BASE, BYTES, MM_MEM_USABLE, NULL) ||
	    mm_pmm_init(&pmm, &port, &map, &cfg) || mm_heap_init(&heap, &pmm, 1) ||
	    mm_cache_create(&heap, &objects, &cache) || mm_cache_create(&heap, &objects, &other))
		die("no heap");
}

static unsigned char *get(size_t size)
{
	unsigned char *p = mm_kmalloc(&heap, size, MM_ALLOC_ZERO);

	if (!p)
		die("no memory");
	return p;
}

static unsigned char *object(struct mm_cache *from)
{
	unsigned char *p = mm_cache_alloc(from, MM_ALLOC_ZERO);

	if (!p)
		die("no memory");
	return p;
}

/* Free what is right to free. */
static void give(void *p)
{
	if (mm_kfree(&heap, p) != MM_OK)
		die("a free that is right was refused");
}

static void give_wrongly(enum mm_status st)
{
	if (st == MM_OK)
		die("a wrong free was believed");
}

/* ---- clients ---- */

static void reads_one_byte_too_far(void)
{
	unsigned char *p = get(50);

	sink = p[50];
	give(p);
}

static void writes_a_nul_too_far(void)
{
	unsigned char *p = get(64);

	*(volatile unsigned char *)(p + 64) = 0;
	give(p);
}

static void writes_behind_an_object(void)
{
	unsigned char *p = object(cache);

	*(volatile unsigned char *)(p + 44) = 1;
	give(p);
}

static void writes_before_an_object(void)
{
	unsigned char *p = object(cache), *q = object(cache);

	*(volatile unsigned char *)((p > q ? p : q) - 1) = 1;
	give(p);
	give(q);
}

static void writes_behind_a_large_block(void)
{
	unsigned char *p = get(20000);

	*(volatile unsigned char *)(p + 20000) = 1;
	give(p);
}

static void reads_what_it_freed(void)
{
	unsigned char *p = get(100);

	give(p);
	sink = *(volatile unsigned char *)p;
}

static void writes_to_an_object_that_it_freed(void)
{
	unsigned char *p = object(cache);

	give(p);
	*(volatile unsigned char *)(p + 8) = 1;
}

static void reads_a_large_block_that_it_freed(void)
{
	unsigned char *p = get(20000);

	give(p);
	sink = *(volatile unsigned char *)(p + 9000);
}

static void frees_twice(void)
{
	unsigned char *p = get(100);

	give(p);
	give_wrongly(mm_kfree(&heap, p));
}

static void frees_an_object_twice(void)
{
	unsigned char *p = object(cache);

	give(p);
	give_wrongly(mm_cache_free(cache, p));
}

static void frees_a_large_block_twice(void)
{
	unsigned char *p = get(20000);

	give(p);
	give_wrongly(mm_kfree(&heap, p));
}

static void frees_to_another_cache(void)
{
	unsigned char *p = object(cache);

	give_wrongly(mm_cache_free(other, p));
	give(p);
}

static void frees_the_middle(void)
{
	unsigned char *p = get(100);

	give_wrongly(mm_kfree(&heap, p + 16));
	give(p);
}

static void frees_the_middle_of_a_large_block(void)
{
	unsigned char *p = get(20000);

	give_wrongly(mm_kfree(&heap, p + MM_FRAME_SIZE));
	give(p);
}

static void frees_its_stack(void)
{
	int local;

	give_wrongly(mm_kfree(&heap, &local));
}

static void frees_a_static_variable(void)
{
	give_wrongly(mm_cache_free(cache, &heap));
}

static struct mm_cache *destroyed(unsigned char **p)
{
	const struct mm_cache_cfg cfg = { .name = "short", .size = 200 };
	struct mm_cache *shortly;

	if (mm_cache_create(&heap, &cfg, &shortly))
		die("no cache");
	*p = object(shortly);
	give(*p);
	if (mm_cache_destroy(shortly))
		die("a cache stays");
	return shortly;
}

static void writes_to_a_cache_that_it_destroyed(void)
{
	unsigned char *p;

	(void)destroyed(&p);
	*(volatile unsigned char *)p = 1;
}

static void frees_to_a_cache_that_it_destroyed(void)
{
	unsigned char *p;
	struct mm_cache *was = destroyed(&p);

	give_wrongly(mm_cache_free(was, p));
}

static void writes_to_a_frame_that_it_freed(void)
{
	mm_paddr_t pa;

	if (mm_page_alloc(&pmm, 1, 0, &pa) || mm_page_free(&pmm, pa, 1))
		die("no frame");
	*(volatile unsigned char *)to_virt(NULL, pa + 5000) = 1;
}

static void uses_what_has_moved(void)
{
	unsigned char *p = get(100), *q = mm_krealloc(&heap, p, 3000, 0);

	sink = *(volatile unsigned char *)p;
	give(q);
}

static void writes_behind_what_it_made_smaller(void)
{
	unsigned char *p = get(100), *q = mm_krealloc(&heap, p, 90, 0);

	*(volatile unsigned char *)(q + 90) = 1;
	give(q);
}

static void reads_what_it_freed_with_others(void)
{
	void *p[20];

	if (mm_cache_alloc_bulk(cache, 0, p, 20) || mm_cache_free_bulk(cache, p, 20))
		die("no objects");
	sink = *(volatile unsigned char *)p[13];
}

static void frees_one_twice_with_others(void)
{
	void *p[3];

	if (mm_cache_alloc_bulk(cache, 0, p, 2))
		die("no objects");
	p[2] = p[0];
	give_wrongly(mm_cache_free_bulk(cache, p, 3));
	if (mm_cache_free_bulk(cache, p, 2))
		die("objects stay");
}

static void frees_what_waits(void)
{
	struct mm_mempool pool;
	void *places[1], *p;

	if (mm_mempool_init(&pool, cache, places, 1, 0))
		die("no reserve");
	give_wrongly(mm_cache_free(cache, places[0]));
	p = mm_mempool_take(&pool);
	if (mm_mempool_free(&pool, p) || mm_mempool_destroy(&pool))
		die("a reserve stays");
}

static void frees_what_waits_to_its_reserve(void)
{
	struct mm_mempool pool;
	void *places[1];

	if (mm_mempool_init(&pool, cache, places, 1, 0))
		die("no reserve");
	give_wrongly(mm_mempool_free(&pool, places[0]));
	if (mm_mempool_destroy(&pool))
		die("a reserve stays");
}

static void frees_another_size(void)
{
	unsigned char *p = get(1000);

	give_wrongly(mm_kfree_sized(&heap, p, 3000, 0));
	give(p);
}

/* Only memcheck knows of this. */
static void looks_at_what_it_never_wrote(void)
{
	unsigned char *p = mm_kmalloc(&heap, 100, 0);

	if (((volatile unsigned char *)p)[70] == 3)
		sink = 1;
	give(p);
}

static void construct(void *ctx, void *p)
{
	(void)ctx;
	*(volatile unsigned char *)p = 1;
}

/* What is constructed is there when an object is allocated, and a reader without locks may look at one that is
 * free. */
static void makes_no_mistake_with_types(void)
{
	static const struct mm_cache_hooks hooks = { .ctor = construct };
	const struct mm_cache_cfg made = { .name = "made", .size = 48, .hooks = &hooks },
				  kept = { .name = "kept", .size = 48, .flags = MM_CACHE_KEEP };
	struct mm_cache *a, *b;
	unsigned char *p, *q;
	void *many[2];

	if (mm_cache_create(&heap, &made, &a) || mm_cache_create(&heap, &kept, &b))
		die("no cache");
	p = mm_cache_alloc(a, 0);
	q = object(b);
	if (!p || *(volatile unsigned char *)p != 1)
		die("not constructed");
	give(p);
	give(q);
	sink = *(volatile unsigned char *)q;
	if (mm_cache_alloc_bulk(b, MM_ALLOC_ZERO, many, 2) || mm_cache_free_bulk(b, many, 2))
		die("no objects");
	sink = *(volatile unsigned char *)many[1];
	if (mm_cache_destroy(a) || mm_cache_destroy(b))
		die("a cache stays");
}

/* What is added to zeroed memory is zero, whatever was there. */
static void makes_no_mistake_with_zeros(void)
{
	unsigned char *p = mm_kmalloc(&heap, 60, 0);

	for (unsigned i = 0; p && i < 60; i++)
		p[i] = 0x5a;
	give(p);
	p = mm_krealloc(&heap, get(50), 60, MM_ALLOC_ZERO);
	for (unsigned i = 0; i < 60; i++)
		if (!p || p[i])
			die("what was added is not zero");
	give(p);
}

/* Blocks of pages go back to the heap of the set that gave them. */
static void makes_no_mistake_with_places(void)
{
	static struct mm_heap heaps[4];
	static struct mm_heap_set set;
	void *p[16];

	if (mm_heap_set_init(&set, heaps, 4, &pmm, 1, 1))
		die("no heaps");
	for (unsigned i = 0; i < 16; i++)
		if (mm_kmalloc_site_st(&set, i & 1 ? 20000 : 100, 0, i, &p[i]) ||
		    mm_krealloc_site_st(&set, p[i], i & 2 ? 30000 : 200, 0, i + 1, &p[i]))
			die("no memory");
	for (unsigned i = 0; i < 16; i++)
		if (mm_kfree_set(&set, p[i]))
			die("memory stays");
	if (mm_heap_set_destroy(&set))
		die("heaps stay");
}

static void makes_no_mistake(void)
{
	void *list[70];
	unsigned char *p = get(100);
	mm_paddr_t pa;

	p[mm_ksize(&heap, p) - 1] = 1; /* who asks may use it */
	for (size_t s = 10; s < 60000; s = s * 2 + 7) {
		p = mm_krealloc(&heap, p, s, MM_ALLOC_ZERO);
		p[s - 1] = 1;
	}
	for (size_t s = 60000; s > 10; s = s * 2 / 3)
		p = mm_krealloc(&heap, p, s, 0);
	give(p);
	give(NULL);
	for (unsigned round = 0; round < 3; round++) {
		if (mm_cache_alloc_bulk(cache, MM_ALLOC_ZERO, list, 70))
			die("no objects");
		for (unsigned i = 0; i < 70; i++)
			*((unsigned char *)list[i] + 39) = 1;
		if (mm_cache_free_bulk(cache, list, 70))
			die("objects stay");
	}
	if (mm_page_alloc(&pmm, 1, MM_ALLOC_ZERO, &pa))
		die("no frame");
	if (*((unsigned char *)to_virt(NULL, pa) + 8191))
		die("no zero");
	if (mm_page_free(&pmm, pa, 1) || mm_heap_shrink(&heap))
		die("frames stay");
}

#define CLIENT(f) { #f, f }
static const struct {
	const char *name;
	void (*run)(void);
} clients[] = {
	CLIENT(reads_one_byte_too_far),
	CLIENT(writes_a_nul_too_far),
	CLIENT(writes_behind_an_object),
	CLIENT(writes_before_an_object),
	CLIENT(writes_behind_a_large_block),
	CLIENT(reads_what_it_freed),
	CLIENT(writes_to_an_object_that_it_freed),
	CLIENT(reads_a_large_block_that_it_freed),
	CLIENT(frees_twice),
	CLIENT(frees_an_object_twice),
	CLIENT(frees_a_large_block_twice),
	CLIENT(frees_to_another_cache),
	CLIENT(frees_the_middle),
	CLIENT(frees_the_middle_of_a_large_block),
	CLIENT(frees_its_stack),
	CLIENT(frees_a_static_variable),
	CLIENT(writes_to_a_cache_that_it_destroyed),
	CLIENT(frees_to_a_cache_that_it_destroyed),
	CLIENT(writes_to_a_frame_that_it_freed),
	CLIENT(uses_what_has_moved),
	CLIENT(writes_behind_what_it_made_smaller),
	CLIENT(reads_what_it_freed_with_others),
	CLIENT(frees_one_twice_with_others),
	CLIENT(frees_what_waits),
	CLIENT(frees_what_waits_to_its_reserve),
	CLIENT(frees_another_size),
	CLIENT(looks_at_what_it_never_wrote),
	CLIENT(makes_no_mistake),
	CLIENT(makes_no_mistake_with_types),
	CLIENT(makes_no_mistake_with_zeros),
	CLIENT(makes_no_mistake_with_places),
};

int main(void)
{
#if defined(__SANITIZE_ADDRESS__) && !defined(CLIENTS_KASAN)
	__asan_set_error_report_callback(report);
#endif
	start();
	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
		unsigned before = (unsigned)reports;

		clients[i].run();
		printf("%s %s\n", (unsigned)reports != before ? "reported" : "missed", clients[i].name);
	}
	return 0;
}
