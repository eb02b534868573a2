/* SPDX-License-Identifier: MIT */
/* From QEMU's -kernel (PVH: 32-bit protected mode, paging off, EBX = start info) to C in long mode, with
 * the first GiB mapped where it is. */
	.section .note.Xen, "a", @note
	.long 4, 8, 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.quad start

	.section .text
	.code32
	.globl start
start:
	cld
	movl $pd, %edi
	movl $0x83, %eax /* present, writable, 2 MiB */
1:	movl %eax, (%edi)
	addl $8, %edi
	addl $0x200000, %eax
	cmpl $0x40000083, %eax
	jne 1b
	movl $pd + 3, pdpt
	movl $pdpt + 3, pml4
	movl $0x20, %eax /* PAE */
	movl %eax, %cr4
	movl $pml4, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x900, %eax /* EFER: long mode, and no-execute, which page tables of mmlib use */
	wrmsr
	movl $0x80010001, %eax /* paging, write protection, protected mode */
	movl %eax, %cr0
	lgdt gdt_pointer
	ljmp $8, $long_mode
	.code64
long_mode:
	xorl %eax, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl $stack_end, %esp
	movl %ebx, %edi
	call kernel_main
2:	hlt
	jmp 2b

	.section .rodata
	.balign 8
gdt:	.quad 0, 0x00af9b000000ffff
gdt_pointer:
	.word . - gdt - 1
	.long gdt

	.bss
	.balign 4096
pml4:	.skip 4096
pdpt:	.skip 4096
pd:	.skip 4096
	.skip 16384
stack_end:
	.section .note.GNU-stack, "", @progbits
