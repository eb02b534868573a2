/* SPDX-License-Identifier: MIT */
/* What conform.h wants of an ARMv7: LPAE, or with the word short on the command line short descriptors; user
 * pages are in the third GiB of the kernel's own tree. */
#include "../conform.h"

const char *const machine_conform_unseen[][2] = {
	{ NULL, NULL },
};

const char *machine_conform(struct conform *c)
{
	c->keeps = 0;
	return NULL;
}

extern uint32_t machine_short;
enum { ASID_SHIFT = 16 }; /* in the upper word of TTBR0 */

void machine_conform_load(mm_paddr_t root, unsigned asid)
{
	if (machine_short) {
		__asm__ volatile("mcr p15, 0, %0, c13, c0, 1; isb" : : "r"(asid) : "memory");
		__asm__ volatile("mcr p15, 0, %0, c2, c0, 0; isb" : : "r"(root | SHORT_TTBR) : "memory");
		return;
	}
	__asm__ volatile("mcrr p15, 0, %0, %1, c2; isb" : : "r"(root), "r"(asid << ASID_SHIFT) : "memory");
}

/* With long descriptors no user page is executable for the kernel. */
bool machine_kernel_at_user(enum access access)
{
	return machine_short || access != ACCESS_EXEC;
}

/* The CPU translates (ATS1CPR), and tells MAIR's byte in the upper one of PAR; with short descriptors QEMU leaves
 * the type out. */
uint32_t machine_memory_type(const void *va)
{
	uint32_t low, high;

	if (machine_short)
		return MACHINE_TYPE_UNSEEN;
	__asm__ volatile("mcr p15, 0, %0, c7, c8, 0; isb" : : "r"(va) : "memory");
	__asm__ volatile("mrrc p15, 0, %0, %1, c7" : "=r"(low), "=r"(high));
	for (uint32_t i = 0; i < 5; i++)
		if (!(low & 1) && high >> 24 == (MM_PT_AARCH64_MAIR >> 8 * i & 255))
			return i * MM_PT_WT;
	return MM_PT_TYPE;
}
