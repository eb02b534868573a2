/* SPDX-License-Identifier: MIT */
/* Private to the intakes that follow a loader's pointers through physical memory: the one way they
 * read, and what all of them reserve alike. */
#ifndef MM_SRC_PMM_MEMMAP_INTAKE_H
#define MM_SRC_PMM_MEMMAP_INTAKE_H
#include "pmm/memmap.h"

#define MEMMAP_MAX_ENTRIES 4096 /* of a memory map */
#define MEMMAP_MAX_TEXT    4096 /* bytes of a text, with its end */

/* Where an intake reads from and writes to. */
struct memmap_intake {
	struct mm_memmap *map;
	mm_phys_reader read;
	void *ctx;
	const char *owner; /* of what the loader left for the kernel to read */
};

/* Item number `index` of an array of items of `bytes` bytes at pa. NULL: it must not be read, or
 * lies where mm_paddr_t does not reach. Good until the next call. */
const uint8_t *mm_memmap_item(const struct memmap_intake *in, uint64_t pa, size_t bytes,
			      uint32_t index);

/* Reserve what the loader left. */
enum mm_status mm_memmap_loader(const struct memmap_intake *in, uint64_t pa, uint64_t bytes);

/* Does the text at pa end with a zero byte, within `most` bytes and MEMMAP_MAX_TEXT? *bytes is then
 * its length with its end. MM_E_FAULT: a byte must not be read. MM_E_2BIG: no end. */
enum mm_status mm_memmap_text_bytes(const struct memmap_intake *in, uint64_t pa, uint32_t most,
				    uint32_t *bytes);

/* Reserve a text. 0: there is none. */
enum mm_status mm_memmap_text(const struct memmap_intake *in, uint64_t pa);
#endif
