/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts, and the accesses that are meant to fault. */

#define FRAME 304 /* struct trap_frame */

/* struct machine_cpu, from the end of its trap stack on. It is mapped in second roots, too, as is section .entry. */
#define KERNEL_ROOT 0
#define SECOND_ROOT 8

/* To another root, which has a number of its own (TCR_EL1.A1), so nothing of the other is found. */
	.macro ROOT ttbr
	msr ttbr1_el1, \ttbr
	isb
	.endm

	.section .entry, "ax", %progbits
	.macro VECTOR number
	.balign 128
	sub sp, sp, #FRAME
	stp x0, x1, [sp]
	mov x1, #\number
	b trap_common
	.endm

	.balign 2048
	.globl trap_vectors
trap_vectors:
	.irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	VECTOR \number
	.endr

trap_common: /* struct trap_frame */
	stp x2, x3, [sp, #16]
	stp x4, x5, [sp, #32]
	stp x6, x7, [sp, #48]
	stp x8, x9, [sp, #64]
	stp x10, x11, [sp, #80]
	stp x12, x13, [sp, #96]
	stp x14, x15, [sp, #112]
	stp x16, x17, [sp, #128]
	stp x18, x19, [sp, #144]
	stp x20, x21, [sp, #160]
	stp x22, x23, [sp, #176]
	stp x24, x25, [sp, #192]
	stp x26, x27, [sp, #208]
	stp x28, x29, [sp, #224]
	mrs x2, sp_el0
	stp x30, x2, [sp, #240]
	mrs x2, elr_el1
	mrs x3, spsr_el1
	stp x2, x3, [sp, #256]
	mrs x2, esr_el1
	mrs x3, far_el1
	stp x2, x3, [sp, #272]
	mrs x2, ttbr1_el1
	str x2, [sp, #288]
	ldr x3, [sp, #FRAME + SECOND_ROOT]
	cmp x2, x3
	b.ne 1f
	ldr x3, [sp, #FRAME + KERNEL_ROOT]
	ROOT x3
1:	mov x0, sp
	bl trap_handle
	ldr x2, [sp, #288]
	mrs x3, ttbr1_el1
	cmp x2, x3
	b.eq 2f
	ROOT x2
2:
	ldp x2, x3, [sp, #256]
	msr elr_el1, x2
	msr spsr_el1, x3
	ldp x0, x1, [sp]
	ldp x2, x3, [sp, #16]
	ldp x4, x5, [sp, #32]
	ldp x6, x7, [sp, #48]
	ldp x8, x9, [sp, #64]
	ldp x10, x11, [sp, #80]
	ldp x12, x13, [sp, #96]
	ldp x14, x15, [sp, #112]
	ldp x16, x17, [sp, #128]
	ldp x18, x19, [sp, #144]
	ldp x20, x21, [sp, #160]
	ldp x22, x23, [sp, #176]
	ldp x24, x25, [sp, #192]
	ldp x26, x27, [sp, #208]
	ldp x28, x29, [sp, #224]
	ldr x30, [sp, #240]
	add sp, sp, #FRAME
	eret

/* If an access to memory at \at faults, the kernel goes on at \to. */
	.macro FIXUP at, to
	.pushsection .fixups, "a", %progbits
	.quad \at, \to
	.popsection
	.endm

/* The end of this CPU's trap stack. */
	.macro TRAP_STACK to
	msr spsel, #1
	mov \to, sp
	msr spsel, #0
	.endm

/* unsigned probe_second(const void *va, unsigned access): an access by the kernel, on the second root. Interrupts off.
 * What was read, or 256 if it faulted. */
	.globl probe_second
probe_second:
	TRAP_STACK x9
	ldr x10, [x9, #SECOND_ROOT]
	mrs x11, ttbr1_el1
	mov x12, x30
	ROOT x10
	mov w13, #256
	cmp w1, #1
	b.eq 5f
	b.hi 6f
4:	ldrb w13, [x0]
	FIXUP 4b, probe_second_faulted
	b probe_second_faulted
5:	strb wzr, [x0]
	FIXUP 5b, probe_second_faulted
	mov w13, #0
	b probe_second_faulted
6:	blr x0
7:	mov w13, #0
	FIXUP 7b, probe_second_faulted /* the fault is at the target */
probe_second_faulted:
	ROOT x11
	mov w0, w13
	ret x12

	.text
/* The accesses of probe.h: each answers whether it faulted. */
	.globl probe_read, probe_write, probe_exec
probe_read:
1:	ldrb w2, [x0]
	FIXUP 1b, probe_faulted
	strb w2, [x1]
	mov w0, #0
	ret
probe_write:
2:	strb wzr, [x0]
	FIXUP 2b, probe_faulted
	mov w0, #0
	ret
probe_exec:
	stp x29, x30, [sp, #-16]!
	blr x0
3:	ldp x29, x30, [sp], #16
	FIXUP 3b, probe_exec_faulted /* the fault is at the target: found by its return address */
	mov w0, #0
	ret
probe_exec_faulted:
	ldp x29, x30, [sp], #16
probe_faulted:
	mov w0, #1
	ret

/* bool probe_overflow(uintptr_t stack): push to the guard page below the stack. */
	.globl probe_overflow
probe_overflow:
	mov x9, sp
	mov sp, x0
4:	str xzr, [sp, #-16]!
	FIXUP 4b, probe_overflow_faulted
	mov sp, x9
	mov w0, #0
	ret
probe_overflow_faulted:
	mov sp, x9
	mov w0, #1
	ret

/* void user_enter(uintptr_t pc, uintptr_t argument, uintptr_t *sp): to EL0. Any exception comes back to
 * user_left, by way of trap_handle(). SP_EL0 stays this thread's stack, which user code does not touch. On the second
 * root, if there is one. Of a guest the user is at its EL0. */
	.section .entry, "ax", %progbits
	.globl user_enter
user_enter:
	adrp x3, machine_guest
	ldrb w3, [x3, #:lo12:machine_guest]
	cbnz w3, guest_user
	stp x29, x30, [sp, #-96]!
	stp x19, x20, [sp, #16]
	stp x21, x22, [sp, #32]
	stp x23, x24, [sp, #48]
	stp x25, x26, [sp, #64]
	stp x27, x28, [sp, #80]
	mov x3, sp
	str x3, [x2]
	msr daifset, #2
	msr elr_el1, x0
	msr spsr_el1, xzr /* EL0, interrupts on */
	TRAP_STACK x4
	ldr x4, [x4, #SECOND_ROOT]
	cbz x4, 8f
	ROOT x4
8:	eret

	.text
	.globl user_left
user_left:
	ldp x19, x20, [sp, #16]
	ldp x21, x22, [sp, #32]
	ldp x23, x24, [sp, #48]
	ldp x25, x26, [sp, #64]
	ldp x27, x28, [sp, #80]
	ldp x29, x30, [sp], #96
	ret

	.section .rodata
	.balign 16
	.globl machine_user
machine_user: /* for user mode: see machine.h */
	ldrb w0, [x1]
	svc #0
	.balign 16
	strb wzr, [x1]
	svc #0
	.balign 16
	svc #0
	.balign 32
	.globl machine_user_wait
machine_user_wait: /* the same */
	mov w0, #1
	strb w0, [x1, #1]
9:	ldrb w0, [x1]
	cbz w0, 9b
	svc #0
	.balign 32

	.text
	.balign 8
	.globl machine_return, machine_victim
machine_return:
	ret
	udf #0
machine_victim:
	.quad 0
