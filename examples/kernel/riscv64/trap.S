/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts, and the accesses that are meant to fault. */

#include "word.h"

#define FRAME (36 * WORD) /* struct trap_frame */

/* struct machine_cpu, from the end of its trap stack on. It is mapped in second roots, too, as is section .entry. */
#define KERNEL_SATP 0
#define SECOND_SATP WORD

/* To another root. Pages that are global there are of one root only: nothing of the other stays in the TLB. */
	.macro ROOT satp
	csrw satp, \satp
	sfence.vma
	.endm

	.macro GENERAL op /* all registers but x2 and x4, which are sp and tp */
	.irp n, 1, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	\op x\n, WORD * \n(sp)
	.endr
	.endm

/* sscratch holds the end of this CPU's trap stack, or 0 while that is in use: a trap in a trap is a
 * mistake, of which the handler tells without coming back. */
	.section .entry, "ax", @progbits
	.balign 4
	.globl trap_entry
trap_entry:
	csrrw sp, sscratch, sp
	bnez sp, 1f
	csrrw sp, sscratch, sp
1:	addi sp, sp, -FRAME
	GENERAL STORE
	STORE tp, 4 * WORD(sp)
	csrr t5, satp
	csrrw t0, sscratch, zero
	bnez t0, 1f
	addi t0, sp, FRAME
	j 2f
1:	LOAD t1, FRAME + SECOND_SATP(sp)
	bne t1, t5, 2f
	LOAD t1, FRAME + KERNEL_SATP(sp)
	ROOT t1
2:	csrr t1, sepc
	csrr t2, scause
	csrr t3, stval
	csrr t4, sstatus
	STORE t0, 2 * WORD(sp)
	STORE t1, 0(sp)
	STORE t2, 32 * WORD(sp)
	STORE t3, 33 * WORD(sp)
	STORE t4, 34 * WORD(sp)
	STORE t5, 35 * WORD(sp)
	mv a0, sp
	call trap_handle
	LOAD t1, 0(sp)
	LOAD t4, 34 * WORD(sp)
	LOAD t5, 35 * WORD(sp)
	csrr t6, satp
	beq t5, t6, 3f
	ROOT t5
3:	csrw sepc, t1
	csrw sstatus, t4
	addi t0, sp, FRAME
	csrw sscratch, t0
	GENERAL LOAD
	LOAD sp, 2 * WORD(sp)
	sret

/* unsigned probe_second(const void *va, unsigned access): an access by the kernel, on the second root. Interrupts off.
 * What was read, or 256 if it faulted. */
	.globl probe_second
probe_second:
	csrr t0, sscratch
	LOAD t0, SECOND_SATP(t0)
	csrr t1, satp
	mv t2, ra
	ROOT t0
	li t3, 256
	li t4, 1
	beq a1, t4, 5f
	bgtu a1, t4, 6f
4:	lbu t3, 0(a0)
	FIXUP 4b, probe_second_faulted
	j probe_second_faulted
5:	sb zero, 0(a0)
	FIXUP 5b, probe_second_faulted
	li t3, 0
	j probe_second_faulted
6:	jalr a0
7:	li t3, 0
	FIXUP 7b, probe_second_faulted /* the fault is at the target */
probe_second_faulted:
	ROOT t1
	mv a0, t3
	jr t2

	.text
/* The accesses of probe.h: each answers whether it faulted. */
	.globl probe_read, probe_write, probe_exec
probe_read:
1:	lbu t0, 0(a0)
	FIXUP 1b, probe_faulted
	sb t0, 0(a1)
	li a0, 0
	ret
probe_write:
2:	sb zero, 0(a0)
	FIXUP 2b, probe_faulted
	li a0, 0
	ret
probe_exec:
	addi sp, sp, -16
	STORE ra, 0(sp)
	jalr a0
3:	LOAD ra, 0(sp)
	FIXUP 3b, probe_exec_faulted /* the fault is at the target: found by its return address */
	addi sp, sp, 16
	li a0, 0
	ret
probe_exec_faulted:
	LOAD ra, 0(sp)
	addi sp, sp, 16
probe_faulted:
	li a0, 1
	ret

/* bool probe_overflow(uintptr_t stack): push to the guard page below the stack. */
	.globl probe_overflow
probe_overflow:
	mv t0, sp
	addi sp, a0, -16
4:	STORE zero, 0(sp)
	FIXUP 4b, probe_overflow_faulted
	mv sp, t0
	li a0, 0
	ret
probe_overflow_faulted:
	mv sp, t0
	li a0, 1
	ret

/* void user_enter(uintptr_t pc, uintptr_t argument, uintptr_t *sp): to U-mode, or with machine_guest to VU-mode. Any
 * trap comes back to user_left, by way of trap_handle(). sp stays this thread's stack, which user code does not touch.
 * On the second root, if there is one. guest_enter() is the same to VS-mode, where the argument is the address that code returns to. */
	.macro SAVED op
	\op ra, 0(sp)
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
	\op s\n, WORD * (\n + 1)(sp)
	.endr
	.endm

	.section .entry, "ax", @progbits
	.globl user_enter, guest_enter
guest_enter:
	li t1, 0x120 /* SPP, SPIE */
	j 5f
user_enter:
	li t1, 0x20 /* SPIE */
5:	addi sp, sp, -16 * WORD
	SAVED STORE
	STORE sp, 0(a2)
	li t0, 0x102 /* SPP, SIE */
	csrc sstatus, t0
	csrs sstatus, t1
#if __riscv_xlen == 64
	la t0, machine_guest
	lbu t0, 0(t0)
	beqz t0, 6f
	li t0, 0x80 /* SPV */
	csrs 0x600, t0 /* hstatus */
6:
#endif
	csrw sepc, a0
	mv ra, a1
	csrr t0, sscratch
	LOAD t0, SECOND_SATP(t0)
	beqz t0, 7f
	ROOT t0
7:	sret

	.text
	.globl user_left
user_left:
	SAVED LOAD
	addi sp, sp, 16 * WORD
	ret

	.section .rodata
	.balign 16
	.globl machine_user
machine_user: /* for user mode: see machine.h */
	lbu a0, 0(a1)
	ecall
	.balign 16
	sb zero, 0(a1)
	ecall
	.balign 16
	ecall
	.balign 16
	.balign 32
	.globl machine_user_wait
machine_user_wait: /* the same */
	li t0, 1
	sb t0, 1(a1)
8:	lbu a0, 0(a1)
	beqz a0, 8b
	ecall
	.balign 32

	.text
	.balign 8
	.globl machine_return, machine_victim
machine_return:
	ret
	.balign 8
machine_victim:
	.dword 0
