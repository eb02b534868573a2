/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts, and the accesses that are meant to fault. */

/* One entry point for each vector of traps.h; those where the CPU pushes no error code push a 0. */
	.text
	.altmacro
	.macro TRAP vector
	.balign 16
	.set coded, (\vector == 8) || (\vector >= 10 && \vector <= 14) || (\vector == 17)
	.set coded, coded || (\vector == 21) || (\vector == 29) || (\vector == 30)
	.if coded == 0
	pushl $0
	.endif
	pushl $\vector
	jmp trap_common
	.endm

	.balign 16
	.globl trap_entries
trap_entries: /* 16 bytes each */
	.set vector, 0
	.rept 48
	TRAP %vector
	.set vector, vector + 1
	.endr

/* ds, es and gs may be used in ring 3 too, so they stay as they are. */
trap_common:
	pushal
	cld
	pushl %esp
	call trap_handle
	addl $4, %esp
	popal
	addl $8, %esp /* vector and error code */
	iretl

	.macro FIXUP at, to
	.pushsection .fixups, "a", @progbits
	.long \at, \to
	.popsection
	.endm

/* The accesses of probe.h: each answers whether it faulted. */
	.globl probe_read, probe_write, probe_exec
probe_read:
	movl 4(%esp), %ecx
	movl 8(%esp), %edx
1:	movb (%ecx), %al
	FIXUP 1b, probe_faulted_at
	movb %al, (%edx)
	xorl %eax, %eax
	ret
probe_write:
	movl 4(%esp), %ecx
2:	movb $0, (%ecx)
	FIXUP 2b, probe_faulted_at
	xorl %eax, %eax
	ret
probe_exec:
	call *4(%esp)
3:	xorl %eax, %eax
	FIXUP 3b, probe_exec_faulted /* the fault is at the target: found by its return address, */
	ret
probe_exec_faulted: /* which is still there */
	addl $4, %esp
probe_faulted_at:
	movl $1, %eax
	ret

/* bool probe_overflow(uintptr_t stack): a double fault would need a task of its own, which is not here. */
	.globl probe_overflow
probe_overflow:
	xorl %eax, %eax
	ret

/* void user_enter(uintptr_t pc, uintptr_t argument, uintptr_t *sp): to ring 3, without a stack there. Any trap
 * comes back to user_left, by way of trap_handle(). */
	.globl user_enter, user_left
user_enter:
	movl 4(%esp), %eax
	movl 8(%esp), %ecx
	movl 12(%esp), %edx
	pushfl
	pushl %ebx
	pushl %ebp
	pushl %esi
	pushl %edi
	movl %esp, (%edx)
	pushl $0x23 /* data, ring 3 */
	pushl $0
	pushl $0x202 /* interrupts on */
	pushl $0x1b /* code, ring 3 */
	pushl %eax
	iretl
user_left: /* traps.c has loaded the stack pointer by way of ESI */
	movl %esi, %esp
	popl %edi
	popl %esi
	popl %ebp
	popl %ebx
	popfl
	ret

	.section .rodata
	.balign 16
	.globl machine_user
machine_user: /* for user mode: see machine.h */
	movb (%ecx), %al
	ud2
	.balign 16, 0xcc
	movb $0, (%ecx)
	ud2
	.balign 16, 0xcc
	ud2
	.balign 16, 0xcc

	.text
	.balign 8
	.globl machine_return, machine_victim
machine_return:
	ret
	.balign 8, 0xcc
machine_victim:
	.quad 0xcccccccccccccccc

	.section .note.GNU-stack, "", @progbits
