/* SPDX-License-Identifier: MIT */
/* A microcontroller with 64 KiB of RAM in frames of 256 bytes: one zone, no nodes, no CPUs that keep frames
 * at hand, no atomics. Built with MM_FRAME_SHIFT=8 MM_ATOMICS=0 MM_BUDDY_ROWS=0 MM_WORD_BITS=32
 * MM_ZONES_MAX=1. */
#include "show.h"
#include <stdio.h>

#define RAM_BASE  0x20000000u
#define RAM_BYTES 0x10000u

/* The last 1 KiB is for the code that gets memory back when a request fails. */
static const struct mm_zone_cfg sram = {
	.name = "SRAM", .last = MM_PADDR_MAX, .min = 4, .low = 16, .high = 32
};

/* The program's own data and stack lie below. */
static const struct show_ram ram = { RAM_BASE + 0x2000, RAM_BYTES - 0x2000 };

static const struct show_request requests[] = {
	{ "a packet", 0, 0, "SRAM", 0 },
	{ "a packet buffer of 1 KiB", 2, 0, "SRAM", 0 },
	{ "a thread's stack, zeroed", 3, MM_ALLOC_ZERO, "SRAM", 0 },
	{ "16 KiB", 6, 0, "SRAM", 0 },
	{ "16 KiB", 6, 0, "SRAM", 0 },
	{ "8 KiB", 5, 0, "SRAM", 0 },
	{ "4 KiB", 4, 0, "SRAM", 0 },
	{ "4 KiB", 4, 0, "SRAM", 0 },
	{ "2 KiB", 3, 0, "SRAM", 0 },
	{ "1 KiB", 2, 0, "SRAM", 0 },
	{ "512 bytes of what is held back", 1, 0, NULL, 0 },
	{ "the same, in an emergency", 1, MM_ALLOC_EMERGENCY, "SRAM", 0 },
};

int main(void)
{
	int wrong = show(&(struct show){
		.title = "A microcontroller with 64 KiB",
		.cfg = { .zones = &sram, .nzones = 1, .reach = RAM_BASE + RAM_BYTES - 1 },
		.ram = &ram,
		.nram = 1,
		.real = RAM_BASE,
		.requests = requests,
		.nrequests = SHOW_COUNT(requests),
	});

	printf("\nfor all this: struct mm_pmm has %u bytes, the zone %u, the range %u\n",
	       (unsigned)sizeof(struct mm_pmm), (unsigned)sizeof(struct mm_zone),
	       (unsigned)sizeof(struct mm_range));
	return wrong;
}
