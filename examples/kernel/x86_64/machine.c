/* SPDX-License-Identifier: MIT */
/* A PC as QEMU makes it: serial port, PVH loader, exit device. Exceptions are in traps.c, other
 * CPUs in apic.c, page tables in tables.c. Also of PCs with 32 bits. */
#include "../smp.h"
#include "acpi.h"
#include "apic.h"
#include "cpu.h"
#include "loader.h"

/* Serial port 1, a 16550. */
enum { COM1 = 0x3f8, COM_DATA = 0, COM_INTERRUPTS = 1, COM_FIFO = 2, COM_LINE = 3, COM_STATUS = 5 };
enum { COM_LINE_8N1 = 3, COM_LINE_DIVISOR = 0x80, COM_FIFO_ON = 7, COM_STATUS_EMPTY = 0x20 };

/* QEMU's isa-debug-exit: a byte v written there ends QEMU with status 2 * v + 1. */
enum { EXIT_PORT = 0xf4, EXIT_OK = 0x10, EXIT_FAILED = 0x11 };

void machine_init(void)
{
	cpu_out8(COM1 + COM_INTERRUPTS, 0);
	cpu_out8(COM1 + COM_LINE, COM_LINE_DIVISOR);
	cpu_out8(COM1 + COM_DATA, 1); /* 115,200 baud */
	cpu_out8(COM1 + COM_INTERRUPTS, 0);
	cpu_out8(COM1 + COM_LINE, COM_LINE_8N1);
	cpu_out8(COM1 + COM_FIFO, COM_FIFO_ON);
}

void machine_console_put(char c)
{
	while (!(cpu_in8(COM1 + COM_STATUS) & COM_STATUS_EMPTY))
		;
	cpu_out8(COM1 + COM_DATA, (uint8_t)c);
}

noreturn void machine_exit(bool ok)
{
	cpu_out8(EXIT_PORT, ok ? EXIT_OK : EXIT_FAILED);
	for (;;) /* no such device: a real PC */
		__asm__ volatile("cli; hlt");
}

/* The boot tables reach MACHINE_REACH, so that is what the parser may read. */
static const void *boot_read(void *ctx, mm_paddr_t pa, size_t bytes)
{
	(void)ctx;
	if (pa > MACHINE_REACH || bytes > MACHINE_REACH - pa)
		return NULL;
	return (const void *)(MACHINE_DIRECT_MAP + pa);
}

enum mm_status machine_memmap(uintptr_t boot_info, struct mm_memmap *map, struct mm_numa *numa,
			      char *cmdline, size_t bytes)
{
	struct mm_boot_info info;
	enum mm_status st = loader_memmap(boot_info, map, boot_read, &info);
	size_t i = 0;

	if (st != MM_OK)
		return st;
	if (info.cmdline) {
		const char *from = boot_read(NULL, info.cmdline, bytes);

		for (; from && i < bytes - 1 && from[i]; i++)
			cmdline[i] = from[i];
	}
	cmdline[i] = '\0';
	/* now: the direct map to come is without these tables */
	apic_find(boot_read, info.rsdp);
	acpi_numa(boot_read, NULL, info.rsdp, numa);
	/* Other CPUs begin in real mode, so their first code has to lie low. What the
	 * loader left there has been read by now. */
	return mm_memmap_add(map, 0, TRAMPOLINE_END, MM_MEM_EARLY, "CPU start-up");
}

bool machine_next_device(uint32_t *it, mm_paddr_t *pa)
{
	*pa = apic_base();
	return (*it)++ == 0;
}

enum { RFLAGS_IF = 0x200 };

bool machine_irq_save(void)
{
	uintptr_t flags;

	__asm__ volatile("pushf; pop %0; cli" : "=r"(flags) : : "memory");
	return flags & RFLAGS_IF;
}

void machine_irq_restore(bool on)
{
	if (on)
		__asm__ volatile("sti" : : : "memory");
	else
		__asm__ volatile("cli" : : : "memory");
}

/* sti takes effect after the next instruction, so no interrupt is lost between the two. */
void machine_idle(void)
{
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}

void machine_relax(void)
{
	__asm__ volatile("pause");
}
