/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts, and the accesses that are meant to fault. */

/* What is in section .entry is mapped in second roots, too, as is struct machine_cpu, which gs points to. */
#define KERNEL_ROOT 16
#define SECOND_ROOT 24
#define ENTRY_STACK 32

/* One entry point for each vector of traps.h; those where the CPU pushes no error code push a 0, so
 * that all frames look like struct trap_frame. */
	.section .entry, "ax", @progbits
	.altmacro
	.macro TRAP vector
	.balign 16
	.set coded, (\vector == 8) || (\vector >= 10 && \vector <= 14) || (\vector == 17)
	.set coded, coded || (\vector == 21) || (\vector == 29) || (\vector == 30)
	.if coded == 0
	pushq $0
	.endif
	pushq $\vector
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

trap_common:
	pushq %rax
	pushq %rbx
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %rbp
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	cld
	movq %cr3, %rax
	pushq %rax
	pushq %rax /* keeps the stack aligned */
	cmpq %gs:SECOND_ROOT, %rax
	jne 1f
	movq %gs:KERNEL_ROOT, %rcx
	movq %rcx, %cr3
1:	movq %rsp, %rdi
	call trap_handle
	popq %rax
	popq %rcx
	movq %cr3, %rcx
	cmpq %rcx, %rax
	je 2f
	movq %rax, %cr3
2:	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rbp
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %rbx
	popq %rax
	addq $16, %rsp /* vector and error code */
	iretq

/* If an access to memory at @at faults, the kernel goes on at @to. */
	.macro FIXUP at, to
	.pushsection .fixups, "a", @progbits
	.quad \at, \to
	.popsection
	.endm

/* unsigned probe_second(const void *va, unsigned access): an access by the kernel, on the second root and a stack
 * that it has. Interrupts off. What was read, or 256 if it faulted. */
	.globl probe_second
probe_second:
	pushq %rbx
	pushq %rbp
	movq %rsp, %rbp
	movq %cr3, %rbx
	movq %gs:ENTRY_STACK, %rsp
	movq %gs:SECOND_ROOT, %rax
	movq %rax, %cr3
	movl $256, %eax
	cmpl $1, %esi
	je 4f
	ja 5f
3:	movb (%rdi), %cl
	FIXUP 3b, probe_second_faulted
	movzbl %cl, %eax
	jmp probe_second_faulted
4:	movb $0, (%rdi)
	FIXUP 4b, probe_second_faulted
	xorl %eax, %eax
	jmp probe_second_faulted
5:	call *%rdi
6:	xorl %eax, %eax
	FIXUP 6b, probe_second_faulted /* the fault is at the target */
probe_second_faulted:
	movq %rbx, %cr3
	movq %rbp, %rsp
	popq %rbp
	popq %rbx
	ret

/* void user_enter(uintptr_t pc, uintptr_t argument, uintptr_t *sp): to ring 3, without a stack there, on the second
 * root if there is one. Any trap comes back to user_left, by way of trap_handle(). */
	.globl user_enter
user_enter:
	pushfq
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdx)
	cli
	movq %gs:ENTRY_STACK, %rsp
	pushq $0x23 /* data, ring 3 */
	pushq $0
	pushq $0x202 /* interrupts on */
	pushq $0x2b /* code, ring 3 */
	pushq %rdi
	movq %gs:SECOND_ROOT, %rax
	testq %rax, %rax
	jz 7f
	movq %rax, %cr3
7:	iretq

	.text
/* The accesses of probe.h: each answers whether it faulted. */
	.globl probe_read, probe_write, probe_exec
probe_read:
1:	movb (%rdi), %al
	FIXUP 1b, probe_faulted
	movb %al, (%rsi)
	xorl %eax, %eax
	ret
probe_write:
2:	movb $0, (%rdi)
	FIXUP 2b, probe_faulted
	xorl %eax, %eax
	ret
probe_exec:
	subq $8, %rsp
	call *%rdi
3:	addq $8, %rsp
	FIXUP 3b, probe_exec_faulted /* the fault is at the target: found by its return address */
	xorl %eax, %eax
	ret
probe_exec_faulted:
	addq $8, %rsp
probe_faulted:
	movl $1, %eax
	ret

/* bool probe_overflow(uintptr_t stack): push to the guard page below the stack. There is
 * no room for the page fault's frame either, so the CPU raises a double fault, which has a stack of
 * its own. trap_handle() comes back to probe_overflow_done with the old stack, from
 * machine_cpu.overflow_rsp, which gs:8 is. */
	.globl probe_overflow, probe_overflow_done
probe_overflow:
	movq %rsp, %gs:8
	movq %rdi, %rsp
	pushq $0
	movq %gs:8, %rsp
	movq $0, %gs:8
	xorl %eax, %eax
	ret
probe_overflow_done:
	movl $1, %eax
	ret

	.globl user_left
user_left: /* of user_enter */
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	popfq
	ret

	.section .rodata
	.balign 16
	.globl machine_user
machine_user: /* for user mode: see machine.h */
	movb (%rsi), %al
	ud2
	.balign 16, 0xcc
	movb $0, (%rsi)
	ud2
	.balign 16, 0xcc
	ud2
	.balign 16, 0xcc
	.balign 32, 0xcc
	.globl machine_user_wait
machine_user_wait: /* the same */
	movb $1, 1(%rsi)
8:	movb (%rsi), %al
	testb %al, %al
	jz 8b
	ud2
	.balign 32, 0xcc

	.text
	.balign 8
	.globl machine_return, machine_victim
machine_return:
	ret
	.balign 8, 0xcc
machine_victim:
	.quad 0xcccccccccccccccc

	.section .note.GNU-stack, "", @progbits
