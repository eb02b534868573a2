/* SPDX-License-Identifier: MIT */
/* ACPI tables: what an independent reader finds in SRAT, SLIT and the list of tables must be what
 * mmlib finds, and a table that is refused must change nothing.
 *
 * The first byte says what the rest is: tables as they are (any length, sums made right for most), or
 * recipes for them, or physical memory with an RSDP in it. */
#include "../tests/acpi_maker.h"
#include "../tests/acpi_reference.h"
#include <stdlib.h>
#include <string.h>

/* A copy that ends where the heap's red zone begins, at any alignment. */
static uint8_t *copy(const uint8_t *from, size_t bytes, size_t shift, uint8_t **block)
{
	*block = malloc(bytes + shift + 1);
	if (!*block)
		abort();
	uint8_t *at = *block + 1 + shift;
	memcpy(at, from, bytes);
	return at;
}

static void feed(struct acpi_nodes *nodes, const uint8_t *table, size_t bytes, bool slit)
{
	uint8_t *block, *at = copy(table, bytes, 2 - (bytes & 1), &block);

	if (slit)
		acpi_ref_slit(nodes, at, bytes);
	else
		acpi_ref_srat(nodes, at, bytes);
	free(block);
}

/* Change bytes; three of the input each. */
static void damage(struct acpi_made *t, const uint8_t *in, unsigned triples)
{
	for (; triples; triples--, in += 3)
		t->at[(in[0] | in[1] << 8) % t->bytes] = in[2];
}

/* An SRAT and a SLIT as they are in the input: the second one begins where the first one ends. */
static void tables(const uint8_t *in, size_t n, bool fix)
{
	static struct acpi_nodes nodes;
	static uint8_t room[4096];
	size_t first = n;

	if (n > sizeof(room))
		n = sizeof(room);
	memcpy(room, in, n);
	if (n >= 8 && (room[4] | room[5] << 8) < (int)n)
		first = (size_t)(room[4] | room[5] << 8);
	if (first > n)
		first = n;
	if (fix && first >= 36)
		acpi_sum(room, first, 9);
	feed(&nodes, room, first, false);
	if (fix && n - first >= 36)
		acpi_sum(room + first, n - first, 9);
	feed(&nodes, room + first, n - first, true);
}

static void recipes(const uint8_t *in, size_t n, unsigned what)
{
	static struct acpi_nodes nodes;
	static struct acpi_made t;
	unsigned triples = what / 4 % 4;
	size_t half;

	if (n < 3 * triples + 2)
		return;
	half = in[0] * (n - 3 * triples) / 256;
	acpi_make_srat(&t, in + 1 + 3 * triples, half);
	damage(&t, in + 1, triples);
	if (what & 16)
		acpi_sum(t.at, t.bytes, 9);
	feed(&nodes, t.at, t.bytes, false);
	if (1 + 3 * triples + half > n)
		return;
	acpi_make_slit(&t, in + 1 + 3 * triples + half, n - 1 - 3 * triples - half);
	damage(&t, in + 1, triples / 2);
	if (what & 16)
		acpi_sum(t.at, t.bytes, 9);
	feed(&nodes, t.at, t.bytes, true);
}

/* Make the sum of the table at `at` right, if its length says that it is there. */
static void mend(uint8_t *memory, size_t bytes, size_t at)
{
	size_t length;

	if (at + 36 > bytes)
		return;
	length = memory[at + 4] | (size_t)memory[at + 5] << 8;
	if (length >= 36 && length <= bytes - at && memory[at + 6] == 0 && memory[at + 7] == 0)
		acpi_sum(memory + at, length, 9);
}

/* Physical memory: the input lies at 0x1000, with its last 256 bytes in a piece of their own. */
static void memory(const uint8_t *in, size_t n, unsigned what)
{
	struct acpi_piece piece[2];
	struct acpi_memory m = { .piece = piece, .pieces = 2 };
	static const char *const wanted[] = { "SRAT", "SLIT", "APIC", "XSDT" };
	mm_paddr_t pa;
	size_t bytes, cut;
	uint8_t *block, *at = copy(in, n, 0, &block);

	if (what & 4 && n >= 36) {
		for (size_t k = 36; k + 36 <= n; k += 4)
			if (memcmp(at + k, "SRAT", 4) == 0 || memcmp(at + k, "XSDT", 4) == 0 ||
			    memcmp(at + k, "RSDT", 4) == 0 || memcmp(at + k, "APIC", 4) == 0)
				mend(at, n, k);
		acpi_sum(at, 20, 8);
		acpi_sum(at, 36, 32);
	}
	cut = n > 512 ? n - 256 : n;
	piece[0] = (struct acpi_piece){ 0x1000, cut, at };
	piece[1] = (struct acpi_piece){ 0x1000 + cut + (what & 8), n - cut, at + cut };
	acpi_ref_find(&m, 0x1000, wanted[what / 16 % 4], &pa, &bytes);
	free(m.copy);
	free(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	if (n < 1)
		return 0;
	switch (in[0] % 4) {
	case 0:
		tables(in + 1, n - 1, !(in[0] & 4));
		break;
	case 1:
		memory(in + 1, n - 1, in[0]);
		break;
	default:
		recipes(in + 1, n - 1, in[0]);
		break;
	}
	return 0;
}
