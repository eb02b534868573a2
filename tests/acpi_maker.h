/* SPDX-License-Identifier: MIT */
/* Makes ACPI tables: by hand, and out of any bytes, for tests and for fuzzing. */
#ifndef ACPI_MAKER_H
#define ACPI_MAKER_H
#include <stddef.h>
#include <stdint.h>

#define ACPI_MAKER_ROOM 4096

/* A table that grows. */
struct acpi_made {
	uint8_t at[ACPI_MAKER_ROOM];
	size_t bytes;
};

/* Begin a table: its header, and `more` zeroes behind it. */
void acpi_begin(struct acpi_made *t, const char *signature, unsigned revision, size_t more);
/* Append a number of 1 to 8 bytes, little-endian; or some zeroes; or bytes. Nothing if it is full. */
void acpi_put(struct acpi_made *t, uint64_t v, size_t bytes);
void acpi_zero(struct acpi_made *t, size_t bytes);
void acpi_bytes(struct acpi_made *t, const void *at, size_t bytes);
/* Write the length and what makes the sum zero. */
void acpi_end(struct acpi_made *t);
/* The same for sum alone: over n bytes, the one at `where` makes it zero. */
void acpi_sum(uint8_t *at, size_t n, size_t where);

/* Entries of an SRAT. Longer ones than the specification knows: `more` bytes behind. */
void acpi_apic(struct acpi_made *t, uint32_t domain, uint8_t id, uint32_t flags);
void acpi_memory(struct acpi_made *t, uint32_t domain, uint64_t base, uint64_t bytes,
		 uint32_t flags);
void acpi_x2apic(struct acpi_made *t, uint32_t domain, uint32_t id, uint32_t flags);
void acpi_gicc(struct acpi_made *t, uint32_t domain, uint32_t uid, uint32_t flags);
void acpi_its(struct acpi_made *t, uint32_t domain, uint32_t id);
void acpi_device(struct acpi_made *t, unsigned type, uint32_t domain, const char *handle,
		 uint32_t flags);
void acpi_rintc(struct acpi_made *t, uint32_t domain, uint32_t uid, uint32_t flags);

/* An SRAT, a SLIT out of any bytes. */
void acpi_make_srat(struct acpi_made *t, const uint8_t *in, size_t n);
void acpi_make_slit(struct acpi_made *t, const uint8_t *in, size_t n);
#endif
