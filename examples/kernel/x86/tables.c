/* SPDX-License-Identifier: MIT */
/* Page tables of i386: PAE, or with the word 2-levels on the command line 32-bit paging, where all that can be
 * read can be executed. */
#include <mmlib/pt_flush.h>
#include "../kernel.h"
#include "../smp.h"

const struct mm_pt_port *machine_pt_port(void)
{
	return mm_pt_format(machine_two_levels ? MM_PT_IA32 : MM_PT_IA32_PAE);
}

/* Called first: it is what reads the word. */
void machine_pt_probe(struct mm_pt_cfg *cfg)
{
	machine_two_levels = kernel_has_word("2-levels");
	*cfg = (struct mm_pt_cfg){ .pa_bits = 32, .allow_wx = machine_two_levels };
}

enum mm_status machine_pt_map(struct mm_pt *pt, mm_vaddr_t va, mm_paddr_t pa, uint64_t bytes, uint32_t attr,
			      uint32_t flags, struct mm_tlb_gather *g)
{
	return mm_pt_map(pt, va, pa, bytes, attr | (machine_two_levels ? MM_PT_EXEC : 0u), flags, g);
}

static void flush_here(void *gather)
{
	if (machine_two_levels)
		mm_pt_ia32_flush_local(gather);
	else
		mm_pt_ia32_pae_flush_local(gather);
}

/* A CPU cannot reach into the TLB of another: it has to be asked. With one CPU, "not the others" is "none". */
void machine_tlb_flush(const struct mm_tlb_gather *g, bool all)
{
	if (!g->flush)
		return;
	if (all || smp_online() > 1)
		flush_here((void *)(uintptr_t)g);
	if (all)
		smp_call_others(flush_here, (void *)(uintptr_t)g);
}
