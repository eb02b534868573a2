/* SPDX-License-Identifier: MIT */
/* What conform.h wants of a LoongArch64: the lower half is a tree of its own, with the format that the kernel's half
 * has. */
#include "../conform.h"
#include "cpu.h"

enum { QEMU_PAGE = 14 }; /* log2: version 7.2 looks up but one of four pages of 4 KiB */
enum { LO_TYPE_SHIFT = 4, TYPE_ORDERED = 0, TYPE_CACHED = 1, TYPE_WEAK = 2 };

const char *const machine_conform_unseen[][2] = {
	{ "two entries for one address are never there", "QEMU takes the first, and the manual does not say" },
	{ "a page that may not be executed raises its exception, and one of the kernel that of the user",
	  "QEMU never comes out of them: the bits in the TLB are looked at (loongarch64/fetch.c)" },
	{ NULL, NULL },
};

const char *machine_conform(struct conform *c)
{
	const enum mm_pt_format format = kernel_has_word("16k") ? MM_PT_LOONGARCH64_16K : MM_PT_LOONGARCH64;
	struct mm_pt_cfg cfg;

	machine_pt_probe(&cfg);
	if (mm_pt_init(&c->own, mm_pt_format(format), &memory_table_env, &cfg) != MM_OK)
		return "no memory for a root table";
	c->pt = &c->own;
	c->keeps = MM_PT_ACCESSED | MM_PT_DIRTY; /* tlb.c does, as hardware would */
	c->coarse = QEMU_PAGE;
	c->keeps_numbers = true;
	return NULL;
}

/* All trees under test have the properties of that one. */
void machine_conform_load(mm_paddr_t root, unsigned asid)
{
	struct mm_pt *user = &machine_cpu()->machine.user;
	const bool on = machine_irq_save();

	*user = *conform.pt;
	user->root = root;
	tlb_load(root, asid);
	machine_irq_restore(on);
}

/* There is one. */
const char *machine_conform_flush(unsigned way, const char **lacks)
{
	*lacks = NULL;
	return way ? NULL : "";
}

/* A page's lowest privilege is the user's: who has more may, too. */
bool machine_kernel_at_user(enum access access)
{
	(void)access;
	return true;
}

uint32_t machine_memory_type(const void *va)
{
	switch (tlb_look((uint64_t)va) >> LO_TYPE_SHIFT & 3) {
	case TYPE_ORDERED:
		return MM_PT_DEVICE;
	case TYPE_CACHED:
		return MM_PT_WB;
	case TYPE_WEAK:
		return MM_PT_WC;
	default:
		return MM_PT_TYPE;
	}
}
