/* SPDX-License-Identifier: MIT */
/* The demo kernel: takes mmlib into use on bare hardware, step by step, shows what it sees and puts
 * mmlib's promises to the test. How to use mmlib is in memory.c; this file only tells the story.
 *
 * Command line: "fail" leaks a frame, so that the last check must fail. A report that cannot fail
 * proves nothing. */
#include "console.h"
#include "kernel.h"

/* Go on only if this step succeeded: later ones stand on it. */
static void must(enum mm_status st, const char *promise)
{
	if (check_status(st, MM_OK, promise))
		return;
	kprintf("Bail out! %s\n", mm_status_name(st));
	machine_exit(false);
}

static void step_map(uintptr_t boot_info)
{
	enum mm_status st = memory_map_init(boot_info);

	kprintf("    command line \"%s\"\n", kernel.cmdline);
	report_map();
	must(st, "the loader's memory map is read");
	must(mm_memmap_verify(&kernel.map), "the map is sorted and disjoint");
}

static void step_frames(void)
{
	must(memory_frames_init(), "the page-frame allocator takes over");
	report_metadata();
	report_zones();
	check_accounting("total = free + used + reserved, in each zone and in all");
	check(frames_used() == 0, "no frame is in use");
}

static void step_tables(void)
{
	must(memory_tables_init(), "page tables are built, and the CPU runs on them");
	report_address_space();
	check_tables();
	must(memory_add_high(), "RAM that the boot tables did not reach is added");
	report_zones();
	check_accounting("total = free + used + reserved with all RAM");
}

noreturn void kernel_main(uintptr_t boot_info)
{
	mm_pfn_t used;
	mm_paddr_t leak;
	bool ok;

	machine_init();
	kprintf("mmlib demo kernel, %s\n", MACHINE_NAME);
	kprintf("\n1. The boot memory map: what firmware says, without the kernel's own image\n");
	step_map(boot_info);
	kprintf("\n2. Page frames: a byte and a bit of metadata for each, in zones\n");
	step_frames();
	kprintf("\n3. Page tables: RAM in large pages, the image with no more rights than it "
		"needs\n");
	step_tables();
	used = frames_used();
	kprintf("\n4. Allocation: all sizes, until nothing is left, and mistakes\n");
	check_blocks();
	check_exhaustion();
	check_misuse();
	kprintf("\n5. Protection: what must fault does fault, at the right address\n");
	check_faults();
	if (__builtin_memcmp(kernel.cmdline, "fail", 4) == 0)
		must(mm_page_alloc(&kernel.pmm, 0, 0, &leak), "a frame is leaked, as asked for");
	kprintf("\n6. Memory now: . free  U used  T page table  M metadata  R reserved or hole\n");
	report_picture();
	report_zones();
	check_accounting("total = free + used + reserved at the end");
	check(frames_used() == used, "everything that was taken is given back");
	ok = check_end();
	machine_exit(ok);
}
