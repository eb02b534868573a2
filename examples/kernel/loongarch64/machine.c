/* SPDX-License-Identifier: MIT */
/* QEMU's machine "virt": a 16550, power management of ACPI, a panic device, and CPUs that interrupt each other by
 * registers of the chip. Exceptions are in traps.c. */
#include "../kernel.h"
#include "../smp.h"
#include "cpu.h"

enum { UART = 0x1fe001e0, UART_DATA = 0, UART_LINE = 5, UART_EMPTY = 0x20 };

/* ACPI's sleep control register: to S5. */
enum { SLEEP_CONTROL = 0x100e001c, SLEEP_S5 = 0x34 };

/* PCI: device 1 is "pvpanic-pci", which ends QEMU with a failure (run.sh). */
#define PANIC_CONFIG UINT64_C(0x20008000)
#define PANIC_MEMORY UINT64_C(0x40000000)
enum { PCI_COMMAND = 0x04, PCI_COMMAND_MEMORY = 2, PCI_BAR0 = 0x10, PANICKED = 1 };

/* Memory up to the hole, and where it goes on. */
#define RAM_LOW  UINT64_C(0x10000000)
#define RAM_HIGH UINT64_C(0x90000000)
enum { FIRMWARE_BYTES = 0x200000 }; /* of RAM, from its start on: the device tree is there */

enum { CPU_IDS = 512, SEND_CPU_SHIFT = 16 };
#define SEND_BLOCKS 0x80000000u

enum { PATIENCE = 1 << 22 };

const struct machine_start *machine_secondary[CPU_IDS];

static volatile uint32_t *reg(uint64_t pa)
{
	return (volatile uint32_t *)(MACHINE_REGISTERS + pa);
}

void machine_init(void)
{
	/* QEMU's console is ready as it is. */
}

void machine_console_put(char c)
{
	volatile uint8_t *uart = (volatile uint8_t *)reg(UART);

	while (!(uart[UART_LINE] & UART_EMPTY))
		;
	uart[UART_DATA] = (uint8_t)c;
}

noreturn void machine_exit(bool ok)
{
	if (ok) {
		*(volatile uint8_t *)reg(SLEEP_CONTROL) = SLEEP_S5;
	} else {
		*reg(PANIC_CONFIG + PCI_BAR0) = PANIC_MEMORY;
		*reg(PANIC_CONFIG + PCI_COMMAND) = PCI_COMMAND_MEMORY;
		*(volatile uint8_t *)reg(PANIC_MEMORY) = PANICKED;
	}
	for (;;)
		__asm__ volatile("idle 0");
}

enum mm_status machine_memmap(uintptr_t boot_info, struct mm_memmap *map, struct mm_numa *numa,
			      char *cmdline, size_t bytes)
{
	enum mm_status st = mm_memmap_add(map, 0, RAM_LOW, MM_MEM_USABLE, "RAM");
	const uint64_t ram = firmware_ram();

	(void)boot_info;
	(void)numa;
	firmware_words(cmdline, bytes);
	if (st == MM_OK && ram > RAM_LOW)
		st = mm_memmap_add(map, RAM_HIGH, ram - RAM_LOW, MM_MEM_USABLE, "RAM");
	if (st == MM_OK)
		st = mm_memmap_add(map, 0, FIRMWARE_BYTES, MM_MEM_RESERVED, "loader");
	return st;
}

/* They are reached through a window. */
bool machine_next_device(uint32_t *it, mm_paddr_t *pa)
{
	(void)it;
	(void)pa;
	return false;
}

/* Of the kernel's half. Both halves have pages of the same size. */
const struct mm_pt_port *machine_pt_port(void)
{
	return mm_pt_format(kernel_has_word("16k") ? MM_PT_LOONGARCH64_16K_HIGH : MM_PT_LOONGARCH64_HIGH);
}

void machine_pt_probe(struct mm_pt_cfg *cfg)
{
	*cfg = (struct mm_pt_cfg){ .pa_bits = 48 };
}

void machine_switch_tables(mm_paddr_t root)
{
	(void)root; /* kernel.pt's */
	tlb_start();
}

static void flush_here(void *gather)
{
	tlb_flush(gather);
}

/* A CPU cannot reach into the TLB of another: it has to be asked. */
void machine_tlb_flush(const struct mm_tlb_gather *g, bool all)
{
	if (all || smp_online() > 1)
		flush_here((void *)(uintptr_t)g);
	if (all && g->flush)
		smp_call_others(flush_here, (void *)(uintptr_t)g);
}

void machine_interrupt(const struct cpu *c)
{
	__asm__ volatile("dbar 0" : : : "memory"); /* what it is to see comes first */
	iocsr_write(IOCSR_SEND, SEND_BLOCKS | (uint32_t)c->id << SEND_CPU_SHIFT);
}

void machine_cpu_init(struct cpu *me)
{
	csr_write(CSR_SAVE3, (uintptr_t)me);
	me->id = csr_read(CSR_CPUID) & (CPU_IDS - 1);
	csr_write(CSR_EENTRY, (uintptr_t)trap_entry);
	iocsr_write(IOCSR_EN, UINT32_MAX);
	csr_write(CSR_ECFG, ECFG_IPI);
	if (kernel.pt.root)
		tlb_start();
}

bool machine_next_cpu(uint32_t *it, uint64_t *id)
{
	*id = ++*it;
	return *it < firmware_cpus();
}

/* It waits in boot.S. */
bool machine_cpu_start(const struct cpu *c, const struct machine_start *start)
{
	__atomic_store_n(&machine_secondary[c->id], start, __ATOMIC_RELEASE);
	machine_interrupt(c);
	return true;
}

bool machine_irq_save(void)
{
	return csr_exchange(CSR_CRMD, 0, CRMD_IE) & CRMD_IE;
}

void machine_irq_restore(bool on)
{
	(void)csr_exchange(CSR_CRMD, on ? CRMD_IE : 0, CRMD_IE);
}

/* In QEMU an interrupt that is not let in ends it, too. */
void machine_idle(void)
{
	__asm__ volatile("idle 0" : : : "memory");
	machine_irq_restore(true);
	machine_irq_restore(false);
}

/* QEMU changes ESTAT without a lock where a CPU takes an exception, so that an interrupt that comes just then may be
 * lost. Who waits for long sends it again: one that nobody waits for does nothing. */
void machine_relax(void)
{
	const struct cpu *me = machine_cpu();

	if (++machine_cpu()->machine.relaxed % PATIENCE)
		return;
	for (uint32_t i = 0; i < kernel.ncpus; i++)
		if (&cpus[i] != me && __atomic_load_n(&cpus[i].online, __ATOMIC_RELAXED))
			machine_interrupt(&cpus[i]);
}
