/* SPDX-License-Identifier: MIT */
/* What conform.h wants of a PPC64: quadrant 0 is a tree of its own, by the number in PIDR (tables.c). */
#include "../conform.h"
#include "cpu.h"

const char *const machine_conform_unseen[][2] = {
	{ "TLBIE with RIC 2 reaches what is cached of tables", "QEMU 7.2 caches pages alone" },
	{ "TLBIE of a large page is told its size", "QEMU 7.2 forgets all where any byte of a large page is named" },
	{ "TLBIE leaves pages of other processes", "QEMU 7.2 does not look at the number" },
	{ "R and C: a page without them faults where the CPU does not set them", "QEMU sets both itself" },
	{ NULL, NULL },
};

const char *machine_conform(struct conform *c)
{
	struct mm_pt_cfg cfg;

	machine_pt_probe(&cfg);
	if (mm_pt_init(&c->own, machine_pt_port(), &memory_table_env, &cfg) != MM_OK)
		return "no memory for a root table";
	c->pt = &c->own;
	c->keeps = MM_PT_ACCESSED | MM_PT_DIRTY;
	return NULL;
}

/* There is one. */
const char *machine_conform_flush(unsigned way, const char **lacks)
{
	*lacks = NULL;
	return way ? NULL : "";
}

/* AMR and IAMR, which could forbid it, are zero. */
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
