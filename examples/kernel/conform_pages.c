/* SPDX-License-Identifier: MIT */
/* Many pages change, and at once all CPUs see it.
 *
 * Theory of operation
 * Problem      a flush that loses a page, or a CPU, is noticed only if the TLB of that CPU held that page.
 * Structure    every CPU looks at all pages, so each TLB holds what was; CPU 0 changes them, all by one
 *              gather, or each with a sync of its own; every CPU looks again. TLBs that hold that nothing
 *              is there are tried by the looks before pages are mapped; those that hold pairs of pages, by
 *              pages that come and go beside others.
 * Gains        a format may leave a right that was gained to cost a fault (mmlib/pt_x86_64.h): after a gain
 *              a look that faults is repeated once. */
#include "conform.h"

/* What all CPUs shall see. */
static struct {
	uint32_t attr;    /* of all pages; 0: they are not mapped */
	unsigned set;     /* whose frames */
	bool user, gain;
	bool beside; /* the other page of each pair */
} view;
static uint32_t wrong[CPUS_MAX];
static mm_paddr_t frames[2];

static uint8_t mark_of(unsigned i, unsigned set)
{
	return (uint8_t)(i + CONFORM_PAGES * set + 1);
}

/* The other page of a pair is no page that is tried otherwise: they are further apart. */
static mm_vaddr_t page_va(unsigned i)
{
	return conform_va(i) ^ (view.beside ? (mm_vaddr_t)conform_page() : 0);
}

static bool one_look(unsigned i, enum access access)
{
	mm_vaddr_t va = page_va(i);

	return conform_as(va, view.attr, access, view.user) ||
	       (view.gain && conform_as(va, view.attr, access, view.user));
}

/* All pages, if that access is allowed, or if it is not. */
static uint32_t looks_at(enum access access, bool allowed)
{
	uint32_t bad = 0;

	if (conform_allowed(view.attr, access, view.user) != allowed)
		return 0;
	for (unsigned i = 0; i < CONFORM_PAGES; i++) {
		bad += !one_look(i, access);
		bad += allowed && access == ACCESS_READ && machine_cpu()->fault.value != mark_of(i, view.set);
	}
	return bad;
}

/* Where a fault forgets all: what was allowed before and is not any more, before anything else faults or is looked up
 * anew; and at the end what is allowed, for the TLB to hold it when the next change comes. */
static void job_look_in_order(struct cpu *me)
{
	uint32_t bad = looks_at(ACCESS_READ, true) + looks_at(ACCESS_READ, false);

	bad += looks_at(ACCESS_EXEC, false) + looks_at(ACCESS_WRITE, false);
	bad += looks_at(ACCESS_WRITE, true) + looks_at(ACCESS_EXEC, true) + looks_at(ACCESS_READ, true);
	wrong[me->number] = bad;
}

static void job_look(struct cpu *me)
{
	uint32_t bad = 0;

	for (unsigned i = 0; i < CONFORM_PAGES; i++) {
		bad += !one_look(i, ACCESS_READ);
		if (view.attr)
			bad += machine_cpu()->fault.value != mark_of(i, view.set) &&
			       conform_allowed(view.attr, ACCESS_READ, view.user);
		bad += !one_look(i, ACCESS_WRITE);
		if (view.user || !conform.exec_forgets)
			bad += !one_look(i, ACCESS_EXEC);
	}
	wrong[me->number] = bad;
}

static void all_see(const char *kind, const char *how, const char *what)
{
	uint32_t bad = 0;

	smp_run(conform.faults_forget ? job_look_in_order : job_look);
	for (uint32_t i = 0; i < kernel.ncpus; i++) {
		if (wrong[i])
			kprintf("# CPU %u: %u looks are wrong\n", i, wrong[i]);
		bad += wrong[i];
	}
	check(bad == 0, conform_text(kind, how, what, ""));
}

static enum mm_status change(unsigned i, bool map, bool unmap, struct mm_tlb_gather *g)
{
	mm_vaddr_t va = page_va(i);
	mm_paddr_t pa = frames[view.set] + (mm_paddr_t)(i * conform_page());
	enum mm_status st = MM_OK;

	if (!map && !unmap)
		return mm_pt_protect(conform.pt, va, conform_page(), view.attr, MM_PT_EXACT, g);
	if (unmap)
		st = mm_pt_unmap(conform.pt, va, conform_page(), MM_PT_EXACT, g);
	return st == MM_OK && map ? mm_pt_map(conform.pt, va, pa, conform_page(), view.attr, 0, g) : st;
}

/* How many pages share a flush. Three have 523 pages from the first to the last, all of them more than 2^14. */
enum { EACH = 1, THREE = 3, ALL = CONFORM_PAGES };

static void change_all(unsigned share, bool map, bool unmap)
{
	struct mm_tlb_gather g = { 0 };
	enum mm_status st = MM_OK;

	for (unsigned i = 0; i < CONFORM_PAGES && st == MM_OK; i++) {
		st = change(i, map, unmap, &g);
		if ((i + 1) % share == 0 || st != MM_OK)
			mm_pt_sync(conform.pt, &g);
	}
	mm_pt_sync(conform.pt, &g);
	if (st != MM_OK)
		check_status(st, MM_OK, "pages are changed");
}

/* All pages through all changes. */
static void one_way(uint32_t base, const char *kind, bool user, unsigned share)
{
	const char *how = share == EACH  ? "flushed one by one, " :
			  share == THREE ? "flushed by threes, " :
					   "flushed at once, ";

	view.user = user;
	view.attr = 0;
	view.gain = false;
	view.set = 0;
	all_see(kind, how, "nothing is there at first");
	view.attr = base | conform_read();
	change_all(share, true, false);
	all_see(kind, how, "what is mapped is there");
	view.attr |= MM_PT_WRITE;
	view.gain = true;
	change_all(share, false, false);
	all_see(kind, how, "what may be written can be written");
	view.gain = false;
	view.attr = base | MM_PT_READ | MM_PT_EXEC;
	change_all(share, false, false);
	view.gain = true;
	all_see(kind, how, "what became code can be executed and not written");
	view.gain = false;
	view.attr = base | conform_read();
	change_all(share, false, false);
	if (conform.all_exec)
		check_skip(conform_text(kind, how, "what is code no more cannot be executed", ""),
			   "the format has no such pages");
	else
		all_see(kind, how, "what is code no more cannot be executed");
	view.set = 1;
	change_all(share, true, true);
	all_see(kind, how, "other frames are there at once");
	view.attr = 0;
	change_all(share, false, true);
	all_see(kind, how, "what is unmapped is gone");
}

static void both_ways(uint32_t base, const char *kind, bool user)
{
	one_way(base, kind, user, ALL);
	one_way(base, kind, user, EACH);
}

/* Pages of the user, in each way that the machine has to flush them. */
static void flushed_otherwise(void)
{
	const char *lacks, *way;

	for (unsigned i = 1; (way = machine_conform_flush(i, &lacks)) != NULL; i++) {
		if (lacks) {
			check_skip(conform_text("64 pages of the user ", way, "forgotten", ""), lacks);
			continue;
		}
		one_way(conform_user(), way, !conform.exec_forgets, ALL);
		one_way(conform_user(), way, !conform.exec_forgets, THREE);
	}
	(void)machine_conform_flush(0, &lacks);
}

/* What all CPUs shall see from here on of the pages, or of those beside them. */
static void turn_to(bool beside, uint32_t attr)
{
	view.beside = beside;
	view.set = beside;
	view.attr = attr;
}

static void beside_others(void)
{
	const uint32_t r = conform_read(), rw = r | MM_PT_WRITE;
	const char *const kind = "64 pages beside others, ";

	view.user = view.gain = false;
	turn_to(false, r);
	change_all(ALL, true, false);
	all_see(kind, "the others ", "are there");
	turn_to(true, 0);
	all_see(kind, "", "nothing is there at first");
	turn_to(true, rw);
	change_all(ALL, true, false);
	all_see(kind, "", "what is mapped is there");
	turn_to(false, r);
	all_see(kind, "the others ", "are as they were");
	turn_to(true, 0);
	change_all(ALL, false, true);
	all_see(kind, "", "what is unmapped is gone");
	turn_to(false, r);
	all_see(kind, "the others ", "are still there");
	turn_to(false, 0);
	change_all(ALL, false, true);
}

/* Two pages that follow each other by one flush, which is of more than its first page and less than all. Not unmapped:
 * where a table goes with them, all may be forgotten. */
static void two_at_once(void)
{
	const uint32_t r = conform_read(), rw = r | MM_PT_WRITE;
	const char *const kind = "64 pairs of pages, ";

	view.user = view.gain = false;
	for (unsigned beside = 0; beside < 2; beside++) {
		turn_to(beside, rw);
		change_all(ALL, true, false);
		all_see(kind, beside ? "the others " : "", "can be written");
	}
	for (unsigned i = 0; i < CONFORM_PAGES; i++) {
		struct mm_tlb_gather g = { 0 };

		for (unsigned beside = 0; beside < 2; beside++) {
			turn_to(beside, r);
			if (change(i, false, false, &g) != MM_OK)
				check(false, "a pair is made read-only");
		}
		mm_pt_sync(conform.pt, &g);
	}
	for (unsigned beside = 0; beside < 2; beside++) {
		turn_to(beside, r);
		all_see(kind, beside ? "the others " : "", "cannot be written, by one flush of both");
	}
	for (unsigned beside = 0; beside < 2; beside++) {
		turn_to(beside, 0);
		change_all(ALL, false, true);
	}
}

void conform_pages(void)
{
	const uint64_t bytes = CONFORM_PAGES * conform_page();

	if (!check(conform_take(bytes, &frames[0]) && conform_take(bytes, &frames[1]),
		   "two sets of frames are allocated"))
		return;
	for (unsigned set = 0; set < 2; set++)
		for (unsigned i = 0; i < CONFORM_PAGES; i++)
			conform_mark(frames[set] + (mm_paddr_t)(i * conform_page()), mark_of(i, set));
	both_ways(conform_any(), "64 pages of the kernel, ", false);
	if (conform.pt->port->check(conform.pt, conform_read() | MM_PT_GLOBAL) == MM_OK)
		both_ways(MM_PT_GLOBAL | conform_any(), "64 global pages, ", false);
	else
		check_skip("64 global pages are seen and forgotten", "the format has no such pages");
	both_ways(conform_user(), "64 pages of the user, ", true);
	flushed_otherwise();
	if (conform_alike() == 1) {
		beside_others();
		two_at_once();
	} else {
		check_skip("64 pages beside others, and with them by one flush, are seen and forgotten",
			   "the emulator's own pages are larger than those");
	}
	conform_give(frames[0], bytes);
	conform_give(frames[1], bytes);
}
