/* SPDX-License-Identifier: MIT */
/* Fuzz target: Multiboot 1 and 2 intakes, against a second parser.
 *
 * The second parser reads the same structures the plain way: byte by byte, out of an array, into the
 * list of claims of memmap_claims.h, with which the whole map is compared. Status, counters, owners
 * and what is reported beside the map must be equal too.
 *
 * Memory is made in two ways. Inputs that begin as a fixture of tests/data/multiboot (EAX, EBX,
 * pieces) are taken as they are, so these files are seeds. From others a structure is built that is
 * right in most places. What is granted to the intake lies in a heap block of exactly its length,
 * and is gone at the next read. */
#include <mmlib/multiboot.h>
#define CLAIMS 2048
#include "memmap_claims.h"

#define PIECES 8
#define BYTES  8192 /* of all pieces */
#define ROOM   4096 /* entries of a map: more than any input can fill */
#define KIB    ((uint64_t)1024)
#define BASE   0x40000 /* of the built structure, at the latest */
#define TOP    ((uint64_t)0xffffffff)

struct image {
	struct {
		uint64_t pa;
		size_t bytes;
		const uint8_t *data;
	} piece[PIECES];
	unsigned pieces;
	unsigned calls;
	uint8_t *granted;
	uint8_t built[BYTES];
};

/* What must come out. */
struct want {
	const struct image *m;
	struct claims list;
	struct mm_boot_info info;
	struct mm_multiboot_efi efi;
	unsigned modules;
	bool memory;
};

/* --- Physical memory --- */

static const uint8_t *byte_at(const struct image *m, uint64_t pa)
{
	for (unsigned i = 0; i < m->pieces; i++)
		if (pa >= m->piece[i].pa && pa - m->piece[i].pa < m->piece[i].bytes)
			return m->piece[i].data + (pa - m->piece[i].pa);
	return NULL;
}

static const void *grant(void *ctx, mm_paddr_t pa, size_t bytes)
{
	struct image *m = ctx;

	check(bytes > 0 && bytes <= 116 && bytes - 1 <= MM_PADDR_MAX - pa);
	check(++m->calls < 2000000);
	free(m->granted);
	m->granted = malloc(bytes);
	check(m->granted != NULL);
	for (size_t i = 0; i < bytes; i++) {
		const uint8_t *b = byte_at(m, pa + i);

		if (!b)
			return NULL;
		m->granted[i] = *b;
	}
	return m->granted;
}

/* --- The second parser --- */

/* A number of n bytes, lowest first. False: some byte is not there, or has no address. */
static bool number(const struct want *w, uint64_t pa, unsigned n, uint64_t *out)
{
	*out = 0;
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *b =
			pa + i < pa || pa + i > MM_PADDR_MAX ? NULL : byte_at(w->m, pa + i);

		if (!b)
			return false;
		*out |= (uint64_t)*b << 8 * i;
	}
	return true;
}

/* Are n bytes there? */
static bool there(const struct want *w, uint64_t pa, uint64_t n)
{
	uint64_t v;

	for (uint64_t i = 0; i < n; i++)
		if (pa + i < pa || !number(w, pa + i, 1, &v))
			return false;
	return true;
}

static void claim(struct want *w, uint64_t base, uint64_t bytes, enum mm_mem_type type)
{
	claims_add(&w->list, base, bytes, false, type);
}

/* Is all of [base, last] RAM so far? Looks at each place where that may change. */
static bool all_ram(const struct want *w, uint64_t base, uint64_t last)
{
	for (uint64_t at = base;;) {
		enum mm_mem_type type = claims_at(&w->list, at);
		uint64_t next = UINT64_MAX;

		if (type == 0 || type > MM_MEM_EARLY)
			return false;
		for (unsigned i = 0; i < w->list.n; i++) {
			const struct mm_mem *c = &w->list.claim[i];

			if (c->base > at && c->base < next)
				next = c->base;
			if (c->last >= at && c->last < UINT64_MAX && c->last + 1 < next)
				next = c->last + 1;
		}
		if (next > last)
			return true;
		at = next;
	}
}

static enum mm_mem_type type_of(uint64_t number, struct want *w)
{
	switch (number) {
	case 1:
		return MM_MEM_USABLE;
	case 2:
		return MM_MEM_RESERVED;
	case 3:
		return MM_MEM_ACPI_RECLAIM;
	case 4:
		return MM_MEM_ACPI_NVS;
	case 5:
		return MM_MEM_BAD;
	case 7:
		return MM_MEM_PERSISTENT;
	default:
		w->list.dropped.unknown++;
		return MM_MEM_RESERVED;
	}
}

static bool entry(struct want *w, uint64_t pa)
{
	uint64_t base, bytes, type;

	if (!number(w, pa, 8, &base) || !number(w, pa + 8, 8, &bytes) ||
	    !number(w, pa + 16, 4, &type))
		return false;
	claim(w, base, bytes, type_of(type, w));
	w->memory = true;
	return true;
}

/* A text: how long with its end, 0 if it does not end within `most`. */
static enum mm_status text(const struct want *w, uint64_t pa, uint64_t most, uint64_t *bytes)
{
	uint64_t v;

	for (*bytes = 1; *bytes <= most && *bytes <= 4096; ++*bytes) {
		if (!number(w, pa + *bytes - 1, 1, &v))
			return MM_E_FAULT;
		if (v == 0)
			return MM_OK;
	}
	return MM_E_2BIG;
}

static enum mm_status reserve_text(struct want *w, uint64_t pa)
{
	uint64_t bytes;
	enum mm_status status = pa ? text(w, pa, 4096, &bytes) : MM_OK;

	if (pa && status == MM_OK)
		claim(w, pa, bytes, MM_MEM_LOADER);
	return status;
}

static void sizes(struct want *w, uint64_t lower, uint64_t upper)
{
	if (lower > 0)
		claim(w, 0, (lower < 640 ? lower : 640) * KIB, MM_MEM_USABLE);
	if (upper > 0)
		claim(w, KIB * KIB, upper * KIB, MM_MEM_USABLE);
	w->memory |= lower > 0 || upper > 0;
}

static bool module(struct want *w, uint64_t start, uint64_t end)
{
	const uint64_t bytes = end < start ? 0 : end - start;

	if (++w->modules > 256)
		return false;
	if (bytes && !w->info.module_bytes) {
		w->info.module = (mm_paddr_t)start;
		w->info.module_bytes = bytes;
	}
	claim(w, start, bytes, MM_MEM_INITRD);
	return true;
}

static enum mm_status sections(struct want *w, uint64_t pa, uint64_t count, uint64_t size)
{
	if (count == 0)
		return MM_OK;
	if (size != 40 && size != 64)
		return MM_E_INVAL;
	if (count > 4096)
		return MM_E_2BIG;
	for (; count > 0; count--, pa += size) {
		const unsigned wide = size == 64 ? 8 : 4;
		uint64_t type, flags, base, bytes;

		if (!there(w, pa, size))
			return MM_E_FAULT;
		number(w, pa + 4, 4, &type);
		number(w, pa + 8, wide, &flags);
		number(w, pa + (wide == 8 ? 16 : 12), wide, &base);
		number(w, pa + (wide == 8 ? 32 : 20), wide, &bytes);
		if (type == 0 || base == 0 || bytes == 0 || bytes > TOP + 1 ||
		    base > TOP + 1 - bytes)
			continue;
		if (!w->memory || all_ram(w, base, base + bytes - 1))
			claim(w, base, bytes, flags & 2 ? MM_MEM_KERNEL : MM_MEM_LOADER);
	}
	return MM_OK;
}

static void screen(struct want *w, uint64_t pa, uint64_t pitch, uint64_t lines)
{
	if (pa && pitch * lines)
		claim(w, pa, pitch * lines, MM_MEM_RESERVED);
}

/* A table of version 1 that is only reserved. */
static void table(struct want *w, uint64_t pa, uint64_t bytes)
{
	if (pa && bytes)
		claim(w, pa, bytes, MM_MEM_LOADER);
}

/* Version 1 by its fields, 0 where the flag is not set. */
struct fields {
	uint64_t flags;
	uint64_t f[32]; /* by offset / 4 */
	uint64_t bytes;
	unsigned type, colors;
	uint64_t screen, palette;
};

static enum mm_status fields_of(const struct want *w, uint64_t pa, struct fields *x)
{
	static const struct {
		unsigned bit, from, end;
	} flag[] = { { 0, 4, 12 },   { 1, 12, 16 },  { 2, 16, 20 },  { 3, 20, 28 }, { 4, 28, 44 },
		     { 5, 28, 44 },  { 6, 44, 52 },  { 7, 52, 60 },  { 8, 60, 64 }, { 9, 64, 68 },
		     { 10, 68, 72 }, { 11, 72, 88 }, { 12, 88, 116 } };
	uint64_t v;

	memset(x, 0, sizeof(*x));
	if (!number(w, pa, 4, &x->flags))
		return MM_E_FAULT;
	x->bytes = 4;
	for (unsigned i = 0; i < 13; i++)
		if (x->flags >> flag[i].bit & 1)
			x->bytes = flag[i].end;
	if (!there(w, pa, x->bytes))
		return MM_E_FAULT;
	for (unsigned i = 0; i < 13; i++)
		for (unsigned at = flag[i].from; at < flag[i].end; at += 4)
			if (x->flags >> flag[i].bit & 1)
				number(w, pa + at, 4, &x->f[at / 4]);
	if (x->flags >> 12 & 1) {
		number(w, pa + 88, 8, &x->screen);
		number(w, pa + 109, 1, &v);
		x->type = (unsigned)v;
		number(w, pa + 110, 4, &x->palette);
		number(w, pa + 114, 2, &v);
		x->colors = (unsigned)v;
	}
	return MM_OK;
}

static enum mm_status memory_1(struct want *w, const struct fields *x)
{
	const uint64_t from = x->f[12], end = from + x->f[11];
	uint64_t size, n = 0;

	for (uint64_t at = from; from && at + 24 <= end; at += size + 4) {
		if (n++ == 4096)
			return MM_E_2BIG;
		if (!there(w, at, 24))
			return MM_E_FAULT;
		number(w, at, 4, &size);
		if (size < 20)
			return MM_E_INVAL;
		entry(w, at + 4);
	}
	table(w, from, x->f[11]);
	if (!w->memory)
		sizes(w, x->f[1], x->f[2]);
	return w->memory ? MM_OK : MM_E_INVAL;
}

static enum mm_status kernel_1(struct want *w, const struct fields *x)
{
	enum mm_status status;

	if ((x->flags & 0x30) == 0x30)
		return MM_E_INVAL;
	if (x->flags & 0x10) {
		if (x->f[7] || x->f[8])
			table(w, x->f[9], 4 + x->f[7] + x->f[8]);
		return MM_OK;
	}
	if (!x->f[9])
		return MM_OK;
	status = sections(w, x->f[9], x->f[7], x->f[8]);
	if (status == MM_OK)
		table(w, x->f[9], x->f[7] * x->f[8]);
	return status;
}

static enum mm_status modules_1(struct want *w, const struct fields *x)
{
	uint64_t start, end, words;

	for (uint64_t i = 0; x->f[6] && i < x->f[5]; i++) {
		const uint64_t at = x->f[6] + 16 * i;

		if (!there(w, at, 16))
			return MM_E_FAULT;
		number(w, at, 4, &start);
		number(w, at + 4, 4, &end);
		number(w, at + 8, 4, &words);
		if (!module(w, start, end))
			return MM_E_2BIG;
		enum mm_status status = reserve_text(w, words);
		if (status != MM_OK)
			return status;
	}
	table(w, x->f[6], x->f[5] * 16);
	return MM_OK;
}

static enum mm_status parse_1(struct want *w, uint64_t pa)
{
	struct fields x;
	enum mm_status status = fields_of(w, pa, &x);

	if (status == MM_OK)
		status = memory_1(w, &x);
	if (status == MM_OK)
		status = kernel_1(w, &x);
	if (status == MM_OK)
		status = modules_1(w, &x);
	if (status != MM_OK)
		return status;
	table(w, x.f[14], x.f[13]);
	table(w, x.f[17], 20);
	table(w, x.f[18], 512);
	table(w, x.f[19], 256);
	screen(w, x.screen, x.f[24], x.f[26]);
	if (x.flags >> 12 & 1 && x.type == 0)
		table(w, x.palette, x.colors * 3);
	status = reserve_text(w, x.f[16]);
	if (status == MM_OK)
		status = reserve_text(w, x.f[4]);
	claim(w, pa, x.bytes, MM_MEM_LOADER);
	w->info.cmdline = (mm_paddr_t)x.f[4];
	return status;
}

/* A tag of version 2, once its place is known to be right. */
struct place {
	uint64_t pa, type, size;
};

/* All tags up to the end tag; none if one is wrong. */
static enum mm_status tags(const struct want *w, uint64_t pa, uint64_t total, struct place *out,
			   unsigned *n)
{
	for (uint64_t at = 8;; *n += 1) {
		struct place *t = &out[*n];

		if (*n == 4096)
			return MM_E_2BIG;
		t->pa = pa + at;
		if (at + 8 > total)
			return MM_E_INVAL;
		if (!there(w, t->pa, 8))
			return MM_E_FAULT;
		number(w, t->pa, 4, &t->type);
		number(w, t->pa + 4, 4, &t->size);
		static const uint64_t least[18] = {
			[3] = 16, [4] = 16, [6] = 16, [8] = 28, [9] = 20, [17] = 16
		};
		if (t->size < 8 || at + t->size > total)
			return MM_E_INVAL;
		if (t->type < 18 && t->size < least[t->type])
			return MM_E_INVAL;
		if (t->type == 0)
			return MM_OK;
		at = (at + t->size + 7) / 8 * 8;
	}
}

static enum mm_status memory_2(struct want *w, const struct place *t)
{
	uint64_t stride;

	if (!there(w, t->pa + 8, 8))
		return MM_E_FAULT;
	number(w, t->pa + 8, 4, &stride);
	if (stride < 24)
		return MM_E_INVAL;
	for (uint64_t at = 16; at + 24 <= t->size; at += stride) {
		if (!there(w, t->pa + at, 24))
			return MM_E_FAULT;
		entry(w, t->pa + at);
	}
	return MM_OK;
}

/* What the first look at a tag is for. `kernel` and `size` are kept for later. */
static enum mm_status first_look(struct want *w, const struct place *t, struct place *kernel,
				 uint64_t size[2])
{
	uint64_t a, b;

	if (t->type == 18)
		w->efi.boot_services = true;
	if (t->type == 6)
		return memory_2(w, t);
	if (t->type != 4 && t->type != 9 && t->type != 17)
		return MM_OK;
	if (!number(w, t->pa + 8, 4, &a) || !number(w, t->pa + 12, 4, &b))
		return MM_E_FAULT;
	if (t->type == 4) {
		size[0] = a;
		size[1] = b;
	} else if (t->type == 17 && !w->efi.map && t->size > 16) {
		w->efi.map = (mm_paddr_t)(t->pa + 16);
		w->efi.bytes = (uint32_t)t->size - 16;
		w->efi.stride = (uint32_t)a;
		w->efi.version = (uint32_t)b;
	} else if (t->type == 9 && !kernel->type) {
		if (a * b > t->size - 20)
			return MM_E_INVAL;
		if (a)
			*kernel = (struct place){ t->pa + 20, a, b };
	}
	return MM_OK;
}

static enum mm_status second_look(struct want *w, const struct place *t, bool *new_rsdp)
{
	uint64_t a, b, c;

	switch (t->type) {
	case 1:
		if (w->info.cmdline)
			return MM_OK;
		w->info.cmdline = (mm_paddr_t)(t->pa + 8);
		return text(w, t->pa + 8, t->size - 8, &a);
	case 3:
		if (!number(w, t->pa + 8, 4, &a) || !number(w, t->pa + 12, 4, &b))
			return MM_E_FAULT;
		return module(w, a, b) ? MM_OK : MM_E_2BIG;
	case 8:
		if (!there(w, t->pa + 8, 20))
			return MM_E_FAULT;
		number(w, t->pa + 8, 8, &a);
		number(w, t->pa + 16, 4, &b);
		number(w, t->pa + 24, 4, &c);
		screen(w, a, b, c);
		return MM_OK;
	case 14:
		if (t->size >= 8 + 20 && !*new_rsdp)
			w->info.rsdp = (mm_paddr_t)(t->pa + 8);
		return MM_OK;
	case 15:
		if (t->size >= 8 + 36 && !*new_rsdp) {
			w->info.rsdp = (mm_paddr_t)(t->pa + 8);
			*new_rsdp = true;
		}
		return MM_OK;
	default:
		return MM_OK;
	}
}

static enum mm_status parse_2(struct want *w, uint64_t pa, bool efi)
{
	static struct place t[4097];
	struct place kernel = { 0 };
	uint64_t total, size[2] = { 0 };
	enum mm_status status, framing;
	bool new_rsdp = false;
	unsigned n = 0;

	if (pa % 8)
		return MM_E_INVAL;
	if (!there(w, pa, 8))
		return MM_E_FAULT;
	number(w, pa, 4, &total);
	if (total < 16)
		return MM_E_INVAL;
	if (pa + (total - 1) < pa || pa + (total - 1) > MM_PADDR_MAX)
		return MM_E_FAULT;
	framing = tags(w, pa, total, t, &n);
	status = MM_OK;
	for (unsigned i = 0; i < n && status == MM_OK; i++)
		status = first_look(w, &t[i], &kernel, size);
	if (status == MM_OK)
		status = framing;
	if (status == MM_OK && !w->memory)
		sizes(w, size[0], size[1]);
	if (status == MM_OK && !w->memory && !(efi && (w->efi.map || w->efi.boot_services)))
		status = MM_E_INVAL;
	if (status == MM_OK)
		status = sections(w, kernel.pa, kernel.type, kernel.size);
	for (unsigned i = 0; i < n && status == MM_OK; i++)
		status = second_look(w, &t[i], &new_rsdp);
	claim(w, pa, total, MM_MEM_LOADER);
	return status;
}

/* --- The comparison --- */

/* Who has memory of a type that no table of memory can name. */
static const char *owner_of(enum mm_mem_type type)
{
	switch (type) {
	case MM_MEM_LOADER:
		return "Multiboot";
	case MM_MEM_INITRD:
		return "Multiboot module";
	case MM_MEM_KERNEL:
		return "Multiboot kernel";
	default:
		return NULL;
	}
}

static void same_map(const struct mm_memmap *map, const struct want *w)
{
	check_claims(map, &w->list);
	for (uint32_t i = 0; i < map->count; i++) {
		const struct mm_mem *e = &map->entries[i];

		if (owner_of(e->type))
			check(strcmp(e->owner, owner_of(e->type)) == 0);
	}
}

/* After an error: nothing got into the map that does not belong there. */
static void no_invention(const struct mm_memmap *map, const struct want *w)
{
	for (uint32_t i = 0; i < map->count; i++) {
		const struct mm_mem *e = &map->entries[i];

		check(claims_at(&w->list, e->base) >= e->type);
		check(claims_at(&w->list, e->last) >= e->type);
	}
}

struct result {
	struct mm_boot_info info;
	struct mm_multiboot_efi efi;
};

static bool same_efi(const struct mm_multiboot_efi *a, const struct mm_multiboot_efi *b)
{
	return a->map == b->map && a->bytes == b->bytes && a->stride == b->stride &&
	       a->version == b->version && a->boot_services == b->boot_services;
}

static enum mm_status intake(struct mm_memmap *map, struct image *m, unsigned version, uint64_t pa,
			     struct result *r, bool efi)
{
	if (version == 1)
		return mm_memmap_add_multiboot(map, grant, m, (mm_paddr_t)pa, &r->info);
	return mm_memmap_add_multiboot2(map, grant, m, (mm_paddr_t)pa, &r->info,
					efi ? &r->efi : NULL);
}

/* Both parsers on the same memory, with a map that is large enough and one that may not be. */
static void compare(struct image *m, unsigned version, uint64_t pa, bool efi, uint32_t room)
{
	static struct mm_mem e[ROOM];
	static struct want w;
	const struct result before = { { 1, 2, 3, 4 }, { 5, 6, 7, 8, true } };
	struct result r = before;
	struct mm_memmap map;
	enum mm_status want, status;

	w.m = m;
	w.list.n = 0;
	memset(&w.list.dropped, 0, sizeof(w.list.dropped));
	memset(&w.info, 0, sizeof(w) - offsetof(struct want, info));
	want = version == 1 ? parse_1(&w, pa) : parse_2(&w, pa, efi);
	check(mm_memmap_init(&map, e, ROOM) == MM_OK);
	status = intake(&map, m, version, pa, &r, efi);
	check(status == want);
	check(mm_memmap_verify(&map) == MM_OK);
	if (status == MM_OK) {
		same_map(&map, &w);
		check(same_info(&r.info, &w.info));
		check(same_efi(&r.efi, version == 2 && efi ? &w.efi : &before.efi));
	} else {
		check(same_info(&r.info, &before.info) && same_efi(&r.efi, &before.efi));
		no_invention(&map, &w);
	}
	r = before;
	check(mm_memmap_init(&map, e, room) == MM_OK);
	status = intake(&map, m, version, pa, &r, efi);
	check(status == want || status == MM_E_2BIG);
	check(mm_memmap_verify(&map) == MM_OK);
	if (status == MM_OK)
		same_map(&map, &w);
	else
		check(same_info(&r.info, &before.info) && same_efi(&r.efi, &before.efi));
}

/* --- Memory from inputs --- */

static void add_piece(struct image *m, uint64_t pa, const uint8_t *data, size_t bytes)
{
	m->piece[m->pieces].pa = pa;
	m->piece[m->pieces].data = data;
	m->piece[m->pieces++].bytes = bytes;
}

static uint64_t little(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

/* A fixture: pieces as they are. */
static void raw(struct input *in, unsigned version)
{
	static struct image m;
	const uint64_t pa = little(in->p + 4, 4);

	memset(&m, 0, offsetof(struct image, built));
	in->p += 8;
	in->n -= 8;
	while (in->n >= 16 && m.pieces < PIECES) {
		const uint64_t base = little(in->p, 8), bytes = little(in->p + 8, 8);
		const size_t n = bytes < in->n - 16 ? (size_t)bytes : in->n - 16;

		add_piece(&m, base, in->p + 16, n);
		in->p += 16 + n;
		in->n -= 16 + n;
	}
	compare(&m, version, pa, true, (uint32_t)(pa + m.pieces) % 40);
	free(m.granted);
}

/* An address or a length, most often on or beside the border of a frame. */
static uint64_t pick(struct input *in)
{
	const unsigned how = byte(in), k = byte(in);
	static const uint64_t off[] = { 0, 1, F / 2, F - 1 };

	if (how < 160)
		return k % 64 * F + off[how % 4];
	if (how < 200)
		return TOP - k % 16 * F - off[how % 4];
	if (how < 210)
		return TOP + 1 + k * F + off[how % 4];
	if (how < 220)
		return UINT64_MAX - k % 16 * F - off[how % 4];
	if (how < 230)
		return (uint64_t)(k % 64) << (how % 4 * 10);
	return word(in);
}

/* A structure that is being built. */
struct maker {
	struct input *in;
	struct image *m;
	uint64_t pa;
	size_t at; /* bytes in use */
};

/* Room for a part. What lies in it is random, most of it 0. Where there is no room: NULL. */
static uint8_t *part(struct maker *k, size_t bytes, uint64_t *pa)
{
	uint8_t *p = k->m->built + k->at;

	*pa = k->pa + k->at;
	if (bytes > BYTES - k->at)
		return NULL;
	k->at += bytes;
	if (byte(k->in) % 16 == 0) /* not there, or somewhere else */
		*pa = byte(k->in) % 2 ? 0 : pick(k->in);
	return p;
}

static void put_entry(struct maker *k, uint8_t *p)
{
	const bool all = byte(k->in) % 8 == 0; /* 8 GiB, so that there is RAM somewhere */

	put(p, all ? 0 : pick(k->in), 8);
	put(p + 8, all ? 2 * (TOP + 1) : pick(k->in), 8);
	put(p + 16, byte(k->in) % 4 ? 1 : byte(k->in) % 9, 4);
}

static void put_module(struct maker *k, uint8_t *p)
{
	const uint64_t start = pick(k->in);
	const unsigned how = byte(k->in);

	put(p, start, 4);
	put(p + 4, how < 200 ? start + how / 8 * (F / 4) + how % 3 : pick(k->in), 4);
}

static void put_sections(struct maker *k, uint8_t *p, unsigned count, unsigned size)
{
	for (; p && count > 0; count--, p += size) {
		const unsigned wide = size >= 64 ? 8 : 4;

		put(p + 4, byte(k->in) % 4, 4);
		put(p + 8, byte(k->in) % 8, wide);
		put(p + (wide == 8 ? 16 : 12), pick(k->in), wide);
		put(p + (wide == 8 ? 32 : 20), pick(k->in), wide);
	}
}

static uint64_t put_text(struct maker *k)
{
	const unsigned n = byte(k->in) % 64;
	uint64_t pa;
	uint8_t *p = part(k, n + 1, &pa);

	if (p)
		memset(p, 'x', n);
	return pa;
}

/* Number of bytes of a section header: mostly one of the two. */
static unsigned pick_header(struct input *in)
{
	const unsigned how = byte(in);

	return how < 16 ? how * 5 : how % 2 ? 64 : 40;
}

static void build_1(struct maker *k)
{
	struct input *in = k->in;
	uint64_t pa;
	uint8_t *s = part(k, 116, &pa), *p;
	unsigned n = byte(in) % 8, size = 20;

	put(s, byte(in) | byte(in) << 8, 4);
	if (byte(in) % 8)
		s[0] = (uint8_t)(s[0] & ~0x10) |
		       0x40; /* as loaders do: memory, one kind of symbols */
	put(s + 4, pick(in), 4);
	put(s + 8, pick(in), 4);
	put(s + 16, put_text(k), 4);
	if (byte(in) % 8 == 0)
		size = byte(in) % 40;
	p = part(k, n * (size + 4), &pa);
	for (unsigned i = 0; p && i < n; i++, p += size + 4) {
		put(p, size, 4);
		if (size >= 20)
			put_entry(k, p + 4);
	}
	put(s + 44, n * (size + 4) + byte(in) % 8, 4);
	put(s + 48, pa, 4);
	n = byte(in) % 4;
	p = part(k, 16 * n, &pa);
	put(s + 20, n, 4);
	put(s + 24, pa, 4);
	for (unsigned i = 0; p && i < n; i++) {
		put_module(k, p + 16 * i);
		put(p + 16 * i + 8, byte(in) % 2 ? put_text(k) : 0, 4);
	}
	n = byte(in) % 8;
	size = pick_header(in);
	p = part(k, n * (size < 64 ? 64 : size), &pa);
	put_sections(k, p, n, size);
	put(s + 28, n, 4);
	put(s + 32, size, 4);
	put(s + 36, pa, 4);
	put(s + 52, pick(in), 4);
	put(s + 56, pick(in), 4);
	put(s + 64, put_text(k), 4);
	put(s + 68, pick(in), 4);
	put(s + 72, pick(in), 4);
	put(s + 76, pick(in), 4);
	put(s + 88, pick(in), 8);
	put(s + 96, pick(in), 4);
	put(s + 104, pick(in), 4);
	s[109] = byte(in) % 3;
	put(s + 110, pick(in), 4);
	put(s + 114, pick(in), 2);
}

static void tag_contents(struct maker *k, unsigned type, uint8_t *p, unsigned n)
{
	struct input *in = k->in;

	switch (type) {
	case 1:
		memset(p, 'x', n / 2);
		break;
	case 3:
		put_module(k, p);
		break;
	case 4:
		put(p, pick(in), 4);
		put(p + 4, pick(in), 4);
		break;
	case 6:
		put(p, byte(in) % 8 ? 24 : byte(in) % 48, 4);
		for (unsigned at = 8; at + 24 <= n; at += 24)
			put_entry(k, p + at);
		break;
	case 8:
		put(p, pick(in), 8);
		put(p + 8, pick(in), 4);
		put(p + 16, pick(in), 4);
		break;
	case 9:
		put(p + 4, pick_header(in), 4);
		if (p[4] == 40 || p[4] == 64) {
			put(p, (n - 12) / p[4] + (byte(in) % 16 == 0), 4);
			put_sections(k, p + 12, (n - 12) / p[4], p[4]);
		}
		break;
	case 17:
		put(p, 48, 8);
		break;
	}
}

static void build_2(struct maker *k)
{
	static const uint8_t types[] = { 1, 3, 3, 4, 6, 6, 6, 8, 9, 9, 14, 15, 17, 18, 2, 99 };
	struct input *in = k->in;
	uint64_t pa;
	uint8_t *s = part(k, 8, &pa), *p;
	unsigned n = byte(in) % 12;

	while (n-- > 0) {
		const unsigned type = types[byte(in) % 16], bytes = byte(in) % 2 ? byte(in) : 64;

		p = part(k, (8 + bytes + 7) / 8 * 8, &pa);
		if (!p)
			break;
		put(p, type, 4);
		put(p + 4, 8 + bytes, 4);
		if (bytes >= 28)
			tag_contents(k, type, p + 8, bytes);
	}
	p = part(k, 8, &pa);
	if (p)
		put(p + 4, 8, 4);
	put(s, k->at, 4);
}

/* A structure that is right in most places, then up to three bytes of it changed. */
static void built(struct input *in)
{
	static struct image m;
	static const uint64_t bases[] = { 8, F, 0x10000, BASE, TOP - BYTES + 1 };
	const unsigned version = 1 + byte(in) % 2, room = byte(in) % 64;
	struct maker k = { in, &m, bases[byte(in) % 5], 0 };
	const bool efi = byte(in) % 2;

	memset(&m, 0, sizeof(m));
	add_piece(&m, k.pa, m.built, BYTES);
	if (version == 1)
		build_1(&k);
	else
		build_2(&k);
	for (unsigned n = byte(in) % 4; n > 0; n--)
		m.built[(byte(in) << 8 | byte(in)) % k.at] = (uint8_t)byte(in);
	if (byte(in) % 8 == 0) /* cut off, maybe inside */
		m.piece[0].bytes = (byte(in) << 8 | byte(in)) % BYTES;
	compare(&m, version, k.pa, efi, room);
	free(m.granted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct input in = { data, n };

	if (n >= 8 && little(data, 4) == MM_MULTIBOOT_MAGIC)
		raw(&in, 1);
	else if (n >= 8 && little(data, 4) == MM_MULTIBOOT2_MAGIC)
		raw(&in, 2);
	else
		built(&in);
	return 0;
}
