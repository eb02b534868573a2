/* SPDX-License-Identifier: MIT */
/* heap.h over mmlib. The machine is an array here, as in examples/hosted; a kernel has its heap already. */
#include "heap.h"
#include <mmlib/kmalloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RAM_AT UINT64_C(0x100000)
static _Alignas(65536) unsigned char ram[32 << 20];
static struct mm_heap the_heap;

void kernel_panic(const char *why)
{
	fprintf(stderr, "panic: %s\n", why);
	abort();
}

static void *to_virt(void *ctx, mm_paddr_t pa)
{
	(void)ctx;
	return ram + (pa - RAM_AT);
}

static void panic(void *ctx, const char *file, int line)
{
	(void)ctx;
	(void)line;
	kernel_panic(file);
}

static const struct mm_port port = {
	.version = MM_PORT_VERSION, .size = sizeof(port), .to_virt = to_virt, .panic = panic
};

static void boot(void)
{
	static struct mm_mem entries[16];
	static struct mm_memmap map;
	static struct mm_pmm pmm;
	static const struct mm_zone_cfg all = { .name = "ALL", .last = MM_PADDR_MAX };
	const struct mm_pmm_cfg cfg = { .zones = &all, .nzones = 1, .reach = RAM_AT + sizeof(ram) - 1 };

	if (mm_memmap_init(&map, entries, 16) || mm_memmap_add(&map, RAM_AT, sizeof(ram), MM_MEM_USABLE, NULL) ||
	    mm_pmm_init(&pmm, &port, &map, &cfg) || mm_heap_init(&the_heap, &pmm, 1))
		kernel_panic("no heap");
}

/* Programs of this machine allocate before main(). */
static struct mm_heap *heap(void)
{
	static bool booted;

	if (!booted)
		boot();
	booted = true;
	return &the_heap;
}

void *kernel_alloc(size_t size, size_t align, bool zero)
{
	void *p = NULL;

	return mm_kmalloc_aligned_st(heap(), size, align, zero ? MM_ALLOC_ZERO : 0, &p) == MM_OK ? p : NULL;
}

void *kernel_realloc(void *p, size_t old, size_t size, size_t align)
{
	void *to;

	if (align <= 16) /* all memory is aligned so */
		return mm_krealloc(heap(), p, size, 0);
	to = kernel_alloc(size, align, false);
	if (!to)
		return size <= old ? p : NULL;
	memcpy(to, p, old < size ? old : size);
	kernel_free(p, old, align);
	return to;
}

void kernel_free(void *p, size_t size, size_t align)
{
	enum mm_status st = mm_kfree_sized(heap(), p, size, align);

	/* What was to shrink while there was no memory to move to stayed, as large as it was. */
	if (st == MM_E_ORDER && size <= mm_ksize(heap(), p))
		st = mm_kfree(heap(), p);
	if (st != MM_OK)
		kernel_panic("a free was refused");
}

void kernel_free_unsized(void *p)
{
	if (mm_kfree(heap(), p) != MM_OK)
		kernel_panic("a free was refused");
}

size_t kernel_used(void)
{
	struct mm_heap_stats s;

	return mm_heap_stats(heap(), &s) == MM_OK ? s.used_bytes : 0;
}
