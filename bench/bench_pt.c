/* SPDX-License-Identifier: MIT */
/* Page tables: the walker folded to a format, and loops written by hand for it, on the same work,
 * in turn. 1 GiB of 4 KiB pages, and 32 GiB of 2 MiB leaves; TLB instructions are left out.
 *
 *	bench_pt                          all figures
 *	bench_pt list                     FORMAT WORK PAGES of each
 *	bench_pt count FORMAT WORK SIDE   does it once, by `pt` or by `hand`: for a tool that counts what is
 *	                                  done in counted_… */
#include "pt_ops.h"
#include <stdlib.h>

#define M2     UINT64_C(0x200000)
#define PA_BIG UINT64_C(0x100200000)
#define BIGS   256u /* large leaves of one call */
#define CALLS  64u
#define BRIEF  16u /* so many times the slices of what takes microseconds only */

/* What is measured, for the walker and for the loops by hand. */
enum op {
	MAP,
	QUERY_CALL,
	QUERY_CURSOR,
	QUERY_RANDOM,
	QUERY_RANDOM_INLINE,
	PROTECT,
	PROTECT_LIVE,
	UNMAP_VISIT,
	UNMAP_LIVE,
	UNMAP_DISCARD,
	MAP_PAGE,
	UNMAP_PAGE_RANDOM,
	MAP_2M,
	MAP_LIST,
	MAP_PAGE_INLINE,
	UNMAP_PAGE_RANDOM_INLINE,
	NOPS,
};

static const char *const op_names[NOPS] = {
	"map",      "query_call",        "query_cursor", "query_random", "query_random_inline",
	"protect",  "protect_live",      "unmap_visit",  "unmap_live",   "unmap_discard",
	"map_page", "unmap_page_random", "map_2m", "map_list", "map_page_inline", "unmap_page_random_inline",
};

/* Sum of the addresses of all pages. */
#define WANT (PA * PAGES + PAGE * PAGES / 2 * (PAGES - 1))

static uint32_t *order;
static uint64_t *frames; /* of the same pages, in that order */

/* ---- the work. Always inlined, with a constant `o`: calls are direct ---- */

INLINE uint64_t query_each(const struct pt_ops *o)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < PAGES; i++)
		sum += o->query(VA + i * PAGE);
	return sum;
}

INLINE uint64_t query_random(const struct pt_ops *o)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < PAGES; i++)
		sum += o->query(VA + order[i] * PAGE);
	return sum;
}

INLINE bool map_pages(const struct pt_ops *o)
{
	for (uint32_t i = 0; i < PAGES; i++)
		if (!o->map_page(VA + i * PAGE, PA + i * PAGE))
			return false;
	return true;
}

INLINE bool unmap_pages(const struct pt_ops *o)
{
	for (uint32_t i = 0; i < PAGES; i++)
		if (!o->unmap_page(VA + order[i] * PAGE))
			return false;
	return true;
}

INLINE bool map_big(const struct pt_ops *o)
{
	for (uint64_t k = 0; k < CALLS; k++)
		if (!o->map(VA + k * BIGS * M2, PA_BIG + k * BIGS * M2, BIGS * M2))
			return false;
	return true;
}

INLINE bool do_work(const struct pt_ops *o, enum op op)
{
	switch (op) {
	case MAP:
		return o->map(VA, PA, LENGTH);
	case QUERY_CALL:
		return query_each(o) == WANT;
	case QUERY_CURSOR:
		return o->sum(VA, LENGTH) == WANT;
	case QUERY_RANDOM:
		return query_random(o) == WANT;
	case QUERY_RANDOM_INLINE:
		return o->random_inline(order, PAGES, VA) == WANT;
	case PROTECT:
		return o->protect(VA, LENGTH);
	case PROTECT_LIVE:
		return o->protect_live(VA, LENGTH);
	case UNMAP_VISIT:
		return o->unmap(VA, LENGTH);
	case UNMAP_LIVE:
		return o->unmap_live(VA, LENGTH) == WANT;
	case UNMAP_DISCARD:
		return o->discard(VA, LENGTH);
	case MAP_PAGE:
		return map_pages(o);
	case UNMAP_PAGE_RANDOM:
		return unmap_pages(o);
	case MAP_2M:
		return map_big(o);
	case MAP_LIST:
		return o->map_list(VA, frames, PAGES);
	case MAP_PAGE_INLINE:
		return o->map_inline(PAGES, VA, PA);
	case UNMAP_PAGE_RANDOM_INLINE:
		return o->unmap_inline(order, PAGES, VA);
	case NOPS:
		break;
	}
	return false;
}

static bool brief(enum op op)
{
	return op == UNMAP_DISCARD || op == MAP_2M;
}

static uint32_t pages_of(enum op op)
{
	return op == MAP_2M ? CALLS * BIGS : PAGES;
}

/* One side of a format: the work itself, which is also what is counted, and what it is worked on. */
struct side {
	const struct pt_ops *ops;
	bool (*work)(enum op op);
};

#define SIDE(f, s)                                                                                 \
	static __attribute__((noinline)) bool counted_##s##_##f(enum op op)                        \
	{                                                                                          \
		bool ok = do_work(&s##_##f, op);                                                   \
                                                                                                   \
		pt_done();                                                                         \
		return ok;                                                                         \
	}
SIDE(x86_64, w)
SIDE(x86_64, h)
SIDE(aarch64, w)
SIDE(aarch64, h)
SIDE(riscv64, w)
SIDE(riscv64, h)

static const struct format {
	const char *name;
	struct side walker, hand;
} formats[] = {
	{ "x86_64", { &w_x86_64, counted_w_x86_64 }, { &h_x86_64, counted_h_x86_64 } },
	{ "aarch64", { &w_aarch64, counted_w_aarch64 }, { &h_aarch64, counted_h_aarch64 } },
	{ "riscv64", { &w_riscv64, counted_w_riscv64 }, { &h_riscv64, counted_h_riscv64 } },
};
#define FORMATS (sizeof(formats) / sizeof(formats[0]))

/* Time of an operation, ns a page. What it works on is made before; the tree is checked afterwards. */
static double slice(const struct side *s, enum op op)
{
	double t;

	tables_reset();
	s->ops->begin();
	if (op == PROTECT_LIVE || op == UNMAP_LIVE)
		must(s->ops->map_live(VA, PA, LENGTH));
	else if (op != MAP && op != MAP_PAGE && op != MAP_2M && op != MAP_LIST && op != MAP_PAGE_INLINE)
		must(s->ops->map(VA, PA, LENGTH));
	t = brief(op) ? bench_wall() : bench_now();
	must(s->work(op));
	t = (brief(op) ? bench_wall() : bench_now()) - t;
	must(s->ops->end());
	return t / pages_of(op);
}

static void measure(const struct format *f, enum op op)
{
	static struct bench_series walker;
	unsigned rounds = bench_rounds() * (brief(op) ? BRIEF : 1);
	char name[48];

	walker = (struct bench_series){ .n = 0 };
	bench_alone(true);
	bench_calm();
	for (unsigned r = 0; r < rounds; r++) {
		double yard = slice(&f->hand, op);

		bench_record(&walker, slice(&f->walker, op), yard);
	}
	snprintf(name, sizeof(name), "%s.%s", f->name, op_names[op]);
	pt_report("", name, &walker);
}

static void list(void)
{
	for (size_t i = 0; i < FORMATS; i++)
		for (enum op op = 0; op < NOPS; op++)
			printf("%s %s %u\n", formats[i].name, op_names[op], pages_of(op));
}

static void count(char **words)
{
	for (size_t i = 0; i < FORMATS; i++)
		for (enum op op = 0; op < NOPS; op++)
			if (!strcmp(words[0], formats[i].name) && !strcmp(words[1], op_names[op]))
				slice(strcmp(words[2], "hand") ? &formats[i].walker
							       : &formats[i].hand,
				      op);
}

int main(int argc, char **argv)
{
	uint64_t state = UINT64_C(88172645463325252);

	pt_init();
	order = malloc(PAGES * sizeof(*order));
	frames = malloc(PAGES * sizeof(*frames));
	if (!order || !frames)
		bench_die("no memory");
	for (uint32_t i = 0; i < PAGES; i++)
		order[i] = i;
	bench_shuffle(order, PAGES, &state);
	for (uint32_t i = 0; i < PAGES; i++)
		frames[i] = PA + order[i] * PAGE;
	if (argc == 2 && !strcmp(argv[1], "list"))
		list();
	else if (argc == 5 && !strcmp(argv[1], "count"))
		count(&argv[2]);
	else
		for (size_t i = 0; i < FORMATS; i++)
			for (enum op op = 0; op < NOPS; op++)
				measure(&formats[i], op);
	return 0;
}
