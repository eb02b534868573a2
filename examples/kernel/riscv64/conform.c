/* SPDX-License-Identifier: MIT */
/* What conform.h wants of an RV64: Sv39, Sv48 or Sv57 by the words sv39, sv48, sv57 on the command line,
 * memory types by the word svpbmt, contiguous runs by svnapot, flushes by svinval; user pages are in the low half of the
 * kernel's own tree.
 *
 * By the word roots no leaf is in the root, and user mode has a root of its own.
 *
 * By the words sv39x4, sv48x4 and sv57x4 it is a second stage, in a tree of its own, with the hypervisor extension: what
 * the kernel reads and writes in it is by HLV and HSV; what it executes, a guest does as a supervisor; and what the user
 * does, a guest's user. The guest has no tables of its own: its addresses are what the tree under test translates. */
#include "../conform.h"
#include <mmlib/pt_formats.h>
#include "cpu.h"

extern uint64_t machine_satp_mode;
enum { SATP_MODE_SHIFT = 60, SATP_ASID_SHIFT = 44 }; /* hgatp has the same fields */
enum { HSTATUS_SPVP = 0x100 };
void guest_enter(uintptr_t pc, uintptr_t to, uintptr_t *sp); /* trap.S */

const char *const machine_conform_unseen[][2] = {
	{ "Svade: a page whose accessed bit is clear faults", "QEMU 7.2 always sets the bits itself" },
	{ "SFENCE.VMA, HFENCE.GVMA and Svinval by address: no address is missed", "QEMU 7.2 forgets all addresses then" },
	{ NULL, NULL },
};

static const struct {
	const char *word;
	enum mm_pt_format format;
	uint64_t mode;
} stages[] = { { "sv39x4", MM_PT_SV39X4, 8 }, { "sv48x4", MM_PT_SV48X4, 9 }, { "sv57x4", MM_PT_SV57X4, 10 } };

enum { STAGES = sizeof(stages) / sizeof(*stages) };
static unsigned stage = STAGES;
bool machine_guest;

bool machine_at_guest(void)
{
	return machine_guest && conform.pt == &conform.own;
}

static const char *second_stage(struct conform *c)
{
	struct mm_pt_cfg cfg;

	machine_pt_probe(&cfg);
	cfg.features &= ~MM_PT_RISCV64_SVPBMT;
	if (mm_pt_init(&c->own, mm_pt_format(stages[stage].format), &memory_table_env, &cfg) != MM_OK)
		return "no memory for a root table";
	c->pt = &c->own;
	c->by_segment = true; /* all is the guest's */
	c->exec_forgets = true;
	c->end = (mm_vaddr_t)1 << (c->own.port->va_bits - 1);
	machine_guest = true;
	check_skip("guests: the upper half of their addresses can be used",
		   "QEMU 7.2 wants addresses to be sign-extended there, and the manual zero-extended");
	check_skip("guests: what one has used is forgotten when it begins again",
		   "QEMU 7.2 forgets all when a guest begins and ends");
	return NULL;
}

const char *machine_conform(struct conform *c)
{
	if (csr_read(satp) >> SATP_MODE_SHIFT != machine_satp_mode)
		return "this hart has no such mode";
	c->keeps = MM_PT_ACCESSED | MM_PT_DIRTY;
	for (unsigned i = 0; i < STAGES; i++)
		if (kernel_has_word(stages[i].word))
			stage = i;
	return stage < STAGES ? second_stage(c) : NULL;
}

/* vsatp, hedeleg and hideleg 0; hstatus.SPVP: HLV and HSV as a guest's supervisor. QEMU 7.2 has no VMIDs in its TLB, and
 * keeps what HLV and HSV have used when hgatp changes. */
static void guest_load(mm_paddr_t root, unsigned vmid)
{
	static const struct mm_tlb_gather all = { .flush = true, .sync = true };

	csr_write(0x280, 0);
	csr_write(0x602, 0);
	csr_write(0x603, 0);
	csr_write(0x600, HSTATUS_SPVP);
	csr_write(0x680, stages[stage].mode << SATP_MODE_SHIFT | (uint64_t)vmid << SATP_ASID_SHIFT | root >> 12);
	mm_pt_riscv64_flush_local_guest(&(struct mm_pt_riscv64_tlb){ 0 }, &all);
}

void machine_conform_load(mm_paddr_t root, unsigned asid)
{
	if (machine_guest)
		guest_load(root, asid);
	else
		csr_write(satp, machine_satp_mode << SATP_MODE_SHIFT | (uint64_t)asid << SATP_ASID_SHIFT |
					root >> 12);
}

/* A number for each root. */
static unsigned long satp_of(mm_paddr_t root, unsigned asid)
{
	return root ? machine_satp_mode << SATP_MODE_SHIFT | (unsigned long)asid << SATP_ASID_SHIFT | root >> 12 : 0;
}

void machine_roots(mm_paddr_t kernel_root, mm_paddr_t second)
{
	struct machine_cpu *m = &machine_cpu()->machine;
	const bool irq = machine_irq_save();

	m->kernel_satp = satp_of(kernel_root, 1);
	m->second_satp = satp_of(second, 2);
	csr_write(satp, m->kernel_satp);
	machine_irq_restore(irq);
}

/* All that traps need on the second root: where they begin, and of each CPU its stack. */
bool machine_entry_part(uint32_t *it, struct entry_part *part)
{
	const uint32_t i = (*it)++;

	if (i == 0)
		*part = (struct entry_part){ image_entry, image_entry_end, MM_PT_READ | MM_PT_EXEC };
	else if (i <= CPUS_MAX)
		*part = (struct entry_part){ (char *)&cpus[i - 1].machine, (char *)(&cpus[i - 1].machine + 1),
					     MM_PT_READ | MM_PT_WRITE };
	return i <= CPUS_MAX;
}

/* At a return, which is followed by a call that traps: conform_mark(). */
bool guest_exec(const void *va)
{
	struct cpu *me = machine_cpu();

	guest_enter((uintptr_t)va, (uintptr_t)va - AT_RETURN + AT_TRAP, &me->user_sp);
	return me->fault.taken;
}

/* Svinval is this machine's own way, if it has it. */
const char *machine_conform_flush(unsigned way, const char **lacks)
{
	static const char *const ways[2][5] = {
		{ "", "SFENCE.VMA by address, ", "Svinval, ", "SFENCE.VMA by address and ASID, ", "Svinval with ASID, " },
		{ "", "HFENCE.GVMA by address, ", "Svinval, ", "HFENCE.GVMA by address and VMID, ", "Svinval with VMID, " },
	};

	if (way >= 5)
		return NULL;
	machine_tlb.svinval = kernel_has_word("svinval") && way % 2 == 0;
	machine_tlb.one_space = way >= 3;
	machine_tlb.asid = 1;
	*lacks = way && way % 2 == 0 && !machine_tlb.svinval ? "this hart has no Svinval" : NULL;
	return ways[machine_guest][way];
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
