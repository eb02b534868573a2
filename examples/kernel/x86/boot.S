/* SPDX-License-Identifier: MIT */
/* From the loader to C, with 32 bits.
 *
 * PVH begins in 32-bit protected mode, paging off, flat segments, EBX = physical address of what the loader
 * tells. Boot tables have the first 4 GiB where they are, in pages of 2 MiB; then paging goes on, with PAE,
 * no-execute and write protection. Other CPUs begin in real mode at the trampoline, which apic.c copies, and go
 * through the boot tables too. Their segments are flat; gs is loaded in machine_cpu_init(). */
#include "layout.h"

#define ENTRY_ROOT  0x001 /* present: a root entry has no other rights */
#define ENTRY_LARGE 0x083 /* present, writable, a page of 2 MiB */
#define CR4_BITS    0x0a0 /* PAE, PGE */
#define MSR_EFER    0xc0000080
#define EFER_NXE    0x800
#define CR0_BITS    0x80010031 /* PG, WP, NE, ET, PE */
#define CODE 0x08
#define DATA 0x10

	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 4, 18 /* length of name and value; XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long boot_entry

	.section .boot, "ax", @progbits
	.globl boot_entry
boot_entry:
	cld
	movl $boot_pd, %edi
	movl $ENTRY_LARGE, %eax
1:	movl %eax, (%edi) /* upper halves are zero: the loader cleared them */
	addl $8, %edi
	addl $0x200000, %eax
	jnc 1b /* until 4 GiB */

	movl $(boot_pd + ENTRY_ROOT), %eax
	movl $boot_root, %edi
	movl $4, %ecx
2:	movl %eax, (%edi)
	addl $8, %edi
	addl $4096, %eax
	loop 2b

	lgdt boot_gdt_pointer
	ljmp $CODE, $3f
3:	movl $image_end, %esp
	movl $4f, %ebp
	jmp paging_on
4:	pushl %ebx
	pushl $0 /* nobody to return to */
	jmp kernel_main

/* Segments and paging on, then to EBP. */
paging_on:
	movl $DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	movl $CR4_BITS, %eax
	movl %eax, %cr4
	movl $boot_root, %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	orl $EFER_NXE, %eax
	wrmsr
	movl $CR0_BITS, %eax
	movl %eax, %cr0
	jmp *%ebp

	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00cf9b000000ffff /* code, ring 0 */
	.quad 0x00cf93000000ffff /* data, ring 0 */
boot_gdt_end:
boot_gdt_pointer:
	.word boot_gdt_end - boot_gdt - 1
	.long boot_gdt

/* Other CPUs, on the boot tables, with what their struct machine_start says. */
secondary_boot:
	movl $5f, %ebp
	jmp paging_on
5:	movl $(TRAMPOLINE + (trampoline_start - trampoline)), %ebx
	movl (%ebx), %eax
	movl 8(%ebx), %esp
	movl 12(%ebx), %edx
	jmp secondary_high

	.section .boot.bss, "aw", @nobits
	.balign 4096
boot_pd:   .skip 4 * 4096
boot_root: .skip 32

	.data
	.balign 8
	.globl boot_registers
boot_registers: /* for the trampoline of apic.c: not used here */
	.long 0, 0

	.section .rodata
	.code16
	.globl trampoline, trampoline_start, trampoline_end
trampoline:
	cli
	cld
	xorw %ax, %ax
	movw %ax, %ds
	lgdtl TRAMPOLINE + (trampoline_gdt_pointer - trampoline)
	movl $0x11, %eax /* ET, PE */
	movl %eax, %cr0
	ljmpl $CODE, $secondary_boot
	.balign 8
trampoline_start: /* struct machine_start, boot_registers */
	.skip 16 + 8
trampoline_gdt_pointer:
	.word boot_gdt_end - boot_gdt - 1
	.long boot_gdt
trampoline_end:
	.code32

	.text
secondary_high:
	movl %eax, %cr3
	pushl %edx
	pushl $0
	jmp smp_cpu_main

	.section .note.GNU-stack, "", @progbits
