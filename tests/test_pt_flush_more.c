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
	uint64_t operand, space;
} done[64];
static unsigned ndone;

static void write_down(unsigned op, uint64_t operand, uint64_t space)
{
	assert_true(ndone < sizeof(done) / sizeof(*done)); /* it is bounded */
	done[ndone].op = op;
	done[ndone].operand = operand;
	done[ndone++].space = space;
}

#define ARMV7_TLB_DO(op, operand) write_down(op, operand, 0)
#include "ports/tlb_armv7.h"
static void execute_ia32(unsigned op, uint32_t *value);
#define IA32_TLB_DO(op, value) execute_ia32(op, value)
#include "ports/tlb_ia32.h"
static void execute_mips(unsigned op, uint64_t *value);
#define MIPS_TLB_DO(op, value) execute_mips(op, value)
#include "ports/tlb_mips64.h"
#define PPC_TLB_DO(op, rb, rs) write_down(op, rb, rs)
#include "ports/tlb_ppc64.h"
#define S390X_TLB_DO(op, asce) write_down(op, asce, 0)
#include "ports/tlb_s390x.h"
static bool execute_ept(unsigned type, uint64_t eptp);
#define EPT_TLB_DO(op, eptp) execute_ept(op, eptp)
#include "ports/tlb_ept.h"
#define LOONG_TLB_DO(op, asid, va) write_down(op, va, asid)
#include "ports/tlb_loongarch64.h"
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

/* A MIPS64 whose registers are seen by the TLB, and what the TLB says by DMFC0 and MFC0, after a barrier and not before. */
enum { ENTRIES = 64, EHINV = 0x400 };
static struct {
	struct {
		uint64_t hi, mask;
	} tlb[ENTRIES];
	uint64_t hi, mask, index;          /* as software sees them */
	uint64_t tlb_hi, tlb_mask, tlb_index; /* as the TLB does */
	bool read, written;                /* tlb_* are to go to software, or software's to the TLB */
	bool changed;                      /* what is fetched may be by what was there before */
} mips;

static void mips_barrier(void)
{
	if (mips.read) {
		mips.hi = mips.tlb_hi;
		mips.mask = mips.tlb_mask;
	}
	if (mips.written) {
		mips.tlb_hi = mips.hi;
		mips.tlb_index = mips.index;
	}
	mips.read = mips.written = false;
}

static void execute_mips(unsigned op, uint64_t *value)
{
	switch (op) {
	case MIPS_GET_HI:
		*value = mips.hi;
		break;
	case MIPS_GET_MASK:
		*value = (uint64_t)(int32_t)(uint32_t)mips.mask; /* MFC0 extends the sign */
		break;
	case MIPS_SET_HI:
		mips.hi = *value;
		mips.written = mips.changed = true;
		break;
	case MIPS_SET_INDEX:
		mips.index = *value;
		mips.written = true;
		break;
	case MIPS_TLBR:
		assert_true(mips.tlb_index < ENTRIES);
		mips.tlb_hi = mips.tlb[mips.tlb_index].hi;
		mips.tlb_mask = mips.tlb[mips.tlb_index].mask;
		mips.read = true;
		break;
	case MIPS_TLBWI:
		mips.tlb[mips.tlb_index].hi = mips.tlb_hi;
		mips.changed = true;
		break;
	case MIPS_JR_HB:
		mips.changed = false;
		mips_barrier();
		break;
	default:
		assert_int_equal(op, MIPS_EHB);
		mips_barrier();
	}
}

/* Pairs of 8 KiB to 512 MiB, of any address space, in two segments; every fourth is none. */
static void fill_mips(uint64_t n)
{
	memset(&mips, 0, sizeof(mips));
	for (unsigned i = 0; i < ENTRIES; i++) {
		n = n * UINT64_C(6364136223846793005) + 1442695040888963407u;
		mips.tlb[i].mask = (UINT64_C(0x2000) << 2 * (n >> 60)) - 0x2000;
		mips.tlb[i].hi = ((n >> 13 & 0x1ffff) << 13 & ~mips.tlb[i].mask) | (n >> 40 & 0xff);
		mips.tlb[i].hi |= n & (UINT64_C(1) << 30) ? UINT64_C(3) << 62 : 0;
		if (i % 4 == 0)
			mips.tlb[i].hi = EHINV;
	}
	mips.hi = UINT64_C(0xc000000012344077);
	mips.index = mips.tlb_index = 63;
}

static void on_mips_every_entry_goes_that_is_in_it_and_no_other(void **state)
{
	unsigned gone = 0, stay = 0;

	(void)state;
	for (unsigned n = 0; n < 40 * RANGES; n++) {
		const struct mm_tlb_gather g = range(n % RANGES, false);
		uint64_t was[ENTRIES];

		fill_mips(n);
		for (unsigned i = 0; i < ENTRIES; i++)
			was[i] = mips.tlb[i].hi;
		mips64_tlb_flush(&g, ENTRIES);
		assert_int_equal(mips.hi, 0x77); /* the ASID */
		assert_true(mips.tlb_hi == 0x77 && !mips.changed);
		for (unsigned i = 0; i < ENTRIES; i++) {
			const uint64_t first = was[i] & UINT64_C(0xffffffffe000), last = first | mips.tlb[i].mask | 0x1fff;
			const bool is_in = was[i] != EHINV && first <= g.last && last >= g.start;

			assert_true(mips.tlb[i].hi == (is_in ? EHINV : was[i]));
			gone += is_in;
			stay += !is_in;
		}
	}
	assert_true(gone > 1000 && stay > 1000);
}

static void on_mips_order_alone_wants_nothing(void **state)
{
	const struct mm_tlb_gather g = { .sync = true };

	(void)state;
	fill_mips(1);
	mips64_tlb_flush(&g, ENTRIES);
	assert_true(mips.hi == UINT64_C(0xc000000012344077) && mips.index == 63);
}

/* Were the first of what was executed, and the last, these? Ends of @order are -1. */
static void look_around(const int *first, const int *last)
{
	unsigned n = 0;

	for (; first[n] >= 0; n++)
		assert_int_equal(done[n].op, first[n]);
	for (n = 0; last[n] >= 0;)
		n++;
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(done[ndone - n + i].op, last[i]);
}

/* Power ISA 3.0B, book III, 5.9.3.3: RB and RS, bits from the high end. */
static void on_ppc64_all_of_the_process_is_forgotten_or_pages_of_one_size(void **state)
{
	static const int first[] = { PPC_PTESYNC, -1 }, last[] = { PPC_EIEIO, PPC_TLBSYNC, PPC_PTESYNC, PPC_ISYNC, -1 };

	(void)state;
	for (unsigned i = 0; i < 2 * RANGES; i++) {
		const struct mm_tlb_gather g = range(i / 2, i & 1);
		uint64_t reached = g.start;

		if (g.min_shift == 20) /* there is no such size */
			continue;
		ndone = 0;
		ppc64_tlb_flush(&g, 77, 3);
		look_around(first, last);
		for (unsigned k = 1; k < ndone - 4; k++) {
			const uint64_t rb = done[k].operand, is = rb >> 10 & 3, ap = rb >> 5 & 7;

			assert_true(done[k].space == (UINT64_C(77) << 32 | 3));
			assert_int_equal(done[k].op, g.tables ? PPC_TLBIE_TABLES : PPC_TLBIE);
			assert_int_equal(is, g.tables || ranges[i / 2].pages > 32);
			if (is == 1) {
				assert_int_equal(ndone, 6);
				reached = g.last + 1;
				continue;
			}
			assert_int_equal(g.min_shift, ap == 0 ? 12 : ap == 1 ? 21 : 30);
			assert_true((rb & ~UINT64_C(0xfff)) == reached && (rb & 0xf1f) == 0);
			reached += UINT64_C(1) << g.min_shift;
		}
		assert_true(reached == g.last + 1);
	}
}

static void on_loongarch_all_pieces_are_forgotten_or_everything(void **state)
{
	static const int first[] = { LOONG_DBAR, -1 }, last[] = { LOONG_DBAR, LOONG_IBAR, -1 };

	(void)state;
	for (unsigned i = 0; i < 3 * RANGES; i++) {
		const struct mm_tlb_gather g = range(i / 3, false);
		const unsigned step = i % 3 == 0 ? 0 : i % 3 == 1 ? 14 : 25, shift = step && step < g.min_shift ? step : g.min_shift;
		uint64_t reached = g.start;

		ndone = 0;
		loong_tlb_flush(&g, 9, step);
		look_around(first, last);
		if ((g.last - g.start) >> shift >= 32) {
			assert_int_equal(ndone, 4);
			assert_int_equal(done[1].op, LOONG_INVTLB_ALL);
			continue;
		}
		for (unsigned k = 1; k < ndone - 2; k++, reached += UINT64_C(1) << shift) {
			assert_int_equal(done[k].op, LOONG_INVTLB_VA);
			assert_int_equal(done[k].space, 9);
			assert_true(done[k].operand == reached);
		}
		assert_true(reached == g.last + 1);
	}
}

static void on_s390x_all_of_the_tree_is_forgotten(void **state)
{
	const struct mm_tlb_gather g = range(1, false);

	(void)state;
	ndone = 0;
	s390x_tlb_flush(&g, UINT64_C(0x123456007));
	assert_int_equal(ndone, 1);
	assert_true(done[0].op == S390X_IDTE && done[0].operand == UINT64_C(0x123456007));
}

static bool ept_fails; /* this CPU has no INVEPT of a single context */

static bool execute_ept(unsigned type, uint64_t eptp)
{
	write_down(type, eptp, 0);
	return type != EPT_INVEPT_ONE || !ept_fails;
}

static void on_ept_all_is_forgotten_once_or_where_that_fails_of_all_trees(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4 * RANGES; i++) {
		const struct mm_tlb_gather g = range(i / 4, i & 1);

		ept_fails = i & 2;
		ndone = 0;
		ept_tlb_flush(&g, UINT64_C(0x12345605e));
		assert_int_equal(ndone, ept_fails ? 2 : 1);
		assert_true(done[0].op == EPT_INVEPT_ONE && done[0].operand == UINT64_C(0x12345605e));
		assert_true(done[ndone - 1].op == EPT_INVEPT_ALL || !ept_fails);
	}
}

static void on_ept_what_became_valid_wants_nothing(void **state)
{
	const struct mm_tlb_gather g = { .sync = true };

	(void)state;
	ndone = 0;
	ept_tlb_flush(&g, UINT64_C(0x12345605e));
	assert_int_equal(ndone, 0);
}

static void order_alone_is_barriers_alone(void **state)
{
	static const int ppc64[] = { PPC_PTESYNC, PPC_ISYNC, -1 }, loong[] = { LOONG_DBAR, LOONG_IBAR, -1 };
	const struct mm_tlb_gather g = { .sync = true };

	(void)state;
	ndone = 0;
	ppc64_tlb_flush(&g, 1, 0);
	assert_int_equal(ndone, 2);
	look_around(ppc64, ppc64);
	ndone = 0;
	loong_tlb_flush(&g, 1, 0);
	assert_int_equal(ndone, 2);
	look_around(loong, loong);
	ndone = 0;
	s390x_tlb_flush(&g, 1);
	assert_int_equal(ndone, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_armv7_all_of_it_is_forgotten_in_the_manuals_order),
		cmocka_unit_test(on_armv7_one_cpu_forgets_all),
		cmocka_unit_test(on_armv7_order_alone_wants_no_tlbi),
		cmocka_unit_test(on_ia32_all_is_forgotten_that_has_to_be),
		cmocka_unit_test(on_ia32_order_alone_wants_nothing),
		cmocka_unit_test(on_ept_all_is_forgotten_once_or_where_that_fails_of_all_trees),
		cmocka_unit_test(on_ept_what_became_valid_wants_nothing),
		cmocka_unit_test(on_mips_every_entry_goes_that_is_in_it_and_no_other),
		cmocka_unit_test(on_mips_order_alone_wants_nothing),
		cmocka_unit_test(on_ppc64_all_of_the_process_is_forgotten_or_pages_of_one_size),
		cmocka_unit_test(on_loongarch_all_pieces_are_forgotten_or_everything),
		cmocka_unit_test(on_s390x_all_of_the_tree_is_forgotten),
		cmocka_unit_test(order_alone_is_barriers_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
