/* SPDX-License-Identifier: MIT */
/* The address space of the demo kernel on x86-64. kernel.lds and boot.S know the same numbers. */
#ifndef LAYOUT_H
#define LAYOUT_H
#define MACHINE_DIRECT_MAP   0xffff800000000000
#define MACHINE_REACH        0xffffffff
#define MACHINE_SCRATCH      0xffffc00000000000
#define MACHINE_IMAGE_OFFSET 0xffffffff80000000
#define MACHINE_UPPER        0xffff800000000000
#define MACHINE_UPPER_SIZE   0x0000800000000000

#ifndef __ASSEMBLER__
#include <mmlib/pt_x86_64.h>
#define MACHINE_NAME   "x86-64"
#define MACHINE_PT(op) mm_pt_x86_64_##op
/* Old devices reach 16 MiB, many reach 4 GiB. */
#define MACHINE_ZONES                                                                              \
	{ "DMA", 0xffffff }, { "DMA32", 0xffffffff }, { "NORMAL", MM_PADDR_MAX }
#endif
#endif
