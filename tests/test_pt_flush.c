/* SPDX-License-Identifier: MIT */
/* What flushes a TLB: instructions are written down instead of executed, and read as the manual has them, by a reader
 * that knows nothing of how they were made. That compilers keep their order tools/check_barriers.py looks after. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* What was executed. */
static struct {
	unsigned op;
	uint64_t operand, asid;
} done[64];
static unsigned ndone;

static void write_down(unsigned op, uint64_t operand, uint64_t asid)
{
	assert_true(ndone < sizeof(done) / sizeof(*done)); /* it is bounded */
	done[ndone].op = op;
	done[ndone].operand = operand;
	done[ndone++].asid = asid;
}

#define A64_TLB_DO(op, operand) write_down(op, operand, 0)
#include "ports/tlb_aarch64.h"
#define RV64_TLB_DO(op, va, asid) write_down(op, va, asid)
#include "ports/tlb_riscv64.h"

/* Control registers of an x86. */
static uint64_t cr3, cr4;
static void execute_x86(unsigned op, uint64_t *value);
#define X86_TLB_DO(op, value) execute_x86(op, value)
#include "ports/tlb_x86_64.h"
#include "sim.h"

static uint64_t random_state = 1;

static uint64_t random_word(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void every_range_is_cut_into_all_of_it(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= UINT64_C(1) << 21; n++) {
		uint64_t left = n;
		unsigned pieces = 0, last = 4;

		while (left) {
			struct a64_tlb_piece p = a64_tlb_cut(left);
			if (p.granules > left || p.num > 31 || p.scale > 3 || ++pieces > 5)
				fail_msg("%llu granules", (unsigned long long)n);
			if (p.granules > 1 && (p.granules != (p.num + UINT64_C(1)) << (5 * p.scale + 1) || p.scale >= last))
				fail_msg("%llu granules", (unsigned long long)n);
			last = p.granules > 1 ? p.scale : 0;
			left -= p.granules;
		}
	}
}

/* What one TLBI drops, as DDI 0487 has its operand: C5.5. */
struct forgets {
	bool all;            /* no address */
	uint64_t from, to;   /* both inclusive, with the bits that the instruction does not take as the range has them */
	bool last_level;     /* tables stay */
	bool one_asid;
	unsigned asid;
};

static uint64_t extend(uint64_t value, unsigned bits)
{
	const uint64_t sign = UINT64_C(1) << (bits - 1);

	return ((value & ((sign << 1) - 1)) ^ sign) - sign;
}

static struct forgets read_range(uint64_t x, unsigned granule, bool ds)
{
	static const unsigned granules[4] = { 0, 12, 14, 16 };
	const unsigned tg = granules[x >> 46 & 3], shift = ds ? 16 : tg;
	const uint64_t num = x >> 39 & 31, scale = x >> 44 & 3;
	const uint64_t from = extend(x << shift, 37 + shift);

	assert_int_equal(tg, granule); /* else it need not do anything */
	assert_int_equal(x >> 37 & 3, 0);
	return (struct forgets){ .from = from, .to = from + (((num + 1) << (5 * scale + 1)) << tg) - 1 };
}

static struct forgets read_tlbi(unsigned op, uint64_t x, unsigned granule, bool ds, unsigned min_shift)
{
	struct forgets f = { 0 };

	if (op == A64_VMALLE1IS || op == A64_ASIDE1IS)
		f.all = true;
	else if (op >= A64_RVAAE1IS)
		f = read_range(x, granule, ds);
	else { /* the whole of the leaf there */
		f.from = extend(x << 12, 56);
		f.to = f.from | ((UINT64_C(1) << min_shift) - 1);
	}
	f.last_level = op == A64_VAALE1IS || op == A64_VALE1IS || op == A64_RVAALE1IS || op == A64_RVALE1IS;
	f.one_asid = op == A64_ASIDE1IS || op == A64_VAE1IS || op == A64_VALE1IS || op == A64_RVAE1IS || op == A64_RVALE1IS;
	f.asid = (unsigned)(x >> 48);
	return f;
}

/* What each flush begins and ends with. False: nothing was lost, and that is all. */
static bool is_ordered(const struct mm_tlb_gather *g)
{
	assert_int_equal(done[0].op, A64_DSB_ISHST);
	assert_int_equal(done[ndone - 1].op, A64_ISB);
	if (!g->flush) {
		assert_int_equal(ndone, 2);
		return false;
	}
	assert_int_equal(done[ndone - 2].op, A64_DSB_ISH);
	return true;
}

/* The manual's order, and all of what the gather holds. Returns how many TLBI there were. */
static unsigned look(const struct mm_pt_aarch64_tlb *tlb, const struct mm_tlb_gather *g)
{
	const unsigned granule = tlb->granule[g->start >> 55 & 1];
	uint64_t reached = g->start, early = 0;
	bool all = false;

	if (!is_ordered(g))
		return 0;
	for (unsigned i = 1; i < ndone - 2; i++) {
		struct forgets f;

		assert_true(done[i].op >= A64_VMALLE1IS);
		f = read_tlbi(done[i].op, done[i].operand, granule, tlb->lpa2, g->min_shift);
		assert_int_equal(f.one_asid, tlb->one_space);
		assert_int_equal(f.asid, f.one_asid ? tlb->asid : 0);
		assert_int_equal(f.last_level, !g->tables && !f.all);
		all = all || f.all;
		if (f.all)
			continue;
		if (i == 1)
			early = reached - f.from;
		else
			assert_true(f.from == reached);
		reached = f.to + 1;
	}
	if (all) {
		assert_int_equal(ndone, 4);
		return 1;
	}
	assert_true(reached == g->last + 1);
	assert_true(early == 0 || (tlb->lpa2 && tlb->ranges && early < 0x10000));
	return ndone - 3;
}

static unsigned flush(const struct mm_pt_aarch64_tlb *tlb, const struct mm_tlb_gather *g)
{
	ndone = 0;
	a64_tlb_flush(tlb, g);
	return look(tlb, g);
}

static struct mm_tlb_gather gather(uint64_t start, uint64_t bytes, unsigned min_shift, bool tables)
{
	return (struct mm_tlb_gather){ .start = start, .last = start + bytes - 1, .flush = true, .tables = tables,
				       .min_shift = (uint8_t)min_shift };
}

static void order_alone_wants_no_tlbi(void **state)
{
	const struct mm_pt_aarch64_tlb tlb = { .granule = { 12, 12 }, .ranges = true };
	const struct mm_tlb_gather g = { .sync = true };

	(void)state;
	assert_int_equal(flush(&tlb, &g), 0);
}

static void without_ranges_pages_go_one_by_one_up_to_32(void **state)
{
	(void)state;
	for (unsigned form = 0; form < 4; form++)
		for (unsigned n = 1; n < 100; n++) {
			const struct mm_pt_aarch64_tlb tlb = { .one_space = form & 1, .asid = 0xbeef };
			const struct mm_tlb_gather g = gather(UINT64_C(0x7fff12345000), UINT64_C(4096) * n, 12, form & 2);
			const struct mm_tlb_gather big = gather(UINT64_C(0xffff800000200000), (UINT64_C(1) << 21) * n, 21,
								form & 2);

			assert_int_equal(flush(&tlb, &g), n <= 32 ? n : 1);
			assert_int_equal(flush(&tlb, &big), n <= 32 ? n : 1);
		}
}

/* Both halves, all granules, LPA2 where there is one, both kinds of both forms. */
static const struct mm_pt_aarch64_tlb all_kinds[] = {
	{ { 12, 14 }, true, false, false, 8 }, { { 14, 12 }, true, false, true, 7 },
	{ { 16, 12 }, true, false, false, 0 }, { { 12, 16 }, true, false, true, 0xffff },
	{ { 12, 12 }, true, true, false, 0 },  { { 14, 14 }, true, true, true, 0x1234 },
	{ { 16, 16 }, true, true, false, 0 },
};

#define KINDS (sizeof(all_kinds) / sizeof(*all_kinds))

static uint64_t base_of(const struct mm_pt_aarch64_tlb *tlb, bool high, uint64_t any)
{
	const unsigned bits = tlb->lpa2 || tlb->granule[high] == 16 ? 52 : 48;
	const uint64_t mask = ((UINT64_C(1) << (bits - 1)) - 1) & ~((UINT64_C(1) << tlb->granule[high]) - 1);

	return (any & mask) | (high ? ~((UINT64_C(1) << bits) - 1) : 0);
}

static void ranges_are_all_of_what_is_flushed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 300000; i++) {
		const struct mm_pt_aarch64_tlb *tlb = &all_kinds[i % KINDS];
		const bool high = i / KINDS & 1;
		const unsigned granule = tlb->granule[high];
		const uint64_t start = base_of(tlb, high, random_word());
		const uint64_t n = (random_word() & ((UINT64_C(1) << random_word() % 23) - 1)) + 1;
		const struct mm_tlb_gather g = gather(start, n << granule, granule, random_word() & 1);
		const unsigned tlbis = flush(tlb, &g);

		assert_true(tlbis <= 5);
		if (n < UINT64_C(1) << 21 && done[1].op < A64_VAAE1IS)
			assert_true(tlb->lpa2 && n + 15 > UINT64_C(1) << 21); /* else not all */
	}
}

static void each_short_range_too(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < KINDS; kind++)
		for (unsigned high = 0; high < 2; high++)
			for (uint64_t n = 1; n < 300; n++)
				for (unsigned at = 0; at < 17; at++) {
					const struct mm_pt_aarch64_tlb *tlb = &all_kinds[kind];
					const unsigned granule = tlb->granule[high];
					const uint64_t start = base_of(tlb, high, (uint64_t)at << granule);
					const struct mm_tlb_gather g = gather(start, n << granule, granule, n & 1);

					assert_true(flush(tlb, &g) <= (n == 1 ? 1 : 5));
				}
}

static void ranges_end_where_addresses_end(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < KINDS; kind++)
		for (uint64_t n = 1; n < 3000; n += 7) {
			const struct mm_pt_aarch64_tlb *tlb = &all_kinds[kind];
			const uint64_t bytes = n << tlb->granule[1];
			const struct mm_tlb_gather g = gather(0 - bytes, bytes, tlb->granule[1], false);

			(void)flush(tlb, &g);
		}
}

static void large_pages_are_a_range_of_small_ones(void **state)
{
	const struct mm_pt_aarch64_tlb tlb = { .granule = { 12, 12 }, .ranges = true };
	const struct mm_tlb_gather one = gather(UINT64_C(1) << 30, UINT64_C(1) << 21, 21, true);
	const struct mm_tlb_gather many = gather(UINT64_C(1) << 30, UINT64_C(1) << 32, 21, false);

	(void)state;
	assert_int_equal(flush(&tlb, &one), 1);
	assert_int_equal(done[1].op, A64_VAAE1IS);
	assert_int_equal(flush(&tlb, &many), 1); /* 2^20 granules */
	assert_int_equal(done[1].op, A64_RVAALE1IS);
	assert_true(done[1].operand == (UINT64_C(1) << 46 | UINT64_C(3) << 44 | UINT64_C(15) << 39 | 0x40000));
}

static void more_than_ranges_reach_is_everything(void **state)
{
	const uint64_t most = UINT64_C(1) << 21;

	(void)state;
	for (unsigned space = 0; space < 2; space++) {
		const struct mm_pt_aarch64_tlb tlb = { { 12, 12 }, true, false, space, 9 };
		const struct mm_tlb_gather g = gather(0x1000, most << 12, 12, false);
		const struct mm_tlb_gather more = gather(0x1000, (most + 1) << 12, 12, false);

		assert_int_equal(flush(&tlb, &g), 1);
		assert_int_equal(done[1].op, space ? A64_RVALE1IS : A64_RVAALE1IS);
		assert_int_equal(flush(&tlb, &more), 1);
		assert_int_equal(done[1].op, space ? A64_ASIDE1IS : A64_VMALLE1IS);
	}
}

static void a_half_without_a_known_granule_has_no_ranges(void **state)
{
	const struct mm_pt_aarch64_tlb tlb = { .granule = { 12, 0 }, .ranges = true };
	const struct mm_tlb_gather g = gather(UINT64_C(0xffff000000000000), 8 << 12, 12, false);

	(void)state;
	assert_int_equal(flush(&tlb, &g), 8);
}

static void registers_are_read_as_the_manual_has_them(void **state)
{
	struct mm_pt_aarch64_tlb tlb = a64_tlb_of(UINT64_C(2) << 30 | 1u << 14, UINT64_C(2) << 56);

	(void)state;
	assert_int_equal(tlb.granule[0], 16);
	assert_int_equal(tlb.granule[1], 12);
	assert_true(tlb.ranges && !tlb.lpa2 && !tlb.one_space);
	tlb = a64_tlb_of(UINT64_C(1) << 59 | UINT64_C(1) << 30 | 2u << 14, UINT64_C(1) << 56);
	assert_int_equal(tlb.granule[0], 14);
	assert_int_equal(tlb.granule[1], 14);
	assert_true(!tlb.ranges && tlb.lpa2);
	tlb = a64_tlb_of(UINT64_C(3) << 30, 0);
	assert_int_equal(tlb.granule[0], 12);
	assert_int_equal(tlb.granule[1], 16);
}

/* What a TLBI of a second stage drops: IPA[51:12] in bits 39:0, TTL 47:44 (0: of any level), NS 63; or a range. */
static struct forgets read_guest(unsigned op, uint64_t x, unsigned min_shift)
{
	struct forgets f = { 0 };

	if (op == A64_RIPAS2E1IS || op == A64_RIPAS2LE1IS)
		f = read_range(x, 12, false);
	else {
		assert_true(op == A64_IPAS2E1IS || op == A64_IPAS2LE1IS);
		f.from = x << 12;
		f.to = f.from | ((UINT64_C(1) << min_shift) - 1);
	}
	assert_int_equal(x >> 48, 0);
	f.last_level = op == A64_IPAS2LE1IS || op == A64_RIPAS2LE1IS;
	return f;
}

/* DDI 0487, D8: by IPA, and when that has ended all of the first stage, with what holds both; or both stages at once.
 * Returns how many TLBI by IPA there were. */
static unsigned flush_guest(const struct mm_pt_aarch64_tlb *tlb, const struct mm_tlb_gather *g)
{
	uint64_t reached = g->start;

	ndone = 0;
	a64_tlb_flush_guest(tlb, g);
	if (!is_ordered(g))
		return 0;
	if (done[1].op == A64_VMALLS12E1IS) {
		assert_int_equal(ndone, 4);
		return 0;
	}
	assert_true(ndone >= 6);
	assert_int_equal(done[ndone - 3].op, A64_VMALLE1IS);
	assert_int_equal(done[ndone - 4].op, A64_DSB_ISH);
	for (unsigned i = 1; i < ndone - 4; i++) {
		const struct forgets f = read_guest(done[i].op, done[i].operand, g->min_shift);

		assert_int_equal(f.last_level, !g->tables);
		assert_true(f.from == reached);
		reached = f.to + 1;
	}
	assert_true(reached == g->last + 1);
	return ndone - 5;
}

/* At both ends of 40 and of 48 bits. What is said of ASIDs, granules and LPA2 is of the first stage: it does not matter. */
static void a_guests_pages_are_forgotten_and_then_both_stages_as_one(void **state)
{
	static const uint64_t ends[] = { 0, UINT64_C(1) << 40, UINT64_C(1) << 48 };

	(void)state;
	for (unsigned form = 0; form < 24; form++)
		for (unsigned n = 1; n < 100; n++) {
			const struct mm_pt_aarch64_tlb tlb = { { 16, 14 }, form & 1, form & 1, form & 1, 0xbeef };
			const unsigned shift = form & 2 ? 21 : 12;
			const uint64_t bytes = (uint64_t)n << shift, end = ends[form >> 3];
			const struct mm_tlb_gather g = gather(end ? end - bytes : 0, bytes, shift, form & 4);
			const unsigned tlbis = flush_guest(&tlb, &g);

			if (tlb.ranges)
				assert_in_range(tlbis, 1, n == 1 ? 1 : 5);
			else
				assert_int_equal(tlbis, n <= 32 ? n : 0);
		}
}

static void of_a_guest_order_alone_and_too_much_are_one_step(void **state)
{
	const struct mm_pt_aarch64_tlb tlb = { .ranges = true };
	const struct mm_tlb_gather sync = { .sync = true };
	const uint64_t most = UINT64_C(1) << 21;
	const struct mm_tlb_gather g = gather(0x1000, most << 12, 12, false);
	const struct mm_tlb_gather more = gather(0x1000, (most + 1) << 12, 12, false);

	(void)state;
	assert_int_equal(flush_guest(&tlb, &sync), 0);
	assert_int_equal(flush_guest(&tlb, &g), 1);
	assert_int_equal(flush_guest(&tlb, &more), 0);
	assert_int_equal(done[1].op, A64_VMALLS12E1IS);
}

/* Privileged architecture: what SFENCE.VMA, HFENCE.GVMA and what Svinval has forget, and in which order. */
static void look_riscv(const struct mm_pt_riscv64_tlb *tlb, bool guest, const struct mm_tlb_gather *g)
{
	static const enum rv64_tlb_op page[2][2][2] = {
		{ { RV64_SFENCE_VA, RV64_SFENCE_VA_ASID }, { RV64_SINVAL_VA, RV64_SINVAL_VA_ASID } },
		{ { RV64_HFENCE_VA, RV64_HFENCE_VA_VMID }, { RV64_HINVAL_VA, RV64_HINVAL_VA_VMID } },
	};
	static const enum rv64_tlb_op all[2][2] = { { RV64_SFENCE_ALL, RV64_SFENCE_ASID },
						    { RV64_HFENCE_ALL, RV64_HFENCE_VMID } };
	const bool whole = g->sync || g->tables || (g->last - g->start) >> g->min_shift >= 32;
	const unsigned around = tlb->svinval && !whole;
	uint64_t at = g->start;

	if (!g->flush && !g->sync) {
		assert_int_equal(ndone, 0);
		return;
	}
	if (whole) {
		assert_int_equal(ndone, 1);
		assert_int_equal(done[0].op, all[guest][tlb->one_space]);
		assert_int_equal(done[0].asid, tlb->one_space ? tlb->asid : 0);
		return;
	}
	if (around) {
		assert_int_equal(done[0].op, RV64_SFENCE_W_INVAL);
		assert_int_equal(done[ndone - 1].op, RV64_SFENCE_INVAL_IR);
	}
	for (unsigned i = around; i < ndone - around; i++) {
		assert_int_equal(done[i].op, page[guest][tlb->svinval][tlb->one_space]);
		assert_true(done[i].operand == (guest ? at / 4 : at));
		assert_int_equal(done[i].asid, tlb->one_space ? tlb->asid : 0);
		at += UINT64_C(1) << g->min_shift;
	}
	assert_true(at == g->last + 1);
}

static void on_riscv_pages_or_all_of_them_are_forgotten(void **state)
{
	(void)state;
	for (unsigned form = 0; form < 64; form++)
		for (unsigned n = 1; n < 40; n++) {
			const bool guest = form >> 5;
			const struct mm_pt_riscv64_tlb tlb = { .svinval = form & 1, .one_space = form >> 1 & 1, .asid = 5 };
			const unsigned shift = n & 1 ? 12 : 21;
			const mm_vaddr_t start = guest ? UINT64_C(0x1ff00000000) : UINT64_C(0xffffffc000000000);
			struct mm_tlb_gather g = gather(start, (uint64_t)n << shift, shift, form & 4);

			g.sync = form & 8;
			g.flush = form & 16;
			ndone = 0;
			rv64_tlb_flush(&tlb, guest, &g);
			look_riscv(&tlb, guest, &g);
		}
}

/* What an x86 forgot, and is to have forgotten: SDM 4.10.4.1. */
#define PGE      (UINT64_C(1) << 7)
#define CURRENT  (cr3 & 0xfff)
#define LARGE    (UINT64_C(1) << 21)
static struct {
	unsigned pages, cr3_writes, cr4_writes;
	uint64_t next;                   /* page by page up to here */
	bool this_pcid, this_global;     /* all of the PCID in question, all that is global */
	bool every_pcid;
	bool page_this, page_global; /* the pages up to `next` */
	bool stores_wait;            /* in this CPU, where its walks do not see them: "Serializing Instructions" */
	unsigned pcid;
} x86;

static void forget_page(uint64_t pcid, uint64_t va, bool global)
{
	assert_true(va == x86.next);
	x86.next += LARGE;
	x86.pages++;
	x86.page_this = pcid == x86.pcid;
	x86.page_global = global;
}

static void execute_x86(unsigned op, uint64_t *value)
{
	const bool waited = x86.stores_wait;

	if (op != X86_GET_CR3 && op != X86_GET_CR4)
		x86.stores_wait = false;
	switch (op) {
	case X86_MFENCE:
		break;
	case X86_GET_CR3:
		*value = cr3;
		break;
	case X86_GET_CR4:
		*value = cr4;
		break;
	case X86_SET_CR3:
		assert_true(*value == cr3); /* bit 63 clear too */
		x86.this_pcid = CURRENT == x86.pcid;
		x86.cr3_writes++;
		break;
	case X86_SET_CR4:
		assert_true((*value ^ cr4) == PGE);
		cr4 = *value;
		x86.every_pcid = x86.this_pcid = x86.this_global = true;
		x86.cr4_writes++;
		break;
	case X86_INVLPG:
		forget_page(CURRENT, *value, true);
		break;
	case X86_INVPCID_PAGE:
		assert_false(waited); /* INVPCID is not among the SDM's "Serializing Instructions" */
		forget_page(value[0], value[1], false);
		break;
	case X86_INVPCID_ONE:
		assert_false(waited);
		x86.this_pcid = value[0] == x86.pcid;
		assert_true(value[1] == 0);
		break;
	default:
		assert_int_equal(op, X86_INVPCID_ALL);
		assert_true(value[0] == 0 && value[1] == 0 && !waited);
		x86.every_pcid = x86.this_pcid = x86.this_global = true;
	}
}

static void flush_x86(const struct mm_pt_x86_64_tlb *tlb, const struct mm_tlb_gather *g)
{
	const uint64_t cr4_was = cr4;

	memset(&x86, 0, sizeof(x86));
	x86.next = g->start;
	x86.stores_wait = true;
	x86.pcid = tlb->one_space ? tlb->pcid : (unsigned)CURRENT;
	x86_64_tlb_flush(tlb, g);
	assert_true(cr4 == cr4_was);
	assert_true(x86.cr4_writes == 0 || x86.cr4_writes == 2);
}

/* How much must go: by page or more. */
static void look_x86(const struct mm_pt_x86_64_tlb *tlb, const struct mm_tlb_gather *g)
{
	const bool all_pages = x86.pages && x86.next == g->last + 1;
	const bool this_one = x86.this_pcid || (all_pages && x86.page_this);
	const bool global = x86.this_global || (all_pages && x86.page_global);

	if (!g->flush) {
		assert_true(x86.pages == 0 && !x86.this_pcid);
		return;
	}
	assert_true(x86.pages <= 32);
	assert_true(x86.pages == 0 || all_pages);
	if (tlb->one_space)
		assert_true(this_one);
	else if (tlb->pcids)
		assert_true(x86.every_pcid || (tlb->global && !g->tables && global));
	else
		assert_true(this_one && (global || x86.cr3_writes)); /* without PGE nothing is global */
}

static void on_x86_all_is_forgotten_that_has_to_be(void **state)
{
	(void)state;
	for (unsigned form = 0; form < 1024; form++)
		for (unsigned n = 1; n < 36; n++) {
			const bool pcids = form >> 1 & 1;
			const struct mm_pt_x86_64_tlb tlb = {
				.invpcid = form & 1, .pcids = pcids, .global = form >> 2 & 1,
				.one_space = form >> 3 & 1, .pcid = pcids ? 5 + (form >> 4 & 1) : 0,
			};
			struct mm_tlb_gather g = gather(UINT64_C(0xffff800000000000), n * LARGE, 21, form & 32);

			g.flush = form & 64;
			cr3 = 0x1234000 | (pcids ? 5 : 0);
			cr4 = form & 128 ? PGE | 0x20 : 0x20;
			flush_x86(&tlb, &g);
			look_x86(&tlb, &g);
		}
}

static void on_x86_one_space_leaves_the_others(void **state)
{
	const struct mm_pt_x86_64_tlb other = { .invpcid = true, .pcids = true, .one_space = true, .pcid = 6 };
	const struct mm_pt_x86_64_tlb current = { .pcids = true, .one_space = true, .pcid = 5 };
	const struct mm_tlb_gather few = gather(UINT64_C(0x100000000000), 3 * LARGE, 21, false);
	const struct mm_tlb_gather many = gather(UINT64_C(0x100000000000), 33 * LARGE, 21, false);

	(void)state;
	cr3 = 5;
	cr4 = PGE;
	flush_x86(&other, &few);
	assert_true(x86.pages == 3 && !x86.page_global && !x86.every_pcid);
	flush_x86(&other, &many);
	assert_true(x86.this_pcid && !x86.this_global && !x86.every_pcid);
	flush_x86(&current, &few);
	assert_true(x86.pages == 3 && !x86.every_pcid);
	flush_x86(&current, &many);
	assert_true(x86.cr3_writes == 1 && !x86.every_pcid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_range_is_cut_into_all_of_it),
		cmocka_unit_test(order_alone_wants_no_tlbi),
		cmocka_unit_test(without_ranges_pages_go_one_by_one_up_to_32),
		cmocka_unit_test(ranges_are_all_of_what_is_flushed),
		cmocka_unit_test(each_short_range_too),
		cmocka_unit_test(ranges_end_where_addresses_end),
		cmocka_unit_test(large_pages_are_a_range_of_small_ones),
		cmocka_unit_test(more_than_ranges_reach_is_everything),
		cmocka_unit_test(a_half_without_a_known_granule_has_no_ranges),
		cmocka_unit_test(registers_are_read_as_the_manual_has_them),
		cmocka_unit_test(a_guests_pages_are_forgotten_and_then_both_stages_as_one),
		cmocka_unit_test(of_a_guest_order_alone_and_too_much_are_one_step),
		cmocka_unit_test(on_riscv_pages_or_all_of_them_are_forgotten),
		cmocka_unit_test(on_x86_all_is_forgotten_that_has_to_be),
		cmocka_unit_test(on_x86_one_space_leaves_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
