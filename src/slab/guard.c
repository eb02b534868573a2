/* SPDX-License-Identifier: MIT */
/* Theory of operation: guarded objects
 * Problem      find who writes beside an object, or uses one that is free, at the instruction that does it, on
 *              machines that are in use; and who does not ask must not pay.
 * Structure    a pool of pages of the host's. Each slot is one or more pages for one object; where pages can be
 *              made inaccessible there is one of those on both sides.
 *
 *                | pool, records | no | slot 0 | no | slot 1 | no | ... | slot n | no |
 *                                      ^pattern  ^object
 *
 *              Objects are aligned to the end of their pages and to the begin of them, in turn; without
 *              protection amid them, and slots lie side by side.
 *              A slot's record is the descriptor of a slab with one object. slab_find() leads to it, so all that
 *              takes an object finds its cache and its state there. In the table that fast paths look at it is
 *              not: they refuse, and leave it to slow paths, which ask here.
 *              Slow paths of allocation ask too, if the cache wants it: so what is at hand is given out as ever.
 * Size         reciprocal is 2^32 / (twice the slot's bytes), so an object starts nowhere but at slab->base (S5).
 * Invariants   Q1 a slot is GUARD_FREE and in the queue, or GUARD_USED, with an object that is used or waits, or
 *                 GUARD_BUSY or, if its cache's hooks are still called for an object, GUARD_LEAVING: whoever made it so
 *                 is alone with it.
 *                 A slot is GUARD_USED before its object is: from then on it can be freed, be it by who is late.
 *              Q2 of a slot that is free all bytes, and of one that is used all but the object, have the pattern.
 *              Q3 pages of a free slot cannot be accessed, as far as the host does it (open); all others can.
 *              Q4 slots leave the queue in the order in which they came, and only if more than `hold` are in it.
 *              Q5 an object is constructed before it is a caller's, and destructed when it is free.
 *              Q6 slab->cache is NULL if the cache was destroyed, or never was; the slot is free then.
 *              Q7 who allocated an object can give it back, whatever is wrong with it: if a free looks at it just then,
 *                 that one does it.
 * Concurrency  the lock guards the queue and changes of phases; it is the last one that is taken, and hooks are
 *              called without it. Who looks at patterns holds it, so that pages stay accessible. A free is a
 *              compare-and-swap of the state, at all levels of checks: a slot must not be in the queue twice.
 *              Reports are made without a lock, of whatever is noted then. */
#include "guard.h"

#if GUARD_POSSIBLE
enum { GUARD_FREE = 0, GUARD_BUSY = 1, GUARD_USED = 2, GUARD_LEAVING = 3 };
/* More states of an object, beside MM_OBJECT_USED: a free looks at it; and who allocated it does not want it (Q7). */
enum { GUARD_LOOKED = MM_OBJECT_RETURNING, GUARD_GIVEN = 5 };

#define GUARD_BYTE   0xA9u
#define GUARD_NONE   UINT32_MAX
#define GUARD_STATES sizeof(uintptr_t) /* bytes for the states of a slot's slab */
#define GUARD_RECORD (sizeof(struct mm_slab) + GUARD_STATES + sizeof(struct guard_slot))
#define GUARD_WORDS  ((uint32_t)(GUARD_RECORD / sizeof(uintptr_t))) /* of a record */
_Static_assert(sizeof(struct mm_guard) % sizeof(uintptr_t) == 0 && GUARD_RECORD % sizeof(uintptr_t) == 0,
	       "records are aligned");

static struct mm_slab *guard_slab(const struct mm_guard *g, uint32_t i)
{
	return (struct mm_slab *)(void *)((unsigned char *)g->base + sizeof(struct mm_guard) + i * GUARD_RECORD);
}

static struct guard_slot *guard_slot_of(struct mm_slab *slab)
{
	return (struct guard_slot *)(void *)((unsigned char *)(slab + 1) + GUARD_STATES);
}

/* Frames from the first slot to an address of the pool, and the number of the slot there, or before. False: it
 * lies before all of them. */
static bool guard_number(const struct mm_guard *g, uintptr_t at, uint32_t *frame, uint32_t *i)
{
	if (at < g->first)
		return false;
	*frame = (uint32_t)((at - g->first) >> MM_FRAME_SHIFT);
	*i = *frame / g->unit;
	*frame -= *i * g->unit;
	return *i < g->nslots;
}

/* Slab of the slot that an address of the pool is in, or NULL. */
static struct mm_slab *guard_at(const struct mm_guard *g, uintptr_t at)
{
	uint32_t frame, i;

	return guard_number(g, at, &frame, &i) && frame < g->slot_bytes >> MM_FRAME_SHIFT ? guard_slab(g, i) : NULL;
}

static struct guard_slot *guard_slot_at(const struct mm_guard *g, const void *p)
{
	return guard_slot_of(guard_at(g, (uintptr_t)p));
}

static uintptr_t guard_lock(struct mm_guard *g)
{
	return mm_lock(g->heap->pmm->port, &g->lock);
}

static void guard_unlock(struct mm_guard *g, uintptr_t irq)
{
	mm_unlock(g->heap->pmm->port, &g->lock, irq);
}

/* Append a slot to the queue. The lock is held. */
static void guard_queue(struct mm_guard *g, uint32_t i)
{
	struct guard_slot *slot = guard_slot_of(guard_slab(g, i));

	slot->next = GUARD_NONE;
	mm_atomic_store_release(&slot->phase, (uint32_t)GUARD_FREE); /* Q1 */
	if (g->nfree++ == 0)
		g->oldest = i;
	else
		guard_slot_of(guard_slab(g, g->newest))->next = i;
	g->newest = i;
}

static void guard_push(struct mm_guard *g, const struct mm_slab *slab)
{
	uintptr_t irq = guard_lock(g);

	guard_queue(g, (uint32_t)(((uintptr_t)slab - (uintptr_t)guard_slab(g, 0)) / sizeof(uintptr_t)) / GUARD_WORDS);
	guard_unlock(g, irq);
}

/* The slot that was freed first, which is the caller's now, or NULL: no more than are held back. */
static struct mm_slab *guard_pop(struct mm_guard *g)
{
	struct mm_slab *slab = NULL;
	uintptr_t irq = guard_lock(g);

	if (g->nfree > g->hold) { /* Q4 */
		struct guard_slot *slot;

		slab = guard_slab(g, g->oldest);
		slot = guard_slot_of(slab);
		g->oldest = slot->next;
		g->nfree--;
		mm_atomic_store_relaxed(&slot->phase, (uint32_t)GUARD_BUSY);
	}
	guard_unlock(g, irq);
	return slab;
}

/* First byte from p to end that has not the pattern, or NULL. */
static const unsigned char *guard_stain(const unsigned char *p, const unsigned char *end)
{
	const uint32_t all = UINT32_MAX / 0xffu * GUARD_BYTE; /* wider ones some compilers keep in writable data */

	while (p < end)
		if ((uintptr_t)p % sizeof(all) == 0 && (size_t)(end - p) >= sizeof(all) &&
		    *(const uint32_t *)(const void *)p == all)
			p += sizeof(all);
		else if (*p != GUARD_BYTE)
			return p;
		else
			p++;
	return NULL;
}

/* The same of all that is beside the object of a slot that is used. */
static const unsigned char *guard_beside(const struct mm_guard *g, struct mm_slab *slab)
{
	const struct guard_slot *slot = guard_slot_of(slab);
	const unsigned char *stain = guard_stain(slot->page, slab->base);

	if (stain || MM_PLANTED(MM_PLANT_GUARD))
		return stain;
	return guard_stain(slab->base + slot->size, slot->page + g->slot_bytes);
}

/* Has the slot no object, or one that is free? */
static bool guard_is_free(struct mm_slab *slab)
{
	return mm_atomic_load_acquire(&guard_slot_of(slab)->phase) == GUARD_FREE ||
	       mm_atomic_load_relaxed(&slab->states[0]) != MM_OBJECT_USED;
}

/* What a slot says of its object, which others may be about to change, as slab_cache(). */
static uintptr_t guard_begins(const struct mm_slab *slab)
{
	return (uintptr_t)mm_atomic_load_relaxed(&slab->base);
}

static size_t guard_size(struct mm_slab *slab)
{
	return mm_atomic_load_relaxed(&guard_slot_of(slab)->size);
}

/* Bytes from an object's border to an address; 0 inside. */
static size_t guard_distance(struct mm_slab *slab, uintptr_t at)
{
	uintptr_t begin = guard_begins(slab), end = begin + guard_size(slab);

	return at < begin ? begin - at : at >= end ? at - end : 0;
}

/* What somebody did who touched an address, which is in a slot, or beside it. */
static void guard_describe(struct mm_slab *slab, uintptr_t at, struct mm_guard_report *out)
{
	const struct guard_slot *slot = guard_slot_of(slab);
	const struct mm_cache *cache = slab_cache(slab);
	uintptr_t begin = guard_begins(slab);
	bool is_free = guard_is_free(slab);

	*out = (struct mm_guard_report){ .address = at };
	if (!cache)
		return;
	out->kind = is_free ? MM_GUARD_AFTER_FREE : at < begin ? MM_GUARD_BEFORE : MM_GUARD_BEHIND;
	out->object = (const void *)begin;
	out->size = guard_size(slab);
	out->distance = guard_distance(slab, at);
	out->cache = cache;
	out->name = cache->name;
	out->allocated = mm_atomic_load_relaxed(&slot->allocated);
	out->freed = is_free ? mm_atomic_load_relaxed(&slot->freed) : 0;
}

/* The host is told of a byte that was written. False: it does not want to know. */
static bool guard_tell(const struct mm_guard *g, struct mm_slab *slab, const unsigned char *stain)
{
	struct mm_guard_report report;

	if (!g->hooks || !g->hooks->report)
		return false;
	guard_describe(slab, (uintptr_t)stain, &report);
	g->hooks->report(g->hooks->ctx, &report);
	return true;
}

static bool guard_protect(const struct mm_guard *g, void *page, size_t bytes, bool accessible)
{
	return g->protects && g->hooks->protect(g->hooks->ctx, page, bytes, accessible);
}

/* Is it an allocation's turn? Two CPUs may take it for theirs. */
static bool guard_due(struct mm_guard *g)
{
	const struct mm_port *port = g->heap->pmm->port;
	uint32_t left = mm_atomic_load_relaxed(&g->left);

	if (left > 1) {
		mm_atomic_store_relaxed(&g->left, left - 1);
		return false;
	}
	left = g->every;
	if (left > 1 && port->random)
		left = 1 + (uint32_t)((uint64_t)(uint32_t)port->random(port->ctx) * (2 * left - 1) >> 32);
	mm_atomic_store_relaxed(&g->left, left);
	return true;
}

/* Alignment of an object: that of its cache, or, by kmalloc(), of a size that is a power of two. */
static size_t guard_align(const struct mm_cache *cache, size_t size)
{
	size_t align = cache_align(cache);
	uint32_t bytes = (uint32_t)size; /* no more than a slot's */

	return cache->id < MM_KMALLOC_CLASSES && size > align && !(bytes & (bytes - 1)) ? size : align;
}

/* All of a slot has the pattern (Q2). Somebody who wrote to it is told, or found out. */
static void guard_prove(const struct mm_guard *g, struct mm_slab *slab)
{
	struct guard_slot *slot = guard_slot_of(slab);
	const unsigned char *stain = guard_stain(slot->page, slot->page + g->slot_bytes);

	if (!stain)
		return;
	MM_CHECK(g->heap->pmm->port, guard_tell(g, slab, stain));
	__builtin_memset(slot->page, GUARD_BYTE, g->slot_bytes);
}

/* Where in its slot an object begins. */
static size_t guard_offset(struct mm_guard *g, size_t size, size_t align)
{
	size_t room = g->slot_bytes - size;
	bool at_end = !(mm_atomic_add(&g->given, (uintptr_t)1) & 1);

	if (!g->protects)
		room /= 2;
	else if (!at_end)
		room = 0;
	return room & ~(align - 1);
}

/* Make a slot an object of a cache. */
static void *guard_make(struct mm_guard *g, struct mm_slab *slab, struct mm_cache *cache, size_t size,
			uint32_t flags)
{
	struct guard_slot *slot = guard_slot_of(slab);
	const struct mm_cache_hooks *hooks = cache->hooks;
	bool ctor = hooks && hooks->ctor;
	unsigned char *p = slot->page + guard_offset(g, size, guard_align(cache, size));

	mm_atomic_store_relaxed(&slot->size, size);
	mm_atomic_store_relaxed(&slab->cache, cache);
	slab->id = cache->id;
	mm_atomic_store_relaxed(&slab->base, p);
	if (flags & MM_ALLOC_ZERO || (MM_HARDEN & MM_HARDEN_ZERO && !ctor))
		__builtin_memset(p, 0, size);
	if (ctor)
		hooks->ctor(hooks->ctx, p); /* Q5 */
	return p;
}

/* Objects of mmlib itself have no caller: others may look at them when they are free. */
static void *guard_new(struct mm_guard *g, struct mm_cache *cache, size_t size, uint32_t flags, uintptr_t caller)
{
	struct mm_slab *slab;
	struct guard_slot *slot;
	void *p;

	if (!caller || size > g->slot_bytes || guard_align(cache, size) > MM_FRAME_SIZE ||
	    (flags & HEAP_NODE_FLAGS && heap_nodes(cache->heap) > 1) || !guard_due(g))
		return NULL;
	slab = guard_pop(g);
	if (!slab)
		return NULL;
	slot = guard_slot_of(slab);
	if (!slot->open && !guard_protect(g, slot->page, g->slot_bytes, true)) {
		guard_push(g, slab);
		return NULL;
	}
	slot->open = true; /* Q3 */
	guard_prove(g, slab);
	p = guard_make(g, slab, cache, size, flags);
	mm_atomic_store_relaxed(&slot->allocated, caller);
	mm_atomic_store_relaxed(&slot->freed, (uintptr_t)0);
	if (!MM_PLANTED(MM_PLANT_GUARD_MAKE))
		mm_atomic_store_release(&slot->phase, (uint32_t)GUARD_USED);
	mm_atomic_store_release(&slab->states[0], (uint8_t)MM_OBJECT_USED); /* a late free sees where this object is, */
	if (MM_PLANTED(MM_PLANT_GUARD_MAKE))                                /* and that its slot is used */
		mm_atomic_store_release(&slot->phase, (uint32_t)GUARD_USED);
	return p;
}

static enum mm_status guard_find(const struct mm_guard *g, const void *p, struct mm_slab **out)
{
	struct mm_slab *slab = guard_at(g, (uintptr_t)p);

	if (!slab)
		return MM_E_OWNER;
	if (!slab_cache(slab)) /* Q6 */
		return MM_E_DOUBLE_FREE;
	*out = slab;
	return MM_OK;
}

static enum mm_status guard_look(struct mm_guard *g, const void *p)
{
	struct mm_slab *slab = guard_at(g, (uintptr_t)p);
	const unsigned char *stain = guard_beside(g, slab);

	if (stain)
		(void)guard_tell(g, slab, stain);
	return stain ? MM_E_CORRUPT : MM_OK;
}

static bool guard_is_whole(const struct mm_guard *g, const void *p)
{
	return !guard_beside(g, guard_at(g, (uintptr_t)p));
}

static void guard_state(struct mm_slab *slab, uint8_t state)
{
	mm_atomic_store_relaxed(&slab->states[0], state);
}

static void guard_keep(struct mm_guard *g, void *p)
{
	struct mm_slab *slab = guard_at(g, (uintptr_t)p);
	struct guard_slot *slot = guard_slot_of(slab);
	const struct mm_cache_hooks *hooks = slab_cache(slab)->hooks;
	uintptr_t irq = guard_lock(g);

	mm_atomic_store_relaxed(&slot->phase, (uint32_t)GUARD_LEAVING); /* Q1 */
	guard_unlock(g, irq);
	if (hooks && hooks->dtor)
		hooks->dtor(hooks->ctx, p); /* Q5 */
	__builtin_memset(slot->page, GUARD_BYTE, g->slot_bytes); /* Q2: what was told of is not told again */
	slot->open = !guard_protect(g, slot->page, g->slot_bytes, false); /* Q3 */
	guard_push(g, slab);
}

/* Who allocated the object gives it back, and reports are to say so. */
static void guard_mark(struct mm_slab *slab)
{
	struct guard_slot *slot = guard_slot_of(slab);

	mm_atomic_store_relaxed(&slot->freed, mm_atomic_load_relaxed(&slot->allocated));
	guard_state(slab, MM_OBJECT_IDLE);
}

/* Leave the object of a slot used, which this free looked at; false: who allocated it gave it back meanwhile, and
 * guard_give() is for this free to do (Q7). */
static bool guard_leave(struct mm_slab *slab)
{
	return mm_atomic_cas_byte(&slab->states[0], GUARD_LOOKED, MM_OBJECT_USED);
}

static void guard_give(struct mm_guard *g, struct mm_slab *slab)
{
	guard_mark(slab);
	guard_keep(g, (void *)guard_begins(slab));
}

/* Look at the object at p, which is used: of all who free it one does. Who is so late that the slot has another object,
 * which begins elsewhere, leaves that alone. */
static bool guard_take(struct mm_guard *g, struct mm_slab *slab, const void *p)
{
	if (MM_PLANTED(MM_PLANT_GUARD_FREE) && mm_atomic_load_relaxed(&slab->states[0]) == MM_OBJECT_USED)
		guard_state(slab, GUARD_LOOKED);
	else if (!mm_atomic_cas_byte(&slab->states[0], MM_OBJECT_USED, GUARD_LOOKED))
		return false;
	if ((uintptr_t)p == guard_begins(slab) || MM_PLANTED(MM_PLANT_GUARD_LATE))
		return true;
	if (!guard_leave(slab))
		guard_give(g, slab);
	return false;
}

/* It is not used any more before its pages are looked at: of racing frees one looks. */
static enum mm_status guard_retire(struct mm_guard *g, const void *p, uintptr_t caller)
{
	struct mm_slab *slab = guard_at(g, (uintptr_t)p);
	const unsigned char *stain;
	bool stays;

	if (!guard_take(g, slab, p))
		return MM_E_DOUBLE_FREE;
	stain = guard_beside(g, slab);
	if (!stain) {
		mm_atomic_store_relaxed(&guard_slot_of(slab)->freed, caller);
		guard_state(slab, MM_OBJECT_IDLE);
		return MM_OK;
	}
	stays = guard_leave(slab);
	(void)guard_tell(g, slab, stain);
	if (!stays)
		guard_give(g, slab);
	return MM_E_CORRUPT;
}

/* Who allocated the object at p gives it back, be it damaged; false: somebody freed it, or, who looks at it just now
 * because he frees it late, is told to give it back if he would leave it (Q7). Nobody waits for him: he may be what this
 * interrupts. */
static bool guard_claim(struct mm_guard *g, const void *p)
{
	struct mm_slab *slab = guard_at(g, (uintptr_t)p);

	while (!guard_take(g, slab, p)) {
		uint8_t state;

		if ((uintptr_t)p != guard_begins(slab) || mm_atomic_cas_byte(&slab->states[0], GUARD_LOOKED, GUARD_GIVEN))
			return false;
		state = mm_atomic_load_relaxed(&slab->states[0]);
		if (state != MM_OBJECT_USED && state != GUARD_LOOKED) /* else another free just left it, or looks now */
			return false;
	}
	guard_mark(slab);
	return true;
}

static struct mm_slab *guard_walk(const struct mm_guard *g, const struct mm_cache *cache, uint32_t *i)
{
	while (*i < g->nslots) {
		struct mm_slab *slab = guard_slab(g, (*i)++);

		if (mm_atomic_load_acquire(&guard_slot_of(slab)->phase) >= GUARD_USED &&
		    (!cache || slab_cache(slab) == cache))
			return slab;
	}
	return NULL;
}

static void guard_forget(struct mm_guard *g, const struct mm_cache *cache)
{
	uintptr_t irq = guard_lock(g);

	for (uint32_t i = 0; i < g->nslots; i++) {
		struct mm_cache *whose = slab_cache(guard_slab(g, i));

		/* Who makes it an object of another cache, which needs no lock, may be faster. */
		if (whose == cache)
			(void)mm_atomic_cas(&guard_slab(g, i)->cache, &whose, NULL); /* Q6 */
	}
	guard_unlock(g, irq);
}

static enum mm_status guard_end(struct mm_heap *heap)
{
	struct mm_guard *g = heap->guard;

	if (g->protects && !guard_protect(g, (void *)g->base, g->bytes, true))
		return MM_E_AGAIN;
	for (uint32_t c = 0; g->kmalloc && c < MM_KMALLOC_CLASSES; c++)
		heap->caches[c].flags &= ~(uint32_t)MM_CACHE_GUARD;
	heap->guard = NULL;
	return MM_OK;
}

/* Frames that the pool and the records of n slots take. */
static size_t guard_frames(size_t n)
{
	return (sizeof(struct mm_guard) + n * GUARD_RECORD + (size_t)MM_FRAME_SIZE - 1) >> MM_FRAME_SHIFT;
}

/* Most slots in so many frames, of which there is one of `gap` at the begin and behind each of them. */
static uint32_t guard_room(size_t frames, uint32_t unit, uint32_t gap)
{
	uint32_t n = 0;

	while (n < UINT32_MAX / GUARD_WORDS && guard_frames(n + 1) + gap + (size_t)(n + 1) * unit <= frames)
		n++;
	return n;
}

/* Fill in what follows from the configuration; false: it makes no sense. */
static bool guard_measure(struct mm_guard *g, const struct mm_guard_cfg *cfg)
{
	uint32_t frames = cfg->frames ? cfg->frames : 1, gap;

	if (((uintptr_t)cfg->base | (uintptr_t)cfg->bytes) & ((uintptr_t)MM_FRAME_SIZE - 1) || !cfg->base ||
	    cfg->bytes > UINTPTR_MAX - (uintptr_t)cfg->base || frames > MM_GUARD_FRAMES_MAX)
		return false;
	g->base = (uintptr_t)cfg->base;
	g->bytes = cfg->bytes;
	g->pa = cfg->pa;
	g->hooks = cfg->hooks;
	g->protects = cfg->hooks && cfg->hooks->protect;
	g->kmalloc = cfg->kmalloc;
	g->every = cfg->every < UINT32_MAX / 2 ? cfg->every : UINT32_MAX / 2;
	g->hold = cfg->hold;
	gap = g->protects ? 1 : 0;
	g->unit = frames + gap;
	g->slot_bytes = frames << MM_FRAME_SHIFT;
	g->nslots = guard_room(cfg->bytes >> MM_FRAME_SHIFT, g->unit, gap);
	g->first = g->base + ((guard_frames(g->nslots) + gap) << MM_FRAME_SHIFT);
	return g->nslots > g->hold;
}

static void guard_make_slot(struct mm_guard *g, uint32_t i)
{
	struct mm_slab *slab = guard_slab(g, i);
	struct guard_slot *slot = guard_slot_of(slab);

	__builtin_memset(slab, 0, GUARD_RECORD);
	slab->heap = g->heap;
	slab->reciprocal = UINT32_MAX / (2 * g->slot_bytes) + 1;
	slot->page = (unsigned char *)g->first + (((size_t)i * g->unit) << MM_FRAME_SHIFT);
	slab->base = slot->page;
	slot->open = !g->protects;
	__builtin_memset(slot->page, GUARD_BYTE, g->slot_bytes); /* Q2 */
	guard_queue(g, i);
}

/* Are as many slots in the queue as there should be, all of them free? */
static bool guard_is_sound(struct mm_guard *g)
{
	uintptr_t irq = guard_lock(g);
	uint32_t n = 0, last = GUARD_NONE, i = g->oldest;
	bool sound = g->nfree <= g->nslots;

	for (; sound && n < g->nfree; n++) {
		sound = i < g->nslots && guard_slot_of(guard_slab(g, i))->phase == GUARD_FREE;
		if (sound) {
			last = i;
			i = guard_slot_of(guard_slab(g, i))->next;
		}
	}
	sound = sound && (g->nfree == 0 || (last == g->newest && i == GUARD_NONE));
	guard_unlock(g, irq);
	return sound;
}

static const struct guard_ops guard_ops = {
	.alloc = guard_new,
	.find = guard_find,
	.slot = guard_slot_at,
	.retire = guard_retire,
	.claim = guard_claim,
	.look = guard_look,
	.is_whole = guard_is_whole,
	.keep = guard_keep,
	.next = guard_walk,
	.is_sound = guard_is_sound,
	.forget = guard_forget,
	.end = guard_end,
};

/* Write the pool to its first pages. */
static enum mm_status guard_begin(const struct mm_guard *fresh)
{
	struct mm_guard *g = (struct mm_guard *)fresh->base;
	struct mm_heap *heap = fresh->heap;
	uintptr_t apart = fresh->first - ((uintptr_t)(fresh->protects ? 1 : 0) << MM_FRAME_SHIFT);

	*g = *fresh;
	for (uint32_t i = 0; i < g->nslots; i++)
		guard_make_slot(g, i);
	if (g->protects && !guard_protect(g, (void *)apart, g->bytes - (apart - g->base), false))
		return MM_E_NOTSUP;
	heap->guard = g;
	for (uint32_t c = 0; g->kmalloc && c < MM_KMALLOC_CLASSES; c++)
		heap->caches[c].flags |= MM_CACHE_GUARD;
	return MM_OK;
}

/* The object, on either side of a page between slots, that who touched it meant: one that is allocated, and the
 * nearer one. NULL: there never was one. */
static struct mm_slab *guard_meant(const struct mm_guard *g, uint32_t before, uintptr_t at)
{
	struct mm_slab *best = NULL;

	for (uint32_t i = before; i < before + 2; i++) {
		struct mm_slab *slab = i < g->nslots ? guard_slab(g, i) : NULL;

		if (!slab || !slab_cache(slab))
			continue;
		if (!best || guard_is_free(best) > guard_is_free(slab) ||
		    (guard_is_free(best) == guard_is_free(slab) && guard_distance(slab, at) < guard_distance(best, at)))
			best = slab;
	}
	return best;
}

static enum mm_status guard_fault(const struct mm_guard *g, uintptr_t at, struct mm_guard_report *report)
{
	uint32_t frame = 0, i = 0;
	struct mm_slab *slab = guard_at(g, at);

	if (!slab && at < g->first) {
		if (!g->protects || at < g->first - (uintptr_t)MM_FRAME_SIZE)
			return MM_E_NOENT; /* the pool's own */
		slab = guard_slab(g, 0);
		slab = slab_cache(slab) ? slab : NULL;
	} else if (!slab && guard_number(g, at, &frame, &i)) {
		slab = guard_meant(g, i, at);
	}
	if (slab && slab_cache(slab) && !guard_is_free(slab) && at - guard_begins(slab) < guard_size(slab))
		return MM_E_NOENT;
	if (slab)
		guard_describe(slab, at, report);
	else
		*report = (struct mm_guard_report){ .address = at };
	return MM_OK;
}

/* A byte of a slot that has not the pattern it must have, or NULL. */
static const unsigned char *guard_look_at(struct mm_guard *g, struct mm_slab *slab, struct mm_guard_report *report)
{
	const struct guard_slot *slot = guard_slot_of(slab);
	uintptr_t irq = guard_lock(g);
	uint32_t phase = mm_atomic_load_acquire(&slot->phase);
	const unsigned char *stain = NULL;

	if (phase == GUARD_USED)
		stain = guard_beside(g, slab);
	else if (phase == GUARD_FREE && slot->open)
		stain = guard_stain(slot->page, slot->page + g->slot_bytes);
	if (stain)
		guard_describe(slab, (uintptr_t)stain, report);
	guard_unlock(g, irq);
	return stain;
}
#endif

enum mm_status mm_guard_init(struct mm_heap *heap, const struct mm_guard_cfg *cfg)
{
	if (!heap || !cfg)
		return MM_E_INVAL;
	if (!heap->pmm)
		return MM_E_STATE;
#if GUARD_POSSIBLE
	struct mm_guard fresh = { .ops = &guard_ops, .heap = heap };

	if (heap->guard)
		return MM_E_EXIST;
	return guard_measure(&fresh, cfg) ? guard_begin(&fresh) : MM_E_INVAL;
#else
	return MM_E_NOTSUP;
#endif
}

enum mm_status mm_guard_end(struct mm_heap *heap)
{
	if (!heap)
		return MM_E_INVAL;
	if (!heap->guard)
		return MM_E_STATE;
#if GUARD_POSSIBLE
	heap_take_back(heap);
	if (heap->guard->nfree != heap->guard->nslots)
		return MM_E_BUSY;
	return guard_end(heap);
#else
	return MM_OK;
#endif
}

enum mm_status mm_guard_fault(const struct mm_heap *heap, uintptr_t address, struct mm_guard_report *report)
{
	const struct mm_guard *g;

	if (!heap || !report)
		return MM_E_INVAL;
	if (!heap->pmm)
		return MM_E_STATE;
	g = guard_pool(heap, (const void *)address);
	if (!g)
		return MM_E_FOREIGN;
#if GUARD_POSSIBLE
	return guard_fault(g, address, report);
#else
	return MM_E_FOREIGN;
#endif
}

enum mm_status mm_guard_check(struct mm_heap *heap, struct mm_guard_report *report)
{
	if (!heap || !report)
		return MM_E_INVAL;
	if (!heap->pmm)
		return MM_E_STATE;
#if GUARD_POSSIBLE
	struct mm_guard *g = heap->guard;

	for (uint32_t i = 0; g && i < g->nslots; i++)
		if (guard_look_at(g, guard_slab(g, i), report))
			return MM_E_CORRUPT;
	if (g && !guard_is_sound(g)) {
		*report = (struct mm_guard_report){ 0 };
		return MM_E_CORRUPT;
	}
#endif
	return MM_OK;
}

enum mm_status mm_guard_stats(struct mm_heap *heap, struct mm_guard_stats *out)
{
	if (!heap || !out)
		return MM_E_INVAL;
	if (!heap->pmm)
		return MM_E_STATE;
	*out = (struct mm_guard_stats){ 0 };
#if GUARD_POSSIBLE
	struct mm_guard *g = heap->guard;

	heap_take_back(heap);
	if (g) {
		uintptr_t irq = guard_lock(g);

		*out = (struct mm_guard_stats){ g->nslots, g->nslots - g->nfree, g->nfree, g->given };
		guard_unlock(g, irq);
	}
#endif
	return MM_OK;
}
