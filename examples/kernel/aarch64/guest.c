/* SPDX-License-Identifier: MIT */
/* A guest, for its second stage to be put to the test.
 *
 * Theory of operation
 * Problem      what is behind a second stage only a guest reaches, at EL1 or EL0; the kernel that looks is at EL2.
 * Structure    the kernel is a host (HCR_EL2.{E2H, TGE}), where it finds its registers by the names that they have
 *              at EL1. A probe is a guest of one access: its supervisor at EL1, or its user at EL0, runs the code for
 *              user mode (machine.h), which is behind the second stage like all that it reaches. It has no first
 *              stage: with HCR_EL2.DC an address of it is what the second one translates.
 * End          a fault of the second stage comes to EL2. SVC goes to the guest's supervisor, whose vectors are where
 *              nothing is ever mapped: so it is a fault of theirs, and ESR_EL1 says of what. An interrupt is the
 *              host's: it is let in, and the guest begins anew, which an access may.
 * Invariants   G1 HCR_EL2.{VM, DC} stay as they are, but for T1 in guest_tables.c. As a host this CPU passes over them,
 *                 and an emulator forgets all when they change, which would hide what a flush leaves behind.
 *              G2 TGE is clear while a guest runs, and where its translations are asked for or flushed: elsewhere
 *                 those instructions are about the host. Interrupts are off there, as handlers are the host's. */
#include "guest.h"
#include <mmlib/pt_formats.h>
#include "cpu.h"

/* SPSR: EL1 with SP_EL1, EL0; debug exceptions, SError and FIQ off. Where interrupts go HCR_EL2.IMO says. */
enum { SPSR_EL1 = 0x3c5, SPSR_EL0 = 0x3c0 };
enum { HCR_TGE = 1 << 27 };

/* VTCR_EL2: walks are inner shareable and write-back, 48 bits of physical address; hardware keeps AF, dirty. */
#define VTCR_BITS UINT64_C(0x80053500)
#define VTCR_HA   (UINT64_C(1) << 21)
#define VTCR_HD   (UINT64_C(1) << 22)
enum { VTCR_SL0_SHIFT = 6, VMID_SHIFT = 48 };

enum { VECTOR_OF_EL1 = 0x200, VECTOR_OF_EL0 = 0x400 };

/* ESR: class; kinds of fault. */
enum { EC_SHIFT = 26, EC_SVC = 0x15, EC_GUEST_FETCH = 0x20, EC_GUEST_DATA = 0x24, EC_OF_KERNEL = 1 };
enum { ESR_WRITE = 0x40, ESR_KIND = 0x3c, KIND_PERMISSION = 0x0c, FAULT_IPA_SHIFT = 8 };

/* What guest.S knows: how it begins, and how it ended. */
struct guest {
	uint64_t pc, spsr, x1, x30, value;
	uint64_t esr, far, hpfar, esr_el1;
};
_Static_assert(offsetof(struct guest, x1) == 16 && offsetof(struct guest, value) == 32 &&
		       offsetof(struct guest, esr) == 40 && offsetof(struct guest, hpfar) == 56,
	       "as guest.S has it");

bool guest_enter(struct guest *g);

static const struct {
	const char *word;
	enum mm_pt_format format;
	unsigned root; /* SL0: where walks begin */
} stages[] = { { "s2", MM_PT_AARCH64_S2, 1 }, { "s2-48", MM_PT_AARCH64_S2_48, 2 } };

enum { STAGES = sizeof(stages) / sizeof(*stages) };
static unsigned stage;
static struct mm_pt_aarch64_tlb tlb;
static uint32_t vmids; /* that have been in use */
bool machine_guest;

bool machine_at_guest(void)
{
	return machine_guest && conform.pt == &conform.own;
}

const struct mm_pt_port *guest_port(void)
{
	for (stage = 0; stage < STAGES; stage++)
		if (kernel_has_word(stages[stage].word))
			return mm_pt_format(stages[stage].format);
	return NULL;
}

const char *guest_init(struct conform *c)
{
	if (!machine_is_host())
		return "this kernel is at EL1";
	c->by_segment = true; /* all is the guest's */
	c->code_in_all = true;
	c->end = (mm_vaddr_t)1 << c->own.port->va_bits;
	machine_guest = true;
	check_skip("guests: where tables went, more than the last level is forgotten",
		   "QEMU 7.2 takes IPAS2LE1IS for IPAS2E1IS");
	check_skip("guests: no page is missed by a long range of IPAs", "QEMU 7.2 forgets all addresses then");
	return NULL;
}

void guest_load(mm_paddr_t root, unsigned vmid)
{
	uint64_t vtcr = VTCR_BITS | stages[stage].root << VTCR_SL0_SHIFT | (64u - conform.own.port->va_bits);

	vtcr |= (conform.keeps & MM_PT_ACCESSED ? VTCR_HA : 0) | (conform.keeps & MM_PT_DIRTY ? VTCR_HD : 0);
	__atomic_fetch_or(&vmids, UINT32_C(1) << vmid, __ATOMIC_RELAXED);
	cpu_write(vtcr_el2, vtcr);
	cpu_write(vttbr_el2, root | (uint64_t)vmid << VMID_SHIFT);
	cpu_write(s3_5_c12_c0_0, GUEST_VECTORS); /* VBAR_EL12 */
	__asm__ volatile("isb" : : : "memory");
}

/* G2: and back, with what it returned. */
static uint64_t leave_host(void)
{
	const uint64_t hcr = cpu_read(hcr_el2);

	cpu_write(hcr_el2, hcr & ~(uint64_t)HCR_TGE);
	__asm__ volatile("isb" : : : "memory");
	return hcr;
}

static void be_host(uint64_t hcr)
{
	cpu_write(hcr_el2, hcr);
	__asm__ volatile("isb" : : : "memory");
}

/* The gather does not tell whose tree it is, so under each VMID. */
static void flush_all_cpus(const struct mm_tlb_gather *g)
{
	const uint64_t vttbr = cpu_read(vttbr_el2), root = vttbr & ((UINT64_C(1) << VMID_SHIFT) - 1);

	for (uint64_t vmid = 0; vmid < 32; vmid++)
		if (__atomic_load_n(&vmids, __ATOMIC_RELAXED) >> vmid & 1) {
			cpu_write(vttbr_el2, root | vmid << VMID_SHIFT);
			__asm__ volatile("isb" : : : "memory");
			mm_pt_aarch64_flush_guest(&tlb, g);
		}
	cpu_write(vttbr_el2, vttbr);
	__asm__ volatile("isb" : : : "memory");
}

void guest_flush(const struct mm_tlb_gather *g, bool all)
{
	const bool irq = machine_irq_save();
	const uint64_t hcr = leave_host();

	if (all)
		flush_all_cpus(g);
	else /* not by VMALLS12E1, which QEMU 7.2 makes all CPUs do */
		__asm__ volatile("dsb nshst; tlbi alle1; dsb nsh; isb" : : : "memory");
	be_host(hcr);
	machine_irq_restore(irq);
}

uint64_t guest_translate(mm_vaddr_t va)
{
	const bool irq = machine_irq_save();
	const uint64_t hcr = leave_host();
	uint64_t par;

	__asm__ volatile("at s12e1r, %0; isb" : : "r"(va) : "memory");
	par = cpu_read(par_el1);
	be_host(hcr);
	machine_irq_restore(irq);
	return par;
}

const char *guest_flush_way(unsigned way, const char **lacks)
{
	static const char *const ways[] = { "", "TLBI by IPA, ", "TLBI by range of IPAs, " };

	if (way >= sizeof(ways) / sizeof(*ways))
		return NULL;
	mm_pt_aarch64_tlb_probe(&tlb);
	*lacks = way == 2 && !tlb.ranges ? "this CPU has no FEAT_TLBIRANGE" : NULL;
	tlb.ranges = tlb.ranges && way != 1;
	if (way == 1) {
		guest_tables("one by one, ", 1);
		guest_tables("by 64 at once, ", 64);
	} else if (tlb.ranges && way == 2) {
		guest_tables("by ranges of three, ", 3);
	}
	return ways[way];
}

static noreturn void die(const struct guest *g)
{
	kprintf("\nCPU %u: guest: syndrome %#lx, address %#lx, page of it %#lx, syndrome at EL1 %#lx, pc %#lx\n",
		machine_cpu()->number, g->esr, g->far, g->hpfar, g->esr_el1, g->pc);
	machine_exit(false);
}

/* As a fault of the kernel's own, whose classes differ from a guest's by one. The CPU need not tell the page where
 * it is a right that lacks. */
static struct fault ended(const struct guest *g)
{
	const uint64_t class = g->esr >> EC_SHIFT, vector = g->spsr == SPSR_EL1 ? VECTOR_OF_EL1 : VECTOR_OF_EL0;
	const uint64_t ipa = g->hpfar << FAULT_IPA_SHIFT;
	const bool walk = g->esr & GUEST_WALK;

	if (class == EC_GUEST_FETCH && g->far == GUEST_VECTORS + vector && g->esr_el1 >> EC_SHIFT == EC_SVC)
		return (struct fault){ .value = (uint8_t)g->value };
	if ((class != EC_GUEST_FETCH && class != EC_GUEST_DATA) ||
	    (!walk && (g->esr & ESR_KIND) != KIND_PERMISSION && ipa != (g->far & ~UINT64_C(0xfff))))
		die(g);
	return (struct fault){ .taken = true,
			       .va = walk ? ipa : g->far,
			       .code = (class | EC_OF_KERNEL) << EC_SHIFT |
				       (g->esr & (GUEST_WALK | ESR_WRITE | ESR_KIND)) };
}

static struct fault run(struct guest g)
{
	bool interrupted;

	do {
		const bool irq = machine_irq_save();

		interrupted = guest_enter(&g);
		machine_irq_restore(irq);
	} while (interrupted);
	return machine_cpu()->fault = ended(&g);
}

static struct fault access_at(const void *va, unsigned code)
{
	return run((struct guest){ .pc = conform.code + code, .spsr = SPSR_EL1, .x1 = (uintptr_t)va });
}

bool guest_read(const void *va, uint8_t *value)
{
	const struct fault f = access_at(va, MACHINE_USER_READ);

	*value = f.value;
	return f.taken;
}

bool guest_write(const void *va)
{
	return access_at(va, MACHINE_USER_WRITE).taken;
}

/* A return to what traps: conform_mark(). */
bool guest_exec(const void *va)
{
	return run((struct guest){ .pc = (uintptr_t)va,
				   .spsr = SPSR_EL1,
				   .x30 = (uintptr_t)va - AT_RETURN + AT_TRAP })
		.taken;
}

void guest_user(uintptr_t pc, uintptr_t argument)
{
	(void)run((struct guest){ .pc = pc, .spsr = SPSR_EL0, .x1 = argument });
}
