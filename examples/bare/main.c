/* SPDX-License-Identifier: MIT */
/* A kernel that does no more than take its memory over: the steps of docs/embedding.md, for one CPU. */
#include "mmlib.h"

#define REACH 0x40000000u /* what boot.S maps */

extern char image_begin[], image_data[], image_end[];
static struct mm_mem entries[128];
static struct mm_memmap map;
static struct mm_pmm pmm;
static struct mm_heap heap;
static struct mm_pt pt;

static void out(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static void print(const char *text)
{
	while (*text)
		out(0x3f8, (uint8_t)*text++);
}

static void leave(uint8_t code) /* QEMU's isa-debug-exit: its exit status is 2 * code + 1 */
{
	out(0xf4, code);
	for (;;)
		__asm__ volatile("cli; hlt");
}

static void must(enum mm_status status, const char *what)
{
	print(what);
	print(": ");
	print(mm_status_name(status));
	print("\n");
	if (status != MM_OK)
		leave(0);
}

static void *to_virt(void *ctx, mm_paddr_t pa)
{
	(void)ctx;
	return (void *)pa;
}

static void panic(void *ctx, const char *file, int line)
{
	(void)ctx;
	(void)line;
	print(file);
	leave(0);
}

static const struct mm_port port = {
	.version = MM_PORT_VERSION, .size = sizeof(port), .to_virt = to_virt, .panic = panic,
};

static const void *read_physical(void *ctx, mm_paddr_t pa, size_t bytes)
{
	(void)ctx;
	return pa < REACH && bytes <= REACH - pa ? (const void *)pa : NULL;
}

static enum mm_status table_alloc(void *ctx, size_t bytes, mm_paddr_t *pa)
{
	(void)ctx;
	(void)bytes;
	return mm_page_alloc(&pmm, 0, MM_ALLOC_TABLE, pa);
}

static void table_free(void *ctx, mm_paddr_t pa, size_t bytes)
{
	(void)ctx;
	(void)bytes;
	must(mm_page_free_table(&pmm, pa), "table");
}

static void flush(void *ctx, const struct mm_tlb_gather *g)
{
	(void)ctx;
	mm_pt_x86_64_flush_local(g);
}

static const struct mm_pt_env env = {
	.alloc_table = table_alloc, .free_table = table_free, .to_virt = to_virt, .flush = flush,
};

static void take_frames(mm_paddr_t start_info)
{
	static const struct mm_zone_cfg zones[] = { { .name = "ALL", .last = MM_PADDR_MAX } };
	const struct mm_pmm_cfg cfg = {
		.zones = zones, .nzones = 1, .ncpus = 1, .low = 0x100000, .reach = REACH - 1,
	};

	must(mm_memmap_init(&map, entries, 128), "empty map");
	must(mm_memmap_add_pvh(&map, read_physical, NULL, start_info, NULL), "map of the loader");
	must(mm_memmap_add(&map, (uintptr_t)image_begin, (uintptr_t)(image_end - image_begin), MM_MEM_KERNEL,
			   "kernel"), "the kernel is not free");
	must(mm_pmm_init(&pmm, &port, &map, &cfg), "page frames");
	must(mm_heap_init(&heap, &pmm, 1), "heap");
}

/* All of usable memory where it is, the image with the rights that its parts need. */
static void take_tables(void)
{
	struct mm_tlb_gather g = { 0 };
	struct mm_pt_cfg cfg;
	struct mm_mem m;

	mm_pt_x86_64_probe(&cfg);
	must(mm_pt_init(&pt, mm_pt_x86_64_port(), &env, &cfg), "tables");
	for (uint32_t it = 0; mm_memmap_next(&map, &it, &m);) {
		uint32_t attr = MM_PT_READ | MM_PT_WRITE;
		mm_paddr_t base = m.base & ~(MM_FRAME_SIZE - 1);

		if (m.type == MM_MEM_RESERVED || m.base >= REACH)
			continue;
		if (m.type == MM_MEM_KERNEL) {
			must(mm_pt_x86_64_map(&pt, base, base, (uint64_t)(image_data - image_begin),
					      MM_PT_READ | MM_PT_EXEC, 0, &g), "code");
			base = (uintptr_t)image_data;
		}
		must(mm_pt_x86_64_map(&pt, base, base, (m.last - base + MM_FRAME_SIZE) & ~(MM_FRAME_SIZE - 1),
				      attr, 0, &g), "memory");
	}
	mm_pt_sync(&pt, &g);
	__asm__ volatile("mov %0, %%cr3" : : "r"(pt.root) : "memory");
	print("own page tables\n");
}

void kernel_main(uint32_t start_info);
void kernel_main(uint32_t start_info)
{
	mm_pfn_t frames = 0;
	char *text;

	take_frames(start_info);
	take_tables();
	must(mm_pmm_release(&pmm, &map, MM_MEM_LOADER, 0, MM_PADDR_MAX, &frames), "what the loader left");
	text = mm_kmalloc(&heap, 100, 0);
	if (!text)
		leave(0);
	text[0] = 'x';
	must(mm_kfree(&heap, text), "free");
	print(mm_status_name(mm_kfree(&heap, text)));
	print(" is the answer to a second free\n");
	leave(0x10);
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	void *start = to;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	return start;
}

void *memset(void *to, int c, size_t n)
{
	void *start = to;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(c) : "memory");
	return start;
}

void *memmove(void *to, const void *from, size_t n)
{
	char *t = to;
	const char *f = from;

	if (t <= f)
		return memcpy(to, from, n);
	while (n--)
		t[n] = f[n];
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (; n; n--, x++, y++) {
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}
