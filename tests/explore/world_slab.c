/* SPDX-License-Identifier: MIT */
/* The heap. One cache whose slabs hold two objects and whose magazines hold two, so that every edge is
 * near. */
#include "explore.h"
#include "hook.h"
#include "world_slab.h"
#include <mmlib/bulk.h>
#include <mmlib/deferred.h>
#include <mmlib/guard.h>
#include <mmlib/nmi.h>
#include <mmlib/owner.h>
#include <mmlib/percpu.h>
#include <mmlib/reserve.h>
#include "slab/guard.h"
#include "world_pmm.h"
#include <stdlib.h>
#include <string.h>

#define OBJECT  (2048 - MM_OBJECT_REDZONE)
#define HANDLES 2u

static struct mm_heap *heap; /* the first of two, if they are a set */
static unsigned nheaps;
static struct mm_cache *cache;
static const struct scenario *made_as;
static const void *had[2]; /* what the other CPU has at hand of the cache at first */
static struct mm_cache_stats first_stats;

static struct mm_prefill *handles;
static struct mm_mempool *pool; /* NULL: not in this scenario */
static struct mm_deferred *deferred;
static struct mm_percpu *percpu; /* NULL: not in this scenario */

static void run(const struct op *op, struct record *r);

/* A time has passed when all readers that began before it was told have left. */
static uint64_t now(void *ctx)
{
	(void)ctx;
	return ++ex->clock;
}

static bool passed(void *ctx, uint64_t time)
{
	(void)ctx;
	for (unsigned i = 0; i < EX_CPUS; i++)
		if (ex->reads[i] && ex->reads[i] <= time)
			return false;
	return true;
}

static void setup_reserve(void)
{
	static const struct mm_epoch_hooks hooks = { .now = now, .passed = passed };
	void **places = arena_alloc(sizeof(void *), sizeof(void *));

	pool = arena_alloc(sizeof(*pool), 64);
	deferred = arena_alloc(sizeof(*deferred), 64);
	world_must(mm_mempool_init(pool, cache, places, 1, 0) == MM_OK, "reserve");
	world_must(mm_deferred_init(deferred, heap, &hooks) == MM_OK, "deferred frees");
}

static void hear(void *ctx, const struct mm_guard_report *report)
{
	(void)ctx;
	(void)report;
}

/* A pool of two slots, without an MMU. */
static void setup_guard(void)
{
	static const struct mm_guard_hooks hooks = { .report = hear };
	struct mm_guard_cfg cfg = { .bytes = 3 * (size_t)MM_FRAME_SIZE,
				    .hooks = &hooks,
				    .kmalloc = made_as->flags & (SCN_WALK | SCN_GUARD_ALL) };

	cfg.base = arena_alloc(cfg.bytes, (size_t)MM_FRAME_SIZE);
	world_must(mm_guard_init(heap, &cfg) == MM_OK, "guarded objects");
}

/* Slabs of two objects, and magazines of so many. */
static void make_small(struct mm_cache *of, uint8_t capacity)
{
	for (struct mm_cache *part = of; part; part = cache_next_part(part)) {
		part->order = 0;
		part->nobjects = 2;
		part->span = 2 * part->size;
		part->capacity = capacity;
		part->depot_max = part->depot_least = part->depot_most = MAGAZINES_HELD + 1;
	}
}

/* The host admits as much as the quota does: more is never asked for, unless there is no quota. */
static bool charge(void *ctx, size_t bytes)
{
	(void)ctx;
	if (made_as->flags & SCN_DENY && ex->charged)
		return false;
	ex->charged += bytes;
	world_must(ex->charged <= MM_FRAME_SIZE, "a cache has more slabs than its quota allows");
	return true;
}

static void uncharge(void *ctx, size_t bytes)
{
	(void)ctx;
	world_must(ex->charged >= bytes, "a slab goes that was not charged");
	ex->charged -= bytes;
}

static void make_cache(const struct scenario *s)
{
	static const struct mm_cache_hooks hooks = { .charge = charge, .uncharge = uncharge };
	const struct mm_cache_cfg cfg = { .name = "two",
					  .size = OBJECT,
					  .flags = (s->flags & SCN_GUARD ? MM_CACHE_GUARD : 0) |
						   (s->flags & SCN_OWNERS ? MM_CACHE_OWNERS : 0),
					  .hooks = s->flags & (SCN_QUOTA | SCN_DENY) ? &hooks : NULL };

	world_must(mm_cache_create(heap, &cfg, &cache) == MM_OK, "cache");
	make_small(cache, s->flags & (SCN_DENY | SCN_ROOM) ? 1 : 2);
	if (s->flags & SCN_QUOTA)
		cache->quota = 1;
	if (s->flags & SCN_OWNERS)
		cache->descriptor = ((uint32_t)MM_FRAME_SIZE - SLAB_FIRST) / 2 / SLAB_LINE * SLAB_LINE;
}

/* Unmake it, or make it anew if that was done. */
static void run_make(const struct op *op, struct record *r)
{
	r->st = MM_OK;
	if (op->kind == OP_UNMAKE)
		r->st = mm_cache_destroy(cache);
	else if (!cache->heap)
		make_cache(made_as);
	if (r->st != MM_OK && r->st != MM_E_AGAIN)
		ex_violate("a cache without an object is not unmade: status %d", (int)r->st);
}

/* What a CPU has at hand of the cache. */
static void note_had(const struct mm_heap_cpu *cpu)
{
	const struct mm_slot *top = cpu->top[cache->id];

	for (unsigned i = 0; i < 2; i++) {
		had[i] = top[-1].p;
		top -= had[i] != NULL;
	}
}

static void setup(const struct scenario *s)
{
	world_pmm_make(s, s->flags & (SCN_HANDS | SCN_NODES) ? 2 : 0);
	heap = heaps_make(s, &nheaps);
	world_must(!(s->flags & SCN_NOTES) || mm_heap_note_owners(&heap[nheaps - 1]) == MM_OK,
		   "owners");
	made_as = s;
	make_cache(s);
	handles = arena_alloc(HANDLES * sizeof(*handles), 64);
	for (unsigned i = 0; i < nheaps && s->flags & SCN_TWO; i++)
		make_small(&heap[i].caches[mm_object_class_of(heap, 64)], 2);
	pool = NULL;
	percpu = NULL;
	if (s->flags & SCN_PERCPU) {
		percpu = arena_alloc(sizeof(*percpu), 64);
		world_must(mm_percpu_init(percpu, ex_pmm, 2, MM_FRAME_SIZE) == MM_OK, "per-CPU memory");
	}
	if (s->flags & SCN_RESERVE)
		setup_reserve();
	if (s->flags & SCN_GUARD)
		setup_guard();
	world_pre(s, run);
	note_had(&heap->cpus[1]);
	if (s->flags & (SCN_QUOTA | SCN_DENY)) /* who counts brings home what NMIs freed */
		world_must(mm_cache_stats(cache, &first_stats) == MM_OK, "stats");
}

/* Objects are filled, so that memory given twice, or used by the heap itself, shows. */
static void fill(const struct slot *slot, unsigned byte)
{
	memset((void *)(uintptr_t)slot->first, (int)byte, 16);
	memset((void *)(uintptr_t)(slot->first + slot->count - 16), (int)byte, 16);
}

static bool is_filled(const struct slot *slot, unsigned byte)
{
	const unsigned char *p = (const void *)(uintptr_t)slot->first;

	for (unsigned i = 0; i < 16; i++)
		if (p[i] != byte || p[slot->count - 1 - i] != byte)
			return false;
	return true;
}

static void check_filled(const struct slot *slot, unsigned byte)
{
	if (!is_filled(slot, byte))
		ex_violate("somebody wrote into an object that is in use");
}

/* Others may unlink the object and defer its free meanwhile: it stays as it is. */
static void run_read(const struct op *op, struct record *r)
{
	struct slot seen;

	ex->reads[r->cpu] = ex->clock + 1;
	mm_hook_step();
	seen = ex->slot[op->slot];
	mm_hook_step();
	if (seen.live)
		check_filled(&seen, 0x40 + op->slot);
	ex->reads[r->cpu] = 0;
	r->st = MM_OK;
}

static void got(struct record *r, enum mm_status st, void *p, size_t bytes)
{
	r->st = st;
	if (st != MM_OK)
		return;
	world_got(r, (uint64_t)(uintptr_t)p, bytes, 0);
	fill(&ex->slot[r->op->slot], 0x40 + r->op->slot);
	heaps_owned(p);
}

void slab_got(struct record *r, enum mm_status st, void *p, size_t bytes)
{
	got(r, st, p, bytes);
}

void slab_check_filled(unsigned slot, const struct slot *s)
{
	check_filled(s, 0x40 + slot);
}

/* Write beside an object, or mend that. */
static void spoil(const struct slot *slot)
{
	((unsigned char *)(uintptr_t)slot->first)[slot->count] ^= 1;
}

/* Free several objects, in slots side by side. If that fails all are there, but for what others freed. */
static void run_unbulk(const struct op *op, struct record *r)
{
	void *p[EX_SLOTS];
	unsigned n = (unsigned)op->count;

	for (unsigned i = 0; i < n; i++) {
		struct slot *slot = &ex->slot[op->slot + i];

		if (slot->live)
			check_filled(slot, 0x40 + op->slot + i);
		world_giving(r, slot);
		p[i] = (void *)(uintptr_t)slot->first;
	}
	r->st = mm_cache_free_bulk(cache, p, n);
	if (r->st != MM_OK && !(op->kind == OP_UNBULK_RACE && r->st == MM_E_DOUBLE_FREE))
		ex_violate("a free of %u objects fails with status %d", n, (int)r->st);
	for (unsigned i = 0; i + 1 < n && r->st != MM_OK; i++) {
		ex->slot[op->slot + i].live = true;
		check_filled(&ex->slot[op->slot + i], 0x40 + op->slot + i);
	}
}

static void run_bulk(const struct op *op, struct record *r)
{
	void *p[EX_SLOTS];

	r->st = mm_cache_alloc_bulk(cache, op->flags, p, (size_t)op->count);
	for (unsigned i = 0; i < op->count && r->st == MM_OK; i++) {
		struct op one = *op;
		struct record part = *r;

		one.slot = op->slot + i;
		part.op = &one;
		got(&part, MM_OK, p[i], OBJECT);
	}
}

/* Objects wait in a handle; one comes out; the others go back. */
static void run_handle(const struct op *op, struct record *r)
{
	struct mm_prefill *h = &handles[op->order];
	uint32_t had = h->n;
	void *p;

	r->st = MM_OK;
	if (op->kind == OP_PREFILL) {
		r->st = mm_prefill_fill(h, cache, (uint32_t)op->count, op->flags);
		world_must(h->n == (r->st == MM_OK ? op->count : had), "a handle has not what was asked for");
	} else if (op->kind == OP_HANDED) {
		p = mm_prefill_alloc(h);
		world_must(p != NULL, "a handle that was filled has nothing");
		got(r, MM_OK, p, OBJECT);
	} else {
		mm_prefill_return(h);
	}
}

static enum mm_status leave(const struct op *op, void *p)
{
	return op_is_nmi(op) ? mm_mempool_free_nmi(pool, p) : mm_mempool_free(pool, p);
}

/* A reserve comes and goes. */
static void run_pool(const struct op *op, struct record *r)
{
	struct mm_mempool mine = { 0 };
	void *room[EX_SLOTS];

	r->st = mm_mempool_init(&mine, cache, room, (uint32_t)op->count, op->flags);
	if (r->st == MM_OK)
		world_must(mm_mempool_destroy(&mine) == MM_OK, "a reserve does not go");
}

/* Who holds what: how many objects. */
static void run_leaks(struct record *r)
{
	struct mm_leak list[2], rest;
	size_t n;

	r->st = mm_heap_leaks(heap, list, 2, &n, &rest);
	world_must(r->st == MM_OK && n <= 2, "leaks");
	r->count = rest.objects;
	while (n-- > 0)
		r->count += list[n].objects;
}

/* Per-CPU memory; that of CPU 0 stands for all. */
static void run_percpu(const struct op *op, struct record *r)
{
	struct slot *slot = world_live(op);
	uint32_t offset = 0;

	if (op->kind == OP_PERCPU) {
		r->st = mm_percpu_alloc(percpu, (size_t)op->count, 0, &offset);
		got(r, r->st, mm_percpu_ptr(percpu, offset, 0), (size_t)op->count);
		return;
	}
	check_filled(slot, 0x40 + op->slot);
	world_giving(r, slot);
	offset = (uint32_t)(slot->first - (uintptr_t)mm_percpu_ptr(percpu, 0, 0));
	r->st = mm_percpu_free(percpu, offset);
	if (r->st != MM_OK)
		ex_violate("free of slot %u fails with status %d", op->slot, (int)r->st);
}

static bool is_race(const struct op *op)
{
	return op->kind == OP_FREE_RACE || op->kind == OP_NMI_RACE || op->kind == OP_LEAVE_RACE || op->kind == OP_DEFER_RACE ||
	       op->kind == OP_UNBULK_RACE || op->kind == OP_RESIZE_RACE;
}

/* May a free be refused so? What is freed while it moves may be pages, too, of what it moves to. */
static bool is_refusal(const struct op *op, enum mm_status st)
{
	return is_race(op) && (st == MM_E_DOUBLE_FREE || (st == MM_E_OWNER && op->kind == OP_RESIZE_RACE));
}

static void run(const struct op *op, struct record *r)
{
	struct slot *slot = world_live(op);
	struct mm_guard_report report;
	size_t frames = 0;
	void *p = NULL;

	if (heaps_run(op, r)) {
		if (r->st != MM_OK && is_race(op) && !is_refusal(op, r->st))
			ex_violate("another size of slot %u fails with status %d", op->slot,
				   (int)r->st);
		return;
	}
	switch (op->kind) {
	case OP_ALLOC:
		r->st = mm_cache_alloc_st(cache, op->flags, &p);
		got(r, r->st, p, OBJECT);
		break;
	case OP_KMALLOC:
		r->st = mm_kmalloc_st(heap, (size_t)op->count, op->flags, &p);
		got(r, r->st, p, (size_t)op->count);
		break;
	case OP_FREE:
	case OP_KFREE:
	case OP_FREE_RACE:
	case OP_NMI_FREE:
	case OP_NMI_RACE:
	case OP_LEAVE_RACE:
	case OP_DEFER_RACE:
		if (slot->live)
			check_filled(slot, 0x40 + op->slot);
		world_giving(r, slot);
		p = (void *)(uintptr_t)slot->first;
		r->st = op->kind == OP_LEAVE_RACE	      ? leave(op, p) :
			op->kind == OP_DEFER_RACE	      ? mm_kfree_deferred(deferred, p) :
			op_is_nmi(op)			      ? heaps_free_nmi(p) :
			op->kind == OP_KFREE || op->count ? heaps_free(p) :
							    mm_cache_free(cache, p);
		if (r->st != MM_OK && !is_refusal(op, r->st))
			ex_violate("free of slot %u fails with status %d", op->slot, (int)r->st);
		break;
	case OP_FREE_ROBBED:
		r->shut = is_filled(slot, 0x40 + op->slot);
		world_giving(r, slot);
		p = (void *)(uintptr_t)slot->first;
		r->st = op->count ? heaps_free(p) : mm_cache_free(cache, p);
		break;
	case OP_STALE:
		r->first = slot->first;
		p = (void *)(uintptr_t)slot->first;
		r->st = op_is_nmi(op) ? heaps_free_nmi(p) :
			op->count     ? mm_kfree_deferred(deferred, p) :
					heaps_free(p);
		break;
	case OP_TAKE:
		p = mm_mempool_take(pool);
		got(r, p ? MM_OK : MM_E_NOMEM, p, OBJECT);
		break;
	case OP_LEAVE:
	case OP_DEFER:
		check_filled(slot, 0x40 + op->slot);
		world_giving(r, slot);
		p = (void *)(uintptr_t)slot->first;
		r->st = op->kind == OP_LEAVE ? leave(op, p) : mm_kfree_deferred(deferred, p);
		if (r->st != MM_OK)
			ex_violate("free of slot %u fails with status %d", op->slot, (int)r->st);
		break;
	case OP_BULK:
		run_bulk(op, r);
		break;
	case OP_PREFILL:
	case OP_HANDED:
	case OP_HAND_BACK:
		run_handle(op, r);
		break;
	case OP_POOL:
		run_pool(op, r);
		break;
	case OP_UNBULK:
	case OP_UNBULK_RACE:
		run_unbulk(op, r);
		break;
	case OP_PERCPU:
	case OP_UNPERCPU:
		run_percpu(op, r);
		break;
	case OP_POLL:
		r->st = mm_deferred_poll(deferred);
		break;
	case OP_READ:
		run_read(op, r);
		break;
	case OP_REAP:
		r->st = mm_heap_reap(heap, NULL);
		break;
	case OP_LEAKS:
		run_leaks(r);
		break;
	case OP_RECLAIM:
		r->st = mm_heap_reclaim(heap, (size_t)op->count, &frames);
		world_must(frames <= made_as->frames, "more frames go back than there are");
		break;
	case OP_SHRINK:
		r->st = mm_heap_shrink(heap);
		break;
	case OP_DRAIN:
		r->st = mm_heap_drain(heap);
		break;
	case OP_IDLE:
		for (unsigned i = 0; i < nheaps; i++)
			mm_heap_cpu_idle(&heap[i]);
		break;
	case OP_CHECK:
		r->st = mm_guard_check(heap, &report);
		if (r->st != MM_OK)
			ex_violate("a pattern is not whole: status %d", (int)r->st);
		break;
	case OP_SPOIL:
		spoil(slot);
		r->st = MM_OK;
		break;
	case OP_UNDO:
		world_giving(r, slot);
		p = (void *)(uintptr_t)slot->first;
		r->st = guard_pool(heap, p) ? MM_OK : heaps_free(p); /* which no slot was left for */
		if (guard_pool(heap, p))
			object_undone(heap, p, MM_E_CORRUPT);
		break;
	case OP_UNMAKE:
	case OP_MAKE:
		run_make(op, r);
		break;
	case OP_OFFLINE:
		r->st = mm_heap_cpu_offline(heap, r->cpu);
		break;
	default:
		abort();
	}
}

const struct record *slab_record_of(unsigned slot, bool freed)
{
	for (unsigned i = 0; i < ex->nrecords; i++) {
		const struct record *r = &ex->record[i];

		if (r->op->slot == slot && r->st == MM_OK &&
		    (freed ? r->op->kind == OP_FREE || r->op->kind == OP_KFREE || r->op->kind == OP_NMI_FREE :
			     r->op->kind == OP_ALLOC || r->op->kind == OP_KMALLOC || r->op->kind == OP_SITE))
			return r;
	}
	return NULL;
}

/* A report tells all that was held while it was made, and nothing that was not at any time of it. */
static void check_leaks(const struct record *r)
{
	unsigned least = 0, most = 0;

	for (unsigned slot = 0; slot < EX_SLOTS; slot++) {
		const struct record *alloc = slab_record_of(slot, false),
				    *freed = slab_record_of(slot, true);
		bool was = ex->slot[slot].initial || (alloc && alloc->end < r->start);
		bool came = ex->slot[slot].initial || (alloc && alloc->start < r->end);

		least += was && (!freed || freed->start > r->end);
		most += came && (!freed || freed->end > r->start);
	}
	if (r->count < least || r->count > most)
		ex_violate("a report tells of %u objects, not of %u to %u", (unsigned)r->count, least, most);
}

/* Nobody got anything, nor freed it: there was nothing to get, and there is no change. */
static void check_denied(void)
{
	struct mm_cache_stats now;

	world_must(first_stats.slabs != 0, "nobody gets the slab that is allowed");
	world_must(mm_cache_stats(cache, &now) == MM_OK && memcmp(&now, &first_stats, sizeof(now)) == 0,
		   "what fails has changed what is counted");
}

static void check_history(const struct scenario *s)
{
	unsigned races = 0, believed = 0, got = 0, others = 0;

	for (unsigned i = 0; i < ex->nrecords; i++) {
		const struct record *r = &ex->record[i];
		bool allocates = r->op->kind == OP_ALLOC || r->op->kind == OP_KMALLOC || r->op->kind == OP_BULK ||
				 r->op->kind == OP_PERCPU || r->op->kind == OP_PREFILL || r->op->kind == OP_POOL ||
				 r->op->kind == OP_RESIZE || r->op->kind == OP_SITE;

		if (allocates && r->st != MM_OK && s->flags & SCN_AMPLE)
			ex_violate("record %u fails with status %d although there is memory enough",
				   i, (int)r->st);
		got += allocates && r->st == MM_OK;
		others += !allocates;
		if (allocates && s->flags & (SCN_QUOTA | SCN_DENY) && r->st == MM_E_NOSPC && !(s->flags & SCN_ROOM))
			continue;
		if (allocates && r->st != MM_OK && r->st != MM_E_NOMEM && r->st != MM_E_AGAIN)
			ex_violate("record %u ends with status %d", i, (int)r->st);
		if (r->op->kind == OP_LEAKS)
			check_leaks(r);
		heaps_check(r);
		races += is_race(r->op);
		believed += is_race(r->op) && r->st == MM_OK;
	}
	if (s->flags & (SCN_QUOTA | SCN_DENY) && !got && !others)
		check_denied();
	if (races && believed != 1)
		ex_violate("of %u racing frees, %u were believed", races, believed);
}

/* Nothing has followed a shrink that says that CPUs have given all back: have they? */
static void check_shrunk(void)
{
	for (unsigned i = 0; i < ex->nrecords; i++)
		world_must(ex->record[i].op->kind != OP_SHRINK || ex->record[i].st != MM_OK || !heap->nmagazine_pages,
			   "a heap is shrunk, and a CPU has magazines");
}

/* A CPU that went offline has nothing at hand, and takes nothing more. */
static void check_offline(void)
{
	for (uint32_t i = 0; i < heap->ncpus; i++) {
		const struct mm_heap_cpu *cpu = &heap->cpus[i];

		for (uint32_t id = 0; id < MM_CACHES_MAX && !cpu->online; id++)
			world_must(cpu->top[id] == magazine_none() && cpu->spare[id] == magazine_none() && !cpu->blank,
				   "a CPU has magazines, and is offline");
	}
}

/* Did somebody have it for a while who takes another one then, and tells nobody? */
static bool is_replaced(const struct record *late)
{
	for (unsigned i = 0; i < ex->nrecords; i++) {
		const struct record *r = &ex->record[i];

		bool takes = r->op->kind == OP_PREFILL || r->op->kind == OP_POOL || r->op->kind == OP_KMALLOC ||
			     r->op->kind == OP_DEFER;

		if (takes && r->start < late->end && late->start < r->end)
			return true;
	}
	return false;
}

/* How many were told that what was freed too late is not theirs any more, or have it still? */
static unsigned count_robbed(const struct record *late)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ex->nrecords; i++) {
		const struct record *r = &ex->record[i];

		n += r->op->kind == OP_FREE_ROBBED && r->first == late->first && r->st != MM_OK;
		n += r->op->kind == OP_UNDO && r->first == late->first && late->start < r->end;
		n += (r->op->kind == OP_BULK || r->op->kind == OP_RESIZE_RACE) &&
		     r->st != MM_OK; /* it had some for a while */
	}
	for (unsigned k = 0; k < EX_SLOTS && !n; k++)
		if (ex->slot[k].live && ex->slot[k].first == late->first &&
		    !heaps_is_used((void *)(uintptr_t)late->first)) {
			ex->slot[k].live = false;
			n++;
		}
	return n ? n : is_replaced(late);
}

/* Who lost an object may have written to it when it was free already. Nobody has it since: that write is taken back, for
 * all other free memory is as it must be. */
static void take_back(uint64_t first)
{
	struct mm_slab *slab;
	uint32_t i;

	for (unsigned k = 0; k < EX_SLOTS; k++)
		if (ex->slot[k].live && ex->slot[k].first == first)
			return;
	/* guarded objects are in no table */
	if (mm_object_slab(heap, (void *)(uintptr_t)first, &slab) && slab->heap &&
	    mm_object_index(slab, (void *)(uintptr_t)first, &i) && slab->states[i] == MM_OBJECT_IDLE)
		harden_clear(slab->cache, (void *)(uintptr_t)first);
}

/* A free that came too late was believed: then who had the object has lost it. Nobody else has. */
static void forget_stolen(void)
{
	unsigned believed = 0, refused = 0;

	for (unsigned i = 0; i < ex->nrecords; i++) {
		const struct record *r = &ex->record[i];

		if (r->op->kind == OP_FREE_ROBBED && r->st == MM_OK)
			world_must(r->shut, "somebody wrote into an object that is in use");
		else if (r->op->kind == OP_FREE_ROBBED)
			refused++;
		if (r->op->kind != OP_STALE || r->st != MM_OK)
			continue;
		believed++;
		world_must(count_robbed(r) == 1, "a free of what nobody has was believed");
		take_back(r->first);
	}
	world_must(refused <= believed, "a free is refused, and no other was believed");
}

/* Are all objects of a magazine of this cache? */
static void check_magazine(const struct mm_cache *c, const struct mm_slot *top)
{
	for (; top[-1].p; top--) {
		struct mm_slab *slab;

		world_must(slab_find(heap, top[-1].p, &slab) == MM_OK && slab->cache == c,
			   "a magazine has another cache's object");
	}
}

static void check_magazines(void)
{
	uint32_t it = 0;

	for (struct mm_cache *c; (c = mm_cache_next(heap, &it)) != NULL;) {
		for (uint32_t i = 0; i < heap->ncpus; i++) {
			check_magazine(c, heap->cpus[i].top[c->id]);
			check_magazine(c, heap->cpus[i].spare[c->id]);
		}
		for (struct mm_slot *m = c->full; m; m = MAGAZINES_HELD ? NULL : m->p)
			check_magazine(c, m + MM_MAGAZINE_SLOTS);
	}
}

/* Slabs that who brings home what NMIs freed is led to are there. */
static void check_returned(void)
{
	for (struct mm_slab *slab = heap->returned, *found; slab && slab != slab_none(); slab = slab->returned)
		world_must(slab_find(heap, slab->base, &found) == MM_OK && found == slab,
			   "a slab is gone that somebody will look at");
}

/* What the reserve has, after all that waits is free. */
static size_t finish_reserve(void)
{
	size_t refused = 1;

	if (!pool)
		return 0;
	world_must(mm_deferred_poll(deferred) == MM_OK, "poll at the end");
	world_must(mm_deferred_destroy(deferred, &refused) == MM_OK && refused == 0, "deferred frees at the end");
	return pool->places[0] != NULL;
}

/* Has the other CPU brought home what it had, or is it still asked to? */
static void check_asked(void)
{
	const struct mm_heap_cpu *cpu = &heap->cpus[1];
	bool holds = false;

	for (uint32_t id = 0; id < MM_CACHES_MAX; id++)
		holds = holds || cpu->top[id] != magazine_none() || cpu->spare[id] != magazine_none();
	world_must(!holds || cpu->drain == DRAIN_ALL, "a CPU has forgotten that it was asked for what it has");
}

/* Has it brought home what it had at first, or is it still asked to? What is freed after its answer may stay. */
static void check_first(void)
{
	const struct mm_heap_cpu *cpu = &heap->cpus[1];
	bool holds = false;

	for (const struct mm_slot *top = cpu->top[cache->id]; top[-1].p; top--)
		holds = holds || top[-1].p == had[0] || top[-1].p == had[1];
	for (const struct mm_slot *top = cpu->spare[cache->id]; top[-1].p; top--)
		holds = holds || top[-1].p == had[0] || top[-1].p == had[1];
	world_must(!holds || cpu->drain == DRAIN_ALL, "a CPU has what it was asked for, and has forgotten it");
}

/* What waits in handles goes back. */
static void return_handles(void)
{
	for (unsigned i = 0; i < HANDLES; i++)
		mm_prefill_return(&handles[i]);
}

/* All per-CPU memory is free. */
static void finish_percpu(void)
{
	for (unsigned i = 0; i < EX_SLOTS; i++) {
		struct slot *slot = &ex->slot[i];

		if (!slot->live)
			continue;
		check_filled(slot, 0x40 + i);
		world_must(mm_percpu_free(percpu, (uint32_t)(slot->first - (uintptr_t)mm_percpu_ptr(percpu, 0, 0))) ==
				   MM_OK,
			   "free of what is left");
		slot->live = false;
	}
	world_must(mm_percpu_used(percpu) == 0 && mm_percpu_destroy(percpu) == MM_OK, "per-CPU memory at the end");
}

/* What is used of a heap, mmlib's own objects included. */
static size_t count_used(struct mm_heap *h)
{
	struct mm_heap_stats stats;

	world_must(mm_heap_verify(h) == MM_OK, "verify at the end");
	world_must(mm_heap_stats(h, &stats) == MM_OK, "stats");
	return stats.used + (h->notes ? 0 : stats.large); /* with notes each has a record, which is an object */
}

static bool was_spoilt(const struct scenario *s, unsigned slot)
{
	for (unsigned i = 0; i < sizeof(s->pre) / sizeof(s->pre[0]); i++)
		if (s->pre[i].kind == OP_SPOIL && s->pre[i].slot == slot)
			return true;
	return false;
}

static void finish(const struct scenario *s)
{
	struct mm_guard_report report;
	size_t used, reserve;

	check_history(s);
	forget_stolen();
	check_returned();
	check_magazines();
	check_offline();
	if (s->flags & SCN_ASKED)
		check_asked();
	world_must(!(s->flags & SCN_HELD) || cache->nfull + 1 > MAGAZINES_HELD,
		   "quarantine ended, and there is memory");
	if (s->flags & SCN_FIRST)
		check_first();
	if (s->flags & SCN_SHRUNK)
		check_shrunk();
	world_must(!(s->flags & (SCN_QUOTA | SCN_DENY)) || ex->charged == cache_slabs(cache) << MM_FRAME_SHIFT,
		   "a cache has other slabs than were charged");
	ex_pmm->port = &ex_port_run_on;
	if (percpu)
		finish_percpu();
	reserve = finish_reserve();
	return_handles();
	used = 0 - reserve;
	for (unsigned i = 0; i < nheaps; i++)
		used += count_used(&heap[i]);
	for (unsigned i = 0; i < EX_SLOTS; i++) {
		struct slot *slot = &ex->slot[i];

		if (!slot->live)
			continue;
		used--;
		check_filled(slot, 0x40 + i);
		if (was_spoilt(s, i))
			spoil(slot); /* who was to give it back, in an interrupt, did not come */
		world_must((pool && slot->count == OBJECT ? mm_mempool_free(pool, (void *)(uintptr_t)slot->first) :
				   heaps_free((void *)(uintptr_t)slot->first)) == MM_OK,
			   "free of what is left");
	}
	world_must(!pool || mm_mempool_destroy(pool) == MM_OK, "the reserve is whole again");
	world_must(used == 0, "what is used is not what is held");
	world_must(mm_guard_check(heap, &report) == MM_OK, "guarded objects at the end");
	world_must(heaps_destroy() == MM_OK, "destroy");
	world_pmm_all_back();
}

const struct world world_slab = { setup, run, finish };
