/* SPDX-License-Identifier: MIT */
/* Formats that are data and selected at run time: the functions that ask the data. See mask.h. */
#ifndef MM_SRC_PORTS_MASK_ANY_H
#define MM_SRC_PORTS_MASK_ANY_H
#include "ports/mask.h"

/* A format that is selected at run time: its functions look here what to do, so that formats are data. */
struct mm_mask_port {
	struct mm_pt_port port; /* first: it is what pt->port points to */
	const struct mm_mask *mask;
};

static const struct mm_mask *mask_of(const struct mm_pt *pt)
{
	return ((const struct mm_mask_port *)pt->port)->mask;
}

/* What the functions that do not ask for runs take: of a struct mm_mask_member the leaf, of others themselves. Not
 * transition(): all that differs in such a member is in the bits of addresses, too, which is enough for a flush. */
static uint64_t mask_plain(const struct mm_mask *m, uint64_t raw, unsigned level)
{
	const uint64_t entry = mask_order(m, raw);

	return mask_is_moved(m, entry, level) ? mask_order(m, mask_move_back(m, entry)) : raw;
}

static uint64_t mask_any_empty(const struct mm_pt *pt, unsigned level)
{
	return mask_empty(mask_of(pt), pt, level);
}

static enum mm_pt_kind mask_any_classify(const struct mm_pt *pt, uint64_t entry, unsigned level)
{
	enum mm_pt_kind kind;

	return mask_is_plain(mask_of(pt), pt->port, pt, entry, level, &kind) ?
		       kind :
		       mask_odd(mask_of(pt), pt->port, pt, entry, level);
}

static enum mm_status mask_any_check(const struct mm_pt *pt, uint32_t attr)
{
	return mask_check(mask_of(pt), pt, attr);
}

static uint64_t mask_any_leaf(const struct mm_pt *pt, mm_paddr_t pa, unsigned level, uint32_t attr)
{
	return mask_leaf(mask_of(pt), pt, pa, level, attr);
}

static uint64_t mask_any_frame(const struct mm_pt *pt, mm_paddr_t pa, unsigned level)
{
	(void)level;
	return mask_order(mask_of(pt), mask_field(mask_of(pt), pa, mask_of(pt)->addr));
}

static uint32_t mask_any_attr(const struct mm_pt *pt, uint64_t entry, unsigned level)
{
	return mask_attr(mask_of(pt), mask_plain(mask_of(pt), entry, level), level);
}

static uint64_t mask_any_table(const struct mm_pt *pt, mm_paddr_t pa, unsigned level)
{
	return mask_table(mask_of(pt), pt, pa, level);
}

static mm_paddr_t mask_any_below(const struct mm_pt *pt, uint64_t entry)
{
	return mask_below(mask_of(pt), pt, entry);
}

static mm_paddr_t mask_any_pa(const struct mm_pt *pt, uint64_t entry, unsigned level)
{
	return mask_pa(mask_of(pt), pt->port, pt, mask_plain(mask_of(pt), entry, level), level);
}

static unsigned mask_any_transition(const struct mm_pt *pt, uint64_t old, uint64_t now,
				    unsigned level)
{
	return mask_transition(mask_of(pt), pt->port, pt, old, now, level);
}

static uint64_t mask_any_run(const struct mm_pt *pt, uint64_t leaf, unsigned level)
{
	return mask_run(mask_of(pt), leaf, level);
}

#define MASK_CALLS MM_MASK_CALLS(mask_any)
#define MASK_RUNS(...) MM_MASK_RUNS(mask_any, __VA_ARGS__)
#endif
