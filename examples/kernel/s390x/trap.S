/* SPDX-License-Identifier: MIT */
/* Interruptions, and the accesses that are meant to fault.
 *
 * Theory of operation
 * Interruptions   come here without address translation: so say their new PSWs (machine.c). The registers go on the
 *                 stack of who was interrupted, or of who went to the tree under test, if the CPU was there.
 * Data            address translation is on for one access, between STOSM and STNSM. The instructions are in the primary
 *                 space, which is real storage; the access is in the secondary one, which is the tree under test.
 * Code            that is to be executed in the tree under test, and user mode, are in the home space, where
 *                 instructions and data are both in that tree; whatever comes next, SVC or a fault, leads back. */
#include "layout.h"

#define FRAME 304 /* what a function may use; struct trap_frame */
#define SAVED 160

	.text
	.macro ENTRY name, old, kind
	.globl \name
\name:
	stg %r15, LOW_R15
	tm \old + 2, 0x40 /* home space? */
	jz 1f
	lg %r15, LOW_CPU
	lg %r15, CPU_USER_SP(%r15)
1:	aghi %r15, -FRAME
	stmg %r0, %r14, SAVED(%r15)
	mvc SAVED + 120(8, %r15), LOW_R15
	mvc SAVED + 128(16, %r15), \old
	lghi %r3, \kind
	j trap_go
	.endm

	ENTRY trap_external, LOW_EXTERNAL_OLD, TRAP_EXTERNAL
	ENTRY trap_svc, LOW_SVC_OLD, TRAP_SVC
	ENTRY trap_program, LOW_PROGRAM_OLD, TRAP_PROGRAM
	ENTRY trap_check, LOW_CHECK_OLD, TRAP_OTHER
	ENTRY trap_io, LOW_IO_OLD, TRAP_OTHER
trap_go:
	la %r2, SAVED(%r15)
	brasl %r14, trap_handle
	mvc LOW_RETURN(16), SAVED + 128(%r15)
	lmg %r0, %r15, SAVED(%r15)
	lpswe LOW_RETURN

/* If the instruction at \at faults, the kernel goes on at \to. */
	.macro FIXUP at, to
	.pushsection .fixups, "a", @progbits
	.quad \at, \to
	.popsection
	.endm
	.macro TREE_ON
	stosm 152(%r15), 0x04
	sacf 0x100
	.endm
	.macro TREE_OFF
	sacf 0
	stnsm 152(%r15), 0xfb
	.endm

/* The accesses of probe.h: each answers whether it faulted. */
	.globl probe_read, probe_write, probe_exec
probe_read:
	TREE_ON
1:	llgc %r0, 0(%r2)
	FIXUP 1b, probe_faulted_at
	TREE_OFF
	stc %r0, 0(%r3)
	lghi %r2, 0
	br %r14
probe_write:
	TREE_ON
2:	mvi 0(%r2), 0
	FIXUP 2b, probe_faulted_at
	TREE_OFF
	lghi %r2, 0
	br %r14
probe_faulted_at: /* the handler has left the tree */
	lghi %r2, 1
	br %r14

/* bool probe_overflow(uintptr_t stack): stacks are not mapped here, so that nothing faults below one. */
	.globl probe_overflow
probe_overflow:
	lghi %r2, 0
	br %r14

	.globl machine_frame
machine_frame:
	TREE_ON
	lrag %r2, 0(%r2) /* condition code 0: it is there. Nothing below changes that */
	TREE_OFF
	bzr %r14
	lghi %r2, 0
	br %r14

/* void user_enter(uintptr_t pc, uintptr_t argument, uintptr_t *sp): to the home space, in user mode. Any SVC or fault
 * comes back to user_left, by way of trap_handle(). kernel_enter(): the same, not in user mode. */
	.globl user_enter, kernel_enter, user_left
user_enter:
	larl %r1, user_mask
	j 1f
kernel_enter:
	larl %r1, kernel_mask
1:	stmg %r6, %r15, 48(%r15)
	aghi %r15, -184
	mvc 160(8, %r15), 0(%r1)
	stg %r2, 168(%r15)
	stnsm 176(%r15), 0xfc
	stg %r15, 0(%r4)
	lpswe 160(%r15)
user_left:
	ssm 176(%r15)
	lmg %r6, %r15, 184 + 48(%r15)
	br %r14

	.section .rodata
	.balign 16
user_mask:
	.quad 0x0501c00180000000 /* translation and external interruptions on, user mode, home space, 64 bits */
kernel_mask:
	.quad 0x0500c00180000000
	.balign 16
	.globl machine_user
machine_user: /* for user mode: see machine.h */
	llgc %r2, 0(%r3)
	svc 0
	.balign 16
	mvi 0(%r3), 0
	svc 0
	.balign 16
	svc 0
	.balign 16
	.globl machine_return
machine_return: /* there is no way back to the kernel but this */
	svc 0
	.balign 8

	.section .note.GNU-stack, "", @progbits
