/* SPDX-License-Identifier: MIT */
/* The address space of the demo kernel on PPC64: it runs in real mode, where the four highest bits of an address are
 * not looked at. The direct map has the two highest set, so no pointer in it looks like an address under test, and is
 * none where data is translated: those are in quadrant 0. kernel.lds, boot.S and trap.S know the same numbers. */
#ifndef LAYOUT_H
#define LAYOUT_H
#define MACHINE_UNMAPPED     true
#define MACHINE_DIRECT_MAP   0xc000000000000000
#define MACHINE_REACH        0x0fffffff
#define MACHINE_LOW          0
#define MACHINE_STACKS       0
#define MACHINE_USER_SCRATCH 0x1000000000
#define MACHINE_USER_CODE    0x0f00000000
#define MACHINE_IMAGE_OFFSET 0

#define CPU_USER_SP 72 /* of struct cpu, for trap.S */

/* Power ISA 3.0B, book III, "Machine State Register". */
#define MSR_64 0x8000000000000000 /* 64-bit addresses */
#define MSR_EE 0x8000             /* external interrupts, and the decrementer's */
#define MSR_PR 0x4000             /* user mode */
#define MSR_IR 0x20               /* what is fetched is translated */
#define MSR_DR 0x10               /* data is translated */

#ifndef __ASSEMBLER__
#include <mmlib/pt_formats.h>
#define MACHINE_NAME   "PPC64"
#define MACHINE_PT(op) mm_pt_##op
#define MACHINE_DEVICE MM_PT_DEVICE
#define MACHINE_ZONES                                                                              \
	{                                                                                          \
		.name = "NORMAL", .last = MM_PADDR_MAX                                             \
	}

struct machine_cpu {
	uint32_t nothing;
};

struct cpu;

/* SPRG0. */
static inline struct cpu *machine_cpu(void)
{
	struct cpu *me;

	__asm__ volatile("mfsprg %0, 0" : "=r"(me));
	return me;
}
#endif
#endif
