/* SPDX-License-Identifier: MIT */
/* What conform.h wants of a MIPS64: xuseg is a tree of its own, which tlb.c reads. */
#include "../conform.h"
#include "cpu.h"

enum { LO_TYPE_SHIFT = 3, TYPE_UNCACHED = 2, TYPE_CACHED = 3, TYPE_ACCELERATED = 7 };

const char *const machine_conform_unseen[][2] = {
	{ "two entries for one address are never there", "QEMU takes the first and raises no machine check" },
	{ NULL, NULL },
};

const char *machine_conform(struct conform *c)
{
	struct mm_pt_cfg cfg;

	machine_pt_probe(&cfg);
	if (mm_pt_init(&c->own, machine_pt_port(), &memory_table_env, &cfg) != MM_OK)
		return "no memory for a root table";
	c->pt = &c->own;
	c->keeps = MM_PT_ACCESSED | MM_PT_DIRTY; /* tlb.c does, as hardware would */
	c->by_segment = true;
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
	cp0_set_entry_hi(asid);
	machine_irq_restore(on);
}

/* There is one. */
const char *machine_conform_flush(unsigned way, const char **lacks)
{
	*lacks = NULL;
	return way ? NULL : "";
}

/* An address's segment says who may, and the kernel may use the user's. */
bool machine_kernel_at_user(enum access access)
{
	(void)access;
	return true;
}

uint32_t machine_memory_type(const void *va)
{
	switch (tlb_look((uint64_t)va) >> LO_TYPE_SHIFT & 7) {
	case TYPE_UNCACHED:
		return MM_PT_DEVICE;
	case TYPE_CACHED:
		return MM_PT_WB;
	case TYPE_ACCELERATED:
		return MM_PT_WC;
	default:
		return MM_PT_TYPE;
	}
}
