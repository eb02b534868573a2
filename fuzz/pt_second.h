/* SPDX-License-Identifier: MIT */
/* Of the fuzz target of page tables: a second root, which has what the first keeps in some entries of its root, or
 * follows it in some, or both. What it maps is told by a walk from it: in there, what the list says, and elsewhere nothing; what
 * would change it through the second is refused. Included once append() and model_part() are known. */
#include <mmlib/pt_share.h>

/* Not the observed tree: what its flush would forgive is the first one's. */
static void second_flush(void *ctx, const struct mm_tlb_gather *g)
{
	(void)ctx;
	(void)g;
}

static struct ora_run second_walk(uint64_t va)
{
	ora.pt = &second.pt;
	struct ora_run run = ora_walk(&ora, va);
	ora.pt = &f.pt;
	return run;
}

static bool second_meets(const struct ora_span *span, uint64_t va, uint64_t last)
{
	return last >= span->va && va <= span->last;
}

/* Has the second some of [va, last]? */
static bool second_has(uint64_t va, uint64_t last)
{
	return second.pt.port && ((second.shares && second_meets(&ora.kept, va, last)) ||
				  (second.follows && second_meets(&second.followed, va, last)));
}

/* Is what the second maps of [va, last], as far as that lies in what it has, what it should? */
static void second_compare_part(const struct ora_span *span, uint64_t va, uint64_t last)
{
	if (!second_meets(span, va, last))
		return;
	va = va > span->va ? va : span->va;
	last = last < span->last ? last : span->last;
	set_clear(&before);
	for (uint64_t at = va;;) {
		struct ora_run run = second_walk(at);
		uint64_t end = run.last < last ? run.last : last;
		if (run.attr)
			append(&before, (struct ora_run){ .va = at, .last = end, .pa = run.pa + (at - run.va), .attr = run.attr });
		if (end == last)
			break;
		at = end + 1;
	}
	model_part(va, last);
	MUST(set_equal(&before, &part));
}

static void second_compare(uint64_t va, uint64_t last)
{
	if (second.pt.port && second.shares)
		second_compare_part(&ora.kept, va, last);
	if (second.pt.port && second.follows)
		second_compare_part(&second.followed, va, last);
}

static void second_compare_all(void)
{
	second_compare(0, UINT64_MAX);
}

/* Entries of the root around the address of an operation; or that and a page, which is refused. */
static void second_range(const struct op *op, uint64_t *va, uint64_t *length)
{
	const uint64_t bytes = ora_size(&ora, f.arch->top);

	*va = (pick_va(op) & ~(bytes - 1)) + (op->skew & 0x40 ? PAGE : 0);
	*length = bytes * (1 + op->skew % 2u);
}

/* What keeping or following that range must say, before anybody asks for memory. */
static enum mm_status second_status(uint64_t va, uint64_t length, bool mirror)
{
	const uint64_t bytes = ora_size(&ora, f.arch->top);
	enum mm_status st = range_status(va, length);

	if (st == MM_OK && va % bytes)
		st = MM_E_ALIGN;
	if (st != MM_OK)
		return st;
	if ((mirror ? second.follows : second.kept) ||
	    (second.kept && second_meets(&ora.kept, va, va + (length - 1))) ||
	    (second.follows && second_meets(&second.followed, va, va + (length - 1))))
		return MM_E_BUSY;
	if (mirror)
		return f.leaf_levels >> f.arch->top & 1 ? MM_E_NOTSUP : MM_OK;
	for (uint64_t off = 0; off < length; off += bytes) {
		const struct ora_run run = ora_walk(&ora, va + off);
		if (run.attr && run.level == f.arch->top)
			return MM_E_EXIST;
	}
	return MM_OK;
}

static void op_keep(const struct op *op)
{
	uint64_t va, length;

	second_range(op, &va, &length);
	const enum mm_status expect = second_status(va, length, false), st = mm_pt_keep(&f.pt, va, length, &f.g);
	if (st != MM_OK) {
		failed(st, expect ? expect : MM_E_NOMEM);
		return;
	}
	MUST(expect == MM_OK);
	second.kept = ora.keeps = true;
	ora.kept = (struct ora_span){ va, va + (length - 1) };
}

static void second_undo(void)
{
	MUST(mm_pt_destroy(&second.pt) == MM_OK);
	second.shares = second.follows = false;
	ora.apart = 0;
}

/* No more; the second goes before. A follower stays for as long as the first. */
static void op_unkeep(void)
{
	if (second.pt.port && second.shares) {
		if (!second.follows)
			second_undo();
		return;
	}
	const enum mm_status expect = second.kept ? MM_OK : MM_E_STATE, st = mm_pt_unkeep(&f.pt, &f.g);
	if (st != MM_OK) {
		failed(st, expect);
		return;
	}
	MUST(expect == MM_OK);
	second.kept = ora.keeps = false;
}

static bool second_init(void)
{
	second.env = ora.env;
	second.env.flush = second_flush;
	if (mm_pt_init(&second.pt, f.pt.port, &second.env, &f.cfg) != MM_OK)
		return false; /* it was to fail */
	ora.apart = 1;
	return true;
}

/* A second root: of one that keeps something, or a follower. Or one that is so already is the other, too. */
static void op_second(const struct op *op)
{
	const bool mirror = op->flags & 8, first = !second.pt.port;
	uint64_t va, length;

	if (first && !second_init())
		return;
	second_range(op, &va, &length);
	enum mm_status expect = f.arch->follows ? MM_E_NOTSUP
				: mirror	? second_status(va, length, true)
				: !second.kept	? MM_E_STATE
				: second.shares ? MM_E_BUSY
						: MM_OK;
	enum mm_status st = mirror ? mm_pt_mirror(&second.pt, &f.pt, va, length, &second.g)
				   : mm_pt_share(&second.pt, &f.pt, &second.g);
	MUST(st == expect);
	if (st != MM_OK) {
		if (first)
			second_undo();
		f.refused = true;
		return;
	}
	if (mirror)
		second.followed = (struct ora_span){ va, va + (length - 1) };
	*(mirror ? &second.follows : &second.shares) = true;
	mm_pt_sync(&second.pt, &second.g);
	second_compare_all();
}

/* Through it nothing that is shared changes, and elsewhere it has nothing. */
static void op_through(const struct op *op)
{
	const uint64_t va = pick_va(op), last = va + (PAGE - 1);
	mm_paddr_t pa = 0, same = 0;

	if (!second.pt.port || range_status(va, PAGE))
		return;
	f.refused = true;
	if (!second_has(va, last)) {
		MUST(!second_walk(va).attr && mm_pt_translate(&second.pt, va, &pa) == MM_E_NOENT);
		return;
	}
	MUST(mm_pt_unmap(&second.pt, va, PAGE, 0, &second.g) == MM_E_OWNER);
	MUST(mm_pt_map(&second.pt, va, 0, PAGE, f.pt.leaf_attr, 0, &second.g) != MM_OK);
	MUST(mm_pt_translate(&second.pt, va, &pa) == mm_pt_translate(&f.pt, va, &same) && pa == same);
}

/* Mostly what comes next: something is kept, or followed; there is a second root; that is used, or goes. */
static unsigned second_next(const struct op *op)
{
	const unsigned any = op->flags % 4;

	if (op->flags & 0x40)
		return any;
	if (!second.kept && !second.follows)
		return any & 1;
	if (any == 0)
		return second.kept ? 3 : 0;
	return any == 1 || !second.pt.port ? 1 : 2;
}

static void op_share(const struct op *op)
{
	ora_begin(&ora, 0, UINT64_MAX);
	if (claims_any()) {
		op_through(op);
		return;
	}
	switch (second_next(op)) {
	case 0:
		op_keep(op);
		break;
	case 1:
		op_second(op);
		break;
	case 2:
		op_through(op);
		break;
	default:
		op_unkeep();
	}
}

/* The end of both, in the order that is asked for. */
static void second_end(void)
{
	const bool follows = second.follows;

	if (second.pt.port && !follows)
		second_undo();
	ora.pt = NULL;
	MUST(mm_pt_destroy(&f.pt) == MM_OK);
	if (follows)
		second_undo();
}
