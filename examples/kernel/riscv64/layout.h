/* SPDX-License-Identifier: MIT */
/* The address space of the demo kernel on RV64: the same in Sv39 and Sv48, so it keeps to what Sv39
 * can address. kernel.lds and boot.S know the same numbers. */
#ifndef LAYOUT_H
#define LAYOUT_H
#define MACHINE_DIRECT_MAP   0xffffffc000000000
#define MACHINE_REACH        0xffffffff
#define MACHINE_LOW          0x80000000
#define MACHINE_SCRATCH      0xffffffe000000000
#define MACHINE_USER_SCRATCH 0x1000000000
#define MACHINE_USER_CODE    0x0f00000000
#define MACHINE_STACKS       0xfffffff000000000
#define MACHINE_IMAGE_OFFSET 0xffffffff00000000
#define MACHINE_UPPER        0xffffffc000000000
#define MACHINE_UPPER_SIZE   0x0000004000000000

#ifndef __ASSEMBLER__
#include <mmlib/pt_riscv64.h>
extern struct mm_pt_riscv64_tlb machine_tlb; /* how a TLB is flushed */
extern bool machine_guest; /* the user that trap.S enters is a guest's */
bool machine_at_guest(void);
#define MACHINE_GUEST() machine_at_guest()
#define MACHINE_NAME   "RV64"
#define MACHINE_PT(op) mm_pt_##op /* Sv39 or Sv48: known at run time */
/* Physical memory attributes say what is a device. */
#define MACHINE_DEVICE MM_PT_WB
#define MACHINE_ROOTS  1
/* The first 16 MiB of RAM, what 32 bits reach, and all. */
#define MACHINE_ZONES                                                                              \
	{ .name = "DMA", .last = 0x80ffffff }, { .name = "DMA32", .last = 0xffffffff },            \
	{                                                                                          \
		.name = "NORMAL", .last = MM_PADDR_MAX                                             \
	}

/* What traps need before they are on the kernel's root, in pages of its own: mapped in second roots, too. */
struct machine_cpu {
	char trap_stack[8192] __attribute__((aligned(16)));
	unsigned long kernel_satp; /* of traps that come while satp is... */
	unsigned long second_satp; /* ...this, that of user mode; 0: it has none of its own */
	uint32_t switches;         /* traps that came on the second root */
} __attribute__((aligned(4096)));

struct cpu;

static inline struct cpu *machine_cpu(void)
{
	struct cpu *me;

	__asm__ volatile("mv %0, tp" : "=r"(me));
	return me;
}
#endif
#endif
