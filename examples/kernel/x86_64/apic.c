/* SPDX-License-Identifier: MIT */
/* Other CPUs: local APIC (Intel SDM volume 3A, "Advanced Programmable Interrupt Controller"). */
#include "../machine.h"
#include "acpi.h"
#include "apic.h"
#include "cpu.h"
#include "traps.h"

enum { MSR_APIC_BASE = 0x1b };
enum {
	APIC_ID = 0x20,
	APIC_EOI = 0xb0,
	APIC_SPURIOUS = 0xf0,
	APIC_ICR = 0x300,
	APIC_ICR_TO = 0x310
};
enum { SPURIOUS_ENABLE = 0x100 };
enum { ICR_INIT = 0x4500, ICR_STARTUP = 0x4600, ICR_FIXED = 0x4000, ICR_PENDING = 0x1000 };
enum { PIC_MASK_1 = 0x21, PIC_MASK_2 = 0xa1, PORT_DELAY = 0x80 };

extern const char trampoline[], trampoline_start[], trampoline_end[];
extern const uint32_t boot_registers[2]; /* CR4 and CR3 of the boot code */
static uint8_t ids[64];
static uint32_t nids;

mm_paddr_t apic_base(void)
{
	return (mm_paddr_t)(cpu_read_msr(MSR_APIC_BASE) & UINT64_C(0x000ffffffffff000));
}

static volatile uint32_t *reg(unsigned offset)
{
	return (volatile uint32_t *)(MACHINE_DIRECT_MAP + apic_base() + offset);
}

uint32_t apic_cpu_init(void)
{
	cpu_out8(PIC_MASK_1, 0xff); /* the old controller keeps silent */
	cpu_out8(PIC_MASK_2, 0xff);
	*reg(APIC_SPURIOUS) = SPURIOUS_ENABLE | TRAP_SPURIOUS;
	return *reg(APIC_ID) >> 24;
}

void apic_done(void)
{
	*reg(APIC_EOI) = 0;
}

/* The command is two registers: no interrupt of this CPU may come between. */
static void send(uint64_t to, uint32_t command)
{
	bool irq = machine_irq_save();

	while (*reg(APIC_ICR) & ICR_PENDING)
		machine_relax();
	*reg(APIC_ICR_TO) = (uint32_t)to << 24;
	*reg(APIC_ICR) = command;
	machine_irq_restore(irq);
}

void machine_interrupt(const struct cpu *c)
{
	send(c->id, ICR_FIXED | TRAP_INTERRUPT);
}

void apic_find(mm_phys_reader read, mm_paddr_t rsdp)
{
	nids = acpi_cpus(read, NULL, rsdp, ids, sizeof(ids));
}

bool machine_next_cpu(uint32_t *it, uint64_t *id)
{
	while (*it < nids) {
		*id = ids[(*it)++];
		if (*id != *reg(APIC_ID) >> 24)
			return true;
	}
	return false;
}

/* About a microsecond each: what a write to this port takes on a PC. */
static void wait_us(unsigned n)
{
	while (n--)
		cpu_out8(PORT_DELAY, 0);
}

/* INIT, then twice the start-up interrupt: a CPU that has begun passes over the second. */
bool machine_cpu_start(const struct cpu *c, const struct machine_start *start)
{
	char *low = (char *)(MACHINE_DIRECT_MAP + TRAMPOLINE);

	__builtin_memcpy(low, trampoline, (size_t)(trampoline_end - trampoline));
	low += trampoline_start - trampoline;
	__builtin_memcpy(low, start, sizeof(*start));
	__builtin_memcpy(low + sizeof(*start), boot_registers, sizeof(boot_registers));
	send(c->id, ICR_INIT);
	wait_us(10000);
	for (unsigned i = 0; i < 2; i++) {
		send(c->id, ICR_STARTUP | TRAMPOLINE >> 12);
		wait_us(200);
	}
	return true;
}
