/* SPDX-License-Identifier: MIT */
/* What is asked of a heap, not of a cache: one heap, or several that are used as one; memory whose size changes; walks of
 * who holds what. */
#include "world_slab.h"
#include <mmlib/nmi.h>
#include <mmlib/owner.h>
#include <mmlib/site.h>
#include "world_pmm.h"

#define WHO  ((uintptr_t)0x77) /* owner of all that is walked */
#define SEED UINT64_C(0x243F6A8885A308D3)

static struct mm_heap *heap;
static const struct scenario *made_as;
static struct mm_heap_set *set; /* NULL: not in this scenario */
static uintptr_t places[2];     /* one of each heap of the set */

/* What walks told. */
static struct walked {
	uint64_t p[EX_SLOTS], bytes[EX_SLOTS];
	unsigned n;
} * walked;

/* A place of each heap. */
static void find_places(void)
{
	for (unsigned i = 0; i < 2; i++)
		for (places[i] = 1; mm_heap_set_site(set, places[i]) != &heap[i];)
			places[i]++;
}

struct mm_heap *heaps_make(const struct scenario *s, unsigned *n)
{
	made_as = s;
	walked = arena_alloc(sizeof(*walked), 64);
	*n = s->flags & SCN_SET ? 2 : 1;
	heap = arena_alloc(*n * sizeof(*heap), 4096);
	set = NULL;
	if (s->flags & SCN_SET) {
		set = arena_alloc(sizeof(*set), 64);
		world_must(mm_heap_set_init(set, heap, 2, ex_pmm, 2, SEED) == MM_OK, "set");
		find_places();
	} else {
		world_must(mm_heap_init(heap, ex_pmm, 2) == MM_OK, "heap");
	}
#if MM_HARDEN & MM_HARDEN_QUARANTINE
	for (unsigned i = 0; i < *n; i++)
		heap[i].held_most = s->flags & SCN_HOLD ? 4 : 0;
#endif
	for (unsigned i = 0; i < *n; i++)
		world_must(mm_heap_cpu_online(&heap[i], 1) == MM_OK, "online");
	return heap;
}

enum mm_status heaps_free(void *p)
{
	return set ? mm_kfree_set(set, p) : mm_kfree(heap, p);
}

enum mm_status heaps_free_nmi(void *p)
{
	return mm_kfree_nmi(set ? mm_heap_set_of(set, p) : heap, p);
}

bool heaps_is_used(void *p)
{
	return mm_ksize(set ? mm_heap_set_of(set, p) : heap, p) != 0;
}

void heaps_owned(void *p)
{
	if (made_as->flags & SCN_WALK)
		world_must(mm_heap_set_owner(heap, p, WHO) == MM_OK, "owner");
}

static bool is_resized(const unsigned char *p, unsigned slot)
{
	for (unsigned i = 0; i < 16; i++)
		if (p[i] != 0x40 + slot)
			return false;
	return true;
}

/* Memory gets another size. If it is freed at the same time, what it becomes is another slot's. */
static void run_resize(const struct op *op, struct record *r)
{
	struct slot *slot = world_live(op), was = *slot;
	bool race = op->kind == OP_RESIZE_RACE;
	struct op other = *op;
	void *p = NULL;

	if (slot->live)
		slab_check_filled(op->slot, slot);
	world_giving(r, slot);
	r->st = mm_krealloc_st(heap, (void *)(uintptr_t)was.first, (size_t)op->count, op->flags,
			       &p);
	if (r->st == MM_OK) {
		struct record part = *r;

		world_must(is_resized(p, op->slot), "what has another size has not what was in it");
		other.slot = race ? op->order : op->slot;
		part.op = &other;
		slab_got(&part, MM_OK, p, (size_t)op->count);
	} else if (!race) {
		*slot = was;
		slab_check_filled(op->slot, slot);
	}
}

/* All that somebody holds. */
static void run_walk(struct record *r)
{
	struct mm_leak_walk it = { 0 };
	struct mm_leak_object o;

	while (mm_leak_next(heap, &it, WHO, &o)) {
		world_must(walked->n < EX_SLOTS && o.owner == WHO,
			   "a walk has no end, or tells what is another's");
		walked->p[walked->n] = (uintptr_t)o.p;
		walked->bytes[walked->n++] = o.bytes;
	}
	r->st = MM_OK;
}

bool heaps_run(const struct op *op, struct record *r)
{
	void *p = NULL;

	switch (op->kind) {
	case OP_RESIZE:
	case OP_RESIZE_RACE:
		run_resize(op, r);
		return true;
	case OP_SITE:
		r->st = mm_kmalloc_site_st(set, (size_t)op->count, op->flags, places[op->order],
					   &p);
		slab_got(r, r->st, p, (size_t)op->count);
		return true;
	case OP_WALK:
		run_walk(r);
		return true;
	default:
		return false;
	}
}

/* Was memory of a slot held at some time of a call; and all the time? */
static bool held_in(const struct record *w, unsigned slot, bool all)
{
	const struct record *alloc = slab_record_of(slot, false),
			    *freed = slab_record_of(slot, true);

	if (!ex->slot[slot].initial && !alloc)
		return false;
	if (all)
		return (!alloc || alloc->end < w->start) && (!freed || freed->start > w->end);
	return (!alloc || alloc->start < w->end) && (!freed || freed->end > w->start);
}

static bool is_told(const struct slot *s, unsigned i)
{
	return walked->p[i] == s->first && walked->bytes[i] >= s->count &&
	       walked->bytes[i] <= 2 * s->count;
}

/* A walk tells what was held all the time, and nothing that was not at any time, nor anything more often than it was
 * allocated. */
static void check_walk(const struct record *w)
{
	for (unsigned slot = 0; slot < EX_SLOTS; slot++) {
		unsigned n = 0;

		for (unsigned i = 0; i < walked->n; i++)
			n += is_told(&ex->slot[slot], i);
		if (!n && held_in(w, slot, true))
			ex_violate("a walk does not tell of slot %u", slot);
	}
	for (unsigned i = 0; i < walked->n; i++) {
		unsigned told = 0, held = 0;

		for (unsigned k = 0; k < walked->n; k++)
			told += walked->p[k] == walked->p[i] &&
				walked->bytes[k] == walked->bytes[i];
		for (unsigned slot = 0; slot < EX_SLOTS; slot++)
			held += is_told(&ex->slot[slot], i) && held_in(w, slot, false);
		if (told > held)
			ex_violate("a walk tells %u times of %#llx, %llu bytes, which were held %u "
				   "times",
				   told, (unsigned long long)walked->p[i],
				   (unsigned long long)walked->bytes[i], held);
	}
}

void heaps_check(const struct record *r)
{
	if (r->op->kind == OP_WALK)
		check_walk(r);
}

enum mm_status heaps_destroy(void)
{
	return set ? mm_heap_set_destroy(set) : mm_heap_destroy(heap);
}
