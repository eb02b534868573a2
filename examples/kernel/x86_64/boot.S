/* SPDX-License-Identifier: MIT */
/* From the loader to C.
 *
 * PVH (Xen, boot/x86 "HVM direct boot"; QEMU's -kernel speaks it) and Multiboot 1 and 2 (GRUB) all
 * begin alike: 32-bit protected mode, paging off, flat segments, EBX = physical address of what the
 * loader tells. EAX says which Multiboot it is; PVH leaves it undefined. This code
 *   1. builds boot tables: the first 4 GiB in 2 MiB pages, visible at 0 for the jump, at
 *      MACHINE_DIRECT_MAP for good, and their first GiB at MACHINE_IMAGE_OFFSET for the image;
 *   2. switches to long mode with no-execute and write protection on, with five levels if the command
 *      line (of PVH only) has the word la57 and the CPU has them;
 *   3. jumps to the high addresses that the rest of the kernel is linked for.
 * The tables hold only what C needs until it has built its own.
 *
 * Other CPUs (Intel SDM volume 3A, "Multiple-Processor Management"): real mode, at the page that
 * the start-up interrupt names. apic.c copies the trampoline there, with what the CPU is to begin
 * with. It goes through the boot tables too. */
#include "layout.h"

#define ENTRY_TABLE 0x003 /* present, writable */
#define ENTRY_LARGE 0x083 /* the same, a page of 2 MiB */
#define PML4_INDEX(va) (((va) >> 39) & 511)
#define PDPT_INDEX(va) (((va) >> 30) & 511)

#define CR4_PAE  0x020
#define CR4_PGE  0x080
#define CR4_LA57 0x1000
#define PVH_MAGIC   0x336ec578
#define PVH_CMDLINE 24
#define PHYSICAL(symbol) (symbol - MACHINE_IMAGE_OFFSET)
#define MSR_EFER 0xc0000080
#define EFER_LME 0x100
#define EFER_NXE 0x800
#define CR0_BITS 0x80010031 /* PG, WP, NE, ET, PE */

	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 8, 18 /* length of name and value; XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.quad boot_entry

/* Multiboot2 Specification 2.0, section 3.1. The header of version 1 is in multiboot.S. */
	.section .multiboot2, "a", @progbits
	.balign 8
multiboot2:
	.long 0xe85250d6, 0, multiboot2_end - multiboot2 /* magic, i386, length; sum to zero: */
	.long -(0xe85250d6 + (multiboot2_end - multiboot2))
	.word 6, 0 /* modules on pages */
	.long 8
	.word 0, 0 /* end */
	.long 8
multiboot2_end:

	.section .boot, "ax", @progbits
	.code32
	.globl boot_entry
boot_entry:
	cld
	movl %eax, %ebp
	movl $boot_pd, %edi
	movl $ENTRY_LARGE, %eax
1:	movl %eax, (%edi) /* upper halves are zero: the loader cleared them */
	addl $8, %edi
	addl $0x200000, %eax
	jnc 1b /* until 4 GiB */

	movl $(boot_pd + ENTRY_TABLE), %eax
	movl $boot_pdpt, %edi
	movl $4, %ecx
2:	movl %eax, (%edi)
	addl $8, %edi
	addl $4096, %eax
	loop 2b

	movl $(boot_pd + ENTRY_TABLE), boot_pdpt_image + 8 * PDPT_INDEX(MACHINE_IMAGE_OFFSET)
	movl $(boot_pdpt + ENTRY_TABLE), boot_pml4
	movl $(boot_pdpt + ENTRY_TABLE), boot_pml4 + 8 * PML4_INDEX(MACHINE_DIRECT_MAP)
	movl $(boot_pdpt_image + ENTRY_TABLE), boot_pml4 + 8 * PML4_INDEX(MACHINE_IMAGE_OFFSET)

	movl $(boot_pml4 + ENTRY_TABLE), boot_pml5 /* a fifth level changes no address */
	movl $(boot_pml4 + ENTRY_TABLE), boot_pml5 + 8 * 511

	movl $(CR4_PAE | CR4_PGE), %edx
	movl $boot_pml4, %edi
	cmpl $PVH_MAGIC, (%ebx)
	jne 5f
	movl PVH_CMDLINE(%ebx), %esi
	testl %esi, %esi
	jz 5f
4:	cmpb $0, (%esi)
	je 5f
	cmpl $0x3735616c, (%esi) /* "la57" */
	je 6f
	incl %esi
	jmp 4b
6:	movl %ebx, %esp /* there is no stack yet */
	xorl %eax, %eax
	cpuid
	movl %eax, %ecx
	movl $7, %eax
	cmpl %eax, %ecx
	movl $0, %ecx
	jb 7f
	cpuid
7:	movl %esp, %ebx /* without leaf 7 ECX is 0 */
	movl $(CR4_PAE | CR4_PGE), %edx
	btl $16, %ecx
	jnc 5f
	orl $CR4_LA57, %edx
	movl $boot_pml5, %edi
	movl $1, PHYSICAL(machine_five_levels)
5:	movl %edx, PHYSICAL(boot_cr4)
	movl %edi, PHYSICAL(boot_root)
	movl %edx, %cr4
	movl %edi, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	orl $(EFER_LME | EFER_NXE), %eax
	wrmsr
	movl $CR0_BITS, %eax
	movl %eax, %cr0
	lgdt boot_gdt_pointer
	ljmp $8, $3f

	.code64
3:	movabsq $boot_high, %rax
	jmp *%rax

	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff /* code, 64 bits, ring 0 */
boot_gdt_end:
boot_gdt_pointer:
	.word boot_gdt_end - boot_gdt - 1
	.long boot_gdt

	.section .boot.bss, "aw", @nobits
	.balign 4096
boot_pml5:	.skip 4096
boot_pml4:	.skip 4096
boot_pdpt:	.skip 4096
boot_pdpt_image: .skip 4096
boot_pd:	.skip 4 * 4096

	.data
	.balign 8
	.globl boot_registers, machine_five_levels
boot_registers:
boot_cr4:	.long 0
boot_root:	.long 0
machine_five_levels: .long 0

	.section .rodata
	.code16
	.globl trampoline, trampoline_start, trampoline_end
trampoline:
	cli
	cld
	xorw %ax, %ax
	movw %ax, %ds
	lgdtl TRAMPOLINE + (trampoline_gdt_pointer - trampoline)
	movl TRAMPOLINE + (trampoline_cr4 - trampoline), %eax
	movl %eax, %cr4
	movl TRAMPOLINE + (trampoline_root - trampoline), %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	orl $(EFER_LME | EFER_NXE), %eax
	wrmsr
	movl $CR0_BITS, %eax /* protected mode and paging at once: long mode */
	movl %eax, %cr0
	ljmpl $8, $(TRAMPOLINE + (4f - trampoline))

	.code64
4:	movabsq $secondary_high, %rax
	jmp *%rax
	.balign 8
trampoline_start: /* struct machine_start */
	.skip 24
trampoline_cr4: /* boot_registers */
	.long 0
trampoline_root:
	.long 0
trampoline_gdt_pointer:
	.word boot_gdt_end - boot_gdt - 1
	.long boot_gdt
trampoline_end:

	.text
secondary_high:
	xorl %eax, %eax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movw %ax, %fs
	movw %ax, %gs
	movq $(TRAMPOLINE + (trampoline_start - trampoline)), %rbx
	movq 8(%rbx), %rsp
	movq 16(%rbx), %rdi
	movq (%rbx), %rax
	movq %rax, %cr3 /* the low addresses end here */
	xorl %ebp, %ebp
	call smp_cpu_main
	ud2

boot_high:
	xorl %eax, %eax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movw %ax, %fs
	movw %ax, %gs
	movq $image_end, %rsp
	shlq $32, %rbp /* what EAX held */
	movl %ebx, %edi
	orq %rbp, %rdi
	xorl %ebp, %ebp
	call kernel_main
	ud2

	.section .note.GNU-stack, "", @progbits
