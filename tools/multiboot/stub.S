/* SPDX-License-Identifier: MIT */
/* A kernel that does nothing, so that what its loader left stays as it was. Both Multiboot headers;
 * it begins with the same bytes in 32-bit and 64-bit mode. With sections where the linker script
 * puts them: low, low and not in the file, high. */
#define MAGIC1 0x1badb002
#define FLAGS1 (3 | GRAPHICS << 2) /* modules on pages; tell of memory; set this video mode */
#define MAGIC2 0xe85250d6

	.section .head, "ax", @progbits
	.balign 8
	.long MAGIC1, FLAGS1, -(MAGIC1 + FLAGS1)
	.long 0, 0, 0, 0, 0
	.long 0, 800, 600, 32
	.balign 8
header:
	.long MAGIC2, 0, header_end - header, -(MAGIC2 + (header_end - header))
	.balign 8
	.word 6, 0 /* modules on pages */
	.long 8
#if GRAPHICS
	.balign 8
	.word 5, 0 /* framebuffer */
	.long 20, 800, 600, 32
#endif
#if SERVICES
	.balign 8
	.word 7, 0 /* do not end EFI boot services */
	.long 8
	.balign 8
	.word 9, 0 /* and begin here, in 64-bit mode */
	.long 12, start
#endif
	.balign 8
	.word 0, 0
	.long 8
header_end:
	.globl start
start:
	cli
	hlt
	jmp start

	.section .low, "aw", @nobits
	.skip 0x1801
	.section .high, "a", @progbits
	.skip 0x2345, 0x55
	.section .note.GNU-stack, "", @progbits
