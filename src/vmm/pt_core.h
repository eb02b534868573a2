/* SPDX-License-Identifier: MIT */
/* What the parts of the walker share: geometry, the gather, and the slow paths in pt.c.
 *
 * Functions that take a port are folded when it is a constant. Those without PT_INLINE are one copy
 * for all formats and go through pt->port: they run once for a table, not once for an entry. */
#ifndef MM_SRC_VMM_PT_CORE_H
#define MM_SRC_VMM_PT_CORE_H
#include <mmlib/pt_port.h>
#include "bits.h"
#include "checked.h"
#include "hook.h"
#include "vmm/pt_entry.h"

/* Walkers that are folded to one format, no two formats to one number: W6 of pt_walk.inc. */
enum pt_walker {
	PT_WALKER_ANY, /* all others: they ask of which format the tree is */
	PT_WALKER_X86_64,
	PT_WALKER_AARCH64,
	PT_WALKER_AARCH64_HIGH,
	PT_WALKER_SV39,
	PT_WALKER_SV48,
	PT_WALKER_HOST_1, /* a host's own: MM_PT_HOST of pt_walk.inc */
	PT_WALKER_HOST_2,
	PT_WALKERS,
};

_Static_assert(PT_WALKERS == sizeof(((struct mm_pt *)0)->near_pages) / sizeof(uint64_t), "one for each walker");

/* Where something is noted, flushed, or in an order: tests leave each out in turn, and it must be missed. */
enum pt_site {
	PT_SITE_MAP,
	PT_SITE_MAP_PAGE,
	PT_SITE_UNMAP,
	PT_SITE_UNMAP_PAGE,
	PT_SITE_UNMAP_LEAVES,
	PT_SITE_PROTECT,
	PT_SITE_AGE,
	PT_SITE_GROW,
	PT_SITE_DETACH,
	PT_SITE_MISSES,
	PT_SITE_SYNC, /* tables go back without the flush... */
	PT_SITE_FREE, /* ...or before it */
	PT_SITE_BREAK_EMPTY,
	PT_SITE_BREAK_SYNC,
	PT_SITE_BREAK_MAKE,
	PT_SITE_SPLIT_EMPTY,
	PT_SITE_SPLIT_SYNC,
	PT_SITE_SPLIT_MAKE,
	PT_SITE_JOIN_EMPTY,
	PT_SITE_JOIN_FLUSH,
	PT_SITE_JOIN_MAKE,
	PT_SITE_RUN_EMPTY,
	PT_SITE_RUN_MAKE,
	PT_SITE_RUN_TAKE,
	PT_SITE_RUN_AGE,
	/* Two steps in the other order: a flush before what it is for... */
	PT_SITE_BREAK_SWAP,
	PT_SITE_SPLIT_SWAP,
	PT_SITE_JOIN_SWAP,
	PT_SITE_RUN_SWAP,
	/* ...or a table linked before it is filled: seen by whoever walks just then. */
	PT_SITE_GROW_SWAP,
	PT_SITE_FULL_SWAP,
	PT_SITE_FILL_SWAP,
	PT_SITES,
};
#define PT_IS_PLANTED(site) MM_PLANTED((unsigned)MM_PLANT_PT_SITE + (unsigned)(site))
#define PT_STEP             0x80u /* left out: not what a format asks for, but a step */
#define PT_SKIPS(site)      (PT_IS_PLANTED(site) && (MM_LEAVE_OUT(PT_STEP), true))
/* What must follow a change, as a site has to say it. */
#define PT_AFTER(site, after)                                                                      \
	(PT_IS_PLANTED(site) ? (MM_LEAVE_OUT((unsigned)(after)), (unsigned)MM_PT_AFTER_NONE) : (unsigned)(after))

/* Is @step done too early, at a site whose order is wrong? */
#define PT_EARLY(site, step)                                                                       \
	do {                                                                                       \
		if (PT_SKIPS(site)) {                                                              \
			step;                                                                      \
			mm_hook_step();                                                            \
		}                                                                                  \
	} while (0)

/* Which entries of level 1 a call for one page takes for tables. */
enum pt_down {
	PT_DOWN_ANY,  /* all that are */
	PT_DOWN_OWN,  /* as the walker makes them, which is told sooner where all other bits are the address */
	PT_DOWN_LEAF, /* the same, or empty ones that hardware follows: only what is a leaf there will change */
};

/* A place in the tree: an entry and what was read from it. */
struct pt_at {
	void *table;
	uint64_t entry;
	unsigned level;
};

/* What is left of a range, and of the table that the operation is in. */
struct pt_span {
	mm_vaddr_t va;   /* next byte */
	mm_vaddr_t last; /* last byte of the range */
	uint32_t flags;  /* of the operation; map: highest level of a leaf */
	bool down;       /* there is a table that sticks out of the range: go on in there */
	bool done;       /* nothing is left */
	bool runs;       /* map: contiguous runs may be made */
};

/* Frames for the entries that come next: one after the other from @pa on, or those of a list. */
struct pt_frames {
	mm_paddr_t pa;
	const mm_paddr_t *list; /* or NULL */
};

/* What the last leaf of a run looked like without its frame, and which bits of it protect inverted. Leaves that
 * look the same become the same, as long as hardware does not change them. */
struct pt_same {
	uint64_t frame; /* bits that hold the frame */
	uint64_t old, change;
	bool still; /* hardware changes them no more */
};

/* Where a walk through a whole subtree stands in the table of one level. */
struct pt_frame {
	mm_paddr_t pa;
	void *table;
	size_t next; /* entry to look at */
	bool used;   /* one was not empty */
};

/* Bytes of an entry at @level, less one. */
PT_INLINE uint64_t pt_mask(const struct mm_pt_port *port, unsigned level)
{
	return mm_shl64(1, port->level[level].shift) - 1;
}

/* The bits of a leaf at @level that hold its frame. */
PT_INLINE uint64_t pt_frame_bits(const struct mm_pt *pt, const struct mm_pt_port *port,
				 unsigned level)
{
	return port->frame(pt, (mm_paddr_t)(pt->pa_last & ~pt_mask(port, level)), level);
}

PT_INLINE size_t pt_entries(const struct mm_pt_port *port, unsigned level)
{
	return (size_t)1 << port->level[level].bits;
}

PT_INLINE size_t pt_index(const struct mm_pt_port *port, mm_vaddr_t va, unsigned level)
{
	return (size_t)mm_shr64(va, port->level[level].shift) & (pt_entries(port, level) - 1);
}

/* Smallest pages in an entry at @level. */
PT_INLINE uint64_t pt_pages(const struct mm_pt_port *port, unsigned level)
{
	return mm_shl64(1, (unsigned)(port->level[level].shift - port->level[0].shift));
}

/* No range has more of them. */
PT_INLINE uint64_t pt_most_pages(const struct mm_pt_port *port)
{
	return mm_shr64(UINT64_MAX, port->level[0].shift);
}

PT_INLINE void *pt_slot(const struct mm_pt_port *port, void *table, size_t i)
{
	return (unsigned char *)table + (i << port->entry_lg2);
}

PT_INLINE uint64_t pt_get(const struct mm_pt_port *port, void *table, size_t i)
{
	return pt_load(pt_slot(port, table, i), port->entry_lg2);
}

/* The same; @locked: nobody changes it meanwhile but hardware. */
PT_INLINE uint64_t pt_read(const struct mm_pt_port *port, void *table, size_t i, bool locked)
{
	return locked ? pt_get(port, table, i) : pt_look(pt_slot(port, table, i), port->entry_lg2);
}

/* A kernel that reaches its tables by one formula may define this; the indirect call is then gone.
 * See mmlib/pt.h. */
#ifdef MM_PT_TO_VIRT
#define PT_DIRECT (sizeof(mm_paddr_t) >= sizeof(void *)) /* pointers to tables may be kept, where addresses are */
#else
#define PT_DIRECT             false
#define MM_PT_TO_VIRT(pt, pa) ((pt)->env->to_virt((pt)->env->ctx, (pa)))
#endif
#define PT_WINDOW (MM_PT_WINDOW != 0) /* what was asked for a level is gone with the next that is */

_Static_assert(MM_PT_WINDOWS == 2 * MM_PT_LEVELS_MAX, "windows of a table in the tree and of one aside");

PT_INLINE void *pt_window(const struct mm_pt *pt, mm_paddr_t pa, unsigned window, mm_vaddr_t va)
{
#if MM_PT_WINDOW
	return pt->env->window(pt, pa, window, va);
#else
	(void)pt;
	(void)window;
	(void)va;
	return MM_PT_TO_VIRT(pt, pa);
#endif
}

/* The table of @level in the tree around @va. */
PT_INLINE void *pt_virt(const struct mm_pt *pt, mm_paddr_t pa, unsigned level, mm_vaddr_t va)
{
	return pt_window(pt, pa, level, va);
}

/* A table of @level that is not in the tree, or is about to leave it, or of which nobody knows around what it is. It
 * takes no window from those of the tree that an operation is at. */
PT_INLINE void *pt_virt_aside(const struct mm_pt *pt, mm_paddr_t pa, unsigned level)
{
	return pt_window(pt, pa, (MM_PLANTED(MM_PLANT_PT_ASIDE) ? 0 : MM_PT_LEVELS_MAX) + level, 0);
}

/* Begin with a table of @level, which a walk has come to. */
PT_INLINE struct pt_frame pt_enter(const struct mm_pt *pt, mm_paddr_t pa, unsigned level)
{
	return (struct pt_frame){ .pa = pa, .table = pt_virt_aside(pt, pa, level) };
}

/* Last byte of the @n-th entry at @level, counted from the one around @va. */
PT_INLINE mm_vaddr_t pt_end(const struct mm_pt_port *port, mm_vaddr_t va, size_t n, unsigned level)
{
	return (va | pt_mask(port, level)) + mm_shl64((uint64_t)n - 1, port->level[level].shift);
}

/* A leaf, or a member of a run? */
PT_INLINE bool pt_maps(const struct mm_pt_port *port, enum mm_pt_kind kind)
{
	return kind == MM_PT_LEAF || (port->run && kind == MM_PT_RUN);
}

/* Entries of a run at @level. Its bytes, less one. */
PT_INLINE size_t pt_run_entries(const struct mm_pt_port *port, unsigned level)
{
	return (size_t)1 << port->run_lg2[level];
}

PT_INLINE uint64_t pt_run_mask(const struct mm_pt_port *port, unsigned level)
{
	return mm_shl64(1, (unsigned)port->level[level].shift + port->run_lg2[level]) - 1;
}

/* Bytes, less one, of what an entry of this kind is one with. */
PT_INLINE uint64_t pt_kind_mask(const struct mm_pt_port *port, enum mm_pt_kind kind, unsigned level)
{
	return port->run && kind == MM_PT_RUN ? pt_run_mask(port, level) : pt_mask(port, level);
}

/* Are two addresses under the same table of level @level? */
PT_INLINE bool pt_same_table(const struct mm_pt_port *port, mm_vaddr_t a, mm_vaddr_t b,
			     unsigned level)
{
	return !mm_shr64(mm_shr64(a ^ b, port->level[level].shift), port->level[level].bits);
}

/* Entries of the table at @level from @va on, up to the end of the range or of the table. The last
 * may lie in the range in part. */
PT_INLINE size_t pt_reach(const struct mm_pt_port *port, mm_vaddr_t va, mm_vaddr_t last,
			  unsigned level)
{
	size_t rest = pt_entries(port, level) - pt_index(port, va, level);
	uint8_t shift = port->level[level].shift;
	uint64_t more = mm_shr64(last, shift) - mm_shr64(va, shift);

	return more < rest ? (size_t)more + 1 : rest;
}

/* Move on by @n entries. */
PT_INLINE void pt_advance(const struct mm_pt_port *port, struct pt_span *span, size_t n,
			  unsigned level)
{
	mm_vaddr_t end = pt_end(port, span->va, n, level);

	span->done = end >= span->last;
	if (!span->done)
		span->va = end + 1;
}

/* Is this tree of that format? It is of none before mm_pt_init(). */
PT_INLINE bool pt_is_of(const struct mm_pt *pt, const struct mm_pt_port *port)
{
	return port && pt->port == port;
}

/* Do table_mask and table_bits tell a table at a level above 0? */
PT_INLINE bool pt_tells_table(const struct mm_pt_port *port, unsigned level)
{
	return port->table_mask && (level == 1 || !port->table_low);
}

/* Is an entry above level 0, which looks like one that points to a table, empty all the same? */
PT_INLINE bool pt_leads_nowhere(const struct mm_pt *pt, const struct mm_pt_port *port, uint64_t entry)
{
	return port->follows && entry == pt->table_own && !MM_PLANTED(MM_PLANT_PT_FOLLOWS);
}

/* Where an entry leads of which nothing is left but bits of the address, if that is plain. */
PT_INLINE mm_paddr_t pt_plain(const struct mm_pt_port *port, uint64_t bits)
{
	return (mm_paddr_t)mm_shl64(port->address_swapped ? mm_swap64(bits) : bits, port->address_plain - 1u);
}

/* Does an entry above level 0 point to a table? */
PT_INLINE bool pt_is_table(const struct mm_pt *pt, const struct mm_pt_port *port, uint64_t entry,
			   unsigned level)
{
	if (pt_tells_table(port, level))
		return !((entry ^ port->table_bits) & pt->table_test) && !pt_leads_nowhere(pt, port, entry);
	return port->classify(pt, entry, level) == MM_PT_TABLE;
}

/* The same for who asks what is mapped at an address. Where tables are reached by a formula (MM_PT_TO_VIRT), that follows
 * an empty entry as hardware does, to a part of the root in which there is no leaf. */
PT_INLINE bool pt_leads_down(const struct mm_pt *pt, const struct mm_pt_port *port, uint64_t entry, unsigned level)
{
	if (PT_DIRECT && port->follows && pt_tells_table(port, level))
		return !((entry ^ port->table_bits) & pt->table_test);
	return pt_is_table(pt, port, entry, level);
}

/* Is an entry of level 0 surely a leaf? If not, it is for classify() to tell. */
PT_INLINE bool pt_is_leaf(const struct mm_pt *pt, const struct mm_pt_port *port, uint64_t entry)
{
	if (port->leaf_mask)
		return !((entry ^ port->leaf_bits) & pt->leaf_test);
	return port->classify(pt, entry, 0) == MM_PT_LEAF;
}

/* The same for who asks no more of the entry: a comparison, and CPUs take that and the branch behind it as one. */
PT_INLINE bool pt_was_leaf(const struct mm_pt *pt, const struct mm_pt_port *port, uint64_t entry)
{
	return port->leaf_mask ? (entry & pt->leaf_test) == port->leaf_bits : pt_is_leaf(pt, port, entry);
}

/* What must follow if such a leaf becomes empty. */
PT_INLINE unsigned pt_after_leaf(const struct mm_pt *pt, const struct mm_pt_port *port, uint64_t entry)
{
	return port->transition(pt, port->leaf_mask ? port->leaf_bits : entry, port->empty(pt, 0), 0);
}

/* What must follow if an empty entry of level 0 became pt->leaf. */
PT_INLINE unsigned pt_after_made(const struct mm_pt *pt, const struct mm_pt_port *port)
{
	return port->transition(pt, port->empty(pt, 0), port->leaf_mask ? port->leaf_bits : pt->leaf, 0);
}

/* The lowest entry for @va: the first that is not a table, from the root down. @locked as in pt_read(). */
PT_INLINE struct pt_at pt_seek_by(const struct mm_pt *pt, const struct mm_pt_port *port, mm_vaddr_t va,
				  bool locked)
{
	struct pt_at at = { .table = pt_virt(pt, pt->root, port->nlevels - 1u, va) };

#pragma GCC unroll 6
	for (at.level = port->nlevels - 1u; at.level > 0; at.level--) {
		at.entry = pt_read(port, at.table, pt_index(port, va, at.level), locked);
		if (!pt_is_table(pt, port, at.entry, at.level))
			return at;
		at.table = pt_virt(pt, port->below(pt, at.entry), at.level - 1, va);
	}
	at.entry = pt_read(port, at.table, pt_index(port, va, 0), locked);
	return at;
}

PT_INLINE struct pt_at pt_seek(const struct mm_pt *pt, const struct mm_pt_port *port, mm_vaddr_t va)
{
	return pt_seek_by(pt, port, va, true);
}

/* Go down from @table at level @l to the table of level 0 for @va. False: the way there ends above. below() needs only
 * the address in an entry, so it may get what is left of it after the test. */
PT_INLINE bool pt_below(const struct mm_pt *pt, const struct mm_pt_port *port, mm_vaddr_t va, void *table, unsigned l,
			void **lowest)
{
#pragma GCC unroll 6
	for (; l > 0; l--) {
		void *slot = pt_slot(port, table, pt_index(port, va, l));
		uint64_t entry = pt_peek(slot, port->entry_lg2);
		if (!pt_leads_down(pt, port, entry, l))
			return false;
		table = pt_virt(pt, port->below(pt, entry ^ port->table_bits), l - 1, va);
	}
	*lowest = table;
	return true;
}

/* The same from the root. */
PT_INLINE bool pt_lowest(const struct mm_pt *pt, const struct mm_pt_port *port, mm_vaddr_t va, void **lowest)
{
	return pt_below(pt, port, va, pt_virt(pt, pt->root, port->nlevels - 1u, va), port->nlevels - 1u, lowest);
}

/* W7 of pt_walk.inc: what fits no address. Addresses have copies of one bit there, zeros, or ones. */
PT_INLINE uint64_t pt_no_shortcut(const struct mm_pt_port *port)
{
	return port->extension == MM_PT_VA_ONES ? 0 : UINT64_C(1) << 63;
}

#include "vmm/pt_own.h"

/* No table is near: W6. */
PT_INLINE void pt_forget_near(struct mm_pt *pt)
{
	for (unsigned walker = 0; walker < PT_WALKERS; walker++)
		pt->near_pages[walker] = 0;
}

/* What an entry at @level leads to is about to leave the tree: forget the table of level 1 that was used last, W6 and
 * W7. Before the entry changes, so that no question takes that way any more once others are flushed. */
PT_INLINE void pt_forget(struct mm_pt *pt, unsigned level)
{
	if (level <= 1)
		return;
	if (!MM_PLANTED(MM_PLANT_PT_NEAR))
		pt_forget_near(pt);
	if (!MM_PLANTED(MM_PLANT_PT_SHORTCUT))
		pt_make(&pt->shortcut, 3, pt_no_shortcut(pt->port));
}

/* Which smallest page, of those from @first on, begins at @va? Where none does, that is a number beyond all that a
 * table has: what is below pages goes to the top. */
PT_INLINE uint64_t pt_page_from(const struct mm_pt_port *port, mm_vaddr_t first, mm_vaddr_t va)
{
	const unsigned shift = port->level[0].shift;

	return mm_shr64(va - first, shift) | mm_shl64(va - first, 64 - shift);
}

/* Does [va, last] cover the whole entry around @va? */
PT_INLINE bool pt_covered(const struct mm_pt_port *port, mm_vaddr_t va, mm_vaddr_t last,
			  unsigned level)
{
	uint64_t mask = pt_mask(port, level);

	return !(va & mask) && last - va >= mask;
}

/* Is [va, last] representable? For one address, give it twice. */
PT_INLINE bool pt_va_ok(const struct mm_pt_port *port, mm_vaddr_t va, mm_vaddr_t last)
{
	/* the bits that must be alike, as the low bits of a number */
	unsigned shift = port->extension == MM_PT_VA_SIGN ? port->va_bits - 1u : port->va_bits;
	uint64_t ones = shift < 64 ? mm_shr64(UINT64_MAX, shift) : 0;
	uint64_t low = shift < 64 ? mm_shr64(va, shift) : 0;

	if (shift < 64 && mm_shr64(va ^ last, shift))
		return false;
	if (port->extension == MM_PT_VA_SIGN)
		return ((low + 1) & ones) <= 1;
	return low == (port->extension == MM_PT_VA_ONES ? ones : 0);
}

/* The rules for every range. *@last is its last byte. */
PT_INLINE enum mm_status pt_range(const struct mm_pt_port *port, mm_vaddr_t va, uint64_t length,
				  mm_vaddr_t *last)
{
	if (!mm_range_last(va, length, last))
		return MM_E_INVAL;
	if ((va | length) & pt_mask(port, 0))
		return MM_E_ALIGN;
	return pt_va_ok(port, va, *last) ? MM_OK : MM_E_RANGE;
}

/* The same for who will change something. */
PT_INLINE enum mm_status pt_range_to_change(const struct mm_pt *pt, const struct mm_pt_port *port, mm_vaddr_t va,
					    uint64_t length, mm_vaddr_t *last)
{
	enum mm_status st = pt_range(port, va, length, last);

	return st == MM_OK && pt_is_others(pt, port, va, *last) ? MM_E_OWNER : st;
}

/* The operation stopped here. */
PT_INLINE enum mm_status pt_stop(struct mm_tlb_gather *g, mm_vaddr_t va, unsigned level,
				 enum mm_status st)
{
	g->stop_va = va;
	g->stop_level = (uint8_t)level;
	return st;
}

/* What ends at @last is noted as what ends last so far. @small: if it is the first, from where on nothing is left to
 * note of a smallest page. */
PT_INLINE void pt_note_beyond(struct mm_tlb_gather *g, mm_vaddr_t va, mm_vaddr_t last, uint8_t shift,
			      mm_vaddr_t small)
{
	if (!g->flush) {
		g->start = va;
		if (!MM_PLANTED(MM_PLANT_PT_SMALL))
			g->small = small;
		g->min_shift = shift;
		g->flush = true;
	}
	g->last = last;
}

/* Note that [va, last] changed, in pages of 2^shift bytes. @after: of mm_pt_after. */
PT_INLINE void pt_note(struct mm_tlb_gather *g, mm_vaddr_t va, mm_vaddr_t last, uint8_t shift,
		       unsigned after)
{
	if (after & MM_PT_AFTER_SYNC)
		g->sync = true;
	if (!(after & (MM_PT_AFTER_FLUSH | MM_PT_AFTER_TABLES)))
		return;
	if (__builtin_expect(last > g->last, 0)) /* an empty gather has 0 there, which is less than any */
		pt_note_beyond(g, va, last, shift, (mm_vaddr_t)-1);
	if (__builtin_expect(va < g->start, 0))
		g->start = va;
	if (__builtin_expect(shift < g->min_shift, 0))
		g->min_shift = shift;
	g->tables |= (after & MM_PT_AFTER_TABLES) != 0;
}

/* The same for a smallest page. What a gather has ends with one, and if it is empty with 0. From g->small on nothing
 * but its end is left to note: the gather begins at or before it and has pages as small. */
PT_INLINE void pt_note_page(const struct mm_pt_port *port, struct mm_tlb_gather *g, mm_vaddr_t va, unsigned after)
{
	if (after & MM_PT_AFTER_SYNC)
		g->sync = true;
	if (!(after & (MM_PT_AFTER_FLUSH | MM_PT_AFTER_TABLES)))
		return;
	if (__builtin_expect(va < g->small, 0)) {
		g->start = va < g->start ? va : g->start;
		g->small = g->start;
		g->min_shift = port->level[0].shift;
	}
	if (__builtin_expect(va >= g->last, 0))
		pt_note_beyond(g, va, va + pt_mask(port, 0), port->level[0].shift, va);
	g->tables |= (after & MM_PT_AFTER_TABLES) != 0;
}

/* Who asked for a range is told that it was one page; those who ask for a page know. */
PT_INLINE enum mm_status pt_one_page(struct mm_tlb_gather *g)
{
	g->pages = 1;
	return MM_OK;
}

/* The same where an entry became valid, for formats that want more than order then. In pt.c. */
void mm_pt_priv_note_made(const struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va,
			  mm_vaddr_t last, unsigned after);

/* Note that [va, last] was empty and became valid. What is kept of it as a miss is of smallest pages. */
PT_INLINE void pt_note_made(const struct mm_pt *pt, struct mm_tlb_gather *g, mm_vaddr_t va,
			    mm_vaddr_t last, unsigned after)
{
	if (after & ~(unsigned)MM_PT_AFTER_SYNC)
		mm_pt_priv_note_made(pt, g, va, last, after);
	else if (after)
		g->sync = true;
}

/* The same for a smallest page. What a gather has of misses ends with one, and if it has none with 0. */
PT_INLINE void pt_note_made_page(const struct mm_pt *pt, const struct mm_pt_port *port, struct mm_tlb_gather *g,
				 mm_vaddr_t va, unsigned after)
{
	const mm_vaddr_t last = va | pt_mask(port, 0);

	if (!(after & MM_PT_AFTER_MISSES)) {
		pt_note_made(pt, g, va, last, after);
		return;
	}
	if (after & MM_PT_AFTER_SYNC)
		g->sync = true;
	if (after & MM_PT_AFTER_TABLES)
		g->tables = true;
	if (va < g->miss_last) {
		if (va < g->miss_start && !MM_PLANTED(MM_PLANT_PT_MISS))
			g->miss_start = va;
		return;
	}
	if (__builtin_expect(!g->misses, 0)) {
		g->miss_start = va;
		g->misses = true;
	}
	g->miss_last = last;
}

#define PT_GROUP 8u /* entries that share a cache line on most machines, and that loops take at once */

/* The bits in which a group of entries, the first in @slot, differ from @like. No branches: one test
 * for all of them. */
PT_INLINE uint64_t pt_differ(const struct mm_pt_port *port, const unsigned char *slot, uint64_t like)
{
	uint64_t bits = 0;

	if (port->entry_lg2 == 3) {
#pragma GCC unroll 8
		for (size_t k = 0; k < PT_GROUP; k++)
			bits |= pt_peek(slot + (k << 3), 3) ^ like;
	} else {
#pragma GCC unroll 8
		for (size_t k = 0; k < PT_GROUP; k++)
			bits |= pt_peek(slot + (k << 2), 2) ^ like;
	}
	return bits;
}

PT_INLINE bool pt_starts_group(const struct mm_pt_port *port, const unsigned char *slot)
{
	return !((uintptr_t)slot & (((size_t)PT_GROUP << port->entry_lg2) - 1));
}

/* How many of the @n entries from @slot on are whole groups that are @like but for the bits @loose. */
PT_INLINE size_t pt_alike_groups(const struct mm_pt_port *port, const unsigned char *slot, size_t n,
				 uint64_t like, uint64_t loose)
{
	const uint64_t fixed = ~loose;
	size_t k = 0;

	if (!pt_starts_group(port, slot))
		return 0;
	for (; n - k >= PT_GROUP && !(pt_differ(port, slot, like) & fixed); k += PT_GROUP)
		slot += (size_t)PT_GROUP << port->entry_lg2;
	return k;
}

/* Bits that an entry at @level may have and be empty all the same. */
PT_INLINE uint64_t pt_ignored(const struct mm_pt_port *port, unsigned level)
{
	return port->follows && level > 0 && !MM_PLANTED(MM_PLANT_PT_IGNORED) ? 0 : port->empty_ignore;
}

/* Is none in the group around entry @i in use? After unmapping at random, a branch for each would be
 * mispredicted. */
PT_INLINE bool pt_group_empty(const struct mm_pt_port *port, void *table, size_t i, unsigned level, uint64_t empty)
{
	unsigned char *slot = pt_slot(port, table, i & ~(size_t)(PT_GROUP - 1));

	return !(pt_differ(port, slot, empty) & ~pt_ignored(port, level));
}

/* What an entry has that an empty one does not have; 0: it is empty. */
PT_INLINE uint64_t pt_used(const struct mm_pt_port *port, void *table, size_t i, unsigned level, uint64_t empty)
{
	return (pt_get(port, table, i) ^ empty) & ~pt_ignored(port, level);
}

/* ---- witnesses: T5 of pt.c. Entries have 8 bytes there. @empty: what an empty one of level 0 is ---- */

PT_INLINE uint64_t pt_witness_field(const struct mm_pt_port *port)
{
	return mm_shl64(pt_entries(port, 0) - 1, port->witness);
}

/* What the first entry of a table of level 0 has that an empty one does not have, without bits that mean nothing. If it
 * is empty, that is the number of the witness, shifted; 0: it was the witness itself, and is gone. */
PT_INLINE uint64_t pt_first(const struct mm_pt_port *port, void *table, uint64_t empty)
{
	return (pt_get(port, table, 0) ^ empty) & ~(port->empty_ignore & ~pt_witness_field(port));
}

/* The first entry, empty, as it names entry @i. */
PT_INLINE uint64_t pt_names(const struct mm_pt_port *port, size_t i, uint64_t empty)
{
	return mm_shl64(i, port->witness) ^ empty;
}

/* Entries [lo, hi] were cleared. Is there a witness yet that the table is not empty? */
PT_INLINE bool pt_has_witness(const struct mm_pt_port *port, void *table, size_t lo, size_t hi, uint64_t empty)
{
	uint64_t first = pt_first(port, table, empty);

	if (MM_PLANTED(MM_PLANT_PT_WITNESS))
		return first;
	return first < mm_shl64(lo, port->witness) || first > mm_shl64(hi, port->witness) ||
	       (first & ~pt_witness_field(port));
}

/* The half-word of an entry that has the field, if it has no other bits that an empty entry may have; else none. */
PT_INLINE int pt_witness_half(const struct mm_pt_port *port)
{
	const unsigned half = port->witness / 16, shift = port->witness % 16;
	uint64_t ignored = mm_shr64(port->empty_ignore, 16 * half) & 0xffff;

	if (shift + port->level[0].bits > 16 || ignored != mm_shl64(pt_entries(port, 0) - 1, shift))
		return -1;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (int)half;
#else
	return -1;
#endif
}

/* Entry @i was cleared. May it have been the witness? False: surely not. A leaf that comes first may look so. */
PT_INLINE bool pt_was_witness(const struct mm_pt_port *port, void *table, size_t i, uint64_t empty)
{
	const int half = pt_witness_half(port);

	if (MM_PLANTED(MM_PLANT_PT_WITNESS))
		return !pt_first(port, table, empty);
	if (half < 0)
		return pt_first(port, table, empty) == mm_shl64(i, port->witness);
	return pt_peek_half(table, (unsigned)half) ==
	       (uint16_t)(i << port->witness % 16 ^ mm_shr64(empty, 16 * (unsigned)half));
}

/* The same attributes for @n leaves. */
PT_INLINE void pt_repeat(uint32_t *attr, size_t n, uint32_t same)
{
	for (; n >= PT_GROUP; n -= PT_GROUP, attr += PT_GROUP) {
#pragma GCC unroll 8
		for (size_t j = 0; j < PT_GROUP; j++)
			attr[j] = same;
	}
	while (n-- > 0)
		*attr++ = same;
}

#include "vmm/pt_slow.h"
#endif
