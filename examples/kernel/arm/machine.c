/* SPDX-License-Identifier: MIT */
/* QEMU's machine "virt" with 32 bits: PL011 serial port, GICv2, PSCI, and a device tree at the start of RAM.
 * Exceptions are in traps.c. */
#include <mmlib/pt_flush.h>
#include "../fdt.h"
#include "../kernel.h"
#include "../smp.h"
#include "gic.h"

enum { UART = 0x09000000, UART_DATA = 0x00, UART_FLAGS = 0x18, UART_FULL = 0x20 };

/* GICv2: distributor and CPU interface (Arm IHI 0048B). */
enum { GICD = 0x08000000, GICD_CTLR = 0x000, GICD_SGI = 0xf00 };
enum { GICC = 0x08010000, GICC_CTLR = 0x00, GICC_MASK = 0x04, GICC_ACK = 0x0c, GICC_DONE = 0x10 };
enum { GIC_ON = 1, GIC_ALL_PRIORITIES = 0xff, GIC_ID = 0x3ff, GIC_NOTHING = 1020, SGI_CALL = 0 };

/* PSCI 1.1, by HVC. */
#define PSCI_SYSTEM_OFF    0x84000008
#define PSCI_CPU_ON        0x84000003
#define PSCI_AFFINITY_INFO 0x84000004
enum { PSCI_OK = 0, PSCI_IS_OFF = 1, PSCI_CPUS = 8 }; /* a GICv2 has no more than 8 */

/* Semihosting: the host's debugger, which is QEMU. */
enum { SEMIHOST_EXIT_EXTENDED = 0x20, SEMIHOST_APPLICATION_EXIT = 0x20026 };

enum { PSR_I = 0x80 };

extern const char secondary_start[];
extern uint32_t machine_short; /* for boot.S */

static volatile uint32_t *reg(uint32_t device, unsigned offset)
{
	return (volatile uint32_t *)(device + offset);
}

void machine_init(void)
{
	/* QEMU's port is ready as it is. */
}

void machine_console_put(char c)
{
	while (*reg(UART, UART_FLAGS) & UART_FULL)
		;
	*reg(UART, UART_DATA) = (uint8_t)c;
}

static uint32_t psci(uint32_t function, uint32_t a, uint32_t b, uint32_t c)
{
	register uint32_t r0 __asm__("r0") = function;
	register uint32_t r1 __asm__("r1") = a;
	register uint32_t r2 __asm__("r2") = b;
	register uint32_t r3 __asm__("r3") = c;

	__asm__ volatile(".arch_extension virt; hvc #0"
			 : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
			 :
			 : "r12", "memory");
	return r0;
}

noreturn void machine_exit(bool ok)
{
	const uint32_t block[] = { SEMIHOST_APPLICATION_EXIT, ok ? 0 : 1 };
	register uint32_t r0 __asm__("r0") = SEMIHOST_EXIT_EXTENDED;
	register const uint32_t *r1 __asm__("r1") = block;

	__asm__ volatile("svc #0x123456" : "+r"(r0) : "r"(r1) : "memory", "lr");
	psci(PSCI_SYSTEM_OFF, 0, 0, 0);
	for (;;)
		__asm__ volatile("wfi");
}

enum mm_status machine_memmap(uintptr_t boot_info, struct mm_memmap *map, struct mm_numa *numa,
			      char *cmdline, size_t bytes)
{
	return fdt_memmap(boot_info, map, numa, cmdline, bytes);
}

bool machine_next_device(uint32_t *it, mm_paddr_t *pa)
{
	static const mm_paddr_t devices[] = { GICD, GICC, UART };

	if (*it == sizeof(devices) / sizeof(*devices))
		return false;
	*pa = devices[(*it)++];
	return true;
}

const struct mm_pt_port *machine_pt_port(void)
{
	machine_short = kernel_has_word("short");
	return mm_pt_format(machine_short ? MM_PT_ARMV7 : MM_PT_ARMV7_LPAE);
}

void machine_pt_probe(struct mm_pt_cfg *cfg)
{
	uint32_t mmfr3;

	__asm__("mrc p15, 0, %0, c0, c1, 7" : "=r"(mmfr3)); /* bits 31:28: are there supersections? */
	bool is_short = machine_pt_port() == mm_pt_format(MM_PT_ARMV7);
	*cfg = (struct mm_pt_cfg){ .features = !is_short        ? MM_PT_AARCH64_CONTIG :
					       mmfr3 >> 28 == 0 ? MM_PT_ARMV7_LARGE | MM_PT_ARMV7_SUPER :
								  MM_PT_ARMV7_LARGE };
}

/* Hardware tells the other CPUs. With one CPU, "not the others" is "none". */
void machine_tlb_flush(const struct mm_tlb_gather *g, bool all)
{
	static const struct mm_tlb_gather whole = { .flush = true };

	if (all)
		mm_pt_armv7_flush(g);
	else if (smp_online() > 1)
		mm_pt_armv7_flush_local(&whole);
}

void gic_cpu_init(void)
{
	*reg(GICD, GICD_CTLR) = GIC_ON;
	*reg(GICC, GICC_MASK) = GIC_ALL_PRIORITIES;
	*reg(GICC, GICC_CTLR) = GIC_ON;
}

void gic_handle(void)
{
	uint32_t ack = *reg(GICC, GICC_ACK);

	if ((ack & GIC_ID) == SGI_CALL)
		smp_interrupt();
	if ((ack & GIC_ID) < GIC_NOTHING)
		*reg(GICC, GICC_DONE) = ack;
}

/* On this machine interfaces have the CPUs' numbers. */
void machine_interrupt(const struct cpu *c)
{
	__asm__ volatile("dsb ish" : : : "memory"); /* what it is to see comes first */
	*reg(GICD, GICD_SGI) = UINT32_C(1) << (16 + (uint32_t)c->id) | SGI_CALL;
}

bool machine_next_cpu(uint32_t *it, uint64_t *id)
{
	while (*it < PSCI_CPUS) {
		uint32_t next = (*it)++;

		*id = next;
		if (psci(PSCI_AFFINITY_INFO, next, 0, 0) == PSCI_IS_OFF)
			return true;
	}
	return false;
}

/* It begins with the MMU off, and must find what is written here in memory. */
bool machine_cpu_start(const struct cpu *c, const struct machine_start *start)
{
	static struct machine_start copy;

	copy = *start;
	__asm__ volatile("dsb" : : : "memory");
	return psci(PSCI_CPU_ON, (uint32_t)c->id, (uint32_t)secondary_start, (uint32_t)&copy) == PSCI_OK;
}

bool machine_irq_save(void)
{
	uint32_t psr;

	__asm__ volatile("mrs %0, cpsr; cpsid i" : "=r"(psr) : : "memory");
	return !(psr & PSR_I);
}

void machine_irq_restore(bool on)
{
	if (on)
		__asm__ volatile("cpsie i" : : : "memory");
	else
		__asm__ volatile("cpsid i" : : : "memory");
}

/* wfi ends when an interrupt is pending, masked or not. */
void machine_idle(void)
{
	__asm__ volatile("wfi; cpsie i; isb; cpsid i" : : : "memory");
}

void machine_relax(void)
{
	__asm__ volatile("yield");
}
