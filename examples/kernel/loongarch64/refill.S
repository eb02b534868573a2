/* SPDX-License-Identifier: MIT */
/* TLB refill: the CPU has no entry for an address. Two ways of what docs/porting.md says: software reads the tables by
 * mmlib/pt_refill.h (tlb.c), or the CPU's own walk does, by LDDIR and LDPTE.
 *
 * Theory of operation
 * Structure    the exception turns translation off: addresses are physical, and of those in a window it is the lower
 *              bits that count. So code of the kernel runs as always, and can be called.
 * No entry     what is not mapped is filled in, too: the access is then repeated, and the exception that follows
 *              tells its kind (traps.c), which this one does not.
 * Registers    SAVE0 to SAVE3 are trap.S's and the CPU's own; here are TLBRSAVE, SAVE4 and SAVE5. */
#include "cpu.h"
#include "layout.h"

	.text
	.macro SCRATCH op /* what a function may change */
	.irp n, 1, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19, 20
	\op $r\n, $sp, 8 * \n
	.endr
	.endm

	.balign 4096
	.globl refill_software
refill_software:
	csrwr $t0, CSR_TLBRSAVE
	csrwr $sp, CSR_SAVE4
	csrrd $t0, CSR_TLBRPRMD
	andi $t0, $t0, PLV_USER
	csrrd $sp, CSR_SAVE4
	beqz $t0, 1f
	csrrd $sp, CSR_SAVE3
	ld.d $sp, $sp, CPU_USER_SP
1:	addi.d $sp, $sp, -176
	SCRATCH st.d
	csrrd $a0, CSR_TLBRBADV
	bl tlb_refill
	SCRATCH ld.d
	tlbfill
	csrrd $sp, CSR_SAVE4
	csrrd $t0, CSR_TLBRSAVE
	ertn

/* QEMU 7.2 loses NR and NX where LDDIR and LDPTE read: t0 and t1 become the entries of the pair, to take them from, out
 * of the last directory at t1. On a CPU that changes nothing. */
	.macro PAIR page, bits
	csrrd $t0, CSR_TLBRBADV
	bstrpick.d $t0, $t0, \page + 2 * \bits - 1, \page + \bits
	alsl.d $t1, $t0, $t1, 3
	ld.d $t1, $t1, 0
	andi $t0, $t1, 0x40
	bnez $t0, 1f /* a large page */
	csrrd $t0, CSR_TLBRBADV
	bstrpick.d $t0, $t0, \page + \bits - 1, \page + 1
	slli.d $t0, $t0, 4
	add.d $t0, $t0, $t1
	ld.d $t1, $t0, 8
	ld.d $t0, $t0, 0
	b 2f
1:	move $t0, $t1
2:
	.endm

	.macro WALK page, bits, dirs:vararg
	csrwr $t0, CSR_TLBRSAVE
	csrwr $t1, CSR_SAVE4
	csrwr $t2, CSR_SAVE5
	csrrd $t1, CSR_PGD
	.irp n, \dirs
	lddir $t1, $t1, \n
	.endr
	lddir $t0, $t1, 1
	ldpte $t0, 0
	ldpte $t0, 1
	PAIR \page, \bits
	li.w $t2, 3
	slli.d $t2, $t2, 61 /* NR, NX */
	csrxchg $t0, $t2, CSR_TLBRELO0
	csrxchg $t1, $t2, CSR_TLBRELO1
	tlbfill
	csrrd $t2, CSR_SAVE5
	csrrd $t1, CSR_SAVE4
	csrrd $t0, CSR_TLBRSAVE
	ertn
	.endm

	.balign 4096
	.globl refill_walk_4k
refill_walk_4k:
	WALK 12, 9, 3, 2

	.balign 4096
	.globl refill_walk_16k
refill_walk_16k:
	WALK 14, 11, 3
