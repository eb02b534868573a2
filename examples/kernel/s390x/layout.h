/* SPDX-License-Identifier: MIT */
/* The address space of the demo kernel on s390x: it runs on real addresses, without address translation, and is where
 * QEMU puts it. What is under test is a tree that is used for an access at a time (trap.S). kernel.lds, boot.S and
 * trap.S know the same numbers. */
#ifndef LAYOUT_H
#define LAYOUT_H
#define MACHINE_UNMAPPED     true
#define MACHINE_DIRECT_MAP   0
#define MACHINE_REACH        0x0fffffff
#define MACHINE_LOW          0
#define MACHINE_STACKS       0
#define MACHINE_USER_SCRATCH 0x1000000000
#define MACHINE_USER_CODE    0x0f00000000
#define MACHINE_IMAGE_OFFSET 0

/* A CPU's prefix area, its own at real address 0 (Principles of Operation, "Assigned Storage Locations"); and from
 * 0x200 on what this kernel keeps there. */
#define LOW_BYTES         0x2000
#define LOW_EXTERNAL_CODE 0x86
#define LOW_PROGRAM_ILC   0x8c
#define LOW_PROGRAM_CODE  0x8e
#define LOW_TRANSLATION   0xa8
#define LOW_EXTERNAL_OLD  0x130
#define LOW_SVC_OLD       0x140
#define LOW_PROGRAM_OLD   0x150
#define LOW_CHECK_OLD     0x160
#define LOW_IO_OLD        0x170
#define LOW_RESTART_NEW   0x1a0
#define LOW_EXTERNAL_NEW  0x1b0
#define LOW_SVC_NEW       0x1c0
#define LOW_PROGRAM_NEW   0x1d0
#define LOW_CHECK_NEW     0x1e0
#define LOW_IO_NEW        0x1f0
#define LOW_R15           0x200 /* of who was interrupted */
#define LOW_RETURN        0x208 /* the PSW to go on with */
#define LOW_CPU           0x218 /* struct cpu */
#define LOW_STACK         0x220 /* where a new CPU's stack ends */

#define CPU_USER_SP 72 /* of struct cpu, for trap.S */

/* Whose interruption came: of trap_handle(). */
#define TRAP_EXTERNAL 0
#define TRAP_SVC      1
#define TRAP_PROGRAM  2
#define TRAP_OTHER    3

#ifndef __ASSEMBLER__
#include <mmlib/pt_formats.h>
#define MACHINE_NAME   "s390x"
#define MACHINE_PT(op) mm_pt_##op
#define MACHINE_DEVICE MM_PT_WB
#define MACHINE_ZONES                                                                              \
	{                                                                                          \
		.name = "NORMAL", .last = MM_PADDR_MAX                                             \
	}
#define MACHINE_FRAME(va)    machine_frame(va)
#define MACHINE_FAULT_VA(va) ((va) & ~(uintptr_t)0xfff) /* a fault tells the page */

struct machine_cpu {
	uint32_t calling;  /* a service call is under way: other CPUs have to wait */
	uint32_t deferred; /* one of them did */
};

struct cpu;

static inline struct cpu *machine_cpu(void)
{
	struct cpu *me;

	__asm__ volatile("lg %0,%1(%%r0)" : "=d"(me) : "i"(LOW_CPU));
	return me;
}

/* trap.S: where the tree under test says that this is. 0: nowhere. */
uint64_t machine_frame(uintptr_t va);
#endif
#endif
