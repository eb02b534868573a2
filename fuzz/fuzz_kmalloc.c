/* SPDX-License-Identifier: MIT */
/* Fuzz memory of any size, alone: kmalloc() in all its forms, against a shadow heap.
 *
 * The shadow knows of all memory that is out: what was asked for, how much there is, a pattern that fills it, and
 * whether its owner asked for zeros each time. Such an owner writes no further than was asked for, and all beyond
 * stays zero (K3), wherever the memory goes. After each operation no two overlap and patterns are whole (of large
 * memory, at its ends). Each 64th time, and at the end, all bytes are looked at, counts are the shadow's, and all is
 * verified. A size that is a power of two is aligned to itself, others as was asked. A shrink never fails. Mistakes
 * get their documented error and change nothing: wrong pointers (to what was freed some time ago, too), sizes,
 * alignments, flags. Allocations inside the library fail when the input says so, or, for one request, each of them in
 * turn. At the end all is freed and shrunk, the heap is destroyed, and the page layer has its first state hash.
 *
 * Input: 3 bytes an operation: what, and two for which. Bits of the first tell whether owners are noted, so that large
 * blocks have records, and whether another heap has memory, of which this one must free none. */
#include <string.h>
#include <mmlib/kmalloc.h>
#include <mmlib/owner.h>
#include "../tests/contents.h"
#include "operations.h"
#include "slab_machine.h"
#include "slab/slab.h"

#define WHOLE      64u /* operations between two looks at everything; at each second one, at the page layer */
#define RAM_FRAMES 512u
#define LIVE       64u
#define GONE       32u
#define ENDS       64u   /* bytes at each end of large memory that are looked at each time */
#define FEW        2048u /* as many are not large */

struct object {
	unsigned char *p;
	size_t asked, align; /* as mm_kfree_sized() is told */
	size_t room;         /* what there is */
	uint8_t tag;
	bool zero; /* each time zeros were asked for */
	bool kept; /* it is where it was when its size was another */
};

/* What is asked for: so many elements of a size, or one with an alignment. */
struct request {
	size_t n, size, align;
	uint32_t flags;
	bool array;
};

static struct mm_pmm pmm;
static struct mm_heap heap, beside; /* another one: nobody frees the one's memory through the other */
static struct object live[LIVE];
static unsigned n;
static void *gone[GONE]; /* freed last */
static unsigned ngone;
static unsigned char *page, *table; /* no objects */
static void *theirs[2];             /* the other heap's: an object, and pages; or NULL */

/* Its owner wrote so many bytes. */
static size_t written(const struct object *o)
{
	return o->zero ? o->asked : o->room;
}

static bool tail_is_zero(const struct object *o, bool whole)
{
	size_t rest = o->room - written(o);

	return contents_all(o->p + written(o), !whole && rest > ENDS ? ENDS : rest, 0);
}

static void check_object(const struct object *o, bool whole)
{
	size_t size = written(o), end = size > ENDS ? size - ENDS : 0;

	MUST(tail_is_zero(o, whole || o->room <= FEW));
	if (whole || size <= FEW) {
		MUST(contents_intact(o->p, size, o->tag));
		return;
	}
	MUST(contents_intact(o->p, ENDS, o->tag));
	MUST(contents_intact(o->p + end, ENDS, (unsigned char)(o->tag + end * 7)));
}

/* Memory is out: it is nobody else's, and aligned. */
static void check_place(const struct object *o)
{
	mm_paddr_t at = sim.base + (mm_paddr_t)(o->p - sim.host);
	bool power = (o->asked & (o->asked - 1)) == 0;

	MUST(o->p >= sim.host && o->room >= o->asked && o->p + o->room <= sim.host + sim.bytes);
	MUST(at % 16 == 0 && (!o->align || at % o->align == 0));
	MUST(o->kept || !power || at % o->asked == 0);
	for (unsigned i = 0; i < n; i++)
		MUST(o->p + o->room <= live[i].p || live[i].p + live[i].room <= o->p);
}

static void add(struct object o, unsigned tag)
{
	o.room = mm_ksize(&heap, o.p);
	o.tag = (uint8_t)tag;
	check_place(&o);
	contents_fill(o.p, written(&o), o.tag);
	live[n++] = o;
}

static struct object drop(unsigned i)
{
	struct object o = live[i % n];

	check_object(&o, true);
	live[i % n] = live[n - 1];
	n--;
	return o;
}

/* All magnitudes: up to 64 KiB, beside powers of two, some frames. */
static size_t size_of(unsigned a, unsigned b)
{
	size_t size = (size_t)1 << (a & 15);

	if (a & 16 && a & 15)
		size = b & 1 || size < 32 ? size : size - 16 + (b >> 1) % 33;
	else if (a & 32)
		size = (b + 1) * (size_t)MM_FRAME_SIZE / 16;
	else
		size = size * (b + 256) >> 8;
	return size ? size : 1;
}

static struct request request_of(unsigned a, unsigned b)
{
	struct request r = { .n = 1, .size = size_of(a, b), .flags = a & 64 ? MM_ALLOC_ZERO : 0 };

	if (a & 128 && b & 1) {
		r.align = (size_t)1 << (b >> 1) % 17;
	} else if (a & 128) {
		r.array = true;
		r.n = (b >> 2) + 1;
		r.size = r.size / r.n + 1;
	}
	return r;
}

static enum mm_status ask(const struct request *r, void **p)
{
	if (r->array)
		return mm_kmalloc_array_st(&heap, r->n, r->size, r->flags, p);
	if (r->align)
		return mm_kmalloc_aligned_st(&heap, r->size, r->align, r->flags, p);
	return mm_kmalloc_st(&heap, r->size, r->flags, p);
}

static void got(const struct request *r, void *p, unsigned tag)
{
	bool zero = r->flags & MM_ALLOC_ZERO;

	MUST(!zero || contents_all(p, mm_ksize(&heap, p), 0));
	add((struct object){ .p = p, .asked = r->n * r->size, .align = r->align, .zero = zero }, tag);
}

static void op_alloc(unsigned a, unsigned b)
{
	struct request r = request_of(a, b);
	void *p = &r;
	enum mm_status st;

	if (n == LIVE)
		return;
	st = ask(&r, &p);
	MUST(st == MM_OK || (st == MM_E_NOMEM && p == &r));
	if (st == MM_OK)
		got(&r, p, a + b);
}

/* Each allocation inside the library that this one needs fails, once or from there on, until none does. */
static void op_alloc_failing(unsigned a, unsigned b)
{
	struct request r = request_of(a, b);

	for (unsigned nth = 1; n < LIVE; nth++) {
		void *p = &r;
		enum mm_status st;
		bool failed;

		sim_fail_at(nth, b & 1);
		st = ask(&r, &p);
		failed = sim_fail_calls() >= nth;
		sim_fail_at(0, false);
		MUST(st == MM_OK || (st == MM_E_NOMEM && p == &r));
		if (st == MM_OK)
			got(&r, p, a + nth);
		if (!failed)
			return;
	}
}

static void forget(const struct object *o)
{
	gone[ngone++ % GONE] = o->p;
}

static void op_free(unsigned a, unsigned b)
{
	struct object o;

	if (!n)
		return;
	o = drop(a);
	MUST(mm_kfree(&heap, o.p) == MM_OK);
	if (b & 1)
		MUST(mm_kfree(&heap, o.p) == MM_E_DOUBLE_FREE && mm_ksize(&heap, o.p) == 0);
	forget(&o);
}

/* The size that was asked for, after wrong ones. What stayed when it became smaller may be known as larger. */
static void op_free_sized(unsigned a, unsigned b)
{
	enum mm_status st;
	struct object o;
	size_t half;

	if (!n)
		return;
	o = live[a % n];
	half = (o.room - MM_OBJECT_REDZONE) / 2;
	MUST(mm_kfree_sized(&heap, o.p, o.room + b % 100 + 1, 0) == MM_E_ORDER);
	MUST(o.room < 128 || mm_kfree_sized(&heap, o.p, half - b % half, 0) == MM_E_ORDER);
	MUST(mm_kfree_sized(&heap, o.p, o.asked, 3) == MM_E_INVAL && mm_kfree_sized(&heap, o.p, 0, 0) == MM_E_INVAL);
	check_object(&o, false);
	drop(a);
	st = mm_kfree_sized(&heap, o.p, o.asked, o.align);
	if (st == MM_E_ORDER && o.kept && o.asked <= o.room / 2)
		st = mm_kfree(&heap, o.p);
	MUST(st == MM_OK && mm_kfree_sized(&heap, o.p, o.asked, o.align) == MM_E_DOUBLE_FREE);
	forget(&o);
}

/* What is kept is whole; what is added is zero if that was asked for each time. */
static void resized(struct object o, void *p, size_t size, bool zero, unsigned tag)
{
	size_t keep = written(&o) < size ? written(&o) : size;
	struct object now = { .p = p, .asked = size, .zero = zero && o.zero, .kept = p == o.p };

	MUST(contents_intact(p, keep, o.tag));
	now.room = mm_ksize(&heap, p);
	MUST(!now.kept || now.room == o.room);
	MUST(!now.zero || contents_all(now.p + keep, now.room - keep, 0));
	if (!now.kept)
		forget(&o);
	add(now, tag);
}

static void op_realloc(unsigned a, unsigned b)
{
	size_t size = size_of(a >> 2 ^ b, b * 5 + a);
	bool zero = a & 1;
	enum mm_status st;
	struct object o;
	void *p = &o;

	if (!n)
		return;
	o = live[a % n];
	st = mm_krealloc_st(&heap, o.p, size, zero ? MM_ALLOC_ZERO : 0, &p);
	if (st != MM_OK) {
		MUST(st == MM_E_NOMEM && size > o.room && p == &o);
		check_object(&o, true);
		return;
	}
	live[a % n] = live[n - 1];
	n--;
	resized(o, p, size, zero, a + b);
}

/* A pointer that is not to be freed, in any way. */
static void must_refuse(void *p, enum mm_status want, unsigned b)
{
	void *out = &out;

	MUST(mm_kfree(&heap, p) == want);
	MUST(mm_kfree_sized(&heap, p, size_of(b, b), 0) == want);
	MUST(mm_krealloc_st(&heap, p, size_of(b, b), b & 1 ? MM_ALLOC_ZERO : 0, &out) == want && out == &out);
	MUST(mm_ksize(&heap, p) == 0);
}

static void op_wrong_pointer(unsigned a, unsigned b)
{
	unsigned char *const owners[] = {
		page, page + MM_FRAME_SIZE, page + b, table, table + b, (void *)pmm.ranges, (void *)heap.cpus,
	};
	struct object o;

	must_refuse(owners[a % (sizeof(owners) / sizeof(owners[0]))], MM_E_OWNER, b);
	if (theirs[a & 1])
		must_refuse(theirs[a & 1], MM_E_OWNER, b);
	must_refuse(a & 1 ? (void *)&o : sim.host + sim.bytes + b, MM_E_FOREIGN, b);
	MUST(mm_kfree(&heap, NULL) == MM_OK && mm_kfree_sized(&heap, NULL, b + 1, 0) == MM_OK);
	MUST(mm_kfree(NULL, &o) == MM_E_INVAL);
	if (!n)
		return;
	o = live[a % n];
	MUST(mm_kfree(&beside, o.p) == MM_E_OWNER && mm_kfree_sized(&beside, o.p, o.asked, o.align) == MM_E_OWNER);
	if (o.room > 1) {
		must_refuse(o.p + 1 + (b * 257u + a) % (o.room - 1), MM_E_ALIGN, b);
		must_refuse(o.p + o.room - 1, MM_E_ALIGN, b);
	}
	check_object(&o, true);
}

/* What was freed is free, or others have it: it is no object that begins there, nor is it freed once more. */
static void op_stale(unsigned a, unsigned b)
{
	unsigned char *p = gone[a % GONE];
	enum mm_status st;

	for (unsigned i = 0; i < n; i++) {
		if (p == live[i].p)
			return;
		if (p > live[i].p && p < live[i].p + live[i].room) {
			must_refuse(p, MM_E_ALIGN, b);
			return;
		}
	}
	if (!p)
		return;
	st = mm_kfree(&heap, p);
	MUST(st == MM_E_DOUBLE_FREE || st == MM_E_ALIGN || st == MM_E_OWNER);
	must_refuse(p, st, b);
}

/* Somebody writes a byte too far. */
static void op_overflow(unsigned a, unsigned b)
{
	unsigned char *p, *at, was;

	if (!n || !(MM_HARDEN & MM_HARDEN_CANARY))
		return;
	p = live[a % n].p;
	at = p + live[a % n].room;
	was = *at;
	*at = b & 1 ? 0 : (unsigned char)(was ^ (b | 2)); /* no canary has a zero byte */
	MUST(mm_kfree(&heap, p) == MM_E_CORRUPT);
	MUST(mm_kfree_sized(&heap, p, live[a % n].asked, live[a % n].align) != MM_OK);
	*at = was;
	check_object(&live[a % n], true);
}

static void op_wrong_request(unsigned a, unsigned b)
{
	void *p = &p, *old = n ? live[a % n].p : NULL;
	size_t half = SIZE_MAX / 2 + 1;

	MUST(mm_kmalloc_st(&heap, 0, 0, &p) == MM_E_INVAL && mm_krealloc_st(&heap, old, 0, 0, &p) == MM_E_INVAL);
	MUST(mm_kmalloc_st(NULL, 8, 0, &p) == MM_E_INVAL && mm_kmalloc_st(&heap, 8, 0, NULL) == MM_E_INVAL);
	MUST(mm_kmalloc_st(&heap, b + 1, 1u << 20, &p) == MM_E_INVAL);
	MUST(mm_kmalloc_st(&heap, b + 1, MM_ALLOC_TABLE, &p) == MM_E_INVAL);
	MUST(mm_krealloc_st(&heap, old, b + 1, 1u << 20, &p) == MM_E_INVAL);
	MUST(mm_kmalloc_st(&heap, SIZE_MAX - a * 32 - b, 0, &p) == MM_E_OVERFLOW);
	MUST(mm_krealloc_st(&heap, old, SIZE_MAX - a * 32 - b, 0, &p) == MM_E_OVERFLOW);
	MUST(mm_kmalloc_st(&heap, half - a * b, 0, &p) == MM_E_NOMEM);
	MUST(mm_krealloc_st(&heap, old, half, 0, &p) == MM_E_NOMEM);
	MUST(mm_kmalloc_array_st(&heap, SIZE_MAX / (b + 2) + 1, b + 2, 0, &p) == MM_E_OVERFLOW);
	MUST(mm_kmalloc_array_st(&heap, a, 0, 0, &p) == MM_E_INVAL);
	MUST(mm_kmalloc_array_st(&heap, 0, a, 0, &p) == MM_E_INVAL);
	MUST(mm_kmalloc_aligned_st(&heap, b + 1, 0, 0, &p) == MM_E_INVAL);
	MUST(mm_kmalloc_aligned_st(&heap, b + 1, 2 * (size_t)a + 3, 0, &p) == MM_E_INVAL);
	MUST(mm_kmalloc_aligned_st(&heap, b + 1, half, 0, &p) == MM_E_NOMEM && p == &p);
}

static void op_give_back(unsigned a, unsigned b)
{
	size_t frames = 0;

	switch (a % 4) {
	case 0:
		MUST(mm_heap_drain(&heap) == MM_OK);
		break;
	case 1:
		MUST(mm_heap_shrink(&heap) == MM_OK);
		break;
	case 2:
		MUST(mm_heap_reap(&heap, &frames) == MM_OK);
		break;
	default:
		MUST(mm_heap_reclaim(&heap, b, &frames) == MM_OK);
		break;
	}
	MUST(frames <= RAM_FRAMES);
}

static void op(unsigned what, unsigned a, unsigned b)
{
	sim_cpu = what >> 7;
	if ((what >> 4 & 7) == 3) /* the nth allocation inside the library fails, or all from there on */
		sim_fail_at(a % 4 + 1, b & 8);
	switch (what % 16) {
	case 4:
		op_alloc_failing(a, b);
		break;
	case 5:
		op_wrong_pointer(a, b);
		break;
	case 6:
		op_stale(a, b);
		op_overflow(a, b);
		break;
	case 7:
		op_wrong_request(a, b);
		break;
	case 8:
	case 9:
	case 10:
		op_realloc(a, b);
		break;
	case 11:
		op_give_back(a, b);
		break;
	case 12: /* many at once, so that magazines and slabs turn over */
		for (unsigned i = 0; i < b % 32; i++)
			op_alloc(a, b + i);
		break;
	case 13:
		for (unsigned i = 0; i < b % 32; i++)
			op_free(a + i, 0);
		break;
	case 14:
		op_free_sized(a, b);
		break;
	case 15:
		op_free(a, b);
		break;
	default:
		op_alloc(a, b);
		break;
	}
	sim_fail_at(0, false);
}

/* What the heap counts is what is out; records of large blocks are objects of its own. */
static void check_counts(void)
{
	struct mm_heap_stats s;
	size_t large = 0, bytes = 0;

	for (unsigned i = 0; i < n; i++)
		if (live[i].room > MM_KMALLOC_MAX_CLASS) {
			large++;
			bytes += live[i].room + MM_OBJECT_REDZONE;
		}
	MUST(mm_heap_stats(&heap, &s) == MM_OK && s.large == large && s.large_bytes == bytes);
	MUST(s.used == n - large || (heap.notes && s.used >= n));
}

static void check_all(unsigned ops)
{
	bool whole = ops % WHOLE == 0;

	for (unsigned i = 0; i < n; i++)
		check_object(&live[i], whole);
	if (n)
		MUST(mm_ksize(&heap, live[ops % n].p) == live[ops % n].room);
	if (!whole)
		return;
	check_counts();
	MUST(mm_heap_verify(&heap) == MM_OK);
	MUST(ops % (2 * WHOLE) || mm_pmm_verify(&pmm) == MM_OK);
}

/* With memory of the other heap, tables from frames to slabs are there. */
static void start_beside(bool memory)
{
	theirs[0] = theirs[1] = NULL;
	MUST(mm_heap_init(&beside, &pmm, 2) == MM_OK);
	if (!memory)
		return;
	MUST(mm_kmalloc_st(&beside, 100, 0, &theirs[0]) == MM_OK);
	MUST(mm_kmalloc_st(&beside, 2 * MM_KMALLOC_MAX_CLASS, 0, &theirs[1]) == MM_OK);
}

static void start(unsigned how)
{
	static mm_paddr_t pa;

	n = ngone = 0;
	memset(gone, 0, sizeof(gone));
	MUST(mm_page_alloc(&pmm, 1, 0, &pa) == MM_OK);
	page = sim.host + (pa - sim.base);
	MUST(mm_page_alloc(&pmm, 0, MM_ALLOC_TABLE, &pa) == MM_OK);
	table = sim.host + (pa - sim.base);
	machine_start_heap(&heap, &pmm);
	if (how & 16)
		MUST(mm_heap_note_owners(&heap) == MM_OK);
	start_beside(how & 32);
}

static void end(void)
{
	while (n)
		op_free(0, 1);
	sim_cpu = 0;
	check_all(0);
	MUST(mm_kfree(&beside, theirs[0]) == MM_OK && mm_kfree(&beside, theirs[1]) == MM_OK);
	MUST(mm_heap_destroy(&beside) == MM_OK);
	MUST(mm_heap_shrink(&heap) == MM_OK && mm_heap_destroy(&heap) == MM_OK);
	MUST(mm_page_free(&pmm, sim.base + (mm_paddr_t)(page - sim.host), 1) == MM_OK);
	MUST(mm_page_free_table(&pmm, sim.base + (mm_paddr_t)(table - sim.host)) == MM_OK);
	MUST(mm_pmm_drain(&pmm) == MM_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *in, size_t bytes)
{
	uint64_t first;
	unsigned ops = 0;

	machine_start(&pmm, RAM_FRAMES, NULL);
	first = pmm_state_hash(&pmm);
	start(bytes ? in[0] : 0);
	for (; bytes >= 3; in += 3, bytes -= 3) {
		op(in[0], in[1], in[2]);
		check_all(++ops);
		operations_count();
	}
	end();
	MUST(pmm_state_hash(&pmm) == first);
	return 0;
}
