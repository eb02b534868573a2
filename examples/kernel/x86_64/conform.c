/* SPDX-License-Identifier: MIT */
/* What conform.h wants of an x86-64: four levels, or five if the command line has the word la57 and the CPU
 * has them; user pages are in the low half of the kernel's own tree. */
#include "../conform.h"
#include "cpu.h"

const char *const machine_conform_unseen[][2] = {
	{ "PCID: an address space under a number that had another", "QEMU 7.2 emulates no PCID" },
	{ "protection keys", "mmlib has no attribute for them" },
	{ NULL, NULL },
};

const char *machine_conform(struct conform *c)
{
	if (kernel_has_word("la57") && !machine_five_levels)
		return "this CPU has no LA57";
	c->keeps = MM_PT_ACCESSED | MM_PT_DIRTY;
	return NULL;
}

void machine_conform_load(mm_paddr_t root, unsigned asid)
{
	(void)asid;
	cpu_set_cr3(root);
}

/* Neither SMEP nor SMAP is on. */
bool machine_kernel_at_user(enum access access)
{
	(void)access;
	return true;
}

uint32_t machine_memory_type(const void *va)
{
	(void)va;
	return MACHINE_TYPE_UNSEEN;
}
