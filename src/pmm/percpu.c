/* SPDX-License-Identifier: MIT */
/* Theory of operation: per-CPU memory
 * Problem      one variable for each CPU, that only that CPU writes, without a cache line shared and without
 *              an array indexed by CPU for each variable.
 * Structure    one block of pages for each CPU; an allocation is a run of grains at the same offset in all
 *              blocks. Two bits for each grain: is it used, does an allocation begin there? The first run
 *              that fits is taken: variables live long, and are few.
 * Invariants   V1 a start bit is set only where the used bit is; an allocation ends before the next grain that
 *                 is free or a start.
 *              V2 a block is aligned to its size, so an offset is aligned as its address is.
 *              V3 init does all that can fail before it writes the caller's structure.
 * Concurrency  the lock guards the bits; who has allocated writes what is his. */
#include <mmlib/percpu.h>
#include "pmm.h"
#include "../atomic.h"
#include "../checked.h"
#include "../lock.h"

#define WORD_BITS (8u * (uint32_t)sizeof(uintptr_t))

/* So many grains are used; who has no lock may look. The lock is held. */
static void percpu_count(struct mm_percpu *pc, uint32_t n)
{
	mm_atomic_store_relaxed(&pc->nused, n);
}

static bool bit_get(const uintptr_t *bits, uint32_t i)
{
	return bits[i / WORD_BITS] >> i % WORD_BITS & 1;
}

static void bit_flip(uintptr_t *bits, uint32_t i)
{
	bits[i / WORD_BITS] ^= (uintptr_t)1 << i % WORD_BITS;
}

/* Order of a block of so many bytes; false: there is none. */
static bool percpu_order(const struct mm_pmm *pmm, size_t bytes, uint8_t *order)
{
	for (*order = 0; *order <= pmm->max_order; ++*order)
		if ((bytes - 1) >> MM_FRAME_SHIFT >> *order == 0)
			return true;
	return false;
}

static enum mm_status percpu_take(struct mm_pmm *pmm, unsigned order, uint32_t flags, unsigned char **out)
{
	mm_paddr_t pa;
	enum mm_status st = mm_hook_fail() ? MM_E_NOMEM : pmm_alloc_as(pmm, order, flags, FRAME_META, &pa);

	if (st == MM_OK)
		*out = mm_port_to_virt(pmm->port, pa);
	return st;
}

static void percpu_give(struct mm_pmm *pmm, unsigned order, const void *block)
{
	mm_pfn_t pfn = 0;
	enum mm_status st = MM_E_FOREIGN;

	if (pmm_find_virt(pmm, block, &pfn))
		st = pmm_free_as(pmm, mm_pfn_to_pa(pfn), order, FRAME_META);
	MM_CHECK(pmm->port, st == MM_OK);
}

/* Blocks of all CPUs, or none. */
static enum mm_status percpu_units(struct mm_percpu *pc)
{
	struct mm_pmm *pmm = pc->pmm;

	for (uint32_t cpu = 0; cpu < pc->ncpus; cpu++) {
		uint32_t near = cpu < pmm->ncpus ? MM_ALLOC_NODE(pmm->cpus[cpu].node) : 0;
		enum mm_status st = percpu_take(pmm, pc->unit_order, near, &pc->units[cpu]);

		if (st == MM_OK)
			continue;
		while (cpu-- > (MM_PLANTED(MM_PLANT_PERCPU_UNDO) ? 1u : 0u))
			percpu_give(pmm, pc->unit_order, pc->units[cpu]);
		return st;
	}
	return MM_OK;
}

/* Where the arrays are in their block. */
static bool percpu_measure(struct mm_percpu *pc, size_t bytes, size_t *words, size_t *meta)
{
	if (!percpu_order(pc->pmm, bytes, &pc->unit_order) ||
	    MM_FRAME_SHIFT + pc->unit_order >= 32) /* offsets have 32 bits */
		return false;
	pc->grains = (uint32_t)(((size_t)MM_FRAME_SIZE << pc->unit_order) / MM_PERCPU_GRAIN);
	*words = (pc->grains + WORD_BITS - 1) / WORD_BITS;
	return mm_mul_size(pc->ncpus, sizeof(void *), meta) &&
	       mm_add_size(*meta, 2 * *words * sizeof(uintptr_t), meta) &&
	       percpu_order(pc->pmm, *meta, &pc->meta_order);
}

enum mm_status mm_percpu_init(struct mm_percpu *pc, struct mm_pmm *pmm, uint32_t ncpus, size_t bytes)
{
	struct mm_percpu fresh = { .pmm = pmm, .ncpus = ncpus };
	unsigned char *meta;
	enum mm_status st;
	size_t words, n;

	if (!pc || !pmm || ncpus == 0 || bytes == 0)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	if (!percpu_measure(&fresh, bytes, &words, &n))
		return MM_E_NOMEM;
	st = percpu_take(pmm, fresh.meta_order, 0, &meta);
	if (st != MM_OK)
		return st;
	__builtin_memset(meta, 0, n);
	fresh.units = (unsigned char **)(void *)meta;
	fresh.used = (uintptr_t *)(void *)(fresh.units + ncpus);
	fresh.starts = fresh.used + words;
	st = percpu_units(&fresh);
	if (st == MM_OK)
		*pc = fresh; /* V3 */
	else
		percpu_give(pmm, fresh.meta_order, meta);
	return st;
}

enum mm_status mm_percpu_destroy(struct mm_percpu *pc)
{
	if (!pc)
		return MM_E_INVAL;
	if (!pc->pmm)
		return MM_E_STATE;
	if (pc->nused)
		return MM_E_BUSY;
	for (uint32_t cpu = 0; cpu < pc->ncpus; cpu++)
		percpu_give(pc->pmm, pc->unit_order, pc->units[cpu]);
	percpu_give(pc->pmm, pc->meta_order, pc->units);
	*pc = (struct mm_percpu){ 0 };
	return MM_OK;
}

/* First grain of a run of n that is free, a multiple of `step`; false: there is none. The lock is held. */
static bool percpu_find(const struct mm_percpu *pc, uint32_t n, uint32_t step, uint32_t *first)
{
	uint32_t at = 0, run = 0;

	while (run < n) {
		if (n > pc->grains - at)
			return false;
		if (!bit_get(pc->used, at + run)) {
			run++;
			continue;
		}
		at = (at + run + step) & ~(step - 1); /* behind the one that is used */
		run = 0;
		if (at >= pc->grains)
			return false;
	}
	*first = at;
	return true;
}

enum mm_status mm_percpu_alloc(struct mm_percpu *pc, size_t size, size_t align, uint32_t *offset)
{
	uint32_t first, n, step = align > MM_PERCPU_GRAIN ? (uint32_t)(align / MM_PERCPU_GRAIN) : 1;
	uintptr_t irq;
	bool found;

	if (!pc || !offset || size == 0 || (align && !mm_is_pow2(align)))
		return MM_E_INVAL;
	if (!pc->pmm)
		return MM_E_STATE;
	if ((size - 1) / MM_PERCPU_GRAIN >= pc->grains || align / MM_PERCPU_GRAIN > pc->grains)
		return MM_E_NOMEM;
	n = (uint32_t)((size - 1) / MM_PERCPU_GRAIN) + 1;
	irq = mm_lock(pc->pmm->port, &pc->lock);
	found = percpu_find(pc, n, step, &first);
	for (uint32_t i = 0; found && i < n; i++)
		bit_flip(pc->used, first + i);
	if (found) {
		bit_flip(pc->starts, first);
		percpu_count(pc, pc->nused + n);
	}
	mm_unlock(pc->pmm->port, &pc->lock, irq);
	if (!found)
		return MM_E_NOMEM;
	*offset = first * MM_PERCPU_GRAIN;
	for (uint32_t cpu = 0; cpu < pc->ncpus; cpu++)
		__builtin_memset(mm_percpu_ptr(pc, *offset, cpu), 0, (size_t)n * MM_PERCPU_GRAIN);
	return MM_OK;
}

/* Does an allocation begin at this grain? */
static enum mm_status percpu_look(const struct mm_percpu *pc, uint32_t offset)
{
	uint32_t i = offset / MM_PERCPU_GRAIN;

	if (i >= pc->grains)
		return MM_E_FOREIGN;
	if (offset % MM_PERCPU_GRAIN)
		return MM_E_ALIGN;
	if (!bit_get(pc->used, i))
		return MM_E_DOUBLE_FREE;
	return bit_get(pc->starts, i) ? MM_OK : MM_E_ALIGN; /* V1 */
}

enum mm_status mm_percpu_free(struct mm_percpu *pc, uint32_t offset)
{
	uint32_t i = offset / MM_PERCPU_GRAIN, first = i;
	enum mm_status st;
	uintptr_t irq;

	if (!pc)
		return MM_E_INVAL;
	if (!pc->pmm)
		return MM_E_STATE;
	irq = mm_lock(pc->pmm->port, &pc->lock);
	st = percpu_look(pc, offset);
	if (st == MM_OK) {
		bit_flip(pc->starts, i);
		do {
			bit_flip(pc->used, i++);
		} while (i < pc->grains && bit_get(pc->used, i) &&
			 (MM_PLANTED(MM_PLANT_PERCPU) || !bit_get(pc->starts, i)));
		percpu_count(pc, pc->nused - (i - first));
	}
	mm_unlock(pc->pmm->port, &pc->lock, irq);
	return st;
}

size_t mm_percpu_used(const struct mm_percpu *pc)
{
	return pc ? (size_t)mm_atomic_load_relaxed(&pc->nused) * MM_PERCPU_GRAIN : 0;
}
