/* SPDX-License-Identifier: MIT */
/* The buddy alone. */
#include "../buddy_words.h"
#include "buddy/buddy.h"
#include "explore.h"
#include <stdlib.h>
#include <string.h>

static struct mm_buddy *b;
static void *meta, *all_free;
static size_t bytes;

static struct op held(const struct scenario *s, unsigned i)
{
	return s->held[i];
}

static mm_pfn_t frames_of(const struct op *op)
{
	return op->count ? op->count : (mm_pfn_t)1 << op->order;
}

/* What taking left behind in the summaries: scenarios make their own. */
static void clear_stale_hints(void)
{
	for (unsigned level = 0; level < b->nlevels; level++)
		for (mm_pfn_t i = 0; i < buddy_count(b, level); i++)
			buddy_sum_repair(&b->level[level], i);
}

static void setup(const struct scenario *s)
{
	bytes = mm_buddy_size(s->base, s->frames);
	b = arena_alloc(sizeof(*b), 64);
	meta = arena_alloc((bytes + 7) & ~(size_t)7, 64);
	free(all_free);
	all_free = malloc(bytes);
	memset(ex->map, MAP_TAKEN, sizeof(ex->map));
	world_must(all_free && mm_buddy_init(b, s->base, s->frames, meta, bytes) == MM_OK, "init");
	for (unsigned i = 0; i < 6; i++) {
		memset(ex->map + (s->free[i].first - (s->free[i].count ? s->base : 0)), 0,
		       s->free[i].count);
		world_must(mm_buddy_free_range(b, s->free[i].first, s->free[i].count) == MM_OK,
			   "free");
	}
	/* The last state, then the first one. */
	for (unsigned i = 0; i < 8 && held(s, i).kind; i++) {
		struct op op = held(s, i);

		world_must(mm_buddy_free_range(b, op.pfn, frames_of(&op)) == MM_OK, "free held");
	}
	memcpy(all_free, meta, bytes);
	for (unsigned i = 0; i < 8 && held(s, i).kind; i++) {
		struct op op = held(s, i);
		struct slot *slot = &ex->slot[i];

		for (mm_pfn_t k = 0; k < frames_of(&op); k++)
			world_must(mm_buddy_alloc_at(b, op.pfn + k, 0) == MM_OK, "hold");
		*slot = (struct slot){ op.pfn, frames_of(&op), op.order, true, true };
		if (op.count)
			slot->order = 99;
		memset(ex->map + (op.pfn - s->base), (int)i + 1, frames_of(&op));
	}
	clear_stale_hints();
	b->begun = b->done = 0;
}

static enum mm_status give(const struct slot *slot)
{
	return slot->order == 99 ? mm_buddy_free_range(b, slot->first, slot->count)
				 : mm_buddy_free(b, slot->first, slot->order);
}

/* A block; or, with a count, a run of so many frames. */
static enum mm_status take(const struct op *op, mm_pfn_t *pfn)
{
	if (op->kind == OP_ALLOC)
		return op->count ? mm_buddy_alloc_run(b, op->count, NULL, pfn)
				 : mm_buddy_alloc(b, op->order, pfn);
	return op->count ? mm_buddy_alloc_range(b, *pfn, op->count)
			 : mm_buddy_alloc_at(b, *pfn, op->order);
}

static void run(const struct op *op, struct record *r)
{
	struct slot *slot = world_live(op);
	mm_pfn_t pfn = b->base + op->pfn;

	switch (op->kind) {
	case OP_ALLOC:
	case OP_ALLOC_AT:
		r->st = take(op, &pfn);
		if (r->st == MM_OK) {
			if (pfn < b->base || pfn - b->base >= b->frames)
				ex_violate("got a frame outside: %llu", (unsigned long long)pfn);
			for (mm_pfn_t i = 0; i < frames_of(op); i++)
				if (ex->map[pfn - b->base + i] == MAP_TAKEN)
					ex_violate("got a frame that nobody freed: %llu",
						   (unsigned long long)(pfn + i));
			world_got(r, pfn, frames_of(op), op->count ? 99 : op->order);
		}
		break;
	default:
		world_giving(r, slot);
		r->st = give(slot);
		if (r->st != MM_OK)
			ex_violate("free of slot %u fails with status %d", op->slot, (int)r->st);
	}
}

static void finish(const struct scenario *s)
{
	world_must(mm_buddy_verify(b) == MM_OK, "verify at the end");
	world_check_failures(s, s->base, s->frames);
	for (unsigned i = 0; i < EX_SLOTS; i++) {
		if (!ex->slot[i].live)
			continue;
		ex->slot[i].live = false;
		world_must(give(&ex->slot[i]) == MM_OK, "free of what is left");
	}
	world_must(mm_buddy_verify(b) == MM_OK, "verify after all is free");
	world_must(memcmp(meta, all_free, buddy_words_bytes(b, bytes)) == 0, "all is free, but the words differ");
}

const struct world world_buddy = { setup, run, finish };
