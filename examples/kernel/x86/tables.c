/* SPDX-License-Identifier: MIT */
/* Page tables of i386: PAE. */
#include "../smp.h"
#include "../x86_64/cpu.h"

enum { FLUSH_PAGES = 32, CR4_PGE = 0x80 };

const struct mm_pt_port *machine_pt_port(void)
{
	return mm_pt_format(MM_PT_IA32_PAE);
}

void machine_pt_probe(struct mm_pt_cfg *cfg)
{
	*cfg = (struct mm_pt_cfg){ .pa_bits = 32 };
}

void machine_switch_tables(mm_paddr_t root)
{
	cpu_set_cr3(root);
}

/* Also makes the CPU read the four entries of the root again. */
static void flush_all(void)
{
	uintptr_t cr4, cr3;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4 & ~(uintptr_t)CR4_PGE) : "memory");
	__asm__ volatile("mov %%cr3, %0; mov %0, %%cr3" : "=r"(cr3) : : "memory");
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
}

static void flush_here(void *gather)
{
	const struct mm_tlb_gather *g = gather;

	if (g->tables || (g->last - g->start) >> g->min_shift >= FLUSH_PAGES) {
		flush_all();
		return;
	}
	for (mm_vaddr_t va = g->start; va <= g->last; va += (mm_vaddr_t)1 << g->min_shift)
		__asm__ volatile("invlpg (%0)" : : "r"((uintptr_t)va) : "memory");
}

/* A CPU cannot reach into the TLB of another: it has to be asked. With one CPU, "not the others" is "none". */
void machine_tlb_flush(const struct mm_tlb_gather *g, bool all)
{
	if (!g->flush && !g->tables)
		return;
	if (all || smp_online() > 1)
		flush_here((void *)(uintptr_t)g);
	if (all)
		smp_call_others(flush_here, (void *)(uintptr_t)g);
}
