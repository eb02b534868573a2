/* SPDX-License-Identifier: MIT */
/* Theory of operation: x86-64, the walker folded to it and what only this CPU can do
 * Structure    the format is ports/x86_64.h; the operations are pt_walk.inc with that format as a
 *              constant, compiled on every host; the probes on x86-64 only. What flushes is tlb_x86_64.c. */
#include <mmlib/pt_x86_64.h>
#include "ports/x86_64.h"
#define MM_PT_PORT (&mm_port_x86_64)
#define MM_PT_NAME mm_pt_x86_64
#define MM_PT_WALKER PT_WALKER_X86_64
#include "vmm/pt_walk.inc"
#undef MM_PT_PORT
#undef MM_PT_NAME

const struct mm_pt_port *mm_pt_x86_64_port(void)
{
	return &mm_port_x86_64;
}

#if defined(__x86_64__)
struct x86_64_cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static struct x86_64_cpuid x86_64_cpuid(uint32_t leaf)
{
	struct x86_64_cpuid r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(0));
	return r;
}

void mm_pt_x86_64_probe(struct mm_pt_cfg *cfg)
{
	uint32_t highest = x86_64_cpuid(0x80000000u).eax;
	bool gigabyte = highest >= 0x80000001u && (x86_64_cpuid(0x80000001u).edx >> 26 & 1);

	*cfg = (struct mm_pt_cfg){ .pa_bits = 36, .leaf_levels = gigabyte ? 7 : 3 };
	if (highest >= 0x80000008u)
		cfg->pa_bits = (uint8_t)x86_64_cpuid(0x80000008u).eax;
	if (x86_64_cpuid(0).eax >= 7 && (x86_64_cpuid(7).ecx >> 4 & 1)) /* OSPKE: CR4.PKE is set */
		cfg->features = MM_PT_X86_64_KEYS;
}

void mm_pt_x86_64_tlb_probe(struct mm_pt_x86_64_tlb *tlb)
{
	uintptr_t cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	*tlb = (struct mm_pt_x86_64_tlb){
		.invpcid = x86_64_cpuid(0).eax >= 7 && (x86_64_cpuid(7).ebx >> 10 & 1),
		.pcids = cr4 >> 17 & 1,
	};
}
#endif
