/* SPDX-License-Identifier: MIT */
/* A shadow of a tiny cache, for tests and the fuzz target: pages come from an arena of page frames that
 * are handed out and taken back one by one, or from an array that is given to the cache. After each
 * operation everything is compared; a wrong call must change nothing. Functions return NULL, or what is
 * wrong. */
#ifndef TINY_MODEL_H
#define TINY_MODEL_H
#include <mmlib/tiny.h>
#include <stdlib.h>
#include <string.h>
#include "contents.h"
#include "tiny/tiny.h"

#define MODEL_PAGES   6
#define MODEL_OBJECTS 4096

struct model {
	struct mm_tiny t;
	struct mm_tiny_cfg cfg;
	unsigned char *arena;  /* MODEL_PAGES pages, and room to save them */
	bool out[MODEL_PAGES]; /* the cache has this page */
	bool dry, skewed;      /* get() has nothing; get() returns nonsense */
	unsigned put_wrong;    /* pages given back that were not out */
	unsigned char *object[MODEL_OBJECTS];
	unsigned char seed[MODEL_OBJECTS];
	unsigned nobjects, serial;
};

static inline void *model_get(void *ctx)
{
	struct model *m = ctx;

	for (unsigned i = 0; i < MODEL_PAGES && !m->dry; i++) {
		if (m->out[i])
			continue;
		m->out[i] = true;
		return m->arena + i * m->cfg.page + m->skewed * 8;
	}
	return NULL;
}

static inline void model_put(void *ctx, void *page)
{
	struct model *m = ctx;
	size_t i = (size_t)((unsigned char *)page - m->arena) / m->cfg.page;

	if (i >= MODEL_PAGES || !m->out[i])
		m->put_wrong++;
	else
		m->out[i] = false;
}

static inline enum mm_status model_init(struct model *m, size_t size, size_t align, size_t page,
					bool source)
{
	*m = (struct model){ .cfg = { .size = size, .align = align, .page = page, .ctx = m } };
	m->cfg.get = source ? model_get : NULL;
	m->cfg.put = source ? model_put : NULL;
	m->arena = aligned_alloc(page, 2 * MODEL_PAGES * page);
	memset(m->arena, 0xA5, MODEL_PAGES * page);
	return mm_tiny_init(&m->t, &m->cfg);
}

static inline void model_destroy(struct model *m)
{
	free(m->arena);
}

static inline bool model_intact(const struct model *m, unsigned i)
{
	return contents_intact(m->object[i], m->cfg.size, m->seed[i]);
}

static inline unsigned model_pages(const struct model *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MODEL_PAGES; i++)
		n += m->out[i];
	return n;
}

/* The cache is whole, and counts what the model counts. */
static inline const char *model_check_books(const struct model *m)
{
	struct mm_tiny_stats s;

	if (mm_tiny_verify(&m->t) != MM_OK)
		return "verify";
	if (mm_tiny_stats(&m->t, &s) != MM_OK || s.used != m->nobjects ||
	    s.pages != model_pages(m) || s.size < m->cfg.size || s.objects < s.used)
		return "stats";
	if (m->put_wrong)
		return "a page given back that it did not have";
	return NULL;
}

/* And objects are where objects can be, and hold what was written. */
static inline const char *model_check(const struct model *m)
{
	const char *wrong = model_check_books(m);
	struct mm_tiny_stats s;

	if (wrong || mm_tiny_stats(&m->t, &s) != MM_OK)
		return wrong ? wrong : "stats";
	for (unsigned i = 0; i < m->nobjects; i++) {
		size_t at = (size_t)(m->object[i] - m->arena), in = at % m->cfg.page;

		if (at / m->cfg.page >= MODEL_PAGES || !m->out[at / m->cfg.page])
			return "an object outside the cache's pages";
		if (in < offsetof(struct mm_tiny_page, free) + s.objects / s.pages / 8 ||
		    in + m->cfg.size > m->cfg.page)
			return "an object outside its page, or in the books";
		if (m->cfg.align && (uintptr_t)m->object[i] % m->cfg.align)
			return "alignment";
		if (!model_intact(m, i))
			return "contents have changed";
	}
	return NULL;
}

/* The state that a refused call must keep: the cache and all pages. */
struct model_state {
	struct mm_tiny t;
	bool out[MODEL_PAGES];
	unsigned char *copy;
};

static inline void model_save_to(const struct model *m, struct model_state *s, unsigned char *copy)
{
	s->t = m->t;
	memcpy(s->out, m->out, sizeof(s->out));
	s->copy = copy;
	memcpy(s->copy, m->arena, MODEL_PAGES * m->cfg.page);
}

static inline void model_save(const struct model *m, struct model_state *s)
{
	model_save_to(m, s, malloc(MODEL_PAGES * m->cfg.page));
}

/* The same for one call, before which no other is saved so. */
static inline void model_save_call(const struct model *m, struct model_state *s)
{
	model_save_to(m, s, m->arena + MODEL_PAGES * m->cfg.page);
}

/* Is all that objects are in as it was saved? */
static inline bool model_objects_same(const struct model *m, const struct model_state *s)
{
	size_t first = m->t.first, rest = m->cfg.page - first;

	for (unsigned i = 0; i < MODEL_PAGES; i++, first += m->cfg.page)
		if (memcmp(m->arena + first, s->copy + first, rest) != 0)
			return false;
	return true;
}

/* Is all as it was saved? With `back` it is made so. The copy is given up. */
static inline bool model_same(struct model *m, struct model_state *s, bool back)
{
	bool same = memcmp(&s->t, &m->t, sizeof(s->t)) == 0 &&
		    memcmp(s->out, m->out, sizeof(s->out)) == 0 &&
		    memcmp(s->copy, m->arena, MODEL_PAGES * m->cfg.page) == 0;

	if (back) {
		m->t = s->t;
		memcpy(m->out, s->out, sizeof(s->out));
		memcpy(m->arena, s->copy, MODEL_PAGES * m->cfg.page);
	}
	if (s->copy != m->arena + MODEL_PAGES * m->cfg.page)
		free(s->copy);
	return same;
}

static inline const char *model_alloc(struct model *m)
{
	struct model_state was;
	struct mm_tiny_stats s;
	void *p = &was;
	enum mm_status st, want = MM_OK;
	unsigned char *q;

	if (m->nobjects == MODEL_OBJECTS)
		return NULL;
	if (mm_tiny_stats(&m->t, &s) != MM_OK)
		return "stats";
	if (s.used == s.objects && (!m->cfg.get || m->dry || model_pages(m) == MODEL_PAGES))
		want = MM_E_NOMEM;
	else if (s.used == s.objects && m->skewed)
		want = MM_E_PORT;
	model_save_call(m, &was);
	st = mm_tiny_alloc_st(&m->t, &p);
	if (model_same(m, &was, false) != (want != MM_OK) || (st != MM_OK && p != &was))
		return "allocation: state";
	if (!model_objects_same(m, &was))
		return "allocation: contents have changed";
	if (st != want)
		return "allocation: status";
	if (st != MM_OK)
		return NULL;
	q = p;
	for (unsigned i = 0; i < m->nobjects; i++)
		if (q < m->object[i] + m->cfg.size && m->object[i] < q + m->cfg.size)
			return "objects overlap";
	m->object[m->nobjects] = q;
	m->seed[m->nobjects] = (unsigned char)(++m->serial * 31);
	contents_fill(q, m->cfg.size, m->seed[m->nobjects]);
	m->nobjects++;
	return NULL;
}

/* What mm_tiny_free() must say to p, told from what the model knows. */
static inline enum mm_status model_free_status(const struct model *m, const void *p)
{
	uintptr_t at = (uintptr_t)p - (uintptr_t)m->arena;
	size_t in = at % m->cfg.page;

	if (!p)
		return MM_OK;
	for (unsigned i = 0; i < m->nobjects; i++)
		if (m->object[i] == p)
			return MM_OK;
	if (at >= MODEL_PAGES * m->cfg.page || !m->out[at / m->cfg.page])
		return MM_E_FOREIGN;
	if (in < m->t.first || (in - m->t.first) % m->t.size ||
	    (in - m->t.first) / m->t.size >= m->t.count)
		return MM_E_ALIGN;
	return MM_E_DOUBLE_FREE;
}

/* Free what p points to, right or wrong. */
static inline const char *model_free(struct model *m, void *p)
{
	enum mm_status want = model_free_status(m, p), st;
	struct model_state was;

	if (MM_CHECKS == 0 && want != MM_OK)
		return NULL;
	model_save_call(m, &was);
	st = mm_tiny_free(&m->t, p);
	if ((want != MM_OK || !p) != model_same(m, &was, false))
		return "free: state";
	if (!model_objects_same(m, &was))
		return "free: contents have changed";
	if (st != want)
		return "free: status";
	for (unsigned i = 0; i < m->nobjects; i++) {
		if (m->object[i] != p)
			continue;
		m->object[i] = m->object[--m->nobjects];
		m->seed[i] = m->seed[m->nobjects];
		break;
	}
	return NULL;
}

/* Free and give back all: then the cache has nothing. */
static inline const char *model_empty(struct model *m)
{
	const char *wrong;

	while (m->nobjects) {
		wrong = model_free(m, m->object[m->serial++ % m->nobjects]);
		if (wrong)
			return wrong;
	}
	wrong = model_check(m);
	if (wrong)
		return wrong;
	if (mm_tiny_shrink(&m->t) != (m->cfg.put ? MM_OK : MM_E_NOTSUP))
		return "shrink: status";
	if (m->cfg.put && (model_pages(m) || m->t.pages))
		return "a page was not given back";
	return m->t.used ? "all is free, but counted" : NULL;
}
#endif
