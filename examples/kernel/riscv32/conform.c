/* SPDX-License-Identifier: MIT */
/* What conform.h wants of an RV32: Sv32; user pages are in the second GiB of the kernel's own tree. */
#include "../conform.h"
#include "../riscv64/cpu.h"

#define SATP_SV32 0x80000000u
enum { SATP_ASID_SHIFT = 22 };

const char *const machine_conform_unseen[][2] = {
	{ "Svade: a page whose accessed bit is clear faults", "QEMU 7.2 always sets the bits itself" },
	{ "frames above 4 GiB: what is mapped is there", "QEMU 7.2 keeps 32 bits of a frame's address in its TLB" },
	{ "SFENCE.VMA by address: no address is missed", "QEMU 7.2 forgets all addresses then" },
	{ NULL, NULL },
};

const char *machine_conform(struct conform *c)
{
	c->keeps = MM_PT_ACCESSED | MM_PT_DIRTY;
	return NULL;
}

void machine_conform_load(mm_paddr_t root, unsigned asid)
{
	csr_write(satp, SATP_SV32 | asid << SATP_ASID_SHIFT | (uint32_t)(root >> 12));
}

/* There is one. */
const char *machine_conform_flush(unsigned way, const char **lacks)
{
	*lacks = NULL;
	return way ? NULL : "";
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
