/* SPDX-License-Identifier: MIT */
/* Formats that are data and selected at run time: the functions that ask the data. See mask.h.
 *
 * Who wants one of them as an instance of its own says which, before including its header: then nothing is asked at run
 * time any more. One file folds one format; what else the header has is for nobody there.
 *	#define MM_MASK_FOLD_PORT ept_port    the struct mm_mask_port...
 *	#define MM_MASK_FOLD_MASK ept_mask    ...and its struct mm_mask
 *	#include "ports/ept.h"
 *	#define MM_PT_PORT (&ept_port.port)   and so on, as vmm/pt_x86_64.c */
#ifndef MM_SRC_PORTS_MASK_ANY_H
#define MM_SRC_PORTS_MASK_ANY_H
#include "ports/mask.h"

/* A format that is selected at run time: its functions look here what to do, so that formats are data. */
struct mm_mask_port {
	struct mm_pt_port port; /* first: it is what pt->port points to */
	const struct mm_mask *mask;
};

#ifdef MM_MASK_FOLD_PORT
#define MASK_ANY MASK_FN
#define MASK_ODD __attribute__((__noinline__)) /* seldom: see mask_odd() */
static const struct mm_mask MM_MASK_FOLD_MASK;
static const struct mm_mask_port MM_MASK_FOLD_PORT;
MASK_ANY const struct mm_mask_port *mask_port_of(const struct mm_pt *pt)
{
	(void)pt;
	return &MM_MASK_FOLD_PORT;
}

MASK_ANY const struct mm_mask *mask_of(const struct mm_pt *pt)
{
	(void)pt;
	return &MM_MASK_FOLD_MASK;
}
#else
#define MASK_ANY static
#define MASK_ODD
MASK_ANY const struct mm_mask_port *mask_port_of(const struct mm_pt *pt)
{
	return (const struct mm_mask_port *)pt->port;
}

MASK_ANY const struct mm_mask *mask_of(const struct mm_pt *pt)
{
	return mask_port_of(pt)->mask;
}
#endif

/* What the functions that do not ask for runs take: of a struct mm_mask_member the leaf, of others themselves. Not
 * transition(): all that differs in such a member is in the bits of addresses, too, which is enough for a flush. */
MASK_ANY uint64_t mask_plain(const struct mm_mask *m, uint64_t raw, unsigned level)
{
	const uint64_t entry = mask_order(m, raw);

	return mask_is_moved(m, entry, level) ? mask_order(m, mask_move_back(m, entry)) : raw;
}

MASK_ANY uint64_t mask_any_empty(const struct mm_pt *pt, unsigned level)
{
	return mask_empty(mask_of(pt), &mask_port_of(pt)->port, pt, level);
}

static MASK_ODD enum mm_pt_kind mask_any_odd(const struct mm_pt *pt, uint64_t entry, unsigned level)
{
	return mask_odd(mask_of(pt), &mask_port_of(pt)->port, pt, entry, level);
}

MASK_ANY enum mm_pt_kind mask_any_classify(const struct mm_pt *pt, uint64_t entry, unsigned level)
{
	enum mm_pt_kind kind;

	if (mask_is_plain(mask_of(pt), &mask_port_of(pt)->port, pt, entry, level, &kind))
		return kind;
	kind = mask_any_odd(pt, entry, level);
	if (!mask_asks_odd(&mask_port_of(pt)->port) && (kind == MM_PT_TABLE || kind == MM_PT_EMPTY))
		__builtin_unreachable(); /* as MM_MASK_PORT() says it */
	return kind;
}

MASK_ANY enum mm_status mask_any_check(const struct mm_pt *pt, uint32_t attr)
{
	return mask_check(mask_of(pt), pt, attr);
}

MASK_ANY uint64_t mask_any_leaf(const struct mm_pt *pt, mm_paddr_t pa, unsigned level, uint32_t attr)
{
	return mask_leaf(mask_of(pt), pt, pa, level, attr);
}

MASK_ANY uint64_t mask_any_frame(const struct mm_pt *pt, mm_paddr_t pa, unsigned level)
{
	(void)level;
	return mask_order(mask_of(pt), mask_field(mask_of(pt), pa, mask_of(pt)->addr));
}

MASK_ANY uint32_t mask_any_attr(const struct mm_pt *pt, uint64_t entry, unsigned level)
{
	return mask_attr(mask_of(pt), mask_plain(mask_of(pt), entry, level), level);
}

MASK_ANY uint64_t mask_any_table(const struct mm_pt *pt, mm_paddr_t pa, unsigned level)
{
	return mask_table(mask_of(pt), &mask_port_of(pt)->port, pt, pa, level);
}

MASK_ANY mm_paddr_t mask_any_below(const struct mm_pt *pt, uint64_t entry)
{
	return mask_below(mask_of(pt), pt, entry);
}

MASK_ANY mm_paddr_t mask_any_pa(const struct mm_pt *pt, uint64_t entry, unsigned level)
{
	return mask_pa(mask_of(pt), &mask_port_of(pt)->port, pt, mask_plain(mask_of(pt), entry, level), level);
}

MASK_ANY unsigned mask_any_transition(const struct mm_pt *pt, uint64_t old, uint64_t now,
				    unsigned level)
{
	return mask_transition(mask_of(pt), &mask_port_of(pt)->port, pt, old, now, level);
}

MASK_ANY uint64_t mask_any_run(const struct mm_pt *pt, uint64_t leaf, unsigned level)
{
	return mask_run(mask_of(pt), leaf, level);
}

#undef MASK_ANY
#undef MASK_ODD
#define MASK_CALLS MM_MASK_CALLS(mask_any)
#define MASK_RUNS(...) MM_MASK_RUNS(mask_any, __VA_ARGS__)
#endif
