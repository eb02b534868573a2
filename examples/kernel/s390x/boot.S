/* SPDX-License-Identifier: MIT */
/* From the loader to C.
 *
 * QEMU starts the first CPU here, with 64-bit addresses and without address translation, and copies the command line
 * to where Linux has it, as this is where Linux begins. Others are restarted at machine_secondary, by the PSW in their
 * own prefix area. */
#include "layout.h"

	.section .boot, "ax", @progbits
	.globl _start
_start:
	larl %r15, image_end
	aghi %r15, -160
	larl %r2, boot_cmdline
	lghi %r14, 0
	jg kernel_main
	.org _start + 0x480
boot_cmdline:
	.fill 0x380
	.globl machine_secondary
machine_secondary:
	lg %r15, LOW_STACK
	aghi %r15, -160
	lg %r2, LOW_CPU
	lghi %r14, 0
	jg smp_cpu_main

	.section .note.GNU-stack, "", @progbits
