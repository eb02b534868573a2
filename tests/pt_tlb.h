/* SPDX-License-Identifier: MIT */
/* A model of a TLB that holds pairs of pages and gets what mm_pt_refill() says and nothing else, for tests of what
 * software fills. What the halves mean is decoded here from the manuals (LoongArch: "TLB Entry Low-order Bits";
 * MIPS64, volume III: "EntryLo0 and EntryLo1 Registers"), what the tables mean by the oracle.
 * A half that is not valid is kept like any other. Two entries for one address are a machine check. Beside that, a
 * CPU may keep of smallest pages that nothing is there, whatever its TLB is like: the flush must reach that, too. */
#ifndef PT_TLB_H
#define PT_TLB_H
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
static uint64_t watched;         /* an address... */
static uint32_t watched_attr;    /* ...and what the tables said of it at the last flush */
static uint64_t seed, focus;
static enum mm_status (*inner_alloc)(void *ctx, size_t bytes, mm_paddr_t *pa);
static void (*inner_flush)(void *ctx, const struct mm_tlb_gather *g);

static inline unsigned below(unsigned n)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(seed >> 33) % n;
}

static inline void violation(const char *what)
{
	if (!wrong)
		wrong = what;
}

/* ---- what the manuals say ---- */

#define BIT(n)      (UINT64_C(1) << (n))
#define FIELD(a, b) (lo >> (b) & (BIT((a) - (b) + 1) - 1))

/* 0 V, 1 D, 3:2 PLV, 5:4 MAT, 6 G, 47:12 PPN, 61 NR, 62 NX, 63 RPLV. */
static inline struct half loong_half(uint64_t lo)
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
static inline struct half mips_half(uint64_t lo)
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

static inline uint64_t end_of(const struct entry *e)
{
	return e->va + ((BIT(e->shift) * 2) - 1);
}

static inline struct entry *find(uint64_t va)
{
	struct entry *found = NULL;

	for (unsigned i = 0; i < TLB_ENTRIES; i++)
		if (tlb[i].used && va >= tlb[i].va && va <= end_of(&tlb[i]))
			found = &tlb[i];
	return found;
}

/* The refill exception; with an entry that was found, what the invalid and the modified exceptions end with. NULL:
 * there is nothing to write. */
static inline struct entry *fill(uint64_t va, struct entry *into)
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
static inline bool steps_on(const struct mm_tlb_gather *what, uint64_t va, uint64_t last)
{
	const uint64_t step = BIT(mm_pt_refill_step(&cpu->tlb, what));
	uint64_t at = what->start & ~(step - 1);

	if (va > at)
		at += (va - at + step - 1) / step * step;
	return at <= last && at <= what->last;
}

static inline void drop(const struct mm_tlb_gather *what)
{
	for (unsigned i = 0; i < TLB_ENTRIES && what->flush; i++) {
		if (steps_on(what, tlb[i].va, end_of(&tlb[i])))
			tlb[i].used = false;
		if (steps_on(what, nothing[i], nothing[i] + (PAGE - 1)))
			nothing[i] = 1;
	}
}

static inline uint64_t somewhere(void)
{
	if (below(2))
		return focus + below(6) * PAGE;
	return (focus & ~(BIG - 1)) + below((unsigned)(BIG / PAGE)) * PAGE;
}

/* Another CPU, in the middle of an operation. */
static inline void meanwhile(void)
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

static inline void flush(void *ctx, const struct mm_tlb_gather *what)
{
	meanwhile();
	watched_attr = ora_walk(&ora, watched).attr;
	inner_flush(ctx, what);
	drop(what);
	meanwhile();
}

static inline enum mm_status alloc(void *ctx, size_t bytes, mm_paddr_t *pa)
{
	if (pt.port)
		meanwhile();
	return inner_alloc(ctx, bytes, pa);
}

static inline bool allows(const struct half *h, uint32_t access)
{
	uint32_t attr = h->attr | (h->write ? (uint32_t)MM_PT_WRITE : 0u);

	return h->valid &&
	       !(access & ~attr & (cpu->user ? RIGHTS : RIGHTS & ~(uint32_t)MM_PT_USER));
}

/* An access, with the exceptions that it takes. */
static inline void use(uint64_t va, uint32_t access)
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
static inline void check_page(const struct entry *e, unsigned i, uint64_t va)
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

static inline void check_tlb(void)
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

/* ---- a tree, and its TLB ---- */

static inline void start(const struct cpu *which)
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

static inline void stop(void)
{
	ora.pt = NULL;
	assert_int_equal(mm_pt_destroy(&pt), MM_OK);
	assert_int_equal(ora.used, 0);
	assert_null(ora.wrong);
}

static inline uint64_t base(void)
{
	return ora.arch->half == ORA_ONES ? ~(BIT(ora_va_bits(ora.arch)) - 1) : 0;
}

static inline void map_one(uint64_t va, mm_paddr_t pa, uint64_t length, uint32_t attr)
{
	assert_int_equal(mm_pt_map(&pt, va, pa, length, attr, 0, &g), MM_OK);
	mm_pt_sync(&pt, &g);
}
#endif
