/* SPDX-License-Identifier: MIT */
/* The header that makes the kernel a Multiboot 1 image: Multiboot Specification 0.6.96, section 3.1.
 * It is not in every image, since QEMU's -kernel then takes it for one, and wants 32-bit ELF. */
#define MAGIC 0x1badb002
#define FLAGS 3 /* modules on pages; tell of memory */

	.section .multiboot, "a", @progbits
	.balign 4
	.long MAGIC, FLAGS, -(MAGIC + FLAGS)

	.section .note.GNU-stack, "", @progbits
