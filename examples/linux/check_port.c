/* SPDX-License-Identifier: MIT */
/* mmlib's own test of the host port, on all CPUs. Its TLB checks want pages that can be mapped and
 * unmapped at will: Linux gives a window of address space with page-table entries behind it, and the
 * entries are changed under it; the flush is that of linux_pt_env. */
#include <linux/mm.h>
#include <linux/vmalloc.h>
#include <mmlib/selftest.h>
#include "cpus.h"
#include "example.h"
#include "port.h"
#include "tap.h"

static void entry_set(void *va, pte_t entry)
{
	unsigned int level;

	set_pte(lookup_address((unsigned long)va, &level), entry);
}

static void window_map(void *ctx, void *va, mm_paddr_t pa)
{
	entry_set(va, pfn_pte(pa >> PAGE_SHIFT, PAGE_KERNEL));
}

static void window_unmap(void *ctx, void *va)
{
	struct mm_tlb_gather g = {
		.start = (uintptr_t)va,
		.last = (uintptr_t)va + PAGE_SIZE - 1,
		.min_shift = PAGE_SHIFT,
		.flush = true,
	};

	entry_set(va, __pte(0));
	linux_pt_env.flush(linux_pt_env.ctx, &g);
}

/* All pages of it show one page of Linux, until they are unmapped. */
static unsigned char *window_open(struct page *page)
{
	struct page *pages[MM_SELFTEST_PAGES];
	unsigned char *va;

	for (unsigned int i = 0; i < MM_SELFTEST_PAGES; i++)
		pages[i] = page;
	va = vmap(pages, MM_SELFTEST_PAGES, VM_MAP, PAGE_KERNEL);
	for (unsigned int i = 0; va && i < MM_SELFTEST_PAGES; i++)
		window_unmap(NULL, va + i * PAGE_SIZE);
	return va;
}

static struct mm_selftest_tlb tlb = { .map = window_map, .unmap = window_unmap };
static struct mm_selftest test;
static uint32_t failed;

static void job(void)
{
	if (smp_processor_id() == 0)
		failed = mm_port_selftest(&test);
	else
		mm_port_selftest_join(&test);
}

void check_port(void)
{
	struct page *page = alloc_page(GFP_KERNEL);

	tlb.va = page ? window_open(page) : NULL;
	test = (struct mm_selftest){ .port = &linux_port, .tlb = &tlb, .ncpus = num_online_cpus() };
	failed = 1;
	if (tap_check(tlb.va != NULL, "Linux gives a window of address space") &&
	    tap_status(mm_page_alloc(&linux_pmm, 1, 0, &test.frames), MM_OK,
		       "two frames are allocated for mmlib's test of the port")) {
		tap_check(cpus_run(job) && failed == 0, "the port keeps its promises");
		tap_status(mm_page_free(&linux_pmm, test.frames, 1), MM_OK, "the frames are freed");
	}
	vunmap(tlb.va);
	if (page)
		__free_page(page);
}
