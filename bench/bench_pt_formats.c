/* SPDX-License-Identifier: MIT */
/* Page tables of all 64-bit formats: the walker folded to one, and loops written by hand for it, on the same work. For
 * counting instructions: calls go through pointers here, which a time would notice and a count does not.
 *
 * Each piece of work is done by hand and then by the walker, on a tree made for it, with the same memory for tables.
 * What both have made must be the same, leaf by leaf, as it is in memory.
 *
 *	bench_pt_formats              prints FORMAT WORK SIDE OPERATIONS for each call of counted_work(), in order
 *	bench_pt_formats planted      a control: loops by hand leave a bit of the last page otherwise */
#include "bench_config.h"
#include "bench.h"
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

static void tables_reset(void)
{
	nstack = 0;
	for (uint64_t i = TABLES; i-- > 0;)
		bench_table_put(FORMAT_NOWHERE + FORMAT_TABLE + i * FORMAT_TABLE);
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
			bad |= w->map(&j->pt, VA + i * page, j->pa + i * page, page, RW, 0, &j->gather);
	else
		for (uint32_t i = 0; i < PAGES; i++)
			bad |= w->unmap(&j->pt, VA + order[i] * page, page, 0, &j->gather);
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

/* Makes the tree, does the work on it and keeps in @leaves how it looks then. */
static void do_work(struct job *j, enum op op, bool hand, uint64_t *leaves)
{
	const struct format *f = j->f;
	const bool maps = op == MAP || op == MAP_PAGE || op == MAP_BIG || op == MAP_LIST;

	tables_reset();
	j->gather = (struct mm_tlb_gather){ 0 };
	must(mm_pt_init(&j->pt, f->pt.port, &env, NULL) == MM_OK, f, op, "no tree");
	j->root = BENCH_TO_VIRT(j->pt.root);
	if (hand)
		f->hand.begin(j->root);
	must(maps || (hand ? by_hand(j, MAP) : by_walker(j, MAP)), f, op, "nothing to work on");
	must(counted_work(j, op, hand), f, op, hand ? "failed by hand" : "failed");
	printf("%s %s %s %u\n", f->name, op_names[op], hand ? "hand" : "pt", op == MAP_BIG ? CALLS * BIGS : PAGES);
	look(j, leaves, op);
	if (hand) {
		leaves[PAGES - 1] ^= planted;
		return;
	}
	must(mm_pt_verify(&j->pt, NULL) == MM_OK, f, op, "the tree is damaged");
	must(mm_pt_destroy(&j->pt) == MM_OK && nstack == TABLES, f, op, "tables are lost");
}

static void do_format(const struct format *f)
{
	static uint64_t by_hand_leaves[PAGES], leaves[PAGES];
	const struct mm_pt_level *level = f->pt.port->level;
	struct job j = { .f = f, .page = UINT64_C(1) << level[0].shift, .big = UINT64_C(1) << level[1].shift };

	j.length = PAGES * j.page;
	j.pa = PA + j.page;
	for (uint32_t i = 0; i < PAGES; i++)
		frames[i] = j.pa + order[i] * j.page;
	for (enum op op = 0; op < NOPS; op++) {
		do_work(&j, op, true, by_hand_leaves);
		do_work(&j, op, false, leaves);
		must(!memcmp(by_hand_leaves, leaves, sizeof(leaves)), f, op, "two trees that are not the same");
	}
}

int main(int argc, char **argv)
{
	uint64_t state = UINT64_C(88172645463325252);

	planted = argc == 2 && !strcmp(argv[1], "planted");
	bench_memory(FORMAT_NOWHERE, (TABLES + 1) * FORMAT_TABLE);
	for (uint32_t i = 0; i < PAGES; i++)
		order[i] = i;
	bench_shuffle(order, PAGES, &state);
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		do_format(formats[i]);
	return 0;
}
