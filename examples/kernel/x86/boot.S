/* SPDX-License-Identifier: MIT */
/* From the loader to C, with 32 bits.
 *
 * PVH begins in 32-bit protected mode, paging off, flat segments, EBX = physical address of what the loader
 * tells. The image is linked where it is loaded, so C begins with paging off; it goes on with the kernel's own
 * tables. Other CPUs begin in real mode at the trampoline, which apic.c copies. Segments are flat; gs is loaded in
 * machine_cpu_init(). */
#include "layout.h"

#define MSR_EFER    0xc0000080
#define EFER_NXE    0x800
#define CR4_PSE     0x010 /* pages of 4 MiB */
#define CR4_PAE     0x020
#define CR4_PGE     0x080
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
	movl $image_end, %esp
	pushl %ebx
	pushl $0 /* nobody to return to */
	jmp kernel_main

	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00cf9b000000ffff /* code, ring 0 */
	.quad 0x00cf93000000ffff /* data, ring 0 */
boot_gdt_end:
boot_gdt_pointer:
	.word boot_gdt_end - boot_gdt - 1
	.long boot_gdt

/* Other CPUs, with what their struct machine_start says. Their stack is only there with paging on. */
secondary_boot:
	movl $DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl $(TRAMPOLINE + (trampoline_start - trampoline)), %ebx
	movl (%ebx), %eax
	movl 8(%ebx), %esp
	movl 12(%ebx), %ebx
	movl $secondary_high, %ebp
	jmp paging_on

	.data
	.balign 8
	.globl boot_registers
boot_registers: /* for the trampoline of apic.c: not used here */
	.long 0, 0
	.globl machine_two_levels
machine_two_levels: /* 32-bit paging, without PAE */
	.long 0

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
	pushl %ebx
	pushl $0
	jmp smp_cpu_main

/* void machine_switch_tables(mm_paddr_t root): paging on. */
	.globl machine_switch_tables
machine_switch_tables:
	pushl %ebp
	movl 8(%esp), %eax
	movl $1f, %ebp
	jmp paging_on
1:	popl %ebp
	ret

/* From no paging to the tables at EAX, then to EBP; uses no stack. Without PAE there is no no-execute. */
paging_on:
	movl %eax, %cr3
	movl $(CR4_PGE | CR4_PSE), %edx
	cmpl $0, machine_two_levels
	jne 2f
	movl $MSR_EFER, %ecx
	rdmsr
	orl $EFER_NXE, %eax
	wrmsr
	movl $(CR4_PGE | CR4_PAE), %edx
2:	movl %edx, %cr4
	movl $CR0_BITS, %eax
	movl %eax, %cr0
	jmp *%ebp

	.section .note.GNU-stack, "", @progbits
