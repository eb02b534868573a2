/* SPDX-License-Identifier: MIT */
/* From the loader to C.
 *
 * QEMU starts an ELF kernel at its entry, in EL1, or in EL2 with virtualization=on, MMU off, with the
 * device tree at the start of RAM. This code
 *   1. builds boot tables: the first 4 GiB in blocks of 1 GiB, visible at 0 for the jump, by itself, and by mmlib
 *      (first.c) at MACHINE_DIRECT_MAP for good, and the image at MACHINE_IMAGE_OFFSET;
 *   2. turns on MMU and caches: up to there memory is Device memory, without atomics;
 *   3. jumps to the high addresses that the rest of the kernel is linked for.
 * The tables hold only what C needs until it has built its own.
 *
 * Stacks: threads use SP_EL0 (SPSel is 0), exceptions SP_EL1: a stack that is used up can still be
 * reported. Boot entries belong to address space 0, the kernel's own to all: no TLB ever holds two
 * that match. Other CPUs begin at secondary_start, as PSCI CPU_ON was told, and go the same way. */
#include "layout.h"

#define DEVICE_BLOCK (0x0060000000000c01 | BOOT_ATTR_DEVICE << 2) /* nG, AF, no execution */
#define MEMORY_BLOCK (0x0000000000000f01 | BOOT_ATTR_MEMORY << 2) /* nG, AF, inner shareable */
#define TABLE        3
#define GIB          0x40000000

/* Both halves: 48 bits, 4 KiB, tables in cached memory. */
#define TCR_BITS   0xb5103510
#define TCR_EPD0   0x80
/* With LPA2, where descriptors are others, so for both halves: DS, 52 bits of physical address and of the high
 * half; 39 bits of the low half, whose root is one of level 1. These bits are cleared first. */
#define TCR_LPA2       0x0800000600000019 | 12 << 16
#define TCR_LPA2_CLEAR 0x00000007003f003f
#define SH_BITS        0x300 /* with LPA2 they belong to the address, and TCR says how memory is shared */
#define SCTLR_BITS 0x1005 /* I, C, M */
#define SCTLR_A    2      /* accesses that are not aligned fault, as they do anyway while the MMU is off */

	.section .boot, "ax", %progbits
	.globl _start, secondary_start
_start:
	bl level_start
	adrp x1, boot_l1
	ldr x2, =DEVICE_BLOCK
	str x2, [x1]
	ldr x2, =(MEMORY_BLOCK + GIB)
	mov x3, #GIB
	str x2, [x1, #8]
	add x2, x2, x3
	str x2, [x1, #16]
	add x2, x2, x3
	str x2, [x1, #24]

	adrp x4, boot_l1_lpa2
	ldr x2, =(MEMORY_BLOCK - SH_BITS + GIB)
	str x2, [x4, #8]

	orr x1, x1, #TABLE
	adrp x2, boot_l0_low
	str x1, [x2]

	mrs x1, sctlr_el1
	orr x1, x1, #SCTLR_A
	msr sctlr_el1, x1
	isb
	ldr x2, =MACHINE_IMAGE_OFFSET
	ldr x1, =image_end
	sub x1, x1, x2
	mov sp, x1
	ldr x1, =machine_first_tables
	sub x1, x1, x2
	blr x1
1:	cbz x0, 1b /* an error, and no console yet */
	adrp x1, boot_root
	str x0, [x1, #:lo12:boot_root]
	adr x30, 2f
	b mmu_on
2:	ldr x1, =boot_high
	br x1

secondary_start: /* x0 is what CPU_ON was given: a struct machine_start */
	bl level_start
	adr x30, 3f
	b mmu_on
3:	ldr x1, =secondary_high
	br x1

/* At EL1 there is nothing to do. At EL2 this kernel is a host, so what follows is the same there: EL1's names are
 * those of EL2's registers, and SCTLR is as at EL1. Guests are to have nothing in the TLB. */
level_start:
	mrs x1, CurrentEL
	cmp x1, #(1 << 2)
	b.eq 8f
	ldr x1, =MACHINE_HCR
	msr hcr_el2, x1
	isb
	mrs x2, hcr_el2
	cmp x1, x2
7:	b.ne 7b /* a CPU without FEAT_VHE: not for this kernel */
	mrs x1, s3_5_c1_c0_0 /* SCTLR_EL12 */
	msr sctlr_el2, x1
	tlbi alle1
	dsb nsh
	isb
8:	ret

mmu_on:
	msr daifset, #15
	msr spsel, #0
	dsb sy
	adrp x1, boot_l0_low
	msr ttbr0_el1, x1
	adrp x1, boot_root
	ldr x1, [x1, #:lo12:boot_root]
	msr ttbr1_el1, x1
	ldr x1, =BOOT_MAIR
	msr mair_el1, x1
	ldr x1, =TCR_BITS
	mrs x2, id_aa64mmfr0_el1
	and x2, x2, #15 /* how many bits physical addresses have, */
	mov x3, #5      /* 48 at most with 4 KiB pages */
	cmp x2, x3
	csel x2, x2, x3, lo
	orr x1, x1, x2, lsl #32
	msr tcr_el1, x1
	isb
	tlbi vmalle1
	dsb nsh
	isb
	mrs x1, sctlr_el1
	ldr x2, =SCTLR_BITS
	orr x1, x1, x2
	msr sctlr_el1, x1
	isb
	ret
	.ltorg

	.section .boot.bss, "aw", %nobits
	.balign 4096
boot_l0_low:   .skip 4096
boot_l1:       .skip 4096
boot_l1_lpa2:  .skip 4096 /* the low half, between the boot tables and the kernel's own with LPA2 */
boot_root:     .skip 8    /* of the high half */

	.text
boot_high:
	ldr x1, =image_end
	mov sp, x1
	mov x29, #0
	mov x30, #0
	mov x0, #GIB /* the device tree */
	bl kernel_main
4:	b 4b

secondary_high:
	ldp x19, x2, [x0]
	ldr x20, [x0, #16]
	mov sp, x2
	mov x0, x19
	bl machine_switch_tables /* uses no stack: it is only below */
	mov x29, #0
	mov x30, #0
	mov x0, x20
	bl smp_cpu_main
5:	b 5b

/* void machine_switch_tables(mm_paddr_t root): to address space 1, and no low half from here on. */
	.globl machine_switch_tables
machine_switch_tables:
	ldr x1, =machine_lpa2
	ldr w1, [x1]
	cbnz w1, lpa2_on
switch_tables:
	mov x1, #(1 << 48)
	msr ttbr0_el1, x1
	msr ttbr1_el1, x0
	mrs x1, tcr_el1
	orr x1, x1, #TCR_EPD0
	msr tcr_el1, x1
	isb
	tlbi vmalle1
	dsb nsh
	isb
	ret

/* What descriptors mean changes with the MMU off, so this goes on in the low half. */
lpa2_on:
	ldr x1, =boot_l1_lpa2
	ldr x2, =(TCR_LPA2_CLEAR)
	ldr x3, =(TCR_LPA2)
	adr x4, switch_tables
	ldr x5, =MACHINE_IMAGE_OFFSET
	adr x6, 6f
	sub x6, x6, x5
	br x6
6:	mrs x5, sctlr_el1
	bic x6, x5, #1
	msr sctlr_el1, x6
	isb
	msr ttbr0_el1, x1
	msr ttbr1_el1, x0
	mrs x6, tcr_el1
	bic x6, x6, x2
	orr x6, x6, x3
	msr tcr_el1, x6
	isb
	tlbi vmalle1
	dsb nsh
	isb
	msr sctlr_el1, x5
	isb
	br x4
	.ltorg
