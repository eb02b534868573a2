/* SPDX-License-Identifier: MIT */
/* The address space of the demo kernel on LoongArch64: code, data and stacks are in direct mapping windows, which no
 * TLB translates. What is under test is in the lower half. kernel.lds, boot.S and trap.S know the same numbers. */
#ifndef LAYOUT_H
#define LAYOUT_H
#define MACHINE_UNMAPPED     true
#define MACHINE_DIRECT_MAP   0x9000000000000000 /* window 0, cached */
#define MACHINE_REGISTERS    0x8000000000000000 /* window 1, strongly ordered, not cached */
#define MACHINE_REACH        0x0fffffff
#define MACHINE_LOW          0
#define MACHINE_STACKS       0
#define MACHINE_USER_SCRATCH 0x1000000000
#define MACHINE_USER_CODE    0x0f00000000
#define MACHINE_IMAGE_OFFSET 0x9000000000000000

#define CPU_USER_SP 72 /* of struct cpu, for trap.S */

#ifndef __ASSEMBLER__
#include <mmlib/pt_formats.h>
#define MACHINE_NAME      "LoongArch64"
#define MACHINE_PT(op)    mm_pt_##op
#define MACHINE_DEVICE    MM_PT_DEVICE
#define MACHINE_FRAME(va) tlb_frame(va)
#define MACHINE_ZONES                                                                              \
	{                                                                                          \
		.name = "NORMAL", .last = MM_PADDR_MAX                                             \
	}

struct machine_cpu {
	struct mm_pt user; /* the lower half, as tlb.c reads it; all-zero: nothing is there */
	uint32_t relaxed;  /* how often machine_relax() was called */
};

struct cpu;

/* CSR.SAVE3. */
static inline struct cpu *machine_cpu(void)
{
	struct cpu *me;

	__asm__ volatile("csrrd %0, 0x33" : "=r"(me));
	return me;
}

/* tlb.c: the frame of the page at @va, as the TLB has it after an access. */
mm_paddr_t tlb_frame(mm_vaddr_t va);
#endif
#endif
