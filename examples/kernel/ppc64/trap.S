/* SPDX-License-Identifier: MIT */
/* Interrupts, and the accesses that are meant to fault. The kernel runs in real mode, and so do handlers, which come
 * from wherever the MMU was on. What comes from user mode uses the stack of who went there. */
#include "layout.h"

#define FRAME 352   /* struct trap_frame, behind 32 bytes that functions expect above their stack */
#define RED_ZONE 512 /* below r1, without moving it, a function may use that */

	.abiversion 2
	.macro ADDRESS to, of
	lis \to, \of@ha
	addi \to, \to, \of@l
	.endm

	.macro VECTOR at
	.org trap_vectors + \at
	mtsprg 1, %r1
	mtsprg 2, %r3
	li %r3, \at
	b trap_entry
	.endm

	.section .vectors, "ax", @progbits
trap_vectors: /* linked to address 0 */
	.irp at, 0x100, 0x200, 0x300, 0x380, 0x400, 0x480, 0x500, 0x600, 0x700, 0x800, 0x900, 0x980, 0xa00, 0xc00, 0xd00
	VECTOR \at
	.endr
	.irp at, 0xe00, 0xe20, 0xe40, 0xe60, 0xe80, 0xea0, 0xf00, 0xf20, 0xf40, 0xf60, 0xf80
	VECTOR \at
	.endr
	.org trap_vectors + 0x1000

	.text
	.macro LASTING op /* those that functions keep */
	.irp n, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	\op %r\n, 32 + 8 * \n(%r1)
	.endr
	.endm

	.macro GENERAL op /* all registers but r1 and r3 */
	.irp n, 0, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13
	\op %r\n, 32 + 8 * \n(%r1)
	.endr
	LASTING \op
	.endm

trap_entry:
	mfcr %r1
	mtsprg 3, %r1
	mfsrr1 %r1
	andi. %r1, %r1, MSR_PR
	beq 1f
	mfsprg %r1, 0
	ld %r1, CPU_USER_SP(%r1)
	b 2f
1:	mfsprg %r1, 1
2:	addi %r1, %r1, -(FRAME + RED_ZONE)
	GENERAL std
	mfsprg %r4, 1
	mfsprg %r5, 2
	mfsprg %r6, 3
	mfsrr0 %r7
	mfsrr1 %r8
	mflr %r9
	mfctr %r10
	mfxer %r11
	std %r4, 32 + 8 * 1(%r1)
	std %r5, 32 + 8 * 3(%r1)
	std %r6, 288(%r1)
	std %r7, 296(%r1)
	std %r8, 304(%r1)
	std %r9, 312(%r1)
	std %r10, 320(%r1)
	std %r11, 328(%r1)
	std %r3, 336(%r1)
	li %r0, 0
	std %r0, 0(%r1)
	ADDRESS %r2, .TOC.
	addi %r3, %r1, 32
	bl trap_handle
	nop
	ld %r6, 288(%r1)
	ld %r7, 296(%r1)
	ld %r8, 304(%r1)
	ld %r9, 312(%r1)
	ld %r10, 320(%r1)
	ld %r11, 328(%r1)
	mtcr %r6
	mtsrr0 %r7
	mtsrr1 %r8
	mtlr %r9
	mtctr %r10
	mtxer %r11
	GENERAL ld
	ld %r3, 32 + 8 * 3(%r1)
	ld %r1, 32 + 8 * 1(%r1)
	rfid

/* If the instruction at \at faults, the kernel goes on at \to. */
	.macro FIXUP at, to
	.pushsection .fixups, "a", @progbits
	.quad \at, \to
	.popsection
	.endm

/* The accesses of probe.h: each answers whether it faulted. Data is translated for one instruction. */
	.globl probe_read, probe_write, probe_exec
probe_read:
	mfmsr %r6
	ori %r7, %r6, MSR_DR
	mtmsrd %r7
	isync
1:	lbz %r5, 0(%r3)
	FIXUP 1b, probe_faulted_at
	mtmsrd %r6
	isync
	stb %r5, 0(%r4)
	li %r3, 0
	blr
probe_write:
	li %r5, 0
	mfmsr %r6
	ori %r7, %r6, MSR_DR
	mtmsrd %r7
	isync
2:	stb %r5, 0(%r3)
	FIXUP 2b, probe_faulted_at
	mtmsrd %r6
	isync
	li %r3, 0
	blr
probe_faulted_at: /* MSR.DR is clear again: trap_handle() */
	li %r3, 1
	blr

/* What is there returns by a system call, which goes on at LR (trap_handle()): where LR leads to is not mapped. */
probe_exec:
	mflr %r0
	mtctr %r0 /* nothing changes it meanwhile */
	ADDRESS %r9, 3f
	mtlr %r9
	mfmsr %r6
	ori %r7, %r6, MSR_IR
	rldicl %r5, %r6, 0, 49 /* interrupts off: they would use SRR0 and SRR1 */
	mtmsrd %r5, 1
	mtsrr0 %r3
	mtsrr1 %r7
	rfid
3:	FIXUP 3b, probe_exec_faulted /* the fault is at the target: found by its return address */
	mfctr %r0
	mtlr %r0
	li %r3, 0
	blr
probe_exec_faulted:
	mfctr %r0
	mtlr %r0
	li %r3, 1
	blr

/* bool probe_overflow(uintptr_t stack): stacks are not mapped here, so that nothing faults below one. */
	.globl probe_overflow
probe_overflow:
	li %r3, 0
	blr

/* void user_enter(uintptr_t pc, uintptr_t argument, uintptr_t *sp): to user mode. Any interrupt that is not another
 * CPU's comes back to user_left, by way of trap_handle(). */
	.globl user_enter, user_left
user_enter:
	mflr %r0
	std %r0, 16(%r1)
	mfcr %r0
	std %r0, 8(%r1)
	stdu %r1, -288(%r1)
	std %r2, 24(%r1)
	LASTING std
	mfmsr %r6
	li %r7, MSR_PR + MSR_IR + MSR_DR
	or %r7, %r7, %r6
	ori %r7, %r7, MSR_EE
	rldicl %r6, %r6, 0, 49
	mtmsrd %r6, 1
	std %r1, 0(%r5)
	mtsrr0 %r3
	mtsrr1 %r7
	rfid
user_left:
	ld %r2, 24(%r1)
	LASTING ld
	addi %r1, %r1, 288
	ld %r0, 8(%r1)
	mtcr %r0
	ld %r0, 16(%r1)
	mtlr %r0
	blr

	.section .rodata
	.balign 16
	.globl machine_user
machine_user: /* for user mode: see machine.h */
	lbz %r3, 0(%r4)
	sc
	.balign 16
	li %r3, 0
	stb %r3, 0(%r4)
	sc
	.balign 16
	sc
	.balign 16

	.text
	.balign 8
	.globl machine_return, machine_victim
machine_return:
	sc
	nop
machine_victim:
	.quad 0
