/* SPDX-License-Identifier: MIT */
/* What a hypervisor reads and writes of a guest's memory, behind the tables in hgatp: HLV and HSV of a byte, by number,
 * for assemblers that want to be told that there is such an extension. As probe_read() and probe_write(). */
#include "word.h"

	.text
	.globl guest_read, guest_write
guest_read:
1:	.insn r 0x73, 4, 0x30, t0, a0, x1
	FIXUP 1b, guest_faulted
	sb t0, 0(a1)
	li a0, 0
	ret
guest_write:
2:	.insn r 0x73, 4, 0x31, x0, a0, x0
	FIXUP 2b, guest_faulted
	li a0, 0
	ret
guest_faulted:
	li a0, 1
	ret
