/* SPDX-License-Identifier: MIT */
/* How things stood at the last choices of the path: the search goes back there, not to the start.
 *
 * Theory of operation
 * Problem      to make all steps before a choice again takes nine tenths of the time and more: most schedules
 *              differ from the one before in their last few steps.
 * Structure    one place for each of the last choices, by depth. It has what a schedule changes: pages of
 *              the arena that were ever written, and stacks, down to where they are 0.
 * Invariant    a place that has depth d is of the choice at depth d of the path: a choice that is new takes
 *              its place (snapshot_keep), and none on the path is changed without a new one after it.
 * Limit        choices further back than there are places are reached from the start, once for all places: on
 *              this way they are filled again. */
#include "explore.h"
#include <stdlib.h>

#define PLACES 64u

struct place {
	bool full;
	struct ex_at at;
	unsigned pages;
	unsigned char *bytes; /* of the CPUs, then pages */
	size_t room;
};
static struct place places[PLACES];
static bool forgets;

void snapshot_reset(void)
{
	for (unsigned i = 0; i < PLACES; i++)
		places[i].full = false;
}

void snapshot_spoil(void)
{
	forgets = true;
}

static struct place *place_of(unsigned depth)
{
	struct place *p = &places[depth % PLACES];

	return p->full && p->at.depth == depth ? p : NULL;
}

void snapshot_keep(const struct ex_at *at, unsigned path_length)
{
	struct place *p = &places[at->depth % PLACES];
	const size_t bytes = cpu_saved_bytes() + arena_saved_bytes();

	if (at->depth + 1 < path_length && (place_of(at->depth) || path_length - at->depth > PLACES))
		return; /* not a new one, and it is there, or others need the place */
	if (bytes > p->room) {
		free(p->bytes);
		p->room = bytes + bytes / 2;
		p->bytes = malloc(p->room);
		if (!p->bytes)
			abort();
	}
	p->full = true;
	p->at = *at;
	p->pages = arena_save(p->bytes + cpu_save(p->bytes));
}

bool snapshot_back(struct ex_at *at, unsigned depth)
{
	const struct place *p = place_of(depth);

	if (!p)
		return false;
	*at = p->at;
	arena_back(p->bytes + cpu_back(p->bytes), p->pages - (forgets && p->pages));
	return true;
}
