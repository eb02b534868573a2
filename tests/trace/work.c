/* SPDX-License-Identifier: MIT */
/* A program that is traced: frames of all orders and runs, of which parts are freed; objects of a cache and of any
 * size, resized; two wrong frees. Then it says what was live at most: a reader of the trace must find the same.
 *   work OPERATIONS */
#include <mmlib/kmalloc.h>
#include <mmlib/range.h>
#include <stdio.h>
#include <stdlib.h>

#define RAM_AT    UINT64_C(0x100000)
#define RAM_BYTES ((size_t)32 << 20)
#define N         200u
#define MUST(x)   ((x) ? (void)0 : (fprintf(stderr, "line %d: " #x "\n", __LINE__), exit(1)))

static _Alignas(4096) unsigned char ram[RAM_BYTES];
static struct mm_pmm pmm;
static struct mm_heap heap;
static struct mm_cache *cache;
static struct {
	void *p;
	mm_paddr_t pa;
	size_t size; /* bytes, or frames; 0: nothing */
	unsigned kind;
} live[N];
static size_t frames, bytes, most_frames, most_bytes;

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

static unsigned any(unsigned n)
{
	static uint32_t x = 1;

	x = x * 1664525u + 1013904223u;
	return (x >> 8) % n;
}

static void count(size_t more_frames, size_t more_bytes)
{
	frames += more_frames;
	bytes += more_bytes;
	most_frames = frames > most_frames ? frames : most_frames;
	most_bytes = bytes > most_bytes ? bytes : most_bytes;
}

static void take(unsigned i)
{
	const struct mm_page_limits anywhere = { .high = MM_PADDR_MAX, .align = 1 };

	live[i].kind = any(4);
	switch (live[i].kind) {
	case 0:
		live[i].size = (size_t)1 << any(6);
		MUST(mm_page_alloc(&pmm, (unsigned)__builtin_ctzl(live[i].size), 0, &live[i].pa) == MM_OK);
		break;
	case 1:
		live[i].size = 2 + any(9);
		MUST(mm_page_alloc_contig(&pmm, live[i].size, 0, &anywhere, &live[i].pa) == MM_OK);
		break;
	case 2:
		live[i].size = 100;
		MUST((live[i].p = mm_cache_alloc(cache, 0)) != NULL);
		break;
	default:
		live[i].size = 1 + any(any(4) ? 500 : 30000);
		MUST((live[i].p = mm_kmalloc(&heap, live[i].size, 0)) != NULL);
	}
	count(live[i].kind < 2 ? live[i].size : 0, live[i].kind < 2 ? 0 : live[i].size);
}

static void give(unsigned i)
{
	bool half = live[i].kind == 1 && any(2);

	if (half) {
		MUST(mm_page_free_range(&pmm, live[i].pa, 1) == MM_OK);
		MUST(mm_page_free_range(&pmm, live[i].pa + MM_FRAME_SIZE, live[i].size - 1) == MM_OK);
	} else if (live[i].kind == 0) {
		MUST(mm_page_free(&pmm, live[i].pa, (unsigned)__builtin_ctzl(live[i].size)) == MM_OK);
	} else if (live[i].kind == 1) {
		MUST(mm_page_free_range(&pmm, live[i].pa, live[i].size) == MM_OK);
	} else {
		MUST((live[i].kind == 2 ? mm_cache_free(cache, live[i].p) : mm_kfree(&heap, live[i].p)) == MM_OK);
	}
	count(live[i].kind < 2 ? 0 - live[i].size : 0, live[i].kind < 2 ? 0 : 0 - live[i].size);
	live[i].size = 0;
}

static void resize(unsigned i)
{
	size_t size = 1 + any(600), was = live[i].size;
	void *p = mm_krealloc(&heap, live[i].p, size, 0);

	MUST(p != NULL);
	if (p != live[i].p) { /* both were there for a moment */
		count(0, size);
		count(0, 0 - was);
	} else {
		count(0, size - was);
	}
	live[i].p = p;
	live[i].size = size;
}

int main(int argc, char **argv)
{
	static struct mm_mem entries[8];
	static struct mm_memmap map;
	static const struct mm_port port = {
		.version = MM_PORT_VERSION, .size = sizeof(port), .to_virt = to_virt, .panic = panic
	};
	const struct mm_zone_cfg all = { .name = "ALL", .last = MM_PADDR_MAX };
	const struct mm_pmm_cfg cfg = { .zones = &all, .nzones = 1, .ncpus = 1, .reach = RAM_AT + RAM_BYTES - 1 };
	const struct mm_cache_cfg thing = { .name = "thing", .size = 100 };

	MUST(mm_memmap_init(&map, entries, 8) == MM_OK);
	MUST(mm_memmap_add(&map, RAM_AT, RAM_BYTES, MM_MEM_USABLE, NULL) == MM_OK);
	MUST(mm_pmm_init(&pmm, &port, &map, &cfg) == MM_OK && mm_heap_init(&heap, &pmm, 1) == MM_OK);
	MUST(mm_cache_create(&heap, &thing, &cache) == MM_OK);
	for (unsigned long op = argc > 1 ? strtoul(argv[1], NULL, 0) : 0; op; op--) {
		unsigned i = any(N);

		if (live[i].size == 0)
			take(i);
		else if (live[i].kind == 3 && any(3) == 0)
			resize(i);
		else
			give(i);
	}
	MUST(mm_kfree(&heap, ram + 7) != MM_OK && mm_kfree(&heap, ram + 4096) != MM_OK);
	printf("at most live: %zu frames, %zu bytes in objects\n", most_frames, most_bytes);
	return 0;
}
