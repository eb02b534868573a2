/* SPDX-License-Identifier: MIT */
/* From the loader to C.
 *
 * QEMU starts an ELF kernel at its entry, in SVC mode, MMU off, with the device tree at the start of RAM. The
 * image is linked where it is loaded, so C begins with the MMU off, on memory without caches; the MMU goes on
 * with the kernel's own tables. Other CPUs begin at secondary_start, as PSCI CPU_ON was told. */
#include "layout.h"

#define MODE_SVC 0x13
#define RAM      0x40000000

	.section .boot, "ax", %progbits
	.globl _start, secondary_start
_start:
	cpsid if, #MODE_SVC
	ldr sp, =image_end
	mov r0, #RAM /* the device tree */
	mov lr, #0
	ldr r1, =kernel_main
	bx r1

secondary_start: /* r0 is what CPU_ON was given: a struct machine_start */
	cpsid if, #MODE_SVC
	mov r4, r0
	ldr r0, [r4]
	ldr r5, [r4, #8]
	ldr r6, [r4, #12]
	ldr lr, =secondary_high
	ldr r1, =machine_switch_tables /* uses no stack: it is only there with the MMU on */
	bx r1
	.ltorg

#define TTBCR_LPAE 0x80003500 /* long descriptors, walks in shareable cached memory, all of 32 bits */
#define SCTLR_ON   0x00001005 /* I, C, M */
#define SCTLR_SHORT 0x30000000 /* AFE, TRE */
#define SCTLR_OFF  0x30180002 /* those, UWXN, WXN, A */

	.text
secondary_high:
	mov sp, r5
	mov r0, r6
	mov lr, #0
	b smp_cpu_main

/* void machine_switch_tables(mm_paddr_t root): MMU off while the format may change, then on. */
	.globl machine_switch_tables
machine_switch_tables:
	mrc p15, 0, r1, c1, c0, 0
	bic r2, r1, #1
	mcr p15, 0, r2, c1, c0, 0
	isb
	ldr r3, =SCTLR_OFF
	bic r1, r1, r3
	ldr r3, =machine_short
	ldr r3, [r3]
	cmp r3, #0
	bne 1f
	ldr r2, =TTBCR_LPAE
	mcr p15, 0, r2, c2, c0, 2
	ldr r2, =LONG_MAIR0
	mcr p15, 0, r2, c10, c2, 0
	ldr r2, =LONG_MAIR1
	mcr p15, 0, r2, c10, c2, 1
	mov r2, #0
	mcrr p15, 0, r0, r2, c2 /* TTBR0, address space 0 */
	b 2f
1:	mov r2, #0
	mcr p15, 0, r2, c2, c0, 2 /* TTBCR */
	mcr p15, 0, r2, c13, c0, 1 /* address space 0 */
	mov r2, #1
	mcr p15, 0, r2, c3, c0, 0 /* DACR: domain 0 is a client */
	ldr r2, =SHORT_PRRR
	mcr p15, 0, r2, c10, c2, 0
	ldr r2, =SHORT_NMRR
	mcr p15, 0, r2, c10, c2, 1
	orr r0, r0, #SHORT_TTBR
	mcr p15, 0, r0, c2, c0, 0
	ldr r2, =SCTLR_SHORT
	orr r1, r1, r2
2:	dsb
	mcr p15, 0, r2, c8, c7, 0 /* TLBIALL */
	dsb
	isb
	ldr r2, =SCTLR_ON
	orr r1, r1, r2
	mcr p15, 0, r1, c1, c0, 0
	isb
	bx lr
	.ltorg

	.data
	.balign 4
	.globl machine_short
machine_short: /* short descriptors */
	.long 0
