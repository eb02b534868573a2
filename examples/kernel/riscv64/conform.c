/* SPDX-License-Identifier: MIT */
/* What conform.h wants of an RV64: Sv39, Sv48 or Sv57 by the words sv39, sv48, sv57 on the command line,
 * memory types by the word svpbmt, contiguous runs by svnapot, flushes by svinval; user pages are in the low half of the kernel's own tree. */
#include "../conform.h"
#include "cpu.h"

extern uint64_t machine_satp_mode;
enum { SATP_MODE_SHIFT = 60, SATP_ASID_SHIFT = 44 };

const char *const machine_conform_unseen[][2] = {
	{ "Svade: a page whose accessed bit is clear faults", "QEMU 7.2 always sets the bits itself" },
	{ "SFENCE.VMA and Svinval by address: no address is missed", "QEMU 7.2 forgets all addresses then" },
	{ NULL, NULL },
};

const char *machine_conform(struct conform *c)
{
	if (csr_read(satp) >> SATP_MODE_SHIFT != machine_satp_mode)
		return "this hart has no such mode";
	c->keeps = MM_PT_ACCESSED | MM_PT_DIRTY;
	return NULL;
}

void machine_conform_load(mm_paddr_t root, unsigned asid)
{
	csr_write(satp, machine_satp_mode << SATP_MODE_SHIFT | (uint64_t)asid << SATP_ASID_SHIFT |
				root >> 12);
}

/* Svinval is this machine's own way, if it has it. */
const char *machine_conform_flush(unsigned way, const char **lacks)
{
	static const char *const ways[] = { "", "SFENCE.VMA by address, ", "Svinval, ",
					    "SFENCE.VMA by address and ASID, ", "Svinval with ASID, " };

	if (way >= sizeof(ways) / sizeof(*ways))
		return NULL;
	machine_tlb.svinval = kernel_has_word("svinval") && way % 2 == 0;
	machine_tlb.one_space = way >= 3;
	machine_tlb.asid = 1;
	*lacks = way && way % 2 == 0 && !machine_tlb.svinval ? "this hart has no Svinval" : NULL;
	return ways[way];
}

/* sstatus.SUM is clear. */
bool machine_kernel_at_user(enum access access)
{
	(void)access;
	return false;
}

uint32_t machine_memory_type(const void *va)
{
	(void)va;
	return MACHINE_TYPE_UNSEEN;
}
