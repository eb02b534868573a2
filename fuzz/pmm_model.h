/* SPDX-License-Identifier: MIT */
/* The map of owners of fuzz_pmm.c, and what it says of the manager's state.
 *
 * Everything that is state is compared whole after each operation, which costs no more than a few loops over
 * bytes: the byte of each frame, the words of each buddy (tests/buddy_expect.h), and the counters and the
 * pressure of each zone. So a refused operation that changed something is found, and so is one that
 * changed frames far away. What only tells of this state (mm_page_info() and the like) is asked near the
 * frames of the operation (check_near), and of all frames from time to time (check_all). */
#ifndef PMM_MODEL_H
#define PMM_MODEL_H
#include <mmlib/range.h>
#include "../tests/buddy_expect.h"
#include "../tests/pmm_state.h"
#include "pmm_zones.h"

enum owner { NONE, FREE, HEAD, TAIL, TABLE, META, SIDE, RESERVED, BAD };

struct model {
	unsigned char owner[FRAMES], order[FRAMES];
	unsigned char byte[FRAMES]; /* the frame byte that follows */
	unsigned char free[FRAMES]; /* 1 if FREE, else 0 */
	unsigned char type[FRAMES]; /* what the map calls it; 0: nothing */
	unsigned char stamped[FRAMES];  /* its owner wrote its number there */
	unsigned char poisoned[FRAMES]; /* it was filled when it was freed */
	uint16_t damage[FRAMES];        /* its first byte that was written since, and 1; 0: none */
	mm_pfn_t total[MACHINE_ZONES];  /* RAM frames of each zone, */
	mm_pfn_t nfree[MACHINE_ZONES];  /* those that are free, */
	mm_pfn_t used[MACHINE_ZONES];   /* and those in use */
	uint32_t ranges;
	unsigned at;            /* a frame that the operation touched */
	unsigned asked, nasked; /* frames that it must get, if that is known; else all */
};

static struct sim sim;

static mm_paddr_t pa_of(unsigned frame)
{
	return mm_pfn_to_pa(BASE + frame);
}

static unsigned frame_of(mm_paddr_t pa)
{
	return (unsigned)(mm_pa_to_pfn(pa) - BASE);
}

static unsigned zone_of(unsigned frame)
{
	return machine.zone[frame < FRAMES ? frame : FRAMES - 1];
}

static mm_pfn_t is_used(unsigned owner)
{
	return owner == HEAD || owner == TAIL || owner == TABLE || owner == SIDE;
}

/* A frame is somebody else's from now on; `byte` says so. */
static void model_put(struct model *m, unsigned frame, enum owner owner, unsigned byte)
{
	unsigned zone = zone_of(frame), was = m->owner[frame];

	m->nfree[zone] += (mm_pfn_t)(owner == FREE) - (was == FREE);
	m->used[zone] += is_used(owner) - is_used(was);
	m->owner[frame] = (unsigned char)owner;
	m->byte[frame] = (unsigned char)byte;
	m->free[frame] = owner == FREE;
	m->stamped[frame] = 0;
	m->order[frame] = 0;
}

/* The operation must get these frames, if any. */
static void model_ask(struct model *m, unsigned frame, unsigned count)
{
	m->asked = frame;
	m->nasked = frame < FRAMES ? count : 0;
}

/* It was free: nobody wrote to it, or the manager has told of that and is gone. */
static void model_take(struct model *m, unsigned frame)
{
	MUST(frame < FRAMES && m->owner[frame] == FREE && !m->damage[frame]);
	m->poisoned[frame] = 0;
}

/* It is given back, and filled if that can be. */
static void model_give(struct model *m, unsigned frame)
{
	model_put(m, frame, FREE, FRAME_FREE);
	m->poisoned[frame] =
		MM_PAGE_POISON && !(machine.cfg[machine_cfg_of(zone_of(frame))].flags & MM_ZONE_HIGH);
}

static void model_own(struct model *m, unsigned frame, unsigned order, bool table)
{
	MUST(frame % (1u << order) == (unsigned)(0 - BASE) % (1u << order));
	for (unsigned i = 0; i < 1u << order; i++) {
		model_take(m, frame + i);
		model_put(m, frame + i, TAIL, FRAME_FREE);
	}
	model_put(m, frame, table ? TABLE : HEAD, table ? (unsigned)FRAME_TABLE : FRAME_HEAD + order);
	m->order[frame] = (unsigned char)order;
	m->at = frame;
}

static void model_disown(struct model *m, unsigned frame)
{
	unsigned order = m->order[frame];

	for (unsigned i = 0; i < 1u << order; i++)
		model_give(m, frame + i);
	m->at = frame;
}

/* Are these frames free, and of one zone? Ranges end where zones do, and where holes are. */
static bool model_run_free(const struct model *m, unsigned frame, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (frame + i >= FRAMES || !m->free[frame + i] ||
		    zone_of(frame + i) != zone_of(frame))
			return false;
	return true;
}

/* So many frames, within limits. */
struct run_wanted {
	unsigned count;
	struct mm_page_limits w;
};

static struct run_wanted block_wanted(unsigned order)
{
	return (struct run_wanted){ 1u << order,
				    { 0, MM_PADDR_MAX, (mm_paddr_t)MM_FRAME_SIZE << order, 0 } };
}

static bool run_allowed(const struct run_wanted *run, unsigned frame)
{
	mm_paddr_t first = pa_of(frame), last = pa_of(frame + run->count) - 1;
	const struct mm_page_limits *w = &run->w;

	return first >= w->low && last <= w->high && (first & (w->align - 1)) == 0 &&
	       (!w->boundary || ((first ^ last) & ~(w->boundary - 1)) == 0);
}

/* The lowest place for them in each zone; FRAMES: none. */
static void model_places(const struct model *m, const struct run_wanted *run, unsigned *place)
{
	unsigned free = 0; /* frames that are free from here downwards, in this zone */

	for (unsigned z = 0; z < machine.nzones; z++)
		place[z] = FRAMES;
	for (unsigned f = 0; f < FRAMES; f++) {
		unsigned z = machine.zone[f];

		if (f && machine.zone[f - 1] != z)
			free = 0;
		free = m->free[f] ? free + 1 : 0;
		if (free >= run->count && place[z] == FRAMES && run_allowed(run, f + 1 - run->count))
			place[z] = f + 1 - run->count;
	}
}

/* The frame that must be the first of what a request for such a run gets; FRAMES: used up. */
static unsigned model_best(const struct model *m, const struct request *r, const struct run_wanted *run)
{
	unsigned place[MACHINE_ZONES], best = FRAMES;
	uint32_t top = 0;
	int lowest = -1;

	model_places(m, run, place);
	for (unsigned z = 0; z < machine.nzones; z++)
		if (machine_cfg_of(z) < machine.nlimits && m->total[z] && machine_cfg_of(z) > top)
			top = machine_cfg_of(z);
	for (unsigned z = 0; z < machine.nzones; z++) {
		int rank = request_rank(r, z);
		mm_pfn_t leaves = request_leaves(r, z, top);

		if (rank < 0 || (lowest >= 0 && rank > lowest) || place[z] == FRAMES ||
		    (leaves && m->nfree[z] < leaves + run->count))
			continue;
		MUST(rank != lowest);
		lowest = rank;
		best = place[z];
	}
	return best;
}

/* The owner of frames writes to each, at its end, which is there as long as they are in use. */
static uint32_t *stamp_of(unsigned frame)
{
	return (uint32_t *)sim_to_virt(&sim, pa_of(frame + 1) - sizeof(uint32_t));
}

static void model_stamp(struct model *m, unsigned frame, unsigned count)
{
	for (unsigned f = frame; f < frame + count; f++) {
		*stamp_of(f) = ~f;
		m->stamped[f] = 1;
	}
}

/* Are the contents zero? */
static bool is_zero(unsigned frame, unsigned count)
{
	const unsigned char *at = sim_to_virt(&sim, pa_of(frame));

	return !at[0] && !memcmp(at, at + 1, ((size_t)count << MM_FRAME_SHIFT) - 1);
}

/* Frames of a zone were taken or freed. */
static void model_watch(const struct model *m, unsigned frame)
{
	machine_watch(zone_of(frame), m->nfree[zone_of(frame)]);
}

/* Of any zones; who has no memory is never short of it. */
static void model_watch_all(const struct model *m)
{
	for (unsigned z = 0; z < machine.nzones; z++)
		if (m->total[z])
			machine_watch(z, m->nfree[z]);
}

static enum mm_status expect_free(const struct model *m, unsigned frame, unsigned order)
{
	if (frame >= FRAMES)
		return MM_E_FOREIGN;
	switch ((enum owner)m->owner[frame]) {
	case HEAD:
		return m->order[frame] == order ? MM_OK : MM_E_ORDER;
	case TAIL:
		return MM_E_ALIGN;
	case FREE:
		return MM_E_DOUBLE_FREE;
	case TABLE:
	case META:
	case SIDE:
		return MM_E_OWNER;
	default:
		return MM_E_FOREIGN;
	}
}

static void model_from_map(struct model *m, const struct mm_memmap *map)
{
	struct mm_mem mem;
	uint32_t it = 0;

	memset(m, 0, sizeof(*m));
	memset(m->byte, FRAME_RESERVED, sizeof(m->byte));
	while (mm_memmap_next(map, &it, &mem))
		for (mm_pfn_t p = mm_pa_to_pfn(mem.base); p <= mm_pa_to_pfn(mem.last); p++) {
			unsigned f = (unsigned)(p - BASE);

			if (f >= FRAMES)
				continue;
			if (mem.type == MM_MEM_USABLE)
				model_put(m, f, FREE, FRAME_FREE);
			else if (mem.type == MM_MEM_META)
				model_put(m, f, META, FRAME_META);
			else if (mem.type == MM_MEM_BAD)
				model_put(m, f, BAD, FRAME_BAD);
			else
				model_put(m, f, RESERVED,
					  mem.type <= MM_MEM_EARLY ? FRAME_KEPT : FRAME_RESERVED);
			m->type[f] = (unsigned char)mem.type;
			m->total[zone_of(f)] += mem.type <= MM_MEM_EARLY;
		}
}

/* The bytes of a range: what is in no section that is filled is free. */
static bool bytes_right(const struct model *m, const struct mm_range *r)
{
	mm_pfn_t pfn = r->first, end;

	for (; pfn <= r->last; pfn = end) {
		const unsigned char *want = m->byte + (pfn - BASE);
		size_t frames;

		end = (pfn | (BUDDY_SECTION - 1)) + 1;
		frames = (size_t)((end > r->last ? r->last + 1 : end) - pfn);
		if (buddy_filled(&r->buddy, pfn) ? memcmp(frame_byte(r, pfn), want, frames) != 0
						 : want[0] || memcmp(want, want + 1, frames - 1) != 0)
			return false;
	}
	return true;
}

static void check_state(const struct model *m, const struct mm_pmm *pmm)
{
	MUST(pmm->nranges == m->ranges);
	for (uint32_t i = 0; i < pmm->nranges; i++) {
		const struct mm_range *r = &pmm->ranges[i];

		MUST(bytes_right(m, r) && buddy_expect(&r->buddy, m->free + (r->first - BASE)));
		MUST(r->buddy.begun == r->buddy.done && !r->buddy.searching);
	}
	for (unsigned z = 0; z < machine.nzones; z++) {
		const struct mm_zone *zone = &pmm->zones[z];

		MUST(zone->free == m->nfree[z] && zone->total == m->total[z] &&
		     zone->reserved == m->total[z] - m->nfree[z] - m->used[z] &&
		     zone->pressure == machine.level[z]);
	}
	MUST(machine_silent());
}

static void check_frame(const struct model *m, const struct mm_pmm *pmm, unsigned f)
{
	static const int state[] = { [NONE] = MM_FRAME_NONE,         [FREE] = MM_FRAME_FREE,
				     [HEAD] = MM_FRAME_USED,         [TAIL] = MM_FRAME_USED,
				     [TABLE] = MM_FRAME_TABLE,       [META] = MM_FRAME_META,
				     [SIDE] = MM_FRAME_META,         [RESERVED] = MM_FRAME_RESERVED,
				     [BAD] = MM_FRAME_BAD };
	struct mm_frame_run run;

	MUST(mm_page_info(pmm, pa_of(f) + 5, &run) == MM_OK);
	/* a hole may lie inside a range, and what is not RAM outside of all */
	MUST((int)run.state == state[m->owner[f]] ||
	     (m->owner[f] == NONE && run.state == MM_FRAME_RESERVED) ||
	     (m->owner[f] >= RESERVED && run.state == MM_FRAME_NONE));
	if (m->owner[f] == HEAD)
		MUST(run.base == pa_of(f) && run.order == m->order[f]);
}

/* What is told of frames that an operation may have touched: one, its block, and its neighbours. */
static void check_near(const struct model *m, const struct mm_pmm *pmm, unsigned frame)
{
	unsigned end;

	if (frame >= FRAMES)
		return;
	end = frame + (1u << m->order[frame]);
	check_frame(m, pmm, frame);
	if (frame)
		check_frame(m, pmm, frame - 1);
	if (end < FRAMES)
		check_frame(m, pmm, end);
}

/* Free blocks of a zone add up to what is free there. */
static void check_blocks(const struct model *m, const struct mm_pmm *pmm, unsigned z)
{
	mm_pfn_t blocks[10], free = 0;

	MUST(mm_pmm_free_blocks(pmm, z, blocks, 10) == MM_OK);
	for (unsigned k = 0; k < 10; k++)
		free += blocks[k] << k;
	MUST(free == m->nfree[z]);
}

/* All there is to see, and all invariants. */
static void check_all(const struct model *m, const struct mm_pmm *pmm)
{
	mm_pfn_t used[MACHINE_ZONES] = { 0 }, free[MACHINE_ZONES] = { 0 };
	struct mm_pmm_stats s;

	for (unsigned f = 0; f < FRAMES; f++) {
		check_frame(m, pmm, f);
		MUST(!m->stamped[f] || *stamp_of(f) == ~f);
		used[zone_of(f)] += is_used(m->owner[f]);
		free[zone_of(f)] += m->owner[f] == FREE;
	}
	for (unsigned z = 0; z < machine.nzones; z++) {
		MUST(mm_pmm_stats(pmm, (int)z, &s) == MM_OK);
		MUST(s.node == machine_node_of(z) && s.pressure == machine.level[z] &&
		     s.min == machine.cfg[machine_cfg_of(z)].min);
		MUST(s.used == used[z] && s.free == free[z] && s.total == m->total[z] &&
		     s.total == s.free + s.used + s.reserved);
		check_blocks(m, pmm, z);
	}
	MUST(mm_pmm_verify(pmm) == MM_OK && machine_silent());
}
#endif
