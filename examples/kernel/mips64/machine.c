/* SPDX-License-Identifier: MIT */
/* QEMU's machine "malta": a PC's serial port, and the host to end QEMU with; with several CPUs, a coherent processing
 * system: a cluster power controller and an interrupt controller (GIC). Exceptions are in traps.c. */
#include "../kernel.h"
#include "../smp.h"
#include "cpu.h"

/* ISA's ports, of a 16550. */
enum { UART = 0x180003f8, UART_DATA = 0, UART_LINE = 5, UART_EMPTY = 0x20 };

/* MIPS Coherence Manager: global registers, from where they are to where the other two are to be. */
enum { GCR_GIC_BASE = 0x80, GCR_CPC_BASE = 0x88, GCR_LOCAL_CONFIG = 0x2010, GCR_CPUS = 0x3ff, GCR_ON = 1 };
enum { CPC = 0x1bde0000, CPC_LOCAL_RUN = 0x2028 };
enum { GIC = 0x1bdc0000, GIC_WEDGE = 0x280, GIC_SET_MASK = 0x380, GIC_PIN = 0x500, GIC_CPU = 0x2000 };
#define GIC_ON 0x80000000u /* set an interrupt; to a pin */
enum { IPI = 64, IPI_PIN = 1 }; /* interrupts from here on are the CPUs'; the first pin is the PC's */

enum { PATIENCE = 1 << 22 };
enum { FIRMWARE_BYTES = 0x10000 }; /* of RAM, from its start on: what the loader passes is there */

uint64_t boot_ram;
struct machine_start machine_secondary;

static volatile uint32_t *reg(mm_paddr_t device, unsigned offset)
{
	return (volatile uint32_t *)(MACHINE_REGISTERS + device + offset);
}

static volatile uint64_t *gcr(unsigned offset)
{
	return (volatile uint64_t *)reg(cp0_gcr_base() << 4, offset);
}

/* Is this a system of several CPUs? */
static bool has_others(void)
{
	return cp0_gcr_base() != 0;
}

void machine_init(void)
{
	if (!has_others())
		return;
	*gcr(GCR_GIC_BASE) = GIC | GCR_ON;
	*gcr(GCR_CPC_BASE) = CPC | GCR_ON;
}

void machine_console_put(char c)
{
	volatile uint8_t *uart = (volatile uint8_t *)(MACHINE_REGISTERS + UART);

	while (!(uart[UART_LINE] & UART_EMPTY))
		;
	uart[UART_DATA] = (uint8_t)c;
}

/* Unified Hosting Interface: operation 1 ends the host's program with a status. */
noreturn void machine_exit(bool ok)
{
	register uint64_t status __asm__("$4") = ok ? 0 : 1;
	register uint64_t operation __asm__("$25") = 1;

	__asm__ volatile("sdbbp 1" : : "r"(status), "r"(operation) : "memory");
	for (;;)
		__asm__ volatile("wait");
}

/* Arguments as those of a C program, by 32-bit addresses; the second is the command line. */
static void copy_cmdline(uintptr_t boot_info, char *cmdline, size_t bytes)
{
	const int32_t *argv = (const int32_t *)boot_info;
	const char *from = (const char *)(intptr_t)argv[1];
	size_t n = 0;

	while (from && n < bytes - 1 && from[n]) {
		cmdline[n] = from[n];
		n++;
	}
	cmdline[n] = '\0';
}

enum mm_status machine_memmap(uintptr_t boot_info, struct mm_memmap *map, struct mm_numa *numa,
			      char *cmdline, size_t bytes)
{
	enum mm_status st = mm_memmap_add(map, 0, boot_ram, MM_MEM_USABLE, "RAM");

	(void)numa;
	copy_cmdline(boot_info, cmdline, bytes);
	if (st == MM_OK)
		st = mm_memmap_add(map, 0, FIRMWARE_BYTES, MM_MEM_RESERVED, "loader");
	return st;
}

/* They are reached through xkphys. */
bool machine_next_device(uint32_t *it, mm_paddr_t *pa)
{
	(void)it;
	(void)pa;
	return false;
}

const struct mm_pt_port *machine_pt_port(void)
{
	return mm_pt_format(MM_PT_MIPS64);
}

void machine_pt_probe(struct mm_pt_cfg *cfg)
{
	*cfg = (struct mm_pt_cfg){ .pa_bits = 48 };
}

/* tlb.c reads them where they are. */
void machine_switch_tables(mm_paddr_t root)
{
	(void)root;
}

static void flush_here(void *gather)
{
	tlb_flush(gather);
}

/* A CPU cannot reach into the TLB of another: it has to be asked. With one CPU, "not the others" is "none". */
void machine_tlb_flush(const struct mm_tlb_gather *g, bool all)
{
	__asm__ volatile("sync" : : : "memory");
	if (all || smp_online() > 1)
		flush_here((void *)(uintptr_t)g);
	if (all && g->flush)
		smp_call_others(flush_here, (void *)(uintptr_t)g);
}

/* Interrupt IPI + id goes to CPU @id. */
void gic_cpu_init(uint32_t id)
{
	const uint32_t irq = IPI + id;

	if (!has_others())
		return;
	*reg(GIC, GIC_PIN + 4 * irq) = GIC_ON | IPI_PIN;
	*reg(GIC, GIC_CPU + 32 * irq) = 1u << id;
	*reg(GIC, GIC_SET_MASK + irq / 32 * 4) = 1u << irq % 32;
}

void gic_handle(void)
{
	*reg(GIC, GIC_WEDGE) = IPI + (uint32_t)machine_cpu()->id;
	__asm__ volatile("sync" : : : "memory");
	smp_interrupt();
}

void machine_interrupt(const struct cpu *c)
{
	__asm__ volatile("sync" : : : "memory"); /* what it is to see comes first */
	*reg(GIC, GIC_WEDGE) = GIC_ON | (IPI + (uint32_t)c->id);
}

void machine_cpu_init(struct cpu *me)
{
	cp0_set_kscratch1((uintptr_t)me);
	cp0_set_cause(0);
	me->id = cp0_ebase() & GCR_CPUS;
	tlb_empty();
	gic_cpu_init((uint32_t)me->id);
}

bool machine_next_cpu(uint32_t *it, uint64_t *id)
{
	*id = ++*it;
	return has_others() && *it <= (*gcr(GCR_LOCAL_CONFIG) & GCR_CPUS);
}

/* It begins as the first one did, in boot.S. */
bool machine_cpu_start(const struct cpu *c, const struct machine_start *start)
{
	machine_secondary = *start;
	__asm__ volatile("sync" : : : "memory");
	*reg(CPC, CPC_LOCAL_RUN) = 1u << c->id;
	return true;
}

bool machine_irq_save(void)
{
	uint64_t status;

	__asm__ volatile("di %0; ehb" : "=r"(status) : : "memory");
	return status & STATUS_IE;
}

void machine_irq_restore(bool on)
{
	if (on)
		__asm__ volatile("ei; ehb" : : : "memory");
	else
		__asm__ volatile("di; ehb" : : : "memory");
}

/* wait ends when an interrupt is pending, enabled or not. */
void machine_idle(void)
{
	__asm__ volatile("wait; ei; ehb; di; ehb" : : : "memory");
}

/* QEMU changes Cause without a lock where a CPU takes an exception, so that an interrupt that comes just then may be
 * lost. Who waits for long sends it again: one that nobody waits for does nothing. */
void machine_relax(void)
{
	const struct cpu *me = machine_cpu();

	if (++machine_cpu()->machine.relaxed % PATIENCE)
		return;
	for (uint32_t i = 0; i < kernel.ncpus && has_others(); i++)
		if (&cpus[i] != me && __atomic_load_n(&cpus[i].online, __ATOMIC_RELAXED))
			machine_interrupt(&cpus[i]);
}
