/* SPDX-License-Identifier: MIT */
/* Fuzz the kernel heap against a shadow heap.
 *
 * The shadow knows every live object: its address, its size, who it came from, and a pattern that
 * fills it. After each operation no two live objects overlap, the object is aligned and in managed
 * memory, patterns are whole (of large blocks, at their ends), and counts are exact. Each 64th time, and at
 * the end, all patterns, all owners, and everything is verified. Wrong frees, of another size too, must get
 * their documented error. Memory that is freed later stays as it is until its readers have left, and goes then
 * (slab_waits.h). Some caches note owners, and tell each object's (slab_owners.h).
 * Some objects are guarded (slab_guards.h). NMIs free amid operations (slab_nmi.h).
 * Large blocks that are freed wait, if they are hardened, and are nobody's meanwhile.
 * Hardened objects come zeroed, whoever had them before, and a byte written behind one is told to who frees it.
 * On machines with nodes, one of which may have no memory, objects are of the node that was asked for, and, once
 * each CPU has sent home what it had of others, it has none of them, and objects are of the CPU's own as long as
 * that has memory. Allocations inside the library fail when the input says so. How many nodes
 * there are tells the length of the input. At the end all is freed, shrunk and destroyed, and the
 * page layer has its first state hash. */
#include <stdlib.h>
#include <string.h>
#include <mmlib/bulk.h>
#include <mmlib/reserve.h>
#include "operations.h"
#include "slab_machine.h"
#include "slab/slab.h"
#include "slab_owners.h"
#include "slab_waits.h"
#include "slab_guards.h"
#include "slab_nmi.h"

#define WHOLE      64u /* operations between two looks at everything; at each second one, at the page layer */
#define RAM_FRAMES 512u
#define LIVE       64u
#define CACHES     4u
#define NODES      4u

static struct mm_heap heap;
static struct mm_numa numa;
static uint32_t nodes; /* 1, 2 or 4; of four, the last has no memory */
static bool failing;   /* allocations inside the library fail */

struct shadow {
	struct object live[LIVE];
	unsigned n;
	struct mm_cache *cache[CACHES];
	size_t object_size[CACHES], quota[CACHES];
	unsigned count[CACHES];
};

/* Some caches construct their objects, and some are told when they have enough. */
static size_t built, charged;

static void construct(void *ctx, void *p)
{
	(void)ctx;
	built++;
	*(unsigned char *)p = 0xC7;
}

static void destruct(void *ctx, void *p)
{
	(void)ctx;
	built--;
	MUST(*(unsigned char *)p == 0xC7);
}

static bool charge(void *ctx, size_t bytes)
{
	(void)ctx;
	if (charged + bytes > 40 * MM_FRAME_SIZE)
		return false;
	charged += bytes;
	return true;
}

static void uncharge(void *ctx, size_t bytes)
{
	(void)ctx;
	charged -= bytes;
}

static const struct mm_cache_hooks hooks = {
	.ctor = construct, .dtor = destruct, .charge = charge, .uncharge = uncharge
};

static void shadow_check(const struct object *o)
{
	MUST(object_intact(o, 0, true));
}

static void shadow_add(struct shadow *s, unsigned char *p, size_t size, int cache, uint8_t tag, bool fresh)
{
	struct object *o = &s->live[s->n++];

	MUST(p >= sim.host && p + size <= sim.host + sim.bytes);
	MUST(!fresh || !(MM_HARDEN & MM_HARDEN_ZERO) || contents_all(p, size, 0));
	for (unsigned i = 0; i + 1 < s->n; i++)
		MUST(p + size <= s->live[i].p || s->live[i].p + s->live[i].size <= p);
	waits_apart(p, size);
	*o = (struct object){ .p = p, .size = size, .tag = tag, .cache = (int8_t)cache };
	owners_add(&heap, o, cache >= 0 ? s->cache[cache]->flags & MM_CACHE_OWNERS : heap.notes);
	contents_fill(p, size, tag);
	if (cache >= 0)
		s->count[cache]++;
}

static void shadow_remove(struct shadow *s, unsigned i)
{
	shadow_check(&s->live[i]);
	if (s->live[i].cache >= 0) {
		s->count[s->live[i].cache]--;
		if (s->cache[s->live[i].cache]->hooks)
			*s->live[i].p = 0xC7; /* as it was */
	}
	s->live[i] = s->live[--s->n];
}

static size_t pick_size(unsigned a, unsigned b)
{
	return a < 200 ? (a * 7 + b) % 1100 + 1 : (a - 199) * 700u + b;
}

/* By itself, with an alignment of its own, or as an array. */
static enum mm_status kmalloc_any(unsigned b, size_t *size, size_t *align, void **p)
{
	const uint32_t flags = b & 1 ? MM_ALLOC_ZERO : 0;
	const size_t n = (b >> 3) + 1;

	switch (b >> 1 & 3) {
	case 2:
		*align = (size_t)1 << (b >> 3) % 14;
		return mm_kmalloc_aligned_st(&heap, *size, *align, flags, p);
	case 3:
		*size = (*size / n + 1) * n;
		return mm_kmalloc_array_st(&heap, n, *size / n, flags, p);
	default:
		return mm_kmalloc_st(&heap, *size, flags, p);
	}
}

static void op_kmalloc(struct shadow *s, unsigned a, unsigned b)
{
	size_t size = pick_size(a, b), align = 0;
	void *p = NULL;
	enum mm_status st;

	if (s->n == LIVE)
		return;
	st = kmalloc_any(b, &size, &align, &p);
	MUST(st == MM_OK || (st == MM_E_NOMEM && !p));
	if (st != MM_OK)
		return;
	MUST((uintptr_t)p % 16 == 0 && (!align || (uintptr_t)p % align == 0) && mm_ksize(&heap, p) >= size);
	MUST(!(b & 1) || contents_all(p, size, 0));
	shadow_add(s, p, mm_ksize(&heap, p), -1, (uint8_t)b,
		   size <= MM_KMALLOC_MAX_CLASS / 2 && align <= MM_KMALLOC_MAX_CLASS / 2);
	s->live[s->n - 1].asked = size;
	s->live[s->n - 1].align = align;
}

static void op_cache_alloc(struct shadow *s, unsigned a, unsigned b)
{
	unsigned c = a % CACHES;
	void *p;

	if (s->n == LIVE || !s->cache[c])
		return;
	p = mm_cache_alloc(s->cache[c], 0);
	if (!p)
		return;
	MUST(!s->cache[c]->hooks || *(unsigned char *)p == 0xC7);
	shadow_add(s, p, s->object_size[c], (int)c, (uint8_t)b, !(s->cache[c]->flags & MM_CACHE_KEEP) && !s->cache[c]->hooks);
}

/* The node that an ordinary request on this CPU, or for this node, is served from first. */
static uint32_t node_first(uint32_t node)
{
	return nodes == 4 && node == 3 ? 2 : node;
}

static uint32_t node_here(void)
{
	return nodes == 1 ? 0 : node_first(sim_cpu ? nodes - 1 : 0);
}

static uint32_t node_of(const void *p)
{
	mm_paddr_t pa;

	MUST(mm_heap_paddr(&heap, p, &pa) == MM_OK && pa == sim.base + (mm_paddr_t)((const unsigned char *)p - sim.host));
	return nodes == 1 ? 0 : mm_numa_node_of(&numa, pa);
}

/* Has a node pages for any slab, and for what is noted beside it: two blocks of order 4? */
static bool node_has_room(uint32_t node)
{
	unsigned blocks = 0, order;
	mm_pfn_t at;

	for (uint32_t i = 0; !failing && i < heap.pmm->nranges; i++) {
		const struct mm_range *r = &heap.pmm->ranges[i];

		if (heap.pmm->zones[r->zone].node != node)
			continue;
		for (at = r->first; blocks < 2 && mm_buddy_next_free(&r->buddy, at, 4, &at, &order);
		     at += (mm_pfn_t)1 << order)
			blocks += 1u << (order - 4);
	}
	return blocks >= 2;
}

/* What a CPU has at hand is of its node; but with quarantine, what was freed there is of any. */
static void node_check_hands(const struct mm_heap_cpu *cpu)
{
	for (uint32_t id = 0; id < MM_CACHES_MAX; id++) {
		for (const struct mm_slot *slot = cpu->top[id]; (--slot)->p;)
			MUST(mm_numa_node_of(&numa, sim.base + (mm_paddr_t)((unsigned char *)slot->p - sim.host)) ==
			     node_here());
		for (const struct mm_slot *slot = cpu->spare[id]; !MAGAZINES_HELD && (--slot)->p;)
			MUST(mm_numa_node_of(&numa, sim.base + (mm_paddr_t)((unsigned char *)slot->p - sim.host)) ==
			     node_here());
	}
}

/* Memory of a node. */
static void op_node(struct shadow *s, unsigned a, unsigned b)
{
	uint32_t node = a % (nodes + 1), flags = MM_ALLOC_NODE(node) | (b & 1 ? MM_ALLOC_NODE_EXACT : 0);
	unsigned c = a / 8 % CACHES;
	bool room = node < nodes && node_has_room(node_first(node)), cached = b & 2 && s->cache[c];
	size_t size = b * 20 + 1;
	void *p = NULL;
	enum mm_status st;

	if (s->n == LIVE)
		return;
	st = cached ? mm_cache_alloc_st(s->cache[c], flags, &p) : mm_kmalloc_st(&heap, size, flags, &p);
	MUST((st == MM_E_INVAL) == (node == nodes));
	if (st != MM_OK)
		return;
	MUST(!(b & 1) || node_of(p) == node);
	if (room && !(cached && (s->quota[c] || s->cache[c]->hooks)))
		MUST(node_of(p) == node_first(node));
	if (cached)
		shadow_add(s, p, s->object_size[c], (int)c, (uint8_t)b, !(s->cache[c]->flags & MM_CACHE_KEEP) && !s->cache[c]->hooks);
	else
		shadow_add(s, p, mm_ksize(&heap, p), -1, (uint8_t)b, true);
}

/* A tick, and both CPUs have answered: from now on objects are of the CPU's node, if there are some. */
static void op_settle(struct shadow *s, unsigned a, unsigned b)
{
	unsigned cpu = sim_cpu;
	bool room;

	MUST(mm_heap_reap(&heap, NULL) == MM_OK);
	for (sim_cpu = 0; sim_cpu < 2; sim_cpu++) {
		mm_heap_cpu_idle(&heap);
		if (nodes > 1)
			node_check_hands(&heap.cpus[sim_cpu]);
	}
	sim_cpu = cpu;
	room = node_has_room(node_here());
	for (unsigned i = 0; i < b % 8 && s->n < LIVE; i++) {
		void *p = mm_kmalloc(&heap, a * 8 + 1, 0);

		if (!p)
			return;
		MUST(!room || guards_has(p) || node_of(p) == node_here());
		room = node_has_room(node_here());
		shadow_add(s, p, mm_ksize(&heap, p), -1, (uint8_t)b, true);
	}
}

/* Bytes of the large block that this is, or 0. */
static size_t large_bytes(const struct object *o)
{
	return o->size > MM_KMALLOC_MAX_CLASS && !guards_has(o->p) ? o->size + MM_OBJECT_REDZONE : 0;
}

/* A large block that was freed just now waits, unless it is larger than all that may wait, and nothing is in it. */
static void check_held(unsigned char *p, size_t bytes)
{
#if MM_HARDEN & MM_HARDEN_QUARANTINE
	size_t frames = bytes / MM_FRAME_SIZE;

	if (!frames || frames > heap.held_most)
		return;
	MUST(large_held(&heap) >= frames && contents_all(p, bytes, 0));
	MUST(mm_ksize(&heap, p) == 0 && mm_page_free(heap.pmm, sim.base + (mm_paddr_t)(p - sim.host), 0) == MM_E_OWNER);
#else
	(void)p;
	(void)bytes;
#endif
}

static void op_free(struct shadow *s, unsigned a, unsigned b)
{
	struct object o;
	size_t room, large;

	if (!s->n)
		return;
	o = s->live[a % s->n];
	room = mm_ksize(&heap, o.p);
	large = large_bytes(&o);
	guards_border(o.p, room);
	guards.refuses = b & 8;
	shadow_remove(s, a % s->n);
	if (b & 64 && nmi_free(&heap, o.cache >= 0 ? s->cache[o.cache] : NULL, &o)) {
		if (guards_has(o.p)) /* it goes back now */
			mm_heap_cpu_idle(&heap);
	} else if (o.cache >= 0 && b & 1) {
		MUST(mm_cache_free(s->cache[o.cache], o.p) == MM_OK);
	} else {
		MUST(mm_kfree(&heap, o.p) == MM_OK);
	}
	guards.refuses = b & 16; /* from now on */
	guards_freed(o.p, room);
	check_held(o.p, large);
	if (b & 2)
		MUST(mm_kfree(&heap, o.p) == MM_E_DOUBLE_FREE);
}

/* An object of kmalloc(), which the shadow forgets; false: it is another one. */
static bool nmi_object(struct shadow *s, unsigned i, struct object *o)
{
	if (!s->n || s->live[i % s->n].cache >= 0)
		return false;
	*o = s->live[i % s->n];
	shadow_remove(s, i % s->n);
	return true;
}

/* NMIs free objects of kmalloc(), some before, and one amid what is done next: whether a cache can go must not hang on
 * them. */
static void op_nmi(struct shadow *s, unsigned a, unsigned b)
{
	struct object o;

	for (unsigned i = 0; i < a >> 5; i++)
		if (nmi_object(s, b + i, &o) && !nmi_free(&heap, NULL, &o))
			MUST(mm_kfree(&heap, o.p) == MM_OK);
	if (nmi_object(s, b, &o))
		nmi_start(&heap, &o, (a & 31) << (b & 7));
}

/* Of the size asked for, after a wrong one. */
static void op_free_sized(struct shadow *s, unsigned a, unsigned b)
{
	struct object o;
	size_t now;

	if (!s->n)
		return;
	o = s->live[a % s->n];
	now = mm_ksize(&heap, o.p);
	MUST(mm_kfree_sized(&heap, o.p, now + b % 100 + 1, 0) == MM_E_ORDER);
	MUST(mm_kfree_sized(&heap, o.p, now, 3) == MM_E_INVAL && mm_kfree_sized(&heap, o.p, 0, 0) == MM_E_INVAL);
	shadow_remove(s, a % s->n);
	now = o.asked ? o.asked : now;
	MUST(mm_kfree_sized(&heap, o.p, now, o.align) == MM_OK);
	MUST(mm_kfree_sized(&heap, o.p, now, o.align) == MM_E_DOUBLE_FREE);
}

/* Later: an object of a cache is used as long as it waits. */
static void op_free_later(struct shadow *s, unsigned a, unsigned b)
{
	struct object o;

	for (unsigned i = 0; i < b % 32 && s->n && waits.n < WAITING; i++) {
		o = s->live[(a + i) % s->n];
		shadow_remove(s, (a + i) % s->n);
		if (o.cache >= 0)
			s->count[o.cache]++;
		if (!waits_add(&heap, &o)) {
			if (o.cache >= 0)
				s->count[o.cache]--;
			MUST(mm_kfree(&heap, o.p) == MM_OK);
		}
	}
	if (b & 32)
		waits_poll(b & 64, b & 128, s->count);
}

/* Somebody writes a byte too far, or before a guarded object. */
static void op_overflow(struct shadow *s, unsigned a, unsigned b)
{
	unsigned char *p, *at, was;
	size_t n;

	if (!s->n)
		return;
	p = s->live[a % s->n].p;
	n = mm_ksize(&heap, p);
	at = b & 4 && guards_has(p) && (uintptr_t)p % MM_FRAME_SIZE ? p - 1 : p + n;
	if (guards_has(p) ? (uintptr_t)at % MM_FRAME_SIZE == 0 : !(MM_HARDEN & MM_HARDEN_CANARY))
		return;
	was = *at;
	*at = b & 1 ? 0 : (unsigned char)(was ^ (b | 2)); /* no canary has a zero byte */
	MUST(mm_kfree(&heap, p) == MM_E_CORRUPT);
	if (guards_has(p))
		guards_expect(&guards.told, at < p ? MM_GUARD_BEFORE : MM_GUARD_BEHIND, at, p, n);
	guards.told.kind = MM_GUARD_UNKNOWN;
	*at = was;
	shadow_check(&s->live[a % s->n]);
}

/* Nobody frees what is mmlib's own. */
static void wrong_own(void)
{
	MUST(!heap.large || mm_kfree(&heap, heap.large) == MM_E_OWNER);
	MUST(!waits.d.filling || (mm_kfree(&heap, waits.d.filling) == MM_E_OWNER &&
				  mm_kfree_deferred(&waits.d, waits.d.filling) == MM_E_OWNER));
}

/* Frees that must be refused, and change nothing that a later check would miss. */
static void op_wrong_free(struct shadow *s, unsigned a, unsigned b)
{
	struct object *o;

	MUST(mm_kfree(&heap, &s) == MM_E_FOREIGN && mm_kfree(&heap, NULL) == MM_OK);
	wrong_own();
	if (!s->n)
		return;
	o = &s->live[a % s->n];
	if (o->size > 1)
		MUST(mm_kfree(&heap, o->p + b % (o->size - 1) + 1) == MM_E_ALIGN);
	for (unsigned c = 0; c < CACHES; c++)
		if (s->cache[c] && (int)c != o->cache)
			MUST(mm_cache_free(s->cache[c], o->p) == MM_E_OWNER);
	shadow_check(o);
}

/* Many at once, all or none; then those of the cache once more, with one of them twice, and go. */
static void op_bulk(struct shadow *s, unsigned a, unsigned b)
{
	unsigned c = a % CACHES, n = b % 40;
	void *p[LIVE + 1];
	struct mm_cache_stats before, after;

	if (!s->cache[c])
		return;
	MUST(mm_cache_stats(s->cache[c], &before) == MM_OK);
	if (s->n + n <= LIVE && !(a & 64)) {
		if (mm_cache_alloc_bulk(s->cache[c], 0, p, n) == MM_OK)
			for (unsigned i = 0; i < n; i++)
				shadow_add(s, p[i], s->object_size[c], (int)c, (uint8_t)(b + i),
					   !(s->cache[c]->flags & MM_CACHE_KEEP) && !s->cache[c]->hooks);
		else
			MUST(mm_cache_stats(s->cache[c], &after) == MM_OK && after.used == before.used);
		return;
	}
	n = 0;
	for (unsigned i = s->n; i-- > 0;)
		if (s->live[i].cache == (int)c) {
			p[n++] = s->live[i].p;
			shadow_check(&s->live[i]);
			if (s->cache[c]->hooks)
				*s->live[i].p = 0xC7; /* as it was */
		}
	p[n] = p[b % (n + 1)];
	if (n)
		MUST(mm_cache_free_bulk(s->cache[c], p, n + (b % (n + 1) < n)) ==
		     (b % (n + 1) < n ? MM_E_DOUBLE_FREE : MM_OK));
	MUST(mm_cache_stats(s->cache[c], &after) == MM_OK);
	if (!n || b % (n + 1) < n) {
		MUST(after.used == before.used);
		for (unsigned i = 0; i < s->n; i++)
			if (s->live[i].cache == (int)c)
				*s->live[i].p = s->live[i].tag;
		return;
	}
	MUST(after.used == waits_of((int)c));
	for (unsigned i = s->n; i-- > 0;)
		if (s->live[i].cache == (int)c)
			s->live[i] = s->live[--s->n];
	s->count[c] = waits_of((int)c);
}

static void op_give_back(struct shadow *s, unsigned a, unsigned b)
{
	size_t frames = 0;

	switch (a % 5) {
	case 0:
		MUST(mm_heap_drain(&heap) == MM_OK);
		break;
	case 1:
		MUST(mm_heap_shrink(&heap) == MM_OK && large_held(&heap) == 0);
		MUST(b & 1 || mm_heap_trim(&heap, &frames) == MM_OK);
		break;
	case 2:
		MUST(mm_heap_reap(&heap, &frames) == MM_OK);
		break;
	case 3:
		MUST(mm_heap_reclaim(&heap, b, &frames) == MM_OK);
		break;
	default:
		if (s->cache[b % CACHES])
			MUST(mm_cache_shrink(s->cache[b % CACHES]) == MM_OK);
		break;
	}
	MUST(frames <= RAM_FRAMES);
}

/* An NMI is to leave an object of this cache in a reserve. */
static void reserve_nmi(struct shadow *s, struct mm_mempool *pool, unsigned c, unsigned steps)
{
	struct object o;

	for (unsigned i = 0; i < s->n && !nmi.object.p; i++)
		if (s->live[i].cache == (int)c) {
			o = s->live[i];
			shadow_remove(s, i);
			nmi_start_leave(pool, &o, steps);
		}
}

/* Objects that wait come out when they are wanted, and whole; what is left goes back. */
static void op_reserve(struct shadow *s, unsigned a, unsigned b)
{
	unsigned c = a % CACHES;
	struct mm_prefill h = { 0 };
	struct mm_mempool pool;
	void *places[8];

	if (!s->cache[c] || mm_mempool_init(&pool, s->cache[c], places, b % 8 + 1, 0) != MM_OK)
		return;
	if (mm_prefill_fill(&h, s->cache[c], b % 29 + 1, 0) == MM_OK)
		for (unsigned i = 0; i < a % 5 && s->n < LIVE; i++) {
			void *p = mm_prefill_alloc(&h);

			if (p)
				shadow_add(s, p, s->object_size[c], (int)c, (uint8_t)b,
					   !(s->cache[c]->flags & MM_CACHE_KEEP) && !s->cache[c]->hooks);
		}
	if (a & 32)
		reserve_nmi(s, &pool, c, b >> 2);
	for (unsigned i = 0; i < a % 7; i++) {
		void *p = b & 1 ? mm_mempool_take(&pool) : mm_mempool_alloc(&pool, 0);

		MUST(!p || (b & 2 ? mm_mempool_free_nmi(&pool, p) : mm_mempool_free(&pool, p)) == MM_OK);
		MUST(!p || mm_mempool_free(&pool, p) == MM_E_DOUBLE_FREE);
	}
	if (nmi.pool == &pool)
		nmi_end();
	MUST(mm_mempool_destroy(&pool) == MM_OK);
	mm_prefill_return(&h);
}

static void op_realloc(struct shadow *s, unsigned a, unsigned b)
{
	struct object o;
	size_t size = pick_size(b, a), keep;
	void *p = NULL;

	if (!s->n || s->live[a % s->n].cache >= 0)
		return;
	o = s->live[a % s->n];
	if (mm_krealloc_st(&heap, o.p, size, 0, &p) != MM_OK) {
		shadow_check(&o);
		return;
	}
	keep = o.size < size ? o.size : size;
	MUST(contents_intact(p, keep, o.tag));
	if (p == o.p)
		owners_keep(&heap, &o);
	s->n--;
	s->live[a % (s->n + 1)] = s->live[s->n];
	shadow_add(s, p, mm_ksize(&heap, p), -1, (uint8_t)(o.tag + 1), false);
	s->live[s->n - 1].asked = p == o.p ? 0 : size; /* memory that is smaller now may have stayed as it was */
}

static void op_cache(struct shadow *s, unsigned a, unsigned b)
{
	unsigned c = a % CACHES;
	struct mm_cache_cfg cfg = { .name = "fuzz", .size = (a * 41 + b) % 5000 + 1, .align = (size_t)1 << b % 9 };

	if (s->cache[c]) {
		enum mm_status st = mm_cache_destroy(s->cache[c]);

		MUST(st == (s->count[c] ? MM_E_BUSY : MM_OK));
		if (st == MM_OK)
			s->cache[c] = NULL;
	} else {
		cfg.colour = b & 16 ? (uint32_t)(cfg.align < 8 ? 8 : cfg.align) : 0;
		cfg.flags = (b & 32 ? MM_CACHE_KEEP : MM_CACHE_GUARD) | (a & 64 ? MM_CACHE_OWNERS : 0u);
		cfg.quota = b & 64 ? 20 * MM_FRAME_SIZE : 0;
		cfg.hooks = b & 128 ? &hooks : NULL;
		MUST(mm_cache_create(&heap, &cfg, &s->cache[c]) == MM_OK);
		s->object_size[c] = cfg.size;
		s->quota[c] = cfg.quota;
	}
}

/* Objects that are guarded, those included that wait. */
static size_t count_guarded(const struct shadow *s)
{
	size_t n = 0;

	for (unsigned i = 0; i < s->n; i++)
		n += guards_has(s->live[i].p);
	for (unsigned i = 0; i < waits.n; i++)
		n += guards_has(waits.object[i].p);
	return n;
}

/* The heap counts the large blocks that there are, those included that wait, and what else waits. */
static void check_counts(const struct shadow *s)
{
	struct mm_heap_stats stats;
	size_t n = 0, bytes = 0, one;

	for (unsigned i = 0; i < s->n + waits.n; i++) {
		one = large_bytes(i < s->n ? &s->live[i] : &waits.object[i - s->n]);
		n += one != 0;
		bytes += one;
	}
	MUST(mm_heap_stats(&heap, &stats) == MM_OK && stats.large == n && stats.large_bytes == bytes);
	MUST(stats.held_frames <= RAM_FRAMES / 64);
	MUST(stats.guarded == count_guarded(s) && stats.used + n >= s->n + waits.n);
	MUST(mm_deferred_waiting(&waits.d) == waits.n);
}

static void check_all(struct shadow *s, bool deep, bool pages)
{
	struct mm_cache_stats stats;
	size_t objects = 0, bytes = 0; /* of caches with hooks */

	for (unsigned c = 0; c < CACHES; c++)
		if (s->cache[c]) {
			MUST(mm_cache_stats(s->cache[c], &stats) == MM_OK);
			MUST(stats.used == s->count[c]);
			MUST(!s->quota[c] || stats.bytes <= s->quota[c]);
			objects += s->cache[c]->hooks ? stats.objects : 0;
			bytes += s->cache[c]->hooks ? stats.bytes : 0;
		}
	MUST(objects == built && bytes == charged);
	waits_check(deep);
	for (unsigned i = 0; i < s->n; i++)
		MUST(object_intact(&s->live[i], 0, deep));
	if (!deep)
		return;
	owners_check(&heap, s->live, s->n, s->n / 2);
	check_counts(s);
	MUST(mm_heap_verify(&heap) == MM_OK);
	guards_check(count_guarded(s));
	MUST(!pages || mm_pmm_verify(heap.pmm) == MM_OK);
}

static void op(struct shadow *s, unsigned what, unsigned a, unsigned b)
{
	sim_cpu = what >> 7;
	switch (what >> 4 & 7) {
	case 0:
		op_free_sized(s, a, b);
		return;
	case 1:
		sim_fail_at((what & 7) == 7, true);
		op_free_later(s, a, b);
		return;
	case 2:
		sim_fail_at((what & 7) == 7 ? b % 4 + 1 : 0, true);
		percpu_op(heap.pmm, a, b);
		return;
	case 3: /* the nth allocation inside the library fails, or all from there on */
		sim_fail_at(a % 4 + 1, b & 8);
		failing = true;
		break;
	case 4:
		op_nmi(s, a, b);
		break;
	default:
		break;
	}
	switch (what % 16) {
	case 0:
	case 1:
	case 2:
		op_kmalloc(s, a, b);
		break;
	case 4:
	case 5:
	case 6:
		op_cache_alloc(s, a, b);
		break;
	case 7:
		op_wrong_free(s, a, b);
		op_overflow(s, a, b);
		break;
	case 8:
		op_realloc(s, a, b);
		break;
	case 3:
		if (b & 4)
			op_node(s, a, b);
		else
			op_settle(s, a, b);
		break;
	case 9:
		op_cache(s, a, b);
		break;
	case 10:
		op_give_back(s, a, b);
		break;
	case 11: /* many at once, so that magazines and slabs turn over */
		for (unsigned i = 0; i < b % 32; i++)
			op_cache_alloc(s, a, b + i);
		break;
	case 12:
		for (unsigned i = 0; i < b % 32; i++)
			op_free(s, a + i, 0);
		break;
	case 13:
		op_bulk(s, a, b);
		break;
	case 14:
		op_reserve(s, a, b);
		break;
	default:
		op_free(s, a, b);
		break;
	}
}

/* CPU 0 is on the first node, CPU 1 on the last. Equal parts of memory, and none on the last of four. */
static void make_nodes(struct mm_pmm_cfg *cfg)
{
	static struct mm_numa_range ranges[NODES];
	static uint8_t distances[NODES * NODES];
	static uint32_t cpu_nodes[2];
	uint32_t parts = nodes == 4 ? 3 : nodes;

	if (nodes == 1)
		return;
	MUST(mm_numa_init(&numa, ranges, NODES, distances, nodes) == MM_OK);
	for (uint32_t i = 0; i < parts; i++)
		MUST(mm_numa_add_range(&numa, sim.base + i * (sim.bytes / parts & ~(MM_FRAME_SIZE - 1)),
				       i + 1 < parts ? sim.bytes / parts & ~(MM_FRAME_SIZE - 1) : sim.bytes, i) ==
		     MM_OK);
	for (uint32_t to = 0; to + 1 < nodes; to++)
		MUST(mm_numa_set_distance(&numa, nodes - 1, to, 40 - 5 * to) == MM_OK);
	cpu_nodes[1] = nodes - 1;
	cfg->numa = &numa;
	cfg->cpu_nodes = cpu_nodes;
}

/* All is free: shrunk, the heap has what it had at first. */
static void check_shrunk(struct shadow *s, const struct mm_heap_stats *first)
{
	struct mm_heap_stats stats;

	for (unsigned c = 0; c < CACHES; c++)
		MUST(!s->cache[c] || mm_cache_destroy(s->cache[c]) == MM_OK);
	MUST(mm_heap_shrink(&heap) == MM_OK && mm_heap_trim(&heap, NULL) == MM_OK);
	MUST(mm_heap_stats(&heap, &stats) == MM_OK && stats.frames == first->frames &&
	     stats.shared_frames == first->shared_frames);
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	struct mm_pmm pmm;
	static struct shadow s;
	struct mm_heap_stats empty;
	uint64_t first;
	unsigned ops = 0;

	nodes = n % 3 == 2 ? 4 : n % 3 + 1;
	machine_start(&pmm, RAM_FRAMES, make_nodes);
	first = pmm_state_hash(&pmm);
	memset(&s, 0, sizeof(s));
	built = charged = 0;
	owners_given = 0;
	machine_start_heap(&heap, &pmm);
	if (n && in[0] & 1)
		MUST(mm_heap_note_owners(&heap) == MM_OK);
	MUST(mm_heap_stats(&heap, &empty) == MM_OK);
	guards_start(&heap, sim.host, sim.base, n ? in[0] : 0);
	waits_start(&heap);
	op_cache(&s, 0, 64); /* with a quota */
	for (; n >= 3; in += 3, n -= 3, ops++) {
		op(&s, in[0], in[1], in[2]);
		nmi_end();
		sim_fail_at(0, false);
		failing = false;
		check_all(&s, ops % WHOLE == 0, ops % (2 * WHOLE) == 0);
		operations_count();
	}
	while (s.n)
		op_free(&s, s.n - 1, 0);
	sim_cpu = 0;
	waits_poll(true, true, s.count);
	waits_end();
	percpu_end();
	check_all(&s, true, true);
	guards.refuses = false;
	check_shrunk(&s, &empty);
	MUST(mm_heap_destroy(&heap) == MM_OK);
	guards_end(&pmm);
	MUST(built == 0 && charged == 0);
	MUST(mm_pmm_drain(&pmm) == MM_OK);
	MUST(pmm_state_hash(&pmm) == first);
	return 0;
}
