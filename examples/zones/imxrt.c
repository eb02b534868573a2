/* SPDX-License-Identifier: MIT */
/* A microcontroller like NXP's i.MX RT1050: SDRAM for all, 256 KiB of OCRAM in the middle, and two memories
 * as fast as the core. What asks for those gets them or learns that they are full: code that must be fast
 * is not silently slow. OCRAM is for everybody once SDRAM is used up, but for its last 64 KiB. */
#include "show.h"

#define KIB ((mm_paddr_t)1 << 10)
#define MIB ((mm_paddr_t)1 << 20)

enum { SDRAM, ITCM, DTCM, OCRAM };

static const struct mm_zone_cfg zones[] = {
	[SDRAM] = { .name = "SDRAM", .last = MM_PADDR_MAX, .latency = 4 },
	[ITCM] = { .name = "ITCM",
		   .base = 0,
		   .last = 128 * KIB - 1,
		   .latency = 0,
		   .flags = MM_ZONE_NAMED | MM_ZONE_EXPLICIT | MM_ZONE_NOFALLBACK },
	[DTCM] = { .name = "DTCM",
		   .base = 0x20000000,
		   .last = 0x2001ffff,
		   .latency = 0,
		   .flags = MM_ZONE_NAMED | MM_ZONE_EXPLICIT | MM_ZONE_NOFALLBACK },
	[OCRAM] = { .name = "OCRAM",
		    .base = 0x20200000,
		    .last = 0x2023ffff,
		    .latency = 1,
		    .flags = MM_ZONE_NAMED,
		    .keep = 64 * KIB >> MM_FRAME_SHIFT },
};

static const struct show_ram ram[] = {
	{ 4 * KIB, 124 * KIB }, /* vectors are at 0 */
	{ 0x20000000, 128 * KIB },
	{ 0x20200000, 256 * KIB },
	{ 0x80000000, 8 * MIB },
};

static const struct show_request requests[] = {
	{ "an interrupt handler's code, 32 KiB", 3, MM_ALLOC_ZONE(ITCM), "ITCM", 0 },
	{ "a filter's state, 64 KiB", 4, MM_ALLOC_ZONE(DTCM), "DTCM", 0 },
	{ "another one", 4, MM_ALLOC_ZONE(DTCM), "DTCM", 0 },
	{ "a third: it must not be slow", 0, MM_ALLOC_ZONE(DTCM), NULL, 0 },
	{ "a frame for the display, 64 KiB", 4, MM_ALLOC_ZONE(OCRAM), "OCRAM", 0 },
	{ "a thread's stack, 16 KiB", 2, 0, "SDRAM", 0 },
	{ "a picture, 2 MiB", 9, 0, "SDRAM", 0 },
	{ "OCRAM serves what SDRAM cannot, 64 KiB", 4, MM_ALLOC_ZONE(OCRAM), "OCRAM", 0 },
	{ "and again", 4, MM_ALLOC_ZONE(OCRAM), "OCRAM", 0 },
	{ "and for the last time", 4, MM_ALLOC_ZONE(OCRAM), "OCRAM", 0 },
	{ "now SDRAM serves who would like OCRAM", 4, MM_ALLOC_ZONE(OCRAM), "SDRAM", 0 },
};

int main(void)
{
	return show(&(struct show){
		.title = "A microcontroller with tightly coupled memories",
		.cfg = { .zones = zones,
			 .nzones = SHOW_COUNT(zones),
			 .low = 0x80000000,
			 .reach = 0x807fffff },
		.ram = ram,
		.nram = SHOW_COUNT(ram),
		.real = 0x80000000,
		.requests = requests,
		.nrequests = SHOW_COUNT(requests),
	});
}
