/* SPDX-License-Identifier: MIT */
/* Promises of the page tables, asked of the MMU itself. */
#include "console.h"
#include "kernel.h"
#include "probe.h"

/* A word in each part of the image. */
static const uint64_t in_rodata = 1;
static volatile uint64_t in_data[MACHINE_RETURN_BYTES / sizeof(uint64_t)] = { 1 };

/* No leaf may be writable and executable, in the whole of the kernel's part. */
static bool nothing_writable_and_executable(void)
{
	const uint32_t both = MM_PT_WRITE | MM_PT_EXEC;
	struct mm_pt_cur cur;
	struct mm_pt_run run;
	bool ok = mm_pt_cur_init(&cur, &kernel.pt, MACHINE_UPPER, MACHINE_UPPER_SIZE) == MM_OK;

	while (ok && MACHINE_PT(cur_next)(&cur, &run))
		ok = (run.attr & both) != both;
	return ok;
}

/* Every byte of RAM that the map calls usable is in the direct map, at its place. */
static bool all_usable_mapped(void)
{
	struct mm_mem m;
	struct mm_pt_run run;
	uint32_t it = 0;

	while (mm_memmap_next(&kernel.map, &it, &m))
		for (mm_paddr_t pa = m.base; m.type == MM_MEM_USABLE && pa - 1 < m.last;) {
			mm_vaddr_t va = MACHINE_DIRECT_MAP + pa;

			if (MACHINE_PT(query)(&kernel.pt, va, &run) != MM_OK || run.pa != pa)
				return false;
			pa += run.last - va + 1;
		}
	return true;
}

void check_tables(void)
{
	struct mm_pt_run run;
	size_t tables = 0;

	check_status(mm_pt_verify(&kernel.pt, &tables), MM_OK,
		     "the kernel's page tables are whole");
	check(frames_used() == tables, "frames in use are the page tables, to the frame");
	check(all_usable_mapped(), "all usable RAM is in the direct map");
	check_status(MACHINE_PT(query)(&kernel.pt, MACHINE_DIRECT_MAP + image_pa(image_text), &run),
		     MM_E_NOENT, "the kernel's text has no second mapping there");
	check(nothing_writable_and_executable(), "no page is both writable and executable");
}

/* A probe must fault at exactly this address, with exactly this code. */
static void check_fault(enum access access, const volatile void *at, bool mapped,
			const char *promise)
{
	struct fault f = probe(access, (const void *)at);
	uint64_t code = machine_fault_code(access, mapped);

	if (!check(f.taken && f.va == (uintptr_t)at && f.code == code, promise))
		kprintf("# fault %u at %#lx, code %#lx; want %#lx, %#lx\n", f.taken, f.va, f.code,
			(uintptr_t)at, code);
}

static void check_no_fault(enum access access, const volatile void *at, const char *promise)
{
	struct fault f = probe(access, (const void *)at);

	if (!check(!f.taken, promise))
		kprintf("# fault at %#lx, code %#lx\n", f.va, f.code);
}

static void check_image_faults(void)
{
	struct fault f;

	check_no_fault(ACCESS_EXEC, machine_return, "text can be executed");
	check_fault(ACCESS_WRITE, machine_victim, true, "text cannot be written");
	check_no_fault(ACCESS_READ, &in_rodata, "constants can be read");
	check_fault(ACCESS_WRITE, &in_rodata, true, "constants cannot be written");
	check_no_fault(ACCESS_WRITE, in_data, "data can be written");
	__builtin_memcpy((void *)in_data, machine_return, MACHINE_RETURN_BYTES);
	check_fault(ACCESS_EXEC, in_data, true, "data cannot be executed, though it is code");
	check_fault(ACCESS_WRITE, image_guard, false, "the first byte under the guard page faults");
	check_fault(ACCESS_WRITE, (const void *)((uintptr_t)image_stack - 1), false,
		    "and so does the last");
	f = probe_stack_end();
	check(f.taken && f.va - (uintptr_t)image_guard < (uintptr_t)(image_stack - image_guard),
	      "a stack that overflows is caught in the guard page, and the kernel lives");
}

static volatile uint64_t *const scratch = (volatile uint64_t *)MACHINE_SCRATCH;

/* What every change ends with: no CPU may go on using the old answer. */
static enum mm_status synced(enum mm_status st, struct mm_tlb_gather *g)
{
	mm_pt_sync(&kernel.pt, g);
	return st;
}

static enum mm_status map(mm_paddr_t pa, uint64_t bytes, uint32_t attr)
{
	struct mm_tlb_gather g = { 0 };

	return synced(MACHINE_PT(map)(&kernel.pt, MACHINE_SCRATCH, pa, bytes, attr, 0, &g), &g);
}

static enum mm_status protect(uint64_t offset, uint32_t attr)
{
	struct mm_tlb_gather g = { 0 };

	return synced(MACHINE_PT(protect)(&kernel.pt, MACHINE_SCRATCH + offset, MM_FRAME_SIZE, attr,
					  MM_PT_EXACT, &g),
		      &g);
}

static enum mm_status unmap(uint64_t offset, uint64_t bytes, uint32_t flags)
{
	struct mm_tlb_gather g = { 0 };

	return synced(MACHINE_PT(unmap)(&kernel.pt, MACHINE_SCRATCH + offset, bytes, flags, &g),
		      &g);
}

/* One address, two frames, one after the other. The TLB holds the old answer until it is told. */
static void check_scratch(mm_paddr_t one, mm_paddr_t two)
{
	*(volatile uint64_t *)direct_map(one) = 1;
	*(volatile uint64_t *)direct_map(two) = 2;
	check_status(map(one, MM_FRAME_SIZE, MM_PT_READ | MM_PT_WRITE), MM_OK, "a frame is mapped");
	check(*scratch == 1, "it can be read at its new address");
	check_status(protect(0, MM_PT_READ), MM_OK, "its mapping is made read-only");
	check_fault(ACCESS_WRITE, scratch, true, "then it cannot be written");
	check(*scratch == 1, "but read");
	check_status(map(two, MM_FRAME_SIZE, MM_PT_READ), MM_E_EXIST,
		     "mapping over it: MM_E_EXIST");
	check_status(unmap(0, MM_FRAME_SIZE, MM_PT_EXACT), MM_OK, "it is unmapped");
	check_fault(ACCESS_READ, scratch, false, "after mm_pt_sync() its address faults");
	check_status(map(two, MM_FRAME_SIZE, MM_PT_READ), MM_OK, "another frame is mapped there");
	check(*scratch == 2, "the address shows the other frame");
	check_status(unmap(0, MM_FRAME_SIZE, MM_PT_EXACT), MM_OK, "it is unmapped too");
	check_fault(ACCESS_READ, scratch, false, "and its address faults again");
}

/* A large page, of which one small page gets other rights: the walker splits it. */
static void check_split(void)
{
	unsigned shift = machine_pt_port()->level[1].shift;
	const uint64_t bytes = UINT64_C(1) << shift, middle = bytes / 2;
	volatile uint64_t *page = scratch + middle / sizeof(*scratch);
	struct mm_pt_run run = { 0 };
	mm_paddr_t pa;

	if (!check_status(mm_page_alloc(&kernel.pmm, shift - MM_FRAME_SHIFT, 0, &pa), MM_OK,
			  "frames for a large page are allocated"))
		return;
	*(volatile uint64_t *)direct_map(pa + middle) = 3;
	check_status(map(pa, bytes, MM_PT_READ | MM_PT_WRITE), MM_OK, "they are mapped");
	check(MACHINE_PT(query)(&kernel.pt, MACHINE_SCRATCH, &run) == MM_OK && run.level == 1,
	      "by one large page");
	check_status(protect(middle, MM_PT_READ), MM_OK, "a small part is made read-only");
	check_fault(ACCESS_WRITE, page, true, "that part cannot be written");
	check(*page == 3, "but read");
	check_no_fault(ACCESS_WRITE, (const volatile char *)page - 1,
		       "just below it can be written");
	check_no_fault(ACCESS_WRITE, (const volatile char *)page + MM_FRAME_SIZE,
		       "and just above it");
	check_status(unmap(middle, MM_FRAME_SIZE, MM_PT_EXACT), MM_OK, "that part is unmapped");
	check_fault(ACCESS_READ, page, false, "and its address faults");
	check_status(unmap(middle + MM_FRAME_SIZE, MM_FRAME_SIZE, MM_PT_EXACT), MM_OK,
		     "so is the page above it");
	check_no_fault(ACCESS_READ, (const volatile char *)page - 1, "the one below can be read");
	check_status(unmap(0, bytes, MM_PT_EXACT), MM_E_NOENT,
		     "exactly all cannot be unmapped: MM_E_NOENT, for the hole");
	check_status(unmap(0, bytes, 0), MM_OK, "all that is left is unmapped");
	check_fault(ACCESS_READ, scratch, false, "and its address faults");
	check_status(mm_page_free(&kernel.pmm, pa, shift - MM_FRAME_SHIFT), MM_OK,
		     "its frames are freed");
}

void check_faults(void)
{
	mm_paddr_t one, two;

	check_image_faults();
	if (!check(mm_page_alloc(&kernel.pmm, 0, 0, &one) == MM_OK &&
			   mm_page_alloc(&kernel.pmm, 0, 0, &two) == MM_OK,
		   "two frames are allocated"))
		return;
	check_scratch(one, two);
	check(mm_page_free(&kernel.pmm, one, 0) == MM_OK &&
		      mm_page_free(&kernel.pmm, two, 0) == MM_OK,
	      "both frames are freed");
	check_split();
}
