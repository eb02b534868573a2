/* SPDX-License-Identifier: MIT */
/* Page tables: the fuzz target on random inputs from a fixed seed, for all formats and without a fuzzer. */
#include "../fuzz/fuzz_pt.c"

#define INPUTS                                                                                     \
	4 /* for each format: long ones, of which every operation is compared with the oracle */

static uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);

static unsigned random_byte(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed >> 32 & 0xff;
}

/* Operations that mostly make sense: attributes that all formats have, and allocations that work. */
static void make_op(struct op *op)
{
	unsigned char *byte = (unsigned char *)op;

	for (size_t i = 0; i < sizeof(*op); i++)
		byte[i] = (unsigned char)random_byte();
	if (random_byte() % 4)
		op->attr_hi &= 0x77;
	if (random_byte() % 4)
		op->attr_lo &= MM_PT_WRITE | MM_PT_EXEC | MM_PT_READ;
	if (random_byte() % 2)
		op->fail = 0;
	if (random_byte() % 4 == 0)
		op->kind = 0; /* map */
	if (random_byte() % 2)
		op->where = op->scale = op->skew = 0; /* near each other */
}

int main(void)
{
	static uint8_t in[2 + MAX_OPS * sizeof(struct op)];

	for (unsigned k = 0; k < NALL; k++) {
		for (unsigned i = 0; i < INPUTS; i++) {
			in[0] = (uint8_t)k;
			in[1] = (uint8_t)random_byte();
			for (unsigned n = 0; n < MAX_OPS; n++) {
				struct op op;
				make_op(&op);
				memcpy(&in[2 + n * sizeof(op)], &op, sizeof(op));
			}
			LLVMFuzzerTestOneInput(in, sizeof(in));
		}
		printf("ok %s\n", f.arch->name);
	}
	return 0;
}
