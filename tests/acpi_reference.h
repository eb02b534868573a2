/* SPDX-License-Identifier: MIT */
/* What ACPI tables say, read in another way than the library reads them: whole structures, domains
 * collected and sorted, all defects noted instead of the first. */
#ifndef ACPI_REFERENCE_H
#define ACPI_REFERENCE_H
#include <mmlib/acpi.h>

#define ACPI_REF_NODES  6
#define ACPI_REF_RANGES 12
#define ACPI_REF_CPUS   10

/* Nodes with room for everything. */
struct acpi_nodes {
	struct mm_numa numa;
	struct mm_numa_range ranges[ACPI_REF_RANGES];
	uint8_t distances[ACPI_REF_NODES * ACPI_REF_NODES];
	uint32_t domains[ACPI_REF_NODES];
	struct mm_numa_cpu cpus[ACPI_REF_CPUS];
	struct mm_srat_info info;
};

void acpi_nodes_init(struct acpi_nodes *nodes);

/* Feed the table to the library, into nodes as acpi_nodes_init() makes them, and compare with the
 * reference. Aborts on a difference, and on a change by a table that is refused. */
enum mm_status acpi_ref_srat(struct acpi_nodes *nodes, const void *table, size_t bytes);
/* The same, into nodes that an SRAT has filled, or nobody. */
enum mm_status acpi_ref_slit(struct acpi_nodes *nodes, const void *table, size_t bytes);

/* Physical memory: what is in a piece can be read. */
struct acpi_piece {
	uint64_t pa;
	size_t bytes;
	const uint8_t *at;
};
struct acpi_memory {
	const struct acpi_piece *piece;
	size_t pieces;
	uint8_t *copy; /* of what was asked for last: who keeps a pointer to it is found */
};

/* The library's reader for it; ctx is the memory. free() the copy at the end. */
const void *acpi_read(void *ctx, mm_paddr_t pa, size_t bytes);

/* mm_acpi_find(), compared. */
enum mm_status acpi_ref_find(struct acpi_memory *memory, mm_paddr_t rsdp, const char *signature,
			     mm_paddr_t *pa, size_t *bytes);
#endif
