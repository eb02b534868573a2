/* SPDX-License-Identifier: MIT */
/* Theory of operation: finding ACPI tables
 * Problem      tables lie anywhere in physical memory, firmware's pointers to them may be wrong, and
 *              a table that was overwritten must not be believed.
 * Structure    RSDP (5.2.5) -> XSDT (5.2.8) or RSDT (5.2.7), a list of addresses -> tables, each with
 *              the header of 5.2.6. The list is read again for each entry: what the reader grants is
 *              good until it is asked next.
 * Invariants   A1 every byte is asked of the reader first, and no pointer outlives the next question.
 *              A2 a table counts only if all its bytes sum up to zero.
 *              A3 work is bounded by the lengths that the reader grants.
 * Why no RSDT behind a broken XSDT: 5.2.5.3 has the XSDT win; what else firmware broke nobody knows.
 * Concurrency  none: one CPU, before the scheduler. Plain loads of bytes only. */
#include "pmm/acpi.h"
#include "pmm/memmap_intake.h"

#define ACPI_RSDP_1_BYTES 20 /* of revision 0, and what its own sum is of */
#define ACPI_RSDP_2_BYTES 36

bool mm_acpi_sum(const uint8_t *at, size_t bytes)
{
	uint8_t sum = 0;

	while (bytes-- > 0)
		sum = (uint8_t)(sum + at[bytes]);
	return sum == 0;
}

enum mm_status mm_acpi_open(struct acpi_table *table, const void *at, size_t bytes,
			    const char *signature, uint32_t least)
{
	table->at = at;
	if (bytes < ACPI_HEADER_BYTES)
		return MM_E_FAULT;
	if (__builtin_memcmp(table->at, signature, 4) != 0)
		return MM_E_INVAL;
	table->bytes = memmap_le32(table->at + 4);
	if (table->bytes < least)
		return MM_E_CORRUPT;
	if (table->bytes > bytes)
		return MM_E_FAULT;
	return mm_acpi_sum(table->at, table->bytes) ? MM_OK : MM_E_CORRUPT; /* A2 */
}

/* Is there a whole table of this signature at pa, and how long is it? MM_E_INVAL: there is another. */
static enum mm_status acpi_check(const struct memmap_intake *in, uint64_t pa, const char *signature,
				 uint32_t *bytes)
{
	struct acpi_table table;
	const uint8_t *at = mm_memmap_item(in, pa, ACPI_HEADER_BYTES, 0);

	if (!at)
		return MM_E_FAULT;
	if (__builtin_memcmp(at, signature, 4) != 0)
		return MM_E_INVAL;
	*bytes = memmap_le32(at + 4);
	if (*bytes < ACPI_HEADER_BYTES)
		return MM_E_CORRUPT;
	at = mm_memmap_item(in, pa, *bytes, 0);
	return at ? mm_acpi_open(&table, at, *bytes, signature, ACPI_HEADER_BYTES) : MM_E_FAULT;
}

/* The list of tables. */
struct acpi_list {
	uint64_t pa;
	uint32_t bytes;
	uint32_t entry; /* bytes of an address in it */
};

/* Where the RSDP says that the list is. */
static enum mm_status acpi_root(const struct memmap_intake *in, mm_paddr_t rsdp,
				struct acpi_list *list)
{
	const uint8_t *r = mm_memmap_item(in, rsdp, ACPI_RSDP_1_BYTES, 0);

	if (!r)
		return MM_E_FAULT;
	if (__builtin_memcmp(r, "RSD PTR ", 8) != 0 || !mm_acpi_sum(r, ACPI_RSDP_1_BYTES))
		return MM_E_INVAL;
	list->pa = memmap_le32(r + 16);
	list->entry = 4;
	if (r[15] < 2)
		return MM_OK;
	r = mm_memmap_item(in, rsdp, ACPI_RSDP_2_BYTES, 0);
	if (!r)
		return MM_E_FAULT;
	if (!mm_acpi_sum(r, ACPI_RSDP_2_BYTES))
		return MM_E_INVAL;
	if (memmap_le64(r + 24) != 0) {
		list->pa = memmap_le64(r + 24);
		list->entry = 8;
	}
	return MM_OK;
}

/* What is told of several candidates of which none is whole: the worse the more certain. */
static enum mm_status acpi_worse(enum mm_status a, enum mm_status b)
{
	if (a == MM_E_CORRUPT || b == MM_E_CORRUPT)
		return MM_E_CORRUPT;
	return a == MM_E_FAULT || b == MM_E_FAULT ? MM_E_FAULT : MM_E_NOENT;
}

/* Look at each table of the list. */
static enum mm_status acpi_search(const struct memmap_intake *in, const struct acpi_list *list,
				  const char *signature, uint64_t *pa, uint32_t *bytes)
{
	enum mm_status result = MM_E_NOENT;

	for (uint32_t at = ACPI_HEADER_BYTES; list->bytes - at >= list->entry; at += list->entry) {
		const uint8_t *p = mm_memmap_item(in, list->pa + at, list->entry, 0);

		if (!p)
			return MM_E_FAULT;
		*pa = list->entry == 8 ? memmap_le64(p) : memmap_le32(p);
		if (*pa == 0)
			continue;
		enum mm_status status = acpi_check(in, *pa, signature, bytes);
		if (status == MM_OK)
			return MM_OK;
		result = acpi_worse(result, status);
	}
	return result;
}

enum mm_status mm_acpi_find(mm_phys_reader read, void *ctx, mm_paddr_t rsdp, const char *signature,
			    mm_paddr_t *pa, size_t *bytes)
{
	const struct memmap_intake in = { .read = read, .ctx = ctx };
	struct acpi_list list;
	uint64_t found;
	uint32_t length;

	if (!read || !signature || !pa || !bytes)
		return MM_E_INVAL;
	enum mm_status status = acpi_root(&in, rsdp, &list);
	if (status == MM_OK)
		status = acpi_check(&in, list.pa, list.entry == 8 ? "XSDT" : "RSDT", &list.bytes);
	else
		return status;
	if (status == MM_E_INVAL)
		return MM_E_CORRUPT;
	if (status == MM_OK)
		status = acpi_search(&in, &list, signature, &found, &length);
	if (status != MM_OK)
		return status;
	*pa = (mm_paddr_t)found; /* it was read, so it fits */
	*bytes = length;
	return MM_OK;
}
#undef ACPI_RSDP_1_BYTES
#undef ACPI_RSDP_2_BYTES
