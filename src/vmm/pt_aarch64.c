/* SPDX-License-Identifier: MIT */
/* Theory of operation: AArch64, the walker folded to it and what only this CPU can do
 * Structure    the formats are ports/aarch64.h; the operations are pt_walk.inc, once for each half of
 *              the address space; the instructions below on AArch64 only.
 * Invariant    F1 a flush leaves nothing that the gather names in any CPU of the inner shareable
 *              domain: stores are ordered before it (DSB ISHST), TLBI VAAE1IS drops the page and all
 *              cached upper entries over it for every address space, and it has ended everywhere
 *              (DSB ISH) before this CPU goes on (ISB). Above 32 pages a whole flush is cheaper. */
#include <mmlib/pt_aarch64.h>
#include "ports/aarch64.h"
#define MM_PT_PORT (&mm_port_aarch64)
#define MM_PT_NAME mm_pt_aarch64
#include "vmm/pt_walk.inc"
#undef MM_PT_PORT
#undef MM_PT_NAME
#define MM_PT_PORT (&mm_port_aarch64_high)
#define MM_PT_NAME mm_pt_aarch64_high
#include "vmm/pt_walk.inc"
#undef MM_PT_PORT
#undef MM_PT_NAME

const struct mm_pt_port *mm_pt_aarch64_port(void)
{
	return &mm_port_aarch64;
}

const struct mm_pt_port *mm_pt_aarch64_high_port(void)
{
	return &mm_port_aarch64_high;
}

#if defined(__aarch64__)
#define A64_FLUSH_PAGES 32u

void mm_pt_aarch64_probe(struct mm_pt_cfg *cfg)
{
	static const uint8_t bits[] = { 32, 36, 40, 42, 44, 48 };
	uint64_t mmfr0;

	__asm__ volatile("mrs %0, id_aa64mmfr0_el1" : "=r"(mmfr0));
	*cfg = (struct mm_pt_cfg){ .pa_bits = (mmfr0 & 15) < 5 ? bits[mmfr0 & 15] : 48 };
}

/* TLBI takes VA[55:12] in bits 43:0, whatever the granule. */
static void a64_flush_page(mm_vaddr_t va)
{
	uint64_t operand = va >> 12 & ((UINT64_C(1) << 44) - 1);

	__asm__ volatile("tlbi vaae1is, %0" : : "r"(operand) : "memory");
}

static void a64_flush_pages(const struct mm_tlb_gather *g)
{
	if ((g->last - g->start) >> g->min_shift >= A64_FLUSH_PAGES) {
		__asm__ volatile("tlbi vmalle1is" : : : "memory");
		return;
	}
	for (mm_vaddr_t va = g->start;; va += (mm_vaddr_t)1 << g->min_shift) {
		a64_flush_page(va);
		if (g->last - va < (mm_vaddr_t)1 << g->min_shift)
			return;
	}
}

void mm_pt_aarch64_flush(const struct mm_tlb_gather *g)
{
	__asm__ volatile("dsb ishst" : : : "memory"); /* F1 */
	if (g->flush) {
		a64_flush_pages(g);
		__asm__ volatile("dsb ish" : : : "memory");
	}
	__asm__ volatile("isb" : : : "memory");
}
#endif
