/* SPDX-License-Identifier: MIT */
/* For assembly that RV64 and RV32 share: a register in memory, its bytes, and an address as data. */
#if __riscv_xlen == 64
#define LOAD    ld
#define STORE   sd
#define WORD    8
#define ADDRESS .dword
#else
#define LOAD    lw
#define STORE   sw
#define WORD    4
#define ADDRESS .word
#endif

/* If an access to memory at \at faults, the kernel goes on at \to. */
	.macro FIXUP at, to
	.pushsection .fixups, "a", @progbits
	ADDRESS \at, \to
	.popsection
	.endm
