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
static void execute_ia32(unsigned op, uint32_t *value);
#define IA32_TLB_DO(op, value) execute_ia32(op, value)
#include "ports/tlb_ia32.h"
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

/* SDM volume 3A, 4.10.4.1, and 4.4.1 for what PAE has of the root. */
#define PGE 0x80u
static uint32_t cr4;
static struct {
	uint64_t next;              /* page by page up to here */
	unsigned pages, shift;
	bool all, all_but_global;
	bool root;                  /* the four entries were read again */
	unsigned cr4_writes;
} ia32;

static void execute_ia32(unsigned op, uint32_t *value)
{
	static const uint32_t cr3 = 0x00345020;

	switch (op) {
	case IA32_GET_CR3:
		*value = cr3;
		break;
	case IA32_GET_CR4:
		*value = cr4;
		break;
	case IA32_SET_CR3:
		assert_int_equal(*value, cr3);
		ia32.all_but_global = ia32.root = true;
		break;
	case IA32_SET_CR4:
		assert_true((*value ^ cr4) == PGE);
		cr4 = *value;
		ia32.all = true;
		ia32.cr4_writes++;
		break;
	default:
		assert_int_equal(op, IA32_INVLPG);
		assert_true(*value == ia32.next);
		ia32.next += UINT64_C(1) << ia32.shift;
		ia32.pages++;
	}
}

static void on_ia32_all_is_forgotten_that_has_to_be(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8 * RANGES; i++) {
		const struct mm_tlb_gather g = range(i / 8, i & 1);
		const bool pae = i & 2, pge = i & 4;

		cr4 = pge ? 0x20 | PGE : 0x20;
		memset(&ia32, 0, sizeof(ia32));
		ia32.next = g.start;
		ia32.shift = g.min_shift;
		ia32_tlb_flush(&g, pae);
		assert_int_equal(cr4 & PGE, pge ? PGE : 0); /* as it was */
		assert_int_equal(ia32.cr4_writes, ia32.all ? 2 : 0);
		if (ranges[i / 8].pages > 32) {
			assert_int_equal(ia32.pages, 0);
			assert_true(pge ? ia32.all : ia32.all_but_global);
		} else {
			assert_true(ia32.next == g.last + 1 && !ia32.all);
		}
		assert_true(ia32.root || !pae || (!g.tables && ia32.pages));
	}
}

static void on_ia32_order_alone_wants_nothing(void **state)
{
	const struct mm_tlb_gather g = { .sync = true };

	(void)state;
	memset(&ia32, 0, sizeof(ia32));
	ia32_tlb_flush(&g, false);
	ia32_tlb_flush(&g, true);
	assert_true(!ia32.pages && !ia32.all && !ia32.root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_armv7_all_of_it_is_forgotten_in_the_manuals_order),
		cmocka_unit_test(on_armv7_one_cpu_forgets_all),
		cmocka_unit_test(on_armv7_order_alone_wants_no_tlbi),
		cmocka_unit_test(on_ia32_all_is_forgotten_that_has_to_be),
		cmocka_unit_test(on_ia32_order_alone_wants_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
