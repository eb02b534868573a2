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
