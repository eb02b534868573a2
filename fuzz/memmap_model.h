/* SPDX-License-Identifier: MIT */
/* The model of the boot memory map, for its fuzz targets.
 *
 * The model is brute force. The address space is cut into cells: in three windows (its begin, one
 * across 4 GiB, its end) each frame has four cells, its first byte, its last byte and two in
 * between; the space between windows is one cell each. Every range that an operation names begins
 * and ends with a cell, so an array with one type and one owner a cell says exactly what the map
 * must be: check_all(). An operation on the map is mirrored on a copy of the model, and settle()
 * says what status that must have given. */
#ifndef FUZZ_MEMMAP_MODEL_H
#define FUZZ_MEMMAP_MODEL_H
#include <mmlib/memmap.h>
#include <stdlib.h>
#include <string.h>

/* Functions that only check: the fuzzer looks for ways through the library, not through them. */
#ifdef __clang__
#define ORACLE __attribute__((no_sanitize("coverage"))) static inline
#else
#define ORACLE static inline
#endif

#define F        MM_FRAME_SIZE
#define WINDOWS  3
#define FRAMES   8 /* of a window */
#define CELLS    (WINDOWS * FRAMES * 4 + WINDOWS - 1)
#define CAPACITY 48

struct input {
	const uint8_t *p;
	size_t n;
};

struct model {
	enum mm_mem_type type[CELLS]; /* 0: hole */
	const char *owner[CELLS];
	struct mm_memmap_dropped dropped;
};

struct fuzz {
	struct mm_memmap map;
	struct mm_mem e[CAPACITY];
	struct model model;
};

static const mm_paddr_t window[WINDOWS] = { 0, (mm_paddr_t)0xffffc << MM_FRAME_SHIFT,
					    MM_PADDR_MAX - FRAMES *F + 1 };
static const char *const owners[3] = { NULL, "a", "z" };
static mm_paddr_t cell_base[CELLS];

static inline void check(bool ok)
{
	if (!ok)
		abort();
}

static inline unsigned byte(struct input *in)
{
	if (in->n == 0)
		return 0;
	in->n--;
	return *in->p++;
}

static inline uint64_t word(struct input *in)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | byte(in);
	return v;
}

static inline void cells_init(void)
{
	unsigned c = 0;

	for (unsigned w = 0; w < WINDOWS; w++) {
		for (unsigned f = 0; f < FRAMES; f++) {
			const mm_paddr_t base = window[w] + f * F;

			cell_base[c++] = base;
			cell_base[c++] = base + 1;
			cell_base[c++] = base + F / 2;
			cell_base[c++] = base + F - 1;
		}
		if (w + 1 < WINDOWS)
			cell_base[c++] = window[w] + FRAMES * F;
	}
	check(c == CELLS);
}

ORACLE mm_paddr_t cell_last(unsigned c)
{
	return c + 1 < CELLS ? cell_base[c + 1] - 1 : MM_PADDR_MAX;
}

/* The cell that begins at pa. */
ORACLE unsigned cell_at(mm_paddr_t pa)
{
	unsigned c = 0;

	while (cell_base[c] != pa)
		check(++c < CELLS);
	return c;
}

ORACLE void outward(unsigned *first, unsigned *last)
{
	while (cell_base[*first] % F != 0)
		--*first;
	while (cell_last(*last) % F != F - 1)
		++*last;
}

/* --- The model --- */

ORACLE void model_claim(struct model *m, unsigned first, unsigned last, enum mm_mem_type type,
			const char *owner)
{
	if (type != MM_MEM_USABLE)
		outward(&first, &last);
	for (unsigned c = first; c <= last; c++) {
		if (m->type[c] >= type)
			continue;
		m->type[c] = type;
		m->owner[c] = owner;
	}
}

ORACLE bool model_continues(const struct model *m, unsigned c)
{
	return c > 0 && m->type[c] == m->type[c - 1] && m->owner[c] == m->owner[c - 1];
}

ORACLE unsigned model_count(const struct model *m)
{
	unsigned n = 0;

	for (unsigned c = 0; c < CELLS; c++)
		n += m->type[c] != 0 && !model_continues(m, c);
	return n;
}

ORACLE bool model_usable(const struct model *m, unsigned first, unsigned last)
{
	for (unsigned c = first; c <= last; c++)
		if (m->type[c] != MM_MEM_USABLE)
			return false;
	return true;
}

/* The entries of the map, one by one, against runs of equal cells. */
ORACLE void check_entries(const struct fuzz *z)
{
	const struct model *m = &z->model;
	uint32_t i = 0;

	for (unsigned c = 0, last; c < CELLS; c = last + 1) {
		for (last = c; last + 1 < CELLS && model_continues(m, last + 1);)
			last++;
		if (m->type[c] == 0)
			continue;
		check(i < z->map.count);
		const struct mm_mem *e = &z->map.entries[i++];
		check(e->base == cell_base[c] && e->last == cell_last(last));
		check(e->type == m->type[c] && e->owner == m->owner[c]);
	}
	check(i == z->map.count);
}

/* Is a frame, from cell first to cell last, whole memory of one type and one owner? */
ORACLE enum mm_mem_type model_frame(const struct model *m, unsigned first, unsigned last)
{
	for (unsigned c = first + 1; c <= last; c++)
		if (!model_continues(m, c))
			return (enum mm_mem_type)0;
	return m->type[first];
}

/* What mm_memmap_next() and mm_memmap_bytes() say, against whole frames of the model. */
ORACLE void check_frames(const struct fuzz *z)
{
	mm_paddr_t want[MM_MEM_BAD + 1] = { 0 }, got[MM_MEM_BAD + 1] = { 0 }, from = 0;
	struct mm_mem out;

	for (unsigned c = 0, last; c < CELLS; c = last + 1) {
		unsigned first = c;

		last = c;
		outward(&first, &last);
		want[model_frame(&z->model, first, last)] += cell_last(last) - cell_base[first] + 1;
	}
	for (uint32_t it = 0; mm_memmap_next(&z->map, &it, &out);) {
		check(out.base >= from && out.base % F == 0 && out.last % F == F - 1);
		check(out.last >= out.base);
		got[out.type] += out.last - out.base + 1;
		from = out.last;
	}
	for (int t = MM_MEM_USABLE; t <= MM_MEM_BAD; t++) {
		check(want[t] == got[t]);
		mm_paddr_t bytes = mm_memmap_bytes(&z->map, (enum mm_mem_type)t);
		check(bytes == got[t] || (got[t] == 0 && bytes == MM_PADDR_MAX));
	}
}

ORACLE void check_all(const struct fuzz *z)
{
	static const struct mm_mem untouched[CAPACITY];
	const uint32_t capacity = z->map.capacity;

	check(mm_memmap_verify(&z->map) == MM_OK);
	check(memcmp(z->e + capacity, untouched, (CAPACITY - capacity) * sizeof(*z->e)) == 0);
	check(memcmp(&z->map.dropped, &z->model.dropped, sizeof(z->map.dropped)) == 0);
	check_entries(z);
	check_frames(z);
}

/* An operation that claims [first, last] ended with status: it must have had room or changed
 * nothing. */
static inline void settle(struct fuzz *z, const struct fuzz *was, const struct model *next,
			  enum mm_status status)
{
	if (model_count(next) > z->map.capacity) {
		check(status == MM_E_2BIG && memcmp(z, was, sizeof(*z)) == 0);
		return;
	}
	check(status == MM_OK);
	z->model = *next;
}

/* --- What formats share --- */

/* Two cells in order. Mostly near each other. */
static inline void pick_cells(struct input *in, unsigned *first, unsigned *last)
{
	unsigned a = byte(in) % CELLS, b = byte(in);

	b = b < 200 ? a + b % 24 : b % CELLS;
	if (b >= CELLS)
		b = CELLS - 1;
	*first = a < b ? a : b;
	*last = a < b ? b : a;
}

/* A range as firmware gives it. */
struct span {
	uint64_t base, length;
	unsigned first, last; /* the cells that it is, clipped where the address space ends */
	bool wraps;
};

static inline void pick_span(struct input *in, struct span *s)
{
	unsigned how = byte(in);

	s->wraps = false;
	pick_cells(in, &s->first, &s->last);
	s->base = cell_base[s->first];
	s->length = cell_last(s->last) - s->base + 1; /* 0 for the whole address space */
	if (how >= 248) {
		s->length = 0;
	} else if (how >= 236 && s->first > 1) {
		s->wraps = true;
		s->last = CELLS - 1;
		s->length = how & 1 ? UINT64_MAX : UINT64_MAX - s->base + 2;
	}
}

/* What mm_memmap_add() must make of it. */
static inline void model_add(struct model *m, const struct span *s, enum mm_mem_type type,
			     const char *owner)
{
	m->dropped.wrapped += s->wraps;
	m->dropped.empty += s->length == 0;
	if (s->length > 0 && !(s->wraps && type == MM_MEM_USABLE))
		model_claim(m, s->first, s->last, type, owner);
}

/* Both at once. */
static inline void pick_range(struct input *in, struct model *m, enum mm_mem_type type,
			      const char *owner, uint64_t *base, uint64_t *length)
{
	struct span s;

	pick_span(in, &s);
	model_add(m, &s, type, owner);
	*base = s.base;
	*length = s.length;
}

/* A map with room for at most CAPACITY entries, as many as the input says. */
static inline void fuzz_init(struct fuzz *z, struct input *in)
{
	cells_init();
	memset(z, 0, sizeof(*z));
	check(mm_memmap_init(&z->map, z->e, byte(in) % (CAPACITY + 1)) == MM_OK);
}

/* A little-endian number. */
static inline void put(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* Blocks that were given back are kept unusable for a while; thousands of small ones need less than
 * the usual 256 MiB. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "quarantine_size_mb=16";
}

/* Memory that a format's structure points into: n bytes at address `base`, also round the end of the
 * address space, so that who goes round it by mistake gets an answer. What is read lies in a
 * block of exactly its length, and is gone at the next read; of single bytes, which texts are read
 * by, it changes. */
struct memory {
	const uint8_t *bytes;
	size_t n;
	uint64_t base;
	unsigned calls;
	uint8_t *granted;
	size_t granted_bytes;
};

static inline const void *memory_grant(struct memory *m, uint64_t at, size_t bytes)
{
	check(bytes > 0 && ++m->calls < 300000);
	check(at + (bytes - 1) >= at); /* nobody asks for what goes round the end */
	if (at - m->base >= m->n || bytes > m->n - (at - m->base))
		return NULL;
	check(bytes <= 64);
	if (bytes != 1 || m->granted_bytes != 1) {
		free(m->granted);
		m->granted = malloc(bytes);
		check(m->granted != NULL);
		m->granted_bytes = bytes;
	}
	return memcpy(m->granted, m->bytes + (at - m->base), bytes);
}

/* An mm_phys_reader. */
static inline const void *memory_read(void *ctx, mm_paddr_t pa, size_t bytes)
{
	return memory_grant(ctx, pa, bytes);
}

static inline void memory_end(struct memory *m)
{
	free(m->granted);
	m->granted = NULL;
	m->granted_bytes = 0;
}

static inline bool same_info(const struct mm_boot_info *a, const struct mm_boot_info *b)
{
	return a->cmdline == b->cmdline && a->rsdp == b->rsdp && a->module == b->module &&
	       a->module_bytes == b->module_bytes;
}
#endif
