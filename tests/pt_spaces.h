/* SPDX-License-Identifier: MIT */
/* A model of CPUs whose MMU walks tables by itself, with several address spaces, each with an ASID of its own (PCID, PID,
 * VMID), for tests. The worst ones possible: what any of the trees says of any page is in the TLB with that tree's ASID,
 * and stays there until a flush reaches it, whatever space is current. So do pointers to tables below the root; and
 * that nothing is mapped, where CPUs keep that. What is global is found with every ASID.
 *
 * A flush is what a kernel makes of env->flush: that of the kernel's tree reaches what all ASIDs have of it, and what is
 * global; that of another tree what its own ASID has, and its second root's, and nothing that is global.
 *
 * What the tables say is decoded by the oracle. Pages that are looked at are those of two windows: the user's, and the
 * kernel's, which is shared, or, where the upper half has a root of its own, in that tree. */
#ifndef PT_SPACES_H
#define PT_SPACES_H
#include <mmlib/pt_aarch64.h>
#include <mmlib/pt_formats.h>
#include <mmlib/pt_port.h>
#include <mmlib/pt_riscv64.h>
#include <mmlib/pt_share.h>
#include <mmlib/pt_tree.h>
#include <mmlib/pt_x86_64.h>
#include "pt_oracle.h"
#include <stdlib.h>

#define SPACES  4u
#define KERNEL  0u /* is the kernel's tree: a space like the others, whose upper half these have too */
#define MIRRORED 1u /* has the second root, where there is one... */
#define SECOND  3u /* ...which is this */
#define OLD     4u /* translations of one page that are no more, with one ASID */
#define TABLES  2048u
#define PAGE    (UINT64_C(1) << ora_page_shift)
#define BIG     ora_size(&ora, 1)

/* Whose trees. Two formats: each half of the address space has a root of its own. */
struct machine {
	const struct mm_pt_port *port, *upper;
	const struct ora_arch *arch, *upper_arch;
};

/* How, and what the host does wrong. */
struct how {
	bool second;   /* one space has a second root; else there are global pages */
	bool features; /* all that the machine may have, contiguous runs among them */
	bool skips_globals, one_asid, one_root, skips_tables; /* a flush does not reach these */
	bool global_user, global_second;                      /* global where it must not be */
};

enum missed { MISSED_NOT, MISSED_PAGE, MISSED_ROOT /* the root's entry */ };

/* What CPUs have of one page with one ASID. */
struct line {
	struct ora_run now; /* what the tables say; attr 0: nothing */
	struct ora_run old[OLD];
	unsigned n;
	enum missed missed; /* that nothing is there */
};

/* A pointer to a table, with one ASID. */
struct pointer {
	bool kept, now; /* now: the tables have it */
	uint64_t va, last;
};

struct space {
	struct mm_pt pt;
	struct mm_pt_env env;
	struct mm_tlb_gather g;
	unsigned life; /* how often it began */
};

static struct ora ora;
static struct machine machine;
static struct how how;
static struct space space[SPACES];
static uint64_t window[2];     /* user, kernel */
static unsigned window_pages;  /* of each */
static struct line *lines;
static struct pointer pointer[SPACES][TABLES];
static unsigned at_page, at_pages; /* what the operation is about */
static const char *wrong;          /* the first thing */
static unsigned far, far_global;   /* what flushes found with other ASIDs */

static inline void violation(const char *what)
{
	if (!wrong)
		wrong = what;
}

static inline struct line *line_at(unsigned asid, unsigned page)
{
	return &lines[(size_t)asid * 2 * window_pages + page];
}

static inline uint64_t va_at(unsigned page)
{
	return window[page / window_pages] + page % window_pages * PAGE;
}

/* Is a page in the upper half that has a root of its own? */
static inline bool is_upper(unsigned page)
{
	return machine.upper && page >= window_pages;
}

/* Through whose tree is it changed? */
static inline unsigned owner_of(unsigned asid, unsigned page)
{
	if (page < window_pages)
		return how.second && asid == SECOND ? MIRRORED : asid;
	return how.second && !machine.upper && asid == SECOND ? asid : KERNEL;
}

static inline struct ora_run look_up(unsigned asid, unsigned page, uint64_t *table)
{
	if (machine.upper && asid == KERNEL && !is_upper(page)) /* it has no lower half */
		return (struct ora_run){ .va = va_at(page), .last = va_at(page) + (PAGE - 1), .level = (uint8_t)machine.arch->top };
	ora.pt = &space[is_upper(page) ? KERNEL : asid].pt;
	ora.arch = is_upper(page) ? machine.upper_arch : machine.arch;
	ora.damaged = true; /* in the midst of an operation members of a run may differ */
	struct ora_run run = ora_path(&ora, va_at(page), table);
	ora.arch = machine.arch;
	ora.pt = NULL;
	if (ora.wrong)
		violation(ora.wrong);
	return run;
}

/* ---- what is kept ---- */

static inline void keep_old(struct line *line, uint64_t va)
{
	for (unsigned i = 0; i < line->n; i++)
		if (ora_may_keep(&line->old[i], &line->now, va) && ora_may_keep(&line->now, &line->old[i], va))
			return;
	if (line->n < OLD)
		line->old[line->n++] = line->now;
}

static inline void keep_miss(struct line *line)
{
	if (line->now.attr)
		return;
	if (ora.arch->must_order)
		line->missed = MISSED_PAGE;
	else if (ora.arch->root_is_latched && line->now.level == ora.arch->top)
		line->missed = MISSED_ROOT;
}

static inline void keep(struct line *line, const struct ora_run *run, uint64_t va)
{
	if (line->now.attr && !(run->attr && ora_may_keep(&line->now, run, va)))
		keep_old(line, va);
	line->now = *run;
	keep_miss(line);
}

static inline void keep_pointers(unsigned asid, uint64_t va, unsigned level, const uint64_t *table)
{
	for (unsigned l = level; l < ora.arch->top && !wrong; l++) {
		const uint64_t span = ora_size(&ora, l + 1);
		pointer[asid][(table[l] - ora.base) / ora.slot] =
			(struct pointer){ true, true, va & ~(span - 1), va | (span - 1) };
	}
}

/* The tables may have changed there. */
static inline void refresh_of(unsigned asid, unsigned page, unsigned n)
{
	const uint64_t first = va_at(page), last = va_at(page + n - 1) + (PAGE - 1);
	uint64_t table[ORA_LEVELS];

	for (unsigned i = 0; i < ora.pages; i++)
		if (pointer[asid][i].va <= last && pointer[asid][i].last >= first)
			pointer[asid][i].now = false;
	for (const unsigned end = page + n; page < end && !wrong;) {
		const struct ora_run run = look_up(asid, page, table);
		keep_pointers(asid, va_at(page), run.level, table);
		do
			keep(line_at(asid, page), &run, va_at(page));
		while (++page < end && va_at(page) <= run.last);
	}
}

static inline void refresh(unsigned page, unsigned n)
{
	for (unsigned asid = 0; asid < SPACES; asid++)
		if (space[asid].pt.port)
			refresh_of(asid, page, n);
}

/* ---- flushes ---- */

/* Does the flush step on any byte of a translation? */
static inline bool steps_on(const struct mm_tlb_gather *g, const struct ora_run *run)
{
	const uint64_t step = UINT64_C(1) << g->min_shift;
	uint64_t at = g->start & ~(step - 1);

	if (run->va > at)
		at += (run->va - at + step - 1) / step * step;
	return at <= run->last && at <= g->last;
}

/* Does a flush of tree @of, while @current is the current one, reach what an ASID has of a page? */
static inline bool reaches(unsigned of, unsigned current, unsigned asid, unsigned page)
{
	if (owner_of(asid, page) != of || (how.one_asid && asid != current))
		return false;
	return !(how.one_root && asid == SECOND && of != SECOND);
}

/* Does a flush, or will one that waits, make CPUs look again whether a page is mapped? */
static inline bool ends_miss(const struct line *line, const struct mm_tlb_gather *g, uint64_t va)
{
	const uint64_t mask = line->missed == MISSED_ROOT ? ora_size(&ora, ora.arch->top) - 1 : 0;
	const bool flushed = g->flush && (va | mask) >= g->start && (va & ~mask) <= g->last;
	const bool missed = g->misses && (va | mask) >= g->miss_start && (va & ~mask) <= g->miss_last;

	return (line->missed == MISSED_PAGE && g->sync) || (g->tables && (flushed || missed));
}

static inline void drop_line(struct line *line, const struct mm_tlb_gather *g, unsigned of, unsigned asid, uint64_t va)
{
	unsigned left = 0;

	for (unsigned i = 0; g->flush && i < line->n; i++) {
		const bool global = line->old[i].attr & MM_PT_GLOBAL;
		if (!steps_on(g, &line->old[i]) || (global && (of != KERNEL || how.skips_globals))) {
			line->old[left++] = line->old[i];
			continue;
		}
		far += asid != of;
		far_global += asid != of && global;
	}
	line->n = g->flush ? left : line->n;
	if (ends_miss(line, g, va))
		line->missed = MISSED_NOT;
	if (space[asid].pt.port) /* no CPU has looked for what is not there yet */
		keep_miss(line);
}

/* Of a window's pages, those that a flush is about: [*first, *end). What is ordered, or latched, may be anywhere. */
static inline void reach_of(const struct mm_tlb_gather *g, unsigned half, unsigned *first, unsigned *end)
{
	const uint64_t start = window[half], last = start + (window_pages * PAGE - 1);
	const bool all = g->sync || (g->tables && ora.arch->root_is_latched);
	const uint64_t from = all || g->start < start ? start : g->start;
	const uint64_t to = all || g->last > last ? last : g->last;

	*first = *end = half * window_pages;
	if (from > to)
		return;
	*end += (unsigned)((to - start) / PAGE) + 1;
	*first += (unsigned)((from - start) / PAGE);
}

static inline void drop_lines(const struct mm_tlb_gather *g, unsigned of, unsigned current, unsigned half)
{
	unsigned first, end;

	reach_of(g, half, &first, &end);
	for (unsigned asid = 0; asid < SPACES; asid++)
		for (unsigned page = first; page < end; page++)
			if (reaches(of, current, asid, page))
				drop_line(line_at(asid, page), g, of, asid, va_at(page));
}

static inline unsigned page_of(uint64_t va)
{
	return va >= window[1] && va - window[1] < window_pages * PAGE ? window_pages : 0;
}

static inline void drop_pointers(const struct mm_tlb_gather *g, unsigned of, unsigned current)
{
	for (unsigned asid = 0; asid < SPACES; asid++)
		for (unsigned i = 0; i < ora.pages; i++) {
			struct pointer *p = &pointer[asid][i];
			if (p->kept && !p->now && p->last >= g->start && p->va <= g->last &&
			    !(how.skips_tables && asid != of) && reaches(of, current, asid, page_of(p->va)))
				p->kept = false;
		}
}

static inline void flush(void *ctx, const struct mm_tlb_gather *g)
{
	const unsigned of = (unsigned)((struct space *)ctx - space), current = of == KERNEL ? 1 : of;

	if (at_pages)
		refresh(at_page, at_pages);
	for (unsigned half = 0; half < 2; half++)
		drop_lines(g, of, current, half);
	if (g->flush && g->tables)
		drop_pointers(g, of, current);
}

static inline enum mm_status alloc_table(void *ctx, size_t bytes, mm_paddr_t *pa)
{
	(void)ctx;
	if (at_pages)
		refresh(at_page, at_pages);
	return ora.env.alloc_table(&ora, bytes, pa);
}

static inline void free_table(void *ctx, mm_paddr_t pa, size_t bytes)
{
	(void)ctx;
	for (unsigned asid = 0; asid < SPACES; asid++)
		if (pointer[asid][(pa - ora.base) / ora.slot].kept)
			violation("a table is given back while a CPU may walk through it");
	ora.env.free_table(&ora, pa, bytes);
}

static inline void *to_virt(void *ctx, mm_paddr_t pa)
{
	(void)ctx;
	return ora_virt(&ora, pa);
}

/* ---- what must be ---- */

/* Will a flush that waits reach a translation, or a page? */
static inline bool waits(const struct mm_tlb_gather *g, const struct ora_run *run, uint64_t va)
{
	return g->flush && va >= g->start && va <= g->last && run->last - run->va >= (UINT64_C(1) << g->min_shift) - 1;
}

static inline bool grants(const struct line *line, const struct ora_run *run, uint64_t va)
{
	return line->now.attr && ora_may_keep(run, &line->now, va);
}

/* A translation that ASID @asid has of a page, and that is global: is it right for all others? */
static inline void check_global(unsigned asid, const struct ora_run *run, unsigned page)
{
	const uint64_t va = va_at(page);

	for (unsigned other = 0; other < SPACES; other++)
		if (space[other].pt.port && other != asid && !grants(line_at(other, page), run, va) &&
		    !waits(&space[owner_of(asid, page)].g, run, va))
			violation("what is global grants in a space whose tables do not");
}

static inline void check_miss(const struct line *line, const struct mm_tlb_gather *g, uint64_t va)
{
	if (line->now.attr && line->missed != MISSED_NOT && !ends_miss(line, g, va))
		violation("that nothing is there is kept, and no flush waits");
}

static inline void check_line(unsigned asid, unsigned page)
{
	const struct line *line = line_at(asid, page);
	const struct mm_tlb_gather *g = &space[owner_of(asid, page)].g;
	const uint64_t va = va_at(page);

	for (unsigned i = 0; i < line->n; i++) {
		if (!grants(line, &line->old[i], va) && !waits(g, &line->old[i], va))
			violation("a translation is kept that the tables do not have, and no flush waits");
		if (line->old[i].attr & MM_PT_GLOBAL)
			check_global(asid, &line->old[i], page);
	}
	if (line->now.attr & MM_PT_GLOBAL)
		check_global(asid, &line->now, page);
	check_miss(line, g, va);
}

static inline void check(unsigned page, unsigned n)
{
	for (unsigned asid = 0; asid < SPACES; asid++)
		for (unsigned i = page; space[asid].pt.port && i < page + n && !wrong; i++)
			check_line(asid, i);
	for (unsigned asid = 0; asid < SPACES; asid++)
		for (unsigned i = 0; i < ora.pages && !wrong; i++) {
			const struct pointer *p = &pointer[asid][i];
			const struct mm_tlb_gather *g = &space[owner_of(asid, page_of(p->va))].g;
			if (p->kept && !p->now && !(g->flush && g->tables && p->last >= g->start && p->va <= g->last))
				violation("a pointer is kept that the tables do not have, and no flush waits");
		}
}
#endif
