/* SPDX-License-Identifier: MIT */
/* From reset to C, and what is left of M-mode.
 *
 * There is no firmware: QEMU starts all harts in M-mode at the start of RAM, a0 = number of the hart, a1 = physical
 * address of the device tree. Hart 0 goes on in S-mode, paging off; the image is linked where it is loaded, so C
 * begins so, and goes on with the kernel's own tables. The others wait in M-mode for machine_cpu_start().
 *
 * M-mode keeps one thing, the software interrupt by which harts call each other: machine_trap makes it one of S-mode.
 * All exceptions of S-mode and user mode are S-mode's. mscratch is the hart's word of the CLINT. */
#include "layout.h"

#define MIE_MSIE     8 /* mip.MSIP is the same bit */
#define SSIP         2
#define INTERRUPTS   0x222 /* software, timer and external ones of S-mode */
#define MSTATUS_MPP  0x1800
#define MSTATUS_MPP_S 0x800
#define PMP_ALL      0x1f /* NAPOT; execute, write, read */
#define SATP_SV32    0x80000000

	.section .boot, "ax", @progbits
	.globl _start
_start:
	csrr a0, mhartid
	li t0, CLINT
	slli t1, a0, 2
	add t0, t0, t1
	csrw mscratch, t0
	la t1, machine_trap
	csrw mtvec, t1
	li t1, -1
	csrw medeleg, t1
	csrw pmpaddr0, t1
	li t1, PMP_ALL
	csrw pmpcfg0, t1
	li t1, INTERRUPTS
	csrw mideleg, t1
	li t1, MIE_MSIE
	csrw mie, t1 /* and none of S-mode */
	li t1, MSTATUS_MPP
	csrc mstatus, t1
	li t1, MSTATUS_MPP_S
	csrs mstatus, t1
	bnez a0, wait
	la t1, first
	csrw mepc, t1
	mret

wait: /* wfi ends when one is pending that is enabled, though no interrupt is taken in M-mode */
	wfi
	csrr t1, mip
	andi t1, t1, MIE_MSIE
	beqz t1, wait
	sw zero, 0(t0)
	fence
	la t1, secondary
	csrw mepc, t1
	mret

	.balign 4
machine_trap:
	csrrw t0, mscratch, t0
	sw zero, 0(t0)
	csrrw t0, mscratch, t0
	csrsi mip, SSIP
	mret

first:
	la sp, image_end
	mv a0, a1
	li fp, 0
	li ra, 0
	tail kernel_main

	.text /* the kernel's tables have no place for what comes before */
secondary:
	lw t0, machine_starting
	lw a0, 0(t0) /* struct machine_start */
	lw a1, 4(t0)
	lw s1, 8(t0)
	lw s2, 12(t0)
	call machine_switch_tables /* uses no stack: it is only there with paging on */
	mv sp, s1
	mv a0, s2
	li fp, 0
	li ra, 0
	tail smp_cpu_main

/* void machine_switch_tables(mm_paddr_t root): of 34 bits, in two registers. */
	.globl machine_switch_tables
machine_switch_tables:
	srli a0, a0, 12
	slli a1, a1, 20
	or a0, a0, a1
	li t0, SATP_SV32
	or a0, a0, t0
	sfence.vma
	csrw satp, a0
	sfence.vma
	ret

	.data
	.balign 4
	.globl machine_starting
machine_starting:
	.word 0
