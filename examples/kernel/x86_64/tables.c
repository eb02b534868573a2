/* SPDX-License-Identifier: MIT */
/* Page tables of x86-64, with four levels or five. */
#include <mmlib/pt_formats.h>
#include "../smp.h"
#include "cpu.h"
#include "guest.h"

const struct mm_pt_port *machine_pt_port(void)
{
	return machine_five_levels ? mm_pt_format(MM_PT_X86_64_LA57) : mm_pt_x86_64_port();
}

void machine_pt_probe(struct mm_pt_cfg *cfg)
{
	mm_pt_x86_64_probe(cfg);
}

void machine_switch_tables(mm_paddr_t root)
{
	cpu_set_cr3(root);
}

struct mm_pt_x86_64_tlb machine_tlb;

static void flush_here(void *gather)
{
	const struct mm_tlb_gather *g = gather;

	if (!guest_is_in())
		mm_pt_x86_64_flush_local_by(&machine_tlb, g);
	else if (g->flush)
		guest_flush();
}

/* A CPU cannot reach into the TLB of another: it has to be asked. */
void machine_tlb_flush(const struct mm_tlb_gather *g, bool all)
{
	flush_here((void *)(uintptr_t)g);
	if (all && (g->flush || g->tables))
		smp_call_others(flush_here, (void *)(uintptr_t)g);
}
