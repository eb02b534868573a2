/* SPDX-License-Identifier: MIT */
/* QEMU's machine "virt" with 32 bits and without firmware: a 16550 serial port, a CLINT, a device tree, and a device to
 * end QEMU with. Exceptions are in ../riscv64/traps.c. */
#include <mmlib/pt_flush.h>
#include "../fdt.h"
#include "../kernel.h"
#include "../smp.h"

/* "sifive,test0": what is written there ends QEMU. */
enum { TEST_DEVICE = 0x100000, TEST_PASS = 0x5555, TEST_FAIL = 0x13333 };

enum { UART = 0x10000000, UART_DATA = 0, UART_LINE = 5, UART_EMPTY = 0x20 };

/* QEMU's own device, which tells how many harts there are, if its key is written as 16 bits, big-endian. */
enum { FW_CFG = 0x10100000, FW_CFG_KEY = 8, FW_CFG_HARTS = 0x0500 };

extern const struct machine_start *machine_starting; /* what the hart that begins next is to know */

uint64_t boot_hart; /* for traps.c: it is number 0 */

void machine_init(void)
{
	/* QEMU's port is ready as it is. */
}

void machine_console_put(char c)
{
	volatile uint8_t *uart = (volatile uint8_t *)UART;

	while (!(uart[UART_LINE] & UART_EMPTY))
		;
	uart[UART_DATA] = (uint8_t)c;
}

noreturn void machine_exit(bool ok)
{
	*(volatile uint32_t *)TEST_DEVICE = ok ? TEST_PASS : TEST_FAIL;
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
	static const mm_paddr_t devices[] = { TEST_DEVICE, CLINT, UART };

	if (*it == sizeof(devices) / sizeof(*devices))
		return false;
	*pa = devices[(*it)++];
	return true;
}

const struct mm_pt_port *machine_pt_port(void)
{
	return mm_pt_format(MM_PT_SV32);
}

void machine_pt_probe(struct mm_pt_cfg *cfg)
{
	*cfg = (struct mm_pt_cfg){ 0 };
}

static void flush_here(void *gather)
{
	mm_pt_riscv32_flush_local(gather);
}

/* A hart cannot reach into the TLB of another: it has to be asked, of entries that became valid too. With one hart,
 * "not the others" is "none". */
void machine_tlb_flush(const struct mm_tlb_gather *g, bool all)
{
	if (all || smp_online() > 1)
		flush_here((void *)(uintptr_t)g);
	if (all)
		smp_call_others(flush_here, (void *)(uintptr_t)g);
}

void machine_interrupt(const struct cpu *c)
{
	__asm__ volatile("fence" : : : "memory"); /* what it is to see comes first */
	((volatile uint32_t *)CLINT)[c->id] = 1;
}

/* The machine's harts have no gaps. */
bool machine_next_cpu(uint32_t *it, uint64_t *id)
{
	volatile uint8_t *device = (volatile uint8_t *)FW_CFG;

	*(volatile uint16_t *)(device + FW_CFG_KEY) = FW_CFG_HARTS;
	*id = ++*it;
	return *it < *device;
}

bool machine_cpu_start(const struct cpu *c, const struct machine_start *start)
{
	machine_starting = start;
	machine_interrupt(c);
	return true;
}
