/* SPDX-License-Identifier: MIT */
/* A 32-bit machine with more memory than its kernel maps: 896 MiB at fixed addresses, 2 GiB that are mapped
 * when somebody needs them (user pages), 1 GiB of them above 4 GiB. Who reads what it gets through the
 * direct map asks as ever; who does not says MM_ALLOC_HIGH, and spares the mapped memory. */
#include "show.h"

#define MIB ((mm_paddr_t)1 << 20)

enum { DMA, NORMAL, HIGH };

static const struct mm_zone_cfg zones[] = {
	[DMA] = { .name = "DMA", .last = 16 * MIB - 1, .keep = 1024 },
	/* user pages that spill over leave 32 MiB to the kernel */
	[NORMAL] = { .name = "NORMAL",
		     .last = 896 * MIB - 1,
		     .keep = 8192,
		     .min = 256,
		     .low = 512,
		     .high = 1024 },
	[HIGH] = { .name = "HIGH", .last = MM_PADDR_MAX, .flags = MM_ZONE_HIGH },
};

static const struct show_ram ram[] = {
	{ 0, 640 * 1024 },
	{ 1 * MIB, 1919 * MIB },
	{ 4096 * MIB, 1024 * MIB },
};

static const struct show_request requests[] = {
	{ "a page that the kernel writes", 0, 0, "NORMAL", 0 },
	{ "a page table", 0, MM_ALLOC_TABLE, "NORMAL", 0 },
	{ "a user page", 0, MM_ALLOC_HIGH, "HIGH", 0 },
	{ "1 GiB of user pages", 18, MM_ALLOC_HIGH, "HIGH", 0 },
	{ "512 MiB more", 17, MM_ALLOC_HIGH, "HIGH", 0 },
	{ "256 MiB more", 16, MM_ALLOC_HIGH, "HIGH", 0 },
	{ "256 MiB, not there in one piece", 16, MM_ALLOC_HIGH, "NORMAL", 0 },
	{ "a buffer for an ISA card", 3, MM_ALLOC_ZONE(DMA), "DMA", 0 },
};

int main(void)
{
	return show(&(struct show){
		.title = "A 32-bit machine with memory beyond the direct map",
		.cfg = { .zones = zones, .nzones = SHOW_COUNT(zones), .reach = 896 * MIB - 1 },
		.ram = ram,
		.nram = SHOW_COUNT(ram),
		.real = 892 * MIB,
		.requests = requests,
		.nrequests = SHOW_COUNT(requests),
	});
}
