/* SPDX-License-Identifier: MIT */
/* Operations on any number of frames, against the map of owners of fuzz_pmm.c, which includes this. */

/* Frames that lie together become an allocation: the largest aligned blocks that they consist of. */
static void model_own_run(struct model *m, unsigned frame, unsigned count)
{
	while (count) {
		unsigned order = 0;

		while (2u << order <= count && (BASE + frame) % (2u << order) == 0)
			order++;
		model_own(m, frame, order, false);
		frame += 1u << order;
		count -= 1u << order;
	}
}

static void op_contig(struct mm_pmm *pmm, struct model *m, unsigned count, unsigned where,
		      unsigned zone)
{
	struct run_wanted run = { count,
				  { pa_of(where) + (where & 3 ? 0 : 1), MM_PADDR_MAX,
				    MM_FRAME_SIZE << (zone >> 2 & 3), 0 } };
	const struct request r = { zone % 4 < 3 ? (int)(zone % 4) : -1,
				   where % machine.nodes == 0 ? -1 : 1,
				   where & 8 ? MM_ALLOC_EMERGENCY : 0 };
	struct mm_page_limits *w = &run.w;
	unsigned want = FRAMES;
	mm_paddr_t pa = 1;
	enum mm_status st;
	bool right;

	if (zone & 0x10)
		w->boundary = MM_FRAME_SIZE << (zone >> 5);
	if (zone & 0x80)
		w->high = w->low + (mm_paddr_t)count * 3 * MM_FRAME_SIZE - (where & 1);
	right = count && (!w->boundary || w->boundary >= (mm_paddr_t)count * MM_FRAME_SIZE);
	if (right)
		want = model_best(m, &r, &run);
	model_ask(m, want, count);
	st = mm_page_alloc_contig(pmm, count, request_flags(&r), w, &pa);
	if (!right) {
		MUST(st == MM_E_INVAL && pa == 1);
		return;
	}
	if (want == FRAMES) {
		MUST(st == MM_E_NOMEM && pa == 1);
		return;
	}
	MUST(st == MM_OK && pa == pa_of(want));
	model_own_run(m, want, count);
	model_watch(m, want);
	model_stamp(m, want, count);
}

static void op_range(struct mm_pmm *pmm, struct model *m, unsigned frame, unsigned count)
{
	enum mm_status st;

	model_ask(m, frame, count);
	st = mm_page_alloc_range(pmm, pa_of(frame), count, 0);
	if (count == 0)
		MUST(st == MM_E_INVAL);
	else if (model_run_free(m, frame, count))
		MUST(st == MM_OK);
	else
		MUST(st == MM_E_BUSY || st == MM_E_FOREIGN);
	if (st == MM_OK) {
		model_own_run(m, frame, count);
		model_watch(m, frame);
		model_stamp(m, frame, count);
	}
}

/* The head of the block that a frame is of. */
static unsigned model_head(const struct model *m, unsigned frame)
{
	while (m->owner[frame] == TAIL)
		frame--;
	return frame;
}

/* What the first frame that cannot be freed in parts says. */
static enum mm_status expect_free_range(const struct model *m, unsigned frame, unsigned count)
{
	for (unsigned i = 0; i < count && frame + i < FRAMES; i++)
		if (m->owner[frame + i] != HEAD && m->owner[frame + i] != TAIL)
			return expect_free(m, frame + i, 0);
	return frame + count > FRAMES ? MM_E_FOREIGN : MM_OK;
}

static bool model_one_zone(unsigned frame, unsigned count)
{
	while (count && zone_of(frame + count - 1) == zone_of(frame))
		count--;
	return count == 0;
}

/* Frames in the middle of allocated ones, head to end, are freed: what is left on both sides becomes blocks
 * of its own, whose frames nobody took. */
static void model_divide(struct model *m, unsigned head, unsigned frame, unsigned count, unsigned end)
{
	for (unsigned i = head; i < end; i++)
		if (i >= frame && i < frame + count)
			model_give(m, i);
		else
			model_put(m, i, FREE, FRAME_FREE);
	model_own_run(m, head, frame - head);
	model_own_run(m, frame + count, end - frame - count);
	m->at = frame;
}

static void op_free_range(struct mm_pmm *pmm, struct model *m, unsigned frame, unsigned count)
{
	enum mm_status st = mm_page_free_range(pmm, pa_of(frame), count), want;
	unsigned head, end;

	want = count ? expect_free_range(m, frame, count) : MM_E_INVAL;
	/* what is not in one range is refused as a whole */
	MUST(st == want ||
	     (st == MM_E_FOREIGN && (want != MM_OK || !model_one_zone(frame, count))));
	if (st != MM_OK)
		return;
	head = model_head(m, frame);
	for (end = frame + count; end < FRAMES && m->owner[end] == TAIL;)
		end++;
	model_divide(m, head, frame, count, end);
	model_watch(m, frame);
}

/* Many blocks at once. */
static void op_alloc_bulk(struct mm_pmm *pmm, struct model *m, unsigned order, unsigned n,
			  unsigned zone)
{
	const struct request r = { zone % 8 < machine.ncfg ? (int)(zone % 8) : -1,
				   zone & 8 ? (int)machine.nodes - 1 : -1,
				   zone & 16 ? MM_ALLOC_NODE_EXACT : 0 };
	struct run_wanted run;
	mm_paddr_t pa[32];
	size_t got = 77;
	enum mm_status st = mm_page_alloc_bulk(pmm, order, request_flags(&r), pa, n, &got);

	if (n == 0 || order > pmm->max_order) {
		MUST(st == MM_E_INVAL && got == 77);
		return;
	}
	MUST(st == MM_OK ? got > 0 && got <= n : st == MM_E_NOMEM && got == 77);
	for (size_t i = 0; st == MM_OK && i < got; i++) {
		unsigned f = (unsigned)(mm_pa_to_pfn(pa[i]) - BASE);

		MUST(f < FRAMES && request_rank(&r, zone_of(f)) >= 0);
		model_own(m, f, order, false);
		model_stamp(m, f, 1u << order);
	}
	run = block_wanted(order);
	MUST((st == MM_OK && got == n) || model_best(m, &r, &run) == FRAMES);
	model_watch_all(m);
}

/* What one of several blocks says, those before it are free by then. */
static enum mm_status expect_free_among(const struct model *m, const unsigned *at, unsigned i, unsigned order)
{
	for (unsigned k = 0; k < i; k++)
		if (at[i] >= at[k] && at[i] - at[k] < 1u << order)
			return MM_E_DOUBLE_FREE;
	return expect_free(m, at[i], order);
}

/* Those of an order from a frame on; with a fault: one of them twice, or a frame that is no such block. */
static void op_free_bulk(struct mm_pmm *pmm, struct model *m, unsigned frame, unsigned order,
			 unsigned fault)
{
	enum mm_status st, want = MM_OK;
	unsigned at[32], n = 0;
	mm_paddr_t pa[32];

	for (; n < 30 && frame < FRAMES; frame++)
		if (m->owner[frame] == HEAD && m->order[frame] == order)
			at[n++] = frame;
	if (fault & 1 && n) {
		at[n] = fault & 2 ? at[n / 2] : fault;
		n++;
	}
	for (unsigned i = 0; i < n; i++) {
		pa[i] = pa_of(at[i]);
		if (want == MM_OK)
			want = expect_free_among(m, at, i, order);
	}
	st = mm_page_free_bulk(pmm, order, pa, n);
	MUST(st == want);
	for (unsigned i = 0; st == MM_OK && i < n; i++)
		model_disown(m, at[i]);
	for (unsigned i = 0; st == MM_OK && i < n; i++)
		model_watch(m, at[i]);
}
