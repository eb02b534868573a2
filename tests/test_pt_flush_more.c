/* SPDX-License-Identifier: MIT */
/* What flushes the TLBs of mmlib/pt_flush.h: as in test_pt_flush.c, instructions are written down, and read as each
 * manual has them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* What was executed. */
static struct {
	unsigned op;
	uint64_t operand;
} done[64];
static unsigned ndone;

static void write_down(unsigned op, uint64_t operand)
{
	assert_true(ndone < sizeof(done) / sizeof(*done)); /* it is bounded */
	done[ndone].op = op;
	done[ndone++].operand = operand;
}

#define ARMV7_TLB_DO(op, operand) write_down(op, operand)
#include "ports/tlb_armv7.h"
#include "sim.h"

static struct mm_tlb_gather gather(uint64_t start, uint64_t bytes, unsigned min_shift, bool tables)
{
	return (struct mm_tlb_gather){ .start = start, .last = start + bytes - 1, .flush = true, .tables = tables,
				       .min_shift = (uint8_t)min_shift };
}

/* Where flushes go wrong: one page and many, small and large, at both ends of an address space of 32 bits. */
static const struct {
	uint64_t start, pages;
	unsigned shift;
} ranges[] = {
	{ 0, 1, 12 }, { 0x1000, 31, 12 }, { 0x7fff0000, 32, 12 }, { 0x10000, 33, 12 }, { 0xfffff000, 1, 12 },
	{ 0xfffe0000, 32, 12 }, { 0, 1 << 20, 12 }, { 0, 1, 21 }, { 0xffe00000, 1, 21 }, { 0xfc000000, 32, 21 },
	{ 0, 2048, 21 }, { 0xfff00000, 1, 20 }, { 0xc0000000, 1, 30 }, { 0, 4, 30 },
};
#define RANGES (sizeof(ranges) / sizeof(*ranges))

static struct mm_tlb_gather range(unsigned i, bool tables)
{
	return gather(ranges[i].start, ranges[i].pages << ranges[i].shift, ranges[i].shift, tables);
}

static void on_armv7_all_of_it_is_forgotten_in_the_manuals_order(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * RANGES; i++) {
		const struct mm_tlb_gather g = range(i / 2, i & 1);
		uint64_t reached = g.start;

		ndone = 0;
		armv7_tlb_flush(&g);
		assert_true(ndone >= 5);
		assert_int_equal(done[0].op, ARMV7_DSB_ISHST);
		assert_int_equal(done[ndone - 3].op, ARMV7_BPIALLIS);
		assert_int_equal(done[ndone - 2].op, ARMV7_DSB_ISH);
		assert_int_equal(done[ndone - 1].op, ARMV7_ISB);
		if (ranges[i / 2].pages > 32) {
			assert_int_equal(ndone, 5);
			assert_int_equal(done[1].op, ARMV7_TLBIALLIS);
			continue;
		}
		for (unsigned k = 1; k < ndone - 3; k++, reached += UINT64_C(1) << g.min_shift) {
			assert_int_equal(done[k].op, ARMV7_TLBIMVAAIS);
			assert_true(done[k].operand == reached); /* bits 11:0 are zero */
		}
		assert_true(reached == g.last + 1);
	}
}

static void on_armv7_one_cpu_forgets_all(void **state)
{
	static const unsigned order[] = { ARMV7_DSB_NSHST, ARMV7_TLBIALL, ARMV7_BPIALL, ARMV7_DSB_NSH, ARMV7_ISB };
	const struct mm_tlb_gather g = range(0, false);

	(void)state;
	ndone = 0;
	armv7_tlb_flush_local(&g);
	assert_int_equal(ndone, 5);
	for (unsigned i = 0; i < ndone; i++)
		assert_int_equal(done[i].op, order[i]);
}

static void on_armv7_order_alone_wants_no_tlbi(void **state)
{
	const struct mm_tlb_gather g = { .sync = true };

	(void)state;
	ndone = 0;
	armv7_tlb_flush(&g);
	armv7_tlb_flush_local(&g);
	assert_int_equal(ndone, 4);
	assert_int_equal(done[0].op, ARMV7_DSB_ISHST);
	assert_int_equal(done[1].op, ARMV7_ISB);
	assert_int_equal(done[2].op, ARMV7_DSB_NSHST);
	assert_int_equal(done[3].op, ARMV7_ISB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_armv7_all_of_it_is_forgotten_in_the_manuals_order),
		cmocka_unit_test(on_armv7_one_cpu_forgets_all),
		cmocka_unit_test(on_armv7_order_alone_wants_no_tlbi),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
