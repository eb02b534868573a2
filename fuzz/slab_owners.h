/* SPDX-License-Identifier: MIT */
/* What a shadow heap knows of owners. An object whose owner is noted is whose code called; then it gets a number
 * of its own, so one that is told of another object, or of who had the memory before, is seen. */
#ifndef SLAB_OWNERS_H
#define SLAB_OWNERS_H
#include <mmlib/owner.h>
#include "slab_guards.h"
#include "slab_waits.h"

#define OWNERS_ROOM 128u
#define OWNERS_CODE ((uintptr_t)1 << 16) /* addresses of code are higher, numbers lower */

static uintptr_t owners_given;

/* An object was allocated; is its owner noted? */
static void owners_add(struct mm_heap *heap, struct object *o, bool noted)
{
	uintptr_t owner = 0;

	MUST(mm_heap_owner(heap, o->p, &owner) == (noted ? MM_OK : MM_E_NOTSUP));
	o->owner = 0;
	if (!noted)
		return;
	MUST(owner >= OWNERS_CODE);
	o->owner = owners_given = owners_given % (OWNERS_CODE - 1) + 1;
	MUST(mm_heap_set_owner(heap, o->p, o->owner) == MM_OK);
}

/* Memory of this object was made shorter or longer where it is: it is the same owner's. */
static void owners_keep(struct mm_heap *heap, const struct object *o)
{
	uintptr_t owner = 0;

	if (!o->owner)
		return;
	MUST(mm_heap_owner(heap, o->p, &owner) == MM_OK && owner == o->owner);
	MUST(mm_heap_set_owner(heap, o->p, OWNERS_CODE) == MM_OK);
}

/* A walk tells this object, and no other. */
static void owners_walk(struct mm_heap *heap, const struct object *o)
{
	struct mm_leak_walk it = { 0 };
	struct mm_leak_object out;

	MUST(mm_leak_next(heap, &it, o->owner, &out));
	MUST(out.p == o->p && out.owner == o->owner && out.bytes >= o->size);
	MUST(!out.cache == (o->size > MM_KMALLOC_MAX_CLASS));
	MUST(!mm_leak_next(heap, &it, o->owner, &out));
}

/* Large blocks that wait for readers, and are still told, unless they are guarded. */
static size_t owners_waiting(void)
{
	size_t large = 0;

	for (unsigned i = 0; i < waits.n; i++)
		large += waits.object[i].owner && waits.object[i].size > MM_KMALLOC_MAX_CLASS && !guards_has(waits.object[i].p);
	return large;
}

/* Every object's owner, asked for and in the report; and of one of them, a walk. */
static void owners_check(struct mm_heap *heap, const struct object *live, unsigned n, unsigned which)
{
	static struct mm_leak list[OWNERS_ROOM];
	size_t told, numbers = 0, noted = owners_waiting();
	struct mm_leak rest;
	uintptr_t owner = 0;

	for (unsigned i = 0; i < n; i++) {
		noted += live[i].owner != 0;
		if (live[i].owner)
			MUST(mm_heap_owner(heap, live[i].p, &owner) == MM_OK && owner == live[i].owner);
	}
	MUST(mm_heap_leaks(heap, list, OWNERS_ROOM, &told, &rest) == MM_OK && rest.objects == 0);
	for (size_t i = 0; i < told; i++) {
		MUST(list[i].owner < OWNERS_CODE);
		MUST(list[i].owner == 0 || list[i].objects == 1); /* 0: mmlib, as for records of large blocks */
		numbers += list[i].owner != 0;
	}
	MUST(numbers == noted);
	if (n && live[which % n].owner)
		owners_walk(heap, &live[which % n]);
}
#endif
