/* SPDX-License-Identifier: MIT */
/* Private to those who fill NUMA nodes from tables of firmware: they empty them again when the table
 * turns out to be wrong, and name all domains before anything else. */
#ifndef MM_SRC_PMM_NUMA_H
#define MM_SRC_PMM_NUMA_H
#include <mmlib/numa.h>

/* Back to what mm_numa_init() made of them, with the same arrays. */
void mm_numa_clear(struct mm_numa *numa);

/* Give a node what nobody has of [base, last]; *clipped: another one has some of it. MM_E_2BIG: the
 * array is full. */
enum mm_status mm_numa_add_rest(struct mm_numa *numa, mm_paddr_t base, mm_paddr_t last,
				uint32_t node, bool *clipped);

/* Node of an address, and the last byte up to which it is the same. Memory that nobody told a node of
 * belongs to that of the memory below it, or, if there is none, of the first above; without any, to
 * node 0. */
uint32_t mm_numa_span(const struct mm_numa *numa, mm_paddr_t pa, mm_paddr_t *last);

/* There is a node of this domain. Nodes that are named already may get other numbers, so this comes
 * before memory, CPUs and distances. MM_E_2BIG: no room for it. */
enum mm_status mm_numa_name(struct mm_numa *numa, uint32_t domain);
#endif
