/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts of the demo kernel on AArch64.
 *
 * Theory of operation
 * Provoked     faults at the marks of probe.h go on there.
 * User mode    whatever it raises ends it.
 * Roots        a trap on the second root (conform_roots.c) is handled on the kernel's, and goes back to the second.
 * Stacks       threads use SP_EL0, exceptions SP_EL1, which is another stack.
 * All others   print the registers and leave the machine with a failure. */
#include "../console.h"
#include "../probe.h"
#include "cpu.h"
#include "gic.h"

/* Of those that trap.S numbers, those that are no mistakes: from EL1 with SP_EL0, and from EL0. */
enum { VECTOR_SYNC = 0, VECTOR_IRQ = 1, VECTOR_USER_SYNC = 8, VECTOR_USER_IRQ = 9 };

/* With SP_EL0, at this level, and only interrupts on: as threads run here. */
enum { SPSR_THREAD = 0x340 };

enum { MPIDR_AFFINITY = 0xffffff };

/* Syndrome (Arm ARM, ESR_EL1): class, write, and what kind of fault without the level. */
enum { EC_SHIFT = 26, EC_SVC = 0x15, EC_FETCH = 0x21, EC_DATA = 0x25, EC_OF_KERNEL = 1 };
enum { ESR_WRITE = 0x40, ESR_KIND = 0x3c, KIND_TRANSLATION = 0x04, KIND_PERMISSION = 0x0c };
enum { ESR_STATUS = 0x3f, TRANSLATION_ROOT = 0x2b }; /* of level -1, which has a code of its own */

/* What trap.S stores, lowest address first. */
struct trap_frame {
	uint64_t x[31], sp, elr, spsr, esr, far;
	uint64_t root, pad; /* where it goes back to */
};

extern const char trap_vectors[], user_left[];
void trap_handle(struct trap_frame *f, uint64_t vector);

void machine_cpu_init(struct cpu *me)
{
	char *end = me->machine.trap_stack + sizeof(me->machine.trap_stack);

	me->id = cpu_read(mpidr_el1) & MPIDR_AFFINITY;
	cpu_write(tpidr_el1, me);
	cpu_write(vbar_el1, trap_vectors);
	__asm__ volatile("msr spsel, #1; mov sp, %0; msr spsel, #0" : : "r"(end) : "memory");
	gic_cpu_init();
}

static uint64_t fault_code(uint64_t esr)
{
	if ((esr & ESR_STATUS) == TRANSLATION_ROOT)
		esr = (esr & ~(uint64_t)ESR_STATUS) | KIND_TRANSLATION;
	return esr >> EC_SHIFT << EC_SHIFT | (esr & (ESR_WRITE | ESR_KIND));
}

/* Was this fault provoked? Then note it and let the frame return to the fixup. */
static bool fault_expected(struct trap_frame *f)
{
	uint64_t class = f->esr >> EC_SHIFT;
	uintptr_t to;

	if (class != EC_FETCH && class != EC_DATA)
		return false;
	to = probe_faulted(class == EC_FETCH ? f->x[30] : f->elr, f->far, fault_code(f->esr));
	if (to)
		f->elr = to;
	return to != 0;
}

/* User code ends with a system call, or with a fault, whose class differs from the kernel's by one. */
static bool user_trapped(struct trap_frame *f)
{
	uint64_t class = f->esr >> EC_SHIFT;
	bool fault = (class | EC_OF_KERNEL) == EC_FETCH || (class | EC_OF_KERNEL) == EC_DATA;

	if (!machine_cpu()->user_sp || (!fault && class != EC_SVC))
		return false;
	f->root = cpu_read(ttbr1_el1);
	f->elr = (uint64_t)user_left;
	f->spsr = SPSR_THREAD | cpu_read(currentel);
	probe_user_trapped(
		(struct fault){ .taken = fault,
				.value = (uint8_t)f->x[0],
				.va = f->far,
				.code = fault_code(f->esr | (uint64_t)EC_OF_KERNEL << EC_SHIFT) });
	return true;
}

static noreturn void trap_die(const struct trap_frame *f, uint64_t vector)
{
	kprintf("\nCPU %u: unexpected exception %lu, syndrome %#lx, address %#lx%s\n",
		machine_cpu()->number, vector, f->esr, f->far,
		probe_in_guard(f->far) ? ": stack overflow" : "");
	kprintf("elr %016lx  spsr %08lx  sp %016lx\n", f->elr, f->spsr, f->sp);
	for (unsigned i = 0; i < 31; i++)
		kprintf("x%-2u %016lx%s", i, f->x[i], i % 4 == 3 || i == 30 ? "\n" : "  ");
	machine_exit(false);
}

void trap_handle(struct trap_frame *f, uint64_t vector)
{
	machine_cpu()->machine.switches += f->root != cpu_read(ttbr1_el1);
	if (vector == VECTOR_IRQ || vector == VECTOR_USER_IRQ)
		gic_handle();
	else if (vector == VECTOR_USER_SYNC && user_trapped(f))
		return;
	else if (vector != VECTOR_SYNC || !fault_expected(f))
		trap_die(f, vector);
}

uint64_t machine_fault_code(enum access access, bool mapped)
{
	uint64_t code = mapped ? KIND_PERMISSION : KIND_TRANSLATION;

	if (access == ACCESS_WRITE)
		code |= ESR_WRITE;
	return code | (uint64_t)(access == ACCESS_EXEC ? EC_FETCH : EC_DATA) << EC_SHIFT;
}
