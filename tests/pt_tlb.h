/* SPDX-License-Identifier: MIT */
/* A model of a TLB that holds pairs of pages and gets what mm_pt_refill() says and nothing else, for tests of what
 * software fills. What the halves mean is decoded here from the manuals (LoongArch: "TLB Entry Low-order Bits";
 * MIPS64, volume III: "EntryLo0 and EntryLo1 Registers"), what the tables mean by the oracle.
 * A half that is not valid is kept like any other. Two entries for one address are a machine check. Beside that, a
 * CPU may keep of smallest pages that nothing is there, whatever its TLB is like: the flush must reach that, too.
 * The TLB holds entries of several trees: of user address spaces, each with an ASID of its own, and of one that all of
 * them have in common, the kernel's, whose pages are all global, or have all the ASID that was current. A flush of a tree
 * drops its entries, whatever ASID they have. A test of one tree uses the first. */
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
#define TREES       3u
#define PAGE        ora_size(&tree->ora, 0)
#define BIG         ora_size(&tree->ora, 1)
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

struct tree;
struct entry {
	bool used;
	const struct tree *of;
	unsigned asid;
	uint64_t va;
	unsigned shift;
	uint64_t lo[2];
	bool mapped[2]; /* by the tables when it was filled */
};

/* A smallest page that was looked for in vain. */
struct nothing {
	const struct tree *of; /* NULL: none */
	uint64_t va;
};

struct tree {
	struct ora ora;
	struct mm_pt pt;
	struct mm_tlb_gather g;
	const struct cpu *cpu;
	unsigned asid;  /* 0: the kernel's */
	unsigned life;  /* how often it began */
	uint64_t focus; /* near what changed last */
	enum mm_status (*inner_alloc)(void *ctx, size_t bytes, mm_paddr_t *pa);
	void (*inner_flush)(void *ctx, const struct mm_tlb_gather *g);
};

static struct tree trees[TREES], *tree = trees; /* the one at work */
static unsigned ntrees = 1, asid;               /* the current one */
static struct entry tlb[TLB_ENTRIES];
static struct nothing nothing[TLB_ENTRIES];
static bool asid_only;                /* planted: a flush drops what the current ASID has */
static const char *wrong;             /* what this TLB noticed, the first time */
static unsigned refills, replaced, faults, touched;
static uint64_t watched;         /* an address... */
static uint32_t watched_attr;    /* ...and what the tables said of it at the last flush */
static uint64_t seed;

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

/* The ASID that a tree's entries get now. */
static inline unsigned asid_of(const struct tree *t)
{
	return t->asid ? t->asid : asid;
}

static inline bool is_global(const struct entry *e)
{
	return e->of->cpu->decode(e->lo[0]).global && e->of->cpu->decode(e->lo[1]).global;
}

static inline struct entry *find(uint64_t va)
{
	struct entry *found = NULL;

	for (unsigned i = 0; i < TLB_ENTRIES; i++)
		if (tlb[i].used && tlb[i].of == tree && (tlb[i].asid == asid_of(tree) || is_global(&tlb[i])) &&
		    va >= tlb[i].va && va <= end_of(&tlb[i]))
			found = &tlb[i];
	return found;
}

/* May two entries be found with one ASID? */
static inline bool meet(const struct entry *a, const struct entry *b)
{
	return a->of == b->of && (a->asid == b->asid || is_global(a) || is_global(b));
}

/* The refill exception; with an entry that was found, what the invalid and the modified exceptions end with. NULL:
 * there is nothing to write. */
static inline struct entry *fill(uint64_t va, struct entry *into)
{
	struct mm_pt_pair pair = { .shift = 0 };
	enum mm_status st = mm_pt_refill(&tree->pt, &tree->cpu->tlb, va, &pair);

	assert_true(st == MM_OK || st == MM_E_NOENT);
	if (st != MM_OK) {
		if (!ora_walk(&tree->ora, va).attr)
			nothing[below(TLB_ENTRIES)] = (struct nothing){ tree, va & ~(PAGE - 1) };
		return NULL;
	}
	assert_true(va >= pair.va && va - pair.va < BIT(pair.shift) * 2);
	if (!into)
		into = &tlb[below(TLB_ENTRIES)];
	*into = (struct entry){ .used = true, .of = tree, .asid = asid_of(tree), .va = pair.va, .shift = pair.shift,
				.lo = { pair.lo[0], pair.lo[1] } };
	for (unsigned i = 0; i < TLB_ENTRIES; i++)
		if (&tlb[i] != into && tlb[i].used && meet(&tlb[i], into) && tlb[i].va <= end_of(into) &&
		    end_of(&tlb[i]) >= into->va)
			violation("machine check: two entries for one address");
	for (unsigned h = 0; h < 2; h++)
		into->mapped[h] = ora_walk(&tree->ora, into->va + h * BIT(into->shift)).attr != 0;
	refills++;
	return into;
}

/* Does the flush step on any byte of [va, last]? */
static inline bool steps_on(const struct mm_tlb_gather *what, uint64_t va, uint64_t last)
{
	const uint64_t step = BIT(mm_pt_refill_step(&tree->cpu->tlb, what));
	uint64_t at = what->start & ~(step - 1);

	if (va > at)
		at += (va - at + step - 1) / step * step;
	return at <= last && at <= what->last;
}

static inline void drop(const struct mm_tlb_gather *what)
{
	for (unsigned i = 0; i < TLB_ENTRIES && what->flush; i++) {
		if (tlb[i].of == tree && !(asid_only && tlb[i].asid != asid) &&
		    steps_on(what, tlb[i].va, end_of(&tlb[i])))
			tlb[i].used = false;
		if (nothing[i].of == tree && steps_on(what, nothing[i].va, nothing[i].va + (PAGE - 1)))
			nothing[i].of = NULL;
	}
}

static inline uint64_t somewhere(void)
{
	if (below(2))
		return tree->focus + below(6) * PAGE;
	return (tree->focus & ~(BIG - 1)) + below((unsigned)(BIG / PAGE)) * PAGE;
}

/* Another tree, or the same. */
static inline void switch_tree(void)
{
	tree = &trees[ntrees > 1 ? below(ntrees) : 0];
	asid = tree->asid ? tree->asid : asid;
}

/* Another CPU, in the middle of an operation. */
static inline void meanwhile(void)
{
	struct tree *was = tree;

	for (unsigned n = below(4); n > 0; n--) {
		switch_tree();
		uint64_t va = somewhere();
		if (!find(va))
			fill(va, NULL);
		if (below(4) == 0 &&
		    mm_pt_touch(&tree->pt, va, below(2) ? MM_PT_WRITE : MM_PT_READ) == MM_OK)
			touched++;
	}
	tree = was;
}

static inline void flush(void *ctx, const struct mm_tlb_gather *what)
{
	meanwhile();
	watched_attr = ora_walk(&tree->ora, watched).attr;
	tree->inner_flush(ctx, what);
	drop(what);
	meanwhile();
}

static inline enum mm_status alloc(void *ctx, size_t bytes, mm_paddr_t *pa)
{
	if (tree->pt.port)
		meanwhile();
	return tree->inner_alloc(ctx, bytes, pa);
}

static inline bool allows(const struct half *h, uint32_t access)
{
	uint32_t attr = h->attr | (h->write ? (uint32_t)MM_PT_WRITE : 0u);

	return h->valid &&
	       !(access & ~attr & (tree->cpu->user ? RIGHTS : RIGHTS & ~(uint32_t)MM_PT_USER));
}

static inline uint32_t some_access(void)
{
	uint32_t access = below(2) ? MM_PT_READ : below(3) ? MM_PT_WRITE : MM_PT_EXEC;

	return access | (tree->cpu->user && below(2) ? (uint32_t)MM_PT_USER : 0u);
}

/* The frame that an entry leads to. */
static inline uint64_t frame_at(const struct entry *e, const struct half *h, uint64_t va)
{
	return (h->pa & ~(BIT(e->shift) - 1)) + (va & (BIT(e->shift) - 1));
}

/* An access, with the exceptions that it takes. */
static inline void use(uint64_t va, uint32_t access)
{
	const struct ora_run truth = ora_walk(&tree->ora, va);
	const bool may = truth.attr && !(access & ~truth.attr);
	struct entry *e = find(va);

	if (!e)
		e = fill(va, NULL);
	struct half h = { .valid = false };
	if (e)
		h = tree->cpu->decode(e->lo[va >> e->shift & 1]);
	if (!allows(&h, access)) {
		enum mm_status st = mm_pt_touch(&tree->pt, va, access);
		if (st != (may ? MM_OK : truth.attr ? MM_E_PERM : MM_E_NOENT))
			violation("a touch that the tables do not say");
		if (st != MM_OK) {
			faults++;
			return;
		}
		e = fill(va, e);
		assert_non_null(e);
		h = tree->cpu->decode(e->lo[va >> e->shift & 1]);
		replaced++;
	}
	if (!may || !allows(&h, access))
		violation("an access that the tables do not say");
	if (frame_at(e, &h, va) != truth.pa + (va - truth.va))
		violation("an access to another frame");
	uint32_t seen = ora_walk(&tree->ora, va).attr;
	if (!(seen & MM_PT_ACCESSED) || ((access & MM_PT_WRITE) && !(seen & MM_PT_DIRTY)))
		violation("an access that is not told");
}

/* One page of a half against the tables. */
static inline void check_page(const struct entry *e, unsigned i, uint64_t va)
{
	const struct half h = tree->cpu->decode(e->lo[i]);
	const struct ora_run truth = ora_walk(&tree->ora, va);
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

/* What the TLB has of this tree is what the tables say. */
static inline void check_tlb(void)
{
	for (unsigned i = 0; i < TLB_ENTRIES; i++) {
		const struct entry *e = &tlb[i];
		if (nothing[i].of == tree && ora_walk(&tree->ora, nothing[i].va).attr)
			violation("that nothing was there survived what was mapped there");
		if (!e->used || e->of != tree)
			continue;
		for (unsigned h = 0; h < 2; h++) {
			uint64_t va = e->va + h * BIT(e->shift), last = va + (BIT(e->shift) - 1);
			check_page(e, h, va);
			check_page(e, h, (va + (last - va) / 2) & ~(PAGE - 1));
			check_page(e, h, last & ~(PAGE - 1));
		}
		if (tree->cpu->decode(e->lo[0]).global != tree->cpu->decode(e->lo[1]).global)
			violation("one half is global");
	}
}

/* ---- trees, and the TLB ---- */

static inline uint64_t base(void)
{
	return tree->ora.arch->half == ORA_ONES ? ~(BIT(ora_va_bits(tree->ora.arch)) - 1) : 0;
}

static inline void start_tree(const struct cpu *which)
{
	const struct mm_pt_cfg cfg = { .allow_wx = true };

	if (!tree->ora.mem)
		ora_init(&tree->ora, 0x40000000 + (mm_paddr_t)(tree - trees) * 0x1000000, 512);
	tree->cpu = which;
	ora_reset(&tree->ora);
	ora_set_arch(&tree->ora, ora_formats[tree->cpu->format]);
	if (tree->inner_alloc) {
		tree->ora.env.alloc_table = tree->inner_alloc;
		tree->ora.env.flush = tree->inner_flush;
	}
	tree->inner_alloc = tree->ora.env.alloc_table;
	tree->inner_flush = tree->ora.env.flush;
	tree->pt = (struct mm_pt){ .port = NULL };
	tree->g = (struct mm_tlb_gather){ .flush = false };
	tree->ora.env.alloc_table = alloc;
	tree->ora.env.flush = flush;
	tree->ora.pa_bits = mm_pt_format(tree->cpu->format)->pa_bits;
	tree->ora.pa_bits = tree->ora.pa_bits < MM_PADDR_BITS ? tree->ora.pa_bits : MM_PADDR_BITS;
	assert_int_equal(mm_pt_init(&tree->pt, mm_pt_format(tree->cpu->format), &tree->ora.env, &cfg), MM_OK);
	tree->ora.pt = &tree->pt;
	ora_observe(&tree->ora);
	tree->ora.unordered = tree->ora.new_table = false;
	tree->focus = base();
	tree->life++;
}

static inline void start_tlb(void)
{
	memset(tlb, 0, sizeof(tlb));
	memset(nothing, 0, sizeof(nothing));
	wrong = NULL;
	refills = replaced = faults = touched = 0;
}

static inline void start(const struct cpu *which)
{
	start_tree(which);
	start_tlb();
}

static inline void stop(void)
{
	tree->ora.pt = NULL;
	assert_int_equal(mm_pt_destroy(&tree->pt), MM_OK);
	assert_int_equal(tree->ora.used, 0);
	assert_null(tree->ora.wrong);
}

static inline void map_one(uint64_t va, mm_paddr_t pa, uint64_t length, uint32_t attr)
{
	assert_int_equal(mm_pt_map(&tree->pt, va, pa, length, attr, 0, &tree->g), MM_OK);
	mm_pt_sync(&tree->pt, &tree->g);
}

/* ---- operations ---- */

static inline uint32_t some_attr(void)
{
	static const uint32_t types[4] = { MM_PT_WB, MM_PT_WB, MM_PT_WC, MM_PT_DEVICE };
	uint32_t attr = MM_PT_READ | types[below(4)];

	attr |= below(2) ? (uint32_t)MM_PT_WRITE : 0u;
	attr |= below(2) ? (uint32_t)MM_PT_EXEC : 0u;
	attr |= below(2) ? (uint32_t)MM_PT_TRACK : 0u;
	attr |= tree->asid == 0 && (ntrees > 1 ? tree->life % 2 : below(2)) ? (uint32_t)MM_PT_GLOBAL : 0u;
	return attr | (tree->cpu->user && below(2) ? (uint32_t)MM_PT_USER : 0u);
}

static inline void age(uint64_t va, uint64_t length)
{
	mm_paddr_t pa[64];
	struct mm_pt_leaves leaves = { .pa = pa, .room = 64 };
	struct mm_pt_cur cur;

	assert_int_equal(mm_pt_cur_init(&cur, &tree->pt, va, length), MM_OK);
	while (mm_pt_age(&tree->pt, &cur, below(2) ? MM_PT_ACCESSED : MM_PT_DIRTY, &tree->g, &leaves) == MM_OK)
		;
}

struct operation {
	uint64_t va, length;
	mm_paddr_t pa;
	unsigned kind;
};

/* Frames are those of a tree in one of its lives. */
static inline struct operation some_operation(void)
{
	const bool big = below(2);
	struct operation op = { .length = big ? BIG : (1 + below(9)) * PAGE };

	op.va = base() + below(3) * BIG + (big ? 0 : below(12) * PAGE);
	op.pa = (mm_paddr_t)(0x10000000 + (op.va - base()) + (below(3) ? 0 : PAGE) +
			     ((uint64_t)(tree->asid + tree->life % 8 * 4) << 40));
	op.kind = below(8);
	return op;
}

/* What fails, fails for reasons that other tests are about: here, only what the TLB makes of it matters. */
static inline void operate(const struct operation *op)
{
	const uint64_t va = op->va, length = op->length;
	enum mm_status st = MM_OK;

	tree->focus = va;
	switch (op->kind) {
	case 0:
	case 1:
		st = mm_pt_map(&tree->pt, va, op->pa, length, some_attr(), below(3) ? 0 : MM_PT_MAX_LEVEL(0),
			       &tree->g);
		break;
	case 2:
		st = mm_pt_unmap(&tree->pt, va, length, 0, &tree->g);
		break;
	case 3:
	case 4:
		st = mm_pt_protect(&tree->pt, va, length, some_attr(), 0, &tree->g);
		break;
	case 5:
		st = mm_pt_split(&tree->pt, va, length, MM_PT_MAX_LEVEL(0), &tree->g);
		break;
	case 6:
		st = mm_pt_collapse(&tree->pt, va & ~(BIG - 1), BIG, 0, &tree->g);
		break;
	default:
		age(va, length);
	}
	assert_true(st == MM_OK || st == MM_E_EXIST || st == MM_E_NOENT);
}
#endif
