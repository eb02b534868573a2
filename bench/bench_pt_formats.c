/* SPDX-License-Identifier: MIT */
/* Page tables of all 64-bit formats: the walker folded to one, and loops written by hand for it, on the same work. Calls
 * go through pointers here, of both sides.
 *
 * Each piece of work is done by hand and then by the walker, on a tree made for it, with the same memory for tables.
 * What both have made must be the same, leaf by leaf, as it is in memory; that is looked at by itself, before times.
 *
 *	bench_pt_formats              all figures, in ns: slices of both sides in turn
 *	bench_pt_formats trees        prints FORMAT WORK SIDE OPERATIONS for each call of counted_work(), in order: for a
 *	                              tool that counts what is done in it. Are all trees the same?
 *	bench_pt_formats planted      a control of that: loops by hand leave a bit of the last page otherwise */
#include "bench_config.h"
#include "bench.h"
#include "both.h"
#include "formats.h"
#include "pt_sum.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGES  262144u
#define CALLS  16u  /* with large leaves... */
#define BIGS   128u /* ...so many each: of no format those of a whole table */
#define BATCH  512u
#define TABLES 2048u
#define UPPER  4u  /* of these are large enough for each level */
#define USED   UINT64_C(0x400000) /* bytes of lower tables: none has more */
#define BRIEF  16u /* so many times the slices of what takes microseconds only */
#define VA     UINT64_C(0x1000000000)
#define PA     UINT64_C(0x100000000) /* and one leaf more: beside what a larger one would need */
#define RW     ((uint32_t)(MM_PT_READ | MM_PT_WRITE))

#define FORMATS(X)                                                                                 \
	X(x86_64_la57) X(ept) X(aarch64_16k) X(aarch64_64k) X(aarch64_4k_lpa2) X(aarch64_64k_lpa)  \
	X(aarch64_s2) X(riscv64_sv48) X(riscv64_sv57) X(riscv64_sv39x4) X(ppc64) X(s390x)          \
	X(loongarch64) X(loongarch64_16k) X(mips64)
#define DECLARE(name) extern const struct format format_##name;
#define NAME(name)    &format_##name,
FORMATS(DECLARE)
static const struct format *const formats[] = { FORMATS(NAME) };

enum op { MAP, QUERY_CALL, QUERY_CURSOR, PROTECT, UNMAP_VISIT, UNMAP_DISCARD, MAP_PAGE, UNMAP_PAGE_RANDOM, MAP_BIG,
	  MAP_LIST, NOPS };
static const char *const op_names[NOPS] = { "map", "query_call", "query_cursor", "protect", "unmap_visit",
	"unmap_discard", "map_page", "unmap_page_random", "map_big", "map_list" };

__thread uint32_t bench_cpu;

/* ---- memory for tables ---- */

static uint64_t stack[TABLES];
static unsigned nstack;

uint64_t bench_table_get(void)
{
	return nstack ? stack[--nstack] : 0;
}

void bench_table_put(uint64_t pa)
{
	stack[nstack++] = pa;
}

/* All tables at hand again, the first one on top: a few for upper levels, which may be larger, then those of level 0,
 * @bytes each, one behind the other. (Further apart, all would be in few sets of a cache.) */
static void tables_reset(uint64_t bytes)
{
	const uint64_t upper = FORMAT_NOWHERE + FORMAT_TABLE, lower = upper + UPPER * FORMAT_TABLE;

	nstack = 0;
	for (uint64_t i = TABLES - UPPER; i-- > 0;)
		bench_table_put(lower + i * bytes);
	for (uint64_t i = UPPER; i-- > 0;)
		bench_table_put(upper + i * FORMAT_TABLE);
}

#include "pt_env.h"

/* ---- the work ---- */

/* A tree on which it is done, and what each side needs beside it. */
struct job {
	const struct format *f;
	uint64_t page, length, big; /* bytes */
	uint64_t pa;
	uint64_t *root;
	struct mm_pt pt;
	struct mm_tlb_gather gather;
};

static bool planted;
static uint32_t order[PAGES];
static uint64_t frames[PAGES];

/* Sum of the addresses of all pages. */
static uint64_t want(const struct job *j)
{
	return j->pa * PAGES + j->page * (PAGES / 2) * (PAGES - 1);
}

static bool hand_pages(struct job *j, enum op op)
{
	const struct format_hand *h = &j->f->hand;
	const uint64_t page = j->page;
	uint64_t sum = 0;
	int bad = 0;

	if (op == QUERY_CALL) {
		for (uint32_t i = 0; i < PAGES; i++)
			sum += h->query(j->root, VA + i * page);
		return sum == want(j);
	}
	if (op == MAP_PAGE)
		for (uint32_t i = 0; i < PAGES; i++)
			bad |= h->map_page(j->root, VA + i * page, j->pa + i * page);
	else
		for (uint32_t i = 0; i < PAGES; i++)
			bad |= h->unmap_page(j->root, VA + order[i] * page);
	return !bad;
}

static bool hand_big(struct job *j)
{
	const uint64_t length = BIGS * j->big;
	int bad = 0;

	for (uint64_t k = 0; k < CALLS; k++)
		bad |= j->f->hand.map(j->root, VA + k * length, PA + j->big + k * length, length);
	return !bad;
}

static bool by_hand(struct job *j, enum op op)
{
	const struct format_hand *h = &j->f->hand;

	switch (op) {
	case MAP:
		return !h->map(j->root, VA, j->pa, j->length);
	case MAP_LIST:
		return !h->map_list(j->root, VA, frames, PAGES);
	case MAP_BIG:
		return hand_big(j);
	case QUERY_CURSOR:
		return h->sum(j->root, VA, j->length) == want(j);
	case PROTECT:
		return !h->protect(j->root, VA, j->length);
	case UNMAP_VISIT:
		return !h->unmap(j->root, VA, j->length);
	case UNMAP_DISCARD:
		return !h->discard(j->root, VA, j->length);
	default:
		return hand_pages(j, op);
	}
}

static bool walker_pages(struct job *j, enum op op)
{
	const struct format_pt *w = &j->f->pt;
	const uint64_t page = j->page;
	uint64_t sum = 0;
	int bad = 0;

	if (op == QUERY_CALL) {
		for (uint32_t i = 0; i < PAGES; i++) {
			mm_paddr_t pa;
			sum += w->translate(&j->pt, VA + i * page, &pa) == MM_OK ? pa : 0;
		}
		return sum == want(j);
	}
	if (op == MAP_PAGE)
		for (uint32_t i = 0; i < PAGES; i++)
			bad |= w->map_page(&j->pt, VA + i * page, j->pa + i * page, RW, &j->gather);
	else
		for (uint32_t i = 0; i < PAGES; i++)
			bad |= w->unmap_page(&j->pt, VA + order[i] * page, &j->gather);
	return !bad;
}

static bool walker_sum(struct job *j)
{
	mm_paddr_t pa[BATCH];
	struct mm_pt_leaves found = { .pa = pa, .room = BATCH };
	struct mm_pt_cur cur;
	uint64_t sum = 0;

	if (mm_pt_cur_init(&cur, &j->pt, VA, j->length) != MM_OK)
		return false;
	while (j->f->pt.cur_leaves(&cur, &found))
		sum += sum_of(pa, found.n);
	return sum == want(j);
}

static bool walker_big(struct job *j)
{
	const uint64_t length = BIGS * j->big;
	int bad = 0;

	for (uint64_t k = 0; k < CALLS; k++)
		bad |= j->f->pt.map(&j->pt, VA + k * length, PA + j->big + k * length, length, RW, 0, &j->gather);
	return !bad;
}

static bool by_walker(struct job *j, enum op op)
{
	const struct format_pt *w = &j->f->pt;

	switch (op) {
	case MAP:
		return w->map(&j->pt, VA, j->pa, j->length, RW, 0, &j->gather) == MM_OK;
	case MAP_LIST:
		return w->map_list(&j->pt, VA, frames, PAGES, RW, 0, &j->gather) == MM_OK;
	case MAP_BIG:
		return walker_big(j);
	case QUERY_CURSOR:
		return walker_sum(j);
	case PROTECT:
		return w->protect(&j->pt, VA, j->length, MM_PT_READ, 0, &j->gather) == MM_OK;
	case UNMAP_VISIT:
		return w->unmap(&j->pt, VA, j->length, 0, &j->gather) == MM_OK;
	case UNMAP_DISCARD:
		return w->unmap(&j->pt, VA, j->length, MM_PT_DISCARD, &j->gather) == MM_OK;
	default:
		return walker_pages(j, op);
	}
}

/* What is counted. What was changed is forgotten by the TLB, and tables are given back: part of each operation. */
static __attribute__((noinline)) bool counted_work(struct job *j, enum op op, bool hand)
{
	bool ok = hand ? by_hand(j, op) : by_walker(j, op);

	mm_pt_sync(&j->pt, &j->gather);
	return ok;
}

/* ---- around it ---- */

static void must(bool ok, const struct format *f, enum op op, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s %s: %s\n", f->name, op_names[op], what);
	exit(1);
}

/* Leaves of one side, as they are in memory: for as many pages, or large leaves. */
static void look(const struct job *j, uint64_t *leaves, enum op op)
{
	const uint64_t step = op == MAP_BIG ? j->big : j->page, n = op == MAP_BIG ? CALLS * BIGS : PAGES;

	for (uint64_t i = 0; i < n; i++)
		leaves[i] = j->f->hand.look(j->root, VA + i * step);
}

static uint32_t pages_of(enum op op)
{
	return op == MAP_BIG ? CALLS * BIGS : PAGES;
}

/* Makes the tree on which the work is done. */
static void prepare(struct job *j, enum op op, bool hand)
{
	const struct format *f = j->f;
	const bool maps = op == MAP || op == MAP_PAGE || op == MAP_BIG || op == MAP_LIST;

	tables_reset(sizeof(uint64_t) << f->pt.port->level[0].bits);
	j->gather = (struct mm_tlb_gather){ 0 };
	must(mm_pt_init(&j->pt, f->pt.port, &env, NULL) == MM_OK, f, op, "no tree");
	j->root = BENCH_TO_VIRT(j->pt.root);
	if (hand)
		f->hand.begin(j->root);
	must(maps || (hand ? by_hand(j, MAP) : by_walker(j, MAP)), f, op, "nothing to work on");
}

static void destroy(struct job *j, enum op op)
{
	must(mm_pt_destroy(&j->pt) == MM_OK && nstack == TABLES, j->f, op, "tables are lost");
}

/* Does the work once and keeps in @leaves how the tree looks then. */
static void do_work(struct job *j, enum op op, bool hand, uint64_t *leaves)
{
	prepare(j, op, hand);
	must(counted_work(j, op, hand), j->f, op, hand ? "failed by hand" : "failed");
	printf("%s %s %s %u\n", j->f->name, op_names[op], hand ? "hand" : "pt", pages_of(op));
	look(j, leaves, op);
	must(op != UNMAP_DISCARD || nstack == TABLES - 1, j->f, op, "more than a root is left");
	if (hand) {
		leaves[PAGES - 1] ^= planted;
		return;
	}
	must(mm_pt_verify(&j->pt, NULL) == MM_OK, j->f, op, "the tree is damaged");
	destroy(j, op);
}

static void compare(struct job *j, enum op op)
{
	static uint64_t by_hand_leaves[PAGES], leaves[PAGES];

	do_work(j, op, true, by_hand_leaves);
	do_work(j, op, false, leaves);
	must(!memcmp(by_hand_leaves, leaves, sizeof(leaves)), j->f, op, "two trees that are not the same");
}

/* ---- time ---- */

static bool brief(enum op op)
{
	return op == UNMAP_DISCARD || op == MAP_BIG;
}

/* What is between two looks at a clock: the shortest works take three times as long only. */
static double nothing(bool wall)
{
	static double least[2];

	if (least[wall] > 0)
		return least[wall];
	least[wall] = 1e6;
	for (unsigned i = 0; i < 1000; i++) {
		double t = wall ? bench_wall() : bench_now();

		t = (wall ? bench_wall() : bench_now()) - t;
		if (t > 0 && t < least[wall])
			least[wall] = t;
	}
	return least[wall];
}

/* Time of the work, ns a page. */
static double slice(struct job *j, enum op op, bool hand)
{
	double t;

	prepare(j, op, hand);
	t = brief(op) ? bench_wall() : bench_now();
	must(counted_work(j, op, hand), j->f, op, hand ? "failed by hand" : "failed");
	t = (brief(op) ? bench_wall() : bench_now()) - t - nothing(brief(op));
	if (!hand)
		destroy(j, op);
	return (t > 1 ? t : 1) / pages_of(op);
}

static void measure(struct job *j, enum op op)
{
	static struct bench_series walker;
	unsigned rounds = bench_rounds() * (brief(op) ? BRIEF : 1);
	char pt_name[48], hand_name[48];

	walker = (struct bench_series){ .n = 0 };
	bench_alone(true);
	for (unsigned r = 0; r < rounds; r++) {
		bench_pause_sometimes();
		bench_calm();
		double yard = slice(j, op, true);
		bench_record(&walker, slice(j, op, false), yard);
	}
	snprintf(pt_name, sizeof(pt_name), "pt.%s.%s", j->f->name, op_names[op]);
	snprintf(hand_name, sizeof(hand_name), "hand.%s.%s", j->f->name, op_names[op]);
	bench_report_both(pt_name, hand_name, &walker);
}

static void do_format(const struct format *f, void (*each)(struct job *j, enum op op))
{
	const struct mm_pt_level *level = f->pt.port->level;
	struct job j = { .f = f, .page = UINT64_C(1) << level[0].shift, .big = UINT64_C(1) << level[1].shift };

	j.length = PAGES * j.page;
	j.pa = PA + j.page;
	for (uint32_t i = 0; i < PAGES; i++)
		frames[i] = j.pa + order[i] * j.page;
	for (enum op op = 0; op < NOPS; op++)
		each(&j, op);
}

int main(int argc, char **argv)
{
	uint64_t state = UINT64_C(88172645463325252);
	bool trees = argc == 2 && !strcmp(argv[1], "trees");

	planted = argc == 2 && !strcmp(argv[1], "planted");
	bench_pin(0);
	bench_memory(FORMAT_NOWHERE, (1 + UPPER + TABLES) * FORMAT_TABLE);
	memset(BENCH_TO_VIRT(FORMAT_NOWHERE), 0, (1 + UPPER) * FORMAT_TABLE + USED); /* no page faults in what is measured */
	for (uint32_t i = 0; i < PAGES; i++)
		order[i] = i;
	bench_shuffle(order, PAGES, &state);
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		do_format(formats[i], trees || planted ? compare : measure);
	return 0;
}
