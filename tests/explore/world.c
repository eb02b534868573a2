/* SPDX-License-Identifier: MIT */
/* What the worlds share: who has what, and when a failure is right. */
#include "explore.h"
#include <string.h>

struct ex_state *ex;

void world_must(bool ok, const char *what)
{
	if (!ok)
		ex_violate("%s", what);
}

struct slot *world_live(const struct op *op)
{
	return &ex->slot[op->slot];
}

/* A call got [first, first + count): nobody else may have a part of it. */
void world_got(struct record *r, uint64_t first, uint64_t count, unsigned order)
{
	struct slot *mine = &ex->slot[r->op->slot];

	if (mine->live)
		ex_violate("scenario: slot %u is used twice", r->op->slot);
	for (unsigned i = 0; i < EX_SLOTS; i++) {
		const struct slot *s = &ex->slot[i];

		if (s->live && first < s->first + s->count && s->first < first + count)
			ex_violate("slots %u and %u overlap at %#llx", r->op->slot, i,
				   (unsigned long long)first);
	}
	*mine = (struct slot){ first, count, order, true, false };
	r->first = first;
	r->count = count;
}

/* From here on, others may get it. */
void world_giving(struct record *r, struct slot *slot)
{
	r->first = slot->first;
	r->count = slot->count;
	slot->live = false;
}

/* Was what slot `slot` holds freed by a call that ended before event t was over? */
static bool freed_at(int t, unsigned slot)
{
	for (unsigned i = 0; i < ex->nrecords; i++) {
		const struct record *r = &ex->record[i];

		if ((r->op->kind == OP_FREE || r->op->kind == OP_FREE_RACE ||
		     r->op->kind == OP_RELEASE) &&
		    r->op->slot == slot && r->st == MM_OK && r->end <= t)
			return true;
	}
	return false;
}

/* Frames that the isolation of a call withholds, and those that it keeps. */
static void withheld_at(int t, const struct record *r, uint8_t *map, mm_pfn_t base)
{
	if (!r->nshut || r->start > t)
		return;
	if (t <= r->end)
		memset(map + (r->shut - base), 1, r->nshut);
	else if (r->st == MM_OK)
		memset(map + (r->first - base), 1, r->count);
}

/* Frames that may have been somebody's at the moment after event t. A block counts as taken from the
 * begin of the call that got it to the end of the call that freed it. A slot is used once. */
static void taken_at(int t, uint8_t *map, mm_pfn_t base)
{
	for (unsigned i = 0; i < EX_FRAMES; i++) {
		unsigned slot = ex->map[i] - 1u;

		map[i] = ex->map[i] && (ex->map[i] == MAP_TAKEN || !freed_at(t, slot));
	}
	for (unsigned i = 0; i < ex->nrecords; i++) {
		const struct record *r = &ex->record[i];

		withheld_at(t, r, map, base);
		if ((r->op->kind == OP_ALLOC || r->op->kind == OP_ALLOC_AT) && r->st == MM_OK &&
		    r->start <= t && !freed_at(t, r->op->slot))
			memset(map + (r->first - base), 1, r->count);
	}
}

static bool fits(const uint8_t *map, const struct op *op, mm_pfn_t base, mm_pfn_t frames)
{
	mm_pfn_t size = op->count ? op->count : (mm_pfn_t)1 << op->order;
	mm_pfn_t step = op->count ? 1 : size, at = (base + step - 1) & ~(step - 1);

	for (; at + size <= base + frames; at += step) {
		mm_pfn_t i = 0;

		if (op->kind == OP_ALLOC_AT && at != base + op->pfn)
			continue;
		while (i < size && !map[at - base + i])
			i++;
		if (i == size)
			return true;
	}
	return false;
}

static bool overlaps(const struct record *r)
{
	for (unsigned i = 0; i < ex->nrecords; i++)
		if (&ex->record[i] != r && ex->record[i].start < r->end &&
		    ex->record[i].end > r->start)
			return true;
	return false;
}

/* MM_E_NOMEM and MM_E_BUSY are right only if at some moment no fitting block was free; MM_E_AGAIN only
 * if somebody else was at work, or CPUs have frames that nobody can ask them for. ex->map: the
 * first state. */
void world_check_failures(const struct scenario *s, mm_pfn_t base, mm_pfn_t frames)
{
	uint8_t map[EX_FRAMES];

	for (unsigned i = 0; i < ex->nrecords; i++) {
		const struct record *r = &ex->record[i];
		bool always = true;

		if ((r->op->kind != OP_ALLOC && r->op->kind != OP_ALLOC_AT) || r->st == MM_OK)
			continue;
		if (r->st == MM_E_AGAIN) {
			if (!overlaps(r) && (s->flags & SCN_RUN_ON || s->world == &world_buddy))
				ex_violate(
					"MM_E_AGAIN although nobody else was at work (record %u)",
					i);
			continue;
		}
		if (r->st != (r->op->kind == OP_ALLOC ? MM_E_NOMEM : MM_E_BUSY))
			ex_violate("record %u ends with status %d", i, (int)r->st);
		for (int t = r->start; t < r->end && always; t++) {
			taken_at(t, map, base);
			always = fits(map, r->op, base, frames);
		}
		if (always)
			ex_violate("record %u (CPU %u, order %u) fails with %s although it fitted "
				   "all the time",
				   i, r->cpu, r->op->order,
				   r->st == MM_E_NOMEM ? "MM_E_NOMEM" : "MM_E_BUSY");
	}
}
