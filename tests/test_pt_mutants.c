/* SPDX-License-Identifier: MIT */
/* Page tables: formats that forget something, and the fuzz target that must notice.
 *
 * What must follow a change of an entry is in one function of each format, transition(). A mutant of it leaves one
 * thing out - a flush, that of cached upper entries, the order of stores, a break in between - for one class of
 * change. Each mutant of each format whose change random operations meet is killed, but for those in needless().
 *
 * Where the walker itself has to note, to flush, or to keep an order, is enum pt_site: what one of those has to do
 * is left out, or done too early, and each format for which it was anything must notice, but for those in is_elsewhere().
 * A table that is linked before it is filled is seen by a CPU that walks between two steps of the operation. */
#include "../fuzz/fuzz_pt.c"
#include "hook.h"
#include "sim.h"
#include "vmm/pt_core.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define CASES    30  /* to find out what a format is asked for */
#define PATIENCE 600 /* until a mutant is said not to be noticed: most are in the first few */
#define MEETING  200 /* until a site is said to be none of a format's: nothing was left out there */

enum change {
	EMPTY_LEAF,
	EMPTY_TABLE,
	EMPTY_TABLE_TOP,
	LEAF_EMPTY,
	TABLE_EMPTY,
	LEAF_TABLE,
	TABLE_LEAF,
	FRAME, /* leaf to leaf; nobody does that: map asks whether it would want a break */
	OTHER, /* another type, user or global */
	LESS,  /* fewer rights */
	SEEN,  /* accessed or dirty cleared */
	MORE,
	CHANGES,
};

static const char *const change_name[CHANGES] = {
	"an entry becomes a leaf",
	"an entry becomes a table",
	"an entry of the root becomes a table",
	"a leaf goes",
	"a table goes",
	"a leaf becomes a table",
	"a table becomes a leaf",
	"another frame",
	"another type, user or global",
	"fewer rights",
	"accessed or dirty cleared",
	"other changes of a leaf",
};

/* What is left out: a flush is gone only with that of tables. */
static const struct {
	unsigned bits;
	const char *name;
} thing[] = {
	{ MM_PT_AFTER_SYNC, "order" },
	{ MM_PT_AFTER_FLUSH | MM_PT_AFTER_TABLES | MM_PT_AFTER_MISSES, "flush" },
	{ MM_PT_AFTER_TABLES, "flush of tables" },
	{ MM_PT_AFTER_BBM, "break" },
};
#define THINGS (sizeof(thing) / sizeof(thing[0]))

static const struct mm_pt_port *real;
static struct {
	struct mm_pt_port port;
	const void *mask; /* as in struct mm_mask_port */
} mutant;
static enum change mutated;
static unsigned left_out;
static unsigned met[CHANGES]; /* what the format wants, as far as it was asked */

static enum change change_between(const struct mm_pt *pt, uint64_t old, uint64_t now, unsigned level)
{
	const uint32_t rights = MM_PT_READ | MM_PT_WRITE | MM_PT_EXEC, seen = MM_PT_ACCESSED | MM_PT_DIRTY;
	uint32_t a = real->attr(pt, old, level), b = real->attr(pt, now, level);

	if (real->pa(pt, old, level) != real->pa(pt, now, level))
		return FRAME;
	if ((a ^ b) & (MM_PT_TYPE | MM_PT_USER | MM_PT_GLOBAL | MM_PT_KEYS))
		return OTHER;
	if (a & ~b & rights)
		return LESS;
	return a & ~b & seen ? SEEN : MORE;
}

static enum change change_of(const struct mm_pt *pt, uint64_t old, uint64_t now, unsigned level)
{
	enum mm_pt_kind was = real->classify(pt, old, level), is = real->classify(pt, now, level);

	if (was == MM_PT_EMPTY)
		return is != MM_PT_TABLE	    ? EMPTY_LEAF
		       : level + 1u == real->nlevels ? EMPTY_TABLE_TOP
						     : EMPTY_TABLE;
	if (is == MM_PT_EMPTY)
		return was == MM_PT_TABLE ? TABLE_EMPTY : LEAF_EMPTY;
	if (was == MM_PT_TABLE || is == MM_PT_TABLE)
		return was == MM_PT_TABLE ? TABLE_LEAF : LEAF_TABLE;
	return change_between(pt, old, now, level);
}

static unsigned mutant_transition(const struct mm_pt *pt, uint64_t old, uint64_t now, unsigned level)
{
	unsigned after = real->transition(pt, old, now, level);
	enum change change = change_of(pt, old, now, level);

	met[change] |= after & MM_PT_AFTER_BBM ? (unsigned)MM_PT_AFTER_BBM : after; /* who breaks flushes by itself */
	return change == mutated ? after & ~left_out : after;
}

/* Those that are data have what they are behind what they do. */
static bool is_data(const struct mm_pt_port *port)
{
	return port->classify == mm_pt_format(MM_PT_IA32)->classify;
}

static const struct mm_pt_port *make_mutant(const struct mm_pt_port *port)
{
	real = port;
	if (is_data(port))
		memcpy(&mutant, port, sizeof(mutant));
	else
		mutant.port = *port;
	mutant.port.transition = mutant_transition;
	return &mutant.port;
}

/* Is that more than anybody has to ask for? */
static bool needless(enum change change, unsigned bits)
{
	const bool order = bits == MM_PT_AFTER_SYNC;

	switch (change) {
	case EMPTY_LEAF: /* test_pt_refill.c notices that a half is kept; a flush orders, too */
		return f.arch->pairs;
	case EMPTY_TABLE:
	case EMPTY_TABLE_TOP:
		return order || f.arch->pairs; /* the leaf, for which a table is made, asks for it */
	case LEAF_TABLE: /* above a leaf nothing has changed, unless the new table has to be ordered */
		return bits == MM_PT_AFTER_TABLES && !f.arch->must_order;
	case TABLE_LEAF:
		return bits != MM_PT_AFTER_BBM; /* mm_pt_collapse() flushes tables whatever the format says */
	case FRAME:
		return bits != MM_PT_AFTER_BBM;
	case SEEN:
		return order; /* the bit is set once more */
	case MORE:
		return true; /* spares a fault */
	default:
		return false;
	}
}

/* ---- random operations ---- */

static uint64_t seed;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed >> 16;
}

/* Mostly whole large leaves, and where the operation before was, with attributes that all formats have, and with
 * memory for tables. */
static void make_op(struct op *op, const struct op *before)
{
	unsigned char *byte = (unsigned char *)op;

	for (size_t i = 0; i < sizeof(*op); i++)
		byte[i] = (unsigned char)next_random();
	op->fail &= next_random() % 8 ? 0 : 0xff;
	op->kind &= next_random() % 2 ? 0x8f : 0x0f; /* mostly without a sync behind it */
	op->attr_hi &= next_random() % 8 ? 0x7f : 0xff;
	op->attr_lo &= next_random() % 2 ? MM_PT_READ | MM_PT_WRITE | MM_PT_EXEC | MM_PT_TRACK : 0xff;
	if (next_random() % 2)
		op->attr_hi = 0;
	if (next_random() % 2) {
		op->scale = 2 | 2 << 2;
		op->offset &= 0xf;
		op->length = 1 + next_random() % 2;
		op->skew = 0;
		op->where = 0;
	}
	if (before && next_random() % 2) {
		op->scale = before->scale;
		op->offset = before->offset;
		op->length = before->length;
		op->where = before->where;
		op->skew = before->skew;
	}
	if (op->kind % 16 == 3 && next_random() % 8) { /* protect: a flush for each page takes long */
		op->scale &= 3;
		op->length = 1 + next_random() % 15;
	}
}

/* One page of a few, as sites for one page want it. */
static bool with_pages;

static void make_page_op(struct op *op)
{
	op->kind = (uint8_t)((op->kind & 0x80) | (next_random() % 2 ? 0 : 2)); /* map, unmap */
	op->attr_lo = MM_PT_READ | MM_PT_WRITE;
	op->attr_hi = op->scale = op->flags = op->fail = op->where = op->skew = 0;
	op->offset = (uint16_t)(100 + next_random() % 4);
	op->length = 1;
}

static void make_case(uint8_t *in, unsigned format)
{
	struct op op, before;

	in[0] = (uint8_t)format;
	in[1] = (uint8_t)(next_random() & (swap_port ? 0xfe : 0xff)); /* a folded instance has a format of its own */
	for (unsigned n = 0; n < MAX_OPS; n++, before = op) {
		make_op(&op, n ? &before : NULL);
		if (with_pages && next_random() % 4 == 0)
			make_page_op(&op);
		memcpy(in + 2 + n * sizeof(op), &op, sizeof(op));
	}
}

static void run_random(unsigned format)
{
	static uint8_t in[2 + MAX_OPS * sizeof(struct op)];

	make_case(in, format);
	LLVMFuzzerTestOneInput(in, sizeof(in));
}

static void run_cases(unsigned format, unsigned cases)
{
	seed = UINT64_C(0x9e3779b97f4a7c15);
	for (unsigned i = 0; i < cases; i++)
		run_random(format);
}

/* In a process of its own: the oracle aborts it, or does not, or nothing was left out. */
enum end { NOTICED, NOT_NOTICED, NOT_MET };

static enum end end_of(void (*run)(unsigned), unsigned what)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		if (!freopen("/dev/null", "w", stderr))
			_exit(1);
		run(what);
		_exit(mm_hook_left_out != 0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return NOT_NOTICED;
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGABRT ? NOTICED : NOT_NOTICED;
	return WEXITSTATUS(status) ? NOT_NOTICED : NOT_MET;
}

static void run_mutant(unsigned format)
{
	run_cases(format, PATIENCE);
}

/* Another CPU, between two steps. That members of a run are not alike yet is no news. */
static void walk_meanwhile(void)
{
	const bool damaged = ora.damaged;

	if (ora.meanwhile || !ora.pt || !ora.pt->port)
		return;
	ora.meanwhile = ora.damaged = true;
	(void)ora_walk(&ora, ora.reach.va);
	ora.damaged = damaged;
	ora.meanwhile = false;
}

/* Nothing is planted: a walk alone is no mistake. */
static void run_walks(unsigned cases)
{
	sim_step = walk_meanwhile;
	for (unsigned k = 0; k < NALL; k++)
		run_cases(k, cases);
}

static void run_site(unsigned which)
{
	const unsigned site = which / NALL, format = which % NALL;

	mm_hook_plant = MM_PLANT_PT_SITE + site;
	if (site >= PT_SITE_GROW_SWAP)
		sim_step = walk_meanwhile;
	with_pages = true;
	seed = UINT64_C(0x9e3779b97f4a7c15);
	for (unsigned i = 0; i < PATIENCE && (i < MEETING || mm_hook_left_out); i++)
		run_random(format);
}

/* What is left out there only others can notice. */
static bool is_elsewhere(unsigned site, const struct ora_arch *arch)
{
	switch (site) {
	case PT_SITE_MISSES: /* a half of a pair that was not valid is kept: test_pt_refill.c */
		return arch->pairs;
	case PT_SITE_JOIN_FLUSH: /* CPUs set bits meanwhile, which are lost: MM_PLANT_PT_COLLAPSE */
	case PT_SITE_JOIN_SWAP:
	case PT_SITE_RUN_SWAP: /* nobody asks for that flush there but R1 of pt_run.c: test_pt_runs.c */
		return !arch->must_break;
	default:
		return false;
	}
}

/* Is nothing to be done there? Of others it is found out. */
static bool is_none(unsigned site, const struct ora_arch *arch)
{
	const bool runs = (site >= PT_SITE_RUN_EMPTY && site <= PT_SITE_RUN_AGE) || site == PT_SITE_RUN_SWAP,
		   breaks = (site >= PT_SITE_BREAK_EMPTY && site <= PT_SITE_SPLIT_MAKE) || site == PT_SITE_BREAK_SWAP ||
			    site == PT_SITE_SPLIT_SWAP || site == PT_SITE_FILL_SWAP || site == PT_SITE_JOIN_MAKE;

	return (runs && !arch->run_feature) || (breaks && !arch->must_break) ||
	       (site == PT_SITE_MISSES && !arch->pairs && !arch->root_is_latched);
}

struct tally {
	unsigned noticed, elsewhere, not_met, alive;
};

static void try_site(unsigned site, struct tally *t)
{
	const unsigned noticed = t->noticed;

	for (unsigned k = 0; k < NALL; k++) {
		const struct ora_arch *arch = arch_of(k);
		const bool other = is_elsewhere(site, arch);
		const enum end end = other || is_none(site, arch) ? NOT_MET : end_of(run_site, site * NALL + k);
		t->noticed += end == NOTICED;
		t->elsewhere += other;
		t->not_met += !other && end == NOT_MET;
		if (end == NOT_NOTICED) {
			t->alive++;
			printf("not noticed: %s, site %u of the walker\n", arch->name, site);
		}
	}
	if (t->noticed == noticed) {
		t->alive++;
		printf("noticed by no format: site %u of the walker\n", site);
	}
}

static void try_sites(struct tally *t)
{
	if (end_of(run_walks, CASES / 10) != NOT_MET) {
		++t->alive;
		printf("a walk between two steps is taken for a mistake\n");
	}
	for (unsigned site = 0; site < PT_SITES; site++)
		try_site(site, t);
}

static void try_format(unsigned format, unsigned *tried, unsigned *alive)
{
	memset(met, 0, sizeof(met));
	mutated = CHANGES;
	run_cases(format, CASES);
	for (unsigned c = 0; c < CHANGES; c++) {
		for (unsigned t = 0; t < THINGS; t++) {
			if (!(met[c] & thing[t].bits) || needless((enum change)c, thing[t].bits))
				continue;
			++*tried;
			mutated = (enum change)c;
			left_out = thing[t].bits;
			if (end_of(run_mutant, format) == NOTICED)
				continue;
			++*alive;
			printf("not noticed: %s, %s: no %s\n", f.arch->name, change_name[c], thing[t].name);
		}
	}
}

/* Nothing is planted: nobody else looks at what the formats of tests ask for as long as that takes to be met. One that
 * is wrong ends here. */
static void try_extra(void)
{
	for (unsigned k = NBUILT; k < NALL; k++)
		run_cases(k, PATIENCE);
}

int main(void)
{
	struct tally t = { 0 };
	unsigned tried = 0, alive = 0;

	try_extra();
	try_sites(&t);
	printf("%u sites of the walker in %u formats: %u noticed, %u that are none there, %u for other tests, %u not noticed\n",
	       PT_SITES, (unsigned)NALL, t.noticed, t.not_met, t.elsewhere, t.alive);
	swap_port = make_mutant;
	for (unsigned k = 0; k < NALL; k++)
		try_format(k, &tried, &alive);
	printf("%u mutants of formats, %u not noticed\n", tried, alive);
	return alive || t.alive || tried < 200 || t.noticed < 800;
}
