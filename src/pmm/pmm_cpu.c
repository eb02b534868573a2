/* SPDX-License-Identifier: MIT */
/* Theory of operation: blocks at hand on each CPU
 * Problem      small blocks come and go often; the buddy's compare-and-swap on shared words is what
 *              CPUs would meet on.
 * Structure    each CPU keeps blocks of one range of the zone that its ordinary requests take from first
 *              (zone.c, Z4), last in first out: the last one freed is the warmest. A hand for each of the orders 0 to 9.
 *              An empty hand takes from the lowest word of the bitmap that has blocks of its order, a
 *              full one gives its older half back, neighbours in one word together: one
 *              compare-and-swap for many blocks. Blocks are 32-bit offsets into the range, whose bytes are one load away,
 *              so a call that is served here looks up no range. hand.h has these calls; this file
 *              has what they leave undone.
 * Placement    a single frame that is freed far above the frames taken last (CPU_WINDOW) goes to the
 *              buddy at once: at hand it would be used again, and keep a large block from becoming
 *              whole. Measured: 384, 256 and 125 blocks of order 9 instead of 383, 255 and 119, of
 *              1 GiB at 25, 50 and 75 % use.
 * Invariants   H1 only its own CPU touches its hands (src/local.h); others read `top` for
 *                 statistics and set `drain`.
 *              H2 a block at hand has byte 00 and is in no buddy: its byte was cleared before it came
 *                 here, and is set after it left.
 *              H3 a zone with few free frames leaves none at hand: a hand's room, found anew whenever
 *                 it is empty or full, is 0 then.
 *              H4 memory is not reported as used up while blocks are at hand anywhere: before a
 *                 failure own blocks are given back, then those of others. A CPU that is inside may
 *                 have blocks on their way to its hands, so `busy` counts as having some; and who
 *                 begins to take some counts it in its zone's refills first, so that a search which they
 *                 were taken away from knows.
 *              H5 limit <= span, and room is 0 without a range: an offset that passes is one of the
 *                 range.
 * Draining     with the port's run_on, others are drained by running on them. Without it they are
 *              asked, and answer at their next call: the failure is then MM_E_AGAIN.
 * Why no IRQ   an interrupt that hits inside finds `busy` and goes to the buddy, which is
 *              lock-free. */
#include "hand.h"
#include "zone.h"
#include "../buddy/buddy.h"
#include "../checked.h"

#ifndef CPU_WINDOW       /* tests make it small */
#define CPU_WINDOW 2048u /* frames */
#endif

static const uint8_t cpu_capacity[MM_HANDS] = {
	MM_PAGE_MAGAZINE, MM_PAGE_SLOTS, MM_PAGE_SLOTS, MM_PAGE_SLOTS, 2, 2, 2, 2, 2, 4,
	MM_HAND_GOING,
};

/* Order of the blocks of hand h. */
static unsigned cpu_order(unsigned h)
{
	return h == MM_HAND_AWAY ? 0 : h;
}

/* This CPU's hands, entered, or NULL. mm_local_unpin() in every case. */
static struct mm_page_cpu *cpu_enter(struct mm_pmm *pmm, uintptr_t *saved)
{
	uint32_t number = mm_local_pin(pmm->port, saved);
	struct mm_page_cpu *cpu;

	if (number >= pmm->ncpus)
		return NULL;
	cpu = &pmm->cpus[number];
	return cpu->online && mm_local_enter(&cpu->busy) ? cpu : NULL;
}

static uint32_t cpu_count(const struct mm_hand *hand)
{
	return mm_atomic_load_relaxed(&hand->top) - hand->bottom;
}

/* H3: blocks of hand h that may wait here. */
static uint32_t cpu_room(const struct mm_pmm *pmm, const struct mm_page_cpu *cpu, unsigned h)
{
	uintptr_t free = zone_surplus(pmm, cpu->zone); /* Z6 */
	uintptr_t all =
		(uintptr_t)2 * cpu_capacity[h] * pmm->ncpus; /* twice what all CPUs may have */

	return free >> cpu_order(h) < all ? 0 : cpu_capacity[h];
}

/* Give the coldest blocks of hand h back until `keep` are left. */
static void cpu_flush(struct mm_pmm *pmm, struct mm_page_cpu *cpu, unsigned h, uint32_t keep)
{
	struct mm_hand *hand = &cpu->hand[h];
	uint32_t *blocks = &cpu->blocks[hand->bottom], out = cpu_count(hand) - keep;
	enum mm_status st;

	if (out == 0)
		return;
	pmm_count(pmm, cpu->range->zone, (uintptr_t)out << cpu_order(h)); /* M3 */
	st = buddy_give_bulk(&cpu->range->buddy, cpu_order(h), blocks, out);
	MM_CHECK(pmm->port, st == MM_OK); /* H2 */
	__builtin_memmove(blocks, blocks + out, keep * sizeof(*blocks));
	hand_set_top(hand, hand->bottom + keep);
}

static void cpu_flush_all(struct mm_pmm *pmm, struct mm_page_cpu *cpu)
{
	for (unsigned h = 0; h < MM_HANDS; h++)
		cpu_flush(pmm, cpu, h, 0);
}

/* Answer a request of another CPU: give all back, and keep no more before there is room. */
static void cpu_obey(struct mm_pmm *pmm, struct mm_page_cpu *cpu)
{
	if (mm_atomic_load_relaxed(&cpu->drain)) {
		mm_atomic_store_relaxed(&cpu->drain, 0u);
		cpu_flush_all(pmm, cpu);
		for (unsigned h = 0; h < MM_HANDS; h++)
			cpu->hand[h].end = cpu->hand[h].bottom;
	}
}

/* From now on keep blocks of this range. Keeps H5. */
static PMM_SLOW void cpu_attach(struct mm_pmm *pmm, struct mm_page_cpu *cpu, struct mm_range *r)
{
	uint32_t first = 0;

	cpu_flush_all(pmm, cpu);
	cpu->range = r;
	cpu->base = r->first;
	cpu->bytes = r->bytes;
	cpu->span = (uint32_t)(r->last - r->first);
	for (unsigned h = 0; h < MM_HANDS; h++) {
		cpu->hand[h] = (struct mm_hand){ first, first, first, cpu->span };
		first += cpu_capacity[h];
	}
}

/* Fill hand h from its range. False: there is nothing to have. */
static bool cpu_refill_here(struct mm_pmm *pmm, struct mm_page_cpu *cpu, unsigned h)
{
	struct mm_buddy *buddy = &cpu->range->buddy;
	struct mm_hand *hand = &cpu->hand[h];
	uint32_t *blocks = &cpu->blocks[hand->bottom], most = hand->end - hand->bottom;
	unsigned got;

	if (most > 4)
		most /= 2;
	if (cpu_order(h) > mm_buddy_max_order(buddy) ||
	    buddy_take_bulk(buddy, cpu_order(h), blocks, most, &got) != MM_OK)
		return false;
	pmm_count(pmm, cpu->range->zone, (uintptr_t)0 - ((uintptr_t)got << cpu_order(h))); /* M3 */
	if (h == 0 && cpu->span - blocks[got - 1] > CPU_WINDOW)
		hand->limit = blocks[got - 1] + CPU_WINDOW;
	else
		hand->limit = cpu->span;
	hand_set_top(hand, hand->bottom + got);
	return true;
}

/* The range of this CPU's zone behind r, round and round. */
static struct mm_range *cpu_next_range(const struct mm_pmm *pmm, const struct mm_page_cpu *cpu,
				       const struct mm_range *r)
{
	struct mm_range *next = r ? zone_next_range(pmm, r) : NULL;

	return next ? next : zone_first_range(pmm, cpu->zone);
}

/* Fill hand h, which is empty: from its range, or, with single frames, from the next one of its zone
 * that has some. */
static PMM_SLOW void cpu_refill(struct mm_pmm *pmm, struct mm_page_cpu *cpu, unsigned h)
{
	uint32_t room = cpu_room(pmm, cpu, h);
	struct mm_range *end, *r;

	cpu->hand[h].end = cpu->hand[h].bottom + (cpu->range ? room : 0); /* H5 */
	if (room == 0)
		return;
	mm_atomic_add(&pmm->zones[cpu->zone].refills, 1u); /* H4 */
	if (cpu->range) {
		if (cpu_refill_here(pmm, cpu, h) || h != 0)
			return;
	}
	r = end = cpu_next_range(pmm, cpu, cpu->range);
	do {
		if (mm_fits_32(r->last - r->first)) {
			cpu_attach(pmm, cpu, r);
			cpu->hand[h].end += room;
			if (cpu_refill_here(pmm, cpu, h))
				return;
		}
		r = cpu_next_range(pmm, cpu, r);
	} while (r != end);
}

/* Are blocks of this order kept by anybody? */
static bool cpu_keeps(const struct mm_pmm *pmm, unsigned order)
{
	return pmm->ncpus && order <= MM_HAND_ORDER;
}

bool pmm_cpu_pop(struct mm_pmm *pmm, uint32_t zone, unsigned order, unsigned byte, mm_pfn_t *pfn)
{
	uintptr_t saved;
	struct mm_page_cpu *cpu;
	bool got = false;

	if (!cpu_keeps(pmm, order) || zone == ZONE_NONE)
		return false;
	cpu = cpu_enter(pmm, &saved);
	if (cpu) {
		struct mm_hand *hand = &cpu->hand[order];

		cpu_obey(pmm, cpu);
		if (cpu->zone == zone) {
			if (hand->top == hand->bottom)
				cpu_refill(pmm, cpu, order);
			got = hand_pop(cpu, hand, byte, pfn);
		}
		mm_local_leave(&cpu->busy);
	}
	mm_local_unpin(pmm->port, saved);
	return got;
}

/* Keep a block of this CPU's range in hand h, or among those that are to go back. */
static bool cpu_keep(struct mm_pmm *pmm, struct mm_page_cpu *cpu, unsigned h, uint32_t at)
{
	struct mm_hand *hand;
	uint32_t room;

	if (at > cpu->hand[h].limit)
		h = MM_HAND_AWAY;
	hand = &cpu->hand[h];
	room = cpu_room(pmm, cpu, h);
	hand->end = hand->bottom + room;
	if (cpu_count(hand) >= room || (h == MM_HAND_AWAY && !hand_is_near(cpu, at)))
		cpu_flush(pmm, cpu, h, h == MM_HAND_AWAY || room <= 4 ? 0 : room / 2);
	if (room == 0)
		return false;
	hand_push(cpu, hand, hand->top, at);
	return true;
}

bool pmm_cpu_push(struct mm_pmm *pmm, const struct mm_range *r, mm_pfn_t pfn, unsigned order)
{
	uintptr_t saved;
	struct mm_page_cpu *cpu;
	bool kept = false;

	if (!cpu_keeps(pmm, order))
		return false;
	cpu = cpu_enter(pmm, &saved);
	if (cpu) {
		cpu_obey(pmm, cpu);
		if (r == cpu->range)
			kept = cpu_keep(pmm, cpu, order, (uint32_t)(pfn - r->first));
		mm_local_leave(&cpu->busy);
	}
	mm_local_unpin(pmm->port, saved);
	return kept;
}

/* What a CPU had at hand is back: is its zone's pressure over? */
static void cpu_watch(struct mm_pmm *pmm, const struct mm_page_cpu *cpu)
{
	if (cpu && pmm->watched && cpu->zone != ZONE_NONE)
		zone_watch(pmm, cpu->zone);
}

bool pmm_cpu_drain(struct mm_pmm *pmm)
{
	uintptr_t saved;
	struct mm_page_cpu *cpu = cpu_enter(pmm, &saved);

	if (cpu) {
		mm_atomic_store_relaxed(&cpu->drain, 0u);
		cpu_flush_all(pmm, cpu);
		mm_local_leave(&cpu->busy);
	}
	mm_local_unpin(pmm->port, saved);
	cpu_watch(pmm, cpu);
	return cpu != NULL;
}

void pmm_cpu_empty_all(struct mm_pmm *pmm)
{
	for (uint32_t i = 0; i < pmm->ncpus; i++)
		cpu_flush_all(pmm, &pmm->cpus[i]);
}

void pmm_cpu_detach_all(struct mm_pmm *pmm)
{
	pmm_cpu_empty_all(pmm);
	for (uint32_t i = 0; i < pmm->ncpus; i++) {
		__builtin_memset(pmm->cpus[i].hand, 0, sizeof(pmm->cpus[i].hand)); /* H5 */
		pmm->cpus[i].range = NULL;
	}
}

/* May this CPU have blocks at hand, or on their way there? It sets `top` before it leaves. */
static bool cpu_holds(const struct mm_page_cpu *cpu)
{
	if (mm_atomic_load_acquire(&cpu->busy))
		return true;
	for (unsigned h = 0; h < MM_HANDS; h++)
		if (cpu_count(&cpu->hand[h]))
			return true;
	return false;
}

bool pmm_cpu_any_of(const struct mm_pmm *pmm, uint32_t zone)
{
	for (uint32_t i = 0; i < pmm->ncpus; i++)
		if (pmm->cpus[i].zone == zone)
			return true;
	return false;
}

bool pmm_any_at_hand(const struct mm_pmm *pmm, const struct zone_want *want)
{
	uint32_t zone = ZONE_NONE; /* of the CPU before: most are of the same */
	bool serves = !want;

	for (uint32_t i = 0; i < pmm->ncpus; i++) {
		const struct mm_page_cpu *cpu = &pmm->cpus[i];

		if (want && cpu->zone != zone) {
			zone = cpu->zone;
			serves = zone_allows(pmm, want, zone);
		}
		if (serves && cpu_holds(cpu))
			return true;
	}
	return false;
}

void pmm_request_drain(struct mm_pmm *pmm)
{
	for (uint32_t i = 0; i < pmm->ncpus; i++)
		if (cpu_holds(&pmm->cpus[i]))
			mm_atomic_store_relaxed(&pmm->cpus[i].drain, 1u);
}

void pmm_close_hands(struct mm_pmm *pmm, uint32_t zone)
{
	for (uint32_t i = 0; i < pmm->ncpus; i++)
		if (pmm->cpus[i].zone == zone)
			mm_atomic_store_relaxed(&pmm->cpus[i].drain, 1u);
}

static void cpu_drain_here(void *pmm)
{
	(void)pmm_cpu_drain(
		pmm); /* false: it hit in the middle of a call, which will see `drain` */
}

enum mm_status mm_pmm_drain(struct mm_pmm *pmm)
{
	if (!pmm)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	(void)pmm_cpu_drain(pmm);
	if (MM_PLANTED(MM_PLANT_DRAIN))
		pmm_cpu_empty_all(pmm);
	pmm_request_drain(pmm);
	for (uint32_t i = 0; pmm->port->run_on && i < pmm->ncpus; i++)
		if (cpu_holds(&pmm->cpus[i]))
			pmm->port->run_on(pmm->port->ctx, i, cpu_drain_here, pmm);
	return pmm_any_at_hand(pmm, NULL) ? MM_E_AGAIN : MM_OK;
}

void mm_pmm_cpu_idle(struct mm_pmm *pmm)
{
	uintptr_t saved;
	struct mm_page_cpu *cpu;

	if (!pmm || !pmm_ready(pmm))
		return;
	cpu = cpu_enter(pmm, &saved);
	if (cpu) {
		cpu_obey(pmm, cpu);
		mm_local_leave(&cpu->busy);
	}
	mm_local_unpin(pmm->port, saved);
	cpu_watch(pmm, cpu);
}

enum mm_status mm_pmm_cpu_online(struct mm_pmm *pmm, uint32_t cpu)
{
	if (!pmm)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	if (cpu >= pmm->ncpus)
		return MM_E_INVAL;
	mm_atomic_store_release(&pmm->cpus[cpu].online, 1u);
	return MM_OK;
}

enum mm_status mm_pmm_cpu_offline(struct mm_pmm *pmm, uint32_t cpu)
{
	enum mm_status st = MM_E_BUSY;
	struct mm_page_cpu *c;
	uintptr_t saved;

	if (!pmm)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	if (cpu >= pmm->ncpus)
		return MM_E_INVAL;
	c = &pmm->cpus[cpu];
	(void)mm_local_pin(pmm->port, &saved);
	if (!mm_atomic_load_acquire(&c->busy) && mm_local_enter(&c->busy)) {
		/* it may be this CPU: interrupts go round */
		cpu_flush_all(pmm, c);
		for (unsigned h = 0; h < MM_HANDS; h++)
			c->hand[h].end = c->hand[h].bottom;
		c->drain = 0;
		c->online = 0;
		mm_local_leave(&c->busy);
		st = MM_OK;
	}
	mm_local_unpin(pmm->port, saved);
	return st;
}

enum mm_status mm_pmm_cpu_set_node(struct mm_pmm *pmm, uint32_t cpu, uint32_t node)
{
	struct mm_page_cpu *c;

	if (!pmm)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	if (cpu >= pmm->ncpus || node >= zone_nodes(pmm))
		return MM_E_INVAL;
	c = &pmm->cpus[cpu];
	if (mm_atomic_load_acquire(&c->online))
		return MM_E_BUSY;
	__builtin_memset(c->hand, 0, sizeof(c->hand)); /* H5; they are empty */
	c->range = NULL;
	c->node = node;
	c->zone = zone_of_node(pmm, node);
	return MM_OK;
}

mm_pfn_t pmm_cpu_frames(const struct mm_page_cpu *cpu)
{
	mm_pfn_t frames = 0;

	for (unsigned h = 0; h < MM_HANDS; h++)
		frames += (mm_pfn_t)cpu_count(&cpu->hand[h]) << cpu_order(h);
	return frames;
}

/* Is each frame of a block at hand as H2 says? */
static bool cpu_verify_block(const struct mm_page_cpu *cpu, uint32_t at, unsigned order)
{
	mm_pfn_t frames = (mm_pfn_t)1 << order;

	if (at > cpu->span || frames - 1 > cpu->span - at || (cpu->base + at) & (frames - 1))
		return false;
	for (mm_pfn_t i = 0; i < frames; i++)
		if (cpu->bytes[at + i] != FRAME_FREE ||
		    mm_buddy_is_free(&cpu->range->buddy, cpu->base + at + i))
			return false;
	return true;
}

bool pmm_cpu_verify(const struct mm_page_cpu *cpu)
{
	const struct mm_range *r = cpu->range;

	if (r && (r->zone != cpu->zone || r->first != cpu->base || r->bytes != cpu->bytes ||
		  r->last - r->first != cpu->span))
		return false;
	for (unsigned h = 0; h < MM_HANDS; h++) {
		const struct mm_hand *hand = &cpu->hand[h];
		uint32_t count = cpu_count(hand), room = hand->end - hand->bottom;

		if (count > cpu_capacity[h] || room > cpu_capacity[h] ||
		    ((count || room) && !(r && cpu->online)) ||
		    (r && hand->limit > cpu->span)) /* H5 */
			return false;
		for (uint32_t i = hand->bottom; i < hand->top; i++)
			if (!cpu_verify_block(cpu, cpu->blocks[i], cpu_order(h)))
				return false;
	}
	return true;
}

#undef CPU_WINDOW
