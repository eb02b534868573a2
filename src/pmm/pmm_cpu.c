/* SPDX-License-Identifier: MIT */
/* Theory of operation: blocks at hand on each CPU
 * Problem      small blocks come and go often; the buddy's compare-and-swap on shared words is what
 *              CPUs would meet on.
 * Structure    each CPU keeps blocks of one range of the zone that its ordinary requests take from first
 *              (zone.c, Z4), last in first out: the last one freed is the warmest. A hand for each of the orders 0 to 9.
 *              An empty hand takes from the lowest word of the bitmap that has blocks of its order, a
 *              full one gives its older half back, neighbours in one word together: one
 *              compare-and-swap for many blocks. Blocks are 32-bit offsets into the range, whose bytes are one load away,
 *              so a call that is served here looks up no range. mmlib/pmm_inline.h has these calls; this
 *              file has what they leave undone.
 * Placement    a single frame that is freed far above the frames taken last (CPU_WINDOW) goes to the
 *              buddy at once: at hand it would be used again, and keep a large block from becoming
 *              whole. Measured: 384, 256 and 125 blocks of order 9 instead of 383, 255 and 119, of
 *              1 GiB at 25, 50 and 75 % use.
 * Invariants   H1 only its own CPU touches its hands (src/local.h); others read `top` for
 *                 statistics, set `drain`, and close hands then (H6).
 *              H2 a block at hand has byte 00 and is in no buddy: its byte was cleared before it came
 *                 here, and is set after it left.
 *              H3 a zone with few free frames leaves none at hand: a hand's room, found anew whenever
 *                 it is empty or full, is 0 then.
 *              H4 memory is not reported as used up while blocks are at hand anywhere: before a
 *                 failure own blocks are given back, then those of others. A CPU that is inside may
 *                 have blocks on their way to its hands, so that counts as having some; and who
 *                 begins to take some counts it in its zone's refills first, so that a search which they
 *                 were taken away from knows. A block may come to a hand that was looked at, and then one
 *                 be taken from a hand that was not yet: so who found nothing looks at all hands again.
 *              H5 near_last <= known_last <= the range's last offset, and room is 0 without a range: an
 *                 offset that passes is one of the range, and its section is filled (src/buddy/section.h),
 *                 so its byte is true.
 *              H6 a hand is closed while there is a request to drain that nobody has begun to answer, or
 *                 anything is isolated: who comes by compares with `floor` and `end` anyway, so it costs
 *                 him nothing.
 *              H7 `next`, if not 0, is the offset of the first frame of a word, behind the word in its
 *                 sector that single frames came from last, and nothing was drained since. It is a wish: its
 *                 frames are as free as others.
 *              H8 who isolates asks all CPUs to give back, whatever they are seen to have: there is no fence
 *                 between what who comes by stores and what he loads. Both his door and that his hand is closed
 *                 may be seen late, and a block be kept; it goes back at the CPU's next call.
 * Sectors      CPUs fetch lines by aligned pairs, so two that write into neighbouring lines of bytes wait for
 *              each other as if it were one. Single frames are taken by the word, whose bytes are a
 *              line; where whole words are next, a CPU begins a sector of its own, goes through it
 *              word by word, and others begin another: not farther up than the sectors that all CPUs may have
 *              begun. Where words in part are next, one search is all, as without sectors. Measured: a pair of
 *              calls on two CPUs at once takes 1.0 of what it takes alone instead of 1.3 to 1.9. Without that
 *              limit large blocks are broken while words below are free: of order 9 there were 328, 177 and
 *              92 instead of those above.
 * Draining     with the port's run_on, others are drained by running on them. Without it they are
 *              asked, and answer at their next call: the failure is then MM_E_AGAIN.
 * Why no IRQ   an interrupt that hits inside finds the door shut and goes to the buddy, which is
 *              lock-free. */
#include <mmlib/pmm_inline.h>
#include "mobility.h"
#include "zone.h"
#include "../buddy/buddy.h"
#include "../checked.h"

#ifndef CPU_WINDOW       /* tests make it small */
#define CPU_WINDOW 2048u /* frames */
#endif

#ifndef CPU_SECTOR /* tests make it small */
#define CPU_SECTOR 7u /* order of the frames whose bytes are in two lines */
#endif

#define CPU_DRAIN 1u /* in mm_page_cpu::drain: give back what is at hand */
#define CPU_WATCH 2u /* and one isolation */

/* Places: hand h has those from cpu_bottom[h] up to below cpu_bottom[h + 1]. */
#define CPU_SMALL MM_PAGE_MAGAZINE                /* behind the single frames */
#define CPU_LARGE (CPU_SMALL + 3 * MM_PAGE_SLOTS) /* behind orders 1 to 3 */
static const uint16_t cpu_bottom[MM_HANDS + 1] = {
	0,
	CPU_SMALL,
	CPU_SMALL + MM_PAGE_SLOTS,
	CPU_SMALL + 2 * MM_PAGE_SLOTS,
	CPU_LARGE,
	CPU_LARGE + 2,
	CPU_LARGE + 4,
	CPU_LARGE + 6,
	CPU_LARGE + 8,
	CPU_LARGE + 10,
	CPU_LARGE + 14,
	MM_HAND_BLOCKS,
};

static uint32_t cpu_capacity(unsigned h)
{
	return (uint32_t)cpu_bottom[h + 1] - cpu_bottom[h];
}

/* Order of the blocks of hand h. */
static unsigned cpu_order(unsigned h)
{
	return h == MM_HAND_AWAY ? 0 : h;
}

/* This CPU's hands, of movable blocks or of others, entered, or NULL. mm_local_unpin() in every case. */
static struct mm_page_cpu *cpu_enter(struct mm_pmm *pmm, bool movable, uintptr_t *saved)
{
	uint32_t number = mm_local_pin(pmm->port, saved);
	struct mm_page_cpu *cpu;

	if (number >= pmm->ncpus)
		return NULL;
	cpu = pmm_hands(pmm, movable ? pmm->ncpus + number : number);
	if (!mm_local_open(&cpu->door, (uintptr_t)pmm))
		return NULL;
#ifdef MM_PORT_SLOT
	if (!movable)
		mm_port_set_slot(MM_SLOT_PAGE, cpu);
#endif
	return cpu;
}

static void cpu_leave(struct mm_pmm *pmm, struct mm_page_cpu *cpu)
{
	mm_local_shut(&cpu->door, (uintptr_t)pmm);
}

/* The buddy that hands take from. */
static struct mm_buddy *cpu_buddy(const struct mm_page_cpu *cpu)
{
	if (MM_MOBILITY && cpu->mobility != MM_CLASS_UNMOVABLE)
		return &pmm_mobility(cpu->range)->of[cpu->mobility - 1];
	return &cpu->range->buddy;
}

/* Does a block belong to the hands of movable blocks? */
static bool cpu_is_movable(const struct mm_pmm *pmm, unsigned byte)
{
	return MM_MOBILITY && pmm->movable_cpus && frame_is_movable(byte);
}

static uint32_t cpu_count(const struct mm_page_cpu *cpu, unsigned h)
{
	return mm_atomic_load_relaxed(&cpu->hand[h].top) - cpu_bottom[h];
}

static void cpu_set_count(struct mm_page_cpu *cpu, unsigned h, uint32_t count)
{
	mm_atomic_store_relaxed(&cpu->hand[h].top, cpu_bottom[h] + count);
}

/* H3: blocks of hand h that may wait here. */
static uint32_t cpu_room(const struct mm_pmm *pmm, const struct mm_page_cpu *cpu, unsigned h)
{
	uintptr_t free = zone_surplus(pmm, cpu->zone); /* Z6 */
	uintptr_t all =
		(uintptr_t)2 * cpu_capacity(h) * pmm->ncpus; /* twice what all CPUs may have */

	return free >> cpu_order(h) < all ? 0 : cpu_capacity(h);
}

/* From now on whoever wants something of this hand comes here. */
static void cpu_close(struct mm_hand *hand)
{
	mm_atomic_store_relaxed(&hand->floor, MM_HAND_CLOSED);
	mm_atomic_store_relaxed(&hand->end, 0u);
}

/* Let those who come by take from hand h, and keep there as many as may wait; returns how many. cpu_look() must
 * follow. */
static inline uint32_t cpu_let(const struct mm_pmm *pmm, struct mm_page_cpu *cpu, unsigned h)
{
	struct mm_hand *hand = &cpu->hand[h];
	uint32_t room = cpu_room(pmm, cpu, h);

	mm_atomic_store_relaxed(&hand->floor, (uint32_t)cpu_bottom[h]);
	mm_atomic_store_relaxed(&hand->end, room ? cpu_bottom[h] + room : 0);
	return room;
}

/* H6: a hand was opened; now look for a request, which is made first, and then closes hands: one of the two sees the
 * other. Was there a read-modify-write since? */
static inline void cpu_look(struct mm_page_cpu *cpu, unsigned h, bool changed)
{
	if (changed)
		mm_atomic_fence_after();
	else
		mm_atomic_fence();
	if (mm_atomic_load_relaxed(&cpu->drain))
		cpu_close(&cpu->hand[h]);
}

/* Both. */
static uint32_t cpu_open(const struct mm_pmm *pmm, struct mm_page_cpu *cpu, unsigned h)
{
	uint32_t room = cpu_let(pmm, cpu, h);

	cpu_look(cpu, h, false);
	return room;
}

/* Give the coldest blocks of hand h back until `keep` are left, which are fewer than there are: read-modify-writes. */
static void cpu_flush(struct mm_pmm *pmm, struct mm_page_cpu *cpu, unsigned h, uint32_t keep)
{
	uint32_t *blocks = &cpu->blocks[cpu_bottom[h]], out = cpu_count(cpu, h) - keep;
	enum mm_status st;

	if (pmm_has_classes(cpu->range)) {
		for (uint32_t i = 0; i < out; i++)
			mobility_free(pmm, cpu->range, cpu->range->first + blocks[i], cpu_order(h));
	} else {
		pmm_count(pmm, cpu->range->zone, (uintptr_t)out << cpu_order(h)); /* M3 */
		st = buddy_give_bulk(&cpu->range->buddy, cpu_order(h), blocks, out);
		MM_CHECK(pmm->port, st == MM_OK); /* H2 */
	}
	__builtin_memmove(blocks, blocks + out, keep * sizeof(*blocks));
	cpu_set_count(cpu, h, keep);
}

static void cpu_flush_all(struct mm_pmm *pmm, struct mm_page_cpu *cpu)
{
	for (unsigned h = 0; h < MM_HANDS; h++)
		if (cpu_count(cpu, h))
			cpu_flush(pmm, cpu, h, 0);
	cpu->next = 0; /* who drains wants large blocks: begin with the lowest frames again */
}

/* Answer a request of another CPU: give all back, and keep no more before there is room. */
static void cpu_obey(struct mm_pmm *pmm, struct mm_page_cpu *cpu)
{
	if (mm_atomic_load_relaxed(&cpu->drain) & CPU_DRAIN) {
		mm_atomic_and(&cpu->drain, ~CPU_DRAIN);
		cpu_flush_all(pmm, cpu);
		for (unsigned h = 0; h < MM_HANDS; h++)
			cpu_close(&cpu->hand[h]);
	}
}

void pmm_cpu_reset(struct mm_page_cpu *cpu)
{
	for (unsigned h = 0; h < MM_HANDS; h++) {
		cpu_set_count(cpu, h, 0);
		cpu_close(&cpu->hand[h]);
	}
}

/* The last offset whose byte can be believed without a look at its section: H5. */
static mm_paddr_t cpu_known(struct mm_range *r)
{
	return (mm_paddr_t)(buddy_prefix(&r->buddy) - 1);
}

/* A block has come that may be in a section that was filled meanwhile. */
static void cpu_learn(struct mm_page_cpu *cpu, uint32_t at)
{
	if (at > cpu->known_last)
		cpu->known_last = cpu_known(cpu->range);
}

/* From now on keep blocks of this range. Keeps H5. */
static PMM_SLOW void cpu_attach(struct mm_pmm *pmm, struct mm_page_cpu *cpu, struct mm_range *r)
{
	cpu_flush_all(pmm, cpu);
	cpu->range = r;
	cpu->base = mm_pfn_to_pa(r->first);
	cpu->bytes = r->bytes;
	cpu->known_last = cpu->near_last = cpu_known(r);
	pmm_cpu_reset(cpu);
}

/* Fill the hand of single frames from a sector of its own: H7; if words in part are next, from the lowest. False:
 * neither was found. */
static PMM_SLOW bool cpu_take_sector(const struct mm_pmm *pmm, struct mm_page_cpu *cpu, struct mm_buddy *b,
				     uint32_t *blocks, unsigned most, unsigned *got)
{
	const mm_pfn_t within = (mm_pfn_t)pmm->ncpus << CPU_SECTOR;
	uint32_t next = cpu->next;

	if (!MM_ATOMICS || CPU_SECTOR <= BUDDY_F) /* one CPU, or a word is a sector */
		return false;
	cpu->next = 0;
	*got = BUDDY_W;
	if (!(next && (buddy_take_word(b, next, blocks) || MM_PLANTED(MM_PLANT_SECTOR))) &&
	    !buddy_take_sector(b, CPU_SECTOR, within, most, blocks, got))
		return *got != 0;
	next = blocks[0] + 1; /* the lowest comes last */
	if ((b->base + next) & (((mm_pfn_t)1 << CPU_SECTOR) - 1))
		cpu->next = next;
	return true;
}

/* Fill hand h from its range. False: there is nothing to have. */
static bool cpu_refill_here(struct mm_pmm *pmm, struct mm_page_cpu *cpu, unsigned h, uint32_t room)
{
	struct mm_buddy *buddy = cpu_buddy(cpu);
	uint32_t *blocks = &cpu->blocks[cpu_bottom[h]], most = room > 4 ? room / 2 : room;
	unsigned got;

	if (cpu_order(h) > mm_buddy_max_order(buddy))
		return false;
	if (!(h == 0 && most >= BUDDY_W && cpu_take_sector(pmm, cpu, buddy, blocks, most, &got)) &&
	    buddy_take_bulk(buddy, cpu_order(h), blocks, most, &got) != MM_OK)
		return false;
	pmm_count(pmm, cpu->range->zone, (uintptr_t)0 - ((uintptr_t)got << cpu_order(h))); /* M3 */
	cpu_learn(cpu, blocks[got - 1]);
	if (h == 0) {
		mm_paddr_t above = cpu->known_last > blocks[got - 1] ? cpu->known_last - blocks[got - 1] : 0;

		cpu->near_last = above > CPU_WINDOW ? blocks[got - 1] + CPU_WINDOW : cpu->known_last;
	}
	cpu_set_count(cpu, h, got);
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
	uint32_t room = cpu->range ? cpu_let(pmm, cpu, h) : cpu_room(pmm, cpu, h); /* H5 */
	struct mm_range *end, *r;

	if (room == 0) {
		cpu_look(cpu, h, false);
		return;
	}
	mm_atomic_add(&pmm->zones[cpu->zone].refills, 1u); /* H4 */
	if (cpu->range) {
		cpu_look(cpu, h, true);
		if (cpu_refill_here(pmm, cpu, h, room) || h != 0)
			return;
	}
	r = end = cpu_next_range(pmm, cpu, cpu->range);
	do {
		if (mm_fits_32(r->last - r->first) &&
		    (cpu->mobility == MM_CLASS_UNMOVABLE || pmm_mobility(r))) {
			cpu_attach(pmm, cpu, r);
			(void)cpu_open(pmm, cpu, h);
			if (cpu_refill_here(pmm, cpu, h, room))
				return;
		}
		r = cpu_next_range(pmm, cpu, r);
	} while (r != end);
}

/* Is anything isolated? */
static bool cpu_is_watched(const struct mm_page_cpu *cpu)
{
	return MM_MOBILITY && mm_atomic_load_relaxed(&cpu->drain) >= CPU_WATCH;
}

/* Are blocks of this order kept by anybody? */
static bool cpu_keeps(const struct mm_pmm *pmm, unsigned order)
{
	return pmm->ncpus && order <= MM_HAND_ORDER;
}

/* The warmest block of the hand of an order, with its head written; open or closed. Blocks of isolated
 * pageblocks go where they belong. */
static bool cpu_pop(struct mm_pmm *pmm, struct mm_page_cpu *cpu, unsigned order, unsigned byte,
		    mm_pfn_t *pfn)
{
	for (uint32_t n; (n = cpu_count(cpu, order)) != 0;) {
		uint32_t at = cpu->blocks[cpu_bottom[order] + n - 1];

		cpu_set_count(cpu, order, n - 1);
		*pfn = cpu->range->first + at;
		if (!cpu_is_watched(cpu) || !mobility_isolated(cpu->range, *pfn, order)) {
			mm_atomic_store_relaxed(&cpu->bytes[at], (uint8_t)byte);
			return true;
		}
		mobility_put(pmm, cpu->range, *pfn, order);
	}
	return false;
}

bool pmm_cpu_pop(struct mm_pmm *pmm, uint32_t zone, unsigned order, unsigned byte, mm_pfn_t *pfn)
{
	uintptr_t saved;
	struct mm_page_cpu *cpu;
	bool got = false;

	if (!cpu_keeps(pmm, order) || zone == ZONE_NONE)
		return false;
	cpu = cpu_enter(pmm, cpu_is_movable(pmm, byte), &saved);
	if (cpu) {
		cpu_obey(pmm, cpu);
		if (cpu->zone == zone || (zone == ZONE_HERE && cpu->zone != ZONE_NONE)) {
			if (cpu_count(cpu, order) == 0)
				cpu_refill(pmm, cpu, order);
			else
				(void)cpu_open(pmm, cpu, order);
			got = cpu_pop(pmm, cpu, order, byte, pfn);
		}
		cpu_leave(pmm, cpu);
	}
	mm_local_unpin(pmm->port, saved);
	return got;
}

/* Is this frame a neighbour of those that are to go back? */
static bool cpu_is_near(const struct mm_page_cpu *cpu, uint32_t at)
{
	return cpu_count(cpu, MM_HAND_AWAY) &&
	       (cpu->blocks[cpu_bottom[MM_HAND_AWAY]] ^ at) < MM_WORD_BITS;
}

/* Keep a block of this CPU's range in hand h, or among those that are to go back. */
static bool cpu_keep(struct mm_pmm *pmm, struct mm_page_cpu *cpu, unsigned h, uint32_t at)
{
	uint32_t room, count, keep;

	cpu_learn(cpu, at);
	if (h == 0 && at > cpu->near_last && at <= cpu->known_last)
		h = MM_HAND_AWAY;
	room = cpu_let(pmm, cpu, h);
	count = cpu_count(cpu, h);
	keep = h == MM_HAND_AWAY || room <= 4 ? 0 : room / 2;
	if (count > keep && (count >= room || (h == MM_HAND_AWAY && !cpu_is_near(cpu, at)))) {
		cpu_flush(pmm, cpu, h, keep);
		cpu_look(cpu, h, true);
	} else {
		cpu_look(cpu, h, false);
	}
	if (room == 0)
		return false;
	cpu->blocks[cpu->hand[h].top] = at;
	cpu_set_count(cpu, h, cpu_count(cpu, h) + 1);
	return true;
}

/* While somebody looks: may this block, which is of the CPU's range, be kept? */
static bool cpu_may_keep(const struct mm_pmm *pmm, const struct mm_page_cpu *cpu, mm_pfn_t pfn,
			 unsigned order)
{
	return !cpu_is_watched(cpu) || (!mobility_isolated(cpu->range, pfn, order) &&
					!mm_atomic_load_relaxed(&pmm->bad));
}

bool pmm_cpu_push(struct mm_pmm *pmm, const struct mm_range *r, mm_pfn_t pfn, unsigned order,
		  unsigned byte)
{
	uintptr_t saved;
	struct mm_page_cpu *cpu;
	bool kept = false;

	if (!cpu_keeps(pmm, order))
		return false;
	cpu = cpu_enter(pmm, cpu_is_movable(pmm, byte), &saved);
	if (cpu) {
		cpu_obey(pmm, cpu);
		if (r == cpu->range && cpu_may_keep(pmm, cpu, pfn, order))
			kept = cpu_keep(pmm, cpu, order, (uint32_t)(pfn - r->first));
		cpu_leave(pmm, cpu);
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

/* Give back what this CPU has at hand, of movable blocks or of others. */
static bool cpu_drain(struct mm_pmm *pmm, bool movable)
{
	uintptr_t saved;
	struct mm_page_cpu *cpu = cpu_enter(pmm, movable, &saved);

	if (cpu) {
		if (mm_atomic_load_relaxed(&cpu->drain) & CPU_DRAIN)
			mm_atomic_and(&cpu->drain, ~CPU_DRAIN);
		cpu_flush_all(pmm, cpu);
		cpu_leave(pmm, cpu);
	}
	mm_local_unpin(pmm->port, saved);
	cpu_watch(pmm, cpu);
	return cpu != NULL;
}

bool pmm_cpu_drain(struct mm_pmm *pmm)
{
	bool done = cpu_drain(pmm, false);

	if (MM_MOBILITY && pmm->movable_cpus)
		done &= cpu_drain(pmm, true);
	return done;
}

void pmm_cpu_empty_all(struct mm_pmm *pmm)
{
	for (uint32_t i = 0; i < pmm_nhands(pmm); i++)
		cpu_flush_all(pmm, pmm_hands(pmm, i));
}

void pmm_cpu_detach_all(struct mm_pmm *pmm)
{
	for (uint32_t i = 0; i < pmm_nhands(pmm); i++) {
		struct mm_page_cpu *cpu = pmm_hands(pmm, i);

		if (cpu->range)
			cpu_flush_all(pmm, cpu);
		pmm_cpu_reset(cpu); /* H5 */
		cpu->range = NULL;
	}
}

/* May this CPU have blocks at hand, or on their way there? It sets `top` before it leaves. */
static bool cpu_holds(const struct mm_page_cpu *cpu)
{
	if (mm_atomic_load_acquire(&cpu->door) == MM_LOCAL_INSIDE)
		return true;
	for (unsigned h = 0; h < MM_HANDS; h++)
		if (cpu_count(cpu, h))
			return true;
	return false;
}

bool pmm_cpu_any_of(const struct mm_pmm *pmm, uint32_t zone)
{
	for (uint32_t i = 0; i < pmm->ncpus; i++) /* those of movable blocks are of the same zones */
		if (pmm->cpus[i].zone == zone)
			return true;
	return false;
}

bool pmm_any_at_hand(const struct mm_pmm *pmm, const struct zone_want *want)
{
	uint32_t zone = ZONE_NONE; /* of the CPU before: most are of the same */
	bool serves = !want;

	for (uint32_t i = 0; i < pmm_nhands(pmm); i++) {
		const struct mm_page_cpu *cpu = pmm_hands(pmm, i);

		if (want && cpu->zone != zone) {
			zone = cpu->zone;
			serves = zone_allows(pmm, want, zone);
		}
		if (serves && cpu_holds(cpu))
			return true;
	}
	return false;
}

/* H6 */
static void cpu_close_all(struct mm_page_cpu *cpu)
{
	mm_atomic_fence();
	for (unsigned h = 0; h < MM_HANDS; h++)
		cpu_close(&cpu->hand[h]);
}

static void cpu_ask(struct mm_page_cpu *cpu)
{
	mm_atomic_or(&cpu->drain, CPU_DRAIN);
	cpu_close_all(cpu);
}

void pmm_request_drain(struct mm_pmm *pmm)
{
	for (uint32_t i = 0; i < pmm_nhands(pmm); i++)
		if (cpu_holds(pmm_hands(pmm, i)))
			cpu_ask(pmm_hands(pmm, i));
}

void pmm_close_hands(struct mm_pmm *pmm, uint32_t zone)
{
	for (uint32_t i = 0; i < pmm_nhands(pmm); i++)
		if (pmm_hands(pmm, i)->zone == zone)
			cpu_ask(pmm_hands(pmm, i));
}

static void cpu_drain_here(void *pmm)
{
	(void)pmm_cpu_drain(
		pmm); /* false: it hit in the middle of a call, which will see `drain` */
}

/* Have all CPUs give back. True: each has done so since, or had nothing. */
static bool cpu_recall(struct mm_pmm *pmm)
{
	uint32_t number = pmm->ncpus;
	bool all = true;

	(void)pmm_cpu_drain(pmm);
	if (MM_PLANTED(MM_PLANT_DRAIN))
		pmm_cpu_empty_all(pmm);
	pmm_request_drain(pmm);
	for (uint32_t i = 0; pmm->port->run_on && i < number; i++)
		if (cpu_holds(&pmm->cpus[i]) ||
		    (pmm_nhands(pmm) > number && cpu_holds(pmm_hands(pmm, number + i))))
			pmm->port->run_on(pmm->port->ctx, i, cpu_drain_here, pmm);
	for (uint32_t i = 0; i < pmm_nhands(pmm); i++)
		all &= !(mm_atomic_load_acquire(&pmm_hands(pmm, i)->drain) & CPU_DRAIN) ||
		       !cpu_holds(pmm_hands(pmm, i));
	return all;
}

enum mm_status mm_pmm_drain(struct mm_pmm *pmm)
{
	if (!pmm)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	(void)cpu_recall(pmm);
	return pmm_any_at_hand(pmm, NULL) ? MM_E_AGAIN : MM_OK;
}

enum mm_status pmm_recall(struct mm_pmm *pmm)
{
	return cpu_recall(pmm) ? MM_OK : MM_E_AGAIN;
}

void pmm_guard(struct mm_pmm *pmm, int more)
{
	mm_atomic_add(&pmm->isolations, (uint32_t)more);
	for (uint32_t i = 0; i < pmm_nhands(pmm); i++) {
		struct mm_page_cpu *cpu = pmm_hands(pmm, i);

		mm_atomic_add(&cpu->drain, (uint32_t)more * CPU_WATCH);
		if (more > 0 && !MM_PLANTED(MM_PLANT_GUARD_ASK))
			cpu_ask(cpu); /* H8 */
		else
			cpu_close_all(cpu); /* they open when they are used */
	}
}

static void cpu_idle(struct mm_pmm *pmm, bool movable)
{
	uintptr_t saved;
	struct mm_page_cpu *cpu = cpu_enter(pmm, movable, &saved);

	if (cpu) {
		cpu_obey(pmm, cpu);
		cpu_leave(pmm, cpu);
	}
	mm_local_unpin(pmm->port, saved);
	cpu_watch(pmm, cpu);
}

void mm_pmm_cpu_idle(struct mm_pmm *pmm)
{
	if (!pmm || !pmm_ready(pmm))
		return;
	cpu_idle(pmm, false);
	if (MM_MOBILITY && pmm->movable_cpus)
		cpu_idle(pmm, true);
}

enum mm_status mm_pmm_cpu_online(struct mm_pmm *pmm, uint32_t cpu)
{
	if (!pmm)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	if (cpu >= pmm->ncpus)
		return MM_E_INVAL;
	for (uint32_t i = cpu; i < pmm_nhands(pmm); i += pmm->ncpus) {
		uintptr_t locked = MM_LOCAL_LOCKED;

		(void)mm_atomic_cas(&pmm_hands(pmm, i)->door, &locked, (uintptr_t)pmm);
	}
	return MM_OK;
}

/* Take back what a CPU that is stopped has at hand, or the calling one: interrupts go round. */
static enum mm_status cpu_offline(struct mm_pmm *pmm, struct mm_page_cpu *cpu)
{
	uintptr_t key = mm_atomic_load_acquire(&cpu->door);

	if (key == MM_LOCAL_LOCKED)
		return MM_OK;
	if (key == MM_LOCAL_INSIDE || !mm_local_open(&cpu->door, key))
		return MM_E_BUSY;
	cpu_flush_all(pmm, cpu);
	pmm_cpu_reset(cpu);
	mm_atomic_and(&cpu->drain, ~CPU_DRAIN);
	mm_local_shut(&cpu->door, MM_LOCAL_LOCKED);
	return MM_OK;
}

enum mm_status mm_pmm_cpu_offline(struct mm_pmm *pmm, uint32_t cpu)
{
	enum mm_status st = MM_OK;
	uintptr_t saved;

	if (!pmm)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	if (cpu >= pmm->ncpus)
		return MM_E_INVAL;
	for (uint32_t i = cpu; i < pmm_nhands(pmm); i += pmm->ncpus)
		if (mm_atomic_load_acquire(&pmm_hands(pmm, i)->door) == MM_LOCAL_INSIDE)
			return MM_E_BUSY;
	(void)mm_local_pin(pmm->port, &saved);
	for (uint32_t i = cpu; i < pmm_nhands(pmm) && st == MM_OK; i += pmm->ncpus)
		st = cpu_offline(pmm, pmm_hands(pmm, i));
	mm_local_unpin(pmm->port, saved);
	return st;
}

enum mm_status mm_pmm_cpu_set_node(struct mm_pmm *pmm, uint32_t cpu, uint32_t node)
{
	if (!pmm)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	if (cpu >= pmm->ncpus || node >= zone_nodes(pmm))
		return MM_E_INVAL;
	if (mm_atomic_load_acquire(&pmm->cpus[cpu].door) != MM_LOCAL_LOCKED)
		return MM_E_BUSY;
	for (uint32_t i = cpu; i < pmm_nhands(pmm); i += pmm->ncpus) {
		struct mm_page_cpu *c = pmm_hands(pmm, i);

		pmm_cpu_reset(c); /* H5; they are empty */
		c->range = NULL;
		c->node = (uint16_t)node;
		c->zone = zone_of_node(pmm, node);
	}
	return MM_OK;
}

mm_pfn_t pmm_cpu_frames(const struct mm_page_cpu *cpu)
{
	mm_pfn_t frames = 0;

	for (unsigned h = 0; h < MM_HANDS; h++)
		frames += (mm_pfn_t)cpu_count(cpu, h) << cpu_order(h);
	return frames;
}

/* Is each frame of a block at hand as H2 says? */
static bool cpu_verify_block(const struct mm_pmm *pmm, const struct mm_page_cpu *cpu, uint32_t at,
			     unsigned order)
{
	mm_pfn_t frames = (mm_pfn_t)1 << order, span = cpu->range->last - cpu->range->first;

	if (at > span || frames - 1 > span - at || (cpu->range->first + at) & (frames - 1))
		return false;
	for (mm_pfn_t i = 0; i < frames; i++)
		if (cpu->bytes[at + i] != FRAME_FREE ||
		    pmm_is_free(pmm, cpu->range, cpu->range->first + at + i))
			return false;
	return true;
}

bool pmm_cpu_verify(const struct mm_pmm *pmm, const struct mm_page_cpu *cpu)
{
	struct mm_range *r = cpu->range;

	if (r && (r->zone != cpu->zone || mm_pfn_to_pa(r->first) != cpu->base ||
		  r->bytes != cpu->bytes || cpu->near_last > cpu->known_last ||
		  cpu->known_last > cpu_known(r))) /* H5 */
		return false;
	for (unsigned h = 0; h < MM_HANDS; h++) {
		const struct mm_hand *hand = &cpu->hand[h];
		uint32_t count = cpu_count(cpu, h), room = hand->end ? hand->end - cpu_bottom[h] : 0;

		if (count > cpu_capacity(h) || room > cpu_capacity(h) || hand->floor < cpu_bottom[h] ||
		    ((count || room) && (!r || cpu->door == MM_LOCAL_LOCKED)))
			return false;
		for (uint32_t i = cpu_bottom[h]; i < hand->top; i++)
			if (!cpu_verify_block(pmm, cpu, cpu->blocks[i], cpu_order(h)))
				return false;
	}
	return true;
}

#undef CPU_SMALL
#undef CPU_LARGE
#undef CPU_WINDOW
#undef CPU_SECTOR
