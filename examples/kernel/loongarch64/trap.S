/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts but for TLB refill (refill.S), and the accesses that are meant to fault. Handlers run with
 * interrupts off, and nothing in them needs the TLB. What comes from user mode uses the stack of who went there. */
#include "cpu.h"
#include "layout.h"

#define FRAME 304 /* struct trap_frame, and 16 */

	.text
	.macro GENERAL op /* all registers but 0, 3, 12 */
	.irp n, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	\op $r\n, $sp, 8 * \n
	.endr
	.endm

	.balign 4096
	.globl trap_entry
trap_entry:
	csrwr $t0, CSR_SAVE0
	csrwr $sp, CSR_SAVE1
	csrrd $t0, CSR_PRMD
	andi $t0, $t0, PLV_USER
	csrrd $sp, CSR_SAVE1
	beqz $t0, 1f
	csrrd $sp, CSR_SAVE3
	ld.d $sp, $sp, CPU_USER_SP
1:	addi.d $sp, $sp, -FRAME
	GENERAL st.d
	csrrd $t0, CSR_SAVE0
	st.d $t0, $sp, 8 * 12
	csrrd $t0, CSR_SAVE1
	st.d $t0, $sp, 8 * 3
	csrrd $t0, CSR_ERA
	st.d $t0, $sp, 256
	csrrd $t0, CSR_PRMD
	st.d $t0, $sp, 264
	csrrd $t0, CSR_ESTAT
	st.d $t0, $sp, 272
	csrrd $t0, CSR_BADV
	st.d $t0, $sp, 280
	move $a0, $sp
	bl trap_handle
	ld.d $t0, $sp, 256
	csrwr $t0, CSR_ERA
	ld.d $t0, $sp, 264
	csrwr $t0, CSR_PRMD
	GENERAL ld.d
	ld.d $t0, $sp, 8 * 12
	ld.d $sp, $sp, 8 * 3
	ertn

/* If the instruction at \at faults, the kernel goes on at \to. */
	.macro FIXUP at, to
	.pushsection .fixups, "a", @progbits
	.dword \at, \to
	.popsection
	.endm

/* The accesses of probe.h: each answers whether it faulted. fetch.c decides what is called. */
	.globl probe_read, probe_write, fetch_call
probe_read:
1:	ld.b $t0, $a0, 0
	FIXUP 1b, probe_faulted_at
	st.b $t0, $a1, 0
	move $a0, $zero
	ret
probe_write:
2:	st.b $zero, $a0, 0
	FIXUP 2b, probe_faulted_at
	move $a0, $zero
	ret
fetch_call:
	addi.d $sp, $sp, -16
	st.d $ra, $sp, 0
	jirl $ra, $a0, 0
3:	ld.d $ra, $sp, 0
	FIXUP 3b, fetch_faulted /* the fault is at the target: found by its return address */
	addi.d $sp, $sp, 16
	move $a0, $zero
	ret
fetch_faulted:
	ld.d $ra, $sp, 0
	addi.d $sp, $sp, 16
probe_faulted_at:
	li.w $a0, 1
	ret

/* bool probe_overflow(uintptr_t stack): stacks are not mapped here, so that nothing faults below one. */
	.globl probe_overflow
probe_overflow:
	move $a0, $zero
	ret

/* void fetch_user(uintptr_t pc, uintptr_t argument, uintptr_t *sp): to user mode. Any exception comes back to
 * user_left, by way of trap_handle(). */
	.macro SAVED op
	\op $ra, $sp, 0
	\op $tp, $sp, 8
	\op $r21, $sp, 16
	.irp n, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	\op $r\n, $sp, 8 * (\n - 19)
	.endr
	.endm

	.globl fetch_user, user_left
fetch_user:
	addi.d $sp, $sp, -112
	SAVED st.d
	li.w $t0, CRMD_IE
	csrxchg $zero, $t0, CSR_CRMD
	st.d $sp, $a2, 0
	li.w $t0, CRMD_IE + PLV_USER
	csrxchg $t0, $t0, CSR_PRMD
	csrwr $a0, CSR_ERA
	ertn
user_left:
	SAVED ld.d
	addi.d $sp, $sp, 112
	ret

	.section .rodata
	.balign 16
	.globl machine_user
machine_user: /* for user mode: see machine.h */
	ld.b $a0, $a1, 0
	syscall 0
	.balign 16
	st.b $zero, $a1, 0
	syscall 0
	.balign 16
	syscall 0
	.balign 16

	.text
	.balign 8
	.globl machine_return, machine_victim
machine_return:
	ret
	nop
machine_victim:
	.dword 0
