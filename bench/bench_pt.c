/* SPDX-License-Identifier: MIT */
/* Page tables: the walker folded to a format, and loops written by hand for it, on the same work,
 * in turn. 1 GiB of 4 KiB pages, and 32 GiB of 2 MiB leaves; TLB instructions are left out. */
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
	NOPS,
};

static const char *const op_names[NOPS] = {
	"map",      "query_call",        "query_cursor", "query_random", "query_random_inline",
	"protect",  "protect_live",      "unmap_visit",  "unmap_live",   "unmap_discard",
	"map_page", "unmap_page_random", "map_2m",
};

/* Sum of the addresses of all pages. */
#define WANT (PA * PAGES + PAGE * PAGES / 2 * (PAGES - 1))

static uint32_t *order;

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

INLINE bool work(const struct pt_ops *o, enum op op)
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
	case NOPS:
		break;
	}
	return false;
}

INLINE bool brief(enum op op)
{
	return op == UNMAP_DISCARD || op == MAP_2M;
}

/* Time of an operation, ns a page. What it works on is made before; the tree is checked afterwards. */
INLINE double slice(const struct pt_ops *o, enum op op)
{
	double t;

	tables_reset();
	o->begin();
	if (op == PROTECT_LIVE || op == UNMAP_LIVE)
		must(o->map_live(VA, PA, LENGTH));
	else if (op != MAP && op != MAP_PAGE && op != MAP_2M)
		must(o->map(VA, PA, LENGTH));
	t = brief(op) ? bench_wall() : bench_now();
	must(work(o, op));
	pt_done();
	t = (brief(op) ? bench_wall() : bench_now()) - t;
	must(o->end());
	return t / (op == MAP_2M ? CALLS * BIGS : PAGES);
}

#define FORMAT(f)                                                                                  \
	static double walker_##f(enum op op)                                                       \
	{                                                                                          \
		return slice(&w_##f, op);                                                          \
	}                                                                                          \
	static double by_hand_##f(enum op op)                                                      \
	{                                                                                          \
		return slice(&h_##f, op);                                                          \
	}
FORMAT(x86_64)
FORMAT(aarch64)
FORMAT(riscv64)

static const struct format {
	const char *name;
	double (*walker)(enum op op), (*by_hand)(enum op op);
} formats[] = {
	{ "x86_64", walker_x86_64, by_hand_x86_64 },
	{ "aarch64", walker_aarch64, by_hand_aarch64 },
	{ "riscv64", walker_riscv64, by_hand_riscv64 },
};

static void measure(const struct format *f, enum op op)
{
	static struct bench_series walker;
	unsigned rounds = bench_rounds() * (brief(op) ? BRIEF : 1);
	char name[48];

	walker = (struct bench_series){ .n = 0 };
	bench_alone(true);
	bench_calm();
	for (unsigned r = 0; r < rounds; r++) {
		double yard = f->by_hand(op);

		bench_record(&walker, f->walker(op), yard);
	}
	snprintf(name, sizeof(name), "%s.%s", f->name, op_names[op]);
	pt_report("", name, &walker);
}

int main(void)
{
	uint64_t state = UINT64_C(88172645463325252);

	pt_init();
	order = malloc(PAGES * sizeof(*order));
	if (!order)
		bench_die("no memory");
	for (uint32_t i = 0; i < PAGES; i++)
		order[i] = i;
	bench_shuffle(order, PAGES, &state);
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		for (enum op op = 0; op < NOPS; op++)
			measure(&formats[i], op);
	return 0;
}
