/* SPDX-License-Identifier: MIT */
/* Theory of operation: page tables in lines of text
 * Problem      show what a tree maps, in a panic too, and find pages that may be both written and executed.
 * Structure    from entry to entry along the address space, each found from the root: it remembers nothing
 *              that could be stale. Leaves that follow each other, with frames that do, are one line.
 * Concurrency  reads only. Addresses only grow, so it ends, whatever the tables say. */
#include <mmlib/pt_tree.h>
#include "dump.h"
#include "vmm/pt_core.h"

#define DUMP_WX ((uint32_t)(MM_PT_WRITE | MM_PT_EXEC))

/* The line that is being put together: leaves, or one damaged entry. */
struct pt_line {
	mm_vaddr_t va, last;
	mm_paddr_t pa;
	uint64_t entry;
	uint32_t attr; /* 0: damaged, or nothing */
	unsigned level, run; /* run: log2 of its entries */
	bool any;
};

static void pt_line_attr(struct dump *d, uint32_t attr)
{
	static const char types[8][5] = { " WB", " WT", " WC", " UC", " DEV", " ?", " ?", " ?" };
	static const char letters[] = "rwxug";

	for (unsigned i = 0; i < 5; i++)
		dump_char(d, attr >> i & 1 ? letters[i] : '-');
	dump_text(d, types[(attr & MM_PT_TYPE) >> 8]);
	if (attr & MM_PT_KEYS) {
		dump_text(d, " key ");
		dump_hex(d, (attr & MM_PT_KEYS) / MM_PT_KEY(1), 1);
	}
	if ((attr & DUMP_WX) == DUMP_WX)
		dump_text(d, " W+X");
}

static void pt_line_send(struct dump *d, const struct pt_line *at)
{
	static const char runs[8][6] = { "", " x2", " x4", " x8", " x16", " x32", " x64", " x128" };

	dump_hex(d, at->va, 16);
	dump_char(d, '-');
	dump_hex(d, at->last, 16);
	dump_char(d, ' ');
	dump_hex(d, at->attr ? at->pa : at->entry, 16);
	dump_text(d, " L");
	dump_char(d, (char)('0' + at->level));
	dump_text(d, runs[at->run & 7]);
	dump_char(d, ' ');
	if (at->attr)
		pt_line_attr(d, at->attr);
	else
		dump_text(d, "damaged");
	dump_send(d);
}

/* The next entry that is not empty: append it to the line before it, or begin a new one. */
static void pt_line_add(struct dump *d, struct pt_line *at, const struct pt_line *next)
{
	bool follows = at->any && next->attr && at->attr == next->attr &&
		       at->level == next->level && at->run == next->run &&
		       at->last + 1 == next->va &&
		       at->pa + (mm_paddr_t)(at->last - at->va) + 1 == next->pa;

	if (follows) {
		at->last = next->last;
		return;
	}
	if (at->any)
		pt_line_send(d, at);
	*at = *next;
}

/* Leaf @at around @va; accessed and dirty are left out, they would tear lines apart. Members of a run that are
 * not alike are told one by one. */
static struct pt_line pt_line_leaf(const struct mm_pt *pt, const struct pt_at *at, mm_vaddr_t va)
{
	const struct mm_pt_port *port = pt->port;
	const unsigned level = at->level;
	const size_t i = pt_index(port, va, level);
	mm_vaddr_t mask = pt_mask(port, level);
	struct pt_line leaf = { .entry = at->entry, .level = level, .any = true };
	enum mm_pt_kind kind = port->classify(pt, at->entry, level);

	if (kind == MM_PT_RUN) {
		size_t first = i & ~(pt_run_entries(port, level) - 1);
		leaf.run = mm_pt_priv_run_whole(pt, at->table, first, level) ? port->run_lg2[level] : 0;
		mask = leaf.run ? pt_run_mask(port, level) : mask;
	}
	leaf.va = va & ~mask;
	leaf.last = va | mask;
	if (!pt_maps(port, kind))
		return leaf;
	leaf.pa = mm_pt_priv_run_pa(pt, at->entry, i, level) & (mm_paddr_t)~mask;
	leaf.attr = pt_rights(pt, port, va, port->attr(pt, at->entry, level)) & ~(uint32_t)(MM_PT_ACCESSED | MM_PT_DIRTY);
	return leaf;
}

/* One contiguous part of the address space. */
static uint64_t pt_dump_part(const struct mm_pt *pt, uint32_t flags, struct dump *d, mm_vaddr_t va,
			     mm_vaddr_t last)
{
	struct pt_line at = { .any = false };
	struct pt_span span = { .va = va, .last = last };
	uint64_t found = 0;

	while (!span.done) {
		struct pt_at entry = pt_seek(pt, pt->port, span.va);
		enum mm_pt_kind kind = pt->port->classify(pt, entry.entry, entry.level);
		struct pt_line next = pt_line_leaf(pt, &entry, span.va);
		bool wx = (next.attr & DUMP_WX) == DUMP_WX;
		size_t n = (size_t)1 << next.run;
		found += wx ? n * pt_pages(pt->port, entry.level) : 0;
		if (d->line && kind != MM_PT_EMPTY && (wx || !(flags & MM_PT_DUMP_WX)))
			pt_line_add(d, &at, &next);
		n -= pt_index(pt->port, span.va, entry.level) & (n - 1);
		pt_advance(pt->port, &span, n, entry.level);
	}
	if (at.any)
		pt_line_send(d, &at);
	return found;
}

uint64_t mm_pt_dump(const struct mm_pt *pt, uint32_t flags,
		    void (*line)(void *ctx, const char *text), void *ctx)
{
	struct dump d = { .line = line, .ctx = ctx };
	uint64_t found = 0;

	if (!pt || !pt->port)
		return 0;
	const struct mm_pt_port *port = pt->port;
	unsigned bits = port->va_bits - (port->extension == MM_PT_VA_SIGN ? 1u : 0u);
	mm_vaddr_t low = mm_shl64(1, bits) - 1;
	if (port->extension != MM_PT_VA_ONES)
		found += pt_dump_part(pt, flags, &d, 0, low);
	if (port->extension != MM_PT_VA_ZERO)
		found += pt_dump_part(pt, flags, &d, ~low, UINT64_MAX);
	return found;
}

#undef DUMP_WX
