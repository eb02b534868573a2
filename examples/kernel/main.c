/* SPDX-License-Identifier: MIT */
/* The demo kernel: takes mmlib into use on bare hardware, step by step, shows what it sees and puts
 * mmlib's promises to the test. How to use mmlib is in memory.c; this file only tells the story.
 *
 * Command line: words that make a check fail, since a report that cannot fail proves nothing.
 *   fail     leaks a frame
 *   damage   each CPU changes a byte of something that was allocated
 *   noflush  does not tell other CPUs of pages that change while they use them
 * One for another story, that of conform.h:
 *   conform  tries nothing but the page-table format, all of it; further words choose the format
 * And one that scripts/demo.sh adds:
 *   two-nodes  the machine was made with two NUMA nodes, at distance 21 */
#include "console.h"
#include "kernel.h"
#include "smp.h"

static bool nobody_pinned(void)
{
	bool ok = true;

	for (uint32_t i = 0; i < kernel.ncpus; i++)
		ok = ok && cpus[i].pins == 0;
	return ok;
}

static void step_map(uintptr_t boot_info)
{
	enum mm_status st = memory_map_init(boot_info);

	kernel.ncpus = smp_find();
	kprintf("    command line \"%s\", CPUs: %u\n", kernel.cmdline, kernel.ncpus);
	report_map();
	kernel_must(st, "the loader's memory map is read");
	kernel_must(mm_memmap_verify(&kernel.map), "the map is sorted and disjoint");
	report_numa();
	if (kernel_has_word("two-nodes"))
		check(mm_numa_nodes(&kernel.numa) == 2 &&
			      mm_numa_distance(&kernel.numa, 0, 1) == 21,
		      "firmware tells of two NUMA nodes, 21 apart");
	check_numa();
}

static void step_frames(void)
{
	kernel_must(memory_frames_init(), "the page-frame allocator takes over");
	report_metadata();
	report_zones();
	check_accounting("total = free + used + reserved, in each zone and in all");
	check(frames_used() == 0, "no frame is in use");
}

static void step_tables(void)
{
	MACHINE_MOVED();
	kernel_must(memory_tables_init(), "page tables are built, and the CPU runs on them");
	report_address_space();
	check_tables();
	kernel_must(memory_add_high(), "RAM that the boot tables did not reach is added");
	report_zones();
	check_accounting("total = free + used + reserved with all RAM");
}

static void step_allocate(void)
{
	check_blocks();
	check_exhaustion();
	check_misuse();
}

static void step_cpus(void)
{
	kernel_must(smp_start(), "the other CPUs are started");
	check_cpus();
	check_port();
}

static void step_heap(void)
{
	kernel_must(memory_heap_init(), "the kernel heap is set up");
	kernel.damage = kernel_has_word("damage");
	check_heap();
}

static void step_shootdown(void)
{
	kernel.flush_here_only = kernel_has_word("noflush");
	check_shootdown();
	kernel.flush_here_only = false;
}

/* Everything back to where step 6 left it. */
static void step_end(mm_pfn_t used)
{
	mm_paddr_t leak;

	check_status(mm_heap_shrink(&kernel.heap), MM_OK,
		     "objects at hand are called home from all CPUs, empty slabs are given back");
	check_status(mm_heap_destroy(&kernel.heap), MM_OK, "and the heap itself");
	check_status(mm_pmm_drain(&kernel.pmm), MM_OK, "so are the frames at hand on all CPUs");
	if (kernel_has_word("fail"))
		kernel_must(mm_page_alloc(&kernel.pmm, 0, 0, &leak), "a frame is leaked, as asked for");
	report_picture();
	report_zones();
	check_accounting("total = free + used + reserved at the end");
	check(frames_used() == used, "everything that was taken is given back");
	check(nobody_pinned(), "every pin has met its unpin");
}

noreturn void kernel_main(uintptr_t boot_info)
{
	mm_pfn_t used;
	bool ok;

	machine_init();
	machine_cpu_init(&cpus[0]);
	kprintf("mmlib demo kernel, %s\n", MACHINE_NAME);
	kprintf("\n1. The boot memory map: what firmware says, without the kernel's own image\n");
	step_map(boot_info);
	if (kernel_has_word("conform"))
		kernel_conformance();
	kprintf("\n2. Page frames: a byte and a bit of metadata for each, in zones\n");
	step_frames();
	kprintf("\n3. Page tables: RAM in large pages, the image with no more rights than it "
		"needs\n");
	step_tables();
	used = frames_used();
	kprintf("\n4. Allocation: all sizes, until nothing is left, and mistakes\n");
	step_allocate();
	kprintf("\n5. Protection: what must fault does fault, at the right address\n");
	check_faults();
	check(frames_used() == used, "everything that was taken is given back");
	kprintf("\n6. The other CPUs: a stack each, with a guard page\n");
	step_cpus();
	kprintf("\n7. Boot is over: what it held back is given back\n");
	check_release();
	used = frames_used();
	kprintf("\n8. The heap: all CPUs at once, freeing what others made\n");
	step_heap();
	kprintf("\n9. Shootdown: pages change while all CPUs use them\n");
	step_shootdown();
	kprintf("\n10. Memory at the end: . free  U used  T page table  M metadata  R reserved or "
		"hole\n");
	step_end(used);
	ok = check_end();
	machine_exit(ok);
}
