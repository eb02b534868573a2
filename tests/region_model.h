/* SPDX-License-Identifier: MIT */
/* A shadow of a region heap, for tests and the fuzz target: what is allocated is in a plain list, with
 * contents that depend on the block. After each operation everything is compared; a wrong call must
 * change nothing, in the books and in all memory. Functions return NULL, or what is wrong. */
#ifndef REGION_MODEL_H
#define REGION_MODEL_H
#include <mmlib/region.h>
#include <stdlib.h>
#include <string.h>
#include "contents.h"
#include "tiny/region.h"

#define MODEL_REGIONS 3
#define MODEL_BLOCKS  64
#define MODEL_ALL     512 /* allocated and free */
#define MODEL_GUARD   64  /* bytes around each region, which stay as they are */

struct model_block {
	unsigned char *p;
	size_t size, align;
	unsigned char seed;
};

struct model_area {
	unsigned char *host; /* memory of the host, more than the region; and room to save it */
	size_t host_bytes;
	unsigned char *memory; /* the region */
	size_t bytes;
	unsigned char *
		books; /* what the heap keeps in it: from here (the link to the next region is before) */
	size_t books_bytes;
	unsigned char *first; /* those when the region was new */
};

struct model {
	struct mm_region_heap heap;
	struct model_area area[MODEL_REGIONS];
	struct model_block block[MODEL_BLOCKS];
	unsigned nareas, nblocks, serial;
	bool failing; /* requests for another block find none */
};

/* All blocks as the heap tells them. */
struct model_walk {
	struct {
		unsigned char *p;
		size_t bytes;
		bool used;
	} at[MODEL_ALL];
	unsigned n;
};

static inline void model_walk(const struct model *m, struct model_walk *w)
{
	void *it = NULL;

	for (w->n = 0; w->n < MODEL_ALL &&
		       mm_region_next(&m->heap, &it, &w->at[w->n].bytes, &w->at[w->n].used);)
		w->at[w->n++].p = it;
}

/* All memory, guards included, and the heap: what a refused call must not change. */
struct model_state {
	struct mm_region_heap heap;
	unsigned char *copy[MODEL_REGIONS];
};

static inline void model_save(const struct model *m, struct model_state *s)
{
	s->heap = m->heap;
	for (unsigned a = 0; a < m->nareas; a++) {
		s->copy[a] = malloc(m->area[a].host_bytes);
		memcpy(s->copy[a], m->area[a].host, m->area[a].host_bytes);
	}
}

/* The same for one call, before which no other is saved so. */
static inline void model_save_call(const struct model *m, struct model_state *s)
{
	s->heap = m->heap;
	for (unsigned a = 0; a < m->nareas; a++) {
		s->copy[a] = m->area[a].host + m->area[a].host_bytes;
		memcpy(s->copy[a], m->area[a].host, m->area[a].host_bytes);
	}
}

/* Is all as it was saved? With `back` it is made so. The copy is given up. */
static inline bool model_same(struct model *m, struct model_state *s, bool back)
{
	bool same = memcmp(&s->heap, &m->heap, sizeof(s->heap)) == 0;

	if (back)
		m->heap = s->heap;
	for (unsigned a = 0; a < m->nareas; a++) {
		same = same && memcmp(s->copy[a], m->area[a].host, m->area[a].host_bytes) == 0;
		if (back)
			memcpy(m->area[a].host, s->copy[a], m->area[a].host_bytes);
		if (s->copy[a] != m->area[a].host + m->area[a].host_bytes)
			free(s->copy[a]);
	}
	return same;
}

static inline void model_destroy(struct model *m)
{
	for (unsigned a = 0; a < m->nareas; a++) {
		free(m->area[a].host);
		free(m->area[a].first);
	}
}

static inline void model_take_books(struct model_area *a, struct mm_region *r)
{
	a->books = (unsigned char *)(&r->next + 1);
	a->books_bytes = r->origin - (uintptr_t)a->books;
	a->first = malloc(a->books_bytes);
	memcpy(a->first, a->books, a->books_bytes);
}

/* A region of so many bytes, `skew` (below 64) above a multiple of 64. */
static inline enum mm_status model_add(struct model *m, size_t bytes, unsigned skew)
{
	struct model_area *a = &m->area[m->nareas];
	enum mm_status st;

	a->bytes = bytes;
	a->host_bytes = (bytes + 64 + 2 * MODEL_GUARD + 63) & ~(size_t)63;
	a->host = aligned_alloc(64, 2 * a->host_bytes);
	a->memory = a->host + MODEL_GUARD + skew;
	memset(a->host, 0xA5, a->host_bytes);
	st = mm_region_add(&m->heap, a->memory, bytes);
	if (st != MM_OK) {
		free(a->host);
		return st;
	}
	m->nareas++;
	for (struct mm_region *r = m->heap.first; r; r = r->next)
		if (r->memory == a->memory)
			model_take_books(a, r);
	return MM_OK;
}

static inline void model_fill(const struct model_block *b)
{
	contents_fill(b->p, b->size, b->seed);
}

static inline bool model_intact(const struct model_block *b, size_t bytes)
{
	return contents_intact(b->p, bytes, b->seed);
}

/* What mm_region_free() must say to p. */
static inline enum mm_status model_free_status(const struct model *m, const void *p)
{
	uintptr_t at = (uintptr_t)p;
	struct model_walk w;

	if (!p)
		return MM_OK;
	if (!m->nareas)
		return MM_E_STATE;
	model_walk(m, &w);
	for (unsigned i = 0; i < w.n; i++) {
		uintptr_t from = (uintptr_t)w.at[i].p;

		if (at < from || at - from >= w.at[i].bytes + REGION_HEAD)
			continue;
		return !w.at[i].used ? MM_E_DOUBLE_FREE : at == from ? MM_OK : MM_E_ALIGN;
	}
	return MM_E_FOREIGN;
}

/* Blocks of the model by address. */
struct model_index {
	uint8_t at[4 * MODEL_BLOCKS]; /* from a place that follows from the address on: number and 1 */
};

static inline unsigned model_place(const unsigned char *p)
{
	return (unsigned)((uintptr_t)p / MM_REGION_ALIGN % (4 * MODEL_BLOCKS));
}

static inline void model_sort(const struct model *m, struct model_index *index)
{
	memset(index, 0, sizeof(*index));
	for (unsigned i = 0; i < m->nblocks; i++) {
		unsigned at = model_place(m->block[i].p);

		while (index->at[at])
			at = (at + 1) % (4 * MODEL_BLOCKS);
		index->at[at] = (uint8_t)(i + 1);
	}
}

static inline const struct model_block *model_find(const struct model *m, const struct model_index *index,
						   const unsigned char *p)
{
	for (unsigned at = model_place(p); index->at[at]; at = (at + 1) % (4 * MODEL_BLOCKS))
		if (m->block[index->at[at] - 1].p == p)
			return &m->block[index->at[at] - 1];
	return NULL;
}

static inline const char *model_check_block(const struct model *m, const struct model_block *b, size_t bytes)
{
	if (!b)
		return "a block that nobody has is allocated";
	if (bytes < b->size)
		return "a block is shorter than it was asked for";
	if (mm_region_usable(&m->heap, b->p) != bytes)
		return "usable: another size";
	return NULL;
}

/* Blocks lie in their region, in order, and do not overlap; no two neighbours are free. */
static inline const char *model_check_walk(const struct model *m, size_t *used, size_t *most)
{
	unsigned taken = 0, area = 0;
	struct model_index index;
	struct model_walk w;
	const char *wrong;

	model_walk(m, &w);
	model_sort(m, &index);
	for (unsigned i = 0; i < w.n; i++) {
		unsigned char *p = w.at[i].p, *end = p + w.at[i].bytes;
		bool follows = i && p == w.at[i - 1].p + w.at[i - 1].bytes + REGION_HEAD;

		if (i && !follows)
			area++;
		if (area >= m->nareas || p < m->area[area].books + m->area[area].books_bytes ||
		    end > m->area[area].memory + m->area[area].bytes ||
		    (uintptr_t)p % MM_REGION_ALIGN)
			return "a block outside its region";
		if (!w.at[i].used) {
			if (follows && !w.at[i - 1].used)
				return "free neighbours";
			*most = w.at[i].bytes > *most ? w.at[i].bytes : *most;
			continue;
		}
		taken++;
		*used += w.at[i].bytes + REGION_HEAD;
		wrong = model_check_block(m, model_find(m, &index, p), w.at[i].bytes);
		if (wrong)
			return wrong;
	}
	if (m->nareas && area + 1 != m->nareas)
		return "a region without blocks";
	return taken == m->nblocks ? NULL : "a block is lost";
}

static inline bool model_guards(const struct model_area *a)
{
	const unsigned char *end = a->memory + a->bytes;

	return contents_all(a->host, (size_t)(a->memory - a->host), 0xA5) &&
	       contents_all(end, (size_t)(a->host + a->host_bytes - end), 0xA5);
}

/* The heap is whole and has as many blocks, which hold what was written; so do guards. */
static inline const char *model_check_books(const struct model *m)
{
	if (mm_region_verify(&m->heap) != MM_OK)
		return "verify";
	if (m->heap.blocks != m->nblocks)
		return "blocks";
	for (unsigned i = 0; i < m->nblocks; i++)
		if (!model_intact(&m->block[i], m->block[i].size))
			return "contents have changed";
	for (unsigned a = 0; a < m->nareas; a++)
		if (!model_guards(&m->area[a]))
			return "bytes outside a region have changed";
	return NULL;
}

/* And all blocks are the model's, and nothing else is there. */
static inline const char *model_check(const struct model *m)
{
	struct mm_region_stats s;
	size_t used = 0, most = 0;
	const char *wrong = model_check_books(m);

	if (!wrong)
		wrong = model_check_walk(m, &used, &most);
	if (wrong)
		return wrong;
	if (mm_region_stats(&m->heap, &s) != (m->nareas ? MM_OK : MM_E_STATE))
		return "stats: status";
	if (m->nareas && (s.used != used || s.blocks != m->nblocks || s.peak < used ||
			  s.most > most || (s.most == 0) != (most == 0)))
		return "stats";
	return NULL;
}

/* Is this status right for a request? One of up to `most` bytes cannot be refused, but if all are. */
static inline const char *model_judge(const struct model *m, size_t align, size_t size,
				      enum mm_status st)
{
	struct mm_region_stats s;
	size_t slack = align > MM_REGION_ALIGN ? align + 2 * MM_REGION_ALIGN : 0;

	if (!size || (align & (align - 1)))
		return st == MM_E_INVAL ? NULL : "a bad request: status";
	if (!m->nareas)
		return st == MM_E_STATE ? NULL : "no memory: status";
	if (st != MM_OK && st != MM_E_NOMEM)
		return "request: status";
	if (mm_region_stats(&m->heap, &s) != MM_OK)
		return "request: stats";
	if (st == MM_E_NOMEM && !m->failing && size <= s.most && slack <= s.most - size)
		return "refused what there is";
	return NULL;
}

static inline const char *model_alloc(struct model *m, size_t align, size_t size)
{
	struct model_state was;
	void *p = &was;
	enum mm_status st;
	struct model_block *b = &m->block[m->nblocks];

	if (m->nblocks == MODEL_BLOCKS)
		return NULL;
	model_save_call(m, &was);
	st = mm_region_alloc_st(&m->heap, align, size, &p);
	if (st != MM_OK) {
		if (!model_same(m, &was, false) || p != &was)
			return "a refused request changed something";
		return model_judge(m, align, size, st);
	}
	model_same(m, &was, false);
	if (!size || (align & (align - 1)))
		return "a bad request was granted";
	if (m->failing)
		return "a block where none was found";
	if ((align && (uintptr_t)p & (align - 1)) || (uintptr_t)p % MM_REGION_ALIGN)
		return "alignment";
	*b = (struct model_block){ p, size, align, (unsigned char)(++m->serial * 31) };
	m->nblocks++;
	model_fill(b);
	return NULL;
}

/* Free what p points to, right or wrong. */
static inline const char *model_free(struct model *m, void *p)
{
	enum mm_status want = model_free_status(m, p), st;
	struct model_state was;

	if (MM_CHECKS == 0 && want != MM_OK)
		return NULL;
	model_save_call(m, &was);
	st = mm_region_free(&m->heap, p);
	if ((want != MM_OK || !p) != model_same(m, &was, false))
		return want == MM_OK ? "a free that did nothing"
				     : "a refused free changed something";
	if (st != want)
		return "free: status";
	for (unsigned i = 0; i < m->nblocks; i++) {
		if (m->block[i].p != p)
			continue;
		m->block[i] = m->block[--m->nblocks];
		break;
	}
	return NULL;
}

static inline bool model_aligned(const struct model_block *b, size_t align)
{
	return !align || ((uintptr_t)b->p & (align - 1)) == 0;
}

static inline const char *model_realloc(struct model *m, unsigned i, size_t align, size_t size)
{
	struct model_block *b = &m->block[i];
	struct model_state was;
	void *p = &was;
	enum mm_status st;

	model_save_call(m, &was);
	st = mm_region_realloc(&m->heap, b->p, align, size, &p);
	if (st != MM_OK) {
		if (!model_same(m, &was, false) || p != &was)
			return "a refused realloc changed something";
		if (st == MM_E_NOMEM && size <= b->size && model_aligned(b, align))
			return "a shrink was refused";
		return model_judge(m, align, size, st);
	}
	model_same(m, &was, false);
	if (!size || (align & (align - 1)))
		return "a bad realloc was granted";
	if (align && (uintptr_t)p & (align - 1))
		return "realloc: alignment";
	if (m->failing && p != b->p)
		return "realloc: a block where none was found";
	b->p = p;
	if (!model_intact(b, b->size < size ? b->size : size))
		return "realloc: contents";
	b->size = size;
	model_fill(b);
	return NULL;
}

/* Free all: then every region is as it was when it was new. */
static inline const char *model_empty(struct model *m)
{
	const char *wrong;

	while (m->nblocks) {
		wrong = model_free(m, m->block[m->serial++ % m->nblocks].p);
		if (wrong)
			return wrong;
	}
	wrong = model_check(m);
	if (wrong)
		return wrong;
	if (m->heap.used || m->heap.blocks)
		return "all is free, but counted";
	for (unsigned a = 0; a < m->nareas; a++)
		if (memcmp(m->area[a].books, m->area[a].first, m->area[a].books_bytes))
			return "all is free, but not as at first";
	return NULL;
}
#endif
