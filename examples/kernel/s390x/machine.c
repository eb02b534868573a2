/* SPDX-License-Identifier: MIT */
/* QEMU's machine "s390-ccw-virtio": CPUs by SIGNAL PROCESSOR; the console is sclp.c, interruptions are traps.c.
 *
 * Theory of operation
 * Prefix       real addresses are absolute ones, but for the 8 KiB at 0, which are each CPU's own. The first CPU's are at
 *              absolute 0 too, those of the others in the image: so no frame that is allocated has two addresses.
 * No tables    the kernel runs without address translation. For what is under test: conform.c. */
#include "../kernel.h"
#include "../smp.h"
#include "cpu.h"

enum { LOADER_BYTES = 0x10000 }; /* of RAM, from its start on: the first CPU's prefix area; firmware */

static char prefixes[CPUS_MAX][LOW_BYTES] __attribute__((aligned(LOW_BYTES)));

extern char trap_external[], trap_svc[], trap_program[], trap_check[], trap_io[], machine_secondary[];

static void low_set(uintptr_t low, unsigned at, uint64_t value)
{
	*(volatile uint64_t *)(low + at) = value;
}

static void new_psw(uintptr_t low, unsigned at, const char *pc)
{
	low_set(low, at, PSW_64);
	low_set(low, at + 8, (uintptr_t)pc);
}

/* A prefix area, at its absolute address. */
static void prefix_init(uintptr_t low, const struct cpu *c)
{
	new_psw(low, LOW_RESTART_NEW, machine_secondary);
	new_psw(low, LOW_EXTERNAL_NEW, trap_external);
	new_psw(low, LOW_SVC_NEW, trap_svc);
	new_psw(low, LOW_PROGRAM_NEW, trap_program);
	new_psw(low, LOW_CHECK_NEW, trap_check);
	new_psw(low, LOW_IO_NEW, trap_io);
	low_set(low, LOW_CPU, (uintptr_t)c);
}

static void control_init(uint64_t more)
{
	CONTROL(0, CR0_SECONDARY | CR0_EDAT | CR0_NX | CR0_EMERGENCY | more);
	CONTROL(1, ASCE_REAL);
	CONTROL(7, ASCE_REAL);
	CONTROL(13, ASCE_REAL);
}

/* sclp.c needs interruptions. */
void machine_init(void)
{
	prefix_init(0, &cpus[0]);
	control_init(CR0_SERVICE);
	sclp_init();
}

/* "Disabled wait", which ends QEMU: by address 0xfff as a guest that shuts down, else as one that failed. All CPUs have
 * to be in it, or stopped. */
noreturn void machine_exit(bool ok)
{
	const uint64_t psw[2] = { PSW_WAIT, ok ? 0xfff : 0 };

	(void)machine_irq_save();
	for (uint32_t i = 0; i < CPUS_MAX; i++)
		if (&cpus[i] != machine_cpu() && cpus[i].online)
			(void)cpu_signal(cpus[i].id, SIGP_STOP, 0);
	__asm__ volatile("lpswe %0" : : "Q"(psw) : "memory");
	__builtin_unreachable();
}

enum mm_status machine_memmap(uintptr_t boot_info, struct mm_memmap *map, struct mm_numa *numa,
			      char *cmdline, size_t bytes)
{
	const char *from = (const char *)boot_info;
	enum mm_status st = mm_memmap_add(map, 0, sclp_memory(), MM_MEM_USABLE, "RAM");
	size_t n = 0;

	(void)numa;
	for (; n < bytes - 1 && from[n]; n++)
		cmdline[n] = from[n];
	cmdline[n] = '\0';
	if (st == MM_OK)
		st = mm_memmap_add(map, 0, LOADER_BYTES, MM_MEM_RESERVED, "prefix area, loader");
	return st;
}

/* There are none in storage. */
bool machine_next_device(uint32_t *it, mm_paddr_t *pa)
{
	(void)it;
	(void)pa;
	return false;
}

const struct mm_pt_port *machine_pt_port(void)
{
	return mm_pt_format(kernel_has_word("region-2") ? MM_PT_S390X_R2 : MM_PT_S390X);
}

void machine_pt_probe(struct mm_pt_cfg *cfg)
{
	*cfg = (struct mm_pt_cfg){ .leaf_levels = 1 };
	if (cpu_has(FACILITY_EDAT1)) /* they are that of a segment, and that of a region */
		cfg->leaf_levels = cpu_has(FACILITY_EDAT2) ? 7 : 3;
}

/* The kernel uses none. */
void machine_switch_tables(mm_paddr_t root)
{
	(void)root;
}

/* With one CPU, "not the others" is "none". */
void machine_tlb_flush(const struct mm_tlb_gather *g, bool all)
{
	if (all || smp_online() > 1)
		machine_forget(g, all);
}

/* No other CPU may come in where this one waits for the console: it is told once more afterwards. */
void machine_emergency(void)
{
	struct machine_cpu *me = &machine_cpu()->machine;

	if (me->calling)
		me->deferred = 1;
	else
		smp_interrupt();
}

void machine_interrupt(const struct cpu *c)
{
	(void)cpu_signal(c->id, SIGP_EMERGENCY, 0);
}

void machine_cpu_init(struct cpu *me)
{
	uint16_t address;

	if (me != &cpus[0])
		control_init(0);
	__asm__ volatile("stap %0" : "=Q"(address));
	me->id = address;
}

bool machine_next_cpu(uint32_t *it, uint64_t *id)
{
	*id = ++*it;
	return cpu_signal(*id, SIGP_SENSE, 0) != SIGP_NOBODY;
}

bool machine_cpu_start(const struct cpu *c, const struct machine_start *start)
{
	const uintptr_t low = (uintptr_t)prefixes[c->number];

	prefix_init(low, start->cpu);
	low_set(low, LOW_STACK, start->stack_end);
	return cpu_signal(c->id, SIGP_SET_PREFIX, low) == 0 && cpu_signal(c->id, SIGP_RESTART, 0) == 0;
}

bool machine_irq_save(void)
{
	uint8_t mask;

	__asm__ volatile("stnsm %0,0xfc" : "=Q"(mask) : : "memory");
	return mask & 1;
}

void machine_irq_restore(bool on)
{
	uint8_t mask;

	if (on)
		__asm__ volatile("stosm %0,0x01" : "=Q"(mask) : : "memory");
}

/* The interruption that ends the wait goes on behind it, with interrupts on. */
void machine_idle(void)
{
	uint64_t psw[2] = { PSW_64 | PSW_EXTERNAL | PSW_WAIT, 0 };
	uint8_t mask;

	__asm__ volatile("larl %%r1,1f\n\tstg %%r1,8+%0\n\tlpswe %0\n1:\tstnsm %1,0xfc"
			 : "+Q"(psw), "=Q"(mask)
			 :
			 : "r1", "memory");
}

void machine_relax(void)
{
	__asm__ volatile("" : : : "memory");
}
