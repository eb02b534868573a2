/* SPDX-License-Identifier: MIT */
/* The address space of the demo kernel on RV32: memory and devices of the first three GiB are where they are
 * physically, and so is the image. kernel.lds and boot.S know the same numbers. */
#ifndef LAYOUT_H
#define LAYOUT_H
#define MACHINE_DIRECT_MAP   0
#define MACHINE_REACH        0xbfffffff
#define MACHINE_LOW          0x80000000
#define MACHINE_STACKS       0xc0000000
#define MACHINE_USER_SCRATCH 0x40000000
#define MACHINE_USER_CODE    0x7fe00000
#define MACHINE_IMAGE_OFFSET 0

#define CLINT 0x02000000 /* a word for each hart: 1 raises its software interrupt of M-mode */

#ifndef __ASSEMBLER__
#include <mmlib/pt_formats.h>
#define MACHINE_NAME   "RV32"
#define MACHINE_PT(op) mm_pt_##op
/* Physical memory attributes say what is a device. */
#define MACHINE_DEVICE MM_PT_WB
#define MACHINE_ZONES                                                                              \
	{                                                                                          \
		.name = "NORMAL", .last = MM_PADDR_MAX                                             \
	}

struct machine_cpu {
	char trap_stack[8192] __attribute__((aligned(16)));
	unsigned long kernel_satp, second_satp; /* 0: user mode has no root of its own */
	uint32_t switches;
};

struct cpu;

static inline struct cpu *machine_cpu(void)
{
	struct cpu *me;

	__asm__ volatile("mv %0, tp" : "=r"(me));
	return me;
}
#endif
#endif
