/* SPDX-License-Identifier: MIT */
/* Reads the text form of the memory maps in tests/data/memmaps: one range a line; empty
 * lines are skipped. */
#ifndef MEMMAP_READER_H
#define MEMMAP_READER_H
#include <mmlib/memmap.h>

/* One line of a file. */
struct memmap_line {
	uint64_t first;        /* first byte */
	uint64_t last;         /* last byte, inclusive */
	enum mm_mem_type type; /* e820 files; usable in srat files */
	uint32_t e820;         /* its number in an e820 table; `type N` gives N */
	int node;              /* srat files: NUMA node; -1 in e820 files */
	int pxm;               /* srat files: proximity domain; -1 in e820 files */
	bool hotplug;          /* srat files: memory that may come later */
};

/* Read up to max ranges of the file dir/memmaps/name. Aborts the test on a file that is missing,
 * too long or not understood. Returns how many there are. */
size_t memmap_read(const char *dir, const char *name, struct memmap_line *out, size_t max);

/* The names of all files, ended by NULL. */
extern const char *const memmap_files[];
#endif
