/* SPDX-License-Identifier: MIT */
/* From firmware to C.
 *
 * Firmware jumps to the first byte of the image, in real mode, maybe with 32-bit addresses. Other CPUs begin at
 * machine_secondary, with what they are to know in r3. The interrupt vectors are copied to where the CPU has them. */
#include "layout.h"

#define VECTORS_BYTES 4096

	.abiversion 2
	.macro ADDRESS to, of
	lis \to, \of@ha
	addi \to, \to, \of@l
	.endm

	.section .text.boot, "ax", @progbits
	.globl _start, machine_secondary
_start:
	li %r0, 1
	sldi %r0, %r0, 63 /* MSR_64 alone */
	mtmsrd %r0
	isync
	ADDRESS %r2, .TOC.
	ADDRESS %r1, image_end
	addi %r1, %r1, -32
	li %r0, 0
	std %r0, 0(%r1)
	ADDRESS %r4, image_vectors
	li %r5, VECTORS_BYTES / 8
	mtctr %r5
	li %r6, 0
1:	ld %r0, 0(%r4)
	std %r0, 0(%r6)
	addi %r4, %r4, 8
	addi %r6, %r6, 8
	bdnz 1b
	sync
	isync
	li %r3, 0
	bl kernel_main
	nop

machine_secondary:
	ADDRESS %r2, .TOC.
	ld %r1, 8(%r3) /* struct machine_start */
	ld %r3, 16(%r3)
	addi %r1, %r1, -32
	li %r0, 0
	std %r0, 0(%r1)
	bl smp_cpu_main
	nop
