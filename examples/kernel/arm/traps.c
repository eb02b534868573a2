/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts of the demo kernel on ARMv7.
 *
 * Theory of operation
 * Provoked     aborts at the marks of probe.h go on there.
 * User mode    whatever it raises ends it.
 * All others   print the registers and leave the machine with a failure. */
#include "../console.h"
#include "../probe.h"
#include "gic.h"

/* As trap.S numbers them. */
enum { VECTOR_CALL = 2, VECTOR_FETCH = 3, VECTOR_DATA = 4, VECTOR_IRQ = 6 };
enum { MODE_MASK = 0x1f, MODE_USER = 0x10, PSR_THREAD = 0x13, MPIDR_AFFINITY = 0xffffff };

/* Fault status, long descriptors: what kind of fault without the level, and write. CODE_FETCH is ours. */
enum { FSR_WRITE = 0x800, FSR_KIND = 0x3c, KIND_TRANSLATION = 0x04, KIND_PERMISSION = 0x0c,
       CODE_FETCH = 0x10000 };

/* What trap.S stores, lowest address first. */
struct trap_frame {
	uint32_t r[13], lr, pc, psr;
};

extern const char trap_vectors[], user_left[];
void trap_handle(struct trap_frame *f, uint32_t vector);

void machine_cpu_init(struct cpu *me)
{
	uint32_t mpidr;

	__asm__ volatile("mrc p15, 0, %0, c0, c0, 5" : "=r"(mpidr));
	me->id = mpidr & MPIDR_AFFINITY;
	__asm__ volatile("mcr p15, 0, %0, c13, c0, 4" : : "r"(me) : "memory");
	__asm__ volatile("mcr p15, 0, %0, c12, c0, 0; isb" : : "r"(trap_vectors) : "memory");
	gic_cpu_init();
}

/* What the CPU tells of an abort. */
static struct fault abort_of(uint32_t vector)
{
	uint32_t status, address, code;

	if (vector == VECTOR_FETCH) {
		__asm__ volatile("mrc p15, 0, %0, c5, c0, 1" : "=r"(status));
		__asm__ volatile("mrc p15, 0, %0, c6, c0, 2" : "=r"(address));
		code = (status & FSR_KIND) | CODE_FETCH;
	} else {
		__asm__ volatile("mrc p15, 0, %0, c5, c0, 0" : "=r"(status));
		__asm__ volatile("mrc p15, 0, %0, c6, c0, 0" : "=r"(address));
		code = status & (FSR_KIND | FSR_WRITE);
	}
	return (struct fault){ .taken = true, .va = address, .code = code };
}

static bool is_abort(uint32_t vector)
{
	return vector == VECTOR_FETCH || vector == VECTOR_DATA;
}

/* Was this abort provoked? Then note it and let the frame return to the fixup. */
static bool abort_expected(struct trap_frame *f, uint32_t vector)
{
	struct fault met = abort_of(vector);
	uintptr_t to = probe_faulted(vector == VECTOR_FETCH ? f->lr : f->pc, met.va, met.code);

	if (to)
		f->pc = to;
	return to != 0;
}

/* User code ends with a supervisor call, or with an abort. */
static bool user_trapped(struct trap_frame *f, uint32_t vector)
{
	struct fault met = { 0 };

	if ((f->psr & MODE_MASK) != MODE_USER || !machine_cpu()->user_sp ||
	    (!is_abort(vector) && vector != VECTOR_CALL))
		return false;
	if (is_abort(vector))
		met = abort_of(vector);
	met.value = (uint8_t)f->r[0];
	f->pc = (uint32_t)user_left;
	f->psr = PSR_THREAD;
	probe_user_trapped(met);
	return true;
}

static noreturn void trap_die(const struct trap_frame *f, uint32_t vector)
{
	struct fault met = abort_of(vector);

	kprintf("\nCPU %u: unexpected exception %u, status %#lx, address %#lx\n", machine_cpu()->number, vector,
		(unsigned long)met.code, (unsigned long)met.va);
	kprintf("pc  %08x  psr %08x  lr  %08x\n", f->pc, f->psr, f->lr);
	for (unsigned i = 0; i < 13; i++)
		kprintf("r%-2u %08x%s", i, f->r[i], i % 4 == 3 || i == 12 ? "\n" : "  ");
	machine_exit(false);
}

void trap_handle(struct trap_frame *f, uint32_t vector)
{
	if (vector == VECTOR_IRQ)
		gic_handle();
	else if (!user_trapped(f, vector) && !(is_abort(vector) && abort_expected(f, vector)))
		trap_die(f, vector);
}

uint64_t machine_fault_code(enum access access, bool mapped)
{
	uint64_t code = mapped ? KIND_PERMISSION : KIND_TRANSLATION;

	if (access == ACCESS_EXEC)
		return code | CODE_FETCH;
	return access == ACCESS_WRITE ? code | FSR_WRITE : code;
}
