/* SPDX-License-Identifier: MIT */
/* Any sequence of calls of one region heap, right or wrong, against the shadow heap of
 * tests/region_model.h. After each operation: its status is the expected one, what was refused has changed no
 * byte, contents stay (so no block overlaps another), nor is anything written beside regions, verify is content,
 * and the number of blocks is the model's. Each 8th time and at the end: the heap tells each block of the model,
 * in its region, and no other, and what it counts is so. Now and then no other block is found, although there are
 * some: then only what stays where it is can change its size, and a shrink does. At the end all is freed: the first
 * state.
 *
 * Input: byte 0 how many regions, then two bytes for the length and place of each; then 4 bytes an
 * operation: what, which block, and a size or an address, 2 bytes. */
#include "../tests/region_model.h"
#include "operations.h"
#include "sim.h"
#include <stdio.h>

#define WHOLE 8u /* operations between two looks at every block that the heap tells */
static unsigned done; /* operations of this input */

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

static void must(const char *wrong)
{
	if (wrong) {
		fprintf(stderr, "region: %s\n", wrong);
		abort();
	}
}

/* Sizes of all magnitudes: mostly small, now and then near the end of the address space. */
static size_t size_of(uint8_t low, uint8_t high)
{
	if (high >= 0xfe)
		return (size_t)0 - low - (size_t)(high & 1) * 4096;
	return ((size_t)low + 1) << (high & 3) >> (high >> 2 & 3);
}

static size_t align_of(uint8_t how)
{
	return how & 0x80 ? (size_t)(how & 0x7f) : (size_t)1 << (how & 0xf);
}

/* A pointer that is mostly wrong: in or near a region, or near a block. */
static void *pointer_of(const struct model *m, const uint8_t *op)
{
	unsigned at = op[2] | (unsigned)op[3] << 8;

	if (op[1] & 1 && m->nblocks)
		return m->block[at % m->nblocks].p + (op[1] >> 1 & 31) - 8;
	if (op[1] & 2 || !m->nareas)
		return (void *)((uintptr_t)0 - at);
	return m->area[op[1] % m->nareas].host + at % m->area[op[1] % m->nareas].host_bytes;
}

static void run_op(struct model *m, const uint8_t *op)
{
	unsigned which = m->nblocks ? op[1] % m->nblocks : 0;

	m->failing = op[0] & 0x80 && op[3] & 1;
	sim_fail_at(m->failing, true);
	switch (op[0] % 8) {
	case 0:
	case 1:
		must(model_alloc(m, 0, size_of(op[2], op[3])));
		break;
	case 2:
		must(model_alloc(m, align_of(op[1]), size_of(op[2], op[3])));
		break;
	case 3:
	case 4:
		if (m->nblocks)
			must(model_free(m, m->block[which].p));
		break;
	case 5:
		if (m->nblocks)
			must(model_realloc(m, which, 0, size_of(op[2], op[3])));
		break;
	case 6:
		if (m->nblocks)
			must(model_realloc(m, which, align_of(op[0] >> 3), size_of(op[2], op[3])));
		break;
	default:
		must(model_free(m, pointer_of(m, op)));
	}
	sim_fail_at(0, false);
	must(++done % WHOLE == 0 ? model_check(m) : model_check_books(m));
	operations_count();
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	struct model m = { 0 };

	if (n < 7)
		return 0;
	for (unsigned i = 0; i <= in[0] % MODEL_REGIONS; i++)
		must(model_add(&m, 1024 + in[1 + 2 * i] * 8u, in[2 + 2 * i] & 63) == MM_OK ? NULL
											   : "add");
	must(model_check(&m));
	done = 0;
	for (in += 7, n -= 7; n >= 4; in += 4, n -= 4)
		run_op(&m, in);
	must(model_empty(&m));
	model_destroy(&m);
	return 0;
}
