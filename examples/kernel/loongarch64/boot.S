/* SPDX-License-Identifier: MIT */
/* From the loader to C.
 *
 * QEMU starts all CPUs at the entry of an ELF kernel, addresses not translated, and passes nothing. The others sleep
 * until there is something in machine_secondary for them, and an interrupt, which they do not take yet. */
#include "cpu.h"
#include "layout.h"

#define WINDOW_CACHED  (MACHINE_DIRECT_MAP + 0x11) /* the kernel's; coherent, cached */
#define WINDOW_ORDERED (MACHINE_REGISTERS + 0x01)
#define CRMD_ON        0xb0 /* translation on, interrupts off; without it, cached */

	.text
	.globl _start
_start:
	li.d $t0, WINDOW_CACHED
	csrwr $t0, CSR_DMW0
	li.d $t0, WINDOW_ORDERED
	csrwr $t0, CSR_DMW1
	li.w $t0, CRMD_ON
	csrwr $t0, CSR_CRMD
	la.abs $t0, 1f
	jr $t0
1:	csrrd $t0, CSR_CPUID
	andi $t0, $t0, 0x1ff
	bnez $t0, 2f
	la.abs $sp, image_end
	move $a0, $zero
	move $ra, $zero
	la.abs $t0, kernel_main
	jr $t0

2:	la.abs $t1, machine_secondary
	alsl.d $t1, $t0, $t1, 3
	li.w $t0, IOCSR_EN
	li.w $t2, -1
	iocsrwr.w $t2, $t0
	li.w $t0, ECFG_IPI
	csrwr $t0, CSR_ECFG
3:	ld.d $t0, $t1, 0
	bnez $t0, 4f
	idle 0
	b 3b
4:	dbar 0
	ld.d $sp, $t0, 8 /* struct machine_start */
	ld.d $a0, $t0, 16
	move $ra, $zero
	la.abs $t0, smp_cpu_main
	jr $t0
