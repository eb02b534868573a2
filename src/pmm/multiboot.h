/* SPDX-License-Identifier: MIT */
/* Private to the Multiboot intakes: what both versions of the format have. */
#ifndef MM_SRC_PMM_MULTIBOOT_H
#define MM_SRC_PMM_MULTIBOOT_H
#include "pmm/memmap_intake.h"

/* What was found so far. */
struct multiboot_found {
	struct mm_boot_info info;
	uint32_t modules; /* how many */
	bool memory;      /* the loader said what is RAM, and it is in the map */
};

/* Section headers, as an array somewhere. */
struct multiboot_sections {
	uint64_t pa;
	uint32_t count;
	uint32_t entry; /* bytes of a header */
};

/* Memory by its sizes in KiB: from 0, and from 1 MiB. */
enum mm_status mm_multiboot_sizes(const struct memmap_intake *in, uint32_t lower, uint32_t upper,
				  struct multiboot_found *found);

/* A module, from `start` up to but without `end`. */
enum mm_status mm_multiboot_module(const struct memmap_intake *in, uint32_t start, uint32_t end,
				   struct multiboot_found *found);

/* A framebuffer. Height is in lines of pixels or of text, pitch in bytes. */
enum mm_status mm_multiboot_framebuffer(const struct memmap_intake *in, uint64_t pa, uint32_t pitch,
					uint32_t height);

/* The sections of the kernel, once the memory map is fed. */
enum mm_status mm_multiboot_sections(const struct memmap_intake *in,
				     const struct multiboot_sections *sections,
				     const struct multiboot_found *found);
#endif
