/* SPDX-License-Identifier: MIT */
/* What conform.h wants of an i386: PAE, or with the word 2-levels on the command line 32-bit paging; user pages are
 * in the second GiB of the kernel's own tree. */
#include "../conform.h"
#include "../x86_64/cpu.h"

const char *const machine_conform_unseen[][2] = {
	{ "PAE: the root's entries are read again when one changes", "QEMU reads them at each walk" },
	{ NULL, NULL },
};

const char *machine_conform(struct conform *c)
{
	c->keeps = MM_PT_ACCESSED | MM_PT_DIRTY;
	c->all_exec = machine_two_levels;
	windows_check(c->pt);
	return NULL;
}

void machine_conform_load(mm_paddr_t root, unsigned asid)
{
	(void)asid;
	cpu_set_cr3(root);
}

/* There is one. */
const char *machine_conform_flush(unsigned way, const char **lacks)
{
	*lacks = NULL;
	return way ? NULL : "";
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
