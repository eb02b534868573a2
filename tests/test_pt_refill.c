/* SPDX-License-Identifier: MIT */
/* TLBs that software fills: a model of one that holds pairs of pages and gets what mm_pt_refill() says and nothing
 * else, over random operations, with accesses in between, and in the middle of operations too, where another CPU
 * would have them. What the halves mean is decoded here from the manuals (LoongArch: "TLB Entry Low-order Bits";
 * MIPS64, volume III: "EntryLo0 and EntryLo1 Registers"), what the tables mean by the oracle.
 * A half that is not valid is kept like any other. Two entries for one address are a machine check. Beside that, a
 * CPU may keep of smallest pages that nothing is there, whatever its TLB is like: the flush must reach that, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <mmlib/pt_formats.h>
#include <mmlib/pt_port.h>
#include <mmlib/pt_refill.h>
#include <mmlib/pt_tree.h>
#include "hook.h"
#include "pt_oracle.h"
#include "vmm/pt_core.h"

#define TLB_ENTRIES 24u
#define PAGE        ora_size(&ora, 0)
#define BIG         ora_size(&ora, 1)
#define RIGHTS      ((uint32_t)(MM_PT_READ | MM_PT_WRITE | MM_PT_EXEC | MM_PT_USER))

/* A half of an entry, as the CPU takes it. */
struct half {
	bool valid, write, global;
	uint32_t attr; /* the other rights, and the type */
	uint64_t pa;
	bool odd; /* bits that must be 0, or values that nobody sets */
};

struct cpu {
	enum mm_pt_format format;
	struct mm_pt_tlb tlb;
	struct half (*decode)(uint64_t lo);
	bool user; /* the TLB says who may */
};

struct entry {
	bool used;
	uint64_t va;
	unsigned shift;
	uint64_t lo[2];
	bool mapped[2]; /* by the tables when it was filled */
};

static struct ora ora;
static struct mm_pt pt;
static struct mm_tlb_gather g;
static const struct cpu *cpu;
static struct entry tlb[TLB_ENTRIES];
static uint64_t nothing[TLB_ENTRIES]; /* smallest pages that were looked for in vain; 1: none */
static const char *wrong;             /* what this TLB noticed, the first time */
static unsigned refills, replaced, faults, touched;
static uint64_t seed, focus;
static enum mm_status (*inner_alloc)(void *ctx, size_t bytes, mm_paddr_t *pa);
static void (*inner_flush)(void *ctx, const struct mm_tlb_gather *g);

static unsigned below(unsigned n)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(seed >> 33) % n;
}

static void violation(const char *what)
{
	if (!wrong)
		wrong = what;
}

/* ---- what the manuals say ---- */

#define BIT(n)      (UINT64_C(1) << (n))
#define FIELD(a, b) (lo >> (b) & (BIT((a) - (b) + 1) - 1))

/* 0 V, 1 D, 3:2 PLV, 5:4 MAT, 6 G, 47:12 PPN, 61 NR, 62 NX, 63 RPLV. */
static struct half loong_half(uint64_t lo)
{
	static const uint32_t mat[4] = { MM_PT_DEVICE, MM_PT_WB, MM_PT_WC, 0 };
	struct half h = { .valid = lo & BIT(0), .write = lo & BIT(1), .global = lo & BIT(6) };

	h.attr = (lo & BIT(61) ? 0u : (uint32_t)MM_PT_READ) |
		 (lo & BIT(62) ? 0u : (uint32_t)MM_PT_EXEC) |
		 (FIELD(3, 2) == 3 ? (uint32_t)MM_PT_USER : 0u) | mat[FIELD(5, 4)];
	h.pa = FIELD(47, 12) << 12;
	h.odd = FIELD(11, 7) || FIELD(60, 48) || (lo & BIT(63)) || FIELD(5, 4) == 3 ||
		FIELD(3, 2) == 1 || FIELD(3, 2) == 2;
	return h;
}

/* 0 G, 1 V, 2 D, 5:3 C, PFN from 6 on, 62 XI, 63 RI. */
static struct half mips_half(uint64_t lo)
{
	struct half h = { .valid = lo & BIT(1), .write = lo & BIT(2), .global = lo & BIT(0) };
	uint64_t c = FIELD(5, 3);

	h.attr = (lo & BIT(63) ? 0u : (uint32_t)MM_PT_READ) |
		 (lo & BIT(62) ? 0u : (uint32_t)MM_PT_EXEC) |
		 (c == 2   ? MM_PT_DEVICE
		  : c == 7 ? MM_PT_WC
			   : MM_PT_WB);
	h.pa = FIELD(52, 6) << 12;
	h.odd = FIELD(61, 53) || (h.valid && c != 2 && c != 3 && c != 7);
	return h;
}

static const struct cpu cpus[] = {
	{ MM_PT_LOONGARCH64, MM_PT_TLB_LOONGARCH64, loong_half, true },
	{ MM_PT_LOONGARCH64_HIGH, MM_PT_TLB_LOONGARCH64, loong_half, true },
	{ MM_PT_LOONGARCH64_16K, MM_PT_TLB_LOONGARCH64, loong_half, true },
	{ MM_PT_LOONGARCH64_16K_HIGH, MM_PT_TLB_LOONGARCH64, loong_half, true },
	{ MM_PT_MIPS64, MM_PT_TLB_MIPS64, mips_half, false },
};
#define CPUS (sizeof(cpus) / sizeof(cpus[0]))

/* ---- the TLB ---- */

static uint64_t end_of(const struct entry *e)
{
	return e->va + ((BIT(e->shift) * 2) - 1);
}

static struct entry *find(uint64_t va)
{
	struct entry *found = NULL;

	for (unsigned i = 0; i < TLB_ENTRIES; i++)
		if (tlb[i].used && va >= tlb[i].va && va <= end_of(&tlb[i]))
			found = &tlb[i];
	return found;
}

/* The refill exception; with an entry that was found, what the invalid and the modified exceptions end with. NULL:
 * there is nothing to write. */
static struct entry *fill(uint64_t va, struct entry *into)
{
	struct mm_pt_pair pair = { .shift = 0 };
	enum mm_status st = mm_pt_refill(&pt, &cpu->tlb, va, &pair);

	assert_true(st == MM_OK || st == MM_E_NOENT);
	if (st != MM_OK) {
		if (!ora_walk(&ora, va).attr)
			nothing[below(TLB_ENTRIES)] = va & ~(PAGE - 1);
		return NULL;
	}
	assert_true(va >= pair.va && va - pair.va < BIT(pair.shift) * 2);
	if (!into)
		into = &tlb[below(TLB_ENTRIES)];
	*into = (struct entry){ true, pair.va, pair.shift, { pair.lo[0], pair.lo[1] }, { false } };
	for (unsigned i = 0; i < TLB_ENTRIES; i++)
		if (&tlb[i] != into && tlb[i].used && tlb[i].va <= end_of(into) &&
		    end_of(&tlb[i]) >= into->va)
			violation("machine check: two entries for one address");
	for (unsigned h = 0; h < 2; h++)
		into->mapped[h] = ora_walk(&ora, into->va + h * BIT(into->shift)).attr != 0;
	refills++;
	return into;
}

/* Does the flush step on any byte of [va, last]? */
static bool steps_on(const struct mm_tlb_gather *what, uint64_t va, uint64_t last)
{
	const uint64_t step = BIT(mm_pt_refill_step(&cpu->tlb, what));
	uint64_t at = what->start & ~(step - 1);

	if (va > at)
		at += (va - at + step - 1) / step * step;
	return at <= last && at <= what->last;
}

static void drop(const struct mm_tlb_gather *what)
{
	for (unsigned i = 0; i < TLB_ENTRIES && what->flush; i++) {
		if (steps_on(what, tlb[i].va, end_of(&tlb[i])))
			tlb[i].used = false;
		if (steps_on(what, nothing[i], nothing[i] + (PAGE - 1)))
			nothing[i] = 1;
	}
}

static uint64_t somewhere(void)
{
	if (below(2))
		return focus + below(6) * PAGE;
	return (focus & ~(BIG - 1)) + below((unsigned)(BIG / PAGE)) * PAGE;
}

/* Another CPU, in the middle of an operation. */
static void meanwhile(void)
{
	for (unsigned n = below(4); n > 0; n--) {
		uint64_t va = somewhere();
		if (!find(va))
			fill(va, NULL);
		if (below(4) == 0 &&
		    mm_pt_touch(&pt, va, below(2) ? MM_PT_WRITE : MM_PT_READ) == MM_OK)
			touched++;
	}
}

static void flush(void *ctx, const struct mm_tlb_gather *what)
{
	meanwhile();
	inner_flush(ctx, what);
	drop(what);
	meanwhile();
}

static enum mm_status alloc(void *ctx, size_t bytes, mm_paddr_t *pa)
{
	if (pt.port)
		meanwhile();
	return inner_alloc(ctx, bytes, pa);
}

static bool allows(const struct half *h, uint32_t access)
{
	uint32_t attr = h->attr | (h->write ? (uint32_t)MM_PT_WRITE : 0u);

	return h->valid &&
	       !(access & ~attr & (cpu->user ? RIGHTS : RIGHTS & ~(uint32_t)MM_PT_USER));
}

/* An access, with the exceptions that it takes. */
static void use(uint64_t va, uint32_t access)
{
	const struct ora_run truth = ora_walk(&ora, va);
	const bool may = truth.attr && !(access & ~truth.attr);
	struct entry *e = find(va);

	if (!e)
		e = fill(va, NULL);
	struct half h = { .valid = false };
	if (e)
		h = cpu->decode(e->lo[va >> e->shift & 1]);
	if (!allows(&h, access)) {
		enum mm_status st = mm_pt_touch(&pt, va, access);
		if (st != (may ? MM_OK : truth.attr ? MM_E_PERM : MM_E_NOENT))
			violation("a touch that the tables do not say");
		if (st != MM_OK) {
			faults++;
			return;
		}
		e = fill(va, e);
		assert_non_null(e);
		h = cpu->decode(e->lo[va >> e->shift & 1]);
		replaced++;
	}
	if (!may || !allows(&h, access))
		violation("an access that the tables do not say");
	if ((h.pa & ~(BIT(e->shift) - 1)) + (va & (BIT(e->shift) - 1)) !=
	    truth.pa + (va - truth.va))
		violation("an access to another frame");
	uint32_t seen = ora_walk(&ora, va).attr;
	if (!(seen & MM_PT_ACCESSED) || ((access & MM_PT_WRITE) && !(seen & MM_PT_DIRTY)))
		violation("an access that is not told");
}

/* One page of a half against the tables. */
static void check_page(const struct entry *e, unsigned i, uint64_t va)
{
	const struct half h = cpu->decode(e->lo[i]);
	const struct ora_run truth = ora_walk(&ora, va);
	const uint32_t same = MM_PT_READ | MM_PT_EXEC | MM_PT_USER | MM_PT_TYPE;

	if (h.odd)
		violation("bits that must be zero");
	if (!h.valid) {
		if (truth.attr && !e->mapped[i])
			violation("a half that was not valid survived what made it so");
		return;
	}
	if (!truth.attr || !(truth.attr & MM_PT_ACCESSED))
		violation("a half is valid, and the tables do not say so");
	else if (h.pa + (va & (BIT(e->shift) - 1)) != truth.pa + (va - truth.va))
		violation("a half leads elsewhere");
	else if ((h.attr ^ truth.attr) & same)
		violation("a half has other rights, or another type");
	else if (h.write &&
		 (truth.attr & (MM_PT_WRITE | MM_PT_DIRTY)) != (MM_PT_WRITE | MM_PT_DIRTY))
		violation("a half may be written, and its page is not dirty");
	else if (h.global && !(truth.attr & MM_PT_GLOBAL))
		violation("a half is global");
}

static void check_tlb(void)
{
	for (unsigned i = 0; i < TLB_ENTRIES; i++) {
		const struct entry *e = &tlb[i];
		if (nothing[i] != 1 && ora_walk(&ora, nothing[i]).attr)
			violation("that nothing was there survived what was mapped there");
		if (!e->used)
			continue;
		for (unsigned h = 0; h < 2; h++) {
			uint64_t va = e->va + h * BIT(e->shift), last = va + (BIT(e->shift) - 1);
			check_page(e, h, va);
			check_page(e, h, (va + (last - va) / 2) & ~(PAGE - 1));
			check_page(e, h, last & ~(PAGE - 1));
		}
		if (cpu->decode(e->lo[0]).global != cpu->decode(e->lo[1]).global)
			violation("one half is global");
	}
}

/* ---- operations ---- */

static void start(const struct cpu *which)
{
	const struct mm_pt_cfg cfg = { .allow_wx = true };

	if (!ora.mem)
		ora_init(&ora, 0x40000000, 512);
	cpu = which;
	ora_reset(&ora);
	ora_set_arch(&ora, ora_formats[cpu->format]);
	if (inner_alloc) {
		ora.env.alloc_table = inner_alloc;
		ora.env.flush = inner_flush;
	}
	inner_alloc = ora.env.alloc_table;
	inner_flush = ora.env.flush;
	pt = (struct mm_pt){ .port = NULL };
	g = (struct mm_tlb_gather){ .flush = false };
	ora.env.alloc_table = alloc;
	ora.env.flush = flush;
	ora.pa_bits = mm_pt_format(cpu->format)->pa_bits;
	ora.pa_bits = ora.pa_bits < MM_PADDR_BITS ? ora.pa_bits : MM_PADDR_BITS;
	assert_int_equal(mm_pt_init(&pt, mm_pt_format(cpu->format), &ora.env, &cfg), MM_OK);
	ora.pt = &pt;
	ora_observe(&ora);
	ora.unordered = ora.new_table = false;
	memset(tlb, 0, sizeof(tlb));
	for (unsigned i = 0; i < TLB_ENTRIES; i++)
		nothing[i] = 1;
	wrong = NULL;
	refills = replaced = faults = touched = 0;
}

static void stop(void)
{
	ora.pt = NULL;
	assert_int_equal(mm_pt_destroy(&pt), MM_OK);
	assert_int_equal(ora.used, 0);
	assert_null(ora.wrong);
}

static uint64_t base(void)
{
	return ora.arch->half == ORA_ONES ? ~(BIT(ora_va_bits(ora.arch)) - 1) : 0;
}

static uint32_t some_attr(void)
{
	static const uint32_t types[4] = { MM_PT_WB, MM_PT_WB, MM_PT_WC, MM_PT_DEVICE };
	uint32_t attr = MM_PT_READ | types[below(4)];

	attr |= below(2) ? (uint32_t)MM_PT_WRITE : 0u;
	attr |= below(2) ? (uint32_t)MM_PT_EXEC : 0u;
	attr |= below(2) ? (uint32_t)MM_PT_TRACK : 0u;
	attr |= below(2) ? (uint32_t)MM_PT_GLOBAL : 0u;
	return attr | (cpu->user && below(2) ? (uint32_t)MM_PT_USER : 0u);
}

static void age(uint64_t va, uint64_t length)
{
	mm_paddr_t pa[64];
	struct mm_pt_leaves leaves = { .pa = pa, .room = 64 };
	struct mm_pt_cur cur;

	assert_int_equal(mm_pt_cur_init(&cur, &pt, va, length), MM_OK);
	while (mm_pt_age(&pt, &cur, below(2) ? MM_PT_ACCESSED : MM_PT_DIRTY, &g, &leaves) == MM_OK)
		;
}

/* What fails, fails for reasons that other tests are about: here, only what the TLB makes of it matters. */
static void operate(void)
{
	const bool big = below(2);
	uint64_t length = big ? BIG : (1 + below(9)) * PAGE;
	uint64_t va = base() + below(3) * BIG + (big ? 0 : below(12) * PAGE);
	mm_paddr_t pa = (mm_paddr_t)(0x10000000 + (va - base()) + (below(3) ? 0 : PAGE));
	enum mm_status st = MM_OK;

	focus = va;
	switch (below(8)) {
	case 0:
	case 1:
		st = mm_pt_map(&pt, va, pa, length, some_attr(), below(3) ? 0 : MM_PT_MAX_LEVEL(0),
			       &g);
		break;
	case 2:
		st = mm_pt_unmap(&pt, va, length, 0, &g);
		break;
	case 3:
	case 4:
		st = mm_pt_protect(&pt, va, length, some_attr(), 0, &g);
		break;
	case 5:
		st = mm_pt_split(&pt, va, length, MM_PT_MAX_LEVEL(0), &g);
		break;
	case 6:
		st = mm_pt_collapse(&pt, va & ~(BIG - 1), BIG, 0, &g);
		break;
	default:
		age(va, length);
	}
	assert_true(st == MM_OK || st == MM_E_EXIST || st == MM_E_NOENT);
}

static const char *run(const struct cpu *which, unsigned plant, unsigned ops)
{
	start(which);
	mm_hook_plant = plant;
	for (unsigned n = 0; n < ops && !wrong; n++) {
		operate();
		if (!plant)
			ora_check_gather(&ora, &g);
		mm_pt_sync(&pt, &g);
		check_tlb();
		for (unsigned k = 0; k < 8 && !wrong; k++)
			use(somewhere() + below((unsigned)PAGE),
			    (below(2)   ? MM_PT_READ
			     : below(3) ? MM_PT_WRITE
					: MM_PT_EXEC) |
				    (cpu->user && below(2) ? (uint32_t)MM_PT_USER : 0u));
		check_tlb();
		if (!plant && ora.wrong)
			violation(ora.wrong);
	}
	mm_hook_plant = 0;
	if (plant)
		ora.wrong = NULL; /* it sees such things, too: here, this TLB is to */
	stop();
	return wrong;
}

static void a_tlb_of_pairs_holds_what_the_tables_say(void **state)
{
	(void)state;
	for (unsigned k = 0; k < CPUS; k++) {
		const bool large = mm_pt_format(cpus[k].format)->nlevels ==
				   3; /* tables take long to look at */
		seed = 42 + k;
		const char *seen = run(&cpus[k], 0, large ? 200 : 500);
		if (seen)
			fail_msg("%s: %s", ora.arch->name, seen);
		print_message("%s: %u refills, %u entries replaced, %u faults\n", ora.arch->name,
			      refills, replaced, faults);
		assert_true(refills > 200 && replaced > 30 && faults > 300 && touched > 10);
	}
}

#if MM_HOOKS
static void each_omission_is_noticed(void **state)
{
	static const unsigned plants[] = {
		MM_PLANT_MASK_FLUSH,  MM_PLANT_MASK_RIGHTS,   MM_PLANT_MASK_OTHER,
		MM_PLANT_MASK_SYNC,   MM_PLANT_MASK_BREAK,    MM_PLANT_REFILL_DIRTY,
		MM_PLANT_REFILL_HALF, MM_PLANT_REFILL_GLOBAL,
	};
	(void)state;
	for (unsigned k = 0; k < CPUS; k++) {
		for (unsigned i = 0; i < sizeof(plants) / sizeof(plants[0]); i++) {
			seed = 7;
			const char *seen = run(&cpus[k], plants[i], 20000);
			if (!seen)
				fail_msg("%s: bug %u was not noticed", ora.arch->name, plants[i]);
		}
	}
}
#endif

/* ---- one by one ---- */

static void map_one(uint64_t va, mm_paddr_t pa, uint64_t length, uint32_t attr)
{
	assert_int_equal(mm_pt_map(&pt, va, pa, length, attr, 0, &g), MM_OK);
	mm_pt_sync(&pt, &g);
}

static void pairs_are_those_of_the_manuals(void **state)
{
	struct mm_pt_pair pair;

	(void)state;
	start(&cpus[4]);
	map_one(0x3000, 0x5000, 0x1000, MM_PT_READ | MM_PT_WRITE | MM_PT_GLOBAL);
	assert_int_equal(mm_pt_refill(&pt, &cpu->tlb, 0x3abc, &pair), MM_OK);
	assert_int_equal(pair.va, 0x2000);
	assert_int_equal(pair.shift, 12);
	assert_true(pair.lo[0] == 0 && pair.lo[1] == UINT64_C(0x400000000000015e));
	assert_int_equal(mm_pt_pair_mask(&pair), 0);
	pair.shift = 77;
	assert_int_equal(mm_pt_refill(&pt, &cpu->tlb, 0x2abc, &pair), MM_E_NOENT);
	assert_int_equal(pair.shift, 77);
	map_one(0x2000, 0x9000, 0x1000, MM_PT_READ | MM_PT_EXEC | MM_PT_GLOBAL);
	assert_int_equal(mm_pt_refill(&pt, &cpu->tlb, 0x3abc, &pair), MM_OK);
	assert_true(pair.lo[0] == 0x25b && pair.lo[1] == UINT64_C(0x400000000000015f));
	map_one(0x40000000, 0x40000000, 0x40000000,
		MM_PT_READ | MM_PT_WRITE); /* too large for its pages */
	assert_int_equal(mm_pt_refill(&pt, &cpu->tlb, 0x74000000, &pair), MM_OK);
	assert_int_equal(pair.va, 0x60000000);
	assert_int_equal(pair.shift, 28);
	assert_int_equal(mm_pt_pair_mask(&pair), 0x1fffe000);
	assert_true(pair.lo[1] == (UINT64_C(0x4000000000000000) | 0x70000000 >> 6 | 0x1e));
	stop();
	start(&cpus[0]);
	map_one(0x200000, 0x600000, 0x200000, MM_PT_READ | MM_PT_EXEC | MM_PT_GLOBAL | MM_PT_USER);
	assert_int_equal(mm_pt_refill(&pt, &cpu->tlb, 0x234567, &pair), MM_OK);
	assert_int_equal(pair.va, 0x200000);
	assert_int_equal(pair.shift, 20);
	assert_true(pair.lo[0] == 0x60005d && pair.lo[1] == 0x70005d);
	stop();
}

/* A TLB with one page an entry, and one whose smallest is larger than the tree's. */
static void other_tlbs_are_data(void **state)
{
	struct mm_pt_tlb one = MM_PT_TLB_MIPS64;
	struct mm_pt_pair pair = { .shift = 77 };

	(void)state;
	start(&cpus[0]);
	map_one(0x200000, 0x600000, 0x200000, MM_PT_READ | MM_PT_WRITE);
	one.single = true;
	assert_int_equal(mm_pt_refill(&pt, &one, 0x3fffff, &pair), MM_OK);
	assert_true(pair.va == 0x300000 && pair.shift == 20 && pair.lo[1] == 0);
	assert_true(pair.lo[0] == (UINT64_C(0x4000000000000000) | 0x700000 >> 6 | 0x1e));
	one.type[0] = UINT64_MAX;
	assert_int_equal(mm_pt_refill(&pt, &one, 0x3fffff, &pair), MM_E_NOENT);
	one.sizes = BIT(16);
	pair.shift = 77;
	assert_int_equal(mm_pt_refill(&pt, &one, 0, &pair), MM_E_NOTSUP);
	assert_int_equal(pair.shift, 77);
	stop();
}

static void mistakes_are_refused(void **state)
{
	struct mm_pt_pair pair = { .shift = 77 };
	struct mm_pt none = { .port = NULL };

	(void)state;
	start(&cpus[0]);
	assert_int_equal(mm_pt_refill(NULL, &cpu->tlb, 0, &pair), MM_E_INVAL);
	assert_int_equal(mm_pt_refill(&pt, NULL, 0, &pair), MM_E_INVAL);
	assert_int_equal(mm_pt_refill(&pt, &cpu->tlb, 0, NULL), MM_E_INVAL);
	assert_int_equal(mm_pt_refill(&none, &cpu->tlb, 0, &pair), MM_E_STATE);
	assert_int_equal(mm_pt_refill(&pt, &cpu->tlb, BIT(47), &pair), MM_E_RANGE);
	assert_int_equal(pair.shift, 77);
	assert_int_equal(mm_pt_touch(NULL, 0, 0), MM_E_INVAL);
	assert_int_equal(mm_pt_touch(&pt, 0, MM_PT_GLOBAL), MM_E_INVAL);
	assert_int_equal(mm_pt_touch(&none, 0, 0), MM_E_STATE);
	assert_int_equal(mm_pt_touch(&pt, BIT(47), 0), MM_E_RANGE);
	assert_int_equal(mm_pt_touch(&pt, 0, 0), MM_E_NOENT);
	map_one(0, 0x5000, 0x1000, MM_PT_READ | MM_PT_TRACK);
	assert_int_equal(mm_pt_touch(&pt, 0, MM_PT_WRITE), MM_E_PERM);
	assert_int_equal(mm_pt_touch(&pt, 0, MM_PT_READ | MM_PT_USER), MM_E_PERM);
	assert_int_equal(mm_pt_refill(&pt, &cpu->tlb, 0, &pair), MM_E_NOENT);
	assert_int_equal(mm_pt_touch(&pt, 0, MM_PT_READ), MM_OK);
	assert_int_equal(mm_pt_refill(&pt, &cpu->tlb, 0, &pair), MM_OK);
	stop();
}

/* A leaf that is larger than the largest pair is in the TLB in pieces, and a flush must reach each of them. */
static void a_flush_steps_on_each_piece_of_a_leaf(void **state)
{
	(void)state;
	start(&cpus[4]);
	map_one(0x40000000, 0x40000000, 0x40000000, MM_PT_READ | MM_PT_WRITE);
	assert_non_null(fill(0x44000000, NULL));
	assert_non_null(fill(0x74000000, NULL));
	assert_int_equal(mm_pt_unmap(&pt, 0x40000000, 0x40000000, 0, &g), MM_OK);
	mm_pt_sync(&pt, &g);
	assert_null(find(0x44000000));
	assert_null(find(0x74000000));
	assert_null(wrong);
	stop();
}

static void steps_are_as_small_as_what_a_refill_makes(void **state)
{
	struct mm_pt_tlb tlb_of_16m = { .sizes = BIT(12) | BIT(24) };
	const struct mm_pt_tlb mips = MM_PT_TLB_MIPS64, loong = MM_PT_TLB_LOONGARCH64;
	struct mm_tlb_gather what = { .min_shift = 12 };

	(void)state;
	assert_int_equal(mm_pt_refill_step(&mips, &what), 12);
	what.min_shift = 21;
	assert_int_equal(mm_pt_refill_step(&mips, &what), 21);
	assert_int_equal(mm_pt_refill_step(&tlb_of_16m, &what), 13);
	tlb_of_16m.single = true;
	assert_int_equal(mm_pt_refill_step(&tlb_of_16m, &what), 12);
	what.min_shift = 30;
	assert_int_equal(mm_pt_refill_step(&tlb_of_16m, &what), 24);
	assert_int_equal(mm_pt_refill_step(&mips, &what), 29);
	assert_int_equal(mm_pt_refill_step(&loong, &what), 30);
	what.min_shift = 0;
	assert_int_equal(mm_pt_refill_step(&mips, &what), 0);
	assert_int_equal(mm_pt_refill_step(NULL, &what), 0);
	assert_int_equal(mm_pt_refill_step(&mips, NULL), 0);
}

/* Its addresses are those inside a segment, which says who may use them. */
static void a_tree_of_mips64_is_one_segment(void **state)
{
	const uint64_t xkseg = UINT64_C(0xc000000000000000);
	struct mm_pt_pair pair;

	(void)state;
	start(&cpus[4]);
	map_one(0x3000, 0x5000, 0x1000, MM_PT_READ | MM_PT_TRACK);
	assert_int_equal(mm_pt_touch(&pt, xkseg + 0x3000, MM_PT_READ), MM_E_RANGE);
	assert_int_equal(mm_pt_touch(&pt, 0x3000, MM_PT_READ | MM_PT_USER), MM_E_PERM);
	assert_int_equal(mm_pt_touch(&pt, 0x3000, MM_PT_READ), MM_OK);
	assert_int_equal(mm_pt_refill(&pt, &cpu->tlb, xkseg + 0x3000, &pair), MM_E_RANGE);
	assert_int_equal(mm_pt_refill(&pt, &cpu->tlb, 0x3000, &pair), MM_OK);
	stop();
}

/* Writers store over an entry without a look back unless the format says that hardware changes it. */
static void a_touch_sets_only_what_writers_expect(void **state)
{
	const struct mm_pt_cfg cfg = { .allow_wx = true };

	(void)state;
	if (!ora.mem)
		ora_init(&ora, 0x40000000, 512);
	for (int f = 0; f < MM_PT_FORMATS; f++) {
		const struct mm_pt_port *port = mm_pt_format((enum mm_pt_format)f);
		const uint64_t va = port->extension == MM_PT_VA_ONES ? ~(BIT(24) - 1) : BIT(24);
		uint32_t attr = MM_PT_READ | MM_PT_WRITE | MM_PT_TRACK;
		ora_set_arch(&ora, ora_formats[f]);
		if (inner_alloc) {
			ora.env.alloc_table = inner_alloc;
			ora.env.flush = inner_flush;
		}
		assert_int_equal(mm_pt_init(&pt, port, &ora.env, &cfg), MM_OK);
		if (port->check(&pt, attr) != MM_OK) /* ia32; s390x */
			attr ^= port->check(&pt, attr | MM_PT_EXEC) == MM_OK ? MM_PT_EXEC
									     : MM_PT_TRACK;
		assert_int_equal(mm_pt_map(&pt, va, 0x10000, ora_size(&ora, 0), attr, 0, &g),
				 MM_OK);
		struct pt_at was = pt_seek(&pt, port, va);
		enum mm_status st = mm_pt_touch(&pt, va, MM_PT_WRITE);
		struct pt_at is = pt_seek(&pt, port, va);
		assert_true(st == MM_OK || st == MM_E_NOTSUP);
		if ((was.entry ^ is.entry) & ~port->hw_volatile)
			fail_msg("%s: a touch that a writer may lose", port->name);
		assert_int_equal(mm_pt_unmap(&pt, va, ora_size(&ora, 0), 0, &g), MM_OK);
		mm_pt_sync(&pt, &g);
		assert_int_equal(mm_pt_destroy(&pt), MM_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_are_those_of_the_manuals),
		cmocka_unit_test(other_tlbs_are_data),
		cmocka_unit_test(mistakes_are_refused),
		cmocka_unit_test(a_tree_of_mips64_is_one_segment),
		cmocka_unit_test(a_touch_sets_only_what_writers_expect),
		cmocka_unit_test(a_flush_steps_on_each_piece_of_a_leaf),
		cmocka_unit_test(steps_are_as_small_as_what_a_refill_makes),
		cmocka_unit_test(a_tlb_of_pairs_holds_what_the_tables_say),
#if MM_HOOKS
		cmocka_unit_test(each_omission_is_noticed),
#endif
	};
	return cmocka_run_group_tests_name("pt_refill", tests, NULL, NULL);
}
