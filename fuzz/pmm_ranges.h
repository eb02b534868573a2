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

/* The lowest place for `count` frames in the highest zone at or below z that has one; FRAMES: none. */
static unsigned model_place(const struct model *m, unsigned count, int z,
			    const struct mm_page_limits *w)
{
	for (; z >= 0; z--)
		for (unsigned f = 0; f + count <= FRAMES; f++) {
			mm_paddr_t first = pa_of(f), last = pa_of(f + count) - 1;

			if (zone_of(f) == z && first >= w->low && last <= w->high &&
			    first % w->align == 0 &&
			    (!w->boundary || first / w->boundary == last / w->boundary) &&
			    model_run_free(m, f, count))
				return f;
		}
	return FRAMES;
}

static void op_contig(struct mm_pmm *pmm, struct model *m, unsigned count, unsigned where,
		      unsigned zone)
{
	struct mm_page_limits w = { pa_of(where) + (where & 3 ? 0 : 1), MM_PADDR_MAX,
				    MM_FRAME_SIZE << (zone >> 2 & 3), 0 };
	int z = zone % 4 < 3 ? (int)(zone % 4) : 2;
	uint64_t before = pmm_state_hash(pmm);
	mm_paddr_t pa = 1;
	enum mm_status st;
	unsigned want;

	if (zone & 0x10)
		w.boundary = MM_FRAME_SIZE << (zone >> 5);
	if (zone & 0x80)
		w.high = w.low + (mm_paddr_t)count * 3 * MM_FRAME_SIZE - (where & 1);
	st = mm_page_alloc_contig(pmm, count, zone % 4 < 3 ? MM_ALLOC_ZONE(zone % 4) : 0, &w, &pa);
	if (count == 0 || (w.boundary && w.boundary < (mm_paddr_t)count * MM_FRAME_SIZE)) {
		MUST(st == MM_E_INVAL && pmm_state_hash(pmm) == before);
		return;
	}
	want = model_place(m, count, z, &w);
	if (want == FRAMES) {
		MUST(st == MM_E_NOMEM && pa == 1 && pmm_state_hash(pmm) == before);
		return;
	}
	MUST(st == MM_OK && pa == pa_of(want));
	model_own_run(m, want, count);
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
	if (st == MM_OK)
		model_own_run(m, frame, count);
	else
		MUST(pmm_state_hash(pmm) == before);
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

static void op_free_range(struct mm_pmm *pmm, struct model *m, unsigned frame, unsigned count)
{
	uint64_t before = pmm_state_hash(pmm);
	enum mm_status st = mm_page_free_range(pmm, pa_of(frame), count), want;
	unsigned head, end;

	want = count ? expect_free_range(m, frame, count) : MM_E_INVAL;
	/* what is not in one range is refused as a whole */
	MUST(st == want || (st == MM_E_FOREIGN && (want != MM_OK || zone_of(frame) !=
						   zone_of(frame + count - 1))));
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
}

/* Many blocks at once. */
static void op_alloc_bulk(struct mm_pmm *pmm, struct model *m, unsigned order, unsigned n,
			  unsigned zone)
{
	int z = zone % 4 < 3 ? (int)(zone % 4) : 2;
	mm_paddr_t pa[32];
	size_t got = 77;
	enum mm_status st = mm_page_alloc_bulk(
		pmm, order, zone % 4 < 3 ? MM_ALLOC_ZONE(zone % 4) : 0, pa, n, &got);

	if (n == 0 || order > pmm->max_order) {
		MUST(st == MM_E_INVAL && got == 77);
		return;
	}
	MUST(st == MM_OK ? got > 0 && got <= n : st == MM_E_NOMEM && got == 77);
	for (size_t i = 0; st == MM_OK && i < got; i++) {
		unsigned f = (unsigned)(mm_pa_to_pfn(pa[i]) - BASE);

		MUST(f < FRAMES && zone_of(f) <= z);
		model_own(m, f, order, false);
	}
	MUST((st == MM_OK && got == n) || !model_fits(m, order, z));
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
	MUST(st == MM_OK || pmm_state_hash(pmm) == before);
}
