/* SPDX-License-Identifier: MIT */
/* QEMU's machine "virt": PL011 serial port, GICv2, PSCI, and a device tree at the start of RAM.
 * Exceptions are in traps.c. */
#include <mmlib/pt_formats.h>
#include "../fdt.h"
#include "../kernel.h"
#include "../smp.h"
#include "cpu.h"
#include "gic.h"
#include "guest.h"

enum { UART = 0x09000000, UART_DATA = 0x00, UART_FLAGS = 0x18, UART_FULL = 0x20 };

/* GICv2: distributor and CPU interface (Arm IHI 0048B). */
enum { GICD = 0x08000000, GICD_CTLR = 0x000, GICD_TARGETS = 0x800, GICD_SGI = 0xf00 };
enum { GICC = 0x08010000, GICC_CTLR = 0x00, GICC_MASK = 0x04, GICC_ACK = 0x0c, GICC_DONE = 0x10 };
enum { GIC_ON = 1, GIC_ALL_PRIORITIES = 0xff, GIC_ID = 0x3ff, GIC_NOTHING = 1020, SGI_CALL = 0 };

/* PSCI 1.1, by HVC, or by SMC from EL2. */
#define PSCI_SYSTEM_OFF    0x84000008
#define PSCI_CPU_ON        0xc4000003
#define PSCI_AFFINITY_INFO 0xc4000004
enum { PSCI_OK = 0, PSCI_IS_OFF = 1, PSCI_CPUS = 8 }; /* a GICv2 has no more than 8 */

/* Semihosting: the host's debugger, which is QEMU. */
enum { SEMIHOST_EXIT_EXTENDED = 0x20, SEMIHOST_APPLICATION_EXIT = 0x20026 };

extern const char secondary_start[]; /* a physical address */

static volatile uint32_t *reg(uint64_t device, unsigned offset)
{
	return (volatile uint32_t *)(MACHINE_DIRECT_MAP + device + offset);
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

bool machine_is_host(void)
{
	return cpu_read(currentel) == 2 << 2;
}

static int64_t psci(uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
	register uint64_t host __asm__("x18") = machine_is_host();
	register uint64_t x0 __asm__("x0") = function;
	register uint64_t x1 __asm__("x1") = a;
	register uint64_t x2 __asm__("x2") = b;
	register uint64_t x3 __asm__("x3") = c;

	__asm__ volatile("cbnz %4, 1f; hvc #0; b 2f; 1: smc #0; 2:"
			 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
			 : "r"(host)
			 : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
			   "x15", "x16", "x17", "memory");
	return (int64_t)x0;
}

static void semihost_exit(uint64_t code)
{
	const uint64_t block[] = { SEMIHOST_APPLICATION_EXIT, code };
	register uint64_t x0 __asm__("x0") = SEMIHOST_EXIT_EXTENDED;
	register const uint64_t *x1 __asm__("x1") = block;

	__asm__ volatile("hlt #0xf000" : "+r"(x0) : "r"(x1) : "memory");
}

noreturn void machine_exit(bool ok)
{
	static uint32_t leaving;

	if (!__atomic_exchange_n(&leaving, 1, __ATOMIC_RELAXED))
		semihost_exit(ok ? 0 : 1);
	psci(PSCI_SYSTEM_OFF, 0, 0, 0); /* no debugger: hlt was an exception */
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

uint32_t machine_lpa2;
enum { TGRAN4_SHIFT = 28, TGRAN4_LPA2 = 1 }; /* ID_AA64MMFR0_EL1 */

/* LPA2 is for both halves or for none, so the kernel has it where the tree under test shall. */
const struct mm_pt_port *machine_pt_port(void)
{
	machine_lpa2 = (kernel_has_word("4k-lpa2") || kernel_has_word("16k-lpa2")) &&
		       (cpu_read(id_aa64mmfr0_el1) >> TGRAN4_SHIFT & 15) == TGRAN4_LPA2;
	return machine_lpa2 ? mm_pt_format(MM_PT_AARCH64_4K_LPA2_HIGH) : mm_pt_aarch64_high_port();
}

struct mm_pt_aarch64_tlb machine_tlb;

void machine_pt_probe(struct mm_pt_cfg *cfg)
{
	mm_pt_aarch64_probe(cfg);
	cfg->features = MM_PT_AARCH64_CONTIG | (windows_wanted() ? MM_PT_AARCH64_RECURSIVE : 0u);
	mm_pt_aarch64_tlb_probe(&machine_tlb);
	machine_tlb.lpa2 = machine_lpa2; /* once the tables are these */
}

/* Hardware tells the other CPUs. The kernel's half is in all address spaces. */
void machine_tlb_flush(const struct mm_tlb_gather *g, bool all)
{
	struct mm_pt_aarch64_tlb tlb = machine_tlb;

	if (windows_keep(g))
		return;
	if (machine_guest && !(g->start >> 63)) {
		guest_flush(g, all);
		return;
	}
	tlb.one_space = tlb.one_space && !(g->start >> 63);
	if (all)
		mm_pt_aarch64_flush_by(&tlb, g);
	else
		__asm__ volatile("dsb nshst; tlbi vmalle1; dsb nsh; isb" : : : "memory");
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
	*reg(GICD, GICD_SGI) = UINT32_C(1) << (16 + c->id) | SGI_CALL;
}

bool machine_next_cpu(uint32_t *it, uint64_t *id)
{
	while (*it < PSCI_CPUS) {
		*id = (*it)++;
		if (psci(PSCI_AFFINITY_INFO, *id, 0, 0) == PSCI_IS_OFF)
			return true;
	}
	return false;
}

bool machine_cpu_start(const struct cpu *c, const struct machine_start *start)
{
	return psci(PSCI_CPU_ON, c->id, (uint64_t)secondary_start, (uint64_t)start) == PSCI_OK;
}

enum { DAIF_I = 0x80 };

bool machine_irq_save(void)
{
	uint64_t daif = cpu_read(daif);

	__asm__ volatile("msr daifset, #2" : : : "memory");
	return !(daif & DAIF_I);
}

void machine_irq_restore(bool on)
{
	if (on)
		__asm__ volatile("msr daifclr, #2" : : : "memory");
	else
		__asm__ volatile("msr daifset, #2" : : : "memory");
}

/* wfi ends when an interrupt is pending, masked or not. */
void machine_idle(void)
{
	__asm__ volatile("wfi; msr daifclr, #2; isb; msr daifset, #2" : : : "memory");
}

void machine_relax(void)
{
	__asm__ volatile("yield");
}
