/* SPDX-License-Identifier: MIT */
/* What a device tree says, as libfdt reads it: the reference for mm_memmap_add_fdt(). */
#ifndef FDT_REFERENCE_H
#define FDT_REFERENCE_H
#include <mmlib/fdt.h>

#define FDT_REF_ROOM  600 /* map entries and NUMA ranges */
#define FDT_REF_NODES 6
#define FDT_REF_CPUS  8

struct fdt_ref {
	bool valid; /* else the blob must be refused; what follows is then meaningless */
	struct mm_memmap map;
	struct mm_mem entries[FDT_REF_ROOM];
	struct mm_fdt_info info;
	struct mm_numa numa;
	struct mm_numa_range ranges[FDT_REF_ROOM];
	uint8_t distances[FDT_REF_NODES * FDT_REF_NODES];
	struct mm_numa_cpu cpus[FDT_REF_CPUS];
};

/* Read a blob of `bytes` readable bytes, aligned to 8, that lies at physical address pa. */
void fdt_ref_read(struct fdt_ref *ref, const void *blob, size_t bytes, mm_paddr_t pa);

/* Feed the same blob to the library, with the same room, and compare. Aborts on a difference, on a
 * map that is not sound, and on a change by a blob that is refused. `blob` may have any alignment
 * and is told to have `readable` bytes. */
enum mm_status fdt_ref_compare(const struct fdt_ref *ref, const void *blob, size_t readable,
			       mm_paddr_t pa);
#endif
