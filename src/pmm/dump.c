/* SPDX-License-Identifier: MIT */
/* Theory of operation: memory in lines of text
 * Problem      a kernel that panics must be able to show its memory: with no lock, no memory and little
 *              stack, on top of whatever stood in the middle of a call.
 * Structure    what reports tell (pmm_report.c), put into one line of fixed size at a time; who has no
 *              room for the next word sends the line off.
 * Concurrency  reads only. Positions only move forward, so it ends. */
#include "pmm.h"
#include "../dump.h"

#define DUMP_ORDERS 32u

/* By subtraction: not every CPU divides, and kernels have no library for it. */
static void dump_number(struct dump *d, mm_pfn_t n)
{
	static const mm_pfn_t powers[] = {
#if UINTPTR_MAX > 0xffffffffu
		1000000000000000, 100000000000000, 10000000000000, 1000000000000,
		100000000000,     10000000000,
#endif
		1000000000,       100000000,       10000000,       1000000,
		100000,           10000,           1000,           100,
		10,               1,
	};
	bool any = false;

	for (unsigned i = 0; i < sizeof(powers) / sizeof(powers[0]); i++) {
		unsigned digit = 0;

		for (; digit < 9 && n >= powers[i]; digit++)
			n -= powers[i];
		any |= digit || powers[i] == 1;
		if (any)
			dump_char(d, (char)('0' + digit));
	}
}

/* A new line if less than so much is left of this one. */
static void dump_room(struct dump *d, unsigned room, const char *begin)
{
	if (d->length + room <= DUMP_LINE)
		return;
	dump_send(d);
	dump_text(d, begin);
}

static PMM_SLOW void dump_blocks(const struct mm_pmm *pmm, struct dump *d, uint32_t zone)
{
	mm_pfn_t blocks[DUMP_ORDERS];

	if (mm_pmm_free_blocks(pmm, zone, blocks, DUMP_ORDERS) != MM_OK)
		return;
	dump_text(d, "  free blocks:");
	for (unsigned order = 0; order < DUMP_ORDERS; order++) {
		if (!blocks[order])
			continue;
		dump_room(d, 20, "   ");
		dump_char(d, ' ');
		dump_number(d, order);
		dump_char(d, '*');
		dump_number(d, blocks[order]);
	}
	dump_send(d);
}

static void dump_zone(const struct mm_pmm *pmm, struct dump *d, uint32_t zone)
{
	struct mm_pmm_stats s;

	if (mm_pmm_stats(pmm, (int)zone, &s) != MM_OK || s.total == 0)
		return;
	dump_text(d, "zone ");
	for (unsigned i = 0; s.name && s.name[i] && i < 16; i++)
		dump_char(d, s.name[i]);
	dump_text(d, " of node ");
	dump_number(d, s.node);
	dump_text(d, ": ");
	dump_number(d, s.total);
	dump_text(d, " frames");
	dump_send(d);
	dump_text(d, "  ");
	dump_number(d, s.free);
	dump_text(d, " free, ");
	dump_number(d, s.used);
	dump_text(d, " used, ");
	dump_number(d, s.reserved);
	dump_text(d, " reserved");
	dump_send(d);
	dump_blocks(pmm, d, zone);
}

static void dump_run(struct dump *d, const struct mm_frame_run *run)
{
	dump_room(d, 18, "");
	if (d->length == 0) {
		dump_hex(d, run->base, sizeof(run->base) * 2);
		dump_char(d, ':');
	}
	dump_char(d, ' ');
	dump_char(d, mm_frame_letter(run->state));
	if (run->frames > 1)
		dump_number(d, run->frames);
}

static void dump_map(const struct mm_pmm *pmm, struct dump *d)
{
	struct mm_frame_run run, sum = { 0, 0, MM_FRAME_NONE, 0 };
	mm_pfn_t it = 0, next = 0;

	while (mm_pmm_next_run(pmm, &it, &run)) {
		bool follows = sum.frames && mm_pa_to_pfn(run.base) == next;

		next = mm_pa_to_pfn(run.base) + run.frames;
		if (follows && run.state == sum.state) {
			sum.frames += run.frames;
			continue;
		}
		if (sum.frames)
			dump_run(d, &sum);
		if (!follows)
			dump_send(d);
		sum = run;
	}
	if (sum.frames)
		dump_run(d, &sum);
	dump_send(d);
}

void mm_pmm_dump(const struct mm_pmm *pmm, void (*line)(void *ctx, const char *text), void *ctx)
{
	struct dump d = { .line = line, .ctx = ctx };

	if (!pmm || !pmm_ready(pmm))
		return;
	if (!line) {
		d.line = pmm->port->log;
		d.ctx = pmm->port->ctx;
	}
	if (!d.line)
		return;
	for (uint32_t zone = 0; zone < pmm->nzones; zone++)
		dump_zone(pmm, &d, zone);
	dump_map(pmm, &d);
}

#if MM_PAGE_POISON || MM_HARDEN || MM_SANITIZER
void dump_tell(const struct mm_pmm *pmm, const char *what, mm_paddr_t pa)
{
	struct dump d = { .line = pmm->port->log, .ctx = pmm->port->ctx };

	if (!d.line)
		return;
	dump_text(&d, what);
	dump_hex(&d, pa, sizeof(pa) * 2);
	dump_send(&d);
}
#endif

#undef DUMP_ORDERS
