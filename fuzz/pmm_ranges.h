/* SPDX-License-Identifier: MIT */
/* Operations on any number of frames, against the map of owners of fuzz_pmm.c, which includes this. */
#include <mmlib/range.h>

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

/* Are all of these frames free, and of one zone? */
static bool model_run_free(const struct model *m, unsigned frame, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (frame + i >= FRAMES || m->owner[frame + i] != FREE ||
		    zone_of(frame + i) != zone_of(frame))
			return false;
	return true;
}

/* So many frames, within limits. */
struct run_wanted {
	unsigned count;
	struct mm_page_limits w;
};

/* The lowest place for them in a zone; FRAMES: none. */
static unsigned model_place(const struct model *m, unsigned zone, const struct run_wanted *run)
{
	const struct mm_page_limits *w = &run->w;

	for (unsigned f = 0; f + run->count <= FRAMES; f++) {
		mm_paddr_t first = pa_of(f), last = pa_of(f + run->count) - 1;

		if (zone_of(f) == zone && first >= w->low && last <= w->high &&
		    first % w->align == 0 &&
		    (!w->boundary || first / w->boundary == last / w->boundary) &&
		    model_run_free(m, f, run->count))
			return f;
	}
	return FRAMES;
}

static bool model_run_fits(const struct model *m, unsigned zone, const void *what)
{
	return model_place(m, zone, what) != FRAMES;
}

/* Frames of a zone were taken or freed. */
static void model_watch(const struct model *m, unsigned frame)
{
	machine_watch(zone_of(frame), model_free_in(m, zone_of(frame)));
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
	uint64_t before = pmm_state_hash(pmm);
	mm_paddr_t pa = 1;
	enum mm_status st;
	unsigned want;
	int from;

	if (zone & 0x10)
		w->boundary = MM_FRAME_SIZE << (zone >> 5);
	if (zone & 0x80)
		w->high = w->low + (mm_paddr_t)count * 3 * MM_FRAME_SIZE - (where & 1);
	st = mm_page_alloc_contig(pmm, count, request_flags(&r), w, &pa);
	if (count == 0 || (w->boundary && w->boundary < (mm_paddr_t)count * MM_FRAME_SIZE)) {
		MUST(st == MM_E_INVAL && pmm_state_hash(pmm) == before);
		return;
	}
	from = model_zone(m, &r, count, model_run_fits, &run);
	if (from < 0) {
		MUST(st == MM_E_NOMEM && pa == 1 && pmm_state_hash(pmm) == before);
		return;
	}
	want = model_place(m, (unsigned)from, &run);
	MUST(st == MM_OK && pa == pa_of(want));
	model_own_run(m, want, count);
	model_watch(m, want);
}

static void op_range(struct mm_pmm *pmm, struct model *m, unsigned frame, unsigned count)
{
	uint64_t before = pmm_state_hash(pmm);
	enum mm_status st = mm_page_alloc_range(pmm, pa_of(frame), count, 0);

	if (count == 0)
		MUST(st == MM_E_INVAL);
	else if (model_run_free(m, frame, count))
		MUST(st == MM_OK);
	else
		MUST(st == MM_E_BUSY || st == MM_E_FOREIGN);
	if (st == MM_OK) {
		model_own_run(m, frame, count);
		model_watch(m, frame);
	} else {
		MUST(pmm_state_hash(pmm) == before);
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

static void op_free_range(struct mm_pmm *pmm, struct model *m, unsigned frame, unsigned count)
{
	uint64_t before = pmm_state_hash(pmm);
	enum mm_status st = mm_page_free_range(pmm, pa_of(frame), count), want;
	unsigned head, end;

	want = count ? expect_free_range(m, frame, count) : MM_E_INVAL;
	/* what is not in one range is refused as a whole */
	MUST(st == want ||
	     (st == MM_E_FOREIGN && (want != MM_OK || !model_one_zone(frame, count))));
	if (st != MM_OK) {
		MUST(pmm_state_hash(pmm) == before);
		return;
	}
	head = model_head(m, frame);
	for (end = frame + count; end < FRAMES && m->owner[end] == TAIL;)
		end++;
	for (unsigned i = head; i < end; i++) {
		m->owner[i] = FREE;
		m->order[i] = 0;
	}
	model_own_run(m, head, frame - head);
	model_own_run(m, frame + count, end - frame - count);
	model_watch(m, frame);
}

/* Many blocks at once. */
static void op_alloc_bulk(struct mm_pmm *pmm, struct model *m, unsigned order, unsigned n,
			  unsigned zone)
{
	const struct request r = { zone % 8 < machine.ncfg ? (int)(zone % 8) : -1,
				   zone & 8 ? (int)machine.nodes - 1 : -1,
				   zone & 16 ? MM_ALLOC_NODE_EXACT : 0 };
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
	}
	MUST((st == MM_OK && got == n) || model_zone(m, &r, 1u << order, model_fits, &order) < 0);
	for (unsigned z = 0; z < machine.nzones; z++)
		machine_watch(z, model_free_in(m, z));
}

/* Those of an order from a frame on; with a fault: one of them twice, or a frame that is no such block. */
static void op_free_bulk(struct mm_pmm *pmm, struct model *m, unsigned frame, unsigned order,
			 unsigned fault)
{
	uint64_t before = pmm_state_hash(pmm);
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
			want = expect_free(m, at[i], order);
		for (unsigned k = 0; k < i && want == MM_OK; k++)
			want = at[k] == at[i] ? MM_E_DOUBLE_FREE : MM_OK;
	}
	st = mm_page_free_bulk(pmm, order, pa, n);
	MUST(st == want);
	for (unsigned i = 0; st == MM_OK && i < n; i++)
		model_disown(m, at[i]);
	for (unsigned i = 0; st == MM_OK && i < n; i++)
		model_watch(m, at[i]);
	MUST(st == MM_OK || pmm_state_hash(pmm) == before);
}
