/* SPDX-License-Identifier: MIT */
/* Theory of operation: RISC-V, the walker folded to Sv39 and Sv48
 * Structure    the formats are ports/riscv64.h; the operations are pt_walk.inc, once for each. What flushes is
 *              tlb_riscv64.c. */
#include <mmlib/pt_riscv64.h>
#include "ports/riscv64.h"
#define MM_PT_PORT (&mm_port_sv39)
#define MM_PT_NAME mm_pt_sv39
#define MM_PT_WALKER PT_WALKER_SV39
#include "vmm/pt_walk.inc"
#undef MM_PT_PORT
#undef MM_PT_NAME
#define MM_PT_PORT (&mm_port_sv48)
#define MM_PT_NAME mm_pt_sv48
#define MM_PT_WALKER PT_WALKER_SV48
#include "vmm/pt_walk.inc"
#undef MM_PT_PORT
#undef MM_PT_NAME

const struct mm_pt_port *mm_pt_sv39_port(void)
{
	return &mm_port_sv39;
}

const struct mm_pt_port *mm_pt_sv48_port(void)
{
	return &mm_port_sv48;
}
