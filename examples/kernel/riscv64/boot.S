/* SPDX-License-Identifier: MIT */
/* From the loader to C.
 *
 * The firmware (SBI) starts one hart in S-mode, paging off, a0 = number of the hart, a1 = physical
 * address of the device tree. QEMU makes it jump to the lowest address that is loaded, so _start is
 * the first thing in the image. This code
 *   1. builds boot tables: the first 4 GiB in pages of 1 GiB, visible at 0 for the jump and at
 *      MACHINE_DIRECT_MAP for good, and the GiB of the image at MACHINE_IMAGE_OFFSET. One table is
 *      the root for Sv39; for Sv48 it is the table below both ends of the root;
 *   2. turns paging on: Sv48 if the hart has it, else Sv39;
 *   3. jumps to the high addresses that the rest of the kernel is linked for.
 * The tables hold only what C needs until it has built its own.
 *
 * Other harts begin here, too, and go the same way; machine_starting tells them what they are. It
 * has to, whatever HSM hart_start is told: OpenSBI 1.1 writes down that a hart is to start before
 * it writes down where, so one that looks in between goes where the first one went, with the first
 * one's a1. (Seen once in some twenty boots of a busy emulator.) That they write the boot tables
 * once more changes nothing: the same words. */
#include "layout.h"

#define GIB_PAGE   0xcf /* dirty, accessed, executable, writable, readable, valid */
#define GIB_STEP   0x10000000 /* 1 GiB in an entry */
#define TABLE      1
#define IMAGE_GIB  2 /* where the image is loaded */
#define INDEX(va)  (((va) >> 30) & 511)
#define SATP_SV39  8
#define SATP_SV48  9
#define SATP_SHIFT 60

	.section .boot, "ax", @progbits
	.globl _start
_start:
	csrw sie, zero
	mv s0, a0
	mv s1, a1
	la t0, boot_root39
	li t1, 8 * INDEX(MACHINE_DIRECT_MAP)
	add t1, t0, t1
	li t2, GIB_PAGE
	li t3, GIB_STEP
	li t4, 4
1:	sd t2, 0(t0)
	sd t2, 0(t1)
	addi t0, t0, 8
	addi t1, t1, 8
	add t2, t2, t3
	addi t4, t4, -1
	bnez t4, 1b

	la t0, boot_root39
	li t1, 8 * INDEX(MACHINE_IMAGE_OFFSET + IMAGE_GIB * 0x40000000)
	add t1, t0, t1
	li t2, GIB_PAGE + IMAGE_GIB * GIB_STEP
	sd t2, 0(t1)

	srli t0, t0, 12
	slli t0, t0, 10
	ori t0, t0, TABLE
	la t1, boot_root48
	sd t0, 0(t1)
	li t2, 8 * 511
	add t1, t1, t2
	sd t0, 0(t1)
	call paging_on
	ld t0, 2f
	jr t0

paging_on:
	la t0, boot_root48
	srli t0, t0, 12
	li t1, SATP_SV48
	slli t1, t1, SATP_SHIFT
	or t0, t0, t1
	sfence.vma
	csrw satp, t0 /* without effect if there is no Sv48 */
	csrr t1, satp
	beq t0, t1, 4f
	la t0, boot_root39
	srli t0, t0, 12
	li t1, SATP_SV39
	slli t1, t1, SATP_SHIFT
	or t0, t0, t1
	csrw satp, t0
4:	sfence.vma
	ret

	.balign 8
2:	.dword boot_high

	.section .boot.bss, "aw", @nobits
	.balign 4096
boot_root39: .skip 4096
boot_root48: .skip 4096

	.text
boot_high:
	la t0, machine_starting
	ld t0, 0(t0)
	bnez t0, secondary_high
	la t0, boot_hart
	sd s0, 0(t0)
	la sp, image_end
	li fp, 0
	li ra, 0
	mv a0, s1
	call kernel_main
5:	j 5b

secondary_high: /* t0 is its struct machine_start */
	ld a0, 0(t0)
	ld sp, 8(t0)
	ld s2, 16(t0)
	call machine_switch_tables /* uses no stack: it is only below */
	li fp, 0
	li ra, 0
	mv a0, s2
	call smp_cpu_main
6:	j 6b

/* void machine_switch_tables(mm_paddr_t root): to the mode that the kernel's tables have. */
	.globl machine_switch_tables
machine_switch_tables:
	srli a0, a0, 12
	la t0, machine_satp_mode
	ld t0, 0(t0)
	slli t0, t0, SATP_SHIFT
	or t0, t0, a0
	csrw satp, t0
	sfence.vma
	ret

	.data
	.balign 8
	.globl boot_hart, machine_satp_mode, machine_starting
boot_hart:
	.dword 0
machine_satp_mode:
	.dword 0
machine_starting:
	.dword 0
