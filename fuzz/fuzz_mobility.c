/* SPDX-License-Identifier: MIT */
/* Fuzz mobility classes, isolation, CMA areas and frames that are withdrawn against a map of owners.
 *
 * The input is a list of operations. After each of them: what the model says of every frame is what
 * mm_page_info() says, counts are exact, mm_pmm_verify() passes, contents of blocks in use are what their
 * owner wrote, wherever they were moved, and a refused operation has left the state hash as it was. A
 * refusal must be right: the frame that it names is in the way. Pageblocks are small (MM_BLOCK_ORDER).
 * In the middle of some allocations and frees, be their CPU inside of what it has at hand or not, the other CPU
 * isolates a pageblock. */
#include <stdlib.h>
#include <string.h>
#include <mmlib/cma.h>
#include "../tests/pmm_state.h"
#include "operations.h"

#define FRAMES     512u
#define BASE       ((mm_pfn_t)0x400)
#define BLOCK      ((unsigned)MM_BLOCK_FRAMES)
#define NBLOCKS    (FRAMES / BLOCK)
#define AREA       (FRAMES / 2)       /* first frame of the area */
#define AREA_SIZE  (4 * BLOCK)
#define NOTES      64u
#define MUST(cond) ((cond) ? (void)0 : abort())

enum owner { FREE, HEAD, TAIL, OTHER, HELD, CLAIMED, OFFLINE, BAD };

static struct model {
	unsigned char owner[FRAMES], order[FRAMES], movable[FRAMES];
	unsigned char isolated[NBLOCKS]; /* by an operation of the input */
	unsigned char bad[FRAMES];       /* known to be bad, but in use */
	unsigned char pinned;            /* the mover refuses blocks whose number has these bits */
	bool cma;
} model, *const m = &model;
/* What the other CPU does in the middle of a call. */
static struct {
	unsigned step; /* before this one, from 1 on; 0: nothing */
	unsigned block;
	bool done;
} midway;

static struct sim sim;
static struct mm_pmm pmm;
static struct mm_cma cma;
static struct mm_bad_frame notes[NOTES];
static unsigned nnotes;
static mm_pfn_t ram;

static mm_paddr_t pa_of(unsigned frame)
{
	return mm_pfn_to_pa(BASE + frame);
}

static unsigned frame_of(mm_paddr_t pa)
{
	return (unsigned)(mm_pa_to_pfn(pa) - BASE);
}

static unsigned *contents(unsigned frame)
{
	return sim_to_virt(&sim, pa_of(frame));
}

static bool in_area(unsigned frame)
{
	return m->cma && frame >= AREA && frame < AREA + AREA_SIZE;
}

/* After hands were emptied: nothing that is free is anywhere but where its pageblock says. */
static uint64_t state(void)
{
	MUST(mm_pmm_drain(&pmm) == MM_OK);
	MUST(mm_mobility_gather(&pmm) == MM_OK);
	return pmm_state_hash(&pmm);
}

static void check(void)
{
	static const enum mm_frame_class class[] = {
		[FREE] = MM_FRAME_FREE, [HEAD] = MM_FRAME_USED,	   [TAIL] = MM_FRAME_USED,
		[OTHER] = MM_FRAME_META, [HELD] = MM_FRAME_HELD,   [CLAIMED] = MM_FRAME_USED,
		[OFFLINE] = MM_FRAME_OFFLINE, [BAD] = MM_FRAME_BAD,
	};
	mm_pfn_t count[8] = { 0 };
	struct mm_pmm_stats s;
	struct mm_frame_run run;

	for (unsigned f = 0; f < FRAMES; f++) {
		MUST(mm_page_info(&pmm, pa_of(f) + 5, &run) == MM_OK);
		MUST(run.state == class[m->owner[f]]);
		if (m->owner[f] == HEAD)
			MUST(run.base == pa_of(f) && run.order == m->order[f] && *contents(f) == ~f);
		count[m->owner[f]]++;
	}
	MUST(mm_pmm_stats(&pmm, -1, &s) == MM_OK);
	MUST(s.free == count[FREE] && s.total == ram - count[OFFLINE] - count[BAD]);
	MUST(s.used + s.reserved == s.total - s.free);
	MUST(mm_pmm_verify(&pmm) == MM_OK);
}

static void own(unsigned frame, unsigned order, bool movable)
{
	for (unsigned i = 0; i < 1u << order; i++) {
		MUST(frame + i < FRAMES && m->owner[frame + i] == FREE);
		MUST(movable || !in_area(frame + i));
		m->owner[frame + i] = TAIL;
	}
	m->owner[frame] = HEAD;
	m->order[frame] = (unsigned char)order;
	m->movable[frame] = movable;
	*contents(frame) = ~frame;
}

/* A frame becomes free, wherever that leads. */
static void release(unsigned frame)
{
	m->owner[frame] = m->bad[frame] ? BAD : m->isolated[frame / BLOCK] ? HELD : FREE;
	m->bad[frame] = 0;
}

static void disown(unsigned frame)
{
	for (unsigned i = 0; i < 1u << m->order[frame]; i++)
		release(frame + i);
}

static unsigned head_of(unsigned frame)
{
	while (m->owner[frame] == TAIL)
		frame--;
	return frame;
}

static bool is_pinned(unsigned head)
{
	return m->pinned && (head & m->pinned) == m->pinned;
}

/* The host moves a block; some it does not. */
static enum mm_status migrate(void *ctx, const struct mm_migration *what)
{
	unsigned from = frame_of(what->from), to = frame_of(what->to);

	(void)ctx;
	MUST(m->owner[from] == HEAD && m->movable[from] && m->order[from] == what->order);
	for (unsigned i = 0; i < 1u << what->order; i++) {
		/* what was moved before, and is not where frames are withheld, is free by now */
		MUST(m->owner[to + i] == FREE || m->owner[to + i] == HELD);
		MUST(!m->isolated[(to + i) / BLOCK]);
	}
	if (is_pinned(from))
		return MM_E_BUSY;
	memset(m->owner + to, FREE, 1u << what->order);
	own(to, what->order, true);
	for (unsigned i = 0; i < 1u << what->order; i++)
		m->owner[from + i] = m->bad[from + i] ? BAD : HELD; /* corrected by its caller */
	for (unsigned i = 0; i < 1u << what->order; i++)
		m->bad[from + i] = 0;
	return MM_OK;
}

static const struct mm_mover mover = { .migrate = migrate };

/* Frames that were emptied by moving blocks, outside of what was asked for. */
static void settle(unsigned first, unsigned last, bool won, enum owner now)
{
	for (unsigned f = 0; f < FRAMES; f++) {
		bool inside = f >= first && f <= last;

		if (inside && won && (m->owner[f] == FREE || m->owner[f] == HELD))
			m->owner[f] = (unsigned char)now;
		else if (m->owner[f] == HELD && !m->isolated[f / BLOCK])
			m->owner[f] = FREE;
	}
}

/* Is what was named really in the way? */
static bool in_the_way(mm_paddr_t pa, unsigned first, unsigned last)
{
	unsigned f = frame_of(pa), head;

	if (f < first || f > last)
		return false;
	head = head_of(f);
	return m->isolated[f / BLOCK] || m->owner[f] == OTHER || m->owner[f] == CLAIMED ||
	       (m->owner[head] == HEAD && (!m->movable[head] || is_pinned(head))) ||
	       m->owner[f] == BAD;
}

static bool any_isolated(unsigned first, unsigned last)
{
	for (unsigned b = first / BLOCK; b <= last / BLOCK; b++)
		if (m->isolated[b])
			return true;
	return false;
}

/* A pageblock is isolated, or is no more. */
static void isolated(unsigned block, bool undo)
{
	m->isolated[block] = !undo;
	for (unsigned f = block * BLOCK; f < (block + 1) * BLOCK; f++)
		if (m->owner[f] == FREE || m->owner[f] == HELD)
			m->owner[f] = undo ? FREE : HELD;
}

/* A step of a call, which its CPU stands before. */
static void step_of_call(void)
{
	const uint32_t cpu = sim_cpu;
	const unsigned pins = sim_pins;
	enum mm_status st;

	if (--midway.step)
		return;
	sim_step = NULL;
	sim_cpu = !cpu;
	sim_pins = 0; /* those of the CPU that stands */
	st = mm_pmm_isolate(&pmm, pa_of(midway.block * BLOCK), mm_pfn_to_pa(BLOCK));
	sim_cpu = cpu;
	sim_pins = pins;
	MUST(m->isolated[midway.block] ? st == MM_E_BUSY : st == MM_OK || st == MM_E_AGAIN);
	if (st == MM_OK)
		isolated(midway.block, false);
	midway.done = true;
}

/* A call begins, or is over. */
static void call(bool begins)
{
	if (begins)
		midway.done = false;
	sim_step = begins && midway.step ? step_of_call : NULL;
}

static void op_alloc(unsigned order, unsigned kind)
{
	static const uint32_t flags[] = { 0, MM_ALLOC_MOVABLE, MM_ALLOC_RECLAIMABLE };
	mm_paddr_t pa = 1;
	enum mm_status st;

	call(true);
	st = mm_page_alloc(&pmm, order, flags[kind], &pa);
	call(false);
	if (st == MM_OK) {
		own(frame_of(pa), order, kind == 1);
		return;
	}
	if (midway.done && (st == MM_E_NOMEM || st == MM_E_AGAIN))
		return; /* what was withheld meanwhile may be free again */
	MUST(order > pmm.max_order ? st == MM_E_INVAL : st == MM_E_NOMEM);
	for (unsigned f = 0; st == MM_E_NOMEM && f + (1u << order) <= FRAMES; f += 1u << order) {
		unsigned i = 0, areas = 0;

		while (i < 1u << order && m->owner[f + i] == FREE)
			areas += in_area(f + i++);
		/* a block half in an area is none */
		MUST(i < 1u << order || (areas && (kind != 1 || areas < 1u << order)));
	}
}

/* What a free must end with. */
static enum mm_status answer_to_free(unsigned frame, unsigned order)
{
	switch (m->owner[frame]) {
	case HEAD:
		return m->order[frame] == order ? MM_OK : MM_E_ORDER;
	case TAIL:
		return MM_E_ALIGN;
	case FREE:
	case HELD:
		return MM_E_DOUBLE_FREE;
	case OTHER:
	case CLAIMED:
		return MM_E_OWNER;
	default:
		return MM_E_FOREIGN;
	}
}

static void op_free(unsigned frame, unsigned order)
{
	const enum mm_status want = answer_to_free(frame, order);
	uint64_t before = state();
	enum mm_status st;

	call(want == MM_OK);
	st = mm_page_free(&pmm, pa_of(frame), order);
	call(false);
	MUST(st == want);
	if (st == MM_OK)
		disown(frame);
	else
		MUST(state() == before);
}

static void op_isolate(unsigned block, unsigned n, bool undo)
{
	uint64_t before = state();
	mm_paddr_t base = pa_of(block * BLOCK), length = mm_pfn_to_pa((mm_pfn_t)n * BLOCK);
	enum mm_status st = undo ? mm_pmm_unisolate(&pmm, base, length)
				 : mm_pmm_isolate(&pmm, base, length),
		       want = MM_OK;

	for (unsigned b = block; b < block + n && b < NBLOCKS; b++)
		if (m->isolated[b] != undo)
			want = undo ? MM_E_STATE : MM_E_BUSY;
	if (block + n > NBLOCKS)
		want = MM_E_FOREIGN;
	MUST(st == want);
	if (st != MM_OK) {
		MUST(state() == before);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		isolated(block + i, undo);
}

static void op_offline(unsigned first, unsigned last, bool moves)
{
	uint64_t before = state();
	mm_paddr_t pinned = 0;
	enum mm_status st = mm_pmm_offline(&pmm, pa_of(first), mm_pfn_to_pa(last - first + 1),
					   moves ? &mover : NULL, &pinned);

	MUST(st == MM_OK || st == MM_E_BUSY || (st == MM_E_NOMEM && moves));
	if (st == MM_E_BUSY)
		MUST(in_the_way(pinned, any_isolated(first, last) ? first / BLOCK * BLOCK : first,
				any_isolated(first, last) ? last | (BLOCK - 1) : last) ||
		     (!moves && m->owner[head_of(frame_of(pinned))] == HEAD));
	settle(first, last, st == MM_OK, OFFLINE);
	for (unsigned f = first; st == MM_OK && f <= last; f++)
		MUST(m->owner[f] == OFFLINE || m->owner[f] == BAD);
	if (st != MM_OK && !moves)
		MUST(state() == before);
}

static void op_online(unsigned first, unsigned last)
{
	mm_pfn_t want = 0, got = 0;
	enum mm_status st;

	for (unsigned f = first; f <= last; f++)
		want += m->owner[f] == OFFLINE;
	st = mm_pmm_online(&pmm, pa_of(first), mm_pfn_to_pa(last - first + 1), &got);
	MUST(want ? st == MM_OK && got == want : st == MM_E_NOENT);
	for (unsigned f = first; f <= last; f++)
		if (m->owner[f] == OFFLINE)
			release(f);
}

static void op_bad(unsigned frame, bool moves, bool noted)
{
	uint64_t before = state();
	struct mm_bad_frame *note = noted && nnotes < NOTES ? &notes[nnotes] : NULL;
	unsigned head = head_of(frame);
	enum mm_status st = mm_pmm_bad_frame(&pmm, pa_of(frame), moves ? &mover : NULL, note);

	if (st == MM_OK) {
		settle(frame, frame, true, BAD);
		MUST(m->owner[frame] == BAD || m->owner[frame] == OFFLINE);
		m->owner[frame] = BAD;
		return;
	}
	settle(frame, frame, false, BAD);
	if (st == MM_E_BUSY && note) {
		nnotes++;
		m->bad[frame] = 1;
		MUST(m->owner[head] == HEAD || m->owner[frame] == OTHER || m->owner[frame] == CLAIMED);
	} else if (st == MM_E_EXIST) {
		MUST(m->bad[frame]);
	} else if (st == MM_E_AGAIN) {
		MUST(m->isolated[frame / BLOCK]);
	} else {
		MUST(st == MM_E_BUSY || (st == MM_E_NOMEM && moves));
		MUST(moves || state() == before);
	}
}

static void op_claim(unsigned frames, unsigned align, bool moves)
{
	uint64_t before = state();
	mm_paddr_t pa = 1, pinned = 0;
	enum mm_status st = mm_cma_claim(&cma, frames, (mm_paddr_t)MM_FRAME_SIZE << align,
					 moves ? &mover : NULL, &pa, &pinned);
	unsigned first;

	if (!m->cma || frames == 0) {
		MUST(st == (frames == 0 ? MM_E_INVAL : MM_E_STATE));
		return;
	}
	MUST(st == MM_OK || st == MM_E_BUSY || st == MM_E_NOMEM);
	if (st != MM_OK) {
		MUST(pa == 1);
		settle(1, 0, false, CLAIMED);
		MUST(moves || state() == before);
		return;
	}
	first = frame_of(pa);
	MUST((BASE + first) % (1u << align) == 0);
	settle(first, first + frames - 1, true, CLAIMED);
	for (unsigned f = first; f < first + frames; f++)
		MUST(in_area(f) && m->owner[f] == CLAIMED);
}

static void op_release(unsigned first, unsigned frames)
{
	uint64_t before = state();
	enum mm_status st = mm_cma_release(&cma, pa_of(first), frames);
	bool all = m->cma && frames && in_area(first) && in_area(first + frames - 1);

	for (unsigned f = first; all && f < first + frames; f++)
		all = m->owner[f] == CLAIMED;
	MUST((st == MM_OK) == all);
	if (!all) {
		MUST(state() == before);
		return;
	}
	for (unsigned f = first; f < first + frames; f++)
		release(f);
}

static void op_create(void)
{
	uint64_t before = state();
	mm_paddr_t pinned = 0;
	enum mm_status st;

	if (m->cma)
		return;
	st = mm_cma_create(&cma, &pmm, "area", pa_of(AREA), mm_pfn_to_pa(AREA_SIZE), &mover, &pinned);
	settle(1, 0, false, FREE);
	m->cma = st == MM_OK;
	if (st != MM_OK) {
		MUST(st == MM_E_BUSY || st == MM_E_NOMEM || st == MM_E_FOREIGN);
		MUST(st != MM_E_FOREIGN || state() == before);
		memset(&cma, 0, sizeof(cma));
		return;
	}
	for (unsigned f = 0; f < FRAMES; f++) { /* its metadata */
		struct mm_frame_run run;

		MUST(mm_page_info(&pmm, pa_of(f), &run) == MM_OK);
		if (run.state == MM_FRAME_META)
			m->owner[f] = OTHER;
	}
}

static void start(void)
{
	static struct mm_mem entries[8];
	static const struct mm_zone_cfg zone = { .name = "ALL", .last = MM_PADDR_MAX };
	struct mm_memmap map;
	struct mm_pmm_cfg cfg = { .zones = &zone, .nzones = 1, .ncpus = 2,
				  .reach = pa_of(FRAMES) - 1 };
	struct mm_frame_run run;

	if (!sim.host)
		sim_init(&sim, pa_of(0), (size_t)FRAMES << MM_FRAME_SHIFT);
	sim_add_cpus(&sim, true);
	MUST(mm_memmap_init(&map, entries, 8) == MM_OK);
	MUST(mm_memmap_add(&map, pa_of(0), mm_pfn_to_pa(FRAMES), MM_MEM_USABLE, NULL) == MM_OK);
	MUST(mm_pmm_init(&pmm, &sim.port, &map, &cfg) == MM_OK);
	MUST(mm_pmm_cpu_online(&pmm, 1) == MM_OK && mm_mobility_init(&pmm) == MM_OK);
	memset(m, 0, sizeof(*m));
	memset(&cma, 0, sizeof(cma));
	nnotes = 0;
	ram = FRAMES;
	for (unsigned f = 0; f < FRAMES; f++) {
		MUST(mm_page_info(&pmm, pa_of(f), &run) == MM_OK);
		m->owner[f] = run.state == MM_FRAME_META ? OTHER : FREE;
	}
	check();
}

static void step(const uint8_t *in)
{
	unsigned a = in[1] + (in[0] & 128u) * 2, b = in[2];
	unsigned last = a + b % (2 * BLOCK) < FRAMES ? a + b % (2 * BLOCK) : FRAMES - 1;

	sim_cpu = in[0] >> 6 & 1;
	midway.step = in[1] & b & 128 ? b % 64 + 1 : 0;
	midway.block = b & 64 ? head_of(a) / BLOCK : a / BLOCK * 7 % NBLOCKS;
	switch (in[0] % 16) {
	case 0:
	case 1:
	case 2:
	case 3:
		op_alloc(in[1] % 7, b % 3);
		break;
	case 4:
	case 5:
	case 6: /* most likely right */
		op_free(head_of(a), m->order[head_of(a)]);
		break;
	case 7:
		op_free(a, b % 8);
		break;
	case 8:
		op_isolate(a / BLOCK, b % 3 + 1, false);
		break;
	case 9:
		op_isolate(a / BLOCK, b % 3 + 1, true);
		break;
	case 10:
		op_offline(a, last, b & 128);
		break;
	case 11:
		op_online(a, last);
		break;
	case 12:
		op_bad(a, b & 1, b & 2);
		break;
	case 13:
		if (b & 1)
			op_claim(in[1] % (AREA_SIZE + 2), b / 2 % 5, b & 128);
		else
			op_release(AREA + in[1] % AREA_SIZE, b % (2 * BLOCK));
		break;
	case 14:
		op_create();
		break;
	default:
		m->pinned = b & 15;
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	start();
	for (; n >= 3; in += 3, n -= 3) {
		step(in);
		check();
		operations_count();
	}
	return 0;
}
