/* SPDX-License-Identifier: MIT */
/* mmlib on the machine you sit at: an array plays the RAM of a machine whose memory begins at 1 MiB. */
#include <mmlib/kmalloc.h>
#include <stdio.h>
#include <stdlib.h>

#define RAM_AT UINT64_C(0x100000)
static _Alignas(4096) unsigned char ram[16 << 20];

static void *to_virt(void *ctx, mm_paddr_t pa)
{
	(void)ctx;
	return ram + (pa - RAM_AT);
}

static void panic(void *ctx, const char *file, int line)
{
	(void)ctx;
	fprintf(stderr, "%s:%d: an invariant is broken\n", file, line);
	abort();
}

static const struct mm_port port = {
	.version = MM_PORT_VERSION, .size = sizeof(port), .to_virt = to_virt, .panic = panic
};

/* What a status is called, and stop if it is not the one that is expected. */
static void expect(const char *what, enum mm_status is, enum mm_status want)
{
	printf("%-34s %s\n", what, mm_status_name(is));
	if (is != want)
		exit(1);
}

int main(void)
{
	static struct mm_mem entries[16];
	static struct mm_memmap map;
	static struct mm_pmm pmm;
	static struct mm_heap heap;
	const struct mm_zone_cfg all = { .name = "ALL", .last = MM_PADDR_MAX };
	const struct mm_pmm_cfg cfg = { .zones = &all, .nzones = 1, .reach = RAM_AT + sizeof(ram) - 1 };
	struct mm_frame_run run;
	mm_pfn_t it = 0;
	mm_paddr_t page;
	void *p;

	expect("an empty memory map", mm_memmap_init(&map, entries, 16), MM_OK);
	expect("16 MiB of RAM", mm_memmap_add(&map, RAM_AT, sizeof(ram), MM_MEM_USABLE, NULL), MM_OK);
	expect("page frames", mm_pmm_init(&pmm, &port, &map, &cfg), MM_OK);
	expect("a heap", mm_heap_init(&heap, &pmm, 1), MM_OK);
	expect("two megabytes, aligned", mm_page_alloc(&pmm, 9, 0, &page), MM_OK);
	p = mm_kmalloc(&heap, 100, MM_ALLOC_ZERO);
	expect("100 bytes, given back", mm_kfree(&heap, p), MM_OK);
	expect("given back a second time", mm_kfree(&heap, p), MM_E_DOUBLE_FREE);
	expect("two megabytes freed as one page", mm_page_free(&pmm, page, 0), MM_E_ORDER);
	while (mm_pmm_next_run(&pmm, &it, &run))
		printf("%c %#9jx %6ju frames\n", mm_frame_letter(run.state), (uintmax_t)run.base, (uintmax_t)run.frames);
}
