/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts, and the accesses that are meant to fault. All are handled in SVC mode, on
 * the stack that it has: this kernel runs in no other but user mode. */
#define MODE_SVC 0x13

	.text
	.macro VECTOR number, offset
vector_\number:
	.if \offset
	sub lr, lr, #\offset
	.endif
	srsdb sp!, #MODE_SVC
	cpsid if, #MODE_SVC
	push {r0-r12, lr}
	mov r1, #\number
	b trap_common
	.endm

	.balign 32
	.globl trap_vectors
trap_vectors:
	b vector_0
	b vector_1
	b vector_2
	b vector_3
	b vector_4
	b vector_0
	b vector_6
	b vector_7

	VECTOR 0, 0
	VECTOR 1, 0 /* undefined instruction */
	VECTOR 2, 0 /* supervisor call */
	VECTOR 3, 4 /* prefetch abort */
	VECTOR 4, 8 /* data abort */
	VECTOR 6, 4 /* interrupt */
	VECTOR 7, 4

trap_common:
	mov r0, sp /* struct trap_frame */
	mov r4, sp
	bic sp, sp, #7
	bl trap_handle
	mov sp, r4
	pop {r0-r12, lr}
	clrex
	rfeia sp!

	.macro FIXUP at, to
	.pushsection .fixups, "a", %progbits
	.long \at, \to
	.popsection
	.endm

/* The accesses of probe.h: each answers whether it faulted. */
	.globl probe_read, probe_write, probe_exec
probe_read:
1:	ldrb r2, [r0]
	FIXUP 1b, probe_faulted_at
	strb r2, [r1]
	mov r0, #0
	bx lr
probe_write:
	mov r2, #0
2:	strb r2, [r0]
	FIXUP 2b, probe_faulted_at
	mov r0, #0
	bx lr
probe_exec:
	push {r4, lr}
	blx r0
3:	pop {r4, lr}
	FIXUP 3b, probe_exec_faulted /* the fault is at the target: found by its return address */
	mov r0, #0
	bx lr
probe_exec_faulted:
	pop {r4, lr}
probe_faulted_at:
	mov r0, #1
	bx lr

/* bool probe_overflow(uintptr_t stack): exceptions would need a stack of their own, which is not here. */
	.globl probe_overflow
probe_overflow:
	mov r0, #0
	bx lr

/* void user_enter(uintptr_t pc, uintptr_t argument, uintptr_t *sp): to user mode. Any exception comes back to
 * user_left, by way of trap_handle(). */
	.globl user_enter, user_left
user_enter:
	push {r4-r11, lr}
	str sp, [r2]
	cpsid i
	mov r3, #0x10 /* user mode, interrupts on */
	push {r3}
	push {r0}
	rfeia sp!
user_left:
	pop {r4-r11, pc}

	.section .rodata
	.balign 16
	.globl machine_user
machine_user: /* for user mode: see machine.h */
	ldrb r0, [r1]
	svc #0
	.balign 16
	mov r0, #0
	strb r0, [r1]
	svc #0
	.balign 16
	svc #0
	.balign 16

	.text
	.balign 8
	.globl machine_return, machine_victim
machine_return:
	bx lr
	udf #0
machine_victim:
	.quad 0
