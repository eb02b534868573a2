/* SPDX-License-Identifier: MIT */
/* From the loader to C.
 *
 * QEMU starts an ELF kernel at its entry, in kseg0: arguments are those of a C program, a3 is how much memory there
 * is. All other CPUs come the same way when the first one lets them run. */
#include "layout.h"

#define STATUS_ON 0x8e0 /* 64-bit addresses of the kernel, supervisor and user; interrupts of other CPUs, not yet on */

	.set noreorder
	.text
	.globl _start
_start:
	li $t0, STATUS_ON
	mtc0 $t0, $12
	ehb
	dla $t0, trap_vectors
	dmtc0 $t0, $15, 1 /* EBase */
	ehb
	mfc0 $t0, $15, 1
	andi $t0, $t0, 0x3ff /* number of this CPU */
	bnez $t0, secondary
	nop
	dla $sp, image_end
	dla $t0, boot_ram
	sd $a3, 0($t0)
	move $a0, $a1
	dla $t9, kernel_main
	jr $t9
	move $ra, $zero
secondary:
	dla $t0, machine_secondary
	ld $sp, 8($t0) /* struct machine_start */
	ld $a0, 16($t0)
	dla $t9, smp_cpu_main
	jr $t9
	move $ra, $zero
