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

/* There is one. */
const char *machine_conform_flush(unsigned way, const char **lacks)
{
	*lacks = NULL;
	return way ? NULL : "";
}

/* With long descriptors no user page is executable for the kernel. */
bool machine_kernel_at_user(enum access access)
{
	return machine_short || access != ACCESS_EXEC;
}

#define PAR_FRAME UINT64_C(0x000000fffffff000)

/* PAR: what the CPU makes of an address (ATS1CPR), for the kernel to read. 64 bits with long descriptors. */
static uint64_t translate(mm_vaddr_t va)
{
	uint32_t low, high = 0;

	__asm__ volatile("mcr p15, 0, %0, c7, c8, 0; isb" : : "r"((uint32_t)va) : "memory");
	if (machine_short)
		__asm__ volatile("mrc p15, 0, %0, c7, c4, 0" : "=r"(low));
	else
		__asm__ volatile("mrrc p15, 0, %0, %1, c7" : "=r"(low), "=r"(high));
	return (uint64_t)high << 32 | low;
}

mm_paddr_t machine_frame(mm_vaddr_t va)
{
	uint64_t par = translate(va), frame = par & PAR_FRAME;

	return par & 1 || frame != (mm_paddr_t)frame ? 0 : (mm_paddr_t)frame;
}

/* MAIR's byte is in the upper one of PAR; with short descriptors QEMU leaves the type out. */
uint32_t machine_memory_type(const void *va)
{
	uint64_t par = translate((uintptr_t)va);

	if (machine_short)
		return MACHINE_TYPE_UNSEEN;
	for (uint32_t i = 0; i < 5; i++)
		if (!(par & 1) && par >> 56 == (MM_PT_AARCH64_MAIR >> 8 * i & 255))
			return i * MM_PT_WT;
	return MM_PT_TYPE;
}
