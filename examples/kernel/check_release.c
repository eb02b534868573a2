/* SPDX-License-Identifier: MIT */
/* Promises about memory that boot held back, and what happens with it once boot is over. */
#include "console.h"
#include "kernel.h"

static struct mm_pmm_stats stats(void)
{
	struct mm_pmm_stats s = { 0 };

	if (mm_pmm_stats(&kernel.pmm, -1, &s) != MM_OK)
		check(false, "statistics can be read");
	return s;
}

/* Give back, and look at every number that may change, or must not. */
static bool give_back(enum mm_mem_type type, mm_paddr_t base, mm_paddr_t last, mm_pfn_t want)
{
	struct mm_pmm_stats before = stats(), after;
	mm_pfn_t frames = 0, held = mm_memmap_bytes(&kernel.map, type) >> MM_FRAME_SHIFT;
	enum mm_status st = mm_pmm_release(&kernel.pmm, &kernel.map, type, base, last, &frames);

	after = stats();
	kprintf("    %s: %lu frames\n", mm_mem_type_name(type), frames);
	return st == MM_OK && frames == want && after.total == before.total &&
	       after.used == before.used && after.free == before.free + frames &&
	       after.reserved == before.reserved - frames &&
	       mm_memmap_bytes(&kernel.map, type) >> MM_FRAME_SHIFT == held - frames &&
	       mm_pmm_release(&kernel.pmm, &kernel.map, type, base, last, NULL) == MM_E_NOENT;
}

/* What others left, if there is any: it has been read. */
static void check_left_over(enum mm_mem_type type, const char *promise)
{
	mm_pfn_t held = mm_memmap_bytes(&kernel.map, type) >> MM_FRAME_SHIFT;

	if (held)
		check(give_back(type, 0, MM_PADDR_MAX, held), promise);
}

/* Code and tables of the image that nobody runs on any more. They are memory like any other now. */
static void check_boot_code(void)
{
	mm_paddr_t base = 0, last = 0;
	volatile uint64_t *word;

	if (!check_status(memory_unlock_boot(&base, &last), MM_OK,
			  "boot code and boot tables enter the direct map"))
		return;
	check_status(mm_page_free(&kernel.pmm, base, 0), MM_E_FOREIGN,
		     "until they are given back, nobody can free them");
	check(give_back(MM_MEM_KERNEL, base, last, (last - base + 1) >> MM_FRAME_SHIFT),
	      "boot code and boot tables are given back, to the frame, once");
	if (!check_status(mm_page_alloc_at(&kernel.pmm, base, 0, 0), MM_OK, "and can be allocated"))
		return;
	word = direct_map(base);
	*word = base ^ last;
	check(*word == (base ^ last) && mm_page_free(&kernel.pmm, base, 0) == MM_OK,
	      "written, and freed");
}

void check_release(void)
{
	check_left_over(MM_MEM_LOADER, "what the loader left is given back, to the frame, once");
	check_left_over(MM_MEM_BOOT_SERVICES,
			"memory of firmware's boot services is given back, to the frame, once");
	check_left_over(MM_MEM_ACPI_RECLAIM,
			"memory of ACPI tables is given back, to the frame, once");
	check_left_over(MM_MEM_INITRD, "the initial ramdisk is given back, to the frame, once");
	check_left_over(MM_MEM_EARLY,
			"memory that was kept for start-up is given back, to the frame, once");
	check_boot_code();
	check_status(mm_memmap_verify(&kernel.map), MM_OK, "the map is still sorted and disjoint");
	check_status(mm_pmm_release(&kernel.pmm, &kernel.map, MM_MEM_META, 0, MM_PADDR_MAX, NULL),
		     MM_E_INVAL, "metadata is never given back: MM_E_INVAL");
	check_accounting("total = free + used + reserved with what boot gave back");
}
