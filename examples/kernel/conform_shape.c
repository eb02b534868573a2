/* SPDX-License-Identifier: MIT */
/* Large pages, and contiguous runs: split and made again while all CPUs use them, and a small part that gets
 * other rights.
 *
 * Theory of operation
 * Structure    one leaf of level 1; then as many leaves of level 0, in contiguous runs; then a run of leaves of
 *              level 1. Places in it are
 *              looked at as conform_pages.c looks at pages. CPU 0 splits and collapses it; each other CPU writes a count to its own byte of each place and
 *              reads it again, which must be what it wrote.
 * Phases       four CPUs share few of the host's, and a CPU that waits takes time from the one it waits for. So all
 *              sleep but around a change: CPU 0 wakes them, and changes the shape when one of them, each in turn, is
 *              amid its places; all go on until they have used all places as the change left them. Amid a change that
 *              takes long, one that has used all places often, or met one fault often, sleeps until something
 *              arrives, be it a flush.
 * Breaks       where the format demands break-before-make, an access may fault for a moment: it is then
 *              repeated until it does not. Elsewhere a fault is a failure. */
#include "conform.h"

enum { ROUNDS = 40 };
enum { PAGES_IN_RUNS = 512 }; /* all places are in there, and whole runs, whatever they have */
enum { PAGES_AT_MOST = 8192 }; /* that anything is split into */

static const char *what; /* is it that is split */
static unsigned level; /* of its leaves */
static bool in_runs;
static mm_paddr_t block;
static uint64_t block_bytes;
static uint32_t wrong[CPUS_MAX], faulted[CPUS_MAX], counted[CPUS_MAX];
static enum mm_status changed;

static uint32_t amid[CPUS_MAX]; /* how often a place was used while the shape changed */

enum phase { REST, GATHER, CHANGE, PHASES };
static uint32_t phases; /* how many there were; modulo PHASES: which it is */
static uint32_t stop;
enum { ROUNDS_AMID = 20, FAULTS_AMID = 50, ROUNDS_AFTER = 3 }; /* and then a CPU sleeps */

/* Their page numbers differ in the low byte: the stride is odd. */
static mm_vaddr_t place(unsigned i)
{
	unsigned bits = conform.pt->port->level[0].bits;
	unsigned pages = bits < 9 ? 1u << bits : PAGES_IN_RUNS;
	unsigned stride = ((pages - 1) / (CONFORM_PAGES - 1) - 1) | 1;

	return conform.va + (mm_vaddr_t)(i * stride * conform_page());
}

static uint64_t leaf_bytes(unsigned at)
{
	return UINT64_C(1) << conform.pt->port->level[at].shift;
}

/* Is a place in one large leaf, or in a contiguous run? */
static bool is_one(unsigned i)
{
	struct mm_pt_run run = { 0 };

	if (mm_pt_query(conform.pt, place(i), &run) != MM_OK)
		return false;
	return run.level == level && (run.last - run.va >= leaf_bytes(level)) == in_runs;
}

static bool all_are_one(bool wanted)
{
	for (unsigned i = 0; i < CONFORM_PAGES; i++)
		if (is_one(i) != wanted)
			return false;
	return true;
}

static uint32_t at_most(void)
{
	return MM_PT_MAX_LEVEL(level);
}

static uint32_t phases_now(void)
{
	return __atomic_load_n(&phases, __ATOMIC_ACQUIRE);
}

/* Until something arrives; not at all, if it is another phase by now. */
static void sleep_in(uint32_t phase)
{
	bool irq = machine_irq_save();

	if (phases_now() == phase)
		machine_idle();
	machine_irq_restore(irq);
}

static void next_phase(void)
{
	__atomic_store_n(&phases, phases + 1, __ATOMIC_RELEASE);
	for (uint32_t i = 1; i < kernel.ncpus; i++)
		machine_interrupt(&cpus[i]);
}

/* Who faults is in the way of who is about to mend that. */
static void fault_and_wait(struct cpu *me, unsigned *times)
{
	const uint32_t phase = phases_now();

	faulted[me->number]++;
	if (++*times % FAULTS_AMID == 0 && phase % PHASES == CHANGE)
		sleep_in(phase);
	for (unsigned i = 0; i < 500; i++)
		machine_relax();
}

/* A byte that is read, faults repeated; counts those. */
static uint8_t read_there(struct cpu *me, mm_vaddr_t va)
{
	struct fault f = probe(ACCESS_READ, (const void *)(uintptr_t)va);

	for (unsigned times = 0; f.taken; f = probe(ACCESS_READ, (const void *)(uintptr_t)va))
		fault_and_wait(me, &times);
	return f.value;
}

/* probe() writes zeros, so the counts go in through the direct map: what the CPU reads through the tree, and
 * the zero that it writes through it and finds in the direct map, are both of the tree under test. */
static void use_place(struct cpu *me, unsigned i, uint8_t count)
{
	const mm_vaddr_t at = place(i) + AT_WRITE + me->number;
	volatile uint8_t *memory = direct_map(block + (mm_paddr_t)(at - conform.va));

	*memory = count;
	if (read_there(me, at) != count)
		wrong[me->number]++;
	for (unsigned times = 0; probe(ACCESS_WRITE, (const void *)(uintptr_t)at).taken;)
		fault_and_wait(me, &times);
	amid[me->number] += phases_now() % PHASES == CHANGE;
	if (*memory != 0)
		wrong[me->number]++;
}

static void use_all(struct cpu *me)
{
	uint8_t count = (uint8_t)(counted[me->number]++ % 255 + 1);

	for (unsigned i = 0; i < CONFORM_PAGES; i++)
		use_place(me, i, count);
}

static enum mm_status reshape(bool split)
{
	struct mm_tlb_gather g = { 0 };
	const uint32_t apart = MM_PT_MAX_LEVEL(0) | MM_PT_NO_RUNS;
	enum mm_status st =
		split ? mm_pt_split(conform.pt, conform.va, block_bytes, apart, &g)
		      : mm_pt_collapse(conform.pt, conform.va, block_bytes, at_most(), &g);

	mm_pt_sync(conform.pt, &g);
	if (st == MM_OK && !all_are_one(!split))
		return MM_E_STATE;
	return st;
}

/* A phase begins; until these CPUs have ended so many rounds from then on. */
static void wait_for_rounds(uint32_t rounds, uint32_t first, uint32_t last)
{
	uint32_t before[CPUS_MAX];

	for (uint32_t i = first; i <= last; i++)
		before[i] = __atomic_load_n(&counted[i], __ATOMIC_RELAXED);
	next_phase();
	for (uint32_t i = first; i <= last; i++)
		while (__atomic_load_n(&counted[i], __ATOMIC_RELAXED) - before[i] < rounds)
			machine_relax();
}

/* Each CPU in turn. */
static uint32_t who_is_amid(uint32_t phase)
{
	return kernel.ncpus > 1 ? 1 + phase / PHASES % (kernel.ncpus - 1) : 1;
}

/* May it sleep after so many rounds in that phase? */
static bool may_sleep(const struct cpu *me, uint32_t phase, uint32_t rounds)
{
	if (phase % PHASES == REST)
		return rounds >= ROUNDS_AFTER;
	return rounds % ROUNDS_AMID == 0 && (phase % PHASES == CHANGE || me->number != who_is_amid(phase));
}

static void use_until_stop(struct cpu *me)
{
	uint32_t phase = phases_now();

	for (uint32_t rounds = 0; !__atomic_load_n(&stop, __ATOMIC_ACQUIRE);) {
		use_all(me);
		rounds++;
		if (may_sleep(me, phase, rounds))
			sleep_in(phase);
		const uint32_t now = phases_now(); /* once, or a phase may begin with the rounds of the one before */
		if (now != phase)
			rounds = 0;
		phase = now;
	}
}

static void job_reshape(struct cpu *me)
{
	if (me->number) {
		use_until_stop(me);
		return;
	}
	/* of runs, each round breaks many */
	for (unsigned i = 0; i < (in_runs ? 1 : 2) * ROUNDS && changed == MM_OK; i++) {
		uint32_t last = kernel.ncpus - 1, other = who_is_amid(phases);

		wait_for_rounds(1, other, last ? other : 0); /* GATHER */
		next_phase();       /* CHANGE */
		changed = reshape(i % 2 == 0);
		wait_for_rounds(2, 1, last); /* REST */
		use_all(me);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	next_phase();
}

static uint32_t sum(const uint32_t *counts)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < kernel.ncpus; i++)
		n += counts[i];
	return n;
}

/* Does the format want an entry to be empty between a leaf and a table? */
static bool breaks(void)
{
	const struct mm_pt_port *port = conform.pt->port;
	if (in_runs)
		return true; /* the walker does so in all formats */
	uint64_t leaf = port->leaf(conform.pt, block, 1, conform_read()), table = port->table(conform.pt, block, 1);

	return port->transition(conform.pt, leaf, table, 1) & MM_PT_AFTER_BBM;
}

static void under_use(void)
{
	stop = phases = 0;
	changed = MM_OK;
	smp_run(job_reshape);
	kprintf("    %u rounds of all places, %u looks amid changes, %u faults on the way\n", sum(counted), sum(amid),
		sum(faulted));
	check_status(changed, MM_OK,
		     conform_text(what, ": is split and made again 40 times under use", "", ""));
	check(sum(wrong) == 0, "no CPU has read or written anything else meanwhile");
	if (breaks())
		check(is_one(0), "it is one at the end");
	else
		check(sum(faulted) == 0, "no access has faulted meanwhile");
}

/* The attributes that all places shall have, but for one, which is `odd`. */
static uint32_t rest_attr, odd_attr;
enum { ODD = 31 };

static void job_look(struct cpu *me)
{
	uint32_t bad = 0;

	for (unsigned i = 0; i < CONFORM_PAGES; i++) {
		uint32_t attr = i == ODD ? odd_attr : rest_attr;

		bad += !conform_as(place(i), attr, ACCESS_READ, false);
		bad += !conform_as(place(i), attr, ACCESS_WRITE, false);
	}
	wrong[me->number] = bad;
}

static void all_see(uint32_t rest, uint32_t odd, const char *seen)
{
	rest_attr = rest;
	odd_attr = odd;
	smp_run(job_look);
	check(sum(wrong) == 0, conform_text(what, ": ", seen, ""));
}

static const char *of_it(const char *text)
{
	return conform_text(what, ": ", text, "");
}

/* A kernel whose own pages they were would not have them taken away for a moment. */
static void odd_part_unbroken(uint32_t attr)
{
	struct mm_tlb_gather g = { 0 };

	if (!breaks())
		return; /* then no access has faulted under_use() */
	check_status(mm_pt_protect(conform.pt, place(ODD), conform_page(), attr, MM_PT_NO_BREAK, &g), MM_E_BBM,
		     of_it("a part that would be away for a moment is left alone"));
	mm_pt_sync(conform.pt, &g);
	check(all_are_one(true), of_it("it is not split for that"));
}

static void odd_part(void)
{
	const uint32_t r = conform_read(), rw = r | MM_PT_WRITE;

	odd_part_unbroken(r);
	all_see(rw, rw, "all can be written");
	check_status(conform_protect(place(ODD), conform_page(), r), MM_OK,
		     of_it("a part is made read-only"));
	all_see(rw, r, "that part alone cannot be written, on any CPU");
	check_status(conform_unmap(place(ODD), conform_page()), MM_OK,
		     of_it("the part is unmapped"));
	all_see(rw, 0, "that part alone is gone");
	check_status(conform_map(place(ODD), block + (mm_paddr_t)(place(ODD) - conform.va),
				 conform_page(), rw),
		     MM_OK, of_it("the part is mapped again"));
	all_see(rw, rw, "all can be written again");
	check_status(reshape(false), MM_OK, of_it("it is one again"));
	check_status(conform_protect(conform.va, block_bytes, r), MM_OK,
		     of_it("all is made read-only"));
	check(all_are_one(true), of_it("it is not split for that"));
	all_see(r, r, "none of it can be written");
	check_status(conform_unmap(conform.va, block_bytes), MM_OK, of_it("it is unmapped"));
	all_see(0, 0, "all of it is gone");
}

static void shape(const char *name, unsigned leaves, bool runs, uint64_t bytes)
{
	struct mm_tlb_gather g = { 0 };
	enum mm_status st;

	what = name;
	level = leaves;
	in_runs = runs;
	block_bytes = bytes;
	for (uint32_t i = 0; i < kernel.ncpus; i++)
		wrong[i] = faulted[i] = counted[i] = amid[i] = 0;
	st = mm_pt_map(conform.pt, conform.va, block, block_bytes, conform_read() | MM_PT_WRITE,
		       at_most(), &g);
	mm_pt_sync(conform.pt, &g);
	check_status(st, MM_OK, of_it("is mapped"));
	check(all_are_one(true), of_it("is one"));
	if (conform.detached)
		check_skip(of_it("is split and made again 40 times under use"), "what CPUs use must not be changed by stores");
	else
		under_use();
	odd_part();
}

/* Does the tree use runs of leaves of that level? */
static bool has_runs(unsigned at)
{
	const uint8_t lg2 = conform.pt->port->run_lg2[at];
	struct mm_tlb_gather g = { 0 };
	struct mm_pt_run run = { 0 };
	bool has = lg2 &&
		   mm_pt_map(conform.pt, conform.va, block, leaf_bytes(at) << lg2, MM_PT_READ, MM_PT_MAX_LEVEL(at),
			     &g) == MM_OK &&
		   mm_pt_query(conform.pt, conform.va, &run) == MM_OK;

	mm_pt_sync(conform.pt, &g);
	return has && conform_unmap(conform.va, leaf_bytes(at) << lg2) == MM_OK &&
	       run.last - run.va == (leaf_bytes(at) << lg2) - 1;
}

/* Takes memory, and gives it back. */
static void shape_in(const char *name, unsigned leaves, bool runs, uint64_t bytes)
{
	const char *text = conform_text(name, ": honoured, split and made again under use", "", "");

	if (!(conform.pt->cfg.leaf_levels >> leaves & 1)) {
		check_skip(text, "this CPU has none");
		return;
	}
	if (bytes / conform_page() > PAGES_AT_MOST || !conform_take(bytes, &block)) {
		check_skip(text, "too large for the memory, or to be taken apart");
		return;
	}
	if (!runs || has_runs(leaves))
		shape(name, leaves, runs, bytes);
	else
		check_skip(text, "this format has none, or this CPU");
	conform_give(block, bytes);
}

void conform_shape(void)
{
	const uint64_t large = leaf_bytes(1);

	shape_in("large page", 1, false, large);
	shape_in("contiguous runs", 0, true, PAGES_IN_RUNS * conform_page());
	shape_in("contiguous run of large pages", 1, true, large << conform.pt->port->run_lg2[1]);
}
