/* SPDX-License-Identifier: MIT */
/* What the files of the physical memory manager share, and what the slab layer uses of it. */
#ifndef MM_SRC_PMM_PMM_H
#define MM_SRC_PMM_PMM_H
#include "frame.h"
#include "poison.h"
#include "../check.h"
#include "../names.h"

/* Keeps what is slow out of what is fast: no stack frame there, no registers to save. */
#define PMM_SLOW __attribute__((__noinline__))

/* Range that holds a frame, or NULL. */
struct mm_range *pmm_find(const struct mm_pmm *pmm, mm_pfn_t pfn);
/* Ranges are there: note their order by virtual address, which a port may choose as it likes. As good as
 * linear if addresses rise together. */
void pmm_sort_virt(struct mm_pmm *pmm);
/* Range that holds an address, or NULL. */
struct mm_range *pmm_find_pa(const struct mm_pmm *pmm, mm_paddr_t pa);
/* Range and frame of an address that to_virt() gave, or NULL. */
struct mm_range *pmm_find_virt(const struct mm_pmm *pmm, const void *p, mm_pfn_t *pfn);

/* Allocate a block whose frames are marked with `byte`: the head only, or each frame if it is a
 * slab's. Arguments are right; errors as mm_page_alloc(). */
enum mm_status pmm_alloc_as(struct mm_pmm *pmm, unsigned order, uint32_t flags, unsigned byte,
			    mm_paddr_t *out);
/* Free a block whose head is marked with `byte`; errors as mm_page_free(). */
enum mm_status pmm_free_as(struct mm_pmm *pmm, mm_paddr_t pa, unsigned order, unsigned byte);
/* Head of a block of this order at an address: movable if what is there is. */
unsigned pmm_head_at(const struct mm_pmm *pmm, mm_paddr_t pa, unsigned order);
/* Why a frame with this byte cannot be freed as a block. */
enum mm_status pmm_refuse(const struct mm_range *r, mm_pfn_t pfn, unsigned byte);

/* Side tables that frames first to last can need: places in the array of their range. */
size_t pmm_sides(mm_pfn_t first, mm_pfn_t last);
/* One more who needs the arrays of side tables, and one less, who has emptied all places. MM_E_NOMEM,
 * MM_E_AGAIN: there is no room, and nothing has changed. */
enum mm_status pmm_side_get(struct mm_pmm *pmm) MM_TAGGED(mm_priv_pmm_side_get);
void pmm_side_put(struct mm_pmm *pmm);
/* Are these right? The second asks for pmm too, and for what goes with an address. */
enum mm_status pmm_check_flags(const struct mm_pmm *pmm, unsigned order, uint32_t flags);
enum mm_status pmm_check_at(const struct mm_pmm *pmm, unsigned order, uint32_t flags);
/* Byte of the head of a block that flags ask for. */
unsigned pmm_byte(unsigned order, uint32_t flags);
/* Tell the port's log of a place in memory. (dump.c) */
void dump_tell(const struct mm_pmm *pmm, const char *what, mm_paddr_t pa);
/* Contents of a block are zero. */
void pmm_zero(const struct mm_pmm *pmm, mm_paddr_t pa, unsigned order);

/* Take frames by their address, and count them. MM_E_BUSY: some are not free, nor at hand. */
enum mm_status pmm_claim(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t first, mm_pfn_t count,
			 uint32_t flags);
struct zone_want; /* zone.h: what a request may take from */
/* An attempt failed: empty all hands and try again. The failure is exact then, or MM_E_AGAIN. */
enum mm_status pmm_from_hands(struct mm_pmm *pmm, const struct zone_want *want, uint32_t flags,
			      enum mm_status (*attempt)(struct mm_pmm *, void *), void *what);
/* May some CPU have frames at hand that this request could take? */
bool pmm_hands_serve(const struct mm_pmm *pmm, const struct zone_want *want);

/* Put a block whose bytes are 00 into its buddy, and count it. */
void pmm_to_buddy(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t pfn, unsigned order);
/* The same with any number of frames. */
void pmm_to_buddy_range(struct mm_pmm *pmm, struct mm_range *r, mm_pfn_t first, mm_pfn_t count);

/* Change what a zone's buddies hold. */
static inline void pmm_count(struct mm_pmm *pmm, uint32_t zone, uintptr_t frames)
{
	mm_atomic_add(&pmm->zones[zone].free, frames);
}

/* Blocks at hand, where mmlib/pmm_inline.h could not do it: take one of a zone and write its head, keep
 * one whose byte is 00, give all back; false if it cannot be done here and now. */
bool pmm_cpu_pop(struct mm_pmm *pmm, uint32_t zone, unsigned order, unsigned byte, mm_pfn_t *pfn);
bool pmm_cpu_push(struct mm_pmm *pmm, const struct mm_range *r, mm_pfn_t pfn, unsigned order,
		  unsigned byte);
bool pmm_cpu_drain(struct mm_pmm *pmm);
/* May a CPU have frames of this zone at hand? */
bool pmm_cpu_any_of(const struct mm_pmm *pmm, uint32_t zone);
/* All CPUs give back, while the caller keeps them away; and forget their ranges too. */
void pmm_cpu_empty_all(struct mm_pmm *pmm);
void pmm_cpu_detach_all(struct mm_pmm *pmm);
/* Frames at hand on a CPU; and are its hands as they should be? */
mm_pfn_t pmm_cpu_frames(const struct mm_page_cpu *cpu);
bool pmm_cpu_verify(const struct mm_pmm *pmm, const struct mm_page_cpu *cpu);
/* Is a frame in a buddy of its range? */
bool pmm_is_free(const struct mm_pmm *pmm, const struct mm_range *r, mm_pfn_t pfn);
/* A CPU has nothing at hand, and who comes by can leave nothing. */
void pmm_cpu_reset(struct mm_page_cpu *cpu);
/* Does any CPU have frames at hand? With `want`: frames of a zone that such a request may take from. */
bool pmm_any_at_hand(const struct mm_pmm *pmm, const struct zone_want *want);
/* Ask all CPUs that have frames at hand to give them back at their next call; ask those of a zone to keep
 * none for now. */
void pmm_request_drain(struct mm_pmm *pmm);
void pmm_close_hands(struct mm_pmm *pmm, uint32_t zone);
/* Have all CPUs give back what they have at hand now. MM_E_AGAIN: some have not yet. */
enum mm_status pmm_recall(struct mm_pmm *pmm);
/* So many isolations more, or less: CPUs look at the tags of what they take and keep at hand. */
void pmm_guard(struct mm_pmm *pmm, int more);

/* Classes of a range's pageblocks; NULL: it has none. */
static inline struct mm_mobility *pmm_mobility(const struct mm_range *r)
{
#if MM_MOBILITY
	return r->mobility;
#else
	(void)r;
	return NULL;
#endif
}

/* Have the pageblocks of a range classes? */
static inline bool pmm_has_classes(const struct mm_range *r)
{
	return pmm_mobility(r) != NULL;
}

/* What CPU i keeps at hand; those of movable blocks follow the others. */
static inline struct mm_page_cpu *pmm_hands(const struct mm_pmm *pmm, uint32_t i)
{
	return i < pmm->ncpus ? &pmm->cpus[i] : &pmm->movable_cpus[i - pmm->ncpus];
}

static inline uint32_t pmm_nhands(const struct mm_pmm *pmm)
{
	return pmm->ncpus << (MM_MOBILITY && pmm->movable_cpus);
}

static inline bool pmm_ready(const struct mm_pmm *pmm)
{
	return pmm->port != NULL;
}
#endif
