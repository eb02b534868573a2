/* SPDX-License-Identifier: MIT */
/* The address space of the demo kernel on x86-64. kernel.lds and boot.S know the same numbers. */
#ifndef LAYOUT_H
#define LAYOUT_H
#define MACHINE_DIRECT_MAP   0xffff800000000000
#define MACHINE_REACH        0xffffffff
#define MACHINE_LOW          0x100000
#define MACHINE_SCRATCH      0xffffc00000000000
#define MACHINE_USER_SCRATCH 0x1000000000
#define MACHINE_USER_CODE    0x0f00000000
#define MACHINE_STACKS       0xffffd00000000000
#define MACHINE_IMAGE_OFFSET 0xffffffff80000000
#define MACHINE_UPPER        0xffff800000000000
#define MACHINE_UPPER_SIZE   0x0000800000000000

/* Where the first code of another CPU is copied to: real mode reaches no higher than 1 MiB. What is
 * below TRAMPOLINE_END is kept back for it. */
#define TRAMPOLINE     0x8000
#define TRAMPOLINE_END 0x10000

#ifndef __ASSEMBLER__
#include <mmlib/pt_x86_64.h>
#define MACHINE_NAME   "x86-64"
/* Folded to four levels; five ask the tree at run time. */
#define MACHINE_PT(op) (*(machine_five_levels ? &mm_pt_##op : &mm_pt_x86_64_##op))
#define MACHINE_DEVICE MM_PT_DEVICE
#define MACHINE_DENY(key, what, user) machine_deny(key, what, user)
#define MACHINE_DENIED                0x20 /* PK */
#define MACHINE_ROOTS                 1
#define MACHINE_CONFORM_END()         machine_conform_end()
/* Old devices reach 16 MiB, many reach 4 GiB. */
#define MACHINE_ZONES                                                                              \
	{ .name = "DMA", .last = 0xffffff }, { .name = "DMA32", .last = 0xffffffff },              \
	{                                                                                          \
		.name = "NORMAL", .last = MM_PADDR_MAX                                             \
	}

extern struct mm_pt_x86_64_tlb machine_tlb; /* how a TLB is flushed */
extern uint32_t machine_five_levels; /* CR4.LA57, by the boot code */

struct __attribute__((packed)) tss {
	uint32_t zero;
	uint64_t rsp[3], zero2, ist[7], zero3;
	uint16_t zero4, iomap;
};

struct cpu;
void machine_conform_end(void);

/* What traps need before they are on the kernel's root, in pages of its own: mapped in second roots, too. */
struct machine_cpu {
	struct cpu *self;      /* what gs points to */
	uint64_t overflow_rsp; /* gs:8: the stack to return to while a probe is running off it */
	uint64_t kernel_root;  /* gs:16: CR3 of traps that come while it is... */
	uint64_t second_root;  /* gs:24: ...this, that of user mode; 0: it has none of its own */
	uint64_t entry_stack;  /* gs:32: end of user_stack */
	uint64_t gdt[6];
	struct tss tss;
	uint32_t switches;                                   /* traps that came on the second root */
	char fault_stack[4096] __attribute__((aligned(16))); /* of double faults */
	char user_stack[8192] __attribute__((aligned(16)));  /* of traps from user mode */
} __attribute__((aligned(4096)));

static inline struct cpu *machine_cpu(void)
{
	struct cpu *me;

	__asm__ volatile("movq %%gs:0, %0" : "=r"(me));
	return me;
}
#endif
#endif
