/* SPDX-License-Identifier: MIT */
/* The address space of the demo kernel on i386: memory and devices of the first GiB are where they are
 * physically, and so is the image. kernel.lds and boot.S know the same numbers. */
#ifndef LAYOUT_H
#define LAYOUT_H
#define MACHINE_DIRECT_MAP   0
#define MACHINE_REACH        0x3fffffff
#define MACHINE_LOW          0x100000
#define MACHINE_STACKS       0xc0000000
#define MACHINE_WINDOWS      0xd0000000 /* window.c */
#define MACHINE_RECURSIVE    0xff800000
#define MACHINE_USER_SCRATCH 0x40000000
#define MACHINE_USER_CODE    0x7fe00000
#define MACHINE_IMAGE_OFFSET 0

/* Where the first code of another CPU is copied to: real mode reaches no higher than 1 MiB. What is
 * below TRAMPOLINE_END is kept back for it. */
#define TRAMPOLINE     0x8000
#define TRAMPOLINE_END 0x10000

#ifndef __ASSEMBLER__
#include <mmlib/pt_formats.h>
#define MACHINE_NAME   "i386"
#define MACHINE_PT(op) machine_pt_##op
#define MACHINE_DEVICE MM_PT_DEVICE
/* Old devices reach 16 MiB. */
#define MACHINE_ZONES                                                                              \
	{ .name = "DMA", .last = 0xffffff },                                                       \
	{                                                                                          \
		.name = "NORMAL", .last = MM_PADDR_MAX                                             \
	}

extern uint32_t machine_two_levels; /* 32-bit paging, without PAE: for boot.S */

/* The window of mm_pt_env; use them from now on; and try whether they are used. */
void *machine_pt_window(const struct mm_pt *pt, mm_paddr_t pa, unsigned window, mm_vaddr_t va);
enum mm_status machine_windows_start(struct mm_pt *pt);
void windows_check(struct mm_pt *pt);

/* As mm_pt_map(), for pages of the kernel, which can be executed where all can. */
enum mm_status machine_pt_map(struct mm_pt *pt, mm_vaddr_t va, mm_paddr_t pa, uint64_t bytes, uint32_t attr,
			      uint32_t flags, struct mm_tlb_gather *g);

/* Intel SDM volume 3A, "Task-State Segment": what is not named here is of no use without task switches. */
struct tss {
	uint32_t link, esp0, ss0, unused[22];
	uint16_t trap, iomap;
};

struct cpu;

struct machine_cpu {
	struct cpu *self; /* what gs points to */
	uint64_t gdt[7];
	struct tss tss;
	char user_stack[8192] __attribute__((aligned(16))); /* of traps from user mode */
};

static inline struct cpu *machine_cpu(void)
{
	struct cpu *me;

	__asm__ volatile("movl %%gs:0, %0" : "=r"(me));
	return me;
}
#endif
#endif
