/* SPDX-License-Identifier: MIT */
/* What conform.h wants of an x86-64: four levels, or five if the command line has the word la57 and the CPU
 * has them; user pages are in the low half of the kernel's own tree. By the word nested it is a tree of nested tables,
 * and the kernel a guest behind it: guest.c. */
#include "../conform.h"
#include "cpu.h"
#include "guest.h"

#define MSR_PKRS 0x6e1u

const char *const machine_conform_unseen[][2] = {
	{ "PCID: an address space under a number that had another", "QEMU 7.2 emulates no PCID" },
	{ "PCID: two roots with a number each", "QEMU 7.2 emulates no PCID" },
	{ "global pages: those of the kernel are not in the TLB of its second root", "QEMU 7.2 forgets them with CR3" },
	{ NULL, NULL },
};

const char *machine_conform(struct conform *c)
{
	if (kernel_has_word("la57") && !machine_five_levels)
		return "this CPU has no LA57";
	c->keeps = MM_PT_ACCESSED | MM_PT_DIRTY;
	return kernel_has_word("nested") ? guest_init(c) : NULL;
}

void machine_conform_load(mm_paddr_t root, unsigned asid)
{
	if (guest_is_in())
		guest_load(root, asid);
	else
		cpu_set_cr3(root);
}

void machine_conform_end(void)
{
	guest_end();
}

/* The kernel's half has global pages, which CR3 leaves in the TLB: none are while there are second roots. */
void machine_roots(mm_paddr_t kernel_root, mm_paddr_t second)
{
	struct machine_cpu *m = &machine_cpu()->machine;
	const bool irq = machine_irq_save();

	m->kernel_root = kernel_root;
	m->second_root = second;
	cpu_set_cr4(second ? cpu_cr4() & ~CR4_PGE : cpu_cr4() | CR4_PGE);
	cpu_set_cr3(kernel_root);
	machine_irq_restore(irq);
}

/* There are no PCIDs, so all spaces have number 0. */
const char *machine_conform_flush(unsigned way, const char **lacks)
{
	static const char *const ways[] = { "", "all PCIDs, ", "INVPCID, ", "one PCID, without INVPCID, " };
	static const char *const nested[] = { "", "by another ASID, " };
	struct mm_pt_x86_64_tlb found;

	*lacks = NULL;
	if (guest_is_in()) {
		guest_flush_by_asid = way == 1;
		return way <= 1 ? nested[way] : NULL;
	}
	if (way >= sizeof(ways) / sizeof(*ways))
		return NULL;
	mm_pt_x86_64_tlb_probe(&found);
	machine_tlb = (struct mm_pt_x86_64_tlb){ .pcids = way == 1, .one_space = way >= 2 };
	machine_tlb.invpcid = way == 2 && found.invpcid;
	*lacks = way == 2 && !found.invpcid ? "QEMU 7.2 emulates no INVPCID" : NULL;
	return ways[way];
}

/* SDM 4.6.2: two bits for each key, access disabled and write disabled, in PKRU and IA32_PKRS. */
bool machine_deny(unsigned key, enum denied what, bool user)
{
	const uint32_t bits = (what == DENIED_DATA ? 1u : what == DENIED_WRITE ? 2u : 0u) << 2 * key;

	if (guest_is_in() || !(cpu_cr4() & (user ? CR4_PKE : CR4_PKS)))
		return false;
	if (user)
		cpu_write_pkru(bits);
	else
		cpu_write_msr(MSR_PKRS, bits);
	return true;
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
