/* SPDX-License-Identifier: MIT */
/* QEMU's machine "pseries": a partition under a hypervisor, which has the console, the interrupt controller (XICS) and
 * RTAS, to start CPUs and to end all. Interrupts are in traps.c. */
#include "../kernel.h"
#include "../smp.h"
#include "cpu.h"

enum { PRIORITY_CALL = 5, PRIORITY_NONE = 0xff };
enum { CPUS_ASKED = 64, RTAS_OK = 0, CPU_STOPPED = 0 };
enum { FIRMWARE_BYTES = 0x400000 }; /* up to the image: interrupt vectors, and what firmware left */

extern const char machine_secondary[];

void machine_init(void)
{
	/* The hypervisor's console is ready as it is. */
}

/* To power off is success; an operating system that has died ends QEMU with another status. */
noreturn void machine_exit(bool ok)
{
	static const char text[] = "the kernel says that it has failed";

	if (ok)
		rtas("power-off", (const uint32_t[3]){ 0, 0 }, 2, NULL);
	else
		rtas("ibm,os-term", (const uint32_t[3]){ (uint32_t)(uintptr_t)text }, 1, NULL);
	for (;;)
		(void)machine_irq_save();
}

enum mm_status machine_memmap(uintptr_t boot_info, struct mm_memmap *map, struct mm_numa *numa,
			      char *cmdline, size_t bytes)
{
	uint64_t ram[2] = { 0 };
	enum mm_status st;

	(void)boot_info;
	(void)numa;
	cmdline[firmware_property("/chosen", "bootargs", cmdline, bytes - 1)] = '\0';
	if (firmware_property("/memory@0", "reg", ram, sizeof(ram)) != sizeof(ram))
		return MM_E_FAULT;
	st = mm_memmap_add(map, ram[0], ram[1], MM_MEM_USABLE, "RAM");
	if (st == MM_OK)
		st = mm_memmap_add(map, 0, FIRMWARE_BYTES, MM_MEM_RESERVED, "vectors, firmware");
	return st;
}

/* There are none: the hypervisor has them. */
bool machine_next_device(uint32_t *it, mm_paddr_t *pa)
{
	(void)it;
	(void)pa;
	return false;
}

/* What user pages allow the user, they allow the kernel: AMR and IAMR take nothing away. */
void machine_cpu_init(struct cpu *me)
{
	__asm__ volatile("mtsprg 0, %0" : : "r"(me));
	spr_set_amr(0);
	spr_set_iamr(0);
	spr_set_dec(DEC_NEVER);
	hcall(H_CPPR, PRIORITY_NONE, 0, 0, 0, NULL);
	if (me->number == 0)
		tables_init();
}

/* The first CPU is no 0. */
bool machine_next_cpu(uint32_t *it, uint64_t *id)
{
	while (*it < CPUS_ASKED) {
		uint32_t state = ~0u;

		*id = (*it)++;
		if (rtas("query-cpu-stopped-state", (const uint32_t[3]){ (uint32_t)*id }, 1, &state) == RTAS_OK &&
		    state == CPU_STOPPED)
			return true;
	}
	return false;
}

bool machine_cpu_start(const struct cpu *c, const struct machine_start *start)
{
	const uint32_t in[3] = { (uint32_t)c->id, (uint32_t)(uintptr_t)machine_secondary,
				 (uint32_t)(uintptr_t)start };

	__asm__ volatile("sync" : : : "memory");
	return rtas("start-cpu", in, 3, NULL) == RTAS_OK;
}

void machine_interrupt(const struct cpu *c)
{
	__asm__ volatile("sync" : : : "memory"); /* what it is to see comes first */
	hcall(H_IPI, c->id, PRIORITY_CALL, 0, 0, NULL);
}

bool machine_irq_save(void)
{
	uint64_t msr;

	__asm__ volatile("mfmsr %0; mtmsrd %1, 1" : "=&r"(msr) : "r"((uint64_t)0) : "memory");
	return msr & MSR_EE;
}

void machine_irq_restore(bool on)
{
	__asm__ volatile("mtmsrd %0, 1" : : "r"(on ? (uint64_t)MSR_EE : (uint64_t)0) : "memory");
}

/* It takes interrupts, and sleeps if there is none. */
void machine_idle(void)
{
	hcall(H_CEDE, 0, 0, 0, 0, NULL);
	(void)machine_irq_save();
}

/* Low priority for a moment; QEMU then lets others run. */
void machine_relax(void)
{
	__asm__ volatile("or %%r1, %%r1, %%r1; or %%r2, %%r2, %%r2" : : : "memory");
}
