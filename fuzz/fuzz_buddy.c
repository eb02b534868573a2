/* SPDX-License-Identifier: MIT */
/* Any sequence of calls of one buddy, right or wrong, against the plain model of
 * tests/buddy_model.h.
 *
 * After each operation: its status and its frames are exactly the model's; so are all words of all levels,
 * bit for bit, and the count (an operation that changes frames far away is found at once); and what is
 * told of the frames of the operation and of their neighbours. Each 32nd time, before the first operation
 * and after the last one: all that is told of every frame, all invariants and summaries, and the metadata
 * built anew. At the end all is freed: the first state.
 *
 * Input: byte 0 base, 1 and 2 length, then 4 bytes an operation: what, order, and a frame, 2 bytes.
 */
#include "../tests/buddy_model.h"
#include "operations.h"
#include <stdio.h>
#include "../tests/buddy_expect.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

#define FRAMES_MAX (MM_WORD_BITS == 8 ? 96 : 200)
#define WHOLE      32u /* operations between two looks at everything */

static void must(const char *wrong)
{
	if (wrong) {
		fprintf(stderr, "buddy: %s\n", wrong);
		abort();
	}
}

/* All state but summaries. */
static void check_state(const struct model *m)
{
	if (!buddy_expect(&m->b, m->free))
		must("words");
	if (mm_buddy_count_free(&m->b) != m->nfree)
		must("count_free");
	must(model_check_guard(m));
}

/* What is told of frames that an operation may have touched, and of their neighbours. */
static void check_near(const struct model *m, mm_pfn_t pfn, mm_pfn_t count)
{
	mm_pfn_t first;
	unsigned order;

	for (unsigned i = 0; i < 4; i++) {
		mm_pfn_t at = pfn + (i & 1) - 1 + (i & 2 ? count : 0);

		if (mm_buddy_is_free(&m->b, at) != (model_inside(m, at, 1) && m->free[at - m->base]))
			must("is_free");
	}
	must(model_check_next(m, pfn < m->base ? m->base : pfn, &first, &order));
}

static mm_pfn_t choose_base(uint8_t how, mm_pfn_t frames)
{
	mm_pfn_t fine = how & 0x3f;

	if (how & 0x80) /* near the end of the address space */
		return MM_PFN_MAX - (frames - 1) - (how & 0x40 ? 0 : fine);
	return how & 0x40 ? ((mm_pfn_t)1 << 20) + fine : fine;
}

/* Blocks of an order, many at a time: the lowest ones of the word that has the lowest one. */
static void run_bulk(struct model *m, unsigned order, unsigned most, bool back)
{
	mm_pfn_t lowest = 0, size = (mm_pfn_t)1 << order, in_word = size, pfn;
	uint32_t at[MM_WORD_BITS];
	unsigned got = 0, want = 0;
	bool any = model_lowest(m, order, &lowest);
	enum mm_status st = buddy_take_bulk(&m->b, order, at, most, &got);

	if (st != (any ? MM_OK : MM_E_NOMEM))
		must("take_bulk: status");
	if (!any)
		return;
	while ((unsigned)__builtin_ctzll(in_word) % MODEL_F || in_word == size)
		in_word <<= 1; /* the next power of W above the block, */
	if (order >= MODEL_F * (m->b.nlevels - 1)) /* or, in the top level, what its words span */
		in_word = (mm_pfn_t)1 << MODEL_F * m->b.nlevels;
	for (pfn = lowest; want < most && pfn / in_word == lowest / in_word; pfn += size) {
		if (!model_all_free(m, pfn, order))
			continue;
		if (want >= got || at[got - 1 - want] != pfn - m->base)
			must("take_bulk: another block");
		want++;
	}
	if (want != got)
		must("take_bulk: too many");
	for (unsigned i = 0; i < got; i++)
		model_mark(m, m->base + at[i], size, false);
	if (!back)
		return;
	if (buddy_give_bulk(&m->b, order, at, got) != MM_OK)
		must("give_bulk: status");
	for (unsigned i = 0; i < got; i++)
		model_mark(m, m->base + at[i], size, true);
}

/* A run between limits; those that make no sense are among them. */
static void run_contiguous(struct model *m, const uint8_t *op)
{
	mm_pfn_t low = m->base + op[2] % m->frames, span = op[3] & 15;
	struct mm_buddy_limits where = { low, span ? low + span * 8 : MM_PFN_MAX,
					 (mm_pfn_t)1 << (op[3] >> 4 & 3),
					 op[3] & 0x40 ? (mm_pfn_t)4 << (op[0] >> 6) : 0 };

	where.align += op[3] == 0x8f;
	where.boundary += op[3] == 0xc7;
	must(model_alloc_run(m, op[1] % 48, op[3] & 0x80 && op[3] < 0x8f ? NULL : &where));
}

static void run_op(struct model *m, const uint8_t *op)
{
	unsigned order = op[1] % (mm_buddy_max_order(&m->b) + 2);
	mm_pfn_t at = op[2] | (mm_pfn_t)op[3] << 8, out;
	mm_pfn_t near_pfn = m->base + at % (m->frames + 2) - 1; /* may miss by one on both sides */
	mm_pfn_t aligned = near_pfn & ~(((mm_pfn_t)1 << (order & 31)) - 1);

	switch (op[0] % 12) {
	case 0:
	case 1:
		must(model_alloc(m, order, &out));
		break;
	case 2:
		must(model_alloc_at(m, aligned, order));
		break;
	case 3:
	case 4:
		must(model_free(m, aligned, order));
		break;
	case 5:
		must(model_free_range(m, near_pfn, op[1]));
		break;
	case 6: /* as it comes: misaligned, foreign */
		must(op[1] & 1 ? model_free(m, near_pfn, order)
			       : model_alloc_at(m, near_pfn, order));
		break;
	case 7:
		if (order <= mm_buddy_max_order(&m->b))
			run_bulk(m, order, 1 + op[2] % MM_WORD_BITS, op[3] & 1);
		break;
	case 8:
		must(model_alloc_range(m, near_pfn, op[1] % 64));
		break;
	case 9:
	case 10:
		run_contiguous(m, op);
		break;
	default:
		must(op[1] & 1 ? model_free(m, at << 40, order)
			       : model_free_range(m, near_pfn, ~(mm_pfn_t)op[2]));
	}
	check_state(m);
	check_near(m, m->at, m->count);
	check_near(m, near_pfn, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	uint8_t range[3] = { 0 };
	struct model m;
	unsigned done = 0;
	uint8_t *first;

	for (unsigned i = 0; i < 3 && n; i++, n--)
		range[i] = *in++;
	mm_pfn_t frames = 1 + (range[1] | (mm_pfn_t)range[2] << 8) % FRAMES_MAX;

	must(model_init(&m, choose_base(range[0], frames), frames));
	must(model_free_rest(&m));
	must(model_check(&m));
	first = malloc(m.size);
	memcpy(first, m.meta, m.size);
	for (; n >= 4; in += 4, n -= 4) {
		run_op(&m, in);
		if (++done % WHOLE == 0)
			must(model_check(&m));
		operations_count();
	}
	must(model_free_rest(&m));
	must(model_check(&m));
	if (memcmp(first, m.meta, buddy_words_bytes(&m.b, m.size)))
		must("all is free again, but not as at first");
	free(first);
	model_destroy(&m);
	return 0;
}
