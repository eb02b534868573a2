/* SPDX-License-Identifier: MIT */
/* Into a guest, out of it for a moment, and for good: guest.c. */

#define VMCB_RIP 0x578
#define VMCB_RSP 0x5d8

	.text
/* void guest_enter(uint64_t vmcb_pa, struct vmcb *vmcb, uintptr_t stack_end): return as a guest. What is not
 * in a VMCB stays in registers. The host has the other stack, where the first two arguments lie. Interrupts
 * off. */
	.globl guest_enter
guest_enter:
	leaq 3f(%rip), %rax
	movq %rax, VMCB_RIP(%rsi)
	movq %rsp, VMCB_RSP(%rsi)
	movq %rdx, %rsp
	pushq %rsi
	pushq %rdi
1:	movq (%rsp), %rax
	vmrun %rax
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
	movq 120(%rsp), %rdi
	movq %rsp, %rsi
	call guest_exit
	testb %al, %al /* does it go on? The flags stay until jnz */
	popq %r15
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
	jnz 1b
	stgi
	movq 8(%rsp), %rax
	movq VMCB_RSP(%rax), %rsp
	jmpq *VMCB_RIP(%rax)
3:	ret

/* void guest_call(enum guest_call call, uint64_t root, unsigned asid): ask the host of this guest. */
	.globl guest_call
guest_call:
	vmmcall
	ret

	.section .note.GNU-stack, "", @progbits
