/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts, and the accesses that are meant to fault. Status.EXL stays set in handlers, so nothing in
 * them may need the TLB: the kernel's stacks do not. What comes from user mode uses the stack of who went there. */
#include "layout.h"

#define FRAME 304 /* struct trap_frame */

	.set noreorder
	.set noat
	.text
	.macro VECTOR at, is_refill
	.org trap_vectors + \at
	dla $k0, trap_entry
	jr $k0
	li $k1, \is_refill
	.endm

	.balign 4096
	.globl trap_vectors
trap_vectors:
	VECTOR 0x000, 1
	VECTOR 0x080, 1
	VECTOR 0x100, 0
	VECTOR 0x180, 0
	VECTOR 0x200, 0
	.org trap_vectors + 0x280

	.macro GENERAL op /* all registers but 26, 27 and 29 */
	.irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 28, 30, 31
	\op $\n, 8 * \n($k0)
	.endr
	.endm

trap_entry:
	mfc0 $k0, $12
	andi $k0, $k0, 0x18 /* user mode? */
	beqz $k0, 1f
	move $k0, $sp
	dmfc0 $k0, $31, 2
	ld $k0, CPU_USER_SP($k0)
1:	daddiu $k0, $k0, -FRAME
	GENERAL sd
	sd $sp, 8 * 29($k0)
	sd $k1, 256($k0)
	dmfc0 $t0, $14
	dmfc0 $t1, $13
	dmfc0 $t2, $8
	dmfc0 $t3, $12
	sd $t0, 264($k0)
	sd $t1, 272($k0)
	sd $t2, 280($k0)
	sd $t3, 288($k0)
	move $sp, $k0
	move $a0, $k0
	dla $t9, trap_handle
	jalr $t9
	nop
	move $k0, $sp
	ld $t0, 264($k0)
	ld $t3, 288($k0)
	dmtc0 $t3, $12
	ehb
	dmtc0 $t0, $14
	ehb
	ld $sp, 8 * 29($k0)
	GENERAL ld
	eret

/* If the instruction at \at faults, the kernel goes on at \to. */
	.macro FIXUP at, to
	.pushsection .fixups, "a", @progbits
	.quad \at, \to
	.popsection
	.endm

/* The accesses of probe.h: each answers whether it faulted. */
	.globl probe_read, probe_write, probe_exec
probe_read:
1:	lbu $t0, 0($a0)
	FIXUP 1b, probe_faulted_at
	sb $t0, 0($a1)
	jr $ra
	li $v0, 0
probe_write:
2:	sb $zero, 0($a0)
	FIXUP 2b, probe_faulted_at
	jr $ra
	li $v0, 0
probe_exec:
	daddiu $sp, $sp, -16
	sd $ra, 0($sp)
	jalr $a0
	nop
3:	ld $ra, 0($sp)
	FIXUP 3b, probe_exec_faulted /* the fault is at the target: found by its return address */
	daddiu $sp, $sp, 16
	jr $ra
	li $v0, 0
probe_exec_faulted:
	ld $ra, 0($sp)
	daddiu $sp, $sp, 16
probe_faulted_at:
	jr $ra
	li $v0, 1

/* bool probe_overflow(uintptr_t stack): stacks are not mapped here, so that nothing faults below one. */
	.globl probe_overflow
probe_overflow:
	jr $ra
	li $v0, 0

/* void user_enter(uintptr_t pc, uintptr_t argument, uintptr_t *sp): to user mode. Any exception comes back to
 * user_left, by way of trap_handle(). */
	.macro SAVED op
	\op $ra, 0($sp)
	\op $fp, 8($sp)
	\op $gp, 16($sp)
	.irp n, 16, 17, 18, 19, 20, 21, 22, 23
	\op $\n, 8 * (\n - 13)($sp)
	.endr
	.endm

	.globl user_enter, user_left
user_enter:
	daddiu $sp, $sp, -96
	SAVED sd
	di
	ehb
	sd $sp, 0($a2)
	mfc0 $t0, $12
	ori $t0, $t0, 0x13 /* user mode after eret, interrupts on */
	mtc0 $t0, $12
	ehb
	dmtc0 $a0, $14
	ehb
	eret
user_left:
	SAVED ld
	jr $ra
	daddiu $sp, $sp, 96

	.section .rodata
	.balign 16
	.globl machine_user
machine_user: /* for user mode: see machine.h */
	lbu $v0, 0($a1)
	syscall
	.balign 16
	sb $zero, 0($a1)
	syscall
	.balign 16
	syscall
	.balign 16

	.text
	.balign 8
	.globl machine_return, machine_victim
machine_return:
	jr $ra
	nop
machine_victim:
	.quad 0
