/* SPDX-License-Identifier: MIT */
/* Theory of operation: AArch64, the walker folded to it and what only this CPU can do
 * Structure    the formats are ports/aarch64.h; the operations are pt_walk.inc, once for each half of
 *              the address space; the probe on AArch64 only. What flushes is tlb_aarch64.c. */
#include <mmlib/pt_aarch64.h>
#include "ports/aarch64.h"
#define MM_PT_PORT (&a64_port)
#define MM_PT_NAME mm_pt_aarch64
#define MM_PT_WALKER PT_WALKER_AARCH64
#include "vmm/pt_walk.inc"
#undef MM_PT_PORT
#undef MM_PT_NAME
#define MM_PT_PORT (&a64_high_port)
#define MM_PT_NAME mm_pt_aarch64_high
#define MM_PT_WALKER PT_WALKER_AARCH64_HIGH
#include "vmm/pt_walk.inc"
#undef MM_PT_PORT
#undef MM_PT_NAME

const struct mm_pt_port *mm_pt_aarch64_port(void)
{
	return &a64_port;
}

const struct mm_pt_port *mm_pt_aarch64_high_port(void)
{
	return &a64_high_port;
}

#if defined(__aarch64__)
void mm_pt_aarch64_probe(struct mm_pt_cfg *cfg)
{
	static const uint8_t bits[] = { 32, 36, 40, 42, 44, 48 };
	uint64_t mmfr0;

	__asm__ volatile("mrs %0, id_aa64mmfr0_el1" : "=r"(mmfr0));
	*cfg = (struct mm_pt_cfg){ .pa_bits = (mmfr0 & 15) < 5 ? bits[mmfr0 & 15] : 48 };
}
#endif
