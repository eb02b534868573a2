/* SPDX-License-Identifier: MIT */
/* The address space of the demo kernel on MIPS64: code and data are in kseg0 and xkphys, which no TLB translates, and
 * so are stacks. What is under test is in xuseg. kernel.lds, boot.S and trap.S know the same numbers. */
#ifndef LAYOUT_H
#define LAYOUT_H
#define MACHINE_UNMAPPED     true
#define MACHINE_LOSES_INTERRUPTS true /* machine_relax() */
#define MACHINE_DIRECT_MAP   0xa800000000000000 /* xkphys, cached and coherent */
#define MACHINE_REGISTERS    0x9000000000000000 /* xkphys, not cached */
#define MACHINE_REACH        0x0fffffff
#define MACHINE_LOW          0
#define MACHINE_STACKS       0
#define MACHINE_USER_SCRATCH 0x1000000000
#define MACHINE_USER_CODE    0x0f00000000
#define MACHINE_IMAGE_OFFSET 0xffffffff80000000

#define CPU_USER_SP 72 /* of struct cpu, for trap.S */

#ifndef __ASSEMBLER__
#include <mmlib/pt_formats.h>
#define MACHINE_NAME   "MIPS64"
#define MACHINE_PT(op) mm_pt_##op
#define MACHINE_DEVICE MM_PT_DEVICE
#define MACHINE_ZONES                                                                              \
	{                                                                                          \
		.name = "NORMAL", .last = MM_PADDR_MAX                                             \
	}

struct machine_cpu {
	struct mm_pt user; /* xuseg, as tlb.c reads it; all-zero: nothing is there */
	uint32_t relaxed;  /* how often machine_relax() was called */
};

struct cpu;

/* KScratch1. */
static inline struct cpu *machine_cpu(void)
{
	struct cpu *me;

	__asm__ volatile("dmfc0 %0, $31, 2" : "=r"(me));
	return me;
}
#endif
#endif
