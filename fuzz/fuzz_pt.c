/* SPDX-License-Identifier: MIT */
/* Fuzz target: page tables of all formats; the first byte chooses. Random operations at both ends of
 * the address space and around borders of all levels, with allocations that fail, against a plain
 * list of what is mapped, an independent walker, and a TLB that forgets nothing until it is told and
 * notices where break-before-make or an order of stores is missing. After each operation all that
 * is mapped is compared, as the tables have it that the library was told the address of; with each 32nd,
 * and at the end, every table is decoded anew, and mm_pt_verify() must find as many. Then all tables must
 * have come back. A second root may share a part, or follow; parts may be claimed. An input is one case after the other. */
#include "operations.h"
#include "pt_case.h"

/* ---- checks ---- */

static void nothing_changed(void)
{
	MUST(ora_hash(&ora) == f.hash);
}

static void second_compare(uint64_t va, uint64_t last);

static void compare(void)
{
	ora_check_gather(&ora, &f.g);
	MUST(set_equal(&ora.live, &model));
	second_compare(ora.reach.va, ora.reach.last);
	MUST(!f.refused || ora_hash_seen(&ora) == f.hash);
}

/* The same, of all tables. */
static void compare_all(void)
{
	ora_observe_all(&ora);
	ora_begin(&ora, 0, UINT64_MAX);
	compare();
}

/* What the library thinks of it. */
static void verify(void)
{
	size_t tables = 0;

	MUST(mm_pt_verify(&f.pt, &tables) == MM_OK);
	MUST(tables == ora.reachable);
}

static void sync_all(void)
{
	mm_pt_sync(f.writer, &f.g);
	MUST(!f.g.flush && !f.g.sync && !f.g.tables && !f.g.misses && !f.g.ntables);
	ora_check_synced(&ora);
	MUST(!ora.wrong);
}

static void failed(enum mm_status st, enum mm_status expect)
{
	MUST(st == expect);
	f.refused = true; /* nothing may have changed */
}

/* ---- operations ---- */

static void op_map(const struct op *op)
{
	uint64_t va = pick_va(op), len = pick_length(op), first = 0, pa = pick_pa(op, va);
	uint32_t attr = pick_attr(op), flags = op->flags & 1 ? MM_PT_PARTIAL : 0;
	enum mm_status expect = change_status(va, len);

	if (op->flags & 2)
		flags |= MM_PT_MAX_LEVEL(op->flags >> 2 & 3);
	if (op->flags & 16)
		flags |= MM_PT_NO_RUNS;
	expect = expect ? expect : attr_status(attr);
	if (!expect && pa + (len - 1) >= f.limit)
		expect = MM_E_RANGE;
	enum mm_status st = do_map(va, pa, len, attr, flags);
	if (expect) {
		failed(st, expect);
		return;
	}
	bool taken = set_overlaps(&model, va, va + len - 1, &first);
	uint64_t end = va + len;
	if (st == MM_OK) {
		MUST(!taken && f.g.pages == len / PAGE);
	} else {
		MUST((st == MM_E_EXIST && taken && f.g.stop_va == first) || st == MM_E_NOMEM);
		MUST(f.g.stop_va >= va && f.g.stop_va - va < len);
		end = flags & MM_PT_PARTIAL ? f.g.stop_va : va;
		MUST(f.g.pages == (end - va) / PAGE);
	}
	if (end != va)
		set_insert(&model,
			   (struct ora_run){
				   .va = va, .last = end - 1, .pa = pa, .attr = ora_told(attr) });
	if (st != MM_OK && end == va) {
		sync_all();
		nothing_changed();
	}
}

/* Frames as they come: neighbours, and others far away. Returns what is wrong with the list. */
static enum mm_status pick_list(const struct op *op, size_t n, size_t *bad)
{
	uint64_t x = op->offset * UINT64_C(0x9e3779b97f4a7c15) + op->skew;

	for (size_t k = 0; k < n; k++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		frames[k] =
			(mm_paddr_t)(k && x % 4 ? frames[k - 1] + PAGE
						: x % (f.limit / 4 / PAGE) * PAGE + f.limit / 4);
	}
	*bad = n ? op->attr_lo % n : 0;
	if (!n || (op->skew & 0xc0) == 0)
		return MM_OK;
	if ((op->skew & 0xc0) == 0x40) {
		frames[*bad] += 8;
		return MM_E_ALIGN;
	}
	if ((op->skew & 0xc0) == 0x80) {
		frames[*bad] = (mm_paddr_t)f.limit;
		return MM_E_RANGE;
	}
	return MM_OK;
}

static void op_map_list(const struct op *op)
{
	uint64_t va = pick_va(op), first = 0;
	size_t n = op->length % LIST, bad, done;
	uint32_t attr = pick_attr(op), flags = op->flags & 1 ? MM_PT_PARTIAL : 0;
	enum mm_status expect = change_status(va, n * PAGE), wrong = pick_list(op, n, &bad);

	expect = expect ? expect : attr_status(attr);
	enum mm_status st = do_map_list(va, frames, n, attr, flags);
	if (expect || wrong) {
		failed(st, expect ? expect : wrong);
		MUST(expect || f.g.stop_va == va + bad * PAGE);
		return;
	}
	bool taken = set_overlaps(&model, va, va + (n * PAGE - 1), &first);
	done = n;
	if (st != MM_OK) {
		MUST((st == MM_E_EXIST && taken && f.g.stop_va == first) || st == MM_E_NOMEM);
		done = flags ? (f.g.stop_va - va) / PAGE : 0;
		MUST(done < n);
	}
	MUST(f.g.pages == done && (st != MM_OK || !taken));
	for (size_t k = 0; k < done; k++)
		set_insert(&model, (struct ora_run){ .va = va + k * PAGE,
						     .last = va + (k * PAGE + PAGE - 1),
						     .pa = frames[k],
						     .attr = ora_told(attr) });
	if (st != MM_OK && done == 0) {
		sync_all();
		nothing_changed();
	}
}

static bool exact_hole(uint64_t va, uint64_t len, uint32_t flags)
{
	uint64_t pages = set_pages(&model, va, va + len - 1);

	return pages == 0 || ((flags & MM_PT_EXACT) && pages != len / PAGE);
}

/* With MM_PT_NO_BREAK, what an operation on a range does not unmap stays mapped at each moment. */
static void begin_calm(uint32_t flags, uint64_t va, uint64_t len, bool unmaps)
{
	if (!(flags & MM_PT_NO_BREAK))
		return;
	stays.n = model.n;
	memcpy(stays.run, model.run, model.n * sizeof(model.run[0]));
	if (unmaps && change_status(va, len) == MM_OK)
		set_remove(&stays, va, va + len - 1);
	ora.stays = &stays;
}

/* Was it refused, as it had to be if it was not? */
static bool end_calm(uint32_t flags, enum mm_status st, enum mm_status expect)
{
	ora.stays = NULL;
	if (st != MM_E_BBM)
		return false;
	MUST(!expect && (flags & MM_PT_NO_BREAK) && (ora.arch->must_break || f.writer->runs));
	failed(st, MM_E_BBM);
	return true;
}

static void op_unmap(const struct op *op)
{
	uint64_t va = pick_va(op), len = pick_length(op);
	uint32_t flags = (op->flags & 1 ? MM_PT_EXACT : 0u) | (op->flags & 2 ? MM_PT_DISCARD : 0u) |
			 (op->flags & 4 ? MM_PT_NO_BREAK : 0u);
	begin_calm(flags, va, len, true);
	enum mm_status expect = change_status(va, len), st = do_unmap(va, len, flags);

	if (end_calm(flags, st, expect))
		return;

	if (!expect && exact_hole(va, len, flags))
		expect = MM_E_NOENT;
	if (expect || st == MM_E_NOMEM) {
		failed(st, expect ? expect : MM_E_NOMEM);
		return;
	}
	MUST(st == MM_OK);
	uint64_t pages = set_remove(&model, va, va + len - 1);
	MUST(flags & MM_PT_DISCARD ? f.g.pages >= pages : f.g.pages == pages);
}

static void op_protect(const struct op *op)
{
	uint64_t va = pick_va(op), len = pick_length(op);
	uint32_t flags = (op->flags & 1 ? MM_PT_EXACT : 0u) | (op->flags & 4 ? MM_PT_NO_BREAK : 0u), attr = pick_attr(op);
	begin_calm(flags, va, len, false);
	enum mm_status expect = change_status(va, len), st = do_protect(va, len, attr, flags);

	expect = expect ? expect : attr_status(attr);
	if (end_calm(flags, st, expect))
		return;
	if (!expect && exact_hole(va, len, flags))
		expect = MM_E_NOENT;
	if (expect || st == MM_E_NOMEM) {
		failed(st, expect ? expect : MM_E_NOMEM);
		return;
	}
	MUST(st == MM_OK);
	MUST(f.g.pages == set_protect(&model, va, va + len - 1, attr));
}

static void op_query(const struct op *op)
{
	uint64_t va = pick_va(op) + op->length % PAGE, first;
	struct mm_pt_run run;
	mm_paddr_t pa = 0;
	enum mm_status st = do_query(va, &run);

	MUST(do_translate(va, &pa) == st && (st != MM_OK || pa == run.pa));
	if (range_status(va, 1)) {
		MUST(st == MM_E_RANGE);
		return;
	}
	bool there = set_overlaps(&model, va, va, &first);
	MUST(st == (there ? MM_OK : MM_E_NOENT));
	struct ora_run truth = ora_walk(&ora, va);
	MUST(run.va == truth.va && run.last == truth.last && run.attr == truth.attr);
	MUST(run.level == truth.level && (!there || run.pa == truth.pa + (va - truth.va)));
}

/* Put a leaf into a set, behind all others. */
static void append(struct ora_set *set, struct ora_run leaf)
{
	struct ora_run *p = set->n ? &set->run[set->n - 1] : NULL;

	if (p && p->last + 1 == leaf.va && p->pa + (p->last - p->va) + 1 == leaf.pa &&
	    p->attr == leaf.attr)
		p->last = leaf.last;
	else
		set_insert(set, leaf);
}

/* Most bytes of one leaf, or of one contiguous run. */
static uint64_t leaf_size(const struct mm_pt_leaves *leaves)
{
	bool run = leaves->n == 1 && f.features & f.arch->run_feature;

	return ora_size(&ora, leaves->level) << (run ? f.arch->run_lg2[leaves->level] : 0);
}

/* Put leaves into a set. */
static void insert_leaves(struct ora_set *set, const struct mm_pt_leaves *leaves)
{
	const uint64_t mask = leaf_size(leaves);
	uint64_t va = leaves->va;

	MUST(leaves->n > 0 && leaves->n <= leaves->room);
	for (size_t k = 0; k < leaves->n; k++) {
		uint64_t last = va | (mask - 1);
		if (k + 1 == leaves->n) {
			MUST(leaves->last <= last && leaves->last >= va);
			last = leaves->last;
		}
		append(set, (struct ora_run){ .va = va,
					      .last = last,
					      .pa = leaves->pa[k],
					      .attr = leaves->attr[k] });
		va = last + 1;
	}
}

/* What the model has in a range. */
static void model_part(uint64_t va, uint64_t last)
{
	part.n = model.n;
	memcpy(part.run, model.run, model.n * sizeof(model.run[0]));
	if (va > 0)
		set_remove(&part, 0, va - 1);
	if (last != UINT64_MAX)
		set_remove(&part, last + 1, UINT64_MAX);
}

#include "pt_second.h"
#include "pt_claims.h"

static void op_cursor_leaves(const struct op *op)
{
	uint64_t va = pick_va(op), len = pick_length(op), at = va;
	struct mm_pt_leaves leaves = { .pa = frames, .attr = attrs, .room = 1 + op->skew % 70u };
	struct mm_pt_cur cur;

	if (mm_pt_cur_init(&cur, f.writer, va, len) != MM_OK)
		return;
	set_clear(&before);
	while (do_leaves(&cur, &leaves)) {
		MUST(leaves.va >= at && leaves.last >= leaves.va && leaves.last - va < len);
		insert_leaves(&before, &leaves);
		at = leaves.last + 1;
	}
	model_part(va, va + (len - 1));
	MUST(set_equal(&before, &part));
}

static void op_cursor(const struct op *op)
{
	uint64_t va = pick_va(op), len = pick_length(op), at = va;
	struct mm_pt_cur cur;
	struct mm_pt_run run;
	enum mm_status expect = range_status(va, len);
	bool hole = false, ended = false;

	MUST(mm_pt_cur_init(&cur, f.writer, va, len) == expect);
	if (expect)
		return;
	set_clear(&before);
	while (do_next(&cur, &run)) {
		MUST(!ended && run.va == at && run.last >= at && run.last - va < len);
		MUST(run.attr || !hole); /* holes are folded */
		hole = !run.attr;
		if (run.attr)
			append(&before, (struct ora_run){ .va = run.va,
							  .last = run.last,
							  .pa = run.pa,
							  .attr = run.attr });
		ended = run.last == va + (len - 1);
		at = run.last + 1;
	}
	MUST(ended);
	model_part(va, va + (len - 1));
	MUST(set_equal(&before, &part));
}

static void op_unmap_leaves(const struct op *op)
{
	uint64_t va = pick_va(op), len = pick_length(op), first;
	struct mm_pt_leaves leaves = { .pa = frames, .attr = attrs, .room = 1 + op->skew % 70u };
	struct mm_pt_cur cur;

	if (mm_pt_cur_init(&cur, f.writer, va, len) != MM_OK)
		return;
	if (change_status(va, len)) {
		failed(do_unmap_leaves(&cur, &leaves), MM_E_OWNER);
		return;
	}
	for (unsigned i = 0; i < op->flags % 16u; i++) {
		uint64_t hash = ora_hash(&ora);
		enum mm_status st = do_unmap_leaves(&cur, &leaves);
		bool there = set_overlaps(&model, va, va + (len - 1), &first);
		MUST(there ? st == MM_OK || st == MM_E_NOMEM : st == MM_E_NOENT);
		if (st != MM_OK) {
			MUST(ora_hash(&ora) == hash);
			return;
		}
		MUST(leaves.va == first && leaves.last - va < len);
		set_clear(&one);
		insert_leaves(&one, &leaves);
		model_part(leaves.va, leaves.last);
		MUST(set_equal(&one, &part));
		MUST(set_remove(&model, leaves.va, leaves.last) == f.g.pages);
		if (op->flags & 0x10)
			compare();
		if (op->flags & 0x20)
			sync_all();
	}
}

static void op_unmap_next(const struct op *op)
{
	uint64_t va = pick_va(op), len = pick_length(op), first;
	struct mm_pt_cur cur;
	struct mm_pt_run run;

	if (mm_pt_cur_init(&cur, f.writer, va, len) != MM_OK)
		return;
	if (change_status(va, len)) {
		failed(do_unmap_next(&cur, &run), MM_E_OWNER);
		return;
	}
	for (unsigned i = 0; i < op->flags % 16u; i++) {
		uint64_t hash = ora_hash(&ora);
		enum mm_status st = do_unmap_next(&cur, &run);
		bool there = set_overlaps(&model, va, va + (len - 1), &first);
		MUST(there ? st == MM_OK || st == MM_E_NOMEM : st == MM_E_NOENT);
		if (st != MM_OK) {
			MUST(ora_hash(&ora) == hash);
			return;
		}
		MUST(run.va == first && run.last - va < len);
		one.n = 1;
		one.run[0] = (struct ora_run){
			.va = run.va, .last = run.last, .pa = run.pa, .attr = run.attr
		};
		set_clear(&before);
		for (size_t k = 0; k < model.n; k++)
			if (model.run[k].last >= run.va && model.run[k].va <= run.last)
				before.run[before.n++] = model.run[k];
		if (run.va > 0)
			set_remove(&before, 0, run.va - 1);
		if (run.last != UINT64_MAX)
			set_remove(&before, run.last + 1, UINT64_MAX);
		MUST(set_equal(&one, &before));
		MUST(set_remove(&model, run.va, run.last) == f.g.pages);
		if (op->flags & 0x10)
			compare();
		if (op->flags & 0x20)
			sync_all();
	}
}

/* What an mm_pt_tree operation of a range must say before it looks at the tree. */
static enum mm_status pick_range(const struct op *op, uint64_t *va, uint64_t *len, uint32_t *flags)
{
	*va = pick_va(op);
	*len = pick_length(op);
	*flags = op->flags & 2 ? MM_PT_MAX_LEVEL(op->flags >> 2 & 3) : 0;
	*flags |= op->flags & 16 ? MM_PT_NO_RUNS : 0u;
	return change_status(*va, *len);
}

/* Reserve, and map at once with no memory: it must not want any, and use all. */
static void op_reserve(const struct op *op)
{
	struct mm_pt_pool pool = { .n = { 0 } };
	uint64_t va, len, first, pa;
	uint32_t flags, attr = pick_attr(op);
	enum mm_status expect = pick_range(op, &va, &len, &flags);
	size_t used = ora.used, n = 0;

	pa = pick_pa(op, va);
	if (!expect && pa + (len - 1) >= f.limit)
		expect = MM_E_RANGE;
	enum mm_status st = mm_pt_reserve(f.writer, va, (mm_paddr_t)pa, len, flags, &pool);
	nothing_changed();
	for (unsigned l = 0; l < 6; l++)
		n += pool.n[l];
	MUST(n == ora.used - used);
	MUST(st == expect || (st == MM_E_NOMEM && !expect));
	if (st == MM_OK && attr_status(attr) == MM_OK &&
	    !set_overlaps(&model, va, va + len - 1, &first)) {
		ora_fail(&ora, 1, true);
		f.g.pool = &pool;
		MUST(do_map(va, pa, len, attr, flags) == MM_OK);
		for (unsigned l = 0; l < 6; l++)
			MUST(pool.n[l] == 0);
		set_insert(&model, (struct ora_run){ .va = va,
						     .last = va + len - 1,
						     .pa = pa,
						     .attr = ora_told(attr) });
	}
	f.g.pool = NULL;
	mm_pt_unreserve(f.writer, &pool);
}

static void op_split(const struct op *op)
{
	uint64_t va, len;
	uint32_t flags;
	enum mm_status expect = pick_range(op, &va, &len, &flags);
	size_t used = ora.used;
	flags |= op->flags & 32 ? MM_PT_NO_BREAK : 0u;
	begin_calm(flags, va, len, false);
	enum mm_status st = mm_pt_split(f.writer, va, len, flags, &f.g);

	if (end_calm(flags, st, expect)) {
		MUST(ora.used == used);
		return;
	}
	if (expect || st == MM_E_NOMEM) {
		failed(st, expect ? expect : MM_E_NOMEM);
		MUST(ora.used == used);
		MUST(expect || f.g.stop_level > 0);
		return;
	}
	MUST(st == MM_OK);
	unsigned cap = op->flags & 2 ? op->flags >> 2 & 3 : 9;
	struct ora_run first = ora_walk(&ora, va), last = ora_walk(&ora, va + (len - 1));
	MUST(!first.attr || first.va >= va);
	MUST(!last.attr || last.last <= va + (len - 1));
	ora_observe(&ora);
	for (size_t i = set_find(&ora.live, va); i < ora.live.n; i++) {
		const struct ora_run *leaf = &ora.live.run[i];
		if (leaf->va > va + (len - 1))
			return;
		MUST(leaf->level <= cap && (!(flags & MM_PT_NO_RUNS) || !leaf->run));
	}
}

/* A large leaf has the accessed and dirty bits of all pages in it. */
static void share_bits(void)
{
	for (size_t i = 0; i < model.n; i++) {
		struct ora_run leaf = ora_walk(&ora, model.run[i].va);
		uint32_t bits = 0;
		if (leaf.va == model.run[i].va)
			continue;
		model_part(leaf.va, leaf.last);
		for (size_t k = 0; k < part.n; k++)
			bits |= part.run[k].attr;
		set_touch(&model, leaf.va, leaf.last, bits & (MM_PT_ACCESSED | MM_PT_DIRTY));
	}
}

static void op_collapse(const struct op *op)
{
	uint64_t va, len;
	uint32_t flags;
	enum mm_status expect = pick_range(op, &va, &len, &flags);
	flags |= op->flags & 32 ? MM_PT_NO_BREAK : 0u;
	begin_calm(flags, va, len, false);
	enum mm_status st = mm_pt_collapse(f.writer, va, len, flags, &f.g);

	MUST(!end_calm(flags, st, expect));
	if (expect) {
		failed(st, expect);
		return;
	}
	MUST(st == MM_OK);
	ora_observe(&ora);
	if (!f.g.pages) {
		nothing_changed();
		return;
	}
	share_bits();
}

/* One stretch of neighbours that are alike: batches of one leaf would cut the model into as many. */
static void join_alike(struct ora_set *set)
{
	size_t n = set->n;

	set_clear(set);
	for (size_t i = 0; i < n; i++)
		append(set, set->run[i]);
}

static void op_age(const struct op *op)
{
	uint64_t va = pick_va(op), len = pick_length(op);
	struct mm_pt_leaves leaves = { .pa = frames, .attr = attrs, .room = 1 + op->skew % 70u };
	const uint32_t what = op->flags & 1   ? MM_PT_ACCESSED
			      : op->flags & 2 ? MM_PT_DIRTY
					      : MM_PT_ACCESSED | MM_PT_DIRTY;
	struct mm_pt_cur cur;

	if (mm_pt_cur_init(&cur, f.writer, va, len) != MM_OK)
		return;
	if (change_status(va, len)) {
		failed(mm_pt_age(f.writer, &cur, what, &f.g, &leaves), MM_E_OWNER);
		return;
	}
	set_clear(&before);
	model_part(va, va + (len - 1));
	while (mm_pt_age(f.writer, &cur, what, &f.g, &leaves) == MM_OK) {
		insert_leaves(&before, &leaves);
		struct ora_run first = ora_walk(&ora, leaves.va),
			       last = ora_walk(&ora, leaves.last);
		set_untouch(&model, first.va, last.last, what & ~f.arch->fixed);
		if (model.n > ORA_RUNS / 2)
			join_alike(&model);
	}
	MUST(set_equal(&before, &part));
}

static uint64_t dumped;

static void count_line(void *ctx, const char *text)
{
	(void)ctx;
	dumped++;
	MUST(strlen(text) < 80);
}

static void op_dump(const struct op *op)
{
	uint64_t wx = 0;

	dumped = 0;
	uint64_t n = mm_pt_dump(&f.pt, op->flags & 1 ? MM_PT_DUMP_WX : 0, count_line, NULL);
	for (size_t i = 0; i < model.n; i++)
		if ((model.run[i].attr & MM_PT_WRITE) && (model.run[i].attr & MM_PT_EXEC))
			wx += (model.run[i].last - model.run[i].va) / PAGE + 1;
	MUST(n == wx);
	MUST(op->flags & 1 ? (dumped != 0) == (wx != 0) : (dumped != 0) == (model.n != 0));
	f.refused = true;
}

/* A page that is mapped, or any. */
static uint64_t pick_page(const struct op *op)
{
	if (!(op->flags & 8) || !model.n)
		return pick_va(op);
	const struct ora_run *r = &model.run[op->length % model.n];
	return r->va + op->offset % set_run_pages(r) * PAGE;
}

static void op_access(const struct op *op)
{
	uint64_t va = pick_page(op), first;
	bool write = op->flags & 1;

	ora_begin(&ora, va, va);
	if (range_status(va, 1))
		return;
	bool there = set_overlaps(&model, va, va, &first);
	if (!ora_access(&ora, va, write, op->flags & 2, op->flags & 4))
		return;
	MUST(there);
	struct ora_run leaf = ora_walk(&ora, va);
	set_touch(&model, leaf.va, leaf.last,
		  (MM_PT_ACCESSED | (write ? MM_PT_DIRTY : 0u)) & ~f.arch->unkept);
}

static void run_op(const struct op *op)
{
	const uint64_t va = pick_va(op), most = pick_length(op) + LIST * PAGE;

	operations_count();
	pick_writer(op);
	ora_begin(&ora, va, va + most < va ? UINT64_MAX : va + most);
	f.hash = ora_hash_seen(&ora);
	f.refused = false;
	ora_fail(&ora, op->fail & 0x80 ? op->fail % 8u : 0, op->fail & 0x40);
	switch (op->kind % 16) {
	case 0:
		op_map(op);
		break;
	case 1:
		if (op->flags & 0x80)
			op_map_list(op);
		else
			op_map(op);
		break;
	case 2:
		op_unmap(op);
		break;
	case 3:
		op_protect(op);
		break;
	case 4:
		if (op->flags & 0x80)
			op_share(op);
		else
			op_query(op);
		break;
	case 5:
		if (op->flags & 0x80)
			op_cursor_leaves(op);
		else
			op_cursor(op);
		break;
	case 6:
		if (op->flags & 0x80)
			op_unmap_leaves(op);
		else
			op_unmap_next(op);
		break;
	case 7:
		op_access(op);
		break;
	case 8:
		op_reserve(op);
		break;
	case 9:
		op_split(op);
		break;
	case 10:
	case 11:
		op_collapse(op);
		break;
	case 12:
	case 13:
		op_age(op);
		break;
	case 15:
		if (op->flags & 0x80)
			op_claim(op);
		else
			op_access(op);
		break;
	case 14:
		if (op->flags & 0x80)
			op_share(op);
		else if (op->offset % 64) /* as slow as a thousand others */
			op_query(op);
		else
			op_dump(op);
		break;
	}
	if (++f.compared % EVERYTHING)
		compare();
	else
		compare_all();
	if (op->kind & 0x80)
		sync_all();
}

/* Where the encryption bit may be, if this format has one to spare. */
static uint64_t pick_c_bit(const struct mm_pt_port *port)
{
	bool free_bit = port->pa_bits > PA_BITS && !f.arch->pa && f.arch->entry_lg2 == 0;

	return free_bit ? f.arch->address & UINT64_C(1) << 47 : 0;
}

static void start(uint8_t format, uint8_t how)
{
	static bool ready;
	const unsigned k = format % NALL;
	const struct mm_pt_port *port;

	if (!ready)
		ora_init(&ora, 0x40000000, LONG * 16); /* the longest has 64 KiB */
	ready = true;
	ora_reset(&ora);
	set_clear(&model);
	f = (struct fuzz){ .allow_wx = how & 2, .folded = k < NFOLDED && (how & 1) };
	f.format = k < NFOLDED ? &folded[k] : NULL;
	f.arch = arch_of(k);
	port = swap_port ? swap_port(port_of(k)) : port_of(k);
	f.features = how & 32 ? f.arch->features : 0;
	ora_set_arch(&ora, f.arch);
	ora.base = port->pa_bits < 32 ? 0x100000 : 0x40000000; /* tables have addresses that entries can hold */
	ora.pages = ora.slot > PAGE_4K ? LONG : TABLES;
	pick_bases();
	struct mm_pt_cfg cfg = { .pa_bits = port->pa_bits < PA_BITS ? port->pa_bits : PA_BITS };
	f.limit = UINT64_C(1) << cfg.pa_bits;
	cfg.allow_wx = f.allow_wx;
	cfg.leaf_levels = how & 4 ? (how & 8 ? 1 : 3) : 0;
	cfg.set_bits = how & 16 ? pick_c_bit(port) : 0;
	cfg.features = f.features;
	f.cfg = cfg;
	for (unsigned l = 0; l < port->nlevels && port->level[l].leaf; l++)
		f.leaf_levels |= (uint8_t)(1u << l);
	f.leaf_levels = cfg.leaf_levels ? cfg.leaf_levels : f.leaf_levels;
	memset(&second, 0, sizeof(second));
	memset(claims, 0, sizeof(claims));
	f.writer = &f.pt;
	ora.features = cfg.features;
	ora.pa_bits = cfg.pa_bits;
	ora.c_bit = cfg.set_bits;
	MUST(mm_pt_init(&f.pt, port, &ora.env, &cfg) == MM_OK);
	ora.pt = &f.pt;
	ora.quick = true;
	ora_observe(&ora);
	ora.unordered = ora.new_table = false; /* the root is loaded into a register */
	MUST(ora.used == 1);
}

/* Returns how much of the input it took. */
static size_t run_case(const uint8_t *in, size_t n)
{
	size_t at = 2;
	struct op op;

	start(in[0], in[1]);
	for (unsigned i = 0; i < MAX_OPS && n - at >= sizeof(op); i++, at += sizeof(op)) {
		memcpy(&op, in + at, sizeof(op));
		run_op(&op);
	}
	compare_all();
	if (in[at - 1] % 32 == 0) /* it takes as long as all of the case */
		verify();
	claims_end();
	second_end();
	MUST(ora.used == 0 && f.pt.port == NULL);
	return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	size_t used;

	for (; n >= 2; in += used, n -= used)
		used = run_case(in, n);
	return 0;
}
