/* SPDX-License-Identifier: MIT */
/* mmlib's own test of the host port, on all CPUs: what a port gets wrong breaks mmlib much later
 * and somewhere else. A kernel that brings mmlib up does well to begin with it. */
#include <mmlib/selftest.h>
#include "console.h"
#include "kernel.h"
#include "smp.h"

static void test_map(void *ctx, void *va, mm_paddr_t pa)
{
	struct mm_tlb_gather g = { 0 };

	(void)ctx;
	if (MACHINE_PT(map)(&kernel.pt, (uintptr_t)va, pa, MM_FRAME_SIZE, MM_PT_READ | MM_PT_WRITE,
			    0, &g) != MM_OK)
		kprintf("# not mapped: %p\n", va);
	mm_pt_sync(&kernel.pt, &g);
}

static void test_unmap(void *ctx, void *va)
{
	struct mm_tlb_gather g = { 0 };

	(void)ctx;
	if (MACHINE_PT(unmap)(&kernel.pt, (uintptr_t)va, MM_FRAME_SIZE, 0, &g) != MM_OK)
		kprintf("# not unmapped: %p\n", va);
	mm_pt_sync(&kernel.pt, &g);
}

static const struct mm_selftest_tlb tlb = {
	.va = (unsigned char *)MACHINE_SCRATCH,
	.map = test_map,
	.unmap = test_unmap,
};

static struct mm_selftest test = { .port = &memory_port, .tlb = &tlb };
static uint32_t failed;

static void job(struct cpu *me)
{
	if (me->number == 0)
		failed = mm_port_selftest(&test);
	else
		mm_port_selftest_join(&test);
}

void check_port(void)
{
	test.ncpus = kernel.ncpus;
	if (!check(mm_page_alloc(&kernel.pmm, 1, 0, &test.frames) == MM_OK,
		   "two frames are allocated for mmlib's test of the port"))
		return;
	smp_run(job);
	check(failed == 0, "the port keeps its promises");
	check(mm_page_free(&kernel.pmm, test.frames, 1) == MM_OK, "the frames are freed");
}
