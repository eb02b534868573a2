/* SPDX-License-Identifier: MIT */
/* Device trees: what libfdt reads in a blob must be what mmlib reads, and a blob that is refused
 * must change nothing. An input that begins with the magic number is a blob; any other is a recipe
 * for a tree, which up to three bytes told at its end then damage. */
#include "../tests/fdt_maker.h"
#include "../tests/fdt_reference.h"
#include <stdlib.h>
#include <string.h>

#define BLOB_PA ((mm_paddr_t)0x8000) /* among what the recipes use */

static void damage(uint8_t *blob, size_t bytes, const uint8_t *in, unsigned triples)
{
	for (; triples; triples--, in += 3)
		blob[(in[0] | in[1] << 8) % bytes] = in[2];
}

/* Read a copy that ends where the heap's red zone begins, aligned to 8 for libfdt only. */
static void check(const uint8_t *blob, size_t bytes)
{
	static struct fdt_ref ref;
	uint8_t *aligned = malloc(bytes), *shifted = malloc(bytes + 1);
	uint64_t base = 0, length = 0;

	if (!aligned || !shifted)
		abort();
	memcpy(aligned, blob, bytes);
	memcpy(shifted + 1, blob, bytes);
	fdt_ref_read(&ref, aligned, bytes, BLOB_PA);
	enum mm_status status = fdt_ref_compare(&ref, shifted + 1, bytes, BLOB_PA);
	enum mm_status found = mm_fdt_find(shifted + 1, bytes, "a,uart", &base, &length);
	if (status == MM_OK && found != MM_OK && found != MM_E_NOENT)
		abort();
	free(aligned);
	free(shifted);
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	static _Alignas(8) uint8_t blob[FDT_MAKER_ROOM];

	if (n >= 4 && memcmp(in, "\xd0\x0d\xfe\xed", 4) == 0) {
		check(in, n);
		return 0;
	}
	if (n == 0)
		return 0;
	unsigned triples = in[0] % 4;
	if (n < 2 + 3 * triples)
		return 0;
	size_t recipe = n - 1 - 3 * triples, bytes = fdt_make(blob, in + 1, recipe);
	damage(blob, bytes, in + 1 + recipe, triples);
	check(blob, bytes);
	return 0;
}
