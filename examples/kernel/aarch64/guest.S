/* SPDX-License-Identifier: MIT */
/* Into a guest, and out of it: guest.c. */
#include "layout.h"

#define HCR_TGE (1 << 27)

/* struct guest */
#define GUEST_PC    0
#define GUEST_X1    16
#define GUEST_VALUE 32
#define GUEST_ESR   40
#define GUEST_HPFAR 56

/* A guest has x0, x1 and x30, and leaves the other registers alone: x8 is its struct, x9 and x10 are the host's vectors
 * and HCR_EL2, x11 says that it was interrupted. Nothing else may come in between: the host's interrupts are off. */
	.macro VECTORS count
	.rept \count
	.balign 128
	b .
	.endr
	.endm

	.text
	.balign 2048
guest_vectors:
	VECTORS 8
	.balign 128 /* of AArch64 at a lower level: a trap */
	mov x11, #0
	b guest_left
	.balign 128 /* an interrupt, which is the host's */
	mov x11, #1
	b guest_left
	VECTORS 6

/* bool guest_enter(struct guest *): as it says, until it traps, of which it tells. True: it was interrupted. */
	.globl guest_enter
guest_enter:
	stp x29, x30, [sp, #-16]!
	mov x8, x0
	mrs x9, vbar_el2
	mrs x10, hcr_el2
	adr x11, guest_vectors
	msr vbar_el2, x11
	bic x11, x10, #HCR_TGE
	msr hcr_el2, x11
	ldp x11, x12, [x8, #GUEST_PC]
	msr elr_el2, x11
	msr spsr_el2, x12
	isb
	ldp x1, x30, [x8, #GUEST_X1]
	mov x0, #0
	eret

guest_left:
	msr hcr_el2, x10
	msr vbar_el2, x9
	isb
	msr spsel, #0
	str x0, [x8, #GUEST_VALUE]
	mrs x0, esr_el2
	mrs x1, far_el2
	stp x0, x1, [x8, #GUEST_ESR]
	mrs x0, hpfar_el2
	mrs x1, s3_5_c5_c2_0 /* ESR_EL12 */
	stp x0, x1, [x8, #GUEST_HPFAR]
	mov x0, x11
	ldp x29, x30, [sp], #16
	ret
