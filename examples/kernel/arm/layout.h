/* SPDX-License-Identifier: MIT */
/* The address space of the demo kernel on ARMv7: memory and devices of the first two GiB are where they are
 * physically, and so is the image. kernel.lds and boot.S know the same numbers. */
#ifndef LAYOUT_H
#define LAYOUT_H
#define MACHINE_DIRECT_MAP   0
#define MACHINE_REACH        0x7fffffff
#define MACHINE_LOW          0x40000000
#define MACHINE_STACKS       0xc0000000
#define MACHINE_USER_SCRATCH 0x80000000
#define MACHINE_USER_CODE    0xbfe00000
#define MACHINE_IMAGE_OFFSET 0

/* What short descriptors want in PRRR and NMRR, long ones in MAIR0 and MAIR1. */
#define SHORT_PRRR 0x070a012a
#define SHORT_NMRR 0x00090009
#define LONG_MAIR0 0x0044bbff
#define LONG_MAIR1 0x00000004
#define SHORT_TTBR 0x4a /* walks in shareable cached memory */

#ifndef __ASSEMBLER__
#include <mmlib/pt_aarch64.h>
#include <mmlib/pt_formats.h>
_Static_assert(SHORT_PRRR == MM_PT_ARMV7_PRRR && SHORT_NMRR == MM_PT_ARMV7_NMRR &&
		       (UINT64_C(LONG_MAIR1) << 32 | LONG_MAIR0) == MM_PT_AARCH64_MAIR,
	       "the numbers in boot.S");
#define MACHINE_NAME   "ARMv7"
#define MACHINE_PT(op) mm_pt_##op
#define MACHINE_DEVICE MM_PT_DEVICE
#define MACHINE_FRAME(va) machine_frame(va)
#define MACHINE_ZONES                                                                              \
	{                                                                                          \
		.name = "NORMAL", .last = MM_PADDR_MAX                                             \
	}

mm_paddr_t machine_frame(mm_vaddr_t va);

struct machine_cpu {
	uint32_t unused;
};

struct cpu;

static inline struct cpu *machine_cpu(void)
{
	struct cpu *me;

	__asm__ volatile("mrc p15, 0, %0, c13, c0, 4" : "=r"(me));
	return me;
}
#endif
#endif
