/* SPDX-License-Identifier: MIT */
/* Theory of operation: who a record is about
 * Structure    two maps of what is live: objects by their address, callers' and heaps' frames by number, each
 *              with its place and its offset in it. Hash tables with linear probing, half empty at least.
 * Contradictions   what is live is allocated again. A free of what is not live is none: it was allocated
 *              before the trace began. */
#include "operations.h"
#include <stdlib.h>

#define FRAMES_MAX ((uint64_t)1 << 22) /* live at the same time: more do not fit this machine */

struct entry {
	uint64_t key; /* and 1: 0 is an empty one */
	uint32_t place, offset;
};

struct map {
	struct entry *entry;
	size_t n, room; /* a power of two */
};

struct place {
	uint64_t size; /* bytes, or frames that are left */
	bool whole;    /* no part was freed */
	bool own;      /* a heap's frames */
	uint64_t all;  /* frames at first */
};

struct reader {
	struct map objects, frames;
	struct place *place;
	uint32_t *spare; /* places that are free again */
	uint32_t nspare, room;
	uint64_t live_frames, live_bytes, live_room;
};

static void *need(void *p)
{
	if (!p)
		abort();
	return p;
}

static size_t map_slot(const struct map *m, uint64_t key)
{
	uint64_t h = key * UINT64_C(0x9e3779b97f4a7c15);
	size_t i = (size_t)(h >> 20) & (m->room - 1);

	while (m->entry[i].key && m->entry[i].key != key + 1)
		i = (i + 1) & (m->room - 1);
	return i;
}

static struct entry *map_find(const struct map *m, uint64_t key)
{
	struct entry *e = m->room ? &m->entry[map_slot(m, key)] : NULL;

	return e && e->key ? e : NULL;
}

static void map_put(struct map *m, uint64_t key, uint32_t place, uint32_t offset)
{
	if (2 * (m->n + 1) > m->room) {
		struct map wide = { need(calloc(m->room ? 2 * m->room : 1024, sizeof(struct entry))), m->n,
				    m->room ? 2 * m->room : 1024 };

		for (size_t i = 0; i < m->room; i++)
			if (m->entry[i].key)
				wide.entry[map_slot(&wide, m->entry[i].key - 1)] = m->entry[i];
		free(m->entry);
		*m = wide;
	}
	m->entry[map_slot(m, key)] = (struct entry){ key + 1, place, offset };
	m->n++;
}

/* What follows up to the next empty entry is put in again, so that no search ends too early. */
static void map_remove(struct map *m, struct entry *e)
{
	size_t i = (size_t)(e - m->entry);

	m->n--;
	e->key = 0;
	for (;;) {
		struct entry next;

		i = (i + 1) & (m->room - 1);
		next = m->entry[i];
		if (!next.key)
			return;
		m->entry[i].key = 0;
		m->entry[map_slot(m, next.key - 1)] = next;
	}
}

static uint32_t new_place(struct operations *ops, struct reader *r, uint64_t size, bool own)
{
	uint32_t place = r->nspare ? r->spare[--r->nspare] : ops->places++;

	if (place >= r->room) {
		r->room = r->room ? 2 * r->room : 1024;
		r->place = need(realloc(r->place, r->room * sizeof(*r->place)));
		r->spare = need(realloc(r->spare, r->room * sizeof(*r->spare)));
	}
	r->place[place] = (struct place){ size, true, own, size };
	return place;
}

static void add(struct operations *ops, enum operation_kind kind, uint32_t place, uint32_t offset, uint64_t size)
{
	if (ops->n == ops->room) {
		ops->room = ops->room ? 2 * ops->room : 1024;
		ops->op = need(realloc(ops->op, ops->room * sizeof(*ops->op)));
	}
	ops->op[ops->n++] = (struct operation){ kind, place, offset, size };
}

/* Bytes that so much may take: an object 16 at least and a quarter more; if it is large, a frame. */
static uint64_t room_for(uint64_t frames, uint64_t bytes, unsigned shift)
{
	uint64_t whole = (bytes + 15) & ~UINT64_C(15);

	return (frames << shift) + whole + whole / 4 + (whole >> shift ? UINT64_C(1) << shift : 0);
}

/* Something came or went: note the peaks. */
static void account(struct operations *ops, struct reader *r, uint64_t frames, uint64_t bytes, bool more,
		    unsigned shift)
{
	uint64_t room = room_for(frames, bytes, shift);

	r->live_frames = more ? r->live_frames + frames : r->live_frames - frames;
	r->live_bytes = more ? r->live_bytes + bytes : r->live_bytes - bytes;
	r->live_room = more ? r->live_room + room : r->live_room - room;
	ops->peak_frames = r->live_frames > ops->peak_frames ? r->live_frames : ops->peak_frames;
	ops->peak_bytes = r->live_bytes > ops->peak_bytes ? r->live_bytes : ops->peak_bytes;
	ops->peak_room = r->live_room > ops->peak_room ? r->live_room : ops->peak_room;
}

static const char *take_frames(struct operations *ops, struct reader *r, const struct trace_event *e,
			       unsigned shift)
{
	uint64_t first = e->address >> shift;
	bool own = e->kind == MM_TRACE_OWN;
	uint32_t place;

	if (e->size > FRAMES_MAX || r->frames.n + e->size > FRAMES_MAX)
		return "more frames are in use than this program can replay";
	for (uint64_t i = 0; i < e->size; i++)
		if (map_find(&r->frames, first + i))
			return "frames that are in use are allocated";
	place = new_place(ops, r, e->size, own);
	for (uint64_t i = 0; i < e->size; i++)
		map_put(&r->frames, first + i, place, (uint32_t)i);
	if (!own) {
		account(ops, r, e->size, 0, true, shift);
		add(ops, OP_FRAMES, place, 0, e->size);
	}
	return NULL;
}

/* Some frames of one place, from *first on, at most n; how many. */
static uint64_t give_some(struct operations *ops, struct reader *r, struct entry *e, uint64_t first, uint64_t n,
			  unsigned shift)
{
	uint32_t place = e->place, offset = e->offset;
	struct place *p = &r->place[place];
	uint64_t some = 0;

	for (; some < n; some++) {
		e = map_find(&r->frames, first + some);
		if (!e || e->place != place)
			break;
		map_remove(&r->frames, e);
	}
	if (!p->own) {
		bool all = p->whole && some == p->all;

		add(ops, all ? OP_UNFRAMES : OP_PART, place, offset, some);
		account(ops, r, some, 0, false, shift);
	}
	p->whole = false;
	p->size -= some;
	if (p->size == 0)
		r->spare[r->nspare++] = place;
	return some;
}

static void give_frames(struct operations *ops, struct reader *r, const struct trace_event *e, unsigned shift)
{
	uint64_t first = e->address >> shift, n = e->size > FRAMES_MAX ? FRAMES_MAX : e->size;

	while (n) {
		struct entry *at = map_find(&r->frames, first);
		uint64_t some = at ? give_some(ops, r, at, first, n, shift) : 1;

		ops->unknown += !at;
		first += some;
		n -= some;
	}
}

static const char *take_object(struct operations *ops, struct reader *r, const struct trace_event *e, unsigned shift)
{
	struct entry *at = map_find(&r->objects, e->address);

	if (e->size > FRAMES_MAX << shift || r->live_bytes + e->size > FRAMES_MAX << shift)
		return "an object is larger than this program can replay";
	if (e->kind == MM_TRACE_RESIZE) {
		ops->unknown += !at;
		if (!at)
			return NULL;
		account(ops, r, 0, r->place[at->place].size, false, shift);
		r->place[at->place].size = e->size;
		add(ops, OP_RESIZE, at->place, 0, e->size);
	} else {
		uint32_t place;

		if (at)
			return "an object that is in use is allocated";
		place = new_place(ops, r, e->size, false);
		map_put(&r->objects, e->address, place, 0);
		add(ops, OP_ALLOC, place, 0, e->size);
	}
	account(ops, r, 0, e->size, true, shift);
	return NULL;
}

static void give_object(struct operations *ops, struct reader *r, const struct trace_event *e, unsigned shift)
{
	struct entry *at = map_find(&r->objects, e->address);

	ops->unknown += !at;
	if (!at)
		return;
	account(ops, r, 0, r->place[at->place].size, false, shift);
	add(ops, OP_FREE, at->place, 0, 0);
	r->spare[r->nspare++] = at->place;
	map_remove(&r->objects, at);
}

static const char *read_event(struct operations *ops, struct reader *r, const struct trace_event *e, unsigned shift)
{
	switch (e->kind) {
	case MM_TRACE_FRAMES:
	case MM_TRACE_OWN:
		return take_frames(ops, r, e, shift);
	case MM_TRACE_UNFRAMES:
		give_frames(ops, r, e, shift);
		return NULL;
	case MM_TRACE_ALLOC:
	case MM_TRACE_RESIZE:
		return take_object(ops, r, e, shift);
	case MM_TRACE_FREE:
		give_object(ops, r, e, shift);
		return NULL;
	default:
		ops->refused++;
		return NULL;
	}
}

const char *operations_read(struct operations *out, const struct trace_file *t, uint32_t *at)
{
	struct reader r = { 0 };
	const char *wrong = NULL;

	*out = (struct operations){ 0 };
	for (*at = 0; !wrong && *at < t->n && !trace_is_torn(t, *at); ++*at) {
		struct trace_event e = trace_event(t, *at);

		wrong = trace_look(t, &e);
		if (!wrong)
			wrong = read_event(out, &r, &e, t->frame_shift);
		if (wrong)
			break;
	}
	free(r.objects.entry);
	free(r.frames.entry);
	free(r.place);
	free(r.spare);
	return wrong;
}

void operations_end(struct operations *ops)
{
	free(ops->op);
}
