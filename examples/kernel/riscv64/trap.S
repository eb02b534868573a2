/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts, and the accesses that are meant to fault. */

#define FRAME 288 /* struct trap_frame */

/* sscratch holds the end of this CPU's trap stack, or 0 while that is in use: a trap in a trap is a
 * mistake, of which the handler tells without coming back. */
	.text
	.balign 4
	.globl trap_entry
trap_entry:
	csrrw sp, sscratch, sp
	bnez sp, 1f
	csrrw sp, sscratch, sp
1:	addi sp, sp, -FRAME
	sd ra, 8(sp)
	sd gp, 24(sp)
	sd tp, 32(sp)
	sd t0, 40(sp)
	sd t1, 48(sp)
	sd t2, 56(sp)
	sd s0, 64(sp)
	sd s1, 72(sp)
	sd a0, 80(sp)
	sd a1, 88(sp)
	sd a2, 96(sp)
	sd a3, 104(sp)
	sd a4, 112(sp)
	sd a5, 120(sp)
	sd a6, 128(sp)
	sd a7, 136(sp)
	sd s2, 144(sp)
	sd s3, 152(sp)
	sd s4, 160(sp)
	sd s5, 168(sp)
	sd s6, 176(sp)
	sd s7, 184(sp)
	sd s8, 192(sp)
	sd s9, 200(sp)
	sd s10, 208(sp)
	sd s11, 216(sp)
	sd t3, 224(sp)
	sd t4, 232(sp)
	sd t5, 240(sp)
	sd t6, 248(sp)
	csrrw t0, sscratch, zero
	bnez t0, 2f
	addi t0, sp, FRAME
2:	csrr t1, sepc
	csrr t2, scause
	csrr t3, stval
	csrr t4, sstatus
	sd t0, 16(sp)
	sd t1, 0(sp)
	sd t2, 256(sp)
	sd t3, 264(sp)
	sd t4, 272(sp)
	mv a0, sp
	call trap_handle
	ld t1, 0(sp)
	ld t4, 272(sp)
	csrw sepc, t1
	csrw sstatus, t4
	addi t0, sp, FRAME
	csrw sscratch, t0
	ld ra, 8(sp)
	ld gp, 24(sp)
	ld t0, 40(sp)
	ld t1, 48(sp)
	ld t2, 56(sp)
	ld s0, 64(sp)
	ld s1, 72(sp)
	ld a0, 80(sp)
	ld a1, 88(sp)
	ld a2, 96(sp)
	ld a3, 104(sp)
	ld a4, 112(sp)
	ld a5, 120(sp)
	ld a6, 128(sp)
	ld a7, 136(sp)
	ld s2, 144(sp)
	ld s3, 152(sp)
	ld s4, 160(sp)
	ld s5, 168(sp)
	ld s6, 176(sp)
	ld s7, 184(sp)
	ld s8, 192(sp)
	ld s9, 200(sp)
	ld s10, 208(sp)
	ld s11, 216(sp)
	ld t3, 224(sp)
	ld t4, 232(sp)
	ld t5, 240(sp)
	ld t6, 248(sp)
	ld sp, 16(sp)
	sret

/* If an access to memory at \at faults, the kernel goes on at \to. */
	.macro FIXUP at, to
	.pushsection .fixups, "a", @progbits
	.dword \at, \to
	.popsection
	.endm

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
	sd ra, 0(sp)
	jalr a0
3:	ld ra, 0(sp)
	FIXUP 3b, probe_exec_faulted /* the fault is at the target: found by its return address */
	addi sp, sp, 16
	li a0, 0
	ret
probe_exec_faulted:
	ld ra, 0(sp)
	addi sp, sp, 16
probe_faulted:
	li a0, 1
	ret

/* bool probe_overflow(uintptr_t stack): push to the guard page below the stack. */
	.globl probe_overflow
probe_overflow:
	mv t0, sp
	addi sp, a0, -16
4:	sd zero, 0(sp)
	FIXUP 4b, probe_overflow_faulted
	mv sp, t0
	li a0, 0
	ret
probe_overflow_faulted:
	mv sp, t0
	li a0, 1
	ret

/* void user_enter(uintptr_t pc, uintptr_t argument, uintptr_t *sp): to U-mode. Any trap comes back to user_left,
 * by way of trap_handle(). sp stays this thread's stack, which user code does not touch. */
	.globl user_enter, user_left
user_enter:
	addi sp, sp, -112
	sd ra, 0(sp)
	sd s0, 8(sp)
	sd s1, 16(sp)
	sd s2, 24(sp)
	sd s3, 32(sp)
	sd s4, 40(sp)
	sd s5, 48(sp)
	sd s6, 56(sp)
	sd s7, 64(sp)
	sd s8, 72(sp)
	sd s9, 80(sp)
	sd s10, 88(sp)
	sd s11, 96(sp)
	sd sp, 0(a2)
	li t0, 0x102 /* SPP, SIE */
	csrc sstatus, t0
	li t0, 0x20 /* SPIE */
	csrs sstatus, t0
	csrw sepc, a0
	sret
user_left:
	ld ra, 0(sp)
	ld s0, 8(sp)
	ld s1, 16(sp)
	ld s2, 24(sp)
	ld s3, 32(sp)
	ld s4, 40(sp)
	ld s5, 48(sp)
	ld s6, 56(sp)
	ld s7, 64(sp)
	ld s8, 72(sp)
	ld s9, 80(sp)
	ld s10, 88(sp)
	ld s11, 96(sp)
	addi sp, sp, 112
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

	.text
	.balign 8
	.globl machine_return, machine_victim
machine_return:
	ret
	.balign 8
machine_victim:
	.dword 0
