/* SPDX-License-Identifier: MIT */
/* Theory of operation: notes about page frames
 * Problem      some kernels share pages and count who holds them, want to know which part of them owns
 *              memory that is missing, or keep a word for each frame; others must not pay for it.
 * Structure    tables in frames of the manager, one place a frame, for all ranges one after the other:
 *                ranges[] | totals[] | words[] | refs[] | tags[]
 *              What is told of a block is in the place of its first frame. A place of refs counts holders
 *              beyond the first, so that 0 is right for every block that nobody shares, and the manager
 *              need not know of the table.
 * Invariants   O1 the sum of the frames of blocks with a tag is that tag's total; whoever changes a tag
 *                 does so by compare-and-swap, and moves the frames for the value that he replaced.
 *              O2 a free block has no tag, and holders 0: the last one to put it clears the tag first.
 *              O3 a count at its end stays there.
 *              O4 notes that move are in one place more than before, never in one less: a total may be
 *                 too high for a moment.
 *              O5 a holder who is told that he is the last, or the only one, sees what all others did to the block.
 * Concurrency  any CPU, interrupts: counts and tags are changed by compare-and-swap. A block that moves is
 *              its mover's. */
#include <mmlib/note.h>
#include <mmlib/range.h>
#include "hook.h"
#include "pmm.h"
#include "../checked.h"

#define NOTE_PINNED UINT32_MAX

/* Place of a frame in the tables. */
static bool note_place(const struct mm_notes *n, mm_pfn_t pfn, size_t *at)
{
	uint32_t low = 0, high = n->nranges;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (pfn > n->ranges[mid].last)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == n->nranges || pfn < n->ranges[low].first)
		return false;
	*at = n->ranges[low].at + (size_t)(pfn - n->ranges[low].first);
	return true;
}

/* An allocated block that is noted. */
struct note_block {
	size_t at;
	unsigned order;
	unsigned byte;
};

static enum mm_status note_block(const struct mm_notes *n, mm_paddr_t pa, struct note_block *b)
{
	const struct mm_range *r;
	mm_pfn_t pfn = mm_pa_to_pfn(pa);

	if (!n)
		return MM_E_INVAL;
	if (!n->pmm)
		return MM_E_STATE;
	if (pa & (MM_FRAME_SIZE - 1))
		return MM_E_ALIGN;
	r = pmm_find_pa(n->pmm, pa);
	if (!r || !note_place(n, pfn, &b->at))
		return MM_E_FOREIGN;
	b->byte = frame_load(r, pfn);
	if (!frame_is_head(b->byte) || b->byte >= FRAME_LARGE)
		return pmm_refuse(r, pfn, b->byte);
	b->order = frame_order(b->byte);
	return MM_OK;
}

/* O1 */
static void note_own(struct mm_notes *n, const struct note_block *b, unsigned tag)
{
	uintptr_t frames = (uintptr_t)1 << b->order;
	uint8_t was;

	do
		was = mm_atomic_load_relaxed(&n->tags[b->at]);
	while (!mm_atomic_cas_byte(&n->tags[b->at], was, (uint8_t)tag));
	if (was)
		mm_atomic_add(&n->totals[was], (uintptr_t)0 - frames);
	if (tag)
		mm_atomic_add(&n->totals[tag], frames);
}

/* Holders beyond the first. O5 */
static uint32_t note_more(const struct mm_notes *n, size_t at)
{
	return MM_PLANTED(MM_PLANT_LAST) ? mm_atomic_load_relaxed(&n->refs[at]) : mm_atomic_load_acquire(&n->refs[at]);
}

/* One holder more or less; false: there is only one. */
static bool note_count(struct mm_notes *n, size_t at, bool more)
{
	uint32_t was;

	do {
		was = note_more(n, at); /* each time: a swap that fails orders nothing */
		if (was == NOTE_PINNED) /* O3 */
			return true;
		if (was == 0 && !more)
			return false;
	} while (!mm_atomic_cas(&n->refs[at], &was, more ? was + 1 : was - 1));
	return true;
}

enum mm_status mm_note_alloc(struct mm_notes *n, unsigned order, uint32_t flags, unsigned tag,
			     mm_paddr_t *out)
{
	struct note_block b = { .order = order };
	mm_paddr_t pa;
	enum mm_status st;

	if (!n || !out || flags & MM_ALLOC_TABLE)
		return MM_E_INVAL;
	if (!n->pmm)
		return MM_E_STATE;
	if (tag && tag >= n->ntags)
		return MM_E_INVAL;
	st = mm_page_alloc(n->pmm, order, flags, &pa);
	if (st != MM_OK)
		return st;
	if (tag && note_place(n, mm_pa_to_pfn(pa), &b.at))
		note_own(n, &b, tag);
	*out = pa;
	return MM_OK;
}

enum mm_status mm_note_get(struct mm_notes *n, mm_paddr_t pa)
{
	struct note_block b;
	enum mm_status st = note_block(n, pa, &b);

	if (st != MM_OK)
		return st;
	if (!n->refs)
		return MM_E_NOTSUP;
	(void)note_count(n, b.at, true);
	return MM_OK;
}

enum mm_status mm_note_put(struct mm_notes *n, mm_paddr_t pa, bool *last)
{
	struct note_block b;
	enum mm_status st = note_block(n, pa, &b);
	bool held;

	if (st != MM_OK)
		return st;
	held = n->refs && note_count(n, b.at, false);
	if (!held) {
		if (n->tags)
			note_own(n, &b, 0); /* O2 */
		st = mm_page_free(n->pmm, pa, b.order);
	}
	if (st == MM_OK && last)
		*last = !held;
	return st;
}

uint64_t mm_note_holders(const struct mm_notes *n, mm_paddr_t pa)
{
	struct note_block b;

	if (note_block(n, pa, &b) != MM_OK)
		return 0;
	return n->refs ? (uint64_t)note_more(n, b.at) + 1 : 1;
}

enum mm_status mm_note_tag(struct mm_notes *n, mm_paddr_t pa, unsigned tag)
{
	struct note_block b;
	enum mm_status st = note_block(n, pa, &b);

	if (st != MM_OK)
		return st;
	if (!n->tags)
		return MM_E_NOTSUP;
	if (tag >= n->ntags)
		return MM_E_INVAL;
	note_own(n, &b, tag);
	return MM_OK;
}

static unsigned note_owner(const struct mm_notes *n, const struct note_block *b)
{
	return n->tags ? mm_atomic_load_relaxed(&n->tags[b->at]) : 0u;
}

unsigned mm_note_owner(const struct mm_notes *n, mm_paddr_t pa)
{
	struct note_block b;

	return note_block(n, pa, &b) == MM_OK ? note_owner(n, &b) : 0;
}

/* Where notes move, and is there nothing yet? */
static enum mm_status note_target(const struct mm_notes *n, const struct note_block *from,
				  const struct note_block *to)
{
	if (from->at == to->at)
		return MM_E_INVAL;
	if (from->order != to->order)
		return MM_E_ORDER;
	return note_owner(n, to) || (n->refs && mm_atomic_load_relaxed(&n->refs[to->at])) ? MM_E_BUSY
											  : MM_OK;
}

enum mm_status mm_note_move(struct mm_notes *n, mm_paddr_t from, mm_paddr_t to)
{
	struct note_block old, new;
	enum mm_status st = note_block(n, from, &old);

	if (st == MM_OK)
		st = note_block(n, to, &new);
	if (st == MM_OK)
		st = note_target(n, &old, &new);
	if (st != MM_OK)
		return st;
	if (n->refs) {
		mm_atomic_store_relaxed(&n->refs[new.at], mm_atomic_load_relaxed(&n->refs[old.at]));
		mm_atomic_store_relaxed(&n->refs[old.at], 0u);
	}
	if (n->tags) {
		note_own(n, &new, note_owner(n, &old)); /* O4 */
		note_own(n, &old, 0);
	}
	for (size_t i = 0; n->words && i < (size_t)1 << old.order; i++) {
		n->words[new.at + i] = n->words[old.at + i];
		n->words[old.at + i] = 0;
	}
	return MM_OK;
}

mm_pfn_t mm_note_total(const struct mm_notes *n, unsigned tag)
{
	return n && tag && tag < n->ntags ? (mm_pfn_t)mm_atomic_load_relaxed(&n->totals[tag]) : 0;
}

bool mm_note_next(const struct mm_notes *n, unsigned tag, mm_pfn_t *it, struct mm_frame_run *out)
{
	struct mm_frame_run run;
	size_t at;

	if (!n || !tag || tag >= n->ntags)
		return false;
	while (mm_pmm_next_run(n->pmm, it, &run))
		if (run.state == MM_FRAME_USED && note_place(n, mm_pa_to_pfn(run.base), &at) &&
		    mm_atomic_load_relaxed(&n->tags[at]) == tag) {
			*out = run;
			return true;
		}
	return false;
}

uintptr_t *mm_note_word(const struct mm_notes *n, mm_paddr_t pa)
{
	size_t at;

	if (!n || !n->words || pa >> MM_FRAME_SHIFT > MM_PFN_MAX ||
	    !note_place(n, mm_pa_to_pfn(pa), &at))
		return NULL;
	return &n->words[at];
}

/* Room for `count` items of `size` bytes behind *bytes; *at is where. */
static bool note_room(size_t *bytes, size_t count, size_t size, size_t *at)
{
	size_t more;

	*at = *bytes;
	return mm_mul_size(count, size, &more) && mm_add_size(more, sizeof(uint64_t) - 1, &more) &&
	       mm_add_size(*bytes, more & ~(sizeof(uint64_t) - 1), bytes);
}

/* Frames of all ranges. */
static size_t note_places(const struct mm_pmm *pmm)
{
	size_t places = 0;

	for (uint32_t i = 0; i < pmm->nranges; i++)
		places += (size_t)(pmm->ranges[i].last - pmm->ranges[i].first) + 1;
	return places;
}

/* Memory is there: where is what. */
static void note_build(struct mm_notes *n, unsigned char *memory)
{
	size_t at = 0;

	n->ranges = (struct mm_note_range *)(void *)memory;
	for (uint32_t i = 0; i < n->nranges; i++) {
		const struct mm_range *r = &n->pmm->ranges[i];

		n->ranges[i] = (struct mm_note_range){ r->first, r->last, at };
		at += (size_t)(r->last - r->first) + 1;
	}
}

enum mm_status mm_notes_init(struct mm_notes *n, struct mm_pmm *pmm, uint32_t tables,
			     unsigned ntags)
{
	struct mm_notes new = { .pmm = pmm, .ntags = ntags };
	size_t bytes = 0, places, ranges, totals, words, refs, tags;
	unsigned char *memory;
	enum mm_status st;

	if (!n || !pmm || tables & ~(uint32_t)(MM_NOTE_REFS | MM_NOTE_WORDS) || ntags > 256 ||
	    (!tables && !ntags))
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	places = note_places(pmm);
	new.nranges = pmm->nranges;
	if (!note_room(&bytes, pmm->nranges, sizeof(struct mm_note_range), &ranges) ||
	    !note_room(&bytes, ntags, sizeof(uintptr_t), &totals) ||
	    !note_room(&bytes, tables & MM_NOTE_WORDS ? places : 0, sizeof(uintptr_t), &words) ||
	    !note_room(&bytes, tables & MM_NOTE_REFS ? places : 0, sizeof(uint32_t), &refs) ||
	    !note_room(&bytes, ntags ? places : 0, 1, &tags) || mm_hook_fail())
		return MM_E_NOMEM;
	new.frames = (mm_pfn_t)((bytes - 1) >> MM_FRAME_SHIFT) + 1;
	st = mm_page_alloc_contig(pmm, new.frames, 0, NULL, &new.base);
	if (st != MM_OK)
		return st;
	memory = mm_port_to_virt(pmm->port, new.base);
	__builtin_memset(memory, 0, bytes);
	new.totals = (uintptr_t *)(void *)(memory + totals);
	new.words = tables & MM_NOTE_WORDS ? (uintptr_t *)(void *)(memory + words) : NULL;
	new.refs = tables & MM_NOTE_REFS ? (uint32_t *)(void *)(memory + refs) : NULL;
	new.tags = ntags ? memory + tags : NULL;
	note_build(&new, memory);
	*n = new;
	return MM_OK;
}

enum mm_status mm_notes_destroy(struct mm_notes *n)
{
	enum mm_status st;

	if (!n)
		return MM_E_INVAL;
	if (!n->pmm)
		return MM_E_STATE;
	st = mm_page_free_range(n->pmm, n->base, n->frames);
	MM_CHECK(n->pmm->port, st == MM_OK);
	*n = (struct mm_notes){ 0 };
	return MM_OK;
}

#undef NOTE_PINNED
