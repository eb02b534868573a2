/* SPDX-License-Identifier: MIT */
/* Pages change while all CPUs use them, and none goes on using an old translation.
 *
 * Theory of operation
 * Problem      a TLB remembers. If a CPU is not told of a change, it goes on reading the old frame
 *              or writing to a page that is read-only by now, and mostly nobody notices.
 * Structure    CPU 0 takes PAGES pages through `views`, over and over: maps them, makes them
 *              read-only, unmaps them, maps other frames there. `stage` says which view holds; it
 *              is odd while CPU 0 changes something. All others read and write all pages all the
 *              time. What a CPU met between two looks at one even stage must be exactly that view.
 * Certainty    CPU 0 goes on only when every CPU has gone over all pages in this stage: so each TLB
 *              holds the old translations when they change; and when one of them, each in turn, is amid its looks.
 * Sleep        who has seen a stage, or looked often while it changes, sleeps until something arrives, be it a flush:
 *              where four CPUs share few of the host's, it would take one from those that are waited for. */
#include "console.h"
#include "kernel.h"
#include "probe.h"
#include "smp.h"

enum { PAGES = 128, VIEWS = 6, ROUNDS = 4, STAGE_END = 2 * VIEWS * ROUNDS };
/* Pages changed at once: few are flushed one by one, many all at once. Those mapped are mapped at once, as contiguous
 * runs where the machine has them: few are then a part of one, which is broken under use. */
enum { PIECE_SMALL = 8 };
enum { PASSES_AMID = 20, PASSES_AFTER = 3 }; /* over all pages, and then a CPU sleeps */

struct view {
	bool mapped, writable;
	unsigned set; /* which of the two sets of frames */
};

static const struct view views[VIEWS] = {
	{ false, false, 0 }, { true, true, 0 }, { true, false, 0 },
	{ false, false, 0 }, { true, true, 1 }, { true, false, 1 },
};

/* What one CPU has met. */
struct looks {
	uint64_t sure;    /* looks at a stage that held */
	uint64_t between; /* looks while something changed */
	uint64_t stale;   /* looks that were not as the stage says */
	uint32_t seen;    /* the stage that it has gone over */
	uint32_t passes;  /* over all pages */
};

static struct looks looks[CPUS_MAX];
static uint32_t stage;
static mm_paddr_t sets[2];

static char *page(unsigned i)
{
	return (char *)MACHINE_SCRATCH + i * MM_FRAME_SIZE;
}

/* The first byte of each frame. */
static uint8_t mark(unsigned i, unsigned set)
{
	return (uint8_t)(i + set * PAGES);
}

static uint32_t stage_now(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&stage, __ATOMIC_SEQ_CST);
}

static bool as_viewed(const struct view *v, unsigned i, const struct fault *read,
		      const struct fault *write)
{
	if (read->taken == v->mapped || write->taken == v->writable)
		return false;
	return read->taken || read->value == mark(i, v->set);
}

/* While something changes it may be any view, but nothing else. */
static bool of_some_view(unsigned i, const struct fault *read)
{
	return read->taken || read->value == mark(i, 0) || read->value == mark(i, 1);
}

/* Go over all pages. Each CPU writes to a byte of its own. */
static void look(struct cpu *me, struct looks *l)
{
	uint32_t first = stage_now();

	for (unsigned i = 0; i < PAGES; i++) {
		uint32_t before = stage_now();
		struct fault read = probe(ACCESS_READ, page(i));
		struct fault write = probe(ACCESS_WRITE, page(i) + 64 + me->number);

		if ((before & 1) || stage_now() != before) {
			l->between++;
			l->stale += !of_some_view(i, &read);
			continue;
		}
		l->sure++;
		l->stale += !as_viewed(&views[before / 2 % VIEWS], i, &read, &write);
	}
	if (stage_now() == first)
		__atomic_store_n(&l->seen, first, __ATOMIC_RELEASE);
}

static enum mm_status change(const struct view *to, unsigned first, unsigned pages)
{
	uint32_t rights = MM_PT_READ | (to->writable ? MM_PT_WRITE : 0u);
	mm_vaddr_t va = (uintptr_t)page(first);
	uint64_t bytes = pages * MM_FRAME_SIZE;
	struct mm_tlb_gather g = { 0 };
	enum mm_status st;

	if (!to->mapped)
		st = MACHINE_PT(unmap)(&kernel.pt, va, bytes, MM_PT_EXACT, &g);
	else if (to->writable)
		st = MACHINE_PT(map)(&kernel.pt, va, sets[to->set] + first * MM_FRAME_SIZE, bytes,
				     rights, 0, &g);
	else
		st = MACHINE_PT(protect)(&kernel.pt, va, bytes, rights, MM_PT_EXACT, &g);
	mm_pt_sync(&kernel.pt, &g);
	return st;
}

static void wait_until_seen(uint32_t now)
{
	for (uint32_t i = 1; i < kernel.ncpus; i++)
		while (__atomic_load_n(&looks[i].seen, __ATOMIC_ACQUIRE) != now)
			machine_relax();
}

static void next_stage(uint32_t now)
{
	__atomic_store_n(&stage, now, __ATOMIC_SEQ_CST);
	for (uint32_t i = 1; i < kernel.ncpus; i++)
		machine_interrupt(&cpus[i]);
}

/* Something is about to change: another CPU, each in turn, is looking. */
static void wait_for_look(uint32_t now)
{
	const uint32_t *passes = &looks[kernel.ncpus > 1 ? 1 + now / 2 % (kernel.ncpus - 1) : 0].passes;
	uint32_t before = __atomic_load_n(passes, __ATOMIC_ACQUIRE);

	next_stage(now);
	while (kernel.ncpus > 1 && __atomic_load_n(passes, __ATOMIC_ACQUIRE) == before)
		machine_relax();
}

/* Until something arrives; not at all, if it is another stage by now. */
static void sleep_in(uint32_t now)
{
	bool irq = machine_irq_save();

	if (stage_now() == now)
		machine_idle();
	machine_irq_restore(irq);
}

static void job_look(struct cpu *me)
{
	struct looks *l = &looks[me->number];
	uint32_t now = stage_now(), passes = 0;

	while (l->seen < STAGE_END) {
		look(me, l);
		__atomic_store_n(&l->passes, l->passes + 1, __ATOMIC_RELEASE);
		if (stage_now() != now) {
			now = stage_now();
			passes = 0;
		} else if (++passes % (now & 1 ? PASSES_AMID : PASSES_AFTER) == 0) {
			sleep_in(now);
		}
	}
}

static bool changed_well;

static void job_change(struct cpu *me)
{
	for (uint32_t now = 2; now < STAGE_END + 2; now += 2) {
		const struct view *to = &views[now / 2 % VIEWS];
		bool by_pieces = now / 2 / VIEWS % 2 && !(to->mapped && to->writable);
		unsigned piece = by_pieces ? PIECE_SMALL : PAGES;

		wait_for_look(now - 1);
		for (unsigned first = 0; first < PAGES; first += piece)
			changed_well = changed_well && change(to, first, piece) == MM_OK;
		next_stage(now);
		look(me, &looks[0]);
		wait_until_seen(now);
	}
}

static void job(struct cpu *me)
{
	if (me->number == 0)
		job_change(me);
	else
		job_look(me);
}

static void mark_frames(void)
{
	for (unsigned set = 0; set < 2; set++)
		for (unsigned i = 0; i < PAGES; i++)
			*(uint8_t *)direct_map(sets[set] + i * MM_FRAME_SIZE) = mark(i, set);
}

static void report_looks(bool *enough, uint64_t *stale)
{
	for (uint32_t i = 0; i < kernel.ncpus; i++) {
		const struct looks *l = &looks[i];

		kprintf("    CPU %u: %lu looks, %lu of them stale; %lu in the middle of a change\n",
			i, l->sure, l->stale, l->between);
		*enough = *enough && l->sure >= (uint64_t)PAGES * VIEWS * ROUNDS;
		*stale += l->stale;
	}
}

void check_shootdown(void)
{
	unsigned order = 7; /* PAGES frames */
	bool enough = true;
	uint64_t stale = 0;

	if (!check(mm_page_alloc(&kernel.pmm, order, 0, &sets[0]) == MM_OK &&
			   mm_page_alloc(&kernel.pmm, order, 0, &sets[1]) == MM_OK,
		   "two sets of frames are allocated"))
		return;
	mark_frames();
	changed_well = true;
	smp_run(job);
	report_looks(&enough, &stale);
	check(changed_well, "pages are mapped, made read-only and unmapped under use");
	check(enough, "every CPU looked at every page in every view");
	check(stale == 0, "no CPU has ever used a stale translation");
	check(mm_page_free(&kernel.pmm, sets[0], order) == MM_OK &&
		      mm_page_free(&kernel.pmm, sets[1], order) == MM_OK,
	      "both sets are freed");
}
