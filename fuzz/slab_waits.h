/* SPDX-License-Identifier: MIT */
/* What a shadow heap knows of memory that waits for readers, and of per-CPU memory. Readers are those of a
 * clock: its time moves on each time it is asked, and they have left times up to `left`. A poll gives what waits
 * a time, so what was deferred before a poll has a time that the poll after it can let pass: all of it goes
 * then, and nothing of what came later. */
#ifndef SLAB_WAITS_H
#define SLAB_WAITS_H
#include <stdlib.h>
#include <string.h>
#include <mmlib/deferred.h>
#include <mmlib/percpu.h>
#include "../tests/contents.h"
#include "slab_machine.h"

#define WAITING      64u
#define PERCPU_LIVE  24u
#define PERCPU_BYTES ((size_t)MM_FRAME_SIZE)

struct object {
	unsigned char *p;
	size_t size; /* bytes that are filled */
	uint8_t tag;
	int8_t cache;    /* index, or -1: kmalloc */
	uintptr_t owner; /* its number; 0: nobody is noted */
	size_t asked;    /* what mm_kfree_sized() is told; 0: all that there is, and no alignment */
	size_t align;
};

#define ENDS 64u /* bytes at each end of a large object that are looked at each time */
#define FEW  2048u /* as many are no large one */

/* Is an object from byte `at` on as it was filled? All of it, or, if it is large, its ends. */
static bool object_intact(const struct object *o, size_t at, bool whole)
{
	size_t end = o->size > ENDS ? o->size - ENDS : 0;

	if (o->size <= at)
		return true;
	if (whole || o->size <= FEW)
		return contents_intact(o->p + at, o->size - at, (unsigned char)(o->tag + at * 7));
	return contents_intact(o->p + at, ENDS, (unsigned char)(o->tag + at * 7)) &&
	       contents_intact(o->p + end, ENDS, (unsigned char)(o->tag + end * 7));
}

static struct waits {
	struct mm_deferred d;
	struct object object[WAITING];
	unsigned n, timed; /* the first ones had their time given by a poll */
	uint64_t now, left, polled;
} waits;

static uint64_t waits_now(void *ctx)
{
	(void)ctx;
	return ++waits.now;
}

static bool waits_passed(void *ctx, uint64_t time)
{
	(void)ctx;
	return time <= waits.left;
}

static void waits_start(struct mm_heap *heap)
{
	static const struct mm_epoch_hooks hooks = { .now = waits_now, .passed = waits_passed };

	waits = (struct waits){ 0 };
	MUST(mm_deferred_init(&waits.d, heap, &hooks) == MM_OK);
}

/* What waits is as it was when it began to; a constructed object's first byte is its type's. */
static void waits_check(bool whole)
{
	for (unsigned i = 0; i < waits.n; i++)
		MUST(object_intact(&waits.object[i], 1, whole));
}

/* Nobody has memory that waits. */
static void waits_apart(const unsigned char *p, size_t size)
{
	for (unsigned i = 0; i < waits.n; i++)
		MUST(p + size <= waits.object[i].p || waits.object[i].p + waits.object[i].size <= p);
}

/* How many objects of a cache wait? */
static unsigned waits_of(int cache)
{
	unsigned n = 0;

	for (unsigned i = 0; i < waits.n; i++)
		n += waits.object[i].cache == cache;
	return n;
}

/* The memory waits from now on; false: there is no room to note it. It is neither freed nor deferred again. */
static bool waits_add(struct mm_heap *heap, const struct object *o)
{
	enum mm_status st = mm_kfree_deferred(&waits.d, o->p);

	MUST(st == MM_OK || st == MM_E_NOMEM);
	if (st != MM_OK)
		return false;
	waits.object[waits.n++] = *o;
	/* of large blocks those that are guarded are objects; what is near the largest class is the one or the other */
	enum mm_status again = mm_kfree(heap, o->p);
	MUST(again == MM_E_DOUBLE_FREE || (o->size > MM_KMALLOC_MAX_CLASS / 2 && again == MM_E_OWNER));
	MUST(mm_kfree_deferred(&waits.d, o->p) == again && mm_ksize(heap, o->p) == 0);
	return true;
}

/* Poll; with `pass`, readers have left what the last poll gave a time, with `all`, everything. What goes is
 * taken from counts of caches. */
static void waits_poll(bool pass, bool all, unsigned *count)
{
	unsigned gone = all ? waits.n : pass ? waits.timed : 0;

	if (pass)
		waits.left = waits.polled;
	if (all)
		waits.left = UINT64_MAX;
	MUST(mm_deferred_poll(&waits.d) == (gone == waits.n ? MM_OK : MM_E_AGAIN));
	waits.polled = waits.now;
	if (all)
		waits.left = waits.polled;
	for (unsigned i = 0; i < gone; i++)
		if (waits.object[i].cache >= 0)
			count[waits.object[i].cache]--;
	waits.n -= gone;
	memmove(waits.object, waits.object + gone, waits.n * sizeof(waits.object[0]));
	waits.timed = waits.n;
}

static void waits_end(void)
{
	size_t refused = 1;

	MUST(waits.n == 0 && mm_deferred_destroy(&waits.d, &refused) == MM_OK && refused == 0);
}

/* ---- per-CPU memory ---- */

static struct percpu_shadow {
	struct mm_percpu pc;
	struct {
		uint32_t offset;
		size_t size;
		uint8_t tag;
	} live[PERCPU_LIVE];
	unsigned n;
} percpu;

/* Each CPU's instance is as it was written. */
static void percpu_check(void)
{
	size_t used = 0;

	for (unsigned i = 0; i < percpu.n; i++) {
		used += (percpu.live[i].size + MM_PERCPU_GRAIN - 1) & ~(size_t)(MM_PERCPU_GRAIN - 1);
		for (uint32_t cpu = 0; cpu < 2; cpu++)
			MUST(contents_intact(mm_percpu_ptr(&percpu.pc, percpu.live[i].offset, cpu),
					     percpu.live[i].size, (unsigned char)(percpu.live[i].tag + cpu)));
	}
	MUST(!percpu.pc.pmm || mm_percpu_used(&percpu.pc) == used);
}

static void percpu_alloc(unsigned a, unsigned b)
{
	size_t size = a % 200 + 1, align = (size_t)1 << b % 8;
	uint32_t offset = 0;
	enum mm_status st;

	if (percpu.n == PERCPU_LIVE)
		return;
	st = mm_percpu_alloc(&percpu.pc, size, align, &offset);
	MUST(st == MM_OK || st == MM_E_NOMEM);
	if (st != MM_OK)
		return;
	MUST(offset % align == 0 && offset + size <= PERCPU_BYTES);
	for (uint32_t cpu = 0; cpu < 2; cpu++) {
		unsigned char *p = mm_percpu_ptr(&percpu.pc, offset, cpu);

		MUST(contents_all(p, size, 0));
		contents_fill(p, size, (unsigned char)(b + cpu));
	}
	percpu.live[percpu.n].offset = offset;
	percpu.live[percpu.n].size = size;
	percpu.live[percpu.n++].tag = (uint8_t)b;
}

static void percpu_free(unsigned a)
{
	uint32_t offset;

	if (!percpu.n)
		return;
	a %= percpu.n;
	offset = percpu.live[a].offset;
	MUST(mm_percpu_free(&percpu.pc, offset + 1) == MM_E_ALIGN);
	if (percpu.live[a].size > MM_PERCPU_GRAIN)
		MUST(mm_percpu_free(&percpu.pc, offset + MM_PERCPU_GRAIN) == MM_E_ALIGN);
	MUST(mm_percpu_free(&percpu.pc, (uint32_t)PERCPU_BYTES) == MM_E_FOREIGN);
	MUST(mm_percpu_free(&percpu.pc, offset) == MM_OK);
	MUST(mm_percpu_free(&percpu.pc, offset) == MM_E_DOUBLE_FREE);
	percpu.live[a] = percpu.live[--percpu.n];
}

/* Set up when it is first wanted, as far as there is memory; one of some operations. */
static void percpu_op(struct mm_pmm *pmm, unsigned a, unsigned b)
{
	if (!percpu.pc.pmm && mm_percpu_init(&percpu.pc, pmm, 2, PERCPU_BYTES) != MM_OK)
		return;
	if (b & 128)
		percpu_free(a);
	else
		percpu_alloc(a, b);
	MUST(mm_percpu_destroy(&percpu.pc) == (percpu.n ? MM_E_BUSY : MM_OK));
	percpu_check();
}

static void percpu_end(void)
{
	while (percpu.n)
		percpu_free(0);
	if (percpu.pc.pmm)
		MUST(mm_percpu_destroy(&percpu.pc) == MM_OK);
	percpu = (struct percpu_shadow){ 0 };
}
#endif
